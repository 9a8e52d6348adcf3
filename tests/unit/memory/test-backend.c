/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -object memory-backend-*: every property, good and bad combinations, one user each. */
#include <unistd.h>

#include "core/option.h"
#include "core/thread.h"
#include "memory/backend.h"
#include "tests/check.h"

static char file_path[] = "/tmp/rhea-backend-XXXXXX";

static bool add(const char *text, GError **err)
{
    g_autofree char *with_path = NULL;
    g_auto(GStrv) parts = g_strsplit(text, "$FILE", -1);
    json_object *args;
    bool ok;

    with_path = g_strjoinv(file_path, parts);
    args = option_parse(with_path, "qom-type", NULL, err);
    check_true(args, "'%s' parses", with_path);
    ok = user_object_add(args, err);
    json_object_put(args);
    return ok;
}

static const struct { const char *args; uint64_t bytes; bool rom; } good[] = {
    { "memory-backend-ram,id=m,size=1M", 1 << 20 },
    { "memory-backend-ram,id=m,size=1000", 4096 },
    { "memory-backend-ram,id=m,size=1M,share=on,prealloc=on,prealloc-threads=2,merge=off,dump=off", 1 << 20 },
    { "memory-backend-ram,id=m,size=64K,x-use-canonical-path-for-ramblock-id=on,policy=default", 1 << 16 },
    { "{\"qom-type\":\"memory-backend-ram\",\"id\":\"m\",\"size\":65536,\"reserve\":true}", 1 << 16 },
    { "memory-backend-memfd,id=m,size=1M", 1 << 20 },
    { "memory-backend-memfd,id=m,size=1M,share=off,seal=off", 1 << 20 },
    { "memory-backend-file,id=m,size=64K,mem-path=$FILE,share=on", 1 << 16 },
    { "memory-backend-file,id=m,size=16K,mem-path=$FILE,offset=8K,align=2M", 16 << 10 },
    { "memory-backend-file,id=m,size=64K,mem-path=$FILE,readonly=on", 1 << 16, true },
    { "memory-backend-file,id=m,size=64K,mem-path=$FILE,readonly=on,rom=on,share=on", 1 << 16, true },
    { "memory-backend-file,id=m,size=64K,mem-path=$FILE,readonly=on,rom=off", 1 << 16 },
    { "memory-backend-file,id=m,size=64K,mem-path=/tmp,discard-data=on,share=on", 1 << 16 },
};

static void test_good(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) err = NULL;
        const char *what = good[i].args;
        MemoryRegion *mr;
        Object *obj;

        check_true(add(what, &err), "%s: %s", what, err ? err->message : "");
        obj = object_resolve("/objects/m", NULL);
        check_true(obj, "%s: is in /objects", what);
        check_int(memory_backend_size(obj), ==, good[i].bytes, "%s", what);
        mr = memory_backend_region(obj, &err);
        check_true(mr && memory_region_size(mr) == good[i].bytes, "%s: has a region", what);
        check_int(mr->kind == REGION_ROM, ==, good[i].rom, "%s: ROM", what);
        check_true(ram_block_find(strstr(what, "canonical") ? "/objects/m" : "m"), "%s: the block's name", what);
        if (!good[i].rom) {
            memset(memory_region_ram_ptr(mr), 0x55, good[i].bytes);
        }
        check_true(!memory_backend_region(obj, &err) && strstr(err->message, "'m'"), "%s: only one user", what);
        object_unparent(obj);
        check_true(!ram_block_find("m") && !ram_block_find("/objects/m"), "%s: the block goes with it", what);
        rcu_barrier();
    }
}

