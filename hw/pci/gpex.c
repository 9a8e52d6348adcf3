/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/pci/gpex.h"

#include "hw/pci/pci_host.h"

typedef struct GpexHost {
    Device device;
    GpexConfig config;
    PciHost host;
    PciBus bus;
    MemoryRegion mmio, io, window32, window64;
} GpexHost;

static const StateField no_state[] = { { } };

static const PciDeviceType gpex_root_type = {
    .name = "gpex-root", .parent = &pci_device_type.type, .size = sizeof(PciDevice), .category = CATEGORY_BRIDGE,
    .description = "Host bridge of the generic PCI Express host", .not_user_creatable = true, .no_hotplug = true,
    .vendor_id = PCI_VENDOR_REDHAT, .device_id = 0x0008, .class_id = PCI_CLASS_BRIDGE_HOST, .state = no_state,
};
TYPE_REGISTER(gpex_root_type);

static void irq_changed(void *opaque, int line, int level)
{
    irq_set(((GpexHost *)opaque)->config.irqs[line], level);
}

static bool gpex_realize(Device *dev, GError **err)
{
    GpexHost *s = DEVICE(GpexHost, dev);
    const GpexConfig *c = &s->config;
    MemoryRegion *system = system_memory();

    memory_region_init_alias(&s->window32, OBJECT(dev), "pcie-mmio32", &s->mmio, c->mmio32_base, c->mmio32_bytes);
    memory_region_add(system, c->mmio32_base, &s->window32);
    memory_region_init_alias(&s->window64, OBJECT(dev), "pcie-mmio64", &s->mmio, c->mmio64_base, c->mmio64_bytes);
    memory_region_add(system, c->mmio64_base, &s->window64);
    pci_host_init(&s->host, dev, &s->bus, NULL);
    pci_host_map_ecam(&s->host, system, c->ecam_base, c->ecam_bytes);
    pci_bus_set_irqs(&s->bus, irq_changed, pci_swizzle, s, GPEX_IRQS);
    return true;
}

static const DeviceType gpex_host_type = {
    .name = "gpex-pcihost", .parent = &device_type.type, .size = sizeof(GpexHost), .category = CATEGORY_BRIDGE,
    .description = "Generic PCI Express host", .bus = &system_bus_type.type, .not_user_creatable = true,
    .no_hotplug = true, .state = no_state, .realize = gpex_realize,
};
TYPE_REGISTER(gpex_host_type);

PciBus *gpex_create(const GpexConfig *config)
{
    GpexHost *s = (GpexHost *)device_new(&gpex_host_type);

    s->config = *config;
    memory_region_init(&s->mmio, &s->device.object, "gpex_mmio_window", REGION_SIZE_MAX);
    memory_region_init(&s->io, &s->device.object, "gpex_ioport_window", 0x10000);
    pci_bus_init(&s->bus, &pcie_bus_type, &s->device, "pcie.0", &s->mmio, &s->io, 0);
    device_realize_onboard(&s->device, system_bus());
    pci_create(&s->bus, &gpex_root_type, PCI_DEVFN(0, 0));
    return &s->bus;
}
