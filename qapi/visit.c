/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parsing, printing and freeing of QAPI values, driven by the generated type tables.
 *
 * In: json-c trees from a QMP client or the command line, which are hostile: every type, range, name and nesting is
 * checked here, so that a handler sees only what the schema allows. Out: C structs; and back. Depth of recursion is
 * bounded by the schema's nesting times the parser's own limit.
 */
#include "qapi/visit.h"

#include <math.h>
#include <string.h>

#include "core/option.h"

#define SCALAR(id, n, k, c, m) const QapiType id = { .name = n, .masked = m, .kind = k, .size = sizeof(c) }
SCALAR(qapi_str, "str", QAPI_STR, char *, "str");
SCALAR(qapi_int, "int", QAPI_INT64, int64_t, "int");
SCALAR(qapi_int8, "int8", QAPI_INT8, int8_t, "int");
SCALAR(qapi_int16, "int16", QAPI_INT16, int16_t, "int");
SCALAR(qapi_int32, "int32", QAPI_INT32, int32_t, "int");
SCALAR(qapi_int64, "int64", QAPI_INT64, int64_t, "int");
SCALAR(qapi_uint8, "uint8", QAPI_UINT8, uint8_t, "int");
SCALAR(qapi_uint16, "uint16", QAPI_UINT16, uint16_t, "int");
SCALAR(qapi_uint32, "uint32", QAPI_UINT32, uint32_t, "int");
SCALAR(qapi_uint64, "uint64", QAPI_UINT64, uint64_t, "int");
SCALAR(qapi_size, "size", QAPI_SIZE, uint64_t, "int");
SCALAR(qapi_number, "number", QAPI_NUMBER, double, "number");
SCALAR(qapi_bool, "bool", QAPI_BOOL, bool, "bool");
SCALAR(qapi_null, "null", QAPI_NULL, bool, "null");
SCALAR(qapi_any, "any", QAPI_ANY, json_object *, "any");

/* Where we are in the input: a chain on the C stack, turned into text only for an error. */
typedef struct Path {
    const struct Path *parent;
    const char *name;                   /* NULL: a list element */
    size_t index;
} Path;

typedef struct Visit {
    QapiMode mode;
    GError **err;
} Visit;

static bool parse_value(Visit *v, const Path *path, const QapiType *type, json_object *json, void *field);

static void append_path(const Path *path, QapiMode mode, GString *out)
{
    if (!path) {
        return;
    }
    append_path(path->parent, mode, out);
    if (path->name) {
        g_string_append_printf(out, "%s%s", out->len ? "." : "", path->name);
    } else {
        g_string_append_printf(out, mode == QAPI_MODE_KEYVAL ? ".%zu" : "[%zu]", path->index);
    }
}

static char *path_text(const Visit *v, const Path *path)
{
    GString *s = g_string_new(NULL);
    append_path(path, v->mode, s);
    return g_string_free(s, false);
}

static bool fail_type(Visit *v, const Path *path, const char *expected)
{
    g_autofree char *name = path_text(v, path);
    if (!*name) {
        return error_set(v->err, "Invalid parameter type, expected: %s", expected);
    }
    return error_set(v->err, "Invalid parameter type for '%s', expected: %s", name, expected);
}

static bool fail_expects(Visit *v, const Path *path, const char *expected)
{
    g_autofree char *name = path_text(v, path);
    return error_set(v->err, "Parameter '%s' expects %s", name, expected);
}

/* Integers */

typedef struct IntRange { int64_t min; uint64_t max; const char *words; } IntRange;

static IntRange int_range(QapiKind kind)
{
    switch (kind) {
    case QAPI_INT8:
        return (IntRange){ INT8_MIN, INT8_MAX, "an integer from -128 to 127" };
    case QAPI_INT16:
        return (IntRange){ INT16_MIN, INT16_MAX, "an integer from -32768 to 32767" };
    case QAPI_INT32:
        return (IntRange){ INT32_MIN, INT32_MAX, "an integer from -2147483648 to 2147483647" };
    case QAPI_UINT8:
        return (IntRange){ 0, UINT8_MAX, "an integer from 0 to 255" };
    case QAPI_UINT16:
        return (IntRange){ 0, UINT16_MAX, "an integer from 0 to 65535" };
    case QAPI_UINT32:
        return (IntRange){ 0, UINT32_MAX, "an integer from 0 to 4294967295" };
    case QAPI_UINT64:
        return (IntRange){ 0, UINT64_MAX, "an integer from 0 to 18446744073709551615" };
    case QAPI_SIZE:
        return (IntRange){ 0, UINT64_MAX, "a size value: a number of bytes, 0 to 18446744073709551615" };
    default:
        return (IntRange){ INT64_MIN, INT64_MAX, "an integer from -9223372036854775808 to 9223372036854775807" };
    }
}

