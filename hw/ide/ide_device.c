/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What disks and CD drives have in common: properties, names, the data buffer, going on after a stop on errors. */
#include "core/vm.h"
#include "hw/ide/ide.h"
#include "hw/machine.h"

/* Runs again what an error had stopped. */
static void vm_state_changed(void *opaque, bool running, RunState state)
{
    IdeDevice *dev = opaque;

    if (running && dev->stopped) {
        ide_begin(dev, dev->pending);
    }
}

static bool ide_device_realize(Device *d, GError **err)
{
    IdeDevice *dev = IDE_DEVICE(d);

    if (!machine_add_boot_device(d, dev->bootindex, dev->unit ? "/disk@1" : "/disk@0", err)) {
        return false;
    }
    if (!dev->serial) {
        dev->serial = g_strdup_printf("QM%05u", ide_bus_of(dev)->first_serial + dev->unit);
    }
    dev->version = dev->version ? dev->version : g_strdup("2.5+");
    dev->buf = g_malloc0(ide_type_of(dev)->buf_bytes);
    vm_on_state_change(vm_state_changed, dev);
    return true;
}

static void ide_device_unrealize(Device *d)
{
    IdeDevice *dev = IDE_DEVICE(d);

    ide_cancel(dev);
    vm_off_state_change(vm_state_changed, dev);
    machine_remove_boot_device(d);
    g_clear_pointer(&dev->buf, g_free);
}

static void ide_device_reset(Device *d, ResetKind kind) { ide_cancel(IDE_DEVICE(d)); }

static const Property device_properties[] = {
    BLOCK_CONF_PROPERTIES(IdeDevice),
    PROP_UINT32("unit", IdeDevice, unit, UINT32_MAX, "0 or 1; default: the first free"),
    PROP_STR("ver", IdeDevice, version, "firmware version"),
    PROP_STR("serial", IdeDevice, serial, "serial number"),
    PROP_STR("model", IdeDevice, model, "model name"),
    PROP_UINT64("wwn", IdeDevice, wwn, 0, "world wide name"),
    PROP_BOOTINDEX(IdeDevice, bootindex),
    PROP_BOOL("win2k-install-hack", IdeDevice, win2k_install_hack, false,
              "some interrupts of writes come late, which the installer of Windows 2000 needs"),
    { }
};

const IdeDeviceType ide_device_type = {
    .name = "ide-device", .parent = &device_type.type, .size = sizeof(IdeDevice), .is_abstract = true,
    .description = "ATA device", .bus = &ide_bus_type.type, .category = CATEGORY_STORAGE,
    .properties = device_properties, .realize = ide_device_realize, .unrealize = ide_device_unrealize,
    .reset = ide_device_reset, .timers = TIMERS(TIMER(IdeDevice, late_irq, CLOCK_VIRTUAL, ide_late_irq)),
};
TYPE_REGISTER(ide_device_type);
