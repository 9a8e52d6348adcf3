/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel ICH9 (82801I), device 31 function 0: LPC bridge.
 *
 *   PCI device's INTx -> one of PIRQA-H: by chip configuration D31IR..D25IR for slots 25-31, (slot + pin) mod 4 of
 *   PIRQE-H for the others -> always IO APIC input 16-23; PIRQx_ROUT enabled: also ISA interrupt (PIC)
 *
 * RCBA maps 16 KiB of chip configuration; the registers used here are the interrupt routes and GCS.
 * Guest write of APMC -> SCI_EN as the BIOS's SMI handler would do it; SMI_EN.APMC_EN -> SMI, to all vCPUs if firmware
 * asked for that through fw_cfg's etc/smi files.
 * Spec: Intel ICH9 data sheet (316972), chapters 10 (chip configuration) and 13 (LPC).
 */
#include "hw/pc/ich9_lpc.h"

#include <string.h>

#include "hw/acpi/cpu_hotplug.h"
#include "hw/acpi/ich9_pm.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/machine.h"
#include "hw/pc/reset_control.h"
#include "hw/pc/smi.h"

enum {
    PMBASE = 0x40, ACPI_CNTL = 0x44, PIRQA_ROUT = 0x60, PIRQE_ROUT = 0x68, GEN_PMCON_1 = 0xa0, RCBA = 0xf0,
    ACPI_CNTL_ACPI_EN = 0x80, ACPI_CNTL_SCI_IRQ_SEL = 0x07, ROUT_DISABLE = 0x80, ROUT_IRQ = 0x0f,
    GEN_PMCON_1_SMI_LOCK = 0x10, RCBA_ENABLE = 1
};
enum { RCRB_BYTES = 0x4000, RCRB_D31IR = 0x3140, RCRB_GCS = 0x3410, GCS_NO_REBOOT = 1 << 5 };
enum { ICH9_PIRQS = 8, PIRQ_GSI = 16, SCI_GSI = 9, ISA_INTERRUPTS_ALLOWED = 0xdef8 };
enum { SMI_FEATURE_BROADCAST = 1 };

/* Offsets of the interrupt route registers of devices 25-31; device 30 (PCI bridge) has PIRQE-H. */
static const uint16_t route_offset[32] = {
    [31] = RCRB_D31IR, [29] = 0x3144, [28] = 0x3146, [27] = 0x3148, [26] = 0x314c, [25] = 0x3150,
};

typedef struct Ich9Lpc {
    PciDevice pci;
    IsaBus isa;
    const ChipsetMemory *memory;                /* until realized */
    IrqLine *gsis[GSI_COUNT];
    Ich9Pm pm;
    AcpiPciHotplug hotplug;
    AcpiCpuHotplug cpus;
    ApmPorts apm;
    ResetControl reset_control;
    MemoryRegion rcrb_region;
    uint8_t *rcrb;                              /* chip configuration, RCRB_BYTES */
    uint32_t rcrb_len;
    bool noreboot, smm_enabled, smm_compat;
    uint8_t disable_s3, disable_s4, s4_val;
    bool smi_broadcast;                         /* offered */
    uint64_t smi_offered, smi_requested;        /* fw_cfg files, little-endian */
    uint8_t smi_ok;
    /* Guest state besides the parts' */
    bool sci_level;
    uint64_t smi_negotiated;
    uint32_t driven;                            /* levels now at the GSI inputs */
} Ich9Lpc;

static Ich9Lpc *machine_lpc;

/* Interrupts */

static unsigned sci_gsi(const Ich9Lpc *s)
{
    static const uint8_t gsi[8] = { 9, 10, 11, 9, 20, 21, 9, 9 };   /* 3, 6, 7 are reserved */
    return gsi[pci_get8(&s->pci, ACPI_CNTL) & ACPI_CNTL_SCI_IRQ_SEL];
}

