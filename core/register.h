/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Register maps: hardware registers as rows. One row serves dispatch, reset, trace lines, save and load, and tests.
 *
 * A row says where a register is, how wide, which bits a guest may write, which a write of 1 clears, which a read
 * clears, and what else happens. Its value lives in the device's struct (`field`), or nowhere (on_read makes it up).
 * Accesses wider than a register are split into neighbours, narrower ones select bytes (a narrow write merges), unless
 * the row says exact. Two rows may share an offset if one is REG_RO and one REG_WO, or if they are exact and differ in
 * width; an exact match is preferred. A read clears (read_clear) before it calls on_read. No row at an offset: reads
 * give the map's `absent` value, writes are dropped, both logged as guest_error.
 */
#ifndef CORE_REGISTER_H
#define CORE_REGISTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Device Device;
typedef struct Register Register;

typedef enum RegisterAccess { REG_RW, REG_RO, REG_WO } RegisterAccess;

struct Register {
    uint32_t offset;            /* from the start of the map (for ISA `ports` tables: the I/O port) */
    uint8_t width;              /* bytes: 1, 2, 4, 8; 0 ends a table */
    const char *name;           /* the data sheet's */
    RegisterAccess access;
    uint64_t writable;          /* bits a write changes */
    uint64_t write_1_clear;     /* bits a written 1 clears */
    uint64_t read_clear;        /* bits a read clears, after the value is taken */
    uint64_t reset;             /* value after reset */
    uint32_t field;             /* REG_FIELD(S, f): offset in the device's struct plus 1; 0: no storage */
    bool exact;                 /* only accesses of exactly this offset and width reach it; others are as absent */
    uint64_t (*on_read)(Device *dev, uint64_t value);               /* gives what is read instead of @value */
    /* After storing. @value: what is stored now; without storage what was written, masked by a nonzero `writable`. */
    void (*on_write)(Device *dev, uint64_t old, uint64_t value);
};

/* Storage of a register: an unsigned field at least `width` bytes wide. */
#define REG_FIELD(S, f) ((uint32_t)offsetof(S, f) + 1)
#define REG_FIELD_SIZE(S, f) sizeof(((S *)0)->f)

/** registers_read / registers_write: one guest access of @size (1, 2, 4, 8) at @offset of table @regs. */
uint64_t registers_read(const Register *regs, Device *dev, uint32_t offset, unsigned size, uint64_t absent);
void registers_write(const Register *regs, Device *dev, uint32_t offset, unsigned size, uint64_t value);
/** registers_reset: stores every row's reset value; calls no on_write. */
void registers_reset(const Register *regs, Device *dev);

#endif
