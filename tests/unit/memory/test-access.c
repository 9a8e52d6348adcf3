/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses: how each size and alignment reaches a device's callbacks (a table of calls), byte order, RAM, ROM, ROM
 * devices, unassigned addresses, borders between them, nesting.
 */
#include "core/thread.h"
#include "memory/memory.h"
#include "tests/check.h"

/* A device that notes every call and reads as its offsets: byte n has the value n. */
static GString *calls;

static uint64_t note_read(void *opaque, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)(uint8_t)(offset + i) << i * 8;
    }
    g_string_append_printf(calls, "%sr%u@%" PRIx64, calls->len ? " " : "", size, offset);
    return value;
}

static void note_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    g_string_append_printf(calls, "%sw%u@%" PRIx64 "=%" PRIx64, calls->len ? " " : "", size, offset, value);
}

typedef struct Limits { unsigned min, max; bool unaligned; } Limits;

static const struct {
    const char *claim;
    Limits valid, impl;
    Endianness endian;
    uint64_t offset; unsigned size;
    const char *reads; uint64_t value;          /* what a load calls and gives */
    const char *writes;                         /* what a store of 0x8877665544332211 calls */
} access_rows[] = {
    { "defaults: a byte stays a byte",           { 0 }, { 0 }, LITTLE_ENDIAN_DEVICE, 3, 1, "r1@3", 0x03, "w1@3=11" },
    { "defaults: a dword stays a dword",         { 0 }, { 0 }, LITTLE_ENDIAN_DEVICE, 4, 4, "r4@4", 0x07060504,
      "w4@4=44332211" },
    { "defaults: a qword is two dwords",         { 0 }, { 0 }, LITTLE_ENDIAN_DEVICE, 8, 8, "r4@8 r4@c",
      0x0f0e0d0c0b0a0908,
      "w4@8=44332211 w4@c=88776655" },
    { "impl up to 8 takes a qword whole",        { 1, 8 }, { 1, 8 }, LITTLE_ENDIAN_DEVICE, 8, 8, "r8@8",
      0x0f0e0d0c0b0a0908,
      "w8@8=8877665544332211" },
    { "impl of bytes only splits a dword",       { 1, 4 }, { 1, 1 }, LITTLE_ENDIAN_DEVICE, 0, 4, "r1@0 r1@1 r1@2 r1@3",
      0x03020100,
      "w1@0=11 w1@1=22 w1@2=33 w1@3=44" },
    { "impl of dwords only widens a byte, in its lane", { 1, 4 }, { 4, 4 }, LITTLE_ENDIAN_DEVICE, 6, 1, "r4@4", 0x06,
      "w4@4=110000" },
    { "impl of dwords only widens a word",       { 1, 4 }, { 4, 4 }, LITTLE_ENDIAN_DEVICE, 2, 2, "r4@0", 0x0302,
      "w4@0=22110000" },
    { "wider than valid: pieces as over a bus",  { 1, 4 }, { 1, 4 }, LITTLE_ENDIAN_DEVICE, 0, 8, "r4@0 r4@4",
      0x0706050403020100,
      "w4@0=44332211 w4@4=88776655" },
    { "valid words: a dword is two words",       { 1, 2 }, { 1, 2 }, LITTLE_ENDIAN_DEVICE, 4, 4, "r2@4 r2@6",
      0x07060504,
      "w2@4=2211 w2@6=4433" },
    { "unaligned where not valid: aligned pieces", { 1, 4 }, { 1, 4 }, LITTLE_ENDIAN_DEVICE, 1, 4, "r1@1 r2@2 r1@4",
      0x04030201,
      "w1@1=11 w2@2=3322 w1@4=44" },
    { "unaligned allowed, callbacks can",        { 1, 4, true }, { 1, 4, true }, LITTLE_ENDIAN_DEVICE, 1, 4, "r4@1",
      0x04030201,
      "w4@1=44332211" },
    { "unaligned allowed, callbacks cannot",     { 1, 4, true }, { 1, 4, false }, LITTLE_ENDIAN_DEVICE, 3, 2,
      "r1@3 r1@4", 0x0403,
      "w1@3=11 w1@4=22" },
    { "unaligned allowed, dword callbacks",      { 1, 4, true }, { 4, 4, false }, LITTLE_ENDIAN_DEVICE, 3, 4,
      "r4@0 r4@4", 0x06050403,
      "w4@0=11000000 w4@4=443322" },
    { "narrower than valid: unassigned",         { 4, 4 }, { 4, 4 }, LITTLE_ENDIAN_DEVICE, 0, 1, "", 0xff, "" },
    { "unaligned, and pieces too narrow",        { 4, 4 }, { 4, 4 }, LITTLE_ENDIAN_DEVICE, 2, 4, "", 0xffffffff, "" },
    { "valid min counts only with a max",        { 4, 0 }, { 1, 4 }, LITTLE_ENDIAN_DEVICE, 1, 1, "r1@1", 0x01,
      "w1@1=11" },
    { "a big-endian register is seen swapped",   { 1, 4 }, { 1, 4 }, BIG_ENDIAN_DEVICE, 0, 4, "r4@0", 0x00010203,
      "w4@0=11223344" },
    { "a big-endian qword in two registers",     { 1, 8 }, { 4, 4 }, BIG_ENDIAN_DEVICE, 0, 8, "r4@0 r4@4",
      0x0405060700010203,
      "w4@0=11223344 w4@4=55667788" },
    { "a big-endian qword register",             { 1, 8 }, { 8, 8 }, BIG_ENDIAN_DEVICE, 0, 8, "r8@0",
      0x0001020304050607,
      "w8@0=1122334455667788" },
};

