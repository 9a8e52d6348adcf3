/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System semantics that end well: task switches, call gates, vm86, SYSCALL and SYSENTER, NMI, SMM. What raises is in
 * test-exceptions.c.
 */
#include "core/vm.h"
#include "tests/check.h"
#include "tests/tcg/bare.h"
#include "target/i386/system/system.h"

enum { SEL = BARE_GDT_FREE, SEL2 = BARE_GDT_FREE + 0x10, NEW_TSS = 0x9000, NEW_CODE = 0xa000, NEW_STACK = 0x6800, NEW_STACK0 = 0x5800 };

static CpuX86 *start(BareMode mode)
{
    static const uint8_t zeros[0x200];

    bare_reset(bare.cpu[0], mode);
    bare_code(NEW_TSS, zeros, sizeof zeros);
    return bare.cpu[0];
}

static uint16_t ld16(uint64_t addr) { return bare_ld32(addr) & 0xffff; }
static unsigned gdt_type(uint16_t selector) { return bare_ld64(BARE_GDT + (selector & ~7)) >> 40 & 15; }

/* --- Tasks --- */

/* The current task's descriptor is busy, as LTR leaves it; a second task waits at NEW_TSS under selector SEL. */
static CpuX86 *two_tasks(bool user)
{
    CpuX86 *cpu = start(BARE_PROT32);
    uint16_t data = user ? BARE_USER_DATA : BARE_DATA32;

    bare_gdt(BARE_TSS_SELECTOR, BARE_TSS, 0x7ff, 0x8b);
    bare_gdt(SEL, NEW_TSS, 0x67, 0x89);
    bare_st32(NEW_TSS + 0x04, NEW_STACK0);
    bare_st32(NEW_TSS + 0x08, BARE_DATA32);
    bare_st32(NEW_TSS + 0x20, NEW_CODE);
    bare_st32(NEW_TSS + 0x24, RFLAGS_FIXED1 | RFLAGS_CF);
    for (unsigned i = 0; i < 8; i++) {
        bare_st32(NEW_TSS + 0x28 + 4 * i, i == R_RSP ? NEW_STACK : 0x11110000 + i);
    }
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        bare_st32(NEW_TSS + 0x48 + 4 * i, i == R_CS ? user ? BARE_USER_CODE32 : BARE_CODE32 : data);
    }
    BARE_CODE_AT(NEW_CODE, 0xf4);
    cpu->regs[R_RBX] = 0x2222;
    return cpu;
}

static void check_in_new_task(CpuX86 *cpu)
{
    check_int(cpu->rip, ==, NEW_CODE + 1, "the new task ran to its HLT");
    check_int(cpu->tr.selector, ==, SEL, "TR names the new task");
    check_int(cpu->regs[R_RSI], ==, 0x11110000 + R_RSI, "registers came from the TSS");
    check_int(cpu->regs[R_RSP], ==, NEW_STACK, "and the stack pointer");
    check_true(cpu->cr0 & CR0_TS, "CR0.TS is set");
    check_int(gdt_type(SEL), ==, SYS_TSS_BUSY, "the new TSS is busy");
}

static void test_task_jump(void)
{
    CpuX86 *cpu = two_tasks(false);

    BARE_CODE_AT(BARE_CODE, 0xea, 0, 0, 0, 0, SEL, 0);
    check_int(bare_run(cpu), ==, VECTOR_NONE, "JMP to a TSS");
    check_in_new_task(cpu);
    check_int(gdt_type(BARE_TSS_SELECTOR), ==, SYS_TSS_AVAILABLE, "JMP frees the old TSS");
    check_int(bare_ld32(BARE_TSS + 0x20), ==, BARE_CODE + 7, "the old task goes on behind the JMP");
    check_int(bare_ld32(BARE_TSS + 0x28 + 4 * R_RBX), ==, 0x2222, "the old registers are saved");
    check_int(ld16(BARE_TSS + 0x4c), ==, BARE_CODE32, "the old CS is saved");
    check_int(ld16(NEW_TSS), ==, 0, "JMP leaves no back link");
    check_true(!(cpu->rflags & RFLAGS_NT), "nor NT");
}

