/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA core: registers, palette, video memory access and the picture, shared by the cards that contain one.
 *
 * Guest port access -> vga_port_read/write() -> register files. Guest access to the window at 0xa0000 -> vga_mem.c ->
 * planes in `vram`. Somebody looks at the screen -> vga_screen.c -> picture, from registers and `vram`.
 * Video memory is interleaved: byte 4*n+p is plane p's byte n, so that the four planes at one address
 * are one 32-bit word; chained modes and the linear frame buffer see the same bytes in order.
 * Specs: IBM PS/2 Technical Reference, VGA; Bochs VBE extensions (dispi, version 0xb0c5).
 */
#ifndef HW_DISPLAY_VGA_H
#define HW_DISPLAY_VGA_H

#include "core/state.h"
#include "memory/memory.h"

enum {
    SEQ_RESET, SEQ_CLOCK_MODE, SEQ_MAP_MASK, SEQ_CHAR_MAP, SEQ_MEMORY_MODE, SEQ_COUNT = 8,
    SEQ_CLOCK_MODE_8_DOTS = 0x01, SEQ_CLOCK_MODE_HALF_CLOCK = 0x08,
    SEQ_MEMORY_MODE_ODD_EVEN_OFF = 0x04, SEQ_MEMORY_MODE_CHAIN4 = 0x08,
};
enum {
    GFX_SET_RESET, GFX_ENABLE_SET_RESET, GFX_COLOR_COMPARE, GFX_DATA_ROTATE, GFX_READ_MAP, GFX_MODE, GFX_MISC,
    GFX_COLOR_DONT_CARE, GFX_BIT_MASK, GFX_COUNT = 16,
    GFX_MODE_READ_COMPARE = 0x08, GFX_MODE_ODD_EVEN = 0x10, GFX_MODE_SHIFT = 0x60,
    GFX_MISC_GRAPHICS = 0x01, GFX_MISC_CHAIN_ODD_EVEN = 0x02,
};
enum {
    ATTR_PALETTE_COUNT = 16, ATTR_MODE = 16, ATTR_OVERSCAN, ATTR_PLANE_ENABLE, ATTR_PANNING, ATTR_COLOR_SELECT, ATTR_COUNT,
    ATTR_INDEX_SCREEN_ON = 0x20,
    ATTR_MODE_LINE_GRAPHICS = 0x04, ATTR_MODE_BLINK = 0x08, ATTR_MODE_SPLIT_NO_PANNING = 0x20, ATTR_MODE_P54_SELECT = 0x80,
};
enum {
    CRTC_H_TOTAL, CRTC_H_DISPLAY_END, CRTC_V_TOTAL = 0x06, CRTC_OVERFLOW, CRTC_PRESET_ROW, CRTC_MAX_SCAN,
    CRTC_CURSOR_START, CRTC_CURSOR_END, CRTC_START_HIGH, CRTC_START_LOW, CRTC_CURSOR_HIGH, CRTC_CURSOR_LOW, CRTC_V_RETRACE_START,
    CRTC_V_RETRACE_END, CRTC_V_DISPLAY_END, CRTC_OFFSET, CRTC_UNDERLINE, CRTC_MODE = 0x17, CRTC_LINE_COMPARE,
    CRTC_COUNT = 256,
    CRTC_PROTECT = 0x80, CRTC_CURSOR_OFF = 0x20, CRTC_MAX_SCAN_DOUBLE = 0x80, CRTC_UNDERLINE_DWORD = 0x40,
    CRTC_MODE_NO_ROW_BIT_0 = 0x01, CRTC_MODE_NO_ROW_BIT_1 = 0x02, CRTC_MODE_BYTE = 0x40,
};
enum { MISC_COLOR = 0x01, MISC_CLOCK = 0x0c, MISC_CLOCK_28 = 0x04 };
enum {
    VBE_ID, VBE_XRES, VBE_YRES, VBE_BPP, VBE_ENABLE, VBE_BANK, VBE_VIRT_WIDTH, VBE_VIRT_HEIGHT, VBE_X_OFFSET, VBE_Y_OFFSET,
    VBE_VIDEO_MEMORY_64K, VBE_COUNT,
    VBE_ENABLED = 0x01, VBE_GET_CAPS = 0x02, VBE_8BIT_DAC = 0x20, VBE_LFB = 0x40, VBE_NO_CLEAR = 0x80,
};
#define VBE_ID0 0xb0c0
#define VBE_ID5 0xb0c5
#define VBE_MAX_XRES 16000
#define VBE_MAX_YRES 12000
#define VGA_MEMORY_BYTES 0x40000u               /* four planes of 64 KiB: what a VGA has, however much a card has */

