/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Groups: instructions that follow each other and access memory near one base register, which keeps its value: fields of
 * a structure, locals, runs of PUSH and POP. One check covers the range that they span; r10 then has the host address of
 * its begin until the last of them. Between them there may be instructions that leave r10 and the base alone.
 *
 * If the check fails for good (the range crosses a page, a part may not be written), all of them run in C. Where that
 * happens again and again for an address's sake, the block is made anew (slow.c), with a second copy of each group among
 * what seldom runs, in which each access has a check of its own: then that runs.
 */
#include "target/i386/translate/block_code.h"

enum { SPAN_MAX = INT8_MAX };

typedef struct Member {
    enum { BARRIER, TRANSPARENT, MEMORY } kind;
    uint8_t base;                               /* guest register */
    int32_t disp, after;                        /* after: what the instruction adds to the (group's) base */
    unsigned bytes;
    bool write, ends;                           /* ends: changes the base otherwise */
} Member;

static Member stack_access(const BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    const int word = b->mode64 ? 8 : 4;
    unsigned group = operand_kinds[row->operands[0]].group;
    bool memory = group == GROUP_E && insn_has_mem(insn);

    if (insn->size == word && row->op == OP_PUSH && !memory && (group == GROUP_Z || group == GROUP_E || group == GROUP_I)) {
        return (Member){ MEMORY, R_RSP, -word, -word, word, true, false };
    }
    if (insn->size == word && row->op == OP_POP && group == GROUP_Z && insn->rm != R_RSP) {
        return (Member){ MEMORY, R_RSP, 0, word, word, false, false };
    }
    return (Member){ BARRIER };
}

static Member lea_access(const BlockCode *b, const Insn *insn, unsigned base)
{
    bool simple = insn->size >= 4 && insn->addr_size >= 4 && (insn->base >= 16 || !in_memory(insn->base)) &&
                  (insn->index >= 16 || !in_memory(insn->index));
    unsigned word = b->mode64 ? 8 : 4;

    if (insn->reg != base) {
        return (Member){ simple ? TRANSPARENT : BARRIER };
    }
    bool moves = insn->base == base && insn->index == REG_NONE && insn->size == word && insn->addr_size == word &&
                 insn->disp > -SPAN_MAX && insn->disp < SPAN_MAX;
    return moves ? (Member){ TRANSPARENT, .after = insn->disp } : (Member){ BARRIER };
}

/* ADD or SUB of a small constant. */
static bool moves_base(const BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    return (row->op == OP_ADD || row->op == OP_SUB) && row->imm_kind[0] && insn->size == (b->mode64 ? 8 : 4) &&
           insn->imm > -SPAN_MAX && insn->imm < SPAN_MAX;
}

/* What @insn is to a group; @base: its base register, or REG_NONE: it would begin one. */
static Member access_of(BlockCode *b, const Insn *insn, unsigned base)
{
    const InsnRow *row = insn_row(insn);

    if (!is_translated(b, insn) || privileged_in_place(b->cpu, insn)) {
        return (Member){ BARRIER };
    }
    if (row->bind == bind_branch) {
        unsigned word = b->mode64 ? 8 : 4;
        bool ret = row->op == OP_RET && insn->size == word;
        return ret ? (Member){ MEMORY, R_RSP, 0, 0, word, false, true } : (Member){ BARRIER };
    }
    if (row->bind == bind_nop) {
        return (Member){ TRANSPARENT };
    }
    if (row->bind == bind_stack) {
        return stack_access(b, insn);
    }
    if (row->op == OP_LEA) {
        return lea_access(b, insn, base);
    }
    const Operands *o = operands_of(b, insn);
    if (!operands_certain(insn, o)) {
        return (Member){ BARRIER };
    }
    if (!insn_has_mem(insn) && base != REG_NONE && o->rm == base && o->sets_rm && moves_base(b, insn)) {
        return (Member){ TRANSPARENT, .after = row->op == OP_ADD ? insn->imm : -insn->imm };
    }
    if (!insn_has_mem(insn)) {
        bool writes_base = base != REG_NONE && o->written & host_bit(guest_host(base));
        return (Member){ !in_memory(o->rm) && !in_memory(o->vvvv) && !writes_base ? TRANSPARENT : BARRIER };
    }
    if (insn->base >= 16 || insn->index != REG_NONE || in_memory(insn->base) || insn->seg >= R_FS ||
        insn->addr_size != (b->mode64 ? 8 : 4) || !o->memory_bytes || !operand_usual(b, insn)) {
        return (Member){ BARRIER };
    }
    return (Member){ MEMORY, insn->base, insn->disp, 0, o->memory_bytes, o->writes_memory,
                     o->written & host_bit(guest_host(insn->base)) };
}

