/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State rows to bytes and back. All numbers big-endian.
 *
 *   bool: one byte, 0 or 1.  uN: N/8 bytes.  int: 4 bytes.  timer: 8 bytes, expiry in ns of its clock or -1.
 *   bytes, u8 arrays: as they are.  buffer: length (4 bytes), then that many bytes.  struct: its rows.
 *   structs: their number (4 bytes), then the rows of each.
 *   A row with `needed` is preceded by a byte, 0 (absent) or 1.
 *
 * What is loaded is hostile: a short stream, a truth value other than 0 and 1, a length beyond the buffer, a negative
 * expiry other than -1 are errors naming the field; nothing is read or written out of bounds.
 */
#include "core/state.h"
#include "core/error.h"
#include "core/timer.h"

#include <string.h>

/* An array of uint8_t has the form of bytes. */
static bool is_bytes(const StateField *f)
{
    return f->kind == STATE_KIND_BYTES || f->kind == STATE_KIND_U8;
}

/* --- save --- */

static void put_number(GByteArray *out, uint64_t v, unsigned bytes)
{
    uint8_t text[8];
    for (unsigned i = 0; i < bytes; i++) {
        text[i] = v >> (8 * (bytes - 1 - i));
    }
    g_byte_array_append(out, text, bytes);
}

static void save_element(const StateField *f, unsigned i, uint8_t *at, unsigned version, GByteArray *out)
{
    switch (f->kind) {
    case STATE_KIND_BOOL:   put_number(out, ((bool *)at)[i], 1); break;
    case STATE_KIND_U16:    put_number(out, ((uint16_t *)at)[i], 2); break;
    case STATE_KIND_U32:    put_number(out, ((uint32_t *)at)[i], 4); break;
    case STATE_KIND_U64:    put_number(out, ((uint64_t *)at)[i], 8); break;
    case STATE_KIND_INT:    put_number(out, ((int *)at)[i], 4); break;
    case STATE_KIND_TIMER:  put_number(out, ((Timer *)at)[i].expire_ns, 8); break;
    case STATE_KIND_STRUCT: state_save(f->fields, at + (size_t)i * f->stride, version, out); break;
    default: g_assert_not_reached();
    }
}

void state_save(const StateField *fields, void *opaque, unsigned version, GByteArray *out)
{
    for (const StateField *f = fields; f && f->kind != STATE_END; f++) {
        uint8_t *at = (uint8_t *)opaque + f->offset;

        if (f->since > version) {
            continue;
        }
        if (f->needed) {
            bool present = f->needed(opaque);
            put_number(out, present, 1);
            if (!present) {
                continue;
            }
        }
        if (is_bytes(f)) {
            g_byte_array_append(out, at, f->count);
        } else if (f->kind == STATE_KIND_BUFFER) {
            uint32_t len = *(uint32_t *)((uint8_t *)opaque + f->length_offset);
            uint8_t *data = *(uint8_t **)at;
            g_assert(len <= f->count && (data || !len));
            put_number(out, len, 4);
            g_byte_array_append(out, data, len);
        } else if (f->kind == STATE_KIND_STRUCTS) {
            uint32_t count = *(uint32_t *)((uint8_t *)opaque + f->length_offset);
            put_number(out, count, 4);
            for (uint32_t i = 0; i < count; i++) {
                state_save(f->fields, *(uint8_t **)at + (size_t)i * f->stride, version, out);
            }
        } else {
            for (uint32_t i = 0; i < f->count; i++) {
                save_element(f, i, at, version, out);
            }
        }
    }
}

/* --- load --- */

typedef struct Reader {
    const uint8_t *data;
    size_t len, at;
    unsigned version;
    GError **err;
} Reader;

static bool take(Reader *r, const StateField *f, size_t bytes, const uint8_t **out)
{
    if (r->len - r->at < bytes) {
        return error_set(r->err, "state ends within '%s': %zu bytes are left, %zu wanted", f->name, r->len - r->at,
                         bytes);
    }
    *out = r->data + r->at;
    r->at += bytes;
    return true;
}

static bool get_number(Reader *r, const StateField *f, unsigned bytes, uint64_t *v)
{
    const uint8_t *text;
    if (!take(r, f, bytes, &text)) {
        return false;
    }
    *v = 0;
    for (unsigned i = 0; i < bytes; i++) {
        *v = *v << 8 | text[i];
    }
    return true;
}

