/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bare machine: see bare.h. */
#include "tests/tcg/bare.h"

#include "core/thread.h"
#include "tests/check.h"

Bare bare;
const char *const bare_mode_names[BARE_MODES] = { "real", "16-bit", "32-bit",        "32-bit paged",
                                                 "PAE",  "long",   "long, 5 levels" };

enum { ENTRY_P = 1, ENTRY_RW = 2, ENTRY_US = 4 };
enum { ATTR_DATA0 = 0x93, ATTR_CODE0 = 0x9b, ATTR_DATA3 = 0xf3, ATTR_CODE3 = 0xfb, ATTR_TSS = 0x89 };

static CpuX86 *new_cpu(void)
{
    const Type *type = type_find("max-x86_64-cpu");
    CpuX86 *cpu;

    check_true(type != NULL, "the CPU model 'max' exists");
    cpu = CPU_X86(object_new(type));
    cpu->apic_id = bare.cpus;
    cpu->maxphyaddr = 40;
    cpu_register(&cpu->cpu);
    return cpu;
}

static void attach(CpuX86 *cpu)
{
    g_autoptr(GError) err = NULL;

    memory_thread_register();
    current_cpu = &cpu->cpu;
    bql_lock();
    cpu_x86_reset(cpu, false);
    check_true(cpu->cpu.ops->tcg_init(&cpu->cpu, &err), "vCPU initialises: %s", err ? err->message : "");
    bql_unlock();
}

/* Threads of the further vCPUs: wait for a turn, run, say so. */

static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_cond = PTHREAD_COND_INITIALIZER;
static struct { bool wanted, ready; int vector; } turns[4];

static void *further_cpu(void *arg)
{
    CpuX86 *cpu = arg;
    unsigned n = cpu->cpu.index;

    attach(cpu);
    pthread_mutex_lock(&turn_lock);
    turns[n].ready = true;
    pthread_cond_broadcast(&turn_cond);
    for (;;) {
        while (!turns[n].wanted) {
            pthread_cond_wait(&turn_cond, &turn_lock);
        }
        pthread_mutex_unlock(&turn_lock);
        int vector = bare_run(cpu);
        pthread_mutex_lock(&turn_lock);
        turns[n].vector = vector;
        turns[n].wanted = false;
        pthread_cond_broadcast(&turn_cond);
    }
    return NULL;
}

static void set_wanted(unsigned n)
{
    pthread_mutex_lock(&turn_lock);
    turns[n].wanted = true;
    pthread_cond_broadcast(&turn_cond);
    pthread_mutex_unlock(&turn_lock);
}

static void wait_for(const bool *flag, bool value)
{
    pthread_mutex_lock(&turn_lock);
    while (*flag != value) {
        pthread_cond_wait(&turn_cond, &turn_lock);
    }
    pthread_mutex_unlock(&turn_lock);
}

void bare_run_all(unsigned cpus, int vectors[4])
{
    for (unsigned n = 1; n < cpus; n++) {
        set_wanted(n);
    }
    vectors[0] = bare_run(bare.cpu[0]);
    for (unsigned n = 1; n < cpus; n++) {
        wait_for(&turns[n].wanted, false);
        vectors[n] = turns[n].vector;
    }
}

void bare_start(unsigned cpus)
{
    g_autoptr(GError) err = NULL;

    bql_lock();
    check_true(memory_region_init_ram(&bare.region, NULL, "bare.ram", BARE_RAM_BYTES, &err), "RAM: %s",
               err ? err->message : "");
    memory_region_add(system_memory(), 0, &bare.region);
    bare.ram = memory_region_ram_ptr(&bare.region);
    bare.block = bare.region.ram;
    for (bare.cpus = 0; bare.cpus < cpus; bare.cpus++) {
        bare.cpu[bare.cpus] = new_cpu();
    }
    bql_unlock();
    attach(bare.cpu[0]);
    for (unsigned n = 1; n < cpus; n++) {
        thread_start("bare vCPU", further_cpu, bare.cpu[n]);
        wait_for(&turns[n].ready, true);
    }
}

void bare_code(uint64_t addr, const void *code, size_t len)
{
    check_int(memory_write(address_space_memory(), addr, MEMTXATTRS_NONE, code, len), ==, MEMTX_OK, "RAM at 0x%" PRIx64,
              addr);
}

/* Page tables */

static unsigned levels(void)
{
    switch (bare.mode) {
    case BARE_PAGED32: return 2;
    case BARE_PAE: return 3;
    case BARE_LONG: return 4;
    case BARE_LONG5: return 5;
    default: return 0;
    }
}

