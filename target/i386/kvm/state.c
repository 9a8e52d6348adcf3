/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers between CpuX86 and the kernel: one table.
 *
 * `parts` has a row for each ioctl pair, in the order in which the kernel must be given them; `fields` has a row for
 * each register that is a plain number on both sides. What is no plain number (segments, flags, vectors, MSRs) has a
 * function of its part. Getting and putting, and the test that goes through them field by field, walk these rows.
 *
 * Order: special registers first, since they decide how the local APIC's id and the rest are read; MSRs after the local
 * APIC, which the TSC deadline belongs to; events after everything that may raise or drop one.
 */
#include <string.h>

#include "core/error.h"
#include "target/i386/exec/walk.h"
#include "target/i386/kvm/kvm_x86.h"
#include "target/i386/kvm/state.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/system/msr.h"

/* Plain numbers. */

#define PART_FIELD(id, k, c) \
    { .part = KVM_PART_##id, .name = #k, .theirs = offsetof(KvmX86, k), .their_bytes = sizeof(((KvmX86 *)NULL)->k), \
      .ours = offsetof(CpuX86, c), .our_bytes = sizeof(((CpuX86 *)NULL)->c) }
/* Local APIC: registers are 32 bits each 16 bytes; @reg is the MMIO offset. */
#define APIC_FIELD(reg, a) \
    { .part = KVM_PART_LAPIC, .of_apic = true, .name = "lapic." #a, .theirs = offsetof(KvmX86, lapic) + (reg), .their_bytes = 4, \
      .ours = offsetof(Apic, a), .our_bytes = sizeof(((Apic *)NULL)->a) }
#define APIC_VECTORS(reg, set)                                                                                         \
    APIC_FIELD((reg) + 0x00, set[0]), APIC_FIELD((reg) + 0x10, set[1]), APIC_FIELD((reg) + 0x20, set[2]),              \
        APIC_FIELD((reg) + 0x30, set[3]), APIC_FIELD((reg) + 0x40, set[4]), APIC_FIELD((reg) + 0x50, set[5]),          \
        APIC_FIELD((reg) + 0x60, set[6]), APIC_FIELD((reg) + 0x70, set[7])

