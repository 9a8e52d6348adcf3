/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One instruction, emitted again with other operands.
 *
 *   guest bytes -> prefixes, opcode, immediates kept -> general registers renamed -> memory operand checked, then [r10]
 *
 * A guest register that lives in memory is loaded into r11 (ModRM.reg) or r10 (ModRM.rm, where that is a register) and
 * stored back.
 */
#include "target/i386/native/native.h"
#include "target/i386/translate/block_code.h"

/* Where things are in the instruction's bytes. */
typedef struct Layout { uint8_t opcode, imm, imm_bytes; bool opsize; uint8_t modrm; } Layout;

static bool is_prefix(uint8_t b)
{
    switch (b) {
    case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3: case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
        return true;
    }
    return false;
}

static Layout layout_of(const BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    Layout l = { 0 };
    unsigned i = 0;

    for (;; i++) {
        uint8_t byte = insn->bytes[i];
        l.opsize |= byte == 0x66;
        if (!is_prefix(byte) && !(b->mode64 && (byte & 0xf0) == 0x40)) {
            break;
        }
    }
    if (row->encoding == ENCODING_LEGACY) {
        i += row->map > 1 ? 2 : row->map;
    } else {
        i += row->encoding == ENCODING_EVEX ? 4 : insn->bytes[i] == 0xc5 ? 2 : 3;
    }
    l.opcode = i++;
    if (row->properties & ROW_MODRM) {
        l.modrm = insn->bytes[i++];
        if (l.modrm < 0xc0) {
            unsigned mod = l.modrm >> 6, rm = l.modrm & 7;
            unsigned disp = mod == 1 ? 1 : mod == 2 || rm == 5 ? 4 : 0;
            if (rm == 4) {
                disp = mod == 0 && (insn->bytes[i] & 7) == 5 ? 4 : disp;
                i++;
            }
            i += disp;
        }
    }
    l.imm = i;
    l.imm_bytes = insn->length - i;
    return l;
}

/* Memory operands */

bool operand_usual(const BlockCode *b, const Insn *insn)
{
    if (insn_row(insn)->properties & ROW_VSIB) {
        return false;
    }
    if (b->mode64) {
        return true;
    }
    return insn->addr_size == 4 && (insn->seg == R_ES || insn->seg == R_SS || insn->seg == R_DS);
}

void operand_address(BlockCode *b, const Insn *insn)
{
    Emitter *e = &b->e;
    HostOp lea = { .opcode = 0x8d, .w = insn->addr_size == 8 };
    HostMem m = { .base = H_NONE, .index = H_NONE, .scale = insn->scale, .disp = insn->disp };

    flags_spoil(&b->flags, e);
    if (insn->base == REG_RIP) {
        emit_page_address(b, H_R10, next_offset(b, insn) + insn->disp);
        if (insn->addr_size == 4) {
            emit_mov32(e, H_R10, H_R10);
        }
    } else if (insn->base == REG_NONE && insn->index == REG_NONE) {
        emit_imm64(e, H_R10, insn->addr_size == 4 ? (uint32_t)insn->disp : insn->disp);
    } else {
        if (insn->base != REG_NONE) {
            m.base = guest_host(insn->base);
            if (m.base == H_NONE) {
                emit_load64(e, H_R10, guest_slot(insn->base));
                m.base = H_R10;
            }
        }
        if (insn->index != REG_NONE) {
            m.index = guest_host(insn->index);
            if (m.index == H_NONE) {
                emit_load64(e, H_R11, guest_slot(insn->index));
                m.index = H_R11;
            }
        }
        if (m.base == H_R10 && m.index == H_NONE && !m.disp && lea.w) {
            /* there already */
        } else if (m.index == H_NONE && !m.disp && lea.w) {
            emit_mov64(e, H_R10, m.base);
        } else {
            emit_op_mem(e, lea, H_R10, m);
        }
    }
    if (insn->seg >= R_FS) {
        emit_load64(e, H_R11, HOST_EXEC(JIT_OFF(cpu)));
        emit_load64(e, H_R11, HOST_BASE(H_R11, offsetof(CpuX86, seg) + insn->seg * sizeof(SegmentCache) +
                                               offsetof(SegmentCache, base)));
        emit_lea64(e, H_R10, (HostMem){ .base = H_R10, .index = H_R11 });
        if (!b->mode64) {
            emit_mov32(e, H_R10, H_R10);
        }
    }
}

