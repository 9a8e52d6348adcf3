/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coroutines: straight-line code over asynchronous I/O, as the block layer needs it.
 *
 * A function that may yield is marked COROUTINE_FN and called only from a coroutine. A coroutine runs in the thread
 * that enters it; stacks are pooled and guarded.
 */
#ifndef CORE_COROUTINE_H
#define CORE_COROUTINE_H

#include <glib.h>
#include <stdbool.h>

#include "core/loop.h"

#define COROUTINE_FN
typedef struct Coroutine Coroutine;

Coroutine *coroutine_new(void (*fn)(void *arg), void *arg);     /* freed when @fn returns */
void coroutine_enter(Coroutine *co);                    /* until it yields or ends */
void COROUTINE_FN coroutine_yield(void);                /* back to who entered */
Coroutine *coroutine_self(void);                        /* NULL outside of coroutines */
/** coroutine_wake: enters @co soon from its home loop's thread; safe from any thread. */
void coroutine_wake(Coroutine *co);
void COROUTINE_FN coroutine_sleep_ns(ClockType clock, int64_t ns);

typedef struct CoQueue { GQueue waiters; } CoQueue;     /* zero-filled is ready */
void COROUTINE_FN co_queue_wait(CoQueue *q);
bool co_queue_wake_one(CoQueue *q);
void co_queue_wake_all(CoQueue *q);
typedef struct CoMutex { bool locked; CoQueue queue; } CoMutex; /* between coroutines of one loop */
void COROUTINE_FN co_mutex_lock(CoMutex *m);
void co_mutex_unlock(CoMutex *m);

/**
 * coroutine_run_sync: runs @fn(@arg) as a coroutine to its end, turning the current loop meanwhile. Not from a
 * coroutine.
 */
void coroutine_run_sync(void (*fn)(void *arg), void *arg);

#endif
