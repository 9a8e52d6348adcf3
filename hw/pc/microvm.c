/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Board `microvm`: no chip set. Virtio devices on MMIO transports, what of ISA is asked for, and hardware-reduced ACPI.
 *
 *   0x0000000000  RAM, up to 3 GiB; the rest from 4 GiB on
 *   0x00c0000000  PCI Express (pcie=on): memory window of 512 MiB, then 256 MiB of ECAM; a second window is the last
 *                 quarter of what the CPU can address
 *   0x00fea00000  event device: selector; 0x00fea00200: sleep and reset registers
 *   0x00feb00000  8 virtio-mmio transports, or 24 with a second IO APIC; 512 bytes each
 *   0x00fec00000  IO APIC, 0x00fec10000 the second
 *   the firmware  ends at 4 GiB, and its last 128 KiB at 1 MiB; it is RAM
 *
 *   GSI                 acpi=off   one IO APIC   two
 *   ISA (COM1, RTC ...)    0-15       0-15      0-15      as on every PC; GSI 0 is pin 2
 *   event device              -          9         9
 *   PCI Express               -      12-15     16-19
 *   virtio-mmio            5-12      16-23     24-47
 *
 * Without ACPI the guest hears of transports with a device by virtio_mmio.device= on the kernel's command line. The
 * firmware is SeaBIOS with ACPI, else qboot, which makes an MP table.
 */
#include <inttypes.h>
#include <string.h>

#include "hw/acpi/acpi_tables.h"
#include "hw/acpi/ged.h"
#include "hw/char/serial.h"
#include "hw/firmware/linux_boot.h"
#include "hw/intc/i8259.h"
#include "hw/kvm/kvm_devices.h"
#include "hw/pc/pc.h"
#include "hw/pci/gpex.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818.h"
#include "hw/virtio/virtio_mmio.h"
#include "memory/backend.h"
#include "target/i386/apic.h"
#include "target/i386/cpu.h"

#define GIB (1ull << 30)
#define KIB (1u << 10)
#define LOW_RAM_MAX (3 * GIB)
#define PCIE_MMIO_BASE 0xc0000000u
#define PCIE_MMIO_BYTES (512u << 20)
#define PCIE_ECAM_BASE 0xe0000000u
#define PCIE_ECAM_BYTES (256u << 20)
#define GED_SELECTOR_BASE 0xfea00000u
#define GED_REGS_BASE 0xfea00200u
#define VIRTIO_BASE 0xfeb00000u
#define ISA_BIOS_BYTES (128 * KIB)
#define FIRMWARE_MAX (8u << 20)
#define ACPI_FIRMWARE "bios-microvm.bin"
#define PLAIN_FIRMWARE "qboot.rom"
#define IOAPIC2_GSI IOAPIC_PINS

enum { GED_GSI = 9, VIRTIO_MAX = 24 };

typedef struct Microvm {
    Machine machine;
    /* -machine properties */
    OnOffAuto acpi, smm, pic, pit, rtc, pcie, ioapic2;
    bool isa_serial, option_roms, auto_kernel_cmdline;
    char *oem_id, *oem_table_id;
    /* Made by init */
    bool has_acpi, has_pcie;
    uint64_t below_4g_bytes;
    uint8_t *firmware;                          /* as it was in its file */
    size_t firmware_bytes;
    MemoryRegion ram_region, ram_below_4g, ram_above_4g, bios, isa_bios, isa_memory, msi_window;
    unsigned virtio_gsi, virtio_count, pcie_gsi;
    PcInterrupts irqs;
    IsaBus *isa_bus;
    Device *rtc_device, *pit_device, *transports[VIRTIO_MAX];
    GpexConfig gpex;
    FwCfg *fw_cfg;
    AcpiCpu *acpi_cpus;
    AcpiReduced acpi_reduced;
    AcpiVirtioMmio acpi_virtio[VIRTIO_MAX];
} Microvm;
#define MICROVM(m) ((Microvm *)(m))

