/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel Q35 (82Q35 GMCH), device 0: configuration ports and ECAM, bus pcie.0, PAM, SMRAM in its three places.
 *
 *   compatible SMRAM  0xa0000 (low) or, with H_SMRAME, at 0xfeda0000 (high)
 *   TSEG              the top of low DRAM: only CPUs in SMM see it, others read ones
 *   SMRAM at SMBASE   128 KiB at 0x30000, where CPUs enter SMM after reset; claimed and locked through register 0x9c
 *
 * D_LCK freezes all of it until the next reset. Registers 0x50 (size of an extended TSEG) and 0x9c are QEMU's
 * additions. Spec: Intel 3 Series Express Chipset (316966), section 5.1.
 */
#include "hw/pc/q35.h"

#include "hw/pc/pam.h"
#include "hw/pci/pci_host.h"

#define MIB (1ull << 20)
#define HIGH_SMRAM_BASE 0xfeda0000u
#define SMBASE_WINDOW_BASE 0x30000u
#define SMBASE_WINDOW_BYTES 0x20000u

enum {
    MCH_EXT_TSEG_MBYTES = 0x50, MCH_PCIEXBAR = 0x60, MCH_PAM0 = 0x90, MCH_SMBASE_SMRAM = 0x9c, MCH_SMRAM = 0x9d,
    MCH_ESMRAMC = 0x9e, PCIEXBAR_ENABLE = 1, EXT_TSEG_QUERY = 0xffff, SMBASE_SMRAM_QUERY = 0xff,
    SMBASE_SMRAM_PRESENT = 0x01, SMBASE_SMRAM_LOCKED = 0x02
};
enum {
    ESMRAMC_T_EN = 0x01, ESMRAMC_TSEG_SZ = 0x06, ESMRAMC_TSEG_SZ_SHIFT = 1, ESMRAMC_SM_L2 = 0x08, ESMRAMC_SM_L1 = 0x10,
    ESMRAMC_SM_CACHE = 0x20, ESMRAMC_E_SMERR = 0x40, ESMRAMC_H_SMRAME = 0x80,
    ESMRAMC_FIXED = ESMRAMC_SM_L2 | ESMRAMC_SM_L1 | ESMRAMC_SM_CACHE,
    SMRAM_WRITABLE = SMRAM_D_OPEN | SMRAM_D_CLS | SMRAM_D_LCK | SMRAM_G_SMRAME,
    ESMRAMC_WRITABLE = ESMRAMC_H_SMRAME | ESMRAMC_TSEG_SZ | ESMRAMC_T_EN
};

typedef struct Q35Host {
    Device device;
    PciHost host;
    PciBus bus;
    uint64_t pci_hole64_size, below_4g_bytes, above_4g_bytes;
} Q35Host;

typedef struct Mch {
    PciDevice pci;
    Q35Host *host;
    ChipsetMemory memory;
    Pam pam;
    uint16_t ext_tseg_mbytes;
    bool smbase_smram;
    /* Over everyone's memory */
    MemoryRegion smram_pci;                     /* 0xa0000 is the VGA window */
    MemoryRegion open_high_smram;               /* high SMRAM shown to everyone by D_OPEN */
    MemoryRegion tseg_hidden, smbase_hidden;    /* DRAM that only SMM sees: reads ones, drops writes */
    /* In the SMM container */
    MemoryRegion low_smram, high_smram, tseg, smbase_window;
} Mch;

static Mch *machine_mch;

static uint64_t hidden_read(void *opaque, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}

static void hidden_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

static const MemoryOps hidden_ops = { .read = hidden_read, .write = hidden_write, .valid = { 1, 8 }, .impl = { 1, 8 } };

static uint64_t tseg_bytes(const Mch *s)
{
    uint8_t esmramc = pci_get8(&s->pci, MCH_ESMRAMC);

    if (!(esmramc & ESMRAMC_T_EN) || !(pci_get8(&s->pci, MCH_SMRAM) & SMRAM_G_SMRAME)) {
        return 0;
    }
    switch ((esmramc & ESMRAMC_TSEG_SZ) >> ESMRAMC_TSEG_SZ_SHIFT) {
    case 0: return 1 * MIB;
    case 1: return 2 * MIB;
    case 2: return 8 * MIB;
    default: return s->ext_tseg_mbytes * MIB;   /* reserved in the data sheet */
    }
}

