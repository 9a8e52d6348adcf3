/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moving data: PIO through the device's buffer, DMA straight between guest memory and the drive.
 *
 *   READ:  begin -> request -> buffer full: DRQ, INTRQ -> host empties it -> next block, or done
 *   WRITE: DRQ -> host fills the buffer -> begin -> request -> done: next block with DRQ, INTRQ
 *   DMA:   begin -> transport says "armed" -> segments of guest memory -> request on them -> next stretch, or
 *          done: INTRQ
 *
 * A DMA stretch lends its memory (ide_sg.c). A request that
 * fails is reported to the guest (ERR, ABRT), ignored, or kept as `pending` with the machine stopped; when it runs
 * again, the same stretch is tried again. A command that is given up (reset, bus master stop) leaves the device busy
 * until its request has ended, since the guest's memory is on loan; nobody waits for it but the guest, by polling BSY.
 */
#include <errno.h>
#include <string.h>

#include "core/log.h"
#include "core/vm.h"
#include "hw/ide/ide.h"

#define DMA_STRETCH_BYTES (1u << 20)            /* of one request */

struct IdeRequest {
    IdeDevice *dev;
    bool given_up;                              /* reset or stopped: its end only makes the device ready again */
    IdePending what;
    uint32_t sectors;
    IoVec v;
    struct iovec one;                           /* of a request on a single buffer */
    IdeSg sg;                                   /* DMA */
    /* TRIM */
    unsigned trim_next;                         /* entry of the sector in buf */
};

static void dma_next(IdeDevice *dev);
static void trim_next(IdeRequest *req);

/* ---- addresses ---- */

int64_t ide_get_lba(const IdeDevice *dev)
{
    const IdeRegs *r = ide_regs(dev);
    int64_t low = r->lba_low | r->lba_mid << 8 | r->lba_high << 16;

    if (dev->lba48) {
        return low | (int64_t)r->hob.lba_low << 24 | (int64_t)r->hob.lba_mid << 32 | (int64_t)r->hob.lba_high << 40;
    }
    if (r->device & DEVICE_LBA) {
        return low | (int64_t)(r->device & DEVICE_HEAD) << 24;
    }
    if (r->lba_low == 0 || r->lba_low > dev->track_sectors || (r->device & DEVICE_HEAD) >= (int)dev->heads) {
        return -1;
    }
    return ((int64_t)(r->lba_high << 8 | r->lba_mid) * dev->heads + (r->device & DEVICE_HEAD)) * dev->track_sectors +
           r->lba_low - 1;
}

void ide_set_lba(IdeDevice *dev, int64_t lba)
{
    IdeRegs *r = ide_regs(dev);

    if (dev->lba48) {
        r->hob.lba_low = lba >> 24;
        r->hob.lba_mid = lba >> 32;
        r->hob.lba_high = lba >> 40;
    } else if (r->device & DEVICE_LBA) {
        r->device = (r->device & ~DEVICE_HEAD) | (lba >> 24 & DEVICE_HEAD);
    } else {
        int64_t cylinder = lba / (dev->heads * dev->track_sectors), rest = lba % (dev->heads * dev->track_sectors);

        r->lba_high = cylinder >> 8;
        r->lba_mid = cylinder;
        r->device = (r->device & ~DEVICE_HEAD) | (rest / dev->track_sectors & DEVICE_HEAD);
        r->lba_low = rest % dev->track_sectors + 1;
        return;
    }
    r->lba_low = lba;
    r->lba_mid = lba >> 8;
    r->lba_high = lba >> 16;
}

bool ide_range_ok(const IdeDevice *dev, int64_t lba, uint32_t sectors)
{
    return lba >= 0 && lba <= dev->sectors && sectors <= dev->sectors - lba;
}

static void advance(IdeDevice *dev, uint32_t sectors)
{
    ide_set_lba(dev, ide_get_lba(dev) + sectors);
    dev->remaining -= sectors;
    ide_regs(dev)->count = dev->remaining;
}

