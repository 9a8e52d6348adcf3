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

/* Offset in the 64 or 32 KiB that the map select shows, or -1 outside of it. */
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

static uint32_t *vram_word(Vga *v, uint64_t offset)
{
    return (uint32_t *)(v->vram + (offset * 4 & (v->vram_bytes - 1)));
}

uint8_t vga_mem_read(Vga *v, uint32_t addr)
{
    int64_t offset = window_offset(v, addr);
    if (offset < 0) {
        return 0xff;
    }
    if (v->seq[SEQ_MEMORY_MODE] & SEQ_MEMORY_MODE_CHAIN4) {
        return v->vram[offset & (v->vram_bytes - 1)];
    }
    if (v->gfx[GFX_MODE] & 0x10) {              /* odd/even: address bit 0 chooses within a pair of planes */
        unsigned plane = (v->gfx[GFX_READ_MAP] & 2) | (offset & 1);
        return v->vram[((offset & ~1ull) * 2 | plane) & (v->vram_bytes - 1)];
    }
    v->latch = *vram_word(v, offset);
    if (!(v->gfx[GFX_MODE] & 0x08)) {
        return v->latch >> (v->gfx[GFX_READ_MAP] & 3) * 8;
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
    if (v->seq[SEQ_MEMORY_MODE] & SEQ_MEMORY_MODE_CHAIN4) {
        if (v->seq[SEQ_MAP_MASK] >> (offset & 3) & 1) {
            v->vram[offset & (v->vram_bytes - 1)] = value;
            ram_mark_dirty(v->vram_region.ram, offset & (v->vram_bytes - 1), 1);
        }
        return;
    }
    if (!(v->seq[SEQ_MEMORY_MODE] & SEQ_MEMORY_MODE_ODD_EVEN_OFF)) {
        unsigned plane = offset & 1;
        uint64_t base = (offset & ~1ull) * 2 & (v->vram_bytes - 1);
        for (unsigned p = plane; p < 4; p += 2) {
            if (v->seq[SEQ_MAP_MASK] >> p & 1) {
                v->vram[base | p] = value;
                ram_mark_dirty(v->vram_region.ram, base | p, 1);
            }
        }
        return;
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
    uint32_t *word = vram_word(v, offset), planes = plane_mask(v->seq[SEQ_MAP_MASK]);
    *word = (*word & ~planes) | (data & planes);
    ram_mark_dirty(v->vram_region.ram, (uint8_t *)word - v->vram, 4);
}
