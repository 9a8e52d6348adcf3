/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `info pci`: the machine's PCI devices as text, and the names of device classes. */
#include "hw/pci/pci.h"

static const struct { uint16_t class_id; const char *name; } class_names[] = {
    { 0x0001, "VGA controller" }, { 0x0100, "SCSI controller" }, { 0x0101, "IDE controller" },
    { 0x0102, "Floppy controller" }, { 0x0103, "IPI controller" }, { 0x0104, "RAID controller" },
    { 0x0106, "SATA controller" }, { 0x0107, "SAS controller" }, { 0x0180, "Storage controller" },
    { 0x0200, "Ethernet controller" }, { 0x0201, "Token Ring controller" }, { 0x0202, "FDDI controller" },
    { 0x0203, "ATM controller" }, { 0x0280, "Network controller" }, { 0x0300, "VGA controller" },
    { 0x0301, "XGA controller" }, { 0x0302, "3D controller" }, { 0x0380, "Display controller" },
    { 0x0400, "Video controller" }, { 0x0401, "Audio controller" }, { 0x0402, "Phone" }, { 0x0403, "Audio controller" },
    { 0x0480, "Multimedia controller" }, { 0x0500, "RAM controller" }, { 0x0501, "Flash controller" },
    { 0x0580, "Memory controller" }, { 0x0600, "Host bridge" }, { 0x0601, "ISA bridge" }, { 0x0602, "EISA bridge" },
    { 0x0603, "MC bridge" }, { 0x0604, "PCI bridge" }, { 0x0605, "PCMCIA bridge" }, { 0x0606, "NUBUS bridge" },
    { 0x0607, "CARDBUS bridge" }, { 0x0608, "RACEWAY bridge" }, { 0x0680, "Bridge" }, { 0x0700, "Serial port" },
    { 0x0701, "Parallel port" }, { 0x0800, "Interrupt controller" }, { 0x0801, "DMA controller" }, { 0x0802, "Timer" },
    { 0x0803, "RTC" }, { 0x0900, "Keyboard" }, { 0x0901, "Pen" }, { 0x0902, "Mouse" }, { 0x0a00, "Dock station" },
    { 0x0b00, "i386 cpu" }, { 0x0b01, "i486 cpu" }, { 0x0b02, "Pentium cpu" }, { 0x0b40, "co-processor" },
    { 0x0c00, "Firewire controller" }, { 0x0c01, "Access bus controller" }, { 0x0c02, "SSA controller" },
    { 0x0c03, "USB controller" }, { 0x0c04, "Fibre channel controller" }, { 0x0c05, "SMBus" },
};

const char *pci_class_name(uint16_t class_id)
{
    for (size_t i = 0; i < G_N_ELEMENTS(class_names); i++) {
        if (class_names[i].class_id == class_id) {
            return class_names[i].name;
        }
    }
    return NULL;
}

static void print_bar(GString *out, const PciDevice *dev, unsigned n)
{
    const PciBar *bar = &dev->bars[n];
    bool is_64 = bar->type == PCI_BAR_MEM64 || bar->type == PCI_BAR_MEM64_PREFETCH;
    bool prefetch = bar->type == PCI_BAR_MEM32_PREFETCH || bar->type == PCI_BAR_MEM64_PREFETCH;

    if (!bar->size) {
        return;
    }
    g_string_append_printf(out, "      BAR%u: ", n);
    if (bar->type == PCI_BAR_IO) {
        g_string_append(out, "I/O");
    } else {
        g_string_append_printf(out, "%d bit%s memory", is_64 ? 64 : 32, prefetch ? " prefetchable" : "");
    }
    if (bar->addr == PCI_BAR_UNMAPPED) {
        g_string_append(out, " (not mapped)\n");
    } else if (bar->type == PCI_BAR_IO) {
        g_string_append_printf(out, " at 0x%04" PRIx64 " [0x%04" PRIx64 "]\n", bar->addr, bar->addr + bar->size - 1);
    } else {
        g_string_append_printf(out, " at 0x%08" PRIx64 " [0x%08" PRIx64 "]\n", bar->addr, bar->addr + bar->size - 1);
    }
}

static void print_bridge(GString *out, const PciDevice *dev)
{
    uint32_t io_base = (pci_get8(dev, PCI_IO_BASE) & 0xf0) << 8,
        io_limit = (pci_get8(dev, PCI_IO_LIMIT) & 0xf0) << 8 | 0xfff;
    uint32_t mem_base = (uint32_t)(pci_get16(dev, PCI_MEMORY_BASE) & 0xfff0) << 16;
    uint32_t mem_limit = (uint32_t)(pci_get16(dev, PCI_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff;
    uint64_t pref_base = (uint64_t)pci_get32(dev, PCI_PREF_BASE_UPPER32) << 32 |
        (uint32_t)(pci_get16(dev, PCI_PREF_MEMORY_BASE) & 0xfff0) << 16;
    uint64_t pref_limit = (uint64_t)pci_get32(dev, PCI_PREF_LIMIT_UPPER32) << 32 |
                          (uint32_t)(pci_get16(dev, PCI_PREF_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff;

    g_string_append_printf(out, "      BUS %u.\n      secondary bus %u.\n      subordinate bus %u.\n",
                           pci_get8(dev, PCI_PRIMARY_BUS), pci_get8(dev, PCI_SECONDARY_BUS),
                               pci_get8(dev, PCI_SUBORDINATE_BUS));
    g_string_append_printf(out, "      IO range [0x%04x, 0x%04x]\n      memory range [0x%08x, 0x%08x]\n"
                           "      prefetchable memory range [0x%08" PRIx64 ", 0x%08" PRIx64 "]\n",
                           io_base, io_limit, mem_base, mem_limit, pref_base, pref_limit);
}

static void print_device(PciDevice *dev, void *opaque)
{
    GString *out = opaque;
    uint16_t class_id = pci_get16(dev, PCI_CLASS);
    const char *name = pci_class_name(class_id);

    g_string_append_printf(out, "  Bus %2d, device %3d, function %d:\n    ", pci_bus_number(pci_device_bus(dev)),
                           PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn));
    if (name) {
        g_string_append(out, name);
    } else {
        g_string_append_printf(out, "Class %04x", class_id);
    }
    g_string_append_printf(out, ": PCI device %04x:%04x\n", pci_get16(dev, PCI_VENDOR_ID),
                           pci_get16(dev, PCI_DEVICE_ID));
    if (pci_get16(dev, PCI_SUBSYSTEM_VENDOR_ID) || pci_get16(dev, PCI_SUBSYSTEM_ID)) {
        g_string_append_printf(out, "      PCI subsystem %04x:%04x\n", pci_get16(dev, PCI_SUBSYSTEM_VENDOR_ID),
                               pci_get16(dev, PCI_SUBSYSTEM_ID));
    }
    if (pci_get8(dev, PCI_INTERRUPT_PIN)) {
        g_string_append_printf(out, "      IRQ %u, pin %c\n", pci_get8(dev, PCI_INTERRUPT_LINE),
                               'A' + pci_get8(dev, PCI_INTERRUPT_PIN) - 1);
    }
    if ((pci_get8(dev, PCI_HEADER_TYPE) & ~PCI_HEADER_MULTIFUNCTION) == PCI_HEADER_BRIDGE) {
        print_bridge(out, dev);
    }
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        print_bar(out, dev, n);
    }
    g_string_append_printf(out, "      id \"%s\"\n", dev->device.id ? dev->device.id : "");
}

void pci_print_info(GString *out)
{
    if (pci_root_bus()) {
        pci_foreach_device(pci_root_bus(), print_device, out);
    }
}
