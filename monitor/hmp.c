/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HMP sessions: a line -> row of the command table -> arguments -> handler or QMP command -> output.
 *
 * Lines come from a chardev through the line editor, or from human-monitor-command, whose output is captured by a
 * Monitor without a chardev.
 */
#include "monitor/hmp.h"

#include <string.h>

#include "core/option.h"
#include "qapi/qapi.h"

HmpFormat hmp_format = { .count = 1, .format = 'x', .size = 4 };

/* Rows */

static bool has_name(const HmpCommand *row, const char *name)
{
    size_t len = strlen(name);
    for (const char *s = row->name; s; s = strchr(s, '|') ? strchr(s, '|') + 1 : NULL) {
        if (!strncmp(s, name, len) && (s[len] == '|' || !s[len])) {
            return true;
        }
    }
    return false;
}

const HmpCommand *hmp_find(const HmpCommand *table, const char *name, NearestWord *nearest)
{
    for (const HmpCommand *row = table; row->name; row++) {
        if (has_name(row, name)) {
            return row;
        }
        if (nearest && !strchr(row->name, '|')) {
            nearest_add(nearest, row->name);
        }
    }
    static const char *const first_names[] = { "cont", "help", "print", "quit", "stop" };   /* of rows with several */
    for (size_t i = 0; nearest && table == hmp_commands && i < G_N_ELEMENTS(first_names); i++) {
        nearest_add(nearest, first_names[i]);
    }
    return NULL;
}

/* Arguments */

static void skip_blanks(const char **text)
{
    while (g_ascii_isspace(**text)) {
        (*text)++;
    }
}

static bool quoted_char(const char **text, GString *word, GError **err)
{
    static const char escapes[][2] = { { 'n', '\n' }, { 'r', '\r' }, { 't', '\t' }, { '\\', '\\' }, { '"', '"' },
                                       { '\'', '\'' } };
    char c = *(*text)++;
    if (c != '\\') {
        g_string_append_c(word, c);
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(escapes); i++) {
        if (**text == escapes[i][0]) {
            g_string_append_c(word, escapes[i][1]);
            (*text)++;
            return true;
        }
    }
    return error_set(err, "unknown escape '\\%c' in a quoted string", **text);
}

char *hmp_get_word(const char **text, GError **err)
{
    skip_blanks(text);
    if (!**text) {
        return NULL;
    }
    g_autoptr(GString) word = g_string_new(NULL);
    if (**text != '"') {
        while (**text && !g_ascii_isspace(**text)) {
            g_string_append_c(word, *(*text)++);
        }
        return g_strdup(word->str);
    }
    (*text)++;
    while (**text != '"') {
        if (!**text) {
            error_set(err, "a quoted string does not end");
            return NULL;
        }
        if (!quoted_char(text, word, err)) {
            return NULL;
        }
    }
    (*text)++;
    return g_strdup(word->str);
}

static bool parse_format(const char **text, GError **err)
{
    hmp_format.count = 1;
    skip_blanks(text);
    if (**text != '/') {
        return true;
    }
    (*text)++;
    if (g_ascii_isdigit(**text)) {
        char *end;
        guint64 n = g_ascii_strtoull(*text, &end, 10);
        hmp_format.count = MIN(n, 1u << 20);
        *text = end;
    }
    for (; **text && !g_ascii_isspace(**text); (*text)++) {
        switch (**text) {
        case 'o': case 'd': case 'u': case 'x': case 'i': case 'c':
            hmp_format.format = **text;
            break;
        case 'b':
            hmp_format.size = 1;
            break;
        case 'h':
            hmp_format.size = 2;
            break;
        case 'w':
            hmp_format.size = 4;
            break;
        case 'g': case 'L':
            hmp_format.size = 8;
            break;
        default:
            return error_set(err, "invalid char in format: '%c'; a format is /COUNT, one of o d u x i c, one of b h w g",
                             **text);
        }
    }
    return true;
}

/* "-" and the first @len characters of the argument's name, as a word of its own. */
static bool skip_flag(const char **text, const HmpArg *arg, size_t len)
{
    skip_blanks(text);
    if (**text != '-' || strncmp(*text + 1, arg->name, len) || ((*text)[len + 1] && !g_ascii_isspace((*text)[len + 1]))) {
        return false;
    }
    *text += len + 1;
    return true;
}

