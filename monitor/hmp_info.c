/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP's info commands: replies of QMP commands put into words, and prints of other layers. */
#include <inttypes.h>
#include <string.h>

#include "block/block.h"
#include "core/log.h"
#include "hw/machine.h"
#include "hw/pci/pci.h"
#include "monitor/hmp.h"
#include "monitor/target_hooks.h"
#include "qapi/qapi.h"

static void print_and_free(Monitor *mon, GString *text)
{
    monitor_puts(mon, text->str);
    g_string_free(text, true);
}

void hmp_info_status(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(StatusInfo) info = qmp_query_status(err);
    if (!info) {
        return;
    }
    monitor_printf(mon, "VM status: %s", info->running ? "running" : "paused");
    if (!info->running && info->status != RUN_STATE_PAUSED) {
        monitor_printf(mon, " (%s)", run_state_names[info->status]);
    }
    monitor_puts(mon, "\n");
}

void hmp_info_version(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(VersionInfo) info = qmp_query_version(err);
    monitor_printf(mon, "%" PRId64 ".%" PRId64 ".%" PRId64 " (%s)\n", info->qemu->major, info->qemu->minor, info->qemu->micro,
                   info->package);
}

void hmp_info_name(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(NameInfo) info = qmp_query_name(err);
    if (info && info->name) {
        monitor_printf(mon, "%s\n", info->name);
    }
}

void hmp_info_uuid(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(UuidInfo) info = qmp_query_uuid(err);
    if (info) {
        monitor_printf(mon, "%s\n", info->UUID);
    }
}

void hmp_info_kvm(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(KvmInfo) info = qmp_query_kvm(err);
    monitor_printf(mon, "kvm support: %s\n", !info->present ? "not compiled" : info->enabled ? "enabled" : "disabled");
}

void hmp_info_accelerators(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(AcceleratorInfo) info = qmp_query_accelerators(err);
    for (guint i = 0; info && i < info->present->len; i++) {
        Accelerator a = g_array_index(info->present, Accelerator, i);
        monitor_printf(mon, "%c %s\n", a == info->enabled ? '*' : ' ', accelerator_names[a]);
    }
}

void hmp_info_cpus(Monitor *mon, json_object *args, GError **err)
{
    Cpu *cpu;
    CPU_FOREACH(cpu) {
        g_autofree char *model = monitor_target.model_name(cpu);
        monitor_printf(mon, "%c CPU #%d: thread_id=%" PRIu64 " model=%s\n", cpu->index == mon->cpu_index ? '*' : ' ', cpu->index,
                       cpu->thread_id, model);
    }
}

typedef struct CpuPrint { void (*print)(Cpu *cpu, GString *out); GString *out; } CpuPrint;

static void print_on_cpu(Cpu *cpu, void *opaque)
{
    CpuPrint *p = opaque;
    p->print(cpu, p->out);
}

/* The vCPU's own thread prints, between instructions: its state is then whole. */
static void print_cpu(Monitor *mon, Cpu *cpu, void (*print)(Cpu *cpu, GString *out))
{
    CpuPrint p = { print, g_string_new(NULL) };
    cpu_state_pull(cpu);
    if (cpu->created) {
        cpu_run_on(cpu, print_on_cpu, &p);
    } else {
        print_on_cpu(cpu, &p);
    }
    print_and_free(mon, p.out);
}

void hmp_info_registers(Monitor *mon, json_object *args, GError **err)
{
    Cpu *cpu;
    if (!json_object_object_get(args, "a")) {
        cpu = json_object_object_get(args, "vcpu")
              ? cpu_by_index(json_object_get_int64(json_object_object_get(args, "vcpu"))) : hmp_cpu(mon, err);
        if (cpu) {
            monitor_printf(mon, "\nCPU#%d\n", cpu->index);
            print_cpu(mon, cpu, monitor_target.print_registers);
        } else if (json_object_object_get(args, "vcpu")) {
            error_set(err, "CPU#%s not available", json_object_get_string(json_object_object_get(args, "vcpu")));
        }
        return;
    }
    CPU_FOREACH(cpu) {
        monitor_printf(mon, "\nCPU#%d\n", cpu->index);
        print_cpu(mon, cpu, monitor_target.print_registers);
    }
}

