/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC: registers, priorities, destinations, IPIs, timer, 8259, x2APIC. Time stands still but for
 * clock_virtual_step(). Four vCPUs exist; only the first one runs code.
 */
#include "core/thread.h"
#include "tests/check.h"
#include "tests/tcg/bare.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/system/msr.h"

enum { ID = 0x20, VERSION = 0x30, TPR = 0x80, PPR = 0xa0, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180,
       IRR = 0x200, ESR = 0x280, ICR = 0x300, ICR2 = 0x310, TIMER = 0x320, LINT0 = 0x350, LINT1 = 0x360, LVT_ERR = 0x370,
       INITIAL = 0x380, CURRENT = 0x390, DIVIDE = 0x3e0 };
#define MASKED (1u << 16)
#define MSI_BASE 0xfee00000u

static Apic *apics[4];
static int eoi_vector, eoi_count;

static uint32_t rd(unsigned n, uint32_t reg) { return apic_mmio_read(apics[n], reg, 4); }
static void wr(unsigned n, uint32_t reg, uint32_t value) { apic_mmio_write(apics[n], reg, value, 4); }
static bool in(unsigned n, uint32_t set, unsigned vector) { return rd(n, set + 16 * (vector / 32)) >> (vector % 32) & 1; }
static uint32_t requests(unsigned n) { return __atomic_load_n(&bare.cpu[n]->cpu.interrupt_request, __ATOMIC_SEQ_CST); }
static int take(unsigned n) { return apic_get_interrupt(apics[n]); }

static void eoi_broadcast(void *opaque, uint8_t vector)
{
    eoi_vector = vector;
    eoi_count++;
}

/* All APICs reset, software-enabled, no LVT masked by accident, nothing pending. */
static void fresh(void)
{
    for (unsigned n = 0; n < 4; n++) {
        cpu_x86_reset(bare.cpu[n], false);
        wr(n, SVR, 0x1ff);
    }
    apic_pic_intr(0);
    eoi_count = 0;
}

static void test_reset_values(void)
{
    static const struct { const char *claim; uint32_t reg, value; } rows[] = {
        { "version 14h, six LVT entries, EOI broadcast can be suppressed", VERSION, 0x01050014 }, { "TPR", TPR, 0 }, { "PPR", PPR, 0 },
        { "LDR", LDR, 0 }, { "DFR is flat", DFR, UINT32_MAX }, { "SVR: disabled, vector FFh", SVR, 0xff }, { "ESR", ESR, 0 },
        { "timer masked", TIMER, MASKED }, { "LINT1 masked", LINT1, MASKED }, { "error masked", LVT_ERR, MASKED }, { "initial count", INITIAL, 0 },
        { "current count", CURRENT, 0 }, { "divide", DIVIDE, 0 }, { "ICR", ICR, 0 },
    };

    for (unsigned n = 0; n < 4; n++) {
        cpu_x86_reset(bare.cpu[n], false);
        check_int(rd(n, ID), ==, n << 24, "id of APIC %u", n);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
            check_int(rd(n, rows[i].reg), ==, rows[i].value, "APIC %u: %s", n, rows[i].claim);
        }
    }
    check_int(rd(0, LINT0), ==, 0x700, "LINT0 of the bootstrap processor is its virtual wire");
    check_int(rd(1, LINT0), ==, MASKED, "LINT0 of the others is masked");
}

static void test_misuse(void)
{
    fresh();
    apic_mmio_write(apics[0], TPR, 0x55, 1);
    apic_mmio_write(apics[0], TPR + 2, 0x55, 4);
    check_int(rd(0, TPR), ==, 0, "narrow and odd writes are dropped");
    check_int(apic_mmio_read(apics[0], TPR + 8, 4), ==, 0, "the rest of a slot reads as 0");
    wr(0, ESR, 0);
    rd(0, 0x0);
    wr(0, 0xfe0, 1);
    wr(0, ESR, 0);
    check_int(rd(0, ESR), ==, 1 << 7, "reserved registers set the illegal-register error");
    wr(0, VERSION, 0);
    check_int(rd(0, VERSION), ==, 0x01050014, "the version is read-only");
    wr(0, LVT_ERR, UINT32_MAX);
    check_int(rd(0, LVT_ERR), ==, 0x100ff, "an LVT entry has its bits only");
    wr(0, TPR, UINT32_MAX);
    check_int(rd(0, TPR), ==, 0xff, "TPR has eight bits");
}

