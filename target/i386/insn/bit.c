/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bits: BT BTS BTR BTC, BSF BSR TZCNT LZCNT POPCNT, CRC32, and BMI1/BMI2 (ANDN BLSR BLSMSK BLSI BZHI PEXT PDEP BEXTR).
 *
 * A register bit index on a memory operand reaches beyond it: its signed quotient by the operand size moves the
 * address. Spec: SDM vol. 2.
 */
#include "target/i386/insn/operand.h"

typedef enum BitOp { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT, BIT_OP_COUNT } BitOp;
typedef enum Form { FORM_REG, FORM_MEM, FORM_LOCK, FORM_COUNT } Form;

static ALWAYS_INLINE uint64_t change(BitOp op, uint64_t v, uint64_t mask)
{
    return op == BIT_SET ? v | mask : op == BIT_RESET ? v & ~mask : op == BIT_COMPLEMENT ? v ^ mask : v;
}

static ALWAYS_INLINE void bit_form(CpuX86 *cpu, const Insn *insn, BitOp op, unsigned bits, Form form)
{
    bool by_reg = insn_row(insn)->operands[1] == OPERAND_Gv;
    uint64_t index = by_reg ? reg_read(cpu, bits, insn->reg) : insn->imm, mask = 1ull << (index & (bits - 1)), was;

    if (form == FORM_REG) {
        was = reg_read(cpu, bits, insn->rm);
        if (op != BIT_TEST) {
            reg_write(cpu, bits, insn->rm, change(op, was, mask));
        }
    } else {
        uint64_t off = insn_ea(cpu, insn) + (by_reg ? (SEXT(bits, index) >> __builtin_ctz(bits)) * (bits / 8) : 0);
        off = insn->addr_size == 8 ? off : insn->addr_size == 4 ? (uint32_t)off : (uint16_t)off;
        uint64_t lin = cpu_linear(cpu, insn->seg, off, bits / 8, op != BIT_TEST);
        if (op == BIT_TEST) {
            was = mmu_load(cpu, bits, lin, insn->seg);
        } else {
            RMW(cpu, lin, bits, insn->seg, form == FORM_LOCK, old, (was = old, change(op, old, mask)));
        }
    }
    flags_set_cf(cpu, (was & mask) != 0);
}

#define FN(bits, op, form)                                                                                             \
    static void op##_##form##_##bits(CpuX86 *cpu, const Insn *insn) { bit_form(cpu, insn, op, bits, form); }
#define ENTRY(bits, op, form) op##_##form##_##bits,
#define FORMS(X, op) X(op, FORM_REG) X(op, FORM_MEM) X(op, FORM_LOCK)
#define FORM_FNS(op, form) WIDE_SIZES(FN, op, form)
#define FORM_ENTRY(op, form) [op][form] = { NULL, WIDE_SIZES(ENTRY, op, form) },
#define OPS(X) X(BIT_TEST) X(BIT_SET) X(BIT_RESET) X(BIT_COMPLEMENT)
#define DEFINE(op) FORMS(FORM_FNS, op)
#define TABLE(op) FORMS(FORM_ENTRY, op)
OPS(DEFINE)
static InsnFn *const bit_fns[BIT_OP_COUNT][FORM_COUNT][4] = { OPS(TABLE) };

/* Scans. BSF and BSR of 0 leave the destination alone; ZF tells. */

#define SCAN_FN(bits, _) \
    static void bsf_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t v = rm_read(cpu, insn, bits); \
        if (v) { \
            reg_write(cpu, bits, insn->reg, __builtin_ctzll(v)); \
        } \
        flags_store(cpu, v != 0, 0, 0); \
    } \
    static void bsr_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t v = rm_read(cpu, insn, bits); \
        if (v) { \
            reg_write(cpu, bits, insn->reg, 63 - __builtin_clzll(v)); \
        } \
        flags_store(cpu, v != 0, 0, 0); \
    } \
    static void tzcnt_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t v = rm_read(cpu, insn, bits), n = v ? __builtin_ctzll(v) : bits; \
        reg_write(cpu, bits, insn->reg, n); \
        flags_store(cpu, n, 0, v == 0); \
    } \
    static void lzcnt_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t v = rm_read(cpu, insn, bits), n = v ? __builtin_clzll(v) - (64 - bits) : bits; \
        reg_write(cpu, bits, insn->reg, n); \
        flags_store(cpu, n, 0, v == 0); \
    } \
    static void popcnt_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t v = rm_read(cpu, insn, bits); \
        reg_write(cpu, bits, insn->reg, __builtin_popcountll(v)); \
        flags_put(cpu, v ? 0 : RFLAGS_ZF); \
    }
WIDE_SIZES(SCAN_FN, _)
#define SCAN_ENTRY(bits, name) name##_##bits,
#define SCAN_TABLE(name) { NULL, WIDE_SIZES(SCAN_ENTRY, name) }
static InsnFn *const scan_fns[5][4] = { SCAN_TABLE(bsf), SCAN_TABLE(bsr), SCAN_TABLE(tzcnt), SCAN_TABLE(lzcnt),
                                       SCAN_TABLE(popcnt) };

/* CRC32 with the Castagnoli polynomial, four bits a step. */
static uint32_t crc32c(uint32_t crc, uint64_t v, unsigned bits)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    for (unsigned i = 0; i < bits; i += 4) {
        crc = crc >> 4 ^ table[(crc ^ v >> i) & 15];
    }
    return crc;
}

