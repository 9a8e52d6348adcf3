/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties of every kind, the composition tree and its paths, globals, and user-made objects. */
#include "core/object.h"
#include "core/option.h"
#include "tests/check.h"

static const char *const color_names[] = { "red", "green", "", "blue", NULL };

typedef struct Thing {
    Object object;
    bool flag;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32, bits32, size32;
    uint64_t u64, bits64, size;
    int32_t i32;
    int64_t i64;
    char *text;
    int color;
    OnOffAuto mode;
    Object *peer;
    int64_t seen;
    bool complete_fails;
} Thing;

static GString *life;                   /* what hooks ran, in order */
static int alive;

static json_object *get_seen(Object *obj, const Property *prop)
{
    return json_object_new_int64(((Thing *)obj)->seen);
}

static bool set_seen(Object *obj, const Property *prop, json_object *value, GError **err)
{
    if (!json_object_is_type(value, json_type_int)) {
        return error_set(err, "seen takes an integer");
    }
    ((Thing *)obj)->seen = json_object_get_int64(value);
    return true;
}

static const Property thing_properties[] = {
    PROP_BOOL("flag", Thing, flag, true, "a flag"),
    PROP_UINT8("u8", Thing, u8, 7, "a byte"),
    PROP_UINT16("u16", Thing, u16, 0, NULL),
    PROP_UINT32("u32", Thing, u32, 1000, NULL, .min = 10, .max = 2000),
    PROP_UINT64("u64", Thing, u64, UINT64_MAX, NULL),
    PROP_INT32("i32", Thing, i32, -1, NULL),
    PROP_INT64("i64", Thing, i64, 0, NULL, .min = (uint64_t)-5, .max = 5),
    PROP_SIZE("size", Thing, size, 4096, NULL),
    PROP_SIZE32("size32", Thing, size32, 0, NULL),
    PROP_STR("text", Thing, text, NULL, .def_str = "hello", .runtime = true),
    PROP_ENUM("color", Thing, color, 1, color_names, "Color", NULL),
    PROP_ON_OFF_AUTO("mode", Thing, mode, ON_OFF_AUTO_AUTO, NULL),
    PROP_LINK("peer", Thing, peer, "thing", NULL),
    PROP_BIT32("b5", Thing, bits32, 5, true, NULL),
    PROP_BIT64("b40", Thing, bits64, 40, false, NULL),
    PROP_VIRTUAL("seen", "int", get_seen, set_seen, NULL),
    PROP_VIRTUAL("fixed", "int", get_seen, NULL, NULL),
    PROP_BOOL("complete-fails", Thing, complete_fails, false, NULL),
    { }
};

static void thing_init(Object *obj) { g_string_append(life, "init "); alive++; }
static void thing_finalize(Object *obj) { g_string_append(life, "finalize "); alive--; }
static bool thing_complete(Object *obj, GError **err)
{
    return ((Thing *)obj)->complete_fails ? error_set(err, "incomplete") : true;
}
static const Type thing_type = {
    .name = "thing", .parent = &object_type, .size = sizeof(Thing), .properties = thing_properties, .init = thing_init,
    .finalize = thing_finalize, .complete = thing_complete, .user_creatable = true,
};
TYPE_REGISTER(thing_type);

static void sub_init(Object *obj) { g_string_append(life, "sub-init "); }
static void sub_finalize(Object *obj) { g_string_append(life, "sub-finalize "); }
static const Property sub_properties[] = { PROP_UINT8("u8", Thing, u8, 9, "hides the parent's"), { } };
static const Type sub_type = {
    .name = "sub-thing",
    .parent = &thing_type,
    .properties = sub_properties,
    .init = sub_init,
    .finalize = sub_finalize,
};
TYPE_REGISTER(sub_type);

static const Type abstract_type = {
    .name = "abstract-thing", .parent = &thing_type, .is_abstract = true, .user_creatable = true};
TYPE_REGISTER(abstract_type);

static void reset_life(void)
{
    g_string_truncate(life, 0);
}

