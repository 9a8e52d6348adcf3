/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: refcounts. A block of counts that is not there means that its clusters are free; it is made inside of what it
 * counts, so that making it needs no other. All blocks that were looked at stay in memory: 64 KiB for 2 GiB of file.
 */
#include <errno.h>
#include <string.h>

#include "block/qcow2.h"

/* Counts of 1, 2, 4 bits lie in a byte from its low end; wider ones are big-endian. */
static uint64_t count_get(const Qcow2Node *s, const uint8_t *block, uint64_t i)
{
    switch (s->refcount_bits) {
    case 8:
        return block[i];
    case 16:
        return GUINT16_FROM_BE(((const uint16_t *)block)[i]);
    case 32:
        return GUINT32_FROM_BE(((const uint32_t *)block)[i]);
    case 64:
        return GUINT64_FROM_BE(((const uint64_t *)block)[i]);
    default:
        return block[i * s->refcount_bits / 8] >> i * s->refcount_bits % 8 & ((1u << s->refcount_bits) - 1);
    }
}

static void count_put(const Qcow2Node *s, uint8_t *block, uint64_t i, uint64_t value)
{
    unsigned shift, mask;

    switch (s->refcount_bits) {
    case 8:
        block[i] = value;
        break;
    case 16:
        ((uint16_t *)block)[i] = GUINT16_TO_BE(value);
        break;
    case 32:
        ((uint32_t *)block)[i] = GUINT32_TO_BE(value);
        break;
    case 64:
        ((uint64_t *)block)[i] = GUINT64_TO_BE(value);
        break;
    default:
        shift = i * s->refcount_bits % 8;
        mask = ((1u << s->refcount_bits) - 1) << shift;
        block[i * s->refcount_bits / 8] = (block[i * s->refcount_bits / 8] & ~mask) | value << shift;
    }
}

static uint64_t counts_per_block(const Qcow2Node *s) { return 1ull << s->block_bits; }

/* *@block NULL: there is none, its clusters are free. */
static int COROUTINE_FN get_block(Qcow2Node *s, uint64_t index, uint8_t **block)
{
    uint64_t offset = index < s->reftable_entries ? s->reftable[index] & ~(uint64_t)511 : 0;

    *block = g_hash_table_lookup(s->refblocks, GSIZE_TO_POINTER(index));
    if (*block || !offset) {
        return 0;
    }
    if (offset & (s->cluster_bytes - 1)) {
        return qcow2_corrupt(s, "refcount block offset", offset);
    }
    uint8_t *p = g_malloc(s->cluster_bytes);
    int ret = qcow2_file_read(s, offset, p, s->cluster_bytes);
    if (ret < 0) {
        g_free(p);
        return ret;
    }
    *block = p;
    g_hash_table_insert(s->refblocks, GSIZE_TO_POINTER(index), p);
    return 0;
}

/* Writes the bytes of @block that hold count @i. */
static int COROUTINE_FN write_count(Qcow2Node *s, uint64_t index, const uint8_t *block, uint64_t i)
{
    uint64_t bytes = MAX(s->refcount_bits / 8, 1), at = i * s->refcount_bits / 8;

    return qcow2_file_write(s, (s->reftable[index] & ~(uint64_t)511) + at, block + at, bytes);
}

static int COROUTINE_FN write_reftable_entry(Qcow2Node *s, uint64_t index)
{
    uint64_t be = GUINT64_TO_BE(s->reftable[index]);

    return qcow2_file_write(s, s->reftable_offset + index * sizeof(be), &be, sizeof(be));
}

/*
 * A larger refcount table, for a block @index that the present one has no place for. All clusters from the first that
 * block would count are free: the table goes there, then the block.
 */
static int COROUTINE_FN grow_reftable(Qcow2Node *s, uint64_t index)
{
    uint64_t per_cluster = s->cluster_bytes / sizeof(uint64_t), first = index << s->block_bits;
    uint64_t clusters = MAX((index + 1 + per_cluster - 1) / per_cluster, s->reftable_entries / per_cluster * 3 / 2);
    uint64_t old_offset = s->reftable_offset, old_clusters = s->reftable_entries / per_cluster;
    uint64_t table_bytes = clusters * s->cluster_bytes;
    int ret;

    if (table_bytes > QCOW2_MAX_REFTABLE_BYTES || clusters + 1 > counts_per_block(s)) {
        return -EFBIG;
    }
    uint8_t *block = g_malloc0(s->cluster_bytes);
    for (uint64_t i = 0; i <= clusters; i++) {
        count_put(s, block, i, 1);
    }
    uint64_t table_offset = first << s->cluster_bits, block_offset = table_offset + table_bytes;
    g_autofree uint64_t *table = g_malloc0(table_bytes), *be = g_malloc0(table_bytes);
    memcpy(table, s->reftable, s->reftable_entries * sizeof(uint64_t));
    table[index] = block_offset;
    for (uint64_t i = 0; i < clusters * per_cluster; i++) {
        be[i] = GUINT64_TO_BE(table[i]);
    }
    struct __attribute__((packed)) { uint64_t offset; uint32_t clusters; } header = {
        GUINT64_TO_BE(table_offset), GUINT32_TO_BE(clusters)
    };
    ret = qcow2_file_write(s, block_offset, block, s->cluster_bytes);
    ret = ret ? ret : qcow2_file_write(s, table_offset, be, table_bytes);
    ret = ret ? ret : block_node_flush(s->file);
    ret = ret ? ret : qcow2_file_write(s, offsetof(Qcow2Header, refcount_table_offset), &header, sizeof(header));
    ret = ret ? ret : block_node_flush(s->file);
    if (ret < 0) {
        g_free(block);
        return ret;
    }
    g_free(s->reftable);
    s->reftable = g_steal_pointer(&table);
    s->reftable_entries = clusters * per_cluster;
    s->reftable_offset = table_offset;
    g_hash_table_insert(s->refblocks, GSIZE_TO_POINTER(index), block);
    for (uint64_t i = 0; i < old_clusters; i++) {
        uint64_t host = old_offset + i * s->cluster_bytes;
        g_array_append_val(s->to_free, host);
    }
    return 0;
}

