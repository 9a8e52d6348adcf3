/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instruction decoder: bytes -> Insn, driven by the tables made from insn.def.
 *
 *   prefixes -> opcode map -> rows of the opcode -> the row whose selectors match -> ModRM, SIB, displacement
 *   -> immediates -> checks that the row asks for -> the family's bind
 *
 * Any bytes are accepted. What is not an instruction, or may not run in this mode, decodes to one whose fn raises #UD,
 * #NM or #GP. Bytes are only read below @avail. Spec: Intel SDM volume 2, chapter 2; AMD APM volume 3, chapter 1.
 */
#include "target/i386/decode/table.h"
#include "target/i386/insn-gen.h"
#include "target/i386/svm/svm.h"

#define INSN_MAX_BYTES 15

typedef struct Decoder {
    const CpuX86 *cpu;
    Insn *insn;
    const uint8_t *code;
    unsigned pos, avail;
    bool starved;               /* asked for a byte beyond avail */
    bool mode64, opsize, addrsize;
    uint8_t space, opcode, modrm;
    uint8_t rep;                /* 0, 0xf3 or 0xf2 */
    uint8_t rex;                /* W R X B in bits 3-0, also of VEX and EVEX */
    uint8_t rex2;               /* EVEX: bit 2 R', bit 1 V' */
    uint8_t vector_length;      /* L or L'L */
    uint8_t prefix_class;       /* 0 none, 1 66, 2 F3, 3 F2 */
    int segment;                /* override, or -1 */
} Decoder;
enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

void insn_ud(CpuX86 *cpu, const Insn *insn) { cpu_raise(cpu, VECTOR_UD); }
void insn_nm(CpuX86 *cpu, const Insn *insn) { cpu_raise(cpu, VECTOR_NM); }
void insn_gp0(CpuX86 *cpu, const Insn *insn) { cpu_raise_error(cpu, VECTOR_GP, 0); }

static uint8_t fetch8(Decoder *d)
{
    if (d->pos >= d->avail) {
        d->starved = true;
        return 0;
    }
    return d->code[d->pos++];
}

static uint64_t fetch(Decoder *d, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)fetch8(d) << (8 * i);
    }
    return value;
}

static int64_t fetch_signed(Decoder *d, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;

    return (int64_t)(fetch(d, bytes) << shift) >> shift;
}

/* Legacy prefixes and REX; leaves the first byte that is none of them in d->opcode. */
static void decode_prefixes(Decoder *d)
{
    d->segment = -1;
    for (;;) {
        uint8_t byte = fetch8(d);

        if (d->mode64 && (byte & 0xf0) == 0x40 && !d->starved) {
            d->rex = byte & 0x0f;
            d->insn->prefixes |= INSN_REX;
            continue;                           /* holds only if the opcode follows, see below */
        }
        switch (byte) {
        case 0x26: case 0x2e: case 0x36: case 0x3e:
            if (!d->mode64) {
                d->segment = byte >> 3 & 3;     /* ES, CS, SS, DS */
            }
            break;
        case 0x64: d->segment = R_FS; break;
        case 0x65: d->segment = R_GS; break;
        case 0x66: d->opsize = true; break;
        case 0x67: d->addrsize = true; break;
        case 0xf0: d->insn->prefixes |= INSN_LOCK; break;
        case 0xf2: case 0xf3: d->rep = byte; break;
        default:
            d->opcode = byte;
            return;
        }
        if (d->starved) {
            return;
        }
        d->rex = 0;                             /* a REX before another prefix is void */
        d->insn->prefixes &= ~INSN_REX;
    }
}

/* Whether C4, C5 or 62 starts VEX or EVEX; in 32-bit code only if it would be LES, LDS, BOUND of a register. */
static bool is_vex(Decoder *d)
{
    if (d->opcode != 0xc4 && d->opcode != 0xc5 && d->opcode != 0x62) {
        return false;
    }
    if (d->mode64) {
        return true;
    }
    if (!(d->cpu->mode_flags & MODE_PE) || d->cpu->mode_flags & MODE_VM86) {
        return false;
    }
    if (d->pos >= d->avail) {
        d->starved = true;
        return false;
    }
    return (d->code[d->pos] & 0xc0) == 0xc0;
}

