/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MUL IMUL DIV IDIV, MULX, ADCX ADOX, and decimal adjustment (DAA DAS AAA AAS AAM AAD).
 *
 * A quotient that does not fit is #DE, as is division by zero; nothing is changed then. MUL and IMUL set CF and OF
 * alike when the product needs the upper half. Spec: SDM vol. 2.
 */
#include "target/i386/insn/alu.h"

static void store_mul_flags(CpuX86 *cpu, int64_t low, bool overflow)
{
    flags_store(cpu, low, 0, overflow);         /* aux 0: OF equals CF */
}

/* rDX:rAX, or AX for bytes. */
static ALWAYS_INLINE void write_product(CpuX86 *cpu, unsigned bits, uint64_t low, uint64_t high)
{
    if (bits == 8) {
        reg_write(cpu, 16, R_RAX, (uint8_t)low | high << 8);
    } else {
        reg_write(cpu, bits, R_RAX, low);
        reg_write(cpu, bits, R_RDX, high);
    }
}

#define MUL_FN(bits, wide_u, wide_s) \
    static void mul_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        wide_u product = (wide_u)reg_read(cpu, bits, R_RAX) * rm_read(cpu, insn, bits); \
        write_product(cpu, bits, (uint64_t)product, (uint64_t)(product >> bits)); \
        store_mul_flags(cpu, SEXT(bits, product), (product >> bits) != 0); \
    } \
    static void imul_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        wide_s product = (wide_s)SEXT(bits, reg_read(cpu, bits, R_RAX)) * SEXT(bits, rm_read(cpu, insn, bits)); \
        write_product(cpu, bits, (uint64_t)product, (uint64_t)(product >> bits)); \
        store_mul_flags(cpu, SEXT(bits, product), product != SEXT(bits, product)); \
    }
MUL_FN(8, uint64_t, int64_t)
MUL_FN(16, uint64_t, int64_t)
MUL_FN(32, uint64_t, int64_t)
MUL_FN(64, unsigned __int128, __int128)

#define IMUL_FN(bits, name, wide, a, b) \
    static void name##_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        wide product = (wide)SEXT(bits, a) * SEXT(bits, b); \
        reg_write(cpu, bits, insn->reg, (uint64_t)product); \
        store_mul_flags(cpu, SEXT(bits, product), product != SEXT(bits, product)); \
    }
#define IMUL_FNS(name, b) \
    IMUL_FN(16, name, int64_t, rm_read(cpu, insn, 16), b) IMUL_FN(32, name, int64_t, rm_read(cpu, insn, 32), b) \
    IMUL_FN(64, name, __int128, rm_read(cpu, insn, 64), b)
IMUL_FNS(imul_reg, cpu->regs[insn->reg])
IMUL_FNS(imul_imm, insn->imm)

/* Division. Bytes divide AX; others rDX:rAX. */

#define DIV_FN(bits, wide_u, wide_s)                                                                                   \
    static void div_##bits(CpuX86 *cpu, const Insn *insn)                                                              \
    {                                                                                                                  \
        uint64_t divisor = rm_read(cpu, insn, bits);                                                                   \
        wide_u dividend = bits == 8                                                                                    \
                              ? (wide_u)(uint16_t)cpu->regs[R_RAX]                                                     \
                              : (wide_u)reg_read(cpu, bits, R_RDX) << (bits - 1) << 1 | reg_read(cpu, bits, R_RAX);    \
        if (divisor == 0 || (uint64_t)(dividend >> bits) >= divisor) {                                                 \
            cpu_raise(cpu, VECTOR_DE);                                                                                 \
        }                                                                                                              \
        write_product(cpu, bits, (uint64_t)(dividend / divisor), (uint64_t)(dividend % divisor));                      \
    }                                                                                                                  \
    static void idiv_##bits(CpuX86 *cpu, const Insn *insn)                                                             \
    {                                                                                                                  \
        int64_t divisor = SEXT(bits, rm_read(cpu, insn, bits));                                                        \
        wide_s dividend =                                                                                              \
            bits == 8                                                                                                  \
                ? (wide_s)SEXT(16, cpu->regs[R_RAX])                                                                   \
                : (wide_s)((wide_u)SEXT(bits, cpu->regs[R_RDX]) << (bits - 1) << 1 | reg_read(cpu, bits, R_RAX));      \
        wide_s least = (wide_s)((wide_u)1 << (sizeof(wide_s) * 8 - 1));                                                \
        if (divisor == 0 || (divisor == -1 && dividend == least)) {                                                    \
            cpu_raise(cpu, VECTOR_DE);                                                                                 \
        }                                                                                                              \
        wide_s quotient = dividend / divisor;                                                                          \
        if (quotient != SEXT(bits, quotient)) {                                                                        \
            cpu_raise(cpu, VECTOR_DE);                                                                                 \
        }                                                                                                              \
        write_product(cpu, bits, (uint64_t)quotient, (uint64_t)(dividend % divisor));                                  \
    }
DIV_FN(8, uint32_t, int32_t)
DIV_FN(16, uint32_t, int32_t)
DIV_FN(32, uint64_t, int64_t)
DIV_FN(64, unsigned __int128, __int128)

