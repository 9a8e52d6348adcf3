/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBus host controller: HST_CNT.START runs the protocol chosen by its command field against the addressed EEPROM; an
 * address where nobody is ends with DEV_ERR.
 */
#include "hw/acpi/smbus_host.h"

#include <string.h>

enum {
    HST_STS = 0x00, HST_CNT = 0x02, HST_CMD = 0x03, XMIT_SLVA = 0x04, HST_D0 = 0x05, HST_D1 = 0x06,
    HOST_BLOCK_DB = 0x07, PEC = 0x08, AUX_STS = 0x0c, AUX_CTL = 0x0d
};
enum {
    STS_HOST_BUSY = 0x01, STS_INTR = 0x02, STS_DEV_ERR = 0x04, STS_BUS_ERR = 0x08, STS_FAILED = 0x10,
    STS_SMBALERT = 0x20, STS_INUSE = 0x40, STS_BYTE_DONE = 0x80
};
enum { CNT_INTREN = 0x01, CNT_KILL = 0x02, CNT_CMD_SHIFT = 2, CNT_START = 0x40 };
enum { CMD_QUICK, CMD_BYTE, CMD_BYTE_DATA, CMD_WORD_DATA, CMD_PROC_CALL, CMD_BLOCK, CMD_I2C_READ, CMD_BLOCK_PROC };
enum { AUX_CTL_E32B = 0x02 };

static void irq_update(SmbusHost *s)
{
    if (s->irq_changed) {
        s->irq_changed(s->owner, (s->cnt & CNT_INTREN) &&
                       (s->sts & (STS_INTR | STS_DEV_ERR | STS_BUS_ERR | STS_FAILED)));
    }
}

static void transfer(SmbusHost *s)
{
    bool read = s->addr & 1;
    unsigned slave = s->addr >> 1, n = slave - SMBUS_EEPROM_BASE;
    unsigned command = s->cnt >> CNT_CMD_SHIFT & 7;

    if (slave < SMBUS_EEPROM_BASE || n >= SMBUS_EEPROMS || command == CMD_PROC_CALL || command == CMD_BLOCK_PROC) {
        s->sts |= STS_DEV_ERR;
        return;
    }
    uint8_t *mem = s->eeprom + n * 256, *at = &s->eeprom_at[n];
    switch (command) {
    case CMD_QUICK:
        break;
    case CMD_BYTE:
        if (read) {
            s->data0 = mem[(*at)++];
        } else {
            *at = s->cmd;
        }
        break;
    case CMD_BYTE_DATA:
    case CMD_WORD_DATA:
        *at = s->cmd;
        for (unsigned i = 0; i < (command == CMD_WORD_DATA ? 2 : 1); i++) {
            uint8_t *reg = i ? &s->data1 : &s->data0;
            if (read) {
                *reg = mem[(*at)++];
            } else {
                mem[(*at)++] = *reg;
            }
        }
        break;
    case CMD_BLOCK:
        if (read) {
            s->data0 = 32;
        } else if (s->data0 == 0 || s->data0 > 32) {
            s->sts |= STS_DEV_ERR;
            return;
        }
        /* fall through */
    case CMD_I2C_READ:
        *at = command == CMD_I2C_READ ? s->data1 : s->cmd;
        s->block_index = 0;
        for (unsigned i = 0; i < (command == CMD_I2C_READ || read ? 32 : s->data0); i++) {
            if (read || command == CMD_I2C_READ) {
                s->block[i] = mem[(*at)++];
            } else {
                mem[(*at)++] = s->block[i];
            }
        }
        break;
    }
    s->sts |= STS_INTR;
}

static uint64_t smbus_read(void *opaque, uint64_t offset, unsigned size)
{
    SmbusHost *s = opaque;
    switch (offset) {
    case HST_STS: return s->sts;
    case HST_CNT: s->block_index = 0; return s->cnt;    /* reading it rewinds the block buffer */
    case HST_CMD: return s->cmd;
    case XMIT_SLVA: return s->addr;
    case HST_D0: return s->data0;
    case HST_D1: return s->data1;
    case HOST_BLOCK_DB: {
        uint8_t value = s->block[s->block_index];
        s->block_index = (s->block_index + 1) % sizeof(s->block);
        return value;
    }
    case AUX_CTL: return s->aux_ctl;
    default: return 0;
    }
}

static void smbus_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    SmbusHost *s = opaque;
    switch (offset) {
    case HST_STS:
        s->sts &= ~(value & ~STS_HOST_BUSY);
        s->block_index = 0;
        break;
    case HST_CNT:
        s->cnt = value & ~(CNT_START | CNT_KILL);
        if (value & CNT_KILL) {
            s->sts |= STS_FAILED;
        } else if (value & CNT_START) {
            transfer(s);
        }
        break;
    case HST_CMD: s->cmd = value; break;
    case XMIT_SLVA: s->addr = value; break;
    case HST_D0: s->data0 = value; break;
    case HST_D1: s->data1 = value; break;
    case HOST_BLOCK_DB:
        s->block[s->block_index] = value;
        s->block_index = (s->block_index + 1) % sizeof(s->block);
        break;
    case AUX_CTL: s->aux_ctl = value & 0x03; break;
    }
    irq_update(s);
}

static const MemoryOps smbus_ops = { .read = smbus_read, .write = smbus_write, .valid = { 1, 4 }, .impl = { 1, 1 } };

const StateField smbus_host_state[] = {
    STATE_U8(SmbusHost, sts), STATE_U8(SmbusHost, cnt), STATE_U8(SmbusHost, cmd), STATE_U8(SmbusHost, addr),
    STATE_U8(SmbusHost, data0), STATE_U8(SmbusHost, data1), STATE_U8(SmbusHost, aux_ctl),
    STATE_U8(SmbusHost, block_index),
    STATE_U8_ARRAY(SmbusHost, block), STATE_U8_ARRAY(SmbusHost, eeprom), STATE_U8_ARRAY(SmbusHost, eeprom_at), { }
};

void smbus_host_init(SmbusHost *s, Device *owner, void (*irq_changed)(Device *owner, bool level))
{
    s->owner = owner;
    s->irq_changed = irq_changed;
    memory_region_init_io(&s->region, OBJECT(owner), &smbus_ops, s, "pm-smbus", SMBUS_HOST_BYTES);
}

void smbus_host_reset(SmbusHost *s)
{
    s->sts = s->cnt = s->cmd = s->addr = s->data0 = s->data1 = s->aux_ctl = s->block_index = 0;
    memset(s->eeprom_at, 0, sizeof(s->eeprom_at));
    irq_update(s);
}

bool smbus_host_loaded(SmbusHost *s, GError **err)
{
    if (s->block_index >= sizeof(s->block)) {
        s->block_index = 0;
        return error_set(err, "SMBus block index is beyond its buffer");
    }
    return true;
}
