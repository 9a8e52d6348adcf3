/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space of one PCI device: bytes, masks, and what a write to them does.
 *
 *   guest write -> pci_config_write() -> (type's config_write or) pci_default_config_write():
 *     bytes change by mask -> BARs follow -> bus mastering and INTx follow COMMAND -> MSI, MSI-X -> rows' on_write
 *
 * Three byte arrays of config_len: `config` (what is read), `writable` (bits a write changes), `write_1_clear`.
 * Spec: PCI Local Bus 3.0, chapter 6.
 */
#include "hw/pci/pci_internal.h"

#include "core/log.h"

TRACE_EVENT(pci_config_read, "%s %02x.%x @0x%x -> 0x%x");
TRACE_EVENT(pci_config_write, "%s %02x.%x @0x%x <- 0x%x");
TRACE_EVENT(pci_bar_map, "%s %02x.%x BAR%u at 0x%" PRIx64 " size 0x%" PRIx64);

uint8_t pci_get8(const PciDevice *dev, unsigned offset)
{
    return dev->config[offset];
}

uint16_t pci_get16(const PciDevice *dev, unsigned offset)
{
    return dev->config[offset] | dev->config[offset + 1] << 8;
}

uint32_t pci_get32(const PciDevice *dev, unsigned offset)
{
    return pci_get16(dev, offset) | (uint32_t)pci_get16(dev, offset + 2) << 16;
}

static void store(uint8_t *bytes, unsigned offset, uint32_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++) {
        bytes[offset + i] = value >> (8 * i);
    }
}

void pci_set8(PciDevice *dev, unsigned offset, uint8_t value) { store(dev->config, offset, value, 1); }
void pci_set16(PciDevice *dev, unsigned offset, uint16_t value) { store(dev->config, offset, value, 2); }
void pci_set32(PciDevice *dev, unsigned offset, uint32_t value) { store(dev->config, offset, value, 4); }
void pci_set_writable8(PciDevice *dev, unsigned offset, uint8_t mask) { store(dev->writable, offset, mask, 1); }
void pci_set_writable16(PciDevice *dev, unsigned offset, uint16_t mask) { store(dev->writable, offset, mask, 2); }
void pci_set_writable32(PciDevice *dev, unsigned offset, uint32_t mask) { store(dev->writable, offset, mask, 4); }

static uint32_t load(const uint8_t *bytes, unsigned offset, unsigned width)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < width; i++) {
        value |= (uint32_t)bytes[offset + i] << (8 * i);
    }
    return value;
}

/* Calls @fn for each config row of @dev's type and its parents. */
static void foreach_row(PciDevice *dev, void (*fn)(PciDevice *dev, const PciConfigRow *row, void *opaque), void *opaque)
{
    for (const Type *type = dev->device.object.type; type_is_a(type, &pci_device_type.type); type = type->parent) {
        for (const PciConfigRow *row = ((const PciDeviceType *)type)->config; row && row->width; row++) {
            fn(dev, row, opaque);
        }
    }
}

static void row_init(PciDevice *dev, const PciConfigRow *row, void *opaque)
{
    g_assert(row->offset + row->width <= dev->config_len);
    store(dev->config, row->offset, row->reset, row->width);
    store(dev->writable, row->offset, row->writable, row->width);
    store(dev->write_1_clear, row->offset, row->write_1_clear, row->width);
    for (unsigned i = row->offset; i < row->offset + row->width && i < PCI_CONFIG_SIZE; i++) {
        dev->cap_used[i / 8] |= 1 << i % 8;
    }
}

static void row_reset(PciDevice *dev, const PciConfigRow *row, void *opaque)
{
    if (*(ResetKind *)opaque != RESET_WAKEUP || !row->survives_s3) {
        store(dev->config, row->offset, row->reset, row->width);
    }
}

