/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shifts and rotates: SHL SHR SAR ROL ROR RCL RCR, SHLD SHRD, and BMI2's RORX SHLX SHRX SARX.
 *
 * Counts are taken modulo 32 (64 for 64-bit operands); a count of 0 changes no flag. Rotates change CF and OF only;
 * through carry, 8- and 16-bit operands rotate modulo 9 and 17. Spec: SDM vol. 2.
 */
#include "target/i386/insn/operand.h"

typedef enum Shift { SHIFT_ROL, SHIFT_ROR, SHIFT_RCL, SHIFT_RCR, SHIFT_SHL, SHIFT_SHR, SHIFT_SAR, SHIFT_COUNT } Shift;

static ALWAYS_INLINE bool top_bit(unsigned bits, uint64_t v) { return v >> (bits - 1) & 1; }

static ALWAYS_INLINE void store_shift_flags(CpuX86 *cpu, unsigned bits, uint64_t r, bool cf, bool of)
{
    flags_store(cpu, SEXT(bits, r), (int64_t)((uint64_t)(of ^ cf) << 63), cf);
}

/* @cf_in is CF before the instruction: under LOCK-less RMW it is read once. @count is masked. */
static ALWAYS_INLINE uint64_t shift(CpuX86 *cpu, Shift op, unsigned bits, uint64_t a, unsigned count, bool cf_in)
{
    uint64_t r;
    bool cf;

    if (count == 0) {
        return a;
    }
    switch (op) {
    case SHIFT_SHL:
        r = a << count;
        cf = bits == 64 ? a >> (64 - count) & 1 : r >> bits & 1;
        store_shift_flags(cpu, bits, r, cf, top_bit(bits, r) ^ cf);
        return r;
    case SHIFT_SHR:
        r = a >> count;
        cf = a >> (count - 1) & 1;
        store_shift_flags(cpu, bits, r, cf, top_bit(bits, a));
        return r;
    case SHIFT_SAR:
        r = SEXT(bits, a) >> count;
        cf = SEXT(bits, a) >> (count - 1) & 1;
        store_shift_flags(cpu, bits, r, cf, false);
        return r;
    case SHIFT_ROL:
        count %= bits;
        r = count ? ZEXT(bits, a << count) | a >> (bits - count) : a;
        cf = r & 1;
        flags_set_cf_of(cpu, cf, top_bit(bits, r) ^ cf);
        return r;
    case SHIFT_ROR:
        count %= bits;
        r = count ? a >> count | ZEXT(bits, a << (bits - count)) : a;
        flags_set_cf_of(cpu, top_bit(bits, r), top_bit(bits, r) ^ (r >> (bits - 2) & 1));
        return r;
    default:
        break;
    }
    count = bits < 32 ? count % (bits + 1) : count;
    if (count == 0) {
        return a;
    }
    if (op == SHIFT_RCL) {
        r = a << count | (uint64_t)cf_in << (count - 1) | (count > 1 ? a >> (bits + 1 - count) : 0);
        cf = a >> (bits - count) & 1;
        r = ZEXT(bits, r);
        flags_set_cf_of(cpu, cf, top_bit(bits, r) ^ cf);
    } else {
        r = a >> count | (uint64_t)cf_in << (bits - count) | (count > 1 ? a << (bits + 1 - count) : 0);
        cf = a >> (count - 1) & 1;
        r = ZEXT(bits, r);
        flags_set_cf_of(cpu, cf, top_bit(bits, r) ^ (r >> (bits - 2) & 1));
    }
    return r;
}

typedef enum Form { FORM_REG_IMM, FORM_REG_CL, FORM_MEM_IMM, FORM_MEM_CL, FORM_COUNT } Form;

static ALWAYS_INLINE void shift_form(CpuX86 *cpu, const Insn *insn, Shift op, unsigned bits, Form form)
{
    uint64_t raw = form == FORM_REG_IMM || form == FORM_MEM_IMM ? insn->imm : cpu->regs[R_RCX];
    unsigned count = raw & (bits == 64 ? 63 : 31);
    bool cf = op == SHIFT_RCL || op == SHIFT_RCR ? flag_cf(cpu) : false;

    if (form == FORM_REG_IMM || form == FORM_REG_CL) {
        reg_write(cpu, bits, insn->rm, shift(cpu, op, bits, reg_read(cpu, bits, insn->rm), count, cf));
    } else {
        RMW(cpu, mem_linear(cpu, insn, bits / 8, true), bits, insn->seg, false, old,
            shift(cpu, op, bits, old, count, cf));
    }
}

#define FN(bits, op, form) \
    static void op##_##form##_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        shift_form(cpu, insn, op, bits, form); \
        if (form <= FORM_REG_CL) { \
            INSN_NEXT(cpu, insn); \
        } \
    }
#define ENTRY(bits, op, form) op##_##form##_##bits,
#define FORMS(X, op) X(op, FORM_REG_IMM) X(op, FORM_REG_CL) X(op, FORM_MEM_IMM) X(op, FORM_MEM_CL)
#define FORM_FNS(op, form) SIZES(FN, op, form)
#define FORM_ENTRY(op, form) [op][form] = { SIZES(ENTRY, op, form) },
#define OPS(X) X(SHIFT_ROL) X(SHIFT_ROR) X(SHIFT_RCL) X(SHIFT_RCR) X(SHIFT_SHL) X(SHIFT_SHR) X(SHIFT_SAR)
#define DEFINE(op) FORMS(FORM_FNS, op)
#define TABLE(op) FORMS(FORM_ENTRY, op)
OPS(DEFINE)
static InsnFn *const shift_fns[SHIFT_COUNT][FORM_COUNT][4] = { OPS(TABLE) };

