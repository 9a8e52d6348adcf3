/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector instructions: whatever computes is executed by the host (native/); this family adds nothing but the wiring and
 * the few that only clear state.
 */
#include "target/i386/native/native.h"

InsnFn *bind_vector(const CpuX86 *cpu, Insn *insn) { return native_bind(cpu, insn); }

static unsigned vector_registers(const CpuX86 *cpu) { return cpu->mode_flags & MODE_CS64 ? 16 : 8; }

static void vzeroupper(CpuX86 *cpu, const Insn *insn)
{
    for (unsigned i = 0; i < vector_registers(cpu); i++) {
        memset(cpu->fpu.zmm[i] + 16, 0, 48);
    }
}

static void vzeroall(CpuX86 *cpu, const Insn *insn) { memset(cpu->fpu.zmm, 0, 64 * vector_registers(cpu)); }

InsnFn *bind_vzero(const CpuX86 *cpu, Insn *insn) { return insn_row(insn)->op == OP_VZEROALL ? vzeroall : vzeroupper; }
