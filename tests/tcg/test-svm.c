/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SVM on the bare machine: a host in long mode at BARE_CODE runs a guest by VMRUN; what the VMCB says afterwards is
 * checked against AMD APM vol. 2, chapter 15. All of it once with the interpreter, once with the translator.
 */
#include "tests/tcg/bare.h"

#include "core/vm.h"
#include "target/i386/svm/svm.h"
#include "target/i386/system/msr.h"
#include "tests/check.h"

enum {
    VMCB = 0x50000,
    VMCB2 = 0x51000,
    IOPM = 0x52000,
    MSRPM = 0x55000,
    GUEST = 0x9000,
    GUEST_STACK = 0xc000,
    PLAY = 0x90000,
    TABLE = 0x91000
};

static uint64_t get(unsigned offset) { return bare_ld64(VMCB + offset); }
static void set(unsigned offset, uint64_t v) { bare_st64(VMCB + offset, v); }
static uint64_t saved(unsigned offset) { return get(VMCB_SAVE + offset); }
static void save(unsigned offset, uint64_t v) { set(VMCB_SAVE + offset, v); }
static void intercept(unsigned code) { bare_at(VMCB)[code / 8] |= 1 << code % 8; }
static void int_ctl(uint64_t bits, unsigned vector) { set(VMCB_INT_CTL, bits | (uint64_t)vector << 32); }

static void save_segment(unsigned offset, const SegmentCache *s)
{
    save(offset, s->selector | (uint64_t)((s->attr & 0xff) | (s->attr >> 4 & 0xf00)) << 16 | (uint64_t)s->limit << 32);
    save(offset + 8, s->base);
}

/* A host in long mode, and a VMCB for a guest like it at GUEST. VMRUN, VMMCALL, shutdown are intercepted. */
static CpuX86 *start(void)
{
    static const uint8_t zeros[0x8000];
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    cpu->msr.efer |= EFER_SVME;
    bare_code(VMCB, zeros, sizeof zeros);
    bare_code(PLAY, zeros, 0x4000);
    BARE_CODE_AT(BARE_CODE, 0x0f, 0x01, 0xd8, 0xf4); /* VMRUN; HLT */
    intercept(SVM_EXIT_VMRUN);
    intercept(SVM_EXIT_VMMCALL);
    intercept(SVM_EXIT_SHUTDOWN);
    set(VMCB_IOPM_BASE_PA, IOPM);
    set(VMCB_MSRPM_BASE_PA, MSRPM);
    set(VMCB_ASID, 1);
    for (int i = R_ES; i <= R_DS; i++) {
        save_segment(16 * i, &cpu->seg[i]);
    }
    save(0x060, (uint64_t)cpu->gdtr.limit << 32);
    save(0x068, cpu->gdtr.base);
    save(0x080, (uint64_t)cpu->idtr.limit << 32);
    save(0x088, cpu->idtr.base);
    save(SAVED_EFER, cpu->msr.efer);
    save(SAVED_CR0, cpu->cr0);
    save(SAVED_CR3, cpu->cr3);
    save(SAVED_CR4, cpu->cr4);
    save(SAVED_DR6, 0xffff0ff0);
    save(SAVED_DR7, 0x400);
    save(SAVED_RFLAGS, RFLAGS_FIXED1);
    save(SAVED_RIP, GUEST);
    save(0x1d8, GUEST_STACK);
    save(SAVED_G_PAT, 0x0007040600070406);
    cpu->regs[R_RAX] = VMCB;
    return cpu;
}

/* The same with a guest in real mode, and nested paging by the identity tables. */
static CpuX86 *start_real(void)
{
    CpuX86 *cpu = start();

    for (int i = R_ES; i <= R_DS; i++) {
        save_segment(16 * i, &(SegmentCache){.limit = 0xffff, .attr = i == R_CS ? 0x9b : 0x93});
    }
    save(0x080, 0x3ffull << 32);
    save(0x088, 0);
    save(SAVED_EFER, EFER_SVME);
    save(SAVED_CR0, CR0_ET);
    save(SAVED_CR4, 0);
    set(VMCB_NP_ENABLE, NP_ENABLE);
    set(VMCB_N_CR3, BARE_TABLES);
    return cpu;
}

/* Runs the host until its HLT. */
static void vmrun(CpuX86 *cpu, const char *claim)
{
    cpu->rip = BARE_CODE;
    cpu->regs[R_RAX] = VMCB;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "%s: the host goes on", claim);
    check_int(cpu->rip, ==, BARE_CODE + 4, "%s: behind VMRUN", claim);
    check_true(!cpu->svm.guest && !cpu->svm.gif, "%s: GIF is clear", claim);
    cpu->svm.gif = true;
    cpu->svm.watch = false;
}

static void expect(uint64_t code, uint64_t info1, uint64_t info2, const char *claim)
{
    check_int(get(VMCB_EXITCODE), ==, code, "%s: exit code", claim);
    check_int(get(VMCB_EXITINFO1), ==, info1, "%s: EXITINFO1", claim);
    check_int(get(VMCB_EXITINFO2), ==, info2, "%s: EXITINFO2", claim);
}

/* --- VMRUN --- */

static void test_state(void)
{
    CpuX86 *cpu = start();
    uint64_t cr0 = cpu->cr0, cr3 = cpu->cr3, cr4 = cpu->cr4, efer = cpu->msr.efer;
    SegmentCache cs = cpu->seg[R_CS], ss = cpu->seg[R_SS];

    cpu_set_rflags(cpu, RFLAGS_FIXED1 | RFLAGS_CF | RFLAGS_AC);
    cpu->dr[7] = 0x401;
    cpu->dr[0] = 0xdead0000;
    save(SAVED_RFLAGS, RFLAGS_FIXED1 | RFLAGS_ZF);
    save(0x1f8, 0x1111);
    save(0x240, 0x2222);
    BARE_CODE_AT(GUEST, 0x48, 0x83, 0xc0, 0x01, 0x0f, 0x01, 0xd9); /* ADD RAX, 1; VMMCALL */
    vmrun(cpu, "a guest");
    expect(SVM_EXIT_VMMCALL, 0, 0, "a guest");
    check_int(saved(0x1f8), ==, 0x1112, "RAX is the guest's");
    check_int(saved(SAVED_RIP), ==, GUEST + 4, "RIP is that of VMMCALL");
    check_int(get(VMCB_NRIP), ==, GUEST + 7, "nRIP is behind it");
    check_int(saved(0x1d8), ==, GUEST_STACK, "RSP");
    check_int(saved(0x240), ==, 0x2222, "CR2");
    check_int(saved(SAVED_RFLAGS) & RFLAGS_ZF, ==, 0, "the addition cleared ZF");
    check_int(get(VMCB_EXITINTINFO), ==, 0, "nothing was being delivered");
    check_int(cpu->regs[R_RAX], ==, VMCB, "RAX of the host");
    check_int(cpu->regs[R_RSP], ==, BARE_STACK, "RSP of the host");
    check_int(cpu->cr0, ==, cr0, "CR0");
    check_int(cpu->cr3, ==, cr3, "CR3");
    check_int(cpu->cr4, ==, cr4, "CR4");
    check_int(cpu->msr.efer, ==, efer, "EFER");
    check_true(cpu_get_rflags(cpu) & RFLAGS_CF && cpu->rflags & RFLAGS_AC, "flags of the host");
    check_int(cpu->dr[7], ==, 0x400, "DR7 of the host is off");
    check_true(!memcmp(&cpu->seg[R_CS], &cs, sizeof cs) && !memcmp(&cpu->seg[R_SS], &ss, sizeof ss),
               "segments of the host");
    check_int(bare_at(VMCB + VMCB_SAVE)[SAVED_CPL], ==, 0, "CPL");
}

