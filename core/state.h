/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State tables: what of a device is saved, as rows.
 *
 * The same rows serve snapshot, migration, the test that saves, loads and compares every type, and the deterministic
 * dump of a device. Each row takes the struct and the field; a row whose field has another C type does not compile.
 * A stream is a sequence of named sections; a section holds the rows in order, big-endian, each field's presence
 * decided by version only. Everything loaded is untrusted: sizes are checked here, meaning by the type's `post_load`.
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct StateField StateField;

typedef enum StateKind {
    STATE_END, STATE_KIND_BOOL, STATE_KIND_U8, STATE_KIND_U16, STATE_KIND_U32, STATE_KIND_U64, STATE_KIND_INT,
    STATE_KIND_TIMER, STATE_KIND_BYTES, STATE_KIND_STRUCT, STATE_KIND_STRUCTS, STATE_KIND_BUFFER
} StateKind;

struct StateField {
    const char *name;
    StateKind kind;
    uint32_t offset;
    uint32_t count;             /* elements of an array, 1 otherwise; bytes for BYTES */
    uint32_t stride;            /* of STRUCT arrays */
    uint32_t length_offset; /* BUFFER: offset of a uint32_t that holds the length in use; allocated length is count.
                             * STRUCTS: of one that holds the number of elements */
    uint16_t since;             /* first section version that has the field; 0: all */
    const StateField *fields;   /* STRUCT */
    bool (*needed)(void *opaque);   /* NULL: always; else the field is preceded by a presence byte */
};

#define STATE_OFFSET(S, f, T) \
    (offsetof(S, f) + 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((S *)0)->f), T) ? 1 : -1]))
#define STATE_COUNT(S, f) (sizeof(((S *)0)->f) / sizeof(((S *)0)->f[0]))
#define STATE_ROW(k, S, f, T, ...) \
    { .name = #f, .kind = k, .offset = STATE_OFFSET(S, f, T), .count = 1, ##__VA_ARGS__ }
#define STATE_ARRAY_OFFSET(S, f, T) \
    (offsetof(S, f) + 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((S *)0)->f[0]), T) ? 1 : -1]))
#define STATE_ARRAY_ROW(k, S, f, T, ...) \
    { .name = #f, .kind = k, .offset = STATE_ARRAY_OFFSET(S, f, T), .count = STATE_COUNT(S, f), ##__VA_ARGS__ }
#define STATE_BOOL(S, f, ...) STATE_ROW(STATE_KIND_BOOL, S, f, bool, ##__VA_ARGS__)
#define STATE_U8(S, f, ...)   STATE_ROW(STATE_KIND_U8, S, f, uint8_t, ##__VA_ARGS__)
#define STATE_U16(S, f, ...)  STATE_ROW(STATE_KIND_U16, S, f, uint16_t, ##__VA_ARGS__)
#define STATE_U32(S, f, ...)  STATE_ROW(STATE_KIND_U32, S, f, uint32_t, ##__VA_ARGS__)
#define STATE_U64(S, f, ...)  STATE_ROW(STATE_KIND_U64, S, f, uint64_t, ##__VA_ARGS__)
#define STATE_S64(S, f, ...)  STATE_ROW(STATE_KIND_U64, S, f, int64_t, ##__VA_ARGS__)
#define STATE_INT(S, f, ...)  STATE_ROW(STATE_KIND_INT, S, f, int, ##__VA_ARGS__)
#define STATE_TIMER(S, f, ...) STATE_ROW(STATE_KIND_TIMER, S, f, Timer, ##__VA_ARGS__)
#define STATE_BOOL_ARRAY(S, f, ...) STATE_ARRAY_ROW(STATE_KIND_BOOL, S, f, bool, ##__VA_ARGS__)
#define STATE_U8_ARRAY(S, f, ...)  STATE_ARRAY_ROW(STATE_KIND_U8, S, f, uint8_t, ##__VA_ARGS__)
#define STATE_U16_ARRAY(S, f, ...) STATE_ARRAY_ROW(STATE_KIND_U16, S, f, uint16_t, ##__VA_ARGS__)
#define STATE_U32_ARRAY(S, f, ...) STATE_ARRAY_ROW(STATE_KIND_U32, S, f, uint32_t, ##__VA_ARGS__)
#define STATE_U64_ARRAY(S, f, ...) STATE_ARRAY_ROW(STATE_KIND_U64, S, f, uint64_t, ##__VA_ARGS__)
/* A uint8_t array, as STATE_U8_ARRAY. */
#define STATE_BYTES(S, f, ...) STATE_ARRAY_ROW(STATE_KIND_BYTES, S, f, uint8_t, ##__VA_ARGS__)
/* The same of a uint8_t array of arrays, as one run of bytes. */
#define STATE_BYTES2(S, f, ...) \
    { .name = #f, .kind = STATE_KIND_BYTES, .count = sizeof(((S *)0)->f), \
      .offset = offsetof(S, f) + 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((S *)0)->f[0][0]), uint8_t) ? 1 : -1]), \
      ##__VA_ARGS__ }
/* An allocated uint8_t * of @max bytes, of which the uint32_t @len_f are in use. */
#define STATE_BUFFER(S, f, len_f, max, ...) \
    { .name = #f, .kind = STATE_KIND_BUFFER, .offset = STATE_OFFSET(S, f, uint8_t *), .count = max, \
      .length_offset = STATE_OFFSET(S, len_f, uint32_t), ##__VA_ARGS__ }
#define STATE_STRUCT(S, f, T, rows, ...) \
    { .name = #f, .kind = STATE_KIND_STRUCT, .offset = STATE_OFFSET(S, f, T), .count = 1, .stride = sizeof(T), \
      .fields = rows, ##__VA_ARGS__ }
#define STATE_STRUCT_ARRAY(S, f, T, rows, ...) \
    { .name = #f, .kind = STATE_KIND_STRUCT, .offset = STATE_ARRAY_OFFSET(S, f, T), .count = STATE_COUNT(S, f), \
      .stride = sizeof(T), .fields = rows, ##__VA_ARGS__ }

/* An allocated T * of as many elements as the uint32_t @count_f says; a stream with another number is refused. */
#define STATE_STRUCTS(S, f, count_f, T, rows, ...) \
    { .name = #f, .kind = STATE_KIND_STRUCTS, .offset = STATE_OFFSET(S, f, T *), .stride = sizeof(T), .fields = rows, \
      .length_offset = STATE_OFFSET(S, count_f, uint32_t), ##__VA_ARGS__ }

/** state_save: appends the rows of @opaque to @out, as version @version. */
void state_save(const StateField *fields, void *opaque, unsigned version, GByteArray *out);
/** state_load: reads rows as written by version @version from @data; sets *@used. False, @err on short or bad data. */
bool state_load(const StateField *fields, void *opaque, unsigned version, const uint8_t *data, size_t len,
                size_t *used, GError **err);

#endif