/* The read-only part of the header, from the type. */
static void set_identity(PciDevice *dev)
{
    const PciDeviceType *type = pci_device_type_of(dev);
    bool bridge = type->header_type == PCI_HEADER_BRIDGE;

    pci_set16(dev, PCI_VENDOR_ID, type->vendor_id);
    pci_set16(dev, PCI_DEVICE_ID, type->device_id);
    pci_set8(dev, PCI_REVISION_ID, type->revision);
    pci_set8(dev, PCI_PROG_IF, type->prog_if);
    pci_set16(dev, PCI_CLASS, type->class_id);
    pci_set8(dev, PCI_HEADER_TYPE, type->header_type | (dev->multifunction ? PCI_HEADER_MULTIFUNCTION : 0));
    if (!bridge) {
        bool own = type->subsystem_vendor_id || type->subsystem_id;
        pci_set16(dev, PCI_SUBSYSTEM_VENDOR_ID, own ? type->subsystem_vendor_id : PCI_VENDOR_REDHAT_QUMRANET);
        pci_set16(dev, PCI_SUBSYSTEM_ID, own ? type->subsystem_id : 0x1100);
    }
}

void pci_config_init(PciDevice *dev)
{
    const PciDeviceType *type = pci_device_type_of(dev);

    dev->config_len = type->express ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
    dev->config = g_malloc0(PCIE_CONFIG_SIZE);          /* the state table's allocation, whatever is used of it */
    dev->writable = g_malloc0(dev->config_len);
    dev->write_1_clear = g_malloc0(dev->config_len);
    memset(dev->cap_used, 0, sizeof(dev->cap_used));
    memset(dev->cap_used, 0xff, PCI_HEADER_END / 8);

    set_identity(dev);
    pci_set_interrupt_pin(dev, type->interrupt_pin);
    pci_set_writable16(dev, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                         PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
    store(dev->write_1_clear, PCI_STATUS, PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |
          PCI_STATUS_REC_TARGET_ABORT |
          PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY, 2);
    pci_set_writable8(dev, PCI_CACHE_LINE_SIZE, 0xff);
    pci_set_writable8(dev, PCI_INTERRUPT_LINE, 0xff);
    foreach_row(dev, row_init, NULL);
}

void pci_config_free(PciDevice *dev)
{
    g_clear_pointer(&dev->config, g_free);
    g_clear_pointer(&dev->writable, g_free);
    g_clear_pointer(&dev->write_1_clear, g_free);
}

static bool is_bridge(const PciDevice *dev)
{
    return pci_device_type_of(dev)->header_type == PCI_HEADER_BRIDGE;
}

static unsigned bar_offset(const PciDevice *dev, unsigned n)
{
    return n == PCI_BAR_ROM ? (is_bridge(dev) ? PCI_BRIDGE_ROM_BAR : PCI_ROM_BAR) : PCI_BAR0 + 4 * n;
}

static uint32_t bar_flags(PciBarType type)
{
    switch (type) {
    case PCI_BAR_IO: return PCI_BAR_SPACE_IO;
    case PCI_BAR_MEM32: return 0;
    case PCI_BAR_MEM64: return PCI_BAR_TYPE_64;
    case PCI_BAR_MEM32_PREFETCH: return PCI_BAR_PREFETCHABLE;
    case PCI_BAR_MEM64_PREFETCH: return PCI_BAR_TYPE_64 | PCI_BAR_PREFETCHABLE;
    }
    return 0;
}

static bool bar_is_64(PciBarType type)
{
    return type == PCI_BAR_MEM64 || type == PCI_BAR_MEM64_PREFETCH;
}

void pci_config_reset(PciDevice *dev, ResetKind kind)
{
    for (unsigned i = 0; i < 2; i++) {
        dev->config[PCI_COMMAND + i] &= ~dev->writable[PCI_COMMAND + i];
        dev->config[PCI_STATUS + i] &= ~dev->write_1_clear[PCI_STATUS + i];
    }
    pci_set8(dev, PCI_CACHE_LINE_SIZE, 0);
    pci_set8(dev, PCI_INTERRUPT_LINE, 0);
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        const PciBar *bar = &dev->bars[n];
        if (bar->size) {
            pci_set32(dev, bar_offset(dev, n), bar_flags(bar->type));
            if (bar_is_64(bar->type)) {
                pci_set32(dev, bar_offset(dev, n) + 4, 0);
            }
        }
    }
    foreach_row(dev, row_reset, &kind);
    pci_bars_update(dev);
    pci_command_changed(dev);
}

