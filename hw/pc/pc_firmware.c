/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a PC tells its firmware, through fw_cfg: memory map, sleep states, HPET, kernel to boot, and when the machine is
 * done, ACPI and SMBIOS tables.
 */
#include <inttypes.h>
#include <string.h>

#include "hw/acpi/acpi_roots.h"
#include "hw/acpi/cpu_hotplug.h"
#include "hw/acpi/ich9_pm.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/block/fdc.h"
#include "hw/char/parallel.h"
#include "hw/numa.h"
#include "hw/firmware/linux_boot.h"
#include "hw/firmware/smbios.h"
#include "hw/pc/ich9_lpc.h"
#include "hw/pc/pc.h"
#include "hw/pc/q35.h"
#include "hw/pci/shpc.h"
#include "hw/timer/hpet.h"
#include "target/i386/apic.h"
#include "target/i386/cpu.h"

#define GIB (1ull << 30)
#define HYPERTRANSPORT_BASE 0xfd00000000ull
#define HYPERTRANSPORT_BYTES (12 * GIB)
#define PM_BASE 0x600                           /* where SeaBIOS and OVMF put the PM1 block */
#define IOAPIC_ADDRESS 0xfec00000u
#define SCI_IRQ 9

typedef struct __attribute__((packed)) HpetEntry {
    uint32_t event_timer_block_id;
    uint64_t address;
    uint16_t min_tick;
    uint8_t page_protection;
} HpetEntry;
typedef struct __attribute__((packed)) HpetConfig { uint8_t count; HpetEntry entries[8]; } HpetConfig;

/*
 * AMD processors use the last 12 GiB below 1 TiB for HyperTransport; DMA that an IOMMU lets go there does not reach memory.
 * Told to guests whose addresses reach that far, since version 7.1.
 */
static bool has_hypertransport_hole(const PcMachine *pc)
{
    const CpuX86 *cpu = CPU_X86(cpu_by_index(0));
    return !pc_before(pc, PC_7_1) && cpu && !g_strcmp0(cpu->vendor, "AuthenticAMD") && cpu->maxphyaddr >= 40;
}

static void add_e820(PcMachine *pc)
{
    if (has_hypertransport_hole(pc)) {
        fw_cfg_add_e820(pc->fw_cfg, HYPERTRANSPORT_BASE, HYPERTRANSPORT_BYTES, E820_RESERVED);
    }
    fw_cfg_add_e820(pc->fw_cfg, 0, pc->memory.below_4g_bytes, E820_RAM);
    if (pc->memory.above_4g_bytes) {
        fw_cfg_add_e820(pc->fw_cfg, 4 * GIB, pc->memory.above_4g_bytes, E820_RAM);
    }
}

static void sleep_states(PcMachine *pc, bool *s3, bool *s4, uint8_t *s4_value)
{
    if (pc->q35) {
        Ich9PmInfo info = ich9_lpc_pm_info();
        *s3 = !info.disable_s3, *s4 = !info.disable_s4, *s4_value = info.s4_value;
    } else if (pc->piix4_pm) {
        Piix4PmInfo info = piix4_pm_info(pc->piix4_pm);
        *s3 = !info.disable_s3, *s4 = !info.disable_s4, *s4_value = info.s4_value;
    }
}

/* One byte a state S0-S5: bit 7: offered; low bits: its PM1 sleep type. */
static void add_sleep_states(PcMachine *pc)
{
    bool s3 = false, s4 = false;
    uint8_t s4_value = 2;
    sleep_states(pc, &s3, &s4, &s4_value);
    uint8_t states[6] = { 0x80, 0, 0, 1 | s3 << 7, s4_value | s4 << 7, 0x80 };
    fw_cfg_add_file(pc->fw_cfg, "etc/system-states", states, sizeof(states));
}

static void add_hpet(PcMachine *pc)
{
    HpetConfig config = { .count = pc->hpet ? 1 : 0 };
    if (pc->hpet) {
        config.entries[0] = (HpetEntry){ GUINT32_TO_LE(0x8086a201), GUINT64_TO_LE(HPET_BASE), 0, 0 };
    }
    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_HPET, &config, sizeof(config));
}

