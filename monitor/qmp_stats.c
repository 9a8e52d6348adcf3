/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query-stats, query-stats-schemas: what KVM counts. No other provider is there. */
#include <string.h>

#include "accel/kvm/kvm.h"
#include "qapi-commands.h"

static bool kvm_counts(void) { return accel_is("kvm") && kvm_has(KVM_CAP_BINARY_STATS_FD); }

/* The names asked of KVM; NULL: all. False: KVM is not asked. */
static bool wanted_names(const StatsFilter *filter, const GPtrArray **names)
{
    *names = NULL;
    for (guint i = 0; filter->providers && i < filter->providers->len; i++) {
        const StatsRequest *r = filter->providers->pdata[i];
        if (r->provider == STATS_PROVIDER_KVM) {
            *names = r->names;
            return true;
        }
    }
    return !filter->providers;
}

static bool is_listed(const GPtrArray *list, const char *text)
{
    for (guint i = 0; list && i < list->len; i++) {
        if (!strcmp(list->pdata[i], text)) {
            return true;
        }
    }
    return !list;
}

static StatsValue *value_of(const KvmStat *s)
{
    StatsValue *v = g_new0(StatsValue, 1);
    uint64_t first = s->values->len ? g_array_index(s->values, uint64_t, 0) : 0;

    if (s->values->len > 1) {
        v->type = STATS_VALUE_LIST;
        v->u.list = g_array_ref(s->values);
    } else if ((s->flags & KVM_STATS_UNIT_MASK) == KVM_STATS_UNIT_BOOLEAN) {
        v->type = STATS_VALUE_BOOLEAN;
        v->u.boolean = first;
    } else {
        v->type = STATS_VALUE_SCALAR;
        v->u.scalar = first;
    }
    return v;
}

/* Adds what KVM has counted of @cpu (NULL: the machine). */
static bool add_result(GPtrArray *results, const Cpu *cpu, const GPtrArray *names, GError **err)
{
    g_autoptr(GArray) stats = kvm_stats(cpu, err);

    if (!stats) {
        return false;
    }
    StatsResult *r = g_new0(StatsResult, 1);
    r->provider = STATS_PROVIDER_KVM;
    r->qom_path = cpu ? object_path(&cpu->device.object) : NULL;
    r->stats = stats_list_new();
    for (guint i = stats->len; i-- > 0; ) {             /* last first, as QEMU lists them */
        const KvmStat *s = &g_array_index(stats, KvmStat, i);
        if (is_listed(names, s->name)) {
            Stats *one = g_new0(Stats, 1);
            one->name = g_strdup(s->name);
            one->value = value_of(s);
            g_ptr_array_add(r->stats, one);
        }
    }
    if (names && !r->stats->len) {
        stats_result_free(r);
    } else {
        g_ptr_array_add(results, r);
    }
    return true;
}

GPtrArray *qmp_query_stats(const StatsFilter *filter, GError **err)
{
    g_autoptr(GPtrArray) results = stats_result_list_new();
    const GPtrArray *names;
    Cpu *cpu;

    if (!kvm_counts() || !wanted_names(filter, &names)) {
        return g_steal_pointer(&results);
    }
    if (filter->target == STATS_TARGET_VM && !add_result(results, NULL, names, err)) {
        return NULL;
    }
    if (filter->target == STATS_TARGET_VCPU) {
        CPU_FOREACH(cpu) {
            g_autofree char *path = object_path(&cpu->device.object);
            if (is_listed(filter->u.vcpu.vcpus, path) &&
                !add_result(results, cpu, names, err)) {
                return NULL;
            }
        }
    }
    return g_steal_pointer(&results);
}

static StatsSchemaValue *describe(const KvmStat *s)
{
    static const StatsType types[] = {                  /* by KVM_STATS_TYPE_* */
        STATS_TYPE_CUMULATIVE, STATS_TYPE_INSTANT, STATS_TYPE_PEAK, STATS_TYPE_LINEAR_HISTOGRAM, STATS_TYPE_LOG2_HISTOGRAM
    };
    static const StatsUnit units[] = {                  /* by KVM_STATS_UNIT_*, from BYTES on */
        STATS_UNIT_BYTES, STATS_UNIT_SECONDS, STATS_UNIT_CYCLES, STATS_UNIT_BOOLEAN
    };
    unsigned type = (s->flags & KVM_STATS_TYPE_MASK) >> KVM_STATS_TYPE_SHIFT;
    unsigned unit = (s->flags & KVM_STATS_UNIT_MASK) >> KVM_STATS_UNIT_SHIFT;

    if (type >= G_N_ELEMENTS(types) || unit > G_N_ELEMENTS(units)) {
        return NULL;                                    /* of a newer kernel: there is no word for it */
    }
    StatsSchemaValue *v = g_new0(StatsSchemaValue, 1);
    v->name = g_strdup(s->name);
    v->type = types[type];
    v->has_unit = unit != 0;
    v->unit = unit ? units[unit - 1] : 0;
    v->exponent = s->exponent;
    v->has_base = s->exponent != 0;
    v->base = (s->flags & KVM_STATS_BASE_MASK) == KVM_STATS_BASE_POW2 ? 2 : 10;
    v->has_bucket_size = types[type] == STATS_TYPE_LINEAR_HISTOGRAM;
    v->bucket_size = s->bucket_bytes;
    return v;
}

static bool add_schema(GPtrArray *schemas, StatsTarget target, const Cpu *cpu, GError **err)
{
    g_autoptr(GArray) stats = kvm_stats(cpu, err);

    if (!stats) {
        return false;
    }
    StatsSchema *schema = g_new0(StatsSchema, 1);
    schema->provider = STATS_PROVIDER_KVM;
    schema->target = target;
    schema->stats = stats_schema_value_list_new();
    for (guint i = stats->len; i-- > 0; ) {
        StatsSchemaValue *v = describe(&g_array_index(stats, KvmStat, i));
        if (v) {
            g_ptr_array_add(schema->stats, v);
        }
    }
    g_ptr_array_add(schemas, schema);
    return true;
}

GPtrArray *qmp_query_stats_schemas(const QueryStatsSchemasArgs *args, GError **err)
{
    g_autoptr(GPtrArray) schemas = stats_schema_list_new();

    if (kvm_counts() && (!args->has_provider || args->provider == STATS_PROVIDER_KVM) &&
        (!add_schema(schemas, STATS_TARGET_VCPU, cpu_by_index(0), err) ||
         !add_schema(schemas, STATS_TARGET_VM, NULL, err))) {
        return NULL;
    }
    return g_steal_pointer(&schemas);
}