bool pci_config_loaded(PciDevice *dev, GError **err)
{
    uint32_t len = pci_device_type_of(dev)->express ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
    if (dev->config_len != len) {
        uint32_t got = dev->config_len;
        dev->config_len = len;
        return error_set(err, "configuration space has %u bytes, not %u", got, len);
    }
    set_identity(dev);
    pci_set_interrupt_pin(dev, dev->interrupt_pin);
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {      /* type bits and size are the device's, not the stream's */
        const PciBar *bar = &dev->bars[n];
        if (bar->size) {
            uint32_t mask = load(dev->writable, bar_offset(dev, n), 4);
            pci_set32(dev, bar_offset(dev, n), (pci_get32(dev, bar_offset(dev, n)) & mask) | bar_flags(bar->type));
        }
    }
    pci_bars_update(dev);
    pci_command_changed(dev);
    return true;
}

/* Where BAR @n decodes, by its register and COMMAND; PCI_BAR_UNMAPPED if nowhere. */
static uint64_t bar_address(const PciDevice *dev, unsigned n)
{
    const PciBar *bar = &dev->bars[n];
    uint16_t command = pci_get16(dev, PCI_COMMAND);
    unsigned offset = bar_offset(dev, n);
    uint64_t addr = pci_get32(dev, offset) & ~(bar->size - 1);
    uint64_t limit = UINT32_MAX - 1;                    /* all ones is a BAR being sized */

    if (bar->type == PCI_BAR_IO) {
        if (!(command & PCI_COMMAND_IO)) {
            return PCI_BAR_UNMAPPED;
        }
        limit = UINT16_MAX;
    } else {
        if (!(command & PCI_COMMAND_MEMORY) || (n == PCI_BAR_ROM && !(pci_get32(dev, offset) & PCI_ROM_ENABLE))) {
            return PCI_BAR_UNMAPPED;
        }
        if (bar_is_64(bar->type)) {
            addr |= (uint64_t)pci_get32(dev, offset + 4) << 32;
            addr &= ~(bar->size - 1);
            limit = UINT64_MAX - 1;
        }
    }
    uint64_t last = addr + bar->size - 1;
    if (addr == 0 || last < addr || last > limit) {     /* 0: never assigned */
        return PCI_BAR_UNMAPPED;
    }
    return addr;
}

void pci_bars_update(PciDevice *dev)
{
    PciBus *bus = pci_device_bus(dev);
    bool changed = false;

    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        PciBar *bar = &dev->bars[n];
        uint64_t addr = bar->size ? bar_address(dev, n) : PCI_BAR_UNMAPPED;
        if (!bar->size || addr == bar->addr) {
            continue;
        }
        if (!changed) {
            memory_transaction_begin();
            changed = true;
        }
        MemoryRegion *space = bar->type == PCI_BAR_IO ? bus->io : bus->memory;
        if (bar->mapped) {
            memory_region_del(space, bar->region);
            bar->mapped = false;
        }
        bar->addr = addr;
        if (addr != PCI_BAR_UNMAPPED) {
            trace(pci_bar_map, dev->device.object.type->name, PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn), n, addr,
                  bar->size);
            memory_region_add_overlap(space, addr, bar->region, 1);
            bar->mapped = true;
        }
    }
    if (changed) {
        memory_transaction_commit();
    }
}

