/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID: leaves made from features, identity, topology, caches and the XSAVE components in force.
 *
 * Leaves that are plain feature words come from FEATURE_WORDS; a leaf beyond the highest one answers as the highest basic
 * leaf does (Intel's rule, which the models keep for all vendors). Cache descriptions are per model: rows below.
 * Spec: Intel SDM vol. 2 CPUID; AMD APM vol. 3 appendix E.
 */
#include "target/i386/native/native.h"
#include "target/i386/native/xstate.h"
#include "target/i386/system/cpu_models.h"
#include "target/i386/system/msr.h"

/* Caches. */

enum { CACHE_DATA = 1, CACHE_CODE = 2, CACHE_UNIFIED = 3 };
enum { CACHE_NO_INVD_SHARING = 1, CACHE_INCLUSIVE = 2, CACHE_COMPLEX = 4 };
typedef struct Cache {
    uint16_t ways;
    uint32_t sets;
    uint8_t flags;              /* CACHE_* of leaf 4 EDX */
    bool not_self_initializing;
    uint8_t lines_per_tag;      /* AMD leaves 80000005h, 80000006h; 0: 1 */
} Cache;
typedef struct Caches {
    Cache l1d, l1i, l2, l3;
    bool l2_of_module;          /* L2 is shared by the cores of a module, not private */
} Caches;
#define LINE_BYTES 64

static const Caches caches_intel = { { 8, 64, 1 }, { 8, 64, 1 }, { 16, 4096, 1 }, { 16, 16384, 6 } };
static const Caches caches_amd = { { 2, 512, 1 }, { 2, 512, 1 }, { 16, 512, 0, true }, { 16, 16384, 2 } };

/* Models that describe their own caches, by name and versions. */
static const struct { const char *name; unsigned first, last; Caches caches; } model_caches[] = {
    { "EPYC", 1, 4, { { 8, 64, 1 }, { 4, 256, 1 }, { 8, 1024, 0, true }, { 16, 8192, 6 } } },
    { "EPYC", 5, 99, { { 8, 64 }, { 4, 256 }, { 8, 1024, 2 }, { 16, 8192, 1 } } },
    { "EPYC-Rome", 1, 4, { { 8, 64, 1 }, { 8, 64, 1 }, { 8, 1024, 0, true }, { 16, 16384, 6 } } },
    { "EPYC-Rome", 5, 99, { { 8, 64 }, { 8, 64 }, { 8, 1024, 2 }, { 16, 16384, 1 } } },
    { "EPYC-Milan", 1, 2, { { 8, 64, 1 }, { 8, 64, 1 }, { 8, 1024, 0, true }, { 16, 32768, 6 } } },
    { "EPYC-Milan", 3, 99, { { 8, 64 }, { 8, 64 }, { 8, 1024, 2 }, { 16, 32768, 1 } } },
    { "EPYC-Genoa", 1, 1, { { 8, 64, 1 }, { 8, 64, 1 }, { 8, 2048, 0, true }, { 16, 32768, 6 } } },
    { "EPYC-Genoa", 2, 99, { { 8, 64 }, { 8, 64 }, { 8, 2048, 2 }, { 16, 32768, 1 } } },
    { "EPYC-Turin", 1, 99, { { 12, 64 }, { 8, 64 }, { 16, 1024, 2 }, { 16, 32768, 1 } } },
    { "Dhyana", 1, 99, { { 8, 64, 1 }, { 4, 256, 1 }, { 8, 1024, 0, true }, { 16, 8192, 6 } } },
    { "SapphireRapids", 4, 99, { { 12, 64 }, { 8, 64 }, { 16, 2048 }, { 15, 65536, 4 } } },
    { "GraniteRapids", 3, 99, { { 12, 64 }, { 16, 64 }, { 16, 2048 }, { 16, 294912, 4 } } },
    { "SierraForest", 3, 99, { { 8, 64 }, { 8, 128 }, { 16, 4096 }, { 12, 147456, 4 }, true } },
    { "ClearwaterForest", 3, 99, { { 8, 64 }, { 8, 128 }, { 16, 4096 }, { 16, 540672, 4 }, true } },
};

static const Caches *own_caches(const CpuModel *model)
{
    const char *dash = strrchr(model->model_name, '-');
    unsigned version = dash && dash[1] == 'v' ? strtoul(dash + 2, NULL, 10) : 0;

    for (size_t i = 0; version && i < G_N_ELEMENTS(model_caches); i++) {
        size_t len = strlen(model_caches[i].name);

        if (len == (size_t)(dash - model->model_name) && !strncmp(model->model_name, model_caches[i].name, len) &&
            version >= model_caches[i].first && version <= model_caches[i].last) {
            return &model_caches[i].caches;
        }
    }
    return NULL;
}

bool x86_cpu_is_intel(const CpuX86 *cpu) { return cpu->vendor && !strcmp(cpu->vendor, "GenuineIntel"); }
bool x86_cpu_is_amd(const CpuX86 *cpu)
{
    return cpu->vendor && (!strcmp(cpu->vendor, "AuthenticAMD") || !strcmp(cpu->vendor, "HygonGenuine"));
}
static bool is_authentic_amd(const CpuX86 *cpu) { return cpu->vendor && !strcmp(cpu->vendor, "AuthenticAMD"); }

bool x86_model_has_caches(const CpuModel *model) { return own_caches(model); }

static const Caches *caches_of(const CpuX86 *cpu)
{
    const Caches *own = cpu->legacy_cache || !cpu->model ? NULL : own_caches(cpu->model);

    return own ? own : is_authentic_amd(cpu) ? &caches_amd : &caches_intel;
}

/* Topology: widths of the fields of an APIC id. */

static unsigned field_bits(unsigned count) { return count > 1 ? 32 - __builtin_clz(count - 1) : 0; }
static unsigned thread_bits(const CpuX86 *cpu) { return field_bits(cpu->threads_per_core); }
static unsigned cores_per_die(const CpuX86 *cpu) { return MAX(cpu->cores_per_socket / MAX(cpu->dies_per_socket, 1), 1); }
static unsigned die_shift(const CpuX86 *cpu) { return thread_bits(cpu) + field_bits(cores_per_die(cpu)); }
static unsigned package_shift(const CpuX86 *cpu) { return die_shift(cpu) + field_bits(cpu->dies_per_socket); }
static unsigned logical_per_package(const CpuX86 *cpu) { return cpu->cores_per_socket * cpu->threads_per_core; }

static void leaf_1(const CpuX86 *cpu, uint32_t out[4])
{
    uint32_t family = MIN(cpu->family, 15), extended = cpu->family - family, logical = logical_per_package(cpu);

    out[0] = extended << 20 | (cpu->model_number >> 4) << 16 | family << 8 | (cpu->model_number & 15) << 4 | cpu->stepping;
    out[1] = cpu->apic_id << 24 | LINE_BYTES / 8 << 8;
    out[2] = cpu->features[FEATURE_WORD_1_ECX];
    out[3] = cpu->features[FEATURE_WORD_1_EDX];
    if (cpu->cr4 & CR4_OSXSAVE) {
        out[2] |= 1 << 27;
    }
    if (!(cpu->msr.apic_base & APIC_BASE_ENABLE)) {
        out[3] &= ~(1u << 9);
    }
    if (logical > 1) {
        out[1] |= MIN(logical, 255) << 16;
        out[3] |= 1 << 28;                      /* HTT */
    }
}

static void leaf_2(const CpuX86 *cpu, uint32_t out[4])
{
    if (is_authentic_amd(cpu)) {
        return;
    }
    out[0] = 1;
    if (cpu->cpuid_level >= 4) {
        out[3] = 0xff;                          /* see leaf 4 */
    } else {
        out[2] = 0x4d;                          /* L3 16 MiB */
        out[3] = 0x2c307d;                      /* L1D 32 KiB, L1I 32 KiB, L2 2 MiB */
    }
}

/* One cache as leaves 4 and 8000001Dh have it; @sharing: logical processors, a power of two. */
static void describe_cache(const Cache *c, unsigned type, unsigned level, unsigned sharing, uint32_t out[4])
{
    out[0] = type | level << 5 | (c->not_self_initializing ? 0 : 1 << 8) | (sharing - 1) << 14;
    out[1] = (LINE_BYTES - 1) | (c->ways - 1) << 22;
    out[2] = c->sets - 1;
    out[3] = c->flags;
}

/* False: no cache number @n. */
static bool cache_leaf(const CpuX86 *cpu, unsigned n, uint32_t out[4])
{
    const Caches *c = caches_of(cpu);
    unsigned core = 1u << thread_bits(cpu), die = 1u << die_shift(cpu);

    switch (n) {
    case 0: describe_cache(&c->l1d, CACHE_DATA, 1, core, out); return true;
    case 1: describe_cache(&c->l1i, CACHE_CODE, 1, core, out); return true;
    case 2: describe_cache(&c->l2, CACHE_UNIFIED, 2, c->l2_of_module ? die : core, out); return true;
    case 3:
        if (cpu->l3_cache) {
            describe_cache(&c->l3, CACHE_UNIFIED, 3, die, out);
            return true;
        }
    }
    return false;
}

static void leaf_4(const CpuX86 *cpu, unsigned n, uint32_t out[4])
{
    if (!is_authentic_amd(cpu) && cache_leaf(cpu, n, out)) {
        out[0] |= ((1u << (package_shift(cpu) - thread_bits(cpu))) - 1) << 26;
    }
}

static void leaf_7(const CpuX86 *cpu, unsigned n, uint32_t out[4])
{
    const uint32_t *f = cpu->features;

    switch (n) {
    case 0:
        out[0] = f[FEATURE_WORD_7_2_EDX] ? 2 : f[FEATURE_WORD_7_1_EAX] || f[FEATURE_WORD_7_1_ECX] || f[FEATURE_WORD_7_1_EDX] ? 1 : 0;
        out[1] = f[FEATURE_WORD_7_0_EBX];
        out[2] = f[FEATURE_WORD_7_0_ECX];
        out[3] = f[FEATURE_WORD_7_0_EDX];
        if (cpu_has(cpu, FEATURE_PKU) && cpu->cr4 & CR4_PKE) {
            out[2] |= 1 << 4;                   /* OSPKE */
        }
        break;
    case 1:
        out[0] = f[FEATURE_WORD_7_1_EAX];
        out[2] = f[FEATURE_WORD_7_1_ECX];
        out[3] = f[FEATURE_WORD_7_1_EDX];
        break;
    case 2:
        out[3] = f[FEATURE_WORD_7_2_EDX];
        break;
    }
}

/* 0Bh knows threads and cores; 1Fh dies as well. */
static void leaf_topology(const CpuX86 *cpu, bool dies, unsigned n, uint32_t out[4])
{
    enum { LEVEL_THREAD = 1, LEVEL_CORE = 2, LEVEL_DIE = 5 };
    unsigned last = dies && cpu->dies_per_socket > 1 ? 2 : 1;

    out[2] = n & 0xff;
    out[3] = cpu->apic_id;
    if (n == 0) {
        out[0] = thread_bits(cpu);
        out[1] = cpu->threads_per_core;
        out[2] |= LEVEL_THREAD << 8;
    } else if (n == 1) {
        out[0] = last == 1 ? package_shift(cpu) : die_shift(cpu);
        out[1] = last == 1 ? logical_per_package(cpu) : cores_per_die(cpu) * cpu->threads_per_core;
        out[2] |= LEVEL_CORE << 8;
    } else if (n == 2 && last == 2) {
        out[0] = package_shift(cpu);
        out[1] = logical_per_package(cpu);
        out[2] |= LEVEL_DIE << 8;
    }
}

/* XSAVE. */

uint64_t x86_cpu_xcr0_mask(const CpuX86 *cpu)
{
    uint64_t mask = 0;

    if (!cpu_has(cpu, FEATURE_XSAVE)) {
        return 0;
    }
    mask = 1 << XSTATE_X87 | 1 << XSTATE_SSE;
    if (cpu_has(cpu, FEATURE_AVX)) {
        mask |= 1 << XSTATE_AVX;
    }
    if (cpu_has(cpu, FEATURE_AVX512F)) {
        mask |= 1 << XSTATE_OPMASK | 1 << XSTATE_ZMM_HI256 | 1 << XSTATE_HI16_ZMM;
    }
    if (cpu_has(cpu, FEATURE_PKU)) {
        mask |= 1 << XSTATE_PKRU;
    }
    return mask;
}

uint64_t x86_cpu_xss_mask(const CpuX86 *cpu) { return 0; }

bool x86_cpu_xcr0_valid(const CpuX86 *cpu, uint64_t value)
{
    const uint64_t avx512 = 1 << XSTATE_OPMASK | 1 << XSTATE_ZMM_HI256 | 1 << XSTATE_HI16_ZMM;

    if (!(value & 1) || value & ~x86_cpu_xcr0_mask(cpu) || (value & 1 << XSTATE_AVX && !(value & 1 << XSTATE_SSE))) {
        return false;
    }
    return !(value & avx512) || ((value & avx512) == avx512 && value & 1 << XSTATE_AVX);
}

static void leaf_d(const CpuX86 *cpu, unsigned n, uint32_t out[4])
{
    uint64_t mask = x86_cpu_xcr0_mask(cpu);

    if (!mask) {
        return;
    }
    if (n == 0) {
        out[0] = (uint32_t)mask;
        out[1] = xstate_bytes(cpu->xcr0, false);
        out[2] = xstate_bytes(mask, false);
        out[3] = mask >> 32;
    } else if (n == 1) {
        out[0] = cpu->features[FEATURE_WORD_XSAVE];
        if (cpu_has(cpu, FEATURE_XSAVEC) || cpu_has(cpu, FEATURE_XSAVES)) {
            out[1] = xstate_bytes(cpu->xcr0 | cpu->msr.xss, true);
        }
        out[2] = (uint32_t)x86_cpu_xss_mask(cpu);
    } else if (n < XSTATE_COUNT && mask >> n & 1) {
        out[0] = xstate_components[n].bytes;
        out[1] = xstate_components[n].offset;
        out[2] = xstate_components[n].align64 ? 2 : 0;
    }
}

/* AMD's encoding of associativity in 80000006h. */
static unsigned associativity(unsigned ways)
{
    static const struct { uint8_t ways, code; } rows[] = {
        { 1, 1 }, { 2, 2 }, { 4, 4 }, { 8, 6 }, { 16, 8 }, { 32, 10 }, { 48, 11 }, { 64, 12 }, { 96, 13 }, { 128, 14 }
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].ways == ways) {
            return rows[i].code;
        }
    }
    return 9;                                   /* see 8000001Dh */
}

