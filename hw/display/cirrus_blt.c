/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BitBLT engine of the CL-GD5446: copies rectangles within video memory or from the CPU, by a raster operation of
 * source and destination, with monochrome sources made colours (expand), 8 by 8 patterns, and a colour that is left out
 * (keyed).
 *
 * START written -> cirrus_blt_start() -> source in video memory: all lines at once
 *                                     -> from the CPU: cirrus_blt_feed() collects a line, draws it, until all came
 *
 * Every address is masked to video memory, so no size or pitch that a guest programs reaches outside of it.
 * Spec: CL-GD5446 Technical Reference Manual, chapter "BitBLT engine".
 */
#include <string.h>

#include "hw/display/cirrus.h"

typedef struct Blit {
    Cirrus *s;
    uint8_t *vram;
    uint32_t mask;                              /* of addresses */
    uint32_t width, height, dst_pitch, src_pitch, dst, src;     /* width in bytes */
    uint8_t mode, ext, rop, skip;
    unsigned pixel;                             /* bytes */
    uint32_t fg, bg, key;
} Blit;

static uint8_t raster(uint8_t rop, uint8_t s, uint8_t d)
{
    switch (rop) {
    case 0x00: return 0;
    case 0x05: return s & d;
    case 0x06: return d;
    case 0x09: return s & ~d;
    case 0x0b: return ~d;
    case 0x0d: return s;
    case 0x0e: return 0xff;
    case 0x50: return ~s & d;
    case 0x59: return s ^ d;
    case 0x6d: return s | d;
    case 0x90: return ~s | ~d;
    case 0x95: return ~(s ^ d);
    case 0xad: return s | ~d;
    case 0xd0: return ~s;
    case 0xd6: return ~s | d;
    case 0xda: return ~s & ~d;
    default:   return d;                        /* not an operation of this chip */
    }
}

static uint32_t gr16(const Cirrus *s, unsigned index, uint8_t high_mask)
{
    return s->gr[index] | (s->gr[index + 1] & high_mask) << 8;
}

static Blit blit_get(Cirrus *s)
{
    const uint8_t *g = s->gr;
    return (Blit){
        .s = s, .vram = s->vga.vram, .mask = s->vga.vram_bytes - 1,
        .width = gr16(s, GR_WIDTH, 0x1f) + 1, .height = gr16(s, GR_HEIGHT, 0x1f) + 1,
        .dst_pitch = gr16(s, GR_DST_PITCH, 0x1f), .src_pitch = gr16(s, GR_SRC_PITCH, 0x1f),
        .dst = gr16(s, GR_DST_ADDR, 0xff) | (g[GR_DST_ADDR + 2] & 0x3f) << 16,
        .src = gr16(s, GR_SRC_ADDR, 0xff) | (g[GR_SRC_ADDR + 2] & 0x3f) << 16,
        .mode = g[GR_BLT_MODE], .ext = g[GR_BLT_EXT], .rop = g[GR_BLT_ROP], .skip = g[GR_SKIP],
        .pixel = (g[GR_BLT_MODE] >> 4 & 3) + 1,
        .fg = g[GR_FG0] | g[GR_FG1] << 8 | g[GR_FG2] << 16 | (uint32_t)g[GR_FG3] << 24,
        .bg = g[GR_BG0] | g[GR_BG1] << 8 | g[GR_BG2] << 16 | (uint32_t)g[GR_BG3] << 24,
        .key = g[GR_KEY] | g[GR_KEY + 1] << 8,
    };
}

static void put_byte(const Blit *b, uint32_t at, uint8_t source)
{
    uint8_t *d = &b->vram[at & b->mask];
    *d = raster(b->rop, source, *d);
}

/* Pixels of 16 and 32 bits lie at multiples of their size. */
static uint32_t aligned(const Blit *b, uint32_t at)
{
    return b->pixel == 3 ? at : at & ~(b->pixel - 1);
}

/* A pixel of @b->pixel bytes, the lowest first. */
static void put_pixel(const Blit *b, uint32_t at, uint32_t color)
{
    at = aligned(b, at);
    for (unsigned i = 0; i < b->pixel; i++) {
        put_byte(b, at + i, color >> i * 8);
    }
}

