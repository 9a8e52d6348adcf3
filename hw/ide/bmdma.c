/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bus master IDE, "Programming Interface for Bus Master IDE Controller" 1.0 (SFF-8038i).
 *
 * The guest puts the address of a table of physical region descriptors into BMIDTP, gives the device a DMA command and
 * sets START; data moves when both have happened. An entry is 8 bytes: address, length (16 bits, even, 0 is 64 KiB),
 * and in the last entry bit 31. When the device is through, ACTIVE stays set if the table had more to give. A table
 * that the bus cannot read, or memory that is not there, sets ERROR.
 */
#include "hw/ide/bmdma.h"

#define PRD_BYTES 8
#define PRD_LAST 0x80000000u
#define SEGMENTS_SOFT_MAX 512                   /* of a stretch; then it ends with the next unit */

static BmdmaChannel *channel(IdeBus *bus) { return (BmdmaChannel *)bus; }
static AddressSpace *bm_space(IdeBus *bus) { return pci_dma(channel(bus)->pci); }

static void rewind_table(BmdmaChannel *c)
{
    c->cursor = (BmdmaCursor){ .table = c->table };
    c->stretch_start = c->cursor;
}

static bool at_end(const BmdmaCursor *p) { return p->last && !p->left; }

static bool fetch_entry(BmdmaChannel *c)
{
    BmdmaCursor *p = &c->cursor;
    uint32_t entry[2];

    if (dma_read(pci_dma(c->pci), p->table, entry, PRD_BYTES) != MEMTX_OK) {
        return false;
    }
    p->table += PRD_BYTES;
    p->addr = GUINT32_FROM_LE(entry[0]) & ~1u;
    p->left = GUINT32_FROM_LE(entry[1]) & 0xfffe;
    p->left = p->left ? p->left : 0x10000;
    p->last = GUINT32_FROM_LE(entry[1]) & PRD_LAST;
    return true;
}

static int64_t bm_segments(IdeBus *bus, GArray *segments, uint32_t max, uint32_t unit)
{
    BmdmaChannel *c = channel(bus);
    BmdmaCursor *p = &c->cursor;
    uint32_t total = 0;

    c->stretch_start = *p;
    while (total < max && !at_end(p)) {
        uint32_t want = max - total;
        DmaSegment s;

        if (segments->len >= SEGMENTS_SOFT_MAX) {
            if (total % unit == 0) {
                break;
            }
            want = unit - total % unit;
        }
        if (!p->left && !fetch_entry(c)) {
            return -1;
        }
        s = (DmaSegment){ p->addr, MIN(p->left, want) };
        g_array_append_val(segments, s);
        p->addr += s.len;
        p->left -= s.len;
        total += s.len;
    }
    /* A table that ends in the middle of a sector: that sector does not move. */
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

static void bm_rewind(IdeBus *bus) { channel(bus)->cursor = channel(bus)->stretch_start; }

static void bm_ready(IdeBus *bus, IdeDevice *dev)
{
    if (channel(bus)->status & BM_STATUS_ACTIVE) {
        ide_dma_run(dev);
    }
}

static void bm_ended(IdeBus *bus, bool failed)
{
    BmdmaChannel *c = channel(bus);

    if (failed) {
        c->status |= BM_STATUS_ERROR;
    }
    if (failed || at_end(&c->cursor)) {
        c->status &= ~BM_STATUS_ACTIVE;
    }
}

static void bm_cancel(IdeBus *bus) { channel(bus)->status &= ~BM_STATUS_ACTIVE; }

static void bm_set_irq(IdeBus *bus, int level)
{
    if (level) {
        channel(bus)->status |= BM_STATUS_INTR;
    }
    irq_set(channel(bus)->irq, level);
}

const IdeTransport bmdma_transport = {
    .dma_ready = bm_ready, .dma_segments = bm_segments, .dma_rewind = bm_rewind, .dma_space = bm_space,
    .dma_ended = bm_ended, .dma_cancel = bm_cancel, .set_irq = bm_set_irq,
};

void bmdma_command_written(BmdmaChannel *c, uint8_t old)
{
    IdeBus *bus = &c->bus;

    if (!((old ^ c->command) & BM_CMD_START)) {
        return;
    }
    if (c->command & BM_CMD_START) {
        rewind_table(c);
        c->status |= BM_STATUS_ACTIVE;
        for (int i = 0; i < IDE_UNITS; i++) {
            if (bus->units[i]) {
                ide_dma_run(bus->units[i]);
            }
        }
    } else {
        /* Stopping in the middle of a transfer loses it; the driver resets the device next. */
        for (int i = 0; i < IDE_UNITS; i++) {
            if (bus->units[i] && (c->status & BM_STATUS_ACTIVE)) {
                ide_dma_stop(bus->units[i]);
            }
        }
        c->status &= ~BM_STATUS_ACTIVE;
    }
}

void bmdma_init(BmdmaChannel *c, PciDevice *pci, const char *bus_name, unsigned number, IrqLine *irq)
{
    c->pci = pci;
    c->irq = irq;
    ide_bus_init(&c->bus, &pci->device, bus_name, number, IDE_UNITS, &bmdma_transport);
}

void bmdma_reset(BmdmaChannel *c)
{
    c->command = c->status = 0;
    c->table = 0;
    rewind_table(c);
}

static const StateField cursor_state[] = {
    STATE_U32(BmdmaCursor, table), STATE_U32(BmdmaCursor, addr), STATE_U32(BmdmaCursor, left),
    STATE_BOOL(BmdmaCursor, last), { }
};

const StateField bmdma_state[] = {
    STATE_STRUCT(BmdmaChannel, bus, IdeBus, ide_bus_state), STATE_U8(BmdmaChannel, command),
    STATE_U8(BmdmaChannel, status),
    STATE_U32(BmdmaChannel, table), STATE_STRUCT(BmdmaChannel, cursor, BmdmaCursor, cursor_state),
    STATE_STRUCT(BmdmaChannel, stretch_start, BmdmaCursor, cursor_state), { }
};

bool bmdma_state_valid(const BmdmaChannel *c, GError **err)
{
    if (c->bus.unit >= IDE_UNITS || c->cursor.left > 0x10000 || c->stretch_start.left > 0x10000) {
        return error_set(err, "IDE channel '%s': state is out of range", c->bus.bus.name);
    }
    return true;
}
