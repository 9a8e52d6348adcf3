/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scan-out: registers and video memory to a picture.
 *
 *   update(): mode_get() reads out of the registers all that decides where a pixel comes from -> another mode or other
 *   colours than last time: everything is drawn -> else only scan lines on pages that were written (graphics), or cells
 *   whose character, attribute, glyph or cursor changed (text)
 *
 * A scan line is made in `line` first, pixels as the memory has them, and copied from there: panning is then where the
 * copy begins, and a line that the CRTC shows twice is copied twice. As video memory holds planes byte by byte next to
 * each other (vga.h), a line of any mode is a run of bytes; addresses wrap as the hardware's do.
 * Specs: IBM PS/2 Technical Reference, VGA; Bochs VBE extensions.
 */
#include "hw/display/vga_screen.h"

#include <string.h>

#include "core/timer.h"
#include "hw/display/pixels.h"

#define LINE_ROOM (PICTURE_MAX_SIDE + 64)
#define GLYPH_ROWS 32
#define FONT_BYTES (256 * GLYPH_ROWS)
#define TEXT_MAX_COLUMNS 256
#define TEXT_MAX_ROWS 1100
#define CURSOR_HALF_PERIOD_NS (16 * NS_PER_S / 60)
#define CHARACTER_HALF_PERIOD_NS (32 * NS_PER_S / 60)
enum { CELL_BLINKS = 0x8000, CELL_CURSOR = 1u << 16, CELL_HIDDEN = 1u << 27 };

typedef enum ModeKind { MODE_BLANK, MODE_TEXT, MODE_PLANES, MODE_PAIRS, MODE_BYTES_DOUBLE, MODE_DIRECT } ModeKind;

/* Compared as a whole: no padding. */
typedef struct Mode {
    uint32_t kind, depth, big_endian;           /* MODE_DIRECT: bits a pixel, 8 to 32; order of its bytes */
    uint32_t width, height;                     /* of the picture, pixels */
    uint32_t start, line_bytes, wrap;           /* byte offsets in video memory; mask of addresses */
    uint32_t split_line;                        /* after this scan line memory is shown from 0 on */
    uint32_t repeats;                           /* graphics: how often a line of memory is shown again */
    uint32_t panning, split_panning;            /* pixels to the left, above and below the split */
    uint32_t row_bits;                          /* graphics: of CRTC_MODE: what of the line number is in addresses */
    uint32_t double_pixels, plane_mask;
    uint32_t overlay[3], overlay_at, overlay_bytes;     /* of the card's */
    /* text */
    uint32_t cell_width, cell_height, columns, preset_row, fonts[2], wide_line_graphics, blink;
} Mode;

typedef struct Cursor { uint32_t cell, first, last, shown, characters_hidden; } Cursor;     /* compared as a whole */

struct VgaScreen {
    Vga *vga;
    Console *console;
    Mode mode;
    uint32_t colors[256];
    unsigned long *dirty;                       /* a bit a page of video memory */
    size_t dirty_words;
    /* text, as drawn */
    Cursor cursor;
    uint8_t fonts[2][FONT_BYTES];
    uint32_t *cells;                            /* character, attribute, cursor; TEXT_MAX_COLUMNS a row; ~0: unknown */
    uint32_t line[LINE_ROOM];
};

unsigned vga_display_lines(const Vga *v)
{
    const uint8_t *c = v->crtc;
    return (c[CRTC_V_DISPLAY_END] | (c[CRTC_OVERFLOW] & 0x02) << 7 | (c[CRTC_OVERFLOW] & 0x40) << 3) + 1;
}

/* The mode that the registers make */

static void text_mode_get(const Vga *v, Mode *m)
{
    const uint8_t *c = v->crtc;
    unsigned clock = vga_seq(v, SEQ_CLOCK_MODE), map = v->seq[SEQ_CHAR_MAP];
    m->kind = MODE_TEXT;
    m->cell_width = clock & SEQ_CLOCK_MODE_HALF_CLOCK ? 16 : clock & SEQ_CLOCK_MODE_8_DOTS ? 8 : 9;
    m->cell_height = (c[CRTC_MAX_SCAN] & 0x1f) + 1;
    m->columns = c[CRTC_H_DISPLAY_END] + 1;
    m->width = m->columns * m->cell_width;
    /* 160 by 100 "graphics" of the CGA: cells of two lines, and a total that says so. */
    unsigned rows = c[CRTC_V_TOTAL] == 100 ? 100 : vga_display_lines(v) / m->cell_height;
    m->height = rows * m->cell_height;
    m->fonts[0] = ((map >> 4 & 1) | (map << 1 & 6)) * (FONT_BYTES * 4);
    m->fonts[1] = ((map >> 5 & 1) | (map >> 1 & 6)) * (FONT_BYTES * 4);
    m->wide_line_graphics = v->attr[ATTR_MODE] & ATTR_MODE_LINE_GRAPHICS;
    m->blink = v->attr[ATTR_MODE] & ATTR_MODE_BLINK;
    m->preset_row = c[CRTC_PRESET_ROW] & 0x1f;
}

