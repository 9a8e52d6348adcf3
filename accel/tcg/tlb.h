/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Software TLB, first level: linear page -> host address, checked inline by every access.
 *
 * A table is direct mapped by the low bits of the page number: a hash would cost translated code two instructions for
 * each access. `lin ^ tag` is the offset in the page if the entry maps the page and at least 4096 otherwise, so one
 * unsigned comparison with 4096 - size says both "this page" and "does not cross its end". Only plain RAM gets in:
 * devices, watched pages, pages with decoded code (for writes), pages whose writes are logged stay out and take the slow
 * path.
 *
 * Entries are filled by the vCPU's own thread under its lock (TcgCpu.lock); other threads may withdraw write permission
 * (tcg_protect()) under the same lock. The owner reads and invalidates without it.
 */
#ifndef ACCEL_TCG_TLB_H
#define ACCEL_TCG_TLB_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "memory/memory.h"

#define TLB_BITS 12
#define TLB_ENTRIES (1u << TLB_BITS)
#define TLB_PAGE_MASK (~(uint64_t)(GUEST_PAGE_SIZE - 1))

typedef struct TlbEntry {
    uint64_t read_tag, write_tag;               /* linear page, or tlb_no_tag() */
    uint64_t addend;                            /* linear to host address */
    uintptr_t host;                             /* host address of the page */
} TlbEntry;

static inline unsigned tlb_slot(uint64_t lin)
{
    return lin >> GUEST_PAGE_BITS & (TLB_ENTRIES - 1);
}

/* A tag that no address of this slot can match: it belongs to another slot. */
static inline uint64_t tlb_no_tag(unsigned slot)
{
    return slot ? 0 : GUEST_PAGE_SIZE;
}

static inline bool tlb_hit(uint64_t tag, uint64_t lin, unsigned size)
{
    return __builtin_expect((lin ^ tag) <= GUEST_PAGE_SIZE - size, 1);
}

/* Of an entry that @lin hit. */
static inline void *tlb_host(const TlbEntry *e, uint64_t lin)
{
    return (void *)(e->host + (lin & (GUEST_PAGE_SIZE - 1)));
}

static inline void tlb_entry_clear(TlbEntry *table, unsigned slot)
{
    table[slot] = (TlbEntry){ tlb_no_tag(slot), tlb_no_tag(slot), 0, 0 };
}

static inline void tlb_table_clear(TlbEntry *table)
{
    memset(table, 0, sizeof(TlbEntry) * TLB_ENTRIES);
    tlb_entry_clear(table, 0);
}

#endif