static int32_t tlb_table(const BlockCode *b) { return b->cpu->tlb_index * (int32_t)sizeof b->cpu->exec->tlb[0]; }

/* r11 = offset of the entry for r10; r10 = offset in the page. */
static void emit_check(BlockCode *b, unsigned size, bool write)
{
    Emitter *e = &b->e;
    const int32_t table = tlb_table(b);
    const int32_t tag = table + (int32_t)(write ? offsetof(TlbEntry, write_tag) : offsetof(TlbEntry, read_tag));
    SlowPath *slow = &b->slow[b->slow_count++];

    enum { SHIFT = GUEST_PAGE_BITS - 5 };
    _Static_assert(sizeof(TlbEntry) == 1 << 5, "the shift below");
    *slow = (SlowPath){ .retry = e->at };
    /* tlb_slot() times the size of an entry */
    if (native_host_has(FEATURE_BMI2)) {
        EMIT(e, 0xc4, 0x43, 0xfb, 0xf0, 0xda, SHIFT);           /* rorx r11, r10, SHIFT */
    } else {
        emit_mov64(e, H_R11, H_R10);
        EMIT(e, 0x41, 0xc1, 0xeb, SHIFT);                       /* shr r11d, SHIFT */
    }
    EMIT(e, 0x41, 0x81, 0xe3);                                  /* and r11d, slots */
    emit32(e, (TLB_ENTRIES - 1) * sizeof(TlbEntry));
    emit_op_mem(e, OP64(0x33), H_R10, HOST_EXEC_AT(H_R11, tag));       /* xor r10, tag */
    EMIT(e, 0x49, 0x81, 0xfa);                                  /* cmp r10, page - size */
    emit32(e, GUEST_PAGE_SIZE - size);
    slow->from = emit_jcc(e, CC_A);
    slow->data = (SlowData){ .site = code_site(b->cpu->exec, b->block, b->number), .size = size, .write = write };
    slow->flags = b->flags;
}

void check_address(BlockCode *b, unsigned size, bool write)
{
    emit_check(b, size, write);
    emit_op_mem(&b->e, OP64(0x03), H_R10, HOST_EXEC_AT(H_R11, tlb_table(b) + (int32_t)offsetof(TlbEntry, host)));
}

/*
 * In 64-bit code the operand is [addend + base + disp], so that the way from the base to it is short. Otherwise base + disp
 * may wrap, and r10 is the address itself.
 */
HostMem check_based(BlockCode *b, unsigned base, int32_t disp, unsigned size, bool write)
{
    Emitter *e = &b->e;

    if (disp || !b->mode64) {
        emit_op_mem(e, (HostOp){ .opcode = 0x8d, .w = b->mode64 }, H_R10, HOST_BASE(base, disp));
    } else {
        emit_mov64(e, H_R10, base);
    }
    if (!b->mode64) {
        check_address(b, size, write);
        return HOST_BASE(H_R10, 0);
    }
    emit_check(b, size, write);
    emit_load64(e, H_R10, HOST_EXEC_AT(H_R11, tlb_table(b) + (int32_t)offsetof(TlbEntry, addend)));
    return (HostMem){ .base = H_R10, .index = base, .disp = disp };
}

static bool is_bit_string(const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    return insn_has_mem(insn) && !row->imm_kind[0] &&
           (row->op == OP_BT || row->op == OP_BTS || row->op == OP_BTR || row->op == OP_BTC);
}

/* Can the operand be had by check_based()? */
static bool operand_is_based(const BlockCode *b, const Insn *insn, const Operands *o)
{
    return b->mode64 && insn->base < 16 && guest_host(insn->base) != H_NONE && insn->index == REG_NONE &&
           insn->seg < R_FS && insn->addr_size == 8 && !o->high_byte && !is_bit_string(insn);
}

