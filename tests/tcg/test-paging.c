/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page walks: every mode and kind of fault with its error code, A and D bits, large pages, TLB flushes. */
#include "tests/check.h"
#include "tests/tcg/bare.h"

enum { P = 1, RW = 2, US = 4, A = 1 << 5, D = 1 << 6, PS = 1 << 7, G = 1 << 8 };
#define NX (1ull << 63)
#define LIN 0x600000ull
#define PHYS 0x600000ull
#define NO_FAULT -1
#define ALL_LONG 1u << BARE_LONG | 1u << BARE_LONG5
#define ALL_PAGED 1u << BARE_PAGED32 | 1u << BARE_PAE | ALL_LONG
#define ALL_64BIT_ENTRIES 1u << BARE_PAE | ALL_LONG

typedef struct Case {
    const char *claim;
    uint32_t modes;
    Access access;
    bool user;
    int level;                                  /* whose entry of LIN changes: */
    uint64_t set, clear;
    int error;                                  /* of the #PF; NO_FAULT */
    uint64_t cr4, cr0_clear, efer, rflags;
    uint32_t pkru;
} Case;

static const Case cases[] = {
    { "user reads a user page", ALL_PAGED, ACCESS_READ, true, 0, 0, 0, NO_FAULT },
    { "user writes a user page", ALL_PAGED, ACCESS_WRITE, true, 0, 0, 0, NO_FAULT },
    { "not present, supervisor read: 0", ALL_PAGED, ACCESS_READ, false, 0, 0, P, 0 },
    { "not present, supervisor write: W", ALL_PAGED, ACCESS_WRITE, false, 0, 0, P, PF_WRITE },
    { "not present, user read: U", ALL_PAGED, ACCESS_READ, true, 0, 0, P, PF_USER },
    { "not present, user write: U W", ALL_PAGED, ACCESS_WRITE, true, 0, 0, P, PF_USER | PF_WRITE },
    { "not present at the next level up", ALL_PAGED, ACCESS_READ, false, 1, 0, P, 0 },
    { "not present at level 2", ALL_64BIT_ENTRIES, ACCESS_READ, false, 2, 0, P, 0 },
    { "not present at level 3", ALL_LONG, ACCESS_WRITE, false, 3, 0, P, PF_WRITE },
    { "supervisor page, user read: P U", ALL_PAGED, ACCESS_READ, true, 0, 0, US, PF_PRESENT | PF_USER },
    { "supervisor table, user read: P U", ALL_LONG, ACCESS_READ, true, 2, 0, US, PF_PRESENT | PF_USER },
    { "read-only page, user write: P U W", ALL_PAGED, ACCESS_WRITE, true, 0, 0, RW, PF_PRESENT | PF_USER | PF_WRITE },
    {"read-only directory, user write: P U W", ALL_LONG, ACCESS_WRITE, true, 3, 0, RW, PF_PRESENT | PF_USER | PF_WRITE},
    { "read-only page, user write without CR0.WP still faults", ALL_PAGED, ACCESS_WRITE, true, 0, 0, RW,
     PF_PRESENT | PF_USER | PF_WRITE, .cr0_clear = CR0_WP },
    {"read-only page, supervisor write under WP: P W", ALL_PAGED, ACCESS_WRITE, false, 0, 0, RW, PF_PRESENT | PF_WRITE},
    { "read-only page, supervisor write without WP", ALL_PAGED, ACCESS_WRITE, false, 0, 0, RW, NO_FAULT,
     .cr0_clear = CR0_WP },
    {"NX page, fetch: P I", ALL_64BIT_ENTRIES, ACCESS_FETCH, false, 0, NX, 0, PF_PRESENT | PF_FETCH, .efer = EFER_NXE},
    { "NX page, user fetch: P U I", ALL_64BIT_ENTRIES, ACCESS_FETCH, true, 0, NX, 0, PF_PRESENT | PF_USER | PF_FETCH,
     .efer = EFER_NXE },
    { "NX table, fetch: P I", ALL_LONG, ACCESS_FETCH, false, 2, NX, 0, PF_PRESENT | PF_FETCH, .efer = EFER_NXE },
    { "NX page can be read", ALL_64BIT_ENTRIES, ACCESS_READ, true, 0, NX, 0, NO_FAULT, .efer = EFER_NXE },
    { "bit 63 without EFER.NXE is reserved", 1u << BARE_PAE, ACCESS_READ, false, 0, NX, 0, PF_PRESENT | PF_RESERVED },
    { "not present fetch tells I under NXE", ALL_64BIT_ENTRIES, ACCESS_FETCH, false, 0, 0, P, PF_FETCH,
     .efer = EFER_NXE },
    { "not present fetch does not tell I without NXE and SMEP", 1u << BARE_PAGED32, ACCESS_FETCH, false, 0, 0, P, 0 },
    { "not present fetch tells I under SMEP", 1u << BARE_PAGED32, ACCESS_FETCH, false, 0, 0, P | US, PF_FETCH,
     .cr4 = CR4_SMEP },
    { "user page, supervisor fetch without SMEP", ALL_PAGED, ACCESS_FETCH, false, 0, 0, 0, NO_FAULT },
    { "user page, supervisor fetch under SMEP: P I", ALL_PAGED, ACCESS_FETCH, false, 0, 0, 0, PF_PRESENT | PF_FETCH,
     .cr4 = CR4_SMEP },
    { "supervisor page, supervisor fetch under SMEP", ALL_PAGED, ACCESS_FETCH, false, 0, 0, US, NO_FAULT,
     .cr4 = CR4_SMEP },
    { "user page, supervisor read under SMAP: P", ALL_PAGED, ACCESS_READ, false, 0, 0, 0, PF_PRESENT, .cr4 = CR4_SMAP },
    { "user page, supervisor write under SMAP: P W", ALL_PAGED, ACCESS_WRITE, false, 0, 0, 0, PF_PRESENT | PF_WRITE,
     .cr4 = CR4_SMAP },
    { "EFLAGS.AC lifts SMAP", ALL_PAGED, ACCESS_WRITE, false, 0, 0, 0, NO_FAULT, .cr4 = CR4_SMAP, .rflags = RFLAGS_AC },
    { "SMAP leaves user code alone", ALL_PAGED, ACCESS_READ, true, 0, 0, 0, NO_FAULT, .cr4 = CR4_SMAP },
    { "address bit beyond MAXPHYADDR is reserved", ALL_64BIT_ENTRIES, ACCESS_READ, false, 0, 1ull << 45, 0,
     PF_PRESENT | PF_RESERVED },
    { "address bit beyond MAXPHYADDR in a table", ALL_LONG, ACCESS_WRITE, true, 2, 1ull << 51, 0,
     PF_PRESENT | PF_RESERVED | PF_USER | PF_WRITE },
    { "bits 52-62 are reserved under PAE", 1u << BARE_PAE, ACCESS_READ, false, 0, 1ull << 55, 0,
     PF_PRESENT | PF_RESERVED },
    { "bits 52-62 are free in long mode", ALL_LONG, ACCESS_READ, false, 0, 1ull << 55, 0, NO_FAULT },
    { "PS in a PML4 entry is reserved", ALL_LONG, ACCESS_READ, false, 3, PS, 0, PF_PRESENT | PF_RESERVED },
    { "PS in a PML5 entry is reserved", 1u << BARE_LONG5, ACCESS_READ, false, 4, PS, 0, PF_PRESENT | PF_RESERVED },
    { "low frame bits of a 2 MiB page are reserved", ALL_64BIT_ENTRIES, ACCESS_READ, false, 1, PS | 1 << 13, 0,
     PF_PRESENT | PF_RESERVED },
    { "bit 21 of a 4 MiB page is reserved", 1u << BARE_PAGED32, ACCESS_READ, false, 1, PS | 1 << 21, 0,
     PF_PRESENT | PF_RESERVED },
    { "a key that denies access: P U PK", ALL_LONG, ACCESS_READ, true, 0, 5ull << 59, 0,
     PF_PRESENT | PF_USER | PF_PROTECTION_KEY, .cr4 = CR4_PKE, .pkru = 1 << 10 },
    { "a key that denies writes lets reads pass", ALL_LONG, ACCESS_READ, true, 0, 5ull << 59, 0, NO_FAULT,
     .cr4 = CR4_PKE, .pkru = 2 << 10 },
    { "a key that denies writes: P U W PK", ALL_LONG, ACCESS_WRITE, true, 0, 5ull << 59, 0,
     PF_PRESENT | PF_USER | PF_WRITE | PF_PROTECTION_KEY, .cr4 = CR4_PKE, .pkru = 2 << 10 },
    { "a key that denies writes binds the supervisor under WP", ALL_LONG, ACCESS_WRITE, false, 0, 5ull << 59, 0,
     PF_PRESENT | PF_WRITE | PF_PROTECTION_KEY, .cr4 = CR4_PKE, .pkru = 2 << 10 },
    {"keys do not bind fetches", ALL_LONG, ACCESS_FETCH, true, 0, 5ull << 59, 0, NO_FAULT, .cr4 = CR4_PKE,
     .pkru = 3 << 10 },
    { "keys mean nothing without CR4.PKE", ALL_LONG, ACCESS_READ, true, 0, 5ull << 59, 0, NO_FAULT, .pkru = 3 << 10 },
};

