/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HMP commands as rows.
 *
 * A row says how a command is written: its words, the arguments in order with their types, a line of help. The parser,
 * help, completion and error messages come from the row. Most commands are thin: a row names the QMP command that the
 * parsed arguments are handed to, and needs no code.
 */
#ifndef MONITOR_HMP_H
#define MONITOR_HMP_H

#include "accel/accel.h"
#include "monitor/internal.h"

typedef enum HmpArgType {
    HMP_WORD = 1,               /* blank-separated word or "quoted string" */
    HMP_REST,                   /* the rest of the line, as it is */
    HMP_EXPR,                   /* 64-bit expression */
    HMP_FORMAT,                 /* /COUNTformatsize; optional; goes to HmpFormat, not to the arguments */
    HMP_FLAG,                   /* -x: name is "x"; a boolean */
    HMP_FLAG_WORD,              /* -n word: of name the first letter; optional */
    HMP_OPTIONS                 /* keyval text: "driver,prop=value"; its members become the arguments */
} HmpArgType;

typedef struct HmpArg {
    const char *name;           /* of the member in the arguments; HMP_OPTIONS: implied key */
    HmpArgType type;
    bool optional;
    /* Offers words for completion, each of which begins with @prefix. */
    void (*complete)(const char *prefix, GPtrArray *candidates);
} HmpArg;

typedef struct HmpCommand HmpCommand;
struct HmpCommand {
    const char *name;           /* "cont|c": name and other spellings */
    const HmpArg *args;         /* ended by a zero type; NULL: none */
    const char *params;         /* as help shows the arguments */
    const char *help;
    const char *qmp;            /* QMP command to run with the arguments; its result is not shown */
    /* Instead: prints; an error set in @err is shown with "Error: " before it. */
    void (*run)(Monitor *mon, json_object *args, GError **err);
    const HmpCommand *sub;      /* subcommands by the next word, ended by a NULL name */
};
#define HMP_ARGS(...) (const HmpArg[]){ __VA_ARGS__, { .type = 0 } }

extern const HmpCommand hmp_commands[], hmp_info_commands[];

/** hmp_find: row of @table for @name; NULL: none, then @nearest (may be NULL) has seen all names. */
const HmpCommand *hmp_find(const HmpCommand *table, const char *name, NearestWord *nearest);

/* Format of x, xp, print: kept from one command to the next. */
typedef struct HmpFormat { int count; char format; unsigned size; } HmpFormat;
extern HmpFormat hmp_format;

/** hmp_get_word: the next word of *@text, or NULL at its end (no @err) or for bad quoting (@err). g_free(). */
char *hmp_get_word(const char **text, GError **err);
/** hmp_eval: evaluates the expression at *@text with registers of @cpu (may be NULL), and moves *@text behind it. */
bool hmp_eval(Cpu *cpu, const char **text, int64_t *value, GError **err);

/** hmp_cpu: the CPU that commands of @mon look at; NULL with @err if there is none. */
Cpu *hmp_cpu(Monitor *mon, GError **err);

/** hmp_qmp: runs QMP command @name; @args may be NULL. Returns its result, or NULL with @err. */
json_object *hmp_qmp(const char *name, json_object *args, GError **err);

/* Handlers; files by subject. */
typedef void HmpRun(Monitor *mon, json_object *args, GError **err);
HmpRun hmp_help, hmp_info_history;                                              /* hmp.c */
HmpRun hmp_examine_virtual, hmp_examine_physical, hmp_print_value, hmp_port_read, hmp_port_write, hmp_sum;
HmpRun hmp_gva2gpa, hmp_gpa2hva;                                                /* hmp_memory.c */
HmpRun hmp_info_status, hmp_info_version, hmp_info_name, hmp_info_uuid, hmp_info_kvm, hmp_info_cpus, hmp_info_jit,
    hmp_info_irq, hmp_info_lapic, hmp_info_pic,
       hmp_info_registers,
       hmp_info_mem, hmp_info_tlb, hmp_info_mtree, hmp_info_qtree, hmp_info_qom_tree, hmp_info_pci, hmp_info_chardev,
       hmp_info_block, hmp_info_memory_size, hmp_info_memdev, hmp_info_iothreads, hmp_info_trace_events, hmp_info_death,
       hmp_info_accelerators;                                                   /* hmp_info.c */
HmpRun hmp_qom_list, hmp_qom_get, hmp_qom_set, hmp_cpu_select, hmp_log, hmp_logfile, hmp_trace_event,
       hmp_clear;                                                               /* hmp_commands.c */
HmpRun hmp_sendkey, hmp_mouse_move, hmp_mouse_button, hmp_mouse_set, hmp_info_mice;    /* hmp_input.c */
void hmp_complete_key(const char *prefix, GPtrArray *candidates);
HmpRun hmp_chardev_add, hmp_chardev_change, hmp_ringbuf_read;                    /* qmp_chardev.c */
HmpRun hmp_drive_add, hmp_drive_del, hmp_info_accel, hmp_info_block_jobs, hmp_info_memory_devices,
    hmp_gdbserver, hmp_info_numa, hmp_info_roms, hmp_info_ramblock, hmp_info_usb, hmp_info_hotpluggable_cpus, hmp_info_blockstats,
       hmp_boot_set;                                                            /* hmp_layout.c */
HmpRun hmp_eject, hmp_change;                                                    /* qmp_medium.c */
void hmp_complete_drive(const char *prefix, GPtrArray *candidates);             /* its id */
void hmp_complete_device_id(const char *prefix, GPtrArray *candidates);         /* hmp_complete.c ... */
void hmp_complete_object_id(const char *prefix, GPtrArray *candidates);
void hmp_complete_device_type(const char *prefix, GPtrArray *candidates);
void hmp_complete_object_type(const char *prefix, GPtrArray *candidates);
void hmp_complete_path(const char *prefix, GPtrArray *candidates);
void hmp_complete_command(const char *prefix, GPtrArray *candidates);
void hmp_complete_log_item(const char *prefix, GPtrArray *candidates);
void hmp_complete_trace_event(const char *prefix, GPtrArray *candidates);
void hmp_complete_on_off(const char *prefix, GPtrArray *candidates);
/** hmp_offer: adds @word if it begins with @prefix. */
void hmp_offer(const char *prefix, const char *word, GPtrArray *candidates);

#endif
