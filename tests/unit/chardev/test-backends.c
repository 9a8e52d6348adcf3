/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file, pipe, ringbuf, pty, stdio, log files: bytes in, bytes out, busy ends. */
#include <fcntl.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/unit/chardev/fixture.h"

static void check_file(const char *path, const char *want, const char *claim)
{
    g_autofree char *text = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    check_str(text, want, "%s", claim);
}

static void test_file(void)
{
    g_autofree char *out = scratch_path("out"), *in = scratch_path("in");
    Recorder r;

    g_file_set_contents(in, "hello from a file", -1, NULL);
    for (int append = 0; append < 2; append++) {
        recorder_init(
            &r, chardev_from(append ? "file,id=f,path=@/out,append=on" : "file,id=f,path=@/out,input-path=@/in", NULL));
        check_str(r.events->str, "O", "a file is open");
        check_int(put(&r, "one"), ==, 3, "all is taken");
        if (!append) {
            until(r.input->len == 17, "the input arrives");
            check_str(r.input->str, "hello from a file", "as it is");
        }
        recorder_clear(&r);
        chardev_remove("f", NULL);
        check_file(out, append ? "oneone" : "one",
                   append ? "append keeps what was there" : "the file has what was written");
    }
    recorder_init(&r, chardev_from("file,id=f,path=@/out", NULL));
    recorder_clear(&r);
    chardev_remove("f", NULL);
    check_file(out, "", "without append the file is truncated");
}

static void test_flow(void)
{
    g_autofree char *in = scratch_path("in");
    Recorder r;

    g_file_set_contents(in, "0123456789", -1, NULL);
    recorder_init(&r, chardev_from("file,id=f,path=@/out,input-path=@/in", NULL));
    r.room = 4;
    chardev_accept_input(&r.fe);
    turn(20);
    check_str(r.input->str, "0123", "no more than can be received");
    r.room = 3;
    chardev_accept_input(&r.fe);
    turn(20);
    check_str(r.input->str, "0123456", "and more when the front end says so");
    r.room = -1;
    chardev_accept_input(&r.fe);
    turn(20);
    check_str(r.input->str, "0123456789", "to the end");
    recorder_clear(&r);
    chardev_remove("f", NULL);
}

static void test_pipe(void)
{
    g_autofree char *in = scratch_path("p.in"), *out = scratch_path("p.out");
    g_autofree char *big = g_malloc(1 << 20);
    Recorder r;
    int far_in, far_out, taken, got = 0;
    char buf[65536];

    mkfifo(in, 0600);
    mkfifo(out, 0600);
    recorder_init(&r, chardev_from("pipe,id=p,path=@/p", NULL));
    far_in = open(in, O_WRONLY);
    far_out = open(out, O_RDONLY);
    check_int(write(far_in, "to you", 6), ==, 6, "the far end writes");
    until(r.input->len == 6, "and it arrives");
    check_str(r.input->str, "to you", "as it is");

    memset(big, 'x', 1 << 20);
    taken = chardev_write(&r.fe, (uint8_t *)big, 1 << 20);
    check_true(taken > 0 && taken < 1 << 20, "a full pipe takes a part (%d)", taken);
    check_int(chardev_write(&r.fe, (uint8_t *)big, 10), ==, 0, "then nothing");
    recorder_watch(&r);
    turn(20);
    check_int(r.watches, ==, 0, "a watch does not fire while it is full");
    while (got < taken) {
        got += read(far_out, buf, sizeof(buf));
    }
    until(r.watches == 1, "it fires when there is room");
    turn(20);
    check_int(r.watches, ==, 1, "once");
    check_int(chardev_write(&r.fe, (uint8_t *)big, 10), ==, 10, "and bytes are taken again");
    close(far_in);
    close(far_out);
    recorder_clear(&r);
    chardev_remove("p", NULL);
}

static void test_ringbuf(void)
{
    static const struct { const char *claim, *write; size_t max; const char *want; } rows[] = {
        { "what was written is read", "abc", 100, "abc" },
        { "once", "", 100, "" },
        { "in parts", "defgh", 2, "de" },
        { "the rest", "", 100, "fgh" },
        { "the oldest is pushed out", "0123456789abcdefXYZ", 100, "3456789abcdefXYZ" },
        { "exactly full", "0123456789abcdef", 100, "0123456789abcdef" },
    };
    Chardev *chr = chardev_from("ringbuf,id=r,size=16", NULL);
    Recorder r;
    g_autoptr(GError) err = NULL;

    recorder_init(&r, chr);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) out = g_byte_array_new();

        put(&r, rows[i].write);
        check_true(chardev_ringbuf_read(chr, rows[i].max, out, NULL), "%s", rows[i].claim);
        g_byte_array_append(out, (const uint8_t *)"", 1);
        check_str((char *)out->data, rows[i].want, "%s", rows[i].claim);
    }
    recorder_clear(&r);
    chardev_remove("r", NULL);
    chr = chardev_from("null,id=n", NULL);
    check_true(!chardev_ringbuf_read(chr, 1, NULL, &err) && strstr(err->message, "not a ringbuf"),
               "null has nothing to read");
    chardev_remove("n", NULL);
}

