/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <glib/gstdio.h>

#include "core/thread.h"
#include "tests/unit/block/fixture.h"

static char *folder;

void fixture_init(void)
{
    g_autoptr(GError) err = NULL;

    folder = g_dir_make_tmp("rhea-block-XXXXXX", &err);
    g_assert_no_error(err);
    bql_lock();
}

int fixture_end(int status)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = scratch_path(name);

        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(folder);
    return status;
}

char *scratch_path(const char *name) { return g_build_filename(folder, name, NULL); }
uint8_t pattern_byte(size_t i) { return (i * 2654435761u) >> 13; }

char *scratch_image(const char *name, size_t bytes)
{
    char *path = scratch_path(name);
    g_autofree uint8_t *data = g_malloc(MAX(bytes, 1));
    g_autoptr(GError) err = NULL;

    for (size_t i = 0; i < bytes; i++) {
        data[i] = pattern_byte(i);
    }
    g_file_set_contents(path, (char *)data, bytes, &err);
    g_assert_no_error(err);
    return path;
}

uint8_t *file_contents(const char *path, size_t *len)
{
    char *data = NULL;
    g_autoptr(GError) err = NULL;

    g_file_get_contents(path, &data, len, &err);
    g_assert_no_error(err);
    return (uint8_t *)data;
}

json_object *parse(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "@", -1);
    g_autofree char *full = g_strjoinv(folder, parts);
    g_autoptr(GError) err = NULL;
    json_object *o = json_parse_text(full, strlen(full), &err);

    g_assert_no_error(err);
    return o;
}

BlockNode *node_from(const char *json, GError **err)
{
    g_autoptr(json_object) o = parse(json);

    return block_node_open(o, err);
}

BlockBackend *backend_on(BlockNode *n, unsigned perm)
{
    BlockBackend *blk = block_backend_new("");
    g_autoptr(GError) err = NULL;

    blk->perm = perm;
    block_backend_insert(blk, n, &err);
    g_assert_no_error(err);
    block_node_unref(n);
    return blk;
}

typedef struct Sync { BlockBackend *blk; int kind; int64_t offset, len; IoVec v; int ret; } Sync;

static void sync_run(void *opaque)
{
    Sync *s = opaque;

    switch (s->kind) {
    case 0:
        s->ret = block_co_preadv(s->blk, s->offset, &s->v);
        break;
    case 1:
        s->ret = block_co_pwritev(s->blk, s->offset, &s->v, false);
        break;
    case 2:
        s->ret = block_co_flush(s->blk);
        break;
    case 3:
        s->ret = block_co_write_zeroes(s->blk, s->offset, s->len);
        break;
    case 4:
        s->ret = block_co_discard(s->blk, s->offset, s->len);
        break;
    }
}

static int sync_any(BlockBackend *blk, int kind, int64_t offset, void *buf, size_t len)
{
    /* Two vectors of unequal length, so that both ends of every loop over vectors run. */
    struct iovec iov[2] = { { buf, len / 3 }, { (char *)buf + len / 3, len - len / 3 } };
    Sync s = { blk, kind, offset, len, { iov, 2, len } };

    coroutine_run_sync(sync_run, &s);
    return s.ret;
}

int sync_read(BlockBackend *blk, int64_t offset, void *buf, size_t len) { return sync_any(blk, 0, offset, buf, len); }
int sync_write(BlockBackend *blk, int64_t offset, const void *buf, size_t len)
{
    return sync_any(blk, 1, offset, (void *)buf, len);
}
int sync_flush(BlockBackend *blk) { return sync_any(blk, 2, 0, NULL, 0); }
int sync_zero(BlockBackend *blk, int64_t offset, int64_t len) { return sync_any(blk, 3, offset, NULL, len); }
int sync_discard(BlockBackend *blk, int64_t offset, int64_t len) { return sync_any(blk, 4, offset, NULL, len); }
