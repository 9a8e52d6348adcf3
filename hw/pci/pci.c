/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI devices and buses: plugging into a slot, bus mastering, INTx routing, finding a device by number.
 *
 * An INTx pin climbs from bus to bus by map_irq (the swizzle at each bridge) to a line of the root bus, where
 * assertions are counted: the chip set hears of a line when its count leaves or reaches zero.
 * Invariant: irq_counts[line] of a root is the number of devices below it with irq_asserted whose pin maps to the line.
 */
#include "hw/pci/pci_internal.h"
#include "hw/pci/pcie.h"

#include <stdio.h>
#include <stdlib.h>

static const PciBus *first_root;                /* of the machine: buses are never removed */

/* addr= */

static json_object *devfn_get(Object *obj, const Property *prop)
{
    return json_object_new_int(*(int32_t *)((char *)obj + prop->offset));
}

static bool devfn_parse(Object *obj, const Property *prop, const char *text, GError **err)
{
    int32_t *field = (int32_t *)((char *)obj + prop->offset);
    char *end = NULL;
    unsigned long slot = g_ascii_isxdigit(text[0]) ? strtoul(text, &end, 16) : ULONG_MAX, func = 0;

    if (end && *end == '.') {
        const char *start = end + 1;
        func = g_ascii_isxdigit(*start) ? strtoul(start, &end, 16) : ULONG_MAX;
    }
    if (!end || *end || slot > 31 || func > 7) {
        return error_set(err,
                         "property '%s' takes a PCI slot 00-1f with optional function 0-7, as in 03 or 03.1, not '%s'",
                             prop->name, text);
    }
    *field = PCI_DEVFN(slot, func);
    return true;
}

static bool devfn_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    if (json_object_is_type(value, json_type_string)) {
        return devfn_parse(obj, prop, json_object_get_string(value), err);
    }
    int64_t n = json_object_get_int64(value);
    if (!json_object_is_type(value, json_type_int) || n < -1 || n > 255) {
        return error_set(err, "property '%s' takes a PCI slot as a string or a number from -1 to 255", prop->name);
    }
    *(int32_t *)((char *)obj + prop->offset) = n;
    return true;
}

static void devfn_default(Object *obj, const Property *prop)
{
    *(int32_t *)((char *)obj + prop->offset) = PCI_DEVFN_AUTO;
}

const PropertyKind prop_kind_pci_devfn = {
    .name = "str", .size = sizeof(int32_t), .get = devfn_get, .set = devfn_set, .parse = devfn_parse,
    .set_default = devfn_default,
};

/* INTx */

bool pci_bus_irq_level(const PciBus *bus, int line)
{
    return line >= 0 && line < bus->irq_lines && bus->irq_counts[line];
}

/* The root bus above @dev and the line that its INTx pin reaches there; NULL if nothing is wired. */
static PciBus *route_pin(PciDevice *dev, int *line)
{
    int pin = pci_get8(dev, PCI_INTERRUPT_PIN) - 1;
    if (pin < 0 || pin >= PCI_PINS) {
        return NULL;
    }
    for (PciBus *bus = pci_device_bus(dev); bus; bus = pci_device_bus(dev)) {
        pin = bus->map_irq ? bus->map_irq(dev, pin) : bus->bridge ? pci_swizzle(dev, pin) : -1;
        if (!bus->bridge) {
            *line = pin;
            return pin >= 0 && pin < bus->irq_lines ? bus : NULL;
        }
        dev = bus->bridge;
    }
    return NULL;
}

