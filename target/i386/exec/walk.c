/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page walks: see walk.h. Spec: Intel SDM vol. 3, 4.3 to 4.8; reserved bits as its tables 4-4 to 4-20 draw them.
 *
 * walk_levels() reads the entries of a linear address from the root, keeps each with its verdict, and combines rights.
 * mmu_walk() adds the check of the access and sets A and D by compare-and-swap, starting over if an entry changed under
 * it.
 *
 * With nested paging (AMD APM vol. 2, 15.25) what a guest takes for physical addresses, of its tables too, goes through
 * a second walk: nested_walk(), by the host's tables and way of paging. The TLB gets what both walks grant.
 */
#include "target/i386/exec/walk.h"

#include "target/i386/exec/exec.h"

enum {
    ENTRY_P = 1 << 0, ENTRY_RW = 1 << 1, ENTRY_US = 1 << 2, ENTRY_A = 1 << 5, ENTRY_D = 1 << 6, ENTRY_PS = 1 << 7,
    ENTRY_G = 1 << 8
};
#define ENTRY_NX (1ull << 63)
#define BITS(high, low) ((~0ull >> (63 - (high))) & (~0ull << (low)))

typedef struct LevelShape { const char *name; uint8_t shift, index_bits; } LevelShape;
static const LevelShape levels_32[] = { { "PDE", 22, 10 }, { "PTE", 12, 10 } };
static const LevelShape levels_pae[] = { { "PDPTE", 30, 2 }, { "PDE", 21, 9 }, { "PTE", 12, 9 } };
static const LevelShape levels_long[] = {
    { "PML5E", 48, 9 }, { "PML4E", 39, 9 }, { "PDPTE", 30, 9 }, { "PDE", 21, 9 }, { "PTE", 12, 9 } };

/* Where tables are and how they are read. */
typedef struct Paging {
    uint64_t root, cr4;
    bool long_mode, nx;
    bool nested;                                /* what entries say are addresses of a guest: nested_walk() */
    bool latched;                               /* PDPTEs are registers */
} Paging;

static Paging paging_of(const CpuX86 *cpu)
{
    bool nested = cpu->svm.guest && cpu->svm.nested;

    return (Paging){ cpu->cr3, cpu->cr4, cpu->mode_flags & MODE_LMA, cpu->msr.efer & EFER_NXE, nested,
                     cpu->exec && !nested };
}

static Paging paging_of_host(const CpuX86 *cpu)
{
    return (Paging){ cpu->svm.nested_cr3, cpu->svm.nested_cr4, cpu->svm.nested_long, cpu->svm.nested_nx, false, false };
}

static unsigned max_phys_bits(const CpuX86 *cpu)
{
    return cpu->maxphyaddr ? cpu->maxphyaddr : 40;
}

/* One entry. In the vCPU's own thread through its cache of host ranges; a tracer in another thread asks memory/. */
static uint64_t read_entry(CpuX86 *cpu, GuestAddr addr, unsigned size, bool own_thread)
{
    if (own_thread) {
        RamBlock *ram;
        bool read_only;
        const uint8_t *host = mmu_host(cpu, addr, &ram, &read_only);
        if (host) {
            return size == 8 ? __atomic_load_n((const uint64_t *)host, __ATOMIC_ACQUIRE)
                             : __atomic_load_n((const uint32_t *)host, __ATOMIC_ACQUIRE);
        }
    }
    return memory_load(cpu_memory(cpu), addr, size, MEMTXATTRS_NONE, NULL);
}