/* ---- PIO ---- */

void ide_abort(IdeDevice *dev)
{
    IdeRegs *r = ide_regs(dev);

    ide_pio_stop(dev);
    r->status = STATUS_DRDY | STATUS_ERR;
    r->error = ERROR_ABRT;
}

void ide_pio_start_at(IdeDevice *dev, uint32_t from, uint32_t bytes, bool out, IdeNext next)
{
    IdeRegs *r = ide_regs(dev);

    g_assert(from + bytes <= ide_type_of(dev)->buf_bytes);
    dev->buf_pos = from;
    dev->buf_len = from + bytes;
    dev->data_out = out;
    dev->next = next;
    r->status = (r->status & ~STATUS_BSY) | STATUS_DRQ;
}

void ide_pio_start(IdeDevice *dev, uint32_t bytes, bool out, IdeNext next)
{
    ide_pio_start_at(dev, 0, bytes, out, next);
}

void ide_pio_stop(IdeDevice *dev)
{
    dev->buf_pos = dev->buf_len = 0;
    dev->next = IDE_NEXT_STOP;
    ide_regs(dev)->status &= ~STATUS_DRQ;
}

static uint32_t block_sectors(const IdeDevice *dev) { return MIN(dev->remaining, dev->block_sectors); }

/* The host has emptied or filled the buffer. */
static void buffer_done(IdeDevice *dev)
{
    IdeNext next = dev->next;

    ide_pio_stop(dev);
    if (next == IDE_NEXT_READ && dev->remaining) {
        ide_begin(dev, IDE_PENDING_READ);
    } else if (next == IDE_NEXT_WRITE) {
        ide_begin(dev, IDE_PENDING_WRITE);
    } else if (next == IDE_NEXT_PACKET) {
        ide_type_of(dev)->packet_buffer_done(dev);
    }
}

/* Bytes that an access of @size moves now. Data of PACKET may end in the middle of a word, whose rest is padding. */
static unsigned data_ready(const IdeDevice *dev, bool out, unsigned size)
{
    bool ready = (ide_regs(dev)->status & (STATUS_DRQ | STATUS_BSY)) == STATUS_DRQ && dev->data_out == out;
    unsigned left = dev->buf_len - dev->buf_pos;

    return !ready ? 0 : size <= left ? size : dev->next == IDE_NEXT_PACKET ? left : 0;
}

uint32_t ide_data_read(IdeDevice *dev, unsigned size)
{
    uint32_t value = 0;

    size = data_ready(dev, false, size);
    if (!size) {
        return 0;
    }
    memcpy(&value, dev->buf + dev->buf_pos, size);      /* little-endian, as the host */
    dev->buf_pos += size;
    if (dev->buf_pos == dev->buf_len) {
        buffer_done(dev);
    }
    return value;
}

void ide_data_write(IdeDevice *dev, uint32_t value, unsigned size)
{
    size = data_ready(dev, true, size);
    if (!size) {
        return;
    }
    memcpy(dev->buf + dev->buf_pos, &value, size);
    dev->buf_pos += size;
    if (dev->buf_pos == dev->buf_len) {
        buffer_done(dev);
    }
}

/* ---- requests ---- */

static bool is_dma(IdePending what)
{
    return what == IDE_PENDING_DMA_READ || what == IDE_PENDING_DMA_WRITE || what == IDE_PENDING_TRIM ||
           what == IDE_PENDING_PACKET_DMA;
}

static bool is_read(IdePending what)
{
    return what == IDE_PENDING_READ || what == IDE_PENDING_DMA_READ || what == IDE_PENDING_PACKET_READ;
}

static void request_free(IdeRequest *req)
{
    ide_sg_free(&req->sg);
    g_free(req);
}

static IdeRequest *request_new(IdeDevice *dev, IdePending what)
{
    IdeRequest *req = g_new0(IdeRequest, 1);

    req->dev = dev;
    req->what = what;
    dev->request = req;
    return req;
}

