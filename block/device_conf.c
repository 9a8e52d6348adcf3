/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of what the user of a disk device said, and the geometry of disks that say nothing.
 *
 * A BIOS of old addresses by cylinder, head and sector. If the partition table of the disk ends its first partition at
 * a track's end, the disk was partitioned with that many heads and sectors, and the BIOS shall show the same geometry;
 * else 16 heads of 63 sectors, translated to what INT 13h can say.
 */
#include "block/device_conf.h"

#define SECTOR_BYTES 512
#define MAX_BLOCK_BYTES (2u << 20)
#define ATA_MAX_CYLINDERS 16383u

const char *const chs_translation_names[] = {
    [CHS_AUTO] = "auto", [CHS_NONE] = "none", [CHS_LBA] = "lba", [CHS_LARGE] = "large", [CHS_RECHS] = "rechs", NULL
};

static bool check_block_size(const char *name, uint32_t *bytes, uint32_t def, GError **err)
{
    if (!*bytes) {
        *bytes = def;
    }
    if (*bytes < SECTOR_BYTES || *bytes > MAX_BLOCK_BYTES || (*bytes & (*bytes - 1))) {
        return error_set(err, "parameter %s must be a power of 2 between %u and %u, not %u", name, SECTOR_BYTES,
                         MAX_BLOCK_BYTES, *bytes);
    }
    return true;
}

static bool check_sizes(BlockDeviceConf *c, GError **err)
{
    if (!check_block_size("logical_block_size", &c->logical_block_size, SECTOR_BYTES, err) ||
        !check_block_size("physical_block_size", &c->physical_block_size, c->logical_block_size, err)) {
        return false;
    }
    if (c->logical_block_size > c->physical_block_size) {
        return error_set(err, "logical_block_size > physical_block_size not supported");
    }
    if (c->min_io_size % c->logical_block_size) {
        return error_set(err, "min_io_size must be a multiple of logical_block_size");
    }
    if (c->opt_io_size % c->logical_block_size) {
        return error_set(err, "opt_io_size must be a multiple of logical_block_size");
    }
    if (c->discard_granularity == UINT32_MAX) {
        c->discard_granularity = c->logical_block_size;
    }
    if (c->discard_granularity % c->logical_block_size) {
        return error_set(err, "discard_granularity must be a multiple of logical_block_size");
    }
    return true;
}

bool block_conf_realize(BlockDeviceConf *c, Object *dev, BlockConfAccess access, bool resizable, GError **err)
{
    BlockPermission perm = BLOCK_PERM_READ, shared = BLOCK_PERM_READ | BLOCK_PERM_WRITE_UNCHANGED;

    if (!c->blk) {
        return error_set(err, "No drive specified");
    }
    if (!check_sizes(c, err)) {
        return false;
    }
    if (access == BLOCK_CONF_READ_WRITE && block_backend_has_medium(c->blk) && block_backend_read_only(c->blk)) {
        return error_set(err, "Block node is read-only: drive '%s' must be writable", block_backend_name(c->blk));
    }
    if (access != BLOCK_CONF_READ_ONLY && !block_backend_read_only(c->blk)) {
        perm |= BLOCK_PERM_WRITE;
    }
    if (resizable) {
        shared |= BLOCK_PERM_RESIZE;
    }
    if (c->share_rw) {
        shared |= BLOCK_PERM_WRITE;
    }
    if (!block_backend_attach(c->blk, dev, perm, shared, err)) {
        DriveInfo *d = block_drive_of(c->blk);

        if (d && d->claimed && g_strcmp0(d->interface, "none")) {
            g_prefix_error(
                err, "if=%s connects the drive to a device of the board; say if=none for -device: ", d->interface);
        }
        return false;
    }
    block_backend_set_write_optional(c->blk, access == BLOCK_CONF_MAY_READ_ONLY);
    block_backend_set_on_error(c->blk, c->werror, c->rerror);
    if (c->write_cache != ON_OFF_AUTO_AUTO) {
        block_backend_set_write_cache(c->blk, c->write_cache == ON_OFF_AUTO_ON);
    }
    return true;
}

/* ---- geometry ---- */

typedef struct ReadSector { BlockBackend *blk; uint8_t *buf; int ret; } ReadSector;

static void COROUTINE_FN read_sector(void *opaque)
{
    ReadSector *r = opaque;
    struct iovec iov = { r->buf, SECTOR_BYTES };
    IoVec v = { &iov, 1, SECTOR_BYTES };

    r->ret = block_co_preadv(r->blk, 0, &v);
}

/* Heads and sectors that the disk was partitioned with. */
static bool partitioned_geometry(BlockBackend *blk, uint64_t total, uint32_t *cylinders, uint32_t *heads,
                                 uint32_t *sectors)
{
    uint8_t mbr[SECTOR_BYTES];
    ReadSector r = { blk, mbr };

    coroutine_run_sync(read_sector, &r);
    if (r.ret < 0 || mbr[510] != 0x55 || mbr[511] != 0xaa) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        const uint8_t *entry = mbr + 0x1be + 16 * i;
        uint32_t size = entry[12] | entry[13] << 8 | entry[14] << 16 | (uint32_t)entry[15] << 24;
        uint32_t h = entry[5] + 1u, s = entry[6] & 63;

        if (size && entry[5] && s && total / (h * s) >= 1 && total / (h * s) <= ATA_MAX_CYLINDERS) {
            *cylinders = total / (h * s);
            *heads = h;
            *sectors = s;
            return true;
        }
    }
    return false;
}

static void guess(BlockDeviceConf *c)
{
    int64_t length = block_backend_length(c->blk);
    uint64_t total = MAX(length, 0) / SECTOR_BYTES;
    uint32_t cylinders, heads, sectors;
    bool found = length > 0 && partitioned_geometry(c->blk, total, &cylinders, &heads, &sectors);
    int translation = CHS_NONE;

    if (found && heads <= 16) {
        c->cylinders = cylinders;
        c->heads = heads;
        c->sectors = sectors;
    } else {
        c->heads = 16;
        c->sectors = 63;
        c->cylinders = CLAMP(total / (16 * 63), 2, ATA_MAX_CYLINDERS);
        /* More than 16 heads in the table: some translation made them; which one, the size tells. */
        if (found) {
            translation = c->cylinders * c->heads <= 131072 ? CHS_LARGE : CHS_LBA;
        } else if (c->cylinders > 1024) {
            translation = CHS_LBA;
        }
    }
    if (c->translation == CHS_AUTO) {
        c->translation = translation;
    }
}

bool block_conf_geometry(BlockDeviceConf *c, uint32_t max_cylinders, uint32_t max_heads, uint32_t max_sectors,
                         GError **err)
{
    if (!c->cylinders && !c->heads && !c->sectors) {
        guess(c);
    } else if (c->translation == CHS_AUTO) {
        c->translation = c->cylinders <= 1024 && c->heads <= 16 && c->sectors <= 63 ? CHS_NONE : CHS_LBA;
    }
    const struct { const char *name; uint32_t value, max; } checks[] = {
        { "cyls", c->cylinders, max_cylinders }, { "heads", c->heads, max_heads }, { "secs", c->sectors, max_sectors },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        if (checks[i].value < 1 || checks[i].value > checks[i].max) {
            return error_set(err, "%s must be between 1 and %u, not %u", checks[i].name, checks[i].max,
                             checks[i].value);
        }
    }
    return true;
}
