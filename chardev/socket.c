/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * socket: one stream connection (unix or TCP), as server or client, optionally speaking telnet.
 *
 *   server: LISTENING --accept--> CONNECTED --end or error--> LISTENING
 *   client: connect at start, or with reconnect-ms:
 *           WAITING --timer--> CONNECTING (worker) --> CONNECTED --end--> WAITING
 *
 * Only one peer at a time: while connected, others wait in the kernel's queue. Output without a peer is dropped. A
 * write that finds the peer gone only marks the connection broken; a bottom half closes it, so that the front end never
 * sees CHARDEV_CLOSED from inside of its own write. Descriptors sent over a unix socket are kept until taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chardev/backend.h"
#include "chardev/sockaddr.h"
#include "chardev/telnet.h"
#include "core/host_fd.h"
#include "core/option.h"
#include "core/thread.h"

#define READ_CHUNK_BYTES 4096
#define MAX_FDS_PER_MESSAGE 16
#define MAX_FDS_KEPT 64

typedef struct SocketChardev SocketChardev;

/* A connect under way in a worker. The chardev may go first: `owner` is then NULL. */
typedef struct ConnectJob { SocketChardev *owner; SocketAddress addr; int fd; } ConnectJob;

struct SocketChardev {
    Chardev chr;
    /* options */
    char *path, *host, *port, *fd_text, *tls_creds, *tls_authz;
    bool abstract, tight, ipv4, ipv6, server, wait, nodelay, delay, telnet, tn3270, websocket;
    uint16_t to;
    uint64_t reconnect_ms;
    /* state */
    SocketAddress addr;
    bool set_up, broken, reading, writing, listening, unlink_path;
    int fd, listen_fd;
    TelnetFilter filter;
    bool owes_iac;                              /* the second half of a doubled 0xff was not sent yet */
    GByteArray *unsent;                         /* telnet commands the socket did not take yet */
    GArray *fds;                                /* int: received, not taken */
    Timer reconnect;
    ConnectJob *job;
    Bh *broken_bh;
};

static void socket_update(Chardev *chr);
static void sock_acceptable(void *opaque);

/* ---- names ---- */

static void refresh_filename(SocketChardev *s)
{
    const char *proto = s->telnet ? "telnet" : "tcp", *server = s->server ? ",server=on" : "";
    const char *lost = s->fd >= 0 ? "" : "disconnected:";
    int fd = s->fd >= 0 ? s->fd : s->listen_fd;
    g_autofree char *own = fd >= 0 ? socket_name_text(fd, false) : NULL;
    g_autofree char *peer = s->fd >= 0 ? socket_name_text(s->fd, true) : NULL;
    struct sockaddr sa = { 0 };
    socklen_t len = sizeof(sa);

    if (s->addr.kind == SOCKET_UNIX || (fd >= 0 && getsockname(fd, &sa, &len) == 0 && sa.sa_family == AF_UNIX)) {
        const char *path = s->addr.kind == SOCKET_UNIX && !s->addr.abstract ? s->addr.path : own ? own : "";

        chardev_be_set_filename(
            &s->chr, g_strdup_printf("%sunix:%s%s", lost, s->fd >= 0 && !s->server && own ? own : path, server));
    } else if (s->fd >= 0) {
        chardev_be_set_filename(&s->chr, g_strdup_printf("%s:%s%s <-> %s", proto, own, server, peer));
    } else if (own) {
        chardev_be_set_filename(&s->chr, g_strdup_printf("%s%s:%s%s", lost, proto, own, server));
    } else {
        chardev_be_set_filename(&s->chr, g_strdup_printf("%s%s:%s:%s%s", lost, proto, s->addr.host ? s->addr.host : "",
                                                         s->addr.port ? s->addr.port : "", server));
    }
}

/* ---- connection ---- */

static void flush_unsent(SocketChardev *s)
{
    while (s->fd >= 0 && s->unsent->len) {
        ssize_t n = send(s->fd, s->unsent->data, s->unsent->len, MSG_NOSIGNAL);

        if (n <= 0) {
            return;
        }
        g_byte_array_remove_range(s->unsent, 0, n);
    }
}