static void smram_update(Mch *s)
{
    uint8_t smram = pci_get8(&s->pci, MCH_SMRAM);
    bool high = pci_get8(&s->pci, MCH_ESMRAMC) & ESMRAMC_H_SMRAME, global = smram & SMRAM_G_SMRAME,
        open = smram & SMRAM_D_OPEN;
    uint64_t tseg = MIN(tseg_bytes(s), s->memory.below_4g_bytes);
    uint64_t tseg_base = s->memory.below_4g_bytes - tseg;

    memory_transaction_begin();
    memory_region_set_enabled(&s->smram_pci, !open || high);
    memory_region_set_enabled(&s->open_high_smram, open && high);
    memory_region_set_enabled(&s->low_smram, global && !high);
    memory_region_set_enabled(&s->high_smram, global && high);
    if (tseg) {
        memory_region_set_size(&s->tseg_hidden, tseg);
        memory_region_set_address(&s->tseg_hidden, tseg_base);
        memory_region_set_size(&s->tseg, tseg);
        memory_region_set_address(&s->tseg, tseg_base);
        memory_region_set_alias_offset(&s->tseg, tseg_base);
    }
    memory_region_set_enabled(&s->tseg_hidden, tseg != 0);
    memory_region_set_enabled(&s->tseg, tseg != 0);
    bool smbase_locked = pci_get8(&s->pci, MCH_SMBASE_SMRAM) == SMBASE_SMRAM_LOCKED;
    memory_region_set_enabled(&s->smbase_hidden, smbase_locked);
    memory_region_set_enabled(&s->smbase_window, smbase_locked);
    memory_transaction_commit();
}

static void set_smram_masks(Mch *s)
{
    bool locked = pci_get8(&s->pci, MCH_SMRAM) & SMRAM_D_LCK;
    uint8_t smbase = pci_get8(&s->pci, MCH_SMBASE_SMRAM);

    pci_set_writable8(&s->pci, MCH_SMRAM, locked ? SMRAM_D_CLS : SMRAM_WRITABLE);
    pci_set_writable8(&s->pci, MCH_ESMRAMC, locked ? 0 : ESMRAMC_WRITABLE);
    pci_set_writable8(&s->pci, MCH_SMBASE_SMRAM, smbase == SMBASE_SMRAM_PRESENT ? SMBASE_SMRAM_LOCKED :
                                                 smbase == SMBASE_SMRAM_LOCKED || !s->smbase_smram ? 0 : 0xff);
}

static void smram_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    Mch *s = (Mch *)dev;
    uint8_t smram = pci_get8(dev, MCH_SMRAM);

    if (smram & SMRAM_D_LCK) {
        pci_set8(dev, MCH_SMRAM, smram & ~SMRAM_D_OPEN);
    }
    set_smram_masks(s);
    smram_update(s);
}

static void pam_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    pam_update(&((Mch *)dev)->pam, dev->config + MCH_PAM0);
}

/* Firmware asks by writing all ones; what it reads then is the answer. */
static void ext_tseg_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    Mch *s = (Mch *)dev;
    if (value == EXT_TSEG_QUERY && s->ext_tseg_mbytes) {
        pci_set16(dev, MCH_EXT_TSEG_MBYTES, s->ext_tseg_mbytes);
    }
}

static void smbase_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    Mch *s = (Mch *)dev;
    if (old != SMBASE_SMRAM_PRESENT && value == SMBASE_SMRAM_QUERY) {
        pci_set8(dev, MCH_SMBASE_SMRAM, SMBASE_SMRAM_PRESENT);
    } else if (old == SMBASE_SMRAM_PRESENT) {
        pci_set8(dev, MCH_SMBASE_SMRAM, value & SMBASE_SMRAM_LOCKED ? SMBASE_SMRAM_LOCKED : SMBASE_SMRAM_PRESENT);
    } else {
        pci_set8(dev, MCH_SMBASE_SMRAM, old);
    }
    set_smram_masks(s);
    smram_update(s);
}

static bool ecam_window(const Mch *s, uint64_t *base, uint64_t *size)
{
    static const uint32_t sizes[4] = { 256 << 20, 128 << 20, 64 << 20, 0 };
    uint64_t bar = pci_get32(&s->pci, MCH_PCIEXBAR) | (uint64_t)pci_get32(&s->pci, MCH_PCIEXBAR + 4) << 32;

    *size = bar & PCIEXBAR_ENABLE ? sizes[bar >> 1 & 3] : 0;
    *base = *size ? bar & 0xfffffffffull & ~(*size - 1) : 0;
    return *size != 0;
}

static void ecam_update(Mch *s)
{
    uint64_t base, size;
    ecam_window(s, &base, &size);
    pci_host_map_ecam(&s->host->host, s->memory.system, base, size);
}

static void pciexbar_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    ecam_update((Mch *)dev);
}

