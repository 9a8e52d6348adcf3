/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel PIIX4 (82371AB), function 3: ACPI registers at PMBASE, SMBus at SMBBA, APM ports, SMI.
 *
 * Guest write to PMBA/PMREGMISC, SMBBA/SMBHSTCFG -> the blocks are mapped where they say. GPE0 has a fixed place: the
 * data sheet's lies within the PMBASE block, but QEMU's firmware interface puts it at 0xafe0.
 * Guest write of APMC -> ACPI_ENABLE/DISABLE act on SCI_EN as the BIOS's SMI handler would; DEVACTB.APMC_EN -> SMI.
 * Spec: Intel 82371AB data sheet (290562), chapter 7.
 */
#include "hw/acpi/piix4_pm.h"

#include "hw/acpi/acpi_pm.h"
#include "hw/acpi/cpu_hotplug.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/acpi/smbus_host.h"
#include "hw/char/parallel.h"
#include "hw/machine.h"
#include "hw/pc/smi.h"

enum {
    PMBA = 0x40, DEVACTB = 0x58, DEVRESA_BYTE3 = 0x5f, DEVRESB_BYTE3 = 0x63, DEVRESC_BYTE3 = 0x67, PMREGMISC = 0x80,
    SMBBA = 0x90, SMBHSTCFG = 0xd2, DEVACTB_APMC_EN = 1 << 25, PMREGMISC_PMIOSE = 1, SMBHSTCFG_HST_EN = 1
};

typedef struct Piix4Pm {
    PciDevice pci;
    AcpiPm pm;
    ApmPorts apm;
    SmbusHost smbus;
    MemoryRegion pm_region;                     /* 64 bytes at PMBA */
    MemoryRegion *io;
    IrqLine *sci;
    uint32_t smb_io_base;
    uint8_t disable_s3, disable_s4, s4_val;
    bool smm_enabled;
    AcpiPciHotplug hotplug;
    AcpiCpuHotplug cpus;
} Piix4Pm;

static void sci_changed(Device *dev, bool level)
{
    irq_set(((Piix4Pm *)dev)->sci, level);
}

static void remap(Piix4Pm *s)
{
    uint32_t pmba = pci_get32(&s->pci, PMBA) & 0xffc0, smbba = pci_get32(&s->pci, SMBBA) & 0xfff0;

    memory_transaction_begin();
    memory_region_set_address(&s->pm_region, pmba);
    memory_region_set_enabled(&s->pm_region, (pci_get8(&s->pci, PMREGMISC) & PMREGMISC_PMIOSE) != 0);
    memory_region_set_address(&s->smbus.region, smbba);
    memory_region_set_enabled(&s->smbus.region, smbba && (pci_get8(&s->pci, SMBHSTCFG) & SMBHSTCFG_HST_EN));
    memory_transaction_commit();
}

static void map_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    remap((Piix4Pm *)dev);
}

static const PciConfigRow piix4_pm_config[] = {
    { PMBA,      4, "PMBA",      .reset = 1, .writable = 0xffc0, .on_write = map_written },
    { 0x44,      4, "CNTA",      .writable = 0xffffffff },
    { 0x48,      4, "CNTB",      .writable = 0xffffffff },
    { 0x4c,      4, "GPICTL",    .writable = 0xffffffff },
    { 0x50,      4, "DEVRESD",   .writable = 0xffffffff },
    { 0x54,      4, "DEVACTA",   .writable = 0xffffffff },
    { DEVACTB,   4, "DEVACTB",   .writable = 0xffffffff },
    { 0x5c,      4, "DEVRESA",   .writable = 0xffffffff },
    { 0x60,      4, "DEVRESB",   .writable = 0xffffffff },
    { 0x64,      4, "DEVRESC",   .writable = 0xffffffff },
    { 0x68,      4, "DEVRESE",   .writable = 0xffffffff },
    { 0x6c,      4, "DEVRESF",   .writable = 0xffffffff },
    { 0x70,      4, "DEVRESG",   .writable = 0xffffffff },
    { 0x74,      4, "DEVRESH",   .writable = 0xffffffff },
    { 0x78,      4, "DEVRESI",   .writable = 0xffffffff },
    { 0x7c,      4, "DEVRESJ",   .writable = 0xffffffff },
    { PMREGMISC, 1, "PMREGMISC", .writable = 0x01, .on_write = map_written },
    { SMBBA,     4, "SMBBA",     .reset = 1, .writable = 0xfff0, .on_write = map_written },
    { SMBHSTCFG, 1, "SMBHSTCFG", .writable = 0x0f, .on_write = map_written },
    { 0xd3,      1, "SMBSLVC",   .writable = 0xff },
    { 0xd4,      1, "SMBSHDW1",  .writable = 0xff },
    { 0xd5,      1, "SMBSHDW2",  .writable = 0xff },
    { }
};

