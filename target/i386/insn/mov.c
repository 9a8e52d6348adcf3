/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data movement without flags: MOV, MOVZX, MOVSX, LEA, XCHG, CMOVcc, SETcc, BSWAP, MOVBE, CBW, CWD, XLAT, and the
 * few that copy flags to and from AH or AL.
 */
#include "target/i386/insn/operand.h"

/* MOV between registers, memory, immediates */

typedef enum Form {
    FORM_RM_REG,
    FORM_REG_RM,
    FORM_RM_IMM,
    FORM_REG_FLAT,
    FORM_FLAT_REG,
    FORM_FLAT_IMM,
    FORM_REG_MEM,
    FORM_MEM_REG,
    FORM_MEM_IMM,
    FORM_ACC_OFFSET,
    FORM_OFFSET_ACC,
    FORM_COUNT
} Form;

#define HANDLER(form, bits) static void mov_##form##_##bits(CpuX86 *cpu, const Insn *insn)
#define MOV_FNS(bits, _)                                                                                               \
    HANDLER(FORM_RM_REG, bits)                                                                                         \
    {                                                                                                                  \
        reg_write(cpu, bits, insn->rm, reg_read(cpu, bits, insn->reg));                                                \
        INSN_NEXT(cpu, insn);                                                                                          \
    }                                                                                                                  \
    HANDLER(FORM_REG_RM, bits)                                                                                         \
    {                                                                                                                  \
        reg_write(cpu, bits, insn->reg, reg_read(cpu, bits, insn->rm));                                                \
        INSN_NEXT(cpu, insn);                                                                                          \
    }                                                                                                                  \
    HANDLER(FORM_RM_IMM, bits)                                                                                         \
    {                                                                                                                  \
        reg_write(cpu, bits, insn->rm, insn->imm);                                                                     \
        INSN_NEXT(cpu, insn);                                                                                          \
    }                                                                                                                  \
    HANDLER(FORM_REG_MEM, bits) { reg_write(cpu, bits, insn->reg, mem_read(cpu, insn, bits)); }                        \
    HANDLER(FORM_MEM_REG, bits) { mem_write(cpu, insn, bits, reg_read(cpu, bits, insn->reg)); }                        \
    HANDLER(FORM_MEM_IMM, bits) { mem_write(cpu, insn, bits, insn->imm); }                                             \
    HANDLER(FORM_REG_FLAT, bits)                                                                                       \
    {                                                                                                                  \
        FAST_MEM(cpu, insn, bits, read_tag, host, mov_FORM_REG_MEM_##bits);                                            \
        reg_write(cpu, bits, insn->reg, host_load(bits, host));                                                        \
        INSN_NEXT(cpu, insn);                                                                                          \
    }                                                                                                                  \
    HANDLER(FORM_FLAT_REG, bits)                                                                                       \
    {                                                                                                                  \
        FAST_MEM(cpu, insn, bits, write_tag, host, mov_FORM_MEM_REG_##bits);                                           \
        host_store(bits, host, reg_read(cpu, bits, insn->reg));                                                        \
        INSN_NEXT(cpu, insn);                                                                                          \
    }                                                                                                                  \
    HANDLER(FORM_FLAT_IMM, bits)                                                                                       \
    {                                                                                                                  \
        FAST_MEM(cpu, insn, bits, write_tag, host, mov_FORM_MEM_IMM_##bits);                                           \
        host_store(bits, host, insn->imm);                                                                             \
        INSN_NEXT(cpu, insn);                                                                                          \
    }                                                                                                                  \
    HANDLER(FORM_ACC_OFFSET, bits) { reg_write(cpu, bits, R_RAX, seg_load(cpu, bits, insn->seg, insn->imm)); }         \
    HANDLER(FORM_OFFSET_ACC, bits) { seg_store(cpu, bits, insn->seg, insn->imm, reg_read(cpu, bits, R_RAX)); }
SIZES(MOV_FNS, _)
#define ENTRY(bits, form) mov_##form##_##bits,
#define TABLE(form) [form] = { SIZES(ENTRY, form) }
static InsnFn *const mov_fns[FORM_COUNT][4] = {
    TABLE(FORM_RM_REG),   TABLE(FORM_REG_RM),     TABLE(FORM_RM_IMM),     TABLE(FORM_REG_FLAT),
    TABLE(FORM_FLAT_REG), TABLE(FORM_FLAT_IMM),   TABLE(FORM_REG_MEM),    TABLE(FORM_MEM_REG),
    TABLE(FORM_MEM_IMM),  TABLE(FORM_ACC_OFFSET), TABLE(FORM_OFFSET_ACC),
};

static InsnFn *bind_plain_mov(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    bool flat = insn_has_mem(insn) && mem_form(cpu, insn) == MEM_FLAT;
    Form form;

    switch (row->operands[0]) {
    case OPERAND_AL: case OPERAND_rAX: form = FORM_ACC_OFFSET; break;
    case OPERAND_Ob: case OPERAND_Ov: form = FORM_OFFSET_ACC; break;
    case OPERAND_Zb: case OPERAND_Zv: form = FORM_RM_IMM; break;
    case OPERAND_Gb: case OPERAND_Gv: form = insn_has_mem(insn) ? FORM_REG_MEM : FORM_REG_RM; break;
    default:                                    /* Eb, Ev, and MOVNTI's My */
        if (row->operands[1] == OPERAND_Gb || row->operands[1] == OPERAND_Gv || row->operands[1] == OPERAND_Gy) {
            form = insn_has_mem(insn) ? FORM_MEM_REG : FORM_RM_REG;
        } else {
            form = insn_has_mem(insn) ? FORM_MEM_IMM : FORM_RM_IMM;
        }
    }
    if (flat && form >= FORM_REG_MEM && form <= FORM_MEM_IMM) {
        form -= FORM_REG_MEM - FORM_REG_FLAT;
    }
    return mov_fns[form][size_log2(insn->size)];
}

/* MOVZX, MOVSX, MOVSXD: from `from` bits to `bits`. */

typedef enum Source { SOURCE_REG, SOURCE_FLAT, SOURCE_MEM, SOURCE_COUNT } Source;

static ALWAYS_INLINE void extend(CpuX86 *cpu, const Insn *insn, unsigned bits, bool sign, unsigned from, uint64_t v)
{
    reg_write(cpu, bits, insn->reg, sign ? (uint64_t)SEXT(from, v) : v);
}

#define EXTEND_FNS(bits, name, sign, from) \
    static void name##_##from##_SOURCE_REG_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        extend(cpu, insn, bits, sign, from, reg_read(cpu, from, insn->rm)); \
        INSN_NEXT(cpu, insn); \
    } \
    static void name##_##from##_SOURCE_MEM_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        extend(cpu, insn, bits, sign, from, mem_read(cpu, insn, from)); \
    } \
    static void name##_##from##_SOURCE_FLAT_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        FAST_MEM(cpu, insn, from, read_tag, host, name##_##from##_SOURCE_MEM_##bits); \
        extend(cpu, insn, bits, sign, from, host_load(from, host)); \
        INSN_NEXT(cpu, insn); \
    }
