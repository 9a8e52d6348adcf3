/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a board gives to its chip set: address spaces, RAM, interrupt inputs. */
#ifndef HW_PC_CHIPSET_H
#define HW_PC_CHIPSET_H

#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

#define GSI_COUNT 24

typedef struct ChipsetMemory {
    MemoryRegion *system, *io;
    MemoryRegion *pci;                          /* under @system, where nothing else is: BARs, ROMs, VGA */
    MemoryRegion *ram;                          /* all guest RAM; its offset is the address below @below_4g_bytes */
    uint64_t below_4g_bytes, above_4g_bytes;
    MemoryRegion *smram;                        /* container: what a CPU in SMM sees over @system */
    bool smm;                                   /* SMM is offered to the guest */
} ChipsetMemory;

#endif
