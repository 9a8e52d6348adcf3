/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random blocks: see block.h.
 *
 * Most instructions are rows of the table in a random encoding, with registers renamed to few and memory operands
 * rewritten to reach the data pages; the rest are patterns that need several instructions to make sense: loops,
 * branches, calls, REP strings, gathers, stores into the code ahead. Flags that hardware leaves undefined are followed
 * through the block (block_flags()), so that no instruction uses one and none is compared.
 */
#include "tests/tcg/block.h"

#include <capstone/capstone.h>

#include "target/i386/native/native.h"
#include "tests/check.h"

enum { CLASS_INTEGER, CLASS_MMX, CLASS_X87, CLASS_SSE, CLASS_AVX, CLASS_AVX512, CLASSES };
enum { VALUE_REGS = 10, LOW_VALUE_REGS = 5 };
static const uint8_t value_regs[VALUE_REGS] = { R_RAX, R_RCX, R_RDX, R_RSI, R_RDI, R_R8, R_R9, R_R10, R_R14, R_R15 };

typedef struct Gen {
    Rng *r;
    TestBlock *b;
    const BlockPlace *place;
    CpuX86 *cpu;                                /* tells the decoder the mode */
    unsigned bits;
    uint16_t group, unknown;                    /* of items being made; flags undefined now */
    uint32_t frozen;                            /* registers that must not change now: loop counters */
    unsigned weights[CLASSES];
    uint8_t rename[8], rename_vector[8];        /* low three bits of value and vector registers */
    unsigned loops;                             /* nesting */
    bool in_function;                           /* [RSP] is where it returns to */
    struct { unsigned call; uint32_t frozen; } functions[4];
    unsigned function_count;
} Gen;

static struct { uint16_t *rows; unsigned count; } classes[3][CLASSES];         /* by 16, 32, 64 bits */
static CpuX86 *cpus[3];

static unsigned bits_index(unsigned bits) { return bits / 32; }
static unsigned group_of(const InsnRow *row, unsigned i) { return operand_kinds[row->operands[i]].group; }
static bool row_has_group(const InsnRow *row, unsigned group)
{
    return group_of(row, 0) == group || group_of(row, 1) == group || group_of(row, 2) == group || group_of(row, 3) == group;
}

/* Which rows */

/* Made by patterns only, or never: what they do depends on more than registers and the data pages. */
static bool row_left_out(const InsnRow *row)
{
    switch (row->op) {
    case OP_POPF: case OP_POPA: case OP_ENTER: case OP_LEAVE: case OP_FXSAVE: case OP_FXRSTOR: case OP_FNSAVE:
    case OP_FNSTENV: case OP_MASKMOVQ: case OP_MASKMOVDQU: case OP_VMASKMOVDQU: case OP_XGETBV: case OP_LDMXCSR: case OP_VLDMXCSR:
        return true;
    case OP_PUSH:
        return group_of(row, 0) == GROUP_fixed; /* selectors */
    }
    return row->properties & (ROW_NO_TEST | ROW_BRANCH | ROW_VSIB | ROW_XSAVE) || row_has_group(row, GROUP_X) ||
           row_has_group(row, GROUP_Y);
}

static unsigned class_of(const InsnRow *row)
{
    static const uint8_t vectors[] = { GROUP_V, GROUP_W, GROUP_U, GROUP_H };

    if (row->encoding == ENCODING_EVEX || row->properties & ROW_OPMASK) {
        return CLASS_AVX512;
    }
    if (row->properties & ROW_X87) {
        return CLASS_X87;
    }
    if (row->properties & ROW_MMX) {
        return CLASS_MMX;
    }
    if (row->properties & ROW_SSE) {
        return row->encoding == ENCODING_VEX ? CLASS_AVX : CLASS_SSE;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(vectors); i++) {
        if (row_has_group(row, vectors[i])) {
            return row->encoding == ENCODING_VEX ? CLASS_AVX : CLASS_SSE;
        }
    }
    return CLASS_INTEGER;
}

static void list_rows(unsigned bits)
{
    CpuX86 *cpu = cpus[bits_index(bits)] = test_cpu_new();

    test_cpu_mode(cpu, bits);
    for (unsigned i = 0; i < FEATURE_WORD_COUNT * 32; i++) {
        if (!native_host_has(i) || !cpu_has(bare.cpu[0], i)) {
            cpu->features[i / 32] &= ~(1u << (i % 32));
        }
    }
    for (unsigned class = 0; class < CLASSES; class++) {
        classes[bits_index(bits)][class].rows = g_new(uint16_t, insn_row_count);
    }
    for (unsigned n = 0; n < insn_row_count; n++) {
        const InsnRow *row = &insn_rows[n];
        bool only_32 = row->select_mask & SELECT_MODE64 && !(row->select_value & SELECT_MODE64);
        bool only_64 = row->select_mask & SELECT_MODE64 && row->select_value & SELECT_MODE64;

        if (!row_left_out(row) && cpu_has(cpu, row->feature) && native_cpuid_bit(row->feature) | !row->feature &&
            !(bits == 64 ? only_32 : only_64)) {
            unsigned class = class_of(row);
            classes[bits_index(bits)][class].rows[classes[bits_index(bits)][class].count++] = n;
        }
    }
}

/* Flags */

