/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Split virtqueues (2.7): descriptor table, available ring, used ring, all in guest RAM and all written by a guest that
 * may do so at any time.
 *
 *   virtqueue_pop()    avail.ring[avail_next] -> head -> chain of descriptors -> element with host addresses
 *   virtqueue_push()   used.ring[used_next] = { head, bytes }, then used.idx
 *   virtqueue_notify() interrupt, unless the driver asked for none (flags, or used_event with EVENT_IDX)
 *
 * Rings and buffers must be RAM: a ring laid over a device's registers would call that device, perhaps this one. Each
 * value is read once and checked then. A chain that is no chain (a number beyond the table, a loop, a table within a
 * table, a buffer of no bytes or not in RAM, something to read behind something to write) breaks the device.
 */
#include "hw/virtio/virtio.h"

#include <string.h>

enum { DESC_BYTES = 16, DESC_F_NEXT = 1, DESC_F_WRITE = 2, DESC_F_INDIRECT = 4 };
enum { AVAIL_FLAGS = 0, AVAIL_IDX = 2, AVAIL_RING = 4, AVAIL_F_NO_INTERRUPT = 1 };
enum { USED_IDX = 2, USED_RING = 4, USED_ENTRY_BYTES = 8 };

typedef struct Desc { uint64_t addr; uint32_t len; uint16_t flags, next; } Desc;

static AddressSpace *dma_of(const VirtQueue *q)
{
    VirtioBus *bus = virtio_bus_of(q->device);
    return bus->transport->dma(bus);
}

