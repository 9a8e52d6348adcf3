/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 control instructions in C: control and status words, environment, FSAVE image.
 *
 * The environment has four layouts, by operand size and by real or protected mode; in 64-bit mode those of protected
 * mode hold. Spec: Intel SDM volume 1, figures 8-9 to 8-12.
 */
#include "target/i386/access.h"
#include "target/i386/insn-gen.h"
#include "target/i386/native/x87_state.h"

enum { FCW_FIXED = 0x40, FCW_WRITABLE = 0x1f3f, ST_BYTES = 10 };

static void put16(uint8_t *p, uint16_t value) { memcpy(p, &value, 2); }
static void put32(uint8_t *p, uint32_t value) { memcpy(p, &value, 4); }
static uint16_t get16(const uint8_t *p)
{
    uint16_t value;

    memcpy(&value, p, 2);
    return value;
}
static uint32_t get32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, 4);
    return value;
}

static bool real_layout(const CpuX86 *cpu) { return !(cpu->mode_flags & MODE_PE) || cpu->mode_flags & MODE_VM86; }

/* Writes the environment and returns its length: 14 or 28. */
static unsigned make_environment(const CpuX86 *cpu, const Insn *insn, uint8_t *env)
{
    const FpuState *f = &cpu->fpu;
    bool real = real_layout(cpu);
    uint32_t ip = (uint32_t)f->fx.fip, dp = (uint32_t)f->fx.fdp;
    uint16_t tags = x87_full_tags(cpu);

    if (real) {
        ip += f->fcs << 4;
        dp += f->fds << 4;
    }
    if (insn->size == 2) {
        put16(env, f->fx.fcw);
        put16(env + 2, f->fx.fsw);
        put16(env + 4, tags);
        put16(env + 6, ip);
        put16(env + 8, real ? (ip >> 16 & 0xf) << 12 | (f->fx.fop & FOP_MASK) : f->fcs);
        put16(env + 10, dp);
        put16(env + 12, real ? (dp >> 16 & 0xf) << 12 : f->fds);
        return 14;
    }
    put32(env, 0xffff0000 | f->fx.fcw);
    put32(env + 4, 0xffff0000 | f->fx.fsw);
    put32(env + 8, 0xffff0000 | tags);
    if (real) {
        put32(env + 12, 0xffff0000 | (uint16_t)ip);
        put32(env + 16, (ip >> 16) << 12 | (f->fx.fop & FOP_MASK));
        put32(env + 20, 0xffff0000 | (uint16_t)dp);
        put32(env + 24, (dp >> 16) << 12);
    } else {
        put32(env + 12, ip);
        put32(env + 16, (uint32_t)(f->fx.fop & FOP_MASK) << 16 | f->fcs);
        put32(env + 20, dp);
        put32(env + 24, 0xffff0000 | f->fds);
    }
    return 28;
}

/* The tag word by physical register in two bits -> one bit. */
static uint8_t abridge(uint16_t tags)
{
    uint8_t abridged = 0;

    for (unsigned i = 0; i < 8; i++) {
        abridged |= (tags >> (2 * i) & 3) != 3 ? 1 << i : 0;
    }
    return abridged;
}

/* The stack registers stay where they are physically while TOP changes. */
static void set_status(CpuX86 *cpu, uint16_t fsw)
{
    unsigned turn = ((fsw & FSW_TOP) >> FSW_TOP_SHIFT) - x87_top(cpu);
    uint8_t st[8][16];

    memcpy(st, cpu->fpu.fx.st, sizeof st);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(cpu->fpu.fx.st[i], st[(i + turn) & 7], 16);
    }
    cpu->fpu.fx.fsw = fsw;
}

static void load_environment(CpuX86 *cpu, const Insn *insn, const uint8_t *env)
{
    FpuState *f = &cpu->fpu;
    bool narrow = insn->size == 2, real = real_layout(cpu);
    unsigned step = narrow ? 2 : 4;
    uint32_t word[7];

    for (unsigned i = 0; i < 7; i++) {
        word[i] = narrow ? get16(env + 2 * i) : get32(env + 4 * i);
    }
    f->fx.fcw = (word[0] & FCW_WRITABLE) | FCW_FIXED;
    set_status(cpu, word[1]);
    f->fx.ftw_abridged = abridge(word[2]);
    if (real) {
        f->fx.fip = (uint16_t)word[3] | (step == 2 ? word[4] >> 12 : word[4] >> 12 & 0xffff) << 16;
        f->fx.fdp = (uint16_t)word[5] | (step == 2 ? word[6] >> 12 : word[6] >> 12 & 0xffff) << 16;
        f->fx.fop = word[4] & FOP_MASK;
        f->fcs = f->fds = 0;
    } else {
        f->fx.fip = word[3];
        f->fcs = word[4];
        f->fx.fdp = word[5];
        f->fds = word[6];
        f->fx.fop = narrow ? 0 : word[4] >> 16 & FOP_MASK;
    }
    x87_update_summary(cpu);
}

