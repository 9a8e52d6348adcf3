/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitors as clients of a character device: the list of them, their output queue, and reports of errors.
 *
 * Bytes go out by flush(): as much as the chardev takes, the rest when it asks for more. Input is taken while the
 * queue is short, so a client that does not read its replies stops itself, not the machine.
 */
#include "monitor/internal.h"

#include <stdarg.h>
#include <string.h>

static GPtrArray *monitors;             /* NULL while there is none */
Monitor *monitor_current;

Monitor *monitor_set_current(Monitor *mon)
{
    Monitor *old = monitor_current;
    monitor_current = mon;
    return old;
}

/* error_report() while an HMP command runs goes to its output; QMP clients get errors in the reply. */
static bool report_to_monitor(const char *line)
{
    if (!monitor_current || monitor_current->is_qmp) {
        return false;
    }
    monitor_puts(monitor_current, line);
    monitor_puts(monitor_current, "\n");
    return true;
}

void monitor_foreach(void (*fn)(Monitor *mon, void *opaque), void *opaque)
{
    for (guint i = 0; monitors && i < monitors->len; i++) {
        fn(monitors->pdata[i], opaque);
    }
}

Monitor *monitor_new(Chardev *chr, GError **err)
{
    Monitor *mon = g_new0(Monitor, 1);
    mon->out = g_string_new(NULL);
    g_queue_init(&mon->requests);
    if (chr && !chardev_attach(&mon->fe, chr, err)) {
        monitor_free(mon);
        return NULL;
    }
    if (chr) {
        if (!monitors) {
            monitors = g_ptr_array_new();
        }
        g_ptr_array_add(monitors, mon);
    }
    error_report_hook = report_to_monitor;
    return mon;
}

void monitor_free(Monitor *mon)
{
    if (monitors) {
        g_ptr_array_remove(monitors, mon);
    }
    if (mon->fe.chr) {
        chardev_detach(&mon->fe);
    }
    json_stream_reset(&mon->stream);
    bh_free(mon->resume);
    line_editor_free(mon->editor);
    if (mon->line) {
        g_string_free(mon->line, true);
    }
    g_string_free(mon->out, true);
    g_free(mon);
}

bool monitor_takes_input(const Monitor *mon)
{
    return monitor_backlog(mon) <= MONITOR_OUTPUT_HIGH_BYTES;
}

int monitor_room(Monitor *mon, int bytes)
{
    mon->input_waits |= mon->receiving;
    return mon->receiving || !monitor_takes_input(mon) ? 0 : bytes;
}

void monitor_receive_begin(Monitor *mon)
{
    mon->receiving = true;
    mon->input_waits = false;
}

void monitor_receive_end(Monitor *mon)
{
    mon->receiving = false;
    if (mon->input_waits) {
        chardev_accept_input(&mon->fe);
    }
}

static void writable(void *opaque)
{
    Monitor *mon = opaque;
    bool blocked = !monitor_takes_input(mon);
    mon->watching = false;
    monitor_flush(mon);
    if (blocked && monitor_takes_input(mon)) {
        if (mon->resume) {
            bh_schedule(mon->resume);
        }
        chardev_accept_input(&mon->fe);
    }
}

void monitor_flush(Monitor *mon)
{
    if (!mon->fe.chr || mon->watching || mon->muxed_out) {
        return;
    }
    while (monitor_backlog(mon)) {
        int n = chardev_write(&mon->fe, (const uint8_t *)mon->out->str + mon->out_start, MIN(monitor_backlog(mon), 1 << 20));
        if (n <= 0) {
            break;
        }
        mon->out_start += n;
    }
    if (!monitor_backlog(mon)) {
        monitor_drop_output(mon);
    } else {
        if (mon->out_start > (1u << 16)) {
            g_string_erase(mon->out, 0, mon->out_start);
            mon->out_start = 0;
        }
        mon->watching = true;
        chardev_add_watch(&mon->fe, writable, mon);
    }
}

void monitor_drop_output(Monitor *mon)
{
    mon->out_start = 0;
    if (mon->out->allocated_len > (1u << 16)) {
        g_string_free(mon->out, true);
        mon->out = g_string_new(NULL);
    } else {
        g_string_truncate(mon->out, 0);
    }
}

void monitor_write(Monitor *mon, const char *text, size_t len)
{
    g_string_append_len(mon->out, text, len);
    monitor_flush(mon);
}

void monitor_puts(Monitor *mon, const char *text)
{
    for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
        g_string_append_len(mon->out, text, end - text);
        g_string_append(mon->out, "\r\n");
    }
    g_string_append(mon->out, text);
    monitor_flush(mon);
}

void monitor_printf(Monitor *mon, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    monitor_puts(mon, text);
}

void monitor_cleanup(void)
{
    while (monitors && monitors->len) {
        Monitor *mon = monitors->pdata[monitors->len - 1];
        monitor_flush(mon);
        monitor_free(mon);
    }
    if (monitors) {
        g_ptr_array_unref(monitors);
        monitors = NULL;
    }
}
