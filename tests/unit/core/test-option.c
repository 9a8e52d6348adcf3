/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keyval text and scalars. */
#include "core/option.h"
#include "tests/check.h"

static void test_keyval(void)
{
    static const struct { const char *text, *implied; bool flag; const char *value, *error; } rows[] = {
        { "", NULL, false, "{}" },
        { "a=b", NULL, false, "{\"a\":\"b\"}" },
        { "a=b,c=d", NULL, false, "{\"a\":\"b\",\"c\":\"d\"}" },
        { "a=", NULL, false, "{\"a\":\"\"}" },
        { "a=b,", NULL, false, "{\"a\":\"b\"}" },
        { "a=x,,y,b=,,", NULL, false, "{\"a\":\"x,y\",\"b\":\",\"}" },
        { "a=x,,", NULL, false, "{\"a\":\"x,\"}" },
        { "a=b=c", NULL, false, "{\"a\":\"b=c\"}" },
        { "a=1,a=2", NULL, false, "{\"a\":\"2\"}" },
        { "pc,accel=tcg", "type", false, "{\"type\":\"pc\",\"accel\":\"tcg\"}" },
        { "/a/b c.img", "file", false, "{\"file\":\"/a/b c.img\"}" },
        { "a,,b,x=1", "file", false, "{\"file\":\"a,b\",\"x\":\"1\"}" },
        { "type=pc", "type", false, "{\"type\":\"pc\"}" },
        { "a.b=1,a.c=2", NULL, false, "{\"a\":{\"b\":\"1\",\"c\":\"2\"}}" },
        { "a.b.c.d=1", NULL, false, "{\"a\":{\"b\":{\"c\":{\"d\":\"1\"}}}}" },
        { "l.0=x,l.1=y", NULL, false, "{\"l\":[\"x\",\"y\"]}" },
        { "l.1=y,l.0=x", NULL, false, "{\"l\":[\"x\",\"y\"]}" },
        { "l.0.k=x,l.1.k=y", NULL, false, "{\"l\":[{\"k\":\"x\"},{\"k\":\"y\"}]}" },
        { "l.0.0=x,l.0.1=y", NULL, false, "{\"l\":[[\"x\",\"y\"]]}" },
        { "ro,nocache,x=1", NULL, true, "{\"ro\":\"on\",\"cache\":\"off\",\"x\":\"1\"}" },
        { "disk,ro", "file", true, "{\"file\":\"disk\",\"ro\":\"on\"}" },
        { "no", NULL, true, "{\"no\":\"on\"}" },
        { "help", "type", false, "{\"type\":\"help\"}" },
        { "l.0=x,l.2=y", .error = "Parameter 'l.1' missing" },
        { "l.1=y", .error = "Parameter 'l.0' missing" },
        { "l.00=y", .error = "Parameter 'l.0' missing" },
        { "l.0=x,l.k=y", .error = "Parameters 'l.*' used inconsistently" },
        { "a=1,a.b=2", .error = "Parameters 'a.*' used inconsistently" },
        { "a.b=2,a=1", .error = "Parameters 'a.*' used inconsistently" },
        { "a.b.c=2,a.b=1", .error = "Parameters 'a.b.*' used inconsistently" },
        { "pc", .error = "No implicit parameter name for value 'pc'" },
        { "a=b,c", .error = "Expected '=' after parameter 'c'" },
        { "a=b,,c", NULL, false, "{\"a\":\"b,c\"}" },
        { ",a=b", "t", .error = "there is an empty parameter" },
        { "=b", .error = "Invalid parameter ''" },
        { "a b=1", .error = "Invalid parameter 'a b'" },
        { "a.=1", .error = "Invalid parameter 'a.'" },
        { ".a=1", .error = "Invalid parameter '.a'" },
        { "a..b=1", .error = "Invalid parameter 'a..b'" },
        { "0=1", .error = "Invalid parameter '0'" },
        { "a/b=1", .error = "Invalid parameter 'a/b'" },
        { "\xc3\xa9=1", .error = "Invalid parameter '\xc3\xa9'" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        json_object *v = keyval_parse(rows[i].text, rows[i].implied, rows[i].flag, NULL, &err);
        check_true(!v == !!err, "'%s': value or error", rows[i].text);
        check_str(err ? err->message : NULL, rows[i].error, "'%s': error", rows[i].text);
        check_str(v ? json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE) : NULL,
                  rows[i].value, "'%s'", rows[i].text);
        json_object_put(v);
    }
}

