/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of memory/ share: flat views and the steps between a change of the tree and its readers. */
#ifndef MEMORY_INTERNAL_H
#define MEMORY_INTERNAL_H

#include "memory/memory.h"

/* One disjoint piece of an address space. @last is inclusive, so that the top of 2^64 needs no special case. */
typedef struct FlatRange {
    GuestAddr start, last;
    MemoryRegion *mr;
    GuestAddr offset;                           /* of @start in @mr */
    RamBlock *ram;                              /* of @mr, NULL: none; a region made anew in its place shows by it */
    bool read_only, romd;                       /* as rendered; a change makes a new view */
} FlatRange;

/* Immutable once published. Address spaces that resolve to one root share one view. */
struct FlatView {
    struct rcu_head rcu;
    uint64_t serial;                            /* never used twice: tags the per-thread lookup caches */
    unsigned refs;                              /* address spaces that publish it; under the big lock */
    MemoryRegion *root;                         /* NULL: the space is empty */
    size_t count, allocated;
    FlatRange *ranges;                          /* sorted, disjoint, neighbours merged */
    GuestAddr *starts;                          /* of the ranges again, dense, for the search */
    GPtrArray *owners;                          /* Object *, referenced: of the regions shown; NULL: none */
};

FlatView *flat_view_render(MemoryRegion *root);
bool flat_view_equal(const FlatView *a, const FlatView *b);
/** flat_view_find: the range of @addr; NULL: none, and *@gap is the distance to the next one (0: none follows). */
const FlatRange *flat_view_find(const FlatView *view, GuestAddr addr, uint64_t *gap);
/** memory_root_resolve: through containers that only pass one region on; equal results render equal. NULL: nothing. */
MemoryRegion *memory_root_resolve(MemoryRegion *mr);

/** memory_topology_changed: @mr's place or look altered; renders now, or when the outermost transaction commits. */
void memory_topology_changed(void);
void memory_views_update(void);                 /* renders and publishes; not inside a transaction */
bool memory_in_transaction(void);
AddressSpace *address_space_first(void);


extern __thread bool memory_thread_registered;
static inline void memory_read_lock(void)
{
    if (__builtin_expect(!memory_thread_registered, 0)) {
        memory_thread_register();
    }
    rcu_read_lock();
}
static inline void memory_read_unlock(void) { rcu_read_unlock(); }

static inline bool region_is_ram(const MemoryRegion *mr)
{
    return mr->kind == REGION_RAM || mr->kind == REGION_ROM || mr->kind == REGION_ROM_DEVICE;
}

extern const MemoryOps memory_unassigned_ops;

/* RAM blocks: mapping (ram_map.c) apart from book-keeping (ram.c). */
bool ram_block_map(RamBlock *ram, const RamBlockParams *params, GError **err);
void ram_block_unmap(RamBlock *ram);
bool ram_allocation_fails(void);                /* consumes ram_block_fail_countdown */
void ram_block_ref(RamBlock *ram);              /* inside a read section in which the block was found */
void ram_block_unref(RamBlock *ram);            /* any thread */
/** ram_find_any: as ram_block_from_host(), but also blocks already given up that a dma_map() still holds. */
RamBlock *ram_find_any(const void *ptr, uint64_t *offset);

#endif
