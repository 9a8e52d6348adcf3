/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locked operations on four vCPUs at once: sums must be exact, wherever the operand lies (plain RAM, over a cache line,
 * over a page end, in a page with code, in device memory).
 */
#include "core/thread.h"
#include "tests/check.h"
#include "tests/tcg/bare.h"

#define CPUS 4
#define ROUNDS 20000

/* rbx: operand; ecx: rounds; r12: a second register operand. The body is repeated ecx times. */
typedef struct Case {
    const char *claim;
    uint8_t body[24], len;
    int64_t step;                               /* what each round adds to the operand */
    unsigned bytes;
    uint64_t start;
} Case;
static const Case cases[] = {
    { "LOCK INC dword", { 0xf0, 0xff, 0x03 }, 3, 1, 4 },
    { "LOCK DEC qword", { 0xf0, 0x48, 0xff, 0x0b }, 4, -1, 8 },
    { "LOCK ADD qword, imm8", { 0xf0, 0x48, 0x83, 0x03, 3 }, 5, 3, 8 },
    { "LOCK SUB word", { 0x66, 0xf0, 0x83, 0x2b, 1 }, 5, -1, 2 },
    { "LOCK XADD dword", { 0xb8, 2, 0, 0, 0, 0xf0, 0x0f, 0xc1, 0x03 }, 9, 2, 4 },
    { "LOCK ADC byte with carry set", { 0xf9, 0xf0, 0x80, 0x13, 0 }, 5, 1, 1 },
    { "LOCK NEG then LOCK NEG keep parity of runs", { 0xf0, 0xf7, 0x1b, 0xf0, 0xf7, 0x1b }, 6, 0, 4, 5 },
    { "LOCK BTC twice", { 0xf0, 0x0f, 0xba, 0x3b, 3, 0xf0, 0x0f, 0xba, 0x3b, 3 }, 10, 0, 4 },
    /* 1: mov eax, [rbx]; lea edx, [rax+1]; lock cmpxchg [rbx], edx; jne 1b */
    { "LOCK CMPXCHG loop", { 0x8b, 0x03, 0x8d, 0x50, 0x01, 0xf0, 0x0f, 0xb1, 0x13, 0x75, 0xf5 }, 11, 1, 4 },
};

static const struct { const char *where; uint64_t offset; } places[] = {
    { "in plain RAM", 0x100 }, { "over a cache line", 0x13d }, { "over a page end", 0xffd }, { "beside code", 0x2040 },
};

static void start_cpus(const uint8_t *body, unsigned len, uint64_t operand)
{
    uint8_t code[64];

    memcpy(code, body, len);
    memcpy(code + len, (const uint8_t[]){ 0xff, 0xc9, 0x0f, 0x85 }, 4);    /* dec ecx; jnz back */
    int32_t back = -(int)(len + 8);
    memcpy(code + len + 4, &back, 4);
    code[len + 8] = 0xf4;
    bare_reset(bare.cpu[0], BARE_LONG);
    bare_code(BARE_CODE, code, len + 9);
    /* Code that lives in the operand's page and runs, so that writes to it are slow. */
    BARE_CODE_AT(BARE_DATA + 0x2800, 0xc3);
    for (int n = 0; n < CPUS; n++) {
        CpuX86 *cpu = bare.cpu[n];
        if (n) {
            bare_enter(cpu);
        }
        cpu->regs[R_RSP] = 0x7000 - n * 0x400;
        cpu->regs[R_RBX] = operand;
        cpu->regs[R_RCX] = ROUNDS;
    }
}

