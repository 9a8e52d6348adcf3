/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NEG NOT.
 *
 * Two operands: destination and source are registers, memory (FLAT: fast form), immediate; LOCK forms go through
 * compare-and-swap on the host address. Spec: SDM vol. 2.
 */
#include "target/i386/insn/alu.h"

typedef enum Form {
    FORM_RM_REG, FORM_REG_RM, FORM_RM_IMM,      /* registers: which ModRM field is the destination */
    FORM_REG_FLAT, FORM_FLAT_REG, FORM_FLAT_IMM,
    FORM_REG_MEM, FORM_MEM_REG, FORM_MEM_IMM,
    FORM_LOCK_REG, FORM_LOCK_IMM,
    FORM_COUNT
} Form;

static ALWAYS_INLINE bool keeps(Alu op) { return op == ALU_CMP || op == ALU_TEST; }
static ALWAYS_INLINE bool carry_in(const CpuX86 *cpu, Alu op)
{
    return op == ALU_ADC || op == ALU_SBB ? flag_cf(cpu) : false;
}

static ALWAYS_INLINE void into_reg(CpuX86 *cpu, Alu op, unsigned bits, unsigned dest, uint64_t b)
{
    uint64_t r = alu(cpu, op, bits, reg_read(cpu, bits, dest), b, carry_in(cpu, op));

    if (!keeps(op)) {
        reg_write(cpu, bits, dest, r);
    }
}

static ALWAYS_INLINE uint64_t source(CpuX86 *cpu, const Insn *insn, unsigned bits, bool imm)
{
    return imm ? ZEXT(bits, insn->imm) : reg_read(cpu, bits, insn->reg);
}

static ALWAYS_INLINE void into_mem(CpuX86 *cpu, const Insn *insn, Alu op, unsigned bits, bool imm, bool locked)
{
    uint64_t b = source(cpu, insn, bits, imm);
    bool cf = carry_in(cpu, op);

    if (keeps(op)) {
        alu(cpu, op, bits, mem_read(cpu, insn, bits), b, false);
    } else {
        RMW(cpu, mem_linear(cpu, insn, bits / 8, true), bits, insn->seg, locked, old, alu(cpu, op, bits, old, b, cf));
    }
}

#define NAME(op, form, bits) op##_##form##_##bits
#define HANDLER(op, form, bits) static void NAME(op, form, bits)(CpuX86 *cpu, const Insn *insn)
#define ALU_FNS(bits, op)                                                                                              \
    HANDLER(op, FORM_RM_REG, bits)                                                                                     \
    {                                                                                                                  \
        into_reg(cpu, op, bits, insn->rm, reg_read(cpu, bits, insn->reg));                                             \
        INSN_NEXT(cpu, insn);                                                                                          \
    }                                                                                                                  \
    HANDLER(op, FORM_REG_RM, bits)                                                                                     \
    {                                                                                                                  \
        into_reg(cpu, op, bits, insn->reg, reg_read(cpu, bits, insn->rm));                                             \
        INSN_NEXT(cpu, insn);                                                                                          \
    }                                                                                                                  \
    HANDLER(op, FORM_RM_IMM, bits)                                                                                     \
    {                                                                                                                  \
        into_reg(cpu, op, bits, insn->rm, ZEXT(bits, insn->imm));                                                      \
        INSN_NEXT(cpu, insn);                                                                                          \
    }                                                                                                                  \
    HANDLER(op, FORM_REG_MEM, bits) { into_reg(cpu, op, bits, insn->reg, mem_read(cpu, insn, bits)); }                 \
    HANDLER(op, FORM_MEM_REG, bits) { into_mem(cpu, insn, op, bits, false, false); }                                   \
    HANDLER(op, FORM_MEM_IMM, bits) { into_mem(cpu, insn, op, bits, true, false); }                                    \
    HANDLER(op, FORM_REG_FLAT, bits)                                                                                   \
    {                                                                                                                  \
        FAST_MEM(cpu, insn, bits, read_tag, host, NAME(op, FORM_REG_MEM, bits));                                       \
        into_reg(cpu, op, bits, insn->reg, host_load(bits, host));                                                     \
        INSN_NEXT(cpu, insn);                                                                                          \
    }