/*
 * BT and its kin with a bit offset in a register: r10 += or, @back, -= the distance of the word that has the bit. The
 * host's own instruction adds it again. Spoils r11 and EFLAGS.
 */
static void emit_bit_word(BlockCode *b, const Insn *insn, bool back)
{
    Emitter *e = &b->e;
    unsigned host = guest_host(insn->reg), log2 = insn->size == 8 ? 3 : insn->size == 4 ? 2 : 1;
    HostOp op = insn->size == 8   ? OP64(0x8b)
                : insn->size == 4 ? OP64(0x63)                  /* movsxd, movsx: the offset is signed */
                                  : (HostOp){ .opcode = 0xbf, .map = 1, .w = true };

    if (host == H_NONE) {
        emit_op_mem(e, op, H_R11, guest_slot(insn->reg));
    } else {
        emit_op_reg(e, op, H_R11, host);
    }
    EMIT(e, 0x49, 0xc1, 0xfb, 3 + log2);                        /* sar r11, bits of a word */
    if (back) {
        EMIT(e, 0x49, 0xf7, 0xdb);                              /* neg r11 */
    }
    emit_op_mem(e, (HostOp){ .opcode = 0x8d, .w = back || b->mode64 }, H_R10,
                (HostMem){ .base = H_R10, .index = H_R11, .scale = log2 });
}

/* Registers */

static bool only_reads(const InsnRow *row)
{
    return row->op == OP_CMP || row->op == OP_TEST || row->op == OP_BT || row->op == OP_FLDCW ||
           (row->bind == bind_muldiv && operand_kinds[row->operands[0]].group == GROUP_E);
}

static bool writes_both(const InsnRow *row)
{
    return row->op == OP_XCHG || row->op == OP_XADD || row->op == OP_MULX;
}

static Operands find_operands(const BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    Operands o = { -1, -1, -1 };

    for (unsigned i = 0; i < 4; i++) {
        const OperandKind *kind = &operand_kinds[row->operands[i]];
        bool written = i == 0 ? !only_reads(row) : i == 1 && writes_both(row), *sets = NULL;
        int *to = NULL, number = 0;

        switch (kind->group) {
        case GROUP_G: to = &o.reg, sets = &o.sets_reg, number = insn->reg; break;
        case GROUP_E: case GROUP_R:
            if (!insn_has_mem(insn)) {
                to = &o.rm, sets = &o.sets_rm, number = insn->rm;
            }
            break;
        case GROUP_Z: to = &o.rm, sets = &o.sets_rm, number = insn->rm; break;
        case GROUP_B: to = &o.vvvv, sets = &o.sets_vvvv, number = insn->vvvv; break;
        case GROUP_fixed:
            if (written) {
                o.written |= 1u << H_RAX;       /* AL, rAX; what else is fixed is not written */
            }
            break;
        }
        if (!to) {
            continue;
        }
        *to = number;
        *sets = written;
        if (number >= REG_AH) {
            o.high_byte = true;
            number -= REG_AH;
        } else {
            o.low_byte |= kind->bytes == BYTES_B;
        }
        o.written |= written ? host_bit(guest_host(number)) : 0;
    }
    if (row->bind == bind_muldiv || row->op == OP_CMPXCHG8B || row->op == OP_CMPXCHG16B || row->op == OP_CMPXCHG ||
        row->op == OP_CBW || row->op == OP_CWD || row->op == OP_LAHF) {
        o.written |= 1u << H_RAX | 1u << H_RDX;
    }
    if (row->op == OP_PCMPESTRI || row->op == OP_PCMPISTRI || row->op == OP_VPCMPESTRI || row->op == OP_VPCMPISTRI) {
        o.written |= 1u << H_RCX;
    }
    if (row->mem_operand < 4 && insn_has_mem(insn)) {
        o.memory_bytes = insn_operand_bytes(b->cpu, insn, row->mem_operand);
        o.writes_memory = !only_reads(row) && (row->mem_operand == 0 || row->op == OP_XCHG || row->op == OP_XADD);
    }
    return o;
}

