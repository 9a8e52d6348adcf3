/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Input pins: an array of lines that call one function with their number. */
#include "core/irq.h"

#include <glib.h>

IrqLine *irq_lines_new(IrqFn *fn, void *opaque, int count)
{
    IrqLine *lines = g_new(IrqLine, count);
    for (int i = 0; i < count; i++) {
        lines[i] = (IrqLine){ .fn = fn, .opaque = opaque, .n = i };
    }
    return lines;
}
