/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads and writes by the kernel's own asynchronous interface (io_setup(2)), which wants O_DIRECT: aio=native. */
#ifndef BLOCK_LINUX_AIO_H
#define BLOCK_LINUX_AIO_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/coroutine.h"

typedef struct LinuxAio LinuxAio;

/** linux_aio_new: a queue of requests whose completions the main loop takes. Under the big lock. NULL: @err says why. */
LinuxAio *linux_aio_new(GError **err);
/** linux_aio_free: with no request under way; NULL is allowed. */
void linux_aio_free(LinuxAio *aio);
/**
 * linux_aio_transfer: reads or writes @count vectors, which stay until the return, at @offset of @fd.
 * @rw_flags: RWF_DSYNC or 0. Returns the number of bytes or -errno; -EAGAIN: the queue is full.
 */
ssize_t COROUTINE_FN linux_aio_transfer(LinuxAio *aio, int fd, bool write, const struct iovec *iov, int count,
                                        int64_t offset, int rw_flags);

#endif