const KvmField kvm_fields[] = {
    PART_FIELD(REGS, regs.rax, regs[R_RAX]),
    PART_FIELD(REGS, regs.rbx, regs[R_RBX]),
    PART_FIELD(REGS, regs.rcx, regs[R_RCX]),
    PART_FIELD(REGS, regs.rdx, regs[R_RDX]),
    PART_FIELD(REGS, regs.rsi, regs[R_RSI]),
    PART_FIELD(REGS, regs.rdi, regs[R_RDI]),
    PART_FIELD(REGS, regs.rsp, regs[R_RSP]),
    PART_FIELD(REGS, regs.rbp, regs[R_RBP]),
    PART_FIELD(REGS, regs.r8, regs[R_R8]),
    PART_FIELD(REGS, regs.r9, regs[R_R9]),
    PART_FIELD(REGS, regs.r10, regs[R_R10]),
    PART_FIELD(REGS, regs.r11, regs[R_R11]),
    PART_FIELD(REGS, regs.r12, regs[R_R12]),
    PART_FIELD(REGS, regs.r13, regs[R_R13]),
    PART_FIELD(REGS, regs.r14, regs[R_R14]),
    PART_FIELD(REGS, regs.r15, regs[R_R15]),
    PART_FIELD(REGS, regs.rip, rip),

    PART_FIELD(SREGS, sregs.cr0, cr0),
    PART_FIELD(SREGS, sregs.cr2, cr2),
    PART_FIELD(SREGS, sregs.cr3, cr3),
    PART_FIELD(SREGS, sregs.cr4, cr4),
    PART_FIELD(SREGS, sregs.efer, msr.efer),
    PART_FIELD(SREGS, sregs.apic_base, msr.apic_base),
    PART_FIELD(SREGS, sregs.gdt.base, gdtr.base),
    PART_FIELD(SREGS, sregs.gdt.limit, gdtr.limit),
    PART_FIELD(SREGS, sregs.idt.base, idtr.base),
    PART_FIELD(SREGS, sregs.idt.limit, idtr.limit),

    PART_FIELD(DEBUG, debug.db[0], dr[0]),
    PART_FIELD(DEBUG, debug.db[1], dr[1]),
    PART_FIELD(DEBUG, debug.db[2], dr[2]),
    PART_FIELD(DEBUG, debug.db[3], dr[3]),
    PART_FIELD(DEBUG, debug.dr6, dr[6]),
    PART_FIELD(DEBUG, debug.dr7, dr[7]),

    PART_FIELD(EVENTS, events.exception.injected, in_flight.exception_injected),
    PART_FIELD(EVENTS, events.exception.pending, in_flight.exception_pending),
    PART_FIELD(EVENTS, events.exception.nr, in_flight.exception_vector),
    PART_FIELD(EVENTS, events.exception.has_error_code, in_flight.exception_has_error),
    PART_FIELD(EVENTS, events.exception.error_code, in_flight.exception_error),
    PART_FIELD(EVENTS, events.exception_has_payload, in_flight.exception_has_payload),
    PART_FIELD(EVENTS, events.exception_payload, in_flight.exception_payload),
    PART_FIELD(EVENTS, events.interrupt.injected, in_flight.interrupt_injected),
    PART_FIELD(EVENTS, events.interrupt.nr, in_flight.interrupt_vector),
    PART_FIELD(EVENTS, events.interrupt.soft, in_flight.interrupt_soft),
    PART_FIELD(EVENTS, events.interrupt.shadow, in_flight.shadow),
    PART_FIELD(EVENTS, events.nmi.injected, in_flight.nmi_injected),
    PART_FIELD(EVENTS, events.nmi.pending, in_flight.nmi_pending),
    PART_FIELD(EVENTS, events.nmi.masked, nmi_blocked),
    PART_FIELD(EVENTS, events.smi.smm, smm),
    PART_FIELD(EVENTS, events.smi.pending, in_flight.smi_pending),
    PART_FIELD(EVENTS, events.smi.smm_inside_nmi, in_flight.smm_inside_nmi),
    PART_FIELD(EVENTS, events.smi.latched_init, in_flight.init_latched),

    APIC_FIELD(0x80, tpr),
    APIC_FIELD(0xd0, ldr),
    APIC_FIELD(0xe0, dfr),
    APIC_FIELD(0xf0, svr),
    APIC_VECTORS(0x100, isr),
    APIC_VECTORS(0x180, tmr),
    APIC_VECTORS(0x200, irr),
    APIC_FIELD(0x280, esr),
    APIC_FIELD(0x300, icr_low),
    APIC_FIELD(0x310, icr_high),
    APIC_FIELD(0x320, lvt[LVT_TIMER]),
    APIC_FIELD(0x330, lvt[LVT_THERMAL]),
    APIC_FIELD(0x340, lvt[LVT_PERFORMANCE]),
    APIC_FIELD(0x350, lvt[LVT_LINT0]),
    APIC_FIELD(0x360, lvt[LVT_LINT1]),
    APIC_FIELD(0x370, lvt[LVT_ERROR]),
    APIC_FIELD(0x380, initial_count),
    APIC_FIELD(0x3e0, divide),
};
const size_t kvm_field_count = G_N_ELEMENTS(kvm_fields);

static void copy_number(uint8_t *to, unsigned to_bytes, const uint8_t *from, unsigned from_bytes)
{
    uint64_t value = 0;

    memcpy(&value, from, from_bytes);
    memcpy(to, &value, to_bytes);
}