static void find_flags(const Insn *insn, BlockItem *item)
{
    const InsnRow *row = insn_row(insn);
    unsigned bits = insn->size * 8, count = insn->imm & (insn->size == 8 ? 63 : 31);
    unsigned count_operand = row->operands[row->op == OP_SHLD || row->op == OP_SHRD ? 2 : 1];
    bool by_cl = count_operand == OPERAND_CL, by_one = count_operand != OPERAND_Ib && !by_cl;

    item->reads = row->flags_read & RFLAGS_ARITH;
    item->blurs = row->flags_undefined & RFLAGS_ARITH;
    item->defines = row->flags_written & ~row->flags_undefined & RFLAGS_ARITH;
    count = by_one ? 1 : count;
    switch (row->undefined_rule) {
    case UNDEFINED_SHIFT:
        item->blurs = by_cl ? RFLAGS_AF | RFLAGS_OF | (bits < 32 ? RFLAGS_CF : 0)
                            : (count ? RFLAGS_AF : 0) | (count > 1 ? RFLAGS_OF : 0) | (count > bits ? RFLAGS_CF : 0);
        item->defines = by_cl || !count ? 0 : RFLAGS_ARITH & ~item->blurs;
        break;
    case UNDEFINED_ROTATE:
        item->blurs = by_cl || count > 1 ? RFLAGS_OF : 0;
        item->defines = by_cl || !count ? 0 : row->flags_written & RFLAGS_ARITH & ~item->blurs;
        if ((row->op == OP_RCL || row->op == OP_RCR) && bits < 32) {
            item->defines = 0;                  /* a count modulo 9 or 17 may be 0 */
        }
        break;
    case UNDEFINED_SHIFTD:
        item->blurs = by_cl || count ? RFLAGS_AF | RFLAGS_OF : 0;
        item->defines = by_cl || !count ? 0 : RFLAGS_ARITH & ~item->blurs;
        break;
    }
    if (row->properties & ROW_STRING && insn->prefixes & (INSN_REP | INSN_REPNE)) {
        item->defines = 0;                      /* a count of 0 */
    }
}

static uint16_t flags_after(const BlockItem *item, uint16_t unknown) { return (unknown & ~item->defines) | item->blurs; }

bool block_flags(TestBlock *b, unsigned *reader)
{
    uint16_t unknown = 0, arriving[BLOCK_ITEMS + 1] = { 0 };

    for (unsigned i = 0; i < b->count; i++) {
        BlockItem *item = &b->items[i];

        unknown |= arriving[i] | (item->head ? RFLAGS_ARITH : 0);
        item->unknown = unknown;
        if (item->dropped) {
            continue;
        }
        if (item->reads & unknown) {
            *reader = i;
            return false;
        }
        unknown = flags_after(item, unknown);
        if (item->fix == FIX_BRANCH && (item->target > i || item->target == BLOCK_ITEMS)) {
            arriving[item->target] |= unknown;
        }
    }
    b->end_unknown = arriving[BLOCK_ITEMS];
    return true;
}

/* Layout */

bool block_layout(TestBlock *b)
{
    const BlockPlace *p = &block_places[b->mode];
    uint64_t from = p->code + b->start;
    unsigned at = 0;

    for (unsigned i = 0; i < b->count; i++) {
        b->offsets[i] = at;
        at += b->items[i].dropped ? 0 : b->items[i].length;
    }
    b->offsets[b->count] = at;
    check_int(b->start + at, <=, sizeof b->code, "the block ends before the code pages do");
    memset(b->code, 0xf4, sizeof b->code);
    for (unsigned i = 0; i < b->count; i++) {
        BlockItem *item = &b->items[i];
        uint64_t next = from + b->offsets[i] + item->length, value = 0;
        uint64_t target = item->target == BLOCK_ITEMS ? p->exit : from + b->offsets[MIN(item->target, b->count)];

        if (item->dropped) {
            continue;
        }
        switch (item->fix) {
        case FIX_BRANCH: value = target - next; break;
        case FIX_ADDRESS: value = target; break;
        case FIX_CODE: value = target + item->value - (p->bits == 64 ? next : 0); break;
        case FIX_RIP: value = item->value - next; break;
        }
        if (item->fix) {
            if (item->fix == FIX_BRANCH && item->fix_bytes == 1 && (int64_t)value != (int8_t)value) {
                return false;
            }
            memcpy(item->bytes + item->fix_at, &value, item->fix_bytes);
        }
        memcpy(b->code + b->start + b->offsets[i], item->bytes, item->length);
    }
    return true;
}

