/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generic event device (ACPI 6.4, 5.6.9) with the sleep and reset registers of hardware-reduced ACPI (4.8.3.7, 4.8.3.6).
 */
#ifndef HW_ACPI_GED_H
#define HW_ACPI_GED_H

#include "core/device.h"
#include "memory/memory.h"

enum { GED_SELECTOR_BYTES = 4, GED_REGS_BYTES = 3 };
enum { GED_SLEEP_CONTROL = 0, GED_SLEEP_STATUS = 1, GED_RESET = 2 };       /* offsets in the registers */
enum { GED_EVENT_POWER_BUTTON = 1 << 1, GED_RESET_VALUE = 0x42, GED_SLP_TYP_S5 = 5 };

/** ged_create: event selector at @selector, registers at @regs; @irq is pulsed for an event. */
Device *ged_create(GuestAddr selector, GuestAddr regs, IrqLine *irq);

#endif
