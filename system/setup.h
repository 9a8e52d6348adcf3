/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From Config to a machine: accelerator, objects, host ends, Machine, board, devices, monitors.
 *
 * Each step fails by option_fail(): a mistake on the command line ends the process with status 1.
 */
#ifndef SYSTEM_SETUP_H
#define SYSTEM_SETUP_H

#include "hw/machine.h"
#include "system/config.h"

/** machine_setup: makes current_machine from @c, up to and including its board and -device devices; vCPUs are stopped. */
void machine_setup(Config *c);

/** layout_ost_event: ACPI_DEVICE_OST: acpi_cpu_ost_hook. */
void layout_ost_event(unsigned index, uint32_t event, uint32_t status);
/** host_ends_setup: chardevs, block nodes and drives for a machine of @type, before it is made. */
void host_ends_setup(Config *c, const MachineType *type);
/** serial_setup: the machine's serial ports, default and given. After host_ends_setup(). */
void serial_setup(Config *c, Machine *machine);
/** monitors_setup: -monitor, -mon, -qmp and the default monitor; opens them to clients. Last. */
void monitors_setup(Config *c);

#endif
