/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter's own state of a vCPU, and what the files of exec/ ask of each other.
 *
 *   run.c      run loop: interrupts between blocks, block after block, where raised exceptions land
 *   block.c    blocks of decoded instructions: found, made, checked, thrown away
 *   mmu.c      second-level TLB, filling the first, flushing
 *   access.c   slow loads and stores: devices, page-crossing, watched and code pages
 *   segment.c  limit and type checks;  walk.c  page walks;  debug.c  access for debuggers
 *
 * docs/devel/interpreter.rst follows an instruction through all of it.
 */
#ifndef TARGET_I386_EXEC_EXEC_H
#define TARGET_I386_EXEC_EXEC_H

#include "accel/tcg/code.h"
#include "accel/tcg/tcg.h"
#include "core/log.h"
#include "target/i386/access.h"
#include "target/i386/exec/flags.h"
#include "target/i386/exec/walk.h"
#include "target/i386/svm/svm.h"
#include "target/i386/translate/translator.h"

/* First-level TLB tables: what an access may do depends on these alone. */
enum {
    TLB_USER, TLB_SUPER,
    /* supervisor that may not touch user pages; implicit accesses under CR4.SMAP */
    TLB_SUPER_SMAP,
    TLB_CHECK_ALIGN,                            /* user with EFLAGS.AC and CR0.AM: stays empty, the slow path checks */
    TLB_COUNT
};

/* Second level: the page as the walk found it, for every privilege. Valid while younger than the flushes (mmu.c). */
typedef struct TlbPage {
    uint64_t lin;                               /* page address */
    uint64_t stamp;                             /* 0: never filled */
    GuestAddr phys;
    uint8_t *host;                              /* NULL: device, APIC */
    RamBlock *ram;
    uint32_t rights;                            /* PAGE_* */
    uint16_t pcid;                              /* in the low 12 bits; the world above */
    uint8_t pkey;
} TlbPage;
#define TLB_PAGES 16384
/*
 * Address spaces that do not see each other's translations: world 0 is what runs outside of SVM guests, the others
 * belong to one ASID at a time.
 */
enum { TLB_WORLDS = 4, WORLD_SHIFT = 12 };
#define CODE_PAGE_BITS 4096
#define LARGE_BITS 4096                         /* hashed set of 2 MiB regions that large pages were loaded for */

typedef struct PhysRange { GuestAddr base; uint64_t len; uint8_t *host; RamBlock *ram; bool read_only; } PhysRange;

/* A straight run of decoded instructions. Belongs to one vCPU. */
typedef struct Block Block;
struct Block {
    /* What the run loop looks at to see that the block is the one it wants, still true, and where it ends. */
    uint64_t lin, epoch;                        /* linear address it was last found at, in the epoch of that finding */
    uint32_t key;                               /* mode_flags | BLOCK_SINGLE */
    uint32_t version, version2;
    bool branches;                              /* the last instruction sets rip */
    /* what follows is always at one of two addresses, in the same mode: use `link` */
    bool linked;
    bool changes_mode;                          /* ends in something after which special() must look at everything */
    CodePage *page, *page2;                     /* NULL: fetched from a device; does not cross */
    const Insn *end;                            /* after the last instruction */
    Block *link[2];                             /* the blocks that followed lately */
    /* What finds and renews it. */
    /* address of the first byte: the hash key, with `key`; of the second page or NULL */
    const uint8_t *host, *host2;
    Block *next;                                /* of the hash chain */
    /* Host code, if the block is translated: target/i386/translate/translate.h */
    struct CodeHeader {
        uint64_t sum;                           /* serial - offset in the page */
        int64_t minus_offset;
        const void *code;
    } header;
    uint32_t serial, serial2;                   /* of its pages with its key */
    const void *entry[2][2];                    /* ENTRY_*: where the flags are; whether what fpu_need says is loaded */
    struct BlockExit *exits;                    /* and behind them what translate.h tells */
    struct BlockExit *incoming;                 /* chained jumps of other blocks that lead here */
    Block *next_in_page, *next_in_page2;
    uint32_t code_start, cold_start, code_bytes;        /* offsets in the code memory; bytes of both parts */
    uint8_t exit_count, risk_count;
    uint8_t fpu_need;                           /* FPU_* that the code wants loaded */
    bool reads_flags;                           /* the code wants the flags in EFLAGS */
    bool apart;                                 /* groups have copies in which each access has a check of its own */
    bool retired;                               /* is to be made anew, apart */
    uint8_t splits;                             /* how often a group's operands were in two pages */
    uint64_t layout;                            /* of physical memory, when `page` was last known to be at `host` */
    uint16_t bytes;                             /* length of the guest's code */
    uint16_t count;
    uint64_t kept;                              /* bit for each instruction that is in `insns`; the others: block_insn() */
    Insn insns[] __attribute__((aligned(64)));
};
#define BLOCK_SINGLE (1u << 31)                 /* key: one instruction a block (single step, shadows, breakpoints) */
#define BLOCK_TRANSLATED (1u << 30)             /* key: host code, for one TLB table */
#define BLOCK_TLB_SHIFT 28                      /* key of a translated block: CpuX86.tlb_index */
#define BLOCK_INSNS 64

