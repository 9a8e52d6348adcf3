/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks and timers. Guest-visible time is read here and nowhere else.
 *
 * CLOCK_RT counts host monotonic time always. CLOCK_VIRTUAL counts only while the machine runs; the qtest accelerator
 * drives it by command. CLOCK_HOST is the host's wall clock (may jump). CLOCK_VIRTUAL_RT is as CLOCK_VIRTUAL but never
 * under test or replay control. Units: nanoseconds, int64_t.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

typedef enum ClockType { CLOCK_RT, CLOCK_VIRTUAL, CLOCK_HOST, CLOCK_VIRTUAL_RT, CLOCK_TYPE_COUNT } ClockType;

#define NS_PER_S  1000000000ll
#define NS_PER_MS 1000000ll
#define NS_PER_US 1000ll

int64_t clock_ns(ClockType clock);                      /* any thread */
/** muldiv64: a * b / c with a 128-bit product. */
static inline uint64_t muldiv64(uint64_t a, uint64_t b, uint64_t c) { return (unsigned __int128)a * b / c; }

/* The machine's control of CLOCK_VIRTUAL. clock_virtual_step() is qtest's: sets the time and runs what has expired. */
void clock_virtual_run(bool running);
void clock_virtual_set_manual(void);                    /* from now on only clock_virtual_step() moves it */
void clock_virtual_step(int64_t to_ns); /* main loop thread; runs timers in order of expiry up to @to_ns */
int64_t clock_virtual_next_deadline(void);              /* absolute ns, or -1 if no timer is armed */

typedef struct EventLoop EventLoop;
typedef struct Timer Timer;
typedef void TimerFn(void *opaque);

/* Embedded in its owner; fields are the timer list's. A timer fires once per arming, in its loop's thread (main loop:
 * under the big lock). */
struct Timer {
    EventLoop *loop;
    ClockType clock;
    TimerFn *fn;
    void *opaque;
    int64_t expire_ns;          /* -1: not armed */
    uint64_t sequence;          /* of arming: of timers due at one time the first armed fires first */
    unsigned heap_index;
};

/** timer_init: for @loop (NULL: the main loop). Does not arm. A past expiry fires soon; a negative one counts as 0. */
void timer_init(Timer *t, EventLoop *loop, ClockType clock, TimerFn *fn, void *opaque);
/** timer_arm_ns: fires at absolute time @expire_ns of its clock; replaces an earlier arming. Any thread. */
void timer_arm_ns(Timer *t, int64_t expire_ns);
void timer_stop(Timer *t);                              /* no-op if not armed; any thread */
static inline bool timer_armed(const Timer *t) { return t->expire_ns >= 0; }

#endif
