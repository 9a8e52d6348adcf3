/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that changes: by itself, by an alias, by another vCPU, by DMA; and data beside code, which must not cost
 * decoding.
 */
#include "core/thread.h"
#include "core/timer.h"
#include "tests/check.h"
#include "tests/tcg/bare.h"

static void test_next_instruction(void)
{
    /* mov byte [imm of the next instruction], 2; mov al, 1; hlt */
    static const uint8_t code16[] = { 0xc6, 0x06, 0x06, 0x80, 2, 0xb0, 1 };
    static const uint8_t code32[] = { 0xc6, 0x05, 0x08, 0x80, 0, 0, 2, 0xb0, 1 };
    static const uint8_t code64[] = { 0xc6, 0x05, 0x01, 0, 0, 0, 2, 0xb0, 1 };

    for (int mode = 0; mode < BARE_MODES; mode++) {
        CpuX86 *cpu = bare.cpu[0];
        int v = mode < BARE_PROT32 ? bare_go(cpu, mode, code16, sizeof code16)
                : mode < BARE_LONG ? bare_go(cpu, mode, code32, sizeof code32)
                                   : bare_go(cpu, mode, code64, sizeof code64);
        check_int(v, ==, VECTOR_NONE, "runs (%s)", bare_mode_names[mode]);
        check_int(cpu->regs[R_RAX] & 0xff, ==, 2, "the instruction after the store is the new one (%s)",
                  bare_mode_names[mode]);
    }
}

static void test_loop_patches_itself(void)
{
    /* 1: add byte [imm below], 1; mov al, 0; add edx, eax (al zero-extended by movzx); dec ecx; jnz 1b */
    static const uint8_t code[] = {
        0x80, 0x05, 0x01, 0, 0, 0, 1,           /* add byte [rip+1], 1 */
        0xb0, 0,                                /* mov al, imm */
        0x0f, 0xb6, 0xc0,                       /* movzx eax, al */
        0x01, 0xc2,                             /* add edx, eax */
        0xff, 0xc9,                             /* dec ecx */
        0x75, 0xee,                             /* jnz to the start */
    };
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    bare_code(BARE_CODE, code, sizeof code);
    BARE_CODE_AT(BARE_CODE + sizeof code, 0xf4);
    cpu->regs[R_RCX] = 100;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int(cpu->regs[R_RDX], ==, 100 * 101 / 2, "each round sees its own patch");
}

/* A block that was linked to changes: the one before it must not go on to the old form. */
static void test_linked_block(void)
{
    static const uint8_t code[] = {
        0x83, 0xc0, 0x01,                       /* 00: add eax, 1 */
        0xeb, 0x05,                             /* 03: jmp 0a */
        0x83, 0xc6, 0x01,                       /* 05: add esi, 1 */
        0xeb, 0x00,                             /* 08: jmp 0a */
        0x83, 0xc2, 0x01,                       /* 0a: add edx, imm8: two blocks lead here */
        0xff, 0xc9,                             /* 0d: dec ecx */
        0x74, 0x07,                             /* 0f: jz 18 */
        0xf6, 0xc1, 0x01,                       /* 11: test cl, 1 */
        0x75, 0xea,                             /* 14: jnz 00 */
        0xeb, 0xed,                             /* 16: jmp 05 */
        0x80, 0x3b, 0x05,                       /* 18: cmp byte [rbx], 5 */
        0x74, 0x0a,                             /* 1b: je 27 */
        0xc6, 0x03, 0x05,                       /* 1d: mov byte [rbx], 5: the imm8 above */
        0xb9, 10, 0, 0, 0,                      /* 20: mov ecx, 10 */
        0xeb, 0xd9,                             /* 25: jmp 00 */
    };
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    bare_code(BARE_CODE, code, sizeof code);
    BARE_CODE_AT(BARE_CODE + sizeof code, 0xf4);
    cpu->regs[R_RBX] = BARE_CODE + 0x0c;
    cpu->regs[R_RCX] = 10;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int(cpu->regs[R_RAX] + cpu->regs[R_RSI], ==, 20, "twice ten rounds");
    check_int(cpu->regs[R_RDX], ==, 10 * 1 + 10 * 5, "the second ten with the new operand");
}

