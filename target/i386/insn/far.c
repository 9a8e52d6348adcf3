/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far JMP, CALL, RET, IRET; INT n, INT3, INTO, INT1; SYSCALL and SYSENTER with their returns; RSM.
 *
 * Segmented transfers are system/far.c and system/interrupt.c; SYSCALL and SYSENTER load fixed flat segments here.
 * Spec: SDM vol. 2 under each name; AMD APM vol. 3 for SYSCALL outside of 64-bit mode.
 */
#include "target/i386/insn/operand.h"
#include "target/i386/system/cpu_models.h"
#include "target/i386/system/system.h"

/*
 * Ends a transfer. A task switch has left cpu->insn behind; and where TF was set before but is not after, no
 * single-step trap follows: both end the block here and now.
 */
static void finish(CpuX86 *cpu, bool stepping)
{
    if (!cpu->insn || (stepping && !(cpu->rflags & RFLAGS_TF))) {
        cpu_leave_block(cpu);
    }
}

static void far_pointer(CpuX86 *cpu, const Insn *insn, uint16_t *selector, uint64_t *offset)
{
    if (insn_has_mem(insn)) {
        uint64_t ea = insn_ea(cpu, insn), mask = insn->addr_size == 8 ? UINT64_MAX : insn->addr_size == 4 ? UINT32_MAX : 0xffff;

        *offset = seg_load(cpu, insn->size * 8, insn->seg, ea);
        *selector = cpu_ld16(cpu, insn->seg, (ea + insn->size) & mask);
    } else {
        *offset = (uint32_t)insn->imm;
        *selector = insn->imm >> 32;
    }
}

static void jmp_far(CpuX86 *cpu, const Insn *insn)
{
    uint16_t selector;
    uint64_t offset;

    far_pointer(cpu, insn, &selector, &offset);
    cpu_far_jump(cpu, selector, offset, insn->size, insn_next_rip(cpu, insn));
    finish(cpu, false);
}

static void call_far(CpuX86 *cpu, const Insn *insn)
{
    uint16_t selector;
    uint64_t offset;

    far_pointer(cpu, insn, &selector, &offset);
    cpu_far_call(cpu, selector, offset, insn->size, insn_next_rip(cpu, insn));
    finish(cpu, false);
}

static void ret_far(CpuX86 *cpu, const Insn *insn)
{
    cpu_far_return(cpu, insn->size, insn_row(insn)->opcode == 0xca ? (uint16_t)insn->imm : 0);
}

static void iret(CpuX86 *cpu, const Insn *insn)
{
    cpu_iret(cpu, insn->size, insn_next_rip(cpu, insn));
    finish(cpu, false);
}

static void interrupt(CpuX86 *cpu, const Insn *insn, int vector, EventKind kind)
{
    bool stepping = cpu->rflags & RFLAGS_TF;

    cpu_int(cpu, vector, kind, insn_next_rip(cpu, insn));
    finish(cpu, stepping);
}

static void int_n(CpuX86 *cpu, const Insn *insn) { interrupt(cpu, insn, (uint8_t)insn->imm, EVENT_SOFT); }
static void int3(CpuX86 *cpu, const Insn *insn) { interrupt(cpu, insn, VECTOR_BP, EVENT_SOFT); }
static void int1(CpuX86 *cpu, const Insn *insn) { interrupt(cpu, insn, VECTOR_DB, EVENT_INT1); }

static void into(CpuX86 *cpu, const Insn *insn)
{
    if (flag_of(cpu)) {
        interrupt(cpu, insn, VECTOR_OF, EVENT_SOFT);
    } else {
        cpu->rip = insn_next_rip(cpu, insn);
    }
}

InsnFn *bind_far(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_JMPF: return jmp_far;
    case OP_CALLF: return call_far;
    case OP_RETF: return ret_far;
    case OP_IRET: return iret;
    case OP_INT: return int_n;
    case OP_INT3: return int3;
    case OP_INT1: return int1;
    case OP_INTO: return into;
    default: return NULL;
    }
}

/* SYSCALL, SYSENTER: flat segments whatever the tables say. */
static void load_flat(CpuX86 *cpu, uint16_t code_selector, uint16_t stack_selector, int cpl, bool code64)
{
    uint16_t common = SEG_S | SEG_P | SEG_G | cpl << SEG_DPL_SHIFT;

    cpu->seg[R_CS] = (SegmentCache){ .selector = (code_selector & ~3) | cpl, .limit = UINT32_MAX,
                                     .attr = common | 0xb | (code64 ? SEG_L : SEG_DB) };
    cpu->seg[R_SS] = (SegmentCache){ .selector = (stack_selector & ~3) | cpl, .limit = UINT32_MAX, .attr = common | 3 | SEG_DB };
}