/* The end of a command that moves data: all is well. */
static void command_done(IdeDevice *dev)
{
    IdeRegs *r = ide_regs(dev);
    bool dma = is_dma(dev->pending);

    dev->pending = IDE_PENDING_NONE;
    r->status = STATUS_DRDY | STATUS_DSC;
    ide_raise_irq(dev);
    if (dma) {
        ide_bus_of(dev)->transport->dma_ended(ide_bus_of(dev), false);
    }
}

static void command_failed(IdeDevice *dev, bool memory_failed)
{
    bool dma = is_dma(dev->pending);

    dev->pending = IDE_PENDING_NONE;
    ide_abort(dev);
    if (dma) {
        ide_bus_of(dev)->transport->dma_ended(ide_bus_of(dev), memory_failed);
    }
    ide_raise_irq(dev);
}

/* Returns whether to go on as if it had worked. */
static bool survives_error(IdeDevice *dev, IdePending what, int error)
{
    BlockErrorAction action = block_error_action(dev->conf.blk, is_read(what), error);

    block_error_act(dev->conf.blk, action, is_read(what), error);
    switch (action) {
    case BLOCK_ERROR_IGNORE:
        return true;
    case BLOCK_ERROR_STOP:
        dev->stopped = true;                    /* `pending` says what */
        if (is_dma(what)) {
            ide_bus_of(dev)->transport->dma_rewind(ide_bus_of(dev));
        }
        return false;
    default:
        if (what == IDE_PENDING_PACKET_READ) {
            ide_type_of(dev)->packet_read_done(dev, error);
        } else {
            command_failed(dev, false);
        }
        return false;
    }
}

static void pio_read_done(IdeDevice *dev, uint32_t sectors)
{
    advance(dev, sectors);
    dev->pending = IDE_PENDING_NONE;
    ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC;
    ide_pio_start(dev, sectors * IDE_SECTOR_BYTES, false, IDE_NEXT_READ);
    ide_raise_irq(dev);
}

void ide_late_irq(void *opaque)
{
    ide_raise_irq(opaque);
}

/*
 * The interrupt of a PIO write. The installer of Windows 2000 goes astray if all of them come at once, so for it
 * (win2k-install-hack) every 16th takes a millisecond.
 */
static void raise_write_irq(IdeDevice *dev)
{
    enum { ONE_IN = 16, DELAY_NS = 1000000 };

    if (dev->win2k_install_hack && ++dev->late_count % ONE_IN == 0) {
        timer_arm_ns(&dev->late_irq, clock_ns(CLOCK_VIRTUAL) + DELAY_NS);
    } else {
        ide_raise_irq(dev);
    }
}

static void pio_write_done(IdeDevice *dev, uint32_t sectors)
{
    advance(dev, sectors);
    dev->pending = IDE_PENDING_NONE;
    ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC;
    if (dev->remaining) {
        ide_pio_start(dev, block_sectors(dev) * IDE_SECTOR_BYTES, true, IDE_NEXT_WRITE);
    }
    raise_write_irq(dev);
}

static void request_done(void *opaque, int ret);

/* ---- DMA ---- */

