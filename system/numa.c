/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -numa in its five forms: node (memory and CPUs of one), dist (how far two are), cpu (puts CPUs by their place in the
 * topology), hmat-lb and hmat-cache (latency, bandwidth, caches). Each occurrence is checked against those before it;
 * numa_complete() then looks at the whole.
 */
#include "system/numa.h"

#include <inttypes.h>
#include <string.h>

#include "core/option.h"
#include "hw/numa.h"
#include "memory/backend.h"

#define MIB (1ull << 20)

typedef struct NumaForm {
    const char *type;
    const char *const *keys;
    bool (*parse)(NumaConfig *numa, const OptionUse *use, Machine *m, GError **err);
} NumaForm;

/* An optional number; @out keeps its value where the key is not given. *@given: whether it is. */
static bool number(json_object *args, const char *key, uint64_t max, uint64_t *out, bool *given, GError **err)
{
    json_object *value = json_object_object_get(args, key);

    *given = value != NULL;
    return !value || parse_uint(key, json_object_get_string(value), max, out, err);
}

static bool need(json_object *args, const char *key, uint64_t max, uint64_t *out, GError **err)
{
    bool given;

    return number(args, key, max, out, &given, err) && (given || error_set(err, "Parameter '%s' is missing", key));
}

static int word(json_object *args, const char *key, const char *const *words, GError **err)
{
    const char *text = dict_str(args, key);
    NearestWord nearest;

    if (!text) {
        error_set(err, "Parameter '%s' is missing", key);
        return -1;
    }
    nearest_init(&nearest, text);
    for (int i = 0; words[i]; i++) {
        nearest_add(&nearest, words[i]);
        if (!strcmp(text, words[i])) {
            return i;
        }
    }
    error_set(err, "Parameter '%s' does not accept value '%s'%s", key, text, nearest_hint(&nearest));
    return -1;
}

static bool hmat_on(const Machine *m, GError **err)
{
    return m->hmat || error_set(err, "ACPI Heterogeneous Memory Attribute Table (HMAT) is disabled, enable it with -machine hmat=on "
                                "before using any of hmat specific options");
}

/* ---- node ---- */

static bool put_cpu(NumaConfig *numa, const Machine *m, uint64_t index, unsigned node, GError **err)
{
    if (index >= m->smp.max_cpus) {
        return error_set(err, "CPU index (%" PRIu64 ") should be smaller than maxcpus (%u)", index, m->smp.max_cpus);
    }
    if (numa->cpu_nodes[index] >= 0 && numa->cpu_nodes[index] != (int)node) {
        return error_set(err, "CPU is already assigned to node-id: %d", numa->cpu_nodes[index]);
    }
    numa->cpu_nodes[index] = node;
    numa->nodes[node].has_cpu = true;
    return true;
}

/* "cpus" may be given more than once in one option, each time a number or a range: the dictionary has the last only. */
static bool put_cpus(NumaConfig *numa, const OptionUse *use, const Machine *m, unsigned node, GError **err)
{
    g_auto(GStrv) words = g_strsplit(use->text ? use->text : "", ",", -1);

    for (char **w = words; *w; w++) {
        if (!g_str_has_prefix(*w, "cpus=")) {
            continue;
        }
        g_auto(GStrv) ends = g_strsplit(*w + strlen("cpus="), "-", 2);
        uint64_t first, last;
        if (!parse_uint("cpus", ends[0] ? ends[0] : "", UINT32_MAX, &first, err)) {
            return false;
        }
        last = first;
        if (ends[0] && ends[1] && !parse_uint("cpus", ends[1], UINT32_MAX, &last, err)) {
            return false;
        }
        if (last < first) {
            return error_set(err, "cpus=%s: the range ends before it begins", *w + strlen("cpus="));
        }
        for (uint64_t i = first; i <= last; i++) {
            if (!put_cpu(numa, m, i, node, err)) {
                return false;
            }
        }
    }
    return true;
}

