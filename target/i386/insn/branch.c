/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Near branches: JMP CALL RET Jcc LOOP JCXZ; and compare-and-branch pairs run as one.
 *
 * A target is wrapped to the operand size, then checked (CS limit; canonical form in 64-bit mode) before anything is
 * pushed or popped. Each handler sets cpu->rip. Spec: SDM vol. 2.
 */
#include "target/i386/exec/exec.h"
#include "target/i386/insn/alu.h"
#include "target/i386/system/system.h"

/* Flat code: 64-bit, or 32-bit in a segment without limits, jumping with an operand size as wide. */
static bool code_is_flat(const CpuX86 *cpu, const Insn *insn)
{
    const uint32_t flat32 = MODE_CS32 | MODE_FLAT_CODE;
    return cpu->mode_flags & MODE_CS64 || ((cpu->mode_flags & flat32) == flat32 && insn->size == 4);
}

static void __attribute__((noinline, cold)) check_unusual_target(CpuX86 *cpu, uint64_t rip)
{
    if (!cpu_is_canonical(cpu, rip)) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_CODE_NOT_CANONICAL, rip, 0);
    }
}

/* @rip cut to the mode's width and checked. What fails the one test may still be canonical with 5-level paging. */
static ALWAYS_INLINE uint64_t flat_target(CpuX86 *cpu, uint64_t rip)
{
    rip &= cpu->flat_mask;
    if (UNLIKELY(((rip >> 47) + 1) & 0x1fffe)) {
        check_unusual_target(cpu, rip);
    }
    return rip;
}

static inline uint64_t any_target(CpuX86 *cpu, const Insn *insn, uint64_t rip)
{
    rip = insn->size == 2 ? (uint16_t)rip : insn->size == 4 ? (uint32_t)rip : rip;
    if (cpu->mode_flags & MODE_CS64) {
        return flat_target(cpu, rip);
    }
    if (!(cpu->mode_flags & MODE_FLAT_CODE) && rip > cpu->seg[R_CS].limit) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_CODE_OFFSET, rip, cpu->seg[R_CS].limit);
    }
    return rip;
}

static ALWAYS_INLINE uint64_t after(const CpuX86 *cpu, const Insn *insn)
{
    return cpu->block_rip + insn->offset + insn->length;
}

static ALWAYS_INLINE void jump_relative(CpuX86 *cpu, const Insn *insn, bool flat)
{
    uint64_t rip = after(cpu, insn) + insn->imm;
    cpu->rip = flat ? flat_target(cpu, rip) : any_target(cpu, insn, rip);
}

static ALWAYS_INLINE void jump_if(CpuX86 *cpu, const Insn *insn, bool taken, bool flat)
{
    if (taken) {
        jump_relative(cpu, insn, flat);
    } else {
        cpu->rip = flat ? after(cpu, insn) & cpu->flat_mask : insn_next_rip(cpu, insn);
    }
}

static void jmp_flat(CpuX86 *cpu, const Insn *insn) { jump_relative(cpu, insn, true); }
static void jmp_any(CpuX86 *cpu, const Insn *insn) { jump_relative(cpu, insn, false); }

#define CONDITIONS(X, ...)                                                                                             \
    X(0, __VA_ARGS__)                                                                                                  \
    X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__)        \
        X(7, __VA_ARGS__) X(8, __VA_ARGS__) X(9, __VA_ARGS__) X(10, __VA_ARGS__) X(11, __VA_ARGS__) X(12, __VA_ARGS__) \
            X(13, __VA_ARGS__) X(14, __VA_ARGS__) X(15, __VA_ARGS__)
#define JCC_FN(cc, _) \
    static void jcc_flat_##cc(CpuX86 *cpu, const Insn *insn) { jump_if(cpu, insn, flags_condition(cpu, cc), true); } \
    static void jcc_##cc(CpuX86 *cpu, const Insn *insn) { jump_if(cpu, insn, flags_condition(cpu, cc), false); }
