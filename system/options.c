/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command line: one row an option, from which parsing, -help and the refusal of the unknown are derived.
 *
 * A row's handler checks the argument's form and notes it in Config. QEMU options that Rhea does not have yet are listed
 * by name, so that they are told apart from misspellings.
 */
#include "system/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/block.h"
#include "chardev/chardev.h"
#include "core/device.h"
#include "core/host_fd.h"
#include "core/log.h"
#include "core/option.h"
#include "hw/machine.h"
#include "qapi/qapi-types.h"
#include "system/config_file.h"
#include "system/help.h"
#include "target/i386/system/cpu_models.h"

typedef struct OptionRow OptionRow;
struct OptionRow {
    const char *name;           /* without dash */
    const char *arg;            /* placeholder in the help; NULL: takes no argument */
    const char *help;
    void (*fn)(Config *c, const OptionRow *row, const char *text);
    size_t offset;              /* of the Config field, for the generic handlers */
    const char *const *keys;    /* keyval handlers: what may be said, "KEY", "KEY:n" (a number), "KEY:b"; NULL: checked later */
    const char *implied;        /* keyval handlers: key of a first bare word */
    const char *group;          /* name in query-command-line-options, if not the option's; "" none */
};

G_NORETURN void option_fail(const OptionUse *use, GError *err)
{
    if (use->text) {
        g_prefix_error(&err, "%s %s: ", use->option, use->text);
    } else if (use->option) {
        g_prefix_error(&err, "%s: ", use->option);
    }
    error_fatal(err);
}

static G_NORETURN void fail(const OptionRow *row, const char *text, GError *err)
{
    g_autofree char *dashed = g_strconcat("-", row->name, NULL);
    option_fail(&(OptionUse){ .option = dashed, .text = text }, err);
}

#define KEYS_MAX 16

bool keys_check(json_object *dict, const char *const *keys, GError **err)
{
    json_object_object_foreach(dict, key, value) {
        (void)value;
        NearestWord nearest;
        char names[KEYS_MAX][32];
        bool known = !strcmp(key, "id");        /* any option may be given a name */
        nearest_init(&nearest, key);
        for (size_t i = 0; keys[i]; i++) {
            g_assert(i < KEYS_MAX);
            g_strlcpy(names[i], keys[i], MIN(sizeof(names[i]), strcspn(keys[i], ":") + 1));
            nearest_add(&nearest, names[i]);
            known |= !strcmp(names[i], key);
        }
        if (!known) {
            return error_set(err, "invalid parameter '%s'%s", key, nearest_hint(&nearest));
        }
    }
    return true;
}

/* Generic handlers: where the value goes is the row's offset. */

#define CONFIG_FIELD(c, row, T) (*(T *)((char *)(c) + (row)->offset))

static void set_text(Config *c, const OptionRow *row, const char *text)
{
    CONFIG_FIELD(c, row, const char *) = text;
}

static void set_flag(Config *c, const OptionRow *row, const char *text)
{
    CONFIG_FIELD(c, row, bool) = true;
}

static void set_gdb_port(Config *c, const OptionRow *row, const char *text)
{
    CONFIG_FIELD(c, row, const char *) = "tcp::1234";
}

static void ignore(Config *c, const OptionRow *row, const char *text)
{
}

static OptionUse *use_new(const OptionRow *row, const char *text, json_object *args)
{
    OptionUse *use = g_new0(OptionUse, 1);
    use->option = g_strconcat("-", row->name, NULL);
    use->text = text;
    use->args = args;
    return use;
}

static void add_text(Config *c, const OptionRow *row, const char *text)
{
    g_ptr_array_add(CONFIG_FIELD(c, row, GPtrArray *), (gpointer)text);
}

/* Parses keyval or JSON text of @row; help is printed by @help if the user asked for it. */
static json_object *parse_args(const OptionRow *row, const char *text, bool *help)
{
    GError *err = NULL;
    json_object *args = option_parse(text, row->implied, help, &err);
    if (!args || (row->keys && !*help && !keys_check(args, row->keys, &err))) {
        fail(row, text, err);
    }
    return args;
}