static bool parse_node(NumaConfig *numa, const OptionUse *use, Machine *m, GError **err)
{
    uint64_t id = numa->count, initiator = 0;
    const char *memdev = dict_str(use->args, "memdev");
    bool given, has_initiator;

    if (!number(use->args, "nodeid", UINT16_MAX, &id, &given, err) ||
        !number(use->args, "initiator", UINT16_MAX, &initiator, &has_initiator, err)) {
        return false;
    }
    if (id >= NUMA_MAX_NODES) {
        return error_set(err, "Max number of NUMA nodes reached: %" PRIu64, id);
    }
    NumaNode *node = &numa->nodes[id];
    if (node->present) {
        return error_set(err, "Duplicate NUMA nodeid: %" PRIu64, id);
    }
    if (dict_str(use->args, "mem")) {
        return memdev ? error_set(err, "numa configuration should use either mem= or memdev=, mixing both is not allowed")
                      : error_set(err, "Parameter -numa node,mem is not supported by this machine type; use -numa node,memdev instead");
    }
    if (has_initiator && !hmat_on(m, err)) {
        return false;
    }
    if (has_initiator && initiator >= NUMA_MAX_NODES) {
        return error_set(err, "The initiator id %" PRIu64 " expects an integer between 0 and %d", initiator, NUMA_MAX_NODES - 1);
    }
    node->present = true;
    node->initiator = has_initiator ? (int)initiator : -1;
    numa->count++;
    if (memdev) {
        g_autofree char *path = g_strconcat("/objects/", memdev, NULL);
        node->memdev = object_resolve(path, NULL);
        if (!node->memdev || !object_is_a(node->memdev, &memory_backend_type)) {
            return error_set(err, "memdev=%s is not the id of a memory back end (-object memory-backend-...)", memdev);
        }
        for (unsigned i = 0; i < NUMA_MAX_NODES; i++) {
            if (i != id && numa->nodes[i].memdev == node->memdev) {
                return error_set(err, "memory backend %s is used multiple times. Each -numa option must use a different memdev value", memdev);
            }
        }
        node->bytes = memory_backend_size(node->memdev);
    }
    return put_cpus(numa, use, m, id, err);
}

/* ---- dist ---- */

static bool parse_dist(NumaConfig *numa, const OptionUse *use, Machine *m, GError **err)
{
    uint64_t src, dst, val;

    if (!need(use->args, "src", UINT16_MAX, &src, err) || !need(use->args, "dst", UINT16_MAX, &dst, err) ||
        !need(use->args, "val", UINT8_MAX, &val, err)) {
        return false;
    }
    if (src >= NUMA_MAX_NODES || dst >= NUMA_MAX_NODES) {
        return error_set(err, "Parameter '%s' expects an integer between 0 and %d", src >= NUMA_MAX_NODES ? "src" : "dst", NUMA_MAX_NODES - 1);
    }
    if (!numa->nodes[src].present || !numa->nodes[dst].present) {
        return error_set(err, "Source/Destination NUMA node is missing: '-numa node' has to declare it first");
    }
    if (val < NUMA_LOCAL_DISTANCE) {
        return error_set(err, "NUMA distance (%" PRIu64 ") is invalid, it shouldn't be less than %d", val, NUMA_LOCAL_DISTANCE);
    }
    if (src == dst && val != NUMA_LOCAL_DISTANCE) {
        return error_set(err, "Local distance of node %" PRIu64 " should be %d", src, NUMA_LOCAL_DISTANCE);
    }
    numa->nodes[src].distance[dst] = val;
    numa->has_distances = true;
    return true;
}

/* ---- cpu ---- */

static bool parse_cpu(NumaConfig *numa, const OptionUse *use, Machine *m, GError **err)
{
    static const char *const keys[] = { "socket-id", "die-id", "module-id", "core-id", "thread-id" };
    uint64_t node, wanted[G_N_ELEMENTS(keys)];
    bool given[G_N_ELEMENTS(keys)], any = false, found = false;

    if (!need(use->args, "node-id", UINT16_MAX, &node, err)) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (!number(use->args, keys[i], UINT32_MAX, &wanted[i], &given[i], err)) {
            return false;
        }
        any |= given[i];
    }
    if (node >= NUMA_MAX_NODES || !numa->nodes[node].present) {
        return error_set(err, "Invalid node-id=%" PRIu64 ", NUMA node must be defined with -numa node,nodeid=ID before it's used with "
                         "-numa cpu,node-id=ID", node);
    }
    if (!any) {
        return error_set(err, "one of socket-id, die-id, module-id, core-id, thread-id must say which CPUs");
    }
    for (unsigned i = 0; i < m->smp.max_cpus; i++) {
        CpuPlace p = machine_cpu_place(&m->smp, i);
        unsigned place[] = { p.socket, p.die, p.module, p.core, p.thread };
        bool match = true;
        for (size_t k = 0; k < G_N_ELEMENTS(keys); k++) {
            match &= !given[k] || place[k] == wanted[k];
        }
        found |= match;
        if (match && !put_cpu(numa, m, i, node, err)) {
            return false;
        }
    }
    return found || error_set(err, "no match found");
}

/* ---- hmat ---- */

static const char *const hierarchies[] = { "memory", "first-level", "second-level", "third-level", NULL };
static const char *const data_types[] = {
    "access-latency", "read-latency", "write-latency", "access-bandwidth", "read-bandwidth", "write-bandwidth", NULL
};