static void graphics_mode_get(const Vga *v, Mode *m)
{
    const uint8_t *c = v->crtc;
    unsigned shift = v->gfx[GFX_MODE] >> 5 & 3, doubled = c[CRTC_MAX_SCAN] >> 7;
    m->width = (c[CRTC_H_DISPLAY_END] + 1) * 8;
    m->height = vga_display_lines(v);
    if (vga_vbe_on(v)) {
        m->width = v->vbe[VBE_XRES];
        m->height = v->vbe[VBE_YRES];
    }
    m->row_bits = c[CRTC_MODE] & (CRTC_MODE_NO_ROW_BIT_0 | CRTC_MODE_NO_ROW_BIT_1 | CRTC_MODE_BYTE);
    /* Where line numbers go into addresses (CGA), the scan counter is theirs, and only doubling repeats a line. */
    m->repeats = c[CRTC_MODE] & CRTC_MODE_NO_ROW_BIT_0 ? (((c[CRTC_MAX_SCAN] & 0x1f) + 1) << doubled) - 1 : doubled;
    m->plane_mask = v->attr[ATTR_PLANE_ENABLE] & 0x0f;
    if (shift >= 2) {
        m->kind = vga_vbe_on(v) ? MODE_DIRECT : MODE_BYTES_DOUBLE;
        m->depth = vga_vbe_on(v) ? v->vbe[VBE_BPP] : 8;
        m->big_endian = v->big_endian;
    } else {
        m->kind = shift ? MODE_PAIRS : MODE_PLANES;
        m->double_pixels = (vga_seq(v, SEQ_CLOCK_MODE) & SEQ_CLOCK_MODE_HALF_CLOCK) != 0;
        m->width <<= m->double_pixels;
    }
}

static void mode_get(const Vga *v, Mode *m)
{
    const uint8_t *c = v->crtc;
    memset(m, 0, sizeof *m);
    if (!(v->attr_index & ATTR_INDEX_SCREEN_ON)) {
        return;                                 /* MODE_BLANK */
    }
    VgaLinearMode own = { .width = 0 };
    if (v->card && v->card->linear_mode(v, &own)) {
        *m = (Mode){
            .kind = MODE_DIRECT, .depth = own.depth, .width = own.width, .height = own.height,
            .line_bytes = own.line_bytes, .start = own.start & (v->vram_bytes - 1), .wrap = v->vram_bytes - 1,
            .split_line = UINT32_MAX, .row_bits = 3, .overlay_at = own.overlay_at, .overlay_bytes = own.overlay_bytes,
        };
        memcpy(m->overlay, own.overlay, sizeof m->overlay);
        return;
    }
    bool graphics = v->gfx[GFX_MISC] & GFX_MISC_GRAPHICS;
    graphics ? graphics_mode_get(v, m) : text_mode_get(v, m);
    if (vga_vbe_on(v)) {
        m->start = vga_vbe_start(v);
        m->line_bytes = vga_vbe_line_bytes(v);
        m->split_line = UINT32_MAX;
        m->wrap = v->vram_bytes - 1;
    } else {
        m->start = (c[CRTC_START_HIGH] << 8 | c[CRTC_START_LOW]) * 4;
        m->line_bytes = c[CRTC_OFFSET] * 8;
        m->split_line = c[CRTC_LINE_COMPARE] | (c[CRTC_OVERFLOW] & 0x10) << 4 | (c[CRTC_MAX_SCAN] & 0x40) << 3;
        m->wrap = MIN(VGA_MEMORY_BYTES, v->vram_bytes) - 1;
        m->panning = v->attr[ATTR_PANNING];
        if (m->kind == MODE_BYTES_DOUBLE) {
            m->panning &= 6;                    /* each pixel is two wide already */
        } else if (graphics) {
            m->panning = (m->panning & 7) << m->double_pixels;
        }
        m->split_panning = v->attr[ATTR_MODE] & ATTR_MODE_SPLIT_NO_PANNING ? 0 : m->panning;
    }
    if (m->split_line >= m->height) {           /* none of them shows, so they make no difference */
        m->split_line = UINT32_MAX;
        m->split_panning = 0;
    }
}

