/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Visitors, by a schema with one of everything: JSON and keyval text to C and back, every sort of mistake with its
 * words, command calls, event data, introspection. Run under the address sanitizer they also show that nothing leaks.
 */
#include "tests/check.h"

#include "core/option.h"
#include "tests/unit/qapi/qapi-commands.h"
#include "tests/unit/qapi/qapi-events.h"

/* Handlers of the test schema's commands */

static char *drawn;

void qmp_do_nothing(GError **err) { }

All *qmp_draw(const Shape *args, GError **err)
{
    if (args->kind == SHAPE_KIND_NOTHING) {
        error_set(err, "there is nothing to draw");
        return NULL;
    }
    g_free(drawn);
    drawn = args->kind == SHAPE_KIND_CIRCLE ? g_strdup_printf("circle %u", args->u.circle.radius)
                                            : g_strdup_printf("square %u", args->u.square.side);
    All *all = g_new0(All, 1);
    all->s = g_strdup(drawn);
    all->i = args->at->x;
    return all;
}

int64_t qmp_add(const AddArgs *args, GError **err)
{
    return args->a + (args->has_b ? args->b : 0);
}

GPtrArray *qmp_names(GError **err)
{
    GPtrArray *list = str_list_new();
    g_ptr_array_add(list, g_strdup("one"));
    g_ptr_array_add(list, g_strdup("two"));
    return list;
}

json_object *qmp_raw(json_object *args, GError **err)
{
    return json_object_get(args);
}

/* Values that go through and come back */

static const struct { const char *claim, *json; } round_trips[] = {
    { "the least object", "{\"s\":\"\",\"i\":0}" },
    { "integers at their limits", "{\"s\":\"a\",\"i\":-9223372036854775808,\"i8\":-128,\"i16\":32767,\"u8\":255,\"u16\":65535,"
      "\"u32\":4294967295,\"u64\":18446744073709551615,\"size\":1}" },
    { "zero and false are values, not absence", "{\"s\":\"a\",\"i\":1,\"i8\":0,\"b\":false}" },
    { "numbers with a fraction", "{\"s\":\"a\",\"i\":1,\"n\":0.5,\"b\":true}" },
    { "any value", "{\"s\":\"a\",\"i\":1,\"any\":{\"x\":[1,null,\"y\"]}}" },
    { "enum values", "{\"s\":\"a\",\"i\":1,\"colour\":\"dark-blue\"}" },
    { "a struct with a base", "{\"s\":\"a\",\"i\":1,\"point\":{\"x\":1,\"y\":-2,\"z\":3}}" },
    { "an optional member of a struct left out", "{\"s\":\"a\",\"i\":1,\"point\":{\"x\":1,\"y\":2}}" },
    { "lists of each kind", "{\"s\":\"a\",\"i\":1,\"strings\":[\"x\",\"\"],\"ints\":[1,-1],\"colours\":[\"3d-green\",\"red\"],"
      "\"points\":[{\"x\":1,\"y\":2},{\"x\":3,\"y\":4}],\"anys\":[null,1]}" },
    { "empty lists", "{\"s\":\"a\",\"i\":1,\"strings\":[],\"ints\":[]}" },
    { "a member named as a word of C", "{\"s\":\"a\",\"i\":1,\"default\":\"d\"}" },
    { "a union's branch", "{\"s\":\"a\",\"i\":1,\"shape\":{\"kind\":\"circle\",\"at\":{\"x\":1,\"y\":2},\"radius\":7,\"label\":\"l\"}}" },
    { "a union's branch with a list",
      "{\"s\":\"a\",\"i\":1,\"shape\":{\"kind\":\"square\",\"at\":{\"x\":1,\"y\":2},\"side\":7,\"corners\":[{\"x\":1,\"y\":1}]}}" },
    { "a union's branch without members", "{\"s\":\"a\",\"i\":1,\"shape\":{\"kind\":\"nothing\",\"at\":{\"x\":1,\"y\":2}}}" },
    { "an alternate's string", "{\"s\":\"a\",\"i\":1,\"alt\":\"here\"}" },
    { "an alternate's object", "{\"s\":\"a\",\"i\":1,\"alt\":{\"x\":1,\"y\":2}}" },
    { "an alternate's null", "{\"s\":\"a\",\"i\":1,\"null-or\":null}" },
};

