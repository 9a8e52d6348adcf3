/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BlockBackend: a disk device's end of the graph.
 *
 * A request is checked here against the size of the disk, counted (for block_drain()), and becomes a coroutine; from
 * there it belongs to the node. `done` of the asynchronous form never runs inside of the call that submits: it comes
 * from the loop, also when the request fails at once, so that a device's state machine need not be re-entrant.
 */
#include <errno.h>
#include <string.h>

#include "block/node.h"
#include "core/vm.h"

struct BlockRequest {
    BlockBackend *blk;
    enum { REQ_READ, REQ_WRITE, REQ_FLUSH, REQ_DISCARD, REQ_ZERO } kind;
    int64_t offset, bytes;
    const IoVec *v;
    BlockDoneFn *done;
    void *opaque;
    int ret;
    bool submitted;                             /* the submitting call has returned */
    bool finished, cancelled;
};

void (*block_io_error_hook)(BlockBackend *blk, bool is_read, BlockErrorAction action, int error);

static GPtrArray *all_backends;                 /* not referenced */

/* ---- life ---- */

BlockBackend *block_backend_new(const char *name)
{
    BlockBackend *blk = (BlockBackend *)object_new(&block_backend_type);

    blk->name = g_strdup(name);
    return blk;
}

BlockBackend *block_backend_new_empty(void) { return block_backend_new(""); }

static void backend_init(Object *obj)
{
    BlockBackend *blk = (BlockBackend *)obj;

    blk->shared = BLOCK_PERM_ALL;
    blk->write_cache = true;
    blk->werror = blk->rerror = BLOCK_ON_ERROR_AUTO;
    if (!all_backends) {
        all_backends = g_ptr_array_new();
    }
    g_ptr_array_add(all_backends, blk);
}

static void backend_finalize(Object *obj)
{
    BlockBackend *blk = (BlockBackend *)obj;

    block_backend_eject(blk);
    g_ptr_array_remove(all_backends, blk);
    g_free(blk->name);
}

const Type block_backend_type = {
    .name = "block-backend", .parent = &object_type, .size = sizeof(BlockBackend),
    .description = "a disk device's end of the block graph", .init = backend_init, .finalize = backend_finalize,
};

void block_backend_foreach(void (*fn)(BlockBackend *blk, void *opaque), void *opaque)
{
    for (guint i = 0; all_backends && i < all_backends->len; i++) {
        fn(all_backends->pdata[i], opaque);
    }
}

bool block_backend_insert(BlockBackend *blk, BlockNode *node, GError **err)
{
    unsigned perm = blk->perm;

    g_assert(!blk->root);
    if (blk->write_optional) {
        perm = node->read_only ? perm & ~BLOCK_PERM_WRITE : perm | BLOCK_PERM_WRITE;
    }
    blk->root = block_child_attach(node, NULL, blk, "root", perm, blk->shared, err);
    blk->perm = blk->root ? perm : blk->perm;
    return blk->root != NULL;
}

void block_backend_eject(BlockBackend *blk)
{
    if (blk->root) {
        block_drain(blk);
        block_child_detach(blk->root);
        blk->root = NULL;
    }
}

static BlockBackend *find_named(const char *name)
{
    for (guint i = 0; all_backends && i < all_backends->len; i++) {
        BlockBackend *blk = all_backends->pdata[i];

        if (*blk->name && !strcmp(blk->name, name)) {
            return blk;
        }
    }
    return NULL;
}

BlockBackend *block_backend_find(const char *name)
{
    BlockBackend *blk = find_named(name);
    BlockNode *n = blk ? NULL : block_node_find(name);

    for (guint i = 0; n && i < n->parents->len && !blk; i++) {
        blk = ((BlockChild *)n->parents->pdata[i])->backend;
    }
    return blk;
}

/* ---- use by a device ---- */

bool block_backend_attach(BlockBackend *blk, Object *dev, BlockPermission perm, BlockPermission shared, GError **err)
{
    Object *old = blk->dev;

    if (old && old != dev) {
        g_autofree char *path = object_path(old);

        return error_set(err, "Drive '%s' is already in use by device '%s'",
                         *blk->name || !blk->root ? blk->name : blk->root->node->node_name, path);
    }
    blk->dev = dev;
    if (blk->root && !block_child_set_perm(blk->root, perm, shared, err)) {
        blk->dev = old;
        return false;
    }
    blk->perm = perm;
    blk->shared = shared;
    return true;
}

void block_backend_set_write_optional(BlockBackend *blk, bool on) { blk->write_optional = on; }

