/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From block to block: branches, calls and returns, and the ways out of a block.
 *
 *   within the page        a jump that is patched to lead to its target
 *   to another page        the same behind a check that the page is what it was: emit_page_check()
 *   computed               by the dispatch table: emit_lookup()
 *   CALL, RET              the host's own
 *
 * What leads nowhere yet leads to a stub, which leaves to C. docs/devel/translator.rst tells more.
 */
#include "target/i386/native/native.h"
#include "target/i386/translate/block_code.h"

static bool same_page(int64_t offset) { return offset >= 0 && offset < GUEST_PAGE_SIZE; }

/* Where the flags are, as somebody who jumps to another block says it; in one of the two places they have to be. */
static uint8_t exit_flags(BlockCode *b)
{
    if (!b->flags.saved) {
        flags_need(&b->flags, &b->e);
    }
    return (b->flags.saved ? EXIT_SAVED : 0) | (b->flags.in_eflags ? EXIT_EFLAGS : 0);
}

static BlockExit *new_exit(BlockCode *b, int64_t offset)
{
    BlockExit *exit = &b->exits[b->exit_count++];

    *exit = (BlockExit){ .from = b->block, .offset = offset, .fpu = b->block->fpu_need, .flags = exit_flags(b) };
    return exit;
}

/* Host register @to, rcx or r11, = tag in the code TLB of @table for the linear address in r10. */
static void emit_code_tag(Emitter *e, unsigned table, unsigned to)
{
    const int32_t tags = offsetof(CpuExec, code_tags) + (int32_t)(table * sizeof ((CpuExec *)0)->code_tags[0]);

    EMIT(e, 0xc4, to == H_R11 ? 0x62 : 0xe2, 0xaa, 0xf5);       /* pext to, r10, [slot_mask] */
    emit_modrm_mem(e, to, &HOST_EXEC(JIT_OFF(slot_mask)), false);
    emit_load64(e, to, (HostMem){ .base = H_NONE, .index = to, .scale = 3, .exec = true, .disp = tags });
}

/* r10 = linear address of the page @distance away; takes @exit unless the code there is that of @serial. */
static void emit_page_check(BlockCode *b, BlockExit *exit, int32_t distance, uint32_t serial)
{
    Emitter *e = &b->e;

    exit->keeps_eflags = exit->flags == EXIT_EFLAGS;
    if (exit->keeps_eflags) {
        emit_store64(e, H_RCX, SPARE(SPARE_RCX));
    } else {
        exit->flags = EXIT_SAVED;
    }
    emit_load64(e, H_R10, HOST_EXEC(JIT_OFF(code_page)));
    emit_op_mem(e, (HostOp){ .opcode = 0x8d, .w = b->mode64 }, H_R10, HOST_BASE(H_R10, distance));
    if (exit->keeps_eflags) {
        emit_code_tag(e, b->cpu->tlb_index, H_RCX);
        EMIT(e, 0x4a, 0x8d, 0x8c, 0x11);                        /* lea rcx, [rcx + r10 + serial] */
        exit->serial = code_offset(b, e->at);
        emit32(e, serial);
        EMIT(e, 0xe3, 5);                                       /* jrcxz over the jump */
        exit->stub = code_offset(b, emit_jmp(e));
        emit_load64(e, H_RCX, SPARE(SPARE_RCX));
    } else {
        emit_code_tag(e, b->cpu->tlb_index, H_R11);
        EMIT(e, 0x4d, 0x01, 0xd3, 0x49, 0x81, 0xc3);            /* add r11, r10; add r11, serial */
        exit->serial = code_offset(b, e->at);
        emit32(e, serial);
        exit->stub = code_offset(b, emit_jcc(e, CC_NE));
    }
}

