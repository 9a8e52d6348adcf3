/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making chardevs: from the dictionary of -chardev (or chardev-add), and from the short forms of -serial and friends.
 *
 *   text "tcp:host:1234,server=on"
 *     -> short forms -> { backend: socket, host: ..., port: 1234, server: on }
 *     -> chardev_new_from_args() -> object of type "chardev-socket", options set as its properties, opened,
 *        child ID of /chardevs
 *
 * mux=on makes two: the back end as "ID-base" and a mux over it as ID.
 */
#include <stdio.h>
#include <string.h>

#include "chardev/backend.h"
#include "core/option.h"

#define CHARDEVS_PATH "/chardevs"
#define TYPE_PREFIX "chardev-"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)

/* Other spellings of a back end, and those of QEMU that are not here yet. */
static const struct { const char *name, *means; } aliases[] = {
    { "memory", "ringbuf" }, { "tty", "serial" }, { "parport", "parallel" },
};
static const char *const not_yet[] = {
    "serial", "parallel", "udp", "hub", "msmouse", "wctablet", "braille", "testdev", "spicevmc", "spiceport",
    "qemu-vdagent", "dbus",
};

/* ---- look-up ---- */

static const char *backend_name(const Type *type) { return type->name + strlen(TYPE_PREFIX); }

static const ChardevType *backend_find(const char *name)
{
    g_autofree char *type_name = g_strconcat(TYPE_PREFIX, name, NULL);
    const Type *type = type_find(type_name);

    return type && !type->is_abstract && type_is_a(type, &chardev_type.type) ? (const ChardevType *)type : NULL;
}

static void nearest_backend(const Type *type, void *opaque)
{
    if (!type->is_abstract) {
        nearest_add(opaque, backend_name(type));
    }
}

static const ChardevType *backend_find_or_explain(const char *name, GError **err)
{
    const ChardevType *type;
    NearestWord near;

    for (size_t i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (!strcmp(name, aliases[i].name)) {
            name = aliases[i].means;
        }
    }
    type = backend_find(name);
    if (type) {
        return type;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(not_yet); i++) {
        if (!strcmp(name, not_yet[i])) {
            error_set(err, "chardev back end '%s' is not supported yet", name);
            return NULL;
        }
    }
    nearest_init(&near, name);
    type_foreach(&chardev_type.type, nearest_backend, &near);
    error_set(err, "'%s' is not a valid char driver name%s", name, nearest_hint(&near));
    return NULL;
}

Chardev *chardev_find(const char *id)
{
    Object *container = object_resolve(CHARDEVS_PATH, NULL);
    Object *obj = container && container->children && id ? g_hash_table_lookup(container->children, id) : NULL;

    return (Chardev *)obj;
}

/* ---- making ---- */

static bool id_check(const char *id, GError **err)
{
    if (!id || !*id) {
        return error_set(err, "chardev: no id specified");
    }
    if (!id_is_valid(id)) {
        return error_set(err, "Parameter 'id' expects an identifier, not '%s': letters, digits, '-', '.', '_', "
                         "beginning with a letter", id);
    }
    return true;
}

static Chardev *make(const ChardevType *type, const char *id, json_object *options, GError **err)
{
    static const char *const not_options[] = { "backend", "id", NULL };
    g_autoptr(Object) obj = NULL;
    Chardev *chr;

    if (chardev_find(id)) {
        error_set(err, "Duplicate ID '%s' for chardev", id);
        return NULL;
    }
    obj = object_new(&type->type);
    chr = (Chardev *)obj;
    chr->id = g_strdup(id);
    chr->filename = g_strdup(backend_name(&type->type));
    if (!object_set_dict(obj, options, not_options, err) || !chardev_open(chr, options, err)) {
        return NULL;
    }
    object_add_child(object_container(CHARDEVS_PATH), id, object_ref(obj));
    return chr;
}

static bool is_true(json_object *value)
{
    bool on = false;

    return json_object_is_type(value, json_type_string)
               ? parse_bool("mux", json_object_get_string(value), &on, NULL) && on
               : json_object_get_boolean(value);
}

static void copy_member(json_object *to, const char *key, json_object *value)
{
    json_object_object_add(to, key, json_object_get(value));
}

/* Members of chardev-add's nested "data" under the names that -chardev has for them. */
static void flatten_data(json_object *data, json_object *flat)
{
    static const struct { const char *qmp, *option; } renamed[] = {
        { "out", "path" }, { "in", "input-path" }, { "device", "path" }, { "str", "fd" },
    };

    json_object_object_foreach(data, key, value) {
        json_object *inner;
        const char *name = key;

        if (!strcmp(key, "addr") && json_object_is_type(value, json_type_object)) {
            if (json_object_object_get_ex(value, "data", &inner) && json_object_is_type(inner, json_type_object)) {
                flatten_data(inner, flat);
            }
            continue;
        }
        for (size_t i = 0; i < G_N_ELEMENTS(renamed); i++) {
            name = strcmp(key, renamed[i].qmp) ? name : renamed[i].option;
        }
        copy_member(flat, name, value);
    }
}

