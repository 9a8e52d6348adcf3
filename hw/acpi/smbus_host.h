/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel's SMBus host controller, register block of PIIX4 and ICH9 (82801I, section 20.2), with the SPD EEPROMs of the
 * memory slots (addresses 0x50-0x57, 256 bytes each, all zero) on its bus. Transfers finish at once.
 */
#ifndef HW_ACPI_SMBUS_HOST_H
#define HW_ACPI_SMBUS_HOST_H

#include "core/device.h"
#include "memory/memory.h"

#define SMBUS_HOST_BYTES 64
#define SMBUS_EEPROMS 8
#define SMBUS_EEPROM_BASE 0x50

typedef struct SmbusHost {
    MemoryRegion region;
    void (*irq_changed)(Device *owner, bool level);
    Device *owner;
    /* Guest state */
    uint8_t sts, cnt, cmd, addr, data0, data1, aux_ctl, block_index;
    uint8_t block[32];
    uint8_t eeprom[SMBUS_EEPROMS * 256];
    uint8_t eeprom_at[SMBUS_EEPROMS];           /* address pointer of each, for byte transfers without a command */
} SmbusHost;

extern const StateField smbus_host_state[];     /* for STATE_STRUCT */

/** smbus_host_init: @irq_changed NULL: no interrupt. The owner maps `region`. */
void smbus_host_init(SmbusHost *s, Device *owner, void (*irq_changed)(Device *owner, bool level));
void smbus_host_reset(SmbusHost *s);
bool smbus_host_loaded(SmbusHost *s, GError **err);

#endif
