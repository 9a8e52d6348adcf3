/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of PCI Express: root ports (pcie-root-port; ioh3420, of Intel's 5520) and TI's XIO3130 switch (x3130-upstream,
 * xio3130-downstream).
 *
 * Native hot-plug of a root or downstream port (PCI Express Base 4.0, 6.7): the slot has an attention button and a power
 * indicator, and the guest drives power.
 *   device_add -> presence changed, button -> event -> the guest turns power on and configures the device
 *   device_del -> button -> event -> the guest blinks, lets go, turns power and indicator off -> slot_written() removes
 *   what is there; a slot without power gives its devices at once
 * An event interrupts while SLTCTL.HPIE and the event's enable bit and status are set: once, at the change to that
 * state, by MSI-X or MSI, else as long as it lasts, by INTx.
 */
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pcie.h"

enum { AER_OFFSET = 0x100, ROOT_ACS_OFFSET = AER_OFFSET + PCIE_AER_BYTES, AER_LOG_DEFAULT = 8, AER_LOG_MAX = 128 };
enum { ROOT_SSVID = 0x40, ROOT_MSIX = 0x48, ROOT_PCIE = 0x54 };
enum { IOH_SSVID = 0x40, IOH_MSI = 0x60, IOH_MSI_VECTORS = 2, IOH_PCIE = 0x90 };
enum { XIO_MSI = 0x70, XIO_SSVID = 0x80, XIO_PCIE = 0x90 };

typedef struct PciePort {
    PciBridge bridge;
    uint8_t port;
    uint16_t aer_log_max;
    /* slot */
    uint8_t chassis;
    uint16_t slot;
    bool hotplug, hide_native_hotplug, power_controller;
    unsigned event_vector;
    bool event_raised;                          /* the interrupt is asserted: derived from the registers */
    /* pcie-root-port */
    int speed, width;
} PciePort;
#define PCIE_PORT(d) ((PciePort *)(d))

static const char *const speed_names[] = { "2_5", "5", "8", "16", "32", "64", NULL };
static const char *const width_names[] = { "1", "2", "4", "8", "12", "16", "32", NULL };
static const uint8_t width_lanes[] = { 1, 2, 4, 8, 12, 16, 32 };

static GPtrArray *slots;                        /* PciePort *: (chassis, slot) names a slot in the machine */

/* Slot registers */

static uint16_t slot_reg(const PciePort *s, unsigned reg)
{
    return pci_get16(&s->bridge.pci, s->bridge.pci.pcie_cap + reg);
}

static void slot_set(PciePort *s, unsigned reg, uint16_t value)
{
    pci_set16(&s->bridge.pci, s->bridge.pci.pcie_cap + reg, value);
}

static bool slot_occupied(const PciePort *s)
{
    for (unsigned func = 0; func < 8; func++) {
        if (s->bridge.secondary.devices[func]) {
            return true;
        }
    }
    return false;
}

static bool has_slot(const PciePort *s)
{
    return (slot_reg(s, PCIE_FLAGS) & PCIE_FLAGS_SLOT) != 0;
}

/* Interrupt of the slot's events: is it wanted now? */
static bool event_wanted(const PciePort *s)
{
    uint16_t control = slot_reg(s, PCIE_SLTCTL);

    return (control & PCIE_SLTCTL_HPIE) && (control & slot_reg(s, PCIE_SLTSTA) & PCIE_SLT_EVENTS);
}

static void event_update(PciePort *s)
{
    PciDevice *dev = &s->bridge.pci;
    bool raised = event_wanted(s);

    if (raised == s->event_raised) {
        return;
    }
    s->event_raised = raised;
    if (pci_msix_enabled(dev)) {
        if (raised) {
            pci_msix_notify(dev, s->event_vector);
        }
    } else if (pci_msi_enabled(dev)) {
        if (raised) {
            pci_msi_notify(dev, s->event_vector);
        }
    } else {
        pci_set_irq(dev, raised);
    }
}

static void slot_event(PciePort *s, uint16_t event)
{
    slot_set(s, PCIE_SLTSTA, slot_reg(s, PCIE_SLTSTA) | event);
    event_update(s);
}

/* The link runs as fast and wide as both ends can. */
static void link_update(PciePort *s)
{
    const PciDevice *other = s->bridge.secondary.devices[0];
    uint16_t ours = slot_reg(s, PCIE_LNKCAP), link = ours;

    if (other && other->config && other->pcie_cap) {
        uint16_t theirs = pci_get16(other, other->pcie_cap + PCIE_LNKCAP);
        link = MIN(ours & PCIE_LNK_WIDTH, theirs & PCIE_LNK_WIDTH) | MIN(ours & PCIE_LNK_SPEED,
                                                                         theirs & PCIE_LNK_SPEED);
    }
    slot_set(s, PCIE_LNKSTA, (slot_reg(s, PCIE_LNKSTA) & ~(PCIE_LNK_WIDTH | PCIE_LNK_SPEED)) |
             (link & (PCIE_LNK_WIDTH | PCIE_LNK_SPEED)));
}

/* Presence and link follow what is plugged. */
static void presence_update(PciePort *s)
{
    bool occupied = slot_occupied(s);

    link_update(s);
    uint16_t status = slot_reg(s, PCIE_SLTSTA), link = slot_reg(s, PCIE_LNKSTA);

    slot_set(s, PCIE_SLTSTA, occupied ? status | PCIE_SLTSTA_PDS : status & ~PCIE_SLTSTA_PDS);
    if (s->bridge.pci.pcie_lnksta_dllla && (slot_reg(s, PCIE_LNKCAP + 2) & (PCIE_LNKCAP_DLLLARC >> 16))) {
        slot_set(s, PCIE_LNKSTA, occupied ? link | PCIE_LNKSTA_DLLLA : link & ~PCIE_LNKSTA_DLLLA);
    }
}

static void occupancy_changed(PciBus *bus)
{
    PciePort *s = PCIE_PORT(bus->bridge);
    if (s->bridge.pci.config && has_slot(s)) {
        presence_update(s);
    }
}

static bool powered_off(uint16_t control)
{
    return (control & PCIE_SLTCTL_PCC) && (control & PCIE_SLTCTL_PIC) == PCIE_SLTCTL_PIC;
}

static void slot_written(PciePort *s, uint16_t old)
{
    uint16_t control = slot_reg(s, PCIE_SLTCTL);

    if (control & PCIE_SLTCTL_EIC) {                    /* the interlock toggles; the bit reads as 0 */
        slot_set(s, PCIE_SLTSTA, slot_reg(s, PCIE_SLTSTA) ^ PCIE_SLTSTA_EIS);
        slot_set(s, PCIE_SLTCTL, control & ~PCIE_SLTCTL_EIC);
    }
    if ((slot_reg(s, PCIE_SLTSTA) & PCIE_SLTSTA_PDS) && powered_off(control) && !powered_off(old)) {
        pci_unplug(&s->bridge.secondary, 0);
        slot_event(s, PCIE_SLT_PDC);
    }
    slot_event(s, PCIE_SLT_CC);                         /* commands are done at once */
}

static void port_config_write(PciDevice *dev, unsigned offset, uint32_t value, unsigned size)
{
    PciePort *s = PCIE_PORT(dev);
    unsigned control = dev->pcie_cap + PCIE_SLTCTL;
    uint16_t old = pci_get16(dev, control);

    pci_default_config_write(dev, offset, value, size);
    if (!has_slot(s)) {
        return;
    }
    if (offset < control + 2 && control < offset + size) {
        slot_written(s, old);
    } else if (offset < control + 4 && control < offset + size) {
        event_update(s);                                /* status bits were cleared */
    }
}

/* Hot-plug */

static bool hotplug_check(void *opaque, PciDevice *dev, int devfn, GError **err)
{
    PciePort *s = opaque;

    if (!s->hotplug) {
        return error_set(err, "Bus '%s' does not support hotplugging: its port has hotplug=off",
                         s->bridge.secondary.bus.name);
    }
    if ((slot_reg(s, PCIE_SLTCTL) & PCIE_SLTCTL_PIC) == PCIE_SLTCTL_PIC_BLINK) {
        return error_set(err, "the guest is busy with slot %u of chassis %u (its power indicator blinks)", s->slot,
                         s->chassis);
    }
    return true;
}

static void hotplug_plugged(void *opaque, PciDevice *dev)
{
    PciePort *s = opaque;

    if (PCI_FUNC(dev->devfn) == 0) {                    /* function 0 comes last and presents them all */
        slot_event(s, PCIE_SLT_PDC | PCIE_SLT_ABP);
    }
}

static bool hotplug_unplug_request(void *opaque, PciDevice *dev, GError **err)
{
    PciePort *s = opaque;
    uint16_t control = slot_reg(s, PCIE_SLTCTL);

    if (!s->hotplug) {
        return error_set(err, "Bus '%s' does not support hot-unplugging: its port has hotplug=off",
                         s->bridge.secondary.bus.name);
    }
    if ((control & PCIE_SLTCTL_PIC) == PCIE_SLTCTL_PIC_BLINK || dev->unplug_requested) {
        return error_set(err, "Device '%s' is already in the process of unplug",
                         dev->device.id ? dev->device.id : dev->device.object.type->name);
    }
    if (powered_off(control)) {                         /* nobody uses it */
        pci_unplug(&s->bridge.secondary, 0);
        return true;
    }
    slot_event(s, PCIE_SLT_ABP);
    return true;
}

static const PciHotplug native_hotplug = {
    .check = hotplug_check, .plugged = hotplug_plugged, .unplug_request = hotplug_unplug_request,
};

/* Parts of realize() */

static bool slot_init(PciePort *s, GError **err)
{
    PciDevice *dev = &s->bridge.pci;
    unsigned cap = dev->pcie_cap;
    uint32_t capability = PCIE_SLTCAP_ABP | PCIE_SLTCAP_AIP | PCIE_SLTCAP_PIP | PCIE_SLTCAP_EIP |
        (uint32_t)s->slot << PCIE_SLTCAP_NUMBER_SHIFT;

    if (s->slot > 0x1fff) {
        return error_set(err, "property 'slot' of %s is %u, not 0 to 8191", dev->device.object.type->name, s->slot);
    }
    for (guint i = 0; slots && i < slots->len; i++) {
        const PciePort *other = slots->pdata[i];
        if (other->chassis == s->chassis && other->slot == s->slot) {
            return error_set(err, "slot %u of chassis %u is taken by another port: give chassis= or slot=", s->slot,
                             s->chassis);
        }
    }
    if (s->power_controller) {
        capability |= PCIE_SLTCAP_PCP;
    }
    if (s->hotplug && !s->hide_native_hotplug) {
        capability |= PCIE_SLTCAP_HPS | PCIE_SLTCAP_HPC;
    }
    pci_set32(dev, cap + PCIE_SLTCAP, capability);
    pci_set_writable16(dev, cap + PCIE_SLTCTL, PCIE_SLT_EVENTS | PCIE_SLTCTL_HPIE | PCIE_SLTCTL_AIC | PCIE_SLTCTL_PIC |
                       (s->power_controller ? PCIE_SLTCTL_PCC : 0) | PCIE_SLTCTL_EIC);
    dev->write_1_clear[cap + PCIE_SLTSTA] = PCIE_SLT_EVENTS;
    pci_set32(dev, cap + PCIE_DEVCAP2, pci_get32(dev, cap + PCIE_DEVCAP2) | PCIE_DEVCAP2_ARI);
    pci_set_writable16(dev, cap + PCIE_DEVCTL2, PCIE_DEVCTL2_EETLP_BLOCK | PCIE_DEVCTL2_ARI);
    s->bridge.secondary.hotplug = &native_hotplug;
    s->bridge.secondary.hotplug_opaque = s;
    s->bridge.secondary.slots = 1;
    s->bridge.secondary.no_hotplug = !s->hotplug;
    s->bridge.secondary.occupancy_changed = occupancy_changed;
    if (!slots) {
        slots = g_ptr_array_new();
    }
    g_ptr_array_add(slots, s);
    return true;
}

static bool check_log_max(const PciePort *s, GError **err)
{
    return s->aer_log_max <= AER_LOG_MAX ||
        error_set(err, "property 'aer_log_max' of %s is %u, not 0 to %u", s->bridge.pci.device.object.type->name,
                  s->aer_log_max,
                  AER_LOG_MAX);
}

static void set_event_vector(PciePort *s, unsigned vector)
{
    s->event_vector = vector;
    slot_set(s, PCIE_FLAGS, (slot_reg(s, PCIE_FLAGS) & ~PCIE_FLAGS_IRQ) | vector << PCIE_FLAGS_IRQ_SHIFT);
}

static bool root_port_realize(Device *d, GError **err)
{
    PciePort *s = PCIE_PORT(d);
    PciDevice *dev = PCI_DEVICE(d);

    if (!check_log_max(s, err)) {
        return false;
    }
    pci_bridge_init(&s->bridge, &pcie_bus_type, false);
    if (!pci_bridge_add_subsystem(&s->bridge, ROOT_SSVID, PCI_VENDOR_REDHAT, 0, err) ||
        !pci_msix_init_exclusive_bar_at(dev, 1, 0, ROOT_MSIX, err) ||
        !pcie_cap_init(dev, ROOT_PCIE, PCIE_ROOT_PORT, s->port, err)) {
        return false;
    }
    pcie_set_link(dev, s->speed + 1, width_lanes[s->width]);
    if (!slot_init(s, err)) {
        return false;
    }
    set_event_vector(s, 0);
    pcie_aer_init(dev, AER_OFFSET, s->aer_log_max, true);
    pcie_acs_init(dev, ROOT_ACS_OFFSET);
    return pci_bridge_add_reserve(&s->bridge, err);
}

static bool ioh3420_realize(Device *d, GError **err)
{
    PciePort *s = PCIE_PORT(d);
    PciDevice *dev = PCI_DEVICE(d);

    if (!check_log_max(s, err)) {
        return false;
    }
    pci_bridge_init(&s->bridge, &pcie_bus_type, false);
    if (!pci_bridge_add_subsystem(&s->bridge, IOH_SSVID, PCI_VENDOR_INTEL, 0, err) ||
        !pci_msi_init(dev, IOH_MSI, IOH_MSI_VECTORS, false, true, err) ||
        !pcie_cap_init(dev, IOH_PCIE, PCIE_ROOT_PORT, s->port, err) || !slot_init(s, err)) {
        return false;
    }
    set_event_vector(s, 0);
    pcie_aer_init(dev, AER_OFFSET, s->aer_log_max, true);
    return true;
}

/* What both kinds of the switch's ports have; a downstream port has a slot besides. */
static bool xio3130_realize(Device *d, PciePortType type, bool has_slot, GError **err)
{
    PciePort *s = PCIE_PORT(d);
    PciDevice *dev = PCI_DEVICE(d);

    if (!check_log_max(s, err)) {
        return false;
    }
    pci_bridge_init(&s->bridge, &pcie_bus_type, false);
    if (!pci_msi_init(dev, XIO_MSI, 1, true, false, err) ||
        !pci_bridge_add_subsystem(&s->bridge, XIO_SSVID, 0, 0, err) ||
        !pcie_cap_init(dev, XIO_PCIE, type, s->port, err) || (has_slot && !slot_init(s, err))) {
        return false;
    }
    pci_set32(dev, XIO_PCIE + PCIE_DEVCAP, pci_get32(dev, XIO_PCIE + PCIE_DEVCAP) | PCIE_DEVCAP_FLR);
    pcie_aer_init(dev, AER_OFFSET, s->aer_log_max, false);
    return true;
}

static bool upstream_realize(Device *d, GError **err)
{
    if (!xio3130_realize(d, PCIE_UPSTREAM, false, err)) {
        return false;
    }
    PCI_BRIDGE(d)->secondary.no_hotplug = true;
    return true;
}

static bool downstream_realize(Device *d, GError **err)
{
    return xio3130_realize(d, PCIE_DOWNSTREAM, true, err);
}

static void port_unrealize(Device *d)
{
    if (slots) {
        g_ptr_array_remove(slots, d);
    }
}

static void port_reset(Device *d, ResetKind kind)
{
    PciePort *s = PCIE_PORT(d);

    s->event_raised = false;
    if (has_slot(s)) {
        uint16_t control = PCIE_SLTCTL_AIC | PCIE_SLTCTL_PIC;       /* both indicators off */
        if (s->power_controller && !slot_occupied(s)) {
            control |= PCIE_SLTCTL_PCC;                 /* no power where nothing is */
        }
        slot_set(s, PCIE_SLTCTL, control);
        slot_set(s, PCIE_SLTSTA, 0);
        presence_update(s);
    }
}

static void root_port_reset(Device *d, ResetKind kind)
{
    pci_bridge_close_windows(PCI_BRIDGE(d));
}

/* What a saved state claims of presence is not believed: it follows what is plugged. */
static bool port_post_load(Device *d, unsigned version, GError **err)
{
    PciePort *s = PCIE_PORT(d);

    if (has_slot(s)) {
        presence_update(s);
        s->event_raised = false;
        if (!pci_msi_enabled(&s->bridge.pci) && !pci_msix_enabled(&s->bridge.pci)) {
            event_update(s);
        } else {
            s->event_raised = event_wanted(s);
        }
    }
    return true;
}

static const Property port_properties[] = {
    PROP_UINT8("port", PciePort, port, 0, "Number of the port in its component"),
    PROP_UINT16("aer_log_max", PciePort, aer_log_max, AER_LOG_DEFAULT,
                "Headers that error reporting can hold, at most 128"),
    { }
};
static const Property slot_properties[] = {
    PROP_UINT8("chassis", PciePort, chassis, 0, "Chassis of the slot; with the slot's number unique in the machine"),
    PROP_UINT16("slot", PciePort, slot, 0, "Number of the slot"),
    PROP_BOOL("hotplug", PciePort, hotplug, true, "Devices can be added and removed while the machine runs"),
    PROP_BOOL("x-do-not-expose-native-hotplug-cap", PciePort, hide_native_hotplug, false,
              "The slot does not tell the guest that it can hot-plug"),
    PROP_BOOL("power_controller_present", PciePort, power_controller, true, "The guest can turn the slot's power off"),
    { }
};
static const Property root_port_properties[] = {
    PROP_ENUM("x-speed", PciePort, speed, 3, speed_names, "PCIELinkSpeed", "Greatest speed of the link, in GT/s"),
    PROP_ENUM("x-width", PciePort, width, 6, width_names, "PCIELinkWidth", "Lanes of the link"),
    PCI_BRIDGE_RESERVE_PROPERTIES(PciBridge),
    { }
};
static const StateField port_state[] = { { } };         /* all of it is configuration space */

static const PciDeviceType pcie_port_type = {
    .name = "pcie-port", .parent = &pci_bridge_type.type, .size = sizeof(PciePort), .is_abstract = true,
    .express = true, .header_type = PCI_HEADER_BRIDGE, .properties = port_properties, .state = port_state,
    .config_write = port_config_write, .unrealize = port_unrealize, .reset = port_reset, .post_load = port_post_load,
};
TYPE_REGISTER(pcie_port_type);

static const PciDeviceType pcie_slot_type = {
    .name = "pcie-slot", .parent = &pcie_port_type.type, .size = sizeof(PciePort), .is_abstract = true,
    .properties = slot_properties, .state = port_state,
};
TYPE_REGISTER(pcie_slot_type);

static const PciDeviceType pcie_root_port_base_type = {
    .name = "pcie-root-port-base", .parent = &pcie_slot_type.type, .size = sizeof(PciePort), .is_abstract = true,
    .state = port_state, .reset = root_port_reset,
};
TYPE_REGISTER(pcie_root_port_base_type);

#define PORT_TYPE(variable, type_name, parent_type, text, vendor, id, rev, pin, rows, realize_fn) \
    static const PciDeviceType variable = { \
        .name = type_name, .parent = &parent_type.type, .size = sizeof(PciePort), .category = CATEGORY_BRIDGE, \
        .description = text, .vendor_id = vendor, .device_id = id, .revision = rev, .class_id = PCI_CLASS_BRIDGE_PCI, \
        .header_type = PCI_HEADER_BRIDGE, .interrupt_pin = pin, .express = true, .properties = rows, \
            .state = port_state, \
        .realize = realize_fn, \
    }; \
    TYPE_REGISTER(variable)

PORT_TYPE(pcie_root_port_type, "pcie-root-port", pcie_root_port_base_type, "PCI Express Root Port",
          PCI_VENDOR_REDHAT, 0x000c,
          0, 1, root_port_properties, root_port_realize);
PORT_TYPE(ioh3420_type, "ioh3420", pcie_root_port_base_type, "Intel IOH device id 3420 PCIE Root Port",
          PCI_VENDOR_INTEL,
          0x3420, 2, 1, NULL, ioh3420_realize);
PORT_TYPE(x3130_upstream_type, "x3130-upstream", pcie_port_type, "TI X3130 Upstream Port of PCI Express Switch",
          PCI_VENDOR_TI,
          0x8232, 2, 0, NULL, upstream_realize);
PORT_TYPE(xio3130_downstream_type, "xio3130-downstream", pcie_slot_type,
          "TI X3130 Downstream Port of PCI Express Switch",
          PCI_VENDOR_TI, 0x8233, 1, 0, NULL, downstream_realize);