static void test_state_user(void)
{
    CpuX86 *cpu = start();
    SegmentCache code = {.selector = BARE_USER_CODE64, .limit = UINT32_MAX, .attr = 0xa0fb},
                 data = {.selector = BARE_USER_DATA, .limit = UINT32_MAX, .attr = 0xc0f3};

    save_segment(SAVED_CS, &code);
    save_segment(SAVED_SS, &data);
    bare_at(VMCB + VMCB_SAVE)[SAVED_CPL] = 3;
    intercept(SVM_EXIT_EXCP0 + VECTOR_GP);
    BARE_CODE_AT(GUEST, 0xf4);
    vmrun(cpu, "HLT of user code");
    expect(SVM_EXIT_EXCP0 + VECTOR_GP, 0, 0, "is #GP: the guest runs at CPL 3");
    check_int(bare_at(VMCB + VMCB_SAVE)[SAVED_CPL], ==, 3, "CPL is saved");
}

static void test_modes(void)
{
    CpuX86 *cpu = start_real();

    BARE_CODE_AT(GUEST, 0x66, 0xb8, 0x78, 0x56, 0x34, 0x12, 0x0f, 0x01, 0xd9);
    vmrun(cpu, "a guest in real mode");
    expect(SVM_EXIT_VMMCALL, 0, 0, "a guest in real mode");
    check_int(saved(0x1f8), ==, 0x12345678, "ran 16-bit code");
    check_int(get(VMCB_NRIP), ==, GUEST + 9, "nRIP");
    start_real();
    save(SAVED_CR0, CR0_ET | CR0_PE);
    save_segment(SAVED_CS, &(SegmentCache){.selector = 8, .limit = UINT32_MAX, .attr = 0xc09b});
    BARE_CODE_AT(GUEST, 0xb8, 0x78, 0x56, 0x34, 0x12, 0x0f, 0x01, 0xd9);
    vmrun(cpu, "a guest in protected mode");
    check_int(saved(0x1f8), ==, 0x12345678, "ran 32-bit code");
}

static const struct {
    const char *claim;
    unsigned offset, size;
    uint64_t value;
} invalid[] = {
    {"EFER.SVME clear", VMCB_SAVE + SAVED_EFER, 8, EFER_LME | EFER_LMA},
    {"a reserved bit of EFER", VMCB_SAVE + SAVED_EFER, 8, EFER_SVME | EFER_LME | 1 << 20},
    {"CR0.NW without CD", VMCB_SAVE + SAVED_CR0, 8, CR0_PG | CR0_PE | CR0_NW},
    {"a high bit of CR0", VMCB_SAVE + SAVED_CR0, 8, CR0_PG | CR0_PE | 1ull << 32},
    {"a reserved bit of CR3", VMCB_SAVE + SAVED_CR3, 8, 1ull << 60},
    {"a reserved bit of CR4", VMCB_SAVE + SAVED_CR4, 8, CR4_PAE | 1ull << 31},
    {"long mode without PAE", VMCB_SAVE + SAVED_CR4, 8, 0},
    {"long mode without protection", VMCB_SAVE + SAVED_CR0, 8, CR0_PG},
    {"CS.L with CS.D", VMCB_SAVE + SAVED_CS + 2, 2, 0xe9b},
    {"a high bit of DR6", VMCB_SAVE + SAVED_DR6, 8, 1ull << 40},
    {"a high bit of DR7", VMCB_SAVE + SAVED_DR7, 8, 1ull << 63},
    {"ASID 0", VMCB_ASID, 4, 0},
    {"an ASID that there is not", VMCB_ASID, 4, 16},
    {"VMRUN not intercepted", VMCB_INTERCEPT + 0x10, 4, 0},
    {"a port map beyond memory", VMCB_IOPM_BASE_PA, 8, 1ull << 40},
    {"a port map that ends beyond memory", VMCB_IOPM_BASE_PA, 8, (1ull << 40) - 0x1000},
    {"an MSR map beyond memory", VMCB_MSRPM_BASE_PA, 8, 1ull << 45},
    {"an event of a reserved type", VMCB_EVENTINJ, 8, EVENT_VALID | 1 << EVENT_TYPE_SHIFT},
    {"NMI as an exception", VMCB_EVENTINJ, 8, EVENT_VALID | 3 << EVENT_TYPE_SHIFT | 2},
    {"exception 32", VMCB_EVENTINJ, 8, EVENT_VALID | 3 << EVENT_TYPE_SHIFT | 32},
};

static void test_invalid(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(invalid); i++) {
        const char *claim = invalid[i].claim;
        CpuX86 *cpu = start();

        bare_code(VMCB + invalid[i].offset, &invalid[i].value, invalid[i].size);
        BARE_CODE_AT(GUEST, 0x0f, 0x01, 0xd9);
        vmrun(cpu, claim);
        check_int(get(VMCB_EXITCODE), ==, UINT64_MAX, "%s is VMEXIT_INVALID", claim);
        check_int(saved(SAVED_RIP), ==, GUEST, "%s: the guest did not run", claim);
    }
    static const uint64_t bad_nested[][3] = {
        {VMCB_N_CR3, 1ull << 50, 0}, {VMCB_SAVE + SAVED_G_PAT, 0x0202020202020202, 0}, {VMCB_N_CR3, BARE_TABLES, 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(bad_nested); i++) {
        CpuX86 *cpu = start_real();
        set(bad_nested[i][0], bad_nested[i][1]);
        if (bad_nested[i][2]) { /* a host without paging */
            bare_reset(cpu, BARE_PROT32);
            cpu->msr.efer |= EFER_SVME;
        }
        vmrun(cpu, "nested paging");
        check_int(get(VMCB_EXITCODE), ==, UINT64_MAX, "bad nested paging %zu is VMEXIT_INVALID", i);
    }
}

static void test_faults(void)
{
    static const uint8_t insns[][3] = {{0x0f, 0x01, 0xd8}, {0x0f, 0x01, 0xda}, {0x0f, 0x01, 0xdb},
                                       {0x0f, 0x01, 0xdc}, {0x0f, 0x01, 0xdd}, {0x0f, 0x01, 0xdf}};
    for (size_t i = 0; i < G_N_ELEMENTS(insns); i++) {
        CpuX86 *cpu = start();
        bare_code(BARE_CODE, insns[i], 3);
        cpu->msr.efer &= ~(uint64_t)EFER_SVME;
        check_int(bare_run(cpu), ==, VECTOR_UD, "0F 01 %02X without EFER.SVME", insns[i][2]);
        cpu = start();
        bare_code(BARE_CODE, insns[i], 3);
        bare_user(cpu, 3);
        check_int(bare_run(cpu), ==, VECTOR_GP, "0F 01 %02X at CPL 3", insns[i][2]);
        cpu = start();
        bare_reset(cpu, BARE_REAL);
        cpu->msr.efer |= EFER_SVME;
        bare_code(BARE_CODE, insns[i], 3);
        check_int(bare_run(cpu), ==, VECTOR_UD, "0F 01 %02X in real mode", insns[i][2]);
        if (i < 3) {
            static const uint64_t bad[] = {VMCB + 8, 1ull << 40, 0x8000000000000000};
            for (unsigned k = 0; k < G_N_ELEMENTS(bad); k++) {
                cpu = start();
                bare_code(BARE_CODE, insns[i], 3);
                cpu->regs[R_RAX] = bad[k];
                check_int(bare_run(cpu), ==, VECTOR_GP, "0F 01 %02X at 0x%" PRIx64, insns[i][2], bad[k]);
            }
        }
    }
    CpuX86 *cpu = start();
    BARE_CODE_AT(BARE_CODE, 0x0f, 0x01, 0xd9);
    check_int(bare_run(cpu), ==, VECTOR_UD, "VMMCALL outside of a guest");
    cpu = start();
    BARE_CODE_AT(BARE_CODE, 0x0f, 0x01, 0xde);
    check_int(bare_run(cpu), ==, VECTOR_UD, "SKINIT");
}