/* False: #UD. */
static bool decode_vex(Decoder *d)
{
    static const uint8_t vex_space[] = { SPACE_VEX_0F, SPACE_VEX_0F38, SPACE_VEX_0F3A };
    static const uint8_t evex_space[] = {
        0, SPACE_EVEX_0F, SPACE_EVEX_0F38, SPACE_EVEX_0F3A, 0, SPACE_EVEX_5, SPACE_EVEX_6, 0
    };
    static const uint8_t prefix_byte[] = { 0, 0x66, 0xf3, 0xf2 };
    bool forbidden = d->rep || d->opsize || d->insn->prefixes & (INSN_LOCK | INSN_REX);
    uint8_t p0, p1;

    if (d->opcode == 0xc5) {
        p1 = fetch8(d);
        d->rex = p1 & 0x80 ? 0 : REX_R;
        d->space = SPACE_VEX_0F;
        p1 &= 0x7f;
        d->insn->prefixes |= INSN_VEX;
    } else if (d->opcode == 0xc4) {
        p0 = fetch8(d);
        p1 = fetch8(d);
        d->rex = ~p0 >> 5 & 7;
        if ((p0 & 0x1f) < 1 || (p0 & 0x1f) > 3) {
            return false;
        }
        d->space = vex_space[(p0 & 0x1f) - 1];
        d->insn->prefixes |= INSN_VEX;
    } else {
        uint8_t p2;

        p0 = fetch8(d);
        p1 = fetch8(d);
        p2 = fetch8(d);
        d->rex = ~p0 >> 5 & 7;
        d->rex2 = (p0 & 0x10 ? 0 : REX_R) | (p2 & 0x08 ? 0 : REX_X);
        d->space = evex_space[p0 & 7];
        if (p0 & 8 || !(p1 & 4) || !d->space) {
            return false;
        }
        d->insn->evex = (p2 & 7) | (p2 & 0x80 ? 8 : 0) | (p2 & 0x70);
        d->insn->prefixes |= INSN_EVEX;
        d->vector_length = p2 >> 5 & 3;
    }
    d->insn->vvvv = ~p1 >> 3 & 0xf;
    if (d->insn->prefixes & INSN_VEX) {
        d->vector_length = p1 >> 2 & 1;
    }
    if (p1 & 0x80) {
        d->rex |= REX_W;
    }
    d->prefix_class = p1 & 3;
    d->rep = d->prefix_class >= 2 ? prefix_byte[d->prefix_class] : 0;
    if (!d->mode64) {
        d->rex &= REX_W;                        /* eight registers; the other bits read as 1 or are ignored */
        if (d->rex2 & REX_X) {
            return false;
        }
        d->rex2 = 0;
        d->insn->vvvv &= 7;
    } else if (d->rex2 & REX_X) {
        d->insn->vvvv |= 16;
    }
    d->opcode = fetch8(d);
    return !forbidden;
}

static void decode_map(Decoder *d)
{
    d->space = SPACE_ONE_BYTE;
    if (d->opcode == 0x0f) {
        d->opcode = fetch8(d);
        d->space = SPACE_0F;
        if (d->opcode == 0x38 || d->opcode == 0x3a) {
            d->space = d->opcode == 0x38 ? SPACE_0F38 : SPACE_0F3A;
            d->opcode = fetch8(d);
        }
    }
    d->prefix_class = d->rep == 0xf3 ? 2 : d->rep == 0xf2 ? 3 : d->opsize;
}

/* The row that claims these bytes, or -1. */
static int find_row(const Decoder *d, unsigned prefix_class)
{
    const InsnOpcode *op = &insn_opcodes[d->space][d->opcode];
    const InsnCandidate *c = &insn_candidates[op->first];
    unsigned length = d->vector_length;
    bool rm_reg = d->modrm >= 0xc0;
    uint32_t key;

    if (rm_reg && d->insn->evex & 0x10) {
        length = 2;                             /* L'L holds the rounding mode */
    }
    key = d->modrm | (rm_reg ? SELECT_RM_REG : 0) | (d->rex & REX_W ? SELECT_W : 0) | length << 10 |
          (d->mode64 ? SELECT_MODE64 : 0) | (d->rex & REX_B ? SELECT_REX_B : 0);
    for (unsigned i = 0; i < op->count; i++, c++) {
        if (c->prefixes >> prefix_class & 1 && (key & c->mask) == c->value) {
            return c->row;
        }
    }
    return -1;
}