const Operands *operands_of(BlockCode *b, const Insn *insn)
{
    unsigned number = insn - b->block->insns;

    if (!(b->operands_known >> number & 1)) {
        b->operands[number] = find_operands(b, insn);
        b->operands_known |= 1ull << number;
    }
    return &b->operands[number];
}

static unsigned host_of(int guest, unsigned scratch)
{
    unsigned host;

    if (guest >= REG_AH) {
        return guest - REG_AH + 4;              /* AH is encoded as 4, without REX */
    }
    host = guest_host(guest);
    return host == H_NONE ? scratch : host;
}

static HostOp legacy_op(const Insn *insn, const Layout *l, const Operands *o)
{
    const InsnRow *row = insn_row(insn);
    HostOp op = { .map = row->map, .opcode = insn->bytes[l->opcode], .opsize = l->opsize,
                  .w = insn->prefixes & INSN_REXW, .lock = insn->prefixes & INSN_LOCK, .rex = o->low_byte && !o->high_byte };

    /* F2 and F3 where they mean something: a row that also runs without them ignores them. */
    op.rep = row->prefixes == 1 << 2 ? 0xf3 : row->prefixes == 1 << 3 ? 0xf2 : 0;
    return op;
}

/* A row's VEX or EVEX prefix as the guest wrote it, with the general registers and the memory operand renamed. */
static void emit_vector_prefix(BlockCode *b, const Insn *insn, const Layout *l, unsigned vvvv, unsigned reg, unsigned rm,
                               unsigned index, const Operands *o, bool memory)
{
    Emitter *e = &b->e;
    const InsnRow *row = insn_row(insn);
    const uint8_t *raw = insn->bytes + l->opcode;

    if (row->encoding == ENCODING_VEX) {
        bool two_bytes = raw[-2] == 0xc5;       /* no map of the longer form has this value */
        uint8_t first = two_bytes ? (raw[-1] & 0x80) | 0x61 : raw[-2], second = two_bytes ? raw[-1] & 0x7f : raw[-1];
        if (!b->mode64) {
            first |= 0xe0;
            second |= 0x40;
        }
        if (o->reg >= 0) {
            first = (first & ~0x80) | (reg & 8 ? 0 : 0x80);
        }
        if (memory || o->rm >= 0) {
            first = (first & ~0x60) | (rm & 8 ? 0 : 0x20) | (index & 8 ? 0 : 0x40);
        }
        if (o->vvvv >= 0) {
            second = (second & ~0x78) | (~vvvv & 15) << 3;
        }
        EMIT(e, 0xc4, first, second);
    } else {
        uint8_t p0 = raw[-3], p1 = raw[-2], p2 = raw[-1];
        if (!b->mode64) {
            p0 |= 0xf0;
            p1 |= 0x40;
            p2 |= 8;
        }
        if (o->reg >= 0) {
            p0 = (p0 & ~0x80) | (reg & 8 ? 0 : 0x80);
        }
        if (memory || o->rm >= 0) {
            p0 = (p0 & ~0x60) | (rm & 8 ? 0 : 0x20) | (index & 8 ? 0 : 0x40);
        }
        EMIT(e, 0x62, p0, p1, p2);
    }
}

bool insn_may_fault(const Insn *insn)
{
    const InsnRow *row = insn_row(insn);

    return row->properties & (ROW_FP | ROW_X87 | ROW_MMX | ROW_ALIGNED) || row->op == OP_DIV || row->op == OP_IDIV ||
           row->op == OP_CMPXCHG16B;
}

/* What becomes of the flags */

static bool variable_count(const InsnRow *row)
{
    return row->bind == bind_shift && row->flags_written &&
           (row->operands[1] == OPERAND_CL || row->operands[2] == OPERAND_CL);
}

