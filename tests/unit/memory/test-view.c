/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rendering: random region trees against a renderer that asks, for every single address, who answers there; overlap
 * patterns that boards use; sharing of views, generation, listeners, the text of info mtree.
 */
#include "core/thread.h"
#include "memory/memory.h"
#include "tests/check.h"

enum { NODES = 24, SPAN = 256 };

/* The test's own picture of a tree; nothing is read back from MemoryRegion. */
typedef struct Node {
    MemoryRegion mr;
    char name[8];
    RegionKind kind;
    bool enabled, read_only;
    unsigned addr, size, alias_offset;
    int priority, added;                        /* order of adding */
    struct Node *parent, *alias;
} Node;

typedef struct Hit { const Node *node; unsigned offset; bool read_only; } Hit;

static Node nodes[NODES];
static int next_added;

static const MemoryOps no_ops = { .valid = { 1, 8 } };

/* Who answers at @offset of @n? Children first: by priority, then the later added. */
static bool naive_hit(const Node *n, unsigned offset, bool read_only, Hit *hit, int depth)
{
    bool tried[NODES] = { false };

    if (!n->enabled || offset >= n->size || depth > 40) {
        return false;
    }
    read_only |= n->read_only;
    if (n->kind == REGION_ALIAS) {
        return naive_hit(n->alias, offset + n->alias_offset, read_only, hit, depth + 1);
    }
    for (;;) {
        int best = -1;
        for (int i = 0; i < NODES; i++) {
            const Node *c = &nodes[i];
            if (c->parent == n && !tried[i] &&
                (best < 0 || c->priority > nodes[best].priority ||
                 (c->priority == nodes[best].priority && c->added > nodes[best].added))) {
                best = i;
            }
        }
        if (best < 0) {
            break;
        }
        tried[best] = true;
        if (offset >= nodes[best].addr && naive_hit(&nodes[best], offset - nodes[best].addr, read_only, hit,
                                                    depth + 1)) {
            return true;
        }
    }
    if (n->kind == REGION_CONTAINER) {
        return false;
    }
    *hit = (Hit){ n, offset, read_only };
    return true;
}

static void compare_all(AddressSpace *as, const Node *root, const char *what)
{
    rcu_read_lock();
    for (unsigned addr = 0; addr < SPAN; addr++) {
        Hit hit;
        bool any = naive_hit(root, addr, false, &hit, 0);
        MemorySection s = memory_lookup(as, addr);

        if (!any) {
            check_true(s.mr == &memory_region_unassigned, "%s: nothing at 0x%x, but found %s", what, addr, s.mr->name);
        } else {
            check_true(s.mr == &hit.node->mr, "%s: at 0x%x found %s, wanted %s", what, addr, s.mr->name,
                       hit.node->name);
            check_int(s.offset, ==, hit.offset, "%s: offset at 0x%x", what, addr);
            check_int(s.read_only, ==, hit.read_only, "%s: read-only at 0x%x", what, addr);
        }
        /* The length must hold: everything up to it is the same region at consecutive offsets. */
        uint64_t last = addr + MIN(s.len, (uint64_t)SPAN - addr) - 1;
        MemorySection end = memory_lookup(as, last);
        check_true(s.len > 0 && end.mr == s.mr && end.offset - s.offset == last - addr, "%s: length at 0x%x", what,
                   addr);
    }
    rcu_read_unlock();
}

static void make_node(GRand *rand, int i)
{
    Node *n = &nodes[i];

    g_snprintf(n->name, sizeof(n->name), "n%d", i);
    n->enabled = true;
    n->size = i == 0 ? SPAN : g_rand_int_range(rand, 1, SPAN / 2);
    n->kind = i == 0 ? REGION_CONTAINER : (RegionKind[]){ REGION_CONTAINER, REGION_IO, REGION_IO,
                                                          REGION_ALIAS }[g_rand_int_range(rand, 0, 4)];
    if (i < 2 && n->kind == REGION_ALIAS) {
        n->kind = REGION_IO;
    }
    if (n->kind == REGION_CONTAINER) {
        memory_region_init(&n->mr, NULL, n->name, n->size);
    } else if (n->kind == REGION_IO) {
        memory_region_init_io(&n->mr, NULL, &no_ops, n, n->name, n->size);
    } else {
        n->alias = &nodes[g_rand_int_range(rand, 1, i)];    /* an earlier one: no cycles this way */
        n->alias_offset = g_rand_int_range(rand, 0, 32);
        memory_region_init_alias(&n->mr, NULL, n->name, &n->alias->mr, n->alias_offset, n->size);
    }
}