/* To another page, if it is mapped to what it was when the jump was chained. @call: by a call of the host's. */
static void emit_far_exit(BlockCode *b, int64_t offset, bool call)
{
    const int64_t page = offset & (int64_t)TLB_PAGE_MASK;
    Emitter *e = &b->e;
    BlockExit *exit = new_exit(b, offset);

    if (page != (int32_t)page || !native_host_has(FEATURE_BMI2)) {
        exit->stub = code_offset(b, emit_jmp(e));               /* for now: where to come from */
        return;
    }
    emit_page_check(b, exit, page, SERIAL_UNKNOWN);
    emit_store64(e, H_R10, HOST_EXEC(JIT_OFF(code_page)));
    exit->place = code_offset(b, call ? emit_call(e) : emit_jmp(e));
}

void emit_exit(BlockCode *b, int64_t offset)
{
    if (same_page(offset)) {
        BlockExit *exit = new_exit(b, offset);
        exit->place = code_offset(b, emit_jmp(&b->e));
    } else {
        emit_far_exit(b, offset, false);
    }
    b->ended = true;
}

uint8_t *emit_lookup(Emitter *e, unsigned table, bool call)
{
    emit_store64(e, H_R10, SPARE(SPARE_TARGET));
    if (!native_host_has(FEATURE_BMI2)) {
        return emit_jmp(e);
    }
    emit_code_tag(e, table, H_R11);
    EMIT(e, 0x4d, 0x01, 0xd3);                                                  /* add r11, r10 */
    emit_op_reg(e, (HostOp){ .opcode = 0xb7, .map = 1 }, H_R10, H_R10);         /* movzx r10d, r10w */
    emit_load64(e, H_R10, (HostMem){ .base = H_NONE, .index = H_R10, .scale = 3, .exec = true,
                                     .disp = offsetof(CpuExec, dispatch) });
    emit_op_mem(e, OP64(0x03), H_R11, HOST_BASE(H_R10, offsetof(struct CodeHeader, sum)));
    uint8_t *miss = emit_jcc(e, CC_NE);
    emit_load64(e, H_R11, SPARE(SPARE_TARGET));
    emit_op_mem(e, OP64(0x03), H_R11, HOST_BASE(H_R10, offsetof(struct CodeHeader, minus_offset)));
    emit_store64(e, H_R11, HOST_EXEC(JIT_OFF(code_page)));
    emit_op_mem(e, (HostOp){ .opcode = 0xff }, call ? 2 : 4, HOST_BASE(H_R10, offsetof(struct CodeHeader, code)));
    return miss;
}

static void emit_dispatch(BlockCode *b, bool call)
{
    b->dispatch_miss = emit_lookup(&b->e, b->cpu->tlb_index, call);
    b->ended = true;
}

/*
 * Calls and returns. A CALL leaves the return address, plus Translator.return_key, on the host's stack and calls; RET
 * returns if it finds there what the guest's stack said. So the host foresees where it leads. What is on the host's stack
 * was pushed since C was left, and the key is another when code may have been mapped anew: so the block that called is
 * still what is there.
 */

/* r11 = return address of the current CALL: on the host's stack. Spoils EFLAGS, which are saved. */
static void emit_push_expected(BlockCode *b)
{
    Emitter *e = &b->e;

    emit_op_mem(e, OP64(0x03), H_R11, HOST_EXEC(JIT_OFF(return_key)));
    EMIT(e, 0x41, 0x53);                                        /* push r11 */
    emit_op_mem(e, OP64(0x3b), H_RSP, HOST_EXEC(JIT_OFF(stack_limit)));
    b->stack_full = emit_jcc(e, CC_BE);
    b->stack_go_on = e->at;
}

/* Where the call above comes back to: r10 is the return address, flags are saved. */
static void emit_return_point(BlockCode *b, const Insn *insn)
{
    const int64_t offset = next_offset(b, insn);
    Emitter *e = &b->e;

    emit_lea64(e, H_RSP, HOST_BASE(H_RSP, 8));
    emit_op_mem(e, (HostOp){ .opcode = 0x8d, .w = b->mode64 }, H_R10, HOST_BASE(H_R10, -(int32_t)offset));
    emit_store64(e, H_R10, HOST_EXEC(JIT_OFF(code_page)));
    b->flags = (FlagState){ .saved = true };
    emit_exit(b, offset);
    b->exits[b->exit_count - 1].fpu = 0;
}

