/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cirrus Logic CL-GD5446 on PCI (1013:00b8): a VGA with packed modes of 8 to 32 bits, a hardware cursor and a BitBLT
 * engine.
 *
 *   ports 0x3bx-0x3dx -> what the chip adds or changes here, all else the VGA core
 *   0xa0000           -> VGA window, or in extended modes two banks, or registers of the engine (0xb8000)
 *   BAR 0             -> lower half: video memory as it is, or through the 8- and 16-byte write modes; upper half, and
 *                        any window while a blit waits for it: source data of the engine
 *   BAR 1             -> ports at 0, registers of the engine at 0x100
 *
 * Spec: Cirrus Logic CL-GD5446 Technical Reference Manual; numbers in brackets are register indices.
 */
#include "hw/display/cirrus.h"

#include <string.h>

#include "hw/display/vga_screen.h"
#include "hw/pci/pci.h"

enum {
    SR_UNLOCK = 0x06, SR_MODE = 0x07, SR_DRAM = 0x0f, SR_CURSOR_X = 0x10, SR_CURSOR_Y = 0x11, SR_CURSOR_ATTR = 0x12,
    SR_CURSOR_ADDR = 0x13, SR_MEMORY = 0x15, SR_CONFIG = 0x17, SR_CLOCK = 0x1f,
    SR_MODE_PACKED = 0x01, SR_CURSOR_ON = 0x01, SR_CURSOR_DAC = 0x02, SR_CURSOR_LARGE = 0x04,
    SR_CONFIG_MMIO = 0x04, SR_CONFIG_MMIO_LINEAR = 0x40, SR_CONFIG_MMIO_MASK = 0x44
};
enum {
    EXT_TWO_BANKS = 0x01, EXT_BY8 = 0x02, EXT_WRITE_MODES = 0x04, EXT_16_BIT = 0x10, EXT_16K_BANKS = 0x20,
    EXT_BY16 = EXT_16_BIT | EXT_WRITE_MODES
};
enum { CR_LATCH = 0x22, CR_ATTR_STATE = 0x24, CR_PART = 0x25, CR_ATTR_INDEX = 0x26, CR_ID = 0x27, CHIP_5446 = 0xb8 };
enum {
    BAR0_BYTES = 32 << 20, BAR0_BLT = 16 << 20, MMIO_BYTES = 4096, MMIO_BLT = 0x100, MMIO_BLT_BYTES = 0x100,
    CURSORS_BYTES = 0x4000                      /* of patterns, at the end of video memory */
};

/* Engine registers as memory: graphics controller index by offset; 0xff: none. */
static const uint8_t mmio_index[0x41] = {
    [0x00] = 0x00, 0x10, 0x12, 0x14, 0x01, 0x11, 0x13, 0x15, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27,
    [0x10] = 0x28, 0x29, 0x2a, 0xff, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0xff, 0x32, 0x33, 0x34, 0x35, 0xff, 0xff,
    [0x20 ... 0x3f] = 0xff, [0x40] = 0x31,
};

/* Bits that graphics controller registers keep; beyond the VGA's. */
static const uint8_t gr_mask[CIRRUS_GR_COUNT] = {
    [0x00 ... 0x01] = 0xff, [0x09 ... 0x0b] = 0xff, [0x10 ... 0x15] = 0xff,
    [0x20] = 0xff, 0x1f, 0xff, 0x1f, 0xff, 0x1f, 0xff, 0x1f,
    0xff, 0xff, 0x3f, 0x00, 0xff, 0xff, 0x3f, 0xff, 0xff, 0x00, 0xff, 0xff, 0xff, 0xff,
};

static bool packed(const Cirrus *s)
{
    return s->sr[SR_MODE] & SR_MODE_PACKED;
}

/* Registers */

static void memory_changed(Cirrus *s);

