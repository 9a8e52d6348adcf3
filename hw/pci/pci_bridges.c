/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bridges to conventional PCI: pci-bridge, Intel's 82801BA (i82801b11-bridge, subtractive decode by class only) and
 * pcie-pci-bridge, which sits on PCI Express. The first (unless shpc=off) and the last have a standard hot-plug
 * controller (shpc.h) in BAR 0, for guests where ACPI does not add and remove devices behind bridges.
 * Spec: PCI-to-PCI Bridge Architecture 1.2; slot numbering: chapter 13.
 */
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie.h"
#include "hw/pci/shpc.h"

enum { SLOT_CAP_BYTES = 4, SLOT_ESR = 2, SLOT_CHASSIS = 3, SLOT_FIRST_IN_CHASSIS = 1 << 5 };
enum { I82801_SSVID = 0x50, PCIE_PCI_PCIE = 0x48, PCIE_PCI_PM = 0x84, PCIE_PCI_MSI = 0x8c, PM_CAP_BYTES = 8,
    PM_VERSION_3 = 3, PM_CAPABILITIES = 2 };

typedef struct PlainBridge {
    PciBridge bridge;
    uint8_t chassis;
    OnOffAuto msi;
    bool has_shpc;
    Shpc shpc;
} PlainBridge;

static uint32_t plain_bridge_config_read(PciDevice *dev, unsigned offset, unsigned size)
{
    shpc_config_reading(&((PlainBridge *)dev)->shpc, offset, size);
    return pci_default_config_read(dev, offset, size);
}

static void plain_bridge_config_write(PciDevice *dev, unsigned offset, uint32_t value, unsigned size)
{
    pci_default_config_write(dev, offset, value, size);
    shpc_config_written(&((PlainBridge *)dev)->shpc, offset, value, size);
}

static bool add_shpc(PlainBridge *s, GError **err)
{
    if (!shpc_init(&s->shpc, &s->bridge.pci, &s->bridge.secondary, err)) {
        return false;
    }
    pci_register_bar(&s->bridge.pci, 0, PCI_BAR_MEM64, &s->shpc.region);
    return true;
}

static void plain_bridge_unrealize(Device *d)
{
    shpc_unrealize(&((PlainBridge *)d)->shpc);
}

static void plain_bridge_reset(Device *d, ResetKind kind)
{
    shpc_reset(&((PlainBridge *)d)->shpc);
}

static bool plain_bridge_post_load(Device *d, unsigned version, GError **err)
{
    shpc_loaded(&((PlainBridge *)d)->shpc);
    return true;
}

static bool add_slot_numbering(PlainBridge *s, GError **err)
{
    PciDevice *dev = &s->bridge.pci;
    unsigned cap = pci_add_capability(dev, PCI_CAP_ID_SLOT, 0, SLOT_CAP_BYTES, err);

    if (!cap) {
        return false;
    }
    pci_set8(dev, cap + SLOT_ESR, SLOT_FIRST_IN_CHASSIS);
    pci_set8(dev, cap + SLOT_CHASSIS, s->chassis);
    pci_set_writable8(dev, cap + SLOT_CHASSIS, 0xff);
    return true;
}

static bool pci_bridge_realize(Device *d, GError **err)
{
    PlainBridge *s = (PlainBridge *)d;

    if (!s->chassis) {
        return error_set(err,
                         "property 'chassis_nr' is missing: every pci-bridge needs a chassis number of its own above 0");
    }
    pci_bridge_init(&s->bridge, &pci_bus_type, true);
    bool msi = s->has_shpc && s->msi != ON_OFF_AUTO_OFF;        /* only the controller interrupts */
    return (!s->has_shpc || add_shpc(s, err)) && add_slot_numbering(s, err) &&
        (!msi || pci_msi_init(&s->bridge.pci, 0, 1, true, true, err)) && pci_bridge_add_reserve(&s->bridge, err);
}

static void pci_bridge_reset(Device *d, ResetKind kind)
{
    PlainBridge *s = (PlainBridge *)d;
    unsigned cap = pci_find_capability(&s->bridge.pci, PCI_CAP_ID_SLOT);

    pci_set8(&s->bridge.pci, cap + SLOT_CHASSIS, s->chassis);
    plain_bridge_reset(d, kind);
}

static bool i82801_realize(Device *d, GError **err)
{
    PlainBridge *s = (PlainBridge *)d;

    pci_bridge_init(&s->bridge, &pci_bus_type, true);
    return pci_bridge_add_subsystem(&s->bridge, I82801_SSVID, 0, 0, err);
}

