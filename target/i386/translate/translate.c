/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A decoded block to host code.
 *
 *   [gate: vector and x87 state] [instruction]... [exit] [jumps to other pages]
 *   and elsewhere, among those of other blocks: slow paths, stubs of exits
 *
 * An instruction becomes: itself with other operands (operand.c); a few of ours (stack, branches); or a call of the
 * function that interprets it. What ends the block's world (modes, far transfers, what only raises) is interpreted and
 * the block left. A conditional jump that is not taken goes on inside the block.
 */
#include "target/i386/translate/translate.h"

#include "accel/tcg/perf.h"
#include "core/log.h"
#include "target/i386/native/native.h"
#include "target/i386/translate/block_code.h"

void emit_page_address(BlockCode *b, unsigned to, int64_t offset)
{
    Emitter *e = &b->e;
    HostOp lea = { .opcode = 0x8d, .w = b->mode64 };

    if (offset == (int32_t)offset) {
        emit_load64(e, to, HOST_EXEC(JIT_OFF(code_page)));
        emit_op_mem(e, lea, to, HOST_BASE(to, offset));
    } else {
        emit_imm64(e, H_R11, offset);
        emit_load64(e, to, HOST_EXEC(JIT_OFF(code_page)));
        emit_op_mem(e, lea, to, (HostMem){ .base = to, .index = H_R11 });
    }
}

/* Calls of the interpreter */

void emit_interpret(BlockCode *b)
{
    Emitter *e = &b->e;

    flags_save(&b->flags, e);
    emit_imm32(e, H_R11, code_site(b->cpu->exec, b->block, b->number));
    emit_call_stub(b, b->cpu->exec->jit.interpret_stub);
    b->flags = (FlagState){ .in_eflags = true, .saved = true };
}

/* The stack */

void move_stack_pointer(BlockCode *b, int by)
{
    flags_register_changes(&b->flags, &b->e, 1u << H_R15);
    emit_op_mem(&b->e, (HostOp){ .opcode = 0x8d, .w = b->mode64 }, H_R15, HOST_BASE(H_R15, by));
}

/* @at = a constant of stack width. Uses r11. */
static void store_constant(BlockCode *b, HostMem at, uint64_t value)
{
    Emitter *e = &b->e;

    if (!b->mode64 || (int64_t)value == (int32_t)value) {
        emit_op_mem(e, word_op(b, 0xc7), 0, at);
        emit32(e, value);
    } else {
        emit_imm64(e, H_R11, value);
        emit_store64(e, H_R11, at);
    }
}

/* A word at @offset from the stack pointer, checked. */
HostMem stack_operand(BlockCode *b, int offset, bool write)
{
    if (b->group.active) {
        return group_operand(b);
    }
    flags_spoil(&b->flags, &b->e);
    return check_based(b, H_R15, offset, b->mode64 ? 8 : 4, write);
}

