/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel ICH9 (82801I), LPC bridge: ISA bus, PIRQ routing, power management and reset control of the board `q35`. */
#ifndef HW_PC_ICH9_LPC_H
#define HW_PC_ICH9_LPC_H

#include "hw/acpi/pci_hotplug.h"
#include "hw/pc/chipset.h"

#define ICH9_LPC_DEVFN PCI_DEVFN(31, 0)

/**
 * ich9_lpc_create: in slot 31 of @bus, with isa.0 behind it. @gsis: the 24 inputs that PIRQs, SCI and the ISA bus
 * drive.
 */
IsaBus *ich9_lpc_create(PciBus *bus, const ChipsetMemory *memory, IrqLine *const gsis[GSI_COUNT]);

typedef struct Ich9PmInfo { bool disable_s3, disable_s4; uint8_t s4_value; } Ich9PmInfo;
Ich9PmInfo ich9_lpc_pm_info(void);              /* for ACPI tables */

/** ich9_lpc_smi_broadcast: the firmware has asked that SMIs go to all CPUs, and so counts on knowing them all. */
bool ich9_lpc_smi_broadcast(void);
/** ich9_lpc_hotplug: PCI hot-plug by ACPI; NULL: it is off. */
const AcpiPciHotplug *ich9_lpc_hotplug(void);

#endif
