/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -drive: options, places, defaults, formats by content. */
#include "tests/unit/block/fixture.h"

static void test_wrong(void)
{
    static const struct { const char *claim, *json, *error; } rows[] = {
        { "an unknown option names the nearest", "{'file':'@/a.img','formt':'raw'}", "did you mean 'format'" },
        { "a node's option misspelt finds it too", "{'file':'@/a.img','format':'raw','ofset':'0'}",
          "did you mean 'offset'" },
        { "an unknown interface", "{'file':'@/a.img','if':'idee','format':'raw'}", "idee" },
        { "an unknown format names the nearest", "{'file':'@/a.img','format':'rww'}", "did you mean 'raw'" },
        { "a format that is not there yet", "{'file':'@/a.img','format':'vmdk'}", "not supported yet" },
        { "a missing file", "{'file':'@/none.img','format':'raw'}", "none.img" },
        { "a missing file, probed", "{'file':'@/none.img'}", "none.img" },
        { "an image of another format is not taken for raw", "{'file':'@/q.img'}",
          "looks like an image of format 'qed'" },
        { "an unknown cache mode names the nearest", "{'file':'@/a.img','cache':'writebak','format':'raw'}",
          "did you mean 'writeback'" },
        { "an unknown aio", "{'file':'@/a.img','aio':'fast','format':'raw'}", "aio option 'fast'" },
        { "aio=io_uring", "{'file':'@/a.img','aio':'io_uring','format':'raw'}", "aio=io_uring was specified, but is not" },
        { "aio=native without O_DIRECT", "{'file':'@/a.img','aio':'native','format':'raw'}", "cache.direct=on" },
        { "an unknown werror", "{'if':'none','werror':'ask'}", "ask" },
        { "enospc is nothing for reads", "{'if':'none','rerror':'enospc'}", "enospc" },
        { "an unknown media", "{'if':'none','media':'tape'}", "tape" },
        { "an unknown discard", "{'if':'none','discard':'yes'}", "yes" },
        { "an unknown cache switch", "{'if':'none','cache':{'dircet':'on'}}", "did you mean 'cache.direct'" },
        { "a bad id", "{'if':'none','id':'1x'}", "identifier" },
        { "index with unit", "{'if':'ide','index':1,'unit':1}", "index cannot be used" },
        { "a unit too big", "{'if':'ide','unit':2}", "unit 2 too big (max is 1)" },
        { "a negative index", "{'if':'ide','index':-5}", "negative" },
        { "an index that is no number", "{'if':'ide','index':'a'}", "index" },
        { "read-only by both of its names", "{'file':'@/a.img','format':'raw','readonly':'on','read-only':'on'}",
          "old name 'readonly'" },
        { "copy-on-read", "{'file':'@/a.img','format':'raw','copy-on-read':'on'}", "not supported yet" },
        { "throttling", "{'file':'@/a.img','format':'raw','throttling':{'iops-total':5}}", "not supported yet" },
        { "a protocol that is not there", "{'file':'nbd://host/','format':'raw'}", "Unknown protocol 'nbd'" },
        { "format and driver that differ", "{'file':'@/a.img','format':'raw','driver':'file'}",
          "both 'driver' and 'format'" },
        { "file=json: with garbage", "{'file':'json:{','if':'none'}", "" },
        { "file=json: that is no object", "{'file':'json:[1]','if':'none'}", "not an object" },
    };
    g_autofree char *path = scratch_image("a.img", 8192), *qed = scratch_path("q.img");

    g_file_set_contents(qed, "QED\0\0\0\0\3", 8, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_object) args = parse(rows[i].json);
        g_autoptr(GError) err = NULL;

        check_true(!block_drive_add(args, &err), "%s is refused", rows[i].claim);
        check_true(err && strstr(err->message, rows[i].error), "%s: '%s'", rows[i].claim,
                   err ? err->message : "(no message)");
    }
}

static void test_places(void)
{
    static const struct { const char *claim, *json, *interface; int index; const char *id; } rows[] = {
        { "the first of the default interface", "{'file':'@/a.img','format':'raw'}", "ide", 0, "ide0-hd0" },
        { "the next free one, a cdrom", "{'media':'cdrom'}", "ide", 1, "ide0-cd1" },
        { "by index", "{'index':3}", "ide", 3, "ide1-hd1" },
        { "the gap before it", "{}", "ide", 2, "ide1-hd0" },
        { "by bus and unit", "{'bus':3,'unit':1}", "ide", 7, "ide3-hd1" },
        { "an interface without buses", "{'if':'virtio'}", "virtio", 0, "virtio0" },
        { "with a name", "{'if':'none','id':'mine'}", "none", 0, "mine" },
        { "scsi has seven units", "{'if':'scsi','bus':1,'unit':6}", "scsi", 13, "scsi1-hd6" },
    };
    g_autofree char *path = scratch_image("a.img", 8192);
    g_autoptr(json_object) twice = parse("{'index':0}"), same = parse("{'if':'none','id':'mine'}");
    g_autoptr(GError) err = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_object) args = parse(rows[i].json);
        g_autoptr(GError) e = NULL;
        DriveInfo *d;

        check_true(block_drive_add(args, &e), "%s (%s)", rows[i].claim, e ? e->message : "");
        d = block_drive_get(rows[i].interface, rows[i].index);
        check_true(d != NULL, "%s: is where it should be", rows[i].claim);
        check_str(d->id, rows[i].id, "%s: id", rows[i].claim);
        check_true(block_backend_find(rows[i].id) == d->blk, "%s: is found by id", rows[i].claim);
    }
    check_true(!block_drive_add(twice, &err) && strstr(err->message, "bus=0, unit=0 (index=0) exists"),
               "a place is taken once");
    g_clear_error(&err);
    check_true(!block_drive_add(same, &err) && strstr(err->message, "Duplicate ID 'mine'"), "an id is taken once");
}