/* The supervisor's own pages must be supervisor pages under SMEP and SMAP. */
static void hide_kernel(bool user_code)
{
    for (uint64_t page = 0; page < 0x400000; page += 4096) {
        if (user_code && page == BARE_CODE) {
            continue;
        }
        bare_pte_write(page, 0, bare_pte_read(page, 0) & ~(uint64_t)US);
    }
}

static void run_case(const Case *c, BareMode mode)
{
    /* Shares no table but the root with what the machine itself needs. */
    static const uint64_t lin_of[BARE_MODES] = {
        [BARE_PAGED32] = 0x40600000,
        [BARE_PAE] = 0xc0600000,
        [BARE_LONG] = 0x700000600000,
        [BARE_LONG5] = 0xab700000600000,
    };
    uint64_t lin = lin_of[mode];
    static const uint8_t read[] = { 0x8b, 0x03, 0xf4 }, write[] = { 0x89, 0x03, 0xf4 }, fetch[] = { 0xff, 0xe3, 0xf4 };
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, mode);
    cpu->msr.efer = (mode >= BARE_LONG ? cpu->msr.efer : 0) | c->efer;
    cpu->cr4 |= c->cr4;
    cpu->cr0 &= ~c->cr0_clear;
    cpu->fpu.pkru = c->pkru;
    if (c->cr4 & (CR4_SMEP | CR4_SMAP)) {
        hide_kernel(c->user);
    }
    if (c->user) {
        bare_user(cpu, 0);
    }
    cpu_set_rflags(cpu, cpu_get_rflags(cpu) | c->rflags);
    cpu_update_mode(cpu);
    bare_map(lin, PHYS, P | RW | US);
    bare_pte_write(lin, c->level, (bare_pte_read(lin, c->level) | c->set) & ~c->clear);
    cpu_load_pdptes(cpu, BARE_TABLES);          /* of no effect but under PAE */
    bare_code(BARE_CODE, c->access == ACCESS_READ ? read : c->access == ACCESS_WRITE ? write : fetch, 3);
    BARE_CODE_AT(PHYS, 0xf4);
    cpu->regs[R_RBX] = lin;
    cpu->cr2 = 0;
    cpu_tlb_flush(cpu, true);

    int vector = bare_run(cpu);
    const char *name = bare_mode_names[mode];
    if (c->error == NO_FAULT) {
        /* The HLT after it, which is #GP for user code. */
        check_int(vector, ==, c->user ? VECTOR_GP : VECTOR_NONE, "%s (%s)", c->claim, name);
    } else {
        check_int(vector, ==, VECTOR_PF, "%s (%s): vector", c->claim, name);
        check_int(bare.trap.error, ==, c->error, "%s (%s): error code", c->claim, name);
        check_int(cpu->cr2, ==, lin, "%s (%s): CR2", c->claim, name);
        check_int(bare.trap.rip, ==, c->access == ACCESS_FETCH ? lin : BARE_CODE, "%s (%s): rip", c->claim, name);
    }
}

