/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Masked moves, gathers and scatters, element by element in C: elements whose mask bit is clear are not accessed and
 * cannot fault. A gather or scatter commits each element and clears its mask, so that after a fault it resumes where it
 * was. A masked store faults before its first byte is stored.
 */
#include "target/i386/access.h"
#include "target/i386/insn-gen.h"
#include "target/i386/native/x87_state.h"

static uint64_t load_element(CpuX86 *cpu, const Insn *insn, uint64_t off, unsigned bytes)
{
    return bytes == 8 ? cpu_ld64(cpu, insn->seg, off) : cpu_ld32(cpu, insn->seg, off);
}

static uint64_t wrap(const Insn *insn, uint64_t off)
{
    return insn->addr_size == 8 ? off : insn->addr_size == 4 ? (uint32_t)off : (uint16_t)off;
}

/* The sign bit of element @i. */
static bool selected(const uint8_t *mask, unsigned i, unsigned bytes) { return mask[(i + 1) * bytes - 1] >> 7; }

static unsigned element_bytes(const Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_VMASKMOVPD: case OP_VPMASKMOVQ:
    case OP_VGATHERDPD: case OP_VGATHERQPD: case OP_VPGATHERDQ: case OP_VPGATHERQQ:
        return 8;
    }
    return 4;
}

/* VMASKMOVPS, VPMASKMOVD and the like: vvvv is the mask. */
static void masked_load(CpuX86 *cpu, const Insn *insn)
{
    unsigned bytes = element_bytes(insn);
    uint64_t off = insn_ea(cpu, insn);
    uint8_t result[64] = { 0 };

    for (unsigned i = 0; i < insn->size / bytes; i++) {
        if (selected(cpu->fpu.zmm[insn->vvvv], i, bytes)) {
            uint64_t value = load_element(cpu, insn, wrap(insn, off + i * bytes), bytes);

            memcpy(result + i * bytes, &value, bytes);
        }
    }
    memcpy(cpu->fpu.zmm[insn->reg], result, 64);
}

static void masked_store(CpuX86 *cpu, const Insn *insn)
{
    unsigned bytes = element_bytes(insn);
    const uint8_t *mask = cpu->fpu.zmm[insn->vvvv], *from = cpu->fpu.zmm[insn->reg];
    uint64_t off = insn_ea(cpu, insn);

    for (unsigned i = 0; i < insn->size / bytes; i++) {
        if (selected(mask, i, bytes)) {
            cpu_probe_write(cpu, insn->seg, wrap(insn, off + i * bytes), bytes);
        }
    }
    for (unsigned i = 0; i < insn->size / bytes; i++) {
        if (selected(mask, i, bytes)) {
            uint64_t value = 0;

            memcpy(&value, from + i * bytes, bytes);
            if (bytes == 8) {
                cpu_st64(cpu, insn->seg, wrap(insn, off + i * bytes), value);
            } else {
                cpu_st32(cpu, insn->seg, wrap(insn, off + i * bytes), (uint32_t)value);
            }
        }
    }
}

/* MASKMOVQ, MASKMOVDQU: bytes of ModRM.reg to [rDI], where ModRM.rm has bit 7 of the byte set. */
static void masked_bytes(CpuX86 *cpu, const Insn *insn)
{
    bool mmx = insn_row(insn)->properties & ROW_MMX;
    unsigned count = mmx ? 8 : 16;
    uint64_t off = cpu->regs[R_RDI];
    uint8_t data[16], mask[16];

    if (mmx) {
        x87_check_pending(cpu);
        unsigned top = x87_top(cpu);

        memcpy(data, cpu->fpu.fx.st[(insn->reg - top) & 7], count);
        memcpy(mask, cpu->fpu.fx.st[(insn->rm - top) & 7], count);
    } else {
        memcpy(data, cpu->fpu.zmm[insn->reg], count);
        memcpy(mask, cpu->fpu.zmm[insn->rm], count);
    }
    for (unsigned i = 0; i < count; i++) {
        if (mask[i] >> 7) {
            cpu_probe_write(cpu, insn->seg, wrap(insn, off + i), 1);
        }
    }
    if (mmx) {
        x87_enter_mmx(cpu);
    }
    for (unsigned i = 0; i < count; i++) {
        if (mask[i] >> 7) {
            cpu_st8(cpu, insn->seg, wrap(insn, off + i), data[i]);
        }
    }
}

