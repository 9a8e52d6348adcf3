/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitors: QMP (JSON, for programs) and HMP (lines, for people), each on a character device.
 *
 * Main loop, under the big lock. A monitor lives until monitor_cleanup(); its client may come and go.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "chardev/chardev.h"

typedef struct Monitor Monitor;

/** monitor_new_qmp: serves QMP on @chr; @pretty: indented replies. NULL with @err if the chardev is taken. */
Monitor *monitor_new_qmp(Chardev *chr, bool pretty, GError **err);
/** monitor_new_hmp: serves HMP on @chr; @use_readline: prompt, echo, editing, history and completion. */
Monitor *monitor_new_hmp(Chardev *chr, bool use_readline, GError **err);
/** monitor_cleanup: at exit: sends what is queued as far as the clients take it, and frees all monitors. */
void monitor_cleanup(void);

/** hmp_run_line: runs one HMP command line for CPU @cpu_index and returns what it printed. g_free(). */
char *hmp_run_line(const char *line, int cpu_index);

#endif
