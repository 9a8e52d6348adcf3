/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-64 machine code, one instruction at a time. Knows nothing of guests.
 *
 * Code is written at `at`, a writable alias of memory that runs at `at + to_exec`. What does not fit is dropped and
 * noted in `overflow`: the caller looks once, at the end. Spec: Intel SDM volume 2, chapter 2.
 */
#ifndef TARGET_I386_TRANSLATE_EMIT_H
#define TARGET_I386_TRANSLATE_EMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { H_RAX, H_RCX, H_RDX, H_RBX, H_RSP, H_RBP, H_RSI, H_RDI, H_R8, H_R9, H_R10, H_R11, H_R12, H_R13, H_R14, H_R15,
       H_NONE = 0xff };

typedef struct Emitter {
    uint8_t *at, *limit;
    bool overflow;
    int32_t exec;                               /* address, in the lowest 2 GiB, that operands may be relative to */
} Emitter;

/* A memory operand: base + index << scale + disp, and Emitter.exec if `exec`; either register may be H_NONE. */
typedef struct HostMem { uint8_t base, index, scale; bool exec; int32_t disp; } HostMem;
#define HOST_BASE(b, d) ((HostMem){ .base = (b), .index = H_NONE, .disp = (d) })
#define HOST_EXEC(d) ((HostMem){ .base = H_NONE, .index = H_NONE, .exec = true, .disp = (d) })
#define HOST_EXEC_AT(b, d) ((HostMem){ .base = (b), .index = H_NONE, .exec = true, .disp = (d) })

/* Everything of an instruction but its operands. */
typedef struct HostOp {
    uint8_t opcode, map;                        /* map: 0 one byte, 1 0F, 2 0F38, 3 0F3A */
    uint8_t rep;                                /* F2, F3 or 0 */
    bool opsize, w, lock;
    bool rex;                                   /* a byte operand is SPL, BPL, SIL or DIL: needs a REX prefix */
} HostOp;
#define OP64(op) ((HostOp){ .opcode = (op), .w = true })
#define OP32(op) ((HostOp){ .opcode = (op) })

static inline void emit8(Emitter *e, uint8_t byte)
{
    if (__builtin_expect(e->at < e->limit, 1)) {
        *e->at++ = byte;
    } else {
        e->overflow = true;
    }
}

static inline void emit_bytes(Emitter *e, const void *bytes, unsigned count)
{
    if (__builtin_expect(e->at + count <= e->limit, 1)) {
        memcpy(e->at, bytes, count);
        e->at += count;
    } else {
        e->overflow = true;
    }
}
static inline void emit16(Emitter *e, uint16_t v) { emit_bytes(e, &v, 2); }
static inline void emit32(Emitter *e, uint32_t v) { emit_bytes(e, &v, 4); }
static inline void emit64(Emitter *e, uint64_t v) { emit_bytes(e, &v, 8); }
#define EMIT(e, ...) emit_bytes(e, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static inline void emit_head(Emitter *e, const HostOp *op, uint8_t rex)
{
    rex |= op->w ? 8 : 0;
    if (op->lock) {
        emit8(e, 0xf0);
    }
    if (op->opsize) {
        emit8(e, 0x66);
    }
    if (op->rep) {
        emit8(e, op->rep);
    }
    if (rex || op->rex) {
        emit8(e, 0x40 | rex);
    }
    if (op->map) {
        emit8(e, 0x0f);
        if (op->map > 1) {
            emit8(e, op->map == 2 ? 0x38 : 0x3a);
        }
    }
    emit8(e, op->opcode);
}