void block_backend_detach(BlockBackend *blk, Object *dev)
{
    if (blk->dev != dev) {
        return;
    }
    block_drain(blk);
    blk->dev = NULL;
    blk->tray = NULL;
    blk->write_optional = false;
    blk->perm = 0;
    blk->shared = BLOCK_PERM_ALL;
    if (blk->root) {
        block_child_set_perm(blk->root, blk->perm, blk->shared, NULL);
    }
}

bool block_backend_has_medium(BlockBackend *blk) { return blk->root != NULL; }
const char *block_backend_name(const BlockBackend *blk) { return blk->name; }
bool block_backend_write_cache(const BlockBackend *blk) { return blk->write_cache; }
void block_backend_set_write_cache(BlockBackend *blk, bool on) { blk->write_cache = on; }
bool block_backend_read_only(BlockBackend *blk) { return blk->root ? blk->root->node->read_only : blk->read_only; }
bool block_backend_can_discard(BlockBackend *blk) { return blk->root && blk->root->node->discard == DISCARD_UNMAP; }

int64_t block_backend_length(BlockBackend *blk)
{
    return blk->root ? block_node_length(blk->root->node) : -ENOMEDIUM;
}

/* ---- requests ---- */

static int check(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    int64_t length;

    if (!blk->root) {
        return -ENOMEDIUM;
    }
    if (offset < 0 || bytes < 0 || bytes > BLOCK_MAX_REQUEST_BYTES) {
        return -EINVAL;
    }
    length = block_node_length(blk->root->node);
    if (length < 0) {
        return length;
    }
    return offset > length || bytes > length - offset ? -EIO : 0;
}

static int COROUTINE_FN run_checked(BlockBackend *blk, int kind, int64_t offset, int64_t bytes, const IoVec *v, bool fua)
{
    int ret = kind == REQ_FLUSH ? (blk->root ? 0 : -ENOMEDIUM) : check(blk, offset, bytes);
    unsigned flags = fua || !blk->write_cache ? BLOCK_FUA : 0;
    BlockNode *n = block_backend_node(blk);

    if (ret < 0) {
        return ret;
    }
    switch (kind) {
    case REQ_READ:
        return block_node_preadv(n, offset, v);
    case REQ_WRITE:
        return block_node_pwritev(n, offset, v, flags);
    case REQ_FLUSH:
        return block_node_flush(n);
    case REQ_DISCARD:
        return block_node_discard(n, offset, bytes);
    default:
        return block_node_write_zeroes(n, offset, bytes, flags | BLOCK_MAY_UNMAP);
    }
}

/* Runs a request and takes it down. */
static int COROUTINE_FN run(BlockBackend *blk, int kind, int64_t offset, int64_t bytes, const IoVec *v, bool fua)
{
    static const uint8_t counts[] = {
        [REQ_READ] = BLOCK_COUNT_READ, [REQ_WRITE] = BLOCK_COUNT_WRITE, [REQ_FLUSH] = BLOCK_COUNT_FLUSH,
        [REQ_DISCARD] = BLOCK_COUNT_DISCARD, [REQ_ZERO] = BLOCK_COUNT_WRITE,
    };
    BlockAccount *a = &blk->accounts[counts[kind]];
    int64_t start = clock_ns(CLOCK_RT);
    int ret = run_checked(blk, kind, offset, bytes, v, fua);

    blk->last_end_ns = clock_ns(CLOCK_RT);
    if (ret == -EINVAL) {
        a->invalid++;
        return ret;
    }
    a->time_ns += blk->last_end_ns - start;
    if (ret < 0) {
        a->failed++;
        return ret;
    }
    a->operations++;
    a->bytes += bytes;
    if (counts[kind] == BLOCK_COUNT_WRITE) {
        blk->highest_write = MAX(blk->highest_write, offset + bytes);
    }
    return ret;
}

static int COROUTINE_FN run_counted(BlockBackend *blk, int kind, int64_t offset, int64_t bytes, const IoVec *v,
                                    bool fua)
{
    int ret;

    block_backend_request_begin(blk);
    ret = run(blk, kind, offset, bytes, v, fua);
    block_backend_request_end(blk);
    return ret;
}

int COROUTINE_FN block_co_preadv(BlockBackend *blk, int64_t offset, const IoVec *v)
{
    return run_counted(blk, REQ_READ, offset, v->size, v, false);
}

int COROUTINE_FN block_co_pwritev(BlockBackend *blk, int64_t offset, const IoVec *v, bool fua)
{
    return run_counted(blk, REQ_WRITE, offset, v->size, v, fua);
}

int COROUTINE_FN block_co_flush(BlockBackend *blk) { return run_counted(blk, REQ_FLUSH, 0, 0, NULL, false); }

int COROUTINE_FN block_co_discard(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    return run_counted(blk, REQ_DISCARD, offset, bytes, NULL, false);
}