char *block_disassemble(const TestBlock *b)
{
    const BlockPlace *p = &block_places[b->mode];
    g_autoptr(GString) text = g_string_new(NULL);
    csh handle;

    if (cs_open(CS_ARCH_X86, p->bits == 64 ? CS_MODE_64 : p->bits == 32 ? CS_MODE_32 : CS_MODE_16, &handle)) {
        return g_strdup("no disassembler");
    }
    for (unsigned i = 0; i < b->count; i++) {
        uint64_t address = p->code + b->start + b->offsets[i];
        cs_insn *insn = NULL;

        if (b->items[i].dropped) {
            continue;
        }
        size_t n = cs_disasm(handle, b->code + b->start + b->offsets[i], b->items[i].length, address, 1, &insn);
        g_string_append_printf(text, "    %8" PRIx64 "  %-40s %s %s\n", address,
                               hex(b->code + b->start + b->offsets[i], b->items[i].length),
                               n ? insn->mnemonic : "?", n ? insn->op_str : "");
        if (n) {
            cs_free(insn, n);
        }
    }
    cs_close(&handle);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Adding items */

static BlockItem *add_item(Gen *g, const uint8_t *bytes, unsigned length)
{
    BlockItem *item = &g->b->items[g->b->count++];
    Insn insn = { 0 };

    check_int(g->b->count, <, BLOCK_ITEMS, "room for the block");
    *item = (BlockItem){ .length = length, .group = g->group };
    memcpy(item->bytes, bytes, length);
    insn_decode(g->cpu, &insn, item->bytes, length);
    find_flags(&insn, item);
    item->unknown = g->unknown;
    g->unknown = flags_after(item, g->unknown);
    return item;
}
#define ADD(g, ...) add_item(g, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void new_group(Gen *g) { g->group++; }

static uint8_t value_register(Gen *g)
{
    uint8_t reg;

    do {
        reg = value_regs[rng_below(g->r, g->bits == 64 ? VALUE_REGS : LOW_VALUE_REGS)];
    } while (g->frozen >> reg & 1);
    return reg;
}

/* [67] [REX] opcode ModRM for a register operand, of the mode's own size: 8, 4 or 2 bytes. */
static unsigned put_reg_op(Gen *g, uint8_t *to, uint8_t opcode, unsigned ext, unsigned reg)
{
    unsigned n = 0;

    if (g->bits == 64) {
        to[n++] = 0x48 | reg >> 3;
    }
    to[n++] = opcode;
    to[n++] = 0xc0 | ext << 3 | (reg & 7);
    return n;
}

/* MOV reg, imm of the mode's own size. */
static BlockItem *set_register(Gen *g, unsigned reg, uint64_t value)
{
    uint8_t bytes[15];
    unsigned n = 0, size = g->bits / 8;

    if (g->bits == 64) {
        bytes[n++] = 0x48 | reg >> 3;
    }
    bytes[n++] = 0xb8 | (reg & 7);
    memcpy(bytes + n, &value, size);
    BlockItem *item = add_item(g, bytes, n + size);
    item->fix_at = n;
    item->fix_bytes = size;
    return item;
}

/* Makes the register small: AND with @mask. */
static void tame(Gen *g, unsigned reg, uint32_t mask)
{
    uint8_t bytes[15];
    unsigned n = put_reg_op(g, bytes, 0x81, 4, reg), size = MIN(g->bits / 8, 4);

    memcpy(bytes + n, &mask, size);
    add_item(g, bytes, n + size);
}

/* One that sets all flags. */
static void define_flags(Gen *g)
{
    static const uint8_t opcodes[] = { 0x01, 0x29, 0x39 };     /* ADD, SUB, CMP */
    uint8_t bytes[15];
    unsigned reg = value_register(g), other = value_register(g);
    unsigned n = put_reg_op(g, bytes, opcodes[rng_below(g->r, 3)], other & 7, reg);

    add_item(g, bytes, n);
}

/* Rows */

/* Renames the registers of @e, within the bits that the row leaves open. */
static void rename_registers(Gen *g, const InsnRow *row, Encoding *e)
{
    bool reg_general = row_has_group(row, GROUP_G), rm_general = false, wild = rng_chance(g->r, 4);

    for (unsigned i = 0; i < 4; i++) {
        rm_general |= i == row->mem_operand && (group_of(row, i) == GROUP_E || group_of(row, i) == GROUP_R);
    }
    if (wild) {
        return;
    }
    if (e->modrm_at) {
        uint8_t *modrm = &e->bytes[e->modrm_at];
        unsigned reg = *modrm >> 3 & 7, rm = *modrm & 7;

        if (!(row->select_mask & 0x38)) {
            reg = reg_general ? g->rename[reg] : g->rename_vector[reg];
        }
        if (*modrm >= 0xc0 && !(row->select_mask & 7)) {
            rm = rm_general ? g->rename[rm] : g->rename_vector[rm];
        }
        *modrm = (*modrm & 0xc0) | reg << 3 | rm;
    }
    if (row_has_group(row, GROUP_Z)) {
        e->bytes[e->opcode_at] = (e->bytes[e->opcode_at] & ~7) | g->rename[e->bytes[e->opcode_at] & 7];
    }
    if (e->vvvv_at && row->properties & ROW_VVVV) {
        uint8_t *at = &e->bytes[e->vvvv_at];
        unsigned vvvv = ~*at >> 3 & 15;

        vvvv = (vvvv & 8) | (row_has_group(row, GROUP_B) ? g->rename[vvvv & 7] : g->rename_vector[vvvv & 7]);
        *at = (*at & ~0x78) | (~vvvv & 15) << 3;
    }
}

/* Replaces displacement_bytes after ModRM by @n bytes: ModRM, SIB and displacement anew. */
static bool replace_operand(Encoding *e, const uint8_t *operand, unsigned n)
{
    unsigned old_end = e->displacement_at + e->displacement_bytes, tail = e->length - old_end;

    if (e->modrm_at + n + tail > sizeof e->bytes) {
        return false;
    }
    memmove(e->bytes + e->modrm_at + n, e->bytes + old_end, tail);
    memcpy(e->bytes + e->modrm_at, operand, n);
    e->length = e->modrm_at + n + tail;
    e->immediate_at = e->modrm_at + n;
    return true;
}

static int random_displacement(Gen *g, unsigned align)
{
    int disp = (int)rng_below(g->r, 1024) - 512;

    if (rng_chance(g->r, 50)) {
        disp = (int)rng_below(g->r, 96) - 48;   /* about the page boundary that the pointer may be */
    }
    if (rng_chance(g->r, 1)) {
        disp = (int)rng_below(g->r, 0x8000) - 0x4000;
    }
    return align > 1 ? disp & -(int)align : disp;
}

/* 16-bit addresses: [BX], [BP], or with a tamed SI or DI. */
static unsigned operand_16(Gen *g, unsigned reg, unsigned align, uint8_t *to, bool *tamed)
{
    unsigned rm = rng_below(g->r, 8), n = 1;
    int disp = random_displacement(g, align);

    if (rm < 4) {
        unsigned index = rm & 1 ? R_RDI : R_RSI;
        if (g->frozen >> index & 1) {
            rm = 7;
        } else {
            tame(g, index, 0x3f0);
            *tamed = true;
        }
    } else if (rm < 6) {
        rm = 7;
    }
    to[0] = 0x80 | reg << 3 | rm;
    if (rng_chance(g->r, 20)) {                 /* [disp16] */
        to[0] = reg << 3 | 6;
        disp += g->place->data + BLOCK_PAGE;
    } else if (disp == (int8_t)disp) {
        to[0] = 0x40 | reg << 3 | rm;
        to[n++] = disp;
        return n;
    }
    to[n++] = disp;
    to[n++] = disp >> 8;
    return n;
}

static unsigned operand_32(Gen *g, unsigned reg, unsigned base, unsigned rex_x, unsigned align, bool evex, bool vsib,
                           unsigned vector_index, uint8_t *to, bool *tamed)
{
    unsigned n = 1, index = 4, scale = rng_below(g->r, 4);
    int disp = random_displacement(g, align);
    bool disp8 = !evex && disp == (int8_t)disp && rng_chance(g->r, 80);

    if (vsib) {
        index = vector_index & 7;
    } else if (rng_chance(g->r, 25) || (rex_x && (base & 7) == 4)) {    /* REX.X makes an index of no index */
        unsigned whole = g->rename[rng_below(g->r, 8)] | rex_x << 3;
        if (!(g->frozen >> whole & 1)) {
            tame(g, whole, align > 1 ? 0x1c0 : rng_chance(g->r, 50) ? 0xff : 0x3f8);
            index = whole & 7;
            scale = rng_below(g->r, 3);
            *tamed = true;
        }
    }
    bool sib = vsib || index != 4 || (base & 7) == 4;
    bool none = !disp8 && rng_chance(g->r, 15) && (base & 7) != 5;

    to[0] = (none ? 0 : disp8 ? 0x40 : 0x80) | reg << 3 | (sib ? 4 : base & 7);
    if (sib) {
        to[n++] = scale << 6 | index << 3 | (base & 7);
    }
    if (disp8) {
        to[n++] = disp;
    } else if (!none) {
        memcpy(to + n, &disp, 4);
        n += 4;
    }
    return n;
}

/* Where REX, VEX or EVEX keep bits X and B: 1 if set. */
static void rex_bits(const Encoding *e, unsigned bits, unsigned *x, unsigned *b)
{
    *x = *b = 0;
    for (unsigned i = 0; bits == 64 && i < e->opcode_at; i++) {
        uint8_t byte = e->bytes[i];

        if (byte == 0xc5) {
            return;
        }
        if (byte == 0xc4 || byte == 0x62) {
            *x = !(e->bytes[i + 1] & 0x40);
            *b = !(e->bytes[i + 1] & 0x20);
            return;
        }
        if ((byte & 0xf0) == 0x40) {
            *x = byte >> 1 & 1;
            *b = byte & 1;
            return;
        }
    }
}

/* Rewrites the memory operand of @e; may add an instruction that tames the index. */
static bool aim_operand(Gen *g, const InsnRow *row, const Insn *insn, Encoding *e, BlockFix *fix, uint64_t *value,
                        unsigned *fix_at)
{
    static const uint8_t low[] = { R_RBX, R_RBP, R_RBX, R_RBP, R_RSP }, high[] = { 11, 13, 12 };
    unsigned bytes = row->mem_operand < 4 ? insn_operand_bytes(g->cpu, insn, row->mem_operand) : 8, n, x, b;
    unsigned align = row->properties & ROW_ALIGNED ? bytes : rng_chance(g->r, 20) ? 8 : 1, reg = e->bytes[e->modrm_at] >> 3 & 7;
    uint8_t operand[8];
    bool tamed = false, vsib = row->properties & ROW_VSIB;

    align = row->op == OP_CMPXCHG16B ? 16 : MAX(align, 1);
    if (row->properties & ROW_ALIGNED && rng_chance(g->r, 3)) {
        align = 1;
    }
    rex_bits(e, g->bits, &x, &b);
    if (insn->addr_size == 2) {
        if (g->bits == 32 || vsib) {
            return !vsib;                       /* far from our pages: a fault */
        }
        n = operand_16(g, reg, align, operand, &tamed);
    } else if (g->bits == 16) {
        /* 32-bit addresses of 16-bit code: EBX and EBP, whose upper halves are 0 */
        n = operand_32(g, reg, low[rng_below(g->r, 4)], 0, align, insn->prefixes & INSN_EVEX, vsib, insn->index, operand,
                       &tamed);
    } else if (!vsib && rng_chance(g->r, 10)) {
        /* by rip, or absolute */
        *value = g->place->data + BLOCK_PAGE * (1 + rng_below(g->r, 2)) + random_displacement(g, align);
        *fix = g->bits == 64 ? FIX_RIP : FIX_NONE;
        operand[0] = reg << 3 | 5;
        memcpy(operand + 1, value, 4);
        n = 5;
        *fix_at = e->modrm_at + 1;
    } else {
        unsigned base = b ? high[rng_below(g->r, 3)] : low[rng_below(g->r, g->in_function ? 4 : 5)];
        n = operand_32(g, reg, base, x, align, insn->prefixes & INSN_EVEX, vsib, insn->index, operand, &tamed);
    }
    return replace_operand(e, operand, n);
}

/* Registers that the instruction could change. Rather too many than too few. */
static uint32_t registers_touched(const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    uint32_t mask = 0;

    mask |= insn->reg < 16 ? 1u << insn->reg : insn->reg < 20 ? 1u << (insn->reg - 16) : 0;
    mask |= insn->rm < 16 ? 1u << insn->rm : insn->rm < 20 ? 1u << (insn->rm - 16) : 0;
    mask |= insn->vvvv < 16 ? 1u << insn->vvvv : 0;
    for (unsigned i = 0; i < 4; i++) {
        if (group_of(row, i) == GROUP_fixed && i == 0) {
            mask |= 1 << R_RAX | 1 << R_RDX | 1 << R_RCX;
        }
    }
    switch (row->op) {
    case OP_PCMPESTRI: case OP_PCMPISTRI: case OP_VPCMPESTRI: case OP_VPCMPISTRI: mask |= 1 << R_RCX; break;
    }
    if (row->properties & ROW_STRING) {
        mask |= 1 << R_RCX | 1 << R_RSI | 1 << R_RDI;
    }
    return mask;
}

/* Forms whose result is not defined, or differs between makers. */
static bool form_left_out(const Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_BSWAP: return insn->size == 2;
    case OP_SHLD: case OP_SHRD: return insn->size == 2;
    case OP_CMPXCHG: return insn->size == 4 && !insn_has_mem(insn);
    }
    if (insn_has_mem(insn) && insn->evex & 7 && insn_row(insn)->properties & ROW_ALIGNED) {
        return true;                            /* is a misaligned operand that the mask leaves out a fault? */
    }
    if (insn_row(insn)->feature == FEATURE_SHA_NI && insn_has_mem(insn)) {
        return true;                            /* AMD takes any address, Intel does not */
    }
    return insn->fn == insn_ud;
}