/* ACPI */

typedef struct BarSearch { uint64_t first, last; } BarSearch;

static void find_high_bars(PciDevice *dev, void *opaque)
{
    BarSearch *search = opaque;
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        const PciBar *bar = &dev->bars[n];
        if (bar->mapped && bar->type != PCI_BAR_IO && bar->addr >= 4 * GIB) {
            search->first = MIN(search->first, bar->addr);
            search->last = MAX(search->last, bar->addr + bar->size - 1);
        }
    }
}

static void describe_windows(PcMachine *pc, AcpiMachine *a)
{
    uint64_t below = pc->memory.below_4g_bytes, ecam_base, ecam_bytes;
    uint64_t hole64 = pc->q35 ? 32 * GIB : 2 * GIB;

    a->pci_hole_start = below;
    if (pc->q35 && q35_ecam(&ecam_base, &ecam_bytes)) {
        a->ecam_base = ecam_base;
        a->ecam_bytes = ecam_bytes;
        if (ecam_base < IOAPIC_ADDRESS) {
            a->pci_hole_start = MAX(below, ecam_base + ecam_bytes);
        }
    }
    a->pci_hole_end = IOAPIC_ADDRESS - 1;
    uint64_t start = (4 * GIB + pc->memory.above_4g_bytes + GIB - 1) & -GIB;
    BarSearch bars = { start, start + hole64 - 1 };
    pci_foreach_device(pc->pci_bus, find_high_bars, &bars);
    a->pci_hole64_start = bars.first;
    a->pci_hole64_end = bars.last | (GIB - 1);
}

/* @bus as it was when the machine was done: what comes later is found by the guest. @h NULL: no hot-plug by ACPI. */
static const AcpiPciBus *describe_pci_bus(const AcpiPciHotplug *h, const PciBus *bus)
{
    AcpiPciBus *b = g_malloc0(sizeof(*b) + 256 * sizeof(b->slots[0]));

    b->bsel = h ? acpi_pci_hotplug_bsel(h, bus) : -1;
    for (int devfn = 0; devfn < 8 * bus->slots; devfn++) {
        const PciDevice *dev = bus->devices[devfn];
        const PciBus *below = dev ? pci_bus_below(dev) : NULL;
        AcpiPciSlot slot = { .devfn = devfn };

        slot.ejectable = b->bsel >= 0 && PCI_FUNC(devfn) == 0 && acpi_pci_hotplug_slot(bus, PCI_SLOT(devfn));
        slot.index = dev && !slot.ejectable ? dev->acpi_index : 0;
        if (below && !below->root_number) {
            slot.bus = describe_pci_bus(h, below);
            slot.shpc = shpc_drives(below);
        }
        if (slot.ejectable || slot.bus || slot.index) {
            b->slots[b->count++] = slot;
        }
    }
    return b;
}

static void describe_pci(PcMachine *pc, AcpiMachine *a)
{
    static const AcpiPciBus *buses;                     /* of the one machine there is */
    const AcpiPciHotplug *h = pc->q35 ? ich9_lpc_hotplug() : pc->piix4_pm ? piix4_pm_hotplug(pc->piix4_pm) : NULL;

    buses = buses ? buses : describe_pci_bus(h, pc->pci_bus);
    a->pci = buses;
    if (h) {
        a->pci_hotplug_base = pc->q35 ? ICH9_PCI_HOTPLUG_BASE : PIIX4_PCI_HOTPLUG_BASE;
    }
}