static bool translate_stack(BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    Emitter *e = &b->e;
    const int word = b->mode64 ? 8 : 4;
    unsigned group = operand_kinds[row->operands[0]].group, host;
    HostMem at;

    if (insn->size != word) {
        return false;
    }
    switch (row->op) {
    case OP_PUSH:
        if (group == GROUP_E && insn_has_mem(insn)) {
            if (!operand_usual(b, insn)) {
                return false;
            }
            operand_address(b, insn);
            check_address(b, word, false);
            emit_op_mem(e, word_op(b, 0x8b), H_R10, HOST_BASE(H_R10, 0));
            emit_store64(e, H_R10, SPARE(SPARE_TARGET));
        }
        if (group != GROUP_Z && group != GROUP_E && group != GROUP_I) {
            return false;
        }
        at = stack_operand(b, -word, true);
        if (group == GROUP_I) {
            store_constant(b, at, insn->imm);
        } else {
            host = H_R11;
            if (group == GROUP_E && insn_has_mem(insn)) {
                emit_load64(e, H_R11, SPARE(SPARE_TARGET));
            } else if ((host = guest_host(insn->rm)) == H_NONE) {
                host = H_R11;
                emit_load64(e, H_R11, guest_slot(insn->rm));
            }
            emit_op_mem(e, word_op(b, 0x89), host, at);
        }
        move_stack_pointer(b, -word);
        return true;
    case OP_POP:
        if (group != GROUP_Z) {
            return false;
        }
        at = stack_operand(b, 0, false);
        host = guest_host(insn->rm);
        flags_register_changes(&b->flags, e, host_bit(host));
        if (host == H_NONE) {
            emit_op_mem(e, word_op(b, 0x8b), H_R11, at);
            emit_store64(e, H_R11, guest_slot(insn->rm));
        } else {
            emit_op_mem(e, word_op(b, 0x8b), host, at);
        }
        if (host != H_R15) {                    /* POP rSP: the value wins */
            move_stack_pointer(b, word);
        }
        return true;
    case OP_PUSHF:
        emit_rflags(b);
        emit_store64(e, H_R11, SPARE(SPARE_TARGET));
        at = stack_operand(b, -word, true);
        emit_load64(e, H_R11, SPARE(SPARE_TARGET));
        emit_op_mem(e, word_op(b, 0x89), H_R11, at);
        move_stack_pointer(b, -word);
        return true;
    case OP_LEAVE:
        flags_spoil(&b->flags, e);
        at = check_based(b, H_RBP, 0, word, false);
        flags_register_changes(&b->flags, e, 1u << H_R15 | 1u << H_RBP);
        emit_op_mem(e, word_op(b, 0x8d), H_R15, HOST_BASE(H_RBP, word));
        emit_op_mem(e, word_op(b, 0x8b), H_RBP, at);
        return true;
    }
    return false;
}

/* Others of our own */

static bool translate_mov(BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    Emitter *e = &b->e;

    if (row->op == OP_LEA) {
        unsigned to = guest_host(insn->reg), dst = to == H_NONE ? H_R11 : to;
        HostMem m = { .base = H_NONE, .index = H_NONE, .scale = insn->scale, .disp = insn->disp };

        if (insn->addr_size == 2) {
            return false;
        }
        flags_register_changes(&b->flags, e, host_bit(to));
        if (insn->size == 2 && (insn->base == REG_RIP || (insn->base == REG_NONE && insn->index == REG_NONE))) {
            return false;
        }
        if (insn->base == REG_RIP) {
            emit_page_address(b, dst, next_offset(b, insn) + insn->disp);
            if (insn->addr_size == 4 || insn->size == 4) {
                emit_mov32(e, dst, dst);
            }
        } else if (insn->base == REG_NONE && insn->index == REG_NONE) {
            emit_imm64(e, dst, insn->addr_size == 4 || insn->size == 4 ? (uint32_t)insn->disp : insn->disp);
        } else {
            if (insn->base != REG_NONE && (m.base = guest_host(insn->base)) == H_NONE) {
                emit_load64(e, H_R10, guest_slot(insn->base));
                m.base = H_R10;
            }
            if (insn->index != REG_NONE && (m.index = guest_host(insn->index)) == H_NONE) {
                emit_load64(e, H_R11, guest_slot(insn->index));
                m.index = H_R11;
            }
            if (insn->size == 2) {              /* the upper bits of the destination stay */
                emit_lea64(e, H_R10, m);
                if (to == H_NONE) {
                    emit_op_mem(e, (HostOp){ .opcode = 0x89, .opsize = true }, H_R10, guest_slot(insn->reg));
                } else {
                    emit_op_reg(e, (HostOp){ .opcode = 0x89, .opsize = true }, H_R10, to);
                }
                return true;
            }
            if (insn->addr_size == 4) {
                emit_op_mem(e, OP32(0x8d), dst, m);
            } else {
                emit_op_mem(e, (HostOp){ .opcode = 0x8d, .w = insn->size == 8 }, dst, m);
            }
        }
        if (to == H_NONE) {
            emit_store64(e, H_R11, guest_slot(insn->reg));
        }
        return true;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (operand_kinds[row->operands[i]].group == GROUP_O) {
            bool store = i == 0;
            HostOp op = { .opcode = (store ? 0x88 : 0x8a) | (insn->size > 1), .opsize = insn->size == 2,
                          .w = insn->size == 8 };
            Insn at = *insn;

            if (insn->addr_size == 2 || insn->seg >= R_FS || !operand_usual(b, insn)) {
                return false;
            }
            at.base = at.index = REG_NONE;
            flags_spoil(&b->flags, e);
            emit_imm64(e, H_R10, insn->addr_size == 4 ? (uint32_t)insn->imm : insn->imm);
            check_address(b, insn->size, store);
            if (!store) {
                flags_register_changes(&b->flags, e, 1u << H_RAX);
            }
            emit_op_mem(e, op, H_RAX, HOST_BASE(H_R10, 0));
            return true;
        }
    }
    if (row->op == OP_XLAT || row->op == OP_SALC || ((row->op == OP_LAHF || row->op == OP_SAHF) && !b->mode64)) {
        return false;
    }
    return translate_operands(b, insn);
}