static bool ring_access(VirtQueue *q, uint64_t addr, void *buf, size_t len, DmaDirection dir)
{
    AddressSpace *as = dma_of(q);
    size_t lent = len;
    void *host = dma_map(as, addr, &lent, dir);
    bool ok = host && lent == len;

    if (ok && len == 2 && !((uintptr_t)host & 1)) {         /* an index is read and written as a whole */
        uint16_t *from = dir == DMA_TO_DEVICE ? host : buf, *to = dir == DMA_TO_DEVICE ? buf : host;
        __atomic_store_n(to, __atomic_load_n(from, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    } else if (ok && dir == DMA_TO_DEVICE) {
        memcpy(buf, host, len);
    } else if (ok) {
        memcpy(host, buf, len);
    }
    if (host) {
        dma_unmap(as, host, lent, dir, ok ? len : 0);
    }
    if (!ok) {
        virtio_break(q->device, "ring of queue %u is not in RAM at 0x%" PRIx64, q->index, addr);
    }
    return ok;
}

static bool get16(VirtQueue *q, uint64_t addr, uint16_t *value)
{
    bool ok = ring_access(q, addr, value, sizeof(*value), DMA_TO_DEVICE);
    *value = GUINT16_FROM_LE(*value);
    return ok;
}

static bool put16(VirtQueue *q, uint64_t addr, uint16_t value)
{
    value = GUINT16_TO_LE(value);
    return ring_access(q, addr, &value, sizeof(value), DMA_FROM_DEVICE);
}

static bool get_desc(VirtQueue *q, uint64_t table, uint32_t n, Desc *d)
{
    if (!ring_access(q, table + (uint64_t)n * DESC_BYTES, d, DESC_BYTES, DMA_TO_DEVICE)) {
        return false;
    }
    *d = (Desc){ GUINT64_FROM_LE(d->addr), GUINT32_FROM_LE(d->len), GUINT16_FROM_LE(d->flags), GUINT16_FROM_LE(d->next) };
    return true;
}

/* Elements */

/* A chain while it is being walked. Buffers to write stand behind those to read. */
typedef struct Chain { unsigned out, in; struct iovec iov[VIRTQUEUE_SIZE_MAX]; } Chain;

static void unmap(VirtQueue *q, const struct iovec *iov, unsigned count, DmaDirection dir, size_t done)
{
    AddressSpace *as = dma_of(q);

    for (unsigned i = 0; i < count; i++) {
        size_t filled = MIN(done, iov[i].iov_len);
        dma_unmap(as, iov[i].iov_base, iov[i].iov_len, dir, dir == DMA_FROM_DEVICE ? filled : iov[i].iov_len);
        done -= filled;
    }
}

static void chain_unmap(VirtQueue *q, const Chain *c)
{
    unmap(q, c->iov, c->out, DMA_TO_DEVICE, 0);
    unmap(q, c->iov + c->out, c->in, DMA_FROM_DEVICE, 0);
}

/* One descriptor's buffer, which may lie in several pieces of RAM. */
static bool chain_add(VirtQueue *q, Chain *c, const Desc *d)
{
    bool write = d->flags & DESC_F_WRITE;
    uint64_t addr = d->addr;
    size_t left = d->len;

    if (!left) {
        virtio_break(q->device, "buffer of 0 bytes in queue %u", q->index);
        return false;
    }
    if (!write && c->in) {
        virtio_break(q->device, "buffer to read behind one to write in queue %u", q->index);
        return false;
    }
    while (left) {
        size_t lent = left;
        void *host;
        if (c->out + c->in == VIRTQUEUE_SIZE_MAX) {
            virtio_break(q->device, "more than %u buffers in a request of queue %u", VIRTQUEUE_SIZE_MAX, q->index);
            return false;
        }
        host = dma_map(dma_of(q), addr, &lent, write ? DMA_FROM_DEVICE : DMA_TO_DEVICE);
        if (!host) {
            virtio_break(q->device, "buffer at 0x%" PRIx64 " in queue %u is not in RAM", addr, q->index);
            return false;
        }
        c->iov[c->out + c->in] = (struct iovec){ host, lent };
        c->out += !write;
        c->in += write;
        addr += lent;
        left -= lent;
    }
    return true;
}

static bool chain_walk(VirtQueue *q, uint16_t head, Chain *c)
{
    uint64_t table = q->desc;
    uint32_t entries = q->size, n = head, seen = 0;
    bool indirect = false;
    Desc d;

    for (;;) {
        if (n >= entries) {
            virtio_break(q->device, "descriptor %u of %u in queue %u", n, entries, q->index);
            return false;
        }
        if (seen++ == entries) {
            virtio_break(q->device, "loop of descriptors in queue %u", q->index);
            return false;
        }
        if (!get_desc(q, table, n, &d)) {
            return false;
        }
        if (d.flags & DESC_F_INDIRECT) {
            if (indirect || d.flags & DESC_F_NEXT || !d.len || d.len % DESC_BYTES) {
                virtio_break(q->device, "indirect table of %u bytes, flags 0x%x, in queue %u%s", d.len, d.flags, q->index,
                             indirect ? ", within another" : "");
                return false;
            }
            indirect = true;
            table = d.addr;
            entries = d.len / DESC_BYTES;
            n = seen = 0;
            continue;
        }
        if (!chain_add(q, c, &d)) {
            return false;
        }
        if (!(d.flags & DESC_F_NEXT)) {
            return true;
        }
        n = d.next;
    }
}

static size_t iov_bytes(const struct iovec *iov, unsigned count)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < count; i++) {
        bytes += iov[i].iov_len;
    }
    return bytes;
}

static VirtqElement *element_take(VirtQueue *q, uint16_t head)
{
    Chain c;                                    /* iov is filled as far as out and in say */
    VirtqElement *e;

    c.out = c.in = 0;
    if (!chain_walk(q, head, &c)) {
        chain_unmap(q, &c);
        return NULL;
    }
    e = g_malloc0(sizeof(*e) + (c.out + c.in) * sizeof(struct iovec));
    *e = (VirtqElement){ .queue = q, .head = head, .out_count = c.out, .in_count = c.in, .out = (struct iovec *)(e + 1),
                         .out_bytes = iov_bytes(c.iov, c.out), .in_bytes = iov_bytes(c.iov + c.out, c.in) };
    e->in = e->out + c.out;
    memcpy(e->out, c.iov, (c.out + c.in) * sizeof(struct iovec));
    e->link.data = e;
    g_queue_push_tail_link(&q->pending, &e->link);
    return e;
}

