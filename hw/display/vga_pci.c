/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI cards around the VGA core (1234:1111), video memory in BAR 0, and a register window in BAR 2: EDID at 0, the VGA
 * ports (0x400), the Bochs VBE registers (0x500) and the extension registers (0x600).
 *
 *   VGA              also at the VGA's ports and memory window; with the VGA BIOS
 *   secondary-vga    only in its BARs, so that there can be many of them
 */
#include "hw/display/edid.h"
#include "hw/display/vga.h"
#include "hw/pci/pci.h"

enum {
    MMIO_VGA_PORTS = 0x400, MMIO_VGA_PORTS_END = 0x420, MMIO_VBE = 0x500, MMIO_VBE_END = MMIO_VBE + 2 * VBE_COUNT,
    MMIO_EXT = 0x600, MMIO_BYTES = 0x1000
};
enum { EXT_SIZE = MMIO_EXT, EXT_ENDIAN = MMIO_EXT + 4, EXT_END = MMIO_EXT + 8 };
enum { EXT_LITTLE_ENDIAN = 0x1e1e1e1e };
#define EXT_BIG_ENDIAN 0xbebebebeu

typedef struct PciVga {
    PciDevice pci;
    Vga vga;
    MemoryRegion mmio;
    uint32_t vgamem_mb;
    EdidConfig edid_config;
    uint8_t edid[EDID_BYTES];                   /* from the properties */
    bool mmio_enabled, extended_regs, has_edid, big_endian;
} PciVga;

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    PciVga *s = opaque;
    uint64_t value = 0;
    if (offset < EDID_BYTES && s->has_edid) {
        for (unsigned i = 0; i < size && offset + i < EDID_BYTES; i++) {
            value |= (uint64_t)s->edid[offset + i] << i * 8;
        }
        return value;
    }
    if (offset >= MMIO_VGA_PORTS && offset < MMIO_VGA_PORTS_END) {
        for (unsigned i = 0; i < size; i++) {
            value |= (uint64_t)vga_port_read(&s->vga, 0x3c0 + offset - MMIO_VGA_PORTS + i) << i * 8;
        }
        return value;
    }
    if (offset >= MMIO_VBE && offset < MMIO_VBE_END) {
        value = vga_vbe_read(&s->vga, (offset - MMIO_VBE) / 2);
        if (size == 4 && offset + 2 < MMIO_VBE_END) {
            value |= (uint64_t)vga_vbe_read(&s->vga, (offset - MMIO_VBE) / 2 + 1) << 16;
        }
        return value >> (offset & 1) * 8;
    }
    if (s->extended_regs && offset >= MMIO_EXT && offset < EXT_END) {
        uint32_t order = s->vga.big_endian ? EXT_BIG_ENDIAN : EXT_LITTLE_ENDIAN;
        return size < 4 ? 0 : offset == EXT_SIZE ? EXT_END - MMIO_EXT : order;
    }
    return UINT64_MAX;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PciVga *s = opaque;
    if (offset >= MMIO_VGA_PORTS && offset < MMIO_VGA_PORTS_END) {
        for (unsigned i = 0; i < size; i++) {   /* index and data in one */
            vga_port_write(&s->vga, 0x3c0 + offset - MMIO_VGA_PORTS + i, value >> i * 8);
        }
    } else if (offset >= MMIO_VBE && offset < MMIO_VBE_END && size >= 2) {
        vga_vbe_write(&s->vga, (offset - MMIO_VBE) / 2, value);
        if (size == 4 && offset + 2 < MMIO_VBE_END) {
            vga_vbe_write(&s->vga, (offset - MMIO_VBE) / 2 + 1, value >> 16);
        }
    } else if (s->extended_regs && offset == EXT_ENDIAN && size == 4) {
        if (value == EXT_BIG_ENDIAN || value == EXT_LITTLE_ENDIAN) {
            s->vga.big_endian = value == EXT_BIG_ENDIAN;
        }
    }
}

static const MemoryOps mmio_ops = {
    .read = mmio_read, .write = mmio_write, .valid = { .min = 1, .max = 4 }, .impl = { .min = 1, .max = 4 },
};