static const char *json_text(json_object *v)
{
    return v ? json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE) : "null";
}

static void check_property(Object *obj, const char *name, const char *want, const char *claim)
{
    g_autoptr(GError) err = NULL;
    json_object *v = object_get(obj, name, &err);
    check_true(!err, "%s: reading %s: %s", claim, name, err ? err->message : "");
    check_str(json_text(v), want, "%s: %s", claim, name);
    json_object_put(v);
}

static void test_types(void)
{
    check_true(type_find("thing") == &thing_type, "a registered type is found");
    check_true(!type_find("thin"), "no prefix of a name is found");
    check_true(type_is_a(&sub_type, &thing_type) && type_is_a(&sub_type, &object_type), "ancestors");
    check_true(!type_is_a(&thing_type, &sub_type), "not the other way");
    check_true(type_property(&sub_type, "u8") == sub_properties, "the leaf's row hides the parent's");
    check_true(type_property(&sub_type, "u16") == &thing_properties[2], "rows are inherited");
}

static void test_life(void)
{
    reset_life();
    Object *obj = object_new(&sub_type);
    check_str(life->str, "init sub-init ", "init runs root to leaf");
    check_property(obj, "u8", "9", "the leaf's default is set last");
    object_ref(obj);
    object_unref(obj);
    check_int(alive, ==, 1, "one reference is left");
    object_unref(obj);
    check_str(life->str, "init sub-init sub-finalize finalize ", "finalize runs leaf to root");
    check_int(alive, ==, 0, "gone");
    object_unref(NULL);
}

static void test_defaults(void)
{
    static const struct { const char *name, *value, *type; } rows[] = {
        { "flag", "true", "bool" }, { "u8", "7", "uint8" }, { "u16", "0", "uint16" }, { "u32", "1000", "uint32" },
        { "u64", "18446744073709551615", "uint64" }, { "i32", "-1", "int32" }, { "i64", "0", "int64" },
        { "size", "4096", "size" }, { "size32", "0", "size" }, { "text", "\"hello\"", "str" },
        { "color", "\"green\"", "Color" }, { "mode", "\"auto\"", "OnOffAuto" }, { "peer", "\"\"", "link<thing>" },
        { "b5", "true", "bool" }, { "b40", "false", "bool" }, { "seen", "0", "int" }, { "type", "\"thing\"", "string" },
    };
    g_autoptr(Object) obj = object_new(&thing_type);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Property *row = type_property(&thing_type, rows[i].name);
        check_property(obj, rows[i].name, rows[i].value, "default");
        check_str(property_type_name(row), rows[i].type, "type of %s", rows[i].name);
        json_object *def = property_default(row);
        bool has_none = row->kind == &prop_kind_link || row->kind == &prop_kind_virtual;
        check_str(json_text(def), has_none ? "null" : rows[i].value, "property_default of %s", rows[i].name);
        json_object_put(def);
    }
}

