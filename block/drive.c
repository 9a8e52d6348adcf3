/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -drive: a file, its format, and where it is plugged, in one option.
 *
 *   -drive file=x,if=ide,index=1,cache=none,format=raw
 *     -> DriveOptions (the rows below) and what is left over, which belongs to the format's node
 *     -> BlockdevOptions { driver: raw, ..., file: { driver: file, filename: x } } -> node -> BlockBackend "ide0-hd1"
 *     -> DriveInfo (interface, index), which a board takes with block_drive_get() and plugs
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "block/qcow2.h"
#include "core/host_fd.h"
#include "core/option.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)

enum { IF_NONE, IF_IDE, IF_SCSI, IF_FLOPPY, IF_PFLASH, IF_MTD, IF_SD, IF_VIRTIO, IF_XEN, IF_COUNT };
static const char *const interface_names[] = {
    "none", "ide", "scsi", "floppy", "pflash", "mtd", "sd", "virtio", "xen", NULL
};
static int units_per_bus[IF_COUNT] = { [IF_IDE] = 2, [IF_SCSI] = 7 };      /* 0: no buses, only an index */

enum { MEDIA_DISK, MEDIA_CDROM };
static const char *const media_names[] = { "disk", "cdrom", NULL };
static const char *const discard_names[] = { "ignore", "unmap", "off", "on", NULL };

/* cache= is short for three switches. */
static const struct { const char *name; bool writeback, direct, no_flush; } cache_modes[] = {
    { "writeback", true, false, false }, { "none", true, true, false }, { "off", true, true, false },
    { "writethrough", false, false, false }, { "directsync", false, true, false }, { "unsafe", true, false, true },
};

typedef struct DriveOptions {
    Object object;
    char *id, *file, *format, *driver, *cache, *aio;
    int interface, media, werror, rerror, discard;
    int32_t index, bus, unit;
    bool read_only, snapshot, copy_on_read, stats_failed, stats_invalid, cache_writeback, cache_direct, cache_no_flush;
} DriveOptions;

static const Property drive_properties[] = {
    PROP_STR("id", DriveOptions, id, "name of the drive"),
    PROP_STR("file", DriveOptions, file, "image file"),
    PROP_STR("format", DriveOptions, format, "image format"),
    PROP_STR("driver", DriveOptions, driver, "image format"),
    PROP_ENUM("if", DriveOptions, interface, IF_IDE, interface_names, "BlockInterfaceType",
        "what the drive is plugged into"),
    PROP_INT32("index", DriveOptions, index, -1, "place among the drives of the interface"),
    PROP_INT32("bus", DriveOptions, bus, -1, "bus of the interface"),
    PROP_INT32("unit", DriveOptions, unit, -1, "unit on the bus"),
    PROP_ENUM("media", DriveOptions, media, MEDIA_DISK, media_names, NULL, "disk or cdrom"),
    PROP_BOOL("read-only", DriveOptions, read_only, false, "refuse writes"),
    PROP_BOOL("snapshot", DriveOptions, snapshot, false, "write to a temporary file, which goes with the drive"),
    PROP_BOOL("copy-on-read", DriveOptions, copy_on_read, false,
        "copy what is read into the image (not supported yet)"),
    PROP_STR("cache", DriveOptions, cache, "none, writeback, writethrough, directsync or unsafe"),
    PROP_BOOL("cache.writeback", DriveOptions, cache_writeback, true, "the guest sees a write cache"),
    PROP_BOOL("cache.direct", DriveOptions, cache_direct, false, "bypass the host's page cache"),
    PROP_BOOL("cache.no-flush", DriveOptions, cache_no_flush, false, "ignore flushes"),
    PROP_STR("aio", DriveOptions, aio, "threads, native or io_uring"),
    PROP_ENUM("werror", DriveOptions, werror, BLOCK_ON_ERROR_ENOSPC, block_on_error_names, NULL,
        "what a failed write does"),
    PROP_ENUM("rerror", DriveOptions, rerror, BLOCK_ON_ERROR_REPORT, block_on_error_names, NULL,
        "what a failed read does"),
    PROP_ENUM("discard", DriveOptions, discard, 0, discard_names, NULL, "what a discard does"),
    PROP_BOOL("stats-account-invalid", DriveOptions, stats_invalid, true, "count invalid requests in statistics"),
    PROP_BOOL("stats-account-failed", DriveOptions, stats_failed, true, "count failed requests in statistics"),
    { }
};