static uint8_t operand_size(const Decoder *d, const InsnRow *row)
{
    bool w = d->rex & REX_W && d->mode64;
    unsigned size;

    switch (row->size_kind) {
    case SIZE_B: return 1;
    case SIZE_W: return 2;
    case SIZE_D: return 4;
    case SIZE_Q: case SIZE_MMX: return 8;
    case SIZE_DQ: case SIZE_XMM: return 16;
    case SIZE_VL: return 16 << (d->insn->evex & 0x10 && d->modrm >= 0xc0 ? 2 : d->vector_length);
    case SIZE_Y: return w ? 8 : 4;
    case SIZE_N: return d->mode64 ? 8 : 4;
    }
    if (d->mode64) {
        if (row->properties & ROW_FORCE_64) {
            return 8;
        }
        size = w ? 8 : d->opsize ? 2 : row->properties & ROW_DEFAULT_64 ? 8 : 4;
    } else {
        size = !(d->cpu->mode_flags & MODE_CS32) == d->opsize ? 4 : 2;
    }
    return row->size_kind == SIZE_Z && size == 8 ? 4 : size;
}

static unsigned bytes_of_kind(const CpuX86 *cpu, const Insn *insn, unsigned bytes)
{
    unsigned v = insn->size;
    bool mode64 = cpu->mode_flags & MODE_CS64, w = insn->prefixes & INSN_REXW;

    switch (bytes) {
    case BYTES_B: case BYTES_BS: return 1;
    case BYTES_W: return 2;
    case BYTES_D: case BYTES_DB: case BYTES_DW: return 4;
    case BYTES_Q: return 8;
    case BYTES_T: return 10;
    case BYTES_DQ: return 16;
    case BYTES_QQ: return 32;
    case BYTES_OQ: return 64;
    case BYTES_V: case BYTES_VW: case BYTES_X: return v;
    case BYTES_Z: return MIN(v, 4);
    case BYTES_Y: return w && mode64 ? 8 : 4;
    case BYTES_N: return mode64 ? 8 : 4;
    case BYTES_HX: return v / 2;
    case BYTES_QX: return v / 4;
    case BYTES_EX: return v / 8;
    case BYTES_P: return v + 2;
    case BYTES_A: return 2 * v;
    case BYTES_S: return mode64 ? 10 : 6;
    case BYTES_ENV: return insn->size == 2 ? 14 : 28;
    case BYTES_SAV: return insn->size == 2 ? 94 : 108;
    case BYTES_FX: return 512;
    }
    return 0;
}

unsigned insn_operand_bytes(const CpuX86 *cpu, const Insn *insn, unsigned n)
{
    const InsnRow *row = insn_row(insn);

    if (n >= 4) {
        return 0;
    }
    if (n == row->mem_operand && insn_has_mem(insn)) {
        if (insn->evex & 0x10 && row->properties & ROW_BCST) {
            return insn_element_bytes(insn);
        }
        switch (operand_kinds[row->operands[n]].bytes) {
        case BYTES_VW: case BYTES_DW: return 2;
        case BYTES_DB: return 1;
        }
    }
    return bytes_of_kind(cpu, insn, operand_kinds[row->operands[n]].bytes);
}

/* What EVEX's 8-bit displacement counts: the bytes of the memory operand, or of an element. */
static unsigned displacement_scale(const Decoder *d, const InsnRow *row)
{
    unsigned bytes;

    if (!(d->insn->prefixes & INSN_EVEX)) {
        return 1;
    }
    if (row->properties & (ROW_TUPLE1 | ROW_VSIB)) {
        return insn_element_bytes(d->insn);
    }
    bytes = insn_operand_bytes(d->cpu, d->insn, row->mem_operand);
    return bytes ? bytes : 1;
}

static void decode_memory16(Decoder *d, Insn *insn)
{
    static const struct { uint8_t base, index; } form[8] = {
        { R_RBX, R_RSI }, { R_RBX, R_RDI }, { R_RBP, R_RSI }, { R_RBP, R_RDI },
        { R_RSI, REG_NONE }, { R_RDI, REG_NONE }, { R_RBP, REG_NONE }, { R_RBX, REG_NONE },
    };
    unsigned mod = d->modrm >> 6, rm = d->modrm & 7;

    insn->base = form[rm].base;
    insn->index = form[rm].index;
    insn->scale = 0;
    if (mod == 0 && rm == 6) {
        insn->base = REG_NONE;
        insn->disp = (int32_t)fetch(d, 2);
    } else if (mod == 1) {
        insn->disp = (int32_t)fetch_signed(d, 1);
    } else if (mod == 2) {
        insn->disp = (int32_t)fetch_signed(d, 2);
    }
}