/* r10 = target of a RET, flags saved. */
static void emit_return(BlockCode *b)
{
    Emitter *e = &b->e;

    emit_load64(e, H_R11, HOST_EXEC(JIT_OFF(return_key)));
    EMIT(e, 0x4d, 0x01, 0xd3);                                  /* add r11, r10 */
    emit_op_mem(e, OP64(0x3b), H_R11, HOST_BASE(H_RSP, 8));
    b->return_miss[b->return_miss_count++] = emit_jcc(e, CC_NE);
    emit8(e, 0xc3);
    b->ended = true;
}

/* The one instruction of a block over a page end: is the second page what it was? Else C finds out what to run. */
void emit_second_page_check(BlockCode *b)
{
    BlockExit *exit = new_exit(b, b->block->lin & ~TLB_PAGE_MASK);

    emit_page_check(b, exit, GUEST_PAGE_SIZE, b->block->serial2);
}

/* Branches */

static void push_return(BlockCode *b, const Insn *insn)
{
    const int word = b->mode64 ? 8 : 4;
    HostMem at = stack_operand(b, -word, true);
    flags_save(&b->flags, &b->e);
    b->flags = (FlagState){ .saved = true };
    emit_page_address(b, H_R11, next_offset(b, insn));
    emit_op_mem(&b->e, word_op(b, 0x89), H_R11, at);
    move_stack_pointer(b, -word);
}

/* Target of an indirect branch to r10. */
static bool load_target(BlockCode *b, const Insn *insn)
{
    if (insn_has_mem(insn)) {
        if (!operand_usual(b, insn)) {
            return false;
        }
        operand_address(b, insn);
        check_address(b, insn->size, false);
        emit_op_mem(&b->e, word_op(b, 0x8b), H_R10, HOST_BASE(H_R10, 0));
    } else {
        emit_guest_to(b, H_R10, insn->rm);
        if (!b->mode64) {
            emit_mov32(&b->e, H_R10, H_R10);
        }
    }
    return true;
}

/* @jump leads to @offset, if need be by way of an exit behind the block. */
static void conditional_exit(BlockCode *b, int64_t offset, uint8_t *jump)
{
    if (same_page(offset)) {
        new_exit(b, offset)->place = code_offset(b, jump);
    } else {
        b->far_taken[b->far_count].offset = offset;
        b->far_taken[b->far_count].flags = b->flags;
        b->far_taken[b->far_count++].from = jump;
    }
}

/* jrcxz or jecxz: to @offset if the count is zero. */
static void emit_count_branch(BlockCode *b, const Insn *insn, int64_t offset, bool if_zero)
{
    Emitter *e = &b->e;

    exit_flags(b);
    if (insn->addr_size == 4) {
        emit8(e, 0x67);
    }
    if (if_zero) {
        EMIT(e, 0xe3, 2, 0xeb, 5);
    } else {
        EMIT(e, 0xe3, 5);
    }
    conditional_exit(b, offset, emit_jmp(e));
}

