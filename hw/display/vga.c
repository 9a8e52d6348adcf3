/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/display/vga.h"

#include <string.h>

#include "core/timer.h"
#include "hw/display/vga_screen.h"

enum { STATUS1_DISPLAY_OFF = 0x01, STATUS1_V_RETRACE = 0x08 };

/* Bits that a register keeps; what software reads back elsewhere is 0. */
static const uint8_t seq_mask[SEQ_COUNT] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff };
static const uint8_t gfx_mask[GFX_COUNT] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };

/*
 * Where the beam is: counted from the time of a frame, as the CRTC's totals, its retrace and the clock make it. While
 * they make no picture (before the BIOS has set a mode), and for VBE modes, whose timing nobody programs: 60 Hz.
 */
static uint8_t status1(const Vga *v)
{
    const uint8_t *c = v->crtc;
    unsigned overflow = c[CRTC_OVERFLOW];
    unsigned columns = c[CRTC_H_TOTAL] + 5, shown = c[CRTC_H_DISPLAY_END] + 1;
    unsigned lines = (c[CRTC_V_TOTAL] | (overflow & 0x01) << 8 | (overflow & 0x20) << 4) + 2;
    unsigned displayed = vga_display_lines(v);
    unsigned retrace = c[CRTC_V_RETRACE_START] | (overflow & 0x04) << 6 | (overflow & 0x80) << 2;
    unsigned retrace_lines = ((c[CRTC_V_RETRACE_END] & 0x0f) - retrace) & 0x0f;
    unsigned clock_hz = (v->misc & MISC_CLOCK) == MISC_CLOCK_28 ? 28322000 : 25175000;
    unsigned dots = v->seq[SEQ_CLOCK_MODE] & SEQ_CLOCK_MODE_8_DOTS ? 8 : 9;
    clock_hz >>= (v->seq[SEQ_CLOCK_MODE] & SEQ_CLOCK_MODE_HALF_CLOCK) != 0;

    int64_t line_ns = (int64_t)columns * dots * NS_PER_S / clock_hz;
    if (vga_vbe_on(v) || lines < 100 || displayed >= lines || retrace >= lines || shown >= columns) {
        lines = 525;
        displayed = retrace = 480;
        retrace_lines = 15;
        columns = 100;
        shown = 80;
        line_ns = NS_PER_S / 60 / lines;
    }
    int64_t in_frame = clock_ns(CLOCK_VIRTUAL) % (line_ns * lines), line = in_frame / line_ns;
    uint8_t value = 0;
    if (line >= retrace && line < retrace + (retrace_lines ? retrace_lines : 16)) {
        value |= STATUS1_V_RETRACE | STATUS1_DISPLAY_OFF;
    }
    if (line >= displayed || in_frame % line_ns * columns >= line_ns * shown) {
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
        return 0;                               /* switch sense, retrace interrupt: neither is there */
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
        return status1(v);
    default:
        return 0;
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
            vga_vbe_force(v);
        }
        return;
    }
    v->crtc[v->crtc_index] = value;
    vga_vbe_force(v);
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
        vga_vbe_force(v);
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
        vga_vbe_force(v);
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
    const VgaPorts *p = opaque;
    return vga_port_read(p->vga, p->first + offset);
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const VgaPorts *p = opaque;
    vga_port_write(p->vga, p->first + offset, value);
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
    .read = window_read, .write = window_write, .valid = { .min = 1, .max = 8, .unaligned = true },
    .impl = { .min = 1, .max = 1 },
};
static const MemoryOps ports_ops = { .read = ports_read, .write = ports_write, .impl = { .min = 1, .max = 1 } };
/* Index and data are 16-bit registers; data is both at the adjacent port (0x1cf) and at an even one (0x1d0). */
static const MemoryOps vbe_ports_ops = {
    .read = vbe_ports_read, .write = vbe_ports_write, .valid = { .min = 2, .max = 2, .unaligned = true },
    .impl = { .min = 2, .max = 2, .unaligned = true },
};

bool vga_init(Vga *v, Object *owner, uint32_t vram_bytes, GError **err)
{
    v->vram_bytes = vram_bytes;
    if (!memory_region_init_ram(&v->vram_region, owner, "vga.vram", vram_bytes, err)) {
        return false;
    }
    v->vram = memory_region_ram_ptr(&v->vram_region);
    memory_region_set_log(&v->vram_region, true, DIRTY_VGA);
    v->screen = vga_screen_new(v, owner);
    return true;
}

void vga_destroy(Vga *v)
{
    vga_screen_free(v->screen);
    v->screen = NULL;
}

void vga_map_legacy(Vga *v, Object *owner, MemoryRegion *memory, MemoryRegion *io)
{
    memory_region_init_io(&v->window, owner, &window_ops, v, "vga-lowmem", 0x20000);
    static const struct { uint16_t first, count; } ports[VGA_PORT_RANGES] = {   /* 0x3bc is a parallel port's */
        { 0x3b4, 2 }, { 0x3ba, 1 }, { 0x3c0, 16 }, { 0x3d4, 2 }, { 0x3da, 1 },
    };
    memory_region_init_io(&v->vbe_ports, owner, &vbe_ports_ops, v, "vbe", 4);
    memory_region_add_overlap(memory, 0xa0000, &v->window, 1);
    for (unsigned i = 0; i < VGA_PORT_RANGES; i++) {
        VgaPorts *p = &v->ports[i];
        *p = (VgaPorts){ .vga = v, .first = ports[i].first };
        memory_region_init_io(&p->region, owner, &ports_ops, p, "vga", ports[i].count);
        memory_region_add(io, p->first, &p->region);
    }
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
    v->big_endian = false;
    v->vbe_index = 0;
    v->vbe[VBE_ID] = VBE_ID5;
}

bool vga_state_valid(const Vga *v)
{
    return v->seq_index < SEQ_COUNT && v->gfx_index < GFX_COUNT && v->dac_sub_index < 3 &&
           v->bank_offset < v->vram_bytes && vga_vbe_valid(v);
}

const StateField vga_state[] = {
    STATE_U8(Vga, seq_index), STATE_U8_ARRAY(Vga, seq), STATE_U8(Vga, gfx_index), STATE_U8_ARRAY(Vga, gfx),
    STATE_U8(Vga, crtc_index), STATE_U8_ARRAY(Vga, crtc), STATE_U8(Vga, attr_index), STATE_U8_ARRAY(Vga, attr),
    STATE_BOOL(Vga, attr_expects_data), STATE_U8(Vga, misc), STATE_U8(Vga, feature), STATE_U8(Vga, dac_mask),
    STATE_U8(Vga, dac_read_index), STATE_U8(Vga, dac_write_index), STATE_U8(Vga, dac_sub_index), STATE_U8(Vga, dac_state),
    STATE_U8_ARRAY(Vga, dac_cache), STATE_U8_ARRAY(Vga, palette), STATE_U32(Vga, latch), STATE_U16(Vga, vbe_index),
    STATE_U16_ARRAY(Vga, vbe), STATE_U32(Vga, bank_offset),
    STATE_BOOL(Vga, big_endian), { }
};