static bool parse_hmat_lb(NumaConfig *numa, const OptionUse *use, Machine *m, GError **err)
{
    uint64_t initiator, target, value = 0;
    const char *latency = dict_str(use->args, "latency"), *bandwidth = dict_str(use->args, "bandwidth");

    if (!hmat_on(m, err) || !need(use->args, "initiator", UINT16_MAX, &initiator, err) ||
        !need(use->args, "target", UINT16_MAX, &target, err)) {
        return false;
    }
    int level = word(use->args, "hierarchy", hierarchies, err);
    int type = level < 0 ? -1 : word(use->args, "data-type", data_types, err);
    if (type < 0) {
        return false;
    }
    if (initiator >= NUMA_MAX_NODES || !numa->nodes[initiator].present) {
        return error_set(err, "Invalid initiator=%" PRIu64 ", it should be less than %u", initiator, numa->count);
    }
    if (target >= NUMA_MAX_NODES || !numa->nodes[target].present) {
        return error_set(err, "Invalid target=%" PRIu64 ", it should be less than %u", target, numa->count);
    }
    if (!numa->nodes[initiator].has_cpu) {
        return error_set(err, "Invalid initiator=%" PRIu64 ", it isn't an initiator proximity domain", initiator);
    }
    if (type <= HMAT_WRITE_LATENCY) {
        if (bandwidth || !latency) {
            return error_set(err, bandwidth ? "'bandwidth' does not go with a latency" : "Missing 'latency' option");
        }
        if (!parse_uint("latency", latency, UINT64_MAX / 1000, &value, err)) {
            return false;
        }
    } else {
        if (latency || !bandwidth) {
            return error_set(err, latency ? "'latency' does not go with a bandwidth" : "Missing 'bandwidth' option");
        }
        if (!parse_size("bandwidth", bandwidth, 1, &value, err)) {
            return false;
        }
        if (value % MIB) {
            return error_set(err, "Bandwidth %" PRIu64 " between initiator=%" PRIu64 " and target=%" PRIu64 " should be 1MB aligned", value,
                             initiator, target);
        }
    }
    HmatMatrix **x = &numa->matrices[level][type];
    if (!*x) {
        *x = g_new0(HmatMatrix, 1);
    }
    if ((*x)->value[initiator][target]) {
        return error_set(err, "Duplicate configuration of the %s for initiator=%" PRIu64 " and target=%" PRIu64, data_types[type], initiator, target);
    }
    (*x)->value[initiator][target] = value;
    numa->hmat = true;
    return true;
}

static bool parse_hmat_cache(NumaConfig *numa, const OptionUse *use, Machine *m, GError **err)
{
    static const char *const associativities[] = { "none", "direct", "complex", NULL };
    static const char *const policies[] = { "none", "write-back", "write-through", NULL };
    const char *size = dict_str(use->args, "size");
    uint64_t node, level, line;
    HmatCache cache;

    if (!hmat_on(m, err) || !need(use->args, "node-id", UINT16_MAX, &node, err) || !need(use->args, "level", UINT8_MAX, &level, err) ||
        !need(use->args, "line", UINT16_MAX, &line, err)) {
        return false;
    }
    if (!size) {
        return error_set(err, "Parameter 'size' is missing");
    }
    int associativity = word(use->args, "associativity", associativities, err);
    int policy = associativity < 0 ? -1 : word(use->args, "policy", policies, err);
    if (policy < 0 || !parse_size("size", size, 1, &cache.bytes, err)) {
        return false;
    }
    if (node >= NUMA_MAX_NODES || !numa->nodes[node].present) {
        return error_set(err, "Invalid node-id=%" PRIu64 ", it should be less than %u", node, numa->count);
    }
    if (level < 1 || level > HMAT_CACHES) {
        return error_set(err, "Invalid level=%" PRIu64 ", it should be larger than 0 and less than or equal to %d", level, HMAT_CACHES);
    }
    HmatCache *caches = numa->nodes[node].caches;
    if (caches[level - 1].bytes) {
        return error_set(err, "Duplicate configuration of the side cache for node-id=%" PRIu64 " and level=%" PRIu64, node, level);
    }
    if (level > 1 && (!caches[level - 2].bytes || caches[level - 2].bytes >= cache.bytes)) {
        return error_set(err, caches[level - 2].bytes ? "Invalid size=%" PRIu64 ", the size of level %" PRIu64 " should be larger than that of the level below"
                         : "size=%" PRIu64 ": level %" PRIu64 " comes after the level below", cache.bytes, level);
    }
    cache.associativity = associativity;
    cache.policy = policy;
    cache.line_bytes = line;
    caches[level - 1] = cache;
    numa->hmat = true;
    return true;
}

