/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RAM blocks, dirty tracking, DMA loans, failing allocations. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/thread.h"
#include "memory/memory.h"
#include "tests/check.h"

static MemoryRegion root, ram;
static AddressSpace as;

enum { PAGES = 200, PAGE = 4096 };

static void world_make(void)
{
    memory_region_init(&root, NULL, "root", REGION_SIZE_MAX);
    check_true(memory_region_init_ram(&ram, NULL, "t.ram", PAGES * PAGE, NULL), "RAM");
    memory_region_add(&root, 0, &ram);
    address_space_init(&as, &root, "ram");
}

static void world_destroy(void)
{
    address_space_destroy(&as);
    memory_region_destroy(&ram);
    memory_region_destroy(&root);
}

static RamBlock *block(void)
{
    uint64_t offset;
    RamBlock *b = ram_block_from_host(memory_region_ram_ptr(&ram), &offset);

    check_true(b && offset == 0, "the region's block is found by its pointer");
    return b;
}

/* Dirty tracking against a plain array. */

static bool hook_pages[PAGES];
static int protect_calls;

static void code_hook(RamBlock *b, uint64_t offset, uint64_t len)
{
    check_true(len && offset / PAGE == (offset + len - 1) / PAGE, "the hook gets one page at a time");
    hook_pages[offset / PAGE] = true;
}

static void protect_hook(RamBlock *b, uint64_t offset, uint64_t len) { protect_calls++; }

static void test_dirty_random(void)
{
    bool model[DIRTY_CLIENTS][PAGES];
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);

    world_make();
    ram_code_hook = code_hook;
    ram_protect_hook = protect_hook;
    memset(model, true, sizeof(model));
    memory_region_set_log(&ram, true, DIRTY_VGA);
    memory_region_set_log(&ram, true, DIRTY_MIGRATION);
    for (int step = 0; step < 4000; step++) {
        unsigned len = g_rand_int_range(rand, 1, step % 4 ? 9000 : PAGES * PAGE / 2);
        unsigned at = g_rand_int_range(rand, 0, PAGES * PAGE - len), first = at / PAGE, last = (at + len - 1) / PAGE;
        DirtyClient client = g_rand_int_range(rand, 0, 2) ? DIRTY_VGA : DIRTY_MIGRATION;

        switch (g_rand_int_range(rand, 0, 3)) {
        case 0:
            memset(hook_pages, 0, sizeof(hook_pages));
            ram_mark_dirty(block(), at, len);
            for (unsigned p = 0; p < PAGES; p++) {
                bool hit = p >= first && p <= last;
                check_int(hook_pages[p], ==, hit && !model[DIRTY_CODE][p], "step %d: code hook of page %u", step, p);
                model[DIRTY_VGA][p] |= hit;
                model[DIRTY_MIGRATION][p] |= hit;
            }
            break;
        case 1: {
            bool any = false;
            int before = protect_calls;
            for (unsigned p = first; p <= last; p++) {
                any |= model[client][p];
                model[client][p] = false;
            }
            check_int(memory_region_test_and_clear_dirty(&ram, at, len, client), ==, any, "step %d: dirty", step);
            check_int(protect_calls - before, ==, any, "step %d: permissions are withdrawn if bits were cleared", step);
            break;
        }
        default: {
            unsigned p = g_rand_int_range(rand, 0, PAGES);
            model[DIRTY_CODE][p] = !model[DIRTY_CODE][p];
            block()->dirty[DIRTY_CODE][p / 64] ^= 1ul << p % 64;
            check_int(ram_page_needs_slow_write(block(), (uint64_t)p * PAGE), ==,
                      !(model[0][p] && model[1][p] && model[2][p]), "step %d: slow write of page %u", step, p);
        }
        }
    }
    memory_region_set_log(&ram, false, DIRTY_VGA);
    memory_region_set_log(&ram, false, DIRTY_MIGRATION);
    memset(block()->dirty[DIRTY_CODE], 0xff, PAGES / 8);
    for (unsigned p = 0; p < PAGES; p++) {
        check_true(!ram_page_needs_slow_write(block(), (uint64_t)p * PAGE), "nobody logs: page %u is written fast", p);
    }
    ram_code_hook = NULL;
    ram_protect_hook = NULL;
    world_destroy();
}