/* Memory */

static bool ram_init(Microvm *s, GError **err)
{
    Machine *m = &s->machine;
    Object *obj = &m->object;

    if (m->memory_backend) {
        m->ram = memory_backend_region(m->memory_backend, err);
    } else if (memory_region_init_ram(&s->ram_region, obj, "microvm.ram", m->ram_size, err)) {
        m->ram = &s->ram_region;
    }
    if (!m->ram) {
        return false;
    }
    s->below_4g_bytes = MIN(m->ram_size, LOW_RAM_MAX);
    memory_region_init_alias(&s->ram_below_4g, obj, "ram-below-4g", m->ram, 0, s->below_4g_bytes);
    memory_region_add(system_memory(), 0, &s->ram_below_4g);
    if (m->ram_size > s->below_4g_bytes) {
        memory_region_init_alias(&s->ram_above_4g, obj, "ram-above-4g", m->ram, s->below_4g_bytes,
                                 m->ram_size - s->below_4g_bytes);
        memory_region_add(system_memory(), 4 * GIB, &s->ram_above_4g);
    }
    return true;
}

static const char *firmware_name(const Microvm *s)
{
    return s->machine.firmware ? s->machine.firmware : s->has_acpi ? ACPI_FIRMWARE : PLAIN_FIRMWARE;
}

/* It is in RAM and keeps variables there: each start has it anew. */
static void firmware_load(void *opaque, ResetKind kind)
{
    Microvm *s = opaque;

    memory_write(address_space_memory(), 4 * GIB - s->firmware_bytes, MEMTXATTRS_NONE, s->firmware, s->firmware_bytes);
}

static bool firmware_init(Microvm *s, GError **err)
{
    Object *obj = &s->machine.object;

    if (!firmware_read(firmware_name(s), s->machine.firmware ? "" : " (Debian packages seabios, qemu-system-data)",
                       FIRMWARE_MAX, &s->firmware, &s->firmware_bytes, err) ||
        !memory_region_init_ram(&s->bios, obj, "pc.bios", s->firmware_bytes, err)) {
        return false;
    }
    reset_register(firmware_load, s);
    uint64_t len = s->firmware_bytes, isa_bytes = MIN(len, ISA_BIOS_BYTES);
    memory_region_add(system_memory(), 4 * GIB - len, &s->bios);
    memory_region_init_alias(&s->isa_bios, obj, "isa-bios", &s->bios, len - isa_bytes, isa_bytes);
    memory_region_add_overlap(system_memory(), (1 << 20) - isa_bytes, &s->isa_bios, 1);
    return true;
}

/* Interrupts */

static void pin_listens(void *opaque, unsigned pin)
{
    Microvm *s = opaque;
    if (s->pit_device && (pin == PIT_IOAPIC_PIN || pin == PIT_GSI)) {
        i8254_listen(s->pit_device);
    }
}

/* Devices */

/* Highest address first: a virtio device without bus= goes to the last transport, as in QEMU. */
static void transports_init(Microvm *s)
{
    for (unsigned i = s->virtio_count; i-- > 0; ) {
        s->transports[i] = virtio_mmio_create(i, VIRTIO_BASE + i * VIRTIO_MMIO_BYTES, s->irqs.gsis[s->virtio_gsi + i]);
    }
}

static bool pcie_init(Microvm *s, GError **err)
{
    unsigned bits = CPU_X86(cpu_by_index(0))->maxphyaddr;
    uint64_t window = (1ull << bits) / 4, base = (1ull << bits) - window;
    uint64_t ram_end = 4 * GIB + s->machine.ram_size - s->below_4g_bytes;

    if (base < ram_end) {
        return error_set(err, "pcie=on: memory of %" PRIu64 " MiB reaches into PCI's window, the last quarter of the CPU's %u "
                         "address bits", s->machine.ram_size >> 20, bits);
    }
    s->gpex = (GpexConfig){ .ecam_base = PCIE_ECAM_BASE, .ecam_bytes = PCIE_ECAM_BYTES, .mmio32_base = PCIE_MMIO_BASE,
                            .mmio32_bytes = PCIE_MMIO_BYTES, .mmio64_base = base, .mmio64_bytes = window };
    for (unsigned i = 0; i < GPEX_IRQS; i++) {
        s->gpex.irqs[i] = s->irqs.gsis[s->pcie_gsi + i];
    }
    gpex_create(&s->gpex);
    return true;
}

