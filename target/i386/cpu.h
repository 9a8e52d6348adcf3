/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State of one x86 vCPU.
 *
 * Names follow the Intel SDM (volumes 1 and 3). Hot fields come first. Invariants between instructions:
 *  - rip is an offset in CS, already wrapped to the mode's width; linear address is seg[R_CS].base + rip.
 *  - arithmetic flags live in lazy form (flags.h): read them by cpu_get_rflags(), never from `rflags` alone.
 *  - segment caches hold the expanded descriptor (limit in bytes, granularity applied); attr as in descriptor bits 40-55.
 *  - x87 and vector state is kept in FXSAVE/XSAVE order so that host instructions load and store it directly.
 *  - `mode_flags` is a digest of everything a decoded block depends on; recomputed by cpu_update_mode() after any change
 *    of CR0, CR4, EFER, CS, SS, EFLAGS.VM, SMM, XCR0.
 */
#ifndef TARGET_I386_CPU_H
#define TARGET_I386_CPU_H

#include <setjmp.h>

#include "accel/accel.h"
#include "target/i386/features.h"

typedef struct CpuX86 CpuX86;
typedef struct Insn Insn;
typedef struct Apic Apic;
typedef struct CpuExec CpuExec;

enum { R_RAX, R_RCX, R_RDX, R_RBX, R_RSP, R_RBP, R_RSI, R_RDI, R_R8, R_R9, R_R10, R_R11, R_R12, R_R13, R_R14, R_R15 };
enum { R_ES, R_CS, R_SS, R_DS, R_FS, R_GS, SEG_COUNT };

enum {
    RFLAGS_CF = 1 << 0, RFLAGS_FIXED1 = 1 << 1, RFLAGS_PF = 1 << 2, RFLAGS_AF = 1 << 4, RFLAGS_ZF = 1 << 6,
    RFLAGS_SF = 1 << 7, RFLAGS_TF = 1 << 8, RFLAGS_IF = 1 << 9, RFLAGS_DF = 1 << 10, RFLAGS_OF = 1 << 11,
    RFLAGS_IOPL = 3 << 12, RFLAGS_NT = 1 << 14, RFLAGS_RF = 1 << 16, RFLAGS_VM = 1 << 17, RFLAGS_AC = 1 << 18,
    RFLAGS_VIF = 1 << 19, RFLAGS_VIP = 1 << 20, RFLAGS_ID = 1 << 21,
    RFLAGS_ARITH = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF
};
enum {
    CR0_PE = 1u << 0, CR0_MP = 1u << 1, CR0_EM = 1u << 2, CR0_TS = 1u << 3, CR0_ET = 1u << 4, CR0_NE = 1u << 5,
    CR0_WP = 1u << 16, CR0_AM = 1u << 18, CR0_NW = 1u << 29, CR0_CD = 1u << 30, CR0_PG = 1u << 31
};
enum {
    CR4_VME = 1 << 0, CR4_PVI = 1 << 1, CR4_TSD = 1 << 2, CR4_DE = 1 << 3, CR4_PSE = 1 << 4, CR4_PAE = 1 << 5,
    CR4_MCE = 1 << 6, CR4_PGE = 1 << 7, CR4_PCE = 1 << 8, CR4_OSFXSR = 1 << 9, CR4_OSXMMEXCPT = 1 << 10,
    CR4_UMIP = 1 << 11, CR4_LA57 = 1 << 12, CR4_VMXE = 1 << 13, CR4_SMXE = 1 << 14, CR4_FSGSBASE = 1 << 16,
    CR4_PCIDE = 1 << 17, CR4_OSXSAVE = 1 << 18, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21, CR4_PKE = 1 << 22,
    CR4_CET = 1 << 23, CR4_PKS = 1 << 24
};
enum { DEBUGCTL_LBR = 1 << 0, DEBUGCTL_BTF = 1 << 1 };
enum { EFER_SCE = 1 << 0, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11, EFER_SVME = 1 << 12, EFER_FFXSR = 1 << 14 };

