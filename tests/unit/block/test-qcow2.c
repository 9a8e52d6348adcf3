/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 against the reference: images made by qemu-img in every form we take get random requests, mirrored in memory;
 * then qemu-img must find them free of errors and leaks, and see the same bytes. And broken images, which are refused.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "block/qcow2.h"
#include "tests/unit/block/fixture.h"

#define MIB (1 << 20)
#define IMAGE_BYTES (3 * MIB + 1536)            /* no whole number of clusters */

/* Runs a shell command in which '@' is the scratch folder; its exit status. */
static int run(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "@", -1);
    g_autofree char *folder = scratch_path("."), *command = g_strjoinv(folder, parts), *out = NULL;
    const char *argv[] = { "/bin/sh", "-c", command, NULL };
    g_autoptr(GError) err = NULL;
    int status = -1;

    g_spawn_sync(NULL, (char **)argv, NULL, 0, NULL, NULL, &out, NULL, &status, &err);
    g_assert_no_error(err);
    if (status) {
        g_test_message("%s: %s", command, out);
    }
    return status;
}

typedef struct Form {
    const char *claim, *make;                   /* shell; leaves @/a.qcow2 */
    const char *options;                        /* of the node, besides driver and file */
    bool filled;                                /* begins with the pattern instead of zeros */
    unsigned grain;
    bool discard;
} Form;

static const Form forms[] = {
    { "64 KiB clusters", "qemu-img create -q -f qcow2 @/a.qcow2 3147264", "", false, 512, true },
    { "any byte", "qemu-img create -q -f qcow2 @/a.qcow2 3147264", "", false, 1, true },
    { "512-byte clusters, many tables", "qemu-img create -q -f qcow2 -o cluster_size=512 @/a.qcow2 3147264", "", false, 512, true },
    { "4 KiB clusters, discards freed in the file", "qemu-img create -q -f qcow2 -o cluster_size=4k @/a.qcow2 3147264",
      ",'discard':'unmap'", false, 512, true },
    { "2 MiB clusters", "qemu-img create -q -f qcow2 -o cluster_size=2M @/a.qcow2 3147264", "", false, 512, true },
    { "1-bit counts", "qemu-img create -q -f qcow2 -o refcount_bits=1,cluster_size=1k @/a.qcow2 3147264", "", false, 512, true },
    { "2-bit counts", "qemu-img create -q -f qcow2 -o refcount_bits=2,cluster_size=1k @/a.qcow2 3147264", "", false, 512, true },
    { "4-bit counts", "qemu-img create -q -f qcow2 -o refcount_bits=4,cluster_size=1k @/a.qcow2 3147264", "", false, 512, true },
    { "8-bit counts", "qemu-img create -q -f qcow2 -o refcount_bits=8,cluster_size=1k @/a.qcow2 3147264", "", false, 512, true },
    { "32-bit counts", "qemu-img create -q -f qcow2 -o refcount_bits=32,cluster_size=1k @/a.qcow2 3147264", "", false, 512, true },
    { "64-bit counts", "qemu-img create -q -f qcow2 -o refcount_bits=64,cluster_size=512 @/a.qcow2 3147264", "", false, 512, true },
    { "version 2", "qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=4k @/a.qcow2 3147264", "", false, 512, true },
    { "preallocated", "qemu-img create -q -f qcow2 -o preallocation=metadata,cluster_size=4k @/a.qcow2 3147264", "", false, 512, true },
    { "converted", "qemu-img convert -f raw -O qcow2 @/base.raw @/a.qcow2", "", true, 512, true },
    { "compressed", "qemu-img convert -c -f raw -O qcow2 -o cluster_size=4k @/base.raw @/a.qcow2", "", true, 512, true },
    { "over a raw image", "qemu-img create -q -f qcow2 -b base.raw -F raw -o cluster_size=4k @/a.qcow2 3147264", "", true, 512, false },
    { "over a shorter image", "truncate -s 1M @/short.raw; qemu-img create -q -f qcow2 -b short.raw -F raw @/a.qcow2 3147264", "", false, 512,
      false },
    { "over two images", "qemu-img create -q -f qcow2 -b base.raw -F raw @/b.qcow2; "
      "qemu-img create -q -f qcow2 -b b.qcow2 -F qcow2 -o cluster_size=1k @/a.qcow2 3147264", "", true, 512, false },
    { "version 2 over an image", "qemu-img create -q -f qcow2 -b base.raw -F raw -o compat=0.10 @/a.qcow2 3147264", "", true, 512, false },
    { "over an image given by an option", "qemu-img create -q -f qcow2 -o cluster_size=4k @/a.qcow2 3147264",
      ",'backing':{'driver':'raw','file':{'driver':'file','filename':'@/base.raw'}}", true, 512, false },
    { "without the image it names", "qemu-img create -q -f qcow2 -b base.raw -F raw @/a.qcow2 3147264", ",'backing':null", false, 512, true },
    { "with a snapshot inside", "qemu-img convert -f raw -O qcow2 -o cluster_size=4k @/base.raw @/a.qcow2 && qemu-img snapshot -c one @/a.qcow2", "",
      true, 512, true },
    { "with two snapshots inside", "qemu-img convert -f raw -O qcow2 -o cluster_size=512 @/base.raw @/a.qcow2 && qemu-img snapshot -c one @/a.qcow2 && "
      "qemu-img snapshot -c two @/a.qcow2", "", true, 512, true },
};

