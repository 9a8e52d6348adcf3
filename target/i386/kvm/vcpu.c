/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU under KVM: its beginning, what is injected into it, what comes out of it.
 *
 * Interrupt controllers of our own (kernel-irqchip=off): INTERRUPT_HARD of interrupt_request says that the local APIC
 * model has a vector. Before each entry: if the guest can take one, it is acknowledged and given to KVM_INTERRUPT; else
 * KVM is asked to come out when the guest can (interrupt window). HLT, INIT and start-up are ours too. With local APICs
 * in the kernel HLT never comes out, and with split only the 8259 pair's vectors go this way.
 */
#include <errno.h>
#include <string.h>

#include "accel/debug.h"
#include "core/error.h"
#include "core/thread.h"
#include "core/vm.h"
#include "target/i386/exec/walk.h"
#include "target/i386/kvm/hyperv.h"
#include "target/i386/kvm/kvm_x86.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/system/death.h"
#include "target/i386/system/msr.h"
#include "target/i386/system/system.h"

static uint32_t requests_of(const CpuX86 *cpu)
{
    return __atomic_load_n(&cpu->cpu.interrupt_request, __ATOMIC_ACQUIRE);
}

/* Life. */

static bool set_tsc_khz(CpuX86 *cpu, GError **err)
{
    int host = kvm_vcpu_ioctl(&cpu->cpu, KVM_GET_TSC_KHZ, NULL);

    if (!cpu->tsc_hz) {
        cpu->tsc_khz = host > 0 ? host : cpu->tsc_khz;
        return true;
    }
    if ((uint64_t)MAX(host, 0) == cpu->tsc_khz) {
        return true;
    }
    int ret =
        kvm_has(KVM_CAP_TSC_CONTROL) ? kvm_vcpu_ioctl(&cpu->cpu, KVM_SET_TSC_KHZ, (void *)cpu->tsc_khz) : -ENOTSUP;
    if (ret >= 0) {
        return true;
    }
    /* 250 parts in a million is what guests put up with, and what clocks differ by. */
    if (host > 0 && ABS((int64_t)cpu->tsc_khz - host) * 4000 <= host) {
        return true;
    }
    return error_set(err, "tsc-frequency=%" PRIu64 " cannot be given: the host's TSC runs at %d kHz and %s",
                     cpu->tsc_hz, host,
                     kvm_has(KVM_CAP_TSC_CONTROL) ? "KVM refuses that rate" : "this processor cannot scale it");
}

static void set_mce(CpuX86 *cpu)
{
    uint64_t possible = 0, wanted = cpu->msr.mcg_cap;

    if (!wanted || kvm_system_ioctl(KVM_X86_GET_MCE_CAP_SUPPORTED, &possible) < 0) {
        return;
    }
    wanted = (wanted & possible & ~0xffull) | MIN(wanted & 0xff, (uint64_t)kvm_has(KVM_CAP_MCE));
    if (kvm_vcpu_ioctl(&cpu->cpu, KVM_X86_SETUP_MCE, &wanted) >= 0) {
        cpu->msr.mcg_cap = wanted;
    }
}

static unsigned vcpu_id(Cpu *c) { return CPU_X86(c)->apic_id; }

static bool vcpu_init(Cpu *c, GError **err)
{
    CpuX86 *cpu = CPU_X86(c);

    cpu->kvm_x86 = g_new0(KvmX86, 1);
    if (!set_tsc_khz(cpu, err) || !hyperv_init(cpu, err) || !kvm_set_cpuid(cpu, err) || !hyperv_after_cpuid(cpu, err)) {
        return false;
    }
    set_mce(cpu);
    kvm_xsave_init(cpu);
    kvm_msrs_init(cpu);
    return true;
}

static void vcpu_destroy(Cpu *c)
{
    CpuX86 *cpu = CPU_X86(c);

    g_free(cpu->kvm_x86->xsave);
    g_free(cpu->kvm_x86->msrs);
    g_free(cpu->kvm_x86->msr_places);
    g_free(g_steal_pointer(&cpu->kvm_x86));
}

