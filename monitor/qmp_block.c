/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands about disks and the nodes behind them. */
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
    info->inserted = n ? node_info(n, blk->write_cache) : NULL;
    g_ptr_array_add(list, info);
}

GPtrArray *qmp_query_block(const QueryBlockArgs *args, GError **err)
{
    GPtrArray *list = block_info_list_new();
    block_backend_foreach(list_backend, list);
    return list;
}
