/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vCPU as a device: properties, life, and how model and properties become what CPUID shows.
 *
 *   object_new(): the model's features and identity -> -global and -cpu properties change `features`, noting what
 *   the user asked for in user_on and user_off -> realize: features that need another one that is off go off too; what
 *   the accelerator cannot give is reported and taken away (check) or refused (enforce); levels are raised so that every
 *   feature's leaf exists; the local APIC is made and the thread started.
 */
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "core/device.h"
#include "core/option.h"
#include "target/i386/exec/exec.h"
#include "target/i386/kvm/hyperv.h"
#include "target/i386/kvm/kvm_x86.h"
#include "target/i386/translate/translate.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/system/cpu_models.h"
#include "target/i386/system/system.h"
#include "target/i386/system/death.h"

#define TSC_KHZ_DEFAULT 1000000
#define PHYS_BITS_64 40
#define PHYS_BITS_PSE36 36
#define PHYS_BITS_32 32

/* Properties. */

static bool set_feature(Object *obj, const Property *prop, json_object *value, GError **err)
{
    CpuX86 *cpu = CPU_X86(obj);
    unsigned word = (prop->offset - offsetof(CpuX86, features)) / sizeof cpu->features[0];
    uint32_t bit = 1u << prop->bit;

    if (!prop_kind_bit32.set(obj, prop, value, err)) {
        return false;
    }
    bool on = cpu->features[word] & bit;
    cpu->user_on[word] = on ? cpu->user_on[word] | bit : cpu->user_on[word] & ~bit;
    cpu->user_off[word] = on ? cpu->user_off[word] & ~bit : cpu->user_off[word] | bit;
    return true;
}

static json_object *get_vendor(Object *obj, const Property *prop)
{
    return json_object_new_string(CPU_X86(obj)->vendor ? CPU_X86(obj)->vendor : "");
}

static bool set_vendor(Object *obj, const Property *prop, json_object *value, GError **err)
{
    const char *text = json_object_get_string(value);
    if (!text || strlen(text) != 12) {
        return error_set(err, "property 'vendor' has exactly 12 characters, not '%s'", text ? text : "null");
    }
    g_free(CPU_X86(obj)->vendor);
    CPU_X86(obj)->vendor = g_strdup(text);
    return true;
}

static json_object *get_model_id(Object *obj, const Property *prop)
{
    return json_object_new_string(CPU_X86(obj)->model_id ? CPU_X86(obj)->model_id : "");
}

static bool set_model_id(Object *obj, const Property *prop, json_object *value, GError **err)
{
    const char *text = json_object_get_string(value);
    if (!text || strlen(text) > 48) {
        return error_set(err, "property 'model-id' has at most 48 characters");
    }
    g_free(CPU_X86(obj)->model_id);
    CPU_X86(obj)->model_id = g_strdup(text);
    return true;
}

/* Identity numbers: QEMU's type is "int", the ranges are CPUID's. */
typedef struct IdentityField { const char *name; size_t offset; uint32_t max; } IdentityField;
static const IdentityField identity_fields[] = {
    { "family", offsetof(CpuX86, family), 0xff + 0xf }, { "model", offsetof(CpuX86, model_number), 0xff },
    { "stepping", offsetof(CpuX86, stepping), 0xf },
};

static uint32_t *identity_place(Object *obj, const Property *prop, uint32_t *max)
{
    for (size_t i = 0; i < G_N_ELEMENTS(identity_fields); i++) {
        if (!strcmp(identity_fields[i].name, prop->name)) {
            *max = identity_fields[i].max;
            return (uint32_t *)((char *)obj + identity_fields[i].offset);
        }
    }
    g_assert_not_reached();
}

static json_object *get_identity(Object *obj, const Property *prop)
{
    uint32_t max;
    return json_object_new_int64(*identity_place(obj, prop, &max));
}

static bool set_identity(Object *obj, const Property *prop, json_object *value, GError **err)
{
    uint32_t max, *place = identity_place(obj, prop, &max);
    uint64_t number;
    const char *text = json_object_get_string(value);
    if (!parse_uint(prop->name, text ? text : "", max, &number, err)) {
        return false;
    }
    *place = number;
    return true;
}

static json_object *get_tsc_frequency(Object *obj, const Property *prop)
{
    return json_object_new_uint64(CPU_X86(obj)->tsc_khz * 1000);
}

