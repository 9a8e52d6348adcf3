/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RDMSR WRMSR, time stamps, FS and GS base, SWAPGS, XCR0, PKRU, CPUID. Spec: SDM vol. 2 under each name. */
#include "target/i386/exec/exec.h"
#include "target/i386/insn/operand.h"
#include "target/i386/system/cpu_models.h"
#include "target/i386/system/system.h"

static void write_edx_eax(CpuX86 *cpu, uint64_t value)
{
    cpu->regs[R_RAX] = (uint32_t)value;
    cpu->regs[R_RDX] = value >> 32;
}
static uint64_t read_edx_eax(const CpuX86 *cpu) { return (uint32_t)cpu->regs[R_RAX] | cpu->regs[R_RDX] << 32; }

static void rdmsr(CpuX86 *cpu, const Insn *insn) { write_edx_eax(cpu, cpu_rdmsr(cpu, (uint32_t)cpu->regs[R_RCX])); }
static void wrmsr(CpuX86 *cpu, const Insn *insn) { cpu_wrmsr(cpu, (uint32_t)cpu->regs[R_RCX], read_edx_eax(cpu)); }
InsnFn *bind_msr(const CpuX86 *cpu, Insn *insn) { return insn_row(insn)->op == OP_RDMSR ? rdmsr : wrmsr; }

static void check_tsd(CpuX86 *cpu)
{
    if (cpu->cr4 & CR4_TSD && cpu_cpl(cpu)) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
}
static void rdtsc(CpuX86 *cpu, const Insn *insn)
{
    check_tsd(cpu);
    write_edx_eax(cpu, cpu_guest_tsc(cpu));
}
static void rdtscp(CpuX86 *cpu, const Insn *insn)
{
    check_tsd(cpu);
    write_edx_eax(cpu, cpu_guest_tsc(cpu));
    cpu->regs[R_RCX] = (uint32_t)cpu->msr.tsc_aux;
}
static void rdpid(CpuX86 *cpu, const Insn *insn) { cpu->regs[insn->rm] = (uint32_t)cpu->msr.tsc_aux; }
static void rdpmc(CpuX86 *cpu, const Insn *insn) { cpu_raise_error(cpu, VECTOR_GP, 0); }    /* no counters */

InsnFn *bind_timestamp(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_RDTSC: return rdtsc;
    case OP_RDTSCP: return rdtscp;
    case OP_RDPID: return rdpid;
    case OP_RDPMC: return rdpmc;
    default: return NULL;
    }
}

static void check_fsgsbase(CpuX86 *cpu)
{
    if (!(cpu->cr4 & CR4_FSGSBASE)) {
        cpu_raise(cpu, VECTOR_UD);
    }
}
static void read_base(CpuX86 *cpu, const Insn *insn, int seg)
{
    check_fsgsbase(cpu);
    reg_write(cpu, insn->size * 8, insn->rm, cpu->seg[seg].base);
}
static void write_base(CpuX86 *cpu, const Insn *insn, int seg)
{
    uint64_t value = reg_read(cpu, insn->size * 8, insn->rm);

    check_fsgsbase(cpu);
    if (!cpu_canonical(cpu, value)) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    cpu->seg[seg].base = value;
}
static void rdfsbase(CpuX86 *cpu, const Insn *insn) { read_base(cpu, insn, R_FS); }
static void rdgsbase(CpuX86 *cpu, const Insn *insn) { read_base(cpu, insn, R_GS); }
static void wrfsbase(CpuX86 *cpu, const Insn *insn) { write_base(cpu, insn, R_FS); }
static void wrgsbase(CpuX86 *cpu, const Insn *insn) { write_base(cpu, insn, R_GS); }
static void swapgs(CpuX86 *cpu, const Insn *insn)
{
    uint64_t base = cpu->seg[R_GS].base;

    cpu->seg[R_GS].base = cpu->msr.kernel_gs_base;
    cpu->msr.kernel_gs_base = base;
}

InsnFn *bind_fsgsbase(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_SWAPGS: return swapgs;
    case OP_RDFSBASE: return rdfsbase;
    case OP_RDGSBASE: return rdgsbase;
    case OP_WRFSBASE: return wrfsbase;
    case OP_WRGSBASE: return wrgsbase;
    default: return NULL;
    }
}

static void check_osxsave(CpuX86 *cpu)
{
    if (!(cpu->cr4 & CR4_OSXSAVE)) {
        cpu_raise(cpu, VECTOR_UD);
    }
}
static void xgetbv(CpuX86 *cpu, const Insn *insn)
{
    uint32_t index = (uint32_t)cpu->regs[R_RCX];

    check_osxsave(cpu);
    if (index > 1 || (index == 1 && !cpu_has(cpu, FEATURE_XGETBV1))) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    write_edx_eax(cpu, cpu->xcr0);              /* XCR1-style "in use": everything enabled counts as used */
}
static void xsetbv(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value = read_edx_eax(cpu);

    check_osxsave(cpu);
    if ((uint32_t)cpu->regs[R_RCX] || !x86_cpu_xcr0_valid(cpu, value)) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    cpu->xcr0 = value;
    cpu_update_mode(cpu);
}
InsnFn *bind_xcr(const CpuX86 *cpu, Insn *insn) { return insn_row(insn)->op == OP_XGETBV ? xgetbv : xsetbv; }

static void check_pkru(CpuX86 *cpu)
{
    if (!(cpu->cr4 & CR4_PKE)) {
        cpu_raise(cpu, VECTOR_UD);
    }
    if ((uint32_t)cpu->regs[R_RCX]) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
}
static void rdpkru(CpuX86 *cpu, const Insn *insn)
{
    check_pkru(cpu);
    write_edx_eax(cpu, cpu->fpu.pkru);
}
static void wrpkru(CpuX86 *cpu, const Insn *insn)
{
    check_pkru(cpu);
    if ((uint32_t)cpu->regs[R_RDX]) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    cpu->fpu.pkru = (uint32_t)cpu->regs[R_RAX];
    cpu_pkru_changed(cpu);
}
InsnFn *bind_pkru(const CpuX86 *cpu, Insn *insn) { return insn_row(insn)->op == OP_RDPKRU ? rdpkru : wrpkru; }

static void cpuid(CpuX86 *cpu, const Insn *insn)
{
    uint32_t out[4];

    cpu_cpuid(cpu, (uint32_t)cpu->regs[R_RAX], (uint32_t)cpu->regs[R_RCX], out);
    cpu->regs[R_RAX] = out[0];
    cpu->regs[R_RBX] = out[1];
    cpu->regs[R_RCX] = out[2];
    cpu->regs[R_RDX] = out[3];
}
InsnFn *bind_cpuid(const CpuX86 *cpu, Insn *insn) { return cpuid; }
