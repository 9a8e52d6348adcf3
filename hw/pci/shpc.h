/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Standard Hot-Plug Controller: hot-plug on a conventional bus behind a bridge, as a part of the bridge.
 *
 *   device_add -> presence, latch closed, button -> event of the slot -> the guest powers and enables the slot by command
 *   device_del -> button -> event -> the guest disables the slot and turns its power indicator off -> the device is
 *   removed, latch open; a slot that is off gives its device at once
 *
 * Where ACPI does the hot-plug instead (hw/acpi/pci_hotplug.h) the registers are there all the same; nobody drives them.
 * Slot n of the controller is device n + 1 of the bus: device 0 has no slot. Registers are a block of
 * doublewords, seen in a BAR and through the capability's DWORD_SELECT and DWORD_DATA.
 * Spec: PCI Standard Hot-Plug Controller and Subsystem 1.0, chapter 4.
 */
#ifndef HW_PCI_SHPC_H
#define HW_PCI_SHPC_H

#include "hw/pci/pci.h"

enum { SHPC_SLOTS = 31, SHPC_BAR_BYTES = 256 };

typedef struct ShpcSlot {
    uint16_t status;
    uint8_t events;                             /* latched */
    uint8_t masks;                              /* of interrupts and SERR */
} ShpcSlot;

typedef struct Shpc {
    PciDevice *dev;                             /* the bridge; NULL: there is no controller */
    PciBus *bus;                                /* behind it */
    MemoryRegion region;
    unsigned cap;
    bool raised;                                /* the interrupt is asserted: derived from the registers */
    /* Guest state */
    uint32_t serr_int;
    uint8_t command, target;
    uint16_t command_status;
    ShpcSlot slots[SHPC_SLOTS];
} Shpc;

extern const StateField shpc_state[];           /* for STATE_STRUCT */

/** shpc_init: in realize(): the capability, the interrupt pin and hot-plug of @bus. @region is mapped by the bridge. */
bool shpc_init(Shpc *s, PciDevice *dev, PciBus *bus, GError **err);
void shpc_unrealize(Shpc *s);
/** shpc_drives: @bus's devices come and go through a controller. */
bool shpc_drives(const PciBus *bus);
/** These four do nothing without a controller. */
void shpc_reset(Shpc *s);
void shpc_loaded(Shpc *s);
void shpc_config_reading(Shpc *s, unsigned offset, unsigned size);      /* before the default */
void shpc_config_written(Shpc *s, unsigned offset, uint32_t value, unsigned size);      /* after it */

#endif
