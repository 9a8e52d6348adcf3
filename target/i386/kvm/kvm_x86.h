/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's half in the x86 target.
 *
 *   accel.c   the accelerator type: options of -accel kvm, the machine
 *   cpuid.c   what the host can give, and CPUID as the guest is to see it
 *   state.c   registers to the kernel and back: one table;  msrs.c, xsave.c: the two parts of it that vary with the
 * host vcpu.c    interrupts into the guest, and the exits that only x86 has
 */
#ifndef TARGET_I386_KVM_KVM_X86_H
#define TARGET_I386_KVM_KVM_X86_H

#include "accel/kvm/kvm.h"
#include "target/i386/cpu.h"

/* A vCPU's state as the kernel's ioctls have it; filled and used by state.c only, but for tests. */
typedef struct KvmX86 {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_debugregs debug;
    struct kvm_xcrs xcrs;
    struct kvm_vcpu_events events;
    struct kvm_mp_state mp;
    struct kvm_lapic_state lapic;
    uint8_t *xsave;                             /* xsave_bytes; components that CpuX86 does not have stay as they are */
    size_t xsave_bytes;
    struct kvm_msrs *msrs;                      /* those that this host has and that have a place in CpuX86 */
    uint64_t **msr_places;
    uint8_t debug_stepping;                     /* Cpu.debug_step as the kernel was told */
} KvmX86;

static inline bool kvm_x86_apic_in_kernel(void) { return kvm.irqchip != KVM_IRQCHIP_OFF; }

extern const struct KvmCpuOps kvm_x86_cpu_ops;

/* state.c */
bool kvm_x86_get_state(Cpu *cpu, GError **err);
bool kvm_x86_put_state(Cpu *cpu, KvmLevel level, GError **err);

/* msrs.c: before the first use, after CPUID was set; then to and from KvmX86.msrs and the kernel. */
void kvm_msrs_init(CpuX86 *cpu);
bool kvm_msrs_get(CpuX86 *cpu, GError **err);
bool kvm_msrs_put(CpuX86 *cpu, KvmLevel level, GError **err);

/* xsave.c */
void kvm_xsave_init(CpuX86 *cpu);
bool kvm_xsave_get(CpuX86 *cpu, GError **err);
bool kvm_xsave_put(CpuX86 *cpu, KvmLevel level, GError **err);

/* debug.c: CpuOps; then in the vCPU's thread: the kernel learns of other points or a step; KVM_EXIT_DEBUG. */
bool kvm_x86_debug_insert(Cpu *cpu, struct DebugPoint *point);
void kvm_x86_debug_remove(Cpu *cpu, const struct DebugPoint *point);
void kvm_debug_update(CpuX86 *cpu);
KvmNext kvm_debug_exit(CpuX86 *cpu);

/* cpuid.c */
/** kvm_host_cpuid: what KVM can give in @leaf and @subleaf; zeros where it gives nothing. */
void kvm_host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/** kvm_processor_cpuid: what CPUID shows to ourselves. */
void kvm_processor_cpuid(uint32_t leaf, uint32_t out[4]);
/** kvm_supported_features: all features that KVM can give on this host, as feature words. */
void kvm_supported_features(uint32_t words[FEATURE_WORD_COUNT]);
/** kvm_can_give: FEATURE_* number @feature as a mask of its word; 0: this host cannot. */
uint32_t kvm_can_give(unsigned feature);
/** kvm_set_cpuid: tells the kernel what CPUID shows to @cpu's guest. */
bool kvm_set_cpuid(CpuX86 *cpu, GError **err);

#endif