/* False: #UD. */
static bool decode_memory(Decoder *d, const InsnRow *row)
{
    Insn *insn = d->insn;
    unsigned mod = d->modrm >> 6, rm = d->modrm & 7;
    unsigned displacement = mod == 1 ? 1 : mod == 2 ? 4 : 0, scale;

    insn->rm = REG_NONE;
    scale = mod == 1 ? displacement_scale(d, row) : 1;
    if (insn->addr_size == 2) {
        if (row->properties & ROW_VSIB) {
            return false;
        }
        decode_memory16(d, insn);
        insn->disp *= scale;
    } else {
        insn->index = REG_NONE;
        insn->scale = 0;
        if (rm == 4) {
            uint8_t sib = fetch8(d);
            unsigned index = (sib >> 3 & 7) | (d->rex & REX_X ? 8 : 0);

            insn->scale = sib >> 6;
            rm = sib & 7;
            if (row->properties & ROW_VSIB) {
                insn->index = index | (d->rex2 & REX_X ? 16 : 0);
            } else if (index != R_RSP) {
                insn->index = index;
            }
            insn->base = rm | (d->rex & REX_B ? 8 : 0);
            if (rm == R_RBP && mod == 0) {
                insn->base = REG_NONE;
                displacement = 4;
            }
        } else if (row->properties & ROW_VSIB) {
            return false;
        } else if (rm == R_RBP && mod == 0) {
            insn->base = d->mode64 ? REG_RIP : REG_NONE;
            displacement = 4;
        } else {
            insn->base = rm | (d->rex & REX_B ? 8 : 0);
        }
        if (displacement) {
            insn->disp = (int32_t)(fetch_signed(d, displacement) * scale);
        }
    }
    insn->seg = insn->base == R_RSP || insn->base == R_RBP ? R_SS : R_DS;
    if (d->segment >= 0) {
        insn->seg = d->segment;
    }
    return true;
}

static uint8_t byte_register(const Insn *insn, uint8_t number)
{
    return number >= 4 && number < 8 && !(insn->prefixes & (INSN_REX | INSN_VEX | INSN_EVEX)) ? number + 12 : number;
}

/* Registers that the operands name, with the extension bits that their kind honours. False: no such register, #UD. */
static bool decode_registers(Decoder *d, const InsnRow *row, bool memory)
{
    Insn *insn = d->insn;
    uint8_t reg = (d->modrm >> 3 & 7) | (d->rex & REX_R ? 8 : 0), rm = (d->modrm & 7) | (d->rex & REX_B ? 8 : 0);

    if (!(row->properties & ROW_MODRM)) {
        reg = 0;
        rm = 0;
    }
    for (unsigned i = 0; i < 4; i++) {
        const OperandKind *kind = &operand_kinds[row->operands[i]];
        bool byte = kind->bytes == BYTES_B;

        switch (kind->group) {
        case GROUP_G:
            if (d->rex2 & REX_R) {
                return false;
            }
            reg = byte ? byte_register(insn, reg) : reg;
            break;
        case GROUP_S:
            reg &= 7;
            if (reg >= SEG_COUNT || (reg == R_CS && i == 0)) {
                return false;
            }
            break;
        case GROUP_C:
            if (insn->prefixes & INSN_LOCK && reg == 0 && cpu_has(d->cpu, FEATURE_CR8LEGACY)) {
                insn->prefixes &= ~INSN_LOCK;   /* AMD's way to CR8 outside of 64-bit mode */
                reg = 8;
            }
            if (reg != 0 && reg != 2 && reg != 3 && reg != 4 && reg != 8) {
                return false;
            }
            break;
        case GROUP_D:
            if (reg > 7) {
                return false;
            }
            break;
        case GROUP_P: reg &= 7; break;
        case GROUP_KG:
            if (reg > 7 || d->rex2 & REX_R) {
                return false;
            }
            break;
        case GROUP_V:
            reg |= d->rex2 & REX_R ? 16 : 0;
            break;
        case GROUP_E: case GROUP_R:
            if (!memory && byte) {
                rm = byte_register(insn, rm);
            }
            break;
        case GROUP_Q: case GROUP_N: case GROUP_KE: case GROUP_KR: rm &= 7; break;
        case GROUP_W: case GROUP_U:
            rm |= insn->prefixes & INSN_EVEX && d->rex & REX_X ? 16 : 0;
            break;
        case GROUP_fixed:
            rm = kind->bytes == BYTES_T ? rm & 7 : rm;  /* STi */
            break;
        case GROUP_Z:
            rm = (d->opcode & 7) | (d->rex & REX_B ? 8 : 0);
            rm = byte ? byte_register(insn, rm) : rm;
            break;
        case GROUP_KH:
            if (insn->vvvv > 7) {
                return false;
            }
            break;
        case GROUP_B:
            if (insn->vvvv > 15) {
                return false;
            }
            break;
        }
    }
    insn->reg = reg;
    if (!memory) {
        insn->rm = rm;
    }
    return true;
}

