/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reset and INIT. The bootstrap processor starts at FFFF:FFF0 (linear FFFFFFF0h); the others wait for a start-up IPI.
 * INIT leaves vector state, MSRs, TSC and caches as they are. Spec: Intel SDM vol. 3 chapter 9.1, table 9-1.
 */
#include "target/i386/exec/exec.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/system/msr.h"
#include "target/i386/system/system.h"

static void reset_fpu(FpuState *fpu)
{
    memset(fpu, 0, sizeof *fpu);
    fpu->fx.fcw = 0x37f;
    fpu->mxcsr = 0x1f80;
}

void cpu_x86_reset(CpuX86 *cpu, bool init)
{
    bool bsp = cpu->cpu.index == 0;
    uint32_t cpuid[4];

    memset(cpu->regs, 0, sizeof cpu->regs);
    cpu_cpuid(cpu, 1, 0, cpuid);
    cpu->regs[R_RDX] = cpuid[0];
    cpu->rip = 0xfff0;
    cpu->insn = NULL;
    for (int i = 0; i < SEG_COUNT; i++) {
        cpu->seg[i] = (SegmentCache){ .limit = 0xffff, .attr = 0x93 };
    }
    cpu->seg[R_CS] = (SegmentCache){ .selector = 0xf000, .base = 0xffff0000, .limit = 0xffff, .attr = 0x9b };
    cpu->ldtr = (SegmentCache){ .limit = 0xffff, .attr = 0x80 | SYS_LDT };
    cpu->tr = (SegmentCache){ .limit = 0xffff, .attr = 0x80 | SYS_TSS_BUSY };
    cpu->gdtr.base = cpu->idtr.base = 0;
    cpu->gdtr.limit = cpu->idtr.limit = 0xffff;
    cpu->cr0 = (init ? cpu->cr0 & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW) | CR0_ET;
    cpu->cr2 = cpu->cr3 = cpu->cr4 = 0;
    memset(cpu->dr, 0, sizeof cpu->dr);
    cpu->dr[6] = 0xffff0ff0;
    cpu->dr[7] = 0x400;
    cpu->msr.efer = 0;
    svm_reset(cpu);
    if (!init) {
        cpu->xcr0 = 1;
        reset_fpu(&cpu->fpu);
        msr_reset(cpu, bsp);
        cpu->event_count = 0;
        cpu->features[FEATURE_WORD_NONE] = 1;
    }
    apic_reset(cpu->apic, init);

    cpu->smm = cpu->nmi_blocked = cpu->in_hlt = cpu->in_shutdown = cpu->monitor_armed = false;
    cpu->interrupt_shadow = 0;
    if (cpu->exec) {
        cpu->exec->debug_hits = 0;              /* held back by a MOV SS */
    }
    cpu->exception_vector = cpu->old_exception = VECTOR_NONE;
    memset(cpu->trail, 0, sizeof *cpu->trail);
    cpu->wait_for_sipi = !bsp;
    __atomic_store_n(&cpu->cpu.halted, !bsp, __ATOMIC_SEQ_CST);
    cpu_interrupt_clear(&cpu->cpu, init ? INTERRUPT_INIT | INTERRUPT_NMI | INTERRUPT_SMI : ~(uint32_t)INTERRUPT_TLB);
    cpu_set_rflags(cpu, RFLAGS_FIXED1);
    cpu_tlb_flush_worlds(cpu);
    cpu_update_mode(cpu);
}