static void test_vmload_vmsave(void)
{
    CpuX86 *cpu = start();

    BARE_CODE_AT(BARE_CODE, 0x0f, 0x01, 0xdb, 0xf4);
    cpu->seg[R_FS] = (SegmentCache){.selector = 0x33, .base = 0x123456789000, .limit = 0xfffff, .attr = 0xc0f3};
    cpu->msr.kernel_gs_base = 0x5555;
    cpu->msr.star = 1;
    cpu->msr.lstar = 2;
    cpu->msr.cstar = 3;
    cpu->msr.fmask = 4;
    cpu->msr.sysenter_cs = 5;
    cpu->msr.sysenter_esp = 6;
    cpu->msr.sysenter_eip = 7;
    bare_run(cpu);
    check_int(saved(0x048), ==, 0x123456789000, "VMSAVE: FS base");
    check_int(saved(0x040), ==, 0x33 | 0xcf3ull << 16 | 0xfffffull << 32, "VMSAVE: FS");
    check_int(saved(0x098), ==, BARE_TSS, "VMSAVE: TR base");
    check_int(saved(0x220), ==, 0x5555, "VMSAVE: KernelGsBase");
    for (unsigned i = 0; i < 4; i++) {
        check_int(saved(0x200 + 8 * i), ==, i + 1, "VMSAVE: STAR and its like");
    }
    for (unsigned i = 0; i < 3; i++) {
        check_int(saved(0x228 + 8 * i), ==, i + 5, "VMSAVE: SYSENTER's");
    }
    save(0x058, 0x777000);
    save(0x208, 0x9999);
    BARE_CODE_AT(BARE_CODE, 0x0f, 0x01, 0xda, 0xf4);
    cpu->rip = BARE_CODE;
    bare_run(cpu);
    check_int(cpu->seg[R_GS].base, ==, 0x777000, "VMLOAD: GS base");
    check_int(cpu->msr.lstar, ==, 0x9999, "VMLOAD: LSTAR");
    check_int(cpu->seg[R_FS].base, ==, 0x123456789000, "VMLOAD: FS base");
    check_int(cpu->seg[R_FS].attr, ==, 0xc0f3, "VMLOAD: FS attributes");
}

/* --- Intercepts --- */

enum { HALTS = 1 }; /* HALTS: without its intercept the guest would not come back */
static const struct {
    const char *claim;
    uint8_t code[8], len;
    uint16_t exit;
    uint64_t info1;
    uint8_t flags;
} insns[] = {
    {"MOV RCX, CR0", {0x0f, 0x20, 0xc1}, 3, 0x00, CR_ACCESS_MOV | 1},
    {"MOV RCX, CR3", {0x0f, 0x20, 0xd9}, 3, 0x03, CR_ACCESS_MOV | 1},
    {"MOV RDX, CR4", {0x0f, 0x20, 0xe2}, 3, 0x04, CR_ACCESS_MOV | 2},
    {"MOV RCX, CR8", {0x44, 0x0f, 0x20, 0xc1}, 4, 0x08, CR_ACCESS_MOV | 1},
    {"SMSW EAX", {0x0f, 0x01, 0xe0}, 3, 0x00, 0},
    {"MOV CR2, RCX", {0x0f, 0x22, 0xd1}, 3, 0x12, CR_ACCESS_MOV | 1},
    {"MOV CR3, RCX", {0x0f, 0x22, 0xd9}, 3, 0x13, CR_ACCESS_MOV | 1, HALTS},
    {"MOV CR8, RCX", {0x44, 0x0f, 0x22, 0xc1}, 4, 0x18, CR_ACCESS_MOV | 1},
    {"CLTS", {0x0f, 0x06}, 2, 0x10, 0},
    {"LMSW AX", {0x0f, 0x01, 0xf0}, 3, 0x10, 0},
    {"MOV RCX, DR0", {0x0f, 0x21, 0xc1}, 3, 0x20, 1},
    {"MOV RCX, DR7", {0x0f, 0x21, 0xf9}, 3, 0x27, 1},
    {"MOV DR3, RCX", {0x0f, 0x23, 0xd9}, 3, 0x33, 1},
    {"MOV DR6, RCX", {0x0f, 0x23, 0xf1}, 3, 0x36, 1},
    {"SIDT", {0x0f, 0x01, 0x0c, 0x24}, 4, SVM_EXIT_IDTR_READ, 0},
    {"SGDT", {0x0f, 0x01, 0x04, 0x24}, 4, SVM_EXIT_GDTR_READ, 0},
    {"SLDT", {0x0f, 0x00, 0xc0}, 3, SVM_EXIT_LDTR_READ, 0},
    {"STR", {0x0f, 0x00, 0xc8}, 3, SVM_EXIT_TR_READ, 0},
    {"LIDT", {0x0f, 0x01, 0x1c, 0x24}, 4, SVM_EXIT_IDTR_WRITE, 0},
    {"LGDT", {0x0f, 0x01, 0x14, 0x24}, 4, SVM_EXIT_GDTR_WRITE, 0},
    {"LLDT", {0x0f, 0x00, 0xd1}, 3, SVM_EXIT_LDTR_WRITE, 0},
    {"LTR", {0x0f, 0x00, 0xd9}, 3, SVM_EXIT_TR_WRITE, 0, HALTS},
    {"RDTSC", {0x0f, 0x31}, 2, SVM_EXIT_RDTSC, 0},
    {"RDPMC", {0x0f, 0x33}, 2, SVM_EXIT_RDPMC, 0, HALTS},
    {"PUSHF", {0x9c}, 1, SVM_EXIT_PUSHF, 0},
    {"POPF", {0x9d}, 1, SVM_EXIT_POPF, 0},
    {"CPUID", {0x0f, 0xa2}, 2, SVM_EXIT_CPUID, 0},
    {"RSM", {0x0f, 0xaa}, 2, SVM_EXIT_RSM, 0, HALTS},
    {"IRETQ", {0x48, 0xcf}, 2, SVM_EXIT_IRET, 0, HALTS},
    {"INT 80h", {0xcd, 0x80}, 2, SVM_EXIT_SWINT, 0x80, HALTS},
    {"INVD", {0x0f, 0x08}, 2, SVM_EXIT_INVD, 0},
    {"PAUSE", {0xf3, 0x90}, 2, SVM_EXIT_PAUSE, 0},
    {"HLT", {0xf4}, 1, SVM_EXIT_HLT, 0, HALTS},
    {"INVLPG", {0x0f, 0x01, 0x3c, 0x25, 0x00, 0x10, 0x09, 0x00}, 8, SVM_EXIT_INVLPG, 0x91000},
    {"INVLPGA", {0x0f, 0x01, 0xdf}, 3, SVM_EXIT_INVLPGA, 0},
    {"VMLOAD", {0x0f, 0x01, 0xda}, 3, SVM_EXIT_VMLOAD, 0},
    {"VMSAVE", {0x0f, 0x01, 0xdb}, 3, SVM_EXIT_VMSAVE, 0},
    {"STGI", {0x0f, 0x01, 0xdc}, 3, SVM_EXIT_STGI, 0},
    {"CLGI", {0x0f, 0x01, 0xdd}, 3, SVM_EXIT_CLGI, 0},
    {"SKINIT", {0x0f, 0x01, 0xde}, 3, SVM_EXIT_SKINIT, 0, HALTS},
    {"VMRUN", {0x0f, 0x01, 0xd8}, 3, SVM_EXIT_VMRUN, 0, HALTS},
    {"RDTSCP", {0x0f, 0x01, 0xf9}, 3, SVM_EXIT_RDTSCP, 0},
    {"INT1", {0xf1}, 1, SVM_EXIT_ICEBP, 0, HALTS},
    {"WBINVD", {0x0f, 0x09}, 2, SVM_EXIT_WBINVD, 0},
    {"MONITOR", {0x0f, 0x01, 0xc8}, 3, SVM_EXIT_MONITOR, 0},
    {"MWAIT", {0x0f, 0x01, 0xc9}, 3, SVM_EXIT_MWAIT, 0},
    {"XSETBV", {0x0f, 0x01, 0xd1}, 3, SVM_EXIT_XSETBV, 0, HALTS},
    {"INVPCID", {0x66, 0x0f, 0x38, 0x82, 0x0c, 0x24}, 6, SVM_EXIT_INVPCID, 0},
    {"INT3", {0xcc}, 1, SVM_EXIT_EXCP0 + VECTOR_BP, 0, HALTS},
};

