/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder against itself, its table, random bytes and capstone.
 *
 *  - every row is reached by bytes made from the row, in every mode it exists in
 *  - any bytes decode to something in any mode, reading no byte beyond those given, and the length does not depend on
 *    how many more bytes follow
 *  - lengths agree with capstone's where both decode; `explained` lists where we know better
 *  - every family's bind function is there
 */
#include <capstone/capstone.h>

#include "target/i386/decode/table.h"
#include "tests/check.h"
#include "tests/tcg/encode.h"

static CpuX86 *cpu;
static uint64_t seed;

static void test_every_row_reached(void)
{
    static const unsigned modes[] = { 16, 32, 64 };
    Rng r = { seed };

    check_int(insn_row_count, >, 1000, "the table has rows");
    for (unsigned row = 0; row < insn_row_count; row++) {
        unsigned reached = 0, exists = 0;

        for (size_t m = 0; m < G_N_ELEMENTS(modes); m++) {
            test_cpu_mode(cpu, modes[m]);
            for (unsigned try = 0; try < 60; try++) {
                Encoding e;
                Insn insn = { 0 };

                if (!encode_row(&r, row, modes[m], false, &e)) {
                    continue;
                }
                exists++;
                unsigned length = insn_decode(cpu, &insn, e.bytes, e.length);

                if (length && insn.row == row) {
                    check_int(length, ==, e.length, "length of %s %s in %u-bit mode", insn_rows[row].name,
                              hex(e.bytes, e.length), modes[m]);
                    reached++;
                }
            }
        }
        check_int(exists, >, 0, "row %u (%s) has an encoding", row, insn_rows[row].name);
        check_int(reached, >, exists / 8, "row %u (%s, map %u opcode %02x) is reached by its own encodings", row,
                  insn_rows[row].name,
                  insn_rows[row].map, insn_rows[row].opcode);
    }
}

static void random_bytes(Rng *r, uint8_t *code)
{
    static const uint8_t lively[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x64, 0x48, 0x41, 0x4f, 0x0f, 0xc4, 0xc5,
                                      0x62, 0xd9, 0x8f };

    for (unsigned i = 0; i < 15; i++) {
        code[i] = rng_next(r);
    }
    for (unsigned i = 0; i < 4 && rng_chance(r, 50); i++) {
        code[i] = lively[rng_below(r, sizeof lively)];
    }
}

static void test_any_bytes(void)
{
    static const unsigned modes[] = { 16, 32, 64 };
    Rng r = { seed };

    for (unsigned n = 0; n < 600000; n++) {
        uint8_t code[16];
        Insn insn = { 0 }, again = { 0 };

        test_cpu_mode(cpu, modes[n % 3]);
        random_bytes(&r, code);
        unsigned length = insn_decode(cpu, &insn, code, 15);

        check_true(length >= 1 && length <= 15, "%s has a length", hex(code, 15));
        check_true(insn.fn, "%s has a function", hex(code, 15));
        check_true(insn.row < insn_row_count, "%s has a row", hex(code, 15));
        g_autofree uint8_t *exact = g_memdup2(code, length);    /* a read beyond is the sanitizer's to find */
        unsigned same = insn_decode(cpu, &again, exact, length);

        check_true(same == length || (same == 0 && insn.fn == insn_ud), "%s decodes from just its bytes",
                   hex(code, 15));
        for (unsigned avail = 1; avail < length; avail++) {
            check_int(insn_decode(cpu, &again, exact, avail), ==, 0, "%s asks for more bytes than %u",
                      hex(code, length), avail);
        }
    }
}

static void test_fifteen_bytes(void)
{
    static const struct { const char *claim; uint8_t code[15]; InsnFn *fn; } cases[] = {
        { "fifteen prefixes are #GP", { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                        0x66, 0x66 }, insn_gp0 },
        { "an immediate beyond byte 15 is #GP",
          { 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0xb8, 0, 0, 0 }, insn_gp0 },
        { "LOCK on a register destination is #UD", { 0xf0, 0x01, 0xc8 }, insn_ud },
        { "LOCK CMP is #UD", { 0xf0, 0x39, 0x08 }, insn_ud },
        { "VEX after 66 is #UD", { 0x66, 0xc5, 0xf8, 0x58, 0xc0 }, insn_ud },
        { "VEX after REX is #UD", { 0x48, 0xc5, 0xf8, 0x58, 0xc0 }, insn_ud },
        { "VEX.vvvv must be 1111 where unused", { 0xc5, 0xf0, 0x10, 0xc0 + 1 }, NULL },
        { "MOV CS, AX is #UD", { 0x8e, 0xc8 }, insn_ud },
        { "PUSH ES does not exist in 64-bit mode", { 0x06 }, insn_ud },
        { "XOP is #UD", { 0x8f, 0xe8, 0x78, 0x92, 0xc0 }, insn_ud },
        { "HLT above CPL 0 is #GP", { 0xf4 }, insn_gp0 },
    };

    test_cpu_mode(cpu, 64);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Insn insn = { 0 };

        insn_decode(cpu, &insn, cases[i].code, 15);
        if (cases[i].fn) {
            check_true(insn.fn == cases[i].fn, "%s", cases[i].claim);
        }
    }
    test_cpu_mode(cpu, 32);
    cpu->mode_flags |= MODE_TS;
    static const struct { const char *claim; uint8_t code[4]; InsnFn *fn; } ts[] = {
        { "x87 under CR0.TS is #NM", { 0xd9, 0xe8 }, insn_nm },
        { "SSE under CR0.TS is #NM", { 0x0f, 0x58, 0xc1 }, insn_nm },
        { "AVX under CR0.TS is #NM", { 0xc5, 0xf8, 0x58, 0xc1 }, insn_nm },
        { "MMX under CR0.TS is #NM", { 0x0f, 0xfc, 0xc1 }, insn_nm },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(ts); i++) {
        Insn insn = { 0 };

        insn_decode(cpu, &insn, ts[i].code, 4);
        check_true(insn.fn == ts[i].fn, "%s", ts[i].claim);
    }
}

