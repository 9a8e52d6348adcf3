/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keyval text, and scalars from text.
 *
 * "size=4G,share=on,a.b=x,list.0=y" -> {"size": "4G", "share": "on", "a": {"b": "x"}, "list": ["y"]}. First everything
 * becomes nested dictionaries; then those whose keys are all numbers become arrays.
 */
#include "core/option.h"
#include "core/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_PART_MAX = 127, KEY_PARTS_MAX = 64 };

/* --- keyval --- */

static size_t key_part_length(const char *s)
{
    size_t len = 0;
    while (g_ascii_isalnum(s[len]) || s[len] == '-' || s[len] == '_') {
        len++;
    }
    return len;
}

/* Stores @value at dotted @key below @root, making dictionaries on the way. */
static bool store_at(json_object *root, const char *key, size_t key_len, const char *value, GError **err)
{
    const char *part = key, *end = key + key_len;
    json_object *dict = root;

    for (unsigned depth = 0; ; depth++) {
        size_t len = key_part_length(part);
        char name[KEY_PART_MAX + 1];
        if (!len || len > KEY_PART_MAX || depth >= KEY_PARTS_MAX || (part + len < end && part[len] != '.') ||
            (depth == 0 && g_ascii_isdigit(*part))) {
            return error_set(err, "Invalid parameter '%.*s'", (int)MIN(key_len, 200), key);
        }
        memcpy(name, part, len);
        name[len] = '\0';
        bool last = part + len >= end;
        json_object *there;
        bool exists = json_object_object_get_ex(dict, name, &there);
        if (exists && json_object_is_type(there, json_type_object) == last) {
            return error_set(err, "Parameters '%.*s.*' used inconsistently", (int)(part + len - key), key);
        }
        if (last) {
            json_object_object_add(dict, name, json_object_new_string(value));
            return true;
        }
        if (!exists) {
            there = json_object_new_object();
            json_object_object_add(dict, name, there);
        }
        dict = there;
        part += len + 1;
    }
}

/* Reads a value up to the next single comma, which is consumed; ",," stands for a comma. */
static const char *read_value(const char *s, GString *value)
{
    g_string_truncate(value, 0);
    for (; *s; s++) {
        if (*s == ',') {
            if (s[1] != ',') {
                return s + 1;
            }
            s++;
        }
        g_string_append_c(value, *s);
    }
    return s;
}

static bool is_number(const char *key)
{
    return *key && strspn(key, "0123456789") == strlen(key);
}

static json_object *listify(json_object *value, const char *path, GError **err);

/* Converts what is below @dict; then @dict itself, if its keys are numbers. Consumes it; NULL on error. */
static json_object *listify_dict(json_object *dict, const char *path, GError **err)
{
    size_t numbers = 0, count = 0;

    json_object_object_foreach(dict, key, value) {
        g_autofree char *full = *path ? g_strdup_printf("%s.%s", path, key) : g_strdup(key);
        json_object *converted = listify(json_object_get(value), full, err);
        if (!converted) {
            json_object_put(dict);
            return NULL;
        }
        if (converted == value) {
            json_object_put(converted);
        } else {
            json_object_object_add(dict, key, converted);       /* the key is there: the table does not move */
        }
        numbers += is_number(key);
        count++;
    }
    if (!numbers || !*path) {
        return dict;
    }
    if (numbers != count) {
        error_set(err, "Parameters '%s.*' used inconsistently", path);
        json_object_put(dict);
        return NULL;
    }
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < count; i++) {
        char key[24];
        json_object *element;
        g_snprintf(key, sizeof(key), "%zu", i);
        if (!json_object_object_get_ex(dict, key, &element)) {
            error_set(err, "Parameter '%s.%zu' missing", path, i);
            json_object_put(list);
            json_object_put(dict);
            return NULL;
        }
        json_object_array_add(list, json_object_get(element));
    }
    json_object_put(dict);
    return list;
}

static json_object *listify(json_object *value, const char *path, GError **err)
{
    return json_object_is_type(value, json_type_object) ? listify_dict(value, path, err) : value;
}

/* One element without '=' that is not the implied value: help, or a flag. */
static bool store_flag(json_object *dict, const char *word, bool allow_flag, bool *help, GError **err)
{
    if (help && (!strcmp(word, "help") || !strcmp(word, "?"))) {
        *help = true;
        return true;
    }
    if (!allow_flag) {
        return error_set(err, *word ? "Expected '=' after parameter '%s'" : "there is an empty parameter", word);
    }
    bool off = g_str_has_prefix(word, "no") && word[2];
    return store_at(dict, off ? word + 2 : word, strlen(word) - (off ? 2 : 0), off ? "off" : "on", err);
}

