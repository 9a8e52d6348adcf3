/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delivery of exceptions, interrupts and INT n, in every mode.
 *
 *   cpu_deliver_exception()  what an instruction raised      \
 *   cpu_service_interrupts() INTR, NMI, SMI, INIT, SIPI       > cpu_deliver(): IVT, IDT gate, or task gate
 *   cpu_int()                INT n, INT3, INTO, INT1         /
 *
 * cpu_deliver() reads IDT, descriptors and TSS and pushes the frame before it changes any register. If one of these steps
 * faults it raises, so a fault inside a delivery comes back to cpu_deliver_exception(), which knows what was being
 * delivered (old_exception) and makes a double or triple fault of it where the SDM says so. Saved RIP: of the instruction
 * for faults, of the next one for traps; the caller passes it.
 * Spec: Intel SDM vol. 3 chapter 6, 20.3 (vm86), vol. 2 INT n.
 */
#include "core/log.h"
#include "core/vm.h"
#include "target/i386/apic.h"
#include "target/i386/insn-gen.h"
#include "target/i386/svm/svm.h"
#include "target/i386/system/system.h"

/* Bits of a selector-style error code. */
enum { ERROR_EXT = 1, ERROR_IDT = 2 };

static inline void set_stage(CpuX86 *cpu, DeliveryStage stage) { cpu->trail->stage = stage; }

void cpu_fault(CpuX86 *cpu, int vector, uint32_t error, FaultCause cause, uint64_t a, uint64_t b)
{
    cpu->trail->noted = cause;
    cpu->trail->a = a;
    cpu->trail->b = b;
    cpu_raise_error(cpu, vector, error);
}

void cpu_record_event(CpuX86 *cpu, int vector, bool has_error, uint32_t error, bool is_interrupt)
{
    cpu->events[cpu->event_count++ % CPU_EVENTS] = (CpuEvent){
        .rip = cpu->rip, .cr2 = cpu->cr2, .error_code = error, .mode_flags = cpu->mode_flags,
        .cs = cpu->seg[R_CS].selector, .vector = vector, .has_error = has_error, .is_interrupt = is_interrupt,
    };
}

/* Faults whose saved flags have RF set, so that the instruction, once restarted, does not hit its breakpoint again. */
static bool is_fault(int vector)
{
    return (1u << VECTOR_DE | 1u << VECTOR_BR | 1u << VECTOR_UD | 1u << VECTOR_NM | 1u << VECTOR_TS | 1u << VECTOR_NP |
            1u << VECTOR_SS | 1u << VECTOR_GP | 1u << VECTOR_PF | 1u << VECTOR_MF | 1u << VECTOR_AC | 1u << VECTOR_XM |
            1u << VECTOR_CP) >> vector & 1;
}

/* Real mode, and vm86 interrupts that VME leaves to the guest's own table at linear 0. */
static void deliver_real(CpuX86 *cpu, int vector, uint64_t ivt, uint64_t rip, uint32_t pushed_flags, uint64_t clear)
{
    Stack s = stack_current(cpu);
    SegmentCache cs = cpu->seg[R_CS];
    uint32_t entry;

    set_stage(cpu, STAGE_IDT);
    entry = cpu_sys_ld32(cpu, cpu_wrap_linear(cpu, ivt + vector * 4));
    set_stage(cpu, STAGE_FRAME);
    stack_push(cpu, &s, 2, pushed_flags);
    stack_push(cpu, &s, 2, cs.selector);
    stack_push(cpu, &s, 2, rip);
    cs.selector = entry >> 16;
    cs.base = (entry >> 16) << 4;
    cpu->regs[R_RSP] = stack_pointer(&s, cpu->regs[R_RSP], s.rsp);
    cpu->seg[R_CS] = cs;
    cpu->rip = entry & 0xffff;
    cpu_set_rflags(cpu, cpu_get_rflags(cpu) & ~clear);
    cpu_update_mode(cpu);
}

/* An IDT entry. */
typedef struct Gate {
    uint16_t selector, attr;
    uint64_t offset;
    uint8_t ist;
} Gate;

