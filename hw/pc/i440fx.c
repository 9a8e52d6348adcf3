/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 440FX (82441FX PMC): configuration ports, bus pci.0, and in slot 0 the memory controller.
 *
 * Guest write to PAM0-PAM6 -> pam_update(): which of DRAM and PCI answers from 0xc0000 to 1 MiB.
 * Guest write to SMRAM -> smram_update(): who sees the DRAM behind the VGA window. D_LCK makes the register read-only
 * (D_OPEN cleared) until the next reset.
 * Spec: Intel 440FX data sheet (290549). DRAM rows and timing registers are storage only: the DRAM is always there.
 */
#include "hw/pc/i440fx.h"


#include "hw/pc/pam.h"
#include "hw/pci/pci_host.h"

#define MIB (1ull << 20)

enum { PMC_RAM_8MIB = 0x57, PMC_PAM0 = 0x59, PMC_SMRAM = 0x72 };

typedef struct I440fxHost {
    Device device;
    PciHost host;
    PciBus bus;
    uint64_t pci_hole64_size, below_4g_bytes, above_4g_bytes;
} I440fxHost;

typedef struct I440fx {
    PciDevice pci;
    ChipsetMemory memory;
    Pam pam;
    MemoryRegion smram_pci;                     /* over DRAM at 0xa0000: the VGA window for CPUs not in SMM */
    MemoryRegion smram_low;                     /* in the SMM container: the DRAM itself */
} I440fx;

static void smram_update(I440fx *s)
{
    uint8_t smram = pci_get8(&s->pci, PMC_SMRAM);

    memory_transaction_begin();
    memory_region_set_enabled(&s->smram_pci, !(smram & SMRAM_D_OPEN));
    memory_region_set_enabled(&s->smram_low, (smram & SMRAM_G_SMRAME) != 0);
    memory_transaction_commit();
}

static void pam_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    pam_update(&((I440fx *)dev)->pam, dev->config + PMC_PAM0);
}

static void smram_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    if (value & SMRAM_D_LCK) {
        pci_set8(dev, PMC_SMRAM, value & ~SMRAM_D_OPEN);
        pci_set_writable8(dev, PMC_SMRAM, SMRAM_D_CLS);
    }
    smram_update((I440fx *)dev);
}

static const PciConfigRow i440fx_config[] = {
    { 0x50, 2, "PMCCFG",  .writable = 0xffff },
    { 0x52, 1, "DETURBO", .writable = 0xff },
    { 0x53, 1, "DBC",     .writable = 0xff },
    { 0x54, 1, "AXC",     .writable = 0xff },
    { 0x55, 2, "DRAMR",   .writable = 0xffff },
    /* firmware reads it as RAM in units of 8 MiB */
    { PMC_RAM_8MIB, 1, "DRAMC", .writable = 0xff },
    { 0x58, 1, "DRAMT",   .writable = 0xff },
    { 0x59, 1, "PAM0",    .writable = 0xff, .on_write = pam_written, .survives_s3 = true },
    { 0x5a, 1, "PAM1",    .writable = 0xff, .on_write = pam_written, .survives_s3 = true },
    { 0x5b, 1, "PAM2",    .writable = 0xff, .on_write = pam_written, .survives_s3 = true },
    { 0x5c, 1, "PAM3",    .writable = 0xff, .on_write = pam_written, .survives_s3 = true },
    { 0x5d, 1, "PAM4",    .writable = 0xff, .on_write = pam_written, .survives_s3 = true },
    { 0x5e, 1, "PAM5",    .writable = 0xff, .on_write = pam_written, .survives_s3 = true },
    { 0x5f, 1, "PAM6",    .writable = 0xff, .on_write = pam_written, .survives_s3 = true },
    { 0x60, 4, "DRB0-3",  .writable = 0xffffffff },
    { 0x64, 4, "DRB4-7",  .writable = 0xffffffff },
    { 0x68, 1, "FDHC",    .writable = 0xff },
    { 0x70, 1, "MTT",     .writable = 0xff },
    { 0x71, 1, "CLT",     .writable = 0xff },
    { PMC_SMRAM, 1, "SMRAM", .reset = SMRAM_C_BASE_SEG, .writable = 0x78, .on_write = smram_written },
    { 0x90, 1, "ERRCMD",  .writable = 0xff },
    { 0x91, 1, "ERRSTS",  .write_1_clear = 0x11 },
    { 0x93, 1, "TRC",     .writable = 0xff },
    { }
};

