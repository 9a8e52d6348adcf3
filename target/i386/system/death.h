/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why the guest died, in words.
 *
 * Every vCPU keeps its last CPU_EVENTS exceptions and interrupts (CpuX86.events) and, while an event is being delivered, the
 * reasons why deliveries failed (Trail). When that ends in a triple fault, or the engine finds itself broken, or the guest
 * says it panicked, death_report() writes it all down: on stderr, for `info death`, and for QMP.
 */
#ifndef TARGET_I386_SYSTEM_DEATH_H
#define TARGET_I386_SYSTEM_DEATH_H

#include "target/i386/cpu.h"

/* X(ID, sentence part): what was wrong. @a, @b are the two numbers kept with it; a sentence takes them in that order. */
#define FAULT_CAUSES(X) \
    X(IDT_LIMIT,             "IDT limit is %#" PRIx64 ": vector %" PRIu64 " has no gate") \
    X(IVT_LIMIT,             "IVT limit is %#" PRIx64 ": vector %" PRIu64 " has no entry") \
    X(GATE_TYPE,             "IDT entry %" PRIu64 " has type %" PRIu64 ", which is no gate in this mode") \
    X(GATE_DPL,              "the gate of vector %" PRIu64 " has DPL %" PRIu64 ", below the CPL of the INT instruction") \
    X(GATE_NOT_PRESENT,      "the gate of vector %" PRIu64 " is not present") \
    X(GATE_CS_NULL,          "the gate of vector %" PRIu64 " has a null code selector") \
    X(GATE_CS_LIMIT,         "the gate of vector %" PRIu64 " names code selector %#" PRIx64 ", outside of its descriptor table") \
    X(GATE_CS_TYPE,          "the gate of vector %" PRIu64 " names selector %#" PRIx64 ", which is not a code segment") \
    X(GATE_CS_DPL,           "the gate of vector %" PRIu64 " names code selector %#" PRIx64 ", less privileged than the current code") \
    X(GATE_CS_NOT_PRESENT,   "the gate of vector %" PRIu64 " names code selector %#" PRIx64 ", which is not present") \
    X(GATE_CS_NOT_64,        "the gate of vector %" PRIu64 " names code selector %#" PRIx64 ", which is not a 64-bit code segment") \
    X(GATE_CS_VM86,          "the gate of vector %" PRIu64 " leaves vm86 mode for code selector %#" PRIx64 ", whose DPL is not 0") \
    X(CODE_OFFSET,           "the target offset %#" PRIx64 " is beyond the code segment's limit %#" PRIx64) \
    X(CODE_NOT_CANONICAL,    "the target address %#" PRIx64 " is not canonical") \
    X(CODE_SELECTOR_NULL,    "the target code selector is null") \
    X(CODE_SELECTOR_LIMIT,   "selector %#" PRIx64 " lies outside of its descriptor table") \
    X(CODE_SELECTOR_TYPE,    "selector %#" PRIx64 " has a descriptor of type %#" PRIx64 ", to which control cannot go") \
    X(CODE_SELECTOR_RIGHTS,  "code selector %#" PRIx64 " (DPL %" PRIu64 ") cannot be entered from the current privilege") \
    X(CODE_SELECTOR_ABSENT,  "the segment of code selector %#" PRIx64 " is not present") \
    X(CODE_SELECTOR_L_AND_D, "code selector %#" PRIx64 " has both L and D set (or is not 64-bit code where it must be)") \
    X(DATA_SELECTOR_NULL,    "segment register %" PRIu64 " cannot be loaded with null selector %#" PRIx64) \
    X(DATA_SELECTOR_LIMIT,   "data selector %#" PRIx64 " lies outside of its descriptor table") \
    X(DATA_SELECTOR_TYPE,    "selector %#" PRIx64 " has a descriptor of type %#" PRIx64 ", which this segment register cannot hold") \
    X(DATA_SELECTOR_RIGHTS,  "the privilege of selector %#" PRIx64 " (DPL %" PRIu64 ") forbids to load it") \
    X(DATA_SELECTOR_ABSENT,  "the segment of selector %#" PRIx64 " is not present") \
    X(DATA_LIMIT,            "the access at offset %#" PRIx64 " goes beyond the segment's limit %#" PRIx64) \
    X(DATA_SEGMENT,          "the access at offset %#" PRIx64 " is not allowed through selector %#" PRIx64 " (null, or of another type)") \
    X(DATA_NOT_CANONICAL,    "the data address %#" PRIx64 " is not canonical") \
    X(TSS_LIMIT,             "the TSS limit is %#" PRIx64 ": no stack pointer at offset %#" PRIx64 " for the more privileged handler") \
    X(STACK_NULL,            "the TSS gives a null stack segment for privilege %" PRIu64) \
    X(STACK_SELECTOR_LIMIT,  "stack selector %#" PRIx64 " lies outside of its descriptor table") \
    X(STACK_SELECTOR_RIGHTS, "stack selector %#" PRIx64 " does not have the privilege %" PRIu64 " of its code") \
    X(STACK_SELECTOR_TYPE,   "stack selector %#" PRIx64 " has a descriptor of type %#" PRIx64 ", not writable data") \
    X(STACK_SELECTOR_ABSENT, "the segment of stack selector %#" PRIx64 " is not present") \
    X(STACK_LIMIT,           "the stack at SP %#" PRIx64 " goes beyond the stack segment's limit %#" PRIx64) \
    X(STACK_NOT_CANONICAL,   "the stack pointer %#" PRIx64 " is not canonical") \
    X(TASK_SELECTOR,         "selector %#" PRIx64 " does not name an available TSS in the GDT") \
    X(TASK_LIMIT,            "the TSS of selector %#" PRIx64 " is too short: limit %#" PRIx64) \
    X(TASK_STATE,            "the new task's state is invalid: selector %#" PRIx64 " for segment register %" PRIu64) \
    X(IO_FORBIDDEN,          "the I/O permission bitmap forbids port %#" PRIx64 " (%" PRIu64 " bytes)") \
    X(CR_RESERVED,           "reserved or inconsistent bits in the value %#" PRIx64 " for CR%" PRIu64) \
    X(EFER_RESERVED,         "reserved or inconsistent bits in the value %#" PRIx64 " for EFER") \
    X(MSR_UNKNOWN,           "there is no MSR %#" PRIx64 " in this CPU model") \
    X(MSR_VALUE,             "MSR %#" PRIx64 " cannot hold the value %#" PRIx64) \
    X(IRET_FRAME,            "the IRET frame asks for what is forbidden: selector %#" PRIx64 ", flags %#" PRIx64) \
    X(PAGE_FAULT,            "address %#" PRIx64 " faulted in the page tables (error code %#" PRIx64 ")")