static void connected(SocketChardev *s, int fd)
{
    int one = 1;

    s->fd = fd;
    s->broken = false;
    s->owes_iac = false;
    s->filter = (TelnetFilter){ 0 };
    g_byte_array_set_size(s->unsent, 0);
    if (s->nodelay) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));     /* no effect on unix sockets */
    }
    if (s->telnet) {
        telnet_greeting(s->server, s->unsent);
        flush_unsent(s);
    }
    refresh_filename(s);
    chardev_be_event(&s->chr, CHARDEV_OPENED);
    socket_update(&s->chr);
}

static void listen_watch(SocketChardev *s, bool on)
{
    if (s->listen_fd >= 0 && s->listening != on) {
        event_loop_set_fd(event_loop_main(), s->listen_fd, on ? sock_acceptable : NULL, NULL, s);
        s->listening = on;
    }
}

static void close_connection(SocketChardev *s)
{
    if (s->fd < 0) {
        return;
    }
    if (s->reading || s->writing) {
        event_loop_set_fd(event_loop_main(), s->fd, NULL, NULL, NULL);
        s->reading = s->writing = false;
    }
    close(s->fd);
    s->fd = -1;
}

static void disconnected(SocketChardev *s)
{
    g_autoptr(Object) hold = object_ref(OBJECT(s));

    if (s->fd < 0) {
        return;
    }
    close_connection(s);
    refresh_filename(s);
    chardev_be_event(&s->chr, CHARDEV_CLOSED);
    chardev_be_writable(&s->chr);               /* what is written now is dropped, nobody need wait */
    if (!s->set_up || s->fd >= 0) {
        return;
    }
    if (s->server) {
        listen_watch(s, true);
    } else if (s->reconnect_ms) {
        timer_arm_ns(&s->reconnect, clock_ns(CLOCK_RT) + s->reconnect_ms * NS_PER_MS);
    }
}

static bool accept_one(SocketChardev *s)
{
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        return false;
    }
    listen_watch(s, false);
    connected(s, fd);
    return true;
}

static void sock_acceptable(void *opaque)
{
    g_autoptr(Object) hold = object_ref(OBJECT(opaque));

    accept_one(opaque);
}

static int connect_work(void *arg)
{
    ConnectJob *job = arg;

    job->fd = socket_connect(&job->addr, NULL);
    return 0;
}

static void connect_done(void *opaque, int ret)
{
    ConnectJob *job = opaque;
    SocketChardev *s = job->owner;

    if (!s) {
        if (job->fd >= 0) {
            close(job->fd);
        }
    } else {
        g_autoptr(Object) hold = object_ref(OBJECT(s));

        s->job = NULL;
        if (job->fd >= 0) {
            connected(s, job->fd);
        } else {
            timer_arm_ns(&s->reconnect, clock_ns(CLOCK_RT) + s->reconnect_ms * NS_PER_MS);
        }
    }
    socket_address_clear(&job->addr);
    g_free(job);
}

static void connect_start(void *opaque)
{
    SocketChardev *s = opaque;
    ConnectJob *job;

    if (s->job || s->fd >= 0) {
        return;
    }
    job = s->job = g_new0(ConnectJob, 1);
    job->owner = s;
    job->fd = -1;
    job->addr = s->addr;
    job->addr.host = g_strdup(s->addr.host);
    job->addr.port = g_strdup(s->addr.port);
    job->addr.path = g_strdup(s->addr.path);
    worker_submit(event_loop_main(), connect_work, job, connect_done, job);
}

/* ---- bytes ---- */

static void keep_fds(SocketChardev *s, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (s->fds->len < MAX_FDS_KEPT) {
                g_array_append_val(s->fds, fd);
            } else {
                close(fd);
            }
        }
    }
}

/* Reads once; false: the peer is gone. */
static bool read_once(SocketChardev *s, int room)
{
    uint8_t buf[READ_CHUNK_BYTES];
    union { struct cmsghdr align; char bytes[CMSG_SPACE(MAX_FDS_PER_MESSAGE * sizeof(int))]; } control;
    struct iovec iov = { buf, MIN(room, (int)sizeof(buf)) };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
    };
    unsigned breaks = 0;
    ssize_t n = recvmsg(s->fd, &msg, MSG_CMSG_CLOEXEC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (n <= 0) {
        return false;
    }
    keep_fds(s, &msg);
    if (s->telnet) {
        n = telnet_input(&s->filter, buf, n, &breaks, s->unsent);
        flush_unsent(s);
        while (breaks--) {
            chardev_be_event(&s->chr, CHARDEV_BREAK);
        }
    }
    chardev_be_receive(&s->chr, buf, n);
    return true;
}

