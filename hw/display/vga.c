/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/display/vga.h"

#include <string.h>

#include "core/log.h"
#include "core/timer.h"

enum { MISC_COLOR = 0x01 };
enum { STATUS1_DISPLAY_OFF = 0x01, STATUS1_V_RETRACE = 0x08 };
#define FRAME_NS (NS_PER_S / 60)
#define LINE_NS (FRAME_NS / 449)                /* 400 lines and their blanking, as in the text modes */
#define RETRACE_LINES 35

/* Bits that a register keeps; what software reads back elsewhere is 0. */
static const uint8_t seq_mask[SEQ_COUNT] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };
static const uint8_t gfx_mask[GFX_COUNT] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };

static uint8_t status1(void)
{
    int64_t in_frame = clock_ns(CLOCK_VIRTUAL) % FRAME_NS, line = in_frame / LINE_NS;
    uint8_t value = 0;
    if (line >= 449 - RETRACE_LINES) {
        value |= STATUS1_V_RETRACE | STATUS1_DISPLAY_OFF;
    }
    if (in_frame % LINE_NS > LINE_NS * 4 / 5) {
        value |= STATUS1_DISPLAY_OFF;
    }
    return value;
}

static bool port_is_off(const Vga *v, uint16_t port)
{
    /* CRTC and status are at 0x3bx or at 0x3dx, never both. */
    uint16_t row = port & 0xff0;
    return v->misc & MISC_COLOR ? row == 0x3b0 : row == 0x3d0;
}

