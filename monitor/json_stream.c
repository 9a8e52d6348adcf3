/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scanner behind json_stream.h: one state, one depth, the bytes since the text began.
 *
 * Invariant: `text` holds exactly the bytes of the unfinished text; its size never exceeds JSON_STREAM_MAX_BYTES.
 */
#include "monitor/json_stream.h"

#define KEEP_ALLOCATED_BYTES (64u << 10)        /* a larger buffer is given back after its text */

void json_stream_init(JsonStream *s, JsonTextFn *fn, void *opaque)
{
    *s = (JsonStream){ .fn = fn, .opaque = opaque };
}

static void forget_text(JsonStream *s)
{
    if (s->text && s->text->len > KEEP_ALLOCATED_BYTES) {
        g_byte_array_unref(s->text);
        s->text = NULL;
    } else if (s->text) {
        g_byte_array_set_size(s->text, 0);
    }
    s->depth = 0;
}

void json_stream_reset(JsonStream *s)
{
    if (s->text) {
        g_byte_array_unref(s->text);
        s->text = NULL;
    }
    s->state = JSON_STREAM_IDLE;
    s->depth = 0;
}

/* Hands the finished text out. It is detached first: the callback may feed or reset this very stream. */
static void text_done(JsonStream *s)
{
    GByteArray *text = s->text;
    s->text = NULL;
    s->state = JSON_STREAM_IDLE;
    s->depth = 0;
    s->fn(s->opaque, (const char *)text->data, text->len, NULL);
    if (!s->text && text->len <= KEEP_ALLOCATED_BYTES) {
        g_byte_array_set_size(text, 0);
        s->text = text;
    } else {
        g_byte_array_unref(text);
    }
}

static void fail(JsonStream *s, const char *error, JsonStreamState next)
{
    forget_text(s);
    s->state = next;
    s->fn(s->opaque, NULL, 0, error);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A byte that may follow a word on the top level and is no part of it. */
static bool ends_word(uint8_t c)
{
    return is_space(c) || c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':' || c == '"' || c == '\'';
}

/* Appends @c; false if the text has become too long and is being thrown away. */
static bool append(JsonStream *s, uint8_t c)
{
    if (!s->text) {
        s->text = g_byte_array_new();
    }
    if (s->text->len >= JSON_STREAM_MAX_BYTES) {
        fail(s, "JSON message too long: at most 64 MiB are allowed", c == '\n' ? JSON_STREAM_IDLE : JSON_STREAM_DISCARD);
        return false;
    }
    g_byte_array_append(s->text, &c, 1);
    return true;
}

static void open_bracket(JsonStream *s, uint8_t c)
{
    if (s->depth == JSON_STREAM_MAX_DEPTH) {
        fail(s, "JSON nesting too deep: at most 1024 levels are allowed", JSON_STREAM_DISCARD);
        return;
    }
    s->depth++;
    s->state = JSON_STREAM_STRUCTURE;
    append(s, c);
}

static void begin_text(JsonStream *s, uint8_t c)
{
    if (is_space(c)) {
        return;
    }
    if (c == '{' || c == '[') {
        open_bracket(s, c);
    } else if (c == '"' || c == '\'') {
        s->quote = c;
        s->state = JSON_STREAM_STRING;
        append(s, c);
    } else if (c == '}' || c == ']' || c == ',' || c == ':') {
        fail(s, c == '}' ? "JSON parse error, unexpected '}'" : c == ']' ? "JSON parse error, unexpected ']'" :
             c == ',' ? "JSON parse error, unexpected ','" : "JSON parse error, unexpected ':'", JSON_STREAM_IDLE);
    } else {
        s->state = JSON_STREAM_WORD;
        append(s, c);
    }
}

static void in_structure(JsonStream *s, uint8_t c)
{
    if (c == '{' || c == '[') {
        open_bracket(s, c);
        return;
    }
    if (!append(s, c)) {
        return;
    }
    if (c == '}' || c == ']') {
        if (--s->depth == 0) {
            text_done(s);
        }
    } else if (c == '"' || c == '\'') {
        s->quote = c;
        s->state = JSON_STREAM_STRING;
    }
}

static void in_string(JsonStream *s, uint8_t c)
{
    if (c == '\n') {
        fail(s, "JSON parse error, the string does not end in its line", JSON_STREAM_IDLE);
        return;
    }
    if (!append(s, c)) {
        return;
    }
    if (c == '\\') {
        s->state = JSON_STREAM_ESCAPE;
    } else if (c == s->quote) {
        s->state = JSON_STREAM_STRUCTURE;
        if (!s->depth) {
            text_done(s);
        }
    }
}

/* Bytes at @bytes that can be appended to a string in one go. */
static size_t plain_run(const JsonStream *s, const uint8_t *bytes, size_t len)
{
    size_t room = JSON_STREAM_MAX_BYTES - (s->text ? s->text->len : 0), n = 0;
    len = MIN(len, room);
    while (n < len && bytes[n] >= ' ' && bytes[n] != s->quote && bytes[n] != '\\' && bytes[n] < 0xfe) {
        n++;
    }
    return n;
}

static void feed_byte(JsonStream *s, uint8_t c)
{
    if (c >= 0xfe) {
        fail(s, "JSON parse error, byte 0xfe or 0xff in the input", JSON_STREAM_IDLE);
        return;
    }
    switch (s->state) {
    case JSON_STREAM_IDLE:
        begin_text(s, c);
        break;
    case JSON_STREAM_STRUCTURE:
        in_structure(s, c);
        break;
    case JSON_STREAM_STRING:
        in_string(s, c);
        break;
    case JSON_STREAM_ESCAPE:
        s->state = JSON_STREAM_STRING;
        if (c == '\n') {
            in_string(s, c);
        } else {
            append(s, c);
        }
        break;
    case JSON_STREAM_WORD:
        if (ends_word(c)) {
            text_done(s);
            begin_text(s, c);
        } else {
            append(s, c);
        }
        break;
    case JSON_STREAM_DISCARD:
        if (c == '\n') {
            s->state = JSON_STREAM_IDLE;
        }
        break;
    }
}

void json_stream_feed(JsonStream *s, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s->state == JSON_STREAM_STRING) {
            size_t n = plain_run(s, bytes + i, len - i);
            if (n) {
                g_byte_array_append(s->text, bytes + i, n);
                i += n - 1;
                continue;
            }
        }
        feed_byte(s, bytes[i]);
    }
}
