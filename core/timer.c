/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks, and the heaps of armed timers.
 *
 * timer_arm_ns() puts a timer into the heap of its loop and clock and wakes the loop if it became the first; the loop
 * sleeps until the first of all its heaps is due (timers_wait_ns), then takes due timers off one by one, in order of
 * expiry, then of arming (timers_dispatch), and calls each outside of the loop's lock.
 *
 * A stoppable clock is one atomic word: (value << 1 | running). While it runs, value is the distance to host time;
 * while it stands, value is the time it shows. So it is read by any thread with one load.
 */
#include "core/timer.h"
#include "core/timer_internal.h"

#include <time.h>

static int64_t virtual_word, virtual_rt_word;           /* both stand at 0 */
static bool virtual_manual;

static int64_t host_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static int64_t stoppable_ns(const int64_t *clock)
{
    int64_t word = __atomic_load_n(clock, __ATOMIC_ACQUIRE);
    return word & 1 ? host_ns(CLOCK_MONOTONIC) + (word >> 1) : word >> 1;
}

static void stoppable_run(int64_t *clock, bool running)
{
    int64_t word = *clock, now = host_ns(CLOCK_MONOTONIC);

    if (running == (word & 1)) {
        return;
    }
    int64_t value = running ? (word >> 1) - now : now + (word >> 1);
    __atomic_store_n(clock, value * 2 + running, __ATOMIC_RELEASE);
}

int64_t clock_ns(ClockType clock)
{
    switch (clock) {
    case CLOCK_VIRTUAL:    return stoppable_ns(&virtual_word);
    case CLOCK_VIRTUAL_RT: return stoppable_ns(&virtual_rt_word);
    case CLOCK_HOST:       return host_ns(CLOCK_REALTIME);
    default:               return host_ns(CLOCK_MONOTONIC);
    }
}

bool clock_timers_run(ClockType clock)
{
    switch (clock) {
    case CLOCK_VIRTUAL:    return virtual_manual || (__atomic_load_n(&virtual_word, __ATOMIC_RELAXED) & 1);
    case CLOCK_VIRTUAL_RT: return __atomic_load_n(&virtual_rt_word, __ATOMIC_RELAXED) & 1;
    default:               return true;
    }
}

static void wake_loop(EventLoop *loop, void *opaque)
{
    event_loop_wake(loop);
}

void clock_virtual_run(bool running)
{
    if (!virtual_manual) {
        stoppable_run(&virtual_word, running);
    }
    stoppable_run(&virtual_rt_word, running);
    event_loop_foreach(wake_loop, NULL);
}

void clock_virtual_set_manual(void)
{
    int64_t now = stoppable_ns(&virtual_word);
    virtual_manual = true;
    __atomic_store_n(&virtual_word, now * 2, __ATOMIC_RELEASE);
}

/* --- heap --- */

static bool is_before(const Timer *a, const Timer *b)
{
    return a->expire_ns != b->expire_ns ? a->expire_ns < b->expire_ns : a->sequence < b->sequence;
}

static void heap_put(TimerHeap *h, unsigned at, Timer *t)
{
    h->items[at] = t;
    t->heap_index = at;
}

