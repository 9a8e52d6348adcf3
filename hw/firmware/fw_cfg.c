/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw_cfg: the items, their directory, and what the guest's ports do. The interface is told in fw_cfg.h.
 *
 * port write -> fw_cfg_select() picks an item (its on_select may refresh it) -> data reads walk through it;
 * DMA address write -> dma_run() fetches a descriptor, selects, skips, reads or writes, and stores the status back.
 *
 * Guest state is the selection, the offset and the half-written DMA address. Items belong to the host side.
 * What a guest can get wrong: an absent key reads as zeros and cannot be written; a bad descriptor address or a write
 * to a read-only item or past its end sets the error bit.
 */
#include "hw/firmware/fw_cfg_internal.h"

#include <string.h>

#include "core/log.h"
#include "core/thread.h"

#define FW_CFG_PORT 0x510
#define FW_CFG_DMA_PORT 0x514
#define FW_CFG_SIGNATURE_TEXT "QEMU"
#define DMA_SIGNATURE 0x51454d5520434647ull     /* "QEMU CFG" */

enum { ID_TRADITIONAL = 1, ID_DMA = 2 };
enum { KEY_WRITE_CHANNEL = 0x4000, KEY_MASK = 0xbfff, KEY_INVALID = 0xffff, NUMBERED_KEYS = 0x20, NAME_BYTES = 56 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

typedef struct FwCfgItem {
    char *name;                                 /* files only */
    GBytes *bytes;                              /* content, or NULL and @data below */
    uint8_t *data;                              /* of a file with callbacks; the device's own or @made */
    uint8_t *made;
    size_t len;
    FwCfgSelectFn *on_select;
    FwCfgWriteFn *on_write;
    void *opaque;
    bool writable;
} FwCfgItem;

struct FwCfg {
    Device device;
    AddressSpace *dma;
    MemoryRegion ports, dma_port;
    FwCfgItem numbered[2][NUMBERED_KEYS];       /* generic, x86's own (0x8000 and up) */
    GPtrArray *files;                           /* FwCfgItem *, by name; key is 0x20 + index */
    GArray *e820;
    GPtrArray *boot_roms;                       /* option ROMs with a place in the boot order; fw_cfg_machine.c */
    bool dma_enabled;
    uint16_t key;                               /* selected; KEY_INVALID: no such item */
    uint32_t offset;
    uint64_t dma_address;
};

/* Items */

static const uint8_t *item_data(const FwCfgItem *item, size_t *len)
{
    gsize size = item->len;
    const uint8_t *data = item->bytes ? g_bytes_get_data(item->bytes, &size) : item->data;

    *len = size;
    return data;
}

static void item_clear(FwCfgItem *item)
{
    g_clear_pointer(&item->bytes, g_bytes_unref);
    g_clear_pointer(&item->made, g_free);
    item->data = NULL;
    item->len = 0;
    item->on_select = NULL;
    item->on_write = NULL;
    item->writable = false;
}

static void file_free(void *opaque)
{
    FwCfgItem *item = opaque;

    item_clear(item);
    g_free(item->name);
    g_free(item);
}

static FwCfgItem *item_by_key(FwCfg *fw, uint16_t key)
{
    unsigned number = key & ~(KEY_WRITE_CHANNEL | FW_CFG_ARCH);

    if (number < NUMBERED_KEYS) {
        return &fw->numbered[(key & FW_CFG_ARCH) != 0][number];
    }
    if (key & FW_CFG_ARCH || number - FW_CFG_FILE_FIRST >= fw->files->len) {
        return NULL;
    }
    return g_ptr_array_index(fw->files, number - FW_CFG_FILE_FIRST);
}

void fw_cfg_add_gbytes(FwCfg *fw, uint16_t key, GBytes *bytes)
{
    FwCfgItem *item = item_by_key(fw, key);

    g_assert(item && !item->name && g_bytes_get_size(bytes) <= UINT32_MAX);
    item_clear(item);
    item->bytes = g_bytes_ref(bytes);
}

void fw_cfg_add_bytes(FwCfg *fw, uint16_t key, const void *data, size_t len)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, len);

    fw_cfg_add_gbytes(fw, key, bytes);
}

void fw_cfg_add_string(FwCfg *fw, uint16_t key, const char *text) { fw_cfg_add_bytes(fw, key, text, strlen(text) + 1); }

void fw_cfg_add_u16(FwCfg *fw, uint16_t key, uint16_t value)
{
    value = GUINT16_TO_LE(value);
    fw_cfg_add_bytes(fw, key, &value, sizeof(value));
}

void fw_cfg_add_u32(FwCfg *fw, uint16_t key, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    fw_cfg_add_bytes(fw, key, &value, sizeof(value));
}

