/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Speed of the interpreter: guest loops on the bare machine, millions of guest instructions a second of CPU time.
 *
 * A loop's instructions are counted, not estimated: one-insn mode runs a few rounds first and counts blocks.
 */
#include <stdio.h>
#include <time.h>

#include "tests/check.h"
#include "tests/tcg/bare.h"

typedef struct Loop {
    const char *name;
    uint32_t rounds;
    const uint8_t *code;
    size_t len;
} Loop;
#define LOOP(name, rounds, ...)                                                                                        \
    {                                                                                                                  \
        name, rounds, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                           \
    }

/* ecx: rounds; rsi, rdi: data; every loop ends in HLT. */
static const Loop loops[] = {
    LOOP("integer mix", 10000000,
         0x48, 0x8b, 0x56, 0x08,                            /* mov rdx, QWORD PTR [rsi+0x8] */
         0x48, 0x01, 0xd0,                                  /* add rax, rdx */
         0x48, 0x31, 0xd8,                                  /* xor rax, rbx */
         0x48, 0x89, 0x47, 0x10,                            /* mov QWORD PTR [rdi+0x10], rax */
         0x48, 0x8d, 0x54, 0x98, 0x07,                      /* lea rdx, [rax+rbx*4+0x7] */
         0x48, 0xc1, 0xea, 0x03,                            /* shr rdx, 0x3 */
         0x81, 0xe2, 0xff, 0x00, 0x00, 0x00,                /* and edx, 0xff */
         0x44, 0x0f, 0xb6, 0x04, 0x16,                      /* movzx r8d, BYTE PTR [rsi+rdx*1] */
         0x44, 0x01, 0xc3,                                  /* add ebx, r8d */
         0xf6, 0xc2, 0x01,                                  /* test dl, 0x1 */
         0x74, 0x06,                                        /* je 0x30 */
         0x6b, 0xdb, 0x11,                                  /* imul ebx, ebx, 0x11 */
         0x49, 0xff, 0xc1,                                  /* inc r9 */
         0x81, 0xfb, 0xe8, 0x03, 0x00, 0x00,                /* cmp ebx, 0x3e8 */
         0x77, 0x06,                                        /* ja 0x3e */
         0x81, 0xc3, 0xcd, 0x2f, 0x01, 0x00,                /* add ebx, 0x12fcd */
         0xe8, 0x05, 0x00, 0x00, 0x00,                      /* call 0x48 */
         0xff, 0xc9,                                        /* dec ecx */
         0x75, 0xb9,                                        /* jne 0x0 */
         0xf4,                                              /* hlt */
         0x55,                                              /* push rbp */
         0x48, 0x89, 0xe5,                                  /* mov rbp, rsp */
         0x49, 0x83, 0xea, 0x05,                            /* sub r10, 0x5 */
         0x5d,                                              /* pop rbp */
         0xc3),                                             /* ret */
    LOOP("register arithmetic", 20000000,
         0x48, 0x01, 0xd8, 0x48, 0x31, 0xc3, 0x48, 0xd1, 0xe8,      /* 1: add rax, rbx; xor rbx, rax; shr rax, 1 */
         0x48, 0xff, 0xc2, 0x48, 0x29, 0xd3, 0x48, 0x21, 0xd0,      /* inc rdx; sub rbx, rdx; and rax, rdx */
         0xff, 0xc9, 0x75, 0xea, 0xf4),
    LOOP("copy by words", 20000000,
         0x48, 0x8b, 0x04, 0x0e, 0x48, 0x89, 0x04, 0x0f,    /* mov rax, [rsi+rcx]; mov [rdi+rcx], rax: rcx below 2^25 */
         0xff, 0xc9, 0x75, 0xf4, 0xf4),
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void set_up(CpuX86 *cpu, const Loop *loop, uint32_t rounds)
{
    bare_reset(cpu, BARE_LONG);
    bare_code(BARE_CODE, loop->code, loop->len);
    /* 32 MiB of addresses over 64 KiB of RAM, so that any rcx is mapped. */
    for (uint64_t page = 0; page < 32 << 20; page += 4096) {
        bare_map(0x40000000 + page, BARE_DATA + page % 0x8000, 7);
        bare_map(0x80000000 + page, BARE_DATA + 0x8000 + page % 0x8000, 7);
    }
    cpu_tlb_flush(cpu, true);
    cpu->regs[R_RSI] = 0x40000000;
    cpu->regs[R_RDI] = 0x80000000;
    cpu->regs[R_RBX] = 12345;
    cpu->regs[R_RCX] = rounds;
}

int main(void)
{
    bare_start(1);
    CpuX86 *cpu = bare.cpu[0];

    for (size_t i = 0; i < G_N_ELEMENTS(loops); i++) {
        const unsigned sample = 1000;
        set_up(cpu, &loops[i], sample);
        cpu->exec->one_insn = true;
        uint64_t before = cpu->exec->tcg.boundaries;
        check_int(bare_run(cpu), ==, VECTOR_NONE, "%s runs", loops[i].name);
        double per_round = (double)(cpu->exec->tcg.boundaries - before) / sample;
        cpu->exec->one_insn = false;

        set_up(cpu, &loops[i], loops[i].rounds);
        double start = seconds();
        check_int(bare_run(cpu), ==, VECTOR_NONE, "%s runs", loops[i].name);
        double took = seconds() - start;
        printf("%-20s %6.1f instructions a round, %7.1f million a second\n", loops[i].name, per_round,
               per_round * loops[i].rounds / took / 1e6);
    }
    return 0;
}
