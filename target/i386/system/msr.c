/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers.
 *
 * A row gives a range of indices, the CPUID feature without which they do not exist, where the value lies in MsrState, and
 * which bits a write may set; functions where that is not all. Any index without a row is #GP(0), as is a write of a bit
 * that its row does not name. Which registers exist follows what firmware and kernels touch without
 * guarding themselves. Spec: Intel SDM vol. 4, AMD APM vol. 2 appendix A.
 */
#include "core/log.h"
#include "target/i386/exec/exec.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/system/cpu_models.h"
#include "target/i386/system/msr.h"
#include "target/i386/system/system.h"

typedef struct MsrRow {
    uint32_t first, last;
    const char *name;
    uint32_t field;             /* MSR_AT: offset in CpuX86 plus 1; 0: no storage, reads as 0 */
    uint8_t stride;             /* fields from one index to the next */
    uint64_t writable;          /* other bits raise #GP when set */
    uint8_t flags;              /* MSR_* below */
    uint16_t feature, feature2; /* either will do; 0: always there */
    uint64_t *(*place)(CpuX86 *cpu, uint32_t index);                /* storage that is more than one field */
    bool (*read)(CpuX86 *cpu, uint32_t index, uint64_t *value);
    bool (*write)(CpuX86 *cpu, uint32_t index, uint64_t value);     /* false: #GP */
} MsrRow;
enum {
    MSR_READ_ONLY = 1,          /* a write is #GP */
    MSR_DROP = 2,               /* a write is accepted and changes nothing */
    MSR_WRITE_ONLY = 4, MSR_AMD = 8, MSR_INTEL = 16,
    MSR_CANONICAL = 32,         /* the value must be a canonical address */
    MSR_ELSEWHERE = 64          /* KVM's: only its value has a place here */
};
#define ALL UINT64_MAX
#define MSR_AT(f) .field = offsetof(CpuX86, f) + 1
#define ONE(i, n) .first = i, .last = i, .name = n

static bool is_amd(const CpuX86 *cpu) { return x86_cpu_is_amd(cpu); }

/* Time. */

static bool read_tsc(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = cpu_guest_tsc(cpu);
    return true;
}

static bool write_tsc(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    uint64_t moved = value - cpu_tsc(cpu);

    cpu->msr.tsc_offset += moved;
    cpu->msr.tsc_adjust += moved;
    apic_tsc_changed(cpu->apic);
    return true;
}

static bool write_tsc_adjust(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    cpu->msr.tsc_offset += value - cpu->msr.tsc_adjust;
    cpu->msr.tsc_adjust = value;
    apic_tsc_changed(cpu->apic);
    return true;
}

static bool read_deadline(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = apic_get_deadline(cpu->apic);
    return true;
}

static bool write_deadline(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    apic_set_deadline(cpu->apic, value);
    return true;
}

/* The local APIC. */

static bool write_apic_base(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    uint64_t old = cpu->msr.apic_base, mode = value & (APIC_BASE_ENABLE | APIC_BASE_EXTD);
    uint64_t old_mode = old & (APIC_BASE_ENABLE | APIC_BASE_EXTD);

    if (value >> cpu->maxphyaddr || value & 0x2ff || mode == APIC_BASE_EXTD ||
        (mode & APIC_BASE_EXTD && !cpu_has(cpu, FEATURE_X2APIC)) ||
        (mode == (APIC_BASE_ENABLE | APIC_BASE_EXTD) && !old_mode) ||
        (mode == APIC_BASE_ENABLE && old_mode == (APIC_BASE_ENABLE | APIC_BASE_EXTD))) {
        return false;
    }
    apic_set_base(cpu->apic, (value & ~(uint64_t)APIC_BASE_BSP) | (old & APIC_BASE_BSP));
    cpu_tlb_flush_worlds(cpu);
    return true;
}

static bool read_x2apic(CpuX86 *cpu, uint32_t index, uint64_t *value) { return apic_msr_read(cpu->apic, index - MSR_X2APIC_FIRST, value); }
static bool write_x2apic(CpuX86 *cpu, uint32_t index, uint64_t value) { return apic_msr_write(cpu->apic, index - MSR_X2APIC_FIRST, value); }

/* Memory types. */

static bool valid_memory_type(unsigned type, bool pat) { return type == 0 || type == 1 || (type >= 4 && type <= 6) || (pat && type == 7); }

