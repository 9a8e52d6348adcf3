/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU models, the -cpu option, CPUID: every model's row is sound; leaves agree with QEMU 11.1's; mistakes are named. */
#include "core/option.h"
#include "tests/check.h"
#include "target/i386/native/xstate.h"
#include "target/i386/system/cpu_models.h"
#include "target/i386/system/msr.h"

typedef enum Topology { ONE, EIGHT } Topology;  /* EIGHT: 2 sockets, 2 cores, 2 threads */
enum { ANY = -1 };
static const struct { const char *model; Topology topology; uint32_t leaf, subleaf; int64_t regs[4]; } leaves[] = {
#include "tests/tcg/cpuid-rows.h"
};

/* A realized vCPU of -cpu @text; the first one of its socket. */
static CpuX86 *new_cpu(const char *text, Topology topology, GError **err)
{
    g_autofree char *type_name = NULL;
    json_object *args = NULL;
    CpuX86 *cpu;
    bool ok;

    if (!x86_cpu_parse_model(text, &type_name, &args, err)) {
        return NULL;
    }
    cpu = CPU_X86(object_new(type_find(type_name)));
    cpu->apic_id = 0;
    cpu->check = false;
    if (topology == EIGHT) {
        cpu->sockets = cpu->cores_per_socket = cpu->threads_per_core = 2;
    }
    ok = object_set_dict(&cpu->cpu.device.object, args, NULL, err);
    json_object_put(args);
    cpu->check = false;
    return ok && device_realize(&cpu->cpu.device, NULL, err) ? cpu : NULL;
}

static CpuX86 *must(const char *text, Topology topology)
{
    g_autoptr(GError) err = NULL;
    CpuX86 *cpu = new_cpu(text, topology, &err);

    check_true(cpu != NULL, "-cpu %s: %s", text, err ? err->message : "");
    return cpu;
}

static void test_leaves(void)
{
    static const char *const names[] = { "EAX", "EBX", "ECX", "EDX" };
    const char *model = "";
    Topology topology = ONE;
    CpuX86 *cpu = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(leaves); i++) {
        uint32_t out[4];

        if (strcmp(leaves[i].model, model) || leaves[i].topology != topology) {
            model = leaves[i].model;
            topology = leaves[i].topology;
            cpu = must(model, topology);
        }
        cpu_cpuid(cpu, leaves[i].leaf, leaves[i].subleaf, out);
        for (unsigned r = 0; r < 4; r++) {
            if (leaves[i].regs[r] != ANY) {
                check_int(out[r], ==, leaves[i].regs[r], "%s, %s, leaf %x.%x, %s", model, topology == ONE ? "one" : "eight",
                          leaves[i].leaf, leaves[i].subleaf, names[r]);
            }
        }
    }
}

/* --- Models --- */

static unsigned model_count, alias_count;

static void check_model(const Type *type, void *opaque)
{
    const CpuModel *m = (const CpuModel *)type;
    CpuX86 *cpu;

    if (type->is_abstract) {
        return;
    }
    cpu = CPU_X86(object_new(type));            /* resolves every feature name of the row, or aborts */
    check_true(g_str_has_suffix(type->name, X86_CPU_SUFFIX), "%s is named as a type", type->name);
    check_true(cpu->model && !cpu->model->is_alias, "%s stands for a model", type->name);
    if (m->is_alias) {
        alias_count++;
        check_str(x86_cpu_alias_of(m->model_name), cpu->model->model_name, "what %s stands for", m->model_name);
    } else {
        model_count++;
        check_true(!x86_cpu_alias_of(m->model_name), "%s is no alias", m->model_name);
    }
    if (strcmp(m->model_name, "base")) {
        check_true(cpu_has(cpu, FEATURE_FPU), "%s has an FPU", m->model_name);
        check_int(strlen(cpu->vendor), ==, 12, "%s has a vendor", m->model_name);
        check_true(cpu_has(cpu, FEATURE_HYPERVISOR), "%s shows that it is virtual", m->model_name);
    }
    check_true(!cpu_has(cpu, FEATURE_VME), "%s: what TCG does not turn on by itself", m->model_name);
    object_unref(&cpu->cpu.device.object);
}

static void test_models(void)
{
    type_foreach(&x86_cpu_type.type, check_model, NULL);
    check_int(model_count, ==, 126, "123 versioned models, max, host and base");
    check_int(alias_count, ==, 63, "aliases");
}