WIDE_SIZES(EXTEND_FNS, movzx, false, 8)
WIDE_SIZES(EXTEND_FNS, movzx, false, 16)
WIDE_SIZES(EXTEND_FNS, movsx, true, 8)
WIDE_SIZES(EXTEND_FNS, movsx, true, 16)
WIDE_SIZES(EXTEND_FNS, movsx, true, 32)
#define EXTEND_ENTRY(bits, name, from, source) name##_##from##_##source##_##bits,
#define EXTEND_TABLE(name, from, source) [source] = { NULL, WIDE_SIZES(EXTEND_ENTRY, name, from, source) }
#define EXTEND(name, from)                                                                                             \
    {                                                                                                                  \
        EXTEND_TABLE(name, from, SOURCE_REG), EXTEND_TABLE(name, from, SOURCE_FLAT),                                   \
            EXTEND_TABLE(name, from, SOURCE_MEM)                                                                       \
    }
static InsnFn *const extend_fns[5][SOURCE_COUNT][4] = {
    EXTEND(movzx, 8), EXTEND(movzx, 16), EXTEND(movsx, 8), EXTEND(movsx, 16), EXTEND(movsx, 32),
};

static InsnFn *bind_extend(const CpuX86 *cpu, Insn *insn, unsigned kind)
{
    Source source = !insn_has_mem(insn) ? SOURCE_REG : mem_form(cpu, insn) == MEM_FLAT ? SOURCE_FLAT : SOURCE_MEM;
    return extend_fns[kind][source][size_log2(insn->size)];
}

/* LEA: the offset only; the segment plays no part. */

#define LEA_FN(bits, name, ea)                                                                                         \
    static void name##_##bits(CpuX86 *cpu, const Insn *insn)                                                           \
    {                                                                                                                  \
        reg_write(cpu, bits, insn->reg, ea);                                                                           \
        INSN_NEXT(cpu, insn);                                                                                          \
    }
