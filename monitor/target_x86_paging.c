/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `info mem` and `info tlb`: all that the page tables of an x86 CPU map, in order of address.
 *
 *   CR0, CR3, CR4, EFER -> format of the tables -> walk() of every present entry -> callback for each page
 *
 * Tables are the guest's: they may refer to themselves and map 2^52 pages, so a walk ends after MAX_LINES of output or
 * MAX_ENTRIES looked at, and says so. Spec: Intel SDM volume 3, chapter "Paging".
 */
#include "monitor/target_x86.h"

#define PTE_P (1ull << 0)
#define PTE_RW (1ull << 1)
#define PTE_US (1ull << 2)
#define PTE_PWT (1ull << 3)
#define PTE_PCD (1ull << 4)
#define PTE_A (1ull << 5)
#define PTE_D (1ull << 6)
#define PTE_PS (1ull << 7)
#define PTE_G (1ull << 8)
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull
#define MAX_LINES 200000
#define MAX_ENTRIES (16u << 20)

typedef struct Walk Walk;
struct Walk {
    void (*page)(Walk *w, uint64_t addr, uint64_t size, uint64_t pte, uint64_t rights);
    GString *out;
    unsigned lines, entries;
    int address_bits;                           /* 32, 48 or 57 */
    bool cut_off;
    bool pse;                                   /* 32-bit tables: 4 MiB pages are on */
    /* x86_print_mem: the range so far */
    uint64_t start, end, rights;
    bool open;
};

static uint64_t canonical(const Walk *w, uint64_t addr)
{
    return w->address_bits == 32 ? addr : (uint64_t)((int64_t)(addr << (64 - w->address_bits)) >> (64 - w->address_bits));
}

/* @shift: address bits below the index of this table. @rights: U and W of the entries above, which all must allow. */
static void walk(Walk *w, GuestAddr table, int shift, int index_bits, unsigned entry_bytes, uint64_t addr, uint64_t rights)
{
    for (unsigned i = 0; i < 1u << index_bits && w->lines < MAX_LINES && w->entries < MAX_ENTRIES; i++) {
        w->entries++;
        uint64_t pte = memory_load(address_space_memory(), table + i * entry_bytes, entry_bytes, MEMTXATTRS_NONE, NULL);
        uint64_t here = addr | (uint64_t)i << shift;
        bool may_be_page = shift == 12 || (pte & PTE_PS && (entry_bytes == 8 ? shift <= 30 : w->pse));
        if (!(pte & PTE_P)) {
            continue;
        }
        /* Entries of the top PAE table have no rights. */
        uint64_t allowed = shift == 30 && w->address_bits == 32 ? rights : rights & (pte | PTE_NX);
        allowed |= pte & PTE_NX;
        if (may_be_page && !(shift == 30 && w->address_bits == 32)) {
            w->page(w, canonical(w, here), 1ull << shift, pte, allowed);
        } else {
            walk(w, pte & PTE_ADDRESS, shift - (entry_bytes == 8 ? 9 : 10), entry_bytes == 8 ? 9 : 10, entry_bytes, here, allowed);
        }
    }
}

static bool walk_all(CpuX86 *cpu, Walk *w)
{
    uint64_t rights = PTE_US | PTE_RW;
    if (!(cpu->cr0 & CR0_PG)) {
        g_string_append(w->out, "PG disabled\n");
        return false;
    }
    if (!(cpu->cr4 & CR4_PAE)) {
        w->address_bits = 32;
        w->pse = cpu->cr4 & CR4_PSE;
        walk(w, cpu->cr3 & 0xfffff000, 22, 10, 4, 0, rights);
    } else if (!(cpu->msr.efer & EFER_LMA)) {
        w->address_bits = 32;
        walk(w, cpu->cr3 & 0xffffffe0, 30, 2, 8, 0, rights);
    } else {
        bool la57 = cpu->cr4 & CR4_LA57;
        w->address_bits = la57 ? 57 : 48;
        walk(w, cpu->cr3 & PTE_ADDRESS, la57 ? 48 : 39, 9, 8, 0, rights);
    }
    w->cut_off = w->lines >= MAX_LINES || w->entries >= MAX_ENTRIES;
    return true;
}

static void say_if_cut_off(const Walk *w)
{
    if (w->cut_off) {
        g_string_append(w->out, "(more is not shown)\n");
    }
}

static int digits(const Walk *w)
{
    return w->address_bits == 32 ? 8 : 16;
}

static void print_page(Walk *w, uint64_t addr, uint64_t size, uint64_t pte, uint64_t rights)
{
    static const struct { uint64_t bit; char letter; } flags[] = {
        { PTE_NX, 'X' }, { PTE_G, 'G' }, { PTE_PS, 'P' }, { PTE_D, 'D' }, { PTE_A, 'A' }, { PTE_PCD, 'C' }, { PTE_PWT, 'T' },
        { PTE_US, 'U' }, { PTE_RW, 'W' },
    };
    char text[G_N_ELEMENTS(flags) + 1] = { 0 };
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        bool is_pat = flags[i].bit == PTE_PS && size == 4096;       /* the bit means PAT in a last-level entry */
        text[i] = pte & flags[i].bit && !is_pat ? flags[i].letter : '-';
    }
    uint64_t phys = pte & PTE_ADDRESS & ~(size - 1);
    if (size == 4 << 20) {                      /* PSE-36: bits 39-32 of the address are in bits 20-13 */
        phys |= (pte >> 13 & 0xff) << 32;
    }
    g_string_append_printf(w->out, "%0*" PRIx64 ": %016" PRIx64 " %s\n", digits(w), addr, phys, text);
    w->lines++;
}

static void end_range(Walk *w)
{
    if (!w->open) {
        return;
    }
    g_string_append_printf(w->out, "%0*" PRIx64 "-%0*" PRIx64 " %0*" PRIx64 " %cr%c\n", digits(w), w->start, digits(w), w->end,
                           digits(w), w->end - w->start, w->rights & PTE_US ? 'u' : '-', w->rights & PTE_RW ? 'w' : '-');
    w->open = false;
    w->lines++;
}

static void extend_range(Walk *w, uint64_t addr, uint64_t size, uint64_t pte, uint64_t rights)
{
    rights &= PTE_US | PTE_RW;
    if (!w->open || w->end != addr || w->rights != rights) {
        end_range(w);
        w->start = addr;
        w->rights = rights;
        w->open = true;
    }
    w->end = addr + size;
}

void x86_print_tlb(Cpu *cpu, GString *out)
{
    Walk w = { .page = print_page, .out = out };
    walk_all(CPU_X86(cpu), &w);
    say_if_cut_off(&w);
}

void x86_print_mem(Cpu *cpu, GString *out)
{
    Walk w = { .page = extend_range, .out = out };
    if (walk_all(CPU_X86(cpu), &w)) {
        end_range(&w);
        say_if_cut_off(&w);
    }
}
