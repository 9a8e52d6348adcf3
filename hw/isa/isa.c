/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ISA bus: port rows of devices become I/O regions; interrupt wires go through the bus, so that a board may connect
 * them to its interrupt controllers after devices took them.
 */
#include "hw/isa/isa.h"

static IsaBus *machine_isa_bus;

/* A run of neighbouring port rows. */
typedef struct PortRun {
    MemoryRegion region;
    Device *dev;
    uint32_t first;             /* row offset of the region's start */
} PortRun;

static uint64_t run_read(void *opaque, uint64_t offset, unsigned size)
{
    PortRun *run = opaque;
    return registers_read(device_type_of(run->dev)->ports, run->dev, run->first + offset, size, UINT64_MAX);
}

static void run_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PortRun *run = opaque;
    registers_write(device_type_of(run->dev)->ports, run->dev, run->first + offset, size, value);
}

static const MemoryOps run_ops = {
    .read = run_read, .write = run_write, .valid = { 1, 4, .unaligned = true }, .impl = { 1, 4, .unaligned = true },
};

/* The lowest row that starts at or after @from; NULL: none. Rows need not be in order. */
static const Register *next_row(const Register *rows, uint32_t from)
{
    const Register *best = NULL;
    for (const Register *r = rows; r->width; r++) {
        if (r->offset >= from && (!best || r->offset < best->offset ||
                                  (r->offset == best->offset && r->width > best->width))) {
            best = r;
        }
    }
    return best;
}

/* The runs' memory stays until finalize: views that readers still hold refer to it. */
static void unmap_ports(IsaDevice *dev)
{
    for (guint i = 0; dev->regions && i < dev->regions->len; i++) {
        memory_region_destroy(&((PortRun *)g_ptr_array_index(dev->regions, i))->region);
    }
}

static bool map_ports(IsaDevice *dev, const Register *rows, GError **err)
{
    IsaBus *bus = isa_device_bus(dev);
    uint32_t from = 0;

    dev->regions = g_ptr_array_new_with_free_func(g_free);
    for (const Register *row = next_row(rows, 0); row; row = next_row(rows, from)) {
        uint32_t first = row->offset, end = first;
        for (; row && row->offset <= end; row = next_row(rows, row->offset + 1)) {
            end = MAX(end, row->offset + row->width);
        }
        if ((uint64_t)dev->iobase + end > 0x10000) {
            unmap_ports(dev);
            return error_set(err, "iobase 0x%x puts ports of %s beyond 0xffff", dev->iobase,
                             dev->device.object.type->name);
        }
        PortRun *run = g_new0(PortRun, 1);
        run->dev = &dev->device;
        run->first = first;
        memory_region_init_io(&run->region, OBJECT(dev), &run_ops, run, dev->device.object.type->name, end - first);
        memory_region_add(bus->io, dev->iobase + first, &run->region);
        g_ptr_array_add(dev->regions, run);
        from = end;
    }
    return true;
}

static bool isa_device_realize(Device *d, GError **err)
{
    IsaDevice *dev = ISA_DEVICE(d);
    const Register *rows = device_type_of(d)->ports;
    return !rows || map_ports(dev, rows, err);
}

static void isa_device_unrealize(Device *d)
{
    unmap_ports(ISA_DEVICE(d));
}

static void isa_device_finalize(Object *obj)
{
    g_clear_pointer(&ISA_DEVICE(obj)->regions, g_ptr_array_unref);
}

const DeviceType isa_device_type = {
    .name = "isa-device", .parent = &device_type.type, .size = sizeof(IsaDevice), .is_abstract = true,
    .bus = &isa_bus_type.type, .realize = isa_device_realize, .unrealize = isa_device_unrealize,
    .finalize = isa_device_finalize,
};
TYPE_REGISTER(isa_device_type);

static char *bus_device_path(Device *d)
{
    IsaBus *bus = ISA_BUS(d->bus);
    Device *owner = bus->bus.owner;
    const BusType *above = owner && owner->bus ? (const BusType *)owner->bus->object.type : NULL;
    g_autofree char *parent = above && above->device_path ? above->device_path(owner) : g_strdup("");
    uint32_t port = ISA_DEVICE(d)->iobase;

    const char *name = device_type_of(d)->firmware_name ? device_type_of(d)->firmware_name : d->object.type->name;

    return port ? g_strdup_printf("%s/%s@%04x", parent, name, port) : g_strdup_printf("%s/%s", parent, name);
}

const BusType isa_bus_type = { .name = "ISA", .parent = &bus_type.type, .size = sizeof(IsaBus),
    .device_path = bus_device_path };
TYPE_REGISTER(isa_bus_type);

void isa_bus_init(IsaBus *bus, Device *owner, const char *name, MemoryRegion *memory, MemoryRegion *io)
{
    bus_init(&bus->bus, &isa_bus_type, owner, name);
    bus->memory = memory;
    bus->io = io;
    if (!machine_isa_bus) {
        machine_isa_bus = bus;
    }
}

static void bus_irq(void *opaque, int n, int level)
{
    IsaBus *bus = opaque;
    irq_set(bus->lines[n], level);
}

void isa_bus_set_irqs(IsaBus *bus, IrqLine *const lines[ISA_IRQS])
{
    for (int i = 0; i < ISA_IRQS; i++) {
        bus->lines[i] = lines[i];
    }
}

IsaBus *isa_bus(void)
{
    return machine_isa_bus;
}

IrqLine *isa_bus_irq(IsaBus *bus, unsigned n)
{
    g_assert(n < ISA_IRQS);
    if (!bus->inputs) {
        bus->inputs = irq_lines_new(bus_irq, bus, ISA_IRQS);
    }
    return &bus->inputs[n];
}

IrqLine *isa_irq(IsaDevice *dev, unsigned n, GError **err)
{
    if (n >= ISA_IRQS) {
        error_set(err, "%s: interrupt %u is not one of the ISA bus's 0 to %d", dev->device.object.type->name, n,
                  ISA_IRQS - 1);
        return NULL;
    }
    return isa_bus_irq(isa_device_bus(dev), n);
}

void isa_register_ioport(IsaDevice *dev, MemoryRegion *region, uint32_t port)
{
    memory_region_add(isa_device_bus(dev)->io, port, region);
}

IsaDevice *isa_new(const DeviceType *type)
{
    return ISA_DEVICE(device_new(type));
}

IsaDevice *isa_create(IsaBus *bus, const DeviceType *type)
{
    return ISA_DEVICE(device_create_onboard(type, &bus->bus));
}

/* Bus without a chip set */

typedef struct IsaBridge { Device device; IsaBus bus; } IsaBridge;

static const StateField isabus_bridge_state[] = { { } };

static const DeviceType isabus_bridge_type = {
    .name = "isabus-bridge", .parent = &device_type.type, .size = sizeof(IsaBridge), .category = CATEGORY_BRIDGE,
    .bus = &system_bus_type.type, .description = "ISA bus without a chip set", .state = isabus_bridge_state,
    .not_user_creatable = true, .no_hotplug = true,
};
TYPE_REGISTER(isabus_bridge_type);

IsaBus *isa_bridge_create(MemoryRegion *memory, MemoryRegion *io, IrqLine *const lines[ISA_IRQS])
{
    IsaBridge *bridge = (IsaBridge *)device_new(&isabus_bridge_type);

    isa_bus_init(&bridge->bus, &bridge->device, "isa.0", memory, io);
    device_realize_onboard(&bridge->device, system_bus());
    isa_bus_set_irqs(&bridge->bus, lines);
    return &bridge->bus;
}