bool insn_needs_flags(const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    unsigned all = row->flags_written | row->flags_undefined;

    if (row->flags_read & RFLAGS_ARITH || variable_count(row)) {
        return true;
    }
    if (row->bind == bind_shift && row->imm_kind[0] && row->flags_written) {
        return true;                            /* a count of 0 changes none; for what a shift costs it is not worth asking */
    }
    return (row->flags_written & RFLAGS_ARITH) && (all & RFLAGS_ARITH) != RFLAGS_ARITH;
}

static int second_source(const Insn *insn, const Operands *o, unsigned dst_operand, bool *imm)
{
    const InsnRow *row = insn_row(insn);
    unsigned other = 1 - dst_operand;

    *imm = row->imm_kind[0];
    if (*imm) {
        return -1;
    }
    return operand_kinds[row->operands[other]].group == GROUP_G ? o->reg : o->rm;
}

/* Can they be made again later from what is in registers? */
static void note_remake(BlockCode *b, const Insn *insn, const Operands *o)
{
    const InsnRow *row = insn_row(insn);
    FlagState *f = &b->flags;
    const OperandKind *first = &operand_kinds[row->operands[0]];
    int dst = first->group == GROUP_G ? o->reg : first->group == GROUP_fixed ? R_RAX : o->rm, src;
    bool imm;
    Remake how;

    if (row->bind != bind_alu || insn_has_mem(insn) || o->high_byte || dst < 0 || in_memory(dst)) {
        return;
    }
    switch (row->op) {
    case OP_CMP: case OP_TEST: how = REMAKE_AGAIN; break;
    case OP_AND: case OP_OR: case OP_XOR: how = REMAKE_TEST; break;
    case OP_ADD: how = REMAKE_ADD; break;
    case OP_SUB: how = REMAKE_SUB; break;
    default: return;
    }
    src = how == REMAKE_TEST ? -1 : second_source(insn, o, 0, &imm);
    if (how != REMAKE_TEST && !imm && (src < 0 || in_memory(src) || (how != REMAKE_AGAIN && src == dst))) {
        return;
    }
    f->remake = how;
    f->opcode = row->op == OP_CMP ? 0x38 : 0x84;
    f->size = insn->size;
    f->dst = guest_host(dst);
    f->src = src >= 0 ? guest_host(src) : H_NONE;
    f->imm = (int32_t)insn->imm;
    f->registers = host_bit(f->dst) | host_bit(f->src);
}

static void emit_immediates(BlockCode *b, const Insn *insn, const Layout *l)
{
    bool register_in_immediate = false;

    for (unsigned i = 0; i < 4; i++) {
        register_in_immediate |= operand_kinds[insn_row(insn)->operands[i]].group == GROUP_L;
    }
    for (unsigned i = 0; i < l->imm_bytes; i++) {
        emit8(&b->e, insn->bytes[l->imm + i] & (register_in_immediate && !b->mode64 ? 0x7f : 0xff));
    }
}

/* Forms with a register in the opcode. */
static bool translate_opcode_register(BlockCode *b, const Insn *insn, const Layout *l, const Operands *o)
{
    const InsnRow *row = insn_row(insn);
    Emitter *e = &b->e;
    unsigned rm = host_of(o->rm, H_R11);
    HostOp op = { .opsize = l->opsize && insn->size == 2, .w = insn->size == 8, .rex = o->low_byte && !o->high_byte };

    if (in_memory(o->rm)) {
        emit_load64(e, H_R11, guest_slot(o->rm));
    }
    switch (row->op) {
    case OP_XCHG:
        op.opcode = 0x87;
        emit_op_reg(e, op, H_RAX, rm);
        break;
    case OP_BSWAP:
        if (insn->size == 2) {
            return false;
        }
        op.map = 1;
        op.opcode = 0xc8 | (rm & 7);
        emit_head(e, &op, rm & 8 ? 1 : 0);
        break;
    case OP_MOV:
        if (insn->size == 8) {
            emit_imm64(e, rm, insn->imm);
            break;
        }
        op.opcode = (insn->size == 1 ? 0xb0 : 0xb8) | (rm & 7);
        emit_head(e, &op, rm & 8 ? 1 : 0);
        emit_bytes(e, &insn->imm, insn->size);
        break;
    case OP_INC: case OP_DEC:
        op.opcode = 0xff;
        emit_op_reg(e, op, row->op == OP_DEC, rm);
        break;
    default:
        return false;
    }
    if (in_memory(o->rm)) {
        emit_store64(e, H_R11, guest_slot(o->rm));
    }
    return true;
}