static void test_faults(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (int mode = 0; mode < BARE_MODES; mode++) {
            if (cases[i].modes >> mode & 1) {
                run_case(&cases[i], mode);
            }
        }
    }
}

/* Runs `mov eax, [rbx]` or `mov [rbx], eax` as supervisor with no change of anything else. */
static int touch(CpuX86 *cpu, uint64_t lin, bool write)
{
    BARE_CODE_AT(BARE_CODE, write ? 0x89 : 0x8b, 0x03, 0xf4);
    cpu->rip = BARE_CODE;
    cpu->regs[R_RSP] = BARE_STACK;
    cpu->regs[R_RBX] = lin;
    return bare_run(cpu);
}

static void test_accessed_dirty(void)
{
    for (int mode = BARE_PAGED32; mode < BARE_MODES; mode++) {
        CpuX86 *cpu = bare.cpu[0];
        unsigned top = mode == BARE_PAGED32 ? 1 : mode == BARE_PAE ? 1 : mode == BARE_LONG ? 3 : 4;
        bare_reset(cpu, mode);
        check_int(bare_pte_read(LIN, 0) & (A | D), ==, 0, "nothing is set before (%s)", bare_mode_names[mode]);
        check_int(touch(cpu, LIN, false), ==, VECTOR_NONE, "read");
        for (unsigned level = 0; level <= top; level++) {
            check_int(bare_pte_read(LIN, level) & (A | D), ==, A, "a read sets A, not D, at level %u (%s)", level,
                      bare_mode_names[mode]);
        }
        check_int(touch(cpu, LIN, true), ==, VECTOR_NONE, "write");
        check_int(bare_pte_read(LIN, 0) & (A | D), ==, A | D, "a write after a read sets D (%s)",
                  bare_mode_names[mode]);
        check_int(bare_pte_read(LIN, 1) & D, ==, 0, "but not in the directory (%s)", bare_mode_names[mode]);
        bare_pte_write(LIN, 0, bare_pte_read(LIN, 0) & ~(uint64_t)(A | D));
        touch(cpu, LIN, true);
        check_int(bare_pte_read(LIN, 0) & (A | D), ==, 0, "a cached translation sets nothing again (%s)",
                  bare_mode_names[mode]);
        cpu_tlb_flush_page(cpu, LIN);
        touch(cpu, LIN, true);
        check_int(bare_pte_read(LIN, 0) & (A | D), ==, A | D, "after INVLPG it does (%s)", bare_mode_names[mode]);
    }
}