static bool devices_init(Microvm *s, GError **err)
{
    pc_interrupt_controllers_create(&s->irqs, s->isa_bus, pc_on(s->pic, true), false);
    if (!pc_irqchip_in_kernel()) {
        i8259_set_listen_hook(pin_listens, s);
        ioapic_set_listen_hook(pin_listens, s);
    }
    pc_ioapic_show(&s->irqs, &s->machine.object);
    if (pc_on(s->pit, true)) {
        s->pit_device = pc_pit_create(&s->irqs, s->isa_bus);
    }
    if (accel_is("kvm") && cpu_has(CPU_X86(cpu_by_index(0)), FEATURE_KVMCLOCK)) {
        kvm_clock_create();
    }
    if (pc_on(s->rtc, !accel_is("kvm"))) {      /* with KVM there is a better clock */
        s->rtc_device = mc146818_create(s->isa_bus);
        pc_cmos_set_memory(s->rtc_device, s->below_4g_bytes, s->machine.ram_size - s->below_4g_bytes);
        pc_cmos_count_cpus(s->rtc_device);
    }
    if (s->isa_serial && s->machine.serials[0]) {
        serial_create_isa(s->isa_bus, 0, s->machine.serials[0]);
    }
    transports_init(s);
    if (s->has_acpi) {
        ged_create(GED_SELECTOR_BASE, GED_REGS_BASE, s->irqs.gsis[GED_GSI]);
    }
    return !s->has_pcie || pcie_init(s, err);
}

/* What firmware is told */

static void describe_acpi(AcpiMachine *a, void *opaque)
{
    Microvm *s = opaque;
    AcpiReduced *r = &s->acpi_reduced;

    *r = (AcpiReduced){ .ged_selector = GED_SELECTOR_BASE, .ged_regs = GED_REGS_BASE, .ged_irq = GED_GSI,
                        .virtio = s->acpi_virtio, .pci_irq_base = s->pcie_gsi };
    for (unsigned i = s->virtio_count; i-- > 0; ) {
        if (virtio_mmio_has_device(s->transports[i])) {
            s->acpi_virtio[r->virtio_count++] = (AcpiVirtioMmio){ i, VIRTIO_BASE + i * VIRTIO_MMIO_BYTES, s->virtio_gsi + i };
        }
    }
    *a = (AcpiMachine){
        .cpus = s->acpi_cpus, .cpu_count = s->machine.smp.max_cpus, .rtc = s->rtc_device != NULL, .fw_cfg = true,
        .com[0] = s->isa_serial && s->machine.serials[0], .ioapic_address = IOAPIC_BASE,
        .ioapic2_address = s->irqs.count > IOAPIC2_GSI ? IOAPIC2_BASE : 0, .reduced = r, .oem_id = s->oem_id,
        .oem_table_id = s->oem_table_id,
    };
    if (s->has_pcie) {
        a->ecam_base = s->gpex.ecam_base;
        a->ecam_bytes = s->gpex.ecam_bytes;
        a->pci_hole_start = s->gpex.mmio32_base;
        a->pci_hole_end = s->gpex.mmio32_base + s->gpex.mmio32_bytes - 1;
        a->pci_hole64_start = s->gpex.mmio64_base;
        a->pci_hole64_end = s->gpex.mmio64_base + s->gpex.mmio64_bytes - 1;
    }
}

