/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine `none`: no CPU, no memory, no bus. Monitors are all there is, for programs that ask what this emulator can do.
 */
#include "hw/machine.h"

static bool init_board(Machine *machine, GError **err)
{
    if (machine->kernel) {
        return error_set(err, "-kernel: machine 'none' has nothing to run it");
    }
    return true;
}

static const MachineType none_machine_type = {
    .name = "none-machine", .parent = &machine_type.type, .size = sizeof(Machine), .machine_name = "none",
    .description = "empty machine", .max_cpus = 1, .default_display = "none", .default_ram_id = "ram", .no_acpi = true,
    .no_cpu_hotplug = true, .init_board = init_board,
};
TYPE_REGISTER(none_machine_type);
