/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which x87 instructions have a short form. Spec: AMD APM volume 5; opcode maps D8 to DF. */
#include "target/i386/native/x87_light.h"

enum { FCOM = 2, FCOMP = 3 };

/* FADD, FMUL, FCOM, FCOMP, FSUB, FSUBR, FDIV, FDIVR by ModRM.reg, with a memory operand of any kind or ST(i). */
static void arithmetic(X87Light *x, unsigned operation, bool memory)
{
    x->load_st0 = true;
    x->load_sti = !memory;
    x->pops = operation == FCOMP;
    if (operation == FCOM || operation == FCOMP) {
        x->condition = X87_CONDITION_ALL;
        x->modrm = (x->modrm & ~0x38) | FCOM << 3;
    } else {
        x->result = X87_RESULT_ST0;
    }
}

static void compare(X87Light *x, uint8_t opcode, uint8_t modrm, unsigned i, unsigned pops, X87Condition condition)
{
    *x = (X87Light){ .opcode = opcode, .modrm = modrm, .load_st0 = true, .load_sti = true, .i = i, .pops = pops,
                     .condition = condition };
}

static bool find_memory(uint8_t opcode, unsigned operation, X87Light *x)
{
    switch (opcode) {
    case 0xd8: case 0xda: case 0xdc: case 0xde:
        arithmetic(x, operation, true);
        return true;
    }
    switch (operation) {
    case 0:
        x->result = X87_RESULT_PUSH;
        return true;
    case 1:                                     /* FISTTP; D9 /1 is no instruction */
        x->load_st0 = true;
        x->result = X87_RESULT_MEMORY;
        x->pops = 1;
        return opcode != 0xd9;
    case 2: case 3:
        x->load_st0 = true;
        x->result = X87_RESULT_MEMORY;
        x->pops = operation == 3;
        x->modrm = (x->modrm & ~0x38) | 3 << 3;
        return true;
    case 5:
        x->result = X87_RESULT_PUSH;
        return opcode == 0xdf;
    case 7:
        x->load_st0 = true;
        x->result = X87_RESULT_MEMORY;
        x->pops = 1;
        return opcode == 0xdf;
    }
    return false;
}

static bool find_register(uint8_t opcode, uint8_t modrm, X87Light *x)
{
    unsigned operation = modrm >> 3 & 7, i = modrm & 7;

    x->i = i;
    x->modrm = (modrm & 0xf8) | 1;
    switch (opcode) {
    case 0xd8:
        arithmetic(x, operation, false);
        return true;
    case 0xdc: case 0xde:
        if (opcode == 0xde && modrm == 0xd9) {                  /* FCOMPP */
            compare(x, 0xd8, 0xd1, 1, 2, X87_CONDITION_ALL);
            return true;
        }
        x->opcode = 0xdc;
        arithmetic(x, operation, false);
        if (operation == FCOM || operation == FCOMP) {
            return false;
        }
        x->result = X87_RESULT_STI;
        x->pops = opcode == 0xde;
        return true;
    case 0xda:
        compare(x, 0xdd, 0xe1, 1, 2, X87_CONDITION_ALL);        /* FUCOMPP */
        return modrm == 0xe9;
    case 0xdb: case 0xdf:                                       /* FUCOMI, FCOMI and popping */
        compare(x, 0xdb, operation == 5 ? 0xe9 : 0xf1, i, opcode == 0xdf, X87_CONDITION_FLAGS);
        return operation == 5 || operation == 6;
    case 0xdd:
        compare(x, 0xdd, 0xe1, i, operation == 5, X87_CONDITION_ALL);
        return operation == 4 || operation == 5;
    }
    x->modrm = modrm;
    x->load_st0 = true;
    switch (modrm) {
    case 0xe4: case 0xe5:                                       /* FTST, FXAM */
        x->condition = X87_CONDITION_ALL;
        return true;
    case 0xfa: case 0xfc:                                       /* FSQRT, FRNDINT */
        x->result = X87_RESULT_ST0;
        return true;
    }
    return false;
}

bool x87_light_find(uint8_t opcode, uint8_t modrm, X87Light *out)
{
    *out = (X87Light){ .opcode = opcode, .modrm = modrm };
    return modrm < 0xc0 ? find_memory(opcode, modrm >> 3 & 7, out) : find_register(opcode, modrm, out);
}
