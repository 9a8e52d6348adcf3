/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The graph: nodes from option trees, their names and ends.
 *
 *   { driver: raw, node-name: d, cache: { direct: on }, file: { driver: file, filename: x } }
 *     -> flatten(): nested option groups become dotted names, children are set aside
 *     -> children first, each inheriting what it does not set itself -> properties -> driver's open
 *
 * A node lives while somebody references it: an edge, or the monitor (block_add). Names are unique.
 */
#include <errno.h>
#include <string.h>

#include "block/node.h"
#include "core/option.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)

static GPtrArray *all_nodes;                    /* BlockNode *, not referenced, in order of making */

/* Drivers of QEMU that come later; any other word is a mistake. */
static const char *const not_yet[] = {
    "blkdebug", "blklogwrites", "blkreplay", "blkverify", "bochs", "cloop", "compress", "copy-before-write",
    "copy-on-read",
    "dmg", "ftp", "ftps", "host_cdrom", "host_device", "http", "https", "io_uring", "iscsi", "luks", "nbd", "nfs",
    "null-aio", "null-co", "nvme", "nvme-io_uring", "parallels", "preallocate", "qcow", "qed", "quorum", "rbd",
    "replication", "snapshot-access", "ssh", "throttle", "vdi", "vhdx", "virtio-blk-vfio-pci", "virtio-blk-vhost-user",
    "virtio-blk-vhost-vdpa", "vmdk", "vpc", "vvfat",
};

/* ---- drivers by name ---- */

static void nearest_driver(const Type *type, void *opaque)
{
    if (!type->is_abstract) {
        nearest_add(opaque, type->name + strlen(BLOCK_TYPE_PREFIX));
    }
}

const BlockDriver *block_driver_find(const char *name, GError **err)
{
    g_autofree char *type_name = g_strconcat(BLOCK_TYPE_PREFIX, name, NULL);
    const Type *type = type_find(type_name);
    NearestWord near;

    if (type && !type->is_abstract && type_is_a(type, &block_node_type.type)) {
        return (const BlockDriver *)type;
    }
    nearest_init(&near, name);
    for (size_t i = 0; i < G_N_ELEMENTS(not_yet); i++) {
        if (!strcmp(name, not_yet[i])) {
            error_set(err, "block driver '%s' is not supported yet", name);
            return NULL;
        }
        nearest_add(&near, not_yet[i]);
    }
    type_foreach(&block_node_type.type, nearest_driver, &near);
    error_set(err, "Unknown driver '%s'%s", name, nearest_hint(&near));
    return NULL;
}

static const BlockChildSlot *slot_find(const BlockDriver *drv, const char *name)
{
    for (const BlockChildSlot *s = drv->children; s && s->name; s++) {
        if (!strcmp(s->name, name)) {
            return s;
        }
    }
    return NULL;
}

static void feed_row(const Property *row, void *opaque) { nearest_add(opaque, row->name); }

bool block_node_option_known(const char *driver, const char *name, NearestWord *near)
{
    const BlockDriver *drv = block_driver_find(driver, NULL);

    if (!drv) {
        return false;
    }
    if (near) {
        type_foreach_property(&drv->type, feed_row, near);
        for (const BlockChildSlot *s = drv->children; s && s->name; s++) {
            nearest_add(near, s->name);
        }
    }
    return !strcmp(name, "driver") || !strcmp(name, "cache") || slot_find(drv, name) || type_property(&drv->type, name);
}

/* ---- names ---- */

BlockNode *block_node_find(const char *node_name)
{
    for (guint i = 0; all_nodes && i < all_nodes->len; i++) {
        BlockNode *n = all_nodes->pdata[i];

        if (n->opened && !g_strcmp0(n->node_name, node_name)) {
            return n;
        }
    }
    return NULL;
}

static bool name_check(const char *name, GError **err)
{
    if (!id_is_valid(name)) {
        return error_set(err, "Invalid node-name: '%s'", name);
    }
    if (strlen(name) > 31) {
        return error_set(err, "Node name '%s' is too long: it may have 31 characters", name);
    }
    if (block_node_find(name)) {
        return error_set(err, "Duplicate nodes with node-name='%s'", name);
    }
    return true;
}

void block_node_foreach(void (*fn)(BlockNode *n, void *opaque), void *opaque)
{
    for (guint i = 0; all_nodes && i < all_nodes->len; i++) {
        fn(all_nodes->pdata[i], opaque);
    }
}

/* ---- opening ---- */

/* Moves the members of nested groups ("cache") up as "group.member"; what names a child stays. */
static json_object *flatten(const BlockDriver *drv, json_object *options)
{
    json_object *flat = json_object_new_object();

    json_object_object_foreach(options, key, value) {
        if (slot_find(drv, key) || !json_object_is_type(value, json_type_object)) {
            json_object_object_add(flat, key, json_object_get(value));
            continue;
        }
        json_object_object_foreach(value, inner_key, inner_value) {
            g_autofree char *name = g_strconcat(key, ".", inner_key, NULL);

            json_object_object_add(flat, name, json_object_get(inner_value));
        }
    }
    return flat;
}

