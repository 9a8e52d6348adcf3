/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables about NUMA: SRAT (5.2.16: which CPU and which memory is in which domain), SLIT (5.2.17: distances), HMAT
 * (5.2.27: latencies, bandwidths, caches of memory). A domain's number is the node's.
 */
#include "hw/acpi/acpi_numa.h"

#include "hw/acpi/aml_internal.h"

#define LOW_MEMORY_END 0xa0000ull
#define MIB (1ull << 20)
#define FOUR_GIB (1ull << 32)
#define XAPIC_IDS 255                           /* from here on a CPU needs a record of the x2APIC kind */

static void zeros(GByteArray *o, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        aml_u8(o, 0);
    }
}

static void srat_cpu(GByteArray *o, uint32_t apic_id, uint32_t domain)
{
    if (apic_id < XAPIC_IDS) {
        aml_u8(o, 0);                           /* processor local APIC affinity */
        aml_u8(o, 16);
        aml_u8(o, domain);
        aml_u8(o, apic_id);
        aml_le(o, 1, 4);                        /* enabled */
        aml_u8(o, 0);
        aml_le(o, domain >> 8, 3);
        aml_le(o, 0, 4);                        /* clock domain */
        return;
    }
    aml_u8(o, 2);                               /* processor local x2APIC affinity */
    aml_u8(o, 24);
    zeros(o, 2);
    aml_le(o, domain, 4);
    aml_le(o, apic_id, 4);
    aml_le(o, 1, 4);
    zeros(o, 8);
}

static void srat_memory(GByteArray *o, uint32_t domain, uint64_t base, uint64_t bytes)
{
    if (!bytes) {
        return;
    }
    aml_u8(o, 1);                               /* memory affinity */
    aml_u8(o, 40);
    aml_le(o, domain, 4);
    zeros(o, 2);
    aml_le(o, base, 8);
    aml_le(o, bytes, 8);
    zeros(o, 4);
    aml_le(o, 1, 4);                            /* enabled */
    zeros(o, 8);
}

/* Part [@start, @end) of RAM, counted without holes, where the guest sees it. */
static void srat_ram(GByteArray *o, const AcpiMachine *m, uint32_t domain, uint64_t start, uint64_t end)
{
    uint64_t below = m->ram_below_4g;
    const struct { uint64_t from, to, shift; } parts[] = {
        { 0, MIN(LOW_MEMORY_END, below), 0 }, { MIN(MIB, below), below, 0 }, { below, UINT64_MAX, FOUR_GIB - below },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        uint64_t from = MAX(start, parts[i].from), to = MIN(end, parts[i].to);
        if (from < to) {
            srat_memory(o, domain, from + parts[i].shift, to - from);
        }
    }
}

void acpi_srat_body(GByteArray *o, const AcpiMachine *m)
{
    const NumaConfig *numa = m->numa;
    uint64_t at = 0;

    aml_le(o, 1, 4);                            /* reserved, and 1 for old guests */
    zeros(o, 8);
    for (unsigned i = 0; i < m->cpu_count; i++) {
        if (numa->cpu_nodes[i] >= 0) {
            srat_cpu(o, m->cpus[i].apic_id, numa->cpu_nodes[i]);
        }
    }
    for (unsigned n = 0; n < numa->count; n++) {
        srat_ram(o, m, n, at, at + numa->nodes[n].bytes);
        at += numa->nodes[n].bytes;
    }
}

void acpi_slit_body(GByteArray *o, const AcpiMachine *m)
{
    const NumaConfig *numa = m->numa;

    aml_le(o, numa->count, 8);
    for (unsigned i = 0; i < numa->count; i++) {
        for (unsigned j = 0; j < numa->count; j++) {
            aml_u8(o, numa->nodes[i].distance[j]);
        }
    }
}

/* ---- HMAT ---- */

