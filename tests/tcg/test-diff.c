/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instruction table against the host CPU.
 *
 * For every row that is not ROW_NO_TEST: random encodings of the row with random registers, flags, vector, MMX, x87
 * state and memory are run by the host (native_run.c), by the row's InsnFn and by the translator; then everything is
 * compared: general
 * registers, flags that the row does not leave undefined, where rip went, MXCSR, vector registers, x87 state, memory,
 * and which exception came. Guest memory is host memory: the TLB maps the data pages at their own addresses.
 *
 * RHEA_TEST_SEED repeats a run, RHEA_TEST_COUNT sets the operand sets for a row, RHEA_TEST_ROW a mnemonic to look at
 * alone.
 */
#include "target/i386/exec/flags.h"
#include "target/i386/native/native.h"
#include "target/i386/native/x87_state.h"
#include "target/i386/system/death.h"
#include "target/i386/translate/translate.h"
#include "tests/check.h"
#include "tests/tcg/encode.h"
#include "tests/tcg/native_run.h"

enum { PAGE = 4096, DATA_BYTES = 3 * PAGE, COUNT = 800, COUNT_32 = 200, SETS_PER_ENCODING = 4, MAX_REPORTS = 3 };
enum { XS_MXCSR = 24, XS_ST = 32, XS_XMM = 160, XS_BV = 512, XS_YMM = 576, XCR0_AVX512 = 0xe0 };
static unsigned xs_opmask, xs_zmm_high, xs_zmm16;          /* places of AVX-512 components in the host's XSAVE area */

typedef struct Case {
    unsigned row;
    bool mode32;
    Encoding code;
    Insn insn;
    HostState in, native;
    uint8_t before[DATA_BYTES], after[DATA_BYTES];      /* the data pages: as given, as the host left them */
    int signal;
    bool integer_division;
    uint64_t undefined;                                 /* flags not compared */
    bool any_result;                                    /* the destination is undefined too */
} Case;

static CpuX86 *cpu;
static Block *block;                            /* for the translator */
static Rng rng;
static uint64_t seed;
static unsigned count_64, count_32;
static const char *only_row;

static const InsnRow *row_of(const Case *c) { return &insn_rows[c->row]; }
static bool has_op(const Case *c, const unsigned *ops, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (row_of(c)->op == ops[i]) {
            return true;
        }
    }
    return false;
}
#define IS(c, ...) has_op(c, (const unsigned[]){ __VA_ARGS__ }, G_N_ELEMENTS(((const unsigned[]){ __VA_ARGS__ })))

static unsigned operand_group(const Case *c, unsigned i) { return operand_kinds[row_of(c)->operands[i]].group; }
static bool has_group(const Case *c, unsigned group)
{
    for (unsigned i = 0; i < 4; i++) {
        if (operand_group(c, i) == group) {
            return true;
        }
    }
    return false;
}

/* Random values with the interesting ones often among them */

static uint64_t random_integer(void)
{
    static const uint64_t edges[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
                                      0xffffffff,
                                      0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff };

    switch (rng_below(&rng, 4)) {
    case 0: return edges[rng_below(&rng, G_N_ELEMENTS(edges))];
    case 1: return rng_next(&rng) & 0xff;
    case 2: return (int64_t)rng_next(&rng) >> rng_below(&rng, 64);
    }
    return rng_next(&rng);
}

static uint32_t random_float(void)
{
    static const uint32_t edges[] = { 0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
                                      0x7f800001,
                                      0x00000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000 };

    switch (rng_below(&rng, 4)) {
    case 0: return edges[rng_below(&rng, G_N_ELEMENTS(edges))];
    case 1: return 0x3f000000 + (rng_next(&rng) & 0x81ffffff);
    }
    return rng_next(&rng);
}

static uint64_t random_double(void)
{
    static const uint64_t edges[] = { 0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000,
                                      0xfff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001, 1, 0x000fffffffffffff,
                                      0x0010000000000000, 0x7fefffffffffffff, 0x43e0000000000000, 0xc3e0000000000000,
                                      0x41e0000000000000, 0x41dfffffffc00000 };

    switch (rng_below(&rng, 4)) {
    case 0: return edges[rng_below(&rng, G_N_ELEMENTS(edges))];
    case 1: return 0x3fe0000000000000 + (rng_next(&rng) & 0x803fffffffffffff);
    }
    return rng_next(&rng);
}

static void random_bytes(uint8_t *p, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 8) {
        uint64_t value;

        switch (rng_below(&rng, 4)) {
        case 0: value = random_float() | (uint64_t)random_float() << 32; break;
        case 1: value = random_double(); break;
        case 2: value = random_integer(); break;
        default: value = rng_next(&rng);
        }
        memcpy(p + i, &value, 8);
    }
}

static void random_st(uint8_t *st)
{
    static const uint16_t exponents[] = { 0, 0x3fff, 0x7fff, 0x4000, 0x3ffe, 0x403e, 0xc03e, 0xbfff, 0x8000, 0x0001,
                                          0x7ffe, 0x3c00, 0x4400 };
    uint64_t mantissa = rng_chance(&rng, 80) ? rng_next(&rng) | 1ull << 63 : random_integer();
    uint16_t exponent = rng_chance(&rng, 60) ? exponents[rng_below(&rng, G_N_ELEMENTS(exponents))] :
        0x3fc0 + rng_below(&rng, 0x80);

    memset(st, 0, 16);
    memcpy(st, &mantissa, 8);
    memcpy(st + 8, &exponent, 2);
}

