/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System management mode: the state saved at SMBASE + FE00h..FFFFh in AMD's 64-bit layout, and RSM.
 *
 * One table lists the fields that are plain numbers; entry writes and RSM reads by it. What RSM would load is checked
 * as a whole first: an inconsistent image ends in shutdown, as on hardware. SMBASE is relocated by RSM from the image.
 * Spec: AMD APM vol. 2 chapter 10, table 10-2.
 */
#include "core/log.h"
#include "target/i386/exec/exec.h"
#include "target/i386/system/system.h"

#define SAVE_BASE 0xfe00        /* from SMBASE */
#define SMM_REVISION 0x20064    /* 64-bit layout; SMBASE relocation */
enum {
    SAVE_ES = 0x00, SAVE_GDTR = 0x60, SAVE_LDTR = 0x70, SAVE_IDTR = 0x80, SAVE_TR = 0x90,
    SAVE_AUTO_HALT = 0xc9, SAVE_NMI_MASK = 0xca, SAVE_EFER = 0xd0, SAVE_REVISION = 0xfc, SAVE_SMBASE = 0x100,
    SAVE_CR4 = 0x148, SAVE_CR3 = 0x150, SAVE_CR0 = 0x158, SAVE_DR7 = 0x160, SAVE_DR6 = 0x168, SAVE_RFLAGS = 0x170, SAVE_RIP = 0x178,
    SAVE_R15 = 0x180, SAVE_BYTES = 0x200
};

/* Registers from SAVE_R15 upwards. */
static const uint8_t save_order[16] = {
    R_R15, R_R14, R_R13, R_R12, R_R11, R_R10, R_R9, R_R8, R_RDI, R_RSI, R_RBP, R_RSP, R_RBX, R_RDX, R_RCX, R_RAX
};

static void put(uint8_t *image, unsigned offset, unsigned size, uint64_t value) { memcpy(image + offset, &value, size); }
static uint64_t get(const uint8_t *image, unsigned offset, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, image + offset, size);
    return value;
}

static void put_segment(uint8_t *image, unsigned offset, const SegmentCache *s)
{
    put(image, offset, 2, s->selector);
    put(image, offset + 2, 2, s->attr);
    put(image, offset + 4, 4, s->limit);
    put(image, offset + 8, 8, s->base);
}

static SegmentCache get_segment(const uint8_t *image, unsigned offset)
{
    return (SegmentCache){ .selector = get(image, offset, 2), .attr = get(image, offset + 2, 2) & 0xf0ff,
                           .limit = get(image, offset + 4, 4), .base = get(image, offset + 8, 8) };
}

