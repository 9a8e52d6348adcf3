/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 arithmetic, loads, stores, compares and constants, executed by the host.
 *
 *   short way: all exceptions masked, none pending, tags as needed: only the values used go through the host's stack
 *   long way:  anything else: the whole image is loaded, the instruction run, the image saved
 *   in C:      what only moves bits (FLD ST(i), FXCH, FCHS ...)
 *
 * None of it reports exceptions, so an unmasked one is found in FSW.ES by the next waiting instruction, as on hardware.
 * FIP, FDP and FOP are kept here. insn->imm is packed at bind time: bits 0-10 FOP, then LIGHT_* fields. The stack is
 * kept ST(0) first, so a push or a pop turns it. Spec: Intel SDM volume 1, chapter 8.
 */
#include "target/i386/exec/flags.h"
#include "target/i386/native/native.h"
#include "target/i386/native/vector_mem.h"
#include "target/i386/native/x87_light.h"
#include "target/i386/native/x87_state.h"

enum { FSW_C0 = 1 << 8, FSW_C1 = 1 << 9, FSW_C2 = 1 << 10, FSW_C3 = 1 << 14,
       FSW_CONDITION = FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3 };
enum {
    LIGHT_I_SHIFT = 11, LIGHT_ST0 = 1 << 14, LIGHT_STI = 1 << 15, LIGHT_RESULT_SHIFT = 16,
    LIGHT_POPS_SHIFT = 19,
    LIGHT_CONDITION_SHIFT = 21
};
#define LIGHT_I(insn) ((unsigned)(insn)->imm >> LIGHT_I_SHIFT & 7)
#define LIGHT_RESULT(insn) ((X87Result)((insn)->imm >> LIGHT_RESULT_SHIFT & 7))
#define LIGHT_POPS(insn) ((unsigned)(insn)->imm >> LIGHT_POPS_SHIFT & 3)
#define LIGHT_CONDITION(insn) ((X87Condition)((insn)->imm >> LIGHT_CONDITION_SHIFT & 3))

static void note_pointers(CpuX86 *cpu, const Insn *insn, bool memory, uint64_t off)
{
    FpuState *fpu = &cpu->fpu;

    fpu->fx.fop = insn->imm & FOP_MASK;
    fpu->fx.fip = insn_this_rip(cpu, insn);
    fpu->fcs = cpu->seg[R_CS].selector;
    if (memory) {
        fpu->fx.fdp = off;
        fpu->fds = cpu->seg[insn->seg].selector;
    }
}

/* The long way */

/* Runs the stub and puts right what FXSAVE made of the pointers. Returns the flags. */
static uint64_t execute(CpuX86 *cpu, const Insn *insn, void *mem, bool memory, uint64_t off)
{
    uint64_t fdp = cpu->fpu.fx.fdp, flags = flags_get(cpu) | RFLAGS_FIXED1;
    uint16_t ignored = 0;

    if (UNLIKELY(cpu->fpu.fx.fsw & FSW_ES)) {   /* CR0.NE is clear; the host's own would not run the instruction */
        ignored = cpu->fpu.fx.fsw & ~cpu->fpu.fx.fcw & FSW_EXCEPTIONS;
        cpu->fpu.fx.fsw &= ~(ignored | FSW_ES | FSW_B);
    }
    flags = ((NativeStub *)insn->host)(cpu, mem, (void *)(uintptr_t)flags, NULL, NULL, NULL) >> 8;
    if (UNLIKELY(ignored)) {
        cpu->fpu.fx.fsw |= ignored;
        x87_update_summary(cpu);
    }
    cpu->fpu.fx.fdp = fdp;
    note_pointers(cpu, insn, memory, off);
    return flags;
}

static void long_reg(CpuX86 *cpu, const Insn *insn)
{
    x87_check_pending(cpu);
    execute(cpu, insn, NULL, false, 0);
}

static void long_flags(CpuX86 *cpu, const Insn *insn)
{
    x87_check_pending(cpu);
    flags_put(cpu, execute(cpu, insn, NULL, false, 0));
}

