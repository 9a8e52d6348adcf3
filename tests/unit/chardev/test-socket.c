/* SPDX-License-Identifier: GPL-2.0-or-later */
/* socket: servers and clients on real sockets: connect, lose, reconnect, full buffers, telnet, passed descriptors. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/chardev/fixture.h"

static int unix_connect(const char *name)
{
    g_autofree char *path = scratch_path(name);
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_strlcpy(sa.sun_path, path, sizeof(sa.sun_path));
    check_int(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), ==, 0, "connect to %s", path);
    return fd;
}

static int unix_listen(const char *name)
{
    g_autofree char *path = scratch_path(name);
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    unlink(path);
    g_strlcpy(sa.sun_path, path, sizeof(sa.sun_path));
    check_int(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), ==, 0, "bind %s", path);
    check_int(listen(fd, 5), ==, 0, "listen at %s", path);
    return fd;
}

static unsigned port_of(Chardev *chr)
{
    const char *colon = strrchr(chardev_filename(chr), ':');

    return colon ? atoi(colon + 1) : 0;
}

static int tcp_connect(unsigned port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    check_int(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), ==, 0, "connect to port %u", port);
    return fd;
}

static void expect(int fd, const char *want, size_t len, const char *claim)
{
    g_autofree char *buf = g_malloc(len + 1);
    size_t got = 0;

    while (got < len) {
        ssize_t n = recv(fd, buf + got, len - got, MSG_DONTWAIT);

        check_true(n != 0, "%s: the connection stays", claim);
        got += MAX(n, 0);
        turn(1);
        if (n < 0) {
            g_usleep(200);
        }
    }
    check_true(!memcmp(buf, want, len), "%s", claim);
}

static void test_server(void)
{
    static const char *const kinds[] = {"socket,id=s,path=@/s,server=on,wait=off",
                                        "socket,id=s,host=127.0.0.1,port=0,server=on,wait=off"};
    g_autofree char *path = scratch_path("s");
    struct stat st;

    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        Chardev *chr = chardev_from(kinds[k], NULL);
        Recorder r;

        recorder_init(&r, chr);
        check_str(r.events->str, "", "nobody is connected");
        check_true(g_str_has_prefix(chardev_filename(chr), "disconnected:"), "and the name says so: %s",
                   chardev_filename(chr));
        check_int(put(&r, "lost"), ==, 4, "what is written then is dropped");
        for (int visit = 0; visit < 3; visit++) {
            int fd, second;

            g_string_truncate(r.events, 0);
            g_string_truncate(r.input, 0);
            fd = k ? tcp_connect(port_of(chr)) : unix_connect("s");
            until(!strcmp(r.events->str, "O"), "a connection opens it");
            check_true(strstr(chardev_filename(chr), k ? " <-> 127.0.0.1:" : "/s,server=on"), "name: %s",
                       chardev_filename(chr));
            check_int(put(&r, "hello"), ==, 5, "bytes go");
            expect(fd, "hello", 5, "and arrive, without what was lost before");
            check_int(write(fd, "you", 3), ==, 3, "bytes come");
            until(r.input->len == 3, "and arrive");
            second = k ? -1 : unix_connect("s");
            if (second >= 0) {
                check_int(write(second, "me too", 6), ==, 6, "a second client may connect and write");
                turn(20);
                check_str(r.input->str, "you", "but waits");
                close(second);
            }
            close(fd);
            until(!strncmp(r.events->str, "OC", 2), "closing is noticed");
            until(second < 0 || !strcmp(r.events->str, "OCOC"), "the second client then had its turn (%s)",
                  r.events->str);
            check_str(r.input->str, second < 0 ? "you" : "youme too", "and was heard");
        }
        /* A peer that is gone is found by writing, too; CLOSED comes from the loop, not from inside of the write. */
        g_string_truncate(r.events, 0);
        int fd = k ? tcp_connect(port_of(chr)) : unix_connect("s");
        until(r.events->len == 1, "once more");
        r.room = 0;
        chardev_accept_input(&r.fe);
        check_int(write(fd, "last", 4), ==, 4, "the peer writes");
        close(fd);
        for (int i = 0; i < 100 && r.events->len == 1; i++) {
            size_t before = r.events->len;

            put(&r, "x");
            check_int(r.events->len, ==, before, "no event inside of a write");
            r.room = 10;
            g_usleep(1000);
            turn(1);
        }
        until(!strcmp(r.events->str, "OC"), "a write finds the peer gone");
        check_true(g_str_has_suffix(r.input->str, "last") || k, "what it had said is heard (%s)", r.input->str);
        recorder_clear(&r);
        chardev_remove("s", NULL);
        check_true(k || lstat(path, &st) != 0, "the socket's file is removed");
    }
}

