/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions: the table's row, the decoded form, and the contract between decoder, families and run loop.
 *
 *   bytes -> insn_decode() -> Insn { row, operands } -> row's family `bind` picks the function for these operand kinds
 *         -> Insn.fn(cpu, insn) executes it.
 *
 * Contract of an InsnFn:
 *  - insn_next_rip()/insn_this_rip() give addresses; cpu->rip is not valid on entry. A row with BRANCH must set
 *    cpu->rip; any other must not touch it.
 *  - It checks and reads everything that can fault before it changes guest state; a fault is cpu_raise*(), which
 *    does not return. REP string instructions commit each iteration.
 *  - Memory goes through access.h. LOCK prefix on a row without LOCKABLE, or with a register destination, is decoded
 *    as UD; a family sees `lock` only where it must honour it.
 *  - Modes, CPUID features, CR0.EM/TS, OSFXSR, VEX/EVEX state enables, CPL 0 and LOCK are checked by the
 *    decoder from the row: a block's mode_flags are fixed, so the check costs nothing at run time (fn becomes insn_ud,
 *    or insn_nm, insn_gp0).
 */
#ifndef TARGET_I386_INSN_H
#define TARGET_I386_INSN_H

#include "target/i386/cpu.h"

typedef void InsnFn(CpuX86 *cpu, const Insn *insn);
typedef struct InsnRow InsnRow;

#define REG_NONE 0xff
#undef REG_RIP                  /* <ucontext.h> has its own */
#define REG_RIP 0xfe            /* base of RIP-relative operands */
/* Byte registers AH, CH, DH, BH have the numbers 16..19 in reg/rm/opcode-register fields of byte operands. */
#define REG_AH 16

/* 64 bytes: one cache line. */
struct Insn {
    InsnFn *fn;
    uint64_t imm;               /* sign- or zero-extended as the row says; far pointers: offset in bits 0-31, selector
                                   in 32-47; operands of kind O (moffs): the offset */
    int32_t disp;
    uint16_t row;               /* index into insn_rows */
    uint16_t offset;            /* of the first byte from the block's start */
    uint8_t length;
    uint8_t size;               /* operand size in bytes: 1, 2, 4, 8; vector length 16, 32, 64 for vector rows */
    uint8_t addr_size;          /* 2, 4, 8 */
    uint8_t reg;                /* ModRM.reg with extension; of opcode-register forms (push r, mov r, imm) rm */
    uint8_t rm;                 /* register operand ModRM.rm, or REG_NONE if memory; 0 if there is no ModRM byte */
    uint8_t base, index, scale; /* memory operand: REG_NONE, REG_RIP; scale is the shift 0..3 */
    uint8_t seg;                /* effective segment R_* of the memory operand, override applied unless ignored */
    uint8_t prefixes;           /* INSN_* below */
    uint8_t vvvv;               /* VEX/EVEX second source; REG_NONE */
    uint8_t evex;               /* EVEX: bits 0-2 opmask, 3 z, 4 b, 5-6 L'L (rounding when b and register); */
    uint8_t imm2;               /* ENTER's level, EXTRQ/INSERTQ second byte */
    uint8_t bytes[15];          /* as fetched; for re-encoding and logs */
    void *host;                 /* native rows: host code stub */
};
enum {
    INSN_LOCK = 1, INSN_REP = 2, INSN_REPNE = 4, INSN_OPSIZE = 8, INSN_REX = 16, INSN_REXW = 32, INSN_VEX = 64,
    INSN_EVEX = 128
};
_Static_assert(sizeof(struct Insn) <= 72, "Insn should stay near one cache line");

static inline bool insn_has_mem(const Insn *i) { return i->rm == REG_NONE; }
static inline uint64_t insn_this_rip(const CpuX86 *cpu, const Insn *i) { return cpu->block_rip + i->offset; }
static inline uint64_t insn_next_rip(const CpuX86 *cpu, const Insn *i)
{
    uint64_t rip = cpu->block_rip + i->offset + i->length;
    /* In 16-bit code too EIP counts on beyond 64 KiB: the segment's limit, not the width, ends it (SMM begins so). */
    return cpu->mode_flags & MODE_CS64 ? rip : (uint32_t)rip;
}

