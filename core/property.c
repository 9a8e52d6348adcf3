/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Properties by name: find the row, check that it may be set, hand the value to the row's kind; listings and help.
 *
 * JSON (monitor, code) goes through object_set() and must have the right JSON type; text (command line) goes through
 * object_parse(), which turns it into the kind's JSON first.
 */
#include "core/object.h"
#include "core/device.h"
#include "core/object_internal.h"
#include "core/option.h"

#include <stdio.h>
#include <string.h>

const Property *type_property(const Type *type, const char *name)
{
    for (; type; type = type->parent) {
        for (const Property *row = type->properties; row && row->name; row++) {
            if (!strcmp(row->name, name)) {
                return row;
            }
        }
    }
    return NULL;
}

bool property_is_settable(const Property *row)
{
    return !row->read_only && (row->set || row->kind->set);
}

static void foreach_row(const Type *type, void (*fn)(const Property *row, void *opaque), void *opaque)
{
    for (const Type *t = type; t; t = t->parent) {
        for (const Property *row = t->properties; row && row->name; row++) {
            if (type_property(type, row->name) == row) {        /* not hidden by a type nearer to the leaf */
                fn(row, opaque);
            }
        }
    }
}

void type_foreach_property(const Type *type, void (*fn)(const Property *row, void *opaque), void *opaque)
{
    foreach_row(type, fn, opaque);
}

const char *property_type_name(const Property *row)
{
    if (row->type_name) {
        return row->type_name;
    }
    if (row->kind == &prop_kind_link) {
        g_autofree char *name = g_strdup_printf("link<%s>", row->link_type ? row->link_type : "object");
        return g_intern_string(name);
    }
    return row->kind->name;
}

void property_init_all(Object *obj)
{
    const Type *chain[TYPE_DEPTH_MAX];

    for (unsigned i = type_chain(obj->type, chain); i-- > 0; ) {
        for (const Property *row = chain[i]->properties; row && row->name; row++) {
            if (row->kind->set_default) {
                row->kind->set_default(obj, row);
            }
        }
    }
}

void property_release_all(Object *obj)
{
    for (const Type *t = obj->type; t; t = t->parent) {
        for (const Property *row = t->properties; row && row->name; row++) {
            if (row->kind->release) {
                row->kind->release(obj, row);
            }
        }
    }
}

/* --- by name --- */

static void add_nearest(const Property *row, void *nearest)
{
    if (property_is_settable(row)) {
        nearest_add(nearest, row->name);
    }
}

bool object_no_property(const Type *type, const char *name, GError **err)
{
    NearestWord nearest;
    nearest_init(&nearest, name);
    foreach_row(type, add_nearest, &nearest);
    return error_set(err, "%s has no property '%s'%s", type->name, name, nearest_hint(&nearest));
}

static Object *child_or_link(Object *obj, const char *name)
{
    Object *found = obj->children ? g_hash_table_lookup(obj->children, name) : NULL;
    return !found && obj->links ? g_hash_table_lookup(obj->links, name) : found;
}

json_object *object_get(Object *obj, const char *name, GError **err)
{
    const Property *row = type_property(obj->type, name);
    if (row) {
        json_object *(*get)(Object *, const Property *) = row->get ? row->get : row->kind->get;
        if (!get) {
            error_set(err, "property '%s' of %s cannot be read", name, obj->type->name);
            return NULL;
        }
        return get(obj, row);
    }
    Object *target = child_or_link(obj, name);
    if (target) {
        g_autofree char *path = object_path(target);
        return json_object_new_string(path);
    }
    object_no_property(obj->type, name, err);
    return NULL;
}