/* An instruction of the row. False: not this time. */
static bool add_row(Gen *g, unsigned number)
{
    const InsnRow *row = &insn_rows[number];
    unsigned count = g->b->count, fix_at = 0, unknown = g->unknown;
    BlockFix fix = FIX_NONE;
    uint64_t value = 0;
    Encoding e;
    Insn insn = { 0 };

    if (!encode_row(g->r, number, g->bits, true, &e)) {
        return false;
    }
    rename_registers(g, row, &e);
    if (insn_decode(g->cpu, &insn, e.bytes, e.length) != e.length || insn.row != number || form_left_out(&insn)) {
        return false;
    }
    if (insn_has_mem(&insn) && e.modrm_at) {
        bool bit_offset = (row->op == OP_BT || row->op == OP_BTS || row->op == OP_BTR || row->op == OP_BTC) &&
                          group_of(row, 1) == GROUP_G;

        if (registers_touched(&insn) & g->frozen) {
            return false;
        }
        if (insn.addr_size == 4 && g->place->data >> 32 && !rng_chance(g->r, 3)) {
            return false;                       /* cannot reach */
        }
        if (bit_offset && !rng_chance(g->r, 3)) {
            tame(g, insn.reg, 0x7ff);
        }
        if (!aim_operand(g, row, &insn, &e, &fix, &value, &fix_at)) {
            goto undo;
        }
    } else if (group_of(row, 0) == GROUP_O || group_of(row, 1) == GROUP_O) {
        value = g->place->data + BLOCK_PAGE + random_displacement(g, 1);
        memcpy(e.bytes + e.immediate_at, &value, insn.addr_size);
    }
    memset(&insn, 0, sizeof insn);
    if (insn_decode(g->cpu, &insn, e.bytes, e.length) != e.length || insn.row != number || form_left_out(&insn) ||
        (registers_touched(&insn) & g->frozen)) {
        goto undo;
    }
    BlockItem trial = { 0 };
    find_flags(&insn, &trial);
    if (trial.reads & g->unknown) {
        if (rng_chance(g->r, 40)) {
            goto undo;
        }
        define_flags(g);
    }
    BlockItem *item = add_item(g, e.bytes, e.length);
    item->fix = fix;
    item->fix_at = fix_at;
    item->fix_bytes = 4;
    item->value = value;
    switch (row->op) {
    case OP_FCOMI: case OP_FCOMIP: case OP_FUCOMI: case OP_FUCOMIP:
        ADD(g, 0xd9, 0xe5);                     /* FXAM: Intel's clear C1, AMD's leave it */
    }
    return true;
undo:
    g->b->count = count;
    g->unknown = unknown;
    return false;
}

