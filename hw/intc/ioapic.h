/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IO APIC with 24 inputs. Spec: Intel 82093AA data sheet; version 0x20 adds the EOI register. */
#ifndef HW_INTC_IOAPIC_H
#define HW_INTC_IOAPIC_H

#include "core/device.h"
#include "memory/memory.h"

#define IOAPIC_PINS 24
#define IOAPICS_MAX 2
#define IOAPIC_BASE 0xfec00000u

extern const DeviceType ioapic_type;            /* "ioapic"; inputs "" 0-23 are the pins */
/** ioapic_create: mapped at @base; @inputs gets the 24 pins. */
Device *ioapic_create(GuestAddr base, IrqLine *inputs[IOAPIC_PINS]);
/** ioapic_eoi_broadcast: a local APIC ended level-triggered @vector; all IO APICs look. Fits apic_set_eoi_hook(). */
void ioapic_eoi_broadcast(void *unused, uint8_t vector);
/*
 * For timers that would rather sleep than tick for nobody: an edge on a masked pin is lost. The hook is called when a
 * pin for which that held is unmasked (or made level-triggered).
 */
bool ioapic_edge_is_lost(Device *ioapic, unsigned pin);
void ioapic_set_listen_hook(void (*fn)(void *opaque, unsigned pin), void *opaque);
/**
 * ioapic_set_entry_hook: @entry is told what message a pin sends whenever that may have changed, @done after one or
 * more pins. The pins of a second IO APIC are numbered from IOAPIC_PINS on.
 */
void ioapic_set_entry_hook(void (*entry)(unsigned pin, uint64_t addr, uint32_t data), void (*done)(void));

#endif
