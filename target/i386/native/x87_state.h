/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x87 stack as the vCPU keeps it: an FXSAVE image, ST(0) first, with the abridged tag word by physical register.
 * Shared by the x87, MMX and state-saving families.
 */
#ifndef TARGET_I386_NATIVE_X87_STATE_H
#define TARGET_I386_NATIVE_X87_STATE_H

#include "target/i386/cpu.h"

enum {
    FSW_IE = 1 << 0, FSW_DE = 1 << 1, FSW_ZE = 1 << 2, FSW_OE = 1 << 3, FSW_UE = 1 << 4, FSW_PE = 1 << 5,
    FSW_SF = 1 << 6, FSW_ES = 1 << 7, FSW_TOP_SHIFT = 11, FSW_TOP = 7 << 11, FSW_B = 1 << 15,
    FSW_EXCEPTIONS = 0x3f, FOP_MASK = 0x7ff, FCW_MASKS = 0x3f, FCW_INIT = 0x37f
};

static inline unsigned x87_top(const CpuX86 *cpu) { return (cpu->fpu.fx.fsw & FSW_TOP) >> FSW_TOP_SHIFT; }

/** x87_check_pending: reports an unmasked exception of an earlier instruction: #MF, or FERR# if CR0.NE is 0. */
void x87_check_pending(CpuX86 *cpu);
/** x87_ferr_hook: raises the board's IRQ 13 (FERR#); set by the board. NULL: nobody listens. */
extern void (*x87_ferr_hook)(CpuX86 *cpu);
/** x87_update_summary: ES and B from the exceptions and their masks, after either was loaded. */
void x87_update_summary(CpuX86 *cpu);
/** x87_enter_mmx: what every MMX instruction but EMMS does first: #MF if pending, TOP 0, all registers valid. */
void x87_enter_mmx(CpuX86 *cpu);
/** x87_mmx_written: the exponent of a written MMX register reads as all ones through the x87. */
static inline void x87_mmx_written(CpuX86 *cpu, unsigned number)
{
    cpu->fpu.fx.st[number][8] = cpu->fpu.fx.st[number][9] = 0xff;
}
/** x87_init: as FNINIT. */
void x87_init(CpuX86 *cpu);
/** x87_full_tags: the two-bit tag word of FSTENV. */
uint16_t x87_full_tags(const CpuX86 *cpu);

#endif
