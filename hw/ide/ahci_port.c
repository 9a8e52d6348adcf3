/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An AHCI port at work: command slots, FISes, the PRD table, queued commands.
 *
 *   ahci_port_run(): PxCI -> fetch(): header, FIS -> start(): registers of the device, its command
 *     the device is busy: back here from its end (set_irq, dma_ended; by a bottom half)
 *     DRQ of a PIO command: move_block() between its buffer and the PRD table, PIO Setup FIS
 *     over: complete(): PRDBC, Device to Host FIS, PxCI
 *   FPDMA: queue() -> request -> queued_done(): Set Device Bits FIS, PxSACT
 *
 * One ATA command is in progress at a time (`slot`); queued ones besides. After an error the port does nothing until
 * ST is cleared; PxCI or PxSACT keep the bit of the command that failed. AHCI 1.3.1, 5.3 and 6.2.
 */
#include <errno.h>
#include <string.h>

#include "core/log.h"
#include "hw/ide/ahci.h"

TRACE_EVENT(ahci_command, "%s slot %u command 0x%02x");

enum { FIS_H2D = 0x27, FIS_D2H = 0x34, FIS_SET_BITS = 0xa1, FIS_PIO_SETUP = 0x5f };
enum { FIS_BYTES = 20, FIS_COMMAND = 0x80, FIS_INTERRUPT = 0x40, FIS_TO_HOST = 0x20 };
/* Where received FISes go. */
enum { RX_PIO_SETUP = 0x20, RX_D2H = 0x40, RX_SET_BITS = 0x58 };
enum { HEADER_BYTES = 32, HEADER_PRDBC = 4, TABLE_ACMD = 0x40, TABLE_PRDT = 0x80, PRD_BYTES = 16 };
enum { READ_FPDMA = 0x60, WRITE_FPDMA = 0x61 };
#define PRD_COUNT_MASK 0x3fffffu
#define SEGMENTS_SOFT_MAX 512                   /* of a stretch; then it ends with the next unit */
#define PACKET_BYTES 12

struct AhciQueued {
    AhciPort *port;
    unsigned slot;
    bool write, given_up;
    IdeSg sg;
};

static AhciPort *port_of(IdeBus *bus) { return (AhciPort *)bus; }
static AddressSpace *space(AhciPort *p) { return pci_dma(&p->hba->pci); }
static IdeDevice *device_at(AhciPort *p) { return p->bus.units[0]; }
static IdeRegs *regs_of(AhciPort *p) { return &p->bus.regs[0]; }
static uint64_t list_address(const AhciPort *p, unsigned slot)
{
    return ((uint64_t)p->clbu << 32 | p->clb) + slot * HEADER_BYTES;
}

/* ---- FISes to the host ---- */

static void send_fis(AhciPort *p, unsigned offset, const uint8_t *fis, size_t len)
{
    if (p->cmd & PORT_CMD_FRE) {
        dma_write(space(p), ((uint64_t)p->fbu << 32 | p->fb) + offset, fis, len);
    }
}

static void registers_to_fis(const IdeRegs *r, uint8_t fis[FIS_BYTES])
{
    fis[2] = r->status;
    fis[3] = r->error;
    fis[4] = r->lba_low;
    fis[5] = r->lba_mid;
    fis[6] = r->lba_high;
    fis[7] = r->device;
    fis[8] = r->hob.lba_low;
    fis[9] = r->hob.lba_mid;
    fis[10] = r->hob.lba_high;
    fis[12] = r->count;
    fis[13] = r->hob.count;
}

static void send_d2h(AhciPort *p, uint8_t interrupt)
{
    uint8_t fis[FIS_BYTES] = { FIS_D2H, interrupt };

    registers_to_fis(regs_of(p), fis);
    send_fis(p, RX_D2H, fis, sizeof(fis));
}

static void fail(AhciPort *p, uint32_t why)
{
    p->failed = true;
    ahci_interrupt(p, why);
}

/* ---- PRD table ---- */

