/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration cycles from ports and from the PCI Express window.
 *
 * CONFIG_ADDRESS is reached by aligned 32-bit accesses only: narrower ones pass it by, and a byte at 0xcf9 reaches the
 * reset register. CONFIG_DATA takes 1, 2 and 4 bytes within its doubleword. Reserved bits of CONFIG_ADDRESS (30-24,
 * 1-0) read as 0. Nobody there: reads give all ones, writes vanish (master abort).
 */
#include "hw/pci/pci_host.h"

#define CF9_OFFSET 1

static uint64_t address_read(void *opaque, uint64_t offset, unsigned size)
{
    PciHost *host = opaque;
    if (offset == CF9_OFFSET && size == 1 && host->cf9_read) {
        return host->cf9_read(host->cf9_opaque);
    }
    return offset == 0 && size == 4 ? host->config_address : UINT64_MAX;
}

static void address_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PciHost *host = opaque;
    if (offset == 0 && size == 4) {
        host->config_address = value & (PCI_CONFIG_ENABLE | 0x00fffffc);
    } else if (offset == CF9_OFFSET && size == 1 && host->cf9_write) {
        host->cf9_write(host->cf9_opaque, value);
    }
}

static const MemoryOps address_ops = {
    .read = address_read, .write = address_write, .valid = { 1, 4, .unaligned = true },
    .impl = { 1, 4, .unaligned = true },
};

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size)
{
    PciHost *host = opaque;
    if (!(host->config_address & PCI_CONFIG_ENABLE) || offset + size > 4) {
        return UINT64_MAX;
    }
    return pci_data_read(host->bus, host->config_address + offset, size);
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PciHost *host = opaque;
    if ((host->config_address & PCI_CONFIG_ENABLE) && offset + size <= 4) {
        pci_data_write(host->bus, host->config_address + offset, value, size);
    }
}

static const MemoryOps data_ops = {
    .read = data_read, .write = data_write, .valid = { 1, 4, .unaligned = true }, .impl = { 1, 4, .unaligned = true },
};

/* Offset in the window: bus 27-20, device and function 19-12, register 11-0. */
static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned size)
{
    PciHost *host = opaque;
    PciDevice *dev = pci_find_device(host->bus, offset >> 20, offset >> 12 & 0xff);
    return dev ? pci_config_read(dev, offset & 0xfff, size) : UINT64_MAX;
}

static void ecam_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PciHost *host = opaque;
    PciDevice *dev = pci_find_device(host->bus, offset >> 20, offset >> 12 & 0xff);
    if (dev) {
        pci_config_write(dev, offset & 0xfff, value, size);
    }
}

static const MemoryOps ecam_ops = { .read = ecam_read, .write = ecam_write, .valid = { 1, 4 }, .impl = { 1, 4 } };

void pci_host_init(PciHost *host, Device *owner, PciBus *bus, MemoryRegion *io)
{
    host->owner = OBJECT(owner);
    host->bus = bus;
    bus->host = host;
    if (!io) {
        return;
    }
    memory_region_init_io(&host->address_region, OBJECT(owner), &address_ops, host, "pci-conf-idx", 4);
    memory_region_init_io(&host->data_region, OBJECT(owner), &data_ops, host, "pci-conf-data", 4);
    memory_region_add(io, PCI_CONFIG_ADDRESS, &host->address_region);
    memory_region_add(io, PCI_CONFIG_DATA, &host->data_region);
}

void pci_host_map_ecam(PciHost *host, MemoryRegion *memory, uint64_t addr, uint64_t size)
{
    memory_transaction_begin();
    if (host->ecam_mapped) {
        memory_region_del(memory, &host->ecam_region);
    } else if (!host->ecam_region.name) {
        memory_region_init_io(&host->ecam_region, host->owner, &ecam_ops, host, "pcie-mmcfg-mmio", ECAM_BYTES_MAX);
    }
    host->ecam_mapped = size != 0;
    if (size) {
        memory_region_set_size(&host->ecam_region, size);
        memory_region_add_overlap(memory, addr, &host->ecam_region, 2);
    }
    memory_transaction_commit();
}
