/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID: leaf by leaf from features, identity, topology and caches.
 *
 * Words of `features` go out as they are (cpu_models.c, cpu.c have settled them); this file adds what is not a feature bit:
 * identity, sizes, topology, XSAVE layout, and the two bits that follow the vCPU's state (OSXSAVE, OSPKE, APIC).
 * A leaf beyond the highest basic one answers as the highest does on Intel, as zero on AMD.
 * Spec: Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E.
 */
#include <string.h>

#include "target/i386/native/native.h"
#include "target/i386/native/xstate.h"
#include "target/i386/system/cpu_models.h"
#include "target/i386/system/system.h"

enum { EAX, EBX, ECX, EDX };

/* Caches of the model PC, the same for all models. */
typedef struct CacheInfo { uint8_t level, type; uint16_t line, ways; uint32_t sets; uint16_t lines_per_tag; } CacheInfo;
enum { CACHE_NONE, CACHE_DATA, CACHE_CODE, CACHE_UNIFIED };
static const CacheInfo caches[] = {
    { 1, CACHE_DATA, 64, 8, 64, 1 },            /* 32 KiB */
    { 1, CACHE_CODE, 64, 8, 64, 1 },            /* 32 KiB */
    { 2, CACHE_UNIFIED, 64, 16, 512, 1 },       /* 512 KiB */
    { 3, CACHE_UNIFIED, 64, 16, 16384, 1 },     /* 16 MiB */
};

static uint32_t cache_kib(const CacheInfo *c)
{
    return c->line * c->ways * c->sets / 1024;
}

bool x86_cpu_is_amd(const CpuX86 *cpu)
{
    return !strcmp(cpu->vendor, "AuthenticAMD") || !strcmp(cpu->vendor, "HygonGenuine");
}

static bool is_intel_like(const CpuX86 *cpu)
{
    return !x86_cpu_is_amd(cpu);
}

uint64_t x86_cpu_xss_mask(const CpuX86 *cpu)
{
    return 0;                                   /* no supervisor components yet */
}

uint64_t x86_cpu_xcr0_mask(const CpuX86 *cpu)
{
    uint64_t mask = 0;
    if (!cpu_has(cpu, FEATURE_XSAVE)) {
        return 0;
    }
    mask = 1 << XSTATE_X87 | 1 << XSTATE_SSE;
    mask |= cpu_has(cpu, FEATURE_AVX) ? 1 << XSTATE_AVX : 0;
    mask |= cpu_has(cpu, FEATURE_AVX512F) ? 1 << XSTATE_OPMASK | 1 << XSTATE_ZMM_HI256 | 1 << XSTATE_HI16_ZMM : 0;
    mask |= cpu_has(cpu, FEATURE_PKU) ? 1ull << XSTATE_PKRU : 0;
    return mask;
}

/* Topology. */

static unsigned id_bits(unsigned count)
{
    return count > 1 ? 32 - __builtin_clz(count - 1) : 0;
}

static unsigned threads_per_package(const CpuX86 *cpu)
{
    return cpu->threads_per_core * cpu->cores_per_socket;
}

static unsigned core_shift(const CpuX86 *cpu)
{
    return id_bits(cpu->threads_per_core);
}

static unsigned package_shift(const CpuX86 *cpu)
{
    return core_shift(cpu) + id_bits(cpu->cores_per_socket / cpu->dies_per_socket) + id_bits(cpu->dies_per_socket);
}

static void put_string(uint32_t out[4], const char *text, unsigned at)
{
    char bytes[16] = { 0 };
    size_t len = strlen(text);
    if (at < len) {
        memcpy(bytes, text + at, MIN(len - at, sizeof bytes));
    }
    memcpy(out, bytes, sizeof bytes);
}

static uint32_t signature(const CpuX86 *cpu)
{
    uint32_t family = cpu->family > 0xf ? 0xf00 | (cpu->family - 0xf) << 20 : cpu->family << 8;
    return family | (cpu->model_number & 0xf) << 4 | (cpu->model_number >> 4) << 16 | cpu->stepping;
}

/* Vendor strings stand in EBX, EDX, ECX. */
static void put_vendor(const CpuX86 *cpu, uint32_t out[4])
{
    uint32_t words[4];
    put_string(words, cpu->vendor, 0);
    out[EBX] = words[0];
    out[EDX] = words[1];
    out[ECX] = words[2];
}

