/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes from options, their permissions, and image locks, ours against ours and against QEMU's tools. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/block/fixture.h"

#define R BLOCK_PERM_READ
#define W BLOCK_PERM_WRITE
#define Z BLOCK_PERM_RESIZE
#define ALL BLOCK_PERM_ALL
#define FILE_A "{'driver':'file','node-name':'f','filename':'@/a.img'"

static void test_options(void)
{
    static const struct { const char *claim, *json, *error; } rows[] = {
        { "a file opens", FILE_A "}", NULL },
        { "raw over a nested file opens", "{'driver':'raw','file':{'driver':'file','filename':'@/a.img'}}", NULL },
        { "nested cache options are understood", FILE_A ",'cache':{'no-flush':true}}", NULL },
        { "options may be text", FILE_A ",'read-only':'on','locking':'off'}", NULL },
        { "a driver is needed", "{'filename':'@/a.img'}", "'driver' is missing" },
        { "an unknown driver names the nearest", "{'driver':'flie','filename':'x'}", "did you mean 'file'" },
        { "a driver of QEMU that is not there is told apart", "{'driver':'vmdk','file':'f'}", "not supported yet" },
        { "an unknown option names the nearest", "{'driver':'file','filenam':'x'}", "did you mean 'filename'" },
        { "an unknown cache option is an error", FILE_A ",'cache':{'dirct':true}}", "cache.dirct" },
        { "a filename is needed", "{'driver':'file'}", "'filename' is missing" },
        { "raw needs its child", "{'driver':'raw'}", "'file' is missing" },
        { "a child of the wrong type is an error", "{'driver':'raw','file':5}", "takes a node name" },
        { "an unknown node is named", "{'driver':'raw','file':'nobody'}", "node-name='nobody'" },
        { "an error in a child says which child", "{'driver':'raw','file':{'driver':'file'}}",
          "file: Parameter 'filename'" },
        { "a missing file is named", "{'driver':'file','filename':'@/none.img'}", "none.img" },
        { "a folder is no image", "{'driver':'file','filename':'@','read-only':true}", "regular file" },
        { "a device is no file", "{'driver':'file','filename':'/dev/null'}", "regular file" },
        { "a bad name is refused", "{'driver':'file','filename':'@/a.img','node-name':'#x'}", "Invalid node-name" },
        { "a long name is refused",
          "{'driver':'file','filename':'@/a.img','node-name':'n2345678901234567890123456789012'}", "too long" },
        { "aio=native needs O_DIRECT", FILE_A ",'aio':'native'}", "cache.direct=on" },
        { "a bad enum value is refused", FILE_A ",'discard':'unmpa'}", "unmpa" },
        { "force-share needs read-only", FILE_A ",'force-share':true}", "read-only" },
        { "raw's window begins inside of the file", "{'driver':'raw','offset':8193,'file':" FILE_A "}}",
          "Offset (8193)" },
        { "raw's window ends inside of the file", "{'driver':'raw','offset':4096,'size':4608,'file':" FILE_A "}}",
          "sum of offset" },
        { "raw's window has whole sectors", "{'driver':'raw','size':100,'file':" FILE_A "}}", "multiple of 512" },
        { "raw's size cannot overflow", "{'driver':'raw','offset':512,'size':'16E','file':" FILE_A "}}", "" },
        { "a writable node over a read-only one is refused",
          "{'driver':'raw','read-only':false,'file':{'driver':'file','filename':'@/a.img','read-only':true}}",
          "is read-only" },
        { "auto-read-only follows the child",
          "{'driver':'raw','auto-read-only':true,'file':{'driver':'file','filename':'@/a.img','read-only':true}}",
          NULL },
    };
    g_autofree char *path = scratch_image("a.img", 8192);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        BlockNode *n = node_from(rows[i].json, &err);

        check_true(!n == !!rows[i].error, "%s (error: %s)", rows[i].claim, err ? err->message : "none");
        if (rows[i].error) {
            check_true(err && strstr(err->message, rows[i].error), "%s: '%s'", rows[i].claim, err->message);
        }
        block_node_unref(n);
        check_true(!block_node_find("f"), "%s: nothing is left behind", rows[i].claim);
    }
}