static void test_alias(void)
{
    /* mov byte [rbx], 7; mov al, 1; hlt: rbx is another mapping of this page */
    static const uint8_t code[] = { 0xc6, 0x03, 7, 0xb0, 1, 0xf4 };
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    bare_code(BARE_CODE, code, sizeof code);
    bare_map(0x700000, BARE_CODE, 7);
    cpu->regs[R_RBX] = 0x700004;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int(cpu->regs[R_RAX], ==, 7, "a store through an alias changes the code");
}

static void test_alias_execution(void)
{
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    bare_map(0x700000, BARE_CODE, 7);
    BARE_CODE_AT(BARE_CODE, 0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xf4);    /* lea rax, [rip]; hlt */
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int(cpu->regs[R_RAX], ==, BARE_CODE + 7, "rip at the first address");
    cpu->rip = 0x700000;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int(cpu->regs[R_RAX], ==, 0x700007, "the same block at another address has another rip");
}

static void test_rep_over_itself(void)
{
    /* rep movsb over the code that follows */
    static const uint8_t code[] = { 0xf3, 0xa4, 0xb0, 1, 0xf4 };
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    bare_code(BARE_CODE, code, sizeof code);
    BARE_CODE_AT(BARE_DATA, 0xb0, 9, 0xf4);
    cpu->regs[R_RSI] = BARE_DATA;
    cpu->regs[R_RDI] = BARE_CODE + 2;
    cpu->regs[R_RCX] = 3;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int(cpu->regs[R_RAX], ==, 9, "REP MOVSB replaced the code behind it");
}

static void test_crossing_instruction(void)
{
    CpuX86 *cpu = bare.cpu[0];
    uint64_t at = 0x8ffe;                       /* mov eax, imm32 with its last three bytes in the next page */

    bare_reset(cpu, BARE_LONG);
    BARE_CODE_AT(at, 0xb8, 0x11, 0x22, 0x33, 0x44, 0xf4);
    cpu->rip = at;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int((uint32_t)cpu->regs[R_RAX], ==, 0x44332211, "an instruction over a page end");
    BARE_CODE_AT(0x9000, 0x55);
    cpu->rip = at;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int((uint32_t)cpu->regs[R_RAX], ==, 0x44335511, "a change of its second half is seen");
    BARE_CODE_AT(0x8fff, 0x66);
    cpu->rip = at;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int((uint32_t)cpu->regs[R_RAX], ==, 0x44335566, "and of its first");
    BARE_CODE_AT(0xa0000, 0x01, 0x02, 0x03, 0xf4);
    bare_map(0x9000, 0xa0000, 7);
    cpu_tlb_flush_page(cpu, 0x9000);
    cpu->rip = at;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int((uint32_t)cpu->regs[R_RAX], ==, 0x03020166, "and another page behind it");
    bare_map(0x9000, 0, 0);
    cpu_tlb_flush_page(cpu, 0x9000);
    cpu->rip = at;
    check_int(bare_run(cpu), ==, VECTOR_PF, "its second half is not mapped");
    check_int(cpu->cr2, ==, 0x9000, "CR2 is where the second half begins");
    check_int(bare.trap.rip, ==, at, "rip is the instruction's");
}

