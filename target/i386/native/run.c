/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running a bound vector instruction: read memory, call the stub, write memory, act on its status.
 *
 * native_bind() leaves in the Insn: host = the stub; imm = places of the register operands as byte offsets from the
 * vCPU divided by 8, 16 bits each (ModRM.reg, vvvv, ModRM.rm, is4 or EVEX write mask); imm2 = bytes of the memory
 * operand.
 *
 * Memory operands in plain RAM are passed to the stub as they lie; others go through a buffer. A store is probed before
 * the stub runs, since the stub may change MXCSR. A masked memory operand (EVEX) reads and writes only elements that
 * the mask selects, so that the others cannot fault.
 */
#include "target/i386/exec/flags.h"
#include "target/i386/insn/operand.h"
#include "target/i386/native/native.h"
#include "target/i386/native/vector_mem.h"
#include "target/i386/native/x87_state.h"

#ifdef __x86_64__

static void *place(CpuX86 *cpu, const Insn *insn, unsigned slot)
{
    return (uint8_t *)cpu + (insn->imm >> (16 * slot) & 0xffff) * 8;
}

static inline uint64_t call(CpuX86 *cpu, const Insn *insn, void *mem)
{
    return ((NativeStub *)insn->host)(cpu, mem, place(cpu, insn, 0), place(cpu, insn, 1), place(cpu, insn, 2),
                                      place(cpu, insn, 3));
}

static G_NORETURN void raise_status(CpuX86 *cpu, unsigned status)
{
    cpu_raise(cpu, status == NATIVE_FP_EXCEPTION && cpu->cr4 & CR4_OSXMMEXCPT ? VECTOR_XM : VECTOR_UD);
}

static inline void check_status(CpuX86 *cpu, uint64_t status)
{
    if (UNLIKELY(status & 0xff)) {
        raise_status(cpu, status & 0xff);
    }
}

/* Where the stub can read the operand. */
static ALWAYS_INLINE void *load_operand(CpuX86 *cpu, const Insn *insn, VectorBuffer *buffer, bool aligned)
{
    return (void *)vector_load(cpu, insn, insn->imm2, aligned, buffer);
}

static void run_reg(CpuX86 *cpu, const Insn *insn)
{
    check_status(cpu, call(cpu, insn, NULL));
    INSN_NEXT(cpu, insn);
}

static void run_load(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer;

    check_status(cpu, call(cpu, insn, load_operand(cpu, insn, &buffer, false)));
}

static void run_load_aligned(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer;

    check_status(cpu, call(cpu, insn, load_operand(cpu, insn, &buffer, true)));
}

/* The fast form of run_load() and run_load_aligned(), see insn/operand.h. */
static void run_load_fast(CpuX86 *cpu, const Insn *insn)
{
    FAST_MEM(cpu, insn, 8 * insn->imm2, read_tag, host, run_load);
    check_status(cpu, call(cpu, insn, host));
    INSN_NEXT(cpu, insn);
}

static void run_load_aligned_fast(CpuX86 *cpu, const Insn *insn)
{
    FAST_MEM(cpu, insn, 8 * insn->imm2, read_tag, host, run_load_aligned);
    if (UNLIKELY(lin_ & (insn->imm2 - 1))) {
        run_load_aligned(cpu, insn);
        return;
    }
    check_status(cpu, call(cpu, insn, host));
    INSN_NEXT(cpu, insn);
}

static void run_store(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer;
    uint64_t off = insn_ea(cpu, insn);

    if (insn_row(insn)->properties & ROW_ALIGNED) {
        vector_check_aligned(cpu, cpu_linear(cpu, insn->seg, off, insn->imm2, true), insn->imm2);
    }
    cpu_probe_write(cpu, insn->seg, off, insn->imm2);
    check_status(cpu, call(cpu, insn, buffer.bytes));
    cpu_st_bytes(cpu, insn->seg, off, buffer.bytes, insn->imm2);
}

/* EVEX with memory */

/* Elements that the write mask selects, of @count. */
static uint64_t selected_elements(CpuX86 *cpu, const Insn *insn, unsigned count)
{
    uint64_t all = count == 64 ? UINT64_MAX : (1ull << count) - 1;

    return insn->evex & 7 ? cpu->fpu.k[insn->evex & 7] & all : all;
}

static uint64_t wrap(const Insn *insn, uint64_t off)
{
    return insn->addr_size == 8 ? off : insn->addr_size == 4 ? (uint32_t)off : (uint16_t)off;
}

