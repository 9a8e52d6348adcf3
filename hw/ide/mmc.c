/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of a read-only CD/DVD drive (MMC-5, SPC-3). A function gets the command bytes and ends the command; the reply
 * is built in s->ide.buf, which holds ATAPI_BUF_BYTES.
 */
#include <string.h>

#include "hw/ide/atapi.h"

#define LEAD_OUT 0xaa

static uint16_t be16(const uint8_t *p) { return p[0] << 8 | p[1]; }
static uint32_t be24(const uint8_t *p) { return p[0] << 16 | p[1] << 8 | p[2]; }
static uint32_t be32(const uint8_t *p) { return (uint32_t)be16(p) << 16 | be16(p + 2); }
static void put16(uint8_t *p, uint16_t v) { p[0] = v >> 8; p[1] = v; }
static void put32(uint8_t *p, uint32_t v) { put16(p, v >> 16); put16(p + 2, v); }

static uint8_t *clear(AtapiDevice *s, size_t bytes) { return memset(s->ide.buf, 0, bytes); }
static void invalid_field(AtapiDevice *s) { atapi_check(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD); }

/* Text padded with blanks. */
static void put_text(uint8_t *p, const char *text, size_t width)
{
    size_t len = strlen(text);

    memset(p, ' ', width);
    memcpy(p, text, MIN(len, width));
}

/* ---- what the drive is ---- */

enum { VPD_SUPPORTED = 0x00, VPD_IDENTIFICATION = 0x83 };

static void inquiry_vpd(AtapiDevice *s, uint8_t page, uint32_t allocated)
{
    uint8_t *p = clear(s, 256);
    uint32_t n = 4;

    p[0] = 5;
    p[1] = page;
    switch (page) {
    case VPD_SUPPORTED:
        p[n++] = VPD_SUPPORTED;
        p[n++] = VPD_IDENTIFICATION;
        break;
    case VPD_IDENTIFICATION:
        p[n++] = 2;                             /* ASCII */
        p[n++] = 0;                             /* vendor specific, of the unit */
        p[n++] = 0;
        p[n++] = 20;
        put_text(p + n, s->ide.serial, 20);
        n += 20;
        if (s->ide.wwn) {
            p[n++] = 1;                         /* binary */
            p[n++] = 3;                         /* NAA */
            p[n++] = 0;
            p[n++] = 8;
            put32(p + n, s->ide.wwn >> 32);
            put32(p + n + 4, s->ide.wwn);
            n += 8;
        }
        break;
    default:
        invalid_field(s);
        return;
    }
    put16(p + 2, n - 4);
    atapi_reply(s, n, allocated);
}

static void inquiry(AtapiDevice *s, const uint8_t *cdb)
{
    uint8_t *p;

    if (cdb[1] & 1) {
        inquiry_vpd(s, cdb[2], cdb[4]);
        return;
    }
    if (cdb[2]) {
        invalid_field(s);
        return;
    }
    p = clear(s, 36);
    p[0] = 5;                                   /* CD/DVD */
    p[1] = 0x80;                                /* removable */
    p[3] = 0x21;                                /* ATAPI 2; format of this reply */
    p[4] = 36 - 5;
    put_text(p + 8, "QEMU", 8);
    put_text(p + 16, "QEMU DVD-ROM", 16);
    put_text(p + 32, s->ide.version, 4);
    atapi_reply(s, 36, cdb[4]);
}

static void request_sense(AtapiDevice *s, const uint8_t *cdb)
{
    uint8_t *p = clear(s, 18);

    p[0] = 0xf0;                                /* current, fixed format */
    p[2] = s->sense_key;
    p[7] = 18 - 8;
    p[12] = s->asc;
    s->sense_key = SENSE_NONE;
    s->asc = ASC_NONE;
    atapi_reply(s, 18, cdb[4]);
}