static void random_state(Case *c)
{
    uint8_t *xs = c->in.xsave;
    uint16_t fcw, fsw;
    uint32_t mxcsr = rng_next(&rng) & 0x603f;
    uint64_t bv = native_xcr0();

    memset(&c->in, 0, sizeof c->in);
    for (unsigned i = 0; i < 16; i++) {
        c->in.gpr[i] = c->mode32 ? i < 8 ? (uint32_t)random_integer() : 0 : random_integer();
    }
    c->in.rflags = (rng_next(&rng) & (RFLAGS_ARITH | RFLAGS_DF)) | RFLAGS_FIXED1 | RFLAGS_IF;
    fcw = 0x40 | (rng_next(&rng) & 0xf00) | (rng_chance(&rng, 85) ? 0x3f : rng_next(&rng) & 0x3f);
    fsw = (rng_next(&rng) & 0x7f40) | (rng_next(&rng) & fcw & 0x3f);
    memcpy(xs, &fcw, 2);
    memcpy(xs + 2, &fsw, 2);
    xs[4] = rng_chance(&rng, 60) ? 0xff : rng_next(&rng);
    mxcsr |= rng_chance(&rng, 85) ? 0x1f80 : rng_next(&rng) & 0x1f80;
    mxcsr |= rng_chance(&rng, 15) ? rng_next(&rng) & 0x8040 : 0;
    memcpy(xs + XS_MXCSR, &mxcsr, 4);
    for (unsigned i = 0; i < 8; i++) {
        random_st(xs + XS_ST + 16 * i);
    }
    random_bytes(xs + XS_XMM, 256);
    if (bv & 4) {
        random_bytes(xs + XS_YMM, 256);
    }
    if (bv & XCR0_AVX512) {
        random_bytes(xs + xs_opmask, 64);
        random_bytes(xs + xs_zmm_high, 512);
        random_bytes(xs + xs_zmm16, 1024);
    }
    memcpy(xs + XS_BV, &bv, 8);
    if (c->mode32) {
        memset(xs + XS_XMM + 128, 0, 128);
        memset(xs + XS_YMM + 128, 0, 128);
        if (bv & XCR0_AVX512) {
            memset(xs + xs_zmm_high + 256, 0, 256);
            memset(xs + xs_zmm16, 0, 1024);
        }
    }
}

/* Memory operands: where, and registers that say so */

static uint64_t data_address(unsigned low, unsigned high)
{
    return (uintptr_t)native_data() + PAGE + low + rng_below(&rng, high - low);
}

static uint64_t address_mask(const Insn *insn)
{
    return insn->addr_size == 8 ? UINT64_MAX : insn->addr_size == 4 ? UINT32_MAX : UINT16_MAX;
}

static void set_register(Case *c, unsigned reg, uint64_t value)
{
    uint64_t mask = address_mask(&c->insn);

    c->in.gpr[reg] = c->mode32 ? (uint32_t)value : (value & mask) | (rng_next(&rng) & ~mask);
}

static void patch(Case *c, unsigned at, unsigned bytes, uint64_t value)
{
    memcpy(c->code.bytes + at, &value, bytes);
}

/* Where a copy of the data pages has the byte of @address. */
static uint8_t *data_in(const uint8_t *copy, uint64_t address)
{
    return (uint8_t *)copy + (address - (uintptr_t)native_data());
}
static uint8_t *data_at(const Case *c, uint64_t address) { return data_in(c->before, address); }

static bool touches_memory(const Case *c)
{
    return insn_has_mem(&c->insn) && !IS(c, OP_LEA, OP_NOP, OP_PREFETCH, OP_PREFETCHW);
}

static bool is_stack(const Case *c)
{
    return IS(c, OP_PUSH, OP_POP, OP_PUSHA, OP_POPA, OP_PUSHF, OP_POPF, OP_ENTER, OP_LEAVE, OP_CALL, OP_RET);
}

/* Aims the ModRM operand at @target. False: this encoding cannot. */
static bool aim(Case *c, uint64_t target)
{
    const Insn *insn = &c->insn;
    uint64_t base = target;
    bool vsib = row_of(c)->properties & ROW_VSIB;

    if (insn->addr_size == 2) {
        return false;
    }
    if (insn->index != REG_NONE && !vsib) {
        if (insn->index == insn->base) {
            return false;
        }
        set_register(c, insn->index, rng_below(&rng, 16));
        base -= (c->in.gpr[insn->index] & address_mask(insn)) << insn->scale;
    }
    if (vsib) {                                     /* small indices, of 4 and of 8 bytes alike */
        uint8_t *xs = c->in.xsave, *at;

        for (unsigned i = 0; i < (insn->prefixes & INSN_EVEX ? 16 : 8); i++) {
            bool wide = row_of(c)->opcode & 1;
            int32_t value = wide && i & 1 ? 0 : (int)rng_below(&rng, 48) - (wide ? 0 : 24);

            if (insn->index >= 16) {
                at = xs + xs_zmm16 + 64 * (insn->index - 16) + 4 * i;
            } else if (i < 8) {
                at = xs + (i < 4 ? XS_XMM : XS_YMM) + 16 * insn->index + 4 * (i & 3);
            } else {
                at = xs + xs_zmm_high + 32 * insn->index + 4 * (i - 8);
            }
            memcpy(at, &value, 4);
        }
    }
    if (insn->base == REG_RIP) {
        patch(c, c->code.displacement_at, 4, target - ((uintptr_t)native_code() + c->code.length));
    } else if (insn->base == REG_NONE) {
        patch(c, c->code.displacement_at, 4, base);
    } else {
        if (insn->base == R_RSP && is_stack(c) && (insn->index != REG_NONE || ABS(insn->disp) > 512)) {
            return false;
        }
        set_register(c, insn->base, base - insn->disp);
    }
    return true;
}