/* What of vector and x87 state an instruction that is emitted wants loaded. */
static unsigned fpu_need(const BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    uint64_t p = row->properties;
    unsigned need = p & (ROW_X87 | ROW_MMX) ? FPU_X87 : 0;

    if (row->encoding == ENCODING_EVEX || p & ROW_OPMASK) {
        return need | FPU_ZMM;
    }
    if (row->encoding == ENCODING_VEX && p & ROW_SSE) {
        return need | (b->cpu->mode_flags & MODE_AVX512 ? FPU_ZMM : FPU_YMM);
    }
    return need | (p & ROW_SSE ? FPU_XMM : 0);
}

/* Families that translate_operands() does. */
static bool is_plain(const BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);

    if (row->bind == bind_alu || row->bind == bind_shift || row->bind == bind_muldiv || row->bind == bind_atomic ||
        row->bind == bind_bit || row->bind == bind_fence || row->bind == bind_emms || row->bind == bind_vector ||
        row->bind == bind_vmove || row->bind == bind_x87) {
        return true;
    }
    if (row->bind == bind_vzero) {
        return b->mode64;
    }
    if (row->bind == bind_flagop) {
        return row->op == OP_CMC || row->op == OP_CLC || row->op == OP_STC;
    }
    if (row->bind == bind_x87control) {
        /* FNINIT clears the pointers too, which are not in the host's unit. */
        return row->op == OP_FLDCW || row->op == OP_FNSTCW || row->op == OP_FNSTSW || row->op == OP_FNCLEX;
    }
    return false;
}

/*
 * What becomes first of the flags that a block begins with. SPOILT: they are saved right away, and who has them saved
 * goes past that; WRITTEN: it does not matter where they are.
 */
typedef enum FirstUse { FLAGS_SPOILT, FLAGS_READ, FLAGS_WRITTEN } FirstUse;

static FirstUse first_use(const BlockCode *b)
{
    bool risk = false;

    for (unsigned i = 0; i < b->block->count && !b->block->page2; i++) {
        const Insn *insn = &b->block->insns[i];
        const InsnRow *row = insn_row(insn);

        if (row->bind == bind_branch && (row->op == OP_JMP || row->op == OP_Jcc || row->op == OP_LOOP || row->op == OP_JCXZ) &&
            row->imm_kind[0]) {
            return FLAGS_READ;
        }
        if (!is_translated(b, insn) || privileged_in_place(b->cpu, insn) || row->bind == bind_branch ||
            row->bind == bind_stack || operand_kinds[row->operands[0]].group == GROUP_O ||
            operand_kinds[row->operands[1]].group == GROUP_O || (insn_has_mem(insn) && row->op != OP_LEA)) {
            return FLAGS_SPOILT;
        }
        if (row->op == OP_LEA || row->bind == bind_nop) {
            continue;
        }
        if (insn_needs_flags(insn)) {
            return FLAGS_READ;
        }
        risk |= insn_may_fault(insn);
        if (row->flags_written & RFLAGS_ARITH) {
            return risk ? FLAGS_READ : FLAGS_WRITTEN;
        }
    }
    return FLAGS_READ;
}

