/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listening and connecting by a SocketAddress; see the header. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "chardev/sockaddr.h"

typedef struct addrinfo AddrInfo;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AddrInfo, freeaddrinfo)

void socket_address_clear(SocketAddress *a)
{
    g_clear_pointer(&a->host, g_free);
    g_clear_pointer(&a->port, g_free);
    g_clear_pointer(&a->path, g_free);
}

static AddrInfo *resolve(const SocketAddress *a, bool passive, GError **err)
{
    bool v4 = a->ipv4 != ON_OFF_AUTO_OFF, v6 = a->ipv6 != ON_OFF_AUTO_OFF;
    AddrInfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0 }, *list = NULL;
    int rc;

    /* ipv4=on alone means IPv4 only, and so for ipv6. */
    if (a->ipv4 == ON_OFF_AUTO_ON && a->ipv6 == ON_OFF_AUTO_AUTO) {
        v6 = false;
    } else if (a->ipv6 == ON_OFF_AUTO_ON && a->ipv4 == ON_OFF_AUTO_AUTO) {
        v4 = false;
    }
    if (!v4 && !v6) {
        error_set(err, "cannot disable IPv4 and IPv6 at same time");
        return NULL;
    }
    hints.ai_family = v4 && v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6;
    rc = getaddrinfo(a->host && *a->host ? a->host : NULL, a->port, &hints, &list);
    if (rc) {
        error_set(err, "address resolution failed for %s:%s: %s", a->host ? a->host : "", a->port, gai_strerror(rc));
        return NULL;
    }
    return list;
}

