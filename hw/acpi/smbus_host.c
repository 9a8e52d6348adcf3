/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBus host controller (smbus_host.h). */
#include "hw/acpi/smbus_host.h"

enum {
    HST_STS = 0x00, HST_CNT = 0x02, HST_CMD = 0x03, XMIT_SLVA = 0x04, HST_D0 = 0x05, HST_D1 = 0x06,
    HOST_BLOCK_DB = 0x07, PEC = 0x08, AUX_STS = 0x0c, AUX_CTL = 0x0d
};
enum {
    STS_HOST_BUSY = 0x01, STS_INTR = 0x02, STS_DEV_ERR = 0x04, STS_BUS_ERR = 0x08, STS_FAILED = 0x10,
    STS_SMBALERT = 0x20, STS_INUSE = 0x40, STS_BYTE_DONE = 0x80
};
enum { CNT_INTREN = 0x01, CNT_KILL = 0x02, CNT_CMD_SHIFT = 2, CNT_LAST_BYTE = 0x20, CNT_START = 0x40 };
enum { CMD_QUICK, CMD_BYTE, CMD_BYTE_DATA, CMD_WORD_DATA, CMD_PROC_CALL, CMD_BLOCK, CMD_I2C_READ, CMD_BLOCK_PROC };
enum { AUX_CTL_AAC = 0x01, AUX_CTL_E32B = 0x02 };
/* What goes byte by byte: nothing; a block to the slave; one from it; bytes from it until LAST_BYTE. */
enum { BYTEWISE_NONE, BYTEWISE_WRITE, BYTEWISE_READ, BYTEWISE_READ_OPEN, BYTEWISE_COUNT };
#define NOBODY 0xff

static void irq_update(SmbusHost *s)
{
    if (s->irq_changed) {
        s->irq_changed(s->owner, (s->cnt & CNT_INTREN) &&
                       (s->sts & (STS_INTR | STS_DEV_ERR | STS_BUS_ERR | STS_FAILED | STS_BYTE_DONE)));
    }
}

/* A transfer is over: @status is INTR or an error. */
static void finish(SmbusHost *s, uint8_t status)
{
    i2c_stop(&s->bus);
    s->bytewise = BYTEWISE_NONE;
    s->sts = (s->sts & ~STS_HOST_BUSY) | status;
}

static bool block_count_valid(unsigned count)
{
    return count >= 1 && count <= sizeof(((SmbusHost *)0)->block);
}

/* Command, then D0 and D1 as far as @count says, to the slave. */
static bool send_command(SmbusHost *s, unsigned slave, unsigned count)
{
    return i2c_start(&s->bus, slave, false) && i2c_send(&s->bus, s->cmd) && (count < 1 || i2c_send(&s->bus, s->data0)) &&
        (count < 2 || i2c_send(&s->bus, s->data1));
}

/* D0 and D1, as far as @count says, from the slave, after the command if @command. */
static bool receive_data(SmbusHost *s, unsigned slave, bool command, unsigned count)
{
    if ((command && !send_command(s, slave, 0)) || !i2c_start(&s->bus, slave, true)) {
        return false;
    }
    s->data0 = i2c_receive(&s->bus);
    if (count > 1) {
        s->data1 = i2c_receive(&s->bus);
    }
    return true;
}

/* Reads a block into the buffer; its count goes to D0. */
static bool receive_block(SmbusHost *s, unsigned slave)
{
    if (!i2c_start(&s->bus, slave, true)) {
        return false;
    }
    uint8_t count = i2c_receive(&s->bus);
    if (!block_count_valid(count)) {
        return false;
    }
    s->data0 = count;
    for (unsigned i = 0; i < count; i++) {
        s->block[i] = i2c_receive(&s->bus);
    }
    s->block_index = 0;
    return true;
}