static void sock_readable(void *opaque)
{
    SocketChardev *s = opaque;
    g_autoptr(Object) hold = object_ref(OBJECT(s));
    int room = chardev_be_can_receive(&s->chr);

    if (room > 0 && s->fd >= 0 && !read_once(s, room)) {
        disconnected(s);
    }
    socket_update(&s->chr);
}

static void sock_writable(void *opaque)
{
    SocketChardev *s = opaque;
    g_autoptr(Object) hold = object_ref(OBJECT(s));

    flush_unsent(s);
    chardev_be_writable(&s->chr);
    socket_update(&s->chr);
}

static void broken_bh(void *opaque)
{
    SocketChardev *s = opaque;
    g_autoptr(Object) hold = object_ref(OBJECT(s));
    int room;

    /* What the peer said before it went is still to be heard. */
    while (s->broken && s->fd >= 0 && (room = chardev_be_can_receive(&s->chr)) > 0) {
        struct pollfd pfd = { s->fd, POLLIN };

        if (poll(&pfd, 1, 0) <= 0 || !read_once(s, room)) {
            break;
        }
    }
    if (s->broken) {
        s->broken = false;
        disconnected(s);
    }
}

static ssize_t send_some(SocketChardev *s, const uint8_t *buf, size_t len)
{
    ssize_t n;

    do {
        n = send(s->fd, buf, len, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN) {
        s->broken = true;
        bh_schedule(s->broken_bh);
    }
    return n;
}

static int write_telnet(SocketChardev *s, const uint8_t *buf, int len)
{
    uint8_t out[READ_CHUNK_BYTES];
    int n = 0, taken = 0;
    ssize_t sent;

    flush_unsent(s);
    if (s->unsent->len) {
        return 0;
    }
    if (s->owes_iac) {
        out[n++] = 0xff;
    }
    while (taken < len && n < (int)sizeof(out) - 1) {
        out[n++] = buf[taken];
        if (buf[taken++] == 0xff) {
            out[n++] = 0xff;
        }
    }
    sent = send_some(s, out, n);
    if (sent < 0) {
        return s->broken ? len : 0;
    }
    /* Count back from bytes sent to bytes taken; a doubled byte sent by half is taken and owed. */
    taken = 0;
    n = 0;
    if (s->owes_iac && sent > 0) {
        s->owes_iac = false;
        n = 1;
    }
    while (n < sent) {
        n += buf[taken++] == 0xff ? 2 : 1;
        s->owes_iac = n > sent;
    }
    return taken;
}

static int socket_write(Chardev *chr, const uint8_t *buf, int len)
{
    SocketChardev *s = (SocketChardev *)chr;
    ssize_t n;

    if (s->fd < 0 || s->broken) {
        return len;
    }
    if (s->telnet) {
        return write_telnet(s, buf, len);
    }
    n = send_some(s, buf, len);
    return n >= 0 ? n : s->broken ? len : 0;
}

static void socket_update(Chardev *chr)
{
    SocketChardev *s = (SocketChardev *)chr;
    bool reads, writes;

    if (s->fd < 0) {
        return;
    }
    reads = chardev_be_can_receive(chr) > 0;
    writes = chardev_be_wants_write(chr) || s->unsent->len;
    if (reads != s->reading || writes != s->writing) {
        s->reading = reads;
        s->writing = writes;
        event_loop_set_fd(event_loop_main(), s->fd, reads ? sock_readable : NULL, writes ? sock_writable : NULL, s);
    }
}

static void socket_wait(Chardev *chr)
{
    struct pollfd pfd = { .fd = ((SocketChardev *)chr)->fd, .events = POLLOUT };

    if (pfd.fd >= 0) {
        poll(&pfd, 1, -1);
    }
}

static int socket_take_fd(Chardev *chr)
{
    SocketChardev *s = (SocketChardev *)chr;
    int fd = -1;

    if (s->fds->len) {
        fd = g_array_index(s->fds, int, 0);
        g_array_remove_index(s->fds, 0);
    }
    return fd;
}

/* ---- options ---- */

static bool given(json_object *args, const char *name) { return json_object_object_get_ex(args, name, NULL); }

static OnOffAuto tristate(json_object *args, const char *name, bool value)
{
    return !given(args, name) ? ON_OFF_AUTO_AUTO : value ? ON_OFF_AUTO_ON : ON_OFF_AUTO_OFF;
}

static bool make_address(SocketChardev *s, json_object *args, GError **err)
{
    SocketAddress *a = &s->addr;
    uint64_t fd;

    if (!!s->path + !!s->host + !!s->fd_text > 1) {
        return error_set(err, "chardev: socket: only one of 'path', 'host' and 'fd' may be given");
    }
    if (s->path) {
        a->kind = SOCKET_UNIX;
        a->path = g_strdup(s->path);
        a->abstract = s->abstract;
        a->tight = s->tight;
        if (given(args, "tight") && !s->abstract) {
            return error_set(err, "'tight' option needs abstract=on");
        }
    } else if (s->host || s->port) {
        if (!s->port) {
            return error_set(err, "chardev: socket: no port given, say port=NUMBER");
        }
        a->kind = SOCKET_INET;
        a->host = g_strdup(s->host);
        a->port = g_strdup(s->port);
        a->to = s->to;
        a->ipv4 = tristate(args, "ipv4", s->ipv4);
        a->ipv6 = tristate(args, "ipv6", s->ipv6);
    } else if (s->fd_text) {
        a->kind = SOCKET_FD;
        if (!g_ascii_isdigit(*s->fd_text)) {    /* kept by getfd */
            a->fd = named_fd_take(s->fd_text, err);
            if (a->fd < 0) {
                g_prefix_error(err, "fd: ");
            }
            return a->fd >= 0;
        }
        if (!parse_uint("fd", s->fd_text, INT32_MAX, &fd, err)) {
            return false;
        }
        a->fd = fd;
    } else {
        return error_set(err, "chardev: socket: no address given, say path=FILE, host=HOST,port=PORT or fd=NUMBER");
    }
    return true;
}

static bool check_options(SocketChardev *s, json_object *args, GError **err)
{
    const struct { bool wrong; const char *text; } rules[] = {
        { s->server && s->reconnect_ms, "'reconnect-ms' option is incompatible with socket in server listen mode" },
        { !s->server && given(args, "wait"), "'wait' option is incompatible with socket in client connect mode" },
        { s->fd_text && s->reconnect_ms, "'reconnect-ms' option is incompatible with 'fd'" },
        { s->tls_creds || s->tls_authz, "'tls-creds' is not supported yet" },
        { s->websocket, "'websocket' is not supported yet" },
        { s->tn3270, "'tn3270' is not supported yet" },
        { given(args, "delay") && given(args, "nodelay"), "'delay' and 'nodelay' exclude each other" },
        { s->reconnect_ms > INT32_MAX, "'reconnect-ms' is too large" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (rules[i].wrong) {
            return error_set(err, "%s", rules[i].text);
        }
    }
    if (given(args, "delay")) {
        s->nodelay = !s->delay;
    }
    return true;
}

static bool socket_open(Chardev *chr, json_object *args, GError **err)
{
    SocketChardev *s = (SocketChardev *)chr;
    int fd;

    if (!check_options(s, args, err) || !make_address(s, args, err)) {
        return false;
    }
    if (s->server) {
        s->listen_fd = socket_listen(&s->addr, err);
        if (s->listen_fd < 0) {
            return false;
        }
        s->unlink_path = s->addr.kind == SOCKET_UNIX && !s->addr.abstract;
        s->set_up = true;
        refresh_filename(s);
        if (s->wait) {
            struct pollfd pfd = { s->listen_fd, POLLIN };

            g_printerr("info: QEMU waiting for connection on: %s\n", chr->filename);
            do {
                poll(&pfd, 1, -1);
            } while (!accept_one(s));
        } else {
            listen_watch(s, true);
        }
        return true;
    }
    s->set_up = true;
    if (s->reconnect_ms) {
        refresh_filename(s);
        connect_start(s);
        return true;
    }
    fd = socket_connect(&s->addr, err);
    if (fd < 0) {
        return false;
    }
    connected(s, fd);
    return true;
}

static void socket_init(Object *obj)
{
    SocketChardev *s = (SocketChardev *)obj;

    s->fd = s->listen_fd = -1;
    s->unsent = g_byte_array_new();
    s->fds = g_array_new(FALSE, FALSE, sizeof(int));
    s->broken_bh = bh_new(NULL, broken_bh, s);
    timer_init(&s->reconnect, NULL, CLOCK_RT, connect_start, s);
}

static void socket_cleanup(Chardev *chr)
{
    SocketChardev *s = (SocketChardev *)chr;

    if (s->unlink_path) {
        unlink(s->addr.path);
        s->unlink_path = false;
    }
}

static void socket_finalize(Object *obj)
{
    SocketChardev *s = (SocketChardev *)obj;

    s->set_up = false;
    close_connection(s);
    if (s->listen_fd >= 0) {
        listen_watch(s, false);
        close(s->listen_fd);
    }
    socket_cleanup(&s->chr);
    timer_stop(&s->reconnect);
    if (s->job) {
        s->job->owner = NULL;
    }
    for (guint i = 0; i < s->fds->len; i++) {
        close(g_array_index(s->fds, int, i));
    }
    bh_free(s->broken_bh);
    g_array_free(s->fds, TRUE);
    g_byte_array_free(s->unsent, TRUE);
    socket_address_clear(&s->addr);
}

static const Property socket_properties[] = {
    PROP_STR("path", SocketChardev, path, "unix socket"),
    PROP_BOOL("abstract", SocketChardev, abstract, false, "path is a name without a file"),
    PROP_BOOL("tight", SocketChardev, tight, true, "do not pad the abstract name with zero bytes"),
    PROP_STR("host", SocketChardev, host, "host name or address; empty: all when listening"),
    PROP_STR("port", SocketChardev, port, "port number or service name; 0 when listening: any"),
    PROP_UINT16("to", SocketChardev, to, 0, "last port to try when listening"),
    PROP_BOOL("ipv4", SocketChardev, ipv4, false, "use IPv4"),
    PROP_BOOL("ipv6", SocketChardev, ipv6, false, "use IPv6"),
    PROP_STR("fd", SocketChardev, fd_text, "number of an inherited socket, or name of one that getfd keeps"),
    PROP_BOOL("server", SocketChardev, server, false, "listen instead of connecting"),
    PROP_BOOL("wait", SocketChardev, wait, true, "server: do not start before a client has connected"),
    PROP_BOOL("nodelay", SocketChardev, nodelay, false, "send small packets at once (TCP_NODELAY)"),
    PROP_BOOL("delay", SocketChardev, delay, true, "reverse of nodelay"),
    PROP_BOOL("telnet", SocketChardev, telnet, false, "speak the telnet protocol"),
    PROP_BOOL("tn3270", SocketChardev, tn3270, false, "speak the TN3270 protocol (not supported yet)"),
    PROP_BOOL("websocket", SocketChardev, websocket, false, "speak the WebSocket protocol (not supported yet)"),
    PROP_STR("tls-creds", SocketChardev, tls_creds, "id of TLS credentials (not supported yet)"),
    PROP_STR("tls-authz", SocketChardev, tls_authz, "id of a TLS authorization object (not supported yet)"),
    PROP_UINT64("reconnect-ms", SocketChardev, reconnect_ms, 0,
        "client: milliseconds between attempts; 0: connect once"),
    { }
};

static const ChardevType chardev_socket_type = {
    .name = "chardev-socket", .parent = &chardev_type.type, .size = sizeof(SocketChardev),
    .description = "TCP or unix stream socket", .properties = socket_properties, .init = socket_init,
    .finalize = socket_finalize, .open = socket_open, .write = socket_write, .update = socket_update,
    .wait_writable = socket_wait, .take_fd = socket_take_fd, .cleanup = socket_cleanup,
};
TYPE_REGISTER(chardev_socket_type);
