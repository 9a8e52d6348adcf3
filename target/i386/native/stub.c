/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a decoded vector instruction to its stub.
 *
 *   Insn -> Canonical: the same instruction with fixed registers and [rsi] as memory, what to load and what to store
 *        -> code bytes -> code cache (keyed by the Canonical)
 *
 * Fixed registers, so that no stub depends on guest register numbers: vector ModRM.reg xmm1, vvvv xmm2, ModRM.rm xmm3,
 * is4 xmm4; the implicit XMM0 stays xmm0; MMX mm1, mm3; opmasks k1, k2, k3, the write mask k4 (its place comes instead
 * of is4's); a general register is eax. Legacy SSE moves 16 bytes in and out, so the guest's upper halves stay; VEX and
 * EVEX store the widest register that the guest can have, so they are cleared as on hardware.
 */
#include "target/i386/native/native.h"
#include "target/i386/native/x87_light.h"
#include "target/i386/native/x87_state.h"

#ifdef __x86_64__

enum { SLOT_REG, SLOT_VVVV, SLOT_RM, SLOT_IS4, SLOT_COUNT };
enum { KIND_NONE, KIND_VECTOR, KIND_MMX, KIND_MASK, KIND_GENERAL };
enum { HOST_RAX = 0, HOST_RCX = 1, HOST_RDX = 2, HOST_RSI = 6, HOST_RDI = 7, HOST_R8 = 8, HOST_R9 = 9 };
enum {
    USE_FP = 1, USE_FLAGS = 2, USE_MMX = 4, USE_XMM0_IN = 8, USE_XMM0_OUT = 16, USE_STRING_LENGTHS = 32,
    USE_INDEX_OUT = 64
};

/* Where the caller's pointer to a slot's state is, and the number of the host register that the slot gets. */
static const uint8_t slot_pointer[SLOT_COUNT] = { HOST_RDX, HOST_RCX, HOST_R8, HOST_R9 };
static const uint8_t slot_register[SLOT_COUNT] = { 1, 2, 3, 4 };

/* All that a stub depends on, hence its key: no padding, zero where unused. */
typedef struct Canonical {
    uint8_t encoding, space_map, prefix_class, w, opcode, modrm, imm_bytes, imm[2];
    uint8_t vector_length, evex, evex_mask; /* evex: z and b as in Insn.evex; whether there is a write mask */
    uint8_t load[SLOT_COUNT];               /* KIND_* */
    uint8_t store[SLOT_COUNT];
    uint8_t uses;                           /* USE_* */
    uint8_t x87;
} Canonical;

typedef struct Emitter {
    uint8_t code[256];
    unsigned used;
} Emitter;

static void emit8(Emitter *e, uint8_t byte)
{
    g_assert(e->used < sizeof e->code);
    e->code[e->used++] = byte;
}

static void emit_bytes(Emitter *e, const void *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        emit8(e, ((const uint8_t *)bytes)[i]);
    }
}
#define EMIT(e, ...) emit_bytes(e, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* ModRM for [base] or [base + disp32], base not rsp, rbp, r12, r13. */
static void emit_base(Emitter *e, unsigned reg, unsigned base, bool with_disp, uint32_t disp)
{
    emit8(e, (with_disp ? 0x80 : 0) | (reg & 7) << 3 | (base & 7));
    if (with_disp) {
        emit_bytes(e, &disp, 4);
    }
}

/* Moves between vector register @reg (0-7) and memory at @base: 16 bytes, or VEX 32, or EVEX 64. */
static void emit_vector_move(Emitter *e, bool store, unsigned width, unsigned reg, unsigned base, bool with_disp,
                             uint32_t disp)
{
    bool b = base >= 8;

    if (width == 16) {
        if (b) {
            emit8(e, 0x41);
        }
        emit8(e, 0x0f);
    } else if (width == 32) {
        EMIT(e, 0xc4, b ? 0xc1 : 0xe1, 0x7c);
    } else {
        EMIT(e, 0x62, b ? 0xd1 : 0xf1, 0x7c, 0x48);
        g_assert(!with_disp || disp % 64 == 0);
    }
    emit8(e, store ? 0x11 : 0x10);
    emit_base(e, reg, base, with_disp, disp);
}

