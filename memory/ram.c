/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM blocks: the list of all guest memory, names, references, host address back to block.
 *
 * A block is made under the big lock and linked into a list that readers walk inside RCU sections. Its owner gives it
 * up with ram_block_free(); dma_map() loans hold it longer. Whoever drops the last reference (any thread) unlinks it,
 * and after a further grace period mapping and struct go.
 */
#include "memory/internal.h"

#include <string.h>

#include "core/thread.h"

static RamBlock *blocks;
static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;     /* writers of the list; innermost */
int ram_block_fail_countdown;

bool ram_allocation_fails(void)
{
    return ram_block_fail_countdown > 0 && --ram_block_fail_countdown == 0;
}

static bool bitmaps_new(RamBlock *ram, GError **err)
{
    size_t words = (ram->size / GUEST_PAGE_SIZE + 63) / 64;

    for (int client = 0; client < DIRTY_CLIENTS; client++) {
        ram->dirty[client] = ram_allocation_fails() ? NULL : g_try_malloc(words * sizeof(unsigned long));
        if (!ram->dirty[client]) {
            return error_set(err, "no host memory for the dirty bitmap of RAM block '%s'", ram->name);
        }
        memset(ram->dirty[client], 0xff, words * sizeof(unsigned long));
    }
    return true;
}

static void block_destroy(RamBlock *ram)
{
    ram_block_unmap(ram);
    for (int client = 0; client < DIRTY_CLIENTS; client++) {
        g_free(ram->dirty[client]);
    }
    g_free(ram->name);
    g_free(ram);
}

RamBlock *ram_block_new(const RamBlockParams *params, GError **err)
{
    RamBlock *ram;

    if (params->size == 0) {
        error_set(err, "RAM block '%s' cannot have size 0", params->name);
        return NULL;
    }
    if (params->size > (uint64_t)1 << 52) {
        error_set(err, "RAM block '%s' of %" PRIu64 " bytes exceeds the 4 PiB that x86 can address", params->name,
                  params->size);
        return NULL;
    }
    if (ram_block_find(params->name)) {
        error_set(err, "there is a RAM block named '%s' already", params->name);
        return NULL;
    }
    ram = g_new0(RamBlock, 1);
    ram->name = g_strdup(params->name);
    ram->fd = -1;
    ram->refs = 1;
    ram->discard_data = params->discard_data;
    if (!ram_block_map(ram, params, err) || !bitmaps_new(ram, err)) {
        block_destroy(ram);
        return NULL;
    }
    pthread_mutex_lock(&blocks_lock);
    RamBlock **link = &blocks;
    while (*link) {                             /* at the end: in order of creation */
        link = &(*link)->next;
    }
    rcu_set_pointer(link, ram);
    pthread_mutex_unlock(&blocks_lock);
    return ram;
}

static void block_reclaim(struct rcu_head *head) { block_destroy(caa_container_of(head, RamBlock, rcu)); }

void ram_block_ref(RamBlock *ram) { __atomic_add_fetch(&ram->refs, 1, __ATOMIC_RELAXED); }

void ram_block_unref(RamBlock *ram)
{
    if (__atomic_sub_fetch(&ram->refs, 1, __ATOMIC_ACQ_REL)) {
        return;
    }
    pthread_mutex_lock(&blocks_lock);
    for (RamBlock **link = &blocks; *link; link = &(*link)->next) {
        if (*link == ram) {
            rcu_set_pointer(link, ram->next);
            break;
        }
    }
    pthread_mutex_unlock(&blocks_lock);
    memory_call_rcu(&ram->rcu, block_reclaim);
}

static void owner_reference_drop(struct rcu_head *head) { ram_block_unref(caa_container_of(head, RamBlock, rcu)); }

void ram_block_free(RamBlock *ram)
{
    if (ram) {
        __atomic_store_n(&ram->dead, true, __ATOMIC_RELEASE);
        memory_call_rcu(&ram->rcu, owner_reference_drop);   /* a reader may just be turning it into a loan */
    }
}

RamBlock *ram_block_find(const char *name)
{
    RamBlock *ram;

    memory_read_lock();
    for (ram = rcu_dereference(blocks); ram; ram = rcu_dereference(ram->next)) {
        if (!__atomic_load_n(&ram->dead, __ATOMIC_ACQUIRE) && !strcmp(ram->name, name)) {
            break;
        }
    }
    memory_read_unlock();
    return ram;
}

void ram_block_foreach(void (*fn)(RamBlock *ram, void *opaque), void *opaque)
{
    memory_read_lock();
    for (RamBlock *ram = rcu_dereference(blocks); ram; ram = rcu_dereference(ram->next)) {
        if (!__atomic_load_n(&ram->dead, __ATOMIC_ACQUIRE)) {
            fn(ram, opaque);
        }
    }
    memory_read_unlock();
}

RamBlock *ram_find_any(const void *ptr, uint64_t *offset)
{
    RamBlock *ram;

    memory_read_lock();
    for (ram = rcu_dereference(blocks); ram; ram = rcu_dereference(ram->next)) {
        uint64_t distance = (uintptr_t)ptr - (uintptr_t)ram->host;
        if (distance < ram->size) {
            if (offset) {
                *offset = distance;
            }
            break;
        }
    }
    memory_read_unlock();
    return ram;
}

RamBlock *ram_block_from_host(const void *ptr, uint64_t *offset)
{
    RamBlock *ram = ram_find_any(ptr, offset);

    return ram && !__atomic_load_n(&ram->dead, __ATOMIC_ACQUIRE) ? ram : NULL;
}
