/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The region tree: making, placing and altering regions, and transactions.
 *
 * Everything here runs under the big lock and only edits the tree; readers never look at it. An edit outside a
 * transaction, or the end of the outermost one, has view.c render what address spaces look like now.
 *
 * Rendering order within a container (`subregions`): higher priority first, the later added first among equals.
 * A RAM block given up in a transaction is kept until its commit, since the views published so far still show it.
 */
#include "memory/internal.h"

#include "core/thread.h"

static unsigned transaction_depth;
static bool topology_pending;
static GPtrArray *dead_blocks;

static uint64_t unassigned_read(void *opaque, uint64_t offset, unsigned size) { return UINT64_MAX; }

static void unassigned_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) { }

const MemoryOps memory_unassigned_ops = {
    .read = unassigned_read, .write = unassigned_write, .endianness = LITTLE_ENDIAN_DEVICE,
    .valid = { 1, 8, true }, .impl = { 1, 8, true },
};

MemoryRegion memory_region_unassigned = {
    .name = (char *)"unassigned", .kind = REGION_IO, .enabled = true, .terminates = true,
    .size = (unsigned __int128)1 << 64, .ops = &memory_unassigned_ops,
};

/* Transactions */

bool memory_in_transaction(void) { return transaction_depth > 0; }

static void commit_now(void)
{
    g_autoptr(GPtrArray) blocks = g_steal_pointer(&dead_blocks);

    if (topology_pending) {
        topology_pending = false;
        memory_views_update();
    }
    for (unsigned i = 0; blocks && i < blocks->len; i++) {
        ram_block_free(g_ptr_array_index(blocks, i));
    }
}

void memory_transaction_begin(void) { transaction_depth++; }

void memory_transaction_commit(void)
{
    g_assert(transaction_depth > 0);
    if (transaction_depth == 1) {
        /* A listener that alters the tree while it is told of a change starts over, here. */
        while (topology_pending || dead_blocks) {
            commit_now();
        }
    }
    transaction_depth--;
}

void memory_topology_changed(void)
{
    topology_pending = true;
    if (transaction_depth == 0) {
        memory_transaction_begin();
        memory_transaction_commit();
    }
}

/* An edit matters only if it can be seen: @mr enabled, in a container or a root (which has no container). */
static void region_changed(MemoryRegion *mr)
{
    if (mr->enabled) {
        memory_topology_changed();
    }
}

/* Making and unmaking */

static unsigned __int128 size_from_argument(uint64_t size)
{
    return size == REGION_SIZE_MAX ? (unsigned __int128)1 << 64 : size;
}

static void region_init(MemoryRegion *mr, Object *owner, const char *name, RegionKind kind, uint64_t size)
{
    *mr = (MemoryRegion){
        .owner = owner, .name = g_strdup(name ? name : "anonymous"), .kind = kind, .enabled = true,
        .terminates = kind != REGION_CONTAINER && kind != REGION_ALIAS, .read_only = kind == REGION_ROM,
        .romd_mode = kind == REGION_ROM_DEVICE, .size = size_from_argument(size), .ops = &memory_unassigned_ops,
    };
}

void memory_region_init(MemoryRegion *mr, Object *owner, const char *name, uint64_t size)
{
    region_init(mr, owner, name, REGION_CONTAINER, size);
}

void memory_region_init_io(MemoryRegion *mr, Object *owner, const MemoryOps *ops, void *opaque, const char *name,
                           uint64_t size)
{
    region_init(mr, owner, name, REGION_IO, size);
    mr->ops = ops ? ops : &memory_unassigned_ops;
    mr->opaque = opaque;
}

/* A block's name must be unique: the second device with a "vga.vram" has its path put before it. */
static RamBlock *named_block(Object *owner, const char *name, uint64_t size, GError **err)
{
    g_autofree char *long_name = NULL;
    RamBlockParams params = { .name = name, .size = size, .reserve = true, .dump = true, .merge = true };

    if (owner && ram_block_find(name)) {
        g_autofree char *path = object_path(owner);
        long_name = g_strdup_printf("%s/%s", path, name);
        params.name = long_name;
    }
    return ram_block_new(&params, err);
}

static bool init_ram_kind(MemoryRegion *mr, Object *owner, RegionKind kind, const char *name, uint64_t size,
                          GError **err)
{
    RamBlock *ram = named_block(owner, name, size, err);

    if (!ram) {
        return false;
    }
    region_init(mr, owner, name, kind, size);
    mr->ram = ram;
    return true;
}

bool memory_region_init_ram(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, GError **err)
{
    return init_ram_kind(mr, owner, REGION_RAM, name, size, err);
}

bool memory_region_init_rom(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, GError **err)
{
    return init_ram_kind(mr, owner, REGION_ROM, name, size, err);
}

bool memory_region_init_rom_device(MemoryRegion *mr, Object *owner, const MemoryOps *ops, void *opaque,
                                   const char *name,
                                   uint64_t size, GError **err)
{
    if (!init_ram_kind(mr, owner, REGION_ROM_DEVICE, name, size, err)) {
        return false;
    }
    mr->ops = ops;
    mr->opaque = opaque;
    return true;
}

void memory_region_init_ram_block(MemoryRegion *mr, Object *owner, const char *name, RamBlock *ram)
{
    region_init(mr, owner, name, ram->read_only ? REGION_ROM : REGION_RAM, ram->size);
    mr->ram = ram;
}

