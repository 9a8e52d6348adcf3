/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole guests of random bytes: whatever they do, the emulator lives; and if one ends by itself, it ended in the same
 * state with each engine.
 *
 *   guest_make(seed): an image of memory (code, tables, descriptors), registers -> run() by each engine -> compare
 *
 * A guest starts in a random mode, in code made of table rows, system instructions and noise, among descriptor and page
 * tables that are broken here and there: entries that point at devices, at nowhere, at themselves. Guests are run by
 * the batch in a child process, so that a crash or a hang is told with the seed of its guest.
 *
 * RHEA_TEST_SEED=n|time, RHEA_TEST_COUNT=guests; one guest again: RHEA_FUZZ_GUEST=its seed, which prints its code; with
 * RHEA_FUZZ_LOG=1 also each block (and then the translator does nothing).
 */
#include <capstone/capstone.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/thread.h"
#include "core/vm.h"
#include "target/i386/system/cpu_models.h"
#include "target/i386/system/msr.h"
#include "target/i386/translate/translate.h"
#include "tests/check.h"
#include "tests/tcg/bare.h"
#include "tests/tcg/encode.h"

enum { COUNT = 400, BATCH = 100, GIVE_UP_MS = 15, HANG_S = 120, PATIENCE_MS = 20000 };
enum {
    MEMORY = 4 << 20,
    DEVICE = MEMORY,
    ROM = 0xf0000,
    ROM_BYTES = 0x10000,
    CODE_BYTES = 0x400,
    VMCB = 0x50000,
    PLACES = 4096
};
#define LAST_PLACE 0x7000 /* code and data lie below, in what all modes reach */

typedef enum Ending { ENDING_NONE, ENDING_HALT, ENDING_SHUTDOWN } Ending;
typedef struct Outcome {
    Ending ending;
    uint64_t regs[16], rip, rflags, cr0, cr2, cr3, cr4, efer, dr[8];
    SegmentCache seg[SEG_COUNT], ldtr, tr;
    uint32_t events;
    CpuEvent event[CPU_EVENTS];
    uint16_t fcw, fsw;
    uint8_t ftw, st[8][10];
    uint32_t mxcsr;
    uint8_t zmm[32][64];
    uint64_t k[8];
    uint64_t device; /* what was written there, and how it was read */
    uint8_t memory[MEMORY];
} Outcome;

static CpuX86 *cpu;
static Rng rng;
static BareMode mode;
static uint8_t *images[BARE_MODES], *image;
static CpuX86 start; /* the registers that a guest starts from */
static uint64_t device_sum;
static Outcome first, other;
static struct {
    uint64_t seed, ended, compared;
} * shared; /* with the parent */

/* The machine: RAM, a ROM, a device, and nothing beyond. */

static uint64_t device_read(void *opaque, uint64_t offset, unsigned size)
{
    device_sum = device_sum * 31 + offset * 8 + size;
    return offset * 0x9e3779b97f4a7c15ull;
}
static void device_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    device_sum = (device_sum ^ value) * 31 + offset * 8 + size;
}
static const MemoryOps device_ops = {.read = device_read, .write = device_write, .impl = {1, 8}};

static void machine_start(void)
{
    static MemoryRegion device, rom;
    g_autoptr(GError) err = NULL;

    bare_start(1);
    cpu = bare.cpu[0];
    cpu->features[FEATURE_RDRAND / 32] &= ~(1u << FEATURE_RDRAND % 32); /* no two runs would be the same */
    cpu->features[FEATURE_RDSEED / 32] &= ~(1u << FEATURE_RDSEED % 32);
    for (unsigned i = 0; i < BARE_MODES; i++) {
        bare_reset(cpu, i);
        images[i] = g_memdup2(bare.ram, MEMORY);
    }
    image = g_malloc(MEMORY);
    BQL_GUARD();
    memory_region_init_io(&device, NULL, &device_ops, NULL, "fuzz.device", BARE_RAM_BYTES - MEMORY);
    memory_region_add_overlap(system_memory(), DEVICE, &device, 1);
    check_true(memory_region_init_rom(&rom, NULL, "fuzz.rom", ROM_BYTES, &err), "a ROM");
    uint8_t *bytes = memory_region_ram_ptr(&rom);
    for (unsigned i = 0; i < ROM_BYTES; i++) {
        bytes[i] = i * 37 >> 3;
    }
    memory_region_add_overlap(system_memory(), ROM, &rom, 1);
}

