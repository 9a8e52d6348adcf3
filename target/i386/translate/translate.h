/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translator: blocks of guest instructions to host code, and how that code and C meet.
 *
 *   translate.c   a decoded block -> host code            operand.c  one instruction re-emitted with other operands
 *   branch.c      from block to block                    tell.c     the log, perf
 *   flags.c       where the guest's flags are             stubs.c    code that all blocks share: in, out, slow paths
 *   privileged.c  system instructions in place           group.c    one check for several instructions
 *   slow.c        C called from translated code           cache.c    code memory, contexts, chaining, unchaining
 *   signal.c      leaving a chain, faults inside it       info.c     what info jit says
 *
 * docs/devel/translator.rst follows a block through all of it.
 */
#ifndef TARGET_I386_TRANSLATE_TRANSLATE_H
#define TARGET_I386_TRANSLATE_TRANSLATE_H

#include "target/i386/exec/exec.h"
#include "target/i386/translate/emit.h"

/* A jump out of a block to an address that never changes. */
typedef struct BlockExit {
    Block *from, *to;                           /* to: what it is chained to, or NULL */
    struct BlockExit *next;                     /* in to->incoming */
    int64_t offset;                             /* of the target, from the page that the code is in */
    uint32_t place;                             /* of the jump's displacement in the code memory; 0: never chained */
    uint32_t stub;                              /* where it leads while unchained */
    uint32_t serial;                            /* of the immediate that is the target's serial; 0: same page */
    uint8_t fpu;                                /* FPU_* surely loaded there */
    uint8_t flags;                              /* EXIT_*: where they are there */
    bool keeps_eflags;                          /* its check of the page does; RCX is saved meanwhile */
    bool parted;                                /* chained, but a kick made the jump lead to the stub */
} BlockExit;

enum { EXIT_EFLAGS = 1, EXIT_SAVED = 2 };
/* Where host code that may raise begins, and what then runs: offsets in the code memory. In order of `at`. */
typedef struct BlockRisk { uint32_t at, stub; bool may_misalign; } BlockRisk;

/*
 * A translated block in the arena: Block, the instructions that are kept, then
 *   BlockExit[exit_count], BlockRisk[risk_count],
 *   uint16_t[count + 1]: where each instruction begins, and the end, from code_start in the code memory,
 *   uint8_t[count]: the lengths of the guest's, uint8_t[bytes]: the guest's code
 */
static inline BlockRisk *block_risks(const Block *b) { return (BlockRisk *)(b->exits + b->exit_count); }
static inline uint16_t *block_starts(const Block *b) { return (uint16_t *)(block_risks(b) + b->risk_count); }
static inline uint8_t *block_lengths(const Block *b) { return (uint8_t *)(block_starts(b) + b->count + 1); }
static inline uint8_t *block_bytes(const Block *b) { return block_lengths(b) + b->count; }
static inline size_t translation_bytes(const Block *b) { return block_bytes(b) + b->bytes - (uint8_t *)b->exits; }
enum { EXITS_MOST = BLOCK_INSNS + 2, RISKS_MOST = 2 * BLOCK_INSNS };
#define TRANSLATION_MOST_BYTES (EXITS_MOST * sizeof(BlockExit) + RISKS_MOST * sizeof(BlockRisk) + BLOCK_INSNS * (3 + 15) + 2)

/* A block and a number in it, as code says it in one word; all the translated blocks are in the arena. */
enum { SITE_NUMBER = 0x7f, SITE_BLOCK_SHIFT = 1, SITE_BLOCKS_BYTES = 1 << 30 };
static inline uint32_t code_site(const CpuExec *exec, const Block *block, unsigned number)
{
    return ((uintptr_t)block - (uintptr_t)exec->arena) << SITE_BLOCK_SHIFT | number;
}
/* Behind the call of a check's slow path and the jump to try again. */
typedef struct SlowData {
    uint32_t site;                              /* number: of the instruction */
    uint8_t size: 7, split: 1;                  /* of the access; split: if it fails, nothing runs in C */
    /* behind: it goes on right behind this, not in the block; further: how many more instructions the check is for */
    uint8_t write: 1, behind: 1, further: 6;
} __attribute__((packed)) SlowData;

/** translator_init: in the vCPU's thread. False: this host cannot, or there is no memory: interpret. */
bool translator_init(CpuX86 *cpu, size_t code_bytes);
void translator_destroy(CpuExec *exec);         /* what translator_init() made; nobody runs it */
/** translator_key: key of the block to run now; without BLOCK_TRANSLATED if this mode is interpreted. */
static inline uint32_t translator_key(const CpuX86 *cpu)
{
    const uint32_t flat32 = MODE_CS32 | MODE_SS32 | MODE_PE | MODE_FLAT_DATA | MODE_FLAT_CODE;
    uint32_t mode = cpu->mode_flags;

    if (!(mode & MODE_CS64) && ((mode & flat32) != flat32 || mode & MODE_VM86)) {
        return mode;
    }
    return mode | BLOCK_TRANSLATED | cpu->tlb_index << BLOCK_TLB_SHIFT;
}
/** translate_block: gives the decoded @block host code. False: no room; forget everything and try again. */
bool translate_block(CpuX86 *cpu, Block *block);