static void test_keyval_limits(void)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *name = g_strnfill(127, 'k'), *longer = g_strnfill(128, 'k');
    g_autofree char *fits = g_strconcat(name, "=1", NULL), *over = g_strconcat(longer, "=1", NULL);
    json_object *v = keyval_parse(fits, NULL, false, NULL, &err);
    check_true(v && !err, "a key part of 127 letters");
    json_object_put(v);
    check_true(!keyval_parse(over, NULL, false, NULL, &err), "128 are too many");
    g_clear_error(&err);
    g_autoptr(GString) deep = g_string_new("a");
    for (int i = 0; i < 100000; i++) {
        g_string_append(deep, ".a");
    }
    g_string_append(deep, "=1");
    check_true(!keyval_parse(deep->str, NULL, false, NULL, &err) && err, "100000 levels are refused");
}

/* A parsed object as keyval text again. */
static void flatten(json_object *v, const char *key, GString *out)
{
    if (json_object_is_type(v, json_type_object)) {
        json_object_object_foreach(v, name, member) {
            g_autofree char *path = key ? g_strdup_printf("%s.%s", key, name) : g_strdup(name);
            flatten(member, path, out);
        }
    } else if (json_object_is_type(v, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(v); i++) {
            g_autofree char *path = g_strdup_printf("%s.%zu", key, i);
            flatten(json_object_array_get_idx(v, i), path, out);
        }
    } else {
        check_true(json_object_is_type(v, json_type_string), "a leaf is a string");
        g_string_append_printf(out, "%s%s=", out->len ? "," : "", key);
        for (const char *c = json_object_get_string(v); *c; c++) {
            g_string_append(out, *c == ',' ? ",," : (char[]){ *c, 0 });
        }
    }
}

/* Random text of what means something to the parser: a value or an error, never both; and a value says itself again. */
static void test_keyval_random(void)
{
    static const char *const words[] = { "a", "b", "driver", "0", "1", "2", "00", "99999999999", "-", "_x", ".", ".", ".0", "=",
                                         "=", ",", ",", ",,", "help", "?", "on", "\"", "\xc3\xa9", "\xff", " ", "x.y", "=,", ".." };
    uint32_t seed = 1;
    unsigned good = 0;

    for (unsigned n = 0; n < 200000; n++) {
        g_autoptr(GString) text = g_string_new(NULL), again = g_string_new(NULL);
        g_autoptr(GError) err = NULL, err2 = NULL;
        bool help = false, flags;

        for (unsigned w = 0; w < 1 + n % 12; w++) {
            seed = seed * 1664525 + 1013904223;
            g_string_append(text, words[(seed >> 16) % G_N_ELEMENTS(words)]);
        }
        flags = seed >> 30 & 1;
        g_autofree char *exact = g_memdup2(text->str, text->len + 1);       /* overreads are seen */
        json_object *v = keyval_parse(exact, seed >> 31 ? "implied" : NULL, flags, &help, &err);
        check_true(!v != !err, "'%s': a value or an error", exact);
        if (v && !help && json_object_object_length(v)) {
            good++;
            flatten(v, NULL, again);
            json_object *v2 = keyval_parse(again->str, NULL, false, NULL, &err2);
            check_true(v2, "'%s' of '%s' parses: %s", again->str, exact, err2 ? err2->message : "");
            check_true(json_object_equal(v, v2), "'%s' is what '%s' was", again->str, exact);
            json_object_put(v2);
        }
        json_object_put(v);
    }
    check_int(good, >, 5000, "many are right");
}