void memory_region_init_alias(MemoryRegion *mr, Object *owner, const char *name, MemoryRegion *target, GuestAddr offset,
                              uint64_t size)
{
    region_init(mr, owner, name, REGION_ALIAS, size);
    mr->alias = target;
    mr->alias_offset = offset;
}

void memory_region_destroy(MemoryRegion *mr)
{
    if (!mr->name) {                            /* never initialised: a device whose realize failed early */
        return;
    }
    memory_transaction_begin();
    if (mr->container) {
        memory_region_del(mr->container, mr);
    }
    while (mr->subregions && mr->subregions->len) {
        memory_region_del(mr, g_ptr_array_index(mr->subregions, 0));
    }
    g_clear_pointer(&mr->subregions, g_ptr_array_unref);
    /* A vCPU may be waiting for the big lock with @mr in its hand: what it then calls is this. */
    mr->ops = &memory_unassigned_ops;
    mr->alias = NULL;
    if (mr->ram) {
        if (!dead_blocks) {
            dead_blocks = g_ptr_array_new();
        }
        g_ptr_array_add(dead_blocks, mr->ram);
        __atomic_store_n(&mr->ram, NULL, __ATOMIC_RELEASE);
    }
    g_clear_pointer(&mr->name, g_free);
    memory_transaction_commit();
}

/* Placing */

static void container_insert(MemoryRegion *container, MemoryRegion *mr)
{
    GPtrArray *list = container->subregions;
    unsigned i = 0;

    while (i < list->len && ((MemoryRegion *)g_ptr_array_index(list, i))->priority > mr->priority) {
        i++;
    }
    g_ptr_array_insert(list, i, mr);
}

void memory_region_add_overlap(MemoryRegion *container, GuestAddr addr, MemoryRegion *mr, int32_t priority)
{
    g_assert(!mr->container);
    if (!container->subregions) {
        container->subregions = g_ptr_array_new();
    }
    mr->container = container;
    mr->addr = addr;
    mr->priority = priority;
    container_insert(container, mr);
    region_changed(mr);
}

void memory_region_add(MemoryRegion *container, GuestAddr addr, MemoryRegion *mr)
{
    memory_region_add_overlap(container, addr, mr, 0);
}

void memory_region_del(MemoryRegion *container, MemoryRegion *mr)
{
    if (mr->container != container) {
        return;
    }
    g_ptr_array_remove(container->subregions, mr);
    mr->container = NULL;
    region_changed(mr);
}

/* Altering */

void memory_region_set_enabled(MemoryRegion *mr, bool enabled)
{
    if (mr->enabled != enabled) {
        mr->enabled = enabled;
        memory_topology_changed();
    }
}

void memory_region_set_address(MemoryRegion *mr, GuestAddr addr)
{
    if (mr->addr == addr) {
        return;
    }
    mr->addr = addr;
    if (mr->container) {                        /* counts as added anew: it wins against equals */
        g_ptr_array_remove(mr->container->subregions, mr);
        container_insert(mr->container, mr);
        region_changed(mr);
    }
}

void memory_region_set_size(MemoryRegion *mr, uint64_t size)
{
    unsigned __int128 wanted = size_from_argument(size);

    if (region_is_ram(mr) && mr->ram && wanted > mr->ram->size) {
        wanted = mr->ram->size;                 /* never past the host mapping */
    }
    if (mr->size != wanted) {
        mr->size = wanted;
        region_changed(mr);
    }
}

void memory_region_set_alias_offset(MemoryRegion *mr, GuestAddr offset)
{
    if (mr->alias_offset != offset) {
        mr->alias_offset = offset;
        region_changed(mr);
    }
}

void memory_region_set_readonly(MemoryRegion *mr, bool read_only)
{
    if (mr->read_only != read_only) {
        mr->read_only = read_only;
        region_changed(mr);
    }
}

void memory_region_set_romd(MemoryRegion *mr, bool romd)
{
    if (mr->romd_mode != romd) {
        __atomic_store_n(&mr->romd_mode, romd, __ATOMIC_RELEASE);
        region_changed(mr);
    }
}

uint64_t memory_region_size(const MemoryRegion *mr)
{
    return mr->size >> 64 ? REGION_SIZE_MAX : (uint64_t)mr->size;
}

void *memory_region_ram_ptr(MemoryRegion *mr)
{
    if (mr->kind == REGION_ALIAS && mr->alias) {
        uint8_t *base = memory_region_ram_ptr(mr->alias);
        return base ? base + mr->alias_offset : NULL;
    }
    return mr->ram ? mr->ram->host : NULL;
}

MemoryRegion *memory_root_resolve(MemoryRegion *mr)
{
    while (mr && mr->enabled && mr->size) {
        MemoryRegion *only = NULL;

        if (mr->kind == REGION_ALIAS) {
            if (!mr->alias || mr->alias_offset || mr->addr || mr->read_only || mr->alias->addr ||
                mr->size < mr->alias->size) {
                return mr;
            }
            mr = mr->alias;
            continue;
        }
        if (mr->terminates) {
            return mr;
        }
        for (unsigned i = 0; mr->subregions && i < mr->subregions->len; i++) {
            MemoryRegion *sub = g_ptr_array_index(mr->subregions, i);
            if (!sub->enabled) {
                continue;
            }
            if (only) {
                return mr;
            }
            only = sub;
        }
        if (!only) {
            return NULL;
        }
        if (mr->addr || mr->read_only || only->addr || only->size > mr->size) {
            return mr;
        }
        mr = only;
    }
    return NULL;
}
