/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the files of system/ and by the system instruction families; not for other folders.
 *
 * segment.c reads and checks descriptors, far.c moves control between segments, task.c between tasks, interrupt.c delivers
 * events, mode.c writes control registers, death.c explains a delivery that failed. Whoever raises an exception because of a
 * table entry does it by cpu_fault(), which notes why, so that a later death report can say it in a sentence.
 */
#ifndef TARGET_I386_SYSTEM_SYSTEM_H
#define TARGET_I386_SYSTEM_SYSTEM_H

#include "target/i386/access.h"
#include "target/i386/system/death.h"

/** cpu_fault: raises @vector with @error; @cause with @a and @b says why. */
G_NORETURN void cpu_fault(CpuX86 *cpu, int vector, uint32_t error, FaultCause cause, uint64_t a, uint64_t b);

static inline bool cpu_in_protected(const CpuX86 *cpu)      /* and not vm86 */
{
    return (cpu->mode_flags & (MODE_PE | MODE_VM86)) == MODE_PE;
}
static inline bool cpu_in_long(const CpuX86 *cpu) { return cpu->mode_flags & MODE_LMA; }
static inline bool cpu_in_64(const CpuX86 *cpu) { return cpu->mode_flags & MODE_CS64; }
static inline int cpu_iopl(const CpuX86 *cpu) { return cpu->rflags >> 12 & 3; }

/* Linear addresses are 32 bits wide outside of IA-32e mode. */
static inline uint64_t cpu_wrap_linear(const CpuX86 *cpu, uint64_t lin)
{
    return cpu_in_long(cpu) ? lin : (uint32_t)lin;
}
static inline bool cpu_canonical(const CpuX86 *cpu, uint64_t lin)
{
    int shift = cpu->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

    return (int64_t)(lin << shift) >> shift == (int64_t)lin;
}

/* A descriptor as it lies in the GDT or LDT. */
typedef struct Descriptor {
    uint64_t address;           /* linear, of its first byte */
    uint32_t low, high;
    uint16_t selector;          /* it was found by */
    uint16_t attr;              /* as SegmentCache.attr */
} Descriptor;

static inline bool selector_null(uint16_t selector) { return !(selector & ~3); }
static inline int selector_rpl(uint16_t selector) { return selector & 3; }
static inline uint32_t selector_error(uint16_t selector) { return selector & ~3; }

static inline int attr_dpl(uint16_t attr) { return (attr & SEG_DPL) >> SEG_DPL_SHIFT; }
static inline bool attr_code(uint16_t attr) { return (attr & (SEG_S | SEG_TYPE_CODE)) == (SEG_S | SEG_TYPE_CODE); }
static inline bool attr_conforming(uint16_t attr) { return attr & SEG_TYPE_CONFORMING; }
static inline bool attr_writable_data(uint16_t attr)
{
    return (attr & (SEG_S | SEG_TYPE_CODE | SEG_TYPE_WRITABLE)) == (SEG_S | SEG_TYPE_WRITABLE);
}
static inline bool attr_readable(uint16_t attr)             /* data, or readable code */
{
    return attr & SEG_S && (!(attr & SEG_TYPE_CODE) || attr & SEG_TYPE_READABLE);
}

/* Types of system descriptors. */
enum {
    SYS_TSS16_AVAILABLE = 1, SYS_LDT = 2, SYS_TSS16_BUSY = 3, SYS_CALL_GATE16 = 4, SYS_TASK_GATE = 5, SYS_INTERRUPT_GATE16 = 6,
    SYS_TRAP_GATE16 = 7, SYS_TSS_AVAILABLE = 9, SYS_TSS_BUSY = 11, SYS_CALL_GATE = 12, SYS_INTERRUPT_GATE = 14,
    SYS_TRAP_GATE = 15, SYS_TSS_BUSY_BIT = 2
};
static inline int attr_system_type(uint16_t attr) { return attr & SEG_S ? -1 : attr & SEG_TYPE; }

/** descriptor_read: entry of @selector; false if it lies outside its table (or the LDT is null). Null is entry 0. */
bool descriptor_read(CpuX86 *cpu, uint16_t selector, Descriptor *d);
/** descriptor_read_high: the upper half of a 16-byte system descriptor in IA-32e mode: base bits 32-63 or offset; false: outside. */
bool descriptor_read_high(CpuX86 *cpu, const Descriptor *d, uint32_t *base_high, uint32_t *last);
/** descriptor_cache: expands @d under selector @selector. */
SegmentCache descriptor_cache(const Descriptor *d, uint16_t selector);
/** descriptor_set_accessed: sets the accessed bit in memory if it is clear. May fault. */
void descriptor_set_accessed(CpuX86 *cpu, Descriptor *d);
/** segment_real: what a segment register holds after loading @selector in real or vm86 mode. */
SegmentCache segment_real(const CpuX86 *cpu, const SegmentCache *old, uint16_t selector);
SegmentCache segment_null(uint16_t selector, int dpl);
/** cpu_set_segment: commits; the caller calls cpu_update_mode() once it is done. */
static inline void cpu_set_segment(CpuX86 *cpu, int seg, SegmentCache cache) { cpu->seg[seg] = cache; }