/* May @child go below @parent without making a cycle through containers and aliases? Only to a lower number. */
static void place(GRand *rand, int i)
{
    Node *n = &nodes[i], *parent;

    for (;;) {
        parent = &nodes[g_rand_int_range(rand, 0, i)];
        if (parent->kind == REGION_CONTAINER || (parent->kind == REGION_IO && g_rand_int_range(rand, 0, 4) == 0)) {
            break;
        }
    }
    /* An alias sees only earlier nodes, but their subtrees may hold later ones: the depth limits on both sides agree
     * on nothing then, so an alias stays out of the subtree that it shows. */
    for (const Node *up = parent; n->kind == REGION_ALIAS && up; up = up->parent) {
        if (up == n->alias) {
            parent = &nodes[0];
        }
    }
    n->addr = g_rand_int_range(rand, 0, parent->size);
    n->priority = g_rand_int_range(rand, -1, 2);
    n->parent = parent;
    n->added = next_added++;
    memory_region_add_overlap(&parent->mr, n->addr, &n->mr, n->priority);
}

static bool alias_cycle_from(const Node *n, const Node *target, int depth)
{
    if (n == target || depth > NODES) {
        return true;
    }
    if (n->alias && alias_cycle_from(n->alias, target, depth + 1)) {
        return true;
    }
    for (int i = 0; i < NODES; i++) {
        if (nodes[i].parent == n && alias_cycle_from(&nodes[i], target, depth + 1)) {
            return true;
        }
    }
    return false;
}

static void change_something(GRand *rand)
{
    Node *n = &nodes[g_rand_int_range(rand, 1, NODES)];

    switch (g_rand_int_range(rand, 0, 6)) {
    case 0:
        n->enabled = !n->enabled;
        memory_region_set_enabled(&n->mr, n->enabled);
        break;
    case 1:
        n->read_only = !n->read_only;
        memory_region_set_readonly(&n->mr, n->read_only);
        break;
    case 2:
        n->size = g_rand_int_range(rand, 0, SPAN);
        memory_region_set_size(&n->mr, n->size);
        break;
    case 3: {
        unsigned addr = g_rand_int_range(rand, 0, SPAN);
        if (addr != n->addr && n->parent) {
            n->added = next_added++;
        }
        n->addr = addr;
        memory_region_set_address(&n->mr, addr);
        break;
    }
    case 4:
        if (n->kind == REGION_ALIAS) {
            n->alias_offset = g_rand_int_range(rand, 0, 64);
            memory_region_set_alias_offset(&n->mr, n->alias_offset);
        }
        break;
    default:
        if (n->parent) {
            memory_region_del(&n->parent->mr, &n->mr);
            n->parent = NULL;
        } else {
            place(rand, n - nodes);
            if (alias_cycle_from(n->alias ? n->alias : n, n->parent, 0)) {
                memory_region_del(&n->parent->mr, &n->mr);
                n->parent = NULL;
            }
        }
    }
}

