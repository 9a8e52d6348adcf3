/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the block layer: nodes, edges, permissions, drivers.
 *
 *   BlockBackend --edge "root"--> BlockNode (raw) --edge "file"--> BlockNode (file)      requests go from left to right
 *
 * A node is an Object whose type is its BlockDriver: options of -blockdev are its properties. An edge (BlockChild)
 * holds a reference on its child and says what the parent does with it (`perm`) and lets others do (`shared`).
 * Invariants:
 *   - for any two edges of one child: perm of one is within shared of the other;
 *   - what a node does with its children follows from what is done with it (driver's child_perm);
 *   - a driver has agreed (check_perm, set_perm: file locks) to the union of perms and the intersection of shared.
 * perm.c keeps them: a change is tried on the whole graph below and undone on failure.
 *
 * Everything here runs in the main loop's context under the big lock; only what a driver hands to worker_co_run() is
 * outside of it. A node's `loop` is where its requests run; today always the main loop.
 */
#ifndef BLOCK_NODE_H
#define BLOCK_NODE_H

#include "block/block.h"

#define BLOCK_SECTOR_BYTES 512
#define BLOCK_MAX_REQUEST_BYTES (INT32_MAX & ~(BLOCK_SECTOR_BYTES - 1))
#define BLOCK_TYPE_PREFIX "block-"

typedef struct BlockChild BlockChild;
typedef struct BlockDriver BlockDriver;
typedef struct BlockTracked BlockTracked;

typedef enum BlockFlags { BLOCK_FUA = 1, BLOCK_MAY_UNMAP = 2 } BlockFlags;
typedef enum DiscardMode { DISCARD_IGNORE, DISCARD_UNMAP } DiscardMode;
typedef enum DetectZeroes { DETECT_ZEROES_OFF, DETECT_ZEROES_ON, DETECT_ZEROES_UNMAP } DetectZeroes;

/* A child that a driver has: the option that names or describes it. */
typedef struct BlockChildSlot { const char *name; bool optional; } BlockChildSlot;

struct BlockDriver {
    union { Type type; struct Type; };          /* .name is BLOCK_TYPE_PREFIX and the name in -blockdev driver= */
    const BlockChildSlot *children;             /* ended by { }; the first is the one that holds the data */
    /* Children are open. Sets up limits and may turn the node read-only if it is auto-read-only. */
    bool (*open)(BlockNode *n, GError **err);
    void (*close)(BlockNode *n);                /* only after a successful open; no request is in flight */
    /* What @child is used for, given what is done with the node; NULL: the same as is done with the node. */
    void (*child_perm)(BlockNode *n, BlockChild *child, unsigned perm, unsigned shared, unsigned *child_perm,
                       unsigned *child_shared);
    /* Prepares for @perm and @shared (take locks, keep the old ones too); then one of the other two. */
    bool (*check_perm)(BlockNode *n, unsigned perm, unsigned shared, GError **err);
    void (*set_perm)(BlockNode *n, unsigned perm, unsigned shared);
    void (*abort_perm)(BlockNode *n, unsigned perm, unsigned shared);   /* back to @perm and @shared */
    int64_t (*length)(BlockNode *n);            /* bytes or -errno */
    /*
     * Requests, aligned to request_bytes; @v has exactly the request's size. 0 or -errno. Reads past the end give
     * zeros.
     */
    int COROUTINE_FN (*co_preadv)(BlockNode *n, int64_t offset, const IoVec *v);
    int COROUTINE_FN (*co_pwritev)(BlockNode *n, int64_t offset, const IoVec *v, unsigned flags);
    /* -ENOTSUP: write them */
    int COROUTINE_FN (*co_write_zeroes)(BlockNode *n, int64_t offset, int64_t bytes, unsigned flags);
    int COROUTINE_FN (*co_discard)(BlockNode *n, int64_t offset, int64_t bytes);
    int COROUTINE_FN (*co_truncate)(BlockNode *n, int64_t length);
    int COROUTINE_FN (*co_flush)(BlockNode *n);
    void (*refresh_filename)(BlockNode *n);     /* NULL: first child's */
};

struct BlockChild {
    BlockNode *node;                            /* referenced */
    BlockNode *parent;                          /* one of the two is set */
    BlockBackend *backend;
    const char *name;                           /* "file", "root" */
    unsigned perm, shared;
};

struct BlockNode {
    Object object;
    char *node_name;                            /* given, or "#blockN" */
    char *filename;
    EventLoop *loop;
    GPtrArray *children, *parents;              /* BlockChild * */
    bool opened, monitor_owned;
    bool no_backing;                            /* backing=null was given */
    bool probed;                                /* raw because nothing else was recognised */
    unsigned perm, shared;                      /* agreed with the driver */
    /* options */
    char *node_name_option;
    bool read_only, auto_read_only, force_share, cache_direct, cache_no_flush, active;
    int discard, detect_zeroes;
    /* limits, set by open */
    uint32_t request_bytes;                     /* offset and size of a request are multiples; power of two */
    uint32_t memory_bytes;                      /* buffers are aligned so */
    /* requests */
    GPtrArray *tracked;                         /* BlockTracked *: in flight */
    unsigned in_flight, quiesced;
    CoQueue resume;                             /* of those that came while quiesced */
    uint64_t writes_begun, writes_flushed;      /* a flush with nothing new to flush is skipped */
};

extern const BlockDriver block_node_type;       /* "block-node", abstract: the options all drivers have */
#define block_driver(n) ((const BlockDriver *)(n)->object.type)
static inline const char *block_driver_name(const BlockNode *n)
{
    return n->object.type->name + sizeof(BLOCK_TYPE_PREFIX) - 1;
}

/* ---- graph (node.c) ---- */

/**
 * block_node_open: makes a node with its children from @options (BlockdevOptions; may hold nested objects and
 * references). Returns a reference.
 */
BlockNode *block_node_open(json_object *options, GError **err);
/**
 * block_node_option_known: whether @driver, opened with its children, takes option @name; feeds @near (may be NULL)
 * with all.
 */
bool block_node_option_known(const char *driver, const char *name, NearestWord *near);
const BlockDriver *block_driver_find(const char *name, GError **err);   /* the error names the nearest */
BlockNode *block_node_find(const char *node_name);
void block_node_foreach(void (*fn)(BlockNode *n, void *opaque), void *opaque);
void block_node_unref(BlockNode *n);
void block_nodes_release(void);                 /* the monitor lets go of all its nodes: at exit */
static inline BlockNode *block_node_ref(BlockNode *n) { return (BlockNode *)object_ref(OBJECT(n)); }
static inline BlockNode *block_first_child(BlockNode *n) { return ((BlockChild *)n->children->pdata[0])->node; }
int64_t block_node_length(BlockNode *n);        /* rounded up to a sector; or -errno */

/* ---- permissions (perm.c) ---- */

/** block_child_attach: a new edge to @node (references it) if all permissions agree. */
BlockChild *block_child_attach(BlockNode *node, BlockNode *parent, BlockBackend *backend, const char *name,
                               unsigned perm, unsigned shared, GError **err);
void block_child_detach(BlockChild *child);     /* and drops the reference */
bool block_child_set_perm(BlockChild *child, unsigned perm, unsigned shared, GError **err);
char *block_perm_names(unsigned perm);          /* "read, write"; g_free() */
char *block_child_user(const BlockChild *child);        /* who the parent is, in words; g_free() */

/* ---- requests on a node (io.c): what BlockBackend and parents call ---- */

int COROUTINE_FN block_node_preadv(BlockNode *n, int64_t offset, const IoVec *v);
int COROUTINE_FN block_node_pwritev(BlockNode *n, int64_t offset, const IoVec *v, unsigned flags);
int COROUTINE_FN block_node_write_zeroes(BlockNode *n, int64_t offset, int64_t bytes, unsigned flags);
int COROUTINE_FN block_node_discard(BlockNode *n, int64_t offset, int64_t bytes);
int COROUTINE_FN block_node_flush(BlockNode *n);
int COROUTINE_FN block_node_truncate(BlockNode *n, int64_t length);
/* Between begin and end no request of @n or a parent's path through it is in flight, and new ones wait. Nests. */
void block_drained_begin(BlockNode *n);
void block_drained_end(BlockNode *n);
bool block_iov_is_zero(const IoVec *v);
void *block_buffer_alloc(BlockNode *n, size_t bytes);   /* aligned for @n; free() it. NULL: no memory */

/*
 * Rehearsal of failure, for tests: the Nth request of a sort at any node without children fails with `error`. 0: off.
 * QEMU-style images of trouble (blkdebug) are a driver of their own.
 */
typedef enum BlockInjectKind {
    BLOCK_INJECT_READ, BLOCK_INJECT_WRITE, BLOCK_INJECT_FLUSH, BLOCK_INJECT_COUNT
} BlockInjectKind;
extern struct BlockInject { unsigned countdown[BLOCK_INJECT_COUNT]; unsigned repeat; int error; } block_inject;

/* ---- format by content (probe.c) ---- */

/** block_probe: the format whose signature @head begins with ("qcow2", ...); "raw" if none. */
const char *block_probe(const uint8_t *head, size_t len);

/* ---- back ends ---- */

typedef enum BlockCount { BLOCK_COUNT_READ, BLOCK_COUNT_WRITE, BLOCK_COUNT_FLUSH, BLOCK_COUNT_DISCARD, BLOCK_COUNTS } BlockCount;
/* What a device has asked for. */
typedef struct BlockAccount { uint64_t bytes, operations, failed, invalid; int64_t time_ns; } BlockAccount;

struct BlockBackend {
    Object object;
    char *name;                                 /* -drive's id; "" for one made for a node */
    BlockChild *root;                           /* NULL: no medium */
    Object *dev;                                /* who uses it; NULL: nobody */
    unsigned perm, shared;
    bool write_cache;                           /* false: every write goes to stable storage before it ends */
    bool read_only;                             /* asked for, also while there is no medium */
    int werror, rerror;                         /* BlockOnError */
    bool keeps_io_status;                       /* the device takes part in the next */
    BlockIoStatus io_status;
    unsigned in_flight;
    BlockAccount accounts[BLOCK_COUNTS];
    int64_t last_end_ns;                        /* of a request; 0: there was none */
    int64_t highest_write;                      /* end of the highest write */
    DriveInfo *drive;                           /* NULL: not by -drive */
    const BlockTrayOps *tray;                   /* NULL: the medium is fixed */
    bool write_optional;                        /* BLOCK_PERM_WRITE comes and goes with media that can be written */
};

extern const Type block_backend_type;
BlockBackend *block_backend_new(const char *name);      /* in the list of all until the last reference goes */
/** block_backend_insert: puts @node (referenced) behind @blk. */
bool block_backend_insert(BlockBackend *blk, BlockNode *node, GError **err);
void block_backend_eject(BlockBackend *blk);
/** block_drive_open_file: a node on @filename, as -drive would make it. @format NULL: by content. A reference. */
BlockNode *block_drive_open_file(const char *filename, const char *format, bool read_only, GError **err);
void block_backend_request_begin(BlockBackend *blk);    /* counted for block_drain() */
void block_backend_request_end(BlockBackend *blk);
void block_backend_foreach(void (*fn)(BlockBackend *blk, void *opaque), void *opaque);
static inline BlockNode *block_backend_node(BlockBackend *blk) { return blk->root ? blk->root->node : NULL; }

#endif
