/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calling a QMP command: arguments from JSON to C, the handler, the result back to JSON. */
#ifndef QAPI_COMMAND_H
#define QAPI_COMMAND_H

#include "qapi/schema.h"

typedef struct QmpCommand {
    const QapiInterface *info;
    void (*call)(void *args, void *ret, GError **err);
} QmpCommand;

/** qmp_command_call: runs @cmd with object @args (NULL: none). *@reply is its result: {} for none, NULL for null. */
bool qmp_command_call(const QmpCommand *cmd, json_object *args, json_object **reply, GError **err);

/** qmp_command_find: in @rows, sorted by name. NULL: none; then @nearest (may be NULL) has seen all names. */
const QmpCommand *qmp_command_find(const QmpCommand *rows, unsigned count, const char *name, NearestWord *nearest);

#endif