static Gate read_gate(CpuX86 *cpu, int vector, EventKind kind, uint32_t ext)
{
    unsigned size = cpu_in_long(cpu) ? 16 : 8;
    uint64_t address = cpu_wrap_linear(cpu, cpu->idtr.base + vector * size), low;
    uint32_t error = vector * 8 | ERROR_IDT | ext;
    bool valid = false;
    Gate g;

    if (vector * size + size - 1 > cpu->idtr.limit) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_IDT_LIMIT, cpu->idtr.limit, vector);
    }
    set_stage(cpu, STAGE_IDT);
    low = cpu_sys_ld64(cpu, address);
    g = (Gate){ .selector = low >> 16, .attr = low >> 40 & 0xff, .offset = (low & 0xffff) | (low >> 32 & 0xffff0000) };
    switch (attr_system_type(g.attr)) {
    case SYS_TASK_GATE: case SYS_INTERRUPT_GATE16: case SYS_TRAP_GATE16: valid = !cpu_in_long(cpu); break;
    case SYS_INTERRUPT_GATE: case SYS_TRAP_GATE: valid = true; break;
    }
    if (!valid) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_GATE_TYPE, vector, g.attr & (SEG_S | SEG_TYPE));
    }
    if (kind == EVENT_SOFT && attr_dpl(g.attr) < cpu_cpl(cpu)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_GATE_DPL, vector, attr_dpl(g.attr));
    }
    if (!(g.attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_NP, error, CAUSE_GATE_NOT_PRESENT, vector, 0);
    }
    if (cpu_in_long(cpu)) {
        g.offset |= cpu_sys_ld64(cpu, address + 8) << 32;
        g.ist = low >> 32 & 7;
    }
    return g;
}

/* The code segment that a gate names. @inner: whether it has another privilege than the current code. */
static Descriptor read_handler(CpuX86 *cpu, const Gate *g, int vector, uint32_t ext, int *new_cpl)
{
    uint32_t error = selector_error(g->selector) | ext;
    int cpl = cpu_cpl(cpu), dpl;
    Descriptor d;

    set_stage(cpu, STAGE_CODE_DESCRIPTOR);
    if (selector_null(g->selector)) {
        cpu_fault(cpu, VECTOR_GP, ext, CAUSE_GATE_CS_NULL, vector, 0);
    }
    if (!descriptor_read(cpu, g->selector, &d)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_GATE_CS_LIMIT, vector, g->selector);
    }
    dpl = attr_dpl(d.attr);
    if (!attr_code(d.attr)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_GATE_CS_TYPE, vector, g->selector);
    }
    if (dpl > cpl) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_GATE_CS_DPL, vector, g->selector);
    }
    if (cpu_in_long(cpu) && (d.attr & (SEG_L | SEG_DB)) != SEG_L) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_GATE_CS_NOT_64, vector, g->selector);
    }
    if (!(d.attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_NP, error, CAUSE_GATE_CS_NOT_PRESENT, vector, g->selector);
    }
    *new_cpl = attr_conforming(d.attr) ? cpl : dpl;
    if (cpu->mode_flags & MODE_VM86 && *new_cpl != 0) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_GATE_CS_VM86, vector, g->selector);
    }
    return d;
}

/* The stack that the handler starts on. */
static Stack handler_stack(CpuX86 *cpu, const Gate *g, int new_cpl, uint32_t ext)
{
    SegmentCache ss;
    uint16_t selector;
    uint64_t rsp;
    Stack s;

    set_stage(cpu, STAGE_TSS);
    if (g->ist) {
        rsp = tss_read_ist(cpu, g->ist, ext);
        selector = new_cpl;
    } else if (new_cpl != cpu_cpl(cpu)) {
        tss_read_stack(cpu, new_cpl, ext, &selector, &rsp);
    } else {
        s = stack_current(cpu);
        s.error = ext;
        if (cpu_in_long(cpu)) {
            s.mask = UINT64_MAX;
            s.long_mode = true;
            s.rsp &= ~15ull;
        }
        return s;
    }
    if (cpu_in_long(cpu)) {
        rsp &= ~15ull;
        ss = new_cpl != cpu_cpl(cpu) ? segment_null(selector, new_cpl) : cpu->seg[R_SS];
    } else {
        set_stage(cpu, STAGE_STACK_DESCRIPTOR);
        ss = stack_check_selector(cpu, selector, new_cpl, VECTOR_TS, ext);
    }
    s = stack_inner(cpu, ss, rsp, selector_error(selector) | ext);
    s.inner = new_cpl != 3;                     /* an IST stack without change of privilege may be a user's */
    return s;
}