static bool is_forbidden(const Insn *insn)
{
    return insn->fn == insn_ud || insn->fn == insn_nm || insn->fn == insn_gp0;
}

static bool translates(const BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);

    if (row->properties & ROW_NO_64 && row->op != OP_INC && row->op != OP_DEC && row->bind != bind_stack) {
        return false;                           /* its bytes mean nothing here */
    }
    if (row->feature && !native_cpuid_bit(row->feature)) {
        return false;                           /* the interpreter has what the host lacks */
    }
    return privileged_in_place(b->cpu, insn) ||
           (!is_forbidden(insn) && insn->fn != insn_svm && !(row->properties & ROW_ENDS_BLOCK) &&
           (is_plain(b, insn) || row->bind == bind_mov || row->bind == bind_stack || row->bind == bind_branch ||
            row->bind == bind_nop));
}

void translate_insn(BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    bool done = false;

    if (is_translated(b, insn)) {
        unsigned slow = b->slow_count, exits = b->exit_count, far = b->far_count;
        done = row->bind == bind_nop ? true
             : privileged_in_place(b->cpu, insn) ? translate_privileged(b, insn)
             : row->bind == bind_mov ? translate_mov(b, insn)
             : row->bind == bind_stack ? translate_stack(b, insn)
             : row->bind == bind_branch ? translate_branch(b, insn)
             : translate_operands(b, insn);
        if (!done) {
            g_assert(b->slow_count == slow && b->exit_count == exits && b->far_count == far);
        }
    }
    if (!done) {
        b->in_c |= 1ull << b->number;
        emit_interpret(b);
        if (is_forbidden(insn) || row->properties & (ROW_BRANCH | ROW_ENDS_BLOCK)) {
            EMIT(&b->e, 0x0f, 0x0b);            /* the interpreter leaves the block */
            b->ended = true;
        }
    }
}

/* To the other part of the code memory. */
static void switch_part(BlockCode *b)
{
    const Translator *jit = &b->cpu->exec->jit;
    uint8_t *at = b->e.at, *cold = jit->write + jit->cold.first;

    b->e.at = b->cold_at;
    b->e.limit = (b->e.at < cold ? jit->write : cold) + cache_part_bytes(b->cpu->exec);
    b->cold_at = at;
}

/* Behind the block */

static void emit_slow_paths(BlockCode *b)
{
    Emitter *e = &b->e;
    const Translator *jit = &b->cpu->exec->jit;

    for (unsigned i = 0; i < b->slow_count; i++) {
        SlowPath *s = &b->slow[i];

        emit_patch32(s->from, e->at);
        emit_call_stub(b, jit->slow_stub[b->cpu->tlb_index][s->data.write][flags_unsaved(&s->flags, e)]);
        emit_patch32(emit_jmp(e), s->retry);
        s->data.split = s->copy != 0;
        s->data.behind = s->copy || s->next;
        s->behind = e->at;
        emit_bytes(e, &s->data, sizeof s->data);
        if (s->data.behind) {
            emit_patch32(emit_jmp(e), s->copy ? b->copies[s->copy - 1].start : s->next);
        }
    }
}

/* What an instruction raises by itself, the interpreter finds again. */
static void emit_risk_stubs(BlockCode *b)
{
    Emitter *e = &b->e;
    const Translator *jit = &b->cpu->exec->jit;

    for (unsigned i = 0; i < b->risk_count; i++) {
        Risk *r = &b->risks[i];
        SlowData data = { .site = code_site(b->cpu->exec, b->block, r->number), .further = r->further };

        r->stub = e->at;
        flags_save(&r->flags, e);
        emit_call_stub(b, jit->risk_stub);
        emit_patch32(emit_jmp(e), jit->write + b->starts[r->number + r->further + 1]);
        r->behind = e->at;
        emit_bytes(e, &data, sizeof data);
    }
}