static void self_ipi(unsigned n, unsigned vector) { wr(n, ICR, vector | 1 << 18); }

static void test_priorities(void)
{
    fresh();
    self_ipi(0, 0x41);
    self_ipi(0, 0x52);
    check_true(requests(0) & INTERRUPT_HARD, "the vCPU is told");
    check_int(take(0), ==, 0x52, "the higher vector first");
    check_true(in(0, ISR, 0x52) && !in(0, IRR, 0x52), "it moved from IRR to ISR");
    check_int(rd(0, PPR), ==, 0x50, "PPR is its class");
    check_true(!(requests(0) & INTERRUPT_HARD), "the lower one waits");
    self_ipi(0, 0x58);
    check_true(!apic_has_interrupt(apics[0]), "one of the same class waits too");
    self_ipi(0, 0x61);
    check_int(take(0), ==, 0x61, "a higher class interrupts");
    wr(0, EOI, 0);
    check_true(!in(0, ISR, 0x61) && in(0, ISR, 0x52), "EOI ends the highest");
    wr(0, EOI, 0);
    check_int(take(0), ==, 0x58, "then the waiting ones");
    wr(0, EOI, 0);
    check_int(take(0), ==, 0x41, "in order");
    wr(0, EOI, 0);
    check_int(take(0), ==, -1, "none is left");
    wr(0, EOI, 0);
    check_int(rd(0, PPR), ==, 0, "a surplus EOI does nothing");
}

static void test_task_priority(void)
{
    fresh();
    wr(0, TPR, 0x50);
    self_ipi(0, 0x55);
    check_true(!(requests(0) & INTERRUPT_HARD), "TPR holds back its own class");
    self_ipi(0, 0x60);
    check_int(take(0), ==, 0x60, "not the next");
    wr(0, EOI, 0);
    apic_set_cr8(apics[0], 4);
    check_int(rd(0, TPR), ==, 0x40, "CR8 is TPR's class");
    check_true(requests(0) & INTERRUPT_HARD, "lowering it lets the vector through");
    check_int(take(0), ==, 0x55, "at once");
    check_int(apic_cr8(apics[0]), ==, 4, "CR8 reads back");
}

static void test_level_triggered(void)
{
    fresh();
    apic_send_msi(MSI_BASE, 0x70 | 1 << 15 | 1 << 14);
    check_true(in(0, TMR, 0x70), "a level-triggered message sets TMR");
    check_int(take(0), ==, 0x70, "it is delivered");
    wr(0, EOI, 0);
    check_int(eoi_count, ==, 1, "EOI goes to the IO APICs");
    check_int(eoi_vector, ==, 0x70, "with its vector");
    apic_send_msi(MSI_BASE, 0x70);
    check_true(!in(0, TMR, 0x70), "an edge-triggered one clears TMR");
    take(0);
    wr(0, EOI, 0);
    check_int(eoi_count, ==, 1, "and its EOI stays here");
    wr(0, SVR, 0x1ff | 1 << 12);
    apic_send_msi(MSI_BASE, 0x70 | 1 << 15 | 1 << 14);
    take(0);
    wr(0, EOI, 0);
    check_int(eoi_count, ==, 1, "a suppressed broadcast stays here too");
}

/* Which of the four APICs a message reaches. */
static const struct { const char *claim; uint32_t addr, data, ldr[4], dfr; unsigned reached; } destinations[] = {
    { "physical: one id", MSI_BASE | 2 << 12, 0x40, { 0 }, UINT32_MAX, 1 << 2 },
    { "physical: an id that nobody has", MSI_BASE | 9 << 12, 0x40, { 0 }, UINT32_MAX, 0 },
    { "physical: FFh is everybody", MSI_BASE | 0xff << 12, 0x40, { 0 }, UINT32_MAX, 0xf },
    { "flat: every bit that matches", MSI_BASE | 0x5 << 12 | 4, 0x40, { 1, 2, 4, 8 }, UINT32_MAX, 1 << 0 | 1 << 2 },
    { "flat: no bit", MSI_BASE | 0x10 << 12 | 4, 0x40, { 1, 2, 4, 8 }, UINT32_MAX, 0 },
    { "flat: FFh is everybody", MSI_BASE | 0xff << 12 | 4, 0x40, { 1, 2, 4, 8 }, UINT32_MAX, 0xf },
    { "cluster: members of one cluster", MSI_BASE | 0x13 << 12 | 4, 0x40, { 0x11, 0x12, 0x21, 0x22 }, 0x0fffffff, 1 << 0 | 1 << 1 },
    { "cluster: F is every cluster", MSI_BASE | 0xf1 << 12 | 4, 0x40, { 0x11, 0x12, 0x21, 0x22 }, 0x0fffffff, 1 << 0 | 1 << 2 },
};

