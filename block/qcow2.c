/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: opening, requests, creating. block/qcow2.h has the layout and the rules. */
#include "block/qcow2.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define L2_CACHE_BYTES (4u << 20)
#define BACKING_NAME_MAX 1023
#define CREATE_CLUSTER_BITS 16
#define EXTENSION_BACKING_FORMAT 0xe2792acau

/* ---- bytes of the file ---- */

int COROUTINE_FN qcow2_file_read(Qcow2Node *s, uint64_t offset, void *buf, size_t bytes)
{
    struct iovec iov = { buf, bytes };

    return offset > INT64_MAX - bytes ? -EIO : block_node_preadv(s->file, offset, &(IoVec){ &iov, 1, bytes });
}

int COROUTINE_FN qcow2_file_write(Qcow2Node *s, uint64_t offset, const void *buf, size_t bytes)
{
    struct iovec iov = { (void *)buf, bytes };

    return offset > INT64_MAX - bytes ? -EIO : block_node_pwritev(s->file, offset, &(IoVec){ &iov, 1, bytes }, 0);
}

int qcow2_corrupt(Qcow2Node *s, const char *what, uint64_t value)
{
    if (!s->broken) {
        error_report("qcow2: Image is corrupt: %s 0x%" PRIx64 " of '%s'; further writes are refused", what, value,
                     s->node.filename ? s->node.filename : "");
    }
    s->broken = true;
    return -EIO;
}

/* Bytes [@offset, +@bytes) of @v as vectors in @out, which has room for @v's. */
static IoVec slice(const IoVec *v, size_t offset, size_t bytes, struct iovec *out)
{
    IoVec part = { out, 0, bytes };

    for (int i = 0; i < v->count && bytes; i++) {
        size_t len = v->iov[i].iov_len;
        if (offset >= len) {
            offset -= len;
            continue;
        }
        len = MIN(len - offset, bytes);
        out[part.count++] = (struct iovec){ (char *)v->iov[i].iov_base + offset, len };
        bytes -= len;
        offset = 0;
    }
    return part;
}

static void fill_zero(const IoVec *v)
{
    for (int i = 0; i < v->count; i++) {
        memset(v->iov[i].iov_base, 0, v->iov[i].iov_len);
    }
}

static void copy_to(const IoVec *v, const uint8_t *from)
{
    for (int i = 0; i < v->count; i++) {
        memcpy(v->iov[i].iov_base, from, v->iov[i].iov_len);
        from += v->iov[i].iov_len;
    }
}

static void copy_from(const IoVec *v, uint8_t *to)
{
    for (int i = 0; i < v->count; i++) {
        memcpy(to, v->iov[i].iov_base, v->iov[i].iov_len);
        to += v->iov[i].iov_len;
    }
}

/* ---- reading ---- */

/* What is behind the image: zeros where there is no backing image, or past its end. */
static int COROUTINE_FN read_backing(Qcow2Node *s, int64_t offset, const IoVec *v)
{
    int64_t length = s->backing ? block_node_length(s->backing) : 0, there = CLAMP(length - offset, 0, (int64_t)v->size);
    g_autofree struct iovec *window = g_new(struct iovec, v->count);

    if (length < 0) {
        return length;
    }
    IoVec part = slice(v, there, v->size - there, window);
    fill_zero(&part);
    part = slice(v, 0, there, window);
    return there ? block_node_preadv(s->backing, offset, &part) : 0;
}

static int COROUTINE_FN read_packed(Qcow2Node *s, uint64_t entry, int64_t in_cluster, const IoVec *v)
{
    g_autofree uint8_t *cluster = g_malloc(s->cluster_bytes);
    int ret = qcow2_unpack(s, entry, cluster);

    if (ret == 0) {
        copy_to(v, cluster + in_cluster);
    }
    return ret;
}

/* Reads part of one cluster that is at @place. */
static int COROUTINE_FN read_place(Qcow2Node *s, const Qcow2Place *place, int64_t offset, const IoVec *v)
{
    int64_t in_cluster = offset & (s->cluster_bytes - 1);

    switch (place->kind) {
    case QCOW2_DATA:
        return block_node_preadv(s->file, place->host + in_cluster, v);
    case QCOW2_PACKED:
        return read_packed(s, place->entry, in_cluster, v);
    case QCOW2_UNALLOCATED:
        return read_backing(s, offset, v);
    default:
        fill_zero(v);
        return 0;
    }
}

