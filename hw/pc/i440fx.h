/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel 440FX (82441FX PMC): host bridge of the board `pc`. */
#ifndef HW_PC_I440FX_H
#define HW_PC_I440FX_H

#include "hw/pc/chipset.h"

/** i440fx_create: the host bridge as "/machine/i440fx" and its bus pci.0, with the 82441FX in slot 0. */
PciBus *i440fx_create(const ChipsetMemory *memory);

#endif
