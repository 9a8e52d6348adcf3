/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control registers, EFER, and the digest of the mode that decoded blocks depend on.
 *
 *   MOV CR, LMSW, CLTS, WRMSR EFER, RSM -> cpu_set_*(): check, store, forget what the TLB must not keep -> cpu_update_mode()
 *
 * A value that hardware refuses raises #GP(0) with nothing changed. Spec: Intel SDM vol. 3 chapters 2.5, 4.1, 4.10, 9.8.
 */
#include "target/i386/exec/exec.h"
#include "target/i386/svm/svm.h"
#include "target/i386/system/system.h"

void cpu_update_mode(CpuX86 *cpu)
{
    const SegmentCache *cs = &cpu->seg[R_CS], *ss = &cpu->seg[R_SS];
    const uint64_t osxsave = cpu->cr4 & CR4_OSXSAVE;
    uint32_t f = 0;
    int cpl = attr_dpl(ss->attr);

    if (cpu->cr0 & CR0_PE) {
        f |= MODE_PE;
        if (cpu->rflags & RFLAGS_VM) {
            f |= MODE_VM86;
            cpl = 3;
        }
    } else {
        cpl = 0;
    }
    f |= cpl << MODE_CPL_SHIFT;
    if (cpu->msr.efer & EFER_LMA) {
        f |= MODE_LMA;
    }
    if (f & MODE_LMA && cs->attr & SEG_L) {
        f |= MODE_CS64;
    } else {
        bool flat = true;

        f |= cs->attr & SEG_DB ? MODE_CS32 : 0;
        f |= ss->attr & SEG_DB ? MODE_SS32 : 0;
        for (int i = R_ES; i <= R_DS; i++) {
            const SegmentCache *s = &cpu->seg[i];

            flat &= i == R_CS || (!s->base && s->limit == UINT32_MAX && s->attr & SEG_P && attr_writable_data(s->attr) &&
                                  !(s->attr & SEG_TYPE_EXPAND_DOWN));
        }
        f |= flat ? MODE_FLAT_DATA : 0;
        f |= !cs->base && cs->limit == UINT32_MAX ? MODE_FLAT_CODE : 0;
    }
    f |= cpu->cr0 & CR0_TS ? MODE_TS : 0;
    f |= cpu->cr0 & CR0_EM ? MODE_EM : 0;
    f |= cpu->cr0 & CR0_MP ? MODE_MP : 0;
    f |= cpu->cr0 & CR0_PG ? MODE_PAGING : 0;
    f |= cpu->cr0 & CR0_AM && cpl == 3 ? MODE_AM : 0;
    f |= cpu->cr4 & CR4_OSFXSR ? MODE_OSFXSR : 0;
    f |= osxsave ? MODE_OSXSAVE : 0;
    f |= osxsave && (cpu->xcr0 & 6) == 6 ? MODE_AVX : 0;
    f |= osxsave && (cpu->xcr0 & 0xe6) == 0xe6 ? MODE_AVX512 : 0;
    f |= cpu->cr4 & CR4_UMIP ? MODE_UMIP : 0;
    f |= cpu->smm ? MODE_SMM : 0;
    f |= cpl <= cpu_iopl(cpu) ? MODE_IOPL_OK : 0;
    f |= cpu->svm.guest ? MODE_SVM | (svm_intercepts(cpu, SVM_EXIT_PUSHF) ? MODE_SVM_PUSHF : 0) : 0;
    cpu->mode_flags = f;
    cpu_select_tlb(cpu);
}

static G_NORETURN void cr_fault(CpuX86 *cpu, int n, uint64_t value)
{
    cpu_fault(cpu, VECTOR_GP, 0, CAUSE_CR_RESERVED, value, n);
}

void cpu_set_cr0(CpuX86 *cpu, uint64_t value)
{
    uint64_t old = cpu->cr0, changed, efer = cpu->msr.efer;

    if (value >> 32 || (value & CR0_PG && !(value & CR0_PE)) || (value & CR0_NW && !(value & CR0_CD))) {
        cr_fault(cpu, 0, value);
    }
    value &= CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
    value |= CR0_ET;
    changed = value ^ old;
    if (!(value & CR0_WP) && cpu->cr4 & CR4_CET) {
        cr_fault(cpu, 0, value);
    }
    if (changed & value & CR0_PG) {
        if (efer & EFER_LME) {
            if (!(cpu->cr4 & CR4_PAE) || cpu->seg[R_CS].attr & SEG_L) {
                cr_fault(cpu, 0, value);
            }
            efer |= EFER_LMA;
        }
    } else if (changed & CR0_PG) {
        if (cpu_in_64(cpu) || cpu->cr4 & CR4_PCIDE) {
            cr_fault(cpu, 0, value);
        }
        efer &= ~(uint64_t)EFER_LMA;
    }
    if (changed & (CR0_PG | CR0_CD | CR0_NW) && value & CR0_PG && cpu->cr4 & CR4_PAE && !(efer & EFER_LMA) &&
        !cpu_load_pdptes(cpu, cpu->cr3)) {
        cr_fault(cpu, 0, value);
    }
    cpu->cr0 = value;
    cpu->msr.efer = efer;
    if (changed & (CR0_PG | CR0_WP | CR0_PE)) {
        cpu_tlb_flush(cpu, true);               /* global pages too: WP is part of what an entry allows */
    }
    cpu_update_mode(cpu);
}