static void test_task_call_and_return(void)
{
    CpuX86 *cpu = two_tasks(false);

    BARE_CODE_AT(BARE_CODE, 0x9a, 0, 0, 0, 0, SEL, 0, 0xf4);
    BARE_CODE_AT(NEW_CODE, 0xf4, 0xcf);
    check_int(bare_run(cpu), ==, VECTOR_NONE, "CALL to a TSS");
    check_in_new_task(cpu);
    check_int(gdt_type(BARE_TSS_SELECTOR), ==, SYS_TSS_BUSY, "CALL keeps the old TSS busy");
    check_int(ld16(NEW_TSS), ==, BARE_TSS_SELECTOR, "the back link names the old task");
    check_true(cpu->rflags & RFLAGS_NT, "NT is set");
    check_int(bare_run(cpu), ==, VECTOR_NONE, "IRET under NT");
    check_int(cpu->rip, ==, BARE_CODE + 8, "the old task went on behind the CALL");
    check_int(cpu->tr.selector, ==, BARE_TSS_SELECTOR, "TR is back");
    check_int(cpu->regs[R_RBX], ==, 0x2222, "registers are back");
    check_int(gdt_type(SEL), ==, SYS_TSS_AVAILABLE, "IRET frees the left TSS");
    check_int(bare_ld32(NEW_TSS + 0x20), ==, NEW_CODE + 2, "which would go on behind the IRET");
    check_true(!(bare_ld32(NEW_TSS + 0x24) & RFLAGS_NT), "with NT cleared in its image");
}

static void task_gate(int vector)
{
    bare_st64(BARE_IDT + 8 * vector, (uint64_t)SEL << 16 | 0xe5ull << 40);
}

static void test_task_by_interrupt(void)
{
    CpuX86 *cpu = two_tasks(false);

    task_gate(0x40);
    BARE_CODE_AT(BARE_CODE, 0xcd, 0x40);
    check_int(bare_run(cpu), ==, VECTOR_NONE, "INT through a task gate");
    check_in_new_task(cpu);
    check_int(bare_ld32(BARE_TSS + 0x20), ==, BARE_CODE + 2, "the INT is done");
    check_int(ld16(NEW_TSS), ==, BARE_TSS_SELECTOR, "back link");
}

static void test_task_by_exception_gets_error_code(void)
{
    CpuX86 *cpu = two_tasks(false);

    task_gate(VECTOR_GP);
    cpu->regs[R_RAX] = 0x808;
    BARE_CODE_AT(BARE_CODE, 0x8e, 0xd8);        /* MOV DS, AX */
    check_int(bare_run(cpu), ==, VECTOR_NONE, "#GP through a task gate");
    check_int(cpu->regs[R_RSP], ==, NEW_STACK - 4, "an error code is on the new stack");
    check_int(bare_ld32(NEW_STACK - 4), ==, 0x808, "it names the selector");
    check_int(bare_ld32(BARE_TSS + 0x20), ==, BARE_CODE, "the fault would be retried");
    check_true(bare_ld32(BARE_TSS + 0x24) & RFLAGS_RF, "with RF set");
}

static void test_task_16_bit(void)
{
    CpuX86 *cpu = two_tasks(false);

    bare_gdt(SEL, NEW_TSS, 0x2b, 0x81);
    bare_st32(NEW_TSS + 0x0e, NEW_CODE | RFLAGS_FIXED1 << 16);
    bare_st32(NEW_TSS + 0x12, 0x1234);
    bare_st32(NEW_TSS + 0x1a, NEW_STACK);
    bare_st32(NEW_TSS + 0x22, BARE_DATA16 | BARE_CODE16 << 16);
    bare_st32(NEW_TSS + 0x26, BARE_DATA16 | BARE_DATA16 << 16);
    bare_st32(NEW_TSS + 0x2a, 0);
    BARE_CODE_AT(BARE_CODE, 0xea, 0, 0, 0, 0, SEL, 0);
    check_int(bare_run(cpu), ==, VECTOR_NONE, "JMP to a 16-bit TSS");
    check_int(cpu->rip, ==, NEW_CODE + 1, "it ran");
    check_int((uint16_t)cpu->regs[R_RAX], ==, 0x1234, "AX came from the TSS");
    check_int(cpu->seg[R_CS].selector, ==, BARE_CODE16, "CS too");
    check_int(gdt_type(SEL), ==, SYS_TSS16_BUSY, "the TSS is busy");
}

