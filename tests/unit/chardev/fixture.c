/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <glib/gstdio.h>

#include "core/thread.h"
#include "tests/unit/chardev/fixture.h"

static char *folder;

void fixture_init(int *argc, char ***argv)
{
    g_autoptr(GError) err = NULL;

    g_test_init(argc, argv, NULL);
    folder = g_dir_make_tmp("rhea-chardev-XXXXXX", &err);
    g_assert_no_error(err);
    bql_lock();
}

int fixture_end(int status)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = scratch_path(name);

        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(folder);
    return status;
}

char *scratch_path(const char *name) { return g_build_filename(folder, name, NULL); }

Chardev *chardev_from(const char *text, GError **err)
{
    g_auto(GStrv) parts = g_strsplit(text, "@", -1);
    g_autofree char *full = g_strjoinv(folder, parts);
    g_autoptr(json_object) args = NULL;

    args = *full == '{' ? json_parse_text(full, strlen(full), err) : keyval_parse(full, "backend", true, NULL, err);
    return args ? chardev_new_from_args(args, err) : NULL;
}

static int can_receive(void *opaque)
{
    Recorder *r = opaque;

    return r->room < 0 ? 4096 : r->room;
}

static void receive(void *opaque, const uint8_t *buf, int len)
{
    Recorder *r = opaque;

    check_true(r->room < 0 || len <= r->room, "no more bytes arrive (%d) than were asked for (%d)", len, r->room);
    g_string_append_len(r->input, (const char *)buf, len);
    if (r->room > 0) {
        r->room -= len;
    }
}

static void event(void *opaque, ChardevEvent event)
{
    g_string_append_c(((Recorder *)opaque)->events, "OCBIo"[event]);
}

void recorder_init(Recorder *r, Chardev *chr)
{
    g_autoptr(GError) err = NULL;

    *r = (Recorder){ .input = g_string_new(NULL), .events = g_string_new(NULL), .room = -1 };
    r->fe = (CharFrontend){ .can_receive = can_receive, .receive = receive, .event = event, .opaque = r };
    chardev_attach(&r->fe, chr, &err);
    g_assert_no_error(err);
}

void recorder_clear(Recorder *r)
{
    chardev_detach(&r->fe);
    g_string_free(r->input, TRUE);
    g_string_free(r->events, TRUE);
}

static void fired(void *opaque) { ((Recorder *)opaque)->watches++; }
void recorder_watch(Recorder *r) { chardev_add_watch(&r->fe, fired, r); }
int put(Recorder *r, const char *text) { return chardev_write(&r->fe, (const uint8_t *)text, strlen(text)); }

void turn(int times)
{
    while (times-- > 0) {
        event_loop_run_once(event_loop_main(), false);
    }
}