static void test_dirty_by_access(void)
{
    uint8_t buf[PAGE + 2] = { 0 };

    world_make();
    memory_region_set_log(&ram, true, DIRTY_VGA);
    memory_region_test_and_clear_dirty(&ram, 0, PAGES * PAGE, DIRTY_VGA);
    memory_read(&as, 0, MEMTXATTRS_NONE, buf, sizeof(buf));
    check_true(!memory_region_test_and_clear_dirty(&ram, 0, PAGES * PAGE, DIRTY_VGA), "reading makes nothing dirty");
    memory_store(&as, 5 * PAGE + 8, 4, 1, MEMTXATTRS_NONE, NULL);
    check_true(memory_region_test_and_clear_dirty(&ram, 5 * PAGE, PAGE, DIRTY_VGA), "a store marks its page");
    memory_write(&as, 7 * PAGE - 1, MEMTXATTRS_NONE, buf, sizeof(buf));
    for (int p = 0; p < 12; p++) {
        check_int(memory_region_test_and_clear_dirty(&ram, p * PAGE, PAGE, DIRTY_VGA), ==, p >= 6 && p <= 8, "page %d",
                  p);
    }
    size_t len = 100;
    uint8_t *p = dma_map(&as, 9 * PAGE, &len, DMA_FROM_DEVICE);
    check_true(!memory_region_test_and_clear_dirty(&ram, 9 * PAGE, PAGE, DIRTY_VGA), "not before the DMA is done");
    dma_unmap(&as, p, len, DMA_FROM_DEVICE, 50);
    check_true(memory_region_test_and_clear_dirty(&ram, 9 * PAGE, PAGE, DIRTY_VGA), "DMA marks what it wrote");
    len = 100;
    p = dma_map(&as, 9 * PAGE, &len, DMA_TO_DEVICE);
    dma_unmap(&as, p, len, DMA_TO_DEVICE, 100);
    len = 100;
    p = dma_map(&as, 9 * PAGE, &len, DMA_FROM_DEVICE);
    dma_unmap(&as, p, len, DMA_FROM_DEVICE, 0);
    check_true(!memory_region_test_and_clear_dirty(&ram, 9 * PAGE, PAGE, DIRTY_VGA),
               "reading, or writing nothing, does not");
    world_destroy();
}

/* DMA */

static const MemoryOps io_ops = { .valid = { 1, 4 } };

static void test_dma_map(void)
{
    MemoryRegion io, rom, window, left, right;
    static const struct { const char *claim; GuestAddr addr; size_t want; DmaDirection dir; size_t lent; } rows[] = {
        { "inside of RAM",                       0x100, 0x200, DMA_TO_DEVICE, 0x200 },
        { "up to the device that covers RAM",    0x7f00, 0x1000, DMA_FROM_DEVICE, 0x100 },
        { "on the device: no loan",              0x8000, 16, DMA_TO_DEVICE, 0 },
        { "behind it RAM goes on",               0x9000, 0x1000, DMA_TO_DEVICE, 0x1000 },
        { "to the end of RAM",                   PAGES * PAGE - 5, 100, DMA_FROM_DEVICE, 5 },
        { "where nothing is",                    0x10000000, 1, DMA_TO_DEVICE, 0 },
        { "ROM can be read",                     0x200000, 64, DMA_TO_DEVICE, 64 },
        { "ROM cannot be written",               0x200000, 64, DMA_FROM_DEVICE, 0 },
        { "RAM through read-only windows",       0x10000, 64, DMA_FROM_DEVICE, 0 },
        { "ranges that differ only in writability are one loan for reading", 0xff00, 0x300, DMA_TO_DEVICE, 0x300 },
        { "but not for writing",                 0xff00, 0x300, DMA_FROM_DEVICE, 0x100 },
        { "to the end of a block, where another follows", 0x300ff0, 0x100, DMA_TO_DEVICE, 0x10 },
        { "nothing wanted, nothing lent",        0, 0, DMA_TO_DEVICE, 0 },
        { "the last address",                    UINT64_MAX, 8, DMA_TO_DEVICE, 0 },
    };

    world_make();
    memory_region_init_io(&io, NULL, &io_ops, NULL, "io", 0x1000);
    memory_region_add_overlap(&root, 0x8000, &io, 1);
    check_true(memory_region_init_rom(&rom, NULL, "t.rom", PAGE, NULL), "ROM");
    memory_region_add(&root, 0x200000, &rom);
    check_true(memory_region_init_ram(&left, NULL, "t.left", PAGE, NULL), "RAM");
    memory_region_add(&root, 0x300000, &left);
    check_true(memory_region_init_ram(&right, NULL, "t.right", PAGE, NULL), "RAM");
    memory_region_add(&root, 0x301000, &right);
    memory_region_init_alias(&window, NULL, "window", &ram, 0x10000, PAGE);
    memory_region_set_readonly(&window, true);
    memory_region_add_overlap(&root, 0x10000, &window, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        size_t len = rows[i].want;
        uint8_t *p = dma_map(&as, rows[i].addr, &len, rows[i].dir);

        check_int(p != NULL, ==, rows[i].lent > 0, "%s", rows[i].claim);
        check_int(len, ==, rows[i].lent, "%s", rows[i].claim);
        if (p) {
            check_true(rows[i].addr >= 0x200000 || p == (uint8_t *)memory_region_ram_ptr(&ram) + rows[i].addr, "%s",
                       rows[i].claim);
            dma_unmap(&as, p, len, rows[i].dir, len);
        }
    }
    memory_region_destroy(&window);
    memory_region_destroy(&left);
    memory_region_destroy(&right);
    memory_region_destroy(&rom);
    memory_region_destroy(&io);
    world_destroy();
}

