/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that all blocks of a vCPU share.
 *
 *   enter        C -> block: guest registers and flags into the host's
 *   exit         block -> C: and back; r11d: code_site() of the exit; exit_saved: flags are saved already; exit_rcx: so is
 *                RCX, flags are not
 *   return_miss  a RET found something else on the host's stack; r11d: code_site(EXIT_INDIRECT)
 *   slow         a check failed: r10, r11 as it left them. Returns to a jump to try again, behind which is SlowData
 *   interpret    the instruction of code_site() r11d runs in C; returns, or leaves to who called enter
 *   risk         the same after a fault; SlowData lies behind a jump to what follows
 *   gates        one for each state of vector and x87 registers that a block may want; they keep everything
 *
 * slow, risk and interpret find the flags in Translator.flags (but for one kind of slow) and leave them both there and in
 * EFLAGS. All return by RET, with the stack as it was, so that the host foresees that and the guest's returns.
 */
#include "target/i386/native/native.h"
#include "target/i386/native/x87_state.h"
#include "target/i386/translate/translate.h"

#define CPU_OFF(field) ((int32_t)offsetof(CpuX86, field))
#define CPU(field) HOST_BASE(H_R10, CPU_OFF(field))
#define JIT(field) HOST_EXEC(JIT_OFF(field))

typedef struct Stubs {
    Emitter *e;
    Translator *jit;
    uint8_t *save_vectors, *spill, *gate_tables, *load_gates;
} Stubs;

static const uint8_t caller_saved[] = { H_RAX, H_RCX, H_RDX, H_RSI, H_RDI, H_R8, H_R9 };
static const uint8_t callee_saved[] = { H_RBX, H_RBP, H_R12, H_R13, H_R14 };
static const uint8_t in_memory[] = { R_R10, R_R11, R_R15 };

static void move_registers(Emitter *e, const uint8_t *which, unsigned count, bool store)
{
    for (unsigned i = 0; i < count; i++) {
        HostMem at = HOST_BASE(H_R10, CPU_OFF(regs) + 8 * which[i]);
        (store ? emit_store64 : emit_load64)(e, which[i], at);
    }
}

/* r10: the vCPU. What is called by C's rules is stored already or not. Spoils r11. */
static void store_rest(Emitter *e)
{
    move_registers(e, callee_saved, sizeof callee_saved, true);
    emit_store64(e, H_R15, CPU(regs[R_RSP]));
    for (unsigned i = 0; i < 3; i++) {
        emit_load64(e, H_R11, HOST_EXEC(JIT_OFF(regs) + 8 * (int)i));
        emit_store64(e, H_R11, HOST_BASE(H_R10, CPU_OFF(regs) + 8 * in_memory[i]));
    }
}

static void load_all(Emitter *e)
{
    for (unsigned i = 0; i < 3; i++) {
        emit_load64(e, H_R11, HOST_BASE(H_R10, CPU_OFF(regs) + 8 * in_memory[i]));
        emit_store64(e, H_R11, HOST_EXEC(JIT_OFF(regs) + 8 * (int)i));
    }
    emit_op_mem(e, (HostOp){ .opcode = 0xb7, .map = 1 }, H_RAX, JIT(flags));     /* movzx eax; add al, 7f; sahf */
    EMIT(e, 0x04, 0x7f, 0x9e);
    move_registers(e, caller_saved, sizeof caller_saved, false);
    move_registers(e, callee_saved, sizeof callee_saved, false);
    emit_load64(e, H_R15, CPU(regs[R_RSP]));
}

/* Below what the function needs itself: two entries that no RET matches, so that the one above the first can be looked at. */
enum { STACK_BOTTOM = 32, STACK_BYTES = 512 * 16 };

