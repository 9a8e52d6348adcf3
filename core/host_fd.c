/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/host_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FDSET_PATH "/dev/fdset/"

typedef struct SetFd { int64_t id; int fd; char *opaque; } SetFd;

static GArray *set_fds;                         /* SetFd, in order of id */
static GHashTable *named;                       /* name -> descriptor */

static SetFd *set_fd(guint i) { return &g_array_index(set_fds, SetFd, i); }

/* The number in "/dev/fdset/N"; -1: not such a path. */
static int64_t fdset_of_path(const char *path)
{
    char *end;

    if (!g_str_has_prefix(path, FDSET_PATH) || !g_ascii_isdigit(path[strlen(FDSET_PATH)])) {
        return -1;
    }
    int64_t id = g_ascii_strtoll(path + strlen(FDSET_PATH), &end, 10);
    return *end ? -1 : id;
}

static int fdset_open(int64_t id, int flags)
{
    bool known = false;

    for (guint i = 0; set_fds && i < set_fds->len; i++) {
        const SetFd *s = set_fd(i);
        if (s->id != id) {
            continue;
        }
        known = true;
        int have = fcntl(s->fd, F_GETFL);
        if (have >= 0 && (have & O_ACCMODE) == (flags & O_ACCMODE)) {
            int fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
            /* Of an open file only these can be changed afterwards; the duplicate shares them. */
            const int changeable = O_APPEND | O_DIRECT | O_NONBLOCK;
            if (fd >= 0 && (have & changeable) != (flags & changeable)) {
                fcntl(fd, F_SETFL, (have & ~changeable) | (flags & changeable));
            }
            return fd;
        }
    }
    errno = known ? EACCES : ENOENT;
    return -1;
}

int host_open(const char *path, int flags, mode_t mode)
{
    int64_t id = fdset_of_path(path);

    return id >= 0 ? fdset_open(id, flags) : open(path, flags | O_CLOEXEC, mode);
}

int64_t fdset_add(int fd, int64_t id, const char *opaque, GError **err)
{
    guint at = 0;

    if (id < -1) {
        error_set(err, "Parameter 'fdset-id' expects a non-negative value");
        return -1;
    }
    if (!set_fds) {
        set_fds = g_array_new(false, false, sizeof(SetFd));
    }
    if (id == -1) {                             /* the lowest free number */
        id = 0;
        for (guint i = 0; i < set_fds->len && set_fd(i)->id <= id; i++) {
            id = set_fd(i)->id + 1;
        }
    }
    while (at < set_fds->len && set_fd(at)->id <= id) {
        at++;
    }
    g_array_insert_val(set_fds, at, ((SetFd){ id, fd, g_strdup(opaque) }));
    return id;
}

bool fdset_remove(int64_t id, int64_t fd, GError **err)
{
    bool found = false;

    for (guint i = set_fds ? set_fds->len : 0; i-- > 0;) {
        SetFd *s = set_fd(i);
        if (s->id == id && (fd == -1 || s->fd == fd)) {
            found = true;
            close(s->fd);
            g_free(s->opaque);
            g_array_remove_index(set_fds, i);
        }
    }
    if (!found && fd == -1) {
        return error_set(err, "File descriptor named 'fdset-id:%" PRId64 "' not found", id);
    }
    return found || error_set(err, "File descriptor named 'fdset-id:%" PRId64 ", fd:%" PRId64 "' not found", id, fd);
}

void fdset_foreach(void (*fn)(int64_t id, int fd, const char *opaque, void *arg), void *arg)
{
    for (guint i = 0; set_fds && i < set_fds->len; i++) {
        fn(set_fd(i)->id, set_fd(i)->fd, set_fd(i)->opaque, arg);
    }
}

static void named_close(gpointer fd) { close(GPOINTER_TO_INT(fd)); }

void named_fd_put(const char *name, int fd)
{
    if (!named) {
        named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, named_close);
    }
    g_hash_table_replace(named, g_strdup(name), GINT_TO_POINTER(fd));
}

int named_fd_take(const char *name, GError **err)
{
    gpointer key, fd;

    if (!named || !g_hash_table_steal_extended(named, name, &key, &fd)) {
        error_set(err, "File descriptor named '%s' not found", name);
        return -1;
    }
    g_free(key);
    return GPOINTER_TO_INT(fd);
}