static bool write_pat(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    for (unsigned i = 0; i < 64; i += 8) {
        if (!valid_memory_type(value >> i & 0xff, true)) {
            return false;
        }
    }
    cpu->msr.pat = value;
    return true;
}

static uint64_t *place_mtrr_fixed(CpuX86 *cpu, uint32_t index)
{
    return &cpu->msr.mtrr_fixed[index == 0x250 ? 0 : index <= 0x259 ? index - 0x258 + 1 : index - 0x268 + 3];
}

static bool write_mtrr_fixed(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    for (unsigned i = 0; i < 64; i += 8) {
        if (!valid_memory_type(value >> i & 0xff, false)) {
            return false;
        }
    }
    *place_mtrr_fixed(cpu, index) = value;
    return true;
}

static bool read_mtrr_fixed(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = *place_mtrr_fixed(cpu, index);
    return true;
}

static uint64_t *place_mtrr_variable(CpuX86 *cpu, uint32_t index)
{
    return &(index & 1 ? cpu->msr.mtrr_phys_mask : cpu->msr.mtrr_phys_base)[(index - 0x200) / 2];
}

static bool write_mtrr_variable(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    uint64_t beyond = ~0ull << cpu->maxphyaddr;

    if (index & 1) {
        if (value & (beyond | 0x7ff)) {
            return false;
        }
    } else {
        if (value & (beyond | 0xf00) || !valid_memory_type(value & 0xff, false)) {
            return false;
        }
    }
    *place_mtrr_variable(cpu, index) = value;
    return true;
}

static bool read_mtrr_variable(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = *place_mtrr_variable(cpu, index);
    return true;
}

static bool write_mtrr_type(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    if (value & ~0xcffull || !valid_memory_type(value & 0xff, false)) {
        return false;
    }
    cpu->msr.mtrr_def_type = value;
    return true;
}

static bool read_mtrr_cap(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = 8 | 1 << 8 | 1 << 10;              /* eight variable, the fixed ones, write combining */
    return true;
}

/* Machine check. */

enum { MCE_BANKS = 10 };

static bool write_mc_bank(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    unsigned n = index - 0x400;
    bool status_write = is_amd(cpu) && cpu->msr.hwcr & (1 << 18);

    switch (n % 4) {
    case 0:                                     /* CTL: all ones or all zeros, give or take a bit that kernels clear */
        if (value && (value | (1 << 10) | 1) != ALL) {
            return false;
        }
        break;
    case 1:                                     /* STATUS: only 0 may be written */
        if (value && !status_write) {
            return false;
        }
        break;
    }
    cpu->msr.mce_banks[n] = value;
    return true;
}

static uint64_t *place_mc_bank(CpuX86 *cpu, uint32_t index) { return &cpu->msr.mce_banks[index - MSR_MC0_CTL]; }

static bool read_mc_bank(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = *place_mc_bank(cpu, index);
    return true;
}

static bool write_mcg_ctl(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    if (value && value != ALL) {
        return false;
    }
    cpu->msr.mcg_ctl = value;
    return true;
}

/* Long mode. */

static bool write_efer(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    cpu_set_efer(cpu, value);
    return true;
}

static bool read_segment_base(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = cpu->seg[index == MSR_FS_BASE ? R_FS : R_GS].base;
    return true;
}

static bool write_segment_base(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    cpu->seg[index == MSR_FS_BASE ? R_FS : R_GS].base = value;
    return true;
}

/* What a CPU model declares. */

/* SVM. */

static bool write_vm_cr(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    const uint64_t kept = cpu->svm.vm_cr & VM_CR_LOCK ? VM_CR_LOCK | VM_CR_SVMDIS : 0;

    value = (value & ~kept) | (cpu->svm.vm_cr & kept);
    if (value & ~(uint64_t)(VM_CR_DPD | VM_CR_R_INIT | VM_CR_DIS_A20M | VM_CR_LOCK | VM_CR_SVMDIS) ||
        (value & VM_CR_SVMDIS && cpu->msr.efer & EFER_SVME)) {
        return false;
    }
    cpu->svm.vm_cr = value;
    return true;
}

static bool write_hsave(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    if (value & ~TLB_PAGE_MASK || value >> cpu->maxphyaddr) {
        return false;
    }
    cpu->msr.vm_hsave_pa = value;
    return true;
}

