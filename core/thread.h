/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads and locks: the big lock, the worker pool, the signal that kicks a vCPU.
 *
 * The big lock (BQL) guards device state, the object tree, the memory topology's writers and the monitor. It is
 * recursive in no way: bql_held() tells. Lock order: BQL before any other lock.
 */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "core/loop.h"

void bql_lock(void);
void bql_unlock(void);
bool bql_held(void);
/* Called with true before and false after a thread sleeps for the big lock (bql_lock(), bql_wait()); may be NULL. */
extern void (*bql_blocking_hook)(bool blocking);
void bql_wait(pthread_cond_t *cond);                    /* releases the BQL while waiting */
/** bql_wait_until: the same, at most until CLOCK_REALTIME is @ns: for naps that may as well be shorter or longer. */
void bql_wait_until(pthread_cond_t *cond, int64_t ns);
/* Takes the lock for the rest of the scope unless this thread has it already (MMIO from a vCPU inside or outside). */
typedef struct BqlGuard { bool taken; } BqlGuard;
static inline BqlGuard bql_guard_enter(void) { bool t = !bql_held(); if (t) bql_lock(); return (BqlGuard){ t }; }
static inline void bql_guard_leave(BqlGuard *g) { if (g->taken) bql_unlock(); }
#define BQL_GUARD() __attribute__((cleanup(bql_guard_leave), unused)) BqlGuard bql_guard_ = bql_guard_enter()

/** thread_start: a joinable thread @name (15 characters kept); signals blocked but the fatal ones and SIG_KICK. */
pthread_t thread_start(const char *name, void *(*fn)(void *), void *arg);
#define SIG_KICK SIGUSR1                                /* interrupts a vCPU's blocking call or guest code */

/* Worker pool: blocking calls off the loop. Threads come with use and end after idling. */
typedef int WorkFn(void *arg);
typedef void WorkDoneFn(void *opaque, int ret);
/** worker_submit: runs @fn(@arg) in a worker, then @done(@opaque, its result) in @loop (NULL: the current one). */
void worker_submit(EventLoop *loop, WorkFn *fn, void *arg, WorkDoneFn *done, void *opaque);
/** worker_co_run: same, from a coroutine, which sleeps meanwhile; returns @fn's result. */
int worker_co_run(WorkFn *fn, void *arg);               /* COROUTINE_FN */

#endif
