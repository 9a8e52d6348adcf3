/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the integer families share: registers by operand size, memory operands, read-modify-write.
 *
 * Handlers are made per size and operand kind: an always-inline template gets `bits` and the form as constants, a macro
 * instantiates it, the family's bind picks from a table.
 *
 * Hot handlers end in INSN_NEXT(), which goes on to the next instruction of the block by a tail call; for that they
 * must have no frame. So a memory operand has a fast form (MEM_FLAT: known at bind time to need no segment check; a TLB
 * hit or else a tail call of the other) and a general one (MEM_ANY), which returns to the run loop.
 */
#ifndef TARGET_I386_INSN_OPERAND_H
#define TARGET_I386_INSN_OPERAND_H

#include "target/i386/access.h"
#include "target/i386/exec/flags.h"
#include "target/i386/insn-gen.h"

typedef enum MemForm { MEM_FLAT, MEM_ANY } MemForm;

#define SEXT(bits, x) ((int64_t)((uint64_t)(x) << (64 - (bits))) >> (64 - (bits)))
#define ZEXT(bits, x) ((uint64_t)(x) << (64 - (bits)) >> (64 - (bits)))

/* 0..3 for operand sizes 1, 2, 4, 8 */
static inline unsigned size_log2(unsigned size) { return __builtin_ctz(size); }

/* Registers. Byte registers 16..19 are AH, CH, DH, BH: bits 8-15 of 0..3. Host is little-endian or shifts. */
static ALWAYS_INLINE uint64_t reg_read(const CpuX86 *cpu, unsigned bits, unsigned r)
{
    switch (bits) {
    case 8: return (uint8_t)(cpu->regs[r & 15] >> (r >> 4) * 8);
    case 16: return (uint16_t)cpu->regs[r];
    case 32: return (uint32_t)cpu->regs[r];
    default: return cpu->regs[r];
    }
}

static ALWAYS_INLINE void reg_write(CpuX86 *cpu, unsigned bits, unsigned r, uint64_t v)
{
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
    switch (bits) {
    case 8: ((uint8_t *)&cpu->regs[r & 15])[r >> 4] = v; break;
    case 16: *(uint16_t *)&cpu->regs[r] = v; break;
    case 32: cpu->regs[r] = (uint32_t)v; break;
    default: cpu->regs[r] = v; break;
    }
#else
    unsigned shift = bits == 8 ? (r >> 4) * 8 : 0;
    uint64_t mask = ZEXT(bits, ~0ull) << shift;
    uint64_t *reg = &cpu->regs[bits == 8 ? r & 15 : r];
    *reg = bits == 32 ? (uint32_t)v : (*reg & ~mask) | (v << shift & mask);
#endif
}

/** INSN_NEXT: as the last statement of a handler: the instruction is done. */
#define INSN_NEXT(cpu, insn) do { \
        const Insn *next_ = (insn) + 1; \
        if (LIKELY(next_ != (cpu)->block_end)) { \
            (cpu)->insn = next_; \
            next_->fn(cpu, next_); \
        } \
    } while (0)

/* Memory operands */

static inline MemForm mem_form(const CpuX86 *cpu, const Insn *insn)
{
    if (cpu->mode_flags & MODE_CS64) {
        return insn->addr_size == 8 && insn->seg < R_FS ? MEM_FLAT : MEM_ANY;
    }
    return cpu->mode_flags & MODE_FLAT_DATA && insn->addr_size == 4 && insn->seg < R_FS && insn->seg != R_CS ? MEM_FLAT
                                                                                                             : MEM_ANY;
}

/* Known at bind time: the stack needs no segment check, and its pointer is as wide as the code's addresses. */
static inline bool stack_is_flat(const CpuX86 *cpu)
{
    const uint32_t flat32 = MODE_CS32 | MODE_SS32 | MODE_FLAT_DATA;
    return cpu->mode_flags & MODE_CS64 || (cpu->mode_flags & flat32) == flat32;
}

/* Linear address of a MEM_FLAT operand. */
static ALWAYS_INLINE uint64_t flat_linear(const CpuX86 *cpu, const Insn *insn)
{
    return insn_ea_by(cpu, insn, 8) & cpu->flat_mask;
}

/*
 * The fast half of a handler: declares @host, the operand's host address, on a TLB hit; else ends as a call of
 * @general, the handler's MEM_ANY form.
 */
#define FAST_MEM(cpu, insn, bits, tag, host, general) \
    uint64_t lin_ = flat_linear(cpu, insn); \
    const TlbEntry *entry_ = &(cpu)->tlb[tlb_slot(lin_)]; \
    if (UNLIKELY(!tlb_hit(entry_->tag, lin_, (bits) / 8))) { \
        general(cpu, insn); \
        return; \
    } \
    void *host = tlb_host(entry_, lin_)

static ALWAYS_INLINE uint64_t mem_linear(CpuX86 *cpu, const Insn *insn, unsigned len, bool write)
{
    return cpu_linear(cpu, insn->seg, insn_ea(cpu, insn), len, write);
}

static ALWAYS_INLINE uint64_t mmu_load(CpuX86 *cpu, unsigned bits, uint64_t lin, int seg)
{
    switch (bits) {
    case 8: return mmu_ld8(cpu, lin, seg);
    case 16: return mmu_ld16(cpu, lin, seg);
    case 32: return mmu_ld32(cpu, lin, seg);
    default: return mmu_ld64(cpu, lin, seg);
    }
}