static bool read_arch_capabilities(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = cpu->features[FEATURE_WORD_ARCH_CAPABILITIES] | (uint64_t)cpu->features[FEATURE_WORD_ARCH_CAPABILITIES_HIGH] << 32;
    return true;
}

static bool read_core_capability(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = cpu->features[FEATURE_WORD_CORE_CAPABILITY];
    return true;
}

static bool read_core_thread_count(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    uint32_t cores = cpu->cores_per_socket, threads = cores * cpu->threads_per_core;

    *value = (cores & 0xffff) << 16 | (threads & 0xffff);
    return true;
}

static bool read_perf_status(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = 1000 | 4ull << 40;                 /* a bus ratio that divides nothing by zero */
    return true;
}

static bool read_l2_control(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = 0xbe702111;                        /* L2 present and enabled: drivers poll for it */
    return true;
}

static bool read_de_cfg(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    *value = 2;                                 /* LFENCE is serialising */
    return true;
}

static bool write_pat_command(CpuX86 *cpu, uint32_t index, uint64_t value) { return !(value & ~1ull); }

static bool write_xss(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    if (value & ~x86_cpu_xss_mask(cpu)) {
        return false;
    }
    cpu->msr.xss = value;
    return true;
}

static bool write_pkrs(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    cpu->msr.pkrs = value;
    cpu_pkru_changed(cpu);
    return true;
}

static bool write_ucode(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    return !value || is_amd(cpu);               /* Intel: 0 is written before CPUID(1) to fetch the revision */
}

/* Hyper-V's in ranges. */
static uint64_t *place_hyperv(CpuX86 *cpu, uint32_t index)
{
    switch (index >> 4 & 0xff) {
    case 0x08: return &cpu->msr.hv_synic[index & 3];
    case 0x09: return &cpu->msr.hv_sint[index & 15];
    case 0x0b: return &cpu->msr.hv_stimer[index & 7];
    default:   return index < 0x40000106 ? &cpu->msr.hv_crash[index & 7] : &cpu->msr.hv_reenlightenment[index - 0x40000106];
    }
}

