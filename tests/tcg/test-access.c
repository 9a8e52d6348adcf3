/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data accesses: over page ends, against segment limits and types, alignment checks, read-modify-write, device memory.
 */
#include "core/thread.h"
#include "tests/check.h"
#include "tests/tcg/bare.h"

enum { P = 1, RW = 2, US = 4 };

/* Over a page end: both halves, and which fault when one of them is missing. */

static int run_at(CpuX86 *cpu, const uint8_t *code, size_t len)
{
    bare_code(BARE_CODE, code, len);
    BARE_CODE_AT(BARE_CODE + len, 0xf4);
    cpu->rip = BARE_CODE;
    cpu->regs[R_RSP] = BARE_STACK;
    cpu_tlb_flush(cpu, true);
    return bare_run(cpu);
}
#define RUN(cpu, ...) run_at(cpu, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void test_page_crossing(void)
{
    CpuX86 *cpu = bare.cpu[0];
    uint64_t first = 0x700000, second = 0x701000, value = 0x1122334455667788;

    for (unsigned before = 1; before < 8; before++) {
        bare_reset(cpu, BARE_LONG);
        bare_map(first, 0x500000, P | RW | US);
        bare_map(second, 0x600000, P | RW | US);
        cpu->regs[R_RBX] = second - before;
        cpu->regs[R_RAX] = value;
        check_int(RUN(cpu, 0x48, 0x89, 0x03), ==, VECTOR_NONE, "store");
        check_int(memcmp(bare_at(0x501000 - before), &value, before), ==, 0, "%u bytes in the first page", before);
        check_int(memcmp(bare_at(0x600000), (uint8_t *)&value + before, 8 - before), ==, 0, "the rest in the second");
        cpu->regs[R_RAX] = 0;
        check_int(RUN(cpu, 0x48, 0x8b, 0x03), ==, VECTOR_NONE, "load");
        check_int(cpu->regs[R_RAX], ==, value, "reads back over the page end, %u before it", before);
        check_int(RUN(cpu, 0x48, 0xff, 0x03), ==, VECTOR_NONE, "inc");
        check_int(RUN(cpu, 0xf0, 0x48, 0xff, 0x03), ==, VECTOR_NONE, "lock inc");
        check_int(RUN(cpu, 0x48, 0x8b, 0x03), ==, VECTOR_NONE, "load");
        check_int(cpu->regs[R_RAX], ==, value + 2, "INC and LOCK INC over the page end");

        bare_map(second, 0, 0);
        cpu->regs[R_RAX] = ~0ull;
        check_int(RUN(cpu, 0x48, 0x89, 0x03), ==, VECTOR_PF, "the second page is missing");
        check_int(cpu->cr2, ==, second, "CR2 is the second page");
        check_int(bare.trap.error, ==, PF_WRITE, "not present, write");
        check_int(*bare_at(0x501000 - before), ==, (uint8_t)(value + 2), "no byte was stored");
        bare_map(first, 0, 0);
        check_int(RUN(cpu, 0x48, 0x8b, 0x03), ==, VECTOR_PF, "both are missing");
        check_int(cpu->cr2, ==, second - before, "CR2 is the address itself");
        bare_map(first, 0x500000, P | RW);
        bare_map(second, 0x600000, P);
        check_int(RUN(cpu, 0x48, 0xff, 0x03), ==, VECTOR_PF, "the second page is read-only");
        check_int(bare.trap.error, ==, PF_PRESENT | PF_WRITE, "a read-modify-write is a write fault");
        check_int(cpu->cr2, ==, second, "on the second page");
    }
}

static void test_rmw_fault(void)
{
    static const struct { const char *claim; uint8_t code[5], len; } rows[] = {
        { "ADD [rbx], eax", { 0x01, 0x03 }, 2 },          { "LOCK ADD [rbx], eax", { 0xf0, 0x01, 0x03 }, 3 },
        { "XCHG [rbx], eax", { 0x87, 0x03 }, 2 },         { "NOT [rbx]", { 0xf7, 0x13 }, 2 },
        { "SHL [rbx], 1", { 0xd1, 0x23 }, 2 },            { "BTS [rbx], eax", { 0x0f, 0xab, 0x03 }, 3 },
        { "XADD [rbx], eax", { 0x0f, 0xc1, 0x03 }, 3 },   { "CMPXCHG [rbx], ecx that fails", { 0x0f, 0xb1, 0x0b }, 3 },
        { "CMPXCHG8B [rbx] that fails", { 0x0f, 0xc7, 0x0b }, 3 },
    };
    CpuX86 *cpu = bare.cpu[0];

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        bare_reset(cpu, BARE_LONG);
        bare_map(0x700000, 0x500000, P);
        bare_st64(0x500000, 77);
        cpu->regs[R_RBX] = 0x700000;
        cpu->regs[R_RAX] = 5;
        uint64_t flags = cpu_get_rflags(cpu);
        check_int(run_at(cpu, rows[i].code, rows[i].len), ==, VECTOR_PF, "%s to a read-only page", rows[i].claim);
        check_int(bare.trap.error, ==, PF_PRESENT | PF_WRITE, "%s: a write fault", rows[i].claim);
        check_int(cpu->regs[R_RAX], ==, 5, "%s: registers as before", rows[i].claim);
        check_int((bare.trap.rflags ^ flags) & RFLAGS_ARITH, ==, 0, "%s: flags as before", rows[i].claim);
        check_int(bare_ld64(0x500000), ==, 77, "%s: memory as before", rows[i].claim);
    }
}

