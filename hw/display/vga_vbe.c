/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bochs VBE registers: linear modes of any size, without CRTC timings.
 *
 * Guest write of a size, depth or offset -> kept as it is while VBE is off; while it is on, fix() brings all of them
 * into what video memory holds. Write of ENABLE -> mode on: memory cleared, VGA registers held by vga_vbe_force().
 * Spec: Bochs VBE extensions (dispi, version 0xb0c5).
 */
#include <string.h>

#include "hw/display/vga.h"

static uint32_t line_bytes(const Vga *v, uint32_t width)
{
    return v->vbe[VBE_BPP] == 4 ? width / 2 : width * ((v->vbe[VBE_BPP] + 7) / 8);
}

uint32_t vga_vbe_line_bytes(const Vga *v)
{
    return line_bytes(v, v->vbe[VBE_VIRT_WIDTH]);
}

/* Whole words, as the CRTC's start address is. */
uint32_t vga_vbe_start(const Vga *v)
{
    return (line_bytes(v, v->vbe[VBE_X_OFFSET]) + v->vbe[VBE_Y_OFFSET] * vga_vbe_line_bytes(v)) & ~3u;
}

static void fix(Vga *v)
{
    static const uint8_t depths[] = { 4, 8, 15, 16, 24, 32 };
    uint16_t *r = v->vbe;
    if (!memchr(depths, r[VBE_BPP], sizeof depths)) {
        r[VBE_BPP] = 8;
    }
    r[VBE_XRES] = CLAMP(r[VBE_XRES] & ~7, 8, VBE_MAX_XRES);
    r[VBE_VIRT_WIDTH] = CLAMP(r[VBE_VIRT_WIDTH] & ~7, r[VBE_XRES], VBE_MAX_XRES);
    uint32_t line = vga_vbe_line_bytes(v), lines = v->vram_bytes / line;
    r[VBE_YRES] = CLAMP(r[VBE_YRES], 1, MIN(lines, VBE_MAX_YRES));
    r[VBE_VIRT_HEIGHT] = lines;
    /* An offset that would show what is behind the end of memory is dropped: first the vertical one. */
    uint64_t shown = (uint64_t)r[VBE_YRES] * line, x = line_bytes(v, r[VBE_X_OFFSET]);
    if (x + (uint64_t)r[VBE_Y_OFFSET] * line + shown > v->vram_bytes) {
        r[VBE_Y_OFFSET] = 0;
        if (x + shown > v->vram_bytes) {
            r[VBE_X_OFFSET] = 0;
        }
    }
}

bool vga_vbe_valid(const Vga *v)
{
    if (!vga_vbe_on(v)) {
        return true;
    }
    Vga fixed = { .vram_bytes = v->vram_bytes };
    memcpy(fixed.vbe, v->vbe, sizeof fixed.vbe);
    fix(&fixed);
    return !memcmp(fixed.vbe, v->vbe, sizeof fixed.vbe);
}

void vga_vbe_force(Vga *v)
{
    if (!vga_vbe_on(v)) {
        return;
    }
    uint8_t *c = v->crtc;
    unsigned last = v->vbe[VBE_YRES] - 1;
    c[CRTC_H_DISPLAY_END] = v->vbe[VBE_XRES] / 8 - 1;
    c[CRTC_V_DISPLAY_END] = last;
    c[CRTC_OVERFLOW] = (c[CRTC_OVERFLOW] & ~0x42) | (last >> 7 & 0x02) | (last >> 3 & 0x40) | 0x10;
    c[CRTC_MAX_SCAN] = (c[CRTC_MAX_SCAN] & ~0x9f) | 0x40;
    c[CRTC_LINE_COMPARE] = 0xff;
    c[CRTC_OFFSET] = vga_vbe_line_bytes(v) >> 3;
    c[CRTC_MODE] |= CRTC_MODE_NO_ROW_BIT_0 | CRTC_MODE_NO_ROW_BIT_1;
    v->gfx[GFX_MODE] = (v->gfx[GFX_MODE] & ~GFX_MODE_SHIFT) | (v->vbe[VBE_BPP] == 4 ? 0 : 0x40);
    v->gfx[GFX_MISC] = (v->gfx[GFX_MISC] & ~0x0c) | 0x04 | GFX_MISC_GRAPHICS;
}

uint8_t vga_seq(const Vga *v, unsigned index)
{
    uint8_t value = v->seq[index];
    if (vga_vbe_on(v)) {
        bool planar = v->vbe[VBE_BPP] == 4;
        switch (index) {
        case SEQ_CLOCK_MODE:
            return value & ~SEQ_CLOCK_MODE_HALF_CLOCK;
        case SEQ_MAP_MASK:
            return planar ? value : 0x0f;
        case SEQ_MEMORY_MODE:
            return planar ? value : value | SEQ_MEMORY_MODE_CHAIN4;
        }
    }
    return value;
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

static void write_enable(Vga *v, uint16_t value)
{
    bool was = vga_vbe_on(v);
    v->vbe[VBE_ENABLE] = value;
    if ((value & VBE_ENABLED) && !was) {
        v->vbe[VBE_VIRT_WIDTH] = v->vbe[VBE_X_OFFSET] = v->vbe[VBE_Y_OFFSET] = 0;
        fix(v);
        vga_vbe_force(v);
        if (!(value & VBE_NO_CLEAR)) {
            uint32_t bytes = v->vbe[VBE_YRES] * vga_vbe_line_bytes(v);
            memset(v->vram, 0, bytes);
            ram_mark_dirty(v->vram_region.ram, 0, bytes);
        }
    }
    if (!(value & VBE_ENABLED)) {
        v->bank_offset = 0;
    }
}

void vga_vbe_write(Vga *v, unsigned index, uint16_t value)
{
    switch (index) {
    case VBE_ID:
        if (value >= VBE_ID0 && value <= VBE_ID5) {
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
        if (vga_vbe_on(v)) {
            fix(v);
            vga_vbe_force(v);
        }
        break;
    case VBE_ENABLE:
        write_enable(v, value);
        break;
    case VBE_BANK:
        v->vbe[VBE_BANK] = value & (v->vram_bytes / 65536 - 1);
        v->bank_offset = v->vbe[VBE_BANK] * 65536u;
        break;
    }
}
