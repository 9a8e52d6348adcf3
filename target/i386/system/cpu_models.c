/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/i386/system/cpu_models.h"

#include <stdio.h>
#include <string.h>

#include "core/option.h"
#include "target/i386/kvm/kvm_x86.h"
#include "target/i386/native/native.h"

#define VENDOR_INTEL "GenuineIntel"
#define VENDOR_AMD "AuthenticAMD"
#define VENDOR_CENTAUR "CentaurHauls"
#define VENDOR_HYGON "HygonGenuine"

/* The rows, each a type. */
#define CPU_TYPE(id, name_, ...) \
    static const CpuModel cpu_model_##id = { \
        .name = name_ X86_CPU_SUFFIX, .parent = &x86_cpu_type.type, .model_name = name_, __VA_ARGS__ \
    }; \
    TYPE_REGISTER(cpu_model_##id);
#define MODEL(id, name_, base_, vendor_, family_, model_, stepping_, level_, xlevel_, model_id_, features_) \
    CPU_TYPE(id, name_, .base = base_, .vendor = vendor_, .family = family_, .model = model_, .stepping = stepping_, \
             .level = level_, .xlevel = xlevel_, .model_id = model_id_, .feature_names = features_, .description = model_id_)
#define ALIAS(id, name_, target_) CPU_TYPE(alias_##id, name_, .base = target_, .is_alias = true, .description = "same as " target_)
#include "target/i386/system/cpu_models.def"

CPU_TYPE(max, "max", .vendor = VENDOR_AMD, .family = 6, .model = 6, .stepping = 3, .level = 0xd, .xlevel = 0x8000000a,
         .model_id = "QEMU TCG CPU version 2.5+", .feature_names = "", .everything = true,
         .description = "every feature that can be given here")
CPU_TYPE(host, "host", .vendor = VENDOR_AMD, .model_id = "", .feature_names = "", .everything = true,
         .description = "this host's processor (KVM only)")
CPU_TYPE(base, "base", .vendor = "", .model_id = "", .feature_names = "", .description = "no features at all")

/* Names of features. */

typedef struct FeatureName { uint16_t feature; const char *name; } FeatureName;
static const FeatureName feature_table[] = {
#define X(word, bit, id, name) { FEATURE_##id, name },
    FEATURE_LIST(X)
#undef X
};
static const FeatureName feature_aliases[] = {
#define X(id, name) { FEATURE_##id, name },
    FEATURE_ALIASES(X)
#undef X
};

const char *x86_feature_name(unsigned feature)
{
    for (size_t i = 0; i < G_N_ELEMENTS(feature_table); i++) {
        if (feature_table[i].feature == feature) {
            return feature_table[i].name;
        }
    }
    return NULL;
}

/* FEATURE_* of the @len characters at @name, or FEATURE_NONE. */
static unsigned feature_find(const char *name, size_t len)
{
    for (size_t i = 0; i < G_N_ELEMENTS(feature_table); i++) {
        if (!strncmp(feature_table[i].name, name, len) && !feature_table[i].name[len]) {
            return feature_table[i].feature;
        }
    }
    return FEATURE_NONE;
}

static void feature_set(uint32_t *words, unsigned feature, bool on)
{
    uint32_t bit = 1u << feature % 32;
    words[feature / 32] = on ? words[feature / 32] | bit : words[feature / 32] & ~bit;
}

/* What TCG can give. Instructions of the vector units come and go with the host: native_host_has() decides over those. */

static const uint16_t tcg_features[] = {
    FEATURE_FPU, FEATURE_VME, FEATURE_DE, FEATURE_PSE, FEATURE_TSC, FEATURE_MSR, FEATURE_PAE, FEATURE_MCE, FEATURE_CX8,
    FEATURE_APIC, FEATURE_SEP, FEATURE_MTRR, FEATURE_PGE, FEATURE_MCA, FEATURE_CMOV, FEATURE_PAT, FEATURE_PSE36,
    FEATURE_CLFLUSH, FEATURE_ACPI, FEATURE_MMX, FEATURE_FXSR, FEATURE_SSE, FEATURE_SSE2, FEATURE_SS, FEATURE_HT,
    FEATURE_SSE3, FEATURE_PCLMULQDQ, FEATURE_MONITOR, FEATURE_SSSE3, FEATURE_CX16, FEATURE_PCID, FEATURE_SSE4_1,
    FEATURE_SSE4_2, FEATURE_X2APIC, FEATURE_MOVBE, FEATURE_POPCNT, FEATURE_TSC_DEADLINE, FEATURE_AES, FEATURE_XSAVE,
    FEATURE_FMA, FEATURE_AVX, FEATURE_F16C, FEATURE_RDRAND, FEATURE_HYPERVISOR,
    FEATURE_FSGSBASE, FEATURE_TSC_ADJUST, FEATURE_BMI1, FEATURE_AVX2, FEATURE_SMEP, FEATURE_BMI2, FEATURE_ERMS,
    FEATURE_INVPCID, FEATURE_RDSEED, FEATURE_ADX, FEATURE_SMAP, FEATURE_CLFLUSHOPT, FEATURE_CLWB, FEATURE_SHA_NI,
    FEATURE_AVX512F, FEATURE_AVX512DQ, FEATURE_AVX512IFMA, FEATURE_AVX512CD, FEATURE_AVX512BW, FEATURE_AVX512VL,
    FEATURE_AVX512VBMI, FEATURE_UMIP, FEATURE_PKU, FEATURE_AVX512VBMI2, FEATURE_GFNI, FEATURE_VAES, FEATURE_VPCLMULQDQ,
    FEATURE_AVX512VNNI, FEATURE_AVX512BITALG, FEATURE_AVX512_VPOPCNTDQ, FEATURE_LA57, FEATURE_RDPID, FEATURE_FSRM,
    FEATURE_SERIALIZE, FEATURE_AVX_VNNI, FEATURE_PKS, FEATURE_NO_NESTED_DATA_BP, FEATURE_NULL_SEL_CLR_BASE,
    FEATURE_SYSCALL, FEATURE_NX, FEATURE_MMXEXT, FEATURE_FXSR_OPT, FEATURE_PDPE1GB, FEATURE_RDTSCP, FEATURE_LM,
    FEATURE_LAHF_LM, FEATURE_CMP_LEGACY, FEATURE_SVM, FEATURE_CR8LEGACY, FEATURE_ABM, FEATURE_SSE4A, FEATURE_MISALIGNSSE,
    FEATURE_3DNOWPREFETCH, FEATURE_TOPOEXT, FEATURE_CLZERO, FEATURE_XSAVEERPTR, FEATURE_WBNOINVD, FEATURE_INVTSC,
    FEATURE_XSAVEOPT, FEATURE_XSAVEC, FEATURE_XGETBV1, FEATURE_XSAVES, FEATURE_ARAT,
    FEATURE_NPT, FEATURE_NRIP_SAVE, FEATURE_TSC_SCALE, FEATURE_VMCB_CLEAN, FEATURE_FLUSHBYASID, FEATURE_DECODEASSISTS,
    FEATURE_PAUSE_FILTER, FEATURE_PFTHRESHOLD, FEATURE_V_VMSAVE_VMLOAD, FEATURE_VGIF, FEATURE_SVME_ADDR_CHK,
};

void x86_cpu_supported(uint32_t words[FEATURE_WORD_COUNT])
{
    if (accel_is("kvm")) {
        kvm_supported_features(words);
        return;
    }
    memset(words, 0, FEATURE_WORD_COUNT * sizeof *words);
    for (size_t i = 0; i < G_N_ELEMENTS(tcg_features); i++) {
        if (native_host_has(tcg_features[i])) {
            feature_set(words, tcg_features[i], true);
        }
    }
}

/* Models. */

static const CpuModel *model_find(const char *name)
{
    g_autofree char *type_name = g_strconcat(name, X86_CPU_SUFFIX, NULL);
    const Type *type = type_find(type_name);
    return type && type_is_a(type, &x86_cpu_type.type) && !type->is_abstract ? (const CpuModel *)type : NULL;
}

const Type *x86_cpu_model_type(const char *name) { return (const Type *)model_find(name); }

static const CpuModel *model_resolve(const CpuModel *m)
{
    return m->is_alias ? model_find(m->base) : m;
}

/* Sets in @words what the row says, after what its bases say. */
static void model_features(const CpuModel *m, uint32_t *words)
{
    m = model_resolve(m);
    if (m->base) {
        model_features(model_find(m->base), words);
    }
    for (const char *p = m->feature_names; *p;) {
        bool on = *p != '-';
        p += *p == '+' || *p == '-';
        size_t len = strcspn(p, " ");
        unsigned feature = feature_find(p, len);
        g_assert(feature != FEATURE_NONE);
        feature_set(words, feature, on);
        p += len + strspn(p + len, " ");
    }
}

/* On in the models, but no user of TCG asked for it: off unless named on the command line. */
static const uint16_t tcg_defaults_off[] = { FEATURE_VME };

bool x86_model_has_feature(const CpuModel *model, unsigned feature)
{
    uint32_t words[FEATURE_WORD_COUNT] = { 0 };

    model_features(model, words);
    return words[feature / 32] >> feature % 32 & 1;
}

/* Under KVM the models come with what makes a guest of KVM's fast, and without what it cannot keep or should not see. */
static const struct { uint16_t feature; bool on; } kvm_defaults[] = {
    { FEATURE_KVMCLOCK, true }, { FEATURE_KVM_NOPIODELAY, true }, { FEATURE_KVM_ASYNCPF, true }, { FEATURE_KVM_STEAL_TIME, true },
    { FEATURE_KVM_PV_EOI, true }, { FEATURE_KVMCLOCK_STABLE_BIT, true }, { FEATURE_X2APIC, true }, { FEATURE_ACPI, false },
    { FEATURE_MONITOR, false }, { FEATURE_SVM, false },
};

/* What the accelerator changes in the features of a named model. */
static void accel_defaults(uint32_t *words)
{
    if (!accel_is("kvm")) {
        for (size_t i = 0; i < G_N_ELEMENTS(tcg_defaults_off); i++) {
            feature_set(words, tcg_defaults_off[i], false);
        }
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kvm_defaults); i++) {
        if (!kvm_defaults[i].on || kvm_can_give(kvm_defaults[i].feature)) {
            feature_set(words, kvm_defaults[i].feature, kvm_defaults[i].on);
        }
    }
}