static void gr_write(Cirrus *s, unsigned index, uint8_t value)
{
    if (index == GR_BLT_STATUS) {
        uint8_t old = s->gr[index];
        s->gr[index] = value;
        if (old & BLT_STATUS_RESET && !(value & BLT_STATUS_RESET)) {
            cirrus_blt_reset(s);
        } else if (!(old & BLT_STATUS_START) && value & BLT_STATUS_START && s->blitter) {
            cirrus_blt_start(s);
        }
    } else if (index != 0x18) {
        s->gr[index] = value & gr_mask[index];
        if (index == GR_SRC_ADDR + 2 && s->gr[GR_BLT_STATUS] & BLT_STATUS_AUTOSTART && s->blitter) {
            cirrus_blt_start(s);
        }
    }
    memory_changed(s);
}

static bool port_is_off(const Cirrus *s, uint16_t port)
{
    uint16_t row = port & 0xff0;
    return s->vga.misc & MISC_COLOR ? row == 0x3b0 : row == 0x3d0;
}

static bool gr_is_ours(unsigned index)
{
    return index < 2 || (index >= 9 && index < 0x3a);
}

static uint8_t crtc_read(Cirrus *s)
{
    Vga *v = &s->vga;
    switch (v->crtc_index) {
    case 0x00 ... 0x1d:
        return v->crtc[v->crtc_index];
    case CR_ATTR_STATE:
        return v->attr_expects_data ? 0x80 : 0;
    case CR_LATCH:
    case CR_PART:
        return 0;
    case CR_ATTR_INDEX:
        return v->attr_index & 0x3f;
    case CR_ID:
        return s->id;
    default:
        return 0xff;
    }
}

static uint8_t port_read(Cirrus *s, uint16_t port)
{
    Vga *v = &s->vga;
    if (port_is_off(s, port)) {
        return 0xff;
    }
    if (port != 0x3c6) {
        s->hidden_dac_reads = 0;
    }
    switch (port) {
    case 0x3c5:
        return v->seq_index <= SEQ_MEMORY_MODE ? v->seq[v->seq_index] : s->sr[v->seq_index & 0x1f];
    case 0x3c6:                                 /* the fifth access in a row is another register's */
        if (++s->hidden_dac_reads == 5) {
            s->hidden_dac_reads = 0;
            return s->hidden_dac;
        }
        return 0xff;
    case 0x3c9:
        if (s->sr[SR_CURSOR_ATTR] & SR_CURSOR_DAC) {
            uint8_t value = s->extra_palette[(v->dac_read_index & 0x0f) * 3 + v->dac_sub_index];
            if (++v->dac_sub_index == 3) {
                v->dac_sub_index = 0;
                v->dac_read_index++;
            }
            return value;
        }
        return vga_port_read(v, port);
    case 0x3cf:
        return gr_is_ours(v->gfx_index) ? s->gr[v->gfx_index] : v->gfx_index < GFX_COUNT ? v->gfx[v->gfx_index] : 0xff;
    case 0x3b5:
    case 0x3d5:
        return crtc_read(s);
    default:
        return vga_port_read(v, port);
    }
}

static void sr_write(Cirrus *s, unsigned index, uint8_t value)
{
    switch (index & 0x1f) {
    case 0x05:
        return;
    case SR_UNLOCK:
        s->sr[SR_UNLOCK] = (value & 0x17) == 0x12 ? 0x12 : 0x0f;
        return;
    case SR_CURSOR_X:                           /* the index has the low bits of the position */
        s->cursor_x = value << 3 | index >> 5;
        break;
    case SR_CURSOR_Y:
        s->cursor_y = value << 3 | index >> 5;
        break;
    case SR_CONFIG:
        value = (s->sr[SR_CONFIG] & 0x38) | (value & 0xc7);
        break;
    }
    s->sr[index & 0x1f] = value;
}