static uint64_t decode_immediate(Decoder *d, unsigned operand)
{
    const Insn *insn = d->insn;
    const OperandKind *kind = &operand_kinds[operand];

    switch (kind->group) {
    case GROUP_O:
        return fetch(d, insn->addr_size);
    case GROUP_A: {
        uint64_t offset = fetch(d, insn->size);

        return offset | fetch(d, 2) << 32;
    }
    case GROUP_J:
        if (kind->bytes == BYTES_B) {
            return (uint64_t)fetch_signed(d, 1);
        }
        return (uint64_t)fetch_signed(d, MIN(insn->size, 4));
    }
    switch (kind->bytes) {
    case BYTES_BS: return (uint64_t)fetch_signed(d, 1);
    case BYTES_W: return fetch(d, 2);
    case BYTES_Z: return (uint64_t)fetch_signed(d, MIN(insn->size, 4));
    case BYTES_V: return fetch(d, insn->size);
    }
    return fetch(d, 1);
}

/* EVEX fields against what the row allows. False: #UD. */
static bool check_evex(const Decoder *d, const InsnRow *row, bool memory)
{
    const Insn *insn = d->insn;
    unsigned mask = insn->evex & 7;
    bool zero = insn->evex & 8, b = insn->evex & 0x10;

    if (b && !(row->properties & (memory ? ROW_BCST : ROW_ER | ROW_SAE))) {
        return false;
    }
    if (d->vector_length == 3 && !(b && !memory)) {
        return false;
    }
    if ((mask && row->properties & ROW_NO_MASK) || (zero && (!mask || row->properties & (ROW_NO_ZERO | ROW_NO_MASK)))) {
        return false;
    }
    if (zero && memory && row->mem_operand == 0) {
        return false;
    }
    if (row->properties & ROW_VSIB && !mask) {
        return false;
    }
    if (insn->size < 64 && !cpu_has(d->cpu, FEATURE_AVX512VL)) {
        for (unsigned i = 0; i < 4; i++) {
            unsigned bytes = operand_kinds[row->operands[i]].bytes;

            if (bytes == BYTES_X || bytes == BYTES_HX || bytes == BYTES_QX || bytes == BYTES_EX) {
                return false;
            }
        }
    }
    return true;
}

/* What the row's checks forbid in this mode: the raising function, or NULL. */
static InsnFn *check_row(const Decoder *d, const InsnRow *row, bool memory)
{
    const CpuX86 *cpu = d->cpu;
    const Insn *insn = d->insn;
    uint32_t mode = cpu->mode_flags;
    uint64_t props = row->properties;
    unsigned vvvv = props & ROW_VSIB ? insn->vvvv & 15 : insn->vvvv;
    bool protected = (mode & (MODE_PE | MODE_VM86)) == MODE_PE;

    if (insn->prefixes & INSN_LOCK && (!(props & ROW_LOCKABLE) || !memory)) {
        return insn_ud;
    }
    if ((row->feature && !cpu_has(cpu, row->feature)) || (props & ROW_PROTECTED_ONLY && !protected)) {
        return insn_ud;
    }
    if (row->encoding == ENCODING_LEGACY) {
        if ((props & ROW_SSE && (mode & MODE_EM || !(mode & MODE_OSFXSR))) || (props & ROW_MMX && mode & MODE_EM)) {
            return insn_ud;
        }
        if (props & ROW_X87 && mode & (MODE_EM | MODE_TS)) {
            return insn_nm;
        }
    } else {
        if (!protected || (!(props & ROW_VVVV) && vvvv)) {
            return insn_ud;
        }
        bool avx512 = row->encoding == ENCODING_EVEX || props & ROW_OPMASK;

        if (props & ROW_SSE && !(mode & (avx512 ? MODE_AVX512 : MODE_AVX))) {
            return insn_ud;
        }
        if (row->encoding == ENCODING_EVEX && !check_evex(d, row, memory)) {
            return insn_ud;
        }
    }
    if (props & ROW_XSAVE && !(mode & MODE_OSXSAVE)) {
        return insn_ud;
    }
    if (props & (ROW_SSE | ROW_MMX | ROW_XSAVE) && mode & MODE_TS) {
        return insn_nm;
    }
    if ((props & ROW_PRIVILEGED || (props & ROW_UMIP && mode & MODE_UMIP)) && mode & MODE_CPL) {
        return insn_gp0;
    }
    return NULL;
}

