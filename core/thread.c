/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The big lock, threads, and the worker pool.
 *
 * Pool: worker_submit() queues an item and starts a thread if no idle one will take it (up to WORKERS_MAX); a worker
 * runs it and schedules its bottom half in the asking loop, which calls `done`. A worker without work for
 * IDLE_SECONDS ends.
 */
#include "core/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/coroutine.h"
#include "core/error.h"
#include "core/timer_internal.h"

/* --- big lock --- */

static pthread_mutex_t bql = PTHREAD_MUTEX_INITIALIZER;
static __thread bool bql_is_ours;
void (*bql_blocking_hook)(bool blocking);

static void blocking(bool yes)
{
    if (bql_blocking_hook) {
        bql_blocking_hook(yes);
    }
}

void bql_lock(void)
{
    g_assert(!bql_is_ours);
    if (pthread_mutex_trylock(&bql)) {
        blocking(true);
        pthread_mutex_lock(&bql);
        blocking(false);
    }
    bql_is_ours = true;
}

void bql_unlock(void)
{
    g_assert(bql_is_ours);
    bql_is_ours = false;
    pthread_mutex_unlock(&bql);
}

bool bql_held(void)
{
    return bql_is_ours;
}

void bql_wait(pthread_cond_t *cond)
{
    g_assert(bql_is_ours);
    bql_is_ours = false;
    blocking(true);
    pthread_cond_wait(cond, &bql);
    blocking(false);
    bql_is_ours = true;
}

void bql_wait_until(pthread_cond_t *cond, int64_t ns)
{
    struct timespec until = { ns / NS_PER_S, ns % NS_PER_S };

    g_assert(bql_is_ours);
    bql_is_ours = false;
    blocking(true);
    pthread_cond_timedwait(cond, &bql, &until);
    blocking(false);
    bql_is_ours = true;
}

/* --- threads --- */

typedef struct ThreadStart { void *(*fn)(void *); void *arg; char name[16]; } ThreadStart;

static void *thread_main(void *opaque)
{
    ThreadStart start = *(ThreadStart *)opaque;
    g_free(opaque);
    pthread_setname_np(pthread_self(), start.name);
    return start.fn(start.arg);
}

static void ignore_kick(int sig)
{
}

/* A kick must not kill a process whose accelerator has installed no handler. */
static void ensure_kick_handler(void)
{
    static gsize once;
    struct sigaction old;

    if (g_once_init_enter(&once)) {
        if (sigaction(SIG_KICK, NULL, &old) == 0 && !(old.sa_flags & SA_SIGINFO) && old.sa_handler == SIG_DFL) {
            struct sigaction action = { .sa_handler = ignore_kick };
            sigaction(SIG_KICK, &action, NULL);
        }
        g_once_init_leave(&once, 1);
    }
}

pthread_t thread_start(const char *name, void *(*fn)(void *), void *arg)
{
    static const int open_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIG_KICK };
    ThreadStart *start = g_new0(ThreadStart, 1);
    sigset_t mask, old;
    pthread_t thread;

    ensure_kick_handler();
    start->fn = fn;
    start->arg = arg;
    g_strlcpy(start->name, name, sizeof(start->name));
    sigfillset(&mask);
    for (size_t i = 0; i < G_N_ELEMENTS(open_signals); i++) {
        sigdelset(&mask, open_signals[i]);
    }
    pthread_sigmask(SIG_SETMASK, &mask, &old);
    int ret = pthread_create(&thread, NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (ret) {
        error_report("cannot start thread '%s': %s", name, g_strerror(ret));
        exit(1);
    }
    return thread;
}

/* --- worker pool --- */

enum { WORKERS_MAX = 64, IDLE_SECONDS = 10 };

typedef struct WorkItem {
    WorkFn *fn;
    void *arg;
    WorkDoneFn *done;
    void *opaque;
    int ret;
    Bh bh;
    GList link;
} WorkItem;

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t pool_cond;        /* on the monotonic clock */
static GQueue pool_items;
static unsigned pool_threads, pool_idle;

static void work_done(void *opaque)
{
    WorkItem item = *(WorkItem *)opaque;
    g_free(opaque);
    if (item.done) {
        item.done(item.opaque, item.ret);
    }
}

/* The next item, or NULL after idling; called and left with pool_lock held. */
static WorkItem *wait_for_item(void)
{
    struct timespec until;
    int ret = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_SECONDS;
    while (!pool_items.length && ret != ETIMEDOUT) {
        pool_idle++;
        ret = pthread_cond_timedwait(&pool_cond, &pool_lock, &until);
        pool_idle--;
    }
    return pool_items.length ? g_queue_pop_head_link(&pool_items)->data : NULL;
}

static void *worker_main(void *arg)
{
    WorkItem *item;

    pthread_mutex_lock(&pool_lock);
    while ((item = wait_for_item())) {
        pthread_mutex_unlock(&pool_lock);
        item->ret = item->fn(item->arg);
        bh_schedule(&item->bh);
        pthread_mutex_lock(&pool_lock);
    }
    pool_threads--;
    pthread_mutex_unlock(&pool_lock);
    return NULL;
}

static void init_pool(void)
{
    static gsize once;
    pthread_condattr_t attr;

    if (g_once_init_enter(&once)) {
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&pool_cond, &attr);
        pthread_condattr_destroy(&attr);
        g_once_init_leave(&once, 1);
    }
}

void worker_submit(EventLoop *loop, WorkFn *fn, void *arg, WorkDoneFn *done, void *opaque)
{
    WorkItem *item = g_new0(WorkItem, 1);

    init_pool();
    item->fn = fn;
    item->arg = arg;
    item->done = done;
    item->opaque = opaque;
    item->link.data = item;
    bh_init_embedded(&item->bh, loop ? loop : event_loop_current(), work_done, item);
    pthread_mutex_lock(&pool_lock);
    g_queue_push_tail_link(&pool_items, &item->link);
    bool more = pool_items.length > pool_idle && pool_threads < WORKERS_MAX;
    pool_threads += more;
    pthread_mutex_unlock(&pool_lock);
    if (more) {
        pthread_detach(thread_start("worker", worker_main, NULL));
    } else {
        pthread_cond_signal(&pool_cond);
    }
}

typedef struct CoWork { Coroutine *co; int ret; bool done; } CoWork;

static void co_work_done(void *opaque, int ret)
{
    CoWork *work = opaque;
    work->ret = ret;
    work->done = true;
    coroutine_enter(work->co);
}

int worker_co_run(WorkFn *fn, void *arg)
{
    CoWork work = { .co = coroutine_self() };

    g_assert(work.co);
    worker_submit(NULL, fn, arg, co_work_done, &work);
    while (!work.done) {
        coroutine_yield();
    }
    return work.ret;
}