static const struct { const char *claim, *text; uint16_t on, off; } features[] = {
    { "+feature", "qemu64,+ssse3", FEATURE_SSSE3, 0 },
    { "feature alone", "qemu64,ssse3", FEATURE_SSSE3, 0 },
    { "feature=on", "qemu64,ssse3=on", FEATURE_SSSE3, 0 },
    { "-feature", "Nehalem,-ssse3", FEATURE_SSE3, FEATURE_SSSE3 },
    { "feature=off", "Nehalem,ssse3=off", FEATURE_SSE3, FEATURE_SSSE3 },
    { "an underscore for a dash", "qemu64,+tsc_deadline", FEATURE_TSC_DEADLINE, 0 },
    { "a dot spelled as a dash", "qemu64,+sse4-1", FEATURE_SSE4_1, 0 },
    { "another name", "qemu64,-i64", 0, FEATURE_LM },
    { "signs beat key=value, whatever the order", "qemu64,+ssse3,ssse3=off", FEATURE_SSSE3, 0 },
    { "the last of several counts", "qemu64,ssse3=off,ssse3=on", FEATURE_SSSE3, 0 },
    { "what needs long mode goes with it", "Haswell,-lm", 0, FEATURE_PCID },
    { "what needs XSAVE goes with it", "max,-xsave", 0, FEATURE_XSAVEOPT },
    { "SVM is in the default model", "qemu64", FEATURE_SVM, FEATURE_NPT },
    { "-svm", "qemu64,-svm", 0, FEATURE_SVM },
    { "VME can", "qemu64,+vme", FEATURE_VME, 0 },
};

static void test_features(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(features); i++) {
        CpuX86 *cpu = must(features[i].text, ONE);

        check_true(cpu_has(cpu, features[i].on), "%s (%s) is on", features[i].claim, features[i].text);
        check_true(!features[i].off || !cpu_has(cpu, features[i].off), "%s (%s) is off", features[i].claim, features[i].text);
    }
}

static const struct { const char *text, *error; } refused[] = {
    { "haswel", "there is no CPU model 'haswel'; did you mean 'Haswell'?" },
    { "EPYC-Rom", "did you mean 'EPYC-Rome'?" },
    { "", "there is no CPU model ''" },
    { "host", "CPU model 'host' requires KVM" },
    { "qemu64,+ssse33", "there is no CPU feature or property 'ssse33'; did you mean 'ssse3'?" },
    { "qemu64,-rdsed", "did you mean 'rdseed'?" },
    { "qemu64,ssse3=maybe", "takes 'on' or 'off', not 'maybe'" },
    { "qemu64,,ssse3", "a feature's name is empty" },
    { "qemu64,hv-relaxed", "Hyper-V enlightenments need KVM" },
    { "qemu64,vendor=me", "exactly 12 characters, not 'me'" },
    { "qemu64,family=400", "family takes 0 to 270, not '400'" },
    { "qemu64,stepping=-1", "stepping" },
    { "qemu64,level=x", "takes an integer, not 'x'" },
    { "qemu64,phys-bits=60", "takes 0 to 52, not 60" },
    { "qemu32,phys-bits=40", "needs a CPU model with long mode" },
    { "qemu64,phys-bits=20", "32 to 52" },
    { "qemu64,tsc-frequency=1", "at least 1000" },
    { "qemu64,pmu=on", "pmu=on needs KVM" },
    { "Haswell,enforce", "CPUID[eax=07h,ecx=00h].EBX.hle [bit 4]" },
};

static void test_refused(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) err = NULL;

        check_true(!new_cpu(refused[i].text, ONE, &err), "-cpu '%s' is refused", refused[i].text);
        check_true(err && strstr(err->message, refused[i].error), "-cpu '%s' says '%s', not '%s'", refused[i].text, refused[i].error,
                   err ? err->message : "");
    }
}

/* --- What follows the vCPU's state --- */

static uint32_t leaf(CpuX86 *cpu, uint32_t n, uint32_t subleaf, unsigned reg)
{
    uint32_t out[4];

    cpu_cpuid(cpu, n, subleaf, out);
    return out[reg];
}