/* How far beyond the first cluster the same holds: clusters next to each other in the file, or all not there. */
static int64_t COROUTINE_FN extend(Qcow2Node *s, const Qcow2Place *place, int64_t offset, int64_t bytes)
{
    int64_t next = (offset | (s->cluster_bytes - 1)) + 1, end = offset + bytes;

    while (next < end && place->kind != QCOW2_PACKED) {
        Qcow2Place p;
        if (qcow2_find(s, next, &p) < 0 || p.kind != place->kind || p.exclusive != place->exclusive ||
            (p.kind == QCOW2_DATA && p.host != place->host + (next - (offset & -s->cluster_bytes)))) {
            break;
        }
        next += s->cluster_bytes;
    }
    return MIN(next, end) - offset;
}

static int COROUTINE_FN qcow2_preadv(BlockNode *n, int64_t offset, const IoVec *v)
{
    Qcow2Node *s = (Qcow2Node *)n;
    g_autofree struct iovec *window = g_new(struct iovec, v->count);
    int ret = 0;

    for (size_t done = 0; done < v->size && ret == 0;) {
        int64_t at = offset + done, bytes = v->size - done;
        Qcow2Place place;

        if (at >= s->size) {
            IoVec rest = slice(v, done, bytes, window);
            fill_zero(&rest);
            break;
        }
        bytes = MIN(bytes, s->size - at);
        co_mutex_lock(&s->lock);
        ret = qcow2_find(s, at, &place);
        bytes = ret ? 0 : extend(s, &place, at, bytes);
        s->data_in_flight++;                    /* until it has been read, the place may not be used for something else */
        co_mutex_unlock(&s->lock);
        if (ret == 0) {
            IoVec part = slice(v, done, bytes, window);
            ret = read_place(s, &place, at, &part);
        }
        s->data_in_flight--;
        done += bytes;
    }
    return ret;
}

/* ---- writing ---- */

/* Part of a cluster that is not ours alone: the whole cluster, with @v in its middle, goes to a new place. */
static int COROUTINE_FN write_new(Qcow2Node *s, const Qcow2Place *place, int64_t offset, const IoVec *v)
{
    int64_t start = offset & -s->cluster_bytes, head = offset - start, tail = head + v->size;
    uint8_t *cluster = block_buffer_alloc(s->file, s->cluster_bytes);
    uint64_t host;
    int ret = 0;

    if (!cluster) {
        return -ENOMEM;
    }
    struct iovec iov = { cluster, head };
    if (place->kind == QCOW2_PACKED && (head || tail < s->cluster_bytes)) {
        ret = qcow2_unpack(s, place->entry, cluster);
    } else if (place->kind != QCOW2_PACKED) {
        if (head) {
            ret = read_place(s, place, start, &(IoVec){ &iov, 1, iov.iov_len });
        }
        iov = (struct iovec){ cluster + tail, s->cluster_bytes - tail };
        if (ret == 0 && iov.iov_len) {
            ret = read_place(s, place, start + tail, &(IoVec){ &iov, 1, iov.iov_len });
        }
    }
    copy_from(v, cluster + head);
    ret = ret ? ret : qcow2_alloc(s, &host);
    ret = ret ? ret : qcow2_file_write(s, host, cluster, s->cluster_bytes);
    ret = ret ? ret : qcow2_set_entry(s, start, host | QCOW2_COPIED);
    free(cluster);
    return ret;
}

static int COROUTINE_FN qcow2_flush(BlockNode *n)
{
    Qcow2Node *s = (Qcow2Node *)n;

    co_mutex_lock(&s->lock);
    int ret = qcow2_flush_tables(s);
    co_mutex_unlock(&s->lock);
    return ret;
}

