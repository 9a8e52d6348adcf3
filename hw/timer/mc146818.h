/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MC146818 real-time clock with 128 bytes of CMOS RAM, ports 0x70-0x71. Spec: Motorola MC146818A data sheet. */
#ifndef HW_TIMER_MC146818_H
#define HW_TIMER_MC146818_H

#include "hw/isa/isa.h"

/** mc146818_create: on ISA interrupt 8; the time begins as current_machine's rtc_* fields say. */
Device *mc146818_create(IsaBus *bus);
/** mc146818_set_cmos: stores @value in CMOS byte @index (0-127), for what a BIOS looks up there. */
void mc146818_set_cmos(Device *rtc, unsigned index, uint8_t value);
uint8_t mc146818_get_cmos(Device *rtc, unsigned index);
/** mc146818_disconnect_irq: while true, interrupt 8 is the HPET's (legacy replacement mode). */
void mc146818_disconnect_irq(Device *rtc, bool disconnected);

#endif
