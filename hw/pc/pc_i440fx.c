/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Board `pc`: 440FX, PIIX3 with IDE, PIIX4 power management. One type a machine version (pc_compat.c).
 */
#include "hw/acpi/piix4_pm.h"
#include "hw/pc/i440fx.h"
#include "hw/pc/pc.h"
#include "hw/pc/piix3.h"

#define GIB (1ull << 30)
#define LOW_RAM_MAX (3 * GIB + GIB / 2)         /* the PCI hole begins at 3.5 GiB at the latest */
#define LOW_RAM_LARGE (3 * GIB)                 /* where more RAM than that is split, at a whole GiB */

static uint64_t low_ram_bytes(const PcMachine *pc)
{
    uint64_t limit = pc->max_ram_below_4g ? MIN(pc->max_ram_below_4g, LOW_RAM_MAX) : LOW_RAM_MAX;

    if (pc->machine.ram_size < limit) {
        return pc->machine.ram_size;
    }
    limit = MIN(limit, LOW_RAM_LARGE);
    if (pc->max_ram_below_4g && limit % GIB) {
        warn_report("max-ram-below-4g is not a multiple of 1G: large pages of RAM may be split");
    }
    return MIN(limit, pc->machine.ram_size);
}

static bool init_board(Machine *machine, GError **err)
{
    PcMachine *pc = PC_MACHINE(machine);

    if (!pc_memory_init(pc, low_ram_bytes(pc), err) || !machine_create_cpus(machine, err)) {
        return false;
    }
    memory_transaction_begin();
    pc_gsis_init(&pc->irqs, GSI_COUNT);
    pc->pci_bus = i440fx_create(&pc->memory);
    pc->isa_bus = piix3_create(pc->pci_bus, &pc->memory, pc->irqs.gsis);
    bool ok = pc_devices_init(pc, err);
    if (ok) {
        ok = pc_ide_init(pc, PCI_DEVFN(1, 1), err);
    }
    if (ok && pc_on(pc->acpi, true)) {
        pc->piix4_pm = piix4_pm_create(pc->pci_bus, PCI_DEVFN(1, 3), pc->memory.io, piix3_sci(), pc->memory.smm);
    }
    ok = ok && pc_vga_init(pc, err) && pc_firmware_init(pc, err);
    memory_transaction_commit();
    return ok;
}

#define PC_VERSION(id, version, ...) \
    static const MachineType pc_##id##_type = { \
        .name = "pc-i440fx-" version "-machine", .parent = &pc_machine_type.type, .size = sizeof(PcMachine), \
        .machine_name = "pc-i440fx-" version, .description = "Standard PC (i440FX + PIIX, 1996)", \
        .default_cpu = "qemu64", .max_cpus = 255, .default_display = "std", .has_floppy = true, .ide_units = 2, \
        .compat = pc_compat, .compat_blocks = PC_##id + 1, .init_board = init_board, ##__VA_ARGS__ \
    }; \
    TYPE_REGISTER(pc_##id##_type)

PC_VERSION(11_1, "11.1", .alias = "pc", .is_default = true);
PC_VERSION(11_0, "11.0");
PC_VERSION(10_2, "10.2");
PC_VERSION(10_1, "10.1");
PC_VERSION(10_0, "10.0");
PC_VERSION(9_2, "9.2");
PC_VERSION(9_1, "9.1");
PC_VERSION(9_0, "9.0");
PC_VERSION(8_2, "8.2");
PC_VERSION(8_1, "8.1", .deprecated = true);
PC_VERSION(8_0, "8.0", .deprecated = true);
PC_VERSION(7_2, "7.2", .deprecated = true);
PC_VERSION(7_1, "7.1", .deprecated = true);
PC_VERSION(7_0, "7.0", .deprecated = true);
PC_VERSION(6_2, "6.2", .deprecated = true);
PC_VERSION(6_1, "6.1", .deprecated = true);
PC_VERSION(6_0, "6.0", .deprecated = true);
PC_VERSION(5_2, "5.2", .deprecated = true);