int COROUTINE_FN block_co_write_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    return run_counted(blk, REQ_ZERO, offset, bytes, NULL, false);
}

/* ---- asynchronous form ---- */

static void request_done(void *opaque)
{
    BlockRequest *req = opaque;
    BlockBackend *blk = req->blk;

    req->done(req->opaque, req->ret);
    block_backend_request_end(blk);
    object_unref(OBJECT(blk));
    g_free(req);
}

static void COROUTINE_FN request_run(void *opaque)
{
    BlockRequest *req = opaque;

    req->ret = req->cancelled ? -ECANCELED : run(req->blk, req->kind, req->offset, req->bytes, req->v, false);
    req->finished = true;
    if (req->submitted) {
        request_done(req);
    }
}

static BlockRequest *submit(BlockBackend *blk, int kind, int64_t offset, int64_t bytes, const IoVec *v,
                            BlockDoneFn *done, void *opaque)
{
    BlockRequest *req = g_new(BlockRequest, 1);

    *req = (BlockRequest){ .blk = (BlockBackend *)object_ref(OBJECT(blk)), .kind = kind, .offset = offset,
                           .bytes = bytes, .v = v, .done = done, .opaque = opaque };
    block_backend_request_begin(blk);
    coroutine_enter(coroutine_new(request_run, req));
    req->submitted = true;
    if (req->finished) {
        event_loop_call(event_loop_main(), request_done, req);
    }
    return req;
}

BlockRequest *block_preadv(BlockBackend *blk, int64_t offset, const IoVec *v, BlockDoneFn *done, void *opaque)
{
    return submit(blk, REQ_READ, offset, v->size, v, done, opaque);
}

BlockRequest *block_pwritev(BlockBackend *blk, int64_t offset, const IoVec *v, BlockDoneFn *done, void *opaque)
{
    return submit(blk, REQ_WRITE, offset, v->size, v, done, opaque);
}

BlockRequest *block_flush(BlockBackend *blk, BlockDoneFn *done, void *opaque)
{
    return submit(blk, REQ_FLUSH, 0, 0, NULL, done, opaque);
}

BlockRequest *block_discard(BlockBackend *blk, int64_t offset, int64_t bytes, BlockDoneFn *done, void *opaque)
{
    return submit(blk, REQ_DISCARD, offset, bytes, NULL, done, opaque);
}

BlockRequest *block_write_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes, BlockDoneFn *done, void *opaque)
{
    return submit(blk, REQ_ZERO, offset, bytes, NULL, done, opaque);
}

/* A job in a worker cannot be called back; one that has not begun ends with -ECANCELED. */
void block_cancel(BlockRequest *req) { req->cancelled = true; }

/* ---- all of them ---- */

void block_drain_all(void)
{
    for (guint i = 0; all_backends && i < all_backends->len; i++) {
        block_drain(all_backends->pdata[i]);
    }
}

typedef struct FlushRun { BlockNode *node; int ret; } FlushRun;

static void COROUTINE_FN flush_run(void *opaque)
{
    FlushRun *f = opaque;

    f->ret = block_node_flush(f->node);
}

static void flush_root(BlockNode *n, void *opaque)
{
    FlushRun f = { n };
    GError **err = opaque;

    for (guint i = 0; i < n->parents->len; i++) {
        if (((BlockChild *)n->parents->pdata[i])->parent) {
            return;                             /* flushed through its parent */
        }
    }
    if (n->opened) {
        coroutine_run_sync(flush_run, &f);
        if (f.ret < 0 && err && !*err) {
            error_set_errno(err, -f.ret, "Could not flush '%s'", n->filename ? n->filename : n->node_name);
        }
    }
}

bool block_flush_all(GError **err)
{
    GError *first = NULL;

    block_drain_all();
    block_node_foreach(flush_root, &first);
    if (!first) {
        return true;
    }
    g_propagate_error(err, first);
    return false;
}

void block_close_all(void)
{
    g_autoptr(GError) err = NULL;

    if (!block_flush_all(&err)) {
        warn_report("%s", err->message);
    }
    for (guint i = 0; all_backends && i < all_backends->len; i++) {
        block_backend_eject(all_backends->pdata[i]);
    }
    block_nodes_release();
}

/* ---- errors ---- */

