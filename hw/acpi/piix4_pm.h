/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel PIIX4 power management function (82371AB, function 3), on the board `pc` beside PIIX3. */
#ifndef HW_ACPI_PIIX4_PM_H
#define HW_ACPI_PIIX4_PM_H

#include "hw/acpi/pci_hotplug.h"
#include "hw/pci/pci.h"

#define PIIX4_GPE0_BASE 0xafe0
#define PIIX4_GPE0_BYTES 4
#define PIIX4_SMBUS_BASE 0xb100
#define PIIX4_ACPI_ENABLE 0xf1
#define PIIX4_ACPI_DISABLE 0xf0

typedef struct Piix4PmInfo { bool disable_s3, disable_s4; uint8_t s4_value; } Piix4PmInfo;

/** piix4_pm_create: at @devfn of @bus. @sci: wire of the SCI; @smm: SMIs are delivered. */
PciDevice *piix4_pm_create(PciBus *bus, int devfn, MemoryRegion *io, IrqLine *sci, bool smm);
Piix4PmInfo piix4_pm_info(const PciDevice *dev);    /* for ACPI tables */

/** piix4_pm_hotplug: PCI hot-plug by ACPI; NULL: it is off. */
const AcpiPciHotplug *piix4_pm_hotplug(const PciDevice *dev);

#endif