static void test_dma_outlives_removal(void)
{
    size_t len = PAGE;
    uint8_t *p;

    world_make();
    p = dma_map(&as, 0, &len, DMA_FROM_DEVICE);
    world_destroy();
    rcu_barrier();
    rcu_barrier();                              /* what the first one's callbacks asked for */
    memset(p, 0x5a, len);                       /* would be a fault were it gone */
    check_true(!ram_block_find("t.ram"), "its name is free");
    check_true(!ram_block_from_host(p, NULL), "it is no guest RAM any more");
    dma_unmap(NULL, p, len, DMA_FROM_DEVICE, len);
    rcu_barrier();
    world_make();                               /* the name can be used again */
    world_destroy();
}

/* Blocks */

static void test_names(void)
{
    RamBlockParams params = { .name = "x.ram", .size = 1 };
    g_autoptr(GError) err = NULL;
    RamBlock *b = ram_block_new(&params, &err);

    check_true(b && b->size == PAGE && b->page_bytes == PAGE, "sizes are rounded to pages");
    check_true(!ram_block_new(&params, &err) && strstr(err->message, "x.ram"),
               "a second block of a name is refused: %s",
               err ? err->message : "");
    check_true(ram_block_find("x.ram") == b, "found by name");
    check_true(!ram_block_find("x.rom"), "not found by another");
    ram_block_free(b);
    ram_block_free(NULL);
    check_true(!ram_block_find("x.ram"), "freed: not found");
    rcu_barrier();
}

static const struct { const char *claim; RamBlockParams params; const char *error; } bad_params[] = {
    { "no bytes", { .name = "b", .size = 0 }, "size 0" },
    { "more than can be addressed", { .name = "b", .size = UINT64_MAX }, "exceeds" },
    { "more than the host has", { .name = "b", .size = 1ull << 50 }, "cannot get" },
    { "alignment", { .name = "b", .size = PAGE, .align = 3 * PAGE }, "power of 2" },
    { "huge page size", { .name = "b", .size = PAGE, .hugetlb = true, .hugetlb_size = 12345 }, "power of 2" },
    { "huge page size the host has not", { .name = "b", .size = PAGE, .hugetlb = true, .hugetlb_size = 1ull << 40 },
      "host has no" },
    { "directory that does not exist", { .name = "b", .size = PAGE, .path = "/nonexistent/x/y" }, "/nonexistent/x/y" },
    { "file that does not exist, read-only",
      { .name = "b", .size = PAGE, .path = "/nonexistent", .open_readonly = true }, "/nonexistent" },
    { "offset not at a page", { .name = "b", .size = PAGE, .path = "/tmp", .offset = 5 }, "no multiple" },
};

static void test_bad_params(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad_params); i++) {
        g_autoptr(GError) err = NULL;

        check_true(!ram_block_new(&bad_params[i].params, &err), "%s is refused", bad_params[i].claim);
        check_true(err && strstr(err->message, bad_params[i].error), "%s: '%s'", bad_params[i].claim,
                   err ? err->message : "");
        check_true(!ram_block_find("b"), "%s: nothing is left", bad_params[i].claim);
    }
}

