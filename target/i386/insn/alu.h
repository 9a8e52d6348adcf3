/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arithmetic and logic with flags: the one place that says what ADD, SBB, CMP ... compute. */
#ifndef TARGET_I386_INSN_ALU_H
#define TARGET_I386_INSN_ALU_H

#include "target/i386/insn/operand.h"

typedef enum Alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP, ALU_TEST, ALU_COUNT } Alu;

/** alu: result of @op on zero-extended operands of @bits, flags stored. @cf is the carry that ADC and SBB take in. */
static ALWAYS_INLINE uint64_t alu(CpuX86 *cpu, Alu op, unsigned bits, uint64_t a, uint64_t b, bool cf)
{
    uint64_t r;
    bool carry;

    switch (op) {
    case ALU_ADC:
    case ALU_ADD:
        cf = op == ALU_ADC && cf;
        if (bits < 64) {
            r = a + b + cf;
            carry = r >> bits & 1;
        } else {
            carry = __builtin_add_overflow(a, b, &r);
            if (op == ALU_ADC) {
                carry |= __builtin_add_overflow(r, (uint64_t)cf, &r);
            }
        }
        flags_store(cpu, SEXT(bits, r), SEXT(bits, a ^ b ^ r), carry);
        return r;
    case ALU_SBB:
    case ALU_SUB:
    case ALU_CMP:
        cf = op == ALU_SBB && cf;
        if (bits < 64) {
            r = a - b - cf;
            carry = r >> bits & 1;
        } else {
            carry = __builtin_sub_overflow(a, b, &r);
            if (op == ALU_SBB) {
                carry |= __builtin_sub_overflow(r, (uint64_t)cf, &r);
            }
        }
        flags_store(cpu, SEXT(bits, r), SEXT(bits, a ^ b ^ r), carry);
        return r;
    case ALU_OR: r = a | b; break;
    case ALU_XOR: r = a ^ b; break;
    default: r = a & b; break;
    }
    flags_store(cpu, SEXT(bits, r), 0, 0);
    return r;
}

/* CF stays: the carry into the sign bit is kept so that OF comes out right with a CF that is not this operation's. */
static ALWAYS_INLINE uint64_t alu_inc_dec(CpuX86 *cpu, bool dec, unsigned bits, uint64_t a, uint32_t cf)
{
    uint64_t r = ZEXT(bits, dec ? a - 1 : a + 1);
    bool carry = dec ? a == 0 : r == 0;

    flags_store(cpu, SEXT(bits, r), SEXT(bits, a ^ 1 ^ r) ^ (int64_t)((uint64_t)(carry ^ cf) << 63), cf);
    return r;
}

#endif
