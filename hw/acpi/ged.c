/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi-ged: what a hardware-reduced PC has in place of PM registers.
 *
 * power button -> bit in the selector, pulse of the line -> the guest's _EVT reads the selector (which clears it) and
 * notifies the device that it means. Sleep control with SLP_EN and S5's type powers off; the reset register resets.
 */
#include "hw/acpi/ged.h"

#include "core/vm.h"

enum { SLP_TYP_SHIFT = 2, SLP_TYP_MASK = 7, SLP_EN = 1 << 5 };

typedef struct Ged {
    Device device;
    MemoryRegion selector_region, regs_region;
    GuestAddr selector_base, regs_base;
    IrqLine *irq;
    uint32_t events_offered;
    bool bridge_hotplug, hest_addr;
    Object *bus;
    uint32_t selector;                          /* events that the guest has not seen */
} Ged;

static uint64_t selector_read(void *opaque, uint64_t offset, unsigned size)
{
    Ged *s = opaque;
    uint32_t events = s->selector;

    s->selector = 0;
    return events;
}

static void selector_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

static const MemoryOps selector_ops = {
    .read = selector_read, .write = selector_write, .valid = { 4, 4 }, .impl = { 4, 4 },
};

static uint64_t regs_read(void *opaque, uint64_t offset, unsigned size)
{
    return 0;
}

static void regs_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    if (offset == GED_SLEEP_CONTROL && value & SLP_EN && (value >> SLP_TYP_SHIFT & SLP_TYP_MASK) == GED_SLP_TYP_S5) {
        vm_request_shutdown(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else if (offset == GED_RESET && value == GED_RESET_VALUE) {
        vm_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const MemoryOps regs_ops = { .read = regs_read, .write = regs_write, .valid = { 1, 1 }, .impl = { 1, 1 } };

static void power_button(void *opaque)
{
    Ged *s = opaque;

    s->selector |= GED_EVENT_POWER_BUTTON & s->events_offered;
    if (s->selector) {
        irq_pulse(s->irq);
    }
}

static bool ged_realize(Device *dev, GError **err)
{
    Ged *s = DEVICE(Ged, dev);

    memory_region_init_io(&s->selector_region, OBJECT(dev), &selector_ops, s, "acpi-ged", GED_SELECTOR_BYTES);
    memory_region_add(system_memory(), s->selector_base, &s->selector_region);
    memory_region_init_io(&s->regs_region, OBJECT(dev), &regs_ops, s, "acpi-ged-regs", GED_REGS_BYTES);
    memory_region_add(system_memory(), s->regs_base, &s->regs_region);
    vm_on_powerdown(power_button, s);
    return true;
}

static void ged_reset(Device *dev, ResetKind kind)
{
    DEVICE(Ged, dev)->selector = 0;
}

static bool ged_post_load(Device *dev, unsigned version, GError **err)
{
    Ged *s = DEVICE(Ged, dev);

    if (s->selector & ~s->events_offered) {
        return error_set(err, "events 0x%x are waiting, of 0x%x that there are", s->selector, s->events_offered);
    }
    return true;
}

static const Property ged_properties[] = {
    PROP_UINT32("ged-event", Ged, events_offered, 0, "Events that it tells of, as bits of the selector"),
    PROP_BOOL("acpi-pci-hotplug-with-bridge-support", Ged, bridge_hotplug, false,
              "ACPI adds and removes devices behind bridges; there is no such event here"),
    PROP_LINK("bus", Ged, bus, "PCI", "Root bus of which ACPI adds and removes devices"),
    PROP_BOOL("x-has-hest-addr", Ged, hest_addr, true, "For compatibility: does nothing"),
    { }
};

static const StateField ged_state[] = { STATE_U32(Ged, selector), { } };

static const DeviceType ged_type = {
    .name = "acpi-ged", .parent = &device_type.type, .size = sizeof(Ged), .category = CATEGORY_MISC,
    .description = "ACPI generic event device", .bus = &system_bus_type.type, .not_user_creatable = true,
    .no_hotplug = true, .properties = ged_properties, .state = ged_state, .realize = ged_realize, .reset = ged_reset,
    .post_load = ged_post_load,
};
TYPE_REGISTER(ged_type);

Device *ged_create(GuestAddr selector, GuestAddr regs, IrqLine *irq)
{
    Device *dev = device_new(&ged_type);
    Ged *s = DEVICE(Ged, dev);

    s->selector_base = selector;
    s->regs_base = regs;
    s->irq = irq;
    s->events_offered = GED_EVENT_POWER_BUTTON;
    device_realize_onboard(dev, system_bus());
    return dev;
}
