/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a host can intercept of its guest, and what it is told. One row an instruction: the exit's code, and a function
 * where more than the intercept's bit decides. Ports, exceptions and task switches are asked about where they happen.
 * Order against exceptions: APM vol. 2, table 15-7. Faults that the decoder finds come first; a row says where the
 * instruction's own come first too.
 */
#include "target/i386/exec/exec.h"
#include "target/i386/insn-gen.h"
#include "target/i386/insn/operand.h"
#include "target/i386/svm/svm.h"
#include "target/i386/system/msr.h"
#include "target/i386/system/system.h"

typedef struct Intercept Intercept;
struct Intercept {
    uint16_t op;    /* OP_* */
    uint8_t opcode; /* of an OP_ that stands for several instructions; 0: any */
    uint8_t code;
    uint8_t when; /* INTERCEPT_* */
    void (*check)(CpuX86 *cpu, const Insn *insn, const Intercept *row);
};
enum {
    INTERCEPT_ALWAYS,
    INTERCEPT_CPL0,
    INTERCEPT_FLAGGED
}; /* CPL0: #GP or #UD above; FLAGGED: only if MODE_SVM_PUSHF */

static bool decode_assists(const CpuX86 *cpu) { return cpu_has(cpu, FEATURE_DECODEASSISTS); }

static void check_cr(CpuX86 *cpu, const Insn *insn, const Intercept *row)
{
    uint64_t info = decode_assists(cpu) ? CR_ACCESS_MOV | insn->rm : 0;

    svm_check(cpu, row->code + (insn->reg & 15), info, 0);
    if (row->code == SVM_EXIT_CR0_WRITE && insn->reg == 0) {
        uint64_t value = reg_read(cpu, insn->size * 8, insn->rm);
        if ((value ^ cpu->cr0) & ~(uint64_t)(CR0_TS | CR0_MP)) {
            svm_check(cpu, SVM_EXIT_CR0_SEL_WRITE, info, 0);
        }
    }
}

static void check_lmsw(CpuX86 *cpu, const Insn *insn, const Intercept *row)
{
    svm_check(cpu, SVM_EXIT_CR0_WRITE, 0, 0);
    if (svm_intercepts(cpu, SVM_EXIT_CR0_SEL_WRITE)) {
        uint64_t value = rm_read(cpu, insn, 16);
        if ((value ^ cpu->cr0) & (CR0_EM | CR0_PE) & (value | CR0_EM)) {
            svm_exit(cpu, SVM_EXIT_CR0_SEL_WRITE, 0, 0);
        }
    }
}

static void check_dr(CpuX86 *cpu, const Insn *insn, const Intercept *row)
{
    enum { DR7_GD = 1 << 13 };
    bool undefined = (insn->reg & ~1) == 4 && cpu->cr4 & CR4_DE;

    if (!(cpu->dr[7] & DR7_GD) && !undefined) {
        svm_check(cpu, row->code + (insn->reg & 15), decode_assists(cpu) ? insn->rm : 0, 0);
    }
}

static void check_tsc(CpuX86 *cpu, const Insn *insn, const Intercept *row)
{
    if (!(cpu->cr4 & CR4_TSD && cpu_cpl(cpu))) {
        svm_check(cpu, row->code, 0, 0);
    }
}

static void check_pmc(CpuX86 *cpu, const Insn *insn, const Intercept *row)
{
    if (!cpu_cpl(cpu) || cpu->cr4 & CR4_PCE) {
        svm_check(cpu, row->code, 0, 0);
    }
}

/* The permission map has two bits an MSR, read and write, for three ranges; others are always intercepted. */
static bool msr_mapped(CpuX86 *cpu, uint32_t index, bool write)
{
    static const uint32_t ranges[] = {0, 0xc0000000, 0xc0010000};
    enum { RANGE = 0x2000, RANGE_BYTES = 0x800 };

    for (unsigned i = 0; i < G_N_ELEMENTS(ranges); i++) {
        uint32_t n = index - ranges[i];
        if (n < RANGE) {
            uint64_t at = cpu->svm.msrpm + i * RANGE_BYTES + n / 4;
            return memory_load(cpu_memory(cpu), at, 1, MEMTXATTRS_NONE, NULL) >> (n % 4 * 2 + write) & 1;
        }
    }
    return true;
}

