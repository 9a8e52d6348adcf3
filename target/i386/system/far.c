/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far jumps, calls and returns, and IRET.
 *
 *   selector:offset -> code segment: jump, push and jump, or pop and jump
 *                   -> call gate: its selector:offset, perhaps on an inner stack of the TSS with parameters copied
 *                   -> task gate or TSS: task.c
 *
 * All checks, descriptor accesses and stack stores come first; then CS, SS, RSP, RIP and flags change together.
 * Spec: Intel SDM vol. 2 JMP, CALL, RET, IRET; vol. 3 chapters 5.8 and 20.
 */
#include "target/i386/system/system.h"

/* Offset as the operand size leaves it. */
static uint64_t truncate_size(uint64_t offset, unsigned size)
{
    return size == 2 ? (uint16_t)offset : size == 4 ? (uint32_t)offset : offset;
}

/* The descriptor that a far transfer names, or #GP. */
static void read_target(CpuX86 *cpu, uint16_t selector, Descriptor *d)
{
    if (selector_null(selector)) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_CODE_SELECTOR_NULL, 0, 0);
    }
    if (!descriptor_read(cpu, selector, d)) {
        cpu_fault(cpu, VECTOR_GP, selector_error(selector), CAUSE_CODE_SELECTOR_LIMIT, selector, 0);
    }
}

/* L and D are not both set; present. */
static void check_code_form(CpuX86 *cpu, const Descriptor *d, uint16_t selector)
{
    if (cpu_in_long(cpu) && (d->attr & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB)) {
        cpu_fault(cpu, VECTOR_GP, selector_error(selector), CAUSE_CODE_SELECTOR_L_AND_D, selector, 0);
    }
    if (!(d->attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_NP, selector_error(selector), CAUSE_CODE_SELECTOR_ABSENT, selector, 0);
    }
}

/* Rights of a direct JMP or CALL to a code segment. */
static void check_direct(CpuX86 *cpu, const Descriptor *d, uint16_t selector)
{
    int dpl = attr_dpl(d->attr), cpl = cpu_cpl(cpu);

    if (attr_conforming(d->attr) ? dpl > cpl : selector_rpl(selector) > cpl || dpl != cpl) {
        cpu_fault(cpu, VECTOR_GP, selector_error(selector), CAUSE_CODE_SELECTOR_RIGHTS, selector, dpl);
    }
    check_code_form(cpu, d, selector);
}

/* A call gate's own rights; reads its target's descriptor. */
static void open_gate(CpuX86 *cpu, const Descriptor *gate, uint64_t *offset, Descriptor *target)
{
    uint16_t selector = gate->selector, target_selector = gate->low >> 16;
    uint32_t error = selector_error(selector), offset_high = 0, last = 0;
    int dpl = attr_dpl(gate->attr), type = attr_system_type(gate->attr);

    if (dpl < cpu_cpl(cpu) || dpl < selector_rpl(selector)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_CODE_SELECTOR_RIGHTS, selector, dpl);
    }
    if (!(gate->attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_NP, error, CAUSE_CODE_SELECTOR_ABSENT, selector, 0);
    }
    *offset = gate->low & 0xffff;
    if (type == SYS_CALL_GATE) {
        *offset |= gate->high & 0xffff0000;
    }
    if (cpu_in_long(cpu)) {
        if (!descriptor_read_high(cpu, gate, &offset_high, &last) || last & 0x1f00) {
            cpu_fault(cpu, VECTOR_GP, error, CAUSE_CODE_SELECTOR_TYPE, selector, last >> 8 & 0x1f);
        }
        *offset |= (uint64_t)offset_high << 32;
    }
    read_target(cpu, target_selector, target);
    error = selector_error(target_selector);
    if (!attr_code(target->attr) || attr_dpl(target->attr) > cpu_cpl(cpu)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_CODE_SELECTOR_RIGHTS, target_selector, attr_dpl(target->attr));
    }
    if (cpu_in_long(cpu) && (target->attr & (SEG_L | SEG_DB)) != SEG_L) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_CODE_SELECTOR_L_AND_D, target_selector, 0);
    }
    if (!(target->attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_NP, error, CAUSE_CODE_SELECTOR_ABSENT, target_selector, 0);
    }
}