static json_object *parse_json(const char *text)
{
    GError *err = NULL;
    json_object *json = json_parse_text(text, strlen(text), &err);
    check_true(!err, "test data is JSON: %s", text);
    return json;
}

static void test_round_trips(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(round_trips); i++) {
        json_object *in = parse_json(round_trips[i].json);
        GError *err = NULL;
        g_autoptr(All) all = qapi_parse(&all_qapi, in, QAPI_MODE_JSON, &err);
        check_str(err ? err->message : NULL, NULL, "%s", round_trips[i].claim);
        json_object *out = qapi_to_json(&all_qapi, all);
        check_str(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN), round_trips[i].json, "%s", round_trips[i].claim);
        json_object_put(in);
        json_object_put(out);
    }
}

/* Mistakes in JSON */

static const struct { const char *claim, *json, *message; } mistakes[] = {
    { "a required member is missing", "{\"i\":1}", "Parameter 's' is missing" },
    { "a required member of a member is missing", "{\"s\":\"a\",\"i\":1,\"point\":{\"x\":1}}", "Parameter 'point.y' is missing" },
    { "a member of a list element is missing", "{\"s\":\"a\",\"i\":1,\"points\":[{\"x\":1,\"y\":1},{\"x\":1}]}",
      "Parameter 'points[1].y' is missing" },
    { "an unknown member", "{\"s\":\"a\",\"i\":1,\"sise\":1}", "Parameter 'sise' is unexpected; did you mean 'size'?" },
    { "an unknown member that is like no other", "{\"s\":\"a\",\"i\":1,\"xyzzyx\":1}", "Parameter 'xyzzyx' is unexpected" },
    { "an unknown member inside", "{\"s\":\"a\",\"i\":1,\"point\":{\"x\":1,\"y\":1,\"w\":1}}", NULL },
    { "a member of another branch",
      "{\"s\":\"a\",\"i\":1,\"shape\":{\"kind\":\"circle\",\"at\":{\"x\":1,\"y\":2},\"radius\":7,\"side\":1}}",
      "Parameter 'shape.side' is unexpected" },
    { "a branch's member is missing", "{\"s\":\"a\",\"i\":1,\"shape\":{\"kind\":\"circle\",\"at\":{\"x\":1,\"y\":2}}}",
      "Parameter 'shape.radius' is missing" },
    { "the discriminator is missing", "{\"s\":\"a\",\"i\":1,\"shape\":{\"at\":{\"x\":1,\"y\":2}}}", "Parameter 'shape.kind' is missing" },
    { "a discriminator without branch", "{\"s\":\"a\",\"i\":1,\"shape\":{\"kind\":\"sqare\",\"at\":{\"x\":1,\"y\":2}}}",
      "Parameter 'shape.kind' does not accept value 'sqare'; did you mean 'square'?" },
    { "a number for a string", "{\"s\":1,\"i\":1}", "Invalid parameter type for 's', expected: string" },
    { "null for a string", "{\"s\":null,\"i\":1}", "Invalid parameter type for 's', expected: string" },
    { "a string for an integer", "{\"s\":\"a\",\"i\":\"1\"}", "Invalid parameter type for 'i', expected: integer" },
    { "a fraction for an integer", "{\"s\":\"a\",\"i\":1.0}", "Invalid parameter type for 'i', expected: integer" },
    { "too large for int", "{\"s\":\"a\",\"i\":9223372036854775808}",
      "Parameter 'i' expects an integer from -9223372036854775808 to 9223372036854775807" },
    { "too small for int8", "{\"s\":\"a\",\"i\":1,\"i8\":-129}", "Parameter 'i8' expects an integer from -128 to 127" },
    { "negative for uint8", "{\"s\":\"a\",\"i\":1,\"u8\":-1}", "Parameter 'u8' expects an integer from 0 to 255" },
    { "negative for uint64", "{\"s\":\"a\",\"i\":1,\"u64\":-1}", "Parameter 'u64' expects an integer from 0 to 18446744073709551615" },
    { "text for a size in JSON", "{\"s\":\"a\",\"i\":1,\"size\":\"1M\"}", "Invalid parameter type for 'size', expected: integer" },
    { "text for bool in JSON", "{\"s\":\"a\",\"i\":1,\"b\":\"on\"}", "Invalid parameter type for 'b', expected: boolean" },
    { "text for a number", "{\"s\":\"a\",\"i\":1,\"n\":\"1\"}", "Invalid parameter type for 'n', expected: number" },
    { "an unknown enum value", "{\"s\":\"a\",\"i\":1,\"colour\":\"dark_blue\"}",
      "Parameter 'colour' does not accept value 'dark_blue'; did you mean 'dark-blue'?" },
    { "a number for an enum", "{\"s\":\"a\",\"i\":1,\"colour\":0}", "Invalid parameter type for 'colour', expected: string" },
    { "an object for a list", "{\"s\":\"a\",\"i\":1,\"ints\":{}}", "Invalid parameter type for 'ints', expected: array" },
    { "a list for an object", "{\"s\":\"a\",\"i\":1,\"point\":[]}", "Invalid parameter type for 'point', expected: object" },
    { "a wrong element", "{\"s\":\"a\",\"i\":1,\"ints\":[1,2,\"x\"]}", "Invalid parameter type for 'ints[2]', expected: integer" },
    { "an alternate of neither form", "{\"s\":\"a\",\"i\":1,\"alt\":1}", "Invalid parameter type for 'alt', expected: StrOrPoint" },
    { "a mistake inside of an alternate", "{\"s\":\"a\",\"i\":1,\"alt\":{\"x\":1}}", "Parameter 'alt.y' is missing" },
    { "not an object", "[]", "Invalid parameter type, expected: object" },
};

