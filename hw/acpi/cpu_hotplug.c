/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers of CPU hot-plug by ACPI (cpu_hotplug.h). */
#include "hw/acpi/cpu_hotplug.h"

#include <string.h>

#include "core/log.h"
#include "hw/machine.h"
#include "hw/pc/pc.h"

TRACE_EVENT(acpi_cpu_plugged, "cpu %u");
TRACE_EVENT(acpi_cpu_unplug_request, "cpu %u");
TRACE_EVENT(acpi_cpu_eject, "cpu %u");
TRACE_EVENT(acpi_cpu_ost, "cpu %u event 0x%x status 0x%x");

enum { REG_SELECTOR = 0, REG_CONTROL = 4, REG_COMMAND = 5, REG_DATA = 8, HOTPLUG_GPE = 2 };
enum { STATUS_ENABLED = 1 << 0, SLOT_INSERTING = 1 << 1, SLOT_REMOVING = 1 << 2, CONTROL_EJECT = 1 << 3, SLOT_FIRMWARE = 1 << 4,
    SLOT_EJECTED = 1 << 7 };                    /* it is no more for the guest, and will be for nobody in a moment */
enum { COMMAND_NEXT, COMMAND_OST_EVENT, COMMAND_OST_STATUS, COMMAND_ID, COMMANDS };

static AcpiCpuHotplug *machine_hotplug;
void (*acpi_cpu_ost_hook)(unsigned index, uint32_t event, uint32_t status);

AcpiCpuHotplug *acpi_cpu_hotplug(void) { return machine_hotplug; }

static unsigned slot_count(const AcpiCpuHotplug *h) { return h->slots_bytes / ACPI_CPU_SLOT_BYTES; }
static uint8_t *slot(const AcpiCpuHotplug *h, unsigned index) { return h->slots + (size_t)index * ACPI_CPU_SLOT_BYTES; }

static uint32_t ost_get(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return GUINT32_FROM_LE(value);
}

static void ost_put(uint8_t *at, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(at, &value, sizeof(value));
}

void acpi_cpu_ost(const AcpiCpuHotplug *h, unsigned index, uint32_t *event, uint32_t *status)
{
    *event = ost_get(slot(h, index) + 1);
    *status = ost_get(slot(h, index) + 5);
}

static bool enabled(const AcpiCpuHotplug *h, unsigned index)
{
    return cpu_by_index(index) && !(*slot(h, index) & SLOT_EJECTED);
}

static uint64_t read_data(const AcpiCpuHotplug *h, bool high)
{
    switch (h->command) {
    case COMMAND_NEXT:
        return high ? 0 : h->selector;
    case COMMAND_ID:
        return high ? 0 : pc_apic_id(&current_machine->smp, h->selector);
    default:
        return 0;
    }
}

static uint64_t hotplug_read(void *opaque, uint64_t offset, unsigned size)
{
    const AcpiCpuHotplug *h = opaque;

    if (h->selector >= slot_count(h)) {
        return 0;
    }
    switch (offset) {
    case REG_SELECTOR:
        return read_data(h, true);
    case REG_CONTROL:
        return (enabled(h, h->selector) ? STATUS_ENABLED : 0) |
               (*slot(h, h->selector) & (SLOT_INSERTING | SLOT_REMOVING | SLOT_FIRMWARE));
    case REG_DATA:
        return read_data(h, false);
    default:
        return 0;
    }
}

static void control(AcpiCpuHotplug *h, uint8_t value)
{
    uint8_t *s = slot(h, h->selector);

    if (value & SLOT_INSERTING) {
        *s &= ~SLOT_INSERTING;
    } else if (value & SLOT_REMOVING) {
        *s &= ~SLOT_REMOVING;
    } else if (value & CONTROL_EJECT) {
        if (h->selector == 0 || !enabled(h, h->selector)) {
            LOG(LOG_GUEST_ERROR, "ACPI CPU hot-plug: ejection of CPU %u, which %s\n", h->selector,
                h->selector ? "is not there" : "has to stay");
            return;
        }
        trace(acpi_cpu_eject, h->selector);
        *s = (*s & ~(SLOT_INSERTING | SLOT_REMOVING | SLOT_FIRMWARE)) | SLOT_EJECTED;
        bh_schedule(h->eject);
    } else if (value & SLOT_FIRMWARE) {
        *s ^= SLOT_FIRMWARE;
    }
}

/* The first slot with something new, from the selected one round to it. */
static void select_next(AcpiCpuHotplug *h)
{
    unsigned count = slot_count(h);

    for (unsigned i = 0; i < count; i++) {
        unsigned at = (h->selector + i) % count;
        if (*slot(h, at) & (SLOT_INSERTING | SLOT_REMOVING | SLOT_FIRMWARE)) {
            h->selector = at;
            return;
        }
    }
}

