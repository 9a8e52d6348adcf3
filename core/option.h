/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option text to values: keyval ("a=b,c.d=e,list.0=x", ",," for a comma) and JSON become one json-c object tree.
 */
#ifndef CORE_OPTION_H
#define CORE_OPTION_H

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * keyval_parse: parses @text into a JSON object whose leaves are strings. A first element without '=' is the value of
 * @implied_key (NULL: not allowed). A later element "x" without '=' is an error, unless @allow_flag: then "x" means
 * x=on and "nox" means x=off. "help" or "?" as an element sets *@help (may be NULL: then it is an ordinary word).
 * Dotted keys nest; all-digit key parts make arrays, which must be dense. Keys: letters, digits, '-', '_', '.'.
 * A key given twice takes the last value, as in QEMU. Returns NULL with @err set on a syntax error.
 */
json_object *keyval_parse(const char *text, const char *implied_key, bool allow_flag, bool *help, GError **err);
/** option_parse: JSON if @text starts with '{', else keyval without flags. */
json_object *option_parse(const char *text, const char *implied_key, bool *help, GError **err);

/**
 * json_parse_text: strict JSON (single-quoted strings allowed, as QMP has them), whole text, nesting at most 1024.
 * Integers beyond int64/uint64 are an error that says so.
 */
json_object *json_parse_text(const char *text, size_t len, GError **err);   /* NULL without error: the value null */

/* Scalars from text; the error names @what and the text. */
bool parse_bool(const char *what, const char *text, bool *out, GError **err); /* on off yes no true false y n */
bool parse_uint(const char *what, const char *text, uint64_t max, uint64_t *out, GError **err);    /* 0x, 0, decimal */
bool parse_int(const char *what, const char *text, int64_t min, int64_t max, int64_t *out, GError **err);
/** text_to_integer: decimal, 0x or 0 (octal), with a sign, within int64/uint64; whole text. False if it is none. */
bool text_to_integer(const char *text, __int128 *out);
/** parse_size: bytes, with suffix b k K m M g G t T p P e E; without suffix: times @default_unit. Fractions "1.5G". */
bool parse_size(const char *what, const char *text, uint64_t default_unit, uint64_t *out, GError **err);
const char *dict_str(json_object *dict, const char *key);      /* string member or NULL */

#endif