static void hmat_domain(GByteArray *o, uint32_t domain, int initiator)
{
    aml_le(o, 0, 2);                            /* memory proximity domain attributes */
    zeros(o, 2);
    aml_le(o, 40, 4);
    aml_le(o, initiator >= 0, 2);               /* the initiator is told */
    zeros(o, 2);
    aml_le(o, initiator >= 0 ? initiator : 0, 4);
    aml_le(o, domain, 4);
    zeros(o, 4 + 8 + 8);
}

static bool is_latency(int type) { return type <= HMAT_WRITE_LATENCY; }

/* Entries have 16 bits: the base unit is the smallest power of ten with which the largest value fits. */
static uint64_t base_unit(const HmatMatrix *x, unsigned count)
{
    uint64_t largest = 0, base = 1;

    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = 0; j < count; j++) {
            largest = MAX(largest, x->value[i][j]);
        }
    }
    while (largest / base > 0xfffe) {
        base *= 10;
    }
    return base;
}

static void hmat_matrix(GByteArray *o, const NumaConfig *numa, int level, int type)
{
    HmatMatrix scaled = *numa->matrices[level][type];
    unsigned initiators = 0, count = numa->count;

    for (unsigned i = 0; i < count; i++) {
        initiators += numa->nodes[i].has_cpu;
        for (unsigned j = 0; j < count && !is_latency(type); j++) {
            scaled.value[i][j] /= MIB;          /* the table counts MB a second */
        }
    }
    uint64_t base = base_unit(&scaled, count);
    aml_le(o, 1, 2);                            /* system locality latency and bandwidth */
    zeros(o, 2);
    aml_le(o, 32 + 4 * initiators + 4 * count + 2 * initiators * count, 4);
    aml_u8(o, level);
    aml_u8(o, type);
    zeros(o, 2);
    aml_le(o, initiators, 4);
    aml_le(o, count, 4);
    zeros(o, 4);
    aml_le(o, is_latency(type) ? base * 1000 : base, 8);        /* latencies are picoseconds there */
    for (unsigned i = 0; i < count; i++) {
        if (numa->nodes[i].has_cpu) {
            aml_le(o, i, 4);
        }
    }
    for (unsigned j = 0; j < count; j++) {
        aml_le(o, j, 4);
    }
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = 0; j < count && numa->nodes[i].has_cpu; j++) {
            aml_le(o, scaled.value[i][j] / base, 2);
        }
    }
}

static void hmat_caches(GByteArray *o, uint32_t domain, const NumaNode *node)
{
    unsigned levels = 0;

    for (unsigned l = 0; l < HMAT_CACHES; l++) {
        levels += node->caches[l].bytes != 0;
    }
    for (unsigned l = 0; l < HMAT_CACHES; l++) {
        const HmatCache *c = &node->caches[l];
        if (!c->bytes) {
            continue;
        }
        aml_le(o, 2, 2);                        /* memory side cache information */
        zeros(o, 2);
        aml_le(o, 32, 4);
        aml_le(o, domain, 4);
        zeros(o, 4);
        aml_le(o, c->bytes, 8);
        aml_le(o, levels | (l + 1) << 4 | c->associativity << 8 | c->policy << 12 | (uint32_t)c->line_bytes << 16, 4);
        zeros(o, 4);
    }
}

void acpi_hmat_body(GByteArray *o, const AcpiMachine *m)
{
    const NumaConfig *numa = m->numa;

    zeros(o, 4);
    for (unsigned n = 0; n < numa->count; n++) {
        if (numa->nodes[n].bytes) {
            hmat_domain(o, n, numa->nodes[n].initiator);
        }
    }
    for (int level = 0; level < HMAT_LEVELS; level++) {
        for (int type = 0; type < HMAT_TYPES; type++) {
            if (numa->matrices[level][type]) {
                hmat_matrix(o, numa, level, type);
            }
        }
    }
    for (unsigned n = 0; n < numa->count; n++) {
        hmat_caches(o, n, &numa->nodes[n]);
    }
}