static json_object *flatten(json_object *args, json_object *backend)
{
    json_object *flat = json_object_new_object(), *type, *data;
    const char *id = dict_str(args, "id");

    if (id) {
        json_object_object_add(flat, "id", json_object_new_string(id));
    }
    if (json_object_object_get_ex(backend, "type", &type)) {
        copy_member(flat, "backend", type);
        /* In QMP a socket is a server unless told otherwise. */
        if (!strcmp(json_object_get_string(type), "socket")) {
            json_object_object_add(flat, "server", json_object_new_boolean(true));
        }
    }
    if (json_object_object_get_ex(backend, "data", &data) && json_object_is_type(data, json_type_object)) {
        flatten_data(data, flat);
    }
    return flat;
}

Chardev *chardev_new_from_args(json_object *args, GError **err)
{
    const char *id = dict_str(args, "id"), *backend;
    json_object *nested = NULL, *mux = NULL;
    g_autoptr(json_object) options = NULL, mux_options = NULL;
    const ChardevType *type;
    Chardev *chr;

    if (json_object_object_get_ex(args, "backend", &nested) && json_object_is_type(nested, json_type_object)) {
        options = flatten(args, nested);
    } else {
        options = json_object_new_object();
        json_object_object_foreach(args, key, value) {
            copy_member(options, key, value);
        }
    }
    backend = dict_str(options, "backend");
    if (!backend) {
        error_set(err, "chardev: \"%s\" missing backend", id ? id : "");
        return NULL;
    }
    type = backend_find_or_explain(backend, err);
    if (!type || !id_check(id, err)) {
        return NULL;
    }
    if (!json_object_object_get_ex(options, "mux", &mux) || !is_true(mux) || type->multiple) {
        return make(type, id, options, err);
    }

    g_autofree char *base_id = g_strconcat(id, "-base", NULL);
    if (chardev_find(id)) {
        error_set(err, "Duplicate ID '%s' for chardev", id);
        return NULL;
    }
    if (!make(type, base_id, options, err)) {
        return NULL;
    }
    mux_options = json_object_new_object();
    json_object_object_add(mux_options, "chardev", json_object_new_string(base_id));
    chr = make(backend_find("mux"), id, mux_options, err);
    if (!chr) {
        chardev_remove(base_id, NULL);
    }
    return chr;
}

/* ---- short forms ---- */

/* "HOST:PORT" at the start of @text into host and port; [HOST]:PORT for IPv6. Returns what follows. */
static const char *split_host_port(const char *text, json_object *options, GError **err)
{
    const char *host = text, *host_end, *port, *end;
    g_autofree char *host_text = NULL, *port_text = NULL;

    if (*text == '[') {
        host = text + 1;
        host_end = strchr(host, ']');
        port = host_end && host_end[1] == ':' ? host_end + 2 : NULL;
    } else {
        host_end = text + strcspn(text, ":,");
        port = *host_end == ':' ? host_end + 1 : NULL;
    }
    if (!port) {
        error_set(err, "'%s' has no port, say HOST:PORT", text);
        return NULL;
    }
    end = port + strcspn(port, ",:");
    if (end == port || *end == ':') {
        error_set(err, "'%s' is not HOST:PORT", text);
        return NULL;
    }
    host_text = g_strndup(host, host_end - host);
    port_text = g_strndup(port, end - port);
    json_object_object_add(options, "host", json_object_new_string(host_text));
    json_object_object_add(options, "port", json_object_new_string(port_text));
    return end;
}

/* ",server=on,wait=off" and so on. */
static bool add_options(json_object *options, const char *text, GError **err)
{
    g_autoptr(json_object) more = NULL;

    if (!*text) {
        return true;
    }
    more = keyval_parse(text + 1, NULL, true, NULL, err);
    if (!more) {
        return false;
    }
    json_object_object_foreach(more, key, value) {
        copy_member(options, key, value);
    }
    return true;
}

static void set(json_object *options, const char *key, const char *value)
{
    json_object_object_add(options, key, json_object_new_string(value));
}

