/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segment registers, descriptor tables, stacks of the TSS.
 *
 *   selector -> descriptor_read() -> rights of the use at hand -> descriptor_set_accessed() -> SegmentCache
 *
 * Everything that can fault happens before a segment register changes. In real and vm86 mode a selector is a paragraph
 * number. Spec: Intel SDM vol. 3 chapters 3 and 5, vol. 2 MOV, LLDT, LTR.
 */
#include "target/i386/system/system.h"

bool descriptor_read(CpuX86 *cpu, uint16_t selector, Descriptor *d)
{
    uint64_t base = cpu->gdtr.base, entry;
    uint32_t limit = cpu->gdtr.limit;

    if (selector & 4) {
        base = cpu->ldtr.base;
        limit = cpu->ldtr.limit;
        if (!(cpu->ldtr.attr & SEG_P)) {
            return false;
        }
    }
    if ((selector | 7u) > limit) {
        return false;
    }
    d->address = cpu_wrap_linear(cpu, base + (selector & ~7u));
    entry = cpu_sys_ld64(cpu, d->address);
    d->low = (uint32_t)entry;
    d->high = entry >> 32;
    d->selector = selector;
    d->attr = d->high >> 8 & 0xf0ff;
    return true;
}

bool descriptor_read_high(CpuX86 *cpu, const Descriptor *d, uint32_t *base_high, uint32_t *last)
{
    uint32_t limit = d->selector & 4 ? cpu->ldtr.limit : cpu->gdtr.limit;
    uint64_t entry;

    if ((d->selector & ~7u) + 15 > limit) {
        return false;
    }
    entry = cpu_sys_ld64(cpu, d->address + 8);
    *base_high = (uint32_t)entry;
    *last = entry >> 32;
    return true;
}

SegmentCache descriptor_cache(const Descriptor *d, uint16_t selector)
{
    uint32_t limit = (d->low & 0xffff) | (d->high & 0x000f0000);

    return (SegmentCache){
        .base = d->low >> 16 | (d->high & 0xff) << 16 | (d->high & 0xff000000),
        .limit = d->attr & SEG_G ? limit << 12 | 0xfff : limit,
        .selector = selector,
        .attr = d->attr,
    };
}

void descriptor_set_accessed(CpuX86 *cpu, Descriptor *d)
{
    if (!(d->attr & SEG_TYPE_ACCESSED)) {
        d->attr |= SEG_TYPE_ACCESSED;
        d->high |= SEG_TYPE_ACCESSED << 8;
        cpu_sys_st8(cpu, d->address + 5, d->attr & 0xff);
    }
}

SegmentCache segment_real(const CpuX86 *cpu, const SegmentCache *old, uint16_t selector)
{
    SegmentCache s = { .base = (uint32_t)selector << 4, .limit = 0xffff, .selector = selector, .attr = 0xf3 };

    if (!(cpu->mode_flags & MODE_VM86)) {
        /* Limit and width stay what protected mode left, unless it left nothing. */
        s.attr = 0x93;
        if (old->attr & SEG_P) {
            s.limit = old->limit;
            s.attr |= old->attr & (SEG_G | SEG_DB);
        }
    }
    return s;
}

SegmentCache segment_null(uint16_t selector, int dpl)
{
    return (SegmentCache){ .selector = selector, .attr = dpl << SEG_DPL_SHIFT };
}

void code_check_offset(CpuX86 *cpu, const SegmentCache *cs, uint64_t offset, uint32_t error)
{
    if (cpu_in_long(cpu) && cs->attr & SEG_L) {
        if (!cpu_canonical(cpu, offset)) {
            cpu_fault(cpu, VECTOR_GP, error, CAUSE_CODE_NOT_CANONICAL, offset, 0);
        }
    } else if (offset > cs->limit) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_CODE_OFFSET, offset, cs->limit);
    }
}

/* Data segment registers but SS, in protected mode. */
static SegmentCache load_data(CpuX86 *cpu, uint16_t selector)
{
    uint32_t error = selector_error(selector);
    Descriptor d;
    int dpl;

    if (selector_null(selector)) {
        return segment_null(selector, 0);
    }
    if (!descriptor_read(cpu, selector, &d)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_DATA_SELECTOR_LIMIT, selector, 0);
    }
    dpl = attr_dpl(d.attr);
    if (!attr_readable(d.attr)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_DATA_SELECTOR_TYPE, selector, d.attr & (SEG_S | SEG_TYPE));
    }
    if (!(attr_code(d.attr) && attr_conforming(d.attr)) && (selector_rpl(selector) > dpl || cpu_cpl(cpu) > dpl)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_DATA_SELECTOR_RIGHTS, selector, dpl);
    }
    if (!(d.attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_NP, error, CAUSE_DATA_SELECTOR_ABSENT, selector, 0);
    }
    descriptor_set_accessed(cpu, &d);
    return descriptor_cache(&d, selector);
}

