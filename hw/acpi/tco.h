/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCO watchdog of ICH9 (82801I, section 13.9): a down-counter that, unless reloaded, runs out twice and then resets the
 * machine (unless the owner says no_reboot).
 *
 *   guest writes TCO_RLD -> counter := TCO_TMR, first round
 *   first expiry -> TIMEOUT and TCO SMI; second -> SECOND_TO_STS, reset
 *
 * A tick is 0.6 s. The counter is computed from the deadline; a host timer exists only while the watchdog runs.
 */
#ifndef HW_ACPI_TCO_H
#define HW_ACPI_TCO_H

#include "core/device.h"
#include "memory/memory.h"

#define TCO_BYTES 32
#define TCO_TICK_NS 600000000ll

typedef struct Tco {
    MemoryRegion region;
    Timer timer;
    void (*smi)(void *opaque);                  /* first expiry */
    void *opaque;
    bool no_reboot;                             /* GCS.NO_REBOOT or the pin strap */
    bool locked;                                /* TCO1_CNT.TCO_LOCK */
    /* Guest state */
    uint16_t rld, sts1, sts2, cnt1, cnt2, tmr;
    uint8_t dat_in, dat_out, message1, message2, wdcnt, sw_irq_gen;
    bool second_round;
    int64_t deadline_ns;                        /* -1: stopped */
} Tco;

extern const StateField tco_state[];            /* for STATE_STRUCT */

void tco_init(Tco *t, Device *owner, void (*smi)(void *opaque), void *opaque);
void tco_reset(Tco *t);
void tco_loaded(Tco *t);

#endif
