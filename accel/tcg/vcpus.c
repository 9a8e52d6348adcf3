/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vCPUs that TCG runs, seen from other threads: withdrawing write permission, forgetting translations.
 *
 * tcg_protect():   entries changed under each table's lock -> membarrier: stores and loads before it are done
 * everywhere
 *                  -> wait until each vCPU inside has begun another block (the store that followed an old check is then
 *                  visible) or is outside.
 * tcg_flush_all(): flush_pending set -> the vCPU sees it at its next block boundary or on its way inside -> wait for
 * that.
 */
#include "accel/tcg/tcg.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "accel/tcg/code.h"
#include "core/thread.h"

static TcgCpu *vcpus;                           /* read without lock, by vCPUs among guest instructions and in RCU sections */
static pthread_mutex_t vcpus_lock = PTHREAD_MUTEX_INITIALIZER;
static bool have_membarrier;
static __thread TcgCpu *self;

static void bql_blocking(bool blocking)
{
    if (self) {
        blocking ? tcg_outside(self) : tcg_inside(self);
    }
}

void tcg_cpu_add(TcgCpu *t, Cpu *cpu, TlbEntry *tables, unsigned table_count, uint32_t flush_request)
{
    *t = (TcgCpu){
        .cpu = cpu, .tables = tables, .table_count = table_count, .flush_request = flush_request, .outside = 1,
        .thread = pthread_self(), .writable = g_new0(uint64_t, (size_t)table_count * TLB_ENTRIES / 64) };
    for (unsigned i = 0; i < table_count; i++) {
        tlb_table_clear(tables + (size_t)i * TLB_ENTRIES);
    }
    pthread_mutex_lock(&vcpus_lock);
    if (!vcpus) {
        have_membarrier = !syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
        bql_blocking_hook = bql_blocking;
        ram_code_hook = code_written;
        ram_protect_hook = tcg_protect;
    }
    t->next = vcpus;
    __atomic_store_n(&vcpus, t, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&vcpus_lock);
    self = t;
}

void tcg_cpu_remove(TcgCpu *t)
{
    TcgCpu **at = &vcpus;

    pthread_mutex_lock(&vcpus_lock);
    while (*at != t) {
        at = &(*at)->next;
    }
    __atomic_store_n(at, t->next, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&vcpus_lock);
}

void tcg_outside(TcgCpu *t)
{
    __atomic_store_n(&t->outside, t->outside + 1, __ATOMIC_RELEASE);
}

void tcg_inside(TcgCpu *t)
{
    __atomic_store_n(&t->outside, t->outside - 1, __ATOMIC_SEQ_CST);
    if (!t->outside) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (__atomic_load_n(&t->flush_pending, __ATOMIC_RELAXED)) {
            tcg_run_pending_flush(t);
        }
    }
}

void tcg_run_pending_flush(TcgCpu *t)
{
    if (__atomic_exchange_n(&t->flush_pending, 0, __ATOMIC_SEQ_CST)) {
        t->cpu->ops->tcg_tlb_flush_all(t->cpu);
    }
}

static bool is_outside(const TcgCpu *t)
{
    return __atomic_load_n(&t->outside, __ATOMIC_SEQ_CST) != 0;
}

static void pause_while_waiting(unsigned *spins)
{
    if (++*spins < 200) {
        __builtin_ia32_pause();
    } else {
        sched_yield();
    }
}

static void withdraw(TcgCpu *t, uintptr_t start, uint64_t len)
{
    tcg_lock(&t->lock);
    for (size_t word = 0; word < (size_t)t->table_count * TLB_ENTRIES / 64; word++) {
        for (uint64_t left = t->writable[word]; left; left &= left - 1) {
            size_t i = word * 64 + __builtin_ctzll(left);
            TlbEntry *e = &t->tables[i];
            if (e->host - start < len) {
                __atomic_store_n(&e->write_tag, tlb_no_tag(i % TLB_ENTRIES), __ATOMIC_RELAXED);
                t->writable[word] &= ~(1ull << i % 64);
            } else if (!e->host) {              /* emptied since, without the lock */
                t->writable[word] &= ~(1ull << i % 64);
            }
        }
    }
    tcg_unlock(&t->lock);
}

