/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page walks (Intel SDM vol. 3, chapter 4): linear address -> physical page and rights, in every paging mode.
 *
 * One walker serves the TLB (sets A and D bits, atomically) and the tracers (change nothing, record each level).
 */
#ifndef TARGET_I386_EXEC_WALK_H
#define TARGET_I386_EXEC_WALK_H

#include "target/i386/cpu.h"

/* Page-fault error code. */
enum {
    PF_PRESENT = 1 << 0,
    PF_WRITE = 1 << 1,
    PF_USER = 1 << 2,
    PF_RESERVED = 1 << 3,
    PF_FETCH = 1 << 4,
    PF_PROTECTION_KEY = 1 << 5
};
typedef enum Access { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH } Access;

/* Rights of a page, all levels combined. */
enum {
    PAGE_USER = 1 << 0, PAGE_WRITE = 1 << 1, PAGE_NX = 1 << 2, PAGE_GLOBAL = 1 << 3, PAGE_DIRTY = 1 << 4,
    PAGE_READ_ONLY = 1 << 5,                    /* ROM: writes go the device's way */
    PAGE_APIC = 1 << 6                          /* the local APIC's registers lie over whatever is there */
};

typedef enum WalkVerdict { WALK_TABLE, WALK_PAGE, WALK_NOT_PRESENT, WALK_RESERVED } WalkVerdict;
typedef struct PageWalkLevel {
    const char *name;                           /* "PML4E", "PDPTE" ... */
    GuestAddr addr;                             /* of the entry */
    uint64_t entry;
    uint64_t reserved;                          /* reserved bits that are set */
    WalkVerdict verdict;
} PageWalkLevel;

typedef struct PageWalk {
    uint64_t lin;
    bool paging;                                /* false: linear is physical, no levels */
    bool non_canonical;                         /* nothing was walked */
    bool mapped;                                /* `phys` and `rights` hold */
    unsigned level_count;
    PageWalkLevel levels[5];                    /* from the root */
    GuestAddr phys;                             /* of @lin itself */
    uint64_t page_bytes;
    uint32_t rights;                            /* PAGE_* */
    uint8_t pkey;
} PageWalk;

/**
 * cpu_page_walk: traces the translation of @addr; changes nothing. Any thread that may look at a stopped vCPU, or its
 * own.
 */
PageWalk cpu_page_walk(CpuX86 *cpu, uint64_t addr);
/**
 * cpu_access_error: 0 if a page with @rights may be accessed so, else the page-fault error code. @smap: SMAP in force
 * for it.
 */
uint32_t cpu_access_error(const CpuX86 *cpu, uint32_t rights, uint8_t pkey, Access access, bool user, bool smap);
/**
 * cpu_load_pdptes: PAE paging: reads the four PDPTEs that @cr3 points to into registers, which serve all walks until the
 * next call (SDM vol. 3, 4.4.1). False, with nothing changed, if one has reserved bits set: then #GP.
 */
bool cpu_load_pdptes(CpuX86 *cpu, uint64_t cr3);
/** cpu_memory: the address space that the vCPU sees now (SMRAM is open in SMM). */
static inline AddressSpace *cpu_memory(const CpuX86 *cpu)
{
    return cpu->smm && cpu->smm_as ? cpu->smm_as : cpu->cpu.as ? cpu->cpu.as : address_space_memory();
}
static inline GuestAddr cpu_a20(const CpuX86 *cpu, GuestAddr addr)
{
    return cpu->a20_masked ? addr & ~(1ull << 20) : addr;
}

/* For exec/: the walk of a TLB miss. */
typedef struct WalkResult {
    GuestAddr phys;                             /* of the 4 KiB page */
    uint64_t page_bytes;
    uint32_t rights;
    uint8_t pkey;
} WalkResult;
/**
 * mmu_nested_address: guest-physical @addr as an SVM host with nested paging maps it. Exits where it does not.
 */
GuestAddr mmu_nested_address(CpuX86 *cpu, GuestAddr addr, bool write);
#define WALK_FAULT (1u << 31)
/**
 * mmu_walk: walks @lin for @access, sets A (and D for a write). Returns 0, or WALK_FAULT with the error code of the
 * #PF.
 */
uint32_t mmu_walk(CpuX86 *cpu, uint64_t lin, Access access, bool user, bool smap, WalkResult *result);
/**
 * mmu_walk_quiet: the same for four or five levels, if nothing has to be set or raised for it, and all tables are in
 * memory that was looked up before. Else false. The rights are the caller's to judge.
 */
bool mmu_walk_quiet(CpuX86 *cpu, uint64_t lin, bool write, WalkResult *result);

#endif