static void add_random(Gen *g)
{
    for (unsigned tries = 0; tries < 50; tries++) {
        unsigned sum = 0, class = 0, pick;

        for (unsigned i = 0; i < CLASSES; i++) {
            sum += g->weights[i];
        }
        for (pick = rng_below(g->r, sum); pick >= g->weights[class]; class++) {
            pick -= g->weights[class];
        }
        const typeof(classes[0][0]) *list = &classes[bits_index(g->bits)][class];
        if (list->count && add_row(g, list->rows[rng_below(g->r, list->count)])) {
            return;
        }
    }
    define_flags(g);
}

/* Patterns */

static void add_body(Gen *g, unsigned most);

static BlockItem *fix_branch(BlockItem *item, unsigned at, unsigned bytes, unsigned target)
{
    item->fix = FIX_BRANCH;
    item->fix_at = at;
    item->fix_bytes = bytes;
    item->target = target;
    return item;
}

static unsigned near_bytes(const Gen *g) { return g->bits == 16 ? 2 : 4; }

/* A conditional branch over what @g adds next; the index of the item, whose target is set when that is known. */
static void add_skip(Gen *g)
{
    unsigned how = rng_below(g->r, 4), cc = rng_below(g->r, 16), at;
    static const uint16_t reads[8] = { RFLAGS_OF, RFLAGS_CF, RFLAGS_ZF, RFLAGS_CF | RFLAGS_ZF, RFLAGS_SF, RFLAGS_PF,
                                       RFLAGS_SF | RFLAGS_OF, RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF };

    new_group(g);
    if (how != 3 && reads[cc >> 1] & g->unknown) {
        define_flags(g);
    }
    at = g->b->count;
    if (how == 0) {
        fix_branch(ADD(g, 0x0f, 0x80 | cc, 0, 0, 0, 0), 2, near_bytes(g), 0)->length = 2 + near_bytes(g);
    } else if (how < 3) {
        fix_branch(ADD(g, 0x70 | cc, 0), 1, 1, 0);
    } else {
        fix_branch(ADD(g, 0xe3, 0), 1, 1, 0);   /* JCXZ */
    }
    new_group(g);
    add_body(g, how == 0 ? 6 : 4);
    new_group(g);
    g->unknown |= flags_after(&g->b->items[at], g->b->items[at].unknown);
    g->b->items[at].target = g->b->count;
}