SegmentCache stack_check_selector(CpuX86 *cpu, uint16_t selector, int dpl, int vector, uint32_t ext)
{
    uint32_t error = selector_error(selector) | ext;
    Descriptor d;

    if (selector_null(selector)) {
        cpu_fault(cpu, vector, ext, CAUSE_STACK_NULL, dpl, 0);
    }
    if (!descriptor_read(cpu, selector, &d)) {
        cpu_fault(cpu, vector, error, CAUSE_STACK_SELECTOR_LIMIT, selector, 0);
    }
    if (!attr_writable_data(d.attr)) {
        cpu_fault(cpu, vector, error, CAUSE_STACK_SELECTOR_TYPE, selector, d.attr & (SEG_S | SEG_TYPE));
    }
    if (selector_rpl(selector) != dpl || attr_dpl(d.attr) != dpl) {
        cpu_fault(cpu, vector, error, CAUSE_STACK_SELECTOR_RIGHTS, selector, dpl);
    }
    if (!(d.attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_SS, error, CAUSE_STACK_SELECTOR_ABSENT, selector, 0);
    }
    descriptor_set_accessed(cpu, &d);
    return descriptor_cache(&d, selector);
}

void cpu_load_segment(CpuX86 *cpu, int seg, uint16_t selector)
{
    SegmentCache cache;

    if (!cpu_in_protected(cpu)) {
        cache = segment_real(cpu, &cpu->seg[seg], selector);
    } else if (seg == R_SS) {
        int cpl = cpu_cpl(cpu);

        if (selector_null(selector)) {
            if (!cpu_in_64(cpu) || cpl == 3 || selector_rpl(selector) != cpl) {
                cpu_fault(cpu, VECTOR_GP, 0, CAUSE_DATA_SELECTOR_NULL, seg, selector);
            }
            cache = segment_null(selector, cpl);
        } else {
            cache = stack_check_selector(cpu, selector, cpl, VECTOR_GP, 0);
        }
    } else {
        cache = load_data(cpu, selector);
    }
    cpu->seg[seg] = cache;
    cpu_update_mode(cpu);
}

void cpu_load_ldtr(CpuX86 *cpu, uint16_t selector)
{
    uint32_t error = selector_error(selector), base_high = 0, last = 0;
    SegmentCache cache;
    Descriptor d;

    if (selector_null(selector)) {
        cpu->ldtr = segment_null(selector, 0);
        return;
    }
    if (selector & 4 || !descriptor_read(cpu, selector, &d)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_DATA_SELECTOR_LIMIT, selector, 0);
    }
    if (attr_system_type(d.attr) != SYS_LDT) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_DATA_SELECTOR_TYPE, selector, d.attr & (SEG_S | SEG_TYPE));
    }
    if (!(d.attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_NP, error, CAUSE_DATA_SELECTOR_ABSENT, selector, 0);
    }
    if (cpu_in_long(cpu) && !descriptor_read_high(cpu, &d, &base_high, &last)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_DATA_SELECTOR_LIMIT, selector, 0);
    }
    cache = descriptor_cache(&d, selector);
    cache.base |= (uint64_t)base_high << 32;
    if (cpu_in_long(cpu) && (last & 0x1f00 || !cpu_canonical(cpu, cache.base))) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_DATA_SELECTOR_TYPE, selector, last >> 8 & 0x1f);
    }
    cpu->ldtr = cache;
}

void cpu_load_tr(CpuX86 *cpu, uint16_t selector)
{
    uint32_t error = selector_error(selector), base_high = 0, last = 0;
    SegmentCache cache;
    Descriptor d;
    int type;

    if (selector_null(selector)) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_TASK_SELECTOR, selector, 0);
    }
    if (selector & 4 || !descriptor_read(cpu, selector, &d)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_TASK_SELECTOR, selector, 0);
    }
    type = attr_system_type(d.attr);
    if (type != SYS_TSS_AVAILABLE && (type != SYS_TSS16_AVAILABLE || cpu_in_long(cpu))) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_TASK_SELECTOR, selector, 0);
    }
    if (!(d.attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_NP, error, CAUSE_DATA_SELECTOR_ABSENT, selector, 0);
    }
    if (cpu_in_long(cpu) && !descriptor_read_high(cpu, &d, &base_high, &last)) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_TASK_SELECTOR, selector, 0);
    }
    cache = descriptor_cache(&d, selector);
    cache.base |= (uint64_t)base_high << 32;
    if (cpu_in_long(cpu) && (last & 0x1f00 || !cpu_canonical(cpu, cache.base))) {
        cpu_fault(cpu, VECTOR_GP, error, CAUSE_TASK_SELECTOR, selector, 0);
    }
    cache.attr |= SYS_TSS_BUSY_BIT;
    cpu_sys_st8(cpu, d.address + 5, cache.attr & 0xff);
    cpu->tr = cache;
}