static void leaf_1(const CpuX86 *cpu, uint32_t out[4])
{
    unsigned threads = threads_per_package(cpu);
    out[EAX] = signature(cpu);
    out[EBX] = cpu->apic_id << 24 | (threads > 1 ? MIN(threads, 255) << 16 : 0) | (cpu_has(cpu, FEATURE_CLFLUSH) ? 8 << 8 : 0);
    out[ECX] = cpu->features[FEATURE_WORD_1_ECX];
    out[EDX] = cpu->features[FEATURE_WORD_1_EDX];
    if (cpu_has(cpu, FEATURE_XSAVE) && cpu->cr4 & CR4_OSXSAVE) {
        out[ECX] |= 1u << 27;
    }
    if (!(cpu->msr.apic_base & 1 << 11)) {
        out[EDX] &= ~(1u << FEATURE_APIC % 32);
    }
}

/* Descriptor bytes of the caches above; FFh: see leaf 4. */
static void leaf_2(uint32_t out[4])
{
    out[EAX] = 0x00feff01;
}

static void leaf_4(const CpuX86 *cpu, uint32_t subleaf, uint32_t out[4])
{
    if (subleaf >= G_N_ELEMENTS(caches) || (caches[subleaf].level == 3 && !cpu->l3_cache)) {
        return;
    }
    const CacheInfo *c = &caches[subleaf];
    unsigned sharing = c->level == 3 ? 1u << package_shift(cpu) : 1u << core_shift(cpu);
    unsigned cores = 1u << (package_shift(cpu) - core_shift(cpu));
    out[EAX] = c->type | c->level << 5 | 1 << 8 | (sharing - 1) << 14 | (MIN(cores, 64) - 1) << 26;
    out[EBX] = (c->line - 1) | (c->ways - 1) << 22;
    out[ECX] = c->sets - 1;
    out[EDX] = c->level == 3 ? 1 << 1 | 1 << 2 : 0;     /* inclusive, complex indexing */
}

static void leaf_7(const CpuX86 *cpu, uint32_t subleaf, uint32_t out[4])
{
    switch (subleaf) {
    case 0:
        out[EAX] = cpu->features[FEATURE_WORD_7_2_EDX] ? 2 : cpu->features[FEATURE_WORD_7_1_EAX] ||
                   cpu->features[FEATURE_WORD_7_1_ECX] || cpu->features[FEATURE_WORD_7_1_EDX] ? 1 : 0;
        out[EBX] = cpu->features[FEATURE_WORD_7_0_EBX];
        out[ECX] = cpu->features[FEATURE_WORD_7_0_ECX];
        out[EDX] = cpu->features[FEATURE_WORD_7_0_EDX];
        if (cpu_has(cpu, FEATURE_PKU) && cpu->cr4 & CR4_PKE) {
            out[ECX] |= 1u << 4;                /* OSPKE */
        }
        break;
    case 1:
        out[EAX] = cpu->features[FEATURE_WORD_7_1_EAX];
        out[ECX] = cpu->features[FEATURE_WORD_7_1_ECX];
        out[EDX] = cpu->features[FEATURE_WORD_7_1_EDX];
        break;
    case 2:
        out[EDX] = cpu->features[FEATURE_WORD_7_2_EDX];
        break;
    }
}

/* Extended topology: threads, cores, and in leaf 1Fh dies. */
static void leaf_topology(const CpuX86 *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    enum { LEVEL_NONE, LEVEL_SMT, LEVEL_CORE, LEVEL_DIE = 5 };
    unsigned dies = cpu->dies_per_socket, cores_per_die = cpu->cores_per_socket / dies;
    unsigned die_shift = core_shift(cpu) + id_bits(cores_per_die);
    const struct { unsigned shift, count, type; } levels[] = {
        { core_shift(cpu), cpu->threads_per_core, LEVEL_SMT },
        { leaf == 0xb ? package_shift(cpu) : die_shift, leaf == 0xb ? threads_per_package(cpu) : cores_per_die * cpu->threads_per_core, LEVEL_CORE },
        { package_shift(cpu), threads_per_package(cpu), LEVEL_DIE },
    };
    unsigned count = leaf == 0x1f && dies > 1 ? 3 : 2;
    if (leaf == 0xb && !cpu->cpuid_0xb) {
        return;
    }
    out[ECX] = subleaf & 0xff;
    out[EDX] = cpu->apic_id;
    if (subleaf < count) {
        out[EAX] = levels[subleaf].shift;
        out[EBX] = levels[subleaf].count;
        out[ECX] |= levels[subleaf].type << 8;
    }
}