/* mov between eax..edi and memory, 64 bits. */
static void emit_general_move(Emitter *e, bool store, unsigned reg, unsigned base, bool with_disp, uint32_t disp)
{
    EMIT(e, base >= 8 ? 0x49 : 0x48, store ? 0x89 : 0x8b);
    emit_base(e, reg, base, with_disp, disp);
}

static void emit_slot_move(Emitter *e, const Canonical *c, unsigned slot, bool store, unsigned width)
{
    unsigned base = slot_pointer[slot], reg = slot_register[slot];

    switch (store ? c->store[slot] : c->load[slot]) {
    case KIND_VECTOR:
        emit_vector_move(e, store, width, reg, base, false, 0);
        break;
    case KIND_MMX:
        if (base >= 8) {
            emit8(e, 0x41);
        }
        EMIT(e, 0x0f, store ? 0x7f : 0x6f);
        emit_base(e, reg, base, false, 0);
        break;
    case KIND_MASK: {
        bool q = native_host_has(FEATURE_AVX512BW);

        EMIT(e, 0xc4, base >= 8 ? 0xc1 : 0xe1, q ? 0xf8 : 0x78, store ? 0x91 : 0x90);
        emit_base(e, reg, base, false, 0);
        break;
    }
    case KIND_GENERAL:
        emit_general_move(e, store, HOST_RAX, base, false, 0);
        break;
    }
}

/* The guest's instruction itself. */
static void emit_instruction(Emitter *e, const Canonical *c)
{
    static const uint8_t prefix_byte[] = { 0, 0x66, 0xf3, 0xf2 };
    unsigned vvvv = c->load[SLOT_VVVV] || c->store[SLOT_VVVV] ? slot_register[SLOT_VVVV] : 0;
    uint8_t p1 = c->w << 7 | (~vvvv & 0xf) << 3 | c->prefix_class;

    switch (c->encoding) {
    case ENCODING_LEGACY:
        if (c->prefix_class) {
            emit8(e, prefix_byte[c->prefix_class]);
        }
        if (c->w) {
            emit8(e, 0x48);
        }
        emit8(e, 0x0f);
        if (c->space_map > 1) {
            emit8(e, c->space_map == 2 ? 0x38 : 0x3a);
        }
        break;
    case ENCODING_VEX:
        EMIT(e, 0xc4, 0xe0 | c->space_map, p1 | c->vector_length << 2);
        break;
    case ENCODING_EVEX:
        EMIT(e, 0x62, 0xf0 | c->space_map, p1 | 4,
             (c->evex & 8 ? 0x80 : 0) | c->vector_length << 5 | (c->evex & 0x10) | 8 | (c->evex_mask ? 4 : 0));
        break;
    }
    EMIT(e, c->opcode, c->modrm);
    emit_bytes(e, c->imm, c->imm_bytes);
}

/* ldmxcsr [rdi + guest], stmxcsr, and the host's own from the stack; RCX is spoilt. */
static void emit_mxcsr(Emitter *e, bool store)
{
    EMIT(e, 0x0f, 0xae);
    emit_base(e, store ? 3 : 2, HOST_RDI, true, offsetof(CpuX86, fpu.mxcsr));
}
static void emit_host_mxcsr(Emitter *e)
{
    EMIT(e, 0x68, HOST_MXCSR & 0xff, HOST_MXCSR >> 8, 0, 0, 0x0f, 0xae, 0x14, 0x24, 0x59);
}

static unsigned move_width(const Canonical *c, bool store)
{
    switch (c->encoding) {
    case ENCODING_LEGACY: return 16;
    case ENCODING_VEX: return store && native_host_has(FEATURE_AVX512F) ? 64 : 32;
    default: return 64;
    }
}

