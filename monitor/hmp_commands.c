/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of HMP commands, in the order in which help lists them, and the few handlers that are no subject of their
 * own. A row with .qmp hands its arguments to that QMP command.
 */
#include "monitor/hmp.h"

#include <string.h>

#include "core/log.h"
#include "core/option.h"
#include "monitor/gdb.h"
#include "monitor/json_print.h"
#include "qapi/qapi.h"

const HmpCommand hmp_info_commands[] = {
    { "accel", .help = "what the accelerator counts", .run = hmp_info_accel },
    { "accelerators", .help = "accelerators, and which of them runs the guest", .run = hmp_info_accelerators },
    { "block", .help = "disks and their images", .run = hmp_info_block },
    { "block-jobs", .help = "jobs on disks", .run = hmp_info_block_jobs },
    { "blockstats", .help = "what disks have read and written", .run = hmp_info_blockstats },
    { "chardev", .help = "character devices", .run = hmp_info_chardev },
    { "cpus", .help = "virtual CPUs; * marks the one that commands look at", .run = hmp_info_cpus },
    { "death", .help = "why the guest died", .run = hmp_info_death },
    { "history", .help = "lines entered on this monitor", .run = hmp_info_history },
    { "hotpluggable-cpus", .help = "places for CPUs", .run = hmp_info_hotpluggable_cpus },
    { "irq", .help = "how often each input of the interrupt controllers has risen", .run = hmp_info_irq },
    { "iothreads", .help = "I/O threads", .run = hmp_info_iothreads },
    { "jit", .help = "the translator's code and what it could not do by itself", .run = hmp_info_jit },
    { "kvm", .help = "whether KVM runs the guest", .run = hmp_info_kvm },
    { "lapic", HMP_ARGS({ "apic-id", HMP_EXPR, true }), "[apic-id]", "a CPU's local interrupt controller",
      .run = hmp_info_lapic },
    { "mem", .help = "address ranges that the page tables map", .run = hmp_info_mem },
    { "memdev", .help = "memory back ends", .run = hmp_info_memdev },
    { "memory-devices", .help = "memory devices", .run = hmp_info_memory_devices },
    { "memory_size_summary", .help = "amount of guest memory", .run = hmp_info_memory_size },
    { "mice", .help = "pointing devices; * marks the one that the host's mouse moves", .run = hmp_info_mice },
    { "mtree", HMP_ARGS({ "f", HMP_FLAG }), "[-f]", "memory regions as a tree (-f: as flat views)", .run = hmp_info_mtree },
    { "name", .help = "name of the guest", .run = hmp_info_name },
    { "numa", .help = "NUMA nodes", .run = hmp_info_numa },
    { "pci", .help = "PCI devices", .run = hmp_info_pci },
    { "pic", .help = "state of the interrupt controllers", .run = hmp_info_pic },
    { "qom-tree", HMP_ARGS({ "path", HMP_WORD, true, hmp_complete_path }), "[path]", "objects below path, or /machine",
      .run = hmp_info_qom_tree },
    { "qtree", .help = "buses and devices with their properties", .run = hmp_info_qtree },
    { "ramblock", .help = "blocks of guest memory and where they are here", .run = hmp_info_ramblock },
    { "registers", HMP_ARGS({ "a", HMP_FLAG }, { "vcpu", HMP_EXPR, true }), "[-a|vcpu]", "registers of the CPU (-a: of all)",
      .run = hmp_info_registers },
    { "roms", .help = "firmware and option ROMs", .run = hmp_info_roms },
    { "status", .help = "whether the guest runs, and if not, why", .run = hmp_info_status },
    { "tlb", .help = "pages that the page tables map", .run = hmp_info_tlb },
    { "trace-events", .help = "trace events and whether they are on", .run = hmp_info_trace_events },
    { "usb", .help = "USB devices", .run = hmp_info_usb },
    { "uuid", .help = "UUID of the guest", .run = hmp_info_uuid },
    { "version", .help = "version of the interface and the program", .run = hmp_info_version },
    { }
};

/* info without a word: what there is. */
static void list_info(Monitor *mon, json_object *args, GError **err)
{
    json_object *words = json_object_new_object();
    json_object_object_add(words, "name", json_object_new_string("info"));
    hmp_help(mon, words, err);
    json_object_put(words);
}

