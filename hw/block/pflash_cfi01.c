/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cfi.pflash01: parallel NOR flash with Intel's command set, 8 bits wide.
 *
 *   guest read  -> array: straight from memory (ROM device); else status, identifiers or the CFI table
 *   guest write -> a cycle of a command (`cycle` says which) -> array changed -> page marked
 *                                                            -> written to the drive in the background, one at a time
 *
 * The array in memory is what the guest sees; the drive follows it and is complete once nothing is in flight, which
 * draining waits for. A program or erase is done when its last cycle is. A drive that is read-only makes them fail.
 * With secure=on, only accesses from SMM give commands; others see the array.
 * Specs: JEDEC JESD68.01 (CFI) and JEP137 (command sets); Intel 28F640J3 data sheet for the commands. As in QEMU, lock
 * bits are taken and have no effect, programming also sets bits, CLEAR STATUS leaves even SR.7 clear (OVMF tells flash
 * from RAM by that).
 */
#include "hw/block/pflash_cfi01.h"

#include <errno.h>
#include <string.h>

#include "core/log.h"

TRACE_EVENT(pflash_command, "%s 0x%" PRIx64 " command 0x%02x");

#define BUFFER_BYTES_LOG2 8
#define BUFFER_BYTES (1u << BUFFER_BYTES_LOG2)
#define CFI_BYTES 0x40
#define PAGE_BYTES 4096u                        /* of what is written back together */
#define WRITE_BACK_PAGES 64                     /* most of one request */
#define FLASH_MAX_BYTES (64u << 20)

typedef enum Command {
    CMD_PROGRAM_ALT = 0x10, CMD_BLOCK_ERASE = 0x20, CMD_PROGRAM = 0x40, CMD_CLEAR_STATUS = 0x50, CMD_LOCK_SETUP = 0x60,
    CMD_READ_STATUS = 0x70, CMD_READ_IDENTIFIER = 0x90, CMD_READ_QUERY = 0x98, CMD_CONFIRM = 0xd0,
    CMD_WRITE_BUFFER = 0xe8, CMD_READ_ARRAY = 0xff
} Command;
enum { LOCK_SET = 0x01, LOCK_CLEAR = 0xd0, LOCK_DOWN = 0x2f };
enum { SR_READY = 0x80, SR_ERASE_ERROR = 0x20, SR_PROGRAM_ERROR = 0x10 };

/* What reads show. */
typedef enum Mode { MODE_ARRAY, MODE_STATUS, MODE_IDENTIFIER, MODE_QUERY, MODE_COUNT } Mode;
/* What the next write is. */
typedef enum Cycle {
    CYCLE_COMMAND, CYCLE_PROGRAM, CYCLE_ERASE, CYCLE_LOCK, CYCLE_BUFFER_COUNT, CYCLE_BUFFER_DATA, CYCLE_BUFFER_CONFIRM,
    CYCLE_COUNT
} Cycle;

typedef struct Pflash {
    Device device;
    MemoryRegion region;                        /* ROM device; its memory is the array */
    /* properties */
    BlockBackend *blk;
    uint32_t num_blocks;
    uint64_t sector_bytes;
    uint8_t width;
    bool secure;
    uint16_t id[4];                             /* manufacturer, device */
    char *name;
    /* of the drive */
    uint64_t bytes;
    bool read_only, mapped;
    uint8_t cfi[CFI_BYTES];
    /* write-back */
    uint8_t *changed;                           /* bool a page */
    uint32_t pages;
    uint8_t *bounce;                            /* copy of what is being written */
    struct iovec iov;
    IoVec vec;
    bool writing, complained;
    /* guest state */
    uint8_t mode, cycle, status;
    uint8_t buffer[BUFFER_BYTES];               /* of WRITE TO BUFFER; the array's where nothing was written */
    uint64_t buffer_start;                      /* in the array, aligned */
    uint32_t buffer_left;                       /* bytes still to come */
} Pflash;

/* ---- the array and the drive ---- */

static void write_back(Pflash *s);

static void written(void *opaque, int ret)
{
    Pflash *s = opaque;

    s->writing = false;
    if (ret < 0) {
        block_error_act(s->blk, BLOCK_ERROR_REPORT, false, -ret);
        if (!s->complained) {
            error_report("flash drive '%s' cannot be written: %s", block_backend_name(s->blk), strerror(-ret));
            s->complained = true;
        }
    }
    write_back(s);
}

