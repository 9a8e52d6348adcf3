/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI-to-PCI bridges: header type 1, a secondary bus, and the windows that lead to it.
 *
 *   guest writes base, limit, COMMAND, BRIDGE_CONTROL -> windows: aliases of the secondary side's memory and I/O
 *   containers, laid into the primary bus's spaces; closed while base > limit or COMMAND does not enable the space
 *   BRIDGE_CONTROL.SBR rises -> all devices below are reset
 *
 * A bridge's struct begins with PciBridge, its type's parent is pci_bridge_type, and its realize() calls
 * pci_bridge_init() first. Spec: PCI-to-PCI Bridge Architecture 1.2, chapters 3 and 4.
 */
#ifndef HW_PCI_PCI_BRIDGE_H
#define HW_PCI_PCI_BRIDGE_H

#include "hw/pci/pci.h"

/* Bytes, and buses, that firmware should leave free behind the bridge for devices to come; UINT..._MAX: no wish. */
typedef struct PciReserve { uint32_t bus; uint64_t io, mem, pref32, pref64; } PciReserve;

typedef struct PciBridge {
    PciDevice pci;
    PciBus secondary;
    MemoryRegion memory, io;                    /* what the secondary side's BARs are mapped into */
    MemoryRegion io_window, memory_window, prefetch_window;
    MemoryRegion vga_memory, vga_io[2];
    PciReserve reserve;
    bool writable_latency;                      /* older machine versions' mistake: also on PCI Express */
} PciBridge;
#define PCI_BRIDGE(d) ((PciBridge *)(d))

extern const PciDeviceType pci_bridge_type;     /* "base-pci-bridge": abstract */

/** pci_bridge_init: the secondary bus of @type, named as the device's id. @conventional: the bits of BRIDGE_CONTROL,
 * STATUS and the latency timer that PCI Express has not got. */
void pci_bridge_init(PciBridge *br, const PciBusType *type, bool conventional);
/** pci_bridge_close_windows: base above limit in all three windows, as root ports are after reset. */
void pci_bridge_close_windows(PciBridge *br);
/** pci_bridge_add_subsystem: capability with the subsystem ids, 8 bytes at @offset (0: anywhere). */
bool pci_bridge_add_subsystem(PciBridge *br, unsigned offset, uint16_t vendor, uint16_t device, GError **err);
/** pci_bridge_add_reserve: the capability with br->reserve for firmware, if there is a wish; checks the values. */
bool pci_bridge_add_reserve(PciBridge *br, GError **err);

#define PCI_BRIDGE_RESERVE_PROPERTIES(S) \
    PROP_UINT32("bus-reserve", S, reserve.bus, UINT32_MAX, "Bus numbers that firmware keeps free behind the bridge"), \
    PROP_SIZE("io-reserve", S, reserve.io, UINT64_MAX, "Bytes of I/O window for devices to come"), \
    PROP_SIZE("mem-reserve", S, reserve.mem, UINT64_MAX, "Bytes of memory window for devices to come"), \
    PROP_SIZE("pref32-reserve", S, reserve.pref32, UINT64_MAX, \
              "Bytes of 32-bit prefetchable window for devices to come"), \
    PROP_SIZE("pref64-reserve", S, reserve.pref64, UINT64_MAX, \
              "Bytes of 64-bit prefetchable window for devices to come")

#endif