static void emit_gate_call(BlockCode *b)
{
    if (b->block->fpu_need) {
        emit_op_mem(&b->e, (HostOp){ .opcode = 0xff }, 2, HOST_EXEC(JIT_OFF(gate) + 8 * b->block->fpu_need));
    }
}

/* The ways into the block: by where its flags are, and whether vector and x87 state is known to be loaded. */
static void emit_entries(BlockCode *b)
{
    const Translator *jit = &b->cpu->exec->jit;
    const ptrdiff_t to_run = jit->run - jit->write;
    const FirstUse use = first_use(b);
    const void *(*entry)[2] = b->block->entry;
    uint8_t *eflags, *saved;

    b->block->reads_flags = use == FLAGS_READ;
    entry[ENTRY_EFLAGS][ENTRY_COLD] = b->e.at + to_run;
    emit_gate_call(b);
    eflags = b->e.at;
    if (use == FLAGS_SPOILT) {
        flags_spoil(&b->flags, &b->e);
    }
    saved = b->e.at;
    entry[ENTRY_EFLAGS][ENTRY_WARM] = eflags + to_run;
    if (use == FLAGS_WRITTEN || (use == FLAGS_SPOILT && !b->block->fpu_need)) {
        entry[ENTRY_SAVED][ENTRY_COLD] = use == FLAGS_WRITTEN ? entry[ENTRY_EFLAGS][ENTRY_COLD] : saved + to_run;
        entry[ENTRY_SAVED][ENTRY_WARM] = saved + to_run;
        return;
    }
    switch_part(b);
    entry[ENTRY_SAVED][ENTRY_COLD] = b->e.at + to_run;
    emit_gate_call(b);
    entry[ENTRY_SAVED][ENTRY_WARM] = use == FLAGS_SPOILT ? saved + to_run : b->e.at + to_run;
    if (use == FLAGS_READ) {
        FlagState flags = { .saved = true };
        flags_need(&flags, &b->e);
    }
    emit_patch32(emit_jmp(&b->e), saved);
    switch_part(b);
}

static bool may_misalign(const Insn *insn)
{
    return insn_row(insn)->properties & ROW_ALIGNED || insn_row(insn)->op == OP_CMPXCHG16B;
}

/* The decoded instructions make room for what the translated block is to know of itself. */
static void pack(BlockCode *b)
{
    Block *block = b->block;
    uint8_t lengths[BLOCK_INSNS], bytes[BLOCK_INSNS * sizeof block->insns[0].bytes];
    bool misaligns[RISKS_MOST];
    unsigned kept = 0, written = 0;

    for (unsigned i = 0; i < b->risk_count; i++) {
        misaligns[i] = may_misalign(&block->insns[b->risks[i].number]);
    }
    block->kept = b->in_c;
    for (unsigned i = 0; i < block->count; i++) {
        const Insn *insn = &block->insns[i];

        if (insn_row(insn)->op == OP_STI) {     /* and what it shadows: svm/vmrun.c looks for it there */
            block->kept |= (i + 1 < block->count ? 3ull : 1ull) << i;
        }
        lengths[i] = insn->length;
        memcpy(bytes + written, insn->bytes, insn->length);
        written += insn->length;
        if (block->kept >> i & 1) {
            block->insns[kept++] = *insn;
        }
    }
    block->end = block->insns + kept;
    block->exits = (BlockExit *)(block->insns + kept);
    block->exit_count = b->exit_count;
    block->risk_count = b->risk_count;
    memcpy(block->exits, b->exits, b->exit_count * sizeof(BlockExit));
    for (unsigned i = 0; i < b->risk_count; i++) {
        block_risks(block)[i] = (BlockRisk){ code_offset(b, b->risks[i].at), code_offset(b, b->risks[i].stub), misaligns[i] };
    }
    for (unsigned i = 0; i <= block->count; i++) {
        block_starts(block)[i] = b->starts[i] - block->code_start;
    }
    memcpy(block_lengths(block), lengths, block->count);
    memcpy(block_bytes(block), bytes, block->bytes);
}

