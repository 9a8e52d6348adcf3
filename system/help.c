/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "system/help.h"

#include <stdio.h>
#include <string.h>

#include "core/device.h"
#include "core/log.h"
#include "core/option.h"
#include "hw/machine.h"
#include "memory/backend.h"

static gint type_name_order(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const Type *const *)a)->name, (*(const Type *const *)b)->name);
}

static void collect(const Type *type, void *list)
{
    if (!type->is_abstract) {
        g_ptr_array_add(list, (gpointer)type);
    }
}

static GPtrArray *types_sorted(const Type *ancestor)
{
    GPtrArray *list = g_ptr_array_new();
    type_foreach(ancestor, collect, list);
    g_ptr_array_sort(list, type_name_order);
    return list;
}

static void print_property(const Property *row, void *opaque)
{
    g_autofree char *typed = g_strdup_printf("%s=<%s>", row->name, property_type_name(row));
    printf("  %-22s - %s\n", typed, row->description ? row->description : "");
}

static void print_machines(void)
{
    g_autoptr(GPtrArray) list = types_sorted(&machine_type.type);
    printf("Supported machines are:\n");
    for (guint i = 0; i < list->len; i++) {
        const MachineType *m = list->pdata[i];
        if (m->alias) {
            printf("%-20s %s (alias of %s)\n", m->alias, m->description, m->machine_name);
        }
        printf("%-20s %s%s%s\n", m->machine_name, m->description, m->is_default ? " (default)" : "",
               m->deprecated ? " (deprecated)" : "");
    }
}

static void print_accelerators(void)
{
    g_autoptr(GPtrArray) list = types_sorted(&accel_type.type);
    printf("Accelerators supported in QEMU binary:\n");
    for (guint i = 0; i < list->len; i++) {
        const Type *t = list->pdata[i];
        printf("%.*s\n", (int)(strlen(t->name) - strlen("-accel")), t->name);
    }
}

static void print_object_types(void)
{
    g_autoptr(GPtrArray) list = types_sorted(NULL);
    printf("List of user creatable objects:\n");
    for (guint i = 0; i < list->len; i++) {
        const Type *t = list->pdata[i];
        if (t->user_creatable) {
            printf("  %s\n", t->name);
        }
    }
}

static void print_trace_event(const TraceEvent *event, void *opaque)
{
    printf("%s\n", event->name);
}

static void print_type_properties(const Type *type, const char *title)
{
    printf("%s options:\n", title);
    type_foreach_property(type, print_property, NULL);
}

void help_for_option(const char *option, json_object *args)
{
    const char *name;
    if (!strcmp(option, "machine") || !strcmp(option, "M")) {
        name = dict_str(args, "type");
        const MachineType *m = name ? machine_type_find(name) : NULL;
        if (m) {
            print_type_properties(&m->type, m->machine_name);
        } else {
            print_machines();
        }
    } else if (!strcmp(option, "accel")) {
        print_accelerators();
    } else if (!strcmp(option, "object")) {
        name = dict_str(args, "qom-type");
        const Type *type = name ? type_find(name) : NULL;
        if (type && type->user_creatable) {
            print_type_properties(type, type->name);
        } else {
            print_object_types();
        }
    } else if (!strcmp(option, "device")) {
        name = dict_str(args, "driver");
        device_print_help(name ? type_find(name) : NULL);
    } else if (!strcmp(option, "trace")) {
        trace_foreach(print_trace_event, NULL);
    } else if (!strcmp(option, "blockdev")) {
        printf("Block drivers:\nfile\nqcow2\nraw\n");
    } else {
        printf("-%s has no list of values; see -help\n", option);
    }
}
