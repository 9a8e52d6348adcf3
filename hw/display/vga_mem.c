/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VGA's memory window: read and write modes over four planes.
 * Spec: IBM PS/2 Technical Reference, VGA, "Graphics controller" and "Sequencer".
 */
#include "hw/display/vga.h"

/* 0xff in each byte whose plane bit is set. */
static uint32_t plane_mask(unsigned planes)
{
    planes &= 15;
    return (planes & 1 ? 0xff : 0) | (planes & 2 ? 0xff00 : 0) | (planes & 4 ? 0xff0000 : 0) | (planes & 8 ? 0xff000000 : 0);
}

/* Offset in what the map select shows of video memory, or -1 outside of it. */
static int64_t window_offset(const Vga *v, uint32_t addr)
{
    switch (v->gfx[GFX_MISC] >> 2 & 3) {
    case 0:
        return addr;
    case 1:
        return addr < 0x10000 ? (int64_t)addr + v->bank_offset : -1;
    case 2:
        return addr >= 0x10000 && addr < 0x18000 ? (int64_t)addr - 0x10000 : -1;
    default:
        return addr >= 0x18000 ? (int64_t)addr - 0x18000 : -1;
    }
}

/*
 * The word of the four planes that @offset means. The CRTC's way of counting is undone here, so that what it shows one
 * after the other stands side by side in `vram`: odd/even pairs in word mode, groups of four in doubleword mode.
 */
static uint32_t *vram_word(Vga *v, uint64_t offset, bool odd_even)
{
    if (v->gfx[GFX_MISC] & GFX_MISC_CHAIN_ODD_EVEN) {
        offset &= ~1ull;
    }
    if (v->crtc[CRTC_UNDERLINE] & CRTC_UNDERLINE_DWORD) {
        offset >>= 2;
    } else if (odd_even && !(v->crtc[CRTC_MODE] & CRTC_MODE_BYTE)) {
        offset >>= 1;
    }
    return offset * 4 < v->vram_bytes ? (uint32_t *)(v->vram + offset * 4) : NULL;
}

uint8_t vga_mem_read(Vga *v, uint32_t addr)
{
    int64_t offset = window_offset(v, addr);
    if (offset < 0) {
        return 0xff;
    }
    if (vga_seq(v, SEQ_MEMORY_MODE) & SEQ_MEMORY_MODE_CHAIN4) {
        return v->vram[offset & (v->vram_bytes - 1)];
    }
    bool odd_even = v->gfx[GFX_MODE] & GFX_MODE_ODD_EVEN;
    const uint32_t *word = vram_word(v, offset, odd_even);
    if (!word) {
        return 0xff;
    }
    v->latch = *word;
    if (!(v->gfx[GFX_MODE] & GFX_MODE_READ_COMPARE)) {
        unsigned plane = odd_even ? (v->gfx[GFX_READ_MAP] & 2) | (offset & 1) : v->gfx[GFX_READ_MAP] & 3;
        return v->latch >> plane * 8;
    }
    uint32_t care = plane_mask(v->gfx[GFX_COLOR_DONT_CARE]);
    uint32_t differ = (v->latch ^ plane_mask(v->gfx[GFX_COLOR_COMPARE])) & care;
    return ~(differ | differ >> 8 | differ >> 16 | differ >> 24);
}

/* @value after data rotate, spread over planes with set/reset, combined with the latch, through the bit mask. */
static uint32_t combine(const Vga *v, uint32_t data, uint8_t bit_mask)
{
    switch (v->gfx[GFX_DATA_ROTATE] >> 3 & 3) {
    case 1:
        data &= v->latch;
        break;
    case 2:
        data |= v->latch;
        break;
    case 3:
        data ^= v->latch;
        break;
    }
    uint32_t mask = bit_mask * 0x01010101u;
    return (data & mask) | (v->latch & ~mask);
}

static uint8_t rotate(const Vga *v, uint8_t value)
{
    unsigned n = v->gfx[GFX_DATA_ROTATE] & 7;
    return value >> n | value << (8 - n);
}

void vga_mem_write(Vga *v, uint32_t addr, uint8_t value)
{
    int64_t offset = window_offset(v, addr);
    if (offset < 0) {
        return;
    }
    unsigned planes = vga_seq(v, SEQ_MAP_MASK);
    if (vga_seq(v, SEQ_MEMORY_MODE) & SEQ_MEMORY_MODE_CHAIN4) {
        if (planes >> (offset & 3) & 1) {
            v->vram[offset & (v->vram_bytes - 1)] = value;
            ram_mark_dirty(v->vram_region.ram, offset & (v->vram_bytes - 1), 1);
        }
        return;
    }
    bool odd_even = !(vga_seq(v, SEQ_MEMORY_MODE) & SEQ_MEMORY_MODE_ODD_EVEN_OFF);
    uint32_t *word = vram_word(v, offset, odd_even);
    if (!word) {
        return;
    }
    if (odd_even) {                             /* address bit 0 chooses the planes of its parity */
        planes &= offset & 1 ? 0x0a : 0x05;
    }
    uint32_t data;
    uint8_t bit_mask = v->gfx[GFX_BIT_MASK];
    uint32_t set_reset = plane_mask(v->gfx[GFX_SET_RESET]);
    switch (v->gfx[GFX_MODE] & 3) {
    case 0: {
        uint32_t enable = plane_mask(v->gfx[GFX_ENABLE_SET_RESET]);
        data = combine(v, (rotate(v, value) * 0x01010101u & ~enable) | (set_reset & enable), bit_mask);
        break;
    }
    case 1:
        data = v->latch;
        break;
    case 2:
        data = combine(v, plane_mask(value), bit_mask);
        break;
    default:
        data = combine(v, set_reset, bit_mask & rotate(v, value));
    }
    uint32_t mask = plane_mask(planes);
    *word = (*word & ~mask) | (data & mask);
    ram_mark_dirty(v->vram_region.ram, (uint8_t *)word - v->vram, 4);
}
