/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON text to json-c objects (RFC 8259, plus strings in single quotes as QMP's grammar has them).
 *
 * json-c's own parser takes more than JSON (comments, NaN, open strings) and silently clamps integers; input here comes
 * from clients and command lines, so that each of those must be a precise error. Checked: depth, UTF-8, escapes and
 * surrogate pairs, control characters, number range, duplicate keys, and that nothing follows the value.
 */
#include "core/option.h"
#include "core/error.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { JSON_DEPTH_MAX = 1024 };

typedef struct Parser {
    const char *start, *at, *end;
    unsigned depth;
    GString *text;                      /* of the string being read */
    GError **err;
} Parser;

static bool parse_value(Parser *p, json_object **out);

static bool G_GNUC_PRINTF(3, 4) fail_at(Parser *p, const char *where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return error_set(p->err, "JSON parse error, %s at offset %zu", text, (size_t)(where - p->start));
}

static bool unexpected(Parser *p, const char *wanted)
{
    if (p->at >= p->end) {
        return fail_at(p, p->at, "expecting %s, not the end of the text", wanted);
    }
    unsigned char c = *p->at;
    return fail_at(p, p->at, c > ' ' && c < 0x7f ? "expecting %s, not '%c'" : "expecting %s, not byte 0x%02x", wanted,
                   c);
}

static void skip_space(Parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')) {
        p->at++;
    }
}

static bool at_char(const Parser *p, char c)
{
    return p->at < p->end && *p->at == c;
}

/* The four digits of a \u escape. */
static bool parse_hex4(Parser *p, unsigned *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        if (p->at >= p->end || !g_ascii_isxdigit(*p->at)) {
            return unexpected(p, "four hexadecimal digits after \\u");
        }
        *code = *code << 4 | g_ascii_xdigit_value(*p->at++);
    }
    return true;
}

