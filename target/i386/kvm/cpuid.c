/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host can give, and what CPUID shows.
 *
 *   KVM_GET_SUPPORTED_CPUID, feature MSRs -> kvm_supported_features(): words, by which models are filtered (cpu.c)
 *   cpu_cpuid(): the same leaves as under TCG -> kvm_set_cpuid(): entries for the kernel, with the host's own numbers
 * where the hardware decides: where state components lie, performance counters
 *
 * The kernel itself keeps the bits that follow control registers (OSXSAVE, OSPKE, sizes by XCR0) up to date.
 */
#include <cpuid.h>
#include <errno.h>
#include <asm/kvm_para.h>
#include <string.h>

#include "core/error.h"
#include "target/i386/kvm/hyperv.h"
#include "target/i386/kvm/kvm_x86.h"
#include "target/i386/native/xstate.h"
#include "target/i386/system/cpu_models.h"

#define ENTRIES_MAX 256

static const struct kvm_cpuid2 *host_entries(void)
{
    static struct kvm_cpuid2 *table;

    for (unsigned count = 100; !table; count *= 2) {
        table = g_malloc0(sizeof *table + count * sizeof table->entries[0]);
        table->nent = count;
        int ret = kvm_system_ioctl(KVM_GET_SUPPORTED_CPUID, table);
        if (ret == -E2BIG && count < 10000) {
            g_clear_pointer(&table, g_free);
        } else if (ret < 0) {
            table->nent = 0;
        }
    }
    return table;
}

void kvm_host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    const struct kvm_cpuid2 *table = host_entries();

    memset(out, 0, 4 * sizeof *out);
    for (unsigned i = 0; i < table->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &table->entries[i];

        if (e->function == leaf && (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == subleaf)) {
            memcpy(out, (uint32_t[]){ e->eax, e->ebx, e->ecx, e->edx }, 4 * sizeof *out);
            return;
        }
    }
}

void kvm_processor_cpuid(uint32_t leaf, uint32_t out[4]) { __cpuid_count(leaf, 0, out[0], out[1], out[2], out[3]); }

static uint64_t host_feature_msr(uint32_t index)
{
    struct {
        struct kvm_msrs info;
        struct kvm_msr_entry entry;
    } one = { .info = { .nmsrs = 1 }, .entry = { .index = index } };

    return kvm_has(KVM_CAP_GET_MSR_FEATURES) && kvm_system_ioctl(KVM_GET_MSRS, &one) == 1 ? one.entry.data : 0;
}

/* Bits that the kernel gives, but its list does not show, or the other way round; @when NULL: always. */
static bool apic_there(void) { return kvm_x86_apic_in_kernel(); }
static bool apic_missing(void) { return !kvm_x86_apic_in_kernel(); }
static bool deadline_there(void) { return kvm_x86_apic_in_kernel() && kvm_has(KVM_CAP_TSC_DEADLINE_TIMER); }
static bool deadline_missing(void) { return !deadline_there(); }
static bool never(void) { return true; }

static const struct { uint16_t feature; bool give; bool (*when)(void);
} corrections[] = {
    { FEATURE_HYPERVISOR, true, NULL },
    { FEATURE_HT, true, NULL },
    { FEATURE_MTRR, true, NULL },
    { FEATURE_PAT, true, NULL },
    { FEATURE_MCE, true, NULL },
    { FEATURE_MCA, true, NULL },
    { FEATURE_ARAT, true, NULL },
    { FEATURE_X2APIC, true, apic_there },
    { FEATURE_X2APIC, false, apic_missing },
    { FEATURE_TSC_DEADLINE, true, deadline_there },
    { FEATURE_TSC_DEADLINE, false, deadline_missing },
    { FEATURE_KVM_PV_UNHALT, false, apic_missing },
    { FEATURE_KVM_PV_EOI, false, apic_missing },
    { FEATURE_KVM_PV_IPI, false, apic_missing },
    { FEATURE_KVM_ASYNCPF_INT, false, apic_missing },
    { FEATURE_KVM_ASYNCPF, false, apic_missing },
    { FEATURE_KVM_MSI_EXT_DEST_ID, true, apic_there },
    { FEATURE_KVM_HINT_DEDICATED, true, NULL },
    /* Their state has no place in CpuX86 (and would be lost on a reset or in migration). */
    { FEATURE_MPX, false, never },
    { FEATURE_INTEL_PT, false, never },
    { FEATURE_CET_IBT, false, never },
    { FEATURE_AMX_TILE, false, never },
    { FEATURE_AMX_BF16, false, never },
    { FEATURE_AMX_INT8, false, never },
    { FEATURE_AMX_FP16, false, never },
    { FEATURE_AMX_COMPLEX, false, never },
    { FEATURE_XFD, false, never },
    { FEATURE_CET_SS, false, never },
};

