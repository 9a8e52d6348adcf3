/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON text: what is taken, what is refused and where. */
#include "core/option.h"
#include "tests/check.h"

static void test_good(void)
{
    static const struct {
        const char *text, *value;
    } rows[] = {
        {"null", NULL},
        {"true", "true"},
        {" \t\r\n false ", "false"},
        {"0", "0"},
        {"-0", "0"},
        {"12", "12"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"9223372036854775807", "9223372036854775807"},
        {"9223372036854775808", "9223372036854775808"},
        {"18446744073709551615", "18446744073709551615"},
        {"1.5", "1.5"},
        {"1e2", "100.0"},
        {"-2.5E-1", "-0.25"},
        {"\"\"", "\"\""},
        {"'single'", "\"single\""},
        {"'say \"x\"'", "\"say \\\"x\\\"\""},
        {"\"\\u0041\\n\\/\\'\"", "\"A\\n\\/'\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\xc3\xa9\"", "\"\xc3\xa9\""},
        {"\"\x7f\"", "\"\x7f\""},
        {"[]", "[]"},
        {"{}", "{}"},
        {"[1, [2, {}], 'x']", "[1,[2,{}],\"x\"]"},
        {"{'a': 1, \"b\": {'c': [null]}}", "{\"a\":1,\"b\":{\"c\":[null]}}"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        json_object *v = json_parse_text(rows[i].text, strlen(rows[i].text), &err);
        check_true(!err, "%s: %s", rows[i].text, err ? err->message : "");
        check_str(v ? json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN) : NULL, rows[i].value, "%s",
                  rows[i].text);
        json_object_put(v);
    }
}

static void test_bad(void)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "expecting a value, not the end of the text at offset 0"},
        {"  ", "expecting a value, not the end of the text at offset 2"},
        {"{", "expecting a key in quotes, not the end of the text at offset 1"},
        {"[1", "expecting ',' or ']', not the end of the text at offset 2"},
        {"[1,]", "expecting a value, not ']' at offset 3"},
        {"{'a':1,}", "expecting a key in quotes, not '}' at offset 7"},
        {"{'a' 1}", "expecting ':', not '1' at offset 5"},
        {"{a: 1}", "expecting a key in quotes, not 'a' at offset 1"},
        {"{'a': 1, 'a': 2}", "duplicate key 'a' at offset 9"},
        {"1 2", "expecting the end of the text, not '2' at offset 2"},
        {"[1] x", "expecting the end of the text, not 'x' at offset 4"},
        {"nul", "invalid keyword 'nul' at offset 0"},
        {"NaN", "invalid keyword 'NaN' at offset 0"},
        {"Infinity", "invalid keyword 'Infinity' at offset 0"},
        {"01", "a number may not begin with 0 at offset 0"},
        {"-", "expecting a digit, not the end of the text at offset 1"},
        {"1.", "expecting a digit after the point, not the end of the text at offset 2"},
        {"1e", "expecting a digit in the exponent, not the end of the text at offset 2"},
        {".5", "expecting a value, not '.' at offset 0"},
        {"+1", "expecting a value, not '+' at offset 0"},
        {"0x10", "expecting the end of the text, not 'x' at offset 1"},
        {"18446744073709551616", "integer 18446744073709551616 is outside of what 64 bits hold at offset 0"},
        {"[-9223372036854775809]",
         "integer -9223372036854775809 is outside of -9223372036854775808 and above at offset 1"},
        {"1e999", "number 1e999 is too large at offset 0"},
        {"'abc", "unterminated string at offset 0"},
        {"\"abc'", "unterminated string at offset 0"},
        {"'a\\", "expecting the rest of an escape, not the end of the text at offset 3"},
        {"'\\x41'", "invalid escape in a string at offset 1"},
        {"'\\u12'", "expecting four hexadecimal digits after \\u, not ''' at offset 5"},
        {"'\\ud800'", "\\ud800 is half a surrogate pair at offset 1"},
        {"'\\udc00'", "\\udc00 is half a surrogate pair at offset 1"},
        {"'\\ud800\\u0041'", "\\ud800\\u0041 is no surrogate pair at offset 1"},
        {"'\\u0000'", "\\u0000 is not allowed in a string at offset 1"},
        {"'a\tb'", "control character 0x09 in a string at offset 2"},
        {"'a\xff'", "invalid UTF-8 in a string at offset 2"},
        {"'\xc0\x80'", "invalid UTF-8 in a string at offset 1"},
        {"'\xed\xa0\x80'", "invalid UTF-8 in a string at offset 1"},
        {"/* c */ 1", "expecting a value, not '/' at offset 0"},
        {"\xff", "expecting a value, not byte 0xff at offset 0"},
        {"}", "expecting a value, not '}' at offset 0"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        check_true(!json_parse_text(rows[i].text, strlen(rows[i].text), &err), "%s gives no value", rows[i].text);
        check_true(err, "%s is refused", rows[i].text);
        g_autofree char *want = g_strdup_printf("JSON parse error, %s", rows[i].error);
        check_str(err->message, want, "%s", rows[i].text);
    }
    g_autoptr(GError) err = NULL;
    check_true(!json_parse_text("1\0", 2, &err) && err, "a NUL byte is no space");
}