static void deliver_protected(CpuX86 *cpu, int vector, EventKind kind, bool has_error, uint32_t error, uint64_t rip,
                              uint32_t pushed_flags)
{
    uint32_t ext = kind == EVENT_SOFT ? 0 : ERROR_EXT;
    uint64_t clear = RFLAGS_TF | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT;
    bool vm86 = cpu->mode_flags & MODE_VM86;
    Gate g = read_gate(cpu, vector, kind, ext);
    int new_cpl, type = attr_system_type(g.attr);
    unsigned size = cpu_in_long(cpu) ? 8 : type & 8 ? 4 : 2;
    bool new_stack;
    SegmentCache cs;
    Descriptor d;
    Stack s;

    if (type == SYS_TASK_GATE) {
        set_stage(cpu, STAGE_TASK);
        if (pushed_flags & RFLAGS_RF) {
            cpu->rflags |= RFLAGS_RF;           /* saved in the old TSS */
        }
        task_switch_gate(cpu, g.selector, TASK_INTERRUPT, rip, has_error, error, ext);
        return;
    }
    d = read_handler(cpu, &g, vector, ext, &new_cpl);
    s = handler_stack(cpu, &g, new_cpl, ext);
    new_stack = new_cpl != cpu_cpl(cpu);
    cs = descriptor_cache(&d, (g.selector & ~3) | new_cpl);
    code_check_offset(cpu, &cs, g.offset, ext);
    descriptor_set_accessed(cpu, &d);
    cs.attr = d.attr;

    set_stage(cpu, STAGE_FRAME);
    if (vm86) {
        stack_push(cpu, &s, size, cpu->seg[R_GS].selector);
        stack_push(cpu, &s, size, cpu->seg[R_FS].selector);
        stack_push(cpu, &s, size, cpu->seg[R_DS].selector);
        stack_push(cpu, &s, size, cpu->seg[R_ES].selector);
    }
    if (new_stack || cpu_in_long(cpu)) {
        stack_push(cpu, &s, size, cpu->seg[R_SS].selector);
        stack_push(cpu, &s, size, cpu->regs[R_RSP]);
    }
    stack_push(cpu, &s, size, pushed_flags);
    stack_push(cpu, &s, size, cpu->seg[R_CS].selector);
    stack_push(cpu, &s, size, rip);
    if (has_error) {
        stack_push(cpu, &s, size, error);
    }

    if (vm86) {
        cpu->seg[R_ES] = cpu->seg[R_DS] = cpu->seg[R_FS] = cpu->seg[R_GS] = segment_null(0, 0);
    }
    if (type == SYS_INTERRUPT_GATE || type == SYS_INTERRUPT_GATE16) {
        clear |= RFLAGS_IF;
    }
    cpu->seg[R_SS] = s.ss;
    cpu->regs[R_RSP] = stack_pointer(&s, cpu->regs[R_RSP], s.rsp);
    cpu->seg[R_CS] = cs;
    cpu->rip = g.offset;
    cpu_set_rflags(cpu, cpu_get_rflags(cpu) & ~clear);
    cpu_update_mode(cpu);
}

