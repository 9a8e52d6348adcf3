/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmclock: the guest reads the time from a page that the kernel fills. While the machine is stopped that time stands
 * still: read at the stop, set again when it goes on; the vCPUs are told so that their watchdogs do not bark.
 */
#include "accel/kvm/kvm.h"
#include "core/error.h"
#include "core/vm.h"
#include "hw/kvm/kvm_devices.h"

typedef struct KvmClock { Device device; uint64_t clock_ns; bool valid; } KvmClock;

static void clock_get(KvmClock *s)
{
    struct kvm_clock_data data = { 0 };
    int ret = kvm_vm_ioctl(KVM_GET_CLOCK, &data);

    if (ret < 0) {
        warn_report("KVM does not tell its clock: %s; the guest's goes on while it is stopped", g_strerror(-ret));
        return;
    }
    s->clock_ns = data.clock;
    s->valid = true;
}

static void clock_put(KvmClock *s)
{
    struct kvm_clock_data data = { .clock = s->clock_ns };
    Cpu *cpu;
    int ret = kvm_vm_ioctl(KVM_SET_CLOCK, &data);

    s->valid = false;
    if (ret < 0) {
        warn_report("KVM does not take its clock: %s", g_strerror(-ret));
        return;
    }
    CPU_FOREACH(cpu) {
        if (cpu->kvm && kvm_has(KVM_CAP_KVMCLOCK_CTRL)) {
            kvm_vcpu_ioctl(cpu, KVM_KVMCLOCK_CTRL, NULL);       /* -EINVAL: this guest does not use it */
        }
    }
}

static void state_changed(void *opaque, bool running, RunState state)
{
    KvmClock *s = opaque;

    if (running && s->valid) {
        clock_put(s);
    } else if (!running && !s->valid) {
        clock_get(s);
    }
}

static bool clock_realize(Device *dev, GError **err)
{
    vm_on_state_change(state_changed, DEVICE(KvmClock, dev));
    return true;
}

static void clock_unrealize(Device *dev) { vm_off_state_change(state_changed, DEVICE(KvmClock, dev)); }

static void clock_pre_save(Device *dev)
{
    if (!DEVICE(KvmClock, dev)->valid) {
        clock_get(DEVICE(KvmClock, dev));
    }
}

static const StateField clock_state[] = { STATE_U64(KvmClock, clock_ns), STATE_BOOL(KvmClock, valid), { } };

static const DeviceType kvm_clock_type = {
    .name = "kvmclock",
    .parent = &device_type.type,
    .size = sizeof(KvmClock),
    .bus = &system_bus_type.type,
    .not_user_creatable = true,
    .description = "KVM's paravirtual clock",
    .state = clock_state,
    .realize = clock_realize,
    .unrealize = clock_unrealize,
    .pre_save = clock_pre_save,
};
TYPE_REGISTER(kvm_clock_type);

void kvm_clock_create(void) { device_create_onboard(&kvm_clock_type, system_bus()); }
