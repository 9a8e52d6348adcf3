/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a debugger outside of the guest wants: points where the machine is to stop, and single steps.
 *
 *   debugger (all vCPUs stand): debug_point_add() ..., debug_step of vCPUs -> debug_commit() -> the machine goes on
 *   vCPU comes to such a point -> debug_stop(): run state `debug`, debug_last tells why -> debugger
 *
 * Points change only while all vCPUs stand, so that these read them without a lock. How they are noticed is the
 * accelerator's: TCG keeps what covers a breakpoint out of its translations and what is watched out of its TLBs; KVM has
 * INT3 in the guest's memory and the processor's debug registers.
 */
#ifndef ACCEL_DEBUG_H
#define ACCEL_DEBUG_H

#include "accel/accel.h"

/* In the order of gdb's packets Z0 to Z4. */
typedef enum DebugKind { DEBUG_BREAK_SOFTWARE, DEBUG_BREAK_HARDWARE, DEBUG_WATCH_WRITE, DEBUG_WATCH_READ, DEBUG_WATCH_ACCESS,
    DEBUG_KINDS } DebugKind;
typedef struct DebugPoint {
    DebugKind kind;
    uint64_t addr, bytes;                       /* linear; bytes of a watchpoint, at least 1 */
    uint8_t replaced;                           /* by INT3, under KVM */
} DebugPoint;
enum { DEBUG_POINTS_MAX = 1024 };
extern DebugPoint debug_points[DEBUG_POINTS_MAX];
extern unsigned debug_break_count, debug_watch_count;  /* together: all of debug_points */
extern uint32_t debug_generation;               /* moves when debug_commit() finds other points than the last time */

/* Cpu.debug_step. DONE: the instruction was begun, the next boundary is where to stop. */
enum { DEBUG_STEP_NONE, DEBUG_STEP_WANTED, DEBUG_STEP_DONE };
extern bool debug_step_without_interrupts;

typedef enum DebugReason { DEBUG_REASON_STEP, DEBUG_REASON_BREAK, DEBUG_REASON_WATCH } DebugReason;
typedef struct DebugLast { int cpu_index; DebugReason reason; DebugKind kind; uint64_t addr; } DebugLast;
extern DebugLast debug_last;

/**
 * debug_point_add: @cpu: whose paging @addr is by. False: KVM has no room for it, or the memory is not there.
 * debug_point_remove: false: there is none such. Both with all vCPUs standing, under the big lock.
 */
bool debug_point_add(Cpu *cpu, DebugKind kind, uint64_t addr, uint64_t bytes);
bool debug_point_remove(Cpu *cpu, DebugKind kind, uint64_t addr, uint64_t bytes);
void debug_points_clear(Cpu *cpu);
void debug_commit(void);

static inline unsigned debug_point_count(void) { return debug_break_count + debug_watch_count; }
static inline bool debug_is_break(const DebugPoint *p) { return p->kind <= DEBUG_BREAK_HARDWARE; }
/** debug_break_in: a breakpoint in [@addr, +@bytes); NULL: none. */
const DebugPoint *debug_break_in(uint64_t addr, uint64_t bytes);
/** debug_break_may_cover: is there one in [@addr, +@bytes), as far as the place in the page tells? */
bool debug_break_may_cover(uint64_t addr, uint64_t bytes);
/** debug_watch_in: a watchpoint that an access to [@addr, +@bytes) hits; NULL: none. */
const DebugPoint *debug_watch_in(uint64_t addr, uint64_t bytes, bool write);
/** debug_watch_page: does one lie in the page of @addr? */
bool debug_watch_page(uint64_t addr);

/** debug_stop: @cpu, in its thread, has come to where the machine is to stop; the caller leaves guest code at once. */
void debug_stop(Cpu *cpu, DebugReason reason, DebugKind kind, uint64_t addr);

#endif
