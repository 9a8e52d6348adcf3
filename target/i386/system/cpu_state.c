/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a vCPU is saved: rows, as of any device, and what must hold of those that come from outside.
 *
 *   save: cpu_pre_save() brings registers up to date (KVM has its own) and flags into one word -> rows
 *   load: rows -> cpu_post_load() refuses what no processor of this model could be in, then rebuilds what is derived:
 *         flags, mode digest, TLBs, KVM's registers
 *
 * The vCPU is stopped between two instructions. Then no exception is on its way: one that was raised is delivered before
 * the vCPU stops; KVM's, which may be, are in `in_flight`. The local APIC is a device of its own and is loaded afterwards.
 * A test counts bytes: a member of CpuX86, MsrState or FpuState that is neither in a row here nor named there as not being
 * the guest's fails it.
 */
#include "target/i386/exec/exec.h"
#include "target/i386/native/x87_state.h"
#include "target/i386/native/xstate.h"
#include "target/i386/svm/svm.h"
#include "target/i386/system/cpu_models.h"
#include "target/i386/system/system.h"

#define RFLAGS_SETTABLE 0x3f7fd5ull
#define DR6_FIXED1 0xffff0ff0u
#define DR7_FIXED1 0x400u
enum { DR6_WRITABLE = 0xe00f };
#define DR7_WRITABLE 0xffff2bffu

static const StateField segment_rows[] = {
    STATE_U64(SegmentCache, base), STATE_U32(SegmentCache, limit), STATE_U16(SegmentCache, selector),
    STATE_U16(SegmentCache, attr), { }
};

static const StateField fpu_rows[] = {
    STATE_U16(FpuState, fx.fcw), STATE_U16(FpuState, fx.fsw), STATE_U8(FpuState, fx.ftw_abridged),
    STATE_U16(FpuState, fx.fop), STATE_U64(FpuState, fx.fip), STATE_U64(FpuState, fx.fdp),
    STATE_U16(FpuState, fcs), STATE_U16(FpuState, fds), STATE_BYTES2(FpuState, fx.st),
    STATE_U32(FpuState, mxcsr), STATE_U32(FpuState, pkru), STATE_BYTES2(FpuState, zmm), STATE_U64_ARRAY(FpuState, k), { }
};

#define MSR(f) STATE_U64(MsrState, f)
#define MSRS(f) STATE_U64_ARRAY(MsrState, f)
static const StateField msr_rows[] = {
    MSR(efer), MSR(star), MSR(lstar), MSR(cstar), MSR(fmask), MSR(kernel_gs_base), MSR(sysenter_cs), MSR(sysenter_esp),
    MSR(sysenter_eip), MSR(apic_base), MSR(pat), MSR(tsc_aux), MSR(tsc_adjust), MSR(tsc_offset), MSR(misc_enable),
    MSR(feature_control), MSR(spec_ctrl), MSR(virt_spec_ctrl), MSR(arch_capabilities), MSR(mcg_cap), MSR(mcg_status),
    MSR(mcg_ctl), MSRS(mce_banks), MSR(smbase), MSR(smi_count), MSR(bndcfgs), MSR(xss), MSR(tsc_deadline),
    MSR(mtrr_def_type), MSRS(mtrr_fixed), MSRS(mtrr_phys_base), MSRS(mtrr_phys_mask), MSR(debugctl),
    MSR(last_branch_from), MSR(last_branch_to), MSR(vm_hsave_pa), MSR(u_cet), MSR(s_cet), MSR(umwait_control), MSR(pkrs),
    MSR(perf_global_ctrl), MSR(ucode_rev), MSR(xfd), MSR(xfd_err), MSR(core_thread_count), MSR(tsc_ratio), MSR(hwcr),
    MSR(syscfg), MSR(msr_platform_info), MSR(tsc_saved),
    MSR(kvm_wall_clock), MSR(kvm_system_time), MSR(kvm_async_pf_en), MSR(kvm_steal_time), MSR(kvm_pv_eoi_en),
    MSR(kvm_poll_control), MSR(kvm_async_pf_int),
    MSR(hv_guest_os_id), MSR(hv_hypercall), MSR(hv_vp_runtime), MSR(hv_reference_tsc), MSR(hv_vp_assist), MSRS(hv_synic),
    MSRS(hv_sint), MSRS(hv_stimer), MSRS(hv_crash), MSRS(hv_reenlightenment), { }
};