/* Colours */

static uint32_t dac_color(const Vga *v, unsigned index, bool wide)
{
    const uint8_t *p = &v->palette[(index & v->dac_mask) * 3];
    if (wide) {
        return p[0] << 16 | p[1] << 8 | p[2];
    }
    uint32_t color = 0;
    for (unsigned i = 0; i < 3; i++) {          /* 6 bits to 8: the lowest repeated */
        unsigned c = p[i] & 0x3f;
        color = color << 8 | c << 2 | (c & 1) * 3;
    }
    return color;
}

/* Colours of 4-bit pixels go through the attribute controller's palette, and have 6 bits whatever VBE says. */
static uint32_t attribute_color(const Vga *v, unsigned index)
{
    unsigned c = v->attr[index], select = v->attr[ATTR_COLOR_SELECT];
    if (v->attr[ATTR_MODE] & ATTR_MODE_P54_SELECT) {
        return dac_color(v, (select & 0x0f) << 4 | (c & 0x0f), false);
    }
    return dac_color(v, (select & 0x0c) << 4 | (c & 0x3f), false);
}

/* Whether they changed. */
static bool colors_get(const Vga *v, const Mode *m, uint32_t *colors)
{
    bool by_attribute = m->kind == MODE_TEXT || m->kind == MODE_PLANES || m->kind == MODE_PAIRS, changed = false;
    if (m->kind == MODE_BLANK || (m->kind == MODE_DIRECT && m->depth != 8)) {
        return false;
    }
    for (unsigned i = 0; i < (by_attribute ? 16 : 256); i++) {
        uint32_t color = by_attribute ? attribute_color(v, i) : dac_color(v, i, v->vbe[VBE_ENABLE] & VBE_8BIT_DAC);
        changed |= color != colors[i];
        colors[i] = color;
    }
    return changed;
}

/* A scan line of graphics: @n pixels, or up to 7 more, from byte @at on */

static inline uint32_t word_at(const VgaScreen *s, uint32_t at)
{
    uint32_t word;
    memcpy(&word, s->vga->vram + (at & s->mode.wrap & ~3u), 4);
    return word;
}

static uint32_t *put(uint32_t *out, uint32_t color, unsigned twice)
{
    *out++ = color;
    if (twice) {
        *out++ = color;
    }
    return out;
}

static void line_planes(VgaScreen *s, uint32_t at, unsigned n)
{
    uint32_t *out = s->line, mask = s->mode.plane_mask;
    for (unsigned x = 0; x < n; x += 8 << s->mode.double_pixels, at += 4) {
        uint32_t w = word_at(s, at);
        for (int bit = 7; bit >= 0; bit--) {
            uint32_t p = w >> bit;
            unsigned color = (p & 1) | (p >> 7 & 2) | (p >> 14 & 4) | (p >> 21 & 8);
            out = put(out, s->colors[color & mask], s->mode.double_pixels);
        }
    }
}

/* Two bits a pixel: of planes 0 and 2 for the first four pixels of a word, of 1 and 3 for the others. */
static void line_pairs(VgaScreen *s, uint32_t at, unsigned n)
{
    uint32_t *out = s->line, mask = s->mode.plane_mask;
    mask = (mask & 1 ? 0xff : 0) | (mask & 2 ? 0xff00 : 0) | (mask & 4 ? 0xff0000 : 0) | (mask & 8 ? 0xff000000 : 0);
    for (unsigned x = 0; x < n; x += 8 << s->mode.double_pixels, at += 4) {
        uint32_t w = word_at(s, at) & mask;
        for (unsigned odd = 0; odd < 2; odd++) {
            for (int bits = 6; bits >= 0; bits -= 2) {
                unsigned color = (w >> (odd * 8 + bits) & 3) | (w >> (16 + odd * 8 + bits) & 3) << 2;
                out = put(out, s->colors[color], s->mode.double_pixels);
            }
        }
    }
}

