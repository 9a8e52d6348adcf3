/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP sessions.
 *
 *   bytes -> JsonStream -> text_ready() -> Request -> queue -> run_next() -> qmp_command_call() -> reply
 *
 * A client gets a greeting, must negotiate (qmp_capabilities), and then sends commands, which run one after another in
 * the main loop; the reply carries the command's id. A command whose row says coroutine may sleep; others of this
 * client wait meanwhile. exec-oob (after the client turned it on) runs a command that allows it at once, ahead of the
 * queue. At most REQUESTS_MAX commands wait: then no further input is taken.
 */
#include <string.h>

#include "core/coroutine.h"
#include "core/option.h"
#include "monitor/internal.h"
#include "monitor/json_print.h"
#include "qapi/qapi.h"

#define REQUESTS_MAX 8
#define QEMU_VERSION_MAJOR 11
#define QEMU_VERSION_MINOR 1
#define QEMU_VERSION_MICRO 0

typedef struct Request {
    Monitor *mon;
    json_object *message;               /* NULL: @error says why */
    GError *error;
    unsigned generation;                /* of the client that sent it */
    const QmpCommand *command;
    json_object *reply;
} Request;

static void request_free(Request *r)
{
    json_object_put(r->message);
    g_clear_error(&r->error);
    g_free(r);
}

void qmp_send(Monitor *mon, json_object *message)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_print(text, message, mon->pretty);
    g_string_append(text, "\r\n");
    json_object_put(message);
    monitor_write(mon, text->str, text->len);
}

/* Replies */

static void add_id(json_object *reply, json_object *message)
{
    json_object *id;
    if (message && json_object_is_type(message, json_type_object) && json_object_object_get_ex(message, "id", &id)) {
        json_object_object_add(reply, "id", json_object_get(id));
    }
}

static json_object *error_reply(json_object *message, const GError *error)
{
    json_object *reply = json_object_new_object(), *body = json_object_new_object();
    json_object_object_add(body, "class", json_object_new_string(error_class_name(error)));
    json_object_object_add(body, "desc", json_object_new_string(error->message));
    add_id(reply, message);
    json_object_object_add(reply, "error", body);
    return reply;
}

/* Sends the outcome of @r, unless its client has gone, and frees it. */
static void request_done(Request *r)
{
    Monitor *mon = r->mon;
    json_object *reply;
    if (r->error) {
        reply = error_reply(r->message, r->error);
    } else {
        reply = json_object_new_object();
        json_object_object_add(reply, "return", r->reply);
        add_id(reply, r->message);
    }
    if (r->generation == mon->generation && mon->open) {
        qmp_send(mon, reply);
    } else {
        json_object_put(reply);
    }
    request_free(r);
}

/* Checking */

static bool check_members(json_object *message, GError **err)
{
    static const char *const members[] = { "execute", "exec-oob", "arguments", "id" };
    json_object_object_foreach(message, key, value) {
        NearestWord nearest;
        bool known = false;
        nearest_init(&nearest, key);
        for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
            known |= !strcmp(key, members[i]);
            nearest_add(&nearest, members[i]);
        }
        if (!known) {
            return error_set(err, "QMP input member '%s' is unexpected%s", key, nearest_hint(&nearest));
        }
        if (!strcmp(key, "arguments") && !json_object_is_type(value, json_type_object)) {
            return error_set(err, "QMP input member 'arguments' must be an object");
        }
        if (!strncmp(key, "exec", 4) && !json_object_is_type(value, json_type_string)) {
            return error_set(err, "QMP input member '%s' must be a string", key);
        }
    }
    return true;
}