static unsigned finish(Decoder *d, InsnFn *fn)
{
    Insn *insn = d->insn;

    if (d->starved) {
        if (d->avail < INSN_MAX_BYTES) {
            return 0;
        }
        fn = insn_gp0;                          /* no instruction is longer */
    }
    insn->length = d->pos;
    memcpy(insn->bytes, d->code, d->pos);
    insn->fn = fn;
    return insn->length;
}

unsigned insn_decode(const CpuX86 *cpu, Insn *insn, const uint8_t *code, unsigned avail)
{
    Decoder decoder = { .cpu = cpu, .insn = insn, .code = code, .avail = MIN(avail, INSN_MAX_BYTES) }, *d = &decoder;
    uint16_t offset = insn->offset;
    const InsnRow *row;
    bool memory, valid;
    int number;
    InsnFn *forbidden;

    memset(insn, 0, sizeof *insn);
    insn->offset = offset;
    insn->base = insn->index = REG_NONE;
    insn->seg = R_DS;
    d->mode64 = cpu->mode_flags & MODE_CS64;
    decode_prefixes(d);
    if (d->starved) {
        return finish(d, insn_ud);
    }
    if (is_vex(d)) {
        if (!decode_vex(d)) {
            return finish(d, insn_ud);
        }
    } else {
        decode_map(d);
    }
    insn->prefixes |= (d->rep == 0xf3 ? INSN_REP : d->rep == 0xf2 ? INSN_REPNE : 0) | (d->opsize ? INSN_OPSIZE : 0) |
                      (d->rex & REX_W ? INSN_REXW : 0);
    insn->addr_size = d->mode64 ? d->addrsize ? 4 : 8 : !(cpu->mode_flags & MODE_CS32) == d->addrsize ? 4 : 2;

    if (!d->starved && insn_opcodes[d->space][d->opcode].modrm) {
        d->modrm = fetch8(d);
    }
    if (d->starved) {
        return finish(d, insn_ud);
    }
    number = find_row(d, d->prefix_class);
    if (number >= 0 && insn_rows[number].properties & ROW_OR_PLAIN && !cpu_has(cpu, insn_rows[number].feature)) {
        number = find_row(d, d->opsize);
    }
    if (number < 0) {
        return finish(d, insn_ud);
    }
    row = &insn_rows[number];
    insn->row = number;
    insn->size = operand_size(d, row);
    memory = row->properties & ROW_MODRM && d->modrm < 0xc0;
    if (memory && row->mem_operand < 4 && operand_kinds[row->operands[row->mem_operand]].group == GROUP_R) {
        memory = false;                         /* MOV to and from control registers ignores mod */
    }
    valid = (!memory || decode_memory(d, row)) && decode_registers(d, row, memory);
    if (!memory && d->segment >= 0) {
        insn->seg = d->segment;                 /* string operands, XLAT, moffs */
    }
    for (unsigned i = 0; i < 2 && row->imm_kind[i]; i++) {
        uint64_t imm = decode_immediate(d, row->imm_kind[i]);

        if (i == 0) {
            insn->imm = imm;
        } else {
            insn->imm2 = (uint8_t)imm;
        }
    }
    if (d->starved || !valid) {
        return finish(d, insn_ud);
    }
    forbidden = check_row(d, row, memory);
    finish(d, forbidden);
    if (!forbidden) {
        InsnFn *fn = row->bind ? row->bind(cpu, insn) : NULL;

        insn->fn = fn ? fn : insn_ud;
        if (cpu->mode_flags & MODE_SVM && fn) {
            svm_bind(cpu, insn);
        }
    }
    return insn->length;
}
