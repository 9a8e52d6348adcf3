/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel ICH9 SMBus controller: the register block of smbus_host.h behind BAR 4, enabled by HOSTC.HST_EN.
 * Spec: Intel ICH9 data sheet (316972), chapter 20.
 */
#include "hw/acpi/ich9_smb.h"

#include "hw/acpi/smbus_host.h"

enum { HOSTC = 0x40, HOSTC_HST_EN = 1, SMB_BAR = 4 };

typedef struct Ich9Smb {
    PciDevice pci;
    SmbusHost smbus;
    MemoryRegion bar;                           /* holds the block while the host is enabled */
} Ich9Smb;

static void irq_changed(Device *dev, bool level)
{
    pci_set_irq(PCI_DEVICE(dev), level);
}

static void hostc_update(Ich9Smb *s)
{
    memory_region_set_enabled(&s->smbus.region, (pci_get8(&s->pci, HOSTC) & HOSTC_HST_EN) != 0);
}

static void hostc_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    hostc_update((Ich9Smb *)dev);
}

static const PciConfigRow ich9_smb_config[] = { { HOSTC, 1, "HOSTC", .writable = 0x07, .on_write = hostc_written },
    { } };

static bool ich9_smb_realize(Device *dev, GError **err)
{
    Ich9Smb *s = (Ich9Smb *)dev;

    smbus_host_init(&s->smbus, dev, irq_changed);
    memory_region_init(&s->bar, OBJECT(dev), "ich9-smb", SMBUS_HOST_BYTES);
    memory_region_set_enabled(&s->smbus.region, false);
    memory_region_add(&s->bar, 0, &s->smbus.region);
    pci_register_bar(&s->pci, SMB_BAR, PCI_BAR_IO, &s->bar);
    return true;
}

static void ich9_smb_reset(Device *dev, ResetKind kind)
{
    Ich9Smb *s = (Ich9Smb *)dev;
    smbus_host_reset(&s->smbus);
    hostc_update(s);
}

static void ich9_smb_pre_save(Device *dev)
{
    smbus_host_saving(&((Ich9Smb *)dev)->smbus);
}

static bool ich9_smb_post_load(Device *dev, unsigned version, GError **err)
{
    Ich9Smb *s = (Ich9Smb *)dev;
    hostc_update(s);
    return smbus_host_loaded(&s->smbus, err);
}

static const StateField ich9_smb_state[] = { STATE_STRUCT(Ich9Smb, smbus, SmbusHost, smbus_host_state), { } };

static const PciDeviceType ich9_smb_type = {
    .name = "ICH9-SMB", .parent = &pci_device_type.type, .size = sizeof(Ich9Smb), .category = CATEGORY_BRIDGE,
    .description = "ICH9 SMBus controller", .not_user_creatable = true, .no_hotplug = true,
    .vendor_id = PCI_VENDOR_INTEL, .device_id = 0x2930, .class_id = PCI_CLASS_SERIAL_SMBUS, .revision = 2,
    .interrupt_pin = 1, .config = ich9_smb_config, .state = ich9_smb_state,
    .realize = ich9_smb_realize, .reset = ich9_smb_reset, .pre_save = ich9_smb_pre_save,
    .post_load = ich9_smb_post_load,
};
TYPE_REGISTER(ich9_smb_type);

PciDevice *ich9_smb_create(PciBus *bus)
{
    PciDevice *dev = pci_new(&ich9_smb_type, ICH9_SMB_DEVFN, true);
    device_realize_onboard(&dev->device, &bus->bus);
    smbus_eeproms_create(&((Ich9Smb *)dev)->smbus.bus, SMBUS_EEPROMS);
    return dev;
}