WIDE_SIZES(LEA_FN, lea, insn_ea(cpu, insn))
WIDE_SIZES(LEA_FN, lea64, insn_ea_by(cpu, insn, 8))
#define LEA_ENTRY(bits, name) name##_##bits,
static InsnFn *const lea_fns[2][4] = { { NULL, WIDE_SIZES(LEA_ENTRY, lea) }, { NULL, WIDE_SIZES(LEA_ENTRY, lea64) } };

/* XCHG: with memory always locked. */

#define XCHG_FN(bits, _) \
    static void xchg_reg_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t a = reg_read(cpu, bits, insn->rm), b = reg_read(cpu, bits, insn->reg); \
        reg_write(cpu, bits, insn->rm, b); \
        reg_write(cpu, bits, insn->reg, a); \
        INSN_NEXT(cpu, insn); \
    } \
    static void xchg_acc_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t a = reg_read(cpu, bits, insn->rm), b = reg_read(cpu, bits, R_RAX); \
        reg_write(cpu, bits, insn->rm, b); \
        reg_write(cpu, bits, R_RAX, a); \
    } \
    static void xchg_mem_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t new = reg_read(cpu, bits, insn->reg), was = 0; \
        RMW(cpu, mem_linear(cpu, insn, bits / 8, true), bits, insn->seg, true, old, (was = old, new)); \
        reg_write(cpu, bits, insn->reg, was); \
    }
SIZES(XCHG_FN, _)
#define XCHG_ENTRY(bits, kind) xchg_##kind##_##bits,
static InsnFn *const xchg_fns[3][4] = {{SIZES(XCHG_ENTRY, reg)}, {SIZES(XCHG_ENTRY, acc)}, {SIZES(XCHG_ENTRY, mem)}};

/* CMOVcc reads its source, and in 32-bit size clears the upper half, whether the condition holds or not. */

#define CONDITIONS(X, ...)                                                                                             \
    X(0, __VA_ARGS__)                                                                                                  \
    X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__)        \
        X(7, __VA_ARGS__) X(8, __VA_ARGS__) X(9, __VA_ARGS__) X(10, __VA_ARGS__) X(11, __VA_ARGS__) X(12, __VA_ARGS__) \
            X(13, __VA_ARGS__) X(14, __VA_ARGS__) X(15, __VA_ARGS__)
#define CMOV_FN(cc, bits) \
    static void cmov_reg_##cc##_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t source = reg_read(cpu, bits, insn->rm); \
        reg_write(cpu, bits, insn->reg, flags_condition(cpu, cc) ? source : reg_read(cpu, bits, insn->reg)); \
        INSN_NEXT(cpu, insn); \
    } \
    static void cmov_mem_##cc##_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t source = mem_read(cpu, insn, bits); \
        reg_write(cpu, bits, insn->reg, flags_condition(cpu, cc) ? source : reg_read(cpu, bits, insn->reg)); \
    }
#define SET_FN(cc, _)                                                                                                  \
    static void set_reg_##cc(CpuX86 *cpu, const Insn *insn)                                                            \
    {                                                                                                                  \
        reg_write(cpu, 8, insn->rm, flags_condition(cpu, cc));                                                         \
        INSN_NEXT(cpu, insn);                                                                                          \
    }                                                                                                                  \
    static void set_mem_##cc(CpuX86 *cpu, const Insn *insn) { mem_write(cpu, insn, 8, flags_condition(cpu, cc)); }
CONDITIONS(CMOV_FN, 16)
CONDITIONS(CMOV_FN, 32)
CONDITIONS(CMOV_FN, 64)
CONDITIONS(SET_FN, _)
#define CMOV_ENTRY(cc, kind, bits) cmov_##kind##_##cc##_##bits,
#define SET_ENTRY(cc, kind) set_##kind##_##cc,
#define CMOV_TABLE(kind)                                                                                               \
    {                                                                                                                  \
        {NULL}, {CONDITIONS(CMOV_ENTRY, kind, 16)}, {CONDITIONS(CMOV_ENTRY, kind, 32)},                                \
        {                                                                                                              \
            CONDITIONS(CMOV_ENTRY, kind, 64)                                                                           \
        }                                                                                                              \
    }
static InsnFn *const cmov_fns[2][4][16] = { CMOV_TABLE(reg), CMOV_TABLE(mem) };
static InsnFn *const set_fns[2][16] = { { CONDITIONS(SET_ENTRY, reg) }, { CONDITIONS(SET_ENTRY, mem) } };

/* Byte order. BSWAP of 16 bits is undefined; processors give 0. */