static void element_free(VirtqElement *e, size_t written)
{
    unmap(e->queue, e->out, e->out_count, DMA_TO_DEVICE, 0);
    unmap(e->queue, e->in, e->in_count, DMA_FROM_DEVICE, written);
    if (!e->abandoned) {
        g_queue_unlink(&e->queue->pending, &e->link);
    }
    g_free(e);
}

/* The piece of @len bytes at *@at that lies in @v, or one of none if *@at is behind; *@at and *@len move on. */
static struct iovec piece(const struct iovec *v, size_t *at, size_t *len)
{
    size_t skip = MIN(*at, v->iov_len), n = MIN(*len, v->iov_len - skip);

    *at -= skip;
    *len -= n;
    return (struct iovec){ (uint8_t *)v->iov_base + skip, n };
}

void virtq_read(const VirtqElement *e, size_t at, void *buf, size_t len)
{
    for (unsigned i = 0; len; i++) {
        struct iovec p = piece(&e->out[i], &at, &len);
        buf = (uint8_t *)memcpy(buf, p.iov_base, p.iov_len) + p.iov_len;
    }
}

void virtq_write(const VirtqElement *e, size_t at, const void *buf, size_t len)
{
    for (unsigned i = 0; len; i++) {
        struct iovec p = piece(&e->in[i], &at, &len);
        memcpy(p.iov_base, buf, p.iov_len);
        buf = (const uint8_t *)buf + p.iov_len;
    }
}

void virtqueue_abandon(VirtqElement *e)
{
    g_queue_unlink(&e->queue->pending, &e->link);
    e->abandoned = true;
}

/* Rings */

/* Is there something in the available ring, whose index is *@idx? */
static bool is_available(VirtQueue *q, uint16_t *idx)
{
    return !q->device->broken && q->ready && get16(q, q->avail + AVAIL_IDX, idx) && *idx != q->avail_next;
}

bool virtqueue_is_empty(VirtQueue *q)
{
    uint16_t idx;

    return !is_available(q, &idx);
}

VirtqElement *virtqueue_pop(VirtQueue *q)
{
    VirtioDevice *v = q->device;
    uint16_t idx, head;

    if (!is_available(q, &idx)) {
        return NULL;
    }
    if ((uint16_t)(idx - q->avail_next) > q->size) {
        virtio_break(v, "available index of queue %u went from %u to %u", q->index, q->avail_next, idx);
        return NULL;
    }
    if (q->pending.length >= q->size) {
        virtio_break(v, "more requests in queue %u than it has entries", q->index);
        return NULL;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);    /* entries are read after the index that covers them */
    if (!get16(q, q->avail + AVAIL_RING + 2 * (q->avail_next % q->size), &head)) {
        return NULL;
    }
    q->avail_next++;
    if (virtio_has(v, VIRTIO_F_EVENT_IDX) &&
        !put16(q, q->used + USED_RING + USED_ENTRY_BYTES * q->size, q->avail_next)) {
        return NULL;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);    /* avail_event is out before the index is looked at again */
    return element_take(q, head);
}

void virtqueue_push(VirtqElement *e, size_t written)
{
    VirtQueue *q = e->queue;
    uint32_t entry[2] = { GUINT32_TO_LE(e->head), GUINT32_TO_LE(MIN(written, UINT32_MAX)) };
    uint16_t old = q->used_next;

    element_free(e, written);
    if (q->device->broken || !q->ready ||
        !ring_access(q, q->used + USED_RING + USED_ENTRY_BYTES * (old % q->size), entry, sizeof(entry), DMA_FROM_DEVICE)) {
        return;
    }
    q->used_next++;
    __atomic_thread_fence(__ATOMIC_RELEASE);    /* buffers and entry before the index */
    put16(q, q->used + USED_IDX, q->used_next);
    if (q->used_next == q->told) {
        q->told_valid = false;                  /* once around: the distance says nothing any more */
    }
}

void virtqueue_drop(VirtqElement *e)
{
    element_free(e, 0);
}

void virtqueue_drop_all(VirtQueue *q)
{
    while (q->pending.length) {
        virtqueue_drop(q->pending.head->data);
    }
}