const HmpCommand hmp_commands[] = {
    { "block_resize", HMP_ARGS({ "device", HMP_WORD, .complete = hmp_complete_drive }, { "size", HMP_EXPR }), "device bytes",
      "change the size of a disk", .qmp = "block_resize" },
    { "boot_set", HMP_ARGS({ "bootdevice", HMP_WORD }), "drives", "what firmware boots from after the next reset", .run = hmp_boot_set },
    { "change", HMP_ARGS({ "device", HMP_WORD, .complete = hmp_complete_drive }, { "f", HMP_FLAG }, { "filename", HMP_WORD },
                         { "format", HMP_WORD, true }, { "read-only-mode", HMP_WORD, true }),
      "device [-f] filename [format [read-only-mode]]", "put another medium into a drive (-f: also if it is locked)",
      .run = hmp_change },
    { "chardev-add", HMP_ARGS({ "args", HMP_REST }), "backend,id=name[,option=value]...", "make a character device, as -chardev does",
      .run = hmp_chardev_add },
    { "chardev-change", HMP_ARGS({ "id", HMP_WORD }, { "args", HMP_REST }), "id backend[,option=value]...",
      "put another character device in the place of one", .run = hmp_chardev_change },
    { "chardev-remove", HMP_ARGS({ "id", HMP_WORD }), "id", "remove a character device", .qmp = "chardev-remove" },
    { "chardev-send-break", HMP_ARGS({ "id", HMP_WORD }), "id", "let the user of a character device see a break",
      .qmp = "chardev-send-break" },
    { "clear", .help = "clear the screen", .run = hmp_clear },
    { "closefd", HMP_ARGS({ "fdname", HMP_WORD }), "name", "close a descriptor that getfd has kept", .qmp = "closefd" },
    { "cont|c", .help = "let the guest run", .qmp = "cont" },
    { "cpu", HMP_ARGS({ "index", HMP_EXPR }), "index", "choose the CPU that commands look at", .run = hmp_cpu_select },
    { "device_add", HMP_ARGS({ "driver", HMP_OPTIONS, .complete = hmp_complete_device_type }), "driver[,property=value]...",
      "add a device, as -device does", .qmp = "device_add" },
    { "device_del", HMP_ARGS({ "id", HMP_WORD, .complete = hmp_complete_device_id }), "id", "remove a device",
      .qmp = "device_del" },
    { "drive_add", HMP_ARGS({ "n", HMP_FLAG }, { "place", HMP_WORD }, { "opts", HMP_REST }),
      "[-n] place [file=FILE,]if=none[,id=ID][,KEY=VALUE...]",
      "add a drive, as -drive does (-n: a block node, as -blockdev does); place is not looked at", .run = hmp_drive_add },
    { "drive_del", HMP_ARGS({ "id", HMP_WORD, .complete = hmp_complete_drive }), "id",
      "take a drive's image away, whether the guest likes it or not", .run = hmp_drive_del },
    { "eject", HMP_ARGS({ "f", HMP_FLAG }, { "device", HMP_WORD, .complete = hmp_complete_drive }), "[-f] device",
      "take the medium out of a drive (-f: also if it is locked)", .run = hmp_eject },
    { "getfd", HMP_ARGS({ "fdname", HMP_WORD }), "name", "keep the descriptor sent along", .qmp = "getfd" },
    { "gpa2hva", HMP_ARGS({ "addr", HMP_EXPR }), "addr", "host address of a guest physical address", .run = hmp_gpa2hva },
    { "gva2gpa", HMP_ARGS({ "addr", HMP_EXPR }), "addr", "guest physical address of a virtual one", .run = hmp_gva2gpa },
    { "gdbserver", HMP_ARGS({ "device", HMP_REST, true }), "[device]", "let gdb in on a device (tcp::1234); none: no more",
      .run = hmp_gdbserver },
    { "help|?", HMP_ARGS({ "name", HMP_REST, true, hmp_complete_command }), "[command]", "commands, or one of them",
      .run = hmp_help },
    { "i", HMP_ARGS({ "fmt", HMP_FORMAT }, { "addr", HMP_EXPR }, { "index", HMP_EXPR, true }), "/fmt addr",
      "read an I/O port", .run = hmp_port_read },
    { "info", NULL, "[subcommand]", "look at the machine", .run = list_info, .sub = hmp_info_commands },
    { "log", HMP_ARGS({ "items", HMP_REST, .complete = hmp_complete_log_item }), "item[,...]",
      "choose what is logged (none: nothing)", .run = hmp_log },
    { "logfile", HMP_ARGS({ "filename", HMP_WORD }), "filename", "write the log to a file", .run = hmp_logfile },
    { "memsave", HMP_ARGS({ "val", HMP_EXPR }, { "size", HMP_EXPR }, { "filename", HMP_WORD }), "addr size file",
      "save memory at a virtual address to a file", .qmp = "memsave" },
    { "mouse_button", HMP_ARGS({ "state", HMP_EXPR }), "state",
      "press mouse buttons and release the others (1 left, 2 right, 4 middle)", .run = hmp_mouse_button },
    { "mouse_move", HMP_ARGS({ "dx", HMP_WORD }, { "dy", HMP_WORD }, { "dz", HMP_WORD, true }), "dx dy [dz]",
      "move the mouse (dz: turn its wheel)", .run = hmp_mouse_move },
    { "mouse_set", HMP_ARGS({ "index", HMP_EXPR }), "index", "choose the mouse that the host's one moves",
      .run = hmp_mouse_set },
    { "nmi", .help = "send a non-maskable interrupt to every CPU", .qmp = "inject-nmi" },
    { "o", HMP_ARGS({ "fmt", HMP_FORMAT }, { "addr", HMP_EXPR }, { "val", HMP_EXPR }), "/fmt addr value", "write an I/O port",
      .run = hmp_port_write },
    { "object_add", HMP_ARGS({ "qom-type", HMP_OPTIONS, .complete = hmp_complete_object_type }),
      "[qom-type=]type,id=name[,property=value]...", "make an object, as -object does", .qmp = "object-add" },
    { "object_del", HMP_ARGS({ "id", HMP_WORD, .complete = hmp_complete_object_id }), "id", "remove an object",
      .qmp = "object-del" },
    { "pmemsave", HMP_ARGS({ "val", HMP_EXPR }, { "size", HMP_EXPR }, { "filename", HMP_WORD }), "addr size file",
      "save memory at a physical address to a file", .qmp = "pmemsave" },
    { "print|p", HMP_ARGS({ "fmt", HMP_FORMAT }, { "expr", HMP_EXPR }), "/fmt expr",
      "print a value ($reg: a register of the CPU)", .run = hmp_print_value },
    { "qom-get", HMP_ARGS({ "path", HMP_WORD, .complete = hmp_complete_path }, { "property", HMP_WORD }), "path property",
      "read a property of an object", .run = hmp_qom_get },
    { "qom-list", HMP_ARGS({ "path", HMP_WORD, true, hmp_complete_path }), "[path]", "properties of an object",
      .run = hmp_qom_list },
    { "qom-set", HMP_ARGS({ "j", HMP_FLAG }, { "path", HMP_WORD, .complete = hmp_complete_path }, { "property", HMP_WORD },
                          { "value", HMP_REST }),
      "[-j] path property value", "write a property of an object (-j: the value is JSON)", .run = hmp_qom_set },
    { "quit|q", .help = "end the program", .qmp = "quit" },
    { "ringbuf_read", HMP_ARGS({ "device", HMP_WORD }, { "size", HMP_EXPR }), "device size", "show what a ring buffer holds",
      .run = hmp_ringbuf_read },
    { "ringbuf_write", HMP_ARGS({ "device", HMP_WORD }, { "data", HMP_REST }), "device text", "put text into a ring buffer",
      .qmp = "ringbuf-write" },
    { "screendump", HMP_ARGS({ "filename", HMP_WORD }, { "format", HMP_FLAG_WORD }, { "device", HMP_WORD, true },
                             { "head", HMP_EXPR, true }),
      "file [-f ppm|png] [device [head]]", "write what a screen shows to a file", .qmp = "screendump" },
    { "sendkey", HMP_ARGS({ "keys", HMP_WORD, .complete = hmp_complete_key }, { "hold-time", HMP_EXPR, true }),
      "keys [ms]", "press keys, as in ctrl-alt-f1 (ms: how long)", .run = hmp_sendkey },
    { "stop|s", .help = "stop the guest", .qmp = "stop" },
    { "sum", HMP_ARGS({ "start", HMP_EXPR }, { "size", HMP_EXPR }), "addr size", "checksum of physical memory", .run = hmp_sum },
    { "system_powerdown", .help = "press the power button", .qmp = "system_powerdown" },
    { "system_reset", .help = "press the reset button", .qmp = "system_reset" },
    { "system_wakeup", .help = "wake a sleeping guest", .qmp = "system_wakeup" },
    { "trace-event", HMP_ARGS({ "name", HMP_WORD, .complete = hmp_complete_trace_event },
                              { "on", HMP_WORD, .complete = hmp_complete_on_off }), "name on|off",
      "switch trace events (name may have * in it)", .run = hmp_trace_event },
    { "watchdog_action", HMP_ARGS({ "action", HMP_WORD }), "action", "what is done when a watchdog of the guest expires",
      .qmp = "watchdog-set-action" },
    { "x", HMP_ARGS({ "fmt", HMP_FORMAT }, { "addr", HMP_EXPR }), "/fmt addr", "show memory at a virtual address",
      .run = hmp_examine_virtual },
    { "xp", HMP_ARGS({ "fmt", HMP_FORMAT }, { "addr", HMP_EXPR }), "/fmt addr", "show memory at a physical address",
      .run = hmp_examine_physical },
    { }
};

