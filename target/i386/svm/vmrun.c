/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMRUN, #VMEXIT, and the other instructions of SVM. Spec: AMD APM vol. 2, 15.5 to 15.7, 15.17, 15.20, 15.21; vol. 3.
 *
 * The host's state is kept in SvmState, not in the page that VM_HSAVE_PA names, whose use is the processor's own
 * affair.
 */
#include "core/log.h"
#include "target/i386/exec/exec.h"
#include "target/i386/insn-gen.h"
#include "target/i386/svm/svm.h"
#include "target/i386/system/msr.h"
#include "target/i386/system/system.h"

enum { DR7_INIT = 0x400, ASIDS = 16 };
#define RFLAGS_VALID                                                                                                   \
    (RFLAGS_ARITH | RFLAGS_FIXED1 | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF |          \
     RFLAGS_VM | RFLAGS_AC | RFLAGS_VIF | RFLAGS_VIP | RFLAGS_ID)

/* GIF */

void svm_set_gif(CpuX86 *cpu, bool gif)
{
    cpu->svm.gif = gif;
    cpu->svm.watch = cpu->svm.guest || !gif;
}

void svm_reset(CpuX86 *cpu)
{
    cpu->svm = (SvmState){.vm_cr = cpu->svm.vm_cr};
    svm_set_gif(cpu, true);
    cpu_interrupt_clear(&cpu->cpu, INTERRUPT_VIRQ);
    cpu_tlb_world(cpu, 0, 0);
}

/* SMM of a guest belongs to the host's firmware: no intercepts, no nested paging until RSM. */
void svm_enter_smm(CpuX86 *cpu)
{
    cpu->svm.smm_guest = cpu->svm.guest;
    cpu->svm.guest = false;
    svm_set_gif(cpu, cpu->svm.gif);
    if (cpu->svm.smm_guest) {
        cpu_tlb_world(cpu, 0, 0);
    }
}

static uint64_t nested_root(const SvmState *s) { return s->nested ? s->nested_cr3 : UINT64_MAX; }

bool svm_loaded(CpuX86 *cpu)
{
    SvmState *s = &cpu->svm;
    bool guest = s->guest || s->smm_guest;

    if (guest && (!cpu_has(cpu, FEATURE_SVM) || !s->asid || s->asid >= ASIDS || s->nested_cr3 >> cpu->maxphyaddr)) {
        return false;
    }
    svm_set_gif(cpu, s->gif);
    cpu_tlb_world(cpu, s->guest ? s->asid : 0, s->guest ? nested_root(s) : 0);
    cpu_tlb_flush_worlds(cpu);
    return true;
}

void svm_leave_smm(CpuX86 *cpu)
{
    SvmState *s = &cpu->svm;

    s->guest = s->smm_guest;
    s->smm_guest = false;
    svm_set_gif(cpu, s->gif);
    if (s->guest) {
        cpu_tlb_world(cpu, s->asid, nested_root(s));
    }
}

/* What is to be served */

static bool virtual_interrupt_open(const CpuX86 *cpu)
{
    uint64_t c = cpu->svm.int_ctl;

    return cpu->rflags & RFLAGS_IF && (!(c & V_GIF_ENABLE) || c & V_GIF) &&
           (c & V_IGN_TPR || (c >> V_INTR_PRIO_SHIFT & 15) > (c & 15));
}

uint32_t svm_held(const CpuX86 *cpu)
{
    const SvmState *s = &cpu->svm;
    bool if_flag = s->guest && s->int_ctl & V_INTR_MASKING ? s->host_if : cpu->rflags & RFLAGS_IF;
    bool nmi_blocked = svm_intercepts(cpu, SVM_EXIT_NMI) ? s->host_nmi_blocked : cpu->nmi_blocked;

    if (!s->gif) {
        return INTERRUPT_HARD | INTERRUPT_NMI | INTERRUPT_SMI | INTERRUPT_INIT | INTERRUPT_VIRQ;
    }
    return (if_flag ? 0 : INTERRUPT_HARD) | (nmi_blocked ? INTERRUPT_NMI : 0) |
           (cpu->smm ? INTERRUPT_SMI | INTERRUPT_INIT : 0) |
           (s->guest && virtual_interrupt_open(cpu) ? 0 : INTERRUPT_VIRQ);
}