Stack stack_current(CpuX86 *cpu)
{
    return (Stack){
        .ss = cpu->seg[R_SS], .rsp = cpu->regs[R_RSP],
        .mask = cpu_in_64(cpu) ? UINT64_MAX : cpu->seg[R_SS].attr & SEG_DB ? UINT32_MAX : 0xffff,
        .long_mode = cpu_in_64(cpu),
    };
}

Stack stack_inner(CpuX86 *cpu, SegmentCache ss, uint64_t rsp, uint32_t error)
{
    return (Stack){
        .ss = ss, .rsp = rsp, .error = error, .inner = true, .long_mode = cpu_in_long(cpu),
        .mask = cpu_in_long(cpu) ? UINT64_MAX : ss.attr & SEG_DB ? UINT32_MAX : 0xffff,
    };
}

/* Linear address of [@offset, +@size) of the stack, or #SS. */
static uint64_t stack_linear(CpuX86 *cpu, const Stack *s, uint64_t offset, unsigned size)
{
    uint64_t last = offset + size - 1;
    bool outside;

    if (s->long_mode) {
        if (!cpu_canonical(cpu, offset) || !cpu_canonical(cpu, last)) {
            cpu_fault(cpu, VECTOR_SS, s->error, CAUSE_STACK_NOT_CANONICAL, offset, 0);
        }
        return offset;
    }
    if ((s->ss.attr & (SEG_S | SEG_TYPE_CODE | SEG_TYPE_EXPAND_DOWN)) == (SEG_S | SEG_TYPE_EXPAND_DOWN)) {
        outside = offset <= s->ss.limit || last > (s->ss.attr & SEG_DB ? UINT32_MAX : 0xffff);
    } else {
        outside = last > s->ss.limit;
    }
    if (outside) {
        cpu_fault(cpu, VECTOR_SS, s->error, CAUSE_STACK_LIMIT, offset, s->ss.limit);
    }
    return cpu_wrap_linear(cpu, s->ss.base + offset);
}

void stack_push(CpuX86 *cpu, Stack *s, unsigned size, uint64_t value)
{
    uint64_t rsp = (s->rsp - size) & s->mask, lin = stack_linear(cpu, s, rsp, size);

    if (s->inner) {
        switch (size) {
        case 2: cpu_sys_st16(cpu, lin, (uint16_t)value); break;
        case 4: cpu_sys_st32(cpu, lin, (uint32_t)value); break;
        default: cpu_sys_st64(cpu, lin, value); break;
        }
    } else {
        switch (size) {
        case 2: mmu_st16(cpu, lin, (uint16_t)value, R_SS); break;
        case 4: mmu_st32(cpu, lin, (uint32_t)value, R_SS); break;
        default: mmu_st64(cpu, lin, value, R_SS); break;
        }
    }
    s->rsp = rsp;
}

uint64_t stack_peek(CpuX86 *cpu, const Stack *s, unsigned size, unsigned offset)
{
    uint64_t lin = stack_linear(cpu, s, (s->rsp + offset) & s->mask, size);

    switch (size) {
    case 2: return mmu_ld16(cpu, lin, R_SS);
    case 4: return mmu_ld32(cpu, lin, R_SS);
    default: return mmu_ld64(cpu, lin, R_SS);
    }
}

void tss_read_stack(CpuX86 *cpu, int dpl, uint32_t ext, uint16_t *ss, uint64_t *rsp)
{
    uint64_t base = cpu->tr.base;
    unsigned offset, bytes;

    if (cpu_in_long(cpu)) {
        offset = 4 + 8 * dpl;
        bytes = 8;
    } else if (attr_system_type(cpu->tr.attr) & 8) {
        offset = 4 + 8 * dpl;
        bytes = 6;
    } else {
        offset = 2 + 4 * dpl;
        bytes = 4;
    }
    if (offset + bytes - 1 > cpu->tr.limit || !(cpu->tr.attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_TS, selector_error(cpu->tr.selector) | ext, CAUSE_TSS_LIMIT, cpu->tr.limit, offset);
    }
    if (cpu_in_long(cpu)) {
        *rsp = cpu_sys_ld64(cpu, base + offset);
        *ss = dpl;
    } else if (bytes == 6) {
        *rsp = cpu_sys_ld32(cpu, (uint32_t)(base + offset));
        *ss = cpu_sys_ld16(cpu, (uint32_t)(base + offset + 4));
    } else {
        *rsp = cpu_sys_ld16(cpu, (uint32_t)(base + offset));
        *ss = cpu_sys_ld16(cpu, (uint32_t)(base + offset + 2));
    }
}

uint64_t tss_read_ist(CpuX86 *cpu, unsigned ist, uint32_t ext)
{
    unsigned offset = 0x24 + 8 * (ist - 1);

    if (offset + 7 > cpu->tr.limit || !(cpu->tr.attr & SEG_P)) {
        cpu_fault(cpu, VECTOR_TS, selector_error(cpu->tr.selector) | ext, CAUSE_TSS_LIMIT, cpu->tr.limit, offset);
    }
    return cpu_sys_ld64(cpu, cpu->tr.base + offset);
}