static void test_access_table(void)
{
    calls = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(access_rows); i++) {
        const typeof(access_rows[0]) *row = &access_rows[i];
        MemoryOps ops = {
            .read = note_read, .write = note_write, .endianness = row->endian,
            .valid = { row->valid.min, row->valid.max, row->valid.unaligned },
            .impl = { row->impl.min, row->impl.max, row->impl.unaligned },
        };
        MemoryRegion mr;
        AddressSpace as;
        MemTxResult result;

        memory_region_init_io(&mr, NULL, &ops, NULL, "noted", 0x100);
        address_space_init(&as, &mr, "access");
        g_string_truncate(calls, 0);
        uint64_t value = memory_load(&as, row->offset, row->size, MEMTXATTRS_NONE, &result);
        check_str(calls->str, row->reads, "%s: load", row->claim);
        check_int(value, ==, row->value, "%s: load", row->claim);
        check_int(result, ==, *row->reads ? MEMTX_OK : MEMTX_DECODE_ERROR, "%s: load", row->claim);
        g_string_truncate(calls, 0);
        memory_store(&as, row->offset, row->size, 0x8877665544332211, MEMTXATTRS_NONE, &result);
        check_str(calls->str, row->writes, "%s: store", row->claim);
        check_int(result, ==, *row->writes ? MEMTX_OK : MEMTX_DECODE_ERROR, "%s: store", row->claim);
        address_space_destroy(&as);
        memory_region_destroy(&mr);
    }
    g_string_free(calls, true);
}

/*
 * Whatever the limits, a device that is an array of bytes behaves like one: each access is done, once, as far as it is
 * answered at all. Callbacks check that they get what `impl` promises.
 */
static uint8_t array[64];
static MemoryOps array_ops;
static uint64_t array_touched;

