/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translation: the second-level TLB, filling the first level from it, flushing both.
 *
 * Second level: direct mapped by page and world (and PCID for non-global ones), every entry stamped from a counter. A
 * flush moves a floor up to the counter: entries stamped before are gone, at no cost per entry. Three floors a world:
 * everything non-global, one PCID's, global ones. The first level knows no PCID and no world: whenever CR3 changes it is
 * emptied of what is not global, and of everything if the world changes.
 *
 * Large pages are entered as 4 KiB pieces. INVLPG must drop all of them, so two hashed sets remember where large pages
 * were loaded; a hit there flushes the 2 MiB around (or, for 1 GiB pages, everything).
 *
 * Every flush that may concern code moves `epoch`, by which the run loop knows that rip -> block must be found anew.
 */
#include "accel/debug.h"
#include "target/i386/apic.h"
#include "target/i386/exec/exec.h"

enum { APIC_BASE_EXTD = 1 << 10, APIC_BASE_ENABLE = 1 << 11 };

/* Flushing */

/* Of slots 64 * @word up, those to be emptied, a bit each; they are not in use any more. */
static uint64_t take_slots(TlbSlots *s, unsigned word, bool global)
{
    uint64_t gone = s->used[word] & (global ? UINT64_MAX : ~s->global[word]);

    s->used[word] &= ~gone;
    return gone;
}

static void first_level_clear(CpuX86 *cpu, bool global)
{
    CpuExec *exec = cpu->exec;

    for (unsigned i = 0; i < TLB_COUNT; i++) {
        for (unsigned w = 0; (exec->tables_used >> i & 1) && w < TLB_ENTRIES / 64; w++) {
            for (uint64_t gone = take_slots(&exec->tlb_slots[i], w, global); gone; gone &= gone - 1) {
                exec_tlb_drop(exec, i, w * 64 + __builtin_ctzll(gone));
            }
            for (uint64_t gone = take_slots(&exec->code_slots[i], w, global); gone; gone &= gone - 1) {
                code_slot_drop(exec, i, w * 64 + __builtin_ctzll(gone));
            }
        }
    }
    if (global) {
        exec->tables_used = 0;
        exec->pkeys_used = 0;
    }
    exec->pkru_seen = cpu->fpu.pkru;
}

static void world_flush(CpuExec *exec, struct TlbWorld *world, bool global)
{
    world->floor_all = ++exec->stamp;
    if (global) {
        world->floor_global = exec->stamp;
        memset(world->large, 0, sizeof world->large);
        memset(world->huge, 0, sizeof world->huge);
    }
}

static struct TlbWorld *current_world(CpuExec *exec) { return &exec->worlds[exec->world]; }

void cpu_tlb_flush(CpuX86 *cpu, bool global)
{
    CpuExec *exec = cpu->exec;

    if (!exec) {
        return;
    }
    world_flush(exec, current_world(exec), global);
    memset(exec->phys, 0, sizeof exec->phys);
    first_level_clear(cpu, global);
    exec_new_epoch(exec);
}

void cpu_tlb_flush_worlds(CpuX86 *cpu)
{
    CpuExec *exec = cpu->exec;

    for (unsigned i = 0; exec && i < TLB_WORLDS; i++) {
        if (i != exec->world) {
            world_flush(exec, &exec->worlds[i], true);
        }
    }
    cpu_tlb_flush(cpu, true);
}

static unsigned world_of(const CpuExec *exec, uint32_t asid)
{
    unsigned i = 0;

    while (i < TLB_WORLDS && (asid ? exec->worlds[i].asid != asid : i)) {
        i++;
    }
    return i;
}

void cpu_tlb_world(CpuX86 *cpu, uint32_t asid, uint64_t root)
{
    CpuExec *exec = cpu->exec;
    struct TlbWorld *world;
    unsigned i;

    if (!exec || (!asid && !exec->world)) {
        return;
    }
    i = world_of(exec, asid);
    if (i == TLB_WORLDS) {
        i = exec->world_last = exec->world_last % (TLB_WORLDS - 1) + 1;
        world_flush(exec, &exec->worlds[i], true);
    }
    world = &exec->worlds[i];
    if (asid && world->root != root) {
        world_flush(exec, world, true);         /* whoever changes it has to flush, but better be sure */
    }
    world->asid = asid;
    world->root = root;
    exec->world = i;
    first_level_clear(cpu, true);
    exec_new_epoch(exec);
}