static void store_int(QapiKind kind, void *field, uint64_t value)
{
    switch (kind) {
    case QAPI_INT8: case QAPI_UINT8:
        *(uint8_t *)field = value;
        break;
    case QAPI_INT16: case QAPI_UINT16:
        *(uint16_t *)field = value;
        break;
    case QAPI_INT32: case QAPI_UINT32:
        *(uint32_t *)field = value;
        break;
    default:
        *(uint64_t *)field = value;
        break;
    }
}

static bool parse_integer(Visit *v, const Path *path, const QapiType *type, json_object *json, void *field)
{
    IntRange range = int_range(type->kind);
    bool negative;
    uint64_t value;

    if (v->mode == QAPI_MODE_KEYVAL && json_object_is_type(json, json_type_string)) {
        const char *text = json_object_get_string(json);
        bool ok;
        if (type->kind == QAPI_SIZE) {
            negative = false;
            ok = parse_size("", text, 1, &value, NULL);
        } else if (*text == '-') {
            int64_t s = 0;
            ok = parse_int("", text, INT64_MIN, INT64_MAX, &s, NULL);
            negative = s < 0;
            value = s;
        } else {
            negative = false;
            ok = parse_uint("", text, UINT64_MAX, &value, NULL);
        }
        if (!ok) {
            return fail_expects(v, path, range.words);
        }
    } else if (json_object_is_type(json, json_type_int)) {
        int64_t s = json_object_get_int64(json);
        negative = s < 0;
        value = negative ? (uint64_t)s : json_object_get_uint64(json);
    } else {
        return fail_type(v, path, "integer");
    }
    if (negative ? (int64_t)value < range.min : value > range.max) {
        return fail_expects(v, path, range.words);
    }
    store_int(type->kind, field, value);
    return true;
}

static bool parse_number(Visit *v, const Path *path, json_object *json, double *field)
{
    if (v->mode == QAPI_MODE_KEYVAL && json_object_is_type(json, json_type_string)) {
        const char *text = json_object_get_string(json);
        char *end;
        *field = g_ascii_strtod(text, &end);
        if (end == text || *end || !isfinite(*field)) {
            return fail_expects(v, path, "a number");
        }
        return true;
    }
    if (!json_object_is_type(json, json_type_double) && !json_object_is_type(json, json_type_int)) {
        return fail_type(v, path, "number");
    }
    *field = json_object_get_double(json);
    return true;
}

static bool parse_boolean(Visit *v, const Path *path, json_object *json, bool *field)
{
    if (v->mode == QAPI_MODE_KEYVAL && json_object_is_type(json, json_type_string)) {
        return parse_bool("", json_object_get_string(json), field, NULL) || fail_expects(v, path, "'on' or 'off'");
    }
    if (!json_object_is_type(json, json_type_boolean)) {
        return fail_type(v, path, "boolean");
    }
    *field = json_object_get_boolean(json);
    return true;
}

static bool parse_string(Visit *v, const Path *path, json_object *json, const char **out)
{
    if (!json_object_is_type(json, json_type_string)) {
        return fail_type(v, path, "string");
    }
    *out = json_object_get_string(json);
    if (strlen(*out) != (size_t)json_object_get_string_len(json)) {
        return fail_expects(v, path, "a string without NUL characters");
    }
    return true;
}

int qapi_enum_parse(const QapiType *type, const char *what, const char *text, GError **err)
{
    NearestWord nearest;
    nearest_init(&nearest, text);
    for (int i = 0; type->values[i]; i++) {
        if (!strcmp(type->values[i], text)) {
            return i;
        }
        nearest_add(&nearest, type->values[i]);
    }
    error_set(err, "Parameter '%s' does not accept value '%s'%s", what, text, nearest_hint(&nearest));
    return -1;
}