/* Interrupt controllers */

void hmp_info_lapic(Monitor *mon, json_object *args, GError **err)
{
    json_object *id = json_object_object_get(args, "apic-id");
    Cpu *cpu = id ? monitor_target.by_apic_id(json_object_get_int64(id)) : hmp_cpu(mon, err);

    if (!cpu) {
        if (id) {
            error_set(err, "no CPU has the APIC id %" PRId64, json_object_get_int64(id));
        }
        return;
    }
    cpu_state_pull(cpu);
    GString *out = g_string_new(NULL);
    monitor_target.print_apic(cpu, out);
    print_and_free(mon, out);
}

void hmp_info_mem(Monitor *mon, json_object *args, GError **err)
{
    Cpu *cpu = hmp_cpu(mon, err);
    if (cpu) {
        print_cpu(mon, cpu, monitor_target.print_mem);
    }
}

void hmp_info_tlb(Monitor *mon, json_object *args, GError **err)
{
    Cpu *cpu = hmp_cpu(mon, err);
    if (cpu) {
        print_cpu(mon, cpu, monitor_target.print_tlb);
    }
}

void hmp_info_mtree(Monitor *mon, json_object *args, GError **err)
{
    GString *out = g_string_new(NULL);
    memory_print_tree(out, json_object_object_get(args, "f") != NULL);
    print_and_free(mon, out);
}

/* qtree: buses, the devices on them, their own properties, and the buses these provide */

typedef struct QTree { GString *out; Object *obj; int indent; } QTree;

static void print_row(const Property *row, void *opaque)
{
    static const char *const of_all[] = { "type", "realized", "hotpluggable", "hotplugged", "parent_bus" };
    QTree *t = opaque;
    for (size_t i = 0; i < G_N_ELEMENTS(of_all); i++) {
        if (!strcmp(row->name, of_all[i])) {
            return;
        }
    }
    json_object *value = object_get(t->obj, row->name, NULL);
    const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    g_string_append_printf(t->out, "%*s%s = %s", t->indent, "", row->name,
                           value ? json_object_to_json_string_ext(value, flags) : "null");
    if (json_object_is_type(value, json_type_int)) {
        g_string_append_printf(t->out, " (0x%" PRIx64 ")", json_object_get_uint64(value));
    }
    g_string_append_c(t->out, '\n');
    json_object_put(value);
}

static void print_bus(GString *out, Bus *bus, int indent);

static void print_device(GString *out, Device *dev, int indent)
{
    g_string_append_printf(out, "%*sdev: %s, id \"%s\"\n", indent, "", OBJECT(dev)->type->name, dev->id ? dev->id : "");
    QTree t = { out, OBJECT(dev), indent + 2 };
    type_foreach_property(OBJECT(dev)->type, print_row, &t);
    for (const Type *type = OBJECT(dev)->type; type_is_a(type, &device_type.type); type = type->parent) {
        if (((const DeviceType *)type)->print_info) {
            g_autoptr(GString) text = g_string_new(NULL);
            ((const DeviceType *)type)->print_info(dev, text);
            g_auto(GStrv) lines = g_strsplit(text->str, "\n", 0);
            for (char **line = lines; *line; line++) {
                if (**line) {
                    g_string_append_printf(out, "%*s%s\n", indent + 2, "", *line);
                }
            }
            break;
        }
    }
    for (guint i = 0; dev->buses && i < dev->buses->len; i++) {
        print_bus(out, dev->buses->pdata[i], indent + 2);
    }
}

static void print_bus(GString *out, Bus *bus, int indent)
{
    g_string_append_printf(out, "%*sbus: %s\n%*stype %s\n", indent, "", bus->name, indent + 2, "", OBJECT(bus)->type->name);
    for (guint i = 0; bus->devices && i < bus->devices->len; i++) {
        print_device(out, bus->devices->pdata[i], indent + 2);
    }
}