/* Text as on a command line. */
static void test_parse(void)
{
    static const struct {
        const char *claim, *name, *text, *value, *error;
    } rows[] = {
        {"bool on", "flag", "on", "true"},
        {"bool no", "flag", "no", "false"},
        {"bool y", "flag", "y", "true"},
        {"bool false", "flag", "false", "false"},
        {"bool other", "flag", "maybe", .error = "property 'flag' of thing takes 'on' or 'off', not 'maybe'"},
        {"bool empty", "flag", "", .error = "property 'flag' of thing takes 'on' or 'off', not ''"},
        {"u8 most", "u8", "255", "255"},
        {"u8 hex", "u8", "0x1f", "31"},
        {"u8 octal", "u8", "010", "8"},
        {"u8 too much", "u8", "256", .error = "property 'u8' of thing takes 0 to 255, not 256"},
        {"u8 negative", "u8", "-1", .error = "property 'u8' of thing takes 0 to 255, not -1"},
        {"u8 word", "u8", "ten", .error = "property 'u8' of thing takes an integer, not 'ten'"},
        {"u8 trailing", "u8", "10k", .error = "property 'u8' of thing takes an integer, not '10k'"},
        {"u8 space", "u8", " 10", .error = "property 'u8' of thing takes an integer, not ' 10'"},
        {"u8 beyond 64 bits", "u8", "99999999999999999999",
         .error = "property 'u8' of thing takes an integer, not '99999999999999999999'"},
        {"u16 too much", "u16", "65536", .error = "property 'u16' of thing takes 0 to 65535, not 65536"},
        {"u32 least", "u32", "10", "10"},
        {"u32 below the row's range", "u32", "9", .error = "property 'u32' of thing takes 10 to 2000, not 9"},
        {"u32 above the row's range", "u32", "2001", .error = "property 'u32' of thing takes 10 to 2000, not 2001"},
        {"u64 most", "u64", "18446744073709551615", "18446744073709551615"},
        {"u64 negative", "u64", "-1", .error = "property 'u64' of thing takes 0 to 18446744073709551615, not -1"},
        {"i32 least", "i32", "-2147483648", "-2147483648"},
        {"i32 too small", "i32", "-2147483649",
         .error = "property 'i32' of thing takes -2147483648 to 2147483647, not -2147483649"},
        {"i64 in range", "i64", "-5", "-5"},
        {"i64 below", "i64", "-6", .error = "property 'i64' of thing takes -5 to 5, not -6"},
        {"i64 above", "i64", "6", .error = "property 'i64' of thing takes -5 to 5, not 6"},
        {"size with suffix", "size", "1.5M", "1572864"},
        {"size32 too large", "size32", "4G",
         .error = "property 'size32' of thing takes 0 to 4294967295, not 4294967296"},
        {"size other", "size", "big",
         .error =
             "property 'size' of thing takes a size (a number with an optional suffix k, M, G, T, P or E), not 'big'"},
        {"str", "text", "a b", "\"a b\""},
        {"str empty", "text", "", "\"\""},
        {"enum", "color", "blue", "\"blue\""},
        {"enum nearest", "color", "gren",
         .error = "property 'color' of thing does not take 'gren'; did you mean 'green'?"},
        {"enum without likeness", "color", "yellow",
         .error = "property 'color' of thing does not take 'yellow', but one of red, green, blue"},
        {"enum: the gap is no name", "color", "",
         .error = "property 'color' of thing does not take '', but one of red, green, blue"},
        {"on-off-auto", "mode", "off", "\"off\""},
        {"on-off-auto other", "mode", "true",
         .error = "property 'mode' of thing does not take 'true', but one of auto, on, off"},
        {"bit on", "b40", "on", "true"},
        {"bit off", "b5", "off", "false"},
        {"link to nothing", "peer", "/nowhere", .error = "property 'peer' of thing: there is no object '/nowhere'"},
        {"link to another type", "peer", "/",
         .error = "property 'peer' of thing takes a 'thing', but '/' is a 'container'"},
        {"virtual int", "seen", "12", "12"},
        {"virtual int as size", "seen", "4k", "4096"},
        {"virtual int bad", "seen", "q", .error = "property 'seen' of thing takes an integer, not 'q'"},
        {"read-only", "fixed", "1", .error = "property 'fixed' of thing is read-only"},
        {"type is read-only", "type", "x", .error = "property 'type' of thing is read-only"},
        {"unknown, with likeness", "colour", "red", .error = "thing has no property 'colour'; did you mean 'color'?"},
        {"unknown, without", "wheels", "4", .error = "thing has no property 'wheels'"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Object) obj = object_new(&thing_type);
        g_autoptr(GError) err = NULL;
        bool ok = object_parse(obj, rows[i].name, rows[i].text, &err);
        check_str(ok ? NULL : err->message, rows[i].error, "%s", rows[i].claim);
        if (ok) {
            check_property(obj, rows[i].name, rows[i].value, rows[i].claim);
        }
    }
}