/* As a copy, but results equal to the key colour are not stored. Only 8 and 16 bits have that. */
static void put_keyed(const Blit *b, uint32_t at, uint32_t source)
{
    uint32_t result = 0;
    at = aligned(b, at);
    for (unsigned i = 0; i < b->pixel; i++) {
        result |= raster(b->rop, source >> i * 8, b->vram[(at + i) & b->mask]) << i * 8;
    }
    if (result != (b->pixel == 1 ? b->key & 0xff : b->key)) {
        for (unsigned i = 0; i < b->pixel; i++) {
            b->vram[(at + i) & b->mask] = result >> i * 8;
        }
    }
}

/* Where a line's bytes come from: video memory, or what the CPU wrote. */
typedef struct Source { const Blit *b; const uint8_t *bytes; uint32_t at; } Source;

static uint8_t source_byte(const Source *f, uint32_t i)
{
    return f->bytes ? f->bytes[i % CIRRUS_LINE_BYTES] : f->b->vram[(f->at + i) & f->b->mask];
}

static void copy_line(const Blit *b, uint32_t dst, const Source *from)
{
    bool keyed = b->mode & BLT_MODE_KEYED && b->pixel <= 2;
    int step = b->mode & BLT_MODE_BACKWARDS ? -1 : 1;
    unsigned unit = keyed ? b->pixel : 1;
    for (uint32_t x = 0; x + unit <= b->width; x += unit) {
        uint32_t offset = step < 0 ? -x - (unit - 1) : x, at = offset, source;
        if (!keyed) {
            put_byte(b, dst + offset, source_byte(from, offset));
            continue;
        }
        if (unit == 2 && !from->bytes) {
            at = ((from->at + offset) & ~1u) - from->at;
        }
        source = source_byte(from, at);
        if (unit == 2) {
            source |= source_byte(from, at + 1) << 8;
        }
        put_keyed(b, dst + offset, source);
    }
}

/* Left pixels that are not drawn: counted in bytes where pixels have 24 bits. */
static uint32_t skipped_bytes(const Blit *b)
{
    return b->pixel == 3 ? b->skip & 0x1f : (b->skip & 7) * b->pixel;
}

/* Bits of @from, the highest of a byte first, as foreground and background, or as foreground and nothing (keyed). */
static void expand_line(const Blit *b, uint32_t dst, const Source *from, bool pattern)
{
    uint32_t first = skipped_bytes(b);
    uint8_t invert = b->mode & BLT_MODE_KEYED && b->ext & BLT_EXT_INVERT ? 0xff : 0;
    uint32_t color = invert && b->mode & BLT_MODE_KEYED ? b->bg : b->fg;
    for (uint32_t x = first; x < b->width; x += b->pixel) {
        uint32_t n = b->pixel == 3 ? x / 3 : x / b->pixel;
        uint8_t bits = source_byte(from, pattern ? 0 : n / 8) ^ invert;
        bool set = bits >> (7 - n % 8) & 1;
        if (b->mode & BLT_MODE_KEYED) {
            if (set) {
                put_pixel(b, dst + x, color);
            }
        } else {
            put_pixel(b, dst + x, set ? b->fg : b->bg);
        }
    }
}

/* A line of an 8 by 8 pattern of colours; 24-bit patterns have lines of 32 bytes. */
static void pattern_line(const Blit *b, uint32_t dst, const uint8_t *bytes, uint32_t base, unsigned row)
{
    uint32_t line = 8 * (b->pixel == 3 ? 4 : b->pixel), first = skipped_bytes(b);
    for (uint32_t x = first; x < b->width; x += b->pixel) {
        uint32_t n = x / b->pixel % 8 * b->pixel, color = 0;
        for (unsigned i = 0; i < b->pixel; i++) {
            uint32_t at = (row & 7) * line + n + i;
            color |= (uint32_t)(bytes ? bytes[at] : b->vram[(base + at) & b->mask]) << i * 8;
        }
        put_pixel(b, dst + x, color);
    }
}

static void mark_dirty(const Blit *b)
{
    int64_t span = (int64_t)b->dst_pitch * (b->height - 1) + b->width, first = b->dst;
    if (b->mode & BLT_MODE_BACKWARDS) {
        first -= span - 1;
    }
    if (first < 0 || first + span > (int64_t)b->mask + 1) {
        first = 0;
        span = (int64_t)b->mask + 1;
    }
    ram_mark_dirty(b->s->vga.vram_region.ram, first, span);
}

