/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests against a model in memory, alignment, ends of images, failures, draining. */
#include <fcntl.h>
#include <unistd.h>

#include "block/file.h"
#include "tests/unit/block/fixture.h"

enum { IMAGE_BYTES = 256 << 10 };

static bool supports_direct(void)
{
    g_autofree char *path = scratch_image("probe.img", 4096);
    int fd = open(path, O_RDWR | O_DIRECT);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* Random requests, mirrored in memory; every byte of the file is compared in the end. */
static void run_model(const char *claim, const char *json, unsigned grain, size_t file_start)
{
    g_autofree char *path = scratch_image("a.img", IMAGE_BYTES + file_start);
    BlockNode *n = node_from(json, NULL);
    BlockBackend *blk;
    g_autofree uint8_t *model = g_malloc(IMAGE_BYTES), *buf = g_malloc(IMAGE_BYTES), *found = NULL;
    GRand *rnd = g_rand_new_with_seed(20261121);
    size_t len;

    check_true(n != NULL, "%s: opens", claim);
    blk = backend_on(n, BLOCK_PERM_READ | BLOCK_PERM_WRITE);
    check_int(block_backend_length(blk), ==, IMAGE_BYTES, "%s: length", claim);
    for (size_t i = 0; i < IMAGE_BYTES; i++) {
        model[i] = pattern_byte(i + file_start);
    }
    for (int round = 0; round < 400; round++) {
        size_t at = g_rand_int_range(rnd, 0, IMAGE_BYTES / grain) * grain;
        size_t size = g_rand_int_range(rnd, 1, MIN((IMAGE_BYTES - at) / grain, 40000 / grain) + 1) * grain;

        switch (g_rand_int_range(rnd, 0, 5)) {
        case 0:
        case 1:
            check_int(sync_read(blk, at, buf, size), ==, 0, "%s: read %zu+%zu", claim, at, size);
            check_true(!memcmp(buf, model + at, size), "%s: round %d: data of %zu+%zu", claim, round, at, size);
            break;
        case 2:
            for (size_t i = 0; i < size; i++) {
                model[at + i] = g_rand_int(rnd);
            }
            check_int(sync_write(blk, at, model + at, size), ==, 0, "%s: write %zu+%zu", claim, at, size);
            break;
        case 3:
            memset(model + at, 0, size);
            check_int(sync_zero(blk, at, size), ==, 0, "%s: zero %zu+%zu", claim, at, size);
            break;
        case 4:
            memset(model + at, 0, size);        /* all zeros, as data: detect-zeroes sees it */
            check_int(sync_write(blk, at, model + at, size), ==, 0, "%s: write zeros %zu+%zu", claim, at, size);
            break;
        }
    }
    check_int(sync_flush(blk), ==, 0, "%s: flush", claim);
    found = file_contents(path, &len);
    check_int(len, ==, IMAGE_BYTES + file_start, "%s: the file has its size", claim);
    check_true(!memcmp(found + file_start, model, IMAGE_BYTES), "%s: the file has the data", claim);
    for (size_t i = 0; i < file_start; i++) {
        check_int(found[i], ==, pattern_byte(i), "%s: byte %zu before the window", claim, i);
    }
    object_unref(OBJECT(blk));
    g_rand_free(rnd);
}

#define FILE_A "{'driver':'file','filename':'@/a.img'"

static void test_model(void)
{
    run_model("file", FILE_A "}", 1, 0);
    run_model("raw on file", "{'driver':'raw','file':" FILE_A "}}", 512, 0);
    run_model("raw with offset", "{'driver':'raw','offset':1536,'file':" FILE_A "}}", 1, 1536);
    run_model("raw with offset and size", "{'driver':'raw','offset':512,'size':262144,'file':" FILE_A "}}", 512, 512);
    run_model("detect-zeroes", "{'driver':'raw','detect-zeroes':'on','file':" FILE_A "}}", 512, 0);
    run_model("detect-zeroes=unmap", "{'driver':'raw','detect-zeroes':'unmap','discard':'unmap','file':" FILE_A "}}",
              512, 0);
    run_model("detect-zeroes below", "{'driver':'raw','file':" FILE_A ",'detect-zeroes':'unmap'}}", 1, 0);
}

static void test_model_direct(void)
{
    if (!supports_direct()) {
        g_test_skip("no O_DIRECT in the scratch folder");
        return;
    }
    run_model("O_DIRECT, aligned offsets", "{'driver':'raw','cache':{'direct':true},'file':" FILE_A "}}", 4096, 0);
    run_model("O_DIRECT, sectors", "{'driver':'raw','cache':{'direct':true},'file':" FILE_A "}}", 512, 0);
    run_model("O_DIRECT, any byte", FILE_A ",'cache':{'direct':true}}", 1, 0);
}

typedef struct Async { int done, ret; bool submitting; } Async;

static void async_done(void *opaque, int ret)
{
    Async *a = opaque;

    check_true(!a->submitting, "done does not run inside of the call that submits");
    a->done++;
    a->ret = ret;
}

/* aio=native: the same, and more requests at once than the kernel's queue takes. */
static void test_native(void)
{
    enum { REQUESTS = 500, BYTES = 4096 };
    static uint8_t buf[REQUESTS][BYTES];
    static struct iovec iov[REQUESTS];
    static IoVec v[REQUESTS];
    static Async done[REQUESTS];

    if (!supports_direct()) {
        g_test_skip("no O_DIRECT in the scratch folder");
        return;
    }
    run_model("native, any byte", FILE_A ",'aio':'native','cache':{'direct':true}}", 1, 0);
    run_model("native, sectors", "{'driver':'raw','file':" FILE_A ",'aio':'native','cache':{'direct':true}}}", 512, 0);

    g_autofree char *path = scratch_image("a.img", REQUESTS / 2 * BYTES - 100);
    BlockNode *n = node_from(FILE_A ",'aio':'native','cache':{'direct':true}}", NULL);
    check_true(((FileNode *)n)->native, "the node has the kernel's queue");
    BlockBackend *blk = backend_on(n, BLOCK_PERM_READ | BLOCK_PERM_WRITE);
    for (int i = 0; i < REQUESTS; i++) {
        iov[i] = (struct iovec){ buf[i], BYTES };
        v[i] = (IoVec){ &iov[i], 1, BYTES };
        block_preadv(blk, i % (REQUESTS / 2 - 1) * BYTES, &v[i], async_done, &done[i]);
    }
    block_drain(blk);
    for (int i = 0; i < REQUESTS; i++) {
        check_int(done[i].done, ==, 1, "request %d ends once", i);
        check_int(done[i].ret, ==, 0, "request %d works", i);
        check_int(buf[i][7], ==, pattern_byte(i % (REQUESTS / 2 - 1) * BYTES + 7), "data of request %d", i);
    }
    memset(buf[0], 0x55, BYTES);
    check_int(sync_read(blk, (REQUESTS / 2 - 1) * BYTES, buf[0], BYTES - 100), ==, 0, "the last, partial page");
    check_int(buf[0][BYTES - 101], ==, pattern_byte(REQUESTS / 2 * BYTES - 101), "its last byte");
    object_unref(OBJECT(blk));
}

static void test_ends(void)
{
    static const struct { const char *claim; int64_t offset; size_t len; int want; } rows[] = {
        { "the last sector, part of which is in the file", 1024, 512, 0 },
        { "nothing, at the end", 1536, 0, 0 },
        { "beyond the end", 1536, 512, -EIO },
        { "across the end", 1024, 1024, -EIO },
        { "a negative offset", -512, 512, -EINVAL },
        { "an offset that would overflow", INT64_MAX - 511, 512, -EIO },
    };
    g_autofree char *path = scratch_image("a.img", 1100);
    BlockBackend *blk =
        backend_on(node_from("{'driver':'raw','file':" FILE_A "}}", NULL), BLOCK_PERM_READ | BLOCK_PERM_WRITE);
    uint8_t buf[1024];
    g_autofree uint8_t *found = NULL;
    size_t len;

    check_int(block_backend_length(blk), ==, 1536, "a length is rounded up to sectors");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        memset(buf, 0xee, sizeof(buf));
        check_int(sync_read(blk, rows[i].offset, buf, rows[i].len), ==, rows[i].want, "read %s", rows[i].claim);
        memset(buf, 0x11, sizeof(buf));
        if (rows[i].want) {
            check_int(sync_write(blk, rows[i].offset, buf, rows[i].len), ==, rows[i].want, "write %s", rows[i].claim);
        }
    }
    sync_read(blk, 1024, buf, 512);
    check_int(buf[75], ==, pattern_byte(1099), "the last byte of the file is read");
    check_true(buf[76] == 0 && buf[511] == 0, "what follows reads as zeros");
    memset(buf, 0x77, 512);
    check_int(sync_write(blk, 1024, buf, 512), ==, 0, "the partial sector can be written");
    found = file_contents(path, &len);
    check_true(len == 1536 && found[1535] == 0x77, "and the file grows to hold it (%zu)", len);
    object_unref(OBJECT(blk));
}

