/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `info block`: each back end that has a drive or a device, and its image. */
#include "block/node.h"

static void print_cache(GString *out, const BlockBackend *blk, const BlockNode *n)
{
    g_string_append_printf(out, "    Cache mode:       %s%s%s\n", blk->write_cache ? "writeback" : "writethrough",
                           n->cache_direct ? ", direct" : "", n->cache_no_flush ? ", ignore flushes" : "");
}

/* A device that the user named is called by its id. */
static const char *device_name(const char *path)
{
    static const char peripheral[] = "/machine/peripheral/";

    return g_str_has_prefix(path, peripheral) ? path + sizeof(peripheral) - 1 : path;
}

static void print_one(BlockBackend *blk, void *opaque)
{
    GString *out = opaque;
    BlockNode *n = block_backend_node(blk);
    g_autofree char *path = blk->dev ? object_path(blk->dev) : NULL;

    if (out->len) {
        g_string_append_c(out, '\n');
    }
    g_string_append(out, *blk->name ? blk->name : path ? device_name(path) : n ? n->node_name : "");
    if (!n) {
        g_string_append(out, ": [not inserted]\n");
    } else {
        g_string_append_printf(out, " (%s): %s (%s%s)\n", n->node_name, n->filename ? n->filename : "",
                               block_driver_name(n), n->read_only ? ", read-only" : "");
    }
    if (path) {
        g_string_append_printf(out, "    Attached to:      %s\n", device_name(path));
    }
    if (blk->dev && block_backend_removable(blk)) {
        g_string_append_printf(out, "    Removable device: %slocked", block_backend_locked(blk) ? "" : "not ");
        g_string_append_printf(out, ", tray %s\n", block_backend_tray_open(blk) ? "open" : "closed");
    }
    if (n) {
        print_cache(out, blk, n);
        if (n->detect_zeroes != DETECT_ZEROES_OFF) {
            g_string_append_printf(out, "    Detect zeroes:    %s\n",
                                   n->detect_zeroes == DETECT_ZEROES_ON ? "on" : "unmap");
        }
    }
}

void block_print_info(GString *out)
{
    block_backend_foreach(print_one, out);
}