enum {
    VECTOR_DE, VECTOR_DB, VECTOR_NMI, VECTOR_BP, VECTOR_OF, VECTOR_BR, VECTOR_UD, VECTOR_NM, VECTOR_DF, VECTOR_CSO,
    VECTOR_TS, VECTOR_NP, VECTOR_SS, VECTOR_GP, VECTOR_PF, VECTOR_MF = 16, VECTOR_AC, VECTOR_MC, VECTOR_XM, VECTOR_VE, VECTOR_CP,
    VECTOR_NONE = -1
};

/* Descriptor attributes, as bits of SegmentCache.attr (descriptor bits 40-55 shifted down by 40). */
enum {
    SEG_TYPE = 0x0f, SEG_S = 1 << 4, SEG_DPL_SHIFT = 5, SEG_DPL = 3 << 5, SEG_P = 1 << 7, SEG_AVL = 1 << 12,
    SEG_L = 1 << 13, SEG_DB = 1 << 14, SEG_G = 1 << 15,
    SEG_TYPE_ACCESSED = 1, SEG_TYPE_WRITABLE = 2, SEG_TYPE_READABLE = 2, SEG_TYPE_EXPAND_DOWN = 4, SEG_TYPE_CONFORMING = 4,
    SEG_TYPE_CODE = 8
};
typedef struct SegmentCache {
    uint64_t base;
    uint32_t limit;
    uint16_t selector;
    uint16_t attr;                              /* 0 for a null selector: unusable */
} SegmentCache;

/* Bits of Cpu.interrupt_request. */
enum {
    INTERRUPT_HARD = 1 << 0,                    /* PIC or local APIC has a vector */
    INTERRUPT_NMI = 1 << 1, INTERRUPT_SMI = 1 << 2, INTERRUPT_INIT = 1 << 3, INTERRUPT_SIPI = 1 << 4,
    INTERRUPT_POLL = 1 << 5,                    /* the local APIC must re-evaluate (timer, IPI) */
    INTERRUPT_MCE = 1 << 6, INTERRUPT_TLB = 1 << 7, INTERRUPT_DEBUG = 1 << 8, INTERRUPT_VIRQ = 1 << 9
};

/* mode_flags */
enum {
    MODE_CS32 = 1 << 0, MODE_CS64 = 1 << 1, MODE_SS32 = 1 << 2, MODE_PE = 1 << 3, MODE_VM86 = 1 << 4, MODE_LMA = 1 << 5,
    MODE_CPL_SHIFT = 6, MODE_CPL = 3 << 6,      /* 0 in real mode, 3 in vm86 */
    MODE_FLAT_DATA = 1 << 8,                    /* ES, SS, DS: base 0, limit 4 GiB, writable, expand-up: skip the checks */
    MODE_FLAT_CODE = 1 << 9,
    MODE_TS = 1 << 10, MODE_EM = 1 << 11, MODE_MP = 1 << 12, MODE_OSFXSR = 1 << 13, MODE_OSXSAVE = 1 << 14,
    MODE_AVX = 1 << 15, MODE_AVX512 = 1 << 16,  /* XCR0 enables them */
    MODE_SMM = 1 << 17, MODE_PAGING = 1 << 18, MODE_AM = 1 << 19, /* alignment checks possible: CR0.AM, CPL 3 */
    MODE_UMIP = 1 << 20, MODE_IOPL_OK = 1 << 21, /* CPL <= IOPL */
    MODE_SVM = 1 << 22,                         /* running an SVM guest: what may be intercepted asks first */
    MODE_SVM_PUSHF = 1 << 23                    /* PUSHF, which is translated in place, is intercepted */
};

/* Vector and x87 state. The FXSAVE image is loaded and stored whole by host instructions. */
typedef struct __attribute__((aligned(64))) FpuState {
    struct __attribute__((packed)) {
        uint16_t fcw, fsw; uint8_t ftw_abridged, reserved; uint16_t fop; uint64_t fip, fdp; uint32_t mxcsr, mxcsr_mask;
        uint8_t st[8][16];                      /* ST(0) first, as FXSAVE has it; MMX aliases by physical number */
        uint8_t xmm_low_unused[16][16];         /* never used: vector registers live in zmm below */
        uint8_t pad[96];
    } fx;
    uint64_t xsave_header[8];                   /* fx is the legacy region of an XSAVE area */
    uint8_t zmm[32][64];                        /* full registers; xmm and ymm are their low parts */
    uint64_t k[8];
    uint32_t mxcsr;                             /* the guest's; fx.mxcsr is scratch */
    uint32_t pkru;
    uint16_t fcs, fds;
} FpuState;

