/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux_aio_transfer(): an iocb on the coroutine's stack -> io_submit() -> the coroutine sleeps
 *   -> the kernel counts the eventfd up -> completed(), in the main loop: io_getevents() -> the coroutine is woken
 *
 * The system calls are made directly: libaio adds nothing to them that is used here.
 * Spec: io_setup(2), io_submit(2), io_getevents(2), <linux/aio_abi.h>.
 */
#include "block/linux_aio.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/error.h"
#include "core/loop.h"

enum { QUEUE_DEPTH = 128, EVENTS_AT_ONCE = 32 };

struct LinuxAio {
    aio_context_t context;
    int event_fd;
};

typedef struct Transfer {
    struct iocb iocb;
    Coroutine *co;
    int64_t result;
    bool done;                                  /* atomic: the coroutine may belong to another thread */
} Transfer;

static void completed(void *opaque)
{
    LinuxAio *aio = opaque;
    struct io_event events[EVENTS_AT_ONCE];
    struct timespec at_once = { 0, 0 };
    uint64_t count;
    long n;

    if (read(aio->event_fd, &count, sizeof count) < 0 && errno != EAGAIN) {
        return;
    }
    while ((n = syscall(SYS_io_getevents, aio->context, 0L, (long)EVENTS_AT_ONCE, events, &at_once)) > 0) {
        for (long i = 0; i < n; i++) {
            Transfer *t = (Transfer *)(uintptr_t)events[i].data;
            Coroutine *co = t->co;

            t->result = events[i].res;
            __atomic_store_n(&t->done, true, __ATOMIC_RELEASE);     /* from here on it may be gone */
            coroutine_wake(co);
        }
    }
}

LinuxAio *linux_aio_new(GError **err)
{
    LinuxAio *aio = g_new0(LinuxAio, 1);

    aio->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (aio->event_fd < 0 || syscall(SYS_io_setup, QUEUE_DEPTH, &aio->context) < 0) {
        error_set_errno(err, errno, "Unable to use native AIO");
        if (aio->event_fd >= 0) {
            close(aio->event_fd);
        }
        g_free(aio);
        return NULL;
    }
    event_loop_set_fd(event_loop_main(), aio->event_fd, completed, NULL, aio);
    return aio;
}

void linux_aio_free(LinuxAio *aio)
{
    if (aio) {
        event_loop_set_fd(event_loop_main(), aio->event_fd, NULL, NULL, NULL);
        syscall(SYS_io_destroy, aio->context);
        close(aio->event_fd);
        g_free(aio);
    }
}

ssize_t COROUTINE_FN linux_aio_transfer(LinuxAio *aio, int fd, bool write, const struct iovec *iov, int count,
                                        int64_t offset, int rw_flags)
{
    Transfer t = {
        .iocb = { .aio_lio_opcode = write ? IOCB_CMD_PWRITEV : IOCB_CMD_PREADV, .aio_fildes = fd,
                  .aio_buf = (uintptr_t)iov, .aio_nbytes = count, .aio_offset = offset, .aio_rw_flags = rw_flags,
                  .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = aio->event_fd, .aio_data = (uintptr_t)&t },
        .co = coroutine_self(),
    };
    struct iocb *list = &t.iocb;

    if (syscall(SYS_io_submit, aio->context, 1L, &list) != 1) {
        return -errno;
    }
    while (!__atomic_load_n(&t.done, __ATOMIC_ACQUIRE)) {
        coroutine_yield();
    }
    return t.result;
}
