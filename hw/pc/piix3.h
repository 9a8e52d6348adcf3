/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel PIIX3 (82371SB): PCI-to-ISA bridge of the board `pc`, with PIRQ routing and reset control. */
#ifndef HW_PC_PIIX3_H
#define HW_PC_PIIX3_H

#include "hw/pc/chipset.h"

/** piix3_create: in slot 1 of @bus, with isa.0 behind it. @gsis: inputs 0-15 that PIRQs and the ISA bus drive. */
IsaBus *piix3_create(PciBus *bus, const ChipsetMemory *memory, IrqLine *const gsis[GSI_COUNT]);
/**
 * piix3_sci: the wire of the power-management function's SCI; shares interrupt 9 with whatever PIRQ is routed there.
 */
IrqLine *piix3_sci(void);

#endif