static void test_task_trap_bit(void)
{
    CpuX86 *cpu = two_tasks(false);

    bare_st32(NEW_TSS + 0x64, 1);
    BARE_CODE_AT(BARE_CODE, 0xea, 0, 0, 0, 0, SEL, 0);
    check_int(bare_run(cpu), ==, VECTOR_DB, "the T bit traps");
    check_int(bare.trap.rip, ==, NEW_CODE, "before the first instruction");
    check_true(cpu->dr[6] & 1 << 15, "DR6.BT says so");
}

static void test_task_ldt_and_cr3(void)
{
    CpuX86 *cpu;

    two_tasks(false);
    cpu = bare.cpu[0];
    bare_gdt(SEL2, 0x9800, 0x17, 0x82);
    bare_st32(NEW_TSS + 0x60, SEL2);
    bare_st64(0x9808, 0x00cf93000000ffff);
    bare_st32(NEW_TSS + 0x54, 0x0c);            /* DS from the LDT */
    BARE_CODE_AT(BARE_CODE, 0xea, 0, 0, 0, 0, SEL, 0);
    check_int(bare_run(cpu), ==, VECTOR_NONE, "JMP to a task with an LDT");
    check_int(cpu->ldtr.base, ==, 0x9800, "LDTR is loaded");
    check_int(cpu->seg[R_DS].selector, ==, 0x0c, "and DS from it");
}

static const struct { const char *claim; unsigned offset; uint16_t value; int vector; uint32_t error; } bad_tasks[] = {
    { "SS beyond the GDT is #TS(selector) in the new task", 0x50, 0x80b, VECTOR_TS, 0x808 },
    { "SS null is #TS(0) in the new task", 0x50, 0, VECTOR_TS, 0 },
    { "CS null is #TS(0) in the new task", 0x4c, 3, VECTOR_TS, 0 },
    { "CS of a data segment is #TS(selector) in the new task", 0x4c, BARE_USER_DATA, VECTOR_TS, BARE_USER_DATA & ~3 },
    { "DS of a kernel segment is #TS(selector) in the new task", 0x54, BARE_DATA32 | 3, VECTOR_TS, BARE_DATA32 },
    { "LDT of another type is #TS(selector) in the new task", 0x60, BARE_DATA32, VECTOR_TS, BARE_DATA32 },
};

static void test_task_bad_state(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad_tasks); i++) {
        CpuX86 *cpu = two_tasks(true);

        bare_st32(NEW_TSS + bad_tasks[i].offset, bad_tasks[i].value);
        BARE_CODE_AT(BARE_CODE, 0xea, 0, 0, 0, 0, SEL, 0);
        check_int(bare_run(cpu), ==, bad_tasks[i].vector, "%s", bad_tasks[i].claim);
        check_int(bare.trap.error, ==, bad_tasks[i].error, "%s: error code", bad_tasks[i].claim);
        check_int(bare.trap.rip, ==, NEW_CODE, "%s: EIP is the new task's", bad_tasks[i].claim);
        check_int(cpu->tr.selector, ==, SEL, "%s: TR too", bad_tasks[i].claim);
    }
}

static void test_task_refused(void)
{
    CpuX86 *cpu = two_tasks(false);

    bare_gdt(SEL, NEW_TSS, 0x66, 0x89);
    BARE_CODE_AT(BARE_CODE, 0xea, 0, 0, 0, 0, SEL, 0);
    check_int(bare_run(cpu), ==, VECTOR_TS, "a TSS that is too short is #TS");
    check_int(bare.trap.error, ==, SEL, "of the new selector");
    check_int(bare.trap.rip, ==, BARE_CODE, "in the old task");
    check_int(cpu->tr.selector, ==, BARE_TSS_SELECTOR, "nothing is switched");

    cpu = two_tasks(false);
    bare_gdt(SEL, NEW_TSS, 0x67, 0x8b);
    BARE_CODE_AT(BARE_CODE, 0xea, 0, 0, 0, 0, SEL, 0);
    check_int(bare_run(cpu), ==, VECTOR_GP, "a busy TSS is #GP");
    check_int(bare.trap.error, ==, SEL, "of its selector");
}

/* --- Call gates --- */

