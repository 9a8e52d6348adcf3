/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of monitor/: the part common to QMP and HMP sessions.
 *
 * Output is queued without bound by one message, and written as the client takes it. While more than
 * MONITOR_OUTPUT_HIGH_BYTES wait, no input is taken (back-pressure); while more than MONITOR_OUTPUT_MAX_BYTES wait,
 * events are dropped, and counted.
 */
#ifndef MONITOR_INTERNAL_H
#define MONITOR_INTERNAL_H

#include "core/loop.h"
#include "monitor/json_stream.h"
#include "monitor/line_editor.h"
#include "monitor/monitor.h"

#define MONITOR_OUTPUT_HIGH_BYTES (1u << 20)
#define MONITOR_OUTPUT_MAX_BYTES (32u << 20)

struct Monitor {
    CharFrontend fe;                    /* unattached for a monitor that only captures output */
    bool is_qmp, open;
    GString *out;                       /* waits for the client, from out_start on */
    size_t out_start;
    bool watching;                      /* chardev_add_watch() is pending */
    /* A command may turn the event loop: bytes that come then must wait until those before them are done. */
    bool receiving, input_waits;
    Bh *resume;                         /* QMP: runs what waits in requests; HMP: greets */
    int cpu_index;                      /* HMP: CPU that commands look at */

    /* QMP */
    bool pretty, negotiating, oob_offered, oob;
    JsonStream stream;
    GQueue requests;                    /* Request *, not yet run */
    bool busy;                          /* a command runs (or its coroutine sleeps) */
    unsigned generation;                /* of the client: replies to an earlier one are dropped */
    uint64_t dropped_events;

    /* HMP */
    bool muxed_out;                     /* the mux shows another front end; output waits */
    bool greeted;
    LineEditor *editor;
    GString *line;                      /* without readline */
};

/* The monitor whose command runs; NULL: none. Its output takes error_report(). */
extern Monitor *monitor_current;

/** monitor_set_current: returns the former one, for restoring. */
Monitor *monitor_set_current(Monitor *mon);

void monitor_foreach(void (*fn)(Monitor *mon, void *opaque), void *opaque);
Monitor *monitor_new(Chardev *chr, GError **err);       /* attached, no handlers */
void monitor_free(Monitor *mon);

void monitor_write(Monitor *mon, const char *text, size_t len);     /* queues and flushes */
void monitor_flush(Monitor *mon);
void monitor_puts(Monitor *mon, const char *text);                  /* HMP: "\n" becomes "\r\n" */
void monitor_printf(Monitor *mon, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static inline size_t monitor_backlog(const Monitor *mon) { return mon->out->len - mon->out_start; }
void monitor_drop_output(Monitor *mon);
bool monitor_takes_input(const Monitor *mon);
/** monitor_receive_begin / _end: around the handling of received bytes. */
void monitor_receive_begin(Monitor *mon);
void monitor_receive_end(Monitor *mon);
/** monitor_room: for can_receive: @bytes, or 0 while input has to wait. */
int monitor_room(Monitor *mon, int bytes);

/* QMP */
void qmp_client_opened(Monitor *mon);
void qmp_send(Monitor *mon, json_object *message);      /* takes over @message */
void events_init(void);
void medium_events_init(void);                  /* DEVICE_TRAY_MOVED */
void device_events_init(void);                  /* DEVICE_DELETED */
/** event_timestamp: "timestamp" member of an event. */
json_object *event_timestamp(void);

/* HMP */
void hmp_handle_line(Monitor *mon, const char *line);
void hmp_complete(Monitor *mon, const char *before_cursor, GPtrArray *candidates, size_t *word_start);

#endif
