/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Register maps: one guest access becomes accesses to the rows that it covers.
 *
 * An access is walked byte by byte from its lowest address: each row met is read or written once, with the bytes of it
 * that the access covers; bytes without a row are absent. Any offset and size a guest can form is fine here.
 */
#include "core/register.h"
#include "core/device.h"
#include "core/log.h"

#include <string.h>

TRACE_EVENT(register_read, "%s %s = 0x%" PRIx64);
TRACE_EVENT(register_write, "%s %s <- 0x%" PRIx64);

static uint64_t bytes_mask(unsigned bytes)
{
    return bytes >= 8 ? UINT64_MAX : (1ull << (bytes * 8)) - 1;
}

/* The storage holds the host's order; rows are little-endian values, so that a wide field's low bytes are its value. */
static uint64_t row_load(const Register *r, Device *dev)
{
    const void *field = (char *)dev + r->field - 1;
    if (!r->field) {
        return 0;
    }
    switch (r->width) {
    case 1: return *(const uint8_t *)field;
    case 2: return *(const uint16_t *)field;
    case 4: return *(const uint32_t *)field;
    default: return *(const uint64_t *)field;
    }
}

static void row_store(const Register *r, Device *dev, uint64_t value)
{
    void *field = (char *)dev + r->field - 1;
    if (!r->field) {
        return;
    }
    switch (r->width) {
    case 1: *(uint8_t *)field = value; break;
    case 2: *(uint16_t *)field = value; break;
    case 4: *(uint32_t *)field = value; break;
    default: *(uint64_t *)field = value; break;
    }
}

/* The exact row of the whole access, if there is one that allows direction @denied's opposite. */
static const Register *find_exact(const Register *regs, uint32_t offset, unsigned size, RegisterAccess denied)
{
    for (const Register *r = regs; r->width; r++) {
        if (r->exact && r->offset == offset && r->width == size && r->access != denied) {
            return r;
        }
    }
    return NULL;
}

/* The row that holds byte @offset. */
static const Register *find_byte(const Register *regs, uint32_t offset, RegisterAccess denied)
{
    for (const Register *r = regs; r->width; r++) {
        if (!r->exact && offset - r->offset < r->width && r->access != denied) {
            return r;
        }
    }
    return NULL;
}

/* Reads bytes [@first, +@count) of row @r. */
static uint64_t row_read(const Register *r, Device *dev, unsigned first, unsigned count)
{
    uint64_t value = row_load(r, dev);
    uint64_t clear = r->read_clear & bytes_mask(count) << (first * 8);

    if (value & clear) {
        row_store(r, dev, value & ~clear);
    }
    if (r->on_read) {
        value = r->on_read(dev, value);
    }
    value &= bytes_mask(r->width);
    trace(register_read, dev->object.type->name, r->name, value);
    return value >> (first * 8) & bytes_mask(count);
}

/* Writes bytes [@first, +@count) of row @r. */
static void row_write(const Register *r, Device *dev, unsigned first, unsigned count, uint64_t bytes)
{
    uint64_t covered = bytes_mask(count) << (first * 8) & bytes_mask(r->width);
    uint64_t old = row_load(r, dev), written = bytes << (first * 8) & covered, value;

    if (r->field) {
        uint64_t changes = r->writable & covered;
        value = (old & ~changes) | (written & changes);
        value &= ~(written & r->write_1_clear);
        row_store(r, dev, value);
    } else {
        value = r->writable ? written & (r->writable | r->write_1_clear) : written;
    }
    trace(register_write, dev->object.type->name, r->name, written);
    if (r->on_write) {
        r->on_write(dev, old, value);
    }
}

uint64_t registers_read(const Register *regs, Device *dev, uint32_t offset, unsigned size, uint64_t absent)
{
    const Register *r = find_exact(regs, offset, size, REG_WO);
    uint64_t result = 0;
    bool missing = false;

    if (r) {
        return row_read(r, dev, 0, size);
    }
    for (unsigned at = 0, count; at < size; at += count) {
        uint64_t value;
        r = find_byte(regs, offset + at, REG_WO);
        if (r) {
            unsigned first = offset + at - r->offset;
            count = MIN(size - at, r->width - first);
            value = row_read(r, dev, first, count);
        } else {
            count = 1;
            value = absent >> (at * 8) & 0xff;
            missing = true;
        }
        result |= value << (at * 8);
    }
    if (missing) {
        LOG(LOG_GUEST_ERROR, "%s: read of %u bytes at 0x%x, where no readable register is\n",
            dev->object.type->name, size, offset);
    }
    return result;
}

void registers_write(const Register *regs, Device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    const Register *r = find_exact(regs, offset, size, REG_RO);
    bool missing = false;

    if (r) {
        row_write(r, dev, 0, size, value);
        return;
    }
    for (unsigned at = 0, count; at < size; at += count) {
        r = find_byte(regs, offset + at, REG_RO);
        if (r) {
            unsigned first = offset + at - r->offset;
            count = MIN(size - at, r->width - first);
            row_write(r, dev, first, count, value >> (at * 8));
        } else {
            count = 1;
            missing = true;
        }
    }
    if (missing) {
        LOG(LOG_GUEST_ERROR, "%s: write of 0x%" PRIx64 " (%u bytes) at 0x%x, where no writable register is\n",
            dev->object.type->name, value, size, offset);
    }
}

void registers_reset(const Register *regs, Device *dev)
{
    for (const Register *r = regs; r->width; r++) {
        row_store(r, dev, r->reset);
    }
}