static void test_no_medium(void)
{
    BlockBackend *blk = block_backend_new("empty");
    uint8_t buf[512];

    check_int(sync_read(blk, 0, buf, 512), ==, -ENOMEDIUM, "a read without a medium");
    check_int(sync_write(blk, 0, buf, 512), ==, -ENOMEDIUM, "a write without a medium");
    check_int(sync_flush(blk), ==, -ENOMEDIUM, "a flush without a medium");
    check_int(block_backend_length(blk), ==, -ENOMEDIUM, "a length without a medium");
    object_unref(OBJECT(blk));
}

static void test_probed_raw(void)
{
    static const struct { const char *claim, *bytes; size_t len; int64_t offset; int want; } rows[] = {
        { "ordinary data in the first sector", "hello", 512, 0, 0 },
        { "a qcow2 signature in the first sector", "QFI\xfb", 512, 0, -EPERM },
        { "a qcow2 signature at the start of a larger write", "QFI\xfb", 4096, 0, -EPERM },
        { "part of the first sector, which could complete one", "\xfb", 1, 3, -EPERM },
        { "the signature elsewhere", "QFI\xfb", 512, 512, 0 },
    };
    g_autofree char *path = scratch_image("a.img", 8192);
    BlockBackend *blk =
        backend_on(node_from("{'driver':'raw','file':" FILE_A "}}", NULL), BLOCK_PERM_READ | BLOCK_PERM_WRITE);

    for (int probed = 1; probed >= 0; probed--) {
        block_backend_node(blk)->probed = probed;
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
            uint8_t buf[4096] = { 0 };

            memcpy(buf, rows[i].bytes, strlen(rows[i].bytes));
            check_int(sync_write(blk, rows[i].offset, buf, rows[i].len), ==, probed ? rows[i].want : 0, "probed %d: %s",
                      probed, rows[i].claim);
        }
    }
    object_unref(OBJECT(blk));
}

