/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encodings from instruction rows: the tests' way back from the table to bytes.
 *
 * Every bit that the row leaves open is chosen at random, so that each row is reached in all its forms. Also the tests'
 * random numbers: one 64-bit seed, printed, repeats a run (RHEA_TEST_SEED).
 */
#ifndef TESTS_TCG_ENCODE_H
#define TESTS_TCG_ENCODE_H

#include "target/i386/insn-gen.h"

typedef struct Rng { uint64_t state; } Rng;
uint64_t rng_next(Rng *r);
static inline unsigned rng_below(Rng *r, unsigned n) { return (rng_next(r) >> 32) % n; }
static inline bool rng_chance(Rng *r, unsigned percent) { return rng_below(r, 100) < percent; }
/** test_seed: the usual one, so that a run repeats the last; or as RHEA_TEST_SEED says. Prints it. */
uint64_t test_seed(void);

typedef struct Encoding {
    uint8_t bytes[15];
    unsigned length;
    unsigned displacement_at, displacement_bytes;       /* of a ModRM memory operand */
    unsigned immediate_at;
    unsigned opcode_at, modrm_at, vvvv_at;              /* 0 where there is no such byte; vvvv in bits 3-6, inverted */
} Encoding;

/**
 * encode_row: random bytes that the row claims, in a mode of @bits 16, 32 or 64. @reach: leave out what a harness
 * cannot follow (segment overrides of FS and GS, repeat prefixes on other than strings, operand-size prefixes of
 * branches). May yield a form that the decoder rejects for the values of its fields: then try again. False: not in this
 * mode.
 */
bool encode_row(Rng *r, unsigned row, unsigned bits, bool reach, Encoding *out);

/** hex: bytes as text; a static buffer, good for the next few calls. */
const char *hex(const uint8_t *bytes, unsigned count);
/** test_cpu_mode: sets mode_flags of a @bits mode at CPL 3 with everything enabled, and all features. */
void test_cpu_mode(CpuX86 *cpu, unsigned bits);
CpuX86 *test_cpu_new(void);

#endif
