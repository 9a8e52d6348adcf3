/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -accel kvm on x86: its options, and the machine as the kernel makes it.
 *
 * kernel-irqchip=on: local APICs, 8259 pair, IO APIC and (with the machine's pit=on) the 8254 are the kernel's; split:
 * the local APICs only; off: nothing, our models serve the guest.
 */
#include <errno.h>

#include "core/error.h"
#include "core/option.h"
#include "core/thread.h"
#include "target/i386/apic.h"
#include "target/i386/kvm/kvm_x86.h"

#define SPLIT_IRQCHIP_PINS 48                   /* of two IO APICs, whose routes tell KVM which EOIs we want */
/* Three pages of the host's own, in a hole below the firmware: Intel processors without "unrestricted guest" need them.
 */
#define IDENTITY_MAP_ADDR 0xfeffc000u
#define TSS_ADDR 0xfeffd000u

typedef enum NotifyVmexit { NOTIFY_RUN, NOTIFY_INTERNAL_ERROR, NOTIFY_DISABLE } NotifyVmexit;
static const char *const notify_words[] = { "run", "internal-error", "disable", NULL };

typedef struct KvmAccel {
    Accel accel;
    int irqchip, notify_vmexit;
    char *device;
    uint32_t shadow_mem_bytes, dirty_ring_size, notify_window;
} KvmAccel;
#define KVM(obj) ((KvmAccel *)(obj))

static const char *const irqchip_words[] = {
    [KVM_IRQCHIP_OFF] = "off", [KVM_IRQCHIP_SPLIT] = "split", [KVM_IRQCHIP_ON] = "on", NULL
};

static bool set_irqchip(Object *obj, const Property *prop, json_object *value, GError **err)
{
    const char *text = json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value) ? "on" : "off"
                                                                     : json_object_get_string(value);
    NearestWord nearest;

    nearest_init(&nearest, text ? text : "");
    for (int i = 0; irqchip_words[i]; i++) {
        if (!g_strcmp0(text, irqchip_words[i])) {
            KVM(obj)->irqchip = i;
            return true;
        }
        nearest_add(&nearest, irqchip_words[i]);
    }
    return error_set(err, "kernel-irqchip takes on, off or split, not '%s'%s", text ? text : "null",
                     nearest_hint(&nearest));
}

static json_object *get_irqchip(Object *obj, const Property *prop)
{
    return json_object_new_string(irqchip_words[KVM(obj)->irqchip]);
}

static void kvm_init(Object *obj) { KVM(obj)->irqchip = KVM_IRQCHIP_ON; }

/* split: the 8259 pair is ours and wired to the bootstrap processor. */
static void pic_intr(int level)
{
    Cpu *cpu = cpu_by_index(0);

    if (cpu && level) {
        cpu_interrupt(cpu, INTERRUPT_HARD);
    } else if (cpu) {
        cpu_interrupt_clear(cpu, INTERRUPT_HARD);
    }
}

static const ApicOutside all_in_kernel = { .send_msi = kvm_send_msi },
                         apics_in_kernel = { .send_msi = kvm_send_msi, .pic_intr = pic_intr };

static bool irqchip_create(KvmIrqchip wanted, GError **err)
{
    int ret = 0;

    if (wanted == KVM_IRQCHIP_SPLIT) {
        struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { SPLIT_IRQCHIP_PINS } };

        if (!kvm_has(KVM_CAP_SPLIT_IRQCHIP)) {
            return error_set(err, "this kernel's KVM does not have kernel-irqchip=split; use on or off");
        }
        ret = kvm_vm_ioctl(KVM_ENABLE_CAP, &cap);
    } else if (wanted == KVM_IRQCHIP_ON) {
        if (!kvm_has(KVM_CAP_IRQCHIP) || !kvm_has(KVM_CAP_IRQ_ROUTING)) {
            return error_set(err, "this kernel's KVM does not have kernel-irqchip=on; use off");
        }
        ret = kvm_vm_ioctl(KVM_CREATE_IRQCHIP, NULL);
    }
    if (ret < 0) {
        return error_set_errno(err, -ret, "kernel-irqchip=%s: KVM makes no interrupt controllers",
                               irqchip_words[wanted]);
    }
    if (wanted != KVM_IRQCHIP_OFF && kvm_has(KVM_CAP_X2APIC_API)) {
        struct kvm_enable_cap cap = {
            .cap = KVM_CAP_X2APIC_API, .args = { KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK }
        };
        kvm_vm_ioctl(KVM_ENABLE_CAP,
                     &cap); /* a host without it serves ids up to 254, which is checked with the vCPUs */
    }
    kvm.irqchip = wanted;
    apic_set_outside(wanted == KVM_IRQCHIP_ON ? &all_in_kernel : wanted == KVM_IRQCHIP_SPLIT ? &apics_in_kernel : NULL);
    return true;
}