static const PciConfigRow mch_config[] = {
    { 0x40, 4, "EPBAR",    .writable = 0xfffff001 },
    { 0x44, 4, "EPBAR_HI", .writable = 0x0000000f },
    { 0x48, 4, "MCHBAR",   .writable = 0xffffc001 },
    { 0x4c, 4, "MCHBAR_HI", .writable = 0x0000000f },
    { MCH_EXT_TSEG_MBYTES, 2, "EXT_TSEG_MBYTES", .writable = 0xffff, .on_write = ext_tseg_written },
    { 0x54, 4, "DEVEN",    .writable = 0x000003db },
    { MCH_PCIEXBAR, 4, "PCIEXBAR", .reset = Q35_ECAM_DEFAULT_BASE, .writable = 0xfc000007,
      .on_write = pciexbar_written, .survives_s3 = true },      /* see ICH9's PMBASE */
    { MCH_PCIEXBAR + 4, 4, "PCIEXBAR_HI", .writable = 0x0000000f, .on_write = pciexbar_written, .survives_s3 = true },
    { 0x68, 4, "DMIBAR",   .writable = 0xfffff001 },
    { 0x6c, 4, "DMIBAR_HI", .writable = 0x0000000f },
    { 0x90, 1, "PAM0",     .writable = 0x30, .on_write = pam_written, .survives_s3 = true },
    { 0x91, 1, "PAM1",     .writable = 0x33, .on_write = pam_written, .survives_s3 = true },
    { 0x92, 1, "PAM2",     .writable = 0x33, .on_write = pam_written, .survives_s3 = true },
    { 0x93, 1, "PAM3",     .writable = 0x33, .on_write = pam_written, .survives_s3 = true },
    { 0x94, 1, "PAM4",     .writable = 0x33, .on_write = pam_written, .survives_s3 = true },
    { 0x95, 1, "PAM5",     .writable = 0x33, .on_write = pam_written, .survives_s3 = true },
    { 0x96, 1, "PAM6",     .writable = 0x33, .on_write = pam_written, .survives_s3 = true },
    { 0x97, 1, "LAC",      .writable = 0x83 },
    { MCH_SMBASE_SMRAM, 1, "SMBASE_SMRAM", .writable = 0xff, .on_write = smbase_written },
    { MCH_SMRAM, 1, "SMRAM", .reset = SMRAM_C_BASE_SEG, .writable = SMRAM_WRITABLE, .on_write = smram_written },
    { MCH_ESMRAMC, 1, "ESMRAMC", .reset = ESMRAMC_FIXED, .writable = ESMRAMC_WRITABLE, .write_1_clear = ESMRAMC_E_SMERR,
      .on_write = smram_written },
    { 0xa0, 2, "TOM",      .writable = 0x03ff },
    { 0xa2, 2, "TOUUD",    .writable = 0xffff },
    { 0xa4, 4, "GBSM",     .writable = 0xfff00000 },
    { 0xac, 4, "TSEGMB",   .writable = 0xfff00000 },
    { 0xb0, 2, "TOLUD",    .writable = 0xfff0 },
    { 0xc8, 2, "ERRSTS",   .write_1_clear = 0x1fff },
    { 0xca, 2, "ERRCMD",   .writable = 0x1fff },
    { 0xdc, 4, "SKPD",     .writable = 0xffffffff },
    { }
};

static bool mch_realize(Device *dev, GError **err)
{
    Mch *s = (Mch *)dev;
    const ChipsetMemory *m = &s->memory;
    Object *obj = OBJECT(dev);

    if (s->ext_tseg_mbytes > 0xfff) {
        return error_set(err, "property 'extended-tseg-mbytes' is %u, more than 4095", s->ext_tseg_mbytes);
    }
    pam_init(&s->pam, obj, m->ram, m->system, m->pci);
    memory_region_init_alias(&s->smram_pci, obj, "smram-region", m->pci, SMRAM_BASE, SMRAM_BYTES);
    memory_region_add_overlap(m->system, SMRAM_BASE, &s->smram_pci, 1);
    memory_region_init_alias(&s->open_high_smram, obj, "smram-open-high", m->ram, SMRAM_BASE, SMRAM_BYTES);
    memory_region_set_enabled(&s->open_high_smram, false);
    memory_region_add_overlap(m->system, HIGH_SMRAM_BASE, &s->open_high_smram, 1);
    memory_region_init_io(&s->tseg_hidden, obj, &hidden_ops, s, "tseg-blackhole", MIB);
    memory_region_set_enabled(&s->tseg_hidden, false);
    memory_region_add_overlap(m->system, 0, &s->tseg_hidden, 1);
    memory_region_init_io(&s->smbase_hidden, obj, &hidden_ops, s, "smbase-blackhole", SMBASE_WINDOW_BYTES);
    memory_region_set_enabled(&s->smbase_hidden, false);
    memory_region_add_overlap(m->system, SMBASE_WINDOW_BASE, &s->smbase_hidden, 1);

    memory_region_init_alias(&s->low_smram, obj, "smram-low", m->ram, SMRAM_BASE, SMRAM_BYTES);
    memory_region_add(m->smram, SMRAM_BASE, &s->low_smram);
    memory_region_init_alias(&s->high_smram, obj, "smram-high", m->ram, SMRAM_BASE, SMRAM_BYTES);
    memory_region_add(m->smram, HIGH_SMRAM_BASE, &s->high_smram);
    memory_region_init_alias(&s->tseg, obj, "tseg-window", m->ram, 0, MIB);
    memory_region_set_enabled(&s->tseg, false);
    memory_region_add(m->smram, 0, &s->tseg);
    memory_region_init_alias(&s->smbase_window, obj, "smbase-window", m->ram, SMBASE_WINDOW_BASE, SMBASE_WINDOW_BYTES);
    memory_region_set_enabled(&s->smbase_window, false);
    memory_region_add(m->smram, SMBASE_WINDOW_BASE, &s->smbase_window);
    return true;
}