/* Sorted by index. */
static const MsrRow rows[] = {
    { .first = 0x0, .last = 0x1, .name = "P5_MC", .flags = MSR_DROP },
    { ONE(MSR_TSC, "TSC"), .feature = FEATURE_TSC, .read = read_tsc, .write = write_tsc },
    { ONE(0x17, "PLATFORM_ID"), .flags = MSR_DROP },
    { ONE(MSR_APIC_BASE, "APIC_BASE"), MSR_AT(msr.apic_base), .feature = FEATURE_APIC, .write = write_apic_base },
    { ONE(0x2a, "EBL_CR_POWERON"), .flags = MSR_DROP },
    { ONE(0x33, "TEST_CTRL"), .flags = MSR_DROP, .feature = FEATURE_CORE_CAPABILITY },
    { ONE(0x34, "SMI_COUNT"), MSR_AT(msr.smi_count), .flags = MSR_READ_ONLY },
    { ONE(0x35, "CORE_THREAD_COUNT"), .flags = MSR_READ_ONLY, .read = read_core_thread_count },
    { ONE(0x3a, "FEATURE_CONTROL"), MSR_AT(msr.feature_control), .writable = 0xff07 | 1 << 17 | 1 << 18 | 1 << 20 },
    { ONE(MSR_TSC_ADJUST, "TSC_ADJUST"), MSR_AT(msr.tsc_adjust), .feature = FEATURE_TSC_ADJUST, .write = write_tsc_adjust },
    { ONE(MSR_SPEC_CTRL, "SPEC_CTRL"), MSR_AT(msr.spec_ctrl), .writable = 0x7 | 1 << 7 | 1 << 8 | 1 << 10, .feature = FEATURE_SPEC_CTRL,
      .feature2 = FEATURE_IBRS },
    { ONE(0x49, "PRED_CMD"), .flags = MSR_WRITE_ONLY, .feature = FEATURE_SPEC_CTRL, .feature2 = FEATURE_IBPB,
      .write = write_pat_command },
    { ONE(0x79, "BIOS_UPDT_TRIG"), .flags = MSR_DROP | MSR_WRITE_ONLY },
    { ONE(0x8b, "BIOS_SIGN_ID"), MSR_AT(msr.ucode_rev), .write = write_ucode },
    { ONE(0x9b, "SMM_MONITOR_CTL"), .flags = MSR_DROP },
    { ONE(0x9e, "SMBASE"), MSR_AT(msr.smbase), .flags = MSR_READ_ONLY },
    { .first = 0xc1, .last = 0xc8, .name = "PMC", .flags = MSR_DROP },
    { ONE(0xcd, "FSB_FREQ"), .flags = MSR_DROP },
    { ONE(0xce, "PLATFORM_INFO"), MSR_AT(msr.msr_platform_info), .writable = 1u << 31, .flags = MSR_INTEL },
    { ONE(0xcf, "CORE_CAPABILITIES"), .flags = MSR_READ_ONLY, .feature = FEATURE_CORE_CAPABILITY, .read = read_core_capability },
    { ONE(0xe1, "UMWAIT_CONTROL"), MSR_AT(msr.umwait_control), .writable = 0xfffffffd, .feature = FEATURE_WAITPKG },
    { ONE(0xe2, "PKG_CST_CONFIG_CONTROL"), .flags = MSR_DROP | MSR_INTEL },
    { ONE(0xfe, "MTRRCAP"), .flags = MSR_READ_ONLY, .feature = FEATURE_MTRR, .read = read_mtrr_cap },
    { ONE(0x10a, "ARCH_CAPABILITIES"), .flags = MSR_READ_ONLY, .feature = FEATURE_ARCH_CAPABILITIES, .read = read_arch_capabilities },
    { ONE(0x10b, "FLUSH_CMD"), .flags = MSR_WRITE_ONLY, .feature = FEATURE_FLUSH_L1D, .write = write_pat_command },
    { ONE(0x11e, "BBL_CR_CTL3"), .flags = MSR_DROP | MSR_INTEL, .read = read_l2_control },
    { ONE(0x122, "TSX_CTRL"), .flags = MSR_DROP, .feature = FEATURE_TSX_CTRL },
    { ONE(0x140, "MISC_FEATURES_ENABLES"), .flags = MSR_DROP | MSR_INTEL },
    { ONE(MSR_SYSENTER_CS, "SYSENTER_CS"), MSR_AT(msr.sysenter_cs), .writable = UINT32_MAX, .feature = FEATURE_SEP },
    { ONE(MSR_SYSENTER_ESP, "SYSENTER_ESP"), MSR_AT(msr.sysenter_esp), .writable = ALL, .flags = MSR_CANONICAL, .feature = FEATURE_SEP },
    { ONE(MSR_SYSENTER_EIP, "SYSENTER_EIP"), MSR_AT(msr.sysenter_eip), .writable = ALL, .flags = MSR_CANONICAL, .feature = FEATURE_SEP },
    { ONE(0x179, "MCG_CAP"), MSR_AT(msr.mcg_cap), .flags = MSR_READ_ONLY },
    { ONE(0x17a, "MCG_STATUS"), MSR_AT(msr.mcg_status), .writable = 0xf },
    { ONE(0x17b, "MCG_CTL"), MSR_AT(msr.mcg_ctl), .write = write_mcg_ctl },
    { .first = 0x186, .last = 0x18d, .name = "PERFEVTSEL", .flags = MSR_DROP },
    { ONE(0x198, "PERF_STATUS"), .flags = MSR_DROP, .read = read_perf_status },
    { ONE(0x199, "PERF_CTL"), .flags = MSR_DROP },
    { .first = 0x19a, .last = 0x19c, .name = "THERM", .flags = MSR_DROP },
    { ONE(MSR_MISC_ENABLE, "MISC_ENABLE"), MSR_AT(msr.misc_enable), .writable = ALL },
    { ONE(0x1a2, "TEMPERATURE_TARGET"), .flags = MSR_DROP | MSR_INTEL },
    { ONE(0x1ad, "TURBO_RATIO_LIMIT"), .flags = MSR_DROP | MSR_INTEL },
    { ONE(0x1c4, "XFD"), MSR_AT(msr.xfd), .writable = 1 << 18, .feature = FEATURE_XFD },
    { ONE(0x1c5, "XFD_ERR"), MSR_AT(msr.xfd_err), .writable = 1 << 18, .feature = FEATURE_XFD },
    { ONE(0x1c9, "LASTBRANCH_TOS"), .flags = MSR_DROP },
    { ONE(0x1d9, "DEBUGCTL"), MSR_AT(msr.debugctl), .writable = 0xffff },
    { ONE(0x1db, "LASTBRANCHFROMIP"), MSR_AT(msr.last_branch_from), .flags = MSR_DROP },
    { ONE(0x1dc, "LASTBRANCHTOIP"), MSR_AT(msr.last_branch_to), .flags = MSR_DROP },
    { .first = 0x1dd, .last = 0x1de, .name = "LASTINTFROMIP", .flags = MSR_DROP },
    { .first = 0x200, .last = 0x20f, .name = "MTRR_PHYS", .feature = FEATURE_MTRR,
      .place = place_mtrr_variable, .read = read_mtrr_variable, .write = write_mtrr_variable },
    { ONE(0x250, "MTRR_FIX64K"), .feature = FEATURE_MTRR, .place = place_mtrr_fixed, .read = read_mtrr_fixed,
      .write = write_mtrr_fixed },
    { .first = 0x258, .last = 0x259, .name = "MTRR_FIX16K", .feature = FEATURE_MTRR, .place = place_mtrr_fixed,
      .read = read_mtrr_fixed, .write = write_mtrr_fixed },
    { .first = 0x268, .last = 0x26f, .name = "MTRR_FIX4K", .feature = FEATURE_MTRR, .place = place_mtrr_fixed,
      .read = read_mtrr_fixed, .write = write_mtrr_fixed },
    { ONE(MSR_PAT, "PAT"), MSR_AT(msr.pat), .feature = FEATURE_PAT, .write = write_pat },
    { .first = 0x280, .last = 0x280 + MCE_BANKS - 1, .name = "MC_CTL2", .flags = MSR_DROP | MSR_INTEL },
    { ONE(0x2ff, "MTRR_DEF_TYPE"), MSR_AT(msr.mtrr_def_type), .feature = FEATURE_MTRR, .write = write_mtrr_type },
    { .first = 0x309, .last = 0x30b, .name = "FIXED_CTR", .flags = MSR_DROP },
    { ONE(0x345, "PERF_CAPABILITIES"), .flags = MSR_DROP, .feature = FEATURE_PDCM },
    { .first = 0x38d, .last = 0x390, .name = "PERF_GLOBAL", .flags = MSR_DROP },
    { .first = 0x400, .last = 0x400 + 4 * MCE_BANKS - 1, .name = "MC_BANK", .place = place_mc_bank, .read = read_mc_bank,
      .write = write_mc_bank },
    { ONE(0x606, "RAPL_POWER_UNIT"), .flags = MSR_DROP | MSR_INTEL },
    { ONE(0x611, "PKG_ENERGY_STATUS"), .flags = MSR_DROP | MSR_INTEL },
    { ONE(0x619, "DRAM_ENERGY_STATUS"), .flags = MSR_DROP | MSR_INTEL },
    { ONE(0x639, "PP0_ENERGY_STATUS"), .flags = MSR_DROP | MSR_INTEL },
    { ONE(0x641, "PP1_ENERGY_STATUS"), .flags = MSR_DROP | MSR_INTEL },
    { ONE(MSR_TSC_DEADLINE, "TSC_DEADLINE"), .feature = FEATURE_TSC_DEADLINE, .read = read_deadline, .write = write_deadline },
    { ONE(0x6e1, "PKRS"), MSR_AT(msr.pkrs), .writable = UINT32_MAX, .feature = FEATURE_PKS, .write = write_pkrs },
    { .first = MSR_X2APIC_FIRST, .last = MSR_X2APIC_LAST, .name = "X2APIC", .feature = FEATURE_X2APIC, .read = read_x2apic,
      .write = write_x2apic },
    { ONE(0xda0, "XSS"), MSR_AT(msr.xss), .feature = FEATURE_XSAVES, .write = write_xss },
    { ONE(0x40000000, "HV_GUEST_OS_ID"), MSR_AT(msr.hv_guest_os_id), .flags = MSR_DROP | MSR_ELSEWHERE },
    { ONE(0x40000001, "HV_HYPERCALL"), MSR_AT(msr.hv_hypercall), .flags = MSR_DROP | MSR_ELSEWHERE },
    { ONE(0x40000010, "HV_VP_RUNTIME"), MSR_AT(msr.hv_vp_runtime), .flags = MSR_DROP | MSR_ELSEWHERE },
    { ONE(0x40000021, "HV_REFERENCE_TSC"), MSR_AT(msr.hv_reference_tsc), .flags = MSR_DROP | MSR_ELSEWHERE },
    { ONE(0x40000073, "HV_VP_ASSIST_PAGE"), MSR_AT(msr.hv_vp_assist), .flags = MSR_DROP | MSR_ELSEWHERE },
    { .first = 0x40000080, .last = 0x40000083, .name = "HV_SYNIC", .flags = MSR_DROP | MSR_ELSEWHERE, .place = place_hyperv },
    { .first = 0x40000090, .last = 0x4000009f, .name = "HV_SINT", .flags = MSR_DROP | MSR_ELSEWHERE, .place = place_hyperv },
    { .first = 0x400000b0, .last = 0x400000b7, .name = "HV_STIMER", .flags = MSR_DROP | MSR_ELSEWHERE, .place = place_hyperv },
    { .first = 0x40000100, .last = 0x40000104, .name = "HV_CRASH", .flags = MSR_DROP | MSR_ELSEWHERE, .place = place_hyperv },
    { .first = 0x40000106, .last = 0x40000108, .name = "HV_REENLIGHTENMENT", .flags = MSR_DROP | MSR_ELSEWHERE, .place = place_hyperv },
    { ONE(0x4b564d00, "KVM_WALL_CLOCK"), MSR_AT(msr.kvm_wall_clock), .flags = MSR_DROP, .feature = FEATURE_KVMCLOCK },
    { ONE(0x4b564d01, "KVM_SYSTEM_TIME"), MSR_AT(msr.kvm_system_time), .flags = MSR_DROP, .feature = FEATURE_KVMCLOCK },
    { ONE(0x4b564d02, "KVM_ASYNC_PF_EN"), MSR_AT(msr.kvm_async_pf_en), .flags = MSR_DROP, .feature = FEATURE_KVM_ASYNCPF },
    { ONE(0x4b564d03, "KVM_STEAL_TIME"), MSR_AT(msr.kvm_steal_time), .flags = MSR_DROP, .feature = FEATURE_KVM_STEAL_TIME },
    { ONE(0x4b564d04, "KVM_PV_EOI_EN"), MSR_AT(msr.kvm_pv_eoi_en), .flags = MSR_DROP, .feature = FEATURE_KVM_PV_EOI },
    { ONE(0x4b564d05, "KVM_POLL_CONTROL"), MSR_AT(msr.kvm_poll_control), .flags = MSR_DROP, .feature = FEATURE_KVM_POLL_CONTROL },
    { ONE(0x4b564d06, "KVM_ASYNC_PF_INT"), MSR_AT(msr.kvm_async_pf_int), .flags = MSR_DROP, .feature = FEATURE_KVM_ASYNCPF_INT },
    { ONE(MSR_EFER, "EFER"), MSR_AT(msr.efer), .feature = FEATURE_SYSCALL, .feature2 = FEATURE_NX, .write = write_efer },
    { ONE(MSR_STAR, "STAR"), MSR_AT(msr.star), .writable = ALL, .feature = FEATURE_SYSCALL },
    { ONE(MSR_LSTAR, "LSTAR"), MSR_AT(msr.lstar), .writable = ALL, .flags = MSR_CANONICAL, .feature = FEATURE_LM },
    { ONE(MSR_CSTAR, "CSTAR"), MSR_AT(msr.cstar), .writable = ALL, .flags = MSR_CANONICAL, .feature = FEATURE_LM },
    { ONE(MSR_FMASK, "FMASK"), MSR_AT(msr.fmask), .writable = UINT32_MAX, .feature = FEATURE_LM },
    { .first = MSR_FS_BASE, .last = MSR_GS_BASE, .name = "FS_GS_BASE", .flags = MSR_CANONICAL, .feature = FEATURE_LM,
      .read = read_segment_base, .write = write_segment_base },
    { ONE(MSR_KERNEL_GS_BASE, "KERNEL_GS_BASE"), MSR_AT(msr.kernel_gs_base), .writable = ALL, .flags = MSR_CANONICAL, .feature = FEATURE_LM },
    { ONE(MSR_TSC_AUX, "TSC_AUX"), MSR_AT(msr.tsc_aux), .writable = UINT32_MAX, .feature = FEATURE_RDTSCP, .feature2 = FEATURE_RDPID },
    { ONE(0xc0000104, "TSC_RATIO"), MSR_AT(msr.tsc_ratio), .writable = (1ull << 40) - 1, .feature = FEATURE_TSC_SCALE },
    { .first = 0xc0010000, .last = 0xc0010007, .name = "K7_PERF", .flags = MSR_DROP | MSR_AMD },
    { ONE(0xc0010010, "SYSCFG"), MSR_AT(msr.syscfg), .writable = ALL, .flags = MSR_AMD },
    { ONE(0xc0010015, "HWCR"), MSR_AT(msr.hwcr), .writable = ALL, .flags = MSR_AMD },
    { .first = 0xc0010016, .last = 0xc0010019, .name = "IORR", .flags = MSR_DROP | MSR_AMD },
    { ONE(0xc001001a, "TOP_MEM"), .flags = MSR_DROP | MSR_AMD },
    { ONE(0xc001001d, "TOP_MEM2"), .flags = MSR_DROP | MSR_AMD },
    { ONE(0xc001001f, "NB_CFG"), .flags = MSR_DROP | MSR_AMD },
    { ONE(0xc0010020, "PATCH_LOADER"), .flags = MSR_DROP | MSR_AMD },
    { ONE(0xc0010044, "MC0_CTL_MASK"), .flags = MSR_DROP | MSR_AMD },
    { .first = 0xc0010045, .last = 0xc001004a, .name = "MC_CTL_MASK", .flags = MSR_DROP | MSR_AMD },
    { ONE(0xc0010055, "INT_PENDING"), .flags = MSR_DROP | MSR_AMD },
    { ONE(0xc0010058, "MMIO_CFG_BASE"), .flags = MSR_DROP | MSR_AMD },
    { .first = 0xc0010061, .last = 0xc0010063, .name = "PSTATE", .flags = MSR_DROP | MSR_AMD },
    { .first = 0xc0010111, .last = 0xc0010113, .name = "SMM_TSEG", .flags = MSR_DROP | MSR_AMD },
    { ONE(0xc0010114, "VM_CR"), MSR_AT(svm.vm_cr), .feature = FEATURE_SVM, .write = write_vm_cr },
    { ONE(0xc0010117, "VM_HSAVE_PA"), MSR_AT(msr.vm_hsave_pa), .feature = FEATURE_SVM, .write = write_hsave },
    { ONE(0xc001011f, "VIRT_SPEC_CTRL"), MSR_AT(msr.virt_spec_ctrl), .writable = 4, .feature = FEATURE_VIRT_SSBD },
    { .first = 0xc0010140, .last = 0xc0010141, .name = "OSVW", .flags = MSR_DROP, .feature = FEATURE_OSVW },
    { .first = 0xc0010200, .last = 0xc001020b, .name = "PERF_CORE", .flags = MSR_DROP, .feature = FEATURE_PERFCTR_CORE },
    { .first = 0xc0011000, .last = 0xc0011005, .name = "CPUID_OVERRIDE", .flags = MSR_DROP | MSR_AMD },
    { .first = 0xc0011020, .last = 0xc0011023, .name = "LS_IC_DC_CFG", .flags = MSR_DROP | MSR_AMD },
    { ONE(0xc0011029, "DE_CFG"), .flags = MSR_DROP | MSR_AMD, .read = read_de_cfg },
    { ONE(0xc001102a, "BU_CFG2"), .flags = MSR_DROP | MSR_AMD },
};