static void write_back(Pflash *s)
{
    uint32_t first = 0, end;

    if (s->writing) {
        return;
    }
    while (first < s->pages && !s->changed[first]) {
        first++;
    }
    if (first == s->pages) {
        return;
    }
    for (end = first; end < s->pages && s->changed[end] && end - first < WRITE_BACK_PAGES; end++) {
        s->changed[end] = false;
    }
    s->iov = (struct iovec){ s->bounce, (end - first) * PAGE_BYTES };
    s->vec = (IoVec){ &s->iov, 1, s->iov.iov_len };
    memcpy(s->bounce, (uint8_t *)memory_region_ram_ptr(&s->region) + first * PAGE_BYTES, s->iov.iov_len);
    s->writing = true;
    block_pwritev(s->blk, (int64_t)first * PAGE_BYTES, &s->vec, written, s);
}

static void array_changed(Pflash *s, uint64_t offset, uint64_t len)
{
    ram_mark_dirty(s->region.ram, offset, len);
    if (s->blk) {
        memset(s->changed + offset / PAGE_BYTES, true, (offset + len - 1) / PAGE_BYTES - offset / PAGE_BYTES + 1);
        write_back(s);
    }
}

/* False: the drive is read-only, and nothing has changed. */
static bool array_program(Pflash *s, uint64_t offset, const void *data, uint64_t len)
{
    if (s->read_only) {
        return false;
    }
    len = MIN(len, s->bytes - offset);
    memcpy((uint8_t *)memory_region_ram_ptr(&s->region) + offset, data, len);
    array_changed(s, offset, len);
    return true;
}

static bool array_erase(Pflash *s, uint64_t offset)
{
    if (s->read_only) {
        return false;
    }
    offset -= offset % s->sector_bytes;
    memset((uint8_t *)memory_region_ram_ptr(&s->region) + offset, 0xff, s->sector_bytes);
    array_changed(s, offset, s->sector_bytes);
    return true;
}

/* ---- commands ---- */

static void set_mode(Pflash *s, Mode mode)
{
    s->mode = mode;
    memory_region_set_romd(&s->region, mode == MODE_ARRAY);
}

/* The last cycle of a command; reads show how it went. */
static void finish(Pflash *s, bool ok, uint8_t error_bit)
{
    s->cycle = CYCLE_COMMAND;
    s->status |= SR_READY | (ok ? 0 : error_bit);
    set_mode(s, MODE_STATUS);
}

static void give_up(Pflash *s)
{
    s->cycle = CYCLE_COMMAND;
    set_mode(s, MODE_ARRAY);
}

static void expect(Pflash *s, Cycle cycle)
{
    s->cycle = cycle;
    set_mode(s, MODE_STATUS);
}

static void command_write(Pflash *s, uint64_t offset, uint8_t command)
{
    trace(pflash_command, s->name, offset, command);
    switch (command) {
    case CMD_PROGRAM: case CMD_PROGRAM_ALT:
        expect(s, CYCLE_PROGRAM);
        break;
    case CMD_BLOCK_ERASE:
        expect(s, CYCLE_ERASE);
        break;
    case CMD_LOCK_SETUP:
        expect(s, CYCLE_LOCK);
        break;
    case CMD_WRITE_BUFFER:
        s->status |= SR_READY;                  /* XSR.7: the buffer is free */
        expect(s, CYCLE_BUFFER_COUNT);
        break;
    case CMD_CLEAR_STATUS:
        s->status = 0;
        set_mode(s, MODE_ARRAY);
        break;
    case CMD_READ_STATUS:
        set_mode(s, MODE_STATUS);
        break;
    case CMD_READ_IDENTIFIER:
        set_mode(s, MODE_IDENTIFIER);
        break;
    case CMD_READ_QUERY:
        set_mode(s, MODE_QUERY);
        break;
    case CMD_READ_ARRAY:
        set_mode(s, MODE_ARRAY);
        break;
    default:
        LOG(LOG_GUEST_ERROR, "pflash %s: no command 0x%02x\n", s->name, command);
        set_mode(s, MODE_ARRAY);
        break;
    }
}

/* The count is of bytes less one; the first data cycle then says where they go. */
static void buffer_begin(Pflash *s, uint64_t count)
{
    if (count >= BUFFER_BYTES) {
        LOG(LOG_GUEST_ERROR, "pflash %s: %" PRIu64 " bytes do not fit into the buffer\n", s->name, count + 1);
        finish(s, false, SR_PROGRAM_ERROR | SR_ERASE_ERROR);
        return;
    }
    s->buffer_left = count + 1;
    s->buffer_start = UINT64_MAX;
    s->cycle = CYCLE_BUFFER_DATA;
}

