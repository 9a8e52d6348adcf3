/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debugging by the guest itself: single step, breakpoints, watchpoints, RF, and what MOV SS and STI hold back. */
#include "tests/check.h"
#include "tests/tcg/bare.h"

enum { DR6_BS = 1 << 14 };
#define DR7(n, kind, len) (1u << (2 * (n)) | (uint64_t)((kind) | (len) << 2) << (16 + 4 * (n)))
enum { ON_EXECUTION = 0, ON_WRITE = 1, ON_ACCESS = 3, LEN1 = 0, LEN2 = 1, LEN8 = 2, LEN4 = 3 };

static int start(CpuX86 *cpu, const uint8_t *code, size_t len, uint64_t flags)
{
    bare_reset(cpu, BARE_LONG);
    bare_code(BARE_CODE, code, len);
    BARE_CODE_AT(BARE_CODE + len, 0xf4);
    cpu->regs[R_RBX] = BARE_DATA;
    cpu_set_rflags(cpu, RFLAGS_FIXED1 | flags);
    cpu->dr[6] = 0;
    return 0;
}
#define START(cpu, flags, ...) start(cpu, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), flags)

/* Goes on after a #DB as IRET would. */
static int resume(CpuX86 *cpu, uint64_t flags)
{
    cpu->rip = bare.trap.rip;
    cpu->regs[R_RSP] = bare.trap.rsp;
    cpu_set_rflags(cpu, bare.trap.rflags | flags);
    cpu->dr[6] = 0;
    return bare_run(cpu);
}

static void test_single_step(void)
{
    CpuX86 *cpu = bare.cpu[0];

    START(cpu, RFLAGS_TF, 0xff, 0xc0, 0xff, 0xc0, 0xeb, 0x00, 0x50, 0x90);     /* inc; inc; jmp +0; push; nop */
    static const uint64_t stops[] = { 2, 4, 6, 7, 8 };
    int v = bare_run(cpu);
    for (size_t i = 0; i < G_N_ELEMENTS(stops); i++) {
        check_int(v, ==, VECTOR_DB, "step %zu traps", i);
        check_int(bare.trap.rip, ==, BARE_CODE + stops[i], "after one instruction (%zu)", i);
        check_true(cpu->dr[6] & DR6_BS, "DR6.BS");
        check_true(bare.trap.rflags & RFLAGS_TF, "TF is in the image");
        check_true(!(bare.trap.rflags & RFLAGS_RF), "RF is not: it is a trap");
        check_true(!(cpu->rflags & RFLAGS_TF), "TF is off in the handler");
        if (i == 4) {
            break;
        }
        v = resume(cpu, 0);
    }
    check_int(cpu->regs[R_RAX], ==, 2, "each ran once");
}

static void test_branch_step(void)
{
    CpuX86 *cpu = bare.cpu[0];
    /* inc; jz +0 (not taken); rep stosb; jmp +1; nop; call +0; jnz +1; nop; int1 */
    static const struct { unsigned at; const char *claim; } stops[] = {
        { 9, "JMP is a branch; INC, a JZ not taken and REP STOSB are not" }, { 14, "CALL" }, { 17, "a JNZ taken" },
    };

    START(cpu, RFLAGS_TF, 0xff, 0xc0, 0x74, 0x01, 0xf3, 0xaa, 0xeb, 0x01, 0x90, 0xe8, 0, 0, 0, 0, 0x75, 0x01, 0x90, 0x90);
    cpu->regs[R_RAX] = 1;
    cpu->regs[R_RDI] = BARE_DATA;
    cpu->regs[R_RCX] = 3;
    cpu->msr.debugctl = DEBUGCTL_BTF;
    int v = bare_run(cpu);
    for (size_t i = 0; i < G_N_ELEMENTS(stops); i++) {
        check_int(v, ==, VECTOR_DB, "%s", stops[i].claim);
        check_int(bare.trap.rip, ==, BARE_CODE + stops[i].at, "%s: where", stops[i].claim);
        check_true(cpu->dr[6] & DR6_BS, "%s: DR6.BS", stops[i].claim);
        check_int(cpu->msr.debugctl & DEBUGCTL_BTF, ==, 0, "a #DB clears BTF");
        cpu->msr.debugctl = i + 1 < G_N_ELEMENTS(stops) ? DEBUGCTL_BTF : 0;
        v = resume(cpu, 0);
    }
    check_int(v, ==, VECTOR_DB, "without BTF every instruction traps");
    check_int(bare.trap.rip, ==, BARE_CODE + 18, "NOP too");
}