static bool send_block(SmbusHost *s, unsigned slave)
{
    if (!block_count_valid(s->data0) || !send_command(s, slave, 1)) {
        return false;
    }
    for (unsigned i = 0; i < s->data0; i++) {
        if (!i2c_send(&s->bus, s->block[i])) {
            return false;
        }
    }
    s->block_index = 0;
    return true;
}

/* The next byte of a transfer that goes byte by byte; the end if there is none. */
static void bytewise_step(SmbusHost *s)
{
    if (s->bytewise != BYTEWISE_READ_OPEN) {
        if (!s->left) {
            finish(s, STS_INTR);
            return;
        }
        s->left--;
    }
    s->taken = false;
    if (s->bytewise != BYTEWISE_WRITE) {
        s->block[0] = i2c_receive(&s->bus);
    } else if (!i2c_send(&s->bus, s->block[0])) {
        finish(s, STS_DEV_ERR);
        return;
    }
    s->block_index = 0;
    s->sts |= STS_HOST_BUSY | STS_BYTE_DONE;
}

/*
 * LAST_BYTE: the byte that is coming in is the last. Here bytes take no time, so that may be the one that is there
 * already: it is, unless software has taken it.
 */
static void bytewise_limit(SmbusHost *s, unsigned left)
{
    if (s->bytewise == BYTEWISE_READ_OPEN || (s->bytewise == BYTEWISE_READ && left < s->left)) {
        s->bytewise = BYTEWISE_READ;
        s->left = left;
    }
}

static bool bytewise_begin(SmbusHost *s, unsigned slave, bool read)
{
    if ((s->cnt >> CNT_CMD_SHIFT & 7) == CMD_I2C_READ) {
        /* The slave's address register is D1, and the direction in XMIT_SLVA does not matter. */
        if (!i2c_start(&s->bus, slave, false) || !i2c_send(&s->bus, s->data1) || !i2c_start(&s->bus, slave, true)) {
            return false;
        }
        s->bytewise = BYTEWISE_READ_OPEN;
    } else if (read) {
        if (!send_command(s, slave, 0) || !i2c_start(&s->bus, slave, true)) {
            return false;
        }
        uint8_t count = i2c_receive(&s->bus);
        if (!block_count_valid(count)) {
            return false;
        }
        s->data0 = s->left = count;
        s->bytewise = BYTEWISE_READ;
    } else {
        if (!block_count_valid(s->data0) || !send_command(s, slave, 1)) {
            return false;
        }
        s->left = s->data0;
        s->bytewise = BYTEWISE_WRITE;
    }
    return true;
}

/* HOST_BLOCK_DB is the buffer's window, not a single byte. */
static bool is_buffered(const SmbusHost *s)
{
    return s->buffered || (s->aux_ctl & AUX_CTL_E32B);
}

static void transfer(SmbusHost *s)
{
    bool read = s->addr & 1, ok = false, buffered = is_buffered(s);
    unsigned slave = s->addr >> 1, command = s->cnt >> CNT_CMD_SHIFT & 7;

    switch (command) {
    case CMD_QUICK:
        ok = i2c_start(&s->bus, slave, read);
        break;
    case CMD_BYTE:
        ok = read ? receive_data(s, slave, false, 1) : send_command(s, slave, 0);
        break;
    case CMD_BYTE_DATA:
    case CMD_WORD_DATA: {
        unsigned count = command == CMD_WORD_DATA ? 2 : 1;
        ok = read ? receive_data(s, slave, true, count) : send_command(s, slave, count);
        break;
    }
    case CMD_PROC_CALL:
        ok = send_command(s, slave, 2) && receive_data(s, slave, false, 2);
        break;
    case CMD_BLOCK:
        if (buffered) {
            ok = read ? send_command(s, slave, 0) && receive_block(s, slave) : send_block(s, slave);
            break;
        }
        /* fall through */
    case CMD_I2C_READ:
        if (bytewise_begin(s, slave, read)) {
            if (s->cnt & CNT_LAST_BYTE) {
                bytewise_limit(s, 1);
            }
            bytewise_step(s);
            return;
        }
        break;
    case CMD_BLOCK_PROC:
        ok = buffered && send_block(s, slave) && receive_block(s, slave);
        break;
    }
    finish(s, ok ? STS_INTR : STS_DEV_ERR);
}

