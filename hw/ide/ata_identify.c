/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDENTIFY DEVICE data of the ATA disk and IDENTIFY PACKET DEVICE data of the CD drive (ATA/ATAPI-7 V1, 6.17 and 6.18):
 * tables of words that never change, and those that do.
 */
#include <string.h>

#include "hw/ide/ide.h"

#define LBA28_MAX 0x0fffffff

typedef struct FixedWord { uint8_t word; uint16_t value; } FixedWord;

static const FixedWord disk_words[] = {
    { 0, 0x0040 },                              /* not removable */
    { 5, 512 },                                 /* bytes of an unformatted sector (obsolete) */
    { 20, 3 }, { 21, 512 }, { 22, 4 },          /* buffer with read cache, its sectors, ECC bytes (obsolete) */
    { 47, 0x8000 | IDE_MULTIPLE_MAX },          /* READ MULTIPLE */
    { 48, 1 },                                  /* 32-bit data port */
    { 49, 1 << 11 | 1 << 9 | 1 << 8 },          /* IORDY, LBA, DMA */
    { 51, 0x200 }, { 52, 0x200 },               /* PIO, DMA cycle timing (obsolete) */
    { 53, 7 },                                  /* words 54-58, 64-70 and 88 are valid */
    { 62, 0x07 },                               /* single word DMA 0-2 (obsolete) */
    { 64, 0x03 },                               /* PIO 3, 4 */
    { 65, 120 }, { 66, 120 }, { 67, 120 }, { 68, 120 },     /* ns of multiword DMA and PIO cycles */
    { 80, 0xf0 },                               /* ATA-4 to ATA-7 */
    { 81, 0x16 },                               /* minor version */
    { 82, 1 << 14 | 1 << 5 | 1 << 0 },          /* NOP, write cache, SMART */
    { 83, 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10 },          /* FLUSH EXT, FLUSH, 48-bit */
    { 86, 1 << 13 | 1 << 12 | 1 << 10 },        /* the same, enabled */
    { 93, 1 << 14 | 0x2000 | 1 },               /* reset: 80-pin cable seen, passed */
};

static const FixedWord cd_words[] = {
    { 0, 0x85c0 },                              /* ATAPI, CD/DVD, removable, DRQ within 50 us, 12-byte packets */
    { 20, 3 }, { 21, 512 }, { 22, 4 },          /* buffer with read cache, its sectors, ECC bytes (obsolete) */
    { 48, 1 },                                  /* 32-bit data port */
    { 49, 1 << 9 | 1 << 8 },                    /* LBA, DMA */
    { 53, 7 },                                  /* words 54-58, 64-70 and 88 are valid */
    { 62, 0x07 },                               /* single word DMA 0-2 (obsolete) */
    { 64, 0x03 },                               /* PIO 3, 4 */
    { 65, 180 }, { 66, 180 }, { 67, 300 }, { 68, 180 },     /* ns of multiword DMA and PIO cycles */
    { 71, 30 }, { 72, 30 },                     /* ns from PACKET and SERVICE to release and not BSY */
    { 80, 0x1e },                               /* ATA-1 to ATA/ATAPI-4 */
};

static void put_word(uint8_t *out, unsigned word, uint16_t value)
{
    out[2 * word] = value;
    out[2 * word + 1] = value >> 8;
}

static void put_words(uint8_t *out, unsigned word, uint64_t value, int count)
{
    for (int i = 0; i < count; i++) {
        put_word(out, word + i, value >> 16 * i);
    }
}

/* ATA strings have two characters a word, the first in the high byte, padded with blanks. */
static void put_string(uint8_t *out, unsigned word, const char *text, size_t words)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < 2 * words; i++) {
        out[2 * word + (i ^ 1)] = i < len ? text[i] : ' ';
    }
}

static void put_fixed(uint8_t *out, const FixedWord *words, size_t count)
{
    memset(out, 0, IDE_SECTOR_BYTES);
    for (size_t i = 0; i < count; i++) {
        put_word(out, words[i].word, words[i].value);
    }
}

static void put_names(uint8_t *out, const IdeDevice *dev, const char *model)
{
    put_string(out, 10, dev->serial, 10);
    put_string(out, 23, dev->version, 4);
    put_string(out, 27, dev->model ? dev->model : model, 20);
}

void ata_identify(const IdeDevice *dev, uint8_t out[IDE_SECTOR_BYTES])
{
    uint32_t chs = dev->cylinders * dev->heads * dev->track_sectors;

    put_fixed(out, disk_words, G_N_ELEMENTS(disk_words));
    put_word(out, 1, dev->cylinders);
    put_word(out, 3, dev->heads);
    put_word(out, 4, 512 * dev->track_sectors);
    put_word(out, 6, dev->track_sectors);
    put_names(out, dev, "QEMU HARDDISK");
    put_word(out, 54, dev->cylinders);
    put_word(out, 55, dev->heads);
    put_word(out, 56, dev->track_sectors);
    put_words(out, 57, chs, 2);
    put_word(out, 59, dev->multiple ? 0x100 | dev->multiple : 0);
    put_words(out, 60, MIN(dev->sectors, LBA28_MAX), 2);
    put_word(out, 63, 0x07 | dev->mwdma_mode << 8);
    if (ide_bus_of(dev)->queue_depth) {
        put_word(out, 75, ide_bus_of(dev)->queue_depth - 1);
        put_word(out, 76, 1 << 8);              /* FPDMA QUEUED commands */
    }
    put_word(out, 84, 1 << 14 | (dev->wwn ? 1 << 8 : 0));
    put_word(out, 85, 1 << 14 | (block_backend_write_cache(dev->conf.blk) ? 1 << 5 : 0) | dev->smart_enabled);
    put_word(out, 87, 1 << 14 | (dev->wwn ? 1 << 8 : 0));
    put_word(out, 88, 0x3f | dev->udma_mode << 8);
    put_words(out, 100, dev->sectors, 4);
    put_word(out, 106,
             0x6000 | (__builtin_ctz(dev->conf.physical_block_size) - __builtin_ctz(dev->conf.logical_block_size)));
    if (dev->wwn) {
        for (int i = 0; i < 4; i++) {
            put_word(out, 108 + i, dev->wwn >> (48 - 16 * i));
        }
    }
    put_word(out, 217, dev->rotation_rate);
    if (dev->conf.discard_granularity) {
        put_word(out, 69, 1 << 14);             /* what was trimmed reads the same each time */
        put_word(out, 169, 1);                  /* DATA SET MANAGEMENT, TRIM */
    }
}

void atapi_identify(const IdeDevice *dev, uint8_t out[IDE_SECTOR_BYTES])
{
    put_fixed(out, cd_words, G_N_ELEMENTS(cd_words));
    put_names(out, dev, "QEMU DVD-ROM");
    put_word(out, 63, 0x07 | dev->mwdma_mode << 8);
    put_word(out, 84, dev->wwn ? 1 << 8 : 0);
    put_word(out, 87, dev->wwn ? 1 << 8 : 0);
    put_word(out, 88, 0x3f | dev->udma_mode << 8);
    for (int i = 0; dev->wwn && i < 4; i++) {
        put_word(out, 108 + i, dev->wwn >> (48 - 16 * i));
    }
}
