/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI fixed hardware (ACPI 6.4, chapter 4): PM1 event and control blocks, PM timer, GPE0 block. Part of a chip set's
 * power-management device, which maps the regions where its configuration says and saves the state by acpi_pm_state.
 *
 *   event (timer carry, power button, GPE) -> status bit -> enabled: SCI
 *   guest writes PM1_CNT.SLP_EN -> vm_request_shutdown() or vm_request_suspend()
 *
 * The PM timer is computed from the virtual clock when it is read. A host timer is armed only while its carry would
 * raise the SCI: TMR_EN set, TMR_STS clear.
 */
#ifndef HW_ACPI_ACPI_PM_H
#define HW_ACPI_ACPI_PM_H

#include "core/device.h"
#include "memory/memory.h"

#define PM_TIMER_HZ 3579545
#define ACPI_GPE_BYTES_MAX 16

enum {
    PM1_TMR = 1 << 0, PM1_GBL = 1 << 5, PM1_PWRBTN = 1 << 8, PM1_SLPBTN = 1 << 9, PM1_RTC = 1 << 10, PM1_WAK = 1 << 15,
    PM1_EVENTS = PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC,
    PM1_CNT_SCI_EN = 1 << 0, PM1_CNT_GBL_RLS = 1 << 2, PM1_CNT_SLP_TYP_SHIFT = 10, PM1_CNT_SLP_TYP = 7 << 10,
    PM1_CNT_SLP_EN = 1 << 13
};

typedef struct AcpiPm {
    Device *owner;
    void (*sci_changed)(Device *owner, bool level);
    uint8_t gpe_bytes;                          /* status and enable halves together */
    uint8_t s4_value;                           /* SLP_TYP of S4 */
    bool disable_s3, disable_s4;
    bool sci_level;
    MemoryRegion evt_region, cnt_region, tmr_region, gpe_region;
    Timer timer;
    /* Guest state */
    uint16_t pm1_sts, pm1_en, pm1_cnt;
    uint64_t next_carry;                        /* PM timer tick at which TMR_STS is next set */
    uint8_t gpe[ACPI_GPE_BYTES_MAX];            /* status, then enable */
} AcpiPm;

extern const StateField acpi_pm_state[];        /* for STATE_STRUCT(S, field, AcpiPm, acpi_pm_state) */

/**
 * acpi_pm_init: makes the four regions (PM1 event 4 bytes, control 2, timer 4, GPE0 @gpe_bytes), mapped by the owner.
 */
void acpi_pm_init(AcpiPm *pm, Device *owner, void (*sci_changed)(Device *owner, bool level), unsigned gpe_bytes);
void acpi_pm_destroy(AcpiPm *pm);
void acpi_pm_reset(AcpiPm *pm);
void acpi_pm_loaded(AcpiPm *pm);                /* after the state came from a stream */
/** acpi_pm_set_enabled: SCI_EN follows what firmware's SMI handler would do on ACPI_ENABLE and ACPI_DISABLE. */
void acpi_pm_set_enabled(AcpiPm *pm, bool enabled);
/** acpi_pm_raise_gpe: sets GPE0 status bit @n; the SCI follows if it is enabled. */
void acpi_pm_raise_gpe(AcpiPm *pm, unsigned n);

#endif