/* A counted loop: DEC or SUB and JNZ, LOOP, LOOPNE. The head, the count and the end are one group. */
static void add_loop(Gen *g)
{
    static const uint8_t counters[] = { R_RCX, R_R8, R_R14, R_R15 };
    unsigned how = rng_below(g->r, 4), counter = how < 2 ? R_RCX : counters[rng_below(g->r, g->bits == 64 ? 4 : 1)];
    unsigned group, head, n;
    uint8_t bytes[15];

    if (g->frozen >> counter & 1) {
        return;
    }
    new_group(g);
    group = g->group;
    set_register(g, counter, 1 + rng_below(g->r, 8));
    g->frozen |= 1u << counter;
    g->loops++;
    head = g->b->count;
    g->unknown = RFLAGS_ARITH;
    new_group(g);
    add_body(g, how == 0 ? 4 : 8);
    if (g->b->count == head) {
        define_flags(g);
    }
    g->b->items[head].head = true;
    unsigned last = g->group;
    g->group = group;
    if (how == 1 && !(g->unknown & RFLAGS_ZF)) {
        fix_branch(ADD(g, 0xe0 | rng_below(g->r, 2), 0), 1, 1, head);
    } else if (how < 2) {
        fix_branch(ADD(g, 0xe2, 0), 1, 1, head);
    } else {
        n = put_reg_op(g, bytes, how == 2 ? 0xff : 0x83, how == 2 ? 1 : 5, counter);
        if (how == 3) {
            bytes[n++] = 1;
        }
        add_item(g, bytes, n);
        fix_branch(ADD(g, 0x0f, 0x85, 0, 0, 0, 0), 2, near_bytes(g), head)->length = 2 + near_bytes(g);
    }
    g->group = last;
    new_group(g);
    g->loops--;
    g->frozen &= ~(1u << counter);
}

/* CALL of a function that is added after the block's end; direct, by register, or by a pushed address and RET. */
static void add_call(Gen *g)
{
    unsigned how = rng_below(g->r, 3);

    if (g->function_count == G_N_ELEMENTS(g->functions)) {
        return;
    }
    new_group(g);
    g->functions[g->function_count].frozen = g->frozen;
    if (how == 0) {
        g->functions[g->function_count].call = g->b->count;
        fix_branch(ADD(g, 0xe8, 0, 0, 0, 0), 1, near_bytes(g), 0)->length = 1 + near_bytes(g);
    } else {
        unsigned reg = value_register(g);
        uint8_t bytes[3];

        g->functions[g->function_count].call = g->b->count;
        set_register(g, reg, 0)->fix = FIX_ADDRESS;
        add_item(g, bytes, put_reg_op(g, bytes, 0xff, 2, reg));
    }
    g->function_count++;
    g->unknown = RFLAGS_ARITH;
    if (g->b->count < BLOCK_ITEMS) {
        new_group(g);
        define_flags(g);
        g->b->items[g->b->count - 1].head = true;
    }
    new_group(g);
}

static void add_functions(Gen *g)
{
    g->in_function = true;
    for (unsigned i = 0; i < g->function_count; i++) {
        unsigned start = g->b->count;

        g->b->items[g->functions[i].call].target = start;
        g->unknown = RFLAGS_ARITH;
        g->frozen = g->functions[i].frozen;
        new_group(g);
        for (unsigned n = 1 + rng_below(g->r, 4); n; n--) {
            new_group(g);
            add_random(g);
        }
        new_group(g);
        if (rng_chance(g->r, 80)) {
            ADD(g, 0xc3);
        } else {
            ADD(g, 0xc2, rng_below(g->r, 3) * 8, 0);
        }
        g->b->items[start].head = true;
    }
}

/* [REP] MOVS, STOS, LODS, CMPS, SCAS with registers that fit; sometimes over the end of the data. */
static void add_string(Gen *g)
{
    static const uint8_t opcodes[] = { 0xa4, 0xa4, 0xaa, 0xac, 0xa6, 0xae };
    unsigned opcode = opcodes[rng_below(g->r, G_N_ELEMENTS(opcodes))] | rng_below(g->r, 2), n = 0;
    bool rep = rng_chance(g->r, 80), far = rng_chance(g->r, 10);
    uint64_t data = g->place->data;
    uint8_t bytes[4];

    if (g->frozen & (1 << R_RCX | 1 << R_RSI | 1 << R_RDI)) {
        return;
    }
    new_group(g);
    if (rng_chance(g->r, 92)) {
        set_register(g, R_RSI, data + rng_below(g->r, 3 * BLOCK_PAGE));
        set_register(g, R_RDI, rng_chance(g->r, 30) ? data + BLOCK_PAGE - rng_below(g->r, 64)
                                                    : data + rng_below(g->r, 3 * BLOCK_PAGE - 256));
    }
    set_register(g, R_RCX, far ? rng_below(g->r, 5000) : rng_below(g->r, 40));
    if (rng_chance(g->r, 20)) {
        ADD(g, 0xfc | rng_below(g->r, 2));      /* CLD, STD */
    }
    if (rep) {
        bytes[n++] = 0xf2 | rng_below(g->r, 2);
    }
    if (rng_chance(g->r, 15)) {
        bytes[n++] = 0x66;
    }
    if (g->bits == 64 && opcode & 1 && rng_chance(g->r, 50)) {
        bytes[n++] = 0x48;
    }
    bytes[n++] = opcode;
    add_item(g, bytes, n);
    if (rng_chance(g->r, 70)) {
        ADD(g, 0xfc);
    }
    new_group(g);
}

