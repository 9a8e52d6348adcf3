/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Model-specific registers: one row each (msr.c); cpu_rdmsr() and cpu_wrmsr() are in cpu.h. */
#ifndef TARGET_I386_SYSTEM_MSR_H
#define TARGET_I386_SYSTEM_MSR_H

#include "target/i386/cpu.h"

enum {
    MSR_TSC = 0x10, MSR_APIC_BASE = 0x1b, MSR_TSC_ADJUST = 0x3b, MSR_SPEC_CTRL = 0x48,
    MSR_UCODE_REV = 0x8b, MSR_ARCH_CAPABILITIES = 0x10a, MSR_MC0_CTL = 0x400, MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175, MSR_SYSENTER_EIP = 0x176, MSR_MISC_ENABLE = 0x1a0, MSR_PAT = 0x277, MSR_TSC_DEADLINE = 0x6e0,
    MSR_X2APIC_FIRST = 0x800, MSR_X2APIC_LAST = 0x8ff, MSR_HYPERV_FIRST = 0x40000000, MSR_HYPERV_LAST = 0x400001ff,
};
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_FMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u

enum { APIC_BASE_BSP = 1 << 8, APIC_BASE_EXTD = 1 << 10, APIC_BASE_ENABLE = 1 << 11 };
#define APIC_BASE_DEFAULT 0xfee00000u

/** msr_storage: where the value of an MSR lies, whether the vCPU has it or not; NULL: it has no place of its own. */
uint64_t *msr_storage(CpuX86 *cpu, uint32_t index);
void msr_reset(CpuX86 *cpu, bool bsp);
/** msr_read: without raising: false if there is no such MSR or it cannot be read. For monitors as well. */
bool msr_read(CpuX86 *cpu, uint32_t index, uint64_t *value);

#endif