static void test_random_trees(void)
{
    for (int round = 0; round < 300; round++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(round);
        g_autofree char *what = g_strdup_printf("seed %d", round);
        AddressSpace as;

        memset(nodes, 0, sizeof(nodes));
        next_added = 0;
        for (int i = 0; i < NODES; i++) {
            make_node(rand, i);
        }
        address_space_init(&as, &nodes[0].mr, "random");
        for (int i = 1; i < NODES; i++) {
            place(rand, i);
            if (alias_cycle_from(nodes[i].alias ? nodes[i].alias : &nodes[i], nodes[i].parent, 0)) {
                memory_region_del(&nodes[i].parent->mr, &nodes[i].mr);
                nodes[i].parent = NULL;
            }
        }
        compare_all(&as, &nodes[0], what);
        for (int step = 0; step < 20; step++) {
            change_something(rand);
            compare_all(&as, &nodes[0], what);
        }
        address_space_destroy(&as);
        for (int i = NODES - 1; i >= 0; i--) {
            memory_region_destroy(&nodes[i].mr);
        }
    }
}

/* The 440FX's programmable attributes: RAM below, a read-only or absent window of it above. */
static void test_pam(void)
{
    MemoryRegion root, ram, ram_alias, pci, bios, pam_ram, pam_rom, pam_pci;
    static const struct { const char *claim; bool ram, rom, pci; char where; bool read_only; } rows[] = {
        { "reads and writes to RAM",          true,  false, false, 'r', false },
        { "reads from RAM, writes vanish",    false, true,  false, 'r', true },
        { "both go to PCI",                   false, false, true,  'b', true },
    };
    AddressSpace as;

    memory_region_init(&root, NULL, "system", REGION_SIZE_MAX);
    check_true(memory_region_init_ram(&ram, NULL, "t.ram", 1 << 20, NULL), "RAM");
    check_true(memory_region_init_rom(&bios, NULL, "t.bios", 64 << 10, NULL), "ROM");
    memory_region_init(&pci, NULL, "pci", REGION_SIZE_MAX);
    memory_region_init_alias(&ram_alias, NULL, "ram-below-4g", &ram, 0, 1 << 20);
    memory_region_init_alias(&pam_ram, NULL, "pam-ram", &ram, 0xf0000, 0x10000);
    memory_region_init_alias(&pam_rom, NULL, "pam-rom", &ram, 0xf0000, 0x10000);
    memory_region_init_alias(&pam_pci, NULL, "pam-pci", &pci, 0xf0000, 0x10000);
    memory_region_set_readonly(&pam_rom, true);
    address_space_init(&as, &root, "pam");
    memory_transaction_begin();
    memory_region_add(&root, 0, &ram_alias);
    memory_region_add_overlap(&root, 0, &pci, -1);
    memory_region_add(&pci, 0xf0000, &bios);
    memory_region_add_overlap(&root, 0xf0000, &pam_ram, 1);
    memory_region_add_overlap(&root, 0xf0000, &pam_rom, 1);
    memory_region_add_overlap(&root, 0xf0000, &pam_pci, 1);
    memory_transaction_commit();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        memory_transaction_begin();
        memory_region_set_enabled(&pam_ram, rows[i].ram);
        memory_region_set_enabled(&pam_rom, rows[i].rom);
        memory_region_set_enabled(&pam_pci, rows[i].pci);
        memory_transaction_commit();
        rcu_read_lock();
        MemorySection s = memory_lookup(&as, 0xf1234);
        check_true(s.mr == (rows[i].where == 'r' ? &ram : &bios), "%s", rows[i].claim);
        check_int(s.read_only, ==, rows[i].read_only, "%s", rows[i].claim);
        check_int(s.offset, ==, rows[i].where == 'r' ? 0xf1234 : 0x1234, "%s", rows[i].claim);
        rcu_read_unlock();
    }
    /* RAM all the way is one range again. */
    memory_transaction_begin();
    memory_region_set_enabled(&pam_ram, true);
    memory_region_set_enabled(&pam_pci, false);
    memory_transaction_commit();
    rcu_read_lock();
    check_int(memory_lookup(&as, 0).len, ==, 1 << 20, "neighbouring pieces of one region merge");
    rcu_read_unlock();

    g_autoptr(GString) text = g_string_new(NULL);
    memory_print_tree(text, false);
    check_true(strstr(text->str, "address-space: pam\n  0000000000000000-ffffffffffffffff (prio 0, container): system\n"
                                 "    0000000000000000-00000000000fffff (prio 0, ram): alias ram-below-4g @t.ram "
                                 "0000000000000000-00000000000fffff\n"), "tree text: %s", text->str);
    check_true(strstr(text->str, "memory-region: t.ram\n  0000000000000000-00000000000fffff (prio 0, ram): t.ram\n\n"),
               "tree text: %s", text->str);
    g_string_truncate(text, 0);
    memory_print_tree(text, true);
    check_true(strstr(text->str, " AS \"pam\", root: system\n Root memory region: system\n"
                                 "  0000000000000000-00000000000fffff (prio 0, ram): t.ram\n\n"),
               "flat text: %s", text->str);
    address_space_destroy(&as);
    MemoryRegion *all[] = { &pam_ram, &pam_rom, &pam_pci, &ram_alias, &bios, &pci, &ram, &root };
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        memory_region_destroy(all[i]);
    }
}