static void test_large_pages(void)
{
    CpuX86 *cpu = bare.cpu[0];

    for (int mode = BARE_PAGED32; mode < BARE_MODES; mode++) {
        uint64_t bytes = mode == BARE_PAGED32 ? 4 << 20 : 2 << 20, lin = 0x800000, to = 0xc00000;
        bare_reset(cpu, mode);
        bare_pte_write(lin, 1, to | P | RW | US | PS);
        bare_st32(to + 0x3450, 0x1234567);
        bare_st32(to + bytes - 4, 0x89abcde);
        touch(cpu, lin + 0x3450, false);
        check_int(cpu->regs[R_RAX], ==, 0x1234567, "a large page maps its inside (%s)", bare_mode_names[mode]);
        touch(cpu, lin + bytes - 4, false);
        check_int(cpu->regs[R_RAX], ==, 0x89abcde, "and its end (%s)", bare_mode_names[mode]);
        check_int(bare_pte_read(lin, 1) & (A | D), ==, A, "A is set in the directory entry (%s)",
                  bare_mode_names[mode]);
        bare_st32(0x400000 + 0x3450, 0x7777);
        bare_st32(0x400000 + bytes - 4, 0x8888);
        bare_pte_write(lin, 1, 0x400000 | P | RW | US | PS);
        touch(cpu, lin + 0x3450, false);
        check_int(cpu->regs[R_RAX], ==, 0x1234567, "the old translation is kept (%s)", bare_mode_names[mode]);
        cpu_tlb_flush_page(cpu, lin + 0x100000);
        touch(cpu, lin + 0x3450, false);
        check_int(cpu->regs[R_RAX], ==, 0x7777, "INVLPG anywhere in a large page drops all of it (%s)",
                  bare_mode_names[mode]);
        touch(cpu, lin + bytes - 4, false);
        check_int(cpu->regs[R_RAX], ==, 0x8888, "to its end (%s)", bare_mode_names[mode]);
    }
}

