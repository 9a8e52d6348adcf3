/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * APM control and status ports 0xb2 and 0xb3 of PIIX4 and ICH9: a write of APMC is how an OS talks to SMM firmware.
 */
#ifndef HW_PC_SMI_H
#define HW_PC_SMI_H

#include "core/device.h"
#include "memory/memory.h"

typedef struct ApmPorts {
    MemoryRegion region;
    Device *owner;
    void (*command)(Device *owner, uint8_t value);  /* APMC was written */
    uint8_t apmc, apms;                         /* guest state */
} ApmPorts;

extern const StateField apm_ports_state[];      /* for STATE_STRUCT */

void apm_ports_init(ApmPorts *apm, Device *owner, MemoryRegion *io, void (*command)(Device *owner, uint8_t value));
void apm_ports_reset(ApmPorts *apm);

/** smi_raise: an SMI to the vCPU that caused it (vCPU 0 if none did), or to @all. */
void smi_raise(bool all);

#endif