/* Appends at most @max bytes in whole units; the cursor stays behind what was appended. -1: cannot be read. */
static int64_t walk(AhciPort *p, const AhciHeader *h, PrdCursor *c, GArray *segments, uint32_t max, uint32_t unit)
{
    uint32_t total = 0;

    while (total < max && (c->left || c->next < h->entries)) {
        uint32_t want = max - total;
        DmaSegment s;

        if (segments->len >= SEGMENTS_SOFT_MAX) {
            if (total % unit == 0) {
                break;
            }
            want = unit - total % unit;
        }
        if (!c->left) {
            uint32_t entry[4];

            if (dma_read(space(p), h->table + TABLE_PRDT + (uint64_t)c->next * PRD_BYTES, entry, PRD_BYTES) != MEMTX_OK) {
                return -1;
            }
            c->next++;
            c->addr = (uint64_t)GUINT32_FROM_LE(entry[1]) << 32 | GUINT32_FROM_LE(entry[0]);
            c->left = (GUINT32_FROM_LE(entry[3]) & PRD_COUNT_MASK) + 1;
        }
        s = (DmaSegment){ c->addr, MIN(c->left, want) };
        g_array_append_val(segments, s);
        c->addr += s.len;
        c->left -= s.len;
        total += s.len;
    }
    for (uint32_t excess = total % unit; excess;) {
        DmaSegment *last = &g_array_index(segments, DmaSegment, segments->len - 1);
        uint32_t cut = MIN(excess, last->len);

        last->len -= cut;
        excess -= cut;
        total -= cut;
        if (!last->len) {
            g_array_set_size(segments, segments->len - 1);
        }
    }
    return total;
}

static int64_t ahci_segments(IdeBus *bus, GArray *segments, uint32_t max, uint32_t unit)
{
    AhciPort *p = port_of(bus);
    int64_t bytes;

    p->stretch_start = p->prd;
    bytes = walk(p, &p->header, &p->prd, segments, max, unit);
    if (bytes == 0) {
        ahci_interrupt(p, PORT_IS_OFS);         /* the device has more data than the table */
    }
    p->moved += MAX(bytes, 0);
    return bytes;
}

static void ahci_rewind(IdeBus *bus)
{
    AhciPort *p = port_of(bus);
    uint32_t bytes = 0;
    PrdCursor c = p->stretch_start;
    g_autoptr(GArray) segments = g_array_new(FALSE, FALSE, sizeof(DmaSegment));

    /* What the stretch had counted is found by walking it again. */
    while (c.next != p->prd.next || c.left != p->prd.left) {
        int64_t n = walk(p, &p->header, &c, segments, IDE_SECTOR_BYTES, 1);

        if (n <= 0) {
            break;
        }
        bytes += n;
        g_array_set_size(segments, 0);
    }
    p->moved -= MIN(bytes, p->moved);
    p->prd = p->stretch_start;
}

/* ---- the device's side ---- */

static void ahci_ready(IdeBus *bus, IdeDevice *dev) { ide_dma_run(dev); }
static AddressSpace *ahci_space(IdeBus *bus) { return space(port_of(bus)); }
static void ahci_cancel(IdeBus *bus) { }
static void schedule(IdeBus *bus) { bh_schedule(port_of(bus)->bh); }
static void ahci_set_irq(IdeBus *bus, int level) { schedule(bus); }

static void ahci_ended(IdeBus *bus, bool failed)
{
    if (failed) {
        ahci_interrupt(port_of(bus), PORT_IS_HBDS);
    }
    schedule(bus);
}

const IdeTransport ahci_transport = {
    .dma_ready = ahci_ready, .dma_segments = ahci_segments, .dma_rewind = ahci_rewind, .dma_space = ahci_space,
    .dma_ended = ahci_ended, .dma_cancel = ahci_cancel, .set_irq = ahci_set_irq, .idle = schedule,
};

/* ---- queued commands ---- */

static void queued_end(AhciPort *p, unsigned slot, bool good)
{
    uint32_t bit = 1u << slot;
    uint8_t fis[8] = { FIS_SET_BITS, FIS_INTERRUPT };
    IdeRegs *r = regs_of(p);

    r->status = STATUS_DRDY | (good ? STATUS_DSC : STATUS_ERR);
    r->error = good ? 0 : ERROR_ABRT;
    fis[2] = r->status & 0x77;
    fis[3] = r->error;
    if (good) {
        uint32_t done = GUINT32_TO_LE(bit);

        memcpy(fis + 4, &done, 4);
        p->sact &= ~bit;
        p->queued &= ~bit;
    }
    send_fis(p, RX_SET_BITS, fis, sizeof(fis));
    if (good) {
        ahci_interrupt(p, PORT_IS_SDBS);
    } else {
        fail(p, PORT_IS_TFES);
    }
}

