/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PM1 registers, PM timer and GPE0 of ACPI (see acpi_pm.h).
 *
 * TMR_STS is set each time bit 23 of the 24-bit timer changes. `next_carry` is the tick of the next change that is not
 * yet in the status; reading the status or the arming of the host timer compares it with the present tick.
 */
#include "hw/acpi/acpi_pm.h"

#include <string.h>

#include "core/log.h"
#include "core/vm.h"

TRACE_EVENT(acpi_pm_sleep, "type %u");
TRACE_EVENT(acpi_pm_sci, "level %d status 0x%x enable 0x%x");

#define CARRY_TICKS (1ull << 23)

static uint64_t now_ticks(void)
{
    return muldiv64(clock_ns(CLOCK_VIRTUAL), PM_TIMER_HZ, NS_PER_S);
}

static uint64_t carry_after(uint64_t tick)
{
    return (tick / CARRY_TICKS + 1) * CARRY_TICKS;
}

/* TMR_STS as of now. */
static void catch_up(AcpiPm *pm)
{
    if (now_ticks() >= pm->next_carry) {
        pm->pm1_sts |= PM1_TMR;
    }
}

static void update(AcpiPm *pm)
{
    unsigned half = pm->gpe_bytes / 2;
    catch_up(pm);
    bool level = (pm->pm1_sts & pm->pm1_en & PM1_EVENTS) != 0;

    for (unsigned i = 0; i < half; i++) {
        level |= (pm->gpe[i] & pm->gpe[half + i]) != 0;
    }
    if (level != pm->sci_level) {
        trace(acpi_pm_sci, level, pm->pm1_sts, pm->pm1_en);
        pm->sci_level = level;
        pm->sci_changed(pm->owner, level);
    }
    if ((pm->pm1_en & PM1_TMR) && !(pm->pm1_sts & PM1_TMR)) {
        /* One nanosecond late rather than a tick early. */
        timer_arm_ns(&pm->timer, muldiv64(pm->next_carry, NS_PER_S, PM_TIMER_HZ) + 1);
    } else {
        timer_stop(&pm->timer);
    }
}

static void carry_due(void *opaque)
{
    update(opaque);
    vm_request_wakeup(WAKEUP_PM_TIMER);
}

/* PM1 event block: status (write 1 to clear), enable. */

static uint64_t evt_read(void *opaque, uint64_t offset, unsigned size)
{
    AcpiPm *pm = opaque;
    catch_up(pm);
    return offset == 0 ? pm->pm1_sts : pm->pm1_en;
}

static void enable_wakeup(const AcpiPm *pm)
{
    vm_enable_wakeup(WAKEUP_RTC, pm->pm1_en & PM1_RTC);
    vm_enable_wakeup(WAKEUP_PM_TIMER, pm->pm1_en & PM1_TMR);
}

static void evt_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;
    if (offset == 0) {
        catch_up(pm);
        if (value & pm->pm1_sts & PM1_TMR) {
            pm->next_carry = carry_after(now_ticks());
        }
        pm->pm1_sts &= ~value;
    } else {
        pm->pm1_en = value & PM1_EVENTS;
    }
    enable_wakeup(pm);
    update(pm);
}

static uint64_t evt_read_sized(void *opaque, uint64_t offset, unsigned size)
{
    return size == 1 ? evt_read(opaque, offset & 2, 2) >> (8 * (offset & 1)) : evt_read(opaque, offset, size);
}

/* A byte write leaves the other half of its register alone: for the status that means writing zeros there. */
static void evt_write_sized(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;
    if (size == 1) {
        unsigned shift = 8 * (offset & 1);
        uint16_t keep = offset < 2 ? 0 : pm->pm1_en & ~(0xffu << shift);
        evt_write(pm, offset & 2, keep | (value & 0xff) << shift, 2);
    } else {
        evt_write(pm, offset, value, size);
    }
}

static const MemoryOps evt_ops = { .read = evt_read_sized, .write = evt_write_sized, .valid = { 1, 4 },
    .impl = { 1, 2 } };

/* PM1 control */