static const MsrRow *row_of(uint32_t index)
{
    size_t low = 0, high = G_N_ELEMENTS(rows);

    while (low < high) {
        size_t middle = (low + high) / 2;
        const MsrRow *row = &rows[middle];

        if (index < row->first) {
            high = middle;
        } else if (index > row->last) {
            low = middle + 1;
        } else {
            return row;
        }
    }
    return NULL;
}

static const MsrRow *find_row(CpuX86 *cpu, uint32_t index)
{
    const MsrRow *row = row_of(index);

    if (!row || row->flags & MSR_ELSEWHERE || (row->flags & MSR_AMD && !is_amd(cpu)) || (row->flags & MSR_INTEL && is_amd(cpu))) {
        return NULL;
    }
    return !row->feature || cpu_has(cpu, row->feature) || (row->feature2 && cpu_has(cpu, row->feature2)) ? row : NULL;
}

static uint64_t *field_of(CpuX86 *cpu, const MsrRow *row) { return (uint64_t *)((uint8_t *)cpu + row->field - 1); }

uint64_t *msr_storage(CpuX86 *cpu, uint32_t index)
{
    const MsrRow *row = row_of(index);

    if (row && row->place) {
        return row->place(cpu, index);
    }
    return row && row->field ? field_of(cpu, row) : NULL;
}