/* Vendor, family, name and levels as the host's own CPUID tells them. */
static void identity_of_host(CpuX86 *cpu)
{
    uint32_t v[4];
    char vendor[13] = { 0 }, brand[49] = { 0 };

    kvm_processor_cpuid(0, v);
    memcpy(vendor, (uint32_t[]){ v[1], v[3], v[2] }, 12);
    kvm_processor_cpuid(1, v);
    cpu->family = (v[0] >> 8 & 15) + ((v[0] >> 8 & 15) == 15 ? v[0] >> 20 & 0xff : 0);
    cpu->model_number = (v[0] >> 4 & 15) | (v[0] >> 12 & 0xf0);
    cpu->stepping = v[0] & 15;
    for (unsigned i = 0; i < 3; i++) {
        kvm_processor_cpuid(0x80000002 + i, v);
        memcpy(brand + 16 * i, v, 16);
    }
    g_free(cpu->vendor);
    g_free(cpu->model_id);
    cpu->vendor = g_strdup(vendor);
    cpu->model_id = g_strdup(brand);
    kvm_host_cpuid(0, 0, v);
    cpu->cpuid_min_level = v[0];
    kvm_host_cpuid(0x80000000, 0, v);
    cpu->cpuid_min_xlevel = v[0];
    cpu->host_phys_bits = true;
    cpu->pmu = true;
}