static void test_help(void)
{
    static const struct {
        const char *text, *implied; bool help; const char *value;
    } rows[] = {
        {"help", "driver", true, "{}"},
        {"?", "driver", true, "{}"},
        {"e1000,help", "driver", true, "{\"driver\":\"e1000\"}"},
        {"help", NULL, true, "{}"},
        {"driver=help", NULL, false, "{\"driver\":\"help\"}"},
        {"e1000,x=1", "driver", false, "{\"driver\":\"e1000\",\"x\":\"1\"}"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        bool help = !rows[i].help;
        json_object *v = keyval_parse(rows[i].text, rows[i].implied, false, &help, NULL);
        check_int(help, ==, rows[i].help, "'%s': help", rows[i].text);
        check_str(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                  rows[i].value, "'%s'", rows[i].text);
        json_object_put(v);
    }
    bool help = true;
    json_object *v = option_parse("{'driver': 'help'}", "driver", &help, NULL);
    check_true(v && !help, "JSON asks for no help");
    json_object_put(v);
    check_true(!option_parse("{'driver': }", "driver", NULL, NULL), "bad JSON");
}

static void test_sizes(void)
{
    static const struct {
        const char *text; uint64_t unit, bytes; bool bad;
    } rows[] = {
        {"0", 1, 0},
        {"4096", 1, 4096},
        {"128", 1 << 20, 128 << 20},
        {"1b", 1 << 20, 1},
        {"1B", 1, 1},
        {"2k", 1, 2048},
        {"2K", 1, 2048},
        {"3m", 1, 3 << 20},
        {"3M", 1, 3 << 20},
        {"4G", 1, 4ull << 30},
        {"1t", 1, 1ull << 40},
        {"1P", 1, 1ull << 50},
        {"1e", 1, 1ull << 60},
        {"15E", 1, 15ull << 60},
        {"1.5G", 1, 3ull << 29},
        {".5k", 1, 512},
        {"1.k", 1, 1024},
        {"0.1k", 1, 102},
        {"1.5", 2, 3},
        {"0x1000", 1, 4096},
        {"0x1E", 1, 30},
        {"18446744073709551615", 1, UINT64_MAX},
        {"0.00000000000000000000001k", 1, 0},
        {"18446744073709551616", 1, 0, true},
        {"16E", 1, 0, true},
        {"20E", 1, 0, true},
        {"18446744073709551615k", 1, 0, true},
        {"99999999999999999999999999999999999999999999", 1, 0, true},
        {"", 1, 0, true},
        {"k", 1, 0, true},
        {".", 1, 0, true},
        {"-1", 1, 0, true},
        {"1kk", 1, 0, true},
        {"1 k", 1, 0, true},
        {" 1", 1, 0, true},
        {"1x", 1, 0, true},
        {"1.5.5", 1, 0, true},
        {"0x", 1, 0, true},
        {"0x10k", 1, 0, true},
        {"1e3", 1, 0, true},
        {"inf", 1, 0, true},
        {"+1", 1, 0, true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        uint64_t bytes = 77;
        bool ok = parse_size("size", rows[i].text, rows[i].unit, &bytes, &err);
        check_int(ok, ==, !rows[i].bad, "'%s' is %s", rows[i].text, rows[i].bad ? "refused" : "taken");
        check_int(bytes, ==, ok ? rows[i].bytes : 77, "'%s'", rows[i].text);
        check_true(ok || strstr(err->message, rows[i].text), "'%s' is named by the error", rows[i].text);
    }
}

static void test_numbers(void)
{
    static const struct {
        const char *text; int64_t value; bool bad;
    } rows[] = {
        {"0", 0},
        {"100", 100},
        {"-100", -100},
        {"0x40", 64},
        {"-0x40", -64},
        {"010", 8},
        {"+5", 5},
        {"101", 0, true},
        {"-101", 0, true},
        {"", 0, true},
        {"-", 0, true},
        {"1x", 0, true},
        {"0x", 0, true},
        {"08", 0, true},
        {"1.0", 0, true},
        {"--1", 0, true},
        {"- 1", 0, true},
        {"99999999999999999999", 0, true},
        {"-9223372036854775808", 0, true},
        {"-18446744073709551615", 0, true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        int64_t v = 77;
        bool ok = parse_int("x", rows[i].text, -100, 100, &v, &err);
        check_int(ok, ==, !rows[i].bad, "'%s'", rows[i].text);
        check_int(v, ==, ok ? rows[i].value : 77, "'%s'", rows[i].text);
    }
    g_autoptr(GError) err = NULL;
    uint64_t u;
    check_true(parse_uint("x", "18446744073709551615", UINT64_MAX, &u, NULL) && u == UINT64_MAX, "the largest");
    check_true(!parse_uint("cpus", "300", 255, &u, &err), "too many");
    check_str(err->message, "cpus takes 0 to 255, not '300'", "message");
    g_clear_error(&err);
    check_true(!parse_uint("cpus", "-1", 255, &u, &err), "negative");
    check_str(err->message, "cpus takes 0 to 255, not '-1'", "message");
    g_clear_error(&err);
    check_true(!parse_uint("cpus", "two", 255, &u, &err), "a word");
    check_str(err->message, "cpus takes a number, not 'two'", "message");
}

static void test_bools(void)
{
    static const struct { const char *text; int value; } rows[] = {
        { "on", 1 }, { "yes", 1 }, { "true", 1 }, { "y", 1 }, { "off", 0 }, { "no", 0 }, { "false", 0 }, { "n", 0 },
        { "On", -1 }, { "1", -1 }, { "", -1 }, { "onn", -1 },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        bool v = false;
        bool ok = parse_bool("x", rows[i].text, &v, NULL);
        check_int(ok ? v : -1, ==, rows[i].value, "'%s'", rows[i].text);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/option/keyval", test_keyval);
    g_test_add_func("/option/keyval-limits", test_keyval_limits);
    g_test_add_func("/option/keyval-random", test_keyval_random);
    g_test_add_func("/option/help", test_help);
    g_test_add_func("/option/sizes", test_sizes);
    g_test_add_func("/option/numbers", test_numbers);
    g_test_add_func("/option/bools", test_bools);
    return g_test_run();
}
