/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X: as MSI, with the messages in a table in one of the device's BARs, each maskable.
 *
 *   guest -> table region: messages, mask bits; pending-bit region: read-only
 *   pci_msix_notify(vector) -> masked: pending bit -> (unmasked by table or control write) -> pci_send_msi()
 *
 * Spec: PCI Local Bus 3.0, section 6.8.2. A table entry: address (8), data (4), vector control (4, bit 0 masks).
 */
#include "hw/pci/pci_internal.h"

#include <string.h>

static uint16_t control(const PciDevice *dev)
{
    return pci_get16(dev, dev->msix_cap + PCI_MSIX_CONTROL);
}

static uint32_t table32(const PciMsix *m, unsigned offset)
{
    const uint8_t *p = m->table + offset;
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool masked(const PciDevice *dev, unsigned vector)
{
    uint32_t vector_control = table32(dev->msix, vector * PCI_MSIX_ENTRY_SIZE + 12);
    return (control(dev) & PCI_MSIX_MASK_ALL) || (vector_control & PCI_MSIX_ENTRY_MASKED);
}

bool pci_msix_enabled(const PciDevice *dev)
{
    return dev->msix_cap && (control(dev) & PCI_MSIX_ENABLE);
}

static void send(PciDevice *dev, unsigned vector)
{
    unsigned at = vector * PCI_MSIX_ENTRY_SIZE;
    pci_send_msi(dev, (MsiMessage){
        .addr = (table32(dev->msix, at) & ~3u) | (uint64_t)table32(dev->msix, at + 4) << 32,
        .data = table32(dev->msix, at + 8),
    });
}

static void fire_if_ready(PciDevice *dev, unsigned vector)
{
    uint8_t *pba = &dev->msix->pba[vector / 8], bit = 1 << vector % 8;
    if ((*pba & bit) && pci_msix_enabled(dev) && !masked(dev, vector)) {
        *pba &= ~bit;
        send(dev, vector);
    }
}

void pci_msix_notify(PciDevice *dev, unsigned vector)
{
    g_assert(dev->msix && vector < dev->msix->vectors);
    if (pci_msix_enabled(dev)) {
        dev->msix->pba[vector / 8] |= 1 << vector % 8;
        fire_if_ready(dev, vector);
    }
}

void pci_msix_config_written(PciDevice *dev)
{
    if (!pci_msix_enabled(dev)) {
        return;
    }
    if (dev->irq_level) {
        pci_set_irq(dev, 0);
    }
    for (unsigned vector = 0; vector < dev->msix->vectors; vector++) {
        fire_if_ready(dev, vector);
    }
}

static uint64_t table_read(void *opaque, uint64_t offset, unsigned size)
{
    const PciMsix *m = PCI_DEVICE(opaque)->msix;
    uint64_t value = 0;
    memcpy(&value, m->table + offset, size);
    return value;
}

static void table_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PciDevice *dev = opaque;
    memcpy(dev->msix->table + offset, &value, size);
    fire_if_ready(dev, offset / PCI_MSIX_ENTRY_SIZE);
}

static uint64_t pba_read(void *opaque, uint64_t offset, unsigned size)
{
    const PciMsix *m = PCI_DEVICE(opaque)->msix;
    uint64_t value = 0;
    memcpy(&value, m->pba + offset, size);
    return value;
}

static void pba_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

static const MemoryOps table_ops = { .read = table_read, .write = table_write, .valid = { 4, 8 }, .impl = { 4, 4 } };
static const MemoryOps pba_ops = { .read = pba_read, .write = pba_write, .valid = { 4, 8 }, .impl = { 4, 4 } };

static void msix_reset_table(PciMsix *m)
{
    memset(m->pba, 0, m->pba_len);
    memset(m->table, 0, m->table_len);
    for (unsigned v = 0; v < m->vectors; v++) {
        m->table[v * PCI_MSIX_ENTRY_SIZE + 12] = PCI_MSIX_ENTRY_MASKED;
    }
}

