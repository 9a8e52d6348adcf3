/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lookup tables that gen_insn.py makes: (space, opcode) -> the rows that may match, told apart by SELECT_* bits. */
#ifndef TARGET_I386_DECODE_TABLE_H
#define TARGET_I386_DECODE_TABLE_H

#include "target/i386/insn.h"

/* Order is SPACES of gen_insn.py. */
enum {
    SPACE_ONE_BYTE, SPACE_0F, SPACE_0F38, SPACE_0F3A, SPACE_VEX_0F, SPACE_VEX_0F38, SPACE_VEX_0F3A,
    SPACE_EVEX_0F, SPACE_EVEX_0F38, SPACE_EVEX_0F3A, SPACE_EVEX_5, SPACE_EVEX_6, SPACE_COUNT
};

typedef struct InsnCandidate {
    uint32_t mask, value;
    uint16_t row;
    uint8_t prefixes;
} InsnCandidate;

typedef struct InsnOpcode {
    uint16_t first;             /* in insn_candidates */
    uint8_t count;              /* 0: no such instruction */
    bool modrm;
} InsnOpcode;

extern const InsnCandidate insn_candidates[];
extern const InsnOpcode insn_opcodes[SPACE_COUNT][256];

#endif
