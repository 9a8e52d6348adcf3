/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the chardev tests share: a front end that records, chardevs from text, turning the loop until something is true.
 */
#ifndef TESTS_UNIT_CHARDEV_FIXTURE_H
#define TESTS_UNIT_CHARDEV_FIXTURE_H

#include "chardev/chardev.h"
#include "core/loop.h"
#include "core/option.h"
#include "tests/check.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)

typedef struct Recorder {
    CharFrontend fe;
    GString *input, *events;                    /* events: O, C, B, I (mux in), o (mux out) */
    int room;                                   /* bytes it takes; -1: any number */
    int watches;                                /* that fired */
} Recorder;

void fixture_init(int *argc, char ***argv);
int fixture_end(int status);
char *scratch_path(const char *name);           /* g_free() */

/** chardev_from: the text of -chardev, '@' standing for the scratch folder. */
Chardev *chardev_from(const char *text, GError **err);
void recorder_init(Recorder *r, Chardev *chr);  /* attached; takes any number of bytes */
void recorder_clear(Recorder *r);               /* detached, freed */
void recorder_watch(Recorder *r);
int put(Recorder *r, const char *text);         /* chardev_write() */

/** until: turns the loop until @cond, and fails with the claim after ten seconds without it. */
#define until(cond, ...) do { \
        int64_t deadline_ = g_get_monotonic_time() + 10 * G_USEC_PER_SEC; \
        while (!(cond)) { \
            check_true(g_get_monotonic_time() < deadline_, __VA_ARGS__); \
            event_loop_run_once(event_loop_main(), false); \
            g_usleep(200); \
        } \
    } while (0)
void turn(int times);                           /* the loop, without waiting */

#endif
