/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expansion ROM of a PCI device: the image file named by romfile= becomes the read-only memory of BAR 6.
 *
 * Firmware checks the image's header (PCI Firmware 3.0, chapter 5) itself; here only its size counts: the BAR is the
 * next power of two, or romsize=. rombar=0 leaves the device without one.
 */
#include "hw/pci/pci_internal.h"

#include <string.h>

#include "hw/machine.h"

#define ROM_MAX_BYTES (16u << 20)               /* PCI: a ROM BAR decodes at most 16 MiB */

bool pci_rom_init(PciDevice *dev, GError **err)
{
    if (!dev->romfile || !*dev->romfile || dev->rombar == 0) {
        return true;
    }
    g_autofree char *path = firmware_find(dev->romfile);
    g_autofree char *data = NULL;
    gsize len;
    g_autoptr(GError) io_error = NULL;

    if (!path) {
        return error_set(err, "romfile '%s' is in none of the firmware directories (-L help lists them)", dev->romfile);
    }
    if (!g_file_get_contents(path, &data, &len, &io_error)) {
        return error_set(err, "romfile '%s': %s", dev->romfile, io_error->message);
    }
    if (len == 0 || len > ROM_MAX_BYTES) {
        return error_set(err, "romfile '%s' has %zu bytes, not 1 to %u", path, len, ROM_MAX_BYTES);
    }
    uint32_t size = 2048;
    while (size < len) {
        size *= 2;
    }
    if (dev->romsize != UINT32_MAX) {
        if (dev->romsize < len || dev->romsize > ROM_MAX_BYTES || dev->romsize < 2048) {
            return error_set(err, "romsize=%u does not fit romfile '%s' of %zu bytes (2048 to %u)", dev->romsize, path,
                             len, ROM_MAX_BYTES);
        }
        size = dev->romsize;
    }
    g_autofree char *name = g_strdup_printf("%s.rom", dev->device.id ? dev->device.id : dev->device.object.type->name);
    if (ram_block_find(name)) {
        char *unique = g_strdup_printf("%s-%02x.%x", name, PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn));
        g_free(name);
        name = unique;
    }
    if (!memory_region_init_rom(&dev->rom, OBJECT(dev), name, size, err)) {
        return false;
    }
    memcpy(memory_region_ram_ptr(&dev->rom), data, len);
    dev->romsize = size;
    dev->has_rom = true;
    pci_register_bar(dev, PCI_BAR_ROM, PCI_BAR_MEM32, &dev->rom);
    return true;
}

void pci_rom_free(PciDevice *dev)
{
    if (dev->has_rom) {
        memory_region_destroy(&dev->rom);
        dev->has_rom = false;
    }
}