/*
 * Where lengths differ and we are right, by what the bytes are: capstone 4 and 5 know some encodings differently.
 * Returns the reason or NULL.
 */
static const char *explained(const Insn *insn, const cs_insn *theirs, unsigned bits)
{
    const InsnRow *row = insn_row(insn);

    if (insn->fn == insn_ud || insn->fn == insn_gp0) {
        return "we reject it";
    }
    if (theirs->id == X86_INS_INVALID) {
        return "they skip it";
    }
    if (row->properties & ROW_BRANCH && insn->prefixes & INSN_OPSIZE) {
        return "66 on a near branch in 64-bit mode: ignored as Intel does, or honoured as AMD does";
    }
    if (row->properties & ROW_BRANCH && insn->addr_size == 4 && insn->prefixes & INSN_REX && bits == 64) {
        return "capstone misreads the immediate of a branch with 67 and REX";
    }
    if (insn->prefixes & INSN_OPSIZE && insn->prefixes & (INSN_REP | INSN_REPNE) && row->imm_kind[0]) {
        return "capstone lets F2 or F3 take back the operand size of an immediate";
    }
    if (row->op == OP_FWAIT || theirs->id == X86_INS_WAIT) {
        return "WAIT is an instruction of its own, which capstone joins with the next";
    }
    if (insn->prefixes & INSN_EVEX && insn->addr_size == 4 && bits == 64 && insn_has_mem(insn)) {
        return "capstone takes R12D and R13D as a base after EVEX for other than they are";
    }
    if (insn->evex & 0x10 && !insn_has_mem(insn) && theirs->size == insn->length + 1) {
        return "capstone counts the rounding mode as a byte";
    }
    if (row->feature == FEATURE_SSE4A && row->opcode == 0x78) {
        return "capstone takes EXTRQ and INSERTQ for VMREAD";
    }
    return NULL;
}

static void test_capstone_agrees(void)
{
    static const struct { unsigned bits; cs_mode mode; } modes[] = { { 16, CS_MODE_16 }, { 32, CS_MODE_32 },
                                                                     { 64, CS_MODE_64 } };
    Rng r = { seed };

    for (size_t m = 0; m < G_N_ELEMENTS(modes); m++) {
        csh handle;
        unsigned compared = 0, differ = 0;

        check_int(cs_open(CS_ARCH_X86, modes[m].mode, &handle), ==, CS_ERR_OK, "capstone opens");
        cs_insn *theirs = cs_malloc(handle);

        test_cpu_mode(cpu, modes[m].bits);
        for (unsigned n = 0; n < 150000; n++) {
            Encoding e;
            uint8_t code[15];
            Insn insn = { 0 };

            if (n & 1) {
                random_bytes(&r, code);
            } else {
                random_bytes(&r, code);
                if (!encode_row(&r, rng_below(&r, insn_row_count), modes[m].bits, false, &e)) {
                    continue;
                }
                memcpy(code, e.bytes, e.length);
            }
            const uint8_t *at = code;
            size_t left = sizeof code;
            uint64_t address = 0x1000;
            unsigned length = insn_decode(cpu, &insn, code, sizeof code);

            if (insn.fn == insn_ud || insn.fn == insn_gp0 || !cs_disasm_iter(handle, &at, &left, &address, theirs)) {
                continue;
            }
            compared++;
            if (theirs->size != length && !explained(&insn, theirs, modes[m].bits)) {
                if (differ++ < 20) {
                    g_test_message("%u-bit %s: %s is %u bytes, capstone: %s %s, %u bytes", modes[m].bits, hex(code, 15),
                                   insn_row(&insn)->name, length, theirs->mnemonic, theirs->op_str, theirs->size);
                }
            }
        }
        cs_free(theirs, 1);
        cs_close(&handle);
        check_int(compared, >, 20000, "enough instructions were compared in %u-bit mode", modes[m].bits);
        check_int(differ, ==, 0, "lengths in %u-bit mode agree with capstone's", modes[m].bits);
    }
}

static void test_binds_present(void)
{
    unsigned missing = 0;

    for (unsigned i = 0; i < insn_row_count; i++) {
        if (!insn_rows[i].bind) {
            g_test_message("no family for %s", insn_rows[i].name);
            missing++;
        }
    }
    check_int(missing, ==, 0, "every row's family is linked");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    cpu = test_cpu_new();
    seed = test_seed();
    g_test_add_func("/decode/every-row-reached", test_every_row_reached);
    g_test_add_func("/decode/any-bytes", test_any_bytes);
    g_test_add_func("/decode/rules", test_fifteen_bytes);
    g_test_add_func("/decode/capstone-agrees", test_capstone_agrees);
    g_test_add_func("/decode/binds-present", test_binds_present);
    return g_test_run();
}