/* Random guests */

static uint64_t value(void)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     0x7f,
                                     0x80,
                                     0xffff,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     0x100000000,
                                     0x7fffffffffff,
                                     0x800000000000,
                                     0xffff800000000000,
                                     INT64_MAX,
                                     UINT64_MAX - 7,
                                     0xfffff000};

    switch (rng_below(&rng, 6)) {
    case 0:
        return edges[rng_below(&rng, G_N_ELEMENTS(edges))];
    case 1:
        return rng_next(&rng);
    case 2:
        return BARE_CODE + rng_below(&rng, CODE_BYTES);
    case 3:
        return DEVICE - 16 + rng_below(&rng, 64);
    default:
        return rng_below(&rng, BARE_STACK);
    }
}

static unsigned code_bits(void)
{
    return mode == BARE_LONG || mode == BARE_LONG5 ? 64 : mode == BARE_REAL || mode == BARE_PROT16 ? 16 : 32;
}

/* What kernels and firmware run; registers are what they are. */
static const char *const system_code[] = {
    "\x0f\x20\xc0",
    "\x0f\x22\xc0",
    "\x0f\x22\xd8",
    "\x0f\x22\xe0",
    "\x0f\x20\xd8",
    "\x0f\x22\xd0",
    "\x44\x0f\x22\xc0",
    "\x0f\x01\x16\x70\x10",
    "\x0f\x01\x1e\x70\x10",
    "\x0f\x01\x17",
    "\x0f\x01\x1f",
    "\x0f\x01\x06",
    "\x0f\x01\x0f",
    "\x0f\x01\xe0",
    "\x0f\x01\xf0",
    "\x0f\x00\xd8",
    "\x0f\x00\xd0",
    "\x0f\x00\xc8",
    "\x0f\x06",
    "\x0f\x08",
    "\x0f\x09",
    "\x0f\x01\x38",
    "\x0f\x30",
    "\x0f\x32",
    "\x0f\x05",
    "\x0f\x07",
    "\x48\x0f\x07",
    "\x0f\x34",
    "\x0f\x35",
    "\x0f\x01\xf8",
    "\x0f\xaa",
    "\x0f\x01\xd0",
    "\x0f\x01\xd1",
    "\x0f\x01\xd8",
    "\x0f\x01\xd9",
    "\x0f\x01\xda",
    "\x0f\x01\xdb",
    "\x0f\x01\xdc",
    "\x0f\x01\xdd",
    "\x0f\x01\xdf",
    "\x0f\x01\xca",
    "\x0f\x01\xcb",
    "\x0f\x01\xee",
    "\x0f\x01\xef",
    "\x66\x0f\x38\x82\x0f",
    "\x0f\x23\xc0",
    "\x0f\x23\xf8",
    "\x0f\x21\xf0",
    "\x8e\xd8",
    "\x8e\xd0",
    "\x8e\xc0",
    "\x8e\xe0",
    "\x1f",
    "\x17",
    "\x07",
    "\x0f\xa9",
    "\xcf",
    "\x48\xcf",
    "\xcb",
    "\xca\x08",
    "\xcd\x80",
    "\xcd\x0d",
    "\xcc",
    "\xf1",
    "\xce",
    "\xfa",
    "\xfb",
    "\x9c",
    "\x9d",
    "\xff\x2f",
    "\xff\x1f",
    "\xff\xe0",
    "\xff\xd0",
    "\xc3",
    "\xe4\x80",
    "\xe7\x80",
    "\xec",
    "\xef",
    "\x6c",
    "\xf3\x6d",
    "\xf3\x6e",
    "\xf3\xa4",
    "\xf3\xab",
    "\xf2\xae",
    "\x0f\xae\x07",
    "\x0f\xae\x0f",
    "\x0f\xae\x27",
    "\x0f\xae\x2f",
    "\xdd\x37",
    "\xdd\x27",
    "\xd9\x37",
    "\xd9\x27",
    "\xc8\x10",
    "\x0f\x0b",
    "\xf4",
    "\x0f\xc7\x0f",
    "\xf0\x0f\xc7\x0f",
    "\xc4\x07",
    "\xc5\x07",
    "\x62\x07",
    "\x63\xc1",
    "\x0f\x02\xc1",
    "\x0f\x03\xc1",
    "\x0f\x00\xe0",
    "\x0f\x00\xe8",
    "\xd7",
    "\x98",
    "\x0f\xa2",
    "\x0f\xae\xf8",
    "\x0f\xae\xf0",
    "\xf3\x90",
};

