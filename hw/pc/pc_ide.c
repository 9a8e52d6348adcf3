/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boards' disk controllers and the -drive if=ide disks on them.
 *
 *   pc:  PIIX3 IDE; index 0-3 are units 0 and 1 of ide.0 and ide.1
 *   isapc: two isa-ide, likewise
 *   q35: ICH9 AHCI; index 0-5 are ide.0 to ide.5, one unit each
 */
#include "block/block.h"
#include "hw/ide/ide.h"
#include "hw/pc/pc.h"
#include "hw/timer/mc146818.h"

#define BIOS_DRIVES 4

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

    for (int i = 0; i < BIOS_DRIVES; i++) {
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

static bool plug_drive(const DriveInfo *drive, int index, int units, GError **err)
{
    const Type *type = type_find(drive->cdrom ? "ide-cd" : "ide-hd");
    g_autofree char *bus_name = g_strdup_printf("ide.%d", index / units), *unit = g_strdup_printf("%d", index % units);
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

static bool plug_drives(PcMachine *pc, int buses, int units, GError **err)
{
    machine_on_done(disks_to_cmos, pc);
    for (int index = 0; index < buses * units; index++) {
        DriveInfo *drive = block_drive_get("ide", index);
        if (drive && !plug_drive(drive, index, units, err)) {
            g_prefix_error(err, "-drive if=ide,index=%d: ", index);
            return false;
        }
    }
    return true;
}

bool pc_ide_init(PcMachine *pc, int devfn, GError **err)
{
    PciDevice *ide = pci_new((const PciDeviceType *)type_find("piix3-ide"), devfn, false);
    return device_realize(&ide->device, &pc->pci_bus->bus, err) && plug_drives(pc, 2, 2, err);
}

bool pc_isa_ide_init(PcMachine *pc, GError **err)
{
    static const struct { uint32_t command, control, irq; } channels[] = { { 0x1f0, 0x3f6, 14 }, { 0x170, 0x376, 15 } };

    for (size_t i = 0; i < G_N_ELEMENTS(channels); i++) {
        Device *dev = device_new(device_type_find("isa-ide"));
        object_set_int(OBJECT(dev), "iobase", channels[i].command);
        object_set_int(OBJECT(dev), "iobase2", channels[i].control);
        object_set_int(OBJECT(dev), "irq", channels[i].irq);
        if (!device_realize(dev, &pc->isa_bus->bus, err)) {
            return false;
        }
    }
    return plug_drives(pc, 2, 2, err);
}

bool pc_ahci_init(PcMachine *pc, int devfn, GError **err)
{
    PciDevice *ahci = pci_new((const PciDeviceType *)type_find("ich9-ahci"), devfn, true);
    return device_realize(&ahci->device, &pc->pci_bus->bus, err) && plug_drives(pc, 6, 1, err);
}