static void bswap_16(CpuX86 *cpu, const Insn *insn) { reg_write(cpu, 16, insn->rm, 0); }
static void bswap_32(CpuX86 *cpu, const Insn *insn)
{
    reg_write(cpu, 32, insn->rm, __builtin_bswap32(cpu->regs[insn->rm]));
}
static void bswap_64(CpuX86 *cpu, const Insn *insn)
{
    reg_write(cpu, 64, insn->rm, __builtin_bswap64(cpu->regs[insn->rm]));
}
static InsnFn *const bswap_fns[4] = { NULL, bswap_16, bswap_32, bswap_64 };

#define MOVBE_FN(bits, _) \
    static void movbe_load_##bits(CpuX86 *cpu, const Insn *insn) \
    { reg_write(cpu, bits, insn->reg, __builtin_bswap##bits(mem_read(cpu, insn, bits))); } \
    static void movbe_store_##bits(CpuX86 *cpu, const Insn *insn) \
    { mem_write(cpu, insn, bits, __builtin_bswap##bits(reg_read(cpu, bits, insn->reg))); }
WIDE_SIZES(MOVBE_FN, _)
static InsnFn *const movbe_fns[2][4] = { { NULL, movbe_load_16, movbe_load_32, movbe_load_64 },
                                         { NULL, movbe_store_16, movbe_store_32, movbe_store_64 } };

/* CBW CWDE CDQE; CWD CDQ CQO */

#define CBW_FN(bits, half)                                                                                             \
    static void cbw_##bits(CpuX86 *cpu, const Insn *insn)                                                              \
    {                                                                                                                  \
        reg_write(cpu, bits, R_RAX, SEXT(half, cpu->regs[R_RAX]));                                                     \
        INSN_NEXT(cpu, insn);                                                                                          \
    }                                                                                                                  \
    static void cwd_##bits(CpuX86 *cpu, const Insn *insn)                                                              \
    {                                                                                                                  \
        reg_write(cpu, bits, R_RDX, SEXT(bits, cpu->regs[R_RAX]) >> 63);                                               \
        INSN_NEXT(cpu, insn);                                                                                          \
    }
CBW_FN(16, 8)
CBW_FN(32, 16)
CBW_FN(64, 32)
static InsnFn *const cbw_fns[4] = { NULL, cbw_16, cbw_32, cbw_64 };
static InsnFn *const cwd_fns[4] = { NULL, cwd_16, cwd_32, cwd_64 };

static void xlat(CpuX86 *cpu, const Insn *insn)
{
    uint64_t off = cpu->regs[R_RBX] + (uint8_t)cpu->regs[R_RAX];

    off = insn->addr_size == 8 ? off : insn->addr_size == 4 ? (uint32_t)off : (uint16_t)off;
    reg_write(cpu, 8, R_RAX, cpu_ld8(cpu, insn->seg, off));
}

static void salc(CpuX86 *cpu, const Insn *insn) { reg_write(cpu, 8, R_RAX, flag_cf(cpu) ? 0xff : 0); }

static void sahf(CpuX86 *cpu, const Insn *insn)
{
    flags_put(cpu, (reg_read(cpu, 8, REG_AH) & ~(uint64_t)RFLAGS_OF) | (flag_of(cpu) ? RFLAGS_OF : 0));
}

static void lahf(CpuX86 *cpu, const Insn *insn) { reg_write(cpu, 8, REG_AH, flags_get(cpu) | RFLAGS_FIXED1); }

InsnFn *bind_mov(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    unsigned size = size_log2(insn->size);

    switch (row->op) {
    case OP_MOV: case OP_MOVNTI: return bind_plain_mov(cpu, insn);
    case OP_MOVZX: return bind_extend(cpu, insn, row->operands[1] == OPERAND_Eb ? 0 : 1);
    case OP_MOVSX: return bind_extend(cpu, insn, row->operands[1] == OPERAND_Eb ? 2 : 3);
    case OP_MOVSXD: return bind_extend(cpu, insn, 4);
    case OP_LEA: return lea_fns[insn->addr_size == 8][size];
    case OP_XCHG: return xchg_fns[insn_has_mem(insn) ? 2 : row->operands[1] == OPERAND_rAX ? 1 : 0][size];
    case OP_BSWAP: return bswap_fns[size];
    case OP_CMOVcc: return cmov_fns[insn_has_mem(insn)][size][row->opcode & 15];
    case OP_SETcc: return set_fns[insn_has_mem(insn)][row->opcode & 15];
    case OP_MOVBE: return movbe_fns[row->operands[0] == OPERAND_Mv][size];
    case OP_CBW: return cbw_fns[size];
    case OP_CWD: return cwd_fns[size];
    case OP_XLAT: return xlat;
    case OP_SALC: return salc;
    case OP_SAHF: return sahf;
    case OP_LAHF: return lahf;
    default: return NULL;
    }
}