static const Type drive_options_type = {
    .name = "drive", .parent = &object_type, .size = sizeof(DriveOptions), .properties = drive_properties,
};

static GPtrArray *drives;                       /* DriveInfo * */

static bool given(json_object *args, const char *name) { return json_object_object_get_ex(args, name, NULL); }

/* ---- the list ---- */

static int interface_of(const char *name)
{
    for (int i = 0; interface_names[i]; i++) {
        if (!strcmp(interface_names[i], name)) {
            return i;
        }
    }
    return -1;
}

static DriveInfo *find(const char *interface, int index)
{
    for (guint i = 0; drives && i < drives->len; i++) {
        DriveInfo *d = drives->pdata[i];

        if (d->index == index && !strcmp(d->interface, interface)) {
            return d;
        }
    }
    return NULL;
}

DriveInfo *block_drive_get(const char *interface, int index)
{
    DriveInfo *d = find(interface, index);

    if (d) {
        d->claimed = true;
    }
    return d;
}

DriveInfo *block_drive_of(BlockBackend *blk) { return blk->drive; }

void block_drive_set_units(const char *interface, int units)
{
    int i = interface_of(interface);

    g_assert(i >= 0 && units >= 0);
    units_per_bus[i] = units;
}

void block_drives_check(void)
{
    GError *err = NULL;

    for (guint i = 0; drives && i < drives->len; i++) {
        const DriveInfo *d = drives->pdata[i];
        int units = units_per_bus[interface_of(d->interface)];

        if (!d->claimed && !d->is_default && strcmp(d->interface, "none")) {
            error_set(&err, "drive '%s': machine type does not support if=%s,bus=%d,unit=%d; "
                      "with if=none a -device can take it", d->id, d->interface, units ? d->index / units : 0,
                      units ? d->index % units : d->index);
            error_fatal(err);
        }
    }
}

static bool place(const DriveOptions *o, int *index, GError **err)
{
    const char *interface = interface_names[o->interface];
    int units = units_per_bus[o->interface], bus = MAX(o->bus, 0), unit = o->unit;

    if (o->index != -1 && (o->bus != -1 || o->unit != -1)) {
        return error_set(err, "index cannot be used with bus and unit");
    }
    if (o->index < -1 || o->bus < -1 || unit < -1) {
        return error_set(err, "index, bus and unit cannot be negative");
    }
    if (units && unit >= units) {
        return error_set(err, "unit %d too big (max is %d)", unit, units - 1);
    }
    if (bus > INT32_MAX / 64) {
        return error_set(err, "bus %d too big", bus);
    }
    *index = o->index;
    if (o->index == -1 && unit != -1) {
        *index = units ? bus * units + unit : unit;
    } else if (o->index == -1) {
        *index = bus * units;
        while (find(interface, *index)) {
            (*index)++;
        }
    }
    if (o->interface != IF_NONE && find(interface, *index)) {
        return error_set(err, "drive with bus=%d, unit=%d (index=%d) exists", units ? *index / units : 0,
                         units ? *index % units : *index, *index);
    }
    return true;
}

static char *default_id(const DriveOptions *o, int index)
{
    const char *interface = interface_names[o->interface];
    const char *media =
        o->interface == IF_IDE || o->interface == IF_SCSI ? o->media == MEDIA_CDROM ? "-cd" : "-hd" : "";
    int units = units_per_bus[o->interface];

    return units ? g_strdup_printf("%s%d%s%d", interface, index / units, media, index % units)
                 : g_strdup_printf("%s%s%d", interface, media, index);
}

/* ---- options ---- */

static bool apply_cache(DriveOptions *o, json_object *args, GError **err)
{
    NearestWord near;

    if (!o->cache) {
        return true;
    }
    nearest_init(&near, o->cache);
    for (size_t i = 0; i < G_N_ELEMENTS(cache_modes); i++) {
        if (!strcmp(o->cache, cache_modes[i].name)) {
            o->cache_writeback = given(args, "cache.writeback") ? o->cache_writeback : cache_modes[i].writeback;
            o->cache_direct = given(args, "cache.direct") ? o->cache_direct : cache_modes[i].direct;
            o->cache_no_flush = given(args, "cache.no-flush") ? o->cache_no_flush : cache_modes[i].no_flush;
            return true;
        }
        nearest_add(&near, cache_modes[i].name);
    }
    return error_set(err, "invalid cache option '%s'%s", o->cache, nearest_hint(&near));
}