void cpu_set_cr3(CpuX86 *cpu, uint64_t value)
{
    bool keep = false;

    if (cpu_in_long(cpu)) {
        if (cpu->cr4 & CR4_PCIDE) {
            keep = value >> 63;
            value &= INT64_MAX;
        }
        if (value >> cpu->maxphyaddr) {
            cr_fault(cpu, 3, value);
        }
    } else {
        value = (uint32_t)value;
        if ((cpu->cr0 & CR0_PG) && cpu->cr4 & CR4_PAE && !cpu_load_pdptes(cpu, value)) {
            cr_fault(cpu, 3, value);
        }
    }
    cpu->cr3 = value;
    if (keep) {
        cpu_tlb_switch(cpu);
    } else if (cpu->cr4 & CR4_PCIDE) {
        cpu_tlb_flush_pcid(cpu, value & 0xfff, false);
    } else {
        cpu_tlb_flush(cpu, false);
    }
}

/* Bits of CR4 that this model has. */
uint64_t cpu_cr4_valid(const CpuX86 *cpu)
{
    static const struct { uint32_t bit; uint16_t feature; } rows[] = {
        { CR4_VME | CR4_PVI, FEATURE_VME }, { CR4_TSD, FEATURE_TSC }, { CR4_DE, FEATURE_DE }, { CR4_PSE, FEATURE_PSE },
        { CR4_PAE, FEATURE_PAE }, { CR4_MCE, FEATURE_MCE }, { CR4_PGE, FEATURE_PGE }, { CR4_PCE, FEATURE_NONE },
        { CR4_OSFXSR, FEATURE_FXSR }, { CR4_OSXMMEXCPT, FEATURE_SSE }, { CR4_UMIP, FEATURE_UMIP }, { CR4_LA57, FEATURE_LA57 },
        { CR4_FSGSBASE, FEATURE_FSGSBASE }, { CR4_PCIDE, FEATURE_PCID }, { CR4_OSXSAVE, FEATURE_XSAVE },
        { CR4_SMEP, FEATURE_SMEP }, { CR4_SMAP, FEATURE_SMAP }, { CR4_PKE, FEATURE_PKU }, { CR4_PKS, FEATURE_PKS },
    };
    uint64_t valid = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (cpu_has(cpu, rows[i].feature)) {
            valid |= rows[i].bit;
        }
    }
    return valid;
}

void cpu_set_cr4(CpuX86 *cpu, uint64_t value)
{
    const uint64_t flushing = CR4_PSE | CR4_PAE | CR4_PGE | CR4_LA57 | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_PKS;
    uint64_t old = cpu->cr4, changed = value ^ old;

    if (value & ~cpu_cr4_valid(cpu)) {
        cr_fault(cpu, 4, value);
    }
    if (cpu_in_long(cpu) && (!(value & CR4_PAE) || changed & CR4_LA57)) {
        cr_fault(cpu, 4, value);
    }
    if (changed & value & CR4_PCIDE && (!cpu_in_long(cpu) || cpu->cr3 & 0xfff)) {
        cr_fault(cpu, 4, value);
    }
    if (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP) && cpu->cr0 & CR0_PG && value & CR4_PAE && !cpu_in_long(cpu) &&
        !cpu_load_pdptes(cpu, cpu->cr3)) {
        cr_fault(cpu, 4, value);
    }
    cpu->cr4 = value;
    if (changed & flushing) {
        cpu_tlb_flush(cpu, true);
    }
    cpu_update_mode(cpu);
}

/* Bits of EFER that this model has. */
uint64_t cpu_efer_valid(const CpuX86 *cpu)
{
    uint64_t valid = EFER_LMA;

    valid |= cpu_has(cpu, FEATURE_SYSCALL) ? EFER_SCE : 0;
    valid |= cpu_has(cpu, FEATURE_LM) ? EFER_LME : 0;
    valid |= cpu_has(cpu, FEATURE_NX) ? EFER_NXE : 0;
    valid |= cpu_has(cpu, FEATURE_FXSR_OPT) ? EFER_FFXSR : 0;
    valid |= cpu_has(cpu, FEATURE_SVM) ? EFER_SVME : 0;
    return valid;
}

void cpu_set_efer(CpuX86 *cpu, uint64_t value)
{
    uint64_t changed;

    value = (value & ~(uint64_t)EFER_LMA) | (cpu->msr.efer & EFER_LMA);
    changed = value ^ cpu->msr.efer;
    if (value & ~cpu_efer_valid(cpu) || (changed & EFER_LME && cpu->cr0 & CR0_PG) ||
        (value & EFER_SVME && cpu->svm.vm_cr & VM_CR_SVMDIS)) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_EFER_RESERVED, value, 0);
    }
    cpu->msr.efer = value;
    if (changed & EFER_NXE) {
        cpu_tlb_flush(cpu, true);
    }
    cpu_update_mode(cpu);
}
