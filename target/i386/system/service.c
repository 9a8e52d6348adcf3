/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What reaches a vCPU from outside, between two blocks: INIT, SIPI, SMI, NMI, interrupts, in this order of priority.
 *
 * Bits of interrupt_request are set by anybody and mean "look here". INTERRUPT_HARD is kept by the local APIC: set while it
 * has a vector above its processor priority, so that a masked interrupt wakes nobody and costs nothing.
 */
#include "core/thread.h"
#include "target/i386/apic.h"
#include "target/i386/exec/exec.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/system/system.h"

static void start_up(CpuX86 *cpu)
{
    cpu->seg[R_CS].selector = cpu->sipi_vector << 8;
    cpu->seg[R_CS].base = cpu->sipi_vector << 12;
    cpu->rip = 0;
    cpu->wait_for_sipi = false;
    __atomic_store_n(&cpu->cpu.halted, 0, __ATOMIC_SEQ_CST);
    cpu_update_mode(cpu);
}

static bool can_take_interrupt(const CpuX86 *cpu) { return !cpu->wait_for_sipi && !cpu->in_shutdown; }

static void deliver_external(CpuX86 *cpu, int vector)
{
    cpu_record_event(cpu, vector, false, 0, true);
    cpu->in_shutdown = false;
    cpu_deliver(cpu, vector, EVENT_EXTERNAL, false, 0, cpu->rip);
}

bool cpu_service_start(CpuX86 *cpu)
{
    uint32_t requests = __atomic_load_n(&cpu->cpu.interrupt_request, __ATOMIC_ACQUIRE) & ~exec_held(cpu);

    if (requests & INTERRUPT_INIT) {
        svm_check(cpu, SVM_EXIT_INIT, 0, 0);
        BQL_GUARD();
        cpu_interrupt_clear(&cpu->cpu, INTERRUPT_INIT);
        cpu_x86_reset(cpu, true);
        return true;
    }
    if (requests & INTERRUPT_SIPI) {
        cpu_interrupt_clear(&cpu->cpu, INTERRUPT_SIPI);
        if (cpu->wait_for_sipi) {
            start_up(cpu);
            return true;
        }
    }
    return false;
}

bool cpu_service_interrupts(CpuX86 *cpu)
{
    uint32_t requests;

    if (cpu_service_start(cpu)) {
        return true;
    }
    requests = __atomic_load_n(&cpu->cpu.interrupt_request, __ATOMIC_ACQUIRE);
    if (cpu->wait_for_sipi) {
        __atomic_store_n(&cpu->cpu.halted, 1, __ATOMIC_SEQ_CST);
        return false;
    }
    if (requests & INTERRUPT_POLL) {
        cpu_interrupt_clear(&cpu->cpu, INTERRUPT_POLL);
        bql_lock();
        apic_poll(cpu->apic);
        bql_unlock();
        requests = __atomic_load_n(&cpu->cpu.interrupt_request, __ATOMIC_ACQUIRE);
    }
    requests &= ~exec_held(cpu);
    if (requests & INTERRUPT_SMI) {
        svm_check(cpu, SVM_EXIT_SMI, 0, 0);
        cpu_interrupt_clear(&cpu->cpu, INTERRUPT_SMI);
        cpu_enter_smm(cpu);
        return true;
    }
    if (requests & INTERRUPT_NMI) {
        svm_check(cpu, SVM_EXIT_NMI, 0, 0);
        cpu_interrupt_clear(&cpu->cpu, INTERRUPT_NMI);
        cpu->nmi_blocked = true;
        deliver_external(cpu, VECTOR_NMI);
        return true;
    }
    if (requests & INTERRUPT_HARD && can_take_interrupt(cpu)) {
        int vector;

        svm_check(cpu, SVM_EXIT_INTR, 0, 0);
        bql_lock();
        vector = apic_get_interrupt(cpu->apic);
        bql_unlock();
        if (vector >= 0) {
            deliver_external(cpu, vector);
            return true;
        }
    }
    if (requests & INTERRUPT_VIRQ) {
        deliver_external(cpu, svm_take_virtual(cpu));
        return true;
    }
    return false;
}

bool cpu_x86_has_work(Cpu *c)
{
    CpuX86 *cpu = CPU_X86(c);
    uint32_t requests = __atomic_load_n(&c->interrupt_request, __ATOMIC_ACQUIRE);

    if (requests & INTERRUPT_POLL) {
        cpu_interrupt_clear(c, INTERRUPT_POLL);
        apic_poll(cpu->apic);
        requests = __atomic_load_n(&c->interrupt_request, __ATOMIC_ACQUIRE);
    }
    requests &= ~exec_held(cpu);
    if (requests & INTERRUPT_INIT) {
        return true;
    }
    if (cpu->wait_for_sipi) {
        return requests & INTERRUPT_SIPI;
    }
    if (requests & (INTERRUPT_SMI | INTERRUPT_NMI | INTERRUPT_VIRQ)) {
        return true;
    }
    return requests & INTERRUPT_HARD && can_take_interrupt(cpu) && apic_has_interrupt(cpu->apic);
}
