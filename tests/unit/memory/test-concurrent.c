/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Readers while the tree changes: each lookup must see one whole view, never a mix, and every pointer it is given must
 * stay valid until it leaves its read section. Tearing: aligned words are seen whole. Run under a sanitizer this finds
 * what is freed too early.
 */
#include "core/thread.h"
#include "memory/memory.h"
#include "tests/check.h"

enum { READERS = 3, CHANGES = 3000, WINDOW = 0x1000 };

static AddressSpace as;
static MemoryRegion root, low, high;
static bool stop;
static uint64_t lookups, mixes, torn;

static uint64_t id_read(void *opaque, uint64_t offset, unsigned size) { return (uintptr_t)opaque; }
static void id_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) { }
static const MemoryOps id_ops = { .read = id_read, .write = id_write, .valid = { 1, 8 }, .impl = { 1, 8 } };

/* The two regions always swap places in one transaction: a reader sees one at each address, or the other way round. */
static void *reader(void *arg)
{
    memory_thread_register();
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        rcu_read_lock();
        MemorySection a = memory_lookup(&as, 0x10), c = memory_lookup(&as, 0x2010);

        if (a.mr != &low && a.mr != &high) {
            __atomic_add_fetch(&mixes, 1, __ATOMIC_RELAXED);
        }
        /* The second lookup may see a later view, but its own must be whole. */
        if (c.mr != &low && c.mr != &high) {
            __atomic_add_fetch(&mixes, 1, __ATOMIC_RELAXED);
        }
        check_true(a.len == WINDOW - 0x10 && a.offset == 0x10, "a whole range");
        rcu_read_unlock();
        uint64_t value = memory_load(&as, 0x10, 8, MEMTXATTRS_NONE, NULL);  /* a device: waits for the big lock */
        check_true(value == 1 || value == 2, "one of the two devices answers");
        __atomic_add_fetch(&lookups, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void test_swap(void)
{
    pthread_t threads[READERS];

    stop = false;
    bql_lock();
    memory_region_init(&root, NULL, "root", 0x10000);
    memory_region_init_io(&low, NULL, &id_ops, (void *)1, "low", WINDOW);
    memory_region_init_io(&high, NULL, &id_ops, (void *)2, "high", WINDOW);
    memory_region_add(&root, 0, &low);
    memory_region_add(&root, 0x2000, &high);
    address_space_init(&as, &root, "concurrent");
    for (int i = 0; i < READERS; i++) {
        threads[i] = thread_start("reader", reader, NULL);
    }
    for (int i = 0; i < CHANGES; i++) {
        memory_transaction_begin();
        memory_region_set_address(&low, i & 1 ? 0 : 0x2000);
        memory_region_set_address(&high, i & 1 ? 0x2000 : 0);
        memory_transaction_commit();
        if (i % 8 == 0) {
            bql_unlock();                       /* the readers' device accesses need it */
            g_usleep(20);
            bql_lock();
        }
    }
    while (__atomic_load_n(&lookups, __ATOMIC_RELAXED) < READERS) {
        bql_unlock();
        g_usleep(100);
        bql_lock();
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    bql_unlock();
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    check_int(mixes, ==, 0, "no lookup saw a half-changed tree");
    check_true(lookups >= READERS, "the readers ran");
    bql_lock();
    address_space_destroy(&as);
    memory_region_destroy(&low);
    memory_region_destroy(&high);
    memory_region_destroy(&root);
    bql_unlock();
}

/* RAM comes and goes while others read and map it. */
static void *ram_reader(void *arg)
{
    uint8_t buf[64];

    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        size_t len = 64;
        memory_read(&as, 0x100, MEMTXATTRS_NONE, buf, sizeof(buf));
        memory_write(&as, 0x200, MEMTXATTRS_NONE, buf, sizeof(buf));
        uint8_t *p = dma_map(&as, 0x300, &len, DMA_FROM_DEVICE);
        if (p) {
            memset(p, 1, len);
            dma_unmap(&as, p, len, DMA_FROM_DEVICE, len);
        }
        __atomic_add_fetch(&lookups, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void test_ram_comes_and_goes(void)
{
    pthread_t threads[READERS];
    MemoryRegion *ram = NULL;

    stop = false;
    lookups = 0;
    bql_lock();
    memory_region_init(&root, NULL, "root", 0x10000);
    address_space_init(&as, &root, "ram");
    for (int i = 0; i < READERS; i++) {
        threads[i] = thread_start("reader", ram_reader, NULL);
    }
    for (int i = 0; i < 400 || __atomic_load_n(&lookups, __ATOMIC_RELAXED) < READERS; i++) {
        g_autofree char *name = g_strdup_printf("go%d", i);
        MemoryRegion *mr = g_new0(MemoryRegion, 1);

        check_true(memory_region_init_ram(mr, NULL, name, 0x2000, NULL), "RAM");
        memory_transaction_begin();
        if (i) {
            memory_region_destroy(ram);
        }
        memory_region_add(&root, 0, mr);
        memory_transaction_commit();
        if (i) {
            /* A region without an owner: the caller waits for the readers, never with the big lock held. */
            bql_unlock();
            synchronize_rcu();
            bql_lock();
            g_free(ram);
        }
        ram = mr;
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    bql_unlock();
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    bql_lock();
    address_space_destroy(&as);
    memory_region_destroy(ram);
    memory_region_destroy(&root);
    bql_unlock();
    rcu_barrier();
    g_free(ram);
}

/* One writes words of equal bytes, others must never read unequal ones. */
static const unsigned word_sizes[] = { 2, 4, 8 };

static void *word_writer(void *arg)
{
    for (unsigned n = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
        for (size_t i = 0; i < G_N_ELEMENTS(word_sizes); i++) {
            uint8_t bytes[8];
            memset(bytes, n, sizeof(bytes));
            memory_write(&as, 0x40 + 8 * i, MEMTXATTRS_NONE, bytes, word_sizes[i]);
        }
    }
    return NULL;
}

static void test_words_are_whole(void)
{
    MemoryRegion ram;
    pthread_t thread;

    stop = false;
    bql_lock();
    memory_region_init(&root, NULL, "root", 0x10000);
    check_true(memory_region_init_ram(&ram, NULL, "words", 0x1000, NULL), "RAM");
    memory_region_add(&root, 0, &ram);
    address_space_init(&as, &root, "words");
    bql_unlock();
    thread = thread_start("writer", word_writer, NULL);
    for (int n = 0; n < 200000; n++) {
        size_t i = n % G_N_ELEMENTS(word_sizes);
        unsigned size = word_sizes[i];
        uint64_t value = 0;

        if (n & 1) {
            memory_read(&as, 0x40 + 8 * i, MEMTXATTRS_NONE, &value, size);
        } else {
            value = memory_load(&as, 0x40 + 8 * i, size, MEMTXATTRS_NONE, NULL);
        }
        for (unsigned k = 1; k < size; k++) {
            torn += (uint8_t)(value >> k * 8) != (uint8_t)value;
        }
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    check_int(torn, ==, 0, "aligned words are read whole");
    bql_lock();
    address_space_destroy(&as);
    memory_region_destroy(&ram);
    memory_region_destroy(&root);
    bql_unlock();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    memory_thread_register();
    g_test_add_func("/memory/concurrent/swap", test_swap);
    g_test_add_func("/memory/concurrent/ram-comes-and-goes", test_ram_comes_and_goes);
    g_test_add_func("/memory/concurrent/words-are-whole", test_words_are_whole);
    return g_test_run();
}
