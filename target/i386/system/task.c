/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hardware task switches between 16- and 32-bit TSSs.
 *
 *   1 find and check the new TSS                 faults belong to the old task
 *   2 read the new task's state
 *   3 save the old task's; busy bits, back link
 *   4 load registers, CR3, TR                    the point of no return
 *   5 check and load LDTR and segment registers  faults (#TS, #NP, #SS) belong to the new task
 *   6 push an error code, trap if the TSS asks
 *
 * Spec: Intel SDM vol. 3 chapter 8. Not in IA-32e mode, where callers raise #GP instead.
 */
#include "target/i386/svm/svm.h"
#include "target/i386/system/system.h"

enum {
    TSS32_CR3 = 0x1c, TSS32_EIP = 0x20, TSS32_EFLAGS = 0x24, TSS32_REGS = 0x28, TSS32_SEGS = 0x48, TSS32_LDT = 0x60,
    TSS32_TRAP = 0x64, TSS32_LIMIT = 0x67,
    TSS16_IP = 0x0e, TSS16_FLAGS = 0x10, TSS16_REGS = 0x12, TSS16_SEGS = 0x22, TSS16_LDT = 0x2a, TSS16_LIMIT = 0x2b
};

typedef struct TaskState {
    uint32_t cr3, eip, eflags, regs[8];
    uint16_t seg[SEG_COUNT], ldt;
    bool trap;
} TaskState;

static void read_state(CpuX86 *cpu, uint32_t base, bool is32, TaskState *t)
{
    *t = (TaskState){ 0 };
    if (is32) {
        t->cr3 = cpu_sys_ld32(cpu, base + TSS32_CR3);
        t->eip = cpu_sys_ld32(cpu, base + TSS32_EIP);
        t->eflags = cpu_sys_ld32(cpu, base + TSS32_EFLAGS);
        for (unsigned i = 0; i < 8; i++) {
            t->regs[i] = cpu_sys_ld32(cpu, base + TSS32_REGS + 4 * i);
        }
        for (unsigned i = 0; i < SEG_COUNT; i++) {
            t->seg[i] = cpu_sys_ld16(cpu, base + TSS32_SEGS + 4 * i);
        }
        t->ldt = cpu_sys_ld16(cpu, base + TSS32_LDT);
        t->trap = cpu_sys_ld16(cpu, base + TSS32_TRAP) & 1;
    } else {
        t->eip = cpu_sys_ld16(cpu, base + TSS16_IP);
        t->eflags = cpu_sys_ld16(cpu, base + TSS16_FLAGS);
        for (unsigned i = 0; i < 8; i++) {
            t->regs[i] = cpu_sys_ld16(cpu, base + TSS16_REGS + 2 * i) | 0xffff0000u;
        }
        for (unsigned i = 0; i < 4; i++) {
            t->seg[i] = cpu_sys_ld16(cpu, base + TSS16_SEGS + 2 * i);
        }
        t->ldt = cpu_sys_ld16(cpu, base + TSS16_LDT);
    }
}

static void save_state(CpuX86 *cpu, uint32_t base, bool is32, uint32_t eip, uint32_t eflags)
{
    if (is32) {
        cpu_sys_st32(cpu, base + TSS32_EIP, eip);
        cpu_sys_st32(cpu, base + TSS32_EFLAGS, eflags);
        for (unsigned i = 0; i < 8; i++) {
            cpu_sys_st32(cpu, base + TSS32_REGS + 4 * i, (uint32_t)cpu->regs[i]);
        }
        for (unsigned i = 0; i < SEG_COUNT; i++) {
            cpu_sys_st16(cpu, base + TSS32_SEGS + 4 * i, cpu->seg[i].selector);
        }
    } else {
        cpu_sys_st16(cpu, base + TSS16_IP, (uint16_t)eip);
        cpu_sys_st16(cpu, base + TSS16_FLAGS, (uint16_t)eflags);
        for (unsigned i = 0; i < 8; i++) {
            cpu_sys_st16(cpu, base + TSS16_REGS + 2 * i, (uint16_t)cpu->regs[i]);
        }
        for (unsigned i = 0; i < 4; i++) {
            cpu_sys_st16(cpu, base + TSS16_SEGS + 2 * i, cpu->seg[i].selector);
        }
    }
}

/* Sets or clears the busy bit of the TSS descriptor at @selector in the GDT. */
static void set_busy(CpuX86 *cpu, uint16_t selector, bool busy)
{
    uint64_t address = cpu_wrap_linear(cpu, cpu->gdtr.base + (selector & ~7u) + 5);
    uint8_t byte = cpu_sys_ld16(cpu, address) & 0xff;

    cpu_sys_st8(cpu, address, busy ? byte | SYS_TSS_BUSY_BIT : byte & ~SYS_TSS_BUSY_BIT);
}

static G_NORETURN void state_fault(CpuX86 *cpu, int vector, uint16_t selector, int seg)
{
    cpu_fault(cpu, vector, selector_error(selector), CAUSE_TASK_STATE, selector, seg);
}

static void load_task_ldt(CpuX86 *cpu, uint16_t selector)
{
    Descriptor d;

    if (selector_null(selector)) {
        return;
    }
    if (selector & 4 || !descriptor_read(cpu, selector, &d) || attr_system_type(d.attr) != SYS_LDT || !(d.attr & SEG_P)) {
        state_fault(cpu, VECTOR_TS, selector, SEG_COUNT);
    }
    cpu->ldtr = descriptor_cache(&d, selector);
}

static void load_task_code(CpuX86 *cpu, uint16_t selector)
{
    int rpl = selector_rpl(selector);
    Descriptor d;

    if (selector_null(selector) || !descriptor_read(cpu, selector, &d) || !attr_code(d.attr) ||
        (attr_conforming(d.attr) ? attr_dpl(d.attr) > rpl : attr_dpl(d.attr) != rpl)) {
        state_fault(cpu, VECTOR_TS, selector, R_CS);
    }
    if (!(d.attr & SEG_P)) {
        state_fault(cpu, VECTOR_NP, selector, R_CS);
    }
    descriptor_set_accessed(cpu, &d);
    cpu->seg[R_CS] = descriptor_cache(&d, selector);
}

static void load_task_data(CpuX86 *cpu, int seg, uint16_t selector, int cpl)
{
    Descriptor d;

    if (selector_null(selector)) {
        return;
    }
    if (!descriptor_read(cpu, selector, &d) || !attr_readable(d.attr) ||
        (!(attr_code(d.attr) && attr_conforming(d.attr)) &&
         (attr_dpl(d.attr) < cpl || attr_dpl(d.attr) < selector_rpl(selector)))) {
        state_fault(cpu, VECTOR_TS, selector, seg);
    }
    if (!(d.attr & SEG_P)) {
        state_fault(cpu, VECTOR_NP, selector, seg);
    }
    descriptor_set_accessed(cpu, &d);
    cpu->seg[seg] = descriptor_cache(&d, selector);
}

/* Step 5. The segment registers hold their selectors with unusable caches. */
static void load_segments(CpuX86 *cpu, const TaskState *t)
{
    int cpl = selector_rpl(t->seg[R_CS]);

    load_task_ldt(cpu, t->ldt);
    if (cpu->rflags & RFLAGS_VM) {
        for (int i = 0; i < SEG_COUNT; i++) {
            cpu->seg[i] = segment_real(cpu, NULL, t->seg[i]);
        }
        cpu_update_mode(cpu);
        return;
    }
    load_task_code(cpu, t->seg[R_CS]);
    cpu->seg[R_SS] = segment_null(t->seg[R_SS], cpl);
    cpu_update_mode(cpu);                       /* CPL is the new task's from here on */
    cpu->seg[R_SS] = stack_check_selector(cpu, t->seg[R_SS], cpl, VECTOR_TS, 0);
    cpu_update_mode(cpu);
    load_task_data(cpu, R_ES, t->seg[R_ES], cpl);
    load_task_data(cpu, R_DS, t->seg[R_DS], cpl);
    load_task_data(cpu, R_FS, t->seg[R_FS], cpl);
    load_task_data(cpu, R_GS, t->seg[R_GS], cpl);
    cpu_update_mode(cpu);
}

void task_switch(CpuX86 *cpu, const Descriptor *tss, TaskSwitch kind, uint64_t next_rip, bool has_error, uint32_t error)
{
    int type = attr_system_type(tss->attr);
    bool is32 = type & 8, old32 = attr_system_type(cpu->tr.attr) & 8;
    SegmentCache new_tr = descriptor_cache(tss, tss->selector & ~3), old_tr = cpu->tr;
    uint32_t old_flags = (uint32_t)cpu_get_rflags(cpu);
    TaskState t;

    svm_check(cpu, SVM_EXIT_TASK_SWITCH, tss->selector,
              (kind == TASK_IRET ? TASK_BY_IRET : kind == TASK_JUMP ? TASK_BY_JUMP : 0) |
              (has_error ? TASK_HAS_ERROR | error : 0) | (old_flags & RFLAGS_RF ? TASK_RF : 0));
    if (new_tr.limit < (is32 ? TSS32_LIMIT : TSS16_LIMIT)) {
        cpu_fault(cpu, VECTOR_TS, selector_error(tss->selector), CAUSE_TASK_LIMIT, tss->selector, new_tr.limit);
    }
    if (!(old_tr.attr & SEG_P) || old_tr.limit < (old32 ? TSS32_LIMIT - 8 : TSS16_LIMIT - 2)) {
        cpu_fault(cpu, VECTOR_TS, selector_error(old_tr.selector), CAUSE_TASK_LIMIT, old_tr.selector, old_tr.limit);
    }
    read_state(cpu, (uint32_t)new_tr.base, is32, &t);

    if (kind == TASK_IRET) {
        old_flags &= ~RFLAGS_NT;
    }
    save_state(cpu, (uint32_t)old_tr.base, old32, (uint32_t)next_rip, old_flags);
    if (kind == TASK_JUMP || kind == TASK_IRET) {
        set_busy(cpu, old_tr.selector, false);
    }
    if (kind != TASK_IRET) {
        set_busy(cpu, tss->selector, true);
    }
    if (kind == TASK_CALL || kind == TASK_INTERRUPT) {
        cpu_sys_st16(cpu, (uint32_t)new_tr.base, old_tr.selector);
        t.eflags |= RFLAGS_NT;
    }

    new_tr.attr |= SYS_TSS_BUSY_BIT;
    cpu->insn = NULL;                           /* what faults from here on is at the new task's EIP */
    cpu->tr = new_tr;
    cpu->ldtr = segment_null(t.ldt, 0);
    cpu->dr[7] &= ~0x155ull;                    /* L0-L3, LE */
    for (unsigned i = 0; i < 8; i++) {
        cpu->regs[i] = t.regs[i];
    }
    cpu->rip = t.eip;
    for (int i = 0; i < SEG_COUNT; i++) {
        cpu->seg[i] = segment_null(t.seg[i], i == R_SS ? selector_rpl(t.seg[R_CS]) : 0);
    }
    cpu->cr0 |= CR0_TS;
    cpu_set_rflags(cpu, t.eflags & (RFLAGS_ARITH | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF |
                                    RFLAGS_VM | RFLAGS_AC | RFLAGS_VIF | RFLAGS_VIP | RFLAGS_ID));
    cpu_update_mode(cpu);
    if (is32 && cpu->cr0 & CR0_PG && t.cr3 != cpu->cr3) {
        cpu_set_cr3(cpu, t.cr3);
    }

    load_segments(cpu, &t);
    code_check_offset(cpu, &cpu->seg[R_CS], cpu->rip, 0);
    if (has_error) {
        Stack s = stack_current(cpu);

        stack_push(cpu, &s, is32 ? 4 : 2, error);
        cpu->regs[R_RSP] = stack_pointer(&s, cpu->regs[R_RSP], s.rsp);
    }
    if (t.trap) {
        cpu->dr[6] |= 1 << 15;                  /* BT */
        cpu_raise(cpu, VECTOR_DB);
    }
}

void task_switch_gate(CpuX86 *cpu, uint16_t selector, TaskSwitch kind, uint64_t next_rip, bool has_error, uint32_t error,
                      uint32_t ext)
{
    uint32_t bad = selector_error(selector) | ext;
    int vector = kind == TASK_IRET ? VECTOR_TS : VECTOR_GP, type;
    Descriptor d;

    if (selector_null(selector) || selector & 4 || !descriptor_read(cpu, selector, &d)) {
        cpu_fault(cpu, vector, bad, CAUSE_TASK_SELECTOR, selector, 0);
    }
    type = attr_system_type(d.attr);
    if (kind == TASK_IRET ? type != SYS_TSS_BUSY && type != SYS_TSS16_BUSY : type != SYS_TSS_AVAILABLE && type != SYS_TSS16_AVAILABLE) {
        cpu_fault(cpu, vector, bad, CAUSE_TASK_SELECTOR, selector, 0);
    }
    if (!(d.attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_NP, bad, CAUSE_CODE_SELECTOR_ABSENT, selector, 0);
    }
    task_switch(cpu, &d, kind, next_rip, has_error, error);
}
