/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 arithmetic, loads, stores, compares and constants, executed by the host with the guest's whole x87 state loaded.
 *
 * The stub loads cpu->fpu.fx, runs the instruction and stores the image back; none of that reports exceptions, so an
 * unmasked one is found in FSW.ES by the next waiting instruction, as on hardware. FIP, FDP and FOP are kept here.
 * insn->imm holds FOP. Spec: Intel SDM volume 1, chapter 8.
 */
#include "target/i386/exec/flags.h"
#include "target/i386/native/native.h"
#include "target/i386/native/vector_mem.h"
#include "target/i386/native/x87_state.h"

/* Runs the stub and puts right what FXSAVE made of the pointers. Returns the flags. */
static uint64_t execute(CpuX86 *cpu, const Insn *insn, void *mem, bool memory, uint64_t off)
{
    FpuState *fpu = &cpu->fpu;
    uint64_t fdp = fpu->fx.fdp, flags = flags_get(cpu) | RFLAGS_FIXED1;

    flags = ((NativeStub *)insn->host)(cpu, mem, (void *)(uintptr_t)flags, NULL, NULL, NULL) >> 8;
    fpu->fx.fop = insn->imm;
    fpu->fx.fip = insn_this_rip(cpu, insn);
    fpu->fcs = cpu->seg[R_CS].selector;
    fpu->fx.fdp = fdp;
    if (memory) {
        fpu->fx.fdp = off;
        fpu->fds = cpu->seg[insn->seg].selector;
    }
    return flags;
}

static void x87_reg(CpuX86 *cpu, const Insn *insn)
{
    x87_check_pending(cpu);
    execute(cpu, insn, NULL, false, 0);
}

static void x87_flags(CpuX86 *cpu, const Insn *insn)
{
    x87_check_pending(cpu);
    flags_put(cpu, execute(cpu, insn, NULL, false, 0));
}

static void x87_load(CpuX86 *cpu, const Insn *insn)
{
    VectorBuffer buffer;
    const void *mem;

    x87_check_pending(cpu);
    mem = vector_load(cpu, insn, insn->imm2, false, &buffer);
    execute(cpu, insn, (void *)mem, true, insn_ea(cpu, insn));
}

/* An unmasked invalid, overflow or underflow leaves memory alone; an unmasked precision exception comes after the store. */
static void x87_store(CpuX86 *cpu, const Insn *insn)
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

    insn->host = native_x87_stub(row->opcode, modrm);
    insn->imm = (row->opcode & 7) << 8 | modrm;
    if (!insn->host) {
        return NULL;
    }
    if (!insn_has_mem(insn)) {
        return row->flags_written ? x87_flags : x87_reg;
    }
    insn->imm2 = insn_operand_bytes(cpu, insn, row->mem_operand);
    return row->mem_operand == 0 ? x87_store : x87_load;
}
