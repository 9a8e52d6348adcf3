/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel/kvm/kvm.h"
#include "chardev/chardev.h"
#include "core/option.h"
#include "system/sandbox.h"

/* ---- -daemonize ---- */

static int ready_fd = -1;                       /* the parent reads a byte from its other end; -1: no daemon */

/* The parent: its exit status is the child's success. */
static G_NORETURN void wait_for_child(int fd)
{
    char status;
    ssize_t n;

    do {
        n = read(fd, &status, 1);
    } while (n < 0 && errno == EINTR);
    _exit(n == 1 ? 0 : 1);                      /* the end without a byte: the child has said why on stderr */
}

static void daemonize(const Config *c)
{
    GError *err = NULL;
    int fds[2];
    pid_t pid;

    if (c->nographic && !c->nodefaults && !c->monitor_given && !c->serials->len) {
        error_set(&err, "-nographic cannot be used with -daemonize: both would use the terminal");
        error_fatal(err);
    }
    if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        error_set_errno(&err, errno, "-daemonize: cannot start another process");
        error_fatal(err);
    }
    if (pid > 0) {
        close(fds[1]);
        wait_for_child(fds[0]);
    }
    close(fds[0]);
    setsid();
    pid = fork();                               /* no longer a session leader: never gets a terminal again */
    if (pid != 0) {
        _exit(pid < 0 ? 1 : 0);
    }
    umask(027);
    signal(SIGTSTP, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    signal(SIGTTIN, SIG_IGN);
    ready_fd = fds[1];
    chardev_forbid_stdio("-daemonize");
}

/* Lets the terminal go, unless the log goes to stderr's file. */
static void daemon_ready(const Config *c)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (chdir("/") < 0 || null < 0) {
        GError *err = NULL;
        error_set_errno(&err, errno, "-daemonize: cannot leave the working directory and the terminal");
        error_fatal(err);
    }
    for (int fd = STDIN_FILENO; fd <= (c->log_items && !c->log_file ? STDOUT_FILENO : STDERR_FILENO); fd++) {
        dup2(null, fd);
    }
    close(null);
    while (write(ready_fd, "", 1) < 0 && errno == EINTR) {
    }
    close(ready_fd);
    ready_fd = -1;
}

void process_begin(const Config *c)
{
    if (c->daemonize) {
        daemonize(c);
    }
}

/* ---- -overcommit ---- */

static void lock_memory(const Config *c)
{
    const char *text = dict_str(c->overcommit.args, "mem-lock");
    GError *err = NULL;
    bool lock = false, on_fault = text && !strcmp(text, "on-fault");

    if (!text || (!on_fault && parse_bool("mem-lock", text, &lock, NULL) && !lock)) {
        return;
    }
    if (!lock && !on_fault) {
        error_set(&err, "parameter 'mem-lock' expects one of 'on', 'off', 'on-fault', not '%s'", text);
    } else if (mlockall(MCL_CURRENT | MCL_FUTURE | (on_fault ? MCL_ONFAULT : 0)) < 0) {
        error_set_errno(&err, errno, "mem-lock: the host does not let its memory be locked (ulimit -l, CAP_IPC_LOCK)");
    }
    if (err) {
        option_fail(&c->overcommit, err);
    }
}

/* ---- -run-with ---- */

static bool run_with_flag(const Config *c, const char *key)
{
    const char *text = dict_str(c->run_with.args, key);
    GError *err = NULL;
    bool on = false;

    if (text && !parse_bool(key, text, &on, &err)) {
        option_fail(&c->run_with, err);
    }
    return on;
}

typedef struct RunAs { uid_t uid; gid_t gid; char *name; } RunAs;       /* name NULL: by numbers */

static RunAs user_parse(const Config *c, const char *text)
{
    struct passwd *p = getpwnam(text);
    GError *err = NULL;
    RunAs as = { 0 };
    uint64_t uid, gid;
    g_auto(GStrv) parts = g_strsplit(text, ":", 2);

    if (p) {
        return (RunAs){ p->pw_uid, p->pw_gid, g_strdup(p->pw_name) };
    }
    if (!parts[0] || !parts[1] || !parse_uint("user", parts[0], UINT32_MAX - 1, &uid, NULL) ||
        !parse_uint("user", parts[1], UINT32_MAX - 1, &gid, NULL)) {
        error_set(&err, "User '%s' doesn't exist (and is not <uid>:<gid>)", text);
        option_fail(&c->run_with, err);
    }
    as.uid = uid;
    as.gid = gid;
    return as;
}

static void drop_privileges(const Config *c)
{
    const char *root = dict_str(c->run_with.args, "chroot"), *user = dict_str(c->run_with.args, "user");
    GError *err = NULL;
    RunAs as = { 0 };

    if (user) {
        as = user_parse(c, user);               /* before chroot hides the list of users */
    }
    if (root && (chroot(root) < 0 || chdir("/") < 0)) {
        error_set_errno(&err, errno, "chroot to '%s' failed", root);
    } else if (user && (setgid(as.gid) < 0 || (as.name ? initgroups(as.name, as.gid) : setgroups(1, &as.gid)) < 0 ||
                        setuid(as.uid) < 0)) {
        error_set_errno(&err, errno, "cannot become user '%s'", user);
    } else if (user && as.uid && setuid(0) == 0) {
        error_set(&err, "dropping privileges failed");
    }
    g_free(as.name);
    if (err) {
        option_fail(&c->run_with, err);
    }
}

void process_confine(const Config *c)
{
    if (c->run_with.args) {
        GError *err = NULL;
        if (run_with_flag(c, "async-teardown")) {
            error_set(&err, "async-teardown=on is not supported yet");
            option_fail(&c->run_with, err);
        }
        if (run_with_flag(c, "exit-with-parent")) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
        }
    }
    if (c->overcommit.args) {
        const char *pm = dict_str(c->overcommit.args, "cpu-pm");
        GError *err = NULL;
        if (pm && !parse_bool("cpu-pm", pm, &kvm_cpu_pm, &err)) {
            option_fail(&c->overcommit, err);
        }
        lock_memory(c);
    }
    if (c->sandbox.args) {
        sandbox_enter(&c->sandbox);
    }
}

void process_ready(const Config *c)
{
    if (c->run_with.args) {
        drop_privileges(c);
    }
    if (ready_fd >= 0) {
        daemon_ready(c);
    }
}