static void write_data(AcpiCpuHotplug *h, uint32_t value)
{
    uint8_t *s = slot(h, h->selector);

    if (h->command == COMMAND_OST_EVENT) {
        ost_put(s + 1, value);
    } else if (h->command == COMMAND_OST_STATUS) {
        ost_put(s + 5, value);
        trace(acpi_cpu_ost, h->selector, ost_get(s + 1), value);
        if (acpi_cpu_ost_hook) {
            acpi_cpu_ost_hook(h->selector, ost_get(s + 1), value);
        }
    }
}

static void hotplug_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    AcpiCpuHotplug *h = opaque;

    if (offset == REG_SELECTOR) {
        h->selector = value;
        return;
    }
    if (h->selector >= slot_count(h)) {
        LOG(LOG_GUEST_ERROR, "ACPI CPU hot-plug: CPU %u is selected, of %u\n", h->selector, slot_count(h));
        return;
    }
    switch (offset) {
    case REG_CONTROL:
        control(h, value);
        break;
    case REG_COMMAND:
        if (value < COMMANDS) {
            h->command = value;
        }
        if (value == COMMAND_NEXT) {
            select_next(h);
        }
        break;
    case REG_DATA:
        write_data(h, value);
        break;
    default:
        LOG(LOG_GUEST_ERROR, "ACPI CPU hot-plug: write of 0x%" PRIx64 " to read-only register 0x%" PRIx64 "\n",
            value, offset);
    }
}

static const MemoryOps hotplug_ops = { .read = hotplug_read, .write = hotplug_write, .valid = { 1, 4 },
    .impl = { 1, 4 } };

/* Coming and going */

static void eject(void *opaque)
{
    AcpiCpuHotplug *h = opaque;

    for (unsigned i = 0; i < slot_count(h); i++) {
        if (*slot(h, i) & SLOT_EJECTED) {
            Cpu *cpu = cpu_by_index(i);
            if (cpu && i) {
                device_remove(&cpu->device);
            }
            *slot(h, i) &= ~SLOT_EJECTED;
        }
    }
}

void acpi_cpu_plugged(AcpiCpuHotplug *h, unsigned index)
{
    trace(acpi_cpu_plugged, index);
    *slot(h, index) |= SLOT_INSERTING;
    acpi_pm_raise_gpe(h->pm, HOTPLUG_GPE);
}

void acpi_cpu_unplug_request(AcpiCpuHotplug *h, unsigned index)
{
    trace(acpi_cpu_unplug_request, index);
    *slot(h, index) |= SLOT_REMOVING;
    acpi_pm_raise_gpe(h->pm, HOTPLUG_GPE);
}

void acpi_cpu_hotplug_init(AcpiCpuHotplug *h, Device *owner, AcpiPm *pm, MemoryRegion *io, uint16_t base)
{
    h->pm = pm;
    h->slots = g_malloc0((size_t)ACPI_CPU_SLOTS_MAX * ACPI_CPU_SLOT_BYTES);
    h->slots_bytes = MIN(current_machine->smp.max_cpus, (unsigned)ACPI_CPU_SLOTS_MAX) * ACPI_CPU_SLOT_BYTES;
    h->eject = bh_new(NULL, eject, h);
    memory_region_init_io(&h->region, OBJECT(owner), &hotplug_ops, h, "acpi-cpu-hotplug", ACPI_CPU_HOTPLUG_BYTES);
    memory_region_add(io, base, &h->region);
    machine_hotplug = h;
}

bool acpi_cpu_hotplug_loaded(AcpiCpuHotplug *h, GError **err)
{
    uint32_t expected = current_machine->smp.max_cpus * ACPI_CPU_SLOT_BYTES, loaded = h->slots_bytes;

    h->slots_bytes = expected;
    if (loaded != expected) {
        return error_set(err, "%u bytes about places for CPUs are not those of %u", loaded, current_machine->smp.max_cpus);
    }
    if (h->command >= COMMANDS) {
        return error_set(err, "CPU hot-plug has no command %u", h->command);
    }
    for (unsigned i = 0; i < slot_count(h); i++) {
        if (*slot(h, i) & SLOT_EJECTED) {
            bh_schedule(h->eject);
        }
    }
    return true;
}

const StateField acpi_cpu_hotplug_state[] = {
    STATE_U32(AcpiCpuHotplug, selector), STATE_U8(AcpiCpuHotplug, command),
    STATE_BUFFER(AcpiCpuHotplug, slots, slots_bytes, ACPI_CPU_SLOTS_MAX * ACPI_CPU_SLOT_BYTES), { }
};
