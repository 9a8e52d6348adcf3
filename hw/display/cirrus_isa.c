/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-cirrus-vga: a CL-GD5430 on the ISA bus, which is the GD5446's registers (cirrus.c) behind the VGA's ports and the
 * window at 0xa0000; there is no linear frame buffer.
 */
#include "hw/display/cirrus.h"
#include "hw/display/vga_isa.h"
#include "hw/isa/isa.h"

#define VGA_BIOS "vgabios-cirrus.bin"
enum { CHIP_5430 = 0xa0 };

typedef struct CirrusIsa {
    IsaDevice isa;
    Cirrus cirrus;
    bool global_vmstate;                        /* a name in QEMU's migration streams; nothing here */
} CirrusIsa;

static bool cirrus_isa_realize(Device *dev, GError **err)
{
    CirrusIsa *s = DEVICE(CirrusIsa, dev);
    IsaBus *bus = isa_device_bus(&s->isa);

    return vga_isa_claim(dev, VGA_BIOS, err) && cirrus_init(&s->cirrus, dev, bus->memory, bus->io, err);
}

static void cirrus_isa_reset(Device *dev, ResetKind kind)
{
    static const CirrusStraps gd5430 = { .id = CHIP_5430, .dram = 0x18, .memory = 0x03, .config = 0x38, .clock = 0x22 };
    cirrus_reset(&DEVICE(CirrusIsa, dev)->cirrus, &gd5430);     /* 2 MiB, on ISA */
}

static bool cirrus_isa_post_load(Device *dev, unsigned version, GError **err)
{
    return cirrus_loaded(&DEVICE(CirrusIsa, dev)->cirrus, err);
}

static const Property cirrus_isa_properties[] = {
    CIRRUS_PROPERTIES(CirrusIsa, cirrus),
    PROP_BOOL("global-vmstate", CirrusIsa, global_vmstate, false, "no effect: names its state in QEMU's streams"), { }
};
static const StateField cirrus_isa_state[] = { STATE_STRUCT(CirrusIsa, cirrus, Cirrus, cirrus_state), { } };

static const DeviceType cirrus_isa_type = {
    .name = "isa-cirrus-vga", .parent = &isa_device_type.type, .size = sizeof(CirrusIsa), .category = CATEGORY_DISPLAY,
    .description = "Cirrus Logic CL-GD5430 (ISA)", .no_hotplug = true, .properties = cirrus_isa_properties,
    .state = cirrus_isa_state, .realize = cirrus_isa_realize, .reset = cirrus_isa_reset,
    .post_load = cirrus_isa_post_load,
};
TYPE_REGISTER(cirrus_isa_type);