/* CS from a checked descriptor, RPL replaced by @cpl. */
static SegmentCache enter_code(CpuX86 *cpu, Descriptor *d, uint16_t selector, int cpl, uint64_t rip)
{
    SegmentCache cs = descriptor_cache(d, (selector & ~3) | cpl);

    code_check_offset(cpu, &cs, rip, 0);
    descriptor_set_accessed(cpu, d);
    cs.attr = d->attr;
    return cs;
}

static void commit_code(CpuX86 *cpu, SegmentCache cs, uint64_t rip)
{
    cpu->seg[R_CS] = cs;
    cpu->rip = rip;
    cpu_update_mode(cpu);
}

/* Real mode and vm86: the selector is a paragraph; limit and attributes of CS stay. */
static SegmentCache real_code(CpuX86 *cpu, uint16_t selector, uint64_t rip)
{
    SegmentCache cs = cpu->seg[R_CS];

    cs.selector = selector;
    cs.base = (uint32_t)selector << 4;
    if (rip > cs.limit) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_CODE_OFFSET, rip, cs.limit);
    }
    return cs;
}

/* A TSS or task gate as target of JMP or CALL. @d was found by @selector. */
static void jump_to_task(CpuX86 *cpu, const Descriptor *d, uint16_t selector, TaskSwitch kind, uint64_t next_rip)
{
    uint32_t error = selector_error(selector);
    int dpl = attr_dpl(d->attr), type = attr_system_type(d->attr);

    if (dpl < cpu_cpl(cpu) || dpl < selector_rpl(selector)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_CODE_SELECTOR_RIGHTS, selector, dpl);
    }
    if (type == SYS_TASK_GATE) {
        if (!(d->attr & SEG_P)) {
            cpu_fault(cpu, VECTOR_NP, error, CAUSE_CODE_SELECTOR_ABSENT, selector, 0);
        }
        task_switch_gate(cpu, d->low >> 16, kind, next_rip, false, 0, 0);
        return;
    }
    if (selector & 4 || type & SYS_TSS_BUSY_BIT) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_TASK_SELECTOR, selector, 0);
    }
    if (!(d->attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_NP, error, CAUSE_CODE_SELECTOR_ABSENT, selector, 0);
    }
    task_switch(cpu, d, kind, next_rip, false, 0);
}

/* What the descriptor of a far JMP or CALL is, or #GP. */
typedef enum Target { TARGET_CODE, TARGET_GATE, TARGET_TASK } Target;
static Target classify(CpuX86 *cpu, const Descriptor *d, uint16_t selector)
{
    if (attr_code(d->attr)) {
        return TARGET_CODE;
    }
    switch (attr_system_type(d->attr)) {
    case SYS_CALL_GATE:
        return TARGET_GATE;
    case SYS_CALL_GATE16:
        if (!cpu_in_long(cpu)) {
            return TARGET_GATE;
        }
        break;
    case SYS_TASK_GATE: case SYS_TSS16_AVAILABLE: case SYS_TSS16_BUSY: case SYS_TSS_AVAILABLE: case SYS_TSS_BUSY:
        if (!cpu_in_long(cpu)) {
            return TARGET_TASK;
        }
        break;
    }
    cpu_fault(cpu, VECTOR_GP, selector_error(selector), CAUSE_CODE_SELECTOR_TYPE, selector, d->attr & (SEG_S | SEG_TYPE));
}