void cpu_tlb_flush_page_of(CpuX86 *cpu, uint64_t addr, uint32_t asid)
{
    CpuExec *exec = cpu->exec;
    unsigned i = world_of(exec, asid);

    if (i == exec->world) {
        cpu_tlb_flush_page(cpu, addr);
    } else if (i < TLB_WORLDS) {
        world_flush(exec, &exec->worlds[i], true);
    }
}

void cpu_tlb_flush_pcid(CpuX86 *cpu, uint16_t pcid, bool global)
{
    CpuExec *exec = cpu->exec;

    if (!exec) {
        return;
    }
    current_world(exec)->floor_pcid[pcid & 0xfff] = ++exec->stamp;
    if (global) {
        current_world(exec)->floor_global = exec->stamp;
    }
    first_level_clear(cpu, global);
    exec_new_epoch(exec);
}

void cpu_tlb_switch(CpuX86 *cpu)
{
    if (cpu->exec) {
        first_level_clear(cpu, false);
        exec_new_epoch(cpu->exec);
    }
}

void cpu_pkru_changed(CpuX86 *cpu)
{
    CpuExec *exec = cpu->exec;

    if (!exec) {
        return;
    }
    uint32_t changed = exec->pkru_seen ^ cpu->fpu.pkru;
    for (unsigned key = 0; key < 16; key++) {
        if ((changed >> 2 * key & 3) && (exec->pkeys_used >> key & 1)) {
            first_level_clear(cpu, true);
            break;
        }
    }
    exec->pkru_seen = cpu->fpu.pkru;
    if (cpu->cr4 & CR4_PKS) {
        first_level_clear(cpu, true);
    }
}

void cpu_x86_tcg_flush_all(Cpu *c)
{
    cpu_tlb_flush_worlds(CPU_X86(c));
    CPU_X86(c)->exec->layout++;
    exec_end_block_soon(CPU_X86(c));
}

static unsigned region_hash(uint64_t region)
{
    return (region * 0x9e3779b97f4a7c15ull) >> 52;      /* 12 bits: LARGE_BITS */
}
static void region_add(uint64_t *set, uint64_t region)
{
    set[region_hash(region) / 64] |= 1ull << region_hash(region) % 64;
}
static bool region_has(const uint64_t *set, uint64_t region)
{
    return set[region_hash(region) / 64] >> region_hash(region) % 64 & 1;
}

/* What global pages are entered under, and others: with the PCID. */
static unsigned world_bits(const CpuX86 *cpu) { return cpu->exec->world << WORLD_SHIFT; }
static unsigned current_pcid(const CpuX86 *cpu)
{
    return world_bits(cpu) | (cpu->cr4 & CR4_PCIDE ? cpu->cr3 & 0xfff : 0);
}

static TlbPage *page_slot(CpuExec *exec, uint64_t lin, unsigned pcid)
{
    uint64_t vpn = lin >> GUEST_PAGE_BITS;
    return &exec->pages[(vpn ^ vpn >> 14 ^ pcid * 0x9e5) % TLB_PAGES];
}

static void second_level_drop(CpuX86 *cpu, uint64_t page)
{
    TlbPage *slots[] = { page_slot(cpu->exec, page, current_pcid(cpu)), page_slot(cpu->exec, page, world_bits(cpu)) };

    for (unsigned i = 0; i < 2; i++) {
        if (slots[i]->lin == page && (slots[i]->pcid == current_pcid(cpu) ||
                                      ((slots[i]->rights & PAGE_GLOBAL) && slots[i]->pcid == world_bits(cpu)))) {
            slots[i]->stamp = 0;
        }
    }
}

