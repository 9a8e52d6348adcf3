/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State of a vCPU as bytes: a program that goes on elsewhere after each HLT ends as one that was left alone; every member
 * is saved or known not to be the guest's; what is cut, garbled or impossible is refused or harmless.
 */
#include "target/i386/native/xstate.h"
#include "target/i386/system/system.h"
#include "tests/check.h"
#include "tests/tcg/bare.h"

#define CODE(name, text) \
    __asm__(".pushsection .rodata\n.intel_syntax noprefix\n.code64\n" \
            #name "_start:\n" text "\n" #name "_end:\n" \
            ".att_syntax\n.popsection\n"); \
    extern const uint8_t name##_start[], name##_end[];

/*
 * Between two HLTs stands what must survive: flags of every kind, x87 stack with TOP moved, XMM, DF, segment bases, MSRs,
 * control and debug registers, STI's shadow. [rbx]: rounds to go; [rbx + 8]: 1 when done.
 */
CODE(program, "next: add eax, 0x9e3779b9; hlt; adc rdx, rax; rcl rsi, 1; hlt; setc dil; ror rdi, 7; sub r8, rdx; hlt; seto r9b; "
     "cmovs r10, r8; imul r11, rdx, 77; hlt; adc r11, 0; add r9b, 9; hlt; lahf; mov r12, rax; xor al, dl; hlt; setp r13b; "
     "mov [rbx + 64], rdx; fild qword ptr [rbx + 64]; fldpi; fmulp; hlt; fsqrt; fabs; fstp qword ptr [rbx + 72]; "
     "fld1; hlt; fxch; fstp st(0); "
     "movq xmm1, rdx; hlt; pshufd xmm2, xmm1, 0x1b; paddd xmm3, xmm2; pxor xmm15, xmm3; hlt; "
     "std; lea r14, [rbx + 72]; xchg r14, rsi; hlt; lodsq; xchg r14, rsi; cld; add rax, r14; "
     "mov ecx, 0xc0000102; mov r15, rdx; cdq; wrmsr; hlt; rdmsr; shl rdx, 32; or rdx, rax; "
     "push rdx; hlt; pop rax; mov rdx, r15; xor rdx, r11; "
     "swapgs; hlt; swapgs; mov cr2, rdx; hlt; mov r9, cr2; mov dr0, r9; hlt; mov r10, dr0; xor rdx, r10; rol rdx, 5; "
     "dec qword ptr [rbx]; jnz next; fninit; mov qword ptr [rbx + 8], 1; hlt")

enum { ROUNDS = 20 };

static void begin(CpuX86 *cpu)
{
    bare_reset(cpu, BARE_LONG);
    memset(bare_at(BARE_DATA), 0, 256);
    bare_st64(BARE_DATA, ROUNDS);
    bare_code(BARE_CODE, program_start, program_end - program_start);
    cpu->regs[R_RBX] = BARE_DATA;
    cpu->regs[R_RDX] = 0x123456789abcdef;
    memset(cpu->fpu.zmm, 0, sizeof cpu->fpu.zmm);
    cpu->fpu.zmm[15][3] = 1;
}

static GByteArray *saved(CpuX86 *cpu)
{
    GByteArray *bytes = g_byte_array_new();
    device_save(&cpu->cpu.device, bytes);
    return bytes;
}

static void loaded(CpuX86 *cpu, const GByteArray *bytes)
{
    g_autoptr(GError) err = NULL;
    size_t used;

    bool ok = device_load(&cpu->cpu.device, bytes->data, bytes->len, &used, &err);
    check_true(ok, "the state loads: %s", err ? err->message : "");
    check_int(used, ==, bytes->len, "all of it");
}

/* Other code in another mode, so that nothing of before is left in TLBs, caches of code and registers. RAM stays. */
static void spoil(CpuX86 *cpu)
{
    static const uint8_t code[] = { 0xf9, 0xd9, 0xee, 0xb8, 0x55, 0x55, 0xb9, 0xaa, 0xaa, 0xfd, 0x66, 0x0f, 0xef, 0xc9 };
    enum { USED = 2 << 20 };
    g_autofree uint8_t *ram = g_memdup2(bare.ram, USED);

    cpu_x86_reset(cpu, false);
    check_int(bare_go(cpu, BARE_REAL, code, sizeof code), ==, VECTOR_NONE, "the code in between");
    bare_code(0, ram, USED);
}

typedef enum Way { ALONE, RESET_BETWEEN, OTHER_CPU, OTHER_ENGINE } Way;