static void test_data_beside_code(void)
{
    /* 1: inc dword [rbx]; dec ecx; jnz 1b; hlt -- rbx in the same page, not in the code's 64 bytes */
    static const uint8_t code[] = { 0xff, 0x03, 0xff, 0xc9, 0x75, 0xfa, 0xf4 };
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    bare_code(BARE_CODE, code, sizeof code);
    bare_st32(BARE_CODE + 0x800, 0);
    cpu->regs[R_RBX] = BARE_CODE + 0x800;
    cpu->regs[R_RCX] = 10000;
    uint64_t made = cpu->exec->blocks_made;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int(bare_ld32(BARE_CODE + 0x800), ==, 10000, "counted");
    check_int(cpu->exec->blocks_made - made, <, 10, "data in a code page does not make code be decoded again");

    /* In the same 64 bytes the version moves each time, but unchanged code is only compared. */
    bare_st32(BARE_CODE + 0x20, 0);
    cpu->rip = BARE_CODE;
    cpu->regs[R_RBX] = BARE_CODE + 0x20;
    cpu->regs[R_RCX] = 10000;
    made = cpu->exec->blocks_made;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int(bare_ld32(BARE_CODE + 0x20), ==, 10000, "counted");
    check_int(cpu->exec->blocks_made - made, <, 10, "unchanged blocks are revived");
}

static void test_page_given_back(void)
{
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    BARE_CODE_AT(BARE_DATA, 0xb0, 1, 0xf4);
    cpu->rip = BARE_DATA;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs once");
    check_true(ram_page_needs_slow_write(bare.block, BARE_DATA), "a page with code is written slowly");
    /* Now it becomes data: write all over it. */
    BARE_CODE_AT(BARE_CODE, 0xf3, 0xaa, 0xf4);  /* rep stosb */
    for (int i = 0; i < 100; i++) {
        cpu->rip = BARE_CODE;
        cpu->regs[R_RDI] = BARE_DATA;
        cpu->regs[R_RCX] = 4096;
        check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    }
    check_true(!ram_page_needs_slow_write(bare.block, BARE_DATA), "after enough writes it is plain data again");
    BARE_CODE_AT(BARE_DATA, 0xb0, 3, 0xf4);
    for (int i = 3; i < 6; i++) {
        *bare_at(BARE_DATA + 1) = i;            /* behind everybody's back: only a guarded page may not notice ... */
        code_written(bare.block, BARE_DATA + 1, 1);     /* ... so tell */
        cpu->rip = BARE_DATA;
        check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
        check_int(cpu->regs[R_RAX] & 0xff, ==, i, "and guarded again once it holds code");
    }
}

/* vCPU 0 calls a function until it returns 2; vCPU 1 patches it. */
static void test_other_cpu(void)
{
    static const uint8_t caller[] = {
        0xff, 0xd3,                             /* 1: call rbx */
        0x83, 0xf8, 2,                          /* cmp eax, 2 */
        0x75, 0xf9,                             /* jne 1b */
        0xf4,
    };
    static const uint8_t patcher[] = {
        0xf3, 0x90, 0xff, 0xc9, 0x75, 0xfa,     /* 1: pause; dec ecx; jnz 1b */
        0xc6, 0x43, 1, 2,                       /* mov byte [rbx+1], 2 */
        0xf4,
    };
    int vectors[4];

    for (int round = 0; round < 200; round++) {
        bare_reset(bare.cpu[0], BARE_LONG);
        bare_enter(bare.cpu[1]);
        bare_code(BARE_CODE, caller, sizeof caller);
        bare_code(0xa000, patcher, sizeof patcher);
        BARE_CODE_AT(BARE_DATA, 0xb8, 1, 0, 0, 0, 0xc3);        /* mov eax, 1; ret */
        bare.cpu[0]->regs[R_RBX] = bare.cpu[1]->regs[R_RBX] = BARE_DATA;
        bare.cpu[1]->rip = 0xa000;
        bare.cpu[1]->regs[R_RSP] = 0x6000;
        bare.cpu[1]->regs[R_RCX] = 1 + round * 3;
        bare_run_all(2, vectors);
        check_int(vectors[0], ==, VECTOR_NONE, "the caller saw the patch (round %d)", round);
        check_int(vectors[1], ==, VECTOR_NONE, "the patcher ended");
    }
}