static void check_msr(CpuX86 *cpu, const Insn *insn, const Intercept *row)
{
    bool write = row->op == OP_WRMSR;

    if (svm_intercepts(cpu, SVM_EXIT_MSR) && msr_mapped(cpu, (uint32_t)cpu->regs[R_RCX], write)) {
        svm_exit(cpu, SVM_EXIT_MSR, write, 0);
    }
}

/* A filter lets so many go by, counted anew after a pause between the pauses. */
static void check_pause(CpuX86 *cpu, const Insn *insn, const Intercept *row)
{
    SvmState *s = &cpu->svm;

    if (!svm_intercepts(cpu, SVM_EXIT_PAUSE)) {
        return;
    }
    if (s->pause_filter) {
        if (s->pause_threshold) {
            uint64_t now = cpu_tsc(cpu);
            s->pause_left = now - s->pause_last > s->pause_threshold ? s->pause_filter : s->pause_left;
            s->pause_last = now;
        }
        if (s->pause_left) {
            s->pause_left--;
            return;
        }
    }
    svm_exit(cpu, SVM_EXIT_PAUSE, 0, 0);
}

static void check_invlpg(CpuX86 *cpu, const Insn *insn, const Intercept *row)
{
    svm_check(cpu, row->code, decode_assists(cpu) ? insn_ea(cpu, insn) : 0, 0);
}

static void check_int(CpuX86 *cpu, const Insn *insn, const Intercept *row)
{
    svm_check(cpu, row->code, decode_assists(cpu) ? (uint8_t)insn->imm : 0, 0);
}

static void check_mwait(CpuX86 *cpu, const Insn *insn, const Intercept *row)
{
    if (cpu->monitor_armed) {
        svm_check(cpu, SVM_EXIT_MWAIT_ARMED, 1, 0);
    }
    svm_check(cpu, SVM_EXIT_MWAIT, cpu->monitor_armed, 0);
}

static const Intercept rows[] = {
    {OP_MOV, 0x20, SVM_EXIT_CR0_READ, .check = check_cr},
    {OP_MOV, 0x22, SVM_EXIT_CR0_WRITE, .check = check_cr},
    {OP_MOV, 0x21, SVM_EXIT_DR0_READ, .check = check_dr},
    {OP_MOV, 0x23, SVM_EXIT_DR0_WRITE, .check = check_dr},
    {OP_SMSW, 0, SVM_EXIT_CR0_READ},
    {OP_LMSW, 0, SVM_EXIT_CR0_WRITE, .check = check_lmsw},
    {OP_CLTS, 0, SVM_EXIT_CR0_WRITE},
    {OP_SIDT, 0, SVM_EXIT_IDTR_READ},
    {OP_SGDT, 0, SVM_EXIT_GDTR_READ},
    {OP_SLDT, 0, SVM_EXIT_LDTR_READ},
    {OP_STR, 0, SVM_EXIT_TR_READ},
    {OP_LIDT, 0, SVM_EXIT_IDTR_WRITE},
    {OP_LGDT, 0, SVM_EXIT_GDTR_WRITE},
    {OP_LLDT, 0, SVM_EXIT_LDTR_WRITE},
    {OP_LTR, 0, SVM_EXIT_TR_WRITE},
    {OP_RDTSC, 0, SVM_EXIT_RDTSC, .check = check_tsc},
    {OP_RDPMC, 0, SVM_EXIT_RDPMC, .check = check_pmc},
    {OP_PUSHF, 0, SVM_EXIT_PUSHF, INTERCEPT_FLAGGED},
    {OP_POPF, 0, SVM_EXIT_POPF},
    {OP_CPUID, 0, SVM_EXIT_CPUID},
    {OP_RSM, 0, SVM_EXIT_RSM},
    {OP_IRET, 0, SVM_EXIT_IRET},
    {OP_INT, 0, SVM_EXIT_SWINT, .check = check_int},
    {OP_INVD, 0, SVM_EXIT_INVD},
    {OP_PAUSE, 0, SVM_EXIT_PAUSE, .check = check_pause},
    {OP_HLT, 0, SVM_EXIT_HLT},
    {OP_INVLPG, 0, SVM_EXIT_INVLPG, .check = check_invlpg},
    {OP_INVLPGA, 0, SVM_EXIT_INVLPGA, INTERCEPT_CPL0},
    {OP_RDMSR, 0, SVM_EXIT_MSR, .check = check_msr},
    {OP_WRMSR, 0, SVM_EXIT_MSR, .check = check_msr},
    {OP_VMRUN, 0, SVM_EXIT_VMRUN, INTERCEPT_CPL0},
    {OP_VMMCALL, 0, SVM_EXIT_VMMCALL},
    {OP_VMLOAD, 0, SVM_EXIT_VMLOAD, INTERCEPT_CPL0},
    {OP_VMSAVE, 0, SVM_EXIT_VMSAVE, INTERCEPT_CPL0},
    {OP_STGI, 0, SVM_EXIT_STGI, INTERCEPT_CPL0},
    {OP_CLGI, 0, SVM_EXIT_CLGI, INTERCEPT_CPL0},
    {OP_SKINIT, 0, SVM_EXIT_SKINIT, INTERCEPT_CPL0},
    {OP_RDTSCP, 0, SVM_EXIT_RDTSCP, .check = check_tsc},
    {OP_INT1, 0, SVM_EXIT_ICEBP},
    {OP_WBINVD, 0, SVM_EXIT_WBINVD},
    {OP_WBNOINVD, 0, SVM_EXIT_WBINVD},
    {OP_MONITOR, 0, SVM_EXIT_MONITOR, INTERCEPT_CPL0},
    {OP_MWAIT, 0, SVM_EXIT_MWAIT, INTERCEPT_CPL0, check_mwait},
    {OP_XSETBV, 0, SVM_EXIT_XSETBV},
    {OP_INVPCID, 0, SVM_EXIT_INVPCID},
};

