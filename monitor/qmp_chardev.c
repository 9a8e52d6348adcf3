/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands about character devices. */
#include <string.h>

#include "chardev/chardev.h"
#include "core/option.h"
#include "monitor/hmp.h"
#include "qapi/qapi.h"

static void list_chardev(const char *id, const char *filename, Chardev *chr, void *list)
{
    ChardevInfo *info = g_new0(ChardevInfo, 1);
    info->label = g_strdup(id);
    info->filename = g_strdup(filename);
    info->frontend_open = chardev_frontend_open(chr);
    g_ptr_array_add(list, info);
}

GPtrArray *qmp_query_chardev(GError **err)
{
    GPtrArray *list = chardev_info_list_new();
    chardev_foreach(list_chardev, list);
    return list;
}

static void list_backend(const char *name, void *list)
{
    ChardevBackendInfo *info = g_new0(ChardevBackendInfo, 1);
    info->name = g_strdup(name);
    g_ptr_array_add(list, info);
}

GPtrArray *qmp_query_chardev_backends(GError **err)
{
    GPtrArray *list = chardev_backend_info_list_new();
    chardev_foreach_backend(list_backend, list);
    return list;
}

static Chardev *find(const char *id, GError **err)
{
    Chardev *chr = chardev_find(id);
    if (!chr) {
        error_set(err, "Chardev '%s' not found", id);
    }
    return chr;
}

/* The dictionary that chardev_new_from_args() takes, from the parsed command. */
static json_object *args_of(const char *id, const ChardevBackend *backend)
{
    json_object *args = json_object_new_object();
    json_object_object_add(args, "id", json_object_new_string(id));
    json_object_object_add(args, "backend", qapi_to_json(&chardev_backend_qapi, backend));
    return args;
}

static ChardevReturn *made(Chardev *chr)
{
    ChardevReturn *ret = chr ? g_new0(ChardevReturn, 1) : NULL;
    if (ret) {
        ret->pty = g_strdup(chardev_pty_path(chr));
    }
    return ret;
}

ChardevReturn *qmp_chardev_add(const ChardevAddArgs *args, GError **err)
{
    json_object *dict = args_of(args->id, args->backend);
    Chardev *chr = chardev_new_from_args(dict, err);
    json_object_put(dict);
    return made(chr);
}

ChardevReturn *qmp_chardev_change(const ChardevChangeArgs *args, GError **err)
{
    Chardev *chr = find(args->id, err);
    if (!chr) {
        return NULL;
    }
    json_object *dict = args_of(args->id, args->backend);
    chr = chardev_change(chr, dict, err);
    json_object_put(dict);
    return made(chr);
}

void qmp_chardev_remove(const ChardevRemoveArgs *args, GError **err)
{
    chardev_remove(args->id, err);
}

void qmp_chardev_send_break(const ChardevSendBreakArgs *args, GError **err)
{
    Chardev *chr = find(args->id, err);
    if (chr) {
        chardev_inject_break(chr);
    }
}

/* Ring buffers */

static Chardev *find_ringbuf(const char *id, GError **err)
{
    Chardev *chr = chardev_find(id);
    if (!chr) {
        error_set(err, "Device '%s' not found", id);
    }
    return chr;
}

void qmp_ringbuf_write(const RingbufWriteArgs *args, GError **err)
{
    Chardev *chr = find_ringbuf(args->device, err);
    if (!chr) {
        return;
    }
    if (!args->has_format || args->format == DATA_FORMAT_UTF8) {
        chardev_ringbuf_write(chr, (const uint8_t *)args->data, strlen(args->data), err);
        return;
    }
    gsize len = 0, text_len = strlen(args->data);
    g_autofree uint8_t *bytes = g_base64_decode(args->data, &len);
    /* GLib passes over what is no base64. */
    if (text_len % 4 || strspn(args->data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != text_len) {
        error_set(err, "Base64 data '%s' is not valid", args->data);
        return;
    }
    chardev_ringbuf_write(chr, bytes, len, err);
}

char *qmp_ringbuf_read(const RingbufReadArgs *args, GError **err)
{
    Chardev *chr = find_ringbuf(args->device, err);
    if (!chr) {
        return NULL;
    }
    if (args->size <= 0) {
        error_set(err, "size must be greater than zero");
        return NULL;
    }
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    if (!chardev_ringbuf_read(chr, args->size, bytes, err)) {
        return NULL;
    }
    if (args->has_format && args->format == DATA_FORMAT_BASE64) {
        return g_base64_encode(bytes->data, bytes->len);
    }
    return g_utf8_make_valid((const char *)bytes->data, bytes->len);
}

/* HMP: options as -chardev takes them, instead of nested objects */

void hmp_chardev_add(Monitor *mon, json_object *args, GError **err)
{
    json_object *dict = keyval_parse(dict_str(args, "args"), "backend", true, NULL, err);
    if (dict) {
        chardev_new_from_args(dict, err);
        json_object_put(dict);
    }
}

void hmp_chardev_change(Monitor *mon, json_object *args, GError **err)
{
    Chardev *chr = find(dict_str(args, "id"), err);
    json_object *dict = chr ? keyval_parse(dict_str(args, "args"), "backend", true, NULL, err) : NULL;
    if (dict) {
        chardev_change(chr, dict, err);
        json_object_put(dict);
    }
}

/* Control characters but line ends are shown as escapes, so that a guest cannot play with the terminal. */
void hmp_ringbuf_read(Monitor *mon, json_object *args, GError **err)
{
    RingbufReadArgs q = { .device = (char *)dict_str(args, "device"), .size = json_object_get_int64(json_object_object_get(args, "size")) };
    g_autofree char *text = qmp_ringbuf_read(&q, err);
    for (const char *p = text; p && *p; p++) {
        if (*p == '\\') {
            monitor_puts(mon, "\\\\");
        } else if ((*p < 32 && *p >= 0 && *p != '\n') || *p == 127) {
            monitor_printf(mon, "\\u%04X", *p);
        } else {
            monitor_printf(mon, "%c", *p);
        }
    }
    if (text) {
        monitor_puts(mon, "\n");
    }
}