static void queued_free(AhciQueued *q)
{
    AhciPort *p = q->port;

    if (!q->given_up) {
        p->requests[q->slot] = NULL;
    }
    p->in_flight--;
    ide_sg_free(&q->sg);
    g_free(q);
}

static void queued_done(void *opaque, int ret)
{
    AhciQueued *q = opaque;
    AhciPort *p = q->port;
    BlockBackend *blk = device_at(p)->conf.blk;
    bool given_up = q->given_up, write = q->write, reached = ide_sg_unmap(&q->sg, true, ret == 0 && !given_up);
    unsigned slot = q->slot;

    queued_free(q);
    if (given_up) {
        schedule(&p->bus);
        return;
    }
    if (ret < 0) {
        BlockErrorAction action = block_error_action(blk, !write, ret);

        block_error_act(blk, action, !write, ret);
        if (action == BLOCK_ERROR_STOP) {
            p->stopped |= 1u << slot;
            return;
        }
        queued_end(p, slot, action == BLOCK_ERROR_IGNORE);
        return;
    }
    if (!reached) {
        ahci_interrupt(p, PORT_IS_HBDS);
    }
    queued_end(p, slot, reached);
}

/* The FIS of FPDMA commands: sectors in Features, tag in Count. */
static void queued_run(AhciPort *p, unsigned slot, const AhciHeader *h, const uint8_t *fis)
{
    IdeDevice *dev = device_at(p);
    uint32_t sectors = fis[3] | fis[11] << 8, tag = fis[12] >> 3, bytes;
    int64_t lba = fis[4] | fis[5] << 8 | fis[6] << 16 | (int64_t)fis[8] << 24 | (int64_t)fis[9] << 32 |
                  (int64_t)fis[10] << 40;
    PrdCursor c = { 0 };
    AhciQueued *q;
    int64_t got = 0;

    sectors = sectors ? sectors : 65536;
    bytes = sectors * IDE_SECTOR_BYTES;
    if (tag != slot || !ide_range_ok(dev, lba, sectors)) {
        queued_end(p, slot, false);
        return;
    }
    q = g_new0(AhciQueued, 1);
    *q = (AhciQueued){ .port = p, .slot = slot, .write = fis[2] == WRITE_FPDMA };
    p->requests[slot] = q;
    p->in_flight++;
    ide_sg_init(&q->sg, space(p), !q->write);
    while ((uint32_t)got < bytes) {
        g_autoptr(GArray) part = g_array_new(FALSE, FALSE, sizeof(DmaSegment));
        int64_t n = walk(p, h, &c, part, bytes - got, 1);

        if (n <= 0) {
            break;
        }
        g_array_append_vals(q->sg.segments, part->data, part->len);
        got += n;
    }
    if ((uint32_t)got < bytes) {
        queued_free(q);
        ahci_interrupt(p, PORT_IS_OFS);
        queued_end(p, slot, false);
        return;
    }
    if (!ide_sg_map(&q->sg, bytes)) {
        queued_free(q);
        ahci_interrupt(p, PORT_IS_HBDS);
        queued_end(p, slot, false);
    } else if (q->write) {
        block_pwritev(dev->conf.blk, lba * IDE_SECTOR_BYTES, &q->sg.v, queued_done, q);
    } else {
        block_preadv(dev->conf.blk, lba * IDE_SECTOR_BYTES, &q->sg.v, queued_done, q);
    }
}

/* ---- commands ---- */

static bool fetch(AhciPort *p, unsigned slot, AhciHeader *h, uint8_t fis[FIS_BYTES])
{
    uint32_t words[4];

    if (dma_read(space(p), list_address(p, slot), words, sizeof(words)) != MEMTX_OK) {
        return false;
    }
    h->entries = GUINT32_FROM_LE(words[0]) >> 16;
    h->table = (uint64_t)GUINT32_FROM_LE(words[3]) << 32 | (GUINT32_FROM_LE(words[2]) & ~0x7fu);
    return dma_read(space(p), h->table, fis, FIS_BYTES) == MEMTX_OK;
}

static void send_signature(AhciPort *p)
{
    p->signature_due = false;
    send_d2h(p, FIS_INTERRUPT);
    ahci_interrupt(p, PORT_IS_DHRS);
}

/* A FIS without command: the Device Control register. Its SRST bit resets the device, also without any other. */
static void control(AhciPort *p, unsigned slot, const uint8_t *fis)
{
    bool was = p->bus.control & CONTROL_SRST, now = fis[15] & CONTROL_SRST;

    p->ci &= ~(1u << slot);
    if (now != was) {
        ide_write_control(&p->bus, fis[15] & CONTROL_SRST);
        p->signature_due = was;
    }
}