static void add_args(Config *c, const OptionRow *row, const char *text)
{
    bool help = false;
    json_object *args = parse_args(row, text, &help);
    if (help) {
        help_for_option(row->name, args);
        exit(0);
    }
    g_ptr_array_add(CONFIG_FIELD(c, row, GPtrArray *), use_new(row, text, args));
}

static void enable_kvm(Config *c, const OptionRow *row, const char *text)
{
    add_args(c, row, "kvm");
}

/* One dictionary whose later occurrences override members of earlier ones, as QEMU merges -m, -smp and -machine. */
static void merge_args(Config *c, const OptionRow *row, const char *text)
{
    bool help = false;
    OptionUse *use = &CONFIG_FIELD(c, row, OptionUse);
    json_object *args = parse_args(row, text, &help);
    if (help) {
        help_for_option(row->name, args);
        exit(0);
    }
    if (use->args) {
        json_object_object_foreach(args, key, value) {
            json_object_object_add(use->args, key, json_object_get(value));
        }
        json_object_put(args);
    } else {
        use->args = args;
        use->option = g_strconcat("-", row->name, NULL);
    }
    use->text = text;
}

/* Handlers of single options. */

static void set_cpu(Config *c, const OptionRow *row, const char *text)
{
    if (!strcmp(text, "help") || !strcmp(text, "?")) {
        x86_cpu_print_help();
        exit(0);
    }
    c->cpu = (OptionUse){ .option = "-cpu", .text = text };
}

static void set_display(Config *c, const OptionRow *row, const char *text)
{
    GError *err = NULL;
    static const char *const qemu_displays[] = { "gtk", "sdl", "egl-headless", "curses", "spice-app", "dbus", "cocoa", "vnc", NULL };
    if (!strcmp(text, "help")) {
        printf("Available display backend types:\nnone\n");
        exit(0);
    }
    g_autofree char *type = g_strndup(text, strcspn(text, ",="));
    if (!strcmp(type, "none")) {
        return;                                 /* the only one yet, and what there is without -display */
    }
    if (g_strv_contains(qemu_displays, type)) {
        error_set(&err, "display '%s' is not supported yet", type);
    } else {
        NearestWord nearest;
        nearest_init(&nearest, type);
        nearest_add(&nearest, "none");
        for (const char *const *d = qemu_displays; *d; d++) {
            nearest_add(&nearest, *d);
        }
        error_set(&err, "there is no display '%s'%s", type, nearest_hint(&nearest));
    }
    fail(row, text, err);
}

static void set_vga(Config *c, const OptionRow *row, const char *text)
{
    static const struct { const char *name, *help; } vgas[] = {    /* no help: not there yet */
        { "none", "no graphic card" }, { "std", "standard VGA (default)" }, { "cirrus", "Cirrus Logic CL-GD5446" },
        { "qxl", NULL }, { "vmware", NULL }, { "virtio", NULL }, { "xenfb", NULL },
    };
    bool help = !strcmp(text, "help"), known = false, there = false;
    GError *err = NULL;
    NearestWord nearest;
    nearest_init(&nearest, text);
    for (size_t i = 0; i < G_N_ELEMENTS(vgas); i++) {
        if (help && vgas[i].help) {
            printf("%-20s %s\n", vgas[i].name, vgas[i].help);
        }
        nearest_add(&nearest, vgas[i].name);
        known |= !strcmp(text, vgas[i].name);
        there |= !strcmp(text, vgas[i].name) && vgas[i].help;
    }
    if (help) {
        exit(0);
    }
    if (!there) {
        if (known) {
            error_set(&err, "VGA '%s' is not supported yet", text);
        } else {
            error_set(&err, "unknown vga type: %s%s", text, nearest_hint(&nearest));
        }
        fail(row, text, err);
    }
    c->vga = text;
}