static void intx_update(PciDevice *dev)
{
    bool asserted = dev->irq_level && !(pci_get16(dev, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);
    int line;

    if (asserted == dev->irq_asserted) {
        return;
    }
    dev->irq_asserted = asserted;
    PciBus *root = route_pin(dev, &line);
    if (root) {
        int before = root->irq_counts[line];
        root->irq_counts[line] += asserted ? 1 : -1;
        if (!before != !root->irq_counts[line] && root->set_irq) {
            root->set_irq(root->irq_opaque, line, root->irq_counts[line] != 0);
        }
    }
}

void pci_set_irq(PciDevice *dev, int level)
{
    uint16_t status = pci_get16(dev, PCI_STATUS);

    dev->irq_level = level != 0;
    pci_set16(dev, PCI_STATUS, level ? status | PCI_STATUS_INTERRUPT : status & ~PCI_STATUS_INTERRUPT);
    intx_update(dev);
}

static void irq_line_set(void *opaque, int n, int level)
{
    pci_set_irq(opaque, level);
}

IrqLine *pci_irq_line(PciDevice *dev)
{
    return irq_lines_new(irq_line_set, dev, 1);
}

int pci_swizzle(PciDevice *dev, int pin)
{
    return (PCI_SLOT(dev->devfn) + pin) % PCI_PINS;
}

static void count_irq(PciDevice *dev, void *opaque)
{
    int line;
    PciBus *root = dev->irq_asserted ? route_pin(dev, &line) : NULL;
    if (root) {
        root->irq_counts[line]++;
    }
}

void pci_bus_recount_irqs(PciBus *bus)
{
    if (!bus->irq_lines) {
        return;                         /* before the chip set has given the bus its lines */
    }
    g_autofree int *before = g_memdup2(bus->irq_counts, bus->irq_lines * sizeof(int));

    memset(bus->irq_counts, 0, bus->irq_lines * sizeof(int));
    pci_foreach_device(bus, count_irq, NULL);
    for (int line = 0; line < bus->irq_lines; line++) {
        if (!before[line] != !bus->irq_counts[line] && bus->set_irq) {
            bus->set_irq(bus->irq_opaque, line, bus->irq_counts[line] != 0);
        }
    }
}

/* Devices */

/* What a device masters while COMMAND.MASTER is 0: nothing answers. */
static AddressSpace *no_dma_space(void)
{
    static AddressSpace as;
    static MemoryRegion root;

    if (!as.root) {
        memory_region_init(&root, NULL, "bus-master-off", REGION_SIZE_MAX);
        address_space_init(&as, &root, "bus-master-off");
    }
    return &as;
}

void pci_command_changed(PciDevice *dev)
{
    dev->dma_as = pci_get16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER ? address_space_memory() : no_dma_space();
    intx_update(dev);
    if (dev->decode_changed) {
        dev->decode_changed(dev);
    }
}

static void pci_device_init(Object *obj)
{
    PciDevice *dev = PCI_DEVICE(obj);

    dev->devfn = PCI_DEVFN_AUTO;
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        dev->bars[n].addr = PCI_BAR_UNMAPPED;
    }
    if (!dev->romfile) {
        dev->romfile = g_strdup(pci_device_type_of(dev)->romfile);
    }
}

static bool pci_device_realize(Device *d, GError **err)
{
    PciDevice *dev = PCI_DEVICE(d);

    if (dev->romsize != UINT32_MAX && (dev->romsize == 0 || (dev->romsize & (dev->romsize - 1)))) {
        return error_set(err, "property 'romsize' is %u, which is not a power of two", dev->romsize);
    }
    if (dev->failover_pair_id && pci_device_type_of(dev)->class_id != PCI_CLASS_NETWORK_ETHERNET) {
        return error_set(err, "property 'failover_pair_id' is for network devices, which %s is not",
                         d->object.type->name);
    }
    if (dev->sriov_pf) {
        return error_set(err, "property 'sriov-pf': there is no physical function '%s' that takes virtual ones",
                         dev->sriov_pf);
    }
    pci_config_init(dev);
    dev->dma_as = no_dma_space();
    if (!pci_rom_init(dev, err)) {
        pci_bars_unmap(dev);
        pci_config_free(dev);
        return false;
    }
    return true;
}

static void pci_device_unrealize(Device *d)
{
    PciDevice *dev = PCI_DEVICE(d);

    pci_set_irq(dev, 0);
    pci_bars_unmap(dev);
    pci_msix_unmap(dev);
    pci_rom_free(dev);
    dev->msi_cap = dev->msix_cap = dev->pcie_cap = dev->pm_cap = 0;
    dev->aer_cap = dev->acs_cap = 0;
    pci_config_free(dev);
}

static void pci_device_finalize(Object *obj)
{
    pci_msix_free(PCI_DEVICE(obj));
}

static void pci_device_reset(Device *d, ResetKind kind)
{
    PciDevice *dev = PCI_DEVICE(d);

    pci_set_irq(dev, 0);
    pci_config_reset(dev, kind);
    pci_msi_reset(dev);
    pci_msix_reset(dev);
    if (dev->pcie_cap) {
        pcie_reset(dev);
    }
}

static bool pci_device_post_load(Device *d, unsigned version, GError **err)
{
    PciDevice *dev = PCI_DEVICE(d);

    if (!pci_config_loaded(dev, err) || !pci_msix_loaded(dev, err)) {
        return false;
    }
    dev->irq_level = dev->irq_level != 0;
    pci_set_irq(dev, dev->irq_level);
    return true;
}