static void route(Ich9Lpc *s)
{
    PciBus *bus = pci_device_bus(&s->pci);
    uint32_t wanted = s->sci_level ? 1u << sci_gsi(s) : 0;

    for (int pirq = 0; pirq < ICH9_PIRQS; pirq++) {
        if (!pci_bus_irq_level(bus, pirq)) {
            continue;
        }
        uint8_t rout = pci_get8(&s->pci, pirq < 4 ? PIRQA_ROUT + pirq : PIRQE_ROUT + pirq - 4);
        wanted |= 1u << (PIRQ_GSI + pirq);
        if (!(rout & ROUT_DISABLE)) {
            wanted |= (1u << (rout & ROUT_IRQ)) & ISA_INTERRUPTS_ALLOWED;
        }
    }
    uint32_t changed = wanted ^ s->driven;
    s->driven = wanted;
    for (int gsi = 0; gsi < GSI_COUNT; gsi++) {
        if (changed >> gsi & 1) {
            irq_set(s->gsis[gsi], wanted >> gsi & 1);
        }
    }
}

static void pirq_changed(void *opaque, int line, int level)
{
    route(opaque);
}

static int map_irq(PciDevice *dev, int pin)
{
    unsigned slot = PCI_SLOT(dev->devfn);
    if (route_offset[slot]) {
        const uint8_t *ir = machine_lpc->rcrb + route_offset[slot];
        return (ir[0] | ir[1] << 8) >> (4 * pin) & 7;
    }
    return (slot == 30 ? pin : (slot + pin) % PCI_PINS) + 4;
}

static void sci_changed(Device *dev, bool level)
{
    Ich9Lpc *s = (Ich9Lpc *)dev;
    s->sci_level = level;
    route(s);
}

/* Chip configuration */

static uint64_t rcrb_read(void *opaque, uint64_t offset, unsigned size)
{
    const Ich9Lpc *s = opaque;
    uint32_t value = 0;
    memcpy(&value, s->rcrb + offset, size);
    return value;
}

static void gcs_changed(Ich9Lpc *s)
{
    s->pm.tco.no_reboot = s->noreboot || (s->rcrb[RCRB_GCS] & GCS_NO_REBOOT);
}

static void rcrb_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ich9Lpc *s = opaque;
    memcpy(s->rcrb + offset, &value, size);
    pci_bus_recount_irqs(pci_device_bus(&s->pci));      /* routes may have changed under asserted pins */
    gcs_changed(s);
}

static const MemoryOps rcrb_ops = { .read = rcrb_read, .write = rcrb_write, .valid = { 1, 4 }, .impl = { 1, 4 } };

static void rcrb_reset(Ich9Lpc *s)
{
    static const uint8_t d28ip[] = { 0x21, 0x43, 0x21, 0x00 };
    memset(s->rcrb, 0, RCRB_BYTES);
    for (unsigned slot = 0; slot < 32; slot++) {
        if (route_offset[slot]) {
            s->rcrb[route_offset[slot]] = 0x10;         /* INTA-D -> PIRQA-D */
            s->rcrb[route_offset[slot] + 1] = 0x32;
        }
    }
    memcpy(s->rcrb + 0x310c, d28ip, sizeof(d28ip));
    s->rcrb[RCRB_GCS] = GCS_NO_REBOOT;
    gcs_changed(s);
}

/* Mapping of blocks */

static void remap(Ich9Lpc *s)
{
    uint32_t rcba = pci_get32(&s->pci, RCBA);

    memory_transaction_begin();
    memory_region_set_address(&s->pm.region, pci_get32(&s->pci, PMBASE) & 0xff80);
    memory_region_set_enabled(&s->pm.region, (pci_get8(&s->pci, ACPI_CNTL) & ACPI_CNTL_ACPI_EN) != 0);
    memory_region_set_address(&s->rcrb_region, rcba & 0xffffc000);
    memory_region_set_enabled(&s->rcrb_region, (rcba & RCBA_ENABLE) != 0);
    memory_transaction_commit();
}

static void map_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    remap((Ich9Lpc *)dev);
    route((Ich9Lpc *)dev);                              /* ACPI_CNTL also chooses the SCI's input */
}

static void rout_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    route((Ich9Lpc *)dev);
}

static void pmcon_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    Ich9Lpc *s = (Ich9Lpc *)dev;
    if (old & GEN_PMCON_1_SMI_LOCK) {                   /* sticks until reset */
        pci_set8(dev, GEN_PMCON_1, value | GEN_PMCON_1_SMI_LOCK);
    }
    s->pm.smi_locked = pci_get8(dev, GEN_PMCON_1) & GEN_PMCON_1_SMI_LOCK;
}

