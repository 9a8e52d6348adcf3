/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * String instructions: MOVS CMPS STOS LODS SCAS INS OUTS, with REP, REPE, REPNE.
 *
 * One element at a time by the ordinary accesses, each committed before the next, so that a fault leaves rSI, rDI and
 * rCX at the element that faulted. Forward runs inside a page of plain RAM take a bulk path: host addresses are looked
 * up once for as many elements as fit. A repeated instruction lets requests in at every chunk: it leaves the block with
 * rip at itself and RF set. Spec: SDM vol. 2; vol. 3, 17.3.1.1 for RF.
 */
#include "target/i386/exec/exec.h"
#include "target/i386/insn/alu.h"

typedef enum StringOp {
    STRING_MOVS,
    STRING_STOS,
    STRING_LODS,
    STRING_SCAS,
    STRING_CMPS,
    STRING_INS,
    STRING_OUTS,
    STRING_COUNT
} StringOp;

#define ELEMENTS_UNPOLLED 256   /* single elements between looks at requests */

static inline uint64_t addr_mask(const Insn *insn)
{
    return insn->addr_size == 8 ? UINT64_MAX : insn->addr_size == 4 ? UINT32_MAX : UINT16_MAX;
}

static inline void write_addr_reg(CpuX86 *cpu, const Insn *insn, unsigned reg, uint64_t v)
{
    switch (insn->addr_size) {
    case 2: reg_write(cpu, 16, reg, v); break;
    case 4: reg_write(cpu, 32, reg, v); break;
    default: cpu->regs[reg] = v; break;
    }
}

static bool uses_source(StringOp op)
{
    return op == STRING_MOVS || op == STRING_LODS || op == STRING_CMPS || op == STRING_OUTS;
}
static bool uses_dest(StringOp op) { return op != STRING_LODS && op != STRING_OUTS; }
static bool compares(StringOp op) { return op == STRING_SCAS || op == STRING_CMPS; }

static inline void advance(CpuX86 *cpu, const Insn *insn, StringOp op, int64_t bytes)
{
    if (uses_source(op)) {
        write_addr_reg(cpu, insn, R_RSI, cpu->regs[R_RSI] + bytes);
    }
    if (uses_dest(op)) {
        write_addr_reg(cpu, insn, R_RDI, cpu->regs[R_RDI] + bytes);
    }
}

static uint64_t port_in(CpuX86 *cpu, unsigned size)
{
    uint16_t port = cpu->regs[R_RDX];

    cpu_watch_io(cpu, port, size);
    return memory_load(address_space_io(), port, size, MEMTXATTRS_NONE, NULL);
}

static void port_out(CpuX86 *cpu, unsigned size, uint64_t v)
{
    uint16_t port = cpu->regs[R_RDX];

    cpu_watch_io(cpu, port, size);
    memory_store(address_space_io(), port, size, v, MEMTXATTRS_NONE, NULL);
}

/* One element, pointers not yet moved. */
static ALWAYS_INLINE void element(CpuX86 *cpu, const Insn *insn, StringOp op, unsigned bits)
{
    uint64_t mask = addr_mask(insn), source = cpu->regs[R_RSI] & mask, dest = cpu->regs[R_RDI] & mask;

    switch (op) {
    case STRING_MOVS: seg_store(cpu, bits, R_ES, dest, seg_load(cpu, bits, insn->seg, source)); break;
    case STRING_STOS: seg_store(cpu, bits, R_ES, dest, reg_read(cpu, bits, R_RAX)); break;
    case STRING_LODS: reg_write(cpu, bits, R_RAX, seg_load(cpu, bits, insn->seg, source)); break;
    case STRING_SCAS:
        alu(cpu, ALU_CMP, bits, reg_read(cpu, bits, R_RAX), seg_load(cpu, bits, R_ES, dest), false);
        break;
    case STRING_CMPS: {
        uint64_t a = seg_load(cpu, bits, insn->seg, source);
        alu(cpu, ALU_CMP, bits, a, seg_load(cpu, bits, R_ES, dest), false);
        break;
    }
    case STRING_INS:
        /* Nothing is taken from the port unless it can be stored. */
        cpu_check_io(cpu, cpu->regs[R_RDX], bits / 8);
        cpu_probe_write(cpu, R_ES, dest, bits / 8);
        seg_store(cpu, bits, R_ES, dest, port_in(cpu, bits / 8));
        break;
    case STRING_OUTS:
        cpu_check_io(cpu, cpu->regs[R_RDX], bits / 8);
        port_out(cpu, bits / 8, seg_load(cpu, bits, insn->seg, source));
        break;
    case STRING_COUNT: break;
    }
}