static CpuX86 *start_insn(size_t i)
{
    CpuX86 *cpu = start();

    save(SAVED_CR4, saved(SAVED_CR4) | CR4_OSXSAVE);
    save(0x1f8, VMCB2); /* RAX */
    cpu->regs[R_RCX] = cpu->regs[R_RDX] = 0;
    memset(bare_at(GUEST_STACK), 0, 64);
    BARE_CODE_AT(GUEST, 0x90);
    bare_code(GUEST + 1, insns[i].code, insns[i].len);
    BARE_CODE_AT(GUEST + 1 + insns[i].len, 0x0f, 0x01, 0xd9);
    return cpu;
}

static void test_instructions(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(insns); i++) {
        const char *claim = insns[i].claim;
        CpuX86 *cpu = start_insn(i);

        intercept(insns[i].exit);
        vmrun(cpu, claim);
        expect(insns[i].exit, insns[i].info1, 0, claim);
        check_int(saved(SAVED_RIP), ==, GUEST + 1, "%s: RIP is the instruction's", claim);
        check_int(get(VMCB_NRIP), ==, GUEST + 1 + insns[i].len, "%s: nRIP", claim);
        if (insns[i].flags & HALTS) {
            continue;
        }
        cpu = start_insn(i);
        memset(bare_at(VMCB), 0xff, 0x18); /* everything else is intercepted */
        bare_at(VMCB)[insns[i].exit / 8] &= ~(1 << insns[i].exit % 8);
        bare_at(VMCB)[SVM_EXIT_CR0_SEL_WRITE / 8] &= ~(1 << SVM_EXIT_CR0_SEL_WRITE % 8);
        vmrun(cpu, claim);
        expect(SVM_EXIT_VMMCALL, 0, 0, claim);
        check_int(saved(SAVED_RIP), ==, GUEST + 1 + insns[i].len, "%s, not intercepted, ran", claim);
    }
}

static void test_selective_cr0(void)
{
    CpuX86 *cpu = start();

    intercept(SVM_EXIT_CR0_SEL_WRITE);
    /* MOV RAX, CR0; XOR RAX, 8; MOV CR0, RAX; XOR RAX, 10000h; MOV CR0, RAX */
    BARE_CODE_AT(GUEST, 0x0f, 0x20, 0xc0, 0x48, 0x83, 0xf0, 0x08, 0x0f, 0x22, 0xc0, 0x48, 0x35, 0, 0, 1, 0, 0x0f, 0x22,
                 0xc0);
    vmrun(cpu, "a selective CR0 write");
    expect(SVM_EXIT_CR0_SEL_WRITE, CR_ACCESS_MOV, 0, "WP, not TS");
    check_int(saved(SAVED_RIP), ==, GUEST + 16, "at the second write");
    check_true(saved(SAVED_CR0) & CR0_TS, "the first was done");
}

static const struct {
    const char *claim;
    uint8_t code[8];
    int vector;
    uint64_t info1, info2;
} exceptions[] = {
    {"DIV by 0", {0x31, 0xc9, 0xf7, 0xf1}, VECTOR_DE, 0, 0},
    {"UD2", {0x0f, 0x0b}, VECTOR_UD, 0, 0},
    {"MOV DS, 0fff8h", {0xb8, 0xf8, 0xff, 0, 0, 0x8e, 0xd8}, VECTOR_GP, 0xfff8, 0},
    {"a load from nowhere", {0x8b, 0x04, 0x25, 0x10, 0, 0, 0x7f}, VECTOR_PF, 0, 0x7f000010},
    {"a store to nowhere", {0x89, 0x04, 0x25, 0x10, 0, 0, 0x7f}, VECTOR_PF, PF_WRITE, 0x7f000010},
    {"a stack that is not canonical", {0x48, 0xc1, 0xe4, 0x2a, 0x50}, VECTOR_SS, 0, 0},
};

static void test_exceptions(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(exceptions); i++) {
        const char *claim = exceptions[i].claim;
        CpuX86 *cpu = start();

        save(0x1d8, 0x0f0000);
        if (exceptions[i].vector == VECTOR_SS) {
            save(0x1d8, 0x300000);
        }
        save(0x240, 0x4242);
        intercept(SVM_EXIT_EXCP0 + exceptions[i].vector);
        bare_code(GUEST, exceptions[i].code, sizeof exceptions[i].code);
        vmrun(cpu, claim);
        expect(SVM_EXIT_EXCP0 + exceptions[i].vector, exceptions[i].info1, exceptions[i].info2, claim);
        check_int(saved(0x240), ==, 0x4242, "%s: CR2 has not changed", claim);
        check_int(get(VMCB_EXITINTINFO), ==, 0, "%s: nothing before it", claim);
    }
}

/* #PF, not intercepted, whose handler's stack is nowhere: #PF during its delivery, then #DF, then shutdown. */
static void test_exception_in_delivery(void)
{
    static const uint8_t code[] = {0x8b, 0x04, 0x25, 0x10, 0, 0, 0x7f};
    CpuX86 *cpu = start();

    save(0x1d8, 0x7e000000);
    intercept(SVM_EXIT_EXCP0 + VECTOR_DF);
    bare_code(GUEST, code, sizeof code);
    vmrun(cpu, "#DF");
    check_int(get(VMCB_EXITCODE), ==, SVM_EXIT_EXCP0 + VECTOR_DF, "#DF is intercepted");
    start();
    save(0x1d8, 0x7e000000);
    bare_code(GUEST, code, sizeof code);
    vmrun(cpu, "shutdown");
    check_int(get(VMCB_EXITCODE), ==, SVM_EXIT_SHUTDOWN, "a triple fault");
    start();
    save(0x1d8, 0x7e000000);
    intercept(SVM_EXIT_EXCP0 + VECTOR_PF);
    BARE_CODE_AT(GUEST, 0xcd, 0x80);
    vmrun(cpu, "#PF of an INT n");
    check_int(get(VMCB_EXITCODE), ==, SVM_EXIT_EXCP0 + VECTOR_PF, "#PF in a delivery");
    check_int(get(VMCB_EXITINTINFO), ==, EVENT_VALID | EVENT_TYPE_SOFT << 8 | 0x80, "EXITINTINFO has the INT n");
    check_int(saved(SAVED_RIP), ==, GUEST, "RIP is that of INT n");
    start();
    save(0x1d8, 0x7e000000);
    intercept(SVM_EXIT_EXCP0 + VECTOR_PF);
    BARE_CODE_AT(GUEST, 0xb8, 0xf8, 0xff, 0, 0, 0x8e, 0xd8);
    vmrun(cpu, "#PF of a #GP");
    check_int(get(VMCB_EXITINTINFO), ==,
              EVENT_VALID | EVENT_ERROR_VALID | EVENT_TYPE_EXCEPTION << 8 | VECTOR_GP | 0xfff8ull << 32,
              "EXITINTINFO has the #GP and its error code");
}