static int COROUTINE_FN qcow2_pwritev(BlockNode *n, int64_t offset, const IoVec *v, unsigned flags)
{
    Qcow2Node *s = (Qcow2Node *)n;
    g_autofree struct iovec *window = g_new(struct iovec, v->count);
    int ret = s->broken ? -EIO : offset > s->size || (int64_t)v->size > s->size - offset ? -ENOSPC : 0;

    for (size_t done = 0; done < v->size && ret == 0;) {
        int64_t at = offset + done, bytes = v->size - done;
        Qcow2Place place;

        co_mutex_lock(&s->lock);
        ret = qcow2_find(s, at, &place);
        if (ret == 0 && place.kind == QCOW2_DATA && place.exclusive) {
            bytes = extend(s, &place, at, bytes);
            s->data_in_flight++;
            co_mutex_unlock(&s->lock);
            IoVec part = slice(v, done, bytes, window);
            ret = block_node_pwritev(s->file, place.host + (at & (s->cluster_bytes - 1)), &part, 0);
            s->data_in_flight--;
        } else {
            bytes = MIN(bytes, s->cluster_bytes - (at & (s->cluster_bytes - 1)));
            IoVec part = slice(v, done, bytes, window);
            ret = ret ? ret : write_new(s, &place, at, &part);
            co_mutex_unlock(&s->lock);
        }
        done += bytes;
    }
    return ret == 0 && (flags & BLOCK_FUA) ? qcow2_flush(n) : ret;
}

/* Whole clusters of [@offset, +@bytes) become zeros; *@done: up to where. The last one of the disk may be a part. */
static int COROUTINE_FN zero_clusters(Qcow2Node *s, int64_t offset, int64_t bytes, bool keep_backing)
{
    int64_t end = offset + bytes == s->size ? offset + bytes : (offset + bytes) & -s->cluster_bytes;
    int ret = 0;

    for (int64_t at = (offset + s->cluster_bytes - 1) & -s->cluster_bytes; at < end && ret == 0; at += s->cluster_bytes) {
        Qcow2Place place;
        ret = qcow2_find(s, at, &place);
        if (ret < 0 || (place.kind == QCOW2_UNALLOCATED && (!s->backing || keep_backing)) ||
            (place.kind == QCOW2_ZEROS && !place.host)) {
            continue;
        }
        ret = qcow2_set_entry(s, at, s->version >= 3 ? QCOW2_ZERO : 0);
    }
    return ret;
}

static int COROUTINE_FN qcow2_write_zeroes(BlockNode *n, int64_t offset, int64_t bytes, unsigned flags)
{
    Qcow2Node *s = (Qcow2Node *)n;
    int64_t mask = s->cluster_bytes - 1;
    bool whole = !(offset & mask) && (!((offset + bytes) & mask) || offset + bytes == s->size);
    int ret;

    /* Version 2 has no mark for zeros: there, only what has nothing behind it can be dropped. */
    if (!whole || (s->version < 3 && s->backing)) {
        return -ENOTSUP;
    }
    if (s->broken) {
        return -EIO;
    }
    co_mutex_lock(&s->lock);
    ret = zero_clusters(s, offset, bytes, false);
    co_mutex_unlock(&s->lock);
    return ret == 0 && (flags & BLOCK_FUA) ? qcow2_flush(n) : ret;
}

static int COROUTINE_FN qcow2_discard(BlockNode *n, int64_t offset, int64_t bytes)
{
    Qcow2Node *s = (Qcow2Node *)n;
    int ret;

    if (s->broken || (s->version < 3 && s->backing)) {
        return s->broken ? -EIO : 0;
    }
    co_mutex_lock(&s->lock);
    ret = zero_clusters(s, offset, bytes, true);
    co_mutex_unlock(&s->lock);
    return ret;
}

static int64_t qcow2_length(BlockNode *n) { return ((Qcow2Node *)n)->size; }

static void qcow2_child_perm(BlockNode *n, BlockChild *c, unsigned perm, unsigned shared, unsigned *child_perm,
                             unsigned *child_shared)
{
    bool is_file = !strcmp(c->name, "file");

    /* Tables are read once: nobody else may change the file. Opening alone may grow it. */
    *child_perm = BLOCK_PERM_READ | (is_file && !n->read_only ? BLOCK_PERM_WRITE | BLOCK_PERM_RESIZE : 0);
    *child_shared = BLOCK_PERM_READ | BLOCK_PERM_WRITE_UNCHANGED;
}

/* ---- opening ---- */

typedef struct Opening { Qcow2Node *s; Qcow2Header h; uint8_t *extra; size_t extra_bytes; GError **err; bool ok; } Opening;

