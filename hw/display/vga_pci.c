/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The standard VGA card (1234:1111): the VGA core, its video memory in BAR 0, and a register window in BAR 2, where the
 * VGA ports (0x400), the Bochs VBE registers (0x500) and the extension registers (0x600) can be reached as memory.
 */
#include "hw/display/vga.h"
#include "hw/pci/pci.h"

enum { MMIO_VGA_PORTS = 0x400, MMIO_VGA_PORTS_END = 0x420, MMIO_VBE = 0x500, MMIO_VBE_END = MMIO_VBE + 2 * VBE_COUNT, MMIO_EXT = 0x600 };
enum { EXT_BYTES = 8, EXT_LITTLE_ENDIAN = 0x1e1e1e1e };
#define MMIO_BYTES 4096

typedef struct StdVga {
    PciDevice pci;
    Vga vga;
    MemoryRegion mmio;
    uint32_t vgamem_mb, xres, yres, xmax, ymax, refresh_rate;
    bool mmio_enabled, extended_regs, edid, global_vmstate;
} StdVga;

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    StdVga *s = opaque;
    if (offset >= MMIO_VGA_PORTS && offset < MMIO_VGA_PORTS_END) {
        return vga_port_read(&s->vga, 0x3c0 + offset - MMIO_VGA_PORTS);
    }
    if (offset >= MMIO_VBE && offset < MMIO_VBE_END) {
        return vga_vbe_read(&s->vga, (offset - MMIO_VBE) / 2) >> (offset & 1) * 8 & 0xff;
    }
    if (s->extended_regs && offset >= MMIO_EXT && offset < MMIO_EXT + EXT_BYTES) {
        uint64_t words = (uint64_t)EXT_LITTLE_ENDIAN << 32 | EXT_BYTES;
        return words >> (offset - MMIO_EXT) * 8 & 0xff;
    }
    return offset < MMIO_VGA_PORTS ? 0 : 0xff;  /* below the ports: no EDID */
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    StdVga *s = opaque;
    if (offset >= MMIO_VGA_PORTS && offset < MMIO_VGA_PORTS_END) {
        vga_port_write(&s->vga, 0x3c0 + offset - MMIO_VGA_PORTS, value);
        if (size == 2) {                        /* index and data in one */
            vga_port_write(&s->vga, 0x3c1 + offset - MMIO_VGA_PORTS, value >> 8);
        }
    } else if (offset >= MMIO_VBE && offset < MMIO_VBE_END && size == 2) {
        vga_vbe_write(&s->vga, (offset - MMIO_VBE) / 2, value);
    }
}

static uint64_t mmio_read_sized(void *opaque, uint64_t offset, unsigned size)
{
    uint64_t value = mmio_read(opaque, offset, 1);
    return size == 1 ? value : value | mmio_read(opaque, offset + 1, 1) << 8;
}

static const MemoryOps mmio_ops = {
    .read = mmio_read_sized, .write = mmio_write, .valid = { .min = 1, .max = 4 }, .impl = { .min = 1, .max = 2 },
};

static bool stdvga_realize(Device *dev, GError **err)
{
    StdVga *s = DEVICE(StdVga, dev);
    if (s->vgamem_mb < 1 || s->vgamem_mb > 512 || (s->vgamem_mb & (s->vgamem_mb - 1))) {
        return error_set(err, "VGA: vgamem_mb is a power of two from 1 to 512, not %u", s->vgamem_mb);
    }
    if (!vga_init(&s->vga, &dev->object, s->vgamem_mb << 20, err)) {
        return false;
    }
    PciBus *bus = pci_device_bus(&s->pci);
    vga_map_legacy(&s->vga, &dev->object, bus->memory, bus->io);    /* behind the bridge, whose SMRAM may hide the window */
    pci_register_bar(&s->pci, 0, PCI_BAR_MEM32_PREFETCH, &s->vga.vram_region);
    if (s->mmio_enabled) {
        memory_region_init_io(&s->mmio, &dev->object, &mmio_ops, s, "vga.mmio", MMIO_BYTES);
        pci_register_bar(&s->pci, 2, PCI_BAR_MEM32, &s->mmio);
    }
    return true;
}

static void stdvga_reset(Device *dev, ResetKind kind)
{
    vga_reset(&DEVICE(StdVga, dev)->vga);
}

static bool stdvga_post_load(Device *dev, unsigned version, GError **err)
{
    return vga_state_valid(&DEVICE(StdVga, dev)->vga) || error_set(err, "VGA: an index or the bank is out of range");
}

static const Property stdvga_properties[] = {
    PROP_UINT32("vgamem_mb", StdVga, vgamem_mb, 16, "video memory in MiB"),
    PROP_BOOL("mmio", StdVga, mmio_enabled, true, "offer the register window in BAR 2"),
    PROP_BOOL("qemu-extended-regs", StdVga, extended_regs, true, "offer the extension registers in the window"),
    PROP_BOOL("edid", StdVga, edid, true, "offer EDID data"),
    PROP_UINT32("xres", StdVga, xres, 0, "preferred width"),
    PROP_UINT32("yres", StdVga, yres, 0, "preferred height"),
    PROP_UINT32("xmax", StdVga, xmax, 0, "largest width"),
    PROP_UINT32("ymax", StdVga, ymax, 0, "largest height"),
    PROP_UINT32("refresh_rate", StdVga, refresh_rate, 0, "preferred refresh rate in mHz"),
    PROP_BOOL("global-vmstate", StdVga, global_vmstate, false, "accepted for compatibility; has no effect"),
    { }
};

static const StateField stdvga_state[] = { STATE_STRUCT(StdVga, vga, Vga, vga_state), { } };

static const PciDeviceType stdvga_type = {
    .name = "VGA", .parent = &pci_device_type.type, .size = sizeof(StdVga), .category = CATEGORY_DISPLAY, .no_hotplug = true,
    .description = "standard VGA card", .properties = stdvga_properties, .state = stdvga_state,
    .realize = stdvga_realize, .reset = stdvga_reset, .post_load = stdvga_post_load,
    .vendor_id = PCI_VENDOR_QEMU, .device_id = 0x1111, .class_id = 0x0300, .revision = 2, .romfile = "vgabios-stdvga.bin",
};
TYPE_REGISTER(stdvga_type);
