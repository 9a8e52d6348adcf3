/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the translator keeps of a vCPU. It lies in CpuExec, whose address is in GS base while translated code runs, so
 * that code reaches all of this and the TLB by constant offsets.
 *
 * Invariants while translated code runs:
 *  - guest registers are in the host registers of the same name, but RSP is in r15, and R10, R11 and R15 are in `regs`;
 *    r10 and r11 are scratch; host RSP is the C stack;
 *  - at the begin and end of a block EFLAGS holds the guest's arithmetic flags; host DF is 0;
 *  - vector and x87 registers are the guest's as far as `fpu_loaded` says; the rest is in CpuX86.fpu.
 */
#ifndef TARGET_I386_TRANSLATE_TRANSLATOR_H
#define TARGET_I386_TRANSLATE_TRANSLATOR_H

#include <stdbool.h>
#include <stdint.h>

struct Block;
struct CodeHeader;

/* What of vector and x87 state is in host registers: a level in the low bits, and the x87. */
enum { FPU_NONE, FPU_XMM, FPU_YMM, FPU_ZMM, FPU_LEVEL = 3, FPU_X87 = 4, FPU_STATES = 8 };

/*
 * A context is what the meaning of a linear code address depends on: the block key, and the epochs of the mappings. Two
 * names for it: `mix`, part of every key in the dispatch table; `serial`, not used again while a jump across pages may
 * know it. In those jumps it is spread over the bits that the address of a page does not use, so that one sum tells page
 * and context.
 */
typedef struct CodeContext {
    uint32_t key, serial;
    uint64_t user_epoch, global_epoch;
    unsigned number;                            /* of `mix` */
} CodeContext;
#define CONTEXT_NUMBERS 64
#define CONTEXT_MIX_SHIFT 58                    /* above the 57 bits of any canonical address */

typedef struct Translator {
    /* Read and written by translated code. */
    struct CpuX86 *cpu;
    uint64_t regs[3];                           /* R10, R11, R15 */
    uint64_t spare[6];
    uint64_t mix;                               /* 0: leave at the next look-up */
    uint64_t spread;                            /* of the context's serial; SPREAD_NONE: leave at the next jump across pages */
    uint64_t code_page;                         /* linear address of the page that the running code is in */
    uint64_t linear;                            /* address whose check failed */
    /* the x87 instruction that ran last, for FIP and FOP: offset in the code memory, 0: none; address of its operand */
    uint32_t x87_at;
    uint64_t x87_page, x87_operand;
    uint16_t flags;                             /* AH as of LAHF in the high byte, OF in the low */
    uint8_t fpu_loaded, fpu_before;
    uint32_t host_mxcsr, info, exit_index;
    struct Block *block;                        /* whose slow path was taken, or that is about to be entered */
    struct Block *exit_block;                   /* left by exit_index; NULL: through an instruction run in C */
    void *gate[FPU_STATES];                     /* called by code that needs that state; returns with it loaded */
    void *helper[2];

    /* C's own. */
    bool enabled, leave;                        /* leave: the block may not go on after the instruction run in C */
    uint64_t user_epoch, global_epoch, last_epoch;
    CodeContext context[2];                     /* last used: supervisor's, user's */
    uint32_t last_serial;
    unsigned last_number;
    void (*enter)(struct CpuX86 *cpu, const void *code);
    uint8_t *write, *run;                       /* the code memory, twice */
    size_t code_size, code_used, code_first;
    const void *interpret_stub, *exit_stub, *slow_stub, *stubs_end;
    struct Block **order;                       /* blocks with code, by address */
    unsigned order_count, order_room;
    uint64_t exit_rip;                          /* where the last exit led to */
    struct Block **page_blocks;                 /* hashed by CodePage: lists by next_in_page */
    struct CodePage *stale[64];                 /* under TcgCpu.lock: pages that others wrote to */
    unsigned stale_count;
    /* for info jit */
    uint64_t translated, links, drops, exits_direct, exits_indirect, lookups, searches, contexts, refills, interpreted;
    uint64_t *interpreted_ops;                  /* by OP_ */
} Translator;

#define SPREAD_NONE ((uint64_t)1 << 57)         /* more than there is between any page and 0 */
#define DISPATCH_ENTRIES 65536                  /* by the low 16 bits of the linear address */

#endif