static bool set_tsc_frequency(Object *obj, const Property *prop, json_object *value, GError **err)
{
    uint64_t hz;
    const char *text = json_object_get_string(value);
    if (!parse_size("tsc-frequency", text ? text : "", 1, &hz, err)) {
        return false;
    }
    if (hz < 1000 || hz > INT64_MAX) {
        return error_set(err, "property 'tsc-frequency' is at least 1000, not '%s'", text);
    }
    CPU_X86(obj)->tsc_hz = hz;
    CPU_X86(obj)->tsc_khz = hz / 1000;
    return true;
}

#define FEATURE_PROPERTY(f, name_) \
    { .name = name_, .kind = &prop_kind_bit32, .offset = offsetof(CpuX86, features) + (f) / 32 * 4, .bit = (f) % 32, \
      .set = set_feature, .type_name = "bool" },

static bool set_hv_vendor(Object *obj, const Property *prop, json_object *value, GError **err)
{
    const char *text = json_object_get_string(value);
    if (text && strlen(text) > 12) {
        return error_set(err, "property 'hv-vendor-id' has at most 12 characters, not '%s'", text);
    }
    return prop_kind_str.set(obj, prop, value, err);
}

static const Property cpu_properties[] = {
#define X(word, bit, id, name) FEATURE_PROPERTY(FEATURE_##id, name)
    FEATURE_LIST(X)
#undef X
#define X(id, name) FEATURE_PROPERTY(FEATURE_##id, name)
    FEATURE_ALIASES(X)
#undef X
    PROP_VIRTUAL("vendor", "string", get_vendor, set_vendor, "vendor string of CPUID leaf 0"),
    PROP_VIRTUAL("model-id", "string", get_model_id, set_model_id, "processor brand string"),
    PROP_VIRTUAL("family", "int", get_identity, set_identity, "family of CPUID leaf 1"),
    PROP_VIRTUAL("model", "int", get_identity, set_identity, "model of CPUID leaf 1"),
    PROP_VIRTUAL("stepping", "int", get_identity, set_identity, "stepping of CPUID leaf 1"),
    PROP_VIRTUAL("tsc-frequency", "int", get_tsc_frequency, set_tsc_frequency, "time stamp counter's rate in Hz"),
    PROP_UINT32("level", CpuX86, cpuid_level, UINT32_MAX, "highest basic CPUID leaf"),
    PROP_UINT32("xlevel", CpuX86, cpuid_xlevel, UINT32_MAX, "highest extended CPUID leaf"),
    PROP_UINT32("min-level", CpuX86, cpuid_min_level, 0, "least highest basic leaf"),
    PROP_UINT32("min-xlevel", CpuX86, cpuid_min_xlevel, 0, "least highest extended leaf"),
    PROP_UINT32("phys-bits", CpuX86, phys_bits, 0, "width of physical addresses; 0: as the model's mode has it", .max = 52),
    PROP_BOOL("host-phys-bits", CpuX86, host_phys_bits, false, "take the width of physical addresses from the host"),
    PROP_UINT32("apic-id", CpuX86, apic_id, UINT32_MAX, "initial local APIC id"),
    PROP_INT32("node-id", CpuX86, node_id, -1, "NUMA node"),
    PROP_INT32("socket-id", CpuX86, socket_id, -1, "socket number"),
    PROP_INT32("die-id", CpuX86, die_id, -1, "die number within the socket"),
    PROP_INT32("module-id", CpuX86, module_id, -1, "module number within the die"),
    PROP_INT32("core-id", CpuX86, core_id, -1, "core number within the module"),
    PROP_INT32("thread-id", CpuX86, thread_id, -1, "thread number within the core"),
    PROP_BOOL("check", CpuX86, check, true, "warn about features that cannot be given"),
    PROP_BOOL("enforce", CpuX86, enforce, false, "refuse to start without them"),
    PROP_BOOL("kvm", CpuX86, kvm, true, "show KVM's paravirtual leaf under KVM"),
    PROP_BOOL("pmu", CpuX86, pmu, false, "offer a performance monitoring unit"),
    PROP_BOOL("l3-cache", CpuX86, l3_cache, true, "describe a level 3 cache"),
    PROP_BOOL("legacy-cache", CpuX86, legacy_cache, true, "describe the caches as older versions did"),
    PROP_BOOL("fill-mtrr-mask", CpuX86, fill_mtrr_mask, true, "accepted for compatibility: MTRR masks always have their full width"),
    PROP_BOOL("cpuid-0xb", CpuX86, cpuid_0xb, true, "offer topology leaf 0Bh"),
    PROP_BOOL("tcg-cpuid", CpuX86, tcg_cpuid, true, "show TCG's hypervisor leaf"),
    PROP_BOOL("lmce", CpuX86, lmce, false, "offer local machine check exceptions"),
#define HV(id, name_, text) PROP_BIT32(name_, CpuX86, hyperv, HYPERV_##id, false, "Hyper-V: " text)
    HV(RELAXED, "hv-relaxed", "no watchdog on timers"), HV(VAPIC, "hv-vapic", "local APIC through MSRs and an assist page"),
    HV(TIME, "hv-time", "reference time counter and page"), HV(CRASH, "hv-crash", "MSRs by which a guest tells that it died"),
    HV(RESET, "hv-reset", "reset by MSR"), HV(VPINDEX, "hv-vpindex", "virtual processor index"),
    HV(RUNTIME, "hv-runtime", "time spent running"), HV(SYNIC, "hv-synic", "synthetic interrupt controller"),
    HV(STIMER, "hv-stimer", "synthetic timers"), HV(FREQUENCIES, "hv-frequencies", "TSC and APIC rates by MSR"),
    HV(REENLIGHTENMENT, "hv-reenlightenment", "notice of a changed TSC rate"), HV(TLBFLUSH, "hv-tlbflush", "TLB flush by hypercall"),
    HV(EVMCS, "hv-evmcs", "enlightened VMCS for nested guests"), HV(IPI, "hv-ipi", "IPIs by hypercall"),
    HV(STIMER_DIRECT, "hv-stimer-direct", "synthetic timers as plain interrupts"), HV(AVIC, "hv-avic", "APIC virtualisation is not hindered"),
    HV(AVIC, "hv-apicv", "same as hv-avic"), HV(EMSR_BITMAP, "hv-emsr-bitmap", "enlightened MSR bitmap for nested guests"),
    HV(XMM_INPUT, "hv-xmm-input", "hypercall arguments in vector registers"),
    HV(TLBFLUSH_EXT, "hv-tlbflush-ext", "TLB flush of address lists"),
    HV(TLBFLUSH_DIRECT, "hv-tlbflush-direct", "TLB flush of nested guests"),
#undef HV
    PROP_BOOL("hv-passthrough", CpuX86, hv_passthrough, false, "all Hyper-V enlightenments that the host gives"),
    PROP_BOOL("hv-enforce-cpuid", CpuX86, hv_enforce_cpuid, false, "refuse what CPUID does not show"),
    PROP_ON_OFF_AUTO("hv-no-nonarch-coresharing", CpuX86, hv_no_nonarch_coresharing, ON_OFF_AUTO_OFF,
                     "tell that vCPUs share a core only where CPUID says so"),
    PROP_UINT32("hv-spinlocks", CpuX86, hv_spinlocks, UINT32_MAX, "spins before a guest tells that it waits"),
    PROP_STR("hv-vendor-id", CpuX86, hv_vendor_id, "hypervisor vendor, at most 12 characters", .set = set_hv_vendor),
    PROP_UINT32("hv-version-id-build", CpuX86, hv_build, 14393, "Hyper-V build number"),
    PROP_UINT16("hv-version-id-major", CpuX86, hv_major, 10, "Hyper-V major version"),
    PROP_UINT16("hv-version-id-minor", CpuX86, hv_minor, 0, "Hyper-V minor version"),
    PROP_UINT32("hv-version-id-spack", CpuX86, hv_spack, 0, "Hyper-V service pack"),
    PROP_UINT8("hv-version-id-sbranch", CpuX86, hv_sbranch, 0, "Hyper-V service branch"),
    PROP_UINT32("hv-version-id-snumber", CpuX86, hv_snumber, 0, "Hyper-V service number", .max = 0xffffff),
    PROP_BOOL("migratable", CpuX86, migratable, true, "leave out features that forbid migration (max)"),
    { }
};