static uint32_t kib(const Cache *c) { return (uint64_t)c->ways * c->sets * LINE_BYTES / 1024; }
static uint32_t l1_word(const Cache *c) { return kib(c) << 24 | c->ways << 16 | 1 << 8 | LINE_BYTES; }

static void leaf_80000005(const CpuX86 *cpu, uint32_t out[4])
{
    const Caches *c = caches_of(cpu);

    if (x86_cpu_is_intel(cpu)) {
        return;
    }
    out[0] = out[1] = 0x01ff01ff;               /* L1 TLBs: fully associative, 255 entries */
    out[2] = l1_word(&c->l1d);
    out[3] = l1_word(&c->l1i);
}

static void leaf_80000006(const CpuX86 *cpu, uint32_t out[4])
{
    const Caches *c = caches_of(cpu);
    bool amd = x86_cpu_is_amd(cpu);

    if (amd) {
        out[1] = 0x42004200;                    /* L2 TLBs: 512 entries, 4-way */
        if (cpu->l3_cache) {
            out[3] = kib(&c->l3) / 512 << 18 | associativity(c->l3.ways) << 12 | 1 << 8 | LINE_BYTES;
        }
    }
    out[2] = kib(&c->l2) << 16 | associativity(c->l2.ways) << 12 | (amd ? 1 << 8 : 0) | LINE_BYTES;
}