static void inherit(json_object *from, json_object *to, const char *name)
{
    json_object *value;

    if (json_object_object_get_ex(from, name, &value) && !json_object_object_get_ex(to, name, NULL)) {
        json_object_object_add(to, name, json_object_get(value));
    }
}

/* A nested child caches, shares and writes as its parent unless it says otherwise, and passes discards on. */
static BlockNode *open_nested(json_object *parent_options, json_object *options, bool backing, GError **err)
{
    static const char *const inherited[] = {
        "cache.direct", "cache.no-flush", "force-share", "read-only", "auto-read-only",
    };
    const char *driver = dict_str(options, "driver");
    const BlockDriver *drv = driver ? block_driver_find(driver, err) : NULL;
    g_autoptr(json_object) child = NULL;

    if (!driver) {
        error_set(err, "Parameter 'driver' is missing");
        return NULL;
    }
    if (!drv) {
        return NULL;
    }
    child = flatten(drv, options);
    if (backing && !json_object_object_get_ex(child, "read-only", NULL)) {
        json_object_object_add(child, "read-only", json_object_new_boolean(true));      /* whoever writes, writes above it */
    }
    for (size_t i = 0; i < G_N_ELEMENTS(inherited); i++) {
        inherit(parent_options, child, inherited[i]);
    }
    if (!json_object_object_get_ex(child, "discard", NULL)) {
        json_object_object_add(child, "discard", json_object_new_string("unmap"));
    }
    return block_node_open(child, err);
}

static bool open_child(BlockNode *n, const BlockChildSlot *slot, json_object *options, GError **err)
{
    BlockNode *child;
    BlockChild *edge;
    json_object *value;

    if (!json_object_object_get_ex(options, slot->name, &value)) {
        return slot->optional || error_set(err, "Parameter '%s' is missing", slot->name);
    }
    if (!value && slot->optional) {             /* null: none, also if the image names one */
        n->no_backing = true;
        return true;
    }
    if (json_object_is_type(value, json_type_object)) {
        child = open_nested(options, value, !strcmp(slot->name, "backing"), err);
        if (!child) {
            g_prefix_error(err, "%s: ", slot->name);
            return false;
        }
    } else if (json_object_is_type(value, json_type_string)) {
        child = block_node_find(json_object_get_string(value));
        if (!child) {
            NearestWord near;

            nearest_init(&near, json_object_get_string(value));
            for (guint i = 0; i < all_nodes->len; i++) {
                if (((BlockNode *)all_nodes->pdata[i])->opened) {
                    nearest_add(&near, ((BlockNode *)all_nodes->pdata[i])->node_name);
                }
            }
            return error_set(err, "Cannot find device='%s' nor node-name='%s'%s", json_object_get_string(value),
                             json_object_get_string(value), nearest_hint(&near));
        }
        block_node_ref(child);
    } else {
        return error_set(err, "Parameter '%s' takes a node name or the description of a node", slot->name);
    }
    edge = block_child_attach(child, n, NULL, slot->name, 0, BLOCK_PERM_ALL, err);
    block_node_unref(child);
    return edge != NULL;
}

BlockNode *block_node_open(json_object *options, GError **err)
{
    const char *driver = dict_str(options, "driver");
    const BlockDriver *drv = driver ? block_driver_find(driver, err) : NULL;
    g_autoptr(json_object) flat = NULL;
    static unsigned next_auto_name = 100;
    const char **skip;
    BlockNode *n;
    bool ok = true;
    unsigned count = 0;

    if (!driver) {
        error_set(err, "Parameter 'driver' is missing");
        return NULL;
    }
    if (!drv) {
        return NULL;
    }
    flat = flatten(drv, options);
    n = (BlockNode *)object_new(&drv->type);
    skip = g_new0(const char *, 8);
    skip[count++] = "driver";
    for (const BlockChildSlot *s = drv->children; s && s->name; s++) {
        skip[count++] = s->name;
        g_assert(count < 8);
    }
    ok = object_set_dict(OBJECT(n), flat, skip, err);
    g_free(skip);
    if (ok && n->force_share && !n->read_only) {
        ok = error_set(err, "force-share=on can only be used with read-only images");
    }
    if (ok && n->node_name_option) {
        ok = name_check(n->node_name_option, err);
        n->node_name = g_strdup(n->node_name_option);
    } else if (ok) {
        n->node_name = g_strdup_printf("#block%u", next_auto_name++);
    }
    for (const BlockChildSlot *s = drv->children; ok && s && s->name; s++) {
        ok = open_child(n, s, flat, err);
    }
    if (ok && n->children->len && block_first_child(n)->read_only && !n->read_only) {
        if (n->auto_read_only) {
            n->read_only = true;
        } else {
            ok = error_set(err, "Block node '%s' is read-only", block_first_child(n)->node_name);
        }
    }
    ok = ok && drv->open(n, err);
    if (ok) {
        n->opened = true;
        if (drv->refresh_filename) {
            drv->refresh_filename(n);
        } else if (n->children->len) {
            n->filename = g_strdup(block_first_child(n)->filename);
        }
        return n;
    }
    object_unref(OBJECT(n));
    return NULL;
}