static void test_names(void)
{
    g_autofree char *path = scratch_image("a.img", 8192);
    g_autoptr(json_object) a = parse(FILE_A "}"), raw = parse("{'driver':'raw','node-name':'r','file':'f'}");
    g_autoptr(json_object) anonymous = parse("{'driver':'file','filename':'@/a.img'}");
    g_autoptr(GError) err = NULL;

    check_true(!block_add(anonymous, &err) && strstr(err->message, "node-name"), "the monitor's nodes need names");
    g_clear_error(&err);
    check_true(block_add(a, NULL), "a node is added");
    check_true(!block_add(a, &err) && strstr(err->message, "Duplicate"), "names are unique");
    g_clear_error(&err);
    check_true(block_add(raw, NULL), "a node over a named one is added");
    check_true(!block_del("f", &err) && strstr(err->message, "node 'r' as 'file'"), "a node in use stays: %s",
               err->message);
    g_clear_error(&err);
    check_true(block_del("r", NULL) && block_del("f", NULL), "from above they can be deleted");
    check_true(!block_del("f", &err), "a deleted node is gone");
}

static void test_permissions(void)
{
    static const struct { const char *claim; unsigned perm1, shared1, perm2, shared2; bool works; } rows[] = {
        { "two readers", R, ALL, R, ALL, true },
        { "a writer beside one that shares writing", R | W, ALL, R | W, ALL, true },
        { "a writer beside one that does not share writing", R, R, R | W, ALL, false },
        { "one that does not share writing beside a writer", R | W, ALL, R, R, false },
        { "resize beside one that does not share it", R, ALL & ~Z, Z, ALL, false },
        { "nothing beside anything", W, 0, 0, ALL, true },
    };
    g_autofree char *path = scratch_image("a.img", 8192);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (int through_raw = 0; through_raw < 2; through_raw++) {
            BlockNode *f = node_from(FILE_A "}", NULL);
            BlockNode *top = through_raw ? node_from("{'driver':'raw','file':'f'}", NULL) : block_node_ref(f);
            BlockBackend *one = backend_on(block_node_ref(f), 0), *two = backend_on(top, 0);
            Object *dev = object_new(&container_type);
            g_autoptr(GError) err = NULL;

            check_true(block_backend_attach(one, dev, rows[i].perm1, rows[i].shared1, &err), "%s: the first",
                       rows[i].claim);
            check_int(block_backend_attach(two, dev, rows[i].perm2, rows[i].shared2, &err), ==, rows[i].works,
                      "%s, raw %d (%s)", rows[i].claim, through_raw, err ? err->message : "");
            check_true(rows[i].works || strstr(err->message, "conflicts"), "%s: '%s'", rows[i].claim,
                       err ? err->message : "");
            if (!rows[i].works) {
                check_true(!two->dev && f->perm == rows[i].perm1, "%s: nothing is left of the failed one",
                           rows[i].claim);
                block_backend_detach(one, dev);
                check_true(block_backend_attach(two, dev, rows[i].perm2, rows[i].shared2, NULL), "%s: works alone",
                           rows[i].claim);
            }
            object_unref(OBJECT(two));
            object_unref(OBJECT(one));
            block_node_unref(f);
            object_unref(dev);
        }
    }
}

static void test_read_only(void)
{
    g_autofree char *path = scratch_image("a.img", 8192);
    BlockBackend *blk = backend_on(node_from(FILE_A ",'read-only':true}", NULL), BLOCK_PERM_READ);
    Object *dev = object_new(&container_type), *other = object_new(&container_type);
    g_autoptr(GError) err = NULL;
    uint8_t sector[512] = { 0 };

    check_true(!block_backend_attach(blk, dev, BLOCK_PERM_WRITE, BLOCK_PERM_ALL, &err) &&
                   strstr(err->message, "read-only"),
               "nobody gets to write a read-only node");
    g_clear_error(&err);
    check_int(sync_write(blk, 0, sector, 512), ==, -EPERM, "a write of a read-only node fails");
    check_true(block_backend_attach(blk, dev, BLOCK_PERM_READ, BLOCK_PERM_ALL, NULL), "a reader attaches");
    check_true(!block_backend_attach(blk, other, BLOCK_PERM_READ, BLOCK_PERM_ALL, &err) &&
                   strstr(err->message, "in use"),
               "one device at a time");
    object_unref(OBJECT(blk));
    object_unref(dev);
    object_unref(other);
}

