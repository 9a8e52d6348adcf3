/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calling a QMP command through its row: the one place where arguments and results change form. */
#include "qapi/command.h"

static bool check_no_arguments(json_object *args, GError **err)
{
    json_object_object_foreach(args, key, value) {
        (void)value;
        return error_set(err, "Parameter '%s' is unexpected", key);
    }
    return true;
}

bool qmp_command_call(const QmpCommand *cmd, json_object *args, json_object **reply, GError **err)
{
    const QapiInterface *info = cmd->info;
    json_object *empty = args ? NULL : json_object_new_object();
    args = args ? args : empty;

    void *parsed = NULL;
    GError *error = NULL;
    uint64_t result[1] = { 0 };                 /* a pointer or any scalar */
    if (info->raw) {
        parsed = args;
    } else if (info->arg) {
        parsed = qapi_parse(info->arg, args, QAPI_MODE_JSON, &error);
    } else {
        check_no_arguments(args, &error);
    }
    if (!error) {
        cmd->call(parsed, result, &error);
    }
    if (error) {
        if (info->raw_return) {
            json_object_put(*(json_object **)result);
        } else if (info->ret) {
            qapi_value_clear(info->ret, result);
        }
    } else if (info->raw_return) {
        *reply = *(json_object **)result;
    } else if (info->ret) {
        *reply = qapi_value_to_json(info->ret, result);
        qapi_value_clear(info->ret, result);
    } else {
        *reply = json_object_new_object();
    }
    if (info->arg && !info->raw) {
        qapi_free(info->arg, parsed);
    }
    json_object_put(empty);
    if (error) {
        g_propagate_error(err, error);
        return false;
    }
    return true;
}

const QmpCommand *qmp_command_find(const QmpCommand *rows, unsigned count, const char *name, NearestWord *nearest)
{
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = strcmp(rows[middle].info->name, name);
        if (order == 0) {
            return &rows[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (unsigned i = 0; nearest && i < count; i++) {
        nearest_add(nearest, rows[i].info->name);
    }
    return NULL;
}