/* No refusal below, nothing that uses r10. */
bool operands_certain(const Insn *insn, const Operands *o)
{
    const InsnRow *row = insn_row(insn);

    for (unsigned i = 0; i < 4; i++) {
        unsigned group = operand_kinds[row->operands[i]].group;
        if (group == GROUP_Z || group == GROUP_O) {
            return false;
        }
    }
    return !o->high_byte && !is_bit_string(insn) && !(row->properties & ROW_VSIB) &&
           !(row->encoding != ENCODING_LEGACY && o->vvvv >= 0) && o->memory_bytes <= 64 && row->op != OP_LAHF &&
           row->op != OP_SAHF && row->op != OP_XLAT && row->op != OP_SALC;
}

/* For FDP, of an operand near a base register. */
static void note_x87_operand(BlockCode *b, const Insn *insn)
{
    if (insn_row(insn)->bind == bind_x87) {
        HostOp lea = { .opcode = 0x8d, .w = b->mode64 };
        emit_op_mem(&b->e, lea, H_R11, HOST_BASE(guest_host(insn->base), insn->disp));
        emit_store64(&b->e, H_R11, HOST_EXEC(JIT_OFF(x87_operand)));
    }
}

static bool is_move(const InsnRow *row)
{
    return row->op == OP_MOV || row->op == OP_MOVZX || row->op == OP_MOVSX || row->op == OP_MOVSXD;
}