/* Death report: last events, oldest overwritten. */
typedef struct CpuEvent {
    uint64_t rip, cr2, tsc;
    uint32_t error_code, mode_flags;
    uint16_t cs;
    uint8_t vector;
    bool has_error, is_interrupt;               /* hardware interrupt rather than exception or INT n */
    bool is_software;                           /* INT n: the vector names no exception */
} CpuEvent;
#define CPU_EVENTS 16

typedef struct MsrState {
    uint64_t efer, star, lstar, cstar, fmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t apic_base, pat, tsc_aux, tsc_adjust, tsc_offset, misc_enable, feature_control, spec_ctrl, virt_spec_ctrl,
             arch_capabilities, mcg_cap, mcg_status, mcg_ctl, mce_banks[32 * 4], smbase, smi_count, bndcfgs, xss, tsc_deadline,
             mtrr_def_type, mtrr_fixed[11], mtrr_phys_base[8], mtrr_phys_mask[8], debugctl, last_branch_from, last_branch_to,
             vm_hsave_pa, u_cet, s_cet, umwait_control, pkrs, perf_global_ctrl, ucode_rev, xfd, xfd_err, core_thread_count,
             tsc_ratio, hwcr, syscfg, msr_platform_info, tsc_saved;
    uint64_t kvm_wall_clock, kvm_system_time, kvm_async_pf_en, kvm_steal_time, kvm_pv_eoi_en, kvm_poll_control, kvm_async_pf_int;
    uint64_t hv_guest_os_id, hv_hypercall, hv_vp_runtime, hv_reference_tsc, hv_vp_assist, hv_synic[4], hv_sint[16], hv_stimer[8],
             hv_crash[5], hv_reenlightenment[3];
} MsrState;

/* SVM: svm/svm.h. Of a guest that VMRUN started; `vm_cr`, `gif` and `tsc_ratio` (in MsrState) outlive it. */
enum { SVM_INTERCEPT_WORDS = 6, SVM_HOST_BYTES = 0x298 };
typedef struct SvmState {
    bool guest, gif;
    bool watch;                                 /* guest or not gif: svm_held() tells what may be served */
    bool smm_guest;                             /* in SMM, which interrupted a guest */
    bool host_if, host_nmi_blocked;
    bool nested, nested_long, nested_nx;        /* nested paging, and the host's way of paging at VMRUN */
    uint32_t asid, intercept[SVM_INTERCEPT_WORDS];
    uint16_t pause_filter, pause_threshold, pause_left;
    uint64_t vmcb, iopm, msrpm;                 /* physical addresses */
    uint64_t nested_cr3, nested_cr4;
    uint64_t tsc_offset, int_ctl, virt_ext, event_inj, pause_last, vm_cr, host_pat;
    uint64_t delivering;                        /* as EXITINTINFO: the event whose delivery has begun; 0: none */
    uint64_t cr2_before;                        /* the page fault being raised */
    uint8_t host[SVM_HOST_BYTES];               /* the host's state, as a save area */
} SvmState;

struct CpuX86 {
    Cpu cpu;