static void test_mistakes(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        json_object *in = parse_json(mistakes[i].json);
        g_autoptr(GError) err = NULL;
        All *all = qapi_parse(&all_qapi, in, QAPI_MODE_JSON, &err);
        check_true(!all && err, "refused: %s", mistakes[i].claim);
        if (mistakes[i].message) {
            check_str(err->message, mistakes[i].message, "%s", mistakes[i].claim);
        }
        check_int(err->code, ==, ERR_GENERIC, "%s", mistakes[i].claim);
        json_object_put(in);
    }
}

/* The parser lets no NUL through, but a value may come from elsewhere. */
static void test_nul_in_string(void)
{
    json_object *in = parse_json("{\"i\":1}");
    g_autoptr(GError) err = NULL;
    json_object_object_add(in, "s", json_object_new_string_len("a\0b", 3));
    check_true(!qapi_parse(&all_qapi, in, QAPI_MODE_JSON, &err), "a string with NUL is refused");
    check_str(err->message, "Parameter 's' expects a string without NUL characters", "the member is named");
    json_object_put(in);
}

/* The command line: leaves are text */

static const struct { const char *claim, *keyval, *json, *message; } keyvals[] = {
    { "integers in any base", "s=a,i=0x10,u8=010", "{\"s\":\"a\",\"i\":16,\"u8\":8}", NULL },
    { "negative integers", "s=a,i=-5", "{\"s\":\"a\",\"i\":-5}", NULL },
    { "sizes with a suffix", "s=a,i=1,size=4K", "{\"s\":\"a\",\"i\":1,\"size\":4096}", NULL },
    { "booleans as words", "s=a,i=1,b=on", "{\"s\":\"a\",\"i\":1,\"b\":true}", NULL },
    { "a comma in a value", "s=a,,b,i=1", "{\"s\":\"a,b\",\"i\":1}", NULL },
    { "members of members", "s=a,i=1,point.x=1,point.y=2", "{\"s\":\"a\",\"i\":1,\"point\":{\"x\":1,\"y\":2}}", NULL },
    { "lists", "s=a,i=1,ints.0=5,ints.1=6", "{\"s\":\"a\",\"i\":1,\"ints\":[5,6]}", NULL },
    { "a union", "s=a,i=1,shape.kind=circle,shape.at.x=1,shape.at.y=2,shape.radius=3",
      "{\"s\":\"a\",\"i\":1,\"shape\":{\"kind\":\"circle\",\"at\":{\"x\":1,\"y\":2},\"radius\":3}}", NULL },
    { "numbers", "s=a,i=1,n=2.5", "{\"s\":\"a\",\"i\":1,\"n\":2.5}", NULL },
    { "a word for an integer", "s=a,i=one", NULL, "Parameter 'i' expects an integer from -9223372036854775808 to 9223372036854775807" },
    { "too large", "s=a,i=1,u8=256", NULL, "Parameter 'u8' expects an integer from 0 to 255" },
    { "a bad size", "s=a,i=1,size=4Q", NULL, "Parameter 'size' expects a size value: a number of bytes, 0 to 18446744073709551615" },
    { "a bad boolean", "s=a,i=1,b=maybe", NULL, "Parameter 'b' expects 'on' or 'off'" },
    { "a bad element", "s=a,i=1,ints.0=5,ints.1=x", NULL,
      "Parameter 'ints.1' expects an integer from -9223372036854775808 to 9223372036854775807" },
    { "a bad number", "s=a,i=1,n=1x", NULL, "Parameter 'n' expects a number" },
    { "a misspelt member", "s=a,i=1,point.x=1,point.y=2,colur=red", NULL, "Parameter 'colur' is unexpected; did you mean 'colour'?" },
};