static void test_state_bits(void)
{
    CpuX86 *cpu = must("max", ONE);

    check_true(!(leaf(cpu, 1, 0, 2) >> 27 & 1), "OSXSAVE is clear after reset");
    cpu->cr4 |= CR4_OSXSAVE | CR4_PKE;
    check_true(leaf(cpu, 1, 0, 2) >> 27 & 1, "OSXSAVE follows CR4");
    check_true(leaf(cpu, 7, 0, 2) >> 4 & 1, "OSPKE follows CR4");
    check_true(leaf(cpu, 1, 0, 3) >> 9 & 1, "the APIC is there");
    cpu->msr.apic_base &= ~(uint64_t)APIC_BASE_ENABLE;
    check_true(!(leaf(cpu, 1, 0, 3) >> 9 & 1), "until it is disabled");
    cpu = must("Haswell", ONE);
    check_true(!(leaf(cpu, 0x80000001, 0, 3) >> 11 & 1), "SYSCALL does not show outside of 64-bit mode on Intel");
    cpu->mode_flags |= MODE_CS64;
    check_true(leaf(cpu, 0x80000001, 0, 3) >> 11 & 1, "but does in it");
}

static void test_xsave_leaves(void)
{
    CpuX86 *cpu = must("max", ONE);
    uint64_t mask = x86_cpu_xcr0_mask(cpu);

    check_int(leaf(cpu, 0xd, 0, 0), ==, mask, "components");
    check_int(leaf(cpu, 0xd, 0, 1), ==, 576, "size of x87 and SSE");
    cpu->xcr0 = mask;
    check_int(leaf(cpu, 0xd, 0, 1), ==, leaf(cpu, 0xd, 0, 2), "size of everything");
    check_int(leaf(cpu, 0xd, 2, 0), ==, mask >> 2 & 1 ? 256 : 0, "AVX: 256 bytes");
    check_int(leaf(cpu, 0xd, 2, 1), ==, mask >> 2 & 1 ? 576 : 0, "at offset 576");
    check_true(x86_cpu_xcr0_valid(cpu, 1) && x86_cpu_xcr0_valid(cpu, 3), "x87, and SSE");
    check_true(!x86_cpu_xcr0_valid(cpu, 0) && !x86_cpu_xcr0_valid(cpu, 2), "never without x87");
    check_true(!x86_cpu_xcr0_valid(cpu, 1 << 5 | 7) && !x86_cpu_xcr0_valid(cpu, 1ull << 40 | 1), "no part of AVX-512, nothing unknown");
}

static void test_highest_leaf_answers_beyond(void)
{
    CpuX86 *cpu = must("kvm64", ONE);
    uint32_t last[4], beyond[4];

    cpu_cpuid(cpu, cpu->cpuid_level, 0, last);
    cpu_cpuid(cpu, 0x3fff, 0, beyond);
    check_true(!memcmp(last, beyond, sizeof last), "a leaf beyond the highest");
    cpu_cpuid(cpu, 0x8fffffff, 0, beyond);
    check_true(!memcmp(last, beyond, sizeof last), "and beyond the highest extended one");
    check_int(leaf(must("qemu64,level=5", ONE), 0, 0, 0), ==, 5, "level= is the highest leaf");
    check_int(leaf(must("qemu64,xlevel=0x80000004", ONE), 0x80000000, 0, 0), ==, 0x80000004, "xlevel= the highest extended one");
}

static void test_identity(void)
{
    CpuX86 *cpu = must("qemu64,vendor=GenuineRhea1,family=31,model=165,stepping=9,model-id=A name", ONE);

    check_int(leaf(cpu, 1, 0, 0), ==, 0x01000000 | 10 << 16 | 15 << 8 | 5 << 4 | 9, "extended family and model");
    check_int(leaf(cpu, 0, 0, 1), ==, 0x756e6547, "vendor");
    check_int(leaf(cpu, 0x80000002, 0, 0), ==, 0x616e2041, "brand");
    check_int(leaf(cpu, 0x80000004, 0, 3), ==, 0, "which is padded with zeros");
    check_int(leaf(cpu, 0x40000000, 0, 1), ==, 0x54474354, "TCGTCGTCGTCG");
    check_int(leaf(must("qemu64,-hypervisor", ONE), 0x40000000, 0, 1) == 0x54474354, ==, false, "not without the hypervisor bit");
    check_int(leaf(must("max,phys-bits=45", ONE), 0x80000008, 0, 0) & 0xff, ==, 45, "phys-bits=");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_always_fatal(G_LOG_LEVEL_ERROR);
    g_test_add_func("/cpuid/leaves", test_leaves);
    g_test_add_func("/cpuid/models", test_models);
    g_test_add_func("/cpuid/features", test_features);
    g_test_add_func("/cpuid/refused", test_refused);
    g_test_add_func("/cpuid/state", test_state_bits);
    g_test_add_func("/cpuid/xsave", test_xsave_leaves);
    g_test_add_func("/cpuid/beyond", test_highest_leaf_answers_beyond);
    g_test_add_func("/cpuid/identity", test_identity);
    return g_test_run();
}
