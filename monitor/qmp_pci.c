/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP query-pci: buses with their devices, as firmware and guest have set them up. */
#include "hw/pci/pci.h"
#include "hw/pci/pci_regs.h"
#include "qapi/qapi.h"

static PciMemoryRange *range(uint64_t base, uint64_t limit)
{
    PciMemoryRange *r = g_new0(PciMemoryRange, 1);
    r->base = base;
    r->limit = limit;
    return r;
}

static void add_bar(GPtrArray *list, const PciDevice *dev, unsigned n)
{
    const PciBar *bar = &dev->bars[n];
    if (!bar->size) {
        return;
    }
    PciMemoryRegion *r = g_new0(PciMemoryRegion, 1);
    r->bar = n;
    r->type = g_strdup(bar->type == PCI_BAR_IO ? "io" : "memory");
    r->address = bar->addr;                     /* all ones: not mapped */
    r->size = bar->size;
    if (bar->type != PCI_BAR_IO) {
        r->has_prefetch = r->has_mem_type_64 = true;
        r->prefetch = bar->type == PCI_BAR_MEM32_PREFETCH || bar->type == PCI_BAR_MEM64_PREFETCH;
        r->mem_type_64 = bar->type == PCI_BAR_MEM64 || bar->type == PCI_BAR_MEM64_PREFETCH;
    }
    g_ptr_array_add(list, r);
}

static PciBridgeInfo *bridge_info(const PciDevice *dev)
{
    PciBridgeInfo *info = g_new0(PciBridgeInfo, 1);
    PciBusInfo *bus = info->bus = g_new0(PciBusInfo, 1);
    uint64_t upper_base = pci_get32(dev, PCI_PREF_BASE_UPPER32), upper_limit = pci_get32(dev, PCI_PREF_LIMIT_UPPER32);

    bus->number = pci_get8(dev, PCI_PRIMARY_BUS);
    bus->secondary = pci_get8(dev, PCI_SECONDARY_BUS);
    bus->subordinate = pci_get8(dev, PCI_SUBORDINATE_BUS);
    bus->io_range = range((pci_get8(dev, PCI_IO_BASE) & 0xf0) << 8, (pci_get8(dev, PCI_IO_LIMIT) & 0xf0) << 8 | 0xfff);
    bus->memory_range = range((uint32_t)(pci_get16(dev, PCI_MEMORY_BASE) & 0xfff0) << 16,
                              (uint32_t)(pci_get16(dev, PCI_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff);
    bus->prefetchable_range = range(upper_base << 32 | (uint32_t)(pci_get16(dev, PCI_PREF_MEMORY_BASE) & 0xfff0) << 16,
                                    upper_limit << 32 | (uint32_t)(pci_get16(dev, PCI_PREF_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff);
    return info;
}

typedef struct Listing { PciBus *bus; GPtrArray *list; } Listing;

static GPtrArray *devices_of(PciBus *bus);

/* The bus that a bridge makes; NULL: none. */
static PciBus *bus_below(const PciDevice *dev)
{
    return dev->device.buses && dev->device.buses->len ? dev->device.buses->pdata[0] : NULL;
}

static void add_device(PciDevice *dev, void *opaque)
{
    const Listing *l = opaque;
    if (pci_device_bus(dev) != l->bus) {
        return;                                 /* it is listed with its own bus */
    }
    PciDeviceInfo *info = g_new0(PciDeviceInfo, 1);
    uint16_t class_id = pci_get16(dev, PCI_CLASS);
    info->bus = pci_bus_number(l->bus);
    info->slot = PCI_SLOT(dev->devfn);
    info->function = PCI_FUNC(dev->devfn);
    info->class_info = g_new0(PciDeviceClass, 1);
    info->class_info->class = class_id;
    info->class_info->desc = g_strdup(pci_class_name(class_id));
    info->id = g_new0(PciDeviceId, 1);
    info->id->device = pci_get16(dev, PCI_DEVICE_ID);
    info->id->vendor = pci_get16(dev, PCI_VENDOR_ID);
    bool is_bridge = (pci_get8(dev, PCI_HEADER_TYPE) & ~PCI_HEADER_MULTIFUNCTION) == PCI_HEADER_BRIDGE;
    if (!is_bridge) {
        info->id->has_subsystem = info->id->has_subsystem_vendor = true;
        info->id->subsystem = pci_get16(dev, PCI_SUBSYSTEM_ID);
        info->id->subsystem_vendor = pci_get16(dev, PCI_SUBSYSTEM_VENDOR_ID);
    }
    info->irq_pin = pci_get8(dev, PCI_INTERRUPT_PIN);
    info->has_irq = info->irq_pin != 0;
    info->irq = pci_get8(dev, PCI_INTERRUPT_LINE);
    info->qdev_id = g_strdup(dev->device.id ? dev->device.id : "");
    if (is_bridge) {
        info->pci_bridge = bridge_info(dev);
        if (bus_below(dev) && pci_get8(dev, PCI_SECONDARY_BUS)) {
            info->pci_bridge->devices = devices_of(bus_below(dev));
        }
    }
    info->regions = pci_memory_region_list_new();
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        add_bar(info->regions, dev, n);
    }
    g_ptr_array_add(l->list, info);
}

static GPtrArray *devices_of(PciBus *bus)
{
    Listing l = { bus, pci_device_info_list_new() };
    pci_foreach_device(bus, add_device, &l);
    return l.list;
}

GPtrArray *qmp_query_pci(GError **err)
{
    GPtrArray *list = pci_info_list_new();
    PciBus *root = pci_root_bus();
    if (root) {
        PciInfo *info = g_new0(PciInfo, 1);
        info->bus = pci_bus_number(root);
        info->devices = devices_of(root);
        g_ptr_array_add(list, info);
    }
    return list;
}
