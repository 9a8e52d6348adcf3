/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code run by the host CPU itself, in 64-bit or in 32-bit code, with every register loaded before and saved after: one
 * instruction at a place of ours (native_run), or whatever the caller laid out (native_enter).
 *
 * Code, data and thunks lie below 2 GiB, so that 32-bit addresses reach them. Faults come back as signals.
 */
#ifndef TESTS_TCG_NATIVE_RUN_H
#define TESTS_TCG_NATIVE_RUN_H

#include <stdbool.h>
#include <stdint.h>

enum { HOST_XSAVE_BYTES = 4096 };

/* In the machine's own order. */
typedef struct HostState {
    uint64_t gpr[16];
    uint64_t rflags;
    uint64_t taken;                             /* 1: left through the branch target */
    uint64_t rip;                               /* of a fault; set by native_enter() */
    uint64_t reserved[5];
    uint8_t xsave[HOST_XSAVE_BYTES] __attribute__((aligned(64)));
} HostState;
_Static_assert(sizeof(HostState) == 192 + HOST_XSAVE_BYTES, "the assembly knows the offsets");

enum { TAKEN_OFFSET = 0x40 };                   /* from the instruction's first byte to its branch target */

typedef struct HostSegments { uint16_t es, cs, ss, ds, fs, gs, cs32; } HostSegments;

/** native_setup: maps memory, installs signal handlers. False: this host cannot (says why by g_test_message). */
bool native_setup(void);
/** native_can_run_32: whether 32-bit code segments work here. */
bool native_can_run_32(void);
uint64_t native_xcr0(void);
/** native_component_offset: place of state component @n in the host's XSAVE area. */
unsigned native_component_offset(unsigned n);
const HostSegments *native_segments(void);
/** native_data: 3 pages; operands go into the middle one. native_code: where the instruction will lie. */
uint8_t *native_data(void);
uint8_t *native_code(void);
/** native_put_code: places the instruction and its two exits. */
void native_put_code(const uint8_t *code, unsigned length, bool mode32);
/** native_run: returns 0, or the signal (SIGFPE: *@integer_division tells #DE from floating point). */
int native_run(const HostState *in, HostState *out, bool mode32, bool *integer_division);

/* What stopped code that native_enter() ran. */
typedef struct NativeFault { int signal, vector; uint32_t error; uint64_t address; } NativeFault;
/**
 * native_enter: runs the code at @target until it jumps to native_exit() or faults. @out: the state then, of a fault
 * that before the faulting instruction.
 *
 * Returns the signal, 0 if there was none; *@fault says more. Code that does not end comes back by SIGVTALRM, if
 * native_timer() runs.
 */
int native_enter(const HostState *in, HostState *out, const void *target, bool mode32, NativeFault *fault);
/** native_exit: where code of native_enter() jumps to at its end; of 32-bit code, by a far jump to @selector. */
const void *native_exit(bool mode32, uint16_t *selector);
/**
 * native_timer: starts a timer of CPU time. Native code that meets two ticks is given up; of other code @tick is
 * called, in a signal handler, with the count of ticks since native_timer_reset().
 */
void native_timer(unsigned period_ms, void (*tick)(unsigned ticks));
void native_timer_reset(void);

#endif
