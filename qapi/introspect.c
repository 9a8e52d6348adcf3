/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Introspection: the type tables as JSON, in the form of query-qmp-schema.
 *
 * Types have masked names (numbers; "[3]" is a list of type 3): clients find them through commands and events only, so
 * that names of types are no part of the interface. All integer types show as "int". A command without arguments or
 * result refers to the empty object type, which is number 0.
 */
#include "qapi/schema.h"

void (*qapi_event_hook)(const QapiInterface *event, json_object *data);

#define EMPTY_TYPE "0"

static void add_str(json_object *obj, const char *key, const char *value)
{
    json_object_object_add(obj, key, json_object_new_string(value));
}

static void add_features(json_object *obj, const char *const *features)
{
    if (!features) {
        return;
    }
    json_object *list = json_object_new_array();
    for (; *features; features++) {
        json_object_array_add(list, json_object_new_string(*features));
    }
    json_object_object_add(obj, "features", list);
}

static const char *masked(const QapiType *type)
{
    return type ? type->masked : EMPTY_TYPE;
}

static void add_enum(json_object *out, const QapiType *type)
{
    json_object *members = json_object_new_array();
    json_object *values = json_object_new_array();
    for (unsigned i = 0; type->values[i]; i++) {
        json_object *m = json_object_new_object();
        add_str(m, "name", type->values[i]);
        add_features(m, type->value_features ? type->value_features[i] : NULL);
        json_object_array_add(members, m);
        json_object_array_add(values, json_object_new_string(type->values[i]));
    }
    json_object_object_add(out, "members", members);
    json_object_object_add(out, "values", values);
}

static void add_variants(json_object *out, const QapiType *type)
{
    const QapiMember *tag = &type->members[type->tag];
    json_object *variants = json_object_new_array();
    for (unsigned i = 0; tag->type->values[i]; i++) {
        const QapiType *branch_type = NULL;
        for (const QapiMember *b = type->branches; b && b->name; b++) {
            if (!strcmp(b->name, tag->type->values[i])) {
                branch_type = b->type;
            }
        }
        json_object *v = json_object_new_object();
        add_str(v, "case", tag->type->values[i]);
        add_str(v, "type", masked(branch_type));
        json_object_array_add(variants, v);
    }
    add_str(out, "tag", tag->name);
    json_object_object_add(out, "variants", variants);
}

static void add_object(json_object *out, const QapiType *type)
{
    json_object *members = json_object_new_array();
    for (const QapiMember *m = type->members; m && m->name; m++) {
        json_object *o = json_object_new_object();
        add_str(o, "name", m->name);
        if (m->optional) {
            json_object_object_add(o, "default", NULL);
        }
        add_str(o, "type", masked(m->type));
        add_features(o, m->features);
        json_object_array_add(members, o);
    }
    json_object_object_add(out, "members", members);
    if (type->kind == QAPI_UNION) {
        add_variants(out, type);
    }
}

static void add_alternate(json_object *out, const QapiType *type)
{
    json_object *members = json_object_new_array();
    for (const QapiMember *b = type->branches; b->name; b++) {
        json_object *o = json_object_new_object();
        add_str(o, "type", masked(b->type));
        json_object_array_add(members, o);
    }
    json_object_object_add(out, "members", members);
}

static const char *json_type_name(QapiKind kind)
{
    switch (kind) {
    case QAPI_STR:
        return "string";
    case QAPI_NUMBER:
        return "number";
    case QAPI_BOOL:
        return "boolean";
    case QAPI_NULL:
        return "null";
    case QAPI_ANY:
        return "value";
    default:
        return "int";
    }
}

static json_object *type_to_json(const QapiType *type)
{
    json_object *out = json_object_new_object();
    add_str(out, "name", type->masked);
    switch (type->kind) {
    case QAPI_ENUM:
        add_str(out, "meta-type", "enum");
        add_enum(out, type);
        break;
    case QAPI_STRUCT: case QAPI_UNION:
        add_str(out, "meta-type", "object");
        add_object(out, type);
        break;
    case QAPI_ALTERNATE:
        add_str(out, "meta-type", "alternate");
        add_alternate(out, type);
        break;
    case QAPI_LIST:
        add_str(out, "meta-type", "array");
        add_str(out, "element-type", type->element->masked);
        break;
    default:
        add_str(out, "meta-type", "builtin");
        add_str(out, "json-type", json_type_name(type->kind));
        break;
    }
    add_features(out, type->features);
    return out;
}

json_object *qapi_introspect(void)
{
    json_object *list = json_object_new_array();
    for (unsigned i = 0; i < qapi_interface_count; i++) {
        const QapiInterface *e = &qapi_interface[i];
        json_object *out = json_object_new_object();
        add_str(out, "name", e->name);
        add_str(out, "meta-type", e->is_event ? "event" : "command");
        add_str(out, "arg-type", masked(e->arg));
        if (!e->is_event) {
            add_str(out, "ret-type", masked(e->ret));
            if (e->oob) {
                json_object_object_add(out, "allow-oob", json_object_new_boolean(true));
            }
        }
        add_features(out, e->features);
        json_object_array_add(list, out);
    }
    for (const QapiType *const *t = qapi_visible_types; *t; t++) {
        json_object_array_add(list, type_to_json(*t));
    }
    return list;
}