void cpu_far_jump(CpuX86 *cpu, uint16_t selector, uint64_t offset, unsigned size, uint64_t next_rip)
{
    int cpl = cpu_cpl(cpu);
    Descriptor d, target;

    offset = truncate_size(offset, size);
    if (!cpu_in_protected(cpu)) {
        commit_code(cpu, real_code(cpu, selector, offset), offset);
        return;
    }
    read_target(cpu, selector, &d);
    switch (classify(cpu, &d, selector)) {
    case TARGET_CODE:
        check_direct(cpu, &d, selector);
        commit_code(cpu, enter_code(cpu, &d, selector, cpl, offset), offset);
        break;
    case TARGET_GATE:
        open_gate(cpu, &d, &offset, &target);
        if (!attr_conforming(target.attr) && attr_dpl(target.attr) != cpl) {
            cpu_fault(cpu, VECTOR_GP, selector_error(target.selector), CAUSE_CODE_SELECTOR_RIGHTS, target.selector,
                      attr_dpl(target.attr));
        }
        commit_code(cpu, enter_code(cpu, &target, target.selector, cpl, offset), offset);
        break;
    case TARGET_TASK:
        jump_to_task(cpu, &d, selector, TASK_JUMP, next_rip);
        break;
    }
}

/* A call that stays at this privilege: return address on the current stack. */
static void call_same(CpuX86 *cpu, SegmentCache cs, uint64_t rip, unsigned size, uint64_t next_rip)
{
    Stack s = stack_current(cpu);

    stack_push(cpu, &s, size, cpu->seg[R_CS].selector);
    stack_push(cpu, &s, size, next_rip);
    cpu->regs[R_RSP] = stack_pointer(&s, cpu->regs[R_RSP], s.rsp);
    commit_code(cpu, cs, rip);
}

/* A call through a gate to an inner privilege: SS:RSP, parameters and return address on the stack that the TSS names. */
static void call_inner(CpuX86 *cpu, const Descriptor *gate, Descriptor *target, uint64_t rip, uint64_t next_rip)
{
    int dpl = attr_dpl(target->attr);
    bool gate16 = attr_system_type(gate->attr) == SYS_CALL_GATE16;
    unsigned size = cpu_in_long(cpu) ? 8 : gate16 ? 2 : 4, count = cpu_in_long(cpu) ? 0 : gate->high & 31;
    Stack old = stack_current(cpu), s;
    SegmentCache cs, ss;
    uint16_t new_ss;
    uint64_t new_rsp;

    tss_read_stack(cpu, dpl, 0, &new_ss, &new_rsp);
    if (cpu_in_long(cpu)) {
        ss = segment_null(new_ss, dpl);
    } else {
        ss = stack_check_selector(cpu, new_ss, dpl, VECTOR_TS, 0);
    }
    cs = enter_code(cpu, target, target->selector, dpl, rip);
    s = stack_inner(cpu, ss, new_rsp, selector_error(new_ss));
    stack_push(cpu, &s, size, cpu->seg[R_SS].selector);
    stack_push(cpu, &s, size, cpu->regs[R_RSP]);
    for (unsigned i = count; i-- > 0;) {
        stack_push(cpu, &s, size, stack_peek(cpu, &old, size, i * size));
    }
    stack_push(cpu, &s, size, cpu->seg[R_CS].selector);
    stack_push(cpu, &s, size, next_rip);
    cpu->seg[R_SS] = ss;
    cpu->regs[R_RSP] = stack_pointer(&s, cpu->regs[R_RSP], s.rsp);
    commit_code(cpu, cs, rip);
}

