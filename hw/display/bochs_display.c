/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bochs-display (1234:1111, class 0380): a frame buffer without a VGA. Video memory in BAR 0; in BAR 2, as on the
 * standard VGA card, EDID at 0, the Bochs VBE registers at 0x500 and the extension registers at 0x600.
 *
 * Registers keep what is written; somebody looks -> mode_get(): whether they make a mode of 16 or 32 bits that lies
 * within video memory -> lines on pages that were written are drawn. Without a mode the last picture stays.
 * Spec: Bochs VBE extensions (dispi, version 0xb0c5).
 */
#include <string.h>

#include "hw/display/edid.h"
#include "hw/display/pixels.h"
#include "hw/pci/pci.h"
#include "ui/console.h"

enum { MMIO_VBE = 0x500, MMIO_EXT = 0x600, MMIO_EXT_END = 0x608, MMIO_BYTES = 0x1000, EXT_LITTLE_ENDIAN = 0x1e1e1e1e };
#define EXT_BIG_ENDIAN 0xbebebebeu
enum {
    VBE_ID, VBE_XRES, VBE_YRES, VBE_BPP, VBE_ENABLE, VBE_BANK, VBE_VIRT_WIDTH, VBE_VIRT_HEIGHT, VBE_X_OFFSET,
    VBE_Y_OFFSET, VBE_COUNT, VBE_VIDEO_MEMORY_64K = VBE_COUNT, VBE_ENABLED = 0x01, VBE_ID5 = 0xb0c5
};
#define MEMORY_MIN_BYTES (4ull << 20)
#define MEMORY_MAX_BYTES (256ull << 20)
#define SIDE_MIN 64                             /* pixels */

/* Compared as a whole: no padding. */
typedef struct Mode { uint32_t width, height, depth, big_endian; uint64_t start, line_bytes; } Mode;

typedef struct BochsDisplay {
    PciDevice pci;
    MemoryRegion vram_region, mmio;
    uint64_t vgamem;
    EdidConfig edid_config;
    uint8_t edid[EDID_BYTES];                   /* from the properties */
    bool has_edid, starts_big_endian;
    uint16_t vbe[VBE_COUNT];
    bool big_endian;
    /* host-only: */
    Console *console;
    Mode mode;                                  /* as drawn */
    unsigned long *dirty;                       /* a bit a page */
} BochsDisplay;

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    BochsDisplay *s = opaque;
    uint64_t value = 0;
    if (offset < EDID_BYTES && s->has_edid) {
        memcpy(&value, s->edid + offset, MIN(size, EDID_BYTES - offset));
        return value;
    }
    if (offset >= MMIO_VBE && offset < MMIO_VBE + 2 * (VBE_COUNT + 1)) {
        unsigned index = (offset - MMIO_VBE) / 2;
        value = index == VBE_ID ? VBE_ID5 : index == VBE_VIDEO_MEMORY_64K ? s->vgamem >> 16 : s->vbe[index];
        return value >> (offset & 1) * 8;
    }
    if (offset >= MMIO_EXT && offset < MMIO_EXT_END) {
        uint64_t order = s->big_endian ? EXT_BIG_ENDIAN : EXT_LITTLE_ENDIAN;
        uint64_t words = order << 32 | (MMIO_EXT_END - MMIO_EXT);
        return words >> (offset - MMIO_EXT) * 8;
    }
    return UINT64_MAX;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    BochsDisplay *s = opaque;
    if (offset >= MMIO_VBE + 2 && offset < MMIO_VBE + 2 * VBE_COUNT && size >= 2) {
        s->vbe[(offset - MMIO_VBE) / 2] = value;
        if (size == 4) {
            mmio_write(s, offset + 2, value >> 16, 2);
        }
    } else if (offset == MMIO_EXT + 4 && size == 4 && (value == EXT_BIG_ENDIAN || value == EXT_LITTLE_ENDIAN)) {
        s->big_endian = value == EXT_BIG_ENDIAN;
    }
}

static const MemoryOps mmio_ops = {
    .read = mmio_read, .write = mmio_write, .valid = { .min = 1, .max = 4 }, .impl = { .min = 1, .max = 4 },
};

static bool mode_get(const BochsDisplay *s, Mode *m)
{
    const uint16_t *r = s->vbe;
    memset(m, 0, sizeof *m);
    m->width = r[VBE_XRES];
    m->height = r[VBE_YRES];
    m->depth = r[VBE_BPP];
    m->big_endian = s->big_endian;
    if (!(r[VBE_ENABLE] & VBE_ENABLED) || (m->depth != 16 && m->depth != 32) || MIN(m->width, m->height) < SIDE_MIN) {
        return false;
    }
    unsigned bytes = pixels_bytes(m->depth);
    m->line_bytes = (uint64_t)MAX(r[VBE_VIRT_WIDTH], m->width) * bytes;
    m->start = (uint64_t)r[VBE_X_OFFSET] * bytes + r[VBE_Y_OFFSET] * m->line_bytes;
    return m->start + m->line_bytes * m->height <= s->vgamem;
}