void svm_bind(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *r = insn_row(insn);

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Intercept *row = &rows[i];
        if (row->op != r->op || (row->opcode && (row->opcode != r->opcode || r->map != 1))) {
            continue;
        }
        if ((row->when == INTERCEPT_CPL0 && cpu->mode_flags & MODE_CPL) ||
            (row->when == INTERCEPT_FLAGGED && !(cpu->mode_flags & MODE_SVM_PUSHF))) {
            return;
        }
        insn->host = insn->fn; /* free in rows that the host does not run */
        insn->fn = insn_svm;
        insn->imm2 = i;
        return;
    }
}

void insn_svm(CpuX86 *cpu, const Insn *insn)
{
    const Intercept *row = &rows[insn->imm2];
    InsnFn *fn = (InsnFn *)insn->host;

    if (row->check) {
        row->check(cpu, insn, row);
    } else {
        svm_check(cpu, row->code, 0, 0);
    }
    fn(cpu, insn);
}

void svm_check_exception(CpuX86 *cpu, int vector, bool has_error, uint32_t error)
{
    uint64_t address = 0;

    if (!svm_intercepts(cpu, SVM_EXIT_EXCP0 + vector)) {
        return;
    }
    if (vector == VECTOR_PF) {
        address = cpu->cr2;
        cpu->cr2 = cpu->svm.cr2_before; /* not delivered, so not changed */
    }
    svm_exit(cpu, SVM_EXIT_EXCP0 + vector, has_error ? error : 0, address);
}

void svm_check_io(CpuX86 *cpu, uint16_t port, unsigned size)
{
    const Insn *insn = cpu->insn;
    const InsnRow *row = insn_row(insn);
    unsigned bits;
    uint64_t info;

    if (!svm_intercepts(cpu, SVM_EXIT_IOIO)) {
        return;
    }
    bits = memory_load(cpu_memory(cpu), cpu->svm.iopm + port / 8, 1, MEMTXATTRS_NONE, NULL) |
           memory_load(cpu_memory(cpu), cpu->svm.iopm + port / 8 + 1, 1, MEMTXATTRS_NONE, NULL) << 8;
    if (!(bits >> port % 8 & ((1u << size) - 1))) {
        return;
    }
    info = (uint64_t)port << IOIO_PORT_SHIFT | size << IOIO_SIZE_SHIFT | (insn->addr_size >> 1) << IOIO_ADDR_SHIFT |
           (row->op == OP_IN || row->op == OP_INS ? IOIO_IN : 0);
    if (row->op == OP_INS || row->op == OP_OUTS) {
        info |= IOIO_STR | (insn->prefixes & (INSN_REP | INSN_REPNE) ? IOIO_REP : 0);
        info |= decode_assists(cpu) ? (row->op == OP_INS ? R_ES : insn->seg) << IOIO_SEG_SHIFT : 0;
    }
    svm_exit(cpu, SVM_EXIT_IOIO, info, insn_next_rip(cpu, insn));
}