static void test_gigabyte_pages(void)
{
    CpuX86 *cpu = bare.cpu[0];
    uint64_t lin = 5ull << 30;

    bare_reset(cpu, BARE_LONG);
    cpu->features[FEATURE_PDPE1GB / 32] |= 1u << FEATURE_PDPE1GB % 32;
    bare_pte_write(lin, 2, P | RW | PS);
    bare_st32(0x412340, 0x55aa);
    check_int(touch(cpu, lin + 0x412340, false), ==, VECTOR_NONE, "1 GiB page");
    check_int(cpu->regs[R_RAX], ==, 0x55aa, "a 1 GiB page maps");
    bare_pte_write(lin, 2, 0);
    cpu_tlb_flush_page(cpu, lin + 0x30000000);
    check_int(touch(cpu, lin + 0x412340, false), ==, VECTOR_PF, "INVLPG anywhere in it drops it");
    bare_reset(cpu, BARE_LONG);
    cpu->features[FEATURE_PDPE1GB / 32] &= ~(1u << FEATURE_PDPE1GB % 32);
    bare_pte_write(lin, 2, P | RW | PS);
    check_int(touch(cpu, lin, false), ==, VECTOR_PF, "without the feature PS is reserved");
    check_int(bare.trap.error, ==, PF_PRESENT | PF_RESERVED, "and the error code says so");
}

static void test_pse36(void)
{
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_PAGED32);
    bare_pte_write(0xc0000000, 1, 0x400000 | 1 << 13 | P | RW | PS);        /* physical 1_0040_0000: nothing there */
    check_int(touch(cpu, 0xc0000010, false), ==, VECTOR_NONE, "PSE-36 reaches above 4 GiB");
    check_int((uint32_t)cpu->regs[R_RAX], ==, (uint32_t)-1, "where nothing answers");
}

/* TLB flushes: mapping A is replaced by B; what is still A afterwards? */

#define MAP_A 0x500000
#define MAP_B 0x501000
static void remap_test(const char *claim, bool global, bool pge, void (*flush)(CpuX86 *cpu), bool stale)
{
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    cpu->cr4 = (cpu->cr4 & ~(uint64_t)CR4_PGE) | (pge ? CR4_PGE : 0) | CR4_PCIDE;
    cpu->cr3 |= 1;
    cpu_update_mode(cpu);
    cpu_tlb_flush(cpu, true);
    bare_st32(MAP_A, 0xaaaa);
    bare_st32(MAP_B, 0xbbbb);
    bare_map(LIN, MAP_A, P | RW | (global ? G : 0));
    touch(cpu, LIN, false);
    check_int(cpu->regs[R_RAX], ==, 0xaaaa, "%s: at first", claim);
    bare_map(LIN, MAP_B, P | RW | (global ? G : 0));
    flush(cpu);
    touch(cpu, LIN, false);
    check_int(cpu->regs[R_RAX], ==, stale ? 0xaaaa : 0xbbbb, "%s", claim);
}

static void flush_nothing(CpuX86 *cpu) { }
static void flush_non_global(CpuX86 *cpu) { cpu_tlb_flush(cpu, false); }
static void flush_all(CpuX86 *cpu) { cpu_tlb_flush(cpu, true); }
static void flush_page(CpuX86 *cpu) { cpu_tlb_flush_page(cpu, LIN + 0x123); }
static void flush_other_page(CpuX86 *cpu) { cpu_tlb_flush_page(cpu, LIN + 0x1000); }
static void flush_pcid1(CpuX86 *cpu) { cpu_tlb_flush_pcid(cpu, 1, false); }
static void flush_pcid2(CpuX86 *cpu) { cpu_tlb_flush_pcid(cpu, 2, false); }
static void switch_to_2(CpuX86 *cpu)
{
    cpu->cr3 = (cpu->cr3 & ~0xfffull) | 2;
    cpu_tlb_switch(cpu);
}
static void switch_there_and_back(CpuX86 *cpu)
{
    switch_to_2(cpu);
    touch(cpu, LIN, false);
    cpu->cr3 = (cpu->cr3 & ~0xfffull) | 1;
    cpu_tlb_switch(cpu);
}

static void test_flushes(void)
{
    remap_test("without a flush the old translation serves", false, true, flush_nothing, true);
    remap_test("a full flush forgets", false, true, flush_all, false);
    remap_test("a full flush forgets global pages", true, true, flush_all, false);
    remap_test("a CR3 flush forgets", false, true, flush_non_global, false);
    remap_test("a CR3 flush keeps global pages", true, true, flush_non_global, true);
    remap_test("G means nothing without CR4.PGE", true, false, flush_non_global, false);
    remap_test("INVLPG forgets the page", false, true, flush_page, false);
    remap_test("INVLPG forgets a global page", true, true, flush_page, false);
    remap_test("INVLPG of another page keeps this one", false, true, flush_other_page, true);
    remap_test("flushing the current PCID forgets", false, true, flush_pcid1, false);
    remap_test("flushing another PCID keeps", false, true, flush_pcid2, true);
    remap_test("flushing a PCID keeps global pages", true, true, flush_pcid1, true);
    remap_test("another PCID does not see it", false, true, switch_to_2, false);
    remap_test("another PCID sees a global page", true, true, switch_to_2, true);
    remap_test("coming back, it is still there", false, true, switch_there_and_back, true);
}