static void test_call_gate_copies_parameters(void)
{
    CpuX86 *cpu = start(BARE_PROT32);
    uint64_t sp;

    bare_st64(BARE_GDT + SEL, NEW_CODE | (uint64_t)BARE_CODE32 << 16 | 2ull << 32 | 0xecull << 40);
    BARE_CODE_AT(BARE_CODE, 0x6a, 0x11, 0x6a, 0x22, 0x9a, 0, 0, 0, 0, SEL | 3, 0, 0xf4);
    BARE_CODE_AT(NEW_CODE, 0xf4, 0xca, 8, 0);
    bare_user(cpu, 0);
    check_int(bare_run(cpu), ==, VECTOR_NONE, "a far CALL through a gate");
    sp = cpu->regs[R_RSP];
    check_int(cpu_cpl(cpu), ==, 0, "CPL is the gate target's");
    check_int(sp, ==, BARE_RING0_STACK - 24, "six words are on the inner stack");
    check_int(bare_ld32(sp), ==, BARE_CODE + 11, "return EIP");
    check_int(bare_ld32(sp + 4), ==, BARE_USER_CODE32, "return CS");
    check_int(bare_ld32(sp + 8), ==, 0x22, "last parameter");
    check_int(bare_ld32(sp + 12), ==, 0x11, "first parameter");
    check_int(bare_ld32(sp + 16), ==, BARE_STACK - 8, "old ESP");
    check_int(bare_ld32(sp + 20), ==, BARE_USER_DATA, "old SS");
    check_int(bare_run(cpu), ==, VECTOR_GP, "RETF 8, then HLT by user code");
    check_int(bare.trap.rip, ==, BARE_CODE + 11, "back behind the CALL");
    check_int(bare.trap.rsp, ==, BARE_STACK, "parameters are released on the outer stack");
    check_int(bare.trap.cs, ==, BARE_USER_CODE32, "CS is back");
}

static void test_return_drops_inner_segments(void)
{
    CpuX86 *cpu = start(BARE_PROT32);

    BARE_CODE_AT(BARE_CODE, 0x6a, BARE_USER_DATA, 0x6a, 0, 0x6a, BARE_USER_CODE32, 0x68, 0x00, 0xa0, 0, 0, 0xcb);
    BARE_CODE_AT(NEW_CODE, 0xcc);
    check_int(bare_run(cpu), ==, VECTOR_BP, "RETF to user code");
    check_int(cpu->seg[R_DS].selector, ==, 0, "DS of the kernel is gone");
    check_int(bare.trap.ss, ==, BARE_USER_DATA, "SS is the user's");
}

/* --- vm86 --- */

static void test_vm86_round_trip(void)
{
    static const uint32_t frame[] = { 0x10, 0x900, RFLAGS_VM | RFLAGS_FIXED1 | 3 << 12, 0x100, 0x700, 0xe5, 0xd5, 0xf5, 0x65 };
    CpuX86 *cpu = start(BARE_PROT32);
    uint64_t sp;

    cpu->regs[R_RSP] -= sizeof frame;
    bare_code(cpu->regs[R_RSP], frame, sizeof frame);
    BARE_CODE_AT(BARE_CODE, 0xcf);
    BARE_CODE_AT(0x9010, 0x8c, 0xd8, 0xcc);     /* MOV AX, DS; INT3 */
    check_int(bare_run(cpu), ==, VECTOR_BP, "IRET into vm86 and INT3 out of it");
    check_int((uint16_t)cpu->regs[R_RAX], ==, 0xd5, "DS was loaded from the frame");
    check_int(bare.trap.rip, ==, 0x13, "saved IP");
    check_true(bare.trap.rflags & RFLAGS_VM, "saved VM");
    sp = cpu->regs[R_RSP];
    check_int(sp, ==, BARE_RING0_STACK - 36, "nine words on the inner stack");
    check_int(bare_ld32(sp + 4), ==, 0x900, "CS");
    check_int(bare_ld32(sp + 12), ==, 0x100, "ESP");
    check_int(bare_ld32(sp + 16), ==, 0x700, "SS");
    check_int(bare_ld32(sp + 20), ==, 0xe5, "ES");
    check_int(bare_ld32(sp + 24), ==, 0xd5, "DS");
    check_int(bare_ld32(sp + 28), ==, 0xf5, "FS");
    check_int(bare_ld32(sp + 32), ==, 0x65, "GS");
    check_int(cpu->seg[R_DS].selector | cpu->seg[R_GS].selector, ==, 0, "data segments are null in the handler");
    check_true(!(cpu->rflags & RFLAGS_VM), "VM is clear");
}