static int listen_inet_at(const AddrInfo *ai, unsigned port, bool only_v6)
{
    struct sockaddr_storage sa;
    int one = 1, v6only = only_v6, fd;

    memcpy(&sa, ai->ai_addr, ai->ai_addrlen);
    if (ai->ai_family == AF_INET6) {
        ((struct sockaddr_in6 *)&sa)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)&sa)->sin_port = htons(port);
    }
    fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (ai->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
    }
    if (bind(fd, (struct sockaddr *)&sa, ai->ai_addrlen) < 0 || listen(fd, 1) < 0) {
        int e = errno;

        close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

static int listen_inet(const SocketAddress *a, GError **err)
{
    g_autoptr(AddrInfo) list = resolve(a, true, err);
    bool any_host = !a->host || !*a->host;
    int last_errno = EADDRNOTAVAIL;
    unsigned first, last;

    if (!list) {
        return -1;
    }
    first = ntohs(list->ai_family == AF_INET6 ? ((struct sockaddr_in6 *)list->ai_addr)->sin6_port :
                  ((struct sockaddr_in *)list->ai_addr)->sin_port);
    last = a->to ? a->to : first;
    if (last < first) {
        error_set(err, "port range 'to=%u' ends before port %u", last, first);
        return -1;
    }
    for (unsigned port = first; port <= last; port++) {
        /* With no host, IPv6 first: one dual-stack socket then serves both. */
        for (int pass = 0; pass < (any_host ? 2 : 1); pass++) {
            for (const AddrInfo *ai = list; ai; ai = ai->ai_next) {
                int fd;

                if (any_host && (ai->ai_family == AF_INET6) != (pass == 0)) {
                    continue;
                }
                fd = listen_inet_at(ai, port, !any_host || a->ipv4 == ON_OFF_AUTO_OFF ||
                                    (a->ipv6 == ON_OFF_AUTO_ON && a->ipv4 != ON_OFF_AUTO_ON));
                if (fd >= 0) {
                    return fd;
                }
                last_errno = errno;
            }
        }
    }
    error_set_errno(err, last_errno, "Failed to listen on %s:%s", a->host ? a->host : "", a->port);
    return -1;
}

static bool unix_address(const SocketAddress *a, struct sockaddr_un *sa, socklen_t *len, GError **err)
{
    size_t n = strlen(a->path), room = sizeof(sa->sun_path) - (a->abstract ? 1 : 0);

    memset(sa, 0, sizeof(*sa));
    sa->sun_family = AF_UNIX;
    if (n > room) {
        return error_set(err, "UNIX socket path '%s' is too long: it may have %zu bytes", a->path, room);
    }
    memcpy(sa->sun_path + (a->abstract ? 1 : 0), a->path, n);
    *len = offsetof(struct sockaddr_un, sun_path) + n + 1;
    if (n == sizeof(sa->sun_path) || (a->abstract && !a->tight)) {
        *len = sizeof(*sa);
    }
    return true;
}

static int listen_unix(const SocketAddress *a, GError **err)
{
    struct sockaddr_un sa;
    struct stat st;
    socklen_t len;
    int fd;

    if (!unix_address(a, &sa, &len, err)) {
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        error_set_errno(err, errno, "Failed to create Unix socket");
        return -1;
    }
    if (!a->abstract && lstat(a->path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(a->path);
    }
    if (bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, 1) < 0) {
        error_set_errno(err, errno, "Failed to bind socket to %s", a->path);
        close(fd);
        return -1;
    }
    return fd;
}

static int take_fd(const SocketAddress *a, bool listening, GError **err)
{
    int value = 0;
    socklen_t len = sizeof(value);

    if (getsockopt(a->fd, SOL_SOCKET, SO_TYPE, &value, &len) < 0) {
        error_set_errno(err, errno, "file descriptor %d is not a socket", a->fd);
        return -1;
    }
    len = sizeof(value);
    getsockopt(a->fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len);
    if (listening && !value && listen(a->fd, 1) < 0) {
        error_set_errno(err, errno, "Failed to listen on fd socket %d", a->fd);
        return -1;
    }
    if (!listening && value) {
        error_set(err, "file descriptor %d is a listening socket; it needs server=on", a->fd);
        return -1;
    }
    fcntl(a->fd, F_SETFD, FD_CLOEXEC);
    fcntl(a->fd, F_SETFL, fcntl(a->fd, F_GETFL) | O_NONBLOCK);
    return a->fd;
}

int socket_listen(const SocketAddress *a, GError **err)
{
    switch (a->kind) {
    case SOCKET_INET:
        return listen_inet(a, err);
    case SOCKET_UNIX:
        return listen_unix(a, err);
    default:
        return take_fd(a, true, err);
    }
}

static int connect_once(int family, const struct sockaddr *sa, socklen_t len)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

    if (fd < 0) {
        return -1;
    }
    do {
        rc = connect(fd, sa, len);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        int e = errno;

        close(fd);
        errno = e;
        return -1;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

int socket_connect(const SocketAddress *a, GError **err)
{
    int fd = -1;

    if (a->kind == SOCKET_FD) {
        return take_fd(a, false, err);
    }
    if (a->kind == SOCKET_UNIX) {
        struct sockaddr_un sa;
        socklen_t len;

        if (!unix_address(a, &sa, &len, err)) {
            return -1;
        }
        fd = connect_once(AF_UNIX, (struct sockaddr *)&sa, len);
        if (fd < 0) {
            error_set_errno(err, errno, "Failed to connect to '%s'", a->path);
        }
    } else {
        g_autoptr(AddrInfo) list = resolve(a, false, err);

        if (!list) {
            return -1;
        }
        for (const AddrInfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
            fd = connect_once(ai->ai_family, ai->ai_addr, ai->ai_addrlen);
        }
        if (fd < 0) {
            error_set_errno(err, errno, "Failed to connect to '%s:%s'", a->host ? a->host : "", a->port);
        }
    }
    return fd;
}

char *socket_name_text(int fd, bool peer)
{
    struct sockaddr_storage sa = { 0 };
    socklen_t len = sizeof(sa);
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if ((peer ? getpeername : getsockname)(fd, (struct sockaddr *)&sa, &len) < 0) {
        return g_strdup("unknown");
    }
    if (sa.ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (struct sockaddr_un *)&sa;
        size_t n = len - offsetof(struct sockaddr_un, sun_path);

        return n && un->sun_path[0] ? g_strndup(un->sun_path, n) : g_strdup("");
    }
    if (getnameinfo((struct sockaddr *)&sa, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        return g_strdup("unknown");
    }
    return g_strdup_printf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}