static void add_global(Config *c, const OptionRow *row, const char *text)
{
    GError *err = NULL;
    json_object *args = NULL;
    /* DRIVER.PROPERTY=VALUE, where VALUE may hold anything, or the long form. */
    const char *dot = strchr(text, '.'), *equals = strchr(text, '=');
    if (dot && equals && dot < equals) {
        args = json_object_new_object();
        json_object_object_add(args, "driver", json_object_new_string_len(text, dot - text));
        json_object_object_add(args, "property", json_object_new_string_len(dot + 1, equals - dot - 1));
        json_object_object_add(args, "value", json_object_new_string(equals + 1));
    } else {
        args = option_parse(text, NULL, NULL, &err);
        if (args && !keys_check(args, row->keys, &err)) {
            fail(row, text, err);
        }
        for (const char *const *key = row->keys; args && *key; key++) {
            if (!dict_str(args, *key)) {
                error_set(&err, "parameter '%s' is missing", *key);
                fail(row, text, err);
            }
        }
    }
    if (!args) {
        fail(row, text, err);
    }
    g_ptr_array_add(c->globals, use_new(row, text, args));
}

/* "nic none", "net none": what there is without a network anyway. */
static void set_no_nic(Config *c, const OptionRow *row, const char *text)
{
    GError *err = NULL;
    if (strcmp(text, "none")) {
        error_set(&err, "'%.*s' is not supported yet; 'none' is", (int)strcspn(text, ","), text);
        fail(row, text, err);
    }
}

static void add_audiodev(Config *c, const OptionRow *row, const char *text)
{
    static const char *const drivers[] = { "none", "alsa", "dbus", "jack", "oss", "pa", "pipewire", "sdl", "spice", "wav", NULL };
    GError *err = NULL;
    bool help = false;
    json_object *args = parse_args(row, text, &help);
    const char *driver = help ? NULL : dict_str(args, "driver");
    NearestWord nearest;
    if (help) {
        printf("Available audio drivers:\nnone\n");
        exit(0);
    }
    nearest_init(&nearest, driver ? driver : "");
    for (const char *const *d = drivers; *d; d++) {
        nearest_add(&nearest, *d);
    }
    if (!driver) {
        error_set(&err, "Parameter 'driver' is missing");
    } else if (!dict_str(args, "id")) {
        error_set(&err, "Parameter 'id' is missing");
    } else if (!g_strv_contains(drivers, driver)) {
        error_set(&err, "Parameter 'driver' does not accept value '%s'%s", driver, nearest_hint(&nearest));
    } else if (strcmp(driver, "none")) {
        error_set(&err, "audio driver '%s' is not supported yet; 'none' is", driver);
    }
    if (err) {
        fail(row, text, err);
    }
    json_object_put(args);                      /* sound that nobody hears, of cards that do not exist yet */
}