static unsigned put_text(uint8_t *to, const char *text)
{
    unsigned n = MAX(1, strlen(text));

    memcpy(to, text, n);
    return n;
}

static unsigned put_load(uint8_t *to) /* MOV reg, value: what the next one works on */
{
    unsigned reg = rng_below(&rng, 8), n = 0, bytes = code_bits() == 16 ? 2 : 4;
    uint64_t v = value();

    if (code_bits() == 64 && rng_chance(&rng, 40)) {
        to[n++] = 0x48;
        bytes = 8;
    }
    to[n++] = 0xb8 + reg;
    memcpy(to + n, &v, bytes);
    return n + bytes;
}

static unsigned put_branch(uint8_t *to)
{
    static const uint8_t opcodes[] = {0xeb, 0xe2, 0xe3, 0xe0, 0x70, 0x74, 0x75, 0x7c};

    if (rng_chance(&rng, 20)) {
        uint32_t to_where = (int)rng_below(&rng, 128) - 64;
        to[0] = rng_chance(&rng, 50) ? 0xe8 : 0xe9;
        memcpy(to + 1, &to_where, 4);
        return code_bits() == 16 ? 3 : 5;
    }
    to[0] = opcodes[rng_below(&rng, G_N_ELEMENTS(opcodes))];
    to[1] = rng_below(&rng, 48) - 12;
    return 2;
}

/* MOV byte [code], value */
static unsigned put_code_store(uint8_t *to)
{
    unsigned n = 0, wide = code_bits() == 16 ? 2 : 4;
    uint32_t at = BARE_CODE + rng_below(&rng, CODE_BYTES);

    to[n++] = 0xc6;
    to[n++] = code_bits() == 16 ? 0x06 : code_bits() == 64 ? 0x04 : 0x05;
    if (code_bits() == 64) {
        to[n++] = 0x25;
    }
    memcpy(to + n, &at, wide);
    n += wide;
    to[n++] = rng_next(&rng) >> 56;
    return n;
}

static unsigned put_insn(uint8_t *to)
{
    unsigned kind = rng_below(&rng, 100);
    Encoding e;

    if (kind < 45) {
        for (unsigned tries = 0; tries < 50; tries++) {
            unsigned row = rng_below(&rng, insn_row_count);
            if ((!insn_rows[row].flags_undefined || rng_chance(&rng, 3)) &&
                encode_row(&rng, row, code_bits(), rng_chance(&rng, 70), &e)) {
                memcpy(to, e.bytes, e.length);
                return e.length;
            }
        }
    }
    if (kind < 65) {
        return put_text(to, system_code[rng_below(&rng, G_N_ELEMENTS(system_code))]);
    }
    if (kind < 80) {
        return put_load(to);
    }
    if (kind < 92) {
        return put_branch(to);
    }
    if (kind < 96) {
        return put_code_store(to);
    }
    for (unsigned i = 0; i < 4; i++) {
        to[i] = rng_next(&rng) >> 33;
    }
    return 1 + rng_below(&rng, 4);
}

static void make_code(uint64_t at, unsigned bytes)
{
    unsigned n = 0;

    while (n + 16 < bytes) {
        n += put_insn(image + at + n);
    }
    memset(image + at + n, 0xf4, bytes - n);
}