static void mch_reset(Device *dev, ResetKind kind)
{
    Mch *s = (Mch *)dev;

    pci_set16(&s->pci, MCH_EXT_TSEG_MBYTES, s->ext_tseg_mbytes);
    set_smram_masks(s);
    ecam_update(s);
    pam_update(&s->pam, s->pci.config + MCH_PAM0);
    smram_update(s);
}

static bool mch_post_load(Device *dev, unsigned version, GError **err)
{
    Mch *s = (Mch *)dev;

    set_smram_masks(s);
    ecam_update(s);
    pam_update(&s->pam, s->pci.config + MCH_PAM0);
    smram_update(s);
    return true;
}

static const Property mch_properties[] = {
    PROP_UINT16("extended-tseg-mbytes", Mch, ext_tseg_mbytes, 64, "Size of the extended TSEG in MiB; 0: none"),
    PROP_BOOL("smbase-smram", Mch, smbase_smram, true, "SMRAM at the reset SMBASE is offered"),
    { }
};

static const PciDeviceType mch_type = {
    .name = "mch", .parent = &pci_device_type.type, .size = sizeof(Mch), .category = CATEGORY_BRIDGE,
    .description = "Host bridge (82Q35 MCH)", .not_user_creatable = true, .no_hotplug = true,
    .vendor_id = PCI_VENDOR_INTEL, .device_id = 0x29c0, .class_id = PCI_CLASS_BRIDGE_HOST, .config = mch_config,
    .properties = mch_properties, .realize = mch_realize, .reset = mch_reset, .post_load = mch_post_load,
};
TYPE_REGISTER(mch_type);

static void host_reset(Device *dev, ResetKind kind)
{
    ((Q35Host *)dev)->host.config_address = 0;
}

static const Property host_properties[] = {
    PROP_SIZE("pci-hole64-size", Q35Host, pci_hole64_size, 32ull << 30, "Least size of the 64-bit PCI memory window"),
    PROP_SIZE("below-4g-mem-size", Q35Host, below_4g_bytes, 0, "Guest RAM below 4 GiB"),
    PROP_SIZE("above-4g-mem-size", Q35Host, above_4g_bytes, 0, "Guest RAM above 4 GiB"),
    { }
};
static const StateField host_state[] = { STATE_U32(Q35Host, host.config_address), { } };

static const DeviceType q35_host_type = {
    .name = "q35-pcihost", .parent = &device_type.type, .size = sizeof(Q35Host), .category = CATEGORY_BRIDGE,
    .description = "PCI Express host of the Q35", .bus = &system_bus_type.type, .not_user_creatable = true,
    .no_hotplug = true, .properties = host_properties, .state = host_state, .reset = host_reset,
};
TYPE_REGISTER(q35_host_type);

PciBus *q35_create(const ChipsetMemory *memory)
{
    Q35Host *h = (Q35Host *)device_new(&q35_host_type);

    h->below_4g_bytes = memory->below_4g_bytes;
    h->above_4g_bytes = memory->above_4g_bytes;
    pci_bus_init(&h->bus, &pcie_bus_type, &h->device, "pcie.0", memory->pci, memory->io, 0);
    object_add_child(object_resolve("/machine", NULL), "q35", &h->device.object);
    device_realize_onboard(&h->device, system_bus());
    pci_host_init(&h->host, &h->device, &h->bus, memory->io);

    Mch *mch = (Mch *)pci_new(&mch_type, PCI_DEVFN(0, 0), false);
    mch->memory = *memory;
    mch->host = h;
    machine_mch = mch;
    device_realize_onboard(&mch->pci.device, &h->bus.bus);
    return &h->bus;
}

bool q35_ecam(uint64_t *base, uint64_t *size)
{
    return ecam_window(machine_mch, base, size);
}
