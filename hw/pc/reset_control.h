/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reset control register at port 0xcf9 (PIIX3 section 2.6.1, ICH9 section 13.7.5), amid CONFIG_ADDRESS. */
#ifndef HW_PC_RESET_CONTROL_H
#define HW_PC_RESET_CONTROL_H

#include "hw/pci/pci.h"

enum { RESET_CONTROL_SYS_RST = 1 << 1, RESET_CONTROL_RST_CPU = 1 << 2, RESET_CONTROL_FULL_RST = 1 << 3 };

typedef struct ResetControl { uint8_t value, mask; } ResetControl;

/**
 * reset_control_init: at the ports of @bus's host; @mask: bits that the guest can set and read back. RST_CPU resets
 * the machine.
 */
void reset_control_init(ResetControl *r, PciBus *bus, uint8_t mask);

#endif