#define KEYS(...) (const char *const[]){ "type", __VA_ARGS__, NULL }
static const NumaForm forms[] = {
    { "node", KEYS("nodeid", "cpus", "mem", "memdev", "initiator"), parse_node },
    { "dist", KEYS("src", "dst", "val"), parse_dist },
    { "cpu", KEYS("node-id", "socket-id", "die-id", "module-id", "core-id", "thread-id"), parse_cpu },
    { "hmat-lb", KEYS("initiator", "target", "hierarchy", "data-type", "latency", "bandwidth"), parse_hmat_lb },
    { "hmat-cache", KEYS("node-id", "size", "level", "associativity", "policy", "line"), parse_hmat_cache },
};

static bool parse_one(NumaConfig *numa, const OptionUse *use, Machine *m, GError **err)
{
    const char *type = dict_str(use->args, "type");
    NearestWord nearest;

    nearest_init(&nearest, type ? type : "");
    for (size_t i = 0; type && i < G_N_ELEMENTS(forms); i++) {
        nearest_add(&nearest, forms[i].type);
        if (!strcmp(type, forms[i].type)) {
            return keys_check(use->args, forms[i].keys, err) && forms[i].parse(numa, use, m, err);
        }
    }
    return type ? error_set(err, "Parameter 'type' does not accept value '%s'%s", type, nearest_hint(&nearest))
                : error_set(err, "Parameter 'type' is missing");
}

/* CPUs that nobody placed: a socket a node if none was placed, else they stay without. */
static void place_the_rest(NumaConfig *numa, const Machine *m)
{
    unsigned unplaced = 0, a_socket = m->smp.dies * m->smp.modules * m->smp.cores * m->smp.threads;

    for (unsigned i = 0; i < m->smp.max_cpus; i++) {
        unplaced += numa->cpu_nodes[i] < 0;
    }
    for (unsigned i = 0; unplaced == m->smp.max_cpus && i < m->smp.max_cpus; i++) {
        put_cpu(numa, m, i, i / a_socket % numa->count, NULL);
    }
    if (unplaced && unplaced < m->smp.max_cpus) {
        warn_report("%u CPU(s) are not present in any NUMA node; all up to maxcpus should be", unplaced);
    }
}

/* Distances not told: the other way round if that one was, else the usual ones. All or none must follow from what was. */
static bool complete_distances(NumaConfig *numa, GError **err)
{
    for (unsigned i = 0; i < numa->count; i++) {
        for (unsigned j = 0; j < numa->count; j++) {
            uint8_t *d = &numa->nodes[i].distance[j], back = numa->nodes[j].distance[i];
            if (i == j) {
                *d = NUMA_LOCAL_DISTANCE;
            } else if (!*d && back) {
                *d = back;
            } else if (!*d) {
                return error_set(err, "The distance between node %u and %u is missing, at least one distance value between each nodes should be provided",
                                 i, j);
            }
        }
    }
    return true;
}

static bool complete(NumaConfig *numa, const Machine *m, GError **err)
{
    uint64_t total = 0;

    for (unsigned n = 0; n < numa->count; n++) {
        if (!numa->nodes[n].present) {
            return error_set(err, "numa: Node ID missing: %u", n);
        }
        total += numa->nodes[n].bytes;
    }
    if (total != m->ram_size) {
        return error_set(err, "total memory for NUMA nodes (0x%" PRIx64 ") should equal RAM size (0x%" PRIx64 ")", total, m->ram_size);
    }
    if (m->memory_backend_id) {
        return error_set(err, "'-machine memory-backend' and '-numa node,memdev' exclude each other");
    }
    if (numa->has_distances && !complete_distances(numa, err)) {
        return false;
    }
    for (unsigned n = 0; n < numa->count; n++) {
        NumaNode *node = &numa->nodes[n];
        if (m->hmat && node->has_cpu && node->initiator < 0) {
            node->initiator = n;
        }
        if (node->initiator >= 0 && (!numa->nodes[node->initiator].present || !numa->nodes[node->initiator].has_cpu)) {
            return error_set(err, "The initiator of NUMA node %u is invalid: node %d has no CPU", n, node->initiator);
        }
    }
    numa->hmat |= m->hmat;
    return true;
}

void numa_setup(const Config *c, Machine *m)
{
    GError *err = NULL;

    if (!c->numa->len) {
        return;
    }
    NumaConfig *numa = g_new0(NumaConfig, 1);
    numa->cpu_nodes = g_new(int, m->smp.max_cpus);
    for (unsigned i = 0; i < m->smp.max_cpus; i++) {
        numa->cpu_nodes[i] = -1;
    }
    for (unsigned n = 0; n < NUMA_MAX_NODES; n++) {
        numa->nodes[n].initiator = -1;
    }
    for (guint i = 0; i < c->numa->len; i++) {
        const OptionUse *use = c->numa->pdata[i];
        if (!parse_one(numa, use, m, &err)) {
            option_fail(use, err);
        }
    }
    place_the_rest(numa, m);
    if (!complete(numa, m, &err)) {
        error_fatal(err);
    }
    m->numa = numa;
}
