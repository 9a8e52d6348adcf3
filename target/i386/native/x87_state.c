/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The x87 stack and its status, apart from arithmetic. Spec: Intel SDM volume 1, chapters 8 and 9. */
#include "target/i386/native/x87_state.h"

void (*x87_ferr_hook)(CpuX86 *cpu);

void x87_update_summary(CpuX86 *cpu)
{
    uint16_t pending = cpu->fpu.fx.fsw & ~cpu->fpu.fx.fcw & FSW_EXCEPTIONS;

    cpu->fpu.fx.fsw = (cpu->fpu.fx.fsw & ~(FSW_ES | FSW_B)) | (pending ? FSW_ES | FSW_B : 0);
}

void x87_check_pending(CpuX86 *cpu)
{
    if (__builtin_expect(!(cpu->fpu.fx.fsw & FSW_ES), 1)) {
        return;
    }
    if (cpu->cr0 & CR0_NE) {
        cpu_raise(cpu, VECTOR_MF);
    }
    if (x87_ferr_hook) {
        /* IRQ 13 is the board's; the instruction goes on meanwhile, IGNNE# set */
        x87_ferr_hook(cpu);
    }
}

/* Rotate the stack so that physical register 0 comes first. */
static void rotate_to_physical(CpuX86 *cpu)
{
    unsigned top = x87_top(cpu);
    uint8_t st[8][16];

    if (!top) {
        return;
    }
    memcpy(st, cpu->fpu.fx.st, sizeof st);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(cpu->fpu.fx.st[(i + top) & 7], st[i], 16);
    }
}

void x87_enter_mmx(CpuX86 *cpu)
{
    x87_check_pending(cpu);
    rotate_to_physical(cpu);
    cpu->fpu.fx.fsw &= ~FSW_TOP;
    cpu->fpu.fx.ftw_abridged = 0xff;
}

void x87_init(CpuX86 *cpu)
{
    rotate_to_physical(cpu);                    /* TOP becomes 0; the registers keep their contents */
    cpu->fpu.fx.fcw = FCW_INIT;
    cpu->fpu.fx.fsw = 0;
    cpu->fpu.fx.ftw_abridged = 0;
    cpu->fpu.fx.fop = 0;
    cpu->fpu.fx.fip = 0;
    cpu->fpu.fx.fdp = 0;
    cpu->fpu.fcs = 0;
    cpu->fpu.fds = 0;
}

uint16_t x87_full_tags(const CpuX86 *cpu)
{
    uint16_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *st = cpu->fpu.fx.st[(i - x87_top(cpu)) & 7];
        unsigned exponent = (st[8] | st[9] << 8) & 0x7fff, tag;
        uint64_t mantissa;

        memcpy(&mantissa, st, 8);
        if (!(cpu->fpu.fx.ftw_abridged >> i & 1)) {
            tag = 3;                            /* empty */
        } else if (exponent == 0 && mantissa == 0) {
            tag = 1;                            /* zero */
        } else if (exponent == 0 || exponent == 0x7fff || !(mantissa >> 63)) {
            tag = 2;                            /* special */
        } else {
            tag = 0;
        }
        tags |= tag << (2 * i);
    }
    return tags;
}
