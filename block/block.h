/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block layer, device side: a BlockBackend is what a disk device holds; behind it stands a graph of BlockNodes (format
 * over protocol), each with a name. block/node.h is the inside.
 *
 * Requests are byte-granular coroutine calls; the asynchronous form serves devices that are state machines. A request
 * goes through the node's event loop. Errors are negative errno values.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include <sys/uio.h>

#include "core/coroutine.h"
#include "core/object.h"

typedef struct BlockNode BlockNode;
typedef struct BlockBackend BlockBackend;
typedef struct IoVec { struct iovec *iov; int count; size_t size; } IoVec;

typedef enum BlockPermission {
    BLOCK_PERM_READ = 1, BLOCK_PERM_WRITE = 2, BLOCK_PERM_WRITE_UNCHANGED = 4, BLOCK_PERM_RESIZE = 8,
    BLOCK_PERM_ALL = 15
} BlockPermission;

typedef enum BlockErrorAction { BLOCK_ERROR_REPORT, BLOCK_ERROR_IGNORE, BLOCK_ERROR_STOP } BlockErrorAction;

/** block_add: -blockdev / blockdev-add: @args as in BlockdevOptions, nested. Adds a named node. */
bool block_add(json_object *args, GError **err);
bool block_del(const char *node_name, GError **err);
/** block_drive_parse: -drive's text as block_drive_add() takes it; "file=NAME,file.locking=off" too. NULL, @err. */
json_object *block_drive_parse(const char *text, GError **err);
/** block_drive_add: -drive text's dictionary (file, format, if, id, index, media, readonly, cache, snapshot ...). */
bool block_drive_add(json_object *args, GError **err);
/** block_drive_delete: takes drive @id's image away, at once. A device that uses it goes on without a medium. */
bool block_drive_delete(const char *id, GError **err);

/* A -drive for the board to plug: taken by (interface, index). */
typedef struct DriveInfo {
    const char *id;
    const char *interface;
    int index;
    bool cdrom, read_only;
    BlockBackend *blk;
    bool claimed;
    bool is_default;                            /* nobody asked for it, so that it need not be claimed */
} DriveInfo;
DriveInfo *block_drive_get(const char *interface, int index);   /* and marks it claimed; NULL: none */
/** block_drive_add_default: a drive without medium as drive @index of @interface, unless there is one. */
void block_drive_add_default(const char *interface, int index, bool cdrom);
DriveInfo *block_drive_of(BlockBackend *blk);   /* NULL: not made by -drive */
/**
 * block_drive_set_units: how many units a bus of @interface has ("ide": 2 on pc, 1 on q35); bus= and unit= become index
 * by it.
 */
void block_drive_set_units(const char *interface, int units);
void block_drives_check(void);                  /* an if= drive that no board claimed is fatal */

/** block_backend_find: the drive with that id, or a back end on that node. NULL: none. Not referenced. */
BlockBackend *block_backend_find(const char *drive_id_or_node_name);
/** block_backend_attach: @dev begins to use @blk with @perm, letting others have @shared. One device at a time. */
bool block_backend_attach(BlockBackend *blk, Object *dev, BlockPermission perm, BlockPermission shared, GError **err);
/** block_backend_set_write_optional: from now on a new medium is attached for writing if it can be written. */
void block_backend_set_write_optional(BlockBackend *blk, bool on);
void block_backend_detach(BlockBackend *blk, Object *dev);      /* drains first */
bool block_backend_has_medium(BlockBackend *blk);
bool block_backend_read_only(BlockBackend *blk);
const char *block_backend_name(const BlockBackend *blk);        /* -drive's id, or "" */
bool block_backend_can_discard(BlockBackend *blk);              /* a discard frees space */
bool block_backend_write_cache(const BlockBackend *blk);
void block_backend_set_write_cache(BlockBackend *blk, bool on); /* off: a write is on stable storage when it ends */
BlockBackend *block_backend_new_empty(void);    /* without name and medium: of a drive that nothing was said of */
bool block_backend_removable(const BlockBackend *blk);          /* its medium can be changed */

/*
 * Changing media (medium.c). A device with a removable medium sets its BlockTrayOps when it has attached; all but
 * change_medium are NULL if it has no tray.
 */
