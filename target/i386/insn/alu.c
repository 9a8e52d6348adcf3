/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NEG NOT; and the comparison half of fused compare-and-branch pairs.
 *
 * Two operands: destination and source are registers, memory, immediate in five forms; LOCK forms go through compare-and-
 * swap on the host address. Spec: SDM vol. 2.
 */
#include "target/i386/insn/alu.h"

#include "target/i386/exec/exec.h"

typedef enum Form {
    FORM_RM_REG, FORM_REG_RM,                   /* both registers: which ModRM field is the destination */
    FORM_RM_IMM,
    FORM_REG_MEM, FORM_MEM_REG, FORM_MEM_IMM,   /* + FORM_FLAT64 if MEM_FLAT64 */
    FORM_REG_MEM64, FORM_MEM_REG64, FORM_MEM_IMM64,
    FORM_LOCK_REG, FORM_LOCK_IMM,
    FORM_COUNT
} Form;

static ALWAYS_INLINE void alu_form(CpuX86 *cpu, const Insn *insn, Alu op, unsigned bits, Form form)
{
    bool keeps = op == ALU_CMP || op == ALU_TEST;
    bool cf = op == ALU_ADC || op == ALU_SBB ? flag_cf(cpu) : false;
    MemForm mem = form >= FORM_REG_MEM64 && form <= FORM_MEM_IMM64 ? MEM_FLAT64 : MEM_ANY;
    uint64_t a, b;

    switch (form) {
    case FORM_RM_REG: case FORM_REG_RM: case FORM_RM_IMM: case FORM_REG_MEM: case FORM_REG_MEM64: {
        bool to_reg = form != FORM_RM_REG && form != FORM_RM_IMM;
        unsigned dest = to_reg ? insn->reg : insn->rm;
        b = form == FORM_RM_REG ? reg_read(cpu, bits, insn->reg) : form == FORM_REG_RM ? reg_read(cpu, bits, insn->rm)
            : form == FORM_RM_IMM ? ZEXT(bits, insn->imm) : mem_read(cpu, insn, mem, bits);
        a = reg_read(cpu, bits, dest);
        uint64_t r = alu(cpu, op, bits, a, b, cf);
        if (!keeps) {
            reg_write(cpu, bits, dest, r);
        }
        return;
    }
    case FORM_MEM_REG: case FORM_MEM_REG64: case FORM_LOCK_REG: b = reg_read(cpu, bits, insn->reg); break;
    default: b = ZEXT(bits, insn->imm); break;
    }
    if (keeps) {
        alu(cpu, op, bits, mem_read(cpu, insn, mem, bits), b, false);
        return;
    }
    bool locked = form == FORM_LOCK_REG || form == FORM_LOCK_IMM;
    RMW(cpu, mem_linear(cpu, insn, mem, bits / 8, true), bits, insn->seg, locked, old, alu(cpu, op, bits, old, b, cf));
}

#define FN(bits, op, form) static void op##_##form##_##bits(CpuX86 *cpu, const Insn *insn) { alu_form(cpu, insn, op, bits, form); }
#define ENTRY(bits, op, form) op##_##form##_##bits,
#define FORMS(X, op) \
    X(op, FORM_RM_REG) X(op, FORM_REG_RM) X(op, FORM_RM_IMM) X(op, FORM_REG_MEM) X(op, FORM_MEM_REG) X(op, FORM_MEM_IMM) \
    X(op, FORM_REG_MEM64) X(op, FORM_MEM_REG64) X(op, FORM_MEM_IMM64)
#define LOCK_FORMS(X, op) X(op, FORM_LOCK_REG) X(op, FORM_LOCK_IMM)
#define FORM_FNS(op, form) SIZES(FN, op, form)
#define FORM_ENTRY(op, form) [op][form] = { SIZES(ENTRY, op, form) },
#define LOCKABLE_OPS(X) X(ALU_ADD) X(ALU_OR) X(ALU_ADC) X(ALU_SBB) X(ALU_AND) X(ALU_SUB) X(ALU_XOR)
#define DEFINE(op) FORMS(FORM_FNS, op)
#define DEFINE_LOCK(op) LOCK_FORMS(FORM_FNS, op)
#define TABLE(op) FORMS(FORM_ENTRY, op)
#define TABLE_LOCK(op) LOCK_FORMS(FORM_ENTRY, op)

