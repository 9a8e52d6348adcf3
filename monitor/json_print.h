/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON text as QMP sends it: ASCII only, ", " and ": " between parts, doubles that read back the same. */
#ifndef MONITOR_JSON_PRINT_H
#define MONITOR_JSON_PRINT_H

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

/** json_print: appends @value (NULL: null) to @out; @pretty: one member a line, indented by 4. No newline at the end. */
void json_print(GString *out, json_object *value, bool pretty);

#endif