/* Features. */

/* What is no use, or would be wrong, without another. */
static const struct { uint16_t feature, needs; } dependencies[] = {
    { FEATURE_AVX, FEATURE_XSAVE }, { FEATURE_XSAVEOPT, FEATURE_XSAVE }, { FEATURE_XSAVEC, FEATURE_XSAVE },
    { FEATURE_XGETBV1, FEATURE_XSAVE }, { FEATURE_XSAVES, FEATURE_XSAVEC }, { FEATURE_PKU, FEATURE_XSAVE },
    { FEATURE_FMA, FEATURE_AVX }, { FEATURE_F16C, FEATURE_AVX }, { FEATURE_AVX2, FEATURE_AVX }, { FEATURE_VAES, FEATURE_AVX },
    { FEATURE_VPCLMULQDQ, FEATURE_AVX }, { FEATURE_AVX_VNNI, FEATURE_AVX2 }, { FEATURE_AVX512F, FEATURE_AVX2 },
    { FEATURE_AVX512DQ, FEATURE_AVX512F }, { FEATURE_AVX512IFMA, FEATURE_AVX512F }, { FEATURE_AVX512CD, FEATURE_AVX512F },
    { FEATURE_AVX512BW, FEATURE_AVX512F }, { FEATURE_AVX512VL, FEATURE_AVX512F }, { FEATURE_AVX512VBMI, FEATURE_AVX512F },
    { FEATURE_AVX512VBMI2, FEATURE_AVX512F }, { FEATURE_AVX512VNNI, FEATURE_AVX512F }, { FEATURE_AVX512BITALG, FEATURE_AVX512F },
    { FEATURE_AVX512_VPOPCNTDQ, FEATURE_AVX512F }, { FEATURE_AVX512_BF16, FEATURE_AVX512F },
    { FEATURE_SYSCALL, FEATURE_LM }, { FEATURE_PCID, FEATURE_LM }, { FEATURE_FSGSBASE, FEATURE_LM }, { FEATURE_LA57, FEATURE_LM },
    { FEATURE_PDPE1GB, FEATURE_LM }, { FEATURE_CX16, FEATURE_LM }, { FEATURE_INVPCID, FEATURE_PCID },
    { FEATURE_X2APIC, FEATURE_APIC }, { FEATURE_TSC_DEADLINE, FEATURE_APIC },
};