static const struct {
    const char *claim;
    uint8_t code[6], len;
    uint16_t port;
    uint64_t info1;
} ios[] = {
    {"IN AL, 80h", {0xe4, 0x80}, 2, 0x80, IOIO_IN | 1 << 4 | 4 << 7 | 0x80u << 16},
    {"OUT 80h, EAX", {0xe7, 0x80}, 2, 0x83, 4 << 4 | 4 << 7 | 0x80u << 16},
    {"IN AX, DX", {0x66, 0xed}, 2, 0x81, IOIO_IN | 2 << 4 | 4 << 7 | 0x80u << 16},
    {"INSB", {0x6c}, 1, 0x80, IOIO_IN | IOIO_STR | 1 << 4 | 4 << 7 | 0x80u << 16},
    {"REP OUTSD", {0xf3, 0x6f}, 2, 0x80, IOIO_STR | IOIO_REP | 4 << 4 | 4 << 7 | R_DS << 10 | 0x80u << 16},
    {"OUTSB FS:", {0x64, 0x67, 0x6e}, 3, 0x80, IOIO_STR | 1 << 4 | 2 << 7 | R_FS << 10 | 0x80u << 16},
};

static void test_ports(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(ios); i++) {
        for (unsigned open = 0; open < 2; open++) {
            const char *claim = ios[i].claim;
            CpuX86 *cpu = start();

            bare_code(GUEST, ios[i].code, ios[i].len);
            BARE_CODE_AT(GUEST + ios[i].len, 0x0f, 0x01, 0xd9);
            cpu->regs[R_RDX] = 0x80;
            cpu->regs[R_RCX] = 1;
            cpu->regs[R_RSI] = cpu->regs[R_RDI] = PLAY;
            intercept(SVM_EXIT_IOIO);
            memset(bare_at(IOPM), open ? 0 : 0xff, 0x3000);
            bare_at(IOPM)[ios[i].port / 8] ^= 1 << ios[i].port % 8;
            if (open) { /* only the one bit is set */
                vmrun(cpu, claim);
                expect(SVM_EXIT_IOIO, ios[i].info1, GUEST + ios[i].len, claim);
                check_int(saved(SAVED_RIP), ==, GUEST, "%s: RIP", claim);
            } else if (ios[i].code[0] == 0xe4) {
                vmrun(cpu, claim);
                expect(SVM_EXIT_VMMCALL, 0, 0, "a port that the map lets through");
            }
        }
    }
}

static const struct {
    const char *claim;
    uint32_t index;
    unsigned bit;
    bool write;
} msrs[] = {
    {"RDMSR SYSENTER_CS", 0x174, 0x174 * 2, false},
    {"WRMSR SYSENTER_CS", 0x174, 0x174 * 2 + 1, true},
    {"RDMSR LSTAR", 0xc0000082, 0x800 * 8 + 0x82 * 2, false},
    {"WRMSR LSTAR", 0xc0000082, 0x800 * 8 + 0x82 * 2 + 1, true},
    {"RDMSR VM_HSAVE_PA", 0xc0010117, 0x1000 * 8 + 0x117 * 2, false},
    {"WRMSR VM_HSAVE_PA", 0xc0010117, 0x1000 * 8 + 0x117 * 2 + 1, true},
};

static void test_msrs(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(msrs); i++) {
        for (unsigned on = 0; on < 2; on++) {
            CpuX86 *cpu = start();

            BARE_CODE_AT(GUEST, 0x0f, msrs[i].write ? 0x30 : 0x32, 0x0f, 0x01, 0xd9);
            cpu->regs[R_RCX] = msrs[i].index;
            cpu->regs[R_RDX] = 0;
            memset(bare_at(MSRPM), on ? 0 : 0xff, 0x2000);
            bare_at(MSRPM)[msrs[i].bit / 8] ^= 1 << msrs[i].bit % 8;
            intercept(SVM_EXIT_MSR);
            vmrun(cpu, msrs[i].claim);
            expect(on ? SVM_EXIT_MSR : SVM_EXIT_VMMCALL, on ? msrs[i].write : 0, 0, msrs[i].claim);
        }
    }
    CpuX86 *cpu = start();
    BARE_CODE_AT(GUEST, 0x0f, 0x32);
    cpu->regs[R_RCX] = 0x40000000;
    intercept(SVM_EXIT_MSR);
    vmrun(cpu, "an MSR of no range");
    expect(SVM_EXIT_MSR, 0, 0, "is always intercepted");
}

static void test_task_switch(void)
{
    CpuX86 *cpu = start_real();

    save(SAVED_CR0, CR0_ET | CR0_PE);
    save_segment(SAVED_CS, &(SegmentCache){.selector = 8, .limit = UINT32_MAX, .attr = 0xc09b});
    bare_gdt(0x70, 0x3000, 0x67, 0x89);
    intercept(SVM_EXIT_TASK_SWITCH);
    BARE_CODE_AT(GUEST, 0xea, 0, 0, 0, 0, 0x70, 0);
    vmrun(cpu, "JMP to a TSS");
    expect(SVM_EXIT_TASK_SWITCH, 0x70, TASK_BY_JUMP, "JMP to a TSS");
}

static void test_pause_filter(void)
{
    CpuX86 *cpu = start();

    intercept(SVM_EXIT_PAUSE);
    set(VMCB_PAUSE_THRESHOLD & ~7, 3ull << 48);
    BARE_CODE_AT(GUEST, 0xf3, 0x90, 0xf3, 0x90, 0xf3, 0x90, 0xf3, 0x90, 0x0f, 0x01, 0xd9);
    vmrun(cpu, "a filter of 3");
    expect(SVM_EXIT_PAUSE, 0, 0, "the fourth PAUSE exits");
    check_int(saved(SAVED_RIP), ==, GUEST + 6, "the fourth PAUSE exits");
}

static void test_tsc(void)
{
    CpuX86 *cpu = start();
    uint64_t tsc;

    set(VMCB_TSC_OFFSET, 1ull << 60);
    BARE_CODE_AT(GUEST, 0x0f, 0x31, 0x0f, 0x01, 0xd9);
    vmrun(cpu, "RDTSC");
    tsc = cpu->regs[R_RDX] << 32 | (uint32_t)saved(0x1f8);
    check_int(tsc >> 60, ==, 1, "TSC_OFFSET is added");
    cpu = start();
    cpu_wrmsr(cpu, 0xc0000104, 1ull << 31);
    uint64_t before = cpu_tsc(cpu);
    vmrun(cpu, "RDTSC");
    tsc = cpu->regs[R_RDX] << 32 | (uint32_t)saved(0x1f8);
    check_true(tsc >= before / 2 && tsc <= cpu_tsc(cpu) / 2, "TSC_RATIO halves it");
}

/* --- Events --- */

static const struct {
    const char *claim;
    uint64_t event;
    int vector;
    bool error, behind;
} events[] = {
    {"INTR", EVENT_VALID | EVENT_TYPE_INTR << 8 | 0x41, 0x41, false, false},
    {"NMI", EVENT_VALID | EVENT_TYPE_NMI << 8 | 2, 2, false, false},
    {"#UD", EVENT_VALID | EVENT_TYPE_EXCEPTION << 8 | 6, 6, false, false},
    {"#GP", EVENT_VALID | EVENT_ERROR_VALID | EVENT_TYPE_EXCEPTION << 8 | 13 | 0x1234ull << 32, 13, true, false},
    {"#BP", EVENT_VALID | EVENT_TYPE_EXCEPTION << 8 | 3, 3, false, true},
    {"INT n", EVENT_VALID | EVENT_TYPE_SOFT << 8 | 0x80, 0x80, false, true},
};

