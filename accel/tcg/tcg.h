/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the TCG accelerator knows of a vCPU, whatever its instruction set: its TLB tables, whether it is among guest
 * instructions, and how other threads make it see a change.
 *
 * A vCPU is `outside` when it cannot use a TLB entry before tcg_inside(): not running, or waiting for a lock. Inside,
 * it counts block boundaries. tcg_protect() and tcg_flush_all() rely on both: they return when no vCPU can still act on
 * what was withdrawn. They never wait for one that is outside, so a vCPU that may block says so first.
 */
#ifndef ACCEL_TCG_TCG_H
#define ACCEL_TCG_TCG_H

#include "accel/accel.h"
#include "accel/tcg/tlb.h"

typedef struct TcgAccel {
    Accel accel;
    uint64_t tb_size;                           /* bytes for decoded code of all vCPUs; 0: default */
    bool one_insn_per_tb, split_wx;
    int thread;
    char *jit;
} TcgAccel;
extern const AccelType tcg_accel_type;
/** tcg_code_bytes: each vCPU's share of tb-size, which those that the machine starts with divide; a later one gets as much. */
size_t tcg_code_bytes(void);
bool tcg_one_insn_per_block(void);
bool tcg_translates(void);                      /* jit is not off */

typedef struct TcgCpu TcgCpu;
struct TcgCpu {
    Cpu *cpu;
    TlbEntry *tables;
    unsigned table_count;
    uint32_t flush_request;                     /* bits for Cpu.interrupt_request that make it look at flush_pending */
    uint32_t lock;                              /* spin lock of the tables: fill, withdrawal */
    uint64_t *writable;                         /* under it: bit for each entry that may give write permission */
    uint32_t outside, flush_pending;            /* atomic */
    uint64_t boundaries;                        /* written by its thread only */
    pthread_t thread;
    TcgCpu *next;
};

/** tcg_cpu_add: @tables of TLB_ENTRIES each. In the vCPU's thread; it is outside. */
void tcg_cpu_add(TcgCpu *t, Cpu *cpu, TlbEntry *tables, unsigned table_count, uint32_t flush_request);
/**
 * tcg_cpu_remove: its thread is over and no other vCPU runs. Threads that access guest memory may look at @t, and at its
 * Cpu, until their RCU read sections end.
 */
void tcg_cpu_remove(TcgCpu *t);
/** tcg_fill: sets entry @slot of table @table, under the lock. Its thread. */
static inline void tcg_fill(TcgCpu *t, unsigned table, unsigned slot, TlbEntry entry)
{
    size_t n = (size_t)table * TLB_ENTRIES + slot;

    t->tables[n] = entry;
    if (entry.write_tag != tlb_no_tag(slot)) {
        t->writable[n / 64] |= 1ull << n % 64;
    }
}
void tcg_outside(TcgCpu *t);                    /* the vCPU's thread, as the next ones */
void tcg_inside(TcgCpu *t);                     /* runs a flush that was asked for meanwhile */
static inline void tcg_boundary(TcgCpu *t)
{
    __atomic_store_n(&t->boundaries, t->boundaries + 1, __ATOMIC_RELEASE);
}
void tcg_run_pending_flush(TcgCpu *t);

static inline void tcg_lock(uint32_t *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(lock, __ATOMIC_RELAXED)) {
            __builtin_ia32_pause();
        }
    }
}
static inline void tcg_unlock(uint32_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }

/**
 * tcg_protect: withdraws write permission for [@offset, +@len) of @ram from all TLBs. Afterwards every store is a slow
 * one. Any thread.
 */
void tcg_protect(RamBlock *ram, uint64_t offset, uint64_t len);
/**
 * tcg_flush_all: the memory layout changed: every vCPU forgets all translations before its next guest access. Any
 * thread.
 */
void tcg_flush_all(void);
/** tcg_page_changed: decoded code in @page was overwritten: vCPUs that keep more than its version are told. Any thread. */
void tcg_page_changed(struct CodePage *page);
/** tcg_watch_memory: has layout changes of @as flush TLBs. Big lock held. */
void tcg_watch_memory(AddressSpace *as);

#endif