static void test_sums(void)
{
    int vectors[4];

    for (size_t p = 0; p < G_N_ELEMENTS(places); p++) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
            const Case *c = &cases[i];
            uint64_t operand = BARE_DATA + places[p].offset, value = 0,
                     mask = c->bytes == 8 ? ~0ull : (1ull << 8 * c->bytes) - 1;
            bool exclusive = places[p].offset == 0xffd && c->bytes > 2;
            if (exclusive && i > 2) {
                continue;                       /* each such operation stops all vCPUs: three kinds will do */
            }
            /* Over a line, hardware locks the bus: a host that watches for that may take 0.1 ms for each. */
            bool slow = exclusive || operand % 64 + c->bytes > 64;
            const unsigned rounds = slow ? ROUNDS / 20 : ROUNDS;
            start_cpus(c->body, c->len, operand);
            for (int n = 0; n < CPUS; n++) {
                bare.cpu[n]->regs[R_RCX] = rounds;
            }
            bare_st64(operand, 0);
            bare_code(operand, &c->start, c->bytes);
            bare_run_all(CPUS, vectors);
            for (int n = 0; n < CPUS; n++) {
                check_int(vectors[n], ==, VECTOR_NONE, "%s %s: vCPU %d halts", c->claim, places[p].where, n);
            }
            memcpy(&value, bare_at(operand), c->bytes);
            uint64_t wanted = c->start + c->step * CPUS * rounds;
            check_int(value, ==, wanted & mask, "%s %s", c->claim, places[p].where);
        }
    }
}

static void test_spin_lock(void)
{
    /* 1: mov eax, 1; 2: xchg [rbx], eax; test eax, eax; jnz 1b(pause); inc qword [rbx+64]; mov dword [rbx], 0 */
    static const uint8_t body[] = {
        0xb8, 1, 0, 0, 0, 0x87, 0x03, 0x85, 0xc0, 0x74, 0x04, 0xf3, 0x90, 0xeb, 0xf1,
        0x48, 0xff, 0x43, 0x40, 0xc7, 0x03, 0, 0, 0, 0,
    };
    int vectors[4];

    start_cpus(body, sizeof body, BARE_DATA);
    bare_st64(BARE_DATA, 0);
    bare_st64(BARE_DATA + 64, 0);
    bare_run_all(CPUS, vectors);
    check_int(bare_ld64(BARE_DATA + 64), ==, CPUS * ROUNDS,
              "XCHG is a lock without a prefix; stores are seen in order");
}

static void test_cmpxchg16b(void)
{
    /* rsi: operand, ebp: rounds */
    static const uint8_t body[] = {
        0x48, 0x8b, 0x06, 0x48, 0x8b, 0x56, 0x08,                   /* mov rax, [rsi]; mov rdx, [rsi+8] */
        0x48, 0x8d, 0x58, 0x01, 0x48, 0x8d, 0x4a, 0xff,             /* lea rbx, [rax+1]; lea rcx, [rdx-1] */
        0xf0, 0x48, 0x0f, 0xc7, 0x0e, 0x75, 0xf1,                   /* lock cmpxchg16b [rsi]; jne to the leas */
        0xff, 0xcd, 0x75, 0xe6, 0xf4,                               /* dec ebp; jnz; hlt */
    };
    int vectors[4];

    bare_reset(bare.cpu[0], BARE_LONG);
    bare_code(BARE_CODE, body, sizeof body);
    bare_st64(BARE_DATA, 0);
    bare_st64(BARE_DATA + 8, 0);
    for (int n = 0; n < CPUS; n++) {
        if (n) {
            bare_enter(bare.cpu[n]);
        }
        bare.cpu[n]->features[FEATURE_CX16 / 32] |= 1u << FEATURE_CX16 % 32;
        bare.cpu[n]->regs[R_RSI] = BARE_DATA;
        bare.cpu[n]->regs[R_RBP] = ROUNDS;
    }
    bare_run_all(CPUS, vectors);
    check_int(bare_ld64(BARE_DATA), ==, CPUS * ROUNDS, "low half counts up");
    check_int(bare_ld64(BARE_DATA + 8), ==, -(int64_t)(CPUS * ROUNDS), "high half counts down with it");
    bare.cpu[0]->regs[R_RSI] = BARE_DATA + 8;
    bare.cpu[0]->regs[R_RSP] = BARE_STACK;
    bare.cpu[0]->rip = BARE_CODE;
    check_int(bare_run(bare.cpu[0]), ==, VECTOR_GP, "an operand not 16-byte aligned is #GP");
}