static void compare_all(BlockBackend *blk, const uint8_t *model, const char *claim)
{
    g_autofree uint8_t *buf = g_malloc(IMAGE_BYTES);

    check_int(sync_read(blk, 0, buf, IMAGE_BYTES), ==, 0, "%s: read all", claim);
    check_true(!memcmp(buf, model, IMAGE_BYTES), "%s: all data", claim);
}

static BlockBackend *open_form(const Form *f)
{
    g_autofree char *json = g_strdup_printf("{'driver':'qcow2','file':{'driver':'file','filename':'@/a.qcow2'}%s}", f->options);
    g_autoptr(GError) err = NULL;
    BlockNode *n = node_from(json, &err);

    check_true(n, "%s: opens: %s", f->claim, err ? err->message : "");
    return backend_on(n, BLOCK_PERM_READ | BLOCK_PERM_WRITE);
}

/* Discarding makes whole clusters zero, and leaves what is around them. */
static void model_discard(uint8_t *model, size_t at, size_t size, size_t cluster)
{
    size_t first = (at + cluster - 1) / cluster * cluster, last = at + size == IMAGE_BYTES ? at + size : (at + size) / cluster * cluster;

    if (first < last) {
        memset(model + first, 0, last - first);
    }
}

static void run_form(const Form *f)
{
    g_autofree char *base = scratch_image("base.raw", IMAGE_BYTES);
    g_autofree uint8_t *model = g_malloc0(IMAGE_BYTES), *buf = g_malloc(IMAGE_BYTES);
    GRand *rnd = g_rand_new_with_seed(20261130);

    check_int(run("rm -f @/a.qcow2"), ==, 0, "clean");
    check_int(run(f->make), ==, 0, "%s: qemu-img makes it", f->claim);
    for (size_t i = 0; f->filled && i < IMAGE_BYTES; i++) {
        model[i] = pattern_byte(i);
    }
    BlockBackend *blk = open_form(f);
    check_int(block_backend_length(blk), ==, IMAGE_BYTES, "%s: length", f->claim);
    compare_all(blk, model, f->claim);
    size_t cluster = ((Qcow2Node *)block_backend_node(blk))->cluster_bytes;
    for (int round = 0; round < 200; round++) {
        size_t at = g_rand_int_range(rnd, 0, IMAGE_BYTES / f->grain) * f->grain;
        size_t size = g_rand_int_range(rnd, 1, MIN((IMAGE_BYTES - at) / f->grain, 150000 / f->grain) + 1) * f->grain;

        switch (g_rand_int_range(rnd, 0, 10)) {
        case 0 ... 2:
            check_int(sync_read(blk, at, buf, size), ==, 0, "%s: read %zu+%zu", f->claim, at, size);
            check_true(!memcmp(buf, model + at, size), "%s: round %d: data of %zu+%zu", f->claim, round, at, size);
            break;
        case 3 ... 5:
            for (size_t i = 0; i < size; i++) {
                model[at + i] = g_rand_int(rnd);
            }
            check_int(sync_write(blk, at, model + at, size), ==, 0, "%s: write %zu+%zu", f->claim, at, size);
            break;
        case 6:
            memset(model + at, 0, size);
            check_int(sync_zero(blk, at, size), ==, 0, "%s: zero %zu+%zu", f->claim, at, size);
            break;
        case 7:
            if (f->discard && strstr(f->options, "unmap")) {
                model_discard(model, at, size, cluster);
                check_int(sync_discard(blk, at, size), ==, 0, "%s: discard %zu+%zu", f->claim, at, size);
            }
            break;
        case 8:
            check_int(sync_flush(blk), ==, 0, "%s: flush", f->claim);
            break;
        case 9:
            if (round % 3 == 0) {               /* closed and opened again */
                object_unref(OBJECT(blk));
                blk = open_form(f);
            }
        }
    }
    compare_all(blk, model, f->claim);
    object_unref(OBJECT(blk));
    g_autofree char *wanted = scratch_path("model.raw");
    g_file_set_contents(wanted, (char *)model, IMAGE_BYTES, NULL);
    check_int(run("qemu-img check -q @/a.qcow2"), ==, 0, "%s: qemu-img finds no error and no leak", f->claim);
    if (!*f->options || strstr(f->options, "discard")) {
        check_int(run("qemu-img compare -q -f qcow2 -F raw @/a.qcow2 @/model.raw"), ==, 0, "%s: qemu-img sees the same data", f->claim);
    }
    if (strstr(f->make, "snapshot -c one")) {
        check_int(run("qemu-img snapshot -a one @/a.qcow2 && qemu-img compare -q -f qcow2 -F raw @/a.qcow2 @/base.raw"), ==, 0,
                  "%s: the snapshot still has what was there", f->claim);
        check_int(run("qemu-img check -q @/a.qcow2"), ==, 0, "%s: and is whole", f->claim);
    }
    g_rand_free(rnd);
}