static void test_injection(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        const char *claim = events[i].claim;
        CpuX86 *cpu = start();
        uint64_t sp;

        BARE_CODE_AT(BARE_HANDLERS + events[i].vector, 0x0f, 0x01, 0xd9);
        intercept(SVM_EXIT_EXCP0 + (events[i].vector & 31)); /* what is injected is not intercepted */
        set(VMCB_EVENTINJ, events[i].event);
        set(VMCB_NRIP, GUEST + 2);
        vmrun(cpu, claim);
        expect(SVM_EXIT_VMMCALL, 0, 0, claim);
        check_int(saved(SAVED_RIP), ==, BARE_HANDLERS + events[i].vector, "%s: in its handler", claim);
        sp = saved(0x1d8);
        if (events[i].error) {
            check_int(bare_ld64(sp), ==, events[i].event >> 32, "%s: error code", claim);
            sp += 8;
        }
        check_int(bare_ld64(sp), ==, events[i].behind ? GUEST + 2 : GUEST, "%s: return address", claim);
        check_int(sp, ==, GUEST_STACK - 40, "%s: the frame", claim);
        check_int(get(VMCB_EVENTINJ) & EVENT_VALID, ==, 0, "%s: EVENTINJ is used up", claim);
    }
    CpuX86 *cpu = start();
    save(0x1d8, 0x7e000000);
    intercept(SVM_EXIT_EXCP0 + VECTOR_PF);
    set(VMCB_EVENTINJ, events[3].event);
    vmrun(cpu, "an injection that faults");
    check_int(get(VMCB_EXITCODE), ==, SVM_EXIT_EXCP0 + VECTOR_PF, "an injection that faults");
    check_int(get(VMCB_EXITINTINFO), ==, events[3].event, "EXITINTINFO has the injected event");
}

static void test_virtual_interrupt(void)
{
    static const struct {
        const char *claim;
        uint64_t ctl, flags;
        bool shadow, taken;
        unsigned done;
    } rows[] = {
        {"V_IRQ with IF", V_IRQ | 5 << 16, RFLAGS_IF, false, true, 0},
        {"V_IRQ without IF", V_IRQ | 5 << 16, 0, false, false, 3},
        {"V_IRQ of a priority that V_TPR masks", V_IRQ | 5 << 16 | 5, RFLAGS_IF, false, false, 3},
        {"V_IRQ that ignores V_TPR", V_IRQ | V_IGN_TPR | 5 << 16 | 15, RFLAGS_IF, false, true, 0},
        {"V_IRQ in a shadow", V_IRQ | 5 << 16, RFLAGS_IF, true, true, 1},
        {"V_IRQ with V_GIF clear", V_IRQ | V_GIF_ENABLE | 5 << 16, RFLAGS_IF, false, false, 3},
        {"V_IRQ with V_GIF set", V_IRQ | V_GIF_ENABLE | V_GIF | 5 << 16, RFLAGS_IF, false, true, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (unsigned vintr = 0; vintr < 2; vintr++) {
            const char *claim = rows[i].claim;
            CpuX86 *cpu = start();

            BARE_CODE_AT(GUEST, 0x90, 0x90, 0x90, 0x0f, 0x01, 0xd9);
            BARE_CODE_AT(BARE_HANDLERS + 0x51, 0x0f, 0x01, 0xd9);
            save(SAVED_RFLAGS, RFLAGS_FIXED1 | rows[i].flags);
            int_ctl(rows[i].ctl | V_INTR_MASKING, 0x51);
            set(VMCB_INT_STATE, rows[i].shadow);
            if (vintr) {
                intercept(SVM_EXIT_VINTR);
            }
            vmrun(cpu, claim);
            if (vintr && rows[i].taken) {
                expect(SVM_EXIT_VINTR, 0, 0, claim);
                check_int(saved(SAVED_RIP), ==, GUEST + rows[i].done, "%s: before its delivery", claim);
                check_true(get(VMCB_INT_CTL) & V_IRQ, "%s: V_IRQ stays", claim);
                continue;
            }
            expect(SVM_EXIT_VMMCALL, 0, 0, claim);
            check_int(saved(SAVED_RIP), ==, rows[i].taken ? BARE_HANDLERS + 0x51 : GUEST + 3, "%s", claim);
            check_int(!(get(VMCB_INT_CTL) & V_IRQ), ==, rows[i].taken, "%s: V_IRQ", claim);
            if (rows[i].taken) {
                check_int(bare_ld64(saved(0x1d8)), ==, GUEST + rows[i].done, "%s: interrupted where it should", claim);
            }
        }
    }
}

static void test_virtual_interrupt_opens(void)
{
    static const uint8_t sti[] = {0xfb, 0x90, 0x90, 0x0f, 0x01, 0xd9},
                         popf[] = {0x6a, 0x00, 0x80, 0x4c, 0x24, 0x01, 0x02, 0x9d, 0x90, 0x0f, 0x01, 0xd9};
    static const uint8_t cr8[] = {0x31, 0xc0, 0x44, 0x0f, 0x22, 0xc0, 0x90, 0x0f, 0x01, 0xd9};
    static const struct {
        const char *claim;
        const uint8_t *code;
        unsigned len, at;
        uint64_t tpr, flags;
    } rows[] = {
        {"STI and the instruction behind it", sti, sizeof sti, 2, 0, 0},
        {"POPF", popf, sizeof popf, 8, 0, 0},
        {"MOV CR8", cr8, sizeof cr8, 6, 9, RFLAGS_IF},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        CpuX86 *cpu = start();

        bare_code(GUEST, rows[i].code, rows[i].len);
        save(SAVED_RFLAGS, RFLAGS_FIXED1 | rows[i].flags);
        intercept(SVM_EXIT_VINTR);
        int_ctl(V_IRQ | V_INTR_MASKING | 5 << 16 | rows[i].tpr, 0x51);
        vmrun(cpu, rows[i].claim);
        expect(SVM_EXIT_VINTR, 0, 0, rows[i].claim);
        check_int(saved(SAVED_RIP), ==, GUEST + rows[i].at, "the window opens behind %s", rows[i].claim);
        check_int(get(VMCB_INT_CTL) & 15, ==, 0, "V_TPR");
    }
}

static void test_shadow_is_saved(void)
{
    CpuX86 *cpu = start();

    intercept(SVM_EXIT_CPUID);
    BARE_CODE_AT(GUEST, 0xfb, 0x0f, 0xa2);
    vmrun(cpu, "CPUID behind STI");
    expect(SVM_EXIT_CPUID, 0, 0, "CPUID behind STI");
    check_int(get(VMCB_INT_STATE) & INT_STATE_SHADOW, ==, 1, "exits in the shadow");
    BARE_CODE_AT(GUEST, 0x90, 0x0f, 0xa2);
    start();
    intercept(SVM_EXIT_CPUID);
    vmrun(cpu, "CPUID behind NOP");
    check_int(get(VMCB_INT_STATE) & INT_STATE_SHADOW, ==, 0, "does not");
}

static void test_physical_events(void)
{
    static const struct {
        const char *claim;
        uint32_t request;
        unsigned exit;
    } rows[] = {{"NMI", INTERRUPT_NMI, SVM_EXIT_NMI},
                {"SMI", INTERRUPT_SMI, SVM_EXIT_SMI},
                {"INIT", INTERRUPT_INIT, SVM_EXIT_INIT}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        CpuX86 *cpu = start();

        intercept(rows[i].exit);
        BARE_CODE_AT(BARE_CODE, 0x0f, 0x01, 0xdd, 0x0f, 0x01, 0xd8, 0xf4); /* CLGI; VMRUN; HLT */
        BARE_CODE_AT(GUEST, 0xeb, 0xfe);
        cpu->svm.gif = false;
        cpu->svm.watch = true;
        cpu_interrupt(&cpu->cpu, rows[i].request);
        check_int(bare_run(cpu), ==, VECTOR_NONE, "%s: the host", rows[i].claim);
        check_int(cpu->rip, ==, BARE_CODE + 7, "%s: waited for the guest", rows[i].claim);
        expect(rows[i].exit, 0, 0, rows[i].claim);
        check_int(saved(SAVED_RIP), ==, GUEST, "%s: before the guest's first instruction", rows[i].claim);
        check_true(cpu->cpu.interrupt_request & rows[i].request, "%s: is still there for the host", rows[i].claim);
        cpu_interrupt_clear(&cpu->cpu, rows[i].request);
    }
}

static void test_gif(void)
{
    CpuX86 *cpu = start();

    BARE_CODE_AT(BARE_CODE, 0x0f, 0x01, 0xdd, 0xf4, 0x90, 0x0f, 0x01, 0xdc, 0x90); /* CLGI; HLT; NOP; STGI; NOP */
    bare_run(cpu);
    cpu_interrupt(&cpu->cpu, INTERRUPT_NMI);
    check_true(!cpu->cpu.ops->has_work(&cpu->cpu), "an NMI wakes nobody while GIF is clear");
    check_int(bare_run(cpu), ==, VECTOR_NMI, "STGI lets it in");
    check_int(bare.trap.rip, ==, BARE_CODE + 8, "behind STGI");
}

static void test_virtual_gif(void)
{
    CpuX86 *cpu = start();

    int_ctl(V_GIF_ENABLE | V_GIF, 0);
    BARE_CODE_AT(GUEST, 0x0f, 0x01, 0xdd, 0x0f, 0x01, 0xd9);
    vmrun(cpu, "CLGI of a guest with a GIF of its own");
    expect(SVM_EXIT_VMMCALL, 0, 0, "CLGI of a guest");
    check_int(get(VMCB_INT_CTL) & V_GIF, ==, 0, "V_GIF is clear");
    BARE_CODE_AT(GUEST, 0x0f, 0x01, 0xdc, 0x0f, 0x01, 0xd9);
    save(SAVED_RIP, GUEST);
    vmrun(cpu, "STGI");
    check_int(get(VMCB_INT_CTL) & V_GIF, ==, V_GIF, "V_GIF is set");
}

static void test_smm_inside(void)
{
    CpuX86 *cpu = start();

    BARE_CODE_AT(0x38000, 0x0f, 0xaa);
    BARE_CODE_AT(GUEST, 0x90, 0x0f, 0x01, 0xd9);
    cpu->svm.gif = false;
    cpu->svm.watch = true;
    cpu_interrupt(&cpu->cpu, INTERRUPT_SMI);
    vmrun(cpu, "an SMI that is not intercepted");
    expect(SVM_EXIT_VMMCALL, 0, 0, "the guest goes on after RSM");
    check_int(saved(SAVED_RIP), ==, GUEST + 1, "where it was");
    check_int(cpu->msr.smi_count, ==, 1, "one SMI");
}

/* --- Nested paging --- */

enum { P = 1, RW = 2, US = 4, A = 0x20, D = 0x40 };

static CpuX86 *start_nested(void)
{
    CpuX86 *cpu = start();

    set(VMCB_NP_ENABLE, NP_ENABLE);
    set(VMCB_N_CR3, BARE_TABLES);
    return cpu;
}

static const struct {
    const char *claim;
    uint8_t code[8], len;
    uint64_t pte, error;
} npfs[] = {
    {"a load from a page that is not there", {0x8b, 0x04, 0x25, 0x10, 0, 0x09, 0}, 7, 0, PF_USER},
    {"a store to it", {0x89, 0x04, 0x25, 0x10, 0, 0x09, 0}, 7, 0, PF_USER | PF_WRITE},
    {"a store to a read-only page",
     {0x89, 0x04, 0x25, 0x10, 0, 0x09, 0},
     7,
     PLAY | P | US,
     PF_USER | PF_WRITE | PF_PRESENT},
    {"a load from a supervisor page", {0x8b, 0x04, 0x25, 0x10, 0, 0x09, 0}, 7, PLAY | P | RW, PF_USER | PF_PRESENT},
    {"a jump to a page without execution",
     {0xb8, 0x10, 0, 0x09, 0, 0xff, 0xe0},
     7,
     PLAY | P | RW | US | 1ull << 63,
     PF_USER | PF_FETCH | PF_PRESENT},
    {"a reserved bit",
     {0x8b, 0x04, 0x25, 0x10, 0, 0x09, 0},
     7,
     PLAY | P | US | 1ull << 45,
     PF_USER | PF_PRESENT | PF_RESERVED},
};

static void test_nested_faults(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(npfs); i++) {
        for (unsigned real = 0; real < 2; real++) {
            const char *claim = npfs[i].claim;
            CpuX86 *cpu = start_nested();

            if (real) { /* the guest without paging, in 32-bit code; addresses are the same */
                cpu = start_real();
                save(SAVED_CR0, CR0_ET | CR0_PE);
                for (int s = R_ES; s <= R_DS; s++) {
                    save_segment(16 * s, &(SegmentCache){
                                             .selector = 8, .limit = UINT32_MAX, .attr = s == R_CS ? 0xc09b : 0xc093});
                }
            } else {
                /* The guest has tables of its own, so that its page is there. */
                bare_st64(TABLE, (TABLE + 0x1000) | P | RW | US);
                bare_st64(TABLE + 0x1000, (TABLE + 0x2000) | P | RW | US);
                bare_st64(TABLE + 0x2000, P | RW | US | 0x80);
                save(SAVED_CR3, TABLE);
            }
            bare_code(GUEST, npfs[i].code, npfs[i].len);
            bare_pte_write(PLAY, 0, npfs[i].pte);
            vmrun(cpu, claim);
            expect(SVM_EXIT_NPF, npfs[i].error | NPF_FINAL, PLAY + 0x10, claim);
            check_int(bare_at(VMCB)[VMCB_INSN_LEN], ==, npfs[i].error & PF_FETCH ? 0 : 7,
                      "%s: bytes of the instruction", claim);
        }
    }
}

