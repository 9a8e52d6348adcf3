/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop: one turn is wait, then bottom halves, timers, descriptors, and (main loop) GLib's sources.
 *
 *   bh_schedule(), timer_arm_ns()  --> lists under loop->lock; event_loop_wake() writes wake_fd if one sleeps
 *   event_loop_set_fd()            --> loop->fds and epoll
 *   event_loop_run_once()          --> sleeps in epoll until a descriptor or the first timer
 *                                  --> dispatch: callbacks one by one, no lock of ours held
 *
 * Invariants: `woken` is true while wake_fd holds a count; it is cleared before the lists are looked at, so that a wake
 * is never lost. An fd event carries the generation of its handler: one replaced meanwhile, even under the same number,
 * is not called. The main loop drops the big lock while it waits and asks epoll for events after it has it again; thus
 * a second thread may turn it too (a vCPU that drains a disk), and wakes the owner when it leaves.
 */
#include "core/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/error.h"
#include "core/thread.h"
#include "core/timer_internal.h"

typedef struct FdHandler {
    int fd;
    uint32_t generation;
    FdFn *on_read, *on_write;
    void *opaque;
    bool in_epoll;                      /* false: epoll refuses it; always ready */
} FdHandler;

enum { EVENTS_PER_TURN = 64 };

static GMutex list_lock;
static EventLoop *loop_list, *main_loop;
static __thread EventLoop *current_loop;        /* NULL: the main loop */
static __thread EventLoop *owned_loop;

static void die(const char *what)
{
    error_report("cannot create an event loop: %s: %s", what, g_strerror(errno));
    exit(1);
}

static void on_wake(void *opaque)
{
    EventLoop *loop = opaque;
    uint64_t count;
    while (read(loop->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR) {
    }
    __atomic_store_n(&loop->woken, false, __ATOMIC_SEQ_CST);
}

EventLoop *event_loop_new(const char *name)
{
    EventLoop *loop = g_new0(EventLoop, 1);

    loop->name = g_strdup(name);
    loop->host_clock_fd = -1;
    g_mutex_init(&loop->lock);
    g_queue_init(&loop->bhs);
    loop->fds = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        die("epoll");
    }
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0) {
        die("eventfd");
    }
    event_loop_set_fd(loop, loop->wake_fd, on_wake, NULL, loop);
    g_mutex_lock(&list_lock);
    loop->next = loop_list;
    loop_list = loop;
    g_mutex_unlock(&list_lock);
    return loop;
}

void event_loop_free(EventLoop *loop)
{
    if (!loop) {
        return;
    }
    g_assert(loop != main_loop);
    g_mutex_lock(&list_lock);
    for (EventLoop **l = &loop_list; *l; l = &(*l)->next) {
        if (*l == loop) {
            *l = loop->next;
            break;
        }
    }
    g_mutex_unlock(&list_lock);
    if (owned_loop == loop) {
        owned_loop = current_loop = NULL;
    }
    if (loop->host_clock_fd >= 0) {
        close(loop->host_clock_fd);
    }
    close(loop->wake_fd);
    close(loop->epoll_fd);
    g_hash_table_destroy(loop->fds);
    for (ClockType c = 0; c < CLOCK_TYPE_COUNT; c++) {
        g_free(loop->heaps[c].items);
    }
    g_mutex_clear(&loop->lock);
    g_free(loop->name);
    g_free(loop);
}

EventLoop *event_loop_main(void)
{
    static gsize once;

    if (g_once_init_enter(&once)) {
        main_loop = event_loop_new("main");
        main_loop->poll_fds = g_array_new(false, true, sizeof(GPollFD));
        g_once_init_leave(&once, 1);
    }
    return main_loop;
}

EventLoop *event_loop_current(void)
{
    return current_loop ? current_loop : event_loop_main();
}

bool event_loop_is_owner(EventLoop *loop)
{
    return owned_loop == loop;
}

void event_loop_foreach(void (*fn)(EventLoop *loop, void *opaque), void *opaque)
{
    g_mutex_lock(&list_lock);
    for (EventLoop *l = loop_list; l; l = l->next) {
        fn(l, opaque);
    }
    g_mutex_unlock(&list_lock);
}

void event_loop_wake(EventLoop *loop)
{
    if (!__atomic_exchange_n(&loop->woken, true, __ATOMIC_SEQ_CST)) {
        uint64_t one = 1;
        while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
        }
    }
}

/* --- descriptors --- */