static void syscall_insn(CpuX86 *cpu, const Insn *insn)
{
    uint64_t flags = cpu_get_rflags(cpu), next = insn_next_rip(cpu, insn);
    uint16_t selector = cpu->msr.star >> 32;
    bool stepping = flags & RFLAGS_TF;

    if (!(cpu->msr.efer & EFER_SCE) || (!cpu_in_64(cpu) && !x86_cpu_is_amd(cpu))) {
        cpu_raise(cpu, VECTOR_UD);
    }
    if (cpu_in_long(cpu)) {
        cpu->regs[R_RCX] = next;
        cpu->regs[R_R11] = flags & ~(uint64_t)RFLAGS_RF;
        cpu->rip = cpu_in_64(cpu) ? cpu->msr.lstar : cpu->msr.cstar;
        load_flat(cpu, selector, selector + 8, 0, true);
        flags &= ~(cpu->msr.fmask | RFLAGS_RF);
    } else {
        cpu->regs[R_RCX] = next;
        cpu->rip = (uint32_t)cpu->msr.star;
        load_flat(cpu, selector, selector + 8, 0, false);
        flags &= ~(uint64_t)(RFLAGS_VM | RFLAGS_IF | RFLAGS_RF);
    }
    cpu_set_rflags(cpu, flags);
    cpu_update_mode(cpu);
    finish(cpu, stepping);
}

static void sysret(CpuX86 *cpu, const Insn *insn)
{
    uint64_t flags = cpu_get_rflags(cpu), rcx = cpu->regs[R_RCX];
    uint16_t selector = cpu->msr.star >> 48;

    if (!(cpu->msr.efer & EFER_SCE) || (!cpu_in_64(cpu) && !x86_cpu_is_amd(cpu))) {
        cpu_raise(cpu, VECTOR_UD);
    }
    if (cpu_in_long(cpu)) {
        bool to64 = insn->size == 8;

        if (to64 && !x86_cpu_is_amd(cpu) && !cpu_canonical(cpu, rcx)) {
            cpu_fault(cpu, VECTOR_GP, 0, CAUSE_CODE_NOT_CANONICAL, rcx, 0);
        }
        flags = (cpu->regs[R_R11] & 0x3c7fd7) | RFLAGS_FIXED1;
        cpu->rip = to64 ? rcx : (uint32_t)rcx;
        load_flat(cpu, selector + (to64 ? 16 : 0), selector + 8, 3, to64);
    } else {
        flags |= RFLAGS_IF;
        cpu->rip = (uint32_t)rcx;
        load_flat(cpu, selector, selector + 8, 3, false);
    }
    cpu_set_rflags(cpu, flags);
    cpu_update_mode(cpu);
}

static void sysenter(CpuX86 *cpu, const Insn *insn)
{
    uint16_t selector = (uint16_t)cpu->msr.sysenter_cs;
    bool to64 = cpu_in_long(cpu);

    if (cpu_in_64(cpu) && x86_cpu_is_amd(cpu)) {
        cpu_raise(cpu, VECTOR_UD);
    }
    if (!(cpu->cr0 & CR0_PE) || !(selector & ~3)) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    cpu->rip = to64 ? cpu->msr.sysenter_eip : (uint32_t)cpu->msr.sysenter_eip;
    cpu->regs[R_RSP] = to64 ? cpu->msr.sysenter_esp : (uint32_t)cpu->msr.sysenter_esp;
    load_flat(cpu, selector, selector + 8, 0, to64);
    cpu_set_rflags(cpu, cpu_get_rflags(cpu) & ~(uint64_t)(RFLAGS_VM | RFLAGS_IF | RFLAGS_RF));
    cpu_update_mode(cpu);
}

static void sysexit(CpuX86 *cpu, const Insn *insn)
{
    uint16_t selector = (uint16_t)cpu->msr.sysenter_cs;
    bool to64 = insn->size == 8;
    uint64_t rip = cpu->regs[R_RDX], rsp = cpu->regs[R_RCX];

    if (cpu_in_64(cpu) && x86_cpu_is_amd(cpu)) {
        cpu_raise(cpu, VECTOR_UD);
    }
    if (!(cpu->cr0 & CR0_PE) || !(selector & ~3)) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    if (to64 && (!cpu_canonical(cpu, rip) || !cpu_canonical(cpu, rsp))) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_CODE_NOT_CANONICAL, rip, 0);
    }
    cpu->rip = to64 ? rip : (uint32_t)rip;
    cpu->regs[R_RSP] = to64 ? rsp : (uint32_t)rsp;
    load_flat(cpu, selector + (to64 ? 32 : 16), selector + (to64 ? 40 : 24), 3, to64);
    cpu_update_mode(cpu);
}

InsnFn *bind_syscall(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_SYSCALL: return syscall_insn;
    case OP_SYSRET: return sysret;
    case OP_SYSENTER: return sysenter;
    case OP_SYSEXIT: return sysexit;
    default: return NULL;
    }
}

static void rsm(CpuX86 *cpu, const Insn *insn)
{
    if (!cpu->smm) {
        cpu_raise(cpu, VECTOR_UD);
    }
    cpu_leave_smm(cpu);
    finish(cpu, false);
}
InsnFn *bind_smm(const CpuX86 *cpu, Insn *insn) { return rsm; }