/* The block that counts cluster @cluster, made if there is none. */
static int COROUTINE_FN need_block(Qcow2Node *s, uint64_t cluster, uint8_t **block)
{
    uint64_t index = cluster >> s->block_bits, first = index << s->block_bits;
    int ret = get_block(s, index, block);

    if (ret < 0 || *block) {
        return ret;
    }
    if (index >= s->reftable_entries) {
        ret = grow_reftable(s, index);
        *block = ret ? NULL : g_hash_table_lookup(s->refblocks, GSIZE_TO_POINTER(index));
        return ret;
    }
    uint8_t *p = g_malloc0(s->cluster_bytes);
    count_put(s, p, 0, 1);                      /* itself */
    ret = qcow2_file_write(s, first << s->cluster_bits, p, s->cluster_bytes);
    ret = ret ? ret : block_node_flush(s->file);
    if (ret == 0) {
        s->reftable[index] = first << s->cluster_bits;
        ret = write_reftable_entry(s, index);
        if (ret < 0) {
            s->reftable[index] = 0;
        }
    }
    if (ret < 0) {
        g_free(p);
        return ret;
    }
    g_hash_table_insert(s->refblocks, GSIZE_TO_POINTER(index), p);
    *block = p;
    return 0;
}

int COROUTINE_FN qcow2_alloc(Qcow2Node *s, uint64_t *host)
{
    for (uint64_t cluster = s->free_hint;; cluster++) {
        uint64_t index = cluster >> s->block_bits, i = cluster & (counts_per_block(s) - 1);
        uint8_t *block;
        int ret;

        if (cluster >= QCOW2_OFFSET_MASK >> s->cluster_bits) {
            return -EFBIG;
        }
        ret = need_block(s, cluster, &block);
        if (ret < 0) {
            return ret;
        }
        if (count_get(s, block, i)) {
            continue;
        }
        count_put(s, block, i, 1);
        ret = write_count(s, index, block, i);
        if (ret < 0) {
            count_put(s, block, i, 0);
            return ret;
        }
        s->free_hint = cluster + 1;
        *host = cluster << s->cluster_bits;
        return 0;
    }
}

static int COROUTINE_FN release_cluster(Qcow2Node *s, uint64_t host)
{
    uint64_t cluster = host >> s->cluster_bits, index = cluster >> s->block_bits, i = cluster & (counts_per_block(s) - 1);
    uint8_t *block;
    int ret = get_block(s, index, &block);

    if (ret < 0) {
        return ret;
    }
    uint64_t count = block ? count_get(s, block, i) : 0;
    if (!count) {
        return qcow2_corrupt(s, "refcount of a used cluster is 0", host);
    }
    count_put(s, block, i, count - 1);
    ret = write_count(s, index, block, i);
    if (count == 1) {
        s->free_hint = MIN(s->free_hint, cluster);
        if (s->node.discard == DISCARD_UNMAP) {
            block_node_discard(s->file, host, s->cluster_bytes);
        }
    }
    return ret;
}

int COROUTINE_FN qcow2_release(Qcow2Node *s, uint64_t entry)
{
    uint64_t first = entry & QCOW2_OFFSET_MASK, last = first;
    int ret = 0;

    if (entry & QCOW2_COMPRESSED) {             /* its bytes may lie in two clusters */
        unsigned shift = 62 - (s->cluster_bits - 8);
        uint64_t sectors = (entry >> shift & ((1ull << (s->cluster_bits - 8)) - 1)) + 1;
        first = entry & ((1ull << shift) - 1);
        last = (first & ~(uint64_t)(BLOCK_SECTOR_BYTES - 1)) + sectors * BLOCK_SECTOR_BYTES - 1;
    }
    for (uint64_t c = first >> s->cluster_bits; ret == 0 && c <= last >> s->cluster_bits; c++) {
        ret = release_cluster(s, c << s->cluster_bits);
    }
    return ret;
}
