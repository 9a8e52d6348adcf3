/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random blocks of instructions: how they are described, made and run.
 *
 *   block_generate() -> Block -> block_layout() -> bytes -> block_run_native(), block_run_guest() -> State -> compare
 *
 * A block is a list of instructions, each with its bytes and what its addresses depend on, so that instructions can be
 * dropped and the rest laid out anew: test-blocks.c shrinks a failing block that way. Registers 3, 4, 5, 11, 12, 13
 * are pointers (4 the stack, the others into the data pages) that only few instructions write; the rest are values.
 *
 * Memory is the same on both sides, address by address: code (2 pages), an exit page, stack (1), data (3 that can be
 * written, 1 that cannot), nothing around them. In the bare machine neighbours in address are not in physical memory.
 */
#ifndef TESTS_TCG_BLOCK_H
#define TESTS_TCG_BLOCK_H

#include "tests/tcg/bare.h"
#include "tests/tcg/encode.h"

enum { BLOCK_PAGE = 4096, BLOCK_ITEMS = 128, BLOCK_BYTES = 1024, BLOCK_EXIT_VECTOR = 0x81 };
enum { CODE_PAGES = 2, STACK_PAGES = 1, DATA_PAGES = 4, DATA_WRITABLE = 3, AREA_PAGES = CODE_PAGES + STACK_PAGES + DATA_PAGES };

/* Where blocks run. */
typedef enum BlockMode {
    BLOCK_LONG, BLOCK_LONG_HIGH, BLOCK_COMPAT, BLOCK_PAGED32, BLOCK_PAE, BLOCK_PROT32, BLOCK_PROT16, BLOCK_REAL, BLOCK_MODES
} BlockMode;
typedef struct BlockPlace {
    const char *name;
    BareMode mode;
    unsigned bits;
    bool native;                                /* the host can run it */
    bool user, paged, no_execute;
    uint64_t code, exit, stack, data;
} BlockPlace;
extern const BlockPlace block_places[BLOCK_MODES];

typedef enum BlockFix {
    FIX_NONE,
    FIX_BRANCH,                                 /* relative branch to `target` */
    FIX_ADDRESS,                                /* the address of `target` */
    FIX_CODE,                                   /* memory operand: byte `value` of `target`; by rip in 64-bit code */
    FIX_RIP,                                    /* memory operand by rip: address `value` */
} BlockFix;

typedef struct BlockItem {
    uint8_t bytes[15];
    uint8_t length;
    uint8_t fix, fix_at, fix_bytes;
    bool head;                                  /* of a loop or function: reached from where nothing is known */
    bool dropped;
    uint16_t group;                             /* items that are dropped together */
    uint16_t target;                            /* item; BLOCK_ITEMS: the exit */
    uint64_t value;
    uint16_t reads, defines, blurs;             /* arithmetic flags: used; certainly set; possibly undefined after it */
    uint16_t unknown;                           /* flags undefined before it */
} BlockItem;

typedef struct TestBlock {
    BlockMode mode;
    unsigned count;
    unsigned start;                             /* offset in the code pages */
    BlockItem items[BLOCK_ITEMS];
    unsigned offsets[BLOCK_ITEMS + 1];          /* by block_layout() */
    uint16_t end_unknown;                       /* flags undefined at its end; by block_flags() */
    uint8_t code[CODE_PAGES * BLOCK_PAGE];
    /* What it starts from. */
    uint64_t seed;                              /* of memory and vector registers */
} TestBlock;

/* Everything a block can change. */
typedef struct State {
    uint64_t gpr[16], rip, rflags;
    int vector;                                 /* BLOCK_EXIT_VECTOR: came to its end */
    uint32_t error;
    uint64_t address;                           /* of a page fault */
    uint32_t mxcsr;
    uint16_t fcw, fsw;
    uint8_t ftw;
    uint8_t st[8][10];
    uint8_t zmm[32][64];
    uint64_t k[8];
    uint8_t memory[AREA_PAGES * BLOCK_PAGE];    /* code, stack, data */
    uint8_t low[1 << 16];                       /* without paging: everything below 64 KiB */
} State;

/** block_init: after bare_start() and native_setup(). */
void block_init(CpuX86 *cpu);
void block_generator_init(void);
/** block_generate: a random block for @mode from @r. */
void block_generate(Rng *r, BlockMode mode, TestBlock *b);
/** block_layout: offsets and bytes from the items. False: a short branch does not reach. */
bool block_layout(TestBlock *b);
/** block_flags: tells each item's `unknown`. False: *@reader uses an undefined flag. */
bool block_flags(TestBlock *b, unsigned *reader);
/** block_disassemble: as text, one instruction a line. */
char *block_disassemble(const TestBlock *b);

/** block_start: the state that @b starts from. */
void block_start(const TestBlock *b, State *state);
/** block_run_native: by the host CPU. False: it did not end. */
bool block_run_native(const TestBlock *b, const State *in, State *out);
/** block_run_guest: by the bare machine, as it is set up. */
void block_run_guest(const TestBlock *b, const State *in, State *out);
/** block_compare: what differs, or NULL. @native: @one is the host's, which may do some things its maker's way. */
char *block_compare(const TestBlock *b, const State *one, const State *other, bool native);

#endif
