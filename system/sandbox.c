/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Five sets of system calls, each switched by a word of -sandbox. A call of a set that is denied ends the process
 * (SIGSYS), except where a library has another way: then it fails.
 */
#include "system/sandbox.h"

#include "core/option.h"

#ifdef HAVE_SECCOMP

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>

typedef enum SandboxSet { SET_ALWAYS, SET_OBSOLETE, SET_PRIVILEGES, SET_SPAWN, SET_RESOURCES } SandboxSet;

/* Names that this host's architecture does not have are passed over. */
static const struct { SandboxSet set; bool fails; const char *call; } calls[] = {
    { SET_ALWAYS, false, "reboot" }, { SET_ALWAYS, false, "swapon" }, { SET_ALWAYS, false, "swapoff" },
    { SET_ALWAYS, false, "syslog" }, { SET_ALWAYS, false, "mount" }, { SET_ALWAYS, false, "umount" },
    { SET_ALWAYS, false, "umount2" }, { SET_ALWAYS, false, "kexec_load" }, { SET_ALWAYS, false, "afs_syscall" },
    { SET_ALWAYS, false, "break" }, { SET_ALWAYS, false, "ftime" }, { SET_ALWAYS, false, "getpmsg" },
    { SET_ALWAYS, false, "gtty" }, { SET_ALWAYS, false, "lock" }, { SET_ALWAYS, false, "mpx" },
    { SET_ALWAYS, false, "prof" }, { SET_ALWAYS, false, "profil" }, { SET_ALWAYS, false, "putpmsg" },
    { SET_ALWAYS, false, "security" }, { SET_ALWAYS, false, "stty" }, { SET_ALWAYS, false, "tuxcall" },
    { SET_ALWAYS, false, "ulimit" }, { SET_ALWAYS, false, "vserver" },
    { SET_OBSOLETE, false, "readdir" }, { SET_OBSOLETE, false, "_sysctl" }, { SET_OBSOLETE, false, "bdflush" },
    { SET_OBSOLETE, false, "create_module" }, { SET_OBSOLETE, false, "get_kernel_syms" },
    { SET_OBSOLETE, false, "query_module" }, { SET_OBSOLETE, false, "sgetmask" }, { SET_OBSOLETE, false, "ssetmask" },
    { SET_OBSOLETE, false, "sysfs" }, { SET_OBSOLETE, false, "uselib" }, { SET_OBSOLETE, false, "ustat" },
    { SET_PRIVILEGES, false, "setuid" }, { SET_PRIVILEGES, false, "setgid" }, { SET_PRIVILEGES, false, "setpgid" },
    { SET_PRIVILEGES, false, "setsid" }, { SET_PRIVILEGES, false, "setreuid" }, { SET_PRIVILEGES, false, "setregid" },
    { SET_PRIVILEGES, false, "setresuid" }, { SET_PRIVILEGES, false, "setresgid" },
    { SET_PRIVILEGES, false, "setfsuid" }, { SET_PRIVILEGES, false, "setfsgid" },
    { SET_SPAWN, false, "fork" }, { SET_SPAWN, false, "vfork" }, { SET_SPAWN, false, "execve" },
    { SET_SPAWN, false, "execveat" }, { SET_SPAWN, true, "clone3" },     /* threads then come by clone() */
    { SET_RESOURCES, false, "setpriority" }, { SET_RESOURCES, false, "sched_setparam" },
    { SET_RESOURCES, true, "sched_setscheduler" }, { SET_RESOURCES, false, "sched_setaffinity" },
};

static bool add_set(scmp_filter_ctx ctx, SandboxSet set)
{
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        int number = calls[i].set == set ? seccomp_syscall_resolve_name(calls[i].call) : __NR_SCMP_ERROR;
        int error = !strcmp(calls[i].call, "clone3") ? ENOSYS : EPERM;
        if (number >= 0 &&
            seccomp_rule_add(ctx, calls[i].fails ? SCMP_ACT_ERRNO(error) : SCMP_ACT_KILL_PROCESS, number, 0) < 0) {
            return false;
        }
    }
    /* A thread, which shares its maker's memory and signal handlers, is no new process. */
    return set != SET_SPAWN || seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
                                                SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) >= 0;
}

/* Whether @key says deny. @children, unless NULL: the third word that it takes. */
static bool denies(const OptionUse *use, const char *key, bool *children)
{
    const char *text = dict_str(use->args, key);
    GError *err = NULL;

    if (!text || !strcmp(text, "allow")) {
        return false;
    }
    if (children && !strcmp(text, "children")) {
        *children = true;
        return false;
    }
    if (strcmp(text, "deny")) {
        error_set(&err, "invalid argument for %s: '%s' is neither 'allow' nor 'deny'%s", key, text,
                  children ? " nor 'children'" : "");
        option_fail(use, err);
    }
    return true;
}

void sandbox_enter(const OptionUse *use)
{
    static const struct { const char *key; SandboxSet set; } words[] = {
        { "elevateprivileges", SET_PRIVILEGES }, { "spawn", SET_SPAWN }, { "resourcecontrol", SET_RESOURCES },
    };
    const char *enable = dict_str(use->args, "enable"), *obsolete = dict_str(use->args, "obsolete");
    bool on = false, children = false, sets[SET_RESOURCES + 1] = { [SET_ALWAYS] = true };
    GError *err = NULL;

    if (enable && !parse_bool("enable", enable, &on, &err)) {
        option_fail(use, err);
    }
    sets[SET_OBSOLETE] = !obsolete || denies(use, "obsolete", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        sets[words[i].set] = denies(use, words[i].key, words[i].set == SET_PRIVILEGES ? &children : NULL);
    }
    if (!on) {
        return;
    }
    if (children && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        error_set_errno(&err, errno, "cannot set no_new_privs");
        option_fail(use, err);
    }
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    bool ok = ctx && seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) >= 0;
    for (int s = 0; ok && s <= SET_RESOURCES; s++) {
        ok = !sets[s] || add_set(ctx, s);
    }
    ok = ok && seccomp_load(ctx) >= 0;
    seccomp_release(ctx);
    if (!ok) {
        error_set(&err, "failed to install the system call filter in the kernel");
        option_fail(use, err);
    }
}

#else

void sandbox_enter(const OptionUse *use)
{
    const char *enable = dict_str(use->args, "enable");
    GError *err = NULL;
    bool on = false;

    if ((enable && !parse_bool("enable", enable, &on, &err)) || on) {
        if (!err) {
            error_set(&err, "this program was built without libseccomp, so there is no sandbox");
        }
        option_fail(use, err);
    }
}

#endif