static uint64_t array_access(uint64_t offset, unsigned size, bool write, uint64_t value)
{
    uint64_t got = 0;

    check_true(offset + size <= sizeof(array), "an access in the region: %u at 0x%" PRIx64, size, offset);
    check_true(size >= array_ops.impl.min && size <= array_ops.impl.max && !(size & (size - 1)), "a size of impl: %u",
               size);
    check_true(array_ops.impl.unaligned || !(offset & (size - 1)), "aligned: %u at 0x%" PRIx64, size, offset);
    for (unsigned i = 0; i < size; i++) {
        unsigned shift = (array_ops.endianness == BIG_ENDIAN_DEVICE ? size - 1 - i : i) * 8;
        got |= (uint64_t)array[offset + i] << shift;
        if (write) {
            array[offset + i] = value >> shift;
        }
        array_touched += write;
    }
    return got;
}

static uint64_t array_read(void *opaque, uint64_t offset, unsigned size)
{
    return array_access(offset, size, false, 0);
}

static void array_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    array_access(offset, size, true, value);
}

static void random_access(GRand *rand, AddressSpace *as, int round)
{
    unsigned size = 1u << g_rand_int_range(rand, 0, 4), offset = g_rand_int_range(rand, 0, sizeof(array) - size + 1);
    uint8_t expected[sizeof(array)];
    uint64_t value = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand), wanted = 0;
    MemTxResult result;

    for (unsigned i = 0; i < sizeof(array); i++) {
        array[i] = g_rand_int(rand);
    }
    memcpy(expected, array, sizeof(array));
    for (unsigned i = 0; i < size; i++) {
        wanted |= (uint64_t)array[offset + i] << i * 8;
    }
    uint64_t got = memory_load(as, offset, size, MEMTXATTRS_NONE, &result);
    check_true(result != MEMTX_OK || got == wanted, "round %d: load of %u at %u", round, size, offset);
    array_touched = 0;
    memory_store(as, offset, size, value, MEMTXATTRS_NONE, &result);
    if (array_ops.impl.min == 1 && result == MEMTX_OK) {        /* wider ones zero their neighbours */
        for (unsigned i = 0; i < size; i++) {
            expected[offset + i] = value >> i * 8;
        }
        check_int(array_touched, ==, size, "round %d: each byte is written once", round);
        check_true(!memcmp(array, expected, sizeof(array)), "round %d: store of %u at %u", round, size, offset);
    }
}

static void test_any_limits(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(21);
    int answered = 0;

    for (int round = 0; round < 3000; round++) {
        unsigned valid_min = 1u << g_rand_int_range(rand, 0, 4), impl_min = 1u << g_rand_int_range(rand, 0, 4);
        unsigned valid_max = valid_min << g_rand_int_range(rand, 0, 4);
        unsigned impl_max = impl_min << g_rand_int_range(rand, 0, 4);
        MemoryRegion mr;
        AddressSpace as;

        array_ops = (MemoryOps){
            .read = array_read, .write = array_write, .endianness = g_rand_int_range(rand, 0, 2),
            .valid = { valid_min, MIN(valid_max, 8), g_rand_boolean(rand) },
            .impl = { impl_min, MIN(impl_max, 8), g_rand_boolean(rand) },
        };
        memory_region_init_io(&mr, NULL, &array_ops, NULL, "array", sizeof(array));
        address_space_init(&as, &mr, "array");
        for (int i = 0; i < 10; i++) {
            random_access(rand, &as, round);
        }
        answered += array_touched > 0;
        address_space_destroy(&as);
        memory_region_destroy(&mr);
    }
    check_true(answered > 1000, "many accesses are answered: %d", answered);
}

/* One space: RAM, hole, MMIO, ROM, ROM device. */
typedef struct World {
    MemoryRegion root, ram, io, rom, romd, narrow;
    AddressSpace as;
} World;

static MemTxResult refuse_read(void *opaque, uint64_t offset, uint64_t *value, unsigned size, MemTxAttrs attrs)
{
    *value = attrs.requester_id;
    return offset == 8 ? MEMTX_ERROR : MEMTX_OK;
}

