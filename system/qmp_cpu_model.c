/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP query-cpu-model-expansion: a vCPU object that never runs is made, changed as asked, and its properties read.
 *
 * Static: as model `base` (which has no feature) with every property that shapes what the guest sees. Full: the model's
 * own name with all properties that can be set.
 */
#include <string.h>

#include "qapi/qapi.h"
#include "target/i386/system/cpu_models.h"

static bool apply_props(Object *cpu, json_object *props, GError **err)
{
    if (!props) {
        return true;
    }
    if (!json_object_is_type(props, json_type_object)) {
        return error_set(err, "Invalid parameter type for 'model.props', expected: object");
    }
    json_object_object_foreach(props, name, value) {
        if (!type_property(cpu->type, name)) {
            return error_set(err, "Property '%s.%s' not found", cpu->type->name, name);
        }
        if (!object_set(cpu, name, value, err)) {
            return false;
        }
    }
    return true;
}

/* What makes the CPU besides its features. */
static const char *const identity[] = { "family", "model", "stepping", "model-id", "vendor", "min-level", "min-xlevel" };

static void add_property(json_object *to, Object *cpu, const char *name)
{
    json_object_object_add(to, name, object_get(cpu, name, NULL));
}

static json_object *static_props(Object *cpu)
{
    json_object *props = json_object_new_object();
    for (size_t i = 0; i < G_N_ELEMENTS(identity); i++) {
        add_property(props, cpu, identity[i]);
    }
    for (unsigned f = 0; f < FEATURE_WORD_COUNT * 32; f++) {
        if (x86_feature_name(f)) {
            add_property(props, cpu, x86_feature_name(f));
        }
    }
    return props;
}

typedef struct FullProps { json_object *to; Object *cpu; } FullProps;

static void add_row(const Property *row, void *opaque)
{
    static const char *const of_device[] = { "type", "realized", "hotpluggable", "hotplugged", "parent_bus", NULL };
    FullProps *p = opaque;
    if (!row->read_only && !g_strv_contains(of_device, row->name)) {
        add_property(p->to, p->cpu, row->name);
    }
}

CpuModelExpansionInfo *qmp_query_cpu_model_expansion(const QueryCpuModelExpansionArgs *args, GError **err)
{
    const Type *type = x86_cpu_model_type(args->model->name);
    if (!type) {
        error_set(err, "CPU model '%s' not found", args->model->name);
        return NULL;
    }
    g_autoptr(Object) cpu = object_new(type);
    if (!apply_props(cpu, args->model->props, err)) {
        return NULL;
    }
    CpuModelExpansionInfo *info = g_new0(CpuModelExpansionInfo, 1);
    info->model = g_new0(CpuModelInfo, 1);
    if (args->type == CPU_MODEL_EXPANSION_TYPE_STATIC) {
        info->model->name = g_strdup("base");
        info->model->props = static_props(cpu);
    } else {
        info->model->name = g_strdup(args->model->name);
        info->model->props = json_object_new_object();
        type_foreach_property(type, add_row, &(FullProps){ info->model->props, cpu });
    }
    return info;
}
