/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * REP string instructions: every one against a byte-by-byte model, with overlap, direction, address sizes and page
 * ends; faults in the middle; interruption in the middle.
 */
#include "core/thread.h"
#include "tests/check.h"
#include "tests/tcg/bare.h"

enum { P = 1, RW = 2, US = 4 };

static uint8_t before[0x10000], model[0x10000];

static void randomise(GRand *rand)
{
    for (size_t i = 0; i < sizeof before; i++) {
        before[i] = g_rand_int(rand) >> 7 & 3 ? 0x41 : g_rand_int(rand);       /* many equal bytes, for comparisons */
    }
    bare_code(BARE_DATA, before, sizeof before);
    memcpy(model, before, sizeof model);
}

/* What MOVS and STOS must have done to [BARE_DATA, +64K). */
static void model_run(bool movs, unsigned size, uint64_t si, uint64_t di, uint64_t count, bool down, uint64_t rax)
{
    for (uint64_t i = 0; i < count; i++) {
        if (movs) {
            uint64_t v = 0;
            memcpy(&v, model + si - BARE_DATA, size);
            memcpy(model + di - BARE_DATA, &v, size);
        } else {
            memcpy(model + di - BARE_DATA, &rax, size);
        }
        si += down ? -(int)size : (int)size;
        di += down ? -(int)size : (int)size;
    }
}

static void test_moves(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    CpuX86 *cpu = bare.cpu[0];

    for (int round = 0; round < 3000; round++) {
        unsigned size = 1 << g_rand_int_range(rand, 0, 4);
        bool movs = g_rand_boolean(rand), down = g_rand_int_range(rand, 0, 4) == 0,
             addr32 = g_rand_int_range(rand, 0, 4) == 0;
        uint64_t count = g_rand_int_range(rand, 0, 3000), span = (count + 2) * size;
        uint64_t si = BARE_DATA + g_rand_int_range(rand, 0, 0x2000), di = BARE_DATA + g_rand_int_range(rand, 0, 0x2000);
        uint64_t rax = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
        if (g_rand_int_range(rand, 0, 3) == 0) {
            di = si + g_rand_int_range(rand, 0, 40);            /* close overlap */
        }
        if (down) {
            si += span;
            di += span;
        }
        uint8_t code[5], *p = code;
        if (addr32) {
            *p++ = 0x67;
        }
        if (size == 2) {
            *p++ = 0x66;
        }
        *p++ = 0xf3;
        if (size == 8) {
            *p++ = 0x48;
        }
        *p++ = (movs ? 0xa4 : 0xaa) + (size > 1);
        if (round % 500 == 0) {
            randomise(rand);
        }
        bare_enter(cpu);
        bare_code(BARE_CODE, code, p - code);
        BARE_CODE_AT(BARE_CODE + (p - code), 0xf4);
        cpu->regs[R_RSI] = si;
        cpu->regs[R_RDI] = di;
        cpu->regs[R_RCX] = count;
        cpu->regs[R_RAX] = rax;
        cpu_set_rflags(cpu, RFLAGS_FIXED1 | (down ? RFLAGS_DF : 0));
        check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
        model_run(movs, size, si, di, count, down, rax);
        int64_t moved = (down ? -1 : 1) * (int64_t)(count * size);
        const char *name = movs ? "MOVS" : "STOS";
        check_int(memcmp(bare_at(BARE_DATA), model, sizeof model), ==, 0,
                  "REP %s of %u bytes, %" PRIu64 " times, si %" PRIx64 " di %" PRIx64 "%s: memory", name, size, count,
                  si, di, down ? ", down" : "");
        check_int(cpu->regs[R_RCX], ==, 0, "rCX is 0");
        check_int(cpu->regs[R_RDI], ==, di + moved, "REP %s: rDI", name);
        check_int(cpu->regs[R_RSI], ==, movs ? si + moved : si, "REP %s: rSI", name);
    }
}