/* Has @t come to a block boundary soon. */
static void call_out(TcgCpu *t)
{
    __atomic_or_fetch(&t->cpu->interrupt_request, t->flush_request, __ATOMIC_SEQ_CST);
    if (t != self && !is_outside(t) && t->cpu->ops->tcg_kick) {
        t->cpu->ops->tcg_kick(t->cpu);
    }
}

void tcg_page_changed(CodePage *page)
{
    for (TcgCpu *t = __atomic_load_n(&vcpus, __ATOMIC_ACQUIRE); t; t = t->next) {
        if (t->cpu->ops->tcg_page_changed) {
            t->cpu->ops->tcg_page_changed(t->cpu, page);
            call_out(t);
        }
    }
}

void tcg_protect(RamBlock *ram, uint64_t offset, uint64_t len)
{
    TcgCpu *first = __atomic_load_n(&vcpus, __ATOMIC_ACQUIRE);
    bool others = false;
    uint64_t begin = offset & TLB_PAGE_MASK;
    uint64_t end = (offset + len + GUEST_PAGE_SIZE - 1) & TLB_PAGE_MASK;

    for (TcgCpu *t = first; t; t = t->next) {
        withdraw(t, (uintptr_t)ram->host + begin, end - begin);
        others |= t != self && !is_outside(t);
    }
    if (!others) {
        return;
    }
    if (have_membarrier) {
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    }
    if (self) {
        tcg_outside(self);                      /* two vCPUs that protect at once must not wait for each other */
    }
    for (TcgCpu *t = first; t; t = t->next) {
        uint64_t seen = __atomic_load_n(&t->boundaries, __ATOMIC_ACQUIRE);
        uint64_t wanted = seen + (have_membarrier ? 1 : 2);     /* without the barrier one more for stores under way */
        unsigned spins = 0;
        if (t != self) {
            call_out(t);
        }
        while (t != self && !is_outside(t) && __atomic_load_n(&t->boundaries, __ATOMIC_ACQUIRE) < wanted) {
            pause_while_waiting(&spins);
        }
    }
    if (self) {
        tcg_inside(self);
    }
}

void tcg_flush_all(void)
{
    TcgCpu *first = __atomic_load_n(&vcpus, __ATOMIC_ACQUIRE);

    for (TcgCpu *t = first; t; t = t->next) {
        __atomic_store_n(&t->flush_pending, 1, __ATOMIC_SEQ_CST);
        call_out(t);
    }
    if (self) {
        tcg_run_pending_flush(self);
        tcg_outside(self);
    }
    for (TcgCpu *t = first; t; t = t->next) {
        unsigned spins = 0;
        while (t != self && !is_outside(t) && __atomic_load_n(&t->flush_pending, __ATOMIC_SEQ_CST)) {
            pause_while_waiting(&spins);
        }
    }
    if (self) {
        tcg_inside(self);
    }
}

/* Layout changes. */

typedef struct TcgListener { MemoryListener listener; bool changed; } TcgListener;

static void listener_changed(MemoryListener *l, const MemorySection *s, GuestAddr addr, uint64_t len)
{
    ((TcgListener *)l)->changed = true;
}

static void listener_commit(MemoryListener *l)
{
    TcgListener *t = (TcgListener *)l;
    if (t->changed) {
        t->changed = false;
        tcg_flush_all();
    }
}

void tcg_watch_memory(AddressSpace *as)
{
    static GPtrArray *watched;

    if (!watched) {
        watched = g_ptr_array_new();
    }
    if (!g_ptr_array_find(watched, as, NULL)) {
        TcgListener *t = g_new0(TcgListener, 1);
        t->listener =
            (MemoryListener){ .range_add = listener_changed, .range_del = listener_changed, .commit = listener_commit };
        g_ptr_array_add(watched, as);
        memory_listener_register(&t->listener, as);
    }
}
