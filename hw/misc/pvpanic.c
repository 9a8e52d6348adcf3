/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic: one byte by which a guest says what became of it, as an ISA port (pvpanic) or in a BAR (pvpanic-pci).
 *
 * Reading tells which events the host knows; writing reports them. Interface: QEMU's "PVPANIC DEVICE".
 */
#include "core/log.h"
#include "core/vm.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

enum { PVPANIC_PANICKED = 1 << 0, PVPANIC_CRASH_LOADED = 1 << 1, PVPANIC_SHUTDOWN = 1 << 2, PVPANIC_EVENTS = 7 };
enum { PVPANIC_PORT = 0x505, PVPANIC_PCI_BYTES = 2 };

typedef struct PvpanicIsa { IsaDevice isa; MemoryRegion region; uint16_t port; uint8_t events; } PvpanicIsa;
typedef struct PvpanicPci { PciDevice pci; MemoryRegion region; uint8_t events; } PvpanicPci;

static uint64_t pvpanic_read(void *opaque, uint64_t offset, unsigned size)
{
    return *(const uint8_t *)opaque;
}

/* Whatever events the device was told to offer: what the guest reports, the host hears. */
static void pvpanic_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    if (value & ~(uint64_t)PVPANIC_EVENTS) {
        LOG(LOG_GUEST_ERROR, "pvpanic: unknown events 0x%" PRIx64 "\n", value);
    }
    if (value & PVPANIC_PANICKED) {
        vm_guest_panicked();
    } else if (value & PVPANIC_CRASH_LOADED) {
        vm_guest_crash_loaded();
    } else if (value & PVPANIC_SHUTDOWN) {
        vm_guest_pvshutdown();
    }
}

static const MemoryOps pvpanic_ops = {
    .read = pvpanic_read, .write = pvpanic_write, .valid = { 1, 4, .unaligned = true }, .impl = { 1, 1 },
};

static bool pvpanic_isa_realize(Device *dev, GError **err)
{
    PvpanicIsa *s = DEVICE(PvpanicIsa, dev);
    FwCfg *fw = fw_cfg_find();

    memory_region_init_io(&s->region, OBJECT(dev), &pvpanic_ops, &s->events, "pvpanic", 1);
    isa_register_ioport(&s->isa, &s->region, s->port);
    if (fw) {
        uint16_t *port = g_new(uint16_t, 1);            /* fw_cfg's for ever */
        *port = GUINT16_TO_LE(s->port);
        fw_cfg_add_file(fw, "etc/pvpanic-port", port, sizeof(*port));
    }
    return true;
}

static void pvpanic_isa_unrealize(Device *dev)
{
    memory_region_destroy(&DEVICE(PvpanicIsa, dev)->region);
}

static bool pvpanic_pci_realize(Device *dev, GError **err)
{
    PvpanicPci *s = DEVICE(PvpanicPci, dev);

    memory_region_init_io(&s->region, OBJECT(dev), &pvpanic_ops, &s->events, "pvpanic", 16);
    pci_register_bar(&s->pci, 0, PCI_BAR_MEM32, &s->region);
    return true;
}

static void pvpanic_pci_unrealize(Device *dev)
{
    memory_region_destroy(&DEVICE(PvpanicPci, dev)->region);
}

static const char events_text[] = "Events that the device offers: 1 panicked, 2 crash kernel loaded, 4 shut down";
static const Property pvpanic_isa_properties[] = {
    PROP_UINT16("ioport", PvpanicIsa, port, PVPANIC_PORT, "I/O port"),
    PROP_UINT8("events", PvpanicIsa, events, PVPANIC_EVENTS, events_text),
    { }
};
static const Property pvpanic_pci_properties[] = {
    PROP_UINT8("events", PvpanicPci, events, PVPANIC_EVENTS, events_text), { }
};
static const StateField no_state[] = { { } };

static const DeviceType pvpanic_type = {
    .name = "pvpanic", .parent = &isa_device_type.type, .size = sizeof(PvpanicIsa), .category = CATEGORY_MISC,
    .description = "reports panics of the guest (ISA)", .properties = pvpanic_isa_properties, .state = no_state,
    .no_hotplug = true, .realize = pvpanic_isa_realize, .unrealize = pvpanic_isa_unrealize,
};
TYPE_REGISTER(pvpanic_type);

static const PciDeviceType pvpanic_pci_type = {
    .name = "pvpanic-pci", .parent = &pci_device_type.type, .size = sizeof(PvpanicPci), .category = CATEGORY_MISC,
    .description = "reports panics of the guest (PCI)", .vendor_id = PCI_VENDOR_REDHAT, .device_id = 0x0011,
        .revision = 1,
    .class_id = PCI_CLASS_SYSTEM_OTHER, .properties = pvpanic_pci_properties, .state = no_state,
    .realize = pvpanic_pci_realize, .unrealize = pvpanic_pci_unrealize,
};
TYPE_REGISTER(pvpanic_pci_type);