void block_node_unref(BlockNode *n)
{
    if (n) {
        object_unref(OBJECT(n));
    }
}

int64_t block_node_length(BlockNode *n)
{
    int64_t bytes = block_driver(n)->length(n);

    if (bytes > INT64_MAX - BLOCK_SECTOR_BYTES) {
        return -EFBIG;
    }
    return bytes < 0 ? bytes : (bytes + BLOCK_SECTOR_BYTES - 1) & -(int64_t)BLOCK_SECTOR_BYTES;
}

static void node_init(Object *obj)
{
    BlockNode *n = (BlockNode *)obj;

    n->loop = event_loop_main();
    n->children = g_ptr_array_new();
    n->parents = g_ptr_array_new();
    n->tracked = g_ptr_array_new();
    n->shared = BLOCK_PERM_ALL;
    n->request_bytes = n->memory_bytes = 1;
    if (!all_nodes) {
        all_nodes = g_ptr_array_new();
    }
    g_ptr_array_add(all_nodes, n);
}

static void node_finalize(Object *obj)
{
    BlockNode *n = (BlockNode *)obj;

    g_assert(n->parents->len == 0 && n->in_flight == 0);
    if (n->opened && block_driver(n)->close) {
        block_driver(n)->close(n);
    }
    while (n->children->len) {
        block_child_detach(n->children->pdata[n->children->len - 1]);
    }
    g_ptr_array_remove(all_nodes, n);
    g_ptr_array_free(n->children, TRUE);
    g_ptr_array_free(n->parents, TRUE);
    g_ptr_array_free(n->tracked, TRUE);
    g_free(n->node_name);
    g_free(n->filename);
}

static const char *const discard_names[] = { "ignore", "unmap", NULL };
static const char *const detect_zeroes_names[] = { "off", "on", "unmap", NULL };

static const Property node_properties[] = {
    PROP_STR("node-name", BlockNode, node_name_option, "name of the node"),
    PROP_BOOL("read-only", BlockNode, read_only, false, "refuse writes"),
    PROP_BOOL("auto-read-only", BlockNode, auto_read_only, false, "turn read-only if the image cannot be written"),
    PROP_BOOL("force-share", BlockNode, force_share, false, "let others write to the image; needs read-only=on"),
    PROP_BOOL("cache.direct", BlockNode, cache_direct, false, "bypass the host's page cache (O_DIRECT)"),
    PROP_BOOL("cache.no-flush", BlockNode, cache_no_flush, false, "ignore flushes; data may be lost with the host"),
    PROP_BOOL("active", BlockNode, active, true, "the node may be used"),
    PROP_ENUM("discard", BlockNode, discard, DISCARD_IGNORE, discard_names, "BlockdevDiscardOptions",
        "what a discard does"),
    PROP_ENUM("detect-zeroes", BlockNode, detect_zeroes, DETECT_ZEROES_OFF, detect_zeroes_names,
              "BlockdevDetectZeroesOptions", "turn writes of zeros into zero or unmap requests"),
    { }
};

const BlockDriver block_node_type = {
    .name = "block-node", .parent = &object_type, .size = sizeof(BlockNode), .is_abstract = true,
    .description = "node of the block graph", .properties = node_properties, .init = node_init,
    .finalize = node_finalize,
};
TYPE_REGISTER(block_node_type);

/* ---- -blockdev ---- */

bool block_add(json_object *args, GError **err)
{
    BlockNode *n;

    if (!dict_str(args, "node-name")) {
        if (dict_str(args, "driver") && !block_driver_find(dict_str(args, "driver"), err)) {
            return false;
        }
        return error_set(err, "'node-name' must be specified for the root node");
    }
    n = block_node_open(args, err);
    if (!n) {
        return false;
    }
    n->monitor_owned = true;
    return true;
}

bool block_del(const char *node_name, GError **err)
{
    BlockNode *n = block_node_find(node_name);

    if (!n) {
        return error_set(err, "Failed to find node with node-name='%s'", node_name);
    }
    if (n->parents->len) {
        g_autofree char *user = block_child_user(n->parents->pdata[0]);

        return error_set(err, "Node '%s' is busy: it is used by %s", node_name, user);
    }
    if (!n->monitor_owned) {
        return error_set(err, "Node '%s' is not owned by the monitor", node_name);
    }
    n->monitor_owned = false;
    block_node_unref(n);
    return true;
}

void block_nodes_release(void)
{
    bool again = true;

    while (again) {
        again = false;
        for (guint i = 0; all_nodes && i < all_nodes->len && !again; i++) {
            BlockNode *n = all_nodes->pdata[i];

            if (n->monitor_owned) {
                n->monitor_owned = false;
                block_node_unref(n);
                again = true;                   /* the array has changed */
            }
        }
    }
}