static void leaf_d(const CpuX86 *cpu, uint32_t subleaf, uint32_t out[4])
{
    uint64_t all = x86_cpu_xcr0_mask(cpu);
    if (!all) {
        return;
    }
    if (subleaf == 0) {
        out[EAX] = all;
        out[EBX] = xstate_bytes(cpu->xcr0, false);
        out[ECX] = xstate_bytes(all, false);
        out[EDX] = all >> 32;
    } else if (subleaf == 1) {
        out[EAX] = cpu->features[FEATURE_WORD_XSAVE];
        out[EBX] = cpu_has(cpu, FEATURE_XSAVES) || cpu_has(cpu, FEATURE_XSAVEC) ? xstate_bytes(cpu->xcr0 | cpu->msr.xss, true) : 0;
        out[ECX] = x86_cpu_xss_mask(cpu);
    } else if (subleaf < XSTATE_COUNT && all >> subleaf & 1) {
        out[EAX] = xstate_components[subleaf].bytes;
        out[EBX] = xstate_components[subleaf].offset;
        out[ECX] = xstate_components[subleaf].align64 ? 2 : 0;
    }
}

static void hypervisor_leaf(const CpuX86 *cpu, uint32_t leaf, uint32_t out[4])
{
    if (leaf == 0x40000000 && cpu->tcg_cpuid && cpu_has(cpu, FEATURE_HYPERVISOR)) {
        uint32_t words[4];
        put_string(words, "TCGTCGTCGTCG", 0);
        out[EAX] = 0x40000001;
        out[EBX] = words[0];
        out[ECX] = words[1];
        out[EDX] = words[2];
    }
}

static const CacheInfo *cache_find(unsigned level, unsigned type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(caches); i++) {
        if (caches[i].level == level && caches[i].type == type) {
            return &caches[i];
        }
    }
    g_assert_not_reached();
}

/* AMD's encoding of associativity in leaf 80000006h. */
static unsigned amd_ways(unsigned ways)
{
    return ways == 1 ? 1 : ways == 2 ? 2 : ways == 4 ? 4 : ways == 8 ? 6 : ways == 16 ? 8 : ways == 32 ? 0xa : 0xf;
}

static uint32_t amd_l1(const CacheInfo *c)
{
    return cache_kib(c) << 24 | c->ways << 16 | c->lines_per_tag << 8 | c->line;
}

static void leaf_8000001d(const CpuX86 *cpu, uint32_t subleaf, uint32_t out[4])
{
    if (!cpu_has(cpu, FEATURE_TOPOEXT)) {
        return;
    }
    leaf_4(cpu, subleaf, out);
    out[EAX] &= 0x03ffffff;                     /* the number of cores is Intel's */
}