LOCKABLE_OPS(DEFINE)
LOCKABLE_OPS(DEFINE_LOCK)
DEFINE(ALU_CMP)
DEFINE(ALU_TEST)

static InsnFn *const alu_fns[ALU_COUNT][FORM_COUNT][4] = {
    LOCKABLE_OPS(TABLE) LOCKABLE_OPS(TABLE_LOCK) TABLE(ALU_CMP) TABLE(ALU_TEST)
};

/* One operand */

typedef enum Unary { UNARY_INC, UNARY_DEC, UNARY_NEG, UNARY_NOT, UNARY_COUNT } Unary;
typedef enum UnaryForm { UNARY_REG, UNARY_MEM, UNARY_LOCK, UNARY_FORM_COUNT } UnaryForm;

static ALWAYS_INLINE uint64_t unary(CpuX86 *cpu, Unary op, unsigned bits, uint64_t a, uint32_t cf)
{
    switch (op) {
    case UNARY_INC: return alu_inc_dec(cpu, false, bits, a, cf);
    case UNARY_DEC: return alu_inc_dec(cpu, true, bits, a, cf);
    case UNARY_NEG: return alu(cpu, ALU_SUB, bits, 0, a, false);
    default: return ~a;
    }
}

static ALWAYS_INLINE void unary_form(CpuX86 *cpu, const Insn *insn, Unary op, unsigned bits, UnaryForm form)
{
    uint32_t cf = flag_cf(cpu);

    if (form == UNARY_REG) {
        reg_write(cpu, bits, insn->rm, unary(cpu, op, bits, reg_read(cpu, bits, insn->rm), cf));
    } else {
        RMW(cpu, mem_linear(cpu, insn, MEM_ANY, bits / 8, true), bits, insn->seg, form == UNARY_LOCK, old, unary(cpu, op, bits, old, cf));
    }
}

#define UNARY_FN(bits, op, form) static void op##_##form##_##bits(CpuX86 *cpu, const Insn *insn) { unary_form(cpu, insn, op, bits, form); }
#define UNARY_FORMS(X, op) X(op, UNARY_REG) X(op, UNARY_MEM) X(op, UNARY_LOCK)
#define UNARY_OPS(X) X(UNARY_INC) X(UNARY_DEC) X(UNARY_NEG) X(UNARY_NOT)
#define UNARY_FNS(op, form) SIZES(UNARY_FN, op, form)
#define UNARY_DEFINE(op) UNARY_FORMS(UNARY_FNS, op)
#define UNARY_TABLE(op) UNARY_FORMS(FORM_ENTRY, op)
UNARY_OPS(UNARY_DEFINE)
static InsnFn *const unary_fns[UNARY_COUNT][UNARY_FORM_COUNT][4] = { UNARY_OPS(UNARY_TABLE) };

static InsnFn *bind_unary(Insn *insn, Unary op)
{
    UnaryForm form = !insn_has_mem(insn) ? UNARY_REG : insn->prefixes & INSN_LOCK ? UNARY_LOCK : UNARY_MEM;
    return unary_fns[op][form][size_log2(insn->size)];
}

InsnFn *bind_alu(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    bool to_reg = row->operands[0] == OPERAND_Gb || row->operands[0] == OPERAND_Gv;
    bool from_reg = row->operands[1] == OPERAND_Gb || row->operands[1] == OPERAND_Gv;
    bool flat = insn_has_mem(insn) && mem_form(cpu, insn) == MEM_FLAT64, locked = insn->prefixes & INSN_LOCK;
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
    case OP_INC: return bind_unary(insn, UNARY_INC);
    case OP_DEC: return bind_unary(insn, UNARY_DEC);
    case OP_NEG: return bind_unary(insn, UNARY_NEG);
    case OP_NOT: return bind_unary(insn, UNARY_NOT);
    default: return NULL;
    }
    if (!insn_has_mem(insn)) {
        form = to_reg ? FORM_REG_RM : from_reg ? FORM_RM_REG : FORM_RM_IMM;
    } else if (locked) {
        form = from_reg ? FORM_LOCK_REG : FORM_LOCK_IMM;
    } else {
        form = (to_reg ? FORM_REG_MEM : from_reg ? FORM_MEM_REG : FORM_MEM_IMM) + (flat ? FORM_REG_MEM64 - FORM_REG_MEM : 0);
    }
    return alu_fns[op][form][size_log2(insn->size)];
}