static uint64_t counter;
static uint64_t counter_read(void *opaque, uint64_t offset, unsigned size) { return counter; }
static void counter_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) { counter = value; }
static const MemoryOps counter_ops = {.read = counter_read, .write = counter_write, .valid = {1, 8}, .impl = {1, 8}};

static void test_device(void)
{
    static MemoryRegion region;
    static const uint8_t body[] = { 0xf0, 0xff, 0x03 };
    int vectors[4];

    bql_lock();
    memory_region_init_io(&region, NULL, &counter_ops, NULL, "counter", 0x1000);
    memory_region_add_overlap(system_memory(), BARE_DATA + 0x8000, &region, 1);
    bql_unlock();
    start_cpus(body, sizeof body, BARE_DATA + 0x8000);
    for (int n = 0; n < CPUS; n++) {
        bare.cpu[n]->regs[R_RCX] = ROUNDS / 20;
    }
    bare_run_all(CPUS, vectors);
    check_int(counter, ==, CPUS * ROUNDS / 20, "LOCK INC of a device register is exact too");
    bql_lock();
    memory_region_del(system_memory(), &region);
    bql_unlock();
}

/* One vCPU waits by MONITOR and MWAIT for a word that the other writes after a long while. */
__asm__(".pushsection .rodata\n.intel_syntax noprefix\n.code64\n"
        "waiter_start: inc r8; mov rax, rbx; xor ecx, ecx; xor edx, edx; monitor; cmp dword ptr [rbx], 0; jne 1f; "
        "xor eax, eax; mwait; jmp waiter_start; 1: hlt; waiter_end:\n"
        "writer_start: 1: dec r9; jnz 1b; mov dword ptr [rbx], 1; hlt; writer_end:\n"
        ".att_syntax\n.popsection\n");
extern const uint8_t waiter_start[], waiter_end[], writer_start[], writer_end[];

static void test_mwait(void)
{
    enum { TURNS = 100000000, WRITER = 0xa000 };
    int vectors[4];

    bare_reset(bare.cpu[0], BARE_LONG);
    bare_enter(bare.cpu[1]);
    bare_code(BARE_CODE, waiter_start, waiter_end - waiter_start);
    bare_code(WRITER, writer_start, writer_end - writer_start);
    bare_st64(BARE_DATA, 0);
    bare.cpu[0]->regs[R_RBX] = bare.cpu[1]->regs[R_RBX] = BARE_DATA;
    bare.cpu[1]->rip = WRITER;
    bare.cpu[1]->regs[R_R9] = TURNS;
    bare_run_all(2, vectors);
    check_int(vectors[0], ==, VECTOR_NONE, "who waits sees the word");
    check_int(vectors[1], ==, VECTOR_NONE, "and who writes is not held up");
    check_int(bare.cpu[0]->regs[R_R8], >, 0, "it looked");
    /* A nap of 50 us at first, twice as long each time up to 10 ms: ever fewer looks, by far not one a turn. */
    check_int(bare.cpu[0]->regs[R_R8], <, TURNS / 20000, "but mostly slept");
    check_int(bare.cpu[0]->cpu.halted, ==, 0, "and is awake");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_start(CPUS);
    g_test_add_func("/atomic/sums", test_sums);
    g_test_add_func("/atomic/spin-lock", test_spin_lock);
    g_test_add_func("/atomic/cmpxchg16b", test_cmpxchg16b);
    g_test_add_func("/atomic/device", test_device);
    g_test_add_func("/atomic/mwait", test_mwait);
    return g_test_run();
}
