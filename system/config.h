/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line as data: what the options said, checked for form but not yet acted upon.
 *
 * argv -> options_parse() -> Config -> machine_setup() and friends. Lists keep the order of the command line; every
 * dictionary carries the text it came from, so that a later error can name the option.
 */
#ifndef SYSTEM_CONFIG_H
#define SYSTEM_CONFIG_H

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "core/error.h"
#include "core/timer.h"

/* One occurrence of an option that is acted upon later. */
typedef struct OptionUse {
    const char *option;         /* "-device" */
    const char *text;           /* its argument as given (in argv) */
    json_object *args;          /* parsed; NULL for options whose text is taken as a whole */
} OptionUse;

typedef enum RtcBase { RTC_BASE_UTC, RTC_BASE_LOCALTIME, RTC_BASE_DATE } RtcBase;

typedef struct Config {
    GPtrArray *accels;          /* OptionUse * each, as are the arrays below */
    GPtrArray *objects, *chardevs, *blockdevs, *drives, *devices, *globals, *monitors;
    GPtrArray *serials;         /* const char *: text of -serial */
    GPtrArray *firmware_items; /* -smbios, -acpitable, -fw_cfg, -option-rom */
    OptionUse machine, smp, memory, cpu, rtc, name, boot;     /* merged over all occurrences; option NULL: not given */
    const char *kernel, *initrd, *append, *shim, *bios, *vga, *uuid, *pidfile, *log_items, *log_file, *debugcon, *gdb;
    OptionUse action, msg, overcommit, sandbox, run_with;      /* merged likewise */
    GPtrArray *numa;            /* OptionUse * */
    GPtrArray *parallels;       /* const char *: text of -parallel */
    GPtrArray *traces;          /* OptionUse * */
    const char *qtest, *qtest_log;
    bool daemonize, snapshot, no_fd_bootchk, perfmap, jitdump;
    bool nographic, no_reboot, no_shutdown, start_stopped, nodefaults;
    bool monitor_given;         /* -monitor, -mon or -qmp: no default monitor */
} Config;

/**
 * options_parse: fills *@config from the command line. Exits with status 1 and a message on a mistake, with status 0
 * after -help, -version and the help lists that need no machine.
 */
void options_parse(Config *config, int argc, char **argv);

/**
 * options_apply: as if -@option @text had been on the command line, with @option also by its group's name ("memory" for
 * -m) and @text copied. For -readconfig; a mistake in @text itself exits.
 */
bool options_apply(Config *c, const char *option, const char *text, GError **err);

/** option_fail: reports @err as coming from @use and exits with status 1. */
G_NORETURN void option_fail(const OptionUse *use, GError *err);

/**
 * options_describe: adds a CommandLineOptionInfo for each option with known parameters, or for @only (NULL: all), to
 * @list; an error if @only is not such an option.
 */
bool options_describe(GPtrArray *list, const char *only, GError **err);

/** keys_check: refuses members of @dict that are not in NULL-terminated @keys, naming the nearest. */
bool keys_check(json_object *dict, const char *const *keys, GError **err);

#endif