static void emit_vector_stub(Emitter *e, const Canonical *c)
{
    unsigned in = move_width(c, false), out = move_width(c, true);
    uint32_t xmm0 = offsetof(CpuX86, fpu.zmm);
    bool index = c->uses & USE_INDEX_OUT;

    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        emit_slot_move(e, c, slot, false, in);
    }
    if (c->evex_mask) {                         /* kmov k4, [r9] */
        EMIT(e, 0xc4, 0xc1, native_host_has(FEATURE_AVX512BW) ? 0xf8 : 0x78, 0x90);
        emit_base(e, 4, HOST_R9, false, 0);
    }
    if (c->uses & USE_XMM0_IN) {
        emit_vector_move(e, false, 16, 0, HOST_RDI, true, xmm0);
    }
    if (c->uses & USE_FP) {
        emit_mxcsr(e, false);
    }
    if (c->uses & USE_STRING_LENGTHS) {         /* PCMPESTRx: EAX and EDX; no slot pointer is needed any more */
        emit_general_move(e, false, HOST_RAX, HOST_RDI, true, offsetof(CpuX86, regs) + 8 * R_RAX);
        emit_general_move(e, false, HOST_RDX, HOST_RDI, true, offsetof(CpuX86, regs) + 8 * R_RDX);
    }
    emit_instruction(e, c);
    if (index) {
        emit_general_move(e, true, HOST_RCX, HOST_RDI, true, offsetof(CpuX86, regs) + 8 * R_RCX);
    }
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        emit_slot_move(e, c, slot, true, out);
    }
    if (c->uses & USE_XMM0_OUT) {
        emit_vector_move(e, true, out, 0, HOST_RDI, true, xmm0);
    }
    if (c->uses & USE_FLAGS) {
        EMIT(e, 0x9c, 0x58, 0x48, 0xc1, 0xe0, 8);       /* pushfq; pop rax; shl rax, 8 */
    }
    if (c->uses & USE_FP) {
        emit_mxcsr(e, true);
        emit_host_mxcsr(e);
    }
    if (c->uses & USE_MMX) {
        EMIT(e, 0x0f, 0x77);
    }
    if (c->encoding != ENCODING_LEGACY) {
        EMIT(e, 0xc5, 0xf8, 0x77);                      /* vzeroupper */
    }
    if (!(c->uses & USE_FLAGS)) {
        EMIT(e, 0x31, 0xc0);
    }
    emit8(e, 0xc3);
}

static void emit_x87_stub(Emitter *e, const Canonical *c)
{
    const uint32_t fx = offsetof(CpuX86, fpu.fx), host_mxcsr = HOST_MXCSR;

    EMIT(e, 0xc7);                                      /* mov dword [rdi + fx.mxcsr], HOST_MXCSR */
    emit_base(e, 0, HOST_RDI, true, offsetof(CpuX86, fpu.fx.mxcsr));
    emit_bytes(e, &host_mxcsr, 4);
    EMIT(e, 0x48, 0x0f, 0xae);                          /* fxrstor64 [rdi + fx] */
    emit_base(e, 1, HOST_RDI, true, fx);
    EMIT(e, 0x52, 0x9d);                                /* push rdx; popfq */
    EMIT(e, c->opcode, c->modrm);
    EMIT(e, 0x9c, 0x58, 0x48, 0xc1, 0xe0, 8);           /* pushfq; pop rax; shl rax, 8 */
    EMIT(e, 0x48, 0x0f, 0xae);                          /* fxsave64 [rdi + fx] */
    emit_base(e, 0, HOST_RDI, true, fx);
    EMIT(e, 0xdb, 0xe3, 0xc3);                          /* fninit; ret */
}

/* Skips @bytes of code unless the guest's control word differs from the host's. */
static void emit_if_control_differs(Emitter *e, uint8_t bytes)
{
    EMIT(e, 0x66, 0x81);                                /* cmp word [rdi + fcw], FCW_INIT; je */
    emit_base(e, 7, HOST_RDI, true, offsetof(CpuX86, fpu.fx.fcw));
    EMIT(e, FCW_INIT & 0xff, FCW_INIT >> 8, 0x74, bytes);
}

