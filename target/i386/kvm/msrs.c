/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSRs between CpuX86 and the kernel: those that the kernel lists (and the memory types and machine check banks, which
 * it has without listing them) and that have a place in CpuX86, as the table of system/msr.c tells.
 *
 * A host may list an MSR and then refuse it (nested hosts do): such an MSR is left out from then on.
 */
#include <string.h>

#include "core/error.h"
#include "core/log.h"
#include "target/i386/kvm/hyperv.h"
#include "target/i386/kvm/kvm_x86.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/system/msr.h"

/* Not in KVM_GET_MSR_INDEX_LIST, but always there; or nearly, see above. */
static const struct { uint32_t first, last; uint16_t feature;
} unlisted[] = {
    { 0x200, 0x20f, FEATURE_MTRR }, { 0x250, 0x250, FEATURE_MTRR }, { 0x258, 0x259, FEATURE_MTRR },
    { 0x268, 0x26f, FEATURE_MTRR }, { 0x2ff, 0x2ff, FEATURE_MTRR },
};

/* What is written when: the rest with every hand-over. */
static KvmLevel level_of(uint32_t index)
{
    switch (index) {
    case MSR_TSC: case MSR_UCODE_REV:
        return KVM_LEVEL_FULL;                  /* a reset does not stop the TSC */
    case MSR_TSC_ADJUST:
    case 0x200 ... 0x2ff:
    case 0x4b564d00 ... 0x4b564dff:
    case MSR_HYPERV_FIRST ... MSR_HYPERV_LAST:
        return index == MSR_PAT ? KVM_LEVEL_RUNTIME : KVM_LEVEL_RESET;
    default:
        return KVM_LEVEL_RUNTIME;
    }
}

static uint64_t *place_of(CpuX86 *cpu, uint32_t index)
{
    switch (index) {
    case MSR_TSC:
        return &cpu->msr.tsc_saved;
    case MSR_TSC_DEADLINE:
        return kvm_x86_apic_in_kernel() && cpu_has(cpu, FEATURE_TSC_DEADLINE) ? &cpu->apic->deadline : NULL;
    case MSR_HYPERV_FIRST ... MSR_HYPERV_LAST:
        return hyperv_enabled(cpu) ? msr_storage(cpu, index) : NULL;
    default:
        return msr_storage(cpu, index);
    }
}

static bool readable(CpuX86 *cpu, uint32_t index)
{
    struct {
        struct kvm_msrs info;
        struct kvm_msr_entry entry;
    } one = { .info = { .nmsrs = 1 }, .entry = { .index = index } };

    return kvm_vcpu_ioctl(&cpu->cpu, KVM_GET_MSRS, &one) == 1;
}

static void add(CpuX86 *cpu, uint32_t index)
{
    KvmX86 *k = cpu->kvm_x86;
    uint64_t *place = place_of(cpu, index);
    unsigned n = k->msrs->nmsrs;

    for (unsigned i = 0; i < n; i++) {
        if (k->msr_places[i] == place) {
            return;                             /* two indices of one register: kvmclock's */
        }
    }
    if (!place || !readable(cpu, index)) {
        return;
    }
    k->msrs = g_realloc(k->msrs, sizeof *k->msrs + (n + 1) * sizeof k->msrs->entries[0]);
    k->msr_places = g_renew(uint64_t *, k->msr_places, n + 1);
    k->msrs->entries[n] = (struct kvm_msr_entry){ .index = index };
    k->msr_places[n] = place;
    k->msrs->nmsrs = n + 1;
}