void cirrus_blt_reset(Cirrus *s)
{
    s->gr[GR_BLT_STATUS] &= ~(BLT_STATUS_START | BLT_STATUS_BUSY | BLT_STATUS_FIFO);
    s->source_left = s->source_line = s->source_have = 0;
}

static void run_in_memory(Blit *b)
{
    const uint8_t fill = BLT_MODE_PATTERN | BLT_MODE_EXPAND;
    bool solid = b->ext & BLT_EXT_SOLID && (b->mode & (fill | BLT_MODE_KEYED | BLT_MODE_TO_SYSTEM)) == fill;
    int32_t direction = b->mode & BLT_MODE_BACKWARDS ? -1 : 1;
    uint32_t pattern_bytes = 64 * (b->pixel == 3 ? 4 : b->pixel);
    for (uint32_t y = 0; y < b->height; y++) {
        uint32_t dst = b->dst + direction * (int32_t)(y * b->dst_pitch);
        Source from = { b, NULL, b->src + direction * (int32_t)(y * b->src_pitch) };
        if (solid) {
            for (uint32_t x = 0; x < b->width; x += b->pixel) {
                put_pixel(b, dst + x, b->fg);
            }
        } else if ((b->mode & fill) == fill) {
            from.at = (b->src & ~7u) + (y & 7);
            expand_line(b, dst, &from, true);
        } else if (b->mode & BLT_MODE_EXPAND) {
            uint32_t pixels = b->width / b->pixel;
            from.at = b->src + y * ((pixels + 7) / 8);
            expand_line(b, dst, &from, false);
        } else if (b->mode & BLT_MODE_PATTERN) {
            pattern_line(b, dst, NULL, b->src & ~(pattern_bytes - 1), y);
        } else {
            copy_line(b, dst, &from);
        }
    }
}

/* Bytes of a line that the CPU sends. */
static uint32_t source_line_bytes(const Blit *b)
{
    uint32_t pixels = b->width / b->pixel;
    if (b->mode & BLT_MODE_PATTERN) {
        return b->mode & BLT_MODE_EXPAND ? 8 : 8 * 8 * (b->pixel == 3 ? 4 : b->pixel);
    }
    if (b->mode & BLT_MODE_EXPAND) {
        return b->ext & BLT_EXT_DWORDS ? (pixels + 31) / 32 * 4 : (pixels + 7) / 8;
    }
    return (b->width + 3) & ~3u;
}

void cirrus_blt_start(Cirrus *s)
{
    Blit b = blit_get(s);
    s->gr[GR_BLT_STATUS] |= BLT_STATUS_BUSY;
    if (b.mode & BLT_MODE_TO_SYSTEM) {          /* nobody uses it; nothing is sent */
        cirrus_blt_reset(s);
    } else if (b.mode & BLT_MODE_FROM_SYSTEM) {
        s->source_line = source_line_bytes(&b);
        s->source_have = 0;
        s->dst_addr = b.dst;
        if (s->source_line == 0 || s->source_line > CIRRUS_LINE_BYTES) {
            cirrus_blt_reset(s);
        } else {
            s->source_left = b.mode & BLT_MODE_PATTERN ? s->source_line : s->source_line * b.height;
        }
    } else {
        run_in_memory(&b);
        mark_dirty(&b);
        cirrus_blt_reset(s);
    }
}

void cirrus_blt_feed(Cirrus *s, uint8_t byte)
{
    s->source[s->source_have++] = byte;
    s->source_left--;
    if (s->source_have < s->source_line) {
        return;
    }
    Blit b = blit_get(s);
    Source from = { &b, s->source, 0 };
    s->source_have = 0;
    b.mode &= ~BLT_MODE_BACKWARDS;
    if (b.mode & BLT_MODE_PATTERN) {            /* all of it is here */
        for (uint32_t y = 0; y < b.height; y++) {
            if (b.mode & BLT_MODE_EXPAND) {
                from.bytes = s->source + (y & 7);
                expand_line(&b, b.dst + y * b.dst_pitch, &from, true);
            } else {
                pattern_line(&b, b.dst + y * b.dst_pitch, s->source, 0, y);
            }
        }
    } else if (b.mode & BLT_MODE_EXPAND) {
        expand_line(&b, s->dst_addr, &from, false);
    } else {
        copy_line(&b, s->dst_addr, &from);
    }
    s->dst_addr += b.dst_pitch;
    mark_dirty(&b);
    if (!s->source_left) {
        cirrus_blt_reset(s);
    }
}