bool msr_read(CpuX86 *cpu, uint32_t index, uint64_t *value)
{
    const MsrRow *row = find_row(cpu, index);

    if (!row || row->flags & MSR_WRITE_ONLY) {
        return false;
    }
    if (row->read) {
        return row->read(cpu, index, value);
    }
    *value = row->field ? *field_of(cpu, row) : 0;
    return true;
}

uint64_t cpu_rdmsr(CpuX86 *cpu, uint32_t index)
{
    uint64_t value;

    if (!msr_read(cpu, index, &value)) {
        LOG(LOG_UNIMP, "cpu %d: RDMSR 0x%x: no such register\n", cpu->cpu.index, index);
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_MSR_UNKNOWN, index, 0);
    }
    return value;
}

void cpu_wrmsr(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    const MsrRow *row = find_row(cpu, index);

    if (!row || row->flags & MSR_READ_ONLY) {
        LOG(LOG_UNIMP, "cpu %d: WRMSR 0x%x = 0x%" PRIx64 ": no such register\n", cpu->cpu.index, index, value);
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_MSR_UNKNOWN, index, value);
    }
    if (row->flags & MSR_DROP) {
        return;
    }
    if (row->flags & MSR_CANONICAL && !cpu_canonical(cpu, value)) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_MSR_VALUE, index, value);
    }
    if (row->write) {
        if (!row->write(cpu, index, value)) {
            cpu_fault(cpu, VECTOR_GP, 0, CAUSE_MSR_VALUE, index, value);
        }
        return;
    }
    if (value & ~row->writable) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_MSR_VALUE, index, value);
    }
    *field_of(cpu, row) = value;
}