static void copy_fields(CpuX86 *cpu, KvmPart part, bool to_kernel)
{
    for (size_t i = 0; i < kvm_field_count; i++) {
        const KvmField *f = &kvm_fields[i];
        uint8_t *theirs = (uint8_t *)cpu->kvm_x86 + f->theirs,
                *ours = (f->of_apic ? (uint8_t *)cpu->apic : (uint8_t *)cpu) + f->ours;

        if (f->part != part) {
            continue;
        }
        if (to_kernel) {
            copy_number(theirs, f->their_bytes, ours, f->our_bytes);
        } else {
            copy_number(ours, f->our_bytes, theirs, f->their_bytes);
        }
    }
}

/* What is no plain number. */

static void regs_from(CpuX86 *cpu) { cpu_set_rflags(cpu, cpu->kvm_x86->regs.rflags); }
static void regs_to(CpuX86 *cpu, KvmLevel level) { cpu->kvm_x86->regs.rflags = cpu_get_rflags(cpu); }

static SegmentCache segment_from(const struct kvm_segment *s)
{
    return (SegmentCache){
        .base = s->base,
        .limit = s->limit,
        .selector = s->selector,
        .attr = s->unusable ? 0
                            : s->type | s->s << 4 | s->dpl << 5 | s->present << 7 | s->avl << 12 | s->l << 13 |
                                  s->db << 14 | s->g << 15,
    };
}

static struct kvm_segment segment_to(const SegmentCache *s)
{
    unsigned a = s->attr;

    return (struct kvm_segment){
        .base = s->base,
        .limit = s->limit,
        .selector = s->selector,
        .type = a & SEG_TYPE,
        .s = a >> 4 & 1,
        .dpl = a >> 5 & 3,
        .present = a >> 7 & 1,
        .avl = a >> 12 & 1,
        .l = a >> 13 & 1,
        .db = a >> 14 & 1,
        .g = a >> 15 & 1,
        .unusable = !(a & SEG_P),
    };
}

static const struct { size_t theirs, ours;
} segments[] = {
#define SEGMENT(k, c) { offsetof(struct kvm_sregs, k), offsetof(CpuX86, c) }
    SEGMENT(cs, seg[R_CS]), SEGMENT(ds, seg[R_DS]), SEGMENT(es, seg[R_ES]), SEGMENT(fs, seg[R_FS]),
    SEGMENT(gs, seg[R_GS]), SEGMENT(ss, seg[R_SS]), SEGMENT(tr, tr),        SEGMENT(ldt, ldtr),
#undef SEGMENT
};

static void sregs_from(CpuX86 *cpu)
{
    for (size_t i = 0; i < G_N_ELEMENTS(segments); i++) {
        *(SegmentCache *)((uint8_t *)cpu + segments[i].ours) =
            segment_from((const struct kvm_segment *)((uint8_t *)&cpu->kvm_x86->sregs + segments[i].theirs));
    }
}

static void sregs_to(CpuX86 *cpu, KvmLevel level)
{
    struct kvm_sregs *s = &cpu->kvm_x86->sregs;

    for (size_t i = 0; i < G_N_ELEMENTS(segments); i++) {
        *(struct kvm_segment *)((uint8_t *)s + segments[i].theirs) =
            segment_to((const SegmentCache *)((uint8_t *)cpu + segments[i].ours));
    }
    s->cr8 = apic_cr8(cpu->apic);
    memset(s->interrupt_bitmap, 0, sizeof s->interrupt_bitmap);     /* vcpu_events says it better */
}

static void xcrs_from(CpuX86 *cpu)
{
    const struct kvm_xcrs *x = &cpu->kvm_x86->xcrs;

    for (unsigned i = 0; i < x->nr_xcrs && i < KVM_MAX_XCRS; i++) {
        if (x->xcrs[i].xcr == 0) {
            cpu->xcr0 = x->xcrs[i].value;
        }
    }
}

