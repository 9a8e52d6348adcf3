/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers to the kernel and back: every row of the tables of target/i386/kvm, and what has no row, with other values each
 * round, while two threads keep the processors busy. A row that the kernel may not keep says so here, with the reason.
 *
 * usage: test-kvm-state off|split|on: kernel-irqchip
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/thread.h"
#include "target/i386/kvm/state.h"
#include "target/i386/native/xstate.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/system/msr.h"
#include "tests/check.h"

#define CANONICAL 0x00007fffffffffffull
#define ROUNDS 10000

static CpuX86 *cpu;
static uint64_t seed = 0x9e3779b97f4a7c15ull;

static uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Fields whose value is not free: value = (any & mask) | fixed. */
static const struct { const char *name; uint64_t mask, fixed; } limits[] = {
    { "regs.rip", CANONICAL, 0 },
    { "sregs.cr0", CR0_WP | CR0_AM | CR0_MP | CR0_TS, CR0_PE | CR0_PG | CR0_ET | CR0_NE },
    { "sregs.cr3", 0xfffffff000, 0 },
    { "sregs.cr4", CR4_PSE | CR4_PGE | CR4_OSFXSR | CR4_DE | CR4_TSD, CR4_PAE },
    { "sregs.efer", EFER_SCE, EFER_LME | EFER_LMA },
    { "sregs.apic_base", 0, APIC_BASE_DEFAULT | APIC_BASE_ENABLE | APIC_BASE_BSP },
    { "sregs.gdt.base", CANONICAL, 0 }, { "sregs.idt.base", CANONICAL, 0 },
    { "debug.db[0]", CANONICAL, 0 }, { "debug.db[1]", CANONICAL, 0 }, { "debug.db[2]", CANONICAL, 0 }, { "debug.db[3]", CANONICAL, 0 },
    { "debug.dr6", 0xe00f, 0xffff0ff0 }, { "debug.dr7", 0xffff03ff, 0x400 },
    { "events.exception.injected", 0, 1 }, { "events.exception.pending", 0, 0 }, { "events.exception.nr", 0, 14 },
    { "events.exception.has_error_code", 0, 1 }, { "events.exception.error_code", 0x1f, 0 },
    { "events.exception_has_payload", 0, 0 }, { "events.exception_payload", 0, 0 },     /* of pending ones only */
    { "events.interrupt.injected", 1, 0 }, { "events.interrupt.nr", 0xff, 0 },
    { "events.interrupt.soft", 0, 0 },           /* KVM never shows them */
    { "events.interrupt.shadow", 0, 0 },                                        /* some processors do not tell its two kinds apart */
    { "events.nmi.injected", 1, 0 }, { "events.nmi.pending", 1, 0 }, { "events.nmi.masked", 1, 0 },
    { "events.smi.smm", 0, 0 }, { "events.smi.pending", 0, 0 }, { "events.smi.smm_inside_nmi", 0, 0 },     /* would need SMM */
    { "events.smi.latched_init", 0, 0 },
    { "lapic.tpr", 0xff, 0 }, { "lapic.ldr", 0xff000000, 0 }, { "lapic.dfr", 0xf0000000, 0x0fffffff }, { "lapic.svr", 0xff, 0x100 },
    { "lapic.esr", 0xff, 0 }, { "lapic.icr_low", 0xccfff & ~(1u << 12), 0 }, { "lapic.icr_high", 0xff000000, 0 },
    { "lapic.lvt[LVT_TIMER]", 0xff, LVT_MASKED }, { "lapic.lvt[LVT_THERMAL]", 0x7ff, LVT_MASKED },
    { "lapic.lvt[LVT_PERFORMANCE]", 0x7ff, LVT_MASKED }, { "lapic.lvt[LVT_LINT0]", 0x7ff, LVT_MASKED },
    { "lapic.lvt[LVT_LINT1]", 0x7ff, LVT_MASKED }, { "lapic.lvt[LVT_ERROR]", 0xff, LVT_MASKED },
    { "lapic.divide", 0xb, 0 }, { "lapic.initial_count", 0xffffffff, 1 },
};

/* MSRs that may be anything, or nearly. Others stay as they are, and come back so. */
static const struct { uint32_t index; uint64_t mask, fixed; } free_msrs[] = {
    { MSR_SYSENTER_CS, 0xffffffff, 0 }, { MSR_SYSENTER_ESP, CANONICAL, 0 }, { MSR_SYSENTER_EIP, CANONICAL, 0 },
    { MSR_STAR, UINT64_MAX, 0 }, { MSR_LSTAR, CANONICAL, 0 }, { MSR_CSTAR, CANONICAL, 0 }, { MSR_FMASK, 0xffffffff, 0 },
    { MSR_KERNEL_GS_BASE, CANONICAL, 0 }, { MSR_PAT, 0x0101010101010101, 0 }, { MSR_TSC_ADJUST, 0xffffffff, 0 },
    { 0x200, 0xfffff000, 6 }, { 0x201, 0xfffff800, 0 }, { 0x250, 0x0101010101010101, 0 }, { 0x26f, 0x0101010101010101, 0 },
    { 0x2ff, 0xc00, 6 },
};

