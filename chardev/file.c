/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file, pipe, null, vc: back ends without a life of their own.
 *
 * file: output to path= (truncated unless append=on), input from input-path=. pipe: FIFOs PATH.in (we read) and
 * PATH.out (we write), or one PATH for both. null and, until a display shows it, vc: output vanishes, no input comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "chardev/backend.h"
#include "core/host_fd.h"

typedef struct FileChardev {
    Chardev chr;
    FdPort port;
    char *path, *input_path;
    bool append;
} FileChardev;

static int open_path(const char *path, int flags, GError **err)
{
    int fd = host_open(path, flags | O_NOCTTY, 0666);

    if (fd < 0) {
        error_set_errno(err, errno, "Could not open '%s'", path);
    }
    return fd;
}

static bool file_open(Chardev *chr, json_object *args, GError **err)
{
    FileChardev *s = (FileChardev *)chr;
    int in = -1, out;

    if (!s->path) {
        return error_set(err, "chardev: file: no filename given, say path=FILE");
    }
    out = open_path(s->path, O_WRONLY | O_CREAT | (s->append ? O_APPEND : O_TRUNC), err);
    if (out < 0) {
        return false;
    }
    if (s->input_path && (in = open_path(s->input_path, O_RDONLY | O_NONBLOCK, err)) < 0) {
        close(out);
        return false;
    }
    fd_port_init(&s->port, chr, in, out);
    chardev_be_event(chr, CHARDEV_OPENED);
    return true;
}

/* O_RDWR, so that a FIFO opens at once and outlives its peers. */
static bool pipe_open(Chardev *chr, json_object *args, GError **err)
{
    FileChardev *s = (FileChardev *)chr;
    g_autofree char *in_path = NULL, *out_path = NULL;
    int in, out;

    if (!s->path) {
        return error_set(err, "chardev: pipe: no device path given, say path=PATH");
    }
    in_path = g_strconcat(s->path, ".in", NULL);
    out_path = g_strconcat(s->path, ".out", NULL);
    in = open(in_path, O_RDWR | O_CLOEXEC);
    out = open(out_path, O_RDWR | O_CLOEXEC);
    if (in < 0 || out < 0) {
        if (in >= 0) {
            close(in);
        }
        if (out >= 0) {
            close(out);
        }
        in = out = open_path(s->path, O_RDWR, err);
        if (in < 0) {
            return false;
        }
    }
    fd_port_init(&s->port, chr, in, out);
    chardev_be_event(chr, CHARDEV_OPENED);
    return true;
}

static void file_finalize(Object *obj) { fd_port_close(&((FileChardev *)obj)->port); }
static int file_write(Chardev *chr, const uint8_t *buf, int len)
{
    return fd_port_write(&((FileChardev *)chr)->port, buf, len);
}
static void file_update(Chardev *chr) { fd_port_update(&((FileChardev *)chr)->port); }
static void file_wait(Chardev *chr) { fd_port_wait_writable(&((FileChardev *)chr)->port); }

static const Property file_properties[] = {
    PROP_STR("path", FileChardev, path, "file that receives the output"),
    PROP_STR("input-path", FileChardev, input_path, "file the input comes from"),
    PROP_BOOL("append", FileChardev, append, false, "append to the file instead of truncating it"),
    { }
};

static const ChardevType chardev_file_type = {
    .name = "chardev-file", .parent = &chardev_type.type, .size = sizeof(FileChardev), .path_option = "path",
    .description = "output to a file", .properties = file_properties, .finalize = file_finalize,
    .open = file_open, .write = file_write, .update = file_update, .wait_writable = file_wait,
};
TYPE_REGISTER(chardev_file_type);

static const Property pipe_properties[] = {
    PROP_STR("path", FileChardev, path, "PATH.in and PATH.out are two FIFOs, or PATH is one for both"),
    { }
};

static const ChardevType chardev_pipe_type = {
    .name = "chardev-pipe", .parent = &chardev_type.type, .size = sizeof(FileChardev), .path_option = "path",
    .description = "named pipes", .properties = pipe_properties, .finalize = file_finalize,
    .open = pipe_open, .write = file_write, .update = file_update, .wait_writable = file_wait,
};
TYPE_REGISTER(chardev_pipe_type);

static bool null_open(Chardev *chr, json_object *args, GError **err)
{
    chardev_be_event(chr, CHARDEV_OPENED);
    return true;
}

static int null_write(Chardev *chr, const uint8_t *buf, int len) { return len; }

/* Never open: nobody is at the other end. */
static const ChardevType chardev_null_type = {
    .name = "chardev-null", .parent = &chardev_type.type, .size = sizeof(Chardev),
    .description = "drops output, has no input", .write = null_write,
};
TYPE_REGISTER(chardev_null_type);

typedef struct VcChardev { Chardev chr; uint32_t width, height, cols, rows; char *encoding; } VcChardev;

static const Property vc_properties[] = {
    PROP_UINT32("width", VcChardev, width, 0, "pixels"),
    PROP_UINT32("height", VcChardev, height, 0, "pixels"),
    PROP_UINT32("cols", VcChardev, cols, 0, "characters in a line"),
    PROP_UINT32("rows", VcChardev, rows, 0, "lines"),
    PROP_STR("encoding", VcChardev, encoding, "character set: utf8 or cp437"),
    { }
};

static const ChardevType chardev_vc_type = {
    .name = "chardev-vc", .parent = &chardev_type.type, .size = sizeof(VcChardev),
    .description = "text console in a display", .properties = vc_properties, .open = null_open, .write = null_write,
};
TYPE_REGISTER(chardev_vc_type);
