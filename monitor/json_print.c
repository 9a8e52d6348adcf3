/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Printing of JSON. Strings are UTF-8; what is not valid in them comes out as U+FFFD. */
#include "monitor/json_print.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void print_char(GString *out, gunichar c)
{
    static const char escapes[][2] = { { '"', '"' }, { '\\', '\\' }, { '\b', 'b' }, { '\f', 'f' }, { '\n', 'n' },
                                       { '\r', 'r' }, { '\t', 't' } };
    for (size_t i = 0; i < G_N_ELEMENTS(escapes); i++) {
        if (c == (gunichar)escapes[i][0]) {
            g_string_append_c(out, '\\');
            g_string_append_c(out, escapes[i][1]);
            return;
        }
    }
    if (c >= 0x10000) {
        g_string_append_printf(out, "\\u%04X\\u%04X", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
    } else if (c < ' ' || c >= 0x7f) {
        g_string_append_printf(out, "\\u%04X", c);
    } else {
        g_string_append_c(out, c);
    }
}

static void print_string(GString *out, const char *text, size_t len)
{
    const char *end = text + len;
    g_string_append_c(out, '"');
    while (text < end) {
        gunichar c = *text ? g_utf8_get_char_validated(text, end - text) : 0;
        if (c >= (gunichar)-2) {
            c = 0xfffd;
            text++;
        } else {
            text = *text ? g_utf8_next_char(text) : text + 1;
        }
        print_char(out, c);
    }
    g_string_append_c(out, '"');
}

static void print_double(GString *out, double value)
{
    char buf[G_ASCII_DTOSTR_BUF_SIZE];
    if (!isfinite(value)) {             /* JSON has no word for it */
        g_string_append(out, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        g_autofree char *format = g_strdup_printf("%%.%dg", digits);
        g_ascii_formatd(buf, sizeof buf, format, value);
        if (g_ascii_strtod(buf, NULL) == value) {
            break;
        }
    }
    g_string_append(out, buf);
}

static void new_line(GString *out, bool pretty, int indent)
{
    if (pretty) {
        g_string_append_printf(out, "\n%*s", indent * 4, "");
    }
}

static void print_value(GString *out, json_object *value, bool pretty, int indent);

static void print_separator(GString *out, bool *first, bool pretty, int indent)
{
    if (!*first) {
        g_string_append(out, pretty ? "," : ", ");
    }
    *first = false;
    new_line(out, pretty, indent);
}

static void print_object(GString *out, json_object *object, bool pretty, int indent)
{
    bool first = true;
    g_string_append_c(out, '{');
    json_object_object_foreach(object, key, member) {
        print_separator(out, &first, pretty, indent + 1);
        print_string(out, key, strlen(key));
        g_string_append(out, ": ");
        print_value(out, member, pretty, indent + 1);
    }
    if (!first) {
        new_line(out, pretty, indent);
    }
    g_string_append_c(out, '}');
}

static void print_array(GString *out, json_object *array, bool pretty, int indent)
{
    bool first = true;
    g_string_append_c(out, '[');
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        print_separator(out, &first, pretty, indent + 1);
        print_value(out, json_object_array_get_idx(array, i), pretty, indent + 1);
    }
    if (!first) {
        new_line(out, pretty, indent);
    }
    g_string_append_c(out, ']');
}

static void print_value(GString *out, json_object *value, bool pretty, int indent)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        g_string_append(out, "null");
        break;
    case json_type_boolean:
        g_string_append(out, json_object_get_boolean(value) ? "true" : "false");
        break;
    case json_type_double:
        print_double(out, json_object_get_double(value));
        break;
    case json_type_int:
        if (json_object_get_int64(value) < 0) {
            g_string_append_printf(out, "%" PRId64, json_object_get_int64(value));
        } else {
            g_string_append_printf(out, "%" PRIu64, json_object_get_uint64(value));
        }
        break;
    case json_type_string:
        print_string(out, json_object_get_string(value), json_object_get_string_len(value));
        break;
    case json_type_object:
        print_object(out, value, pretty, indent);
        break;
    case json_type_array:
        print_array(out, value, pretty, indent);
        break;
    }
}

void json_print(GString *out, json_object *value, bool pretty)
{
    print_value(out, value, pretty, 0);
}
