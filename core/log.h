/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log items (-d, -D) and trace events. Off costs one load and one predictable branch; arguments are not evaluated.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum LogItem {
    LOG_OUT_ASM = 1 << 0,
    LOG_IN_ASM = 1 << 1,
    LOG_OP = 1 << 2,
    LOG_OP_OPT = 1 << 3,
    LOG_INT = 1 << 4,
    LOG_EXEC = 1 << 5,
    LOG_CPU = 1 << 6,
    LOG_MMU = 1 << 7,
    LOG_PCALL = 1 << 8,
    LOG_CPU_RESET = 1 << 9,
    LOG_UNIMP = 1 << 10,
    LOG_GUEST_ERROR = 1 << 11,
    LOG_PAGE = 1 << 12,
    LOG_NOCHAIN = 1 << 13,
    LOG_STRACE = 1 << 14,
    LOG_PER_THREAD = 1 << 15,
    LOG_FPU = 1 << 16,
    LOG_PLUGIN = 1 << 17,
    LOG_INVALID_MEM = 1 << 18,
    LOG_TRACE = 1 << 19,
    LOG_VPU = 1 << 20,
    LOG_OP_IND = 1 << 21,
    LOG_OP_PLUGIN = 1 << 22
} LogItem;

typedef struct LogItemName { LogItem item; const char *name, *description; } LogItemName;
extern const LogItemName log_item_names[];              /* as -d spells them; { } at the end */

extern uint32_t log_items;                              /* bits of LogItem; written at start-up and by the monitor */
#define log_enabled(item) (__builtin_expect((log_items & (item)) != 0, 0))
#define LOG(item, ...) do { if (log_enabled(item)) log_printf(__VA_ARGS__); } while (0)

void log_printf(const char *fmt, ...) G_GNUC_PRINTF(1, 2);  /* one whole record per call; any thread */
/**
 * log_set_items: parses "int,cpu_reset", "all", "trace:PATTERN" or "help" (prints the list and exits 0). Replaces the
 * set of before; an unknown word is an error.
 */
bool log_set_items(const char *spec, GError **err);
bool log_set_file(const char *path, GError **err);      /* -D; "%d" becomes the pid; NULL: stderr */

/*
 * Trace events: declared where they are used, one line each, in their own linker section.
 *   TRACE_EVENT(pit_load, "channel %u count %u");
 *   trace(pit_load, ch, count);
 */
typedef struct TraceEvent { const char *name, *format; bool enabled; } TraceEvent;
#define TRACE_EVENT(id, fmt) \
    static const char trace_format_##id[] __attribute__((unused)) = fmt; \
    static TraceEvent trace_##id = { #id, fmt, false }; \
    static TraceEvent *const trace_entry_##id __attribute__((used, section("rhea_traces"))) = &trace_##id
/* The branch never taken lets the compiler compare the arguments with the format. */
#define trace(id, ...) do { \
        if (__builtin_expect(trace_##id.enabled, 0)) { trace_emit(&trace_##id, ##__VA_ARGS__); } \
        if (0) { trace_check(trace_format_##id, ##__VA_ARGS__); } \
    } while (0)
void trace_emit(TraceEvent *event, ...);
static inline G_GNUC_PRINTF(1, 2) void trace_check(const char *format, ...) { (void)format; }
/** trace_enable: turns events matching glob @pattern ("pit_*"; leading '-' turns off) on; error if none matches. */
bool trace_enable(const char *pattern, GError **err);
void trace_foreach(void (*fn)(const TraceEvent *event, void *opaque), void *opaque);    /* in no order */

#endif
