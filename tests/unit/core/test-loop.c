/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks, timers, bottom halves, descriptors and GLib sources. Order is asserted, durations never. */
#include "core/loop.h"
#include "core/thread.h"
#include "core/timer.h"
#include "tests/check.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static GString *order;

typedef struct Named { const char *name; Timer timer; int64_t again_ns; int left; } Named;

static void note(void *opaque)
{
    g_string_append(order, ((Named *)opaque)->name);
}

static void test_clocks(void)
{
    int64_t rt = clock_ns(CLOCK_RT), stopped = clock_ns(CLOCK_VIRTUAL);

    check_true(rt > 0 && clock_ns(CLOCK_RT) >= rt, "CLOCK_RT does not go back");
    check_true(clock_ns(CLOCK_HOST) > 1600000000 * NS_PER_S, "CLOCK_HOST is the time of day");
    check_int(clock_ns(CLOCK_VIRTUAL), ==, stopped, "a stopped clock stands");
    clock_virtual_run(true);
    int64_t start = clock_ns(CLOCK_VIRTUAL);
    check_true(start >= stopped, "running goes on from where it stood");
    while (clock_ns(CLOCK_VIRTUAL) == start) {
    }
    clock_virtual_run(false);
    int64_t end = clock_ns(CLOCK_VIRTUAL);
    check_true(end > start, "it ran");
    check_int(clock_ns(CLOCK_VIRTUAL), ==, end, "and stands again");
    check_true(clock_ns(CLOCK_VIRTUAL_RT) > 0, "CLOCK_VIRTUAL_RT ran as well");
    check_int(muldiv64(UINT64_MAX, 1000, 1000), ==, UINT64_MAX, "a product of 128 bits");
}

static void test_stopped_clock_fires_nothing(void)
{
    EventLoop *loop = event_loop_main();
    Named t = { .name = "t" };

    g_string_truncate(order, 0);
    timer_init(&t.timer, NULL, CLOCK_VIRTUAL, note, &t);
    timer_arm_ns(&t.timer, 0);
    while (event_loop_run_once(loop, false)) {
    }
    check_str(order->str, "", "the clock stands: nothing fires");
    clock_virtual_run(true);
    while (!order->len) {
        event_loop_run_once(loop, true);
    }
    clock_virtual_run(false);
    check_true(!timer_armed(&t.timer), "fired once");
}

static void test_manual_order(void)
{
    static const struct { const char *name; int64_t at; } rows[] = {
        { "e", 500 }, { "a", 100 }, { "c", 300 }, { "C", 300 }, { "b", 200 }, { "z", 100000 }, { "d", 400 },
    };
    Named t[G_N_ELEMENTS(rows)];

    clock_virtual_set_manual();
    int64_t base = clock_ns(CLOCK_VIRTUAL);
    check_int(clock_virtual_next_deadline(), ==, -1, "no timer: no deadline");
    g_string_truncate(order, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        t[i].name = rows[i].name;
        timer_init(&t[i].timer, NULL, CLOCK_VIRTUAL, note, &t[i]);
        timer_arm_ns(&t[i].timer, base + rows[i].at);
    }
    check_int(clock_virtual_next_deadline(), ==, base + 100, "the first deadline");
    clock_virtual_step(base + 99);
    check_str(order->str, "", "not yet");
    clock_virtual_step(base + 300);
    check_str(order->str, "abcC", "in order of expiry, then of arming");
    check_int(clock_ns(CLOCK_VIRTUAL), ==, base + 300, "the clock shows what was asked");
    timer_stop(&t[6].timer);
    timer_stop(&t[6].timer);
    timer_arm_ns(&t[0].timer, base + 310);
    clock_virtual_step(base + 1000);
    check_str(order->str, "abcCe", "stopped ones do not fire, re-armed ones at the new time");
    check_int(clock_virtual_next_deadline(), ==, base + 100000, "one is left");
    clock_virtual_step(base + 500);
    check_int(clock_ns(CLOCK_VIRTUAL), ==, base + 1000, "time does not go back");
    clock_virtual_run(true);
    check_int(clock_ns(CLOCK_VIRTUAL), ==, base + 1000, "under manual control the clock does not run by itself");
    clock_virtual_run(false);
    timer_stop(&t[5].timer);
}