static void test_destinations(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(destinations); i++) {
        unsigned reached = 0;

        fresh();
        for (unsigned n = 0; n < 4; n++) {
            wr(n, LDR, destinations[i].ldr[n] << 24);
            wr(n, DFR, destinations[i].dfr);
        }
        apic_send_msi(destinations[i].addr, destinations[i].data);
        for (unsigned n = 0; n < 4; n++) {
            reached |= in(n, IRR, 0x40) << n;
        }
        check_int(reached, ==, destinations[i].reached, "%s", destinations[i].claim);
    }
}

static void test_lowest_priority(void)
{
    fresh();
    for (unsigned n = 0; n < 4; n++) {
        wr(n, LDR, 1u << (24 + n));
        wr(n, TPR, n == 2 ? 0x10 : 0x80);
    }
    apic_send_msi(MSI_BASE | 0xf << 12 | 4, 0x90 | 1 << 8);
    check_true(in(2, IRR, 0x90), "the least busy gets it");
    check_true(!in(0, IRR, 0x90) && !in(1, IRR, 0x90) && !in(3, IRR, 0x90), "and only that one");
    wr(2, SVR, 0xff);
    for (unsigned n = 0; n < 4; n++) {
        wr(n, TPR, 0);
    }
    apic_send_msi(MSI_BASE | 4 << 12 | 4, 0x91 | 1 << 8);
    check_true(!in(2, IRR, 0x91), "a disabled APIC takes none");
}

static void test_shorthands(void)
{
    fresh();
    wr(1, ICR, 0x40 | 2 << 18);
    check_true(in(0, IRR, 0x40) && in(1, IRR, 0x40) && in(2, IRR, 0x40) && in(3, IRR, 0x40), "all including self");
    fresh();
    wr(1, ICR, 0x40 | 3 << 18);
    check_true(in(0, IRR, 0x40) && !in(1, IRR, 0x40) && in(2, IRR, 0x40) && in(3, IRR, 0x40), "all excluding self");
    fresh();
    wr(1, ICR2, 3 << 24);
    wr(1, ICR, 0x40);
    check_true(in(3, IRR, 0x40) && !in(1, IRR, 0x40), "one by ICR's destination");
}

static void test_start_up(void)
{
    fresh();
    wr(0, ICR2, 1 << 24);
    wr(0, ICR, 5 << 8 | 1 << 14);
    check_true(requests(1) & INTERRUPT_INIT, "INIT");
    check_true(bare.cpu[1]->cpu.ops->has_work(&bare.cpu[1]->cpu), "which wakes a waiting processor");
    wr(0, ICR, 5 << 8 | 1 << 15);
    cpu_service_interrupts(bare.cpu[1]);
    check_true(bare.cpu[1]->wait_for_sipi, "the processor waits for a start-up");
    check_true(bare.cpu[1]->cpu.halted, "asleep");
    check_int(bare.cpu[1]->seg[R_CS].base, ==, 0xffff0000, "in its reset state");
    wr(0, ICR, 6 << 8 | 0x9a);
    check_true(requests(1) & INTERRUPT_SIPI, "SIPI");
    cpu_service_interrupts(bare.cpu[1]);
    check_true(!bare.cpu[1]->wait_for_sipi && !bare.cpu[1]->cpu.halted, "the processor starts");
    check_int(bare.cpu[1]->seg[R_CS].base, ==, 0x9a000, "at its page");
    check_int(bare.cpu[1]->seg[R_CS].selector, ==, 0x9a00, "with that CS");
    check_int(bare.cpu[1]->rip, ==, 0, "at offset 0");
    bare.cpu[1]->rip = 5;
    wr(0, ICR, 6 << 8 | 0x40);
    cpu_service_interrupts(bare.cpu[1]);
    check_int(bare.cpu[1]->rip, ==, 5, "a second SIPI is ignored");
    check_true(!(requests(1) & INTERRUPT_SIPI), "and forgotten");
}