static void leaf_80000008(const CpuX86 *cpu, uint32_t out[4])
{
    unsigned linear = cpu_has(cpu, FEATURE_LA57) ? 57 : 48, logical = logical_per_package(cpu);

    out[0] = cpu->phys_bits | (cpu_has(cpu, FEATURE_LM) ? linear << 8 : 0);
    out[1] = cpu->features[FEATURE_WORD_8000_0008_EBX];
    if (logical > 1 && x86_cpu_is_amd(cpu)) {
        out[2] = package_shift(cpu) << 12 | (logical - 1);
    }
}

static void leaf_8000001e(const CpuX86 *cpu, uint32_t out[4])
{
    uint32_t core = (cpu->apic_id & ((1u << package_shift(cpu)) - 1)) >> thread_bits(cpu);

    if (!x86_cpu_is_amd(cpu)) {
        return;
    }
    out[0] = cpu->apic_id;
    out[1] = (core & 0xff) | (cpu->threads_per_core - 1) << 8;
    out[2] = (cpu->apic_id >> die_shift(cpu) & 0xff) | (cpu->dies_per_socket - 1) << 8;
}

static void brand(const CpuX86 *cpu, unsigned part, uint32_t out[4])
{
    char text[49] = { 0 };

    g_strlcpy(text, cpu->model_id ? cpu->model_id : "", sizeof text);
    memcpy(out, text + 16 * part, 16);
}

