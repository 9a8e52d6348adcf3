/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that change media, QMP's and HMP's, and the event that tells of moving trays. */
#include <string.h>

#include "block/node.h"
#include "core/device.h"
#include "core/option.h"
#include "monitor/hmp.h"
#include "qapi/qapi.h"

typedef struct FindUser { Object *dev; BlockBackend *blk; } FindUser;

static void find_user(BlockBackend *blk, void *opaque)
{
    FindUser *f = opaque;

    if (blk->dev == f->dev) {
        f->blk = blk;
    }
}

static BlockBackend *of_device(const char *id, GError **err)
{
    Device *dev = device_find(id);
    FindUser f = { OBJECT(dev), NULL };

    if (!dev) {
        g_set_error(err, RHEA_ERROR, ERR_DEVICE_NOT_FOUND, "Device '%s' not found", id);
        return NULL;
    }
    block_backend_foreach(find_user, &f);
    if (!f.blk) {
        error_set(err, "Device '%s' does not have a block device backend", id);
    }
    return f.blk;
}

/* The drive that a command means; *@name: as its user calls it. */
static BlockBackend *find_drive(const char *device, const char *id, const char **name, GError **err)
{
    BlockBackend *blk;

    *name = device ? device : id;
    if (!device == !id) {
        error_set(err, "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    if (id) {
        return of_device(id, err);
    }
    blk = block_backend_find(device);
    if (!blk) {
        g_set_error(err, RHEA_ERROR, ERR_DEVICE_NOT_FOUND, "Device '%s' not found", device);
    }
    return blk;
}

void qmp_eject(const EjectArgs *args, GError **err)
{
    const char *name;
    BlockBackend *blk = find_drive(args->device, args->id, &name, err);

    if (blk) {
        block_medium_eject(blk, name, args->force, err);
    }
}

void qmp_blockdev_open_tray(const BlockdevOpenTrayArgs *args, GError **err)
{
    const char *name;
    BlockBackend *blk = find_drive(args->device, args->id, &name, err);

    if (blk) {
        block_tray_open(blk, name, args->force, err);
    }
}

void qmp_blockdev_close_tray(const BlockdevCloseTrayArgs *args, GError **err)
{
    const char *name;
    BlockBackend *blk = find_drive(args->device, args->id, &name, err);

    if (blk) {
        block_tray_close(blk, name, err);
    }
}

void qmp_blockdev_remove_medium(const BlockdevRemoveMediumArgs *args, GError **err)
{
    BlockBackend *blk = of_device(args->id, err);

    if (blk) {
        block_medium_remove(blk, args->id, err);
    }
}

void qmp_blockdev_insert_medium(const BlockdevInsertMediumArgs *args, GError **err)
{
    BlockBackend *blk = of_device(args->id, err);

    if (blk) {
        block_medium_insert(blk, args->id, args->node_name, err);
    }
}

void qmp_blockdev_change_medium(const BlockdevChangeMediumArgs *args, GError **err)
{
    const char *name;
    BlockBackend *blk = find_drive(args->device, args->id, &name, err);

    G_STATIC_ASSERT((int)BLOCK_READ_WRITE == (int)CHANGE_READ_ONLY_MODE_READ_WRITE);
    if (blk) {
        block_medium_change(blk, name, args->filename, args->format, (BlockReadOnlyMode)args->read_only_mode, args->force,
                            err);
    }
}

/* HMP's -f is QMP's force. */
static void run_forced(const char *command, json_object *args, GError **err)
{
    json_object *force;

    if (json_object_object_get_ex(args, "f", &force)) {
        json_object_object_add(args, "force", json_object_get(force));
        json_object_object_del(args, "f");
    }
    json_object_put(hmp_qmp(command, args, err));
}

void hmp_eject(Monitor *mon, json_object *args, GError **err) { run_forced("eject", args, err); }
void hmp_change(Monitor *mon, json_object *args, GError **err) { run_forced("blockdev-change-medium", args, err); }

typedef struct Completion { const char *prefix; GPtrArray *candidates; } Completion;

static void offer_drive(BlockBackend *blk, void *opaque)
{
    const Completion *c = opaque;

    if (*block_backend_name(blk)) {
        hmp_offer(c->prefix, block_backend_name(blk), c->candidates);
    }
}

void hmp_complete_drive(const char *prefix, GPtrArray *candidates)
{
    block_backend_foreach(offer_drive, &(Completion){ prefix, candidates });
}

static void tray_moved(BlockBackend *blk, bool open)
{
    Device *dev = (Device *)blk->dev;
    g_autofree char *path = dev->id ? g_strdup(dev->id) : object_path(blk->dev);

    qapi_event_send_device_tray_moved(block_backend_name(blk), path, open);
}

static void io_error(BlockBackend *blk, bool is_read, BlockErrorAction action, int error)
{
    static const IoErrorAction actions[] = {
        [BLOCK_ERROR_IGNORE] = IO_ERROR_ACTION_IGNORE, [BLOCK_ERROR_REPORT] = IO_ERROR_ACTION_REPORT,
        [BLOCK_ERROR_STOP] = IO_ERROR_ACTION_STOP,
    };
    int write_policy = blk->werror, read_policy = blk->rerror;
    bool tells_space = write_policy == BLOCK_ON_ERROR_AUTO || write_policy == BLOCK_ON_ERROR_ENOSPC ||
                       write_policy == BLOCK_ON_ERROR_STOP || read_policy == BLOCK_ON_ERROR_STOP;
    g_autofree char *path = blk->dev ? object_path(blk->dev) : g_strdup("");

    qapi_event_send_block_io_error(path, block_backend_name(blk), blk->root ? blk->root->node->node_name : NULL,
                                   is_read ? IO_OPERATION_READ : IO_OPERATION_WRITE, actions[action], tells_space,
                                   error == ENOSPC, g_strerror(error));
}

void medium_events_init(void)
{
    block_tray_moved_hook = tray_moved;
    block_io_error_hook = io_error;
}

/* Drives of the human monitor: no device comes with them. */

static void drive_add(Monitor *mon, json_object *dict, bool as_node, GError **err)
{
    const char *interface = dict_str(dict, "if");

    if (as_node && !dict_str(dict, "node-name")) {
        error_set(err, "drive_add -n makes a block node, which needs a node-name");
    } else if (as_node) {
        block_add(dict, err);
    } else if (!interface || strcmp(interface, "none")) {
        error_set(err, "Can't hot-add drive of if=%s: give if=none, and a device by device_add",
                  interface ? interface : "ide");
    } else if (block_drive_add(dict, err)) {
        monitor_puts(mon, "OK\n");
    }
}

void hmp_drive_add(Monitor *mon, json_object *args, GError **err)
{
    json_object *dict = block_drive_parse(dict_str(args, "opts"), err);

    if (dict) {
        drive_add(mon, dict, json_object_object_get(args, "n"), err);
        json_object_put(dict);
    }
}

void hmp_drive_del(Monitor *mon, json_object *args, GError **err)
{
    block_drive_delete(dict_str(args, "id"), err);
}
