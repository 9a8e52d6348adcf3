/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts a byte stream into JSON texts, without parsing them.
 *
 * In: bytes in pieces of any size. Out: each top-level value as one text, complete by its brackets and quotes, or an
 * error that says why bytes were thrown away. After an error the stream finds its feet again: a text whose brackets
 * balance costs no more than itself; a string broken by the end of the line, up to there; too deep or too long a text,
 * up to the end of its line; the bytes 0xfe and 0xff, which no UTF-8 contains, drop whatever was begun.
 */
#ifndef MONITOR_JSON_STREAM_H
#define MONITOR_JSON_STREAM_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_STREAM_MAX_DEPTH 1024
#define JSON_STREAM_MAX_BYTES (64u << 20)

typedef enum JsonStreamState {
    JSON_STREAM_IDLE,                   /* between texts */
    JSON_STREAM_STRUCTURE,              /* inside of brackets */
    JSON_STREAM_STRING, JSON_STREAM_ESCAPE,
    JSON_STREAM_WORD,                   /* a number, true, or rubbish, on the top level */
    JSON_STREAM_DISCARD                 /* to the end of the line */
} JsonStreamState;

/* @text and @len: a text, or NULL and @error. Valid during the call. */
typedef void JsonTextFn(void *opaque, const char *text, size_t len, const char *error);

typedef struct JsonStream {
    JsonTextFn *fn;
    void *opaque;
    GByteArray *text;                   /* NULL while empty */
    JsonStreamState state;
    unsigned depth;
    uint8_t quote;
} JsonStream;

void json_stream_init(JsonStream *s, JsonTextFn *fn, void *opaque);
void json_stream_feed(JsonStream *s, const uint8_t *bytes, size_t len);
void json_stream_reset(JsonStream *s);  /* forgets what was begun; frees memory */

#endif