/* Runs the program to its end; returns the state of the vCPU that ended it. */
static GByteArray *run_program(Way way, unsigned *halts)
{
    CpuX86 *cpu = bare.cpu[0], *other = bare.cpu[1];
    int vectors[4];

    begin(cpu);
    bool jit = bare_jit(cpu, true) && bare_jit(other, true);
    for (*halts = 1;; ++*halts) {
        if (cpu == bare.cpu[0]) {
            check_int(bare_run(cpu), ==, VECTOR_NONE, "the program runs to HLT %u", *halts);
        } else {
            __atomic_store_n(&bare.cpu[0]->cpu.halted, 1, __ATOMIC_SEQ_CST);    /* not this one meanwhile */
            bare_run_all(2, vectors);
            check_int(vectors[1], ==, VECTOR_NONE, "the program runs to HLT %u", *halts);
        }
        g_autoptr(GByteArray) state = saved(cpu);
        if (bare_ld64(BARE_DATA + 8)) {
            return g_steal_pointer(&state);
        }
        switch (way) {
        case ALONE: break;
        case RESET_BETWEEN:
            spoil(cpu);
            loaded(cpu, state);
            break;
        case OTHER_CPU: {
            CpuX86 *to = cpu == bare.cpu[0] ? other : bare.cpu[0];
            cpu_x86_reset(cpu, false);
            loaded(to, state);
            cpu = to;
            break;
        }
        case OTHER_ENGINE:
            bare_jit(cpu, jit && *halts % 2);
            loaded(cpu, state);
            break;
        }
    }
}

static void test_going_on(void)
{
    static const struct { Way way; const char *claim; } ways[] = {
        { ALONE, "the same again" }, { RESET_BETWEEN, "saved, reset and loaded at every HLT" },
        { OTHER_CPU, "going on in another vCPU at every HLT" }, { OTHER_ENGINE, "changing engines at every HLT" },
    };
    unsigned halts, halts_now;
    g_autoptr(GByteArray) wanted = run_program(ALONE, &halts);
    uint64_t result = bare_ld64(BARE_DATA + 72);

    check_int(halts, >, ROUNDS * 15, "the program halts often");
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autoptr(GByteArray) got = run_program(ways[i].way, &halts_now);
        check_int(halts_now, ==, halts, "%s: as many HLTs", ways[i].claim);
        check_int(bare_ld64(BARE_DATA + 72), ==, result, "%s: the number in memory", ways[i].claim);
        check_int(got->len, ==, wanted->len, "%s: size of the state", ways[i].claim);
        for (unsigned at = 0; at < got->len; at++) {
            check_int(got->data[at], ==, wanted->data[at], "%s: byte %u of the state at the end", ways[i].claim, at);
        }
    }
    bare_jit(bare.cpu[0], true);
}

/* Rows and members */

static uint32_t row_bytes(const StateField *f)
{
    static const uint8_t bytes[] = { [STATE_KIND_BOOL] = 1, [STATE_KIND_U8] = 1, [STATE_KIND_U16] = 2, [STATE_KIND_U32] = 4,
                                     [STATE_KIND_U64] = 8, [STATE_KIND_INT] = 4, [STATE_KIND_BYTES] = 1 };
    return bytes[f->kind] * f->count;
}

static void mark(uint8_t *seen, const StateField *rows, size_t base)
{
    for (const StateField *f = rows; f->kind != STATE_END; f++) {
        if (f->kind != STATE_KIND_STRUCT) {
            check_true(row_bytes(f), "%s: a kind that this test knows", f->name);
            memset(seen + base + f->offset, 1, row_bytes(f));
            continue;
        }
        for (unsigned i = 0; i < f->count; i++) {
            mark(seen, f->fields, base + f->offset + (size_t)i * f->stride);
        }
    }
}

#define SPAN(f) { #f, offsetof(CpuX86, f), sizeof(((CpuX86 *)0)->f) }
static const struct { const char *name; size_t offset, bytes; } not_saved[] = {
    { "the base", 0, sizeof(Cpu) },                                             /* what is the guest's has rows */
    SPAN(regs_zero), SPAN(lazy_result), SPAN(lazy_aux), SPAN(lazy_carry), SPAN(rflags),     /* rflags_saved has them */
    SPAN(mode_flags), SPAN(tlb_index), SPAN(tlb), SPAN(flat_mask), SPAN(insn), SPAN(block_end), SPAN(block_rip),
    SPAN(cr8_unused), SPAN(fpu.fx.reserved), SPAN(fpu.fx.mxcsr), SPAN(fpu.fx.mxcsr_mask), SPAN(fpu.fx.xmm_low_unused),
    SPAN(fpu.fx.pad), SPAN(fpu.xsave_header),
    SPAN(monitor_seen), SPAN(mwait_nap_us),      /* naps */
    SPAN(run_jmp), SPAN(exception_vector), SPAN(exception_error), SPAN(exception_has_error), SPAN(old_exception), SPAN(trail),
    SPAN(kvm_x86),
    { "from the memory of SMM on: configuration", offsetof(CpuX86, smm_as), sizeof(CpuX86) - offsetof(CpuX86, smm_as) },
};

