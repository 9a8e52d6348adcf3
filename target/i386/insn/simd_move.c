/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector moves in C, since kernels and libraries use them everywhere: whole registers, MOVD/MOVQ, scalars, halves. Forms that
 * merge three operands, and masked ones, go to the host. Legacy encodings leave the upper bits of the register, VEX clears them.
 */
#include "target/i386/insn/simd_move.h"
#include "target/i386/native/native.h"
#include "target/i386/native/vector_mem.h"

#define VECTOR_STATE_BYTES 64

static ALWAYS_INLINE void write_register(CpuX86 *cpu, unsigned number, const void *from, unsigned bytes, unsigned keep_from)
{
    uint8_t *to = cpu->fpu.zmm[number];

    memmove(to, from, bytes);
    if (bytes < keep_from) {
        memset(to + bytes, 0, keep_from - bytes);
    }
}

/*
 * NAME_load, _store, _copy (register to register, reg <- rm), _copy_back (rm <- reg) of @bytes; bits from @keep on are
 * left alone.
 */
#define MOVE(name, bytes_, keep) \
    static void name##_load(CpuX86 *cpu, const Insn *insn) \
    { \
        VectorBuffer buffer; \
        write_register(cpu, insn->reg, vector_load(cpu, insn, bytes_, false, &buffer), bytes_, keep); \
    } \
    static void name##_copy(CpuX86 *cpu, const Insn *insn) \
    { \
        write_register(cpu, insn->reg, cpu->fpu.zmm[insn->rm], bytes_, keep); \
    } \
    static void name##_copy_back(CpuX86 *cpu, const Insn *insn) \
    { \
        write_register(cpu, insn->rm, cpu->fpu.zmm[insn->reg], bytes_, keep); \
    }
MOVE(legacy16, 16, 16)
MOVE(legacy8, 8, 16)
MOVE(vex16, 16, VECTOR_STATE_BYTES)
MOVE(vex32, 32, VECTOR_STATE_BYTES)
MOVE(vex64, 64, VECTOR_STATE_BYTES)
MOVE(vex8, 8, VECTOR_STATE_BYTES)
#undef MOVE

#define STORE(name, from, bytes, aligned) \
    static void name(CpuX86 *cpu, const Insn *insn) \
    { \
        vector_store(cpu, insn, cpu->fpu.zmm[insn->reg] + from, bytes, aligned); \
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

static void legacy16_load_aligned(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer;

    write_register(cpu, insn->reg, vector_load(cpu, insn, 16, true, &buffer), 16, 16);
}

static void vex_load_aligned(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer;

    write_register(cpu, insn->reg, vector_load(cpu, insn, insn->size, true, &buffer), insn->size, VECTOR_STATE_BYTES);
}

/* MOVSS from memory: zero-extended. */
static void load4(CpuX86 *cpu, const Insn *insn)
{
    uint32_t value = cpu_ld32(cpu, insn->seg, insn_ea(cpu, insn));

    write_register(cpu, insn->reg, &value, 4, insn->prefixes & (INSN_VEX | INSN_EVEX) ? VECTOR_STATE_BYTES : 16);
}

static void low4_copy(CpuX86 *cpu, const Insn *insn) { memmove(cpu->fpu.zmm[insn->reg], cpu->fpu.zmm[insn->rm], 4); }
static void low8_copy(CpuX86 *cpu, const Insn *insn) { memmove(cpu->fpu.zmm[insn->reg], cpu->fpu.zmm[insn->rm], 8); }
static void low4_copy_back(CpuX86 *cpu, const Insn *insn) { memmove(cpu->fpu.zmm[insn->rm], cpu->fpu.zmm[insn->reg], 4); }
static void low8_copy_back(CpuX86 *cpu, const Insn *insn) { memmove(cpu->fpu.zmm[insn->rm], cpu->fpu.zmm[insn->reg], 8); }

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
}
static void to_general(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value;

    memcpy(&value, cpu->fpu.zmm[insn->reg], 8);
    cpu->regs[insn->rm] = insn->imm2 == 8 ? value : (uint32_t)value;
}

typedef struct MoveSet { InsnFn *load, *store, *copy, *copy_back; } MoveSet;

/* By direction (from the row's first operand) and ModRM.mod. */
static InsnFn *pick(const Insn *insn, const MoveSet *set)
{
    bool to_rm = insn_row(insn)->mem_operand == 0;

    return insn_has_mem(insn) ? to_rm ? set->store : set->load : to_rm ? set->copy_back : set->copy;
}

