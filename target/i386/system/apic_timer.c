/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's timer: one-shot, periodic, TSC deadline, on CLOCK_VIRTUAL at 1 GHz.
 *
 * The host timer is armed only while its expiry would change something: not masked, the vector not already pending. A
 * periodic timer whose vector is pending sleeps until the vector is taken (apic_get_interrupt() calls apic_timer_update()).
 * So a guest that does not listen costs nothing. Counts are computed from the clock when they are read.
 * Spec: Intel SDM vol. 3 chapter 10.5.4.
 */
#include "core/thread.h"
#include "target/i386/system/apic_state.h"

/* Nanoseconds a count takes, as a shift. */
static unsigned divide_shift(const Apic *a)
{
    unsigned code = (a->divide & 3) | (a->divide >> 1 & 4);

    return (code + 1) & 7;                      /* 0: by 2 ... 6: by 128, 7: by 1 */
}

static uint32_t timer_mode(const Apic *a) { return a->lvt[LVT_TIMER] & LVT_TIMER_MODE; }

static int64_t period_ns(const Apic *a) { return (int64_t)a->initial_count << divide_shift(a); }

/* When the vCPU's TSC reaches @tsc, rounded up; -1: never, as far as we live. */
static int64_t tsc_to_ns(CpuX86 *cpu, uint64_t tsc)
{
    unsigned __int128 ns;

    if (tsc <= cpu_tsc(cpu)) {
        return 0;
    }
    ns = ((unsigned __int128)(tsc - cpu->msr.tsc_offset) * 1000000 + cpu->tsc_khz - 1) / cpu->tsc_khz;
    return ns > INT64_MAX / 2 ? -1 : (int64_t)ns;
}

/* The next expiry after @after, or -1. */
static int64_t next_expiry(const Apic *a, int64_t after)
{
    int64_t period = period_ns(a);

    switch (timer_mode(a)) {
    case LVT_DEADLINE:
        return a->deadline ? tsc_to_ns(a->cpu, a->deadline) : -1;
    case LVT_PERIODIC:
        if (!period) {
            return -1;
        }
        if (after < a->count_start_ns) {
            return a->count_start_ns + period;
        }
        return a->count_start_ns + ((after - a->count_start_ns) / period + 1) * period;
    case 0:
        if (!period || a->count_start_ns + period <= a->fired_ns) {
            return -1;
        }
        return a->count_start_ns + period;
    }
    return -1;
}

void apic_timer_update(Apic *a)
{
    uint32_t lvt = a->lvt[LVT_TIMER];
    int64_t expiry = -1;

    if (!(lvt & LVT_MASKED) && !apic_pending(a, lvt & LVT_VECTOR)) {
        expiry = next_expiry(a, MAX(clock_ns(CLOCK_VIRTUAL), a->fired_ns));
    }
    if (expiry >= 0) {
        timer_arm_ns(&a->timer, expiry);
    } else {
        timer_stop(&a->timer);
    }
}

void apic_timer_expired(void *opaque)
{
    Apic *a = opaque;

    a->fired_ns = clock_ns(CLOCK_VIRTUAL);
    if (timer_mode(a) == LVT_DEADLINE) {
        a->deadline = 0;
    }
    apic_local_interrupt(a, LVT_TIMER);
    apic_timer_update(a);
}

uint32_t apic_timer_current(Apic *a)
{
    int64_t elapsed = clock_ns(CLOCK_VIRTUAL) - a->count_start_ns, ticks;

    if (!a->initial_count || timer_mode(a) == LVT_DEADLINE || elapsed < 0) {
        return 0;
    }
    ticks = elapsed >> divide_shift(a);
    if (timer_mode(a) == LVT_PERIODIC) {
        return a->initial_count - ticks % a->initial_count;
    }
    return ticks >= a->initial_count ? 0 : a->initial_count - ticks;
}

void apic_timer_set_initial(Apic *a, uint32_t count)
{
    if (timer_mode(a) == LVT_DEADLINE) {
        return;
    }
    a->initial_count = count;
    a->count_start_ns = clock_ns(CLOCK_VIRTUAL);
    a->fired_ns = a->count_start_ns;
    apic_timer_update(a);
}

void apic_timer_set_divide(Apic *a, uint32_t divide)
{
    uint32_t left = apic_timer_current(a);

    a->divide = divide & 0xb;
    if (left && a->initial_count) {             /* what is left counts on at the new rate */
        a->count_start_ns = clock_ns(CLOCK_VIRTUAL) - ((int64_t)(a->initial_count - left) << divide_shift(a));
    }
    apic_timer_update(a);
}

void apic_timer_set_lvt(Apic *a, uint32_t lvt)
{
    uint32_t old = timer_mode(a);

    a->lvt[LVT_TIMER] = lvt;
    if (old != timer_mode(a) && (old == LVT_DEADLINE || timer_mode(a) == LVT_DEADLINE)) {
        a->deadline = 0;                        /* changing to or from deadline mode disarms */
        a->initial_count = 0;
    }
    if (timer_mode(a) == 0 && a->count_start_ns + period_ns(a) <= clock_ns(CLOCK_VIRTUAL)) {
        a->fired_ns = clock_ns(CLOCK_VIRTUAL);  /* a one-shot that ran out while masked is over */
    }
    if (timer_mode(a) == LVT_DEADLINE && a->deadline && a->deadline <= cpu_tsc(a->cpu)) {
        a->deadline = 0;
    }
    apic_timer_update(a);
}

uint64_t apic_get_deadline(Apic *a)
{
    BQL_GUARD();

    if (!a || timer_mode(a) != LVT_DEADLINE || (a->deadline && a->deadline <= cpu_tsc(a->cpu))) {
        return 0;
    }
    return a->deadline;
}

void apic_set_deadline(Apic *a, uint64_t tsc)
{
    BQL_GUARD();

    if (!a || timer_mode(a) != LVT_DEADLINE) {
        return;
    }
    a->deadline = tsc;
    if (tsc && tsc <= cpu_tsc(a->cpu)) {
        a->deadline = 0;
        timer_stop(&a->timer);
        if (!(a->lvt[LVT_TIMER] & LVT_MASKED)) {
            apic_local_interrupt(a, LVT_TIMER);
        }
        return;
    }
    apic_timer_update(a);
}

void apic_tsc_changed(Apic *a)
{
    if (a) {
        BQL_GUARD();
        apic_timer_update(a);
    }
}
