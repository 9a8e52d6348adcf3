/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory back ends: -object memory-backend-ram|file|memfd.
 *
 * Properties are collected, memory_backend_complete() checks them together and maps the RAM block; the board or a DIMM
 * then takes the region, once. Everything but merge and dump is fixed from then on.
 */
#include "memory/backend.h"

#include <string.h>
#include <sys/mman.h>

#include "core/option.h"
#include "memory/internal.h"

enum { HOST_NODES_MAX = 1024 };

struct MemoryBackend {
    Object object;
    uint64_t size;
    bool merge, dump, share, prealloc, reserve, canonical_name;
    uint32_t prealloc_threads;
    Object *prealloc_context;
    int policy;
    unsigned long host_nodes[HOST_NODES_MAX / 64];
    bool mapped, taken;
    MemoryRegion region;
    /* memory-backend-file */
    char *mem_path;
    uint64_t align, offset;
    bool discard_data, pmem, readonly;
    OnOffAuto rom;
    /* memory-backend-memfd */
    bool hugetlb, seal;
    uint64_t hugetlbsize;
};

static const char *const policy_names[] = { "default", "preferred", "bind", "interleave", NULL };

static const Type memory_backend_file_type, memory_backend_memfd_type;

/* host-nodes: a JSON list of numbers; on the command line also "0-2,4". */

static json_object *host_nodes_get(Object *obj, const Property *prop)
{
    MemoryBackend *b = (MemoryBackend *)obj;
    json_object *list = json_object_new_array();

    for (int i = 0; i < HOST_NODES_MAX; i++) {
        if (b->host_nodes[i / 64] >> i % 64 & 1) {
            json_object_array_add(list, json_object_new_int(i));
        }
    }
    return list;
}

static bool host_nodes_add(MemoryBackend *b, const char *text, GError **err)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);

    for (char **item = items; *item; item++) {
        g_auto(GStrv) ends = g_strsplit(*item, "-", 2);
        uint64_t first, last;

        if (!parse_uint("host-nodes", ends[0] ? ends[0] : "", HOST_NODES_MAX - 1, &first, err)) {
            return false;
        }
        last = first;
        if (ends[1] && !parse_uint("host-nodes", ends[1], HOST_NODES_MAX - 1, &last, err)) {
            return false;
        }
        if (last < first) {
            return error_set(err, "host-nodes: range '%s' ends before it starts", *item);
        }
        for (uint64_t i = first; i <= last; i++) {
            b->host_nodes[i / 64] |= 1ul << i % 64;
        }
    }
    return true;
}

static bool host_nodes_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    MemoryBackend *b = (MemoryBackend *)obj;

    memset(b->host_nodes, 0, sizeof(b->host_nodes));
    if (!json_object_is_type(value, json_type_array)) {
        return host_nodes_add(b, json_object_get_string(value), err);
    }
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        json_object *item = json_object_array_get_idx(value, i);

        if (!json_object_is_type(item, json_type_int) && !json_object_is_type(item, json_type_string)) {
            return error_set(err, "host-nodes: element %zu is no number", i);
        }
        if (!host_nodes_add(b, json_object_get_string(item), err)) {
            return false;
        }
    }
    return true;
}

static bool host_nodes_parse(Object *obj, const Property *prop, const char *text, GError **err)
{
    MemoryBackend *b = (MemoryBackend *)obj;

    memset(b->host_nodes, 0, sizeof(b->host_nodes));
    return host_nodes_add(b, text, err);
}

static const PropertyKind host_nodes_kind = {
    .name = "int", .size = sizeof(((MemoryBackend *)0)->host_nodes), .get = host_nodes_get, .set = host_nodes_set,
    .parse = host_nodes_parse,
};

/* merge, dump: hints that may change at any time. */

static bool flag_value(const Property *prop, json_object *value, bool *out, GError **err)
{
    if (json_object_is_type(value, json_type_boolean)) {
        *out = json_object_get_boolean(value);
        return true;
    }
    if (json_object_is_type(value, json_type_string)) {
        return parse_bool(prop->name, json_object_get_string(value), out, err);
    }
    return error_set(err, "property '%s' takes a boolean", prop->name);
}

static void advise(MemoryBackend *b, int advice)
{
    if (b->mapped) {
        madvise(b->region.ram->host, b->region.ram->size, advice);
    }
}

