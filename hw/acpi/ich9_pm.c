/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICH9 power management block: ACPI registers, SMI enable and status, TCO watchdog, each at its place in 128 bytes. */
#include "hw/acpi/ich9_pm.h"

#include "hw/pc/smi.h"

enum { SMI_EN = 0x30, SMI_BYTES = 8, TCO_OFFSET = 0x60 };

static uint64_t smi_read(void *opaque, uint64_t offset, unsigned size)
{
    const Ich9Pm *s = opaque;
    return offset == 0 ? s->smi_en : s->smi_sts;
}

static void smi_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ich9Pm *s = opaque;
    if (offset == 0) {
        uint32_t fixed = s->smi_locked ? ICH9_SMI_EN_GBL_SMI_EN : 0;
        if ((s->smi_en & ICH9_SMI_EN_TCO_EN) && s->tco.locked) {
            fixed |= ICH9_SMI_EN_TCO_EN;        /* TCO_LOCK keeps it set */
        }
        s->smi_en = (s->smi_en & fixed) | (value & ~fixed);
    } else {
        s->smi_sts &= ~value;
    }
}

/* Narrower accesses: the other bytes of SMI_EN keep their value, those of SMI_STS are not cleared. */
static uint64_t smi_read_sized(void *opaque, uint64_t offset, unsigned size)
{
    return smi_read(opaque, offset & 4, 4) >> (8 * (offset & 3));
}

static void smi_write_sized(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ich9Pm *s = opaque;
    unsigned shift = 8 * (offset & 3);
    uint32_t mask = (size == 4 ? UINT32_MAX : (1u << (8 * size)) - 1) << shift;
    uint32_t rest = offset < 4 ? s->smi_en & ~mask : 0;
    smi_write(s, offset & 4, rest | ((uint32_t)value << shift & mask), 4);
}

static const MemoryOps smi_ops = { .read = smi_read_sized, .write = smi_write_sized, .valid = { 1, 4 },
    .impl = { 1, 4 } };

const StateField ich9_pm_state[] = {
    STATE_STRUCT(Ich9Pm, pm, AcpiPm, acpi_pm_state), STATE_STRUCT(Ich9Pm, tco, Tco, tco_state),
    STATE_U32(Ich9Pm, smi_en), STATE_U32(Ich9Pm, smi_sts), { }
};

static void tco_smi(void *opaque)
{
    Ich9Pm *s = opaque;
    s->smi_sts |= ICH9_SMI_STS_TCO_STS;
    if (s->smm_enabled && (s->smi_en & ICH9_SMI_EN_TCO_EN)) {
        smi_raise(false);
    }
}

void ich9_pm_init(Ich9Pm *s, Device *owner, void (*sci_changed)(Device *owner, bool level))
{
    acpi_pm_init(&s->pm, owner, sci_changed, ICH9_GPE0_BYTES);
    memory_region_init(&s->region, OBJECT(owner), "ich9-pm", ICH9_PM_BYTES);
    memory_region_add(&s->region, 0x00, &s->pm.evt_region);
    memory_region_add(&s->region, 0x04, &s->pm.cnt_region);
    memory_region_add(&s->region, 0x08, &s->pm.tmr_region);
    memory_region_add(&s->region, ICH9_GPE0_OFFSET, &s->pm.gpe_region);
    memory_region_init_io(&s->smi_region, OBJECT(owner), &smi_ops, s, "acpi-smi", SMI_BYTES);
    memory_region_add(&s->region, SMI_EN, &s->smi_region);
    tco_init(&s->tco, owner, tco_smi, s);
    memory_region_add(&s->region, TCO_OFFSET, &s->tco.region);
}

void ich9_pm_reset(Ich9Pm *s)
{
    s->smi_en = s->smm_enabled ? 0 : ICH9_SMI_EN_APMC_EN;   /* without SMM: firmware takes it as set up already */
    s->smi_sts = 0;
    s->smi_locked = false;
    acpi_pm_reset(&s->pm);
    tco_reset(&s->tco);
}

void ich9_pm_loaded(Ich9Pm *s)
{
    acpi_pm_loaded(&s->pm);
    tco_loaded(&s->tco);
}
