/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands for descriptors that a client sends along with the bytes of a command (unix socket, SCM_RIGHTS). */
#include <unistd.h>

#include "core/host_fd.h"
#include "monitor/internal.h"
#include "qapi/qapi.h"

static int take_sent(GError **err)
{
    int fd = monitor_current ? chardev_take_fd(&monitor_current->fe) : -1;
    if (fd < 0) {
        error_set(err, "No file descriptor supplied via SCM_RIGHTS");
    }
    return fd;
}

void qmp_getfd(const GetfdArgs *args, GError **err)
{
    int fd = take_sent(err);
    if (fd < 0) {
        return;
    }
    if (g_ascii_isdigit(args->fdname[0])) {     /* would be taken for a number */
        close(fd);
        error_set(err, "Parameter 'fdname' expects a name not starting with a digit");
        return;
    }
    named_fd_put(args->fdname, fd);
}

void qmp_closefd(const ClosefdArgs *args, GError **err)
{
    int fd = named_fd_take(args->fdname, err);
    if (fd >= 0) {
        close(fd);
    }
}

AddfdInfo *qmp_add_fd(const AddFdArgs *args, GError **err)
{
    int fd = take_sent(err);
    if (fd < 0) {
        return NULL;
    }
    int64_t set = -1;
    if (args->has_fdset_id && args->fdset_id < 0) {
        error_set(err, "Parameter 'fdset-id' expects a non-negative value");
    } else {
        set = fdset_add(fd, args->has_fdset_id ? args->fdset_id : -1, args->opaque, err);
    }
    if (set < 0) {
        close(fd);
        return NULL;
    }
    AddfdInfo *info = g_new0(AddfdInfo, 1);
    info->fdset_id = set;
    info->fd = fd;
    return info;
}

void qmp_remove_fd(const RemoveFdArgs *args, GError **err)
{
    fdset_remove(args->fdset_id, args->has_fd ? args->fd : -1, err);
}

static void list_fd(int64_t id, int fd, const char *opaque, void *arg)
{
    GPtrArray *sets = arg;
    FdsetInfo *set = sets->len ? sets->pdata[sets->len - 1] : NULL;
    if (!set || set->fdset_id != id) {
        set = g_new0(FdsetInfo, 1);
        set->fdset_id = id;
        set->fds = fdset_fd_info_list_new();
        g_ptr_array_add(sets, set);
    }
    FdsetFdInfo *info = g_new0(FdsetFdInfo, 1);
    info->fd = fd;
    info->opaque = g_strdup(opaque);
    g_ptr_array_add(set->fds, info);
}

GPtrArray *qmp_query_fdsets(GError **err)
{
    GPtrArray *list = fdset_info_list_new();
    fdset_foreach(list_fd, list);
    return list;
}
