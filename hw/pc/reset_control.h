/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reset control register at port 0xcf9 (PIIX3 section 2.6.1, ICH9 section 13.7.5), over the middle of CONFIG_ADDRESS. */
#ifndef HW_PC_RESET_CONTROL_H
#define HW_PC_RESET_CONTROL_H

#include "core/device.h"
#include "memory/memory.h"

#define RESET_CONTROL_PORT 0xcf9

enum { RESET_CONTROL_SYS_RST = 1 << 1, RESET_CONTROL_RST_CPU = 1 << 2, RESET_CONTROL_FULL_RST = 1 << 3 };

typedef struct ResetControl { MemoryRegion region; uint8_t value, mask; } ResetControl;

/** reset_control_init: @mask: bits that the guest can set and read back. Setting RST_CPU resets the machine. */
void reset_control_init(ResetControl *r, Device *owner, MemoryRegion *io, const char *name, uint8_t mask);

#endif
