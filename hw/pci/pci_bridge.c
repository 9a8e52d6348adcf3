/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Header type 1 and the windows of a PCI-to-PCI bridge (pci_bridge.h). */
#include "hw/pci/pci_bridge.h"

#include "hw/pci/pci_internal.h"

enum {
    BRIDGE_CONTROL_ISA = 1 << 2, BRIDGE_CONTROL_VGA = 1 << 3, BRIDGE_CONTROL_SBR = 1 << 6,
    BRIDGE_CONTROL_EXPRESS = 0x005f, BRIDGE_CONTROL_CONVENTIONAL = 0x0bff, BRIDGE_CONTROL_DISCARD_STATUS = 0x0400,
    PREFETCH_64BIT = 1, WINDOW_TYPE = 0x0f
};
enum { VGA_MEMORY = 0xa0000, VGA_MEMORY_BYTES = 0x20000, VGA_IO_MONO = 0x3b0, VGA_IO_MONO_BYTES = 0xc, VGA_IO = 0x3c0,
    VGA_IO_BYTES = 0x20 };
/* Red Hat's vendor-specific capability "resource reserve" (type 1). */
enum { RESERVE_BYTES = 32, RESERVE_LENGTH = 2, RESERVE_TYPE = 3, RESERVE_BUS = 4, RESERVE_IO = 8, RESERVE_MEM = 16,
    RESERVE_PREF32 = 20, RESERVE_PREF64 = 24 };

/* Shows [@base, @limit] of the secondary side in the primary bus's space, or nothing. */
static void set_window(MemoryRegion *window, bool open, uint64_t base, uint64_t limit)
{
    memory_region_set_enabled(window, false);
    if (open && base <= limit) {
        memory_region_set_size(window, limit - base + 1);
        memory_region_set_alias_offset(window, base);
        memory_region_set_address(window, base);
        memory_region_set_enabled(window, true);
    }
}

static void windows_update(PciDevice *dev)
{
    PciBridge *br = PCI_BRIDGE(dev);
    uint16_t command = pci_get16(dev, PCI_COMMAND), control = pci_get16(dev, PCI_BRIDGE_CONTROL);
    bool io = command & PCI_COMMAND_IO, memory = command & PCI_COMMAND_MEMORY, vga = control & BRIDGE_CONTROL_VGA;
    uint64_t base = (uint32_t)(pci_get8(dev, PCI_IO_BASE) & ~WINDOW_TYPE) << 8;
    uint64_t limit = (uint32_t)(pci_get8(dev, PCI_IO_LIMIT) & ~WINDOW_TYPE) << 8 | 0xfff;

    memory_transaction_begin();
    set_window(&br->io_window, io, base, limit);
    base = (uint64_t)(pci_get16(dev, PCI_MEMORY_BASE) & ~WINDOW_TYPE) << 16;
    limit = (uint64_t)(pci_get16(dev, PCI_MEMORY_LIMIT) & ~WINDOW_TYPE) << 16 | 0xfffff;
    set_window(&br->memory_window, memory, base, limit);
    base = (uint64_t)pci_get32(dev, PCI_PREF_BASE_UPPER32) << 32 |
        (uint64_t)(pci_get16(dev, PCI_PREF_MEMORY_BASE) & ~WINDOW_TYPE) << 16;
    limit = (uint64_t)pci_get32(dev, PCI_PREF_LIMIT_UPPER32) << 32 |
        (uint64_t)(pci_get16(dev, PCI_PREF_MEMORY_LIMIT) & ~WINDOW_TYPE) << 16 | 0xfffff;
    set_window(&br->prefetch_window, memory, base, limit);
    memory_region_set_enabled(&br->vga_memory, vga && memory);
    memory_region_set_enabled(&br->vga_io[0], vga && io);
    memory_region_set_enabled(&br->vga_io[1], vga && io);
    memory_transaction_commit();
}

static void window_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    windows_update(dev);
}

static void control_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    if ((value & BRIDGE_CONTROL_SBR) && !(old & BRIDGE_CONTROL_SBR)) {
        bus_reset(&PCI_BRIDGE(dev)->secondary.bus, RESET_COLD);
    }
    windows_update(dev);
}

