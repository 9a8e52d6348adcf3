/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the clocks, the timer heaps and the event loop. */
#ifndef CORE_TIMER_INTERNAL_H
#define CORE_TIMER_INTERNAL_H

#include <glib.h>

#include "core/loop.h"

/* A binary heap of armed timers: the root is due first. Under its loop's lock. */
typedef struct TimerHeap { Timer **items; unsigned count, capacity; } TimerHeap;

struct EventLoop {
    char *name;
    int epoll_fd, wake_fd;
    int host_clock_fd;                  /* timerfd that reports jumps of the wall clock; -1 until CLOCK_HOST is used */
    bool woken;                         /* atomic: wake_fd is readable or about to be */
    GMutex lock;                        /* all below */
    TimerHeap heaps[CLOCK_TYPE_COUNT];
    uint64_t timer_sequence;
    GQueue bhs;                         /* Bh *: scheduled, in order */
    GHashTable *fds;                    /* fd -> FdHandler */
    uint32_t fd_generation;
    unsigned always_ready;              /* handlers whose fd epoll cannot watch (regular files): ready at once */
    GArray *poll_fds;                   /* main loop: GLib's, and our epoll_fd */
    EventLoop *next;                    /* list of all loops */
};

struct Bh {
    EventLoop *loop;
    void (*fn)(void *opaque);
    void *opaque;
    GList link;                         /* in loop->bhs while scheduled; data is the Bh */
    bool scheduled, once;
};

/** bh_init_embedded: a Bh inside another struct; only scheduled and cancelled, never freed by itself. */
void bh_init_embedded(Bh *bh, EventLoop *loop, void (*fn)(void *opaque), void *opaque);
/** event_loop_is_owner: whether this thread runs @loop as its own, so that it looks at its lists before sleeping. */
bool event_loop_is_owner(EventLoop *loop);
/** event_loop_foreach: all loops, under the list's lock. */
void event_loop_foreach(void (*fn)(EventLoop *loop, void *opaque), void *opaque);

bool clock_timers_run(ClockType clock);                 /* do timers of @clock fire now? */
/** timers_wait_ns: how long @loop may sleep: ns until its next timer, 0 if one is due, -1: for ever. */
int64_t timers_wait_ns(EventLoop *loop);
bool timers_dispatch(EventLoop *loop);                  /* runs what is due; whether any ran */
void event_loop_watch_host_clock(EventLoop *loop);

#endif
