/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coroutines: a stack of their own each, switched in user space.
 *
 *   coroutine_enter(co): caller's registers on its stack, its stack pointer in `co->caller_context`; continue at co's.
 *   coroutine_yield():   the reverse.
 *
 * Invariants: `caller_stack` is set while the coroutine runs or has entered another; one that is set must not be
 * entered again. An ended coroutine is freed by who entered it, since it cannot free the stack it stands on. Stacks are
 * mmap()ed with a guard area at the low end, and up to POOL_MAX of them are kept for reuse. AddressSanitizer is told of
 * each switch. x86-64 switches by a few instructions; other hosts by swapcontext().
 */
#include "core/coroutine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "core/error.h"
#include "core/timer_internal.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define HAVE_ASAN 1
#else
#define HAVE_ASAN 0
#endif

enum { STACK_BYTES = HAVE_ASAN ? 4 << 20 : 1 << 20, GUARD_BYTES = 64 << 10, POOL_MAX = 64 };

#ifdef __x86_64__
typedef void *Context;                  /* a stack pointer; what it needs is on the stack */
#else
typedef ucontext_t Context;
#endif

struct Coroutine {
    void (*fn)(void *arg);
    void *arg;
    bool running, ended;
    Coroutine *entered_by;              /* the coroutine that entered this one; NULL: the thread itself */
    Context context, caller_context;
    char *stack;                        /* lowest usable byte, above the guard */
    const void *caller_stack;           /* for the sanitizer */
    size_t caller_stack_bytes;
    Bh wake;
};

static __thread Coroutine *current;

/* --- the switch --- */

#ifdef __x86_64__

void coroutine_switch_x86_64(void **save, void *to);

/* SysV ABI: rbx, rbp, r12-r15 and the control words of SSE and x87 belong to the caller. */
__asm__(
    ".text\n"
    ".type coroutine_switch_x86_64, @function\n"
    ".hidden coroutine_switch_x86_64\n"
    ".globl coroutine_switch_x86_64\n"
    "coroutine_switch_x86_64:\n"
    "    pushq %rbp\n"
    "    pushq %rbx\n"
    "    pushq %r12\n"
    "    pushq %r13\n"
    "    pushq %r14\n"
    "    pushq %r15\n"
    "    subq $8, %rsp\n"
    "    stmxcsr (%rsp)\n"
    "    fnstcw 4(%rsp)\n"
    "    movq %rsp, (%rdi)\n"
    "    movq %rsi, %rsp\n"
    "    ldmxcsr (%rsp)\n"
    "    fldcw 4(%rsp)\n"
    "    addq $8, %rsp\n"
    "    popq %r15\n"
    "    popq %r14\n"
    "    popq %r13\n"
    "    popq %r12\n"
    "    popq %rbx\n"
    "    popq %rbp\n"
    "    ret\n"
    ".size coroutine_switch_x86_64, . - coroutine_switch_x86_64\n"
);

static void context_make(Context *context, char *stack, void (*entry)(void))
{
    void **top = (void **)(stack + STACK_BYTES);

    *--top = NULL;                      /* the entry function's return address, which ends a backtrace */
    *--top = (void *)entry;             /* "ret" of the switch: rsp is then 8 below a multiple of 16, as after a call */
    for (int i = 0; i < 6; i++) {
        *--top = NULL;
    }
    uint32_t *control = (uint32_t *)--top;
    control[0] = 0x1f80;                /* MXCSR and x87 control word as at process start */
    control[1] = 0x037f;
    *context = top;
}

static void context_switch(Context *from, Context *to)
{
    coroutine_switch_x86_64(from, *to);
}

#else

static void context_make(Context *context, char *stack, void (*entry)(void))
{
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK_BYTES;
    context->uc_link = NULL;
    makecontext(context, entry, 0);
}

static void context_switch(Context *from, Context *to)
{
    swapcontext(from, to);
}

#endif

#if HAVE_ASAN
static void before_switch(void **save, const void *stack, size_t bytes)
{
    __sanitizer_start_switch_fiber(save, stack, bytes);
}

static void after_switch(void *saved, const void **from, size_t *bytes)
{
    __sanitizer_finish_switch_fiber(saved, from, bytes);
}
#else
static void before_switch(void **save, const void *stack, size_t bytes) { }
static void after_switch(void *saved, const void **from, size_t *bytes) { }
#endif

/* --- stacks --- */

static GMutex pool_lock;
static char *pool[POOL_MAX];
static unsigned pool_count;

static char *stack_get(void)
{
    char *stack = NULL;

    g_mutex_lock(&pool_lock);
    if (pool_count) {
        stack = pool[--pool_count];
    }
    g_mutex_unlock(&pool_lock);
    if (stack) {
        return stack;
    }
    char *base = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE, 
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED || mprotect(base, GUARD_BYTES, PROT_NONE) < 0) {
        error_report("cannot allocate a coroutine's stack: %s", g_strerror(errno));
        abort();
    }
    return base + GUARD_BYTES;
}