static ALWAYS_INLINE void mmu_store(CpuX86 *cpu, unsigned bits, uint64_t lin, uint64_t v, int seg)
{
    switch (bits) {
    case 8: mmu_st8(cpu, lin, v, seg); break;
    case 16: mmu_st16(cpu, lin, v, seg); break;
    case 32: mmu_st32(cpu, lin, v, seg); break;
    default: mmu_st64(cpu, lin, v, seg); break;
    }
}

static ALWAYS_INLINE uint64_t mem_read(CpuX86 *cpu, const Insn *insn, unsigned bits)
{
    return mmu_load(cpu, bits, mem_linear(cpu, insn, bits / 8, false), insn->seg);
}

static ALWAYS_INLINE void mem_write(CpuX86 *cpu, const Insn *insn, unsigned bits, uint64_t v)
{
    mmu_store(cpu, bits, mem_linear(cpu, insn, bits / 8, true), v, insn->seg);
}

static ALWAYS_INLINE uint64_t seg_load(CpuX86 *cpu, unsigned bits, int seg, uint64_t off)
{
    return mmu_load(cpu, bits, cpu_linear(cpu, seg, off, bits / 8, false), seg);
}

static ALWAYS_INLINE void seg_store(CpuX86 *cpu, unsigned bits, int seg, uint64_t off, uint64_t v)
{
    mmu_store(cpu, bits, cpu_linear(cpu, seg, off, bits / 8, true), v, seg);
}

/* Register or memory by ModRM.rm. */
static ALWAYS_INLINE uint64_t rm_read(CpuX86 *cpu, const Insn *insn, unsigned bits)
{
    return insn_has_mem(insn) ? mem_read(cpu, insn, bits) : reg_read(cpu, bits, insn->rm);
}

static ALWAYS_INLINE void rm_write(CpuX86 *cpu, const Insn *insn, unsigned bits, uint64_t v)
{
    if (insn_has_mem(insn)) {
        mem_write(cpu, insn, bits, v);
    } else {
        reg_write(cpu, bits, insn->rm, v);
    }
}

/* Host memory of operand size. */
static ALWAYS_INLINE uint64_t host_load(unsigned bits, const void *p)
{
    switch (bits) {
    case 8: return *(const HostU8 *)p;
    case 16: return *(const HostU16 *)p;
    case 32: return *(const HostU32 *)p;
    default: return *(const HostU64 *)p;
    }
}

static ALWAYS_INLINE void host_store(unsigned bits, void *p, uint64_t v)
{
    switch (bits) {
    case 8: *(HostU8 *)p = v; break;
    case 16: *(HostU16 *)p = v; break;
    case 32: *(HostU32 *)p = v; break;
    default: *(HostU64 *)p = v; break;
    }
}

/** host_cas: atomic compare-and-swap, at any alignment as x86 has it; returns what was there. */
static ALWAYS_INLINE uint64_t host_cas(unsigned bits, void *p, uint64_t old, uint64_t new)
{
    switch (bits) {
    case 8: return __sync_val_compare_and_swap((uint8_t *)p, (uint8_t)old, (uint8_t)new);
    case 16: return __sync_val_compare_and_swap((uint16_t *)p, (uint16_t)old, (uint16_t)new);
    case 32: return __sync_val_compare_and_swap((uint32_t *)p, (uint32_t)old, (uint32_t)new);
    default: return __sync_val_compare_and_swap((uint64_t *)p, (uint64_t)old, (uint64_t)new);
    }
}

/*
 * The frame of a read-modify-write memory operand. @step(cpu, old, arg...) computes the new value and stores flags;
 * under LOCK it may run several times, so it must depend on nothing that it changes.
 *
 *   RMW(cpu, lin, bits, seg, locked, old, new-expression)
 */
#define RMW(cpu_, lin_, bits_, seg_, locked_, old_, new_) do { \
        RmwPlace place_; \
        uint64_t at_ = (lin_); \
        void *host_ = cpu_rmw_begin(cpu_, at_, (bits_) / 8, seg_, &place_); \
        if (LIKELY(host_)) { \
            if (locked_) { \
                uint64_t seen_ = host_load(bits_, host_), old_; \
                do { \
                    old_ = seen_; \
                    seen_ = host_cas(bits_, host_, old_, (new_)); \
                } while (UNLIKELY(seen_ != old_)); \
            } else { \
                uint64_t old_ = host_load(bits_, host_); \
                host_store(bits_, host_, (new_)); \
            } \
            cpu_rmw_end(cpu_, &place_, (bits_) / 8); \
        } else { \
            if (locked_) { \
                cpu_rmw_exclusive(cpu_); \
            } \
            uint64_t old_ = mmu_load(cpu_, bits_, at_, seg_); \
            mmu_store(cpu_, bits_, at_, (new_), seg_); \
            if (locked_) { \
                cpu_rmw_exclusive_end(cpu_); \
            } \
        } \
    } while (0)

/* Instantiates a template for the four sizes; rows of a bind table in size order. */
#define SIZES(X, ...) X(8, __VA_ARGS__) X(16, __VA_ARGS__) X(32, __VA_ARGS__) X(64, __VA_ARGS__)
#define WIDE_SIZES(X, ...) X(16, __VA_ARGS__) X(32, __VA_ARGS__) X(64, __VA_ARGS__)

#endif
