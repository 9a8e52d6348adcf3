/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stream socket addresses as options spell them, and listening and connecting by them.
 */
#ifndef CHARDEV_SOCKADDR_H
#define CHARDEV_SOCKADDR_H

#include "core/object.h"

typedef enum SocketKind { SOCKET_INET, SOCKET_UNIX, SOCKET_FD } SocketKind;

typedef struct SocketAddress {
    SocketKind kind;
    char *host, *port;                          /* INET; host "" listens on every address */
    uint16_t to;                                /* last port to try when listening; 0: only `port` */
    OnOffAuto ipv4, ipv6;
    char *path;                                 /* UNIX */
    bool abstract, tight;                       /* name without a file; tight: not padded with zero bytes */
    int fd;                                     /* FD: a descriptor we inherited */
} SocketAddress;

void socket_address_clear(SocketAddress *a);    /* frees strings */
/**
 * socket_listen: a listening socket, close-on-exec and non-blocking; -1 with @err. A stale unix socket file is
 * replaced.
 */
int socket_listen(const SocketAddress *a, GError **err);
/** socket_connect: blocks until connected (name look-up included); any thread. -1 with @err. */
int socket_connect(const SocketAddress *a, GError **err);
/** socket_name_text: "127.0.0.1:80", "[::1]:80" or a unix path of the socket's own (@peer: the other) end; g_free(). */
char *socket_name_text(int fd, bool peer);

#endif
