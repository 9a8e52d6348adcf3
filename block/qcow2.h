/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the qcow2 driver. An image is made of clusters; a guest address finds its cluster through two tables.
 *
 *   guest offset -> L1[offset / (cluster * entries of an L2 table)] -> L2 table -> entry -> host cluster, or
 *                   zeros, or compressed bytes, or nothing: then the backing image has it, or it reads as zeros
 *   host cluster -> refcount table -> refcount block -> how many entries point to it
 *
 * What a crash of the host may leave behind is clusters that nothing points to, never a pointer to a cluster that is
 * free or holds other data. Therefore:
 *   - a new cluster is counted in its refcount block at once; entries of L2 tables stay in memory until the guest
 *     flushes: then the file is flushed, the tables are written, and the file is flushed again;
 *   - a cluster is freed only after the table that no longer points to it is on the disk, and no request is under way.
 * Metadata is under `lock`; data of clusters that stay where they are moves without it.
 *
 * Spec: QEMU's docs/interop/qcow2. Not there: encryption, external data files, subclusters, zstd, resizing.
 */
#ifndef BLOCK_QCOW2_H
#define BLOCK_QCOW2_H

#include "block/node.h"

#define QCOW2_MAGIC 0x514649fbu
#define QCOW2_MIN_CLUSTER_BITS 9
#define QCOW2_MAX_CLUSTER_BITS 21
#define QCOW2_MAX_L1_BYTES (32u << 20)
#define QCOW2_MAX_REFTABLE_BYTES (8u << 20)
#define QCOW2_OFFSET_MASK 0x00fffffffffffe00ull
#define QCOW2_COPIED (1ull << 63)               /* exactly one entry points there */
#define QCOW2_COMPRESSED (1ull << 62)
#define QCOW2_ZERO 1ull

typedef enum Qcow2Incompatible {
    QCOW2_DIRTY = 1, QCOW2_CORRUPT = 2, QCOW2_DATA_FILE = 4, QCOW2_COMPRESSION_TYPE = 8, QCOW2_EXTENDED_L2 = 16
} Qcow2Incompatible;

/* As in the file: big-endian. */
typedef struct __attribute__((packed)) Qcow2Header {
    uint32_t magic, version;
    uint64_t backing_file_offset;
    uint32_t backing_file_size, cluster_bits;
    uint64_t size;
    uint32_t crypt_method, l1_size;
    uint64_t l1_table_offset, refcount_table_offset;
    uint32_t refcount_table_clusters, nb_snapshots;
    uint64_t snapshots_offset;
    /* version 3 */
    uint64_t incompatible_features, compatible_features, autoclear_features;
    uint32_t refcount_order, header_length;
} Qcow2Header;
G_STATIC_ASSERT(sizeof(Qcow2Header) == 104);

typedef struct L2Table { uint64_t offset; uint64_t *entries; bool dirty; uint64_t used; } L2Table;

typedef struct Qcow2Node {
    BlockNode node;
    uint32_t version, cluster_bits, refcount_bits;
    int64_t cluster_bytes, size;
    BlockNode *file, *backing;                  /* children; backing NULL: none */
    CoMutex lock;
    /* all in host byte order */
    uint64_t *l1;
    uint32_t l1_entries, l2_bits;               /* an L2 table has 1 << l2_bits entries */
    uint64_t l1_offset;
    GQueue l2_tables;                           /* L2Table *, the latest used first */
    unsigned l2_max;
    uint64_t *reftable;
    uint64_t reftable_offset;
    uint32_t reftable_entries, block_bits;      /* a refcount block counts 1 << block_bits clusters */
    GHashTable *refblocks;                      /* index in reftable -> uint8_t *: block as in the file */
    uint64_t free_hint;                         /* no cluster below it is free */
    GArray *to_free;                            /* uint64_t: host offsets, after the next flush */
    unsigned data_in_flight;
    bool broken;                                /* metadata of the file made no sense: no more writes */
} Qcow2Node;

/* What is at a guest offset, up to the end of its cluster. */
typedef enum Qcow2Kind { QCOW2_UNALLOCATED, QCOW2_ZEROS, QCOW2_DATA, QCOW2_PACKED } Qcow2Kind;
typedef struct Qcow2Place { Qcow2Kind kind; uint64_t entry, host; bool exclusive; } Qcow2Place;

/* qcow2.c: bytes of the file */
int COROUTINE_FN qcow2_file_read(Qcow2Node *s, uint64_t offset, void *buf, size_t bytes);
int COROUTINE_FN qcow2_file_write(Qcow2Node *s, uint64_t offset, const void *buf, size_t bytes);
/** qcow2_corrupt: the file contradicts itself: says so once, refuses writes from now on, and returns -EIO. */
int qcow2_corrupt(Qcow2Node *s, const char *what, uint64_t value);

/* qcow2_map.c; under the lock */
int COROUTINE_FN qcow2_find(Qcow2Node *s, int64_t offset, Qcow2Place *place);
/** qcow2_set_entry: @entry is what the guest cluster at @offset is from now on; what it was is freed. */
int COROUTINE_FN qcow2_set_entry(Qcow2Node *s, int64_t offset, uint64_t entry);
/** qcow2_flush_tables: flushes the file with all tables in their order. */
int COROUTINE_FN qcow2_flush_tables(Qcow2Node *s);
/** qcow2_unpack: the cluster that compressed @entry holds, into @buf. */
int COROUTINE_FN qcow2_unpack(Qcow2Node *s, uint64_t entry, uint8_t *buf);
void qcow2_tables_free(Qcow2Node *s);

/* qcow2_alloc.c; under the lock */
/** qcow2_alloc: a free cluster, counted once. */
int COROUTINE_FN qcow2_alloc(Qcow2Node *s, uint64_t *host);
/** qcow2_release: one entry fewer points to the clusters that @entry of an L2 table names. */
int COROUTINE_FN qcow2_release(Qcow2Node *s, uint64_t entry);

/** qcow2_create: makes @path an empty image of @size bytes, version 3, 64 KiB clusters. */
bool qcow2_create(int fd, int64_t size, GError **err);

#endif
