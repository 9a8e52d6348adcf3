/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The definition block of a PC; acpi_tables.c wraps it into a table. */
#ifndef HW_ACPI_ACPI_DSDT_H
#define HW_ACPI_ACPI_DSDT_H

#include "hw/acpi/acpi_tables.h"
#include "hw/acpi/aml.h"

/** acpi_pci_slots: what stands in PCI0 for hot-plug; acpi_pci_gpe: \\_GPE._E01. No bytes without hot-plug. */
Aml *acpi_pci_slots(const AcpiMachine *m);
Aml *acpi_pci_gpe(const AcpiMachine *m);
/** acpi_cpus: what stands in \\_SB for processors; acpi_cpus_gpe: \\_GPE._E02, if they can come and go. */
Aml *acpi_cpus(const AcpiMachine *m);
Aml *acpi_cpus_gpe(const AcpiMachine *m);
/** acpi_hotplug_ports: a device that claims the ports by which devices come and go. */
Aml *acpi_hotplug_ports(const char *name, const char *uid, uint16_t base, uint8_t bytes);
/** acpi_madt_cpu: appends MADT's entry of the processor with _UID @uid. */
void acpi_madt_cpu(GByteArray *o, unsigned uid, uint32_t apic_id, bool enabled);
Aml *acpi_dsdt(const AcpiMachine *m);
/** acpi_reduced_dsdt: that of a machine with @m->reduced. */
Aml *acpi_reduced_dsdt(const AcpiMachine *m);
/* Parts of both: the guest may have all of PCI Express but what ACPI does; COM port @n; the clock; fw_cfg. */
Aml *acpi_osc_method(bool acpi_hotplug);
Aml *acpi_fw_cfg_device(void);
Aml *acpi_rtc_device(void);
Aml *acpi_com_port(unsigned n, bool level);

#endif