static void test_log(void)
{
    g_autofree char *log = scratch_path("log");
    Recorder r;

    g_file_set_contents(log, "before\n", -1, NULL);
    for (int append = 1; append >= 0; append--) {
        recorder_init(&r,
                      chardev_from(append ? "null,id=n,logfile=@/log,logappend=on" : "null,id=n,logfile=@/log", NULL));
        put(&r, "out\n");
        recorder_clear(&r);
        chardev_remove("n", NULL);
        check_file(log, append ? "before\nout\n" : "out\n", "what is written is logged");
    }
    recorder_init(&r, chardev_from("null,id=n,logfile=@/log,logtimestamp=on", NULL));
    put(&r, "one\ntw");
    put(&r, "o\n");
    recorder_clear(&r);
    chardev_remove("n", NULL);
    g_autofree char *text = NULL;
    g_file_get_contents(log, &text, NULL, NULL);
    check_true(g_regex_match_simple("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z one\\n\\d{4}-\\S+Z two\\n$",
                                    text, 0, 0),
               "time stamps begin lines only: '%s'", text);
}

static void test_pty(void)
{
    g_autofree char *link = scratch_path("tty");
    struct stat st;
    Recorder r;
    char buf[64];

    for (int round = 0; round < 2; round++) {
        Chardev *chr = chardev_from("pty,id=p,path=@/tty", NULL);
        int fd;

        check_true(chr != NULL, "a pty can be made");
        check_true(g_str_has_prefix(chardev_filename(chr), "pty:/dev/pts/"), "its name is told: %s",
                   chardev_filename(chr));
        check_true(stat(link, &st) == 0 && S_ISCHR(st.st_mode), "path= is a link to it");
        recorder_init(&r, chr);
        check_str(r.events->str, "", "nobody is there yet");
        check_int(put(&r, "lost"), ==, 4, "what is written then is dropped");
        for (int visit = 0; visit < 3; visit++) {
            g_string_truncate(r.events, 0);
            g_string_truncate(r.input, 0);
            fd = open(chardev_pty_path(chr), O_RDWR | O_NOCTTY);
            until(!strcmp(r.events->str, "O"), "opening the far end is noticed (visit %d)", visit);
            check_int(put(&r, "hello"), ==, 5, "bytes go");
            check_int(read(fd, buf, sizeof(buf)), ==, 5, "and arrive unchanged, whatever was lost before");
            check_int(write(fd, "you\r\003", 5), ==, 5, "bytes come");
            until(r.input->len == 5, "they arrive");
            check_str(r.input->str, "you\r\003", "raw");
            close(fd);
            until(!strcmp(r.events->str, "OC"), "closing it is noticed (visit %d: %s)", visit, r.events->str);
        }
        recorder_clear(&r);
        chardev_remove("p", NULL);
        check_true(lstat(link, &st) != 0, "the link goes with it");
    }
}

/* The far side of stdio: a child whose standard input and output are a pseudo terminal. */
static int stdio_child(void)
{
    struct termios tty;
    Recorder r;
    g_autoptr(GError) err = NULL;

    recorder_init(&r, chardev_from("stdio,id=s", NULL));
    if (chardev_from("stdio,id=t", &err) || !strstr(err->message, "already used")) {
        return 2;
    }
    tcgetattr(0, &tty);
    if ((tty.c_lflag & (ECHO | ICANON)) || !(tty.c_lflag & ISIG)) {
        return 3;
    }
    chardev_set_echo(&r.fe, true);
    tcgetattr(0, &tty);
    if (!(tty.c_lflag & ECHO)) {
        return 4;
    }
    chardev_set_echo(&r.fe, false);
    chardev_write_all(&r.fe, (const uint8_t *)"ready", 5);
    until(r.input->len >= 3, "keys arrive");
    if (strcmp(r.input->str, "key")) {
        return 5;
    }
    chardev_write_all(&r.fe, (const uint8_t *)"done", 4);
    exit(7);                                    /* the terminal must be restored at exit */
}

static void read_text(int fd, const char *want)
{
    GString *got = g_string_new(NULL);
    char c;

    while (!g_str_has_suffix(got->str, want) && read(fd, &c, 1) == 1) {
        g_string_append_c(got, c);
    }
    check_true(g_str_has_suffix(got->str, want), "the terminal shows '%s' (shows '%s')", want, got->str);
    g_string_free(got, TRUE);
}

static void test_stdio(void)
{
    struct termios before, after;
    int master, slave, status;
    pid_t pid;

    check_int(openpty(&master, &slave, NULL, NULL, NULL), ==, 0, "a terminal");
    tcgetattr(slave, &before);
    pid = fork();
    if (pid == 0) {
        setsid();
        dup2(slave, 0);
        dup2(slave, 1);
        ioctl(0, TIOCSCTTY, 0);
        exit(stdio_child());
    }
    read_text(master, "ready");
    check_int(write(master, "key", 3), ==, 3, "keys are struck");
    read_text(master, "done");
    waitpid(pid, &status, 0);
    check_true(WIFEXITED(status), "the child ends by itself");
    check_int(WEXITSTATUS(status), ==, 7, "having seen what it should");
    tcgetattr(slave, &after);
    check_true(before.c_lflag == after.c_lflag && before.c_iflag == after.c_iflag, "the terminal is as it was");
    close(master);
    close(slave);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/chardev/file", test_file);
    g_test_add_func("/chardev/flow", test_flow);
    g_test_add_func("/chardev/pipe", test_pipe);
    g_test_add_func("/chardev/ringbuf", test_ringbuf);
    g_test_add_func("/chardev/log", test_log);
    g_test_add_func("/chardev/pty", test_pty);
    g_test_add_func("/chardev/stdio", test_stdio);
    return fixture_end(g_test_run());
}