/* Sets @bits in an entry that still is @old. False: it changed. Entries in ROM or devices stay as they are. */
static bool update_entry(CpuX86 *cpu, GuestAddr addr, uint64_t old, uint64_t bits, unsigned size)
{
    RamBlock *ram;
    bool read_only, done;
    uint8_t *host = mmu_host(cpu, addr, &ram, &read_only);

    if (!host || read_only) {
        return true;
    }
    if (size == 8) {
        done =
            __atomic_compare_exchange_n((uint64_t *)host, &old, old | bits, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    } else {
        uint32_t old32 = old;
        done = __atomic_compare_exchange_n((uint32_t *)host, &old32, old32 | bits, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    }
    if (done) {
        mmu_ram_written(cpu, ram, host - ram->host, size);
    }
    return done;
}

static bool may_be_large(const CpuX86 *cpu, const Paging *p, unsigned shift, unsigned size)
{
    if (size == 4) {
        return shift == 22 && (p->cr4 & CR4_PSE);
    }
    return shift == 21 || (shift == 30 && p->long_mode && cpu_has(cpu, FEATURE_PDPE1GB));
}

/* Reserved bits set in a present entry. */
static uint64_t reserved_bits(const CpuX86 *cpu, const Paging *p, uint64_t entry, unsigned shift, unsigned size,
                              bool large)
{
    unsigned max = max_phys_bits(cpu);
    uint64_t reserved = 0;

    if (size == 4) {
        /* PSE-36: bits 13-20 of a 4 MiB entry are address bits 32-39. */
        if (large) {
            reserved = 1 << 21;
            if (max < 40) {
                reserved |= BITS(20, 13 + (max > 32 ? max - 32 : 0));
            }
        }
        return entry & reserved;
    }
    if (max < 52) {
        reserved |= BITS(51, max);
    }
    if (!p->long_mode) {
        reserved |= BITS(62, 52);
        if (shift == 30) {
            return entry & (reserved | ENTRY_NX | BITS(8, 5) | BITS(2, 1));
        }
    }
    if (!p->nx) {
        reserved |= ENTRY_NX;
    }
    if (large) {
        reserved |= BITS(shift - 1, 13);
    } else if (shift > 21 && !may_be_large(cpu, p, shift, size)) {
        reserved |= ENTRY_PS;
    }
    return entry & reserved;
}

/* TRACE changes nothing, in any thread; a vCPU's own walk sets A and D of nested tables and exits where they forbid. */
typedef enum WalkBy { WALK_TRACE, WALK_TRACE_OWN, WALK_CPU } WalkBy;
static bool nested_walk(CpuX86 *cpu, GuestAddr *addr, Access access, uint64_t where, WalkBy by, uint32_t *rights);

static void walk_levels(CpuX86 *cpu, const Paging *p, uint64_t lin, PageWalk *walk, WalkBy by)
{
    const LevelShape *shape = levels_32;
    unsigned levels = G_N_ELEMENTS(levels_32), size = 4;
    GuestAddr table = p->root & BITS(31, 12);
    uint32_t rights = PAGE_USER | PAGE_WRITE;

    *walk = (PageWalk){ .lin = lin, .paging = true };
    if (p->long_mode) {
        shape = levels_long + !(p->cr4 & CR4_LA57);
        levels = p->cr4 & CR4_LA57 ? 5 : 4;
        table = p->root & BITS(51, 12);
        size = 8;
    } else if (p->cr4 & CR4_PAE) {
        shape = levels_pae;
        levels = G_N_ELEMENTS(levels_pae);
        table = p->root & BITS(31, 5);
        size = 8;
    }
    for (unsigned i = 0; i < levels; i++) {
        unsigned shift = shape[i].shift;
        bool pae_root = size == 8 && levels == 3 && i == 0;     /* has no rights of its own */
        PageWalkLevel *level = &walk->levels[walk->level_count++];

        level->name = shape[i].name;
        level->addr = cpu_a20(cpu, table + ((lin >> shift) & ((1u << shape[i].index_bits) - 1)) * size);
        if (p->nested && !nested_walk(cpu, &level->addr, ACCESS_WRITE, NPF_TABLE_WALK, by, NULL)) {
            level->verdict = WALK_NOT_PRESENT;
            return;
        }
        level->entry = pae_root && p->latched ? cpu->pdpte[lin >> 30 & 3]
                                              : read_entry(cpu, level->addr, size, by != WALK_TRACE);
        if (!(level->entry & ENTRY_P)) {
            level->verdict = WALK_NOT_PRESENT;
            return;
        }
        bool large = i + 1 < levels && (level->entry & ENTRY_PS) && may_be_large(cpu, p, shift, size);
        level->reserved = reserved_bits(cpu, p, level->entry, shift, size, large);
        if (level->reserved) {
            level->verdict = WALK_RESERVED;
            return;
        }
        if (!pae_root) {
            rights &= ~((level->entry & ENTRY_US ? 0 : PAGE_USER) | (level->entry & ENTRY_RW ? 0 : PAGE_WRITE));
            rights |= size == 8 && (level->entry & ENTRY_NX) ? PAGE_NX : 0;
        }
        if (!large && i + 1 < levels) {
            level->verdict = WALK_TABLE;
            table = level->entry & (size == 8 ? BITS(51, 12) : BITS(31, 12));
            continue;
        }
        level->verdict = WALK_PAGE;
        uint64_t offset_mask = (1ull << shift) - 1;
        uint64_t frame = level->entry & (size == 8 ? BITS(51, 12) : BITS(31, 12)) & ~offset_mask;
        if (size == 4 && large) {
            frame |= (uint64_t)(level->entry >> 13 & 0xff) << 32;
        }
        walk->phys = cpu_a20(cpu, frame | (lin & offset_mask));
        walk->page_bytes = offset_mask + 1;
        walk->mapped = true;
        walk->pkey = level->entry >> 59 & 15;   /* meaningful in long mode with PKE or PKS only */
        rights |= (level->entry & ENTRY_G) && (p->cr4 & CR4_PGE) ? PAGE_GLOBAL : 0;
        rights |= level->entry & ENTRY_D ? PAGE_DIRTY : 0;
        walk->rights = rights;
        return;
    }
}

bool mmu_walk_quiet(CpuX86 *cpu, uint64_t lin, bool write, WalkResult *result)
{
    const Paging p = paging_of(cpu);
    GuestAddr table = p.root & BITS(51, 12);
    uint32_t rights = PAGE_USER | PAGE_WRITE;

    if (!p.long_mode || p.nested || !cpu_is_canonical(cpu, lin)) {
        return false;
    }
    for (unsigned i = !(p.cr4 & CR4_LA57); i < G_N_ELEMENTS(levels_long); i++) {
        const unsigned shift = levels_long[i].shift;
        const uint8_t *host = mmu_host_known(cpu->exec, cpu_a20(cpu, table + (lin >> shift & 511) * 8));
        if (!host) {
            return false;
        }
        uint64_t entry = __atomic_load_n((const uint64_t *)host, __ATOMIC_ACQUIRE);
        bool large = shift > GUEST_PAGE_BITS && (entry & ENTRY_PS) && may_be_large(cpu, &p, shift, 8);
        bool last = large || shift == GUEST_PAGE_BITS;
        uint64_t wanted = ENTRY_P | ENTRY_A | (last && write ? ENTRY_D : 0);
        if ((entry & wanted) != wanted || reserved_bits(cpu, &p, entry, shift, 8, large)) {
            return false;
        }
        rights &= ~((entry & ENTRY_US ? 0 : PAGE_USER) | (entry & ENTRY_RW ? 0 : PAGE_WRITE));
        rights |= entry & ENTRY_NX ? PAGE_NX : 0;
        table = entry & BITS(51, 12);
        if (last) {
            uint64_t offset_mask = (1ull << shift) - 1;
            rights |= ((entry & ENTRY_G) && (p.cr4 & CR4_PGE) ? PAGE_GLOBAL : 0) | (entry & ENTRY_D ? PAGE_DIRTY : 0);
            *result = (WalkResult){ cpu_a20(cpu, (table & ~offset_mask) | (lin & offset_mask & TLB_PAGE_MASK)),
                                    offset_mask + 1, rights, entry >> 59 & 15 };
            return true;
        }
    }
    return false;
}

static void walk_identity(CpuX86 *cpu, uint64_t lin, PageWalk *walk)
{
    *walk = (PageWalk){ .lin = lin, .mapped = true, .phys = cpu_a20(cpu, lin), .page_bytes = GUEST_PAGE_SIZE,
                        .rights = PAGE_USER | PAGE_WRITE | PAGE_DIRTY };
}

/* Sets A in the entries of @walk, and D in the last. False: one has changed. */
static bool set_accessed(CpuX86 *cpu, const PageWalk *walk, bool pae_root, unsigned size, bool write)
{
    for (unsigned i = 0; i < walk->level_count; i++) {
        const PageWalkLevel *level = &walk->levels[i];
        bool last = i + 1 == walk->level_count;
        uint64_t want = (pae_root && i == 0 ? 0 : ENTRY_A) | (last && write ? ENTRY_D : 0);
        if ((want & ~level->entry) && !update_entry(cpu, level->addr, level->entry, want, size)) {
            return false;
        }
    }
    return true;
}

/* Guest-physical *@addr to physical. Every access there is a user's. @rights: narrowed to what the host allows. */
static bool nested_walk(CpuX86 *cpu, GuestAddr *addr, Access access, uint64_t where, WalkBy by, uint32_t *rights)
{
    Paging p = paging_of_host(cpu);
    unsigned size = p.long_mode || p.cr4 & CR4_PAE ? 8 : 4, bits = p.long_mode ? (p.cr4 & CR4_LA57 ? 57 : 48) : 32;
    uint32_t error = PF_USER | (access == ACCESS_WRITE ? PF_WRITE : 0) | (access == ACCESS_FETCH ? PF_FETCH : 0);
    bool beyond = *addr >> bits;
    PageWalk walk;

    do {
        walk_levels(cpu, &p, *addr, &walk, by);
        bool mapped = walk.mapped && !beyond;
        if (!mapped || !(walk.rights & PAGE_USER) || (access == ACCESS_WRITE && !(walk.rights & PAGE_WRITE)) ||
            (access == ACCESS_FETCH && (walk.rights & PAGE_NX))) {
            bool reserved = !beyond && !mapped && walk.levels[walk.level_count - 1].verdict == WALK_RESERVED;
            if (by == WALK_CPU) {
                error |= mapped || reserved ? PF_PRESENT : 0;
                svm_exit(cpu, SVM_EXIT_NPF, error | (reserved ? PF_RESERVED : 0) | where, *addr);
            }
            return false;
        }
    } while (by == WALK_CPU && !set_accessed(cpu, &walk, size == 8 && !p.long_mode, size, access == ACCESS_WRITE));
    if (rights) {
        bool dirty = access == ACCESS_WRITE || (walk.rights & (PAGE_DIRTY | PAGE_WRITE)) == (PAGE_DIRTY | PAGE_WRITE);
        *rights = (*rights & ~(dirty ? 0u : PAGE_DIRTY)) | (walk.rights & PAGE_NX);
    }
    *addr = walk.phys;
    return true;
}

GuestAddr mmu_nested_address(CpuX86 *cpu, GuestAddr addr, bool write)
{
    nested_walk(cpu, &addr, write ? ACCESS_WRITE : ACCESS_READ, NPF_FINAL, WALK_CPU, NULL);
    return addr;
}

PageWalk cpu_page_walk(CpuX86 *cpu, uint64_t addr)
{
    PageWalk walk;
    Paging p = paging_of(cpu);
    WalkBy by = cpu->exec && current_cpu == &cpu->cpu ? WALK_TRACE_OWN : WALK_TRACE;

    if (!(cpu->mode_flags & MODE_LMA)) {
        addr = (uint32_t)addr;
    } else if (!cpu_is_canonical(cpu, addr)) {
        return (PageWalk){ .lin = addr, .paging = true, .non_canonical = true };
    }
    if (cpu->mode_flags & MODE_PAGING) {
        walk_levels(cpu, &p, addr, &walk, by);
    } else {
        walk_identity(cpu, addr, &walk);
    }
    if (walk.mapped && p.nested) {
        walk.mapped = nested_walk(cpu, &walk.phys, ACCESS_READ, NPF_FINAL, by, &walk.rights);
    }
    return walk;
}

uint32_t cpu_access_error(const CpuX86 *cpu, uint32_t rights, uint8_t pkey, Access access, bool user, bool smap)
{
    bool user_page = rights & PAGE_USER, wp = cpu->cr0 & CR0_WP;
    uint32_t code = PF_PRESENT | (access == ACCESS_WRITE ? PF_WRITE : 0) | (user ? PF_USER : 0);

    if (access == ACCESS_FETCH) {
        if ((user && !user_page) || (rights & PAGE_NX) || (!user && user_page && (cpu->cr4 & CR4_SMEP))) {
            bool told = (cpu->cr4 & CR4_SMEP) || ((cpu->cr4 & CR4_PAE) && (cpu->msr.efer & EFER_NXE));
            return code | (told ? PF_FETCH : 0);
        }
        return 0;
    }
    if ((user && !user_page) || (!user && user_page && smap) ||
        (access == ACCESS_WRITE && !(rights & PAGE_WRITE) && (user || wp))) {
        return code;
    }
    if (cpu->mode_flags & MODE_LMA && cpu->cr4 & (user_page ? CR4_PKE : CR4_PKS)) {
        uint32_t key = (user_page ? cpu->fpu.pkru : (uint32_t)cpu->msr.pkrs) >> 2 * pkey & 3;   /* bit 0 AD, bit 1 WD */
        if ((key & 1) || ((key & 2) && access == ACCESS_WRITE && (user || wp))) {
            return code | PF_PROTECTION_KEY;
        }
    }
    return 0;
}

uint32_t mmu_walk(CpuX86 *cpu, uint64_t lin, Access access, bool user, bool smap, WalkResult *result)
{
    uint32_t code = (access == ACCESS_WRITE ? PF_WRITE : 0) | (user ? PF_USER : 0);
    unsigned size = cpu->mode_flags & MODE_LMA || cpu->cr4 & CR4_PAE ? 8 : 4;
    Paging p = paging_of(cpu);
    PageWalk walk;

    if (access == ACCESS_FETCH && ((cpu->cr4 & CR4_SMEP) || ((cpu->cr4 & CR4_PAE) && (cpu->msr.efer & EFER_NXE)))) {
        code |= PF_FETCH;
    }
    if (!(cpu->mode_flags & MODE_PAGING)) {
        walk_identity(cpu, lin, &walk);
    } else {
    again:
        walk_levels(cpu, &p, lin, &walk, WALK_CPU);
        if (!walk.mapped) {
            bool reserved = walk.levels[walk.level_count - 1].verdict == WALK_RESERVED;
            return WALK_FAULT | code | (reserved ? PF_PRESENT | PF_RESERVED : 0);
        }
        uint32_t error = cpu_access_error(cpu, walk.rights, walk.pkey, access, user, smap);
        if (error) {
            return WALK_FAULT | error;
        }
        if (!set_accessed(cpu, &walk, size == 8 && !p.long_mode, size, access == ACCESS_WRITE)) {
            goto again;
        }
        walk.rights |= access == ACCESS_WRITE ? PAGE_DIRTY : 0;
    }
    if (p.nested) {
        nested_walk(cpu, &walk.phys, access, NPF_FINAL, WALK_CPU, &walk.rights);
    }
    *result = (WalkResult){ walk.phys & TLB_PAGE_MASK, walk.page_bytes, walk.rights, walk.pkey };
    return 0;
}

bool cpu_load_pdptes(CpuX86 *cpu, uint64_t cr3)
{
    uint64_t reserved = BITS(8, 5) | BITS(2, 1) | BITS(63, max_phys_bits(cpu) < 63 ? max_phys_bits(cpu) : 63);
    uint64_t pdpte[4];

    if (cpu->svm.guest && cpu->svm.nested) {
        return true;                            /* read by each walk, and judged there */
    }
    for (unsigned i = 0; i < 4; i++) {
        GuestAddr addr = cpu_a20(cpu, (cr3 & BITS(31, 5)) + i * 8);
        pdpte[i] = memory_load(cpu_memory(cpu), addr, 8, MEMTXATTRS_NONE, NULL);
        if ((pdpte[i] & ENTRY_P) && (pdpte[i] & reserved)) {
            return false;
        }
    }
    memcpy(cpu->pdpte, pdpte, sizeof pdpte);
    return true;
}