unsigned bare_pte_bytes(void) { return bare.mode == BARE_PAGED32 ? 4 : 8; }

static unsigned entry_index(uint64_t lin, unsigned level)
{
    return bare.mode == BARE_PAGED32 ? lin >> (12 + 10 * level) & 1023 : lin >> (12 + 9 * level) & 511;
}

static uint64_t read_entry(uint64_t addr) { return bare_pte_bytes() == 4 ? bare_ld32(addr) : bare_ld64(addr); }
static void write_entry(uint64_t addr, uint64_t v) { bare_pte_bytes() == 4 ? bare_st32(addr, v) : bare_st64(addr, v); }

static uint64_t new_table(void)
{
    static const uint8_t zeros[4096];
    uint64_t table = bare.next_table;

    bare.next_table += 4096;
    check_true(bare.next_table <= 0x400000, "room for page tables");
    bare_code(table, zeros, sizeof zeros);
    return table;
}

/* As MOV CR3 does: the processor does not look at PDPTEs in memory afterwards. */
static void load_pdptes(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bare.cpu) && bare.cpu[i]; i++) {
        cpu_load_pdptes(bare.cpu[i], BARE_TABLES);
    }
}

uint64_t bare_pte(uint64_t lin, unsigned wanted)
{
    uint64_t table = BARE_TABLES;

    for (unsigned level = levels() - 1;; level--) {
        uint64_t at = table + entry_index(lin, level) * bare_pte_bytes();
        if (level == wanted) {
            return at;
        }
        uint64_t entry = read_entry(at);
        if (!(entry & ENTRY_P)) {
            bool pae_root = bare.mode == BARE_PAE && level == 2;
            entry = new_table() | (pae_root ? ENTRY_P : ENTRY_P | ENTRY_RW | ENTRY_US);
            write_entry(at, entry);
            if (pae_root) {
                load_pdptes();
            }
        }
        table = entry & 0xfffffffff000;
    }
}

uint64_t bare_pte_read(uint64_t lin, unsigned level) { return read_entry(bare_pte(lin, level)); }
void bare_pte_write(uint64_t lin, unsigned level, uint64_t entry) { write_entry(bare_pte(lin, level), entry); }
void bare_map(uint64_t lin, uint64_t phys, uint64_t flags) { bare_pte_write(lin, 0, phys | flags); }

static void make_tables(void)
{
    bare.next_table = BARE_TABLES;
    if (levels()) {
        new_table();
        for (uint64_t page = 0; page < BARE_RAM_BYTES; page += 4096) {
            bare_map(page, page, ENTRY_P | ENTRY_RW | ENTRY_US);
        }
    }
}

/* Descriptor tables */

void bare_gdt(uint16_t selector, uint64_t base, uint32_t limit, uint16_t attr)
{
    bool pages = limit > 0xfffff;
    uint64_t l = pages ? limit >> 12 : limit;
    uint64_t d = (l & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)(attr & 0xf0ff) << 40 | (l >> 16 & 15) << 48 |
                 (base >> 24 & 0xff) << 56 | (uint64_t)pages << 55;

    bare_st64(BARE_GDT + (selector & ~7), d);
}

static void make_gdt(void)
{
    bare_st64(BARE_GDT, 0);
    bare_gdt(BARE_CODE32, 0, UINT32_MAX, ATTR_CODE0 | SEG_DB);
    bare_gdt(BARE_DATA32, 0, UINT32_MAX, ATTR_DATA0 | SEG_DB);
    bare_gdt(BARE_CODE64, 0, UINT32_MAX, ATTR_CODE0 | SEG_L);
    bare_gdt(BARE_CODE16, 0, 0xffff, ATTR_CODE0);
    bare_gdt(BARE_DATA16, 0, 0xffff, ATTR_DATA0);
    bare_gdt(BARE_USER_DATA, 0, UINT32_MAX, ATTR_DATA3 | SEG_DB);
    bare_gdt(BARE_USER_CODE32, 0, UINT32_MAX, ATTR_CODE3 | SEG_DB);
    bare_gdt(BARE_USER_CODE64, 0, UINT32_MAX, ATTR_CODE3 | SEG_L);
    bare_gdt(BARE_USER_CODE16, 0, 0xffff, ATTR_CODE3);
    bare_gdt(BARE_TSS_SELECTOR, BARE_TSS, 0x7ff, ATTR_TSS);
    bare_st64(BARE_GDT + BARE_TSS_SELECTOR + 8, 0);
}