static void test_injected_failures(void)
{
    g_autofree char *path = scratch_image("a.img", 65536);
    BlockBackend *blk =
        backend_on(node_from("{'driver':'raw','file':" FILE_A "}}", NULL), BLOCK_PERM_READ | BLOCK_PERM_WRITE);
    uint8_t buf[512] = { 1 };

    block_inject.error = EIO;
    block_inject.countdown[BLOCK_INJECT_READ] = 2;
    check_int(sync_read(blk, 0, buf, 512), ==, 0, "the first read works");
    check_int(sync_read(blk, 0, buf, 512), ==, -EIO, "the second fails");
    check_int(sync_read(blk, 0, buf, 512), ==, 0, "the third works");
    block_inject.error = ENOSPC;
    block_inject.countdown[BLOCK_INJECT_WRITE] = 1;
    check_int(sync_write(blk, 0, buf, 512), ==, -ENOSPC, "a write fails with the given error");
    block_inject.error = EIO;
    check_int(sync_write(blk, 0, buf, 512), ==, 0, "the next works");
    block_inject.countdown[BLOCK_INJECT_FLUSH] = 1;
    check_int(sync_flush(blk), ==, -EIO, "a flush fails");
    check_int(sync_flush(blk), ==, 0, "the next works");
    block_inject.countdown[BLOCK_INJECT_FLUSH] = 1;
    check_int(sync_flush(blk), ==, 0, "a flush without writes since the last reaches no driver");
    block_inject.countdown[BLOCK_INJECT_FLUSH] = 0;
    object_unref(OBJECT(blk));
}