static bool check_options(const DriveOptions *o, json_object *args, GError **err)
{
    const struct { bool wrong; const char *text; } rules[] = {
        { o->copy_on_read, "copy-on-read=on is not supported yet" },
        { o->format && o->driver && strcmp(o->format, o->driver), "Cannot specify both 'driver' and 'format'" },
        { o->rerror == BLOCK_ON_ERROR_ENOSPC, "'enospc' invalid read error action" },
        { o->id && !id_is_valid(o->id),
          "Parameter 'id' expects an identifier: letters, digits, '-', '.', '_', beginning with a letter" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (rules[i].wrong) {
            return error_set(err, "%s", rules[i].text);
        }
    }
    if (o->aio && strcmp(o->aio, "threads") && strcmp(o->aio, "native") && strcmp(o->aio, "io_uring")) {
        return error_set(err, "invalid aio option '%s': it is threads, native or io_uring", o->aio);
    }
    return true;
}

/* Parts @args into what the rows above know (@ours) and what the node shall understand (@node). */
static bool split(json_object *args, const char *format, json_object *ours, json_object *node, GError **err)
{
    NearestWord near;

    if (json_object_object_get_ex(args, "readonly", NULL) && json_object_object_get_ex(args, "read-only", NULL)) {
        return error_set(err, "'read-only' and its old name 'readonly' cannot be used at the same time");
    }
    json_object_object_foreach(args, written, value) {
        const char *key = strcmp(written, "readonly") ? written : "read-only";      /* its old name */

        if (!strcmp(key, "cache") && json_object_is_type(value, json_type_object)) {
            json_object_object_foreach(value, inner, inner_value) {
                g_autofree char *name = g_strconcat("cache.", inner, NULL);

                if (!type_property(&drive_options_type, name)) {
                    return object_no_property(&drive_options_type, name, err);
                }
                json_object_object_add(ours, name, json_object_get(inner_value));
            }
            continue;
        }
        if (!strcmp(key, "file") && json_object_is_type(value, json_type_object)) {
            json_object_object_add(node, "file", json_object_get(value));
            continue;
        }
        if (type_property(&drive_options_type, key)) {
            json_object_object_add(ours, key, json_object_get(value));
            continue;
        }
        if (g_str_has_prefix(key, "throttling") || !strcmp(key, "bps") || !strcmp(key, "iops")) {
            return error_set(err, "'%s' is not supported yet", key);
        }
        nearest_init(&near, key);
        if (block_node_option_known(format, key, &near)) {
            json_object_object_add(node, key, json_object_get(value));
            continue;
        }
        for (const Property *p = drive_properties; p->name; p++) {
            nearest_add(&near, p->name);
        }
        return error_set(err, "drive has no option '%s'%s", key, nearest_hint(&near));
    }
    return true;
}

/* ---- the node ---- */

static const char *probe_file(const char *path, GError **err)
{
    uint8_t head[BLOCK_SECTOR_BYTES];
    const char *format;
    ssize_t n;
    int fd = host_open(path, O_RDONLY | O_NONBLOCK, 0);

    if (fd < 0) {
        error_set_errno(err, errno, "Could not open '%s'", path);
        return NULL;
    }
    n = read(fd, head, sizeof(head));
    close(fd);
    format = n > 0 ? block_probe(head, n) : "raw";
    if (!block_driver_find(format, NULL)) {
        error_set(err, "'%s' looks like an image of format '%s', which is not supported yet; "
                  "say format=raw to use its bytes as they are", path, format);
        return NULL;
    }
    return format;
}

/* "file:x" is x; another word before ':' (and no '/' before that) is a protocol. */
static const char *strip_protocol(const char *file, GError **err)
{
    size_t word = strcspn(file, ":/");

    if (file[word] != ':') {
        return file;
    }
    if (word == 4 && !strncmp(file, "file", 4)) {
        return file + 5;
    }
    error_set(err, "Unknown protocol '%.*s' in '%s'; a file name with ':' may be written as ./NAME", (int)word, file,
              file);
    return NULL;
}

static void put_str(json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

static void put_bool(json_object *o, const char *key, bool value)
{
    json_object_object_add(o, key, json_object_new_boolean(value));
}

/* What the user wrote stays; the rest comes from -drive's options. */
static BlockNode *open_node(const DriveOptions *o, json_object *node, bool read_only, GError **err)
{
    const char *format = o->format ? o->format : o->driver, *path = NULL;
    json_object *file = NULL;
    bool probed = false;
    BlockNode *n;

    if (o->file && g_str_has_prefix(o->file, "json:")) {
        g_autoptr(json_object) described = json_parse_text(o->file + 5, strlen(o->file + 5), err);

        if (!described || !json_object_is_type(described, json_type_object)) {
            if (described) {
                error_set(err, "file=json: is not an object");
            }
            return NULL;
        }
        return block_node_open(described, err);
    }
    if (o->file && !(path = strip_protocol(o->file, err))) {
        return NULL;
    }
    if (!format && path) {
        format = probe_file(path, err);
        probed = true;
        if (!format) {
            return NULL;
        }
    }
    put_str(node, "driver", format ? format : "raw");
    put_bool(node, "read-only", read_only);
    put_bool(node, "cache.direct", o->cache_direct);
    put_bool(node, "cache.no-flush", o->cache_no_flush);
    put_str(node, "discard", discard_names[o->discard & 1]);
    if (format && !strcmp(format, "file")) {
        put_str(node, "filename", path ? path : "");
        if (o->aio) {
            put_str(node, "aio", o->aio);
        }
        return block_node_open(node, err);
    }
    if (!json_object_object_get_ex(node, "file", &file)) {
        file = json_object_new_object();
        json_object_object_add(node, "file", file);
    }
    if (json_object_is_type(file, json_type_object)) {
        if (!given(file, "driver")) {
            put_str(file, "driver", "file");
        }
        if (path) {
            put_str(file, "filename", path);
        }
        if (o->aio) {
            put_str(file, "aio", o->aio);
        }
    }
    n = block_node_open(node, err);
    if (n && probed && !strcmp(format, "raw") && !n->read_only) {
        n->probed = true;
        warn_report("drive file '%s' has no format= and looks like raw; writes to its first sector that would make it "
                    "look like another format will fail. Say format=raw to allow them", path);
    }
    return n;
}

BlockNode *block_drive_open_file(const char *filename, const char *format, bool read_only, GError **err)
{
    g_autoptr(Object) obj = object_new(&drive_options_type);
    g_autoptr(json_object) node = json_object_new_object();
    DriveOptions *o = (DriveOptions *)obj;

    if (format && !block_driver_find(format, err)) {
        return NULL;
    }
    o->file = g_strdup(filename);
    o->format = g_strdup(format);
    return open_node(o, node, read_only, err);
}

/* snapshot=on: an empty image over @base, in a file without a name. */
static BlockNode *open_temporary(BlockNode *base, GError **err)
{
    const char *folder = g_getenv("TMPDIR");
    g_autofree char *path = g_strdup_printf("%s/rhea-snapshot-XXXXXX", folder && *folder ? folder : "/var/tmp");
    g_autoptr(json_object) node = json_object_new_object();
    json_object *file = json_object_new_object();
    int64_t length = block_node_length(base);
    int fd = g_mkstemp(path);
    BlockNode *n = NULL;

    put_str(node, "driver", "qcow2");
    put_str(node, "backing", base->node_name);
    put_bool(node, "cache.no-flush", true);     /* nobody reads it after us */
    put_str(file, "driver", "file");
    put_str(file, "filename", path);
    json_object_object_add(node, "file", file);
    if (fd < 0) {
        error_set_errno(err, errno, "Could not get temporary filename '%s'", path);
        return NULL;
    }
    if (length < 0) {
        error_set_errno(err, -length, "Could not get the size of '%s'", base->filename);
    } else if (qcow2_create(fd, length, err)) {
        n = block_node_open(node, err);
    }
    unlink(path);
    close(fd);
    return n;
}

static bool make_drive(DriveOptions *o, json_object *args, json_object *node_options, GError **err)
{
    g_autofree char *id = NULL;
    g_autoptr(Object) obj = NULL;
    bool read_only = o->read_only || o->media == MEDIA_CDROM;
    BlockBackend *blk;
    DriveInfo *d;
    int index;

    if (!place(o, &index, err)) {
        return false;
    }
    id = o->id ? g_strdup(o->id) : default_id(o, index);
    for (guint i = 0; drives && i < drives->len; i++) {
        if (!strcmp(((DriveInfo *)drives->pdata[i])->id, id)) {
            return error_set(err, "Duplicate ID '%s' for drive", id);
        }
    }
    if (block_node_find(id)) {
        return error_set(err, "Drive ID '%s' is the name of a node already", id);
    }
    blk = block_backend_new(id);
    obj = OBJECT(blk);
    blk->read_only = read_only;
    blk->write_cache = o->cache_writeback;
    block_backend_set_on_error(blk, o->werror, o->rerror);
    if (o->file || given(node_options, "file")) {
        BlockNode *n = open_node(o, node_options, read_only || o->snapshot, err);
        bool ok;

        if (n && o->snapshot && !read_only) {
            BlockNode *over = open_temporary(n, err);

            block_node_unref(n);
            n = over;
        }
        if (!n) {
            return false;
        }
        /* Until a device says what it wants, keep the right to use the image, and let others. */
        blk->perm = BLOCK_PERM_READ | (n->read_only ? 0 : BLOCK_PERM_WRITE);
        ok = block_backend_insert(blk, n, err);
        block_node_unref(n);
        if (!ok) {
            return false;
        }
    }
    d = g_new(DriveInfo, 1);
    *d = (DriveInfo){ .id = blk->name, .interface = interface_names[o->interface], .index = index,
                      .cdrom = o->media == MEDIA_CDROM, .read_only = read_only,
                      .blk = (BlockBackend *)g_steal_pointer(&obj) };
    blk->drive = d;
    if (!drives) {
        drives = g_ptr_array_new();
    }
    g_ptr_array_add(drives, d);
    return true;
}

/* @text with "file=" spelt "file.filename=", if there are other "file." keys, whose parent is no name then. */
static char *spell_filename(const char *text)
{
    const char *plain = NULL;
    bool dotted = false;

    for (const char *p = text; *p; ) {
        plain = g_str_has_prefix(p, "file=") ? p : plain;
        dotted |= g_str_has_prefix(p, "file.");
        while (*p && (p[0] != ',' || p[1] == ',')) {
            p += p[0] == ',' ? 2 : 1;                   /* a doubled comma is part of the value */
        }
        p += *p == ',';
    }
    return plain && dotted ? g_strdup_printf("%.*sfile.filename=%s", (int)(plain - text), text, plain + strlen("file="))
                           : g_strdup(text);
}

json_object *block_drive_parse(const char *text, GError **err)
{
    g_autofree char *spelt = spell_filename(text);

    return keyval_parse(spelt, NULL, false, NULL, err);
}

bool block_drive_add(json_object *args, GError **err)
{
    g_autoptr(json_object) ours = json_object_new_object(), node = json_object_new_object();
    g_autoptr(Object) obj = object_new(&drive_options_type);
    const char *format = dict_str(args, "format");

    format = format ? format : dict_str(args, "driver");
    format = format ? format : "raw";
    if (!block_driver_find(format, err)) {
        return false;
    }
    return split(args, format, ours, node, err) && object_set_dict(obj, ours, NULL, err) &&
           apply_cache((DriveOptions *)obj, ours, err) && check_options((DriveOptions *)obj, ours, err) &&
           make_drive((DriveOptions *)obj, ours, node, err);
}

bool block_drive_delete(const char *id, GError **err)
{
    BlockBackend *blk = block_backend_find(id);

    if (!blk) {
        return error_set(err, "Device '%s' not found", id);
    }
    if (!blk->drive || strcmp(blk->name, id)) {
        return error_set(err, "Deleting device added with blockdev-add is not supported");
    }
    block_backend_eject(blk);
    g_ptr_array_remove(drives, blk->drive);
    g_clear_pointer(&blk->drive, g_free);
    g_free(blk->name);
    blk->name = g_strdup("");
    if (blk->dev) {                             /* the device keeps it, and hears that there is no medium */
        block_backend_set_on_error(blk, BLOCK_ON_ERROR_REPORT, BLOCK_ON_ERROR_REPORT);
    } else {
        object_unref(OBJECT(blk));
    }
    return true;
}

void block_drive_add_default(const char *interface, int index, bool cdrom)
{
    g_autoptr(json_object) args = json_object_new_object();
    GError *err = NULL;

    if (find(interface, index)) {
        return;
    }
    put_str(args, "if", interface);
    json_object_object_add(args, "index", json_object_new_int(index));
    put_str(args, "media", cdrom ? "cdrom" : "disk");
    if (!block_drive_add(args, &err)) {
        error_fatal(err);
    }
    find(interface, index)->is_default = true;
}