/* Segments: descriptor 0x70 is loaded into FS directly; the access is through FS at rbx. */

typedef struct SegmentCase {
    const char *claim;
    uint32_t base, limit;
    uint16_t attr;
    uint32_t offset;
    unsigned bytes;                             /* 1, 2, 4 */
    bool write;
    int vector;
} SegmentCase;
enum { DATA = 0x93, DATA_RO = 0x91, DATA_DOWN = 0x97, CODE = 0x9b, CODE_XO = 0x99 };

static const SegmentCase segment_cases[] = {
    { "the last byte of the limit", 0x40000, 0xff, DATA, 0xff, 1, false, VECTOR_NONE },
    { "one byte beyond the limit", 0x40000, 0xff, DATA, 0x100, 1, false, VECTOR_GP },
    { "a word that ends at the limit", 0x40000, 0xff, DATA, 0xfe, 2, true, VECTOR_NONE },
    { "a word that ends beyond", 0x40000, 0xff, DATA, 0xff, 2, true, VECTOR_GP },
    { "a dword that ends beyond by one", 0x40000, 0xff, DATA, 0xfd, 4, false, VECTOR_GP },
    { "an offset near 4 GiB wraps nowhere", 0x40000, 0xff, DATA, 0xffffffff, 1, false, VECTOR_GP },
    { "a write to read-only data", 0x40000, 0xff, DATA_RO, 0, 1, true, VECTOR_GP },
    { "a read of read-only data", 0x40000, 0xff, DATA_RO, 0, 1, false, VECTOR_NONE },
    { "a read of readable code", 0x40000, 0xff, CODE, 0, 1, false, VECTOR_NONE },
    { "a write to code", 0x40000, 0xff, CODE, 0, 1, true, VECTOR_GP },
    { "a read of execute-only code", 0x40000, 0xff, CODE_XO, 0, 1, false, VECTOR_GP },
    { "expand-down: at the limit", 0x30000, 0xffff, DATA_DOWN | SEG_DB, 0xffff, 1, false, VECTOR_GP },
    { "expand-down: above the limit", 0x30000, 0xffff, DATA_DOWN | SEG_DB, 0x10000, 1, false, VECTOR_NONE },
    { "expand-down, 16 bits: above the limit", 0x40000, 0xff, DATA_DOWN, 0x100, 4, true, VECTOR_NONE },
    { "expand-down, 16 bits: up to 64 KiB", 0x40000, 0xff, DATA_DOWN, 0xffff, 1, true, VECTOR_NONE },
    { "expand-down, 16 bits: beyond 64 KiB", 0x40000, 0xff, DATA_DOWN, 0xffff, 2, true, VECTOR_GP },
    { "a null selector", 0, 0, 0, 0, 1, false, VECTOR_GP },
    { "base plus offset wraps at 4 GiB", 0xfffff000, UINT32_MAX, DATA | SEG_DB | SEG_G, 0x41000, 4, true, VECTOR_NONE },
};

static void test_segments(void)
{
    CpuX86 *cpu = bare.cpu[0];

    for (size_t i = 0; i < G_N_ELEMENTS(segment_cases); i++) {
        const SegmentCase *c = &segment_cases[i];
        for (int seg = R_FS; seg <= R_GS; seg++) {
            uint8_t code[8], *p = code;
            bare_reset(cpu, BARE_PROT32);
            cpu->seg[seg] =
                (SegmentCache){ .selector = c->attr ? 0x70 : 0, .base = c->base, .limit = c->limit, .attr = c->attr };
            cpu_update_mode(cpu);
            cpu->regs[R_RBX] = c->offset;
            *p++ = seg == R_FS ? 0x64 : 0x65;
            if (c->bytes == 2) {
                *p++ = 0x66;
            }
            *p++ = (c->write ? 0x88 : 0x8a) + (c->bytes > 1);
            *p++ = 0x03;
            int v = run_at(cpu, code, p - code);
            check_int(v, ==, c->vector, "%s", c->claim);
            if (v == VECTOR_GP) {
                check_int(bare.trap.error, ==, 0, "%s: error code", c->claim);
            }
        }
    }
}