static void log_delivery(CpuX86 *cpu, int vector, EventKind kind, bool has_error, uint32_t error, uint64_t rip)
{
    const char *name = kind == EVENT_EXCEPTION ? vector_name(vector) : NULL;

    log_printf("cpu %d: %s %d%s%s error %s%04x at %04x:%016" PRIx64 " cpl %d rsp %04x:%016" PRIx64 " rax %016" PRIx64 " cr2 %016"
               PRIx64 "\n", cpu->cpu.index, kind == EVENT_EXTERNAL ? "interrupt" : kind == EVENT_EXCEPTION ? "exception" : "INT",
               vector, name ? " " : "", name ? name : "", has_error ? "" : "none ", error, cpu->seg[R_CS].selector, rip, cpu_cpl(cpu),
               cpu->seg[R_SS].selector, cpu->regs[R_RSP], cpu->regs[R_RAX], cpu->cr2);
}

/* The event as EXITINTINFO tells it, should its delivery end in #VMEXIT. */
static uint64_t exit_int_info(const CpuX86 *cpu, int vector, EventKind kind, bool has_error, uint32_t error)
{
    bool int_n = kind == EVENT_SOFT && (!cpu->insn || insn_row(cpu->insn)->op == OP_INT);
    unsigned type = kind == EVENT_EXTERNAL ? (vector == VECTOR_NMI ? EVENT_TYPE_NMI : EVENT_TYPE_INTR)
                    : int_n                ? EVENT_TYPE_SOFT
                                           : EVENT_TYPE_EXCEPTION;

    return EVENT_VALID | (uint64_t)vector | type << EVENT_TYPE_SHIFT |
           (has_error ? EVENT_ERROR_VALID | (uint64_t)error << 32 : 0);
}

void cpu_deliver(CpuX86 *cpu, int vector, EventKind kind, bool has_error, uint32_t error, uint64_t rip)
{
    uint32_t pushed_flags = (uint32_t)cpu_get_rflags(cpu);
    Trail *t = cpu->trail;

    if (cpu->svm.guest) {
        cpu->svm.delivering = exit_int_info(cpu, vector, kind, has_error, error);
    }
    if (log_enabled(LOG_INT)) {
        log_delivery(cpu, vector, kind, has_error, error, rip);
    }
    if (!t->active) {
        t->active = true;
        t->steps = 0;
        t->first_vector = vector;
        t->first_cause = kind == EVENT_EXCEPTION ? t->noted : CAUSE_NONE;
        t->first_is_exception = kind == EVENT_EXCEPTION;
        t->first_error = error;
        t->first_cr2 = cpu->cr2;
        t->first_a = t->a;
        t->first_b = t->b;
    }
    t->noted = CAUSE_NONE;
    t->vector = vector;
    if (kind == EVENT_EXCEPTION && is_fault(vector)) {
        pushed_flags |= RFLAGS_RF;
    }
    if (cpu->cr0 & CR0_PE) {
        deliver_protected(cpu, vector, kind, has_error, error, rip, pushed_flags);
    } else {
        if (vector * 4 + 3 > cpu->idtr.limit) {
            cpu_fault(cpu, VECTOR_GP, vector * 8 | ERROR_IDT, CAUSE_IVT_LIMIT, cpu->idtr.limit, vector);
        }
        deliver_real(cpu, vector, cpu->idtr.base, rip, pushed_flags & ~RFLAGS_RF, RFLAGS_IF | RFLAGS_TF | RFLAGS_AC | RFLAGS_RF);
    }
    t->active = false;
    t->stage = STAGE_NONE;
    cpu->svm.delivering = 0;
    cpu->interrupt_shadow = 0;
    cpu->in_hlt = false;
    __atomic_store_n(&cpu->cpu.halted, 0, __ATOMIC_RELAXED);
}

/* VME: whether the TSS leaves INT @vector of vm86 code to the real-mode table. */
static bool vme_redirects(CpuX86 *cpu, int vector)
{
    uint32_t base = (uint32_t)cpu->tr.base;
    uint16_t map;

    if (!(attr_system_type(cpu->tr.attr) & 8) || cpu->tr.limit < 0x67) {
        return false;
    }
    map = cpu_sys_ld16(cpu, base + 0x66);
    if (map < 32 || map - 32u + vector / 8 > cpu->tr.limit) {
        return false;
    }
    return !(cpu_sys_ld16(cpu, base + map - 32 + vector / 8) >> (vector % 8) & 1);
}

