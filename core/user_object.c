/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects made by the user: -object, object-add and object-del. They live in /objects under their id. */
#include "core/object.h"
#include "core/object_internal.h"
#include "core/option.h"

#include <string.h>

bool id_is_valid(const char *id)
{
    if (!g_ascii_isalpha(id[0])) {
        return false;
    }
    for (const char *c = id; *c; c++) {
        if (!g_ascii_isalnum(*c) && !strchr("-._", *c)) {
            return false;
        }
    }
    return true;
}

static void add_creatable(const Type *type, void *nearest)
{
    if (type->user_creatable && !type->is_abstract) {
        nearest_add(nearest, type->name);
    }
}

static const Type *creatable_type(const char *name, GError **err)
{
    const Type *type = type_find(name);
    NearestWord nearest;

    if (type && type->user_creatable && !type->is_abstract) {
        return type;
    }
    nearest_init(&nearest, name);
    type_foreach(NULL, add_creatable, &nearest);
    if (type) {
        error_set(err, "'%s' is no type of object that can be created%s", name, nearest_hint(&nearest));
    } else {
        error_set(err, "there is no object type '%s'%s", name, nearest_hint(&nearest));
    }
    return NULL;
}

bool user_object_add(json_object *args, GError **err)
{
    static const char *const skip[] = { "qom-type", "id", NULL };
    const char *type_name = dict_str(args, "qom-type"), *id = dict_str(args, "id");

    if (!type_name) {
        return error_set(err, "Parameter 'qom-type' is missing");
    }
    const Type *type = creatable_type(type_name, err);
    if (!type) {
        return false;
    }
    if (!id) {
        return error_set(err, "Parameter 'id' is missing");
    }
    if (!id_is_valid(id)) {
        return error_set(err, "Parameter 'id' expects an identifier (letters, digits, '-', '.', '_', beginning with a "
                         "letter), not '%s'", id);
    }
    Object *home = object_container("/objects");
    if (home->children && g_hash_table_contains(home->children, id)) {
        return error_set(err, "there is an object with id '%s' already", id);
    }
    Object *obj = object_new(type);
    object_add_child(home, id, obj);
    bool ok = object_set_dict(obj, args, skip, err);

    const Type *chain[TYPE_DEPTH_MAX];
    for (unsigned i = type_chain(type, chain); ok && i-- > 0; ) {
        ok = !chain[i]->complete || chain[i]->complete(obj, err);
    }
    if (!ok) {
        object_unparent(obj);
        return false;
    }
    obj->frozen = true;
    return true;
}

static bool add_child_name(Object *child, void *nearest)
{
    nearest_add(nearest, child->name);
    return true;
}

bool user_object_del(const char *id, GError **err)
{
    Object *home = object_container("/objects");
    Object *obj = home->children ? g_hash_table_lookup(home->children, id) : NULL;

    if (!obj) {
        NearestWord nearest;
        nearest_init(&nearest, id);
        object_foreach_child(home, add_child_name, &nearest);
        return error_set(err, "object '%s' not found%s", id, nearest_hint(&nearest));
    }
    if (obj->refs > 1) {
        return error_set(err, "object '%s' is in use, can not be deleted", id);
    }
    object_unparent(obj);
    return true;
}
