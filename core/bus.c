/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buses: found by name or type, devices put on and taken off, reset.
 *
 * A bus is embedded in its owner's struct and goes with it. All buses are in one list, in order of creation, which is
 * the order in which a device without bus= looks for a free one.
 */
#include "core/device.h"

#include <string.h>

#include "core/device_internal.h"

static GPtrArray *all_buses;

static void bus_finalize(Object *obj)
{
    Bus *bus = (Bus *)obj;

    g_assert(!bus->devices || !bus->devices->len);
    g_ptr_array_remove(all_buses, bus);
    g_clear_pointer(&bus->devices, g_ptr_array_unref);
    g_clear_pointer(&bus->name, g_free);
}

const BusType bus_type = {
    .name = "bus", .parent = &object_type, .size = sizeof(Bus), .is_abstract = true, .finalize = bus_finalize,
};
TYPE_REGISTER(bus_type);

const BusType system_bus_type = { .name = "System", .parent = &bus_type.type };
TYPE_REGISTER(system_bus_type);

static const BusType *type_of(const Bus *bus)
{
    return (const BusType *)bus->object.type;
}

/* The nearest type from the leaf that has hook @field. */
#define BUS_HOOK(bus, field) ({ \
        const BusType *t_ = type_of(bus); \
        while (!t_->field && t_ != &bus_type) { t_ = (const BusType *)t_->parent; } \
        t_->field; })

static char *automatic_name(const BusType *type, const Device *owner)
{
    if (owner && owner->id) {
        return g_strdup_printf("%s.%u", owner->id, owner->buses ? owner->buses->len : 0);
    }
    g_autofree char *lower = g_ascii_strdown(type->name, -1);
    for (unsigned n = 0; ; n++) {
        g_autofree char *name = g_strdup_printf("%s.%u", lower, n);
        bool taken = false;
        for (unsigned i = 0; i < all_buses->len; i++) {
            taken |= !strcmp(((Bus *)all_buses->pdata[i])->name, name);
        }
        if (!taken) {
            return g_steal_pointer(&name);
        }
    }
}

void bus_init(Bus *bus, const BusType *type, Device *owner, const char *name)
{
    if (!all_buses) {
        all_buses = g_ptr_array_new();
    }
    object_init_embedded(&bus->object, &type->type);
    bus->owner = owner;
    bus->name = name ? g_strdup(name) : automatic_name(type, owner);
    bus->devices = g_ptr_array_new();
    g_ptr_array_add(all_buses, bus);
    if (owner) {
        if (!owner->buses) {
            owner->buses = g_ptr_array_new();
        }
        g_ptr_array_add(owner->buses, bus);
        object_add_child(&owner->object, bus->name, &bus->object);
    }
}

Bus *system_bus(void)
{
    static Bus *bus;
    if (!bus) {
        bus = g_new0(Bus, 1);
        bus_init(bus, &system_bus_type, NULL, "main-system-bus");
        object_add_child(object_container("/machine/unattached"), "sysbus", &bus->object);
    }
    return bus;
}

Bus *bus_find(const char *path_or_name, GError **err)
{
    NearestWord nearest;

    if (path_or_name[0] == '/') {
        Object *obj = object_resolve(path_or_name, NULL);
        if (object_is_a(obj, &bus_type.type)) {
            return (Bus *)obj;
        }
        error_set(err, "Bus '%s' not found", path_or_name);
        return NULL;
    }
    nearest_init(&nearest, path_or_name);
    for (unsigned i = 0; all_buses && i < all_buses->len; i++) {
        Bus *bus = all_buses->pdata[i];
        if (!strcmp(bus->name, path_or_name)) {
            return bus;
        }
        nearest_add(&nearest, bus->name);
    }
    error_set(err, "Bus '%s' not found%s", path_or_name, nearest_hint(&nearest));
    return NULL;
}

void bus_foreach_device(Bus *bus, void (*fn)(Device *dev, void *opaque), void *opaque)
{
    for (unsigned i = 0; i < bus->devices->len; i++) {
        Device *dev = bus->devices->pdata[i];
        fn(dev, opaque);
        for (unsigned b = 0; dev->buses && b < dev->buses->len; b++) {
            bus_foreach_device(dev->buses->pdata[b], fn, opaque);
        }
    }
}

