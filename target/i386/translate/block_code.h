/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A block being translated: what translate.c and operand.c share. */
#ifndef TARGET_I386_TRANSLATE_BLOCK_CODE_H
#define TARGET_I386_TRANSLATE_BLOCK_CODE_H

#include "target/i386/insn-gen.h"
#include "target/i386/translate/flags.h"

/* A failed check, to be dealt with behind the block's code. */
typedef struct SlowPath {
    uint8_t *from, *retry;
    SlowData data;
    const uint8_t *behind;                      /* where that was written */
    FlagState flags;                            /* as after the check */
    unsigned copy;                              /* of a group that has one: 1 + its number */
    uint8_t *next;                              /* in a copy: where it goes on if the instruction ran in C */
} SlowPath;

/* An instruction that may raise by itself. */
typedef struct Risk {
    uint8_t *at, *stub, *behind;                /* its host code; what then runs; SlowData of that */
    uint8_t number, further;                    /* further: to the end of its group, whose r10 is lost */
    FlagState flags;                            /* as it finds them */
} Risk;

typedef struct Operands {
    int reg, rm, vvvv;                          /* guest general registers, or -1 */
    bool sets_reg, sets_rm, sets_vvvv;
    bool high_byte;                             /* AH, CH, DH or BH is among them: no REX prefix */
    bool low_byte;                              /* a byte register that may need one */
    uint16_t written;                           /* host registers, for flags that are to be remade */
    bool writes_memory;
    unsigned memory_bytes;
} Operands;

/* Instructions with one check in common: group.c. */
typedef struct Group {
    bool active, write;
    uint8_t base;                               /* guest register */
    unsigned first, last;                       /* numbers of instructions */
    int32_t low;                                /* the range: from base + low at the first */
    unsigned span;
    /* of each one's operand: from the base at the first, and from what the base is there */
    int32_t offset[BLOCK_INSNS], disp[BLOCK_INSNS];
} Group;

typedef struct GroupCopy {
    unsigned first, last;
    FlagState flags, end_flags;                 /* after the check; after the last */
    uint8_t *start, *end;                       /* start: of the copy */
} GroupCopy;

_Static_assert(BLOCK_INSNS <= 64, "a bit for each");
typedef struct BlockCode {
    CpuX86 *cpu;
    Block *block;
    Emitter e;                                  /* the part being written: what runs often, or the other */
    uint8_t *cold_at;
    FlagState flags;
    bool mode64;
    uint64_t translated, operands_known, in_c;  /* bit per instruction; in_c: C runs it always */
    Operands operands[BLOCK_INSNS];
    const Insn *insn;                           /* being translated, and which one it is */
    unsigned number;
    SlowPath slow[BLOCK_INSNS * 4];
    unsigned slow_count;
    Group group;
    GroupCopy copies[BLOCK_INSNS / 2];
    unsigned copy_count;
    bool copying;                               /* each access has a check of its own */
    BlockExit exits[EXITS_MOST];
    unsigned exit_count;
    uint32_t starts[BLOCK_INSNS + 1];
    Risk risks[RISKS_MOST];
    unsigned risk_count;
    struct { uint8_t *from; int64_t offset; FlagState flags; } far_taken[BLOCK_INSNS];     /* conditional jumps to another page */
    unsigned far_count;
    uint8_t *dispatch_miss, *return_miss[2], *stack_full, *stack_go_on;
    unsigned return_miss_count;
    bool ended;                                 /* nothing after this instruction can be reached */
} BlockCode;

/* Guest registers: host register of the same name, or H_NONE: in memory at guest_slot(). */
static inline unsigned guest_host(unsigned r)
{
    static const uint8_t host[16] = { H_RAX, H_RCX, H_RDX, H_RBX, H_R15, H_RBP, H_RSI, H_RDI, H_R8, H_R9, H_NONE, H_NONE,
                                      H_R12, H_R13, H_R14, H_NONE };
    return host[r & 15];
}
static inline HostMem guest_slot(unsigned r)
{
    return HOST_EXEC(JIT_OFF(regs) + 8 * (r == R_R15 ? 2 : (int)r - R_R10));
}

/* Does guest register @guest (-1: none) live in memory? */
static inline bool in_memory(int guest) { return guest >= 0 && guest < REG_AH && guest_host(guest) == H_NONE; }
#define SPARE(n) HOST_EXEC(JIT_OFF(spare) + 8 * (n))

/**
 * check_based: checks @size bytes at host register @base + @disp, both flags and r11 spoilt. The operand, if @at is where
 * it begins; r10 is taken while it is used, @base may move in between.
 */