static void start(AhciPort *p, unsigned slot)
{
    uint8_t fis[FIS_BYTES];
    AhciHeader h;
    IdeRegs *r = regs_of(p);

    if (!fetch(p, slot, &h, fis)) {
        fail(p, PORT_IS_HBFS);
        return;
    }
    trace(ahci_command, p->bus.bus.name, slot, fis[2]);
    if (fis[0] != FIS_H2D) {
        LOG(LOG_GUEST_ERROR, "ahci: slot %u has a FIS of type 0x%02x\n", slot, fis[0]);
        fail(p, PORT_IS_IFS);
        return;
    }
    if (!(fis[1] & FIS_COMMAND)) {
        control(p, slot, fis);
        return;
    }
    if ((fis[2] == READ_FPDMA || fis[2] == WRITE_FPDMA) && device_at(p)->sectors) {
        p->ci &= ~(1u << slot);
        p->sact |= 1u << slot;
        p->queued |= 1u << slot;
        r->status = STATUS_DRDY | STATUS_DSC;
        r->error = 0;
        send_d2h(p, 0);                         /* taken */
        queued_run(p, slot, &h, fis);
        return;
    }
    p->slot = slot;
    p->header = h;
    p->prd = p->stretch_start = (PrdCursor){ 0 };
    p->moved = 0;
    *r = (IdeRegs){
        .status = r->status, .features = fis[3], .lba_low = fis[4], .lba_mid = fis[5], .lba_high = fis[6],
        .device = fis[7], .count = fis[12],
        .hob = { .lba_low = fis[8], .lba_mid = fis[9], .lba_high = fis[10], .features = fis[11], .count = fis[13] },
    };
    ide_write_register(&p->bus, ATA_COMMAND, fis[2]);
}

/* A block of a PIO command, whole. False: the table is too short for what the device is to be given. */
static bool move_block(AhciPort *p)
{
    IdeDevice *dev = device_at(p);
    const IdeRegs *r = regs_of(p);
    uint32_t bytes = dev->buf_len - dev->buf_pos, done = 0;
    uint8_t fis[FIS_BYTES] = { FIS_PIO_SETUP, dev->data_out ? 0 : FIS_TO_HOST };
    bool packet = dev->data_out && dev->next == IDE_NEXT_PACKET, reached = true;

    if (packet) {
        reached = dma_read(space(p), p->header.table + TABLE_ACMD, dev->buf, PACKET_BYTES) == MEMTX_OK;
        done = bytes;
    } else {
        fis[1] |= FIS_INTERRUPT;
    }
    while (reached && done < bytes) {
        g_autoptr(GArray) segments = g_array_new(FALSE, FALSE, sizeof(DmaSegment));
        int64_t n = ahci_segments(&p->bus, segments, bytes - done, 1);

        if (n <= 0) {
            reached = n == 0 && !dev->data_out; /* what the host has no room for is lost */
            break;
        }
        reached = ide_sg_copy(space(p), segments, dev->buf + dev->buf_pos + done, !dev->data_out);
        done += n;
    }
    registers_to_fis(r, fis);
    fis[15] = r->status;
    fis[16] = bytes;
    fis[17] = bytes >> 8;
    if (!reached) {
        ide_give_up(dev);
        ide_abort(dev);
        ahci_interrupt(p, PORT_IS_HBDS);
        return false;
    }
    ide_pio_block_done(dev);
    send_fis(p, RX_PIO_SETUP, fis, sizeof(fis));
    if (!packet) {
        ahci_interrupt(p, PORT_IS_PSS);
    }
    return true;
}

static void complete(AhciPort *p)
{
    uint32_t moved = GUINT32_TO_LE(p->moved), bit = 1u << p->slot;

    dma_write(space(p), list_address(p, p->slot) + HEADER_PRDBC, &moved, sizeof(moved));
    p->slot = -1;
    send_d2h(p, FIS_INTERRUPT);
    if (regs_of(p)->status & STATUS_ERR) {
        fail(p, PORT_IS_TFES | PORT_IS_DHRS);   /* the FIS came; older SeaBIOS looks for nothing else */
    } else {
        p->ci &= ~bit;
        ahci_interrupt(p, PORT_IS_DHRS);
    }
}