/* Profile in use, of the features table: none without a medium. */
enum { PROFILE_NONE = 0x0000, PROFILE_CD_ROM = 0x0008, PROFILE_DVD_ROM = 0x0010 };

static bool is_dvd(const AtapiDevice *s) { return atapi_blocks(s) > CD_MAX_BLOCKS; }

static uint16_t profile(const AtapiDevice *s)
{
    return s->tray_open || !atapi_has_medium(s) ? PROFILE_NONE : is_dvd(s) ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
}

static void get_configuration(AtapiDevice *s, const uint8_t *cdb)
{
    static const uint16_t profiles[] = { PROFILE_DVD_ROM, PROFILE_CD_ROM };
    uint16_t current = profile(s);
    uint8_t *p;
    uint32_t n = 8;

    if (be16(cdb + 2) != 0) {                   /* features from there on: the profile list is the only one */
        invalid_field(s);
        return;
    }
    p = clear(s, 32);
    put16(p + 6, current);
    p[n + 2] = 0x03;                            /* feature 0, persistent and current */
    p[n + 3] = 4 * G_N_ELEMENTS(profiles);
    n += 4;
    for (size_t i = 0; i < G_N_ELEMENTS(profiles); i++, n += 4) {
        put16(p + n, profiles[i]);
        p[n + 2] = profiles[i] == current;
    }
    put32(p, n - 4);
    atapi_reply(s, n, be16(cdb + 7));
}

enum { PAGE_READ_ERROR_RECOVERY = 0x01, PAGE_AUDIO = 0x0e, PAGE_CAPABILITIES = 0x2a };
enum { PAGE_CONTROL_CURRENT = 0, PAGE_CONTROL_SAVED = 3 };
#define CAPABILITIES_LOCKED 0x02

static const struct { uint8_t bytes[24]; uint8_t count; } mode_pages[] = {
    { { PAGE_READ_ERROR_RECOVERY, 6, 0, 5 }, 8 },               /* five retries */
    { { PAGE_AUDIO, 14 }, 16 },
    /* Reads CD-R, CD-RW, DVD; multisession, mode 2 sectors; tray with lock; 706 kB/s, 512 KiB of buffer. */
    { { PAGE_CAPABILITIES, 20, 0x3b, 0x00, 0x71, 0x60, 0x29, 0x00, 0x02, 0xc0, 0x00, 0x02, 0x02, 0x00, 0x02, 0xc0 }, 22 },
};

static void mode_sense(AtapiDevice *s, const uint8_t *cdb)
{
    uint8_t control = cdb[2] >> 6, page = cdb[2] & 0x3f, *p;

    if (control == PAGE_CONTROL_SAVED) {
        atapi_check(s, SENSE_ILLEGAL_REQUEST, ASC_SAVING_NOT_SUPPORTED);
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(mode_pages) && control == PAGE_CONTROL_CURRENT; i++) {
        uint32_t n = 8 + mode_pages[i].count;

        if (mode_pages[i].bytes[0] != page) {
            continue;
        }
        p = clear(s, n);
        put16(p, n - 2);
        p[2] = 0x70;                            /* medium type of old: closed door, not told */
        memcpy(p + 8, mode_pages[i].bytes, mode_pages[i].count);
        if (page == PAGE_CAPABILITIES && s->locked) {
            p[8 + 6] |= CAPABILITIES_LOCKED;
        }
        atapi_reply(s, n, be16(cdb + 7));
        return;
    }
    invalid_field(s);
}

static void mechanism_status(AtapiDevice *s, const uint8_t *cdb)
{
    uint8_t *p = clear(s, 8);

    p[5] = 1;                                   /* slots */
    atapi_reply(s, 8, be16(cdb + 8));
}

static void nothing(AtapiDevice *s, const uint8_t *cdb) { atapi_ok(s); }

/* ---- tray, medium and its events ---- */

static void prevent_allow(AtapiDevice *s, const uint8_t *cdb)
{
    s->locked = cdb[4] & 1;
    atapi_ok(s);
}