static void sleep_requested(AcpiPm *pm, unsigned type)
{
    trace(acpi_pm_sleep, type);
    if (type == 0) {                                    /* the types are those our DSDT names: \_S5 0, \_S3 1 */
        vm_request_shutdown(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else if (type == 1 && !pm->disable_s3) {
        vm_request_suspend();
    } else if (type == pm->s4_value && !pm->disable_s4) {
        vm_guest_saved_to_disk();
    } else {
        LOG(LOG_GUEST_ERROR, "ACPI: sleep type %u is not offered\n", type);
    }
}

static uint64_t cnt_read(void *opaque, uint64_t offset, unsigned size)
{
    return ((AcpiPm *)opaque)->pm1_cnt >> (8 * offset);
}

static void cnt_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;
    uint16_t mask = size == 2 ? 0xffff : 0xff << (8 * offset);
    uint16_t merged = (pm->pm1_cnt & ~mask) | (value << (8 * offset) & mask);

    pm->pm1_cnt = merged & ~(PM1_CNT_SLP_EN | PM1_CNT_GBL_RLS);    /* both read as 0 */
    if (merged & PM1_CNT_SLP_EN) {
        sleep_requested(pm, (merged & PM1_CNT_SLP_TYP) >> PM1_CNT_SLP_TYP_SHIFT);
    }
}

static const MemoryOps cnt_ops = { .read = cnt_read, .write = cnt_write, .valid = { 1, 2 }, .impl = { 1, 2 } };

/* PM timer: 24 bits, read-only */

static uint64_t tmr_read(void *opaque, uint64_t offset, unsigned size)
{
    return now_ticks() & 0xffffff;
}

static void tmr_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

static const MemoryOps tmr_ops = { .read = tmr_read, .write = tmr_write, .valid = { 1, 4 }, .impl = { 4, 4 } };

/* GPE0: status bytes (write 1 to clear), then enable bytes */

static uint64_t gpe_read(void *opaque, uint64_t offset, unsigned size)
{
    return ((AcpiPm *)opaque)->gpe[offset];
}

static void gpe_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;
    if (offset < pm->gpe_bytes / 2) {
        pm->gpe[offset] &= ~value;
    } else {
        pm->gpe[offset] = value;
    }
    update(pm);
}

static const MemoryOps gpe_ops = { .read = gpe_read, .write = gpe_write, .valid = { 1, 4 }, .impl = { 1, 1 } };

/* Life */

static void power_button(void *opaque)
{
    AcpiPm *pm = opaque;
    if (pm->pm1_en & PM1_PWRBTN) {
        pm->pm1_sts |= PM1_PWRBTN;
        update(pm);
    }
}

static void woken(void *opaque)
{
    AcpiPm *pm = opaque;
    static const uint16_t source[WAKEUP_REASONS] = {
        [WAKEUP_OTHER] = PM1_PWRBTN, [WAKEUP_RTC] = PM1_RTC, [WAKEUP_PM_TIMER] = PM1_TMR
    };
    pm->pm1_sts |= PM1_WAK | source[vm_wakeup_reason()];
    update(pm);
}

const StateField acpi_pm_state[] = {
    STATE_U16(AcpiPm, pm1_sts), STATE_U16(AcpiPm, pm1_en), STATE_U16(AcpiPm, pm1_cnt), STATE_U64(AcpiPm, next_carry),
    STATE_U8_ARRAY(AcpiPm, gpe), { }
};

void acpi_pm_init(AcpiPm *pm, Device *owner, void (*sci_changed)(Device *owner, bool level), unsigned gpe_bytes)
{
    g_assert(gpe_bytes <= ACPI_GPE_BYTES_MAX && gpe_bytes % 2 == 0);
    pm->owner = owner;
    pm->sci_changed = sci_changed;
    pm->gpe_bytes = gpe_bytes;
    timer_init(&pm->timer, NULL, CLOCK_VIRTUAL, carry_due, pm);
    memory_region_init_io(&pm->evt_region, OBJECT(owner), &evt_ops, pm, "acpi-evt", 4);
    memory_region_init_io(&pm->cnt_region, OBJECT(owner), &cnt_ops, pm, "acpi-cnt", 2);
    memory_region_init_io(&pm->tmr_region, OBJECT(owner), &tmr_ops, pm, "acpi-tmr", 4);
    memory_region_init_io(&pm->gpe_region, OBJECT(owner), &gpe_ops, pm, "acpi-gpe0", gpe_bytes);
    vm_on_powerdown(power_button, pm);
    vm_on_wakeup(woken, pm);
}

void acpi_pm_destroy(AcpiPm *pm)
{
    timer_stop(&pm->timer);
    memory_region_destroy(&pm->evt_region);
    memory_region_destroy(&pm->cnt_region);
    memory_region_destroy(&pm->tmr_region);
    memory_region_destroy(&pm->gpe_region);
}

void acpi_pm_reset(AcpiPm *pm)
{
    pm->pm1_sts = pm->pm1_en = pm->pm1_cnt = 0;
    memset(pm->gpe, 0, sizeof(pm->gpe));
    enable_wakeup(pm);
    pm->next_carry = carry_after(now_ticks());
    update(pm);
}

void acpi_pm_loaded(AcpiPm *pm)
{
    pm->pm1_en &= PM1_EVENTS;
    enable_wakeup(pm);
    pm->next_carry = MIN(pm->next_carry, carry_after(now_ticks()));
    update(pm);
}

void acpi_pm_set_enabled(AcpiPm *pm, bool enabled)
{
    pm->pm1_cnt = enabled ? pm->pm1_cnt | PM1_CNT_SCI_EN : pm->pm1_cnt & ~PM1_CNT_SCI_EN;
}

void acpi_pm_raise_gpe(AcpiPm *pm, unsigned n)
{
    g_assert(n < pm->gpe_bytes * 4u);
    pm->gpe[n / 8] |= 1 << n % 8;
    update(pm);
}
