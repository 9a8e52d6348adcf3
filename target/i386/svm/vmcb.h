/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual machine control block: a page of the host's memory that says how a guest is to run, and keeps its state.
 * Offsets, bits and exit codes of AMD APM vol. 2, appendices B and C.
 */
#ifndef TARGET_I386_SVM_VMCB_H
#define TARGET_I386_SVM_VMCB_H

/* Control area. */
enum {
    VMCB_INTERCEPT = 0x000, /* SVM_INTERCEPT_WORDS words of 32 bits: see SVM_EXIT_* */
    VMCB_PAUSE_THRESHOLD = 0x03c,
    VMCB_PAUSE_COUNT = 0x03e,
    VMCB_IOPM_BASE_PA = 0x040,
    VMCB_MSRPM_BASE_PA = 0x048,
    VMCB_TSC_OFFSET = 0x050,
    VMCB_ASID = 0x058,
    VMCB_TLB_CONTROL = 0x05c,
    VMCB_INT_CTL = 0x060,
    VMCB_INT_STATE = 0x068,
    VMCB_EXITCODE = 0x070,
    VMCB_EXITINFO1 = 0x078,
    VMCB_EXITINFO2 = 0x080,
    VMCB_EXITINTINFO = 0x088,
    VMCB_NP_ENABLE = 0x090,
    VMCB_EVENTINJ = 0x0a8,
    VMCB_N_CR3 = 0x0b0,
    VMCB_VIRT_EXT = 0x0b8,
    VMCB_NRIP = 0x0c8,
    VMCB_INSN_LEN = 0x0d0,
    VMCB_INSN_BYTES = 0x0d1,
    VMCB_CONTROL_BYTES = 0x0e0
};
/* State save area, from VMCB_SAVE; what lies in it besides: vmcb.c. */
enum {
    VMCB_SAVE = 0x400,
    SAVED_CS = 0x010,
    SAVED_SS = 0x020,
    SAVED_CPL = 0x0cb,
    SAVED_EFER = 0x0d0,
    SAVED_CR4 = 0x148,
    SAVED_CR3 = 0x150,
    SAVED_CR0 = 0x158,
    SAVED_DR7 = 0x160,
    SAVED_DR6 = 0x168,
    SAVED_RFLAGS = 0x170,
    SAVED_RIP = 0x178,
    SAVED_G_PAT = 0x268,
    SAVED_BYTES = 0x298
};

/* VMCB_INT_CTL */
enum {
    V_TPR = 0xff,
    V_IRQ = 1 << 8,
    V_GIF = 1 << 9,
    V_INTR_PRIO_SHIFT = 16,
    V_IGN_TPR = 1 << 20,
    V_INTR_MASKING = 1 << 24,
    V_GIF_ENABLE = 1 << 25,
    V_INTR_VECTOR_SHIFT = 32
};
enum { VM_CR_DPD = 1 << 0, VM_CR_R_INIT = 1 << 1, VM_CR_DIS_A20M = 1 << 2, VM_CR_LOCK = 1 << 3, VM_CR_SVMDIS = 1 << 4 };
enum { INT_STATE_SHADOW = 1 << 0 };
enum { NP_ENABLE = 1 << 0 };
enum { VIRT_VMLOAD_VMSAVE = 1 << 1 };
enum { TLB_FLUSH_NOTHING = 0, TLB_FLUSH_ALL = 1, TLB_FLUSH_GUEST = 3, TLB_FLUSH_GUEST_LOCAL = 7 };

/* VMCB_EVENTINJ and VMCB_EXITINTINFO: vector, type, error code in the upper half. */
enum { EVENT_VECTOR = 0xff, EVENT_TYPE_SHIFT = 8, EVENT_ERROR_VALID = 1 << 11 };
#define EVENT_VALID (1u << 31)
enum { EVENT_TYPE_INTR = 0, EVENT_TYPE_NMI = 2, EVENT_TYPE_EXCEPTION = 3, EVENT_TYPE_SOFT = 4 };

