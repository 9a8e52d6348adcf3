/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QAPI values: between C structs and JSON, driven by tables.
 *
 * Each type of the schema has a const QapiType (generated, in rodata) that says where its members lie in the C struct.
 * One set of functions reads these tables: parse, print, free, and (schema.h) introspection.
 *
 * C form of a member: str is char *, any is json_object *, integers, number (double), bool and enums are themselves;
 * structs, unions and alternates are pointers; a list is a GPtrArray * of pointers (with a free function) or a GArray *
 * of scalars. An optional member is NULL when absent, or for a scalar `has_NAME` is false. A NULL list prints as [].
 * Everything is owned by the struct it is in.
 */
#ifndef QAPI_VISIT_H
#define QAPI_VISIT_H

#include <json-c/json.h>

#include "core/error.h"

typedef enum QapiKind {
    QAPI_STR, QAPI_INT8, QAPI_INT16, QAPI_INT32, QAPI_INT64, QAPI_UINT8, QAPI_UINT16, QAPI_UINT32, QAPI_UINT64,
    QAPI_SIZE, QAPI_NUMBER, QAPI_BOOL, QAPI_NULL, QAPI_ANY, QAPI_ENUM, QAPI_STRUCT, QAPI_UNION, QAPI_ALTERNATE,
    QAPI_LIST
} QapiKind;

typedef struct QapiType QapiType;

typedef struct QapiMember {
    const char *name;
    const QapiType *type;
    uint32_t offset;                    /* of the value in the struct; of branches: in the struct, for all the same */
    uint32_t presence;                  /* offset of has_NAME plus 1; 0: required, or absent is NULL */
    bool optional;
    const char *const *features;        /* NULL-terminated; NULL: none */
} QapiMember;

struct QapiType {
    const char *name;                   /* of the schema; lists: their element's */
    const char *masked;                 /* as query-qmp-schema calls it; NULL: no client sees it */
    QapiKind kind;
    uint32_t size;                      /* bytes of the struct, or of a scalar */
    const QapiMember *members;          /* own and inherited; ends with a NULL name */
    const QapiMember *branches;         /* unions: by case; alternates: by kind; ends with a NULL name */
    uint32_t tag;                       /* unions: index in members; alternates: offset of the branch index */
    const char *const *values;          /* enums; NULL-terminated */
    const char *const *const *value_features;   /* enums: by value; NULL: none has any */
    const QapiType *element;            /* lists */
    const char *const *features;
    GDestroyNotify free;                /* structs, unions, alternates */
};

/* JSON: types must be right. KEYVAL: leaves are strings as the command line has them ("on", "4G", "0x10"). */
typedef enum QapiMode { QAPI_MODE_JSON, QAPI_MODE_KEYVAL } QapiMode;

/**
 * qapi_parse: a new struct of @type (struct, union or alternate) from @json; freed by qapi_free().
 * On failure NULL, and @err names the member by its path ("addr.port", "paths[2]") and what was expected.
 */
void *qapi_parse(const QapiType *type, json_object *json, QapiMode mode, GError **err);
/** qapi_to_json: a new JSON value of @obj, a struct of @type. Enum values out of range abort: they are our mistake. */
json_object *qapi_to_json(const QapiType *type, const void *obj);
void qapi_free(const QapiType *type, void *obj);        /* NULL allowed */

/* The same for a value of any type in its place: @field is the address of the member or variable. */
bool qapi_value_parse(const QapiType *type, void *field, json_object *json, QapiMode mode, GError **err);
json_object *qapi_value_to_json(const QapiType *type, const void *field);
void qapi_value_clear(const QapiType *type, void *field);   /* frees what it owns, and zeroes pointers */

/** qapi_enum_parse: index of @text in @type's values, or -1 with @err, which names @what and the nearest value. */
int qapi_enum_parse(const QapiType *type, const char *what, const char *text, GError **err);

extern const QapiType qapi_str, qapi_int, qapi_int8, qapi_int16, qapi_int32, qapi_int64, qapi_uint8, qapi_uint16,
                      qapi_uint32, qapi_uint64, qapi_size, qapi_number, qapi_bool, qapi_null, qapi_any;

/* Rows: the member's C type must be the one its schema type asks for. */
#define QAPI_MEMBER(n, S, f, T, t, ...) \
    { .name = n, .type = &t, \
      .offset = offsetof(S, f) + 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((S *)0)->f), T) ? 1 : -1]), \
      ##__VA_ARGS__ }

#endif
