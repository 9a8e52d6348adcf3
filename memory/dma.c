/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DMA without a copy: guest memory lent to host I/O.
 *
 * dma_map() takes a reference on the RAM block, so the loan outlives a change of the tree, even the removal of the
 * device whose memory it is. dma_unmap() marks what was written and gives the reference back.
 */
#include "memory/internal.h"

/* The part of [@addr, +@len) that lies behind one host pointer: following ranges count while the host side goes on. */
static uint8_t *map_run(AddressSpace *as, GuestAddr addr, size_t len, DmaDirection dir, size_t *lent, RamBlock **block)
{
    uint8_t *start = NULL;
    size_t done = 0;

    while (done < len) {
        MemorySection s = memory_lookup(as, addr + done);
        uint8_t *host = memory_section_ram(&s);
        RamBlock *ram = __atomic_load_n(&s.mr->ram, __ATOMIC_ACQUIRE);

        if (!host || !ram || (dir == DMA_FROM_DEVICE && s.read_only)) {
            break;
        }
        if (!start) {
            start = host;
            *block = ram;
        } else if (ram != *block || host != start + done) {
            break;
        }
        done += MIN(s.len, len - done);
    }
    *lent = done;
    return start;
}

void *dma_map(AddressSpace *as, GuestAddr addr, size_t *len, DmaDirection dir)
{
    RamBlock *block = NULL;
    uint8_t *host;

    if (*len == 0) {
        return NULL;
    }
    memory_read_lock();
    host = map_run(as, addr, *len, dir, len, &block);
    if (host) {
        ram_block_ref(block);
    }
    memory_read_unlock();
    return host;
}

void dma_unmap(AddressSpace *as, void *host, size_t len, DmaDirection dir, size_t done)
{
    uint64_t offset;

    memory_read_lock();
    RamBlock *block = ram_find_any(host, &offset);
    g_assert(block);                            /* our own mistake: @host never came from dma_map() */
    if (dir == DMA_FROM_DEVICE && done) {
        ram_mark_dirty(block, offset, MIN(done, len));
    }
    memory_read_unlock();
    ram_block_unref(block);
}