/* Before the guest is entered. */

static void events(Cpu *c)
{
    CpuX86 *cpu = CPU_X86(c);
    uint32_t requests = requests_of(cpu);

    if (kvm_x86_apic_in_kernel()) {
        __atomic_store_n(&c->halted, 0, __ATOMIC_SEQ_CST);      /* it waits in the kernel */
        return;
    }
    if (requests & (INTERRUPT_INIT | INTERRUPT_SIPI)) {
        cpu_state_pull(c);
        while (cpu_service_start(cpu)) {
            cpu_state_changed(c);
        }
    }
    if (!cpu->wait_for_sipi && __atomic_load_n(&c->halted, __ATOMIC_SEQ_CST) && c->ops->has_work(c)) {
        __atomic_store_n(&c->halted, 0, __ATOMIC_SEQ_CST);
    }
}

static int next_vector(CpuX86 *cpu)
{
    return kvm_x86_apic_in_kernel() ? apic_pic_acknowledge() : apic_get_interrupt(cpu->apic);
}

/* Interrupts of controllers that are not in the kernel. */
static void inject(CpuX86 *cpu, struct kvm_run *run)
{
    BQL_GUARD();

    if (requests_of(cpu) & INTERRUPT_POLL) {
        cpu_interrupt_clear(&cpu->cpu, INTERRUPT_POLL);
        apic_poll(cpu->apic);
    }
    if (requests_of(cpu) & INTERRUPT_HARD && run->ready_for_interrupt_injection) {
        int vector = next_vector(cpu);

        if (vector >= 0) {
            kvm_vcpu_ioctl(&cpu->cpu, KVM_INTERRUPT, &(struct kvm_interrupt){ .irq = vector });
            run->ready_for_interrupt_injection = 0;
        }
    }
}

static void before_run(Cpu *c)
{
    CpuX86 *cpu = CPU_X86(c);
    struct kvm_run *run = c->kvm->run;
    uint32_t requests = requests_of(cpu);

    if (c->debug_seen != debug_generation || c->debug_step != cpu->kvm_x86->debug_stepping) {
        kvm_debug_update(cpu);
    }
    if (requests & INTERRUPT_NMI) {
        cpu_interrupt_clear(c, INTERRUPT_NMI);
        kvm_vcpu_ioctl(c, KVM_NMI, NULL);
    }
    if (requests & INTERRUPT_SMI) {
        cpu_interrupt_clear(c, INTERRUPT_SMI);
        kvm_vcpu_ioctl(c, KVM_SMI, NULL);
    }
    if (kvm.irqchip == KVM_IRQCHIP_ON) {
        return;
    }
    if (requests & (INTERRUPT_HARD | INTERRUPT_POLL)) {
        inject(cpu, run);
    }
    run->request_interrupt_window = !!(requests_of(cpu) & INTERRUPT_HARD);
    if (!kvm_x86_apic_in_kernel()) {
        run->cr8 = apic_cr8(cpu->apic);
    }
}

static void after_run(Cpu *c)
{
    CpuX86 *cpu = CPU_X86(c);
    const struct kvm_run *run = c->kvm->run;

    cpu->smm = run->flags & KVM_RUN_X86_SMM;
    if (kvm_x86_apic_in_kernel()) {
        return;
    }
    cpu->rflags = run->if_flag ? cpu->rflags | RFLAGS_IF : cpu->rflags & ~(uint64_t)RFLAGS_IF;
    apic_set_cr8(cpu->apic, run->cr8);
    if (run->apic_base != cpu->msr.apic_base) {
        apic_set_base(cpu->apic, run->apic_base);
    }
}