static void apm_command(Device *dev, uint8_t value)
{
    Piix4Pm *s = (Piix4Pm *)dev;

    if (value == PIIX4_ACPI_ENABLE || value == PIIX4_ACPI_DISABLE) {
        acpi_pm_set_enabled(&s->pm, value == PIIX4_ACPI_ENABLE);
    }
    if (s->smm_enabled && (pci_get32(&s->pci, DEVACTB) & DEVACTB_APMC_EN)) {
        smi_raise(false);
    }
}

/* The BIOS learns from these bits which legacy ports the board decodes. */
static void set_legacy_ports(Piix4Pm *s)
{
    const Machine *m = current_machine;

    pci_set8(&s->pci, DEVRESA_BYTE3, parallel_port_exists(0x378) ? 0x90 : 0x10);
    pci_set8(&s->pci, DEVRESB_BYTE3, 0x60);
    pci_set8(&s->pci, DEVRESC_BYTE3, (m->serials[0] ? 0x08 : 0) | (m->serials[1] ? 0x90 : 0));
}

static bool piix4_pm_realize(Device *dev, GError **err)
{
    Piix4Pm *s = (Piix4Pm *)dev;

    pci_set16(&s->pci, PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    acpi_pm_init(&s->pm, dev, sci_changed, PIIX4_GPE0_BYTES);
    s->pm.disable_s3 = s->disable_s3;
    s->pm.disable_s4 = s->disable_s4;
    s->pm.s4_value = s->s4_val;
    memory_region_init(&s->pm_region, OBJECT(dev), "piix4-pm", 64);
    memory_region_add(&s->pm_region, 0, &s->pm.evt_region);
    memory_region_add(&s->pm_region, 4, &s->pm.cnt_region);
    memory_region_add(&s->pm_region, 8, &s->pm.tmr_region);
    memory_region_set_enabled(&s->pm_region, false);
    memory_region_add(s->io, 0, &s->pm_region);
    memory_region_add(s->io, PIIX4_GPE0_BASE, &s->pm.gpe_region);
    apm_ports_init(&s->apm, dev, s->io, apm_command);
    if (s->hotplug.root_slots || s->hotplug.bridges) {
        acpi_pci_hotplug_init(&s->hotplug, dev, &s->pm, pci_device_bus(&s->pci), s->io, PIIX4_PCI_HOTPLUG_BASE);
    }
    acpi_cpu_hotplug_init(&s->cpus, dev, &s->pm, s->io, PIIX4_CPU_HOTPLUG_BASE);
    smbus_host_init(&s->smbus, dev, NULL);
    s->smbus.buffered = true;
    memory_region_set_enabled(&s->smbus.region, false);
    memory_region_add(s->io, s->smb_io_base, &s->smbus.region);
    return true;
}

static void piix4_pm_reset(Device *dev, ResetKind kind)
{
    Piix4Pm *s = (Piix4Pm *)dev;

    pci_set32(&s->pci, SMBBA, s->smb_io_base | 1);      /* on from the start: firmware need not assign it */
    pci_set8(&s->pci, SMBHSTCFG, SMBHSTCFG_HST_EN | 0x08);
    if (!s->smm_enabled) {
        pci_set32(&s->pci, DEVACTB, DEVACTB_APMC_EN);   /* tells the BIOS that SMM is set up already */
    }
    set_legacy_ports(s);
    apm_ports_reset(&s->apm);
    smbus_host_reset(&s->smbus);
    acpi_pm_reset(&s->pm);
    acpi_pci_hotplug_reset(&s->hotplug);
    remap(s);
}

static void piix4_pm_pre_save(Device *dev)
{
    smbus_host_saving(&((Piix4Pm *)dev)->smbus);
}

static bool piix4_pm_post_load(Device *dev, unsigned version, GError **err)
{
    Piix4Pm *s = (Piix4Pm *)dev;

    acpi_pm_loaded(&s->pm);
    acpi_pci_hotplug_loaded(&s->hotplug);
    remap(s);
    return acpi_cpu_hotplug_loaded(&s->cpus, err) && smbus_host_loaded(&s->smbus, err);
}

static const Property piix4_pm_properties[] = {
    PROP_UINT32("smb_io_base", Piix4Pm, smb_io_base, PIIX4_SMBUS_BASE, "I/O port of the SMBus host controller"),
    PROP_UINT8("disable_s3", Piix4Pm, disable_s3, 0, "1: suspend to RAM is not offered"),
    PROP_UINT8("disable_s4", Piix4Pm, disable_s4, 0, "1: suspend to disk is not offered"),
    PROP_UINT8("s4_val", Piix4Pm, s4_val, 2, "PM1 control's sleep type of suspend to disk", .min = 0, .max = 7),
    PROP_BOOL("acpi-pci-hotplug-with-bridge-support", Piix4Pm, hotplug.bridges, true,
              "ACPI adds and removes devices behind bridges"),
    PROP_BOOL("acpi-root-pci-hotplug", Piix4Pm, hotplug.root_slots, true,
              "ACPI adds and removes devices on the root bus"),
    PROP_BOOL("smm-enabled", Piix4Pm, smm_enabled, false, "System management interrupts are delivered"),
    { }
};
static const StateField piix4_pm_state[] = {
    STATE_STRUCT(Piix4Pm, pm, AcpiPm, acpi_pm_state), STATE_STRUCT(Piix4Pm, apm, ApmPorts, apm_ports_state),
    STATE_STRUCT(Piix4Pm, smbus, SmbusHost, smbus_host_state),
    STATE_STRUCT(Piix4Pm, hotplug, AcpiPciHotplug, acpi_pci_hotplug_state),
    STATE_STRUCT(Piix4Pm, cpus, AcpiCpuHotplug, acpi_cpu_hotplug_state), { }
};

static const PciDeviceType piix4_pm_type = {
    .name = "PIIX4_PM", .parent = &pci_device_type.type, .size = sizeof(Piix4Pm), .category = CATEGORY_BRIDGE,
    .description = "Power management function (82371AB)", .not_user_creatable = true, .no_hotplug = true,
    .vendor_id = PCI_VENDOR_INTEL, .device_id = 0x7113, .class_id = PCI_CLASS_BRIDGE_OTHER, .revision = 3,
    .interrupt_pin = 1, .config = piix4_pm_config, .properties = piix4_pm_properties, .state = piix4_pm_state,
    .realize = piix4_pm_realize, .reset = piix4_pm_reset, .pre_save = piix4_pm_pre_save,
    .post_load = piix4_pm_post_load,
};
TYPE_REGISTER(piix4_pm_type);

PciDevice *piix4_pm_create(PciBus *bus, int devfn, MemoryRegion *io, IrqLine *sci, bool smm)
{
    Piix4Pm *s = (Piix4Pm *)pci_new(&piix4_pm_type, devfn, false);

    s->io = io;
    s->sci = sci;
    s->smm_enabled = smm;
    device_realize_onboard(&s->pci.device, &bus->bus);
    smbus_eeproms_create(&s->smbus.bus, SMBUS_EEPROMS);
    return &s->pci;
}

const AcpiPciHotplug *piix4_pm_hotplug(const PciDevice *dev)
{
    const Piix4Pm *s = (const Piix4Pm *)dev;
    return s->hotplug.pm ? &s->hotplug : NULL;
}

Piix4PmInfo piix4_pm_info(const PciDevice *dev)
{
    const Piix4Pm *s = (const Piix4Pm *)dev;
    return (Piix4PmInfo){ s->disable_s3, s->disable_s4, s->s4_val };
}
