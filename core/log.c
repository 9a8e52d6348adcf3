/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log (-d, -D) and trace events: records of any thread go whole to one file, stderr unless -D names another.
 */
#include "core/log.h"
#include "core/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint32_t log_items;

const LogItemName log_item_names[] = {
    { LOG_OUT_ASM, "out_asm", "host instructions made for each translated block" },
    { LOG_IN_ASM, "in_asm", "guest instructions of each block when it is first decoded" },
    { LOG_OP, "op", "the decoded form of each block" },
    { LOG_OP_OPT, "op_opt", "the decoded form after optimisation" },
    { LOG_OP_IND, "op_ind", "the decoded form before indirections are resolved" },
    { LOG_OP_PLUGIN, "op_plugin", "the decoded form with plugin calls" },
    { LOG_INT, "int", "interrupts and exceptions, one line each" },
    { LOG_EXEC, "exec", "every block that is entered (very much output)" },
    { LOG_CPU, "cpu", "registers before every block (very much output)" },
    { LOG_FPU, "fpu", "x87 and vector registers too, where 'cpu' prints registers" },
    { LOG_MMU, "mmu", "page walks, TLB flushes and protection changes" },
    { LOG_PCALL, "pcall", "far calls, jumps, returns and exceptions in protected mode" },
    { LOG_CPU_RESET, "cpu_reset", "registers before a vCPU is reset" },
    { LOG_UNIMP, "unimp", "what the guest asked for and is not implemented" },
    { LOG_GUEST_ERROR, "guest_errors", "what the guest did wrong, such as touching a register that is not there" },
    { LOG_PAGE, "page", "the memory layout at start" },
    { LOG_NOCHAIN, "nochain", "do not chain blocks, so that 'exec' and 'cpu' miss nothing" },
    { LOG_PLUGIN, "plugin", "output of plugins" },
    { LOG_STRACE, "strace", "system calls of user-mode emulation" },
    { LOG_PER_THREAD, "tid", "one file per thread; the name given with -D holds %d" },
    { LOG_VPU, "vpu", "vector registers too, where 'cpu' prints registers" },
    { LOG_INVALID_MEM, "invalid_mem", "accesses to addresses where nothing is" },
    { }
};

static GMutex log_lock;
static FILE *log_file;                  /* NULL: stderr */
static char *thread_file_pattern;       /* "tid": its part with %d; else NULL */
static __thread FILE *thread_file;

static FILE *open_log(const char *pattern, int number)
{
    const char *mark = strstr(pattern, "%d");
    g_autofree char *path = mark ? g_strdup_printf("%.*s%d%s", (int)(mark - pattern), pattern, number, mark + 2)
                                 : g_strdup(pattern);
    FILE *file = fopen(path, "we");
    if (file) {
        setvbuf(file, NULL, _IOLBF, 0);
    }
    return file;
}

static FILE *current_file(void)
{
    if ((log_items & LOG_PER_THREAD) && thread_file_pattern) {
        if (!thread_file) {
            thread_file = open_log(thread_file_pattern, gettid());
        }
        if (thread_file) {
            return thread_file;
        }
    }
    return log_file ? log_file : stderr;
}

void log_printf(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    g_mutex_lock(&log_lock);
    vfprintf(current_file(), fmt, ap);
    g_mutex_unlock(&log_lock);
    va_end(ap);
}

bool log_set_file(const char *path, GError **err)
{
    FILE *file = NULL;

    if (path) {
        const char *percent = strchr(path, '%');
        if (percent && (percent[1] != 'd' || strchr(percent + 1, '%'))) {
            return error_set(err, "log file name '%s' may hold one '%%d' and no other '%%'", path);
        }
        file = open_log(path, getpid());
        if (!file) {
            return error_set_errno(err, errno, "cannot open log file '%s'", path);
        }
    }
    g_mutex_lock(&log_lock);
    if (log_file) {
        fclose(log_file);
    }
    log_file = file;
    g_free(thread_file_pattern);
    thread_file_pattern = path && strstr(path, "%d") ? g_strdup(path) : NULL;
    g_mutex_unlock(&log_lock);
    return true;
}

static void print_event(const TraceEvent *event, void *opaque)
{
    puts(event->name);
}

G_NORETURN static void print_items_and_exit(void)
{
    printf("Log items (comma separated):\n");
    for (const LogItemName *n = log_item_names; n->name; n++) {
        printf("%-15s %s\n", n->name, n->description);
    }
    printf("%-15s %s\n%-15s %s\n", "trace:PATTERN", "trace events whose name matches PATTERN ('trace:help' lists them)",
           "all", "everything above but trace events");
    exit(0);
}

static bool parse_item(const char *word, uint32_t *items, GError **err)
{
    NearestWord nearest;

    if (g_str_has_prefix(word, "trace:")) {
        if (!strcmp(word, "trace:help")) {
            trace_foreach(print_event, NULL);
            exit(0);
        }
        *items |= LOG_TRACE;
        return trace_enable(word + strlen("trace:"), err);
    }
    nearest_init(&nearest, word);
    for (const LogItemName *n = log_item_names; n->name; n++) {
        if (!strcmp(word, n->name)) {
            *items |= n->item;
            return true;
        }
        nearest_add(&nearest, n->name);
        if (!strcmp(word, "all")) {
            *items |= n->item == LOG_PER_THREAD ? 0 : n->item;
        }
    }
    return !strcmp(word, "all") || error_set(err, "there is no log item '%s'%s", word, nearest_hint(&nearest));
}

bool log_set_items(const char *spec, GError **err)
{
    g_auto(GStrv) words = g_strsplit(spec, ",", -1);
    uint32_t items = 0;

    if (!strcmp(spec, "help") || !strcmp(spec, "?")) {
        print_items_and_exit();
    }
    for (char **word = words; *word; word++) {
        if (strcmp(spec, "none") && !parse_item(*word, &items, err)) {
            return false;
        }
    }
    __atomic_store_n(&log_items, items, __ATOMIC_RELAXED);
    return true;
}

/* --- trace events --- */

extern TraceEvent *const __start_rhea_traces[] __attribute__((weak, visibility("hidden")));
extern TraceEvent *const __stop_rhea_traces[] __attribute__((weak, visibility("hidden")));

void trace_foreach(void (*fn)(const TraceEvent *event, void *opaque), void *opaque)
{
    for (TraceEvent *const *e = __start_rhea_traces; e < __stop_rhea_traces; e++) {
        fn(*e, opaque);
    }
}

bool trace_enable(const char *pattern, GError **err)
{
    bool on = pattern[0] != '-', any = false;
    NearestWord nearest;

    pattern += !on;
    nearest_init(&nearest, pattern);
    for (TraceEvent *const *e = __start_rhea_traces; e < __stop_rhea_traces; e++) {
        if (g_pattern_match_simple(pattern, (*e)->name)) {
            (*e)->enabled = on;
            any = true;
        }
        nearest_add(&nearest, (*e)->name);
    }
    return any || error_set(err, "no trace event matches '%s'%s", pattern, nearest_hint(&nearest));
}

void trace_emit(TraceEvent *event, ...)
{
    va_list ap;

    va_start(ap, event);
    g_autofree char *text = g_strdup_vprintf(event->format, ap);
    va_end(ap);
    log_printf("%s %s\n", event->name, text);
}