/*
 * Double shifts. A 16-bit operand with a count above 16 is undefined: bits of the destination follow, as processors do.
 */

static ALWAYS_INLINE uint64_t double_shift(CpuX86 *cpu, bool right, unsigned bits, uint64_t a, uint64_t b,
                                           unsigned count)
{
    uint64_t r;
    bool cf;

    if (count == 0) {
        return a;
    }
    if (bits == 16) {
        uint64_t wide = a << 32 | b << 16 | a;
        r = right ? wide >> count & 0xffff : wide >> (32 - count) & 0xffff;
        cf = right ? wide >> (count - 1) & 1 : wide >> (48 - count) & 1;
    } else if (right) {
        r = ZEXT(bits, a >> count | b << (bits - count));
        cf = a >> (count - 1) & 1;
    } else {
        r = ZEXT(bits, a << count | b >> (bits - count));
        cf = a >> (bits - count) & 1;
    }
    store_shift_flags(cpu, bits, r, cf, top_bit(bits, r) ^ top_bit(bits, a));
    return r;
}

#define DOUBLE_FN(bits, name, right) \
    static void name##_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        unsigned raw = insn_row(insn)->operands[2] == OPERAND_CL ? cpu->regs[R_RCX] : insn->imm; \
        unsigned count = raw & (bits == 64 ? 63 : 31); \
        uint64_t b = reg_read(cpu, bits, insn->reg); \
        if (!insn_has_mem(insn)) { \
            reg_write(cpu, bits, insn->rm, double_shift(cpu, right, bits, reg_read(cpu, bits, insn->rm), b, count)); \
        } else { \
            RMW(cpu, mem_linear(cpu, insn, bits / 8, true), bits, insn->seg, false, old, \
                double_shift(cpu, right, bits, old, b, count)); \
        } \
    }
WIDE_SIZES(DOUBLE_FN, shld, false)
WIDE_SIZES(DOUBLE_FN, shrd, true)
#define DOUBLE_ENTRY(bits, name) name##_##bits,
static InsnFn *const double_fns[2][4] = { { NULL, WIDE_SIZES(DOUBLE_ENTRY, shld) },
                                         { NULL, WIDE_SIZES(DOUBLE_ENTRY, shrd) } };

/* BMI2: no flags; count in a register of the operand's size or an immediate. */

#define PLAIN_FN(bits, name, count_, expression) \
    static void name##_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        unsigned count = (count_) & (bits - 1); \
        uint64_t a = rm_read(cpu, insn, bits); \
        reg_write(cpu, bits, insn->reg, expression); \
    }
#define PLAIN_FNS(name, count, expression) PLAIN_FN(32, name, count, expression) PLAIN_FN(64, name, count, expression)
#define PLAIN_ROTATE(bits) (count ? a >> count | a << (bits - count) : a)
PLAIN_FN(32, rorx, insn->imm, PLAIN_ROTATE(32))
PLAIN_FN(64, rorx, insn->imm, PLAIN_ROTATE(64))
PLAIN_FNS(shlx, cpu->regs[insn->vvvv], a << count)
PLAIN_FNS(shrx, cpu->regs[insn->vvvv], a >> count)
PLAIN_FN(32, sarx, cpu->regs[insn->vvvv], SEXT(32, a) >> count)
PLAIN_FN(64, sarx, cpu->regs[insn->vvvv], SEXT(64, a) >> count)

InsnFn *bind_shift(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    bool memory = insn_has_mem(insn), wide = insn->size == 8;
    Shift op;

    switch (row->op) {
    case OP_ROL: op = SHIFT_ROL; break;
    case OP_ROR: op = SHIFT_ROR; break;
    case OP_RCL: op = SHIFT_RCL; break;
    case OP_RCR: op = SHIFT_RCR; break;
    case OP_SHL: op = SHIFT_SHL; break;
    case OP_SHR: op = SHIFT_SHR; break;
    case OP_SAR: op = SHIFT_SAR; break;
    case OP_SHLD: return double_fns[0][size_log2(insn->size)];
    case OP_SHRD: return double_fns[1][size_log2(insn->size)];
    case OP_RORX: return wide ? rorx_64 : rorx_32;
    case OP_SHLX: return wide ? shlx_64 : shlx_32;
    case OP_SHRX: return wide ? shrx_64 : shrx_32;
    case OP_SARX: return wide ? sarx_64 : sarx_32;
    default: return NULL;
    }
    if (row->operands[1] == OPERAND_CL) {
        return shift_fns[op][memory ? FORM_MEM_CL : FORM_REG_CL][size_log2(insn->size)];
    }
    if (row->operands[1] == OPERAND_ONE) {
        insn->imm = 1;
    }
    return shift_fns[op][memory ? FORM_MEM_IMM : FORM_REG_IMM][size_log2(insn->size)];
}
