/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device's state as bytes: for each type from root to leaf that has `state` rows or stored `ports` registers, one
 * record of version (2 bytes), length (4 bytes) and content: the rows, then the registers in order of their rows.
 */
#include "core/device.h"

#include <string.h>

#include "core/device_internal.h"

static bool has_stored_ports(const DeviceType *type)
{
    for (const Register *r = type->ports; r && r->width; r++) {
        if (r->field) {
            return true;
        }
    }
    return false;
}

static unsigned version_of(const DeviceType *type)
{
    return type->state_version ? type->state_version : 1;
}

/* A stored register as a state row. */
static bool register_row(const Register *r, StateField rows[2])
{
    static const StateKind kinds[] = {
        [1] = STATE_KIND_U8, [2] = STATE_KIND_U16, [4] = STATE_KIND_U32, [8] = STATE_KIND_U64,
    };
    rows[0] = (StateField){ .name = r->name, .kind = kinds[r->width], .offset = r->field - 1, .count = 1 };
    rows[1] = (StateField){ 0 };
    return r->field != 0;
}

static void put_be(uint8_t *at, uint32_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        at[i] = v >> (8 * (bytes - 1 - i));
    }
}

void device_save(Device *dev, GByteArray *out)
{
    const DeviceType *chain[TYPE_DEPTH_MAX];
    StateField row[2];

    for (unsigned i = device_type_chain(dev, chain); i-- > 0; ) {
        const DeviceType *type = chain[i];
        if (!type->state && !has_stored_ports(type)) {
            continue;
        }
        if (type->pre_save) {
            type->pre_save(dev);
        }
        size_t head = out->len;
        g_byte_array_set_size(out, head + 6);
        state_save(type->state, dev, version_of(type), out);
        for (const Register *r = type->ports; r && r->width; r++) {
            if (register_row(r, row)) {
                state_save(row, dev, 1, out);
            }
        }
        put_be(out->data + head, version_of(type), 2);
        put_be(out->data + head + 2, out->len - head - 6, 4);
    }
}

static bool load_type(Device *dev, const DeviceType *type, unsigned version, const uint8_t *data, size_t len,
                      GError **err)
{
    StateField row[2];
    size_t at, used;

    if (version == 0 || version > version_of(type)) {
        return error_set(err, "state version %u is not 1 to %u", version, version_of(type));
    }
    if (!state_load(type->state, dev, version, data, len, &at, err)) {
        return false;
    }
    for (const Register *r = type->ports; r && r->width; r++) {
        if (register_row(r, row)) {
            if (!state_load(row, dev, 1, data + at, len - at, &used, err)) {
                return false;
            }
            at += used;
        }
    }
    if (at != len) {
        return error_set(err, "%zu bytes of state are left over", len - at);
    }
    return !type->post_load || type->post_load(dev, version, err);
}

static bool load_chain(Device *dev, const uint8_t *data, size_t len, size_t *used, GError **err)
{
    const DeviceType *chain[TYPE_DEPTH_MAX];
    size_t at = 0;

    for (unsigned i = device_type_chain(dev, chain); i-- > 0; ) {
        const DeviceType *type = chain[i];
        if (!type->state && !has_stored_ports(type)) {
            continue;
        }
        if (len - at < 6) {
            return error_set(err, "%s: state ends before its head", type->name);
        }
        unsigned version = data[at] << 8 | data[at + 1];
        uint32_t size = (uint32_t)data[at + 2] << 24 | data[at + 3] << 16 | data[at + 4] << 8 | data[at + 5];
        at += 6;
        if (size > len - at) {
            return error_set(err, "%s: state is %u bytes long, but %zu are left", type->name, size, len - at);
        }
        if (!load_type(dev, type, version, data + at, size, err)) {
            g_prefix_error(err, "%s: ", type->name);
            return false;
        }
        at += size;
    }
    if (used) {
        *used = at;
    }
    return true;
}

bool device_load(Device *dev, const uint8_t *data, size_t len, size_t *used, GError **err)
{
    if (load_chain(dev, data, len, used, err)) {
        return true;
    }
    device_reset(dev, RESET_COLD);              /* some rows are loaded, others not, none of them checked as a whole */
    return false;
}