static void drop_range(CpuX86 *cpu, uint64_t start, uint64_t len)
{
    CpuExec *exec = cpu->exec;

    for (uint64_t page = start; page - start < len; page += GUEST_PAGE_SIZE) {
        second_level_drop(cpu, page);
    }
    for (unsigned i = 0; i < TLB_COUNT; i++) {
        code_tags_clear(exec, i);
        for (unsigned slot = 0; (exec->tables_used >> i & 1) && slot < TLB_ENTRIES; slot++) {
            const TlbEntry *e = &exec->tlb[i][slot];
            if (e->read_tag - start < len || e->write_tag - start < len || exec->exec_tags[i][slot] - start < len) {
                exec_tlb_drop(exec, i, slot);
            }
        }
    }
}

static void drop_page(CpuX86 *cpu, uint64_t page)
{
    second_level_drop(cpu, page);
    for (unsigned i = 0; i < TLB_COUNT; i++) {
        exec_tlb_drop(cpu->exec, i, tlb_slot(page));
        code_page_drop(cpu->exec, i, page);
    }
}

void cpu_tlb_flush_page(CpuX86 *cpu, uint64_t addr)
{
    CpuExec *exec = cpu->exec;

    if (!exec) {
        return;
    }
    if (region_has(current_world(exec)->huge, addr >> 30)) {
        cpu_tlb_flush(cpu, true);
    } else if (region_has(current_world(exec)->large, addr >> 21)) {
        bool four_mib = !(cpu->cr4 & CR4_PAE);
        uint64_t bytes = four_mib ? 4 << 20 : 2 << 20;
        drop_range(cpu, addr & ~(bytes - 1), bytes);
        exec_new_epoch(exec);
    } else {
        unsigned n = code_page_bit(addr);
        drop_page(cpu, addr & TLB_PAGE_MASK);
        if (exec->code_pages[n / 64] >> n % 64 & 1) {
            exec_new_epoch(exec);
        }
    }
}

/* Physical memory */

uint8_t *mmu_host(CpuX86 *cpu, GuestAddr addr, RamBlock **ram, bool *read_only)
{
    PhysRange *range = &cpu->exec->phys[addr >> 32 != 0];

    if (addr - range->base >= range->len) {
        GuestAddr page = addr & TLB_PAGE_MASK;
        rcu_read_lock();
        MemorySection section = memory_lookup(cpu_memory(cpu), page);
        uint8_t *host = memory_section_ram(&section);
        rcu_read_unlock();
        /* A region need not begin or end at a page: what is not RAM for the whole page goes the device's way. */
        if (!host || section.len < GUEST_PAGE_SIZE || !section.mr->ram) {
            return NULL;
        }
        *range = (PhysRange){ page, section.len & TLB_PAGE_MASK, host, section.mr->ram, section.read_only };
    }
    *ram = range->ram;
    *read_only = range->read_only;
    return range->host + (addr - range->base);
}

void mmu_ram_written(CpuX86 *cpu, RamBlock *ram, uint64_t offset, unsigned len)
{
    if (ram_page_needs_slow_write(ram, offset)) {
        const Block *block = cpu->exec->block;

        ram_mark_dirty(ram, offset, len);
        if (block && block->page && (!code_page_current(block->page, block->version) ||
                                     (block->page2 && !code_page_current(block->page2, block->version2)))) {
            exec_end_block_soon(cpu);
        }
    }
}

/* Lookup */

static TlbPage *second_level_find(CpuX86 *cpu, uint64_t page)
{
    CpuExec *exec = cpu->exec;
    const struct TlbWorld *world = current_world(exec);
    unsigned pcid = current_pcid(cpu), none = world_bits(cpu);
    TlbPage *e = page_slot(exec, page, pcid);

    if (e->lin == page && e->stamp > world->floor_all && e->pcid == pcid && !(e->rights & PAGE_GLOBAL) &&
        e->stamp > world->floor_pcid[pcid & 0xfff]) {
        return e;
    }
    e = page_slot(exec, page, none);
    return e->lin == page && e->pcid == none && (e->rights & PAGE_GLOBAL) && e->stamp > world->floor_global ? e : NULL;
}