/** code_check_offset: #GP(@error) unless @offset lies in code segment @cs (canonical, if it is 64-bit code). */
void code_check_offset(CpuX86 *cpu, const SegmentCache *cs, uint64_t offset, uint32_t error);

/** stack_check_selector: checks @selector as new SS for privilege @dpl; faults as @vector_base #TS, not present as #SS. */
SegmentCache stack_check_selector(CpuX86 *cpu, uint16_t selector, int dpl, int vector, uint32_t ext);

/*
 * A stack being written or read before anything is committed. Pushes store at once below the pointer (which is not
 * architectural state yet); stack_commit() then moves RSP.
 */
typedef struct Stack {
    SegmentCache ss;
    uint64_t rsp, mask;
    uint32_t error;             /* of the #SS that a limit violation raises */
    bool inner;                 /* not the current one, of privilege below 3: system accesses */
    bool long_mode;
} Stack;
Stack stack_current(CpuX86 *cpu);
/** stack_inner: a stack read from the TSS; @error for #SS. */
Stack stack_inner(CpuX86 *cpu, SegmentCache ss, uint64_t rsp, uint32_t error);
void stack_push(CpuX86 *cpu, Stack *s, unsigned size, uint64_t value);
/** stack_peek: the value of @size bytes @offset bytes above RSP. */
uint64_t stack_peek(CpuX86 *cpu, const Stack *s, unsigned size, unsigned offset);
/** stack_pointer: what RSP becomes when @s is in force with pointer @rsp: the bits beyond the stack's width stay those of @old. */
static inline uint64_t stack_pointer(const Stack *s, uint64_t old, uint64_t rsp)
{
    return s->mask == UINT64_MAX ? rsp : s->mask == UINT32_MAX ? (uint32_t)rsp : (old & ~s->mask) | (rsp & s->mask);
}

/** tss_read_stack: SS:RSP for privilege @dpl from the current TSS (SS is null-with-RPL in IA-32e mode). @ext: error code bit 0. */
void tss_read_stack(CpuX86 *cpu, int dpl, uint32_t ext, uint16_t *ss, uint64_t *rsp);
uint64_t tss_read_ist(CpuX86 *cpu, unsigned ist, uint32_t ext);

/* far.c; @size: operand size in bytes. All set rip and mode. */
void cpu_far_jump(CpuX86 *cpu, uint16_t selector, uint64_t offset, unsigned size, uint64_t next_rip);
void cpu_far_call(CpuX86 *cpu, uint16_t selector, uint64_t offset, unsigned size, uint64_t next_rip);
void cpu_far_return(CpuX86 *cpu, unsigned size, unsigned release);
void cpu_iret(CpuX86 *cpu, unsigned size, uint64_t next_rip);

typedef enum TaskSwitch { TASK_JUMP, TASK_CALL, TASK_IRET, TASK_INTERRUPT } TaskSwitch;
/** task_switch: to the TSS of @selector, whose descriptor the caller found usable for @kind; @next_rip is saved in the old one. */
void task_switch(CpuX86 *cpu, const Descriptor *tss, TaskSwitch kind, uint64_t next_rip, bool has_error, uint32_t error);
/** task_switch_selector: checks @selector (as #TS(@error) or #GP) and switches. */
void task_switch_gate(CpuX86 *cpu, uint16_t selector, TaskSwitch kind, uint64_t next_rip, bool has_error, uint32_t error,
                      uint32_t ext);

/* interrupt.c */
typedef enum EventKind {
    EVENT_EXCEPTION,            /* fault, trap or abort found by the processor */
    EVENT_EXTERNAL,             /* INTR or NMI */
    EVENT_SOFT,                 /* INT n, INT3, INTO: gate DPL is checked */
    EVENT_INT1
} EventKind;
/** cpu_deliver: sends control to the handler of @vector. @rip is pushed. On return the event is delivered, rip and mode set. */
void cpu_deliver(CpuX86 *cpu, int vector, EventKind kind, bool has_error, uint32_t error, uint64_t rip);
/** cpu_int: the INT n family, with vm86 rules. */
void cpu_int(CpuX86 *cpu, int vector, EventKind kind, uint64_t next_rip);

/* debug.c */
void cpu_set_dr(CpuX86 *cpu, int n, uint64_t value);
uint64_t cpu_get_dr(CpuX86 *cpu, int n);

/* smm.c */
void cpu_enter_smm(CpuX86 *cpu);
void cpu_leave_smm(CpuX86 *cpu);

/* cpu_state.c: of x86_cpu_type. */
extern const StateField x86_cpu_state[];
void x86_cpu_pre_save(Device *dev);
bool x86_cpu_post_load(Device *dev, unsigned version, GError **err);
/** cpu_cr4_valid: the bits of CR4 that this model has. */
uint64_t cpu_cr4_valid(const CpuX86 *cpu);
uint64_t cpu_efer_valid(const CpuX86 *cpu);             /* the same of EFER */
/** cpu_load_ldtr, cpu_load_tr: LLDT, LTR. */
void cpu_load_ldtr(CpuX86 *cpu, uint16_t selector);
void cpu_load_tr(CpuX86 *cpu, uint16_t selector);

#endif
