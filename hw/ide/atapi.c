/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-cd: packet protocol, tray and medium of a CD/DVD drive. The commands in the packets are in mmc.c.
 *
 *   PACKET: DRQ, C/D -> host writes 12 bytes -> run_packet() -> command
 *     read: fill() -> drive's blocks in ide.buf -> deliver() -> PIO: DRQ blocks of at most drq_limit bytes, each with INTRQ
 *                                                              DMA: into the host's memory when it is armed
 *       -> fill() again while blocks are left -> atapi_ok(): INTRQ
 *
 * Invariants: pos <= len <= ATAPI_BUF_BYTES; ide.buf[pos..len) and then `blocks` blocks are what the host still gets.
 * The tray is moved by START STOP UNIT and by the monitor (eject ...); the monitor is refused while the guest has
 * PREVENTed it, and the guest is told of the wish.
 */
#include <errno.h>
#include <string.h>

#include "core/log.h"
#include "hw/ide/atapi.h"

TRACE_EVENT(atapi_packet, "%s unit %u command 0x%02x (%s)");

#define REASON_COMMAND 0x01                     /* C/D */
#define REASON_TO_HOST 0x02                     /* I/O */
#define FEATURE_DMA 0x01
#define FEATURE_OVERLAP 0x02

static void set_reason(AtapiDevice *s, uint8_t reason)
{
    IdeRegs *r = ide_regs(&s->ide);

    r->count = (r->count & ~7) | reason;
}

bool atapi_has_medium(const AtapiDevice *s) { return block_backend_has_medium(s->ide.conf.blk); }

uint32_t atapi_blocks(const AtapiDevice *s)
{
    int64_t length = block_backend_length(s->ide.conf.blk);

    return MIN(MAX(length, 0) / CD_BLOCK_BYTES, UINT32_MAX);
}

/* ---- ends of a command ---- */

static void end(AtapiDevice *s, uint8_t status)
{
    IdeBus *bus = ide_bus_of(&s->ide);

    ide_pio_stop(&s->ide);
    s->phase = ATAPI_IDLE;
    s->ide.pending = IDE_PENDING_NONE;
    s->pos = s->len = s->blocks = 0;
    set_reason(s, REASON_COMMAND | REASON_TO_HOST);
    ide_regs(&s->ide)->status = status;
    ide_raise_irq(&s->ide);
    if (s->ide.dma) {
        bus->transport->dma_ended(bus, false);
    }
}

void atapi_ok(AtapiDevice *s)
{
    ide_regs(&s->ide)->error = 0;
    end(s, STATUS_DRDY | STATUS_DSC);
}

void atapi_check(AtapiDevice *s, uint8_t sense_key, uint8_t asc)
{
    s->sense_key = sense_key;
    s->asc = asc;
    ide_regs(&s->ide)->error = sense_key << 4;
    end(s, STATUS_DRDY | STATUS_ERR);
}

/* ---- data to the host ---- */

static void fill(AtapiDevice *s) { ide_begin(&s->ide, IDE_PENDING_PACKET_READ); }

static void deliver(AtapiDevice *s)
{
    IdeRegs *r = ide_regs(&s->ide);
    uint32_t ready = s->len - s->pos, block;

    if (!ready && !s->blocks) {
        atapi_ok(s);
        return;
    }
    if (s->ide.dma) {
        ide_begin(&s->ide, IDE_PENDING_PACKET_DMA);
        return;
    }
    if (s->blocks && ready < s->drq_limit) {
        fill(s);
        return;
    }
    block = MIN(ready, s->drq_limit);
    r->lba_mid = block;
    r->lba_high = block >> 8;
    r->status = STATUS_DRDY | STATUS_DSC;
    set_reason(s, REASON_TO_HOST);
    ide_pio_start_at(&s->ide, s->pos, block, false, IDE_NEXT_PACKET);
    s->pos += block;
    ide_raise_irq(&s->ide);
}

/* Appends blocks to the buffer, whose rest moves to its front; those that come raw are spread out when they are there. */
static void read_blocks(IdeDevice *dev)
{
    AtapiDevice *s = ATAPI_DEVICE(dev);
    uint32_t count;

    memmove(dev->buf, dev->buf + s->pos, s->len - s->pos);
    s->len -= s->pos;
    s->pos = 0;
    count = MIN(s->blocks, (ATAPI_BUF_BYTES - s->len) / s->block_bytes);
    dev->remaining = count;
    if (s->tray_open) {
        atapi_check(s, SENSE_NOT_READY, ASC_NO_MEDIUM);
        return;
    }
    ide_read_buffer(dev, (int64_t)s->block * CD_BLOCK_BYTES, dev->buf + s->len + count * (s->block_bytes - CD_BLOCK_BYTES),
                    count * CD_BLOCK_BYTES);
}

