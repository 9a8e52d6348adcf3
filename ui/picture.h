/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pictures: what a screen shows, in memory, and as a file.
 *
 * Pixels are 32-bit words 0x00RRGGBB in host order, rows from the top, `stride` words apart. The memory belongs to a
 * pixman image, so that display back ends can scale and convert it. Not locked: the main loop's, as consoles are.
 */
#ifndef UI_PICTURE_H
#define UI_PICTURE_H

#include <pixman.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

#define PICTURE_MAX_SIDE 16384                  /* pixels */

typedef struct Picture {
    pixman_image_t *image;                      /* PIXMAN_x8r8g8b8 */
    uint32_t *pixels;
    int width, height;                          /* pixels, 1 to PICTURE_MAX_SIDE */
    int stride;                                 /* words */
} Picture;

typedef enum PictureFormat { PICTURE_PPM, PICTURE_PNG } PictureFormat;

/** picture_new: black; NULL if @width or @height is out of range or there is no memory for it. */
Picture *picture_new(int width, int height);
void picture_free(Picture *p);                  /* NULL is allowed */
static inline uint32_t *picture_row(Picture *p, int y) { return p->pixels + (intptr_t)y * p->stride; }
/**
 * picture_save: writes @p to the file @filename, which is replaced: PPM (P6, 8 bits a component) or PNG (RGB, 8 bits).
 * Errors name the file. On failure what was written of it is removed, if it is a regular file.
 */
bool picture_save(const Picture *p, const char *filename, PictureFormat format, GError **err);

#endif