static void test_init_survives_fpu_and_msrs(void)
{
    CpuX86 *cpu = bare.cpu[1];

    fresh();
    cpu->fpu.mxcsr = 0x1fa0;
    cpu->msr.star = 1234;
    cpu->xcr0 = 7;
    cpu_x86_reset(cpu, true);
    check_int(cpu->fpu.mxcsr, ==, 0x1fa0, "INIT leaves MXCSR");
    check_int(cpu->msr.star, ==, 1234, "and MSRs");
    check_int(cpu->xcr0, ==, 7, "and XCR0");
    cpu_x86_reset(cpu, false);
    check_int(cpu->fpu.mxcsr, ==, 0x1f80, "reset does not");
}

static void test_nmi_and_smi(void)
{
    fresh();
    apic_send_msi(MSI_BASE | 1 << 12, DELIVER_NMI << 8);
    check_true(requests(1) & INTERRUPT_NMI, "an NMI message");
    wr(2, LINT1, DELIVER_NMI << 8);
    apic_nmi_all();
    check_true(requests(2) & INTERRUPT_NMI, "the button reaches those whose LINT1 says NMI");
    check_true(!(requests(3) & INTERRUPT_NMI), "not those that mask it");
    wr(0, ICR2, 3 << 24);
    wr(0, ICR, DELIVER_SMI << 8);
    check_true(requests(3) & INTERRUPT_SMI, "an SMI message");
    for (unsigned n = 0; n < 4; n++) {
        cpu_interrupt_clear(&bare.cpu[n]->cpu, INTERRUPT_NMI | INTERRUPT_SMI);
    }
}

static void test_errors(void)
{
    fresh();
    wr(0, LVT_ERR, 0xe1);
    self_ipi(0, 0x0f);
    check_int(rd(0, ESR), ==, 0, "ESR is latched");
    check_true(in(0, IRR, 0xe1), "the error interrupt comes");
    wr(0, ESR, 0);
    check_int(rd(0, ESR), ==, 1 << 5, "a vector below 16 cannot be sent");
    wr(0, ESR, 0);
    check_int(rd(0, ESR), ==, 0, "a write clears what was read");
    apic_send_msi(MSI_BASE, 3);
    wr(0, ESR, 0);
    check_int(rd(0, ESR), ==, 1 << 6, "nor received");
}

static void test_software_disable(void)
{
    fresh();
    wr(0, TIMER, 0x40);
    self_ipi(0, 0x80);
    wr(0, SVR, 0xff);
    check_true(rd(0, TIMER) & MASKED, "disabling masks the LVT");
    wr(0, TIMER, 0x40);
    check_true(rd(0, TIMER) & MASKED, "for as long as it lasts");
    check_true(!apic_has_interrupt(apics[0]), "and holds back what is pending");
    apic_send_msi(MSI_BASE, 0x90);
    check_true(!in(0, IRR, 0x90), "nothing more is accepted");
    wr(0, SVR, 0x1ff);
    check_int(take(0), ==, 0x80, "what was pending is kept");
}

/* --- Timer --- */

static void test_timer_one_shot(void)
{
    fresh();
    wr(0, DIVIDE, 0xb);
    wr(0, TIMER, 0x40);
    wr(0, INITIAL, 1000);
    check_true(timer_armed(&apics[0]->timer), "armed");
    clock_virtual_step(clock_ns(CLOCK_VIRTUAL) + 400);
    check_int(rd(0, CURRENT), ==, 600, "1 GHz counted down");
    clock_virtual_step(clock_ns(CLOCK_VIRTUAL) + 599);
    check_true(!in(0, IRR, 0x40), "not yet");
    clock_virtual_step(clock_ns(CLOCK_VIRTUAL) + 1);
    check_true(in(0, IRR, 0x40), "fired");
    check_int(rd(0, CURRENT), ==, 0, "at 0");
    take(0);
    wr(0, EOI, 0);
    clock_virtual_step(clock_ns(CLOCK_VIRTUAL) + 100000);
    check_true(!in(0, IRR, 0x40), "once");
    check_true(!timer_armed(&apics[0]->timer), "and sleeps");
}

static void test_timer_divider(void)
{
    static const struct { uint32_t code; unsigned divisor; } rows[] = {
        { 0, 2 }, { 1, 4 }, { 2, 8 }, { 3, 16 }, { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 }
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        fresh();
        wr(0, DIVIDE, rows[i].code);
        wr(0, INITIAL, 1000);
        clock_virtual_step(clock_ns(CLOCK_VIRTUAL) + 128 * 10);
        check_int(rd(0, CURRENT), ==, rows[i].divisor == 1 ? 0 : 1000 - MIN(1000, 1280 / rows[i].divisor), "divide by %u", rows[i].divisor);
    }
}

