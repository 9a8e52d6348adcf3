/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slow loads and stores: what misses the first-level TLB.
 *
 * In: linear address, already checked against its segment. Order of checks as on hardware: canonical (#GP, #SS),
 * alignment (#AC), paging (#PF). An access over a page end is translated on both sides before a byte moves. Then: RAM
 * by host address, the local APIC's page, or memory_load()/memory_store() for everything else.
 */
#include "accel/debug.h"
#include "target/i386/apic.h"
#include "target/i386/exec/exec.h"
#include "target/i386/system/system.h"

static void check_address(CpuX86 *cpu, uint64_t lin, unsigned len, int seg, unsigned index)
{
    if (cpu->mode_flags & MODE_LMA && (!cpu_is_canonical(cpu, lin) || !cpu_is_canonical(cpu, lin + len - 1))) {
        cpu_fault(cpu, seg == R_SS ? VECTOR_SS : VECTOR_GP, 0, CAUSE_DATA_NOT_CANONICAL, lin, 0);
    }
    if (index == TLB_CHECK_ALIGN && len <= 8 && (lin & (len - 1))) {
        cpu_raise_error(cpu, VECTOR_AC, 0);
    }
}

/* First byte of the page after that of @lin; outside of 64-bit mode addresses wrap at 4 GiB. */
static uint64_t next_page(const CpuX86 *cpu, uint64_t lin)
{
    uint64_t next = (lin & TLB_PAGE_MASK) + GUEST_PAGE_SIZE;
    return cpu->mode_flags & MODE_CS64 || lin >> 32 ? next : (uint32_t)next;
}

static unsigned left_in_page(uint64_t lin) { return GUEST_PAGE_SIZE - (lin & ~TLB_PAGE_MASK); }

static MemTxAttrs attrs_of(const CpuX86 *cpu)
{
    return (MemTxAttrs){ .secure = cpu->smm, .user = cpu_cpl(cpu) == 3 };
}

/* A device may have asked for an interrupt, a stop, new TLBs: look before the next instruction. */
static void after_device(CpuX86 *cpu)
{
    if (__atomic_load_n(&cpu->cpu.interrupt_request, __ATOMIC_RELAXED) |
        __atomic_load_n(&cpu->cpu.exit_request, __ATOMIC_RELAXED)) {
        exec_end_block_soon(cpu);
    }
}

static uint64_t mmio_load(CpuX86 *cpu, const TlbPage *page, unsigned off, unsigned size)
{
    uint64_t value = page->rights & PAGE_APIC
                         ? apic_mmio_read(cpu->apic, off, size)
                         : memory_load(cpu_memory(cpu), page->phys + off, size, attrs_of(cpu), NULL);
    after_device(cpu);
    return value;
}

static void mmio_store(CpuX86 *cpu, const TlbPage *page, unsigned off, unsigned size, uint64_t value)
{
    if (page->rights & PAGE_APIC) {
        apic_mmio_write(cpu->apic, off, value, size);
    } else {
        memory_store(cpu_memory(cpu), page->phys + off, size, value, attrs_of(cpu), NULL);
    }
    after_device(cpu);
}

/* @size: 1, 2, 4, 8; inside the page. */
static uint64_t page_load(CpuX86 *cpu, const TlbPage *page, unsigned off, unsigned size)
{
    const uint8_t *host = page->host + off;

    if (!page->host) {
        return mmio_load(cpu, page, off, size);
    }
    switch (size) {
    case 1: return *(const HostU8 *)host;
    case 2: return *(const HostU16 *)host;
    case 4: return *(const HostU32 *)host;
    default: return *(const HostU64 *)host;
    }
}

static void page_store(CpuX86 *cpu, const TlbPage *page, unsigned off, unsigned size, uint64_t value)
{
    uint8_t *host = page->host + off;

    if (!page->host || (page->rights & PAGE_READ_ONLY)) {
        mmio_store(cpu, page, off, size, value);
        return;
    }
    switch (size) {
    case 1: *(HostU8 *)host = value; break;
    case 2: *(HostU16 *)host = value; break;
    case 4: *(HostU32 *)host = value; break;
    default: *(HostU64 *)host = value; break;
    }
    mmu_ram_written(cpu, page->ram, host - page->ram->host, size);
}

/* Largest piece of at most @len bytes that is naturally aligned at @off: as a bus would split it. */
static unsigned piece_at(unsigned off, unsigned len)
{
    unsigned size = 8;

    while (size > len || (off & (size - 1))) {
        size /= 2;
    }
    return size;
}

/* Any length inside the page. */
static void page_read(CpuX86 *cpu, const TlbPage *page, unsigned off, void *buf, unsigned len)
{
    TlbPage p = *page;                          /* a device may flush TLBs */
    uint8_t *out = buf;

    if (p.host) {
        memcpy(buf, p.host + off, len);
        return;
    }
    while (len) {
        unsigned size = piece_at(off, len);
        uint64_t value = mmio_load(cpu, &p, off, size);
        memcpy(out, &value, size);
        out += size;
        off += size;
        len -= size;
    }
}

static void page_write(CpuX86 *cpu, const TlbPage *page, unsigned off, const void *buf, unsigned len)
{
    TlbPage p = *page;
    const uint8_t *in = buf;

    if (p.host && !(p.rights & PAGE_READ_ONLY)) {
        memcpy(p.host + off, buf, len);
        mmu_ram_written(cpu, p.ram, p.host + off - p.ram->host, len);
        return;
    }
    while (len) {
        unsigned size = piece_at(off, len);
        uint64_t value = 0;
        memcpy(&value, in, size);
        mmio_store(cpu, &p, off, size, value);
        in += size;
        off += size;
        len -= size;
    }
}

static inline void watch(CpuX86 *cpu, uint64_t lin, unsigned len, bool write)
{
    if (UNLIKELY((cpu->dr[7] & 0xff) | debug_watch_count)) {
        mmu_watch(cpu, lin, len, write);
    }
}

uint64_t cpu_slow_load(CpuX86 *cpu, uint64_t lin, unsigned size, int seg, unsigned index)
{
    unsigned left = left_in_page(lin);
    uint64_t value = 0;

    check_address(cpu, lin, size, seg, index);
    if (size <= left) {
        const TlbPage *page = mmu_page(cpu, lin, ACCESS_READ, index);
        mmu_fill(cpu, lin, page, index);
        value = page_load(cpu, page, lin & ~TLB_PAGE_MASK, size);
    } else {
        TlbPage first = *mmu_page(cpu, lin, ACCESS_READ, index);
        TlbPage second = *mmu_page(cpu, next_page(cpu, lin), ACCESS_READ, index);
        page_read(cpu, &first, lin & ~TLB_PAGE_MASK, &value, left);
        page_read(cpu, &second, 0, (uint8_t *)&value + left, size - left);
    }
    watch(cpu, lin, size, false);
    return value;
}

void cpu_slow_store(CpuX86 *cpu, uint64_t lin, unsigned size, uint64_t value, int seg, unsigned index)
{
    unsigned left = left_in_page(lin);

    check_address(cpu, lin, size, seg, index);
    if (size <= left) {
        const TlbPage *page = mmu_page(cpu, lin, ACCESS_WRITE, index);
        if (page->host && !(page->rights & PAGE_READ_ONLY)) {
            page_store(cpu, page, lin & ~TLB_PAGE_MASK, size, value);
            /* Writes to a page with code stay slow: no need to take the lock to learn it again. */
            if (!ram_page_needs_slow_write(page->ram, page->host - page->ram->host)) {
                mmu_fill(cpu, lin, page, index);
            }
        } else {
            TlbPage p = *page;
            page_store(cpu, &p, lin & ~TLB_PAGE_MASK, size, value);
        }
    } else {
        TlbPage first = *mmu_page(cpu, lin, ACCESS_WRITE, index);
        TlbPage second = *mmu_page(cpu, next_page(cpu, lin), ACCESS_WRITE, index);
        page_write(cpu, &first, lin & ~TLB_PAGE_MASK, &value, left);
        page_write(cpu, &second, 0, (uint8_t *)&value + left, size - left);
    }
    watch(cpu, lin, size, true);
}

/* Byte ranges */

static void bytes_load(CpuX86 *cpu, uint64_t lin, void *buf, unsigned len, int seg, unsigned index)
{
    uint8_t *out = buf;

    check_address(cpu, lin, len, seg, index);
    watch(cpu, lin, len, false);
    while (len) {
        unsigned part = MIN(len, left_in_page(lin));
        const TlbEntry *e = &cpu->exec->tlb[index][tlb_slot(lin)];
        if (tlb_hit(e->read_tag, lin, part)) {
            memcpy(out, tlb_host(e, lin), part);
        } else {
            const TlbPage *page = mmu_page(cpu, lin, ACCESS_READ, index);
            mmu_fill(cpu, lin, page, index);
            page_read(cpu, page, lin & ~TLB_PAGE_MASK, out, part);
        }
        lin = next_page(cpu, lin);
        out += part;
        len -= part;
    }
}

void cpu_ld_bytes(CpuX86 *cpu, int seg, uint64_t off, void *buf, unsigned len)
{
    uint64_t lin = cpu_linear(cpu, seg, off, len, false);
    const TlbEntry *e = &cpu->tlb[tlb_slot(lin)];

    if (tlb_hit(e->read_tag, lin, len)) {
        memcpy(buf, tlb_host(e, lin), len);
    } else {
        bytes_load(cpu, lin, buf, len, seg, cpu->tlb_index);
    }
}

void cpu_st_bytes(CpuX86 *cpu, int seg, uint64_t off, const void *buf, unsigned len)
{
    uint64_t lin = cpu_linear(cpu, seg, off, len, true);
    const TlbEntry *e = &cpu->tlb[tlb_slot(lin)];
    unsigned index = cpu->tlb_index, left = left_in_page(lin);

    if (tlb_hit(e->write_tag, lin, len)) {
        memcpy(tlb_host(e, lin), buf, len);
        return;
    }
    check_address(cpu, lin, len, seg, index);
    TlbPage first = *mmu_page(cpu, lin, ACCESS_WRITE, index);
    if (len <= left) {
        page_write(cpu, &first, lin & ~TLB_PAGE_MASK, buf, len);
        if (first.host && !(first.rights & PAGE_READ_ONLY) &&
            !ram_page_needs_slow_write(first.ram, first.host - first.ram->host)) {
            mmu_fill(cpu, lin, &first, index);
        }
    } else {
        TlbPage second = *mmu_page(cpu, next_page(cpu, lin), ACCESS_WRITE, index);
        page_write(cpu, &first, lin & ~TLB_PAGE_MASK, buf, left);
        page_write(cpu, &second, 0, (const uint8_t *)buf + left, len - left);
    }
    watch(cpu, lin, len, true);
}

static void probe(CpuX86 *cpu, uint64_t lin, unsigned len, int seg, unsigned index)
{
    check_address(cpu, lin, len, seg, index);
    while (len) {
        unsigned part = MIN(len, left_in_page(lin));
        mmu_page(cpu, lin, ACCESS_WRITE, index);
        lin = next_page(cpu, lin);
        len -= part;
    }
}

void cpu_probe_write(CpuX86 *cpu, int seg, uint64_t off, unsigned len)
{
    uint64_t lin = cpu_linear(cpu, seg, off, len, true);

    if (!tlb_hit(cpu->tlb[tlb_slot(lin)].write_tag, lin, len)) {
        probe(cpu, lin, len, seg, cpu->tlb_index);
    }
}

void cpu_stack_probe(CpuX86 *cpu, uint64_t lin, unsigned len, int cpl)
{
    probe(cpu, lin, len, R_SS, cpl == 3 ? TLB_USER : mmu_system_index(cpu));
}

/* Read-modify-write */

void *cpu_slow_rmw(CpuX86 *cpu, uint64_t lin, unsigned size, int seg, RmwPlace *place)
{
    unsigned index = cpu->tlb_index;

    check_address(cpu, lin, size, seg, index);
    if (size > left_in_page(lin)) {
        mmu_page(cpu, lin, ACCESS_WRITE, index);
        mmu_page(cpu, next_page(cpu, lin), ACCESS_WRITE, index);
        return NULL;
    }
    const TlbPage *page = mmu_page(cpu, lin, ACCESS_WRITE, index);
    if (!page->host || (page->rights & PAGE_READ_ONLY)) {
        return NULL;
    }
    uint8_t *host = page->host + (lin & ~TLB_PAGE_MASK);
    uint64_t offset = host - page->ram->host;
    if (ram_page_needs_slow_write(page->ram, offset)) {
        *place = (RmwPlace){ page->ram, offset };
    } else {
        mmu_fill(cpu, lin, page, index);
    }
    watch(cpu, lin, size, false);
    watch(cpu, lin, size, true);
    return host;
}

void cpu_slow_rmw_end(CpuX86 *cpu, const RmwPlace *place, unsigned size)
{
    mmu_ram_written(cpu, place->ram, place->ram_offset, size);
}

void *cpu_host_rmw(CpuX86 *cpu, int seg, uint64_t off, unsigned size)
{
    uint64_t lin = cpu_linear(cpu, seg, off, size, true);
    RmwPlace place;
    void *host = cpu_rmw_begin(cpu, lin, size, seg, &place);

    return place.ram || mmu_watched(cpu, lin) ? NULL : host;
}

void cpu_rmw_exclusive(CpuX86 *cpu)
{
    tcg_outside(&cpu->exec->tcg);
    cpu_exclusive_start();
    cpu->exec->in_exclusive = true;
    tcg_inside(&cpu->exec->tcg);
}

void cpu_rmw_exclusive_end(CpuX86 *cpu)
{
    cpu->exec->in_exclusive = false;
    cpu_exclusive_end();
}

/* System accesses */

#define SYSTEM_ACCESS(bits) \
    uint##bits##_t cpu_sys_ld##bits(CpuX86 *cpu, uint64_t lin) \
    { \
        unsigned index = mmu_system_index(cpu); \
        const TlbEntry *e = &cpu->exec->tlb[index][tlb_slot(lin)]; \
        return tlb_hit(e->read_tag, lin, bits / 8) ? *(const HostU##bits *)tlb_host(e, lin) \
                                                   : cpu_slow_load(cpu, lin, bits / 8, -1, index); \
    } \
    void cpu_sys_st##bits(CpuX86 *cpu, uint64_t lin, uint##bits##_t value) \
    { \
        unsigned index = mmu_system_index(cpu); \
        const TlbEntry *e = &cpu->exec->tlb[index][tlb_slot(lin)]; \
        if (tlb_hit(e->write_tag, lin, bits / 8)) { \
            *(HostU##bits *)tlb_host(e, lin) = value; \
        } else { \
            cpu_slow_store(cpu, lin, bits / 8, value, -1, index); \
        } \
    }
SYSTEM_ACCESS(16)
SYSTEM_ACCESS(32)
SYSTEM_ACCESS(64)

void cpu_sys_st8(CpuX86 *cpu, uint64_t lin, uint8_t value)
{
    cpu_slow_store(cpu, lin, 1, value, -1, mmu_system_index(cpu));
}

/* Stack */

void cpu_push(CpuX86 *cpu, unsigned size, uint64_t value)
{
    uint64_t sp = cpu_stack_wrap(cpu, cpu->regs[R_RSP] - size);

    switch (size) {
    case 2: cpu_st16(cpu, R_SS, sp, value); break;
    case 4: cpu_st32(cpu, R_SS, sp, value); break;
    default: cpu_st64(cpu, R_SS, sp, value); break;
    }
    cpu_set_sp(cpu, sp);
}

uint64_t cpu_pop_peek(CpuX86 *cpu, unsigned size, unsigned byte_offset)
{
    uint64_t sp = cpu_stack_wrap(cpu, cpu->regs[R_RSP] + byte_offset);

    switch (size) {
    case 2: return cpu_ld16(cpu, R_SS, sp);
    case 4: return cpu_ld32(cpu, R_SS, sp);
    default: return cpu_ld64(cpu, R_SS, sp);
    }
}

void cpu_pop_commit(CpuX86 *cpu, unsigned bytes)
{
    cpu_set_sp(cpu, cpu->regs[R_RSP] + bytes);
}