static void line_bytes_double(VgaScreen *s, uint32_t at, unsigned n)
{
    uint32_t *out = s->line;
    for (unsigned x = 0; x < n; x += 8, at += 4) {
        uint32_t w = word_at(s, at);
        for (unsigned i = 0; i < 4; i++, w >>= 8) {
            out = put(out, s->colors[w & 0xff], true);
        }
    }
}

static void line_direct(VgaScreen *s, uint32_t at, unsigned n)
{
    unsigned bytes = pixels_bytes(s->mode.depth);
    const uint8_t *p = s->vga->vram + at;
    uint8_t *joined = NULL;
    if ((uint64_t)at + n * bytes > s->vga->vram_bytes) {       /* around the end of memory */
        unsigned first = s->vga->vram_bytes - at;
        joined = g_malloc(n * bytes);
        memcpy(joined, p, first);
        memcpy(joined + first, s->vga->vram, n * bytes - first);
        p = joined;
    }
    pixels_convert(s->line, p, n, s->mode.depth, s->mode.big_endian, s->colors);
    g_free(joined);
}

static const struct { void (*draw)(VgaScreen *s, uint32_t at, unsigned n); } line_kinds[] = {
    [MODE_PLANES] = { line_planes }, [MODE_PAIRS] = { line_pairs }, [MODE_BYTES_DOUBLE] = { line_bytes_double },
    [MODE_DIRECT] = { line_direct },
};

/* Bytes of video memory that make @n pixels. */
static uint32_t bytes_of(const Mode *m, unsigned n)
{
    return m->kind == MODE_DIRECT ? n * pixels_bytes(m->depth) : (n + 7) / 8 * 4;
}

static bool any_dirty(const VgaScreen *s, uint32_t at, uint32_t len)
{
    uint32_t first = at >> GUEST_PAGE_BITS, pages = (((uint64_t)at + len - 1) >> GUEST_PAGE_BITS) - first + 1;
    uint32_t all = s->vga->vram_bytes >> GUEST_PAGE_BITS;
    for (uint32_t i = 0; i < pages; i++) {
        uint32_t page = (first + i) & (all - 1) & (s->mode.wrap >> GUEST_PAGE_BITS);
        if (s->dirty[page / 64] >> page % 64 & 1) {
            return true;
        }
    }
    return false;
}

/* Takes the pages of [@at, @end) that were written since last time; all of them if addresses wrap. */
static bool dirty_take(VgaScreen *s, uint64_t at, uint64_t end)
{
    if (end > (uint64_t)s->mode.wrap + 1) {
        at = 0;
        end = (uint64_t)s->mode.wrap + 1;
    }
    memset(s->dirty, 0, s->dirty_words * sizeof s->dirty[0]);
    return memory_region_take_dirty(&s->vga->vram_region, at, end - at, DIRTY_VGA, s->dirty);
}

/* Bits of the line number in the place of address bits, as the CGA's interleaved lines need it. */
static uint32_t line_address(const Mode *m, uint32_t at, unsigned row)
{
    if (!(m->row_bits & CRTC_MODE_NO_ROW_BIT_0)) {
        unsigned shift = m->row_bits & CRTC_MODE_BYTE ? 15 : 14;
        at = (at & ~(1u << shift)) | (row & 1) << shift;
    }
    if (!(m->row_bits & CRTC_MODE_NO_ROW_BIT_1)) {
        at = (at & ~0x8000u) | (row & 2) << 14;
    }
    return at & m->wrap;
}

static void draw_graphics(VgaScreen *s, bool all)
{
    const Mode *m = &s->mode;
    Picture *picture = console_picture(s->console);
    unsigned panning = m->panning, row = 0, repeats = m->repeats, width = m->width;
    unsigned row_mask = ~m->row_bits & 3;       /* lines that share one address */
    uint32_t pixels = width + m->panning, bytes = bytes_of(m, pixels), at = m->start, drawn_at = UINT32_MAX;
    uint64_t end = UINT64_MAX;                  /* simple cases only */
    if (m->split_line == UINT32_MAX && !row_mask) {
        end = at + (uint64_t)m->line_bytes * m->height + bytes;
    }
    int damaged_from = -1;

    if (!dirty_take(s, at, end) && !all) {
        return;
    }
    for (unsigned y = 0; y < m->height; y++) {
        uint32_t from = line_address(m, at, row);
        if (all || any_dirty(s, from, bytes)) {
            if (from != drawn_at) {
                line_kinds[m->kind].draw(s, from, pixels);
                drawn_at = from;
            }
            memcpy(picture_row(picture, y), s->line + panning, width * 4);
            if (m->overlay[0]) {
                s->vga->card->overlay(s->vga, picture_row(picture, y), width, y);
            }
            damaged_from = damaged_from < 0 ? (int)y : damaged_from;
        } else if (damaged_from >= 0) {
            console_damaged(s->console, 0, damaged_from, width, y - damaged_from);
            damaged_from = -1;
        }
        if (repeats) {
            repeats--;
        } else {
            if ((row & row_mask) == row_mask) {
                at += m->line_bytes;
            }
            row++;
            repeats = m->repeats;
        }
        if (y == m->split_line) {
            at = 0;
            panning = m->split_panning;
        }
    }
    if (damaged_from >= 0) {
        console_damaged(s->console, 0, damaged_from, width, m->height - damaged_from);
    }
}