static uint64_t event_data(const FdHandler *h)
{
    return (uint64_t)h->generation << 32 | (uint32_t)h->fd;
}

/* Brings epoll in line with @h; falls back to "always ready" for what epoll does not watch. */
static void update_epoll(EventLoop *loop, FdHandler *h, bool is_new)
{
    struct epoll_event event = {
        .events = (h->on_read ? EPOLLIN | EPOLLRDHUP : 0) | (h->on_write ? EPOLLOUT : 0), .data.u64 = event_data(h),
    };
    if (!is_new && !h->in_epoll) {
        return;
    }
    int ret = epoll_ctl(loop->epoll_fd, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, h->fd, &event);
    if (ret < 0 && (errno == ENOENT || errno == EEXIST)) {
        /* The descriptor was closed, and its number used again, without being forgotten first; or is watched twice. */
        ret = epoll_ctl(loop->epoll_fd, errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, h->fd, &event);
    }
    h->in_epoll = ret == 0;
    if (ret < 0) {
        g_assert(errno == EPERM);       /* anything else is our mistake: a bad descriptor */
        loop->always_ready++;
    }
}

void event_loop_set_fd(EventLoop *loop, int fd, FdFn *on_read, FdFn *on_write, void *opaque)
{
    g_mutex_lock(&loop->lock);
    FdHandler *h = g_hash_table_lookup(loop->fds, GINT_TO_POINTER(fd));
    if (!on_read && !on_write) {
        if (h) {
            if (h->in_epoll) {
                epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
            } else {
                loop->always_ready--;
            }
            g_hash_table_remove(loop->fds, GINT_TO_POINTER(fd));
        }
    } else {
        bool is_new = !h;
        if (is_new) {
            h = g_new0(FdHandler, 1);
            h->fd = fd;
            h->generation = ++loop->fd_generation;
            g_hash_table_insert(loop->fds, GINT_TO_POINTER(fd), h);
        }
        bool changed = is_new || !h->on_read != !on_read || !h->on_write != !on_write;
        h->on_read = on_read;
        h->on_write = on_write;
        h->opaque = opaque;
        if (changed) {
            update_epoll(loop, h, is_new);
        }
    }
    bool must_wake = loop->always_ready > 0;
    g_mutex_unlock(&loop->lock);
    if (must_wake && !event_loop_is_owner(loop)) {
        event_loop_wake(loop);
    }
}

/* Calls the handlers of an event, each only if still the one the event is for. */
static bool dispatch_fd(EventLoop *loop, uint64_t data, uint32_t events)
{
    bool any = false;

    for (int direction = 0; direction < 2; direction++) {
        g_mutex_lock(&loop->lock);
        FdHandler *h = g_hash_table_lookup(loop->fds, GINT_TO_POINTER((int)(uint32_t)data));
        FdFn *fn = NULL;
        void *opaque = NULL;
        if (h && h->generation == data >> 32) {
            bool failed = events & (EPOLLERR | EPOLLHUP);
            if (direction == 0 && ((events & (EPOLLIN | EPOLLRDHUP)) || failed)) {
                fn = h->on_read;
            } else if (direction == 1 && ((events & EPOLLOUT) || (failed && !h->on_read))) {
                fn = h->on_write;
            }
            opaque = h->opaque;
        }
        g_mutex_unlock(&loop->lock);
        if (fn) {
            fn(opaque);
            any |= fn != on_wake;
        }
    }
    return any;
}

static bool dispatch_always_ready(EventLoop *loop)
{
    uint64_t ready[EVENTS_PER_TURN];
    unsigned count = 0;
    GHashTableIter iter;
    gpointer value;
    bool any = false;

    g_mutex_lock(&loop->lock);
    g_hash_table_iter_init(&iter, loop->fds);
    while (loop->always_ready && count < EVENTS_PER_TURN && g_hash_table_iter_next(&iter, NULL, &value)) {
        if (!((FdHandler *)value)->in_epoll) {
            ready[count++] = event_data(value);
        }
    }
    g_mutex_unlock(&loop->lock);
    for (unsigned i = 0; i < count; i++) {
        any |= dispatch_fd(loop, ready[i], EPOLLIN | EPOLLOUT);
    }
    return any;
}