static void test_vme_redirects_interrupts(void)
{
    CpuX86 *cpu = start(BARE_PROT32);

    cpu->cr4 |= CR4_VME;
    cpu_set_rflags(cpu, RFLAGS_VM | RFLAGS_VIF | RFLAGS_FIXED1);
    for (int i = 0; i < SEG_COUNT; i++) {
        cpu->seg[i] = (SegmentCache){ .limit = 0xffff, .attr = 0xf3 };
    }
    cpu_update_mode(cpu);
    bare_st32(4 * 0x21, 0x900 << 16 | 0x20);
    BARE_CODE_AT(BARE_CODE, 0xcd, 0x21);
    BARE_CODE_AT(0x9020, 0xf4);
    check_int(bare_run(cpu), ==, VECTOR_GP, "INT 21h stays in vm86, where HLT is #GP");
    check_int(bare.trap.rip, ==, 0x20, "at the table's target");
    check_int(bare.trap.cs, ==, 0x900, "CS too");
    check_int(ld16(BARE_STACK - 6), ==, BARE_CODE + 2, "IP is on the vm86 stack");
    check_int(ld16(BARE_STACK - 2) & (RFLAGS_IF | RFLAGS_IOPL), ==, RFLAGS_IF | RFLAGS_IOPL, "flags show VIF as IF, IOPL as 3");
    check_true(!(bare.trap.rflags & RFLAGS_VIF), "VIF is clear in the handler");
}

/* --- Fast system calls --- */

static void test_syscall_and_sysret(void)
{
    CpuX86 *cpu = start(BARE_LONG);

    cpu->msr.star = (uint64_t)BARE_USER_DATA << 48 | (uint64_t)BARE_CODE64 << 32;
    cpu->msr.lstar = NEW_CODE;
    cpu->msr.fmask = RFLAGS_IF | RFLAGS_CF;
    BARE_CODE_AT(BARE_CODE, 0xf9, 0x0f, 0x05, 0xf4);    /* STC; SYSCALL; HLT */
    BARE_CODE_AT(NEW_CODE, 0xf4, 0x48, 0x0f, 0x07);     /* HLT; SYSRETQ */
    bare_user(cpu, 0);
    check_int(bare_run(cpu), ==, VECTOR_NONE, "SYSCALL");
    check_int(cpu->rip, ==, NEW_CODE + 1, "at LSTAR");
    check_int(cpu->regs[R_RCX], ==, BARE_CODE + 3, "RCX holds the return address");
    check_true(cpu->regs[R_R11] & RFLAGS_CF, "R11 holds the flags");
    check_true(!(cpu_get_rflags(cpu) & RFLAGS_CF), "FMASK cleared them");
    check_int(cpu_cpl(cpu), ==, 0, "CPL 0");
    check_int(cpu->seg[R_CS].selector, ==, BARE_CODE64, "CS");
    check_int(cpu->seg[R_SS].selector, ==, BARE_CODE64 + 8, "SS");
    check_int(bare_run(cpu), ==, VECTOR_GP, "SYSRET, then HLT by user code");
    check_int(bare.trap.rip, ==, BARE_CODE + 3, "back behind the SYSCALL");
    check_int(bare.trap.cs, ==, ((BARE_USER_DATA + 16) & ~3) | 3, "CS");
    check_int(bare.trap.ss, ==, ((BARE_USER_DATA + 8) & ~3) | 3, "SS");
    check_true(bare.trap.rflags & RFLAGS_CF, "flags are back");
}

static void test_sysenter_and_sysexit(void)
{
    CpuX86 *cpu = start(BARE_PROT32);

    cpu->msr.sysenter_cs = BARE_CODE32;
    cpu->msr.sysenter_eip = NEW_CODE;
    cpu->msr.sysenter_esp = NEW_STACK;
    BARE_CODE_AT(BARE_CODE, 0x0f, 0x34);
    BARE_CODE_AT(NEW_CODE, 0xf4, 0x0f, 0x35);
    BARE_CODE_AT(0xb000, 0xcc);
    bare_user(cpu, 0);
    check_int(bare_run(cpu), ==, VECTOR_NONE, "SYSENTER");
    check_int(cpu->rip, ==, NEW_CODE + 1, "at SYSENTER_EIP");
    check_int(cpu->regs[R_RSP], ==, NEW_STACK, "on SYSENTER_ESP");
    check_int(cpu_cpl(cpu), ==, 0, "CPL 0");
    cpu->regs[R_RDX] = 0xb000;
    cpu->regs[R_RCX] = 0x6000;
    check_int(bare_run(cpu), ==, VECTOR_BP, "SYSEXIT, then INT3 by user code");
    check_int(bare.trap.rip, ==, 0xb001, "at EDX");
    check_int(bare.trap.rsp, ==, 0x6000, "on ECX");
    check_int(bare.trap.cs, ==, BARE_CODE32 + 16 + 3, "CS is SYSENTER_CS + 16");
}