void cpu_far_call(CpuX86 *cpu, uint16_t selector, uint64_t offset, unsigned size, uint64_t next_rip)
{
    int cpl = cpu_cpl(cpu);
    Descriptor d, target;
    SegmentCache cs;

    offset = truncate_size(offset, size);
    if (!cpu_in_protected(cpu)) {
        call_same(cpu, real_code(cpu, selector, offset), offset, size, next_rip);
        return;
    }
    read_target(cpu, selector, &d);
    switch (classify(cpu, &d, selector)) {
    case TARGET_CODE:
        check_direct(cpu, &d, selector);
        cs = enter_code(cpu, &d, selector, cpl, offset);
        call_same(cpu, cs, offset, size, next_rip);
        break;
    case TARGET_GATE:
        open_gate(cpu, &d, &offset, &target);
        if (!attr_conforming(target.attr) && attr_dpl(target.attr) < cpl) {
            call_inner(cpu, &d, &target, offset, next_rip);
        } else {
            size = cpu_in_long(cpu) ? 8 : attr_system_type(d.attr) == SYS_CALL_GATE16 ? 2 : 4;
            cs = enter_code(cpu, &target, target.selector, cpl, offset);
            call_same(cpu, cs, offset, size, next_rip);
        }
        break;
    case TARGET_TASK:
        jump_to_task(cpu, &d, selector, TASK_CALL, next_rip);
        break;
    }
}

/* Segment registers that an outer privilege may not keep become null. */
static void drop_inner_segment(CpuX86 *cpu, int seg, int cpl)
{
    SegmentCache *s = &cpu->seg[seg];

    if (s->attr & SEG_P && attr_dpl(s->attr) < cpl && !(attr_code(s->attr) && attr_conforming(s->attr))) {
        *s = segment_null(0, 0);
    }
}

static void drop_inner_segments(CpuX86 *cpu, int cpl)
{
    drop_inner_segment(cpu, R_ES, cpl);
    drop_inner_segment(cpu, R_DS, cpl);
    drop_inner_segment(cpu, R_FS, cpl);
    drop_inner_segment(cpu, R_GS, cpl);
}

/* CS popped by RETF or IRET: checked, accessed bit set; *@cs is what to load. */
static void check_return_code(CpuX86 *cpu, uint16_t selector, uint64_t rip, SegmentCache *cs)
{
    int rpl = selector_rpl(selector), dpl;
    uint32_t error = selector_error(selector);
    Descriptor d;

    read_target(cpu, selector, &d);
    dpl = attr_dpl(d.attr);
    if (!attr_code(d.attr)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_CODE_SELECTOR_TYPE, selector, d.attr & (SEG_S | SEG_TYPE));
    }
    if (rpl < cpu_cpl(cpu) || (attr_conforming(d.attr) ? dpl > rpl : dpl != rpl)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_CODE_SELECTOR_RIGHTS, selector, dpl);
    }
    check_code_form(cpu, &d, selector);
    *cs = enter_code(cpu, &d, selector, rpl, rip);
}

/* SS popped on the way to an outer privilege. Null is allowed for 64-bit code below privilege 3. */
static SegmentCache check_return_stack(CpuX86 *cpu, uint16_t selector, const SegmentCache *cs)
{
    int rpl = selector_rpl(cs->selector);

    if (selector_null(selector) && cpu_in_long(cpu) && cs->attr & SEG_L && rpl != 3 && selector_rpl(selector) == rpl) {
        return segment_null(selector, rpl);
    }
    if (selector_null(selector)) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_STACK_NULL, rpl, 0);
    }
    return stack_check_selector(cpu, selector, rpl, VECTOR_GP, 0);
}

/* RSP for stack @ss under code @cs. */
static uint64_t outer_rsp(CpuX86 *cpu, const SegmentCache *cs, const SegmentCache *ss, uint64_t rsp)
{
    if (cpu_in_long(cpu) && cs->attr & SEG_L) {
        return rsp;
    }
    return ss->attr & SEG_DB ? (uint32_t)rsp : (cpu->regs[R_RSP] & ~0xffffull) | (rsp & 0xffff);
}

