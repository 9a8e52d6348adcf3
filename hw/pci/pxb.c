/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expander bridges: another root bus, with a number that the user chooses, beside the host bridge's own.
 *
 *   pxb-pcie: bus ID of PCI Express; root ports and bridges go there
 *   pxb:      a root bus with one pci-bridge, whose secondary bus is called ID; devices go behind it
 *
 * The expander itself is a function without registers on the main root bus. Its bus shares the main bus's memory and I/O
 * space; which part of it firmware uses, firmware decides. Firmware learns of extra roots by fw_cfg's
 * etc/extra-pci-roots, the operating system by a host bridge each in the DSDT, whose windows are what firmware chose.
 * Interrupt pins are routed as if the devices were on the main bus, at the same slot: firmware knows no other rule.
 */
#include "hw/pci/pxb.h"

#include "hw/firmware/fw_cfg.h"
#include "hw/machine.h"
#include "hw/numa.h"
#include "hw/pci/pci_bridge.h"

typedef struct Pxb {
    PciDevice pci;
    PciBus bus;
    uint8_t bus_nr;
    uint16_t numa_node;
    bool bypass_iommu;
} Pxb;

static GPtrArray *expanders;                    /* Pxb * */

static void announce(void *opaque)
{
    FwCfg *fw = fw_cfg_find();
    uint64_t count = GUINT64_TO_LE(expanders->len);

    if (fw && expanders->len) {
        fw_cfg_add_file(fw, "etc/extra-pci-roots", &count, sizeof(count));
    }
}

unsigned pxb_count(void)
{
    return expanders ? expanders->len : 0;
}

const PciBus *pxb_bus(unsigned n)
{
    return &((const Pxb *)expanders->pdata[n])->bus;
}

unsigned pxb_numa_node(unsigned n)
{
    return ((const Pxb *)expanders->pdata[n])->numa_node;
}

/* The pin of the expander that leads where the pin of a device at that slot of the main bus would. */
static int map_irq(PciDevice *dev, int pin)
{
    const PciDevice *pxb = pci_device_bus(dev)->bridge;

    return (pci_swizzle(dev, pin) - PCI_SLOT(pxb->devfn)) & (PCI_PINS - 1);
}

static bool expander_init(Pxb *s, const PciBusType *type, GError **err)
{
    PciDevice *dev = &s->pci;
    PciBus *main_bus = pci_device_bus(dev);
    bool express = type == &pcie_bus_type;
    const char *name = dev->device.object.type->name;
    g_autofree char *internal = express ? g_strdup(dev->device.id) :
        g_strdup_printf("%s-internal", dev->device.id ? dev->device.id : name);

    if (main_bus->bridge) {
        return error_set(err, "%s goes on the machine's main PCI bus, not on '%s'", name, main_bus->bus.name);
    }
    if (express != pci_bus_is_express(main_bus)) {
        return error_set(err, "%s cannot be on bus '%s', which is %sPCI Express", name, main_bus->bus.name,
                         express ? "not " : "");
    }
    if (!s->bus_nr) {
        return error_set(err, "property 'bus_nr' of %s is 0, which is the main bus's number", name);
    }
    for (guint i = 0; expanders && i < expanders->len; i++) {
        if (((const Pxb *)expanders->pdata[i])->bus_nr == s->bus_nr) {
            return error_set(err, "property 'bus_nr' of %s is %u, the number of another root bus", name, s->bus_nr);
        }
    }
    const NumaConfig *numa = current_machine->numa;
    if (s->numa_node != PXB_NUMA_UNASSIGNED && s->numa_node >= (numa ? numa->count : 0)) {
        return error_set(err, "property 'numa_node' of %s is %u, which -numa has not described", name, s->numa_node);
    }
    pci_set16(dev, PCI_STATUS, PCI_STATUS_66MHZ | PCI_STATUS_FAST_BACK);
    pci_bus_init(&s->bus, type, &dev->device, internal, main_bus->memory, main_bus->io, 0);
    s->bus.bridge = dev;
    s->bus.root_number = s->bus_nr;
    s->bus.map_irq = map_irq;
    if (!expanders) {
        expanders = g_ptr_array_new();
        machine_on_done(announce, NULL);
    }
    g_ptr_array_add(expanders, s);
    return true;
}

static bool pxb_pcie_realize(Device *d, GError **err)
{
    return expander_init((Pxb *)d, &pcie_bus_type, err);
}

/* The bridge gets the expander's id, so that bus=ID finds its secondary bus. */
static bool pxb_realize(Device *d, GError **err)
{
    Pxb *s = (Pxb *)d;

    if (!expander_init(s, &pci_bus_type, err)) {
        return false;
    }
    Device *bridge = device_new(device_type_find("pci-bridge"));
    object_set_int(OBJECT(bridge), "chassis_nr", s->bus_nr);
    object_set_bool(OBJECT(bridge), "shpc", false);
    ((PciDevice *)bridge)->addr = 0;
    bridge->id = g_strdup(d->id);
    object_add_child(OBJECT(d), "bridge", OBJECT(bridge));
    return device_realize(bridge, &s->bus.bus, err);
}

static void pxb_unrealize(Device *d)
{
    g_ptr_array_remove(expanders, d);
}

static const Property pxb_properties[] = {
    PROP_UINT8("bus_nr", Pxb, bus_nr, 0, "Number of the root bus, from 1; numbers up to the next root's are behind it"),
    PROP_UINT16("numa_node", Pxb, numa_node, PXB_NUMA_UNASSIGNED, "NUMA node that the bus belongs to"),
    PROP_BOOL("bypass_iommu", Pxb, bypass_iommu, false, "Devices behind it do not go through an IOMMU"),
    { }
};
static const StateField pxb_state[] = { { } };

#define PXB_TYPE(variable, type_name, text, id, realize_fn) \
    static const PciDeviceType variable = { \
        .name = type_name, .parent = &pci_device_type.type, .size = sizeof(Pxb), .category = CATEGORY_BRIDGE, \
        .description = text, .no_hotplug = true, .vendor_id = PCI_VENDOR_REDHAT, .device_id = id, \
        .class_id = PCI_CLASS_BRIDGE_HOST, .properties = pxb_properties, .state = pxb_state, .realize = realize_fn, \
        .unrealize = pxb_unrealize, \
    }; \
    TYPE_REGISTER(variable)

PXB_TYPE(pxb_type, "pxb", "PCI Expander Bridge", 0x0009, pxb_realize);
PXB_TYPE(pxb_pcie_type, "pxb-pcie", "PCI Express Expander Bridge", 0x000b, pxb_pcie_realize);