/* --- NMI --- */

static void test_nmi_blocks_until_iret(void)
{
    CpuX86 *cpu = start(BARE_PROT32);

    BARE_CODE_AT(BARE_CODE, 0xf4, 0x90, 0xcf);
    cpu_interrupt(&cpu->cpu, INTERRUPT_NMI);
    check_int(bare_run(cpu), ==, VECTOR_NMI, "an NMI is taken whatever IF is");
    check_int(bare.trap.rip, ==, BARE_CODE, "before the first instruction");
    cpu_interrupt(&cpu->cpu, INTERRUPT_NMI);
    cpu->rip = BARE_CODE;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "a second one waits");
    check_true(cpu->cpu.interrupt_request & INTERRUPT_NMI, "and is kept");
    check_int(bare_run(cpu), ==, VECTOR_NMI, "until IRET");
}

/* --- SMM --- */

enum { SMRAM = 0x30000, SAVE = SMRAM + 0xfe00 };

static void test_smm_round_trip(void)
{
    static const BareMode modes[] = { BARE_REAL, BARE_PROT32, BARE_PAGED32, BARE_PAE, BARE_LONG, BARE_LONG5 };

    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        CpuX86 *cpu = start(modes[i]);
        const char *where = bare_mode_names[modes[i]];
        uint64_t cr0 = cpu->cr0, cr3 = cpu->cr3, cr4 = cpu->cr4, efer = cpu->msr.efer;
        SegmentCache ds = cpu->seg[R_DS];

        for (unsigned n = 8; n < 16; n++) {
            cpu->regs[n] = 0x100000000ull * n + n;
        }
        cpu->regs[R_RSI] = 0x12345678;
        BARE_CODE_AT(SMRAM + 0x8000, 0xf4, 0x0f, 0xaa);
        BARE_CODE_AT(BARE_CODE, 0xf4);
        cpu_interrupt(&cpu->cpu, INTERRUPT_SMI);
        check_int(bare_run(cpu), ==, VECTOR_NONE, "%s: SMI", where);
        check_true(cpu->smm, "%s: in SMM", where);
        check_int(cpu->rip, ==, 0x8001, "%s: the handler ran", where);
        check_int(cpu->seg[R_CS].base, ==, SMRAM, "%s: CS base is SMBASE", where);
        check_int(cpu->seg[R_CS].selector, ==, 0x3000, "%s: CS selector", where);
        check_int(cpu->seg[R_DS].limit, ==, UINT32_MAX, "%s: 4 GiB limits", where);
        check_int(cpu->cr0 & (CR0_PE | CR0_PG), ==, 0, "%s: real mode", where);
        check_int(cpu->cr4 | cpu->msr.efer, ==, 0, "%s: CR4 and EFER are 0", where);
        check_int(bare_ld32(SAVE + 0xfc), ==, 0x20064, "%s: revision", where);
        check_int(bare_ld32(SAVE + 0x100), ==, SMRAM, "%s: SMBASE in the image", where);
        check_int(bare_ld64(SAVE + 0x178), ==, BARE_CODE, "%s: RIP in the image", where);
        check_int(bare_ld64(SAVE + 0x158), ==, cr0, "%s: CR0 in the image", where);
        check_int(bare_ld64(SAVE + 0xd0), ==, efer, "%s: EFER in the image", where);
        check_int(bare_ld64(SAVE + 0x1c8), ==, 0x12345678, "%s: RSI in the image", where);
        check_int(ld16(SAVE + 0x30), ==, ds.selector, "%s: DS selector in the image", where);

        cpu->regs[R_R15] = 1;
        check_int(bare_run(cpu), ==, VECTOR_NONE, "%s: RSM", where);
        check_true(!cpu->smm, "%s: out of SMM", where);
        check_int(cpu->rip, ==, BARE_CODE + 1, "%s: the interrupted code went on", where);
        check_int(cpu->cr0, ==, cr0, "%s: CR0 is back", where);
        check_int(cpu->cr3, ==, cr3, "%s: CR3 is back", where);
        check_int(cpu->cr4, ==, cr4, "%s: CR4 is back", where);
        check_int(cpu->msr.efer, ==, efer, "%s: EFER is back", where);
        check_int(cpu->regs[R_R15], ==, 0x100000000ull * 15 + 15, "%s: R15 is back", where);
        check_true(!memcmp(&cpu->seg[R_DS], &ds, sizeof ds), "%s: DS is back", where);
    }
}