void cpu_far_return(CpuX86 *cpu, unsigned size, unsigned release)
{
    Stack s = stack_current(cpu);
    uint64_t rip = stack_peek(cpu, &s, size, 0), rsp;
    uint16_t selector = (uint16_t)stack_peek(cpu, &s, size, size);
    SegmentCache cs, ss;

    if (!cpu_in_protected(cpu)) {
        cs = real_code(cpu, selector, rip);
        cpu->regs[R_RSP] = stack_pointer(&s, cpu->regs[R_RSP], s.rsp + 2 * size + release);
        commit_code(cpu, cs, rip);
        return;
    }
    check_return_code(cpu, selector, rip, &cs);
    if (selector_rpl(selector) == cpu_cpl(cpu)) {
        cpu->regs[R_RSP] = stack_pointer(&s, cpu->regs[R_RSP], s.rsp + 2 * size + release);
        commit_code(cpu, cs, rip);
        return;
    }
    rsp = stack_peek(cpu, &s, size, 2 * size + release);
    ss = check_return_stack(cpu, (uint16_t)stack_peek(cpu, &s, size, 3 * size + release), &cs);
    cpu->regs[R_RSP] = outer_rsp(cpu, &cs, &ss, rsp + release);
    cpu->seg[R_SS] = ss;
    commit_code(cpu, cs, rip);
    drop_inner_segments(cpu, selector_rpl(selector));
    cpu_update_mode(cpu);
}

/* Flags that IRET may change, by operand size and privilege. */
static uint64_t iret_flags(CpuX86 *cpu, uint64_t popped, unsigned size)
{
    uint64_t mask = RFLAGS_ARITH | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT;
    int cpl = cpu_cpl(cpu);

    if (size > 2) {
        mask |= RFLAGS_RF | RFLAGS_AC | RFLAGS_ID;
    }
    if (cpl <= cpu_iopl(cpu)) {
        mask |= RFLAGS_IF;
    }
    if (cpl == 0) {
        mask |= RFLAGS_IOPL | (size > 2 ? RFLAGS_VIF | RFLAGS_VIP : 0);
    }
    return (cpu_get_rflags(cpu) & ~mask) | (popped & mask);
}

/* Real mode: everything but VM, VIF, VIP can change. vm86 with IOPL 3: as well, but IOPL. */
static void iret_real(CpuX86 *cpu, unsigned size)
{
    uint64_t mask = RFLAGS_ARITH | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_IOPL;
    Stack s = stack_current(cpu);
    uint64_t rip = stack_peek(cpu, &s, size, 0), popped = stack_peek(cpu, &s, size, 2 * size), flags;
    uint16_t selector = (uint16_t)stack_peek(cpu, &s, size, size);
    bool vm86 = cpu->mode_flags & MODE_VM86, virtual = vm86 && cpu_iopl(cpu) != 3;
    SegmentCache cs;

    if (virtual && (size != 2 || !(cpu->cr4 & CR4_VME))) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_IRET_FRAME, selector, popped);
    }
    cs = real_code(cpu, selector, rip);
    if (size > 2) {
        mask |= RFLAGS_RF | RFLAGS_AC | RFLAGS_ID;
    }
    if (vm86) {
        mask &= ~RFLAGS_IOPL;
    }
    if (virtual) {                              /* VME: IF lives in VIF */
        if (popped & RFLAGS_TF || (popped & RFLAGS_IF && cpu->rflags & RFLAGS_VIP)) {
            cpu_fault(cpu, VECTOR_GP, 0, CAUSE_IRET_FRAME, selector, popped);
        }
        mask = (mask & ~RFLAGS_IF) | RFLAGS_VIF;
        popped = (popped & ~RFLAGS_VIF) | (popped & RFLAGS_IF ? RFLAGS_VIF : 0);
    }
    flags = (cpu_get_rflags(cpu) & ~mask) | (popped & mask);
    cpu_set_rflags(cpu, flags);
    cpu->regs[R_RSP] = stack_pointer(&s, cpu->regs[R_RSP], s.rsp + 3 * size);
    commit_code(cpu, cs, rip);
}