static void port_write(Cirrus *s, uint16_t port, uint8_t value)
{
    Vga *v = &s->vga;
    if (port_is_off(s, port)) {
        return;
    }
    bool hidden = port == 0x3c6 && s->hidden_dac_reads == 4;
    s->hidden_dac_reads = 0;
    switch (port) {
    case 0x3c4:
        v->seq_index = value;
        break;
    case 0x3c5:
        if (v->seq_index <= SEQ_MEMORY_MODE) {
            vga_port_write(v, port, value);
        } else {
            sr_write(s, v->seq_index, value);
        }
        memory_changed(s);
        break;
    case 0x3c6:
        if (hidden) {
            s->hidden_dac = value;
        }
        break;
    case 0x3c9:
        if (s->sr[SR_CURSOR_ATTR] & SR_CURSOR_DAC) {
            v->dac_cache[v->dac_sub_index++] = value;
            if (v->dac_sub_index == 3) {
                memcpy(&s->extra_palette[(v->dac_write_index & 0x0f) * 3], v->dac_cache, 3);
                v->dac_sub_index = 0;
                v->dac_write_index++;
            }
            break;
        }
        vga_port_write(v, port, value);
        break;
    case 0x3ce:
        v->gfx_index = value;
        break;
    case 0x3cf:
        if (v->gfx_index == GFX_MODE) {         /* has two more write modes */
            v->gfx[GFX_MODE] = value & 0x7f;
            memory_changed(s);
        } else if (gr_is_ours(v->gfx_index)) {
            if (v->gfx_index < 2) {
                vga_port_write(v, port, value);
            }
            gr_write(s, v->gfx_index, value);
        } else if (v->gfx_index < GFX_COUNT) {
            vga_port_write(v, port, value);
        }
        break;
    default:
        vga_port_write(v, port, value);
    }
}

/* Memory */

/* Byte of video memory at @addr of the linear view, which in some modes shows every 8th or 16th. */
static uint32_t spread(const Cirrus *s, uint32_t addr)
{
    uint8_t ext = s->gr[GR_EXTENSIONS];
    return ((ext & EXT_BY16) == EXT_BY16 ? addr << 4 : ext & EXT_BY8 ? addr << 3 : addr) & (s->vga.vram_bytes - 1);
}

/* Eight pixels from the bits of @value: foreground, and in write mode 5 background. */
static void write_expanded(Cirrus *s, unsigned mode, uint32_t at, uint8_t value)
{
    bool wide = (s->gr[GR_EXTENSIONS] & EXT_BY16) == EXT_BY16;
    unsigned bytes = wide ? 2 : 1;
    for (unsigned i = 0; i < 8; i++) {
        bool set = value >> (7 - i) & 1;
        if (set || mode == 5) {
            uint32_t to = (at + i * bytes) & (s->vga.vram_bytes - 1);
            s->vga.vram[to] = s->gr[set ? GR_FG0 : GR_BG0];
            if (wide) {
                s->vga.vram[(to + 1) & (s->vga.vram_bytes - 1)] = s->gr[set ? GR_FG1 : GR_BG1];
            }
        }
        ram_mark_dirty(s->vga.vram_region.ram, (at + i * bytes) & (s->vga.vram_bytes - 1), 1);
    }
}

static void write_memory(Cirrus *s, uint32_t at, uint8_t value)
{
    unsigned mode = s->vga.gfx[GFX_MODE] & 7;
    if ((mode == 4 || mode == 5) && s->gr[GR_EXTENSIONS] & EXT_WRITE_MODES) {
        write_expanded(s, mode, at, value);
    } else {
        s->vga.vram[at] = value;
        ram_mark_dirty(s->vga.vram_region.ram, at, 1);
    }
}

/* Where @addr of the 64 KiB window is; -1: nowhere. */
static int64_t banked(const Cirrus *s, uint32_t addr)
{
    uint8_t ext = s->gr[GR_EXTENSIONS];
    unsigned shift = ext & EXT_16K_BANKS ? 14 : 12;
    uint32_t base = (uint32_t)s->gr[ext & EXT_TWO_BANKS && addr >= 0x8000 ? GR_OFFSET_1 : GR_OFFSET_0] << shift;
    uint64_t at = (uint64_t)base + (ext & EXT_TWO_BANKS ? addr & 0x7fff : addr);
    return at < s->vga.vram_bytes ? (int64_t)spread(s, at) : -1;
}

