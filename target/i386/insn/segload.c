/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MOV to and from segment registers, LES LDS LSS LFS LGS. The checks are in system/segment.c. Spec: SDM vol. 2 MOV, LDS. */
#include "target/i386/insn/operand.h"

static void mov_from(CpuX86 *cpu, const Insn *insn)
{
    uint16_t selector = cpu->seg[insn->reg].selector;

    if (insn_has_mem(insn)) {
        mem_write(cpu, insn, 16, selector);
    } else {
        reg_write(cpu, insn->size * 8, insn->rm, selector);
    }
}

static void mov_to(CpuX86 *cpu, const Insn *insn)
{
    cpu_load_segment(cpu, insn->reg, (uint16_t)rm_read(cpu, insn, 16));
    if (insn->reg == R_SS) {
        cpu->interrupt_shadow = 2;
    }
}

static void load_far(CpuX86 *cpu, const Insn *insn, int seg)
{
    uint64_t ea = insn_ea(cpu, insn), mask = insn->addr_size == 8 ? UINT64_MAX : insn->addr_size == 4 ? UINT32_MAX : 0xffff;
    uint64_t offset = seg_load(cpu, insn->size * 8, insn->seg, ea);
    uint16_t selector = cpu_ld16(cpu, insn->seg, (ea + insn->size) & mask);

    cpu_load_segment(cpu, seg, selector);
    reg_write(cpu, insn->size * 8, insn->reg, offset);
}

static void les(CpuX86 *cpu, const Insn *insn) { load_far(cpu, insn, R_ES); }
static void lds(CpuX86 *cpu, const Insn *insn) { load_far(cpu, insn, R_DS); }
static void lss(CpuX86 *cpu, const Insn *insn) { load_far(cpu, insn, R_SS); }
static void lfs(CpuX86 *cpu, const Insn *insn) { load_far(cpu, insn, R_FS); }
static void lgs(CpuX86 *cpu, const Insn *insn) { load_far(cpu, insn, R_GS); }

InsnFn *bind_segload(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_MOV: return insn_row(insn)->opcode == 0x8c ? mov_from : mov_to;
    case OP_LES: return les;
    case OP_LDS: return lds;
    case OP_LSS: return lss;
    case OP_LFS: return lfs;
    case OP_LGS: return lgs;
    default: return NULL;
    }
}