/* JSON as from a monitor: the type must be right. */
static void test_set(void)
{
    static const struct {
        const char *claim, *name, *json, *error;
    } rows[] = {
        {"bool", "flag", "false", NULL},
        {"bool from string", "flag", "'on'", "Invalid parameter type for 'flag', expected: boolean"},
        {"bool from number", "flag", "1", "Invalid parameter type for 'flag', expected: boolean"},
        {"integer from string", "u8", "'1'", "Invalid parameter type for 'u8', expected: integer"},
        {"integer from double", "u8", "1.0", "Invalid parameter type for 'u8', expected: integer"},
        {"integer from null", "u8", "null", "Invalid parameter type for 'u8', expected: integer"},
        {"integer range", "u8", "300", "property 'u8' of thing takes 0 to 255, not 300"},
        {"integer negative", "u64", "-3", "property 'u64' of thing takes 0 to 18446744073709551615, not -3"},
        {"int64 from above int64", "i64", "18446744073709551615",
         "property 'i64' of thing takes -5 to 5, not 18446744073709551615"},
        {"u64 above int64", "u64", "9223372036854775808", NULL},
        {"size from string", "size", "'4G'", "Invalid parameter type for 'size', expected: integer"},
        {"string from number", "text", "5", "Invalid parameter type for 'text', expected: string"},
        {"string from list", "text", "['a']", "Invalid parameter type for 'text', expected: string"},
        {"enum from number", "color", "1", "Invalid parameter type for 'color', expected: string"},
        {"link from object", "peer", "{}", "Invalid parameter type for 'peer', expected: string"},
        {"bit from string", "b5", "'on'", "Invalid parameter type for 'b5', expected: boolean"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Object) obj = object_new(&thing_type);
        g_autoptr(GError) err = NULL;
        json_object *v = json_parse_text(rows[i].json, strlen(rows[i].json), &err);
        check_true(!err, "the row is JSON");
        bool ok = object_set(obj, rows[i].name, v, &err);
        check_str(ok ? NULL : err->message, rows[i].error, "%s", rows[i].claim);
        json_object_put(v);
    }
}

static void test_dict(void)
{
    static const char *const skip[] = { "driver", NULL };
    g_autoptr(Object) obj = object_new(&thing_type);
    g_autoptr(GError) err = NULL;

    json_object *dict = option_parse("thing,u8=3,flag=off,size=2M", "driver", NULL, &err);
    check_true(object_set_dict(obj, dict, skip, &err), "keyval sets: %s", err ? err->message : "");
    json_object_put(dict);
    check_property(obj, "u8", "3", "from a dictionary");
    check_property(obj, "flag", "false", "from a dictionary");
    check_property(obj, "size", "2097152", "from a dictionary");
    dict = option_parse("{\"u8\": 4, \"flag\": true}", NULL, NULL, &err);
    check_true(object_set_dict(obj, dict, NULL, &err), "JSON sets");
    json_object_put(dict);
    check_property(obj, "u8", "4", "from JSON");
    dict = option_parse("u8.x=4", NULL, NULL, &err);
    check_true(!object_set_dict(obj, dict, NULL, &err), "a nested value for an integer");
    check_str(err->message, "Invalid parameter type for 'u8', expected: integer", "nested");
    json_object_put(dict);
    g_clear_error(&err);
    dict = option_parse("a.b=4", NULL, NULL, &err);
    check_true(!object_set_dict(obj, dict, NULL, &err), "an unknown nested key");
    check_str(err->message, "thing has no property 'a.b'", "the whole key is named");
    json_object_put(dict);
}

static void test_frozen(void)
{
    g_autoptr(Object) obj = object_new(&thing_type);
    g_autoptr(GError) err = NULL;

    obj->frozen = true;
    check_true(!object_parse(obj, "u8", "1", &err), "a frozen property is not set");
    check_str(err->message, "cannot change property 'u8' of thing after it was created", "message");
    check_true(object_parse(obj, "text", "new", NULL), "a run-time property is");
}

static void append_info(const PropertyInfo *info, void *listing)
{
    g_string_append_printf(listing, "%s:%s ", info->name, info->type);
}