/* Two descriptions of one file in one process lock each other as two processes do. */
static void test_locks(void)
{
    static const struct { const char *claim, *second; unsigned perm, shared; const char *error; } rows[] = {
        { "two writers lock each other out", "", R | W, R, "Failed to get \"write\" lock" },
        { "a reader that shares nothing cannot join", "", R, 0, "lock" },
        { "a reader that shares all cannot join one that writes alone", "", R, ALL, NULL },
        { "locking=off ignores locks", ",'locking':'off'", R | W, R, NULL },
        { "force-share ignores locks", ",'force-share':true,'read-only':true", R, R, NULL },
    };
    g_autofree char *path = scratch_image("a.img", 8192);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        BlockBackend *one = backend_on(node_from("{'driver':'file','filename':'@/a.img'}", NULL), 0), *two;
        g_autofree char *json = g_strdup_printf("{'driver':'file','filename':'@/a.img'%s}", rows[i].second);
        Object *dev = object_new(&container_type);
        g_autoptr(GError) err = NULL;

        two = backend_on(node_from(json, NULL), 0);
        check_true(block_backend_attach(one, dev, R | W, R, NULL), "%s: the first", rows[i].claim);
        check_int(block_backend_attach(two, dev, rows[i].perm, rows[i].shared, &err), ==, !rows[i].error, "%s (%s)",
                  rows[i].claim, err ? err->message : "");
        check_true(!rows[i].error || strstr(err->message, rows[i].error), "%s: '%s'", rows[i].claim,
                   err ? err->message : "");
        if (rows[i].error) {
            block_backend_detach(one, dev);
            check_true(block_backend_attach(two, dev, rows[i].perm, rows[i].shared, NULL),
                       "%s: works when the first is gone", rows[i].claim);
        }
        object_unref(OBJECT(one));
        object_unref(OBJECT(two));
        object_unref(dev);
    }
}

/* Exit status of a tool; its stderr to *@text. */
static int run_tool(const char *const *argv, char **text)
{
    g_autoptr(GError) err = NULL;
    int status;

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, text,
                 &status, &err);
    g_assert_no_error(err);
    return status;
}

static void test_locks_of_qemu(void)
{
    g_autofree char *path = scratch_image("a.img", 65536), *tool = g_find_program_in_path("qemu-io");
    BlockBackend *blk;
    Object *dev = object_new(&container_type);
    g_autoptr(GError) err = NULL;
    int in, out;
    GPid pid;

    if (!tool) {
        g_test_skip("no qemu-io here");
        return;
    }
    blk = backend_on(node_from("{'driver':'file','filename':'@/a.img'}", NULL), 0);
    check_true(block_backend_attach(blk, dev, BLOCK_PERM_READ | BLOCK_PERM_WRITE, BLOCK_PERM_READ, NULL),
               "we write the image");
    const char *const runs[][8] = {
        { "qemu-io", "-f", "raw", "-c", "write 0 512", path },
        { "qemu-img", "resize", "-f", "raw", path, "128K" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(runs); i++) {
        g_autofree char *text = NULL;

        check_true(run_tool(runs[i], &text) != 0, "%s is locked out", runs[i][0]);
        check_true(strstr(text, "\" lock"), "%s says so: '%s'", runs[i][0], text);
    }
    block_backend_detach(blk, dev);
    for (size_t i = 0; i < G_N_ELEMENTS(runs); i++) {
        check_int(run_tool(runs[i], NULL), ==, 0, "%s gets in when nobody here uses the image", runs[i][0]);
    }

    /* The other way round: qemu-io holds its locks until it sees the end of its input. */
    const char *argv[] = { "qemu-io", "-f", "raw", path, NULL };
    g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                             &pid, &in, &out, NULL, &err);
    g_assert_no_error(err);
    char prompt[16];
    ssize_t n = write(in, "length\n", 7), got = 0;
    check_true(n == 7 && (got = read(out, prompt, sizeof(prompt))) > 0, "qemu-io answers");
    check_true(!block_backend_attach(blk, dev, BLOCK_PERM_READ | BLOCK_PERM_WRITE, BLOCK_PERM_READ, &err) &&
               strstr(err->message, "lock"), "we are locked out (%s)", err ? err->message : "no error");
    close(in);
    waitpid(pid, NULL, 0);
    close(out);
    check_true(block_backend_attach(blk, dev, BLOCK_PERM_READ | BLOCK_PERM_WRITE, BLOCK_PERM_READ, NULL),
               "and get in afterwards");
    object_unref(OBJECT(blk));
    object_unref(dev);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_init();
    g_test_add_func("/block/graph/options", test_options);
    g_test_add_func("/block/graph/names", test_names);
    g_test_add_func("/block/graph/permissions", test_permissions);
    g_test_add_func("/block/graph/read-only", test_read_only);
    g_test_add_func("/block/graph/locks", test_locks);
    g_test_add_func("/block/graph/locks-of-qemu", test_locks_of_qemu);
    return fixture_end(g_test_run());
}