static void test_step_over_popf(void)
{
    CpuX86 *cpu = bare.cpu[0];

    /* push 0x102; popf; nop; nop: TF takes effect after the instruction that follows POPF */
    START(cpu, 0, 0x68, 0x02, 0x01, 0, 0, 0x9d, 0x90, 0x90);
    check_int(bare_run(cpu), ==, VECTOR_DB, "POPF sets TF");
    check_int(bare.trap.rip, ==, BARE_CODE + 7, "the trap comes after the next instruction");
    /* push 2; popf under TF: the trap after POPF that clears TF still comes */
    START(cpu, RFLAGS_TF, 0x6a, 0x02, 0x9d, 0x90);
    check_int(bare_run(cpu), ==, VECTOR_DB, "step over PUSH");
    check_int(resume(cpu, 0), ==, VECTOR_DB, "step over POPF that clears TF");
    check_int(bare.trap.rip, ==, BARE_CODE + 3, "after it");
    check_int(resume(cpu, 0), ==, VECTOR_NONE, "then no more");
}

static void test_step_rep(void)
{
    CpuX86 *cpu = bare.cpu[0];

    START(cpu, RFLAGS_TF, 0xf3, 0xaa);
    cpu->regs[R_RDI] = BARE_DATA;
    cpu->regs[R_RCX] = 3;
    int v = bare_run(cpu);
    for (int left = 2; left >= 0; left--) {
        check_int(v, ==, VECTOR_DB, "REP STOSB traps after each element");
        check_int(cpu->regs[R_RCX], ==, left, "with rCX counted down");
        check_int(bare.trap.rip, ==, left ? BARE_CODE : BARE_CODE + 2, "rip at it until it is done");
        if (left) {
            v = resume(cpu, 0);
        }
    }
}

static void test_faults_do_not_step(void)
{
    CpuX86 *cpu = bare.cpu[0];

    START(cpu, RFLAGS_TF, 0x0f, 0x0b);
    check_int(bare_run(cpu), ==, VECTOR_UD, "a fault under TF is that fault");
    check_int(bare.trap.rip, ==, BARE_CODE, "at the instruction");
    check_true(bare.trap.rflags & RFLAGS_RF, "with RF in the image");
    START(cpu, RFLAGS_TF, 0xcc);
    check_int(bare_run(cpu), ==, VECTOR_BP, "INT3 under TF enters its handler untraced");
}

static void test_breakpoints(void)
{
    CpuX86 *cpu = bare.cpu[0];

    START(cpu, 0, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0);
    cpu->dr[2] = BARE_CODE + 4;
    cpu->dr[7] = 0x400 | DR7(2, ON_EXECUTION, LEN1);
    check_int(bare_run(cpu), ==, VECTOR_DB, "an instruction breakpoint");
    check_int(bare.trap.rip, ==, BARE_CODE + 4, "stops before its instruction");
    check_int(cpu->dr[6] & 0xf, ==, 4, "DR6 names it");
    check_int(cpu->regs[R_RAX], ==, 2, "which has not run");
    check_int(resume(cpu, 0), ==, VECTOR_DB, "without RF it hits again");
    check_int(resume(cpu, RFLAGS_RF), ==, VECTOR_NONE, "RF lets it pass");
    check_int(cpu->regs[R_RAX], ==, 3, "and it ran");

    START(cpu, RFLAGS_RF, 0xff, 0xc0, 0xff, 0xc0);
    cpu->dr[0] = BARE_CODE + 2;
    cpu->dr[7] = 0x400 | DR7(0, ON_EXECUTION, LEN1);
    check_int(bare_run(cpu), ==, VECTOR_DB, "RF covers one instruction only");
    check_int(bare.trap.rip, ==, BARE_CODE + 2, "the second stops");
    START(cpu, 0, 0x90, 0x90);
    cpu->dr[0] = BARE_CODE + 1;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "a breakpoint that is not enabled does nothing");
}

