/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iBASE 700 watchdog (ISA): two write-only ports and one timer.
 *
 * Guest write to ENABLE -> enable_write() arms the timer; to DISABLE -> disable_write() stops it; expiry -> the action
 * chosen by -action watchdog=. Spec: iBASE IB700 manual, "Watchdog Timer". Only the timer is guest state.
 */
#include "core/vm.h"
#include "hw/isa/isa.h"

typedef struct Ib700 { IsaDevice isa; Timer timer; } Ib700;

static void expired(void *opaque)
{
    vm_watchdog_expired();
}

static void enable_write(Device *dev, uint64_t old, uint64_t code)
{
    Ib700 *s = DEVICE(Ib700, dev);
    /* F: 0 s ... 0: 30 s */
    timer_arm_ns(&s->timer, clock_ns(CLOCK_VIRTUAL) + 2 * (15 - (code & 0x0f)) * NS_PER_S);
}

static void disable_write(Device *dev, uint64_t old, uint64_t value)
{
    timer_stop(&DEVICE(Ib700, dev)->timer);
}

static const Register ib700_regs[] = {
    { 0x441, 1, "DISABLE", REG_WO, 0xff, .on_write = disable_write },
    { 0x443, 1, "ENABLE",  REG_WO, 0x0f, .on_write = enable_write },
    { }
};
static const StateField ib700_state[] = { STATE_TIMER(Ib700, timer), { } };

static const DeviceType ib700_type = {
    .name = "ib700", .parent = &isa_device_type.type, .size = sizeof(Ib700), .category = CATEGORY_WATCHDOG,
    .description = "iBASE 700", .no_hotplug = true, .ports = ib700_regs, .state = ib700_state,
    .timers = TIMERS(TIMER(Ib700, timer, CLOCK_VIRTUAL, expired)),
};
TYPE_REGISTER(ib700_type);