/* A listener that mirrors a space: what it was told must be what lookup finds. */
typedef struct Mirror { MemoryListener l; const MemoryRegion *at[SPAN]; int begins, commits; } Mirror;

static void mirror_begin(MemoryListener *l) { ((Mirror *)l)->begins++; }
static void mirror_commit(MemoryListener *l) { ((Mirror *)l)->commits++; }
static void mirror_add(MemoryListener *l, const MemorySection *s, GuestAddr addr, uint64_t len)
{
    for (uint64_t i = addr; i < addr + len && i < SPAN; i++) {
        check_true(!((Mirror *)l)->at[i], "a range is added where one was not deleted: 0x%" PRIx64, i);
        ((Mirror *)l)->at[i] = s->mr;
    }
}
static void mirror_del(MemoryListener *l, const MemorySection *s, GuestAddr addr, uint64_t len)
{
    for (uint64_t i = addr; i < addr + len && i < SPAN; i++) {
        check_true(((Mirror *)l)->at[i] == s->mr, "a range is deleted that was not there: 0x%" PRIx64, i);
        ((Mirror *)l)->at[i] = NULL;
    }
}

static void test_listener(void)
{
    Mirror mirror = { .l = { mirror_begin, mirror_add, mirror_del, mirror_commit } };
    MemoryRegion root, parts[6];
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    AddressSpace as;

    memory_region_init(&root, NULL, "root", SPAN);
    for (int i = 0; i < 6; i++) {
        memory_region_init_io(&parts[i], NULL, &no_ops, NULL, "part", 16 + 16 * i);
        memory_region_add_overlap(&root, i * 24, &parts[i], i % 3);
    }
    address_space_init(&as, &root, "listened");
    memory_listener_register(&mirror.l, &as);
    for (int step = 0; step < 500; step++) {
        memory_transaction_begin();
        for (int i = g_rand_int_range(rand, 1, 4); i; i--) {
            MemoryRegion *mr = &parts[g_rand_int_range(rand, 0, 6)];
            if (g_rand_boolean(rand)) {
                memory_region_set_enabled(mr, g_rand_boolean(rand));
            } else {
                memory_region_set_address(mr, g_rand_int_range(rand, 0, SPAN));
            }
        }
        memory_transaction_commit();
        check_int(mirror.begins, ==, mirror.commits, "each begin has its commit");
        rcu_read_lock();
        for (int addr = 0; addr < SPAN; addr++) {
            const MemoryRegion *mr = memory_lookup(&as, addr).mr;
            check_true(mirror.at[addr] == (mr == &memory_region_unassigned ? NULL : mr), "mirror at 0x%x, step %d",
                       addr, step);
        }
        rcu_read_unlock();
    }
    memory_listener_unregister(&mirror.l);
    for (int addr = 0; addr < SPAN; addr++) {
        check_true(!mirror.at[addr], "everything is deleted at the end");
    }
    address_space_destroy(&as);
    for (int i = 0; i < 6; i++) {
        memory_region_destroy(&parts[i]);
    }
    memory_region_destroy(&root);
}