static bool line_is_dirty(const BochsDisplay *s, uint64_t at, uint64_t len)
{
    for (uint64_t page = at >> GUEST_PAGE_BITS; page <= (at + len - 1) >> GUEST_PAGE_BITS; page++) {
        if (s->dirty[page / 64] >> page % 64 & 1) {
            return true;
        }
    }
    return false;
}

static void update(void *opaque, bool all)
{
    BochsDisplay *s = opaque;
    Mode m;
    if (!mode_get(s, &m) || !console_resize(s->console, m.width, m.height)) {
        return;
    }
    all |= memcmp(&m, &s->mode, sizeof m) != 0;
    s->mode = m;
    memset(s->dirty, 0, s->vgamem / GUEST_PAGE_SIZE / 8);
    if (!memory_region_take_dirty(&s->vram_region, m.start, m.line_bytes * m.height, DIRTY_VGA, s->dirty) && !all) {
        return;
    }
    const uint8_t *from = (uint8_t *)memory_region_ram_ptr(&s->vram_region) + m.start;
    int damaged_from = -1;
    for (unsigned y = 0; y < m.height; y++, from += m.line_bytes) {
        if (all || line_is_dirty(s, m.start + y * m.line_bytes, m.width * pixels_bytes(m.depth))) {
            pixels_convert(picture_row(console_picture(s->console), y), from, m.width, m.depth, m.big_endian, NULL);
            damaged_from = damaged_from < 0 ? (int)y : damaged_from;
        } else if (damaged_from >= 0) {
            console_damaged(s->console, 0, damaged_from, m.width, y - damaged_from);
            damaged_from = -1;
        }
    }
    if (damaged_from >= 0) {
        console_damaged(s->console, 0, damaged_from, m.width, m.height - damaged_from);
    }
}

static const ConsoleOps console_ops = { .update = update };

static bool bochs_realize(Device *dev, GError **err)
{
    BochsDisplay *s = DEVICE(BochsDisplay, dev);
    if (s->vgamem < MEMORY_MIN_BYTES || s->vgamem > MEMORY_MAX_BYTES) {
        return error_set(err, "bochs-display: vgamem is from 4M to 256M, not %" PRIu64, s->vgamem);
    }
    while (s->vgamem & (s->vgamem - 1)) {       /* up to a power of two */
        s->vgamem += s->vgamem & -s->vgamem;
    }
    if (!memory_region_init_ram(&s->vram_region, &dev->object, "bochs-display-vram", s->vgamem, err)) {
        return false;
    }
    memory_region_set_log(&s->vram_region, true, DIRTY_VGA);
    edid_make(s->edid, &s->edid_config);
    memory_region_init_io(&s->mmio, &dev->object, &mmio_ops, s, "bochs-display-mmio", MMIO_BYTES);
    pci_register_bar(&s->pci, 0, PCI_BAR_MEM32_PREFETCH, &s->vram_region);
    pci_register_bar(&s->pci, 2, PCI_BAR_MEM32, &s->mmio);
    s->dirty = g_malloc0(s->vgamem / GUEST_PAGE_SIZE / 8);
    s->console = console_new(&dev->object, 0, &console_ops, s);
    return true;
}

static void bochs_unrealize(Device *dev)
{
    BochsDisplay *s = DEVICE(BochsDisplay, dev);
    console_free(s->console);
    g_free(s->dirty);
    memory_region_destroy(&s->mmio);
    memory_region_destroy(&s->vram_region);
}

static void bochs_reset(Device *dev, ResetKind kind)
{
    BochsDisplay *s = DEVICE(BochsDisplay, dev);
    memset(s->vbe, 0, sizeof s->vbe);
    s->big_endian = s->starts_big_endian;
}

static const Property bochs_properties[] = {
    PROP_SIZE("vgamem", BochsDisplay, vgamem, 16 << 20, "video memory"),
    PROP_BOOL("edid", BochsDisplay, has_edid, true, "offer EDID data"),
    PROP_BOOL("big-endian-framebuffer", BochsDisplay, starts_big_endian, false, "byte order of pixels after reset"),
    EDID_PROPERTIES(BochsDisplay, edid_config), { }
};

static const StateField bochs_state[] = {
    STATE_U16_ARRAY(BochsDisplay, vbe), STATE_BOOL(BochsDisplay, big_endian), { }
};

static const PciDeviceType bochs_display_type = {
    .name = "bochs-display", .parent = &pci_device_type.type, .size = sizeof(BochsDisplay),
    .category = CATEGORY_DISPLAY, .description = "frame buffer with Bochs VBE registers",
    .properties = bochs_properties, .state = bochs_state, .realize = bochs_realize,
    .unrealize = bochs_unrealize, .reset = bochs_reset,
    .vendor_id = PCI_VENDOR_QEMU, .device_id = 0x1111, .class_id = 0x0380, .revision = 2,
    .romfile = "vgabios-bochs-display.bin",
};
TYPE_REGISTER(bochs_display_type);