json_object *keyval_parse(const char *text, const char *implied_key, bool allow_flag, bool *help, GError **err)
{
    json_object *dict = json_object_new_object();
    g_autoptr(GString) value = g_string_new(NULL);
    const char *s = text;
    bool ok = true;

    if (help) {
        *help = false;
    }
    while (ok && *s) {
        size_t len = strcspn(s, "=,");
        const char *element = s;
        if (s[len] == '=') {
            s = read_value(s + len + 1, value);
            ok = store_at(dict, element, len, value->str, err);
            continue;
        }
        bool first = s == text;
        s = read_value(s, value);
        bool is_help = help && (!strcmp(value->str, "help") || !strcmp(value->str, "?"));
        if (first && !is_help && implied_key && value->len) {
            ok = store_at(dict, implied_key, strlen(implied_key), value->str, err);
        } else if (first && !is_help && !allow_flag && value->len) {
            ok = error_set(err, "No implicit parameter name for value '%s'", value->str);
        } else {
            ok = store_flag(dict, value->str, allow_flag, help, err);
        }
    }
    if (!ok) {
        json_object_put(dict);
        return NULL;
    }
    return listify_dict(dict, "", err);
}

json_object *option_parse(const char *text, const char *implied_key, bool *help, GError **err)
{
    if (text[0] != '{') {
        return keyval_parse(text, implied_key, false, help, err);
    }
    if (help) {
        *help = false;
    }
    return json_parse_text(text, strlen(text), err);    /* begins with '{': an object or an error */
}

/* --- scalars --- */

bool parse_bool(const char *what, const char *text, bool *out, GError **err)
{
    static const char *const on[] = { "on", "yes", "true", "y", NULL };
    static const char *const off[] = { "off", "no", "false", "n", NULL };

    if (g_strv_contains(on, text)) {
        *out = true;
    } else if (g_strv_contains(off, text)) {
        *out = false;
    } else {
        return error_set(err, "%s takes 'on' or 'off', not '%s'", what, text);
    }
    return true;
}

bool text_to_integer(const char *text, __int128 *out)
{
    bool negative = *text == '-';
    const char *digits = text + (negative || *text == '+');
    char *end;

    if (!g_ascii_isdigit(*digits)) {
        return false;
    }
    errno = 0;
    uint64_t v = g_ascii_strtoull(digits, &end, 0);
    if (*end || errno || (negative && v > 1ull << 63)) {
        return false;
    }
    *out = negative ? -(__int128)v : (__int128)v;
    return true;
}

bool parse_uint(const char *what, const char *text, uint64_t max, uint64_t *out, GError **err)
{
    __int128 v;
    if (!text_to_integer(text, &v)) {
        return error_set(err, "%s takes a number, not '%s'", what, text);
    }
    if (v < 0 || v > max) {
        return error_set(err, "%s takes 0 to %" G_GUINT64_FORMAT ", not '%s'", what, max, text);
    }
    *out = v;
    return true;
}

bool parse_int(const char *what, const char *text, int64_t min, int64_t max, int64_t *out, GError **err)
{
    __int128 v;
    if (!text_to_integer(text, &v)) {
        return error_set(err, "%s takes a number, not '%s'", what, text);
    }
    if (v < min || v > max) {
        return error_set(err, "%s takes %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT ", not '%s'", what, min, max, text);
    }
    *out = v;
    return true;
}

static bool suffix_unit(char c, uint64_t *unit)
{
    static const char suffixes[] = "BKMGTPE";
    const char *found = c ? strchr(suffixes, g_ascii_toupper(c)) : NULL;
    if (!found) {
        return false;
    }
    *unit = 1ull << (10 * (found - suffixes));
    return true;
}

bool parse_size(const char *what, const char *text, uint64_t default_unit, uint64_t *out, GError **err)
{
    const char *s = text;
    unsigned __int128 whole = 0;
    uint64_t unit = default_unit;
    const char *fraction = NULL;
    size_t fraction_digits = 0;
    bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && g_ascii_isxdigit(s[2]), too_large = false;

    s += hex ? 2 : 0;
    const char *digits = s;
    for (; hex ? g_ascii_isxdigit(*s) : g_ascii_isdigit(*s); s++) {
        whole = whole * (hex ? 16 : 10) + g_ascii_xdigit_value(*s);
        too_large |= whole > UINT64_MAX;
        whole = too_large ? UINT64_MAX : whole;
    }
    bool any_digit = s > digits;
    if (!hex && *s == '.') {
        fraction = ++s;
        while (g_ascii_isdigit(*s)) {
            s++;
        }
        fraction_digits = s - fraction;
        any_digit |= fraction_digits > 0;
    }
    if (*s && !hex && suffix_unit(*s, &unit)) {
        s++;
    }
    if (!any_digit || *s) {
        return error_set(err, "%s takes a size (a number with an optional suffix k, M, G, T, P or E), not '%s'", what,
                         text);
    }
    unsigned __int128 bytes = whole * unit;
    if (fraction_digits) {
        /* Up to 18 digits count; what they add is rounded down to bytes. */
        uint64_t numerator = 0, denominator = 1;
        for (size_t i = 0; i < MIN(fraction_digits, 18); i++) {
            numerator = numerator * 10 + (fraction[i] - '0');
            denominator *= 10;
        }
        bytes += (unsigned __int128)numerator * unit / denominator;
    }
    if (too_large || bytes > UINT64_MAX) {
        return error_set(err, "%s takes a size below 2^64 bytes, not '%s'", what, text);
    }
    *out = bytes;
    return true;
}

const char *dict_str(json_object *dict, const char *key)
{
    json_object *value;
    if (!json_object_object_get_ex(dict, key, &value) || !json_object_is_type(value, json_type_string)) {
        return NULL;
    }
    return json_object_get_string(value);
}