/* Runs @code, then reads LIN, a page of protection key 5; returns the vector. */
static int read_after(CpuX86 *cpu, const uint8_t *code, size_t len, uint32_t pkru)
{
    bare_code(BARE_CODE, code, len);
    BARE_CODE_AT(BARE_CODE + len, 0xf4);
    bare_st32(BARE_DATA + 2688, pkru);          /* where the standard format of XSAVE has it */
    bare_st64(BARE_DATA + 512, 1 << 9);
    cpu->regs[R_RBX] = BARE_DATA;
    cpu->regs[R_RAX] = code[1] == 0x01 ? pkru : 1 << 9;
    cpu->regs[R_RCX] = cpu->regs[R_RDX] = 0;
    cpu->regs[R_RSP] = BARE_STACK;
    cpu->rip = BARE_CODE;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "the instruction that sets PKRU");
    return touch(cpu, LIN, false);
}

static void test_pkru_by_xrstor(void)
{
    static const uint8_t wrpkru[] = { 0x0f, 0x01, 0xef }, xrstor[] = { 0x0f, 0xae, 0x2b };
    enum { DENY = 1 << 10 };
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    bare_map(LIN, PHYS, P | RW | US | 5ull << 59);
    cpu->cr4 |= CR4_PKE | CR4_OSXSAVE;
    cpu->xcr0 |= 1 << 9;
    cpu_update_mode(cpu);
    cpu_tlb_flush(cpu, true);
    check_int(read_after(cpu, wrpkru, sizeof wrpkru, DENY), ==, VECTOR_PF, "WRPKRU takes the right");
    check_int(read_after(cpu, xrstor, sizeof xrstor, 0), ==, VECTOR_NONE, "XRSTOR gives it");
    check_int(read_after(cpu, wrpkru, sizeof wrpkru, DENY), ==, VECTOR_PF, "WRPKRU takes it again");
    check_int(read_after(cpu, wrpkru, sizeof wrpkru, 0), ==, VECTOR_NONE, "WRPKRU gives it");
    check_int(read_after(cpu, xrstor, sizeof xrstor, DENY), ==, VECTOR_PF, "XRSTOR takes it");
    check_int(bare.trap.error, ==, PF_PRESENT | PF_PROTECTION_KEY, "and the error code says so");
}

static void test_pdptes_are_registers(void)
{
    static const uint8_t mov_cr3[] = { 0x0f, 0x22, 0xd8, 0xf4 }, mov_cr4[] = { 0x0f, 0x22, 0xe0, 0xf4 };
    CpuX86 *cpu = bare.cpu[0];
    uint64_t lin = 0xc0600000, good;

    bare_reset(cpu, BARE_PAE);
    bare_map(lin, PHYS, P | RW);
    bare_st32(PHYS, 0x1234);
    good = bare_pte_read(lin, 2);
    check_int(touch(cpu, lin, false), ==, VECTOR_NONE, "a PDPTE that was present when CR3 was loaded");
    bare_pte_write(lin, 2, 0);
    cpu_tlb_flush(cpu, true);
    check_int(touch(cpu, lin, false), ==, VECTOR_NONE, "serves after it is gone from memory");
    check_int(cpu->regs[R_RAX], ==, 0x1234, "as it was");

    bare_pte_write(lin, 2, good | RW);
    bare_code(BARE_CODE, mov_cr3, sizeof mov_cr3);
    cpu->rip = BARE_CODE;
    cpu->regs[R_RAX] = BARE_TABLES;
    check_int(bare_run(cpu), ==, VECTOR_GP, "MOV CR3 with RW, which is reserved, in a PDPTE");
    check_int(touch(cpu, lin, false), ==, VECTOR_NONE, "leaves the old ones in force");

    bare_pte_write(lin, 2, 0);
    bare_code(BARE_CODE, mov_cr4, sizeof mov_cr4);
    cpu->rip = BARE_CODE;
    cpu->regs[R_RAX] = cpu->cr4 ^ CR4_MCE;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "MOV CR4 that changes nothing of paging");
    check_int(touch(cpu, lin, false), ==, VECTOR_NONE, "does not read them");
    bare_code(BARE_CODE, mov_cr4, sizeof mov_cr4);
    cpu->rip = BARE_CODE;
    cpu->regs[R_RAX] = cpu->cr4 ^ CR4_PGE;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "MOV CR4 that changes PGE");
    check_int(touch(cpu, lin, false), ==, VECTOR_PF, "does");
    check_int(bare.trap.error, ==, 0, "the page is not present");
}