static void *dma_writer(void *arg)
{
    g_usleep(1000);
    BARE_CODE_AT(BARE_DATA + 1, 2);
    return NULL;
}

static void test_dma(void)
{
    static const uint8_t caller[] = { 0xff, 0xd3, 0x83, 0xf8, 2, 0x75, 0xf9, 0xf4 };

    for (int round = 0; round < 20; round++) {
        CpuX86 *cpu = bare.cpu[0];
        pthread_t writer;
        bare_reset(cpu, BARE_LONG);
        bare_code(BARE_CODE, caller, sizeof caller);
        BARE_CODE_AT(BARE_DATA, 0xb8, 1, 0, 0, 0, 0xc3);
        cpu->regs[R_RBX] = BARE_DATA;
        pthread_create(&writer, NULL, dma_writer, NULL);
        check_int(bare_run(cpu), ==, VECTOR_NONE, "code changed by DMA is seen");
        pthread_join(writer, NULL);
    }
}

/* RAM goes away and other RAM comes to stand at the same guest and, as it happens, host address. */
static void test_replaced_ram(void)
{
    CpuX86 *cpu = bare.cpu[0];
    const void *first_host = NULL;
    unsigned same = 0;

    for (int round = 0; round < 20; round++) {
        MemoryRegion *region = g_new0(MemoryRegion, 1);         /* views keep it for a while; never freed */
        g_autofree char *name = g_strdup_printf("ram %d", round);
        bare_reset(cpu, BARE_PROT32);
        bql_lock();
        check_true(memory_region_init_ram(region, NULL, name, 0x1000, NULL), "RAM");
        memory_region_add(system_memory(), 0x90000000, region);
        uint8_t *host = memory_region_ram_ptr(region);
        memcpy(host, (const uint8_t[]){ 0xb0, round, 0xf4 }, 3);
        bql_unlock();
        same += host == first_host;
        first_host = first_host ? first_host : host;
        cpu->rip = 0x90000000;
        check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
        check_int(cpu->regs[R_RAX] & 0xff, ==, round, "the code of the RAM that is there now (round %d)", round);
        bql_lock();
        memory_region_del(system_memory(), region);
        memory_region_destroy(region);
        bql_unlock();
        rcu_barrier();
    }
    g_test_message("%u of 20 at the first one's host address", same);
}

/* All blocks thrown away because the arena is full: nothing of it may show. */
static void test_arena_full(void)
{
    CpuX86 *cpu = bare.cpu[0];
    CpuExec *exec = cpu->exec;
    uint64_t flushes = exec->arena_flushes;
    size_t bytes = exec->arena_bytes, limit = exec->cache_limit;

    exec->arena_bytes = exec->cache_limit = 64 << 10;
    bare_reset(cpu, BARE_LONG);
    for (unsigned i = 0; i < 2000; i++) {
        BARE_CODE_AT(BARE_DATA + i * 16, 0xff, 0xc0, 0xeb, 0x0c);      /* inc eax; jmp +12 */
    }
    BARE_CODE_AT(BARE_DATA + 2000 * 16, 0xf4);
    for (int round = 0; round < 3; round++) {
        cpu->rip = BARE_DATA;
        cpu->regs[R_RAX] = 0;
        check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
        check_int(cpu->regs[R_RAX], ==, 2000, "every block ran once");
    }
    check_int(exec->arena_flushes - flushes, >, 3, "the arena was emptied on the way");
    exec->arena_bytes = bytes;
    exec->cache_limit = limit;
}

