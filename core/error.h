/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors: GError in one domain, whose codes are QMP's error classes.
 *
 * A function that can fail takes a last argument `GError **err`, sets it and returns false or NULL in one act.
 * A message is one phrase that names the culprit: no newline, no full stop. Outer context (option, device id, file)
 * is added once, with g_prefix_error(), by whoever knows it.
 */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include <glib.h>
#include <stdbool.h>

#define RHEA_ERROR (rhea_error_quark())

typedef enum ErrorClass {
    ERR_GENERIC,                /* GenericError */
    ERR_COMMAND_NOT_FOUND,      /* CommandNotFound */
    ERR_DEVICE_NOT_ACTIVE,      /* DeviceNotActive */
    ERR_DEVICE_NOT_FOUND,       /* DeviceNotFound */
    ERR_KVM_MISSING_CAP,        /* KVMMissingCap */
    ERR_CLASS_COUNT
} ErrorClass;

GQuark rhea_error_quark(void);

/** error_class_name: the spelling of @err's class in a QMP reply; "GenericError" for an error of any other domain. */
const char *error_class_name(const GError *err);

/** error_set: sets a GenericError; for the common case. Returns false always: `return error_set(...)` reads well. */
bool error_set(GError **err, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/** error_set_errno: as error_set(), with ": " and the text of errno value @os_errno (positive) appended. */
bool error_set_errno(GError **err, int os_errno, const char *fmt, ...) G_GNUC_PRINTF(3, 4);

/* So that the compiler, too, knows that they return false. */
static inline bool error_is_false(bool set) { return set && false; }
#define error_set(...) error_is_false(error_set(__VA_ARGS__))
#define error_set_errno(...) error_is_false(error_set_errno(__VA_ARGS__))

/** error_report / warn_report: prints "PROGRAM: message" on stderr, or on the monitor whose command is running. */
void error_report(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
void warn_report(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
/** info_report: the same, "PROGRAM: hint: message", for what is not wrong but could be better. */
void info_report(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
/** error_report_style: -msg: a report on stderr begins with the time (UTC, ISO 8601), and with @guest_name unless NULL. */
void error_report_style(bool timestamp, const char *guest_name);
/* Set by monitor/: takes a report if a command runs in this thread, and returns whether it did. */
extern bool (*error_report_hook)(const char *line);

/** error_fatal: reports @err and exits with status 1. For start-up only. */
G_NORETURN void error_fatal(GError *err);

/**
 * NearestWord: finds the candidate closest to a misspelt word (Damerau-Levenshtein distance, at most a third of the
 * word's length, at least 1). Feed candidates one by one; nearest_hint() gives "; did you mean 'X'?" or "".
 * Case and '-' against '_' count as equal. No allocation; word and candidates must outlive the finder.
 */
typedef struct NearestWord {
    const char *word;
    const char *best;
    unsigned best_distance;
    char hint[128];
} NearestWord;

void nearest_init(NearestWord *n, const char *word);
void nearest_add(NearestWord *n, const char *candidate);
const char *nearest_hint(NearestWord *n);

#endif
