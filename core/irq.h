/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines: a wire between a device's output and another's input pin.
 *
 * The receiver owns its input pins (an array from irq_lines_new()); a sender holds an IrqLine pointer and drives it
 * with irq_set(). NULL is an unconnected wire. Under the big lock. A level is kept by sender and receiver, not by the
 * wire.
 */
#ifndef CORE_IRQ_H
#define CORE_IRQ_H

#include <stdbool.h>

typedef void IrqFn(void *opaque, int n, int level);
typedef struct IrqLine { IrqFn *fn; void *opaque; int n; } IrqLine;

/** irq_lines_new: @count input pins numbered from 0, each calling @fn(@opaque, pin, level). g_free() the array. */
IrqLine *irq_lines_new(IrqFn *fn, void *opaque, int count);
static inline void irq_set(IrqLine *line, int level) { if (line) line->fn(line->opaque, line->n, level); }
static inline void irq_raise(IrqLine *line) { irq_set(line, 1); }
static inline void irq_lower(IrqLine *line) { irq_set(line, 0); }
static inline void irq_pulse(IrqLine *line) { irq_set(line, 1); irq_set(line, 0); }

#endif
