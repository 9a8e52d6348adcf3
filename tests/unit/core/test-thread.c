/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The big lock, threads and the worker pool. */
#include "core/thread.h"
#include "tests/check.h"

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int counter;

static void *count_under_lock(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        BQL_GUARD();
        check_true(bql_held(), "held inside");
        {
            BQL_GUARD();                /* has it already */
            counter++;
        }
        check_true(bql_held(), "still held after an inner guard");
    }
    check_true(!bql_held(), "released at the end of the scope");
    bql_lock();
    pthread_cond_signal(&cond);
    bql_unlock();
    return NULL;
}

static void test_big_lock(void)
{
    pthread_t threads[4];

    counter = 0;
    bql_lock();
    for (int i = 0; i < 4; i++) {
        threads[i] = thread_start("a-rather-long-thread-name", count_under_lock, NULL);
    }
    check_int(counter, ==, 0, "nobody else runs while we hold it");
    while (counter < 40000) {
        bql_wait(&cond);
        check_true(bql_held(), "held again after waiting");
    }
    bql_unlock();
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    check_int(counter, ==, 40000, "no update was lost");
}

static void *check_thread(void *arg)
{
    char name[16];
    sigset_t mask;

    pthread_getname_np(pthread_self(), name, sizeof(name));
    check_str(name, "a-rather-long-t", "15 characters of the name");
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    check_true(sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM) && sigismember(&mask, SIGALRM),
               "signals go elsewhere");
    check_true(!sigismember(&mask, SIG_KICK) && !sigismember(&mask, SIGSEGV), "but for the kick and faults");
    pthread_kill(pthread_self(), SIG_KICK);
    return arg;
}

static void test_thread(void)
{
    void *result;
    pthread_t thread = thread_start("a-rather-long-thread-name", check_thread, &counter);
    pthread_join(thread, &result);
    check_true(result == &counter, "the result; and a kick without handler kills nobody");
}

static int blocked, started;
static int square(void *arg) { return GPOINTER_TO_INT(arg) * GPOINTER_TO_INT(arg); }

static int done_count, done_sum;
static void on_done(void *opaque, int ret)
{
    check_true(bql_held(), "completion under the big lock");
    check_int(ret, ==, GPOINTER_TO_INT(opaque) * GPOINTER_TO_INT(opaque), "the result belongs to the request");
    done_count++;
    done_sum += ret;
}

static void test_workers(void)
{
    int want = 0;

    for (int i = 0; i < 1000; i++) {
        worker_submit(NULL, square, GINT_TO_POINTER(i), on_done, GINT_TO_POINTER(i));
        want += i * i;
    }
    while (done_count < 1000) {
        event_loop_run_once(event_loop_main(), true);
    }
    check_int(done_sum, ==, want, "all results");
}

/* Blocks until all of its kind have started: works only if they run at the same time. */
static int meet(void *arg)
{
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) < blocked) {
        g_usleep(100);
    }
    return 0;
}

static void count_done(void *opaque, int ret) { done_count++; }

static void test_parallel(void)
{
    blocked = 40;
    started = done_count = 0;
    for (int i = 0; i < blocked; i++) {
        worker_submit(NULL, meet, NULL, count_done, NULL);
    }
    while (done_count < blocked) {
        event_loop_run_once(event_loop_main(), true);
    }
    check_int(started, ==, blocked, "forty blocking calls at once");
    /* More than the pool has threads: the rest waits and is run. */
    done_count = 0;
    for (int i = 0; i < 500; i++) {
        worker_submit(NULL, square, GINT_TO_POINTER(i), i % 2 ? count_done : NULL, NULL);
    }
    while (done_count < 250) {
        event_loop_run_once(event_loop_main(), true);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/thread/big-lock", test_big_lock);
    g_test_add_func("/thread/start", test_thread);
    g_test_add_func("/thread/workers", test_workers);
    g_test_add_func("/thread/parallel", test_parallel);
    return g_test_run();
}