static void pci_device_print(Device *d, GString *out)
{
    PciDevice *dev = PCI_DEVICE(d);
    const char *class_name = pci_class_name(pci_get16(dev, PCI_CLASS));

    g_string_append_printf(out, "class %s, addr %02x:%02x.%x, pci id %04x:%04x (sub %04x:%04x)\n",
                           class_name ? class_name : "unknown", pci_bus_number(pci_device_bus(dev)),
                           PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn), pci_get16(dev, PCI_VENDOR_ID),
                           pci_get16(dev, PCI_DEVICE_ID), pci_get16(dev, PCI_SUBSYSTEM_VENDOR_ID),
                               pci_get16(dev, PCI_SUBSYSTEM_ID));
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        const PciBar *bar = &dev->bars[n];
        if (bar->size) {
            g_string_append_printf(out, "bar %u: %s at 0x%" PRIx64 " [0x%" PRIx64 "]\n", n,
                                   bar->type == PCI_BAR_IO ? "i/o" : "mem", bar->addr, bar->addr + bar->size - 1);
        }
    }
}

static json_object *get_busnr(Object *obj, const Property *prop)
{
    PciBus *bus = pci_device_bus(PCI_DEVICE(obj));
    return json_object_new_int(bus ? pci_bus_number(bus) : 0);
}

static const Property pci_device_properties[] = {
    { .name = "addr", .kind = &prop_kind_pci_devfn, .offset = PROP_FIELD_CHECK(PciDevice, addr, int32_t),
      .def = (uint64_t)-1, .description = "Slot and optional function, in hex: 06 or 06.1" },
    PROP_STR("romfile", PciDevice, romfile, "Option ROM image; empty for none"),
    PROP_UINT32("romsize", PciDevice, romsize, UINT32_MAX,
                "Bytes of the option ROM's BAR, a power of two; default: as the image needs"),
    PROP_INT32("rombar", PciDevice, rombar, -1, "0: the option ROM has no BAR"),
    PROP_BOOL("multifunction", PciDevice, multifunction, false, "Other functions may share the slot"),
    PROP_UINT32("acpi-index", PciDevice, acpi_index, 0, "Number that firmware gives the device's name"),
    PROP_VIRTUAL("busnr", "busnr", get_busnr, NULL, "Number of the device's bus"),
    PROP_BOOL("x-pcie-ext-tag", PciDevice, pcie_ext_tag, true, "PCI Express: 8-bit tags are supported"),
    PROP_BOOL("x-pcie-lnksta-dllla", PciDevice, pcie_lnksta_dllla, true,
              "PCI Express: a link with a device behind it reports itself as active"),
    PROP_BOOL("x-pcie-ari-nextfn-1", PciDevice, pcie_ari_nextfn_1, false,
              "PCI Express: function 0 names function 1 as the next, though there is none"),
    PROP_BOOL("x-pcie-err-unc-mask", PciDevice, pcie_err_unc_mask, true,
              "PCI Express: uncorrectable errors can be masked"),
    PROP_SIZE("x-max-bounce-buffer-size", PciDevice, max_bounce_bytes, 4096,
              "Most bytes of buffers for DMA to what is no RAM; such DMA needs no buffer here"),
    PROP_STR("failover_pair_id", PciDevice, failover_pair_id,
             "Id of the network device that this one is the primary of"),
    PROP_STR("sriov-pf", PciDevice, sriov_pf, "Id of the device that this one is a virtual function of"),
    { }
};

static bool has_msix(void *opaque)
{
    return PCI_DEVICE(opaque)->msix != NULL;
}

static const StateField pci_device_state[] = {
    STATE_BUFFER(PciDevice, config, config_len, PCIE_CONFIG_SIZE),
    STATE_U8(PciDevice, irq_level),
    STATE_BUFFER(PciDevice, msix_table, msix_table_len, PCI_MSIX_VECTORS_MAX * PCI_MSIX_ENTRY_SIZE, .needed = has_msix),
    STATE_BUFFER(PciDevice, msix_pba, msix_pba_len, PCI_MSIX_VECTORS_MAX / 8, .needed = has_msix),
    { }
};

