/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sorts of property that core/ knows: how each is stored, read as JSON, set from JSON and from text.
 *
 * Values come from command lines and monitors: type and range are checked here, and nothing is stored on failure.
 */
#include "core/object.h"
#include "core/object_internal.h"
#include "core/option.h"

#include <string.h>

static void *field_of(Object *obj, const Property *prop)
{
    return (char *)obj + prop->offset;
}

static bool wrong_type(const Property *prop, const char *expected, GError **err)
{
    return error_set(err, "Invalid parameter type for '%s', expected: %s", prop->name, expected);
}

/* --- integers and sizes: all go through a 128-bit value, so that one check serves signed and unsigned --- */

typedef __int128 Wide;

static void wide_to_text(Wide v, char text[32])
{
    g_snprintf(text, 32, "%s%" G_GUINT64_FORMAT, v < 0 ? "-" : "", v < 0 ? (uint64_t)-v : (uint64_t)v);
}

static bool kind_is_signed(const PropertyKind *kind)
{
    return kind == &prop_kind_int32 || kind == &prop_kind_int64;
}

static void integer_range(const Property *prop, Wide *min, Wide *max)
{
    unsigned bits = prop->kind->size * 8;
    bool is_signed = kind_is_signed(prop->kind);

    *max = ((Wide)1 << (bits - is_signed)) - 1;
    *min = is_signed ? -*max - 1 : 0;
    if (prop->max || prop->min) {
        *min = is_signed ? (Wide)(int64_t)prop->min : (Wide)prop->min;
        if (prop->max) {
            *max = is_signed ? (Wide)(int64_t)prop->max : (Wide)prop->max;
        }
    }
}

static void integer_store(Object *obj, const Property *prop, Wide v)
{
    void *field = field_of(obj, prop);
    switch (prop->kind->size) {
    case 1: *(uint8_t *)field = v; break;
    case 2: *(uint16_t *)field = v; break;
    case 4: *(uint32_t *)field = v; break;
    default: *(uint64_t *)field = v; break;
    }
}

static bool integer_check_store(Object *obj, const Property *prop, Wide v, GError **err)
{
    Wide min, max;

    integer_range(prop, &min, &max);
    if (v < min || v > max) {
        char got[32], low[32], high[32];
        wide_to_text(v, got);
        wide_to_text(min, low);
        wide_to_text(max, high);
        return error_set(err, "property '%s' of %s takes %s to %s, not %s", prop->name, obj->type->name, low, high,
                         got);
    }
    integer_store(obj, prop, v);
    return true;
}

static json_object *integer_get(Object *obj, const Property *prop)
{
    const void *field = field_of(obj, prop);
    switch (prop->kind->size) {
    case 1: return json_object_new_int64(*(const uint8_t *)field);
    case 2: return json_object_new_int64(*(const uint16_t *)field);
    case 4:
        return json_object_new_int64(kind_is_signed(prop->kind) ? (int64_t)*(const int32_t *)field
                                                                : *(const uint32_t *)field);
    default:
        if (kind_is_signed(prop->kind) || *(const uint64_t *)field <= INT64_MAX) {
            return json_object_new_int64(*(const int64_t *)field);
        }
        return json_object_new_uint64(*(const uint64_t *)field);
    }
}

static bool integer_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    if (!json_object_is_type(value, json_type_int)) {
        return wrong_type(prop, "integer", err);
    }
    int64_t v = json_object_get_int64(value);
    return integer_check_store(obj, prop, v < 0 ? (Wide)v : (Wide)json_object_get_uint64(value), err);
}

static bool integer_parse(Object *obj, const Property *prop, const char *text, GError **err)
{
    Wide v;
    if (!text_to_integer(text, &v)) {
        return error_set(err, "property '%s' of %s takes an integer, not '%s'", prop->name, obj->type->name, text);
    }
    return integer_check_store(obj, prop, v, err);
}

static bool size_parse(Object *obj, const Property *prop, const char *text, GError **err)
{
    uint64_t bytes;
    g_autofree char *what = g_strdup_printf("property '%s' of %s", prop->name, obj->type->name);
    return parse_size(what, text, 1, &bytes, err) && integer_check_store(obj, prop, bytes, err);
}

static void integer_default(Object *obj, const Property *prop)
{
    integer_store(obj, prop, (Wide)prop->def);
}

#define INTEGER_KIND(id, text, T, p) \
    const PropertyKind prop_kind_##id = { \
        .name = text, .size = sizeof(T), .get = integer_get, .set = integer_set, .parse = p, \
        .set_default = integer_default, \
    }
