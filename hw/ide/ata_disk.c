/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-hd: an ATA disk. Its command table, and the functions that are short; data moves in ide_transfer.c.
 *
 * A function returns whether its command is over; ide_bus.c then clears BSY and interrupts. What is not in the table is
 * aborted. ATA/ATAPI-7 V1, clause 6.
 */
#include "hw/ide/ide.h"

#define LBA28_MAX 0x0fffffff

/* ---- helpers ---- */

static bool aborted(IdeDevice *dev)
{
    ide_abort(dev);
    return true;
}

/* Sector count of a command, where 0 means the most. */
static void take_count(IdeDevice *dev, bool lba48)
{
    const IdeRegs *r = ide_regs(dev);

    dev->lba48 = lba48;
    dev->remaining = lba48 ? r->hob.count << 8 | r->count : r->count;
    if (!dev->remaining) {
        dev->remaining = lba48 ? 65536 : 256;
    }
}

static bool is_ext(uint8_t command)
{
    switch (command) {
    case 0x24: case 0x25: case 0x29: case 0x34: case 0x35: case 0x39: case 0x42: case 0x27:
        return true;
    }
    return false;
}

/* ---- data ---- */

/*
 * READ and WRITE SECTORS move one sector for each interrupt, the MULTIPLE forms what SET MULTIPLE MODE said (0: off).
 */
static bool set_block(IdeDevice *dev, bool multiple)
{
    dev->block_sectors = multiple ? MAX(dev->multiple, 1) : 1;
    return !multiple || dev->multiple;
}

static bool read_pio(IdeDevice *dev, uint8_t command)
{
    if (!set_block(dev, command == 0xc4 || command == 0x29)) {
        return aborted(dev);
    }
    take_count(dev, is_ext(command));
    ide_begin(dev, IDE_PENDING_READ);
    return false;
}

static bool write_pio(IdeDevice *dev, uint8_t command)
{
    if (!set_block(dev, command == 0xc5 || command == 0x39)) {
        return aborted(dev);
    }
    take_count(dev, is_ext(command));
    ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC;
    ide_pio_start(dev, MIN(dev->remaining, dev->block_sectors) * IDE_SECTOR_BYTES, true, IDE_NEXT_WRITE);
    return false;
}

static bool read_dma(IdeDevice *dev, uint8_t command)
{
    take_count(dev, is_ext(command));
    ide_begin(dev, IDE_PENDING_DMA_READ);
    return false;
}

static bool write_dma(IdeDevice *dev, uint8_t command)
{
    take_count(dev, is_ext(command));
    ide_begin(dev, IDE_PENDING_DMA_WRITE);
    return false;
}

static bool data_set_management(IdeDevice *dev, uint8_t command)
{
    const IdeRegs *r = ide_regs(dev);

    if (!(r->features & 1) || !dev->conf.discard_granularity) {
        return aborted(dev);
    }
    dev->lba48 = true;
    dev->remaining = r->hob.count << 8 | r->count;
    if (!dev->remaining) {
        return aborted(dev);
    }
    ide_begin(dev, IDE_PENDING_TRIM);
    return false;
}

bool ata_flush_cache(IdeDevice *dev, uint8_t command)
{
    ide_begin(dev, IDE_PENDING_FLUSH);
    return false;
}

static bool read_verify(IdeDevice *dev, uint8_t command)
{
    take_count(dev, is_ext(command));
    return ide_range_ok(dev, ide_get_lba(dev), dev->remaining) || aborted(dev);
}

static bool seek(IdeDevice *dev, uint8_t command)
{
    return ide_range_ok(dev, ide_get_lba(dev), 1) || aborted(dev);
}

static bool identify(IdeDevice *dev, uint8_t command)
{
    ata_identify(dev, dev->buf);
    ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC;
    ide_pio_start(dev, IDE_SECTOR_BYTES, false, IDE_NEXT_STOP);
    ide_raise_irq(dev);
    return false;
}

/* ---- modes and state ---- */

