/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory as instructions see it: segment, paging, RAM or device, with an inline fast path.
 *
 *   offset -> (segment base, limit, type: cpu_linear_*) -> linear -> TLB hit: host address
 *                                                        -> miss, device, page-crossing, watched page: slow path in exec/
 *
 * All raise (#GP, #SS, #PF, #AC) and do not return when the access is not allowed. Values are zero-extended.
 * `seg` is R_*; `off` is the effective address already wrapped to the address size.
 */
#ifndef TARGET_I386_ACCESS_H
#define TARGET_I386_ACCESS_H

#include "target/i386/insn.h"

/** insn_ea: effective address (offset) of the memory operand, wrapped to the address size. */
static inline uint64_t insn_ea(const CpuX86 *cpu, const Insn *insn);

/* By segment and offset. @size-suffixed: 1, 2, 4, 8 bytes. */
static inline uint8_t cpu_ld8(CpuX86 *cpu, int seg, uint64_t off);
static inline uint16_t cpu_ld16(CpuX86 *cpu, int seg, uint64_t off);
static inline uint32_t cpu_ld32(CpuX86 *cpu, int seg, uint64_t off);
static inline uint64_t cpu_ld64(CpuX86 *cpu, int seg, uint64_t off);
static inline void cpu_st8(CpuX86 *cpu, int seg, uint64_t off, uint8_t v);
static inline void cpu_st16(CpuX86 *cpu, int seg, uint64_t off, uint16_t v);
static inline void cpu_st32(CpuX86 *cpu, int seg, uint64_t off, uint32_t v);
static inline void cpu_st64(CpuX86 *cpu, int seg, uint64_t off, uint64_t v);
/* Any size up to 4096 (vectors, FXSAVE, XSAVE): checked whole before the first byte is stored. */
void cpu_ld_bytes(CpuX86 *cpu, int seg, uint64_t off, void *buf, unsigned len);
void cpu_st_bytes(CpuX86 *cpu, int seg, uint64_t off, const void *buf, unsigned len);
/** cpu_probe_write: faults now if [off, +len) could not be written (page by page); for instructions that store late. */
void cpu_probe_write(CpuX86 *cpu, int seg, uint64_t off, unsigned len);
/**
 * cpu_host_rmw: host address of a naturally contiguous read-modify-write operand, for locked operations; NULL if it is
 * a device, crosses a page or lies in a watched or code page: then call cpu_exclusive_start() and use ld/st.
 */
void *cpu_host_rmw(CpuX86 *cpu, int seg, uint64_t off, unsigned size);

/* System accesses by linear address, CPL 0 regardless of the current CPL (descriptor tables, TSS, IDT). */
uint16_t cpu_sys_ld16(CpuX86 *cpu, uint64_t lin);
uint32_t cpu_sys_ld32(CpuX86 *cpu, uint64_t lin);
uint64_t cpu_sys_ld64(CpuX86 *cpu, uint64_t lin);
void cpu_sys_st16(CpuX86 *cpu, uint64_t lin, uint16_t v);
void cpu_sys_st32(CpuX86 *cpu, uint64_t lin, uint32_t v);
void cpu_sys_st64(CpuX86 *cpu, uint64_t lin, uint64_t v);
void cpu_sys_st8(CpuX86 *cpu, uint64_t lin, uint8_t v);
/* Stack of a given privilege by linear address (far transfers push on the new stack at the new CPL). */
void cpu_stack_probe(CpuX86 *cpu, uint64_t lin, unsigned len, int cpl);

/* Push and pop on SS:(E/R)SP of the current mode; `size` bytes. Pop leaves RSP for the caller to commit by cpu_pop_commit(). */
void cpu_push(CpuX86 *cpu, unsigned size, uint64_t value);
uint64_t cpu_pop_peek(CpuX86 *cpu, unsigned size, unsigned byte_offset);
void cpu_pop_commit(CpuX86 *cpu, unsigned bytes);

#include "target/i386/exec/access-inl.h"

#endif