void hmp_gdbserver(Monitor *mon, json_object *args, GError **err)
{
    const char *device = dict_str(args, "device");
    device = device ? device : "tcp::1234";
    if (gdb_server_start(device, err) && strcmp(device, "none")) {
        monitor_printf(mon, "gdb may connect to '%s'\n", device);
    }
}

void hmp_clear(Monitor *mon, json_object *args, GError **err)
{
    monitor_puts(mon, "\033[2J\033[1;1H");
}

void hmp_cpu_select(Monitor *mon, json_object *args, GError **err)
{
    int64_t index = json_object_get_int64(json_object_object_get(args, "index"));
    if (index < 0 || index > INT_MAX || !cpu_by_index(index)) {
        error_set(err, "invalid CPU index %" PRId64 ": the highest is %d", index, cpu_count() - 1);
        return;
    }
    mon->cpu_index = index;
}

void hmp_log(Monitor *mon, json_object *args, GError **err)
{
    const char *items = dict_str(args, "items");
    if (!strcmp(items, "none")) {
        log_items = 0;
    } else if (!strcmp(items, "help") || !strcmp(items, "?")) {
        monitor_puts(mon, "none            nothing\n");
        for (const LogItemName *item = log_item_names; item->name; item++) {
            monitor_printf(mon, "%-15s %s\n", item->name, item->description);
        }
        monitor_puts(mon, "trace:PATTERN   trace events\n");
    } else {
        log_set_items(items, err);
    }
}