void pci_bars_unmap(PciDevice *dev)
{
    PciBus *bus = pci_device_bus(dev);
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        PciBar *bar = &dev->bars[n];
        if (bar->mapped) {
            memory_region_del(bar->type == PCI_BAR_IO ? bus->io : bus->memory, bar->region);
        }
        *bar = (PciBar){ .addr = PCI_BAR_UNMAPPED };
    }
}

void pci_register_bar(PciDevice *dev, unsigned n, PciBarType type, MemoryRegion *region)
{
    uint64_t size = memory_region_size(region);
    unsigned offset = bar_offset(dev, n);

    g_assert((n < (is_bridge(dev) ? 2 : 6) || n == PCI_BAR_ROM) && !dev->bars[n].size);
    g_assert(size && !(size & (size - 1)) && size >= (type == PCI_BAR_IO ? 4 : 16));
    g_assert(!bar_is_64(type) || (n < 5 && !dev->bars[n + 1].size));
    g_assert(type != PCI_BAR_IO || size <= 256 * 256);
    dev->bars[n] = (PciBar){ .region = region, .size = size, .addr = PCI_BAR_UNMAPPED, .type = type };
    pci_set32(dev, offset, bar_flags(type));
    uint64_t writable = ~(size - 1);
    if (n == PCI_BAR_ROM) {
        writable |= PCI_ROM_ENABLE;
    }
    pci_set_writable32(dev, offset, writable);
    if (bar_is_64(type)) {
        pci_set32(dev, offset + 4, 0);
        pci_set_writable32(dev, offset + 4, writable >> 32);
    }
}

unsigned pci_find_capability(const PciDevice *dev, uint8_t id)
{
    if (!(pci_get16(dev, PCI_STATUS) & PCI_STATUS_CAP_LIST)) {
        return 0;
    }
    unsigned at = pci_get8(dev, PCI_CAPABILITIES_POINTER);
    for (unsigned hops = 0; at >= PCI_HEADER_END && hops < PCI_CONFIG_SIZE / 4; hops++) {
        if (pci_get8(dev, at + PCI_CAP_ID) == id) {
            return at;
        }
        at = pci_get8(dev, at + PCI_CAP_NEXT) & ~3u;
    }
    return 0;
}

static bool cap_space_free(const PciDevice *dev, unsigned offset, unsigned len)
{
    if (offset + len > PCI_CONFIG_SIZE) {
        return false;
    }
    for (unsigned i = offset; i < offset + len; i++) {
        if (dev->cap_used[i / 8] >> i % 8 & 1) {
            return false;
        }
    }
    return true;
}

unsigned pci_add_capability(PciDevice *dev, uint8_t id, unsigned offset, unsigned len, GError **err)
{
    if (!offset) {
        for (offset = PCI_HEADER_END; offset < PCI_CONFIG_SIZE && !cap_space_free(dev, offset, len); offset += 4) {
        }
    }
    if (offset < PCI_HEADER_END || offset % 4 || !cap_space_free(dev, offset, len)) {
        error_set(err, "no room for PCI capability 0x%02x of %u bytes at 0x%02x", id, len, offset);
        return 0;
    }
    for (unsigned i = offset; i < offset + len; i++) {
        dev->cap_used[i / 8] |= 1 << i % 8;
    }
    memset(dev->config + offset, 0, len);
    pci_set8(dev, offset + PCI_CAP_ID, id);
    pci_set8(dev, offset + PCI_CAP_NEXT, pci_get8(dev, PCI_CAPABILITIES_POINTER));
    pci_set8(dev, PCI_CAPABILITIES_POINTER, offset);
    pci_set16(dev, PCI_STATUS, pci_get16(dev, PCI_STATUS) | PCI_STATUS_CAP_LIST);
    return offset;
}

