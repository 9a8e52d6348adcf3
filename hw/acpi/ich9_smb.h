/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel ICH9 SMBus controller (82801I, device 31 function 3). */
#ifndef HW_ACPI_ICH9_SMB_H
#define HW_ACPI_ICH9_SMB_H

#include "hw/pci/pci.h"

#define ICH9_SMB_DEVFN PCI_DEVFN(31, 3)

PciDevice *ich9_smb_create(PciBus *bus);

#endif