static uint64_t random_entry(void)
{
    static const uint64_t frames[] = {0,          BARE_TABLES, BARE_TABLES + 0x1000,  BARE_TABLES + 0x2000,
                                      DEVICE,     ROM,         BARE_CODE & ~0xfffull, 1ull << 30,
                                      0xfee00000, 0x3ff000,    0xfffffff000};
    uint64_t entry = frames[rng_below(&rng, G_N_ELEMENTS(frames))];

    if (rng_chance(&rng, 20)) {
        return rng_next(&rng);
    }
    if (rng_chance(&rng, 30)) {
        entry = (uint64_t)rng_below(&rng, MEMORY >> 12) << 12;
    }
    entry |= rng_chance(&rng, 90) | rng_below(&rng, 4) << 1 | rng_below(&rng, 128) << 5;
    entry |= rng_chance(&rng, 70) ? 6 : 0;
    entry &= rng_chance(&rng, 70) ? ~0x80ull : ~0ull;
    return entry | (rng_chance(&rng, 15) ? 1ull << 63 : 0) |
           (rng_chance(&rng, 3) ? 1ull << (40 + rng_below(&rng, 23)) : 0);
}

static void break_tables(void)
{
    unsigned entries = mode == BARE_PAGED32 ? 4 : 8;

    for (unsigned n = rng_below(&rng, 12); n; n--) {
        uint64_t entry = random_entry();
        /* Near what is used: the first tables, and the last, whose first entries map the lowest pages. */
        uint64_t at = BARE_TABLES + (rng_below(&rng, 6) << 12) +
                      (rng_chance(&rng, 80) ? rng_below(&rng, 24) : rng_below(&rng, 512)) * 8;
        memcpy(image + at, &entry, entries);
    }
    for (unsigned n = rng_chance(&rng, 60) ? 0 : rng_below(&rng, 16); n; n--) {
        static const uint16_t tables[] = {BARE_GDT, BARE_IDT, BARE_TSS, BARE_GDT + 0x70, BARE_TSS + 0x60};
        unsigned at = tables[rng_below(&rng, G_N_ELEMENTS(tables))] + rng_below(&rng, 0x100);
        image[at] = rng_chance(&rng, 50) ? rng_next(&rng) >> 40 : image[at] ^ 1 << rng_below(&rng, 8);
    }
}

/* A VMCB with which VMRUN may do something. */
static void make_vmcb(void)
{
    uint8_t *v = image + VMCB;

    for (unsigned i = 0; i < SVM_INTERCEPT_WORDS * 4; i++) {
        v[i] = rng_chance(&rng, 50) ? rng_next(&rng) >> 50 : 0;
    }
    v[SVM_EXIT_VMRUN / 8] |= 1;
    vmcb_put(v, VMCB_ASID, 4, 1 + rng_below(&rng, 3));
    vmcb_put(v, VMCB_TLB_CONTROL, 1, rng_below(&rng, 4));
    vmcb_put(v, VMCB_IOPM_BASE_PA, 8, 0x60000);
    vmcb_put(v, VMCB_MSRPM_BASE_PA, 8, 0x64000);
    vmcb_put(v, VMCB_INT_CTL, 8, rng_chance(&rng, 50) ? rng_next(&rng) : 0);
    vmcb_put(v, VMCB_INT_STATE, 8, rng_below(&rng, 2));
    vmcb_put(v, VMCB_NP_ENABLE, 8, rng_below(&rng, 2));
    vmcb_put(v, VMCB_N_CR3, 8, BARE_TABLES);
    if (rng_chance(&rng, 30)) {
        vmcb_put(v, VMCB_EVENTINJ, 8,
                 EVENT_VALID | rng_below(&rng, 5) << EVENT_TYPE_SHIFT | rng_below(&rng, 32) | rng_below(&rng, 2) << 11);
    }
    svm_state_store(cpu, v + VMCB_SAVE, STATE_SWITCH | STATE_VMLOAD);
    vmcb_put(v + VMCB_SAVE, SAVED_EFER, 8, cpu->msr.efer | EFER_SVME);
    vmcb_put(v + VMCB_SAVE, SAVED_G_PAT, 8, 0x0007040600070406);
    vmcb_put(v + VMCB_SAVE, SAVED_RIP, 8, BARE_CODE + rng_below(&rng, CODE_BYTES));
    for (unsigned n = rng_below(&rng, 8); n; n--) {
        v[rng_chance(&rng, 50) ? rng_below(&rng, VMCB_CONTROL_BYTES) : VMCB_SAVE + rng_below(&rng, SAVED_BYTES)] ^=
            1 << rng_below(&rng, 8);
    }
}