typedef enum FaultCause {
    CAUSE_NONE,
#define X(id, text) CAUSE_##id,
    FAULT_CAUSES(X)
#undef X
    CAUSE_COUNT
} FaultCause;

/* What the processor was reading or writing when a page fault hit a delivery. */
typedef enum DeliveryStage {
    STAGE_NONE, STAGE_IDT, STAGE_CODE_DESCRIPTOR, STAGE_TSS, STAGE_STACK_DESCRIPTOR, STAGE_FRAME, STAGE_TASK, STAGE_COUNT
} DeliveryStage;

/* One failed step of a delivery. */
typedef struct TrailStep {
    uint8_t vector;             /* that was being delivered */
    uint8_t raised;             /* what that raised */
    uint8_t stage;
    uint8_t cause;
    uint32_t error;             /* of `raised` */
    uint64_t a, b;              /* the cause's numbers; for a page fault, address and error code */
} TrailStep;
#define TRAIL_STEPS 3
typedef struct Trail {
    uint8_t noted;              /* FaultCause of the exception just raised; taken by the delivery */
    uint8_t stage, steps;
    bool active;                /* a delivery has begun and not succeeded */
    int16_t vector;             /* being delivered */
    uint8_t first_cause;        /* of the exception that began it all; CAUSE_NONE: the instruction's own */
    bool first_is_exception;    /* rather than an INT or an interrupt */
    int16_t first_vector;
    uint32_t first_error;
    uint64_t a, b, first_a, first_b, first_cr2;
    TrailStep step[TRAIL_STEPS];
} Trail;

typedef enum DeathKind { DEATH_TRIPLE_FAULT, DEATH_INTERNAL_ERROR, DEATH_GUEST_PANIC } DeathKind;

typedef struct DeathReport {
    DeathKind kind;
    int cpu_index;
    int64_t when_ns;            /* CLOCK_VIRTUAL */
    char *cause;                /* one sentence */
    char *text;                 /* the whole report */
    unsigned event_count;       /* events at that moment, oldest first */
    CpuEvent events[CPU_EVENTS];
} DeathReport;

/**
 * death_report: writes the report of @cpu's death on stderr and keeps it. @detail: for DEATH_INTERNAL_ERROR and
 * DEATH_GUEST_PANIC, what happened; NULL else. In the vCPU's thread, or with the vCPU stopped.
 */
void death_report(CpuX86 *cpu, DeathKind kind, const char *detail);
/** death_report_last: the last report of this run, or NULL. Valid until the next death; big lock held. */
const DeathReport *death_report_last(void);
/** cpu_triple_fault: reports, then asks for a reset of the machine. The vCPU is in shutdown from now on. */
void cpu_triple_fault(CpuX86 *cpu);
/** cpu_shutdown: the same for another reason, told in @sentence. */
void cpu_shutdown(CpuX86 *cpu, const char *sentence);

/** ud_hint: the vCPU takes #UD at its current instruction: says once per kind which missing feature forbids it, if one does. */
void ud_hint(CpuX86 *cpu);

/** vector_name: "#PF page fault", "#GP general protection"; NULL for 32 and above. */
const char *vector_name(int vector);

#endif