typedef struct BlockTrayOps {
    void (*change_medium)(Object *dev, bool load);      /* the monitor closes (@load) or opens the tray */
    void (*eject_request)(Object *dev, bool force);     /* it wants to, and the guest has locked it */
    bool (*is_tray_open)(Object *dev);
    bool (*is_locked)(Object *dev);
} BlockTrayOps;
void block_backend_set_tray(BlockBackend *blk, const BlockTrayOps *ops);
void block_backend_tray_moved(BlockBackend *blk, bool open);    /* the guest has moved it */
extern void (*block_tray_moved_hook)(BlockBackend *blk, bool open);     /* set by the monitor */
bool block_backend_has_tray(const BlockBackend *blk);
bool block_backend_tray_open(const BlockBackend *blk);
bool block_backend_locked(const BlockBackend *blk);
/* What the monitor does; @name: what its user called the drive. @force: also if the guest has locked the tray. */
bool block_tray_open(BlockBackend *blk, const char *name, bool force, GError **err);
bool block_tray_close(BlockBackend *blk, const char *name, GError **err);
bool block_medium_remove(BlockBackend *blk, const char *name, GError **err);
bool block_medium_insert(BlockBackend *blk, const char *name, const char *node_name, GError **err);
typedef enum BlockReadOnlyMode { BLOCK_RETAIN, BLOCK_READ_ONLY, BLOCK_READ_WRITE } BlockReadOnlyMode;
/** block_medium_change: @format NULL: by content. Nothing has changed if the file cannot be opened. */
bool block_medium_change(BlockBackend *blk, const char *name, const char *filename, const char *format,
                         BlockReadOnlyMode mode, bool force, GError **err);
bool block_medium_eject(BlockBackend *blk, const char *name, bool force, GError **err);
/* QMP's BlockdevOnError. AUTO: what the drive says, else writes stop on a full disk and the rest is reported. */
typedef enum BlockOnError {
    BLOCK_ON_ERROR_REPORT, BLOCK_ON_ERROR_IGNORE, BLOCK_ON_ERROR_ENOSPC, BLOCK_ON_ERROR_STOP, BLOCK_ON_ERROR_AUTO
} BlockOnError;
extern const char *const block_on_error_names[];                /* "report", "ignore", "enospc", "stop", "auto" */
void block_backend_set_on_error(BlockBackend *blk, int werror, int rerror);     /* BlockOnError; AUTO changes nothing */
int64_t block_backend_length(BlockBackend *blk);                /* bytes or -errno */

int COROUTINE_FN block_co_preadv(BlockBackend *blk, int64_t offset, const IoVec *v);
int COROUTINE_FN block_co_pwritev(BlockBackend *blk, int64_t offset, const IoVec *v, bool fua);
int COROUTINE_FN block_co_flush(BlockBackend *blk);
int COROUTINE_FN block_co_discard(BlockBackend *blk, int64_t offset, int64_t bytes);
int COROUTINE_FN block_co_write_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes);   /* may unmap */
typedef struct BlockRequest BlockRequest;
typedef void BlockDoneFn(void *opaque, int ret);
/* Asynchronous; @v must live until @done, which runs in the back end's loop, never inside of the submitting call. */
BlockRequest *block_preadv(BlockBackend *blk, int64_t offset, const IoVec *v, BlockDoneFn *done, void *opaque);
BlockRequest *block_pwritev(BlockBackend *blk, int64_t offset, const IoVec *v, BlockDoneFn *done, void *opaque);
BlockRequest *block_flush(BlockBackend *blk, BlockDoneFn *done, void *opaque);
BlockRequest *block_discard(BlockBackend *blk, int64_t offset, int64_t bytes, BlockDoneFn *done, void *opaque);
BlockRequest *block_write_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes, BlockDoneFn *done, void *opaque);
/** block_cancel: asks an outstanding request to end soon; @done still runs. */
void block_cancel(BlockRequest *req);
/**
 * block_drain: waits, turning the loop, until no request of @blk is in flight. For the main loop's thread: a vCPU that
 * waits here waits for the main loop, which may be waiting for the vCPU to pause.
 */
void block_drain(BlockBackend *blk);
void block_drain_all(void);
bool block_flush_all(GError **err);             /* at exit and on stop */
void block_close_all(void);
/** block_error_action: what werror/rerror of the drive say about errno @error of a read or write. */
BlockErrorAction block_error_action(BlockBackend *blk, bool is_read, int error);
/*
 * How the requests of a device went since the machine was last told to go on: set where an error stops it. A device that
 * calls block_backend_keep_io_status() in realize() has one, as far as its drive may stop at all.
 */
typedef enum BlockIoStatus { BLOCK_IO_OK, BLOCK_IO_FAILED, BLOCK_IO_NO_SPACE } BlockIoStatus;
void block_backend_keep_io_status(BlockBackend *blk);
bool block_backend_io_status(const BlockBackend *blk, BlockIoStatus *status);   /* false: it has none */
void block_io_status_reset(void);               /* of all: the machine goes on */
/** block_error_act: tells the monitor of @action (BLOCK_IO_ERROR) and, if it is STOP, stops the machine. */
void block_error_act(BlockBackend *blk, BlockErrorAction action, bool is_read, int error);
/* Set by the monitor. */
extern void (*block_io_error_hook)(BlockBackend *blk, bool is_read, BlockErrorAction action, int error);
void block_print_info(GString *out);            /* `info block` */

/* drive= of a disk device: field is a BlockBackend *. */
extern const PropertyKind prop_kind_drive;
#define PROP_DRIVE(n, S, f, text, ...) PROP_ROW(n, prop_kind_drive, S, f, BlockBackend *, 0, text, ##__VA_ARGS__)

#endif
