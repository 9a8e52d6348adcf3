/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PC parallel port. Specs: IBM PC AT Technical Reference, "Printer adapter"; IEEE 1284-1994 for the modes' names. */
#ifndef HW_CHAR_PARALLEL_H
#define HW_CHAR_PARALLEL_H

#include "chardev/chardev.h"
#include "hw/isa/isa.h"

#define PARALLEL_PORTS 3

/** parallel_create_isa: LPT port @index (0-2) at its usual port and interrupt, on @chr (NULL: unconnected). */
Device *parallel_create_isa(IsaBus *bus, int index, Chardev *chr);
/** parallel_create_ports: an LPT port for each entry of @chardevs that is not NULL. */
void parallel_create_ports(IsaBus *bus, Chardev *const chardevs[PARALLEL_PORTS]);
bool parallel_port_exists(uint16_t iobase);     /* for ACPI tables and the BIOS's port list */

#endif