/* Controls of nested VMX: the high half says what may be set, the low half what must be. */
static bool is_vmx_control(uint32_t index)
{
    return index == 0x48b || (index >= 0x48d && index <= 0x490);
}

void kvm_supported_features(uint32_t words[FEATURE_WORD_COUNT])
{
    static const struct { uint32_t index; int16_t subleaf; uint8_t reg, word; bool cpuid; } rows[] = {
#define WORD_KIND_CPUID true
#define WORD_KIND_MSR false
#define X(word_, kind, leaf_, subleaf_, reg_) { leaf_, subleaf_, reg_, FEATURE_WORD_##word_, WORD_KIND_##kind },
        FEATURE_WORDS(X)
#undef X
    };

    memset(words, 0, FEATURE_WORD_COUNT * sizeof *words);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint32_t out[4];

        if (rows[i].cpuid) {
            kvm_host_cpuid(rows[i].index, MAX(rows[i].subleaf, 0), out);
            words[rows[i].word] = out[rows[i].reg];
        } else {
            uint64_t value = host_feature_msr(rows[i].index);

            words[rows[i].word] = is_vmx_control(rows[i].index) ? value >> 32 & ~value : value >> (32 * rows[i].reg);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(corrections); i++) {
        uint32_t *word = &words[corrections[i].feature / 32], bit = 1u << corrections[i].feature % 32;

        if (!corrections[i].when || corrections[i].when()) {
            *word = corrections[i].give ? *word | bit : *word & ~bit;
        }
    }
}

uint32_t kvm_can_give(unsigned feature)
{
    uint32_t words[FEATURE_WORD_COUNT];

    kvm_supported_features(words);
    return words[feature / 32] & 1u << feature % 32;
}

/* CPUID for the guest. */

static void add(struct kvm_cpuid2 *table, uint32_t leaf, int subleaf, const uint32_t v[4])
{
    if (!(v[0] | v[1] | v[2] | v[3])) {
        return;                                 /* what the kernel answers by itself */
    }
    g_assert(table->nent < ENTRIES_MAX);
    table->entries[table->nent++] = (struct kvm_cpuid_entry2){
        .function = leaf, .index = MAX(subleaf, 0), .flags = subleaf >= 0 ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
        .eax = v[0], .ebx = v[1], .ecx = v[2], .edx = v[3],
    };
}

/* How many subleaves: by the leaf itself. */
static bool more_subleaves(uint32_t leaf, unsigned next, const uint32_t first[4], const uint32_t last[4])
{
    switch (leaf) {
    case 4: case 0x8000001d:
        return last[0] & 0x1f;
    case 7: case 0x14: case 0x24:
        return next <= first[0];
    case 0xb: case 0x1f:
        return last[2] >> 8 & 0xff;
    case 0xd:
        return next < 64;
    case 0x12: case 0x1e:
        return next < 3;
    default:
        return false;
    }
}

static bool has_subleaves(uint32_t leaf)
{
    return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd || leaf == 0x12 || leaf == 0x14 || leaf == 0x1e ||
           leaf == 0x1f || leaf == 0x24 || leaf == 0x8000001d;
}

/* The processor stores state components where its own leaf 0Dh says. */
static void place_component(const CpuX86 *cpu, unsigned n, uint32_t v[4])
{
    uint64_t mask = x86_cpu_xcr0_mask(cpu);
    uint32_t host[4];

    if (n == 0) {
        v[2] = XSAVE_LEGACY_BYTES + XSAVE_HEADER_BYTES;
        for (unsigned i = XSTATE_AVX; i < 64; i++) {
            kvm_host_cpuid(0xd, i, host);
            if (mask >> i & 1) {
                v[2] = MAX(v[2], host[0] + host[1]);
            }
        }
    } else if (n >= 2 && v[0]) {
        kvm_host_cpuid(0xd, n, v);
    }
}