/* Bulk: bytes from @off that lie in one page, do not wrap, and pass the segment's checks; 0: go one by one. */
static uint64_t run_length(const CpuX86 *cpu, int seg, uint64_t off, uint64_t mask, uint64_t bytes, bool write,
                           uint64_t *lin)
{
    uint64_t base = cpu->seg[seg].base;

    if (cpu->mode_flags & MODE_CS64) {
        *lin = seg >= R_FS ? base + off : off;
    } else {
        *lin = (uint32_t)(base + off);
    }
    bytes = MIN(bytes, GUEST_PAGE_SIZE - (*lin & ~TLB_PAGE_MASK));
    if (mask - off < bytes) {
        bytes = mask - off + 1;
    }
    bool checked = cpu->mode_flags & MODE_CS64 ||
                   (cpu->mode_flags & MODE_FLAT_DATA && (seg == R_ES || seg == R_DS || seg == R_SS));
    return checked || cpu_segment_allows(cpu, seg, off, bytes, write) ? bytes : 0;
}

static const uint8_t *read_host(const CpuX86 *cpu, uint64_t lin)
{
    const TlbEntry *e = &cpu->tlb[tlb_slot(lin)];
    return tlb_hit(e->read_tag, lin, 1) ? tlb_host(e, lin) : NULL;
}

/* Forward copy in elements: where the ranges overlap with the target above, what was written is read again. */
static void copy_forward(uint8_t *to, const uint8_t *from, uint64_t bytes, unsigned bits)
{
    if ((uintptr_t)to - (uintptr_t)from >= bytes) {
        memmove(to, from, bytes);
        return;
    }
    for (uint64_t i = 0; i < bytes; i += bits / 8) {
        host_store(bits, to + i, host_load(bits, from + i));
    }
}

static void fill(uint8_t *to, uint64_t v, uint64_t bytes, unsigned bits)
{
    if (bits == 8 || v == 0) {
        memset(to, (uint8_t)v, bytes);
        return;
    }
    for (uint64_t i = 0; i < bytes; i += bits / 8) {
        host_store(bits, to + i, v);
    }
}

/* Is @host in a page of the code that is running? Stores there are done one by one, so that they take effect at once. */
static bool is_own_code(const CpuX86 *cpu, const uint8_t *host)
{
    const Block *b = cpu->exec ? cpu->exec->block : NULL;
    const uintptr_t page = ~(uintptr_t)(GUEST_PAGE_SIZE - 1);

    return b && b->page &&
           (!(((uintptr_t)host ^ (uintptr_t)b->host) & page) || !(((uintptr_t)host ^ (uintptr_t)b->host2) & page));
}

static bool own_code_changed(const CpuX86 *cpu)
{
    const Block *b = cpu->exec ? cpu->exec->block : NULL;

    return b && b->page && !block_current(b);
}

/* As many elements as one look-up serves, at most @count; pointers moved. 0: cannot. */
static ALWAYS_INLINE uint64_t bulk_write(CpuX86 *cpu, const Insn *insn, StringOp op, unsigned bits, uint64_t count)
{
    uint64_t mask = addr_mask(insn), from_off = cpu->regs[R_RSI] & mask, to_off = cpu->regs[R_RDI] & mask, from, to;
    uint64_t bytes = MIN(count, GUEST_PAGE_SIZE) * (bits / 8);
    const uint8_t *source = NULL;
    RmwPlace place;

    bytes = run_length(cpu, R_ES, to_off, mask, bytes, true, &to);
    if (op == STRING_MOVS && bytes) {
        bytes = run_length(cpu, insn->seg, from_off, mask, bytes, false, &from);
        source = read_host(cpu, from);
    }
    bytes &= ~(uint64_t)(bits / 8 - 1);
    if (!bytes || (op == STRING_MOVS && !source) || cpu->tlb_index == TLB_CHECK_ALIGN || mmu_watched(cpu, to)) {
        return 0;
    }
    uint8_t *dest = cpu_rmw_begin(cpu, to, 1, R_ES, &place);
    if (!dest || (place.ram && is_own_code(cpu, dest))) {
        return 0;
    }
    if (op == STRING_MOVS) {
        copy_forward(dest, source, bytes, bits);
    } else {
        fill(dest, reg_read(cpu, bits, R_RAX), bytes, bits);
    }
    cpu_rmw_end(cpu, &place, bytes);
    advance(cpu, insn, op, bytes);
    return bytes / (bits / 8);
}

/* SCAS and CMPS: elements compared, the last of which set the flags. */
static ALWAYS_INLINE uint64_t bulk_compare(CpuX86 *cpu, const Insn *insn, StringOp op, unsigned bits, uint64_t count,
                                           bool while_equal)
{
    uint64_t mask = addr_mask(insn), from_off = cpu->regs[R_RSI] & mask, to_off = cpu->regs[R_RDI] & mask, from, to;
    uint64_t bytes = MIN(count, GUEST_PAGE_SIZE) * (bits / 8), acc = reg_read(cpu, bits, R_RAX), i;
    const uint8_t *source = NULL, *dest;

    bytes = run_length(cpu, R_ES, to_off, mask, bytes, false, &to);
    if (op == STRING_CMPS && bytes) {
        bytes = run_length(cpu, insn->seg, from_off, mask, bytes, false, &from);
        source = read_host(cpu, from);
    }
    dest = read_host(cpu, to);
    bytes &= ~(uint64_t)(bits / 8 - 1);
    if (!bytes || !dest || (op == STRING_CMPS && !source)) {
        return 0;
    }
    for (i = 0; i < bytes; i += bits / 8) {
        uint64_t a = op == STRING_CMPS ? host_load(bits, source + i) : acc, b = host_load(bits, dest + i);
        if ((a == b) != while_equal || i + bits / 8 == bytes) {
            alu(cpu, ALU_CMP, bits, a, b, false);
            i += bits / 8;
            break;
        }
    }
    advance(cpu, insn, op, i);
    return i / (bits / 8);
}

