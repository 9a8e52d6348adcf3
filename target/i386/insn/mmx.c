/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EMMS, and the MMX moves in C; MMX arithmetic is executed by the host (native/run.c). Spec: Intel SDM volume 1, 9.6.
 */
#include "target/i386/insn/simd_move.h"
#include "target/i386/native/x87_state.h"

static void emms(CpuX86 *cpu, const Insn *insn)
{
    x87_enter_mmx(cpu);
    cpu->fpu.fx.ftw_abridged = 0;
}

InsnFn *bind_emms(const CpuX86 *cpu, Insn *insn) { return emms; }

static void *mm(CpuX86 *cpu, unsigned number) { return cpu->fpu.fx.st[number & 7]; }

static void mm_write(CpuX86 *cpu, unsigned number, uint64_t value)
{
    memcpy(mm(cpu, number), &value, 8);
    x87_mmx_written(cpu, number & 7);
}

static uint64_t mm_read(CpuX86 *cpu, unsigned number)
{
    uint64_t value;

    memcpy(&value, mm(cpu, number), 8);
    return value;
}

/* MOVD, MOVQ to a register from memory or a register; general registers by size of the E operand. */
static void to_mmx(CpuX86 *cpu, const Insn *insn)
{
    bool general = operand_kinds[insn_row(insn)->operands[1]].group == GROUP_E;
    unsigned bytes = insn_operand_bytes(cpu, insn, 1);
    uint64_t value = 0;

    x87_check_pending(cpu);                     /* comes before faults of the operand */
    if (insn_has_mem(insn)) {
        uint64_t off = insn_ea(cpu, insn);

        value = bytes == 8 ? cpu_ld64(cpu, insn->seg, off) : cpu_ld32(cpu, insn->seg, off);
    } else if (general) {
        value = bytes == 8 ? cpu->regs[insn->rm] : (uint32_t)cpu->regs[insn->rm];
    }
    x87_enter_mmx(cpu);
    if (!insn_has_mem(insn) && !general) {
        value = mm_read(cpu, insn->rm);
    }
    mm_write(cpu, insn->reg, value);
}

static void from_mmx(CpuX86 *cpu, const Insn *insn)
{
    bool general = operand_kinds[insn_row(insn)->operands[0]].group == GROUP_E;
    unsigned bytes = insn_operand_bytes(cpu, insn, 0);
    uint64_t value, off = 0;

    x87_check_pending(cpu);
    if (insn_has_mem(insn)) {
        off = insn_ea(cpu, insn);
        cpu_probe_write(cpu, insn->seg, off, bytes);
    }
    x87_enter_mmx(cpu);
    value = mm_read(cpu, insn->reg);
    if (!insn_has_mem(insn)) {
        if (general) {
            cpu->regs[insn->rm] = bytes == 8 ? value : (uint32_t)value;
        } else {
            mm_write(cpu, insn->rm, value);
        }
    } else if (bytes == 8) {
        cpu_st64(cpu, insn->seg, off, value);
    } else {
        cpu_st32(cpu, insn->seg, off, (uint32_t)value);
    }
}

static void movq2dq(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value[2] = { 0 };

    x87_enter_mmx(cpu);
    value[0] = mm_read(cpu, insn->rm);
    memcpy(cpu->fpu.zmm[insn->reg], value, 16);
}

static void movdq2q(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value;

    x87_enter_mmx(cpu);
    memcpy(&value, cpu->fpu.zmm[insn->rm], 8);
    mm_write(cpu, insn->reg, value);
}

InsnFn *mmx_move_fn(const Insn *insn)
{
    const InsnRow *row = insn_row(insn);

    switch (row->op) {
    case OP_MOVQ2DQ: return movq2dq;
    case OP_MOVDQ2Q: return movdq2q;
    }
    return operand_kinds[row->operands[0]].group == GROUP_P ? to_mmx : from_mmx;
}