static void test_against_reference(void)
{
    if (run("command -v qemu-img >/dev/null")) {
        g_test_skip("no qemu-img");
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        run_form(&forms[i]);
    }
}

/* 512-byte clusters with wide counts: the refcount table must grow. */
static void test_growing_refcounts(void)
{
    static uint8_t buf[MIB];
    const Form f = { "growing", NULL, "", false, 512, false };

    if (run("command -v qemu-img >/dev/null")) {
        g_test_skip("no qemu-img");
        return;
    }
    check_int(run("rm -f @/a.qcow2; qemu-img create -q -f qcow2 -o cluster_size=512,refcount_bits=64 @/a.qcow2 64M"), ==, 0, "made");
    BlockBackend *blk = open_form(&f);
    uint32_t before = ((Qcow2Node *)block_backend_node(blk))->reftable_entries;
    memset(buf, 0x5a, sizeof(buf));
    for (int i = 0; i < 8; i++) {
        check_int(sync_write(blk, i * 7ll * MIB, buf, sizeof(buf)), ==, 0, "write %d", i);
    }
    check_true(((Qcow2Node *)block_backend_node(blk))->reftable_entries > before, "the table has grown");
    object_unref(OBJECT(blk));
    check_int(run("qemu-img check -q @/a.qcow2"), ==, 0, "qemu-img finds no error and no leak");
}

static void test_create(void)
{
    g_autofree char *path = scratch_path("a.qcow2");
    const Form f = { "created", NULL, "", false, 512, false };
    uint8_t buf[512], zeros[512] = { 0 };

    for (int64_t size = 0; size <= 1ll << 40; size = size ? size * 16 : 512) {
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        check_true(qcow2_create(fd, size, NULL), "an image of %" PRId64 " bytes", size);
        close(fd);
        BlockBackend *blk = open_form(&f);
        check_int(block_backend_length(blk), ==, size, "its length");
        if (size) {
            memset(buf, 7, sizeof(buf));
            check_int(sync_write(blk, size - 512, buf, 512), ==, 0, "its last sector is written");
            check_int(sync_read(blk, 0, buf, 512), ==, 0, "its first is read");
            check_true(size == 512 || !memcmp(buf, zeros, 512), "and zero");
        }
        object_unref(OBJECT(blk));
        if (!run("command -v qemu-img >/dev/null")) {
            check_int(run("qemu-img check -q @/a.qcow2"), ==, 0, "qemu-img finds no error and no leak");
        }
    }
}