/* What the instruction needs so that it touches only the data pages and leaves by one of the two exits. */
static bool arrange(Case *c)
{
    const InsnRow *row = row_of(c);
    Insn *insn = &c->insn;
    uint64_t target = data_address(1024, 2048), taken = (uintptr_t)native_code() + TAKEN_OFFSET;
    unsigned bytes = row->mem_operand < 4 ? insn_operand_bytes(cpu, insn, row->mem_operand) : 0;
    bool memory = insn_has_mem(insn);

    if (IS(c, OP_FXSAVE, OP_FXRSTOR) || row->feature == FEATURE_SHA_NI) {
        target &= ~15ull;                           /* AMD's SHA takes any address, Intel's does not */
    } else if (row->properties & ROW_ALIGNED && bytes && rng_chance(&rng, 92)) {
        target &= ~(uint64_t)(bytes - 1);
    } else if (IS(c, OP_CMPXCHG16B) && rng_chance(&rng, 92)) {
        target &= ~15ull;
    }
    /* Inputs before addresses, which win where they share a register. */
    if (IS(c, OP_DIV, OP_IDIV)) {
        unsigned how = rng_below(&rng, 3);

        c->in.gpr[R_RDX] = how == 0 ? 0 : how == 1 ? (uint64_t)((int64_t)c->in.gpr[R_RAX] >> 63) : rng_next(&rng) & 0xf;
        if (insn->size == 1) {
            c->in.gpr[R_RAX] &= 0x3ff;
        }
        c->in.gpr[R_RDX] &= c->mode32 ? UINT32_MAX : UINT64_MAX;
    }
    if (is_stack(c)) {
        c->in.gpr[R_RSP] = data_address(2048, 2560) & (rng_chance(&rng, 80) ? ~7ull : ~0ull);
        if (IS(c, OP_ENTER, OP_LEAVE)) {
            c->in.gpr[R_RBP] = data_address(1024, 2048);
        }
    }
    if (has_group(c, GROUP_X) || has_group(c, GROUP_Y)) {
        set_register(c, R_RSI, data_address(1024, 2048));
        set_register(c, R_RDI, data_address(1024, 2048));
        set_register(c, R_RCX, rng_below(&rng, 12));
        if (insn->addr_size == 2) {
            return false;
        }
    }
    if (IS(c, OP_XLAT)) {
        set_register(c, R_RBX, data_address(1024, 2048));
        if (insn->addr_size == 2) {
            return false;
        }
    }
    if (IS(c, OP_MASKMOVQ, OP_MASKMOVDQU, OP_VMASKMOVDQU)) {
        set_register(c, R_RDI, target);
        if (insn->addr_size == 2) {
            return false;
        }
    }
    if (memory && IS(c, OP_BT, OP_BTS, OP_BTR, OP_BTC) && operand_group(c, 1) == GROUP_G) {
        if (insn->reg == insn->base || insn->reg == insn->index) {
            return false;
        }
        c->in.gpr[insn->reg] = (int64_t)rng_below(&rng, 4096) - 2048;
        c->in.gpr[insn->reg] = c->mode32 ? (uint32_t)c->in.gpr[insn->reg] : c->in.gpr[insn->reg];
    }
    if (IS(c, OP_CALL, OP_JMP) && operand_group(c, 0) == GROUP_E) {
        if (!memory && insn->rm == R_RSP) {
            return false;
        }
        if (!memory) {
            c->in.gpr[insn->rm] = taken;
        }
    }
    if (memory && touches_memory(c) && !aim(c, target)) {
        return false;
    }
    if (operand_group(c, 0) == GROUP_O || operand_group(c, 1) == GROUP_O) {
        if (insn->addr_size == 2) {
            return false;
        }
        patch(c, c->code.immediate_at, insn->addr_size, target);
    }
    if (operand_group(c, 0) == GROUP_J) {
        patch(c, c->code.immediate_at, operand_kinds[row->operands[0]].bytes == BYTES_B ? 1 : 4,
              TAKEN_OFFSET - c->code.length);
    }
    if (IS(c, OP_ENTER)) {
        patch(c, c->code.immediate_at, 2, rng_below(&rng, 64));
    }
    if (IS(c, OP_CALL, OP_JMP) && memory) {
        memcpy(data_at(c, target), &taken, 8);
    }
    if (IS(c, OP_RET)) {
        memcpy(data_at(c, c->in.gpr[R_RSP]), &taken, 8);
    }
    if (IS(c, OP_POPF)) {
        uint64_t image = (rng_next(&rng) & (RFLAGS_ARITH | RFLAGS_DF)) | RFLAGS_FIXED1 | RFLAGS_IF;

        memcpy(data_at(c, c->in.gpr[R_RSP]), &image, 8);
    }
    if (IS(c, OP_LDMXCSR, OP_VLDMXCSR, OP_FXRSTOR)) {
        uint8_t *mxcsr = data_at(c, target + (IS(c, OP_FXRSTOR) ? XS_MXCSR : 0));

        mxcsr[2] = mxcsr[3] = 0;
        if (rng_chance(&rng, 5)) {
            mxcsr[3] = 1;
        }
    }
    if (IS(c, OP_CMPXCHG) && rng_chance(&rng, 50)) {        /* let it succeed often */
        if (memory) {
            memcpy(data_at(c, target), &c->in.gpr[R_RAX], 8);
        } else if (insn->rm < 16) {
            c->in.gpr[insn->rm] = c->in.gpr[R_RAX];
        }
    }
    if (IS(c, OP_CMPXCHG8B, OP_CMPXCHG16B) && rng_chance(&rng, 50)) {
        unsigned half = IS(c, OP_CMPXCHG8B) ? 4 : 8;

        memcpy(data_at(c, target), &c->in.gpr[R_RAX], half);
        memcpy(data_at(c, target) + half, &c->in.gpr[R_RDX], half);
    }
    if (IS(c, OP_BOUND) && rng_chance(&rng, 50)) {
        int32_t low = -0x7000, high = 0x7000;

        memcpy(data_at(c, target), &low, insn->size);
        memcpy(data_at(c, target) + insn->size, &high, insn->size);
    }
    return true;
}

