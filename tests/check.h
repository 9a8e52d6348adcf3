/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Assertions of the C tests: each takes the claim in words (printf style) and prints it with both values on failure. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#define check_true(cond, ...) do { \
        if (!(cond)) { g_autofree char *claim_ = g_strdup_printf(__VA_ARGS__); \
            g_error("%s:%d: %s: '%s' does not hold", __FILE__, __LINE__, claim_, #cond); } \
    } while (0)
#define check_int(a, op, b, ...) do { \
        int64_t a_ = (int64_t)(a), b_ = (int64_t)(b); \
        if (!(a_ op b_)) { g_autofree char *claim_ = g_strdup_printf(__VA_ARGS__); \
            g_error("%s:%d: %s: %s is %" PRId64 " (0x%" PRIx64 "), wanted %s %" PRId64 " (0x%" PRIx64 ")", __FILE__, __LINE__, \
                    claim_, #a, a_, (uint64_t)a_, #op, b_, (uint64_t)b_); } \
    } while (0)
#define check_str(a, b, ...) do { \
        const char *a_ = (a), *b_ = (b); \
        if (g_strcmp0(a_, b_)) { g_autofree char *claim_ = g_strdup_printf(__VA_ARGS__); \
            g_error("%s:%d: %s: %s is '%s', wanted '%s'", __FILE__, __LINE__, claim_, #a, a_ ? a_ : "(null)", b_ ? b_ : "(null)"); } \
    } while (0)

#endif