#define PIRQ_ROUT_ROW(at, n) { at, 1, n, .reset = ROUT_DISABLE, .writable = 0x8f, .on_write = rout_written }
/*
 * Where the blocks are is in the core well, so that it is lost in S3 and a BIOS puts it back at the wake-up. SeaBIOS does
 * that for PIIX4 alone: here it is kept, or the power management block would be gone and the guest never sleep again.
 */
static const PciConfigRow ich9_lpc_config[] = {
    { PMBASE,    4, "PMBASE",    .reset = 1, .writable = 0xff80, .on_write = map_written, .survives_s3 = true },
    { ACPI_CNTL, 1, "ACPI_CNTL", .writable = ACPI_CNTL_ACPI_EN | ACPI_CNTL_SCI_IRQ_SEL, .on_write = map_written,
      .survives_s3 = true },
    { 0x48,      4, "GPIOBASE",  .reset = 1, .writable = 0xffc0 },
    { 0x4c,      1, "GC",        .writable = 0x11 },
    PIRQ_ROUT_ROW(0x60, "PIRQA_ROUT"), PIRQ_ROUT_ROW(0x61, "PIRQB_ROUT"), PIRQ_ROUT_ROW(0x62, "PIRQC_ROUT"),
    PIRQ_ROUT_ROW(0x63, "PIRQD_ROUT"), PIRQ_ROUT_ROW(0x68, "PIRQE_ROUT"), PIRQ_ROUT_ROW(0x69, "PIRQF_ROUT"),
    PIRQ_ROUT_ROW(0x6a, "PIRQG_ROUT"), PIRQ_ROUT_ROW(0x6b, "PIRQH_ROUT"),
    { 0x64,      1, "SIRQ_CNTL", .reset = 0x10, .writable = 0xff },
    { 0x80,      2, "LPC_I/O_DEC", .writable = 0x1377 },
    { 0x82,      2, "LPC_EN",    .writable = 0x3f0f },
    { 0x84,      4, "GEN1_DEC",  .writable = 0x00fcfffd },
    { 0x88,      4, "GEN2_DEC",  .writable = 0x00fcfffd },
    { 0x8c,      4, "GEN3_DEC",  .writable = 0x00fcfffd },
    { 0x90,      4, "GEN4_DEC",  .writable = 0x00fcfffd },
    { GEN_PMCON_1, 2, "GEN_PMCON_1", .writable = 0x1eff, .on_write = pmcon_written },
    { 0xa2,      1, "GEN_PMCON_2", .writable = 0xff },
    { 0xa4,      2, "GEN_PMCON_3", .writable = 0xffff },
    { 0xb8,      4, "GPI_ROUT",  .writable = 0xffffffff },
    { 0xd0,      4, "FWH_SEL1",  .reset = 0x00112233, .writable = 0xffffffff },
    { 0xd4,      2, "FWH_SEL2",  .reset = 0x4567, .writable = 0xffff },
    { 0xd8,      2, "FWH_DEC_EN1", .reset = 0xffcf, .writable = 0x7fcf },
    { 0xdc,      1, "BIOS_CNTL", .writable = 0x1f },
    { RCBA,      4, "RCBA",      .writable = 0xffffc001, .on_write = map_written, .survives_s3 = true },
    { }
};

/* SMI */

static void apm_command(Device *dev, uint8_t value)
{
    Ich9Lpc *s = (Ich9Lpc *)dev;

    if (value == ICH9_ACPI_ENABLE || value == ICH9_ACPI_DISABLE) {
        acpi_pm_set_enabled(&s->pm.pm, value == ICH9_ACPI_ENABLE);
    }
    if (s->smm_enabled && (s->pm.smi_en & ICH9_SMI_EN_APMC_EN)) {
        smi_raise(s->smi_negotiated & SMI_FEATURE_BROADCAST);
    }
}

/* Firmware wrote what it wants, and now reads whether it may have that. */
static void smi_features_select(void *opaque)
{
    Ich9Lpc *s = opaque;
    uint64_t wanted = GUINT64_FROM_LE(s->smi_requested);

    if (!s->smi_ok && !(wanted & ~GUINT64_FROM_LE(s->smi_offered))) {
        s->smi_negotiated = wanted;
        s->smi_ok = 1;
    }
}