static void long_load(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer;
    const void *mem;

    x87_check_pending(cpu);
    mem = vector_load(cpu, insn, insn->imm2, false, &buffer);
    execute(cpu, insn, (void *)mem, true, insn_ea(cpu, insn));
}

/* An unmasked invalid, overflow or underflow leaves memory alone; a precision exception comes after the store. */
static void long_store(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer;
    uint64_t off = insn_ea(cpu, insn);
    uint16_t suppressed;

    x87_check_pending(cpu);
    cpu_probe_write(cpu, insn->seg, off, insn->imm2);
    execute(cpu, insn, buffer.bytes, true, off);
    suppressed = cpu->fpu.fx.fsw & ~cpu->fpu.fx.fcw & (FSW_IE | FSW_OE | FSW_UE);
    if (!suppressed) {
        cpu_st_bytes(cpu, insn->seg, off, buffer.bytes, insn->imm2);
    }
}

static void long_way(CpuX86 *cpu, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);

    if (!insn_has_mem(insn)) {
        (row->flags_written ? long_flags : long_reg)(cpu, insn);
    } else {
        (row->mem_operand == 0 ? long_store : long_load)(cpu, insn);
    }
}

/* The stack */

static bool valid(const CpuX86 *cpu, unsigned i) { return cpu->fpu.fx.ftw_abridged >> ((x87_top(cpu) + i) & 7) & 1; }

static void set_top(CpuX86 *cpu, unsigned top)
{
    cpu->fpu.fx.fsw = (cpu->fpu.fx.fsw & ~FSW_TOP) | (top & 7) << FSW_TOP_SHIFT;
}

typedef struct StackRegister { uint64_t half[2]; } StackRegister;
typedef struct Stack { StackRegister r[8]; } Stack;

static void pop(CpuX86 *cpu)
{
    Stack *st = (Stack *)cpu->fpu.fx.st, old = *st;
    unsigned top = x87_top(cpu);

    cpu->fpu.fx.ftw_abridged &= ~(1 << top);
    set_top(cpu, top + 1);
    memcpy(st->r, old.r + 1, 7 * sizeof(StackRegister));
    st->r[7] = old.r[0];
}

/* The register that becomes ST(0) must be empty. */
static void push(CpuX86 *cpu, const void *value)
{
    Stack *st = (Stack *)cpu->fpu.fx.st, old = *st;
    unsigned top = (x87_top(cpu) - 1) & 7;

    cpu->fpu.fx.ftw_abridged |= 1 << top;
    set_top(cpu, top);
    memcpy(st->r + 1, old.r, 7 * sizeof(StackRegister));
    st->r[0] = (StackRegister){ { 0 } };
    memcpy(&st->r[0], value, 10);
}

/* The short way */

static ALWAYS_INLINE bool all_masked(const CpuX86 *cpu)
{
    return (cpu->fpu.fx.fcw & FCW_MASKS) == FCW_MASKS && !(cpu->fpu.fx.fsw & FSW_ES);
}

static bool open(const CpuX86 *cpu, const Insn *insn)
{
    return all_masked(cpu) && (!(insn->imm & LIGHT_ST0) || valid(cpu, 0)) &&
           (!(insn->imm & LIGHT_STI) || valid(cpu, LIGHT_I(insn))) &&
           (LIGHT_POPS(insn) < 2 || valid(cpu, 1)) && (LIGHT_RESULT(insn) != X87_RESULT_PUSH || !valid(cpu, 7));
}

static ALWAYS_INLINE uint64_t call_light(CpuX86 *cpu, const Insn *insn, void *mem, void *to)
{
    X87LightStub *stub = (X87LightStub *)((char *)insn->host + X87_LIGHT_OFFSET);

    return stub(cpu, mem, cpu->fpu.fx.st[0], cpu->fpu.fx.st[LIGHT_I(insn)], to);
}