void group_find(BlockCode *b)
{
    Group *g = &b->group;
    unsigned first = b->number, members = 0;
    int64_t low = 0, high = 0, moved = 0;

    *g = (Group){ .base = REG_NONE };
    for (unsigned i = first; i < b->block->count; i++) {
        Member a = access_of(b, &b->block->insns[i], g->base);
        if (a.kind == BARRIER || (a.kind == MEMORY && members && a.base != g->base) || (!members && a.kind != MEMORY)) {
            break;
        }
        if (a.kind == TRANSPARENT) {
            moved += a.after;
            continue;
        }
        int64_t from = a.disp + moved, to = from + a.bytes;
        int64_t new_low = members ? MIN(low, from) : from, new_high = members ? MAX(high, to) : to;
        if (new_high - new_low > SPAN_MAX || new_low != (int32_t)new_low) {
            break;
        }
        low = new_low;
        high = new_high;
        g->base = a.base;
        g->write |= a.write;
        g->offset[i - first] = from;
        g->disp[i - first] = a.disp;
        g->last = i;
        members++;
        moved += a.after;
        if (a.ends) {
            break;
        }
    }
    g->active = members > 1;
    g->first = first;
    g->low = low;
    g->span = high - low;
}

HostMem group_operand(BlockCode *b)
{
    const Group *g = &b->group;

    if (b->number == g->first) {
        flags_spoil(&b->flags, &b->e);
        check_based(b, guest_host(g->base), g->low, g->span, g->write);
        SlowPath *slow = &b->slow[b->slow_count - 1];
        if (b->block->apart) {
            slow->copy = ++b->copy_count;
            b->copies[b->copy_count - 1] = (GroupCopy){ .first = g->first, .last = g->last, .flags = b->flags };
        } else {
            slow->data.further = g->last - g->first;
        }
    }
    if (b->mode64) {
        return (HostMem){ .base = H_R10, .index = guest_host(g->base), .disp = g->disp[b->number - g->first] };
    }
    return HOST_BASE(H_R10, g->offset[b->number - g->first] - g->low);
}

void group_end(BlockCode *b)
{
    if (b->block->apart) {
        GroupCopy *copy = &b->copies[b->copy_count - 1];
        copy->end = b->e.at;
        copy->end_flags = b->flags;
    }
    b->group.active = false;
}

void group_emit_copies(BlockCode *b)
{
    b->copying = true;
    for (unsigned n = 0; n < b->copy_count; n++) {
        GroupCopy *copy = &b->copies[n];

        copy->start = b->e.at;
        b->flags = copy->flags;
        b->flags.saved = true;                  /* the slow path saw to it */
        b->flags.in_eflags = false;
        b->group.last = copy->last;
        for (unsigned i = copy->first; i <= copy->last; i++) {
            unsigned slow = b->slow_count;
            b->number = i;
            b->insn = &b->block->insns[i];
            translate_insn(b, b->insn);
            while (slow < b->slow_count) {
                b->slow[slow++].next = b->e.at;
            }
        }
        /* The flags to where the first copy has them. */
        if (copy->end_flags.saved) {
            flags_save(&b->flags, &b->e);
        }
        if (copy->end_flags.in_eflags) {
            flags_need(&b->flags, &b->e);
        }
        emit_patch32(emit_jmp(&b->e), copy->end);
    }
    b->copying = false;
}