/* A hole of less than 8 bytes that ends where an 8-byte member may begin is taken for padding. */
static void test_every_member(void)
{
    g_autofree uint8_t *seen = g_malloc0(sizeof(CpuX86));
    size_t last = 0;

    mark(seen, x86_cpu_state, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(not_saved); i++) {
        memset(seen + not_saved[i].offset, 1, not_saved[i].bytes);
    }
    for (size_t at = 0; at < sizeof(CpuX86); at++) {
        size_t begin = at;
        if (seen[at]) {
            last = at;
            continue;
        }
        while (at < sizeof(CpuX86) && !seen[at]) {
            at++;
        }
        bool padding = at - begin < 8 ? at % 4 == 0 : at % 64 == 0 && at - begin < 64;
        check_true(padding, "bytes %zu to %zu of CpuX86 (after byte %zu) are in a row of x86_cpu_state or in not_saved", begin,
                   at - 1, last);
        at--;
    }
}

/* Bad state */

#define WORD(f) offsetof(CpuX86, f)
static const struct { const char *claim; size_t offset; uint64_t clear, set; const char *error; } bad[] = {
    { "paging without protection", WORD(cr0), CR0_PE, CR0_PG, "CR0" }, { "NW without CD", WORD(cr0), CR0_CD, CR0_NW, "CR0" },
    { "CR0 beyond 32 bits", WORD(cr0), 0, 1ull << 32, "CR0" },
    { "long mode without PAE", WORD(cr4), CR4_PAE, 0, "CR4" }, { "VMX, which there is not", WORD(cr4), 0, CR4_VMXE, "CR4" },
    { "LMA without LME", WORD(msr.efer), EFER_LME, 0, "EFER" }, { "paging and LME without LMA", WORD(msr.efer), EFER_LMA, 0, "EFER" },
    { "an unknown bit of EFER", WORD(msr.efer), 0, 1 << 20, "EFER" },
    { "CR3 beyond the processor's addresses", WORD(cr3), 0, 1ull << 45, "CR3" },
    { "XCR0 without x87", WORD(xcr0), 1, 0, "XCR0" }, { "XCR0 of AVX without SSE", WORD(xcr0), 2, 4, "XCR0" },
    { "a reserved bit of MXCSR", WORD(fpu.mxcsr), 0, 1 << 16, "MXCSR" },
    { "an APIC beyond the processor's addresses", WORD(msr.apic_base), 0, 1ull << 50, "APIC_BASE" },
};

static void test_impossible_values(void)
{
    CpuX86 *cpu = bare.cpu[0];

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) err = NULL;
        uint64_t word;
        size_t used;

        bare_reset(cpu, BARE_LONG);
        unsigned bytes = bad[i].offset == WORD(fpu.mxcsr) ? 4 : 8;
        memcpy(&word, (uint8_t *)cpu + bad[i].offset, bytes);
        word = (word & ~bad[i].clear) | bad[i].set;
        memcpy((uint8_t *)cpu + bad[i].offset, &word, bytes);
        g_autoptr(GByteArray) state = saved(cpu);
        bare_reset(cpu, BARE_LONG);
        check_true(!device_load(&cpu->cpu.device, state->data, state->len, &used, &err), "%s is refused", bad[i].claim);
        check_true(strstr(err->message, bad[i].error), "%s: %s names %s", bad[i].claim, err->message, bad[i].error);
        check_int(cpu->rip, ==, 0xfff0, "%s: the vCPU is reset", bad[i].claim);
    }
}

/* Whatever loads can be looked at and saved again, and the vCPU can be reset and run. */
static void test_garbled(void)
{
    CpuX86 *cpu = bare.cpu[0];
    uint32_t seed = 7;
    unsigned accepted = 0;

    begin(cpu);
    check_int(bare_run(cpu), ==, VECTOR_NONE, "the program begins");
    g_autoptr(GByteArray) good = saved(cpu);
    for (unsigned n = 0; n < 3000; n++) {
        g_autofree uint8_t *state = g_memdup2(good->data, good->len);
        g_autoptr(GError) err = NULL;
        size_t used;

        for (unsigned flips = 1 + n % 4; flips; flips--) {
            seed = seed * 1664525 + 1013904223;
            unsigned at = n % 2 ? seed >> 8 : 6 + (seed >> 8) % 600;            /* half among registers and segments */
            state[at % good->len] ^= 1 << (seed >> 5 & 7);
        }
        bool ok = device_load(&cpu->cpu.device, state, good->len, &used, &err);
        check_true(ok == !err, "what is refused is refused with a reason");
        if (ok) {
            uint64_t word;
            accepted++;
            cpu_debug_read(cpu, cpu->seg[R_CS].base + cpu->rip, &word, sizeof word);
            g_autoptr(GByteArray) again = saved(cpu);
            check_int(again->len, ==, good->len, "as many bytes as before");
            loaded(cpu, again);
        }
        if (n % 100 == 0) {
            begin(cpu);
            check_int(bare_run(cpu), ==, VECTOR_NONE, "after a reset the program runs");
        }
    }
    check_int(accepted, >, 500, "many load");
    check_int(accepted, <, 3000, "not all do");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_start(2);
    g_test_add_func("/state/going-on", test_going_on);
    g_test_add_func("/state/every-member", test_every_member);
    g_test_add_func("/state/impossible-values", test_impossible_values);
    g_test_add_func("/state/garbled", test_garbled);
    return g_test_run();
}