/* "max" shows what instructions and modes there are, but makes no promise that would bind a machine. */
static const uint16_t not_in_max[] = { FEATURE_HT, FEATURE_CMP_LEGACY, FEATURE_TOPOEXT, FEATURE_INVTSC,
                                         FEATURE_KVM_HINT_DEDICATED, FEATURE_KVM_MSI_EXT_DEST_ID };

void x86_cpu_apply_model(CpuX86 *cpu)
{
    const CpuModel *m = model_resolve((const CpuModel *)cpu->cpu.device.object.type);
    memset(cpu->features, 0, sizeof cpu->features);
    if (m->everything) {
        x86_cpu_supported(cpu->features);
        for (size_t i = 0; i < G_N_ELEMENTS(not_in_max); i++) {
            feature_set(cpu->features, not_in_max[i], false);
        }
    } else {
        model_features(m, cpu->features);
    }
    if (!m->everything || !accel_is("kvm")) {
        accel_defaults(cpu->features);
    }
    feature_set(cpu->features, FEATURE_HYPERVISOR, m->vendor[0] != 0);
    cpu->model = (CpuModel *)m;
    cpu->vendor = g_strdup(m->vendor);
    cpu->model_id = g_strdup(m->model_id);
    cpu->family = m->family;
    cpu->model_number = m->model;
    cpu->stepping = m->stepping;
    cpu->cpuid_level = m->level;
    cpu->cpuid_xlevel = m->xlevel;
    if (m->everything && accel_is("kvm")) {
        identity_of_host(cpu);
    }
}