/* Everything of @c but what belongs to the machine. */
static void copy_registers(CpuX86 *to, const CpuX86 *from)
{
    memcpy(to->regs, from->regs, sizeof to->regs);
    memcpy(to->dr, from->dr, sizeof to->dr);
    memcpy(to->seg, from->seg, sizeof to->seg);
    to->mode_flags = from->mode_flags;
    to->rip = from->rip;
    to->rflags = from->rflags;
    to->cr0 = from->cr0;
    to->cr3 = from->cr3;
    to->cr4 = from->cr4;
    to->xcr0 = from->xcr0;
    to->msr = from->msr;
    to->fpu = from->fpu;
    to->svm.vm_cr = from->svm.vm_cr;
}

/* Most exceptions go on somewhere in the code; the others halt. */
static void make_handlers(void)
{
    unsigned bytes = mode == BARE_REAL ? 4 : mode == BARE_LONG || mode == BARE_LONG5 ? 16 : 8;

    for (unsigned i = 0; i < 256; i++) {
        if (rng_chance(&rng, 80)) {
            uint16_t to = BARE_CODE + rng_below(&rng, CODE_BYTES);
            memcpy(image + (mode == BARE_REAL ? 0 : BARE_IDT) + i * bytes, &to, 2);
        }
    }
}

static void guest_make(uint64_t seed)
{
    rng = (Rng){seed};
    mode = rng_below(&rng, BARE_MODES);
    bare.mode = mode;
    memcpy(image, images[mode], MEMORY);
    bare_code(0, image, MEMORY);
    bare_enter(cpu);
    cpu->msr.lstar = cpu->msr.cstar = cpu->msr.sysenter_eip = BARE_CODE + rng_below(&rng, CODE_BYTES);
    cpu->msr.star = (uint64_t)BARE_CODE64 << 32 | (uint64_t)BARE_USER_DATA << 48;
    cpu->msr.sysenter_cs = BARE_CODE32;
    cpu->msr.sysenter_esp = BARE_STACK;
    if (mode == BARE_LONG && rng_chance(&rng, 20)) { /* code of 32 bits in long mode */
        cpu->seg[R_CS].attr = (cpu->seg[R_CS].attr & ~SEG_L) | SEG_DB;
    }
    if (rng_chance(&rng, 30) && mode != BARE_REAL) {
        bare_user(cpu, rng_below(&rng, 4));
    }
    cpu->msr.efer |= rng_chance(&rng, 50) ? EFER_SVME : 0;
    for (unsigned i = 0; i < 16; i++) {
        cpu->regs[i] = code_bits() == 64 || i < 8 ? value() : 0;
    }
    cpu->regs[R_RSP] = rng_chance(&rng, 80) ? BARE_STACK : value();
    cpu->regs[R_RAX] = rng_chance(&rng, 25) ? VMCB : cpu->regs[R_RAX];
    cpu->regs[R_RCX] = rng_chance(&rng, 25) ? MSR_EFER + rng_below(&rng, 5) : cpu->regs[R_RCX];
    if (code_bits() != 64) {
        for (unsigned i = 0; i < 8; i++) {
            cpu->regs[i] = (uint32_t)cpu->regs[i];
        }
    }
    cpu->cr0 ^= rng_chance(&rng, 30) ? CR0_WP : 0;
    cpu->cr0 |= rng_chance(&rng, 10) ? CR0_TS : 0;
    cpu->cr0 |= rng_chance(&rng, 10) ? CR0_EM : 0;
    cpu->cr0 |= rng_chance(&rng, 20) ? CR0_AM : 0;
    cpu->cr4 |= rng_next(&rng) & rng_next(&rng) &
                (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_FSGSBASE | CR4_UMIP | CR4_SMEP | CR4_SMAP);
    cpu->cr4 |= rng_chance(&rng, 60) ? CR4_OSXSAVE : 0;
    cpu->xcr0 = rng_chance(&rng, 50) && x86_cpu_xcr0_valid(cpu, 0xe7) ? 0xe7 : 7;
    for (unsigned i = 0; i < 4; i++) {
        cpu->dr[i] = value();
    }
    cpu->dr[7] |= rng_chance(&rng, 10) ? rng_next(&rng) & 0xffff00ff : 0;
    cpu_update_mode(cpu);
    cpu_set_rflags(cpu, RFLAGS_FIXED1 | (rng_next(&rng) & (RFLAGS_ARITH | RFLAGS_DF | RFLAGS_IF | RFLAGS_AC)) |
                            (cpu->rflags & RFLAGS_IOPL) | (rng_chance(&rng, 8) ? RFLAGS_TF : 0));
    for (unsigned i = 0; i < 64; i++) {
        ((uint64_t *)cpu->fpu.zmm)[i] = value();
    }
    cpu->fpu.mxcsr = rng_chance(&rng, 15) ? rng_next(&rng) & 0xffff : 0x1f80;

    for (unsigned i = 0; i < PLACES; i++) {
        image[BARE_STACK + (int)rng_below(&rng, 0x1000) - 0x800] = rng_next(&rng) >> 33;
    }
    make_handlers();
    break_tables();
    make_code(BARE_CODE, CODE_BYTES);
    make_vmcb();
    copy_registers(&start, cpu);
}

