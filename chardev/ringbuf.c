/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ringbuf: output goes to a ring in memory, read by ringbuf-read; what does not fit pushes out the oldest.
 *
 * `produced` and `consumed` count bytes since the start; 0 <= produced - consumed <= size, and size is a power of two.
 */
#include <string.h>

#include "chardev/backend.h"

#define RINGBUF_MAX_BYTES (256u << 20)

typedef struct RingbufChardev {
    Chardev chr;
    uint64_t size;
    uint64_t produced, consumed;
    uint8_t *bytes;
} RingbufChardev;

static bool ringbuf_open(Chardev *chr, json_object *args, GError **err)
{
    RingbufChardev *s = (RingbufChardev *)chr;

    if (s->size == 0 || (s->size & (s->size - 1))) {
        return error_set(err, "size of ringbuf chardev must be power of two, not %" G_GUINT64_FORMAT, s->size);
    }
    if (s->size > RINGBUF_MAX_BYTES) {
        return error_set(err, "size of ringbuf chardev must be at most %u bytes", RINGBUF_MAX_BYTES);
    }
    s->bytes = g_malloc(s->size);
    chardev_be_event(chr, CHARDEV_OPENED);
    return true;
}

static int ringbuf_write(Chardev *chr, const uint8_t *buf, int len)
{
    RingbufChardev *s = (RingbufChardev *)chr;

    for (int i = 0; i < len; i++) {
        s->bytes[s->produced++ & (s->size - 1)] = buf[i];
    }
    if (s->produced - s->consumed > s->size) {
        s->consumed = s->produced - s->size;
    }
    return len;
}

static void ringbuf_finalize(Object *obj) { g_free(((RingbufChardev *)obj)->bytes); }

static const Property ringbuf_properties[] = {
    PROP_SIZE("size", RingbufChardev, size, 65536, "bytes kept, a power of two"),
    { }
};

static const ChardevType chardev_ringbuf_type = {
    .name = "chardev-ringbuf", .parent = &chardev_type.type, .size = sizeof(RingbufChardev),
    .description = "ring in memory, read through the monitor", .properties = ringbuf_properties,
    .finalize = ringbuf_finalize, .open = ringbuf_open, .write = ringbuf_write,
};
TYPE_REGISTER(chardev_ringbuf_type);

static RingbufChardev *ringbuf_check(Chardev *chr, GError **err)
{
    if (chr->object.type != &chardev_ringbuf_type.type) {
        error_set(err, "chardev '%s' is not a ringbuf device", chr->id);
        return NULL;
    }
    return (RingbufChardev *)chr;
}

bool chardev_ringbuf_write(Chardev *chr, const uint8_t *buf, size_t len, GError **err)
{
    if (!ringbuf_check(chr, err)) {
        return false;
    }
    while (len > 0) {
        int n = MIN(len, 1 << 20);

        ringbuf_write(chr, buf, n);
        buf += n;
        len -= n;
    }
    return true;
}

bool chardev_ringbuf_read(Chardev *chr, size_t max, GByteArray *out, GError **err)
{
    RingbufChardev *s = ringbuf_check(chr, err);

    if (!s) {
        return false;
    }
    for (uint64_t n = MIN(max, s->produced - s->consumed); n > 0; n--) {
        g_byte_array_append(out, &s->bytes[s->consumed++ & (s->size - 1)], 1);
    }
    return true;
}
