/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices whose model is in the kernel (accel/kvm): here they only have a name in the tree, a reset, and state that is
 * saved.
 *
 * Their interrupt inputs are GSIs (kvm_set_gsi()); the guest reaches their registers without us.
 */
#ifndef HW_KVM_KVM_DEVICES_H
#define HW_KVM_KVM_DEVICES_H

#include "hw/isa/isa.h"

/** kvm_irqchip_create: with kernel-irqchip=on: 8259 pair and IO APIC, and where GSIs lead; returns the IO APIC. */
Device *kvm_irqchip_create(IsaBus *bus);
/**
 * kvm_irqchip_route_split: with kernel-irqchip=split: @ioapic's entries are told to the kernel, which then reports
 * EOIs.
 */
void kvm_irqchip_route_split(void);
/** kvm_pit_create: the 8254; with kernel-irqchip=on only. Fatal if the kernel has none. */
Device *kvm_pit_create(IsaBus *bus);
/** kvm_pit_disconnect_irq0: while true it counts but does not interrupt (HPET in legacy replacement mode). */
void kvm_pit_disconnect_irq0(Device *pit, bool disconnected);
/** kvm_clock_create: kvmclock stands still while the machine is stopped. Once, if vCPUs show it to the guest. */
void kvm_clock_create(void);

#endif
