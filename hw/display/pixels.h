/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pixels as frame buffers hold them, made into a picture's. */
#ifndef HW_DISPLAY_PIXELS_H
#define HW_DISPLAY_PIXELS_H

#include <stdbool.h>
#include <stdint.h>

static inline unsigned pixels_bytes(unsigned depth) { return (depth + 7) / 8; }
/**
 * pixels_convert: @n pixels of @depth bits (8, 15, 16, 24, 32) at @p, red in the highest bits.
 * @big_endian: the byte with the highest bits comes first
 * @colors:     of 8-bit pixels; else unused
 */
void pixels_convert(uint32_t *out, const uint8_t *p, unsigned n, unsigned depth, bool big_endian, const uint32_t *colors);

#endif