bool translate_block(CpuX86 *cpu, Block *block)
{
    CpuExec *exec = cpu->exec;
    Translator *jit = &exec->jit;
    static __thread BlockCode code;
    BlockCode *b = &code;
    uint8_t *cold, *entry, *code_end;

    b->cpu = cpu;
    b->block = block;
    b->mode64 = cpu->mode_flags & MODE_CS64;
    b->slow_count = b->exit_count = b->far_count = b->risk_count = b->copy_count = b->return_miss_count = 0;
    b->group.active = b->copying = false;
    b->stack_full = b->dispatch_miss = NULL;
    b->ended = false;
    cache_prepare(exec);
    b->cold_at = jit->write + jit->hot.used;
    b->e = (Emitter){ .at = jit->write + jit->cold.used, .limit = jit->write + jit->cold.first + cache_part_bytes(exec),
                      .exec = (uintptr_t)exec };
    /* Where not even a jump fits, the place to patch of one that was left out would be in the block before. */
    enum { LEAST_BYTES = 16 };
    if (jit->hot.used + LEAST_BYTES > cache_part_bytes(exec) || b->e.at + LEAST_BYTES > b->e.limit) {
        return false;
    }
    flags_begin(&b->flags);
    block->fpu_need = 0;
    if (block->page2 && !native_host_has(FEATURE_BMI2)) {
        return true;                            /* interpreted: its code could not look at the second page */
    }
    block->serial = code_serial(exec, block->page, block->key);
    block->serial2 = block->page2 ? code_serial(exec, block->page2, block->key) : block->serial;
    if (!block->serial || !block->serial2) {
        return false;
    }
    b->translated = b->operands_known = b->in_c = 0;
    for (unsigned i = 0; i < block->count; i++) {
        b->translated |= (uint64_t)translates(b, &block->insns[i]) << i;
        unsigned need = is_translated(b, &block->insns[i]) ? fpu_need(b, &block->insns[i]) : 0;
        block->fpu_need = MAX(block->fpu_need & FPU_LEVEL, need & FPU_LEVEL) | ((block->fpu_need | need) & FPU_X87);
    }

    cold = b->e.at;
    switch_part(b);
    entry = b->e.at;
    emit_entries(b);
    if (block->page2) {
        emit_second_page_check(b);
    }
    for (unsigned i = 0; i < block->count; i++) {
        b->insn = &block->insns[i];
        b->number = i;
        b->starts[i] = code_offset(b, b->e.at);
        if (!b->group.active) {
            group_find(b);
        }
        translate_insn(b, b->insn);
        if (b->group.active && i == b->group.last) {
            group_end(b);
        }
    }
    b->starts[block->count] = code_offset(b, b->e.at);
    if (!b->ended) {
        emit_exit(b, next_offset(b, &block->insns[block->count - 1]));
    }
    emit_far_taken(b);
    code_end = b->e.at;
    switch_part(b);
    group_emit_copies(b);
    emit_slow_paths(b);
    emit_exit_stubs(b);
    emit_risk_stubs(b);
    if (b->e.overflow) {
        return false;
    }

    jit->hot.used = (code_offset(b, code_end) + 15) & ~(size_t)15;
    jit->cold.used = (code_offset(b, b->e.at) + 7) & ~(size_t)7;
    block->header = (struct CodeHeader){ .code = block->entry[ENTRY_SAVED][ENTRY_COLD] };
    block->code_start = code_offset(b, entry);
    block->cold_start = code_offset(b, cold);
    block->code_bytes = code_end - entry + (b->e.at - cold);
    if (log_enabled(LOG_OUT_ASM | LOG_OP) || perf_wanted()) {
        translator_tell(b, entry, code_end, cold, b->e.at);
    }
    pack(b);
    cache_add(jit, block);
    jit->translated++;
    return true;
}