static uint8_t bcd(uint32_t n) { return n / 10 << 4 | n % 10; }

/* A mode 1 sector around the data that lies at the end of the buffer's new part. ECMA-130, 14. Its EDC and ECC are 0. */
static void spread_raw(AtapiDevice *s, uint32_t count)
{
    static const uint8_t sync[12] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
    uint8_t *to = s->ide.buf + s->len, *from = to + count * (CD_RAW_BYTES - CD_BLOCK_BYTES);

    for (uint32_t i = 0; i < count; i++, to += CD_RAW_BYTES, from += CD_BLOCK_BYTES) {
        uint32_t frame = s->block + i + 150;

        memmove(to + 16, from, CD_BLOCK_BYTES);
        memcpy(to, sync, sizeof(sync));
        to[12] = bcd(frame / (60 * 75) % 100);
        to[13] = bcd(frame / 75 % 60);
        to[14] = bcd(frame % 75);
        to[15] = 1;
        memset(to + 16 + CD_BLOCK_BYTES, 0, CD_RAW_BYTES - CD_BLOCK_BYTES - 16);
    }
}

static void blocks_read(IdeDevice *dev, int ret)
{
    AtapiDevice *s = ATAPI_DEVICE(dev);
    uint32_t count = dev->remaining;

    dev->remaining = 0;
    dev->pending = IDE_PENDING_NONE;
    if (ret == -ENOMEDIUM) {
        atapi_check(s, SENSE_NOT_READY, ASC_NO_MEDIUM);
        return;
    }
    if (ret < 0) {
        atapi_check(s, SENSE_MEDIUM_ERROR, ASC_UNRECOVERED_READ);
        return;
    }
    if (s->block_bytes == CD_RAW_BYTES) {
        spread_raw(s, count);
    }
    s->len += count * s->block_bytes;
    s->block += count;
    s->blocks -= count;
    deliver(s);
}

/* The host has armed DMA. */
static void dma_run(IdeDevice *dev)
{
    AtapiDevice *s = ATAPI_DEVICE(dev);
    IdeBus *bus = ide_bus_of(dev);
    g_autoptr(GArray) segments = NULL;
    uint32_t ready = s->len - s->pos;
    int64_t bytes;
    bool reached;

    if (!ready) {
        fill(s);
        return;
    }
    segments = g_array_new(FALSE, FALSE, sizeof(DmaSegment));
    bytes = bus->transport->dma_segments(bus, segments, ready, 1);
    reached = bytes >= 0 && ide_sg_copy(bus->transport->dma_space(bus), segments, dev->buf + s->pos, true);
    s->pos += MAX(bytes, 0);
    if (!reached || !bytes) {
        /* Memory that is not there, or a list shorter than the data: no interrupt tells of the latter. */
        s->phase = ATAPI_IDLE;
        dev->pending = IDE_PENDING_NONE;
        s->pos = s->len = s->blocks = 0;
        ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC;
        if (!reached) {
            ide_abort(dev);
            ide_raise_irq(dev);
        }
        bus->transport->dma_ended(bus, !reached);
        return;
    }
    deliver(s);
}

void atapi_reply(AtapiDevice *s, uint32_t bytes, uint32_t allocated)
{
    s->pos = 0;
    s->len = MIN(bytes, allocated);
    s->blocks = 0;
    deliver(s);
}

void atapi_read(AtapiDevice *s, uint32_t block, uint32_t blocks, uint32_t block_bytes)
{
    s->pos = s->len = 0;
    s->block = block;
    s->blocks = blocks;
    s->block_bytes = block_bytes;
    deliver(s);
}

/* ---- PACKET ---- */

