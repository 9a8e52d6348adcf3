/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the translator keeps of a vCPU. It lies in CpuExec, in the lowest 2 GiB of the address space (exec_map()), so that
 * code reaches all of this and the TLB by displacements.
 *
 * Invariants while translated code runs:
 *  - guest registers are in the host registers of the same name, but RSP is in r15, and R10, R11 and R15 are in `regs`;
 *    r10 and r11 are scratch; host RSP is the C stack;
 *  - at the begin and end of a block the guest's arithmetic flags are in EFLAGS or in `flags`; host DF is 0;
 *  - vector and x87 registers are the guest's as far as `fpu_loaded` says; the rest is in CpuX86.fpu.
 */
#ifndef TARGET_I386_TRANSLATE_TRANSLATOR_H
#define TARGET_I386_TRANSLATE_TRANSLATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "accel/tcg/tlb.h"

struct Block;
struct CodeHeader;

/* What of vector and x87 state is in host registers: a level in the low bits, and the x87. */
enum { FPU_NONE, FPU_XMM, FPU_YMM, FPU_ZMM, FPU_LEVEL = 3, FPU_X87 = 4, FPU_STATES = 8 };

/*
 * Whether a jump to another page may lead where it did last time: that page must still be mapped to the same code, to be
 * run in the same way. The code TLB (CpuExec.code_tags) has, for each linear page that code was found in,
 * -(page + serial), the serial standing for the physical page and the block key. Slots are chosen by the bits of the
 * address just above the page's offset, so those tell nothing: together with the offset's they hold the serial, and one
 * sum is 0 only if page and serial are the right ones, whatever the address.
 */
#define SERIAL_BITS (GUEST_PAGE_BITS + TLB_BITS)
enum {
    SERIAL_NONE,                                /* of an empty slot of the code TLB */
    SERIAL_UNKNOWN,                             /* of a jump that has led nowhere yet */
    SERIAL_FIRST,
    SERIAL_LAST = (1 << SERIAL_BITS) - 3 * GUEST_PAGE_SIZE,
    SERIAL_NO_BLOCK = (1 << SERIAL_BITS) - GUEST_PAGE_SIZE,     /* of no header, as if its code began at offset 0 */
};
static inline uint64_t code_tag(uint64_t page, uint32_t serial) { return -(page + serial); }
#define CODE_SLOT_MASK ((uint64_t)(TLB_ENTRIES - 1) << GUEST_PAGE_BITS)

/* Offsets in the code memory: [first, used) has code, [.., ready) has pages. */
typedef struct CodePart { size_t first, used, ready; } CodePart;

typedef struct Translator {
    /* Read and written by translated code. */
    struct CpuX86 *cpu;
    uint64_t regs[3];                           /* R10, R11, R15 */
    uint64_t spare[6];
    uint64_t slot_mask;                         /* CODE_SLOT_MASK; 0: every slot is 0, whose tag matches nothing then */
    uint64_t code_page;                         /* linear address of the page that the running code is in */
    uint64_t linear;                            /* address whose check failed */
    /* the x87 instruction that ran last, for FIP and FOP: offset in the code memory, 0: none; address of its operand */
    uint32_t x87_at;
    uint64_t x87_page, x87_operand;
    uint16_t flags;                             /* AH as of LAHF in the high byte, OF in the low */
    uint8_t fpu_loaded, fpu_before;
    uint32_t host_mxcsr, exit_index;
    uint32_t number, further;                   /* instruction to run in C, and how many behind it */
    struct Block *block;                        /* that has it, whose slow path was taken, or that is about to be entered */
    struct Block *exit_block;                   /* left by exit_index; NULL: through an instruction run in C */
    void *gate[FPU_STATES];                     /* called by code that needs that state; returns with it loaded */
    const void *helper[2];
    const void *next_code;
    /* The host's stack while translated code runs: 16 bytes for each CALL, down to stack_limit. */
    uint64_t stack_begin, stack_limit;
    uint64_t return_key;                        /* added to return addresses there */

    /* C's own. */
    bool enabled, leave;                        /* leave: the block may not go on after the instruction run in C */
    uint32_t last_serial;
    uint32_t tags_key[4];                       /* by TLB table: the block key that the code TLB is for */
    uint64_t kick_tag, return_step;             /* a guest cannot guess them */
    void (*enter)(struct CpuX86 *cpu, const void *code);
    uint8_t *write, *run;                       /* the code memory, twice */
    size_t code_size;
    CodePart hot, cold;                         /* what runs often lies together, and what does not */
    /* stubs.c; by TLB table, those of slow paths also by: read or write, flags saved or in EFLAGS */
    const void *interpret_stub, *risk_stub, *exit_rcx_stub, *exit_stub, *exit_saved_stub, *slow_stub[4][2][2], *return_miss_stub[4];
    struct Block **order;                       /* blocks with code, by address */
    unsigned order_count, order_room;
    uint64_t exit_rip;                          /* where the last exit led to */
    struct Block **page_blocks, **page2_blocks; /* hashed by CodePage: lists by next_in_page, next_in_page2 */
    struct CodePage *stale[64];                 /* under TcgCpu.lock: pages that others wrote to */
    unsigned stale_count;
    /* for info jit */
    uint64_t translated, links, drops, exits_direct, exits_indirect, lookups, searches, jumps, refills, interpreted;
    uint64_t *interpreted_ops;                  /* by OP_ */
} Translator;

#define DISPATCH_ENTRIES 65536                  /* by the low 16 bits of the linear address */

#endif