/* A jump of the wall clock makes the timerfd readable; its expiry is never reached. */
static void on_host_clock_jump(void *opaque)
{
    EventLoop *loop = opaque;
    uint64_t count;
    struct itimerspec never = { .it_value.tv_sec = (time_t)1 << 40 };

    if (read(loop->host_clock_fd, &count, sizeof(count)) < 0) {
        timerfd_settime(loop->host_clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
    }
}

static void watch_host_clock(void *opaque)
{
    EventLoop *loop = opaque;
    on_host_clock_jump(loop);           /* nothing to read yet: arms */
    event_loop_set_fd(loop, loop->host_clock_fd, on_host_clock_jump, NULL, loop);
}

/* Called with the lock held: the rest is done by the loop itself. */
void event_loop_watch_host_clock(EventLoop *loop)
{
    loop->host_clock_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->host_clock_fd >= 0) {
        Bh *bh = g_new(Bh, 1);
        bh_init_embedded(bh, loop, watch_host_clock, loop);
        bh->once = bh->scheduled = true;
        g_queue_push_tail_link(&loop->bhs, &bh->link);
    }
}

/* --- bottom halves --- */

void bh_init_embedded(Bh *bh, EventLoop *loop, void (*fn)(void *opaque), void *opaque)
{
    *bh = (Bh){ .loop = loop ? loop : event_loop_main(), .fn = fn, .opaque = opaque, .link.data = bh };
}

Bh *bh_new(EventLoop *loop, void (*fn)(void *opaque), void *opaque)
{
    Bh *bh = g_new(Bh, 1);
    bh_init_embedded(bh, loop, fn, opaque);
    return bh;
}

void bh_schedule(Bh *bh)
{
    EventLoop *loop = bh->loop;

    g_mutex_lock(&loop->lock);
    bool first = !bh->scheduled;
    if (first) {
        bh->scheduled = true;
        g_queue_push_tail_link(&loop->bhs, &bh->link);
    }
    g_mutex_unlock(&loop->lock);
    if (first && !event_loop_is_owner(loop)) {
        event_loop_wake(loop);
    }
}

void bh_cancel(Bh *bh)
{
    g_mutex_lock(&bh->loop->lock);
    if (bh->scheduled) {
        g_queue_unlink(&bh->loop->bhs, &bh->link);
        bh->scheduled = false;
    }
    g_mutex_unlock(&bh->loop->lock);
}

void bh_free(Bh *bh)
{
    if (bh) {
        bh_cancel(bh);
        g_free(bh);
    }
}

void event_loop_call(EventLoop *loop, void (*fn)(void *opaque), void *opaque)
{
    Bh *bh = bh_new(loop, fn, opaque);
    bh->once = true;
    bh_schedule(bh);
}

/* Runs as many as were scheduled when it began, so that one that schedules itself lets others have their turn. */
static bool dispatch_bhs(EventLoop *loop)
{
    bool any = false;

    g_mutex_lock(&loop->lock);
    for (unsigned left = loop->bhs.length; left && loop->bhs.length; left--) {
        Bh *bh = g_queue_pop_head_link(&loop->bhs)->data;
        void (*fn)(void *opaque) = bh->fn;
        void *opaque = bh->opaque;
        bh->scheduled = false;
        bool once = bh->once;
        g_mutex_unlock(&loop->lock);
        if (once) {
            g_free(bh);
        }
        fn(opaque);
        any = true;
        g_mutex_lock(&loop->lock);
    }
    g_mutex_unlock(&loop->lock);
    return any;
}

/* --- the turn --- */

static struct timespec *to_timespec(int64_t ns, struct timespec *ts)
{
    *ts = (struct timespec){ .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
    return ns < 0 ? NULL : ts;
}

static int64_t wait_ns(EventLoop *loop, bool block)
{
    g_mutex_lock(&loop->lock);
    bool busy = loop->bhs.length || loop->always_ready;
    g_mutex_unlock(&loop->lock);
    return block && !busy ? timers_wait_ns(loop) : 0;
}

static bool dispatch_events(EventLoop *loop, const struct epoll_event *events, int count)
{
    bool any = dispatch_bhs(loop);
    any |= timers_dispatch(loop);
    for (int i = 0; i < count; i++) {
        any |= dispatch_fd(loop, events[i].data.u64, events[i].events);
    }
    return any | dispatch_always_ready(loop);
}

/* wake_fd first: clearing `woken` must come before looking at the lists. */
static void acknowledge_wake(EventLoop *loop, struct epoll_event *events, int *count)
{
    for (int i = 0; i < *count; i++) {
        if ((int)(uint32_t)events[i].data.u64 == loop->wake_fd) {
            on_wake(loop);
            events[i] = events[--*count];
            return;
        }
    }
}

static bool run_loop(EventLoop *loop, bool block)
{
    struct epoll_event events[EVENTS_PER_TURN];
    struct timespec ts, *timeout = to_timespec(wait_ns(loop, block), &ts);

    int count = epoll_pwait2(loop->epoll_fd, events, EVENTS_PER_TURN, timeout, NULL);
    if (count < 0 && errno == ENOSYS) {
        struct pollfd pfd = { .fd = loop->epoll_fd, .events = POLLIN };
        ppoll(&pfd, 1, timeout, NULL);
        count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, 0);
    }
    acknowledge_wake(loop, events, &count);
    return dispatch_events(loop, events, count);
}