/* What is undefined for these operands */
static void find_undefined(Case *c)
{
    const InsnRow *row = row_of(c);
    const Insn *insn = &c->insn;
    unsigned count = 1, bits = insn->size * 8;
    uint8_t kind = row->operands[row->op == OP_SHLD || row->op == OP_SHRD ? 2 : 1];

    c->undefined = row->flags_undefined;
    c->any_result = false;
    if (kind == OPERAND_CL) {
        count = c->in.gpr[R_RCX];
    } else if (kind == OPERAND_Ib) {
        count = insn->imm;
    }
    count &= insn->size == 8 ? 63 : 31;
    switch (row->undefined_rule) {
    case UNDEFINED_SHIFT:
        c->undefined = (count ? RFLAGS_AF : 0) | (count > 1 ? RFLAGS_OF : 0) |
            (count > bits && row->op != OP_SAR ? RFLAGS_CF : 0);
        break;
    case UNDEFINED_ROTATE:
        c->undefined = count > 1 ? RFLAGS_OF : 0;
        break;
    case UNDEFINED_SHIFTD:
        c->undefined = (count ? RFLAGS_AF : 0) | (count > 1 ? RFLAGS_OF : 0);
        if (count > bits) {
            c->undefined = RFLAGS_ARITH;
            c->any_result = true;
        }
        break;
    }
    if (IS(c, OP_BSWAP) && insn->size == 2) {
        c->any_result = true;
    }
}

/* Running the case here and there */

static void load_cpu(const Case *c)
{
    const uint8_t *xs = c->in.xsave;
    const HostSegments *host = native_segments();

    memcpy(cpu->regs, c->in.gpr, sizeof c->in.gpr);
    cpu->rflags = (c->in.rflags & ~(uint64_t)RFLAGS_ARITH) | RFLAGS_FIXED1;
    flags_put(cpu, c->in.rflags);
    cpu->block_rip = (uintptr_t)native_code();
    cpu->rip = ~0ull;
    memset(&cpu->fpu, 0, sizeof cpu->fpu);
    memcpy(&cpu->fpu.fx.fcw, xs, 2);
    memcpy(&cpu->fpu.fx.fsw, xs + 2, 2);
    cpu->fpu.fx.ftw_abridged = xs[4];
    memcpy(cpu->fpu.fx.st, xs + XS_ST, sizeof cpu->fpu.fx.st);
    memcpy(&cpu->fpu.mxcsr, xs + XS_MXCSR, 4);
    for (unsigned i = 0; i < 16; i++) {
        memcpy(cpu->fpu.zmm[i], xs + XS_XMM + 16 * i, 16);
        memcpy(cpu->fpu.zmm[i] + 16, xs + XS_YMM + 16 * i, 16);
    }
    if (native_xcr0() & XCR0_AVX512) {
        for (unsigned i = 0; i < 16; i++) {
            memcpy(cpu->fpu.zmm[i] + 32, xs + xs_zmm_high + 32 * i, 32);
        }
        memcpy(cpu->fpu.zmm[16], xs + xs_zmm16, 1024);
        memcpy(cpu->fpu.k, xs + xs_opmask, 64);
    }
    cpu->seg[R_ES].selector = host->es;
    cpu->seg[R_CS].selector = c->mode32 ? host->cs32 : host->cs;
    cpu->seg[R_SS].selector = host->ss;
    cpu->seg[R_DS].selector = host->ds;
    cpu->seg[R_FS].selector = host->fs;
    cpu->seg[R_GS].selector = host->gs;
    cpu->seg[R_ES].limit = cpu->seg[R_SS].limit = cpu->seg[R_DS].limit = cpu->seg[R_CS].limit = UINT32_MAX;
    cpu->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    cpu->cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_MP | CR0_WP;
    cpu->xcr0 = native_xcr0();
}

/* Returns the vector raised or VECTOR_NONE. */
static int run_here(const Case *c)
{
    if (sigsetjmp(cpu->run_jmp, 0)) {
        return cpu->exception_vector;
    }
    cpu->insn = &c->insn;
    cpu->block_end = &c->insn + 1;              /* nothing follows */
    cpu->flat_mask = c->mode32 ? UINT32_MAX : UINT64_MAX;
    c->insn.fn(cpu, &c->insn);
    cpu->insn = NULL;
    return VECTOR_NONE;
}