static uint8_t blt_register_read(Cirrus *s, uint32_t offset)
{
    uint8_t index = offset < sizeof mmio_index ? mmio_index[offset] : 0xff;
    return index == 0xff ? 0xff : s->gr[index];
}

static void blt_register_write(Cirrus *s, uint32_t offset, uint8_t value)
{
    uint8_t index = offset < sizeof mmio_index ? mmio_index[offset] : 0xff;
    if (index != 0xff) {
        gr_write(s, index, value);
    }
}

static bool low_mmio(const Cirrus *s, uint32_t addr)
{
    return addr >= 0x18000 && addr < 0x18100 && (s->sr[SR_CONFIG] & SR_CONFIG_MMIO_MASK) == SR_CONFIG_MMIO;
}

static uint64_t low_read(void *opaque, uint64_t addr, unsigned size)
{
    Cirrus *s = opaque;
    if (!packed(s)) {
        return vga_mem_read(&s->vga, addr);
    }
    if (addr < 0x10000) {
        int64_t at = banked(s, addr);
        return at < 0 ? 0xff : s->vga.vram[at];
    }
    return low_mmio(s, addr) ? blt_register_read(s, addr & 0xff) : 0xff;
}

static void low_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Cirrus *s = opaque;
    if (!packed(s)) {
        vga_mem_write(&s->vga, addr, value);
    } else if (addr < 0x10000) {
        int64_t at = banked(s, addr);
        if (cirrus_blt_waits(s)) {
            cirrus_blt_feed(s, value);
            memory_changed(s);
        } else if (at >= 0) {
            write_memory(s, at, value);
        }
    } else if (low_mmio(s, addr)) {
        blt_register_write(s, addr & 0xff, value);
    }
}

/* The last 256 bytes of the linear view, where registers may be. */
static bool linear_mmio(const Cirrus *s, uint32_t addr)
{
    uint32_t top = s->vga.vram_bytes - 256;
    return (s->sr[SR_CONFIG] & SR_CONFIG_MMIO_MASK) == SR_CONFIG_MMIO_MASK && (addr & top) == top;
}

static uint64_t linear_read(void *opaque, uint64_t addr, unsigned size)
{
    Cirrus *s = opaque;
    addr &= s->vga.vram_bytes - 1;
    return linear_mmio(s, addr) ? blt_register_read(s, addr & 0xff) : s->vga.vram[spread(s, addr)];
}

static void linear_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Cirrus *s = opaque;
    addr &= s->vga.vram_bytes - 1;
    if (linear_mmio(s, addr)) {
        blt_register_write(s, addr & 0xff, value);
    } else if (cirrus_blt_waits(s)) {
        cirrus_blt_feed(s, value);
        memory_changed(s);
    } else {
        write_memory(s, spread(s, addr), value);
    }
}

static uint64_t blt_window_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0xff;
}

static void blt_window_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Cirrus *s = opaque;
    if (cirrus_blt_waits(s)) {
        cirrus_blt_feed(s, value);
        memory_changed(s);
    }
}

/* Video memory is mapped as RAM while nothing has to be done about its bytes. */
static void memory_changed(Cirrus *s)
{
    unsigned mode = s->vga.gfx[GFX_MODE] & 7;
    uint8_t ext = s->gr[GR_EXTENSIONS];
    bool plain = !cirrus_blt_waits(s) && (s->sr[SR_CONFIG] & SR_CONFIG_MMIO_MASK) != SR_CONFIG_MMIO_MASK &&
                 (ext & EXT_BY16) != EXT_BY16 && !(ext & EXT_BY8) &&
                 !((mode == 4 || mode == 5) && ext & EXT_WRITE_MODES);
    if (s->linear_ram && plain != s->linear_ram->enabled) {
        memory_region_set_enabled(s->linear_ram, plain);
    }
}

static uint64_t mmio_read(void *opaque, uint64_t addr, unsigned size)
{
    Cirrus *s = opaque;
    return addr >= MMIO_BLT ? addr < MMIO_BLT + MMIO_BLT_BYTES ? blt_register_read(s, addr - MMIO_BLT) : 0xff
                            : addr < 0x20 ? port_read(s, 0x3c0 + addr) : 0;
}