static void let_in(CpuX86 *cpu, const Insn *insn)
{
    cpu->rip = insn_this_rip(cpu, insn);
    cpu->rflags |= RFLAGS_RF;
    cpu_leave_block(cpu);
}

static bool requested(const CpuX86 *cpu)
{
    return __atomic_load_n(&cpu->cpu.interrupt_request, __ATOMIC_RELAXED) |
           __atomic_load_n(&cpu->cpu.exit_request, __ATOMIC_RELAXED);
}

static ALWAYS_INLINE void string(CpuX86 *cpu, const Insn *insn, StringOp op, unsigned bits, bool repeated)
{
    int64_t step = cpu->rflags & RFLAGS_DF ? -(int)(bits / 8) : (int)(bits / 8);

    if (!repeated) {
        element(cpu, insn, op, bits);
        advance(cpu, insn, op, step);
        return;
    }
    bool while_equal = insn->prefixes & INSN_REP, slow = cpu->exec && cpu->exec->single;
    uint64_t count = cpu->regs[R_RCX] & addr_mask(insn);
    unsigned until_poll = ELEMENTS_UNPOLLED;

    while (count) {
        uint64_t done = 0;
        bool changed = false;
        if (step > 0 && count > 1 && !slow) {
            if (op == STRING_MOVS || op == STRING_STOS) {
                done = bulk_write(cpu, insn, op, bits, count);
            } else if (compares(op)) {
                done = bulk_compare(cpu, insn, op, bits, count, while_equal);
            }
        }
        if (!done) {
            element(cpu, insn, op, bits);
            advance(cpu, insn, op, step);
            done = 1;
            until_poll--;
            changed = (op == STRING_MOVS || op == STRING_STOS || op == STRING_INS) && own_code_changed(cpu);
        } else {
            until_poll = 0;
        }
        count -= done;
        write_addr_reg(cpu, insn, R_RCX, count);
        if (count == 0 || (compares(op) && flag_zf(cpu) != while_equal)) {
            break;
        }
        if (changed || (slow && (cpu->exec->stepping || cpu->exec->debug_hits))) {
            let_in(cpu, insn);
        }
        if (until_poll == 0 || op == STRING_INS || op == STRING_OUTS) {
            until_poll = ELEMENTS_UNPOLLED;
            if (cpu->exec) {
                tcg_boundary(&cpu->exec->tcg);  /* no host address is held here */
            }
            if (requested(cpu)) {
                let_in(cpu, insn);
            }
        }
    }
    if ((op == STRING_INS || op == STRING_OUTS) && requested(cpu)) {
        exec_end_block_soon(cpu);
    }
}

#define FN(bits, op, name) \
    static void name##_##bits(CpuX86 *cpu, const Insn *insn) { string(cpu, insn, op, bits, false); } \
    static void rep_##name##_##bits(CpuX86 *cpu, const Insn *insn) { string(cpu, insn, op, bits, true); }
#define ENTRY(bits, op, name) { name##_##bits, rep_##name##_##bits },
#define OPS(X)                                                                                                         \
    X(STRING_MOVS, movs)                                                                                               \
    X(STRING_STOS, stos) X(STRING_LODS, lods) X(STRING_SCAS, scas) X(STRING_CMPS, cmps) X(STRING_INS, ins)             \
        X(STRING_OUTS, outs)
#define DEFINE(op, name) SIZES(FN, op, name)
#define TABLE(op, name) [op] = { SIZES(ENTRY, op, name) },
OPS(DEFINE)
static InsnFn *const string_fns[STRING_COUNT][4][2] = { OPS(TABLE) };

InsnFn *bind_string(const CpuX86 *cpu, Insn *insn)
{
    bool repeated = insn->prefixes & (INSN_REP | INSN_REPNE);
    StringOp op;

    switch (insn_row(insn)->op) {
    case OP_MOVS: op = STRING_MOVS; break;
    case OP_STOS: op = STRING_STOS; break;
    case OP_LODS: op = STRING_LODS; break;
    case OP_SCAS: op = STRING_SCAS; break;
    case OP_CMPS: op = STRING_CMPS; break;
    case OP_INS: op = STRING_INS; break;
    case OP_OUTS: op = STRING_OUTS; break;
    default: return NULL;
    }
    return string_fns[op][size_log2(insn->size)][repeated];
}
