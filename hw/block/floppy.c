/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floppy drives, their bus, and the formats of media, which follow from the size of the image.
 *
 * A drive of type auto becomes what its medium needs; without one, what the controller's fallback says. A drive takes
 * media of its own type's formats, and those of smaller drives of the same size of disk.
 */
#include "hw/block/fdc.h"

const char *const floppy_type_names[] = {
    [FLOPPY_144] = "144", [FLOPPY_288] = "288", [FLOPPY_120] = "120", [FLOPPY_NONE] = "none", [FLOPPY_AUTO] = "auto", NULL
};

enum { RATE_500K, RATE_300K, RATE_250K, RATE_1M };

/* The usual one of a type first; of equal sizes the first counts. */
static const FloppyFormat formats[] = {
    { FLOPPY_144, 18, 80, 2, RATE_500K }, { FLOPPY_144, 20, 80, 2, RATE_500K }, { FLOPPY_144, 21, 80, 2, RATE_500K },
    { FLOPPY_144, 21, 82, 2, RATE_500K }, { FLOPPY_144, 21, 83, 2, RATE_500K }, { FLOPPY_144, 22, 80, 2, RATE_500K },
    { FLOPPY_144, 23, 80, 2, RATE_500K }, { FLOPPY_144, 24, 80, 2, RATE_500K },
    { FLOPPY_288, 36, 80, 2, RATE_1M }, { FLOPPY_288, 39, 80, 2, RATE_1M }, { FLOPPY_288, 40, 80, 2, RATE_1M },
    { FLOPPY_288, 44, 80, 2, RATE_1M }, { FLOPPY_288, 48, 80, 2, RATE_1M },
    { FLOPPY_144, 9, 80, 2, RATE_250K }, { FLOPPY_144, 10, 80, 2, RATE_250K }, { FLOPPY_144, 10, 82, 2, RATE_250K },
    { FLOPPY_144, 10, 83, 2, RATE_250K }, { FLOPPY_144, 13, 80, 2, RATE_250K }, { FLOPPY_144, 14, 80, 2, RATE_250K },
    { FLOPPY_120, 15, 80, 2, RATE_500K }, { FLOPPY_120, 18, 82, 2, RATE_500K }, { FLOPPY_120, 18, 83, 2, RATE_500K },
    { FLOPPY_120, 9, 40, 2, RATE_300K }, { FLOPPY_120, 9, 40, 1, RATE_300K }, { FLOPPY_120, 10, 41, 2, RATE_300K },
    { FLOPPY_120, 10, 42, 2, RATE_300K }, { FLOPPY_120, 8, 40, 2, RATE_250K }, { FLOPPY_120, 8, 40, 1, RATE_250K },
};

static int64_t format_bytes(const FloppyFormat *f)
{
    return (int64_t)f->sectors * f->tracks * f->heads * FLOPPY_SECTOR_BYTES;
}

static bool fits(const FloppyFormat *f, int drive_type)
{
    return drive_type == FLOPPY_AUTO || f->type == drive_type || (drive_type == FLOPPY_288 && f->type == FLOPPY_144);
}

/* The format of @bytes; if there is none, the smallest that holds them all, or the largest. */
static const FloppyFormat *find_format(int64_t bytes, int drive_type)
{
    const FloppyFormat *best = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        const FloppyFormat *f = &formats[i];
        int64_t size = format_bytes(f);

        if (!fits(f, drive_type)) {
            continue;
        }
        if (size == bytes) {
            return f;
        }
        if (!best || (format_bytes(best) < bytes ? size > format_bytes(best) : size >= bytes && size < format_bytes(best))) {
            best = f;
        }
    }
    return best;
}

static void look_at_medium(FloppyDrive *d)
{
    int64_t bytes = block_backend_length(d->conf.blk);

    d->format = bytes < 0 ? NULL : find_format(bytes, d->drive_type);
}

bool floppy_read_only(const FloppyDrive *d) { return block_backend_read_only(d->conf.blk); }

void floppy_step(FloppyDrive *d, uint8_t track)
{
    if (track != d->track && d->format) {
        d->changed = false;
    }
    d->track = track;
}