/* Running */

static bool running;

/* Ends a guest that does not end by itself. */
static void *watchdog(void *arg)
{
    for (unsigned ms = 0;; ms++) {
        g_usleep(1000);
        if (!__atomic_load_n(&running, __ATOMIC_SEQ_CST)) {
            ms = 0;
        } else if (ms >= (unsigned)GPOINTER_TO_INT(__atomic_load_n((void **)arg, __ATOMIC_SEQ_CST))) {
            __atomic_store_n(&bare.stop, true, __ATOMIC_SEQ_CST);
            __atomic_store_n(&cpu->cpu.exit_request, 1, __ATOMIC_SEQ_CST);
            translator_kick(&cpu->cpu);
        }
    }
    return NULL;
}
static void *limit_ms;

static void run(Outcome *o, unsigned ms)
{
    bare_code(0, image, MEMORY);
    bare_enter(cpu);
    copy_registers(cpu, &start);
    cpu->event_count = 0;
    cpu_update_mode(cpu);
    cpu_set_rflags(cpu, start.rflags);
    cpu_tlb_flush_worlds(cpu);
    if (cpu->cr0 & CR0_PG && cpu->cr4 & CR4_PAE && !(cpu->msr.efer & EFER_LMA)) {
        cpu_load_pdptes(cpu, cpu->cr3);
    }
    device_sum = 0;
    __atomic_store_n(&bare.stop, false, __ATOMIC_SEQ_CST);
    __atomic_store_n(&limit_ms, GINT_TO_POINTER(ms), __ATOMIC_SEQ_CST);
    __atomic_store_n(&running, true, __ATOMIC_SEQ_CST);
    int vector = bare_run(cpu);
    __atomic_store_n(&running, false, __ATOMIC_SEQ_CST);
    o->ending = cpu->in_shutdown ? ENDING_SHUTDOWN : vector == -2 ? ENDING_NONE : ENDING_HALT;
    vm_take_requests();
    memcpy(o->regs, cpu->regs, sizeof o->regs);
    memcpy(o->dr, cpu->dr, sizeof o->dr);
    memcpy(o->seg, cpu->seg, sizeof o->seg);
    o->ldtr = cpu->ldtr;
    o->tr = cpu->tr;
    o->rip = cpu->rip;
    o->rflags = cpu_get_rflags(cpu);
    o->cr0 = cpu->cr0;
    o->cr2 = cpu->cr2;
    o->cr3 = cpu->cr3;
    o->cr4 = cpu->cr4;
    o->efer = cpu->msr.efer;
    o->events = cpu->event_count;
    memcpy(o->event, cpu->events, sizeof o->event);
    o->fcw = cpu->fpu.fx.fcw;
    o->fsw = cpu->fpu.fx.fsw;
    o->ftw = cpu->fpu.fx.ftw_abridged;
    for (unsigned i = 0; i < 8; i++) {
        memcpy(o->st[i], cpu->fpu.fx.st[i], 10);
    }
    o->mxcsr = cpu->fpu.mxcsr;
    memset(o->zmm, 0, sizeof o->zmm); /* what XCR0 hides may be anything */
    for (unsigned i = 0; i < 32; i++) {
        bool wide = cpu->xcr0 & 0xe0;
        memcpy(o->zmm[i], cpu->fpu.zmm[i], wide ? 64 : i < 16 ? 32 : 0);
    }
    memcpy(o->k, cpu->fpu.k, sizeof o->k);
    o->device = device_sum;
    memcpy(o->memory, bare.ram, MEMORY);
}