static const PciConfigRow bridge_config[] = {
    { PCI_PRIMARY_BUS,         1, "PRIMARY_BUS",     .writable = 0xff },
    { PCI_SECONDARY_BUS,       1, "SECONDARY_BUS",   .writable = 0xff },
    { PCI_SUBORDINATE_BUS,     1, "SUBORDINATE_BUS", .writable = 0xff },
    { PCI_SECONDARY_LATENCY,   1, "SECONDARY_LATENCY" },
    { PCI_IO_BASE,             1, "IO_BASE",         .writable = 0xf0, .on_write = window_written },
    { PCI_IO_LIMIT,            1, "IO_LIMIT",        .writable = 0xf0, .on_write = window_written },
    { PCI_SECONDARY_STATUS,    2, "SECONDARY_STATUS", .write_1_clear = 0xf900 },
    { PCI_MEMORY_BASE,         2, "MEMORY_BASE",     .writable = 0xfff0, .on_write = window_written },
    { PCI_MEMORY_LIMIT,        2, "MEMORY_LIMIT",    .writable = 0xfff0, .on_write = window_written },
    { PCI_PREF_MEMORY_BASE,    2, "PREF_BASE",       .reset = PREFETCH_64BIT, .writable = 0xfff0,
        .on_write = window_written },
    { PCI_PREF_MEMORY_LIMIT,   2, "PREF_LIMIT",      .reset = PREFETCH_64BIT, .writable = 0xfff0,
        .on_write = window_written },
    { PCI_PREF_BASE_UPPER32,   4, "PREF_BASE_UPPER", .writable = 0xffffffff, .on_write = window_written },
    { PCI_PREF_LIMIT_UPPER32,  4, "PREF_LIMIT_UPPER", .writable = 0xffffffff, .on_write = window_written },
    { PCI_BRIDGE_CONTROL,      2, "BRIDGE_CONTROL",  .on_write = control_written },
    { }
};

static void window_init(PciBridge *br, MemoryRegion *window, const char *name, MemoryRegion *inner, MemoryRegion *outer,
                        uint64_t addr, uint64_t size)
{
    memory_region_init_alias(window, OBJECT(br), name, inner, addr, size);
    memory_region_set_enabled(window, false);
    memory_region_add_overlap(outer, addr, window, 1);
}

void pci_bridge_init(PciBridge *br, const PciBusType *type, bool conventional)
{
    PciDevice *dev = &br->pci;
    PciBus *primary = pci_device_bus(dev);

    pci_set_writable16(dev, PCI_BRIDGE_CONTROL, conventional ? BRIDGE_CONTROL_CONVENTIONAL : BRIDGE_CONTROL_EXPRESS);
    if (conventional || br->writable_latency) {
        pci_set_writable8(dev, PCI_SECONDARY_LATENCY, 0xff);
    }
    if (conventional) {
        dev->write_1_clear[PCI_BRIDGE_CONTROL + 1] = BRIDGE_CONTROL_DISCARD_STATUS >> 8;
        pci_set16(dev, PCI_STATUS, PCI_STATUS_66MHZ | PCI_STATUS_FAST_BACK);
        pci_set16(dev, PCI_SECONDARY_STATUS, PCI_STATUS_66MHZ | PCI_STATUS_FAST_BACK);
    }
    memory_region_init(&br->memory, OBJECT(br), "pci-bridge-memory", REGION_SIZE_MAX);
    memory_region_init(&br->io, OBJECT(br), "pci-bridge-io", 0x10000);
    window_init(br, &br->io_window, "pci-bridge-io-window", &br->io, primary->io, 0, 0x1000);
    window_init(br, &br->memory_window, "pci-bridge-memory-window", &br->memory, primary->memory, 0, 0x100000);
    window_init(br, &br->prefetch_window, "pci-bridge-prefetch-window", &br->memory, primary->memory, 0, 0x100000);
    window_init(br, &br->vga_memory, "pci-bridge-vga-memory", &br->memory, primary->memory, VGA_MEMORY,
                VGA_MEMORY_BYTES);
    window_init(br, &br->vga_io[0], "pci-bridge-vga-mono", &br->io, primary->io, VGA_IO_MONO, VGA_IO_MONO_BYTES);
    window_init(br, &br->vga_io[1], "pci-bridge-vga-io", &br->io, primary->io, VGA_IO, VGA_IO_BYTES);
    pci_bus_init(&br->secondary, type, &dev->device, dev->device.id, &br->memory, &br->io, 0);
    br->secondary.bridge = dev;
    dev->decode_changed = windows_update;
}

void pci_bridge_close_windows(PciBridge *br)
{
    PciDevice *dev = &br->pci;

    pci_set8(dev, PCI_IO_BASE, 0xf0);
    pci_set16(dev, PCI_MEMORY_BASE, 0xfff0);
    pci_set16(dev, PCI_PREF_MEMORY_BASE, 0xfff0 | PREFETCH_64BIT);
    windows_update(dev);
}