static bool nothing(IdeDevice *dev, uint8_t command) { return true; }

static bool check_power_mode(IdeDevice *dev, uint8_t command)
{
    ide_regs(dev)->count = 0xff;                /* active or idle */
    return true;
}

static bool set_multiple_mode(IdeDevice *dev, uint8_t command)
{
    uint8_t n = ide_regs(dev)->count;

    if (n > IDE_MULTIPLE_MAX || (n & (n - 1))) {
        return aborted(dev);
    }
    dev->multiple = n;
    return true;
}

static bool initialize_device_parameters(IdeDevice *dev, uint8_t command)
{
    const IdeRegs *r = ide_regs(dev);

    if (!r->count) {
        return aborted(dev);
    }
    dev->heads = (r->device & DEVICE_HEAD) + 1;
    dev->track_sectors = r->count;
    return true;
}

static bool read_native_max(IdeDevice *dev, uint8_t command)
{
    dev->lba48 = is_ext(command);
    if (!dev->sectors) {
        return aborted(dev);
    }
    ide_set_lba(dev, dev->lba48 ? dev->sectors - 1 : MIN(dev->sectors - 1, LBA28_MAX));
    return true;
}

static bool set_transfer_mode(IdeDevice *dev, uint8_t mode)
{
    uint8_t bit = 1 << (mode & 7);

    switch (mode >> 3) {
    case 0:                                     /* PIO default */
    case 1:                                     /* PIO with flow control */
        dev->mwdma_mode = dev->udma_mode = 0;
        return true;
    case 2:                                     /* single word DMA: obsolete, taken and not shown */
        dev->mwdma_mode = dev->udma_mode = 0;
        return true;
    case 4:
        if (bit > 0x07) {
            break;
        }
        dev->mwdma_mode = bit;
        dev->udma_mode = 0;
        return true;
    case 8:
        if (bit > 0x3f) {
            break;
        }
        dev->mwdma_mode = 0;
        dev->udma_mode = bit;
        return true;
    }
    return aborted(dev);
}

bool ata_set_features(IdeDevice *dev, uint8_t command)
{
    switch (ide_regs(dev)->features) {
    case 0x02:                                  /* write cache on */
        block_backend_set_write_cache(dev->conf.blk, true);
        dev->write_cache = true;
        return true;
    case 0x82:                                  /* and off: what it holds is written first */
        block_backend_set_write_cache(dev->conf.blk, false);
        dev->write_cache = false;
        return ata_flush_cache(dev, command);
    case 0x03:
        return set_transfer_mode(dev, ide_regs(dev)->count);
    case 0x05: case 0x85:                       /* advanced power management */
    case 0x42: case 0xc2:                       /* acoustic management */
    case 0x55: case 0xaa:                       /* read look-ahead */
    case 0x66: case 0xcc:                       /* defaults after a soft reset */
    case 0x67: case 0x69: case 0x96: case 0x9a: /* obsolete */
        return true;
    }
    return aborted(dev);
}

bool ata_execute_device_diagnostic(IdeDevice *dev, uint8_t command)
{
    IdeBus *bus = ide_bus_of(dev);

    for (unsigned i = 0; i < IDE_UNITS; i++) {
        ide_set_signature(bus, i);
        if (bus->units[i]) {
            bus->regs[i].status = ide_type_of(bus->units[i])->soft_reset_status;
        }
        bus->regs[i].error = 1;                 /* both passed, or only one is there */
        bus->regs[i].device = DEVICE_OBSOLETE;
    }
    bus->unit = 0;
    ide_raise_irq(dev);
    return false;
}