/* A block of this one instruction, translated alone. */
static int run_translated(const Case *c)
{
    Translator *jit = &cpu->exec->jit;

    block->lin = cpu->block_rip;
    block->count = 1;
    block->bytes = c->insn.length;
    block->insns[0] = c->insn;
    block->insns[0].offset = 0;
    jit->hot.used = jit->hot.first;
    jit->cold.used = jit->cold.first;
    jit->last_serial = SERIAL_FIRST;
    jit->order_count = 0;
    memset(cpu->exec->again, 0, sizeof cpu->exec->again);
    check_true(translate_block(cpu, block), "the block is translated");
    if (sigsetjmp(cpu->run_jmp, 0)) {
        return cpu->exception_vector;
    }
    jit->block = block;
    jit->code_page = block->lin & TLB_PAGE_MASK;
    flags_to_slot(cpu);
    jit->enter(cpu, block->header.code);
    translator_note_x87(cpu);
    if (jit->exit_block) {
        uint64_t rip = jit->exit_index == EXIT_INDIRECT ? jit->spare[SPARE_TARGET]
                     : jit->code_page + block->exits[jit->exit_index].offset;

        flags_from_slot(cpu);
        cpu->rip = row_of(c)->properties & ROW_BRANCH ? rip : ~0ull;
    } else if (!(row_of(c)->properties & ROW_BRANCH)) {
        cpu->rip = ~0ull;
    }
    return VECTOR_NONE;
}

/* An aligned move that is masked out whole: Intel's check the alignment all the same, AMD's do not. */
static bool moves_nothing(const Case *c)
{
    unsigned bytes = insn_element_bytes(&c->insn), k = c->insn.evex & 7;
    uint64_t elements = bytes ? UINT64_MAX >> (64 - c->insn.size / bytes) : 0;

    return row_of(c)->properties & ROW_ALIGNED && k && !(cpu->fpu.k[k] & elements);
}

static bool same_fault(const Case *c, int vector)
{
    switch (c->signal) {
    case 0: return vector == VECTOR_NONE || (vector == VECTOR_GP && moves_nothing(c));
    case SIGFPE: return c->integer_division ? vector == VECTOR_DE : vector == VECTOR_XM || vector == VECTOR_MF;
    case SIGILL: return vector == VECTOR_UD;
    case SIGSEGV: case SIGBUS:
        return vector == VECTOR_GP || vector == VECTOR_SS || vector == VECTOR_PF || vector == VECTOR_AC ||
               vector == VECTOR_BR ||
               vector == VECTOR_OF;
    case SIGTRAP: return vector == VECTOR_BP || vector == VECTOR_DB;
    }
    return false;
}

/* Differences, as text; NULL if none */

static void compare_integer(const Case *c, GString *diff)
{
    static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                         "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    uint64_t flags = cpu_get_rflags(cpu), wanted = c->native.rflags, mask = RFLAGS_ARITH | RFLAGS_DF;

    mask &= ~c->undefined;
    bool skip_destination = c->any_result || (IS(c, OP_BSF, OP_BSR) && wanted & RFLAGS_ZF);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t width = c->mode32 ? UINT32_MAX : UINT64_MAX;

        if (skip_destination && (i == c->insn.reg || i == c->insn.rm)) {
            continue;
        }
        if (i == c->insn.rm && IS(c, OP_CMPXCHG) && c->insn.size == 4 && !(wanted & RFLAGS_ZF)) {
            width = UINT32_MAX;                     /* Intel writes the old value back, so zero-extends; AMD does not */
        }
        if (row_of(c)->properties & ROW_STRING && c->insn.addr_size == 4 && !(uint32_t)c->in.gpr[R_RCX] &&
            (i == R_RCX || i == R_RSI || i == R_RDI)) {
            width = UINT32_MAX;                     /* the same when there is nothing to repeat */
        }
        if ((cpu->regs[i] ^ c->native.gpr[i]) & width) {
            g_string_append_printf(diff, "  %s is %016" PRIx64 ", host %016" PRIx64 ", before %016" PRIx64 "\n",
                                   names[i],
                                   cpu->regs[i], c->native.gpr[i], c->in.gpr[i]);
        }
    }
    if ((flags ^ wanted) & mask) {
        g_string_append_printf(diff, "  flags are %04x, host %04x (compared %04x), before %04x\n", (unsigned)flags,
                               (unsigned)wanted, (unsigned)mask, (unsigned)c->in.rflags);
    }
    if (row_of(c)->properties & ROW_BRANCH) {
        uint64_t rip = (uintptr_t)native_code() + (c->native.taken ? TAKEN_OFFSET : c->code.length);

        if (cpu->rip != rip) {
            g_string_append_printf(diff, "  rip is %" PRIx64 ", host %" PRIx64 "\n", cpu->rip, rip);
        }
    } else if (cpu->rip != ~0ull) {
        g_string_append(diff, "  rip was touched\n");
    }
}

