/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stack: PUSH POP PUSHA POPA PUSHF POPF ENTER LEAVE.
 *
 * RSP moves only once nothing can fault any more. The operand size says how much is pushed, the stack segment (or
 * 64-bit mode) which part of RSP is the pointer. Spec: SDM vol. 2; vm86 and VME: vol. 3, 20.
 */
#include "target/i386/insn/operand.h"

/* Address of [rSP + delta] as the mode wraps it. */
static inline uint64_t stack_at(const CpuX86 *cpu, int64_t delta)
{
    return cpu_stack_wrap(cpu, cpu->regs[R_RSP] + delta);
}

static ALWAYS_INLINE void push(CpuX86 *cpu, unsigned bits, uint64_t v)
{
    uint64_t sp = stack_at(cpu, -(int)(bits / 8));

    seg_store(cpu, bits, R_SS, sp, v);
    cpu_set_sp(cpu, sp);
}

/* The fast half, as FAST_MEM() of an operand: @host is the stack slot at @sp, which is below (push) or at (pop) RSP. */
#define FAST_STACK(cpu, insn, bits, tag, sp, host, general) \
    const TlbEntry *entry_ = &(cpu)->tlb[tlb_slot(sp)]; \
    if (UNLIKELY(!tlb_hit(entry_->tag, sp, (bits) / 8))) { \
        general(cpu, insn); \
        return; \
    } \
    void *host = tlb_host(entry_, sp)

#define PUSH_FNS(bits, name, value) \
    static void name##_##bits(CpuX86 *cpu, const Insn *insn) { push(cpu, bits, value); } \
    static void flat_##name##_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t sp = (cpu->regs[R_RSP] - bits / 8) & cpu->flat_mask; \
        FAST_STACK(cpu, insn, bits, write_tag, sp, host, name##_##bits); \
        host_store(bits, host, value); \
        cpu->regs[R_RSP] = sp; \
        INSN_NEXT(cpu, insn); \
    }
#define POP_FNS(bits, _) \
    static void pop_reg_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t v = seg_load(cpu, bits, R_SS, stack_at(cpu, 0)); \
        cpu_set_sp(cpu, stack_at(cpu, bits / 8)); \
        reg_write(cpu, bits, insn->rm, v);      /* POP rSP: the value wins */ \
    } \
    static void flat_pop_reg_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t sp = cpu->regs[R_RSP] & cpu->flat_mask; \
        FAST_STACK(cpu, insn, bits, read_tag, sp, host, pop_reg_##bits); \
        uint64_t v = host_load(bits, host); \
        cpu->regs[R_RSP] = (sp + bits / 8) & cpu->flat_mask; \
        reg_write(cpu, bits, insn->rm, v); \
        INSN_NEXT(cpu, insn); \
    } \
    static void pop_mem_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t v = seg_load(cpu, bits, R_SS, stack_at(cpu, 0)), old = cpu->regs[R_RSP]; \
        cpu_set_sp(cpu, stack_at(cpu, bits / 8)); \
        uint64_t off = insn_ea(cpu, insn), new = cpu->regs[R_RSP];  /* the address is formed with RSP already moved */ \
        cpu->regs[R_RSP] = old; \
        seg_store(cpu, bits, insn->seg, off, v); \
        cpu->regs[R_RSP] = new; \
    } \
    static void push_mem_##bits(CpuX86 *cpu, const Insn *insn) { push(cpu, bits, mem_read(cpu, insn, bits)); }
WIDE_SIZES(PUSH_FNS, push_reg, cpu->regs[insn->rm])
WIDE_SIZES(PUSH_FNS, push_imm, insn->imm)
WIDE_SIZES(POP_FNS, _)
#define ENTRIES(name) { NULL, name##_16, name##_32, name##_64 }
enum { PUSH_REG, PUSH_IMM, POP_REG, PUSH_MEM, POP_MEM };
static InsnFn *const stack_fns[][4] = { ENTRIES(push_reg), ENTRIES(push_imm), ENTRIES(pop_reg), ENTRIES(push_mem),
                                       ENTRIES(pop_mem) };