/* PUSH imm; POPF, with harmless flags. PUSHF where all are defined. */
static void add_flags_through_stack(Gen *g)
{
    uint32_t flags = (rng_next(g->r) & RFLAGS_ARITH) | RFLAGS_FIXED1 | RFLAGS_IF;
    uint8_t push[5] = { 0x68 };

    new_group(g);
    if (rng_chance(g->r, 50) && !(g->unknown & RFLAGS_ARITH)) {
        ADD(g, 0x9c);
        new_group(g);
    }
    memcpy(push + 1, &flags, 4);
    add_item(g, push, 1 + near_bytes(g));
    ADD(g, 0x9d);
    new_group(g);
}

/* PUSH imm; LDMXCSR [RSP]. Reserved bits are #GP, but bit 17 is not reserved on AMD's. */
static void add_mxcsr(Gen *g)
{
    uint32_t mxcsr = (rng_next(g->r) & 0xe07f) | (rng_chance(g->r, 80) ? 0x1f80 : rng_next(g->r) & 0x1f80);
    uint8_t push[6] = { 0x66, 0x68 };

    mxcsr |= rng_chance(g->r, 4) ? 1u << (18 + rng_below(g->r, 13)) : 0;
    memcpy(push + 2, &mxcsr, 4);
    new_group(g);
    if (g->bits == 16) {
        add_item(g, push, 6);
        ADD(g, 0x67, 0x0f, 0xae, 0x14, 0x24);
    } else {
        add_item(g, push + 1, 5);
        rng_chance(g->r, 50) ? ADD(g, 0x0f, 0xae, 0x14, 0x24) : ADD(g, 0xc5, 0xf8, 0xae, 0x14, 0x24);
    }
    new_group(g);
}

static void add_frame(Gen *g)
{
    new_group(g);
    unsigned group = g->group;
    ADD(g, 0xc8, rng_below(g->r, 64), 0, rng_chance(g->r, 70) ? 0 : rng_below(g->r, 4));
    new_group(g);
    for (unsigned n = rng_below(g->r, 4); n; n--) {
        new_group(g);
        add_random(g);
    }
    unsigned last = g->group;
    g->group = group;
    ADD(g, 0xc9);
    g->group = last;
    new_group(g);
}

/* A store into an immediate ahead: ADD EAX, imm; MOV; or the opcode between INC and DEC. */
static void add_self_modification(Gen *g)
{
    unsigned group, store = g->b->count, reg = value_register(g) & 7, offset, value = rng_next(g->r) & 0xff;
    uint8_t bytes[15], victim[15];
    unsigned n = 0, length;

    new_group(g);
    group = g->group;
    bytes[n++] = 0xc6;                          /* MOV byte [...], imm8 */
    bytes[n++] = g->bits == 16 ? 6 : 5;
    unsigned fix_at = n, fix_bytes = near_bytes(g);
    n += fix_bytes;
    bytes[n++] = value;
    memset(bytes + fix_at, 0, fix_bytes);
    BlockItem *item = add_item(g, bytes, n);
    item->fix = FIX_CODE;
    item->fix_at = fix_at;
    item->fix_bytes = fix_bytes;
    new_group(g);
    for (unsigned between = rng_below(g->r, 4); between; between--) {
        new_group(g);
        add_random(g);
    }
    unsigned last = g->group;
    g->group = group;
    if (g->frozen >> reg & 1) {
        reg = R_RAX;
    }
    switch (rng_below(g->r, 3)) {
    case 0:                                     /* ADD reg, imm8 */
        length = put_reg_op(g, victim, 0x83, 0, reg);
        victim[length++] = rng_next(g->r);
        offset = length - 1;
        break;
    case 1:                                     /* MOV reg8, imm8 */
        reg = (reg & 3) == 3 || g->frozen >> (reg & 3) & 1 ? R_RAX : reg & 3;
        victim[0] = 0xb0 | reg | rng_below(g->r, 2) << 2;
        victim[1] = rng_next(g->r);
        length = 2;
        offset = 1;
        break;
    default:                                    /* INC reg becomes DEC reg, or stays */
        length = put_reg_op(g, victim, 0xff, 0, reg);
        offset = length - 1;
        value = 0xc0 | rng_below(g->r, 2) << 3 | reg;
        g->b->items[store].bytes[fix_at + fix_bytes] = value;
    }
    g->b->items[store].target = g->b->count;
    g->b->items[store].value = offset;
    add_item(g, victim, length);
    g->group = last;
    new_group(g);
}

/* A gather or scatter with small indices: VPSRLD or VPSRLQ index, index, 24 or 56. */
static void add_gather(Gen *g)
{
    for (unsigned tries = 0; tries < 400; tries++) {
        unsigned number = rng_below(g->r, insn_row_count), count = g->b->count, fix_at;
        const InsnRow *row = &insn_rows[number];
        BlockFix fix = FIX_NONE;
        uint64_t value;
        Encoding e;
        Insn insn = { 0 };

        if (!(row->properties & ROW_VSIB) || !cpu_has(g->cpu, row->feature) ||
            !encode_row(g->r, number, g->bits, true, &e) ||
            insn_decode(g->cpu, &insn, e.bytes, e.length) != e.length || insn.row != number || insn.fn == insn_ud) {
            continue;
        }
        new_group(g);
        bool wide = row->opcode & 1, evex = insn.prefixes & INSN_EVEX;
        unsigned index = insn.index;
        if (evex) {                             /* 512 bits, all of the index */
            ADD(g, 0x62, 0x91 | 0x60, (wide ? 0x85 : 0x05) | (~index & 15) << 3, 0x48 & ~(index & 16 ? 8 : 0),
                wide ? 0x73 : 0x72, 0xd0 | (index & 7), wide ? 56 : 24);
            uint8_t *p0 = &g->b->items[g->b->count - 1].bytes[1];
            *p0 = 0x91 | 0x60;
            *p0 = (*p0 & ~0x60) | (index & 16 ? 0 : 0x40) | (index & 8 ? 0 : 0x20);
            p0[1] = (wide ? 0x85 : 0x05) | (~index & 15) << 3;
        } else {
            ADD(g, 0xc4, index & 8 ? 0xc1 : 0xe1, 0x05 | (~index & 15) << 3, wide ? 0x73 : 0x72, 0xd0 | (index & 7),
                wide ? 56 : 24);
        }
        Insn shift = { 0 };
        BlockItem *item = &g->b->items[g->b->count - 1];
        insn_decode(g->cpu, &shift, item->bytes, item->length);
        if (shift.fn == insn_ud || !aim_operand(g, row, &insn, &e, &fix, &value, &fix_at)) {
            g->b->count = count;
            continue;
        }
        memset(&insn, 0, sizeof insn);
        if (insn_decode(g->cpu, &insn, e.bytes, e.length) != e.length || insn.fn == insn_ud) {
            g->b->count = count;
            continue;
        }
        add_item(g, e.bytes, e.length);
        new_group(g);
        return;
    }
}

