/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Coroutines: switching, nesting, waiting, stacks. */
#include "core/coroutine.h"
#include "core/thread.h"
#include "tests/check.h"

static GString *order;

static void step(const char *what)
{
    g_string_append(order, what);
}

static void turn_until(bool *done)
{
    while (!*done) {
        event_loop_run_once(event_loop_main(), true);
    }
}

/* --- switching --- */

static void three_steps(void *arg)
{
    for (int i = 0; i < 3; i++) {
        step("c");
        check_true(coroutine_self() == *(Coroutine **)arg, "self inside");
        coroutine_yield();
    }
    step("e");
}

static void test_yield(void)
{
    g_string_truncate(order, 0);
    Coroutine *co = NULL;
    check_true(!coroutine_self(), "no coroutine outside");
    co = coroutine_new(three_steps, &co);
    for (int i = 0; i < 4; i++) {
        step("m");
        coroutine_enter(co);
        check_true(!coroutine_self(), "no coroutine outside");
    }
    check_str(order->str, "mcmcmcme", "turns are taken");
}

static void inner(void *arg)
{
    step("(i");
    coroutine_yield();
    step(")");
}

static void outer(void *arg)
{
    Coroutine *self = coroutine_self(), *co = coroutine_new(inner, NULL);
    step("<");
    coroutine_enter(co);
    check_true(coroutine_self() == self, "back in the outer one");
    coroutine_yield();
    coroutine_enter(co);
    step(">");
}

static void test_nested(void)
{
    g_string_truncate(order, 0);
    Coroutine *co = coroutine_new(outer, NULL);
    coroutine_enter(co);
    step("m");
    coroutine_enter(co);
    check_str(order->str, "<(im)>", "an inner one yields to the outer");
}

/* Registers that the callee must keep, and the floating-point environment. */
static void compute(void *arg)
{
    double x = 1.0;
    long sum = 0;
    for (int i = 1; i <= 100; i++) {
        x *= 1.5;
        sum += i;
        coroutine_yield();
    }
    *(double *)arg = x + sum;
}

static void test_registers(void)
{
    double results[8], x = 1.0;
    Coroutine *co[8];
    long sum = 0;

    for (int i = 0; i < 8; i++) {
        co[i] = coroutine_new(compute, &results[i]);
    }
    for (int round = 0; round <= 100; round++) {
        for (int i = 0; i < 8; i++) {
            coroutine_enter(co[i]);
        }
        if (round < 100) {
            x *= 1.5;
            sum += round + 1;
        }
    }
    for (int i = 0; i < 8; i++) {
        check_true(results[i] == x + sum, "coroutine %d computed undisturbed", i);
    }
}

static void fill_stack(void *arg)
{
    volatile char block[200 * 1024];    /* within the megabyte */
    for (size_t i = 0; i < sizeof(block); i += 512) {
        block[i] = i;
    }
    coroutine_yield();
    for (size_t i = 0; i < sizeof(block); i += 512) {
        check_int((char)block[i], ==, (char)i, "stack byte %zu", i);
    }
    ++*(int *)arg;
}

static void test_many_and_reuse(void)
{
    enum { COUNT = 300 };               /* more than the pool keeps */
    Coroutine *co[COUNT];
    int finished = 0;

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < COUNT; i++) {
            co[i] = coroutine_new(fill_stack, &finished);
            coroutine_enter(co[i]);
        }
        for (int i = COUNT; i-- > 0; ) {
            coroutine_enter(co[i]);
        }
    }
    check_int(finished, ==, 5 * COUNT, "all ended");
}

static void note_address(void *arg)
{
    char here;
    *(uintptr_t *)arg = (uintptr_t)&here & ~(uintptr_t)0xffff;
}

static void test_stack_reuse(void)
{
    uintptr_t first, second;
    coroutine_enter(coroutine_new(note_address, &first));
    coroutine_enter(coroutine_new(note_address, &second));
#ifndef __SANITIZE_ADDRESS__            /* locals are elsewhere then */
    check_true(first == second, "an ended coroutine's stack is used again");
#endif
}

static char overflow(volatile char *above, int depth)
{
    volatile char block[4096];
    memset((char *)block, depth, sizeof(block));
    return block[depth & 4095] + above[0] + (depth < 100000 ? overflow(block, depth + 1) : 0);
}

static void overflow_stack(void *arg)
{
    volatile char c = 0;
    step(overflow(&c, 0) ? "x" : "y");
}

