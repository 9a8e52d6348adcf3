/* SPDX-License-Identifier: GPL-2.0-or-later */
/* High precision event timer. */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "core/device.h"
#include "memory/memory.h"

#define HPET_BASE 0xfed00000u
#define HPET_GSIS 24

extern const DeviceType hpet_type;              /* "hpet": properties timers, msi, hpet-intcap */
/**
 * hpet_create: mapped at HPET_BASE.
 * @gsis:     interrupt inputs (GSIs); timers use those of @intcap
 * @intcap:   bit mask of GSIs that timers may be routed to
 * @on_legacy: called when legacy replacement goes on or off: timers 0 and 1 then have the PIT's GSI 0 and the RTC's
 *            GSI 8
 */
Device *hpet_create(IrqLine *const gsis[HPET_GSIS], uint32_t intcap, void (*on_legacy)(void *opaque, bool on),
                    void *opaque);
/**
 * hpet_set_audience: @edge_is_lost tells whether a rising edge on a GSI would change nothing at its receivers now.
 * Timers with that GSI then sleep until hpet_listen(), which the board calls when the answer may have become false.
 */
void hpet_set_audience(Device *hpet, bool (*edge_is_lost)(void *opaque, unsigned gsi), void *opaque);
void hpet_listen(Device *hpet, unsigned gsi);

#endif
