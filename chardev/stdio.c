/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stdio: the terminal (or pipes) that the emulator was started on.
 *
 * A terminal is put into raw mode: no echo, no line editing; keys that send signals (Ctrl-C) work unless signal=off.
 * The mode found at the start is restored at exit, and around a stop (SIGTSTP, SIGCONT), so that the shell has its
 * terminal back. We read and write descriptors of our own to the same terminal or pipe, opened anew where the kernel
 * lets us: O_NONBLOCK on the inherited ones would also hit every other process that shares them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/backend.h"

typedef struct StdioChardev {
    Chardev chr;
    FdPort port;
    bool signal;
    bool in_use;
} StdioChardev;

/* Read by signal handlers, so of the process, not of the object; there is one terminal anyway. */
static struct {
    bool in_use, is_tty, saved_flags_valid[2];
    int saved_flags[2];
    struct termios found, raw;
    struct sigaction old_cont, old_tstp;
} terminal;

static void terminal_restore(void)
{
    if (terminal.is_tty) {
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.found);
    }
    for (int i = 0; i < 2; i++) {
        if (terminal.saved_flags_valid[i]) {
            fcntl(i, F_SETFL, terminal.saved_flags[i]);
        }
    }
}

static void on_continue(int sig)
{
    int saved_errno = errno;

    if (terminal.in_use && terminal.is_tty && tcgetpgrp(STDIN_FILENO) == getpgrp()) {
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.raw);
    }
    errno = saved_errno;
}

static void on_stop(int sig)
{
    int saved_errno = errno;
    struct sigaction def = { .sa_handler = SIG_DFL }, own;
    sigset_t stop, old;

    terminal_restore();
    sigemptyset(&def.sa_mask);
    sigaction(SIGTSTP, &def, &own);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    raise(SIGTSTP);
    pthread_sigmask(SIG_UNBLOCK, &stop, &old);  /* stops here until SIGCONT */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    sigaction(SIGTSTP, &own, NULL);
    on_continue(SIGCONT);
    errno = saved_errno;
}

static void stdio_set_echo(Chardev *chr, bool echo)
{
    StdioChardev *s = (StdioChardev *)chr;
    struct termios tty;

    if (!terminal.is_tty) {
        return;
    }
    tty = terminal.found;
    if (!echo) {
        tty.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        tty.c_oflag |= OPOST;
        tty.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
        tty.c_cflag = (tty.c_cflag & ~(CSIZE | PARENB)) | CS8;
        tty.c_cc[VMIN] = 1;
        tty.c_cc[VTIME] = 0;
    }
    if (!s->signal) {
        tty.c_lflag &= ~ISIG;
    }
    terminal.raw = tty;
    on_continue(SIGCONT);
}

/* A descriptor to the same thing with file flags of its own; for what cannot be opened anew, a copy. */
static int own_descriptor(int fd, int mode)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    struct stat st;
    int own = -1;

    if (fstat(fd, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode))) {
        own = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }
    if (own < 0 && (own = fcntl(fd, F_DUPFD_CLOEXEC, 3)) >= 0) {
        terminal.saved_flags[fd] = fcntl(fd, F_GETFL);
        terminal.saved_flags_valid[fd] = true;
    }
    return own;
}

static void stdio_eof(Chardev *chr) { chardev_be_event(chr, CHARDEV_CLOSED); }

static const char *forbidden_by;

void chardev_forbid_stdio(const char *why) { forbidden_by = why; }

static bool stdio_open(Chardev *chr, json_object *args, GError **err)
{
    static bool at_exit_set;
    StdioChardev *s = (StdioChardev *)chr;
    struct sigaction on_sig = { .sa_flags = SA_RESTART };
    int in, out;

    if (forbidden_by) {
        return error_set(err, "cannot use stdio with %s", forbidden_by);
    }
    if (terminal.in_use) {
        return error_set(err, "stdio is already used by another character device");
    }
    in = own_descriptor(STDIN_FILENO, O_RDONLY);
    out = own_descriptor(STDOUT_FILENO, O_WRONLY);
    if (out < 0) {
        int e = errno;

        if (in >= 0) {
            close(in);
        }
        return error_set_errno(err, e, "stdio: standard output cannot be used");
    }
    terminal.in_use = s->in_use = true;
    terminal.is_tty = tcgetattr(STDIN_FILENO, &terminal.found) == 0;
    if (terminal.is_tty) {
        sigemptyset(&on_sig.sa_mask);
        on_sig.sa_handler = on_continue;
        sigaction(SIGCONT, &on_sig, &terminal.old_cont);
        on_sig.sa_handler = on_stop;
        sigaction(SIGTSTP, &on_sig, &terminal.old_tstp);
    }
    if (!at_exit_set) {
        atexit(terminal_restore);
        at_exit_set = true;
    }
    fd_port_init(&s->port, chr, in, out);
    s->port.on_eof = stdio_eof;
    stdio_set_echo(chr, false);
    chardev_be_event(chr, CHARDEV_OPENED);
    return true;
}

static void stdio_finalize(Object *obj)
{
    StdioChardev *s = (StdioChardev *)obj;

    fd_port_close(&s->port);
    if (s->in_use) {
        terminal_restore();
        if (terminal.is_tty) {
            sigaction(SIGCONT, &terminal.old_cont, NULL);
            sigaction(SIGTSTP, &terminal.old_tstp, NULL);
        }
        terminal.in_use = terminal.is_tty = false;
        terminal.saved_flags_valid[0] = terminal.saved_flags_valid[1] = false;
    }
}

static int stdio_write(Chardev *chr, const uint8_t *buf, int len)
{
    return fd_port_write(&((StdioChardev *)chr)->port, buf, len);
}

static void stdio_update(Chardev *chr) { fd_port_update(&((StdioChardev *)chr)->port); }
static void stdio_wait(Chardev *chr) { fd_port_wait_writable(&((StdioChardev *)chr)->port); }
static void stdio_cleanup(Chardev *chr) { terminal_restore(); }

static const Property stdio_properties[] = {
    PROP_BOOL("signal", StdioChardev, signal, true, "let keys such as Ctrl-C send signals to the emulator"),
    { }
};

static const ChardevType chardev_stdio_type = {
    .name = "chardev-stdio", .parent = &chardev_type.type, .size = sizeof(StdioChardev),
    .description = "the terminal the emulator was started on", .properties = stdio_properties,
    .finalize = stdio_finalize, .open = stdio_open, .write = stdio_write, .update = stdio_update,
    .wait_writable = stdio_wait, .set_echo = stdio_set_echo, .cleanup = stdio_cleanup,
};
TYPE_REGISTER(chardev_stdio_type);