static void extended_leaf(const CpuX86 *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    unsigned threads = threads_per_package(cpu);
    switch (leaf) {
    case 0x80000000:
        out[EAX] = cpu->cpuid_xlevel;
        put_vendor(cpu, out);
        break;
    case 0x80000001:
        out[EAX] = signature(cpu);
        out[ECX] = cpu->features[FEATURE_WORD_8000_0001_ECX];
        out[EDX] = cpu->features[FEATURE_WORD_8000_0001_EDX];
        if (x86_cpu_is_amd(cpu)) {              /* AMD repeats leaf 1's common bits */
            out[EDX] |= cpu->features[FEATURE_WORD_1_EDX] & 0x0183f3ff;
            if (threads > 1) {
                out[ECX] |= 1u << FEATURE_CMP_LEGACY % 32;
            }
        } else if (!(cpu->mode_flags & MODE_CS64)) {
            out[EDX] &= ~(1u << FEATURE_SYSCALL % 32);  /* Intel has SYSCALL in 64-bit mode only */
        }
        break;
    case 0x80000002 ... 0x80000004:
        put_string(out, cpu->model_id, (leaf - 0x80000002) * 16);
        break;
    case 0x80000005:
        if (x86_cpu_is_amd(cpu)) {
            out[EAX] = out[EBX] = 0x01ff01ff;   /* TLBs: 255 entries */
            out[ECX] = amd_l1(cache_find(1, CACHE_DATA));
            out[EDX] = amd_l1(cache_find(1, CACHE_CODE));
        }
        break;
    case 0x80000006: {
        const CacheInfo *l2 = cache_find(2, CACHE_UNIFIED), *l3 = cache_find(3, CACHE_UNIFIED);
        out[EBX] = x86_cpu_is_amd(cpu) ? 0x42004200 : 0;
        out[ECX] = cache_kib(l2) << 16 | amd_ways(l2->ways) << 12 | l2->lines_per_tag << 8 | l2->line;
        if (cpu->l3_cache && x86_cpu_is_amd(cpu)) {
            out[EDX] = cache_kib(l3) / 512 << 18 | amd_ways(l3->ways) << 12 | l3->lines_per_tag << 8 | l3->line;
        }
        break;
    }
    case 0x80000007:
        out[EBX] = cpu->features[FEATURE_WORD_8000_0007_EBX];
        out[EDX] = cpu->features[FEATURE_WORD_8000_0007_EDX];
        break;
    case 0x80000008:
        out[EAX] = cpu->phys_bits | (cpu_has(cpu, FEATURE_LM) ? (cpu_has(cpu, FEATURE_LA57) ? 57 : 48) << 8 : 32 << 8);
        out[EBX] = cpu->features[FEATURE_WORD_8000_0008_EBX];
        if (x86_cpu_is_amd(cpu) && threads > 1) {
            out[ECX] = package_shift(cpu) << 12 | (threads - 1);
        }
        break;
    case 0x8000000a:
        if (cpu_has(cpu, FEATURE_SVM)) {
            out[EAX] = 1;
            out[EBX] = 16;
            out[EDX] = cpu->features[FEATURE_WORD_SVM];
        }
        break;
    case 0x8000001d:
        leaf_8000001d(cpu, subleaf, out);
        break;
    case 0x8000001e:
        if (cpu_has(cpu, FEATURE_TOPOEXT)) {
            out[EAX] = cpu->apic_id;
            out[EBX] = cpu->core_id | (cpu->threads_per_core - 1) << 8;
            out[ECX] = cpu->die_id > 0 ? cpu->die_id : 0;
        }
        break;
    case 0x80000021:
        out[EAX] = cpu->features[FEATURE_WORD_8000_0021_EAX];
        out[ECX] = cpu->features[FEATURE_WORD_8000_0021_ECX];
        break;
    case 0x80000022:
        out[EAX] = cpu->features[FEATURE_WORD_8000_0022_EAX];
        break;
    }
}

static void basic_leaf(const CpuX86 *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    switch (leaf) {
    case 0:
        out[EAX] = cpu->cpuid_level;
        put_vendor(cpu, out);
        break;
    case 1:
        leaf_1(cpu, out);
        break;
    case 2:
        if (is_intel_like(cpu)) {
            leaf_2(out);
        }
        break;
    case 4:
        if (is_intel_like(cpu)) {
            leaf_4(cpu, subleaf, out);
        }
        break;
    case 5:                                     /* MONITOR line size; MWAIT takes interrupts as break events */
        if (cpu_has(cpu, FEATURE_MONITOR)) {
            out[EAX] = out[EBX] = 64;
            out[ECX] = 3;
        }
        break;
    case 6:
        out[EAX] = cpu->features[FEATURE_WORD_6_EAX];
        break;
    case 7:
        leaf_7(cpu, subleaf, out);
        break;
    case 0xb:
    case 0x1f:
        leaf_topology(cpu, leaf, subleaf, out);
        break;
    case 0xd:
        leaf_d(cpu, subleaf, out);
        break;
    }
}

void cpu_cpuid(CpuX86 *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    memset(out, 0, 4 * sizeof *out);
    if (leaf >= 0x80000000 && leaf <= cpu->cpuid_xlevel) {
        extended_leaf(cpu, leaf, subleaf, out);
    } else if (leaf >= 0x40000000 && leaf < 0x40000100) {
        hypervisor_leaf(cpu, leaf, out);
    } else if (leaf <= cpu->cpuid_level) {
        basic_leaf(cpu, leaf, subleaf, out);
    } else if (is_intel_like(cpu)) {
        basic_leaf(cpu, cpu->cpuid_level, subleaf, out);
    }
}