static void test_nested_table_walk(void)
{
    CpuX86 *cpu = start_nested();

    save(SAVED_CR3, TABLE);
    bare_pte_write(TABLE, 0, 0);
    vmrun(cpu, "tables that are not there");
    expect(SVM_EXIT_NPF, PF_USER | PF_WRITE | NPF_TABLE_WALK, TABLE, "tables that are not there");
    start_nested();
    save(SAVED_CR3, TABLE);
    bare_pte_write(TABLE, 0, TABLE | P | US);
    vmrun(cpu, "tables that are read-only");
    expect(SVM_EXIT_NPF, PF_PRESENT | PF_USER | PF_WRITE | NPF_TABLE_WALK, TABLE,
           "tables that are read-only: walks write");
    start_nested();
    save(SAVED_CR3, 1ull << 39);
    vmrun(cpu, "tables beyond the host's");
    check_int(get(VMCB_EXITCODE), ==, SVM_EXIT_NPF, "tables beyond the host's");
    check_int(get(VMCB_EXITINFO2), ==, 1ull << 39, "tables beyond the host's");
}

/* The guest's page and where it is differ; A and D on both sides. */
static void test_nested_translation(void)
{
    CpuX86 *cpu = start_real();

    bare_pte_write(PLAY, 0, (PLAY + 0x3000) | P | RW | US);
    bare_st64(PLAY + 0x3010, 0x1234);
    /* MOV AX, 9000h; MOV DS, AX; MOV BX, [10h]; VMMCALL; MOV [12h], BX; VMMCALL */
    BARE_CODE_AT(GUEST, 0xb8, 0x00, 0x90, 0x8e, 0xd8, 0x8b, 0x1e, 0x10, 0x00, 0x0f, 0x01, 0xd9, 0x89, 0x1e, 0x12, 0x00,
                 0x0f, 0x01, 0xd9);
    vmrun(cpu, "a load");
    expect(SVM_EXIT_VMMCALL, 0, 0, "a load");
    check_int((uint16_t)cpu->regs[R_RBX], ==, 0x1234, "comes from where the host put the page");
    check_int(bare_pte_read(PLAY, 0) & (A | D), ==, A, "and marks it accessed");
    save(SAVED_RIP, GUEST + 12);
    vmrun(cpu, "a store");
    check_int(bare_ld32(PLAY + 0x3010), ==, 0x12341234, "goes there");
    check_int(bare_pte_read(PLAY, 0) & (A | D), ==, A | D, "and marks it dirty");
}

static void test_guest_pat(void)
{
    CpuX86 *cpu = start_nested();

    cpu->msr.pat = 0x0007040600070406;
    save(SAVED_G_PAT, 0x0006060606060606);
    BARE_CODE_AT(GUEST, 0x0f, 0x32, 0x0f, 0x01, 0xd9);
    cpu->regs[R_RCX] = 0x277;
    vmrun(cpu, "RDMSR PAT");
    check_int((uint32_t)saved(0x1f8), ==, 0x06060606, "is G_PAT");
    check_int(cpu->msr.pat, ==, 0x0007040600070406, "the host's is back");
}

