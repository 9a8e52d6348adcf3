/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8254 programmable interval timer at ports 0x40-0x43, with port 0x61. Spec: Intel 8254 data sheet (order number 231164). */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "hw/isa/isa.h"

#define PIT_HZ 1193182

/** i8254_create: @irq0: output of channel 0. */
Device *i8254_create(IsaBus *bus, IrqLine *irq0);
/** i8254_disconnect_irq0: while true, channel 0 counts but does not interrupt (HPET in legacy replacement mode). */
void i8254_disconnect_irq0(Device *pit, bool disconnected);

#endif