static void buffer_data(Pflash *s, uint64_t offset, uint64_t value, unsigned size)
{
    uint64_t start = offset & ~(uint64_t)(BUFFER_BYTES - 1);

    if (s->buffer_start == UINT64_MAX) {
        uint64_t len = MIN(BUFFER_BYTES, s->bytes - start);

        s->buffer_start = start;
        memcpy(s->buffer, (uint8_t *)memory_region_ram_ptr(&s->region) + start, len);
    }
    if (start != s->buffer_start) {
        LOG(LOG_GUEST_ERROR, "pflash %s: data for 0x%" PRIx64 " outside of the buffer's block\n", s->name, offset);
        finish(s, false, SR_PROGRAM_ERROR | SR_ERASE_ERROR);
        return;
    }
    size = MIN(size, s->buffer_left);
    size = MIN(size, BUFFER_BYTES - (offset - start));
    memcpy(s->buffer + (offset - start), &value, size);
    s->buffer_left -= size;
    if (!s->buffer_left) {
        s->cycle = CYCLE_BUFFER_CONFIRM;
    }
}

static void pflash_write(Pflash *s, uint64_t offset, uint64_t value, unsigned size)
{
    switch ((Cycle)s->cycle) {
    case CYCLE_PROGRAM:
        finish(s, array_program(s, offset, &value, size), SR_PROGRAM_ERROR);    /* little-endian, as the host */
        break;
    case CYCLE_ERASE:
        if ((uint8_t)value == CMD_CONFIRM) {
            finish(s, array_erase(s, offset), SR_ERASE_ERROR);
        } else {
            give_up(s);
        }
        break;
    case CYCLE_LOCK:
        if ((uint8_t)value == LOCK_SET || (uint8_t)value == LOCK_CLEAR || (uint8_t)value == LOCK_DOWN) {
            finish(s, true, 0);
        } else {
            give_up(s);
        }
        break;
    case CYCLE_BUFFER_COUNT:
        buffer_begin(s, value);
        break;
    case CYCLE_BUFFER_DATA:
        buffer_data(s, offset, value, size);
        break;
    case CYCLE_BUFFER_CONFIRM:
        if ((uint8_t)value == CMD_CONFIRM) {
            finish(s, array_program(s, s->buffer_start, s->buffer, BUFFER_BYTES), SR_PROGRAM_ERROR);
        } else {
            s->status |= SR_READY | SR_PROGRAM_ERROR;
            give_up(s);
        }
        break;
    default:
        command_write(s, offset, value);
        break;
    }
}

static uint64_t pflash_read(Pflash *s, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    switch ((Mode)s->mode) {
    case MODE_STATUS:
        return s->status * (size == 4 ? 0x10001u : 1u);     /* each 16-bit half of a wide read is a cycle */
    case MODE_IDENTIFIER:
        return (offset & 0xff) < 2 ? s->id[(offset & 0xff) * 2] << 8 | s->id[(offset & 0xff) * 2 + 1] : 0;
    case MODE_QUERY:
        return (offset & 0xff) < CFI_BYTES ? s->cfi[offset & 0xff] : 0;
    default:
        memcpy(&value, (uint8_t *)memory_region_ram_ptr(&s->region) + offset, MIN(size, s->bytes - offset));
        return value;
    }
}

static MemTxResult ops_read(void *opaque, uint64_t offset, uint64_t *value, unsigned size, MemTxAttrs attrs)
{
    Pflash *s = opaque;

    *value = 0;
    if (s->secure && !attrs.secure) {
        memcpy(value, (uint8_t *)memory_region_ram_ptr(&s->region) + offset, MIN(size, s->bytes - offset));
    } else {
        *value = pflash_read(s, offset, size);
    }
    return MEMTX_OK;
}

static MemTxResult ops_write(void *opaque, uint64_t offset, uint64_t value, unsigned size, MemTxAttrs attrs)
{
    Pflash *s = opaque;

    if (s->secure && !attrs.secure) {
        LOG(LOG_GUEST_ERROR, "pflash %s: command from outside of SMM refused\n", s->name);
        return MEMTX_ERROR;
    }
    pflash_write(s, offset, value, size);
    return MEMTX_OK;
}

static const MemoryOps pflash_ops = { .read_attrs = ops_read, .write_attrs = ops_write, .impl = { 1, 4 } };

/* ---- life ---- */

