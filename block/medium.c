/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives whose medium can be changed: the monitor's side of tray and medium.
 *
 *   change = open the tray, take the medium out, put another in, close the tray
 *
 * A drive with a tray (CD) says by BlockTrayOps where it is and whether the guest has locked it; one without (floppy)
 * only hears that its medium has come or gone. A back end that no device uses takes media as if its tray were open.
 */
#include "block/node.h"

void (*block_tray_moved_hook)(BlockBackend *blk, bool open);

void block_backend_set_tray(BlockBackend *blk, const BlockTrayOps *ops) { blk->tray = ops; }

void block_backend_tray_moved(BlockBackend *blk, bool open)
{
    if (block_tray_moved_hook) {
        block_tray_moved_hook(blk, open);
    }
}

bool block_backend_removable(const BlockBackend *blk) { return !blk->dev || blk->tray; }
bool block_backend_has_tray(const BlockBackend *blk) { return blk->dev && blk->tray && blk->tray->is_tray_open; }
bool block_backend_tray_open(const BlockBackend *blk)
{
    return block_backend_has_tray(blk) && blk->tray->is_tray_open(blk->dev);
}
bool block_backend_locked(const BlockBackend *blk)
{
    return blk->dev && blk->tray && blk->tray->is_locked && blk->tray->is_locked(blk->dev);
}

static bool check_removable(const BlockBackend *blk, const char *name, GError **err)
{
    return block_backend_removable(blk) || error_set(err, "Device '%s' is not removable", name);
}

/* Tells the device, and the world if that moved the tray. */
static void tell_device(BlockBackend *blk, bool load)
{
    bool open = block_backend_tray_open(blk);

    if (blk->dev && blk->tray) {
        blk->tray->change_medium(blk->dev, load);
        if (block_backend_has_tray(blk) && block_backend_tray_open(blk) != open) {
            block_backend_tray_moved(blk, !open);
        }
    }
}

/* As block_tray_open(), but having no tray is no mistake. */
static bool open_tray(BlockBackend *blk, const char *name, bool force, GError **err)
{
    bool locked = block_backend_locked(blk);

    if (!block_backend_has_tray(blk) || block_backend_tray_open(blk)) {
        return true;
    }
    if (locked) {
        blk->tray->eject_request(blk->dev, force);
    }
    if (locked && !force) {
        return error_set(err, "Device '%s' is locked and force was not specified, wait for tray to open and try again",
                         name);
    }
    tell_device(blk, false);
    return true;
}

bool block_tray_open(BlockBackend *blk, const char *name, bool force, GError **err)
{
    if (!check_removable(blk, name, err)) {
        return false;
    }
    if (!block_backend_has_tray(blk)) {
        return error_set(err, "Device '%s' does not have a tray", name);
    }
    return open_tray(blk, name, force, err);
}

bool block_tray_close(BlockBackend *blk, const char *name, GError **err)
{
    if (!check_removable(blk, name, err)) {
        return false;
    }
    if (block_backend_tray_open(blk)) {
        tell_device(blk, true);
    }
    return true;
}

static bool check_reachable(BlockBackend *blk, const char *name, GError **err)
{
    if (!check_removable(blk, name, err)) {
        return false;
    }
    return !block_backend_has_tray(blk) || block_backend_tray_open(blk) ||
           error_set(err, "Tray of device '%s' is not open", name);
}

bool block_medium_remove(BlockBackend *blk, const char *name, GError **err)
{
    if (!check_reachable(blk, name, err)) {
        return false;
    }
    if (blk->root) {
        block_backend_eject(blk);
        if (!block_backend_has_tray(blk)) {
            tell_device(blk, false);
        }
    }
    return true;
}

static bool insert_node(BlockBackend *blk, BlockNode *n, const char *name, GError **err)
{
    if (!check_reachable(blk, name, err)) {
        return false;
    }
    if (blk->root) {
        return error_set(err, "There already is a medium in device '%s'", name);
    }
    if (!block_backend_insert(blk, n, err)) {
        return false;
    }
    blk->read_only = n->read_only;
    if (!block_backend_has_tray(blk)) {
        tell_device(blk, true);
    }
    return true;
}

bool block_medium_insert(BlockBackend *blk, const char *name, const char *node_name, GError **err)
{
    BlockNode *n = block_node_find(node_name);

    if (!n) {
        return error_set(err, "Node '%s' not found", node_name);
    }
    for (guint i = 0; i < n->parents->len; i++) {
        if (((BlockChild *)n->parents->pdata[i])->backend) {
            return error_set(err, "Node '%s' is already in use", node_name);
        }
    }
    return insert_node(blk, n, name, err);
}

bool block_medium_change(BlockBackend *blk, const char *name, const char *filename, const char *format,
                         BlockReadOnlyMode mode, bool force, GError **err)
{
    bool read_only = mode == BLOCK_RETAIN ? block_backend_read_only(blk) : mode == BLOCK_READ_ONLY, ok;
    BlockNode *n;

    if (!check_removable(blk, name, err)) {
        return false;
    }
    n = block_drive_open_file(filename, format, read_only, err);
    if (!n) {
        return false;
    }
    ok = open_tray(blk, name, force, err) && block_medium_remove(blk, name, err) && insert_node(blk, n, name, err);
    block_node_unref(n);
    return ok && block_tray_close(blk, name, err);
}

bool block_medium_eject(BlockBackend *blk, const char *name, bool force, GError **err)
{
    return check_removable(blk, name, err) && open_tray(blk, name, force, err) && block_medium_remove(blk, name, err);
}
