/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random blocks of instructions: the host CPU, the interpreter, the interpreter by single instructions and the
 * translator must agree on every register, flag, byte of memory and fault.
 *
 * A block that fails is shrunk (instructions dropped while it still fails) and printed. RHEA_TEST_SEED sets the seed,
 * RHEA_TEST_COUNT sets the blocks for each place, RHEA_TEST_BLOCK looks at one block alone, RHEA_TEST_PLACE at the
 * places whose names begin so.
 */
#include "target/i386/native/native.h"
#include "tests/check.h"
#include "tests/tcg/block.h"
#include "tests/tcg/native_run.h"

enum { COUNT = 2500, MAX_REPORTS = 5 };

/* A block's wild addresses are unmapped in the test's own process too, but not where AddressSanitizer has its shadow. */
#ifdef __SANITIZE_ADDRESS__
enum { HOST_GOES_ASTRAY = true };
#else
enum { HOST_GOES_ASTRAY = false };
#endif

/* Who runs a block on the bare machine. */
typedef struct Engine { const char *name; bool jit, single; } Engine;
static const Engine engines[] = {
    { "interpreter", false, false },
    { "interpreter, single instructions", false, true },
    { "translator", true, false },
};

static CpuX86 *cpu;
static uint64_t seed;
static State start, want, got;

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = g_getenv(name);

    return text ? g_ascii_strtoull(text, NULL, 0) : otherwise;
}

/* What differs, or NULL; *@who says between whom. */
static char *try_block(TestBlock *b, const char **who, bool *ended)
{
    bool native = block_places[b->mode].native && !HOST_GOES_ASTRAY, have = false;

    *ended = true;
    block_start(b, &start);
    if (native) {
        *who = "host";
        if (!block_run_native(b, &start, &want)) {
            *ended = false;
            return NULL;
        }
        have = true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(engines); i++) {
        if (!bare_jit(cpu, engines[i].jit)) {
            continue;
        }
        cpu->exec->one_insn = engines[i].single;
        block_run_guest(b, &start, have ? &got : &want);
        cpu->exec->one_insn = false;
        if ((have ? &got : &want)->vector == -2) {      /* runs on and on: there is no end to compare */
            *ended = false;
            return NULL;
        }
        if (have) {
            char *diff = block_compare(b, &want, &got, native);
            if (diff) {
                *who = engines[i].name;
                return diff;
            }
        }
        have = true;
    }
    return NULL;
}

static void drop(TestBlock *b, unsigned from, unsigned to, bool dropped)
{
    for (unsigned i = 0; i < b->count; i++) {
        if (b->items[i].group >= from && b->items[i].group < to) {
            b->items[i].dropped = dropped;
        }
    }
}

static bool still_fails(TestBlock *b)
{
    unsigned reader;
    const char *who;
    bool ended;
    g_autofree char *diff = NULL;

    if (!block_flags(b, &reader) || !block_layout(b)) {
        return false;
    }
    diff = try_block(b, &who, &ended);
    return diff != NULL;
}

/* Drops ever smaller runs of groups as long as the block fails without them. */
static void shrink(TestBlock *b)
{
    unsigned groups = 0;

    for (unsigned i = 0; i < b->count; i++) {
        groups = MAX(groups, b->items[i].group + 1u);
    }
    for (unsigned step = groups / 2; step; step /= 2) {
        for (unsigned from = 1; from < groups; from += step) {
            TestBlock *saved = g_memdup2(b, sizeof *b);

            drop(b, from, from + step, true);
            if (!still_fails(b)) {
                *b = *saved;
            }
            g_free(saved);
        }
    }
    still_fails(b);
}

static void report(TestBlock *b, uint64_t number)
{
    const char *who = "?";
    bool ended;
    g_autofree char *whole = block_disassemble(b), *text = NULL, *diff = NULL;

    shrink(b);
    text = block_disassemble(b);
    diff = try_block(b, &who, &ended);
    g_test_message("block %" PRIu64 " of seed 0x%" PRIx64 " (%s): %s differs:\n%s%s  from %s", number, seed,
                   block_places[b->mode].name, who, diff ? diff : "  (not any more)\n", text,
                   block_places[b->mode].native ? "the host" : engines[0].name);
    if (g_test_verbose()) {
        g_test_message("before shrinking:\n%s", whole);
    }
}

static void test_place(gconstpointer arg)
{
    BlockMode mode = GPOINTER_TO_UINT(arg);
    uint64_t count = from_environment("RHEA_TEST_COUNT", COUNT), only = from_environment("RHEA_TEST_BLOCK", UINT64_MAX);
    uint64_t failed = 0, endless = 0, faults = 0, ran = 0, instructions = 0;
    g_autofree TestBlock *b = g_new(TestBlock, 1);

    if (block_places[mode].native && block_places[mode].bits == 32 && !native_can_run_32()) {
        g_test_skip("the host does not run 32-bit code here");
        return;
    }
    if (!block_places[mode].native) {
        count = MAX(count / 5, 1);
    }
    for (uint64_t n = only == UINT64_MAX ? 0 : only; n < count || n == only; n++) {
        Rng r = { seed ^ (n * BLOCK_MODES + mode) * 0x9e3779b97f4a7c15 };
        const char *who;
        bool ended;

        rng_next(&r);
        block_generate(&r, mode, b);
        g_autofree char *diff = try_block(b, &who, &ended);
        ran++;
        instructions += b->count;
        endless += !ended;
        faults += want.vector != BLOCK_EXIT_VECTOR;
        if (diff && failed++ < MAX_REPORTS) {
            report(b, n);
        }
        if (n == only) {
            break;
        }
    }
    g_test_message("%s: %" PRIu64 " blocks, %.1f instructions each, %" PRIu64 " ended in a fault, %" PRIu64
                   " did not end and were left out", block_places[mode].name, ran, (double)instructions / ran, faults,
                   endless);
    check_int(failed, ==, 0, "blocks that differ");
    check_int(endless, <=, ran / 100, "blocks that do not end");
}

int main(int argc, char **argv)
{
    const char *only = g_getenv("RHEA_TEST_PLACE");

    g_test_init(&argc, &argv, NULL);
    seed = test_seed();
    bare_start(1);
    cpu = bare.cpu[0];
    native_x87_stub(0xd9, 0xd0);                /* the code cache takes SIGFPE first, so that ours is asked before it */
    if (!native_setup()) {
        return 77;
    }
    block_init(cpu);
    block_generator_init();
    for (unsigned mode = 0; mode < BLOCK_MODES; mode++) {
        g_autofree char *path = g_strdup_printf("/blocks/%s", block_places[mode].name);

        if (!only || g_str_has_prefix(block_places[mode].name, only)) {
            g_test_add_data_func(path, GUINT_TO_POINTER(mode), test_place);
        }
    }
    return g_test_run();
}
