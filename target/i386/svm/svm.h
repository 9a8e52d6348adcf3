/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SVM: guests inside the guest (AMD APM vol. 2, chapter 15). Below, "host" and "guest" are the two inside.
 *
 *   VMRUN -> host state into CpuX86.svm.host -> VMCB checked, guest state into CpuX86 -> run loop, MODE_SVM set
 *      ^                                                                                    |
 *      '-- host state back <- guest state into VMCB <- svm_exit() <- intercepted, NPF, interrupt
 *
 *   vmcb.c       state between CpuX86 and a VMCB, by a table      vmrun.c   the instructions, VMRUN, #VMEXIT
 *   intercept.c  what is intercepted, by a table                  vmcb.h    the VMCB's layout
 *
 * Nested page tables are walked by exec/walk.c.
 *
 * While a guest runs, instructions that may be intercepted are bound to insn_svm(), which looks at the intercepts
 * first: blocks are keyed on MODE_SVM, so the host's own code pays nothing. Guest and host have their own part of the
 * TLB (CpuExec.world).
 */
#ifndef TARGET_I386_SVM_SVM_H
#define TARGET_I386_SVM_SVM_H

#include "target/i386/insn.h"
#include "target/i386/svm/vmcb.h"

/** svm_intercepts: does the host want exit @code of the guest that runs? */
static inline bool svm_intercepts(const CpuX86 *cpu, unsigned code)
{
    return cpu->svm.guest && cpu->svm.intercept[code / 32] >> code % 32 & 1;
}

/**
 * svm_exit: #VMEXIT: ends the guest's run before the current instruction (its state must be uncommitted) or, between
 * instructions, at cpu->rip; goes on in the host.
 */
G_NORETURN void svm_exit(CpuX86 *cpu, uint64_t code, uint64_t info1, uint64_t info2);
static inline void svm_check(CpuX86 *cpu, unsigned code, uint64_t info1, uint64_t info2)
{
    if (svm_intercepts(cpu, code)) {
        svm_exit(cpu, code, info1, info2);
    }
}
/** svm_check_exception: exits if the host wants @vector, which is about to be delivered. */
void svm_check_exception(CpuX86 *cpu, int vector, bool has_error, uint32_t error);
/** svm_check_io: exits if the host wants the access of the current instruction to [@port, +@size). */
void svm_check_io(CpuX86 *cpu, uint16_t port, unsigned size);
/** svm_bind: of an instruction decoded in a guest: puts insn_svm() before its function if it may be intercepted. */
void svm_bind(const CpuX86 *cpu, Insn *insn);
void insn_svm(CpuX86 *cpu, const Insn *insn);

/** svm_held: bits of interrupt_request that SVM keeps from being served now. Only while svm.watch. */
uint32_t svm_held(const CpuX86 *cpu);
/** svm_take_virtual: the vector of the virtual interrupt, which the guest is to get now; exits if the host wants to
 * know. */
int svm_take_virtual(CpuX86 *cpu);
/** svm_set_gif, svm_reset: GIF; state after RESET and INIT. */
void svm_set_gif(CpuX86 *cpu, bool gif);
void svm_reset(CpuX86 *cpu);
/** svm_enter_smm, svm_leave_smm: a guest that SMM interrupts is put aside. */
void svm_enter_smm(CpuX86 *cpu);
void svm_leave_smm(CpuX86 *cpu);
/** svm_loaded: SvmState came from outside: checks it (false: impossible) and follows it with the TLB. */
bool svm_loaded(CpuX86 *cpu);

/* CR8 of a guest under V_INTR_MASKING is V_TPR. */
static inline bool svm_owns_cr8(const CpuX86 *cpu) { return cpu->svm.guest && cpu->svm.int_ctl & V_INTR_MASKING; }

/* vmcb.c */
void svm_state_store(CpuX86 *cpu, uint8_t *save, unsigned when);      /* CpuX86 -> save area */
void svm_state_load(CpuX86 *cpu, const uint8_t *save, unsigned when); /* does not update mode or TLBs */
enum { STATE_SWITCH = 1, STATE_HOST = 2, STATE_VMLOAD = 4 }; /* VMRUN and #VMEXIT; and of the host; VMLOAD, VMSAVE */
static inline uint64_t vmcb_get(const uint8_t *image, unsigned offset, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, image + offset, size);
    return value;
}
static inline void vmcb_put(uint8_t *image, unsigned offset, unsigned size, uint64_t value)
{
    memcpy(image + offset, &value, size);
}

#endif
