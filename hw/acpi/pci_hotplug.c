/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers of PCI hot-plug by ACPI (pci_hotplug.h). */
#include "hw/acpi/pci_hotplug.h"

#include <string.h>

#include "core/log.h"
#include "hw/machine.h"

TRACE_EVENT(acpi_pci_up, "bus %d slot %u");
TRACE_EVENT(acpi_pci_down, "bus %d slot %u");
TRACE_EVENT(acpi_pci_eject, "bus %u slot %u");

enum { HOTPLUG_UP = 0x00, HOTPLUG_DOWN = 0x04, HOTPLUG_EJECT = 0x08, HOTPLUG_REMOVABLE = 0x0c, HOTPLUG_SELECT = 0x10,
    HOTPLUG_INDEX = 0x14, HOTPLUG_GPE = 1 };

static PciBus *selected(const AcpiPciHotplug *h)
{
    return h->select < h->bus_count ? h->buses[h->select] : NULL;
}

int acpi_pci_hotplug_bsel(const AcpiPciHotplug *h, const PciBus *bus)
{
    for (unsigned i = 0; i < h->bus_count; i++) {
        if (h->buses[i] == bus) {
            return i;
        }
    }
    return -1;
}

/* Something of the board, or of a type that cannot be removed, keeps its slot. */
bool acpi_pci_hotplug_slot(const PciBus *bus, unsigned slot)
{
    for (unsigned func = 0; func < 8; func++) {
        const PciDevice *dev = bus->devices[PCI_DEVFN(slot, func)];
        if (!dev) {
            continue;
        }
        for (const Type *t = dev->device.object.type; type_is_a(t, &device_type.type); t = t->parent) {
            if (((const DeviceType *)t)->no_hotplug || ((const DeviceType *)t)->not_user_creatable) {
                return false;
            }
        }
        if (pci_device_type_of(dev)->header_type == PCI_HEADER_BRIDGE && !dev->device.hotplugged) {
            return false;                               /* bridges that are described in the DSDT stay */
        }
    }
    return true;
}

static void eject(AcpiPciHotplug *h, unsigned bsel, uint32_t slots)
{
    for (unsigned slot = 0; slots; slot++, slots >>= 1) {
        if ((slots & 1) && acpi_pci_hotplug_slot(h->buses[bsel], slot)) {
            trace(acpi_pci_eject, bsel, slot);
            h->up[bsel] &= ~(1u << slot);
            h->down[bsel] &= ~(1u << slot);
            pci_unplug(h->buses[bsel], slot);
        }
    }
}

static uint64_t hotplug_read(void *opaque, uint64_t offset, unsigned size)
{
    AcpiPciHotplug *h = opaque;
    PciBus *bus = selected(h);
    uint32_t value = 0;

    if (offset == HOTPLUG_SELECT) {
        return h->select;
    }
    if (!bus) {
        return 0;
    }
    switch (offset) {
    case HOTPLUG_UP:
        value = h->up[h->select];
        h->up[h->select] = 0;
        return value;
    case HOTPLUG_DOWN:
        return h->down[h->select];
    case HOTPLUG_REMOVABLE:
        for (unsigned slot = 0; (int)slot < bus->slots; slot++) {
            value |= acpi_pci_hotplug_slot(bus, slot) ? 1u << slot : 0;
        }
        return value;
    case HOTPLUG_INDEX: {
        const PciDevice *dev = h->index ? bus->devices[PCI_DEVFN(__builtin_ctz(h->index), 0)] : NULL;
        return dev ? dev->acpi_index : 0;
    }
    default:
        return 0;
    }
}

static void hotplug_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    AcpiPciHotplug *h = opaque;

    switch (offset) {
    case HOTPLUG_EJECT:
        if (selected(h)) {
            eject(h, h->select, value);
        }
        break;
    case HOTPLUG_SELECT:
        h->select = value;
        break;
    case HOTPLUG_INDEX:
        h->index = value;
        break;
    default:
        LOG(LOG_GUEST_ERROR, "ACPI PCI hot-plug: write of 0x%" PRIx64 " to read-only register 0x%" PRIx64 "\n",
            value, offset);
    }
}

static const MemoryOps hotplug_ops = { .read = hotplug_read, .write = hotplug_write, .valid = { 1, 4 },
    .impl = { 4, 4 } };

/* Coming and going */

static bool check(void *opaque, PciDevice *dev, int devfn, GError **err)
{
    return true;
}