void ahci_port_run(AhciPort *p)
{
    IdeDevice *dev = device_at(p);
    const IdeRegs *r = regs_of(p);

    if (p->running || !dev) {
        return;
    }
    p->running = true;
    for (;;) {
        if (p->signature_due && (p->cmd & PORT_CMD_FRE) && !(r->status & STATUS_BSY)) {
            send_signature(p);
        }
        if (!(p->cmd & PORT_CMD_ST) || p->failed) {
            break;
        }
        if (p->slot < 0) {
            bool in_reset = p->bus.control & CONTROL_SRST;

            if (!p->ci || (r->status & (STATUS_BSY | STATUS_DRQ) && !in_reset)) {
                break;
            }
            start(p, __builtin_ctz(p->ci));
        } else if (r->status & STATUS_BSY || (r->status & STATUS_DRQ && dev->pending != IDE_PENDING_NONE)) {
            break;
        } else if (r->status & STATUS_DRQ) {
            move_block(p);
        } else {
            complete(p);
        }
    }
    p->running = false;
}

/* ---- resets ---- */

bool ahci_port_busy(const AhciPort *p) { return p->in_flight || (p->bus.units[0] && p->bus.units[0]->request); }

void ahci_port_abandon(AhciPort *p)
{
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        if (p->requests[i]) {
            p->requests[i]->given_up = true;
            p->requests[i] = NULL;
        }
    }
    if (p->slot >= 0 && device_at(p)) {
        ide_give_up(device_at(p));
        if (!device_at(p)->request) {
            regs_of(p)->status = STATUS_DRDY | STATUS_DSC;
        }
    }
    p->slot = -1;
    p->sact = p->ci = p->queued = p->stopped = 0;
    p->failed = false;
}

void ahci_port_comreset(AhciPort *p)
{
    ahci_port_abandon(p);
    p->serr = 0;
    ide_write_control(&p->bus, CONTROL_SRST);
    ide_write_control(&p->bus, 0);
    p->signature_due = true;
    schedule(&p->bus);
}

void ahci_port_resume(AhciPort *p)
{
    uint32_t again = p->stopped;

    p->stopped = 0;
    for (unsigned slot = 0; slot < AHCI_SLOTS; slot++) {
        uint8_t fis[FIS_BYTES];
        AhciHeader h;

        if (!(again & 1u << slot)) {
            continue;
        }
        if (!fetch(p, slot, &h, fis)) {
            fail(p, PORT_IS_HBFS);
            return;
        }
        queued_run(p, slot, &h, fis);
    }
}

/* ---- state ---- */

bool ahci_port_state_valid(const AhciPort *p)
{
    return p->slot >= -1 && p->slot < AHCI_SLOTS && p->header.entries <= 0xffff && !(p->stopped & ~p->queued) &&
           !(p->queued & p->ci) && p->bus.unit == 0 && p->prd.left <= PRD_COUNT_MASK + 1 &&
           p->stretch_start.left <= PRD_COUNT_MASK + 1 && ((!p->queued && p->slot < 0) || p->bus.units[0]);
}

static const StateField cursor_state[] = {
    STATE_U64(PrdCursor, addr), STATE_U32(PrdCursor, next), STATE_U32(PrdCursor, left), { }
};
static const StateField header_state[] = { STATE_U64(AhciHeader, table), STATE_U32(AhciHeader, entries), { } };

const StateField ahci_port_state[] = {
    STATE_STRUCT(AhciPort, bus, IdeBus, ide_bus_state), STATE_U32(AhciPort, clb), STATE_U32(AhciPort, clbu),
    STATE_U32(AhciPort, fb), STATE_U32(AhciPort, fbu), STATE_U32(AhciPort, is), STATE_U32(AhciPort, ie),
    STATE_U32(AhciPort, cmd), STATE_U32(AhciPort, sctl), STATE_U32(AhciPort, serr), STATE_U32(AhciPort, sact),
    STATE_U32(AhciPort, ci), STATE_INT(AhciPort, slot), STATE_STRUCT(AhciPort, header, AhciHeader, header_state),
    STATE_STRUCT(AhciPort, prd, PrdCursor, cursor_state),
    STATE_STRUCT(AhciPort, stretch_start, PrdCursor, cursor_state), STATE_U32(AhciPort, moved),
    STATE_U32(AhciPort, queued), STATE_U32(AhciPort, stopped), STATE_BOOL(AhciPort, failed),
    STATE_BOOL(AhciPort, signature_due), { }
};