INTEGER_KIND(uint8, "uint8", uint8_t, integer_parse);
INTEGER_KIND(uint16, "uint16", uint16_t, integer_parse);
INTEGER_KIND(uint32, "uint32", uint32_t, integer_parse);
INTEGER_KIND(uint64, "uint64", uint64_t, integer_parse);
INTEGER_KIND(int32, "int32", int32_t, integer_parse);
INTEGER_KIND(int64, "int64", int64_t, integer_parse);
INTEGER_KIND(size, "size", uint64_t, size_parse);
INTEGER_KIND(size32, "size", uint32_t, size_parse);

/* --- bool, and bits of a word --- */

static uint64_t *bit_word(Object *obj, const Property *prop, uint64_t *copy)
{
    void *field = field_of(obj, prop);
    *copy = prop->kind == &prop_kind_bit32 ? *(uint32_t *)field : *(uint64_t *)field;
    return copy;
}

static bool truth_load(Object *obj, const Property *prop)
{
    uint64_t word;
    if (prop->kind == &prop_kind_bool) {
        return *(bool *)field_of(obj, prop);
    }
    return *bit_word(obj, prop, &word) >> prop->bit & 1;
}

static void truth_store(Object *obj, const Property *prop, bool v)
{
    void *field = field_of(obj, prop);
    uint64_t mask = 1ull << prop->bit;

    if (prop->kind == &prop_kind_bool) {
        *(bool *)field = v;
    } else if (prop->kind == &prop_kind_bit32) {
        *(uint32_t *)field = v ? *(uint32_t *)field | mask : *(uint32_t *)field & ~mask;
    } else {
        *(uint64_t *)field = v ? *(uint64_t *)field | mask : *(uint64_t *)field & ~mask;
    }
}

static json_object *truth_get(Object *obj, const Property *prop)
{
    return json_object_new_boolean(truth_load(obj, prop));
}

static bool truth_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    if (!json_object_is_type(value, json_type_boolean)) {
        return wrong_type(prop, "boolean", err);
    }
    truth_store(obj, prop, json_object_get_boolean(value));
    return true;
}

static bool truth_parse(Object *obj, const Property *prop, const char *text, GError **err)
{
    bool v;
    g_autofree char *what = g_strdup_printf("property '%s' of %s", prop->name, obj->type->name);
    if (!parse_bool(what, text, &v, err)) {
        return false;
    }
    truth_store(obj, prop, v);
    return true;
}

static void truth_default(Object *obj, const Property *prop)
{
    truth_store(obj, prop, prop->def != 0);
}

#define TRUTH_KIND(id, T) \
    const PropertyKind prop_kind_##id = { \
        .name = "bool", .size = sizeof(T), .get = truth_get, .set = truth_set, .parse = truth_parse, \
        .set_default = truth_default, \
    }
TRUTH_KIND(bool, bool);
TRUTH_KIND(bit32, uint32_t);
TRUTH_KIND(bit64, uint64_t);

/* --- str --- */

static json_object *str_get(Object *obj, const Property *prop)
{
    const char *text = *(char **)field_of(obj, prop);
    return json_object_new_string(text ? text : "");
}

static bool str_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    char **field = field_of(obj, prop);
    if (!json_object_is_type(value, json_type_string)) {
        return wrong_type(prop, "string", err);
    }
    g_free(*field);
    *field = g_strdup(json_object_get_string(value));
    return true;
}

static void str_default(Object *obj, const Property *prop)
{
    *(char **)field_of(obj, prop) = g_strdup(prop->def_str);
}

static void str_release(Object *obj, const Property *prop)
{
    g_clear_pointer((char **)field_of(obj, prop), g_free);
}

const PropertyKind prop_kind_str = {
    .name = "str", .size = sizeof(char *), .get = str_get, .set = str_set, .set_default = str_default,
    .release = str_release,
};

/* --- enum and OnOffAuto --- */

static const char *const on_off_auto_names[] = {
    [ON_OFF_AUTO_AUTO] = "auto", [ON_OFF_AUTO_ON] = "on", [ON_OFF_AUTO_OFF] = "off", NULL,
};

static const char *const *names_of(const Property *prop)
{
    return prop->kind == &prop_kind_on_off_auto ? on_off_auto_names : prop->names;
}

static json_object *enum_get(Object *obj, const Property *prop)
{
    int v = *(int *)field_of(obj, prop);
    return v >= 0 && v < (int)g_strv_length((char **)names_of(prop)) ? json_object_new_string(names_of(prop)[v]) : NULL;
}