/* Status, flags, pops after the stub. */
static ALWAYS_INLINE void conclude(CpuX86 *cpu, const Insn *insn, uint64_t status)
{
    uint16_t replaced = LIGHT_CONDITION(insn) == X87_CONDITION_ALL ? FSW_CONDITION : FSW_C1;

    cpu->fpu.fx.fsw = (cpu->fpu.fx.fsw & ~replaced) | (status & (replaced | FSW_EXCEPTIONS | FSW_SF));
    if (LIGHT_CONDITION(insn) == X87_CONDITION_FLAGS) {
        flags_put(cpu, status >> 16);
    }
    for (unsigned i = LIGHT_POPS(insn); i; i--) {
        pop(cpu);
    }
}

static void *result_place(CpuX86 *cpu, const Insn *insn)
{
    return cpu->fpu.fx.st[LIGHT_RESULT(insn) == X87_RESULT_STI ? LIGHT_I(insn) : 0];
}

static void light_reg(CpuX86 *cpu, const Insn *insn)
{
    uint64_t status;

    if (UNLIKELY(!open(cpu, insn))) {
        long_way(cpu, insn);
        return;
    }
    status = call_light(cpu, insn, NULL, result_place(cpu, insn));
    note_pointers(cpu, insn, false, 0);
    conclude(cpu, insn, status);
}

static void light_load(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer;
    uint8_t pushed[16];
    bool pushes = LIGHT_RESULT(insn) == X87_RESULT_PUSH;
    const void *mem;
    uint64_t status;

    if (UNLIKELY(!open(cpu, insn))) {
        long_way(cpu, insn);
        return;
    }
    mem = vector_load(cpu, insn, insn->imm2, false, &buffer);
    status = call_light(cpu, insn, (void *)mem, pushes ? pushed : result_place(cpu, insn));
    note_pointers(cpu, insn, true, insn_ea(cpu, insn));
    if (pushes) {
        push(cpu, pushed);
    }
    conclude(cpu, insn, status);
}

static void light_store(CpuX86 *cpu, const Insn *insn)
{
    uint8_t value[16];
    uint64_t status;

    if (UNLIKELY(!open(cpu, insn))) {
        long_way(cpu, insn);
        return;
    }
    status = call_light(cpu, insn, value, NULL);
    vector_store(cpu, insn, value, insn->imm2, false);
    note_pointers(cpu, insn, true, insn_ea(cpu, insn));
    conclude(cpu, insn, status);
}

/* In C: C1 becomes 0, no exception can come */

static void done(CpuX86 *cpu, const Insn *insn)
{
    note_pointers(cpu, insn, false, 0);
    cpu->fpu.fx.fsw &= ~FSW_C1;
}

static void fld_sti(CpuX86 *cpu, const Insn *insn)
{
    if (UNLIKELY(!all_masked(cpu) || !valid(cpu, insn->rm) || valid(cpu, 7))) {
        long_way(cpu, insn);
        return;
    }
    push(cpu, (uint8_t[16]){ 0 });
    memcpy(cpu->fpu.fx.st[0], cpu->fpu.fx.st[(insn->rm + 1) & 7], 16);
    done(cpu, insn);
}

static void fst_sti(CpuX86 *cpu, const Insn *insn)
{
    if (UNLIKELY(!all_masked(cpu) || !valid(cpu, 0))) {
        long_way(cpu, insn);
        return;
    }
    memmove(cpu->fpu.fx.st[insn->rm], cpu->fpu.fx.st[0], 16);
    cpu->fpu.fx.ftw_abridged |= 1 << ((x87_top(cpu) + insn->rm) & 7);
    done(cpu, insn);
    if (insn_row(insn)->op == OP_FSTP) {
        pop(cpu);
    }
}

static void fxch(CpuX86 *cpu, const Insn *insn)
{
    Stack *st = (Stack *)cpu->fpu.fx.st;
    StackRegister old = st->r[0];

    if (UNLIKELY(!all_masked(cpu) || !valid(cpu, 0) || !valid(cpu, insn->rm))) {
        long_way(cpu, insn);
        return;
    }
    st->r[0] = st->r[insn->rm];
    st->r[insn->rm] = old;
    done(cpu, insn);
}