typedef struct Vga Vga;
typedef struct VgaScreen VgaScreen;
/* What a card that is more than a VGA adds to the picture. */
typedef struct VgaLinearMode {
    uint32_t width, height, depth, start, line_bytes;   /* pixels, bits (8 to 32), bytes of video memory */
    uint32_t overlay[3];                        /* what the overlay is drawn from; all 0: nothing */
    uint32_t overlay_at, overlay_bytes;         /* and where in video memory */
} VgaLinearMode;
typedef struct VgaCard {
    /* Whether the card is in a mode of its own; *@m is zero-filled. */
    bool (*linear_mode)(const Vga *v, VgaLinearMode *m);
    void (*overlay)(const Vga *v, uint32_t *line, unsigned width, unsigned y);  /* over finished pixels of line @y */
} VgaCard;
typedef struct VgaPorts { MemoryRegion region; Vga *vga; uint16_t first; } VgaPorts;
#define VGA_PORT_RANGES 5

struct Vga {
    MemoryRegion window, vram_region;           /* 0xa0000-0xbffff; video memory */
    VgaPorts ports[VGA_PORT_RANGES];
    MemoryRegion vbe_ports;
    VgaScreen *screen;                          /* host-only */
    const VgaCard *card;                        /* host-only; NULL: only a VGA; set before vga_init() */
    uint8_t *vram;                              /* host-only; vram_bytes long, a power of two */
    uint32_t vram_bytes;
    uint8_t seq_index, seq[SEQ_COUNT], gfx_index, gfx[GFX_COUNT], crtc_index, crtc[CRTC_COUNT], attr_index, attr[ATTR_COUNT];
    bool attr_expects_data;                     /* flip-flop of port 0x3c0 */
    uint8_t misc, feature;
    uint8_t dac_mask, dac_read_index, dac_write_index, dac_sub_index, dac_state, dac_cache[3], palette[768];
    uint32_t latch;
    uint16_t vbe_index, vbe[VBE_COUNT];
    uint32_t bank_offset;                       /* of the window, bytes */
    bool big_endian;                            /* order of bytes in pixels of 15 to 32 bits */
};

/** vga_init: video memory, and a console of @owner. */
bool vga_init(Vga *v, Object *owner, uint32_t vram_bytes, GError **err);
void vga_destroy(Vga *v);                       /* the console goes; regions are the caller's to take out */
/** vga_map_legacy: the window into @memory and the ports into @io. */
void vga_map_legacy(Vga *v, Object *owner, MemoryRegion *memory, MemoryRegion *io);
void vga_reset(Vga *v);
bool vga_state_valid(const Vga *v);
extern const StateField vga_state[];

/* Single ports 0x3b0-0x3df, for windows that mirror them; bytes. */
uint8_t vga_port_read(Vga *v, uint16_t port);
void vga_port_write(Vga *v, uint16_t port, uint8_t value);
/* Bochs VBE registers by index. While VBE is on, the VGA registers that would disturb it are held (vga_vbe_force()). */
static inline bool vga_vbe_on(const Vga *v) { return v->vbe[VBE_ENABLE] & VBE_ENABLED; }
void vga_vbe_force(Vga *v);
bool vga_vbe_valid(const Vga *v);               /* for post_load: the mode is one that can be */
uint32_t vga_vbe_line_bytes(const Vga *v);
uint32_t vga_vbe_start(const Vga *v);           /* byte offset of the first pixel shown */
/** vga_seq: sequencer register as it acts, which VBE overrides; what is read back stays. */
uint8_t vga_seq(const Vga *v, unsigned index);
uint16_t vga_vbe_read(Vga *v, unsigned index);
void vga_vbe_write(Vga *v, unsigned index, uint16_t value);

unsigned vga_display_lines(const Vga *v);       /* scan lines that the CRTC displays */

/* The planes seen through the window; @addr from 0xa0000, below 128 KiB. */
uint8_t vga_mem_read(Vga *v, uint32_t addr);
void vga_mem_write(Vga *v, uint32_t addr, uint8_t value);

#endif