static void fnstenv(CpuX86 *cpu, const Insn *insn)
{
    uint8_t env[28];
    unsigned bytes = make_environment(cpu, insn, env);

    cpu_st_bytes(cpu, insn->seg, insn_ea(cpu, insn), env, bytes);
    cpu->fpu.fx.fcw |= FCW_MASKS;
    x87_update_summary(cpu);
}

static void fldenv(CpuX86 *cpu, const Insn *insn)
{
    uint8_t env[28];

    x87_check_pending(cpu);
    cpu_ld_bytes(cpu, insn->seg, insn_ea(cpu, insn), env, insn->size == 2 ? 14 : 28);
    load_environment(cpu, insn, env);
}

static void fnsave(CpuX86 *cpu, const Insn *insn)
{
    uint8_t image[28 + 8 * ST_BYTES];
    unsigned bytes = make_environment(cpu, insn, image);

    for (unsigned i = 0; i < 8; i++, bytes += ST_BYTES) {
        memcpy(image + bytes, cpu->fpu.fx.st[i], ST_BYTES);
    }
    cpu_st_bytes(cpu, insn->seg, insn_ea(cpu, insn), image, bytes);
    x87_init(cpu);
}

static void frstor(CpuX86 *cpu, const Insn *insn)
{
    uint8_t image[28 + 8 * ST_BYTES];
    unsigned env = insn->size == 2 ? 14 : 28;

    x87_check_pending(cpu);
    cpu_ld_bytes(cpu, insn->seg, insn_ea(cpu, insn), image, env + 8 * ST_BYTES);
    load_environment(cpu, insn, image);
    for (unsigned i = 0; i < 8; i++) {
        memset(cpu->fpu.fx.st[i], 0, 16);
        memcpy(cpu->fpu.fx.st[i], image + env + i * ST_BYTES, ST_BYTES);
    }
}

static void fldcw(CpuX86 *cpu, const Insn *insn)
{
    uint16_t value;

    x87_check_pending(cpu);
    value = cpu_ld16(cpu, insn->seg, insn_ea(cpu, insn));
    cpu->fpu.fx.fcw = (value & FCW_WRITABLE) | FCW_FIXED;
    x87_update_summary(cpu);
}

static void fnstcw(CpuX86 *cpu, const Insn *insn) { cpu_st16(cpu, insn->seg, insn_ea(cpu, insn), cpu->fpu.fx.fcw); }
static void fnstsw_mem(CpuX86 *cpu, const Insn *insn) { cpu_st16(cpu, insn->seg, insn_ea(cpu, insn), cpu->fpu.fx.fsw); }
static void fnstsw_ax(CpuX86 *cpu, const Insn *insn)
{
    cpu->regs[R_RAX] = (cpu->regs[R_RAX] & ~0xffffull) | cpu->fpu.fx.fsw;
}
static void fnclex(CpuX86 *cpu, const Insn *insn) { cpu->fpu.fx.fsw &= ~(FSW_EXCEPTIONS | FSW_SF | FSW_ES | FSW_B); }
static void fninit(CpuX86 *cpu, const Insn *insn) { x87_init(cpu); }
static void fwait(CpuX86 *cpu, const Insn *insn) { x87_check_pending(cpu); }
static void nothing(CpuX86 *cpu, const Insn *insn) { }

InsnFn *bind_x87control(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_FWAIT:
        return (cpu->mode_flags & (MODE_MP | MODE_TS)) == (MODE_MP | MODE_TS) ? insn_nm : fwait;
    case OP_FLDCW: return fldcw;
    case OP_FNSTCW: return fnstcw;
    case OP_FNSTSW: return insn_has_mem(insn) ? fnstsw_mem : fnstsw_ax;
    case OP_FNCLEX: return fnclex;
    case OP_FNINIT: return fninit;
    case OP_FLDENV: return fldenv;
    case OP_FNSTENV: return fnstenv;
    case OP_FRSTOR: return frstor;
    case OP_FNSAVE: return fnsave;
    }
    return nothing;                             /* FENI, FDISI, FSETPM of older coprocessors */
}