static bool mmio(Cpu *c, GuestAddr addr, uint8_t *data, unsigned len, bool write)
{
    CpuX86 *cpu = CPU_X86(c);
    uint64_t base = cpu->msr.apic_base & ~0xfffull, value = 0;

    if (kvm_x86_apic_in_kernel() || !(cpu->msr.apic_base & APIC_BASE_ENABLE) || addr - base >= GUEST_PAGE_SIZE ||
        len > 8) {
        return false;
    }
    if (write) {
        memcpy(&value, data, len);
        apic_mmio_write(cpu->apic, addr - base, value, len);
    } else {
        value = apic_mmio_read(cpu->apic, addr - base, len);
        memcpy(data, &value, len);
    }
    return true;
}

static AddressSpace *memory_of(Cpu *c) { return cpu_memory(CPU_X86(c)); }

/* Exits. */

enum { HYPERCALL_INVALID_CODE = 2 };            /* HV_STATUS_INVALID_HYPERCALL_CODE: there is no VMBus here */

static void broken(Cpu *c, const char *what)
{
    cpu_state_pull(c);
    death_report(CPU_X86(c), DEATH_INTERNAL_ERROR, what);
}

static KvmNext triple_fault(Cpu *c)
{
    BQL_GUARD();

    cpu_state_pull(c);
    death_report(CPU_X86(c), DEATH_TRIPLE_FAULT, NULL);
    c->stop = true;                             /* out of the guest until the reset */
    vm_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    return KVM_NEXT_LEAVE;
}

/* What was handed over to the kernel while the guest could not take it (an NMI in an NMI's handler) ends HLT too. */
static bool kernel_has_event(Cpu *c)
{
    struct kvm_vcpu_events e = { .flags = 0 };

    return kvm_vcpu_ioctl(c, KVM_GET_VCPU_EVENTS, &e) >= 0 &&
           (e.nmi.pending || e.nmi.injected || e.interrupt.injected || e.smi.pending);
}

static KvmNext halt(Cpu *c)
{
    BQL_GUARD();

    if (!c->ops->has_work(c) && !kernel_has_event(c)) {
        __atomic_store_n(&c->halted, 1, __ATOMIC_SEQ_CST);
    }
    return KVM_NEXT_LEAVE;
}

static KvmNext serve_exit(Cpu *c)
{
    CpuX86 *cpu = CPU_X86(c);
    struct kvm_run *run = c->kvm->run;

    switch (run->exit_reason) {
    case KVM_EXIT_HLT:
        return halt(c);
    case KVM_EXIT_SHUTDOWN:
        return triple_fault(c);
    case KVM_EXIT_HYPERV:
        if (run->hyperv.type == KVM_EXIT_HYPERV_HCALL) {
            run->hyperv.u.hcall.result = HYPERCALL_INVALID_CODE;
        }
        return KVM_NEXT_RUN;                    /* the other types tell that the guest set its pages up */
    case KVM_EXIT_DEBUG:
        return kvm_debug_exit(cpu);
    case KVM_EXIT_SET_TPR: case KVM_EXIT_TPR_ACCESS:
        return KVM_NEXT_RUN;
    case KVM_EXIT_IOAPIC_EOI: {
        BQL_GUARD();
        apic_eoi_broadcast(run->eoi.vector);
        return KVM_NEXT_RUN;
    }
    default: {
        g_autofree char *text =
            g_strdup_printf("KVM left the guest for reason %u, which is not known here", run->exit_reason);
        BQL_GUARD();
        broken(c, text);
        c->stop = true;
        vm_request_stop(RUN_STATE_INTERNAL_ERROR);
        return KVM_NEXT_LEAVE;
    }
    }
}

const struct KvmCpuOps kvm_x86_cpu_ops = {
    .vcpu_id = vcpu_id,
    .init = vcpu_init,
    .destroy = vcpu_destroy,
    .get_state = kvm_x86_get_state,
    .put_state = kvm_x86_put_state,
    .events = events,
    .before_run = before_run,
    .after_run = after_run,
    .mmio = mmio,
    .memory = memory_of,
    .exit = serve_exit,
    .broken = broken,
};