static MemTxResult refuse_write(void *opaque, uint64_t offset, uint64_t value, unsigned size, MemTxAttrs attrs)
{
    return offset == 8 ? MEMTX_ERROR : MEMTX_OK;
}

static const MemoryOps io_ops = { .read = note_read, .write = note_write, .valid = { 1, 4 }, .impl = { 1, 4 } };
static const MemoryOps fail_ops = { .read_attrs = refuse_read, .write_attrs = refuse_write, .valid = { 1, 4 } };

enum { RAM_AT = 0, HOLE_AT = 0x2000, IO_AT = 0x3000, ROM_AT = 0x3010, ROMD_AT = 0x5000, FAIL_AT = 0x6000 };

static void world_make(World *w)
{
    uint8_t *p;

    calls = g_string_new(NULL);
    memory_region_init(&w->root, NULL, "world", REGION_SIZE_MAX);
    check_true(memory_region_init_ram(&w->ram, NULL, "w.ram", 0x2000, NULL), "RAM");
    memory_region_init_io(&w->io, NULL, &io_ops, NULL, "io", 0x10);
    check_true(memory_region_init_rom(&w->rom, NULL, "w.rom", 0x1000, NULL), "ROM");
    check_true(memory_region_init_rom_device(&w->romd, NULL, &io_ops, NULL, "w.romd", 0x1000, NULL), "ROM device");
    memory_region_init_io(&w->narrow, NULL, &fail_ops, NULL, "fail", 0x10);
    memory_transaction_begin();
    memory_region_add(&w->root, RAM_AT, &w->ram);
    memory_region_add(&w->root, IO_AT, &w->io);
    memory_region_add(&w->root, ROM_AT, &w->rom);
    memory_region_add(&w->root, ROMD_AT, &w->romd);
    memory_region_add(&w->root, FAIL_AT, &w->narrow);
    memory_transaction_commit();
    address_space_init(&w->as, &w->root, "world");
    p = memory_region_ram_ptr(&w->ram);
    for (int i = 0; i < 0x2000; i++) {
        p[i] = i * 7;
    }
    memset(memory_region_ram_ptr(&w->rom), 0xab, 0x1000);
    memset(memory_region_ram_ptr(&w->romd), 0xcd, 0x1000);
}

static void world_destroy(World *w)
{
    MemoryRegion *all[] = { &w->narrow, &w->romd, &w->rom, &w->io, &w->ram, &w->root };

    address_space_destroy(&w->as);
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        memory_region_destroy(all[i]);
    }
    g_string_free(calls, true);
}

static void test_borders(void)
{
    World w;
    uint8_t buf[64];

    world_make(&w);
    check_int(memory_read(&w.as, 0x1ffe, MEMTXATTRS_NONE, buf, 4), ==, MEMTX_DECODE_ERROR, "RAM into a hole");
    check_int(buf[1], ==, (uint8_t)(0x1fff * 7), "the RAM part is read");
    check_int(buf[2] & buf[3], ==, 0xff, "the hole reads as ones");
    check_int(memory_load(&w.as, 0x1ffe, 4, MEMTXATTRS_NONE, NULL), ==,
              0xffff0000u | (uint8_t)(0x1fff * 7) << 8 | (uint8_t)(0x1ffe * 7), "a load over the border");

    check_int(memory_read(&w.as, 0x2ffe, MEMTXATTRS_NONE, buf, 8), ==, MEMTX_DECODE_ERROR, "hole into MMIO");
    check_str(calls->str, "r4@0 r2@4", "MMIO after a hole is read in its widest aligned pieces");
    check_int(buf[2], ==, 0, "first register byte");
    check_int(buf[7], ==, 5, "last register byte");

    g_string_truncate(calls, 0);
    check_int(memory_read(&w.as, IO_AT + 0xd, MEMTXATTRS_NONE, buf, 6), ==, MEMTX_OK, "MMIO into ROM");
    check_str(calls->str, "r1@d r2@e", "only the device's bytes call it");
    check_int(buf[3], ==, 0xab, "then ROM");

    g_string_truncate(calls, 0);
    memset(buf, 0x11, sizeof(buf));
    check_int(memory_write(&w.as, IO_AT + 0xe, MEMTXATTRS_NONE, buf, 6), ==, MEMTX_OK, "MMIO into ROM, writing");
    check_str(calls->str, "w2@e=1111", "the device is written");
    check_int(*(uint8_t *)memory_region_ram_ptr(&w.rom), ==, 0xab, "ROM is not");
    check_int(memory_write_rom(&w.as, ROM_AT, buf, 2), ==, MEMTX_OK, "a loader writes ROM");
    check_int(*(uint8_t *)memory_region_ram_ptr(&w.rom), ==, 0x11, "a loader writes ROM");

    check_int(memory_write(&w.as, HOLE_AT, MEMTXATTRS_NONE, buf, 16), ==, MEMTX_DECODE_ERROR,
              "writes to a hole vanish");
    check_int(memory_read(&w.as, UINT64_MAX - 3, MEMTXATTRS_NONE, buf, 8), ==, MEMTX_DECODE_ERROR,
              "around the top of the space");
    check_int(buf[4], ==, 0, "and on at 0, where RAM is");
    check_int(memory_read(&w.as, 0, MEMTXATTRS_NONE, buf, 0), ==, MEMTX_OK, "no bytes at all");
    world_destroy(&w);
}