static void mmio_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Cirrus *s = opaque;
    if (addr >= MMIO_BLT && addr < MMIO_BLT + MMIO_BLT_BYTES) {
        blt_register_write(s, addr - MMIO_BLT, value);
    } else if (addr < 0x20) {
        port_write(s, 0x3c0 + addr, value);
    }
}

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    const VgaPorts *p = opaque;
    return port_read((Cirrus *)((char *)p->vga - offsetof(Cirrus, vga)), p->first + offset);
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const VgaPorts *p = opaque;
    port_write((Cirrus *)((char *)p->vga - offsetof(Cirrus, vga)), p->first + offset, value);
}

#define BYTE_OPS(r, w) { .read = r, .write = w, .valid = { 1, 8, true }, .impl = { 1, 1 } }
static const MemoryOps low_ops = BYTE_OPS(low_read, low_write), linear_ops = BYTE_OPS(linear_read, linear_write);
static const MemoryOps blt_window_ops = BYTE_OPS(blt_window_read, blt_window_write);
static const MemoryOps mmio_ops = BYTE_OPS(mmio_read, mmio_write);
static const MemoryOps ports_ops = { .read = ports_read, .write = ports_write, .impl = { 1, 1 } };

/* Screen */

static bool linear_mode(const Vga *v, VgaLinearMode *m)
{
    const Cirrus *s = (const Cirrus *)((const char *)v - offsetof(Cirrus, vga));
    const uint8_t *c = v->crtc;
    if (!packed(s)) {
        return false;
    }
    switch (s->sr[SR_MODE] & 0x0e) {
    case 0x02:
    case 0x06:
        m->depth = (s->hidden_dac & 0x0f) == 1 ? 16 : 15;
        break;
    case 0x04:
        m->depth = 24;
        break;
    case 0x08:
        m->depth = 32;
        break;
    default:
        m->depth = 8;
    }
    m->width = (c[CRTC_H_DISPLAY_END] + 1) * 8;
    m->height = vga_display_lines(v);
    if (c[0x1a] & 0x01) {                       /* interlaced */
        m->height *= 2;
    }
    m->line_bytes = (c[CRTC_OFFSET] | (c[0x1b] & 0x10) << 4) << 3;
    m->start = (c[CRTC_START_LOW] | c[CRTC_START_HIGH] << 8 | (c[0x1b] & 0x01) << 16 | (c[0x1b] & 0x0c) << 15 |
                (c[0x1d] & 0x80) << 12) * 4;
    m->overlay[0] = s->sr[SR_CURSOR_ATTR] & (SR_CURSOR_ON | SR_CURSOR_LARGE);
    m->overlay[1] = s->cursor_x | (uint32_t)s->cursor_y << 16;
    m->overlay[2] = s->sr[SR_CURSOR_ADDR];
    m->overlay_at = v->vram_bytes - CURSORS_BYTES;
    m->overlay_bytes = CURSORS_BYTES;
    return true;
}

static uint32_t cursor_color(const Cirrus *s, unsigned entry)
{
    const uint8_t *p = &s->extra_palette[entry * 3];
    uint32_t color = 0;
    for (unsigned i = 0; i < 3; i++) {
        unsigned c = p[i] & 0x3f;
        color = color << 8 | c << 2 | (c & 1) * 3;
    }
    return color;
}

/*
 * The cursor over line @y: two bits a pixel, 32 by 32 or 64 by 64, at the end of video memory. 00: what is below, 01:
 * it inverted, 10 and 11: two colours. Of 64 by 64 each line has both planes one after the other, of 32 by 32 the
 * planes follow each other as a whole.
 */
