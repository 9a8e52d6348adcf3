/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FXSAVE, XSAVE and their relatives; LDMXCSR and STMXCSR. All in C on guest memory.
 *
 * A restore reads the whole area before it changes any register, so a fault leaves the state as it was. A save stores
 * what the instruction defines and leaves the other bytes of the area as they were. Spec: Intel SDM volume 1, chapters
 * 10.5 and 13.
 */
#include "target/i386/native/xstate.h"

#include "target/i386/access.h"
#include "target/i386/exec/exec.h"
#include "target/i386/insn-gen.h"
#include "target/i386/native/x87_state.h"

enum { FX_MXCSR = 24, FX_ST = 32, FX_XMM = 160, HEADER_XSTATE_BV = 512, HEADER_XCOMP_BV = 520 };
#define BIT(component) (1ull << (component))

const XstateComponent xstate_components[XSTATE_COUNT] = {
    [XSTATE_X87] = { 0, 160, false },
    [XSTATE_SSE] = { FX_XMM, 256, false },
    [XSTATE_AVX] = { 576, 256, false },
    [XSTATE_OPMASK] = { 1088, 64, false },
    [XSTATE_ZMM_HI256] = { 1152, 512, false },
    [XSTATE_HI16_ZMM] = { 1664, 1024, false },
    [XSTATE_PKRU] = { 2688, 8, false },
};

/* Offset of component @i in an area that holds @mask. */
static unsigned component_offset(unsigned i, uint64_t mask, bool compacted)
{
    unsigned offset = XSAVE_LEGACY_BYTES + XSAVE_HEADER_BYTES;

    if (!compacted || i < XSTATE_AVX) {
        return xstate_components[i].offset;
    }
    for (unsigned j = XSTATE_AVX; j <= i; j++) {
        if (mask & BIT(j)) {
            offset = xstate_components[j].align64 ? (offset + 63) & ~63u : offset;
            if (j == i) {
                break;
            }
            offset += xstate_components[j].bytes;
        }
    }
    return offset;
}

unsigned xstate_bytes(uint64_t mask, bool compacted)
{
    unsigned bytes = XSAVE_LEGACY_BYTES + XSAVE_HEADER_BYTES;

    for (unsigned i = XSTATE_AVX; i < XSTATE_COUNT; i++) {
        if (mask & BIT(i)) {
            bytes = MAX(bytes, component_offset(i, mask, compacted) + xstate_components[i].bytes);
        }
    }
    return bytes;
}

static bool all_zero(const void *p, size_t bytes)
{
    const uint8_t *b = p;

    for (size_t i = 0; i < bytes; i++) {
        if (b[i]) {
            return false;
        }
    }
    return true;
}

static bool component_in_use(const CpuX86 *cpu, unsigned i)
{
    const FpuState *f = &cpu->fpu;

    switch (i) {
    case XSTATE_X87:
        return f->fx.fcw != FCW_INIT || f->fx.fsw || f->fx.ftw_abridged || f->fx.fop || f->fx.fip || f->fx.fdp ||
               f->fcs || f->fds || !all_zero(f->fx.st, sizeof f->fx.st);
    case XSTATE_SSE:
        for (unsigned r = 0; r < 16; r++) {
            if (!all_zero(f->zmm[r], 16)) {
                return true;
            }
        }
        return false;
    case XSTATE_AVX:
        for (unsigned r = 0; r < 16; r++) {
            if (!all_zero(f->zmm[r] + 16, 16)) {
                return true;
            }
        }
        return false;
    case XSTATE_ZMM_HI256:
        for (unsigned r = 0; r < 16; r++) {
            if (!all_zero(f->zmm[r] + 32, 32)) {
                return true;
            }
        }
        return false;
    case XSTATE_OPMASK: return !all_zero(f->k, sizeof f->k);
    case XSTATE_HI16_ZMM: return !all_zero(f->zmm[16], 1024);
    case XSTATE_PKRU: return f->pkru;
    }
    return false;
}

uint64_t xstate_in_use(const CpuX86 *cpu, uint64_t mask)
{
    uint64_t in_use = 0;

    for (unsigned i = 0; i < XSTATE_COUNT; i++) {
        if (mask & BIT(i) && component_in_use(cpu, i)) {
            in_use |= BIT(i);
        }
    }
    return in_use;
}