static bool parse_socket(json_object *options, const char *text, const char *protocol, GError **err)
{
    const char *rest;

    set(options, "backend", "socket");
    if (!strcmp(protocol, "unix")) {
        g_autofree char *path = g_strndup(text, strcspn(text, ","));

        if (!*path) {
            return error_set(err, "unix: has no socket path");
        }
        set(options, "path", path);
        return add_options(options, text + strlen(path), err);
    }
    rest = split_host_port(text, options, err);
    if (!rest) {
        return false;
    }
    if (strcmp(protocol, "tcp")) {
        set(options, protocol, "on");
    }
    return add_options(options, rest, err);
}

/* "800x600" pixels or "80Cx24C" characters. */
static bool parse_vc_size(json_object *options, const char *text, GError **err)
{
    unsigned w, h;
    int used = 0;
    bool characters = sscanf(text, "%7uCx%7uC%n", &w, &h, &used) == 2 && used && !text[used];
    char number[16];

    if (!characters && (sscanf(text, "%7ux%7u%n", &w, &h, &used) != 2 || text[used])) {
        return error_set(err, "'%s' is not a console size such as 800x600 or 80Cx24C", text);
    }
    snprintf(number, sizeof(number), "%u", w);
    set(options, characters ? "cols" : "width", number);
    snprintf(number, sizeof(number), "%u", h);
    set(options, characters ? "rows" : "height", number);
    return true;
}

static bool parse_short(json_object *options, const char *text, bool muxed, GError **err)
{
    static const char *const sockets[] = { "tcp", "telnet", "unix", "websocket", "tn3270" };
    const char *colon = strchr(text, ':'), *comma = strchr(text, ',');
    g_autofree char *name = NULL;
    const ChardevType *type;
    GError *why = NULL;

    if (comma && (!colon || comma < colon)) {
        colon = NULL;                           /* "stdio,signal=off" */
    }
    name = g_strndup(text, colon ? colon - text : comma ? comma - text : strlen(text));
    for (size_t i = 0; colon && i < G_N_ELEMENTS(sockets); i++) {
        if (!strcmp(name, sockets[i])) {
            return parse_socket(options, colon + 1, name, err);
        }
    }
    if (text[0] == '/') {
        return error_set(err, "chardev back end 'serial' (host device %s) is not supported yet", text);
    }
    type = backend_find_or_explain(name, &why);
    if (!type || type->multiple || (colon && !type->path_option && strcmp(name, "vc")) ||
        (!colon && type->path_option && strcmp(name, "pty"))) {
        if (!type && strstr(why->message, "not supported")) {
            g_propagate_error(err, why);
            return false;
        }
        NearestWord near;

        nearest_init(&near, name);
        for (size_t i = 0; i < G_N_ELEMENTS(sockets); i++) {
            nearest_add(&near, sockets[i]);
        }
        type_foreach(&chardev_type.type, nearest_backend, &near);
        g_clear_error(&why);
        return error_set(err, "'%s' is not a valid char driver%s", text, nearest_hint(&near));
    }
    set(options, "backend", name);
    if (!strcmp(name, "stdio") && muxed) {
        set(options, "signal", "off");          /* Ctrl-C belongs to the guest; Ctrl-A x ends the emulator */
    }
    if (colon && !strcmp(name, "vc")) {
        return parse_vc_size(options, colon + 1, err);
    }
    if (colon) {
        set(options, type->path_option, colon + 1);     /* as it is, commas and all */
        return true;
    }
    return !comma || add_options(options, comma, err);
}

Chardev *chardev_new_from_text(const char *id, const char *text, bool with_mux, GError **err)
{
    g_autoptr(json_object) options = json_object_new_object();
    const char *rest = text;

    if (g_str_has_prefix(text, "chardev:")) {
        Chardev *chr = chardev_find(text + strlen("chardev:"));

        if (!chr) {
            error_set(err, "chardev '%s' not found", text + strlen("chardev:"));
        }
        return chr;
    }
    if (g_str_has_prefix(rest, "mon:")) {
        rest += strlen("mon:");
        with_mux = true;
    }
    if (!strcmp(rest, "none")) {
        return NULL;
    }
    if (!parse_short(options, rest, with_mux, err)) {
        return NULL;
    }
    set(options, "id", id);
    if (with_mux) {
        set(options, "mux", "on");
    }
    return chardev_new_from_args(options, err);
}

/* ---- all of them ---- */

typedef struct Visit {
    void (*fn)(const char *id, const char *filename, Chardev *chr, void *opaque);
    void *opaque;
} Visit;

static bool visit_one(Object *child, void *opaque)
{
    Chardev *chr = (Chardev *)child;
    Visit *v = opaque;

    v->fn(chr->id, chr->filename, chr, v->opaque);
    return true;
}

void chardev_foreach(void (*fn)(const char *id, const char *filename, Chardev *chr, void *opaque), void *opaque)
{
    Object *container = object_resolve(CHARDEVS_PATH, NULL);
    Visit v = { fn, opaque };

    if (container) {
        object_foreach_child(container, visit_one, &v);
    }
}

