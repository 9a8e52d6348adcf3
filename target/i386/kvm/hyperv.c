/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hyper-V enlightenments (hv-* of -cpu): what a Windows guest is shown in CPUID leaves 40000000h and up, and what KVM
 * must be told for it to work. With any of them on, KVM's own leaves move to 40000100h.
 *
 * One row an enlightenment: its bits in each leaf, and what it is no use without. The host must give all of its bits.
 * Spec: Microsoft, Hypervisor Top Level Functional Specification 6.0b, chapter 2.4.
 */
#include <errno.h>
#include <string.h>

#include "core/error.h"
#include "target/i386/kvm/hyperv.h"

enum {
    LEAF_VENDOR = 0x40000000,
    LEAF_INTERFACE,
    LEAF_VERSION,
    LEAF_FEATURES,
    LEAF_HINTS,
    LEAF_LIMITS,
    LEAF_NESTED = 0x4000000a
};
enum {
    FEATURES_HYPERCALL = 1 << 5,
    FEATURES_POST_SIGNAL_EBX = 1 << 4 | 1 << 5,
    FEATURES_DYNAMIC_PARTITIONING_EDX = 1 << 3
};
enum { HINTS_NO_NONARCH_CORESHARING = 1 << 18 };
#define INTERFACE_HV1 0x31237648u               /* "Hv#1" */
#define LIMIT_VPS UINT32_MAX                    /* none told */
#define LIMIT_LPS 64

typedef struct Enlightenment {
    const char *name;
    uint32_t features_eax, features_edx, hints_eax, nested_eax;
    uint32_t needs;                             /* HYPERV_* as a mask */
} Enlightenment;
#define BIT(n) (1u << (n))
#define NEEDS(id) BIT(HYPERV_##id)

static const Enlightenment rows[HYPERV_COUNT] = {
    [HYPERV_RELAXED] = { "hv-relaxed", .hints_eax = BIT(5) },
    [HYPERV_VAPIC] = { "hv-vapic", .features_eax = BIT(4), .hints_eax = BIT(3) },
    [HYPERV_TIME] = { "hv-time", .features_eax = BIT(1) | BIT(9) },
    [HYPERV_CRASH] = { "hv-crash", .features_edx = BIT(10) },
    [HYPERV_RESET] = { "hv-reset", .features_eax = BIT(7) },
    [HYPERV_VPINDEX] = { "hv-vpindex", .features_eax = BIT(6) },
    [HYPERV_RUNTIME] = { "hv-runtime", .features_eax = BIT(0) },
    [HYPERV_SYNIC] = { "hv-synic", .features_eax = BIT(2) },
    [HYPERV_STIMER] = { "hv-stimer", .features_eax = BIT(3), .needs = NEEDS(SYNIC) | NEEDS(TIME) },
    [HYPERV_FREQUENCIES] = { "hv-frequencies", .features_eax = BIT(11), .features_edx = BIT(8) },
    [HYPERV_REENLIGHTENMENT] = { "hv-reenlightenment", .features_eax = BIT(13) },
    [HYPERV_TLBFLUSH] = { "hv-tlbflush", .hints_eax = BIT(2) | BIT(11), .needs = NEEDS(VPINDEX) },
    [HYPERV_EVMCS] = { "hv-evmcs", .hints_eax = BIT(14), .needs = NEEDS(VAPIC) },
    [HYPERV_IPI] = { "hv-ipi", .hints_eax = BIT(10) | BIT(11), .needs = NEEDS(VPINDEX) },
    [HYPERV_STIMER_DIRECT] = { "hv-stimer-direct", .features_edx = BIT(19), .needs = NEEDS(STIMER) },
    [HYPERV_AVIC] = { "hv-avic", .hints_eax = BIT(9) },
    [HYPERV_EMSR_BITMAP] = { "hv-emsr-bitmap", .nested_eax = BIT(19) },
    [HYPERV_XMM_INPUT] = { "hv-xmm-input", .features_edx = BIT(4) },
    [HYPERV_TLBFLUSH_EXT] = { "hv-tlbflush-ext", .features_edx = BIT(14), .needs = NEEDS(TLBFLUSH) },
    [HYPERV_TLBFLUSH_DIRECT] = { "hv-tlbflush-direct", .nested_eax = BIT(17), .needs = NEEDS(VAPIC) },
};

