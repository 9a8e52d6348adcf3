/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the move family and its MMX half share. */
#ifndef TARGET_I386_INSN_SIMD_MOVE_H
#define TARGET_I386_INSN_SIMD_MOVE_H

#include "target/i386/access.h"
#include "target/i386/insn-gen.h"

/** mmx_move_fn: the function of a move that names an MMX register. */
InsnFn *mmx_move_fn(const Insn *insn);

#endif
