/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-ide: one IDE channel on the ISA bus, by programmed I/O only.
 *
 * A DMA command waits for a bus master that is not there, until the host gives it up by SRST: as on an AT's controller.
 * Spec: ATA-4 for the registers; the ports are the AT's.
 */
#include "hw/ide/ide.h"
#include "hw/isa/isa.h"

typedef struct IsaIde {
    IsaDevice isa;
    IdeBus bus;
    MemoryRegion command, control;
    IrqLine *irq;
    uint32_t control_port, irq_number;
} IsaIde;

static void dma_ready(IdeBus *bus, IdeDevice *dev) { }
static int64_t dma_segments(IdeBus *bus, GArray *segments, uint32_t max, uint32_t unit) { return -1; }
static void dma_rewind(IdeBus *bus) { }
static AddressSpace *dma_space(IdeBus *bus) { return address_space_memory(); }
static void dma_ended(IdeBus *bus, bool failed) { }
static void dma_cancel(IdeBus *bus) { }

static void set_irq(IdeBus *bus, int level)
{
    irq_set(((IsaIde *)bus->bus.owner)->irq, level);
}

static const IdeTransport pio_only = {
    .dma_ready = dma_ready, .dma_segments = dma_segments, .dma_rewind = dma_rewind, .dma_space = dma_space,
    .dma_ended = dma_ended, .dma_cancel = dma_cancel, .set_irq = set_irq,
};

/* "ID.0", or the first "ide.N" that no bus has. */
static char *bus_name(const Device *dev)
{
    if (dev->id) {
        return g_strdup_printf("%s.0", dev->id);
    }
    for (unsigned n = 0; ; n++) {
        g_autofree char *name = g_strdup_printf("ide.%u", n);
        if (!bus_find(name, NULL)) {
            return g_steal_pointer(&name);
        }
    }
}

static bool isa_ide_realize(Device *dev, GError **err)
{
    IsaIde *s = DEVICE(IsaIde, dev);
    g_autofree char *name = bus_name(dev);

    if (s->isa.iobase > 0x10000 - 8 || s->control_port > 0xffff) {
        return error_set(err, "isa-ide: iobase 0x%x or iobase2 0x%x is beyond the last port", s->isa.iobase,
                         s->control_port);
    }
    s->irq = isa_irq(&s->isa, s->irq_number, err);
    if (!s->irq) {
        return false;
    }
    ide_bus_init(&s->bus, dev, name, 0, IDE_UNITS, &pio_only);
    memory_region_init_io(&s->command, OBJECT(dev), &ide_command_ops, &s->bus, "ide-command", 8);
    memory_region_init_io(&s->control, OBJECT(dev), &ide_control_ops, &s->bus, "ide-control", 1);
    isa_register_ioport(&s->isa, &s->command, s->isa.iobase);
    isa_register_ioport(&s->isa, &s->control, s->control_port);
    return true;
}

static void isa_ide_unrealize(Device *dev)
{
    IsaIde *s = DEVICE(IsaIde, dev);
    memory_region_destroy(&s->command);
    memory_region_destroy(&s->control);
}

static const Property isa_ide_properties[] = {
    PROP_UINT32("iobase", IsaIde, isa.iobase, 0x1f0, "first port of the command block"),
    PROP_UINT32("iobase2", IsaIde, control_port, 0x3f6, "control port"),
    PROP_UINT32("irq", IsaIde, irq_number, 14, "ISA interrupt"),
    { }
};
static const StateField isa_ide_state[] = { STATE_STRUCT(IsaIde, bus, IdeBus, ide_bus_state), { } };

static bool isa_ide_post_load(Device *dev, unsigned version, GError **err)
{
    const IdeBus *bus = &DEVICE(IsaIde, dev)->bus;
    return bus->unit < IDE_UNITS || error_set(err, "IDE channel '%s': state is out of range", bus->bus.name);
}

static const DeviceType isa_ide_type = {
    .name = "isa-ide", .parent = &isa_device_type.type, .size = sizeof(IsaIde), .category = CATEGORY_STORAGE,
    .description = "IDE controller of an AT", .no_hotplug = true, .firmware_name = "ide",
        .properties = isa_ide_properties,
    .state = isa_ide_state, .realize = isa_ide_realize, .unrealize = isa_ide_unrealize, .post_load = isa_ide_post_load,
};
TYPE_REGISTER(isa_ide_type);