void hmp_logfile(Monitor *mon, json_object *args, GError **err)
{
    log_set_file(dict_str(args, "filename"), err);
}

void hmp_trace_event(Monitor *mon, json_object *args, GError **err)
{
    bool on;
    if (!parse_bool("on", dict_str(args, "on"), &on, err)) {
        return;
    }
    g_autofree char *pattern = g_strconcat(on ? "" : "-", dict_str(args, "name"), NULL);
    trace_enable(pattern, err);
}

void hmp_qom_list(Monitor *mon, json_object *args, GError **err)
{
    const char *path = dict_str(args, "path");
    QomListArgs q = { .path = (char *)(path ? path : "/") };
    g_autoptr(GPtrArray) list = qmp_qom_list(&q, err);
    for (guint i = 0; list && i < list->len; i++) {
        const ObjectPropertyInfo *p = list->pdata[i];
        monitor_printf(mon, "%s (%s)\n", p->name, p->type);
    }
}

void hmp_qom_get(Monitor *mon, json_object *args, GError **err)
{
    QomGetArgs q = { .path = (char *)dict_str(args, "path"), .property = (char *)dict_str(args, "property") };
    GError *error = NULL;
    json_object *value = qmp_qom_get(&q, &error);
    if (error) {
        g_propagate_error(err, error);
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    json_print(text, value, true);
    json_object_put(value);
    monitor_printf(mon, "%s\n", text->str);
}

void hmp_qom_set(Monitor *mon, json_object *args, GError **err)
{
    const char *path = dict_str(args, "path"), *property = dict_str(args, "property"), *text = dict_str(args, "value");
    if (json_object_object_get(args, "j")) {
        GError *error = NULL;
        QomSetArgs q = { .path = (char *)path, .property = (char *)property };
        q.value = json_parse_text(text, strlen(text), &error);
        if (error) {
            g_propagate_error(err, error);
            return;
        }
        qmp_qom_set(&q, err);
        json_object_put(q.value);
        return;
    }
    Object *obj = object_resolve(path, NULL);
    if (!obj) {
        error_set(err, "Device '%s' not found", path);
        return;
    }
    object_parse(obj, property, text, err);
}
