/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory of one request: borrowed in place, or, if some of it is not RAM, through a buffer in between.
 */
#include <stdlib.h>

#include "hw/ide/ide.h"

void ide_sg_init(IdeSg *sg, AddressSpace *as, bool to_guest)
{
    *sg = (IdeSg){ .as = as, .to_guest = to_guest };
    sg->segments = g_array_new(FALSE, FALSE, sizeof(DmaSegment));
    sg->vectors = g_array_new(FALSE, FALSE, sizeof(struct iovec));
}

static void return_all(IdeSg *sg, bool used)
{
    DmaDirection dir = sg->to_guest ? DMA_FROM_DEVICE : DMA_TO_DEVICE;

    for (guint i = 0; i < sg->vectors->len; i++) {
        struct iovec *iov = &g_array_index(sg->vectors, struct iovec, i);

        dma_unmap(sg->as, iov->iov_base, iov->iov_len, dir, used ? iov->iov_len : 0);
    }
    g_array_set_size(sg->vectors, 0);
}

/* Borrows the memory of all segments; false (and nothing borrowed) if some of it is not RAM. */
static bool borrow_all(IdeSg *sg)
{
    DmaDirection dir = sg->to_guest ? DMA_FROM_DEVICE : DMA_TO_DEVICE;

    for (guint i = 0; i < sg->segments->len; i++) {
        DmaSegment s = g_array_index(sg->segments, DmaSegment, i);

        while (s.len) {
            size_t len = s.len;
            struct iovec iov = { .iov_base = dma_map(sg->as, s.addr, &len, dir), .iov_len = len };

            if (!iov.iov_base) {
                return_all(sg, false);
                return false;
            }
            g_array_append_val(sg->vectors, iov);
            s.addr += len;
            s.len -= len;
        }
    }
    return true;
}

bool ide_sg_copy(AddressSpace *as, const GArray *segments, uint8_t *buf, bool to_guest)
{
    for (guint i = 0; i < segments->len; i++) {
        const DmaSegment *s = &g_array_index(segments, DmaSegment, i);
        MemTxResult result = to_guest ? dma_write(as, s->addr, buf, s->len) : dma_read(as, s->addr, buf, s->len);

        if (result != MEMTX_OK) {
            return false;
        }
        buf += s->len;
    }
    return true;
}

bool ide_sg_map(IdeSg *sg, uint32_t bytes)
{
    if (borrow_all(sg)) {
        sg->v = (IoVec){ (struct iovec *)sg->vectors->data, sg->vectors->len, bytes };
        return true;
    }
    sg->bounce = malloc(bytes);
    if (!sg->bounce || (!sg->to_guest && !ide_sg_copy(sg->as, sg->segments, sg->bounce, false))) {
        return false;
    }
    sg->one = (struct iovec){ sg->bounce, bytes };
    sg->v = (IoVec){ &sg->one, 1, bytes };
    return true;
}

bool ide_sg_unmap(IdeSg *sg, bool used, bool good)
{
    return_all(sg, used);
    return !sg->bounce || !good || !sg->to_guest || ide_sg_copy(sg->as, sg->segments, sg->bounce, true);
}

void ide_sg_free(IdeSg *sg)
{
    if (sg->segments) {
        g_array_free(sg->segments, TRUE);
        g_array_free(sg->vectors, TRUE);
    }
    free(sg->bounce);
}
