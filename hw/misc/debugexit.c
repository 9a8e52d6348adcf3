/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-debug-exit: a write of V ends the emulator with exit status (V << 1) | 1, for test guests.
 */
#include "core/vm.h"
#include "hw/isa/isa.h"

typedef struct DebugExit { IsaDevice isa; MemoryRegion port; uint32_t size; } DebugExit;

static uint64_t debugexit_read(void *opaque, uint64_t offset, unsigned size)
{
    return 0;
}

static void debugexit_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    vm_request_shutdown_with_code(SHUTDOWN_CAUSE_GUEST_SHUTDOWN, ((int)value << 1 | 1) & 0xff);
}

static const MemoryOps debugexit_ops = {
    .read = debugexit_read, .write = debugexit_write, .valid = { .min = 1, .max = 4 }, .impl = { .min = 1, .max = 4 },
};

static bool debugexit_realize(Device *dev, GError **err)
{
    DebugExit *s = DEVICE(DebugExit, dev);
    memory_region_init_io(&s->port, &dev->object, &debugexit_ops, s, "isa-debug-exit", s->size);
    isa_register_ioport(&s->isa, &s->port, s->isa.iobase);
    return true;
}

static void debugexit_unrealize(Device *dev)
{
    memory_region_destroy(&DEVICE(DebugExit, dev)->port);
}

static const Property debugexit_properties[] = {
    PROP_UINT32("iobase", DebugExit, isa.iobase, 0x501, "first I/O port"),
    PROP_UINT32("iosize", DebugExit, size, 2, "number of ports", .min = 1, .max = 0x100),
    { }
};
static const StateField debugexit_state[] = { { } };

static const DeviceType debugexit_type = {
    .name = "isa-debug-exit", .parent = &isa_device_type.type, .size = sizeof(DebugExit), .category = CATEGORY_MISC,
    .description = "port that ends the emulator with a status", .properties = debugexit_properties,
    .state = debugexit_state, .realize = debugexit_realize, .unrealize = debugexit_unrealize,
};
TYPE_REGISTER(debugexit_type);
