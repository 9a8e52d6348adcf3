/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the guest's arithmetic flags are, at each point of a block being translated.
 *
 * They may be in up to three places: EFLAGS itself; a copy in Translator.flags; and nowhere but to be had again, by
 * executing the last compare once more or undoing and redoing the last addition (`remake`), for as long as the registers
 * that it used keep their values. A check of an address spoils EFLAGS, so it first sees to it that they are in one of
 * the other places; whoever reads flags, and the end of the block, have them brought back. So flags are exact wherever
 * the guest could look, and mostly at no cost.
 */
#ifndef TARGET_I386_TRANSLATE_FLAGS_H
#define TARGET_I386_TRANSLATE_FLAGS_H

#include "target/i386/translate/translate.h"

typedef enum Remake { REMAKE_NONE, REMAKE_AGAIN, REMAKE_TEST, REMAKE_ADD, REMAKE_SUB } Remake;

typedef struct FlagState {
    bool in_eflags, saved;
    /* How they come again: from host registers @dst and @src (H_NONE: @imm), of @size bytes. */
    Remake remake;
    uint8_t opcode, size, dst, src;             /* opcode: of the form "dst is ModRM.rm", REMAKE_AGAIN only */
    int32_t imm;
    uint16_t registers;                         /* bit per host register that must keep its value */
} FlagState;

/** flags_begin: as at a block's entry. */
void flags_begin(FlagState *f);
/** flags_spoil: EFLAGS is about to be overwritten by our own code. Uses r11. */
void flags_spoil(FlagState *f, Emitter *e);
/** flags_need: brings them into EFLAGS. Uses r11. */
void flags_need(FlagState *f, Emitter *e);
/** flags_save: a copy into Translator.flags if there is none, EFLAGS staying as it is or being brought back. Uses r11. */
void flags_save(FlagState *f, Emitter *e);
/** flags_unsaved: there is no copy; EFLAGS has them, brought there if need be. Uses no register. */
bool flags_unsaved(const FlagState *f, Emitter *e);
/** flags_written: the instruction just emitted has set all of them, in EFLAGS. */
void flags_written(FlagState *f);
/** flags_register_changes: host registers @mask are about to change: keeps what can only be made from them. Uses r11. */
void flags_register_changes(FlagState *f, Emitter *e, uint16_t mask);

#endif