#define CRC_FN(bits, _) \
    static void crc32_##bits(CpuX86 *cpu, const Insn *insn) \
    { reg_write(cpu, 32, insn->reg, crc32c((uint32_t)cpu->regs[insn->reg], rm_read(cpu, insn, bits), bits)); }
SIZES(CRC_FN, _)
#define CRC_ENTRY(bits, _) crc32_##bits,
static InsnFn *const crc_fns[4] = { SIZES(CRC_ENTRY, _) };

/* BMI */

static ALWAYS_INLINE void store_bmi_flags(CpuX86 *cpu, unsigned bits, uint64_t r, bool cf)
{
    flags_store(cpu, SEXT(bits, r), (int64_t)((uint64_t)cf << 63), cf);     /* OF 0 */
}

static uint64_t extract_bits(uint64_t v, uint64_t mask)
{
    uint64_t r = 0;

    for (unsigned n = 0; mask; mask &= mask - 1, n++) {
        r |= (v >> __builtin_ctzll(mask) & 1) << n;
    }
    return r;
}

static uint64_t deposit_bits(uint64_t v, uint64_t mask)
{
    uint64_t r = 0;

    for (; mask; mask &= mask - 1, v >>= 1) {
        r |= (v & 1) << __builtin_ctzll(mask);
    }
    return r;
}

/* v: r/m operand; w: the register in vvvv; r: result into `dest`. */
#define BMI_FN(bits, name, dest, expression, flags) \
    static void name##_##bits(CpuX86 *cpu, const Insn *insn) \
    { \
        uint64_t v = rm_read(cpu, insn, bits), w = reg_read(cpu, bits, insn->vvvv), r = ZEXT(bits, expression); \
        reg_write(cpu, bits, insn->dest, r); \
        flags; \
    }
#define BMI(name, dest, expression, flags) BMI_32(name, dest, expression, flags) BMI_64(name, dest, expression, flags)
#define BMI_32(name, dest, expression, flags) BMI_FN(32, name, dest, expression(32), flags(32))
#define BMI_64(name, dest, expression, flags) BMI_FN(64, name, dest, expression(64), flags(64))
#define NO_FLAGS(bits) (void)w
#define CF_CLEAR(bits) (void)w; store_bmi_flags(cpu, bits, r, false)
#define CF_IF_ZERO(bits) (void)w; store_bmi_flags(cpu, bits, r, v == 0)
#define CF_UNLESS_ZERO(bits) (void)w; store_bmi_flags(cpu, bits, r, v != 0)
#define CF_IF_BEYOND(bits) store_bmi_flags(cpu, bits, r, (w & 0xff) >= bits)
#define ANDN(bits) (~w & v)
#define BLSR(bits) (v & (v - 1))
#define BLSMSK(bits) (v ^ (v - 1))
#define BLSI(bits) (v & -v)
#define BZHI(bits) ((w & 0xff) < bits ? v & ((1ull << (w & 0xff)) - 1) : v)
#define BEXTR(bits) bextr(v, w & 0xff, w >> 8 & 0xff)
#define PEXT(bits) extract_bits(w, v)
#define PDEP(bits) deposit_bits(w, v)

static uint64_t bextr(uint64_t v, unsigned start, unsigned len)
{
    v = start < 64 ? v >> start : 0;
    return len < 64 ? v & ((1ull << len) - 1) : v;
}

BMI(andn, reg, ANDN, CF_CLEAR)
BMI(blsr, vvvv, BLSR, CF_IF_ZERO)
BMI(blsmsk, vvvv, BLSMSK, CF_IF_ZERO)
BMI(blsi, vvvv, BLSI, CF_UNLESS_ZERO)
BMI(bzhi, reg, BZHI, CF_IF_BEYOND)
BMI(bextr, reg, BEXTR, CF_CLEAR)
BMI(pext, reg, PEXT, NO_FLAGS)
BMI(pdep, reg, PDEP, NO_FLAGS)

InsnFn *bind_bit(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    unsigned size = size_log2(insn->size);
    bool wide = insn->size == 8;
    BitOp op;

    switch (row->op) {
    case OP_BT: op = BIT_TEST; break;
    case OP_BTS: op = BIT_SET; break;
    case OP_BTR: op = BIT_RESET; break;
    case OP_BTC: op = BIT_COMPLEMENT; break;
    case OP_BSF: return scan_fns[0][size];
    case OP_BSR: return scan_fns[1][size];
    case OP_TZCNT: return scan_fns[2][size];
    case OP_LZCNT: return scan_fns[3][size];
    case OP_POPCNT: return scan_fns[4][size];
    case OP_CRC32: return crc_fns[row->operands[1] == OPERAND_Eb ? 0 : size];
    case OP_ANDN: return wide ? andn_64 : andn_32;
    case OP_BLSR: return wide ? blsr_64 : blsr_32;
    case OP_BLSMSK: return wide ? blsmsk_64 : blsmsk_32;
    case OP_BLSI: return wide ? blsi_64 : blsi_32;
    case OP_BZHI: return wide ? bzhi_64 : bzhi_32;
    case OP_BEXTR: return wide ? bextr_64 : bextr_32;
    case OP_PEXT: return wide ? pext_64 : pext_32;
    case OP_PDEP: return wide ? pdep_64 : pdep_32;
    default: return NULL;
    }
    return bit_fns[op][!insn_has_mem(insn) ? FORM_REG : insn->prefixes & INSN_LOCK ? FORM_LOCK : FORM_MEM][size];
}
