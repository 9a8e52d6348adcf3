/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ramfb: a frame buffer in the guest's own RAM.
 *
 * Firmware writes fw_cfg's file "etc/ramfb": address, fourcc, flags, width, height, bytes a line, big-endian. From then
 * on whoever looks sees that memory. Any address may be given: what is not RAM is black. Lines are compared with what
 * was drawn, so that only those that changed are new.
 * Spec: QEMU's published ramfb interface; fourcc codes as in Linux drm_fourcc.h.
 */
#include <string.h>

#include "hw/display/pixels.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/machine.h"
#include "ui/console.h"

#define FOURCC(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
enum {
    CONFIG_ADDRESS = 0, CONFIG_FOURCC = 8, CONFIG_WIDTH = 16, CONFIG_HEIGHT = 20, CONFIG_STRIDE = 24, CONFIG_BYTES = 28
};
enum { SIDE_MIN = 16 };                         /* pixels */

static const struct { uint32_t fourcc; uint8_t depth; bool blue_first; } formats[] = {
    { FOURCC('X', 'R', '2', '4'), 32, false }, { FOURCC('A', 'R', '2', '4'), 32, false },
    { FOURCC('X', 'B', '2', '4'), 32, true },  { FOURCC('A', 'B', '2', '4'), 32, true },
    { FOURCC('R', 'G', '2', '4'), 24, false }, { FOURCC('B', 'G', '2', '4'), 24, true },
    { FOURCC('R', 'G', '1', '6'), 16, false }, { FOURCC('X', 'R', '1', '5'), 15, false },
};

typedef struct Ramfb {
    Device device;
    uint8_t config[CONFIG_BYTES];               /* the file */
    bool use_legacy_x86_rom, x_migrate;
    /* host-only: what the file says, if it makes sense */
    Console *console;
    uint64_t address;
    uint32_t width, height, stride, depth;      /* depth 0: nothing to show */
    bool blue_first;
} Ramfb;

static uint64_t config_get(const Ramfb *s, unsigned offset, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value = value << 8 | s->config[offset + i];
    }
    return value;
}

static void config_apply(Ramfb *s)
{
    uint32_t fourcc = config_get(s, CONFIG_FOURCC, 4), width = config_get(s, CONFIG_WIDTH, 4);
    uint32_t height = config_get(s, CONFIG_HEIGHT, 4), stride = config_get(s, CONFIG_STRIDE, 4);
    s->address = config_get(s, CONFIG_ADDRESS, 8);
    s->depth = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        unsigned bytes = pixels_bytes(formats[i].depth);
        bool fits = width >= SIDE_MIN && width <= PICTURE_MAX_SIDE && height >= SIDE_MIN && height <= PICTURE_MAX_SIDE;
        if (formats[i].fourcc == fourcc && fits && (!stride || stride >= width * bytes)) {
            s->stride = stride ? stride : width * bytes;
            s->blue_first = formats[i].blue_first;
            /* The end of the address space is the end of it. */
            s->depth = s->address + (uint64_t)s->stride * height < s->address ? 0 : formats[i].depth;
        }
    }
    s->width = width;
    s->height = height;
}

static void config_written(void *opaque, size_t start, size_t len)
{
    config_apply(opaque);
}

/* A line of the frame buffer as pixels; false: it is not RAM as a whole. */
static bool line_get(const Ramfb *s, uint64_t address, uint32_t *line)
{
    size_t wanted = s->width * pixels_bytes(s->depth), len = wanted;
    void *host = dma_map(address_space_memory(), address, &len, DMA_TO_DEVICE);
    bool whole = host && len == wanted;
    if (whole) {
        pixels_convert(line, host, s->width, s->depth, false, NULL);
    }
    if (host) {
        dma_unmap(address_space_memory(), host, len, DMA_TO_DEVICE, 0);
    }
    for (uint32_t x = 0; whole && s->blue_first && x < s->width; x++) {
        line[x] = (line[x] & 0xff) << 16 | (line[x] & 0xff00) | line[x] >> 16;
    }
    return whole;
}

static void update(void *opaque, bool all)
{
    Ramfb *s = opaque;
    if (!s->depth || !console_resize(s->console, s->width, s->height)) {
        return;
    }
    g_autofree uint32_t *line = g_new(uint32_t, s->width);
    int damaged_from = -1;
    for (uint32_t y = 0; y < s->height; y++) {
        uint32_t *shown = picture_row(console_picture(s->console), y);
        if (!line_get(s, s->address + (uint64_t)y * s->stride, line)) {
            memset(line, 0, s->width * 4);
        }
        if (all || memcmp(line, shown, s->width * 4)) {
            memcpy(shown, line, s->width * 4);
            damaged_from = damaged_from < 0 ? (int)y : damaged_from;
        } else if (damaged_from >= 0) {
            console_damaged(s->console, 0, damaged_from, s->width, y - damaged_from);
            damaged_from = -1;
        }
    }
    if (damaged_from >= 0) {
        console_damaged(s->console, 0, damaged_from, s->width, s->height - damaged_from);
    }
}

static const ConsoleOps console_ops = { .update = update };

static bool rom_add(FwCfg *fw, GError **err)
{
    static const char name[] = "vgabios-ramfb.bin";
    g_autofree char *path = firmware_find(name), *data = NULL;
    gsize len;
    if (!path) {
        return error_set(err, "ramfb: %s is not found; use-legacy-x86-rom=off does without it", name);
    }
    if (!g_file_get_contents(path, &data, &len, err)) {
        return false;
    }
    fw_cfg_add_file(fw, "vgaroms/vgabios-ramfb.bin", data, len);
    return true;
}

static bool ramfb_realize(Device *dev, GError **err)
{
    Ramfb *s = DEVICE(Ramfb, dev);
    FwCfg *fw = fw_cfg_find();
    size_t len;
    if (!fw) {
        return error_set(err, "ramfb: the machine has no fw_cfg device");
    }
    if (fw_cfg_file(fw, "etc/ramfb", &len)) {
        return error_set(err, "ramfb: the machine has one already");
    }
    if (s->use_legacy_x86_rom && !rom_add(fw, err)) {
        return false;
    }
    fw_cfg_add_file_callback(fw, "etc/ramfb", NULL, config_written, s, s->config, sizeof s->config, true);
    s->console = console_new(&dev->object, 0, &console_ops, s);
    return true;
}

static void ramfb_reset(Device *dev, ResetKind kind)
{
    Ramfb *s = DEVICE(Ramfb, dev);
    memset(s->config, 0, sizeof s->config);
    config_apply(s);
}

static bool ramfb_post_load(Device *dev, unsigned version, GError **err)
{
    config_apply(DEVICE(Ramfb, dev));
    return true;
}

static const Property ramfb_properties[] = {
    PROP_BOOL("use-legacy-x86-rom", Ramfb, use_legacy_x86_rom, true, "have SeaBIOS run a VGA BIOS for it"),
    PROP_BOOL("x-migrate", Ramfb, x_migrate, true, "its state is part of the machine's"),
    { }
};
static const StateField ramfb_state[] = { STATE_U8_ARRAY(Ramfb, config), { } };

static const DeviceType ramfb_type = {
    .name = "ramfb", .parent = &device_type.type, .size = sizeof(Ramfb), .category = CATEGORY_DISPLAY,
    .bus = &system_bus_type.type, .description = "frame buffer in guest RAM", .no_hotplug = true,
    .properties = ramfb_properties, .state = ramfb_state, .realize = ramfb_realize, .reset = ramfb_reset,
    .post_load = ramfb_post_load,
};
TYPE_REGISTER(ramfb_type);