#define RMW_FLAT(bits, op, form, general, imm)                                                                         \
    HANDLER(op, form, bits)                                                                                            \
    {                                                                                                                  \
        FAST_MEM(cpu, insn, bits, write_tag, host, NAME(op, general, bits));                                           \
        host_store(bits, host,                                                                                         \
                   alu(cpu, op, bits, host_load(bits, host), source(cpu, insn, bits, imm), carry_in(cpu, op)));        \
        INSN_NEXT(cpu, insn);                                                                                          \
    }
#define KEEP_FLAT(bits, op, form, general, imm) \
    HANDLER(op, form, bits) \
    { \
        FAST_MEM(cpu, insn, bits, read_tag, host, NAME(op, general, bits)); \
        alu(cpu, op, bits, host_load(bits, host), source(cpu, insn, bits, imm), false); \
        INSN_NEXT(cpu, insn); \
    }
#define LOCK_FNS(bits, op) \
    HANDLER(op, FORM_LOCK_REG, bits) { into_mem(cpu, insn, op, bits, false, true); } \
    HANDLER(op, FORM_LOCK_IMM, bits) { into_mem(cpu, insn, op, bits, true, true); }
#define CHANGING_FNS(bits, op)                                                                                         \
    ALU_FNS(bits, op)                                                                                                  \
    LOCK_FNS(bits, op) RMW_FLAT(bits, op, FORM_FLAT_REG, FORM_MEM_REG, false)                                          \
        RMW_FLAT(bits, op, FORM_FLAT_IMM, FORM_MEM_IMM, true)
#define KEEPING_FNS(bits, op)                                                                                          \
    ALU_FNS(bits, op)                                                                                                  \
    KEEP_FLAT(bits, op, FORM_FLAT_REG, FORM_MEM_REG, false) KEEP_FLAT(bits, op, FORM_FLAT_IMM, FORM_MEM_IMM, true)
SIZES(CHANGING_FNS, ALU_ADD)
SIZES(CHANGING_FNS, ALU_OR)
SIZES(CHANGING_FNS, ALU_ADC)
SIZES(CHANGING_FNS, ALU_SBB)
SIZES(CHANGING_FNS, ALU_AND)
SIZES(CHANGING_FNS, ALU_SUB)
SIZES(CHANGING_FNS, ALU_XOR)
SIZES(KEEPING_FNS, ALU_CMP)
SIZES(KEEPING_FNS, ALU_TEST)

#define ENTRY(bits, op, form) NAME(op, form, bits),
#define FORM_ENTRY(op, form) [form] = { SIZES(ENTRY, op, form) }
#define COMMON(op)                                                                                                     \
    FORM_ENTRY(op, FORM_RM_REG), FORM_ENTRY(op, FORM_REG_RM), FORM_ENTRY(op, FORM_RM_IMM),                             \
        FORM_ENTRY(op, FORM_REG_MEM), FORM_ENTRY(op, FORM_MEM_REG), FORM_ENTRY(op, FORM_MEM_IMM),                      \
        FORM_ENTRY(op, FORM_REG_FLAT), FORM_ENTRY(op, FORM_FLAT_REG), FORM_ENTRY(op, FORM_FLAT_IMM)
#define CHANGING(op) [op] = { COMMON(op), FORM_ENTRY(op, FORM_LOCK_REG), FORM_ENTRY(op, FORM_LOCK_IMM) }
#define KEEPING(op) [op] = { COMMON(op) }
static InsnFn *const alu_fns[ALU_COUNT][FORM_COUNT][4] = {
    CHANGING(ALU_ADD), CHANGING(ALU_OR), CHANGING(ALU_ADC), CHANGING(ALU_SBB), CHANGING(ALU_AND), CHANGING(ALU_SUB),
    CHANGING(ALU_XOR), KEEPING(ALU_CMP), KEEPING(ALU_TEST),
};

/* One operand */

typedef enum Unary { UNARY_INC, UNARY_DEC, UNARY_NEG, UNARY_NOT, UNARY_COUNT } Unary;
typedef enum UnaryForm { UNARY_REG, UNARY_FLAT, UNARY_MEM, UNARY_LOCK, UNARY_FORM_COUNT } UnaryForm;

static ALWAYS_INLINE uint64_t unary(CpuX86 *cpu, Unary op, unsigned bits, uint64_t a, uint32_t cf)
{
    switch (op) {
    case UNARY_INC: return alu_inc_dec(cpu, false, bits, a, cf);
    case UNARY_DEC: return alu_inc_dec(cpu, true, bits, a, cf);
    case UNARY_NEG: return alu(cpu, ALU_SUB, bits, 0, a, false);
    default: return ~a;
    }
}

