/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JsonStream: what is cut out of a byte stream, whole and in pieces; and JSON printing. */
#include "tests/check.h"

#include "core/option.h"
#include "monitor/json_print.h"
#include "monitor/json_stream.h"

static const struct { const char *claim, *bytes, *texts; } cases[] = {      /* texts: each in <>, errors as ! */
    { "one object", "{\"a\":1}", "<{\"a\":1}>" },
    { "two in a line", "{}{}", "<{}><{}>" },
    { "white space between", " \t\r\n{}\r\n \n{}", "<{}><{}>" },
    { "an object over several lines", "{\n\"a\"\n:1}", "<{\n\"a\"\n:1}>" },
    { "brackets in strings do not count", "{\"a\":\"}]{[\"}", "<{\"a\":\"}]{[\"}>" },
    { "escaped quotes do not end a string", "{\"a\":\"\\\"}\"}", "<{\"a\":\"\\\"}\"}>" },
    { "single quotes", "{'a':'\"}'}", "<{'a':'\"}'}>" },
    { "an array", "[1,[2]]", "<[1,[2]]>" },
    { "a string is a text", "\"a\" 'b'", "<\"a\"><'b'>" },
    { "words end at white space", "true 12 x", "<true><12>" },
    { "words end at brackets", "junk{}", "<junk><{}>" },
    { "nothing yet", "{\"a\":", "" },
    { "wrong kind of closing bracket is left to the parser", "{]", "<{]>" },
    { "a closing bracket too many", "}{}", "!<{}>" },
    { "punctuation outside", ",:{}", "!!<{}>" },
    { "a string that does not end in its line", "{\"a\":\"b\n{}", "!<{}>" },
    { "a backslash at the end of the line", "{\"a\":\"b\\\n{}", "!<{}>" },
    { "0xff drops what was begun", "{\"a\":\xff{}", "!<{}>" },
    { "0xff within a string", "{\"a\xff{}", "!<{}>" },
    { "control characters in strings are left to the parser", "\"\x01\"", "<\"\x01\">" },
};

static GString *seen;

static void collect(void *opaque, const char *text, size_t len, const char *error)
{
    if (error) {
        g_string_append_c(seen, '!');
    } else {
        g_string_append_printf(seen, "<%.*s>", (int)len, text);
    }
}

static void test_cases(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        size_t len = strlen(cases[i].bytes);
        for (size_t piece = 1; piece <= len; piece++) {
            JsonStream s;
            json_stream_init(&s, collect, NULL);
            seen = g_string_new(NULL);
            for (size_t at = 0; at < len; at += piece) {
                json_stream_feed(&s, (const uint8_t *)cases[i].bytes + at, MIN(piece, len - at));
            }
            check_str(seen->str, cases[i].texts, "%s, in pieces of %zu", cases[i].claim, piece);
            g_string_free(seen, true);
            json_stream_reset(&s);
        }
    }
}

typedef struct Counts { unsigned texts, errors; size_t len; char error[100]; } Counts;

static void count(void *opaque, const char *text, size_t len, const char *error)
{
    Counts *c = opaque;
    c->texts += !error;
    c->errors += error != NULL;
    c->len = len;
    if (error) {
        g_strlcpy(c->error, error, sizeof c->error);
    }
}

static void feed_times(JsonStream *s, const char *text, size_t times)
{
    while (times--) {
        json_stream_feed(s, (const uint8_t *)text, strlen(text));
    }
}

static void test_depth(void)
{
    Counts c = { 0 };
    JsonStream s;
    json_stream_init(&s, count, &c);
    feed_times(&s, "[", JSON_STREAM_MAX_DEPTH);
    feed_times(&s, "]", JSON_STREAM_MAX_DEPTH);
    check_int(c.texts, ==, 1, "the deepest allowed text comes through");
    feed_times(&s, "[", JSON_STREAM_MAX_DEPTH + 1);
    check_int(c.errors, ==, 1, "one level more is an error, at once");
    feed_times(&s, "]", JSON_STREAM_MAX_DEPTH + 1);
    feed_times(&s, "{}", 1);
    check_int(c.errors, ==, 1, "the rest of its line is dropped without further errors");
    check_int(c.texts, ==, 1, "also what looks like a text");
    feed_times(&s, "\n{}", 1);
    check_int(c.texts, ==, 2, "the next line is read again");
    json_stream_reset(&s);
}

