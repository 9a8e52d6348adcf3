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
#include "block/block.h"
#include "chardev/chardev.h"
#include "core/device.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/option.h"
#include "core/thread.h"
#include "monitor/monitor.h"
#include "system/config.h"
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

int main(int argc, char **argv)
{
    Config config;
    GError *err = NULL;

    g_autofree char *program = g_path_get_basename(argv[0]);
    g_set_prgname(program);
    options_parse(&config, argc, argv);
    bql_lock();
    memory_thread_register();
    logs_setup(&config);
    name_apply(&config);
    runstate_init((RunPolicy){
        .reboot = config.no_reboot ? REBOOT_ACTION_SHUTDOWN : REBOOT_ACTION_RESET,
        .shutdown = config.no_shutdown ? SHUTDOWN_ACTION_PAUSE : SHUTDOWN_ACTION_POWEROFF,
        .panic = PANIC_ACTION_SHUTDOWN,
    });
    if (config.pidfile) {
        pidfile_write(config.pidfile);
    }
    machine_setup(&config);
    if (config.qtest && !qtest_server_init(config.qtest, config.qtest_log, &err)) {
        option_fail(&(OptionUse){ .option = "-qtest", .text = config.qtest }, err);
    }
    machine_run_done();
    block_drives_check();
    globals_check();
    reset_all(RESET_COLD);
    monitors_setup(&config);
    if (!config.start_stopped && !machine_start(&err)) {
        error_fatal(err);
    }

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