static bool merge_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    MemoryBackend *b = (MemoryBackend *)obj;

    if (!flag_value(prop, value, &b->merge, err)) {
        return false;
    }
    advise(b, b->merge ? MADV_MERGEABLE : MADV_UNMERGEABLE);
    return true;
}

static bool dump_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    MemoryBackend *b = (MemoryBackend *)obj;

    if (!flag_value(prop, value, &b->dump, err)) {
        return false;
    }
    advise(b, b->dump ? MADV_DODUMP : MADV_DONTDUMP);
    return true;
}

/* Completion */

static bool check_policy(const MemoryBackend *b, GError **err)
{
    bool nodes = false;

    for (size_t i = 0; i < G_N_ELEMENTS(b->host_nodes); i++) {
        nodes |= b->host_nodes[i] != 0;
    }
    if (nodes && !b->policy) {
        return error_set(err, "host-nodes needs a policy: preferred, bind or interleave");
    }
    if (!nodes && b->policy) {
        return error_set(err, "policy=%s needs host-nodes", policy_names[b->policy]);
    }
    return true;
}

/*
 * How a file is opened and what the guest sees:
 *   readonly  rom         file        mapping
 *   off       auto, off   read-write  writable
 *   on        auto, on    read-only   ROM
 *   on        off         read-only   writable private copy (share=off only)
 */
static bool file_params(const MemoryBackend *b, RamBlockParams *params, GError **err)
{
    if (!b->mem_path || !*b->mem_path) {
        return error_set(err, "memory-backend-file needs mem-path");
    }
    if (b->rom == ON_OFF_AUTO_ON && !b->readonly) {
        return error_set(err, "rom=on needs readonly=on");
    }
    if (b->rom == ON_OFF_AUTO_OFF && b->readonly && b->share) {
        return error_set(err, "rom=off with readonly=on needs share=off");
    }
    if (b->pmem && !b->share) {
        return error_set(err, "pmem=on needs share=on");
    }
    params->path = b->mem_path;
    params->offset = b->offset;
    params->align = b->align;
    params->pmem = b->pmem;
    params->discard_data = b->discard_data;
    params->open_readonly = b->readonly;
    params->readonly = b->readonly && b->rom != ON_OFF_AUTO_OFF;
    return true;
}

static bool memory_backend_complete(Object *obj, GError **err)
{
    MemoryBackend *b = (MemoryBackend *)obj;
    g_autofree char *path = object_path(obj);
    RamBlockParams params = {
        .name = b->canonical_name && *path ? path : obj->name ? obj->name : obj->type->name, .size = b->size,
        .share = b->share, .prealloc = b->prealloc, .reserve = b->reserve, .dump = b->dump, .merge = b->merge,
        .prealloc_threads = b->prealloc_threads, .numa_policy = b->policy, .numa_nodes = b->host_nodes,
        .numa_node_bits = HOST_NODES_MAX,
    };

    if (!b->size) {
        return error_set(err, "%s needs a size above 0", obj->type->name);
    }
    if (b->prealloc && !b->reserve) {
        return error_set(err, "prealloc=on and reserve=off exclude each other");
    }
    if (!check_policy(b, err)) {
        return false;
    }
    if (object_is_a(obj, &memory_backend_file_type)) {
        if (!file_params(b, &params, err)) {
            return false;
        }
    } else if (object_is_a(obj, &memory_backend_memfd_type)) {
        if (b->hugetlbsize && !b->hugetlb) {
            return error_set(err, "hugetlbsize needs hugetlb=on");
        }
        params.memfd = true;
        params.hugetlb = b->hugetlb;
        params.hugetlb_size = b->hugetlbsize;
        params.seal = b->seal;
    }
    RamBlock *ram = ram_block_new(&params, err);
    if (!ram) {
        return false;
    }
    memory_region_init_ram_block(&b->region, obj, ram->name, ram);
    b->mapped = true;
    return true;
}

static void memory_backend_memfd_init(Object *obj) { ((MemoryBackend *)obj)->share = true; }

static void memory_backend_finalize(Object *obj)
{
    MemoryBackend *b = (MemoryBackend *)obj;

    if (b->mapped) {
        memory_region_destroy(&b->region);
    }
}

MemoryRegion *memory_backend_region(Object *backend, GError **err)
{
    MemoryBackend *b = object_cast(backend, &memory_backend_type);

    if (!b->mapped) {
        error_set(err, "memory back end '%s' is not set up", backend->name ? backend->name : backend->type->name);
        return NULL;
    }
    if (b->taken) {
        error_set(err, "memory back end '%s' is in use", backend->name ? backend->name : backend->type->name);
        return NULL;
    }
    b->taken = true;
    return &b->region;
}