/* Short form: rsi memory, rdx ST(0), rcx ST(i), r8 result. */
static void emit_x87_light(Emitter *e, const X87Light *x)
{
    unsigned left = x->load_st0 + x->load_sti;

    emit_if_control_differs(e, 6);
    EMIT(e, 0xd9);                                      /* fldcw [rdi + fcw] */
    emit_base(e, 5, HOST_RDI, true, offsetof(CpuX86, fpu.fx.fcw));
    if (x->load_sti) {
        EMIT(e, 0xdb, 0x29);                            /* fld tbyte [rcx] */
    }
    if (x->load_st0) {
        EMIT(e, 0xdb, 0x2a);                            /* fld tbyte [rdx] */
    }
    EMIT(e, x->opcode, x->modrm < 0xc0 ? (x->modrm & 0x38) | HOST_RSI : x->modrm);
    if (x->condition == X87_CONDITION_FLAGS) {
        EMIT(e, 0x9c, 0x41, 0x59, 0x49, 0xc1, 0xe1, 16);        /* pushfq; pop r9; shl r9, 16 */
    }
    EMIT(e, 0xdf, 0xe0, 0x0f, 0xb7, 0xc0);              /* fnstsw ax; movzx eax, ax */
    if (x->condition == X87_CONDITION_FLAGS) {
        EMIT(e, 0x4c, 0x09, 0xc8);                      /* or rax, r9 */
    }
    if (x->result == X87_RESULT_STI) {
        EMIT(e, 0xdd, 0xd8);                            /* fstp st(0): what was added to ST(i) */
        left--;
    }
    if (x->result == X87_RESULT_MEMORY) {
        left = 0;
    } else if (x->result != X87_RESULT_NONE) {
        EMIT(e, 0x41, 0xdb, 0x38);                      /* fstp tbyte [r8] */
        left = x->result == X87_RESULT_ST0 ? left - 1 : 0;
    }
    for (; left; left--) {
        EMIT(e, 0xdd, 0xd8);
    }
    EMIT(e, 0xa8, FSW_EXCEPTIONS, 0x74, 2, 0xdb, 0xe2); /* test al, exceptions; jz; fnclex */
    emit_if_control_differs(e, 9);
    EMIT(e, 0x68, FCW_INIT & 0xff, FCW_INIT >> 8, 0, 0, 0xd9, 0x2c, 0x24, 0x59);      /* push; fldcw [rsp]; pop rcx */
    emit8(e, 0xc3);
}

static NativeStub *stub_for(const Canonical *c)
{
    Emitter e = { .used = 0 };
    void *stub = native_code_find(c, sizeof *c);

    if (stub) {
        return stub;
    }
    if (c->x87) {
        X87Light light;

        emit_x87_stub(&e, c);
        if (x87_light_find(c->opcode, c->modrm, &light)) {
            while (e.used < X87_LIGHT_OFFSET) {
                emit8(&e, 0x90);
            }
            emit_x87_light(&e, &light);
        }
    } else {
        emit_vector_stub(&e, c);
    }
    return native_code_get(c, sizeof *c, e.code, e.used);
}

NativeStub *native_x87_stub(uint8_t opcode, uint8_t modrm)
{
    Canonical c = { .x87 = 1, .opcode = opcode, .modrm = modrm < 0xc0 ? (modrm & 0x38) | HOST_RSI : modrm };

    return stub_for(&c);
}

/* Whether the destination is also a source: all legacy forms; with VEX only fused and dot products. */
static bool reads_destination(const InsnRow *row, const Insn *insn)
{
    return row->encoding == ENCODING_LEGACY || row->feature == FEATURE_FMA || row->feature == FEATURE_AVX_VNNI ||
           (row->encoding == ENCODING_EVEX);
}

static unsigned implicit_uses(const InsnRow *row)
{
    unsigned uses = 0;

    for (unsigned i = 0; i < 4; i++) {
        uses |= row->operands[i] == OPERAND_XMM0 ? USE_XMM0_IN : 0;
    }
    switch (row->op) {
    case OP_PCMPESTRI: case OP_VPCMPESTRI: return uses | USE_STRING_LENGTHS | USE_INDEX_OUT;
    case OP_PCMPESTRM: case OP_VPCMPESTRM: return uses | USE_STRING_LENGTHS | USE_XMM0_OUT;
    case OP_PCMPISTRI: case OP_VPCMPISTRI: return uses | USE_INDEX_OUT;
    case OP_PCMPISTRM: case OP_VPCMPISTRM: return uses | USE_XMM0_OUT;
    }
    return uses;
}

