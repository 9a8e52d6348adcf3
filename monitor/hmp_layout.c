/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: prints of qmp_prints.c and system/qmp_layout.c, block statistics, boot order, sizes of disks. */
#include <inttypes.h>
#include <string.h>

#include "block/node.h"
#include "core/option.h"
#include "hw/machine.h"
#include "monitor/hmp.h"
#include "qapi/qapi.h"

static void print(Monitor *mon, HumanReadableText *text)
{
    if (text) {
        monitor_puts(mon, text->human_readable_text);
        human_readable_text_free(text);
    }
}

void hmp_info_numa(Monitor *mon, json_object *args, GError **err) { print(mon, qmp_x_query_numa(err)); }
void hmp_info_roms(Monitor *mon, json_object *args, GError **err) { print(mon, qmp_x_query_roms(err)); }
void hmp_info_ramblock(Monitor *mon, json_object *args, GError **err) { print(mon, qmp_x_query_ramblock(err)); }
void hmp_info_usb(Monitor *mon, json_object *args, GError **err) { print(mon, qmp_x_query_usb(err)); }
void hmp_info_pic(Monitor *mon, json_object *args, GError **err) { print(mon, qmp_x_query_interrupt_controllers(err)); }
void hmp_info_irq(Monitor *mon, json_object *args, GError **err) { print(mon, qmp_x_query_irq(err)); }
void hmp_info_jit(Monitor *mon, json_object *args, GError **err) { print(mon, qmp_x_query_jit(err)); }
void hmp_info_accel(Monitor *mon, json_object *args, GError **err) { print(mon, qmp_x_accel_stats(err)); }

void hmp_info_memory_devices(Monitor *mon, json_object *args, GError **err)
{
    g_ptr_array_unref(qmp_query_memory_devices(err));   /* there are none yet, so there is nothing to print of them */
}

void hmp_info_block_jobs(Monitor *mon, json_object *args, GError **err)
{
    g_ptr_array_unref(qmp_query_block_jobs(err));       /* likewise */
    monitor_puts(mon, "No active jobs\n");
}

void hmp_info_hotpluggable_cpus(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(GPtrArray) list = qmp_query_hotpluggable_cpus(err);
    if (list) {
        monitor_puts(mon, "Hotpluggable CPUs:\n");
    }
    for (guint i = 0; list && i < list->len; i++) {
        const HotpluggableCPU *c = list->pdata[i];
        const CpuInstanceProperties *p = c->props;
        const struct { bool has; const char *name; int64_t value; } ids[] = {
            { p->has_node_id, "node-id", p->node_id }, { p->has_socket_id, "socket-id", p->socket_id },
            { p->has_die_id, "die-id", p->die_id }, { p->has_module_id, "module-id", p->module_id },
            { p->has_core_id, "core-id", p->core_id }, { p->has_thread_id, "thread-id", p->thread_id },
        };
        monitor_printf(mon, "  type: \"%s\"\n  vcpus_count: \"%" PRId64 "\"\n", c->type, c->vcpus_count);
        if (c->qom_path) {
            monitor_printf(mon, "  qom_path: \"%s\"\n", c->qom_path);
        }
        monitor_puts(mon, "  CPUInstance Properties:\n");
        for (size_t k = 0; k < G_N_ELEMENTS(ids); k++) {
            if (ids[k].has) {
                monitor_printf(mon, "    %s: \"%" PRId64 "\"\n", ids[k].name, ids[k].value);
            }
        }
    }
}

void hmp_info_blockstats(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(GPtrArray) list = qmp_query_blockstats(&(QueryBlockstatsArgs){ 0 }, err);
    for (guint i = 0; list && i < list->len; i++) {
        const BlockStats *b = list->pdata[i];
        const BlockDeviceStats *s = b->stats;
        monitor_printf(mon, "%s: rd_bytes=%" PRId64 " wr_bytes=%" PRId64 " rd_operations=%" PRId64 " wr_operations=%" PRId64
                       " flush_operations=%" PRId64 " wr_total_time_ns=%" PRId64 " rd_total_time_ns=%" PRId64
                       " flush_total_time_ns=%" PRId64 "\n", b->device && *b->device ? b->device : b->qdev ? b->qdev : "", s->rd_bytes,
                       s->wr_bytes, s->rd_operations, s->wr_operations, s->flush_operations, s->wr_total_time_ns, s->rd_total_time_ns,
                       s->flush_total_time_ns);
    }
}

void hmp_boot_set(Monitor *mon, json_object *args, GError **err)
{
    const char *order = dict_str(args, "bootdevice");
    if (!current_machine->set_boot_order) {
        error_set(err, "no function defined to set boot device list for this architecture");
    } else if (current_machine->check_boot_order(order, err)) {
        current_machine->set_boot_order(current_machine, order);
        monitor_printf(mon, "boot device list now set to %s\n", order);
    }
}