void cpu_int(CpuX86 *cpu, int vector, EventKind kind, uint64_t next_rip)
{
    /* INT3, INTO and INT1 neither look at IOPL nor are redirected; INT n (also INT 3 by CD 03) does both. */
    bool int_n = insn_row(cpu->insn)->opcode == 0xcd;

    cpu->rip = insn_this_rip(cpu, cpu->insn);
    cpu_record_event(cpu, vector, false, 0, false);
    cpu->events[(cpu->event_count - 1) % CPU_EVENTS].is_software = int_n;
    if (cpu->mode_flags & MODE_VM86 && int_n) {
        if (cpu->cr4 & CR4_VME && vme_redirects(cpu, vector)) {
            uint32_t flags = (uint32_t)cpu_get_rflags(cpu);
            uint64_t clear = RFLAGS_TF | RFLAGS_IF;

            if (cpu_iopl(cpu) < 3) {
                flags = (flags & ~RFLAGS_IF) | RFLAGS_IOPL | (flags & RFLAGS_VIF ? RFLAGS_IF : 0);
                clear = RFLAGS_TF | RFLAGS_VIF;
            }
            deliver_real(cpu, vector, 0, next_rip, flags, clear);
            return;
        }
        if (cpu_iopl(cpu) < 3) {
            cpu_raise_error(cpu, VECTOR_GP, 0);
        }
    }
    if (kind == EVENT_SOFT && !int_n) {
        svm_check_exception(cpu, vector, false, 0);
    }
    cpu_deliver(cpu, vector, kind, false, 0, next_rip);
}

/* What a second exception during the delivery of a first makes: SDM table 6-5. */
static bool is_contributory(int vector)
{
    return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP) || vector == VECTOR_CP;
}

static void note_step(CpuX86 *cpu, int raised, uint32_t error)
{
    Trail *t = cpu->trail;

    if (t->steps < TRAIL_STEPS) {
        TrailStep *step = &t->step[t->steps++];

        *step = (TrailStep){ .vector = t->vector, .raised = raised, .stage = t->stage, .cause = t->noted, .error = error,
                             .a = t->a, .b = t->b };
        if (raised == VECTOR_PF) {
            step->cause = CAUSE_PAGE_FAULT;
            step->a = cpu->cr2;
            step->b = error;
        }
    }
}

void cpu_deliver_exception(CpuX86 *cpu)
{
    int vector = cpu->exception_vector, old = cpu->old_exception;
    uint32_t error = cpu->exception_error;
    bool has_error = cpu->exception_has_error;

    if (cpu->trail->active) {
        note_step(cpu, vector, error);
    }
    cpu->exception_vector = VECTOR_NONE;
    if (cpu->svm.guest) {
        svm_check_exception(cpu, vector, has_error, error);
    }
    if (old == VECTOR_DF) {
        svm_check(cpu, SVM_EXIT_SHUTDOWN, 0, 0);
        cpu_record_event(cpu, vector, has_error, error, false);
        cpu->old_exception = VECTOR_NONE;
        cpu_triple_fault(cpu);
        return;
    }
    if ((is_contributory(old) && is_contributory(vector)) ||
        (old == VECTOR_PF && (vector == VECTOR_PF || is_contributory(vector)))) {
        cpu_record_event(cpu, vector, has_error, error, false);
        vector = VECTOR_DF;
        error = 0;
        has_error = true;
        svm_check_exception(cpu, vector, true, 0);
    }
    cpu_record_event(cpu, vector, has_error, error, false);
    if (vector == VECTOR_UD) {
        ud_hint(cpu);
    }
    if (!(cpu->cr0 & CR0_PE)) {
        has_error = false;
    }
    cpu->old_exception = vector;
    if (vector == VECTOR_DB) {
        cpu->dr[7] &= ~(1ull << 13);            /* GD */
        cpu->msr.debugctl &= ~(uint64_t)DEBUGCTL_BTF;
    }
    cpu_deliver(cpu, vector, EVENT_EXCEPTION, has_error, error, cpu->rip);
    cpu->old_exception = VECTOR_NONE;
}