static const struct kvm_cpuid2 *host_entries(CpuX86 *cpu)
{
    static struct kvm_cpuid2 *table;
    const unsigned count = 32;

    if (!table && kvm_has(KVM_CAP_HYPERV_CPUID)) {
        table = g_malloc0(sizeof *table + count * sizeof table->entries[0]);
        table->nent = count;
        if (kvm_vcpu_ioctl(&cpu->cpu, KVM_GET_SUPPORTED_HV_CPUID, table) < 0) {
            table->nent = 0;
        }
    }
    return table;
}

static void host_leaf(CpuX86 *cpu, uint32_t leaf, uint32_t out[4])
{
    const struct kvm_cpuid2 *table = host_entries(cpu);

    memset(out, 0, 4 * sizeof *out);
    for (unsigned i = 0; table && i < table->nent; i++) {
        if (table->entries[i].function == leaf) {
            const struct kvm_cpuid_entry2 *e = &table->entries[i];
            memcpy(out, (uint32_t[]){ e->eax, e->ebx, e->ecx, e->edx }, 4 * sizeof *out);
        }
    }
}

static bool host_gives(CpuX86 *cpu, const Enlightenment *e)
{
    uint32_t features[4], hints[4], nested[4];

    host_leaf(cpu, LEAF_FEATURES, features);
    host_leaf(cpu, LEAF_HINTS, hints);
    host_leaf(cpu, LEAF_NESTED, nested);
    /* Advice to the guest rather than something that KVM does: kernels list it or not. */
    uint32_t advice =
        e == &rows[HYPERV_RELAXED] || e == &rows[HYPERV_VAPIC] || e == &rows[HYPERV_AVIC] ? UINT32_MAX : 0;
    return !(e->features_eax & ~features[0]) && !(e->features_edx & ~features[3]) &&
           !(e->hints_eax & ~(hints[0] | advice)) && !(e->nested_eax & ~nested[0]);
}

static bool any_on(const CpuX86 *cpu)
{
    return cpu->hyperv || cpu->hv_passthrough || cpu->hv_spinlocks != UINT32_MAX;
}

bool hyperv_enabled(const CpuX86 *cpu) { return any_on(cpu); }

static bool check(CpuX86 *cpu, GError **err)
{
    for (unsigned i = 0; i < HYPERV_COUNT; i++) {
        const Enlightenment *e = &rows[i];
        uint32_t missing = e->needs & ~cpu->hyperv;

        if (cpu->hv_passthrough && host_gives(cpu, e) && !missing) {
            cpu->hyperv |= BIT(i);
        }
        if (!(cpu->hyperv & BIT(i))) {
            continue;
        }
        if (missing) {
            return error_set(err, "%s needs %s too", e->name, rows[__builtin_ctz(missing)].name);
        }
        if (!host_gives(cpu, e)) {
            return error_set(err, "%s cannot be had: this host's KVM does not offer it", e->name);
        }
    }
    return true;
}

static bool set_msr(CpuX86 *cpu, uint32_t index, uint64_t value)
{
    struct {
        struct kvm_msrs info;
        struct kvm_msr_entry entry;
    } one = { .info = { .nmsrs = 1 }, .entry = { .index = index, .data = value } };

    return kvm_vcpu_ioctl(&cpu->cpu, KVM_SET_MSRS, &one) == 1;
}

bool hyperv_init(CpuX86 *cpu, GError **err)
{
    if (!any_on(cpu)) {
        return true;
    }
    if (!kvm_has(KVM_CAP_HYPERV)) {
        return error_set(err, "Hyper-V enlightenments cannot be had: this host's KVM has none");
    }
    if (!check(cpu, err)) {
        return false;
    }
    if (cpu->hyperv & NEEDS(SYNIC)) {
        struct kvm_enable_cap cap = { .cap = KVM_CAP_HYPERV_SYNIC2 };
        int ret = kvm_vcpu_ioctl(&cpu->cpu, KVM_ENABLE_CAP, &cap);

        if (ret < 0) {
            return error_set_errno(err, -ret, "hv-synic cannot be had%s",
                                   kvm.irqchip == KVM_IRQCHIP_OFF ? " with kernel-irqchip=off" : "");
        }
    }
    return true;
}

