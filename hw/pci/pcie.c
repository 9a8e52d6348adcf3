/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI Express capability and extended capabilities (pcie.h). No error is ever detected, so AER only stores. */
#include "hw/pci/pcie.h"

enum {
    AER_UNCORRECTABLE_STATUS = 0x04, AER_UNCORRECTABLE_MASK = 0x08, AER_UNCORRECTABLE_SEVERITY = 0x0c,
    AER_CORRECTABLE_STATUS = 0x10, AER_CORRECTABLE_MASK = 0x14, AER_CONTROL = 0x18, AER_ROOT_COMMAND = 0x2c,
    AER_ROOT_STATUS = 0x30
};
enum {
    UNCORRECTABLE_KNOWN = 0x03fff030,           /* every error type of the specification */
    UNCORRECTABLE_MASK_DEFAULT = 0x02400000,    /* internal error, TLP prefix blocked */
    UNCORRECTABLE_SEVERITY_DEFAULT = 0x00462030,
    CORRECTABLE_KNOWN = 0xf1c1, CORRECTABLE_MASK_DEFAULT = 0xe000,
    CONTROL_GENERATION = 1 << 5, CONTROL_GENERATION_ENABLE = 1 << 6, CONTROL_CHECK = 1 << 7,
        CONTROL_CHECK_ENABLE = 1 << 8,
    CONTROL_MULTIPLE = 1 << 9, CONTROL_MULTIPLE_ENABLE = 1 << 10, ROOT_COMMAND_ENABLES = 7, ROOT_STATUS_KNOWN = 0x7f
};
enum { ACS_CAPABILITY = 4, ACS_CONTROL = 6, ACS_OF_A_PORT = 0x5f };     /* all but P2P egress control */

bool pcie_cap_init(PciDevice *dev, unsigned offset, PciePortType type, uint8_t port, GError **err)
{
    unsigned cap = pci_add_capability(dev, PCI_CAP_ID_PCIE, offset, PCIE_CAP_BYTES, err);
    bool slot = type == PCIE_ROOT_PORT || type == PCIE_DOWNSTREAM;

    if (!cap) {
        return false;
    }
    dev->pcie_cap = cap;
    pci_set16(dev, cap + PCIE_FLAGS, 2 | type << PCIE_FLAGS_TYPE_SHIFT | (slot ? PCIE_FLAGS_SLOT : 0));
    pci_set32(dev, cap + PCIE_DEVCAP, PCIE_DEVCAP_RBER | (dev->pcie_ext_tag ? PCIE_DEVCAP_EXT_TAG : 0));
    pci_set_writable16(dev, cap + PCIE_DEVCTL, PCIE_DEVCTL_ERRORS |
                       (dev->pcie_ext_tag && type == PCIE_ENDPOINT ? PCIE_DEVCTL_EXT_TAG : 0));
    dev->write_1_clear[cap + PCIE_DEVSTA] = 0x0f;
    pci_set32(dev, cap + PCIE_LNKCAP, (uint32_t)port << 24 | 0x400);      /* ASPM: L0s */
    pcie_set_link(dev, 1, 1);
    pci_set32(dev, cap + PCIE_DEVCAP2, PCIE_DEVCAP2_EXTFMT | PCIE_DEVCAP2_EETLP);
    pci_set_writable16(dev, cap + PCIE_DEVCTL2, PCIE_DEVCTL2_EETLP_BLOCK);
    if (type == PCIE_PCI_BRIDGE) {
        pci_set32(dev, cap + PCIE_DEVCAP2, pci_get32(dev, cap + PCIE_DEVCAP2) | PCIE_DEVCAP2_ARI);
        pci_set_writable16(dev, cap + PCIE_DEVCTL2, PCIE_DEVCTL2_EETLP_BLOCK | PCIE_DEVCTL2_ARI);
    }
    if (type == PCIE_ROOT_PORT) {
        pci_set_writable16(dev, cap + PCIE_RTCTL, 7);
    }
    return true;
}

void pcie_set_link(PciDevice *dev, unsigned speed, unsigned lanes)
{
    unsigned cap = dev->pcie_cap;
    uint32_t lnkcap = pci_get32(dev, cap + PCIE_LNKCAP) & ~0x3ffu;

    pci_set32(dev, cap + PCIE_LNKCAP, lnkcap | lanes << 4 | speed);
    pci_set16(dev, cap + PCIE_LNKSTA, (pci_get16(dev, cap + PCIE_LNKSTA) & ~0x3ff) | lanes << 4 | speed);
    if (speed > 1) {
        uint32_t port = pci_get32(dev, cap + PCIE_LNKCAP) | PCIE_LNKCAP_DLLLARC | PCIE_LNKCAP_LBNC;
        pci_set32(dev, cap + PCIE_LNKCAP, port);
        pci_set16(dev, cap + PCIE_LNKCTL2, speed);
        /* a bit each speed up to this one, from bit 1 */
        pci_set32(dev, cap + PCIE_LNKCAP2, (1u << (speed + 1)) - 2);
    }
}

