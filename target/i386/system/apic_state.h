/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's state, and what the vCPU's own code asks of it. Everything here is called with the big lock held unless
 * it says otherwise.
 *
 * Invariant: INTERRUPT_HARD of the vCPU is set exactly while apic_has_interrupt(); apic_update() keeps it so and
 * is called after every change of IRR, ISR, TPR, SVR, LINT0 or the 8259's output.
 */
#ifndef TARGET_I386_SYSTEM_APIC_STATE_H
#define TARGET_I386_SYSTEM_APIC_STATE_H

#include "core/timer.h"
#include "target/i386/apic.h"

enum { LVT_TIMER, LVT_THERMAL, LVT_PERFORMANCE, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };
enum { LVT_VECTOR = 0xff, LVT_MODE = 7 << 8, LVT_PENDING = 1 << 12, LVT_POLARITY = 1 << 13, LVT_REMOTE_IRR = 1 << 14,
       LVT_LEVEL = 1 << 15, LVT_MASKED = 1 << 16, LVT_TIMER_MODE = 3 << 17, LVT_PERIODIC = 1 << 17, LVT_DEADLINE = 2 << 17 };
enum { DELIVER_FIXED, DELIVER_LOWEST, DELIVER_SMI, DELIVER_NMI = 4, DELIVER_INIT, DELIVER_SIPI, DELIVER_EXTINT };

struct Apic {
    Device device;
    CpuX86 *cpu;
    uint32_t irr[8], isr[8], tmr[8];            /* bit 31..0 of word n: vectors 32n+31..32n */
    uint32_t id;                                /* xAPIC: bits 24-31 of the register, writable there; x2APIC: the whole id */
    uint32_t tpr, svr, ldr, dfr, esr, esr_latched, icr_low, icr_high;
    uint32_t lvt[LVT_COUNT];
    uint32_t divide;                            /* divide configuration register */
    uint32_t initial_count;
    int64_t count_start_ns;                     /* CLOCK_VIRTUAL when initial_count was written */
    uint64_t deadline;                          /* TSC value; 0: not set */
    int64_t fired_ns;                           /* expiry last acted upon */
    Timer timer;
};
extern const DeviceType apic_type;

void apic_reset(Apic *apic, bool init);
void apic_update(Apic *apic);
void apic_poll(Apic *apic);
void apic_set_base(Apic *apic, uint64_t value);
bool apic_msr_read(Apic *apic, uint32_t reg, uint64_t *value);          /* any thread; false: #GP */
bool apic_msr_write(Apic *apic, uint32_t reg, uint64_t value);          /* any thread; false: #GP */
unsigned apic_cr8(const Apic *apic);                                    /* any thread */
void apic_set_cr8(Apic *apic, unsigned value);                          /* any thread */
/** apic_local_interrupt: an event of the APIC's own, by LVT row @n. */
void apic_local_interrupt(Apic *apic, unsigned n);
static inline bool apic_pending(const Apic *a, unsigned vector) { return a->irr[vector / 32] >> (vector % 32) & 1; }

/* apic_timer.c */
void apic_timer_expired(void *opaque);
void apic_timer_update(Apic *apic);             /* arms or stops: after any change that decides whether it may fire */
uint32_t apic_timer_current(Apic *apic);
void apic_timer_set_initial(Apic *apic, uint32_t count);
void apic_timer_set_divide(Apic *apic, uint32_t divide);
void apic_timer_set_lvt(Apic *apic, uint32_t lvt);
uint64_t apic_get_deadline(Apic *apic);         /* any thread */
void apic_set_deadline(Apic *apic, uint64_t tsc);                       /* any thread */
void apic_tsc_changed(Apic *apic);              /* any thread; NULL allowed */

#endif
