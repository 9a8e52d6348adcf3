/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8042 keyboard controller, ports 0x60 and 0x64. */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

#include "hw/input/ps2.h"
#include "hw/isa/isa.h"

Device *i8042_create(IsaBus *bus);              /* ISA interrupts 1 and 12; drives A20 and reset */
Ps2Port *i8042_keyboard(Device *i8042);
Ps2Port *i8042_mouse(Device *i8042);

#endif