static void stack_put(char *stack)
{
#if HAVE_ASAN
    __asan_unpoison_memory_region(stack, STACK_BYTES);
#endif
    g_mutex_lock(&pool_lock);
    if (pool_count < POOL_MAX) {
        pool[pool_count++] = stack;
        stack = NULL;
    }
    g_mutex_unlock(&pool_lock);
    if (stack) {
        munmap(stack - GUARD_BYTES, GUARD_BYTES + STACK_BYTES);
    }
}

/* --- life --- */

/* Not inlined: a coroutine may go on in another thread, where an address of `current` kept over the switch is wrong. */
static __attribute__((noinline)) Coroutine *get_current(void)
{
    return current;
}

static __attribute__((noinline)) void set_current(Coroutine *co)
{
    current = co;
}

static void enter_woken(void *opaque)
{
    coroutine_enter(opaque);
}

static void coroutine_entry(void)
{
    Coroutine *co = get_current();

    after_switch(NULL, &co->caller_stack, &co->caller_stack_bytes);
    co->fn(co->arg);
    co->ended = true;
    before_switch(NULL, co->caller_stack, co->caller_stack_bytes);      /* NULL: gives up this stack's fake frames */
    context_switch(&co->context, &co->caller_context);
    g_assert_not_reached();
}

Coroutine *coroutine_new(void (*fn)(void *arg), void *arg)
{
    Coroutine *co = g_new0(Coroutine, 1);

    co->fn = fn;
    co->arg = arg;
    co->stack = stack_get();
    context_make(&co->context, co->stack, coroutine_entry);
    bh_init_embedded(&co->wake, event_loop_current(), enter_woken, co);
    return co;
}

void coroutine_enter(Coroutine *co)
{
    void *fake_stack = NULL;

    if (co->running) {
        g_error("a coroutine is entered while it runs");
    }
    co->running = true;
    co->entered_by = get_current();
    set_current(co);
    before_switch(&fake_stack, co->stack, STACK_BYTES);
    context_switch(&co->caller_context, &co->context);
    after_switch(fake_stack, NULL, NULL);
    set_current(co->entered_by);
    co->running = false;
    if (co->ended) {
        bh_cancel(&co->wake);
        stack_put(co->stack);
        g_free(co);
    }
}

void coroutine_yield(void)
{
    Coroutine *co = get_current();
    void *fake_stack = NULL;

    if (!co) {
        g_error("coroutine_yield() outside of a coroutine");
    }
    before_switch(&fake_stack, co->caller_stack, co->caller_stack_bytes);
    context_switch(&co->context, &co->caller_context);
    after_switch(fake_stack, &co->caller_stack, &co->caller_stack_bytes);
}

Coroutine *coroutine_self(void)
{
    return get_current();
}

void coroutine_wake(Coroutine *co)
{
    bh_schedule(&co->wake);
}

/* --- waiting --- */

typedef struct Sleeper { Coroutine *co; bool due; } Sleeper;

static void sleep_over(void *opaque)
{
    Sleeper *sleeper = opaque;
    sleeper->due = true;
    coroutine_enter(sleeper->co);
}

void coroutine_sleep_ns(ClockType clock, int64_t ns)
{
    Sleeper sleeper = { .co = coroutine_self() };
    Timer timer;

    timer_init(&timer, event_loop_current(), clock, sleep_over, &sleeper);
    timer_arm_ns(&timer, clock_ns(clock) + ns);
    while (!sleeper.due) {
        coroutine_yield();
    }
}

typedef struct Waiter { Coroutine *co; bool called; } Waiter;

void co_queue_wait(CoQueue *q)
{
    Waiter waiter = { .co = coroutine_self() };

    g_queue_push_tail(&q->waiters, &waiter);
    while (!waiter.called) {
        coroutine_yield();
    }
}

bool co_queue_wake_one(CoQueue *q)
{
    Waiter *waiter = g_queue_pop_head(&q->waiters);
    if (!waiter) {
        return false;
    }
    waiter->called = true;
    coroutine_wake(waiter->co);
    return true;
}

void co_queue_wake_all(CoQueue *q)
{
    while (co_queue_wake_one(q)) {
    }
}

void co_mutex_lock(CoMutex *m)
{
    if (m->locked) {
        co_queue_wait(&m->queue);       /* co_mutex_unlock() hands the lock over: nobody overtakes */
    } else {
        m->locked = true;
    }
}

void co_mutex_unlock(CoMutex *m)
{
    g_assert(m->locked);
    m->locked = co_queue_wake_one(&m->queue);
}

typedef struct SyncRun { void (*fn)(void *arg); void *arg; bool done; } SyncRun;

static void sync_run(void *opaque)
{
    SyncRun *run = opaque;
    run->fn(run->arg);
    run->done = true;
}

void coroutine_run_sync(void (*fn)(void *arg), void *arg)
{
    SyncRun run = { fn, arg, false };

    g_assert(!coroutine_self());
    coroutine_enter(coroutine_new(sync_run, &run));
    while (!run.done) {
        event_loop_run_once(event_loop_current(), true);
    }
}