static bool driver_wants_to_know(VirtQueue *q)
{
    uint16_t value;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);    /* used.idx is out before we look whether that matters */
    if (virtio_has(q->device, VIRTIO_F_NOTIFY_ON_EMPTY) && !q->pending.length && virtqueue_is_empty(q)) {
        return true;
    }
    if (!virtio_has(q->device, VIRTIO_F_EVENT_IDX)) {
        return get16(q, q->avail + AVAIL_FLAGS, &value) && !(value & AVAIL_F_NO_INTERRUPT);
    }
    uint16_t old = q->told, new = q->used_next;
    bool valid = q->told_valid;
    q->told = new;
    q->told_valid = true;
    if (!get16(q, q->avail + AVAIL_RING + 2 * q->size, &value)) {
        return false;
    }
    return !valid || (uint16_t)(new - value - 1) < (uint16_t)(new - old);       /* used_event is in [old, new) */
}

void virtqueue_notify(VirtQueue *q)
{
    VirtioDevice *v = q->device;
    VirtioBus *bus = virtio_bus_of(v);

    if (!v->broken && q->ready && driver_wants_to_know(q)) {
        v->isr |= VIRTIO_ISR_QUEUE;
        bus->transport->interrupt(bus, q);
    }
}

void virtqueue_set_size(VirtQueue *q, uint32_t size)
{
    if (size && size <= q->size_max && !(size & (size - 1)) && !q->ready) {
        q->size = size;
    }
}

void virtqueue_set_legacy(VirtQueue *q, uint64_t ring)
{
    uint64_t align = q->align;

    q->desc = ring;
    q->avail = ring + (uint64_t)q->size * DESC_BYTES;
    q->used = (q->avail + 2 * (3 + q->size) + align - 1) & -align;
    q->ready = ring != 0;
}

void virtqueue_reset(VirtQueue *q)
{
    virtqueue_drop_all(q);
    q->size = q->size_max;
    q->ready = q->told_valid = false;
    q->desc = q->avail = q->used = 0;
    q->align = GUEST_PAGE_SIZE;
    q->avail_next = q->used_next = q->told = 0;
    q->saved_bytes = 0;
}

/* State */

const StateField virtqueue_state[] = {
    STATE_U16(VirtQueue, size), STATE_BOOL(VirtQueue, ready), STATE_U64(VirtQueue, desc), STATE_U64(VirtQueue, avail),
    STATE_U64(VirtQueue, used), STATE_U32(VirtQueue, align), STATE_U16(VirtQueue, avail_next),
    STATE_U16(VirtQueue, used_next), STATE_U16(VirtQueue, told), STATE_BOOL(VirtQueue, told_valid),
    STATE_BUFFER(VirtQueue, saved_heads, saved_bytes, 2 * VIRTQUEUE_SIZE_MAX), { }
};

void virtqueue_pre_save(VirtQueue *q)
{
    q->saved_bytes = 0;
    for (GList *l = q->pending.head; l; l = l->next) {
        uint16_t head = ((VirtqElement *)l->data)->head;
        q->saved_heads[q->saved_bytes++] = head >> 8;
        q->saved_heads[q->saved_bytes++] = head;
    }
}

bool virtqueue_post_load(VirtQueue *q, GError **err)
{
    if (!q->size || q->size > q->size_max || q->size & (q->size - 1)) {
        return error_set(err, "queue %u has %u entries, of at most %u", q->index, q->size, q->size_max);
    }
    if (!q->align || q->align & (q->align - 1)) {
        return error_set(err, "queue %u has alignment %u, no power of 2", q->index, q->align);
    }
    if (q->saved_bytes % 2 || q->saved_bytes / 2 > q->size) {
        return error_set(err, "queue %u of %u entries has %u bytes of pending ones", q->index, q->size, q->saved_bytes);
    }
    return true;
}

void virtqueue_resume(VirtQueue *q)
{
    for (uint32_t i = 0; i < q->saved_bytes && !q->device->broken; i += 2) {
        VirtqElement *e = element_take(q, q->saved_heads[i] << 8 | q->saved_heads[i + 1]);
        if (e) {
            virtio_type_of(q->device)->resume(q->device, e);
        }
    }
    q->saved_bytes = 0;
}
