/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI hot-plug by ACPI: a block of registers that the DSDT's methods use, and GPE 1.
 *
 *   device_add -> bit of the slot in UP, GPE 1 -> \_GPE._E01 -> PCNT of each bus -> Notify(slot, device check)
 *   device_del -> bit in DOWN, GPE 1 -> Notify(slot, eject request) -> the guest lets go, runs _EJ0 -> EJECT -> removed
 *
 * Each bus that takes part has a number (BSEL); SELECT chooses whose UP, DOWN, EJECT and REMOVABLE are seen. Numbers go
 * to the root bus (if it takes part) and to the bridges that are there when the machine is done, depth first.
 * Registers (doublewords from the base): UP, reading clears it; DOWN; EJECT, write a bit a slot; REMOVABLE; SELECT;
 * INDEX: write a slot's bit, read the acpi-index of its device. Interface: QEMU's "ACPI PCI hotplug interface".
 */
#ifndef HW_ACPI_PCI_HOTPLUG_H
#define HW_ACPI_PCI_HOTPLUG_H

#include "core/loop.h"
#include "hw/acpi/acpi_pm.h"
#include "hw/pci/pci.h"

#define ACPI_PCI_HOTPLUG_BYTES 0x18
#define PIIX4_PCI_HOTPLUG_BASE 0xae00
#define ICH9_PCI_HOTPLUG_BASE 0x0cc0
#define ACPI_PCI_HOTPLUG_BUSES 256

typedef struct AcpiPciHotplug {
    AcpiPm *pm;
    PciBus *root;
    bool root_slots, bridges;                   /* what takes part */
    Bh *reset_over;                             /* a reset ends what was asked of the guest: devices go behind it */
    MemoryRegion region;
    PciBus *buses[ACPI_PCI_HOTPLUG_BUSES];      /* by BSEL */
    unsigned bus_count;
    /* Guest state */
    uint32_t select, index;
    uint32_t up[ACPI_PCI_HOTPLUG_BUSES], down[ACPI_PCI_HOTPLUG_BUSES];
} AcpiPciHotplug;

extern const StateField acpi_pci_hotplug_state[];       /* for STATE_STRUCT */

/** acpi_pci_hotplug_init: maps the registers at @base of @io; buses join when the machine is done. */
void acpi_pci_hotplug_init(AcpiPciHotplug *h, Device *owner, AcpiPm *pm, PciBus *root, MemoryRegion *io, uint16_t base);
/** acpi_pci_hotplug_reset: devices that the guest was asked to let go of are ejected once the reset is over. */
void acpi_pci_hotplug_reset(AcpiPciHotplug *h);
void acpi_pci_hotplug_loaded(AcpiPciHotplug *h);
/** acpi_pci_hotplug_bsel: the number of @bus; -1: it takes no part. */
int acpi_pci_hotplug_bsel(const AcpiPciHotplug *h, const PciBus *bus);
/** acpi_pci_hotplug_slot: whether the DSDT should let the guest eject what is in @slot. */
bool acpi_pci_hotplug_slot(const PciBus *bus, unsigned slot);

#endif