static void smi_features_init(void *opaque)
{
    Ich9Lpc *s = opaque;
    FwCfg *fw = fw_cfg_find();

    if (fw && s->smm_enabled && s->smi_offered) {
        fw_cfg_add_file(fw, "etc/smi/supported-features", &s->smi_offered, sizeof(s->smi_offered));
        fw_cfg_add_file_callback(fw, "etc/smi/requested-features", NULL, NULL, s, &s->smi_requested,
                                 sizeof(s->smi_requested), true);
        fw_cfg_add_file_callback(fw, "etc/smi/features-ok", smi_features_select, NULL, s, &s->smi_ok, sizeof(s->smi_ok),
                                 false);
    }
}

/* Life */

static bool ich9_lpc_realize(Device *dev, GError **err)
{
    Ich9Lpc *s = (Ich9Lpc *)dev;
    const ChipsetMemory *m = s->memory;

    s->rcrb = g_malloc0(RCRB_BYTES);
    s->rcrb_len = RCRB_BYTES;
    s->pm.smm_enabled = s->smm_enabled;
    s->smi_offered = GUINT64_TO_LE(s->smi_broadcast ? SMI_FEATURE_BROADCAST : 0);
    ich9_pm_init(&s->pm, dev, sci_changed);
    s->pm.pm.disable_s3 = s->disable_s3;
    s->pm.pm.disable_s4 = s->disable_s4;
    s->pm.pm.s4_value = s->s4_val;
    memory_region_set_enabled(&s->pm.region, false);
    memory_region_add(m->io, 0, &s->pm.region);
    memory_region_init_io(&s->rcrb_region, OBJECT(dev), &rcrb_ops, s, "lpc-rcrb-mmio", RCRB_BYTES);
    memory_region_set_enabled(&s->rcrb_region, false);
    memory_region_add_overlap(m->system, 0, &s->rcrb_region, 1);
    if (s->hotplug.bridges) {
        acpi_pci_hotplug_init(&s->hotplug, dev, &s->pm.pm, pci_device_bus(&s->pci), m->io, ICH9_PCI_HOTPLUG_BASE);
    }
    acpi_cpu_hotplug_init(&s->cpus, dev, &s->pm.pm, m->io, ICH9_CPU_HOTPLUG_BASE);
    apm_ports_init(&s->apm, dev, m->io, apm_command);
    reset_control_init(&s->reset_control, pci_device_bus(&s->pci), RESET_CONTROL_SYS_RST | RESET_CONTROL_FULL_RST);
    isa_bus_init(&s->isa, dev, "isa.0", m->system, m->io);
    pci_bus_set_irqs(pci_device_bus(&s->pci), pirq_changed, map_irq, s, ICH9_PIRQS);
    machine_on_done(smi_features_init, s);
    return true;
}

static void ich9_lpc_reset(Device *dev, ResetKind kind)
{
    Ich9Lpc *s = (Ich9Lpc *)dev;

    s->reset_control.value = 0;
    s->smi_requested = s->smi_negotiated = 0;
    s->smi_ok = 0;
    rcrb_reset(s);
    ich9_pm_reset(&s->pm);
    acpi_pci_hotplug_reset(&s->hotplug);
    apm_ports_reset(&s->apm);
    remap(s);
    route(s);
}

static bool ich9_lpc_post_load(Device *dev, unsigned version, GError **err)
{
    Ich9Lpc *s = (Ich9Lpc *)dev;

    if (s->rcrb_len != RCRB_BYTES) {
        s->rcrb_len = RCRB_BYTES;
        return error_set(err, "ICH9 chip configuration has a wrong size");
    }
    s->reset_control.value &= s->reset_control.mask;
    s->pm.smi_locked = pci_get8(&s->pci, GEN_PMCON_1) & GEN_PMCON_1_SMI_LOCK;
    gcs_changed(s);
    ich9_pm_loaded(&s->pm);
    acpi_pci_hotplug_loaded(&s->hotplug);
    remap(s);
    if (!acpi_cpu_hotplug_loaded(&s->cpus, err)) {
        return false;
    }
    s->driven = 0;
    pci_bus_recount_irqs(pci_device_bus(&s->pci));
    route(s);
    return true;
}

