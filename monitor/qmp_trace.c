/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands about trace events. */
#include <string.h>

#include "core/log.h"
#include "qapi/qapi.h"

typedef struct Search { const char *pattern; GPtrArray *list; } Search;

static void list_event(const TraceEvent *event, void *opaque)
{
    const Search *s = opaque;
    if (!g_pattern_match_simple(s->pattern, event->name)) {
        return;
    }
    TraceEventInfo *info = g_new0(TraceEventInfo, 1);
    info->name = g_strdup(event->name);
    info->state = event->enabled ? TRACE_EVENT_STATE_ENABLED : TRACE_EVENT_STATE_DISABLED;
    g_ptr_array_add(s->list, info);
}

static GPtrArray *find(const char *pattern, GError **err)
{
    Search s = { pattern, trace_event_info_list_new() };
    trace_foreach(list_event, &s);
    if (!s.list->len && !strpbrk(pattern, "*?")) {
        error_set(err, "unknown event \"%s\"", pattern);
        g_clear_pointer(&s.list, g_ptr_array_unref);
    }
    return s.list;
}

GPtrArray *qmp_trace_event_get_state(const TraceEventGetStateArgs *args, GError **err)
{
    return find(args->name, err);
}

void qmp_trace_event_set_state(const TraceEventSetStateArgs *args, GError **err)
{
    g_autoptr(GPtrArray) list = find(args->name, args->has_ignore_unavailable && args->ignore_unavailable ? NULL : err);
    if (list && list->len) {
        g_autofree char *pattern = g_strconcat(args->enable ? "" : "-", args->name, NULL);
        trace_enable(pattern, err);
    }
}