/*
 * Which bytes of the operand the instruction touches: @length of them from the start, in elements of @element bytes by
 * @mask. Expansion and compression touch as many elements as the mask selects, in a row; a broadcast
 * touches its one element if the mask selects any; of a repeated operand, an element is touched if any copy is selected.
 */
typedef struct Touched { unsigned length, element; uint64_t mask; } Touched;

static Touched touched_bytes(CpuX86 *cpu, const Insn *insn, bool write)
{
    uint64_t properties = insn_row(insn)->properties;
    Touched t = { insn->imm2, insn_element_bytes(insn), UINT64_MAX };

    if ((properties & ROW_NF && !write) || !t.element || !(insn->evex & 7)) {
        return t;
    }
    if (properties & ROW_TUPLE1) {
        t.length = t.element * __builtin_popcountll(selected_elements(cpu, insn, insn->size / t.element));
    } else if (insn->evex & 0x10) {
        t.length = selected_elements(cpu, insn, insn->size / t.element) ? t.element : 0;
    } else if (properties & ROW_REPEAT) {
        unsigned count = t.length / t.element;
        uint64_t selected = selected_elements(cpu, insn, insn->size / t.element);

        for (t.mask = 0; selected; selected >>= count) {
            t.mask |= selected & ((1ull << count) - 1);
        }
    } else {
        t.mask = selected_elements(cpu, insn, t.length / t.element);
    }
    return t;
}

/* The whole operand if it lies in plain RAM, else NULL. Checks alignment. */
static void *plain_ram(CpuX86 *cpu, const Insn *insn, uint64_t off, bool write)
{
    uint64_t linear;
    const TlbEntry *e;

    if (!(cpu->mode_flags & (MODE_CS64 | MODE_FLAT_DATA))) {
        return NULL;                            /* a limit may cut it: element by element */
    }
    linear = cpu_linear(cpu, insn->seg, off, insn->imm2, write);
    e = &cpu->tlb[tlb_slot(linear)];
    if (insn_row(insn)->properties & ROW_ALIGNED) {
        vector_check_aligned(cpu, linear, insn->imm2);
    }
    return tlb_hit(write ? e->write_tag : e->read_tag, linear, insn->imm2) ? tlb_host(e, linear) : NULL;
}

static void run_evex_load(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer = { { 0 } };
    uint64_t off = insn_ea(cpu, insn);
    void *host = plain_ram(cpu, insn, off, false);
    Touched t;

    if (host) {
        check_status(cpu, call(cpu, insn, host));
        return;
    }
    t = touched_bytes(cpu, insn, false);
    if (t.mask == UINT64_MAX) {
        if (t.length) {
            cpu_ld_bytes(cpu, insn->seg, off, buffer.bytes, t.length);
        }
    } else {
        for (unsigned i = 0; i < t.length / t.element; i++) {
            if (t.mask >> i & 1) {
                cpu_ld_bytes(cpu, insn->seg, wrap(insn, off + i * t.element), buffer.bytes + i * t.element, t.element);
            }
        }
    }
    check_status(cpu, call(cpu, insn, buffer.bytes));
}

static void run_evex_store(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer = { { 0 } };
    uint64_t off = insn_ea(cpu, insn);
    void *host = plain_ram(cpu, insn, off, true);
    Touched t;

    if (host) {
        check_status(cpu, call(cpu, insn, host));       /* the instruction itself honours the mask */
        return;
    }
    if (insn_row(insn)->properties & ROW_NF) {  /* all must be writable, though the mask tells what is written */
        cpu_probe_write(cpu, insn->seg, off, insn->imm2);
    }
    t = touched_bytes(cpu, insn, true);
    if (t.mask == UINT64_MAX) {
        if (t.length) {
            cpu_probe_write(cpu, insn->seg, off, t.length);
        }
        check_status(cpu, call(cpu, insn, buffer.bytes));
        if (t.length) {
            cpu_st_bytes(cpu, insn->seg, off, buffer.bytes, t.length);
        }
        return;
    }
    for (unsigned i = 0; i < t.length / t.element; i++) {
        if (t.mask >> i & 1) {
            cpu_probe_write(cpu, insn->seg, wrap(insn, off + i * t.element), t.element);
        }
    }
    check_status(cpu, call(cpu, insn, buffer.bytes));
    for (unsigned i = 0; i < t.length / t.element; i++) {
        if (t.mask >> i & 1) {
            cpu_st_bytes(cpu, insn->seg, wrap(insn, off + i * t.element), buffer.bytes + i * t.element, t.element);
        }
    }
}