void x86_cpu_missing_features(const Type *type, GPtrArray *names)
{
    uint32_t wanted[FEATURE_WORD_COUNT] = { 0 }, supported[FEATURE_WORD_COUNT];
    const CpuModel *m = model_resolve((const CpuModel *)type);
    if (m->everything) {
        return;
    }
    model_features(m, wanted);
    x86_cpu_supported(supported);
    accel_defaults(wanted);
    for (size_t i = 0; i < G_N_ELEMENTS(feature_table); i++) {
        unsigned f = feature_table[i].feature;
        if ((wanted[f / 32] & ~supported[f / 32]) >> f % 32 & 1) {
            g_ptr_array_add(names, g_strdup(feature_table[i].name));
        }
    }
}

const char *x86_cpu_alias_of(const char *model)
{
    const CpuModel *m = model_find(model);
    return m && m->is_alias ? m->base : NULL;
}

/* -cpu */

static void offer_model(const Type *type, void *nearest)
{
    if (!type->is_abstract) {
        nearest_add(nearest, ((const CpuModel *)type)->model_name);
    }
}

/* Properties of QEMU's that only mean something under another accelerator. */
static const char *needs_kvm(const char *name)
{
    if (accel_is("kvm")) {
        return NULL;
    }
    static const char *const names[] = { "xen-vapic", "kvm-pv-enforce-cpuid", "lbr-fmt", "vmware-cpuid-freq", "host-cache-info" };

    if (g_str_has_prefix(name, "hv-")) {
        return "Hyper-V enlightenments need KVM";
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(name, names[i])) {
            return "it needs KVM";
        }
    }
    return NULL;
}