static char *command_line(const Microvm *s)
{
    GString *line = g_string_new(s->machine.append);

    for (unsigned i = s->virtio_count; i-- > 0 && !s->has_acpi && s->auto_kernel_cmdline; ) {
        if (virtio_mmio_has_device(s->transports[i])) {
            g_string_append_printf(line, " virtio_mmio.device=%u@0x%x:%u", VIRTIO_MMIO_BYTES,
                                   VIRTIO_BASE + i * VIRTIO_MMIO_BYTES, s->virtio_gsi + i);
        }
    }
    return g_string_free(line, FALSE);
}

/* All that depends on which devices there are. */
static void machine_done(void *opaque)
{
    Microvm *s = opaque;
    const Machine *m = &s->machine;
    GError *err = NULL;

    if (m->kernel) {
        g_autofree char *append = command_line(s);
        LinuxBootConfig boot = { .kernel = m->kernel, .initrd = m->initrd, .append = append, .shim = m->shim,
                                 .low_ram_bytes = s->below_4g_bytes, .no_boot_rom = !s->option_roms };
        if (!linux_boot_setup(s->fw_cfg, &boot, &err)) {
            error_fatal(err);
        }
    }
    if (s->has_acpi) {
        acpi_setup(s->fw_cfg, describe_acpi, s);
    }
}

static void print_roms(Machine *m, GString *out)
{
    Microvm *s = MICROVM(m);
    uint64_t bytes = memory_region_size(&s->bios);
    g_autofree char *name = g_path_get_basename(firmware_name(s));

    g_string_append_printf(out, "addr=%016" PRIx64 " size=0x%06" PRIx64 " mem=ram name=\"%s\"\n", (uint64_t)(4 * GIB - bytes),
                           bytes, name);
    pc_print_fw_cfg_roms(s->fw_cfg, out);
}

static bool fw_cfg_init(Microvm *s, GError **err)
{
    Machine *m = &s->machine;

    s->fw_cfg = fw_cfg_create(address_space_memory());
    fw_cfg_add_machine(s->fw_cfg, m, pc_apic_id(&m->smp, m->smp.max_cpus - 1) + 1);
    fw_cfg_add_e820(s->fw_cfg, 0, s->below_4g_bytes, E820_RAM);
    if (m->ram_size > s->below_4g_bytes) {
        fw_cfg_add_e820(s->fw_cfg, 4 * GIB, m->ram_size - s->below_4g_bytes, E820_RAM);
    }
    return fw_cfg_add_splash(s->fw_cfg, m, err);
}

/* Board */

static bool choose_layout(Microvm *s, GError **err)
{
    bool in_kernel = pc_irqchip_in_kernel();

    s->has_acpi = pc_on(s->acpi, true);
    s->has_pcie = s->has_acpi && pc_on(s->pcie, false);
    if (in_kernel && s->ioapic2 == ON_OFF_AUTO_ON) {
        return error_set(err, "ioapic2=on: KVM has one IO APIC; use kernel-irqchip=split");
    }
    bool two = s->has_acpi && pc_on(s->ioapic2, !in_kernel);
    pc_gsis_init(&s->irqs, two ? 2 * IOAPIC_PINS : IOAPIC_PINS);
    s->virtio_count = two ? VIRTIO_MAX : 8;
    s->virtio_gsi = two ? IOAPIC2_GSI : s->has_acpi ? 16 : 5;
    s->pcie_gsi = two ? 16 : 12;
    return true;
}