static void test_sharing_and_generation(void)
{
    MemoryRegion root, io, bus_master, master_alias;
    AddressSpace as, dma;

    memory_region_init(&root, NULL, "root", REGION_SIZE_MAX);
    memory_region_init_io(&io, NULL, &no_ops, NULL, "io", 4096);
    memory_region_init(&bus_master, NULL, "bus master container", REGION_SIZE_MAX);
    memory_region_init_alias(&master_alias, NULL, "bus master", &root, 0, REGION_SIZE_MAX);
    memory_region_add(&bus_master, 0, &master_alias);
    address_space_init(&as, &root, "as");
    address_space_init(&dma, &bus_master, "dma");
    memory_region_add(&root, 0x1000, &io);
    check_true(as.view == dma.view, "a bus master that sees all of memory shares memory's view");
    memory_region_set_enabled(&master_alias, false);
    check_true(as.view != dma.view, "a disabled bus master sees nothing");
    rcu_read_lock();
    check_true(memory_lookup(&dma, 0x1000).mr == &memory_region_unassigned, "a disabled bus master sees nothing");
    rcu_read_unlock();
    memory_region_set_enabled(&master_alias, true);
    check_true(as.view == dma.view, "and shares again when enabled");

    uint64_t before = memory_generation();
    memory_region_set_address(&io, 0x1000);
    memory_transaction_begin();
    memory_region_set_enabled(&io, false);
    memory_region_set_enabled(&io, true);
    memory_transaction_commit();
    check_int(memory_generation(), ==, before, "a change that alters no view leaves the generation");
    memory_region_set_address(&io, 0x2000);
    check_int(memory_generation(), !=, before, "a change of the view moves the generation");
    rcu_read_lock();
    check_int(memory_lookup(&as, UINT64_MAX).len, ==, 1, "the last byte of the space");
    check_int(memory_lookup(&as, 0x3000).len, ==, -0x3000, "a gap reaches to the top");
    check_int(memory_lookup(&as, 0).len, ==, 0x2000, "a gap reaches to the next range");
    rcu_read_unlock();
    address_space_destroy(&dma);
    address_space_destroy(&as);
    memory_region_destroy(&master_alias);
    memory_region_destroy(&bus_master);
    memory_region_destroy(&io);
    memory_region_destroy(&root);
}

/* Which roots are passed through: a shared view must be what rendering the root itself would give. */
static void test_root_resolution(void)
{
    MemoryRegion root, io, outer, inner, alias;
    static const struct {
        const char *claim; uint64_t alias_offset, alias_size, alias_addr, outer_size; bool read_only; bool shares;
        uint64_t look_at; bool hit; uint64_t offset;
    } rows[] = {
        { "a whole alias",           0, REGION_SIZE_MAX, 0, REGION_SIZE_MAX, false, true, 0x1010, true, 0x10 },
        { "an alias with an offset", 0x1000, REGION_SIZE_MAX, 0, REGION_SIZE_MAX, false, false, 0x10, true, 0x10 },
        { "an alias elsewhere",      0, REGION_SIZE_MAX, 0x1000, REGION_SIZE_MAX, false, false, 0x2010, true, 0x10 },
        { "an alias cut short",      0, 0x1008, 0, REGION_SIZE_MAX, false, false, 0x1010, false, 0 },
        { "in a smaller container",  0, REGION_SIZE_MAX, 0, 0x1008, false, false, 0x1010, false, 0 },
        { "a read-only alias",       0, REGION_SIZE_MAX, 0, REGION_SIZE_MAX, true, false, 0x1010, true, 0x10 },
    };

    memory_region_init(&root, NULL, "root", REGION_SIZE_MAX);
    memory_region_init_io(&io, NULL, &no_ops, NULL, "io", 0x100);
    memory_region_add(&root, 0x1000, &io);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        AddressSpace as, dma;

        memory_region_init(&outer, NULL, "outer", rows[i].outer_size);
        memory_region_init(&inner, NULL, "inner", REGION_SIZE_MAX);
        memory_region_init_alias(&alias, NULL, "alias", &root, rows[i].alias_offset, rows[i].alias_size);
        memory_region_set_readonly(&alias, rows[i].read_only);
        memory_region_add(&inner, rows[i].alias_addr, &alias);
        memory_region_add(&outer, 0, &inner);
        address_space_init(&as, &root, "as");
        address_space_init(&dma, &outer, "dma");
        check_int(as.view == dma.view, ==, rows[i].shares, "%s: shares the view", rows[i].claim);
        rcu_read_lock();
        MemorySection s = memory_lookup(&dma, rows[i].look_at);
        check_int(s.mr == &io, ==, rows[i].hit, "%s: what is found", rows[i].claim);
        check_true(!rows[i].hit || (s.offset == rows[i].offset && s.read_only == rows[i].read_only), "%s: how",
                   rows[i].claim);
        rcu_read_unlock();
        address_space_destroy(&dma);
        address_space_destroy(&as);
        memory_region_destroy(&alias);
        memory_region_destroy(&inner);
        memory_region_destroy(&outer);
    }
    memory_region_destroy(&io);
    memory_region_destroy(&root);
}