static void test_compares(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(8);
    CpuX86 *cpu = bare.cpu[0];

    randomise(rand);
    for (int round = 0; round < 3000; round++) {
        unsigned size = 1 << g_rand_int_range(rand, 0, 4);
        bool cmps = g_rand_boolean(rand), equal = g_rand_boolean(rand);
        uint64_t count = g_rand_int_range(rand, 0, 800), si = BARE_DATA + g_rand_int_range(rand, 0, 0x4000);
        uint64_t di = BARE_DATA + g_rand_int_range(rand, 0, 0x4000), rax = 0x4141414141414141, done = 0;
        if (round % 3 == 0) {
            di = si;
        }
        uint8_t code[4], *p = code;
        if (size == 2) {
            *p++ = 0x66;
        }
        *p++ = equal ? 0xf3 : 0xf2;
        if (size == 8) {
            *p++ = 0x48;
        }
        *p++ = (cmps ? 0xa6 : 0xae) + (size > 1);
        bare_enter(cpu);
        bare_code(BARE_CODE, code, p - code);
        BARE_CODE_AT(BARE_CODE + (p - code), 0xf4);
        cpu->regs[R_RSI] = si;
        cpu->regs[R_RDI] = di;
        cpu->regs[R_RCX] = count;
        cpu->regs[R_RAX] = rax;
        check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
        bool zf = false;
        while (done < count) {
            zf = !memcmp(cmps ? bare_at(si + done * size) : (uint8_t *)&rax, bare_at(di + done * size), size);
            done++;
            if (zf != equal) {
                break;
            }
        }
        const char *name = cmps ? "CMPS" : "SCAS";
        check_int(cpu->regs[R_RCX], ==, count - done, "%s of %u bytes: rCX", name, size);
        check_int(cpu->regs[R_RDI], ==, di + done * size, "%s: rDI", name);
        check_int(cpu->regs[R_RSI], ==, cmps ? si + done * size : si, "%s: rSI", name);
        if (done) {
            check_int(!!(cpu_get_rflags(cpu) & RFLAGS_ZF), ==, zf, "%s: ZF", name);
        }
    }
}

static void test_fault_in_the_middle(void)
{
    CpuX86 *cpu = bare.cpu[0];

    for (int source = 0; source < 2; source++) {
        bare_reset(cpu, BARE_LONG);
        for (unsigned i = 0; i < 8; i++) {
            bare_map(0x700000 + i * 4096, 0x500000 + i * 4096, P | RW);
            bare_map(0x800000 + i * 4096, 0x600000 + i * 4096, P | RW);
        }
        bare_map((source ? 0x700000 : 0x800000) + 5 * 4096, 0, 0);
        BARE_CODE_AT(BARE_CODE, 0xf3, 0x48, 0xa5, 0xf4);
        cpu->regs[R_RSI] = 0x700000;
        cpu->regs[R_RDI] = 0x800000;
        cpu->regs[R_RCX] = 4096;
        check_int(bare_run(cpu), ==, VECTOR_PF, "the sixth page is missing");
        check_int(cpu->regs[R_RCX], ==, 4096 - 5 * 512, "rCX stands at the element that faulted");
        check_int(cpu->regs[R_RSI], ==, 0x705000, "rSI too");
        check_int(cpu->regs[R_RDI], ==, 0x805000, "rDI too");
        check_int(bare.trap.rip, ==, BARE_CODE, "rip is the instruction's");
        check_true(bare.trap.rflags & RFLAGS_RF, "RF is set in the image");
        bare_map((source ? 0x700000 : 0x800000) + 5 * 4096, (source ? 0x500000 : 0x600000) + 5 * 4096, P | RW);
        cpu->rip = BARE_CODE;
        check_int(bare_run(cpu), ==, VECTOR_NONE, "it goes on from there");
        check_int(cpu->regs[R_RDI], ==, 0x808000, "to its end");
    }
}

static void *asker(void *arg)
{
    CpuX86 *cpu = arg;
    g_usleep(1000);
    cpu_kick(&cpu->cpu);
    return NULL;
}

