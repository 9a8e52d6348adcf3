/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel's SMBus host controller, register block of PIIX4 (82371AB, 7.3) and ICH9 (82801I, section 20.2), and the I2C bus
 * that it masters. The bytes of a transfer take no time.
 *
 *   HST_CNT.START -> the protocol in HST_CNT.SMB_CMD runs against the slave in XMIT_SLVA -> HST_STS.INTR, or DEV_ERR if
 *   it did not acknowledge or the count of a block is not 1 to 32
 *   block, through the 32-byte buffer (PIIX4; ICH9 with AUX_CTL.E32B): all at once
 *   block and I2C read, byte by byte (ICH9): HOST_BUSY stays, BYTE_DONE is set a byte; software takes or gives it in
 *   HOST_BLOCK_DB and clears BYTE_DONE, which moves the next; after the last one INTR
 */
#ifndef HW_ACPI_SMBUS_HOST_H
#define HW_ACPI_SMBUS_HOST_H

#include "hw/i2c/i2c.h"
#include "memory/memory.h"

#define SMBUS_HOST_BYTES 64
#define SMBUS_EEPROMS 8                         /* memory slots of the boards */

typedef struct SmbusHost {
    MemoryRegion region;
    void (*irq_changed)(Device *owner, bool level);
    Device *owner;
    I2cBus bus;
    bool buffered;                              /* blocks always go through the buffer: PIIX4 */
    /* Guest state */
    uint8_t sts, cnt, cmd, addr, data0, data1, aux_ctl, block_index;
    uint8_t block[32];
    uint8_t bytewise;                           /* a transfer that goes byte by byte is under way: SMBUS_BYTEWISE_... */
    uint8_t left;                               /* bytes of its block still to move */
    bool taken;                                 /* software has read the byte that is there */
    uint8_t slave;                              /* its address; saved from `bus` */
} SmbusHost;

extern const StateField smbus_host_state[];     /* for STATE_STRUCT */

/** smbus_host_init: @irq_changed NULL: no interrupt. The owner maps `region`. */
void smbus_host_init(SmbusHost *s, Device *owner, void (*irq_changed)(Device *owner, bool level));
void smbus_host_reset(SmbusHost *s);
void smbus_host_saving(SmbusHost *s);
bool smbus_host_loaded(SmbusHost *s, GError **err);

#endif
