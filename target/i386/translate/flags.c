/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flags of a block being translated: see flags.h. */
#include "target/i386/translate/flags.h"

void flags_begin(FlagState *f)
{
    *f = (FlagState){ .in_eflags = true };
}

/* mov r11, rax; lahf; seto al; mov [flags], ax; mov rax, r11 */
static void emit_save(Emitter *e)
{
    emit_mov64(e, H_R11, H_RAX);
    EMIT(e, 0x9f, 0x0f, 0x90, 0xc0);
    emit_op_mem(e, (HostOp){ .opcode = 0x89, .opsize = true }, H_RAX, HOST_EXEC(JIT_OFF(flags)));
    emit_mov64(e, H_RAX, H_R11);
}

static void emit_restore(Emitter *e)
{
    emit_mov64(e, H_R11, H_RAX);
    emit_op_mem(e, (HostOp){ .opcode = 0xb7, .map = 1 }, H_RAX, HOST_EXEC(JIT_OFF(flags)));
    EMIT(e, 0x04, 0x7f, 0x9e);                  /* add al, 7f: OF; sahf */
    emit_mov64(e, H_RAX, H_R11);
}

/* OP dst, src or OP dst, imm, by the opcode of OP r/m, r of one byte (its other forms follow from it). */
static void emit_alu(Emitter *e, unsigned opcode, unsigned size, unsigned dst, unsigned src, int32_t imm)
{
    HostOp op = { .w = size == 8, .opsize = size == 2 };

    if (src != H_NONE) {
        op.opcode = opcode | (size > 1);
        op.rex = size == 1 && (dst >= H_RSP || src >= H_RSP);
        emit_op_reg(e, op, src, dst);
    } else if (opcode == 0x84) {                /* TEST has an immediate form of its own */
        op.opcode = 0xf6 | (size > 1);
        op.rex = size == 1 && dst >= H_RSP;
        emit_op_reg(e, op, 0, dst);
        size == 1 ? emit8(e, imm) : size == 2 ? emit16(e, imm) : emit32(e, imm);
    } else {
        bool small = size > 1 && imm == (int8_t)imm;
        op.opcode = size == 1 ? 0x80 : small ? 0x83 : 0x81;
        op.rex = size == 1 && dst >= H_RSP;
        emit_op_reg(e, op, opcode >> 3, dst);
        size == 1 || small ? emit8(e, imm) : size == 2 ? emit16(e, imm) : emit32(e, imm);
    }
}

/* An addition is undone and redone in @temporary: r11, or the register itself. */
static void emit_remake(const FlagState *f, Emitter *e, unsigned temporary)
{
    enum { ADD = 0x00, SUB = 0x28, TEST = 0x84 };

    switch (f->remake) {
    case REMAKE_AGAIN:
        emit_alu(e, f->opcode, f->size, f->dst, f->src, f->imm);
        break;
    case REMAKE_TEST:
        emit_alu(e, TEST, f->size, f->dst, f->dst, 0);
        break;
    case REMAKE_ADD: case REMAKE_SUB:
        if (temporary != f->dst) {
            emit_mov64(e, temporary, f->dst);
        }
        emit_alu(e, f->remake == REMAKE_ADD ? SUB : ADD, f->size, temporary, f->src, f->imm);
        emit_alu(e, f->remake == REMAKE_ADD ? ADD : SUB, f->size, temporary, f->src, f->imm);
        break;
    case REMAKE_NONE:
        break;
    }
}

void flags_spoil(FlagState *f, Emitter *e)
{
    if (f->in_eflags && !f->saved && f->remake == REMAKE_NONE) {
        emit_save(e);
        f->saved = true;
    }
    f->in_eflags = false;
}

void flags_need(FlagState *f, Emitter *e)
{
    if (f->in_eflags) {
        return;
    }
    if (f->remake != REMAKE_NONE) {
        emit_remake(f, e, H_R11);
    } else {
        emit_restore(e);
    }
    f->in_eflags = true;
}

bool flags_unsaved(const FlagState *f, Emitter *e)
{
    if (!f->saved && !f->in_eflags) {
        emit_remake(f, e, f->dst);
    }
    return !f->saved;
}

void flags_save(FlagState *f, Emitter *e)
{
    if (!f->saved) {
        flags_need(f, e);
        emit_save(e);
        f->saved = true;
    }
}

void flags_written(FlagState *f)
{
    *f = (FlagState){ .in_eflags = true };
}

void flags_register_changes(FlagState *f, Emitter *e, uint16_t mask)
{
    if (f->remake != REMAKE_NONE && f->registers & mask) {
        if (!f->in_eflags && !f->saved) {
            flags_need(f, e);
        }
        f->remake = REMAKE_NONE;
    }
}