static bool parse_enum(Visit *v, const Path *path, const QapiType *type, json_object *json, int *field)
{
    const char *text;
    if (!parse_string(v, path, json, &text)) {
        return false;
    }
    g_autofree char *name = path_text(v, path);
    int value = qapi_enum_parse(type, name, text, v->err);
    if (value < 0) {
        return false;
    }
    *field = value;
    return true;
}

/* Objects */

static const QapiMember *find_member(const QapiMember *row, const char *name)
{
    for (; row && row->name; row++) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

/* The branch that @obj's discriminator selects; NULL: one with no members. */
static const QapiMember *selected_branch(const QapiType *type, const void *obj)
{
    const QapiMember *tag = &type->members[type->tag];
    int value = *(const int *)((const char *)obj + tag->offset);
    return find_member(type->branches, tag->type->values[value]);
}

static bool parse_members(Visit *v, const Path *path, const QapiType *type, json_object *json, char *obj)
{
    for (const QapiMember *m = type->members; m && m->name; m++) {
        Path here = { .parent = path, .name = m->name };
        json_object *value;
        if (!json_object_object_get_ex(json, m->name, &value)) {
            if (m->optional) {
                continue;
            }
            g_autofree char *name = path_text(v, &here);
            return error_set(v->err, "Parameter '%s' is missing", name);
        }
        if (!parse_value(v, &here, m->type, value, obj + m->offset)) {
            return false;
        }
        if (m->presence) {
            *(bool *)(obj + m->presence - 1) = true;
        }
    }
    if (type->kind == QAPI_UNION) {
        const QapiMember *branch = selected_branch(type, obj);
        return !branch || parse_members(v, path, branch->type, json, obj + branch->offset);
    }
    return true;
}

static const QapiMember *known_member(const QapiType *type, const char *obj, const char *name, NearestWord *nearest)
{
    for (const QapiMember *m = type->members; m && m->name; m++) {
        if (!strcmp(m->name, name)) {
            return m;
        }
        nearest_add(nearest, m->name);
    }
    if (type->kind == QAPI_UNION) {
        const QapiMember *branch = selected_branch(type, obj);
        return branch ? known_member(branch->type, obj + branch->offset, name, nearest) : NULL;
    }
    return NULL;
}

static bool check_unexpected(Visit *v, const Path *path, const QapiType *type, json_object *json, const char *obj)
{
    json_object_object_foreach(json, key, value) {
        NearestWord nearest;
        nearest_init(&nearest, key);
        if (!known_member(type, obj, key, &nearest)) {
            Path here = { .parent = path, .name = key };
            g_autofree char *name = path_text(v, &here);
            return error_set(v->err, "Parameter '%s' is unexpected%s", name, nearest_hint(&nearest));
        }
        (void)value;
    }
    return true;
}

static bool parse_object(Visit *v, const Path *path, const QapiType *type, json_object *json, void **field)
{
    if (!json_object_is_type(json, json_type_object)) {
        return fail_type(v, path, "object");
    }
    void *obj = g_malloc0(MAX(type->size, 1));
    if (!parse_members(v, path, type, json, obj) || !check_unexpected(v, path, type, json, obj)) {
        qapi_free(type, obj);
        return false;
    }
    *field = obj;
    return true;
}

static bool json_fits(const QapiType *type, json_object *json, QapiMode mode)
{
    enum json_type t = json_object_get_type(json);
    switch (type->kind) {
    case QAPI_STR: case QAPI_ENUM:
        return t == json_type_string;
    case QAPI_NULL:
        return t == json_type_null;
    case QAPI_ANY:
        return true;
    case QAPI_BOOL:
        return t == json_type_boolean || (mode == QAPI_MODE_KEYVAL && t == json_type_string);
    case QAPI_NUMBER:
        return t == json_type_double || t == json_type_int || (mode == QAPI_MODE_KEYVAL && t == json_type_string);
    case QAPI_STRUCT: case QAPI_UNION:
        return t == json_type_object;
    case QAPI_LIST:
        return t == json_type_array;
    case QAPI_ALTERNATE:
        return false;
    default:
        return t == json_type_int || (mode == QAPI_MODE_KEYVAL && t == json_type_string);
    }
}

/* A keyval string may be any scalar: an enum or string takes it before a number or bool. */
static bool parse_alternate(Visit *v, const Path *path, const QapiType *type, json_object *json, void **field)
{
    int found = -1;
    for (int i = 0; type->branches[i].name; i++) {
        const QapiType *t = type->branches[i].type;
        if (!json_fits(t, json, v->mode)) {
            continue;
        }
        if (found < 0 || t->kind == QAPI_STR || t->kind == QAPI_ENUM) {
            found = i;
        }
    }
    if (found < 0) {
        g_autofree char *name = path_text(v, path);
        return error_set(v->err, "Invalid parameter type for '%s', expected: %s", name, type->name);
    }
    char *obj = g_malloc0(type->size);
    *(int *)(obj + type->tag) = found;
    const QapiMember *branch = &type->branches[found];
    if (!parse_value(v, path, branch->type, json, obj + branch->offset)) {
        qapi_free(type, obj);
        return false;
    }
    *field = obj;
    return true;
}

static bool is_pointer(const QapiType *type)
{
    return type->kind == QAPI_STR || type->kind == QAPI_ANY || type->kind >= QAPI_STRUCT;
}

static void put_json(void *json)
{
    json_object_put(json);
}

static GDestroyNotify element_free(const QapiType *element)
{
    return element->kind == QAPI_STR ? g_free : element->kind == QAPI_ANY ? put_json : element->free;
}

static bool parse_list(Visit *v, const Path *path, const QapiType *type, json_object *json, void **field)
{
    const QapiType *element = type->element;
    if (!json_object_is_type(json, json_type_array)) {
        return fail_type(v, path, "array");
    }
    size_t count = json_object_array_length(json);
    GPtrArray *pointers = NULL;
    GArray *scalars = NULL;
    if (is_pointer(element)) {
        pointers = g_ptr_array_new_full(count, element_free(element));
    } else {
        scalars = g_array_sized_new(false, true, element->size, count);
    }
    for (size_t i = 0; i < count; i++) {
        Path here = { .parent = path, .index = i };
        uint64_t value[1] = { 0 };      /* room for a pointer or any scalar */
        if (!parse_value(v, &here, element, json_object_array_get_idx(json, i), value)) {
            if (pointers) {
                g_ptr_array_unref(pointers);
            } else {
                g_array_unref(scalars);
            }
            return false;
        }
        if (pointers) {
            g_ptr_array_add(pointers, *(void **)value);
        } else {
            g_array_append_vals(scalars, value, 1);
        }
    }
    *field = pointers ? (void *)pointers : (void *)scalars;
    return true;
}

static bool parse_value(Visit *v, const Path *path, const QapiType *type, json_object *json, void *field)
{
    switch (type->kind) {
    case QAPI_STR: {
        const char *text;
        if (!parse_string(v, path, json, &text)) {
            return false;
        }
        *(char **)field = g_strdup(text);
        return true;
    }
    case QAPI_NUMBER:
        return parse_number(v, path, json, field);
    case QAPI_BOOL:
        return parse_boolean(v, path, json, field);
    case QAPI_NULL:
        return json == NULL || fail_type(v, path, "null");
    case QAPI_ANY:
        *(json_object **)field = json_object_get(json);
        return true;
    case QAPI_ENUM:
        return parse_enum(v, path, type, json, field);
    case QAPI_STRUCT: case QAPI_UNION:
        return parse_object(v, path, type, json, field);
    case QAPI_ALTERNATE:
        return parse_alternate(v, path, type, json, field);
    case QAPI_LIST:
        return parse_list(v, path, type, json, field);
    default:
        return parse_integer(v, path, type, json, field);
    }
}

bool qapi_value_parse(const QapiType *type, void *field, json_object *json, QapiMode mode, GError **err)
{
    Visit v = { mode, err };
    return parse_value(&v, NULL, type, json, field);
}

void *qapi_parse(const QapiType *type, json_object *json, QapiMode mode, GError **err)
{
    void *obj = NULL;
    return qapi_value_parse(type, &obj, json, mode, err) ? obj : NULL;
}

/* Printing */

static void print_members(const QapiType *type, const char *obj, json_object *out)
{
    for (const QapiMember *m = type->members; m && m->name; m++) {
        const char *field = obj + m->offset;
        if (m->presence ? !*(const bool *)(obj + m->presence - 1) : m->optional && !*(void *const *)field) {
            continue;
        }
        json_object_object_add(out, m->name, qapi_value_to_json(m->type, field));
    }
    if (type->kind == QAPI_UNION) {
        const QapiMember *branch = selected_branch(type, obj);
        if (branch) {
            print_members(branch->type, obj + branch->offset, out);
        }
    }
}

static json_object *print_list(const QapiType *type, void *const *field)
{
    json_object *out = json_object_new_array();
    if (!*field) {
        return out;
    }
    if (is_pointer(type->element)) {
        GPtrArray *list = *field;
        for (unsigned i = 0; i < list->len; i++) {
            json_object_array_add(out, qapi_value_to_json(type->element, &list->pdata[i]));
        }
    } else {
        GArray *list = *field;
        for (unsigned i = 0; i < list->len; i++) {
            json_object_array_add(out, qapi_value_to_json(type->element, list->data + i * type->element->size));
        }
    }
    return out;
}

json_object *qapi_value_to_json(const QapiType *type, const void *field)
{
    switch (type->kind) {
    case QAPI_STR: {
        const char *text = *(char *const *)field;
        return json_object_new_string(text ? text : "");
    }
    case QAPI_INT8:
        return json_object_new_int64(*(const int8_t *)field);
    case QAPI_INT16:
        return json_object_new_int64(*(const int16_t *)field);
    case QAPI_INT32:
        return json_object_new_int64(*(const int32_t *)field);
    case QAPI_INT64:
        return json_object_new_int64(*(const int64_t *)field);
    case QAPI_UINT8:
        return json_object_new_int64(*(const uint8_t *)field);
    case QAPI_UINT16:
        return json_object_new_int64(*(const uint16_t *)field);
    case QAPI_UINT32:
        return json_object_new_int64(*(const uint32_t *)field);
    case QAPI_UINT64: case QAPI_SIZE:
        return json_object_new_uint64(*(const uint64_t *)field);
    case QAPI_NUMBER:
        return json_object_new_double(*(const double *)field);
    case QAPI_BOOL:
        return json_object_new_boolean(*(const bool *)field);
    case QAPI_NULL:
        return NULL;
    case QAPI_ANY:
        return json_object_get(*(json_object *const *)field);
    case QAPI_ENUM:
        return json_object_new_string(type->values[*(const int *)field]);
    case QAPI_STRUCT: case QAPI_UNION: case QAPI_ALTERNATE:
        return qapi_to_json(type, *(void *const *)field);
    case QAPI_LIST:
        return print_list(type, field);
    }
    g_assert_not_reached();
}

json_object *qapi_to_json(const QapiType *type, const void *obj)
{
    g_assert(obj);
    if (type->kind == QAPI_ALTERNATE) {
        const QapiMember *branch = &type->branches[*(const int *)((const char *)obj + type->tag)];
        return qapi_value_to_json(branch->type, (const char *)obj + branch->offset);
    }
    json_object *out = json_object_new_object();
    print_members(type, obj, out);
    return out;
}

/* Freeing. A struct may be half filled by a failed parse: NULL pointers and tag 0 are harmless. */

static void clear_members(const QapiType *type, char *obj)
{
    const QapiMember *branch = type->kind == QAPI_UNION ? selected_branch(type, obj) : NULL;
    if (branch) {
        clear_members(branch->type, obj + branch->offset);
    }
    for (const QapiMember *m = type->members; m && m->name; m++) {
        qapi_value_clear(m->type, obj + m->offset);
    }
}

void qapi_value_clear(const QapiType *type, void *field)
{
    if (!is_pointer(type)) {
        return;
    }
    void *p = *(void **)field;
    *(void **)field = NULL;
    if (type->kind == QAPI_STR) {
        g_free(p);
    } else if (type->kind == QAPI_ANY) {
        json_object_put(p);
    } else if (type->kind != QAPI_LIST) {
        qapi_free(type, p);
    } else if (p && is_pointer(type->element)) {
        g_ptr_array_unref(p);
    } else if (p) {
        g_array_unref(p);
    }
}

void qapi_free(const QapiType *type, void *obj)
{
    if (!obj) {
        return;
    }
    if (type->kind == QAPI_ALTERNATE) {
        const QapiMember *branch = &type->branches[*(int *)((char *)obj + type->tag)];
        qapi_value_clear(branch->type, (char *)obj + branch->offset);
    } else {
        clear_members(type, obj);
    }
    g_free(obj);
}