    /* Hot: integer state. */
    uint64_t regs[16];
    uint64_t regs_zero[16];                     /* always 0: what REG_NONE reads in insn_ea() */
    uint64_t rip;
    uint64_t lazy_result, lazy_aux;             /* arithmetic flags, see exec/flags.h */
    uint32_t lazy_carry;
    uint64_t rflags;                            /* everything but the arithmetic flags, which are 0 here; bit 1 set */
    uint64_t rflags_saved;                      /* all of them, while state is saved or loaded */
    uint32_t mode_flags;
    uint32_t tlb_index;                         /* of the current privilege: exec/exec.h, cpu_select_tlb() */
    struct TlbEntry *tlb;                       /* the table of that index */
    uint64_t flat_mask;                         /* what addresses and rip of flat code are cut to: 64 or 32 bits */
    const Insn *insn;                           /* being executed: tells rip of a fault; NULL between blocks */
    const Insn *block_end;                      /* where the run loop stops; moved up to end a block early */
    uint64_t block_rip;                         /* rip of the current block's first instruction */
    SegmentCache seg[SEG_COUNT];
    uint64_t cr0, cr2, cr3, cr4, cr8_unused, xcr0;
    uint64_t pdpte[4];                          /* PAE paging: as cpu_load_pdptes() found them */
    uint64_t dr[8];
    SegmentCache ldtr, tr;
    struct { uint64_t base; uint32_t limit; } gdtr, idtr;
    FpuState fpu;
    MsrState msr;
    SvmState svm;
    bool smm, nmi_blocked, in_hlt, in_shutdown, wait_for_sipi, a20_masked;
    uint8_t interrupt_shadow;                   /* STI / MOV SS: 1 for the next instruction; 2: set by the current one */
    uint8_t sipi_vector;
    bool monitor_armed; uint64_t monitor_addr;
    uint64_t monitor_seen;                      /* what lay there: MWAIT looks whether it still does */
    uint32_t mwait_nap_us;                      /* how long the next MWAIT sleeps at most; 0: begins anew */

    /* An exception on its way from cpu_raise*() to delivery. */
    sigjmp_buf run_jmp;
    int exception_vector;                       /* VECTOR_NONE: none */
    uint32_t exception_error;
    bool exception_has_error;
    int old_exception;                          /* being delivered: for double faults; VECTOR_NONE */

    CpuEvent events[CPU_EVENTS];
    uint32_t event_count;
    struct Trail *trail;                        /* of the event being delivered: system/death.h */

    struct KvmX86 *kvm_x86;                     /* kvm/kvm_x86.h; NULL: not run by KVM */
    /*
     * Events on their way into the guest as KVM keeps them (struct kvm_vcpu_events). The interpreter delivers at once and has none.
     */
    struct {
        uint8_t exception_injected, exception_pending, exception_vector, exception_has_error, exception_has_payload;
        uint8_t interrupt_injected, interrupt_vector, interrupt_soft, shadow, nmi_injected, nmi_pending, smi_pending, smm_inside_nmi,
                init_latched;
        uint32_t exception_error, mp_state;
        uint64_t exception_payload;
    } in_flight;

    AddressSpace *smm_as;                       /* memory as seen in SMM (SMRAM open); set by the board; NULL: cpu.as */
    Apic *apic;
    uint32_t apic_id;                           /* initial, from topology */
    int32_t node_id, socket_id, die_id, core_id, thread_id;
    uint32_t cores_per_socket, threads_per_core, dies_per_socket, sockets;  /* topology for CPUID */
    uint64_t tsc_khz;

    /* Configuration: properties. CPUID answers come from here. */
    struct CpuModel *model;
    uint32_t features[FEATURE_WORD_COUNT];      /* what CPUID shows */
    uint32_t user_on[FEATURE_WORD_COUNT], user_off[FEATURE_WORD_COUNT];    /* asked for by property */
    bool check, enforce, kvm, pmu, l3_cache, legacy_cache, fill_mtrr_mask, cpuid_0xb, tcg_cpuid, lmce, migratable;
    uint64_t tsc_hz;                            /* property tsc-frequency; 0: the default */
    int32_t module_id;
    /* Hyper-V enlightenments: kvm/hyperv.h */
    uint32_t hyperv, hv_spinlocks, hv_build, hv_spack, hv_snumber;
    uint16_t hv_major, hv_minor;
    uint8_t hv_sbranch;
    bool hv_passthrough, hv_enforce_cpuid;
    OnOffAuto hv_no_nonarch_coresharing;
    char *hv_vendor_id;
    char *vendor, *model_id;
    uint32_t family, model_number, stepping;
    uint32_t cpuid_level, cpuid_xlevel, cpuid_min_level, cpuid_min_xlevel;
    uint32_t phys_bits; bool host_phys_bits;
    uint8_t maxphyaddr;                         /* in force; reserved bits of page tables start here */

    /* The execution engine's own (TLBs, decoded blocks): target/i386/exec/exec.h */
    CpuExec *exec;
};
extern const DeviceType x86_cpu_type;           /* "x86_64-cpu": abstract; models are MODEL-x86_64-cpu */
#define CPU_X86(c) ((CpuX86 *)(c))

