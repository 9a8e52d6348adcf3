/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices made by the user: -device, device_add, their help, and lookup by id. */
#include "core/device.h"

#include <stdio.h>
#include <string.h>

#include "core/option.h"

static bool is_creatable(const Type *type)
{
    return !type->is_abstract && !((const DeviceType *)type)->not_user_creatable;
}

typedef struct AliasSearch { const char *name; const Type *found; } AliasSearch;

static void match_alias(const Type *type, void *opaque)
{
    AliasSearch *search = opaque;
    if (!g_strcmp0(((const DeviceType *)type)->alias, search->name)) {
        search->found = type;
    }
}

const DeviceType *device_type_find(const char *name)
{
    AliasSearch search = { .name = name, .found = type_find(name) };

    if (!search.found) {
        type_foreach(&device_type.type, match_alias, &search);
    }
    return type_is_a(search.found, &device_type.type) ? (const DeviceType *)search.found : NULL;
}

static void add_creatable(const Type *type, void *nearest)
{
    if (is_creatable(type)) {
        nearest_add(nearest, type->name);
        if (((const DeviceType *)type)->alias) {
            nearest_add(nearest, ((const DeviceType *)type)->alias);
        }
    }
}

static const DeviceType *creatable_type(const char *name, GError **err)
{
    const DeviceType *type = device_type_find(name);
    NearestWord nearest;

    if (!type) {
        nearest_init(&nearest, name);
        type_foreach(&device_type.type, add_creatable, &nearest);
        error_set(err, "'%s' is not a valid device model name%s", name, nearest_hint(&nearest));
        return NULL;
    }
    if (type->is_abstract) {
        error_set(err, "Parameter 'driver' expects a non-abstract device type, not '%s'", name);
        return NULL;
    }
    if (type->not_user_creatable) {
        error_set(err, "Parameter 'driver' expects a pluggable device type; '%s' is part of a board", name);
        return NULL;
    }
    if (globals_started() && type->no_hotplug) {
        error_set(err, "Device '%s' does not support hotplugging", name);
        return NULL;
    }
    return type;
}

static bool check_id(const char *id, GError **err)
{
    if (!id_is_valid(id)) {
        return error_set(err, "Parameter 'id' expects an identifier (letters, digits, '-', '.', '_', beginning with a "
                         "letter), not '%s'", id);
    }
    Object *home = object_container("/machine/peripheral");
    if (home->children && g_hash_table_contains(home->children, id)) {
        return error_set(err, "Duplicate ID '%s' for device", id);
    }
    return true;
}

/* String member @key of @args; *@out stays NULL if it is not there. False if it is no string. */
static bool string_arg(json_object *args, const char *key, const char **out, GError **err)
{
    json_object *value;

    if (json_object_object_get_ex(args, key, &value)) {
        *out = dict_str(args, key);
        if (!*out) {
            return error_set(err, "Invalid parameter type for '%s', expected: string", key);
        }
    }
    return true;
}

Device *device_add_from_dict(json_object *args, GError **err)
{
    static const char *const skip[] = { "driver", "id", "bus", NULL };
    const char *driver = NULL, *id = NULL, *bus_name = NULL;
    Bus *bus = NULL;

    if (!string_arg(args, "driver", &driver, err) || !string_arg(args, "id", &id, err) ||
        !string_arg(args, "bus", &bus_name, err)) {
        return NULL;
    }
    if (!driver) {
        error_set(err, "Parameter 'driver' is missing");
        return NULL;
    }
    const DeviceType *type = creatable_type(driver, err);
    if (!type || (id && !check_id(id, err)) || (bus_name && !(bus = bus_find(bus_name, err)))) {
        return NULL;
    }
    Device *dev = device_new(type);
    dev->hotplugged = globals_started();
    dev->id = g_strdup(id);
    if (id) {
        object_add_child(object_container("/machine/peripheral"), id, &dev->object);
    } else {
        object_add_child(object_container("/machine/peripheral-anon"), "device[*]", &dev->object);
    }
    if (!object_set_dict(&dev->object, args, skip, err)) {
        object_unparent(&dev->object);
        return NULL;
    }
    return device_realize(dev, bus, err) ? dev : NULL;
}

Device *device_find(const char *id_or_path)
{
    Object *obj = NULL;

    if (id_or_path[0] == '/') {
        obj = object_resolve(id_or_path, NULL);
    } else {
        Object *home = object_container("/machine/peripheral");
        obj = home->children ? g_hash_table_lookup(home->children, id_or_path) : NULL;
        if (!obj) {
            obj = object_resolve(id_or_path, NULL);
        }
    }
    return object_is_a(obj, &device_type.type) ? (Device *)obj : NULL;
}

/* --- help --- */

static const struct { DeviceCategory category; const char *title; } help_order[] = {
    { CATEGORY_BRIDGE, "Controller/Bridge/Hub" }, { CATEGORY_USB, "USB" }, { CATEGORY_STORAGE, "Storage" },
    { CATEGORY_NETWORK, "Network" }, { CATEGORY_INPUT, "Input" }, { CATEGORY_DISPLAY, "Display" },
    { CATEGORY_SOUND, "Sound" }, { CATEGORY_MISC, "Misc" }, { CATEGORY_CPU, "CPU" }, { CATEGORY_WATCHDOG, "Watchdog" },
};
G_STATIC_ASSERT(G_N_ELEMENTS(help_order) == CATEGORY_COUNT);

static void collect_creatable(const Type *type, void *list)
{
    if (is_creatable(type)) {
        g_ptr_array_add(list, (void *)type);
    }
}

static int compare_types(const void *a, const void *b)
{
    return g_ascii_strcasecmp((*(const Type *const *)a)->name, (*(const Type *const *)b)->name);
}

/* A type without category of its own (MISC is 0) is in its parent's. */
static DeviceCategory category_of(const DeviceType *type)
{
    const Type *t = &type->type;
    while (t != &object_type && !((const DeviceType *)t)->category) {
        t = t->parent;
    }
    return t == &object_type ? CATEGORY_MISC : ((const DeviceType *)t)->category;
}

static void print_type(const DeviceType *type)
{
    const BusType *bus = device_bus_type(&type->type);

    printf("name \"%s\"", type->name);
    if (bus) {
        printf(", bus %s", bus->name);
    }
    if (type->alias) {
        printf(", alias \"%s\"", type->alias);
    }
    if (type->description) {
        printf(", desc \"%s\"", type->description);
    }
    putchar('\n');
}

void device_print_help(const Type *type)
{
    bool any_category = false;

    if (type) {
        type_print_options(type);
        return;
    }
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    type_foreach(&device_type.type, collect_creatable, list);
    g_ptr_array_sort(list, compare_types);
    for (size_t c = 0; c < G_N_ELEMENTS(help_order); c++) {
        bool any = false;
        for (unsigned i = 0; i < list->len; i++) {
            const DeviceType *t = list->pdata[i];
            if (category_of(t) != help_order[c].category) {
                continue;
            }
            if (!any) {
                printf("%s%s devices:\n", any_category ? "\n" : "", help_order[c].title);
            }
            any = any_category = true;
            print_type(t);
        }
    }
}