static void add_fault(Gen *g)
{
    new_group(g);
    switch (rng_below(g->r, 6)) {
    case 0: ADD(g, 0x0f, 0x0b); break;                                  /* UD2 */
    case 1: ADD(g, 0xf0, 0x01, 0xc0); break;                            /* LOCK ADD reg, reg */
    case 2: set_register(g, value_register(g), 0); ADD(g, 0xf7, 0xf0 | (value_register(g) & 7)); break;     /* DIV */
    case 3: ADD(g, 0xf6, 0xf8 | rng_below(g->r, 4)); break;             /* IDIV */
    case 4: g->bits == 64 ? ADD(g, 0x48, 0x8b, 0x00) : ADD(g, 0x8b, 0x07); break;       /* by a value, not a pointer */
    case 5: ADD(g, 0x0f, 0xb9, 0xc0); break;                            /* UD1 */
    }
    new_group(g);
}

static bool room(const Gen *g) { return g->b->count < 60; }

static void add_body(Gen *g, unsigned most)
{
    for (unsigned n = 1 + rng_below(g->r, most); n && room(g); n--) {
        unsigned what = rng_below(g->r, 100);

        new_group(g);
        if (what < 4 && g->loops < 2) {
            add_loop(g);
        } else if (what < 10) {
            add_skip(g);
        } else if (what < 12) {
            add_call(g);
        } else if (what < 15) {
            add_string(g);
        } else if (what < 16) {
            rng_chance(g->r, 60) ? add_flags_through_stack(g) : add_mxcsr(g);
        } else if (what < 17) {
            add_frame(g);
        } else if (what < 19) {
            add_self_modification(g);
        } else if (what < 20 && g->weights[CLASS_AVX] && g->bits != 16) {
            add_gather(g);
        } else {
            add_random(g);
        }
    }
}

/* What a block is about: one or two classes besides integers, few registers or many. */
static void choose_theme(Gen *g)
{
    static const uint8_t values[LOW_VALUE_REGS] = { 0, 1, 2, 6, 7 };
    unsigned few = 2 + rng_below(g->r, LOW_VALUE_REGS - 1);

    g->weights[CLASS_INTEGER] = rng_chance(g->r, 90) ? 10 : 1;
    for (unsigned n = rng_below(g->r, 3); n; n--) {
        g->weights[1 + rng_below(g->r, CLASSES - 1)] += 1 + rng_below(g->r, 15);
    }
    if (g->weights[CLASS_AVX512]) {
        g->weights[CLASS_AVX]++;
    }
    for (unsigned i = 0; i < 8; i++) {
        g->rename[i] = values[rng_below(g->r, few)];
        g->rename_vector[i] = rng_chance(g->r, 80) ? rng_below(g->r, 4) : i;
    }
}

/* No system call by a jump into the middle of something. */
static bool is_harmless(const TestBlock *b)
{
    for (unsigned i = 0; i + 1 < sizeof b->code; i++) {
        if ((b->code[i] == 0x0f && (b->code[i + 1] == 0x05 || b->code[i + 1] == 0x34)) ||
            (b->code[i] == 0xcd && b->code[i + 1] == 0x80)) {
            return false;
        }
    }
    return true;
}

static void generate(Rng *r, BlockMode mode, TestBlock *b)
{
    const BlockPlace *p = &block_places[mode];
    Gen g = { .r = r, .b = b, .place = p, .bits = p->bits, .cpu = cpus[bits_index(p->bits)] };
    unsigned size = 2 + rng_below(r, 39), end;

    memset(b, 0, sizeof *b);
    b->mode = mode;
    b->seed = rng_next(r);
    choose_theme(&g);
    while (b->count < size) {
        add_body(&g, size - b->count);
        if (rng_chance(r, 1)) {
            add_fault(&g);
        }
    }
    new_group(&g);
    end = b->count;
    fix_branch(ADD(&g, 0xe9, 0, 0, 0, 0), 1, near_bytes(&g), BLOCK_ITEMS)->length = 1 + near_bytes(&g);
    b->items[end].group = 0;                    /* never dropped */
    add_functions(&g);
    for (unsigned i = 0, bytes = 0; i < b->count; i++) {
        bytes += b->items[i].length;
        if (i == b->count - 1) {                /* often across the page boundary */
            b->start = rng_chance(r, 60) ? rng_below(r, 64) * 16 : BLOCK_PAGE - 1 - rng_below(r, bytes);
        }
    }
}

void block_generate(Rng *r, BlockMode mode, TestBlock *b)
{
    for (;;) {
        unsigned reader;

        generate(r, mode, b);
        while (!block_flags(b, &reader)) {
            unsigned group = b->items[reader].group;
            for (unsigned i = 0; i < b->count; i++) {
                b->items[i].dropped |= b->items[i].group == group;
            }
        }
        if (block_layout(b) && (!block_places[mode].native || is_harmless(b))) {
            return;
        }
    }
}

void block_generator_init(void)
{
    list_rows(16);
    list_rows(32);
    list_rows(64);
}