static void test_tree(void)
{
    g_autoptr(GError) err = NULL;
    Object *box = object_container("/box/inner");
    Object *a = object_new(&thing_type), *b = object_new(&sub_type), *c = object_new(&thing_type);
    bool ambiguous;

    check_true(object_container("/box/inner") == box, "containers are made once");
    object_add_child(box, "a", a);
    object_add_child(box, "b[*]", b);
    object_add_child(object_container("/box"), "b[*]", c);
    g_autofree char *path = object_path(b);
    check_str(path, "/box/inner/b[0]", "numbered child");
    check_true(object_resolve("/box/inner/a", NULL) == a, "absolute path");
    check_true(object_resolve("/box//inner/a/", NULL) == a, "empty parts do not matter");
    check_true(object_resolve("inner/a", &ambiguous) == a && !ambiguous, "partial path");
    check_true(!object_resolve("b[0]", &ambiguous) && ambiguous, "two of one name are ambiguous");
    check_true(!object_resolve("", NULL), "an empty path is nothing");
    check_true(object_resolve("/", NULL) == object_root(), "the root");
    check_property(box, "a", "\"/box/inner/a\"", "a child reads as its path");
    check_true(!object_parse(box, "a", "x", &err), "a child cannot be set");
    check_str(err->message, "'a' of container is not settable", "message");
    g_clear_error(&err);

    check_true(object_parse(a, "peer", "/box/inner/b[0]", NULL), "link by path; a subtype will do");
    check_int(b->refs, ==, 2, "a link holds a reference");
    check_true(object_resolve("/box/inner/a/peer", NULL) == b, "a path leads through a link");
    object_set_link(a, "peer", c);
    check_int(b->refs, ==, 1, "and drops it");
    object_add_link(box, "shortcut", c);
    check_true(object_resolve("/box/inner/shortcut/", NULL) == c, "a path leads through a run-time link");

    g_autoptr(GString) listing = g_string_new(NULL);
    object_foreach_property(box, append_info, listing);
    check_str(listing->str, "a:child<thing> b[0]:child<sub-thing> shortcut:link<thing> type:string ", "qom-list");

    object_set_link(a, "peer", NULL);
    alive = 3;
    object_unparent(object_resolve("/box", NULL));
    check_int(alive, ==, 0, "the tree held the last references");
    check_true(!object_resolve("/box/inner/a", NULL), "and the path is gone");
    Object *loose = object_new(&thing_type);
    g_autofree char *none = object_path(loose);
    check_str(none, "", "not in the tree: no path");
    object_unref(loose);
}

static void test_globals(void)
{
    static const GlobalProperty user[] = {
        {"thing", "u16", "5"}, {"sub-thing", "i32", "50"}, {"thing", "text", "user"}, {}};
    static const GlobalProperty compat[] = {{"thing", "u16", "1"}, {"thing", "i64", "2"}, {"thing", "i32", "3"}, {}};

    globals_add(user, true);
    globals_add(compat, false);
    Object *obj = object_new(&thing_type), *sub = object_new(&sub_type);
    check_property(obj, "u16", "5", "the user's value comes after the machine version's");
    check_property(obj, "i64", "2", "compatibility row");
    check_property(sub, "i32", "50", "the leaf's rows come after the parent's");
    check_property(obj, "i32", "3", "and do not touch the parent");
    check_property(sub, "text", "\"user\"", "a subtype inherits");
    object_unref(obj);
    object_unref(sub);
}