static void xcrs_to(CpuX86 *cpu, KvmLevel level)
{
    cpu->kvm_x86->xcrs = (struct kvm_xcrs){ .nr_xcrs = 1, .xcrs = { { .xcr = 0, .value = cpu->xcr0 } } };
}

static void events_from(CpuX86 *cpu) { cpu->interrupt_shadow = cpu->in_flight.shadow != 0; }

static void events_to(CpuX86 *cpu, KvmLevel level)
{
    struct kvm_vcpu_events *e = &cpu->kvm_x86->events;

    e->flags = KVM_VCPUEVENT_VALID_SHADOW;
    if (!cpu->interrupt_shadow) {
        e->interrupt.shadow = 0;
    }
    if (level >= KVM_LEVEL_RESET) {
        e->flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR;
        e->sipi_vector = cpu->sipi_vector;      /* one way only: the kernel never shows it, and ours may just have come */
    }
    if (kvm_has(KVM_CAP_X86_SMM)) {
        e->flags |= KVM_VCPUEVENT_VALID_SMM;
    }
    if (kvm_has(KVM_CAP_EXCEPTION_PAYLOAD)) {
        e->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
    } else {
        e->exception.pending = 0;
    }
}

static void mp_from(CpuX86 *cpu)
{
    uint32_t mp = cpu->kvm_x86->mp.mp_state;

    cpu->in_flight.mp_state = mp;
    cpu->wait_for_sipi =
        mp == KVM_MP_STATE_UNINITIALIZED || mp == KVM_MP_STATE_INIT_RECEIVED || mp == KVM_MP_STATE_SIPI_RECEIVED;
    __atomic_store_n(&cpu->cpu.halted, mp != KVM_MP_STATE_RUNNABLE, __ATOMIC_SEQ_CST);
}

static void mp_to(CpuX86 *cpu, KvmLevel level)
{
    uint32_t mp = KVM_MP_STATE_RUNNABLE, before = cpu->in_flight.mp_state;

    if (kvm_x86_apic_in_kernel() && cpu->wait_for_sipi) {
        mp = before == KVM_MP_STATE_INIT_RECEIVED || before == KVM_MP_STATE_SIPI_RECEIVED ? before
                                                                                          : KVM_MP_STATE_UNINITIALIZED;
    } else if (kvm_x86_apic_in_kernel() && cpu->cpu.halted) {
        mp = KVM_MP_STATE_HALTED;
    }
    cpu->kvm_x86->mp.mp_state = mp;
}

/* The id is where xAPIC mode has it, or the whole register; the count runs, so it is converted to when it began. */
static unsigned divide_shift(const Apic *a) { return ((a->divide & 3) + (a->divide >> 1 & 4) + 1) & 7; }
static bool in_x2apic(const CpuX86 *cpu) { return cpu->msr.apic_base & APIC_BASE_EXTD; }

static uint32_t *lapic_register(CpuX86 *cpu, unsigned offset)
{
    return (uint32_t *)(cpu->kvm_x86->lapic.regs + offset);
}

static void lapic_from(CpuX86 *cpu)
{
    Apic *a = cpu->apic;
    uint32_t current = *lapic_register(cpu, 0x390);

    a->id = in_x2apic(cpu) ? *lapic_register(cpu, 0x20) : *lapic_register(cpu, 0x20) >> 24;
    a->count_start_ns =
        clock_ns(CLOCK_VIRTUAL) - ((int64_t)(a->initial_count - MIN(current, a->initial_count)) << divide_shift(a));
}

static void lapic_to(CpuX86 *cpu, KvmLevel level)
{
    *lapic_register(cpu, 0x20) = in_x2apic(cpu) ? cpu->apic_id : cpu->apic->id << 24;
    *lapic_register(cpu, 0x390) = apic_timer_current(cpu->apic);
}

/* The parts. */

static bool always(void) { return true; }
static bool have_xcrs(void) { return kvm_has(KVM_CAP_XCRS); }