uint8_t vga_port_read(Vga *v, uint16_t port)
{
    if (port_is_off(v, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0:
        return v->attr_expects_data ? 0 : v->attr_index;
    case 0x3c1:
        return (v->attr_index & 0x1f) < ATTR_COUNT ? v->attr[v->attr_index & 0x1f] : 0;
    case 0x3c2:
        return 0x10;                            /* switch sense: a colour monitor is there */
    case 0x3c4:
        return v->seq_index;
    case 0x3c5:
        return v->seq[v->seq_index];
    case 0x3c6:
        return v->dac_mask;
    case 0x3c7:
        return v->dac_state;
    case 0x3c8:
        return v->dac_write_index;
    case 0x3c9: {
        uint8_t value = v->palette[v->dac_read_index * 3 + v->dac_sub_index];
        if (++v->dac_sub_index == 3) {
            v->dac_sub_index = 0;
            v->dac_read_index++;
        }
        return value;
    }
    case 0x3ca:
        return v->feature;
    case 0x3cc:
        return v->misc;
    case 0x3ce:
        return v->gfx_index;
    case 0x3cf:
        return v->gfx[v->gfx_index];
    case 0x3b4:
    case 0x3d4:
        return v->crtc_index;
    case 0x3b5:
    case 0x3d5:
        return v->crtc[v->crtc_index];
    case 0x3ba:
    case 0x3da:
        v->attr_expects_data = false;
        return status1();
    default:
        return 0xff;
    }
}

static void attr_write(Vga *v, uint8_t value)
{
    if (!v->attr_expects_data) {
        v->attr_index = value & 0x3f;
    } else {
        unsigned index = v->attr_index & 0x1f;
        if (index < ATTR_PALETTE_COUNT) {
            v->attr[index] = value & 0x3f;
        } else if (index < ATTR_COUNT) {
            static const uint8_t masks[] = { 0xef, 0xff, 0x3f, 0x0f, 0x0f };
            v->attr[index] = value & masks[index - ATTR_MODE];
        }
    }
    v->attr_expects_data = !v->attr_expects_data;
}

static void dac_write(Vga *v, uint8_t value)
{
    v->dac_cache[v->dac_sub_index++] = value;
    if (v->dac_sub_index == 3) {
        memcpy(&v->palette[v->dac_write_index * 3], v->dac_cache, 3);
        v->dac_sub_index = 0;
        v->dac_write_index++;
    }
}

static void crtc_write(Vga *v, uint8_t value)
{
    if ((v->crtc[CRTC_V_RETRACE_END] & CRTC_PROTECT) && v->crtc_index <= CRTC_OVERFLOW) {
        if (v->crtc_index == CRTC_OVERFLOW) {   /* line compare's bit 8 stays writable */
            v->crtc[CRTC_OVERFLOW] = (v->crtc[CRTC_OVERFLOW] & ~0x10) | (value & 0x10);
        }
        return;
    }
    v->crtc[v->crtc_index] = value;
}

void vga_port_write(Vga *v, uint16_t port, uint8_t value)
{
    if (port_is_off(v, port)) {
        return;
    }
    switch (port) {
    case 0x3c0:
        attr_write(v, value);
        break;
    case 0x3c2:
        v->misc = value & ~0x10;
        break;
    case 0x3c4:
        v->seq_index = value & (SEQ_COUNT - 1);
        break;
    case 0x3c5:
        v->seq[v->seq_index] = value & seq_mask[v->seq_index];
        break;
    case 0x3c6:
        v->dac_mask = value;
        break;
    case 0x3c7:
        v->dac_read_index = value;
        v->dac_sub_index = 0;
        v->dac_state = 3;
        break;
    case 0x3c8:
        v->dac_write_index = value;
        v->dac_sub_index = 0;
        v->dac_state = 0;
        break;
    case 0x3c9:
        dac_write(v, value);
        break;
    case 0x3ce:
        v->gfx_index = value & (GFX_COUNT - 1);
        break;
    case 0x3cf:
        v->gfx[v->gfx_index] = value & gfx_mask[v->gfx_index];
        break;
    case 0x3b4:
    case 0x3d4:
        v->crtc_index = value;
        break;
    case 0x3b5:
    case 0x3d5:
        crtc_write(v, value);
        break;
    case 0x3ba:
    case 0x3da:
        v->feature = value & 0x10;
        break;
    }
}

/* Bochs VBE. */

static uint32_t vbe_line_bytes(const Vga *v, uint32_t width)
{
    return v->vbe[VBE_BPP] == 4 ? width / 2 : width * ((v->vbe[VBE_BPP] + 7) / 8);
}

/* Brings width, height and offsets into what video memory holds. */
static void vbe_fix(Vga *v)
{
    static const uint8_t depths[] = { 4, 8, 15, 16, 24, 32 };
    uint16_t *r = v->vbe;
    if (!memchr(depths, r[VBE_BPP], sizeof depths)) {
        r[VBE_BPP] = 8;
    }
    r[VBE_XRES] = CLAMP(r[VBE_XRES] & ~7, 8, VBE_MAX_XRES);
    if (r[VBE_VIRT_WIDTH] < r[VBE_XRES] || r[VBE_VIRT_WIDTH] > VBE_MAX_XRES) {
        r[VBE_VIRT_WIDTH] = r[VBE_XRES];
    }
    uint32_t line = MAX(vbe_line_bytes(v, r[VBE_VIRT_WIDTH]), 1), lines = v->vram_bytes / line;
    r[VBE_YRES] = CLAMP(r[VBE_YRES], 1, MIN(lines, VBE_MAX_YRES));
    r[VBE_VIRT_HEIGHT] = MIN(lines, UINT16_MAX);
    r[VBE_X_OFFSET] = MIN(r[VBE_X_OFFSET], r[VBE_VIRT_WIDTH] - r[VBE_XRES]);
    r[VBE_Y_OFFSET] = MIN(r[VBE_Y_OFFSET], r[VBE_VIRT_HEIGHT] - r[VBE_YRES]);
}

uint16_t vga_vbe_read(Vga *v, unsigned index)
{
    if (index >= VBE_COUNT) {
        return 0;
    }
    if (index == VBE_VIDEO_MEMORY_64K) {
        return v->vram_bytes / 65536;
    }
    if (v->vbe[VBE_ENABLE] & VBE_GET_CAPS) {
        switch (index) {
        case VBE_XRES:
            return VBE_MAX_XRES;
        case VBE_YRES:
            return VBE_MAX_YRES;
        case VBE_BPP:
            return 32;
        }
    }
    return v->vbe[index];
}

static void vbe_write_enable(Vga *v, uint16_t value)
{
    bool was = v->vbe[VBE_ENABLE] & VBE_ENABLED;
    if ((value & VBE_ENABLED) && !was) {
        v->vbe[VBE_VIRT_WIDTH] = 0;
        v->vbe[VBE_X_OFFSET] = v->vbe[VBE_Y_OFFSET] = 0;
        v->vbe[VBE_ENABLE] |= VBE_ENABLED;
        vbe_fix(v);
        if (!(value & VBE_NO_CLEAR)) {
            uint32_t bytes = MIN((uint64_t)v->vbe[VBE_YRES] * vbe_line_bytes(v, v->vbe[VBE_VIRT_WIDTH]), v->vram_bytes);
            memset(v->vram, 0, bytes);
            ram_mark_dirty(v->vram_region.ram, 0, bytes);
        }
        /* The VGA registers follow, so that the window shows linear memory. */
        v->gfx[GFX_MODE] = (v->gfx[GFX_MODE] & ~0x60) | (v->vbe[VBE_BPP] == 4 ? 0 : 0x40);
        v->gfx[GFX_MISC] = (v->gfx[GFX_MISC] & ~0x0c) | 0x05;
        if (v->vbe[VBE_BPP] != 4) {
            v->seq[SEQ_MEMORY_MODE] |= SEQ_MEMORY_MODE_CHAIN4;
            v->seq[SEQ_MAP_MASK] = 0x0f;
        }
    }
    if (!(value & VBE_ENABLED)) {
        v->bank_offset = 0;
    }
    v->vbe[VBE_ENABLE] = value & (VBE_ENABLED | VBE_GET_CAPS | VBE_8BIT_DAC | VBE_LFB | VBE_NO_CLEAR);
}

void vga_vbe_write(Vga *v, unsigned index, uint16_t value)
{
    switch (index) {
    case VBE_ID:
        if (value >= 0xb0c0 && value <= VBE_ID5) {
            v->vbe[VBE_ID] = value;
        }
        break;
    case VBE_XRES:
    case VBE_YRES:
    case VBE_BPP:
    case VBE_VIRT_WIDTH:
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET:
        v->vbe[index] = value;
        if (v->vbe[VBE_ENABLE] & VBE_ENABLED) {
            vbe_fix(v);
        }
        break;
    case VBE_ENABLE:
        vbe_write_enable(v, value);
        break;
    case VBE_BANK:
        v->vbe[VBE_BANK] = value % (v->vram_bytes / 65536);
        v->bank_offset = v->vbe[VBE_BANK] * 65536u;
        break;
    }
}

/* Guest access. */

static uint64_t window_read(void *opaque, uint64_t offset, unsigned size)
{
    return vga_mem_read(opaque, offset);
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    vga_mem_write(opaque, offset, value);
}

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    return vga_port_read(opaque, 0x3b0 + offset);
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    vga_port_write(opaque, 0x3b0 + offset, value);
}