static void overlay(const Vga *v, uint32_t *line, unsigned width, unsigned y)
{
    const Cirrus *s = (const Cirrus *)((const char *)v - offsetof(Cirrus, vga));
    unsigned attr = s->sr[SR_CURSOR_ATTR], side = attr & SR_CURSOR_LARGE ? 64 : 32, row = y - s->cursor_y;
    if (!(attr & SR_CURSOR_ON) || y < s->cursor_y || row >= side) {
        return;
    }
    const uint8_t *plane0 = v->vram + v->vram_bytes - CURSORS_BYTES, *plane1;
    if (side == 64) {
        plane0 += (s->sr[SR_CURSOR_ADDR] & 0x3c) * 256 + row * 16;
        plane1 = plane0 + 8;
    } else {
        plane0 += (s->sr[SR_CURSOR_ADDR] & 0x3f) * 256 + row * 4;
        plane1 = plane0 + 128;
    }
    uint32_t color0 = cursor_color(s, 0), color1 = cursor_color(s, 15);
    for (unsigned x = 0; x < side && s->cursor_x + x < width; x++) {
        unsigned b0 = plane0[x / 8] >> (7 - x % 8) & 1, b1 = plane1[x / 8] >> (7 - x % 8) & 1;
        uint32_t *out = &line[s->cursor_x + x];
        *out = b1 ? b0 ? color1 : color0 : b0 ? *out ^ 0xffffff : *out;
    }
}

static const VgaCard card = { .linear_mode = linear_mode, .overlay = overlay };

/* The chip as a part of a card */

bool cirrus_init(Cirrus *s, Device *dev, MemoryRegion *memory, MemoryRegion *io, GError **err)
{
    static const struct { uint16_t first, count; } ranges[VGA_PORT_RANGES] = {
        { 0x3b4, 2 }, { 0x3ba, 1 }, { 0x3c0, 16 }, { 0x3d4, 2 }, { 0x3da, 1 },
    };
    Object *owner = &dev->object;
    if (s->vgamem_mb != 4 && s->vgamem_mb != 8 && s->vgamem_mb != 16) {
        return error_set(err, "%s: vgamem_mb is 4, 8 or 16, not %u", owner->type->name, s->vgamem_mb);
    }
    s->vga.card = &card;
    if (!vga_init(&s->vga, owner, s->vgamem_mb << 20, err)) {
        return false;
    }
    for (unsigned i = 0; i < VGA_PORT_RANGES; i++) {
        VgaPorts *p = &s->ports[i];
        *p = (VgaPorts){ .vga = &s->vga, .first = ranges[i].first };
        memory_region_init_io(&p->region, owner, &ports_ops, p, "cirrus-io", ranges[i].count);
        memory_region_add(io, p->first, &p->region);
    }
    memory_region_init_io(&s->low_window, owner, &low_ops, s, "cirrus-low-memory", 0x20000);
    memory_region_add_overlap(memory, 0xa0000, &s->low_window, 1);
    return true;
}

void cirrus_reset(Cirrus *s, const CirrusStraps *straps)
{
    vga_reset(&s->vga);
    cirrus_blt_reset(s);
    memset(s->sr, 0, sizeof s->sr);
    memset(s->gr, 0, sizeof s->gr);
    memset(s->extra_palette, 0, sizeof s->extra_palette);
    s->id = straps->id;
    s->sr[SR_UNLOCK] = 0x0f;
    s->sr[SR_DRAM] = straps->dram;
    s->sr[SR_MEMORY] = straps->memory;
    s->sr[SR_CONFIG] = straps->config;
    s->sr[SR_CLOCK] = straps->clock;
    s->gr[0x18] = straps->gr18;
    s->hidden_dac = 0;
    s->hidden_dac_reads = 5;                    /* the sequence begins with an access to something else */
    s->cursor_x = s->cursor_y = 0;
    s->dst_addr = 0;
    memory_changed(s);
}

bool cirrus_loaded(Cirrus *s, GError **err)
{
    bool fits = !s->source_left || (s->source_line <= CIRRUS_LINE_BYTES && s->source_have < s->source_line);
    if (s->vga.dac_sub_index >= 3 || s->vga.vbe[VBE_ENABLE] & VBE_ENABLED || s->vga.bank_offset || !fits) {
        return error_set(err, "Cirrus VGA: an index is out of range");
    }
    memory_changed(s);
    return true;
}