static void run_flags(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer;
    void *mem = insn_has_mem(insn) ? load_operand(cpu, insn, &buffer, insn_row(insn)->properties & ROW_ALIGNED) : NULL;
    uint64_t status = call(cpu, insn, mem);

    check_status(cpu, status);
    flags_put(cpu, status >> 8);
}

/* MMX, alone or with vector registers. */
static void run_mmx(CpuX86 *cpu, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    VectorBuffer buffer;
    bool memory = insn_has_mem(insn);
    unsigned group = operand_kinds[row->operands[0]].group;
    bool touches_mmx = group != GROUP_V || !memory;     /* not CVTPI2PS, CVTPI2PD from memory: no change of x87 state */
    void *mem;

    if (touches_mmx) {
        x87_check_pending(cpu);                 /* comes before faults of the operand */
    }
    mem = memory ? load_operand(cpu, insn, &buffer, row->properties & ROW_ALIGNED) : NULL;
    if (!touches_mmx) {
        check_status(cpu, call(cpu, insn, mem));
        return;
    }
    x87_enter_mmx(cpu);
    check_status(cpu, call(cpu, insn, mem));
    if (group == GROUP_P) {
        x87_mmx_written(cpu, insn->reg);
    } else if (group == GROUP_N) {
        x87_mmx_written(cpu, insn->rm);
    }
}

static unsigned state_offset(const Insn *insn, unsigned group, unsigned number)
{
    switch (group) {
    case GROUP_V: case GROUP_W: case GROUP_U: case GROUP_H: case GROUP_L:
        return offsetof(CpuX86, fpu.zmm) + 64 * (number & 31);
    case GROUP_P: case GROUP_Q: case GROUP_N:
        return offsetof(CpuX86, fpu.fx.st) + 16 * (number & 7);
    case GROUP_KG: case GROUP_KE: case GROUP_KR: case GROUP_KH:
        return offsetof(CpuX86, fpu.k) + 8 * (number & 7);
    }
    return offsetof(CpuX86, regs) + 8 * (number & 15);
}

_Static_assert(offsetof(CpuX86, fpu) + sizeof(FpuState) < 8 * 0x10000 && offsetof(CpuX86, regs) % 8 == 0 &&
               offsetof(CpuX86, fpu) % 16 == 0, "operand places are 16-bit counts of 8 bytes");

/* Offsets of the registers that the operands name. Before insn->imm is overwritten. */
static uint64_t operand_places(const CpuX86 *cpu, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    unsigned offset[4] = { 0 };
    uint64_t places = 0;

    for (unsigned i = 0; i < 4; i++) {
        unsigned group = operand_kinds[row->operands[i]].group;

        switch (group) {
        case GROUP_V: case GROUP_P: case GROUP_KG: case GROUP_G:
            offset[0] = state_offset(insn, group, insn->reg);
            break;
        case GROUP_H: case GROUP_KH:
            offset[1] = state_offset(insn, group, insn->vvvv);
            break;
        case GROUP_L:
            offset[3] = state_offset(insn, group, insn->imm >> 4 & (cpu->mode_flags & MODE_CS64 ? 15 : 7));
            break;
        case GROUP_W: case GROUP_U: case GROUP_Q: case GROUP_N:
        case GROUP_KE: case GROUP_KR: case GROUP_E: case GROUP_R:
            if (!insn_has_mem(insn)) {
                offset[2] = state_offset(insn, group, insn->rm);
            }
            break;
        }
    }
    if (insn->evex & 7) {
        offset[3] = offsetof(CpuX86, fpu.k) + 8 * (insn->evex & 7);
    }
    for (unsigned i = 0; i < 4; i++) {
        places |= (uint64_t)(offset[i] / 8) << (16 * i);
    }
    return places;
}

InsnFn *native_bind(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    bool memory = insn_has_mem(insn);

    insn->host = native_vector_stub(cpu, insn);
    if (!insn->host) {
        return NULL;
    }
    insn->imm = operand_places(cpu, insn);
    insn->imm2 = memory ? insn_operand_bytes(cpu, insn, row->mem_operand) : 0;
    if (row->properties & ROW_MMX) {
        return run_mmx;
    }
    if (row->flags_written) {
        return run_flags;
    }
    if (!memory) {
        return run_reg;
    }
    if (row->encoding == ENCODING_EVEX) {
        return row->mem_operand == 0 ? run_evex_store : run_evex_load;
    }
    if (row->mem_operand == 0) {
        return run_store;
    }
    if (mem_form(cpu, insn) == MEM_FLAT) {
        return row->properties & ROW_ALIGNED ? run_load_aligned_fast : run_load_fast;
    }
    return row->properties & ROW_ALIGNED ? run_load_aligned : run_load;
}
#endif