static void test_timer_periodic(void)
{
    int64_t start;

    fresh();
    wr(0, DIVIDE, 0xb);
    wr(0, TIMER, 0x40 | LVT_PERIODIC);
    wr(0, INITIAL, 1000);
    start = clock_ns(CLOCK_VIRTUAL);
    for (unsigned i = 1; i <= 3; i++) {
        clock_virtual_step(start + 1000 * i);
        check_int(take(0), ==, 0x40, "tick %u", i);
        wr(0, EOI, 0);
    }
    clock_virtual_step(start + 4000);
    check_true(!timer_armed(&apics[0]->timer), "while the vector is pending nobody is woken");
    clock_virtual_step(start + 7500);
    check_int(rd(0, CURRENT), ==, 500, "the count goes on");
    check_int(take(0), ==, 0x40, "the pending tick is taken");
    check_true(timer_armed(&apics[0]->timer), "then the timer is armed again");
    wr(0, EOI, 0);
    clock_virtual_step(start + 8000);
    check_int(take(0), ==, 0x40, "in phase");
    wr(0, EOI, 0);
    wr(0, TIMER, 0x40 | LVT_PERIODIC | MASKED);
    check_true(!timer_armed(&apics[0]->timer), "masked: nobody is woken");
    clock_virtual_step(start + 20000);
    check_true(!in(0, IRR, 0x40), "nothing is pending");
    wr(0, INITIAL, 0);
    wr(0, TIMER, 0x40 | LVT_PERIODIC);
    check_true(!timer_armed(&apics[0]->timer), "count 0 stops it");
}

static void test_timer_deadline(void)
{
    CpuX86 *cpu = bare.cpu[0];

    fresh();
    cpu_wrmsr(cpu, MSR_TSC_DEADLINE, 1000);
    check_int(cpu_rdmsr(cpu, MSR_TSC_DEADLINE), ==, 0, "no deadline outside of its mode");
    wr(0, TIMER, 0x40 | LVT_DEADLINE);
    check_true(!timer_armed(&apics[0]->timer), "no deadline yet");
    uint64_t deadline = cpu_tsc(cpu) + 5000;
    cpu_wrmsr(cpu, MSR_TSC_DEADLINE, deadline);
    check_int(cpu_rdmsr(cpu, MSR_TSC_DEADLINE), ==, deadline, "it reads back");
    wr(0, INITIAL, 10);
    check_int(rd(0, INITIAL), ==, 0, "the initial count cannot be set");
    clock_virtual_step(clock_ns(CLOCK_VIRTUAL) + 4999);
    check_true(!in(0, IRR, 0x40), "not before");
    clock_virtual_step(clock_ns(CLOCK_VIRTUAL) + 1);
    check_true(in(0, IRR, 0x40), "at the deadline");
    check_int(cpu_rdmsr(cpu, MSR_TSC_DEADLINE), ==, 0, "which is gone");
    take(0);
    wr(0, EOI, 0);
    cpu_wrmsr(cpu, MSR_TSC_DEADLINE, 1);
    check_true(in(0, IRR, 0x40), "a past one fires at once");
    take(0);
    wr(0, EOI, 0);
    cpu_wrmsr(cpu, MSR_TSC_DEADLINE, cpu_tsc(cpu) + 5000);
    cpu_wrmsr(cpu, MSR_TSC_DEADLINE, 0);
    check_true(!timer_armed(&apics[0]->timer), "0 disarms");
    cpu_wrmsr(cpu, MSR_TSC_DEADLINE, cpu_tsc(cpu) + 5000);
    wr(0, TIMER, 0x40 | LVT_DEADLINE | MASKED);
    check_true(!timer_armed(&apics[0]->timer), "masking disarms");
    clock_virtual_step(clock_ns(CLOCK_VIRTUAL) + 10000);
    check_int(cpu_rdmsr(cpu, MSR_TSC_DEADLINE), ==, 0, "a deadline passes masked");
    wr(0, TIMER, 0x40 | LVT_DEADLINE);
    check_true(!in(0, IRR, 0x40), "and is not made up for");
    cpu_wrmsr(cpu, MSR_TSC_DEADLINE, UINT64_MAX);
    check_true(!timer_armed(&apics[0]->timer) && !in(0, IRR, 0x40), "one that never comes wakes nobody");
    wr(0, TIMER, 0x40);
    check_int(cpu_rdmsr(cpu, MSR_TSC_DEADLINE), ==, 0, "leaving the mode drops it");
}