static inline bool block_current(const Block *b)
{
    return code_page_current(b->page, b->version) && (LIKELY(!b->page2) || code_page_current(b->page2, b->version2));
}

/* Is it what runs at @lin? Nothing was flushed and no code was written since it was found there. */
static inline bool block_fits(const Block *b, uint64_t lin, uint32_t key, uint64_t epoch)
{
    return LIKELY(b->lin == lin && b->epoch == epoch && b->key == key) && LIKELY(block_current(b));
}

/* Of a table of TLB_ENTRIES: slots that may hold something, and those of global pages. */
typedef struct TlbSlots { uint64_t used[TLB_ENTRIES / 64], global[TLB_ENTRIES / 64]; } TlbSlots;
static inline void tlb_slot_note(TlbSlots *s, unsigned slot, bool global)
{
    s->used[slot / 64] |= 1ull << slot % 64;
    s->global[slot / 64] = (s->global[slot / 64] & ~(1ull << slot % 64)) | (uint64_t)global << slot % 64;
}

#define JUMP_ENTRIES 4096                       /* of the jump cache: linear address -> block */

struct CpuExec {
    TlbEntry tlb[TLB_COUNT][TLB_ENTRIES];
    uint64_t exec_tags[TLB_COUNT][TLB_ENTRIES]; /* of `tlb`: linear page that may be fetched from, or tlb_no_tag() */
    uint64_t code_tags[TLB_COUNT][TLB_ENTRIES]; /* the code TLB: translator.h */
    Translator jit;
    Block *jump[JUMP_ENTRIES];                  /* never NULL */
    uint64_t epoch;                             /* moves with every flush that blocks may depend on */
    /* hashed set of linear pages that blocks were found in during this epoch */
    uint64_t code_pages[CODE_PAGE_BITS / 64];
    Block *block;                               /* being run; NULL between blocks */
    uint64_t layout;                            /* moves when the physical memory layout changes */
    TcgCpu tcg;
    struct rcu_head rcu;                        /* on its way out */

    uint32_t debug_hits;                        /* DR6 bits that data or I/O breakpoints of this instruction hit */
    bool in_exclusive;                          /* inside cpu_rmw_exclusive() */
    bool single, stepping;                      /* the block being run is BLOCK_SINGLE; TF was set before it */
    bool attention;                             /* state of this vCPU wants the slow way between blocks */
    bool one_insn;                              /* one-insn-per-tb=on */
    bool watches_smm;
    bool debug_near;                            /* the next instruction only: a debugger's breakpoint is not far */
    bool debug_hit;                             /* the instruction was one for a debugger: at the boundary, stop */
    struct { uint8_t kind; uint64_t addr; } debug_watch;        /* which it was */