static unsigned log2_ceil(uint64_t n)
{
    unsigned bits = 0;

    while (1ull << bits < n) {
        bits++;
    }
    return bits;
}

/* JESD68.01 table: identification, interface timing, geometry; then the command set's own ("PRI" 1.0). */
static void fill_cfi(Pflash *s)
{
    static const struct { uint8_t at, value; } fixed[] = {
        { 0x10, 'Q' }, { 0x11, 'R' }, { 0x12, 'Y' }, { 0x13, 0x01 }, { 0x15, 0x31 },
        { 0x1b, 0x45 }, { 0x1c, 0x55 },         /* Vcc 4.5 V to 5.5 V */
        { 0x1f, 0x07 }, { 0x20, 0x07 }, { 0x21, 0x0a },         /* typical times: 2^n us, us, ms */
        { 0x23, 0x04 }, { 0x24, 0x04 }, { 0x25, 0x04 },         /* and how many times that at most, 2^n */
        { 0x28, 0x02 },                         /* interface x8/x16 */
        { 0x2a, BUFFER_BYTES_LOG2 }, { 0x2c, 1 },               /* one region of equal erase blocks */
        { 0x31, 'P' }, { 0x32, 'R' }, { 0x33, 'I' }, { 0x34, '1' }, { 0x35, '0' }, { 0x3f, 1 },
    };
    uint32_t blocks = s->num_blocks - 1, units = s->sector_bytes / 256;

    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++) {
        s->cfi[fixed[i].at] = fixed[i].value;
    }
    s->cfi[0x27] = log2_ceil(s->bytes);
    s->cfi[0x2d] = blocks;
    s->cfi[0x2e] = blocks >> 8;
    s->cfi[0x2f] = units;
    s->cfi[0x30] = units >> 8;
}

typedef struct LoadArray { BlockBackend *blk; void *to; size_t bytes; int ret; } LoadArray;

static void COROUTINE_FN load_array(void *opaque)
{
    LoadArray *l = opaque;
    struct iovec iov = { l->to, l->bytes };
    IoVec v = { &iov, 1, l->bytes };

    l->ret = block_co_preadv(l->blk, 0, &v);
}

static bool attach_drive(Pflash *s, GError **err)
{
    LoadArray load = { s->blk, memory_region_ram_ptr(&s->region), s->bytes };
    int64_t length;

    s->read_only = block_backend_read_only(s->blk);
    if (!block_backend_attach(s->blk, OBJECT(s), BLOCK_PERM_READ | (s->read_only ? 0 : BLOCK_PERM_WRITE),
                              BLOCK_PERM_READ | BLOCK_PERM_WRITE_UNCHANGED, err)) {
        return false;
    }
    length = block_backend_length(s->blk);
    if (length < 0) {
        return error_set_errno(err, -length, "the size of flash drive '%s' cannot be found",
                               block_backend_name(s->blk));
    }
    if ((uint64_t)length != s->bytes) {
        return error_set(err, "flash of %" PRIu64 " bytes on drive '%s' of %" PRId64, s->bytes,
                         block_backend_name(s->blk), length);
    }
    coroutine_run_sync(load_array, &load);
    if (load.ret < 0) {
        return error_set_errno(err, -load.ret, "flash drive '%s' cannot be read", block_backend_name(s->blk));
    }
    return true;
}

static bool pflash_realize(Device *dev, GError **err)
{
    Pflash *s = DEVICE(Pflash, dev);

    if (!s->num_blocks || !s->sector_bytes || s->sector_bytes % PAGE_BYTES || s->sector_bytes > FLASH_MAX_BYTES ||
        s->num_blocks > FLASH_MAX_BYTES / s->sector_bytes) {
        return error_set(err, "%s: %u blocks of %" PRIu64 " bytes: both must be given, blocks be a multiple of %u bytes, "
                         "and all at most %u MiB", dev->object.type->name, s->num_blocks, s->sector_bytes, PAGE_BYTES,
                         FLASH_MAX_BYTES >> 20);
    }
    s->bytes = s->num_blocks * s->sector_bytes;
    if (!memory_region_init_rom_device(&s->region, OBJECT(dev), &pflash_ops, s, s->name ? s->name : "pflash", s->bytes,
                                       err)) {
        return false;
    }
    if (!s->blk) {
        memset(memory_region_ram_ptr(&s->region), 0xff, s->bytes);
    } else if (!attach_drive(s, err)) {
        memory_region_destroy(&s->region);
        return false;
    }
    s->pages = s->bytes / PAGE_BYTES;
    s->changed = g_new0(uint8_t, s->pages);
    s->bounce = g_malloc(WRITE_BACK_PAGES * PAGE_BYTES);
    s->status = SR_READY;
    fill_cfi(s);
    return true;
}

