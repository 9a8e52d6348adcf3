/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types, life of objects, the composition tree and its paths.
 *
 * A reference is held by the tree for an object that is in it, and by whoever called object_new() or object_ref().
 * Invariants: an object in the tree has a parent, a name, and refs >= 1; the last reference goes only after it left the
 * tree; an embedded object (a bus in its device) goes with its owner.
 */
#include "core/object.h"
#include "core/object_internal.h"

#include <string.h>

/* The linker's table of all types; weak, so that a program without any still links. */
extern const Type *const __start_rhea_types[] __attribute__((weak, visibility("hidden")));
extern const Type *const __stop_rhea_types[] __attribute__((weak, visibility("hidden")));

static json_object *get_type(Object *obj, const Property *prop)
{
    return json_object_new_string(obj->type->name);
}

static const Property object_properties[] = {
    PROP_VIRTUAL("type", "string", get_type, NULL, NULL),
    { }
};

const Type object_type = {
    .name = "object", .size = sizeof(Object), .is_abstract = true, .properties = object_properties,
};
TYPE_REGISTER(object_type);

const Type container_type = { .name = "container", .parent = &object_type };
TYPE_REGISTER(container_type);

/* --- types --- */

const Type *type_find(const char *name)
{
    for (const Type *const *t = __start_rhea_types; t < __stop_rhea_types; t++) {
        if (!strcmp((*t)->name, name)) {
            return *t;
        }
    }
    return NULL;
}

bool type_is_a(const Type *type, const Type *ancestor)
{
    for (; type; type = type->parent) {
        if (type == ancestor) {
            return true;
        }
    }
    return false;
}

void type_foreach(const Type *ancestor, void (*fn)(const Type *type, void *opaque), void *opaque)
{
    for (const Type *const *t = __start_rhea_types; t < __stop_rhea_types; t++) {
        if (!ancestor || type_is_a(*t, ancestor)) {
            fn(*t, opaque);
        }
    }
}

unsigned type_chain(const Type *type, const Type *chain[TYPE_DEPTH_MAX])
{
    unsigned n = 0;
    for (; type; type = type->parent) {
        g_assert(n < TYPE_DEPTH_MAX);
        chain[n++] = type;
    }
    return n;
}

static size_t type_size(const Type *type)
{
    while (!type->size) {
        type = type->parent;
    }
    return type->size;
}

/* --- life --- */

static void object_init(Object *obj, const Type *type)
{
    const Type *chain[TYPE_DEPTH_MAX];

    if (type->is_abstract) {
        g_error("type '%s' is abstract", type->name);
    }
    obj->type = type;
    obj->refs = 1;
    property_init_all(obj);
    for (unsigned i = type_chain(type, chain); i-- > 0; ) {
        if (chain[i]->init) {
            chain[i]->init(obj);
        }
    }
    globals_apply(obj);
}

#define OBJECT_ALIGN 64

Object *object_new(const Type *type)
{
    /* A cache line's alignment: a vCPU's vector state wants it. Freed by g_free(), which is free(). */
    size_t size = (type_size(type) + OBJECT_ALIGN - 1) & ~(size_t)(OBJECT_ALIGN - 1);
    Object *obj = aligned_alloc(OBJECT_ALIGN, size);

    g_assert(obj);
    memset(obj, 0, size);
    object_init(obj, type);
    return obj;
}

void object_init_embedded(Object *obj, const Type *type)
{
    obj->embedded = true;
    object_init(obj, type);
}

Object *object_ref(Object *obj)
{
    if (obj) {
        g_assert(obj->refs > 0);
        obj->refs++;
    }
    return obj;
}

static void remove_child(Object *obj)
{
    Object *parent = obj->parent;
    g_autofree char *name = g_steal_pointer(&obj->name);

    obj->parent = NULL;
    g_hash_table_remove(parent->children, name);
    object_unref(obj);
}

static void object_destroy(Object *obj)
{
    const Type *chain[TYPE_DEPTH_MAX];
    unsigned n = type_chain(obj->type, chain);

    g_assert(!obj->parent);
    obj->refs = 1;                      /* a finalize hook may take and drop a reference */
    for (unsigned i = 0; i < n; i++) {
        if (chain[i]->finalize) {
            chain[i]->finalize(obj);
        }
    }
    if (obj->children) {
        GHashTableIter iter;
        gpointer child;
        for (g_hash_table_iter_init(&iter, obj->children); g_hash_table_iter_next(&iter, NULL, &child);
             g_hash_table_iter_init(&iter, obj->children)) {
            remove_child(child);
        }
        g_clear_pointer(&obj->children, g_hash_table_destroy);
    }
    g_clear_pointer(&obj->links, g_hash_table_destroy);
    property_release_all(obj);
    g_assert(obj->refs == 1);
    obj->refs = 0;
    if (!obj->embedded) {
        g_free(obj);
    }
}

void object_unref(Object *obj)
{
    if (obj) {
        g_assert(obj->refs > 0);
        if (--obj->refs == 0) {
            object_destroy(obj);
        }
    }
}