static bool init_board(Machine *machine, GError **err)
{
    Microvm *s = MICROVM(machine);
    const SmpConfig *smp = &machine->smp;

    if (machine->numa) {
        return error_set(err, "microvm has one node of memory: -numa is of no use");
    }
    if (smp->max_cpus > smp->cpus) {
        return error_set(err, "microvm adds no CPUs later: maxcpus (%u) must equal cpus (%u)", smp->max_cpus, smp->cpus);
    }
    if (machine->vga && strcmp(machine->vga, "none")) {
        return error_set(err, "-vga %s: microvm has no graphics card; -device adds one (with pcie=on)", machine->vga);
    }
    if (!choose_layout(s, err)) {
        return false;
    }
    memory_transaction_begin();
    bool ok = ram_init(s, err) && firmware_init(s, err);
    if (ok) {
        pc_msi_window_init(&s->msi_window, &machine->object);
    }
    memory_transaction_commit();
    if (!ok || !machine_create_cpus(machine, err)) {
        return false;
    }
    s->acpi_cpus = g_new0(AcpiCpu, smp->max_cpus);
    for (unsigned i = 0; i < smp->max_cpus; i++) {
        s->acpi_cpus[i] = (AcpiCpu){ .apic_id = pc_apic_id(smp, i), .present = true };
    }
    memory_transaction_begin();
    memory_region_init(&s->isa_memory, &machine->object, "isa-memory", GIB);
    s->isa_bus = isa_bridge_create(&s->isa_memory, system_io(), s->irqs.gsis);
    ok = devices_init(s, err) && fw_cfg_init(s, err);
    memory_transaction_commit();
    machine->inject_nmi = apic_nmi_all;
    machine->print_roms = print_roms;
    machine_on_done(machine_done, s);
    return ok;
}

static void microvm_finalize(Object *obj)
{
    g_free(MICROVM(obj)->acpi_cpus);
    g_free(MICROVM(obj)->firmware);
}

static const Property microvm_properties[] = {
    PROP_ON_OFF_AUTO("acpi", Microvm, acpi, ON_OFF_AUTO_AUTO, "ACPI tables are offered"),
    PROP_ON_OFF_AUTO("smm", Microvm, smm, ON_OFF_AUTO_AUTO, "System management mode is offered"),
    PROP_ON_OFF_AUTO("pic", Microvm, pic, ON_OFF_AUTO_AUTO, "8259 interrupt controllers"),
    PROP_ON_OFF_AUTO("pit", Microvm, pit, ON_OFF_AUTO_AUTO, "8254 interval timer"),
    PROP_ON_OFF_AUTO("rtc", Microvm, rtc, ON_OFF_AUTO_AUTO, "MC146818 real-time clock; auto: unless KVM has a better one"),
    PROP_ON_OFF_AUTO("pcie", Microvm, pcie, ON_OFF_AUTO_AUTO, "PCI Express, with ACPI only; auto: off"),
    PROP_ON_OFF_AUTO("ioapic2", Microvm, ioapic2, ON_OFF_AUTO_AUTO, "Second IO APIC, for 24 virtio devices; with ACPI only"),
    PROP_BOOL("isa-serial", Microvm, isa_serial, true, "The first serial port is an ISA device"),
    PROP_BOOL("x-option-roms", Microvm, option_roms, true, "Firmware finds option ROMs, by which it starts -kernel"),
    PROP_BOOL("auto-kernel-cmdline", Microvm, auto_kernel_cmdline, true,
              "Without ACPI, virtio devices are told of on the kernel's command line"),
    PROP_STR("x-oem-id", Microvm, oem_id, "OEM ID in ACPI tables, at most 6 characters", .set = pc_set_oem),
    PROP_STR("x-oem-table-id", Microvm, oem_table_id, "OEM table ID in ACPI tables, at most 8 characters", .set = pc_set_oem),
    { }
};

static const MachineType microvm_type = {
    .name = "microvm-machine", .parent = &machine_type.type, .size = sizeof(Microvm), .machine_name = "microvm",
    .description = "microvm (i386)", .default_cpu = "qemu64", .max_cpus = 288, .default_ram_id = "microvm.ram",
    .no_cpu_hotplug = true, .split_irqchip = true, .properties = microvm_properties, .init_board = init_board,
    .finalize = microvm_finalize,
};
TYPE_REGISTER(microvm_type);