const PciDeviceType pci_device_type = {
    .name = "pci-device", .parent = &device_type.type, .size = sizeof(PciDevice), .is_abstract = true,
    .init = pci_device_init, .finalize = pci_device_finalize, .properties = pci_device_properties,
    .bus = &pci_bus_type.type, .state = pci_device_state, .post_load = pci_device_post_load,
    .realize = pci_device_realize, .unrealize = pci_device_unrealize, .reset = pci_device_reset,
    .print_info = pci_device_print,
};
TYPE_REGISTER(pci_device_type);

PciDevice *pci_new(const PciDeviceType *type, int devfn, bool multifunction)
{
    PciDevice *dev = PCI_DEVICE(device_new(&type->device));
    dev->addr = devfn;
    dev->multifunction = multifunction;
    return dev;
}

PciDevice *pci_create(PciBus *bus, const PciDeviceType *type, int devfn)
{
    PciDevice *dev = pci_new(type, devfn, false);
    device_realize_onboard(&dev->device, &bus->bus);
    return dev;
}

/* Buses */

static bool slot_refused(const PciBus *bus, const PciDevice *dev, int devfn, GError **err)
{
    const char *name = dev->device.object.type->name;
    unsigned slot = PCI_SLOT(devfn), func = PCI_FUNC(devfn);
    const PciDevice *other = bus->devices[devfn], *first = bus->devices[PCI_DEVFN(slot, 0)];

    if (other) {
        error_set(err, "PCI slot %02x.%x of bus '%s' is taken by %s%s%s", slot, func, bus->bus.name,
                  other->device.object.type->name, other->device.id ? ", id " : "",
                      other->device.id ? other->device.id : "");
        return true;
    }
    if ((int)slot >= bus->slots) {
        error_set(err, "PCI bus '%s' has only slot%s 0%s, not %02x", bus->bus.name, bus->slots > 1 ? "s" : "",
                  bus->slots > 1 ? " to 1f" : "", slot);
        return true;
    }
    if (devfn < bus->devfn_min) {
        error_set(err, "PCI slot %02x.%x of bus '%s' is reserved", slot, func, bus->bus.name);
        return true;
    }
    if (func && first && !first->multifunction) {
        error_set(err, "PCI slot %02x of bus '%s' holds %s alone: give it multifunction=on to add function %u",
                  slot, bus->bus.name, first->device.object.type->name, func);
        return true;
    }
    for (unsigned f = 1; !func && !dev->multifunction && f < 8; f++) {
        if (bus->devices[PCI_DEVFN(slot, f)]) {
            error_set(err, "PCI slot %02x of bus '%s' already has function %u; function 0 (%s) needs multifunction=on",
                      slot, bus->bus.name, f, name);
            return true;
        }
    }
    return false;
}

static void find_index(PciDevice *dev, void *opaque)
{
    PciDevice **wanted = opaque;

    if (*wanted && dev != *wanted && dev->acpi_index == (*wanted)->acpi_index) {
        *wanted = NULL;                         /* it is another's */
    }
}

static bool index_is_free(PciDevice *dev, GError **err)
{
    enum { ONBOARD_INDEX_MAX = 16 * 1024 - 1 };         /* of systemd: what it takes for a name */
    PciDevice *wanted = dev;

    if (dev->acpi_index > ONBOARD_INDEX_MAX) {
        return error_set(err, "acpi-index is at most %u, not %u", ONBOARD_INDEX_MAX, dev->acpi_index);
    }
    if (dev->acpi_index && pci_root_bus()) {
        pci_foreach_device(pci_root_bus(), find_index, &wanted);
    }
    return wanted || error_set(err, "another PCI device has acpi-index=%u already", dev->acpi_index);
}

static bool bus_attach(Bus *b, Device *d, GError **err)
{
    PciBus *bus = PCI_BUS(b);
    PciDevice *dev = PCI_DEVICE(d);
    int devfn = dev->addr;

    if (!index_is_free(dev, err)) {
        return false;
    }
    if (devfn == PCI_DEVFN_AUTO) {
        devfn = (bus->devfn_min + 7) & ~7;
        while (devfn < 8 * bus->slots && slot_refused(bus, dev, devfn, NULL)) {
            devfn += 8;
        }
        if (devfn >= 8 * bus->slots) {
            return error_set(err, "bus '%s' has no free PCI slot for %s", bus->bus.name, d->object.type->name);
        }
    } else if (slot_refused(bus, dev, devfn, err)) {
        return false;
    }
    if (d->hotplugged && !bus->hotplug) {
        return error_set(err, "Bus '%s' does not support hotplugging", bus->bus.name);
    }
    if (d->hotplugged && !bus->hotplug->check(bus->hotplug_opaque, dev, devfn, err)) {
        return false;
    }
    dev->devfn = dev->addr = devfn;
    bus->devices[devfn] = dev;
    if (bus->occupancy_changed) {
        bus->occupancy_changed(bus);
    }
    return true;
}