/* Starts the next stretch of a DMA command, or ends it. */
static void dma_next(IdeDevice *dev)
{
    IdeBus *bus = ide_bus_of(dev);
    IdeRequest *req;
    int64_t lba = ide_get_lba(dev), bytes;
    uint32_t max;

    if (!dev->remaining) {
        command_done(dev);
        return;
    }
    if (dev->pending != IDE_PENDING_TRIM && !ide_range_ok(dev, lba, dev->remaining)) {
        command_failed(dev, false);
        return;
    }
    req = request_new(dev, dev->pending);
    ide_sg_init(&req->sg, bus->transport->dma_space(bus), dev->pending == IDE_PENDING_DMA_READ);
    max = dev->pending == IDE_PENDING_TRIM ? IDE_SECTOR_BYTES : DMA_STRETCH_BYTES;
    bytes = bus->transport->dma_segments(bus, req->sg.segments,
                                         MIN((uint64_t)dev->remaining * IDE_SECTOR_BYTES, max), IDE_SECTOR_BYTES);
    req->sectors = MAX(bytes, 0) / IDE_SECTOR_BYTES;
    if (bytes < 0 || (req->sectors && !ide_sg_map(&req->sg, bytes))) {
        dev->request = NULL;
        request_free(req);
        command_failed(dev, true);
        return;
    }
    if (!req->sectors) {
        /* The guest's list is shorter than its command: the bus master goes inactive, and no interrupt tells of it. */
        dev->request = NULL;
        request_free(req);
        dev->pending = IDE_PENDING_NONE;
        ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC;
        bus->transport->dma_ended(bus, false);
        return;
    }
    if (dev->pending == IDE_PENDING_TRIM) {
        uint8_t *p = dev->buf;

        for (int i = 0; i < req->sg.v.count; i++) {
            memcpy(p, req->sg.v.iov[i].iov_base, req->sg.v.iov[i].iov_len);
            p += req->sg.v.iov[i].iov_len;
        }
        ide_sg_unmap(&req->sg, false, false);
        trim_next(req);
    } else if (dev->pending == IDE_PENDING_DMA_READ) {
        block_preadv(dev->conf.blk, lba * IDE_SECTOR_BYTES, &req->sg.v, request_done, req);
    } else {
        block_pwritev(dev->conf.blk, lba * IDE_SECTOR_BYTES, &req->sg.v, request_done, req);
    }
}

/* DATA SET MANAGEMENT: one entry of the list in dev->buf after the other. ATA8-ACS 7.9: LBA 47:0, sectors 63:48. */
static void trim_next(IdeRequest *req)
{
    IdeDevice *dev = req->dev;

    while (req->trim_next < IDE_SECTOR_BYTES / 8) {
        const uint8_t *e = dev->buf + 8 * req->trim_next++;
        uint32_t count = e[6] | e[7] << 8;
        int64_t lba = 0;

        for (int i = 5; i >= 0; i--) {
            lba = lba << 8 | e[i];
        }
        if (!count) {
            continue;
        }
        if (!ide_range_ok(dev, lba, count)) {
            dev->request = NULL;
            request_free(req);
            command_failed(dev, false);
            return;
        }
        block_discard(dev->conf.blk, lba * IDE_SECTOR_BYTES, (int64_t)count * IDE_SECTOR_BYTES, request_done, req);
        return;
    }
    dev->request = NULL;
    request_free(req);
    dev->remaining--;
    dma_next(dev);
}

bool ide_dma_waiting(const IdeDevice *dev) { return is_dma(dev->pending) && !dev->request && !dev->stopped; }

void ide_dma_run(IdeDevice *dev)
{
    if (ide_dma_waiting(dev)) {
        if (dev->pending == IDE_PENDING_PACKET_DMA) {
            ide_type_of(dev)->packet_dma_run(dev);
        } else {
            dma_next(dev);
        }
    }
}

/* ---- all requests ---- */

static void request_done(void *opaque, int ret)
{
    IdeRequest *req = opaque;
    IdeDevice *dev = req->dev;
    IdePending what = req->what;
    uint32_t sectors = req->sectors;

    if (is_dma(what) && what != IDE_PENDING_TRIM && !ide_sg_unmap(&req->sg, true, ret == 0 && !req->given_up)) {
        dev->request = NULL;
        request_free(req);
        command_failed(dev, true);
        return;
    }
    if (req->given_up) {
        dev->request = NULL;
        request_free(req);
        ide_given_up_done(dev);
        return;
    }
    if (what == IDE_PENDING_TRIM && (ret == 0 || survives_error(dev, what, ret))) {
        trim_next(req);
        return;
    }
    dev->request = NULL;
    request_free(req);
    if (what == IDE_PENDING_TRIM || (ret < 0 && !survives_error(dev, what, ret))) {
        return;
    }
    switch (what) {
    case IDE_PENDING_READ:
        pio_read_done(dev, sectors);
        break;
    case IDE_PENDING_WRITE:
        pio_write_done(dev, sectors);
        break;
    case IDE_PENDING_DMA_READ:
    case IDE_PENDING_DMA_WRITE:
        advance(dev, sectors);
        dma_next(dev);
        break;
    case IDE_PENDING_PACKET_READ:
        ide_type_of(dev)->packet_read_done(dev, 0);
        break;
    default:
        command_done(dev);
        break;
    }
}

