/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug console: bytes written to one I/O port go to a chardev. Reading gives a fixed value by which firmware finds it.
 */
#include "chardev/chardev.h"
#include "hw/isa/isa.h"

typedef struct DebugCon { IsaDevice isa; MemoryRegion port; CharFrontend chr; uint32_t readback; } DebugCon;

static uint64_t debugcon_read(void *opaque, uint64_t offset, unsigned size)
{
    return ((DebugCon *)opaque)->readback;
}

static void debugcon_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    uint8_t byte = value;
    chardev_write_all(&((DebugCon *)opaque)->chr, &byte, 1);
}

static const MemoryOps debugcon_ops = {
    .read = debugcon_read, .write = debugcon_write, .impl = { .min = 1, .max = 1 },
};

static bool debugcon_realize(Device *dev, GError **err)
{
    DebugCon *s = DEVICE(DebugCon, dev);
    if (!s->chr.chr) {
        return error_set(err, "property 'chardev' is missing");
    }
    memory_region_init_io(&s->port, &dev->object, &debugcon_ops, s, "debugcon", 1);
    isa_register_ioport(&s->isa, &s->port, s->isa.iobase);
    return true;
}

static void debugcon_unrealize(Device *dev)
{
    chardev_detach(&DEVICE(DebugCon, dev)->chr);
    memory_region_destroy(&DEVICE(DebugCon, dev)->port);
}

static const Property debugcon_properties[] = {
    PROP_UINT32("iobase", DebugCon, isa.iobase, 0xe9, "I/O port"),
    PROP_UINT32("readback", DebugCon, readback, 0xe9, "what reading the port gives"),
    PROP_CHARDEV("chardev", DebugCon, chr, "id of the character device"),
    { }
};
static const StateField debugcon_state[] = { { } };     /* nothing outlives a write */

static const DeviceType debugcon_type = {
    .name = "isa-debugcon", .parent = &isa_device_type.type, .size = sizeof(DebugCon), .category = CATEGORY_INPUT,
    .description = "debug console port", .properties = debugcon_properties, .state = debugcon_state,
    .realize = debugcon_realize, .unrealize = debugcon_unrealize,
};
TYPE_REGISTER(debugcon_type);