/* ModRM, SIB and displacement; @no_disp8: no 8-bit form (EVEX would scale it). */
static inline void emit_modrm_mem(Emitter *e, unsigned reg, const HostMem *m, bool no_disp8)
{
    const int32_t disp = m->disp + (m->exec ? e->exec : 0);
    unsigned mod, r = (reg & 7) << 3;

    if (m->base == H_NONE) {
        unsigned index = m->index == H_NONE ? 4 : m->index & 7;
        emit8(e, r | 4);
        emit8(e, m->scale << 6 | index << 3 | 5);
        emit32(e, disp);
        return;
    }
    mod = disp == 0 && (m->base & 7) != 5 ? 0 : disp == (int8_t)disp && !no_disp8 ? 1 : 2;
    if (m->index != H_NONE || (m->base & 7) == 4) {
        unsigned index = m->index == H_NONE ? 4 : m->index & 7;
        emit8(e, mod << 6 | r | 4);
        emit8(e, m->scale << 6 | index << 3 | (m->base & 7));
    } else {
        emit8(e, mod << 6 | r | (m->base & 7));
    }
    if (mod == 1) {
        emit8(e, disp);
    } else if (mod == 2) {
        emit32(e, disp);
    }
}

static inline uint8_t rex_of_mem(unsigned reg, const HostMem *m)
{
    return (reg & 8 ? 4 : 0) | (m->index != H_NONE && m->index & 8 ? 2 : 0) | (m->base != H_NONE && m->base & 8 ? 1 : 0);
}

static inline void emit_op_mem(Emitter *e, HostOp op, unsigned reg, HostMem m)
{
    emit_head(e, &op, rex_of_mem(reg, &m));
    emit_modrm_mem(e, reg, &m, false);
}

static inline void emit_op_reg(Emitter *e, HostOp op, unsigned reg, unsigned rm)
{
    emit_head(e, &op, (reg & 8 ? 4 : 0) | (rm & 8 ? 1 : 0));
    emit8(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* None of these touches the flags. */
static inline void emit_load64(Emitter *e, unsigned reg, HostMem m) { emit_op_mem(e, OP64(0x8b), reg, m); }
static inline void emit_store64(Emitter *e, unsigned reg, HostMem m) { emit_op_mem(e, OP64(0x89), reg, m); }
static inline void emit_load32(Emitter *e, unsigned reg, HostMem m) { emit_op_mem(e, OP32(0x8b), reg, m); }
static inline void emit_store32(Emitter *e, unsigned reg, HostMem m) { emit_op_mem(e, OP32(0x89), reg, m); }
static inline void emit_lea64(Emitter *e, unsigned reg, HostMem m) { emit_op_mem(e, OP64(0x8d), reg, m); }
static inline void emit_mov64(Emitter *e, unsigned to, unsigned from) { emit_op_reg(e, OP64(0x8b), to, from); }
static inline void emit_mov32(Emitter *e, unsigned to, unsigned from) { emit_op_reg(e, OP32(0x8b), to, from); }

static inline void emit_imm64(Emitter *e, unsigned reg, uint64_t value)
{
    if (value <= UINT32_MAX) {
        emit_head(e, &(HostOp){ .opcode = 0xb8 | (reg & 7) }, reg & 8 ? 1 : 0);
        emit32(e, value);
    } else if ((int64_t)value == (int32_t)value) {
        emit_op_reg(e, OP64(0xc7), 0, reg);
        emit32(e, value);
    } else {
        emit_head(e, &OP64(0xb8 | (reg & 7)), reg & 8 ? 1 : 0);
        emit64(e, value);
    }
}

static inline void emit_imm32(Emitter *e, unsigned reg, uint32_t value) { emit_imm64(e, reg, value); }

enum { CC_E = 4, CC_NE, CC_BE, CC_A };         /* condition codes */

/* Jumps: the place of the 32-bit displacement is returned, to be set by emit_patch32(). */
static inline uint8_t *emit_jmp(Emitter *e)
{
    emit8(e, 0xe9);
    emit32(e, 0);
    return e->at - 4;
}
static inline uint8_t *emit_jcc(Emitter *e, unsigned cc)
{
    EMIT(e, 0x0f, 0x80 | cc);
    emit32(e, 0);
    return e->at - 4;
}
static inline uint8_t *emit_call(Emitter *e)
{
    emit8(e, 0xe8);
    emit32(e, 0);
    return e->at - 4;
}
/** emit_patch32: the displacement at @place leads to @target; both in the writable alias. */
static inline void emit_patch32(uint8_t *place, const uint8_t *target)
{
    int32_t distance = target - (place + 4);
    memcpy(place, &distance, 4);
}

#endif