bool pci_msix_init(PciDevice *dev, unsigned vectors, MemoryRegion *table_bar, unsigned table_bar_nr,
                   uint32_t table_offset, MemoryRegion *pba_bar, unsigned pba_bar_nr, uint32_t pba_offset,
                       unsigned cap_offset, GError **err)
{
    g_assert(vectors >= 1 && vectors <= PCI_MSIX_VECTORS_MAX && !dev->msix_cap && !(table_offset & 7) &&
             !(pba_offset & 7));
    unsigned cap = pci_add_capability(dev, PCI_CAP_ID_MSIX, cap_offset, PCI_MSIX_CAP_LEN, err);
    if (!cap) {
        return false;
    }
    PciMsix *m = dev->msix = dev->msix ? dev->msix : g_new0(PciMsix, 1);
    m->vectors = vectors;
    m->table_len = vectors * PCI_MSIX_ENTRY_SIZE;
    m->pba_len = (vectors + 63) / 64 * 8;
    /* the state table's allocation, whatever is used of it */
    m->table = dev->msix_table = g_malloc0(PCI_MSIX_VECTORS_MAX * PCI_MSIX_ENTRY_SIZE);
    m->pba = dev->msix_pba = g_malloc0(PCI_MSIX_VECTORS_MAX / 8);
    dev->msix_table_len = m->table_len;
    dev->msix_pba_len = m->pba_len;
    dev->msix_cap = cap;
    pci_set16(dev, cap + PCI_MSIX_CONTROL, vectors - 1);
    pci_set_writable16(dev, cap + PCI_MSIX_CONTROL, PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL);
    pci_set32(dev, cap + PCI_MSIX_TABLE, table_offset | table_bar_nr);
    pci_set32(dev, cap + PCI_MSIX_PBA, pba_offset | pba_bar_nr);
    memory_region_init_io(&m->table_region, OBJECT(dev), &table_ops, dev, "msix-table", m->table_len);
    memory_region_init_io(&m->pba_region, OBJECT(dev), &pba_ops, dev, "msix-pba", m->pba_len);
    memory_region_add(table_bar, table_offset, &m->table_region);
    memory_region_add(pba_bar, pba_offset, &m->pba_region);
    msix_reset_table(m);
    return true;
}

/* Table in the lower half, pending bits in the upper; at least a page in all. */
bool pci_msix_init_exclusive_bar_at(PciDevice *dev, unsigned vectors, unsigned bar_nr, unsigned cap_offset,
                                    GError **err)
{
    uint64_t half = 2048;
    while (half < vectors * PCI_MSIX_ENTRY_SIZE) {
        half *= 2;
    }
    g_autofree char *name = g_strdup_printf("%s-msix", dev->device.object.type->name);
    dev->msix = g_new0(PciMsix, 1);
    MemoryRegion *bar = &dev->msix->exclusive_bar;
    memory_region_init(bar, OBJECT(dev), name, 2 * half);
    if (!pci_msix_init(dev, vectors, bar, bar_nr, 0, bar, bar_nr, half, cap_offset, err)) {
        memory_region_destroy(bar);
        g_clear_pointer(&dev->msix, g_free);
        return false;
    }
    pci_register_bar(dev, bar_nr, PCI_BAR_MEM32, bar);
    return true;
}

bool pci_msix_init_exclusive_bar(PciDevice *dev, unsigned vectors, unsigned bar_nr, GError **err)
{
    return pci_msix_init_exclusive_bar_at(dev, vectors, bar_nr, 0, err);
}

bool pci_msix_loaded(PciDevice *dev, GError **err)
{
    PciMsix *m = dev->msix;

    if (m && (dev->msix_table_len != m->table_len || dev->msix_pba_len != m->pba_len)) {
        dev->msix_table_len = m->table_len;
        dev->msix_pba_len = m->pba_len;
        return error_set(err, "MSI-X table or pending bits have a wrong size");
    }
    return true;
}

void pci_msix_reset(PciDevice *dev)
{
    if (dev->msix) {
        pci_set16(dev, dev->msix_cap + PCI_MSIX_CONTROL, control(dev) & ~(PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL));
        msix_reset_table(dev->msix);
    }
}

void pci_msix_unmap(PciDevice *dev)
{
    PciMsix *m = dev->msix;
    if (m) {
        memory_region_destroy(&m->table_region);
        memory_region_destroy(&m->pba_region);
        if (m->exclusive_bar.name) {
            memory_region_destroy(&m->exclusive_bar);
        }
    }
}

void pci_msix_free(PciDevice *dev)
{
    if (dev->msix) {
        g_free(dev->msix->table);
        g_free(dev->msix->pba);
        g_clear_pointer(&dev->msix, g_free);
    }
}
