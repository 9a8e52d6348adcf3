/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IDE controller of the board `pc` and the -drive if=ide disks on it: index 0-3 are ide.0 and ide.1, units 0 and 1. */
#include "block/block.h"
#include "hw/pc/pc.h"

#define IDE_DRIVES 4

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
    for (int index = 0; index < IDE_DRIVES; index++) {
        DriveInfo *drive = block_drive_get("ide", index);
        if (drive && !plug_drive(drive, index, err)) {
            g_prefix_error(err, "-drive if=ide,index=%d: ", index);
            return false;
        }
    }
    return true;
}