static void periodic(void *opaque)
{
    Named *t = opaque;
    g_string_append_printf(order, "%" G_GINT64_FORMAT " ", clock_ns(CLOCK_VIRTUAL) - t->again_ns);
    if (--t->left) {
        timer_arm_ns(&t->timer, clock_ns(CLOCK_VIRTUAL) + 10);
    }
}

static void test_periodic_step(void)
{
    int64_t base = clock_ns(CLOCK_VIRTUAL);
    Named t = { .left = 4, .again_ns = base };

    g_string_truncate(order, 0);
    timer_init(&t.timer, NULL, CLOCK_VIRTUAL, periodic, &t);
    timer_arm_ns(&t.timer, base + 10);
    clock_virtual_step(base + 35);
    check_str(order->str, "10 20 30 ", "each expiry sees its own time within one step");
    timer_stop(&t.timer);
}

/* Random arming and stopping against a plain list. */
static void test_heap_random(void)
{
    enum { COUNT = 200 };
    g_autofree Named *t = g_new0(Named, COUNT);
    int64_t base = clock_ns(CLOCK_VIRTUAL);

    for (int i = 0; i < COUNT; i++) {
        t[i].name = "x";
        timer_init(&t[i].timer, NULL, CLOCK_VIRTUAL, note, &t[i]);
    }
    for (int round = 0; round < 20000; round++) {
        Timer *timer = &t[g_test_rand_int_range(0, COUNT)].timer;
        if (g_test_rand_int_range(0, 3)) {
            timer_arm_ns(timer, base + 1 + g_test_rand_int_range(0, 1000));
        } else {
            timer_stop(timer);
        }
        int64_t first = -1;
        for (int i = 0; i < COUNT; i++) {
            if (timer_armed(&t[i].timer) && (first < 0 || t[i].timer.expire_ns < first)) {
                first = t[i].timer.expire_ns;
            }
        }
        check_int(clock_virtual_next_deadline(), ==, first, "round %d: the heap's first", round);
    }
    for (int i = 0; i < COUNT; i++) {
        timer_stop(&t[i].timer);
    }
    check_int(clock_virtual_next_deadline(), ==, -1, "empty");
}

static Bh *self_scheduling;
static void schedule_again(void *opaque)
{
    g_string_append(order, "s");
    bh_schedule(self_scheduling);
}

static void free_myself(void *opaque)
{
    g_string_append(order, "f");
    bh_free(*(Bh **)opaque);
}

static void test_bh(void)
{
    EventLoop *loop = event_loop_main();
    Named a = { .name = "a" }, b = { .name = "b" };
    Bh *bh_a = bh_new(NULL, note, &a), *bh_b = bh_new(loop, note, &b), *bh_f;

    g_string_truncate(order, 0);
    bh_schedule(bh_b);
    bh_schedule(bh_a);
    bh_schedule(bh_b);
    check_true(event_loop_run_once(loop, true), "something ran");
    check_str(order->str, "ba", "each once, in order of scheduling");
    check_true(!event_loop_run_once(loop, false), "then nothing");
    bh_schedule(bh_a);
    bh_cancel(bh_a);
    bh_cancel(bh_b);
    check_true(!event_loop_run_once(loop, false), "a cancelled one does not run");
    self_scheduling = bh_new(NULL, schedule_again, NULL);
    g_string_truncate(order, 0);
    bh_schedule(self_scheduling);
    bh_schedule(bh_a);
    event_loop_run_once(loop, true);
    check_str(order->str, "sa", "one that schedules itself runs once a turn");
    event_loop_run_once(loop, true);
    check_str(order->str, "sas", "and does not sleep before the next");
    bh_free(self_scheduling);
    bh_f = bh_new(NULL, free_myself, &bh_f);
    bh_schedule(bh_f);
    event_loop_call(loop, note, &b);
    event_loop_run_once(loop, true);
    check_str(order->str, "sasfb", "freed in its own callback; a call");
    bh_schedule(bh_a);
    bh_free(bh_a);
    bh_free(bh_b);
    bh_free(NULL);
    check_true(!event_loop_run_once(loop, false), "one freed while scheduled does not run");
}

static int fds[2], other[2];

static void read_byte(void *opaque)
{
    char c;
    check_int(read(*(int *)opaque, &c, 1), ==, 1, "readable means a byte");
    g_string_append_c(order, c);
}

static void on_writable(void *opaque)
{
    g_string_append_c(order, 'w');
    event_loop_set_fd(event_loop_main(), *(int *)opaque, NULL, NULL, NULL);
}