static bool wide_pointers(const CpuX86 *cpu, const Insn *insn)
{
    return cpu->mode_flags & MODE_CS64 && insn->prefixes & INSN_REXW;
}

static unsigned vector_registers(const CpuX86 *cpu) { return cpu->mode_flags & MODE_CS64 ? 16 : 8; }

/* The first 24 bytes of the legacy area, and the stack. */
static void pack_x87(const CpuX86 *cpu, const Insn *insn, uint8_t *area)
{
    const FpuState *f = &cpu->fpu;

    memset(area, 0, FX_MXCSR);
    memcpy(area, &f->fx.fcw, 2);
    memcpy(area + 2, &f->fx.fsw, 2);
    area[4] = f->fx.ftw_abridged;
    memcpy(area + 6, &f->fx.fop, 2);
    if (wide_pointers(cpu, insn)) {
        memcpy(area + 8, &f->fx.fip, 8);
        memcpy(area + 16, &f->fx.fdp, 8);
    } else {
        memcpy(area + 8, &f->fx.fip, 4);
        memcpy(area + 12, &f->fcs, 2);
        memcpy(area + 16, &f->fx.fdp, 4);
        memcpy(area + 20, &f->fds, 2);
    }
    for (unsigned i = 0; i < 8; i++) {
        memset(area + FX_ST + 16 * i, 0, 16);
        memcpy(area + FX_ST + 16 * i, f->fx.st[i], 10);
    }
}

static void unpack_x87(CpuX86 *cpu, const Insn *insn, const uint8_t *area)
{
    FpuState *f = &cpu->fpu;

    memcpy(&f->fx.fcw, area, 2);
    memcpy(&f->fx.fsw, area + 2, 2);
    f->fx.fcw = (f->fx.fcw & 0x1f3f) | 0x40;
    f->fx.ftw_abridged = area[4];
    memcpy(&f->fx.fop, area + 6, 2);
    f->fx.fop &= 0x7ff;
    f->fx.fip = f->fx.fdp = 0;
    f->fcs = f->fds = 0;
    if (wide_pointers(cpu, insn)) {
        memcpy(&f->fx.fip, area + 8, 8);
        memcpy(&f->fx.fdp, area + 16, 8);
    } else {
        memcpy(&f->fx.fip, area + 8, 4);
        memcpy(&f->fcs, area + 12, 2);
        memcpy(&f->fx.fdp, area + 16, 4);
        memcpy(&f->fds, area + 20, 2);
    }
    for (unsigned i = 0; i < 8; i++) {
        memset(f->fx.st[i], 0, 16);
        memcpy(f->fx.st[i], area + FX_ST + 16 * i, 10);
    }
    x87_update_summary(cpu);
}

static void pack_mxcsr(const CpuX86 *cpu, uint8_t *area)
{
    const uint32_t words[2] = { cpu->fpu.mxcsr, MXCSR_WRITABLE };

    memcpy(area + FX_MXCSR, words, 8);
}

static uint32_t mxcsr_of(const uint8_t *area)
{
    uint32_t mxcsr;

    memcpy(&mxcsr, area + FX_MXCSR, 4);
    return mxcsr;
}

static uint64_t aligned_address(CpuX86 *cpu, const Insn *insn, unsigned align)
{
    uint64_t off = insn_ea(cpu, insn);

    if (cpu_linear(cpu, insn->seg, off, 1, false) & (align - 1)) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    return off;
}

/* FXSAVE leaves XMM out where the system has not enabled SSE, or under EFER.FFXSR at CPL 0 in 64-bit mode. */
static bool fx_has_sse(const CpuX86 *cpu)
{
    return cpu->mode_flags & MODE_OSFXSR &&
           !(cpu->msr.efer & EFER_FFXSR && cpu->mode_flags & MODE_CS64 && !(cpu->mode_flags & MODE_CPL));
}

static void fxsave(CpuX86 *cpu, const Insn *insn)
{
    uint64_t off = aligned_address(cpu, insn, 16);
    unsigned bytes = FX_XMM;
    uint8_t area[XSAVE_LEGACY_BYTES];

    pack_x87(cpu, insn, area);
    pack_mxcsr(cpu, area);
    if (fx_has_sse(cpu)) {
        for (unsigned i = 0; i < vector_registers(cpu); i++, bytes += 16) {
            memcpy(area + bytes, cpu->fpu.zmm[i], 16);
        }
    }
    cpu_probe_write(cpu, insn->seg, off, XSAVE_LEGACY_BYTES);
    cpu_st_bytes(cpu, insn->seg, off, area, bytes);
}

