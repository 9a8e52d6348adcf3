/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life of devices: properties -> realize -> reset ... unrealize, and whole-machine reset.
 *
 *   device_realize(): bus found, place in the tree, bus `attach`, each type's `realize` from root to leaf, cold reset.
 *   Whatever fails undoes what was done, in reverse, and the device leaves the tree.
 *
 * Invariants: a realized device is in the tree; one with a bus is in bus->devices once; its properties without
 * `runtime` are frozen. Timers named in the type's rows are initialised before `init` of any type below "device".
 */
#include "core/device.h"

#include <string.h>

#include "core/device_internal.h"
#include "core/object_internal.h"

unsigned device_type_chain(const Device *dev, const DeviceType *chain[TYPE_DEPTH_MAX])
{
    const Type *types[TYPE_DEPTH_MAX];
    unsigned n = type_chain(dev->object.type, types), count = 0;

    for (unsigned i = 0; i < n && types[i] != &object_type; i++) {
        chain[count++] = (const DeviceType *)types[i];
    }
    return count;
}

/* --- type "device" --- */

static json_object *get_realized(Object *obj, const Property *prop)
{
    return json_object_new_boolean(((Device *)obj)->realized);
}

static json_object *get_hotplugged(Object *obj, const Property *prop)
{
    return json_object_new_boolean(((Device *)obj)->hotplugged);
}

static json_object *get_hotpluggable(Object *obj, const Property *prop)
{
    const DeviceType *type = device_type_of(obj);
    return json_object_new_boolean(!type->not_user_creatable && !type->no_hotplug);
}

static json_object *get_parent_bus(Object *obj, const Property *prop)
{
    Bus *bus = ((Device *)obj)->bus;
    g_autofree char *path = bus ? object_path(&bus->object) : NULL;
    return json_object_new_string(path ? path : "");
}

static const Property device_properties[] = {
    PROP_VIRTUAL("realized", "bool", get_realized, NULL, NULL),
    PROP_VIRTUAL("hotpluggable", "bool", get_hotpluggable, NULL, NULL),
    PROP_VIRTUAL("hotplugged", "bool", get_hotplugged, NULL, NULL),
    PROP_VIRTUAL("parent_bus", "link<bus>", get_parent_bus, NULL, NULL),
    { }
};

static void device_init(Object *obj)
{
    const DeviceType *chain[TYPE_DEPTH_MAX];
    unsigned n = device_type_chain((Device *)obj, chain);

    for (unsigned i = 0; i < n; i++) {
        for (const DeviceTimer *row = chain[i]->timers; row && row->fn; row++) {
            timer_init((Timer *)((char *)obj + row->offset), NULL, row->clock, row->fn, obj);
        }
    }
}

static void device_finalize(Object *obj)
{
    Device *dev = (Device *)obj;

    g_assert(!dev->realized);
    device_stop_timers(dev);
    g_clear_pointer(&dev->buses, g_ptr_array_unref);
    g_clear_pointer(&dev->wires, g_ptr_array_unref);
    g_clear_pointer(&dev->id, g_free);
}

const DeviceType device_type = {
    .name = "device", .parent = &object_type, .size = sizeof(Device), .is_abstract = true,
    .properties = device_properties,
    .init = device_init, .finalize = device_finalize,
};
TYPE_REGISTER(device_type);

void device_stop_timers(Device *dev)
{
    const DeviceType *chain[TYPE_DEPTH_MAX];
    unsigned n = device_type_chain(dev, chain);

    for (unsigned i = 0; i < n; i++) {
        for (const DeviceTimer *row = chain[i]->timers; row && row->fn; row++) {
            timer_stop((Timer *)((char *)dev + row->offset));
        }
    }
}

/* --- realize --- */

Device *device_new(const DeviceType *type)
{
    g_assert(type_is_a(&type->type, &device_type.type));
    return (Device *)object_new(&type->type);
}

/* Devices on no bus and in no other device, in order of realize: reset_all() begins with them. */
static GPtrArray *roots;

static bool sits_in_device(const Device *dev)
{
    for (const Object *o = dev->object.parent; o; o = o->parent) {
        if (object_is_a(o, &device_type.type)) {
            return true;
        }
    }
    return false;
}

static void unrealize_types(Device *dev, const DeviceType **chain, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (chain[i]->unrealize) {
            chain[i]->unrealize(dev);
        }
    }
}

static bool realize_types(Device *dev, GError **err)
{
    const DeviceType *chain[TYPE_DEPTH_MAX];
    unsigned n = device_type_chain(dev, chain);

    for (unsigned i = n; i-- > 0; ) {
        if (chain[i]->realize && !chain[i]->realize(dev, err)) {
            unrealize_types(dev, chain + i + 1, n - i - 1);
            return false;
        }
    }
    return true;
}

static bool realize_child_left(Object *child, void *opaque);

/* Children and buses that a failed or ending device still has in service. */
static void unrealize_below(Device *dev)
{
    for (unsigned i = 0; dev->buses && i < dev->buses->len; i++) {
        Bus *bus = dev->buses->pdata[i];
        while (bus->devices->len) {
            device_unrealize(bus->devices->pdata[bus->devices->len - 1]);
        }
    }
}