static void test_error_actions(void)
{
    static const struct {
        const char *claim;
        int werror, rerror;
        bool is_read;
        int error;
        BlockErrorAction want;
    } rows[] = {
        { "a read is reported by default", BLOCK_ON_ERROR_AUTO, BLOCK_ON_ERROR_AUTO, true, EIO, BLOCK_ERROR_REPORT },
        { "a read of ENOSPC is reported by default", BLOCK_ON_ERROR_AUTO, BLOCK_ON_ERROR_AUTO, true, ENOSPC,
         BLOCK_ERROR_REPORT },
        { "a write is reported by default", BLOCK_ON_ERROR_AUTO, BLOCK_ON_ERROR_AUTO, false, EIO, BLOCK_ERROR_REPORT },
        { "a full disk stops by default", BLOCK_ON_ERROR_AUTO, BLOCK_ON_ERROR_AUTO, false, ENOSPC, BLOCK_ERROR_STOP },
        { "a negative errno means the same", BLOCK_ON_ERROR_AUTO, BLOCK_ON_ERROR_AUTO, false, -ENOSPC,
          BLOCK_ERROR_STOP },
        { "werror=report reports a full disk", BLOCK_ON_ERROR_REPORT, BLOCK_ON_ERROR_AUTO, false, ENOSPC,
         BLOCK_ERROR_REPORT },
        { "werror=stop stops", BLOCK_ON_ERROR_STOP, BLOCK_ON_ERROR_AUTO, false, EIO, BLOCK_ERROR_STOP },
        { "werror=stop is not for reads", BLOCK_ON_ERROR_STOP, BLOCK_ON_ERROR_AUTO, true, EIO, BLOCK_ERROR_REPORT },
        { "rerror=stop stops", BLOCK_ON_ERROR_AUTO, BLOCK_ON_ERROR_STOP, true, EIO, BLOCK_ERROR_STOP },
        { "rerror=ignore ignores", BLOCK_ON_ERROR_AUTO, BLOCK_ON_ERROR_IGNORE, true, EIO, BLOCK_ERROR_IGNORE },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        BlockBackend *blk = block_backend_new("x");

        block_backend_set_on_error(blk, rows[i].werror, rows[i].rerror);
        check_int(block_error_action(blk, rows[i].is_read, rows[i].error), ==, rows[i].want, "%s", rows[i].claim);
        object_unref(OBJECT(blk));
    }
}

static void test_async(void)
{
    g_autofree char *path = scratch_image("a.img", 1 << 20);
    BlockBackend *blk =
        backend_on(node_from("{'driver':'raw','file':" FILE_A "}}", NULL), BLOCK_PERM_READ | BLOCK_PERM_WRITE);
    static uint8_t buf[8][65536];
    Async a = { 0 };
    IoVec v[8];
    struct iovec iov[8];

    for (int i = 0; i < 8; i++) {
        iov[i] = (struct iovec){ buf[i], sizeof(buf[i]) };
        v[i] = (IoVec){ &iov[i], 1, sizeof(buf[i]) };
        a.submitting = true;
        block_preadv(blk, i == 7 ? 1 << 20 : i * 65536, &v[i], async_done, &a);
        a.submitting = false;
    }
    block_drain(blk);
    check_int(a.done, ==, 8, "drain waits for all, the failing one too");
    check_int(buf[3][5], ==, pattern_byte(3 * 65536 + 5), "data arrives");
    check_int(blk->in_flight, ==, 0, "nothing is in flight");

    /* While a node is drained, a new request waits. */
    a = (Async){ 0 };
    block_drained_begin(block_backend_node(blk));
    block_preadv(blk, 0, &v[0], async_done, &a);
    for (int i = 0; i < 10; i++) {
        event_loop_run_once(event_loop_main(), false);
    }
    check_int(a.done, ==, 0, "no request runs in a drained section");
    block_drained_end(block_backend_node(blk));
    block_drain(blk);
    check_int(a.done, ==, 1, "it runs afterwards");
    check_int(a.ret, ==, 0, "and works");
    object_unref(OBJECT(blk));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_init();
    g_test_add_func("/block/requests/model", test_model);
    g_test_add_func("/block/requests/model-direct", test_model_direct);
    g_test_add_func("/block/requests/native", test_native);
    g_test_add_func("/block/requests/ends", test_ends);
    g_test_add_func("/block/requests/no-medium", test_no_medium);
    g_test_add_func("/block/requests/probed-raw", test_probed_raw);
    g_test_add_func("/block/requests/injected-failures", test_injected_failures);
    g_test_add_func("/block/requests/error-actions", test_error_actions);
    g_test_add_func("/block/requests/async", test_async);
    return fixture_end(g_test_run());
}
