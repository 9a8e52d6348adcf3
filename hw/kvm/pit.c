/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's 8254, ports 0x40-0x43 and 0x61. It counts by the host's clock, so its counters are held while the
 * machine is stopped: fetched at the stop, given back when it goes on.
 */
#include <string.h>

#include "accel/kvm/kvm.h"
#include "core/error.h"
#include "core/vm.h"
#include "hw/kvm/kvm_devices.h"

typedef struct KvmPitChannel {
    uint32_t count;
    uint16_t latched_count;
    uint8_t count_latched, status_latched, status, read_state, write_state, write_latch, rw_mode, mode, bcd, gate;
} KvmPitChannel;
typedef struct KvmPit {
    IsaDevice isa;
    KvmPitChannel channels[3];
    bool irq0_disconnected, held;               /* held: the machine is stopped, `channels` is what counts */
} KvmPit;

static void pit_refused(const char *what, int error)
{
    GError *err = NULL;

    error_set_errno(&err, -error, "KVM %s the interval timer's state", what);
    error_fatal(err);
}

static void pit_get(KvmPit *s)
{
    struct kvm_pit_state2 state = { 0 };
    int ret = kvm_vm_ioctl(KVM_GET_PIT2, &state);

    if (ret < 0) {
        pit_refused("does not show", ret);
    }
    for (int i = 0; i < 3; i++) {
        const struct kvm_pit_channel_state *c = &state.channels[i];

        s->channels[i] = (KvmPitChannel){
            .count = c->count,
            .latched_count = c->latched_count,
            .count_latched = c->count_latched,
            .status_latched = c->status_latched,
            .status = c->status,
            .read_state = c->read_state,
            .write_state = c->write_state,
            .write_latch = c->write_latch,
            .rw_mode = c->rw_mode,
            .mode = c->mode,
            .bcd = c->bcd,
            .gate = c->gate,
        };
    }
}

static void pit_put(KvmPit *s)
{
    struct kvm_pit_state2 state = { .flags = s->irq0_disconnected ? KVM_PIT_FLAGS_HPET_LEGACY : 0 };

    for (int i = 0; i < 3; i++) {
        const KvmPitChannel *c = &s->channels[i];

        state.channels[i] = (struct kvm_pit_channel_state){
            .count = c->count,
            .latched_count = c->latched_count,
            .count_latched = c->count_latched,
            .status_latched = c->status_latched,
            .status = c->status,
            .read_state = c->read_state,
            .write_state = c->write_state,
            .write_latch = c->write_latch,
            .rw_mode = c->rw_mode,
            .mode = c->mode,
            .bcd = c->bcd,
            .gate = c->gate,
        };
    }
    int ret = kvm_vm_ioctl(KVM_SET_PIT2, &state);
    if (ret < 0) {
        pit_refused("does not take", ret);
    }
}

static void state_changed(void *opaque, bool running, RunState state)
{
    KvmPit *s = opaque;

    if (running && s->held) {
        s->held = false;
        pit_put(s);
    } else if (!running && !s->held) {
        pit_get(s);
        s->held = true;
    }
}

void kvm_pit_disconnect_irq0(Device *pit, bool disconnected)
{
    KvmPit *s = DEVICE(KvmPit, pit);

    if (disconnected == s->irq0_disconnected) {
        return;
    }
    if (!s->held) {
        pit_get(s);
    }
    s->irq0_disconnected = disconnected;
    pit_put(s);
}

static bool pit_realize(Device *dev, GError **err)
{
    KvmPit *s = DEVICE(KvmPit, dev);
    struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };
    int ret = kvm_has(KVM_CAP_PIT2) && kvm_has(KVM_CAP_PIT_STATE2) ? kvm_vm_ioctl(KVM_CREATE_PIT2, &config) : -38;

    if (ret < 0) {
        return error_set_errno(err, -ret, "KVM makes no interval timer");
    }
    vm_on_state_change(state_changed, s);
    return true;
}

static void pit_unrealize(Device *dev) { vm_off_state_change(state_changed, DEVICE(KvmPit, dev)); }

static void pit_reset(Device *dev, ResetKind kind)
{
    KvmPit *s = DEVICE(KvmPit, dev);

    for (int i = 0; i < 3; i++) {
        s->channels[i] = (KvmPitChannel){ .mode = 3, .gate = i != 2, .count = 0x10000, .rw_mode = 3 };
    }
    s->irq0_disconnected = false;
    pit_put(s);
}

static void pit_pre_save(Device *dev)
{
    KvmPit *s = DEVICE(KvmPit, dev);

    if (!s->held) {
        pit_get(s);
    }
}

static bool pit_post_load(Device *dev, unsigned version, GError **err)
{
    KvmPit *s = DEVICE(KvmPit, dev);

    for (int i = 0; i < 3; i++) {
        const KvmPitChannel *c = &s->channels[i];

        if (c->mode > 7 || c->rw_mode > 3 || c->bcd > 1 || c->gate > 1 || c->count > 0x10000) {
            return error_set(err, "channel %d has mode %u, access %u, count %u", i, c->mode, c->rw_mode, c->count);
        }
    }
    pit_put(s);
    return true;
}

static const StateField channel_state[] = {
    STATE_U32(KvmPitChannel, count), STATE_U16(KvmPitChannel, latched_count), STATE_U8(KvmPitChannel, count_latched),
    STATE_U8(KvmPitChannel, status_latched), STATE_U8(KvmPitChannel, status), STATE_U8(KvmPitChannel, read_state),
    STATE_U8(KvmPitChannel, write_state), STATE_U8(KvmPitChannel, write_latch), STATE_U8(KvmPitChannel, rw_mode),
    STATE_U8(KvmPitChannel, mode), STATE_U8(KvmPitChannel, bcd), STATE_U8(KvmPitChannel, gate), { }
};
static const StateField pit_state[] = {
    STATE_STRUCT_ARRAY(KvmPit, channels, KvmPitChannel, channel_state), STATE_BOOL(KvmPit, irq0_disconnected), { }
};

static const DeviceType kvm_pit_type = {
    .name = "kvm-pit", .parent = &isa_device_type.type, .size = sizeof(KvmPit), .not_user_creatable = true,
    .description = "8254 interval timer of KVM", .state = pit_state, .realize = pit_realize, .unrealize = pit_unrealize,
    .reset = pit_reset, .pre_save = pit_pre_save, .post_load = pit_post_load,
};
TYPE_REGISTER(kvm_pit_type);

Device *kvm_pit_create(IsaBus *bus)
{
    IsaDevice *dev = isa_new(&kvm_pit_type);

    device_realize_onboard(&dev->device, &bus->bus);
    return &dev->device;
}