static void bus_plugged(Bus *b, Device *d)
{
    PciBus *bus = PCI_BUS(b);

    if (bus->occupancy_changed) {
        bus->occupancy_changed(bus);                    /* it now has its capabilities */
    }
    if (bus->hotplug) {
        bus->hotplug->plugged(bus->hotplug_opaque, PCI_DEVICE(d));
    }
}

static bool bus_unplug_request(Bus *b, Device *d, GError **err)
{
    PciBus *bus = PCI_BUS(b);
    PciDevice *dev = PCI_DEVICE(d);

    if (!bus->hotplug) {
        return error_set(err, "Bus '%s' does not support hotplugging", bus->bus.name);
    }
    object_ref(OBJECT(d));                      /* it may go at once */
    bool asked = bus->hotplug->unplug_request(bus->hotplug_opaque, dev, err);
    dev->unplug_requested |= asked;
    object_unref(OBJECT(d));
    return asked;
}

void pci_unplug(PciBus *bus, unsigned slot)
{
    for (int func = 7; func >= 0; func--) {
        PciDevice *dev = bus->devices[PCI_DEVFN(slot & 0x1f, func)];
        if (dev && !device_type_of(dev)->no_hotplug && !device_type_of(dev)->not_user_creatable) {
            device_remove(&dev->device);
        }
    }
}

static void bus_detach(Bus *b, Device *d)
{
    PciBus *bus = PCI_BUS(b);
    PciDevice *dev = PCI_DEVICE(d);

    if (dev->devfn >= 0 && bus->devices[dev->devfn] == dev) {
        bus->devices[dev->devfn] = NULL;
    }
    dev->devfn = PCI_DEVFN_AUTO;
    if (bus->occupancy_changed) {
        bus->occupancy_changed(bus);
    }
}

static void pci_bus_reset(Bus *b, ResetKind kind)
{
    PciBus *bus = PCI_BUS(b);
    if (!bus->bridge) {
        pci_bus_recount_irqs(bus);
    }
}

/* Open Firmware names of a few classes, as SeaBIOS's bootorder file has them. */
static const char *firmware_name(uint16_t class_id)
{
    switch (class_id) {
    case PCI_CLASS_STORAGE_SCSI: return "scsi";
    case PCI_CLASS_STORAGE_IDE: return "ide";
    case PCI_CLASS_NETWORK_ETHERNET: return "ethernet";
    case PCI_CLASS_DISPLAY_VGA: return "display";
    case PCI_CLASS_BRIDGE_ISA: return "isa";
    case PCI_CLASS_BRIDGE_PCI: return "pci-bridge";
    case PCI_CLASS_SERIAL_USB: return "usb";
    default: return NULL;
    }
}

static char *bus_device_path(Device *d)
{
    PciDevice *dev = PCI_DEVICE(d);
    PciBus *bus = pci_device_bus(dev);
    uint16_t class_id = pci_device_type_of(dev)->class_id;
    const char *name = firmware_name(class_id);
    g_autofree char *parent = bus->bridge ? bus_device_path(&bus->bridge->device) : g_strdup("/pci@i0cf8");
    g_autofree char *unit = PCI_FUNC(dev->devfn) ? g_strdup_printf("%x,%x", PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn))
                                                 : g_strdup_printf("%x", PCI_SLOT(dev->devfn));

    if (name) {
        return g_strdup_printf("%s/%s@%s", parent, name, unit);
    }
    return g_strdup_printf("%s/pci%04x,%04x@%s", parent, pci_device_type_of(dev)->vendor_id,
                           pci_device_type_of(dev)->device_id, unit);
}

const PciBusType pci_bus_type = {
    .name = "PCI", .parent = &bus_type.type, .size = sizeof(PciBus), .attach = bus_attach, .detach = bus_detach,
    .device_path = bus_device_path, .reset = pci_bus_reset, .plugged = bus_plugged,
        .unplug_request = bus_unplug_request,
};
TYPE_REGISTER(pci_bus_type);
const PciBusType pcie_bus_type = {
    .name = "PCIE", .parent = &pci_bus_type.type, .size = sizeof(PciBus), .attach = bus_attach, .detach = bus_detach,
    .device_path = bus_device_path, .reset = pci_bus_reset, .plugged = bus_plugged,
        .unplug_request = bus_unplug_request, .express = true,
};
TYPE_REGISTER(pcie_bus_type);