/* The property that @name means: exact, or with '_' for '-'. NULL with @err. */
static const char *property_resolve(const Type *type, const char *name, GError **err)
{
    g_autofree char *dashed = g_strdelimit(g_strdup(name), "_", '-');
    const Property *row = g_str_has_prefix(dashed, "hv-") && needs_kvm(dashed) ? NULL : type_property(type, name);
    if (!row && !needs_kvm(dashed)) {
        row = type_property(type, dashed);
    }
    if (!row && !*name) {
        error_set(err, "a feature's name is empty");
        return NULL;
    }
    if (!row && needs_kvm(dashed)) {
        error_set(err, "property '%s' cannot be used: %s", name, needs_kvm(dashed));
        return NULL;
    }
    if (!row) {
        NearestWord nearest;
        nearest_init(&nearest, name);
        for (size_t i = 0; i < G_N_ELEMENTS(feature_table); i++) {
            nearest_add(&nearest, feature_table[i].name);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(feature_aliases); i++) {
            nearest_add(&nearest, feature_aliases[i].name);
        }
        error_set(err, "there is no CPU feature or property '%s'%s", name, nearest_hint(&nearest));
        return NULL;
    }
    return row->name;
}

bool x86_cpu_parse_model(const char *text, char **type_name, json_object **args, GError **err)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    const char *name = words[0] ? words[0] : "";
    const CpuModel *m = model_find(name);
    if (!strcmp(name, "host") && !accel_is("kvm")) {
        return error_set(err, "CPU model 'host' requires KVM");
    }
    if (!m) {
        NearestWord nearest;
        nearest_init(&nearest, name);
        type_foreach(&x86_cpu_type.type, offer_model, &nearest);
        return error_set(err, "there is no CPU model '%s'%s; -cpu help lists them", name, nearest_hint(&nearest));
    }
    /* As in QEMU, +feat and -feat are applied after all key=value words, whatever the order. */
    json_object *dict = json_object_new_object();
    for (int pass = 0; pass < 2; pass++) {
        for (char **w = words + 1; *w; w++) {
            bool sign = **w == '+' || **w == '-';
            if (sign != (pass == 1)) {
                continue;
            }
            char *equals = strchr(*w, '=');
            g_autofree char *key = sign ? g_strdup(*w + 1) : equals ? g_strndup(*w, equals - *w) : g_strdup(*w);
            const char *property = property_resolve(&m->type, key, err);
            if (!property) {
                json_object_put(dict);
                return false;
            }
            const char *value = sign ? (**w == '+' ? "on" : "off") : equals ? equals + 1 : "on";
            json_object_object_del(dict, property);
            json_object_object_add(dict, property, json_object_new_string(value));
        }
    }
    /* A trial vCPU takes the values now, where the option can still be named. */
    Object *trial = object_new(&m->type);
    bool valid = object_set_dict(trial, dict, NULL, err);
    object_unref(trial);
    if (!valid) {
        json_object_put(dict);
        return false;
    }
    *type_name = g_strconcat(name, X86_CPU_SUFFIX, NULL);
    *args = dict;
    return true;
}

static void collect_model(const Type *type, void *list)
{
    if (!type->is_abstract) {
        g_ptr_array_add(list, (gpointer)type);
    }
}

static gint model_order(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const CpuModel *const *)a)->model_name, (*(const CpuModel *const *)b)->model_name);
}

void x86_cpu_print_help(void)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    type_foreach(&x86_cpu_type.type, collect_model, list);
    g_ptr_array_sort(list, model_order);
    printf("Available CPUs:\n");
    for (guint i = 0; i < list->len; i++) {
        const CpuModel *m = list->pdata[i];
        if (m->is_alias) {
            printf("  %-28s (alias of %s)\n", m->model_name, m->base);
        } else {
            printf("  %-28s %s\n", m->model_name, m->description);
        }
    }
    printf("\nRecognized CPUID flags:\n");
    int column = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(feature_table); i++) {
        int len = strlen(feature_table[i].name) + 1;
        if (column + len > 78 || !column) {
            printf("%s  ", column ? "\n" : "");
            column = 2;
        }
        printf("%s ", feature_table[i].name);
        column += len;
    }
    printf("\n");
}
