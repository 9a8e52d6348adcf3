/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's pair of 8259A interrupt controllers. */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include "hw/isa/isa.h"

/**
 * i8259_create_pair: master at 0x20, slave at 0xa0, cascaded on IR2, with their edge/level registers at 0x4d0.
 * @intr:   driven by the master's INT output
 * @inputs: filled with the 16 interrupt inputs (entry 2, the cascade, is NULL)
 */
void i8259_create_pair(IsaBus *bus, IrqLine *intr, IrqLine *inputs[ISA_IRQS]);
/** i8259_acknowledge: the CPU's INTA cycles: returns the vector (a spurious IR7 one if nothing is pending). */
int i8259_acknowledge(void *unused);
/*
 * For timers that would rather sleep than tick for nobody: while an edge is latched in IRR (0-15 counts over the pair),
 * further ones on that input change nothing. The hook is called when such an input can notice edges again.
 */
bool i8259_edge_is_lost(unsigned irq);
void i8259_set_listen_hook(void (*fn)(void *opaque, unsigned irq), void *opaque);

#endif