void fw_cfg_add_u64(FwCfg *fw, uint16_t key, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    fw_cfg_add_bytes(fw, key, &value, sizeof(value));
}

/* Files, kept sorted. The directory is an item made when it is selected. */

static FwCfgItem *file_find(FwCfg *fw, const char *name, unsigned *at)
{
    unsigned i;

    for (i = 0; i < fw->files->len; i++) {
        FwCfgItem *item = g_ptr_array_index(fw->files, i);
        int order = strcmp(item->name, name);

        if (order == 0) {
            return item;
        }
        if (order > 0) {
            break;
        }
    }
    *at = i;
    return NULL;
}

static FwCfgItem *file_make(FwCfg *fw, const char *name)
{
    unsigned at;
    FwCfgItem *item = file_find(fw, name, &at);

    g_assert(strlen(name) < NAME_BYTES);
    if (!item) {
        item = g_new0(FwCfgItem, 1);
        item->name = g_strdup(name);
        g_ptr_array_insert(fw->files, at, item);
    }
    return item;
}

void fw_cfg_add_file_gbytes(FwCfg *fw, const char *name, GBytes *bytes)
{
    FwCfgItem *item = file_make(fw, name);

    g_assert(g_bytes_get_size(bytes) <= UINT32_MAX);
    g_clear_pointer(&item->bytes, g_bytes_unref);   /* callbacks stay: on_select refreshes its own file this way */
    item->bytes = g_bytes_ref(bytes);
}

void fw_cfg_add_file(FwCfg *fw, const char *name, const void *data, size_t len)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, len);

    fw_cfg_add_file_gbytes(fw, name, bytes);
}

void fw_cfg_add_fresh(FwCfg *fw, uint16_t key, FwCfgSelectFn *on_select, void *data, size_t len)
{
    FwCfgItem *item = item_by_key(fw, key);

    item_clear(item);
    item->data = data;
    item->len = len;
    item->on_select = on_select;
    item->opaque = data;
}

void fw_cfg_add_file_callback(FwCfg *fw, const char *name, FwCfgSelectFn *on_select, FwCfgWriteFn *on_write,
                              void *opaque, void *data, size_t len, bool writable)
{
    FwCfgItem *item = file_make(fw, name);

    g_assert(len <= UINT32_MAX);
    item_clear(item);
    item->made = data ? NULL : g_malloc0(MAX(len, 1));
    item->data = data ? data : item->made;
    item->len = len;
    item->on_select = on_select;
    item->on_write = on_write;
    item->opaque = opaque;
    item->writable = writable;
}

void fw_cfg_foreach_file(FwCfg *fw, void (*fn)(const char *name, size_t bytes, void *opaque), void *opaque)
{
    for (guint i = 0; i < fw->files->len; i++) {
        const FwCfgItem *item = g_ptr_array_index(fw->files, i);
        fn(item->name, item->bytes ? g_bytes_get_size(item->bytes) : item->len, opaque);
    }
}

const void *fw_cfg_file(FwCfg *fw, const char *name, size_t *len)
{
    unsigned at;
    FwCfgItem *item = file_find(fw, name, &at);

    return item ? item_data(item, len) : NULL;
}

static void directory_make(FwCfg *fw)
{
    struct { uint32_t size; uint16_t select, reserved; char name[NAME_BYTES]; } entry;
    uint32_t count = GUINT32_TO_BE(fw->files->len);
    g_autoptr(GByteArray) out = g_byte_array_new();

    g_byte_array_append(out, (uint8_t *)&count, sizeof(count));
    for (unsigned i = 0; i < fw->files->len; i++) {
        FwCfgItem *item = g_ptr_array_index(fw->files, i);
        size_t len;

        item_data(item, &len);
        memset(&entry, 0, sizeof(entry));
        entry.size = GUINT32_TO_BE((uint32_t)len);
        entry.select = GUINT16_TO_BE((uint16_t)(FW_CFG_FILE_FIRST + i));
        g_strlcpy(entry.name, item->name, sizeof(entry.name));
        g_byte_array_append(out, (uint8_t *)&entry, sizeof(entry));
    }
    fw_cfg_add_bytes(fw, FW_CFG_FILE_DIR, out->data, out->len);
}

void fw_cfg_add_e820(FwCfg *fw, uint64_t address, uint64_t bytes, E820Type type)
{
    struct __attribute__((packed)) { uint64_t address, bytes; uint32_t type; } entry = {
        GUINT64_TO_LE(address), GUINT64_TO_LE(bytes), GUINT32_TO_LE((uint32_t)type)
    };

    g_array_append_vals(fw->e820, &entry, sizeof(entry));
    fw_cfg_add_file(fw, "etc/e820", fw->e820->data, fw->e820->len);
}