/* What a row says; filled from insn.def, see its head for the columns. */
struct InsnRow {
    const char *name;
    /* Family: the function for these operands; may set insn->host; NULL: #UD. */
    InsnFn *(*bind)(const CpuX86 *cpu, Insn *insn);
    uint8_t map;                /* 0 one-byte, 1 0F, 2 0F38, 3 0F3A, 4.. EVEX maps 5, 6; x87 rows use map 0 D8-DF */
    uint8_t opcode;
    uint8_t operands[4];        /* OPERAND_* kinds, destination first */
    uint16_t flags_read, flags_written, flags_undefined;    /* RFLAGS_* arithmetic bits (DF too where read) */
    uint16_t feature;           /* FEATURE_*; 0: always there */
    uint64_t properties;        /* ROW_* */
    uint8_t undefined_rule;     /* UNDEFINED_*: the operand-dependent rule that narrows flags_undefined */
    uint8_t encoding;           /* ENCODING_* */
    uint8_t prefixes;           /* bit p: mandatory prefix class p matches; 0 none, 1 66, 2 F3, 3 F2 */
    uint16_t op;                /* OP_*, the mnemonic (insn-gen.h); of OP_Jcc and the like condition is opcode & 15 */
    uint32_t select_mask, select_value;     /* SELECT_* bits of the encoding that this row fixes */
    uint8_t size_kind;          /* SIZE_*: how Insn.size comes about */
    uint8_t imm_kind[2];        /* OPERAND_* of immediates in order of bytes; 0 none */
    uint8_t mem_operand;        /* number of the operand that ModRM.rm encodes, 4: none */
};
enum { ENCODING_LEGACY, ENCODING_VEX, ENCODING_EVEX };
enum { UNDEFINED_ALWAYS, UNDEFINED_SHIFT, UNDEFINED_ROTATE, UNDEFINED_SHIFTD };
enum {
    SELECT_MODRM = 0xff, SELECT_RM_REG = 1 << 8, SELECT_W = 1 << 9, SELECT_L = 3 << 10, SELECT_MODE64 = 1 << 12,
    SELECT_REX_B = 1 << 13
};
enum {
    SIZE_V, SIZE_Z, SIZE_Y, SIZE_N,             /* operand size, at most 4, by W, native */
    SIZE_B, SIZE_W, SIZE_D, SIZE_Q, SIZE_DQ,    /* fixed */
    SIZE_MMX, SIZE_XMM, SIZE_VL                 /* 8, 16, by L */
};
enum {
    ROW_LOCKABLE = 1 << 0, ROW_BRANCH = 1 << 1,         /* BRANCH: sets rip; ends the block */
    ROW_ENDS_BLOCK = 1 << 2,                            /* changes mode, paging, interrupts ...: ends the block */
    ROW_PRIVILEGED = 1 << 3,                            /* CPL 0 or #GP(0) */
    ROW_NO_64 = 1 << 4, ROW_ONLY_64 = 1 << 5,           /* #UD in / outside 64-bit mode */
    ROW_DEFAULT_64 = 1 << 6,                            /* operand size 8 in 64-bit mode without REX.W (push, jmp) */
    ROW_PROTECTED_ONLY = 1 << 7,                        /* #UD in real mode and vm86 */
    ROW_X87 = 1 << 8, ROW_MMX = 1 << 9, ROW_SSE = 1 << 10,  /* CR0.EM/TS and CR4.OSFXSR checks */
    ROW_FP = 1 << 11,                                   /* uses MXCSR */
    ROW_ALIGNED = 1 << 12,                              /* memory operand must be aligned to its size, else #GP(0) */
    ROW_STRING = 1 << 13, ROW_FORCE_64 = 1 << 14,       /* 66 is ignored in 64-bit mode (near branches, Intel way) */
    ROW_SERIALIZING = 1 << 15, ROW_NO_TEST = 1 << 16,   /* the differential test cannot run it on the host */
    ROW_IO = 1 << 17, ROW_VM_SENSITIVE = 1 << 18,       /* IOPL-sensitive in vm86/protected mode */
    ROW_UMIP = 1 << 19, ROW_OR_PLAIN = 1 << 20,         /* #GP(0) under UMIP; without the feature: as if unprefixed */
    ROW_BCST = 1 << 21, ROW_ER = 1 << 22, ROW_SAE = 1 << 23,    /* what EVEX.b may mean */
    ROW_NO_MASK = 1 << 24, ROW_NO_ZERO = 1 << 25,       /* EVEX opmask, zeroing forbidden */
    ROW_VSIB = 1 << 26, ROW_NO_WAIT = 1 << 27,          /* x87: does not look at pending exceptions */
    ROW_MODRM = 1 << 28, ROW_VVVV = 1 << 29,            /* has a ModRM byte; uses VEX.vvvv (else it must be 1111) */
    ROW_XSAVE = 1 << 30                                 /* #UD without CR4.OSXSAVE; #NM under CR0.TS */
};
/* EVEX: */
#define ROW_TUPLE1 (1ull << 31)                         /* compressed in memory: as many elements as mask bits */
#define ROW_NF (1ull << 32)                             /* the mask does not tell which bytes are read: all are */
#define ROW_OPMASK (1ull << 33)                         /* VEX, but needs AVX-512 state */
#define ROW_E1 (1ull << 34)                             /* bytes of an element of the memory operand */
#define ROW_E2 (1ull << 35)
#define ROW_E4 (1ull << 36)
#define ROW_E8 (1ull << 37)
#define ROW_REPEAT (1ull << 38)                         /* the memory operand is repeated over the vector */
extern const InsnRow insn_rows[];
extern const unsigned insn_row_count;

/**
 * insn_decode: decodes one instruction.
 * @cpu:   mode_flags and features tell what is legal; nothing else of it is read
 * @code:  bytes at hand, @avail of them (1..15)
 *
 * Returns its length, with *@insn filled and bound; 0 if more bytes are needed than @avail (and avail < 15). Invalid
 * instructions (also over 15 bytes: fn raises #GP) decode to an Insn whose fn raises; never fails otherwise.
 */
unsigned insn_decode(const CpuX86 *cpu, Insn *insn, const uint8_t *code, unsigned avail);

/* Functions for what the row's checks forbid. */
void insn_ud(CpuX86 *cpu, const Insn *insn);
void insn_nm(CpuX86 *cpu, const Insn *insn);
void insn_gp0(CpuX86 *cpu, const Insn *insn);

/** insn_operand_bytes: bytes of operand @n (memory form if it has one) of a decoded instruction. */
unsigned insn_operand_bytes(const CpuX86 *cpu, const Insn *insn, unsigned n);
static inline const InsnRow *insn_row(const Insn *i) { return &insn_rows[i->row]; }
/** insn_element_bytes: of the memory operand's elements (EVEX rows); 0: the row does not say. */
static inline unsigned insn_element_bytes(const Insn *i) { return insn_row(i)->properties / ROW_E1 & 15; }

/* Families: one bind function each, reached only from the row; prototypes, OP_*, OPERAND_*: target/i386/insn-gen.h. */

#endif