static const IdeCommand disk_commands[256] = {
    [0x06] = { "DATA SET MANAGEMENT", data_set_management },
    [0x10] = { "RECALIBRATE", nothing, true },
    [0x20] = { "READ SECTORS", read_pio },
    [0x21] = { "READ SECTORS (no retry)", read_pio },
    [0x24] = { "READ SECTORS EXT", read_pio },
    [0x25] = { "READ DMA EXT", read_dma },
    [0x27] = { "READ NATIVE MAX ADDRESS EXT", read_native_max, true },
    [0x29] = { "READ MULTIPLE EXT", read_pio },
    [0x30] = { "WRITE SECTORS", write_pio },
    [0x31] = { "WRITE SECTORS (no retry)", write_pio },
    [0x32] = { "WRITE LONG", write_pio },
    [0x33] = { "WRITE LONG (no retry)", write_pio },
    [0x34] = { "WRITE SECTORS EXT", write_pio },
    [0x35] = { "WRITE DMA EXT", write_dma },
    [0x39] = { "WRITE MULTIPLE EXT", write_pio },
    [0x3c] = { "WRITE VERIFY", write_pio },
    [0x40] = { "READ VERIFY SECTORS", read_verify, true },
    [0x41] = { "READ VERIFY SECTORS (no retry)", read_verify, true },
    [0x42] = { "READ VERIFY SECTORS EXT", read_verify, true },
    [0x70] = { "SEEK", seek, true },
    [0x90] = { "EXECUTE DEVICE DIAGNOSTIC", ata_execute_device_diagnostic },
    [0x91] = { "INITIALIZE DEVICE PARAMETERS", initialize_device_parameters, true },
    [0x94] = { "STANDBY IMMEDIATE (old)", nothing }, [0x95] = { "IDLE IMMEDIATE (old)", nothing },
    [0x96] = { "STANDBY (old)", nothing }, [0x97] = { "IDLE (old)", nothing },
    [0x98] = { "CHECK POWER MODE (old)", check_power_mode, true }, [0x99] = { "SLEEP (old)", nothing },
    [0xb0] = { "SMART", ata_smart, true },
    [0xc4] = { "READ MULTIPLE", read_pio },
    [0xc5] = { "WRITE MULTIPLE", write_pio },
    [0xc6] = { "SET MULTIPLE MODE", set_multiple_mode, true },
    [0xc8] = { "READ DMA", read_dma },
    [0xc9] = { "READ DMA (no retry)", read_dma },
    [0xca] = { "WRITE DMA", write_dma },
    [0xcb] = { "WRITE DMA (no retry)", write_dma },
    [0xe0] = { "STANDBY IMMEDIATE", nothing },
    [0xe1] = { "IDLE IMMEDIATE", nothing },
    [0xe2] = { "STANDBY", nothing },
    [0xe3] = { "IDLE", nothing },
    [0xe5] = { "CHECK POWER MODE", check_power_mode, true },
    [0xe6] = { "SLEEP", nothing },
    [0xe7] = { "FLUSH CACHE", ata_flush_cache },
    [0xea] = { "FLUSH CACHE EXT", ata_flush_cache },
    [0xec] = { "IDENTIFY DEVICE", identify },
    [0xef] = { "SET FEATURES", ata_set_features, true },
    [0xf8] = { "READ NATIVE MAX ADDRESS", read_native_max, true },
};

/* ---- life ---- */

static bool disk_realize(Device *d, GError **err)
{
    IdeDevice *dev = IDE_DEVICE(d);
    int64_t length;

    if (dev->conf.blk && !block_backend_has_medium(dev->conf.blk)) {
        return error_set(err, "Device needs media, but drive is empty");
    }
    if (!block_conf_realize(&dev->conf, &d->object, BLOCK_CONF_READ_WRITE, false, err)) {
        return false;
    }
    block_backend_keep_io_status(dev->conf.blk);
    if (dev->conf.logical_block_size != IDE_SECTOR_BYTES) {
        return error_set(err, "logical_block_size must be %d for IDE, not %u", IDE_SECTOR_BYTES,
                         dev->conf.logical_block_size);
    }
    length = block_backend_length(dev->conf.blk);
    if (length < 0) {
        return error_set_errno(err, -length, "the size of the drive cannot be found");
    }
    if (!block_conf_geometry(&dev->conf, 65535, 16, 255, err)) {
        return false;
    }
    dev->sectors = length / IDE_SECTOR_BYTES;
    return true;
}