static const struct { const char *args, *error; } bad[] = {
    { "memory-backend-ram,id=m", "size" },
    { "memory-backend-ram,id=m,size=0", "size" },
    { "memory-backend-ram,id=m,size=1Q", "1Q" },
    { "memory-backend-ram,id=m,size=1M,sice=1", "size" },
    { "memory-backend-ram,id=m,size=1M,policy=bnd", "bind" },
    { "memory-backend-ram,id=m,size=1M,policy=bind", "host-nodes" },
    { "memory-backend-ram,id=m,size=1M,host-nodes=0", "policy" },
    { "memory-backend-ram,id=m,size=1M,policy=bind,host-nodes=3-1", "3-1" },
    { "memory-backend-ram,id=m,size=1M,policy=bind,host-nodes=5000", "5000" },
    { "memory-backend-ram,id=m,size=1M,policy=bind,host-nodes=1023", "m" },
    { "memory-backend-ram,id=m,size=1M,prealloc=on,reserve=off", "reserve" },
    { "memory-backend-ram,id=m,size=1M,prealloc-threads=0", "prealloc-threads" },
    { "memory-backend-ram,id=m,size=1M,merge=maybe", "merge" },
    { "memory-backend-ram,id=m,size=1M,mem-path=x", "mem-path" },
    { "memory-backend-file,id=m,size=1M", "mem-path" },
    { "memory-backend-file,id=m,size=1M,mem-path=/nonexistent/a/b", "/nonexistent/a/b" },
    { "memory-backend-file,id=m,size=64K,mem-path=$FILE,rom=on", "readonly" },
    { "memory-backend-file,id=m,size=64K,mem-path=$FILE,rom=off,readonly=on,share=on", "share" },
    { "memory-backend-file,id=m,size=64K,mem-path=$FILE,pmem=on", "share" },
    { "memory-backend-file,id=m,size=1G,mem-path=$FILE", "bytes" },
    { "memory-backend-file,id=m,size=4K,mem-path=$FILE,align=3M", "power of 2" },
    { "memory-backend-memfd,id=m,size=1M,hugetlbsize=2M", "hugetlb" },
    { "memory-backend-memfd,id=m,size=1M,hugetlb=on,hugetlbsize=3M", "power of 2" },
};

static void test_bad(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) err = NULL;

        check_true(!add(bad[i].args, &err), "%s is refused", bad[i].args);
        check_true(err && strstr(err->message, bad[i].error), "%s: '%s' should name '%s'", bad[i].args,
                   err ? err->message : "",
                   bad[i].error);
        check_true(!object_resolve("/objects/m", NULL), "%s: nothing is left", bad[i].args);
        check_true(!ram_block_find("m"), "%s: no block is left", bad[i].args);
        rcu_barrier();
    }
}

static void test_properties(void)
{
    g_autoptr(GError) err = NULL;
    json_object *value;
    Object *obj;

    check_true(add("memory-backend-ram,id=m,size=1M", &err), "made: %s", err ? err->message : "");
    obj = object_resolve("/objects/m", NULL);
    check_true(object_parse(obj, "merge", "off", &err) && object_parse(obj, "dump", "off", &err),
               "merge and dump change at run time");
    check_true(!object_parse(obj, "size", "2M", &err), "size does not");
    g_clear_error(&err);
    value = object_get(obj, "host-nodes", &err);
    check_true(value && json_object_array_length(value) == 0, "host-nodes is an empty list");
    json_object_put(value);
    value = object_get(obj, "policy", &err);
    check_str(json_object_get_string(value), "default", "policy");
    json_object_put(value);
    object_unparent(obj);
    obj = object_new(&memory_backend_ram_type);
    check_true(object_parse(obj, "host-nodes", "0-2,5", &err), "ranges: %s", err ? err->message : "");
    value = object_get(obj, "host-nodes", &err);
    check_str(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), "[0,1,2,5]", "ranges become a list");
    json_object_put(value);
    check_true(!memory_backend_region(obj, &err), "a back end that is not complete has no region");
    object_unref(obj);
}

int main(int argc, char **argv)
{
    int fd, ret;

    g_test_init(&argc, &argv, NULL);
    bql_lock();
    memory_thread_register();
    fd = mkstemp(file_path);
    close(fd);
    g_test_add_func("/memory/backend/good", test_good);
    g_test_add_func("/memory/backend/bad", test_bad);
    g_test_add_func("/memory/backend/properties", test_properties);
    ret = g_test_run();
    unlink(file_path);
    return ret;
}