/* The row @name of @obj if it may be set now, else NULL and @err. */
static const Property *settable_row(Object *obj, const char *name, GError **err)
{
    const Property *row = type_property(obj->type, name);

    if (!row) {
        if (child_or_link(obj, name)) {
            error_set(err, "'%s' of %s is not settable", name, obj->type->name);
        } else {
            object_no_property(obj->type, name, err);
        }
        return NULL;
    }
    if (!property_is_settable(row)) {
        error_set(err, "property '%s' of %s is read-only", name, obj->type->name);
        return NULL;
    }
    if (obj->frozen && !row->runtime) {
        const char *id = type_is_a(obj->type, &device_type.type) ? ((Device *)obj)->id : NULL;
        if (id) {
            error_set(err, "Attempt to set property '%s' on device '%s' (type '%s') after it was realized",
                      name, id, obj->type->name);
        } else if (type_is_a(obj->type, &device_type.type)) {
            error_set(err, "Attempt to set property '%s' on anonymous device (type '%s') after it was realized",
                      name, obj->type->name);
        } else {
            error_set(err, "cannot change property '%s' of %s after it was created", name, obj->type->name);
        }
        return NULL;
    }
    return row;
}

static bool row_set(Object *obj, const Property *row, json_object *value, GError **err)
{
    return row->set ? row->set(obj, row, value, err) : row->kind->set(obj, row, value, err);
}

bool object_set(Object *obj, const char *name, json_object *value, GError **err)
{
    const Property *row = settable_row(obj, name, err);
    return row && row_set(obj, row, value, err);
}

/* JSON of @text as property type @type ("bool", "uint32", "size" ...) reads it; anything else is a string. */
static json_object *text_to_json(Object *obj, const Property *row, const char *text, GError **err)
{
    const char *type = property_type_name(row);
    g_autofree char *what = g_strdup_printf("property '%s' of %s", row->name, obj->type->name);
    bool truth;
    uint64_t bytes;
    __int128 integer;

    if (!strcmp(type, "bool")) {
        return parse_bool(what, text, &truth, err) ? json_object_new_boolean(truth) : NULL;
    }
    if (!strcmp(type, "size")) {
        return parse_size(what, text, 1, &bytes, err) ? json_object_new_uint64(bytes) : NULL;
    }
    bool is_int = !strcmp(type, "int");         /* QEMU's name for integers and for sizes */
    if (is_int || g_str_has_prefix(type, "uint") || g_str_has_prefix(type, "int")) {
        if (text_to_integer(text, &integer)) {
            return integer < 0 ? json_object_new_int64(integer) : json_object_new_uint64(integer);
        }
        if (is_int && parse_size(what, text, 1, &bytes, NULL)) {
            return json_object_new_uint64(bytes);
        }
        error_set(err, "%s takes an integer, not '%s'", what, text);
        return NULL;
    }
    return json_object_new_string(text);
}

bool object_parse(Object *obj, const char *name, const char *text, GError **err)
{
    const Property *row = settable_row(obj, name, err);
    if (!row) {
        return false;
    }
    if (row->kind->parse && !row->set) {
        return row->kind->parse(obj, row, text, err);
    }
    json_object *value = row->set ? text_to_json(obj, row, text, err) : json_object_new_string(text);
    bool ok = value && row_set(obj, row, value, err);
    json_object_put(value);
    return ok;
}

static bool set_member(Object *obj, const char *name, json_object *value, GError **err)
{
    if (json_object_is_type(value, json_type_string)) {
        return object_parse(obj, name, json_object_get_string(value), err);
    }
    /* Key "a.b" of a command line came nested; it is one property unless "a" is. */
    if (json_object_is_type(value, json_type_object) && !type_property(obj->type, name)) {
        json_object_object_foreach(value, key, member) {
            g_autofree char *full = g_strdup_printf("%s.%s", name, key);
            if (!set_member(obj, full, member, err)) {
                return false;
            }
        }
        return true;
    }
    return object_set(obj, name, value, err);
}

bool object_set_dict(Object *obj, json_object *dict, const char *const *skip, GError **err)
{
    json_object_object_foreach(dict, name, value) {
        if (skip && g_strv_contains(skip, name)) {
            continue;
        }
        if (!set_member(obj, name, value, err)) {
            return false;
        }
    }
    return true;
}