static void test_smm_relocates(void)
{
    CpuX86 *cpu = start(BARE_PROT32);

    BARE_CODE_AT(SMRAM + 0x8000, 0xf4, 0x0f, 0xaa);
    BARE_CODE_AT(0x48000, 0xf4, 0x0f, 0xaa);
    BARE_CODE_AT(BARE_CODE, 0xf4, 0xf4);
    cpu_interrupt(&cpu->cpu, INTERRUPT_SMI);
    bare_run(cpu);
    bare_st32(SAVE + 0x100, 0x40000);
    bare_run(cpu);
    check_int(cpu->msr.smbase, ==, 0x40000, "RSM takes SMBASE from the image");
    cpu_interrupt(&cpu->cpu, INTERRUPT_SMI);
    bare_run(cpu);
    check_int(cpu->seg[R_CS].base, ==, 0x40000, "the next SMI goes there");
    check_int(bare_ld32(0x4fe00 + 0xfc), ==, 0x20064, "and saves there");
    bare_run(cpu);
}

static void test_smm_blocks_smi_and_nmi(void)
{
    CpuX86 *cpu = start(BARE_PROT32);

    BARE_CODE_AT(SMRAM + 0x8000, 0xf4, 0xf4, 0x0f, 0xaa);
    BARE_CODE_AT(BARE_CODE, 0xf4);
    cpu_interrupt(&cpu->cpu, INTERRUPT_SMI);
    bare_run(cpu);
    cpu_interrupt(&cpu->cpu, INTERRUPT_SMI | INTERRUPT_NMI);
    check_int(bare_run(cpu), ==, VECTOR_NONE, "neither is taken in SMM");
    check_int(cpu->rip, ==, 0x8002, "the handler goes on");
    cpu_interrupt_clear(&cpu->cpu, INTERRUPT_SMI);
    check_int(bare_run(cpu), ==, VECTOR_NMI, "the NMI comes after RSM");
}

static void test_smm_halt_goes_on(void)
{
    CpuX86 *cpu = start(BARE_PROT32);

    BARE_CODE_AT(SMRAM + 0x8000, 0x0f, 0xaa);
    BARE_CODE_AT(BARE_CODE, 0xf4, 0xcc);
    bare_run(cpu);
    __atomic_store_n(&cpu->cpu.halted, 1, __ATOMIC_SEQ_CST);
    cpu_interrupt(&cpu->cpu, INTERRUPT_SMI);
    check_true(cpu->cpu.ops->has_work(&cpu->cpu), "an SMI wakes a halted vCPU");
    __atomic_store_n(&cpu->cpu.exit_request, 0, __ATOMIC_SEQ_CST);      /* the kick */
    cpu->cpu.ops->tcg_run(&cpu->cpu);
    check_true(cpu->cpu.halted, "RSM halts it again");
    check_int(cpu->rip, ==, BARE_CODE + 1, "where it was");
    __atomic_store_n(&cpu->cpu.halted, 0, __ATOMIC_SEQ_CST);
}

static void test_rsm_of_nonsense_shuts_down(void)
{
    CpuX86 *cpu = start(BARE_PROT32);
    VmRequests requests;

    BARE_CODE_AT(SMRAM + 0x8000, 0xf4, 0x0f, 0xaa);
    cpu_interrupt(&cpu->cpu, INTERRUPT_SMI);
    bare_run(cpu);
    bare_st32(SAVE + 0x158, CR0_PG);            /* without PE */
    vm_take_requests();
    bare_run(cpu);
    check_true(cpu->in_shutdown, "the processor shuts down");
    requests = vm_take_requests();
    check_true(requests.reset, "and the machine is reset");
    check_true(death_report_last() && strstr(death_report_last()->cause, "RSM"), "the report names RSM");
}