CONDITIONS(JCC_FN, _)
#define JCC_ENTRY(cc, name) name##_##cc,
static InsnFn *const jcc_fns[2][16] = { { CONDITIONS(JCC_ENTRY, jcc) }, { CONDITIONS(JCC_ENTRY, jcc_flat) } };

/* LOOP, LOOPE, LOOPNE count rCX of the address size down; JCXZ looks at it. */

static inline uint64_t count_register(const CpuX86 *cpu, const Insn *insn)
{
    uint64_t c = cpu->regs[R_RCX];
    return insn->addr_size == 8 ? c : insn->addr_size == 4 ? (uint32_t)c : (uint16_t)c;
}

static ALWAYS_INLINE void loop_if(CpuX86 *cpu, const Insn *insn, bool condition)
{
    uint64_t count = count_register(cpu, insn) - 1;
    uint64_t mask = insn->addr_size == 8 ? UINT64_MAX : insn->addr_size == 4 ? UINT32_MAX : UINT16_MAX;

    jump_if(cpu, insn, (count & mask) != 0 && condition, false);
    reg_write(cpu, insn->addr_size == 8 ? 64 : insn->addr_size == 4 ? 32 : 16, R_RCX, count);
}

static void loop(CpuX86 *cpu, const Insn *insn) { loop_if(cpu, insn, true); }
static void loope(CpuX86 *cpu, const Insn *insn) { loop_if(cpu, insn, flag_zf(cpu)); }
static void loopne(CpuX86 *cpu, const Insn *insn) { loop_if(cpu, insn, !flag_zf(cpu)); }
static void jcxz(CpuX86 *cpu, const Insn *insn) { jump_if(cpu, insn, count_register(cpu, insn) == 0, false); }

/* Calls and returns. The flat forms also know the stack to be flat, and fall back on the general ones on a TLB miss. */

static void call_to(CpuX86 *cpu, const Insn *insn, uint64_t target)
{
    target = any_target(cpu, insn, target);
    cpu_push(cpu, insn->size, insn_next_rip(cpu, insn));
    cpu->rip = target;
}

static uint64_t read_target(CpuX86 *cpu, const Insn *insn)
{
    switch (insn->size) {
    case 2: return rm_read(cpu, insn, 16);
    case 4: return rm_read(cpu, insn, 32);
    default: return rm_read(cpu, insn, 64);
    }
}

static void call_rel(CpuX86 *cpu, const Insn *insn) { call_to(cpu, insn, after(cpu, insn) + insn->imm); }
static void call_rm(CpuX86 *cpu, const Insn *insn) { call_to(cpu, insn, read_target(cpu, insn)); }
static void jmp_rm(CpuX86 *cpu, const Insn *insn) { cpu->rip = any_target(cpu, insn, read_target(cpu, insn)); }
static void jmp_reg_flat(CpuX86 *cpu, const Insn *insn) { cpu->rip = flat_target(cpu, cpu->regs[insn->rm]); }

/* insn->imm: bytes of arguments to drop, 0 for plain RET */
static void ret(CpuX86 *cpu, const Insn *insn)
{
    cpu->rip = any_target(cpu, insn, cpu_pop_peek(cpu, insn->size, 0));
    cpu_pop_commit(cpu, insn->size + (uint16_t)insn->imm);
}

#define FLAT_CALL(bits, name, general, target_) \
    static void name##_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t sp = (cpu->regs[R_RSP] - bits / 8) & cpu->flat_mask; \
        const TlbEntry *e = &cpu->tlb[tlb_slot(sp)]; \
        if (UNLIKELY(!tlb_hit(e->write_tag, sp, bits / 8))) { \
            general(cpu, insn); \
            return; \
        } \
        uint64_t target = flat_target(cpu, target_); \
        host_store(bits, tlb_host(e, sp), after(cpu, insn)); \
        cpu->regs[R_RSP] = sp; \
        cpu->rip = target; \
    }
