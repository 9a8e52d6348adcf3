/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gdb's remote protocol: a debugger on a character device stops the machine, looks at vCPUs and memory, and lets it go on.
 *
 * Main loop, under the big lock. One server; its client may come and go, and stops the machine when it comes.
 */
#ifndef MONITOR_GDB_H
#define MONITOR_GDB_H

#include "accel/accel.h"

/** gdb_server_start: serves on @device (as -serial; "tcp::1234" listens), instead of where it did before; "none" ends it. */
bool gdb_server_start(const char *device, GError **err);

/* What of it is the target's: one const table (gdb_x86.c). Registers are those of the description, in its order. */
typedef struct GdbTarget {
    const char *(*describe)(Cpu *cpu);          /* target.xml; lives on */
    unsigned (*register_count)(Cpu *cpu);
    /* Appends register @n, little-endian, to @out; false: there is none. */
    bool (*read_register)(Cpu *cpu, unsigned n, GByteArray *out);
    /* Sets it from @data; returns the bytes taken, 0: there is none, or @len is less. What must not change stays as it is. */
    unsigned (*write_register)(Cpu *cpu, unsigned n, const uint8_t *data, size_t len);
    void (*set_pc)(Cpu *cpu, uint64_t pc);
    bool (*read_memory)(Cpu *cpu, uint64_t addr, void *buf, size_t len);        /* by linear address; false: not all is mapped */
    bool (*write_memory)(Cpu *cpu, uint64_t addr, const void *buf, size_t len);
} GdbTarget;
extern const GdbTarget gdb_target;

#endif
