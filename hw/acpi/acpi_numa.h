/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HW_ACPI_ACPI_NUMA_H
#define HW_ACPI_ACPI_NUMA_H

#include "hw/acpi/acpi_tables.h"

/* What follows the header of each table; m->numa is set. */
void acpi_srat_body(GByteArray *o, const AcpiMachine *m);
void acpi_slit_body(GByteArray *o, const AcpiMachine *m);
void acpi_hmat_body(GByteArray *o, const AcpiMachine *m);

#endif