/* The death report's ring: what led here is told wherever the guest dies. */
static const StateField event_rows[] = {
    STATE_U64(CpuEvent, rip), STATE_U64(CpuEvent, cr2), STATE_U64(CpuEvent, tsc), STATE_U32(CpuEvent, error_code),
    STATE_U32(CpuEvent, mode_flags), STATE_U16(CpuEvent, cs), STATE_U8(CpuEvent, vector), STATE_BOOL(CpuEvent, has_error),
    STATE_BOOL(CpuEvent, is_interrupt), STATE_BOOL(CpuEvent, is_software), { }
};

#define SVM(type, f) STATE_##type(SvmState, f)
static const StateField svm_rows[] = {
    SVM(BOOL, guest), SVM(BOOL, gif), SVM(BOOL, watch), SVM(BOOL, smm_guest), SVM(BOOL, host_if),
    SVM(BOOL, host_nmi_blocked), SVM(BOOL, nested), SVM(BOOL, nested_long), SVM(BOOL, nested_nx), SVM(U32, asid),
    SVM(U32_ARRAY, intercept), SVM(U16, pause_filter), SVM(U16, pause_threshold), SVM(U16, pause_left), SVM(U64, vmcb),
    SVM(U64, iopm), SVM(U64, msrpm), SVM(U64, nested_cr3), SVM(U64, nested_cr4), SVM(U64, tsc_offset), SVM(U64, int_ctl),
    SVM(U64, virt_ext), SVM(U64, event_inj), SVM(U64, pause_last), SVM(U64, vm_cr), SVM(U64, host_pat),
    SVM(U64, delivering), SVM(U64, cr2_before), STATE_BYTES(SvmState, host), { }
};

#define IN_FLIGHT(f) STATE_U8(CpuX86, in_flight.f)
const StateField x86_cpu_state[] = {
    STATE_U64_ARRAY(CpuX86, regs), STATE_U64(CpuX86, rip), STATE_U64(CpuX86, rflags_saved),
    STATE_STRUCT_ARRAY(CpuX86, seg, SegmentCache, segment_rows), STATE_STRUCT(CpuX86, ldtr, SegmentCache, segment_rows),
    STATE_STRUCT(CpuX86, tr, SegmentCache, segment_rows), STATE_U64(CpuX86, gdtr.base), STATE_U32(CpuX86, gdtr.limit),
    STATE_U64(CpuX86, idtr.base), STATE_U32(CpuX86, idtr.limit),
    STATE_U64(CpuX86, cr0), STATE_U64(CpuX86, cr2), STATE_U64(CpuX86, cr3), STATE_U64(CpuX86, cr4), STATE_U64(CpuX86, xcr0),
    STATE_U64_ARRAY(CpuX86, pdpte), STATE_U64_ARRAY(CpuX86, dr),
    STATE_STRUCT(CpuX86, fpu, FpuState, fpu_rows), STATE_STRUCT(CpuX86, msr, MsrState, msr_rows),
    STATE_STRUCT(CpuX86, svm, SvmState, svm_rows),
    STATE_BOOL(CpuX86, smm), STATE_BOOL(CpuX86, nmi_blocked), STATE_BOOL(CpuX86, in_hlt), STATE_BOOL(CpuX86, in_shutdown),
    STATE_BOOL(CpuX86, wait_for_sipi), STATE_BOOL(CpuX86, a20_masked), STATE_U8(CpuX86, interrupt_shadow),
    STATE_U8(CpuX86, sipi_vector), STATE_BOOL(CpuX86, monitor_armed), STATE_U64(CpuX86, monitor_addr),
    STATE_U32(CpuX86, cpu.halted), STATE_U32(CpuX86, cpu.interrupt_request),
    STATE_STRUCT_ARRAY(CpuX86, events, CpuEvent, event_rows), STATE_U32(CpuX86, event_count),
    IN_FLIGHT(exception_injected), IN_FLIGHT(exception_pending), IN_FLIGHT(exception_vector),
    IN_FLIGHT(exception_has_error), IN_FLIGHT(exception_has_payload), IN_FLIGHT(interrupt_injected),
    IN_FLIGHT(interrupt_vector), IN_FLIGHT(interrupt_soft), IN_FLIGHT(shadow), IN_FLIGHT(nmi_injected),
    IN_FLIGHT(nmi_pending), IN_FLIGHT(smi_pending), IN_FLIGHT(smm_inside_nmi), IN_FLIGHT(init_latched),
    STATE_U32(CpuX86, in_flight.exception_error), STATE_U32(CpuX86, in_flight.mp_state),
    STATE_U64(CpuX86, in_flight.exception_payload), { }
};

