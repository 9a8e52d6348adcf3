/* SPDX-License-Identifier: GPL-2.0-or-later */
/* State tables: what is saved is loaded; what is cut or changed is refused or harmless. */
#include "core/loop.h"
#include "core/state.h"
#include "core/timer.h"
#include "tests/check.h"

typedef struct Point { uint16_t x, y; } Point;

typedef struct Sample {
    bool flag, flags[3], has_extra;
    uint8_t u8, bytes[5];
    uint16_t u16;
    uint32_t u32, words[2], length;
    uint64_t u64;
    int64_t s64;
    int number;
    Point point, points[2];
    uint32_t extra, late;
    uint8_t *buffer;
    Point *many;
    uint32_t how_many;
    Timer timer;
} Sample;

enum { BUFFER_BYTES = 32 };

static bool has_extra(void *opaque) { return ((Sample *)opaque)->has_extra; }

static const StateField point_rows[] = { STATE_U16(Point, x), STATE_U16(Point, y), { } };
static const StateField rows[] = {
    STATE_BOOL(Sample, flag), STATE_BOOL_ARRAY(Sample, flags), STATE_U8(Sample, u8), STATE_U8_ARRAY(Sample, bytes),
    STATE_U16(Sample, u16), STATE_U32(Sample, u32), STATE_U32_ARRAY(Sample, words), STATE_U64(Sample, u64),
    STATE_S64(Sample, s64), STATE_INT(Sample, number), STATE_STRUCT(Sample, point, Point, point_rows),
    STATE_STRUCT_ARRAY(Sample, points, Point, point_rows), STATE_BOOL(Sample, has_extra),
    STATE_U32(Sample, extra, .needed = has_extra), STATE_BUFFER(Sample, buffer, length, BUFFER_BYTES),
    STATE_TIMER(Sample, timer), STATE_U32(Sample, late, .since = 2),
    STATE_STRUCTS(Sample, many, how_many, Point, point_rows, .since = 2), { }
};

static void on_timer(void *opaque) { }

static void sample_init(Sample *s)
{
    *s = (Sample){ .buffer = g_malloc0(BUFFER_BYTES), .many = g_new0(Point, 2), .how_many = 2 };
    timer_init(&s->timer, NULL, CLOCK_VIRTUAL, on_timer, s);
}

static void sample_fill(Sample *s)
{
    sample_init(s);
    s->flag = s->flags[1] = s->has_extra = true;
    s->u8 = 0x12;
    memcpy(s->bytes, "abcde", 5);
    s->u16 = 0x1234;
    s->u32 = 0x12345678;
    s->words[0] = 1;
    s->words[1] = 0xffffffff;
    s->u64 = 0x1122334455667788;
    s->s64 = -2;
    s->number = -3;
    s->point = (Point){ 4, 5 };
    s->points[1] = (Point){ 6, 7 };
    s->extra = 8;
    s->late = 9;
    s->many[1] = (Point){ 10, 11 };
    s->length = 3;
    memcpy(s->buffer, "xyz", 3);
    timer_arm_ns(&s->timer, 1000);
}

static void sample_free(Sample *s)
{
    timer_stop(&s->timer);
    g_free(s->buffer);
    g_free(s->many);
}

static const uint8_t expected[] = {
    1,    0,    1,    0,    0x12, 'a',  'b',  'c',  'd',  'e',  0x12, 0x34, 0x12, 0x34, 0x56, 0x78, 0,
    0,    0,    1,    0xff, 0xff, 0xff, 0xff, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xfd, 0,    4,    0,    5,    0,    0,    0,
    0,    0,    6,    0,    7,    1,    1,    0,    0,    0,    8,    0,    0,    0,    3,    'x',  'y',
    'z',  0,    0,    0,    0,    0,    0,    3,    0xe8, 0,    0,    0,    9,    0,    0,    0,    2,    0,
    0,    0,    0,    0,    10,   0,    11,
};

static void test_bytes(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    Sample s;

    sample_fill(&s);
    state_save(rows, &s, 2, out);
    check_int(out->len, ==, sizeof(expected), "length");
    for (unsigned i = 0; i < out->len; i++) {
        check_int(out->data[i], ==, expected[i], "byte %u", i);
    }
    sample_free(&s);
}

static void test_round_trip(void)
{
    g_autoptr(GByteArray) again = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    size_t used;
    Sample s;

    sample_init(&s);
    check_true(state_load(rows, &s, 2, expected, sizeof(expected), &used, &err), "loads: %s", err ? err->message : "");
    check_int(used, ==, sizeof(expected), "all is used");
    check_int(s.number, ==, -3, "a negative int");
    check_int(s.s64, ==, -2, "a negative int64");
    check_int(s.timer.expire_ns, ==, 1000, "the timer is armed");
    state_save(rows, &s, 2, again);
    check_int(again->len, ==, sizeof(expected), "saved again: length");
    check_int(memcmp(again->data, expected, sizeof(expected)), ==, 0, "saved again: the same");
    sample_free(&s);
}