static void ich9_lpc_finalize(Object *obj)
{
    g_free(((Ich9Lpc *)obj)->rcrb);
    g_free(((Ich9Lpc *)obj)->cpus.slots);
}

static const Property ich9_lpc_properties[] = {
    PROP_BOOL("acpi-pci-hotplug-with-bridge-support", Ich9Lpc, hotplug.bridges, true,
              "ACPI adds and removes devices behind bridges and ports"),
    PROP_BOOL("noreboot", Ich9Lpc, noreboot, false, "The TCO watchdog does not reset the machine"),
    PROP_BOOL("smm-compat", Ich9Lpc, smm_compat, false, "Kept for machine versions"),
    PROP_BOOL("smm-enabled", Ich9Lpc, smm_enabled, false, "System management interrupts are delivered"),
    PROP_BOOL("x-smi-broadcast", Ich9Lpc, smi_broadcast, true, "Firmware may ask that SMIs go to all CPUs"),
    PROP_UINT8("disable_s3", Ich9Lpc, disable_s3, 0, "1: suspend to RAM is not offered"),
    PROP_UINT8("disable_s4", Ich9Lpc, disable_s4, 0, "1: suspend to disk is not offered"),
    PROP_UINT8("s4_val", Ich9Lpc, s4_val, 2, "PM1 control's sleep type of suspend to disk", .min = 0, .max = 7),
    { }
};
static const StateField ich9_lpc_state[] = {
    STATE_STRUCT(Ich9Lpc, pm, Ich9Pm, ich9_pm_state), STATE_STRUCT(Ich9Lpc, apm, ApmPorts, apm_ports_state),
    STATE_BUFFER(Ich9Lpc, rcrb, rcrb_len, RCRB_BYTES), STATE_U8(Ich9Lpc, reset_control.value),
    STATE_BOOL(Ich9Lpc, sci_level),
    STATE_U64(Ich9Lpc, smi_requested), STATE_U8(Ich9Lpc, smi_ok), STATE_U64(Ich9Lpc, smi_negotiated),
    STATE_STRUCT(Ich9Lpc, hotplug, AcpiPciHotplug, acpi_pci_hotplug_state),
    STATE_STRUCT(Ich9Lpc, cpus, AcpiCpuHotplug, acpi_cpu_hotplug_state), { }
};

static const PciDeviceType ich9_lpc_type = {
    .name = "ICH9-LPC", .parent = &pci_device_type.type, .size = sizeof(Ich9Lpc), .category = CATEGORY_BRIDGE,
    .description = "ICH9 LPC bridge", .not_user_creatable = true, .no_hotplug = true,
    .vendor_id = PCI_VENDOR_INTEL, .device_id = 0x2918, .class_id = PCI_CLASS_BRIDGE_ISA, .revision = 2,
    .config = ich9_lpc_config, .properties = ich9_lpc_properties, .state = ich9_lpc_state,
    .finalize = ich9_lpc_finalize, .realize = ich9_lpc_realize, .reset = ich9_lpc_reset,
    .post_load = ich9_lpc_post_load,
};
TYPE_REGISTER(ich9_lpc_type);

IsaBus *ich9_lpc_create(PciBus *bus, const ChipsetMemory *memory, IrqLine *const gsis[GSI_COUNT])
{
    Ich9Lpc *s = (Ich9Lpc *)pci_new(&ich9_lpc_type, ICH9_LPC_DEVFN, true);

    s->memory = memory;
    s->smm_enabled = memory->smm;
    memcpy(s->gsis, gsis, sizeof(s->gsis));
    machine_lpc = s;
    device_realize_onboard(&s->pci.device, &bus->bus);
    s->memory = NULL;
    isa_bus_set_irqs(&s->isa, s->gsis);
    return &s->isa;
}

Ich9PmInfo ich9_lpc_pm_info(void)
{
    return (Ich9PmInfo){ machine_lpc->disable_s3, machine_lpc->disable_s4, machine_lpc->s4_val };
}

bool ich9_lpc_smi_broadcast(void)
{
    return machine_lpc->smi_negotiated & SMI_FEATURE_BROADCAST;
}

const AcpiPciHotplug *ich9_lpc_hotplug(void)
{
    return machine_lpc->hotplug.pm ? &machine_lpc->hotplug : NULL;
}