static void start_stop(AtapiDevice *s, const uint8_t *cdb)
{
    bool start = cdb[4] & 1, load_eject = cdb[4] & 2;

    if (cdb[4] & 0xf0) {                        /* power conditions: all the same to it */
        atapi_ok(s);
        return;
    }
    if (load_eject && !start && !s->tray_open && s->locked) {
        atapi_check(s, atapi_has_medium(s) ? SENSE_NOT_READY : SENSE_ILLEGAL_REQUEST, ASC_REMOVAL_PREVENTED);
        return;
    }
    if (load_eject) {
        atapi_move_tray(s, !start);
    }
    atapi_ok(s);
}

enum { EVENT_CLASS_MEDIA = 4, EVENT_NO_EVENT = 0x80 };
enum { MEDIA_NO_CHANGE, MEDIA_EJECT_REQUEST, MEDIA_NEW };
enum { MEDIA_TRAY_OPEN = 1, MEDIA_PRESENT = 2 };

static void get_event_status(AtapiDevice *s, const uint8_t *cdb)
{
    uint8_t *p;
    uint32_t n = 4;

    if (!(cdb[1] & 1)) {                        /* only polled */
        invalid_field(s);
        return;
    }
    p = clear(s, 8);
    p[3] = 1 << EVENT_CLASS_MEDIA;              /* classes there are */
    if (cdb[4] & 1 << EVENT_CLASS_MEDIA) {
        p[2] = EVENT_CLASS_MEDIA;
        if (s->tray_open) {
            p[5] = MEDIA_TRAY_OPEN;
        } else if (atapi_has_medium(s)) {
            p[5] = MEDIA_PRESENT;
        }
        if (s->eject_requested) {
            p[4] = MEDIA_EJECT_REQUEST;
            s->eject_requested = false;
        } else if (s->new_medium && p[5] == MEDIA_PRESENT) {
            p[4] = MEDIA_NEW;
            s->new_medium = false;
        }
        n = 8;
        put16(p, n - 4);
    } else {
        p[2] = EVENT_NO_EVENT;
    }
    atapi_reply(s, n, be16(cdb + 7));
}

/* ---- the medium's structure ---- */

static void read_capacity(AtapiDevice *s, const uint8_t *cdb)
{
    uint32_t blocks = atapi_blocks(s);
    uint8_t *p = clear(s, 8);

    put32(p, blocks ? blocks - 1 : 0);
    put32(p + 4, CD_BLOCK_BYTES);
    atapi_reply(s, 8, 8);
}

static void put_address(uint8_t *p, uint32_t block, bool msf)
{
    if (msf) {
        uint32_t frame = block + 150;

        p[0] = 0;
        p[1] = frame / (60 * 75);
        p[2] = frame / 75 % 60;
        p[3] = frame % 75;
    } else {
        put32(p, block);
    }
}

/* One data track from block 0 to the end. */
static uint32_t toc_tracks(AtapiDevice *s, uint8_t *p, bool msf, uint8_t first)
{
    uint32_t n = 2;

    if (first > 1 && first != LEAD_OUT) {
        return 0;
    }
    p[n++] = 1;                                 /* first and last track */
    p[n++] = 1;
    for (int track = 0; track < 2; track++, n += 8) {
        if (!track && first == LEAD_OUT) {
            n -= 8;
            continue;
        }
        p[n + 1] = track ? 0x16 : 0x14;         /* ADR 1; data track */
        p[n + 2] = track ? LEAD_OUT : 1;
        put_address(p + n + 4, track ? atapi_blocks(s) : 0, msf);
    }
    return n;
}