static bool idle_exits_off(GError **err)
{
    int exits = kvm_has(KVM_CAP_X86_DISABLE_EXITS) &
                (KVM_X86_DISABLE_EXITS_MWAIT | KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE | KVM_X86_DISABLE_EXITS_CSTATE);
    struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS, .args = { exits } };
    int ret = exits ? kvm_vm_ioctl(KVM_ENABLE_CAP, &cap) : -ENOTSUP;

    return ret >= 0 ||
           error_set_errno(err, -ret, "-overcommit cpu-pm=on: this KVM does not let a guest keep the processor while it is idle");
}

static void notify_init(const KvmAccel *k)
{
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_X86_NOTIFY_VMEXIT,
        .args = { (uint64_t)k->notify_window << 32 | KVM_X86_NOTIFY_VMEXIT_ENABLED | KVM_X86_NOTIFY_VMEXIT_USER }
    };

    kvm.notify_is_error = k->notify_vmexit == NOTIFY_INTERNAL_ERROR;
    if (k->notify_vmexit != NOTIFY_DISABLE && kvm_has(KVM_CAP_X86_NOTIFY_VMEXIT)) {
        kvm_vm_ioctl(KVM_ENABLE_CAP, &cap);     /* a guard only: a host that refuses it runs guests as before */
    }
}

static bool init_machine(Accel *accel, GError **err)
{
    KvmAccel *k = KVM(accel);
    uint64_t identity = IDENTITY_MAP_ADDR;
    struct kvm_enable_cap payload = { .cap = KVM_CAP_EXCEPTION_PAYLOAD, .args = { 1 } };
    int ret;

    if (!kvm_open(k->device, err)) {
        return false;
    }
    ret = kvm_vm_ioctl(KVM_SET_IDENTITY_MAP_ADDR, &identity);
    if (ret >= 0) {
        ret = kvm_vm_ioctl(KVM_SET_TSS_ADDR, GUINT_TO_POINTER(TSS_ADDR));
    }
    if (ret < 0) {
        return error_set_errno(err, -ret, "KVM refuses its own pages at 0x%x", IDENTITY_MAP_ADDR);
    }
    if (kvm_has(KVM_CAP_EXCEPTION_PAYLOAD)) {
        kvm_vm_ioctl(KVM_ENABLE_CAP, &payload);
    }
    if (k->shadow_mem_bytes) {
        uint64_t pages = k->shadow_mem_bytes / GUEST_PAGE_SIZE;

        ret = kvm_vm_ioctl(KVM_SET_NR_MMU_PAGES, (void *)pages);
        if (ret < 0) {
            return error_set_errno(err, -ret, "KVM refuses kvm-shadow-mem=%u", k->shadow_mem_bytes);
        }
    }
    if (k->dirty_ring_size && !kvm_rings_enable(k->dirty_ring_size, err)) {
        return false;
    }
    if (kvm_cpu_pm && !idle_exits_off(err)) {
        return false;
    }
    notify_init(k);
    if (!irqchip_create(k->irqchip, err)) {
        return false;
    }
    kvm_watch_memory(address_space_memory(), 0);
    return true;
}

static const Property kvm_properties[] = {
    { .name = "kernel-irqchip",
      .kind = &prop_kind_virtual,
      .type_name = "on|off|split",
      .get = get_irqchip,
      .set = set_irqchip,
      .description = "interrupt controllers in the kernel: on, off or split (local APICs only)" },
    PROP_UINT32("kvm-shadow-mem", KvmAccel, shadow_mem_bytes, 0,
                "memory for shadow page tables in bytes; 0: the kernel's choice"),
    PROP_UINT32("dirty-ring-size", KvmAccel, dirty_ring_size, 0,
                "entries of each vCPU's ring of written pages, a power of two; 0: bitmaps instead"),
    PROP_ENUM("notify-vmexit", KvmAccel, notify_vmexit, NOTIFY_RUN, notify_words, "NotifyVMExitOption",
              "run, internal-error or disable: what if a guest keeps the processor from taking events (Intel)"),
    PROP_UINT32("notify-window", KvmAccel, notify_window, 0, "for how long, in TSC ticks, beyond the processor's own least"),
    PROP_STR("device", KvmAccel, device, "KVM's device, instead of /dev/kvm"),
    {}
};

static const AccelType kvm_accel_type = {
    .name = "kvm-accel",
    .parent = &accel_type.type,
    .size = sizeof(KvmAccel),
    .description = "run guest code on the processor by Linux's KVM",
    .properties = kvm_properties,
    .init = kvm_init,
    .init_machine = init_machine,
    .vcpu_init = kvm_vcpu_init,
    .vcpu_thread = kvm_vcpu_thread,
    .vcpu_destroy = kvm_vcpu_destroy,
    .kick = kvm_kick,
    .state_pull = kvm_state_pull,
    .state_changed = kvm_state_changed,
    .before_resume = kvm_before_resume,
};
TYPE_REGISTER(kvm_accel_type);