static void test_watchpoints(void)
{
    static const struct {
        const char *claim;
        uint64_t at;
        unsigned kind, len;
        uint8_t code[6], bytes;
        bool hit;
    } rows[] = {
        { "a write to it", BARE_DATA, ON_WRITE, LEN4, { 0x89, 0x03 }, 2, true },
        { "a read, when writes are watched", BARE_DATA, ON_WRITE, LEN4, { 0x8b, 0x03 }, 2, false },
        { "a read, when accesses are watched", BARE_DATA, ON_ACCESS, LEN4, { 0x8b, 0x03 }, 2, true },
        { "a write next to it", BARE_DATA + 4, ON_WRITE, LEN4, { 0x89, 0x03 }, 2, false },
        { "a wide write that covers it", BARE_DATA + 4, ON_WRITE, LEN1, { 0x48, 0x89, 0x03 }, 3, true },
        { "a byte of eight", BARE_DATA, ON_WRITE, LEN8, { 0x88, 0x43, 0x07 }, 3, true },
        { "a byte after eight", BARE_DATA, ON_WRITE, LEN8, { 0x88, 0x43, 0x08 }, 3, false },
        { "a read-modify-write", BARE_DATA, ON_WRITE, LEN4, { 0xff, 0x03 }, 2, true },
        { "a locked one", BARE_DATA, ON_WRITE, LEN4, { 0xf0, 0xff, 0x03 }, 3, true },
        { "a push", BARE_STACK - 8, ON_WRITE, LEN8, { 0x50 }, 1, true },
        { "REP STOSB into it", BARE_DATA, ON_WRITE, LEN1, { 0x48, 0x89, 0xdf, 0xf3, 0xaa }, 5, true },
    };
    CpuX86 *cpu = bare.cpu[0];

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        start(cpu, rows[i].code, rows[i].bytes, 0);
        cpu->regs[R_RCX] = 1;
        cpu->dr[1] = rows[i].at;
        cpu->dr[7] = 0x400 | DR7(1, rows[i].kind, rows[i].len);
        cpu_tlb_flush(cpu, true);
        check_int(bare_run(cpu), ==, rows[i].hit ? VECTOR_DB : VECTOR_NONE, "watchpoint: %s", rows[i].claim);
        if (rows[i].hit) {
            check_int(cpu->dr[6] & 0xf, ==, 2, "%s: DR6", rows[i].claim);
            check_int(bare.trap.rip, ==, BARE_CODE + rows[i].bytes, "%s: a trap, after the instruction", rows[i].claim);
        }
    }
}

static void test_mov_ss_holds_back(void)
{
    CpuX86 *cpu = bare.cpu[0];

    /* mov ss, ax; nop; nop under TF: the trap after MOV SS does not come, that after the next does */
    START(cpu, RFLAGS_TF, 0x8e, 0xd0, 0x90, 0x90);
    cpu->regs[R_RAX] = BARE_DATA32;
    check_int(bare_run(cpu), ==, VECTOR_DB, "a trap");
    check_int(bare.trap.rip, ==, BARE_CODE + 3, "after the instruction that follows MOV SS");
    /* sti holds back interrupts, not traps */
    START(cpu, RFLAGS_TF, 0xfb, 0x90, 0x90);
    check_int(bare_run(cpu), ==, VECTOR_DB, "a trap");
    check_int(bare.trap.rip, ==, BARE_CODE + 1, "after STI");
}

static void test_nmi_between(void)
{
    CpuX86 *cpu = bare.cpu[0];

    START(cpu, 0, 0x8e, 0xd0, 0x90, 0x90);
    cpu->regs[R_RAX] = BARE_DATA32;
    cpu_interrupt(&cpu->cpu, INTERRUPT_NMI);
    __atomic_store_n(&cpu->cpu.exit_request, 0, __ATOMIC_SEQ_CST);
    check_int(bare_run(cpu), ==, VECTOR_NMI, "an NMI is taken");
    check_int(bare.trap.rip, ==, BARE_CODE, "before the first instruction");
    START(cpu, 0, 0x8e, 0xd0, 0x90, 0x90);
    cpu->regs[R_RAX] = BARE_DATA32;
    cpu->interrupt_shadow = 2;                  /* as if MOV SS had just run */
    cpu_interrupt(&cpu->cpu, INTERRUPT_NMI);
    __atomic_store_n(&cpu->cpu.exit_request, 0, __ATOMIC_SEQ_CST);
    check_int(bare_run(cpu), ==, VECTOR_NMI, "an NMI is taken");
    check_int(bare.trap.rip, ==, BARE_CODE + 3, "not in a shadow: MOV SS casts another over the NOP");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_start(1);
    g_test_add_func("/step/single", test_single_step);
    g_test_add_func("/step/branch", test_branch_step);
    g_test_add_func("/step/popf", test_step_over_popf);
    g_test_add_func("/step/rep", test_step_rep);
    g_test_add_func("/step/faults", test_faults_do_not_step);
    g_test_add_func("/step/breakpoints", test_breakpoints);
    g_test_add_func("/step/watchpoints", test_watchpoints);
    g_test_add_func("/step/mov-ss", test_mov_ss_holds_back);
    g_test_add_func("/step/nmi", test_nmi_between);
    return g_test_run();
}