/* Points A0, A1, A2 of the lead-in, and the track. */
static uint32_t toc_raw(AtapiDevice *s, uint8_t *p, bool msf)
{
    static const uint8_t points[] = { 0xa0, 0xa1, 0xa2, 1 };
    uint32_t n = 2;

    p[n++] = 1;                                 /* first and last session */
    p[n++] = 1;
    for (size_t i = 0; i < G_N_ELEMENTS(points); i++, n += 11) {
        p[n] = 1;                               /* session */
        p[n + 1] = 0x14;
        p[n + 3] = points[i];
        if (points[i] < 0xa2 && points[i] > 1) {
            p[n + 8] = 1;                       /* number of the first, last track */
        } else {
            put_address(p + n + 7, points[i] == 1 ? 0 : atapi_blocks(s), msf);
        }
    }
    return n;
}

/* The format is in byte 9 (SFF-8020i) or, for newer hosts, in byte 2. */
static void read_toc(AtapiDevice *s, const uint8_t *cdb)
{
    uint8_t format = cdb[2] & 0x0f ? cdb[2] & 0x0f : cdb[9] >> 6, *p = clear(s, 64);
    bool msf = cdb[1] & 2;
    uint32_t n = 0;

    switch (format) {
    case 0:
        n = toc_tracks(s, p, msf, cdb[6]);
        break;
    case 1:                                     /* sessions: one, that begins with track 1 at block 0 */
        p[2] = p[3] = 1;
        n = 12;
        break;
    case 2:
        n = toc_raw(s, p, msf);
        break;
    }
    if (!n) {
        invalid_field(s);
        return;
    }
    put16(p, n - 2);
    atapi_reply(s, n, be16(cdb + 7));
}

static void read_disc_information(AtapiDevice *s, const uint8_t *cdb)
{
    uint8_t *p;

    if (cdb[1] & 7) {
        invalid_field(s);
        return;
    }
    p = clear(s, 34);
    put16(p, 34 - 2);
    p[2] = 0x0e;                                /* complete, last session complete */
    p[3] = p[4] = p[5] = p[6] = 1;              /* first track; sessions; first, last track of the last */
    p[7] = 0x20;                                /* may be used without restriction */
    atapi_reply(s, 34, be16(cdb + 7));
}

/* ---- DVD ---- */

enum { DVD_PHYSICAL = 0x00, DVD_COPYRIGHT = 0x01, DVD_BCA = 0x03, DVD_MANUFACTURER = 0x04, DVD_LIST = 0xff };
#define DVD_FIRST_BLOCK 0x30000                 /* physical number of block 0 */

static const struct { uint8_t format; uint16_t bytes; } dvd_structures[] = {
    { DVD_PHYSICAL, 2048 + 4 }, { DVD_COPYRIGHT, 4 + 4 }, { DVD_BCA, 188 + 4 }, { DVD_MANUFACTURER, 2048 + 4 },
};

static void read_dvd_structure(AtapiDevice *s, const uint8_t *cdb)
{
    uint8_t format = cdb[7], *p = clear(s, 4096);
    uint32_t n = 4, blocks = atapi_blocks(s);

    if (format == DVD_LIST) {
        for (size_t i = 0; i < G_N_ELEMENTS(dvd_structures); i++, n += 4) {
            p[n] = dvd_structures[i].format;
            p[n + 1] = 0x40;                    /* can be read */
            put16(p + n + 2, dvd_structures[i].bytes);
        }
    } else if (!is_dvd(s)) {
        atapi_check(s, SENSE_ILLEGAL_REQUEST, ASC_INCOMPATIBLE_FORMAT);
        return;
    } else if (cdb[1] & 0x0f || be32(cdb + 2) || cdb[6]) {      /* media type, address, layer: only DVD, 0, 0 */
        invalid_field(s);
        return;
    } else if (format == DVD_PHYSICAL) {
        p[4] = 0x01;                            /* DVD-ROM, version 1 */
        p[5] = 0x0f;                            /* 120 mm, rate not told */
        p[6] = 0x01;                            /* one layer, embossed */
        put32(p + 8, DVD_FIRST_BLOCK);
        put32(p + 12, DVD_FIRST_BLOCK + blocks - 1);
        n += 2048;
    } else if (format == DVD_COPYRIGHT) {       /* no protection, all regions */
        n += 4;
    } else if (format == DVD_MANUFACTURER) {
        n += 2048;
    } else {                                    /* no burst cutting area on this one */
        invalid_field(s);
        return;
    }
    put16(p, n - 2);
    atapi_reply(s, n, be16(cdb + 8));
}