NativeStub *native_vector_stub(const CpuX86 *cpu, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    Canonical c = { .encoding = row->encoding, .space_map = row->map, .opcode = row->opcode };
    bool memory = insn_has_mem(insn), w_matters = row->select_mask & SELECT_W || row->encoding == ENCODING_EVEX;
    bool mode64 = cpu->mode_flags & MODE_CS64;
    uint8_t reg = row->select_value >> 3 & 7, rm = HOST_RSI;

    c.prefix_class = insn->prefixes & INSN_REP ? 2 : insn->prefixes & INSN_REPNE ? 3 : !!(insn->prefixes & INSN_OPSIZE);
    if (row->encoding != ENCODING_LEGACY) {
        c.prefix_class = __builtin_ctz(row->prefixes);
        c.vector_length = row->size_kind == SIZE_VL ? __builtin_ctz(insn->size) - 4 :
                          row->select_mask & SELECT_L ? row->select_value >> 10 & 3 : 0;
    }
    c.uses = (row->properties & ROW_FP ? USE_FP : 0) | (row->flags_written ? USE_FLAGS : 0) | implicit_uses(row);
    for (unsigned i = 0; i < 4; i++) {
        const OperandKind *kind = &operand_kinds[row->operands[i]];
        unsigned slot = SLOT_COUNT, what = KIND_NONE;

        w_matters |= kind->bytes == BYTES_Y && mode64;
        switch (kind->group) {
        case GROUP_V: slot = SLOT_REG; what = KIND_VECTOR; break;
        case GROUP_H: slot = SLOT_VVVV; what = KIND_VECTOR; break;
        case GROUP_W: case GROUP_U: slot = SLOT_RM; what = KIND_VECTOR; break;
        case GROUP_L: slot = SLOT_IS4; what = KIND_VECTOR; break;
        case GROUP_P: slot = SLOT_REG; what = KIND_MMX; break;
        case GROUP_Q: case GROUP_N: slot = SLOT_RM; what = KIND_MMX; break;
        case GROUP_KG: slot = SLOT_REG; what = KIND_MASK; break;
        case GROUP_KH: slot = SLOT_VVVV; what = KIND_MASK; break;
        case GROUP_KE: case GROUP_KR: slot = SLOT_RM; what = KIND_MASK; break;
        case GROUP_G: slot = SLOT_REG; what = KIND_GENERAL; break;
        case GROUP_E: case GROUP_R: slot = SLOT_RM; what = KIND_GENERAL; break;
        }
        c.uses |= what == KIND_MMX ? USE_MMX : 0;
        if (slot == SLOT_REG) {
            reg = what == KIND_GENERAL ? HOST_RAX : slot_register[SLOT_REG];
        }
        if (slot == SLOT_RM) {
            if (memory) {
                continue;
            }
            rm = what == KIND_GENERAL ? HOST_RAX : slot_register[SLOT_RM];
        }
        if (slot < SLOT_COUNT) {
            bool written = i == 0 && !row->flags_written;

            c.store[slot] = written ? what : KIND_NONE;
            if (!written || (reads_destination(row, insn) && what != KIND_GENERAL)) {
                c.load[slot] = what;
            }
        }
    }
    w_matters |= c.uses & USE_STRING_LENGTHS && mode64;
    c.w = insn->prefixes & INSN_REXW && w_matters;
    c.modrm = (memory ? 0 : 0xc0) | reg << 3 | rm;
    for (unsigned i = 0; i < 2 && row->imm_kind[i]; i++) {
        c.imm[i] = i ? insn->imm2 : insn->imm;
        if (operand_kinds[row->imm_kind[i]].group == GROUP_L) {
            c.imm[i] = slot_register[SLOT_IS4] << 4 | (insn->imm & 0xf);
        }
        c.imm_bytes++;
    }
    if (insn->evex & 0x10 && !memory) {
        c.vector_length = insn->evex >> 5 & 3;          /* rounding mode, or ignored with SAE */
    }
    c.evex = insn->evex & 0x18;
    c.evex_mask = (insn->evex & 7) != 0;
    return stub_for(&c);
}
#endif
