/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pty: a pseudo terminal whose far end somebody opens by its path; printed at start, and linked to path= if given.
 *
 * The kernel reports a hang-up on our end while nobody has the far end open. That is no event one can wait for in the
 * other direction, so an inotify watch on the far end's file tells when it is opened: no polling while nobody is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/backend.h"

typedef struct PtyChardev {
    Chardev chr;
    FdPort port;
    char *link_path, *pts_path;
    int master_fd, notify_fd;
    bool linked;
} PtyChardev;

static const ChardevType chardev_pty_type;
static void pty_update(Chardev *chr);

static bool somebody_there(PtyChardev *s)
{
    struct pollfd pfd = { .fd = s->master_fd, .events = 0 };

    return poll(&pfd, 1, 0) == 0 || !(pfd.revents & POLLHUP);
}

/*
 * Connects or disconnects as the far end is open or not. The port, on a copy of our descriptor, lives while connected.
 */
static void pty_check(Chardev *chr)
{
    PtyChardev *s = (PtyChardev *)chr;
    bool there = somebody_there(s);

    if (there && chr->open) {
        s->port.in_fd = s->port.out_fd;         /* it may have seen an end of input between two users */
        fd_port_update(&s->port);
    } else if (there) {
        int fd = fcntl(s->master_fd, F_DUPFD_CLOEXEC, 3);

        fd_port_init(&s->port, chr, fd, fd);
        s->port.on_eof = pty_check;
        chardev_be_event(chr, CHARDEV_OPENED);
        pty_update(chr);
    } else if (chr->open) {
        fd_port_close(&s->port);
        chardev_be_event(chr, CHARDEV_CLOSED);
        chardev_be_writable(chr);
    }
}

static void pty_notified(void *opaque)
{
    PtyChardev *s = opaque;
    g_autoptr(Object) hold = object_ref(OBJECT(s));
    char buf[4096];

    while (read(s->notify_fd, buf, sizeof(buf)) > 0) {
    }
    pty_check(&s->chr);
}

static int pty_write(Chardev *chr, const uint8_t *buf, int len)
{
    PtyChardev *s = (PtyChardev *)chr;

    if (!chr->open) {
        return len;
    }
    return fd_port_write(&s->port, buf, len);
}

static void pty_update(Chardev *chr)
{
    if (chr->open) {
        fd_port_update(&((PtyChardev *)chr)->port);
    }
}

static void pty_wait(Chardev *chr)
{
    if (chr->open) {
        fd_port_wait_writable(&((PtyChardev *)chr)->port);
    }
}

static bool pty_open(Chardev *chr, json_object *args, GError **err)
{
    PtyChardev *s = (PtyChardev *)chr;
    struct termios tty;
    char name[64];
    int slave;

    s->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (s->master_fd < 0 || grantpt(s->master_fd) < 0 || unlockpt(s->master_fd) < 0 ||
        ptsname_r(s->master_fd, name, sizeof(name)) != 0) {
        return error_set_errno(err, errno, "Failed to create PTY");
    }
    /* Opened and closed once: from then on the kernel says "hung up" while nobody is there. */
    slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
        return error_set_errno(err, errno, "Failed to open PTY '%s'", name);
    }
    tcgetattr(slave, &tty);
    cfmakeraw(&tty);
    tcsetattr(slave, TCSAFLUSH, &tty);
    close(slave);
    s->pts_path = g_strdup(name);
    s->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (s->notify_fd < 0 || inotify_add_watch(s->notify_fd, name, IN_OPEN | IN_CLOSE) < 0) {
        return error_set_errno(err, errno, "Failed to watch PTY '%s'", name);
    }
    if (s->link_path) {
        if (symlink(name, s->link_path) < 0) {
            return error_set_errno(err, errno, "Failed to link '%s' to PTY '%s'", s->link_path, name);
        }
        s->linked = true;
    }
    event_loop_set_fd(event_loop_main(), s->notify_fd, pty_notified, NULL, s);
    chardev_be_set_filename(chr, g_strdup_printf("pty:%s", name));
    printf("char device redirected to %s (label %s)\n", name, chr->id);
    fflush(stdout);
    return true;
}

static void pty_cleanup(Chardev *chr)
{
    PtyChardev *s = (PtyChardev *)chr;

    if (s->linked) {
        unlink(s->link_path);
        s->linked = false;
    }
}

static void pty_init(Object *obj) { ((PtyChardev *)obj)->master_fd = ((PtyChardev *)obj)->notify_fd = -1; }

static void pty_finalize(Object *obj)
{
    PtyChardev *s = (PtyChardev *)obj;

    if (s->notify_fd >= 0) {
        event_loop_set_fd(event_loop_main(), s->notify_fd, NULL, NULL, NULL);
        close(s->notify_fd);
    }
    fd_port_close(&s->port);
    if (s->master_fd >= 0) {
        close(s->master_fd);
    }
    pty_cleanup(&s->chr);
    g_free(s->pts_path);
}

const char *chardev_pty_path(const Chardev *chr)
{
    return chr->object.type == &chardev_pty_type.type ? ((const PtyChardev *)chr)->pts_path : NULL;
}

static const Property pty_properties[] = {
    PROP_STR("path", PtyChardev, link_path, "symbolic link to make to the pseudo terminal"),
    { }
};

static const ChardevType chardev_pty_type = {
    .name = "chardev-pty", .parent = &chardev_type.type, .size = sizeof(PtyChardev), .path_option = "path",
    .description = "pseudo terminal", .properties = pty_properties, .init = pty_init, .finalize = pty_finalize,
    .open = pty_open, .write = pty_write, .update = pty_update, .wait_writable = pty_wait, .cleanup = pty_cleanup,
};
TYPE_REGISTER(chardev_pty_type);