/* The descriptors that GLib's default context wants polled follow ours in poll_fds; @timeout_ns shrinks to its wish. */
static int query_glib(EventLoop *loop, GMainContext *context, int *priority, int64_t *timeout_ns)
{
    GArray *fds = loop->poll_fds;
    int count, timeout_ms;

    if (!fds->len) {
        g_array_set_size(fds, 8);
    }
    if (g_main_context_prepare(context, priority)) {
        *timeout_ns = 0;
    }
    while ((count = g_main_context_query(context, *priority, &timeout_ms, &g_array_index(fds, GPollFD, 1),
                                         fds->len - 1)) > (int)fds->len - 1) {
        g_array_set_size(fds, count + 1);
    }
    if (timeout_ms >= 0 && (*timeout_ns < 0 || timeout_ms * NS_PER_MS < *timeout_ns)) {
        *timeout_ns = timeout_ms * NS_PER_MS;
    }
    return count;
}

static bool run_main_loop(EventLoop *loop, bool block)
{
    struct epoll_event events[EVENTS_PER_TURN];
    GMainContext *context = g_main_context_default();
    struct timespec ts;
    struct pollfd alone = { .fd = loop->epoll_fd, .events = POLLIN }, *fds = &alone;
    G_STATIC_ASSERT(sizeof(GPollFD) == sizeof(struct pollfd));
    int64_t timeout_ns = wait_ns(loop, block);
    int priority = 0, glib_count = 0;
    bool had_lock = bql_held();
    /* Not if a GLib callback turns the loop, and not in a foreign thread: then only ours are served. */
    bool with_glib = event_loop_is_owner(loop) && g_main_depth() == 0 && g_main_context_acquire(context);

    if (with_glib) {
        glib_count = query_glib(loop, context, &priority, &timeout_ns);
        fds = (struct pollfd *)loop->poll_fds->data;
        fds[0] = alone;
    }
    if (had_lock && block) {             /* though nothing is to be waited for: others want the lock, too */
        bql_unlock();
    }
    int ready = ppoll(fds, 1 + glib_count, to_timespec(timeout_ns, &ts), NULL);
    if (!bql_held()) {
        bql_lock();
    }
    int count = ready > 0 && fds[0].revents ? epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, 0) : 0;
    acknowledge_wake(loop, events, &count);
    bool any = false;
    if (with_glib) {
        if (ready < 0) {
            for (int i = 1; i <= glib_count; i++) {
                fds[i].revents = 0;
            }
        }
        /* Dispatched before our own, since poll_fds is the next (nested) turn's too. */
        if (g_main_context_check(context, priority, (GPollFD *)fds + 1, glib_count)) {
            g_main_context_dispatch(context);
            any = true;
        }
        g_main_context_release(context);
    }
    any |= dispatch_events(loop, events, count);
    if (!had_lock) {
        bql_unlock();
    }
    return any;
}

bool event_loop_run_once(EventLoop *loop, bool block)
{
    EventLoop *before = current_loop;
    bool any;

    if (!owned_loop && (loop != event_loop_main() || getpid() == gettid())) {
        owned_loop = loop;
        prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);   /* ns; the default lets timers be 50 us late */
    }
    current_loop = loop;
    if (loop == main_loop) {
        any = run_main_loop(loop, block);
    } else {
        g_assert(event_loop_is_owner(loop));
        any = run_loop(loop, block);
    }
    if (before) {
        current_loop = before;
    } else if (!event_loop_is_owner(loop)) {
        current_loop = NULL;
    }
    if (!event_loop_is_owner(loop)) {
        event_loop_wake(loop);          /* what this thread put aside, or took the wake-up of, the owner must see */
    }
    return any;
}
