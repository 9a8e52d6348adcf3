/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors, reports on stderr, and the search for the word the user meant.
 *
 * A report goes to the monitor whose command is running (error_report_hook), else to stderr with the program's name.
 */
#include "core/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const class_names[ERR_CLASS_COUNT] = {
    [ERR_GENERIC] = "GenericError",
    [ERR_COMMAND_NOT_FOUND] = "CommandNotFound",
    [ERR_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
    [ERR_DEVICE_NOT_FOUND] = "DeviceNotFound",
    [ERR_KVM_MISSING_CAP] = "KVMMissingCap",
};

bool (*error_report_hook)(const char *line);

GQuark rhea_error_quark(void)
{
    return g_quark_from_static_string("rhea-error");
}

const char *error_class_name(const GError *err)
{
    if (err->domain != RHEA_ERROR || err->code < 0 || err->code >= ERR_CLASS_COUNT) {
        return class_names[ERR_GENERIC];
    }
    return class_names[err->code];
}

bool (error_set)(GError **err, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        g_propagate_error(err, g_error_new_valist(RHEA_ERROR, ERR_GENERIC, fmt, ap));
        va_end(ap);
    }
    return false;
}

bool (error_set_errno)(GError **err, int os_errno, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        g_autofree char *text = g_strdup_vprintf(fmt, ap);
        va_end(ap);
        g_set_error(err, RHEA_ERROR, ERR_GENERIC, "%s: %s", text, g_strerror(os_errno));
    }
    return false;
}

static bool with_time;
static char *with_name;

void error_report_style(bool timestamp, const char *guest_name)
{
    with_time = timestamp;
    g_free(with_name);
    with_name = g_strdup(guest_name);
}

static void report(const char *prefix, const char *fmt, va_list ap)
{
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    g_autofree char *line = g_strconcat(prefix, text, NULL);

    if (error_report_hook && error_report_hook(line)) {
        return;
    }
    const char *program = g_get_prgname();
    g_autoptr(GDateTime) now = with_time ? g_date_time_new_now_utc() : NULL;
    g_autofree char *stamp = now ? g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ ") : NULL;

    fprintf(stderr, "%s%s%s%s: %s\n", stamp ? stamp : "", with_name ? with_name : "", with_name ? " " : "",
            program ? program : program_invocation_short_name, line);
}

void error_report(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report("", fmt, ap);
    va_end(ap);
}

void warn_report(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report("warning: ", fmt, ap);
    va_end(ap);
}

void info_report(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report("hint: ", fmt, ap);
    va_end(ap);
}

void error_fatal(GError *err)
{
    error_report("%s", err ? err->message : "unknown error");
    exit(1);
}

/* Letters differing in case only, and '-' for '_', count as equal: people mix them up and are still understood. */
static char fold(char c)
{
    return c == '_' ? '-' : g_ascii_tolower(c);
}

enum { NEAREST_MAX_LENGTH = 63 };

/* Damerau-Levenshtein distance in which no part is edited twice (optimal string alignment). */
static unsigned word_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][NEAREST_MAX_LENGTH + 1];
    unsigned *before_last = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *spare = before_last;
        before_last = last;
        last = row;
        row = spare;
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            char ca = fold(a[i - 1]), cb = fold(b[j - 1]);
            unsigned best = last[j - 1] + (ca != cb);
            best = MIN(best, last[j] + 1);
            best = MIN(best, row[j - 1] + 1);
            if (i > 1 && j > 1 && ca == fold(b[j - 2]) && cb == fold(a[i - 2])) {
                best = MIN(best, before_last[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return row[b_len];
}

void nearest_init(NearestWord *n, const char *word)
{
    n->word = word ? word : "";
    n->best = NULL;
    n->best_distance = MAX(strlen(n->word) / 3, 1) + 1;
    n->hint[0] = '\0';
}

void nearest_add(NearestWord *n, const char *candidate)
{
    size_t word_len = strlen(n->word), len = strlen(candidate);

    if (!word_len || !len || word_len > NEAREST_MAX_LENGTH || len > NEAREST_MAX_LENGTH) {
        return;
    }
    unsigned distance = word_distance(n->word, word_len, candidate, len);
    /* All letters changed is no likeness; of two as near, the first in the alphabet wins, whatever came first. */
    if (distance >= MAX(word_len, len) || distance > n->best_distance) {
        return;
    }
    if (distance < n->best_distance || (n->best && strcmp(candidate, n->best) < 0)) {
        n->best = candidate;
        n->best_distance = distance;
    }
}

const char *nearest_hint(NearestWord *n)
{
    if (n->best) {
        snprintf(n->hint, sizeof(n->hint), "; did you mean '%s'?", n->best);
    }
    return n->hint;
}
