/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Object model: const types, typed properties, one composition tree.
 *
 * A Type is const data in rodata. TYPE_REGISTER() puts a pointer to it in a linker section, so that type_find() and
 * type_foreach() see it; nothing runs at start-up for a type that is not used. An Object has a type, a reference count,
 * and a place in the composition tree, whose root is object_root() ("/"). Its properties are those of its type and all
 * parents (rows: name, kind, offset, default, range), plus its children (child<T>) and its links.
 *
 * Life of an object: object_new() allocates, zero-fills, sets defaults from the property rows of root to leaf type,
 * then calls every `init` root to leaf. Properties are then set; `complete` (for -object; devices have realize instead)
 * checks them as a whole. The last object_unref() calls every `finalize` leaf to root, frees property values, then
 * memory.
 *
 * All of it runs under the big lock. Values travel as json-c objects: NULL is JSON null.
 */
#ifndef CORE_OBJECT_H
#define CORE_OBJECT_H

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

typedef struct Type Type;
typedef struct Object Object;
typedef struct Property Property;
typedef struct PropertyKind PropertyKind;

/* A set of named values for an enum property; NULL-terminated, index is value; "" skips a value. */
typedef const char *const EnumNames[];

/*
 * How values of one sort are stored, read and written. core/ has the kinds below; other layers add their own
 * (chardev/ a back end by id, block/ a drive, hw/ a PCI slot).
 */
struct PropertyKind {
    const char *name;           /* as device-list-properties and qom-list print it: "uint32", "str", "bool" ... */
    size_t size;                /* of the field; checked by the row macros */
    /* Returns a new value, or NULL for null. */
    json_object *(*get)(Object *obj, const Property *prop);
    /* Checks @value (range, type) and stores it. */
    bool (*set)(Object *obj, const Property *prop, json_object *value, GError **err);
    /* Same from the text of a command line; NULL: @text is passed to set as a JSON string. */
    bool (*parse)(Object *obj, const Property *prop, const char *text, GError **err);
    void (*set_default)(Object *obj, const Property *prop);     /* NULL: field stays zero */
    void (*release)(Object *obj, const Property *prop);         /* frees what the field owns; NULL: nothing */
};

extern const PropertyKind prop_kind_bool;       /* bool; text on|off|yes|no|true|false|y|n */
extern const PropertyKind prop_kind_uint8, prop_kind_uint16, prop_kind_uint32, prop_kind_uint64;
extern const PropertyKind prop_kind_int32, prop_kind_int64;
extern const PropertyKind prop_kind_size;       /* uint64_t bytes; text with K M G T P E suffix; QMP type "size" */
extern const PropertyKind prop_kind_size32;     /* uint32_t bytes */
extern const PropertyKind prop_kind_str;        /* char *, g_free()d */
extern const PropertyKind prop_kind_enum;       /* int; .names required */
extern const PropertyKind prop_kind_on_off_auto;/* OnOffAuto */
extern const PropertyKind prop_kind_link;       /* Object *, referenced, of type .link_type; value is a path or id */
extern const PropertyKind prop_kind_bit32, prop_kind_bit64; /* one bit (.bit) of a uint32_t/uint64_t field */
extern const PropertyKind prop_kind_virtual;    /* no field: .get/.set of the row */

typedef enum OnOffAuto { ON_OFF_AUTO_AUTO, ON_OFF_AUTO_ON, ON_OFF_AUTO_OFF } OnOffAuto;

struct Property {
    const char *name;
    const PropertyKind *kind;
    uint32_t offset;
    uint8_t bit;                /* bit kinds */
    bool read_only;
    bool runtime;               /* may be set after realize/complete */
    const char *type_name;      /* overrides kind->name in listings (enum type names, link<T>) */
    const char *description;    /* our words; shown by help */
    uint64_t def;               /* default of integer, size, bool, bit, enum kinds (cast for signed) */
    const char *def_str;        /* default of str */
    uint64_t min, max;          /* inclusive, integer kinds; max 0: the whole range of the kind */
    const char *const *names;   /* enum kinds */
    const char *link_type;      /* link kind */
    /* Row-level overrides: called instead of the kind's functions if set. */
    json_object *(*get)(Object *obj, const Property *prop);
    bool (*set)(Object *obj, const Property *prop, json_object *value, GError **err);
};

/* Row macros: the struct and the field, so that a field of another C type than the kind's does not compile. */
#define PROP_FIELD_CHECK(S, f, T) \
    (offsetof(S, f) + 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((S *)0)->f), T) ? 1 : -1]))