    uint64_t stamp;                             /* grows with each fill and flush */
    uint32_t tables_used;                       /* bit per first-level table that may hold entries */
    TlbSlots tlb_slots[TLB_COUNT], code_slots[TLB_COUNT];
    uint32_t pkru_seen;                         /* value that the first level was filled by */
    uint16_t pkeys_used;                        /* keys of user pages in it */
    struct TlbWorld {
        uint64_t floor_all, floor_global, floor_pcid[4096]; /* entries older than these are gone */
        uint64_t large[LARGE_BITS / 64];
        uint64_t huge[LARGE_BITS / 64];         /* the same of 1 GiB regions */
        uint64_t root;                          /* nested CR3 that it was filled by */
        uint32_t asid;                          /* 0: nobody's yet */
    } worlds[TLB_WORLDS];
    unsigned world, world_last;                 /* the current one; the one that was given to an ASID last */
    TlbPage pages[TLB_PAGES];
    PhysRange phys[2];                          /* below and above 4 GiB: where page tables were last seen */

    Block **blocks;                             /* hash table by host address and key */
    unsigned blocks_mask;
    uint8_t *arena;                             /* blocks, one after another */
    size_t arena_bytes, arena_used;
    /* Of arena_bytes, and as much of the code memory: what may be used now. When it began to be filled. See block.c. */
    size_t cache_limit;
    int64_t cache_begun_ns;
    int64_t idle_from_ns, idle_wait_ns, idle_cpu_ns;    /* since when the vCPU's CPU time is watched, for how long at least */
    uint64_t blocks_made, blocks_revived, arena_flushes;    /* for info jit */
    Block *transient;                           /* one instruction fetched from a device; run once */
    struct DecodedAgain { const Block *block; unsigned number; Insn insn; } again[256];     /* block_insn() */
    struct CodeHeader *dispatch[DISPATCH_ENTRIES];  /* never NULL once the translator is on */
};

/**
 * exec_map: an empty one, to be unmapped; in the lowest 2 GiB, where translated code can reach it, unless there is no room.
 * NULL: no memory.
 */
CpuExec *exec_map(void);

/* CpuOps of the TCG accelerator. */
bool cpu_x86_tcg_init(Cpu *cpu, GError **err);
void cpu_x86_tcg_destroy(Cpu *cpu);
void cpu_x86_tcg_run(Cpu *cpu);
void cpu_x86_tcg_flush_all(Cpu *cpu);

/**
 * cpu_select_tlb: after any change of CPL, code width, EFLAGS.AC, CR0.AM, CR4.SMAP. cpu_update_mode() and
 * cpu_set_rflags() call it.
 */
static inline void cpu_select_tlb(CpuX86 *cpu)
{
    bool ac = cpu->rflags & RFLAGS_AC;

    if (cpu_cpl(cpu) == 3) {
        cpu->tlb_index = ac && (cpu->mode_flags & MODE_AM) ? TLB_CHECK_ALIGN : TLB_USER;
    } else {
        cpu->tlb_index = (cpu->cr4 & CR4_SMAP) && !ac ? TLB_SUPER_SMAP : TLB_SUPER;
    }
    cpu->tlb = cpu->exec ? cpu->exec->tlb[cpu->tlb_index] : NULL;
    cpu->flat_mask = cpu->mode_flags & MODE_CS64 ? UINT64_MAX : UINT32_MAX;
}

/** cpu_tlb_switch: CR3 now names another PCID, but nothing is to be forgotten (bit 63 was set). */
void cpu_tlb_switch(CpuX86 *cpu);
/**
 * cpu_tlb_world: from now on translations are those of @asid (0: not of a guest), whose nested page tables are at @root
 * (UINT64_MAX: none).
 */
void cpu_tlb_world(CpuX86 *cpu, uint32_t asid, uint64_t root);
/** cpu_tlb_flush_worlds: everything of everybody. */
void cpu_tlb_flush_worlds(CpuX86 *cpu);
/** cpu_tlb_flush_page_of: INVLPGA. */
void cpu_tlb_flush_page_of(CpuX86 *cpu, uint64_t addr, uint32_t asid);
/** cpu_pkru_changed: after PKRU or IA32_PKRS was written. */
void cpu_pkru_changed(CpuX86 *cpu);

