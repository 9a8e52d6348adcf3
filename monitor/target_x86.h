/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of the x86 table of target_hooks.h. */
#ifndef MONITOR_TARGET_X86_H
#define MONITOR_TARGET_X86_H

#include "target/i386/cpu.h"

void x86_print_mem(Cpu *cpu, GString *out);
void x86_print_tlb(Cpu *cpu, GString *out);

#endif