static void pflash_unrealize(Device *dev)
{
    Pflash *s = DEVICE(Pflash, dev);

    if (s->blk) {
        block_drain(s->blk);
    }
    memory_region_destroy(&s->region);
}

static void pflash_finalize(Object *obj)
{
    Pflash *s = DEVICE(Pflash, obj);

    g_free(s->changed);
    g_free(s->bounce);
}

/* The array stays as it is: a program or erase is never half done. */
static void pflash_reset(Device *dev, ResetKind kind)
{
    Pflash *s = DEVICE(Pflash, dev);

    s->cycle = CYCLE_COMMAND;
    s->buffer_left = 0;
    s->buffer_start = 0;
    s->status = SR_READY;
    set_mode(s, MODE_ARRAY);
}

static bool pflash_post_load(Device *dev, unsigned version, GError **err)
{
    Pflash *s = DEVICE(Pflash, dev);
    bool buffering = s->cycle == CYCLE_BUFFER_DATA || s->cycle == CYCLE_BUFFER_CONFIRM;
    bool placed = s->buffer_start < s->bytes && s->buffer_start % BUFFER_BYTES == 0;

    if (s->mode >= MODE_COUNT || s->cycle >= CYCLE_COUNT || s->buffer_left > BUFFER_BYTES ||
        (s->cycle == CYCLE_BUFFER_DATA && (!s->buffer_left || (!placed && s->buffer_start != UINT64_MAX))) ||
        (s->cycle == CYCLE_BUFFER_CONFIRM && !placed) || (buffering && s->mode != MODE_STATUS)) {
        return error_set(err, "flash '%s': state is out of range", s->name);
    }
    set_mode(s, s->mode);
    return true;
}

static const Property pflash_properties[] = {
    PROP_DRIVE("drive", Pflash, blk, "id of a drive or name of a node: what the flash holds"),
    PROP_UINT32("num-blocks", Pflash, num_blocks, 0, "number of erase blocks"),
    PROP_UINT64("sector-length", Pflash, sector_bytes, 0, "bytes of an erase block"),
    PROP_UINT8("width", Pflash, width, 1, "bytes of its data bus", .min = 1, .max = 1),
    PROP_BOOL("secure", Pflash, secure, false, "only code in system management mode may give commands"),
    PROP_UINT16("id0", Pflash, id[0], 0, "manufacturer code, high byte"),
    PROP_UINT16("id1", Pflash, id[1], 0, "manufacturer code"),
    PROP_UINT16("id2", Pflash, id[2], 0, "device code, high byte"),
    PROP_UINT16("id3", Pflash, id[3], 0, "device code"),
    PROP_STR("name", Pflash, name, "name of its memory"),
    { }
};

static const StateField pflash_state[] = {
    STATE_U8(Pflash, mode), STATE_U8(Pflash, cycle), STATE_U8(Pflash, status), STATE_BYTES(Pflash, buffer),
    STATE_U64(Pflash, buffer_start), STATE_U32(Pflash, buffer_left), { }
};

const DeviceType pflash_cfi01_type = {
    .name = "cfi.pflash01", .parent = &device_type.type, .size = sizeof(Pflash), .bus = &system_bus_type.type,
    .category = CATEGORY_STORAGE, .not_user_creatable = true, .no_hotplug = true,
    .description = "parallel flash with Intel's command set", .properties = pflash_properties, .state = pflash_state,
    .realize = pflash_realize, .unrealize = pflash_unrealize, .finalize = pflash_finalize, .reset = pflash_reset,
    .post_load = pflash_post_load,
};
TYPE_REGISTER(pflash_cfi01_type);

Device *pflash_cfi01_new(BlockBackend *blk, const char *name)
{
    Pflash *s = DEVICE(Pflash, device_new(&pflash_cfi01_type));

    s->blk = (BlockBackend *)object_ref(OBJECT(blk));
    s->sector_bytes = PFLASH_BLOCK_BYTES;
    s->num_blocks = block_backend_length(blk) / PFLASH_BLOCK_BYTES;
    s->name = g_strdup(name);
    return &s->device;
}

MemoryRegion *pflash_cfi01_memory(Device *dev) { return &DEVICE(Pflash, dev)->region; }
