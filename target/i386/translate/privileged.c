/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions that kernels run all the time, in place. Whatever is rare about them (faults, virtual interrupt
 * flags, an interrupt that waits behind STI) is the interpreter's.
 */
#include "target/i386/translate/block_code.h"

#define CPU_AT(field) HOST_BASE(H_R10, offsetof(CpuX86, field))

/* [r10 + rflags] op= imm */
static void emit_change_rflags(Emitter *e, unsigned op, uint32_t imm)
{
    emit_op_mem(e, OP32(0x81), op, CPU_AT(rflags));
    emit32(e, imm);
}

static void translate_cli(BlockCode *b)
{
    enum { AND = 4 };

    flags_spoil(&b->flags, &b->e);
    emit_load64(&b->e, H_R10, HOST_EXEC(JIT_OFF(cpu)));
    emit_change_rflags(&b->e, AND, ~(uint32_t)RFLAGS_IF);
}

/*
 * Whoever wants to interrupt now finds IF clear or set, and kicks; who wanted to before shows in interrupt_request. The
 * instruction behind is in this block, so that no interrupt comes between.
 */
static bool translate_sti(BlockCode *b)
{
    enum { OR = 1, CMP = 7 };
    Emitter *e = &b->e;

    if (b->number + 1 == b->block->count) {
        return false;
    }
    flags_save(&b->flags, e);
    emit_load64(e, H_R10, HOST_EXEC(JIT_OFF(cpu)));
    emit_op_mem(e, OP32(0x83), CMP, CPU_AT(cpu.interrupt_request));
    emit8(e, 0);
    uint8_t *none = emit_jcc(e, 4);
    emit_interpret(b);
    emit_patch32(none, e->at);
    emit_change_rflags(e, OR, RFLAGS_IF);
    b->flags = (FlagState){ .saved = true };
    return true;
}

static void translate_swapgs(BlockCode *b)
{
    Emitter *e = &b->e;

    emit_store64(e, H_RCX, SPARE(SPARE_RCX));
    emit_load64(e, H_R10, HOST_EXEC(JIT_OFF(cpu)));
    emit_load64(e, H_R11, CPU_AT(seg[R_GS].base));
    emit_load64(e, H_RCX, CPU_AT(msr.kernel_gs_base));
    emit_store64(e, H_R11, CPU_AT(msr.kernel_gs_base));
    emit_store64(e, H_RCX, CPU_AT(seg[R_GS].base));
    emit_load64(e, H_RCX, SPARE(SPARE_RCX));
}

bool privileged_in_place(const CpuX86 *cpu, const Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_CLI: case OP_STI: return insn->fn != insn_ud && cpu->mode_flags & MODE_IOPL_OK;
    case OP_SWAPGS: return insn->fn != insn_ud && cpu->mode_flags & MODE_CS64 && cpu_cpl(cpu) == 0;
    }
    return false;
}

bool translate_privileged(BlockCode *b, const Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_CLI: translate_cli(b); return true;
    case OP_STI: return translate_sti(b);
    default: translate_swapgs(b); return true;
    }
}

void emit_rflags(BlockCode *b)
{
    Emitter *e = &b->e;

    flags_save(&b->flags, e);
    b->flags = (FlagState){ .saved = true };
    /* movzx r11d, AH's copy; movzx r10d, OF's; shl r10d, 11; or r11d, r10d */
    emit_op_mem(e, (HostOp){ .opcode = 0xb6, .map = 1 }, H_R11, HOST_EXEC(JIT_OFF(flags) + 1));
    emit_op_mem(e, (HostOp){ .opcode = 0xb6, .map = 1 }, H_R10, HOST_EXEC(JIT_OFF(flags)));
    EMIT(e, 0x41, 0xc1, 0xe2, 11, 0x45, 0x09, 0xd3);
    emit_load64(e, H_R10, HOST_EXEC(JIT_OFF(cpu)));
    emit_op_mem(e, OP64(0x0b), H_R11, CPU_AT(rflags));
}