static void test_length(void)
{
    Counts c = { 0 };
    JsonStream s;
    g_autofree char *piece = g_strnfill(1 << 20, 'x');
    json_stream_init(&s, count, &c);
    feed_times(&s, "\"", 1);
    feed_times(&s, piece, (JSON_STREAM_MAX_BYTES >> 20) - 1);
    json_stream_feed(&s, (const uint8_t *)piece, (1 << 20) - 2);
    feed_times(&s, "\"", 1);
    check_int(c.texts, ==, 1, "the longest allowed text comes through");
    check_int(c.len, ==, JSON_STREAM_MAX_BYTES, "whole");
    feed_times(&s, "\"", 1);
    feed_times(&s, piece, JSON_STREAM_MAX_BYTES >> 20);
    check_int(c.errors, ==, 1, "a byte more is one error");
    check_true(strstr(c.error, "64 MiB"), "which names the limit: %s", c.error);
    check_true(!s.text || s.text->len == 0, "and what was read is given back");
    feed_times(&s, piece, JSON_STREAM_MAX_BYTES >> 20);
    feed_times(&s, "\"\n{}", 1);
    check_int(c.errors, ==, 1, "the rest of its line is dropped");
    check_int(c.texts, ==, 2, "the next line is read again");
    json_stream_reset(&s);
}

/* Random bytes of the sort JSON is made of: no crash, and a stream that was reset reads on. */
static void test_noise(void)
{
    static const char alphabet[] = "{}[]\"'\\,:\n\xff 1at";
    Counts c = { 0 };
    JsonStream s;
    json_stream_init(&s, count, &c);
    for (int i = 0; i < 200000; i++) {
        uint8_t byte = alphabet[g_test_rand_int_range(0, sizeof alphabet - 1)];
        json_stream_feed(&s, &byte, 1);
        check_true(s.depth <= JSON_STREAM_MAX_DEPTH, "depth stays within its limit");
    }
    json_stream_reset(&s);
    c = (Counts){ 0 };
    feed_times(&s, "{}", 1);
    check_int(c.texts, ==, 1, "a reset stream reads on");
    check_int(c.errors, ==, 0, "without errors");
    json_stream_reset(&s);
}

/* Printing */

static const struct { const char *claim, *in, *out, *pretty; } prints[] = {
    { "empty", "{}", "{}", "{}" },
    { "separators", "{\"a\":1,\"b\":[true,null]}", "{\"a\": 1, \"b\": [true, null]}",
      "{\n    \"a\": 1,\n    \"b\": [\n        true,\n        null\n    ]\n}" },
    { "large integers", "[18446744073709551615,-9223372036854775808]", "[18446744073709551615, -9223372036854775808]", NULL },
    { "doubles as short as they can be", "[0.1,1.5e300]", "[0.1, 1.5e+300]", NULL },
    { "control characters and quotes", "[\"\\u0001\\n\\\"\\\\\"]", "[\"\\u0001\\n\\\"\\\\\"]", NULL },
    { "beyond ASCII", "[\"\xc3\xa4\xf0\x9f\x98\x80\"]", "[\"\\u00E4\\uD83D\\uDE00\"]", NULL },
};

static void test_print(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(prints); i++) {
        json_object *json = json_parse_text(prints[i].in, strlen(prints[i].in), NULL);
        for (int pretty = 0; pretty < 2; pretty++) {
            const char *wanted = pretty ? prints[i].pretty : prints[i].out;
            g_autoptr(GString) out = g_string_new(NULL);
            json_print(out, json, pretty);
            if (wanted) {
                check_str(out->str, wanted, "%s", prints[i].claim);
            }
        }
        json_object_put(json);
    }
}

static void test_print_bad_utf8(void)
{
    json_object *json = json_object_new_string_len("a\xff\xc3", 3);
    g_autoptr(GString) out = g_string_new(NULL);
    json_print(out, json, false);
    check_str(out->str, "\"a\\uFFFD\\uFFFD\"", "what is no UTF-8 is marked");
    json_object_put(json);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json-stream/cases", test_cases);
    g_test_add_func("/json-stream/depth", test_depth);
    g_test_add_func("/json-stream/length", test_length);
    g_test_add_func("/json-stream/noise", test_noise);
    g_test_add_func("/json-print/values", test_print);
    g_test_add_func("/json-print/bad-utf8", test_print_bad_utf8);
    return g_test_run();
}
