/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands about disks and the nodes behind them. */
#include <errno.h>
#include <string.h>

#include "block/node.h"
#include "core/device.h"
#include "qapi/qapi.h"

void qmp_blockdev_add(json_object *args, GError **err)
{
    block_add(args, err);
}

void qmp_blockdev_del(const BlockdevDelArgs *args, GError **err)
{
    block_del(args->node_name, err);
}

static ImageInfo *image_info(BlockNode *n)
{
    ImageInfo *image = g_new0(ImageInfo, 1);
    int64_t length = block_node_length(n);
    image->filename = g_strdup(n->filename ? n->filename : "");
    image->format = g_strdup(block_driver_name(n));
    image->virtual_size = MAX(length, 0);
    return image;
}

static BlockDeviceInfo *node_info(BlockNode *n, bool write_cache)
{
    BlockDeviceInfo *info = g_new0(BlockDeviceInfo, 1);
    info->file = g_strdup(n->filename ? n->filename : "");
    info->node_name = g_strdup(n->node_name);
    info->ro = n->read_only;
    info->drv = g_strdup(block_driver_name(n));
    info->children = blockdev_child_list_new();
    for (guint i = 0; n->children && i < n->children->len; i++) {
        const BlockChild *c = n->children->pdata[i];
        BlockdevChild *child = g_new0(BlockdevChild, 1);
        child->child = g_strdup(c->name);
        child->node_name = g_strdup(c->node->node_name);
        g_ptr_array_add(info->children, child);
    }
    info->active = n->active;
    G_STATIC_ASSERT((int)DETECT_ZEROES_UNMAP == (int)BLOCKDEV_DETECT_ZEROES_OPTIONS_UNMAP);
    info->detect_zeroes = n->detect_zeroes;
    info->image = image_info(n);
    info->cache = g_new0(BlockdevCacheInfo, 1);
    info->cache->writeback = write_cache;
    info->cache->direct = n->cache_direct;
    info->cache->no_flush = n->cache_no_flush;
    return info;
}

static void list_node(BlockNode *n, void *list)
{
    g_ptr_array_add(list, node_info(n, true));
}

GPtrArray *qmp_query_named_block_nodes(const QueryNamedBlockNodesArgs *args, GError **err)
{
    GPtrArray *list = block_device_info_list_new();
    block_node_foreach(list_node, list);
    return list;
}

/* The id of the device that uses @blk, or its path. */
static char *user_name(const BlockBackend *blk)
{
    if (object_is_a(blk->dev, &device_type.type) && ((Device *)blk->dev)->id) {
        return g_strdup(((Device *)blk->dev)->id);
    }
    return object_path(blk->dev);
}

static void list_backend(BlockBackend *blk, void *list)
{
    BlockNode *n = block_backend_node(blk);
    if (!blk->dev && !*blk->name) {
        return;
    }
    BlockInfo *info = g_new0(BlockInfo, 1);
    info->device = g_strdup(blk->name);
    info->qdev = blk->dev ? user_name(blk) : NULL;
    info->type = g_strdup("unknown");
    info->removable = block_backend_removable(blk);
    info->locked = block_backend_locked(blk);
    info->has_tray_open = block_backend_has_tray(blk);
    info->tray_open = block_backend_tray_open(blk);
    BlockIoStatus status;
    info->has_io_status = block_backend_io_status(blk, &status);
    info->io_status = status == BLOCK_IO_OK ? BLOCK_DEVICE_IO_STATUS_OK : status == BLOCK_IO_FAILED ?
        BLOCK_DEVICE_IO_STATUS_FAILED : BLOCK_DEVICE_IO_STATUS_NOSPACE;
    info->inserted = n ? node_info(n, blk->write_cache) : NULL;
    g_ptr_array_add(list, info);
}

GPtrArray *qmp_query_block(const QueryBlockArgs *args, GError **err)
{
    GPtrArray *list = block_info_list_new();
    block_backend_foreach(list_backend, list);
    return list;
}

/* Statistics */

