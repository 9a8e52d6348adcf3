/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EDID 1.4 with a CTA-861 extension block; a preferred mode too large for them is in a DisplayID 1.3 block.
 * Specs: VESA E-EDID Standard Release A rev. 2; CTA-861-G section 7; VESA DisplayID 1.3 section 4.4.
 */
#include "hw/display/edid.h"

#include <string.h>

enum { BLOCK = 128, DESCRIPTOR = 18, CTA = BLOCK, DISPLAY_ID = 2 * BLOCK };
enum { STANDARD_TIMINGS = 38, STANDARD_TIMINGS_END = 54, DESCRIPTORS_END = 126, EXTENSIONS = 126, CHECKSUM = 127 };
enum { TAG_NAME = 0xfc, TAG_RANGE = 0xfd, TAG_TIMINGS_3 = 0xf7, TAG_DUMMY = 0x10 };

/*
 * Modes that are offered besides the preferred one, each in the first form that has room: a bit of the established
 * timings, a standard timing, a bit of established timings III, a CTA video code.
 */
static const struct {
    uint16_t xres, yres;
    bool standard;
    uint8_t established, bit, timings_3, bit_3, video_code;    /* byte and bit of it */
} modes[] = {
    { 640,  480,  .established = 35, .bit = 5 },
    { 800,  600,  .established = 35, .bit = 0 },
    { 1024, 768,  .established = 36, .bit = 3 },
    { 2048, 1152, .standard = true },
    { 1920, 1080, .standard = true },
    { 1920, 1200, .standard = true },
    { 1600, 1200, .standard = true },
    { 1680, 1050, .standard = true },
    { 1440, 900,  .standard = true },
    { 1280, 1024, .standard = true },
    { 1280, 960,  .standard = true },
    { 1920, 1440, .standard = true, .timings_3 = 11, .bit_3 = 5 },
    { 1856, 1392, .standard = true, .timings_3 = 10, .bit_3 = 3 },
    { 1792, 1344, .standard = true, .timings_3 = 10, .bit_3 = 5 },
    { 2560, 1600, .timings_3 = 7, .bit_3 = 6 },
    { 1792, 1344, .timings_3 = 8, .bit_3 = 7 },
    { 1792, 1344, .timings_3 = 8, .bit_3 = 1 },
    { 5120, 2160, .video_code = 125 },
    { 4096, 2160, .video_code = 101 },
    { 3840, 2160, .video_code = 96 },
    { 2560, 1080, .video_code = 89 },
    { 1920, 1080, .video_code = 31 },
    { 3840, 2160, .video_code = 97 },
};

/* Timing of the preferred mode: blanking in fixed shares of the size. */
typedef struct Timing {
    uint32_t xres, yres, xblank, yblank, xfront, yfront, xsync, ysync;
    uint64_t clock_10khz;
    uint32_t width_mm, height_mm;               /* at 100 dots an inch */
} Timing;

static Timing timing_get(const EdidConfig *c)
{
    Timing t = { .xres = c->xres ? MIN(c->xres, UINT16_MAX) : 1280, .yres = c->yres ? MIN(c->yres, UINT16_MAX) : 800 };
    t.xblank = t.xres * 35 / 100;
    t.xfront = t.xres * 25 / 100;
    t.xsync = t.xres * 3 / 100;
    t.yblank = t.yres * 35 / 1000;
    t.yfront = t.ysync = t.yres * 5 / 1000;
    uint64_t pixels = (uint64_t)(t.xres + t.xblank) * (t.yres + t.yblank);
    t.clock_10khz = pixels * (c->refresh_mhz ? c->refresh_mhz : 75000) / 10000000;
    t.width_mm = t.xres * 254 / 1000;
    t.height_mm = t.yres * 254 / 1000;
    return t;
}

/* Two bytes, or false if the form has no place for the size. */
static bool standard_timing(uint8_t *out, unsigned xres, unsigned yres)
{
    static const struct { uint8_t x, y; } aspects[] = { { 16, 10 }, { 4, 3 }, { 5, 4 }, { 16, 9 } };
    for (unsigned i = 0; i < G_N_ELEMENTS(aspects); i++) {
        if (xres * aspects[i].y == yres * aspects[i].x && xres % 8 == 0 && xres >= 256 && xres <= 2288) {
            out[0] = xres / 8 - 31;
            out[1] = i << 6;                    /* and 60 Hz */
            return true;
        }
    }
    return false;
}

static void detailed_timing(uint8_t *d, const Timing *t)
{
    const uint8_t bytes[DESCRIPTOR] = {
        t->clock_10khz, t->clock_10khz >> 8,
        t->xres, t->xblank, (t->xres >> 4 & 0xf0) | (t->xblank >> 8 & 0x0f),
        t->yres, t->yblank, (t->yres >> 4 & 0xf0) | (t->yblank >> 8 & 0x0f),
        t->xfront, t->xsync, (t->yfront << 4 & 0xf0) | (t->ysync & 0x0f),
        (t->xfront >> 2 & 0xc0) | (t->xsync >> 4 & 0x30) | (t->yfront >> 2 & 0x0c) | (t->ysync >> 4 & 0x03),
        t->width_mm, t->height_mm, (t->width_mm >> 4 & 0xf0) | (t->height_mm >> 8 & 0x0f), 0, 0,
        0x18,                                   /* digital, separate sync */
    };
    memcpy(d, bytes, sizeof bytes);
}