/* What the guest does */

static void fw_cfg_select(FwCfg *fw, uint16_t key)
{
    FwCfgItem *item;

    key &= KEY_MASK;
    fw->offset = 0;
    if (key == FW_CFG_FILE_DIR) {
        directory_make(fw);
    }
    item = item_by_key(fw, key);
    fw->key = item ? key : KEY_INVALID;
    if (item && item->on_select) {
        item->on_select(item->opaque);
    }
}

/* The selected item and what of it is left; NULL: nothing. */
static FwCfgItem *selected(FwCfg *fw, const uint8_t **data, size_t *left)
{
    FwCfgItem *item = fw->key == KEY_INVALID ? NULL : item_by_key(fw, fw->key);
    size_t len = 0;

    *data = item ? item_data(item, &len) : NULL;
    if (!*data || fw->offset >= len) {
        *left = 0;
        return NULL;
    }
    *data += fw->offset;
    *left = len - fw->offset;
    return item;
}

static uint64_t ports_read(void *opaque, uint64_t port, unsigned size)
{
    FwCfg *fw = opaque;
    const uint8_t *data;
    size_t left;

    if (size != 1) {
        return UINT64_MAX;
    }
    if (!selected(fw, &data, &left)) {
        return 0;
    }
    fw->offset++;
    return *data;
}

static void ports_write(void *opaque, uint64_t port, uint64_t value, unsigned size)
{
    if (size == 2 && port == 0) {               /* the data port was writable once, long ago: ignored */
        fw_cfg_select(opaque, value);
    }
}

static const MemoryOps ports_ops = {
    .read = ports_read, .write = ports_write, .endianness = LITTLE_ENDIAN_DEVICE, .valid = { 1, 2 }, .impl = { 1, 2 },
};

static bool fill_zero(FwCfg *fw, uint64_t address, uint32_t len)
{
    static const uint8_t zeros[4096];

    while (len) {
        uint32_t part = MIN(len, sizeof(zeros));
        if (dma_write(fw->dma, address, zeros, part) != MEMTX_OK) {
            return false;
        }
        address += part;
        len -= part;
    }
    return true;
}

/* One guest write into a writable item. */
static bool item_write(FwCfg *fw, FwCfgItem *item, uint64_t address, uint32_t len)
{
    uint8_t *target = item->bytes ? NULL : item->data;

    if (!item->writable || !target || dma_read(fw->dma, address, target + fw->offset, len) != MEMTX_OK) {
        return false;
    }
    if (item->on_write) {
        item->on_write(item->opaque, fw->offset, len);
    }
    return true;
}

/* Moves @len bytes as the descriptor says; false: error. */
static bool dma_move(FwCfg *fw, uint32_t control, uint64_t address, uint32_t len)
{
    while (len) {
        const uint8_t *data;
        size_t left;
        FwCfgItem *item = selected(fw, &data, &left);
        uint32_t part = item ? MIN(len, left) : len;

        if (control & DMA_READ) {
            if (item ? dma_write(fw->dma, address, data, part) != MEMTX_OK : !fill_zero(fw, address, part)) {
                return false;
            }
        } else if (control & DMA_WRITE) {
            if (!item || !item_write(fw, item, address, part)) {
                return false;
            }
        }
        fw->offset += item ? part : 0;
        address += part;
        len -= part;
    }
    return true;
}

static void dma_run(FwCfg *fw)
{
    struct { uint32_t control, length; uint64_t address; } descriptor;
    uint64_t at = fw->dma_address;
    uint32_t control, status = 0;

    fw->dma_address = 0;
    if (dma_read(fw->dma, at, &descriptor, sizeof(descriptor)) != MEMTX_OK) {
        LOG(LOG_GUEST_ERROR, "fw_cfg: DMA descriptor at 0x%" PRIx64 " is not in memory\n", at);
        status = DMA_ERROR;
    } else {
        control = GUINT32_FROM_BE(descriptor.control);
        if (control & DMA_SELECT) {
            fw_cfg_select(fw, control >> 16);
        }
        if (control & (DMA_READ | DMA_WRITE | DMA_SKIP) &&
            !dma_move(fw, control, GUINT64_FROM_BE(descriptor.address), GUINT32_FROM_BE(descriptor.length))) {
            status = DMA_ERROR;
        }
    }
    status = GUINT32_TO_BE(status);
    dma_write(fw->dma, at, &status, sizeof(status));    /* the guest polls this word, written whole and last */
}

static uint64_t dma_port_read(void *opaque, uint64_t port, unsigned size)
{
    return DMA_SIGNATURE >> (8 - port - size) * 8;
}