static BlockDeviceStats *stats_of(const BlockBackend *blk)
{
    BlockDeviceStats *s = g_new0(BlockDeviceStats, 1);
    s->timed_stats = block_device_timed_stats_list_new();
    if (!blk) {                                 /* a node counts nothing by itself */
        return s;
    }
    const BlockAccount *a = blk->accounts;
    s->rd_bytes = a[BLOCK_COUNT_READ].bytes;
    s->rd_operations = a[BLOCK_COUNT_READ].operations;
    s->rd_total_time_ns = a[BLOCK_COUNT_READ].time_ns;
    s->failed_rd_operations = a[BLOCK_COUNT_READ].failed;
    s->invalid_rd_operations = a[BLOCK_COUNT_READ].invalid;
    s->wr_bytes = a[BLOCK_COUNT_WRITE].bytes;
    s->wr_operations = a[BLOCK_COUNT_WRITE].operations;
    s->wr_total_time_ns = a[BLOCK_COUNT_WRITE].time_ns;
    s->failed_wr_operations = a[BLOCK_COUNT_WRITE].failed;
    s->invalid_wr_operations = a[BLOCK_COUNT_WRITE].invalid;
    s->flush_operations = a[BLOCK_COUNT_FLUSH].operations;
    s->flush_total_time_ns = a[BLOCK_COUNT_FLUSH].time_ns;
    s->failed_flush_operations = a[BLOCK_COUNT_FLUSH].failed;
    s->invalid_flush_operations = a[BLOCK_COUNT_FLUSH].invalid;
    s->unmap_bytes = a[BLOCK_COUNT_DISCARD].bytes;
    s->unmap_operations = a[BLOCK_COUNT_DISCARD].operations;
    s->unmap_total_time_ns = a[BLOCK_COUNT_DISCARD].time_ns;
    s->failed_unmap_operations = a[BLOCK_COUNT_DISCARD].failed;
    s->invalid_unmap_operations = a[BLOCK_COUNT_DISCARD].invalid;
    s->wr_highest_offset = blk->highest_write;
    s->has_idle_time_ns = blk->last_end_ns != 0;
    s->idle_time_ns = clock_ns(CLOCK_RT) - blk->last_end_ns;
    s->account_invalid = s->account_failed = true;
    return s;
}

/* Of @n with what is below it; @blk: who counts for it. */
static BlockStats *node_stats(BlockNode *n, const BlockBackend *blk)
{
    BlockStats *b = g_new0(BlockStats, 1);
    b->stats = stats_of(blk);
    b->node_name = n ? g_strdup(n->node_name) : NULL;
    for (guint i = 0; n && n->children && i < n->children->len; i++) {
        const BlockChild *c = n->children->pdata[i];
        if (!strcmp(c->name, "file")) {
            b->parent = node_stats(c->node, NULL);
        } else if (!strcmp(c->name, "backing")) {
            b->backing = node_stats(c->node, NULL);
        }
    }
    return b;
}

static void list_backend_stats(BlockBackend *blk, void *list)
{
    if (!blk->dev && !*blk->name) {
        return;
    }
    BlockStats *b = node_stats(block_backend_node(blk), blk);
    b->device = g_strdup(blk->name);
    b->qdev = blk->dev ? user_name(blk) : NULL;
    g_ptr_array_add(list, b);
}

typedef struct NodeUser { BlockNode *node; const BlockBackend *blk; } NodeUser;

static void find_user(BlockBackend *blk, void *opaque)
{
    NodeUser *u = opaque;
    if (block_backend_node(blk) == u->node) {
        u->blk = blk;
    }
}

static void list_node_stats(BlockNode *n, void *list)
{
    NodeUser u = { n, NULL };
    block_backend_foreach(find_user, &u);
    g_ptr_array_add(list, node_stats(n, u.blk));
}

GPtrArray *qmp_query_blockstats(const QueryBlockstatsArgs *args, GError **err)
{
    GPtrArray *list = block_stats_list_new();
    if (args->has_query_nodes && args->query_nodes) {
        block_node_foreach(list_node_stats, list);
    } else {
        block_backend_foreach(list_backend_stats, list);
    }
    return list;
}

/* Size */

typedef struct Resize { BlockNode *node; int64_t bytes; int ret; } Resize;

static void COROUTINE_FN resize_run(void *opaque)
{
    Resize *r = opaque;
    r->ret = block_node_truncate(r->node, r->bytes);
}

void qmp_block_resize(const BlockResizeArgs *args, GError **err)
{
    BlockBackend *blk = args->device ? block_backend_find(args->device) : NULL;
    BlockNode *n = args->node_name ? block_node_find(args->node_name) : blk ? block_backend_node(blk) : NULL;
    if (!args->device == !args->node_name) {
        error_set(err, "Need exactly one of 'device' and 'node-name'");
        return;
    }
    if (!n) {
        if (args->node_name) {
            error_set(err, "Cannot find device='' nor node-name='%s'", args->node_name);
        } else if (blk) {
            error_set(err, "Device '%s' has no medium", args->device);
        } else {
            g_set_error(err, RHEA_ERROR, ERR_DEVICE_NOT_FOUND, "Device '%s' not found", args->device);
        }
        return;
    }
    if (args->size < 0) {
        error_set(err, "Parameter 'size' expects a >0 size");
        return;
    }
    Resize r = { n, (args->size + BLOCK_SECTOR_BYTES - 1) & -(int64_t)BLOCK_SECTOR_BYTES };
    coroutine_run_sync(resize_run, &r);
    if (r.ret == -ENOTSUP) {
        error_set(err, "Image format driver '%s' does not support resize", block_driver_name(n));
    } else if (r.ret == -EPERM) {
        error_set(err, "Block node '%s' is read-only", n->node_name);
    } else if (r.ret < 0) {
        error_set_errno(err, -r.ret, "Could not resize '%s'", n->node_name);
    }
}
