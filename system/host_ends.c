/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host ends that the machine will take: character devices, block nodes and drives, serial ports, monitors.
 *
 * QEMU's rules for what is there by default: without -nodefaults the first serial port and the monitor exist; under
 * -nographic both share the terminal through a mux; otherwise they are on virtual consoles, which without a display
 * swallow their output.
 */
#include <string.h>

#include "block/block.h"
#include "core/option.h"
#include "core/vm.h"
#include "monitor/monitor.h"
#include "system/setup.h"

static void chardevs_setup(Config *c)
{
    for (guint i = 0; i < c->chardevs->len; i++) {
        GError *err = NULL;
        const OptionUse *use = c->chardevs->pdata[i];
        if (!chardev_new_from_args(use->args, &err)) {
            option_fail(use, err);
        }
    }
}

static void blocks_setup(Config *c)
{
    GError *err = NULL;
    for (guint i = 0; i < c->blockdevs->len; i++) {
        const OptionUse *use = c->blockdevs->pdata[i];
        if (!block_add(use->args, &err)) {
            option_fail(use, err);
        }
    }
    for (guint i = 0; i < c->drives->len; i++) {
        const OptionUse *use = c->drives->pdata[i];
        if (c->snapshot && !json_object_object_get(use->args, "snapshot")) {
            json_object_object_add(use->args, "snapshot", json_object_new_string("on"));
        }
        if (!block_drive_add(use->args, &err)) {
            option_fail(use, err);
        }
    }
}

/* Drives that are there by default are not if a -device says what there is. */
static const char *const disk_devices[] = { "ide-cd", "ide-hd", "scsi-cd", "scsi-hd", NULL };
static const char *const floppy_devices[] = { "isa-fdc", "floppy", NULL };

static bool has_device(const Config *c, const char *const names[])
{
    for (guint i = 0; i < c->devices->len; i++) {
        const char *driver = dict_str(((const OptionUse *)c->devices->pdata[i])->args, "driver");
        if (driver && g_strv_contains(names, driver)) {
            return true;
        }
    }
    return false;
}

static void exit_by_terminal(void)
{
    vm_request_shutdown(SHUTDOWN_CAUSE_HOST_UI);
}

static void save_by_terminal(void)
{
    g_autoptr(GError) err = NULL;

    if (!block_flush_all(&err)) {
        warn_report("%s", err->message);
    }
}

void host_ends_setup(Config *c, const MachineType *type)
{
    chardev_mux_exit = exit_by_terminal;
    chardev_mux_save = save_by_terminal;
    chardevs_setup(c);
    if (type->ide_units) {
        block_drive_set_units("ide", type->ide_units);
    }
    blocks_setup(c);
    if (type->ide_units && !c->nodefaults && !has_device(c, disk_devices)) {
        block_drive_add_default("ide", 2, true);
    }
    if (type->has_floppy && !c->nodefaults && !has_device(c, floppy_devices)) {
        block_drive_add_default("floppy", 0, false);
    }
}

static Chardev *serial_open(int index, const char *text)
{
    GError *err = NULL;
    g_autofree char *id = g_strdup_printf("serial%d", index);
    Chardev *chr = chardev_new_from_text(id, text, false, &err);
    bool ok = chr || !err;
    if (chr && g_str_has_prefix(text, "mon:")) {        /* before the UART, which then has the input first */
        ok = monitor_new_hmp(chr, true, &err);
    }
    if (!ok) {
        option_fail(&(OptionUse){ .option = "-serial", .text = text }, err);
    }
    return chr;
}

/* A monitor shares a serial port's mux: the terminal's under -nographic, or one asked for by -serial mon:... */
static bool serial_has_monitor(const Config *c)
{
    for (guint i = 0; i < c->serials->len; i++) {
        if (g_str_has_prefix(c->serials->pdata[i], "mon:")) {
            return true;
        }
    }
    return c->nographic && !c->nodefaults && !c->monitor_given && !c->serials->len;
}

static void parallel_setup(Config *c, Machine *machine)
{
    for (guint i = 0; i < c->parallels->len; i++) {
        const char *text = c->parallels->pdata[i];
        g_autofree char *id = g_strdup_printf("parallel%u", i);
        GError *err = NULL;
        if (i >= G_N_ELEMENTS(machine->parallels)) {
            error_set(&err, "there are at most %zu parallel ports", G_N_ELEMENTS(machine->parallels));
        } else {
            machine->parallels[i] = chardev_new_from_text(id, text, false, &err);
        }
        if (err) {
            option_fail(&(OptionUse){ .option = "-parallel", .text = text }, err);
        }
    }
}

void serial_setup(Config *c, Machine *machine)
{
    if (c->serials->len > G_N_ELEMENTS(machine->serials)) {
        GError *err = NULL;
        const char *text = c->serials->pdata[G_N_ELEMENTS(machine->serials)];
        error_set(&err, "there are at most %zu serial ports", G_N_ELEMENTS(machine->serials));
        option_fail(&(OptionUse){ .option = "-serial", .text = text }, err);
    }
    parallel_setup(c, machine);
    for (guint i = 0; i < c->serials->len; i++) {
        machine->serials[i] = serial_open(i, c->serials->pdata[i]);
    }
    if (!c->serials->len && !c->nodefaults) {
        machine->serials[0] = serial_open(0, serial_has_monitor(c) ? "mon:stdio" : c->nographic ? "stdio" : "null");
    }
}

static void monitor_open(const OptionUse *use, int index)
{
    GError *err = NULL;
    g_autofree char *id = g_strdup_printf("compat_monitor%d", index);
    bool qmp = g_str_has_prefix(use->option, "-qmp"), pretty = !strcmp(use->option, "-qmp-pretty");
    Chardev *chr;
    if (use->args) {
        const char *mode = dict_str(use->args, "mode"), *text = dict_str(use->args, "pretty");
        const char *chardev = dict_str(use->args, "chardev");
        if (!chardev) {
            error_set(&err, "parameter 'chardev' is missing");
            option_fail(use, err);
        }
        qmp = mode && !strcmp(mode, "control");
        if (mode && !qmp && strcmp(mode, "readline")) {
            NearestWord nearest;
            nearest_init(&nearest, mode);
            nearest_add(&nearest, "control");
            nearest_add(&nearest, "readline");
            error_set(&err, "unknown monitor mode '%s'%s", mode, nearest_hint(&nearest));
            option_fail(use, err);
        }
        if (text && !parse_bool("pretty", text, &pretty, &err)) {
            option_fail(use, err);
        }
        if (pretty && !qmp) {
            error_set(&err, "'pretty' is for mode=control only");
            option_fail(use, err);
        }
        chr = chardev_find(chardev);
        if (!chr) {
            error_set(&err, "there is no chardev '%s'", chardev);
            option_fail(use, err);
        }
    } else {
        chr = chardev_new_from_text(id, use->text, false, &err);
        if (!chr) {
            if (err) {
                option_fail(use, err);
            }
            return;                             /* "none" */
        }
    }
    if (!(qmp ? monitor_new_qmp(chr, pretty, &err) : monitor_new_hmp(chr, true, &err))) {
        option_fail(use, err);
    }
}

void monitors_setup(Config *c)
{
    for (guint i = 0; i < c->monitors->len; i++) {
        monitor_open(c->monitors->pdata[i], i);
    }
    if (!c->monitor_given && !c->nodefaults && !serial_has_monitor(c)) {
        monitor_open(&(OptionUse){ .option = "-monitor", .text = c->nographic && c->serials->len == 0 ? "stdio" : "null" }, 0);
    }
}