static void test_failing_allocations(void)
{
    int failures = 0;

    for (int nth = 1; nth < 10; nth++) {
        g_autoptr(GError) err = NULL;
        MemoryRegion mr = { 0 };

        ram_block_fail_countdown = nth;
        if (memory_region_init_ram(&mr, NULL, "f.ram", 64 * PAGE, &err)) {
            check_true(failures >= 4, "mapping and three bitmaps can fail; only %d did", failures);
            memory_region_destroy(&mr);
            ram_block_fail_countdown = 0;
            break;
        }
        failures++;
        check_true(err && strstr(err->message, "f.ram"), "failure %d names the block: %s", nth,
                   err ? err->message : "");
        check_true(!mr.name, "a region that failed is untouched");
        check_true(!ram_block_find("f.ram"), "and its name is free");
        memory_region_destroy(&mr);
    }
    check_int(ram_block_fail_countdown, ==, 0, "the countdown ends");
    rcu_barrier();
}

static void test_kinds(void)
{
    g_autofree char *path = g_strdup("/tmp/rhea-ram-XXXXXX");
    int fd = mkstemp(path);
    struct stat st;
    RamBlockParams rows[] = {
        { .name = "anonymous", .size = 3 * PAGE, .reserve = true },
        { .name = "unreserved", .size = 3 * PAGE },
        { .name = "shared", .size = 3 * PAGE, .share = true },
        { .name = "memfd", .size = 3 * PAGE, .memfd = true, .share = true, .seal = true },
        { .name = "prealloc", .size = 64 * PAGE, .prealloc = true, .prealloc_threads = 3, .dump = true, .merge = true },
        { .name = "file", .size = 3 * PAGE, .path = path, .share = true },
        { .name = "private file", .size = 2 * PAGE, .path = path, .offset = PAGE },
        { .name = "read-only file", .size = 3 * PAGE, .path = path, .open_readonly = true, .readonly = true },
        { .name = "private copy", .size = 3 * PAGE, .path = path, .open_readonly = true },
        { .name = "directory", .size = 2 * PAGE, .path = "/tmp", .prealloc = true, .share = true },
        { .name = "aligned", .size = PAGE, .align = 1 << 20 },
    };

    close(fd);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        RamBlock *b = ram_block_new(&rows[i], &err);

        check_true(b, "%s: %s", rows[i].name, err ? err->message : "");
        check_int(b->read_only, ==, rows[i].readonly, "%s", rows[i].name);
        check_int(b->shared, ==, rows[i].share, "%s", rows[i].name);
        check_int(b->fd >= 0, ==, rows[i].share || rows[i].memfd || rows[i].path, "%s has a descriptor", rows[i].name);
        check_true(!((uintptr_t)b->host & (MAX(rows[i].align, PAGE) - 1)), "%s is aligned", rows[i].name);
        if (!b->read_only) {
            memset(b->host, 'A' + i, b->size);
        } else {
            check_int(b->host[0], ==, 'F', "what the shared mapping wrote is in the file");
            check_int(b->host[PAGE], ==, 'F', "what the private one wrote is not");
        }
        ram_block_free(b);
        rcu_barrier();
    }
    check_true(stat(path, &st) == 0 && st.st_size == 3 * PAGE, "the file has grown to the block's size");
    RamBlockParams larger = { .name = "larger", .size = 4 * PAGE, .path = path };
    g_autoptr(GError) err = NULL;
    check_true(!ram_block_new(&larger, &err) && strstr(err->message, path),
               "a file with contents must be large enough: %s",
               err ? err->message : "");
    unlink(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bql_lock();
    memory_thread_register();
    g_test_add_func("/memory/ram/dirty-random", test_dirty_random);
    g_test_add_func("/memory/ram/dirty-by-access", test_dirty_by_access);
    g_test_add_func("/memory/ram/dma-map", test_dma_map);
    g_test_add_func("/memory/ram/dma-outlives-removal", test_dma_outlives_removal);
    g_test_add_func("/memory/ram/names", test_names);
    g_test_add_func("/memory/ram/bad-params", test_bad_params);
    g_test_add_func("/memory/ram/failing-allocations", test_failing_allocations);
    g_test_add_func("/memory/ram/kinds", test_kinds);
    return g_test_run();
}
