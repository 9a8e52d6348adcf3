/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The definition block of a PC; acpi_tables.c wraps it into a table. */
#ifndef HW_ACPI_ACPI_DSDT_H
#define HW_ACPI_ACPI_DSDT_H

#include "hw/acpi/acpi_tables.h"
#include "hw/acpi/aml.h"

/** acpi_pci_slots: what stands in PCI0 for hot-plug; acpi_pci_gpe: \\_GPE._E01. No bytes without hot-plug. */
Aml *acpi_pci_slots(const AcpiMachine *m);
Aml *acpi_pci_gpe(const AcpiMachine *m);
Aml *acpi_dsdt(const AcpiMachine *m);

#endif
