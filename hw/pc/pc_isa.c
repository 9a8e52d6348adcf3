/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Board `isapc`: an AT of before PCI, with a 486. No IO APIC, HPET, ACPI or SMM; two IDE channels by programmed I/O.
 *
 * From 0xc0000 to 1 MiB there is the BIOS's memory, never DRAM: option ROMs are copied to 0xc0000, and the BIOS
 * itself can
 * write the 128 KiB where it is, as no chip set could unlock them for it.
 */
#include "hw/pc/pc.h"

#include <string.h>

#define MIB (1ull << 20)
#define UPPER_MEMORY 0xa0000u
#define RAM_MAX (3584 * MIB)                    /* the rest of 4 GiB is firmware's and devices' */

static bool vga_init_isa(PcMachine *pc, GError **err)
{
    const char *name = pc->machine.vga;

    if (!name || !strcmp(name, "none")) {
        return true;
    }
    bool cirrus = !strcmp(name, "cirrus");
    if (!cirrus && strcmp(name, "std")) {
        return error_set(err, "-vga %s: isapc has std, cirrus and none", name);
    }
    return device_realize(device_new(device_type_find(cirrus ? "isa-cirrus-vga" : "isa-vga")), &pc->isa_bus->bus, err);
}

static bool init_board(Machine *machine, GError **err)
{
    PcMachine *pc = PC_MACHINE(machine);

    if (machine->ram_size > RAM_MAX) {
        return error_set(err, "isapc has at most 3584M of memory, not %" PRIu64 "M",
                         (uint64_t)(machine->ram_size / MIB));
    }
    if (pc->flash_drives[0] || pc->flash_drives[1]) {
        return error_set(err, "isapc has no flash");
    }
    pc->isa_only = true;
    pc->hpet = false;
    pc->acpi = pc->smm = ON_OFF_AUTO_OFF;
    if (!pc_memory_init(pc, machine->ram_size, err) || !machine_create_cpus(machine, err)) {
        return false;
    }
    memory_transaction_begin();
    memory_region_init_alias(&pc->upper_memory, &machine->object, "upper-memory", &pc->pci, UPPER_MEMORY,
                             MIB - UPPER_MEMORY);
    memory_region_add_overlap(pc->memory.system, UPPER_MEMORY, &pc->upper_memory, 1);
    pc_gsis_init(&pc->irqs, GSI_COUNT);
    pc->isa_bus = isa_bridge_create(&pc->pci, pc->memory.io, pc->irqs.gsis);
    bool ok = pc_devices_init(pc, err) && pc_isa_ide_init(pc, err) && vga_init_isa(pc, err) && pc_firmware_init(pc,
                                                                                                                err);
    memory_transaction_commit();
    return ok;
}

static const MachineType isapc_type = {
    .name = "isapc-machine", .parent = &pc_machine_type.type, .size = sizeof(PcMachine), .machine_name = "isapc",
    .description = "ISA-only PC", .default_cpu = "486", .max_cpus = 1, .default_display = "std", .has_floppy = true,
    .ide_units = 2, .init_board = init_board,
};
TYPE_REGISTER(isapc_type);