/* Text */

/* Glyphs are plane 2's; true if any changed. */
static bool fonts_get(VgaScreen *s)
{
    bool changed = false;
    for (unsigned f = 0; f < 2; f++) {
        const uint8_t *from = s->vga->vram + s->mode.fonts[f] + 2;
        for (unsigned i = 0; i < FONT_BYTES; i++) {
            changed |= s->fonts[f][i] != from[i * 4];
            s->fonts[f][i] = from[i * 4];
        }
    }
    return changed;
}

/* The cursor, and whether characters that blink are away now. */
static Cursor cursor_get(const Vga *v)
{
    const uint8_t *c = v->crtc;
    int64_t now = clock_ns(CLOCK_VIRTUAL);
    return (Cursor){
        .cell = c[CRTC_CURSOR_HIGH] << 8 | c[CRTC_CURSOR_LOW],
        .first = c[CRTC_CURSOR_START] & 0x1f, .last = c[CRTC_CURSOR_END] & 0x1f,
        .shown = !(c[CRTC_CURSOR_START] & CRTC_CURSOR_OFF) && !(now / CURSOR_HALF_PERIOD_NS & 1),
        .characters_hidden = (v->attr[ATTR_MODE] & ATTR_MODE_BLINK) && (now / CHARACTER_HALF_PERIOD_NS & 1),
    };
}

/* Rows @first to @last (of the glyph) of a cell into the picture at @x (may be negative), @y. */
static void draw_cell(VgaScreen *s, int x, int y, unsigned first, unsigned last, uint32_t cell)
{
    const Mode *m = &s->mode;
    Picture *picture = console_picture(s->console);
    unsigned character = cell & 0xff, attribute = cell >> 8 & 0xff;
    uint32_t ink = s->colors[attribute & 15], paper = s->colors[m->blink ? attribute >> 4 & 7 : attribute >> 4];
    const uint8_t *glyph = &s->fonts[attribute >> 3 & 1][character * GLYPH_ROWS];
    bool ninth = m->wide_line_graphics && character >= 0xb0 && character <= 0xdf;
    unsigned width = m->cell_width;
    for (unsigned row = first; row <= last; row++, y++) {
        unsigned bits = glyph[row] << 1 | (ninth ? glyph[row] & 1 : 0);    /* nine, from the left */
        bits = cell & CELL_HIDDEN ? 0 : bits;
        if (cell & CELL_CURSOR && row >= s->cursor.first && row <= s->cursor.last) {
            bits = 0x1ff;
        }
        uint32_t *out = picture_row(picture, y);
        for (unsigned i = 0; i < width; i++) {
            if (x + (int)i >= 0 && x + i < m->width) {
                out[x + (int)i] = bits >> (8 - (width == 16 ? i / 2 : i)) & 1 ? ink : paper;
            }
        }
    }
}

/*
 * A text row, or what is seen of it: @lines scan lines from line @scan of its cells on, at @y, from video memory at
 * @at. @known: what was drawn there.
 */
