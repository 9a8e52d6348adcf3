/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event loops: file descriptors, timers, bottom halves and (main loop only) GLib sources, on epoll.
 *
 * The main loop runs in the first thread and holds the big lock whenever a callback runs; other loops belong to an
 * iothread and do not. A loop sleeps until something is due: nothing polls.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdbool.h>

#include "core/timer.h"

typedef void FdFn(void *opaque);
typedef struct Bh Bh;                                   /* bottom half */

EventLoop *event_loop_main(void);                       /* created at first use */
EventLoop *event_loop_new(const char *name);
void event_loop_free(EventLoop *loop);
/** event_loop_current: the loop that the calling thread runs; the main loop for vCPU and worker threads. */
EventLoop *event_loop_current(void);
/**
 * event_loop_run_once: dispatches what is due; @block: waits for something first. Returns whether anything ran.
 * The main loop: from the first thread, or from any that holds the big lock (which is released while waiting). Nests.
 */
bool event_loop_run_once(EventLoop *loop, bool block);

/** event_loop_set_fd: watches @fd, level-triggered; NULL ignores a direction; both NULL: forgets @fd (before close). */
void event_loop_set_fd(EventLoop *loop, int fd, FdFn *on_read, FdFn *on_write, void *opaque);

/* Bottom half: a callback run once by its loop after bh_schedule(), however often called. Any thread schedules. */
Bh *bh_new(EventLoop *loop, void (*fn)(void *opaque), void *opaque);    /* NULL loop: main */
void bh_schedule(Bh *bh);
void bh_cancel(Bh *bh);
/** bh_free: NULL is allowed. In the loop's thread (main: under the big lock), also from its own callback. */
void bh_free(Bh *bh);
/** event_loop_call: runs @fn once, soon, in @loop's thread. Any thread. */
void event_loop_call(EventLoop *loop, void (*fn)(void *opaque), void *opaque);
void event_loop_wake(EventLoop *loop);

#endif