bool hyperv_after_cpuid(CpuX86 *cpu, GError **err)
{
    enum { MSR_VP_INDEX = 0x40000002 };

    if (cpu->hv_enforce_cpuid && any_on(cpu)) {
        struct kvm_enable_cap cap = { .cap = KVM_CAP_HYPERV_ENFORCE_CPUID, .args = { 1 } };
        int ret = kvm_vcpu_ioctl(&cpu->cpu, KVM_ENABLE_CAP, &cap);

        if (ret < 0) {
            return error_set_errno(err, -ret, "hv-enforce-cpuid cannot be had");
        }
    }
    if (cpu->hyperv & NEEDS(VPINDEX) && !set_msr(cpu, MSR_VP_INDEX, cpu->cpu.index)) {
        return error_set(err, "hv-vpindex cannot be had: KVM does not let vCPU %d have index %d", cpu->cpu.index,
                         cpu->cpu.index);
    }
    return true;
}

static void fill_features(const CpuX86 *cpu, uint32_t features[4], uint32_t hints[4], uint32_t nested[4])
{
    for (unsigned i = 0; i < HYPERV_COUNT; i++) {
        if (cpu->hyperv & BIT(i)) {
            features[0] |= rows[i].features_eax;
            features[3] |= rows[i].features_edx;
            hints[0] |= rows[i].hints_eax;
            nested[0] |= rows[i].nested_eax;
        }
    }
    features[0] |= FEATURES_HYPERCALL;
    features[1] |= cpu->hyperv & NEEDS(SYNIC) ? FEATURES_POST_SIGNAL_EBX : 0;
    features[3] |= FEATURES_DYNAMIC_PARTITIONING_EDX;       /* Windows wants it for CPUs that come later */
    hints[0] |= cpu->hv_no_nonarch_coresharing == ON_OFF_AUTO_ON ? HINTS_NO_NONARCH_CORESHARING : 0;
    hints[1] = cpu->hv_spinlocks;
}

unsigned hyperv_leaves(const CpuX86 *cpu, HypervLeaf leaves[HYPERV_LEAVES_MAX])
{
    uint32_t features[4] = { 0 }, hints[4] = { 0 }, nested[4] = { 0 };
    bool has_nested = cpu->hyperv & (NEEDS(EVMCS) | NEEDS(EMSR_BITMAP) | NEEDS(TLBFLUSH_DIRECT));
    char vendor[13] = { 0 };
    unsigned n = 0;

    if (!any_on(cpu)) {
        return 0;
    }
    fill_features(cpu, features, hints, nested);
    g_strlcpy(vendor, cpu->hv_vendor_id ? cpu->hv_vendor_id : "Microsoft Hv", sizeof vendor);
    leaves[n] = (HypervLeaf){ LEAF_VENDOR, { has_nested ? LEAF_NESTED : LEAF_LIMITS } };
    memcpy(&leaves[n++].out[1], vendor, 12);
    leaves[n++] = (HypervLeaf){ LEAF_INTERFACE, { INTERFACE_HV1 } };
    leaves[n++] = (HypervLeaf){ LEAF_VERSION,
                                { cpu->hv_build, (uint32_t)cpu->hv_major << 16 | cpu->hv_minor, cpu->hv_spack,
                                  (uint32_t)cpu->hv_sbranch << 24 | (cpu->hv_snumber & 0xffffff) } };
    leaves[n++] = (HypervLeaf){ LEAF_FEATURES, { features[0], features[1], features[2], features[3] } };
    leaves[n++] = (HypervLeaf){ LEAF_HINTS, { hints[0], hints[1] } };
    leaves[n++] = (HypervLeaf){ LEAF_LIMITS, { LIMIT_VPS, LIMIT_LPS } };
    if (has_nested) {
        leaves[n++] = (HypervLeaf){ LEAF_NESTED, { nested[0] } };
    }
    return n;
}