static void fchs(CpuX86 *cpu, const Insn *insn)
{
    if (UNLIKELY(!all_masked(cpu) || !valid(cpu, 0))) {
        long_way(cpu, insn);
        return;
    }
    cpu->fpu.fx.st[0][9] ^= 0x80;
    done(cpu, insn);
}

static void fabs_st0(CpuX86 *cpu, const Insn *insn)
{
    if (UNLIKELY(!all_masked(cpu) || !valid(cpu, 0))) {
        long_way(cpu, insn);
        return;
    }
    cpu->fpu.fx.st[0][9] &= 0x7f;
    done(cpu, insn);
}

static void push_constant(CpuX86 *cpu, const Insn *insn)
{
    static const uint8_t one[10] = { 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f }, zero[10];

    if (UNLIKELY(!all_masked(cpu) || valid(cpu, 7))) {
        long_way(cpu, insn);
        return;
    }
    push(cpu, insn_row(insn)->op == OP_FLD1 ? one : zero);
    done(cpu, insn);
}

static void fld_m80(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer;
    const void *mem;

    if (UNLIKELY(!all_masked(cpu) || valid(cpu, 7))) {
        long_way(cpu, insn);
        return;
    }
    mem = vector_load(cpu, insn, 10, false, &buffer);
    done(cpu, insn);
    note_pointers(cpu, insn, true, insn_ea(cpu, insn));
    push(cpu, mem);
}

static void fstp_m80(CpuX86 *cpu, const Insn *insn)
{
    if (UNLIKELY(!all_masked(cpu) || !valid(cpu, 0))) {
        long_way(cpu, insn);
        return;
    }
    vector_store(cpu, insn, cpu->fpu.fx.st[0], 10, false);
    done(cpu, insn);
    note_pointers(cpu, insn, true, insn_ea(cpu, insn));
    pop(cpu);
}

static InsnFn *in_c(const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    bool memory = insn_has_mem(insn);

    switch (row->op) {
    case OP_FLD: return !memory ? fld_sti : insn->imm2 == 10 ? fld_m80 : NULL;
    case OP_FST: return !memory ? fst_sti : NULL;
    case OP_FSTP: return !memory ? fst_sti : insn->imm2 == 10 ? fstp_m80 : NULL;
    case OP_FXCH: return fxch;
    case OP_FCHS: return fchs;
    case OP_FABS: return fabs_st0;
    case OP_FLD1: case OP_FLDZ: return push_constant;
    }
    return NULL;
}

/* The ModRM byte follows the only escape opcode; prefixes are never D8 to DF. */
static uint8_t modrm_of(const Insn *insn)
{
    for (unsigned i = 0; i + 1 < insn->length; i++) {
        if ((insn->bytes[i] & 0xf8) == 0xd8) {
            return insn->bytes[i + 1];
        }
    }
    return 0;
}

InsnFn *bind_x87(const CpuX86 *cpu, Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    uint8_t modrm = modrm_of(insn);
    bool memory = insn_has_mem(insn);
    X87Light light;
    InsnFn *fn;

    insn->host = native_x87_stub(row->opcode, modrm);
    insn->imm = (row->opcode & 7) << 8 | modrm;
    if (!insn->host) {
        return NULL;
    }
    insn->imm2 = memory ? insn_operand_bytes(cpu, insn, row->mem_operand) : 0;
    fn = in_c(insn);
    if (fn) {
        return fn;
    }
    if (!x87_light_find(row->opcode, modrm, &light)) {
        return long_way;
    }
    insn->imm |= light.i << LIGHT_I_SHIFT | (light.load_st0 ? LIGHT_ST0 : 0) | (light.load_sti ? LIGHT_STI : 0) |
                 light.result << LIGHT_RESULT_SHIFT | light.pops << LIGHT_POPS_SHIFT |
                     light.condition << LIGHT_CONDITION_SHIFT;
    return !memory ? light_reg : light.result == X87_RESULT_MEMORY ? light_store : light_load;
}