static void test_rom_device(void)
{
    World w;

    world_make(&w);
    check_int(memory_load(&w.as, ROMD_AT + 4, 4, MEMTXATTRS_NONE, NULL), ==, 0xcdcdcdcd, "romd mode reads memory");
    memory_store(&w.as, ROMD_AT + 4, 2, 0x1234, MEMTXATTRS_NONE, NULL);
    check_str(calls->str, "w2@4=1234", "writes go to the device");
    check_int(memory_load(&w.as, ROMD_AT + 4, 4, MEMTXATTRS_NONE, NULL), ==, 0xcdcdcdcd, "and not to memory");
    g_string_truncate(calls, 0);
    memory_region_set_romd(&w.romd, false);
    check_int(memory_load(&w.as, ROMD_AT + 4, 4, MEMTXATTRS_NONE, NULL), ==, 0x07060504,
              "outside of romd mode reads call it");
    check_str(calls->str, "r4@4", "outside of romd mode reads call it");
    rcu_read_lock();
    MemorySection s = memory_lookup(&w.as, ROMD_AT);
    check_true(!memory_section_ram(&s), "no pointer outside of romd mode");
    rcu_read_unlock();
    memory_region_set_romd(&w.romd, true);
    rcu_read_lock();
    s = memory_lookup(&w.as, ROMD_AT + 8);
    check_true(memory_section_ram(&s) == (uint8_t *)memory_region_ram_ptr(&w.romd) + 8 && s.read_only,
               "a pointer, to read");
    rcu_read_unlock();
    world_destroy(&w);
}

static void test_results(void)
{
    World w;
    MemTxResult result;
    MemTxAttrs attrs = { .requester_id = 0x1234 };

    world_make(&w);
    check_int(memory_load(&w.as, FAIL_AT, 2, attrs, &result), ==, 0x1234, "attributes reach the callback");
    check_int(result, ==, MEMTX_OK, "success");
    memory_load(&w.as, FAIL_AT + 8, 4, attrs, &result);
    check_int(result, ==, MEMTX_ERROR, "a callback's error comes back");
    memory_load(&w.as, FAIL_AT + 4, 8, attrs, &result);
    check_int(result, ==, MEMTX_ERROR, "also from the second half of an access");
    memory_store(&w.as, FAIL_AT + 8, 4, 0, attrs, &result);
    check_int(result, ==, MEMTX_ERROR, "and from a write");
    world_destroy(&w);
}

