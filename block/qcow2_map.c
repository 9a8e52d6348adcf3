/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: L1 and L2 tables, the cache of the latter, and compressed clusters. block/qcow2.h has the rules. */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "block/qcow2.h"

#define WINDOW_BITS 12                          /* of the deflate streams in an image */

static uint64_t l2_entries(const Qcow2Node *s) { return 1ull << s->l2_bits; }

static void swap_be64(uint64_t *p, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        p[i] = GUINT64_FROM_BE(p[i]);
    }
}

static int COROUTINE_FN write_table(Qcow2Node *s, L2Table *t)
{
    g_autofree uint64_t *copy = g_memdup2(t->entries, s->cluster_bytes);

    swap_be64(copy, l2_entries(s));
    int ret = qcow2_file_write(s, t->offset, copy, s->cluster_bytes);
    t->dirty = ret < 0;
    return ret;
}

int COROUTINE_FN qcow2_flush_tables(Qcow2Node *s)
{
    bool dirty = false;
    int ret = block_node_flush(s->file);

    for (GList *l = s->l2_tables.head; l && ret == 0; l = l->next) {
        L2Table *t = l->data;
        if (t->dirty) {
            dirty = true;
            ret = write_table(s, t);
        }
    }
    if (ret == 0 && dirty) {
        ret = block_node_flush(s->file);
    }
    if (ret == 0 && s->to_free->len && !s->data_in_flight) {
        g_autoptr(GArray) list = g_steal_pointer(&s->to_free);

        s->to_free = g_array_new(false, false, sizeof(uint64_t));
        for (guint i = 0; i < list->len && ret == 0; i++) {
            ret = qcow2_release(s, g_array_index(list, uint64_t, i));
        }
    }
    return ret;
}

static void table_free(gpointer p)
{
    L2Table *t = p;

    g_free(t->entries);
    g_free(t);
}

void qcow2_tables_free(Qcow2Node *s)
{
    g_queue_clear_full(&s->l2_tables, table_free);
}

/* Room for one more table: the one used longest ago goes, written out if need be. */
static int COROUTINE_FN make_room(Qcow2Node *s)
{
    if (s->l2_tables.length < s->l2_max) {
        return 0;
    }
    if (((L2Table *)s->l2_tables.tail->data)->dirty) {
        int ret = qcow2_flush_tables(s);
        if (ret < 0) {
            return ret;
        }
    }
    table_free(g_queue_pop_tail(&s->l2_tables));
    return 0;
}

/* The table at @offset of the file; new ones (@fresh) are empty. */
static int COROUTINE_FN get_table(Qcow2Node *s, uint64_t offset, bool fresh, L2Table **table)
{
    for (GList *l = s->l2_tables.head; l; l = l->next) {
        L2Table *t = l->data;
        if (t->offset == offset) {
            g_queue_unlink(&s->l2_tables, l);
            g_queue_push_head_link(&s->l2_tables, l);
            if (fresh) {                        /* of a table that was there once */
                memset(t->entries, 0, s->cluster_bytes);
            }
            *table = t;
            return 0;
        }
    }
    int ret = make_room(s);
    if (ret < 0) {
        return ret;
    }
    L2Table *t = g_new0(L2Table, 1);
    t->offset = offset;
    t->entries = g_malloc0(s->cluster_bytes);
    if (!fresh) {
        ret = qcow2_file_read(s, offset, t->entries, s->cluster_bytes);
        swap_be64(t->entries, l2_entries(s));
    }
    if (ret < 0) {
        table_free(t);
        return ret;
    }
    g_queue_push_head(&s->l2_tables, t);
    *table = t;
    return 0;
}

static uint64_t l1_index(const Qcow2Node *s, int64_t offset) { return (uint64_t)offset >> (s->cluster_bits + s->l2_bits); }
static uint64_t l2_index(const Qcow2Node *s, int64_t offset)
{
    return (uint64_t)offset >> s->cluster_bits & (l2_entries(s) - 1);
}

static bool cluster_aligned(const Qcow2Node *s, uint64_t host) { return (host & (s->cluster_bytes - 1)) == 0; }