static TlbPage *second_level_fill(CpuX86 *cpu, uint64_t page, const WalkResult *walk)
{
    CpuExec *exec = cpu->exec;
    unsigned pcid = walk->rights & PAGE_GLOBAL ? world_bits(cpu) : current_pcid(cpu);
    TlbPage *e = page_slot(exec, page, pcid);
    RamBlock *ram = NULL;
    bool read_only = false;
    bool is_apic = cpu->apic && (cpu->msr.apic_base & (APIC_BASE_ENABLE | APIC_BASE_EXTD)) == APIC_BASE_ENABLE &&
                   (cpu->msr.apic_base & TLB_PAGE_MASK) == walk->phys;
    uint8_t *host = is_apic ? NULL : mmu_host(cpu, walk->phys, &ram, &read_only);

    if (walk->page_bytes > GUEST_PAGE_SIZE) {
        if (walk->page_bytes > 4 << 20) {
            region_add(current_world(exec)->huge, page >> 30);
        } else {
            for (uint64_t at = page & ~(walk->page_bytes - 1), i = 0; i < walk->page_bytes; i += 2 << 20) {
                region_add(current_world(exec)->large, (at + i) >> 21);
            }
        }
    }
    *e = (TlbPage){.lin = page,
                   .stamp = ++exec->stamp,
                   .phys = walk->phys,
                   .host = host,
                   .ram = ram,
                   .pcid = pcid,
                   .rights = walk->rights | (read_only ? PAGE_READ_ONLY : 0) | (is_apic ? PAGE_APIC : 0),
                   .pkey = walk->pkey };
    return e;
}

const TlbPage *mmu_page(CpuX86 *cpu, uint64_t lin, Access access, unsigned index)
{
    bool user = mmu_is_user(index), smap = index == TLB_SUPER_SMAP;
    uint64_t page = lin & TLB_PAGE_MASK;
    TlbPage *e = second_level_find(cpu, page);
    WalkResult walk;

    if (e && (access != ACCESS_WRITE || (e->rights & PAGE_DIRTY)) &&
        !cpu_access_error(cpu, e->rights, e->pkey, access, user, smap)) {
        return e;
    }
    uint32_t code = mmu_walk(cpu, lin, access, user, smap, &walk);
    if (code) {
        drop_page(cpu, page);                   /* as hardware does at a page fault */
        cpu_raise_page_fault(cpu, lin, code & ~WALK_FAULT);
    }
    return second_level_fill(cpu, page, &walk);
}

void mmu_fill(CpuX86 *cpu, uint64_t lin, const TlbPage *page, unsigned index)
{
    CpuExec *exec = cpu->exec;
    bool user = mmu_is_user(index), smap = index == TLB_SUPER_SMAP, watched = mmu_watched(cpu, lin);
    uint64_t tag = lin & TLB_PAGE_MASK, none = tlb_no_tag(tlb_slot(lin));

    if (!page->host || index == TLB_CHECK_ALIGN) {
        return;
    }
    bool read = !watched && !cpu_access_error(cpu, page->rights, page->pkey, ACCESS_READ, user, smap);
    bool write = !watched && (page->rights & PAGE_DIRTY) && !(page->rights & PAGE_READ_ONLY) &&
                 !cpu_access_error(cpu, page->rights, page->pkey, ACCESS_WRITE, user, smap);
    bool fetch = !cpu_access_error(cpu, page->rights, page->pkey, ACCESS_FETCH, user, smap);

    tcg_lock(&exec->tcg.lock);
    /* Under the lock: who makes writes slow clears a dirty bit first and then looks at the tables. */
    write = write && !ram_page_needs_slow_write(page->ram, page->host - page->ram->host);
    tcg_fill(&exec->tcg, index, tlb_slot(lin),
             (TlbEntry){ read ? tag : none, write ? tag : none, (uintptr_t)page->host - tag, (uintptr_t)page->host });
    exec->exec_tags[index][tlb_slot(lin)] = fetch ? tag : none;
    tcg_unlock(&exec->tcg.lock);
    exec->tables_used |= 1u << index;
    tlb_slot_note(&exec->tlb_slots[index], tlb_slot(lin), page->rights & PAGE_GLOBAL);
    if (page->rights & PAGE_USER) {
        exec->pkeys_used |= 1u << page->pkey;
    }
}

