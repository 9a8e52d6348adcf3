/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions as text (AT&T syntax), for monitors, logs and reports. */
#ifndef TARGET_I386_SYSTEM_DISASSEMBLE_H
#define TARGET_I386_SYSTEM_DISASSEMBLE_H

#include "target/i386/cpu.h"

/** cpu_disassemble: appends the instruction in @code (@len bytes), which lies at @addr, to @out. Its length; 0: none. */
unsigned cpu_disassemble(const CpuX86 *cpu, uint64_t addr, const uint8_t *code, size_t len, GString *out);

#endif
