/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: keys and mouse. */
#include <limits.h>

#include "core/vm.h"
#include "qapi/qapi.h"
#include "ui/console.h"
#include "ui/input.h"
#include "ui/keys.h"

#define KEY_STEP_MS 10
#define KEY_STEP_MAX_MS (24 * 3600 * 1000)

static QKeyCode key_of(const KeyValue *value)
{
    return value->type == KEY_VALUE_KIND_QCODE ? value->u.qcode.data : key_by_number(value->u.number.data);
}

void qmp_send_key(const SendKeyArgs *args, GError **err)
{
    int64_t hold_ms = args->has_hold_time && args->hold_time ? args->hold_time : KEY_STEP_MS;
    if (hold_ms < 0 || hold_ms > KEY_STEP_MAX_MS) {
        error_set(err, "'hold-time' is a number of milliseconds from 0 to %d, not %" PRId64, KEY_STEP_MAX_MS, hold_ms);
        return;
    }
    g_autofree QKeyCode *keys = g_new(QKeyCode, args->keys->len + 1);
    for (guint i = 0; i < args->keys->len; i++) {
        keys[i] = key_of(args->keys->pdata[i]);
    }
    input_type_keys(keys, args->keys->len, hold_ms);
}

static void send_event(Console *con, const InputEvent *e)
{
    switch (e->type) {
    case INPUT_EVENT_KIND_KEY:
        input_key(con, key_of(e->u.key.data->key), e->u.key.data->down);
        break;
    case INPUT_EVENT_KIND_BTN:
        input_button(con, e->u.btn.data->button, e->u.btn.data->down);
        break;
    case INPUT_EVENT_KIND_REL:
        input_move(con, e->u.rel.data->axis, e->u.rel.data->value);
        break;
    case INPUT_EVENT_KIND_ABS:
        input_position(con, e->u.abs.data->axis, e->u.abs.data->value);
        break;
    default:
        break;
    }
}

void qmp_input_send_event(const InputSendEventArgs *args, GError **err)
{
    Console *con = NULL;
    if (args->device) {
        if (args->has_head && (args->head < 0 || args->head > INT_MAX)) {
            error_set(err, "'head' is a number from 0, not %" PRId64, args->head);
            return;
        }
        con = console_find(args->device, args->has_head ? args->head : 0, err);
        if (!con) {
            return;
        }
    }
    if (!vm_running() && vm_run_state() != RUN_STATE_SUSPENDED) {
        error_set(err, "VM not running");
        return;
    }
    for (guint i = 0; i < args->events->len; i++) {
        InputEventKind kind = ((const InputEvent *)args->events->pdata[i])->type;
        if (!input_accepts(con, kind)) {
            error_set(err, "Input handler not found for event type %s", input_event_kind_names[kind]);
            return;
        }
    }
    for (guint i = 0; i < args->events->len; i++) {
        send_event(con, args->events->pdata[i]);
    }
    input_sync();
}

static void list_mouse(const InputMouse *mouse, void *list)
{
    MouseInfo *info = g_new0(MouseInfo, 1);
    info->name = g_strdup(mouse->name);
    info->index = mouse->index;
    info->current = mouse->current;
    info->absolute = mouse->absolute;
    g_ptr_array_add(list, info);
}

GPtrArray *qmp_query_mice(GError **err)
{
    GPtrArray *list = mouse_info_list_new();
    input_foreach_mouse(list_mouse, list);
    return list;
}

/* -display none is the only one so far. */
DisplayOptions *qmp_query_display_options(GError **err)
{
    DisplayOptions *options = g_new0(DisplayOptions, 1);

    options->type = DISPLAY_TYPE_NONE;
    return options;
}
