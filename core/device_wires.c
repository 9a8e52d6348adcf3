/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named groups of input pins and output wires of a device; a board connects them. Mistakes here are ours: abort. */
#include "core/device.h"

#include <string.h>

typedef struct WireGroup {
    char *name;
    IrqLine *inputs;                    /* owned; NULL for outputs */
    IrqLine **outputs;                  /* the device's own fields; NULL for inputs */
    int count;
} WireGroup;

static void group_free(gpointer opaque)
{
    WireGroup *group = opaque;
    g_free(group->inputs);
    g_free(group->name);
    g_free(group);
}

static WireGroup *group_find(Device *dev, const char *name, bool inputs)
{
    for (unsigned i = 0; dev->wires && i < dev->wires->len; i++) {
        WireGroup *group = dev->wires->pdata[i];
        if (!strcmp(group->name, name) && (group->inputs != NULL) == inputs) {
            return group;
        }
    }
    return NULL;
}

static WireGroup *group_at(Device *dev, const char *name, int n, bool inputs)
{
    WireGroup *group = group_find(dev, name, inputs);
    if (!group || n < 0 || n >= group->count) {
        g_error("%s has no %s '%s' %d", dev->object.type->name, inputs ? "input" : "output", name, n);
    }
    return group;
}

static void group_add(Device *dev, const char *name, IrqLine *inputs, IrqLine **outputs, int count)
{
    WireGroup *group = g_new(WireGroup, 1);

    if (group_find(dev, name, inputs != NULL)) {
        g_error("%s has %s '%s' twice", dev->object.type->name, inputs ? "inputs" : "outputs", name);
    }
    *group = (WireGroup){ .name = g_strdup(name), .inputs = inputs, .outputs = outputs, .count = count };
    if (!dev->wires) {
        dev->wires = g_ptr_array_new_with_free_func(group_free);
    }
    g_ptr_array_add(dev->wires, group);
}

void device_add_inputs(Device *dev, const char *name, IrqFn *fn, int count)
{
    group_add(dev, name, irq_lines_new(fn, dev, count), NULL, count);
}

IrqLine *device_input(Device *dev, const char *name, int n)
{
    return &group_at(dev, name, n, true)->inputs[n];
}

void device_add_outputs(Device *dev, const char *name, IrqLine **wires, int count)
{
    group_add(dev, name, NULL, wires, count);
}

void device_connect(Device *dev, const char *name, int n, IrqLine *to)
{
    group_at(dev, name, n, false)->outputs[n] = to;
}

int device_wire_group(Device *dev, const char *name, IrqLine **inputs, IrqLine ***outputs)
{
    WireGroup *group = group_find(dev, name, inputs != NULL);
    if (!group) {
        return -1;
    }
    if (inputs) {
        *inputs = group->inputs;
    } else {
        *outputs = group->outputs;
    }
    return group->count;
}
