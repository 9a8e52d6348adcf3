/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bare machine for tests of the interpreter: RAM, vCPUs, no devices, no firmware.
 *
 *   bare_reset(cpu, BARE_LONG) -> bare_code(...) -> bare_run(cpu) until HLT -> look at registers and memory
 *
 * Every mode has an IDT (or IVT) whose 256 handlers are one HLT each, so an exception ends the run too: bare_run()
 * returns its vector and `trap` holds what was pushed. Paging is identity over all RAM, 4 KiB pages, user, writable;
 * bare_map() changes it.
 */
#ifndef TESTS_TCG_BARE_H
#define TESTS_TCG_BARE_H

#include "target/i386/exec/exec.h"

typedef enum BareMode {
    BARE_REAL,
    BARE_PROT16,
    BARE_PROT32,
    BARE_PAGED32,
    BARE_PAE,
    BARE_LONG,
    BARE_LONG5,
    BARE_MODES
} BareMode;
extern const char *const bare_mode_names[BARE_MODES];

/* Physical layout; tests have 0x8000-0xffff for code and 0x40000-0xfffff, 0x400000- for anything. */
enum {
    BARE_RAM_BYTES = 16 << 20,
    BARE_GDT = 0x1000, BARE_GDT_FREE = 0x70,    /* first selector that a test may define; limit 0x7ff */
    BARE_IDT = 0x2000, BARE_TSS = 0x3000, BARE_HANDLERS = 0x3800, BARE_RING0_STACK = 0x5000, BARE_STACK = 0x7000,
    BARE_CODE = 0x8000, BARE_DATA = 0x40000, BARE_TABLES = 0x100000
};
enum {
    BARE_CODE32 = 0x08,
    BARE_DATA32 = 0x10,
    BARE_CODE64 = 0x18,
    BARE_CODE16 = 0x20,
    BARE_DATA16 = 0x28,
    BARE_USER_DATA = 0x33,
    BARE_USER_CODE32 = 0x3b,
    BARE_USER_CODE64 = 0x43,
    BARE_USER_CODE16 = 0x4b,
    BARE_TSS_SELECTOR = 0x50
};

/* What the last exception pushed. */
typedef struct BareTrap {
    int vector;
    uint32_t error;
    bool has_error;
    uint64_t rip, rflags, rsp;
    uint16_t cs, ss;
} BareTrap;

typedef struct Bare {
    uint8_t *ram;
    MemoryRegion region;
    RamBlock *block;
    CpuX86 *cpu[4];
    unsigned cpus;
    BareMode mode;
    BareTrap trap;
    uint64_t next_table;                        /* page tables handed out from BARE_TABLES up */
    bool stop;                                  /* set with Cpu.exit_request, even by a signal handler: ends bare_run() */
} Bare;
extern Bare bare;

/**
 * bare_start: makes the machine, once a process; @cpus 1 to 4. vCPU 0 belongs to the calling thread, the others have
 * their own.
 */
void bare_start(unsigned cpus);
/**
 * bare_reset: @cpu in @mode at CPL 0, rip BARE_CODE, rsp BARE_STACK, other registers 0; page tables and IDT new. RAM
 * elsewhere stays.
 */
void bare_reset(CpuX86 *cpu, BareMode mode);
/** bare_enter: puts @cpu into the mode that bare_reset() set up last; for further vCPUs. */
void bare_enter(CpuX86 *cpu);
/** bare_user: same mode at CPL 3, with @iopl. */
void bare_user(CpuX86 *cpu, unsigned iopl);
/** bare_code: stores code at @addr as a device would by DMA. */
void bare_code(uint64_t addr, const void *code, size_t len);
#define BARE_CODE_AT(addr, ...) bare_code(addr, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
/**
 * bare_run: runs until HLT; VECTOR_NONE, or the vector of the exception whose handler halted. -2: neither within 1e8
 * rounds, or stopped.
 */
int bare_run(CpuX86 *cpu);
/**
 * bare_run_all: the first @cpus vCPUs at once, each as bare_run(); returns when all have halted. `trap` is vCPU 0's.
 */
void bare_run_all(unsigned cpus, int vectors[4]);
/**
 * bare_jit: which engine runs @cpu from now on: the translator or the interpreter. False: there is no such engine here.
 */
bool bare_jit(CpuX86 *cpu, bool on);
/** bare_go: bare_reset() to @mode, @code at BARE_CODE followed by HLT, bare_run(). */
int bare_go(CpuX86 *cpu, BareMode mode, const void *code, size_t len);
/**
 * bare_pte: address of the page-table entry of @lin at @level (0: PTE, 1: PDE ...) in the tables of the current mode.
 */
uint64_t bare_pte(uint64_t lin, unsigned level);
unsigned bare_pte_bytes(void);
uint64_t bare_pte_read(uint64_t lin, unsigned level);
void bare_pte_write(uint64_t lin, unsigned level, uint64_t entry);      /* flushes nothing */
/** bare_map: maps page @lin to @phys with the low 12 bits and bit 63 of @flags, making tables as needed. */
void bare_map(uint64_t lin, uint64_t phys, uint64_t flags);
static inline uint8_t *bare_at(uint64_t addr) { return bare.ram + addr; }
static inline uint32_t bare_ld32(uint64_t addr) { uint32_t v; memcpy(&v, bare_at(addr), 4); return v; }
static inline uint64_t bare_ld64(uint64_t addr) { uint64_t v; memcpy(&v, bare_at(addr), 8); return v; }
static inline void bare_st32(uint64_t addr, uint32_t v) { bare_code(addr, &v, 4); }
static inline void bare_st64(uint64_t addr, uint64_t v) { bare_code(addr, &v, 8); }
/** bare_gdt: writes descriptor @selector: base, limit in bytes (granularity chosen), attr as SegmentCache.attr. */
void bare_gdt(uint16_t selector, uint64_t base, uint32_t limit, uint16_t attr);

#endif