static void test_global_errors(void)
{
    if (g_test_subprocess()) {
        static const GlobalProperty bad[] = { { "thing", "u8", "999" }, { } };
        globals_add(bad, true);
        object_unref(object_new(&thing_type));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*-global thing.u8=999: property 'u8' of thing takes 0 to 255, not 999*");
}

static void test_globals_check(void)
{
    if (g_test_subprocess()) {
        static const GlobalProperty odd[] = {
            {"thnig", "u8", "1"}, {"sub-thing", "u9", "1"}, {"sub-thing", "u8", "1"}, {}};
        globals_add(odd, true);
        globals_check();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("*warning: -global thnig.u8=1: there is no type 'thnig'; did you mean 'thing'?*"
                              "*sub-thing has no property 'u9'; did you mean 'u8'?*sub-thing.u8=1 has no effect*");
}

static void test_user_objects(void)
{
    static const struct {
        const char *claim, *args, *error;
    } rows[] = {
        {"first", "thing,id=t1,u8=1", NULL},
        {"no type", "id=x", "Parameter 'qom-type' is missing"},
        {"no id", "thing", "Parameter 'id' is missing"},
        {"bad id", "thing,id=1x",
         "Parameter 'id' expects an identifier (letters, digits, '-', '.', '_', beginning with a letter), not '1x'"},
        {"id with slash", "thing,id=a/b",
         "Parameter 'id' expects an identifier (letters, digits, '-', '.', '_', beginning with a letter), not 'a/b'"},
        {"id twice", "thing,id=t1", "there is an object with id 't1' already"},
        {"misspelt type", "thnig,id=t2", "there is no object type 'thnig'; did you mean 'thing'?"},
        {"abstract type", "abstract-thing,id=t2", "'abstract-thing' is no type of object that can be created"},
        {"not creatable", "container,id=t2", "'container' is no type of object that can be created"},
        {"bad property", "thing,id=t2,u88=1", "thing has no property 'u88'; did you mean 'u8'?"},
        {"incomplete", "thing,id=t2,complete-fails=on", "incomplete"},
        {"the id of a failed one is free", "thing,id=t2", NULL},
    };
    g_autoptr(GError) err = NULL;

    alive = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        json_object *args = option_parse(rows[i].args, "qom-type", NULL, &err);
        check_true(args, "%s: row parses", rows[i].claim);
        bool ok = user_object_add(args, &err);
        check_str(ok ? NULL : err->message, rows[i].error, "%s", rows[i].claim);
        json_object_put(args);
        g_clear_error(&err);
    }
    check_int(alive, ==, 2, "failed ones are freed");
    Object *t1 = object_resolve("/objects/t1", NULL);
    check_true(!object_parse(t1, "u8", "1", NULL), "properties are frozen afterwards");
    object_ref(t1);
    check_true(!user_object_del("t1", &err), "in use");
    check_str(err->message, "object 't1' is in use, can not be deleted", "message");
    g_clear_error(&err);
    object_unref(t1);
    check_true(user_object_del("t1", &err), "no longer in use");
    check_true(!user_object_del("t1", &err), "not there any more");
    check_str(err->message, "object 't1' not found; did you mean 't2'?", "message");
    check_true(user_object_del("t2", NULL), "the other");
    check_int(alive, ==, 0, "all gone");
}

static void test_help(void)
{
    if (g_test_subprocess()) {
        type_print_options(&thing_type);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout("thing options:\n"
                              "  b40=<bool>             - on/off (default: off)\n"
                              "  b5=<bool>              - on/off (default: on)\n"
                              "  color=<Color>          -  (default: \"green\")\n*"
                              "  flag=<bool>            - a flag (default: on)\n*"
                              "  peer=<link<thing>>\n*"
                              "  u8=<uint8>             - a byte (default: 7)\n");
}

int main(int argc, char **argv)
{
    life = g_string_new(NULL);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/object/types", test_types);
    g_test_add_func("/object/life", test_life);
    g_test_add_func("/object/defaults", test_defaults);
    g_test_add_func("/object/parse", test_parse);
    g_test_add_func("/object/set", test_set);
    g_test_add_func("/object/dict", test_dict);
    g_test_add_func("/object/frozen", test_frozen);
    g_test_add_func("/object/tree", test_tree);
    g_test_add_func("/object/user", test_user_objects);
    g_test_add_func("/object/help", test_help);
    g_test_add_func("/object/global-error", test_global_errors);
    g_test_add_func("/object/globals-check", test_globals_check);
    g_test_add_func("/object/globals", test_globals);       /* last: globals stay */
    return g_test_run();
}