static void fxrstor(CpuX86 *cpu, const Insn *insn)
{
    uint64_t off = aligned_address(cpu, insn, 16);
    uint8_t area[XSAVE_LEGACY_BYTES];
    bool sse = cpu->mode_flags & MODE_OSFXSR;

    cpu_ld_bytes(cpu, insn->seg, off, area, sizeof area);
    if (sse && mxcsr_of(area) & ~MXCSR_WRITABLE) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    unpack_x87(cpu, insn, area);
    if (sse) {
        cpu->fpu.mxcsr = mxcsr_of(area);
    }
    if (fx_has_sse(cpu)) {
        for (unsigned i = 0; i < vector_registers(cpu); i++) {
            memcpy(cpu->fpu.zmm[i], area + FX_XMM + 16 * i, 16);
        }
    }
}

InsnFn *bind_fxsave(const CpuX86 *cpu, Insn *insn)
{
    if (cpu->mode_flags & (MODE_TS | MODE_EM)) {
        return insn_nm;
    }
    return insn_row(insn)->op == OP_FXSAVE ? fxsave : fxrstor;
}

/* Copies component @i between the registers and its place. SSE and beyond; x87 has its own functions. */
static void copy_component(CpuX86 *cpu, unsigned i, uint8_t *at, bool save)
{
    FpuState *f = &cpu->fpu;
    unsigned first = i == XSTATE_HI16_ZMM ? 16 : 0, skip = 0, bytes = 16;
    unsigned registers = cpu->mode_flags & MODE_CS64 ? 16 : i == XSTATE_HI16_ZMM ? 0 : 8;

    switch (i) {
    case XSTATE_OPMASK:
        memcpy(save ? (void *)at : f->k, save ? f->k : (void *)at, sizeof f->k);
        return;
    case XSTATE_PKRU:
        memcpy(save ? (void *)at : &f->pkru, save ? &f->pkru : (void *)at, 4);
        return;
    case XSTATE_AVX: skip = 16; break;
    case XSTATE_ZMM_HI256: skip = 32; bytes = 32; break;
    case XSTATE_HI16_ZMM: bytes = 64; break;
    }
    for (unsigned r = 0; r < registers; r++, at += bytes) {
        uint8_t *reg = f->zmm[first + r] + skip;

        memcpy(save ? at : reg, save ? reg : at, bytes);
    }
}

static void init_component(CpuX86 *cpu, unsigned i)
{
    static const uint8_t zero[1024];

    if (i == XSTATE_X87) {
        x87_init(cpu);
        memset(cpu->fpu.fx.st, 0, sizeof cpu->fpu.fx.st);
    } else {
        copy_component(cpu, i, (uint8_t *)zero, false);
    }
}

/* Components that the instruction is asked for and may touch. */
static uint64_t requested(const CpuX86 *cpu, bool supervisor)
{
    uint64_t mask = (uint32_t)cpu->regs[R_RAX] | cpu->regs[R_RDX] << 32;

    return mask & (cpu->xcr0 | (supervisor ? cpu->msr.xss : 0));
}

/* XSAVE, XSAVEOPT: standard format. XSAVEC, XSAVES: compacted, components in their initial state left out. */
static void xsave(CpuX86 *cpu, const Insn *insn)
{
    unsigned op = insn_row(insn)->op;
    bool compacted = op == OP_XSAVEC || op == OP_XSAVES;
    uint64_t off = aligned_address(cpu, insn, 64), mask = requested(cpu, op == OP_XSAVES);
    uint64_t in_use = xstate_in_use(cpu, mask);
    uint64_t header[8] = { 0 };
    unsigned bytes = xstate_bytes(mask, compacted);
    uint8_t area[XSAVE_MAX_BYTES];

    if (compacted && mask & BIT(XSTATE_SSE) && cpu->fpu.mxcsr != MXCSR_INIT) {
        in_use |= BIT(XSTATE_SSE);
    }
    cpu_ld_bytes(cpu, insn->seg, off, area, bytes);     /* keeps what the instruction does not define */
    cpu_probe_write(cpu, insn->seg, off, bytes);
    memcpy(header, area + HEADER_XSTATE_BV, sizeof header);
    if (compacted) {
        memset(header, 0, sizeof header);
        header[0] = in_use;
        header[1] = mask | XCOMP_COMPACT;
    } else {
        header[0] = (header[0] & ~mask) | in_use;
    }
    for (unsigned i = 0; i < XSTATE_COUNT; i++) {
        bool skip_initial = op != OP_XSAVE && !(in_use & BIT(i));

        if (!(mask & BIT(i)) || skip_initial) {
            continue;
        }
        if (i == XSTATE_X87) {
            pack_x87(cpu, insn, area);
        } else {
            copy_component(cpu, i, area + component_offset(i, mask, compacted), true);
        }
    }
    if (compacted ? in_use & BIT(XSTATE_SSE) : mask & (BIT(XSTATE_SSE) | BIT(XSTATE_AVX))) {
        pack_mxcsr(cpu, area);
    }
    memcpy(area + HEADER_XSTATE_BV, header, compacted ? sizeof header : 8);
    cpu_st_bytes(cpu, insn->seg, off, area, bytes);
}

