/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root buses of expander bridges as the DSDT tells of them, from what firmware has programmed. */
#ifndef HW_ACPI_ACPI_ROOTS_H
#define HW_ACPI_ACPI_ROOTS_H

#include "hw/acpi/acpi_tables.h"

/** acpi_describe_roots: fills in @m's `roots` as they are now; valid until the next call. */
void acpi_describe_roots(AcpiMachine *m);

#endif
