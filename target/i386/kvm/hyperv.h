/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hyper-V enlightenments: bits of CpuX86.hyperv, and what cpuid.c and vcpu.c ask. */
#ifndef TARGET_I386_KVM_HYPERV_H
#define TARGET_I386_KVM_HYPERV_H

#include "target/i386/kvm/kvm_x86.h"

typedef enum HypervFeature {
    HYPERV_RELAXED,
    HYPERV_VAPIC,
    HYPERV_TIME,
    HYPERV_CRASH,
    HYPERV_RESET,
    HYPERV_VPINDEX,
    HYPERV_RUNTIME,
    HYPERV_SYNIC,
    HYPERV_STIMER,
    HYPERV_FREQUENCIES,
    HYPERV_REENLIGHTENMENT,
    HYPERV_TLBFLUSH,
    HYPERV_EVMCS,
    HYPERV_IPI,
    HYPERV_STIMER_DIRECT,
    HYPERV_AVIC,
    HYPERV_EMSR_BITMAP,
    HYPERV_XMM_INPUT,
    HYPERV_TLBFLUSH_EXT,
    HYPERV_TLBFLUSH_DIRECT,
    HYPERV_COUNT
} HypervFeature;

typedef struct HypervLeaf { uint32_t leaf, out[4]; } HypervLeaf;
#define HYPERV_LEAVES_MAX 8

bool hyperv_enabled(const CpuX86 *cpu);
/** hyperv_init: before CPUID is set: checks what was asked for against the host. Errors name the property. */
bool hyperv_init(CpuX86 *cpu, GError **err);
bool hyperv_after_cpuid(CpuX86 *cpu, GError **err);
/** hyperv_leaves: the leaves that the guest sees; returns how many, 0: no enlightenment is on. */
unsigned hyperv_leaves(const CpuX86 *cpu, HypervLeaf leaves[HYPERV_LEAVES_MAX]);

#endif
