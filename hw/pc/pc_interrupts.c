/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/pc/pc_interrupts.h"

#include "accel/kvm/kvm.h"
#include "hw/intc/i8259.h"
#include "hw/kvm/kvm_devices.h"
#include "hw/timer/i8254.h"
#include "target/i386/apic.h"

static unsigned pin_of(unsigned gsi) { return gsi == PIT_GSI ? PIT_IOAPIC_PIN : gsi; }

static void gsi_changed(void *opaque, int n, int level)
{
    PcInterrupts *irqs = opaque;

    if (n < ISA_IRQS) {
        irq_set(irqs->pic_inputs[n], level);
    }
    irq_set(irqs->ioapic_inputs[pin_of(n)], level);
}

static void kernel_gsi_changed(void *opaque, int n, int level) { kvm_set_gsi(n, level); }
static void intr_changed(void *opaque, int n, int level) { apic_pic_intr(level); }

bool pc_irqchip_in_kernel(void) { return accel_is("kvm") && kvm.irqchip == KVM_IRQCHIP_ON; }

void pc_gsis_init(PcInterrupts *irqs, unsigned count)
{
    irqs->count = count;
    irqs->lines = irq_lines_new(pc_irqchip_in_kernel() ? kernel_gsi_changed : gsi_changed, irqs, count);
    for (unsigned n = 0; n < count; n++) {
        irqs->gsis[n] = &irqs->lines[n];
    }
}

void pc_interrupt_controllers_create(PcInterrupts *irqs, IsaBus *isa_bus, bool pic, bool no_ioapic)
{
    if (pc_irqchip_in_kernel()) {
        irqs->ioapic = kvm_irqchip_create(isa_bus);
        return;
    }
    if (pic) {
        i8259_create_pair(isa_bus, irq_lines_new(intr_changed, NULL, 1), irqs->pic_inputs);
        apic_set_pic_ack(i8259_acknowledge, NULL);
    }
    if (accel_is("kvm") && kvm.irqchip == KVM_IRQCHIP_SPLIT) {
        kvm_irqchip_route_split();
    }
    if (no_ioapic) {
        return;
    }
    irqs->ioapic = ioapic_create(IOAPIC_BASE, irqs->ioapic_inputs);
    if (irqs->count > IOAPIC_PINS) {
        ioapic_create(IOAPIC2_BASE, irqs->ioapic_inputs + IOAPIC_PINS);
    }
    apic_set_eoi_hook(ioapic_eoi_broadcast, NULL);
}

void pc_ioapic_show(PcInterrupts *irqs, Object *parent)
{
    object_ref(&irqs->ioapic->object);
    object_unparent(&irqs->ioapic->object);     /* from /machine/unattached */
    object_add_child(parent, "ioapic", &irqs->ioapic->object);
}

bool pc_edge_is_lost(void *opaque, unsigned gsi)
{
    PcInterrupts *irqs = opaque;
    bool has_pic_input = gsi < ISA_IRQS && irqs->pic_inputs[gsi];

    return (!has_pic_input || i8259_edge_is_lost(gsi)) && (!irqs->ioapic || ioapic_edge_is_lost(irqs->ioapic, pin_of(gsi)));
}

static bool pit_edge_is_lost(void *irqs) { return pc_edge_is_lost(irqs, PIT_GSI); }

Device *pc_pit_create(PcInterrupts *irqs, IsaBus *isa_bus)
{
    if (pc_irqchip_in_kernel()) {
        return kvm_pit_create(isa_bus);
    }
    Device *pit = i8254_create(isa_bus, irqs->gsis[PIT_GSI]);
    i8254_set_audience(pit, pit_edge_is_lost, irqs);
    return pit;
}