static void compare_vector(const Case *c, GString *diff)
{
    const uint8_t *xs = c->native.xsave;
    uint8_t zero[16] = { 0 };
    uint64_t bv;
    uint32_t mxcsr;

    memcpy(&bv, xs + XS_BV, 8);
    memcpy(&mxcsr, xs + XS_MXCSR, 4);
    if (cpu->fpu.mxcsr != mxcsr) {
        g_string_append_printf(diff, "  mxcsr is %04x, host %04x\n", cpu->fpu.mxcsr, mxcsr);
    }
    for (unsigned i = 0; i < (c->mode32 ? 8 : 16); i++) {
        for (unsigned half = 0; half < 2; half++) {
            const uint8_t *theirs = xs + (half ? XS_YMM : XS_XMM) + 16 * i, *ours = cpu->fpu.zmm[i] + 16 * half;

            theirs = bv & (half ? 4 : 2) ? theirs : zero;
            if (memcmp(ours, theirs, 16)) {
                g_string_append_printf(diff, "  ymm%u bits %u up: %s\n    host %s\n", i, half * 128, hex(ours, 16),
                                       hex(theirs, 16));
            }
        }
    }
}

static void compare_avx512(const Case *c, GString *diff)
{
    static const uint8_t zero[64];
    const uint8_t *xs = c->native.xsave;
    uint64_t bv;

    memcpy(&bv, xs + XS_BV, 8);
    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *theirs = bv & 0x20 ? xs + xs_opmask + 8 * i : zero;

        if (memcmp(&cpu->fpu.k[i], theirs, 8)) {
            g_string_append_printf(diff, "  k%u is %s, host %s\n", i, hex((const uint8_t *)&cpu->fpu.k[i], 8),
                                   hex(theirs, 8));
        }
    }
    for (unsigned i = 0; i < (c->mode32 ? 8 : 32); i++) {
        const uint8_t *high = bv & 0x40 ? xs + xs_zmm_high + 32 * i : zero;
        const uint8_t *theirs = i < 16 ? high : bv & 0x80 ? xs + xs_zmm16 + 64 * (i - 16) : zero;
        const uint8_t *ours = cpu->fpu.zmm[i] + (i < 16 ? 32 : 0);

        if (memcmp(ours, theirs, i < 16 ? 32 : 64)) {
            g_string_append_printf(diff, "  zmm%u: %s\n    host %s\n", i, hex(ours, i < 16 ? 32 : 64),
                                   hex(theirs, i < 16 ? 32 : 64));
        }
    }
}

static void compare_x87(const Case *c, GString *diff)
{
    static const uint8_t initial[512] = { 0x7f, 0x03 };
    const uint8_t *xs = c->native.xsave, *ours = (const uint8_t *)&cpu->fpu.fx;
    uint64_t bv;

    memcpy(&bv, xs + XS_BV, 8);
    xs = bv & 1 ? xs : initial;
    if (IS(c, OP_FCOMI, OP_FCOMIP, OP_FUCOMI, OP_FUCOMIP)) {    /* Intel clears C1, AMD leaves it */
        cpu->fpu.fx.fsw = (cpu->fpu.fx.fsw & ~0x200) | (xs[3] & 2) << 8;
    }
    if (memcmp(ours, xs, 5)) {
        g_string_append_printf(diff, "  fcw fsw ftw: %s\n          host: %s\n", hex(ours, 5), hex(xs, 5));
    }
    for (unsigned i = 0; i < 8; i++) {
        if (memcmp(cpu->fpu.fx.st[i], xs + XS_ST + 16 * i, 10)) {
            g_string_append_printf(diff, "  st%u: %s\n  host: %s\n", i, hex(cpu->fpu.fx.st[i], 10),
                                   hex(xs + XS_ST + 16 * i, 10));
        }
    }
}

/* x87 instruction and data pointers are not the host's; where they are written to memory they are not compared. */
static void blank_pointers(const Case *c, uint8_t *data)
{
    uint64_t address;
    unsigned from = 0, to = 0;

    memcpy(cpu->regs, c->in.gpr, sizeof c->in.gpr);
    address = insn_ea(cpu, &c->insn);
    switch (row_of(c)->op) {
    case OP_FXSAVE: from = 6; to = 32; break;       /* and the MXCSR mask */
    case OP_FNSTENV: case OP_FNSAVE: from = c->insn.size == 2 ? 6 : 12; to = c->insn.size == 2 ? 14 : 28; break;
    }
    if (to) {
        memset(data_in(data, address + from), 0, to - from);
    }
}

static void compare_memory(const Case *c, GString *diff)
{
    static uint8_t ours[DATA_BYTES], theirs[DATA_BYTES];

    if (!memcmp(native_data(), c->after, DATA_BYTES)) {
        return;
    }
    memcpy(ours, native_data(), DATA_BYTES);
    memcpy(theirs, c->after, DATA_BYTES);
    if (IS(c, OP_FXSAVE, OP_FNSTENV, OP_FNSAVE)) {
        blank_pointers(c, ours);
        blank_pointers(c, theirs);
    }
    if (IS(c, OP_PUSH) && operand_kinds[row_of(c)->operands[0]].group == GROUP_fixed && c->insn.size == 4) {
        /* A selector pushed as 32 bits: AMD writes all, Intel the low 16. */
        memset(data_in(ours, c->native.gpr[R_RSP] + 2), 0, 2);
        memset(data_in(theirs, c->native.gpr[R_RSP] + 2), 0, 2);
    }
    for (unsigned i = 0, shown = 0; i < DATA_BYTES && shown < 4; i++) {
        if (ours[i] != theirs[i]) {
            g_string_append_printf(diff, "  memory at %p is %s\n    host %s\n    before %s\n",
                                   (void *)(native_data() + i), hex(ours + i, 16),
                                   hex(theirs + i, 16), hex(c->before + i, 16));
            i += 15;
            shown++;
        }
    }
}