/* Comparing */

/* Instructions whose results need not be the same twice, or from two engines. */
static bool is_vague(const Insn *insn)
{
    const InsnRow *row = insn_row(insn);

    switch (row->op) {
    case OP_RDTSC:
    case OP_RDTSCP:
    case OP_RDMSR:
        return true;
    default:
        return row->flags_undefined;
    }
}

/* Did the guest run such, since the run by single instructions began at @epoch? All that ran are blocks of one. */
static bool ran_vague(uint64_t epoch)
{
    enum { HASH_ENTRIES = 65536 };

    for (unsigned i = 0; i < HASH_ENTRIES; i++) {
        for (const Block *b = cpu->exec->blocks[i]; b; b = b->next) {
            if (b->epoch >= epoch && is_vague(&b->insns[0])) {
                return true;
            }
        }
    }
    return false;
}

static char *compare(const Outcome *a, const Outcome *b)
{
#define FIELD(name)                                                                                                    \
    {                                                                                                                  \
#name, offsetof(Outcome, name), sizeof a->name                                                                 \
    }
    static const struct {
        const char *name;
        size_t at, bytes;
    } fields[] = {FIELD(ending), FIELD(rip),    FIELD(regs), FIELD(rflags), FIELD(cr0),   FIELD(cr2),
                  FIELD(cr3),    FIELD(cr4),    FIELD(efer), FIELD(dr),     FIELD(seg),   FIELD(ldtr),
                  FIELD(tr),     FIELD(events), FIELD(fcw),  FIELD(fsw),    FIELD(ftw),   FIELD(st),
                  FIELD(mxcsr),  FIELD(zmm),    FIELD(k),    FIELD(device), FIELD(memory)};

    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        const uint8_t *x = (const uint8_t *)a + fields[i].at, *y = (const uint8_t *)b + fields[i].at;
        for (size_t n = 0; n < fields[i].bytes; n++) {
            if (x[n] != y[n]) {
                n &= ~(size_t)7;
                return g_strdup_printf("%s at byte 0x%zx: %s and %s", fields[i].name, n,
                                       hex(x + n, MIN(8, fields[i].bytes - n)),
                                       hex(y + n, MIN(8, fields[i].bytes - n)));
            }
        }
    }
    return NULL;
}

static const struct {
    const char *name;
    bool jit, single;
} engines[] = {
    {"interpreter, single instructions", false, true}, {"interpreter", false, false}, {"translator", true, false}};

static void print_guest(void)
{
    cs_insn *d;
    csh handle;

    fprintf(stdout, "# mode %s, CPL %d, rsp 0x%" PRIx64 "\n", bare_mode_names[mode], cpu_cpl(&start),
            start.regs[R_RSP]);
    if (cs_open(CS_ARCH_X86,
                code_bits() == 64   ? CS_MODE_64
                : code_bits() == 32 ? CS_MODE_32
                                    : CS_MODE_16,
                &handle) != CS_ERR_OK) {
        return;
    }
    cs_option(handle, CS_OPT_SKIPDATA, CS_OPT_ON);
    size_t count = cs_disasm(handle, image + BARE_CODE, CODE_BYTES, BARE_CODE, 0, &d);
    for (size_t i = 0; i < count; i++) {
        fprintf(stdout, "# %5" PRIx64 "  %s %s\n", d[i].address, d[i].mnemonic, d[i].op_str);
    }
}