int svm_take_virtual(CpuX86 *cpu)
{
    svm_check(cpu, SVM_EXIT_VINTR, 0, 0);
    cpu->svm.int_ctl &= ~(uint64_t)V_IRQ;
    cpu_interrupt_clear(&cpu->cpu, INTERRUPT_VIRQ);
    return cpu->svm.int_ctl >> V_INTR_VECTOR_SHIFT & 0xff;
}

/* #VMEXIT */

/* Codes of exits whose instruction the host is told the length of. */
static bool is_instruction(uint64_t code)
{
    return code < SVM_EXIT_EXCP0 || code == SVM_EXIT_EXCP0 + VECTOR_BP || code == SVM_EXIT_EXCP0 + VECTOR_OF ||
           (code >= SVM_EXIT_CR0_SEL_WRITE && code <= SVM_EXIT_TASK_SWITCH) ||
           (code >= SVM_EXIT_VMRUN && code <= SVM_EXIT_LAST_INTERCEPT);
}

/* STI that is translated in place keeps no shadow: nothing can come between it and the instruction behind it but an
 * exit. */
static bool in_shadow(const CpuX86 *cpu, const Insn *insn)
{
    const Block *block = cpu->exec->block;

    return cpu->interrupt_shadow ||
           (insn && block && insn > block->insns && insn < block->end && insn_row(insn - 1)->op == OP_STI);
}

static void write_control(CpuX86 *cpu, const Insn *insn, uint64_t code, uint64_t info1, uint64_t info2)
{
    const SvmState *s = &cpu->svm;
    AddressSpace *as = cpu_memory(cpu);
    uint64_t ints[2] = {s->int_ctl, in_shadow(cpu, insn) ? INT_STATE_SHADOW : 0};
    uint64_t exit[4] = {code, info1, info2, s->delivering};
    uint64_t injected = s->event_inj & ~(uint64_t)EVENT_VALID;

    memory_write(as, s->vmcb + VMCB_INT_CTL, MEMTXATTRS_NONE, ints, sizeof ints);
    memory_write(as, s->vmcb + VMCB_EXITCODE, MEMTXATTRS_NONE, exit, sizeof exit);
    memory_write(as, s->vmcb + VMCB_EVENTINJ, MEMTXATTRS_NONE, &injected, sizeof injected);
    if (cpu_has(cpu, FEATURE_NRIP_SAVE)) {
        uint64_t next = insn && is_instruction(code) ? insn_next_rip(cpu, insn) : 0;
        memory_write(as, s->vmcb + VMCB_NRIP, MEMTXATTRS_NONE, &next, sizeof next);
    }
    if (cpu_has(cpu, FEATURE_DECODEASSISTS)) {
        uint8_t bytes[16] = {0};
        if (insn && (code == SVM_EXIT_NPF || code == SVM_EXIT_EXCP0 + VECTOR_PF)) {
            bytes[0] = insn->length;
            memcpy(bytes + 1, insn->bytes, insn->length);
        }
        memory_write(as, s->vmcb + VMCB_INSN_LEN, MEMTXATTRS_NONE, bytes, sizeof bytes);
    }
}

static void write_state(CpuX86 *cpu)
{
    uint64_t at = cpu->svm.vmcb + VMCB_SAVE;
    uint8_t save[SAVED_BYTES];

    memory_read(cpu_memory(cpu), at, MEMTXATTRS_NONE, save, sizeof save);
    svm_state_store(cpu, save, STATE_SWITCH);
    if (cpu->svm.nested) {
        vmcb_put(save, SAVED_G_PAT, 8, cpu->msr.pat);
    }
    memory_write(cpu_memory(cpu), at, MEMTXATTRS_NONE, save, sizeof save);
}

