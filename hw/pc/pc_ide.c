/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IDE controller of the board `pc` and the -drive if=ide disks on it: index 0-3 are ide.0 and ide.1, units 0 and 1. */
#include "block/block.h"
#include "hw/ide/ide.h"
#include "hw/pc/pc.h"
#include "hw/timer/mc146818.h"

#define IDE_DRIVES 4

/* Disk bytes of CMOS: the AT's of the first two (type 47: see the geometry behind it), and SeaBIOS's translations. */
enum { CMOS_DISK_TYPES = 0x12, CMOS_DISK_TYPE_EXT = 0x19, CMOS_DISK_GEOMETRY = 0x1b, CMOS_DISK_TRANSLATIONS = 0x39 };
enum { DISK_TYPE_USER = 47, DISK_GEOMETRY_BYTES = 9 };

static void disk_to_cmos(Device *rtc, int disk, const BlockDeviceConf *c)
{
    const uint8_t geometry[DISK_GEOMETRY_BYTES] = {
        c->cylinders, c->cylinders >> 8, c->heads, 0xff, 0xff, 0xc0 | (c->heads > 8) << 3, c->cylinders,
        c->cylinders >> 8, c->sectors,
    };

    mc146818_set_cmos(rtc, CMOS_DISK_TYPE_EXT + disk, DISK_TYPE_USER);
    for (int i = 0; i < DISK_GEOMETRY_BYTES; i++) {
        mc146818_set_cmos(rtc, CMOS_DISK_GEOMETRY + disk * DISK_GEOMETRY_BYTES + i, geometry[i]);
    }
}

static void disks_to_cmos(void *opaque)
{
    PcMachine *pc = opaque;
    uint8_t types = 0, translations = 0;

    for (int i = 0; i < IDE_DRIVES; i++) {
        g_autofree char *bus_name = g_strdup_printf("ide.%d", i / 2);
        Bus *bus = bus_find(bus_name, NULL);
        const BlockDeviceConf *c = bus ? ide_bios_conf(bus, i % 2) : NULL;

        if (!c) {
            continue;
        }
        translations |= (c->translation - CHS_NONE) << 2 * i;
        if (i < 2) {
            types |= i ? 0x0f : 0xf0;
            disk_to_cmos(pc->rtc, i, c);
        }
    }
    mc146818_set_cmos(pc->rtc, CMOS_DISK_TYPES, types);
    mc146818_set_cmos(pc->rtc, CMOS_DISK_TRANSLATIONS, translations);
}

static bool plug_drive(const DriveInfo *drive, int index, GError **err)
{
    const Type *type = type_find(drive->cdrom ? "ide-cd" : "ide-hd");
    g_autofree char *bus_name = g_strdup_printf("ide.%d", index / 2), *unit = g_strdup_printf("%d", index % 2);

    if (!type) {
        return error_set(err, "drive '%s': IDE %s drives are not supported yet", drive->id,
                         drive->cdrom ? "CD" : "disk");
    }
    Bus *bus = bus_find(bus_name, err);
    if (!bus) {
        return false;
    }
    Device *dev = device_new((const DeviceType *)type);
    if (!object_parse(&dev->object, "drive", drive->id, err) || !object_parse(&dev->object, "unit", unit, err)) {
        object_unref(&dev->object);
        return false;
    }
    return device_realize(dev, bus, err);
}

bool pc_ide_init(PcMachine *pc, int devfn, GError **err)
{
    const Type *type = type_find("piix3-ide");
    if (!type) {
        return true;
    }
    PciDevice *ide = pci_new((const PciDeviceType *)type, devfn, false);
    if (!device_realize(&ide->device, &pc->pci_bus->bus, err)) {
        return false;
    }
    machine_on_done(disks_to_cmos, pc);
    for (int index = 0; index < IDE_DRIVES; index++) {
        DriveInfo *drive = block_drive_get("ide", index);
        if (drive && !plug_drive(drive, index, err)) {
            g_prefix_error(err, "-drive if=ide,index=%d: ", index);
            return false;
        }
    }
    return true;
}