/* After an access to HOST_BLOCK_DB. */
static void block_step(SmbusHost *s)
{
    if (is_buffered(s) && !s->bytewise) {
        s->block_index = (s->block_index + 1) % sizeof(s->block);
    }
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
        s->taken = true;
        block_step(s);
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
    case HST_STS: {
        bool taken = (s->sts & value & STS_BYTE_DONE) && s->bytewise;

        s->sts &= ~(value & ~STS_HOST_BUSY);
        s->block_index = 0;
        if (taken) {
            bytewise_step(s);
        }
        break;
    }
    case HST_CNT:
        s->cnt = value & ~(CNT_START | CNT_KILL);
        if (value & CNT_KILL) {
            finish(s, STS_FAILED);
        } else if (s->bytewise && (value & CNT_LAST_BYTE)) {
            bytewise_limit(s, s->taken ? 1 : 0);
        } else if ((value & CNT_START) && !s->bytewise) {
            transfer(s);
        }
        break;
    case HST_CMD: s->cmd = value; break;
    case XMIT_SLVA: s->addr = value; break;
    case HST_D0: s->data0 = value; break;
    case HST_D1: s->data1 = value; break;
    case HOST_BLOCK_DB:
        s->block[s->block_index] = value;
        block_step(s);
        break;
    case AUX_CTL:
        s->aux_ctl = value & (AUX_CTL_AAC | AUX_CTL_E32B);
        s->block_index = 0;
        break;
    }
    irq_update(s);
}

static const MemoryOps smbus_ops = { .read = smbus_read, .write = smbus_write, .valid = { 1, 4 }, .impl = { 1, 1 } };

const StateField smbus_host_state[] = {
    STATE_U8(SmbusHost, sts), STATE_U8(SmbusHost, cnt), STATE_U8(SmbusHost, cmd), STATE_U8(SmbusHost, addr),
    STATE_U8(SmbusHost, data0), STATE_U8(SmbusHost, data1), STATE_U8(SmbusHost, aux_ctl),
    STATE_U8(SmbusHost, block_index), STATE_U8_ARRAY(SmbusHost, block), STATE_U8(SmbusHost, bytewise),
    STATE_U8(SmbusHost, left), STATE_BOOL(SmbusHost, taken), STATE_U8(SmbusHost, slave), { }
};

void smbus_host_init(SmbusHost *s, Device *owner, void (*irq_changed)(Device *owner, bool level))
{
    s->owner = owner;
    s->irq_changed = irq_changed;
    i2c_bus_init(&s->bus, owner, "i2c");
    memory_region_init_io(&s->region, OBJECT(owner), &smbus_ops, s, "pm-smbus", SMBUS_HOST_BYTES);
}

void smbus_host_reset(SmbusHost *s)
{
    i2c_stop(&s->bus);
    s->sts = s->cnt = s->cmd = s->addr = s->data0 = s->data1 = s->aux_ctl = s->block_index = 0;
    s->bytewise = BYTEWISE_NONE;
    s->left = 0;
    s->taken = false;
    s->slave = NOBODY;
    irq_update(s);
}

void smbus_host_saving(SmbusHost *s)
{
    s->slave = i2c_address(&s->bus);
}

bool smbus_host_loaded(SmbusHost *s, GError **err)
{
    if (s->block_index >= sizeof(s->block) || s->bytewise >= BYTEWISE_COUNT || s->left > sizeof(s->block)) {
        return error_set(err, "SMBus: a position in the block is beyond its buffer");
    }
    i2c_set_address(&s->bus, s->slave);
    return true;
}