InsnFn *bind_vmask(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_MASKMOVQ: case OP_MASKMOVDQU: case OP_VMASKMOVDQU:
        return masked_bytes;
    }
    return insn_row(insn)->mem_operand == 0 ? masked_store : masked_load;
}

/* Effective address of element @i. The opcode's low bit says whether indices are of 8 bytes. */
static uint64_t element_address(const CpuX86 *cpu, const Insn *insn, unsigned i)
{
    uint64_t base = insn->base == REG_NONE ? 0 : cpu->regs[insn->base];
    const uint8_t *indices = cpu->fpu.zmm[insn->index];
    int64_t index;

    if (insn_row(insn)->opcode & 1) {
        memcpy(&index, indices + i * 8, 8);
    } else {
        int32_t narrow;

        memcpy(&narrow, indices + i * 4, 4);
        index = narrow;
    }
    return wrap(insn, base + ((uint64_t)index << insn->scale) + insn->disp);
}

static unsigned element_count(const Insn *insn, unsigned bytes)
{
    return insn->size / MAX(bytes, insn_row(insn)->opcode & 1 ? 8 : 4);
}

static void gather(CpuX86 *cpu, const Insn *insn)
{
    unsigned bytes = element_bytes(insn), count = element_count(insn, bytes);
    uint8_t *to = cpu->fpu.zmm[insn->reg], *mask = cpu->fpu.zmm[insn->vvvv];

    for (unsigned i = 0; i < count; i++) {
        if (selected(mask, i, bytes)) {
            uint64_t value = load_element(cpu, insn, element_address(cpu, insn, i), bytes);

            memcpy(to + i * bytes, &value, bytes);
        }
        memset(mask + i * bytes, 0, bytes);     /* also of elements that were not asked for: a later one may fault */
    }
    memset(mask, 0, 64);
    memset(to + count * bytes, 0, 64 - count * bytes);
}

/* EVEX: the mask is an opmask register, cleared bit by bit. */
static void gather_opmask(CpuX86 *cpu, const Insn *insn)
{
    unsigned bytes = insn_element_bytes(insn), count = element_count(insn, bytes);
    uint8_t *to = cpu->fpu.zmm[insn->reg];
    uint64_t *mask = &cpu->fpu.k[insn->evex & 7];

    for (unsigned i = 0; i < count; i++) {
        if (*mask >> i & 1) {
            uint64_t value = load_element(cpu, insn, element_address(cpu, insn, i), bytes);

            memcpy(to + i * bytes, &value, bytes);
            memset(to + insn->size, 0, 64 - insn->size);    /* a write of the register, though a later one may fault */
            *mask &= ~(1ull << i);
        }
    }
    *mask = 0;
    memset(to + count * bytes, 0, 64 - count * bytes);
}

static void scatter(CpuX86 *cpu, const Insn *insn)
{
    unsigned bytes = insn_element_bytes(insn), count = element_count(insn, bytes);
    uint64_t *mask = &cpu->fpu.k[insn->evex & 7];

    for (unsigned i = 0; i < count; i++) {
        if (*mask >> i & 1) {
            cpu_st_bytes(cpu, insn->seg, element_address(cpu, insn, i), cpu->fpu.zmm[insn->reg] + i * bytes, bytes);
            *mask &= ~(1ull << i);
        }
    }
    *mask = 0;
}

/* Destination, mask and index must be three registers. */
InsnFn *bind_gather(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);

    if (row->encoding == ENCODING_EVEX) {
        if (row->mem_operand == 0) {
            return scatter;
        }
        return insn->reg == insn->index ? NULL : gather_opmask;
    }
    if (insn->reg == insn->vvvv || insn->reg == insn->index || insn->vvvv == insn->index) {
        return NULL;
    }
    return gather;
}
