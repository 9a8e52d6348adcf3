/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power management block of ICH9 (82801I, sections 13.8 and 13.9): 128 bytes of I/O at the LPC bridge's PMBASE.
 * Part of the LPC bridge, which maps `region`.
 */
#ifndef HW_ACPI_ICH9_PM_H
#define HW_ACPI_ICH9_PM_H

#include "hw/acpi/acpi_pm.h"
#include "hw/acpi/tco.h"

#define ICH9_PM_BYTES 128
#define ICH9_GPE0_OFFSET 0x20
#define ICH9_GPE0_BYTES 16
#define ICH9_ACPI_ENABLE 2
#define ICH9_ACPI_DISABLE 3

enum { ICH9_SMI_EN_GBL_SMI_EN = 1 << 0, ICH9_SMI_EN_APMC_EN = 1 << 5, ICH9_SMI_EN_TCO_EN = 1 << 13,
    ICH9_SMI_STS_TCO_STS = 1 << 13 };

typedef struct Ich9Pm {
    AcpiPm pm;
    Tco tco;
    MemoryRegion region, smi_region;
    bool smm_enabled, smi_locked;               /* GEN_PMCON_1.SMI_LOCK: GBL_SMI_EN stays as it is */
    uint32_t smi_en, smi_sts;                   /* guest state */
} Ich9Pm;

extern const StateField ich9_pm_state[];        /* for STATE_STRUCT */

void ich9_pm_init(Ich9Pm *s, Device *owner, void (*sci_changed)(Device *owner, bool level));
void ich9_pm_reset(Ich9Pm *s);
void ich9_pm_loaded(Ich9Pm *s);

#endif