static bool parse_unicode_escape(Parser *p)
{
    const char *escape = p->at - 2;
    unsigned code, low;

    if (!parse_hex4(p, &code)) {
        return false;
    }
    if (code >= 0xd800 && code < 0xdc00 && p->end - p->at >= 2 && p->at[0] == '\\' && p->at[1] == 'u') {
        p->at += 2;
        if (!parse_hex4(p, &low)) {
            return false;
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return fail_at(p, escape, "\\u%04x\\u%04x is no surrogate pair", code, low);
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xd800 && code < 0xe000) {
        return fail_at(p, escape, "\\u%04x is half a surrogate pair", code);
    } else if (code == 0) {
        return fail_at(p, escape, "\\u0000 is not allowed in a string");
    }
    g_string_append_unichar(p->text, code);
    return true;
}

static bool parse_escape(Parser *p)
{
    static const char from[] = "\"'\\/bfnrt", to[] = "\"'\\/\b\f\n\r\t";

    if (p->at >= p->end) {
        return unexpected(p, "the rest of an escape");
    }
    char c = *p->at++;
    if (c == 'u') {
        return parse_unicode_escape(p);
    }
    const char *found = c ? strchr(from, c) : NULL;
    if (!found) {
        return fail_at(p, p->at - 2, "invalid escape in a string");
    }
    g_string_append_c(p->text, to[found - from]);
    return true;
}

/* Reads a string into p->text; p->at is at its opening quote. */
static bool parse_string(Parser *p)
{
    const char *opening = p->at;
    char quote = *p->at++;

    g_string_truncate(p->text, 0);
    for (;;) {
        const char *run = p->at;
        while (p->at < p->end && *p->at != quote && *p->at != '\\' && (unsigned char)*p->at >= ' ') {
            p->at++;
        }
        const char *bad;
        if (!g_utf8_validate_len(run, p->at - run, &bad)) {
            return fail_at(p, bad, "invalid UTF-8 in a string");
        }
        g_string_append_len(p->text, run, p->at - run);
        if (p->at >= p->end) {
            return fail_at(p, opening, "unterminated string");
        }
        if (*p->at == quote) {
            p->at++;
            return true;
        }
        if (*p->at != '\\') {
            return fail_at(p, p->at, "control character 0x%02x in a string", (unsigned char)*p->at);
        }
        p->at++;
        if (!parse_escape(p)) {
            return false;
        }
    }
}

static bool skip_digits(Parser *p)
{
    const char *first = p->at;
    while (p->at < p->end && g_ascii_isdigit(*p->at)) {
        p->at++;
    }
    return p->at > first;
}

static bool parse_number(Parser *p, json_object **out)
{
    const char *first = p->at;
    bool negative = at_char(p, '-'), is_integer = true;

    p->at += negative;
    const char *digits = p->at;
    if (!skip_digits(p)) {
        return unexpected(p, "a digit");
    }
    if (*digits == '0' && p->at - digits > 1) {
        return fail_at(p, first, "a number may not begin with 0");
    }
    if (at_char(p, '.')) {
        is_integer = false;
        p->at++;
        if (!skip_digits(p)) {
            return unexpected(p, "a digit after the point");
        }
    }
    if (at_char(p, 'e') || at_char(p, 'E')) {
        is_integer = false;
        p->at++;
        p->at += at_char(p, '+') || at_char(p, '-');
        if (!skip_digits(p)) {
            return unexpected(p, "a digit in the exponent");
        }
    }
    g_autofree char *text = g_strndup(first, p->at - first);
    if (!is_integer) {
        double v = g_ascii_strtod(text, NULL);
        if (!isfinite(v)) {
            return fail_at(p, first, "number %.40s is too large", text);
        }
        *out = json_object_new_double(v);
        return true;
    }
    errno = 0;
    int64_t i = g_ascii_strtoll(text, NULL, 10);
    if (!errno) {
        *out = json_object_new_int64(i);
        return true;
    }
    errno = 0;
    uint64_t u = g_ascii_strtoull(text, NULL, 10);
    if (negative || errno) {
        return fail_at(p, first, "integer %.40s is outside of %s", text,
                       negative ? "-9223372036854775808 and above" : "what 64 bits hold");
    }
    *out = json_object_new_uint64(u);
    return true;
}

static bool parse_keyword(Parser *p, json_object **out)
{
    const char *first = p->at;
    while (p->at < p->end && g_ascii_isalnum(*p->at)) {
        p->at++;
    }
    size_t len = p->at - first;
    if (len == 4 && !memcmp(first, "true", 4)) {
        *out = json_object_new_boolean(true);
    } else if (len == 5 && !memcmp(first, "false", 5)) {
        *out = json_object_new_boolean(false);
    } else if (len == 4 && !memcmp(first, "null", 4)) {
        *out = NULL;
    } else {
        return fail_at(p, first, "invalid keyword '%.*s'", (int)MIN(len, 40), first);
    }
    return true;
}

static bool parse_member(Parser *p, json_object *dict)
{
    json_object *value = NULL;
    const char *where = p->at;

    if (!at_char(p, '"') && !at_char(p, '\'')) {
        return unexpected(p, "a key in quotes");
    }
    if (!parse_string(p)) {
        return false;
    }
    g_autofree char *key = g_strdup(p->text->str);
    if (json_object_object_get_ex(dict, key, NULL)) {
        return fail_at(p, where, "duplicate key '%.80s'", key);
    }
    skip_space(p);
    if (!at_char(p, ':')) {
        return unexpected(p, "':'");
    }
    p->at++;
    if (!parse_value(p, &value)) {
        return false;
    }
    json_object_object_add(dict, key, value);
    return true;
}

static bool parse_element(Parser *p, json_object *list)
{
    json_object *value = NULL;
    if (!parse_value(p, &value)) {
        return false;
    }
    json_object_array_add(list, value);
    return true;
}

/* The members of "{...}" or elements of "[...]"; p->at is after the opening bracket. */
static bool parse_items(Parser *p, json_object *holder, char closing, bool (*item)(Parser *, json_object *))
{
    if (++p->depth > JSON_DEPTH_MAX) {
        return fail_at(p, p->at - 1, "nesting is deeper than %d", JSON_DEPTH_MAX);
    }
    skip_space(p);
    if (at_char(p, closing)) {
        p->at++;
        p->depth--;
        return true;
    }
    for (;;) {
        skip_space(p);
        if (!item(p, holder)) {
            return false;
        }
        skip_space(p);
        if (at_char(p, closing)) {
            p->at++;
            p->depth--;
            return true;
        }
        if (!at_char(p, ',')) {
            return unexpected(p, closing == '}' ? "',' or '}'" : "',' or ']'");
        }
        p->at++;
    }
}

static bool parse_value(Parser *p, json_object **out)
{
    skip_space(p);
    if (p->at >= p->end) {
        return unexpected(p, "a value");
    }
    switch (*p->at) {
    case '{':
    case '[': {
        bool is_dict = *p->at++ == '{';
        json_object *holder = is_dict ? json_object_new_object() : json_object_new_array();
        if (!parse_items(p, holder, is_dict ? '}' : ']', is_dict ? parse_member : parse_element)) {
            json_object_put(holder);
            return false;
        }
        *out = holder;
        return true;
    }
    case '"':
    case '\'':
        if (!parse_string(p)) {
            return false;
        }
        *out = json_object_new_string_len(p->text->str, p->text->len);
        return true;
    case '-':
    case '0' ... '9':
        return parse_number(p, out);
    default:
        return g_ascii_isalpha(*p->at) ? parse_keyword(p, out) : unexpected(p, "a value");
    }
}

json_object *json_parse_text(const char *text, size_t len, GError **err)
{
    json_object *value = NULL;
    if (len > G_MAXINT32) {
        error_set(err, "JSON parse error, the text is longer than 2 GiB");
        return NULL;
    }
    Parser p = { .start = text, .at = text, .end = text + len, .text = g_string_new(NULL), .err = err };

    bool ok = parse_value(&p, &value);
    if (ok) {
        skip_space(&p);
        if (p.at < p.end) {
            ok = unexpected(&p, "the end of the text");
            json_object_put(value);
        }
    }
    g_string_free(p.text, true);
    return ok ? value : NULL;
}