static void test_guard(void)
{
#ifndef __SANITIZE_ADDRESS__
    if (g_test_subprocess()) {
        coroutine_enter(coroutine_new(overflow_stack, NULL));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
#else
    (void)overflow_stack;
    g_test_skip("the sanitizer has its own report");
#endif
}

static void enter_self(void *arg)
{
    coroutine_enter(coroutine_self());
}

static void test_enter_twice(void)
{
    if (g_test_subprocess()) {
        coroutine_enter(coroutine_new(enter_self, NULL));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*a coroutine is entered while it runs*");
}

/* --- waiting --- */

typedef struct Worker { const char *name; CoMutex *mutex; CoQueue *queue; int *left; bool *done; } Worker;

static void finish(Worker *w)
{
    if (--*w->left == 0) {
        *w->done = true;
    }
}

static void lock_and_yield(void *arg)
{
    Worker *w = arg;
    co_mutex_lock(w->mutex);
    step("[");
    coroutine_wake(coroutine_self());
    coroutine_yield();
    step(w->name);
    step("]");
    co_mutex_unlock(w->mutex);
    finish(w);
}

static void test_mutex(void)
{
    CoMutex mutex = { 0 };
    bool done = false;
    int left = 3;
    Worker w[] = {
        {"a", &mutex, NULL, &left, &done}, {"b", &mutex, NULL, &left, &done}, {"c", &mutex, NULL, &left, &done}};

    g_string_truncate(order, 0);
    for (int i = 0; i < 3; i++) {
        coroutine_enter(coroutine_new(lock_and_yield, &w[i]));
    }
    turn_until(&done);
    check_str(order->str, "[a][b][c]", "one at a time, in order of asking");
    check_true(!mutex.locked, "free at the end");
}

static void wait_in_queue(void *arg)
{
    Worker *w = arg;
    co_queue_wait(w->queue);
    step(w->name);
    finish(w);
}

static void test_queue(void)
{
    CoQueue queue = { 0 };
    bool done = false;
    int left = 4;
    Worker w[] = { { "a", NULL, &queue, &left, &done }, { "b", NULL, &queue, &left, &done },
                   { "c", NULL, &queue, &left, &done }, { "d", NULL, &queue, &left, &done } };

    g_string_truncate(order, 0);
    check_true(!co_queue_wake_one(&queue), "nobody waits");
    for (int i = 0; i < 4; i++) {
        coroutine_enter(coroutine_new(wait_in_queue, &w[i]));
    }
    check_true(co_queue_wake_one(&queue), "one is woken");
    while (!order->len) {
        event_loop_run_once(event_loop_main(), true);
    }
    check_true(!event_loop_run_once(event_loop_main(), false), "and no other");
    check_str(order->str, "a", "the first");
    co_queue_wake_all(&queue);
    turn_until(&done);
    check_str(order->str, "abcd", "then all, in order");
}

static void sleep_twice(void *arg)
{
    int64_t start = clock_ns(CLOCK_RT);
    coroutine_sleep_ns(CLOCK_RT, NS_PER_MS);
    coroutine_sleep_ns(CLOCK_RT, NS_PER_MS);
    *(bool *)arg = clock_ns(CLOCK_RT) - start >= 2 * NS_PER_MS;
}

static void test_sleep_and_sync(void)
{
    bool slept = false;
    coroutine_run_sync(sleep_twice, &slept);
    check_true(slept, "it slept at least as long as asked");
}

/* --- with workers and other threads --- */

static int work(void *arg)
{
    check_true(!coroutine_self(), "a worker runs no coroutine");
    return *(int *)arg * 2;
}

static void ask_workers(void *arg)
{
    int sum = 0;
    for (int i = 0; i < 100; i++) {
        sum += worker_co_run(work, &i);
    }
    *(int *)arg = sum;
}

static void test_worker(void)
{
    int sum = 0;
    coroutine_run_sync(ask_workers, &sum);
    check_int(sum, ==, 9900, "results come back in the coroutine");
}

typedef struct Wake { Coroutine *co; int times; bool done; } Wake;

static void await_wakes(void *arg)
{
    Wake *wake = arg;
    for (int i = 0; i < 1000; i++) {
        __atomic_store_n(&wake->times, i + 1, __ATOMIC_RELEASE);
        coroutine_yield();
    }
    wake->done = true;
}

static void *wake_from_thread(void *arg)
{
    Wake *wake = arg;
    for (int i = 1; i <= 1000; i++) {
        while (__atomic_load_n(&wake->times, __ATOMIC_ACQUIRE) < i) {
            g_thread_yield();
        }
        coroutine_wake(wake->co);       /* perhaps before it has yielded: it is entered after that */
    }
    return NULL;
}

static void test_wake_from_thread(void)
{
    Wake wake = { 0 };
    wake.co = coroutine_new(await_wakes, &wake);
    pthread_t thread = thread_start("waker", wake_from_thread, &wake);
    coroutine_enter(wake.co);
    turn_until(&wake.done);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    order = g_string_new(NULL);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/coroutine/yield", test_yield);
    g_test_add_func("/coroutine/nested", test_nested);
    g_test_add_func("/coroutine/registers", test_registers);
    g_test_add_func("/coroutine/many", test_many_and_reuse);
    g_test_add_func("/coroutine/stack-reuse", test_stack_reuse);
    g_test_add_func("/coroutine/guard", test_guard);
    g_test_add_func("/coroutine/enter-twice", test_enter_twice);
    g_test_add_func("/coroutine/mutex", test_mutex);
    g_test_add_func("/coroutine/queue", test_queue);
    g_test_add_func("/coroutine/sleep", test_sleep_and_sync);
    g_test_add_func("/coroutine/worker", test_worker);
    g_test_add_func("/coroutine/wake", test_wake_from_thread);
    return g_test_run();
}