static char *nested(unsigned depth)
{
    char *text = g_malloc(2 * depth + 1);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = '\0';
    return text;
}

static void test_depth(void)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *most = nested(1024), *over = nested(1025), *far = nested(1000000);
    json_object *v = json_parse_text(most, strlen(most), &err);
    check_true(v && !err, "1024 levels are taken");
    json_object_put(v);
    check_true(!json_parse_text(over, strlen(over), &err), "1025 are not");
    check_str(err->message, "JSON parse error, nesting is deeper than 1024 at offset 1024", "message");
    g_clear_error(&err);
    check_true(!json_parse_text(far, strlen(far), &err), "nor are a million");
}

/* Every prefix of a text, and every byte changed, ends in a value or an error. */
static void test_mutations(void)
{
    static const char text[] =
        "{\"execute\": 'qom-set', \"arguments\": {\"n\": [-1.5e3, true, null, \"\\u00e9\\ud83d\\ude00\"]}}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        g_autoptr(GError) err = NULL;
        check_true(!json_parse_text(text, len, &err) && err, "prefix of %zu bytes", len);
    }
    for (size_t at = 0; at < sizeof(text) - 1; at++) {
        for (unsigned c = 0; c < 256; c++) {
            g_autoptr(GError) err = NULL;
            g_autofree char *copy = g_memdup2(text, sizeof(text) - 1);      /* exact size: overreads are seen */
            copy[at] = c;
            json_object *v = json_parse_text(copy, sizeof(text) - 1, &err);
            check_true(!v != !err, "byte %zu as 0x%02x: value or error", at, c);
            json_object_put(v);
        }
    }
}

/* Random text of what means something to the parser. */
static void test_random(void)
{
    static const char *const words[] = { "{", "}", "[", "]", ",", ":", "\"a\"", "'b'", "1", "-", "0", ".5", "e", "e+9", "true", "null",
                                         "fals", "\"\\", "\\u", "d83d", "\\ude00", " ", "\n", "\xc3\xa9", "\xc3", "\x00", "%d",
                                         "18446744073709551616", "{\"k\":", "[[", "]]", "}," };
    uint32_t seed = 1;
    unsigned good = 0;

    for (unsigned n = 0; n < 200000; n++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GError) err = NULL;

        for (unsigned w = 0; w < 1 + n % 9; w++) {
            seed = seed * 1664525 + 1013904223;
            const char *word = words[(seed >> 16) % G_N_ELEMENTS(words)];
            g_string_append_len(text, word, *word ? strlen(word) : 1);
        }
        g_autofree char *exact = g_memdup2(text->str, MAX(text->len, 1));
        json_object *v = json_parse_text(exact, text->len, &err);
        bool is_null = !v && !err;              /* the word null */
        check_true(!v != !err || is_null, "'%s': a value or an error", text->str);
        if (v) {
            good++;
            const char *said = json_object_to_json_string(v);
            json_object *again = json_parse_text(said, strlen(said), &err);
            check_true(again && json_object_equal(v, again), "'%s' of '%s' is the same", said, text->str);
            json_object_put(again);
        }
        json_object_put(v);
    }
    check_int(good, >, 1000, "many are right");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/good", test_good);
    g_test_add_func("/json/bad", test_bad);
    g_test_add_func("/json/depth", test_depth);
    g_test_add_func("/json/mutations", test_mutations);
    g_test_add_func("/json/random", test_random);
    return g_test_run();
}