static void dma_port_write(void *opaque, uint64_t port, uint64_t value, unsigned size)
{
    FwCfg *fw = opaque;

    if (size == 8) {
        fw->dma_address = value;
        dma_run(fw);
    } else if (size == 4 && port == 0) {
        fw->dma_address = value << 32;
    } else if (size == 4 && port == 4) {
        fw->dma_address |= value;
        dma_run(fw);
    }
}

static const MemoryOps dma_port_ops = {
    .read = dma_port_read, .write = dma_port_write, .endianness = BIG_ENDIAN_DEVICE, .valid = { 1, 8 },
    .impl = { 1, 8 },
};

/* The device */

static void fw_cfg_init(Object *obj)
{
    FwCfg *fw = (FwCfg *)obj;

    fw->files = g_ptr_array_new_with_free_func(file_free);
    fw->e820 = g_array_new(false, false, 1);
    fw->boot_roms = g_ptr_array_new_with_free_func(g_free);
}

static bool fw_cfg_realize(Device *dev, GError **err)
{
    FwCfg *fw = DEVICE(FwCfg, dev);

    fw_cfg_add_bytes(fw, FW_CFG_SIGNATURE, FW_CFG_SIGNATURE_TEXT, 4);
    fw_cfg_add_u32(fw, FW_CFG_ID, ID_TRADITIONAL | (fw->dma_enabled ? ID_DMA : 0));
    memory_region_init_io(&fw->ports, OBJECT(fw), &ports_ops, fw, "fwcfg", 2);
    memory_region_add(system_io(), FW_CFG_PORT, &fw->ports);
    if (fw->dma_enabled) {
        memory_region_init_io(&fw->dma_port, OBJECT(fw), &dma_port_ops, fw, "fwcfg.dma", 8);
        memory_region_add(system_io(), FW_CFG_DMA_PORT, &fw->dma_port);
    }
    return true;
}

static void fw_cfg_unrealize(Device *dev)
{
    FwCfg *fw = DEVICE(FwCfg, dev);

    memory_region_destroy(&fw->ports);
    memory_region_destroy(&fw->dma_port);
}

static void fw_cfg_finalize(Object *obj)
{
    FwCfg *fw = (FwCfg *)obj;

    for (int i = 0; i < 2 * NUMBERED_KEYS; i++) {
        item_clear(&fw->numbered[i / NUMBERED_KEYS][i % NUMBERED_KEYS]);
    }
    g_ptr_array_unref(fw->files);
    g_array_unref(fw->e820);
    g_ptr_array_unref(fw->boot_roms);
}

static void fw_cfg_reset(Device *dev, ResetKind kind)
{
    FwCfg *fw = DEVICE(FwCfg, dev);

    fw->dma_address = 0;
    fw_cfg_select(fw, FW_CFG_SIGNATURE);
}

static bool fw_cfg_post_load(Device *dev, unsigned version, GError **err)
{
    FwCfg *fw = DEVICE(FwCfg, dev);

    if (fw->key != KEY_INVALID && !item_by_key(fw, fw->key)) {
        return error_set(err, "fw_cfg: saved selection 0x%x is no item of this machine", fw->key);
    }
    return true;
}

static const StateField fw_cfg_state[] = {
    STATE_U16(FwCfg, key), STATE_U32(FwCfg, offset), STATE_U64(FwCfg, dma_address), { }
};

static const Property fw_cfg_properties[] = {
    PROP_BOOL("dma_enabled", FwCfg, dma_enabled, true, "offer the DMA interface"),
    { }
};

const DeviceType fw_cfg_io_type = {
    .name = "fw_cfg_io", .parent = &device_type.type, .size = sizeof(FwCfg), .category = CATEGORY_MISC,
    .not_user_creatable = true, .no_hotplug = true, .description = "firmware configuration items",
    .properties = fw_cfg_properties, .state = fw_cfg_state, .init = fw_cfg_init, .finalize = fw_cfg_finalize,
    .realize = fw_cfg_realize, .unrealize = fw_cfg_unrealize, .reset = fw_cfg_reset, .post_load = fw_cfg_post_load,
};
TYPE_REGISTER(fw_cfg_io_type);

static FwCfg *the_device;

FwCfg *fw_cfg_find(void) { return the_device; }

FwCfg *fw_cfg_create(AddressSpace *dma)
{
    FwCfg *fw = (FwCfg *)device_new(&fw_cfg_io_type);

    fw->dma = dma;
    object_add_child(object_container("/machine"), "fw_cfg", OBJECT(fw));
    device_realize_onboard((Device *)fw, NULL);
    the_device = fw;
    return fw;
}

GPtrArray *fw_cfg_boot_roms(FwCfg *fw) { return fw->boot_roms; }