static void print_events(const Outcome *o, const char *who)
{
    fprintf(stdout, "# %s: %u events, rip 0x%" PRIx64 "\n", who, o->events, o->rip);
    for (unsigned i = o->events > CPU_EVENTS ? o->events - CPU_EVENTS : 0; i < o->events; i++) {
        const CpuEvent *e = &o->event[i % CPU_EVENTS];
        fprintf(stdout, "#   vector %u error 0x%x at %04x:%" PRIx64 " cr2 0x%" PRIx64 "\n", e->vector, e->error_code,
                e->cs, e->rip, e->cr2);
    }
}

/* Returns false if two engines differ. */
static bool one_guest(uint64_t seed, bool talk)
{
    bool same = true;

    shared->seed = seed;
    bare_jit(cpu, false);
    cpu->exec->one_insn = false;
    guest_make(seed);
    if (talk) {
        print_guest();
        fflush(stdout);
    }
    uint64_t epoch = cpu->exec->epoch;
    for (size_t i = 0; i < G_N_ELEMENTS(engines); i++) {
        Outcome *o = i ? &other : &first;
        if (!bare_jit(cpu, engines[i].jit)) {
            continue;
        }
        cpu->exec->one_insn = engines[i].single;
        run(o, i && first.ending ? PATIENCE_MS : GIVE_UP_MS);
        if (talk) {
            print_events(o, engines[i].name);
        }
        if (i == 0) {
            shared->ended += o->ending != ENDING_NONE;
            first.ending = o->ending && ran_vague(epoch) ? ENDING_NONE : o->ending;
            shared->compared += first.ending != ENDING_NONE;
        } else if (first.ending) {
            g_autofree char *difference = compare(&first, o);
            if (difference) {
                fprintf(stdout, "# guest 0x%" PRIx64 " (%s): %s differs from %s: %s\n", seed, bare_mode_names[mode],
                        engines[i].name, engines[0].name, difference);
                same = false;
            }
        }
    }
    return same;
}

static void start_here(void)
{
    machine_start();
    stderr = fopen("/dev/null", "w"); /* reports of guest deaths; a sanitizer's go to the descriptor itself */
    thread_start("watchdog", watchdog, &limit_ms);
}

static void fuzz(void)
{
    const char *again = g_getenv("RHEA_FUZZ_GUEST"), *number = g_getenv("RHEA_TEST_COUNT");
    unsigned count = number ? g_ascii_strtoull(number, NULL, 0) : COUNT, bad = 0;
    uint64_t seed = test_seed();

    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (again) {
        start_here();
        if (g_getenv("RHEA_FUZZ_LOG")) {
            stderr = stdout;
            log_items = LOG_EXEC | LOG_CPU | LOG_INT;
        }
        check_true(one_guest(g_ascii_strtoull(again, NULL, 0), true), "all engines agree");
        return;
    }
    for (unsigned done = 0; done < count && bad < 20;) {
        fflush(stdout);
        pid_t child = fork();
        check_true(child >= 0, "a child process");
        if (!child) {
            unsigned differ = 0;
            start_here();
            for (unsigned i = done; i < MIN(done + BATCH, count); i++) {
                alarm(HANG_S);                  /* signal 14: a hang */
                differ += !one_guest(seed + i, false);
            }
            fflush(stdout);
            _exit(differ ? 1 : 0);
        }
        int status;
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) {
            bad += WEXITSTATUS(status);
            done += BATCH;
        } else {
            g_print("# guest 0x%" PRIx64 ": the emulator %s %d\n", shared->seed,
                    WIFSIGNALED(status) ? "was killed by signal" : "ended with",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            bad++;
            done = shared->seed - seed + 1;
        }
    }
    g_test_message("%u guests, %" PRIu64 " ended by themselves, %" PRIu64 " were compared", count, shared->ended,
                   shared->compared);
    check_int(bad, ==, 0, "batches with a crash, a hang or a difference");
    check_true(shared->ended > count / 10 && shared->compared > count / 20, "guests that say something");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fuzz", fuzz);
    return g_test_run();
}