void pci_bus_init(PciBus *bus, const PciBusType *type, Device *owner, const char *name, MemoryRegion *memory,
                  MemoryRegion *io, int devfn_min)
{
    bus_init(&bus->bus, &type->bus, owner, name);
    bus->memory = memory;
    bus->io = io;
    bus->devfn_min = devfn_min;
    bus->slots = 32;
    if (!first_root) {
        first_root = bus;
    }
}

void pci_bus_set_irqs(PciBus *bus, PciSetIrqFn *set_irq, PciMapIrqFn *map_irq, void *opaque, int lines)
{
    g_free(bus->irq_counts);
    bus->irq_counts = g_new0(int, lines);
    bus->irq_lines = lines;
    bus->set_irq = set_irq;
    bus->map_irq = map_irq;
    bus->irq_opaque = opaque;
}

PciBus *pci_root_bus(void)
{
    return (PciBus *)first_root;
}

int pci_bus_number(const PciBus *bus)
{
    return bus->root_number ? bus->root_number : bus->bridge ? pci_get8(bus->bridge, PCI_SECONDARY_BUS) : 0;
}

bool pci_bus_is_express(const PciBus *bus)
{
    return ((const PciBusType *)bus->bus.object.type)->express;
}

PciBus *pci_bus_below(const PciDevice *dev)
{
    const GPtrArray *buses = dev->device.buses;
    if (!buses || !buses->len) {
        return NULL;
    }
    Bus *bus = g_ptr_array_index(buses, 0);
    return object_is_a(&bus->object, &pci_bus_type.type) ? PCI_BUS(bus) : NULL;
}

/* Configuration cycles travel down only through a bridge whose secondary-to-subordinate range holds the number. */
static PciBus *find_bus(PciBus *bus, int number)
{
    if (pci_bus_number(bus) == number) {
        return bus;
    }
    for (int devfn = 0; devfn < 256; devfn++) {
        PciBus *below = bus->devices[devfn] ? pci_bus_below(bus->devices[devfn]) : NULL;
        if (below && !below->root_number && pci_get8(bus->devices[devfn], PCI_SECONDARY_BUS) <= number &&
            number <= pci_get8(bus->devices[devfn], PCI_SUBORDINATE_BUS)) {
            return find_bus(below, number);
        }
    }
    return NULL;
}

/* Numbers from that of an expander's root bus on are its, up to the next expander's. */
static PciBus *root_of(PciBus *root, int number)
{
    PciBus *best = root;

    for (int devfn = 0; devfn < 256; devfn++) {
        PciBus *below = root->devices[devfn] ? pci_bus_below(root->devices[devfn]) : NULL;
        if (below && below->root_number && below->root_number <= number &&
            (!best->root_number || best->root_number < below->root_number)) {
            best = below;
        }
    }
    return best;
}

PciDevice *pci_find_device(PciBus *root, int bus_number, int devfn)
{
    PciBus *bus = root ? find_bus(root_of(root, bus_number), bus_number) : NULL;
    PciDevice *dev = bus ? bus->devices[devfn & 0xff] : NULL;
    return dev && dev->config ? dev : NULL;
}

void pci_foreach_device(PciBus *bus, void (*fn)(PciDevice *dev, void *opaque), void *opaque)
{
    for (int devfn = 0; devfn < 256; devfn++) {
        PciDevice *dev = bus->devices[devfn];
        if (!dev || !dev->config) {                     /* not realized yet */
            continue;
        }
        fn(dev, opaque);
        PciBus *below = pci_bus_below(dev);
        if (below) {
            pci_foreach_device(below, fn, opaque);
        }
    }
}

uint32_t pci_data_read(PciBus *root, uint32_t addr, unsigned size)
{
    PciDevice *dev = pci_find_device(root, addr >> 16 & 0xff, addr >> 8 & 0xff);
    return dev ? pci_config_read(dev, addr & 0xff, size) : UINT32_MAX;
}

void pci_data_write(PciBus *root, uint32_t addr, uint32_t value, unsigned size)
{
    PciDevice *dev = pci_find_device(root, addr >> 16 & 0xff, addr >> 8 & 0xff);
    if (dev) {
        pci_config_write(dev, addr & 0xff, value, size);
    }
}