bool translate_operands(BlockCode *b, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    Emitter *e = &b->e;
    Layout l = layout_of(b, insn);
    const Operands o = *operands_of(b, insn);
    bool memory = insn_has_mem(insn), vex = row->encoding != ENCODING_LEGACY, opcode_register = false;
    unsigned reg, rm, vvvv, borrowed = H_NONE;
    HostMem at = HOST_BASE(H_R10, 0);

    for (unsigned i = 0; i < 4; i++) {
        opcode_register |= operand_kinds[row->operands[i]].group == GROUP_Z;
    }
    if ((memory && (!operand_usual(b, insn) || !o.memory_bytes || o.memory_bytes > 64)) || (vex && o.vvvv >= 0 &&
        row->encoding == ENCODING_EVEX)) {
        return false;
    }
    if (o.high_byte && !memory) {
        int other = o.reg >= REG_AH ? o.rm : o.reg;
        if (other >= 0 && other < REG_AH && (guest_host(other) >= H_R8 || (other >= 4 && o.low_byte))) {
            return false;                       /* MOVZX ESP, AH: its host form would need REX */
        }
    }
    if (in_memory(o.vvvv) && (memory ? in_memory(o.reg) : in_memory(o.rm) || o.reg == o.vvvv)) {
        return false;                           /* three scratch registers */
    }
    if (memory && b->group.active) {
        at = group_operand(b);
        note_x87_operand(b, insn);
    } else if (memory && operand_is_based(b, insn, &o)) {
        flags_spoil(&b->flags, e);
        at = check_based(b, guest_host(insn->base), insn->disp, o.memory_bytes, o.writes_memory);
        note_x87_operand(b, insn);
    } else if (memory) {
        operand_address(b, insn);
        if (row->bind == bind_x87) {
            emit_store64(e, H_R10, HOST_EXEC(JIT_OFF(x87_operand)));
        }
        if (is_bit_string(insn)) {
            emit_bit_word(b, insn, false);
        }
        check_address(b, o.memory_bytes, o.writes_memory);
        if (is_bit_string(insn)) {
            emit_bit_word(b, insn, true);
        }
    }
    if (insn_needs_flags(insn)) {
        flags_need(&b->flags, e);
    }
    flags_register_changes(&b->flags, e, o.written);
    if (insn_may_fault(insn)) {
        unsigned further = b->group.active || b->copying ? b->group.last - b->number : 0;
        b->risks[b->risk_count++] = (Risk){ .at = e->at, .number = b->number, .further = further, .flags = b->flags };
    }
    if (opcode_register) {
        if (!translate_opcode_register(b, insn, &l, &o)) {
            return false;
        }
    } else {
        reg = o.reg >= 0 ? host_of(o.reg, H_R11) : l.modrm >> 3 & 7;
        rm = memory ? H_R10 : o.rm >= 0 ? host_of(o.rm, H_R10) : l.modrm & 7;
        vvvv = o.vvvv >= 0 ? host_of(o.vvvv, memory ? H_R11 : H_R10) : 0;
        bool whole = is_move(row) && insn->size >= 4;           /* the destination's old value does not matter */
        if (in_memory(o.reg) && !(whole && o.sets_reg)) {
            emit_load64(e, H_R11, guest_slot(o.reg));
        }
        if (!memory && in_memory(o.rm) && !(whole && o.sets_rm)) {
            emit_load64(e, H_R10, guest_slot(o.rm));
        }
        if (in_memory(o.vvvv)) {
            emit_load64(e, vvvv, guest_slot(o.vvvv));
        }
        if (memory && o.high_byte) {            /* r10 would need REX: an operand register that does not */
            borrowed = H_RDI;
            emit_store64(e, borrowed, HOST_EXEC(JIT_OFF(spare)));
            emit_mov64(e, borrowed, H_R10);
            rm = borrowed;
        }
        if (vex) {
            emit_vector_prefix(b, insn, &l, vvvv, reg, rm, memory && at.index != H_NONE ? at.index : 0, &o, memory);
            EMIT(e, insn->bytes[l.opcode]);
            if (row->properties & ROW_MODRM) {
                unsigned field = o.reg >= 0 ? reg & 7 : l.modrm >> 3 & 7;
                if (memory) {
                    at.base = rm;
                    emit_modrm_mem(e, field, &at, true);        /* EVEX would scale a displacement of 8 bits */
                } else {
                    emit8(e, 0xc0 | field << 3 | (rm & 7));
                }
            }
        } else {
            HostOp op = legacy_op(insn, &l, &o);
            for (unsigned i = 0; i < 4; i++) {
                switch (operand_kinds[row->operands[i]].group) {
                case GROUP_V: reg = insn->reg & 15; break;
                case GROUP_W: case GROUP_U: rm = memory ? rm : insn->rm & 15; break;
                }
            }
            if (!(row->properties & ROW_MODRM)) {
                emit_head(e, &op, 0);
            } else if (memory) {
                at.base = rm;
                emit_op_mem(e, op, reg, at);
            } else {
                emit_op_reg(e, op, reg, rm);
            }
        }
        emit_immediates(b, insn, &l);
        if (borrowed != H_NONE) {
            emit_load64(e, borrowed, HOST_EXEC(JIT_OFF(spare)));
        }
        if (o.sets_reg && in_memory(o.reg)) {
            emit_store64(e, H_R11, guest_slot(o.reg));
        }
        if (o.sets_rm && in_memory(o.rm)) {
            emit_store64(e, H_R10, guest_slot(o.rm));
        }
        if (o.sets_vvvv && in_memory(o.vvvv)) {
            emit_store64(e, vvvv, guest_slot(o.vvvv));
        }
    }
    if (row->bind == bind_x87) {
        emit_load64(e, H_R11, HOST_EXEC(JIT_OFF(code_page)));
        emit_store64(e, H_R11, HOST_EXEC(JIT_OFF(x87_page)));
        emit_op_mem(e, OP32(0xc7), 0, HOST_EXEC(JIT_OFF(x87_at)));
        emit32(e, b->starts[b->number]);
    }
    if (row->flags_written & RFLAGS_ARITH) {
        bool partial = (row->flags_written & RFLAGS_ARITH) != RFLAGS_ARITH;
        flags_written(&b->flags);
        if (!partial) {
            note_remake(b, insn, &o);
        }
    }
    return true;
}