void x86_cpu_pre_save(Device *dev)
{
    CpuX86 *cpu = CPU_X86(dev);

    cpu_state_pull(&cpu->cpu);
    cpu->rflags_saved = cpu_get_rflags(cpu);
}

/* A register with a value that no instruction could have given it; NULL: none. KVM knows itself what it can take. */
static const char *impossible_register(const CpuX86 *cpu)
{
    uint64_t efer = cpu->msr.efer;
    bool paging = cpu->cr0 & CR0_PG, long_mode = efer & EFER_LMA;

    if (cpu->cpu.kvm) {
        return NULL;
    }
    if (cpu->cr0 >> 32 || (paging && !(cpu->cr0 & CR0_PE)) || (cpu->cr0 & CR0_NW && !(cpu->cr0 & CR0_CD))) {
        return "CR0";
    }
    if (efer & ~cpu_efer_valid(cpu) || long_mode != (efer & EFER_LME && paging)) {
        return "EFER";
    }
    if (cpu->cr4 & ~cpu_cr4_valid(cpu) || (long_mode && !(cpu->cr4 & CR4_PAE)) || (cpu->cr4 & CR4_PCIDE && !long_mode)) {
        return "CR4";
    }
    if (long_mode ? cpu->cr3 >> cpu->maxphyaddr : cpu->cr3 >> 32) {
        return "CR3";
    }
    if (x86_cpu_xcr0_mask(cpu) ? !x86_cpu_xcr0_valid(cpu, cpu->xcr0) : cpu->xcr0 != 1) {
        return "XCR0";
    }
    if (cpu->fpu.mxcsr & ~MXCSR_WRITABLE) {
        return "MXCSR";
    }
    if (cpu->msr.apic_base >> cpu->maxphyaddr) {
        return "APIC_BASE";
    }
    return NULL;
}

bool x86_cpu_post_load(Device *dev, unsigned version, GError **err)
{
    CpuX86 *cpu = CPU_X86(dev);
    const char *name = impossible_register(cpu);

    if (name) {
        return error_set(err, "vCPU %d: %s has a value that is impossible for this model", cpu->cpu.index, name);
    }
    if (cpu->interrupt_shadow > 2 || cpu->cpu.halted > 1) {
        return error_set(err, "vCPU %d: impossible activity state", cpu->cpu.index);
    }
    if (!svm_loaded(cpu)) {
        return error_set(err, "vCPU %d: impossible state of an SVM guest", cpu->cpu.index);
    }
    cpu->dr[6] = (cpu->dr[6] & DR6_WRITABLE) | DR6_FIXED1;
    cpu->dr[7] = (cpu->dr[7] & DR7_WRITABLE) | DR7_FIXED1;
    x87_update_summary(cpu);
    cpu_set_rflags(cpu, cpu->rflags_saved & RFLAGS_SETTABLE);
    cpu_update_mode(cpu);
    if (!(cpu->mode_flags & MODE_CS64)) {
        cpu->rip = (uint32_t)cpu->rip;
    }
    cpu_pkru_changed(cpu);
    cpu_state_changed(&cpu->cpu);
    return true;
}