static bool is_long(void) { return bare.mode == BARE_LONG || bare.mode == BARE_LONG5; }

static void make_idt(void)
{
    for (unsigned n = 0; n < 256; n++) {
        uint32_t handler = BARE_HANDLERS + n;
        BARE_CODE_AT(handler, 0xf4);
        if (bare.mode == BARE_REAL) {
            bare_st32(4 * n, handler);
        } else if (is_long()) {
            bare_st64(BARE_IDT + 16 * n, handler | (uint64_t)BARE_CODE64 << 16 | 0xee00ull << 32);
            bare_st64(BARE_IDT + 16 * n + 8, 0);
        } else {
            uint16_t selector = bare.mode == BARE_PROT16 ? BARE_CODE16 : BARE_CODE32;
            uint64_t type = bare.mode == BARE_PROT16 ? 0xe600 : 0xee00;
            bare_st64(BARE_IDT + 8 * n, handler | (uint64_t)selector << 16 | type << 32);
        }
    }
}

static void make_tss(void)
{
    static const uint8_t zeros[0x800];

    bare_code(BARE_TSS, zeros, sizeof zeros);
    if (is_long()) {
        bare_st64(BARE_TSS + 4, BARE_RING0_STACK);
    } else {
        bare_st32(BARE_TSS + 4, BARE_RING0_STACK);
        bare_st32(BARE_TSS + 8, bare.mode == BARE_PROT16 ? BARE_DATA16 : BARE_DATA32);
    }
    uint16_t map = 0x68;
    bare_code(BARE_TSS + 0x66, &map, 2);
    memset(bare_at(BARE_TSS + 0x68), 0xff, 0x700);          /* no port is open */
}

/* vCPU state */

static SegmentCache segment(uint16_t selector)
{
    uint64_t d = bare_ld64(BARE_GDT + (selector & ~7));
    SegmentCache s = { .selector = selector, .attr = d >> 40 & 0xf0ff,
                       .base = (d >> 16 & 0xffffff) | (d >> 56) << 24, .limit = (d & 0xffff) | (d >> 32 & 0xf0000) };

    if (s.attr & SEG_G) {
        s.limit = s.limit << 12 | 0xfff;
    }
    return s;
}

static void load_segments(CpuX86 *cpu, uint16_t code, uint16_t data)
{
    for (int i = 0; i < SEG_COUNT; i++) {
        cpu->seg[i] = segment(i == R_CS ? code : data);
    }
}

void bare_enter(CpuX86 *cpu)
{
    cpu_x86_reset(cpu, false);
    cpu->regs[R_RDX] = 0;
    cpu->maxphyaddr = 40;
    cpu->cr0 = CR0_ET | CR0_NE | CR0_WP;
    cpu->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
    cpu->xcr0 = 7;
    cpu->wait_for_sipi = false;
    __atomic_store_n(&cpu->cpu.halted, 0, __ATOMIC_SEQ_CST);
    cpu->gdtr.base = BARE_GDT;
    cpu->gdtr.limit = 0x7ff;
    cpu->idtr.base = bare.mode == BARE_REAL ? 0 : BARE_IDT;
    cpu->idtr.limit = bare.mode == BARE_REAL ? 0x3ff : 0xfff;
    cpu->tr = (SegmentCache){ .selector = BARE_TSS_SELECTOR, .base = BARE_TSS, .limit = 0x7ff, .attr = ATTR_TSS | 2 };
    switch (bare.mode) {
    case BARE_REAL:
        for (int i = 0; i < SEG_COUNT; i++) {
            cpu->seg[i] = (SegmentCache){ .limit = 0xffff, .attr = i == R_CS ? ATTR_CODE0 : ATTR_DATA0 };
        }
        break;
    case BARE_PROT16:
        cpu->tr.attr = 0x83;                    /* 16-bit TSS */
        bare_st32(BARE_TSS + 2, BARE_RING0_STACK | BARE_DATA16 << 16);
        load_segments(cpu, BARE_CODE16, BARE_DATA16);
        break;
    case BARE_LONG: case BARE_LONG5:
        cpu->msr.efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
        load_segments(cpu, BARE_CODE64, BARE_DATA32);
        break;
    default: load_segments(cpu, BARE_CODE32, BARE_DATA32); break;
    }
    cpu->cr0 |= bare.mode == BARE_REAL ? 0 : CR0_PE;
    if (levels()) {
        cpu->cr0 |= CR0_PG;
        cpu->cr4 |= bare.mode == BARE_PAGED32 ? CR4_PSE : CR4_PAE;
        cpu->cr4 |= CR4_PGE | (bare.mode == BARE_LONG5 ? CR4_LA57 : 0);
        cpu->cr3 = BARE_TABLES;
        cpu_load_pdptes(cpu, BARE_TABLES);      /* of no effect but under PAE */
    }
    cpu->regs[R_RSP] = BARE_STACK;
    cpu->rip = BARE_CODE;
    cpu_update_mode(cpu);
    cpu_tlb_flush(cpu, true);
}