/* Finds what @message asks for; *@oob: by exec-oob. */
static const QmpCommand *find_command(Monitor *mon, json_object *message, bool *oob, GError **err)
{
    json_object *name, *oob_name;
    if (!json_object_is_type(message, json_type_object)) {
        error_set(err, "QMP input must be a JSON object");
        return NULL;
    }
    if (!check_members(message, err)) {
        return NULL;
    }
    bool plain = json_object_object_get_ex(message, "execute", &name);
    *oob = json_object_object_get_ex(message, "exec-oob", &oob_name);
    if (plain == *oob) {
        error_set(err, plain ? "QMP input member 'exec-oob' clashes with 'execute'" : "QMP input lacks member 'execute'");
        return NULL;
    }
    if (*oob && !mon->oob && !mon->negotiating) {
        error_set(err, "QMP input member 'exec-oob' is unexpected: the client has not enabled 'oob'");
        return NULL;
    }
    const char *text = json_object_get_string(*oob ? oob_name : name);
    if (mon->negotiating && strcmp(text, "qmp_capabilities")) {
        g_set_error(err, RHEA_ERROR, ERR_COMMAND_NOT_FOUND, "Expecting capabilities negotiation with 'qmp_capabilities'");
        return NULL;
    }
    NearestWord nearest;
    nearest_init(&nearest, text);
    const QmpCommand *command = qmp_command_find(qmp_commands, qmp_command_count, text, &nearest);
    if (!command) {
        g_set_error(err, RHEA_ERROR, ERR_COMMAND_NOT_FOUND, "The command %s has not been found%s", text,
                    nearest_hint(&nearest));
        return NULL;
    }
    if (*oob && !command->info->oob) {
        error_set(err, "The command %s does not support OOB", text);
        return NULL;
    }
    return command;
}

/* Running */

static void request_call(Request *r)
{
    json_object *args = NULL;
    json_object_object_get_ex(r->message, "arguments", &args);
    Monitor *outer = monitor_set_current(r->mon);
    qmp_command_call(r->command, args, &r->reply, &r->error);
    monitor_set_current(outer);
}

static void take_input_again(Monitor *mon)
{
    if (mon->requests.length) {
        bh_schedule(mon->resume);
    }
    chardev_accept_input(&mon->fe);
}

static void coroutine_request(void *opaque)
{
    Request *r = opaque;
    Monitor *mon = r->mon;
    request_call(r);
    request_done(r);
    mon->busy = false;
    take_input_again(mon);
}

/* Runs @r to its end, or until it sleeps. */
static void request_run(Request *r)
{
    Monitor *mon = r->mon;
    bool oob;
    if (!r->error) {
        r->command = find_command(mon, r->message, &oob, &r->error);
    }
    if (r->command && r->command->info->coroutine) {
        mon->busy = true;
        coroutine_enter(coroutine_new(coroutine_request, r));
        return;
    }
    if (r->command) {
        mon->busy = true;
        request_call(r);
        mon->busy = false;
    }
    request_done(r);
}

static void run_waiting(void *opaque)
{
    Monitor *mon = opaque;
    bool was_full = mon->requests.length >= REQUESTS_MAX;
    while (!mon->busy && mon->requests.length && monitor_takes_input(mon)) {
        request_run(g_queue_pop_head(&mon->requests));
    }
    if (was_full && mon->requests.length < REQUESTS_MAX) {
        chardev_accept_input(&mon->fe);
    }
}

static bool is_oob(const Request *r)
{
    return r->message && json_object_is_type(r->message, json_type_object) &&
           json_object_object_get_ex(r->message, "exec-oob", NULL);
}

static void text_ready(void *opaque, const char *text, size_t len, const char *error)
{
    Monitor *mon = opaque;
    Request *r = g_new0(Request, 1);
    r->mon = mon;
    r->generation = mon->generation;
    if (error) {
        error_set(&r->error, "%s", error);
    } else {
        r->message = json_parse_text(text, len, &r->error);
    }
    if (mon->oob && is_oob(r)) {
        bool busy = mon->busy;
        request_run(r);
        mon->busy = busy;
        return;
    }
    g_queue_push_tail(&mon->requests, r);
    run_waiting(mon);
}

/* The client */

static int can_receive(void *opaque)
{
    Monitor *mon = opaque;
    return mon->requests.length < REQUESTS_MAX ? monitor_room(mon, 65536) : 0;
}