static void bridge_unrealize(Device *d)
{
    PciBridge *br = PCI_BRIDGE(d);
    MemoryRegion *regions[] = { &br->io_window, &br->memory_window, &br->prefetch_window, &br->vga_memory,
                                &br->vga_io[0],
                                &br->vga_io[1], &br->memory, &br->io };

    if (!br->pci.decode_changed) {
        return;                                         /* realize() of the leaf type failed early */
    }
    br->pci.decode_changed = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(regions); i++) {
        memory_region_destroy(regions[i]);
    }
}

/* Secondary status of conventional bridges keeps its two constant bits. */
static void bridge_reset(Device *d, ResetKind kind)
{
    PciDevice *dev = PCI_DEVICE(d);

    pci_set16(dev, PCI_SECONDARY_STATUS, pci_get16(dev, PCI_STATUS) & (PCI_STATUS_66MHZ | PCI_STATUS_FAST_BACK));
    windows_update(dev);
}

bool pci_bridge_add_subsystem(PciBridge *br, unsigned offset, uint16_t vendor, uint16_t device, GError **err)
{
    unsigned cap = pci_add_capability(&br->pci, PCI_CAP_ID_SSVID, offset, 8, err);

    if (!cap) {
        return false;
    }
    pci_set16(&br->pci, cap + 4, vendor);
    pci_set16(&br->pci, cap + 6, device);
    return true;
}

bool pci_bridge_add_reserve(PciBridge *br, GError **err)
{
    const PciReserve *r = &br->reserve;
    const char *name = br->pci.device.object.type->name;

    if (r->mem != UINT64_MAX && r->mem >= UINT32_MAX) {
        return error_set(err, "property 'mem-reserve' of %s is 0x%" PRIx64 ", which is not below 4 GiB", name, r->mem);
    }
    if (r->pref32 != UINT64_MAX && r->pref64 != UINT64_MAX) {
        return error_set(err, "properties 'pref32-reserve' and 'pref64-reserve' of %s exclude each other", name);
    }
    if (r->pref32 != UINT64_MAX && r->pref32 >= UINT32_MAX) {
        return error_set(err, "property 'pref32-reserve' of %s is 0x%" PRIx64 ", which is not below 4 GiB", name,
                         r->pref32);
    }
    if (r->bus == UINT32_MAX && r->io == UINT64_MAX && r->mem == UINT64_MAX && r->pref32 == UINT64_MAX &&
        r->pref64 == UINT64_MAX) {
        return true;
    }
    unsigned cap = pci_add_capability(&br->pci, PCI_CAP_ID_VENDOR, 0, RESERVE_BYTES, err);
    if (!cap) {
        return false;
    }
    PciDevice *dev = &br->pci;
    pci_set8(dev, cap + RESERVE_LENGTH, RESERVE_BYTES);
    pci_set8(dev, cap + RESERVE_TYPE, 1);
    pci_set32(dev, cap + RESERVE_BUS, r->bus);
    pci_set32(dev, cap + RESERVE_IO, r->io);
    pci_set32(dev, cap + RESERVE_IO + 4, r->io >> 32);
    pci_set32(dev, cap + RESERVE_MEM, r->mem);
    pci_set32(dev, cap + RESERVE_PREF32, r->pref32);
    pci_set32(dev, cap + RESERVE_PREF64, r->pref64);
    pci_set32(dev, cap + RESERVE_PREF64 + 4, r->pref64 >> 32);
    return true;
}

static const Property bridge_properties[] = {
    PROP_BOOL("x-pci-express-writeable-slt-bug", PciBridge, writable_latency, false,
              "The secondary latency timer can be written on PCI Express too"),
    { }
};
static const StateField bridge_state[] = { { } };       /* all of it is configuration space */

const PciDeviceType pci_bridge_type = {
    .name = "base-pci-bridge", .parent = &pci_device_type.type, .size = sizeof(PciBridge), .is_abstract = true,
    .category = CATEGORY_BRIDGE, .class_id = PCI_CLASS_BRIDGE_PCI, .header_type = PCI_HEADER_BRIDGE,
    .config = bridge_config, .properties = bridge_properties, .state = bridge_state, .unrealize = bridge_unrealize,
    .reset = bridge_reset,
};
TYPE_REGISTER(pci_bridge_type);