/* A region made anew in its old place within one transaction is another one; its RAM stays until listeners know. */
typedef struct Watcher { MemoryListener l; int dels, adds; bool alive; } Watcher;

static void watch_del(MemoryListener *l, const MemorySection *s, GuestAddr addr, uint64_t len)
{
    ((Watcher *)l)->dels++;
    ((Watcher *)l)->alive = ram_block_find("first") != NULL;
}

static void watch_add(MemoryListener *l, const MemorySection *s, GuestAddr addr, uint64_t len)
{
    ((Watcher *)l)->adds++;
}

static void test_remade_region(void)
{
    Watcher watcher = { .l = { .range_add = watch_add, .range_del = watch_del } };
    MemoryRegion root, ram, nothing;
    AddressSpace as;
    uint64_t generation;

    memory_region_init(&root, NULL, "root", REGION_SIZE_MAX);
    check_true(memory_region_init_ram(&ram, NULL, "first", 0x1000, NULL), "RAM");
    memory_region_add(&root, 0, &ram);
    address_space_init(&as, &root, "as");
    memory_listener_register(&watcher.l, &as);
    generation = memory_generation();
    memory_transaction_begin();
    memory_region_destroy(&ram);
    check_true(memory_region_init_ram(&ram, NULL, "second", 0x1000, NULL), "RAM");
    memory_region_add(&root, 0, &ram);
    memory_transaction_commit();
    check_int(memory_generation(), !=, generation, "other RAM in the same place is a new view");
    check_int(watcher.dels, ==, 1, "the old range went");
    check_int(watcher.adds, ==, 2, "and one came");
    check_true(watcher.alive, "the old RAM was there while listeners were told");
    check_true(!ram_block_find("first"), "and is not any more");

    /* Another root that looks the same: nothing to tell. */
    memory_region_init(&nothing, NULL, "nothing", 0x100);
    generation = memory_generation();
    memory_region_add(&root, 0x5000, &nothing);
    check_int(memory_generation(), ==, generation, "an empty container is not seen");
    check_int(watcher.dels + watcher.adds, ==, 3, "and listeners hear no range");
    memory_listener_unregister(&watcher.l);
    address_space_destroy(&as);
    memory_region_destroy(&nothing);
    memory_region_destroy(&ram);
    memory_region_destroy(&root);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bql_lock();
    memory_thread_register();
    g_test_add_func("/memory/view/random-trees", test_random_trees);
    g_test_add_func("/memory/view/pam", test_pam);
    g_test_add_func("/memory/view/listener", test_listener);
    g_test_add_func("/memory/view/sharing-and-generation", test_sharing_and_generation);
    g_test_add_func("/memory/view/root-resolution", test_root_resolution);
    g_test_add_func("/memory/view/remade-region", test_remade_region);
    return g_test_run();
}