static void describe_acpi(AcpiMachine *a, void *opaque)
{
    PcMachine *pc = opaque;
    const Machine *m = &pc->machine;

    a->q35 = pc->q35;
    for (unsigned i = 0; i < m->smp.max_cpus; i++) {
        pc->acpi_cpus[i] = (AcpiCpu){ .apic_id = pc_apic_id(&m->smp, i), .present = cpu_by_index(i) != NULL };
    }
    a->cpus = pc->acpi_cpus;
    a->cpu_count = m->smp.max_cpus;
    if (acpi_cpu_hotplug()) {
        a->cpu_hotplug_base = pc->q35 ? ICH9_CPU_HOTPLUG_BASE : PIIX4_CPU_HOTPLUG_BASE;
    }
    describe_windows(pc, a);
    a->pm_base = PM_BASE;
    a->gpe0_base = pc->q35 ? PM_BASE + ICH9_GPE0_OFFSET : PIIX4_GPE0_BASE;
    a->gpe0_bytes = pc->q35 ? ICH9_GPE0_BYTES : PIIX4_GPE0_BYTES;
    a->sci_irq = SCI_IRQ;
    a->smm = pc->memory.smm;
    a->acpi_enable = pc->q35 ? ICH9_ACPI_ENABLE : PIIX4_ACPI_ENABLE;
    a->acpi_disable = pc->q35 ? ICH9_ACPI_DISABLE : PIIX4_ACPI_DISABLE;
    sleep_states(pc, &a->s3, &a->s4, &a->s4_value);
    a->hpet = pc->hpet;
    a->numa = m->numa;
    a->ram_below_4g = pc->memory.below_4g_bytes;
    a->rtc = true;
    a->i8042_keyboard = a->i8042_mouse = pc->i8042;
    a->floppy = fdc_is_there();
    a->parallel = parallel_port_exists(0x378);
    for (int i = 0; i < ACPI_COM_PORTS; i++) {
        a->com[i] = m->serials[i] != NULL;
    }
    a->fw_cfg = true;
    describe_pci(pc, a);
    acpi_describe_roots(a);
    a->ioapic_address = IOAPIC_ADDRESS;
    a->oem_id = pc->oem_id;
    a->oem_table_id = pc->oem_table_id;
}

static void add_acpi(PcMachine *pc)
{
    pc->acpi_cpus = g_new0(AcpiCpu, pc->machine.smp.max_cpus);
    acpi_setup(pc->fw_cfg, describe_acpi, pc);
}

/* Count, node of each APIC id, bytes of each node. */
static void add_numa(PcMachine *pc)
{
    const Machine *m = &pc->machine;
    unsigned words = 1 + pc->apic_id_limit + m->numa->count;
    g_autofree uint64_t *table = g_new0(uint64_t, words);

    table[0] = GUINT64_TO_LE(m->numa->count);
    for (unsigned i = 0; i < m->smp.max_cpus; i++) {
        table[1 + pc_apic_id(&m->smp, i)] = GUINT64_TO_LE(MAX(m->numa->cpu_nodes[i], 0));
    }
    for (unsigned n = 0; n < m->numa->count; n++) {
        table[1 + pc->apic_id_limit + n] = GUINT64_TO_LE(m->numa->nodes[n].bytes);
    }
    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_NUMA, table, words * sizeof(*table));
}

static void add_smbios(PcMachine *pc)
{
    const Machine *m = &pc->machine;
    const MachineType *type = (const MachineType *)m->object.type;
    uint32_t version[4];
    GError *err = NULL;

    cpu_cpuid(CPU_X86(cpu_by_index(0)), 1, 0, version);
    SmbiosMachine s = {
        .product = type->description, .version = type->machine_name, .ram_bytes = m->ram_size,
        .ram_below_4g = pc->memory.below_4g_bytes, .ram_above_4g = pc->memory.above_4g_bytes, .sockets = m->smp.sockets,
        .cores = m->smp.dies * m->smp.modules * m->smp.cores,
        .threads = m->smp.dies * m->smp.modules * m->smp.cores * m->smp.threads, .cpuid_version = version[0],
        .cpuid_features = version[3], .entry_point_64 = pc->smbios_entry_point == 64,
    };
    memcpy(s.uuid, m->uuid, sizeof(s.uuid));
    if (!smbios_setup(pc->fw_cfg, &s, &err)) {
        error_fatal(err);
    }
}

void pc_count_cpus(PcMachine *pc)
{
    fw_cfg_modify_u16(pc->fw_cfg, FW_CFG_NB_CPUS, cpu_count());
    pc_cmos_count_cpus(pc->rtc);
}