/* What the TLB may keep: per ASID, until it is told. Each run loads from PLAY, which the host moves meanwhile. */
static unsigned load_moved(CpuX86 *cpu, uint64_t to, unsigned asid, unsigned tlb_control)
{
    bare_pte_write(PLAY, 0, to | P | RW | US);
    save(SAVED_RIP, GUEST);
    set(VMCB_ASID, asid | (uint64_t)tlb_control << 32);
    vmrun(cpu, "a load");
    return cpu->regs[R_RBX] & 0xffff;
}

static void test_tlb(void)
{
    CpuX86 *cpu = start_real();

    BARE_CODE_AT(GUEST, 0xb8, 0x00, 0x90, 0x8e, 0xd8, 0x8b, 0x1e, 0x10, 0x00, 0x0f, 0x01, 0xd9);
    bare_st32(PLAY + 0x10, 1);
    bare_st32(PLAY + 0x1010, 2);
    check_int(load_moved(cpu, PLAY, 1, TLB_FLUSH_ALL), ==, 1, "a page");
    check_int(load_moved(cpu, PLAY + 0x1000, 2, 0), ==, 2, "another ASID sees what the tables say");
    check_int(load_moved(cpu, PLAY + 0x1000, 1, TLB_FLUSH_GUEST), ==, 2, "the guest's entries are flushed");
    check_int(load_moved(cpu, PLAY, 1, TLB_FLUSH_GUEST_LOCAL), ==, 1, "the local ones");
    check_int(load_moved(cpu, PLAY + 0x1000, 1, TLB_FLUSH_ALL), ==, 2, "everything");
    BARE_CODE_AT(BARE_CODE + 0x20, 0x0f, 0x01, 0xdf, 0xf4); /* INVLPGA; HLT */
    bare_pte_write(PLAY, 0, PLAY | P | RW | US);
    cpu->rip = BARE_CODE + 0x20;
    cpu->regs[R_RAX] = PLAY + 0x10;
    cpu->regs[R_RCX] = 1;
    bare_run(cpu);
    check_int(load_moved(cpu, PLAY, 1, 0), ==, 1, "INVLPGA of the guest's ASID");
    for (unsigned asid = 1; asid < 16; asid++) {
        check_int(load_moved(cpu, asid % 2 ? PLAY : PLAY + 0x1000, asid, TLB_FLUSH_GUEST), ==, asid % 2 ? 1 : 2,
                  "ASID %u", asid);
    }
}

static void test_vmload_virtual(void)
{
    CpuX86 *cpu = start_nested();

    set(VMCB_VIRT_EXT, VIRT_VMLOAD_VMSAVE);
    bare_pte_write(PLAY, 0, (PLAY + 0x3000) | P | RW | US);
    bare_st64(PLAY + 0x3000 + VMCB_SAVE + 0x220, 0xabc);
    save(0x1f8, PLAY);
    BARE_CODE_AT(GUEST, 0x0f, 0x01, 0xda, 0x0f, 0x01, 0xd9);
    vmrun(cpu, "VMLOAD of a guest");
    expect(SVM_EXIT_VMMCALL, 0, 0, "VMLOAD of a guest");
    check_int(cpu->msr.kernel_gs_base, ==, 0xabc, "goes by the host's tables");
    start_nested();
    set(VMCB_VIRT_EXT, VIRT_VMLOAD_VMSAVE);
    bare_pte_write(PLAY, 0, 0);
    save(0x1f8, PLAY);
    vmrun(cpu, "VMLOAD from nowhere");
    expect(SVM_EXIT_NPF, PF_USER | NPF_FINAL, PLAY, "VMLOAD from nowhere");
}

/* --- MSRs --- */

static void wrmsr_faults(CpuX86 *cpu, uint32_t index, uint64_t value, bool faults, const char *claim)
{
    BARE_CODE_AT(BARE_CODE, 0x0f, 0x30, 0xf4);
    cpu->rip = BARE_CODE;
    cpu->regs[R_RSP] = BARE_STACK;
    cpu->regs[R_RCX] = index;
    cpu->regs[R_RAX] = (uint32_t)value;
    cpu->regs[R_RDX] = value >> 32;
    check_int(bare_run(cpu), ==, faults ? VECTOR_GP : VECTOR_NONE, "%s", claim);
}

static void test_svm_msrs(void)
{
    CpuX86 *cpu = start();
    const uint32_t vm_cr = 0xc0010114, hsave = 0xc0010117;

    wrmsr_faults(cpu, hsave, 0x123000, false, "VM_HSAVE_PA");
    check_int(cpu_rdmsr(cpu, hsave), ==, 0x123000, "VM_HSAVE_PA");
    wrmsr_faults(cpu, hsave, 0x123010, true, "VM_HSAVE_PA inside a page");
    wrmsr_faults(cpu, hsave, 1ull << 40, true, "VM_HSAVE_PA beyond memory");
    wrmsr_faults(cpu, vm_cr, VM_CR_SVMDIS, true, "SVMDIS while SVME is set");
    wrmsr_faults(cpu, vm_cr, 1 << 20, true, "a reserved bit of VM_CR");
    cpu_set_efer(cpu, cpu->msr.efer & ~(uint64_t)EFER_SVME);
    wrmsr_faults(cpu, vm_cr, VM_CR_SVMDIS | VM_CR_LOCK, false, "SVMDIS");
    wrmsr_faults(cpu, MSR_EFER, cpu->msr.efer | EFER_SVME, true, "SVME while SVMDIS is set");
    wrmsr_faults(cpu, vm_cr, 0, false, "a locked VM_CR");
    check_int(cpu_rdmsr(cpu, vm_cr), ==, VM_CR_SVMDIS | VM_CR_LOCK, "keeps both");
    cpu->svm.vm_cr = 0;
}

static const struct {
    const char *path;
    void (*fn)(void);
} tests[] = {
    {"state", test_state},
    {"state/user", test_state_user},
    {"state/modes", test_modes},
    {"invalid", test_invalid},
    {"faults", test_faults},
    {"vmload", test_vmload_vmsave},
    {"vmload/virtual", test_vmload_virtual},
    {"intercept/instructions", test_instructions},
    {"intercept/selective-cr0", test_selective_cr0},
    {"intercept/exceptions", test_exceptions},
    {"intercept/in-delivery", test_exception_in_delivery},
    {"intercept/ports", test_ports},
    {"intercept/msrs", test_msrs},
    {"intercept/task-switch", test_task_switch},
    {"intercept/pause-filter", test_pause_filter},
    {"tsc", test_tsc},
    {"event/injection", test_injection},
    {"event/virtual", test_virtual_interrupt},
    {"event/virtual-opens", test_virtual_interrupt_opens},
    {"event/shadow", test_shadow_is_saved},
    {"event/physical", test_physical_events},
    {"event/gif", test_gif},
    {"event/virtual-gif", test_virtual_gif},
    {"event/smm", test_smm_inside},
    {"nested/faults", test_nested_faults},
    {"nested/table-walk", test_nested_table_walk},
    {"nested/translation", test_nested_translation},
    {"nested/pat", test_guest_pat},
    {"nested/tlb", test_tlb},
    {"msrs", test_svm_msrs},
};

static void run(const void *fn)
{
    bool jit = bare.cpu[0]->exec->jit.enter;

    bare_jit(bare.cpu[0], false);
    ((void (*)(void))fn)();
    if (jit) {
        bare_jit(bare.cpu[0], true);
        ((void (*)(void))fn)();
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_start(1);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/svm/", tests[i].path, NULL);
        g_test_add_data_func(path, (const void *)tests[i].fn, run);
    }
    return g_test_run();
}