/* --- 8259 --- */

static int ack(void *opaque) { return GPOINTER_TO_INT(opaque); }

static void test_virtual_wire(void)
{
    fresh();
    apic_set_pic_ack(ack, GINT_TO_POINTER(0x08));
    wr(0, LINT0, DELIVER_EXTINT << 8);
    apic_pic_intr(1);
    check_true(requests(0) & INTERRUPT_HARD, "ExtINT through LINT0");
    check_true(!(requests(1) & INTERRUPT_HARD), "of those that listen");
    check_int(take(0), ==, 0x08, "the 8259 gives the vector");
    check_true(!in(0, ISR, 0x08), "the APIC keeps no record of it");
    self_ipi(0, 0x50);
    check_int(take(0), ==, 0x50, "the APIC's own come first");
    wr(0, EOI, 0);
    apic_pic_intr(0);
    check_int(take(0), ==, -1, "the line is low");
    wr(0, LINT0, DELIVER_EXTINT << 8 | MASKED);
    apic_pic_intr(1);
    check_true(!(requests(0) & INTERRUPT_HARD), "masked");
    wr(0, LINT0, 0x60);
    apic_pic_intr(0);
    apic_pic_intr(1);
    check_int(take(0), ==, 0x60, "LINT0 as a fixed interrupt");
    wr(0, EOI, 0);
    apic_pic_intr(0);
    cpu_wrmsr(bare.cpu[0], MSR_APIC_BASE, APIC_BASE_DEFAULT);
    apic_pic_intr(1);
    check_int(take(0), ==, 0x08, "without the APIC the 8259 reaches the processor as it is");
    check_int(rd(0, VERSION), ==, 0, "its registers are gone");
    apic_pic_intr(0);
}

/* --- x2APIC --- */

static bool msr(unsigned n, uint32_t reg, uint64_t *value) { return apic_msr_read(apics[n], reg, value); }

static void test_x2apic(void)
{
    CpuX86 *cpu = bare.cpu[2];
    uint64_t v, base = APIC_BASE_DEFAULT | APIC_BASE_ENABLE;

    fresh();
    cpu_wrmsr(cpu, MSR_APIC_BASE, base | APIC_BASE_EXTD);
    check_true(msr(2, 2, &v) && v == 2, "the id");
    check_true(msr(2, 0xd, &v) && v == 4, "the logical id follows from it");
    check_int(rd(2, VERSION), ==, 0, "no memory-mapped registers");
    check_true(!apic_msr_read(apics[2], 0xe, &v), "there is no DFR");
    check_true(!apic_msr_read(apics[2], 0xb, &v), "EOI is write-only");
    check_true(!apic_msr_write(apics[2], 0xb, 1), "and takes 0 only");
    check_true(!apic_msr_write(apics[2], 2, 5), "the id is read-only");
    check_true(!apic_msr_write(apics[2], 8, 0x100), "reserved bits of TPR");
    check_true(apic_msr_write(apics[2], 0xf, 0x1ff), "SVR");
    check_true(apic_msr_write(apics[2], 0x3f, 0x77), "self IPI");
    check_int(take(2), ==, 0x77, "comes");
    check_true(apic_msr_write(apics[2], 0xb, 0), "EOI");
    check_true(apic_msr_write(apics[2], 0x30, 1ull << 32 | 0x55), "a 64-bit ICR");
    check_true(in(1, IRR, 0x55), "reaches its destination");
    check_true(apic_msr_write(apics[2], 0x30, 0xffffffffull << 32 | 0x56), "broadcast");
    check_true(in(0, IRR, 0x56) && in(3, IRR, 0x56), "reaches everybody");
    check_true(apic_msr_write(apics[2], 0x30, 4ull << 32 | 0x57 | 1 << 11), "logical");
    check_true(msr(2, 0x22, &v) && v >> 0x17 & 1, "matches the logical id");
    wr(0, ICR2, 2 << 24);
    wr(0, ICR, 0x58);
    check_true(msr(2, 0x22, &v) && v >> 0x18 & 1, "an xAPIC reaches it by its id");
    check_int(cpu_rdmsr(cpu, MSR_APIC_BASE) & (APIC_BASE_EXTD | APIC_BASE_ENABLE), ==, APIC_BASE_EXTD | APIC_BASE_ENABLE, "the mode reads back");
    cpu_wrmsr(cpu, MSR_APIC_BASE, APIC_BASE_DEFAULT);
    cpu_wrmsr(cpu, MSR_APIC_BASE, base);
    check_int(rd(2, SVR), ==, 0xff, "through disabled it comes back reset");
}