static uint8_t *ours_of(const KvmField *f) { return (f->of_apic ? (uint8_t *)cpu->apic : (uint8_t *)cpu) + f->ours; }

static uint64_t width_mask(const KvmField *f)
{
    unsigned bytes = MIN(f->their_bytes, f->our_bytes);
    return bytes == 8 ? UINT64_MAX : (1ull << 8 * bytes) - 1;
}

static uint64_t value_for(const KvmField *f)
{
    uint64_t value = any();

    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        if (!strcmp(limits[i].name, f->name)) {
            value = (value & limits[i].mask) | limits[i].fixed;
        }
    }
    return value & width_mask(f);
}

static uint64_t load(const KvmField *f)
{
    uint64_t value = 0;

    memcpy(&value, ours_of(f), f->our_bytes);
    return value;
}

static void store(const KvmField *f, uint64_t value) { memcpy(ours_of(f), &value, f->our_bytes); }

static void fill(void *p, size_t len)
{
    for (uint8_t *b = p; len--; b++) {
        *b = any();
    }
}

static void fill_vectors(uint64_t components)
{
    FpuState *f = &cpu->fpu;

    memset(f, 0, sizeof *f);
    f->fx.fcw = 0x37f & ~(any() & 0x3f);
    f->fx.fsw = any() & 0x7f7f;
    f->fx.ftw_abridged = any();
    f->fx.fop = any() & 0x7ff;
    f->fx.fip = any();
    f->fx.fdp = any();
    f->mxcsr = 0x1f80 & ~(any() & 0x1f80);
    for (unsigned i = 0; i < 8; i++) {
        fill(f->fx.st[i], 10);
    }
    for (unsigned i = 0; i < 16; i++) {
        fill(f->zmm[i], components >> XSTATE_ZMM_HI256 & 1 ? 64 : components >> XSTATE_AVX & 1 ? 32 : 16);
        if (components >> XSTATE_HI16_ZMM & 1) {
            fill(f->zmm[16 + i], 64);
        }
    }
    if (components >> XSTATE_OPMASK & 1) {
        fill(f->k, sizeof f->k);
    }
    if (components >> XSTATE_PKRU & 1) {
        f->pkru = any();
    }
}

static void fill_segments(void)
{
    static const int data[] = { R_ES, R_SS, R_DS, R_FS, R_GS };

    for (size_t i = 0; i < G_N_ELEMENTS(data); i++) {
        cpu->seg[data[i]] = (SegmentCache){ .base = any() & CANONICAL, .limit = UINT32_MAX, .selector = any() & ~3, .attr = 0xc093 };
    }
    cpu->seg[R_CS] = (SegmentCache){ .limit = UINT32_MAX, .selector = any() & ~3, .attr = 0xa09b };
    cpu->tr = (SegmentCache){ .base = any() & CANONICAL, .limit = any() & 0xffff, .selector = any() & ~7, .attr = 0x8b };
    cpu->ldtr = any() & 1 ? (SegmentCache){ .base = any() & CANONICAL, .limit = any() & 0xffff, .selector = any() & ~7, .attr = 0x82 }
                          : (SegmentCache){ .attr = 0 };
}

static void check_segment(const char *name, const SegmentCache *got, const SegmentCache *want)
{
    check_int(got->attr, ==, want->attr, "%s: attributes", name);
    if (want->attr) {
        check_int(got->selector, ==, want->selector, "%s: selector", name);
        check_int(got->limit, ==, want->limit, "%s: limit", name);
        check_int(got->base, ==, want->base, "%s: base", name);
    }
}

static uint64_t *free_msr_place(size_t i)
{
    const KvmX86 *k = cpu->kvm_x86;

    for (unsigned n = 0; n < k->msrs->nmsrs; n++) {
        if (k->msrs->entries[n].index == free_msrs[i].index) {
            return k->msr_places[n];
        }
    }
    return NULL;
}