#define PART(id, name_, get_, set_, member, ...) \
    [KVM_PART_##id] = { .name = name_, .get = get_, .set = set_, .place = offsetof(KvmX86, member), __VA_ARGS__ }

const KvmPartRow kvm_parts[KVM_PART_COUNT] = {
    PART(SREGS, "special registers", KVM_GET_SREGS, KVM_SET_SREGS, sregs, .from = sregs_from, .to = sregs_to,
         .there = always),
    /* Others may have sent it interrupts since it was read, which must not be undone. */
    PART(LAPIC, "local APIC", KVM_GET_LAPIC, KVM_SET_LAPIC, lapic, .from = lapic_from, .to = lapic_to,
         .there = kvm_x86_apic_in_kernel, .least = KVM_LEVEL_RESET),
    PART(REGS, "general registers", KVM_GET_REGS, KVM_SET_REGS, regs, .from = regs_from, .to = regs_to,
         .there = always),
    [KVM_PART_XSAVE] = { .name = "vector state", .get_all = kvm_xsave_get, .put_all = kvm_xsave_put, .there = always },
    PART(XCRS, "extended control registers", KVM_GET_XCRS, KVM_SET_XCRS, xcrs, .from = xcrs_from, .to = xcrs_to,
         .there = have_xcrs),
    [KVM_PART_MSRS] = { .name = "MSRs", .get_all = kvm_msrs_get, .put_all = kvm_msrs_put, .there = always },
    PART(MP, "multiprocessing state", KVM_GET_MP_STATE, KVM_SET_MP_STATE, mp, .from = mp_from, .to = mp_to,
         .there = kvm_x86_apic_in_kernel),
    PART(DEBUG, "debug registers", KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, debug, .there = always),
    PART(EVENTS, "events", KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, events, .from = events_from, .to = events_to,
         .there = always),
};

bool kvm_x86_get_state(Cpu *c, GError **err)
{
    CpuX86 *cpu = CPU_X86(c);

    /* KVM_GET_MP_STATE acts on a pending INIT or start-up and so comes first. */
    static const KvmPart order[] = { KVM_PART_MP,   KVM_PART_SREGS, KVM_PART_LAPIC, KVM_PART_REGS,  KVM_PART_XSAVE,
                                     KVM_PART_XCRS, KVM_PART_MSRS,  KVM_PART_DEBUG, KVM_PART_EVENTS };
    G_STATIC_ASSERT(G_N_ELEMENTS(order) == KVM_PART_COUNT);

    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        const KvmPartRow *p = &kvm_parts[order[i]];

        if (!p->there()) {
            continue;
        }
        if (p->get_all) {
            if (!p->get_all(cpu, err)) {
                return false;
            }
            continue;
        }
        int ret = kvm_vcpu_ioctl(c, p->get, (uint8_t *)cpu->kvm_x86 + p->place);
        if (ret < 0) {
            return error_set_errno(err, -ret, "%s", p->name);
        }
        copy_fields(cpu, order[i], false);
        if (p->from) {
            p->from(cpu);
        }
    }
    cpu_update_mode(cpu);
    return true;
}

bool kvm_x86_put_state(Cpu *c, KvmLevel level, GError **err)
{
    CpuX86 *cpu = CPU_X86(c);

    for (KvmPart part = 0; part < KVM_PART_COUNT; part++) {
        const KvmPartRow *p = &kvm_parts[part];

        if (!p->there() || level < p->least) {
            continue;
        }
        if (p->put_all) {
            if (!p->put_all(cpu, level, err)) {
                return false;
            }
            continue;
        }
        copy_fields(cpu, part, true);
        if (p->to) {
            p->to(cpu, level);
        }
        int ret = kvm_vcpu_ioctl(c, p->set, (uint8_t *)cpu->kvm_x86 + p->place);
        if (ret < 0) {
            return error_set_errno(err, -ret, "%s", p->name);
        }
    }
    return true;
}
