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
    LOG_OUT_ASM = 1 << 0, LOG_IN_ASM = 1 << 1, LOG_OP = 1 << 2, LOG_OP_OPT = 1 << 3, LOG_INT = 1 << 4, LOG_EXEC = 1 << 5,
    LOG_CPU = 1 << 6, LOG_MMU = 1 << 7, LOG_PCALL = 1 << 8, LOG_CPU_RESET = 1 << 9, LOG_UNIMP = 1 << 10,
    LOG_GUEST_ERROR = 1 << 11, LOG_PAGE = 1 << 12, LOG_NOCHAIN = 1 << 13, LOG_STRACE = 1 << 14, LOG_PER_THREAD = 1 << 15,
    LOG_FPU = 1 << 16, LOG_PLUGIN = 1 << 17, LOG_INVALID_MEM = 1 << 18, LOG_TRACE = 1 << 19, LOG_VPU = 1 << 20
} LogItem;

extern uint32_t log_items;                              /* bits of LogItem; written at start-up and by the monitor */
#define log_enabled(item) (__builtin_expect((log_items & (item)) != 0, 0))
#define LOG(item, ...) do { if (log_enabled(item)) log_printf(__VA_ARGS__); } while (0)

void log_printf(const char *fmt, ...) G_GNUC_PRINTF(1, 2);  /* one whole record per call; any thread */
/** log_set_items: parses "int,cpu_reset" or "help" (prints the list and exits 0) or "trace:PATTERN"; an unknown word is an error. */
bool log_set_items(const char *spec, GError **err);
bool log_set_file(const char *path, GError **err);      /* -D; "%d" becomes the pid; NULL: stderr */

/*
 * Trace events: declared where they are used, one line each, in their own linker section.
 *   TRACE_EVENT(pit_load, "channel %u count %u");
 *   trace(pit_load, ch, count);
 */
typedef struct TraceEvent { const char *name, *format; bool enabled; } TraceEvent;
#define TRACE_EVENT(id, fmt) \
    static TraceEvent trace_##id __attribute__((used, section("rhea_traces"))) = { #id, fmt, false }; \
    static inline G_GNUC_PRINTF(1, 2) void trace_check_##id(const char *f, ...) { (void)f; (void)trace_##id.name; }
#define trace(id, ...) do { if (__builtin_expect(trace_##id.enabled, 0)) trace_emit(&trace_##id, ##__VA_ARGS__); } while (0)
void trace_emit(TraceEvent *event, ...);
/** trace_enable: turns events matching glob @pattern ("pit_*"; leading '-' turns off) on; error if none matches. */
bool trace_enable(const char *pattern, GError **err);

#endif