static bool parse_flag(const char **text, const HmpArg *arg, json_object *args, GError **err)
{
    if (arg->type == HMP_FLAG) {
        if (skip_flag(text, arg, strlen(arg->name))) {
            json_object_object_add(args, arg->name, json_object_new_boolean(true));
        }
    } else if (skip_flag(text, arg, 1)) {
        g_autofree char *word = hmp_get_word(text, err);
        if (!word) {
            return (err && *err) ? false : error_set(err, "argument '%s' is missing after -%c", arg->name, arg->name[0]);
        }
        json_object_object_add(args, arg->name, json_object_new_string(word));
    }
    return true;
}

static bool parse_options(const char *text, const HmpArg *arg, json_object *args, GError **err)
{
    json_object *options = option_parse(text, arg->name, NULL, err);
    if (!options) {
        return false;
    }
    json_object_object_foreach(options, key, value) {
        json_object_object_add(args, key, json_object_get(value));
    }
    json_object_put(options);
    return true;
}

static bool parse_arg(Monitor *mon, const char **text, const HmpArg *arg, json_object *args, GError **err)
{
    skip_blanks(text);
    if (!**text) {
        return arg->optional || arg->type == HMP_FORMAT ||
               error_set(err, "argument '%s' is missing", arg->name);
    }
    switch (arg->type) {
    case HMP_WORD: {
        g_autofree char *word = hmp_get_word(text, err);
        if (!word) {
            return false;
        }
        json_object_object_add(args, arg->name, json_object_new_string(word));
        return true;
    }
    case HMP_REST:
        json_object_object_add(args, arg->name, json_object_new_string(*text));
        *text += strlen(*text);
        return true;
    case HMP_EXPR: {
        int64_t value;
        if (!hmp_eval(hmp_cpu(mon, NULL), text, &value, err)) {
            return false;
        }
        json_object_object_add(args, arg->name, json_object_new_int64(value));
        return true;
    }
    case HMP_OPTIONS: {
        g_autofree char *word = hmp_get_word(text, err);
        return word && parse_options(word, arg, args, err);
    }
    default:
        g_assert_not_reached();
    }
}

static json_object *parse_args(Monitor *mon, const HmpCommand *row, const char *text, GError **err)
{
    json_object *args = json_object_new_object();
    bool ok = true;
    for (const HmpArg *arg = row->args; ok && arg && arg->type; arg++) {
        if (arg->type == HMP_FORMAT) {
            ok = parse_format(&text, err);
        } else if (arg->type == HMP_FLAG || arg->type == HMP_FLAG_WORD) {
            ok = parse_flag(&text, arg, args, err);
        } else {
            ok = parse_arg(mon, &text, arg, args, err);
        }
    }
    skip_blanks(&text);
    if (ok && *text) {
        ok = error_set(err, "extraneous characters at the end of line: '%s'", text);
    }
    if (!ok) {
        json_object_put(args);
        return NULL;
    }
    return args;
}

/* Running */

json_object *hmp_qmp(const char *name, json_object *args, GError **err)
{
    const QmpCommand *command = qmp_command_find(qmp_commands, qmp_command_count, name, NULL);
    json_object *reply = NULL;
    g_assert(command);
    qmp_command_call(command, args, &reply, err);
    return reply;
}

static void run_row(Monitor *mon, const HmpCommand *row, json_object *args)
{
    GError *error = NULL;
    if (row->run) {
        row->run(mon, args, &error);
    } else {
        json_object_put(hmp_qmp(row->qmp, args, &error));
    }
    if (error) {
        monitor_printf(mon, "Error: %s\n", error->message);
        g_error_free(error);
    }
}

/* Follows the words of the line to a row; *@text stands behind them. NULL: said why. */
static const HmpCommand *find_row(Monitor *mon, const char **text)
{
    const HmpCommand *table = hmp_commands, *row = NULL;
    g_autoptr(GString) path = g_string_new(NULL);
    for (;;) {
        const char *before = *text;
        g_autofree char *name = hmp_get_word(text, NULL);
        char *slash = name ? strchr(name, '/') : NULL;
        if (slash && slash != name) {           /* x/4xw: the format needs no blank before it */
            skip_blanks(&before);
            *slash = 0;
            *text = before + strlen(name);
        }
        if (!name && row) {
            return row;                         /* "info" alone: its handler says what there is */
        }
        if (!name) {
            return NULL;
        }
        NearestWord nearest;
        nearest_init(&nearest, name);
        g_string_append_printf(path, "%s%s", path->len ? " " : "", name);
        row = hmp_find(table, name, &nearest);
        if (!row) {
            monitor_printf(mon, "unknown command: '%s'%s\n", path->str, nearest_hint(&nearest));
            return NULL;
        }
        if (!row->sub) {
            return row;
        }
        table = row->sub;
    }
}

