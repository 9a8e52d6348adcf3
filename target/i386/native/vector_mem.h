/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory operands of vector instructions: in plain RAM where they lie, else through a buffer. All raise what the access
 * raises; alignment is that of the linear address (ROW_ALIGNED: #GP(0)).
 */
#ifndef TARGET_I386_NATIVE_VECTOR_MEM_H
#define TARGET_I386_NATIVE_VECTOR_MEM_H

#include "target/i386/access.h"

typedef struct __attribute__((aligned(64))) VectorBuffer { uint8_t bytes[64]; } VectorBuffer;

static inline void vector_check_aligned(CpuX86 *cpu, uint64_t linear, unsigned bytes)
{
    if (UNLIKELY(linear & (bytes - 1))) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
}

/** vector_load: where the operand's @bytes (at most 64) can be read; maybe @buffer. */
static ALWAYS_INLINE const void *vector_load(CpuX86 *cpu, const Insn *insn, unsigned bytes, bool aligned,
                                             VectorBuffer *buffer)
{
    uint64_t off = insn_ea(cpu, insn), linear = cpu_linear(cpu, insn->seg, off, bytes, false);
    const TlbEntry *e = &cpu->tlb[tlb_slot(linear)];

    if (aligned) {
        vector_check_aligned(cpu, linear, bytes);
    }
    if (tlb_hit(e->read_tag, linear, bytes)) {
        return tlb_host(e, linear);
    }
    cpu_ld_bytes(cpu, insn->seg, off, buffer->bytes, bytes);
    return buffer->bytes;
}

/** vector_store: stores @bytes from @from. */
static ALWAYS_INLINE void vector_store(CpuX86 *cpu, const Insn *insn, const void *from, unsigned bytes, bool aligned)
{
    uint64_t off = insn_ea(cpu, insn), linear = cpu_linear(cpu, insn->seg, off, bytes, true);
    const TlbEntry *e = &cpu->tlb[tlb_slot(linear)];

    if (aligned) {
        vector_check_aligned(cpu, linear, bytes);
    }
    if (tlb_hit(e->write_tag, linear, bytes)) {
        memcpy(tlb_host(e, linear), from, bytes);
        return;
    }
    cpu_st_bytes(cpu, insn->seg, off, from, bytes);
}

#endif