static void test_port_range(void)
{
    Chardev *one = chardev_from("socket,id=a,host=127.0.0.1,port=0,server=on,wait=off", NULL), *two;
    g_autofree char *text = NULL, *fails = NULL;
    unsigned port = port_of(one);
    g_autoptr(GError) err = NULL;

    text = g_strdup_printf("socket,id=b,host=127.0.0.1,port=%u,to=%u,server=on,wait=off", port, port + 50);
    fails = g_strdup_printf("socket,id=c,host=127.0.0.1,port=%u,server=on,wait=off", port);
    two = chardev_from(text, &err);
    check_true(two && port_of(two) > port && port_of(two) <= port + 50, "to= finds another port (%s)",
               err ? err->message : "");
    check_true(!chardev_from(fails, &err) && strstr(err->message, "Failed to listen"),
               "without it a taken port is an error");
    chardev_remove("a", NULL);
    chardev_remove("b", NULL);
}

static void test_client(void)
{
    int listener = unix_listen("l"), fd;
    Recorder r;

    recorder_init(&r, chardev_from("socket,id=c,path=@/l", NULL));
    fd = accept(listener, NULL, NULL);
    check_str(r.events->str, "O", "a client is connected at once");
    check_int(write(fd, "hi", 2), ==, 2, "bytes come");
    until(r.input->len == 2, "and arrive");
    close(fd);
    until(!strcmp(r.events->str, "OC"), "the end is noticed");
    turn(20);
    check_int(put(&r, "x"), ==, 1, "afterwards output is dropped");
    recorder_clear(&r);
    chardev_remove("c", NULL);
    close(listener);
}

static void test_reconnect(void)
{
    g_autofree char *path = scratch_path("l");
    int listener, fd;
    Recorder r;

    unlink(path);
    recorder_init(&r, chardev_from("socket,id=c,path=@/l,reconnect-ms=1", NULL));
    check_str(r.events->str, "", "nobody listens yet, which is no error");
    listener = unix_listen("l");
    for (int visit = 0; visit < 3; visit++) {
        g_string_truncate(r.events, 0);
        until(!strcmp(r.events->str, "O"), "it connects by itself (visit %d)", visit);
        fd = accept(listener, NULL, NULL);
        put(&r, "a");
        expect(fd, "a", 1, "bytes go");
        close(fd);
        until(g_str_has_prefix(r.events->str, "OC"), "the end is noticed");
        g_string_truncate(r.events, 0);
        if (visit < 2) {
            until(!strcmp(r.events->str, "O"), "and it comes again");
            close(accept(listener, NULL, NULL));
            until(g_str_has_prefix(r.events->str, "OC"), "as often as needed");
        }
    }
    close(listener);
    /* It may go away while an attempt is under way. */
    recorder_clear(&r);
    chardev_remove("c", NULL);
    turn(50);
}

static void test_full(void)
{
    g_autofree char *big = g_malloc(4 << 20), *buf = g_malloc(1 << 20);
    Chardev *chr = chardev_from("socket,id=s,path=@/s,server=on,wait=off", NULL);
    int fd = unix_connect("s"), taken;
    size_t got = 0;
    Recorder r;

    memset(big, 'x', 4 << 20);
    recorder_init(&r, chr);
    until(r.events->len == 1, "connected");
    taken = chardev_write(&r.fe, (uint8_t *)big, 4 << 20);
    check_true(taken > 0 && taken < 4 << 20, "a full socket takes a part (%d)", taken);
    check_int(put(&r, "y"), ==, 0, "then nothing");
    recorder_watch(&r);
    turn(20);
    check_int(r.watches, ==, 0, "no watch fires");
    while (got < (size_t)taken) {
        got += read(fd, buf, 1 << 20);
    }
    until(r.watches == 1, "a watch fires when there is room");
    taken = chardev_write(&r.fe, (uint8_t *)big, 4 << 20);
    recorder_watch(&r);
    close(fd);
    until(r.watches == 2, "and when the peer goes, so that nobody waits for ever");
    recorder_clear(&r);
    chardev_remove("s", NULL);
}

static void test_telnet(void)
{
    Chardev *chr = chardev_from("socket,id=t,host=127.0.0.1,port=0,server=on,wait=off,telnet=on", NULL);
    int fd;
    Recorder r;

    check_true(g_str_has_prefix(chardev_filename(chr), "disconnected:telnet:"), "name: %s", chardev_filename(chr));
    recorder_init(&r, chr);
    fd = tcp_connect(port_of(chr));
    expect(fd, "\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00", 12, "a server offers echo, no go-ahead, binary");
    check_int(write(fd, "\xff\xfd\x01" "ab\xff\xf3" "c\xff\xff", 10), ==, 10, "the client speaks");
    until(r.input->len == 4, "its text arrives");
    check_str(r.input->str, "abc\xff", "without commands");
    check_true(strchr(r.events->str, 'B'), "a BREAK is a break");
    check_int(put(&r, "x\xffy\xff"), ==, 4, "output is taken whole");
    expect(fd, "x\xff\xffy\xff\xff", 6, "with 0xff doubled");
    check_int(write(fd, "\xff\xfd\x22", 3), ==, 3, "an option we do not know");
    expect(fd, "\xff\xfc\x22", 3, "is refused");
    close(fd);
    until(strchr(r.events->str, 'C'), "closed");
    recorder_clear(&r);
    chardev_remove("t", NULL);
}