static inline int cpu_cpl(const CpuX86 *cpu) { return (cpu->mode_flags & MODE_CPL) >> MODE_CPL_SHIFT; }
static inline bool cpu_has(const CpuX86 *cpu, unsigned feature) { return cpu->features[feature / 32] >> (feature % 32) & 1; }

/* Raising: never return; guest state is that before the instruction (the caller committed nothing). */
G_NORETURN void cpu_raise(CpuX86 *cpu, int vector);
G_NORETURN void cpu_raise_error(CpuX86 *cpu, int vector, uint32_t error_code);
G_NORETURN void cpu_raise_page_fault(CpuX86 *cpu, uint64_t addr, uint32_t error_code);  /* sets CR2 at delivery */
/** cpu_leave_block: ends the current instruction as done (rip already set) and returns to the run loop. */
G_NORETURN void cpu_leave_block(CpuX86 *cpu);

/* system semantics (target/i386/system/) */
void cpu_update_mode(CpuX86 *cpu);
void cpu_x86_reset(CpuX86 *cpu, bool init);     /* @init: INIT keeps FPU, MSRs, caches as the SDM says */
/** cpu_deliver_exception: delivers exception_vector with double and triple fault rules; may longjmp again. */
void cpu_deliver_exception(CpuX86 *cpu);
/** cpu_service_interrupts: called between blocks when interrupt_request is set; delivers at most one. True if state changed. */
bool cpu_service_interrupts(CpuX86 *cpu);
/** cpu_service_start: acts on a pending INIT or start-up IPI; true if there was one. */
bool cpu_service_start(CpuX86 *cpu);
bool cpu_x86_has_work(Cpu *cpu);
void cpu_record_event(CpuX86 *cpu, int vector, bool has_error, uint32_t error, bool is_interrupt);
void cpu_set_cr0(CpuX86 *cpu, uint64_t value);  /* raise #GP on what hardware forbids; flush TLBs as needed */
void cpu_set_cr3(CpuX86 *cpu, uint64_t value);
void cpu_set_cr4(CpuX86 *cpu, uint64_t value);
void cpu_set_efer(CpuX86 *cpu, uint64_t value);
void cpu_load_segment(CpuX86 *cpu, int seg, uint16_t selector);     /* MOV/POP/LxS Sreg, all modes; not CS */
uint64_t cpu_rdmsr(CpuX86 *cpu, uint32_t index);
void cpu_wrmsr(CpuX86 *cpu, uint32_t index, uint64_t value);
void cpu_cpuid(CpuX86 *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
uint64_t cpu_tsc(CpuX86 *cpu);
/** cpu_guest_tsc: as code that runs now reads it: an SVM guest's has its own scale and offset. */
uint64_t cpu_guest_tsc(CpuX86 *cpu);
void cpu_a20_set(bool enabled);                 /* all vCPUs; from i8042, port 92 */
/** cpu_check_io: #GP unless IOPL or the TSS bitmap lets the current code touch [port, +size). */
void cpu_check_io(CpuX86 *cpu, uint16_t port, unsigned size);

/* execution engine (target/i386/exec/) */
void cpu_tlb_flush(CpuX86 *cpu, bool global);   /* own thread */
void cpu_tlb_flush_page(CpuX86 *cpu, uint64_t addr);
void cpu_tlb_flush_pcid(CpuX86 *cpu, uint16_t pcid, bool global);
uint64_t cpu_get_rflags(CpuX86 *cpu);           /* whole, materialised */
void cpu_set_rflags(CpuX86 *cpu, uint64_t value);  /* stores as is (bit 1 forced); the caller masked by privilege */
/** cpu_translate: page walk without side effects for debuggers: physical address of linear @addr, or false. */
bool cpu_translate(CpuX86 *cpu, uint64_t addr, GuestAddr *phys);
/** cpu_debug_read/write: memory at linear addresses through current paging; false where unmapped. Writes reach ROM. */
bool cpu_debug_read(CpuX86 *cpu, uint64_t addr, void *buf, size_t len);
bool cpu_debug_write(CpuX86 *cpu, uint64_t addr, const void *buf, size_t len);

#endif