/* A request arrives during a long REP: the run loop is left with the instruction half done, and resumes it. */
static void test_request_in_the_middle(void)
{
    CpuX86 *cpu = bare.cpu[0];
    unsigned seen_middle = 0;

    for (int round = 0; round < 2000 && seen_middle < 5; round++) {
        pthread_t thread;
        bare_reset(cpu, BARE_LONG);
        BARE_CODE_AT(BARE_CODE, 0xf3, 0xaa, 0xf4);
        /* The target is one page mapped over and over, so that it lasts. */
        for (unsigned i = 0; i < 1024; i++) {
            bare_map(0x400000 + i * 4096, 0x400000, P | RW);
        }
        cpu->regs[R_RDI] = 0x400000;
        cpu->regs[R_RCX] = 1024 * 4096;
        cpu_set_rflags(cpu, RFLAGS_FIXED1 | RFLAGS_DF);         /* downwards: element by element, slowly */
        cpu->regs[R_RDI] += 1024 * 4096 - 1;
        pthread_create(&thread, NULL, asker, cpu);
        cpu->cpu.ops->tcg_run(&cpu->cpu);
        pthread_join(thread, NULL);
        if (cpu->regs[R_RCX]) {
            seen_middle++;
            check_int(cpu->rip, ==, BARE_CODE, "rip stands at the instruction");
            check_int(cpu->regs[R_RDI], ==, 0x400000 + cpu->regs[R_RCX] - 1, "registers agree with each other");
        }
        __atomic_store_n(&cpu->cpu.exit_request, 0, __ATOMIC_SEQ_CST);
        check_int(bare_run(cpu), ==, VECTOR_NONE, "it ends when run again");
        check_int(cpu->regs[R_RCX], ==, 0, "with all done");
    }
    check_int(seen_middle, >, 0, "some request came in the middle");
}

static void test_16_bit_wrap(void)
{
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_REAL);
    BARE_CODE_AT(BARE_CODE, 0xf3, 0xaa, 0xf4);
    memset(bare_at(0xfff0), 0, 16);
    cpu->seg[R_ES].base = 0x50000;
    cpu->seg[R_ES].selector = 0x5000;
    cpu_update_mode(cpu);
    memset(bare_at(0x50000), 0, 0x10010);
    cpu->regs[R_RDI] = 0xaaaafff8;
    cpu->regs[R_RCX] = 0xbbbb0010;
    cpu->regs[R_RAX] = 0x5a;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int(*bare_at(0x5ffff), ==, 0x5a, "up to the end of the segment");
    check_int(*bare_at(0x60000), ==, 0, "not beyond");
    check_int(*bare_at(0x50007), ==, 0x5a, "DI wraps to its start");
    check_int(cpu->regs[R_RDI], ==, 0xaaaa0008, "the upper half of EDI stays");
    check_int(cpu->regs[R_RCX], ==, 0xbbbb0000, "of ECX too");
}

static void test_segment_limit(void)
{
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_PROT32);
    BARE_CODE_AT(BARE_CODE, 0xf3, 0xaa, 0xf4);
    cpu->seg[R_ES] = (SegmentCache){ .selector = 0x70, .base = BARE_DATA, .limit = 0x1234, .attr = 0x93 };
    cpu_update_mode(cpu);
    cpu->regs[R_RDI] = 0;
    cpu->regs[R_RCX] = 0x4000;
    check_int(bare_run(cpu), ==, VECTOR_GP, "STOSB runs into the limit of ES");
    check_int(cpu->regs[R_RDI], ==, 0x1235, "after the last byte that fits");
    check_int(cpu->regs[R_RCX], ==, 0x4000 - 0x1235, "with the rest left");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_start(1);
    bare_reset(bare.cpu[0], BARE_LONG);
    g_test_add_func("/string/moves", test_moves);
    g_test_add_func("/string/compares", test_compares);
    g_test_add_func("/string/fault", test_fault_in_the_middle);
    g_test_add_func("/string/request", test_request_in_the_middle);
    g_test_add_func("/string/16-bit", test_16_bit_wrap);
    g_test_add_func("/string/limit", test_segment_limit);
    return g_test_run();
}