static void round_trip(unsigned number, uint64_t components)
{
    static uint64_t wanted[256];
    uint64_t msrs[G_N_ELEMENTS(free_msrs)], flags = (any() & 0x3d0fd5) | RFLAGS_FIXED1;
    GError *err = NULL;
    FpuState fpu;
    CpuX86 before;

    for (size_t i = 0; i < kvm_field_count; i++) {
        wanted[i] = value_for(&kvm_fields[i]);
        store(&kvm_fields[i], wanted[i]);
    }
    fill_segments();
    fill_vectors(components);
    cpu_set_rflags(cpu, flags);
    cpu->interrupt_shadow = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(free_msrs); i++) {
        msrs[i] = (any() & free_msrs[i].mask) | free_msrs[i].fixed;
        if (free_msr_place(i)) {
            *free_msr_place(i) = msrs[i];
        }
    }
    fpu = cpu->fpu;
    before = *cpu;
    check_true(kvm_x86_put_state(&cpu->cpu, KVM_LEVEL_FULL, &err), "round %u: %s", number, err ? err->message : "");

    for (size_t i = 0; i < kvm_field_count; i++) {
        if (kvm_parts[kvm_fields[i].part].there()) {
            store(&kvm_fields[i], ~wanted[i]);
        }
    }
    memset(cpu->seg, 0x5a, sizeof cpu->seg);
    memset(&cpu->tr, 0x5a, sizeof cpu->tr);
    memset(&cpu->fpu, 0x5a, sizeof cpu->fpu);
    cpu_set_rflags(cpu, ~flags & 0x3d0fd5);
    for (size_t i = 0; i < G_N_ELEMENTS(free_msrs); i++) {
        if (free_msr_place(i)) {
            *free_msr_place(i) = ~msrs[i];
        }
    }
    check_true(kvm_x86_get_state(&cpu->cpu, &err), "round %u: %s", number, err ? err->message : "");

    for (size_t i = 0; i < kvm_field_count; i++) {
        check_int(load(&kvm_fields[i]), ==, wanted[i], "round %u: %s", number, kvm_fields[i].name);
    }
    check_int(cpu_get_rflags(cpu), ==, flags, "round %u: RFLAGS", number);
    static const char *const names[SEG_COUNT] = { "ES", "CS", "SS", "DS", "FS", "GS" };
    for (int i = 0; i < SEG_COUNT; i++) {
        check_segment(names[i], &cpu->seg[i], &before.seg[i]);
    }
    check_segment("TR", &cpu->tr, &before.tr);
    check_segment("LDTR", &cpu->ldtr, &before.ldtr);
    check_true(!memcmp(&cpu->fpu.fx, &fpu.fx, 24), "round %u: x87 control and pointers", number);
    check_true(!memcmp(cpu->fpu.fx.st, fpu.fx.st, sizeof fpu.fx.st), "round %u: x87 registers", number);
    check_int(cpu->fpu.mxcsr, ==, fpu.mxcsr, "round %u: MXCSR", number);
    for (unsigned i = 0; i < 32; i++) {
        size_t len = components >> XSTATE_ZMM_HI256 & 1 ? 64 : i >= 16 ? 0 : components >> XSTATE_AVX & 1 ? 32 : 16;
        check_true(!memcmp(cpu->fpu.zmm[i], fpu.zmm[i], len), "round %u: vector register %u", number, i);
    }
    if (components >> XSTATE_OPMASK & 1) {
        check_true(!memcmp(cpu->fpu.k, fpu.k, sizeof fpu.k), "round %u: mask registers", number);
    }
    if (components >> XSTATE_PKRU & 1) {
        check_int(cpu->fpu.pkru, ==, fpu.pkru, "round %u: PKRU", number);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(free_msrs); i++) {
        if (free_msr_place(i)) {
            check_int(*free_msr_place(i), ==, msrs[i], "round %u: MSR %#x", number, free_msrs[i].index);
        }
    }
}

static void all_rounds(Cpu *c, void *unused)
{
    uint32_t leaf[4];
    unsigned there = 0;
    GError *err = NULL;

    kvm_host_cpuid(0xd, 0, leaf);
    check_true(kvm_x86_put_state(c, KVM_LEVEL_FULL, &err), "the state after reset is taken: %s", err ? err->message : "");
    for (size_t i = 0; i < G_N_ELEMENTS(free_msrs); i++) {
        there += free_msr_place(i) != NULL;
    }
    check_true(there >= 9, "%u of %zu MSRs are there", there, G_N_ELEMENTS(free_msrs));
    check_true(kvm_field_count > 60, "%zu rows", kvm_field_count);
    for (unsigned i = 0; i < ROUNDS; i++) {
        round_trip(i, leaf[0]);
    }
}

static bool idle;
static void *busy(void *unused)
{
    for (volatile uint64_t n = 0; !__atomic_load_n(&idle, __ATOMIC_RELAXED); n++) {
    }
    return NULL;
}

static bool kvm_here(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

int main(int argc, char **argv)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    json_object *args = json_object_new_object();
    GError *err = NULL;
    pthread_t threads[2];

    if (!kvm_here()) {
        printf("1..0 # SKIP no /dev/kvm\n");
        return 0;
    }
    g_assert(argc == 2);
    json_object_object_add(args, "accel", json_object_new_string("kvm"));
    json_object_object_add(args, "kernel-irqchip", json_object_new_string(argv[1]));
    g_ptr_array_add(list, args);
    bql_lock();
    check_true(accel_init(list, &err), "KVM: %s", err ? err->message : "");
    cpu = CPU_X86(device_new((const DeviceType *)type_find("max-x86_64-cpu")));
    cpu->apic_id = 0;
    check_true(device_realize(&cpu->cpu.device, NULL, &err), "vCPU: %s", err ? err->message : "");
    for (int i = 0; i < 2; i++) {
        threads[i] = thread_start("busy", busy, NULL);
    }
    cpu_run_on(&cpu->cpu, all_rounds, NULL);
    __atomic_store_n(&idle, true, __ATOMIC_RELAXED);
    bql_unlock();
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("1..1\nok 1 - %d rounds of all registers, kernel-irqchip=%s\n", ROUNDS, argv[1]);
    return 0;
}
