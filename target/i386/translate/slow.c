/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * C called from translated code.
 *
 * slow_refill() is called with guest values in vector and x87 registers, so it and all it calls is compiled for general
 * registers only (meson.build). slow_interpret() has everything in CpuX86, and may raise.
 */
#include "target/i386/native/x87_state.h"
#include "target/i386/translate/translate.h"

void flags_to_slot(CpuX86 *cpu)
{
    uint32_t f = flags_get(cpu);
    cpu->exec->jit.flags = (f & 0xd5) << 8 | f >> 11;
}

void flags_from_slot(CpuX86 *cpu)
{
    uint16_t slot = cpu->exec->jit.flags;
    flags_put(cpu, (slot >> 8 & 0xd5) | (slot & 1) << 11);
}

void translator_x87_pointers(CpuX86 *cpu)
{
    Translator *jit = &cpu->exec->jit;
    Block *block = cache_find(jit, (uintptr_t)jit->run + jit->x87_at);
    const Insn *insn = block_insn(cpu, block, cache_insn(jit, block, (uintptr_t)jit->run + jit->x87_at));
    uint64_t rip = jit->x87_page + (block->lin & ~TLB_PAGE_MASK) + insn->offset;
    FpuState *fpu = &cpu->fpu;

    fpu->fx.fop = insn->imm & FOP_MASK;
    fpu->fx.fip = cpu->mode_flags & MODE_CS64 ? rip : (uint32_t)rip;
    fpu->fcs = cpu->seg[R_CS].selector;
    if (insn_has_mem(insn)) {
        const SegmentCache *seg = &cpu->seg[insn->seg];
        uint64_t fdp = jit->x87_operand - (cpu->mode_flags & MODE_CS64 && insn->seg < R_FS ? 0 : seg->base);
        fpu->fx.fdp = cpu->mode_flags & MODE_CS64 ? fdp : (uint32_t)fdp;
        fpu->fds = seg->selector;
    }
    jit->x87_at = 0;
}

/* cpu->rip was set. Straight to what runs there, if that is known and nobody wants the run loop. */
static uint32_t leave_or_jump(CpuX86 *cpu)
{
    CpuExec *exec = cpu->exec;
    Translator *jit = &exec->jit;
    uint32_t key = translator_key(cpu);

    if (exec_needs_attention(cpu) || !(key & BLOCK_TRANSLATED) || jit->stale_count) {
        return SLOW_LEAVE;
    }
    Block *block = find_header(cpu, key);
    if (!block) {
        return SLOW_LEAVE;
    }
    jit->block = block;
    jit->code_page = cpu->rip & TLB_PAGE_MASK;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);    /* from here on a kick takes effect on this block */
    if (exec_requested(cpu) || !jit->slot_mask) {
        return SLOW_LEAVE;
    }
    tcg_boundary(&exec->tcg);
    exec->block = NULL;
    jit->next_code = block->header.code;
    flags_to_slot(cpu);
    jit->jumps++;
    return SLOW_JUMP;
}

uint32_t slow_interpret(CpuX86 *cpu)
{
    enum { SPLITS_MOST = 64 };
    CpuExec *exec = cpu->exec;
    Translator *jit = &exec->jit;
    Block *block = jit->block;

    flags_from_slot(cpu);
    translator_note_x87(cpu);
    jit->leave = false;
    exec->block = block;
    cpu->block_rip = jit->code_page + (block->lin & ~TLB_PAGE_MASK);
    if (UNLIKELY(block->splits >= SPLITS_MOST) && !block->retired) {
        block_retire(exec, block);
    }
    for (unsigned number = jit->number, last = number + jit->further; number <= last; number++) {
        const Insn *insn = block_insn(cpu, block, number);
        uint64_t properties = insn_row(insn)->properties;

        jit->interpreted++;
        jit->interpreted_ops[insn_row(insn)->op]++;
        cpu->insn = insn;
        cpu->block_end = insn + 1;
        insn->fn(cpu, insn);
        cpu->insn = NULL;
        if (properties & ROW_BRANCH) {
            return leave_or_jump(cpu);
        }
        if (jit->leave || properties & ROW_ENDS_BLOCK || exec_requested(cpu)) {
            uint64_t rip = cpu->block_rip + insn->offset + insn->length;
            cpu->rip = cpu->mode_flags & MODE_CS64 ? rip : (uint32_t)rip;
            return leave_or_jump(cpu);
        }
    }
    exec->block = NULL;
    flags_to_slot(cpu);
    return SLOW_GO_ON;
}
