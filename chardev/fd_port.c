/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FdPort: back ends over file descriptors (stdio, file, pipe, pty).
 *
 * fd_port_update() recomputes what to watch from two questions: can the front end receive, is there a watch. The loop
 * takes a descriptor that epoll refuses (a regular file, /dev/null) as always ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "chardev/backend.h"

#define READ_CHUNK_BYTES 4096

static void port_read(void *opaque)
{
    FdPort *p = opaque;
    g_autoptr(Object) hold = object_ref(OBJECT(p->chr));
    uint8_t buf[READ_CHUNK_BYTES];
    int room = chardev_be_can_receive(p->chr);
    ssize_t n;

    if (room == 0 || p->in_fd < 0) {
        fd_port_update(p);
        return;
    }
    n = read(p->in_fd, buf, MIN(room, (int)sizeof(buf)));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        /* End of input; output goes on. */
        int fd = p->in_fd;

        p->in_fd = -1;
        if (p->reading) {
            bool shared = fd == p->out_fd;

            event_loop_set_fd(event_loop_main(), fd, NULL, NULL, NULL);
            p->reading = false;
            p->writing = shared ? false : p->writing;
        }
        if (fd != p->out_fd) {
            close(fd);
        }
        fd_port_update(p);
        if (p->on_eof) {
            p->on_eof(p->chr);
        }
        return;
    }
    chardev_be_receive(p->chr, buf, n);
    fd_port_update(p);
}

static void port_writable(void *opaque)
{
    FdPort *p = opaque;
    g_autoptr(Object) hold = object_ref(OBJECT(p->chr));

    chardev_be_writable(p->chr);
    fd_port_update(p);
}

void fd_port_init(FdPort *p, Chardev *chr, int in_fd, int out_fd)
{
    static bool pipe_signal_off;

    if (!pipe_signal_off) {                     /* a reader that goes away is EPIPE, not death */
        signal(SIGPIPE, SIG_IGN);
        pipe_signal_off = true;
    }
    *p = (FdPort){ .chr = chr, .in_fd = in_fd, .out_fd = out_fd };
    for (int i = 0; i < 2; i++) {
        int fd = i ? out_fd : in_fd;

        if (fd >= 0) {
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        }
    }
}

static void watch(int fd, bool reads, bool writes, FdPort *p)
{
    event_loop_set_fd(event_loop_main(), fd, reads ? port_read : NULL, writes ? port_writable : NULL, p);
}

void fd_port_update(FdPort *p)
{
    bool reads = p->in_fd >= 0 && chardev_be_can_receive(p->chr) > 0;
    bool writes = p->out_fd >= 0 && chardev_be_wants_write(p->chr);

    if (p->in_fd == p->out_fd) {
        if (p->in_fd >= 0 && (reads != p->reading || writes != p->writing)) {
            watch(p->in_fd, reads, writes, p);
        }
    } else {
        if (p->in_fd >= 0 && reads != p->reading) {
            watch(p->in_fd, reads, false, p);
        }
        if (p->out_fd >= 0 && writes != p->writing) {
            watch(p->out_fd, false, writes, p);
        }
    }
    p->reading = reads;
    p->writing = writes;
}

int fd_port_write(FdPort *p, const uint8_t *buf, int len)
{
    ssize_t n;

    if (p->out_fd < 0) {
        return len;
    }
    do {
        n = write(p->out_fd, buf, len);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN ? 0 : len;
    }
    return n;
}

void fd_port_wait_writable(FdPort *p)
{
    struct pollfd pfd = { .fd = p->out_fd, .events = POLLOUT };

    if (p->out_fd >= 0) {
        poll(&pfd, 1, -1);
    }
}

void fd_port_close(FdPort *p)
{
    if (!p->chr) {
        return;
    }
    if (p->reading && p->in_fd >= 0) {
        event_loop_set_fd(event_loop_main(), p->in_fd, NULL, NULL, NULL);
    }
    if (p->writing && p->out_fd >= 0) {
        event_loop_set_fd(event_loop_main(), p->out_fd, NULL, NULL, NULL);
    }
    if (p->in_fd >= 0 && p->in_fd != p->out_fd) {
        close(p->in_fd);
    }
    if (p->out_fd >= 0) {
        close(p->out_fd);
    }
    *p = (FdPort){ .in_fd = -1, .out_fd = -1 };
}
