/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP events: from qapi_event_send_NAME() to every client that has negotiated.
 *
 * An event whose row has a rate limit is sent at once if none of its kind (and, with a rate key, of its key's value)
 * went out within the limit; else the latest one is kept and sent when the limit has passed.
 */
#include <sys/time.h>

#include "core/timer.h"
#include "monitor/internal.h"
#include "qapi/schema.h"

/* A kind of event that was sent a moment ago. */
typedef struct Throttle {
    const QapiInterface *event;
    char *key;                          /* value of the rate key; "" without */
    json_object *held;                  /* the latest since then; NULL: none */
    Timer timer;                        /* the limit has passed */
} Throttle;

static GHashTable *throttles;           /* Throttle *, as set */

json_object *event_timestamp(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    json_object *stamp = json_object_new_object();
    json_object_object_add(stamp, "seconds", json_object_new_int64(now.tv_sec));
    json_object_object_add(stamp, "microseconds", json_object_new_int64(now.tv_usec));
    return stamp;
}

static void send_to(Monitor *mon, void *message)
{
    if (!mon->is_qmp || !mon->open || mon->negotiating) {
        return;
    }
    if (monitor_backlog(mon) > MONITOR_OUTPUT_MAX_BYTES) {
        if (!mon->dropped_events++) {
            Monitor *current = monitor_set_current(NULL);
            warn_report("a QMP client does not read: events are dropped");
            monitor_set_current(current);
        }
        return;
    }
    qmp_send(mon, json_object_get(message));
}

static void broadcast(json_object *message)
{
    monitor_foreach(send_to, message);
    json_object_put(message);
}

static guint throttle_hash(const void *p)
{
    const Throttle *t = p;
    return g_str_hash(t->key) ^ g_direct_hash(t->event);
}

static gboolean throttle_equal(const void *a, const void *b)
{
    const Throttle *x = a, *y = b;
    return x->event == y->event && g_str_equal(x->key, y->key);
}

static void arm(Throttle *t)
{
    timer_arm_ns(&t->timer, clock_ns(CLOCK_RT) + t->event->rate_limit_ms * NS_PER_MS);
}

static void limit_passed(void *opaque)
{
    Throttle *t = opaque;
    if (t->held) {
        json_object *message = t->held;
        t->held = NULL;
        broadcast(message);
        arm(t);
    } else {
        g_hash_table_remove(throttles, t);
        g_free(t->key);
        g_free(t);
    }
}

static const char *rate_key_value(const QapiInterface *event, json_object *data)
{
    json_object *value = NULL;
    if (event->rate_key && data) {
        json_object_object_get_ex(data, event->rate_key, &value);
    }
    return value ? json_object_get_string(value) : "";
}

static void emit(const QapiInterface *event, json_object *data)
{
    json_object *message = json_object_new_object();
    json_object_object_add(message, "timestamp", event_timestamp());
    json_object_object_add(message, "event", json_object_new_string(event->name));
    if (data) {
        json_object_object_add(message, "data", data);
    }
    if (!event->rate_limit_ms) {
        broadcast(message);
        return;
    }
    Throttle key = { .event = event, .key = (char *)rate_key_value(event, data) };
    Throttle *t = g_hash_table_lookup(throttles, &key);
    if (t) {
        json_object_put(t->held);
        t->held = message;
        return;
    }
    t = g_new0(Throttle, 1);
    t->event = event;
    t->key = g_strdup(key.key);
    timer_init(&t->timer, NULL, CLOCK_RT, limit_passed, t);
    g_hash_table_add(throttles, t);
    arm(t);
    broadcast(message);
}

void events_init(void)
{
    if (!throttles) {
        throttles = g_hash_table_new(throttle_hash, throttle_equal);
    }
    qapi_event_hook = emit;
}
