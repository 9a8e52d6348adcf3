/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: keys and mouse, the way people say them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/option.h"
#include "monitor/hmp.h"
#include "qapi/qapi.h"
#include "ui/input.h"
#include "ui/keys.h"

#define KEYS_MAX 16

/* "ctrl-alt-f1", "a", "0x1e"; "less" may be said as it is painted. */
void hmp_sendkey(Monitor *mon, json_object *args, GError **err)
{
    const char *text = dict_str(args, "keys");
    g_auto(GStrv) names = g_strsplit(!strncmp(text, "<-", 2) || !strcmp(text, "<") ? "less" : text, "-", -1);
    json_object *hold = json_object_object_get(args, "hold-time");
    SendKeyArgs q = { .keys = key_value_list_new(), .has_hold_time = hold != NULL };
    NearestWord nearest;

    q.hold_time = hold ? json_object_get_int64(hold) : 0;
    for (char **name = names; *name && !*err; name++) {
        KeyValue *value = g_new0(KeyValue, 1);
        char *end;
        g_ptr_array_add(q.keys, value);
        value->type = KEY_VALUE_KIND_QCODE;
        if (q.keys->len > KEYS_MAX) {
            error_set(err, "more than %d keys", KEYS_MAX);
        } else if (!strncmp(*name, "0x", 2)) {
            value->type = KEY_VALUE_KIND_NUMBER;
            value->u.number.data = strtol(*name, &end, 0);
            if (*end || value->u.number.data > UINT8_MAX) {
                error_set(err, "invalid key code '%s'", *name);
            }
        } else if (!key_by_name(*name, &value->u.qcode.data)) {
            nearest_init(&nearest, *name);
            for (int key = 0; key < Q_KEY_CODE_COUNT; key++) {
                nearest_add(&nearest, q_key_code_names[key]);
            }
            error_set(err, "unknown key '%s'%s", *name, nearest_hint(&nearest));
        }
    }
    if (!*err) {
        qmp_send_key(&q, err);
    }
    g_ptr_array_unref(q.keys);
}

void hmp_complete_key(const char *prefix, GPtrArray *candidates)
{
    for (int key = Q_KEY_CODE_UNMAPPED + 1; key < Q_KEY_CODE_COUNT; key++) {
        hmp_offer(prefix, q_key_code_names[key], candidates);
    }
}

static bool number_arg(json_object *args, const char *name, int *value, GError **err)
{
    const char *text = dict_str(args, name);
    char *end;
    *value = 0;
    if (!text) {
        return true;
    }
    errno = 0;
    long n = strtol(text, &end, 0);
    if (end == text || *end || errno || n < INT16_MIN || n > INT16_MAX) {
        return error_set(err, "argument '%s' takes a number of at most 16 bits, not '%s'", name, text);
    }
    *value = n;
    return true;
}

void hmp_mouse_move(Monitor *mon, json_object *args, GError **err)
{
    int dx, dy, dz;
    if (!number_arg(args, "dx", &dx, err) || !number_arg(args, "dy", &dy, err) || !number_arg(args, "dz", &dz, err)) {
        return;
    }
    input_move(NULL, INPUT_AXIS_X, dx);
    input_move(NULL, INPUT_AXIS_Y, dy);
    if (dz) {
        InputButton wheel = dz > 0 ? INPUT_BUTTON_WHEEL_UP : INPUT_BUTTON_WHEEL_DOWN;
        input_button(NULL, wheel, true);
        input_sync();
        input_button(NULL, wheel, false);
    }
    input_sync();
}

void hmp_mouse_button(Monitor *mon, json_object *args, GError **err)
{
    static const InputButton buttons[] = { INPUT_BUTTON_LEFT, INPUT_BUTTON_RIGHT, INPUT_BUTTON_MIDDLE };
    static unsigned state;
    unsigned wanted = json_object_get_int64(json_object_object_get(args, "state"));
    for (unsigned i = 0; i < G_N_ELEMENTS(buttons); i++) {
        if ((wanted ^ state) >> i & 1) {
            input_button(NULL, buttons[i], wanted >> i & 1);
        }
    }
    state = wanted;
    input_sync();
}

void hmp_mouse_set(Monitor *mon, json_object *args, GError **err)
{
    input_mouse_activate(json_object_get_int64(json_object_object_get(args, "index")), err);
}

static void print_mouse(const InputMouse *mouse, void *opaque)
{
    monitor_printf(opaque, "%c Mouse #%u: %s%s\n", mouse->current ? '*' : ' ', mouse->index, mouse->name,
                   mouse->absolute ? " (absolute)" : "");
}

static void count_mouse(const InputMouse *mouse, void *count)
{
    ++*(unsigned *)count;
}

void hmp_info_mice(Monitor *mon, json_object *args, GError **err)
{
    unsigned count = 0;
    input_foreach_mouse(count_mouse, &count);
    if (!count) {
        monitor_puts(mon, "No mouse devices connected\n");
    }
    input_foreach_mouse(print_mouse, mon);
}
