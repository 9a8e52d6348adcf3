/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Linux perf wants to know of code made at run time: -perfmap, -jitdump.
 *
 * /tmp/perf-PID.map has a line for each piece of code, which perf report finds by itself. jit-PID.dump in the current
 * directory has the code too, and when it was made: for "perf record -k mono", then "perf inject --jit". Formats:
 * Linux, tools/perf/Documentation/jit-interface.txt and jitdump-specification.txt.
 */
#ifndef ACCEL_TCG_PERF_H
#define ACCEL_TCG_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/** perf_map_start, perf_dump_start: open the file. Before vCPUs run. */
bool perf_map_start(GError **err);
bool perf_dump_start(GError **err);
/** perf_wanted: is there anybody to tell? */
bool perf_wanted(void);
/** perf_code: @size bytes at @code do what guest code at @guest does; @part says which half it is, or NULL. Any thread.
 */
void perf_code(const void *code, size_t size, uint64_t guest, const char *part);

#endif