static inline unsigned mmu_system_index(const CpuX86 *cpu)
{
    return cpu->cr4 & CR4_SMAP ? TLB_SUPER_SMAP : TLB_SUPER;
}
static inline bool mmu_is_user(unsigned index) { return index == TLB_USER || index == TLB_CHECK_ALIGN; }

/** mmu_page: page of @lin, which must allow @access by table @index; raises #PF. Good until the next call or flush. */
const TlbPage *mmu_page(CpuX86 *cpu, uint64_t lin, Access access, unsigned index);
/** mmu_fill: enters @page into table @index with every permission it has there. */
void mmu_fill(CpuX86 *cpu, uint64_t lin, const TlbPage *page, unsigned index);
/** mmu_refill: enters @lin into the first level if that takes no more than reading: plain RAM that may be accessed so. */
bool mmu_refill(CpuX86 *cpu, uint64_t lin, bool write);
/** mmu_host_known: mmu_host() where it need not look it up, else NULL. */
static inline uint8_t *mmu_host_known(const CpuExec *exec, GuestAddr addr)
{
    const PhysRange *range = &exec->phys[addr >> 32 != 0];
    return addr - range->base < range->len ? range->host + (addr - range->base) : NULL;
}
/** mmu_host: host address of physical @addr if it is RAM or ROM, else NULL. Own thread. */
uint8_t *mmu_host(CpuX86 *cpu, GuestAddr addr, RamBlock **ram, bool *read_only);
/** mmu_ram_written: [@offset, +@len) of @ram was stored to by this vCPU: dirty logs, decoded code. */
void mmu_ram_written(CpuX86 *cpu, RamBlock *ram, uint64_t offset, unsigned len);
static inline bool cpu_is_canonical(const CpuX86 *cpu, uint64_t lin)
{
    unsigned unused = cpu->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;
    return (uint64_t)((int64_t)(lin << unused) >> unused) == lin;
}
/** mmu_watched: does an enabled data breakpoint lie in the page of @lin? */
bool mmu_watched(const CpuX86 *cpu, uint64_t lin);
/** mmu_watch: notes which data breakpoints an access hits. */
void mmu_watch(CpuX86 *cpu, uint64_t lin, unsigned len, bool write);
/** cpu_watch_io: notes which I/O breakpoints (CR4.DE) an access to [@port, +@size) hits; by who executes IN and OUT. */
void cpu_watch_io(CpuX86 *cpu, uint16_t port, unsigned size);
/** exec_end_block_soon: the run loop stops after the current instruction. */
static inline void exec_end_block_soon(CpuX86 *cpu)
{
    if (cpu->insn) {
        cpu->block_end = cpu->insn + 1;
        cpu->exec->jit.leave = true;
    }
}

/** exec_held: requests that the vCPU's state holds back. */
static inline uint32_t exec_held(const CpuX86 *cpu)
{
    if (UNLIKELY(cpu->svm.watch)) {
        return svm_held(cpu);
    }
    return (cpu->rflags & RFLAGS_IF ? 0 : INTERRUPT_HARD) | (cpu->nmi_blocked ? INTERRUPT_NMI : 0) |
           (cpu->smm ? INTERRUPT_SMI | INTERRUPT_INIT : 0);
}
/**
 * exec_requested: does anybody want the run loop? What the vCPU's state holds back (cpu_service_interrupts()) does not:
 * what changes that state ends the block.
 */
static inline bool exec_requested(const CpuX86 *cpu)
{
    uint32_t requests = __atomic_load_n(&cpu->cpu.interrupt_request, __ATOMIC_RELAXED);
    return ((requests & ~exec_held(cpu)) |
            __atomic_load_n(&cpu->cpu.exit_request, __ATOMIC_RELAXED)) != 0;
}
enum { LOG_EVERY_BLOCK = LOG_EXEC | LOG_CPU };  /* the interpreter runs blocks while these are logged */
/**
 * exec_needs_attention: state of the vCPU's own that no ordinary instruction changes: looked at after those that do, and
 * after every longjmp.
 */