static void test_page_tables_nowhere(void)
{
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    bare_pte_write(LIN, 1, 0x80000000 | P | RW | US);           /* no RAM there: entries read as all ones */
    check_int(touch(cpu, LIN, false), ==, VECTOR_PF, "a page table where nothing answers");
    check_int(bare.trap.error, ==, PF_PRESENT | PF_RESERVED, "has reserved bits set");
}

static void test_trace(void)
{
    CpuX86 *cpu = bare.cpu[0];
    GuestAddr phys;

    bare_reset(cpu, BARE_LONG);
    bare_map(LIN, 0x502000, P | RW | NX);
    PageWalk walk = cpu_page_walk(cpu, LIN + 0x345);
    check_true(walk.mapped && walk.level_count == 4, "four levels");
    check_int(walk.phys, ==, 0x502345, "physical address");
    check_str(walk.levels[0].name, "PML4E", "root");
    check_str(walk.levels[3].name, "PTE", "leaf");
    check_int(walk.levels[3].addr, ==, bare_pte(LIN, 0), "address of the leaf entry");
    check_int(walk.levels[3].verdict, ==, WALK_PAGE, "verdict");
    check_int(walk.rights & (PAGE_USER | PAGE_WRITE | PAGE_NX), ==, PAGE_WRITE | PAGE_NX, "rights");
    check_int(bare_pte_read(LIN, 0) & A, ==, 0, "a trace leaves A alone");
    bare_pte_write(LIN, 1, 0);
    check_true(!cpu_translate(cpu, LIN, &phys), "not mapped");
    walk = cpu_page_walk(cpu, LIN);
    check_int(walk.level_count, ==, 3, "the walk ends at the directory");
    check_int(walk.levels[2].verdict, ==, WALK_NOT_PRESENT, "which is not present");
    walk = cpu_page_walk(cpu, 0x1234ull << 48);
    check_true(walk.non_canonical && !walk.mapped, "a non-canonical address is said to be so");

    uint32_t v = 0xfeedface;
    bare_map(LIN, 0x502000, P);
    bare_map(LIN + 0x1000, 0x504000, P);
    check_true(cpu_debug_write(cpu, LIN + 0xffe, &v, 4), "a debugger writes to read-only pages, across their border");
    check_int(*bare_at(0x502ffe), ==, 0xce, "first half");
    check_int(*bare_at(0x504001), ==, 0xfe, "second half");
    v = 0;
    check_true(cpu_debug_read(cpu, LIN + 0xffe, &v, 4) && v == 0xfeedface, "and reads back");
    check_true(!cpu_debug_read(cpu, LIN + 0x1ffe, &v, 0x2000000), "running into what is not mapped fails");
}