static void heap_up(TimerHeap *h, unsigned at)
{
    Timer *t = h->items[at];
    while (at && is_before(t, h->items[(at - 1) / 2])) {
        heap_put(h, at, h->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(h, at, t);
}

static void heap_down(TimerHeap *h, unsigned at)
{
    Timer *t = h->items[at];
    for (unsigned child; (child = at * 2 + 1) < h->count; at = child) {
        if (child + 1 < h->count && is_before(h->items[child + 1], h->items[child])) {
            child++;
        }
        if (!is_before(h->items[child], t)) {
            break;
        }
        heap_put(h, at, h->items[child]);
    }
    heap_put(h, at, t);
}

static void heap_insert(TimerHeap *h, Timer *t)
{
    if (h->count == h->capacity) {
        h->capacity = MAX(h->capacity * 2, 8);
        h->items = g_renew(Timer *, h->items, h->capacity);
    }
    h->items[h->count] = t;
    heap_up(h, h->count++);
}

static void heap_remove(TimerHeap *h, Timer *t)
{
    unsigned at = t->heap_index;
    Timer *last = h->items[--h->count];

    if (last != t) {
        heap_put(h, at, last);
        heap_down(h, at);
        heap_up(h, last->heap_index);
    }
    t->expire_ns = -1;
}

/* --- timers --- */

void timer_init(Timer *t, EventLoop *loop, ClockType clock, TimerFn *fn, void *opaque)
{
    *t = (Timer){ .clock = clock, .fn = fn, .opaque = opaque, .expire_ns = -1 };
    t->loop = loop ? loop : event_loop_main();
}

void timer_arm_ns(Timer *t, int64_t expire_ns)
{
    EventLoop *loop = t->loop;
    TimerHeap *heap = &loop->heaps[t->clock];

    g_mutex_lock(&loop->lock);
    if (t->expire_ns >= 0) {
        heap_remove(heap, t);
    }
    t->expire_ns = MAX(expire_ns, 0);
    t->sequence = loop->timer_sequence++;
    heap_insert(heap, t);
    bool is_first = heap->items[0] == t;
    if (t->clock == CLOCK_HOST && loop->host_clock_fd < 0) {
        event_loop_watch_host_clock(loop);
    }
    g_mutex_unlock(&loop->lock);
    if (is_first && !event_loop_is_owner(loop)) {
        event_loop_wake(loop);
    }
}

void timer_stop(Timer *t)
{
    if (!t->loop) {
        return;                         /* never initialised: zero-filled */
    }
    g_mutex_lock(&t->loop->lock);
    if (t->expire_ns >= 0) {
        heap_remove(&t->loop->heaps[t->clock], t);
    }
    g_mutex_unlock(&t->loop->lock);
}

int64_t timers_wait_ns(EventLoop *loop)
{
    int64_t wait = -1;

    g_mutex_lock(&loop->lock);
    for (ClockType c = 0; c < CLOCK_TYPE_COUNT; c++) {
        TimerHeap *heap = &loop->heaps[c];
        if (!heap->count || !clock_timers_run(c)) {
            continue;
        }
        int64_t left = heap->items[0]->expire_ns - clock_ns(c);
        if (left > 0 && c == CLOCK_VIRTUAL && virtual_manual) {
            continue;                   /* only clock_virtual_step() brings it nearer */
        }
        left = MAX(left, 0);
        wait = wait < 0 ? left : MIN(wait, left);
    }
    g_mutex_unlock(&loop->lock);
    return wait;
}

/* Takes the first timer of @clock off if it is due at @now and was armed before @sequence. */
static bool take_due(EventLoop *loop, ClockType clock, int64_t now, uint64_t sequence, TimerFn **fn, void **opaque)
{
    TimerHeap *heap = &loop->heaps[clock];

    g_mutex_lock(&loop->lock);
    Timer *t = heap->count ? heap->items[0] : NULL;
    if (t && t->expire_ns <= now && t->sequence < sequence) {
        *fn = t->fn;
        *opaque = t->opaque;
        heap_remove(heap, t);
    } else {
        t = NULL;
    }
    g_mutex_unlock(&loop->lock);
    return t != NULL;
}

/* What callbacks arm waits for the next turn, so that one that arms itself for "now" does not starve the loop. */
static bool dispatch_clock(EventLoop *loop, ClockType clock)
{
    TimerFn *fn;
    void *opaque;
    bool any = false;

    g_mutex_lock(&loop->lock);
    uint64_t sequence = loop->timer_sequence;
    g_mutex_unlock(&loop->lock);
    int64_t now = clock_ns(clock);
    while (clock_timers_run(clock) && take_due(loop, clock, now, sequence, &fn, &opaque)) {
        fn(opaque);
        any = true;
    }
    return any;
}

bool timers_dispatch(EventLoop *loop)
{
    bool any = false;
    for (ClockType c = 0; c < CLOCK_TYPE_COUNT; c++) {
        if (__atomic_load_n(&loop->heaps[c].count, __ATOMIC_RELAXED)) {
            any |= dispatch_clock(loop, c);
        }
    }
    return any;
}

void clock_virtual_step(int64_t to_ns)
{
    EventLoop *loop = event_loop_main();
    TimerHeap *heap = &loop->heaps[CLOCK_VIRTUAL];
    TimerFn *fn;
    void *opaque;

    for (;;) {
        g_mutex_lock(&loop->lock);
        int64_t next = heap->count ? heap->items[0]->expire_ns : INT64_MAX;
        g_mutex_unlock(&loop->lock);
        if (next > to_ns) {
            break;
        }
        if (next > stoppable_ns(&virtual_word)) {
            __atomic_store_n(&virtual_word, next * 2, __ATOMIC_RELEASE);
        }
        if (take_due(loop, CLOCK_VIRTUAL, next, UINT64_MAX, &fn, &opaque)) {
            fn(opaque);
        }
    }
    if (to_ns > stoppable_ns(&virtual_word)) {
        __atomic_store_n(&virtual_word, to_ns * 2, __ATOMIC_RELEASE);
    }
    event_loop_foreach(wake_loop, NULL);
}

static void earlier_deadline(EventLoop *loop, void *opaque)
{
    int64_t *deadline = opaque;

    g_mutex_lock(&loop->lock);
    TimerHeap *heap = &loop->heaps[CLOCK_VIRTUAL];
    if (heap->count && (*deadline < 0 || heap->items[0]->expire_ns < *deadline)) {
        *deadline = heap->items[0]->expire_ns;
    }
    g_mutex_unlock(&loop->lock);
}

int64_t clock_virtual_next_deadline(void)
{
    int64_t deadline = -1;
    event_loop_foreach(earlier_deadline, &deadline);
    return deadline;
}