static void vendor(const char *text, uint32_t out[4])
{
    char padded[13] = { 0 };

    g_strlcpy(padded, text ? text : "", sizeof padded);
    memcpy(&out[1], padded, 4);
    memcpy(&out[3], padded + 4, 4);
    memcpy(&out[2], padded + 8, 4);
}

static void hypervisor_leaf(const CpuX86 *cpu, uint32_t leaf, uint32_t out[4])
{
    if (leaf == 0x40000000 && cpu->tcg_cpuid) {
        out[0] = 0x40000001;
        memcpy(&out[1], "TCGTCGTCGTCG", 12);
    }
}

/* Leaves that are feature words and nothing else. */
static void feature_leaf(const CpuX86 *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    static const struct { uint32_t leaf; int16_t subleaf; uint8_t reg, word; bool cpuid; } words[] = {
#define WORD_KIND_CPUID true
#define WORD_KIND_MSR false
#define X(word_, kind, leaf_, subleaf_, reg_) { leaf_, subleaf_, reg_, FEATURE_WORD_##word_, WORD_KIND_##kind },
        FEATURE_WORDS(X)
#undef X
    };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (words[i].cpuid && words[i].leaf == leaf && (words[i].subleaf < 0 || (uint32_t)words[i].subleaf == subleaf)) {
            out[words[i].reg] = cpu->features[words[i].word];
        }
    }
}

