/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/display/pixels.h"

static inline uint32_t rgb(unsigned r, unsigned g, unsigned b)
{
    return r << 16 | g << 8 | b;
}

static inline unsigned wide5(unsigned c) { return c << 3 | c >> 2; }
static inline unsigned wide6(unsigned c) { return c << 2 | c >> 4; }

void pixels_convert(uint32_t *out, const uint8_t *p, unsigned n, unsigned depth, bool big, const uint32_t *colors)
{
    switch (depth) {
    case 8:
        for (unsigned x = 0; x < n; x++) {
            out[x] = colors[p[x]];
        }
        break;
    case 15:
    case 16:
        for (unsigned x = 0; x < n; x++, p += 2) {
            unsigned c = big ? p[0] << 8 | p[1] : p[0] | p[1] << 8;
            out[x] = depth == 15 ? rgb(wide5(c >> 10 & 0x1f), wide5(c >> 5 & 0x1f), wide5(c & 0x1f))
                                 : rgb(wide5(c >> 11), wide6(c >> 5 & 0x3f), wide5(c & 0x1f));
        }
        break;
    case 24:
        for (unsigned x = 0; x < n; x++, p += 3) {
            out[x] = big ? rgb(p[0], p[1], p[2]) : rgb(p[2], p[1], p[0]);
        }
        break;
    default:
        for (unsigned x = 0; x < n; x++, p += 4) {
            out[x] = big ? rgb(p[1], p[2], p[3]) : rgb(p[2], p[1], p[0]);
        }
    }
}
