/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/tcg/encode.h"

#include <stdio.h>

#include "target/i386/decode/table.h"

uint64_t rng_next(Rng *r)
{
    r->state += 0x9e3779b97f4a7c15;             /* splitmix64 */
    uint64_t z = r->state;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

#define USUAL_SEED 0x52686561

uint64_t test_seed(void)
{
    const char *given = g_getenv("RHEA_TEST_SEED");
    uint64_t seed = !given                    ? USUAL_SEED
                  : g_str_equal(given, "time") ? (uint64_t)g_get_real_time()
                                               : g_ascii_strtoull(given, NULL, 0);

    g_test_message("seed 0x%" PRIx64 " (RHEA_TEST_SEED=NUMBER sets it, RHEA_TEST_SEED=time takes a new one)", seed);
    return seed;
}

const char *hex(const uint8_t *bytes, unsigned count)
{
    static char buffers[4][200];
    static unsigned turn;
    char *text = buffers[turn++ % 4];

    text[0] = 0;
    for (unsigned i = 0; i < MIN(count, 60); i++) {
        sprintf(text + 3 * i, "%02x ", bytes[i]);
    }
    return text;
}

CpuX86 *test_cpu_new(void)
{
    CpuX86 *cpu = aligned_alloc(64, (sizeof *cpu + 63) & ~(size_t)63);

    memset(cpu, 0, sizeof *cpu);
    return cpu;
}

void test_cpu_mode(CpuX86 *cpu, unsigned bits)
{
    uint32_t mode = MODE_OSFXSR | MODE_OSXSAVE | MODE_AVX | MODE_AVX512 | MODE_FLAT_DATA | MODE_FLAT_CODE;

    switch (bits) {
    case 64: mode |= MODE_PE | MODE_LMA | MODE_CS64 | MODE_SS32 | MODE_CPL | MODE_PAGING; break;
    case 32: mode |= MODE_PE | MODE_LMA | MODE_CS32 | MODE_SS32 | MODE_CPL | MODE_PAGING; break;
    case 16: mode |= MODE_PE | MODE_CPL; break;
    }
    cpu->mode_flags = mode;
    memset(cpu->features, 0xff, sizeof cpu->features);
}

/* One of the opcodes that lead to the row. */
static uint8_t pick_opcode(Rng *r, unsigned row, unsigned space)
{
    uint8_t found[256];
    unsigned count = 0;

    for (unsigned opcode = insn_rows[row].opcode; opcode < 256; opcode++) {
        const InsnOpcode *op = &insn_opcodes[space][opcode];

        for (unsigned i = 0; i < op->count; i++) {
            if (insn_candidates[op->first + i].row == row) {
                found[count++] = opcode;
            }
        }
    }
    return count ? found[rng_below(r, count)] : insn_rows[row].opcode;
}

static unsigned space_of(const InsnRow *row)
{
    switch (row->encoding) {
    case ENCODING_VEX: return SPACE_VEX_0F + row->map - 1;
    case ENCODING_EVEX: return row->map <= 3 ? SPACE_EVEX_0F + row->map - 1 : SPACE_EVEX_5 + row->map - 5;
    }
    return SPACE_ONE_BYTE + row->map;
}

static void put(Encoding *e, uint8_t byte)
{
    if (e->length < sizeof e->bytes) {
        e->bytes[e->length] = byte;
    }
    e->length++;
}


/* Fixed bits of @word from the row, the rest at random. */
static uint32_t choose(Rng *r, const InsnRow *row, uint32_t bits)
{
    return ((uint32_t)rng_next(r) & bits & ~row->select_mask) | (row->select_value & bits);
}

static bool rm_is_register(const InsnRow *row)
{
    return row->mem_operand < 4 && operand_kinds[row->operands[row->mem_operand]].group == GROUP_R;
}

/* ModRM, SIB and displacement. */
static void put_operand(Rng *r, const InsnRow *row, uint8_t modrm, unsigned addr_bits, Encoding *e)
{
    unsigned mod = modrm >> 6, rm = modrm & 7, displacement = 0;

    e->modrm_at = e->length;
    put(e, modrm);
    if (mod == 3) {
        return;
    }
    if (addr_bits == 16) {
        displacement = mod == 1 ? 1 : mod == 2 || rm == 6 ? 2 : 0;
    } else {
        displacement = mod == 1 ? 1 : mod == 2 ? 4 : 0;
        if (rm == 4) {
            uint8_t sib = rng_next(r);

            put(e, sib);
            if ((sib & 7) == 5 && mod == 0) {
                displacement = 4;
            }
        } else if (rm == 5 && mod == 0) {
            displacement = 4;
        }
    }
    e->displacement_at = e->length;
    e->displacement_bytes = displacement;
    for (unsigned i = 0; i < displacement; i++) {
        put(e, rng_next(r));
    }
}

static void put_immediates(Rng *r, const InsnRow *row, unsigned bits, bool opsize, bool w, unsigned addr_bits,
                           Encoding *e)
{
    unsigned v = bits == 64 ? w ? 8 : opsize ? 2 : 4 : (bits == 16) == opsize ? 4 : 2;

    e->immediate_at = e->length;
    for (unsigned i = 0; i < 2 && row->imm_kind[i]; i++) {
        const OperandKind *kind = &operand_kinds[row->imm_kind[i]];
        unsigned bytes = 1;

        if (kind->group == GROUP_O) {
            bytes = addr_bits / 8;
        } else if (kind->group == GROUP_A) {
            bytes = v + 2;
        } else if (kind->group == GROUP_J && kind->bytes == BYTES_Z) {
            bytes = bits == 64 ? 4 : v;
        } else if (kind->bytes == BYTES_W) {
            bytes = 2;
        } else if (kind->bytes == BYTES_Z) {
            bytes = MIN(v, 4);
        } else if (kind->bytes == BYTES_V) {
            bytes = v;
        }
        for (unsigned j = 0; j < bytes; j++) {
            put(e, rng_next(r));
        }
    }
}

static unsigned pick_prefix_class(Rng *r, const InsnRow *row, bool reach)
{
    if (row->prefixes & 3) {                    /* none, or 66 where that is the operand size or a class of its own */
        bool branch = row->properties & (ROW_BRANCH | ROW_X87);

        if (row->properties & ROW_STRING && rng_chance(r, 50)) {
            return 2 + rng_below(r, 2);
        }
        if (!reach && rng_chance(r, 10) && row->prefixes & 0xc) {
            return row->prefixes & 4 ? 2 : 3;
        }
        return (row->prefixes & 2 && !(row->prefixes & 1)) ||
               (row->prefixes & 2 && rng_chance(r, 30) && !(reach && branch));
    }
    return row->prefixes & 4 ? 2 : 3;
}

bool encode_row(Rng *r, unsigned number, unsigned bits, bool reach, Encoding *e)
{
    static const uint8_t prefix_byte[] = { 0, 0x66, 0xf3, 0xf2 };
    const InsnRow *row = &insn_rows[number];
    unsigned space = space_of(row), class = pick_prefix_class(r, row, reach), addr_bits = bits;
    uint8_t opcode = pick_opcode(r, number, space), modrm = choose(r, row, SELECT_MODRM), rex = 0;
    bool mode64 = bits == 64, opsize = class == 1, w = choose(r, row, SELECT_W);
    bool need_b = row->select_mask & SELECT_REX_B, addrsize = rng_chance(r, mode64 ? 10 : reach ? 3 : 10);

    if ((row->select_mask & SELECT_MODE64 && !(row->select_value & SELECT_MODE64) == mode64) ||
        (!mode64 && row->encoding == ENCODING_LEGACY && row->select_value & (SELECT_W | SELECT_REX_B))) {
        return false;
    }
    memset(e, 0, sizeof *e);
    if (row->select_mask & SELECT_RM_REG) {
        if (row->select_value & SELECT_RM_REG) {
            modrm |= 0xc0;
        } else if (modrm >= 0xc0) {
            modrm &= 0x7f;
        }
    } else if (rng_chance(r, 30) || rm_is_register(row)) {
        modrm |= 0xc0;
    }
    if (row->properties & ROW_VSIB) {
        modrm = (modrm & 0xf8) | 4;
        addrsize = bits == 16 || (mode64 && addrsize);
    }
    if (addrsize) {
        addr_bits = bits == 64 ? 32 : bits == 32 ? 16 : 32;
        put(e, 0x67);
    }
    if (row->encoding == ENCODING_LEGACY) {
        bool memory = modrm < 0xc0 && row->properties & ROW_MODRM;

        if (row->properties & ROW_LOCKABLE && memory && rng_chance(r, 25)) {
            put(e, 0xf0);
        }
        if (rng_chance(r, 5)) {
            static const uint8_t segments[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
            put(e, segments[rng_below(r, reach ? mode64 ? 4 : 1 : 6)]);
        }
        if (class) {
            put(e, prefix_byte[class]);
        }
        if (row->properties & ROW_STRING && class >= 2 && rng_chance(r, 30)) {
            put(e, 0x66);
            opsize = true;
        }
        if (mode64) {
            bool extended = rng_chance(r, 50) || w || need_b;

            rex = (w && (row->select_mask & SELECT_W || rng_chance(r, 60)) ? 8 : 0) | (rng_next(r) & 7);
            if (row->select_mask & SELECT_W) {
                rex = (rex & 7) | (row->select_value & SELECT_W ? 8 : 0);
            }
            if (need_b) {
                rex = (rex & ~1) | (row->select_value & SELECT_REX_B ? 1 : 0);
            }
            if (extended) {
                put(e, 0x40 | rex);
            } else {
                rex = 0;
            }
        }
        if (row->map) {
            put(e, 0x0f);
        }
        if (row->map > 1) {
            put(e, row->map == 2 ? 0x38 : 0x3a);
        }
    } else {
        bool vvvv_used = row->properties & ROW_VVVV;
        unsigned open = (rng_next(r) & 7), vvvv = vvvv_used ? rng_below(r, mode64 ? 16 : 8) : 0;
        unsigned length = choose(r, row, SELECT_L) >> 10, p = __builtin_ctz(row->prefixes);

        rex = mode64 ? open : 0;
        w = w && (mode64 || !reach || row->select_mask & SELECT_W);    /* else ignored or #UD, by maker */
        if (row->encoding == ENCODING_VEX) {
            length &= 1;
            if (row->map == 1 && !(rex & 3) && !w && rng_chance(r, 50)) {
                put(e, 0xc5);
                e->vvvv_at = e->length;
                put(e, (rex & 4 ? 0 : 0x80) | (~vvvv & 15) << 3 | length << 2 | p);
            } else {
                put(e, 0xc4);
                put(e, (~rex & 7) << 5 | row->map);
                e->vvvv_at = e->length;
                put(e, (w ? 0x80 : 0) | (~vvvv & 15) << 3 | length << 2 | p);
            }
        } else {
            unsigned least = row->properties & ROW_VSIB ? 1 : 0;
            unsigned mask = row->properties & ROW_NO_MASK ? 0 : least + rng_below(r, 8 - least);
            bool b = rng_chance(r, 25) && row->properties & (modrm >= 0xc0 ? ROW_ER | ROW_SAE : ROW_BCST);
            bool high = mode64 && rng_chance(r, 50);
            bool zero = mask && !(row->properties & (ROW_NO_ZERO | ROW_NO_MASK)) && rng_chance(r, 40);
            bool vhigh = mode64 && (vvvv_used || row->properties & ROW_VSIB) && rng_chance(r, 50);

            length = length == 3 && !(b && modrm >= 0xc0) ? 2 : length;
            put(e, 0x62);
            put(e, (~rex & 7) << 5 | (high ? 0 : 0x10) | row->map);
            e->vvvv_at = e->length;
            put(e, (w ? 0x80 : 0) | (~vvvv & 15) << 3 | 4 | p);
            put(e, zero << 7 | length << 5 | b << 4 | (vhigh ? 0 : 8) | mask);
        }
    }
    e->opcode_at = e->length;
    put(e, opcode);
    if (row->properties & ROW_MODRM) {
        put_operand(r, row, modrm, addr_bits, e);
    }
    put_immediates(r, row, bits, opsize, rex & 8, addr_bits, e);
    return e->length <= sizeof e->bytes;
}