void cpu_cpuid(CpuX86 *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    bool centaur = leaf >= 0xc0000000 && cpu->vendor && !strcmp(cpu->vendor, "CentaurHauls");

    out[0] = out[1] = out[2] = out[3] = 0;
    if (leaf >= 0x40000000 && leaf <= 0x40000001 && cpu_has(cpu, FEATURE_HYPERVISOR)) {
        hypervisor_leaf(cpu, leaf, out);
        return;
    }
    if (leaf >= 0x80000000 ? leaf > cpu->cpuid_xlevel && !(centaur && leaf <= 0xc0000001) : leaf > cpu->cpuid_level) {
        leaf = cpu->cpuid_level;
    }
    switch (leaf) {
    case 0:
        out[0] = cpu->cpuid_level;
        vendor(cpu->vendor, out);
        break;
    case 1: leaf_1(cpu, out); break;
    case 2: leaf_2(cpu, out); break;
    case 4: leaf_4(cpu, subleaf, out); break;
    case 5: out[2] = 3; break;                  /* MWAIT: extensions listed, interrupts break even if masked */
    case 7: leaf_7(cpu, subleaf, out); break;
    case 0xb:
        if (cpu->cpuid_0xb) {
            leaf_topology(cpu, false, subleaf, out);
        }
        break;
    case 0xd: leaf_d(cpu, subleaf, out); break;
    case 0x1f: leaf_topology(cpu, true, subleaf, out); break;
    case 0x80000000:
        out[0] = cpu->cpuid_xlevel;
        if (!x86_cpu_is_intel(cpu)) {
            vendor(cpu->vendor, out);
        }
        break;
    case 0x80000001:
        leaf_1(cpu, out);
        out[1] = 0;
        out[2] = cpu->features[FEATURE_WORD_8000_0001_ECX];
        out[3] = cpu->features[FEATURE_WORD_8000_0001_EDX];
        if (x86_cpu_is_intel(cpu) && !(cpu->mode_flags & MODE_CS64)) {
            out[3] &= ~(1u << FEATURE_SYSCALL % 32);    /* Intel has SYSCALL in 64-bit mode only */
        }
        if (is_authentic_amd(cpu)) {            /* AMD repeats these of leaf 1 here */
            out[3] |= cpu->features[FEATURE_WORD_1_EDX] & 0x0183f3ff;
            if (logical_per_package(cpu) > 1) {
                out[2] |= 1 << 1;               /* CMP_LEGACY */
            }
        }
        break;
    case 0x80000002 ... 0x80000004: brand(cpu, leaf - 0x80000002, out); break;
    case 0x80000005: leaf_80000005(cpu, out); break;
    case 0x80000006: leaf_80000006(cpu, out); break;
    case 0x80000008: leaf_80000008(cpu, out); break;
    case 0x8000000a:
        if (cpu_has(cpu, FEATURE_SVM)) {
            out[0] = 1;                         /* SVM revision; address space identifiers */
            out[1] = 16;
            out[3] = cpu->features[FEATURE_WORD_SVM];
        }
        break;
    case 0x8000001d:
        if (x86_cpu_is_amd(cpu) && cache_leaf(cpu, subleaf, out)) {
            out[3] &= 3;
        }
        break;
    case 0x8000001e: leaf_8000001e(cpu, out); break;
    case 0xc0000000: out[0] = 0xc0000001; break;
    case 0xc0000001:
        leaf_1(cpu, out);
        out[1] = out[2] = 0;
        out[3] = cpu->features[FEATURE_WORD_C000_0001_EDX];
        break;
    default: feature_leaf(cpu, leaf, subleaf, out); break;
    }
}