static void pio_request(IdeDevice *dev, IdePending what)
{
    int64_t lba = ide_get_lba(dev);
    IdeRequest *req;

    ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC | STATUS_BSY;
    if (!ide_range_ok(dev, lba, block_sectors(dev))) {
        command_failed(dev, false);
        return;
    }
    req = request_new(dev, what);
    req->sectors = block_sectors(dev);
    req->one = (struct iovec){ dev->buf, req->sectors * IDE_SECTOR_BYTES };
    req->v = (IoVec){ &req->one, 1, req->one.iov_len };
    if (what == IDE_PENDING_READ) {
        block_preadv(dev->conf.blk, lba * IDE_SECTOR_BYTES, &req->v, request_done, req);
    } else {
        block_pwritev(dev->conf.blk, lba * IDE_SECTOR_BYTES, &req->v, request_done, req);
    }
}

void ide_read_buffer(IdeDevice *dev, int64_t offset, uint8_t *to, uint32_t bytes)
{
    IdeRequest *req = request_new(dev, IDE_PENDING_PACKET_READ);

    req->one = (struct iovec){ to, bytes };
    req->v = (IoVec){ &req->one, 1, bytes };
    block_preadv(dev->conf.blk, offset, &req->v, request_done, req);
}

void ide_begin(IdeDevice *dev, IdePending what)
{
    dev->pending = what;
    dev->stopped = false;
    switch (what) {
    case IDE_PENDING_READ:
    case IDE_PENDING_WRITE:
        pio_request(dev, what);
        break;
    case IDE_PENDING_FLUSH:
        ide_regs(dev)->status |= STATUS_BSY;
        block_flush(dev->conf.blk, request_done, request_new(dev, what));
        break;
    case IDE_PENDING_DMA_READ:
    case IDE_PENDING_DMA_WRITE:
    case IDE_PENDING_TRIM:
    case IDE_PENDING_PACKET_DMA:
        ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC | STATUS_DRQ;
        ide_bus_of(dev)->transport->dma_ready(ide_bus_of(dev), dev);
        break;
    case IDE_PENDING_PACKET_READ:
        ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC | STATUS_BSY;
        ide_type_of(dev)->packet_read(dev);
        break;
    default:
        break;
    }
}

void ide_pio_block_done(IdeDevice *dev)
{
    dev->buf_pos = dev->buf_len;
    buffer_done(dev);
}

void ide_give_up(IdeDevice *dev)
{
    ide_pio_stop(dev);
    dev->pending = IDE_PENDING_NONE;
    dev->stopped = false;
    dev->remaining = 0;
    if (dev->request) {
        dev->request->given_up = true;
        ide_regs(dev)->status = STATUS_BSY;
    }
}

void ide_dma_stop(IdeDevice *dev)
{
    if (is_dma(dev->pending) || (dev->pending == IDE_PENDING_PACKET_READ && dev->dma)) {
        ide_give_up(dev);
        if (!dev->request) {
            ide_regs(dev)->status = STATUS_DRDY | STATUS_DSC;
        }
    }
}

void ide_cancel(IdeDevice *dev)
{
    timer_stop(&dev->late_irq);
    ide_give_up(dev);
    if (dev->request) {
        block_drain(dev->conf.blk);
    }
}