void kvm_msrs_init(CpuX86 *cpu)
{
    struct kvm_msr_list count = { 0 };
    g_autofree struct kvm_msr_list *list = NULL;

    cpu->kvm_x86->msrs = g_new0(struct kvm_msrs, 1);
    kvm_system_ioctl(KVM_GET_MSR_INDEX_LIST, &count);
    list = g_malloc0(sizeof *list + count.nmsrs * sizeof list->indices[0]);
    list->nmsrs = count.nmsrs;
    if (kvm_system_ioctl(KVM_GET_MSR_INDEX_LIST, list) < 0) {
        list->nmsrs = 0;
    }
    for (unsigned i = 0; i < list->nmsrs; i++) {
        add(cpu, list->indices[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(unlisted); i++) {
        for (uint32_t index = unlisted[i].first; cpu_has(cpu, unlisted[i].feature) && index <= unlisted[i].last;
             index++) {
            add(cpu, index);
        }
    }
    if (cpu_has(cpu, FEATURE_ARCH_CAPABILITIES)) {
        struct {
            struct kvm_msrs info;
            struct kvm_msr_entry entry;
        } one = { .info = { .nmsrs = 1 }, .entry = { .index = MSR_ARCH_CAPABILITIES } };

        uint64_t value = 0;

        msr_read(cpu, MSR_ARCH_CAPABILITIES, &value);
        one.entry.data = value;
        if (kvm_vcpu_ioctl(&cpu->cpu, KVM_SET_MSRS, &one) != 1) {
            warn_report("KVM does not take IA32_ARCH_CAPABILITIES 0x%llx", (unsigned long long)one.entry.data);
        }
    }
    for (uint32_t n = 0; n < 4 * (cpu->msr.mcg_cap & 0xff); n++) {
        add(cpu, MSR_MC0_CTL + n);
    }
}

static void leave_out(KvmX86 *k, unsigned n)
{
    k->msrs->nmsrs--;
    memmove(&k->msrs->entries[n], &k->msrs->entries[n + 1], (k->msrs->nmsrs - n) * sizeof k->msrs->entries[0]);
    memmove(&k->msr_places[n], &k->msr_places[n + 1], (k->msrs->nmsrs - n) * sizeof k->msr_places[0]);
}

bool kvm_msrs_get(CpuX86 *cpu, GError **err)
{
    KvmX86 *k = cpu->kvm_x86;
    int done;

    while ((done = kvm_vcpu_ioctl(&cpu->cpu, KVM_GET_MSRS, k->msrs)) >= 0 && (unsigned)done < k->msrs->nmsrs) {
        warn_report("KVM does not show MSR 0x%x of vCPU %d", k->msrs->entries[done].index, cpu->cpu.index);
        leave_out(k, done);
    }
    if (done < 0) {
        return error_set_errno(err, -done, "MSRs");
    }
    for (unsigned i = 0; i < k->msrs->nmsrs; i++) {
        *k->msr_places[i] = k->msrs->entries[i].data;
    }
    return true;
}

bool kvm_msrs_put(CpuX86 *cpu, KvmLevel level, GError **err)
{
    KvmX86 *k = cpu->kvm_x86;
    g_autofree struct kvm_msrs *some = g_malloc0(sizeof *some + k->msrs->nmsrs * sizeof some->entries[0]);
    unsigned from = 0;

    for (unsigned i = 0; i < k->msrs->nmsrs; i++) {
        uint32_t index = k->msrs->entries[i].index;

        /* 0 is where the kernel starts the counter, in step with those of the other vCPUs. */
        if (level >= level_of(index) && !(index == MSR_TSC && !cpu->msr.tsc_saved)) {
            some->entries[some->nmsrs++] = (struct kvm_msr_entry){ .index = index, .data = *k->msr_places[i] };
        }
    }
    /* The kernel stops at the first that it refuses. */
    while (from < some->nmsrs) {
        g_autofree struct kvm_msrs *rest = g_malloc0(sizeof *rest + (some->nmsrs - from) * sizeof rest->entries[0]);
        struct kvm_msr_entry *refused;
        int done;

        rest->nmsrs = some->nmsrs - from;
        memcpy(rest->entries, &some->entries[from], rest->nmsrs * sizeof rest->entries[0]);
        done = kvm_vcpu_ioctl(&cpu->cpu, KVM_SET_MSRS, rest);
        if (done < 0) {
            return error_set_errno(err, -done, "MSRs");
        }
        from += done;
        if (from == some->nmsrs) {
            break;
        }
        refused = &some->entries[from++];
        LOG(LOG_UNIMP, "vCPU %d: KVM does not let MSR 0x%x be 0x%llx\n", cpu->cpu.index, refused->index,
            (unsigned long long)refused->data);
        for (unsigned i = 0; i < k->msrs->nmsrs; i++) {
            if (k->msrs->entries[i].index == refused->index) {
                leave_out(k, i);
                break;
            }
        }
    }
    return true;
}
