/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State components of XSAVE, shared by the instructions, CPUID leaf 0Dh and whoever saves a vCPU.
 * Spec: Intel SDM volume 1, chapter 13.
 */
#ifndef TARGET_I386_NATIVE_XSTATE_H
#define TARGET_I386_NATIVE_XSTATE_H

#include "target/i386/cpu.h"

enum {
    XSTATE_X87, XSTATE_SSE, XSTATE_AVX, XSTATE_OPMASK = 5, XSTATE_ZMM_HI256, XSTATE_HI16_ZMM, XSTATE_PKRU = 9,
    XSTATE_COUNT
};
enum { XSAVE_LEGACY_BYTES = 512, XSAVE_HEADER_BYTES = 64, XSAVE_MAX_BYTES = 2696, MXCSR_WRITABLE = 0xffff,
       MXCSR_INIT = 0x1f80 };
#define XCOMP_COMPACT (1ull << 63)

typedef struct XstateComponent {
    uint16_t offset, bytes;                     /* in the standard format; 0 bytes: we have no such component */
    bool align64;                               /* in the compacted format */
} XstateComponent;
extern const XstateComponent xstate_components[XSTATE_COUNT];

/** xstate_bytes: size of the area for components @mask. */
unsigned xstate_bytes(uint64_t mask, bool compacted);
/** xstate_in_use: which of @mask differ from their initial state. */
uint64_t xstate_in_use(const CpuX86 *cpu, uint64_t mask);

#endif
