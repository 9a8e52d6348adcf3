/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inline half of access.h: effective address, segment, TLB hit. Everything rarer is in exec/access.c and
 * exec/segment.c.
 *
 * Host accesses are single instructions of the operand's size, so an aligned one is atomic as on hardware. In 64-bit
 * mode a non-canonical address matches no TLB entry: the slow path finds it and raises.
 */
#ifndef TARGET_I386_EXEC_ACCESS_INL_H
#define TARGET_I386_EXEC_ACCESS_INL_H

#include "accel/tcg/tlb.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Guest data at any alignment; volatile keeps each access one instruction. */
typedef volatile uint8_t HostU8;
typedef volatile uint16_t __attribute__((aligned(1), may_alias)) HostU16;
typedef volatile uint32_t __attribute__((aligned(1), may_alias)) HostU32;
typedef volatile uint64_t __attribute__((aligned(1), may_alias)) HostU64;

/* Slow paths. @seg tells #SS from #GP; @index is a TLB_* table number (exec.h). */
uint64_t cpu_slow_load(CpuX86 *cpu, uint64_t lin, unsigned size, int seg, unsigned index);
void cpu_slow_store(CpuX86 *cpu, uint64_t lin, unsigned size, uint64_t value, int seg, unsigned index);
/** cpu_linear_checked: as cpu_linear(), with every check of limit, type and presence. */
uint64_t cpu_linear_checked(CpuX86 *cpu, int seg, uint64_t off, unsigned len, bool write);
/** cpu_segment_allows: would those checks pass? Outside of 64-bit mode. */
bool cpu_segment_allows(const CpuX86 *cpu, int seg, uint64_t off, unsigned len, bool write);

/**
 * insn_ea_by: effective address for a known address size. An absent base or index reads a register that is always 0.
 */
static ALWAYS_INLINE uint64_t insn_ea_by(const CpuX86 *cpu, const Insn *insn, unsigned addr_size)
{
    const uint64_t *regs = (const uint64_t *)((const char *)cpu + offsetof(CpuX86, regs));
    uint64_t ea = regs[insn->base & 31] + (regs[insn->index & 31] << insn->scale) + insn->disp;

    if (UNLIKELY(insn->base == REG_RIP)) {
        ea += cpu->block_rip + insn->offset + insn->length;
    }
    return addr_size == 8 ? ea : addr_size == 4 ? (uint32_t)ea : (uint16_t)ea;
}

static inline uint64_t insn_ea(const CpuX86 *cpu, const Insn *insn)
{
    return insn_ea_by(cpu, insn, insn->addr_size);
}

/** cpu_linear: linear address of [@off, +@len) in @seg, checked except for canonical form and paging. */
static inline uint64_t cpu_linear(CpuX86 *cpu, int seg, uint64_t off, unsigned len, bool write)
{
    if (LIKELY(cpu->mode_flags & MODE_CS64)) {
        return UNLIKELY(seg >= R_FS) ? cpu->seg[seg].base + off : off;
    }
    if (LIKELY((cpu->mode_flags & MODE_FLAT_DATA) && (1 << R_ES | 1 << R_SS | 1 << R_DS) >> seg & 1)) {
        return (uint32_t)off;
    }
    return cpu_linear_checked(cpu, seg, off, len, write);
}

/* By linear address, with the current privilege. */
#define MMU_ACCESS(bits) \
    static inline uint##bits##_t mmu_ld##bits(CpuX86 *cpu, uint64_t lin, int seg) \
    { \
        const TlbEntry *e = &cpu->tlb[tlb_slot(lin)]; \
        if (tlb_hit(e->read_tag, lin, bits / 8)) { \
            return *(const HostU##bits *)tlb_host(e, lin); \
        } \
        return cpu_slow_load(cpu, lin, bits / 8, seg, cpu->tlb_index); \
    } \
    static inline void mmu_st##bits(CpuX86 *cpu, uint64_t lin, uint##bits##_t v, int seg) \
    { \
        const TlbEntry *e = &cpu->tlb[tlb_slot(lin)]; \
        if (tlb_hit(e->write_tag, lin, bits / 8)) { \
            *(HostU##bits *)tlb_host(e, lin) = v; \
            return; \
        } \
        cpu_slow_store(cpu, lin, bits / 8, v, seg, cpu->tlb_index); \
    } \
    static inline uint##bits##_t cpu_ld##bits(CpuX86 *cpu, int seg, uint64_t off) \
    { \
        return mmu_ld##bits(cpu, cpu_linear(cpu, seg, off, bits / 8, false), seg); \
    } \
    static inline void cpu_st##bits(CpuX86 *cpu, int seg, uint64_t off, uint##bits##_t v) \
    { \
        mmu_st##bits(cpu, cpu_linear(cpu, seg, off, bits / 8, true), v, seg); \
    }
MMU_ACCESS(8)
MMU_ACCESS(16)
MMU_ACCESS(32)
MMU_ACCESS(64)
#undef MMU_ACCESS

/*
 * Read-modify-write in place. cpu_rmw_begin() checks for writing (a fault is a write fault, as on hardware) and gives
 * the operand's host address, or NULL where it cannot be had (device, page-crossing): then the caller loads and stores,
 * inside cpu_rmw_exclusive() if locked. cpu_rmw_end() follows the modification.
 */
typedef struct RmwPlace {
    RamBlock *ram;                              /* page with code or logged writes: told at the end; else NULL */
    uint64_t ram_offset;
} RmwPlace;

void *cpu_slow_rmw(CpuX86 *cpu, uint64_t lin, unsigned size, int seg, RmwPlace *place);
void cpu_slow_rmw_end(CpuX86 *cpu, const RmwPlace *place, unsigned size);
/** cpu_rmw_exclusive: all other vCPUs stand still until cpu_rmw_exclusive_end(); a raise in between ends it too. */
void cpu_rmw_exclusive(CpuX86 *cpu);
void cpu_rmw_exclusive_end(CpuX86 *cpu);

static inline void *cpu_rmw_begin(CpuX86 *cpu, uint64_t lin, unsigned size, int seg, RmwPlace *place)
{
    const TlbEntry *e = &cpu->tlb[tlb_slot(lin)];

    place->ram = NULL;
    if (tlb_hit(e->write_tag, lin, size)) {
        return tlb_host(e, lin);
    }
    return cpu_slow_rmw(cpu, lin, size, seg, place);
}

static inline void cpu_rmw_end(CpuX86 *cpu, const RmwPlace *place, unsigned size)
{
    if (UNLIKELY(place->ram)) {
        cpu_slow_rmw_end(cpu, place, size);
    }
}

/* Stack pointer arithmetic of the current mode. */
static inline uint64_t cpu_stack_wrap(const CpuX86 *cpu, uint64_t sp)
{
    return cpu->mode_flags & MODE_CS64 ? sp : cpu->mode_flags & MODE_SS32 ? (uint32_t)sp : (uint16_t)sp;
}

static inline void cpu_set_sp(CpuX86 *cpu, uint64_t sp)
{
    if (LIKELY(cpu->mode_flags & MODE_CS64)) {
        cpu->regs[R_RSP] = sp;
    } else if (cpu->mode_flags & MODE_SS32) {
        cpu->regs[R_RSP] = (uint32_t)sp;
    } else {
        cpu->regs[R_RSP] = (cpu->regs[R_RSP] & ~0xffffull) | (uint16_t)sp;
    }
}

#endif