/* RAM copies of every length and alignment, against plain memory. */
static void test_ram_copies(void)
{
    World w;
    uint8_t *ram;
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    g_autofree uint8_t *shadow = g_malloc(0x2000), *buf = g_malloc(0x1000);

    world_make(&w);
    ram = memory_region_ram_ptr(&w.ram);
    memcpy(shadow, ram, 0x2000);
    for (int i = 0; i < 3000; i++) {
        unsigned len = g_rand_int_range(rand, 0, i % 3 ? 40 : 0x1000), at = g_rand_int_range(rand, 0, 0x2000 - len);

        if (g_rand_boolean(rand)) {
            for (unsigned k = 0; k < len; k++) {
                buf[k] = g_rand_int(rand);
            }
            memory_write(&w.as, at, MEMTXATTRS_NONE, buf, len);
            memcpy(shadow + at, buf, len);
            check_true(!memcmp(ram, shadow, 0x2000), "write of %u at 0x%x", len, at);
        } else {
            memory_read(&w.as, at, MEMTXATTRS_NONE, buf, len);
            check_true(!memcmp(buf, shadow + at, len), "read of %u at 0x%x", len, at);
        }
    }
    world_destroy(&w);
}

/* A device whose register writes to itself through memory. */
static AddressSpace *nest_as;
static int nest_depth;

static void nest_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    MemTxResult result;

    nest_depth++;
    memory_store(nest_as, offset, 4, value, MEMTXATTRS_NONE, &result);
    if (nest_depth < 100) {
        check_int(result == MEMTX_ERROR || result == MEMTX_OK, ==, true, "refused or done");
    }
}

static void test_nesting_ends(void)
{
    static const MemoryOps ops = { .write = nest_write, .valid = { 1, 4 } };
    MemoryRegion mr;
    AddressSpace as;

    nest_depth = 0;
    memory_region_init_io(&mr, NULL, &ops, NULL, "nest", 16);
    address_space_init(&as, &mr, "nest");
    nest_as = &as;
    memory_store(&as, 0, 4, 1, MEMTXATTRS_NONE, NULL);
    check_true(nest_depth >= 2 && nest_depth <= 16, "a device that writes to itself nests %d deep", nest_depth);
    check_int(memory_load(&as, 0, 4, MEMTXATTRS_NONE, NULL), ==, 0xffffffff,
              "and answers again afterwards (it has no read)");
    address_space_destroy(&as);
    memory_region_destroy(&mr);
}

/* A vCPU may hold a region that is unplugged while it waits for the lock. */
static void test_destroyed_region(void)
{
    MemoryRegion mr;
    uint64_t value;

    calls = g_string_new(NULL);
    memory_region_init_io(&mr, NULL, &io_ops, NULL, "gone", 16);
    memory_region_destroy(&mr);
    check_int(memory_region_load(&mr, 0, 2, &value, MEMTXATTRS_NONE), ==, MEMTX_DECODE_ERROR,
              "a destroyed region is unassigned");
    check_int(value, ==, 0xffff, "reads as ones");
    check_int(memory_region_store(&mr, 0, 4, 0, MEMTXATTRS_NONE), ==, MEMTX_DECODE_ERROR, "swallows writes");
    check_str(calls->str, "", "its callbacks are not called");
    g_string_free(calls, true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bql_lock();
    memory_thread_register();
    g_test_add_func("/memory/access/table", test_access_table);
    g_test_add_func("/memory/access/any-limits", test_any_limits);
    g_test_add_func("/memory/access/borders", test_borders);
    g_test_add_func("/memory/access/rom-device", test_rom_device);
    g_test_add_func("/memory/access/results", test_results);
    g_test_add_func("/memory/access/ram-copies", test_ram_copies);
    g_test_add_func("/memory/access/nesting-ends", test_nesting_ends);
    g_test_add_func("/memory/access/destroyed-region", test_destroyed_region);
    return g_test_run();
}
