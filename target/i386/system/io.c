/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Permission for port accesses (Intel SDM vol. 1 chapter 19.5), I/O breakpoints, and the A20 gate. */
#include "target/i386/exec/exec.h"
#include "target/i386/system/system.h"

static bool bitmap_allows(CpuX86 *cpu, uint16_t port, unsigned size)
{
    uint32_t offset, mask = (1u << size) - 1;

    if (!(cpu->tr.attr & SEG_P) || !(attr_system_type(cpu->tr.attr) & 8) || cpu->tr.limit < 0x67) {
        return false;
    }
    offset = cpu_sys_ld16(cpu, cpu_wrap_linear(cpu, cpu->tr.base + 0x66)) + port / 8u;
    if (offset + 1 > cpu->tr.limit) {           /* two bytes are read: a port may straddle */
        return false;
    }
    return !(cpu_sys_ld16(cpu, cpu_wrap_linear(cpu, cpu->tr.base + offset)) >> (port & 7) & mask);
}

static void check_breakpoints(CpuX86 *cpu, uint16_t port, unsigned size)
{
    for (unsigned n = 0; n < 4; n++) {
        unsigned control = cpu->dr[7] >> (16 + 4 * n) & 15, bytes = (control >> 2) + 1;
        uint64_t start = cpu->dr[n] & ~(uint64_t)(bytes - 1);

        if (cpu->dr[7] >> (2 * n) & 3 && (control & 3) == 2 && port < start + bytes && port + size > start && cpu->exec) {
            cpu->exec->debug_hits |= 1u << n;
        }
    }
}

void cpu_check_io(CpuX86 *cpu, uint16_t port, unsigned size)
{
    bool checked = cpu->mode_flags & MODE_PE && (cpu->mode_flags & MODE_VM86 || !(cpu->mode_flags & MODE_IOPL_OK));

    if (checked && !bitmap_allows(cpu, port, size)) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_IO_FORBIDDEN, port, size);
    }
    if (cpu->svm.guest) {
        svm_check_io(cpu, port, size);
    }
    if (cpu->dr[7] & 0xff && cpu->cr4 & CR4_DE) {
        check_breakpoints(cpu, port, size);
    }
}

static void set_a20(Cpu *c, void *arg)
{
    CpuX86 *cpu = CPU_X86(c);

    cpu->a20_masked = !GPOINTER_TO_INT(arg);
    cpu_tlb_flush_worlds(cpu);
}

void cpu_a20_set(bool enabled)
{
    static bool current = true;
    Cpu *cpu;

    if (enabled == current) {
        return;
    }
    current = enabled;
    CPU_FOREACH(cpu) {
        if (cpu == current_cpu || !cpu->created) {
            set_a20(cpu, GINT_TO_POINTER(enabled));
        } else {
            cpu_run_on_async(cpu, set_a20, GINT_TO_POINTER(enabled));
        }
    }
}