static InsnFn *const flat_fns[][4] = { ENTRIES(flat_push_reg), ENTRIES(flat_push_imm), ENTRIES(flat_pop_reg) };

static InsnFn *stack_fn(const CpuX86 *cpu, const Insn *insn, unsigned kind)
{
    return (stack_is_flat(cpu) && kind <= POP_REG ? flat_fns : stack_fns)[kind][size_log2(insn->size)];
}

/* Segment registers */

static int row_segment(const Insn *insn)
{
    switch (insn_row(insn)->operands[0]) {
    case OPERAND_ES: return R_ES;
    case OPERAND_CS: return R_CS;
    case OPERAND_SS: return R_SS;
    case OPERAND_DS: return R_DS;
    case OPERAND_FS: return R_FS;
    case OPERAND_GS: return R_GS;
    default: return -1;
    }
}

/* Of a 32-bit push only the low half is written, as processors of this century do. */
static void push_seg(CpuX86 *cpu, const Insn *insn)
{
    uint64_t sp = stack_at(cpu, -insn->size);
    uint16_t selector = cpu->seg[row_segment(insn)].selector;

    if (insn->size == 8) {
        cpu_st64(cpu, R_SS, sp, selector);
    } else {
        cpu_st16(cpu, R_SS, sp, selector);
    }
    cpu_set_sp(cpu, sp);
}

static void pop_seg(CpuX86 *cpu, const Insn *insn)
{
    int seg = row_segment(insn);
    uint16_t selector = cpu_pop_peek(cpu, insn->size, 0);
    uint64_t old = cpu->regs[R_RSP];

    /* The pointer moves by the old stack's size even if this is POP SS; should the load fault, it has not moved. */
    cpu_pop_commit(cpu, insn->size);
    uint64_t new = cpu->regs[R_RSP];
    cpu->regs[R_RSP] = old;
    cpu_load_segment(cpu, seg, selector);
    cpu->regs[R_RSP] = new;
    if (seg == R_SS) {
        cpu->interrupt_shadow = 2;
    }
}

/* All registers */

static void pusha(CpuX86 *cpu, const Insn *insn)
{
    for (int i = 1; i <= 8; i++) {
        cpu_probe_write(cpu, R_SS, stack_at(cpu, -i * insn->size), insn->size);
    }
    for (int i = 0; i < 8; i++) {
        uint64_t sp = stack_at(cpu, -(i + 1) * insn->size);
        if (insn->size == 2) {
            cpu_st16(cpu, R_SS, sp, cpu->regs[i]);
        } else {
            cpu_st32(cpu, R_SS, sp, cpu->regs[i]);
        }
    }
    cpu_set_sp(cpu, stack_at(cpu, -8 * insn->size));
}

static void popa(CpuX86 *cpu, const Insn *insn)
{
    uint64_t values[8];

    for (int i = 0; i < 8; i++) {
        values[7 - i] = cpu_pop_peek(cpu, insn->size, i * insn->size);
    }
    cpu_pop_commit(cpu, 8 * insn->size);
    for (int i = 0; i < 8; i++) {
        if (i != R_RSP) {
            reg_write(cpu, insn->size == 2 ? 16 : 32, i, values[i]);
        }
    }
}

/* Flags */

static unsigned iopl(const CpuX86 *cpu) { return cpu->rflags >> 12 & 3; }

static void pushf(CpuX86 *cpu, const Insn *insn)
{
    uint64_t flags = cpu_get_rflags(cpu) & ~(uint64_t)(RFLAGS_RF | RFLAGS_VM);

    if (cpu->mode_flags & MODE_VM86 && iopl(cpu) < 3) {
        if (!(cpu->cr4 & CR4_VME) || insn->size != 2) {
            cpu_raise_error(cpu, VECTOR_GP, 0);
        }
        flags = (flags & ~(uint64_t)RFLAGS_IF) | RFLAGS_IOPL | (cpu->rflags & RFLAGS_VIF ? RFLAGS_IF : 0);
    }
    cpu_push(cpu, insn->size, flags);
}

