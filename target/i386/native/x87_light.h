/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The short way through an x87 instruction: only the values that it uses go through the host's stack.
 *
 * It is open when all exceptions are masked, none is pending, and the tags allow what the instruction does; the caller
 * (insn/x87.c) checks, keeps TOP, tags and status, and moves the stack. Otherwise the whole image is loaded and saved.
 */
#ifndef TARGET_I386_NATIVE_X87_LIGHT_H
#define TARGET_I386_NATIVE_X87_LIGHT_H

#include "target/i386/cpu.h"

typedef enum X87Result {
    X87_RESULT_NONE, X87_RESULT_ST0, X87_RESULT_STI, X87_RESULT_PUSH, X87_RESULT_MEMORY
} X87Result;
/* What becomes of the condition codes: C1 alone, all four, or C1 and RFLAGS. */
typedef enum X87Condition { X87_CONDITION_C1, X87_CONDITION_ALL, X87_CONDITION_FLAGS } X87Condition;

typedef struct X87Light {
    uint8_t opcode, modrm;                      /* the form that does not pop (stores: that pops), ST(i) being ST(1) */
    bool load_st0, load_sti;
    uint8_t i;
    X87Result result;
    uint8_t pops;
    X87Condition condition;
} X87Light;

/** x87_light_find: the short form of an escape opcode and ModRM byte; false: it has none. */
bool x87_light_find(uint8_t opcode, uint8_t modrm, X87Light *out);

/* Of the stub that native_x87_stub() makes: where the short form begins, if there is one. */
#define X87_LIGHT_OFFSET 64
/**
 * A short stub: @mem operand, @st0 and @sti the registers' 10 bytes, @to where a result goes. Returns the status word
 * in bits 0-15 and, for X87_CONDITION_FLAGS, RFLAGS above.
 */
typedef uint64_t X87LightStub(CpuX86 *cpu, void *mem, const void *st0, const void *sti, void *to);

#endif