static bool common_realize(Device *dev, GError **err)
{
    PciVga *s = DEVICE(PciVga, dev);
    if (s->vgamem_mb < 1 || s->vgamem_mb > 512 || (s->vgamem_mb & (s->vgamem_mb - 1))) {
        return error_set(err, "%s: vgamem_mb is a power of two from 1 to 512, not %u", dev->object.type->name,
                         s->vgamem_mb);
    }
    if (!vga_init(&s->vga, &dev->object, s->vgamem_mb << 20, err)) {
        return false;
    }
    pci_register_bar(&s->pci, 0, PCI_BAR_MEM32_PREFETCH, &s->vga.vram_region);
    if (s->mmio_enabled) {
        edid_make(s->edid, &s->edid_config);
        memory_region_init_io(&s->mmio, &dev->object, &mmio_ops, s, "vga.mmio", MMIO_BYTES);
        pci_register_bar(&s->pci, 2, PCI_BAR_MEM32, &s->mmio);
    }
    return true;
}

static bool vga_realize(Device *dev, GError **err)
{
    PciVga *s = DEVICE(PciVga, dev);
    if (!common_realize(dev, err)) {
        return false;
    }
    PciBus *bus = pci_device_bus(&s->pci);
    /* Behind the bridge, whose SMRAM may hide the window. */
    vga_map_legacy(&s->vga, &dev->object, bus->memory, bus->io);
    return true;
}

static bool secondary_realize(Device *dev, GError **err)
{
    DEVICE(PciVga, dev)->mmio_enabled = true;
    return common_realize(dev, err);
}

static void common_unrealize(Device *dev)
{
    PciVga *s = DEVICE(PciVga, dev);
    vga_destroy(&s->vga);
    memory_region_destroy(&s->vga.vram_region);
    if (s->mmio_enabled) {
        memory_region_destroy(&s->mmio);
    }
}

static void pci_vga_reset(Device *dev, ResetKind kind)
{
    PciVga *s = DEVICE(PciVga, dev);
    vga_reset(&s->vga);
    s->vga.big_endian = s->big_endian;
}

static bool pci_vga_post_load(Device *dev, unsigned version, GError **err)
{
    return vga_state_valid(&DEVICE(PciVga, dev)->vga) ||
           error_set(err, "VGA: an index or the bank is out of range");
}

#define COMMON_PROPERTIES \
    PROP_UINT32("vgamem_mb", PciVga, vgamem_mb, 16, "video memory in MiB"), \
    PROP_BOOL("qemu-extended-regs", PciVga, extended_regs, true, "offer the extension registers in the window"), \
    PROP_BOOL("edid", PciVga, has_edid, true, "offer EDID data"), \
    PROP_BOOL("big-endian-framebuffer", PciVga, big_endian, false, "byte order of pixels after reset"), \
    EDID_PROPERTIES(PciVga, edid_config)

static const Property vga_properties[] = {
    COMMON_PROPERTIES, PROP_BOOL("mmio", PciVga, mmio_enabled, true, "offer the register window in BAR 2"), { }
};
static const Property secondary_properties[] = { COMMON_PROPERTIES, { } };

static const StateField pci_vga_state[] = { STATE_STRUCT(PciVga, vga, Vga, vga_state), { } };

static const PciDeviceType vga_type = {
    .name = "VGA", .parent = &pci_device_type.type, .size = sizeof(PciVga), .category = CATEGORY_DISPLAY,
    .no_hotplug = true, .description = "standard VGA card", .properties = vga_properties, .state = pci_vga_state, .realize = vga_realize,
    .reset = pci_vga_reset, .post_load = pci_vga_post_load,
    .vendor_id = PCI_VENDOR_QEMU, .device_id = 0x1111, .class_id = 0x0300, .revision = 2,
    .romfile = "vgabios-stdvga.bin",
};
TYPE_REGISTER(vga_type);

static const PciDeviceType secondary_vga_type = {
    .name = "secondary-vga", .parent = &pci_device_type.type, .size = sizeof(PciVga), .category = CATEGORY_DISPLAY,
    .description = "standard VGA card without the VGA's ports and window", .properties = secondary_properties,
    .state = pci_vga_state, .realize = secondary_realize, .unrealize = common_unrealize, .reset = pci_vga_reset,
    .post_load = pci_vga_post_load,
    .vendor_id = PCI_VENDOR_QEMU, .device_id = 0x1111, .class_id = 0x0380, .revision = 2,
};
TYPE_REGISTER(secondary_vga_type);