static inline bool exec_needs_attention(const CpuX86 *cpu)
{
    return (cpu->rflags & (RFLAGS_TF | RFLAGS_RF)) || cpu->interrupt_shadow || (cpu->dr[7] & 0xff) ||
           cpu->exec->one_insn || cpu->cpu.debug_step || cpu->exec->debug_hit || log_enabled(LOG_EVERY_BLOCK);
}
/**
 * block_find: the block at cpu->rip; made if need be, and entered into the jump cache. Raises what the fetch raises.
 */
Block *block_find(CpuX86 *cpu, uint32_t key);
/**
 * block_insn: instruction @number of @block, which is of the mode that the vCPU is in. Translated instructions that C
 * seldom runs are not kept, but decoded again: good until the next call.
 */
const Insn *block_insn(CpuX86 *cpu, const Block *block, unsigned number);
/** block_within_limit: does it end inside the code segment, started at cpu->rip? */
static inline bool block_within_limit(const CpuX86 *cpu, const Block *block)
{
    return LIKELY(cpu->mode_flags & (MODE_CS64 | MODE_FLAT_CODE)) ||
           cpu->rip + block->bytes - 1 <= cpu->seg[R_CS].limit;
}
enum { ENTRY_EFLAGS, ENTRY_SAVED };
enum { ENTRY_COLD, ENTRY_WARM };
extern Block block_none;                        /* fits nowhere */
/** exec_new_epoch: blocks must be found anew. */
void exec_new_epoch(CpuExec *exec);
static inline void exec_tlb_drop(CpuExec *exec, unsigned table, unsigned slot)
{
    tlb_entry_clear(exec->tlb[table], slot);
    exec->exec_tags[table][slot] = tlb_no_tag(slot);
}
/* Code may be mapped to where other code was: returns are looked up again. */
static inline void returns_forget(CpuExec *exec) { exec->jit.return_key += exec->jit.return_step; }
static inline void code_tags_clear(CpuExec *exec, unsigned table)
{
    returns_forget(exec);
    for (unsigned slot = 0; slot < TLB_ENTRIES; slot++) {
        exec->code_tags[table][slot] = code_tag((uint64_t)slot << GUEST_PAGE_BITS, SERIAL_NONE);
    }
}
static inline void code_slot_drop(CpuExec *exec, unsigned table, unsigned slot)
{
    returns_forget(exec);
    exec->code_tags[table][slot] = code_tag((uint64_t)slot << GUEST_PAGE_BITS, SERIAL_NONE);
}
static inline void code_page_drop(CpuExec *exec, unsigned table, uint64_t page)
{
    uint64_t serial = -(exec->code_tags[table][tlb_slot(page)] + page);

    if (serial != SERIAL_NONE && serial <= SERIAL_LAST) {
        code_slot_drop(exec, table, tlb_slot(page));
    }
}
bool block_cache_init(CpuExec *exec, size_t bytes, GError **err);
void block_cache_destroy(CpuExec *exec);
void block_cache_forget(CpuExec *exec);         /* all blocks; between two */
/** block_cache_idle: the vCPU halts: memory that an idle one does not need is given back. Not inside a block. */
void block_cache_idle(CpuExec *exec);
static inline unsigned code_page_bit(uint64_t lin) { return (lin >> 12 ^ lin >> 24) % CODE_PAGE_BITS; }
static inline unsigned jump_slot(uint64_t lin) { return (lin ^ lin >> 12) % JUMP_ENTRIES; }
/** insn_fuse: a function that does @first and the conditional jump after it in one, or NULL. */
InsnFn *insn_fuse(const Insn *first, const Insn *second);

static inline uint64_t cpu_code_linear(const CpuX86 *cpu)
{
    return cpu->mode_flags & MODE_CS64 ? cpu->rip : (uint32_t)(cpu->seg[R_CS].base + cpu->rip);
}

#endif