static void clear_feature(CpuX86 *cpu, unsigned feature)
{
    cpu->features[feature / 32] &= ~(1u << feature % 32);
}

static bool asked_for(const CpuX86 *cpu, unsigned feature)
{
    return cpu->user_on[feature / 32] >> feature % 32 & 1;
}

typedef struct FeatureWord { const char *kind; uint32_t index; int subleaf, reg; } FeatureWord;
static const FeatureWord feature_words[FEATURE_WORD_COUNT] = {
#define X(word, kind_, index_, subleaf_, reg_) [FEATURE_WORD_##word] = { #kind_, index_, subleaf_, reg_ },
    FEATURE_WORDS(X)
#undef X
};

/* "CPUID[eax=07h,ecx=00h].EBX.hle [bit 4]" */
static char *feature_place(unsigned feature)
{
    static const char *const registers[] = { "EAX", "EBX", "ECX", "EDX" };
    const FeatureWord *w = &feature_words[feature / 32];
    const char *name = x86_feature_name(feature);
    if (!strcmp(w->kind, "MSR")) {
        return g_strdup_printf("MSR(%Xh).%s [bit %u]", w->index, name, feature % 32 + 32 * w->reg);
    }
    g_autofree char *subleaf = w->subleaf < 0 ? g_strdup("") : g_strdup_printf(",ecx=%02Xh", w->subleaf);
    return g_strdup_printf("CPUID[eax=%02Xh%s].%s.%s [bit %u]", w->index, subleaf, registers[w->reg], name, feature % 32);
}

static void apply_dependencies(CpuX86 *cpu)
{
    for (size_t i = 0; i < G_N_ELEMENTS(dependencies); i++) {
        unsigned f = dependencies[i].feature, needs = dependencies[i].needs;
        /* SYSCALL stays where the user wants it without long mode, as AMD's 32-bit processors have it. */
        if (cpu_has(cpu, f) && !cpu_has(cpu, needs) && !(f == FEATURE_SYSCALL && !strcmp(cpu->vendor, "AuthenticAMD"))) {
            if (asked_for(cpu, f) && cpu->cpu.index <= 0) {
                g_autofree char *place = feature_place(f);
                warn_report("This feature depends on other features that were not requested: %s", place);
            }
            clear_feature(cpu, f);
        }
    }
}