/* Doubled bytes at the edge of a full buffer: nothing is lost or sent twice. */
static void test_telnet_full(void)
{
    enum { BYTES = 3 << 20 };
    Chardev *chr = chardev_from("socket,id=t,path=@/t,server=on,wait=off,telnet=on", NULL);
    g_autofree uint8_t *data = g_malloc(BYTES), *got = g_malloc(2 * BYTES + 64);
    size_t sent = 0, have = 0, want = 12;
    Recorder r;
    int fd = unix_connect("t"), small = 4096;

    recorder_init(&r, chr);
    until(r.events->len == 1, "connected");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (size_t i = 0; i < BYTES; i++) {
        data[i] = i % 3 ? 0xff : i / 3;
        want += data[i] == 0xff ? 2 : 1;
    }
    while (have < want) {
        ssize_t n;

        if (sent < BYTES) {
            sent += chardev_write(&r.fe, data + sent, MIN(BYTES - sent, 30011));
        }
        n = recv(fd, got + have, MIN(1777, want - have), MSG_DONTWAIT);
        have += MAX(n, 0);
        turn(1);
        check_true(sent < BYTES || n > 0 || have == want, "all arrives (%zu of %zu)", have, want);
    }
    for (size_t i = 0, at = 12; i < BYTES; i++) {
        check_int(got[at], ==, data[i], "byte %zu", i);
        at += data[i] == 0xff ? 2 : 1;
    }
    check_int(recv(fd, got, 1, MSG_DONTWAIT), ==, -1, "and no more");
    close(fd);
    recorder_clear(&r);
    chardev_remove("t", NULL);
}

static void test_passed_fd(void)
{
    Chardev *chr = chardev_from("socket,id=s,path=@/s,server=on,wait=off", NULL);
    int fd = unix_connect("s"), pipes[2], taken;
    union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int))]; } control = { 0 };
    char payload = 'x';
    struct iovec iov = { &payload, 1 };
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    Recorder r;
    char byte;

    recorder_init(&r, chr);
    check_int(chardev_take_fd(&r.fe), ==, -1, "no descriptor came");
    check_int(pipe(pipes), ==, 0, "a pipe");
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &pipes[1], sizeof(int));
    check_int(sendmsg(fd, &msg, 0), ==, 1, "its end is sent");
    until(r.input->len == 1, "the byte arrives");
    taken = chardev_take_fd(&r.fe);
    check_true(taken >= 0, "with a descriptor");
    check_int(chardev_take_fd(&r.fe), ==, -1, "once");
    check_true(write(taken, "!", 1) == 1 && read(pipes[0], &byte, 1) == 1 && byte == '!',
               "that is the one which was sent");
    close(taken);
    close(pipes[0]);
    close(pipes[1]);
    close(fd);
    recorder_clear(&r);
    chardev_remove("s", NULL);
}

static void test_abstract_and_fd(void)
{
    g_autofree char *name = g_strdup_printf("rhea-test-%d", getpid());
    g_autofree char *server = g_strdup_printf("socket,id=s,path=%s,abstract=on,server=on,wait=off", name);
    g_autofree char *client = g_strdup_printf("socket,id=c,path=%s,abstract=on", name);
    g_autofree char *by_fd = NULL;
    Recorder s, c;
    int listener, pair[2];

    recorder_init(&s, chardev_from(server, NULL));
    recorder_init(&c, chardev_from(client, NULL));
    put(&c, "abstract");
    until(s.input->len == 8, "an abstract name connects");
    recorder_clear(&s);
    recorder_clear(&c);
    chardev_remove("s", NULL);
    chardev_remove("c", NULL);

    check_int(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0, "a connected pair");
    by_fd = g_strdup_printf("socket,id=c,fd=%d", pair[0]);
    recorder_init(&c, chardev_from(by_fd, NULL));
    check_str(c.events->str, "O", "an inherited connection is open");
    check_int(write(pair[1], "z", 1), ==, 1, "the far end writes");
    until(c.input->len == 1, "and is heard");
    recorder_clear(&c);
    chardev_remove("c", NULL);
    close(pair[1]);

    listener = unix_listen("l");
    g_free(by_fd);
    by_fd = g_strdup_printf("socket,id=s,fd=%d,server=on,wait=off", listener);
    recorder_init(&s, chardev_from(by_fd, NULL));
    pair[0] = unix_connect("l");
    until(!strcmp(s.events->str, "O"), "an inherited listener accepts");
    close(pair[0]);
    recorder_clear(&s);
    chardev_remove("s", NULL);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/chardev/socket/server", test_server);
    g_test_add_func("/chardev/socket/port-range", test_port_range);
    g_test_add_func("/chardev/socket/client", test_client);
    g_test_add_func("/chardev/socket/reconnect", test_reconnect);
    g_test_add_func("/chardev/socket/full", test_full);
    g_test_add_func("/chardev/socket/telnet", test_telnet);
    g_test_add_func("/chardev/socket/telnet-full", test_telnet_full);
    g_test_add_func("/chardev/socket/passed-fd", test_passed_fd);
    g_test_add_func("/chardev/socket/abstract-and-fd", test_abstract_and_fd);
    return fixture_end(g_test_run());
}