int64_t floppy_offset(const FloppyDrive *d, uint8_t track, uint8_t head, uint8_t sector)
{
    const FloppyFormat *f = d->format;

    if (!f || track >= f->tracks || head >= f->heads || sector < 1 || sector > f->sectors) {
        return -1;
    }
    return (((int64_t)track * f->heads + head) * f->sectors + sector - 1) * FLOPPY_SECTOR_BYTES;
}

/* ---- the drive ---- */

static void change_medium(Object *dev, bool load)
{
    FloppyDrive *d = (FloppyDrive *)dev;

    d->changed = true;
    look_at_medium(d);
}

static const BlockTrayOps medium_ops = { .change_medium = change_medium };

static bool floppy_realize(Device *dev, GError **err)
{
    FloppyDrive *d = DEVICE(FloppyDrive, dev);

    if (!d->conf.blk) {
        d->conf.blk = block_backend_new_empty();
    }
    if (!block_conf_realize(&d->conf, &dev->object, BLOCK_CONF_MAY_READ_ONLY, false, err)) {
        return false;
    }
    if (d->conf.logical_block_size != FLOPPY_SECTOR_BYTES || d->conf.physical_block_size != FLOPPY_SECTOR_BYTES) {
        return error_set(err, "Physical and logical block size must be %d for floppy", FLOPPY_SECTOR_BYTES);
    }
    block_backend_set_tray(d->conf.blk, &medium_ops);
    d->drive_type = d->type;
    d->changed = true;
    look_at_medium(d);
    if (d->drive_type == FLOPPY_AUTO) {
        d->drive_type = d->format ? d->format->type : FLOPPY_BUS(dev->bus)->fallback;
    }
    return true;
}

static bool floppy_post_load(Device *dev, unsigned version, GError **err)
{
    look_at_medium(DEVICE(FloppyDrive, dev));
    return true;
}

static void floppy_reset(Device *dev, ResetKind kind)
{
    FloppyDrive *d = DEVICE(FloppyDrive, dev);

    d->track = d->head = 0;
}

static const Property floppy_properties[] = {
    PROP_UINT32("unit", FloppyDrive, unit, UINT32_MAX, "0 or 1; default: the first free"),
    BLOCK_CONF_PROPERTIES(FloppyDrive),
    PROP_ENUM("drive-type", FloppyDrive, type, FLOPPY_AUTO, floppy_type_names, "FloppyDriveType",
              "what drive it is; auto: as the medium needs"),
    { }
};

static const StateField floppy_state[] = {
    STATE_U8(FloppyDrive, track), STATE_U8(FloppyDrive, head), STATE_BOOL(FloppyDrive, changed), { }
};

const DeviceType floppy_type = {
    .name = "floppy", .parent = &device_type.type, .size = sizeof(FloppyDrive), .bus = &floppy_bus_type.type,
    .category = CATEGORY_STORAGE, .description = "virtual floppy drive", .no_hotplug = true,
    .properties = floppy_properties, .state = floppy_state, .realize = floppy_realize, .reset = floppy_reset,
    .post_load = floppy_post_load,
};
TYPE_REGISTER(floppy_type);

/* ---- the bus ---- */

static bool bus_attach(Bus *b, Device *dev, GError **err)
{
    FloppyBus *bus = FLOPPY_BUS(b);
    FloppyDrive *d = DEVICE(FloppyDrive, dev);

    if (d->unit == UINT32_MAX) {
        for (d->unit = 0; d->unit < FLOPPY_UNITS && bus->units[d->unit];) {
            d->unit++;
        }
    }
    if (d->unit >= FLOPPY_UNITS) {
        return error_set(err, "Can't create floppy unit %u, bus supports only %d units", d->unit, FLOPPY_UNITS);
    }
    if (bus->units[d->unit]) {
        return error_set(err, "Floppy unit %u is in use", d->unit);
    }
    bus->units[d->unit] = d;
    return true;
}

static void bus_detach(Bus *b, Device *dev) { FLOPPY_BUS(b)->units[DEVICE(FloppyDrive, dev)->unit] = NULL; }

const BusType floppy_bus_type = {
    .name = "floppy-bus", .parent = &bus_type.type, .size = sizeof(FloppyBus), .max_devices = FLOPPY_UNITS,
    .attach = bus_attach, .detach = bus_detach,
};
TYPE_REGISTER(floppy_bus_type);