void hmp_info_qtree(Monitor *mon, json_object *args, GError **err)
{
    GString *out = g_string_new(NULL);
    print_bus(out, system_bus(), 0);
    print_and_free(mon, out);
}

static bool print_object(Object *obj, void *opaque)
{
    QTree *t = opaque;
    g_string_append_printf(t->out, "%*s/%s (%s)\n", t->indent, "", obj->name ? obj->name : "", obj->type->name);
    t->indent += 2;
    object_foreach_child(obj, print_object, t);
    t->indent -= 2;
    return true;
}

void hmp_info_qom_tree(Monitor *mon, json_object *args, GError **err)
{
    json_object *path = json_object_object_get(args, "path");
    bool ambiguous = false;
    Object *obj = object_resolve(path ? json_object_get_string(path) : "/machine", &ambiguous);
    if (!obj) {
        error_set(err, ambiguous ? "path '%s' is ambiguous" : "path '%s' could not be resolved",
                  path ? json_object_get_string(path) : "/machine");
        return;
    }
    QTree t = { .out = g_string_new(NULL) };
    print_object(obj, &t);
    print_and_free(mon, t.out);
}

void hmp_info_pci(Monitor *mon, json_object *args, GError **err)
{
    GString *out = g_string_new(NULL);
    pci_print_info(out);
    print_and_free(mon, out);
}

void hmp_info_block(Monitor *mon, json_object *args, GError **err)
{
    GString *out = g_string_new(NULL);
    block_print_info(out);
    print_and_free(mon, out);
}

void hmp_info_chardev(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(GPtrArray) list = qmp_query_chardev(err);
    for (guint i = 0; list && i < list->len; i++) {
        ChardevInfo *info = list->pdata[i];
        monitor_printf(mon, "%s: filename=%s\n", info->label, info->filename);
    }
}

void hmp_info_memory_size(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(MemoryInfo) info = qmp_query_memory_size_summary(err);
    if (!info) {
        return;
    }
    monitor_printf(mon, "base memory: %" PRIu64 "\n", info->base_memory);
    if (info->has_plugged_memory) {
        monitor_printf(mon, "plugged memory: %" PRIu64 "\n", info->plugged_memory);
    }
}

void hmp_info_memdev(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(GPtrArray) list = qmp_query_memdev(err);
    for (guint i = 0; list && i < list->len; i++) {
        Memdev *m = list->pdata[i];
        monitor_printf(mon, "memory backend: %s\n  size:  %" PRIu64 "\n  merge: %s\n  dump: %s\n  prealloc: %s\n  share: %s\n"
                       "  policy: %s\n", m->id ? m->id : "", m->size, m->merge ? "true" : "false", m->dump ? "true" : "false",
                       m->prealloc ? "true" : "false", m->share ? "true" : "false", host_mem_policy_names[m->policy]);
    }
    monitor_puts(mon, "\n");
}

void hmp_info_iothreads(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(GPtrArray) list = qmp_query_iothreads(err);
    for (guint i = 0; list && i < list->len; i++) {
        IOThreadInfo *info = list->pdata[i];
        monitor_printf(mon, "%s:\n  thread_id=%" PRId64 "\n", info->id, info->thread_id);
    }
}

static void print_trace_event(const TraceEvent *event, void *opaque)
{
    g_string_append_printf(opaque, "%s : state %d\n", event->name, event->enabled);
}

void hmp_info_trace_events(Monitor *mon, json_object *args, GError **err)
{
    GString *out = g_string_new(NULL);
    trace_foreach(print_trace_event, out);
    print_and_free(mon, out);
}

void hmp_info_death(Monitor *mon, json_object *args, GError **err)
{
    g_autoptr(RheaDeathReport) report = qmp_x_rhea_query_death(err);
    if (!report) {
        return;
    }
    if (report->reason == RHEA_DEATH_REASON_NONE) {
        monitor_puts(mon, "The guest has not died since it was started or reset\n");
    } else {
        monitor_puts(mon, report->text);
    }
}