static void test_x2apic_transitions(void)
{
    static const struct { const char *claim; uint64_t from, to; } refused[] = {
        { "x2APIC without enable", APIC_BASE_ENABLE, APIC_BASE_EXTD },
        { "disabled to x2APIC", 0, APIC_BASE_ENABLE | APIC_BASE_EXTD },
        { "x2APIC to xAPIC", APIC_BASE_ENABLE | APIC_BASE_EXTD, APIC_BASE_ENABLE },
        { "a reserved bit", APIC_BASE_ENABLE, APIC_BASE_ENABLE | 1 },
        { "an address beyond the physical ones", APIC_BASE_ENABLE, APIC_BASE_ENABLE | 1ull << 50 },
    };
    CpuX86 *cpu = bare.cpu[0];

    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        bare_reset(cpu, BARE_LONG);
        cpu->msr.apic_base = APIC_BASE_DEFAULT | refused[i].from;
        cpu->regs[R_RCX] = MSR_APIC_BASE;
        cpu->regs[R_RAX] = (uint32_t)(APIC_BASE_DEFAULT | refused[i].to);
        cpu->regs[R_RDX] = refused[i].to >> 32;
        BARE_CODE_AT(BARE_CODE, 0x0f, 0x30, 0xf4);
        check_int(bare_run(cpu), ==, VECTOR_GP, "%s is #GP", refused[i].claim);
        check_int(cpu->msr.apic_base, ==, APIC_BASE_DEFAULT | refused[i].from, "%s changes nothing", refused[i].claim);
    }
}

/* --- With code --- */

static CpuX86 *running(void)
{
    CpuX86 *cpu = bare.cpu[0];

    bare_reset(cpu, BARE_LONG);
    wr(0, SVR, 0x1ff);
    apic_pic_intr(0);
    return cpu;
}

static void test_interrupt_is_delivered(void)
{
    CpuX86 *cpu = running();

    self_ipi(0, 0x50);
    BARE_CODE_AT(BARE_CODE, 0x90, 0xfb, 0x90, 0x90, 0xf4);      /* NOP; STI; NOP; NOP; HLT */
    check_int(bare_run(cpu), ==, 0x50, "IF lets the interrupt in");
    check_int(bare.trap.rip, ==, BARE_CODE + 3, "after the instruction behind STI");
    check_true(bare.trap.rflags & RFLAGS_IF, "with IF saved");
    check_true(!(cpu->rflags & RFLAGS_IF), "and cleared by the interrupt gate");
    check_true(in(0, ISR, 0x50), "it is in service");
    wr(0, EOI, 0);
}

static void test_sti_hlt_wakes(void)
{
    CpuX86 *cpu = running();

    BARE_CODE_AT(BARE_CODE, 0xfb, 0xf4, 0xcc);
    self_ipi(0, 0x50);
    check_int(bare_run(cpu), ==, VECTOR_NONE, "STI holds the interrupt back until HLT");
    check_true(cpu->cpu.ops->has_work(&cpu->cpu), "which it ends");
    check_int(bare_run(cpu), ==, 0x50, "it is delivered");
    check_int(bare.trap.rip, ==, BARE_CODE + 2, "and returns behind it");
    wr(0, EOI, 0);
}

static void test_mov_ss_shadow(void)
{
    CpuX86 *cpu = running();

    self_ipi(0, 0x50);
    cpu->regs[R_RAX] = BARE_DATA32;
    /* STI; NOP is where it would come; MOV SS holds it back by one more */
    BARE_CODE_AT(BARE_CODE, 0xfb, 0x8e, 0xd0, 0x90, 0x90, 0xf4);
    check_int(bare_run(cpu), ==, 0x50, "the interrupt comes");
    check_int(bare.trap.rip, ==, BARE_CODE + 4, "after the instruction behind MOV SS");
    wr(0, EOI, 0);
}

