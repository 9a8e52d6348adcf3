/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector moves in C, since kernels and libraries use them everywhere: whole registers, MOVD/MOVQ, scalars, halves.
 * Forms that merge three operands, and masked ones, go to the host. Legacy encodings leave the upper bits of the
 * register, VEX clears them.
 */
#include "target/i386/insn/simd_move.h"

#include "target/i386/insn/operand.h"
#include "target/i386/native/native.h"
#include "target/i386/native/vector_mem.h"

#define VECTOR_STATE_BYTES 64

static ALWAYS_INLINE void write_register(CpuX86 *cpu, unsigned number, const void *from, unsigned bytes,
                                         unsigned keep_from)
{
    uint8_t *to = cpu->fpu.zmm[number];

    memmove(to, from, bytes);
    if (bytes < keep_from) {
        memset(to + bytes, 0, keep_from - bytes);
    }
}

/*
 * NAME_load, _copy (register to register, reg <- rm), _copy_back (rm <- reg) of @bytes; bits of the register from @keep
 * on are left alone. _load is the fast form (operand.h) of _load_any; misalignment, where it matters, is found by the
 * latter.
 */
#define LOAD(name, bytes, keep, aligned) \
    static void name##_any(CpuX86 *cpu, const Insn *insn) \
    { \
        VectorBuffer buffer; \
        write_register(cpu, insn->reg, vector_load(cpu, insn, bytes, aligned, &buffer), bytes, keep); \
    } \
    static void name(CpuX86 *cpu, const Insn *insn) \
    { \
        FAST_MEM(cpu, insn, 8 * (bytes), read_tag, host, name##_any); \
        if (aligned && UNLIKELY(lin_ & ((bytes) - 1))) { \
            name##_any(cpu, insn); \
            return; \
        } \
        write_register(cpu, insn->reg, host, bytes, keep); \
        INSN_NEXT(cpu, insn); \
    }
#define COPY(name, bytes, keep) \
    static void name(CpuX86 *cpu, const Insn *insn) \
    { \
        write_register(cpu, insn->reg, cpu->fpu.zmm[insn->rm], bytes, keep); \
        INSN_NEXT(cpu, insn); \
    } \
    static void name##_back(CpuX86 *cpu, const Insn *insn) \
    { \
        write_register(cpu, insn->rm, cpu->fpu.zmm[insn->reg], bytes, keep); \
        INSN_NEXT(cpu, insn); \
    }
#define MOVE(name, bytes, keep) \
    LOAD(name##_load, bytes, keep, false) \
    COPY(name##_copy, bytes, keep)
MOVE(legacy16, 16, 16)
MOVE(legacy8, 8, 16)
MOVE(vex16, 16, VECTOR_STATE_BYTES)
MOVE(vex32, 32, VECTOR_STATE_BYTES)
MOVE(vex64, 64, VECTOR_STATE_BYTES)
MOVE(vex8, 8, VECTOR_STATE_BYTES)
LOAD(legacy4_load, 4, 16, false)
LOAD(vex4_load, 4, VECTOR_STATE_BYTES, false)
LOAD(legacy16_load_aligned, 16, 16, true)
LOAD(vex16_load_aligned, 16, VECTOR_STATE_BYTES, true)
LOAD(vex32_load_aligned, 32, VECTOR_STATE_BYTES, true)
LOAD(vex64_load_aligned, 64, VECTOR_STATE_BYTES, true)
#undef MOVE
#undef COPY
#undef LOAD

#define STORE(name, from, bytes, aligned) \
    static void name##_any(CpuX86 *cpu, const Insn *insn) \
    { \
        vector_store(cpu, insn, cpu->fpu.zmm[insn->reg] + from, bytes, aligned); \
    } \
    static void name(CpuX86 *cpu, const Insn *insn) \
    { \
        FAST_MEM(cpu, insn, 8 * (bytes), write_tag, host, name##_any); \
        if (aligned && UNLIKELY(lin_ & ((bytes) - 1))) { \
            name##_any(cpu, insn); \
            return; \
        } \
        memcpy(host, cpu->fpu.zmm[insn->reg] + from, bytes); \
        INSN_NEXT(cpu, insn); \
    }
STORE(store64, 0, 64, false)
STORE(store32, 0, 32, false)
STORE(store16, 0, 16, false)
STORE(store8, 0, 8, false)
STORE(store4, 0, 4, false)
STORE(store_high8, 8, 8, false)
STORE(store64_aligned, 0, 64, true)
STORE(store32_aligned, 0, 32, true)
STORE(store16_aligned, 0, 16, true)
#undef STORE

static void low4_copy(CpuX86 *cpu, const Insn *insn) { memmove(cpu->fpu.zmm[insn->reg], cpu->fpu.zmm[insn->rm], 4); }
static void low8_copy(CpuX86 *cpu, const Insn *insn) { memmove(cpu->fpu.zmm[insn->reg], cpu->fpu.zmm[insn->rm], 8); }
static void low4_copy_back(CpuX86 *cpu, const Insn *insn)
{
    memmove(cpu->fpu.zmm[insn->rm], cpu->fpu.zmm[insn->reg], 4);
}
static void low8_copy_back(CpuX86 *cpu, const Insn *insn)
{
    memmove(cpu->fpu.zmm[insn->rm], cpu->fpu.zmm[insn->reg], 8);
}

/* MOVLPS, MOVHPS and the like between memory and half a register. */
static void low8_load(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value = cpu_ld64(cpu, insn->seg, insn_ea(cpu, insn));

    memcpy(cpu->fpu.zmm[insn->reg], &value, 8);
}
static void high8_load(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value = cpu_ld64(cpu, insn->seg, insn_ea(cpu, insn));

    memcpy(cpu->fpu.zmm[insn->reg] + 8, &value, 8);
}
static void movhlps(CpuX86 *cpu, const Insn *insn) { memmove(cpu->fpu.zmm[insn->reg], cpu->fpu.zmm[insn->rm] + 8, 8); }
static void movlhps(CpuX86 *cpu, const Insn *insn) { memmove(cpu->fpu.zmm[insn->reg] + 8, cpu->fpu.zmm[insn->rm], 8); }

/* MOVD and MOVQ between general and vector registers or memory; imm2 holds the bytes. */
static void from_general(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value = insn->imm2 == 8 ? cpu->regs[insn->rm] : (uint32_t)cpu->regs[insn->rm];

    write_register(cpu, insn->reg, &value, 8, insn->prefixes & (INSN_VEX | INSN_EVEX) ? VECTOR_STATE_BYTES : 16);
    INSN_NEXT(cpu, insn);
}
static void to_general(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value;

    memcpy(&value, cpu->fpu.zmm[insn->reg], 8);
    cpu->regs[insn->rm] = insn->imm2 == 8 ? value : (uint32_t)value;
    INSN_NEXT(cpu, insn);
}

typedef struct MoveSet { InsnFn *load, *load_any, *store, *store_any, *copy, *copy_back; } MoveSet;
#define FORMS(name) name, name##_any

/* By direction (from the row's first operand), ModRM.mod and the kind of address. */
static InsnFn *pick(const CpuX86 *cpu, const Insn *insn, const MoveSet *set)
{
    bool to_rm = insn_row(insn)->mem_operand == 0;

    if (!insn_has_mem(insn)) {
        return to_rm ? set->copy_back : set->copy;
    }
    if (mem_form(cpu, insn) == MEM_FLAT) {
        return to_rm ? set->store : set->load;
    }
    return to_rm ? set->store_any : set->load_any;
}

static InsnFn *whole_register(const CpuX86 *cpu, const Insn *insn)
{
    static const MoveSet sets[] = {
        { FORMS(legacy16_load), FORMS(store16), legacy16_copy, legacy16_copy_back },
        { FORMS(legacy16_load_aligned), FORMS(store16_aligned), legacy16_copy, legacy16_copy_back },
        { FORMS(vex16_load), FORMS(store16), vex16_copy, vex16_copy_back },
        { FORMS(vex16_load_aligned), FORMS(store16_aligned), vex16_copy, vex16_copy_back },
        { FORMS(vex32_load), FORMS(store32), vex32_copy, vex32_copy_back },
        { FORMS(vex32_load_aligned), FORMS(store32_aligned), vex32_copy, vex32_copy_back },
        { FORMS(vex64_load), FORMS(store64), vex64_copy, vex64_copy_back },
        { FORMS(vex64_load_aligned), FORMS(store64_aligned), vex64_copy, vex64_copy_back },
    };
    unsigned shape = !(insn->prefixes & (INSN_VEX | INSN_EVEX)) ? 0 : insn->size == 16 ? 1 : insn->size == 32 ? 2 : 3;

    return pick(cpu, insn, &sets[2 * shape + !!(insn_row(insn)->properties & ROW_ALIGNED)]);
}

InsnFn *bind_vmove(const CpuX86 *cpu, Insn *insn)
{
    static const MoveSet quad = { FORMS(legacy8_load), FORMS(store8), legacy8_copy, legacy8_copy_back };
    static const MoveSet vex_quad = { FORMS(vex8_load), FORMS(store8), vex8_copy, vex8_copy_back };
    static const MoveSet single = { FORMS(legacy4_load), FORMS(store4), low4_copy, low4_copy_back };
    static const MoveSet twofold = { FORMS(legacy8_load), FORMS(store8), low8_copy, low8_copy_back };
    static const MoveSet vex_single = { FORMS(vex4_load), FORMS(store4), NULL, NULL };
    static const MoveSet vex_twofold = { FORMS(vex8_load), FORMS(store8), NULL, NULL };
    static const MoveSet low = { low8_load, low8_load, FORMS(store8), NULL, NULL };
    static const MoveSet high = { high8_load, high8_load, FORMS(store_high8), NULL, NULL };
    static const MoveSet vex_low = { NULL, NULL, FORMS(store8), NULL, NULL };
    static const MoveSet vex_high = { NULL, NULL, FORMS(store_high8), NULL, NULL };
    const InsnRow *row = insn_row(insn);
    InsnFn *fn = NULL;

    if (row->properties & ROW_MMX) {
        return mmx_move_fn(insn);
    }
    if (insn->evex & 7) {
        return native_bind(cpu, insn);          /* masked */
    }
    switch (row->op) {
    case OP_MOVUPS: case OP_MOVUPD: case OP_MOVAPS: case OP_MOVAPD: case OP_MOVDQA: case OP_MOVDQU: case OP_LDDQU:
    case OP_MOVNTPS: case OP_MOVNTPD: case OP_MOVNTDQ: case OP_MOVNTDQA:
    case OP_VMOVUPS: case OP_VMOVUPD: case OP_VMOVAPS: case OP_VMOVAPD: case OP_VMOVDQA: case OP_VMOVDQU:
    case OP_VLDDQU:
    case OP_VMOVNTPS: case OP_VMOVNTPD: case OP_VMOVNTDQ: case OP_VMOVNTDQA:
    case OP_VMOVDQA32: case OP_VMOVDQA64: case OP_VMOVDQU8: case OP_VMOVDQU16: case OP_VMOVDQU32: case OP_VMOVDQU64:
        fn = whole_register(cpu, insn);
        break;
    case OP_MOVQ: fn = pick(cpu, insn, &quad); break;
    case OP_VMOVQ: fn = pick(cpu, insn, &vex_quad); break;
    case OP_MOVSS: fn = pick(cpu, insn, &single); break;
    case OP_MOVSD: fn = pick(cpu, insn, &twofold); break;
    case OP_VMOVSS: fn = pick(cpu, insn, &vex_single); break;
    case OP_VMOVSD: fn = pick(cpu, insn, &vex_twofold); break;
    case OP_MOVNTSS: fn = pick(cpu, insn, &single); break;
    case OP_MOVNTSD: fn = pick(cpu, insn, &twofold); break;
    case OP_MOVLPS: case OP_MOVLPD: fn = pick(cpu, insn, &low); break;
    case OP_MOVHPS: case OP_MOVHPD: fn = pick(cpu, insn, &high); break;
    case OP_VMOVLPS: case OP_VMOVLPD: fn = pick(cpu, insn, &vex_low); break;
    case OP_VMOVHPS: case OP_VMOVHPD: fn = pick(cpu, insn, &vex_high); break;
    case OP_MOVHLPS: fn = movhlps; break;
    case OP_MOVLHPS: fn = movlhps; break;
    case OP_MOVD: case OP_VMOVD: {
        bool to_rm = row->mem_operand == 0;

        insn->imm2 = insn_operand_bytes(cpu, insn, row->mem_operand);
        if (!insn_has_mem(insn)) {
            fn = to_rm ? to_general : from_general;
        } else if (insn->imm2 == 8) {
            fn = pick(cpu, insn, row->op == OP_MOVD ? &quad : &vex_quad);
        } else {
            fn = pick(cpu, insn, row->op == OP_MOVD ? &single : &vex_single);
        }
        break;
    }
    }
    return fn ? fn : native_bind(cpu, insn);
}
