/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IN and OUT. A port access may change what the vCPU must do next (an SMI, a reset, A20), so the block ends after it if something
 * was asked of the vCPU. Spec: SDM vol. 2 IN, OUT; vol. 1 chapter 19 (I/O permission bitmap).
 */
#include "target/i386/exec/exec.h"
#include "target/i386/insn/operand.h"

static void after_io(CpuX86 *cpu)
{
    if (__atomic_load_n(&cpu->cpu.interrupt_request, __ATOMIC_RELAXED) | __atomic_load_n(&cpu->cpu.exit_request, __ATOMIC_RELAXED)) {
        exec_end_block_soon(cpu);
    }
}

static void in(CpuX86 *cpu, const Insn *insn, uint16_t port)
{
    uint64_t value;

    cpu_check_io(cpu, port, insn->size);
    value = memory_load(address_space_io(), port, insn->size, MEMTXATTRS_NONE, NULL);
    reg_write(cpu, insn->size * 8, R_RAX, value);
    after_io(cpu);
}

static void out(CpuX86 *cpu, const Insn *insn, uint16_t port)
{
    cpu_check_io(cpu, port, insn->size);
    memory_store(address_space_io(), port, insn->size, reg_read(cpu, insn->size * 8, R_RAX), MEMTXATTRS_NONE, NULL);
    after_io(cpu);
}

static void in_imm(CpuX86 *cpu, const Insn *insn) { in(cpu, insn, (uint8_t)insn->imm); }
static void in_dx(CpuX86 *cpu, const Insn *insn) { in(cpu, insn, (uint16_t)cpu->regs[R_RDX]); }
static void out_imm(CpuX86 *cpu, const Insn *insn) { out(cpu, insn, (uint8_t)insn->imm); }
static void out_dx(CpuX86 *cpu, const Insn *insn) { out(cpu, insn, (uint16_t)cpu->regs[R_RDX]); }

InsnFn *bind_io(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->opcode) {
    case 0xe4: case 0xe5: return in_imm;
    case 0xec: case 0xed: return in_dx;
    case 0xe6: case 0xe7: return out_imm;
    case 0xee: case 0xef: return out_dx;
    default: return NULL;
    }
}
