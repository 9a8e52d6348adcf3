/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * File descriptors that whoever started us, or a QMP client, handed over: sets (-add-fd, add-fd), which stand for a file
 * by the path "/dev/fdset/N", and named ones (getfd), which a command or option takes by name, once.
 *
 * Under the big lock.
 */
#ifndef CORE_HOST_FD_H
#define CORE_HOST_FD_H

#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"

/**
 * host_open: open() of a path that a user gave, close-on-exec. "/dev/fdset/N" is the descriptor of set N whose access
 * mode is that of @flags, duplicated. -1 and errno on failure.
 */
int host_open(const char *path, int flags, mode_t mode);

/**
 * fdset_add: puts @fd, which is owned from now on, into set @id (-1: a new one), with @opaque (NULL: none) as a note.
 * Returns the set's number, or -1 with @err; @fd is then still the caller's.
 */
int64_t fdset_add(int fd, int64_t id, const char *opaque, GError **err);
/** fdset_remove: closes @fd of set @id (-1: all of them). Files opened through the set stay open. */
bool fdset_remove(int64_t id, int64_t fd, GError **err);
/** fdset_foreach: each descriptor, those of one set together. */
void fdset_foreach(void (*fn)(int64_t id, int fd, const char *opaque, void *arg), void *arg);

/** named_fd_put: keeps @fd, which is owned from now on, as @name; one kept by that name before is closed. */
void named_fd_put(const char *name, int fd);
/** named_fd_take: the descriptor kept as @name, now the caller's; -1 with @err: there is none. */
int named_fd_take(const char *name, GError **err);

#endif