static bool get_truth(Reader *r, const StateField *f, const char *what, bool *v)
{
    uint64_t byte;
    if (!get_number(r, f, 1, &byte)) {
        return false;
    }
    if (byte > 1) {
        return error_set(r->err, "%s of '%s' is %u, not 0 or 1", what, f->name, (unsigned)byte);
    }
    *v = byte;
    return true;
}

static bool load_timer(Reader *r, const StateField *f, Timer *timer)
{
    uint64_t v;
    if (!get_number(r, f, 8, &v)) {
        return false;
    }
    if ((int64_t)v < -1) {
        return error_set(r->err, "timer '%s' has the impossible expiry %" G_GINT64_FORMAT, f->name, (int64_t)v);
    }
    if (v == UINT64_MAX) {
        timer_stop(timer);
    } else {
        timer_arm_ns(timer, v);
    }
    return true;
}

static bool load_rows(Reader *r, const StateField *fields, uint8_t *opaque);

static bool load_element(Reader *r, const StateField *f, unsigned i, uint8_t *at)
{
    static const uint8_t width[] = {
        [STATE_KIND_U16] = 2, [STATE_KIND_U32] = 4, [STATE_KIND_U64] = 8, [STATE_KIND_INT] = 4,
    };
    uint64_t v;

    switch (f->kind) {
    case STATE_KIND_BOOL:   return get_truth(r, f, "value", &((bool *)at)[i]);
    case STATE_KIND_TIMER:  return load_timer(r, f, &((Timer *)at)[i]);
    case STATE_KIND_STRUCT: return load_rows(r, f->fields, at + (size_t)i * f->stride);
    default: break;
    }
    if (!get_number(r, f, width[f->kind], &v)) {
        return false;
    }
    switch (f->kind) {
    case STATE_KIND_U16: ((uint16_t *)at)[i] = v; break;
    case STATE_KIND_U32: ((uint32_t *)at)[i] = v; break;
    case STATE_KIND_INT: ((int *)at)[i] = (int32_t)v; break;
    default:             ((uint64_t *)at)[i] = v; break;
    }
    return true;
}

static bool load_buffer(Reader *r, const StateField *f, uint8_t *opaque)
{
    uint64_t len;
    const uint8_t *data;
    uint8_t *to = *(uint8_t **)(opaque + f->offset);

    if (!get_number(r, f, 4, &len)) {
        return false;
    }
    if (len > f->count || (len && !to)) {
        return error_set(r->err, "'%s' is %u bytes long; %u are allowed", f->name, (unsigned)len, to ? f->count : 0);
    }
    if (!take(r, f, len, &data)) {
        return false;
    }
    if (len) {
        memcpy(to, data, len);
    }
    *(uint32_t *)(opaque + f->length_offset) = len;
    return true;
}

static bool load_structs(Reader *r, const StateField *f, uint8_t *opaque)
{
    uint32_t count = *(uint32_t *)(opaque + f->length_offset);
    uint8_t *to = *(uint8_t **)(opaque + f->offset);
    uint64_t stored;

    if (!get_number(r, f, 4, &stored)) {
        return false;
    }
    if (stored != count) {
        return error_set(r->err, "'%s' has %u elements, not %u", f->name, (unsigned)stored, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!load_rows(r, f->fields, to + (size_t)i * f->stride)) {
            return false;
        }
    }
    return true;
}

static bool load_rows(Reader *r, const StateField *fields, uint8_t *opaque)
{
    for (const StateField *f = fields; f && f->kind != STATE_END; f++) {
        bool present = f->since <= r->version;
        const uint8_t *data;

        if (present && f->needed && !get_truth(r, f, "presence", &present)) {
            return false;
        }
        if (!present) {
            continue;
        }
        if (is_bytes(f)) {
            if (!take(r, f, f->count, &data)) {
                return false;
            }
            memcpy(opaque + f->offset, data, f->count);
        } else if (f->kind == STATE_KIND_BUFFER) {
            if (!load_buffer(r, f, opaque)) {
                return false;
            }
        } else if (f->kind == STATE_KIND_STRUCTS) {
            if (!load_structs(r, f, opaque)) {
                return false;
            }
        } else {
            for (uint32_t i = 0; i < f->count; i++) {
                if (!load_element(r, f, i, opaque + f->offset)) {
                    return false;
                }
            }
        }
    }
    return true;
}

bool state_load(const StateField *fields, void *opaque, unsigned version, const uint8_t *data, size_t len,
                size_t *used, GError **err)
{
    Reader r = { .data = data, .len = len, .version = version, .err = err };
    bool ok = load_rows(&r, fields, opaque);
    if (used) {
        *used = r.at;
    }
    return ok;
}