void msr_reset(CpuX86 *cpu, bool bsp)
{
    MsrState *m = &cpu->msr;
    bool intel = !is_amd(cpu);
    uint64_t offset = m->tsc_offset;

    memset(m, 0, sizeof *m);
    m->tsc_offset = offset;                     /* a reset does not stop the TSC: all vCPUs stay in step */
    m->apic_base = APIC_BASE_DEFAULT | (cpu_has(cpu, FEATURE_APIC) ? APIC_BASE_ENABLE : 0) | (bsp ? APIC_BASE_BSP : 0);
    m->pat = 0x0007040600070406;
    m->misc_enable = 1;                         /* fast strings */
    if (intel && cpu_has(cpu, FEATURE_MONITOR)) {
        m->misc_enable |= 1 << 18;
    }
    m->feature_control = 0;
    m->tsc_ratio = 1ull << 32;
    m->smbase = 0x30000;
    m->mcg_cap = cpu_has(cpu, FEATURE_MCE) && cpu_has(cpu, FEATURE_MCA) ? MCE_BANKS | 1 << 8 | 1 << 24 : 0;
    m->mcg_ctl = m->mcg_cap ? ALL : 0;
    for (unsigned i = 0; m->mcg_cap && i < MCE_BANKS; i++) {
        m->mce_banks[4 * i] = ALL;
    }
    m->ucode_rev = intel ? 1ull << 32 : 0x01000065;
    m->msr_platform_info = 0x80000000;
    m->kvm_poll_control = 1;                    /* the host polls before it halts */
}

/* Time stamp counter. */

uint64_t cpu_tsc(CpuX86 *cpu)
{
    uint64_t ns = clock_ns(CLOCK_VIRTUAL);

    return (cpu->tsc_khz == 1000000 ? ns : muldiv64(ns, cpu->tsc_khz, 1000000)) + cpu->msr.tsc_offset;
}

/* SVM guests: the host's TSC, scaled by a ratio with 32 bits behind the point, and moved. */
uint64_t cpu_guest_tsc(CpuX86 *cpu)
{
    uint64_t tsc = cpu_tsc(cpu);

    if (cpu->svm.guest) {
        if (cpu_has(cpu, FEATURE_TSC_SCALE)) {
            tsc = (unsigned __int128)tsc * cpu->msr.tsc_ratio >> 32;
        }
        tsc += cpu->svm.tsc_offset;
    }
    return tsc;
}