static void plugged(void *opaque, PciDevice *dev)
{
    AcpiPciHotplug *h = opaque;
    int bsel = acpi_pci_hotplug_bsel(h, pci_device_bus(dev));

    if (bsel >= 0 && PCI_FUNC(dev->devfn) == 0) {       /* function 0 comes last and presents them all */
        trace(acpi_pci_up, bsel, PCI_SLOT(dev->devfn));
        h->up[bsel] |= 1u << PCI_SLOT(dev->devfn);
        acpi_pm_raise_gpe(h->pm, HOTPLUG_GPE);
    }
}

static bool unplug_request(void *opaque, PciDevice *dev, GError **err)
{
    AcpiPciHotplug *h = opaque;
    int bsel = acpi_pci_hotplug_bsel(h, pci_device_bus(dev));
    uint32_t bit = 1u << PCI_SLOT(dev->devfn);

    if (bsel < 0 || !acpi_pci_hotplug_slot(pci_device_bus(dev), PCI_SLOT(dev->devfn))) {
        return error_set(err, "Bus '%s' does not support hot-unplugging of slot %x", pci_device_bus(dev)->bus.name,
                         PCI_SLOT(dev->devfn));
    }
    if (dev->unplug_requested && (h->down[bsel] & bit)) {
        return error_set(err, "Device '%s' is already in the process of unplug",
                         dev->device.id ? dev->device.id : dev->device.object.type->name);
    }
    trace(acpi_pci_down, bsel, PCI_SLOT(dev->devfn));
    h->down[bsel] |= bit;
    acpi_pm_raise_gpe(h->pm, HOTPLUG_GPE);
    return true;
}

static const PciHotplug acpi_hotplug = { .check = check, .plugged = plugged, .unplug_request = unplug_request };

static void join(AcpiPciHotplug *h, PciBus *bus)
{
    if (h->bus_count < ACPI_PCI_HOTPLUG_BUSES) {
        h->buses[h->bus_count++] = bus;
        bus->hotplug = &acpi_hotplug;
        bus->hotplug_opaque = h;
    }
}

/* The root bus of an expander or a bus below it, where only ports of PCI Express can hot-plug. */
static bool behind_expander(const PciBus *bus)
{
    while (!bus->root_number && bus->bridge) {
        bus = pci_device_bus(bus->bridge);
    }
    return bus->root_number;
}

static void join_bridge(PciDevice *dev, void *opaque)
{
    PciBus *below = pci_bus_below(dev);
    /* A switch's upstream port has downstream ports behind it, which do not come and go. */
    if (below && !behind_expander(below) && !below->no_hotplug) {
        join(opaque, below);
    }
}

static void buses_join(void *opaque)
{
    AcpiPciHotplug *h = opaque;

    if (h->root_slots) {
        join(h, h->root);
    }
    if (h->bridges) {
        pci_foreach_device(h->root, join_bridge, h);
    }
}

static void reset_over(void *opaque)
{
    AcpiPciHotplug *h = opaque;

    for (unsigned bsel = 0; bsel < h->bus_count; bsel++) {
        eject(h, bsel, h->down[bsel]);
        h->down[bsel] = 0;
    }
}

void acpi_pci_hotplug_init(AcpiPciHotplug *h, Device *owner, AcpiPm *pm, PciBus *root, MemoryRegion *io, uint16_t base)
{
    h->pm = pm;
    h->root = root;
    memory_region_init_io(&h->region, OBJECT(owner), &hotplug_ops, h, "acpi-pci-hotplug", ACPI_PCI_HOTPLUG_BYTES);
    memory_region_add(io, base, &h->region);
    h->reset_over = bh_new(NULL, reset_over, h);
    machine_on_done(buses_join, h);
}

void acpi_pci_hotplug_reset(AcpiPciHotplug *h)
{
    h->select = h->index = 0;
    memset(h->up, 0, sizeof(h->up));
    if (h->reset_over) {
        bh_schedule(h->reset_over);
    }
}

void acpi_pci_hotplug_loaded(AcpiPciHotplug *h)
{
    if (h->reset_over) {
        bh_cancel(h->reset_over);                       /* the loaded state decides */
    }
}

const StateField acpi_pci_hotplug_state[] = {
    STATE_U32(AcpiPciHotplug, select), STATE_U32(AcpiPciHotplug, index), STATE_U32_ARRAY(AcpiPciHotplug, up),
    STATE_U32_ARRAY(AcpiPciHotplug, down), { }
};