static void disk_reset(Device *d, ResetKind kind)
{
    IdeDevice *dev = IDE_DEVICE(d);

    dev->cylinders = dev->conf.cylinders;
    dev->heads = dev->conf.heads;
    dev->track_sectors = dev->conf.sectors;
    dev->multiple = IDE_MULTIPLE_MAX;
    dev->block_sectors = 1;
    dev->mwdma_mode = 0;
    dev->udma_mode = 1 << 5;
    dev->smart_enabled = dev->smart_autosave = true;
    dev->smart_selftest_status = 0;
    dev->write_cache = block_backend_write_cache(dev->conf.blk);
}

static bool disk_post_load(Device *d, unsigned version, GError **err)
{
    IdeDevice *dev = IDE_DEVICE(d);

    if (dev->buf_len > IDE_BUF_BYTES || dev->buf_pos > dev->buf_len || dev->next < 0 || dev->next >= IDE_NEXT_COUNT ||
        dev->pending < 0 || dev->pending >= IDE_PENDING_COUNT || dev->heads < 1 || dev->heads > 16 ||
        dev->track_sectors < 1 || dev->track_sectors > 255 || dev->multiple > IDE_MULTIPLE_MAX ||
        dev->block_sectors < 1 || dev->block_sectors > IDE_MULTIPLE_MAX || dev->remaining > 65536) {
        return error_set(err, "IDE disk: state is out of range");
    }
    block_backend_set_write_cache(dev->conf.blk, dev->write_cache);
    return true;
}

static const Property disk_properties[] = {
    BLOCK_CONF_CHS_PROPERTIES(IdeDevice),
    PROP_UINT16("rotation_rate", IdeDevice, rotation_rate, 0, "revolutions a minute; 1: solid state; 0: not said"),
    { }
};

static const StateField disk_state[] = {
    STATE_U32(IdeDevice, cylinders), STATE_U32(IdeDevice, heads), STATE_U32(IdeDevice, track_sectors),
    STATE_U8(IdeDevice, multiple), STATE_U8(IdeDevice, block_sectors), STATE_U8(IdeDevice, mwdma_mode),
    STATE_U8(IdeDevice, udma_mode), STATE_BOOL(IdeDevice, write_cache), STATE_BOOL(IdeDevice, smart_enabled),
    STATE_BOOL(IdeDevice, smart_autosave), STATE_U8(IdeDevice, smart_selftest_status), STATE_BOOL(IdeDevice, lba48),
    STATE_U32(IdeDevice, remaining), STATE_U32(IdeDevice, buf_pos),
    STATE_BUFFER(IdeDevice, buf, buf_len, IDE_BUF_BYTES),
    STATE_BOOL(IdeDevice, data_out), STATE_INT(IdeDevice, next), STATE_INT(IdeDevice, pending),
    STATE_BOOL(IdeDevice, stopped), STATE_U8(IdeDevice, late_count), STATE_TIMER(IdeDevice, late_irq),
    { }
};

static const IdeDeviceType ide_hd_type = {
    .name = "ide-hd", .parent = &ide_device_type.device.type, .size = sizeof(IdeDevice), .no_hotplug = true,
    .description = "virtual IDE disk", .category = CATEGORY_STORAGE, .properties = disk_properties, .state = disk_state,
    .reset_status = STATUS_DRDY | STATUS_DSC, .soft_reset_status = STATUS_DRDY | STATUS_DSC,
    .buf_bytes = IDE_BUF_BYTES, .commands = disk_commands, .realize = disk_realize, .reset = disk_reset,
    .post_load = disk_post_load,
};
TYPE_REGISTER(ide_hd_type);

const BlockDeviceConf *ide_bios_conf(Bus *bus, unsigned unit)
{
    const IdeDevice *dev = unit < IDE_UNITS ? IDE_BUS(bus)->units[unit] : NULL;

    return dev && dev->device.object.type == &ide_hd_type.device.type ? &dev->conf : NULL;
}