/* One engine's run, against the host's. */
static void run_engine(Case *c, int run(const Case *), GString *diff)
{
    memcpy(native_data(), c->before, DATA_BYTES);
    load_cpu(c);
    int vector = run(c);

    if (!same_fault(c, vector)) {
        g_string_append_printf(diff, "  vector %d here, signal %d on the host\n", vector, c->signal);
    } else if (vector != VECTOR_NONE) {
        for (unsigned i = 0; i < 16; i++) {         /* nothing committed; REP strings as far as they came */
            if (cpu->regs[i] != c->in.gpr[i] && !(row_of(c)->properties & ROW_STRING)) {
                g_string_append_printf(diff, "  register %u changed by a fault\n", i);
            }
        }
    } else {
        compare_integer(c, diff);
        compare_vector(c, diff);
        if (native_xcr0() & XCR0_AVX512) {
            compare_avx512(c, diff);
        }
        compare_x87(c, diff);
        if (!c->any_result) {
            compare_memory(c, diff);
        }
    }
}

/* One operand set. Returns what differs, or NULL. */
static char *run_case(Case *c)
{
    g_autoptr(GString) diff = g_string_new(NULL);

    memcpy(native_data(), c->before, DATA_BYTES);
    native_put_code(c->code.bytes, c->code.length, c->mode32);
    memset(&c->native, 0, 192 + (native_xcr0() & XCR0_AVX512 ? 2752 : 1088));
    c->signal = native_run(&c->in, &c->native, c->mode32, &c->integer_division);
    memcpy(c->after, native_data(), DATA_BYTES);

    run_engine(c, run_here, diff);
    if (!diff->len && cpu->exec->jit.enabled) {
        run_engine(c, run_translated, diff);
        if (diff->len) {
            g_string_prepend(diff, "  translated:\n");
        }
    }
    return diff->len ? g_string_free(g_steal_pointer(&diff), FALSE) : NULL;
}

/* A new random encoding of the row that leads back to it. */
static bool new_encoding(Case *c)
{
    unsigned bits = c->mode32 ? 32 : 64;

    if (!encode_row(&rng, c->row, bits, true, &c->code)) {
        return false;
    }
    memset(&c->insn, 0, sizeof c->insn);
    return insn_decode(cpu, &c->insn, c->code.bytes, c->code.length) == c->code.length && c->insn.row == c->row;
}

/* Runs @count operand sets of a row. Returns how many were run; reports and counts mismatches. */
static unsigned run_row(unsigned row, bool mode32, unsigned count, unsigned *mismatches)
{
    static Case c;
    unsigned done = 0, tries = 0, bad = 0;

    c.row = row;
    c.mode32 = mode32;
    test_cpu_mode(cpu, mode32 ? 32 : 64);
    for (unsigned i = 0; i < FEATURE_WORD_COUNT * 32; i++) {
        if (!native_host_has(i)) {
            cpu->features[i / 32] &= ~(1u << (i % 32));
        }
    }
    while (done < count && tries++ < count + 1000) {
        if (!new_encoding(&c)) {
            continue;
        }
        for (unsigned set = 0; set < SETS_PER_ENCODING && done < count; set++) {
            Encoding code = c.code;

            random_state(&c);
            if (set == 0) {
                random_bytes(c.before + PAGE, PAGE);
            }
            if (!arrange(&c)) {
                break;
            }
            memset(&c.insn, 0, sizeof c.insn);
            insn_decode(cpu, &c.insn, c.code.bytes, c.code.length);
            if (c.insn.fn == insn_ud) {
                break;
            }
            find_undefined(&c);
            g_autofree char *diff = run_case(&c);

            done++;
            if (diff && bad++ < MAX_REPORTS) {
                g_test_message("%s (%s) in %u-bit code, set %u:\n%s", insn_rows[row].name,
                               hex(c.code.bytes, c.code.length), mode32 ? 32 : 64,
                               done, diff);
            }
            c.code = code;
            if (bad > 20) {
                *mismatches += bad;
                return done;
            }
        }
    }
    *mismatches += bad;
    return done;
}

