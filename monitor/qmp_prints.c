/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: texts for people about interrupt controllers and the accelerator; lists of what there can be none of yet. */
#include <inttypes.h>

#include "accel/accel.h"
#include "core/device.h"
#include "monitor/hmp.h"
#include "monitor/target_hooks.h"
#include "qapi/qapi.h"

static HumanReadableText *text_of(GString *text)
{
    HumanReadableText *ret = g_new0(HumanReadableText, 1);

    ret->human_readable_text = g_string_free(text, false);
    return ret;
}

/* Interrupt controllers: devices that print themselves. */

static const DeviceType *controller_type(Object *obj)
{
    const DeviceType *type = object_is_a(obj, &device_type.type) ? device_type_of(obj) : NULL;

    return type && type->print_pic && ((Device *)obj)->realized ? type : NULL;
}

static bool print_state(Object *obj, void *out)
{
    const DeviceType *type = controller_type(obj);

    if (type) {
        type->print_pic((Device *)obj, out);
    }
    object_foreach_child(obj, print_state, out);
    return true;
}

static bool print_counts(Object *obj, void *out)
{
    const DeviceType *type = controller_type(obj);

    if (type) {
        unsigned inputs;
        const uint64_t *counts = type->irq_counts ? type->irq_counts((Device *)obj, &inputs) : NULL;
        g_string_append_printf(out, counts ? "IRQ statistics for %s:\n" : "%s does not count\n", type->name);
        for (unsigned i = 0; counts && i < inputs; i++) {
            if (counts[i]) {
                g_string_append_printf(out, "%2u: %" PRIu64 "\n", i, counts[i]);
            }
        }
    }
    object_foreach_child(obj, print_counts, out);
    return true;
}

HumanReadableText *qmp_x_query_interrupt_controllers(GError **err)
{
    GString *out = g_string_new(NULL);

    object_foreach_child(object_root(), print_state, out);
    return text_of(out);
}

HumanReadableText *qmp_x_query_irq(GError **err)
{
    GString *out = g_string_new(NULL);

    object_foreach_child(object_root(), print_counts, out);
    return text_of(out);
}

/* The accelerator */

HumanReadableText *qmp_x_query_jit(GError **err)
{
    GString *out;
    Cpu *cpu;

    if (!accel_is("tcg")) {
        error_set(err, "JIT information is only available with accel=tcg");
        return NULL;
    }
    out = g_string_new(NULL);
    CPU_FOREACH(cpu) {
        monitor_target.print_jit(cpu, out);
    }
    return text_of(out);
}

/* Only the translator counts anything. */
HumanReadableText *qmp_x_accel_stats(GError **err)
{
    return accel_is("tcg") ? qmp_x_query_jit(err) : text_of(g_string_new(NULL));
}

/* There is no type of memory device, and nothing that starts a job. */

GPtrArray *qmp_query_memory_devices(GError **err)
{
    return memory_device_info_list_new();
}

GPtrArray *qmp_query_jobs(GError **err)
{
    return job_info_list_new();
}

GPtrArray *qmp_query_block_jobs(GError **err)
{
    return block_job_info_list_new();
}