static bool check_features(Opening *o, uint64_t incompatible)
{
    static const struct { uint64_t bit; const char *name; } missing[] = {
        { QCOW2_DATA_FILE, "an external data file" }, { QCOW2_COMPRESSION_TYPE, "another compression than zlib" },
        { QCOW2_EXTENDED_L2, "subclusters (extended L2 entries)" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(missing); i++) {
        if (incompatible & missing[i].bit) {
            return error_set(o->err, "the image has %s, which is not supported yet", missing[i].name);
        }
    }
    if (incompatible & ~(uint64_t)31) {
        return error_set(o->err, "Unsupported qcow2 feature(s): incompatible bits 0x%" PRIx64, incompatible & ~(uint64_t)31);
    }
    if ((incompatible & (QCOW2_DIRTY | QCOW2_CORRUPT)) && !o->s->node.read_only) {
        return error_set(o->err, "qcow2: Image is %s; cannot be opened read/write; 'qemu-img check -r all' repairs it",
                         incompatible & QCOW2_CORRUPT ? "corrupt" : "dirty: its refcounts were not written when it was closed last");
    }
    return true;
}

static bool parse_header(Opening *o)
{
    Qcow2Node *s = o->s;
    Qcow2Header *h = &o->h;

    s->version = GUINT32_FROM_BE(h->version);
    s->cluster_bits = GUINT32_FROM_BE(h->cluster_bits);
    s->size = GUINT64_FROM_BE(h->size);
    s->l1_entries = GUINT32_FROM_BE(h->l1_size);
    s->l1_offset = GUINT64_FROM_BE(h->l1_table_offset);
    s->reftable_offset = GUINT64_FROM_BE(h->refcount_table_offset);
    uint64_t reftable_clusters = GUINT32_FROM_BE(h->refcount_table_clusters);
    uint32_t order = s->version < 3 ? 4 : GUINT32_FROM_BE(h->refcount_order);

    if (GUINT32_FROM_BE(h->magic) != QCOW2_MAGIC) {
        return error_set(o->err, "Image is not in qcow2 format");
    }
    if (s->version != 2 && s->version != 3) {
        return error_set(o->err, "Unsupported qcow2 version %u", s->version);
    }
    if (s->cluster_bits < QCOW2_MIN_CLUSTER_BITS || s->cluster_bits > QCOW2_MAX_CLUSTER_BITS) {
        return error_set(o->err, "Unsupported cluster size: 2^%u", s->cluster_bits);
    }
    if (GUINT32_FROM_BE(h->crypt_method)) {
        return error_set(o->err, "the image is encrypted, which is not supported yet");
    }
    if (order > 6) {
        return error_set(o->err, "Reference count entry width too large; may not exceed 64 bits");
    }
    s->cluster_bytes = 1ll << s->cluster_bits;
    s->l2_bits = s->cluster_bits - 3;
    s->refcount_bits = 1u << order;
    s->block_bits = s->cluster_bits + 3 - order;
    uint64_t mask = s->cluster_bytes - 1, covered = s->cluster_bits + s->l2_bits;
    if (s->size < 0 || s->size > INT64_MAX - QCOW2_MAX_L1_BYTES || s->l1_entries > QCOW2_MAX_L1_BYTES / sizeof(uint64_t)) {
        return error_set(o->err, "Active L1 table too large");
    }
    if (covered < 63 && s->l1_entries < ((uint64_t)s->size + (1ull << covered) - 1) >> covered) {
        return error_set(o->err, "L1 table is too small");
    }
    if ((s->l1_offset & mask) || (s->l1_entries && !s->l1_offset) || s->l1_offset > INT64_MAX - QCOW2_MAX_L1_BYTES) {
        return error_set(o->err, "Invalid L1 table offset");
    }
    if ((s->reftable_offset & mask) || !s->reftable_offset || s->reftable_offset > INT64_MAX - QCOW2_MAX_REFTABLE_BYTES) {
        return error_set(o->err, "Invalid reference count table offset");
    }
    if (!reftable_clusters || reftable_clusters > QCOW2_MAX_REFTABLE_BYTES >> s->cluster_bits) {
        return error_set(o->err, reftable_clusters ? "Reference count table too large" : "Image does not contain a reference count table");
    }
    s->size = (s->size + BLOCK_SECTOR_BYTES - 1) & -(int64_t)BLOCK_SECTOR_BYTES;       /* the last sector is whole */
    s->reftable_entries = reftable_clusters * (s->cluster_bytes / sizeof(uint64_t));
    return s->version < 3 || check_features(o, GUINT64_FROM_BE(h->incompatible_features));
}

static int COROUTINE_FN load_table(Qcow2Node *s, uint64_t offset, uint32_t entries, uint64_t **table)
{
    *table = g_malloc0(MAX(entries, 1) * sizeof(uint64_t));
    int ret = entries ? qcow2_file_read(s, offset, *table, entries * sizeof(uint64_t)) : 0;
    for (uint32_t i = 0; i < entries; i++) {
        (*table)[i] = GUINT64_FROM_BE((*table)[i]);
    }
    return ret;
}

/* What a writer does not know of (bitmaps) it takes out, since it will not keep it up to date. */
static int COROUTINE_FN clear_features(Opening *o)
{
    uint64_t none = 0;

    if (o->s->version < 3 || o->s->node.read_only || !o->h.autoclear_features) {
        return 0;
    }
    return qcow2_file_write(o->s, offsetof(Qcow2Header, autoclear_features), &none, sizeof(none));
}

static void COROUTINE_FN load(void *opaque)
{
    Opening *o = opaque;
    Qcow2Node *s = o->s;
    int ret = qcow2_file_read(s, 0, &o->h, sizeof(o->h));

    if (ret == 0 && !parse_header(o)) {
        return;
    }
    if (ret == 0) {
        o->extra_bytes = s->cluster_bytes;      /* header extensions, and the backing image's name */
        o->extra = g_malloc0(o->extra_bytes + 1);
        ret = qcow2_file_read(s, 0, o->extra, o->extra_bytes);
    }
    ret = ret ? ret : load_table(s, s->l1_offset, s->l1_entries, &s->l1);
    ret = ret ? ret : load_table(s, s->reftable_offset, s->reftable_entries, &s->reftable);
    ret = ret ? ret : clear_features(o);
    o->ok = ret == 0 || error_set_errno(o->err, -ret, "Could not read the tables of '%s'", s->file->filename);
}

/* Format of the backing image from the header's extensions; NULL: not said. g_free(). */
static char *backing_format(const Opening *o)
{
    uint64_t at = o->s->version < 3 ? 72 : GUINT32_FROM_BE(o->h.header_length);

    while (at + 8 <= o->extra_bytes) {
        uint32_t kind, len;
        memcpy(&kind, o->extra + at, 4);
        memcpy(&len, o->extra + at + 4, 4);
        kind = GUINT32_FROM_BE(kind);
        len = GUINT32_FROM_BE(len);
        if (!kind || len > o->extra_bytes - at - 8) {
            return NULL;
        }
        if (kind == EXTENSION_BACKING_FORMAT) {
            return g_strndup((const char *)o->extra + at + 8, len);
        }
        at += 8 + ((len + 7) & ~7u);
    }
    return NULL;
}

/* Opens the image that the header names, unless backing= was given. */
static bool open_backing(Opening *o)
{
    Qcow2Node *s = o->s;
    uint64_t offset = GUINT64_FROM_BE(o->h.backing_file_offset);
    uint32_t len = GUINT32_FROM_BE(o->h.backing_file_size);

    if (s->node.children->len > 1) {
        s->backing = ((BlockChild *)s->node.children->pdata[1])->node;
        return true;
    }
    if (!offset || s->node.no_backing) {
        return true;
    }
    if (len > BACKING_NAME_MAX || offset > o->extra_bytes || len > o->extra_bytes - offset) {
        return error_set(o->err, "Invalid backing file offset or size");
    }
    g_autofree char *name = g_strndup((const char *)o->extra + offset, len), *format = backing_format(o), *path = NULL;
    if (!*name) {
        return true;
    }
    if (*name == '/' || g_str_has_prefix(name, "json:") || g_str_has_prefix(name, "file:")) {
        path = g_strdup(name);
    } else {
        g_autofree char *folder = g_path_get_dirname(s->file->filename ? s->file->filename : "");
        path = g_build_filename(folder, name, NULL);
    }
    BlockNode *below = block_drive_open_file(path, format, true, o->err);
    if (!below) {
        g_prefix_error(o->err, "Could not open backing file: ");
        return false;
    }
    BlockChild *edge = block_child_attach(below, &s->node, NULL, "backing", BLOCK_PERM_READ,
                                          BLOCK_PERM_READ | BLOCK_PERM_WRITE_UNCHANGED, o->err);
    block_node_unref(below);
    s->backing = below;
    return edge != NULL;
}

static bool qcow2_open(BlockNode *n, GError **err)
{
    Qcow2Node *s = (Qcow2Node *)n;
    BlockChild *edge = n->children->pdata[0];
    Opening o = { .s = s, .err = err };
    unsigned perm, shared;

    s->file = edge->node;
    s->to_free = g_array_new(false, false, sizeof(uint64_t));
    s->refblocks = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    qcow2_child_perm(n, edge, 0, BLOCK_PERM_ALL, &perm, &shared);
    if (!block_child_set_perm(edge, perm, shared, err)) {
        return false;
    }
    coroutine_run_sync(load, &o);
    bool ok = o.ok && open_backing(&o);
    g_free(o.extra);
    if (!ok) {
        return false;
    }
    s->l2_max = MAX(L2_CACHE_BYTES >> s->cluster_bits, 4);
    n->request_bytes = 1;
    n->memory_bytes = s->file->memory_bytes;
    return true;
}

static void COROUTINE_FN flush_last(void *opaque)
{
    Qcow2Node *s = opaque;
    int ret = qcow2_flush_tables(s);

    if (ret < 0) {
        error_report("qcow2: cannot write the tables of '%s': %s", s->node.filename, g_strerror(-ret));
    }
}

/* Runs before the node lets go of the file. */
static void qcow2_finalize(Object *obj)
{
    Qcow2Node *s = (Qcow2Node *)obj;

    if (s->node.opened && !s->node.read_only && !s->broken) {
        coroutine_run_sync(flush_last, s);
    }
    qcow2_tables_free(s);
    g_free(s->l1);
    g_free(s->reftable);
    g_clear_pointer(&s->refblocks, g_hash_table_unref);
    g_clear_pointer(&s->to_free, g_array_unref);
}

/* ---- creating ---- */

bool qcow2_create(int fd, int64_t size, GError **err)
{
    const uint64_t cluster = 1ull << CREATE_CLUSTER_BITS, per_table = cluster / 8 * cluster;
    uint64_t l1_entries = (size + per_table - 1) / per_table, l1_clusters = (l1_entries * 8 + cluster - 1) / cluster;
    Qcow2Header h = {
        .magic = GUINT32_TO_BE(QCOW2_MAGIC), .version = GUINT32_TO_BE(3), .cluster_bits = GUINT32_TO_BE(CREATE_CLUSTER_BITS),
        .size = GUINT64_TO_BE(size), .l1_size = GUINT32_TO_BE(l1_entries), .l1_table_offset = GUINT64_TO_BE(3 * cluster),
        .refcount_table_offset = GUINT64_TO_BE(cluster), .refcount_table_clusters = GUINT32_TO_BE(1),
        .refcount_order = GUINT32_TO_BE(4), .header_length = GUINT32_TO_BE(sizeof(h)),
    };
    uint64_t block = GUINT64_TO_BE(2 * cluster);
    g_autofree uint16_t *counts = g_malloc0(cluster);

    if (l1_entries * 8 > QCOW2_MAX_L1_BYTES) {
        return error_set(err, "The image size is too large for qcow2: %" PRId64 " bytes", size);
    }
    for (uint64_t i = 0; i < 3 + l1_clusters; i++) {
        counts[i] = GUINT16_TO_BE(1);
    }
    if (ftruncate(fd, (3 + MAX(l1_clusters, 1)) * cluster) < 0 || pwrite(fd, &h, sizeof(h), 0) != sizeof(h) ||
        pwrite(fd, &block, sizeof(block), cluster) != sizeof(block) ||
        pwrite(fd, counts, cluster, 2 * cluster) != (ssize_t)cluster) {
        return error_set_errno(err, errno, "Could not write a new image");
    }
    return true;
}

static const BlockChildSlot qcow2_children[] = { { "file" }, { "backing", true }, { } };

static const BlockDriver block_qcow2_type = {
    .name = BLOCK_TYPE_PREFIX "qcow2", .parent = &block_node_type.type, .size = sizeof(Qcow2Node),
    .description = "QEMU's image format: grows as it is written, may stand over another image", .children = qcow2_children,
    .finalize = qcow2_finalize, .open = qcow2_open, .child_perm = qcow2_child_perm, .length = qcow2_length,
    .co_preadv = qcow2_preadv, .co_pwritev = qcow2_pwritev, .co_write_zeroes = qcow2_write_zeroes,
    .co_discard = qcow2_discard, .co_flush = qcow2_flush,
};
TYPE_REGISTER(block_qcow2_type);