/* --- Control registers, MSRs --- */

static const struct { const char *claim; uint32_t index; uint64_t value, mask; } msr_rows[] = {
    { "KERNEL_GS_BASE keeps a canonical address", 0xc0000102, 0xffff800012345678, ~0ull },
    { "TSC_AUX keeps 32 bits", 0xc0000103, 0x12345678, ~0ull },
    { "PAT", 0x277, 0x0007010600070106, ~0ull },
    { "MTRR_PHYSBASE0", 0x200, 0xc0000006, ~0ull },
    { "MTRR_PHYSMASK7", 0x20f, 0xffc0000800, ~0ull },
    { "MTRR_FIX64K", 0x250, 0x0606060606060606, ~0ull },
    { "MTRR_FIX4K_F8000", 0x26f, 0x0505050505050505, ~0ull },
    { "MTRR_DEF_TYPE", 0x2ff, 0xc06, ~0ull },
    { "SYSENTER_CS", 0x174, 0x10, ~0ull },
    { "MISC_ENABLE", 0x1a0, 0x1, ~0ull },
    { "TSC can be set", 0x10, 1ull << 40, ~0ull << 36 },
    { "MCG_STATUS", 0x17a, 5, ~0ull },
    { "FS_BASE", 0xc0000100, 0x7fff00000000, ~0ull },
};

static void test_msrs_keep_values(void)
{
    CpuX86 *cpu = start(BARE_LONG);

    for (size_t i = 0; i < G_N_ELEMENTS(msr_rows); i++) {
        cpu_wrmsr(cpu, msr_rows[i].index, msr_rows[i].value);
        check_int(cpu_rdmsr(cpu, msr_rows[i].index) & msr_rows[i].mask, ==, msr_rows[i].value & msr_rows[i].mask, "%s", msr_rows[i].claim);
    }
}

static void test_tsc_adjust_follows(void)
{
    CpuX86 *cpu = start(BARE_LONG);
    uint64_t before = cpu_tsc(cpu);

    cpu_wrmsr(cpu, 0x3b, 1ull << 50);
    check_true(cpu_tsc(cpu) >= before + (1ull << 50), "TSC_ADJUST moves the TSC");
    cpu_wrmsr(cpu, 0x10, 1000);
    check_true((int64_t)cpu_rdmsr(cpu, 0x3b) <= 1000, "writing the TSC moves TSC_ADJUST");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_start(1);
    g_test_add_func("/task/jump", test_task_jump);
    g_test_add_func("/task/call-and-return", test_task_call_and_return);
    g_test_add_func("/task/interrupt", test_task_by_interrupt);
    g_test_add_func("/task/exception-error-code", test_task_by_exception_gets_error_code);
    g_test_add_func("/task/16-bit", test_task_16_bit);
    g_test_add_func("/task/trap-bit", test_task_trap_bit);
    g_test_add_func("/task/ldt", test_task_ldt_and_cr3);
    g_test_add_func("/task/bad-state", test_task_bad_state);
    g_test_add_func("/task/refused", test_task_refused);
    g_test_add_func("/gate/parameters", test_call_gate_copies_parameters);
    g_test_add_func("/gate/return-drops-segments", test_return_drops_inner_segments);
    g_test_add_func("/vm86/round-trip", test_vm86_round_trip);
    g_test_add_func("/vm86/vme", test_vme_redirects_interrupts);
    g_test_add_func("/syscall", test_syscall_and_sysret);
    g_test_add_func("/sysenter", test_sysenter_and_sysexit);
    g_test_add_func("/nmi", test_nmi_blocks_until_iret);
    g_test_add_func("/smm/round-trip", test_smm_round_trip);
    g_test_add_func("/smm/relocation", test_smm_relocates);
    g_test_add_func("/smm/blocks", test_smm_blocks_smi_and_nmi);
    g_test_add_func("/smm/halt", test_smm_halt_goes_on);
    g_test_add_func("/smm/nonsense", test_rsm_of_nonsense_shuts_down);
    g_test_add_func("/msr/values", test_msrs_keep_values);
    g_test_add_func("/msr/tsc-adjust", test_tsc_adjust_follows);
    return g_test_run();
}
