/* SPDX-License-Identifier: GPL-2.0-or-later */
/* High precision event timer. Spec: IA-PC HPET Specification 1.0a. */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "core/device.h"
#include "memory/memory.h"

#define HPET_BASE 0xfed00000u

extern const DeviceType hpet_type;              /* "hpet": properties timers, msi, hpet-intcap */
/**
 * hpet_create: mapped at HPET_BASE.
 * @gsis:     24 interrupt inputs (GSIs); timers use those of @intcap
 * @intcap:   bit mask of GSIs that timers may be routed to
 * @on_legacy: called when legacy replacement goes on or off: the PIT's GSI 0/2 and the RTC's GSI 8 are then timer 0's and 1's
 */
Device *hpet_create(IrqLine *const gsis[24], uint32_t intcap, void (*on_legacy)(void *opaque, bool on), void *opaque);

#endif