const StateField cirrus_state[] = {
    STATE_STRUCT(Cirrus, vga, Vga, vga_state), STATE_U8_ARRAY(Cirrus, sr), STATE_U8_ARRAY(Cirrus, gr),
    STATE_U8(Cirrus, hidden_dac), STATE_U8(Cirrus, hidden_dac_reads), STATE_U8_ARRAY(Cirrus, extra_palette),
    STATE_U16(Cirrus, cursor_x), STATE_U16(Cirrus, cursor_y), STATE_U32(Cirrus, source_left),
    STATE_U32(Cirrus, source_line), STATE_U32(Cirrus, source_have), STATE_U32(Cirrus, dst_addr),
    STATE_U8_ARRAY(Cirrus, source), { }
};

/* The PCI card */

typedef struct CirrusPci {
    PciDevice pci;
    Cirrus cirrus;
    MemoryRegion bar0, linear_io, linear_ram, blt_window, mmio;
} CirrusPci;

static bool cirrus_pci_realize(Device *dev, GError **err)
{
    CirrusPci *s = DEVICE(CirrusPci, dev);
    Cirrus *chip = &s->cirrus;
    Object *owner = &dev->object;
    PciBus *bus = pci_device_bus(&s->pci);

    if (!cirrus_init(chip, dev, bus->memory, bus->io, err)) {
        return false;
    }
    uint32_t vram_bytes = chip->vga.vram_bytes;
    memory_region_init(&s->bar0, owner, "cirrus-pci-bar0", BAR0_BYTES);
    memory_region_init_io(&s->linear_io, owner, &linear_ops, chip, "cirrus-linear-io", vram_bytes);
    memory_region_init_alias(&s->linear_ram, owner, "cirrus-linear-ram", &chip->vga.vram_region, 0, vram_bytes);
    memory_region_init_io(&s->blt_window, owner, &blt_window_ops, chip, "cirrus-bitblt", 4 << 20);
    chip->linear_ram = &s->linear_ram;
    memory_region_add(&s->bar0, 0, &s->linear_io);
    memory_region_add_overlap(&s->bar0, 0, &s->linear_ram, 1);
    memory_region_add(&s->bar0, BAR0_BLT, &s->blt_window);
    pci_register_bar(&s->pci, 0, PCI_BAR_MEM32_PREFETCH, &s->bar0);
    memory_region_init_io(&s->mmio, owner, &mmio_ops, chip, "cirrus-mmio", MMIO_BYTES);
    pci_register_bar(&s->pci, 1, PCI_BAR_MEM32, &s->mmio);
    return true;
}

static void cirrus_pci_reset(Device *dev, ResetKind kind)
{
    static const CirrusStraps gd5446 = { .id = CHIP_5446, .dram = 0x98, .memory = 0x04, .config = 0x20, .clock = 0x2d,
        .gr18 = 0x0f };                         /* 4 MiB, on PCI */
    cirrus_reset(&DEVICE(CirrusPci, dev)->cirrus, &gd5446);
}

static bool cirrus_pci_post_load(Device *dev, unsigned version, GError **err)
{
    return cirrus_loaded(&DEVICE(CirrusPci, dev)->cirrus, err);
}

static const Property cirrus_pci_properties[] = { CIRRUS_PROPERTIES(CirrusPci, cirrus), { } };
static const StateField cirrus_pci_state[] = { STATE_STRUCT(CirrusPci, cirrus, Cirrus, cirrus_state), { } };

static const PciDeviceType cirrus_pci_type = {
    .name = "cirrus-vga", .parent = &pci_device_type.type, .size = sizeof(CirrusPci), .category = CATEGORY_DISPLAY,
    .no_hotplug = true, .description = "Cirrus Logic CL-GD5446", .properties = cirrus_pci_properties,
    .state = cirrus_pci_state,
    .realize = cirrus_pci_realize, .reset = cirrus_pci_reset, .post_load = cirrus_pci_post_load,
    .vendor_id = 0x1013, .device_id = 0x00b8, .class_id = 0x0300, .romfile = "vgabios-cirrus.bin",
};
TYPE_REGISTER(cirrus_pci_type);