static InsnFn *whole_register(const Insn *insn)
{
    static const MoveSet sets[] = {
        { legacy16_load, store16, legacy16_copy, legacy16_copy_back },
        { legacy16_load_aligned, store16_aligned, legacy16_copy, legacy16_copy_back },
        { vex16_load, store16, vex16_copy, vex16_copy_back },
        { vex_load_aligned, store16_aligned, vex16_copy, vex16_copy_back },
        { vex32_load, store32, vex32_copy, vex32_copy_back },
        { vex_load_aligned, store32_aligned, vex32_copy, vex32_copy_back },
        { vex64_load, store64, vex64_copy, vex64_copy_back },
        { vex_load_aligned, store64_aligned, vex64_copy, vex64_copy_back },
    };
    unsigned shape = !(insn->prefixes & (INSN_VEX | INSN_EVEX)) ? 0 : insn->size == 16 ? 1 : insn->size == 32 ? 2 : 3;

    return pick(insn, &sets[2 * shape + !!(insn_row(insn)->properties & ROW_ALIGNED)]);
}

InsnFn *bind_vmove(const CpuX86 *cpu, Insn *insn)
{
    static const MoveSet quad = { legacy8_load, store8, legacy8_copy, legacy8_copy_back };
    static const MoveSet vex_quad = { vex8_load, store8, vex8_copy, vex8_copy_back };
    static const MoveSet single = { load4, store4, low4_copy, low4_copy_back };
    static const MoveSet twofold = { legacy8_load, store8, low8_copy, low8_copy_back };
    static const MoveSet vex_single = { load4, store4, NULL, NULL };
    static const MoveSet vex_twofold = { vex8_load, store8, NULL, NULL };
    static const MoveSet low = { low8_load, store8, NULL, NULL }, high = { high8_load, store_high8, NULL, NULL };
    static const MoveSet vex_low = { NULL, store8, NULL, NULL }, vex_high = { NULL, store_high8, NULL, NULL };
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
    case OP_VMOVUPS: case OP_VMOVUPD: case OP_VMOVAPS: case OP_VMOVAPD: case OP_VMOVDQA: case OP_VMOVDQU: case OP_VLDDQU:
    case OP_VMOVNTPS: case OP_VMOVNTPD: case OP_VMOVNTDQ: case OP_VMOVNTDQA:
    case OP_VMOVDQA32: case OP_VMOVDQA64: case OP_VMOVDQU8: case OP_VMOVDQU16: case OP_VMOVDQU32: case OP_VMOVDQU64:
        fn = whole_register(insn);
        break;
    case OP_MOVQ: fn = pick(insn, &quad); break;
    case OP_VMOVQ: fn = pick(insn, &vex_quad); break;
    case OP_MOVSS: fn = pick(insn, &single); break;
    case OP_MOVSD: fn = pick(insn, &twofold); break;
    case OP_VMOVSS: fn = pick(insn, &vex_single); break;
    case OP_VMOVSD: fn = pick(insn, &vex_twofold); break;
    case OP_MOVNTSS: fn = store4; break;
    case OP_MOVNTSD: fn = store8; break;
    case OP_MOVLPS: case OP_MOVLPD: fn = pick(insn, &low); break;
    case OP_MOVHPS: case OP_MOVHPD: fn = pick(insn, &high); break;
    case OP_VMOVLPS: case OP_VMOVLPD: fn = pick(insn, &vex_low); break;
    case OP_VMOVHPS: case OP_VMOVHPD: fn = pick(insn, &vex_high); break;
    case OP_MOVHLPS: fn = movhlps; break;
    case OP_MOVLHPS: fn = movlhps; break;
    case OP_MOVD: case OP_VMOVD: {
        bool to_rm = row->mem_operand == 0;

        insn->imm2 = insn_operand_bytes(cpu, insn, row->mem_operand);
        if (!insn_has_mem(insn)) {
            fn = to_rm ? to_general : from_general;
        } else if (insn->imm2 == 8) {
            fn = pick(insn, row->op == OP_MOVD ? &quad : &vex_quad);
        } else {
            fn = to_rm ? store4 : load4;
        }
        break;
    }
    }
    return fn ? fn : native_bind(cpu, insn);
}
