/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where firmware images are looked for: the name as it is, -L directories, beside the executable (build tree,
 * installation), then the places where distributions put them.
 */
#include "hw/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define FIRMWARE_UNIT (64u << 10)

static GPtrArray *user_dirs;

/* to the executable's folder */
static const char *const relative_dirs[] = { "pc-bios", "../pc-bios", "../share/qemu", NULL };
static const char *const distribution_dirs[] = {
    /* SeaBIOS before QEMU: Debian's bios-microvm.bin there is qboot by another name, which knows nothing of disks. */
    "/usr/local/share/qemu", "/usr/share/seabios", "/usr/share/qemu", "/usr/share/vgabios", "/usr/lib/ipxe/qemu",
    "/usr/share/ipxe", "/usr/share/OVMF", "/usr/share/ovmf", NULL
};

void firmware_add_dir(const char *dir)
{
    if (!user_dirs) {
        user_dirs = g_ptr_array_new_with_free_func(g_free);
    }
    g_ptr_array_add(user_dirs, g_strdup(dir));
}

/* Calls @fn with each directory in order until it returns true. */
static bool foreach_dir(bool (*fn)(const char *dir, void *opaque), void *opaque)
{
    for (guint i = 0; user_dirs && i < user_dirs->len; i++) {
        if (fn(g_ptr_array_index(user_dirs, i), opaque)) {
            return true;
        }
    }
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *exe_dir = exe ? g_path_get_dirname(exe) : NULL;
    for (const char *const *rel = relative_dirs; exe_dir && *rel; rel++) {
        g_autofree char *dir = g_build_filename(exe_dir, *rel, NULL);
        if (fn(dir, opaque)) {
            return true;
        }
    }
    for (const char *const *dir = distribution_dirs; *dir; dir++) {
        if (fn(*dir, opaque)) {
            return true;
        }
    }
    return false;
}

typedef struct Search { const char *name; char *path; } Search;

static bool has_file(const char *dir, void *opaque)
{
    Search *s = opaque;
    g_autofree char *path = g_build_filename(dir, s->name, NULL);
    if (access(path, R_OK) || g_file_test(path, G_FILE_TEST_IS_DIR)) {
        return false;
    }
    s->path = g_steal_pointer(&path);
    return true;
}

char *firmware_find(const char *name)
{
    Search s = { .name = name };
    if (!*name) {
        return NULL;
    }
    if (!access(name, R_OK) && !g_file_test(name, G_FILE_TEST_IS_DIR)) {
        return g_strdup(name);
    }
    foreach_dir(has_file, &s);
    return s.path;
}

static bool print_dir(const char *dir, void *opaque)
{
    printf("%s\n", dir);
    return false;
}

void firmware_print_dirs(void)
{
    foreach_dir(print_dir, NULL);
}

bool firmware_read(const char *name, const char *hint, uint64_t max_bytes, uint8_t **data, size_t *len, GError **err)
{
    g_autofree char *path = firmware_find(name), *content = NULL;
    g_autoptr(GError) io_error = NULL;
    gsize bytes;

    if (!path) {
        return error_set(err, "firmware '%s' not found%s; -L DIR names a directory to look in, -L help lists them", name,
                         hint);
    }
    if (!g_file_get_contents(path, &content, &bytes, &io_error)) {
        return error_set(err, "firmware '%s': %s", path, io_error->message);
    }
    if (bytes == 0) {
        return error_set(err, "firmware '%s' is empty", path);
    }
    if (bytes % FIRMWARE_UNIT) {
        return error_set(err, "firmware '%s' has %zu bytes, not a multiple of 64 KiB: truncated, or not a BIOS image",
                         path, bytes);
    }
    if (bytes > max_bytes) {
        return error_set(err, "firmware '%s' has %zu bytes, more than max-fw-size=%" PRIu64, path, bytes, max_bytes);
    }
    *data = (uint8_t *)g_steal_pointer(&content);
    *len = bytes;
    return true;
}