static bool realize_child_left(Object *child, void *opaque)
{
    if (object_is_a(child, &device_type.type) && ((Device *)child)->realized) {
        device_unrealize((Device *)child);
    }
    return true;
}

static bool realize_on(Device *dev, Bus *bus, GError **err)
{
    if (bus && !bus_attach(bus, dev, err)) {
        return false;
    }
    if (!realize_types(dev, err)) {
        unrealize_below(dev);
        object_foreach_child(&dev->object, realize_child_left, NULL);
        device_stop_timers(dev);
        if (bus) {
            bus_detach(dev);
        }
        return false;
    }
    return true;
}

bool device_realize(Device *dev, Bus *bus, GError **err)
{
    g_assert(!dev->realized);
    if (!dev->object.parent) {
        if (dev->id) {
            object_add_child(object_container("/machine/peripheral"), dev->id, &dev->object);
        } else {
            object_add_child(object_container("/machine/unattached"), "device[*]", &dev->object);
        }
    }
    if (!bus_choose(dev, &bus, err) || !realize_on(dev, bus, err)) {
        object_unparent(&dev->object);
        return false;
    }
    dev->realized = true;
    dev->object.frozen = true;
    if (!bus && !sits_in_device(dev)) {
        if (!roots) {
            roots = g_ptr_array_new();
        }
        g_ptr_array_add(roots, dev);
    }
    device_reset(dev, RESET_COLD);
    if (dev->hotplugged) {
        bus_plugged(dev);
    }
    return true;
}

void device_realize_onboard(Device *dev, Bus *bus)
{
    const char *name = dev->object.type->name;
    GError *err = NULL;

    if (!device_realize(dev, bus, &err)) {
        g_prefix_error(&err, "on-board device %s: ", name);
        error_fatal(err);
    }
}

Device *device_create_onboard(const DeviceType *type, Bus *bus)
{
    Device *dev = device_new(type);
    device_realize_onboard(dev, bus);
    return dev;
}

void device_unrealize(Device *dev)
{
    const DeviceType *chain[TYPE_DEPTH_MAX];

    if (!dev->realized) {
        return;
    }
    object_ref(&dev->object);
    unrealize_below(dev);
    dev->realized = false;              /* hooks below see a device on its way out */
    unrealize_types(dev, chain, device_type_chain(dev, chain));
    object_foreach_child(&dev->object, realize_child_left, NULL);
    device_stop_timers(dev);
    if (dev->bus) {
        bus_detach(dev);
    }
    if (roots) {
        g_ptr_array_remove(roots, dev);
    }
    dev->object.frozen = false;
    object_unparent(&dev->object);
    object_unref(&dev->object);
}

void (*device_removed_hook)(const char *id, const char *path);

void device_remove(Device *dev)
{
    g_autofree char *id = g_strdup(dev->id), *path = object_path(&dev->object);

    device_unrealize(dev);
    if (device_removed_hook) {
        device_removed_hook(id, path);
    }
}

bool device_request_unplug(Device *dev, GError **err)
{
    bool asked;

    if (!bus_unplug_request(dev, &asked, err)) {
        return false;
    }
    if (!asked) {
        device_remove(dev);
    }
    return true;
}

/* --- reset --- */

static bool reset_child(Object *child, void *opaque)
{
    Device *dev = (Device *)child;
    if (object_is_a(child, &device_type.type) && dev->realized && !dev->bus) {
        device_reset(dev, *(ResetKind *)opaque);
    }
    return true;
}

void device_reset(Device *dev, ResetKind kind)
{
    const DeviceType *chain[TYPE_DEPTH_MAX];

    for (unsigned i = 0; dev->buses && i < dev->buses->len; i++) {
        bus_reset(dev->buses->pdata[i], kind);
    }
    object_foreach_child(&dev->object, reset_child, &kind);
    device_stop_timers(dev);
    for (unsigned i = device_type_chain(dev, chain); i-- > 0; ) {
        if (chain[i]->ports) {
            registers_reset(chain[i]->ports, dev);
        }
        if (chain[i]->reset) {
            chain[i]->reset(dev, kind);
        }
    }
}

typedef struct ResetHandler { ResetFn *fn; void *opaque; } ResetHandler;
static GArray *reset_handlers;

void reset_register(ResetFn *fn, void *opaque)
{
    ResetHandler handler = { fn, opaque };
    if (!reset_handlers) {
        reset_handlers = g_array_new(false, false, sizeof(ResetHandler));
    }
    g_array_append_val(reset_handlers, handler);
}

void reset_unregister(ResetFn *fn, void *opaque)
{
    for (unsigned i = 0; reset_handlers && i < reset_handlers->len; i++) {
        ResetHandler *h = &g_array_index(reset_handlers, ResetHandler, i);
        if (h->fn == fn && h->opaque == opaque) {
            g_array_remove_index(reset_handlers, i);
            return;
        }
    }
}

void reset_all(ResetKind kind)
{
    for (unsigned i = 0; reset_handlers && i < reset_handlers->len; i++) {
        ResetHandler h = g_array_index(reset_handlers, ResetHandler, i);
        h.fn(h.opaque, kind);
    }
    for (unsigned i = 0; roots && i < roots->len; i++) {
        device_reset(roots->pdata[i], kind);
    }
    bus_reset(system_bus(), kind);
}