static void machine_done(void *opaque)
{
    PcMachine *pc = opaque;

    pc_count_cpus(pc);                          /* -device may have added some */
    add_smbios(pc);
    if (pc_on(pc->acpi, true)) {
        add_acpi(pc);
    }
}

/*
 * QEMU's PCs have an option ROM by this name, for what old Windows guests do with the APIC. A BIOS takes any ROM without
 * a Plug and Play header for that of a disk controller, and so tries disks at their place in the boot order even where
 * there is none. This one only returns.
 */
static void add_legacy_rom(PcMachine *pc)
{
    uint8_t rom[512] = { 0x55, 0xaa, 1, 0xcb };         /* one block; at offset 3: RETF */
    uint8_t sum = 0;

    for (size_t i = 0; i < sizeof(rom) - 1; i++) {
        sum += rom[i];
    }
    rom[sizeof(rom) - 1] = -sum;
    g_autoptr(GBytes) bytes = g_bytes_new(rom, sizeof(rom));
    fw_cfg_add_option_rom(pc->fw_cfg, "kvmvapic.bin", bytes, -1);
}

static void print_option_rom(const char *name, size_t bytes, void *out)
{
    if (g_str_has_prefix(name, "genroms/") || g_str_has_prefix(name, "vgaroms/")) {
        g_string_append_printf(out, "fw=%s size=0x%06zx name=\"%s\"\n", name, bytes, strchr(name, '/') + 1);
    } else if (g_str_has_prefix(name, "etc/acpi/") || !strcmp(name, "etc/table-loader")) {
        g_string_append_printf(out, "/rom@%s size=0x%06zx name=\"%s\"\n", name, bytes, name);
    }
}

void pc_print_fw_cfg_roms(FwCfg *fw, GString *out)
{
    fw_cfg_foreach_file(fw, print_option_rom, out);
}

static void print_roms(Machine *m, GString *out)
{
    PcMachine *pc = PC_MACHINE(m);
    uint64_t bytes = pc->bios.size ? memory_region_size(&pc->bios) : 0;

    if (bytes) {
        g_autofree char *name = g_path_get_basename(m->firmware ? m->firmware : "bios-256k.bin");
        g_string_append_printf(out, "addr=%016" PRIx64 " size=0x%06" PRIx64 " mem=rom name=\"%s\"\n", (uint64_t)(4 * GIB - bytes), bytes, name);
    }
    pc_print_fw_cfg_roms(pc->fw_cfg, out);
}

bool pc_firmware_init(PcMachine *pc, GError **err)
{
    Machine *m = &pc->machine;

    if ((m->boot_order && !pc_check_boot_order(m->boot_order, err)) ||
        (m->boot_once && !pc_check_boot_order(m->boot_once, err))) {
        return false;
    }
    pc_cmos_init(pc);
    m->set_boot_order = pc_set_boot_order;
    m->check_boot_order = pc_check_boot_order;
    m->print_roms = print_roms;
    m->inject_nmi = apic_nmi_all;

    pc->apic_id_limit = pc_apic_id(&m->smp, m->smp.max_cpus - 1) + 1;
    pc->fw_cfg = fw_cfg_create(address_space_memory());
    fw_cfg_add_machine(pc->fw_cfg, m, pc->apic_id_limit);
    if (m->numa) {
        add_numa(pc);
    }
    if (!fw_cfg_add_splash(pc->fw_cfg, m, err)) {
        return false;
    }
    add_e820(pc);
    add_sleep_states(pc);
    add_hpet(pc);
    if (m->kernel) {
        LinuxBootConfig boot = { .kernel = m->kernel, .initrd = m->initrd, .append = m->append, .shim = m->shim,
            .low_ram_bytes = pc->memory.below_4g_bytes };
        if (!linux_boot_setup(pc->fw_cfg, &boot, err)) {
            return false;
        }
    }
    add_legacy_rom(pc);
    machine_on_done(machine_done, pc);
    return true;
}