HostMem check_based(BlockCode *b, unsigned base, int32_t disp, unsigned size, bool write);
/** check_address: r10 is a linear address; r10 becomes the host address of the operand there. Spoils r11 and EFLAGS. */
void check_address(BlockCode *b, unsigned size, bool write);
/** operand_address: flags made safe, then the linear address of the memory operand in r10. */
void operand_address(BlockCode *b, const Insn *insn);
/** operand_usual: can the memory operand be addressed by translated code in this mode? */
bool operand_usual(const BlockCode *b, const Insn *insn);
/** translate_operands: the instruction itself, with its operands moved to where the translator keeps them. */
bool translate_operands(BlockCode *b, const Insn *insn);
/** is_translated: is it tried to translate @insn of the block, rather than have C run it? */
static inline bool is_translated(const BlockCode *b, const Insn *insn)
{
    return b->translated >> (insn - b->block->insns) & 1;
}
void translate_insn(BlockCode *b, const Insn *insn);
/** insn_needs_flags: does it want the flags from before it in EFLAGS? Of those that translate_operands() does. */
bool insn_needs_flags(const Insn *insn);
/** insn_may_fault: could it raise, once its operand is there? */
bool insn_may_fault(const Insn *insn);
/** operands_of: of @insn of the block. */
const Operands *operands_of(BlockCode *b, const Insn *insn);
/** operands_certain: translate_operands() will do @insn, whose operands are @o, and leave r10 alone. */
bool operands_certain(const Insn *insn, const Operands *o);
/** group_find: the group that the current instruction begins, if any. */
void group_find(BlockCode *b);
/** group_operand: emits the group's check if it is the first; the operand of the current instruction. */
HostMem group_operand(BlockCode *b);
/** stack_operand: a word at @offset from the stack pointer, checked. */
HostMem stack_operand(BlockCode *b, int offset, bool write);
void move_stack_pointer(BlockCode *b, int by);
static inline HostOp word_op(const BlockCode *b, uint8_t opcode) { return (HostOp){ .opcode = opcode, .w = b->mode64 }; }
/** group_end: the last one was translated. */
void group_end(BlockCode *b);
/** group_emit_copies: of a block whose groups have some. */
void group_emit_copies(BlockCode *b);
/** emit_interpret: the instruction is run in C. */
void emit_interpret(BlockCode *b);
/** translate_privileged: what privileged_in_place() is true for. False: it is to be interpreted after all. */
bool translate_privileged(BlockCode *b, const Insn *insn);
/** emit_rflags: r11 = what PUSHF stores, outside of vm86. Spoils r10 and EFLAGS. */
void emit_rflags(BlockCode *b);
/* Code that all blocks share, as written. */
static inline uint8_t *as_written(const BlockCode *b, const void *stub)
{
    const Translator *jit = &b->cpu->exec->jit;
    return jit->write + ((const uint8_t *)stub - jit->run);
}
static inline void emit_call_stub(BlockCode *b, const void *stub) { emit_patch32(emit_call(&b->e), as_written(b, stub)); }
static inline void emit_jump_stub(BlockCode *b, const void *stub) { emit_patch32(emit_jmp(&b->e), as_written(b, stub)); }
static inline uint32_t code_offset(const BlockCode *b, const uint8_t *at) { return at - b->cpu->exec->jit.write; }

/* branch.c */
bool translate_branch(BlockCode *b, const Insn *insn);
/** emit_exit: goes on at @offset from the begin of the page: the block ends. */
void emit_exit(BlockCode *b, int64_t offset);
/** emit_second_page_check: the one instruction of a block over a page end: is the second page what it was? Else to C. */
void emit_second_page_check(BlockCode *b);
/** emit_far_taken: where conditional jumps to other pages lead; behind the block. */
void emit_far_taken(BlockCode *b);
void emit_exit_stubs(BlockCode *b);

/** next_offset: address behind @insn, from the begin of its page. */
static inline int64_t next_offset(const BlockCode *b, const Insn *insn)
{
    return (int64_t)(b->block->lin & ~TLB_PAGE_MASK) + insn->offset + insn->length;
}
/** emit_page_address: host register @to = linear address at @offset from the page that the code is in. May use r11. */
void emit_page_address(BlockCode *b, unsigned to, int64_t offset);
/** emit_guest_to: host register @to = guest register @r. */
static inline void emit_guest_to(BlockCode *b, unsigned to, unsigned r)
{
    unsigned host = guest_host(r);
    if (host == H_NONE) {
        emit_load64(&b->e, to, guest_slot(r));
    } else {
        emit_mov64(&b->e, to, host);
    }
}
static inline uint16_t host_bit(unsigned host) { return host == H_NONE ? 0 : 1u << host; }

/**
 * translator_tell: the block is translated: the log (-d op, out_asm) and perf are told. Code that runs often is at
 * [@hot, @hot_end), the rest at [@cold, @cold_end), as written.
 */
void translator_tell(const BlockCode *b, const uint8_t *hot, const uint8_t *hot_end, const uint8_t *cold, const uint8_t *cold_end);

#endif