static void test_keyval(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keyvals); i++) {
        g_autoptr(GError) err = NULL;
        json_object *in = keyval_parse(keyvals[i].keyval, NULL, false, NULL, &err);
        check_true(in, "test data is keyval: %s", keyvals[i].keyval);
        g_autoptr(All) all = qapi_parse(&all_qapi, in, QAPI_MODE_KEYVAL, &err);
        check_str(err ? err->message : NULL, keyvals[i].message, "%s", keyvals[i].claim);
        if (all) {
            json_object *out = qapi_to_json(&all_qapi, all);
            check_str(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN), keyvals[i].json, "%s", keyvals[i].claim);
            json_object_put(out);
        }
        json_object_put(in);
    }
}

/* Commands */

static const struct { const char *claim, *command, *args, *reply, *message; } calls[] = {
    { "a command without arguments or result", "do-nothing", NULL, "{}", NULL },
    { "empty arguments", "do-nothing", "{}", "{}", NULL },
    { "arguments for one that takes none", "do-nothing", "{\"x\":1}", NULL, "Parameter 'x' is unexpected" },
    { "a scalar result", "add", "{\"a\":2,\"b\":3}", "5", NULL },
    { "an optional argument left out", "add", "{\"a\":2}", "2", NULL },
    { "a missing argument", "add", NULL, NULL, "Parameter 'a' is missing" },
    { "a list", "names", NULL, "[\"one\",\"two\"]", NULL },
    { "a union as arguments", "draw", "{\"kind\":\"square\",\"at\":{\"x\":9,\"y\":2},\"side\":4}", "{\"s\":\"square 4\",\"i\":9}", NULL },
    { "an error of the handler", "draw", "{\"kind\":\"nothing\",\"at\":{\"x\":9,\"y\":2}}", NULL, "there is nothing to draw" },
    { "raw arguments", "raw", "{\"what\":[\"ever\"]}", "{\"what\":[\"ever\"]}", NULL },
};

static void test_calls(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        const QmpCommand *command = qmp_command_find(qmp_commands, qmp_command_count, calls[i].command, NULL);
        check_true(command, "command '%s' is found", calls[i].command);
        json_object *args = calls[i].args ? parse_json(calls[i].args) : NULL, *reply = NULL;
        g_autoptr(GError) err = NULL;
        bool ok = qmp_command_call(command, args, &reply, &err);
        check_int(ok, ==, calls[i].message == NULL, "%s", calls[i].claim);
        check_str(err ? err->message : NULL, calls[i].message, "%s", calls[i].claim);
        if (ok) {
            check_str(json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN), calls[i].reply, "%s", calls[i].claim);
        }
        json_object_put(reply);
        json_object_put(args);
    }
    g_clear_pointer(&drawn, g_free);
}

static void test_find(void)
{
    NearestWord nearest;
    nearest_init(&nearest, "nams");
    check_true(!qmp_command_find(qmp_commands, qmp_command_count, "nams", &nearest), "an unknown command is not found");
    check_str(nearest_hint(&nearest), "; did you mean 'names'?", "the nearest command is named");
    for (unsigned i = 0; i < qmp_command_count; i++) {
        const char *name = qmp_commands[i].info->name;
        check_true(qmp_command_find(qmp_commands, qmp_command_count, name, NULL) == &qmp_commands[i], "'%s' is found", name);
    }
}

/* Events */

static GString *events;

static void collect_event(const QapiInterface *event, json_object *data)
{
    g_string_append_printf(events, "%s %s;", event->name, data ? json_object_to_json_string_ext(data, JSON_C_TO_STRING_PLAIN) : "-");
    json_object_put(data);
}