/* Accesses near one register that lie in two pages: translated code checks them together first, then one by one. */
static void test_neighbours_in_two_pages(void)
{
    enum { ROUNDS = 200, AT = 0x4fff8 };
    static const uint8_t code[] = {
        0x48, 0x89, 0x03,                       /* 1: mov [rbx], rax */
        0x48, 0x89, 0x53, 0x08,                 /* mov [rbx + 8], rdx */
        0x48, 0x01, 0xc8,                       /* add rax, rcx */
        0x48, 0x03, 0x33,                       /* add rsi, [rbx] */
        0x48, 0x03, 0x7b, 0x08,                 /* add rdi, [rbx + 8] */
        0xff, 0xc9, 0x75, 0xeb,                 /* dec ecx; jnz 1b */
    };
    CpuX86 *cpu = bare.cpu[0];
    uint64_t sum = 0, rax = 1;

    bare_reset(cpu, BARE_LONG);
    bare_code(BARE_CODE, code, sizeof code);
    BARE_CODE_AT(BARE_CODE + sizeof code, 0xf4);
    cpu->regs[R_RAX] = rax;
    cpu->regs[R_RBX] = AT;
    cpu->regs[R_RDX] = 3;
    cpu->regs[R_RCX] = ROUNDS;
    for (unsigned i = ROUNDS; i; i--) {
        sum += rax;
        rax += i;
    }
    uint64_t interpreted = cpu->exec->jit.interpreted;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int(cpu->regs[R_RSI], ==, sum, "what was stored in the first page is read each time");
    check_int(cpu->regs[R_RDI], ==, 3 * ROUNDS, "and in the second");
    check_int(cpu->exec->jit.interpreted - interpreted, <, ROUNDS * 4, "C gets tired of it");

    bare_map(AT + 8, 0, 0);
    flush_all(cpu);
    cpu->rip = BARE_CODE;
    cpu->regs[R_RAX] = 77;
    cpu->regs[R_RCX] = 1;
    check_int(bare_run(cpu), ==, VECTOR_PF, "the second page is not there");
    check_int(bare.trap.rip, ==, BARE_CODE + 3, "the second store faults");
    check_int(bare_ld32(AT), ==, 77, "the first has stored");
    check_int(cpu->cr2, ==, AT + 8, "CR2");
}

/* Two pages that share a slot of the first level take turns in it: the second level serves that, C runs nothing. */
static void test_one_slot_for_two_pages(void)
{
    enum { ROUNDS = 200, AT = 0x50000, DISTANCE = TLB_ENTRIES * GUEST_PAGE_SIZE };
    static const uint8_t code[] = {
        0x03, 0x03,                             /* 1: add eax, [rbx] */
        0x03, 0x16,                             /* add edx, [rsi] */
        0x01, 0x04, 0x3b,                       /* add [rbx + rdi], eax */
        0xff, 0xc9, 0x75, 0xf5,                 /* dec ecx; jnz 1b */
    };
    CpuX86 *cpu = bare.cpu[0];
    const Translator *jit = &cpu->exec->jit;

    bare_reset(cpu, BARE_LONG);
    bare_code(BARE_CODE, code, sizeof code);
    BARE_CODE_AT(BARE_CODE + sizeof code, 0xf4);
    bare_map(AT + DISTANCE, 0x502000, P | RW);
    bare_map(AT + 2 * DISTANCE, 0x503000, P | RW);
    bare_st32(AT, 1);
    bare_st32(0x502000, 2);
    bare_st32(0x503000, 0);
    cpu->regs[R_RAX] = cpu->regs[R_RDX] = 0;
    cpu->regs[R_RBX] = AT;
    cpu->regs[R_RSI] = AT + DISTANCE;
    cpu->regs[R_RDI] = 2 * DISTANCE;
    cpu->regs[R_RCX] = ROUNDS;
    uint64_t interpreted = jit->interpreted, refills = jit->refills;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "runs");
    check_int(cpu->regs[R_RAX], ==, ROUNDS, "one is read each time");
    check_int(cpu->regs[R_RDX], ==, 2 * ROUNDS, "and the other");
    check_int(bare_ld32(0x503000), ==, ROUNDS * (ROUNDS + 1) / 2, "a third is written");
    if (jit->enabled) {
        check_int(jit->refills - refills, >=, 3 * (ROUNDS - 1), "each time anew");
        check_int(jit->interpreted - interpreted, <, ROUNDS / 10, "not by C");
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_start(1);
    g_test_add_func("/paging/faults", test_faults);
    g_test_add_func("/paging/accessed-dirty", test_accessed_dirty);
    g_test_add_func("/paging/large", test_large_pages);
    g_test_add_func("/paging/gigabyte", test_gigabyte_pages);
    g_test_add_func("/paging/pse36", test_pse36);
    g_test_add_func("/paging/flushes", test_flushes);
    g_test_add_func("/paging/tables-nowhere", test_page_tables_nowhere);
    g_test_add_func("/paging/pkru", test_pkru_by_xrstor);
    g_test_add_func("/paging/pdptes", test_pdptes_are_registers);
    g_test_add_func("/paging/trace", test_trace);
    g_test_add_func("/paging/neighbours-in-two-pages", test_neighbours_in_two_pages);
    g_test_add_func("/paging/one-slot-for-two-pages", test_one_slot_for_two_pages);
    return g_test_run();
}