static uint8_t *descriptor(uint8_t **next, uint8_t tag)
{
    uint8_t *d = *next;
    *next += DESCRIPTOR;
    d[3] = tag;
    return d;
}

static void checksum(uint8_t *data, unsigned len)
{
    uint8_t sum = 0;
    for (unsigned i = 0; i < len; i++) {
        sum += data[i];
    }
    data[len] = -sum;
}

static void display_id(uint8_t *b, const Timing *t)
{
    enum { SECTION = 1, PAYLOAD = 23 };
    const uint8_t bytes[] = {
        0x70,                                   /* extension block: DisplayID */
        0x13, PAYLOAD, 0x03, 0x00,              /* version 1.3, one section for a desktop display */
        0x03, 0x00, 20,                         /* data block: one detailed timing of type I */
        t->clock_10khz, t->clock_10khz >> 8, t->clock_10khz >> 16, 0x88,
        t->xres - 1, (t->xres - 1) >> 8, t->xblank - 1, (t->xblank - 1) >> 8, t->xfront - 1, (t->xfront - 1) >> 8,
        t->xsync - 1, (t->xsync - 1) >> 8,
        t->yres - 1, (t->yres - 1) >> 8, t->yblank - 1, (t->yblank - 1) >> 8, t->yfront - 1, (t->yfront - 1) >> 8,
        t->ysync - 1, (t->ysync - 1) >> 8,
    };
    memcpy(b, bytes, sizeof bytes);
    checksum(b + SECTION, PAYLOAD + 4);
    checksum(b, CHECKSUM);
}

void edid_make(uint8_t e[EDID_BYTES], const EdidConfig *config)
{
    static const uint8_t head[STANDARD_TIMINGS] = {
        0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00,
        0x49, 0x14, 0x34, 0x12, 0, 0, 0, 0,     /* "RHT", product 0x1234, no serial number */
        42, 24, 1, 4,                           /* week 42 of 2014; version 1.4 */
        0xa5, 0, 0, 120, 0x06,                  /* DisplayPort, 8 bits a colour; size in cm; gamma 2.2; sRGB */
        0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54,     /* chromaticity of sRGB */
    };
    /* Hz, kHz, 10 MHz */
    static const uint8_t range[] = { 50, 125, 30, 160, 255, 1, '\n', ' ', ' ', ' ', ' ', ' ', ' ' };
    const Timing t = timing_get(config);
    bool large = t.clock_10khz > UINT16_MAX || t.xres > 4095 || t.yres > 4095;
    uint8_t *standard = e + STANDARD_TIMINGS, *next = e + STANDARD_TIMINGS_END, *cta = e + CTA, *video = cta + 5;

    memset(e, 0, EDID_BYTES);
    memcpy(e, head, sizeof head);
    e[21] = t.width_mm / 10;
    e[22] = t.height_mm / 10;
    memset(standard, 0x01, STANDARD_TIMINGS_END - STANDARD_TIMINGS);
    if (!large) {
        detailed_timing(next, &t);
        next += DESCRIPTOR;
    }
    uint8_t *timings_3 = descriptor(&next, TAG_TIMINGS_3);
    timings_3[5] = 10;                          /* revision */
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        if ((config->xmax && modes[i].xres > config->xmax) || (config->ymax && modes[i].yres > config->ymax)) {
            continue;
        }
        if (modes[i].established) {
            e[modes[i].established] |= 1 << modes[i].bit;
        } else if (modes[i].standard && standard < e + STANDARD_TIMINGS_END &&
                   standard_timing(standard, modes[i].xres, modes[i].yres)) {
            standard += 2;
        } else if (modes[i].timings_3) {
            timings_3[modes[i].timings_3] |= 1 << modes[i].bit_3;
        } else if (modes[i].video_code) {
            *video++ = modes[i].video_code;
        }
    }
    uint8_t *d = descriptor(&next, TAG_RANGE);
    memcpy(d + 5, range, sizeof range);
    d = descriptor(&next, TAG_NAME);
    memcpy(d + 5, "QEMU Monitor\n", 13);        /* drivers and people know it by this name */
    while (next < e + DESCRIPTORS_END) {
        descriptor(&next, TAG_DUMMY);
    }

    cta[0] = 2;
    cta[1] = 3;
    cta[2] = video - cta;                       /* where detailed timings would begin */
    cta[4] = 0x40 | (video - cta - 5);          /* video data block */
    for (next = video; next + DESCRIPTOR <= cta + CHECKSUM;) {
        descriptor(&next, TAG_DUMMY);
    }
    e[EXTENSIONS] = large ? 2 : 1;
    checksum(e, CHECKSUM);
    checksum(cta, CHECKSUM);
    if (large) {
        display_id(e + DISPLAY_ID, &t);
    }
}