#define ENTRY(bits, name) name##_##bits,
static InsnFn *const fns[4][4] = {{SIZES(ENTRY, mul)}, {SIZES(ENTRY, imul)}, {SIZES(ENTRY, div)}, {SIZES(ENTRY, idiv)}};
static InsnFn *const imul_fns[2][4] = { { NULL, WIDE_SIZES(ENTRY, imul_reg) }, { NULL, WIDE_SIZES(ENTRY, imul_imm) } };

/* MULX: high half to Gy, low half to By; if they are the same register the high half stays. */
static void mulx_32(CpuX86 *cpu, const Insn *insn)
{
    uint64_t product = (uint64_t)(uint32_t)cpu->regs[R_RDX] * rm_read(cpu, insn, 32);
    reg_write(cpu, 32, insn->vvvv, product);
    reg_write(cpu, 32, insn->reg, product >> 32);
}

static void mulx_64(CpuX86 *cpu, const Insn *insn)
{
    unsigned __int128 product = (unsigned __int128)cpu->regs[R_RDX] * rm_read(cpu, insn, 64);
    reg_write(cpu, 64, insn->vvvv, (uint64_t)product);
    reg_write(cpu, 64, insn->reg, (uint64_t)(product >> 64));
}

/* ADCX carries through CF alone, ADOX through OF alone. */
#define ADX_FN(bits) \
    static uint64_t adx_##bits(CpuX86 *cpu, const Insn *insn, bool in, bool *out) \
    { \
        unsigned __int128 sum = (unsigned __int128)reg_read(cpu, bits, insn->reg) + rm_read(cpu, insn, bits) + in; \
        *out = sum >> bits & 1; \
        return (uint64_t)sum; \
    } \
    static void adcx_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        bool carry; \
        reg_write(cpu, bits, insn->reg, adx_##bits(cpu, insn, flag_cf(cpu), &carry)); \
        flags_set_cf(cpu, carry); \
    } \
    static void adox_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        bool carry; \
        reg_write(cpu, bits, insn->reg, adx_##bits(cpu, insn, flag_of(cpu), &carry)); \
        flags_set_cf_of(cpu, flag_cf(cpu), carry); \
    }
ADX_FN(32)
ADX_FN(64)

/* Decimal */

static void set_al_flags(CpuX86 *cpu, uint8_t al, bool af, bool cf)
{
    flags_store(cpu, (int8_t)al, (int64_t)(af << 4 | (uint64_t)cf << 63), cf);  /* OF 0 */
}

static void decimal_adjust(CpuX86 *cpu, int sign)
{
    uint8_t old = cpu->regs[R_RAX], al = old;
    bool af = flag_af(cpu), old_cf = flag_cf(cpu), cf = false;

    if ((old & 15) > 9 || af) {
        cf = old_cf || (sign > 0 ? old > 0xff - 6 : old < 6);
        al += sign * 6;
        af = true;
    }
    if (old > 0x99 || old_cf) {
        al += sign * 0x60;
        cf = true;
    } else if (sign > 0) {
        cf = false;
    }
    reg_write(cpu, 8, R_RAX, al);
    set_al_flags(cpu, al, af, cf);
}

static void daa(CpuX86 *cpu, const Insn *insn) { decimal_adjust(cpu, 1); }
static void das(CpuX86 *cpu, const Insn *insn) { decimal_adjust(cpu, -1); }

static void ascii_adjust(CpuX86 *cpu, int sign)
{
    uint16_t ax = cpu->regs[R_RAX];
    bool adjust = (ax & 15) > 9 || flag_af(cpu);

    if (adjust) {
        ax += sign * 0x106;
    }
    reg_write(cpu, 16, R_RAX, ax & 0xff0f);
    set_al_flags(cpu, ax & 15, adjust, adjust);
}

static void aaa(CpuX86 *cpu, const Insn *insn) { ascii_adjust(cpu, 1); }
static void aas(CpuX86 *cpu, const Insn *insn) { ascii_adjust(cpu, -1); }

static void aam(CpuX86 *cpu, const Insn *insn)
{
    uint8_t al = cpu->regs[R_RAX], base = insn->imm;

    if (base == 0) {
        cpu_raise(cpu, VECTOR_DE);
    }
    reg_write(cpu, 16, R_RAX, (al / base) << 8 | al % base);
    set_al_flags(cpu, al % base, false, false);
}

static void aad(CpuX86 *cpu, const Insn *insn)
{
    uint16_t ax = cpu->regs[R_RAX];
    uint8_t al = (ax & 0xff) + (ax >> 8) * (uint8_t)insn->imm;

    reg_write(cpu, 16, R_RAX, al);
    set_al_flags(cpu, al, false, false);
}

InsnFn *bind_muldiv(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    unsigned size = size_log2(insn->size);
    bool wide = insn->size == 8;

    switch (row->op) {
    case OP_MUL: return fns[0][size];
    case OP_IMUL:
        if (row->operands[0] != OPERAND_Gv) {
            return fns[1][size];
        }
        return imul_fns[row->imm_kind[0] != 0][size];
    case OP_DIV: return fns[2][size];
    case OP_IDIV: return fns[3][size];
    case OP_MULX: return wide ? mulx_64 : mulx_32;
    case OP_ADCX: return wide ? adcx_64 : adcx_32;
    case OP_ADOX: return wide ? adox_64 : adox_32;
    case OP_DAA: return daa;
    case OP_DAS: return das;
    case OP_AAA: return aaa;
    case OP_AAS: return aas;
    case OP_AAM: return aam;
    case OP_AAD: return aad;
    default: return NULL;
    }
}
