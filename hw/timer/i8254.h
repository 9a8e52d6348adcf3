/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8254 programmable interval timer at ports 0x40-0x43, with port 0x61. */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "hw/isa/isa.h"

#define PIT_HZ 1193182

/** i8254_create: @irq0: output of channel 0. */
Device *i8254_create(IsaBus *bus, IrqLine *irq0);
/** i8254_disconnect_irq0: while true, channel 0 counts but does not interrupt (HPET in legacy replacement mode). */
void i8254_disconnect_irq0(Device *pit, bool disconnected);
/**
 * i8254_set_audience: @edge_is_lost tells whether a rising edge of OUT 0 would change nothing at its receivers now. The
 * PIT then sleeps until i8254_listen(), which the board calls when the answer may have become false.
 */
void i8254_set_audience(Device *pit, bool (*edge_is_lost)(void *opaque), void *opaque);
void i8254_listen(Device *pit);

#endif
