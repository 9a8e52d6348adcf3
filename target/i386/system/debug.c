/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug registers as instructions see them. What a breakpoint hits is found by exec/, which reads DR7 itself.
 * Spec: Intel SDM vol. 3 chapter 18.2.
 */
#include "target/i386/exec/exec.h"
#include "target/i386/system/system.h"

enum { DR6_BD = 1 << 13, DR7_GD = 1 << 13, DR7_FIXED1 = 1 << 10 };
#define DR6_FIXED1 0xffff0ff0u
#define DR6_WRITABLE 0x0000e00fu

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE; any access with GD set traps first. */
static int check_access(CpuX86 *cpu, int n)
{
    if (n == 4 || n == 5) {
        if (cpu->cr4 & CR4_DE) {
            cpu_raise(cpu, VECTOR_UD);
        }
        n += 2;
    }
    if (cpu->dr[7] & DR7_GD) {
        cpu->dr[6] |= DR6_BD;
        cpu_raise(cpu, VECTOR_DB);
    }
    return n;
}

uint64_t cpu_get_dr(CpuX86 *cpu, int n)
{
    n = check_access(cpu, n);
    return cpu->dr[n];
}

void cpu_set_dr(CpuX86 *cpu, int n, uint64_t value)
{
    n = check_access(cpu, n);
    if (n >= 6) {
        if (value >> 32) {
            cpu_raise_error(cpu, VECTOR_GP, 0);
        }
        cpu->dr[n] = n == 6 ? (value & DR6_WRITABLE) | DR6_FIXED1 : (value & 0xffff2bff) | DR7_FIXED1;
    } else {
        cpu->dr[n] = value;
    }
    if (n != 6) {
        cpu_tlb_flush(cpu, true);               /* watched pages must miss, others need not */
    }
}