static bool pcie_pci_bridge_realize(Device *d, GError **err)
{
    PlainBridge *s = (PlainBridge *)d;
    PciDevice *dev = &s->bridge.pci;

    pci_bridge_init(&s->bridge, &pci_bus_type, true);
    if (!add_shpc(s, err) || !pcie_cap_init(dev, PCIE_PCI_PCIE, PCIE_PCI_BRIDGE, 0, err) ||
        !pci_add_capability(dev, PCI_CAP_ID_PM, PCIE_PCI_PM, PM_CAP_BYTES, err)) {
        return false;
    }
    pci_set16(dev, PCIE_PCI_PM + PM_CAPABILITIES, PM_VERSION_3);
    dev->pm_cap = PCIE_PCI_PM;
    if (s->msi != ON_OFF_AUTO_OFF && !pci_msi_init(dev, PCIE_PCI_MSI, 1, true, true, err)) {
        return false;
    }
    pcie_aer_init(dev, PCI_CONFIG_SIZE, 0, false);
    return true;
}

static const Property pci_bridge_properties[] = {
    PROP_UINT8("chassis_nr", PlainBridge, chassis, 0, "Number of the chassis that the bridge leads to, from 1"),
    PROP_ON_OFF_AUTO("msi", PlainBridge, msi, ON_OFF_AUTO_AUTO,
                     "Message-signalled interrupts of the hot-plug controller"),
    PROP_BOOL("shpc", PlainBridge, has_shpc, true, "There is a standard hot-plug controller"),
    PCI_BRIDGE_RESERVE_PROPERTIES(PciBridge),
    { }
};
static const Property pcie_pci_bridge_properties[] = {
    PROP_ON_OFF_AUTO("msi", PlainBridge, msi, ON_OFF_AUTO_AUTO, "Message-signalled interrupts are offered"),
    { }
};
static const StateField no_state[] = { { } };
static const StateField plain_bridge_state[] = { STATE_STRUCT(PlainBridge, shpc, Shpc, shpc_state), { } };

static const PciDeviceType plain_bridge_type = {
    .name = "pci-bridge", .parent = &pci_bridge_type.type, .size = sizeof(PlainBridge), .category = CATEGORY_BRIDGE,
    .description = "Standard PCI Bridge", .vendor_id = PCI_VENDOR_REDHAT, .device_id = 0x0001,
    .class_id = PCI_CLASS_BRIDGE_PCI, .header_type = PCI_HEADER_BRIDGE,
    .properties = pci_bridge_properties, .state = plain_bridge_state, .realize = pci_bridge_realize,
    .unrealize = plain_bridge_unrealize, .reset = pci_bridge_reset, .post_load = plain_bridge_post_load,
    .config_read = plain_bridge_config_read, .config_write = plain_bridge_config_write,
};
TYPE_REGISTER(plain_bridge_type);

static const PciDeviceType seat_bridge_type = {
    .name = "pci-bridge-seat", .parent = &plain_bridge_type.type, .size = sizeof(PlainBridge),
        .category = CATEGORY_BRIDGE,
    .description = "Standard PCI Bridge (multiseat)", .vendor_id = PCI_VENDOR_REDHAT, .device_id = 0x000a,
    .class_id = PCI_CLASS_BRIDGE_PCI, .header_type = PCI_HEADER_BRIDGE, .state = no_state,
};
TYPE_REGISTER(seat_bridge_type);

static const PciDeviceType i82801b11_type = {
    .name = "i82801b11-bridge", .parent = &pci_bridge_type.type, .size = sizeof(PlainBridge),
        .category = CATEGORY_BRIDGE,
    .description = "Intel 82801 bridge to PCI (DMI)", .vendor_id = PCI_VENDOR_INTEL, .device_id = 0x244e,
        .revision = 0x92,
    .class_id = PCI_CLASS_BRIDGE_PCI, .prog_if = 1, .header_type = PCI_HEADER_BRIDGE, .state = no_state,
    .realize = i82801_realize,
};
TYPE_REGISTER(i82801b11_type);

static const PciDeviceType pcie_pci_bridge_type = {
    .name = "pcie-pci-bridge", .parent = &pci_bridge_type.type, .size = sizeof(PlainBridge),
        .category = CATEGORY_BRIDGE,
    .description = "PCI Express to PCI bridge", .vendor_id = PCI_VENDOR_REDHAT, .device_id = 0x000e,
    .class_id = PCI_CLASS_BRIDGE_PCI, .header_type = PCI_HEADER_BRIDGE, .interrupt_pin = 1, .express = true,
    .properties = pcie_pci_bridge_properties, .state = plain_bridge_state, .realize = pcie_pci_bridge_realize,
    .unrealize = plain_bridge_unrealize, .reset = plain_bridge_reset, .post_load = plain_bridge_post_load,
    .config_read = plain_bridge_config_read, .config_write = plain_bridge_config_write,
};
TYPE_REGISTER(pcie_pci_bridge_type);