#define UNARY_FN(bits, op) \
    HANDLER(op, UNARY_REG, bits) \
    { \
        reg_write(cpu, bits, insn->rm, unary(cpu, op, bits, reg_read(cpu, bits, insn->rm), flag_cf(cpu))); \
        INSN_NEXT(cpu, insn); \
    } \
    HANDLER(op, UNARY_MEM, bits) \
    { \
        uint32_t cf = flag_cf(cpu); \
        RMW(cpu, mem_linear(cpu, insn, bits / 8, true), bits, insn->seg, false, old, unary(cpu, op, bits, old, cf)); \
    } \
    HANDLER(op, UNARY_LOCK, bits) \
    { \
        uint32_t cf = flag_cf(cpu); \
        RMW(cpu, mem_linear(cpu, insn, bits / 8, true), bits, insn->seg, true, old, unary(cpu, op, bits, old, cf)); \
    } \
    HANDLER(op, UNARY_FLAT, bits) \
    { \
        FAST_MEM(cpu, insn, bits, write_tag, host, NAME(op, UNARY_MEM, bits)); \
        host_store(bits, host, unary(cpu, op, bits, host_load(bits, host), flag_cf(cpu))); \
        INSN_NEXT(cpu, insn); \
    }
SIZES(UNARY_FN, UNARY_INC)
SIZES(UNARY_FN, UNARY_DEC)
SIZES(UNARY_FN, UNARY_NEG)
SIZES(UNARY_FN, UNARY_NOT)
#define UNARY(op)                                                                                                      \
    [op] = {FORM_ENTRY(op, UNARY_REG), FORM_ENTRY(op, UNARY_FLAT), FORM_ENTRY(op, UNARY_MEM),                          \
            FORM_ENTRY(op, UNARY_LOCK) }
static InsnFn *const unary_fns[UNARY_COUNT][UNARY_FORM_COUNT][4] = { UNARY(UNARY_INC), UNARY(UNARY_DEC),
                                                                    UNARY(UNARY_NEG), UNARY(UNARY_NOT) };

static InsnFn *bind_unary(const CpuX86 *cpu, Insn *insn, Unary op)
{
    UnaryForm form = !insn_has_mem(insn) ? UNARY_REG : insn->prefixes & INSN_LOCK ? UNARY_LOCK
                     : mem_form(cpu, insn) == MEM_FLAT ? UNARY_FLAT : UNARY_MEM;
    return unary_fns[op][form][size_log2(insn->size)];
}

InsnFn *bind_alu(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    bool to_reg = row->operands[0] == OPERAND_Gb || row->operands[0] == OPERAND_Gv;
    bool from_reg = row->operands[1] == OPERAND_Gb || row->operands[1] == OPERAND_Gv;
    bool flat = insn_has_mem(insn) && mem_form(cpu, insn) == MEM_FLAT, locked = insn->prefixes & INSN_LOCK;
    Alu op;
    Form form;

    switch (row->op) {
    case OP_ADD: op = ALU_ADD; break;
    case OP_OR: op = ALU_OR; break;
    case OP_ADC: op = ALU_ADC; break;
    case OP_SBB: op = ALU_SBB; break;
    case OP_AND: op = ALU_AND; break;
    case OP_SUB: op = ALU_SUB; break;
    case OP_XOR: op = ALU_XOR; break;
    case OP_CMP: op = ALU_CMP; break;
    case OP_TEST: op = ALU_TEST; break;
    case OP_INC: return bind_unary(cpu, insn, UNARY_INC);
    case OP_DEC: return bind_unary(cpu, insn, UNARY_DEC);
    case OP_NEG: return bind_unary(cpu, insn, UNARY_NEG);
    case OP_NOT: return bind_unary(cpu, insn, UNARY_NOT);
    default: return NULL;
    }
    if (!insn_has_mem(insn)) {
        form = to_reg ? FORM_REG_RM : from_reg ? FORM_RM_REG : FORM_RM_IMM;
    } else if (locked) {
        form = from_reg ? FORM_LOCK_REG : FORM_LOCK_IMM;
    } else {
        form = (to_reg     ? FORM_REG_MEM
                : from_reg ? FORM_MEM_REG
                           : FORM_MEM_IMM) -
               (flat ? FORM_REG_MEM - FORM_REG_FLAT : 0);
    }
    return alu_fns[op][form][size_log2(insn->size)];
}