bool object_is_a(const Object *obj, const Type *type)
{
    return obj && type_is_a(obj->type, type);
}

void *object_cast(Object *obj, const Type *type)
{
    if (!object_is_a(obj, type)) {
        g_error("object of type '%s' is no '%s'", obj ? obj->type->name : "(null)", type->name);
    }
    return obj;
}

/* --- tree --- */

Object *object_root(void)
{
    static Object *root;
    if (!root) {
        root = object_new(&container_type);
    }
    return root;
}

void object_add_child(Object *parent, const char *name, Object *child)
{
    g_autofree char *full = NULL;

    g_assert(!child->parent && child != object_root() && !strchr(name, '/'));
    if (!parent->children) {
        parent->children = g_hash_table_new(g_str_hash, g_str_equal);
    }
    if (g_str_has_suffix(name, "[*]")) {
        for (unsigned i = 0; !full || g_hash_table_contains(parent->children, full); i++) {
            g_free(full);
            full = g_strdup_printf("%.*s[%u]", (int)strlen(name) - 3, name, i);
        }
    } else {
        full = g_strdup(name);
    }
    if (g_hash_table_contains(parent->children, full)) {
        g_error("object of type '%s' has a child '%s' already", parent->type->name, full);
    }
    child->parent = parent;
    child->name = g_steal_pointer(&full);
    g_hash_table_insert(parent->children, child->name, child);
}

void object_unparent(Object *obj)
{
    if (obj && obj->parent) {
        remove_child(obj);
    }
}

static Object *child_by_name(Object *obj, const char *name)
{
    return obj->children ? g_hash_table_lookup(obj->children, name) : NULL;
}

Object *object_container(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    Object *obj = object_root();

    for (char **part = parts; *part; part++) {
        if (!**part) {
            continue;
        }
        Object *child = child_by_name(obj, *part);
        if (!child) {
            child = object_new(&container_type);
            object_add_child(obj, *part, child);
        }
        obj = child;
    }
    return obj;
}

/* One step of a path: child, run-time link, or link property. */
static Object *resolve_component(Object *obj, const char *name)
{
    Object *found = child_by_name(obj, name);
    if (!found && obj->links) {
        found = g_hash_table_lookup(obj->links, name);
    }
    if (!found) {
        const Property *row = type_property(obj->type, name);
        found = row ? property_link_target(obj, row) : NULL;
    }
    return found;
}

static Object *resolve_from(Object *obj, char **parts)
{
    for (; obj && *parts; parts++) {
        if (**parts) {
            obj = resolve_component(obj, *parts);
        }
    }
    return obj;
}

/* Collects what partial path @parts leads to from @obj or any object below; stops at a second, different find. */
static void resolve_partial(Object *obj, char **parts, Object **found, bool *ambiguous)
{
    Object *here = resolve_from(obj, parts);
    if (here && *found && here != *found) {
        *ambiguous = true;
        return;
    }
    if (here) {
        *found = here;
    }
    if (obj->children) {
        GHashTableIter iter;
        gpointer child;
        g_hash_table_iter_init(&iter, obj->children);
        while (!*ambiguous && g_hash_table_iter_next(&iter, NULL, &child)) {
            resolve_partial(child, parts, found, ambiguous);
        }
    }
}

Object *object_resolve(const char *path, bool *ambiguous)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    Object *found = NULL;
    bool two = false;

    if (path[0] == '/') {
        found = resolve_from(object_root(), parts);
    } else if (path[0]) {
        resolve_partial(object_root(), parts, &found, &two);
    }
    if (ambiguous) {
        *ambiguous = two;
    }
    return two ? NULL : found;
}

char *object_path(const Object *obj)
{
    if (obj == object_root()) {
        return g_strdup("/");
    }
    GString *path = g_string_new(NULL);
    for (; obj->parent; obj = obj->parent) {
        g_string_prepend(path, obj->name);
        g_string_prepend_c(path, '/');
    }
    if (obj != object_root()) {
        g_string_truncate(path, 0);
    }
    return g_string_free(path, false);
}

static void free_link_name(gpointer name)
{
    g_free(name);
}

void object_add_link(Object *obj, const char *name, Object *target)
{
    if (!obj->links) {
        obj->links = g_hash_table_new_full(g_str_hash, g_str_equal, free_link_name, NULL);
    }
    g_hash_table_insert(obj->links, g_strdup(name), target);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(Object *const *)a)->name, (*(Object *const *)b)->name);
}

void object_foreach_child(Object *obj, bool (*fn)(Object *child, void *opaque), void *opaque)
{
    if (!obj->children) {
        return;
    }
    /* A copy with references: @fn may change the tree. */
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    GHashTableIter iter;
    gpointer child;
    g_hash_table_iter_init(&iter, obj->children);
    while (g_hash_table_iter_next(&iter, NULL, &child)) {
        g_ptr_array_add(list, object_ref(child));
    }
    g_ptr_array_sort(list, compare_names);
    for (unsigned i = 0; i < list->len; i++) {
        Object *c = list->pdata[i];
        if (c->parent == obj && !fn(c, opaque)) {
            break;
        }
    }
}