/* Of two ready descriptors each forgets the other: only the first handler may run. */
static void forget_other(void *opaque)
{
    g_string_append_c(order, 'x');
    event_loop_set_fd(event_loop_main(), fds[0], NULL, NULL, NULL);
    event_loop_set_fd(event_loop_main(), other[0], NULL, NULL, NULL);
}

static void on_hangup(void *opaque)
{
    char c;
    check_int(read(fds[0], &c, 1), ==, 0, "end of file");
    g_string_append_c(order, 'h');
    event_loop_set_fd(event_loop_main(), fds[0], NULL, NULL, NULL);
}

static void read_file(void *opaque)
{
    char c;
    g_string_append(order, read(*(int *)opaque, &c, 1) == 1 ? "r" : "E");
    if (order->str[order->len - 1] == 'E') {
        event_loop_set_fd(event_loop_main(), *(int *)opaque, NULL, NULL, NULL);
    }
}

static void test_fds(void)
{
    EventLoop *loop = event_loop_main();

    check_int(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0, "socketpair");
    check_int(socketpair(AF_UNIX, SOCK_STREAM, 0, other), ==, 0, "socketpair");
    g_string_truncate(order, 0);
    event_loop_set_fd(loop, fds[0], read_byte, NULL, &fds[0]);
    check_true(!event_loop_run_once(loop, false), "nothing to read");
    check_int(write(fds[1], "12", 2), ==, 2, "write");
    check_true(event_loop_run_once(loop, true), "readable");
    check_true(event_loop_run_once(loop, true), "level-triggered: still");
    check_true(!event_loop_run_once(loop, false), "no more");
    check_str(order->str, "12", "both bytes");
    event_loop_set_fd(loop, fds[0], read_byte, on_writable, &fds[0]);
    event_loop_run_once(loop, true);
    check_str(order->str, "12w", "writable");
    event_loop_set_fd(loop, fds[0], NULL, NULL, NULL);

    event_loop_set_fd(loop, fds[0], forget_other, NULL, NULL);
    event_loop_set_fd(loop, other[0], forget_other, NULL, NULL);
    check_int(write(fds[1], "a", 1) + write(other[1], "a", 1), ==, 2, "write");
    event_loop_run_once(loop, true);
    check_str(order->str, "12wx", "a handler removed by another one of the same turn does not run");
    check_true(!event_loop_run_once(loop, false), "both are forgotten");

    event_loop_set_fd(loop, fds[0], read_byte, NULL, &fds[0]);
    event_loop_run_once(loop, true);
    event_loop_set_fd(loop, fds[0], on_hangup, NULL, NULL);
    close(fds[1]);
    event_loop_run_once(loop, true);
    check_str(order->str, "12wxah", "hang-up is readable");
    close(fds[0]);
    close(other[0]);
    close(other[1]);

    /* What epoll refuses: a regular file is always ready, as poll() has it. */
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("rhea-loop-XXXXXX", &path, NULL);
    check_true(fd >= 0 && write(fd, "12", 2) == 2 && lseek(fd, 0, SEEK_SET) == 0, "a file of two bytes");
    g_string_truncate(order, 0);
    event_loop_set_fd(loop, fd, read_file, NULL, &fd);
    while (!strchr(order->str, 'E')) {
        event_loop_run_once(loop, true);
    }
    check_str(order->str, "rrE", "read to its end");
    check_true(!event_loop_run_once(loop, false), "and forgotten");
    close(fd);
    unlink(path);
}

static gboolean on_idle(gpointer opaque)
{
    check_true(bql_held(), "GLib sources run under the big lock");
    g_string_append_c(order, 'g');
    return G_SOURCE_REMOVE;
}

static gboolean on_pipe(GIOChannel *channel, GIOCondition condition, gpointer opaque)
{
    g_string_append_c(order, 'p');
    return G_SOURCE_REMOVE;
}

