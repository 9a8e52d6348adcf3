/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands about the object tree, types and devices: thin layers over core/object.h and core/device.h. */
#include <string.h>

#include "core/device.h"
#include "monitor/internal.h"
#include "qapi/qapi.h"

static Object *resolve(const char *path, GError **err)
{
    bool ambiguous = false;
    Object *obj = object_resolve(path, &ambiguous);
    if (!obj && ambiguous) {
        error_set(err, "Path '%s' is ambiguous", path);
    } else if (!obj) {
        g_set_error(err, RHEA_ERROR, ERR_DEVICE_NOT_FOUND, "Device '%s' not found", path);
    }
    return obj;
}

static void list_property(const PropertyInfo *info, void *list)
{
    ObjectPropertyInfo *p = g_new0(ObjectPropertyInfo, 1);
    p->name = g_strdup(info->name);
    p->type = g_strdup(info->type);
    p->description = g_strdup(info->description);
    p->default_value = info->row ? property_default(info->row) : NULL;
    g_ptr_array_add(list, p);
}

GPtrArray *qmp_qom_list(const QomListArgs *args, GError **err)
{
    Object *obj = resolve(args->path, err);
    if (!obj) {
        return NULL;
    }
    GPtrArray *list = object_property_info_list_new();
    object_foreach_property(obj, list_property, list);
    for (guint i = 0; i < list->len; i++) {     /* defaults belong to types; an object has values */
        ObjectPropertyInfo *p = list->pdata[i];
        json_object_put(p->default_value);
        p->default_value = NULL;
    }
    return list;
}

json_object *qmp_qom_get(const QomGetArgs *args, GError **err)
{
    Object *obj = resolve(args->path, err);
    return obj ? object_get(obj, args->property, err) : NULL;
}

void qmp_qom_set(const QomSetArgs *args, GError **err)
{
    Object *obj = resolve(args->path, err);
    if (obj) {
        object_set(obj, args->property, args->value, err);
    }
}

typedef struct ReadAll { Object *obj; GPtrArray *list; } ReadAll;

static void read_property(const PropertyInfo *info, void *opaque)
{
    ReadAll *all = opaque;
    ObjectPropertyValue *p = g_new0(ObjectPropertyValue, 1);
    p->name = g_strdup(info->name);
    p->type = g_strdup(info->type);
    p->value = object_get(all->obj, info->name, NULL);
    g_ptr_array_add(all->list, p);
}

GPtrArray *qmp_qom_list_get(const QomListGetArgs *args, GError **err)
{
    g_autoptr(GPtrArray) list = object_properties_values_list_new();
    for (guint i = 0; i < args->paths->len; i++) {
        Object *obj = resolve(args->paths->pdata[i], err);
        if (!obj) {
            return NULL;
        }
        ObjectPropertiesValues *values = g_new0(ObjectPropertiesValues, 1);
        values->properties = object_property_value_list_new();
        object_foreach_property(obj, read_property, &(ReadAll){ obj, values->properties });
        g_ptr_array_add(list, values);
    }
    return g_steal_pointer(&list);
}

/* Types */

typedef struct ListTypes { GPtrArray *list; bool abstract; } ListTypes;

static void list_type(const Type *type, void *opaque)
{
    ListTypes *l = opaque;
    if (type->is_abstract && !l->abstract) {
        return;
    }
    ObjectTypeInfo *info = g_new0(ObjectTypeInfo, 1);
    info->name = g_strdup(type->name);
    info->has_abstract = info->abstract = type->is_abstract;
    info->parent = type->parent ? g_strdup(type->parent->name) : NULL;
    g_ptr_array_add(l->list, info);
}

GPtrArray *qmp_qom_list_types(const QomListTypesArgs *args, GError **err)
{
    ListTypes l = { object_type_info_list_new(), args->has_abstract && args->abstract };
    const Type *ancestor = args->implements ? type_find(args->implements) : NULL;
    if (!args->implements || ancestor) {
        type_foreach(ancestor, list_type, &l);
    }
    return l.list;
}

static void list_row(const Property *row, void *list)
{
    PropertyInfo info = { .name = row->name, .type = property_type_name(row), .description = row->description, .row = row };
    list_property(&info, list);
}

static void offer_type(const Type *type, void *nearest)
{
    nearest_add(nearest, type->name);
}

static const Type *find_type(const char *what, const char *name, const Type *ancestor, GError **err)
{
    const Type *type = type_find(name);
    if (!type) {
        NearestWord nearest;
        nearest_init(&nearest, name);
        type_foreach(ancestor, offer_type, &nearest);
        g_set_error(err, RHEA_ERROR, ERR_DEVICE_NOT_FOUND, "%s '%s' not found%s", what, name, nearest_hint(&nearest));
    }
    return type;
}

GPtrArray *qmp_qom_list_properties(const QomListPropertiesArgs *args, GError **err)
{
    const Type *type = find_type("Class", args->typename, NULL, err);
    if (!type) {
        return NULL;
    }
    GPtrArray *list = object_property_info_list_new();
    type_foreach_property(type, list_row, list);
    return list;
}

/* What every device has and device_add does not take. */
static void list_device_row(const Property *row, void *list)
{
    static const char *const skipped[] = { "type", "realized", "hotpluggable", "hotplugged", "parent_bus" };
    for (size_t i = 0; i < G_N_ELEMENTS(skipped); i++) {
        if (!strcmp(row->name, skipped[i])) {
            return;
        }
    }
    list_row(row, list);
}

GPtrArray *qmp_device_list_properties(const DeviceListPropertiesArgs *args, GError **err)
{
    const Type *type = find_type("Device", args->typename, &device_type.type, err);
    if (!type) {
        return NULL;
    }
    if (!type_is_a(type, &device_type.type) || type->is_abstract) {
        error_set(err, "Parameter 'typename' expects a non-abstract device type");
        return NULL;
    }
    GPtrArray *list = object_property_info_list_new();
    type_foreach_property(type, list_device_row, list);
    return list;
}

/* Devices and objects come and go */

void qmp_device_add(json_object *args, GError **err)
{
    device_add_from_dict(args, err);
}

void device_events_init(void)
{
    device_removed_hook = qapi_event_send_device_deleted;
}

void qmp_device_del(const DeviceDelArgs *args, GError **err)
{
    Device *dev = device_find(args->id);
    if (!dev) {
        g_set_error(err, RHEA_ERROR, ERR_DEVICE_NOT_FOUND, "Device '%s' not found", args->id);
        return;
    }
    for (const Type *type = OBJECT(dev)->type; type_is_a(type, &device_type.type); type = type->parent) {
        if (((const DeviceType *)type)->no_hotplug) {
            error_set(err, "Device '%s' does not support hot-unplugging", args->id);
            return;
        }
    }
    Object *home = OBJECT(dev)->parent;
    bool users = home == object_container("/machine/peripheral") || home == object_container("/machine/peripheral-anon");
    /* What sits on no bus but can go by itself does so wherever it came from: the machine's own CPUs. */
    if (!device_leaves_alone(dev) && (!dev->bus || !users)) {
        error_set(err, "Device '%s' is part of the machine and can not be unplugged", args->id);
        return;
    }
    device_request_unplug(dev, err);
}

void qmp_object_add(json_object *args, GError **err)
{
    user_object_add(args, err);
}

void qmp_object_del(const ObjectDelArgs *args, GError **err)
{
    user_object_del(args->id, err);
}
