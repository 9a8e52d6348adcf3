/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * raw: the bytes of its child, or with offset= and size= a window of them.
 *
 * Without a window it passes permissions through. A node that is raw only because probing recognised nothing else must
 * not become something else by what the guest writes to its first sector, else the next start would follow pointers
 * (backing files) that the guest made up: such a write fails.
 */
#include <errno.h>
#include <string.h>

#include "block/node.h"

typedef struct RawNode {
    BlockNode node;
    uint64_t offset, size;                      /* options; size 0: to the end */
} RawNode;

static bool has_window(const RawNode *s) { return s->offset || s->size; }

static bool raw_open(BlockNode *n, GError **err)
{
    RawNode *s = (RawNode *)n;
    BlockNode *file = block_first_child(n);
    int64_t real = block_driver(file)->length(file);

    n->memory_bytes = 1;
    n->request_bytes = 1;
    if (real < 0) {
        return error_set_errno(err, -real, "Could not get the size of '%s'", file->filename);
    }
    if (s->offset > (uint64_t)real) {
        return error_set(err, "Offset (%" G_GUINT64_FORMAT ") cannot be greater than size of the containing file (%"
                         G_GINT64_FORMAT ")",
                         s->offset, real);
    }
    if (s->size > (uint64_t)real - s->offset) {
        return error_set(err, "The sum of offset (%" G_GUINT64_FORMAT ") and size (%" G_GUINT64_FORMAT
                         ") has to be at most the size of the containing file (%" G_GINT64_FORMAT ")", s->offset,
                         s->size, real);
    }
    if (s->size % BLOCK_SECTOR_BYTES) {
        return error_set(err, "Specified size %" G_GUINT64_FORMAT " is not a multiple of %d", s->size,
                         BLOCK_SECTOR_BYTES);
    }
    return true;
}

static void raw_child_perm(BlockNode *n, BlockChild *c, unsigned perm, unsigned shared, unsigned *child_perm,
                           unsigned *child_shared)
{
    *child_perm = perm;
    *child_shared = shared;
    /* A window does not move with its file: nobody else may shrink it under us. */
    if (has_window((RawNode *)n)) {
        *child_shared &= ~BLOCK_PERM_RESIZE;
    }
}

static int64_t raw_length(BlockNode *n)
{
    RawNode *s = (RawNode *)n;
    int64_t length = block_driver(block_first_child(n))->length(block_first_child(n));

    if (length < 0) {
        return length;
    }
    return s->size ? (int64_t)s->size : MAX(length - (int64_t)s->offset, 0);
}

/* Checks a request against the window and moves it into the file. A whole file checks for itself. */
static int shift(RawNode *s, int64_t *offset, int64_t bytes, bool is_write)
{
    if (s->size && (*offset > (int64_t)s->size || bytes > (int64_t)s->size - *offset)) {
        return is_write ? -ENOSPC : -EINVAL;
    }
    if (*offset > INT64_MAX - (int64_t)s->offset - bytes) {
        return -EINVAL;
    }
    *offset += s->offset;
    return 0;
}

/* Whether writing @v at @offset would give a probed image the signature of another format. */
static bool disguises(const BlockNode *n, int64_t offset, const IoVec *v)
{
    uint8_t head[BLOCK_SECTOR_BYTES] = { 0 };
    size_t at = offset;

    if (!n->probed || offset >= BLOCK_SECTOR_BYTES) {
        return false;
    }
    for (int i = 0; i < v->count && at < sizeof(head); i++) {
        size_t len = MIN(v->iov[i].iov_len, sizeof(head) - at);

        memcpy(head + at, v->iov[i].iov_base, len);
        at += len;
    }
    /* A write of part of the sector could complete a signature piece by piece: only whole ones can be judged. */
    return offset > 0 || at < sizeof(head) || strcmp(block_probe(head, sizeof(head)), "raw");
}

static int COROUTINE_FN raw_preadv(BlockNode *n, int64_t offset, const IoVec *v)
{
    int ret = shift((RawNode *)n, &offset, v->size, false);

    return ret ? ret : block_node_preadv(block_first_child(n), offset, v);
}

static int COROUTINE_FN raw_pwritev(BlockNode *n, int64_t offset, const IoVec *v, unsigned flags)
{
    int ret = disguises(n, offset, v) ? -EPERM : shift((RawNode *)n, &offset, v->size, true);

    return ret ? ret : block_node_pwritev(block_first_child(n), offset, v, flags);
}

static int COROUTINE_FN raw_write_zeroes(BlockNode *n, int64_t offset, int64_t bytes, unsigned flags)
{
    int ret = shift((RawNode *)n, &offset, bytes, true);

    return ret ? ret : block_node_write_zeroes(block_first_child(n), offset, bytes, flags);
}

static int COROUTINE_FN raw_discard(BlockNode *n, int64_t offset, int64_t bytes)
{
    int ret = shift((RawNode *)n, &offset, bytes, true);

    return ret ? ret : block_node_discard(block_first_child(n), offset, bytes);
}

static int COROUTINE_FN raw_truncate(BlockNode *n, int64_t length)
{
    RawNode *s = (RawNode *)n;

    if (s->size) {
        return -ENOTSUP;                        /* the window has a fixed size */
    }
    return length > INT64_MAX - (int64_t)s->offset ? -EFBIG
                                                   : block_node_truncate(block_first_child(n), length + s->offset);
}

static int COROUTINE_FN raw_flush(BlockNode *n) { return block_node_flush(block_first_child(n)); }

static const BlockChildSlot raw_children[] = { { "file" }, { } };

static const Property raw_properties[] = {
    PROP_SIZE("offset", RawNode, offset, 0, "bytes of the file before the disk begins"),
    PROP_SIZE("size", RawNode, size, 0, "bytes of the disk; 0: to the end of the file"),
    { }
};

static const BlockDriver block_raw_type = {
    .name = BLOCK_TYPE_PREFIX "raw", .parent = &block_node_type.type, .size = sizeof(RawNode),
    .description = "disk as it is, without a format", .properties = raw_properties, .children = raw_children,
    .open = raw_open, .child_perm = raw_child_perm, .length = raw_length, .co_preadv = raw_preadv,
    .co_pwritev = raw_pwritev, .co_write_zeroes = raw_write_zeroes, .co_discard = raw_discard,
    .co_truncate = raw_truncate, .co_flush = raw_flush,
};
TYPE_REGISTER(block_raw_type);
