/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's two ways to configuration space: ports 0xcf8/0xcfc (PCI Local Bus 3.0, 3.2.2.3.2, "mechanism #1") and the
 * memory-mapped window of PCI Express (ECAM). Embedded in a host bridge's device.
 */
#ifndef HW_PCI_PCI_HOST_H
#define HW_PCI_PCI_HOST_H

#include "hw/pci/pci.h"

#define PCI_CONFIG_ADDRESS 0xcf8
#define PCI_CONFIG_DATA 0xcfc
#define PCI_CONFIG_ENABLE 0x80000000u
#define ECAM_BYTES_MAX (256u << 20)               /* a megabyte a bus */

typedef struct PciHost {
    Object *owner;
    /* Byte accesses to 0xcf9, which lies within CONFIG_ADDRESS: the south bridge's reset control. */
    uint8_t (*cf9_read)(void *opaque);
    void (*cf9_write)(void *opaque, uint8_t value);
    void *cf9_opaque;
    PciBus *bus;
    MemoryRegion address_region, data_region;
    MemoryRegion ecam_region;
    bool ecam_mapped;
    /* CONFIG_ADDRESS: the only guest-visible state; the owner saves and resets it */
    uint32_t config_address;
} PciHost;

/** pci_host_init: maps both ports into @io (NULL: there are none), for devices of @bus and below. */
void pci_host_init(PciHost *host, Device *owner, PciBus *bus, MemoryRegion *io);
/** pci_host_map_ecam: the window of @size bytes (a megabyte a bus) at @addr of @memory; @size 0 removes it. */
void pci_host_map_ecam(PciHost *host, MemoryRegion *memory, uint64_t addr, uint64_t size);

#endif