static void popf(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value = cpu_pop_peek(cpu, insn->size, 0), old = cpu_get_rflags(cpu);
    uint64_t may_change = RFLAGS_ARITH | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID;

    if (cpu->mode_flags & MODE_VM86) {
        if (iopl(cpu) == 3) {
            may_change |= RFLAGS_IF;
        } else if ((cpu->cr4 & CR4_VME) && insn->size == 2) {
            if (value & RFLAGS_TF || (value & RFLAGS_IF && old & RFLAGS_VIP)) {
                cpu_raise_error(cpu, VECTOR_GP, 0);
            }
            old = (old & ~(uint64_t)RFLAGS_VIF) | (value & RFLAGS_IF ? RFLAGS_VIF : 0);
        } else {
            cpu_raise_error(cpu, VECTOR_GP, 0);
        }
    } else {
        may_change |= cpu_cpl(cpu) == 0 ? RFLAGS_IOPL : 0;
        may_change |= cpu_cpl(cpu) <= (int)iopl(cpu) ? RFLAGS_IF : 0;
    }
    if (insn->size == 2) {
        may_change &= 0xffff;
    }
    cpu_pop_commit(cpu, insn->size);
    cpu_set_rflags(cpu, ((old & ~may_change) | (value & may_change)) & ~(uint64_t)RFLAGS_RF);
}

/* Frames */

static void st_size(CpuX86 *cpu, unsigned size, uint64_t sp, uint64_t v)
{
    switch (size) {
    case 2: cpu_st16(cpu, R_SS, sp, v); break;
    case 4: cpu_st32(cpu, R_SS, sp, v); break;
    default: cpu_st64(cpu, R_SS, sp, v); break;
    }
}

static uint64_t ld_size(CpuX86 *cpu, unsigned size, uint64_t sp)
{
    return size == 2 ? cpu_ld16(cpu, R_SS, sp) : size == 4 ? cpu_ld32(cpu, R_SS, sp) : cpu_ld64(cpu, R_SS, sp);
}

static void enter(CpuX86 *cpu, const Insn *insn)
{
    unsigned size = insn->size, level = insn->imm2 % 32, bytes = (uint16_t)insn->imm;
    uint64_t sp = stack_at(cpu, -(int)size), frame = sp, bp = cpu->regs[R_RBP];

    st_size(cpu, size, sp, bp);
    for (unsigned i = 1; i < level; i++) {
        bp -= size;
        sp = cpu_stack_wrap(cpu, sp - size);
        st_size(cpu, size, sp, ld_size(cpu, size, cpu_stack_wrap(cpu, bp)));
    }
    if (level) {
        sp = cpu_stack_wrap(cpu, sp - size);
        st_size(cpu, size, sp, frame);
    }
    sp = cpu_stack_wrap(cpu, sp - bytes);
    cpu_probe_write(cpu, R_SS, sp, 1);
    cpu_set_sp(cpu, sp);
    reg_write(cpu, size * 8, R_RBP, frame);
}

static void leave(CpuX86 *cpu, const Insn *insn)
{
    uint64_t sp = cpu_stack_wrap(cpu, cpu->regs[R_RBP]);
    uint64_t bp = ld_size(cpu, insn->size, sp);

    cpu_set_sp(cpu, cpu_stack_wrap(cpu, sp + insn->size));
    reg_write(cpu, insn->size * 8, R_RBP, bp);
}

InsnFn *bind_stack(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    bool memory = insn_has_mem(insn);

    switch (row->op) {
    case OP_PUSH:
        if (row_segment(insn) >= 0) {
            return push_seg;
        }
        return stack_fn(cpu, insn, row->imm_kind[0] ? PUSH_IMM : memory ? PUSH_MEM : PUSH_REG);
    case OP_POP: return row_segment(insn) >= 0 ? pop_seg : stack_fn(cpu, insn, memory ? POP_MEM : POP_REG);
    case OP_PUSHA: return pusha;
    case OP_POPA: return popa;
    case OP_PUSHF: return pushf;
    case OP_POPF: return popf;
    case OP_ENTER: return enter;
    case OP_LEAVE: return leave;
    default: return NULL;
    }
}