static void add_leaf(struct kvm_cpuid2 *table, CpuX86 *cpu, uint32_t leaf)
{
    uint32_t first[4], v[4];

    cpu_cpuid(cpu, leaf, 0, first);
    if (leaf == 0xa && cpu->pmu) {
        kvm_host_cpuid(leaf, 0, first);
    }
    if (!has_subleaves(leaf)) {
        add(table, leaf, -1, first);
        return;
    }
    memcpy(v, first, sizeof v);
    for (unsigned n = 0; n == 0 || more_subleaves(leaf, n, first, v); n++) {
        cpu_cpuid(cpu, leaf, n, v);
        if (leaf == 0xd && x86_cpu_xcr0_mask(cpu)) {
            place_component(cpu, n, v);
        }
        add(table, leaf, n, v);
    }
}

/*
 * The kernel does not let CPUID of a vCPU that has run change, and takes it as changed where it adjusted it itself. So one
 * that is used again (by the next CPU in its place) is given what it already has by not asking: what it took, by APIC id.
 */
static GHashTable *given;                       /* -> GBytes */

static GBytes *table_bytes(const struct kvm_cpuid2 *table)
{
    return g_bytes_new(table, sizeof *table + table->nent * sizeof table->entries[0]);
}

static bool has_already(const CpuX86 *cpu, const struct kvm_cpuid2 *table)
{
    g_autoptr(GBytes) bytes = table_bytes(table);
    const GBytes *before = given ? g_hash_table_lookup(given, GUINT_TO_POINTER(cpu->apic_id)) : NULL;

    return before && g_bytes_equal(before, bytes);
}

static void note_given(const CpuX86 *cpu, const struct kvm_cpuid2 *table)
{
    if (!given) {
        given = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_bytes_unref);
    }
    g_hash_table_insert(given, GUINT_TO_POINTER(cpu->apic_id), table_bytes(table));
}

bool kvm_set_cpuid(CpuX86 *cpu, GError **err)
{
    g_autofree struct kvm_cpuid2 *table = g_malloc0(sizeof *table + ENTRIES_MAX * sizeof table->entries[0]);
    int ret;

    for (uint32_t leaf = 0; leaf <= MIN(cpu->cpuid_level, 0x40); leaf++) {
        add_leaf(table, cpu, leaf);
    }
    HypervLeaf hyperv[HYPERV_LEAVES_MAX];
    unsigned hyperv_count = hyperv_leaves(cpu, hyperv);
    for (unsigned i = 0; i < hyperv_count; i++) {
        add(table, hyperv[i].leaf, -1, hyperv[i].out);
    }
    if (cpu->kvm) {
        uint32_t base = hyperv_count ? 0x40000100 : 0x40000000, signature[4] = { base + 1 },
                 features = cpu->features[FEATURE_WORD_4000_0001_EAX];

        memcpy(&signature[1], "KVMKVMKVM\0\0\0", 12);
        add(table, base, -1, signature);
        /* kvmclock has two bits, one for each pair of MSRs by which it may be set up. */
        features |=
            cpu_has(cpu, FEATURE_KVMCLOCK) && kvm_has(KVM_CAP_ADJUST_CLOCK) ? 1u << KVM_FEATURE_CLOCKSOURCE2 : 0;
        add(table, base + 1, -1, (uint32_t[]){ features, 0, 0, cpu->features[FEATURE_WORD_4000_0001_EDX] });
    }
    for (uint32_t leaf = 0x80000000; leaf <= MIN(cpu->cpuid_xlevel, 0x80000040); leaf++) {
        add_leaf(table, cpu, leaf);
    }
    if (cpu->vendor && !strcmp(cpu->vendor, "CentaurHauls")) {
        add_leaf(table, cpu, 0xc0000000);
        add_leaf(table, cpu, 0xc0000001);
    }
    if (cpu->cpu.kvm->used_before && has_already(cpu, table)) {
        return true;
    }
    ret = kvm_vcpu_ioctl(&cpu->cpu, KVM_SET_CPUID2, table);
    if (ret >= 0) {
        note_given(cpu, table);
        return true;
    }
    return cpu->cpu.kvm->used_before
               ? error_set_errno(err, -ret, "KVM does not let a CPU differ from the one that was in its place")
               : error_set_errno(err, -ret, "KVM refuses its CPUID (%u entries)", table->nent);
}