static void receive(void *opaque, const uint8_t *buf, int len)
{
    Monitor *mon = opaque;
    monitor_receive_begin(mon);
    json_stream_feed(&mon->stream, buf, len);
    monitor_receive_end(mon);
}

static json_object *version_json(void)
{
    g_autoptr(VersionInfo) info = qmp_query_version(NULL);
    return qapi_to_json(&version_info_qapi, info);
}

static void client_closed(Monitor *mon)
{
    mon->open = mon->watching = false;
    mon->generation++;
    json_stream_reset(&mon->stream);
    for (Request *r; (r = g_queue_pop_head(&mon->requests));) {
        request_free(r);
    }
    monitor_drop_output(mon);
}

void qmp_client_opened(Monitor *mon)
{
    json_object *greeting = json_object_new_object(), *body = json_object_new_object();
    json_object *capabilities = json_object_new_array();
    mon->open = mon->negotiating = true;
    mon->oob = false;
    if (mon->oob_offered) {
        json_object_array_add(capabilities, json_object_new_string(qmp_capability_names[QMP_CAPABILITY_OOB]));
    }
    json_object_object_add(body, "version", version_json());
    json_object_object_add(body, "capabilities", capabilities);
    json_object_object_add(greeting, "QMP", body);
    qmp_send(mon, greeting);
}

static void event(void *opaque, ChardevEvent what)
{
    Monitor *mon = opaque;
    if (what == CHARDEV_OPENED) {
        client_closed(mon);
        qmp_client_opened(mon);
    } else if (what == CHARDEV_CLOSED) {
        client_closed(mon);
    }
}

Monitor *monitor_new_qmp(Chardev *chr, bool pretty, GError **err)
{
    Monitor *mon = monitor_new(chr, err);
    if (!mon) {
        return NULL;
    }
    mon->is_qmp = true;
    mon->pretty = pretty;
    /* Of several users of a mux only one is heard at a time. */
    mon->oob_offered = strcmp(OBJECT(chr)->type->name, "chardev-mux") != 0;
    mon->resume = bh_new(NULL, run_waiting, mon);
    json_stream_init(&mon->stream, text_ready, mon);
    events_init();
    medium_events_init();
    device_events_init();
    chardev_set_handlers(&mon->fe, can_receive, receive, event, mon);
    chardev_set_echo(&mon->fe, true);
    return mon;
}

/* Commands about the session */

void qmp_qmp_capabilities(const QmpCapabilitiesArgs *args, GError **err)
{
    Monitor *mon = monitor_current;
    if (!mon || !mon->is_qmp || !mon->negotiating) {
        g_set_error(err, RHEA_ERROR, ERR_COMMAND_NOT_FOUND,
                    "Capabilities negotiation is already complete, command ignored");
        return;
    }
    for (guint i = 0; args->enable && i < args->enable->len; i++) {
        QMPCapability capability = g_array_index(args->enable, QMPCapability, i);
        if (capability == QMP_CAPABILITY_OOB && !mon->oob_offered) {
            error_set(err, "Capability oob not available");
            return;
        }
        mon->oob = true;
    }
    mon->negotiating = false;
}

VersionInfo *qmp_query_version(GError **err)
{
    VersionInfo *info = g_new0(VersionInfo, 1);
    info->qemu = g_new0(VersionTriple, 1);
    info->qemu->major = QEMU_VERSION_MAJOR;
    info->qemu->minor = QEMU_VERSION_MINOR;
    info->qemu->micro = QEMU_VERSION_MICRO;
    info->package = g_strdup("Rhea " RHEA_VERSION);
    return info;
}

GPtrArray *qmp_query_commands(GError **err)
{
    GPtrArray *list = command_info_list_new();
    for (unsigned i = 0; i < qmp_command_count; i++) {
        CommandInfo *info = g_new0(CommandInfo, 1);
        info->name = g_strdup(qmp_commands[i].info->name);
        g_ptr_array_add(list, info);
    }
    return list;
}

json_object *qmp_query_qmp_schema(GError **err)
{
    return qapi_introspect();
}