static void emit_return_to_c(Emitter *e)
{
    emit_load64(e, H_RSP, JIT(stack_begin));
    EMIT(e, 0x48, 0x83, 0xc4, 8 + STACK_BOTTOM, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
}

static void emit_call_to(Emitter *e, const uint8_t *target)
{
    emit_patch32(emit_call(e), target);
}

/* Short forward jumps inside stubs. */
static uint8_t *jump_short(Emitter *e, uint8_t opcode)
{
    EMIT(e, opcode, 0);
    return e->at - 1;
}
static void land(Emitter *e, uint8_t *place)
{
    *place = e->at - (place + 1);
}
enum { JB = 0x72, JE = 0x74, JNE = 0x75, JMP = 0xeb };

/* OP byte [fpu_loaded], value. An operation: opcode, and what ModRM.reg says. */
typedef enum ByteOp { OR = 0x8001, AND = 0x8004, CMP = 0x8007, SET = 0xc600, TEST = 0xf600 } ByteOp;
static void on_fpu_loaded(Emitter *e, ByteOp op, uint8_t value)
{
    emit_op_mem(e, (HostOp){ .opcode = op >> 8 }, op & 7, JIT(fpu_loaded));
    emit8(e, value);
}

/* Vector registers of one level, to or from CpuX86.fpu. */
static void move_vectors(Emitter *e, unsigned level, bool store)
{
    unsigned count = level == FPU_ZMM ? 32 : 16;

    for (unsigned i = 0; i < count; i++) {
        HostMem at = HOST_BASE(H_R10, CPU_OFF(fpu.zmm) + 64 * (int)i);
        uint8_t opcode = store ? 0x11 : 0x10;
        if (level == FPU_XMM) {
            emit_op_mem(e, (HostOp){ .opcode = opcode, .map = 1 }, i, at);
        } else if (level == FPU_YMM) {
            EMIT(e, 0xc4, (i & 8 ? 0 : 0x80) | 0x40 | 1, 0x7c, opcode);         /* B is for r10 */
            emit_modrm_mem(e, i, &at, true);
        } else {
            EMIT(e, 0x62, (i & 8 ? 0 : 0x80) | 0x40 | (i & 16 ? 0 : 0x10) | 1, 0x7c, 0x48, opcode);
            emit_modrm_mem(e, i, &at, true);
        }
    }
    for (unsigned i = 0; level == FPU_ZMM && i < 8; i++) {
        HostMem at = HOST_BASE(H_R10, CPU_OFF(fpu.k) + 8 * (int)i);
        EMIT(e, 0xc4, 0xc1, native_host_has(FEATURE_AVX512BW) ? 0xf8 : 0x78, store ? 0x91 : 0x90);
        emit_modrm_mem(e, i, &at, true);
    }
}

static bool level_exists(unsigned level)
{
    return level <= FPU_XMM || (level == FPU_YMM && native_host_has(FEATURE_AVX)) ||
           (level == FPU_ZMM && native_host_has(FEATURE_AVX512F));
}

/* Stores the level that is loaded. r10: the vCPU; spoils flags. */
static void emit_save_vectors(Stubs *s)
{
    Emitter *e = s->e;

    s->save_vectors = e->at;
    for (unsigned level = FPU_XMM; level <= FPU_ZMM; level++) {
        if (level_exists(level)) {
            uint8_t *other;
            on_fpu_loaded(e, CMP, level);
            other = emit_jcc(e, 5);
            move_vectors(e, level, true);
            emit8(e, 0xc3);
            emit_patch32(other, e->at);
        }
    }
    emit8(e, 0xc3);
}

/* xsave64 or xrstor64 of the x87 component; spoils rax, rdx. */
static void emit_x87_state(Emitter *e, bool store)
{
    EMIT(e, 0x31, 0xd2, 0xb8, 1, 0, 0, 0);
    emit_op_mem(e, (HostOp){ .opcode = 0xae, .map = 1, .w = true }, store ? 4 : 5, CPU(fpu.fx));
}

/* All of it to CpuX86.fpu, and the host's own control words. r10: the vCPU; spoils rax, rdx, r11, flags. */
static void emit_spill(Stubs *s)
{
    Emitter *e = s->e;
    uint8_t *none;

    s->spill = e->at;
    on_fpu_loaded(e, TEST, FPU_LEVEL);
    none = jump_short(e, JE);
    emit_op_mem(e, (HostOp){ .opcode = 0xb6, .map = 1 }, H_R11, HOST_EXEC(JIT_OFF(fpu_loaded)));
    on_fpu_loaded(e, AND, FPU_LEVEL);           /* to compare */
    emit_call_to(e, s->save_vectors);
    emit_op_mem(e, (HostOp){ .opcode = 0x88 }, H_R11, HOST_EXEC(JIT_OFF(fpu_loaded)));
    emit_op_mem(e, (HostOp){ .opcode = 0xae, .map = 1 }, 3, CPU(fpu.mxcsr));
    emit_op_mem(e, (HostOp){ .opcode = 0xae, .map = 1 }, 2, JIT(host_mxcsr));
    if (level_exists(FPU_YMM)) {
        EMIT(e, 0xc5, 0xf8, 0x77);              /* vzeroupper */
    }
    land(e, none);
    on_fpu_loaded(e, TEST, FPU_X87);
    none = emit_jcc(e, 4);
    /* The pointers that hardware keeps are host addresses: the guest's stay what they were. */
    emit_load64(e, H_R11, CPU(fpu.fx.fip));
    emit_store64(e, H_R11, HOST_EXEC(JIT_OFF(spare[4])));
    emit_load64(e, H_R11, CPU(fpu.fx.fdp));
    emit_store64(e, H_R11, HOST_EXEC(JIT_OFF(spare[5])));
    emit_op_mem(e, (HostOp){ .opcode = 0xb7, .map = 1 }, H_R11, CPU(fpu.fx.fop));
    emit_x87_state(e, true);
    EMIT(e, 0xdb, 0xe3);                        /* fninit */
    emit_op_mem(e, (HostOp){ .opcode = 0x89, .opsize = true }, H_R11, CPU(fpu.fx.fop));
    emit_load64(e, H_R11, HOST_EXEC(JIT_OFF(spare[4])));
    emit_store64(e, H_R11, CPU(fpu.fx.fip));
    emit_load64(e, H_R11, HOST_EXEC(JIT_OFF(spare[5])));
    emit_store64(e, H_R11, CPU(fpu.fx.fdp));
    emit_patch32(none, e->at);
    on_fpu_loaded(e, SET, 0);
    /* falls into: gates for the state in fpu_loaded */
    s->load_gates = e->at;
    emit_op_mem(e, (HostOp){ .opcode = 0xb6, .map = 1 }, H_RAX, JIT(fpu_loaded));
    EMIT(e, 0xc1, 0xe0, 6);                     /* shl eax, 6 */
    EMIT(e, 0x4c, 0x8d, 0x1d);                  /* lea r11, [rip + gate_tables] */
    emit32(e, s->gate_tables - (e->at + 4));
    EMIT(e, 0x49, 0x01, 0xc3);                  /* add r11, rax */
    for (unsigned i = 0; i < FPU_STATES; i++) {
        emit_load64(e, H_RAX, HOST_BASE(H_R11, 8 * (int)i));
        emit_store64(e, H_RAX, HOST_EXEC(JIT_OFF(gate) + 8 * (int)i));
    }
    emit8(e, 0xc3);
}

/* The gate of @need when it is not satisfied. Keeps all but r10, r11. */
static uint8_t *emit_gate(Stubs *s, unsigned need)
{
    Emitter *e = s->e;
    uint8_t *start = e->at, *skip;
    unsigned level = need & FPU_LEVEL;

    emit_store64(e, H_RAX, JIT(spare[0]));
    EMIT(e, 0x9f, 0x0f, 0x90, 0xc0);            /* lahf; seto al */
    emit_store32(e, H_RAX, JIT(spare[1]));
    emit_store64(e, H_RDX, JIT(spare[2]));
    emit_load64(e, H_R10, JIT(cpu));
    if (level) {
        emit_op_mem(e, (HostOp){ .opcode = 0xb6, .map = 1 }, H_RAX, JIT(fpu_loaded));
        EMIT(e, 0x83, 0xe0, FPU_LEVEL, 0x83, 0xf8, level);      /* and eax, FPU_LEVEL; cmp eax, level */
        skip = emit_jcc(e, 3);
        emit_op_mem(e, (HostOp){ .opcode = 0xb6, .map = 1 }, H_R11, JIT(fpu_loaded));
        emit_op_mem(e, (HostOp){ .opcode = 0x88 }, H_RAX, JIT(fpu_loaded));      /* the level alone, for the comparisons */
        emit_call_to(e, s->save_vectors);
        on_fpu_loaded(e, CMP, 0);               /* MXCSR is loaded with any level */
        uint8_t *loaded = jump_short(e, JNE);
        emit_op_mem(e, (HostOp){ .opcode = 0xae, .map = 1 }, 2, CPU(fpu.mxcsr));
        land(e, loaded);
        move_vectors(e, level, false);
        EMIT(e, 0x41, 0x83, 0xe3, FPU_X87, 0x41, 0x83, 0xcb, level);    /* and r11d, FPU_X87; or r11d, level */
        emit_op_mem(e, (HostOp){ .opcode = 0x88 }, H_R11, JIT(fpu_loaded));
        emit_patch32(skip, e->at);
    }
    if (need & FPU_X87) {
        on_fpu_loaded(e, TEST, FPU_X87);
        skip = emit_jcc(e, 5);
        EMIT(e, 0x49, 0xc7, 0x82);              /* mov qword [r10 + xsave_header], 1: the component is there */
        emit32(e, CPU_OFF(fpu.xsave_header));
        emit32(e, 1);
        emit_x87_state(e, false);
        on_fpu_loaded(e, OR, FPU_X87);
        emit_patch32(skip, e->at);
    }
    emit_call_to(e, s->load_gates);
    emit_load32(e, H_RAX, JIT(spare[1]));
    EMIT(e, 0x04, 0x7f, 0x9e);                  /* add al, 7f; sahf */
    emit_load64(e, H_RAX, JIT(spare[0]));
    emit_load64(e, H_RDX, JIT(spare[2]));
    emit8(e, 0xc3);
    return start;
}

static void emit_gates(Stubs *s)
{
    Emitter *e = s->e;
    Translator *jit = s->jit;
    const ptrdiff_t to_run = jit->run - jit->write;
    uint8_t *tables = e->at, *satisfied, *gate[FPU_STATES];

    s->gate_tables = tables;
    e->at += FPU_STATES * FPU_STATES * sizeof(void *);
    satisfied = e->at;
    emit8(e, 0xc3);
    emit_save_vectors(s);
    emit_spill(s);
    for (unsigned need = 0; need < FPU_STATES; need++) {
        gate[need] = need && level_exists(need & FPU_LEVEL) ? emit_gate(s, need) : satisfied;
    }
    for (unsigned state = 0; state < FPU_STATES; state++) {
        for (unsigned need = 0; need < FPU_STATES; need++) {
            bool ok = (need & FPU_LEVEL) <= (state & FPU_LEVEL) && (need & FPU_X87) <= (state & FPU_X87);
            void *at = (ok ? satisfied : gate[need]) + to_run;
            memcpy(tables + (state * FPU_STATES + need) * sizeof at, &at, sizeof at);
            if (state == FPU_NONE) {
                jit->gate[need] = at;
            }
        }
    }
}

/* void enter(CpuX86 *cpu, const void *code) */
static void emit_enter(Emitter *e)
{
    EMIT(e, 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57, 0x48, 0x83, 0xec, 8);
    EMIT(e, 0x6a, 0, 0x6a, 0, 0x6a, 0, 0x6a, 0);                        /* push 0 */
    emit_store64(e, H_RSP, JIT(stack_begin));
    emit_lea64(e, H_R11, HOST_BASE(H_RSP, -STACK_BYTES));
    emit_store64(e, H_R11, JIT(stack_limit));
    emit_mov64(e, H_R10, H_RDI);
    emit_store64(e, H_RSI, JIT(spare[3]));
    load_all(e);
    emit_op_mem(e, (HostOp){ .opcode = 0xff }, 4, JIT(spare[3]));        /* jmp [spare3] */
}

enum { SITE_MASK = ~SITE_NUMBER };
_Static_assert(SITE_NUMBER < INT8_MAX + 1 && SITE_BLOCK_SHIFT == 1, "the instructions below");

/* r10 = the block of code_site() r11d; r11d = the number. Spoils EFLAGS. */
static void emit_take_site(Emitter *e)
{
    emit_mov32(e, H_R10, H_R11);
    EMIT(e, 0x41, 0x83, 0xe2, (uint8_t)SITE_MASK, 0x41, 0xd1, 0xea);            /* and r10d, SITE_MASK; shr r10d, 1 */
    emit_op_mem(e, OP64(0x03), H_R10, HOST_EXEC(offsetof(CpuExec, arena)));
    EMIT(e, 0x41, 0x83, 0xe3, SITE_NUMBER);                                     /* and r11d, SITE_NUMBER */
}

/* lahf; seto al; to Translator.flags. RAX is kept. */
static void emit_save_flags(Emitter *e)
{
    emit_store64(e, H_RAX, JIT(spare[SPARE_RCX]));
    EMIT(e, 0x9f, 0x0f, 0x90, 0xc0);
    emit_op_mem(e, (HostOp){ .opcode = 0x89, .opsize = true }, H_RAX, JIT(flags));
    emit_load64(e, H_RAX, JIT(spare[SPARE_RCX]));
}

static void emit_exit(Stubs *s, const ptrdiff_t to_run)
{
    Emitter *e = s->e;
    Translator *jit = s->jit;

    jit->exit_rcx_stub = e->at + to_run;
    emit_load64(e, H_RCX, JIT(spare[SPARE_RCX]));
    jit->exit_stub = e->at + to_run;
    emit_save_flags(e);
    jit->exit_saved_stub = e->at + to_run;
    emit_take_site(e);
    emit_store64(e, H_R10, JIT(block));
    emit_store64(e, H_R10, JIT(exit_block));
    emit_store32(e, H_R11, JIT(exit_index));
    emit_load64(e, H_R10, JIT(cpu));
    move_registers(e, caller_saved, sizeof caller_saved, true);
    store_rest(e);
    emit_call_to(e, s->spill);
    emit_return_to_c(e);
}

/* The host's stack says otherwise: perhaps one CALL has not been returned from (CALL and POP); else by the table. */
static void emit_return_miss(Stubs *s, unsigned table, const ptrdiff_t to_run)
{
    Emitter *e = s->e;
    uint8_t *other, *empty, *miss;

    s->jit->return_miss_stub[table] = e->at + to_run;
    emit_store32(e, H_R11, JIT(spare[SPARE_SITE]));
    emit_load64(e, H_R11, JIT(return_key));
    EMIT(e, 0x4d, 0x01, 0xd3);                                                  /* add r11, r10 */
    emit_op_mem(e, OP64(0x3b), H_RSP, JIT(stack_begin));
    empty = jump_short(e, JE);
    emit_lea64(e, H_RSP, HOST_BASE(H_RSP, 16));
    emit_op_mem(e, OP64(0x3b), H_R11, HOST_BASE(H_RSP, 8));
    other = jump_short(e, JNE);
    emit8(e, 0xc3);
    land(e, other);
    land(e, empty);
    miss = emit_lookup(e, table, false);
    emit_patch32(miss, e->at);
    emit_load32(e, H_R11, JIT(spare[SPARE_SITE]));
    emit_patch32(emit_jmp(e), s->jit->exit_saved_stub - to_run);
}

/* To the common part at @common, as one check left it. */
static void emit_slow_entry(Stubs *s, unsigned table, bool write, const uint8_t *common, const ptrdiff_t to_run)
{
    const int32_t tags = (int32_t)(table * sizeof ((CpuExec *)0)->tlb[0]) +
                         (int32_t)(write ? offsetof(TlbEntry, write_tag) : offsetof(TlbEntry, read_tag));
    const void **stub = s->jit->slow_stub[table][write];
    Emitter *e = s->e;

    stub[true] = e->at + to_run;
    emit_save_flags(e);
    stub[false] = e->at + to_run;
    emit_op_mem(e, OP64(0x33), H_R10, HOST_EXEC_AT(H_R11, tags));              /* the linear address again */
    emit_patch32(emit_jmp(e), common);
}

static void emit_call_c(Emitter *e, unsigned helper)
{
    EMIT(e, 0x48, 0x83, 0xec, 8);
    emit_op_mem(e, (HostOp){ .opcode = 0xff }, 2, HOST_EXEC(JIT_OFF(helper) + 8 * (int)helper));
    EMIT(e, 0x48, 0x83, 0xc4, 8);
}

static void emit_slow(Stubs *s, const ptrdiff_t to_run)
{
    enum { DATA = 5 };                          /* from the return address */
    const HostMem data = HOST_BASE(H_R11, DATA + offsetof(SlowData, site));
    Emitter *e = s->e;
    Translator *jit = s->jit;
    uint8_t *common = e->at, *failed, *split, *interpret, *nothing, *leave, *jump;

    emit_store64(e, H_R10, JIT(linear));
    emit_load64(e, H_R11, HOST_BASE(H_RSP, 0));
    emit_load32(e, H_R11, data);
    emit_take_site(e);
    emit_store64(e, H_R10, JIT(block));
    emit_load64(e, H_R10, JIT(cpu));
    move_registers(e, caller_saved, sizeof caller_saved, true);
    emit_mov64(e, H_RDI, H_R10);
    emit_load64(e, H_RSI, JIT(linear));
    emit_load64(e, H_RDX, HOST_BASE(H_RSP, 0));
    emit_lea64(e, H_RDX, HOST_BASE(H_RDX, DATA));
    emit_call_c(e, 0);
    emit_load64(e, H_R10, JIT(cpu));
    EMIT(e, 0x83, 0xf8, REFILL_DONE);           /* cmp eax, REFILL_DONE */
    failed = jump_short(e, JB);
    split = jump_short(e, JNE);
    move_registers(e, caller_saved, sizeof caller_saved, false);
    emit_load64(e, H_R10, JIT(linear));
    emit8(e, 0xc3);
    land(e, split);
    move_registers(e, caller_saved, sizeof caller_saved, false);
    emit_load64(e, H_R11, JIT(next_code));
    emit_store64(e, H_R11, HOST_BASE(H_RSP, 0));
    emit8(e, 0xc3);
    land(e, failed);                            /* C has said where it goes on, once it has run there */
    emit_load64(e, H_R11, JIT(next_code));
    emit_store64(e, H_R11, HOST_BASE(H_RSP, 0));
    interpret = emit_jmp(e);

    jit->risk_stub = e->at + to_run;
    emit_load64(e, H_R11, HOST_BASE(H_RSP, 0));
    emit_op_mem(e, (HostOp){ .opcode = 0xb6, .map = 1 }, H_R10, HOST_BASE(H_R11, DATA + sizeof(SlowData) - 1));
    EMIT(e, 0x41, 0xc1, 0xea, 2);               /* shr r10d, 2: beside `write` and `behind` */
    emit_store32(e, H_R10, JIT(further));
    emit_load32(e, H_R11, data);
    uint8_t *site = jump_short(e, JMP);
    jit->interpret_stub = e->at + to_run;
    emit_op_mem(e, OP32(0xc7), 0, JIT(further));                /* mov dword [further], 0 */
    emit32(e, 0);
    land(e, site);
    emit_take_site(e);
    emit_store64(e, H_R10, JIT(block));
    emit_store32(e, H_R11, JIT(number));
    emit_load64(e, H_R10, JIT(cpu));
    move_registers(e, caller_saved, sizeof caller_saved, true);
    emit_patch32(interpret, e->at);
    store_rest(e);
    emit_op_mem(e, (HostOp){ .opcode = 0xb6, .map = 1 }, H_RAX, JIT(fpu_loaded));
    emit_op_mem(e, (HostOp){ .opcode = 0x88 }, H_RAX, JIT(fpu_before));
    EMIT(e, 0x85, 0xc0);
    nothing = jump_short(e, JE);
    emit_call_to(e, s->spill);
    land(e, nothing);
    emit_load64(e, H_RDI, JIT(cpu));
    emit_call_c(e, 1);
    EMIT(e, 0x83, 0xf8, SLOW_LEAVE);            /* cmp eax, SLOW_LEAVE */
    leave = emit_jcc(e, 4);
    jump = emit_jcc(e, 7);
    emit_op_mem(e, (HostOp){ .opcode = 0xb6, .map = 1 }, H_RAX, JIT(fpu_before));
    emit_op_mem(e, (HostOp){ .opcode = 0xff }, 2,
                (HostMem){ .base = H_NONE, .index = H_RAX, .scale = 3, .exec = true, .disp = JIT_OFF(gate) });
    emit_load64(e, H_R10, JIT(cpu));
    load_all(e);
    emit8(e, 0xc3);
    emit_patch32(jump, e->at);
    emit_load64(e, H_R10, JIT(cpu));
    load_all(e);
    emit_load64(e, H_RSP, JIT(stack_begin));     /* it may run in another mode: no CALL is known */
    emit_op_mem(e, (HostOp){ .opcode = 0xff }, 4, JIT(next_code));
    emit_patch32(leave, e->at);
    emit_op_mem(e, OP64(0xc7), 0, JIT(exit_block));             /* mov qword [exit_block], 0 */
    emit32(e, 0);
    emit_return_to_c(e);

    for (unsigned table = 0; table < TLB_COUNT; table++) {
        emit_slow_entry(s, table, false, common, to_run);
        emit_slow_entry(s, table, true, common, to_run);
        emit_return_miss(s, table, to_run);
    }
}

bool stubs_emit(Translator *jit, Emitter *e)
{
    Stubs s = { .e = e, .jit = jit };
    const ptrdiff_t to_run = jit->run - jit->write;

    jit->host_mxcsr = HOST_MXCSR;
    emit_gates(&s);
    jit->enter = (void (*)(CpuX86 *, const void *))(e->at + to_run);
    emit_enter(e);
    emit_exit(&s, to_run);
    emit_slow(&s, to_run);
    return !e->overflow;
}