void pcie_add_ext_capability(PciDevice *dev, uint16_t id, uint8_t version, unsigned offset, unsigned bytes)
{
    unsigned at = PCI_CONFIG_SIZE;

    g_assert(offset >= PCI_CONFIG_SIZE && offset + bytes <= dev->config_len && offset % 4 == 0);
    memset(dev->config + offset, 0, bytes);
    pci_set32(dev, offset, id | (uint32_t)version << 16);
    if (offset == at) {
        return;                                         /* the list begins here */
    }
    while (pci_get16(dev, at + 2) >> 4) {
        at = pci_get16(dev, at + 2) >> 4;
    }
    pci_set16(dev, at + 2, (pci_get16(dev, at + 2) & 0x0f) | offset << 4);
}

void pcie_aer_init(PciDevice *dev, unsigned offset, unsigned log_max, bool root)
{
    pcie_add_ext_capability(dev, PCIE_EXT_AER, 2, offset, PCIE_AER_BYTES);
    dev->aer_cap = offset;
    for (unsigned i = 0; i < 4; i++) {
        dev->write_1_clear[offset + AER_UNCORRECTABLE_STATUS + i] = (uint32_t)UNCORRECTABLE_KNOWN >> 8 * i;
        dev->write_1_clear[offset + AER_CORRECTABLE_STATUS + i] = CORRECTABLE_KNOWN >> 8 * i;
    }
    if (dev->pcie_err_unc_mask) {
        pci_set_writable32(dev, offset + AER_UNCORRECTABLE_MASK, UNCORRECTABLE_KNOWN);
    }
    pci_set_writable32(dev, offset + AER_UNCORRECTABLE_SEVERITY, UNCORRECTABLE_KNOWN);
    pci_set_writable32(dev, offset + AER_CORRECTABLE_MASK, CORRECTABLE_KNOWN);
    pci_set32(dev, offset + AER_CONTROL, CONTROL_GENERATION | CONTROL_CHECK | (log_max ? CONTROL_MULTIPLE : 0));
    pci_set_writable32(dev, offset + AER_CONTROL, CONTROL_GENERATION_ENABLE | CONTROL_CHECK_ENABLE |
                       (log_max ? CONTROL_MULTIPLE_ENABLE : 0));
    if (root) {
        pci_set_writable32(dev, offset + AER_ROOT_COMMAND, ROOT_COMMAND_ENABLES);
        dev->write_1_clear[offset + AER_ROOT_STATUS] = ROOT_STATUS_KNOWN;
    }
}

void pcie_acs_init(PciDevice *dev, unsigned offset)
{
    pcie_add_ext_capability(dev, PCIE_EXT_ACS, 1, offset, PCIE_ACS_BYTES);
    dev->acs_cap = offset;
    pci_set16(dev, offset + ACS_CAPABILITY, ACS_OF_A_PORT);
    pci_set_writable16(dev, offset + ACS_CONTROL, ACS_OF_A_PORT);
}

static void clear_writable(PciDevice *dev, unsigned offset, unsigned bytes)
{
    for (unsigned i = offset; i < offset + bytes; i++) {
        dev->config[i] &= ~(dev->writable[i] | dev->write_1_clear[i]);
    }
}

void pcie_reset(PciDevice *dev)
{
    unsigned speed = dev->pcie_cap ? pci_get16(dev, dev->pcie_cap + PCIE_LNKCTL2) & 0x0f : 0;

    if (dev->pcie_cap) {
        clear_writable(dev, dev->pcie_cap, PCIE_CAP_BYTES);
        pci_set16(dev, dev->pcie_cap + PCIE_LNKCTL2, speed);
    }
    if (dev->aer_cap) {
        clear_writable(dev, dev->aer_cap, PCIE_AER_BYTES);
        pci_set32(dev, dev->aer_cap + AER_UNCORRECTABLE_MASK, dev->pcie_err_unc_mask ? UNCORRECTABLE_MASK_DEFAULT : 0);
        pci_set32(dev, dev->aer_cap + AER_UNCORRECTABLE_SEVERITY, UNCORRECTABLE_SEVERITY_DEFAULT);
        pci_set32(dev, dev->aer_cap + AER_CORRECTABLE_MASK, CORRECTABLE_MASK_DEFAULT);
    }
    if (dev->acs_cap) {
        clear_writable(dev, dev->acs_cap, PCIE_ACS_BYTES);
    }
}