/* Exit codes. Up to SVM_EXIT_LAST_INTERCEPT, code n is intercepted if bit n of the intercept words is set. */
enum {
    SVM_EXIT_CR0_READ = 0x00,
    SVM_EXIT_CR0_WRITE = 0x10,
    SVM_EXIT_DR0_READ = 0x20,
    SVM_EXIT_DR0_WRITE = 0x30,
    SVM_EXIT_EXCP0 = 0x40,
    SVM_EXIT_INTR = 0x60,
    SVM_EXIT_NMI,
    SVM_EXIT_SMI,
    SVM_EXIT_INIT,
    SVM_EXIT_VINTR,
    SVM_EXIT_CR0_SEL_WRITE,
    SVM_EXIT_IDTR_READ,
    SVM_EXIT_GDTR_READ,
    SVM_EXIT_LDTR_READ,
    SVM_EXIT_TR_READ,
    SVM_EXIT_IDTR_WRITE,
    SVM_EXIT_GDTR_WRITE,
    SVM_EXIT_LDTR_WRITE,
    SVM_EXIT_TR_WRITE,
    SVM_EXIT_RDTSC,
    SVM_EXIT_RDPMC,
    SVM_EXIT_PUSHF,
    SVM_EXIT_POPF,
    SVM_EXIT_CPUID,
    SVM_EXIT_RSM,
    SVM_EXIT_IRET,
    SVM_EXIT_SWINT,
    SVM_EXIT_INVD,
    SVM_EXIT_PAUSE,
    SVM_EXIT_HLT,
    SVM_EXIT_INVLPG,
    SVM_EXIT_INVLPGA,
    SVM_EXIT_IOIO,
    SVM_EXIT_MSR,
    SVM_EXIT_TASK_SWITCH,
    SVM_EXIT_FERR_FREEZE,
    SVM_EXIT_SHUTDOWN,
    SVM_EXIT_VMRUN = 0x80,
    SVM_EXIT_VMMCALL,
    SVM_EXIT_VMLOAD,
    SVM_EXIT_VMSAVE,
    SVM_EXIT_STGI,
    SVM_EXIT_CLGI,
    SVM_EXIT_SKINIT,
    SVM_EXIT_RDTSCP,
    SVM_EXIT_ICEBP,
    SVM_EXIT_WBINVD,
    SVM_EXIT_MONITOR,
    SVM_EXIT_MWAIT,
    SVM_EXIT_MWAIT_ARMED,
    SVM_EXIT_XSETBV,
    SVM_EXIT_INVPCID = 0xa2,
    SVM_EXIT_LAST_INTERCEPT = 0xbf,
    SVM_EXIT_NPF = 0x400
};
#define SVM_EXIT_INVALID UINT64_MAX
#define SVM_EXIT_CR8_WRITE (SVM_EXIT_CR0_WRITE + 8)

/* EXITINFO1 of SVM_EXIT_IOIO. */
enum {
    IOIO_IN = 1 << 0,
    IOIO_STR = 1 << 2,
    IOIO_REP = 1 << 3,
    IOIO_SIZE_SHIFT = 4,
    IOIO_ADDR_SHIFT = 7,
    IOIO_SEG_SHIFT = 10,
    IOIO_PORT_SHIFT = 16
};
/* EXITINFO1 of SVM_EXIT_NPF: the page-fault error code and where it was. */
#define NPF_FINAL (1ull << 32)
#define NPF_TABLE_WALK (1ull << 33)
/* EXITINFO1 of accesses to control registers, with decode assists. */
#define CR_ACCESS_MOV (1ull << 63)
/* EXITINFO2 of SVM_EXIT_TASK_SWITCH. */
#define TASK_BY_IRET (1ull << 36)
#define TASK_BY_JUMP (1ull << 38)
#define TASK_HAS_ERROR (1ull << 44)
#define TASK_RF (1ull << 48)

_Static_assert(SVM_EXIT_SHUTDOWN == 0x7f && SVM_EXIT_XSETBV == 0x8d, "exit codes count up without gaps");

#endif
