/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isa-vga: the standard VGA on the ISA bus; its linear frame buffer is at 0xe0000000, where Bochs's VBE has it. */
#include "hw/display/vga.h"
#include "hw/display/vga_isa.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/isa/isa.h"
#include "hw/machine.h"

#define LINEAR_BASE 0xe0000000u
#define VGA_BIOS "vgabios-isavga.bin"

typedef struct IsaVga { IsaDevice isa; Vga vga; uint32_t vgamem_mb; } IsaVga;

static const char *card_name, *card_rom;        /* of the one card there is */

/* The BIOS takes it from fw_cfg: there is no PCI function that would carry it. */
static void offer_rom(void *opaque)
{
    g_autofree char *path = firmware_find(card_rom);
    FwCfg *fw = fw_cfg_find();
    g_autofree char *name = g_strdup_printf("vgaroms/%s", card_rom);
    g_autofree char *rom = NULL;
    gsize len;

    if (fw && path && g_file_get_contents(path, &rom, &len, NULL)) {
        fw_cfg_add_file(fw, name, rom, len);
    } else {
        warn_report("%s: no %s (Debian package seabios): the BIOS cannot use the screen", card_name, card_rom);
    }
}

bool vga_isa_claim(Device *dev, const char *rom, GError **err)
{
    if (card_name) {
        return error_set(err, "the machine has an %s already", card_name);
    }
    card_name = dev->object.type->name;
    card_rom = rom;
    machine_on_done(offer_rom, NULL);
    return true;
}

static bool isa_vga_realize(Device *dev, GError **err)
{
    IsaVga *s = DEVICE(IsaVga, dev);

    if (s->vgamem_mb < 1 || s->vgamem_mb > 512 || (s->vgamem_mb & (s->vgamem_mb - 1))) {
        return error_set(err, "isa-vga: vgamem_mb is a power of two from 1 to 512, not %u", s->vgamem_mb);
    }
    if (!vga_isa_claim(dev, VGA_BIOS, err) || !vga_init(&s->vga, OBJECT(dev), s->vgamem_mb << 20, err)) {
        return false;
    }
    vga_map_legacy(&s->vga, OBJECT(dev), isa_device_bus(&s->isa)->memory, isa_device_bus(&s->isa)->io);
    memory_region_add_overlap(isa_device_bus(&s->isa)->memory, LINEAR_BASE, &s->vga.vram_region, 1);
    return true;
}

static void isa_vga_reset(Device *dev, ResetKind kind)
{
    vga_reset(&DEVICE(IsaVga, dev)->vga);
}

static bool isa_vga_post_load(Device *dev, unsigned version, GError **err)
{
    return vga_state_valid(&DEVICE(IsaVga, dev)->vga) || error_set(err, "VGA: an index or the bank is out of range");
}

static const Property isa_vga_properties[] = {
    PROP_UINT32("vgamem_mb", IsaVga, vgamem_mb, 8, "video memory in MiB"), { }
};
static const StateField isa_vga_state[] = { STATE_STRUCT(IsaVga, vga, Vga, vga_state), { } };

static const DeviceType isa_vga_type = {
    .name = "isa-vga", .parent = &isa_device_type.type, .size = sizeof(IsaVga), .category = CATEGORY_DISPLAY,
    .description = "standard VGA card (ISA)", .no_hotplug = true, .properties = isa_vga_properties,
        .state = isa_vga_state,
    .realize = isa_vga_realize, .reset = isa_vga_reset, .post_load = isa_vga_post_load,
};
TYPE_REGISTER(isa_vga_type);