#define PROP_ROW(n, k, S, f, T, d, text, ...) \
    { .name = n, .kind = &k, .offset = PROP_FIELD_CHECK(S, f, T), .def = (uint64_t)(d), .description = text, \
      ##__VA_ARGS__ }
#define PROP_BOOL(n, S, f, d, text, ...)   PROP_ROW(n, prop_kind_bool, S, f, bool, d, text, ##__VA_ARGS__)
#define PROP_UINT8(n, S, f, d, text, ...)  PROP_ROW(n, prop_kind_uint8, S, f, uint8_t, d, text, ##__VA_ARGS__)
#define PROP_UINT16(n, S, f, d, text, ...) PROP_ROW(n, prop_kind_uint16, S, f, uint16_t, d, text, ##__VA_ARGS__)
#define PROP_UINT32(n, S, f, d, text, ...) PROP_ROW(n, prop_kind_uint32, S, f, uint32_t, d, text, ##__VA_ARGS__)
#define PROP_UINT64(n, S, f, d, text, ...) PROP_ROW(n, prop_kind_uint64, S, f, uint64_t, d, text, ##__VA_ARGS__)
#define PROP_INT32(n, S, f, d, text, ...)  PROP_ROW(n, prop_kind_int32, S, f, int32_t, d, text, ##__VA_ARGS__)
#define PROP_INT64(n, S, f, d, text, ...)  PROP_ROW(n, prop_kind_int64, S, f, int64_t, d, text, ##__VA_ARGS__)
#define PROP_SIZE(n, S, f, d, text, ...)   PROP_ROW(n, prop_kind_size, S, f, uint64_t, d, text, ##__VA_ARGS__)
#define PROP_SIZE32(n, S, f, d, text, ...) PROP_ROW(n, prop_kind_size32, S, f, uint32_t, d, text, ##__VA_ARGS__)
#define PROP_STR(n, S, f, text, ...)       PROP_ROW(n, prop_kind_str, S, f, char *, 0, text, ##__VA_ARGS__)
#define PROP_ENUM(n, S, f, d, nm, tn, text, ...) \
    PROP_ROW(n, prop_kind_enum, S, f, int, d, text, .names = nm, .type_name = tn, ##__VA_ARGS__)
#define PROP_ON_OFF_AUTO(n, S, f, d, text, ...)                                                                        \
    PROP_ROW(n, prop_kind_on_off_auto, S, f, OnOffAuto, d, text, ##__VA_ARGS__)
#define PROP_LINK(n, S, f, lt, text, ...) \
    PROP_ROW(n, prop_kind_link, S, f, Object *, 0, text, .link_type = lt, ##__VA_ARGS__)
#define PROP_BIT32(n, S, f, b, d, text, ...)                                                                           \
    PROP_ROW(n, prop_kind_bit32, S, f, uint32_t, d, text, .bit = b, ##__VA_ARGS__)
#define PROP_BIT64(n, S, f, b, d, text, ...)                                                                           \
    PROP_ROW(n, prop_kind_bit64, S, f, uint64_t, d, text, .bit = b, ##__VA_ARGS__)
#define PROP_VIRTUAL(n, tn, g, s, text, ...) \
    { .name = n, .kind = &prop_kind_virtual, .type_name = tn, .get = g, .set = s, .description = text, ##__VA_ARGS__ }

/* The head that every sort of type begins with; see DeviceType for how it is extended. */
struct Type {
    const char *name;
    const Type *parent;                 /* NULL only for object_type */
    size_t size;                        /* of the instance struct; 0: the parent's */
    bool is_abstract;
    bool user_creatable;                /* by -object / object-add */
    const char *description;
    const Property *properties;         /* own rows, ended by { }; NULL: none */
    void (*init)(Object *obj);
    bool (*complete)(Object *obj, GError **err);    /* -object: after all properties are set; root to leaf */
    void (*finalize)(Object *obj);
};

struct Object {
    const Type *type;
    unsigned refs;
    bool frozen;                        /* realized or completed: only `runtime` properties may be set */
    bool embedded;                      /* part of another object's struct: its memory is not freed here */
    Object *parent;
    char *name;                         /* in the parent; NULL for one not in the tree */
    GHashTable *children;               /* name -> Object, owned; NULL while empty. Listed in order of name. */
    GHashTable *links;                  /* extra links and aliases added at run time; NULL while empty */
};

extern const Type object_type;          /* "object": root of all */
extern const Type container_type;       /* "container": holds children only */

/* Puts a type into the table that type_find() searches. At file scope, after the type. */
#define TYPE_REGISTER(t) \
    static const Type *const t##_entry __attribute__((used, section("rhea_types"))) = (const Type *)&(t)

const Type *type_find(const char *name);                /* NULL if there is none */
bool type_is_a(const Type *type, const Type *ancestor);
/** type_foreach: calls @fn for each type that is @ancestor or below (NULL: all), abstract ones too, in no order. */
void type_foreach(const Type *ancestor, void (*fn)(const Type *type, void *opaque), void *opaque);
/** type_property: row @name of @type or its parents; NULL if there is none. */
const Property *type_property(const Type *type, const char *name);

/** object_new: a new object with one reference, not in the tree. @type must not be abstract. */
Object *object_new(const Type *type);
/** object_init_embedded: same for zero-filled memory inside another object's struct, which must outlive it. */
void object_init_embedded(Object *obj, const Type *type);
Object *object_ref(Object *obj);
void object_unref(Object *obj);                         /* NULL is allowed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Object, object_unref)

/** object_cast: @obj as @type or aborts: a failed cast is our mistake, never a guest's. */
void *object_cast(Object *obj, const Type *type);
#define OBJECT(o) ((Object *)(o))
bool object_is_a(const Object *obj, const Type *type);

Object *object_root(void);
/** object_add_child: puts @child at @parent/@name; takes over the caller's reference. "name[*]": next free number. */
void object_add_child(Object *parent, const char *name, Object *child);
void object_unparent(Object *obj);                      /* removes from the tree and drops the tree's reference */
/** object_container: the container at absolute @path, made with its parents if missing ("/machine/unattached"). */
Object *object_container(const char *path);
/** object_resolve: by absolute path or unambiguous partial path; NULL and *@ambiguous (may be NULL) otherwise. */
Object *object_resolve(const char *path, bool *ambiguous);
char *object_path(const Object *obj);                   /* canonical; g_free(). "" if not in the tree */
/** object_add_link: a read-only link property @name at @obj, pointing to @target (not referenced). */
void object_add_link(Object *obj, const char *name, Object *target);

/* Properties by name: row of the type, child (path string) or link. Errors name it and the nearest valid one. */
json_object *object_get(Object *obj, const char *name, GError **err);   /* new reference; *err tells NULL from error */
bool object_set(Object *obj, const char *name, json_object *value, GError **err);
bool object_parse(Object *obj, const char *name, const char *text, GError **err);
/** object_set_dict: sets each member of JSON object @dict but those in @skip (NULL-ended); strings use parse rules. */
bool object_set_dict(Object *obj, json_object *dict, const char *const *skip, GError **err);
/* For code that knows the property exists and the value fits: any failure aborts. */
void object_set_int(Object *obj, const char *name, int64_t value);
void object_set_bool(Object *obj, const char *name, bool value);
void object_set_str(Object *obj, const char *name, const char *value);
void object_set_link(Object *obj, const char *name, Object *target);
/** object_no_property: sets the error "TYPE has no property 'NAME'; did you mean 'X'?". Returns false. */
bool object_no_property(const Type *type, const char *name, GError **err);

/** object_foreach_child: in order of name; @fn returning false stops. */
void object_foreach_child(Object *obj, bool (*fn)(Object *child, void *opaque), void *opaque);

/**
 * PropertyInfo: one line of qom-list / device-list-properties. Strings are valid while the object's tree is unchanged.
 * object_foreach_property() goes over children and links first, then rows from leaf to root.
 */
typedef struct PropertyInfo { const char *name, *type, *description; const Property *row; } PropertyInfo;
void object_foreach_property(Object *obj, void (*fn)(const PropertyInfo *info, void *opaque), void *opaque);
void type_foreach_property(const Type *type, void (*fn)(const Property *row, void *opaque), void *opaque);
const char *property_type_name(const Property *row);
bool property_is_settable(const Property *row);         /* neither read_only nor without a setter */
json_object *property_default(const Property *row);     /* NULL: none */
/** type_print_options: "X options:" and one line a settable property, on stdout (-device X,help, -object X,help). */
void type_print_options(const Type *type);

/*
 * -global TYPE.PROP=VALUE and machine-version compatibility rows: applied by object_new() after defaults, root to leaf.
 * Compat rows first, then globals in order given.
 */
typedef struct GlobalProperty { const char *type, *property, *value; } GlobalProperty;
void globals_add(const GlobalProperty *rows, bool user);   /* { }-terminated, kept by reference */
/** globals_check: warns of user globals whose type is unknown or was never used. Called once, after start-up. */
void globals_check(void);
/** globals_started: whether globals_check() has run, that is, whether what is made now is hot-plugged. */
bool globals_started(void);

bool id_is_valid(const char *id);   /* letters, digits, '-', '.', '_', beginning with a letter */
/** user_object_add: -object / object-add: @args holds "qom-type", "id" and properties. Adds to /objects. */
bool user_object_add(json_object *args, GError **err);
bool user_object_del(const char *id, GError **err);

#endif