static void test_events(void)
{
    qapi_event_send_happened("nobody listens", false, 0, NULL);
    events = g_string_new(NULL);
    qapi_event_hook = collect_event;
    qapi_event_send_happened("a", false, 0, NULL);
    qapi_event_send_happened("b", true, 0, &(Point){ 1, 2 });
    qapi_event_send_shaped(&(Shape){ .kind = SHAPE_KIND_CIRCLE, .at = &(Point){ 1, 2 }, .u.circle.radius = 5 });
    qapi_event_hook = NULL;
    check_str(events->str, "HAPPENED {\"what\":\"a\"};HAPPENED {\"what\":\"b\",\"count\":0,\"at\":{\"x\":1,\"y\":2}};"
              "SHAPED {\"kind\":\"circle\",\"at\":{\"x\":1,\"y\":2},\"radius\":5};", "event data holds what was passed");
    g_string_free(events, true);
}

/* Introspection */

static json_object *entity(json_object *schema, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(schema); i++) {
        json_object *e = json_object_array_get_idx(schema, i);
        if (!strcmp(dict_str(e, "name"), name)) {
            return e;
        }
    }
    return NULL;
}

static void check_entity(json_object *schema, const char *name, const char *wanted, const char *claim)
{
    json_object *e = entity(schema, name);
    check_str(e ? json_object_to_json_string_ext(e, JSON_C_TO_STRING_PLAIN) : NULL, wanted, "%s", claim);
}

static void test_introspection(void)
{
    json_object *schema = qapi_introspect();
    check_entity(schema, "do-nothing", "{\"name\":\"do-nothing\",\"meta-type\":\"command\",\"arg-type\":\"0\",\"ret-type\":\"0\"}",
                 "no arguments and no result are the empty type");
    check_entity(schema, "0", "{\"name\":\"0\",\"meta-type\":\"object\",\"members\":[]}", "the empty type has no members");
    check_entity(schema, "add", "{\"name\":\"add\",\"meta-type\":\"command\",\"arg-type\":\"3\",\"ret-type\":\"int\",\"allow-oob\":true}",
                 "flags of a command are shown");
    check_entity(schema, "draw", "{\"name\":\"draw\",\"meta-type\":\"command\",\"arg-type\":\"1\",\"ret-type\":\"2\","
                 "\"features\":[\"unstable\"]}",
                 "features of a command are shown");
    check_entity(schema, "3", "{\"name\":\"3\",\"meta-type\":\"object\",\"members\":[{\"name\":\"a\",\"type\":\"int\"},"
                 "{\"name\":\"b\",\"default\":null,\"type\":\"int\"}]}", "an optional member has a default");
    check_entity(schema, "names", "{\"name\":\"names\",\"meta-type\":\"command\",\"arg-type\":\"0\",\"ret-type\":\"[str]\"}",
                 "lists are in brackets");
    check_entity(schema, "[str]", "{\"name\":\"[str]\",\"meta-type\":\"array\",\"element-type\":\"str\"}", "lists are entities");
    check_true(!entity(schema, "Gone") && !entity(schema, "Point"), "names of types are not shown");
    json_object *draw = entity(schema, "1"), *variants = NULL;
    check_str(dict_str(draw, "tag"), "kind", "a union names its tag");
    json_object_object_get_ex(draw, "variants", &variants);
    check_int(json_object_array_length(variants), ==, 3, "every value of the tag has a variant");
    check_str(dict_str(json_object_array_get_idx(variants, 2), "type"), "0", "a value without branch has the empty type");
    for (size_t i = 0; i < json_object_array_length(schema); i++) {
        json_object *e = json_object_array_get_idx(schema, i);
        check_true(entity(schema, dict_str(e, "name")) == e, "name '%s' is there once", dict_str(e, "name"));
        const char *element = dict_str(e, "element-type");
        check_true(!element || entity(schema, element), "element type '%s' is there", element);
    }
    json_object_put(schema);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qapi/round-trips", test_round_trips);
    g_test_add_func("/qapi/mistakes", test_mistakes);
    g_test_add_func("/qapi/nul-in-string", test_nul_in_string);
    g_test_add_func("/qapi/keyval", test_keyval);
    g_test_add_func("/qapi/calls", test_calls);
    g_test_add_func("/qapi/find", test_find);
    g_test_add_func("/qapi/events", test_events);
    g_test_add_func("/qapi/introspection", test_introspection);
    return g_test_run();
}