int COROUTINE_FN qcow2_find(Qcow2Node *s, int64_t offset, Qcow2Place *place)
{
    uint64_t i = l1_index(s, offset), table_offset;
    L2Table *t;

    *place = (Qcow2Place){ .kind = QCOW2_UNALLOCATED };
    if (i >= s->l1_entries) {
        return -EIO;                            /* open has seen to it that the table covers the disk */
    }
    table_offset = s->l1[i] & QCOW2_OFFSET_MASK;
    if (!table_offset) {
        return 0;
    }
    if (!cluster_aligned(s, table_offset)) {
        return qcow2_corrupt(s, "L2 table offset", table_offset);
    }
    int ret = get_table(s, table_offset, false, &t);
    if (ret < 0) {
        return ret;
    }
    uint64_t entry = t->entries[l2_index(s, offset)];
    place->entry = entry;
    if (entry & QCOW2_COMPRESSED) {
        place->kind = QCOW2_PACKED;
        return 0;
    }
    place->host = entry & QCOW2_OFFSET_MASK;
    if (!cluster_aligned(s, place->host)) {
        return qcow2_corrupt(s, "data cluster offset", place->host);
    }
    if (s->version >= 3 && (entry & QCOW2_ZERO)) {
        place->kind = QCOW2_ZEROS;
    } else if (place->host) {
        place->kind = QCOW2_DATA;
        /* The L2 table itself may be shared with a snapshot; then a change of it needs another one. */
        place->exclusive = (entry & QCOW2_COPIED) && (s->l1[i] & QCOW2_COPIED);
    }
    return 0;
}

/* Writes entry @i of the L1 table. */
static int COROUTINE_FN write_l1(Qcow2Node *s, uint64_t i)
{
    uint64_t be = GUINT64_TO_BE(s->l1[i]);

    return qcow2_file_write(s, s->l1_offset + i * sizeof(be), &be, sizeof(be));
}

/* The L2 table for @offset, ours alone: made if there is none, copied if a snapshot has it too. */
static int COROUTINE_FN own_table(Qcow2Node *s, int64_t offset, L2Table **table)
{
    uint64_t i = l1_index(s, offset), old = s->l1[i] & QCOW2_OFFSET_MASK, host;
    L2Table *shared = NULL, *t;
    int ret;

    if (!cluster_aligned(s, old)) {
        return qcow2_corrupt(s, "L2 table offset", old);
    }
    if (old && (s->l1[i] & QCOW2_COPIED)) {
        return get_table(s, old, false, table);
    }
    g_autofree uint64_t *content = NULL;
    if (old) {
        ret = get_table(s, old, false, &shared);
        if (ret < 0) {
            return ret;
        }
        content = g_memdup2(shared->entries, s->cluster_bytes);
    }
    ret = qcow2_alloc(s, &host);
    if (ret == 0) {
        ret = get_table(s, host, true, &t);
    }
    if (ret < 0) {
        return ret;
    }
    if (content) {
        memcpy(t->entries, content, s->cluster_bytes);
    }
    /* It is on the disk, with its count, before the L1 table names it. */
    t->dirty = true;
    ret = write_table(s, t);
    ret = ret ? ret : block_node_flush(s->file);
    if (ret == 0) {
        uint64_t before = s->l1[i];
        s->l1[i] = host | QCOW2_COPIED;
        ret = write_l1(s, i);
        if (ret < 0) {
            s->l1[i] = before;
        } else if (old) {
            g_array_append_val(s->to_free, old);
        }
    }
    *table = t;
    return ret;
}

int COROUTINE_FN qcow2_set_entry(Qcow2Node *s, int64_t offset, uint64_t entry)
{
    L2Table *t;
    int ret = own_table(s, offset, &t);

    if (ret < 0) {
        return ret;
    }
    uint64_t *at = &t->entries[l2_index(s, offset)], old = *at;
    *at = entry;
    t->dirty = true;
    bool same = !(old & QCOW2_COMPRESSED) && (old & QCOW2_OFFSET_MASK) == (entry & QCOW2_OFFSET_MASK);
    if (!same && (old & (QCOW2_OFFSET_MASK | QCOW2_COMPRESSED))) {
        g_array_append_val(s->to_free, old);
    }
    return 0;
}

/* ---- compressed clusters ---- */

int COROUTINE_FN qcow2_unpack(Qcow2Node *s, uint64_t entry, uint8_t *buf)
{
    unsigned shift = 62 - (s->cluster_bits - 8);
    uint64_t host = entry & ((1ull << shift) - 1);
    uint64_t sectors = (entry >> shift & ((1ull << (s->cluster_bits - 8)) - 1)) + 1;
    size_t bytes = sectors * BLOCK_SECTOR_BYTES - (host & (BLOCK_SECTOR_BYTES - 1));
    g_autofree uint8_t *packed = g_malloc(bytes);
    z_stream z = { 0 };
    int ret = qcow2_file_read(s, host, packed, bytes);

    if (ret < 0) {
        return ret;
    }
    if (inflateInit2(&z, -WINDOW_BITS) != Z_OK) {
        return -ENOMEM;
    }
    z.next_in = packed;
    z.avail_in = bytes;
    z.next_out = buf;
    z.avail_out = s->cluster_bytes;
    ret = inflate(&z, Z_FINISH);
    /* The stream ends within the last sector; that of a cluster without end mark just fills it. */
    bool whole = z.avail_out == 0 && (ret == Z_STREAM_END || ret == Z_BUF_ERROR || ret == Z_OK);
    inflateEnd(&z);
    return whole ? 0 : qcow2_corrupt(s, "compressed cluster", host);
}