uint64_t memory_backend_size(Object *backend)
{
    MemoryBackend *b = object_cast(backend, &memory_backend_type);

    return b->mapped ? b->region.ram->size : b->size;
}

static const Property memory_backend_properties[] = {
    PROP_BOOL("dump", MemoryBackend, dump, true, "off: leave this memory out of core dumps", .set = dump_set,
              .runtime = true),
    { .name = "host-nodes", .kind = &host_nodes_kind, .offset = offsetof(MemoryBackend, host_nodes),
      .description = "NUMA nodes of the host that policy= applies to" },
    PROP_BOOL("merge", MemoryBackend, merge, true, "let the host share equal pages (KSM)", .set = merge_set,
              .runtime = true),
    PROP_ENUM("policy", MemoryBackend, policy, 0, policy_names, "HostMemPolicy", "how host-nodes are used"),
    PROP_LINK("prealloc-context", MemoryBackend, prealloc_context, "thread-context", "whose CPUs preallocate"),
    PROP_UINT32("prealloc-threads", MemoryBackend, prealloc_threads, 1, "threads that preallocate", .min = 1,
                .max = 65535),
    PROP_BOOL("prealloc", MemoryBackend, prealloc, false, "take all memory from the host at start"),
    PROP_BOOL("reserve", MemoryBackend, reserve, true, "reserve swap space or huge pages for all of it"),
    PROP_BOOL("share", MemoryBackend, share, false, "map shared, so that other processes can take part"),
    PROP_SIZE("size", MemoryBackend, size, 0, "bytes; suffixes K, M, G, T"),
    PROP_BOOL("x-use-canonical-path-for-ramblock-id", MemoryBackend, canonical_name, false,
              "name the RAM block by object path instead of id"),
    { },
};

const Type memory_backend_type = {
    .name = "memory-backend", .parent = &object_type, .size = sizeof(MemoryBackend), .is_abstract = true,
    .description = "guest memory provided by the host", .properties = memory_backend_properties,
    .complete = memory_backend_complete, .finalize = memory_backend_finalize,
};
TYPE_REGISTER(memory_backend_type);

const Type memory_backend_ram_type = {
    .name = "memory-backend-ram", .parent = &memory_backend_type, .user_creatable = true,
    .description = "guest memory from anonymous host memory",
};
TYPE_REGISTER(memory_backend_ram_type);

static const Property memory_backend_file_properties[] = {
    PROP_SIZE("align", MemoryBackend, align, 0, "alignment of the mapping in bytes, a power of 2"),
    PROP_BOOL("discard-data", MemoryBackend, discard_data, false,
              "throw the contents away at the end instead of writing them"),
    PROP_STR("mem-path", MemoryBackend, mem_path, "file, or directory (hugetlbfs mount) for a nameless file"),
    PROP_SIZE("offset", MemoryBackend, offset, 0, "where in the file guest memory begins"),
    PROP_BOOL("pmem", MemoryBackend, pmem, false, "the file is on persistent memory: map it synchronously"),
    PROP_BOOL("readonly", MemoryBackend, readonly, false, "open the file read-only"),
    PROP_ON_OFF_AUTO("rom", MemoryBackend, rom, ON_OFF_AUTO_AUTO, "whether the guest sees ROM; auto: as readonly"),
    { },
};

static const Type memory_backend_file_type = {
    .name = "memory-backend-file", .parent = &memory_backend_type, .user_creatable = true,
    .description = "guest memory from a file", .properties = memory_backend_file_properties,
};
TYPE_REGISTER(memory_backend_file_type);

static const Property memory_backend_memfd_properties[] = {
    PROP_BOOL("hugetlb", MemoryBackend, hugetlb, false, "use huge pages"),
    PROP_SIZE("hugetlbsize", MemoryBackend, hugetlbsize, 0, "size of huge pages: 2M, 1G; 0: the host's default"),
    PROP_BOOL("seal", MemoryBackend, seal, true, "forbid that the memory's file ever changes its size"),
    { },
};

static const Type memory_backend_memfd_type = {
    .name = "memory-backend-memfd", .parent = &memory_backend_type, .user_creatable = true,
    .description = "guest memory from a nameless memory file", .properties = memory_backend_memfd_properties,
    .init = memory_backend_memfd_init,
};
TYPE_REGISTER(memory_backend_memfd_type);