/* ---- data ---- */

static void read_or_refuse(AtapiDevice *s, uint32_t block, uint32_t blocks, uint32_t block_bytes)
{
    if (!blocks) {
        atapi_ok(s);
    } else if (block >= atapi_blocks(s) || blocks > atapi_blocks(s) - block) {
        atapi_check(s, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
    } else {
        atapi_read(s, block, blocks, block_bytes);
    }
}

static void read10(AtapiDevice *s, const uint8_t *cdb)
{
    read_or_refuse(s, be32(cdb + 2), be16(cdb + 7), CD_BLOCK_BYTES);
}

static void read12(AtapiDevice *s, const uint8_t *cdb)
{
    read_or_refuse(s, be32(cdb + 2), be32(cdb + 6), CD_BLOCK_BYTES);
}

static void read_cd(AtapiDevice *s, const uint8_t *cdb)
{
    uint32_t blocks = be24(cdb + 6);

    switch (cdb[9] & 0xf8) {
    case 0x00:                                  /* no part of a sector is wanted */
        atapi_ok(s);
        break;
    case 0x10:                                  /* user data */
        read_or_refuse(s, be32(cdb + 2), blocks, CD_BLOCK_BYTES);
        break;
    case 0xf8:                                  /* all of it */
        read_or_refuse(s, be32(cdb + 2), blocks, CD_RAW_BYTES);
        break;
    default:
        invalid_field(s);
        break;
    }
}

static void seek(AtapiDevice *s, const uint8_t *cdb)
{
    if (be32(cdb + 2) >= atapi_blocks(s)) {
        atapi_check(s, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
    } else {
        atapi_ok(s);
    }
}

const MmcCommand mmc_commands[256] = {
    [0x00] = { "TEST UNIT READY", nothing, MMC_NEEDS_MEDIUM },
    [0x03] = { "REQUEST SENSE", request_sense, MMC_ANY_TIME },
    [0x12] = { "INQUIRY", inquiry, MMC_ANY_TIME },
    [0x1b] = { "START STOP UNIT", start_stop },
    [0x1e] = { "PREVENT ALLOW MEDIUM REMOVAL", prevent_allow },
    [0x25] = { "READ CAPACITY", read_capacity, MMC_NEEDS_MEDIUM },
    [0x28] = { "READ (10)", read10, MMC_NEEDS_MEDIUM },
    [0x2b] = { "SEEK (10)", seek, MMC_NEEDS_MEDIUM },
    [0x43] = { "READ TOC/PMA/ATIP", read_toc, MMC_NEEDS_MEDIUM },
    [0x46] = { "GET CONFIGURATION", get_configuration, MMC_ANY_TIME },
    [0x4a] = { "GET EVENT STATUS NOTIFICATION", get_event_status, MMC_ANY_TIME },
    [0x51] = { "READ DISC INFORMATION", read_disc_information, MMC_NEEDS_MEDIUM },
    [0x5a] = { "MODE SENSE (10)", mode_sense },
    [0xa8] = { "READ (12)", read12, MMC_NEEDS_MEDIUM },
    [0xad] = { "READ DISC STRUCTURE", read_dvd_structure, MMC_NEEDS_MEDIUM },
    [0xbb] = { "SET CD SPEED", nothing },
    [0xbd] = { "MECHANISM STATUS", mechanism_status },
    [0xbe] = { "READ CD", read_cd, MMC_NEEDS_MEDIUM },
};