void bare_reset(CpuX86 *cpu, BareMode mode)
{
    bare.mode = mode;
    make_gdt();
    make_idt();
    make_tss();
    make_tables();
    bare_enter(cpu);
}

void bare_user(CpuX86 *cpu, unsigned iopl)
{
    load_segments(cpu,
                  is_long()                  ? BARE_USER_CODE64
                  : bare.mode == BARE_PROT16 ? BARE_USER_CODE16
                                             : BARE_USER_CODE32,
                  BARE_USER_DATA);
    cpu_set_rflags(cpu, RFLAGS_FIXED1 | iopl << 12);
    cpu_update_mode(cpu);
}

static uint64_t pop_frame(uint64_t *at, unsigned size)
{
    uint64_t v = 0;

    if (*at <= BARE_RAM_BYTES - size) {         /* a frame in no RAM reads as nothing */
        memcpy(&v, bare_at(*at), size);
    }
    *at += size;
    return v;
}

/* Reads the frame that the handler of @vector found. Frames are at identity-mapped addresses. */
static void read_trap(CpuX86 *cpu, int vector)
{
    static const uint32_t with_error = 1 << VECTOR_DF | 1 << VECTOR_TS | 1 << VECTOR_NP | 1 << VECTOR_SS |
                                       1 << VECTOR_GP | 1 << VECTOR_PF | 1 << VECTOR_AC | 1 << VECTOR_CP;
    unsigned size = bare.mode == BARE_REAL || bare.mode == BARE_PROT16 ? 2 : is_long() ? 8 : 4;
    uint64_t at = cpu->regs[R_RSP];

    if (!is_long()) {
        at = cpu->seg[R_SS].base + (cpu->mode_flags & MODE_SS32 ? (uint32_t)at : (uint16_t)at);
    }
    bare.trap = (BareTrap){ .vector = vector };
    if (bare.mode != BARE_REAL && vector < 32 && with_error >> vector & 1) {
        bare.trap.has_error = true;
        bare.trap.error = pop_frame(&at, size);
    }
    bare.trap.rip = pop_frame(&at, size);
    bare.trap.cs = pop_frame(&at, size);
    bare.trap.rflags = pop_frame(&at, size);
    if (is_long() || (bare.mode != BARE_REAL && (bare.trap.cs & 3))) {
        bare.trap.rsp = pop_frame(&at, size);
        bare.trap.ss = pop_frame(&at, size);
    }
}

int bare_run(CpuX86 *cpu)
{
    for (unsigned round = 0; !__atomic_load_n(&cpu->cpu.halted, __ATOMIC_SEQ_CST); round++) {
        if (round == 100000000 || __atomic_exchange_n(&bare.stop, false, __ATOMIC_SEQ_CST)) {
            return -2;
        }
        cpu_guest_enter();
        cpu->cpu.ops->tcg_run(&cpu->cpu);
        cpu_guest_leave();
        __atomic_store_n(&cpu->cpu.exit_request, 0, __ATOMIC_SEQ_CST);
    }
    __atomic_store_n(&cpu->cpu.halted, 0, __ATOMIC_SEQ_CST);
    uint64_t lin = cpu_code_linear(cpu) - 1;
    if (lin >= BARE_HANDLERS && lin < BARE_HANDLERS + 256) {
        if (cpu == bare.cpu[0]) {
            read_trap(cpu, lin - BARE_HANDLERS);
        }
        return lin - BARE_HANDLERS;
    }
    return VECTOR_NONE;
}


bool bare_jit(CpuX86 *cpu, bool on)
{
    Translator *jit = &cpu->exec->jit;

    jit->enabled = on && jit->enter;
    return jit->enabled == on;
}
int bare_go(CpuX86 *cpu, BareMode mode, const void *code, size_t len)
{
    bare_reset(cpu, mode);
    bare_code(BARE_CODE, code, len);
    BARE_CODE_AT(BARE_CODE + len, 0xf4);
    return bare_run(cpu);
}