#define FLAT_RET(bits) \
    static void ret_flat_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t sp = cpu->regs[R_RSP] & cpu->flat_mask; \
        const TlbEntry *e = &cpu->tlb[tlb_slot(sp)]; \
        if (UNLIKELY(!tlb_hit(e->read_tag, sp, bits / 8))) { \
            ret(cpu, insn); \
            return; \
        } \
        cpu->rip = flat_target(cpu, host_load(bits, tlb_host(e, sp))); \
        cpu->regs[R_RSP] = (sp + bits / 8 + (uint16_t)insn->imm) & cpu->flat_mask; \
    }
FLAT_CALL(32, call_rel_flat, call_rel, after(cpu, insn) + insn->imm)
FLAT_CALL(64, call_rel_flat, call_rel, after(cpu, insn) + insn->imm)
FLAT_CALL(32, call_reg_flat, call_rm, cpu->regs[insn->rm])
FLAT_CALL(64, call_reg_flat, call_rm, cpu->regs[insn->rm])
FLAT_RET(32)
FLAT_RET(64)

InsnFn *bind_branch(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    bool flat = code_is_flat(cpu, insn), memory = insn_has_mem(insn), relative = row->imm_kind[0];
    bool flat_stack = flat && stack_is_flat(cpu), wide = insn->size == 8;

    switch (row->op) {
    case OP_Jcc: return jcc_fns[flat][row->opcode & 15];
    case OP_LOOP: return loop;
    case OP_LOOPE: return loope;
    case OP_LOOPNE: return loopne;
    case OP_JCXZ: return jcxz;
    case OP_JMP:
        if (relative) {
            return flat ? jmp_flat : jmp_any;
        }
        return flat && !memory ? jmp_reg_flat : jmp_rm;
    case OP_CALL:
        if (!flat_stack || memory) {
            return relative ? call_rel : call_rm;
        }
        return relative ? wide ? call_rel_flat_64 : call_rel_flat_32 : wide ? call_reg_flat_64 : call_reg_flat_32;
    case OP_RET: return !flat_stack ? ret : wide ? ret_flat_64 : ret_flat_32;
    default: return NULL;
    }
}

/* BOUND: signed bounds in memory, lower first. */
static void bound(CpuX86 *cpu, const Insn *insn)
{
    uint64_t off = insn_ea(cpu, insn), second = off + insn->size;
    int32_t index, lower, upper;

    second = insn->addr_size == 4 ? (uint32_t)second : (uint16_t)second;
    if (insn->size == 2) {
        index = (int16_t)cpu->regs[insn->reg];
        lower = (int16_t)cpu_ld16(cpu, insn->seg, off);
        upper = (int16_t)cpu_ld16(cpu, insn->seg, second);
    } else {
        index = (int32_t)cpu->regs[insn->reg];
        lower = (int32_t)cpu_ld32(cpu, insn->seg, off);
        upper = (int32_t)cpu_ld32(cpu, insn->seg, second);
    }
    if (index < lower || index > upper) {
        cpu_raise(cpu, VECTOR_BR);
    }
}

InsnFn *bind_bound(const CpuX86 *cpu, Insn *insn) { return bound; }

/*
 * Pairs: CMP or TEST of registers and immediates (32 and 64 bits), then Jcc, in flat code. Flags are stored as always;
 * the condition is taken from the operands.
 */

typedef enum PairForm { PAIR_REG, PAIR_IMM, PAIR_FORM_COUNT } PairForm;

static ALWAYS_INLINE bool cmp_condition(unsigned cc, unsigned bits, uint64_t a, uint64_t b)
{
    int64_t sa = SEXT(bits, a), sb = SEXT(bits, b);

    switch (cc) {
    case 2: return a < b;
    case 3: return a >= b;
    case 4: return a == b;
    case 5: return a != b;
    case 6: return a <= b;
    case 7: return a > b;
    case 12: return sa < sb;
    case 13: return sa >= sb;
    case 14: return sa <= sb;
    default: return sa > sb;
    }
}

static ALWAYS_INLINE bool test_condition(unsigned cc, unsigned bits, uint64_t r)
{
    int64_t sr = SEXT(bits, r);

    switch (cc) {
    case 4: return sr == 0;
    case 5: return sr != 0;
    case 8: case 12: return sr < 0;
    case 9: case 13: return sr >= 0;
    case 14: return sr <= 0;
    default: return sr > 0;                     /* 15 */
    }
}