bool translate_branch(BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    Emitter *e = &b->e;
    int64_t offset = next_offset(b, insn) + insn->imm;
    bool relative = row->imm_kind[0] && row->op != OP_RET;
    uint64_t rip = (b->block->lin & TLB_PAGE_MASK) + offset;
    HostMem at;

    if (!b->mode64) {                           /* as far away as it can be, in the direction that does not wrap */
        offset = (int64_t)(uint32_t)rip - (int64_t)(b->block->lin & TLB_PAGE_MASK);
        offset = (int32_t)offset;
    }
    if ((!b->mode64 && insn->size != 4) || (b->mode64 && relative && !cpu_is_canonical(b->cpu, rip))) {
        return false;
    }
    switch (row->op) {
    case OP_Jcc:
        flags_need(&b->flags, e);
        conditional_exit(b, offset, emit_jcc(e, row->opcode & 15));
        return true;
    case OP_JMP:
        if (relative) {
            emit_exit(b, offset);
            return true;
        }
        flags_save(&b->flags, e);
        if (!load_target(b, insn)) {
            return false;
        }
        emit_dispatch(b, false);
        return true;
    case OP_CALL:
        if (relative) {
            push_return(b, insn);
            emit_push_expected(b);
            if (same_page(offset)) {
                BlockExit *exit = new_exit(b, offset);
                exit->place = code_offset(b, emit_call(e));
            } else {
                emit_far_exit(b, offset, true);
            }
            emit_return_point(b, insn);
            return true;
        }
        flags_save(&b->flags, e);
        if (!load_target(b, insn)) {
            return false;
        }
        emit_store64(e, H_R10, SPARE(SPARE_TARGET));
        push_return(b, insn);
        emit_push_expected(b);
        emit_load64(e, H_R10, SPARE(SPARE_TARGET));
        emit_dispatch(b, true);
        emit_return_point(b, insn);
        return true;
    case OP_RET:
        at = stack_operand(b, 0, false);
        emit_op_mem(e, word_op(b, 0x8b), H_R10, at);
        move_stack_pointer(b, insn->size + (uint16_t)insn->imm);
        flags_save(&b->flags, e);
        emit_return(b);
        return true;
    case OP_LOOP:
        if (insn->addr_size < 4) {
            return false;
        }
        flags_need(&b->flags, e);
        flags_register_changes(&b->flags, e, 1u << H_RCX);
        emit_op_mem(e, (HostOp){ .opcode = 0x8d, .w = insn->addr_size == 8 }, H_RCX, HOST_BASE(H_RCX, -1));
        emit_count_branch(b, insn, offset, false);
        return true;
    case OP_JCXZ:
        if (insn->addr_size < 4) {
            return false;
        }
        emit_count_branch(b, insn, offset, true);
        return true;
    }
    return false;
}

/* Behind the block */

void emit_far_taken(BlockCode *b)
{
    for (unsigned i = 0; i < b->far_count; i++) {
        emit_patch32(b->far_taken[i].from, b->e.at);
        b->flags = b->far_taken[i].flags;
        emit_far_exit(b, b->far_taken[i].offset, false);
    }
}

void emit_exit_stubs(BlockCode *b)
{
    Emitter *e = &b->e;
    CpuExec *exec = b->cpu->exec;
    Translator *jit = &exec->jit;

    for (unsigned i = 0; i < b->exit_count; i++) {
        BlockExit *exit = &b->exits[i];
        if (exit->stub) {
            emit_patch32(jit->write + exit->stub, e->at);
        }
        exit->stub = code_offset(b, e->at);
        if (exit->place) {
            emit_patch32(jit->write + exit->place, e->at);
        }
        emit_imm32(e, H_R11, code_site(exec, b->block, i));
        emit_jump_stub(b, exit->keeps_eflags ? jit->exit_rcx_stub : exit->flags & EXIT_SAVED ? jit->exit_saved_stub : jit->exit_stub);
    }
    for (unsigned i = 0; i < b->return_miss_count; i++) {
        emit_patch32(b->return_miss[i], e->at);
    }
    if (b->return_miss_count) {
        emit_imm32(e, H_R11, code_site(exec, b->block, EXIT_INDIRECT));
        emit_jump_stub(b, jit->return_miss_stub[b->cpu->tlb_index]);
    }
    if (b->stack_full) {                        /* all that is on the host's stack is forgotten */
        emit_patch32(b->stack_full, e->at);
        emit_load64(e, H_RSP, HOST_EXEC(JIT_OFF(stack_begin)));
        EMIT(e, 0x41, 0x53);                    /* push r11 */
        emit_patch32(emit_jmp(e), b->stack_go_on);
    }
    if (b->dispatch_miss) {
        emit_patch32(b->dispatch_miss, e->at);
        emit_imm32(e, H_R11, code_site(exec, b->block, EXIT_INDIRECT));
        emit_jump_stub(b, jit->exit_saved_stub);
    }
}
