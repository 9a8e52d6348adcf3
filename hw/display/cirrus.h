/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cirrus Logic CL-GD5446: what the parts of the card share. cirrus.c: registers, memory windows, screen, the PCI card;
 * cirrus_isa.c: the ISA card; cirrus_blt.c: the BitBLT engine.
 * Spec: Cirrus Logic CL-GD5446 Technical Reference Manual; numbers in brackets are register indices.
 */
#ifndef HW_DISPLAY_CIRRUS_H
#define HW_DISPLAY_CIRRUS_H

#include "core/device.h"
#include "hw/display/vga.h"

/* Graphics controller registers of the engine, and two of the VGA's that have 8 bits here. */
enum {
    GR_BG0 = 0x00, GR_FG0 = 0x01, GR_OFFSET_0 = 0x09, GR_OFFSET_1 = 0x0a, GR_EXTENSIONS = 0x0b,
    GR_BG1 = 0x10, GR_FG1 = 0x11, GR_BG2 = 0x12, GR_FG2 = 0x13, GR_BG3 = 0x14, GR_FG3 = 0x15,
    GR_WIDTH = 0x20, GR_HEIGHT = 0x22, GR_DST_PITCH = 0x24,
    GR_SRC_PITCH = 0x26, GR_DST_ADDR = 0x28, GR_SRC_ADDR = 0x2c, GR_SKIP = 0x2f, GR_BLT_MODE = 0x30,
    GR_BLT_STATUS = 0x31, GR_BLT_ROP = 0x32, GR_BLT_EXT = 0x33, GR_KEY = 0x34, CIRRUS_GR_COUNT = 0x40
};
enum {
    BLT_MODE_BACKWARDS = 0x01, BLT_MODE_TO_SYSTEM = 0x02, BLT_MODE_FROM_SYSTEM = 0x04, BLT_MODE_KEYED = 0x08,
    BLT_MODE_PATTERN = 0x40, BLT_MODE_EXPAND = 0x80,
    BLT_STATUS_BUSY = 0x01, BLT_STATUS_START = 0x02, BLT_STATUS_RESET = 0x04, BLT_STATUS_FIFO = 0x08,
    BLT_STATUS_AUTOSTART = 0x80, BLT_EXT_DWORDS = 0x01, BLT_EXT_INVERT = 0x02, BLT_EXT_SOLID = 0x04
};
#define CIRRUS_LINE_BYTES 8192                  /* of a source that the CPU writes */

/* The chip, whatever bus it is on. */
typedef struct Cirrus {
    Vga vga;
    VgaPorts ports[VGA_PORT_RANGES];            /* in place of the core's */
    MemoryRegion low_window;
    MemoryRegion *linear_ram;                   /* of the card: memory as it is, over its slow view; NULL: none */
    uint32_t vgamem_mb;
    bool blitter;
    uint8_t sr[0x20], gr[CIRRUS_GR_COUNT], cr_ext[0x20];        /* what the core does not have; cr_ext from 0x20 on */
    uint8_t id;                                 /* CR[27] */
    uint8_t hidden_dac, hidden_dac_reads;
    uint8_t extra_palette[48];                  /* cursor colours: entries 0 and 15 */
    uint16_t cursor_x, cursor_y;
    /* A blit whose source the CPU writes: */
    uint32_t source_left, source_line, source_have;     /* bytes to come, a line has, of the line are there */
    uint32_t dst_addr;                          /* where the next line goes */
    uint8_t source[CIRRUS_LINE_BYTES];
} Cirrus;

#define CIRRUS_PROPERTIES(S, f) \
    PROP_UINT32("vgamem_mb", S, f.vgamem_mb, 4, "video memory in MiB: 4, 8 or 16"), \
    PROP_BOOL("blitter", S, f.blitter, true, "the BitBLT engine works")
extern const StateField cirrus_state[];         /* for STATE_STRUCT */

/** cirrus_init: video memory, the ports and the window at 0xa0000 in @memory and @io, as parts of @owner. */
bool cirrus_init(Cirrus *s, Device *owner, MemoryRegion *memory, MemoryRegion *io, GError **err);
/* What the BIOS finds: which chip, how it is attached, how much memory it has. */
typedef struct CirrusStraps { uint8_t id, dram, memory, config, clock, gr18; } CirrusStraps;
void cirrus_reset(Cirrus *s, const CirrusStraps *straps);
bool cirrus_loaded(Cirrus *s, GError **err);

/* cirrus_blt.c */
void cirrus_blt_start(Cirrus *s);
void cirrus_blt_reset(Cirrus *s);
void cirrus_blt_feed(Cirrus *s, uint8_t byte);          /* while source_left */
static inline bool cirrus_blt_waits(const Cirrus *s) { return s->source_left; }

#endif