static void test_settings(void)
{
    static const struct {
        const char *claim, *json;
        bool direct, no_flush, write_cache, read_only, unmap;
        const char *driver;
    } rows[] = {
        { "defaults", "{'if':'none','id':'t','format':'raw','file':'@/b.img'}", .write_cache = true, .driver = "raw" },
        { "cache=writethrough", "{'if':'none','id':'t','format':'raw','file':'@/b.img','cache':'writethrough'}",
          .driver = "raw" },
        { "cache=unsafe", "{'if':'none','id':'t','format':'raw','file':'@/b.img','cache':'unsafe'}", .no_flush = true,
          .write_cache = true, .driver = "raw" },
        { "a switch of its own", "{'if':'none','id':'t','format':'raw','file':'@/b.img','cache':{'no-flush':'on'}}",
          .no_flush = true, .write_cache = true, .driver = "raw" },
        { "read-only", "{'if':'none','id':'t','format':'raw','file':'@/b.img','read-only':'on'}", .write_cache = true,
          .read_only = true, .driver = "raw" },
        { "its old name", "{'if':'none','id':'t','format':'raw','file':'@/b.img','readonly':'on'}", .write_cache = true,
          .read_only = true, .driver = "raw" },
        { "a cdrom is read-only", "{'if':'none','id':'t','format':'raw','file':'@/b.img','media':'cdrom'}",
          .write_cache = true, .read_only = true, .driver = "raw" },
        { "discard=on", "{'if':'none','id':'t','format':'raw','file':'@/b.img','discard':'on'}", .write_cache = true,
          .unmap = true, .driver = "raw" },
        { "the protocol alone", "{'if':'none','id':'t','format':'file','file':'@/b.img'}", .write_cache = true,
          .driver = "file" },
        { "file: as a protocol", "{'if':'none','id':'t','format':'raw','file':'file:@/b.img'}", .write_cache = true,
          .driver = "raw" },
        { "a described node",
         "{'if':'none','id':'t','file':'json:{\\'driver\\':\\'file\\',\\'filename\\':\\'@/b.img\\'}'}",
          .write_cache = true, .driver = "file" },
        { "options of the format", "{'if':'none','id':'t','format':'raw','offset':'512','file':'@/b.img'}",
          .write_cache = true, .driver = "raw" },
    };
    g_autofree char *path = scratch_image("b.img", 8192);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *id = g_strdup_printf("t%zu", i);
        g_autoptr(json_object) args = parse(rows[i].json);
        g_autoptr(GError) err = NULL;
        BlockBackend *blk;
        BlockNode *n;

        json_object_object_add(args, "id", json_object_new_string(id));
        check_true(block_drive_add(args, &err), "%s (%s)", rows[i].claim, err ? err->message : "");
        blk = block_backend_find(id);
        n = block_backend_node(blk);
        check_int(n->cache_direct, ==, rows[i].direct, "%s: direct", rows[i].claim);
        check_int(n->cache_no_flush, ==, rows[i].no_flush, "%s: no-flush", rows[i].claim);
        check_int(block_backend_write_cache(blk), ==, rows[i].write_cache, "%s: write cache", rows[i].claim);
        check_int(block_backend_read_only(blk), ==, rows[i].read_only, "%s: read-only", rows[i].claim);
        check_int(block_backend_can_discard(blk), ==, rows[i].unmap, "%s: discard", rows[i].claim);
        check_str(block_driver_name(n), rows[i].driver, "%s: driver", rows[i].claim);
    }
}

static void test_probe(void)
{
    static const struct { const char *claim, *bytes; size_t len, at; const char *format; } rows[] = {
        { "nothing", "", 0, 0, "raw" },
        { "qcow2", "QFI\xfb\0\0\0\3", 8, 0, "qcow2" },
        { "qcow version 1", "QFI\xfb\0\0\0\1", 8, 0, "qcow" },
        { "a signature that is cut", "QFI", 3, 0, "raw" },
        { "vdi, 64 bytes in", "\x7f\x10\xda\xbe", 4, 64, "vdi" },
        { "vdi's bytes at the start", "\x7f\x10\xda\xbe", 4, 0, "raw" },
        { "luks", "LUKS\xba\xbe", 6, 0, "luks" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint8_t head[512] = { 0 };

        memcpy(head + rows[i].at, rows[i].bytes, rows[i].len);
        check_str(block_probe(head, rows[i].at + rows[i].len), rows[i].format, "%s", rows[i].claim);
    }
}

static void test_info(void)
{
    GString *out = g_string_new(NULL);

    block_print_info(out);
    check_true(strstr(out->str, "b.img (raw)\n"), "an image and its driver are shown");
    check_true(strstr(out->str, "b.img (raw, read-only)\n"), "read-only is shown");
    check_true(strstr(out->str, "ide0-cd1: [not inserted]\n"), "an empty drive is shown");
    check_true(strstr(out->str, "    Cache mode:       writeback, ignore flushes\n"), "the cache mode is shown");
    g_string_free(out, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_init();
    g_log_set_always_fatal(G_LOG_FATAL_MASK);
    g_test_add_func("/block/drive/wrong", test_wrong);
    g_test_add_func("/block/drive/places", test_places);
    g_test_add_func("/block/drive/settings", test_settings);
    g_test_add_func("/block/drive/probe", test_probe);
    g_test_add_func("/block/drive/info", test_info);
    return fixture_end(g_test_run());
}
