/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Picture *picture_new(int width, int height)
{
    if (width < 1 || width > PICTURE_MAX_SIDE || height < 1 || height > PICTURE_MAX_SIDE) {
        return NULL;
    }
    pixman_image_t *image = pixman_image_create_bits(PIXMAN_x8r8g8b8, width, height, NULL, 0);
    if (!image) {
        return NULL;
    }
    Picture *p = g_new(Picture, 1);
    *p = (Picture){ image, pixman_image_get_data(image), width, height, pixman_image_get_stride(image) / 4 };
    return p;
}

void picture_free(Picture *p)
{
    if (p) {
        pixman_image_unref(p->image);
        g_free(p);
    }
}

static void row_to_rgb(const Picture *p, int y, uint8_t *rgb)
{
    const uint32_t *row = p->pixels + (intptr_t)y * p->stride;
    for (int x = 0; x < p->width; x++) {
        *rgb++ = row[x] >> 16;
        *rgb++ = row[x] >> 8;
        *rgb++ = row[x];
    }
}

/* 0, or an errno value. */
static int write_ppm(const Picture *p, FILE *f, uint8_t *rgb)
{
    if (fprintf(f, "P6\n%d %d\n255\n", p->width, p->height) < 0) {
        return errno;
    }
    for (int y = 0; y < p->height; y++) {
        row_to_rgb(p, y, rgb);
        if (fwrite(rgb, 3, p->width, f) != (size_t)p->width) {
            return errno;
        }
    }
    return 0;
}

/* libpng comes here instead of returning; stdio has left the reason in errno. */
static void png_failed(png_structp png, png_const_charp message)
{
    longjmp(png_jmpbuf(png), 1);
}

static int write_png(const Picture *p, FILE *f, uint8_t *rgb)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, png_failed, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return ENOMEM;
    }
    errno = 0;
    if (setjmp(png_jmpbuf(png))) {
        int reason = errno;
        png_destroy_write_struct(&png, &info);
        return reason ? reason : EIO;
    }
    png_init_io(png, f);
    png_set_compression_level(png, 1);          /* screens are mostly flat; more takes long and gains little */
    png_set_IHDR(png, info, p->width, p->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
                 PNG_FILTER_TYPE_BASE);
    png_write_info(png, info);
    for (int y = 0; y < p->height; y++) {
        row_to_rgb(p, y, rgb);
        png_write_row(png, rgb);
    }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return 0;
}

bool picture_save(const Picture *p, const char *filename, PictureFormat format, GError **err)
{
    int fd = open(filename, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f) {
        return error_set_errno(err, errno, "could not open '%s'", filename);
    }
    g_autofree uint8_t *rgb = g_malloc((size_t)p->width * 3);
    int failure = format == PICTURE_PNG ? write_png(p, f, rgb) : write_ppm(p, f, rgb);
    if (fclose(f) && !failure) {                /* what is buffered meets a full disk only here */
        failure = errno;
    }
    if (!failure) {
        return true;
    }
    struct stat st;
    if (!stat(filename, &st) && S_ISREG(st.st_mode)) {
        unlink(filename);
    }
    return error_set_errno(err, failure, "could not write '%s'", filename);
}
