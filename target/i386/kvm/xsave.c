/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 and vector registers as an XSAVE area in the standard format.
 *
 * One row a component: where it lies in the area (the host's CPUID says; the first two are fixed), how its pieces lie
 * in FpuState. Spec: Intel SDM vol. 1 chapter 13.4.
 */
#include <string.h>

#include "core/error.h"
#include "target/i386/kvm/kvm_x86.h"
#include "target/i386/native/xstate.h"

enum { X87_BYTES = 160, XMM_OFFSET = 160, MXCSR_OFFSET = 24 };

typedef struct Piece {
    uint8_t component;
    uint32_t ours;                              /* offset in FpuState of the first piece */
    uint16_t count, bytes, stride;              /* pieces, size of one, distance in FpuState; in the area they touch */
} Piece;
static const Piece pieces[] = {
    { XSTATE_AVX, offsetof(FpuState, zmm[0][16]), 16, 16, 64 },
    { XSTATE_OPMASK, offsetof(FpuState, k), 8, 8, 8 },
    { XSTATE_ZMM_HI256, offsetof(FpuState, zmm[0][32]), 16, 32, 64 },
    { XSTATE_HI16_ZMM, offsetof(FpuState, zmm[16]), 16, 64, 64 },
    { XSTATE_PKRU, offsetof(FpuState, pkru), 1, 4, 4 },
};

static uint64_t supported;                      /* components that this host's KVM takes */
static uint16_t offsets[XSTATE_COUNT];

void kvm_xsave_init(CpuX86 *cpu)
{
    uint32_t leaf[4];
    int bytes = kvm_has(KVM_CAP_XSAVE2);

    cpu->kvm_x86->xsave_bytes = MAX(bytes, (int)sizeof(struct kvm_xsave));
    cpu->kvm_x86->xsave = g_malloc0(cpu->kvm_x86->xsave_bytes);
    kvm_host_cpuid(0xd, 0, leaf);
    supported = (leaf[0] | (uint64_t)leaf[3] << 32) | 1 << XSTATE_X87 | 1 << XSTATE_SSE;
    for (unsigned i = XSTATE_AVX; i < XSTATE_COUNT; i++) {
        kvm_host_cpuid(0xd, i, leaf);
        if (!leaf[0] || leaf[1] + leaf[0] > cpu->kvm_x86->xsave_bytes) {
            supported &= ~(1ull << i);
        }
        offsets[i] = leaf[1];
    }
}

static void copy_pieces(CpuX86 *cpu, bool to_kernel)
{
    for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
        const Piece *p = &pieces[i];
        uint8_t *theirs = cpu->kvm_x86->xsave + offsets[p->component], *ours = (uint8_t *)&cpu->fpu + p->ours;

        if (!(supported >> p->component & 1)) {
            continue;
        }
        for (unsigned n = 0; n < p->count; n++, theirs += p->bytes, ours += p->stride) {
            memcpy(to_kernel ? theirs : ours, to_kernel ? ours : theirs, p->bytes);
        }
    }
}

bool kvm_xsave_get(CpuX86 *cpu, GError **err)
{
    KvmX86 *k = cpu->kvm_x86;
    int ret = kvm_vcpu_ioctl(&cpu->cpu, kvm_has(KVM_CAP_XSAVE2) ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, k->xsave);

    if (ret < 0) {
        return error_set_errno(err, -ret, "vector state");
    }
    memcpy(&cpu->fpu.fx, k->xsave, X87_BYTES);
    memcpy(&cpu->fpu.mxcsr, k->xsave + MXCSR_OFFSET, 4);
    for (unsigned i = 0; i < 16; i++) {
        memcpy(cpu->fpu.zmm[i], k->xsave + XMM_OFFSET + 16 * i, 16);
    }
    copy_pieces(cpu, false);
    return true;
}

bool kvm_xsave_put(CpuX86 *cpu, KvmLevel level, GError **err)
{
    KvmX86 *k = cpu->kvm_x86;
    uint64_t in_area;

    if (level >= KVM_LEVEL_RESET) {
        memset(k->xsave, 0, k->xsave_bytes);    /* also the components that we do not know */
    }
    memcpy(k->xsave, &cpu->fpu.fx, X87_BYTES);
    memcpy(k->xsave + MXCSR_OFFSET, &cpu->fpu.mxcsr, 4);
    memset(k->xsave + MXCSR_OFFSET + 4, 0, 4);  /* the mask is the kernel's */
    for (unsigned i = 0; i < 16; i++) {
        memcpy(k->xsave + XMM_OFFSET + 16 * i, cpu->fpu.zmm[i], 16);
    }
    copy_pieces(cpu, true);
    memcpy(&in_area, k->xsave + XSAVE_LEGACY_BYTES, 8);
    for (unsigned i = 0; i < XSTATE_COUNT; i++) {
        in_area |= supported & 1ull << i;
    }
    memcpy(k->xsave + XSAVE_LEGACY_BYTES, &in_area, 8);
    int ret = kvm_vcpu_ioctl(&cpu->cpu, KVM_SET_XSAVE, k->xsave);
    return ret < 0 ? error_set_errno(err, -ret, "vector state") : true;
}