static void test_stack_segment(void)
{
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_PROT32);
    cpu->seg[R_SS].limit = 0x6fff;
    cpu_update_mode(cpu);
    cpu->regs[R_RBP] = 0x7000;
    check_int(RUN(cpu, 0x8b, 0x45, 0x00), ==, VECTOR_SS, "[ebp] beyond SS's limit is #SS");
    check_int(bare.trap.error, ==, 0, "with error code 0");
    bare_reset(cpu, BARE_LONG);
    cpu->regs[R_RBP] = 0x1234ull << 48;
    check_int(RUN(cpu, 0x8b, 0x45, 0x00), ==, VECTOR_SS, "a non-canonical [rbp] is #SS");
    bare_reset(cpu, BARE_LONG);
    cpu->regs[R_RBX] = 0x1234ull << 48;
    check_int(RUN(cpu, 0x8b, 0x03), ==, VECTOR_GP, "a non-canonical [rbx] is #GP");
    cpu->regs[R_RBX] = 0x7ffffffffffd;
    check_int(RUN(cpu, 0x8b, 0x03), ==, VECTOR_GP, "also if only its end is non-canonical");
    bare_reset(cpu, BARE_LONG5);
    cpu->regs[R_RBX] = 0x34ull << 44;
    check_int(RUN(cpu, 0x8b, 0x03), ==, VECTOR_PF, "57 bits are canonical with 5 levels");
}

static void test_real_mode(void)
{
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_REAL);
    cpu->regs[R_RBX] = 0xffff;
    check_int(RUN(cpu, 0x8b, 0x07), ==, VECTOR_GP, "a word at FFFF crosses the 64 KiB limit");
    bare_reset(cpu, BARE_REAL);
    cpu->regs[R_RBX] = 0xffff;
    cpu->regs[R_RSI] = 5;
    BARE_CODE_AT(4, 0x5a);
    check_int(RUN(cpu, 0x8a, 0x00), ==, VECTOR_NONE, "[bx+si] wraps at 64 KiB");
    check_int(cpu->regs[R_RAX] & 0xff, ==, 0x5a, "to the low address");
    bare_reset(cpu, BARE_REAL);
    cpu->seg[R_DS] = (SegmentCache){ .selector = 0xffff, .base = 0xffff0, .limit = 0xffff, .attr = DATA };
    cpu_update_mode(cpu);
    BARE_CODE_AT(0x100010, 0x77);
    BARE_CODE_AT(0x10, 0x11);
    cpu->regs[R_RBX] = 0x20;
    check_int(RUN(cpu, 0x8a, 0x07), ==, VECTOR_NONE, "runs");
    check_int(cpu->regs[R_RAX] & 0xff, ==, 0x77, "FFFF:0020 is above 1 MiB with A20 open");
    cpu->a20_masked = true;
    check_int(RUN(cpu, 0x8a, 0x07), ==, VECTOR_NONE, "runs");
    check_int(cpu->regs[R_RAX] & 0xff, ==, 0x11, "and wraps to 10h with A20 masked");
    cpu->a20_masked = false;
}

static void test_alignment(void)
{
    static const struct { const char *claim; bool am, ac, user; unsigned odd; int vector; } rows[] = {
        { "CR0.AM and AC at CPL 3: odd address is #AC", true, true, true, 1, VECTOR_AC },
        { "an aligned one is not", true, true, true, 0, VECTOR_GP },
        { "not without AC", true, false, true, 1, VECTOR_GP },
        { "not without AM", false, true, true, 1, VECTOR_GP },
        { "not at CPL 0", true, true, false, 1, VECTOR_NONE },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        CpuX86 *cpu = bare.cpu[0];
        bare_reset(cpu, BARE_LONG);
        cpu->cr0 |= rows[i].am ? CR0_AM : 0;
        if (rows[i].user) {
            bare_user(cpu, 0);
        }
        cpu_set_rflags(cpu, cpu_get_rflags(cpu) | (rows[i].ac ? RFLAGS_AC : 0));
        cpu_update_mode(cpu);
        cpu->regs[R_RBX] = BARE_DATA + rows[i].odd;
        check_int(RUN(cpu, 0x8b, 0x03), ==, rows[i].vector, "%s", rows[i].claim);
    }
}