static void test_feature(gconstpointer arg)
{
    unsigned feature = GPOINTER_TO_UINT(arg), rows = 0, failed = 0, starved = 0;
    bool host_has = native_host_has(feature) && (!feature || native_cpuid_bit(feature));
    uint64_t sets = 0;

    for (unsigned row = 0; row < insn_row_count; row++) {
        const InsnRow *r = &insn_rows[row];
        unsigned mismatches = 0, done = 0, wanted;
        bool only_32 = r->select_mask & SELECT_MODE64 && !(r->select_value & SELECT_MODE64);
        bool only_64 = r->select_mask & SELECT_MODE64 && r->select_value & SELECT_MODE64;

        if (r->feature != feature || r->properties & ROW_NO_TEST || (only_row && g_strcmp0(only_row, r->name))) {
            continue;
        }
        rows++;
        if (!host_has || (only_32 && !native_can_run_32())) {
            continue;
        }
        rng.state = seed + row;
        wanted = count_64;
        if (!only_32) {
            done = run_row(row, false, count_64, &mismatches);
        }
        if (!only_64 && native_can_run_32() && !(r->select_value & (SELECT_W | SELECT_REX_B) &&
                                                 r->encoding == ENCODING_LEGACY)) {
            unsigned more = only_32 ? count_64 : count_32, ran = run_row(row, true, more, &mismatches);

            done += ran;
            if (ran < more && done >= wanted) {
                g_test_message("%s: only %u operand sets could be made in 32-bit code", r->name, ran);
                starved++;
            }
        }
        starved += done < wanted;
        if (done < wanted) {
            g_test_message("%s: only %u operand sets could be made", r->name, done);
        }
        if (mismatches) {
            g_test_message("%s (map %u, opcode %02x): %u of %u operand sets differ from the host", r->name, r->map,
                           r->opcode, mismatches, done);
            failed++;
        }
        sets += done;
    }
    if (!host_has) {
        g_test_skip_printf("the host CPU lacks this feature: %u rows not compared", rows);
        return;
    }
    g_test_message("%u rows, %" PRIu64 " operand sets", rows, sets);
    check_int(failed, ==, 0, "rows that differ from the host");
    check_int(starved, ==, 0, "rows that could not be tried often enough");
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = g_getenv(name);

    return text ? (unsigned)g_ascii_strtoull(text, NULL, 0) : otherwise;
}

/* A CALL has jumps that are patched later: where it does not fit, what lies before it stays as it is. */
static void test_no_room(void)
{
    enum { BEFORE = 16, ROOM_MOST = 512 };
    static const uint8_t call[] = { 0xe8, 0x00, 0x01, 0x00, 0x00 };
    Translator *jit = &cpu->exec->jit;
    unsigned refused = 0;

    test_cpu_mode(cpu, 64);
    for (unsigned part = 0; part < 2; part++) {
        for (unsigned room = 0; room < ROOM_MOST; room++) {
            size_t bytes = cache_part_bytes(cpu->exec);
            jit->hot.used = part ? jit->hot.first + BEFORE : bytes - room;
            jit->cold.used = jit->cold.first + (part ? bytes - room : BEFORE);
            jit->last_serial = SERIAL_FIRST;
            jit->order_count = 0;
            uint8_t *hot = jit->write + jit->hot.used - BEFORE, *cold = jit->write + jit->cold.used - BEFORE;
            memset(hot, 0x5a, BEFORE);
            memset(cold, 0x5a, BEFORE);
            block->lin = 0x1000;
            block->count = 1;
            check_int(insn_decode(cpu, &block->insns[0], call, sizeof call), ==, sizeof call, "CALL decodes");
            block->insns[0].offset = 0;
            block->bytes = sizeof call;
            refused += !translate_block(cpu, block);
            for (unsigned i = 0; i < BEFORE; i++) {
                check_int(hot[i], ==, 0x5a, "%u bytes of room in part %u: byte %u before the block", room, part, i);
                check_int(cold[i], ==, 0x5a, "%u bytes of room in part %u: byte %u before the slow paths", room, part, i);
            }
        }
    }
    check_int(refused, >, 16, "blocks that do not fit are refused");
}

int main(int argc, char **argv)
{
    static const struct { unsigned feature; const char *name; } names[] = {
        { FEATURE_NONE, "base" },
#define X(word, bit, id, name) { FEATURE_##id, #id },
        FEATURE_LIST(X)
#undef X
    };
    unsigned tests = 0;

    g_test_init(&argc, &argv, NULL);
    seed = test_seed();
    count_64 = from_environment("RHEA_TEST_COUNT", COUNT);
    count_32 = MIN(from_environment("RHEA_TEST_COUNT", COUNT_32), COUNT_32);
    only_row = g_getenv("RHEA_TEST_ROW");
    cpu = test_cpu_new();
    cpu->trail = g_new0(struct Trail, 1);        /* faults of wild addresses leave word there */
    cpu->exec = exec_map();
    cpu->tlb = cpu->exec->tlb[cpu->tlb_index];
    tlb_table_clear(cpu->tlb);
    cpu->exec->arena = g_aligned_alloc0(1, 16384, 64);
    block = (Block *)cpu->exec->arena;
    cpu->exec->cache_limit = 1 << 20;
    if (translator_init(cpu, 1 << 20)) {
        signal_thread(cpu->exec);
    }
    /* the code cache takes SIGFPE first, so that ours is asked before it */
    native_x87_stub(0xd9, 0xd0);
    if (!native_setup()) {
        return 77;
    }
    if (native_xcr0() & XCR0_AVX512) {
        xs_opmask = native_component_offset(5);
        xs_zmm_high = native_component_offset(6);
        xs_zmm16 = native_component_offset(7);
    }
    for (unsigned i = 0; i < 3; i++) {
        uint64_t page = (uintptr_t)native_data() + i * PAGE;

        cpu->tlb[tlb_slot(page)] = (TlbEntry){ page, page, 0, page };
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        for (unsigned row = 0; row < insn_row_count; row++) {
            if (insn_rows[row].feature == names[i].feature && !(insn_rows[row].properties & ROW_NO_TEST)) {
                g_autofree char *path = g_strdup_printf("/diff/%s", names[i].name);

                g_test_add_data_func(path, GUINT_TO_POINTER(names[i].feature), test_feature);
                tests++;
                break;
            }
        }
    }
    check_int(tests, >, 20, "the table has rows of many features");
    if (cpu->exec->jit.enabled) {
        g_test_add_func("/diff/no-room", test_no_room);
    }
    return g_test_run();
}
