/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty tracking: who has to hear of a write to a page.
 *
 * Writers (any thread) set bits after they stored; a client clears bits, then has writers' cached permissions withdrawn
 * (ram_protect_hook), then reads the memory: a write that it misses in the bits it sees in the memory, or next time.
 * CODE works the other way round (see memory.h): a clear bit calls the accelerator.
 */
#include "memory/internal.h"

void (*ram_code_hook)(RamBlock *ram, uint64_t offset, uint64_t len);
void (*ram_protect_hook)(RamBlock *ram, uint64_t offset, uint64_t len);
void (*ram_log_hook)(MemoryRegion *mr);
void (*ram_dirty_pull_hook)(RamBlock *ram, uint64_t offset, uint64_t len);

enum { WORD_BITS = 64 };

static inline uint64_t word_mask(uint64_t first, uint64_t last, uint64_t word)
{
    uint64_t mask = UINT64_MAX;

    if (word == first / WORD_BITS) {
        mask &= UINT64_MAX << first % WORD_BITS;
    }
    if (word == last / WORD_BITS) {
        mask &= UINT64_MAX >> (WORD_BITS - 1 - last % WORD_BITS);
    }
    return mask;
}

/* Clips to the block; false: nothing left. */
static bool page_span(const RamBlock *ram, uint64_t offset, uint64_t len, uint64_t *first, uint64_t *last)
{
    if (offset >= ram->size || len == 0) {
        return false;
    }
    len = MIN(len, ram->size - offset);
    *first = offset >> GUEST_PAGE_BITS;
    *last = (offset + len - 1) >> GUEST_PAGE_BITS;
    return true;
}

static void bits_set(unsigned long *map, uint64_t first, uint64_t last)
{
    for (uint64_t word = first / WORD_BITS; word <= last / WORD_BITS; word++) {
        uint64_t mask = word_mask(first, last, word);

        if (~__atomic_load_n(&map[word], __ATOMIC_RELAXED) & mask) {   /* mostly set: no write, no bouncing line */
            __atomic_fetch_or(&map[word], mask, __ATOMIC_RELEASE);
        }
    }
}

/* Calls the hook for each run of pages in the span that have code. */
static void code_written(RamBlock *ram, uint64_t offset, uint64_t len, uint64_t first, uint64_t last)
{
    for (uint64_t word = first / WORD_BITS; word <= last / WORD_BITS; word++) {
        uint64_t clear = ~__atomic_load_n(&ram->dirty[DIRTY_CODE][word], __ATOMIC_ACQUIRE);
        uint64_t code = clear & word_mask(first, last, word);

        while (code) {
            uint64_t page = word * WORD_BITS + __builtin_ctzll(code);
            uint64_t start = MAX(page << GUEST_PAGE_BITS, offset);
            uint64_t end = MIN((page + 1) << GUEST_PAGE_BITS, offset + len);

            code &= code - 1;
            ram_code_hook(ram, start, end - start);
        }
    }
}

void ram_mark_dirty(RamBlock *ram, uint64_t offset, uint64_t len)
{
    uint64_t first, last;

    if (!page_span(ram, offset, len, &first, &last)) {
        return;
    }
    /* The store before must not be overtaken by the look at the bits: a client clears, then reads memory. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    bits_set(ram->dirty[DIRTY_VGA], first, last);
    bits_set(ram->dirty[DIRTY_MIGRATION], first, last);
    if (ram_code_hook) {
        code_written(ram, offset, MIN(len, ram->size - offset), first, last);
    }
}

static inline bool bit_clear(const unsigned long *map, uint64_t page)
{
    return !(__atomic_load_n(&map[page / WORD_BITS], __ATOMIC_RELAXED) >> page % WORD_BITS & 1);
}

/* Translated code may have the guest's values in vector registers when it gets here. */
#ifdef __x86_64__
__attribute__((target("general-regs-only")))
#endif
bool ram_page_needs_slow_write(const RamBlock *ram, uint64_t offset)
{
    uint64_t page = offset >> GUEST_PAGE_BITS;

    return bit_clear(ram->dirty[DIRTY_CODE], page) || bit_clear(ram->dirty[DIRTY_VGA], page) ||
           bit_clear(ram->dirty[DIRTY_MIGRATION], page);
}

void memory_region_set_log(MemoryRegion *mr, bool log, DirtyClient client)
{
    uint8_t bit = 1u << client;
    uint64_t first, last;

    if (!mr->ram || log == !!(mr->dirty_clients & bit)) {
        return;
    }
    mr->dirty_clients ^= bit;
    if (ram_log_hook) {
        ram_log_hook(mr);
    }
    if (!log && page_span(mr->ram, 0, memory_region_size(mr), &first, &last)) {
        bits_set(mr->ram->dirty[client], first, last);      /* nobody asks any more: writes are fast again */
    }
}

bool memory_region_take_dirty(MemoryRegion *mr, uint64_t offset, uint64_t len, DirtyClient client, unsigned long *bits)
{
    RamBlock *ram = mr->ram;
    uint64_t first, last;
    bool dirty = false;

    if (!ram || !page_span(ram, offset, len, &first, &last)) {
        return false;
    }
    if (ram_dirty_pull_hook) {
        ram_dirty_pull_hook(ram, offset, len);
    }
    for (uint64_t word = first / WORD_BITS; word <= last / WORD_BITS; word++) {
        uint64_t mask = word_mask(first, last, word);

        if (__atomic_load_n(&ram->dirty[client][word], __ATOMIC_RELAXED) & mask) {
            uint64_t taken = __atomic_fetch_and(&ram->dirty[client][word], ~mask, __ATOMIC_ACQ_REL) & mask;

            dirty |= taken != 0;
            if (bits) {
                bits[word] |= taken;
            }
        }
    }
    if (dirty && ram_protect_hook) {
        ram_protect_hook(ram, first << GUEST_PAGE_BITS, (last - first + 1) << GUEST_PAGE_BITS);
    }
    return dirty;
}

bool memory_region_test_and_clear_dirty(MemoryRegion *mr, uint64_t offset, uint64_t len, DirtyClient client)
{
    return memory_region_take_dirty(mr, offset, len, client, NULL);
}