static uint64_t vbe_ports_read(void *opaque, uint64_t offset, unsigned size)
{
    Vga *v = opaque;
    return offset ? vga_vbe_read(v, v->vbe_index) : v->vbe_index;
}

static void vbe_ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Vga *v = opaque;
    if (offset) {
        vga_vbe_write(v, v->vbe_index, value);
    } else {
        v->vbe_index = value;
    }
}

static const MemoryOps window_ops = {
    .read = window_read, .write = window_write, .valid = { .min = 1, .max = 8, .unaligned = true }, .impl = { .min = 1, .max = 1 },
};
static const MemoryOps ports_ops = { .read = ports_read, .write = ports_write, .impl = { .min = 1, .max = 1 } };
/* Index and data are 16-bit registers at adjacent byte ports (0x1ce, 0x1cf). */
static const MemoryOps vbe_ports_ops = {
    .read = vbe_ports_read, .write = vbe_ports_write, .valid = { .min = 1, .max = 2, .unaligned = true },
    .impl = { .min = 1, .max = 2, .unaligned = true },
};

bool vga_init(Vga *v, Object *owner, uint32_t vram_bytes, GError **err)
{
    v->vram_bytes = vram_bytes;
    if (!memory_region_init_ram(&v->vram_region, owner, "vga.vram", vram_bytes, err)) {
        return false;
    }
    v->vram = memory_region_ram_ptr(&v->vram_region);
    memory_region_set_log(&v->vram_region, true, DIRTY_VGA);
    return true;
}

void vga_map_legacy(Vga *v, Object *owner, MemoryRegion *memory, MemoryRegion *io)
{
    memory_region_init_io(&v->window, owner, &window_ops, v, "vga-lowmem", 0x20000);
    memory_region_init_io(&v->ports, owner, &ports_ops, v, "vga", 0x30);
    memory_region_init_io(&v->vbe_ports, owner, &vbe_ports_ops, v, "vbe", 3);
    memory_region_add_overlap(memory, 0xa0000, &v->window, 1);
    memory_region_add(io, 0x3b0, &v->ports);
    memory_region_add(io, 0x1ce, &v->vbe_ports);
}

void vga_reset(Vga *v)
{
    memset(v->seq, 0, sizeof v->seq);
    memset(v->gfx, 0, sizeof v->gfx);
    memset(v->crtc, 0, sizeof v->crtc);
    memset(v->attr, 0, sizeof v->attr);
    memset(v->palette, 0, sizeof v->palette);
    memset(v->vbe, 0, sizeof v->vbe);
    v->seq_index = v->gfx_index = v->crtc_index = v->attr_index = v->misc = v->feature = 0;
    v->attr_expects_data = false;
    v->dac_mask = 0xff;
    v->dac_read_index = v->dac_write_index = v->dac_sub_index = v->dac_state = 0;
    v->latch = v->bank_offset = 0;
    v->vbe_index = 0;
    v->vbe[VBE_ID] = VBE_ID5;
    v->gfx[GFX_BIT_MASK] = 0xff;
}

bool vga_state_valid(const Vga *v)
{
    return v->seq_index < SEQ_COUNT && v->gfx_index < GFX_COUNT && v->dac_sub_index < 3 && v->bank_offset < v->vram_bytes;
}

const StateField vga_state[] = {
    STATE_U8(Vga, seq_index), STATE_U8_ARRAY(Vga, seq), STATE_U8(Vga, gfx_index), STATE_U8_ARRAY(Vga, gfx),
    STATE_U8(Vga, crtc_index), STATE_U8_ARRAY(Vga, crtc), STATE_U8(Vga, attr_index), STATE_U8_ARRAY(Vga, attr),
    STATE_BOOL(Vga, attr_expects_data), STATE_U8(Vga, misc), STATE_U8(Vga, feature), STATE_U8(Vga, dac_mask),
    STATE_U8(Vga, dac_read_index), STATE_U8(Vga, dac_write_index), STATE_U8(Vga, dac_sub_index), STATE_U8(Vga, dac_state),
    STATE_U8_ARRAY(Vga, dac_cache), STATE_U8_ARRAY(Vga, palette), STATE_U32(Vga, latch), STATE_U16(Vga, vbe_index),
    STATE_U16_ARRAY(Vga, vbe), STATE_U32(Vga, bank_offset), { }
};