static void test_glib(void)
{
    EventLoop *loop = event_loop_main();
    int pipe_fds[2];

    bql_lock();
    g_string_truncate(order, 0);
    g_idle_add(on_idle, NULL);
    check_true(event_loop_run_once(loop, true), "an idle source");
    g_timeout_add(1, on_idle, NULL);
    while (order->len < 2) {
        event_loop_run_once(loop, true);
    }
    check_int(pipe(pipe_fds), ==, 0, "pipe");
    GIOChannel *channel = g_io_channel_unix_new(pipe_fds[0]);
    g_io_add_watch(channel, G_IO_IN, on_pipe, NULL);
    check_true(!event_loop_run_once(loop, false), "nothing to read");
    check_int(write(pipe_fds[1], "x", 1), ==, 1, "write");
    check_true(event_loop_run_once(loop, true), "a watched descriptor");
    check_str(order->str, "ggp", "all three");
    check_true(bql_held(), "the lock is held as before");
    bql_unlock();
    g_io_channel_unref(channel);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

/* --- a loop of another thread --- */

typedef struct Remote { EventLoop *loop; bool stop; int ran; Timer timer; } Remote;

static void *run_remote(void *opaque)
{
    Remote *r = opaque;
    while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
        event_loop_run_once(r->loop, true);
    }
    return NULL;
}

static void count_remote(void *opaque)
{
    Remote *r = opaque;
    check_true(event_loop_current() == r->loop, "runs in its loop");
    check_true(!bql_held(), "without the big lock");
    __atomic_add_fetch(&r->ran, 1, __ATOMIC_RELEASE);
}

static void wait_remote(Remote *r, int count)
{
    while (__atomic_load_n(&r->ran, __ATOMIC_ACQUIRE) < count) {
        g_thread_yield();
    }
}

static void stop_remote(void *opaque)
{
    __atomic_store_n(&((Remote *)opaque)->stop, true, __ATOMIC_RELEASE);
}

static void test_other_thread(void)
{
    Remote r = { .loop = event_loop_new("io0") };
    pthread_t thread = thread_start("io0", run_remote, &r);

    for (int i = 1; i <= 1000; i++) {
        event_loop_call(r.loop, count_remote, &r);
        if (i % 7 == 0) {
            wait_remote(&r, i);         /* lets it fall asleep at times */
        }
    }
    wait_remote(&r, 1000);
    timer_init(&r.timer, r.loop, CLOCK_RT, count_remote, &r);
    timer_arm_ns(&r.timer, clock_ns(CLOCK_RT) + 3600 * NS_PER_S);
    timer_arm_ns(&r.timer, clock_ns(CLOCK_RT) + 1);
    wait_remote(&r, 1001);
    timer_init(&r.timer, r.loop, CLOCK_HOST, count_remote, &r);
    timer_arm_ns(&r.timer, clock_ns(CLOCK_HOST) + NS_PER_MS);
    wait_remote(&r, 1002);
    event_loop_call(r.loop, stop_remote, &r);
    pthread_join(thread, NULL);
    event_loop_free(r.loop);
}

/* --- the main loop turned by a second thread under the big lock --- */

static bool helper_done, main_saw;
static void set_done(void *opaque) { *(bool *)opaque = true; }

static void *turn_main_loop(void *opaque)
{
    bql_lock();
    Bh *bh = bh_new(NULL, set_done, &helper_done);
    bh_schedule(bh);
    while (!helper_done) {
        event_loop_run_once(event_loop_main(), true);
    }
    bh_free(bh);
    event_loop_call(event_loop_main(), set_done, &main_saw);
    bql_unlock();
    return NULL;
}

static void test_two_threads_turn_main(void)
{
    for (int i = 0; i < 200; i++) {
        helper_done = main_saw = false;
        pthread_t thread = thread_start("vcpu", turn_main_loop, NULL);
        bql_lock();
        while (!main_saw) {
            event_loop_run_once(event_loop_main(), true);
        }
        bql_unlock();
        pthread_join(thread, NULL);
    }
}

int main(int argc, char **argv)
{
    order = g_string_new(NULL);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/loop/clocks", test_clocks);
    g_test_add_func("/loop/stopped-clock", test_stopped_clock_fires_nothing);
    g_test_add_func("/loop/bh", test_bh);
    g_test_add_func("/loop/fds", test_fds);
    g_test_add_func("/loop/glib", test_glib);
    g_test_add_func("/loop/other-thread", test_other_thread);
    g_test_add_func("/loop/two-threads", test_two_threads_turn_main);
    g_test_add_func("/loop/manual-order", test_manual_order);      /* manual control stays: these come last */
    g_test_add_func("/loop/periodic-step", test_periodic_step);
    g_test_add_func("/loop/heap-random", test_heap_random);
    return g_test_run();
}