bool mmu_refill(CpuX86 *cpu, uint64_t lin, bool write)
{
    const TlbPage *page = second_level_find(cpu, lin & TLB_PAGE_MASK);
    const TlbEntry *e = &cpu->tlb[tlb_slot(lin)];
    bool user = mmu_is_user(cpu->tlb_index), smap = cpu->tlb_index == TLB_SUPER_SMAP;
    WalkResult walk;

    if (!page && mmu_walk_quiet(cpu, lin, write, &walk) && mmu_host_known(cpu->exec, walk.phys)) {
        page = second_level_fill(cpu, lin & TLB_PAGE_MASK, &walk);
    }

    /* What may not be accessed is the walk's to judge: the tables may have changed since. */
    if (!page || !page->host || (write && !(page->rights & PAGE_DIRTY)) ||
        cpu_access_error(cpu, page->rights, page->pkey, write ? ACCESS_WRITE : ACCESS_READ, user, smap)) {
        return false;
    }
    mmu_fill(cpu, lin, page, cpu->tlb_index);
    return tlb_hit(write ? e->write_tag : e->read_tag, lin, 1);
}

/* Data breakpoints (SDM vol. 3, 17.2) */

static unsigned watch_bytes(const CpuX86 *cpu, unsigned n)
{
    static const uint8_t bytes[] = { 1, 2, 8, 4 };
    return bytes[cpu->dr[7] >> (18 + 4 * n) & 3];
}

static bool watch_enabled(const CpuX86 *cpu, unsigned n, bool write)
{
    unsigned kind = cpu->dr[7] >> (16 + 4 * n) & 3;     /* 1 write, 3 read or write */
    return (cpu->dr[7] >> (2 * n) & 3) && (kind == 3 || (kind == 1 && write));
}

bool mmu_watched(const CpuX86 *cpu, uint64_t lin)
{
    for (unsigned n = 0; UNLIKELY(cpu->dr[7] & 0xff) && n < 4; n++) {
        if (watch_enabled(cpu, n, true) && ((cpu->dr[n] ^ lin) & TLB_PAGE_MASK) == 0) {
            return true;
        }
    }
    return UNLIKELY(debug_watch_count) && debug_watch_page(lin);
}

/* The block ends behind the instruction. */
static void debugger_watch(CpuX86 *cpu, uint64_t lin, unsigned len, bool write)
{
    const DebugPoint *p = cpu->exec ? debug_watch_in(lin, len, write) : NULL;

    if (p && cpu->insn && !cpu->exec->debug_hit) {
        cpu->exec->debug_hit = true;
        cpu->exec->debug_watch.kind = p->kind;
        cpu->exec->debug_watch.addr = p->addr;
        cpu->block_end = cpu->insn + 1;
        __atomic_store_n(&cpu->cpu.exit_request, 1, __ATOMIC_SEQ_CST);
    }
}

void mmu_watch(CpuX86 *cpu, uint64_t lin, unsigned len, bool write)
{
    for (unsigned n = 0; n < 4; n++) {
        uint64_t start = cpu->dr[n] & ~(uint64_t)(watch_bytes(cpu, n) - 1);
        if (watch_enabled(cpu, n, write) && lin < start + watch_bytes(cpu, n) && start < lin + len) {
            cpu->exec->debug_hits |= 1u << n;
        }
    }
    if (UNLIKELY(debug_watch_count)) {
        debugger_watch(cpu, lin, len, write);
    }
}

void cpu_watch_io(CpuX86 *cpu, uint16_t port, unsigned size)
{
    for (unsigned n = 0; cpu->exec && (cpu->cr4 & CR4_DE) && (cpu->dr[7] & 0xff) && n < 4; n++) {
        unsigned kind = cpu->dr[7] >> (16 + 4 * n) & 3;
        uint64_t start = cpu->dr[n] & ~(uint64_t)(watch_bytes(cpu, n) - 1);
        if ((cpu->dr[7] >> (2 * n) & 3) && kind == 2 && port < start + watch_bytes(cpu, n) &&
            start < (uint64_t)port + size) {
            cpu->exec->debug_hits |= 1u << n;
        }
    }
}