static void run_packet(AtapiDevice *s)
{
    const MmcCommand *cmd = &mmc_commands[s->cdb[0]];
    bool any_time = cmd->flags & MMC_ANY_TIME;

    trace(atapi_packet, ide_bus_of(&s->ide)->bus.name, s->ide.unit, s->cdb[0], cmd->name ? cmd->name : "unknown");
    s->phase = ATAPI_DATA;
    if (!any_time && s->change != MEDIUM_SAME && !s->tray_open && atapi_has_medium(s)) {
        if (s->change == MEDIUM_GONE) {
            s->change = MEDIUM_NEW;
            atapi_check(s, SENSE_NOT_READY, ASC_NO_MEDIUM);
        } else {
            s->change = MEDIUM_SAME;
            atapi_check(s, SENSE_UNIT_ATTENTION, ASC_MEDIUM_CHANGED);
        }
    } else if (!cmd->run) {
        atapi_check(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
    } else if ((cmd->flags & MMC_NEEDS_MEDIUM) && (s->tray_open || !atapi_has_medium(s))) {
        atapi_check(s, SENSE_NOT_READY, ASC_NO_MEDIUM);
    } else {
        cmd->run(s, s->cdb);
    }
}

static void buffer_done(IdeDevice *dev)
{
    AtapiDevice *s = ATAPI_DEVICE(dev);

    ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC | STATUS_BSY;
    if (s->phase == ATAPI_COMMAND) {
        memcpy(s->cdb, dev->buf, ATAPI_CDB_BYTES);
        run_packet(s);
    } else {
        deliver(s);
    }
}

static bool packet(IdeDevice *dev, uint8_t command)
{
    AtapiDevice *s = ATAPI_DEVICE(dev);
    IdeRegs *r = ide_regs(dev);
    uint32_t limit = r->lba_mid | r->lba_high << 8;

    if (r->features & FEATURE_OVERLAP) {
        ide_abort(dev);
        return true;
    }
    dev->dma = r->features & FEATURE_DMA;
    /* 0 is no limit that could work; a block that is not the last has whole words. */
    s->drq_limit = limit < 2 ? 0xfffe : limit & ~1u;
    s->phase = ATAPI_COMMAND;
    s->pos = s->len = s->blocks = 0;
    r->status = STATUS_DRDY | STATUS_DSC;
    set_reason(s, REASON_COMMAND);
    ide_pio_start(dev, ATAPI_CDB_BYTES, true, IDE_NEXT_PACKET);
    return false;
}

/* ---- the other ATA commands ---- */

static bool identify_packet(IdeDevice *dev, uint8_t command)
{
    atapi_identify(dev, dev->buf);
    ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC;
    ide_pio_start(dev, IDE_SECTOR_BYTES, false, IDE_NEXT_STOP);
    ide_raise_irq(dev);
    return false;
}

/* Commands by which an ATA driver finds out that this is no disk. */
static bool show_signature(IdeDevice *dev, uint8_t command)
{
    ide_set_signature(ide_bus_of(dev), dev->unit);
    ide_abort(dev);
    return true;
}

static bool reset_device(IdeDevice *dev, uint8_t command)
{
    IdeBus *bus = ide_bus_of(dev);

    bus->transport->dma_cancel(bus);
    ide_give_up(dev);
    ide_set_signature(bus, dev->unit);
    ide_regs(dev)->error = 1;
    if (!dev->request) {
        ide_regs(dev)->status = ide_type_of(dev)->soft_reset_status;
    }
    return false;
}

static const IdeCommand atapi_commands[256] = {
    [0x08] = { "DEVICE RESET", reset_device, .any_time = true },
    [0x20] = { "READ SECTORS", show_signature },
    [0x90] = { "EXECUTE DEVICE DIAGNOSTIC", ata_execute_device_diagnostic },
    [0xa0] = { "PACKET", packet },
    [0xa1] = { "IDENTIFY PACKET DEVICE", identify_packet },
    [0xe7] = { "FLUSH CACHE", ata_flush_cache },
    [0xec] = { "IDENTIFY DEVICE", show_signature },
    [0xef] = { "SET FEATURES", ata_set_features, true },
};

/* ---- tray and medium ---- */

void atapi_move_tray(AtapiDevice *s, bool open)
{
    if (s->tray_open != open) {
        s->tray_open = open;
        block_backend_tray_moved(s->ide.conf.blk, open);
    }
}

/* The monitor moves the tray. */
static void change_medium(Object *dev, bool load)
{
    AtapiDevice *s = ATAPI_DEVICE(dev);

    s->tray_open = !load;
    s->change = MEDIUM_GONE;
    s->new_medium = true;
    s->eject_requested = false;
}

static void eject_request(Object *dev, bool force)
{
    AtapiDevice *s = ATAPI_DEVICE(dev);

    s->eject_requested = true;
    if (force) {
        s->locked = false;
    }
}

static bool is_tray_open(Object *dev) { return ATAPI_DEVICE(dev)->tray_open; }
static bool is_locked(Object *dev) { return ATAPI_DEVICE(dev)->locked; }

static const BlockTrayOps tray_ops = {
    .change_medium = change_medium, .eject_request = eject_request, .is_tray_open = is_tray_open,
    .is_locked = is_locked,
};

/* ---- life ---- */

static bool cd_realize(Device *d, GError **err)
{
    IdeDevice *dev = IDE_DEVICE(d);

    if (!dev->conf.blk) {
        dev->conf.blk = block_backend_new_empty();
    }
    if (!block_conf_realize(&dev->conf, &d->object, BLOCK_CONF_READ_ONLY, false, err)) {
        return false;
    }
    block_backend_keep_io_status(dev->conf.blk);
    if (dev->conf.logical_block_size != IDE_SECTOR_BYTES) {
        return error_set(err, "logical_block_size must be %d for IDE, not %u", IDE_SECTOR_BYTES,
                         dev->conf.logical_block_size);
    }
    block_backend_set_tray(dev->conf.blk, &tray_ops);
    return true;
}

static void cd_reset(Device *d, ResetKind kind)
{
    AtapiDevice *s = ATAPI_DEVICE(d);

    s->phase = ATAPI_IDLE;
    s->pos = s->len = s->blocks = 0;
    s->sense_key = s->asc = 0;
    s->locked = s->eject_requested = s->new_medium = false;
    s->change = MEDIUM_SAME;
    s->ide.dma = false;
    s->ide.mwdma_mode = 0;
    s->ide.udma_mode = 1 << 5;
}

static bool cd_post_load(Device *d, unsigned version, GError **err)
{
    AtapiDevice *s = ATAPI_DEVICE(d);
    const IdeDevice *dev = &s->ide;

    if (s->len > ATAPI_BUF_BYTES || s->pos > s->len || dev->buf_len > ATAPI_BUF_BYTES || dev->buf_pos > dev->buf_len ||
        dev->next < 0 || dev->next >= IDE_NEXT_COUNT || dev->next == IDE_NEXT_READ || dev->next == IDE_NEXT_WRITE ||
        (dev->pending != IDE_PENDING_NONE && dev->pending != IDE_PENDING_FLUSH &&
         dev->pending != IDE_PENDING_PACKET_READ && dev->pending != IDE_PENDING_PACKET_DMA) ||
        s->phase < 0 || s->phase >= ATAPI_PHASE_COUNT || s->change < 0 || s->change >= MEDIUM_CHANGE_COUNT ||
        s->drq_limit < 2 || s->drq_limit > 0xfffe || s->drq_limit & 1 ||
        (s->block_bytes != CD_BLOCK_BYTES && s->block_bytes != CD_RAW_BYTES)) {
        return error_set(err, "CD drive: state is out of range");
    }
    return true;
}

static void cd_init(Object *obj)
{
    ATAPI_DEVICE(obj)->drq_limit = 0xfffe;
    ATAPI_DEVICE(obj)->block_bytes = CD_BLOCK_BYTES;
}

/* saved_len: all of the buffer that a load needs, also while the host reads a part of it. */
static void cd_pre_save(Device *d)
{
    AtapiDevice *s = ATAPI_DEVICE(d);

    s->saved_len = MAX(s->len, s->ide.buf_len);
}

static const StateField cd_state[] = {
    STATE_U8(IdeDevice, mwdma_mode), STATE_U8(IdeDevice, udma_mode), STATE_BOOL(IdeDevice, dma),
    STATE_U32(IdeDevice, buf_pos), STATE_U32(IdeDevice, buf_len), STATE_BOOL(IdeDevice, data_out),
    STATE_INT(IdeDevice, next), STATE_INT(IdeDevice, pending), STATE_BOOL(IdeDevice, stopped),
    STATE_INT(AtapiDevice, phase), STATE_BYTES(AtapiDevice, cdb), STATE_U32(AtapiDevice, drq_limit),
    STATE_U32(AtapiDevice, pos), STATE_U32(AtapiDevice, len), STATE_BUFFER(AtapiDevice, ide.buf, saved_len, ATAPI_BUF_BYTES),
    STATE_U32(AtapiDevice, block), STATE_U32(AtapiDevice, blocks), STATE_U32(AtapiDevice, block_bytes),
    STATE_U8(AtapiDevice, sense_key), STATE_U8(AtapiDevice, asc), STATE_BOOL(AtapiDevice, tray_open),
    STATE_BOOL(AtapiDevice, locked), STATE_BOOL(AtapiDevice, eject_requested), STATE_BOOL(AtapiDevice, new_medium),
    STATE_INT(AtapiDevice, change),
    { }
};

static const IdeDeviceType ide_cd_type = {
    .name = "ide-cd", .parent = &ide_device_type.device.type, .size = sizeof(AtapiDevice), .init = cd_init, .no_hotplug = true,
    .description = "virtual IDE CD-ROM", .category = CATEGORY_STORAGE, .state = cd_state, .signature_mid = 0x14,
    .signature_high = 0xeb, .reset_status = STATUS_DRDY | STATUS_DSC, .buf_bytes = ATAPI_BUF_BYTES,
    .commands = atapi_commands, .packet_buffer_done = buffer_done, .packet_dma_run = dma_run,
    .packet_read = read_blocks, .packet_read_done = blocks_read, .realize = cd_realize, .reset = cd_reset,
    .pre_save = cd_pre_save, .post_load = cd_post_load,
};
TYPE_REGISTER(ide_cd_type);