/* To vm86 mode: six segment registers on the stack. Only from privilege 0 with a 32-bit IRET. */
static void iret_to_vm86(CpuX86 *cpu, const Stack *s, uint32_t rip, uint16_t selector, uint32_t flags)
{
    static const uint8_t order[] = { R_SS, R_ES, R_DS, R_FS, R_GS };
    uint32_t rsp = (uint32_t)stack_peek(cpu, s, 4, 12);
    uint16_t selectors[5];

    for (unsigned i = 0; i < 5; i++) {
        selectors[i] = (uint16_t)stack_peek(cpu, s, 4, 16 + 4 * i);
    }
    if (rip > 0xffff) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_CODE_OFFSET, rip, 0xffff);
    }
    cpu_set_rflags(cpu, flags & (RFLAGS_ARITH | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM |
                                 RFLAGS_AC | RFLAGS_VIF | RFLAGS_VIP | RFLAGS_ID));
    cpu->mode_flags |= MODE_VM86;               /* segment_real() goes by it */
    for (unsigned i = 0; i < 5; i++) {
        cpu->seg[order[i]] = segment_real(cpu, NULL, selectors[i]);
    }
    cpu->regs[R_RSP] = rsp;
    commit_code(cpu, segment_real(cpu, NULL, selector), rip);
}

void cpu_iret(CpuX86 *cpu, unsigned size, uint64_t next_rip)
{
    bool mode64 = cpu_in_64(cpu), outer;
    uint64_t rip, popped, flags, rsp = 0;
    SegmentCache cs, ss = cpu->seg[R_SS];
    uint16_t selector;
    Stack s;

    if (!cpu_in_protected(cpu)) {
        iret_real(cpu, size);
        cpu->nmi_blocked = false;
        return;
    }
    if (cpu->rflags & RFLAGS_NT) {
        uint16_t link;

        if (cpu_in_long(cpu)) {
            cpu_fault(cpu, VECTOR_GP, 0, CAUSE_IRET_FRAME, 0, cpu->rflags);
        }
        link = cpu_sys_ld16(cpu, (uint32_t)cpu->tr.base);
        task_switch_gate(cpu, link, TASK_IRET, next_rip, false, 0, 0);
        cpu->nmi_blocked = false;
        return;
    }
    s = stack_current(cpu);
    rip = stack_peek(cpu, &s, size, 0);
    selector = (uint16_t)stack_peek(cpu, &s, size, size);
    popped = stack_peek(cpu, &s, size, 2 * size);
    if (size == 4 && popped & RFLAGS_VM && cpu_cpl(cpu) == 0 && !cpu_in_long(cpu)) {
        iret_to_vm86(cpu, &s, (uint32_t)rip, selector, (uint32_t)popped);
        cpu->nmi_blocked = false;
        return;
    }
    check_return_code(cpu, selector, rip, &cs);
    outer = selector_rpl(selector) > cpu_cpl(cpu);
    if (outer || mode64) {                      /* 64-bit code always pops SS:RSP */
        uint16_t new_ss = (uint16_t)stack_peek(cpu, &s, size, 4 * size);

        rsp = stack_peek(cpu, &s, size, 3 * size);
        ss = check_return_stack(cpu, new_ss, &cs);
        rsp = outer_rsp(cpu, &cs, &ss, rsp);
    } else {
        rsp = stack_pointer(&s, cpu->regs[R_RSP], s.rsp + 3 * size);
    }
    flags = iret_flags(cpu, popped, size);
    cpu->regs[R_RSP] = rsp;
    cpu->seg[R_SS] = ss;
    cpu->seg[R_CS] = cs;
    cpu->rip = rip;
    cpu_set_rflags(cpu, flags);
    if (outer) {
        drop_inner_segments(cpu, selector_rpl(selector));
    }
    cpu_update_mode(cpu);
    cpu->nmi_blocked = false;
}