static void host_back(CpuX86 *cpu)
{
    SvmState *s = &cpu->svm;

    s->guest = false;
    svm_set_gif(cpu, false);
    svm_state_load(cpu, s->host, STATE_HOST);
    cpu->cr0 |= CR0_PE;
    cpu->dr[7] = DR7_INIT;
    if (s->nested) {
        cpu->msr.pat = s->host_pat;
    }
    s->nested = false;
    s->delivering = 0;
    cpu->nmi_blocked = s->host_nmi_blocked;
    cpu->interrupt_shadow = 0;
    cpu->in_hlt = cpu->in_shutdown = false;
    __atomic_store_n(&cpu->cpu.halted, 0, __ATOMIC_SEQ_CST);
    cpu_interrupt_clear(&cpu->cpu, INTERRUPT_VIRQ);
    cpu->exception_vector = cpu->old_exception = VECTOR_NONE;
    cpu->trail->active = false;
    cpu_set_rflags(cpu, vmcb_get(s->host, SAVED_RFLAGS, 8) & ~(uint64_t)RFLAGS_VM);
    cpu_update_mode(cpu);
    cpu_tlb_world(cpu, 0, 0);
}

void svm_exit(CpuX86 *cpu, uint64_t code, uint64_t info1, uint64_t info2)
{
    CpuExec *exec = cpu->exec;
    const Insn *insn = cpu->insn;

    if (insn) {
        cpu->rip = insn_this_rip(cpu, insn);
    }
    LOG(LOG_INT,
        "cpu %d: #VMEXIT 0x%" PRIx64 " info 0x%" PRIx64 " 0x%" PRIx64 " delivering 0x%" PRIx64 " at %04x:%016" PRIx64
        "\n",
        cpu->cpu.index, code, info1, info2, cpu->svm.delivering, cpu->seg[R_CS].selector, cpu->rip);
    write_control(cpu, insn, code, info1, info2);
    if (code != SVM_EXIT_INVALID) {
        write_state(cpu);
    }
    host_back(cpu);
    exec->debug_hits = 0;
    exec->single = false; /* what was stepped was the guest */
    cpu->insn = NULL;
    if ((cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !cpu_in_long(cpu) && !cpu_load_pdptes(cpu, cpu->cr3)) {
        cpu_shutdown(cpu, "#VMEXIT found illegal page-directory pointers of the host");
    }
    cpu_leave_block(cpu);
}

/* VMRUN */

static bool address_valid(const CpuX86 *cpu, uint64_t pa, uint64_t bytes)
{
    return pa <= (1ull << cpu->maxphyaddr) - bytes;
}

static bool pat_valid(uint64_t pat)
{
    for (unsigned i = 0; i < 64; i += 8) {
        unsigned type = pat >> i & 0xff;
        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    return true;
}

static bool event_valid(uint64_t event)
{
    unsigned type = event >> EVENT_TYPE_SHIFT & 7, vector = event & EVENT_VECTOR;

    if (!(event & EVENT_VALID)) {
        return true;
    }
    return type == EVENT_TYPE_INTR || type == EVENT_TYPE_NMI || type == EVENT_TYPE_SOFT ||
           (type == EVENT_TYPE_EXCEPTION && vector < 32 && vector != VECTOR_NMI);
}

/* APM 15.5.1, "canonicalization and consistency checks". */
static bool control_valid(const CpuX86 *cpu, const uint8_t *control, bool host_paging)
{
    const SvmState *s = &cpu->svm;

    return s->intercept[SVM_EXIT_VMRUN / 32] >> SVM_EXIT_VMRUN % 32 & 1 && s->asid && s->asid < ASIDS &&
           event_valid(s->event_inj) && address_valid(cpu, s->iopm, 3 * GUEST_PAGE_SIZE) &&
           address_valid(cpu, s->msrpm, 2 * GUEST_PAGE_SIZE) &&
           (!s->nested || (host_paging && !(s->nested_cr3 >> cpu->maxphyaddr)));
}

static bool state_valid(const CpuX86 *cpu, const uint8_t *save)
{
    uint64_t efer = vmcb_get(save, SAVED_EFER, 8), cr0 = vmcb_get(save, SAVED_CR0, 8),
             cr3 = vmcb_get(save, SAVED_CR3, 8), cr4 = vmcb_get(save, SAVED_CR4, 8);
    unsigned cs_attr = vmcb_get(save, SAVED_CS + 2, 2);
    bool long_mode = efer & EFER_LME && cr0 & CR0_PG;
    enum { CS_L = 1 << 9, CS_D = 1 << 10 }; /* of packed attributes */

    return efer & EFER_SVME && !(efer & ~cpu_efer_valid(cpu)) && !(cr0 >> 32) && !(cr0 & CR0_NW && !(cr0 & CR0_CD)) &&
           !(cr4 & ~cpu_cr4_valid(cpu)) && !(vmcb_get(save, SAVED_DR6, 8) >> 32) &&
           !(vmcb_get(save, SAVED_DR7, 8) >> 32) &&
           !(long_mode && (!(cr4 & CR4_PAE) || !(cr0 & CR0_PE) || (cs_attr & (CS_L | CS_D)) == (CS_L | CS_D) ||
                           cr3 >> cpu->maxphyaddr)) &&
           (!cpu->svm.nested || pat_valid(vmcb_get(save, SAVED_G_PAT, 8)));
}

static void note_control(CpuX86 *cpu, const uint8_t *control)
{
    SvmState *s = &cpu->svm;

    memcpy(s->intercept, control + VMCB_INTERCEPT, sizeof s->intercept);
    s->iopm = vmcb_get(control, VMCB_IOPM_BASE_PA, 8) & TLB_PAGE_MASK;
    s->msrpm = vmcb_get(control, VMCB_MSRPM_BASE_PA, 8) & TLB_PAGE_MASK;
    s->tsc_offset = vmcb_get(control, VMCB_TSC_OFFSET, 8);
    s->asid = vmcb_get(control, VMCB_ASID, 4);
    s->int_ctl = vmcb_get(control, VMCB_INT_CTL, 8);
    s->event_inj = vmcb_get(control, VMCB_EVENTINJ, 8);
    s->virt_ext = vmcb_get(control, VMCB_VIRT_EXT, 8);
    s->nested = cpu_has(cpu, FEATURE_NPT) && control[VMCB_NP_ENABLE] & NP_ENABLE;
    s->nested_cr3 = vmcb_get(control, VMCB_N_CR3, 8);
    s->pause_threshold = cpu_has(cpu, FEATURE_PFTHRESHOLD) ? vmcb_get(control, VMCB_PAUSE_THRESHOLD, 2) : 0;
    s->pause_filter = cpu_has(cpu, FEATURE_PAUSE_FILTER) ? vmcb_get(control, VMCB_PAUSE_COUNT, 2) : 0;
    s->pause_left = s->pause_filter;
    s->pause_last = 0;
    if (!cpu_has(cpu, FEATURE_VGIF)) {
        s->int_ctl &= ~(uint64_t)V_GIF_ENABLE;
    }
}

static void load_guest(CpuX86 *cpu, const uint8_t *save)
{
    SvmState *s = &cpu->svm;
    uint64_t efer, flags = vmcb_get(save, SAVED_RFLAGS, 8) & RFLAGS_VALID;

    svm_state_load(cpu, save, STATE_SWITCH);
    efer = cpu->msr.efer & ~(uint64_t)EFER_LMA;
    cpu->msr.efer = efer | (efer & EFER_LME && cpu->cr0 & CR0_PG ? EFER_LMA : 0);
    cpu->cr0 |= CR0_ET;
    if (!(cpu->msr.efer & EFER_LMA)) {
        cpu->cr3 = (uint32_t)cpu->cr3;
    }
    if (cpu->msr.efer & EFER_LMA || !(cpu->cr0 & CR0_PE)) {
        flags &= ~(uint64_t)RFLAGS_VM;
    }
    cpu->dr[6] = (cpu->dr[6] & 0xe00f) | 0xffff0ff0;
    cpu->dr[7] = (cpu->dr[7] & 0xffff2bff) | DR7_INIT;
    if (s->nested) {
        cpu->msr.pat = vmcb_get(save, SAVED_G_PAT, 8);
    }
    cpu_set_rflags(cpu, flags);
    cpu_update_mode(cpu);
    if (!(cpu->mode_flags & MODE_CS64)) {
        cpu->rip = (uint32_t)cpu->rip;
    }
}

/* What of this guest the TLB may keep. */
static void flush_as_told(CpuX86 *cpu, unsigned tlb_control)
{
    SvmState *s = &cpu->svm;

    if (tlb_control == TLB_FLUSH_ALL) {
        cpu_tlb_flush_worlds(cpu);
    }
    cpu_tlb_world(cpu, s->asid, nested_root(s));
    if (tlb_control == TLB_FLUSH_GUEST || tlb_control == TLB_FLUSH_GUEST_LOCAL) {
        cpu_tlb_flush(cpu, tlb_control == TLB_FLUSH_GUEST);
    }
}

/* EVENTINJ: delivered as the guest's first act; what it runs into is an exception of the guest. */
static void inject(CpuX86 *cpu, uint64_t next_rip)
{
    uint64_t event = cpu->svm.event_inj;
    unsigned vector = event & EVENT_VECTOR, type = event >> EVENT_TYPE_SHIFT & 7;
    bool has_error = event & EVENT_ERROR_VALID && cpu->cr0 & CR0_PE;
    /* The return address of what an instruction made is behind that instruction. */
    bool behind =
        type == EVENT_TYPE_SOFT || (type == EVENT_TYPE_EXCEPTION && (vector == VECTOR_BP || vector == VECTOR_OF));
    uint64_t rip = behind && cpu_has(cpu, FEATURE_NRIP_SAVE) ? next_rip : cpu->rip;

    cpu->trail->noted = CAUSE_NONE;
    switch (type) {
    case EVENT_TYPE_INTR:
        cpu_deliver(cpu, vector, EVENT_EXTERNAL, false, 0, rip);
        break;
    case EVENT_TYPE_NMI:
        cpu->nmi_blocked = true;
        cpu_deliver(cpu, VECTOR_NMI, EVENT_EXTERNAL, false, 0, rip);
        break;
    case EVENT_TYPE_EXCEPTION:
        cpu->old_exception = vector;
        cpu_deliver(cpu, vector, EVENT_EXCEPTION, has_error, event >> 32, rip);
        cpu->old_exception = VECTOR_NONE;
        break;
    case EVENT_TYPE_SOFT:
        cpu_deliver(cpu, vector, EVENT_SOFT, false, 0, rip);
        break;
    }
}

/* All these are #UD unless SVM is on, then #GP above privilege 0. */
static void check_svm(CpuX86 *cpu)
{
    if (!(cpu->msr.efer & EFER_SVME)) {
        cpu_raise(cpu, VECTOR_UD);
    }
    if (cpu_cpl(cpu)) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
}

static uint64_t vmcb_operand(CpuX86 *cpu, const Insn *insn)
{
    uint64_t pa = cpu->regs[R_RAX];

    check_svm(cpu);
    pa = insn->addr_size == 8 ? pa : insn->addr_size == 4 ? (uint32_t)pa : (uint16_t)pa;
    if (pa & ~TLB_PAGE_MASK || !address_valid(cpu, pa, GUEST_PAGE_SIZE)) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    return pa;
}

static void vmrun(CpuX86 *cpu, const Insn *insn)
{
    SvmState *s = &cpu->svm;
    uint64_t pa = vmcb_operand(cpu, insn);
    uint8_t control[VMCB_CONTROL_BYTES], save[SAVED_BYTES];
    bool host_paging = cpu->cr0 & CR0_PG;

    memory_read(cpu_memory(cpu), pa, MEMTXATTRS_NONE, control, sizeof control);
    memory_read(cpu_memory(cpu), pa + VMCB_SAVE, MEMTXATTRS_NONE, save, sizeof save);
    LOG(LOG_INT, "cpu %d: VMRUN 0x%" PRIx64 " at %04x:%016" PRIx64 ", guest at %016" PRIx64 " event 0x%" PRIx64 "\n",
        cpu->cpu.index, pa, cpu->seg[R_CS].selector, insn_this_rip(cpu, insn), vmcb_get(save, SAVED_RIP, 8),
        vmcb_get(control, VMCB_EVENTINJ, 8));
    cpu->rip = insn_next_rip(cpu, insn);
    cpu->insn = NULL;
    cpu->exec->block = NULL;
    cpu->exec->single = false;
    svm_state_store(cpu, s->host, STATE_HOST);
    s->host_if = cpu->rflags & RFLAGS_IF;
    s->host_nmi_blocked = cpu->nmi_blocked;
    s->host_pat = cpu->msr.pat;
    s->nested_long = cpu_in_long(cpu);
    s->nested_nx = cpu->msr.efer & EFER_NXE;
    s->nested_cr4 = cpu->cr4;
    s->vmcb = pa;
    s->delivering = 0;
    cpu->interrupt_shadow = 0;
    note_control(cpu, control);
    s->guest = true;
    svm_set_gif(cpu, true);
    if (!control_valid(cpu, control, host_paging) || !state_valid(cpu, save)) {
        s->nested = false;
        svm_exit(cpu, SVM_EXIT_INVALID, 0, 0);
    }
    load_guest(cpu, save);
    flush_as_told(cpu, control[VMCB_TLB_CONTROL]);
    if ((cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !cpu_in_long(cpu) && !cpu_load_pdptes(cpu, cpu->cr3)) {
        svm_exit(cpu, SVM_EXIT_INVALID, 0, 0);
    }
    cpu->interrupt_shadow = control[VMCB_INT_STATE] & INT_STATE_SHADOW ? 2 : 0;
    if (s->int_ctl & V_IRQ) {
        __atomic_or_fetch(&cpu->cpu.interrupt_request, INTERRUPT_VIRQ, __ATOMIC_SEQ_CST);
    }
    if (s->event_inj & EVENT_VALID) {
        inject(cpu, vmcb_get(control, VMCB_NRIP, 8));
    }
    cpu_leave_block(cpu);
}

/* The others */

/* VMLOAD and VMSAVE of a guest whose addresses the host translates. */
static uint64_t vmload_operand(CpuX86 *cpu, const Insn *insn, bool write)
{
    uint64_t pa = vmcb_operand(cpu, insn);

    if (cpu->svm.guest && cpu->svm.nested && cpu->svm.virt_ext & VIRT_VMLOAD_VMSAVE &&
        cpu_has(cpu, FEATURE_V_VMSAVE_VMLOAD)) {
        pa = mmu_nested_address(cpu, pa, write);
    }
    return pa;
}

static void vmload(CpuX86 *cpu, const Insn *insn)
{
    uint64_t pa = vmload_operand(cpu, insn, false);
    uint8_t save[SAVED_BYTES];

    memory_read(cpu_memory(cpu), pa + VMCB_SAVE, MEMTXATTRS_NONE, save, sizeof save);
    svm_state_load(cpu, save, STATE_VMLOAD);
    cpu_update_mode(cpu);
}

static void vmsave(CpuX86 *cpu, const Insn *insn)
{
    uint64_t pa = vmload_operand(cpu, insn, true);
    uint8_t save[SAVED_BYTES];

    memory_read(cpu_memory(cpu), pa + VMCB_SAVE, MEMTXATTRS_NONE, save, sizeof save);
    svm_state_store(cpu, save, STATE_VMLOAD);
    memory_write(cpu_memory(cpu), pa + VMCB_SAVE, MEMTXATTRS_NONE, save, sizeof save);
}

/* A guest with a GIF of its own does not touch the processor's. */
static void change_gif(CpuX86 *cpu, bool gif)
{
    SvmState *s = &cpu->svm;

    check_svm(cpu);
    if (s->guest && s->int_ctl & V_GIF_ENABLE) {
        s->int_ctl = gif ? s->int_ctl | V_GIF : s->int_ctl & ~(uint64_t)V_GIF;
    } else {
        svm_set_gif(cpu, gif);
    }
}
static void stgi(CpuX86 *cpu, const Insn *insn) { change_gif(cpu, true); }
static void clgi(CpuX86 *cpu, const Insn *insn) { change_gif(cpu, false); }

static void invlpga(CpuX86 *cpu, const Insn *insn)
{
    uint64_t lin = cpu->regs[R_RAX];

    check_svm(cpu);
    lin = insn->addr_size == 8 ? lin : insn->addr_size == 4 ? (uint32_t)lin : (uint16_t)lin;
    cpu_tlb_flush_page_of(cpu, lin, (uint32_t)cpu->regs[R_RCX]);
}

/* No secure loader here, as no SKINIT feature says. VMMCALL and VMCALL are for those who run under somebody. */
InsnFn *bind_svm(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_VMRUN:
        return vmrun;
    case OP_VMLOAD:
        return vmload;
    case OP_VMSAVE:
        return vmsave;
    case OP_STGI:
        return stgi;
    case OP_CLGI:
        return clgi;
    case OP_INVLPGA:
        return invlpga;
    default:
        return insn_ud;
    }
}