const char *chardev_filename(const Chardev *chr) { return chr->filename; }

bool chardev_remove(const char *id, GError **err)
{
    Chardev *chr = chardev_find(id);

    if (!chr) {
        return error_set(err, "Chardev '%s' not found", id);
    }
    if (chr->fe) {
        return error_set(err, "Chardev '%s' is busy", id);
    }
    object_unparent(OBJECT(chr));
    return true;
}

/* The new one is made beside the old one, so that a failure changes nothing; then it takes over id and front end. */
Chardev *chardev_change(Chardev *old, json_object *args, GError **err)
{
    g_autofree char *id = g_strdup(old->id), *temporary = g_strconcat(id, "-change", NULL);
    CharFrontend *fe = old->fe;
    Chardev *chr;

    if (chardev_type_of(old)->multiple) {
        error_set(err, "Chardev '%s': a mux cannot be changed", id);
        return NULL;
    }
    json_object_object_add(args, "id", json_object_new_string(temporary));
    chr = chardev_new_from_args(args, err);
    if (!chr) {
        return NULL;
    }
    if (chardev_type_of(chr)->multiple) {
        error_set(err, "Chardev '%s': a mux cannot take the place of another", id);
        object_unparent(OBJECT(chr));
        return NULL;
    }
    g_autoptr(Object) hold = object_ref(OBJECT(chr));
    object_unparent(OBJECT(chr));
    if (fe) {
        chardev_detach(fe);
        if (fe->event && old->open) {
            fe->event(fe->opaque, CHARDEV_CLOSED);
        }
    }
    object_unparent(OBJECT(old));
    g_free(chr->id);
    chr->id = g_strdup(id);
    object_add_child(object_container(CHARDEVS_PATH), id, object_ref(hold));
    if (fe) {
        chardev_attach(fe, chr, NULL);          /* a new chardev is free */
    }
    return chr;
}

static void cleanup_one(const char *id, const char *filename, Chardev *chr, void *opaque)
{
    if (chardev_type_of(chr)->cleanup) {
        chardev_type_of(chr)->cleanup(chr);
    }
}

void chardev_cleanup(void) { chardev_foreach(cleanup_one, NULL); }

static void collect_name(const Type *type, void *opaque)
{
    if (!type->is_abstract) {
        g_ptr_array_add(opaque, (void *)backend_name(type));
    }
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

void chardev_foreach_backend(void (*fn)(const char *name, void *opaque), void *opaque)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    type_foreach(&chardev_type.type, collect_name, names);
    for (size_t i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (backend_find(aliases[i].means)) {
            g_ptr_array_add(names, (void *)aliases[i].name);
        }
    }
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        fn(names->pdata[i], opaque);
    }
}

static void print_name(const char *name, void *opaque) { printf("  %s\n", name); }

void chardev_print_help(void)
{
    printf("Available chardev backend types: \n");
    chardev_foreach_backend(print_name, NULL);
}

/* ---- property of a device ---- */

static CharFrontend *field_of(Object *obj, const Property *prop)
{
    return (CharFrontend *)((char *)obj + prop->offset);
}

static json_object *chardev_prop_get(Object *obj, const Property *prop)
{
    const CharFrontend *fe = field_of(obj, prop);

    return json_object_new_string(fe->chr && fe->chr->id ? fe->chr->id : "");
}

static bool chardev_prop_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    const char *id = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
    CharFrontend *fe = field_of(obj, prop);
    Chardev *chr;

    if (!id) {
        return error_set(err, "property '%s' of %s takes the id of a chardev", prop->name, obj->type->name);
    }
    chr = chardev_find(id);
    if (!chr) {
        NearestWord near;
        Object *container = object_resolve(CHARDEVS_PATH, NULL);
        GHashTableIter it;
        gpointer name;

        nearest_init(&near, id);
        if (container && container->children) {
            g_hash_table_iter_init(&it, container->children);
            while (g_hash_table_iter_next(&it, &name, NULL)) {
                nearest_add(&near, name);
            }
        }
        return error_set(err, "Property '%s.%s' can't find value '%s'%s", obj->type->name, prop->name, id,
                         nearest_hint(&near));
    }
    chardev_detach(fe);
    return chardev_attach(fe, chr, err);
}

static void chardev_prop_release(Object *obj, const Property *prop) { chardev_detach(field_of(obj, prop)); }

const PropertyKind prop_kind_chardev = {
    .name = "str", .size = sizeof(CharFrontend), .get = chardev_prop_get, .set = chardev_prop_set,
    .release = chardev_prop_release,
};
