/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wiring of interrupts that all PC boards have.
 *
 *   device -> GSI n -> 8259 input n (n < 16) -> INTR -> local APICs' LINT0
 *                   -> IO APIC pin n (GSI 0, the PIT, is pin 2), from 24 on of the second -> message -> local APIC
 *
 * With KVM's kernel-irqchip=on all of that is the kernel's, and a GSI goes there.
 */
#ifndef HW_PC_PC_INTERRUPTS_H
#define HW_PC_PC_INTERRUPTS_H

#include "hw/intc/ioapic.h"
#include "hw/isa/isa.h"

#define PIT_GSI 0
#define PIT_IOAPIC_PIN 2
#define IOAPIC2_BASE 0xfec10000u
#define PC_GSIS_MAX (IOAPICS_MAX * IOAPIC_PINS)

typedef struct PcInterrupts {
    unsigned count;
    IrqLine *lines;
    IrqLine *gsis[PC_GSIS_MAX];                 /* for devices and chip set to drive */
    IrqLine *pic_inputs[ISA_IRQS], *ioapic_inputs[PC_GSIS_MAX]; /* NULL: nobody there */
    Device *ioapic;                             /* the first, or the kernel's; NULL: none */
} PcInterrupts;

/** pc_irqchip_in_kernel: kernel-irqchip=on: there are no controllers of ours. */
bool pc_irqchip_in_kernel(void);
/** pc_gsis_init: @count GSIs, which lead nowhere yet. */
void pc_gsis_init(PcInterrupts *irqs, unsigned count);
/** pc_interrupt_controllers_create: on @isa_bus; @pic: with the 8259 pair; IO APICs as the GSIs need, unless @no_ioapic. */
void pc_interrupt_controllers_create(PcInterrupts *irqs, IsaBus *isa_bus, bool pic, bool no_ioapic);
/** pc_ioapic_show: the IO APIC is @parent's child "ioapic", where QEMU shows it. */
void pc_ioapic_show(PcInterrupts *irqs, Object *parent);
/** pc_pit_create: the kernel's if the controllers are. */
Device *pc_pit_create(PcInterrupts *irqs, IsaBus *isa_bus);
/**
 * pc_edge_is_lost: would a rise of @gsi change nothing: latched in the 8259, masked in the IO APIC? Timers sleep then; the
 * controllers' listen hooks say when that ends. @irqs: PcInterrupts.
 */
bool pc_edge_is_lost(void *irqs, unsigned gsi);

#endif