static ALWAYS_INLINE void pair(CpuX86 *cpu, const Insn *insn, Alu op, unsigned cc, unsigned bits, PairForm form)
{
    /* CMP G,E and CMP E,G differ in which register is first. */
    bool reversed = form == PAIR_REG && insn_row(insn)->operands[0] == OPERAND_Gv;
    uint64_t a = reg_read(cpu, bits, reversed ? insn->reg : insn->rm);
    uint64_t b = form == PAIR_IMM ? ZEXT(bits, insn->imm) : reg_read(cpu, bits, reversed ? insn->rm : insn->reg);
    uint64_t r = alu(cpu, op, bits, a, b, false);
    bool taken = op == ALU_CMP ? cmp_condition(cc, bits, a, b) : test_condition(cc, bits, r);

    cpu->insn = insn + 1;                       /* the branch is what may fault now, and what was run last */
    jump_if(cpu, insn + 1, taken, true);
}

#define PAIR_FN(op, cc, bits, form) \
    static void op##_##form##_##bits##_##cc(CpuX86 *cpu, const Insn *insn) { pair(cpu, insn, op, cc, bits, form); }
#define PAIR_ENTRY(op, cc, bits, form) [cc] = op##_##form##_##bits##_##cc,
#define CMP_CONDITIONS(X, ...) \
    X(ALU_CMP, 2, __VA_ARGS__) X(ALU_CMP, 3, __VA_ARGS__) X(ALU_CMP, 4, __VA_ARGS__) X(ALU_CMP, 5, __VA_ARGS__) \
    X(ALU_CMP, 6, __VA_ARGS__) X(ALU_CMP, 7, __VA_ARGS__) X(ALU_CMP, 12, __VA_ARGS__) X(ALU_CMP, 13, __VA_ARGS__) \
    X(ALU_CMP, 14, __VA_ARGS__) X(ALU_CMP, 15, __VA_ARGS__)
#define TEST_CONDITIONS(X, ...) \
    X(ALU_TEST, 4, __VA_ARGS__) X(ALU_TEST, 5, __VA_ARGS__) X(ALU_TEST, 8, __VA_ARGS__) X(ALU_TEST, 9, __VA_ARGS__) \
    X(ALU_TEST, 12, __VA_ARGS__) X(ALU_TEST, 13, __VA_ARGS__) X(ALU_TEST, 14, __VA_ARGS__) X(ALU_TEST, 15, __VA_ARGS__)
#define PAIR_SHAPES(X, list) list(X, 32, PAIR_REG) list(X, 64, PAIR_REG) list(X, 32, PAIR_IMM) list(X, 64, PAIR_IMM)
PAIR_SHAPES(PAIR_FN, CMP_CONDITIONS)
PAIR_SHAPES(PAIR_FN, TEST_CONDITIONS)
#define PAIR_TABLE(list) \
    { { { list(PAIR_ENTRY, 32, PAIR_REG) }, { list(PAIR_ENTRY, 64, PAIR_REG) } }, \
      { { list(PAIR_ENTRY, 32, PAIR_IMM) }, { list(PAIR_ENTRY, 64, PAIR_IMM) } } }
static InsnFn *const pair_fns[2][PAIR_FORM_COUNT][2][16] = { PAIR_TABLE(CMP_CONDITIONS), PAIR_TABLE(TEST_CONDITIONS) };

InsnFn *insn_fuse(const Insn *first, const Insn *second)
{
    const InsnRow *compare = insn_row(first), *branch = insn_row(second);
    unsigned cc = branch->opcode & 15;

    if (second->fn != jcc_fns[1][cc] || branch->op != OP_Jcc || (compare->op != OP_CMP && compare->op != OP_TEST) ||
        compare->bind != bind_alu || insn_has_mem(first) || first->size < 4 || first->fn == insn_ud) {
        return NULL;
    }
    return pair_fns[compare->op == OP_TEST][compare->imm_kind[0] ? PAIR_IMM : PAIR_REG][first->size == 8][cc];
}