static void test_versions(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    size_t used;
    Sample s;

    sample_fill(&s);
    state_save(rows, &s, 1, out);
    check_int(out->len, ==, sizeof(expected) - 4 - 12, "version 1 has neither 'late' nor 'many'");
    s.late = 77;
    check_true(state_load(rows, &s, 1, out->data, out->len, &used, NULL), "version 1 loads");
    check_int(s.late, ==, 77, "and leaves the later field alone");
    s.has_extra = false;
    timer_stop(&s.timer);
    g_byte_array_set_size(out, 0);
    state_save(rows, &s, 2, out);
    check_int(out->len, ==, sizeof(expected) - 4, "what is not needed takes one byte");
    timer_arm_ns(&s.timer, 5);
    s.extra = 99;
    check_true(state_load(rows, &s, 2, out->data, out->len, &used, NULL), "loads");
    check_int(s.extra, ==, 99, "what is absent stays");
    check_true(!timer_armed(&s.timer), "an unarmed timer is stopped by loading");
    sample_free(&s);
}

static void test_truncated(void)
{
    for (size_t len = 0; len < sizeof(expected); len++) {
        g_autoptr(GError) err = NULL;
        g_autofree uint8_t *copy = g_memdup2(expected, MAX(len, 1));
        size_t used;
        Sample s;
        sample_init(&s);
        check_true(!state_load(rows, &s, 2, copy, len, &used, &err) && err, "%zu bytes are too few", len);
        check_true(used <= len, "no more than there is was read");
        sample_free(&s);
    }
}

static void test_corrupt(void)
{
    static const struct { const char *claim; size_t at; uint8_t value; const char *error; } cases[] = {
        { "a truth value of 2", 0, 2, "value of 'flag' is 2, not 0 or 1" },
        { "in an array", 3, 0xff, "value of 'flags' is 255, not 0 or 1" },
        { "a presence of 2", 57, 2, "presence of 'extra' is 2, not 0 or 1" },
        { "a length beyond the buffer", 65, 33, "'buffer' is 33 bytes long; 32 are allowed" },
        { "a huge length", 62, 0xff, "'buffer' is 4278190083 bytes long; 32 are allowed" },
        { "a length beyond the stream", 65, 32, "state ends within 'buffer': 27 bytes are left, 32 wanted" },
        { "a negative expiry", 69, 0x80, "timer 'timer' has the impossible expiry -9223372036854774808" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) err = NULL;
        g_autofree uint8_t *copy = g_memdup2(expected, sizeof(expected));
        size_t used;
        Sample s;
        sample_init(&s);
        copy[cases[i].at] = cases[i].value;
        check_true(!state_load(rows, &s, 2, copy, sizeof(expected), &used, &err), "%s is refused", cases[i].claim);
        check_str(err->message, cases[i].error, "%s", cases[i].claim);
        sample_free(&s);
    }
    /* Any single byte changed to any value: error or a valid object, never out of bounds (run under a sanitizer). */
    for (size_t at = 0; at < sizeof(expected); at++) {
        for (unsigned v = 0; v < 256; v++) {
            g_autofree uint8_t *copy = g_memdup2(expected, sizeof(expected));
            g_autoptr(GError) err = NULL;
            size_t used;
            Sample s;
            sample_init(&s);
            copy[at] = v;
            bool ok = state_load(rows, &s, 2, copy, sizeof(expected), &used, &err);
            check_true(ok == !err, "byte %zu as %u: success or error", at, v);
            check_true(s.length <= BUFFER_BYTES, "the length in use stays within the buffer");
            sample_free(&s);
        }
    }
}

/* An allocated array is loaded into as many elements as there are, and only if the stream has as many. */
static void test_structs(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    size_t used;
    Sample s;

    sample_fill(&s);
    state_save(rows, &s, 2, out);
    s.many[1].y = 0;
    check_true(state_load(rows, &s, 2, out->data, out->len, &used, NULL), "loads");
    check_int(s.many[1].y, ==, 11, "the last member of the last element");
    for (uint32_t n = 0; n < 2; n++) {
        g_autoptr(GError) err = NULL;
        s.how_many = n;
        check_true(!state_load(rows, &s, 2, out->data, out->len, &used, &err), "2 elements into %u", n);
        check_true(err && strstr(err->message, "'many'"), "the error names the field");
    }
    sample_free(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/state/bytes", test_bytes);
    g_test_add_func("/state/round-trip", test_round_trip);
    g_test_add_func("/state/versions", test_versions);
    g_test_add_func("/state/truncated", test_truncated);
    g_test_add_func("/state/structs", test_structs);
    g_test_add_func("/state/corrupt", test_corrupt);
    return g_test_run();
}