static void xrstor(CpuX86 *cpu, const Insn *insn)
{
    bool supervisor = insn_row(insn)->op == OP_XRSTORS, compacted;
    uint64_t off = aligned_address(cpu, insn, 64), mask = requested(cpu, supervisor), allowed;
    uint64_t header[8], saved, layout;
    uint8_t area[XSAVE_MAX_BYTES];
    bool bad, load_mxcsr;

    allowed = cpu->xcr0 | (supervisor ? cpu->msr.xss : 0);
    cpu_ld_bytes(cpu, insn->seg, off, area, XSAVE_LEGACY_BYTES + XSAVE_HEADER_BYTES);
    memcpy(header, area + HEADER_XSTATE_BV, sizeof header);
    saved = header[0];
    compacted = header[1] & XCOMP_COMPACT;
    if (compacted) {
        layout = header[1] & ~XCOMP_COMPACT;
        bad = !cpu_has(cpu, FEATURE_XSAVEC) || layout & ~allowed || saved & ~layout || !all_zero(header + 2, 48);
    } else {
        bad = supervisor || saved & ~cpu->xcr0 || header[1] || header[2];
    }
    if (bad) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    if (compacted) {
        load_mxcsr = mask & saved & BIT(XSTATE_SSE);
    } else {
        load_mxcsr = mask & (BIT(XSTATE_SSE) | BIT(XSTATE_AVX));
    }
    if (load_mxcsr && mxcsr_of(area) & ~MXCSR_WRITABLE) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    layout = compacted ? header[1] & ~XCOMP_COMPACT : mask & saved;
    cpu_ld_bytes(cpu, insn->seg, off, area, xstate_bytes(layout, compacted));
    for (unsigned i = 0; i < XSTATE_COUNT; i++) {
        if (!(mask & BIT(i))) {
            continue;
        }
        if (!(saved & BIT(i))) {
            init_component(cpu, i);
        } else if (i == XSTATE_X87) {
            unpack_x87(cpu, insn, area);
        } else {
            copy_component(cpu, i, area + component_offset(i, layout, compacted), false);
        }
    }
    if (load_mxcsr) {
        cpu->fpu.mxcsr = mxcsr_of(area);
    } else if (compacted && mask & BIT(XSTATE_SSE)) {
        cpu->fpu.mxcsr = MXCSR_INIT;
    }
    if (mask & BIT(XSTATE_PKRU)) {
        cpu_pkru_changed(cpu);
    }
}

InsnFn *bind_xsave(const CpuX86 *cpu, Insn *insn)
{
    unsigned op = insn_row(insn)->op;

    return op == OP_XRSTOR || op == OP_XRSTORS ? xrstor : xsave;
}

static void ldmxcsr(CpuX86 *cpu, const Insn *insn)
{
    uint32_t value = cpu_ld32(cpu, insn->seg, insn_ea(cpu, insn));

    if (value & ~MXCSR_WRITABLE) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    cpu->fpu.mxcsr = value;
}

static void stmxcsr(CpuX86 *cpu, const Insn *insn) { cpu_st32(cpu, insn->seg, insn_ea(cpu, insn), cpu->fpu.mxcsr); }

InsnFn *bind_mxcsr(const CpuX86 *cpu, Insn *insn)
{
    return insn_row(insn)->op == OP_LDMXCSR || insn_row(insn)->op == OP_VLDMXCSR ? ldmxcsr : stmxcsr;
}
