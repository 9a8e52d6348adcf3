/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel Q35 (82Q35 MCH): host bridge of the board `q35`. */
#ifndef HW_PC_Q35_H
#define HW_PC_Q35_H

#include "hw/pc/chipset.h"

#define Q35_ECAM_DEFAULT_BASE 0xb0000000u       /* where firmware puts it; the board keeps RAM below */
#define Q35_ECAM_DEFAULT_BYTES 0x10000000u

/** q35_create: the host bridge as "/machine/q35" and its bus pcie.0, with the MCH in slot 0. */
PciBus *q35_create(const ChipsetMemory *memory);
/** q35_ecam: base and size of the PCI Express window as firmware programmed it; false while it is off. */
bool q35_ecam(uint64_t *base, uint64_t *size);

#endif