/* Takes away what cannot be given. Reports it once, not for every vCPU of the machine. */
static bool filter_features(CpuX86 *cpu, GError **err)
{
    const char *giver = accel_is("kvm") ? "host" : "TCG";
    uint32_t supported[FEATURE_WORD_COUNT];
    g_autoptr(GString) missing = g_string_new("");
    x86_cpu_supported(supported);
    for (unsigned word = 1; word < FEATURE_WORD_COUNT; word++) {
        uint32_t lost = cpu->features[word] & ~supported[word];
        for (unsigned bit = 0; bit < 32; bit++) {
            unsigned feature = word * 32 + bit;
            if (!(lost >> bit & 1)) {
                continue;
            }
            /* In the default model for the sake of KVM inside; its absence is news only to who asked for it. */
            if (feature == FEATURE_SVM && !asked_for(cpu, feature) && !cpu->enforce) {
                continue;
            }
            g_autofree char *place = feature_place(feature);
            if (cpu->check && cpu_count() == 0 && !cpu->enforce) {
                warn_report("%s doesn't support requested feature: %s", giver, place);
            }
            g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", place);
        }
        cpu->features[word] &= supported[word];
    }
    if (cpu->enforce && missing->len) {
        return error_set(err, "%s doesn't support requested features: %s", giver, missing->str);
    }
    return true;
}

static bool any_in_word(const CpuX86 *cpu, unsigned word)
{
    return cpu->features[word] != 0;
}

/* Levels not set by the user grow to show every leaf that has a feature. */
static void raise_levels(CpuX86 *cpu, uint32_t model_level, uint32_t model_xlevel)
{
    uint32_t level = MAX(model_level, cpu->cpuid_min_level), xlevel = MAX(model_xlevel, cpu->cpuid_min_xlevel);
    for (unsigned word = 1; word < FEATURE_WORD_COUNT; word++) {
        const FeatureWord *w = &feature_words[word];
        if (strcmp(w->kind, "CPUID") || !any_in_word(cpu, word)) {
            continue;
        }
        if (w->index < 0x40000000) {
            level = MAX(level, w->index);
        } else if (w->index >= 0x80000000 && w->index < 0xc0000000) {
            xlevel = MAX(xlevel, w->index);
        }
    }
    if (cpu_has(cpu, FEATURE_LM)) {
        xlevel = MAX(xlevel, 0x80000008);
    }
    cpu->cpuid_level = cpu->cpuid_level == UINT32_MAX ? level : cpu->cpuid_level;
    cpu->cpuid_xlevel = cpu->cpuid_xlevel == UINT32_MAX ? xlevel : cpu->cpuid_xlevel;
}

/* Width of the host's physical addresses; 0: it does not say. */
static uint32_t host_phys_bits(void)
{
#if defined(__x86_64__) || defined(__i386__)
    uint32_t a, b, c, d;

    if (__get_cpuid(0x80000008, &a, &b, &c, &d)) {
        return a & 0xff;
    }
#endif
    return 0;
}

static bool set_phys_bits(CpuX86 *cpu, GError **err)
{
    bool lm = cpu_has(cpu, FEATURE_LM);
    if (cpu->host_phys_bits && !cpu->phys_bits && lm) {
        cpu->phys_bits = MIN(host_phys_bits(), 52);
    }
    if (cpu->phys_bits && (!lm || cpu->phys_bits < 32)) {
        return error_set(err, lm ? "phys-bits is 32 to 52, not %u" : "phys-bits=%u needs a CPU model with long mode", cpu->phys_bits);
    }
    if (!cpu->phys_bits) {
        cpu->phys_bits = lm ? PHYS_BITS_64 : cpu_has(cpu, FEATURE_PSE36) ? PHYS_BITS_PSE36 : PHYS_BITS_32;
    }
    cpu->maxphyaddr = cpu->phys_bits;
    return true;
}

/* Life. */

static void x86_cpu_reset_op(Cpu *cpu)
{
    cpu_x86_reset(CPU_X86(cpu), false);
}

/* One whose local APIC is the kernel's waits there. */
static bool kvm_has_work(Cpu *cpu)
{
    return kvm_x86_apic_in_kernel() || cpu_x86_has_work(cpu);
}

static const CpuOps x86_cpu_kvm_ops = { .has_work = kvm_has_work, .reset = x86_cpu_reset_op,
    .debug_insert = kvm_x86_debug_insert, .debug_remove = kvm_x86_debug_remove, .kvm = &kvm_x86_cpu_ops };

static const CpuOps x86_cpu_ops = {
    .has_work = cpu_x86_has_work, .reset = x86_cpu_reset_op, .tcg_run = cpu_x86_tcg_run, .tcg_init = cpu_x86_tcg_init,
    .tcg_destroy = cpu_x86_tcg_destroy, .tcg_tlb_flush_all = cpu_x86_tcg_flush_all, .tcg_kick = translator_kick,
    .tcg_page_changed = translator_page_changed,
};