static void set_or_abort(Object *obj, const char *name, json_object *value)
{
    g_autoptr(GError) err = NULL;
    bool ok = object_set(obj, name, value, &err);
    json_object_put(value);
    if (!ok) {
        g_error("%s", err->message);
    }
}

void object_set_int(Object *obj, const char *name, int64_t value)
{
    set_or_abort(obj, name, json_object_new_int64(value));
}

void object_set_bool(Object *obj, const char *name, bool value)
{
    set_or_abort(obj, name, json_object_new_boolean(value));
}

void object_set_str(Object *obj, const char *name, const char *value)
{
    set_or_abort(obj, name, json_object_new_string(value));
}

/* By pointer, since a board links objects before they have a path. */
void object_set_link(Object *obj, const char *name, Object *target)
{
    const Property *row = type_property(obj->type, name);
    if (!row || row->kind != &prop_kind_link) {
        g_error("%s has no link '%s'", obj->type->name, name);
    }
    Object **field = (Object **)((char *)obj + row->offset);
    object_ref(target);
    object_unref(*field);
    *field = target;
}

/* --- listings --- */

typedef struct Listing {
    void (*fn)(const PropertyInfo *info, void *opaque);
    void *opaque;
} Listing;

static void list_target(const Listing *l, const char *kind, const char *name, const Object *target)
{
    g_autofree char *type = g_strdup_printf("%s<%s>", kind, target->type->name);
    PropertyInfo info = { .name = name, .type = g_intern_string(type) };
    l->fn(&info, l->opaque);
}

static bool list_child(Object *child, void *opaque)
{
    list_target(opaque, "child", child->name, child);
    return true;
}

static void list_row(const Property *row, void *opaque)
{
    const Listing *l = opaque;
    PropertyInfo info = {
        .name = row->name, .type = property_type_name(row), .description = row->description, .row = row,
    };
    l->fn(&info, l->opaque);
}

void object_foreach_property(Object *obj, void (*fn)(const PropertyInfo *info, void *opaque), void *opaque)
{
    Listing listing = { fn, opaque };

    object_foreach_child(obj, list_child, &listing);
    if (obj->links) {
        g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(obj->links), (GCompareFunc)strcmp);
        for (GList *l = names; l; l = l->next) {
            list_target(&listing, "link", l->data, g_hash_table_lookup(obj->links, l->data));
        }
    }
    foreach_row(obj->type, list_row, &listing);
}

static void collect_settable(const Property *row, void *rows)
{
    if (property_is_settable(row)) {
        g_ptr_array_add(rows, (void *)row);
    }
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp((*(const Property *const *)a)->name, (*(const Property *const *)b)->name);
}

void type_print_options(const Type *type)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();

    foreach_row(type, collect_settable, rows);
    g_ptr_array_sort(rows, compare_rows);
    printf(rows->len ? "%s options:\n" : "There are no options for %s.\n", type->name);
    for (unsigned i = 0; i < rows->len; i++) {
        const Property *row = rows->pdata[i];
        g_autoptr(GString) line = g_string_new(NULL);
        json_object *def = property_default(row);
        const char *text = row->description;

        if (!text && !strcmp(property_type_name(row), "bool")) {
            text = "on/off";
        }
        g_string_append_printf(line, "  %s=<%s>", row->name, property_type_name(row));
        if (text || def) {
            g_string_append_printf(line, "%*s - %s", line->len < 24 ? (int)(24 - line->len) : 0, "", text ? text : "");
        }
        if (json_object_is_type(def, json_type_boolean)) {
            g_string_append_printf(line, " (default: %s)", json_object_get_boolean(def) ? "on" : "off");
        } else if (def) {
            g_string_append_printf(line, " (default: %s)",
                                   json_object_to_json_string_ext(def, JSON_C_TO_STRING_NOSLASHESCAPE));
        }
        json_object_put(def);
        puts(line->str);
    }
}