/* Fields of the header of a good image, each set to something bad. */
static void test_refused(void)
{
    static const struct { const char *claim; int offset, bytes; uint64_t value; const char *error; } rows[] = {
        { "another magic", 0, 4, 0x12345678, "not in qcow2 format" },
        { "version 1", 4, 4, 1, "version 1" },
        { "version 4", 4, 4, 4, "version 4" },
        { "clusters of 256 bytes", 20, 4, 8, "cluster size" },
        { "clusters of 4 MiB", 20, 4, 22, "cluster size" },
        { "a shift that would overflow", 20, 4, 0xffffffff, "cluster size" },
        { "encryption", 32, 4, 1, "encrypted" },
        { "a huge L1 table", 36, 4, 0xffffffff, "L1 table too large" },
        { "an L1 table too small", 36, 4, 0, "L1 table is too small" },
        { "an L1 table out of place", 40, 8, 513, "L1 table offset" },
        { "an L1 table at the end of all", 40, 8, 0x7fffffffffff0000, "L1 table offset" },
        { "a refcount table out of place", 48, 8, 100, "reference count table offset" },
        { "no refcount table", 56, 4, 0, "reference count table" },
        { "a huge refcount table", 56, 4, 0xffffffff, "table too large" },
        { "a negative size", 24, 8, 1ull << 63, "L1 table too large" },
        { "a size beyond the table", 24, 8, 1ull << 50, "L1 table is too small" },
        { "counts of 128 bits", 96, 4, 7, "64 bits" },
        { "an unknown feature", 72, 8, 1ull << 40, "incompatible bits" },
        { "a data file", 72, 8, QCOW2_DATA_FILE, "external data file" },
        { "subclusters", 72, 8, QCOW2_EXTENDED_L2, "subclusters" },
        { "the dirty mark", 72, 8, QCOW2_DIRTY, "dirty" },
        { "the corrupt mark", 72, 8, QCOW2_CORRUPT, "corrupt" },
        { "a backing name out of place", 8, 8, 1ull << 40, "backing file offset" },
    };
    g_autofree char *path = scratch_path("a.qcow2");

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint8_t bytes[8];
        g_autoptr(GError) err = NULL;
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

        check_true(qcow2_create(fd, MIB, NULL), "made");
        for (int b = 0; b < rows[i].bytes; b++) {
            bytes[b] = rows[i].value >> 8 * (rows[i].bytes - 1 - b);
        }
        check_int(pwrite(fd, bytes, rows[i].bytes, rows[i].offset), ==, rows[i].bytes, "written");
        if (rows[i].offset == 8) {
            check_int(pwrite(fd, "\0\0\0\5", 4, 16), ==, 4, "written");
        }
        close(fd);
        BlockNode *n = node_from("{'driver':'qcow2','file':{'driver':'file','filename':'@/a.qcow2'}}", &err);
        check_true(!n && err && strstr(err->message, rows[i].error), "%s: '%s'", rows[i].claim, err ? err->message : "no error");
    }
}

/* Every byte of the metadata, garbled at random: requests may fail, and that is all. */
static void test_garbled(void)
{
    g_autofree char *path = scratch_path("a.qcow2");
    static uint8_t buf[MIB];
    GRand *rnd = g_rand_new_with_seed(7);
    unsigned opened = 0;

    for (int round = 0; round < 300; round++) {
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        const Form f = { "garbled", NULL, "", false, 512, false };
        check_true(qcow2_create(fd, 4 * MIB, NULL), "made");
        BlockBackend *blk = open_form(&f);
        check_int(sync_write(blk, 100000, buf, 300000), ==, 0, "filled");
        object_unref(OBJECT(blk));
        int64_t end = lseek(fd, 0, SEEK_END);
        for (int i = 0; i < 12; i++) {
            /* The tables are at the beginning of their clusters. */
            int64_t at = g_rand_int_range(rnd, 1, end >> 16) * 65536ll + g_rand_int_range(rnd, 0, 128);
            uint8_t byte = g_rand_int(rnd);
            check_int(pwrite(fd, &byte, 1, at), ==, 1, "garbled");
        }
        close(fd);
        BlockNode *n = node_from("{'driver':'qcow2','file':{'driver':'file','filename':'@/a.qcow2'}}", NULL);
        if (!n) {
            continue;
        }
        opened++;
        blk = backend_on(n, BLOCK_PERM_READ | BLOCK_PERM_WRITE);
        for (int i = 0; i < 20; i++) {
            int64_t at = g_rand_int_range(rnd, 0, 3 * MIB);
            int ret = i & 1 ? sync_write(blk, at, buf, 70000) : sync_read(blk, at, buf, 70000);
            check_true(ret <= 0 && ret > -4096, "a request works or fails: %d", ret);
        }
        object_unref(OBJECT(blk));
    }
    check_true(opened > 100, "%u of 300 open", opened);
    g_rand_free(rnd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_init();
    g_test_add_func("/block/qcow2/reference", test_against_reference);
    g_test_add_func("/block/qcow2/growing-refcounts", test_growing_refcounts);
    g_test_add_func("/block/qcow2/create", test_create);
    g_test_add_func("/block/qcow2/refused", test_refused);
    g_test_add_func("/block/qcow2/garbled", test_garbled);
    return fixture_end(g_test_run());
}
