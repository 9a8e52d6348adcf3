/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI: interrupts as memory writes whose address and data the guest put into the capability.
 *
 *   pci_msi_notify(vector) -> masked: PENDING bit -> (unmasked by a config write) -> pci_send_msi(): a DMA write
 *
 * Spec: PCI Local Bus 3.0, section 6.8.1. All state is in config space.
 */
#include "hw/pci/pci_internal.h"

#include "core/log.h"

TRACE_EVENT(pci_msi_send, "%s addr 0x%" PRIx64 " data 0x%x");

void pci_send_msi(PciDevice *dev, MsiMessage msg)
{
    trace(pci_msi_send, dev->device.object.type->name, msg.addr, msg.data);
    memory_store(pci_dma(dev), msg.addr, 4, msg.data, (MemTxAttrs){ .requester_id = pci_requester_id(dev) }, NULL);
}

static uint16_t control(const PciDevice *dev)
{
    return pci_get16(dev, dev->msi_cap + PCI_MSI_CONTROL);
}

static unsigned data_offset(const PciDevice *dev)
{
    return dev->msi_cap + (control(dev) & PCI_MSI_64BIT ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32);
}

/* Offset of the mask register; the pending bits follow it. 0: the device has none. */
static unsigned mask_offset(const PciDevice *dev)
{
    if (!(control(dev) & PCI_MSI_MASKABLE)) {
        return 0;
    }
    return dev->msi_cap + (control(dev) & PCI_MSI_64BIT ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
}

static unsigned capable_vectors(const PciDevice *dev)
{
    return 1u << (control(dev) >> PCI_MSI_CAPABLE_SHIFT & 7);
}

/* Vectors that the guest granted: never more than the device asked for, whatever it wrote. */
static unsigned enabled_vectors(const PciDevice *dev)
{
    return MIN(1u << ((control(dev) & PCI_MSI_ENABLED) >> PCI_MSI_ENABLED_SHIFT), capable_vectors(dev));
}

bool pci_msi_init(PciDevice *dev, unsigned offset, unsigned vectors, bool addr64, bool per_vector_mask, GError **err)
{
    g_assert(vectors >= 1 && vectors <= 32 && !(vectors & (vectors - 1)) && !dev->msi_cap);
    unsigned len = (addr64 ? 14 : 10) + (per_vector_mask ? 10 : 0);
    unsigned cap = pci_add_capability(dev, PCI_CAP_ID_MSI, offset, len, err);
    if (!cap) {
        return false;
    }
    dev->msi_cap = cap;
    pci_set16(dev, cap + PCI_MSI_CONTROL, __builtin_ctz(vectors) << PCI_MSI_CAPABLE_SHIFT |
              (addr64 ? PCI_MSI_64BIT : 0) |
                                          (per_vector_mask ? PCI_MSI_MASKABLE : 0));
    pci_set_writable16(dev, cap + PCI_MSI_CONTROL, PCI_MSI_ENABLE | PCI_MSI_ENABLED);
    pci_set_writable32(dev, cap + PCI_MSI_ADDR_LOW, 0xfffffffc);
    if (addr64) {
        pci_set_writable32(dev, cap + PCI_MSI_ADDR_HIGH, 0xffffffff);
    }
    pci_set_writable16(dev, data_offset(dev), 0xffff);
    if (per_vector_mask) {
        pci_set_writable32(dev, mask_offset(dev), 0xffffffff >> (32 - vectors));
    }
    return true;
}

bool pci_msi_enabled(const PciDevice *dev)
{
    return dev->msi_cap && (control(dev) & PCI_MSI_ENABLE);
}

static void send(PciDevice *dev, unsigned vector)
{
    MsiMessage msg = { .addr = pci_get32(dev, dev->msi_cap + PCI_MSI_ADDR_LOW),
        .data = pci_get16(dev, data_offset(dev)) };
    if (control(dev) & PCI_MSI_64BIT) {
        msg.addr |= (uint64_t)pci_get32(dev, dev->msi_cap + PCI_MSI_ADDR_HIGH) << 32;
    }
    unsigned vectors = enabled_vectors(dev);            /* the low bits of the data number the vector */
    msg.data = (msg.data & ~(vectors - 1)) | (vector & (vectors - 1));
    pci_send_msi(dev, msg);
}

void pci_msi_notify(PciDevice *dev, unsigned vector)
{
    g_assert(dev->msi_cap && vector < 32);
    if (!pci_msi_enabled(dev)) {
        return;
    }
    unsigned mask = mask_offset(dev);
    if (mask && (pci_get32(dev, mask) >> vector & 1)) {
        pci_set32(dev, mask + 4, pci_get32(dev, mask + 4) | 1u << vector);
        return;
    }
    send(dev, vector);
}

void pci_msi_config_written(PciDevice *dev)
{
    unsigned mask = mask_offset(dev), most = control(dev) >> PCI_MSI_CAPABLE_SHIFT & 7;

    if ((control(dev) & PCI_MSI_ENABLED) >> PCI_MSI_ENABLED_SHIFT > most) {
        pci_set16(dev, dev->msi_cap + PCI_MSI_CONTROL, (control(dev) & ~PCI_MSI_ENABLED) |
                  most << PCI_MSI_ENABLED_SHIFT);
    }
    if (!pci_msi_enabled(dev)) {
        return;
    }
    if (dev->irq_level) {                               /* a device with MSI on does not drive its pin */
        pci_set_irq(dev, 0);
    }
    uint32_t ready = mask ? pci_get32(dev, mask + 4) & ~pci_get32(dev, mask) : 0;
    if (ready) {
        pci_set32(dev, mask + 4, pci_get32(dev, mask + 4) & ~ready);
    }
    for (unsigned vector = 0; ready; vector++, ready >>= 1) {
        if (ready & 1) {
            send(dev, vector);
        }
    }
}

void pci_msi_reset(PciDevice *dev)
{
    if (!dev->msi_cap) {
        return;
    }
    pci_set16(dev, dev->msi_cap + PCI_MSI_CONTROL, control(dev) & ~(PCI_MSI_ENABLE | PCI_MSI_ENABLED));
    pci_set32(dev, dev->msi_cap + PCI_MSI_ADDR_LOW, 0);
    if (control(dev) & PCI_MSI_64BIT) {
        pci_set32(dev, dev->msi_cap + PCI_MSI_ADDR_HIGH, 0);
    }
    pci_set16(dev, data_offset(dev), 0);
    if (mask_offset(dev)) {
        pci_set32(dev, mask_offset(dev), 0);
        pci_set32(dev, mask_offset(dev) + 4, 0);
    }
}