static void draw_text_row(VgaScreen *s, unsigned y, unsigned scan, unsigned lines, uint32_t at, unsigned panning,
                          uint32_t *known)
{
    const Mode *m = &s->mode;
    int damaged_from = -1;
    for (unsigned column = 0; column < m->columns + (panning != 0) && column < TEXT_MAX_COLUMNS; column++) {
        uint32_t word = word_at(s, at + column * 4), cell = word & 0xffff;
        bool cursor = s->cursor.shown && ((at + column * 4) & m->wrap) / 4 == s->cursor.cell;
        int x = (int)(column * m->cell_width) - (int)panning;
        cell |= cursor ? CELL_CURSOR | s->cursor.first << 17 | s->cursor.last << 22 : 0;
        cell |= s->cursor.characters_hidden && (cell & CELL_BLINKS) ? CELL_HIDDEN : 0;
        if (known[column] != cell) {
            known[column] = cell;
            draw_cell(s, x, y, scan, scan + lines - 1, cell);
            damaged_from = damaged_from < 0 ? x : damaged_from;
        } else if (damaged_from >= 0) {
            console_damaged(s->console, damaged_from, y, x - damaged_from, lines);
            damaged_from = -1;
        }
    }
    if (damaged_from >= 0) {
        console_damaged(s->console, damaged_from, y, m->width - damaged_from, lines);
    }
}

/*
 * Pixels that a text mode is moved to the left. With cells nine wide, 8 stands for none, and 0 to 7 for one more each;
 * but 0 is also what is there if nobody has programmed it, and taken for none.
 */
static unsigned text_panning(const Mode *m, unsigned value)
{
    if (m->cell_width == 9) {
        return value >= 8 || !value ? 0 : value + 1;
    }
    return value & 7;
}

static void draw_text(VgaScreen *s, bool all)
{
    const Mode *m = &s->mode;
    Cursor cursor = cursor_get(s->vga);
    bool moved = memcmp(&cursor, &s->cursor, sizeof cursor);
    s->cursor = cursor;
    if (!dirty_take(s, 0, UINT64_MAX) && !all && !moved) {
        return;
    }
    if (fonts_get(s) || all) {
        unsigned rows = m->height / m->cell_height + 3;     /* one may be cut at the top, one at the split */
        memset(s->cells, 0xff, TEXT_MAX_COLUMNS * MIN(rows, TEXT_MAX_ROWS) * sizeof s->cells[0]);
    }
    unsigned panning = text_panning(m, m->panning), scan = MIN(m->preset_row, m->cell_height - 1);
    uint32_t at = m->start, *known = s->cells;
    for (unsigned y = 0; y < m->height;) {
        unsigned lines = MIN(m->cell_height - scan, m->height - y);
        if (m->split_line >= y && m->split_line != UINT32_MAX) {
            lines = MIN(lines, m->split_line - y + 1);
        }
        draw_text_row(s, y, scan, lines, at & m->wrap, panning, known);
        known += TEXT_MAX_COLUMNS;
        y += lines;
        at += m->line_bytes;
        scan = 0;
        if (m->split_line != UINT32_MAX && y == m->split_line + 1) {
            at = 0;
            panning = m->split_panning ? text_panning(m, m->split_panning) : 0;
        }
    }
}

static void update(void *opaque, bool all)
{
    VgaScreen *s = opaque;
    Mode mode;
    mode_get(s->vga, &mode);
    if (memcmp(&mode, &s->mode, sizeof mode)) {
        s->mode = mode;
        all = true;
    }
    if (mode.kind == MODE_BLANK) {              /* keeps its size */
        if (all) {
            Picture *p = console_picture(s->console);
            for (int y = 0; y < p->height; y++) {
                memset(picture_row(p, y), 0, p->width * 4);
            }
            console_damaged(s->console, 0, 0, p->width, p->height);
        }
        return;
    }
    if (!console_resize(s->console, mode.width, mode.height)) {
        return;                                 /* no monitor shows this */
    }
    all |= colors_get(s->vga, &mode, s->colors);
    all |= mode.overlay[0] && memory_region_test_and_clear_dirty(&s->vga->vram_region, mode.overlay_at,
                                                                 mode.overlay_bytes, DIRTY_VGA);
    mode.kind == MODE_TEXT ? draw_text(s, all) : draw_graphics(s, all);
}

static const ConsoleOps ops = { .update = update };

VgaScreen *vga_screen_new(Vga *v, Object *owner)
{
    VgaScreen *s = g_new0(VgaScreen, 1);
    s->vga = v;
    s->dirty_words = (v->vram_bytes / GUEST_PAGE_SIZE + 63) / 64;
    s->dirty = g_new0(unsigned long, s->dirty_words);
    s->cells = g_new(uint32_t, TEXT_MAX_COLUMNS * TEXT_MAX_ROWS);
    s->console = console_new(owner, 0, &ops, s);
    return s;
}

void vga_screen_free(VgaScreen *s)
{
    if (s) {
        console_free(s->console);
        g_free(s->dirty);
        g_free(s->cells);
        g_free(s);
    }
}
