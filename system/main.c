/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu-system-x86_64 (Rhea): command line in, machine running, main loop until its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/qtest/qtest.h"
#include "accel/tcg/perf.h"
#include "block/block.h"
#include "chardev/chardev.h"
#include "core/device.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/option.h"
#include "core/thread.h"
#include "monitor/gdb.h"
#include "monitor/monitor.h"
#include "qapi/qapi-types.h"
#include "system/config.h"
#include "system/process.h"
#include "system/runstate.h"
#include "system/setup.h"

static const char *pidfile;

static void pidfile_write(const char *path)
{
    GError *err = NULL;
    g_autofree char *text = g_strdup_printf("%d\n", getpid());
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fd < 0) {
        error_set_errno(&err, errno, "cannot open");
    } else if (fcntl(fd, F_SETLK, &lock) < 0) {
        error_set_errno(&err, errno, "another process holds it");
    } else if (ftruncate(fd, 0) < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        error_set_errno(&err, errno, "cannot write");
    }
    if (err) {
        option_fail(&(OptionUse){ .option = "-pidfile", .text = path }, err);
    }
    pidfile = path;                             /* stays open and locked */
}

static void name_apply(const Config *c)
{
    const char *process = c->name.args ? dict_str(c->name.args, "process") : NULL;
    if (process) {
        prctl(PR_SET_NAME, process);
    }
}

static void logs_setup(const Config *c)
{
    GError *err = NULL;
    if (c->log_file && !log_set_file(c->log_file, &err)) {
        option_fail(&(OptionUse){ .option = "-D", .text = c->log_file }, err);
    }
    if (c->log_items && !log_set_items(c->log_items, &err)) {
        option_fail(&(OptionUse){ .option = "-d", .text = c->log_items }, err);
    }
}

/* -trace: as QEMU does, a pattern that fits no event is only warned of. */
static void trace_pattern(const char *pattern)
{
    GError *err = NULL;
    if (!trace_enable(pattern, &err)) {
        warn_report("%s", err->message);
        g_error_free(err);
    }
}

static void traces_setup(const Config *c)
{
    for (guint i = 0; i < c->traces->len; i++) {
        const OptionUse *use = c->traces->pdata[i];
        const char *pattern = dict_str(use->args, "enable"), *list = dict_str(use->args, "events");
        const char *file = dict_str(use->args, "file");
        g_autofree char *content = NULL;
        GError *err = NULL;
        if ((file && !log_set_file(file, &err)) || (list && !g_file_get_contents(list, &content, NULL, &err))) {
            option_fail(use, err);
        }
        if (pattern) {
            trace_pattern(pattern);
        }
        g_auto(GStrv) lines = g_strsplit(content ? content : "", "\n", -1);
        for (char **line = lines; *line; line++) {
            g_strstrip(*line);
            if (**line && **line != '#') {
                trace_pattern(*line);
            }
        }
    }
}

/* -perfmap, -jitdump */
static void perf_setup(const Config *c)
{
    GError *err = NULL;

    if (c->perfmap && !perf_map_start(&err)) {
        option_fail(&(OptionUse){ .option = "-perfmap" }, err);
    }
    if (c->jitdump && !perf_dump_start(&err)) {
        option_fail(&(OptionUse){ .option = "-jitdump" }, err);
    }
}

static void messages_setup(const Config *c)
{
    static const char *const keys[] = { "timestamp", "guest-name" };
    bool on[G_N_ELEMENTS(keys)] = { false };
    GError *err = NULL;
    for (size_t i = 0; c->msg.args && i < G_N_ELEMENTS(keys); i++) {
        const char *text = dict_str(c->msg.args, keys[i]);
        if (text && !parse_bool(keys[i], text, &on[i], &err)) {
            option_fail(&c->msg, err);
        }
    }
    error_report_style(on[0], on[1] && c->name.args ? dict_str(c->name.args, "guest") : NULL);
}

/* -action: a word of each list of names. */
static RunPolicy policy_from(const Config *c)
{
    int reboot = c->no_reboot ? REBOOT_ACTION_SHUTDOWN : REBOOT_ACTION_RESET;
    int shutdown = c->no_shutdown ? SHUTDOWN_ACTION_PAUSE : SHUTDOWN_ACTION_POWEROFF;
    int panic = PANIC_ACTION_SHUTDOWN, watchdog = WATCHDOG_ACTION_RESET;
    const struct { const char *key, *const *names; int count, *value; } words[] = {
        { "reboot", reboot_action_names, REBOOT_ACTION_COUNT, &reboot },
        { "shutdown", shutdown_action_names, SHUTDOWN_ACTION_COUNT, &shutdown },
        { "panic", panic_action_names, PANIC_ACTION_COUNT, &panic },
        { "watchdog", watchdog_action_names, WATCHDOG_ACTION_COUNT, &watchdog },
    };
    for (size_t i = 0; c->action.args && i < G_N_ELEMENTS(words); i++) {
        const char *text = dict_str(c->action.args, words[i].key);
        NearestWord nearest;
        int found = -1;
        nearest_init(&nearest, text ? text : "");
        for (int n = 0; text && n < words[i].count; n++) {
            nearest_add(&nearest, words[i].names[n]);
            found = strcmp(text, words[i].names[n]) ? found : n;
        }
        if (text && found < 0) {
            GError *err = NULL;
            error_set(&err, "Parameter '%s' does not accept value '%s'%s", words[i].key, text, nearest_hint(&nearest));
            option_fail(&c->action, err);
        }
        *words[i].value = text ? found : *words[i].value;
    }
    return (RunPolicy){ reboot, shutdown, panic, watchdog };
}

int main(int argc, char **argv)
{
    Config config;
    GError *err = NULL;

    g_autofree char *program = g_path_get_basename(argv[0]);
    g_set_prgname(program);
    options_parse(&config, argc, argv);
    process_begin(&config);
    bql_lock();
    memory_thread_register();
    messages_setup(&config);
    logs_setup(&config);
    traces_setup(&config);
    perf_setup(&config);
    name_apply(&config);
    runstate_init(policy_from(&config));
    if (config.pidfile) {
        pidfile_write(config.pidfile);
    }
    process_confine(&config);
    machine_setup(&config);
    if (config.qtest && !qtest_server_init(config.qtest, config.qtest_log, &err)) {
        option_fail(&(OptionUse){ .option = "-qtest", .text = config.qtest }, err);
    }
    machine_run_done();
    block_drives_check();
    globals_check();
    reset_all(RESET_COLD);
    monitors_setup(&config);
    if (config.gdb && !gdb_server_start(config.gdb, &err)) {
        option_fail(&(OptionUse){ .option = "-gdb", .text = config.gdb }, err);
    }
    if (!config.start_stopped && !machine_start(&err)) {
        error_fatal(err);
    }

    process_ready(&config);
    int status = main_loop();

    cpus_pause_all();
    cpus_join_all();
    vm_notify_exit();
    block_drain_all();
    block_close_all();
    monitor_cleanup();
    chardev_cleanup();
    if (pidfile) {
        unlink(pidfile);
    }
    return status;
}
