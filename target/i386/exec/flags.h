/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arithmetic flags in lazy form: an operation stores three words, a reader derives the flag it wants. No reader asks
 * which operation it was.
 *
 *   lazy_result  result, sign-extended to 64 bits: ZF, SF, and PF from its low byte
 *   lazy_aux     carries into each bit (a ^ b ^ result for sums and differences), sign-extended: AF is bit 4, and bit
 * 63 is the carry into the sign bit, so OF = bit 63 ^ CF lazy_carry   bit 0 CF; two corrections for combinations that
 * no result has (ZF with SF, say): bit 7 inverts SF, bit 2 inverts PF. Operations leave the corrections 0.
 */
#ifndef TARGET_I386_EXEC_FLAGS_H
#define TARGET_I386_EXEC_FLAGS_H

#include "target/i386/cpu.h"

enum { LAZY_CF = 1, LAZY_PF_INVERT = 1 << 2, LAZY_SF_INVERT = 1 << 7 };

/** flags_store: @result and @aux sign-extended from the operand size; @cf 0 or 1. */
static inline void flags_store(CpuX86 *cpu, int64_t result, int64_t aux, uint32_t cf)
{
    cpu->lazy_result = result;
    cpu->lazy_aux = aux;
    cpu->lazy_carry = cf;
}

static inline bool flag_cf(const CpuX86 *cpu) { return cpu->lazy_carry & LAZY_CF; }
static inline bool flag_zf(const CpuX86 *cpu) { return cpu->lazy_result == 0; }
static inline bool flag_sf(const CpuX86 *cpu) { return cpu->lazy_result >> 63 ^ (cpu->lazy_carry >> 7 & 1); }
static inline bool flag_of(const CpuX86 *cpu) { return cpu->lazy_aux >> 63 ^ (cpu->lazy_carry & LAZY_CF); }
static inline bool flag_af(const CpuX86 *cpu) { return cpu->lazy_aux >> 4 & 1; }
static inline bool flag_pf(const CpuX86 *cpu)
{
    return (__builtin_parity(cpu->lazy_result & 0xff) ^ 1) ^ (cpu->lazy_carry >> 2 & 1);
}

/** flags_get: the six arithmetic flags at their places in RFLAGS. */
static inline uint32_t flags_get(const CpuX86 *cpu)
{
    return (flag_cf(cpu) ? RFLAGS_CF : 0) | (flag_pf(cpu) ? RFLAGS_PF : 0) | (flag_af(cpu) ? RFLAGS_AF : 0) |
           (flag_zf(cpu) ? RFLAGS_ZF : 0) | (flag_sf(cpu) ? RFLAGS_SF : 0) | (flag_of(cpu) ? RFLAGS_OF : 0);
}

/** flags_put: any combination of the six; other bits of @flags are ignored. */
static inline void flags_put(CpuX86 *cpu, uint64_t flags)
{
    uint32_t cf = flags & RFLAGS_CF;
    bool zf = flags & RFLAGS_ZF, pf = flags & RFLAGS_PF, of = flags & RFLAGS_OF;

    cpu->lazy_result = !zf;                     /* 0: even parity; 1: odd parity; both positive */
    cpu->lazy_carry = cf | (flags & RFLAGS_SF ? LAZY_SF_INVERT : 0) | (pf != zf ? LAZY_PF_INVERT : 0);
    cpu->lazy_aux = (flags & RFLAGS_AF) | (uint64_t)(of != cf) << 63;
}

static inline void flags_set_cf(CpuX86 *cpu, bool cf)   /* OF keeps its value */
{
    uint32_t flip = (cpu->lazy_carry ^ cf) & LAZY_CF;

    cpu->lazy_carry ^= flip;
    cpu->lazy_aux ^= (uint64_t)flip << 63;
}

static inline void flags_set_cf_of(CpuX86 *cpu, bool cf, bool of)
{
    cpu->lazy_carry = (cpu->lazy_carry & ~LAZY_CF) | cf;
    cpu->lazy_aux = (cpu->lazy_aux & INT64_MAX) | (uint64_t)(cf ^ of) << 63;
}

static inline void flags_set_zf(CpuX86 *cpu, bool zf)   /* the others keep their values */
{
    flags_put(cpu, (flags_get(cpu) & ~RFLAGS_ZF) | (zf ? RFLAGS_ZF : 0));
}

/** flags_condition: @cc is the condition code in the low four opcode bits of Jcc, SETcc, CMOVcc. */
static inline __attribute__((always_inline)) bool flags_condition(const CpuX86 *cpu, unsigned cc)
{
    bool yes;

    switch (cc >> 1) {
    case 0: yes = flag_of(cpu); break;
    case 1: yes = flag_cf(cpu); break;
    case 2: yes = flag_zf(cpu); break;
    case 3: yes = flag_cf(cpu) | flag_zf(cpu); break;
    case 4: yes = flag_sf(cpu); break;
    case 5: yes = flag_pf(cpu); break;
    case 6: yes = flag_sf(cpu) ^ flag_of(cpu); break;
    default: yes = flag_zf(cpu) | (flag_sf(cpu) ^ flag_of(cpu)); break;
    }
    return yes ^ (cc & 1);
}

#endif