/** privileged_in_place: would it be translated, though it may end a decoded block? */
bool privileged_in_place(const CpuX86 *cpu, const Insn *insn);

/**
 * emit_lookup: to the linear address in r10, by the dispatch table, flags saved; @table: of the TLB. The place of a jump
 * that is taken if it has nothing for that. The header is found in r10: a kick knows by that where the jump leads.
 */
uint8_t *emit_lookup(Emitter *e, unsigned table, bool call);

/* stubs.c */
bool stubs_emit(Translator *jit, Emitter *e);

/* cache.c */
void cache_reset(CpuExec *exec);                /* no block has code any more */
/** cache_part_bytes: how much of each of the two parts of the code memory may be used now. */
size_t cache_part_bytes(const CpuExec *exec);
/** cache_prepare: has the host put pages where the next block's code goes, many at a time: a fault for each costs more. */
void cache_prepare(CpuExec *exec);
/** code_select: the code TLB is for @key from now on. */
void code_select(CpuX86 *cpu, uint32_t key);
/** find_header: the block at cpu->rip, if the dispatch table and the code TLB have it for @key; else NULL. */
static inline Block *find_header(CpuX86 *cpu, uint32_t key)
{
    CpuExec *exec = cpu->exec;
    struct CodeHeader *header = exec->dispatch[cpu->rip & (DISPATCH_ENTRIES - 1)];
    Block *block = (Block *)((char *)header - offsetof(Block, header));

    code_select(cpu, key);
    if (UNLIKELY(exec->code_tags[cpu->tlb_index][tlb_slot(cpu->rip)] + cpu->rip + header->sum)) {
        return NULL;
    }
    return block->page2 ? NULL : block;         /* its code looks at the second page, and may have come to C for it */
}
/** code_arm: undoes what a kick did to the code TLB. */
void code_arm(CpuExec *exec);
/** code_serial: the serial of @page with block key @key. SERIAL_NONE: there are no more. */
uint32_t code_serial(CpuExec *exec, const struct CodePage *page, uint32_t key);
/** dispatch_enter: block_find() has found @block to be what runs at its `lin`. */
void dispatch_enter(CpuX86 *cpu, Block *block);
/** block_chain: leads @exit to @to, which was found to be what runs there. */
void block_chain(CpuX86 *cpu, BlockExit *exit, Block *to);
/** block_drop: nothing leads to @block any more. */
void block_drop(CpuExec *exec, Block *block);
/** block_retire: the same, and block_find() makes another in its stead, whose groups have copies. It may be running. */
void block_retire(CpuExec *exec, Block *block);
void page_blocks_add(CpuExec *exec, Block *block);
/** cache_add: @block has code, behind that of all others. */
void cache_add(Translator *jit, Block *block);
/** cache_find: the block whose code @host is in, or NULL. Async-signal-safe in the vCPU's thread. */
Block *cache_find(const Translator *jit, uintptr_t host);
/** cache_insn: which instruction of @block begins at or before @host, or -1. Async-signal-safe. */
int cache_insn(const Translator *jit, const Block *block, uintptr_t host);
/** translator_drop_stale: acts on pages that were written to. */
void translator_drop_stale(CpuX86 *cpu);
/** translator_page_changed: @page's version has moved. Any thread. */
void translator_page_changed(Cpu *cpu, struct CodePage *page);

/* slow.c: called by stubs */
enum { REFILL_FAILED, REFILL_DONE, REFILL_SPLIT };      /* REFILL_SPLIT: on to Translator.next_code */
uint32_t slow_refill(CpuX86 *cpu, uint64_t linear, const SlowData *data);
enum { SLOW_GO_ON, SLOW_LEAVE, SLOW_JUMP };     /* SLOW_JUMP: to Translator.next_code */
uint32_t slow_interpret(CpuX86 *cpu);
/** translator_note_x87: FIP, FOP and FDP as the x87 instructions that translated code ran have left them. */
void translator_x87_pointers(CpuX86 *cpu);
static inline void translator_note_x87(CpuX86 *cpu)
{
    if (UNLIKELY(cpu->exec->jit.x87_at)) {
        translator_x87_pointers(cpu);
    }
}
void flags_to_slot(CpuX86 *cpu);
void flags_from_slot(CpuX86 *cpu);

/* info.c */
/** translator_print: what "info jit" says of @cpu. Any thread. */
void translator_print(Cpu *cpu, GString *out);

/* signal.c */
void signal_init(void);
/** signal_thread: this thread runs the code of @exec from now on. */
void signal_thread(CpuExec *exec);
/* CpuOps */
void translator_kick(Cpu *cpu);

enum { EXIT_INDIRECT = SITE_NUMBER };           /* exit_index: by a computed branch, to spare[SPARE_TARGET] */
enum { SPARE_RCX = 0, SPARE_SITE = 1, SPARE_TARGET = 3 };       /* gates use the first three, spilling the last two */

#define JIT_OFF(field) ((int32_t)offsetof(CpuExec, jit.field))

#endif