const BusType *device_bus_type(const Type *type)
{
    for (; type && type != &object_type; type = type->parent) {
        const DeviceType *t = (const DeviceType *)type;
        if (t->bus) {
            return (const BusType *)t->bus;
        }
    }
    return NULL;
}

static bool is_full(const Bus *bus)
{
    unsigned max = 0;
    for (const Type *t = bus->object.type; !max && t != &object_type; t = t->parent) {
        max = ((const BusType *)t)->max_devices;
    }
    return max && bus->devices->len >= max;
}

bool bus_choose(Device *dev, Bus **bus, GError **err)
{
    const BusType *wanted = device_bus_type(dev->object.type);
    const char *name = dev->object.type->name;
    Bus *full = NULL;

    if (!wanted) {
        return !*bus || error_set(err, "Device '%s' plugs into no bus, so not into '%s'", name, (*bus)->name);
    }
    if (*bus) {
        if (!type_is_a((*bus)->object.type, &wanted->type)) {
            return error_set(err, "Device '%s' can't go on %s bus", name, type_of(*bus)->name);
        }
        return !is_full(*bus) || error_set(err, "Bus '%s' is full", (*bus)->name);
    }
    if (type_is_a(&system_bus_type.type, &wanted->type)) {
        *bus = system_bus();
        return true;
    }
    for (unsigned i = 0; all_buses && i < all_buses->len; i++) {
        Bus *candidate = all_buses->pdata[i];
        if (!type_is_a(candidate->object.type, &wanted->type)) {
            continue;
        }
        if (!is_full(candidate)) {
            *bus = candidate;
            return true;
        }
        full = candidate;
    }
    if (full) {
        return error_set(err, "Bus '%s' is full, and there is no other '%s' bus for device '%s'", full->name,
                         wanted->name, name);
    }
    return error_set(err, "No '%s' bus found for device '%s'", wanted->name, name);
}

bool bus_attach(Bus *bus, Device *dev, GError **err)
{
    bool (*attach)(Bus *, Device *, GError **) = BUS_HOOK(bus, attach);

    dev->bus = bus;
    if (attach && !attach(bus, dev, err)) {
        dev->bus = NULL;
        return false;
    }
    g_ptr_array_add(bus->devices, dev);
    return true;
}

void bus_detach(Device *dev)
{
    Bus *bus = dev->bus;
    void (*detach)(Bus *, Device *) = BUS_HOOK(bus, detach);

    g_ptr_array_remove(bus->devices, dev);
    if (detach) {
        detach(bus, dev);
    }
    dev->bus = NULL;
}

/* The same of a device's type. */
#define DEVICE_HOOK(dev, field) ({ \
        const DeviceType *t_ = device_type_of(dev); \
        while (!t_->field && t_ != &device_type) { t_ = (const DeviceType *)t_->parent; } \
        t_->field; })

bool device_leaves_alone(const Device *dev) { return !dev->bus && DEVICE_HOOK(dev, unplug_request); }

void bus_plugged(Device *dev)
{
    void (*plugged)(Bus *, Device *) = dev->bus ? BUS_HOOK(dev->bus, plugged) : NULL;
    void (*alone)(Device *) = dev->bus ? NULL : DEVICE_HOOK(dev, plugged);

    if (alone) {
        alone(dev);
    }
    if (plugged) {
        plugged(dev->bus, dev);
    }
}

bool bus_unplug_request(Device *dev, bool *asked, GError **err)
{
    bool (*request)(Bus *, Device *, GError **) = dev->bus ? BUS_HOOK(dev->bus, unplug_request) : NULL;

    bool (*alone)(Device *, GError **) = dev->bus ? NULL : DEVICE_HOOK(dev, unplug_request);

    *asked = request || alone;
    return (!request || request(dev->bus, dev, err)) && (!alone || alone(dev, err));
}

void bus_reset(Bus *bus, ResetKind kind)
{
    void (*reset)(Bus *, ResetKind) = BUS_HOOK(bus, reset);

    for (unsigned i = 0; i < bus->devices->len; i++) {
        device_reset(bus->devices->pdata[i], kind);
    }
    if (reset) {
        reset(bus, kind);
    }
}