static bool enum_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    if (!json_object_is_type(value, json_type_string)) {
        return wrong_type(prop, "string", err);
    }
    const char *const *names = names_of(prop);
    const char *text = json_object_get_string(value);
    NearestWord nearest;
    nearest_init(&nearest, text);
    for (int i = 0; names[i]; i++) {
        if (names[i][0] && !strcmp(names[i], text)) {
            *(int *)field_of(obj, prop) = i;
            return true;
        }
        nearest_add(&nearest, names[i]);
    }
    if (nearest.best) {
        return error_set(err, "property '%s' of %s does not take '%s'%s", prop->name, obj->type->name, text,
                         nearest_hint(&nearest));
    }
    g_autoptr(GString) list = g_string_new(NULL);
    for (int i = 0; names[i]; i++) {
        if (names[i][0]) {
            g_string_append_printf(list, "%s%s", list->len ? ", " : "", names[i]);
        }
    }
    return error_set(err, "property '%s' of %s does not take '%s', but one of %s", prop->name, obj->type->name, text,
                     list->str);
}

static void enum_default(Object *obj, const Property *prop)
{
    *(int *)field_of(obj, prop) = (int)prop->def;
}

const PropertyKind prop_kind_enum = {
    .name = "enum", .size = sizeof(int), .get = enum_get, .set = enum_set, .set_default = enum_default,
};
G_STATIC_ASSERT(sizeof(OnOffAuto) == sizeof(int));
const PropertyKind prop_kind_on_off_auto = {
    .name = "OnOffAuto", .size = sizeof(OnOffAuto), .get = enum_get, .set = enum_set, .set_default = enum_default,
};

/* --- link --- */

static json_object *link_get(Object *obj, const Property *prop)
{
    Object *target = *(Object **)field_of(obj, prop);
    g_autofree char *path = target ? object_path(target) : NULL;
    return json_object_new_string(path ? path : "");
}

static bool is_named_type(const Type *type, const char *name)
{
    while (type && strcmp(type->name, name)) {
        type = type->parent;
    }
    return type != NULL;
}

static bool link_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    Object **field = field_of(obj, prop);
    Object *target = NULL;

    if (!json_object_is_type(value, json_type_string)) {
        return wrong_type(prop, "string", err);
    }
    const char *path = json_object_get_string(value);
    if (path[0]) {
        bool ambiguous;
        target = object_resolve(path, &ambiguous);
        if (!target) {
            g_set_error(err, RHEA_ERROR, ambiguous ? ERR_GENERIC : ERR_DEVICE_NOT_FOUND,
                        ambiguous ? "property '%s' of %s: more than one object is called '%s'"
                                  : "property '%s' of %s: there is no object '%s'", prop->name, obj->type->name, path);
            return false;
        }
        if (prop->link_type && !is_named_type(target->type, prop->link_type)) {
            return error_set(err, "property '%s' of %s takes a '%s', but '%s' is a '%s'", prop->name, obj->type->name,
                             prop->link_type, path, target->type->name);
        }
    }
    object_ref(target);
    object_unref(*field);
    *field = target;
    return true;
}

static void link_release(Object *obj, const Property *prop)
{
    g_clear_pointer((Object **)field_of(obj, prop), object_unref);
}

const PropertyKind prop_kind_link = {
    .name = "link", .size = sizeof(Object *), .get = link_get, .set = link_set, .release = link_release,
};

Object *property_link_target(Object *obj, const Property *row)
{
    return row->kind == &prop_kind_link ? *(Object **)field_of(obj, row) : NULL;
}

/* --- virtual: the row's own functions --- */

const PropertyKind prop_kind_virtual = { .name = "virtual" };

/* --- help --- */

json_object *property_default(const Property *row)
{
    const PropertyKind *kind = row->kind;

    if (kind->set_default == truth_default) {
        return json_object_new_boolean(row->def != 0);
    }
    if (kind->set_default == enum_default) {
        const char *const *names = names_of(row);
        return row->def < g_strv_length((char **)names) ? json_object_new_string(names[row->def]) : NULL;
    }
    if (kind == &prop_kind_str) {
        return row->def_str ? json_object_new_string(row->def_str) : NULL;
    }
    if (!kind->set_default) {
        return NULL;
    }
    /* Integers, and what other layers derive from them (a PCI slot of -1). */
    if ((int64_t)row->def < 0 && !kind_is_signed(kind) && kind->set_default == integer_default) {
        return json_object_new_uint64(row->def);
    }
    return json_object_new_int64((int64_t)row->def);
}