static void test_cr8_masks(void)
{
    CpuX86 *cpu = running();

    self_ipi(0, 0x50);
    cpu->regs[R_RAX] = 5;
    /* MOV CR8, RAX; STI; NOP; XOR EAX, EAX; MOV CR8, RAX; NOP; HLT */
    BARE_CODE_AT(BARE_CODE, 0x44, 0x0f, 0x22, 0xc0, 0xfb, 0x90, 0x31, 0xc0, 0x44, 0x0f, 0x22, 0xc0, 0x90, 0xf4);
    check_int(bare_run(cpu), ==, 0x50, "lowering CR8 lets it in");
    check_int(bare.trap.rip, ==, BARE_CODE + 12, "right behind the MOV");
    wr(0, EOI, 0);
}

static void test_state_round_trip(void)
{
    g_autoptr(GByteArray) saved = g_byte_array_new(), again = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    size_t used;

    fresh();
    wr(0, TPR, 0x30);
    wr(0, TIMER, 0x40 | LVT_PERIODIC);
    wr(0, INITIAL, 12345);
    self_ipi(0, 0x50);
    self_ipi(0, 0x20);
    take(0);
    state_save(apic_type.state, apics[0], 1, saved);
    fresh();
    check_true(state_load(apic_type.state, apics[0], 1, saved->data, saved->len, &used, &err), "loads: %s", err ? err->message : "");
    check_int(used, ==, saved->len, "everything is read");
    check_true(apic_type.post_load(&apics[0]->device, 1, &err), "post-load");
    state_save(apic_type.state, apics[0], 1, again);
    check_true(saved->len == again->len && !memcmp(saved->data, again->data, saved->len), "and is the same");
    check_true(in(0, ISR, 0x50) && in(0, IRR, 0x20), "vectors are back");
    check_true(timer_armed(&apics[0]->timer), "the timer is armed");
    apics[0]->tpr = 0x1000;
    check_true(!apic_type.post_load(&apics[0]->device, 1, &err), "an impossible TPR is refused");
    g_clear_error(&err);
    fresh();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    clock_virtual_set_manual();
    bare_start(4);
    bql_lock();
    for (unsigned n = 0; n < 4; n++) {
        g_autoptr(GError) err = NULL;
        Device *dev = device_new(&apic_type);

        apics[n] = (Apic *)dev;
        apics[n]->cpu = bare.cpu[n];
        bare.cpu[n]->apic = apics[n];
        check_true(device_realize(dev, NULL, &err), "APIC %u: %s", n, err ? err->message : "");
    }
    bql_unlock();
    apic_set_eoi_hook(eoi_broadcast, NULL);

    g_test_add_func("/apic/reset", test_reset_values);
    g_test_add_func("/apic/misuse", test_misuse);
    g_test_add_func("/apic/priorities", test_priorities);
    g_test_add_func("/apic/task-priority", test_task_priority);
    g_test_add_func("/apic/level", test_level_triggered);
    g_test_add_func("/apic/destinations", test_destinations);
    g_test_add_func("/apic/lowest-priority", test_lowest_priority);
    g_test_add_func("/apic/shorthands", test_shorthands);
    g_test_add_func("/apic/start-up", test_start_up);
    g_test_add_func("/apic/init", test_init_survives_fpu_and_msrs);
    g_test_add_func("/apic/nmi-smi", test_nmi_and_smi);
    g_test_add_func("/apic/errors", test_errors);
    g_test_add_func("/apic/software-disable", test_software_disable);
    g_test_add_func("/apic/timer/one-shot", test_timer_one_shot);
    g_test_add_func("/apic/timer/divider", test_timer_divider);
    g_test_add_func("/apic/timer/periodic", test_timer_periodic);
    g_test_add_func("/apic/timer/deadline", test_timer_deadline);
    g_test_add_func("/apic/virtual-wire", test_virtual_wire);
    g_test_add_func("/apic/x2apic", test_x2apic);
    g_test_add_func("/apic/x2apic-transitions", test_x2apic_transitions);
    g_test_add_func("/apic/delivery", test_interrupt_is_delivered);
    g_test_add_func("/apic/hlt", test_sti_hlt_wakes);
    g_test_add_func("/apic/mov-ss", test_mov_ss_shadow);
    g_test_add_func("/apic/cr8", test_cr8_masks);
    g_test_add_func("/apic/state", test_state_round_trip);
    return g_test_run();
}