BlockErrorAction block_error_action(BlockBackend *blk, bool is_read, int error)
{
    switch (is_read ? blk->rerror : blk->werror) {
    case BLOCK_ON_ERROR_IGNORE:
        return BLOCK_ERROR_IGNORE;
    case BLOCK_ON_ERROR_STOP:
        return BLOCK_ERROR_STOP;
    case BLOCK_ON_ERROR_AUTO:
        return !is_read && ABS(error) == ENOSPC ? BLOCK_ERROR_STOP : BLOCK_ERROR_REPORT;
    case BLOCK_ON_ERROR_ENOSPC:
        return ABS(error) == ENOSPC ? BLOCK_ERROR_STOP : BLOCK_ERROR_REPORT;
    default:
        return BLOCK_ERROR_REPORT;
    }
}

void block_error_act(BlockBackend *blk, BlockErrorAction action, bool is_read, int error)
{
    if (block_io_error_hook) {
        block_io_error_hook(blk, is_read, action, ABS(error));
    }
    if (action == BLOCK_ERROR_STOP) {
        if (blk->io_status == BLOCK_IO_OK) {            /* the first error counts */
            blk->io_status = ABS(error) == ENOSPC ? BLOCK_IO_NO_SPACE : BLOCK_IO_FAILED;
        }
        vm_request_stop(RUN_STATE_IO_ERROR);
    }
}

void block_backend_keep_io_status(BlockBackend *blk)
{
    blk->keeps_io_status = true;
    blk->io_status = BLOCK_IO_OK;
}

bool block_backend_io_status(const BlockBackend *blk, BlockIoStatus *status)
{
    bool may_stop = blk->werror == BLOCK_ON_ERROR_STOP || blk->werror == BLOCK_ON_ERROR_ENOSPC ||
        blk->werror == BLOCK_ON_ERROR_AUTO || blk->rerror == BLOCK_ON_ERROR_STOP;

    *status = blk->io_status;
    return blk->keeps_io_status && may_stop;
}

static void reset_io_status(BlockBackend *blk, void *opaque)
{
    blk->io_status = BLOCK_IO_OK;
}

void block_io_status_reset(void)
{
    block_backend_foreach(reset_io_status, NULL);
}

/* ---- property of a device ---- */

static json_object *drive_prop_get(Object *obj, const Property *prop)
{
    BlockBackend *blk = *(BlockBackend **)((char *)obj + prop->offset);

    return json_object_new_string(!blk ? "" : *blk->name ? blk->name : blk->root ? blk->root->node->node_name : "");
}

static void near_backend(BlockBackend *blk, void *opaque)
{
    if (*blk->name) {
        nearest_add(opaque, blk->name);
    }
}

static void near_node(BlockNode *n, void *opaque)
{
    if (n->opened && n->node_name_option) {
        nearest_add(opaque, n->node_name);
    }
}

static bool drive_prop_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    const char *name = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
    BlockBackend **field = (BlockBackend **)((char *)obj + prop->offset), *blk;
    BlockNode *n;

    if (!name) {
        return error_set(err, "property '%s' of %s takes the id of a drive or the name of a node", prop->name,
                         obj->type->name);
    }
    blk = find_named(name);
    n = blk ? NULL : block_node_find(name);
    if (blk) {
        object_ref(OBJECT(blk));
    } else if (n) {
        blk = block_backend_new("");
        if (!block_backend_insert(blk, n, err)) {
            object_unref(OBJECT(blk));
            return false;
        }
    } else {
        NearestWord near;

        nearest_init(&near, name);
        block_backend_foreach(near_backend, &near);
        block_node_foreach(near_node, &near);
        return error_set(err, "Property '%s.%s' can't find value '%s'%s", obj->type->name, prop->name, name,
                         nearest_hint(&near));
    }
    if (*field) {
        object_unref(OBJECT(*field));
    }
    *field = blk;
    return true;
}

static void drive_prop_release(Object *obj, const Property *prop)
{
    BlockBackend **field = (BlockBackend **)((char *)obj + prop->offset);

    if (*field) {
        block_backend_detach(*field, obj);
        object_unref(OBJECT(*field));
        *field = NULL;
    }
}

const PropertyKind prop_kind_drive = {
    .name = "str", .size = sizeof(BlockBackend *), .get = drive_prop_get, .set = drive_prop_set,
    .release = drive_prop_release,
};

const char *const block_on_error_names[] = {
    [BLOCK_ON_ERROR_REPORT] = "report", [BLOCK_ON_ERROR_IGNORE] = "ignore", [BLOCK_ON_ERROR_ENOSPC] = "enospc",
    [BLOCK_ON_ERROR_STOP] = "stop",
    [BLOCK_ON_ERROR_AUTO] = "auto", NULL
};

void block_backend_set_on_error(BlockBackend *blk, int werror, int rerror)
{
    if (werror != BLOCK_ON_ERROR_AUTO) {
        blk->werror = werror;
    }
    if (rerror != BLOCK_ON_ERROR_AUTO) {
        blk->rerror = rerror;
    }
}