void pci_set_interrupt_pin(PciDevice *dev, unsigned pin)
{
    dev->interrupt_pin = pin;
    pci_set8(dev, PCI_INTERRUPT_PIN, pin);
}

uint32_t pci_default_config_read(PciDevice *dev, unsigned offset, unsigned size)
{
    return load(dev->config, offset, size);
}

typedef struct Touched { unsigned offset, size; const uint8_t *old; } Touched;

static void row_written(PciDevice *dev, const PciConfigRow *row, void *opaque)
{
    const Touched *t = opaque;
    if (row->on_write && row->offset < t->offset + t->size && t->offset < row->offset + row->width) {
        /* Bytes outside of the access did not change, so their old value is the present one. */
        uint32_t old = 0;
        for (unsigned i = 0; i < row->width; i++) {
            unsigned at = row->offset + i;
            bool inside = at >= t->offset && at < t->offset + t->size;
            old |= (uint32_t)(inside ? t->old[at - t->offset] : dev->config[at]) << (8 * i);
        }
        row->on_write(dev, old, load(dev->config, row->offset, row->width));
    }
}

static bool overlaps(unsigned offset, unsigned size, unsigned at, unsigned len)
{
    return offset < at + len && at < offset + size;
}

void pci_default_config_write(PciDevice *dev, unsigned offset, uint32_t value, unsigned size)
{
    uint8_t old[4];

    memcpy(old, dev->config + offset, size);
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = value >> (8 * i), *at = &dev->config[offset + i];
        uint8_t writable = dev->writable[offset + i], clear = dev->write_1_clear[offset + i];
        *at = (*at & ~writable) | (byte & writable);
        *at &= ~(byte & clear);
    }
    if (overlaps(offset, size, PCI_BAR0, 24) || overlaps(offset, size, bar_offset(dev, PCI_BAR_ROM), 4) ||
        overlaps(offset, size, PCI_COMMAND, 2)) {
        pci_bars_update(dev);
    }
    if (overlaps(offset, size, PCI_COMMAND, 2)) {
        pci_command_changed(dev);
    }
    if (dev->msi_cap && overlaps(offset, size, dev->msi_cap, 24)) {
        pci_msi_config_written(dev);
    }
    if (dev->msix_cap && overlaps(offset, size, dev->msix_cap + PCI_MSIX_CONTROL, 2)) {
        pci_msix_config_written(dev);
    }
    foreach_row(dev, row_written, &(Touched){ offset, size, old });
}

/* The most derived type that says how config space is read or written. */
static const PciDeviceType *config_hook(const PciDevice *dev, bool write)
{
    for (const Type *type = dev->device.object.type; type_is_a(type, &pci_device_type.type); type = type->parent) {
        const PciDeviceType *t = (const PciDeviceType *)type;
        if (write ? t->config_write != NULL : t->config_read != NULL) {
            return t;
        }
    }
    return NULL;
}

uint32_t pci_config_read(PciDevice *dev, unsigned offset, unsigned size)
{
    uint32_t ones = size == 4 ? UINT32_MAX : (1u << (8 * size)) - 1;
    if (offset >= dev->config_len || size > dev->config_len - offset) {
        return ones;
    }
    const PciDeviceType *hook = config_hook(dev, false);
    uint32_t value = hook ? hook->config_read(dev, offset, size) : pci_default_config_read(dev, offset, size);
    trace(pci_config_read, dev->device.object.type->name, PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn), offset, value);
    return value & ones;
}

void pci_config_write(PciDevice *dev, unsigned offset, uint32_t value, unsigned size)
{
    if (offset >= dev->config_len || size > dev->config_len - offset) {
        return;
    }
    trace(pci_config_write, dev->device.object.type->name, PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn), offset, value);
    const PciDeviceType *hook = config_hook(dev, true);
    if (hook) {
        hook->config_write(dev, offset, value, size);
    } else {
        pci_default_config_write(dev, offset, value, size);
    }
}
