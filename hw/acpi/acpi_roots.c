/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies behind each expander bridge: the BARs of the functions on its bus, the windows and buses of the bridges
 * there. Ranges that touch are told as one.
 */
#include "hw/acpi/acpi_roots.h"

#include "hw/pci/pxb.h"

enum { WINDOW_TYPE = 0x0f };

static void add(GArray *ranges, bool io, uint64_t start, uint64_t end)
{
    AcpiRange r = { io, start, end };

    if (start <= end) {
        g_array_append_val(ranges, r);
    }
}

static void add_bars(GArray *ranges, const PciDevice *dev)
{
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        const PciBar *bar = &dev->bars[n];
        if (bar->mapped) {
            add(ranges, bar->type == PCI_BAR_IO, bar->addr, bar->addr + bar->size - 1);
        }
    }
}

/* PCI-to-PCI Bridge Architecture 1.2, 3.2.5.6 to 3.2.5.10. */
static void add_windows(GArray *ranges, const PciDevice *dev)
{
    uint16_t command = pci_get16(dev, PCI_COMMAND);

    if (command & PCI_COMMAND_IO) {
        add(ranges, true, (pci_get8(dev, PCI_IO_BASE) & ~WINDOW_TYPE) << 8,
            (pci_get8(dev, PCI_IO_LIMIT) & ~WINDOW_TYPE) << 8 | 0xfff);
    }
    if (command & PCI_COMMAND_MEMORY) {
        add(ranges, false, (uint64_t)(pci_get16(dev, PCI_MEMORY_BASE) & ~WINDOW_TYPE) << 16,
            (uint64_t)(pci_get16(dev, PCI_MEMORY_LIMIT) & ~WINDOW_TYPE) << 16 | 0xfffff);
        add(ranges, false,
            (uint64_t)pci_get32(dev, PCI_PREF_BASE_UPPER32) << 32 |
                (uint64_t)(pci_get16(dev, PCI_PREF_MEMORY_BASE) & ~WINDOW_TYPE) << 16,
            (uint64_t)pci_get32(dev, PCI_PREF_LIMIT_UPPER32) << 32 |
                (uint64_t)(pci_get16(dev, PCI_PREF_MEMORY_LIMIT) & ~WINDOW_TYPE) << 16 | 0xfffff);
    }
}

static gint by_start(gconstpointer a, gconstpointer b)
{
    const AcpiRange *x = a, *y = b;

    return x->io != y->io ? (x->io ? -1 : 1) : x->start < y->start ? -1 : x->start > y->start;
}

static void merge(GArray *ranges)
{
    guint kept = 0;

    g_array_sort(ranges, by_start);
    for (guint i = 0; i < ranges->len; i++) {
        AcpiRange *last = kept ? &g_array_index(ranges, AcpiRange, kept - 1) : NULL;
        AcpiRange next = g_array_index(ranges, AcpiRange, i);
        /* Not across 4 GiB: a descriptor is of 32 or 64 bits. */
        if (last && last->io == next.io && next.start <= last->end + 1 && next.start >> 32 == last->end >> 32) {
            last->end = MAX(last->end, next.end);
        } else {
            g_array_index(ranges, AcpiRange, kept++) = next;
        }
    }
    g_array_set_size(ranges, kept);
}

static void last_bus(PciDevice *dev, void *opaque)
{
    AcpiPciRoot *root = opaque;

    if (pci_device_type_of(dev)->header_type == PCI_HEADER_BRIDGE) {
        root->bus_last = MAX(root->bus_last, pci_get8(dev, PCI_SUBORDINATE_BUS));
    }
}

static AcpiPciRoot describe(unsigned n, GArray *ranges)
{
    PciBus *bus = (PciBus *)pxb_bus(n);
    unsigned node = pxb_numa_node(n);
    AcpiPciRoot root = {
        .express = pci_bus_is_express(bus), .bus_first = bus->root_number, .bus_last = bus->root_number,
        .numa_node = node == PXB_NUMA_UNASSIGNED ? -1 : (int)node,
    };

    for (unsigned devfn = 0; devfn < G_N_ELEMENTS(bus->devices); devfn++) {
        const PciDevice *dev = bus->devices[devfn];
        if (dev) {
            add_bars(ranges, dev);
        }
        if (dev && pci_device_type_of(dev)->header_type == PCI_HEADER_BRIDGE) {
            add_windows(ranges, dev);
        }
    }
    merge(ranges);
    pci_foreach_device(bus, last_bus, &root);
    root.ranges = (const AcpiRange *)ranges->data;
    root.range_count = ranges->len;
    return root;
}

void acpi_describe_roots(AcpiMachine *m)
{
    static GPtrArray *ranges;                   /* GArray of AcpiRange, one a root */
    static AcpiPciRoot *roots;

    if (!ranges) {
        ranges = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    }
    g_ptr_array_set_size(ranges, 0);
    g_free(roots);
    roots = g_new0(AcpiPciRoot, pxb_count());
    for (unsigned i = 0; i < pxb_count(); i++) {
        g_ptr_array_add(ranges, g_array_new(false, false, sizeof(AcpiRange)));
        roots[i] = describe(i, g_ptr_array_index(ranges, i));
    }
    m->roots = roots;
    m->root_count = pxb_count();
}