/* A device that remembers its last access. */
static struct { uint64_t offset, value; unsigned size, writes; } seen;
static uint64_t dev_read(void *opaque, uint64_t offset, unsigned size)
{
    seen.offset = offset;
    seen.size = size;
    return 0x8877665544332211ull >> 8 * offset;
}
static void dev_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    seen.offset = offset;
    seen.size = size;
    seen.value = value;
    seen.writes++;
}
static const MemoryOps dev_ops = {
    .read = dev_read, .write = dev_write, .valid = { 1, 8 }, .impl = { 1, 8 },
};

static void test_device(void)
{
    static MemoryRegion region;
    CpuX86 *cpu = bare.cpu[0];

    bql_lock();
    memory_region_init_io(&region, NULL, &dev_ops, NULL, "device", 0x1000);
    bare_reset(cpu, BARE_PROT32);
    memory_region_add(system_memory(), 0x80000000, &region);
    bql_unlock();
    cpu->regs[R_RBX] = 0x80000000;
    check_int(RUN(cpu, 0x8b, 0x43, 0x00), ==, VECTOR_NONE, "runs");
    check_int((uint32_t)cpu->regs[R_RAX], ==, 0x44332211, "a load reaches the device");
    cpu->regs[R_RAX] = 0xabcdef01;
    check_int(RUN(cpu, 0x66, 0x89, 0x43, 0x02), ==, VECTOR_NONE, "runs");
    check_int(seen.offset, ==, 2, "a store: offset");
    check_int(seen.size, ==, 2, "its size");
    check_int(seen.value, ==, 0xef01, "its value");
    seen.writes = 0;
    check_int(RUN(cpu, 0xf0, 0xff, 0x43, 0x00), ==, VECTOR_NONE, "LOCK INC of a device register runs");
    check_int(seen.writes, ==, 1, "and writes once");
    check_int((uint32_t)seen.value, ==, 0x44332212, "what it read plus one");

    /* The device goes away while its page is cached: the change is seen at once. */
    bql_lock();
    memory_region_del(system_memory(), &region);
    bql_unlock();
    BARE_CODE_AT(BARE_CODE, 0x8b, 0x43, 0x00, 0xf4);
    cpu->rip = BARE_CODE;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int((uint32_t)cpu->regs[R_RAX], ==, UINT32_MAX, "nothing answers any more");
}

/* RAM that appears at an address, then other RAM there. */
static void test_remapped_ram(void)
{
    static MemoryRegion a, b;
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_PROT32);
    bql_lock();
    memory_region_init_ram(&a, NULL, "ram a", 0x1000, NULL);
    memory_region_init_ram(&b, NULL, "ram b", 0x1000, NULL);
    memset(memory_region_ram_ptr(&a), 0xaa, 0x1000);
    memset(memory_region_ram_ptr(&b), 0xbb, 0x1000);
    memory_region_add(system_memory(), 0x90000000, &a);
    bql_unlock();
    BARE_CODE_AT(BARE_CODE, 0x8b, 0x03, 0xf4);
    cpu->regs[R_RBX] = 0x90000000;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int((uint32_t)cpu->regs[R_RAX], ==, 0xaaaaaaaa, "the first RAM");
    bql_lock();
    memory_transaction_begin();
    memory_region_del(system_memory(), &a);
    memory_region_add(system_memory(), 0x90000000, &b);
    memory_transaction_commit();
    bql_unlock();
    cpu->rip = BARE_CODE;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int((uint32_t)cpu->regs[R_RAX], ==, 0xbbbbbbbb,
              "other RAM at the same address is seen without a guest flush");
    bql_lock();
    memory_region_set_readonly(&b, true);
    bql_unlock();
    BARE_CODE_AT(BARE_CODE, 0xff, 0x03, 0x8b, 0x03, 0xf4);
    cpu->rip = BARE_CODE;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int((uint32_t)cpu->regs[R_RAX], ==, 0xbbbbbbbb, "a store to what became ROM vanishes");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_start(1);
    g_test_add_func("/access/page-crossing", test_page_crossing);
    g_test_add_func("/access/rmw-fault", test_rmw_fault);
    g_test_add_func("/access/segments", test_segments);
    g_test_add_func("/access/stack-segment", test_stack_segment);
    g_test_add_func("/access/real-mode", test_real_mode);
    g_test_add_func("/access/alignment", test_alignment);
    g_test_add_func("/access/device", test_device);
    g_test_add_func("/access/remapped-ram", test_remapped_ram);
    return g_test_run();
}