/* Twice as much is allowed if the caches are full soon; if it took long, or the vCPU idles, they are emptied. */
static void test_caches_grow(void)
{
    enum { BLOCKS = 60000, HOUR_NS = 3600000000000 };
    CpuX86 *cpu = bare.cpu[0];
    CpuExec *exec = cpu->exec;
    g_autofree uint8_t *code = g_malloc0(BLOCKS * 16);

    bare_reset(cpu, BARE_LONG);
    for (unsigned old = 0; old < 2; old++) {
        uint64_t flushes = exec->arena_flushes;

        for (unsigned i = 0; i < BLOCKS; i++) { /* INC EAX; JMP +12; or ADD EAX, 1; JMP +11: nothing of it is known yet */
            memcpy(code + i * 16, old ? "\x83\xc0\x01\xeb\x0b" : "\xff\xc0\xeb\x0c", 5);
        }
        bare_code(0x400000, code, BLOCKS * 16);
        BARE_CODE_AT(0x400000 + BLOCKS * 16, 0xf4);
        exec->idle_from_ns = exec->cache_begun_ns = clock_ns(CLOCK_RT) - (old ? HOUR_NS : 0);
        exec->cache_limit = 2 << 20;
        cpu->rip = 0x400000;
        cpu->regs[R_RAX] = 0;
        exec->idle_cpu_ns = INT64_MIN / 64;     /* has worked hard */
        check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
        check_int(cpu->regs[R_RAX], ==, BLOCKS, "every block ran once");
        if (old) {
            check_int(exec->arena_flushes, ==, flushes + 1, "what is full after an hour is emptied first");
        } else {
            check_int(exec->arena_flushes, ==, flushes, "nothing is thrown away while there is room to grow");
        }
        check_true(exec->cache_limit > 2 << 20 && exec->arena_used > 4 << 20, "the caches have grown");
    }
    exec->idle_from_ns -= HOUR_NS;
    exec->idle_cpu_ns = 0;
    BARE_CODE_AT(BARE_CODE, 0xf4);
    cpu->rip = BARE_CODE;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "halts");
    check_true(exec->arena_used < 1 << 20 && exec->cache_limit == 2 << 20, "an idle vCPU gives its caches back");
    cpu->rip = 0x400000;
    cpu->regs[R_RAX] = 0;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs again");
    check_int(cpu->regs[R_RAX], ==, BLOCKS, "every block ran once");
}

/* The first store of a REP over itself changes what runs next. */
static void test_rep_becomes_halt(void)
{
    CpuX86 *cpu = bare.cpu[0];

    for (unsigned jit = 0; jit < 2 && bare_jit(cpu, jit); jit++) {
        bare_reset(cpu, BARE_LONG);
        BARE_CODE_AT(BARE_CODE, 0xf3, 0xaa, 0xcc);      /* REP STOSB */
        cpu->regs[R_RAX] = 0xf4;
        cpu->regs[R_RCX] = 16;
        cpu->regs[R_RDI] = BARE_CODE;
        check_int(bare_run(cpu), ==, VECTOR_NONE, "halts");
        check_int(cpu->rip, ==, BARE_CODE + 1, "in the place of the REP");
        check_int(cpu->regs[R_RCX], ==, 15, "after one store");
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_start(2);
    g_test_add_func("/smc/next-instruction", test_next_instruction);
    g_test_add_func("/smc/loop", test_loop_patches_itself);
    g_test_add_func("/smc/linked", test_linked_block);
    g_test_add_func("/smc/alias", test_alias);
    g_test_add_func("/smc/alias-execution", test_alias_execution);
    g_test_add_func("/smc/rep", test_rep_over_itself);
    g_test_add_func("/smc/rep-becomes-halt", test_rep_becomes_halt);
    g_test_add_func("/smc/crossing", test_crossing_instruction);
    g_test_add_func("/smc/data-beside-code", test_data_beside_code);
    g_test_add_func("/smc/page-given-back", test_page_given_back);
    g_test_add_func("/smc/other-cpu", test_other_cpu);
    g_test_add_func("/smc/dma", test_dma);
    g_test_add_func("/smc/replaced-ram", test_replaced_ram);
    g_test_add_func("/smc/arena-full", test_arena_full);
    g_test_add_func("/smc/caches-grow", test_caches_grow);
    return g_test_run();
}
