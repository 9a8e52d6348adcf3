/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Board `q35`: Q35 host bridge, ICH9. One type a machine version (pc_compat.c). */
#include "hw/acpi/ich9_smb.h"
#include "hw/pc/ich9_lpc.h"
#include "hw/pc/pc.h"
#include "hw/pc/q35.h"

#define GIB (1ull << 30)
#define Q35_AHCI_DEVFN PCI_DEVFN(31, 2)
#define LOW_RAM_MAX Q35_ECAM_DEFAULT_BASE       /* the PCI Express window comes next */
#define LOW_RAM_LARGE (2 * GIB)                 /* where more RAM than that is split */

static uint64_t low_ram_bytes(const PcMachine *pc)
{
    uint64_t ram = pc->machine.ram_size, limit = ram >= LOW_RAM_MAX ? LOW_RAM_LARGE : LOW_RAM_MAX;

    if (pc->max_ram_below_4g && limit > pc->max_ram_below_4g) {
        limit = pc->max_ram_below_4g;
        if (ram > 2 * limit && limit % GIB) {
            warn_report("max-ram-below-4g is not a multiple of 1G: large pages of RAM may be split");
        }
    }
    return MIN(limit, ram);
}

static bool init_board(Machine *machine, GError **err)
{
    PcMachine *pc = PC_MACHINE(machine);

    pc->q35 = true;
    if (!pc_memory_init(pc, low_ram_bytes(pc), err) || !machine_create_cpus(machine, err)) {
        return false;
    }
    memory_transaction_begin();
    pc_gsis_init(&pc->irqs, GSI_COUNT);
    pc->pci_bus = q35_create(&pc->memory);
    pc->isa_bus = ich9_lpc_create(pc->pci_bus, &pc->memory, pc->irqs.gsis);
    bool ok = pc_devices_init(pc, err);
    if (ok && pc->sata) {
        ok = pc_ahci_init(pc, Q35_AHCI_DEVFN, err);
    }
    if (ok && pc->smbus) {
        ich9_smb_create(pc->pci_bus);
    }
    ok = ok && pc_vga_init(pc, err) && pc_firmware_init(pc, err);
    memory_transaction_commit();
    return ok;
}

#define Q35_VERSION(id, version, cpus, ...) \
    static const MachineType q35_##id##_type = { \
        .name = "pc-q35-" version "-machine", .parent = &pc_machine_type.type, .size = sizeof(PcMachine), \
        .machine_name = "pc-q35-" version, .description = "Standard PC (Q35 + ICH9, 2009)", .default_cpu = "qemu64", \
        .max_cpus = cpus, .default_display = "std", .ide_units = 1, \
        .compat = q35_compat, .compat_blocks = 1 + PC_##id + 1, .init_board = init_board, ##__VA_ARGS__ \
    }; \
    TYPE_REGISTER(q35_##id##_type)

Q35_VERSION(11_1, "11.1", 4096, .alias = "q35");
Q35_VERSION(11_0, "11.0", 4096);
Q35_VERSION(10_2, "10.2", 4096);
Q35_VERSION(10_1, "10.1", 4096);
Q35_VERSION(10_0, "10.0", 4096);
Q35_VERSION(9_2, "9.2", 4096);
Q35_VERSION(9_1, "9.1", 4096);
Q35_VERSION(9_0, "9.0", 4096);
Q35_VERSION(8_2, "8.2", 1024);
Q35_VERSION(8_1, "8.1", 1024, .deprecated = true);
Q35_VERSION(8_0, "8.0", 288, .deprecated = true);
Q35_VERSION(7_2, "7.2", 288, .deprecated = true);
Q35_VERSION(7_1, "7.1", 288, .deprecated = true);
Q35_VERSION(7_0, "7.0", 288, .deprecated = true);
Q35_VERSION(6_2, "6.2", 288, .deprecated = true);
Q35_VERSION(6_1, "6.1", 288, .deprecated = true);
Q35_VERSION(6_0, "6.0", 288, .deprecated = true);
Q35_VERSION(5_2, "5.2", 288, .deprecated = true);