static bool i440fx_realize(Device *dev, GError **err)
{
    I440fx *s = (I440fx *)dev;
    const ChipsetMemory *m = &s->memory;

    pam_init(&s->pam, OBJECT(dev), m->ram, m->system, m->pci);
    memory_region_init_alias(&s->smram_pci, OBJECT(dev), "smram-region", m->pci, SMRAM_BASE, SMRAM_BYTES);
    memory_region_add_overlap(m->system, SMRAM_BASE, &s->smram_pci, 1);
    memory_region_init_alias(&s->smram_low, OBJECT(dev), "smram-low", m->ram, SMRAM_BASE, SMRAM_BYTES);
    memory_region_add(m->smram, SMRAM_BASE, &s->smram_low);
    return true;
}

static void i440fx_reset(Device *dev, ResetKind kind)
{
    I440fx *s = (I440fx *)dev;

    pci_set8(&s->pci, PMC_RAM_8MIB, MIN((s->memory.below_4g_bytes + s->memory.above_4g_bytes) / (8 * MIB), 255));
    pci_set_writable8(&s->pci, PMC_SMRAM, 0x78);
    pam_update(&s->pam, s->pci.config + PMC_PAM0);
    smram_update(s);
}

static bool i440fx_post_load(Device *dev, unsigned version, GError **err)
{
    I440fx *s = (I440fx *)dev;

    pci_set_writable8(&s->pci, PMC_SMRAM, pci_get8(&s->pci, PMC_SMRAM) & SMRAM_D_LCK ? SMRAM_D_CLS : 0x78);
    pam_update(&s->pam, s->pci.config + PMC_PAM0);
    smram_update(s);
    return true;
}

static const PciDeviceType i440fx_type = {
    .name = "i440FX", .parent = &pci_device_type.type, .size = sizeof(I440fx), .category = CATEGORY_BRIDGE,
    .description = "Host bridge (82441FX)", .not_user_creatable = true, .no_hotplug = true,
    .vendor_id = PCI_VENDOR_INTEL, .device_id = 0x1237, .class_id = PCI_CLASS_BRIDGE_HOST, .revision = 2,
    .config = i440fx_config, .realize = i440fx_realize, .reset = i440fx_reset, .post_load = i440fx_post_load,
};
TYPE_REGISTER(i440fx_type);

/* PIRQ lines A-D of the south bridge: slot 1's INTA is the first. */
static int map_irq(PciDevice *dev, int pin)
{
    return (pin + PCI_SLOT(dev->devfn) + PCI_PINS - 1) % PCI_PINS;
}

static void host_reset(Device *dev, ResetKind kind)
{
    ((I440fxHost *)dev)->host.config_address = 0;
}

static const Property host_properties[] = {
    PROP_SIZE("pci-hole64-size", I440fxHost, pci_hole64_size, 2ull << 30, "Least size of the 64-bit PCI memory window"),
    PROP_SIZE("below-4g-mem-size", I440fxHost, below_4g_bytes, 0, "Guest RAM below 4 GiB"),
    PROP_SIZE("above-4g-mem-size", I440fxHost, above_4g_bytes, 0, "Guest RAM above 4 GiB"),
    { }
};
static const StateField host_state[] = { STATE_U32(I440fxHost, host.config_address), { } };

static const DeviceType i440fx_host_type = {
    .name = "i440FX-pcihost", .parent = &device_type.type, .size = sizeof(I440fxHost), .category = CATEGORY_BRIDGE,
    .description = "PCI host of the 440FX", .bus = &system_bus_type.type, .not_user_creatable = true,
    .no_hotplug = true, .properties = host_properties, .state = host_state, .reset = host_reset,
};
TYPE_REGISTER(i440fx_host_type);

PciBus *i440fx_create(const ChipsetMemory *memory)
{
    I440fxHost *h = (I440fxHost *)device_new(&i440fx_host_type);

    h->below_4g_bytes = memory->below_4g_bytes;
    h->above_4g_bytes = memory->above_4g_bytes;
    pci_bus_init(&h->bus, &pci_bus_type, &h->device, "pci.0", memory->pci, memory->io, 0);
    object_add_child(object_resolve("/machine", NULL), "i440fx", &h->device.object);
    device_realize_onboard(&h->device, system_bus());
    pci_host_init(&h->host, &h->device, &h->bus, memory->io);
    pci_bus_set_irqs(&h->bus, NULL, map_irq, NULL, PCI_PINS);

    I440fx *pmc = (I440fx *)pci_new(&i440fx_type, PCI_DEVFN(0, 0), false);
    pmc->memory = *memory;
    device_realize_onboard(&pmc->pci.device, &h->bus.bus);
    return &h->bus;
}
