/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CMPXCHG, XADD, CMPXCHG8B, CMPXCHG16B.
 *
 * The destination is always written (its own value when the comparison fails), so a read-only page faults either way.
 * CMPXCHG8B and 16B are atomic here with or without LOCK. Spec: SDM vol. 2.
 */
#include "target/i386/insn/alu.h"

static ALWAYS_INLINE void cmpxchg_mem(CpuX86 *cpu, const Insn *insn, unsigned bits, bool locked)
{
    uint64_t expected = reg_read(cpu, bits, R_RAX), new = reg_read(cpu, bits, insn->reg), was = 0;

    RMW(cpu, mem_linear(cpu, insn, bits / 8, true), bits, insn->seg, locked, old,
        (was = old, old == expected ? new : old));
    alu(cpu, ALU_CMP, bits, expected, was, false);
    if (was != expected) {
        reg_write(cpu, bits, R_RAX, was);
    }
}

#define CMPXCHG_FN(bits, _) \
    static void cmpxchg_reg_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t expected = reg_read(cpu, bits, R_RAX), was = reg_read(cpu, bits, insn->rm); \
        alu(cpu, ALU_CMP, bits, expected, was, false); \
        if (was == expected) { \
            reg_write(cpu, bits, insn->rm, reg_read(cpu, bits, insn->reg)); \
        } else { \
            reg_write(cpu, bits, insn->rm, was); \
            reg_write(cpu, bits, R_RAX, was); \
        } \
    } \
    static void cmpxchg_mem_##bits(CpuX86 *cpu, const Insn *insn) { cmpxchg_mem(cpu, insn, bits, false); } \
    static void cmpxchg_lock_##bits(CpuX86 *cpu, const Insn *insn) { cmpxchg_mem(cpu, insn, bits, true); }
SIZES(CMPXCHG_FN, _)

static ALWAYS_INLINE void xadd_mem(CpuX86 *cpu, const Insn *insn, unsigned bits, bool locked)
{
    uint64_t addend = reg_read(cpu, bits, insn->reg), was = 0;

    RMW(cpu, mem_linear(cpu, insn, bits / 8, true), bits, insn->seg, locked, old,
        (was = old, alu(cpu, ALU_ADD, bits, old, addend, false)));
    reg_write(cpu, bits, insn->reg, was);
}

#define XADD_FN(bits, _)                                                                                               \
    static void xadd_reg_##bits(CpuX86 *cpu, const Insn *insn)                                                         \
    {                                                                                                                  \
        uint64_t was = reg_read(cpu, bits, insn->rm),                                                                  \
                 sum = alu(cpu, ALU_ADD, bits, was, reg_read(cpu, bits, insn->reg), false);                            \
        reg_write(cpu, bits, insn->reg, was);                                                                          \
        reg_write(cpu, bits, insn->rm, sum);                                                                           \
    }                                                                                                                  \
    static void xadd_mem_##bits(CpuX86 *cpu, const Insn *insn) { xadd_mem(cpu, insn, bits, false); }                   \
    static void xadd_lock_##bits(CpuX86 *cpu, const Insn *insn) { xadd_mem(cpu, insn, bits, true); }
SIZES(XADD_FN, _)

#define ENTRY(bits, name) name##_##bits,
static InsnFn *const cmpxchg_fns[3][4] = {
    { SIZES(ENTRY, cmpxchg_reg) }, { SIZES(ENTRY, cmpxchg_mem) }, { SIZES(ENTRY, cmpxchg_lock) } };
static InsnFn *const xadd_fns[3][4] = {{SIZES(ENTRY, xadd_reg)}, {SIZES(ENTRY, xadd_mem)}, {SIZES(ENTRY, xadd_lock)}};

static void cmpxchg8b(CpuX86 *cpu, const Insn *insn)
{
    uint64_t expected = (uint32_t)cpu->regs[R_RAX] | cpu->regs[R_RDX] << 32;
    uint64_t new = (uint32_t)cpu->regs[R_RBX] | cpu->regs[R_RCX] << 32, was = 0;

    RMW(cpu, mem_linear(cpu, insn, 8, true), 64, insn->seg, true, old, (was = old, old == expected ? new : old));
    if (was != expected) {
        cpu->regs[R_RAX] = (uint32_t)was;
        cpu->regs[R_RDX] = was >> 32;
    }
    flags_set_zf(cpu, was == expected);
}

typedef unsigned __int128 U128;

#if defined(__x86_64__)
__attribute__((target("cx16")))
#endif
static U128 host_cas128(void *p, U128 old, U128 new)
{
    return __sync_val_compare_and_swap((U128 *)p, old, new);
}

static void cmpxchg16b(CpuX86 *cpu, const Insn *insn)
{
    U128 expected = cpu->regs[R_RAX] | (U128)cpu->regs[R_RDX] << 64,
         new = cpu->regs[R_RBX] | (U128)cpu->regs[R_RCX] << 64, was;
    uint64_t lin = mem_linear(cpu, insn, 16, true);
    RmwPlace place;

    if (lin & 15) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    void *host = cpu_rmw_begin(cpu, lin, 16, insn->seg, &place);
    if (host) {
        was = host_cas128(host, expected, new);
        cpu_rmw_end(cpu, &place, 16);
    } else {
        cpu_rmw_exclusive(cpu);
        was = mmu_ld64(cpu, lin, insn->seg) | (U128)mmu_ld64(cpu, lin + 8, insn->seg) << 64;
        U128 put = was == expected ? new : was;
        mmu_st64(cpu, lin, (uint64_t)put, insn->seg);
        mmu_st64(cpu, lin + 8, (uint64_t)(put >> 64), insn->seg);
        cpu_rmw_exclusive_end(cpu);
    }
    if (was != expected) {
        cpu->regs[R_RAX] = (uint64_t)was;
        cpu->regs[R_RDX] = (uint64_t)(was >> 64);
    }
    flags_set_zf(cpu, was == expected);
}

InsnFn *bind_atomic(const CpuX86 *cpu, Insn *insn)
{
    unsigned form = !insn_has_mem(insn) ? 0 : insn->prefixes & INSN_LOCK ? 2 : 1;

    switch (insn_row(insn)->op) {
    case OP_CMPXCHG: return cmpxchg_fns[form][size_log2(insn->size)];
    case OP_XADD: return xadd_fns[form][size_log2(insn->size)];
    case OP_CMPXCHG8B: return cmpxchg8b;
    case OP_CMPXCHG16B: return cmpxchg16b;
    default: return NULL;
    }
}