static void add_fd(Config *c, const OptionRow *row, const char *text)
{
    GError *err = NULL;
    bool help = false;
    json_object *args = parse_args(row, text, &help);
    const char *fd_text = dict_str(args, "fd"), *set_text = dict_str(args, "set");
    uint64_t fd = 0, set = 0;
    if (!fd_text || !set_text) {
        error_set(&err, "%s is required and must be non-negative", fd_text ? "set" : "fd");
    } else if (parse_uint("fd", fd_text, INT32_MAX, &fd, &err) && parse_uint("set", set_text, INT64_MAX, &set, &err)) {
        int flags = fcntl(fd, F_GETFD);
        if (fd <= STDERR_FILENO) {
            error_set(&err, "fd cannot be a standard I/O stream");
        } else if (flags < 0 || (flags & FD_CLOEXEC)) {     /* of our own ones each is close-on-exec */
            error_set(&err, "fd is not valid or already in use");
        } else if (fdset_add(fd, set, dict_str(args, "opaque"), &err) >= 0) {
            fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
    }
    if (err) {
        fail(row, text, err);
    }
    json_object_put(args);
}

static void change_option(Config *c, const OptionRow *row, const char *text)
{
    GError *err = NULL;
    if (!config_set(c, text, &err)) {
        fail(row, text, err);
    }
}

static void read_config(Config *c, const OptionRow *row, const char *text)
{
    GError *err = NULL;
    if (!config_read(c, text, &err)) {
        fail(row, text, err);
    }
}

static void set_echr(Config *c, const OptionRow *row, const char *text)
{
    GError *err = NULL;
    uint64_t value;
    if (!parse_uint("the character", text, 255, &value, &err)) {
        fail(row, text, err);
    }
    chardev_mux_set_escape(value);
}

/* The key maps that QEMU has. They translate letters that a remote screen sends; keys by code need none. */
static void set_keyboard(Config *c, const OptionRow *row, const char *text)
{
    static const char *const maps[] = {
        "ar", "bepo", "cz", "da", "de", "de-ch", "en-gb", "en-us", "es", "et", "fi", "fo", "fr", "fr-be", "fr-ca", "fr-ch",
        "hr", "hu", "is", "it", "ja", "lt", "lv", "mk", "nl", "no", "pl", "pt", "pt-br", "ru", "sl", "sv", "th", "tr", NULL
    };
    if (!g_strv_contains(maps, text)) {
        GError *err = NULL;
        NearestWord nearest;
        nearest_init(&nearest, text);
        for (const char *const *m = maps; *m; m++) {
            nearest_add(&nearest, *m);
        }
        error_set(&err, "there is no keyboard layout '%s'%s", text, nearest_hint(&nearest));
        fail(row, text, err);
    }
}

static void set_watchdog_action(Config *c, const OptionRow *row, const char *text)
{
    if (!c->action.args) {
        c->action = (OptionUse){ .option = "-watchdog-action", .args = json_object_new_object() };
    }
    c->action.text = text;
    json_object_object_add(c->action.args, "watchdog", json_object_new_string(text));
}

static void add_chardev(Config *c, const OptionRow *row, const char *text)
{
    GError *err = NULL;
    bool help = false;
    json_object *args = *text == '{' ? json_parse_text(text, strlen(text), &err)
                                     : keyval_parse(text, "backend", true, &help, &err);
    if (!args) {
        fail(row, text, err);
    }
    if (help) {
        chardev_print_help();
        exit(0);
    }
    g_ptr_array_add(c->chardevs, use_new(row, text, args));
}

/* -monitor, -qmp, -qmp-pretty: a monitor on a chardev in short form; kept with the -mon ones. */
static void add_short_monitor(Config *c, const OptionRow *row, const char *text)
{
    c->monitor_given = true;
    g_ptr_array_add(c->monitors, use_new(row, text, NULL));
}

static void add_mon(Config *c, const OptionRow *row, const char *text)
{
    GError *err = NULL;
    c->monitor_given = true;
    json_object *args = keyval_parse(text, "chardev", true, NULL, &err);
    if (!args || !keys_check(args, row->keys, &err)) {
        fail(row, text, err);
    }
    g_ptr_array_add(c->monitors, use_new(row, text, args));
}

/* -hda ... -hdd: sugar for -drive. */
static void add_hd(Config *c, const OptionRow *row, const char *text)
{
    json_object *args = json_object_new_object();
    char index[2] = { '0' + (row->name[2] - 'a'), 0 };
    json_object_object_add(args, "file", json_object_new_string(text));
    json_object_object_add(args, "if", json_object_new_string("ide"));
    json_object_object_add(args, "index", json_object_new_string(index));
    json_object_object_add(args, "media", json_object_new_string("disk"));
    g_ptr_array_add(c->drives, use_new(row, text, args));
}

/* The other short forms, whose row says the rest of the -drive in `implied`. */
static void add_file_drive(Config *c, const OptionRow *row, const char *text)
{
    GError *err = NULL;
    json_object *args = keyval_parse(row->implied, NULL, false, NULL, &err);
    json_object_object_add(args, "file", json_object_new_string(text));
    g_ptr_array_add(c->drives, use_new(row, text, args));
}

static void add_drive(Config *c, const OptionRow *row, const char *text)
{
    GError *err = NULL;
    json_object *args = block_drive_parse(text, &err);
    if (!args) {
        fail(row, text, err);
    }
    g_ptr_array_add(c->drives, use_new(row, text, args));
}

static void set_firmware_dir(Config *c, const OptionRow *row, const char *text)
{
    if (!strcmp(text, "help")) {
        firmware_print_dirs();
        exit(0);
    }
    firmware_add_dir(text);
}

static void print_version(Config *c, const OptionRow *row, const char *text)
{
    printf("QEMU emulator version 11.1.0 (Rhea " RHEA_VERSION ")\n"
           "Rhea is free software under the GNU General Public License, version 2 or later\n");
    exit(0);
}

static void print_help(Config *c, const OptionRow *row, const char *text);

#define KEYS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define AT(f) .offset = offsetof(Config, f)

static const OptionRow option_rows[] = {
    { "h", NULL, "show this help and exit", print_help },
    { "help", NULL, NULL, print_help },
    { "version", NULL, "show the version and exit", print_version },
    { "machine", "[type=]NAME[,KEY=VALUE...]", "choose the machine and its properties; help lists both", merge_args, AT(machine), .implied = "type" },
    { "M", "NAME[,...]", "same as -machine", merge_args, AT(machine), .implied = "type" },
    { "accel", "[accel=]NAME[,KEY=VALUE...]", "choose what runs the vCPUs; given again: fallbacks", add_args, AT(accels), .implied = "accel" },
    { "enable-kvm", NULL, "same as -accel kvm", enable_kvm, AT(accels), .implied = "accel" },
    { "cpu", "MODEL[,[+|-]FEATURE...]", "choose the CPU model and its features; help lists them", set_cpu },
    { "smp", "[cpus=]N[,maxcpus=N][,sockets=N][,dies=N][,modules=N][,cores=N][,threads=N]", "number of vCPUs and their topology",
      merge_args, AT(smp), .implied = "cpus",
      .keys = KEYS("cpus:n", "maxcpus:n", "sockets:n", "dies:n", "clusters:n", "modules:n", "cores:n", "threads:n", "drawers:n",
                   "books:n"), .group = "smp-opts" },
    { "m", "[size=]MiB[,slots=N,maxmem=SIZE]", "guest memory (default 128 MiB)", merge_args, AT(memory), .implied = "size",
      .keys = KEYS("size", "slots:n", "maxmem"), .group = "memory" },
    { "object", "TYPE,id=ID[,PROPERTY=VALUE...]", "create an object (memory back ends ...)", add_args, AT(objects), .implied = "qom-type" },
    { "device", "DRIVER[,PROPERTY=VALUE...]", "add a device; help lists drivers, DRIVER,help its properties", add_args, AT(devices), .implied = "driver" },
    { "global", "DRIVER.PROPERTY=VALUE", "set a default for every device of a kind", add_global, AT(globals), .keys = KEYS("driver", "property", "value") },
    { "kernel", "FILE", "boot this Linux kernel", set_text, AT(kernel) },
    { "initrd", "FILE", "initial RAM disk for -kernel", set_text, AT(initrd) },
    { "append", "TEXT", "command line for -kernel", set_text, AT(append) },
    { "shim", "FILE", "shim.efi for -kernel under UEFI firmware with secure boot", set_text, AT(shim) },
    { "boot", "[order=]DRIVES[,once=DRIVES][,menu=on|off][,splash=FILE][,splash-time=MS][,reboot-timeout=MS][,strict=on|off]",
      "what firmware boots from: a floppy, c disk, d CD, n network", merge_args, AT(boot), .implied = "order",
      .keys = KEYS("order", "once", "menu:b", "splash", "splash-time:n", "reboot-timeout:n", "strict:b"), .group = "boot-opts" },
    { "smbios", "file=FILE | type=N[,FIELD=VALUE...]", "SMBIOS structures, or fields of one", add_args, AT(firmware_items) },
    { "acpitable", "file=FILE | data=FILE[,sig=TEXT][,rev=N][,oem_id=TEXT][,oem_table_id=TEXT][,oem_rev=N]"
      "[,asl_compiler_id=TEXT][,asl_compiler_rev=N]", "add an ACPI table", add_args, AT(firmware_items) },
    { "fw_cfg", "[name=]NAME,file=FILE | string=TEXT", "add an item for firmware and guest", add_args, AT(firmware_items),
      .implied = "name" },
    { "option-rom", "[romfile=]FILE[,bootindex=N]", "add an option ROM", add_args, AT(firmware_items), .implied = "romfile",
      .keys = KEYS("romfile", "bootindex:n") },
    { "bios", "FILE", "system firmware instead of SeaBIOS", set_text, AT(bios) },
    { "L", "DIR", "search firmware in DIR first; help lists the directories", set_firmware_dir },
    { "hda", "FILE", "disk image of the first IDE disk; -hdb, -hdc, -hdd likewise", add_hd },
    { "hdb", "FILE", NULL, add_hd },
    { "hdc", "FILE", NULL, add_hd },
    { "hdd", "FILE", NULL, add_hd },
    { "fda", "FILE", "image of the floppy in the first drive; -fdb: in the second", add_file_drive, .implied = "if=floppy,index=0" },
    { "fdb", "FILE", NULL, add_file_drive, .implied = "if=floppy,index=1" },
    { "cdrom", "FILE", "image of a CD or DVD in the CD drive", add_file_drive, .implied = "if=ide,index=2,media=cdrom" },
    { "pflash", "FILE", "firmware in flash: code, and given again, variables", add_file_drive, .implied = "if=pflash" },
    { "drive", "file=FILE[,if=ide|floppy|pflash|none][,media=disk|cdrom][,format=raw][,id=ID][,KEY=VALUE...]", "add a drive", add_drive },
    { "blockdev", "driver=NAME,node-name=ID[,KEY=VALUE...]", "add a node to the block graph", add_args, AT(blockdevs), .implied = "driver" },
    { "chardev", "BACKEND,id=ID[,KEY=VALUE...]", "add a character device", add_chardev },
    { "serial", "DEV", "connect a serial port (stdio, mon:stdio, pty, file:F, unix:PATH, tcp:HOST:PORT, null, none, chardev:ID)",
      add_text, AT(serials) },
    { "monitor", "DEV", "HMP monitor on DEV", add_short_monitor },
    { "mon", "[chardev=]ID[,mode=readline|control][,pretty=on|off]", "monitor on a -chardev", add_mon, .keys = KEYS("chardev", "mode", "pretty:b") },
    { "qmp", "DEV", "QMP monitor on DEV", add_short_monitor },
    { "qmp-pretty", "DEV", "same, with indented replies", add_short_monitor },
    { "debugcon", "DEV", "send the guest's debug port (0x402) to DEV", set_text, AT(debugcon) },
    { "nographic", NULL, "no display; first serial port and monitor on the terminal", set_flag, AT(nographic) },
    { "display", "none", "where the screen is shown", set_display },
    { "vga", "none|std|cirrus", "graphics card", set_vga },
    { "name", "[guest=]NAME[,process=NAME][,debug-threads=on|off]", "name of the guest", merge_args, AT(name), .implied = "guest",
      .keys = KEYS("guest", "process", "debug-threads:b") },
    { "uuid", "UUID", "machine UUID", set_text, AT(uuid) },
    { "rtc", "[base=utc|localtime|DATETIME][,clock=host|rt|vm][,driftfix=none|slew]", "time of day of the guest", merge_args, AT(rtc), .implied = "base",
      .keys = KEYS("base", "clock", "driftfix") },
    { "no-reboot", NULL, "exit instead of rebooting", set_flag, AT(no_reboot) },
    { "no-shutdown", NULL, "stop instead of exiting when the guest powers off", set_flag, AT(no_shutdown) },
    { "S", NULL, "do not start the vCPUs until told to", set_flag, AT(start_stopped) },
    { "gdb", "DEV", "let gdb in on DEV (tcp::PORT, stdio, unix:PATH,server=on ...)", set_text, AT(gdb) },
    { "s", NULL, "same as -gdb tcp::1234", set_gdb_port, AT(gdb) },
    { "d", "ITEM[,ITEM...]", "log these items; help lists them", set_text, AT(log_items) },
    { "D", "FILE", "write the log to FILE", set_text, AT(log_file) },
    { "action", "[reboot=reset|shutdown][,shutdown=poweroff|pause][,panic=pause|shutdown|exit-failure|none][,watchdog=ACTION]",
      "what is done at events of the guest", merge_args, AT(action), .keys = KEYS("reboot", "shutdown", "panic", "watchdog") },
    { "watchdog-action", "reset|shutdown|poweroff|inject-nmi|pause|debug|none", "same as -action watchdog=", set_watchdog_action },
    { "overcommit", "[mem-lock=on|off|on-fault][,cpu-pm=on|off]", "lock memory; let the guest use the processor's power states (KVM)",
      merge_args, AT(overcommit), .keys = KEYS("mem-lock", "cpu-pm:b") },
    { "sandbox", "[enable=]on[,obsolete=allow|deny][,elevateprivileges=allow|deny|children][,spawn=allow|deny]"
      "[,resourcecontrol=allow|deny]", "give up system calls that are not needed", merge_args, AT(sandbox), .implied = "enable",
      .keys = KEYS("enable:b", "obsolete", "elevateprivileges", "spawn", "resourcecontrol") },
    { "run-with", "[chroot=DIR][,user=NAME|UID:GID][,exit-with-parent=on|off]", "confine the process once the machine stands", merge_args,
      AT(run_with), .keys = KEYS("async-teardown:b", "chroot", "exit-with-parent:b", "user") },
    { "daemonize", NULL, "return when the machine stands, and go on in the background", set_flag, AT(daemonize) },
    { "msg", "[timestamp=on|off][,guest-name=on|off]", "what error messages begin with", merge_args, AT(msg),
      .keys = KEYS("timestamp:b", "guest-name:b") },
    { "trace", "[[enable=]PATTERN][,events=FILE][,file=FILE]", "switch trace events on; help lists them", add_args, AT(traces), .implied = "enable",
      .keys = KEYS("enable", "events", "file") },
    { "add-fd", "fd=N,set=N[,opaque=TEXT]", "put an inherited descriptor into a set, to be named as /dev/fdset/SET", add_fd,
      .keys = KEYS("fd:n", "set:n", "opaque") },
    { "set", "GROUP.ID.KEY=VALUE", "change an option given before", change_option },
    { "readconfig", "FILE", "read options from FILE", read_config },
    { "echr", "N", "character that begins a command to the mux, instead of 1 (Ctrl-A)", set_echr },
    { "k", "LAYOUT", "keyboard layout (de, en-us, fr ...)", set_keyboard },
    { "numa", "node[,...] | dist,... | cpu,... | hmat-lb,... | hmat-cache,...", "NUMA nodes, and what lies in them", add_args, AT(numa),
      .implied = "type", .group = "numa" },
    { "nic", "none", "network card", set_no_nic },
    { "net", "none", NULL, set_no_nic },
    { "audiodev", "none,id=ID", "host end of sound cards", add_audiodev, .implied = "driver" },
    { "parallel", "DEV", "connect a parallel port", add_text, AT(parallels) },
    { "snapshot", NULL, "leave disk images as they are: write to temporary files", set_flag, AT(snapshot) },
    { "no-fd-bootchk", NULL, "boot from floppies without a boot signature too", set_flag, AT(no_fd_bootchk) },
    { "perfmap", NULL, "tell Linux perf of translated code, in /tmp/perf-PID.map", set_flag, AT(perfmap) },
    { "jitdump", NULL, "the same with the code itself, in jit-PID.dump", set_flag, AT(jitdump) },
    { "pidfile", "FILE", "write the process id to FILE", set_text, AT(pidfile) },
    { "nodefaults", NULL, "no default devices", set_flag, AT(nodefaults) },
    { "no-user-config", NULL, "accepted for compatibility: there is no user configuration file", ignore },
    { "qtest", "DEV", "serve the qtest protocol on DEV", set_text, AT(qtest) },
    { "qtest-log", "FILE", "log of the qtest traffic", set_text, AT(qtest_log) },
    { }
};

/* Options of QEMU 11.1 that are refused by name. */
static const char *const options_not_yet[] = {
    "audio", "compat", "dfilter", "dtb", "dump-vmstate", "enable-sync-profile", "fsdev", "full-screen", "icount",
    "incoming", "iscsi", "loadvm", "mem-path", "mem-prealloc", "mtdblock", "netdev", "only-migratable",
    "plugin", "preconfig", "sd", "seed", "spice", "tpmdev", "usb", "usbdevice", "virtfs", "vnc", "win2k-hack",
    "writeconfig", "xen-attach", "xen-domid", "xen-domid-restrict", NULL
};

static void print_help(Config *c, const OptionRow *unused, const char *text)
{
    printf("QEMU emulator version 11.1.0 (Rhea " RHEA_VERSION ")\n"
           "usage: %s [options] [disk image]\n\n", g_get_prgname());
    for (const OptionRow *row = option_rows; row->name; row++) {
        if (row->help) {
            printf("-%s%s%s\n                %s\n", row->name, row->arg ? " " : "", row->arg ? row->arg : "", row->help);
        } else {
            printf("-%s%s%s\n", row->name, row->arg ? " " : "", row->arg ? row->arg : "");
        }
    }
    exit(0);
}

static const OptionRow *row_find(const char *name)
{
    for (const OptionRow *row = option_rows; row->name; row++) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

static G_NORETURN void fail_unknown(const char *word, const char *name)
{
    if (g_strv_contains(options_not_yet, name)) {
        error_report("%s: this QEMU option is not supported yet", word);
        exit(1);
    }
    NearestWord nearest;
    nearest_init(&nearest, name);
    for (const OptionRow *row = option_rows; row->name; row++) {
        nearest_add(&nearest, row->name);
    }
    for (const char *const *n = options_not_yet; *n; n++) {
        nearest_add(&nearest, *n);
    }
    nearest_hint(&nearest);
    if (nearest.best) {
        error_report("%s: invalid option; did you mean '-%s'?", word, nearest.best);
    } else {
        error_report("%s: invalid option", word);
    }
    exit(1);
}

void options_parse(Config *config, int argc, char **argv)
{
    *config = (Config){ 0 };
    GPtrArray **const lists[] = { &config->accels, &config->objects, &config->chardevs, &config->blockdevs, &config->drives,
                                  &config->devices, &config->globals, &config->monitors, &config->serials,
                                  &config->firmware_items, &config->numa, &config->parallels, &config->traces };
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        *lists[i] = g_ptr_array_new();
    }
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (*word != '-') {
            add_hd(config, row_find("hda"), word);      /* a bare word is the first disk */
            continue;
        }
        const char *name = word + 1 + (word[1] == '-');
        const OptionRow *row = row_find(name);
        if (!row) {
            fail_unknown(word, name);
        }
        const char *text = NULL;
        if (row->arg) {
            if (++i == argc) {
                error_report("%s: requires an argument", word);
                exit(1);
            }
            text = argv[i];
        }
        row->fn(config, row, text);
    }
}