void hmp_handle_line(Monitor *mon, const char *line)
{
    const char *text = line;
    skip_blanks(&text);
    if (!*text || *text == '#') {
        return;
    }
    Monitor *outer = monitor_set_current(mon);
    const HmpCommand *row = find_row(mon, &text);
    if (row) {
        GError *error = NULL;
        json_object *args = parse_args(mon, row, text, &error);
        if (args) {
            run_row(mon, row, args);
            json_object_put(args);
        } else {
            monitor_printf(mon, "%.*s: %s\nTry \"help %.*s\" for more information\n", (int)strcspn(row->name, "|"),
                           row->name, error->message, (int)strcspn(row->name, "|"), row->name);
            g_error_free(error);
        }
    }
    monitor_set_current(outer);
}

char *hmp_run_line(const char *line, int cpu_index)
{
    Monitor *mon = monitor_new(NULL, NULL);
    mon->cpu_index = cpu_index;
    hmp_handle_line(mon, line);
    char *text = g_strdup(mon->out->str);
    monitor_free(mon);
    return text;
}

char *qmp_human_monitor_command(const HumanMonitorCommandArgs *args, GError **err)
{
    int64_t cpu = args->has_cpu_index ? args->cpu_index : 0;
    if (args->has_cpu_index && (cpu < 0 || cpu > INT_MAX || !cpu_by_index(cpu))) {
        error_set(err, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    return hmp_run_line(args->command_line, cpu);
}

Cpu *hmp_cpu(Monitor *mon, GError **err)
{
    Cpu *cpu = cpu_by_index(mon->cpu_index);
    if (!cpu) {
        error_set(err, "no CPU available");
        return NULL;
    }
    cpu_state_pull(cpu);
    return cpu;
}

/* help */

static void help_row(Monitor *mon, const char *before, const HmpCommand *row)
{
    monitor_printf(mon, "%s%s %s -- %s\n", before, row->name, row->params ? row->params : "", row->help);
}

static void help_table(Monitor *mon, const char *before, const HmpCommand *table)
{
    for (const HmpCommand *row = table; row->name; row++) {
        help_row(mon, before, row);
    }
}

void hmp_help(Monitor *mon, json_object *args, GError **err)
{
    const char *text = dict_str(args, "name");
    const HmpCommand *table = hmp_commands;
    g_autoptr(GString) before = g_string_new(NULL);
    while (table && text && *text) {
        g_autofree char *name = hmp_get_word(&text, err);
        if (!name) {
            break;
        }
        NearestWord nearest;
        nearest_init(&nearest, name);
        const HmpCommand *row = hmp_find(table, name, &nearest);
        if (!row) {
            error_set(err, "there is no command '%s%s'%s", before->str, name, nearest_hint(&nearest));
            return;
        }
        skip_blanks(&text);
        if (!*text && !row->sub) {
            help_row(mon, before->str, row);
            return;
        }
        g_string_append_printf(before, "%s ", name);
        table = row->sub;
    }
    if (table) {
        help_table(mon, before->str, table);
    }
}

void hmp_info_history(Monitor *mon, json_object *args, GError **err)
{
    const char *line;
    for (unsigned i = 0; mon->editor && (line = line_editor_history(mon->editor, i)); i++) {
        monitor_printf(mon, "%u: '%s'\n", i, line);
    }
}

/* Completion */

void hmp_offer(const char *prefix, const char *word, GPtrArray *candidates)
{
    if (word && g_str_has_prefix(word, prefix)) {
        g_ptr_array_add(candidates, g_strdup(word));
    }
}

static void offer_rows(const HmpCommand *table, const char *prefix, GPtrArray *candidates)
{
    for (const HmpCommand *row = table; row->name; row++) {
        g_auto(GStrv) names = g_strsplit(row->name, "|", 0);
        for (char **name = names; *name; name++) {
            hmp_offer(prefix, *name, candidates);
        }
    }
}

void hmp_complete_command(const char *prefix, GPtrArray *candidates)
{
    offer_rows(hmp_commands, prefix, candidates);
}

void hmp_complete(Monitor *mon, const char *before_cursor, GPtrArray *candidates, size_t *word_start)
{
    const HmpCommand *table = hmp_commands;
    const HmpArg *arg = NULL;
    const char *text = before_cursor;
    for (;;) {
        skip_blanks(&text);
        size_t start = text - before_cursor;
        g_autofree char *word = hmp_get_word(&text, NULL);
        if (!*text) {                           /* the word under the cursor, perhaps empty */
            *word_start = start;
            word = word ? word : g_strdup("");
            while (arg && (arg->type == HMP_FLAG || arg->type == HMP_FLAG_WORD) && word[0] != '-') {
                arg++;
            }
            if (table) {
                offer_rows(table, word, candidates);
            } else if (arg && arg->complete) {
                arg->complete(word, candidates);
            }
            return;
        }
        if (!word) {
            return;                             /* bad quoting */
        }
        if (table) {
            const HmpCommand *row = hmp_find(table, word, NULL);
            if (!row) {
                return;
            }
            table = row->sub;
            arg = row->args;
        } else if (arg && arg->type) {
            while ((arg->type == HMP_FLAG || arg->type == HMP_FLAG_WORD) && word[0] != '-') {
                arg++;
            }
            arg += arg->type != 0;
        }
    }
}

/* A session on a chardev */

static void editor_write(void *opaque, const char *text, size_t len)
{
    monitor_write(opaque, text, len);
}

static void editor_line(void *opaque, const char *line)
{
    hmp_handle_line(opaque, line);
}

static void editor_complete(void *opaque, const char *before_cursor, GPtrArray *candidates, size_t *word_start)
{
    hmp_complete(opaque, before_cursor, candidates, word_start);
}

static const LineEditorOps editor_ops = { editor_write, editor_line, editor_complete };

static int can_receive(void *opaque)
{
    return monitor_room(opaque, 4096);
}

/* Without the editor: lines as they come; the longest is that of the editor. */
static void receive_plain(Monitor *mon, const uint8_t *buf, int len)
{
    for (int i = 0; i < len; i++) {
        if (buf[i] == '\n' || buf[i] == '\r') {
            g_autofree char *line = g_strdup(mon->line->str);
            g_string_truncate(mon->line, 0);
            hmp_handle_line(mon, line);
        } else if (buf[i] && mon->line->len < LINE_EDITOR_MAX_BYTES) {
            g_string_append_c(mon->line, buf[i]);
        }
    }
}

static void receive(void *opaque, const uint8_t *buf, int len)
{
    Monitor *mon = opaque;
    monitor_receive_begin(mon);
    if (mon->editor) {
        line_editor_input(mon->editor, buf, len);
    } else {
        receive_plain(mon, buf, len);
    }
    monitor_receive_end(mon);
}

/* Runs once the machine is set up: until then a mux may still give its terminal to a serial line. */
static void greet(void *opaque)
{
    Monitor *mon = opaque;
    monitor_printf(mon, "QEMU 11.1.0 monitor (Rhea %s), 'help' lists the commands\n", RHEA_VERSION);
    mon->greeted = true;
    if (mon->editor && !mon->muxed_out) {
        line_editor_show(mon->editor);
    }
}

static void focused(Monitor *mon)
{
    mon->muxed_out = false;
    if (!mon->greeted) {
        return;
    }
    if (!monitor_backlog(mon)) {
        monitor_puts(mon, "\n");
    }
    if (mon->editor) {
        line_editor_show(mon->editor);
    }
    monitor_flush(mon);
}

static void unfocused(Monitor *mon)
{
    if (mon->editor && mon->greeted && !mon->muxed_out) {
        line_editor_hide(mon->editor);
    }
    mon->muxed_out = true;
}

static void event(void *opaque, ChardevEvent what)
{
    Monitor *mon = opaque;
    switch (what) {
    case CHARDEV_OPENED:
        monitor_drop_output(mon);
        mon->watching = mon->greeted = false;
        mon->open = true;
        bh_schedule(mon->resume);
        break;
    case CHARDEV_CLOSED:
        mon->open = mon->watching = false;
        bh_cancel(mon->resume);
        monitor_drop_output(mon);
        break;
    case CHARDEV_MUX_IN:
        focused(mon);
        break;
    case CHARDEV_MUX_OUT:
        unfocused(mon);
        break;
    case CHARDEV_BREAK:
        break;
    }
}

Monitor *monitor_new_hmp(Chardev *chr, bool use_readline, GError **err)
{
    Monitor *mon = monitor_new(chr, err);
    if (!mon) {
        return NULL;
    }
    mon->resume = bh_new(NULL, greet, mon);
    if (use_readline) {
        mon->editor = line_editor_new(&editor_ops, mon, "(qemu) ");
    } else {
        mon->line = g_string_new(NULL);
    }
    chardev_set_handlers(&mon->fe, can_receive, receive, event, mon);
    return mon;
}
