/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What monitor commands ask of a CPU: one const table a target (target_x86.c). Under the big lock, any state of the CPU. */
#ifndef MONITOR_TARGET_HOOKS_H
#define MONITOR_TARGET_HOOKS_H

#include "accel/accel.h"

typedef struct MonitorTarget {
    int address_digits;                 /* hexadecimal digits of a virtual address */
    uint64_t (*program_counter)(Cpu *cpu);                      /* as a virtual address */
    bool (*get_register)(Cpu *cpu, const char *name, int64_t *value);   /* false: no such register */
    void (*foreach_register)(void (*fn)(const char *name, void *opaque), void *opaque);
    void (*print_registers)(Cpu *cpu, GString *out);
    void (*print_mem)(Cpu *cpu, GString *out);                  /* mapped ranges */
    void (*print_tlb)(Cpu *cpu, GString *out);                  /* mapped pages */
    void (*print_jit)(Cpu *cpu, GString *out);                  /* the translator's numbers */
    void (*print_apic)(Cpu *cpu, GString *out);                 /* its local interrupt controller */
    Cpu *(*by_apic_id)(uint64_t id);                            /* NULL: there is none of that number */
    bool (*read_virtual)(Cpu *cpu, uint64_t addr, void *buf, size_t len);       /* false: not all mapped */
    bool (*translate)(Cpu *cpu, uint64_t addr, GuestAddr *phys);
    /* Prints one instruction in @code, which lies at @addr, as the CPU's mode reads it; returns its length, 0: none. */
    unsigned (*disassemble)(Cpu *cpu, uint64_t addr, const uint8_t *code, size_t len, GString *out);
    char *(*model_name)(Cpu *cpu);                              /* g_free() */
} MonitorTarget;

extern const MonitorTarget monitor_target;

#endif