void cpu_enter_smm(CpuX86 *cpu)
{
    uint8_t image[SAVE_BYTES] = { 0 };
    uint64_t smbase = cpu->msr.smbase;

    LOG(LOG_INT, "cpu %d: SMI at %04x:%016" PRIx64 "\n", cpu->cpu.index, cpu->seg[R_CS].selector, cpu->rip);
    for (int i = 0; i < SEG_COUNT; i++) {
        put_segment(image, SAVE_ES + 16 * i, &cpu->seg[i]);
    }
    put_segment(image, SAVE_GDTR, &(SegmentCache){ .limit = cpu->gdtr.limit, .base = cpu->gdtr.base });
    put_segment(image, SAVE_IDTR, &(SegmentCache){ .limit = cpu->idtr.limit, .base = cpu->idtr.base });
    put_segment(image, SAVE_LDTR, &cpu->ldtr);
    put_segment(image, SAVE_TR, &cpu->tr);
    put(image, SAVE_AUTO_HALT, 1, cpu->in_hlt);
    put(image, SAVE_NMI_MASK, 1, cpu->nmi_blocked);
    put(image, SAVE_EFER, 8, cpu->msr.efer);
    put(image, SAVE_REVISION, 4, SMM_REVISION);
    put(image, SAVE_SMBASE, 4, smbase);
    put(image, SAVE_CR4, 8, cpu->cr4);
    put(image, SAVE_CR3, 8, cpu->cr3);
    put(image, SAVE_CR0, 8, cpu->cr0);
    put(image, SAVE_DR7, 8, cpu->dr[7]);
    put(image, SAVE_DR6, 8, cpu->dr[6]);
    put(image, SAVE_RFLAGS, 8, cpu_get_rflags(cpu));
    put(image, SAVE_RIP, 8, cpu->rip);
    for (unsigned i = 0; i < 16; i++) {
        put(image, SAVE_R15 + 8 * i, 8, cpu->regs[save_order[i]]);
    }

    svm_enter_smm(cpu);
    cpu->smm = true;
    cpu->nmi_blocked = true;
    cpu->in_hlt = cpu->in_shutdown = false;
    cpu->msr.smi_count++;
    memory_write(cpu_memory(cpu), smbase + SAVE_BASE, MEMTXATTRS_NONE, image, sizeof image);

    cpu->cr0 &= ~(uint64_t)(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
    cpu->cr4 = 0;
    cpu->msr.efer = 0;
    cpu->dr[7] = 0x400;
    for (int i = 0; i < SEG_COUNT; i++) {
        cpu->seg[i] = (SegmentCache){ .limit = UINT32_MAX, .attr = 0x93 | SEG_G };
    }
    cpu->seg[R_CS].selector = (smbase >> 4) & 0xffff;
    cpu->seg[R_CS].base = smbase;
    cpu->rip = 0x8000;
    __atomic_store_n(&cpu->cpu.halted, 0, __ATOMIC_SEQ_CST);
    cpu_tlb_flush_worlds(cpu);
    cpu_set_rflags(cpu, RFLAGS_FIXED1);
    cpu_update_mode(cpu);
}

void cpu_leave_smm(CpuX86 *cpu)
{
    uint8_t image[SAVE_BYTES];
    uint64_t cr0, cr4, efer, flags;
    bool long_mode;

    memory_read(cpu_memory(cpu), cpu->msr.smbase + SAVE_BASE, MEMTXATTRS_NONE, image, sizeof image);
    cr0 = get(image, SAVE_CR0, 4) | CR0_ET;
    cr4 = get(image, SAVE_CR4, 4);
    efer = get(image, SAVE_EFER, 8);
    flags = get(image, SAVE_RFLAGS, 4);
    long_mode = efer & EFER_LME && cr0 & CR0_PG;
    if ((cr0 & CR0_PG && !(cr0 & CR0_PE)) || (cr0 & CR0_NW && !(cr0 & CR0_CD)) || cr4 & ~cpu_cr4_valid(cpu) ||
        (long_mode && !(cr4 & CR4_PAE)) || (cr4 & CR4_PCIDE && !long_mode) || (efer & EFER_LME && !cpu_has(cpu, FEATURE_LM))) {
        LOG(LOG_GUEST_ERROR, "cpu %d: RSM of an impossible state: CR0 %" PRIx64 " CR4 %" PRIx64 " EFER %" PRIx64 "\n",
            cpu->cpu.index, cr0, cr4, efer);
        cpu_shutdown(cpu, "RSM found an impossible state in the SMM save area");
        cpu_leave_block(cpu);
    }

    cpu->smm = false;
    cpu->nmi_blocked = get(image, SAVE_NMI_MASK, 1) & 1;
    cpu->msr.efer = (efer & (EFER_SCE | EFER_LME | EFER_NXE | EFER_FFXSR | EFER_SVME)) | (long_mode ? EFER_LMA : 0);
    cpu->cr0 = cr0;
    cpu->cr4 = cr4;
    cpu->cr3 = get(image, SAVE_CR3, 8) & (long_mode ? INT64_MAX : UINT32_MAX);
    bool nested = cpu->svm.smm_guest && cpu->svm.nested;    /* read by each walk */
    if (cr0 & CR0_PG && cr4 & CR4_PAE && !long_mode && !nested && !cpu_load_pdptes(cpu, cpu->cr3)) {
        cpu_shutdown(cpu, "RSM found PDPTEs with reserved bits set");
        cpu_leave_block(cpu);
    }
    cpu->dr[6] = get(image, SAVE_DR6, 4);
    cpu->dr[7] = get(image, SAVE_DR7, 4) | 0x400;
    for (int i = 0; i < SEG_COUNT; i++) {
        cpu->seg[i] = get_segment(image, SAVE_ES + 16 * i);
    }
    cpu->gdtr.base = get(image, SAVE_GDTR + 8, 8);
    cpu->gdtr.limit = get(image, SAVE_GDTR + 4, 2);
    cpu->idtr.base = get(image, SAVE_IDTR + 8, 8);
    cpu->idtr.limit = get(image, SAVE_IDTR + 4, 2);
    cpu->ldtr = get_segment(image, SAVE_LDTR);
    cpu->tr = get_segment(image, SAVE_TR);
    for (unsigned i = 0; i < 16; i++) {
        cpu->regs[save_order[i]] = get(image, SAVE_R15 + 8 * i, 8);
    }
    if (get(image, SAVE_REVISION, 4) & 0x20000) {
        cpu->msr.smbase = get(image, SAVE_SMBASE, 4);
    }
    cpu->rip = get(image, SAVE_RIP, 8);
    svm_leave_smm(cpu);
    cpu_tlb_flush_worlds(cpu);
    cpu_set_rflags(cpu, flags);
    cpu_update_mode(cpu);
    if (!(cpu->mode_flags & MODE_CS64)) {
        cpu->rip = (uint32_t)cpu->rip;
    }
    if (get(image, SAVE_AUTO_HALT, 1) & 1) {
        cpu->in_hlt = true;
        __atomic_store_n(&cpu->cpu.halted, 1, __ATOMIC_SEQ_CST);
        cpu_leave_block(cpu);
    }
}