static void x86_cpu_init(Object *obj)
{
    CpuX86 *cpu = CPU_X86(obj);
    cpu->cpu.ops = accel_is("kvm") ? &x86_cpu_kvm_ops : &x86_cpu_ops;
    cpu->cpu.index = -1;
    cpu->tsc_khz = TSC_KHZ_DEFAULT;
    cpu->sockets = cpu->dies_per_socket = cpu->cores_per_socket = cpu->threads_per_core = 1;
    cpu->exception_vector = cpu->old_exception = VECTOR_NONE;
    cpu->trail = g_new0(struct Trail, 1);
    x86_cpu_apply_model(cpu);
    cpu->legacy_cache = !x86_model_has_caches(cpu->model);
    /* The model's levels are a floor; a property given by the user replaces both. */
    cpu->cpuid_level = cpu->cpuid_xlevel = UINT32_MAX;
    if (cpu_places) {
        cpu_places->begin(&cpu->cpu);
    }
}

static bool x86_cpu_realize(Device *dev, GError **err)
{
    CpuX86 *cpu = CPU_X86(dev);
    if (cpu->cpu.index < 0 && cpu_places && !cpu_places->check(&cpu->cpu, err)) {
        return false;
    }
    if (cpu->apic_id == UINT32_MAX) {
        return error_set(err, "apic-id is not set");
    }
    if (cpu->pmu && !accel_is("kvm")) {
        return error_set(err, "pmu=on needs KVM");
    }
    if (accel_is("kvm") && cpu->model->everything && !cpu->migratable) {
        cpu->features[FEATURE_INVTSC / 32] |= kvm_can_give(FEATURE_INVTSC) & ~cpu->user_off[FEATURE_INVTSC / 32];
    }
    apply_dependencies(cpu);
    if (!filter_features(cpu, err) || !set_phys_bits(cpu, err)) {
        return false;
    }
    apply_dependencies(cpu);
    if (cpu->cores_per_socket * cpu->threads_per_core > 1) {
        cpu->features[FEATURE_HT / 32] |= 1u << FEATURE_HT % 32;
    }
    raise_levels(cpu, cpu->model->level, cpu->model->xlevel);
    cpu->features[FEATURE_WORD_NONE] = 1;

    Device *apic = device_new(&apic_type);
    cpu->apic = (Apic *)apic;
    cpu->apic->cpu = cpu;
    object_add_child(&dev->object, "lapic", object_ref(&apic->object));
    if (!device_realize(apic, NULL, err)) {
        return false;
    }
    cpu_register(&cpu->cpu);
    if (current_accel && !cpu_start(&cpu->cpu, err)) {  /* none in unit tests */
        cpu_remove(&cpu->cpu);
        return false;
    }
    return true;
}

static void x86_cpu_unrealize(Device *dev)
{
    cpu_remove(&CPU_X86(dev)->cpu);
    if (cpu_places) {
        cpu_places->removed();
    }
}

static void x86_cpu_plugged(Device *dev)
{
    cpu_resume((Cpu *)dev);
    cpu_places->plugged((Cpu *)dev);
}

static bool x86_cpu_unplug_request(Device *dev, GError **err)
{
    if (!cpu_places) {
        return error_set(err, "this machine's CPUs stay");
    }
    return cpu_places->unplug_request((Cpu *)dev, err);
}

static void x86_cpu_device_reset(Device *dev, ResetKind kind)
{
    cpu_x86_reset(CPU_X86(dev), false);
    cpu_state_changed((Cpu *)dev);
}

static void x86_cpu_finalize(Object *obj)
{
    CpuX86 *cpu = CPU_X86(obj);
    g_free(cpu->vendor);
    g_free(cpu->model_id);
    g_free(cpu->trail);
    if (cpu->apic) {
        object_unref(OBJECT(cpu->apic));
    }
}

const DeviceType x86_cpu_type = {
    .name = "x86_64-cpu", .parent = &cpu_type.type, .size = sizeof(CpuX86), .is_abstract = true,
    .description = "x86 processor", .properties = cpu_properties, .init = x86_cpu_init, .finalize = x86_cpu_finalize,
    .realize = x86_cpu_realize, .unrealize = x86_cpu_unrealize, .reset = x86_cpu_device_reset,
    .plugged = x86_cpu_plugged, .unplug_request = x86_cpu_unplug_request,
    .state = x86_cpu_state, .pre_save = x86_cpu_pre_save, .post_load = x86_cpu_post_load,
};
TYPE_REGISTER(x86_cpu_type);
