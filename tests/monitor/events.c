/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Throttling of events: what is sent at once, what is held, what is dropped. The monitor around events.c is a model. */
#include "tests/check.h"

#include "core/loop.h"
#include "core/option.h"
#include "core/thread.h"
#include "monitor/internal.h"
#include "qapi/schema.h"

static const QapiInterface plain = { .name = "PLAIN", .is_event = true };
static const QapiInterface limited = { .name = "LIMITED", .is_event = true, .rate_limit_ms = 20 };
static const QapiInterface keyed = { .name = "KEYED", .is_event = true, .rate_limit_ms = 20, .rate_key = "key" };

static Monitor client = { .is_qmp = true, .open = true };
static GString *sent;

void monitor_foreach(void (*fn)(Monitor *mon, void *opaque), void *opaque) { fn(&client, opaque); }
Monitor *monitor_set_current(Monitor *mon) { return NULL; }

void qmp_send(Monitor *mon, json_object *message)
{
    json_object *data = json_object_object_get(message, "data"), *stamp = json_object_object_get(message, "timestamp");
    check_true(json_object_object_get(stamp, "seconds"), "an event has a time stamp");
    g_string_append_printf(sent, "%s %s %s;", dict_str(message, "event"), dict_str(data, "key"), dict_str(data, "value"));
    json_object_put(message);
}

static void emit(const QapiInterface *event, const char *key, const char *value)
{
    json_object *data = json_object_new_object();
    json_object_object_add(data, "key", json_object_new_string(key));
    json_object_object_add(data, "value", json_object_new_string(value));
    qapi_event_hook(event, data);
}

static void check_sent(const char *wanted, const char *claim)
{
    check_str(sent->str, wanted, "%s", claim);
    g_string_truncate(sent, 0);
}

static void wait_for(unsigned bytes)
{
    while (sent->len < bytes) {
        event_loop_run_once(event_loop_main(), true);
    }
}

static void test_unlimited(void)
{
    emit(&plain, "a", "1");
    emit(&plain, "a", "2");
    check_sent("PLAIN a 1;PLAIN a 2;", "events without limit go out at once");
}

static void test_limited(void)
{
    emit(&limited, "a", "1");
    emit(&limited, "b", "2");
    emit(&limited, "c", "3");
    check_sent("LIMITED a 1;", "the first of a burst goes out at once, the others wait");
    wait_for(1);
    check_sent("LIMITED c 3;", "then the latest goes out, those between are dropped");
    emit(&limited, "d", "4");
    check_sent("", "which begins a new interval");
    wait_for(1);
    check_sent("LIMITED d 4;", "after which the next one comes");
}

static void test_keyed(void)
{
    emit(&keyed, "a", "1");
    emit(&keyed, "b", "1");
    emit(&keyed, "a", "2");
    emit(&keyed, "b", "2");
    check_sent("KEYED a 1;KEYED b 1;", "each key has a limit of its own");
    wait_for(strlen("KEYED a 2;KEYED b 2;"));
    check_true(strstr(sent->str, "KEYED a 2;") && strstr(sent->str, "KEYED b 2;"), "both come later: %s", sent->str);
    g_string_truncate(sent, 0);
}

static void test_who_gets_none(void)
{
    client.negotiating = true;
    emit(&plain, "a", "1");
    check_sent("", "a client that has not negotiated gets no event");
    client.negotiating = false;
    client.open = false;
    emit(&plain, "a", "1");
    check_sent("", "nor does one that has gone");
    client.open = true;
    g_string_set_size(client.out, MONITOR_OUTPUT_MAX_BYTES + 1);
    emit(&plain, "a", "1");
    check_sent("", "nor one that has not read for long");
    check_int(client.dropped_events, ==, 1, "which is counted");
    g_string_truncate(client.out, 0);
    emit(&plain, "a", "2");
    check_sent("PLAIN a 2;", "until it reads again");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bql_lock();
    sent = g_string_new(NULL);
    client.out = g_string_new(NULL);
    events_init();
    g_test_add_func("/events/unlimited", test_unlimited);
    g_test_add_func("/events/limited", test_limited);
    g_test_add_func("/events/keyed", test_keyed);
    g_test_add_func("/events/who-gets-none", test_who_gets_none);
    int status = g_test_run();
    g_string_free(sent, true);
    g_string_free(client.out, true);
    return status;
}
