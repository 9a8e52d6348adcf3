/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMART (ATA/ATAPI-7 V1, 6.52): a healthy disk with a few attributes, and logs that report no error.
 *
 * Subcommands are in FEATURES, and C24Fh in LBA Mid and High is the key to them. A data structure ends with the byte
 * that makes its sum zero.
 */
#include <string.h>

#include "hw/ide/ide.h"

#define SMART_KEY_MID 0x4f
#define SMART_KEY_HIGH 0xc2

enum { READ_DATA = 0xd0, READ_THRESHOLDS = 0xd1, ATTRIBUTE_AUTOSAVE = 0xd2, EXECUTE_OFFLINE = 0xd4, READ_LOG = 0xd5,
       ENABLE = 0xd8, DISABLE = 0xd9, RETURN_STATUS = 0xda };

static const struct { uint8_t id; uint16_t flags; uint8_t current, worst, raw[6], threshold; } attributes[] = {
    { 0x01, 0x0003, 100, 100, { 0 }, 6 },       /* raw read error rate */
    { 0x03, 0x0003, 100, 100, { 16 }, 0 },      /* spin-up time */
    { 0x04, 0x0002, 100, 100, { 100 }, 20 },    /* start and stop count */
    { 0x05, 0x0003, 100, 100, { 0 }, 36 },      /* reallocated sectors */
    { 0x09, 0x0003, 100, 100, { 1 }, 0 },       /* power-on hours */
    { 0x0c, 0x0003, 100, 100, { 0 }, 0 },       /* power cycles */
    { 0xbe, 0x0003, 69, 69, { 31, 0, 31, 31 }, 50 },        /* airflow temperature */
};

static void seal(uint8_t *data)
{
    uint8_t sum = 0;

    for (int i = 0; i < IDE_SECTOR_BYTES - 1; i++) {
        sum += data[i];
    }
    data[IDE_SECTOR_BYTES - 1] = -sum;
}

static void fill_data(const IdeDevice *dev, uint8_t *out)
{
    out[0] = 1;                                 /* structure revision */
    for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
        uint8_t *a = out + 2 + 12 * i;

        a[0] = attributes[i].id;
        a[1] = attributes[i].flags;
        a[2] = attributes[i].flags >> 8;
        a[3] = attributes[i].current;
        a[4] = attributes[i].worst;
        memcpy(a + 5, attributes[i].raw, sizeof(attributes[i].raw));
    }
    out[362] = 0x02 | (dev->smart_autosave ? 0x80 : 0);     /* off-line collection has completed */
    out[363] = dev->smart_selftest_status;
    out[364] = 0x20;                            /* seconds of an off-line collection */
    out[367] = 1 << 4 | 1 << 3 | 1;             /* self-test, off-line read scanning, EXECUTE OFF-LINE IMMEDIATE */
    out[368] = 0x03;                            /* attributes are kept over power modes; autosave */
    out[370] = 0x01;                            /* error logs */
    out[372] = 2;                               /* minutes of the short self-test */
    out[373] = 54;                              /* and of the extended one */
}

static void fill_thresholds(uint8_t *out)
{
    out[0] = 1;
    for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
        out[2 + 12 * i] = attributes[i].id;
        out[3 + 12 * i] = attributes[i].threshold;
    }
}

static bool fill_log(uint8_t log, uint8_t *out)
{
    switch (log) {
    case 0x00:                                  /* directory: one sector each of logs 1 and 6 */
        out[0] = 1;
        out[2 * 0x01] = out[2 * 0x06] = 1;
        return true;
    case 0x01:                                  /* summary error log: none */
    case 0x06:                                  /* self-test log: none */
        out[0] = 1;
        seal(out);
        return true;
    }
    return false;
}

static bool send(IdeDevice *dev)
{
    ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC;
    ide_pio_start(dev, IDE_SECTOR_BYTES, false, IDE_NEXT_STOP);
    ide_raise_irq(dev);
    return false;
}

static bool refuse(IdeDevice *dev)
{
    ide_abort(dev);
    return true;
}

bool ata_smart(IdeDevice *dev, uint8_t command)
{
    IdeRegs *r = ide_regs(dev);

    if (r->lba_mid != SMART_KEY_MID || r->lba_high != SMART_KEY_HIGH ||
        (!dev->smart_enabled && r->features != ENABLE)) {
        return refuse(dev);
    }
    memset(dev->buf, 0, IDE_SECTOR_BYTES);
    switch (r->features) {
    case READ_DATA:
        fill_data(dev, dev->buf);
        seal(dev->buf);
        return send(dev);
    case READ_THRESHOLDS:
        fill_thresholds(dev->buf);
        seal(dev->buf);
        return send(dev);
    case READ_LOG:
        return r->count == 1 && fill_log(r->lba_low, dev->buf) ? send(dev) : refuse(dev);
    case ATTRIBUTE_AUTOSAVE:
        if (r->count != 0x00 && r->count != 0xf1) {
            return refuse(dev);
        }
        dev->smart_autosave = r->count;
        return true;
    case EXECUTE_OFFLINE:
        /* Off-line collection, short, extended, in the background or at once: all pass in no time. */
        return (r->lba_low <= 2 || r->lba_low == 0x7f || r->lba_low == 0x81 || r->lba_low == 0x82) || refuse(dev);
    case ENABLE:
        dev->smart_enabled = true;
        return true;
    case DISABLE:
        dev->smart_enabled = false;
        return true;
    case RETURN_STATUS:
        return true;                            /* the key unchanged: no threshold is exceeded */
    }
    return refuse(dev);
}
