/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A debugger's points under KVM (KVM_SET_GUEST_DEBUG, Linux Documentation/virt/kvm/api.rst 4.87).
 *
 * A software breakpoint is an INT3 in the guest's memory, which then comes out instead of raising #BP; one of the guest's
 * own is given back to it. Hardware breakpoints and watchpoints are the processor's: four in all, of 1, 2, 4 or 8 aligned
 * bytes; it knows none for reading only, so that one stops at writes too. While they are in use the guest's debug
 * registers have no effect.
 */
#include "accel/debug.h"
#include "core/error.h"
#include "core/thread.h"
#include "target/i386/exec/walk.h"
#include "target/i386/kvm/kvm_x86.h"

enum { INT3 = 0xcc, REGISTERS = 4, DR6_HITS = 0xf, DR6_BS = 1 << 14, DR7_FIXED1 = 0x400, DR7_LOCAL_GLOBAL_EXACT = 0x300 };

static unsigned registers_used(void)
{
    unsigned used = 0;

    for (unsigned i = 0; i < debug_point_count(); i++) {
        used += debug_points[i].kind != DEBUG_BREAK_SOFTWARE;
    }
    return used;
}

bool kvm_x86_debug_insert(Cpu *c, DebugPoint *p)
{
    CpuX86 *cpu = CPU_X86(c);

    if (!kvm_has(KVM_CAP_SET_GUEST_DEBUG)) {
        return false;
    }
    if (p->kind == DEBUG_BREAK_SOFTWARE) {
        cpu_state_pull(c);
        return cpu_debug_read(cpu, p->addr, &p->replaced, 1) && cpu_debug_write(cpu, p->addr, &(uint8_t){ INT3 }, 1);
    }
    bool size = debug_is_break(p) || (p->bytes <= 8 && !(p->bytes & (p->bytes - 1)) && !(p->addr & (p->bytes - 1)));
    return size && registers_used() < REGISTERS;
}

/* What the guest has written over it since, or no longer maps there, is left alone. */
void kvm_x86_debug_remove(Cpu *c, const DebugPoint *p)
{
    CpuX86 *cpu = CPU_X86(c);
    uint8_t now;

    if (p->kind == DEBUG_BREAK_SOFTWARE) {
        cpu_state_pull(c);
        if (cpu_debug_read(cpu, p->addr, &now, 1) && now == INT3) {
            cpu_debug_write(cpu, p->addr, &p->replaced, 1);
        }
    }
}

/* The points in debug registers, in order: DR0 first. */
static const DebugPoint *of_register(unsigned n)
{
    for (unsigned i = 0; i < debug_point_count(); i++) {
        if (debug_points[i].kind != DEBUG_BREAK_SOFTWARE && n-- == 0) {
            return &debug_points[i];
        }
    }
    return NULL;
}

void kvm_debug_update(CpuX86 *cpu)
{
    static const uint8_t length_code[] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
    struct kvm_guest_debug debug = { .arch.debugreg[7] = DR7_FIXED1 };
    const DebugPoint *p;

    cpu->cpu.debug_seen = debug_generation;
    cpu->kvm_x86->debug_stepping = cpu->cpu.debug_step;
    if (debug_break_count) {
        debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
    }
    if (cpu->cpu.debug_step) {
        debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
                         (debug_step_without_interrupts && kvm_has(KVM_CAP_SET_GUEST_DEBUG2) > 0 &&
                          (kvm_has(KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ) ? KVM_GUESTDBG_BLOCKIRQ : 0);
    }
    for (unsigned n = 0; (p = of_register(n)) != NULL; n++) {
        uint64_t kind = debug_is_break(p) ? 0 : p->kind == DEBUG_WATCH_WRITE ? 1 : 3;
        debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
        debug.arch.debugreg[n] = p->addr;
        debug.arch.debugreg[7] |= DR7_LOCAL_GLOBAL_EXACT | 2ull << 2 * n |
                                  (kind | (kind ? length_code[p->bytes] << 2 : 0)) << (16 + 4 * n);
    }
    int ret = kvm_vcpu_ioctl(&cpu->cpu, KVM_SET_GUEST_DEBUG, &debug);
    if (ret < 0) {
        warn_report("KVM does not debug vCPU %d: %s", cpu->cpu.index, g_strerror(-ret));
    }
}

KvmNext kvm_debug_exit(CpuX86 *cpu)
{
    const struct kvm_debug_exit_arch *exit = &cpu->cpu.kvm->run->debug.arch;
    const DebugPoint *p;

    if (exit->exception == VECTOR_BP && (p = debug_break_in(exit->pc, 1)) != NULL) {
        debug_stop(&cpu->cpu, DEBUG_REASON_BREAK, p->kind, p->addr);
        return KVM_NEXT_LEAVE;
    }
    if (exit->exception == VECTOR_DB) {
        for (unsigned n = 0; n < REGISTERS && exit->dr6 & DR6_HITS; n++) {
            if ((exit->dr6 >> n & 1) && (p = of_register(n)) != NULL) {
                debug_stop(&cpu->cpu, debug_is_break(p) ? DEBUG_REASON_BREAK : DEBUG_REASON_WATCH, p->kind, p->addr);
                return KVM_NEXT_LEAVE;
            }
        }
        if (exit->dr6 & DR6_BS && cpu->cpu.debug_step) {
            debug_stop(&cpu->cpu, DEBUG_REASON_STEP, 0, 0);
            return KVM_NEXT_LEAVE;
        }
    }
    /* The guest's own. */
    BQL_GUARD();
    cpu_state_pull(&cpu->cpu);
    cpu->in_flight.exception_vector = exit->exception;
    cpu->in_flight.exception_has_error = 0;
    cpu->in_flight.exception_pending = exit->exception == VECTOR_DB && kvm_has(KVM_CAP_EXCEPTION_PAYLOAD);
    cpu->in_flight.exception_injected = !cpu->in_flight.exception_pending;
    cpu->in_flight.exception_has_payload = cpu->in_flight.exception_pending;
    cpu->in_flight.exception_payload = exit->exception == VECTOR_DB ? exit->dr6 : 0;
    return KVM_NEXT_RUN;
}