bool options_apply(Config *c, const char *option, const char *text, GError **err)
{
    NearestWord nearest;
    nearest_init(&nearest, option);
    for (const OptionRow *row = option_rows; row->name; row++) {
        const char *group = row->group ? row->group : row->name;
        nearest_add(&nearest, group);
        if (row->arg && (!strcmp(row->name, option) || !strcmp(group, option))) {
            row->fn(c, row, g_strdup(text));    /* kept as argv is */
            return true;
        }
    }
    return error_set(err, "there is no option group '%s'%s", option, nearest_hint(&nearest));
}

bool options_describe(GPtrArray *list, const char *only, GError **err)
{
    NearestWord nearest;
    nearest_init(&nearest, only ? only : "");
    for (const OptionRow *row = option_rows; row->name; row++) {
        nearest_add(&nearest, row->name);
        const char *group = row->group ? row->group : row->name;
        if ((!row->keys && row->fn != add_args && !row->group) || !*group || (only && strcmp(only, group))) {
            continue;
        }
        CommandLineOptionInfo *info = g_new0(CommandLineOptionInfo, 1);
        info->option = g_strdup(group);
        info->parameters = command_line_parameter_info_list_new();
        for (const char *const *key = row->keys; key && *key; key++) {
            CommandLineParameterInfo *p = g_new0(CommandLineParameterInfo, 1);
            const char *colon = strchr(*key, ':');
            p->name = colon ? g_strndup(*key, colon - *key) : g_strdup(*key);
            p->type = !colon ? COMMAND_LINE_PARAMETER_TYPE_STRING :
                      colon[1] == 'b' ? COMMAND_LINE_PARAMETER_TYPE_BOOLEAN : COMMAND_LINE_PARAMETER_TYPE_NUMBER;
            g_ptr_array_add(info->parameters, p);
        }
        g_ptr_array_add(list, info);
    }
    return !only || list->len || error_set(err, "invalid option name: %s%s", only, nearest_hint(&nearest));
}
