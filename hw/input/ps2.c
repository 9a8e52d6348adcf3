/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/input/ps2.h"

#include <glib.h>
#include <string.h>

enum { PS2_ACK = 0xfa, PS2_RESEND = 0xfe, PS2_SELF_TEST_OK = 0xaa, PS2_ECHO = 0xee };
enum {
    KBD_SET_LEDS = 0xed, KBD_ECHO = 0xee, KBD_SCANCODE_SET = 0xf0, KBD_GET_ID = 0xf2, KBD_TYPEMATIC = 0xf3,
    KBD_ENABLE = 0xf4, KBD_DEFAULT_DISABLE = 0xf5, KBD_DEFAULT_ENABLE = 0xf6, KBD_ALL_KEYS_FIRST = 0xf7,
    KBD_ALL_KEYS_LAST = 0xfa, KBD_KEY_FIRST = 0xfb, KBD_KEY_LAST = 0xfd, KBD_RESEND = 0xfe, KBD_RESET = 0xff,
};
enum {
    MOUSE_SCALE11 = 0xe6, MOUSE_SCALE21 = 0xe7, MOUSE_RESOLUTION = 0xe8, MOUSE_STATUS = 0xe9, MOUSE_STREAM = 0xea,
    MOUSE_POLL = 0xeb, MOUSE_RESET_WRAP = 0xec, MOUSE_SET_WRAP = 0xee, MOUSE_REMOTE = 0xf0, MOUSE_GET_ID = 0xf2,
    MOUSE_SAMPLE_RATE = 0xf3, MOUSE_ENABLE = 0xf4, MOUSE_DISABLE = 0xf5, MOUSE_DEFAULTS = 0xf6, MOUSE_RESET = 0xff,
};
enum { MOUSE_STATUS_REMOTE = 0x40, MOUSE_STATUS_ENABLED = 0x20, MOUSE_STATUS_SCALE21 = 0x10 };
enum { MOUSE_ID_PLAIN = 0, MOUSE_ID_WHEEL = 3, MOUSE_ID_5_BUTTONS = 4 };
#define KBD_TYPEMATIC_DEFAULT 0x2b              /* 10.9 characters a second after 500 ms */
#define ANSWER_ROOM 8                           /* of the queue, kept free of events */
#define MOTION_MAX 0x7fff                       /* what a mouse remembers until it can report it */

/* Set 1 (index) to set 2 codes, without prefixes; 0: no such key. The E0-prefixed keys use the same columns. */
static const uint8_t set2_from_set1[128] = {
    0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d,
    0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b,
    0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
    0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03,
    0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69,
    0x72, 0x7a, 0x70, 0x71, 0x7f, 0x60, 0x61, 0x78, 0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f,
    0x47, 0x4f, 0x56, 0x5e, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x57, 0x6f,
    0x13, 0x19, 0x39, 0x51, 0x53, 0x5c, 0x5f, 0x62, 0x63, 0x64, 0x65, 0x67, 0x68, 0x6a, 0x6d, 0x6e,
};

/* A byte behind the first @before of the queue; false: the queue is full. */
static bool queue_insert(Ps2Port *p, unsigned before, uint8_t byte)
{
    Ps2Queue *q = &p->queue;
    if (q->count == PS2_QUEUE_LEN) {
        return false;
    }
    for (unsigned i = q->count++; i > before; i--) {
        q->data[(q->head + i) % PS2_QUEUE_LEN] = q->data[(q->head + i - 1) % PS2_QUEUE_LEN];
    }
    q->data[(q->head + before) % PS2_QUEUE_LEN] = byte;
    return true;
}

static void queue_event(Ps2Port *p, uint8_t byte)
{
    queue_insert(p, p->queue.count, byte);
}

/* Answers to commands go before events that the guest has not fetched yet. */
static void queue_answer(Ps2Port *p, uint8_t byte)
{
    if (queue_insert(p, p->queue.answers, byte)) {
        p->queue.answers++;
        p->on_data(p->opaque);
    }
}

static void queue_clear(Ps2Port *p)
{
    p->queue = (Ps2Queue){ .last = p->queue.last };
}

/* A report is queued whole or not at all: half of one would shift all that follow. */
static bool queue_has_room(const Ps2Port *p, unsigned bytes)
{
    return p->queue.count + bytes <= PS2_QUEUE_LEN - ANSWER_ROOM;
}

uint8_t ps2_read(Ps2Port *p)
{
    Ps2Queue *q = &p->queue;
    q->last = q->data[q->head];
    q->head = (q->head + 1) % PS2_QUEUE_LEN;
    q->count--;
    q->answers -= q->answers != 0;
    return q->last;
}

static void set_defaults(Ps2Port *p)
{
    p->scancode_set = 2;
    p->typematic = KBD_TYPEMATIC_DEFAULT;
    p->sample_rate = 100;
    p->resolution = 2;
    p->status = 0;
    p->dx = p->dy = p->dz = 0;
    memset(p->rate_history, 0, sizeof p->rate_history);
}

void ps2_reset(Ps2Port *p)
{
    p->queue = (Ps2Queue){ 0 };
    p->pending_command = p->leds = p->buttons = 0;
    p->wrap_mode = false;
    p->id = MOUSE_ID_PLAIN;
    p->enabled = !p->is_mouse;
    set_defaults(p);
}

void ps2_init(Ps2Port *p, bool is_mouse, void (*on_data)(void *opaque), void *opaque)
{
    p->is_mouse = is_mouse;
    p->on_data = on_data;
    p->opaque = opaque;
    ps2_reset(p);
}

static void keyboard_argument(Ps2Port *p, uint8_t command, uint8_t value)
{
    switch (command) {
    case KBD_SET_LEDS:
        p->leds = value & 7;
        queue_answer(p, PS2_ACK);
        break;
    case KBD_SCANCODE_SET:
        if (value > 3) {
            queue_answer(p, PS2_RESEND);
            break;
        }
        queue_answer(p, PS2_ACK);
        if (value == 0) {
            queue_answer(p, p->scancode_set);
        } else {
            p->scancode_set = value;
        }
        break;
    case KBD_TYPEMATIC:
        p->typematic = value & 0x7f;
        queue_answer(p, PS2_ACK);
        break;
    default:                                    /* keys whose kind KBD_KEY_FIRST ... sets, until the next command */
        p->pending_command = command;
        queue_answer(p, PS2_ACK);
    }
}

static void keyboard_write(Ps2Port *p, uint8_t value)
{
    uint8_t command = p->pending_command;
    p->pending_command = 0;
    if (command && value < 0x80) {              /* a byte that is a command itself abandons the pending one */
        keyboard_argument(p, command, value);
        return;
    }
    switch (value) {
    case KBD_SET_LEDS:
    case KBD_SCANCODE_SET:
    case KBD_TYPEMATIC:
    case KBD_KEY_FIRST ... KBD_KEY_LAST:
        p->pending_command = value;
        queue_answer(p, PS2_ACK);
        break;
    case KBD_ECHO:
        queue_answer(p, PS2_ECHO);
        break;
    case KBD_GET_ID:
        queue_answer(p, PS2_ACK);
        queue_answer(p, 0xab);
        queue_answer(p, 0x83);
        break;
    case KBD_ENABLE:
        queue_clear(p);
        p->enabled = true;
        queue_answer(p, PS2_ACK);
        break;
    case KBD_DEFAULT_DISABLE:
    case KBD_DEFAULT_ENABLE:
        queue_clear(p);
        set_defaults(p);
        p->enabled = value == KBD_DEFAULT_ENABLE;
        queue_answer(p, PS2_ACK);
        break;
    case KBD_RESET:
        ps2_reset(p);
        queue_answer(p, PS2_ACK);
        queue_answer(p, PS2_SELF_TEST_OK);
        break;
    case KBD_ALL_KEYS_FIRST ... KBD_ALL_KEYS_LAST:      /* of set 3: accepted, all keys stay as they are */
        queue_answer(p, PS2_ACK);
        break;
    case KBD_RESEND:
        queue_answer(p, p->queue.last);
        break;
    default:
        queue_answer(p, PS2_RESEND);
    }
}

static uint8_t clamp_motion(int32_t *motion, int limit)
{
    int v = *motion > limit ? limit : *motion < -limit ? -limit : *motion;
    *motion -= v;
    return (uint8_t)v;
}

/* A report by @queue: an event of its own, or the answer to a poll. */
static void mouse_report(Ps2Port *p, void (*queue)(Ps2Port *p, uint8_t byte))
{
    uint8_t x = clamp_motion(&p->dx, 127), y = clamp_motion(&p->dy, 127);
    queue(p, 0x08 | (p->buttons & 7) | (x & 0x80 ? 0x10 : 0) | (y & 0x80 ? 0x20 : 0));
    queue(p, x);
    queue(p, y);
    if (p->id == MOUSE_ID_WHEEL) {
        queue(p, clamp_motion(&p->dz, 127));
    } else if (p->id == MOUSE_ID_5_BUTTONS) {
        queue(p, (clamp_motion(&p->dz, 7) & 0x0f) | (p->buttons & 0x18) << 1);
    } else {
        p->dz = 0;
    }
}

/* The knock by which drivers turn wheel and extra buttons on: three sample rates in a row. */
static void mouse_sample_rate(Ps2Port *p, uint8_t rate)
{
    uint8_t *h = p->rate_history;
    p->sample_rate = rate;
    h[0] = h[1];
    h[1] = h[2];
    h[2] = rate;
    if (h[0] == 200 && h[1] == 100 && h[2] == 80) {
        p->id = MOUSE_ID_WHEEL;
    } else if (h[0] == 200 && h[1] == 200 && h[2] == 80) {
        p->id = MOUSE_ID_5_BUTTONS;
    }
}

static void mouse_write(Ps2Port *p, uint8_t value)
{
    uint8_t command = p->pending_command;
    p->pending_command = 0;
    if (command == MOUSE_SAMPLE_RATE || command == MOUSE_RESOLUTION) {
        if (command == MOUSE_SAMPLE_RATE) {
            mouse_sample_rate(p, value);
        } else {
            p->resolution = value & 3;
        }
        queue_answer(p, PS2_ACK);
        return;
    }
    if (p->wrap_mode && value != MOUSE_RESET_WRAP && value != MOUSE_RESET) {
        queue_answer(p, value);
        return;
    }
    switch (value) {
    case MOUSE_SCALE11:
    case MOUSE_SCALE21:
        p->status = value == MOUSE_SCALE21 ? p->status | MOUSE_STATUS_SCALE21 : p->status & ~MOUSE_STATUS_SCALE21;
        break;
    case MOUSE_RESOLUTION:
    case MOUSE_SAMPLE_RATE:
        p->pending_command = value;
        break;
    case MOUSE_STATUS:
        queue_answer(p, PS2_ACK);
        queue_answer(p, p->status | (p->enabled ? MOUSE_STATUS_ENABLED : 0) | (p->buttons & 1) << 2 |
                     (p->buttons & 4) >> 1 | (p->buttons & 2) >> 1);
        queue_answer(p, p->resolution);
        queue_answer(p, p->sample_rate);
        return;
    case MOUSE_STREAM:
        p->status &= ~MOUSE_STATUS_REMOTE;
        break;
    case MOUSE_REMOTE:
        p->status |= MOUSE_STATUS_REMOTE;
        break;
    case MOUSE_POLL:
        queue_answer(p, PS2_ACK);
        mouse_report(p, queue_answer);
        return;
    case MOUSE_RESET_WRAP:
    case MOUSE_SET_WRAP:
        p->wrap_mode = value == MOUSE_SET_WRAP;
        break;
    case MOUSE_GET_ID:
        queue_answer(p, PS2_ACK);
        queue_answer(p, p->id);
        return;
    case MOUSE_ENABLE:
    case MOUSE_DISABLE:
        p->enabled = value == MOUSE_ENABLE;
        break;
    case MOUSE_DEFAULTS:
        set_defaults(p);
        p->enabled = false;
        break;
    case MOUSE_RESET:
        ps2_reset(p);
        queue_answer(p, PS2_ACK);
        queue_answer(p, PS2_SELF_TEST_OK);
        queue_answer(p, MOUSE_ID_PLAIN);
        return;
    default:
        queue_answer(p, PS2_RESEND);
        return;
    }
    queue_answer(p, PS2_ACK);
}

void ps2_write(Ps2Port *p, uint8_t value)
{
    if (p->is_mouse) {
        mouse_write(p, value);
    } else {
        keyboard_write(p, value);
    }
}

void ps2_keyboard_key(Ps2Port *p, uint8_t set1_code, bool extended, bool down)
{
    if (!p->enabled || !queue_has_room(p, 4) || set1_code > 0x7f) {
        return;
    }
    if (extended) {
        queue_event(p, 0xe0);
    }
    if (p->scancode_set == 1) {
        queue_event(p, set1_code | (down ? 0 : 0x80));
    } else {
        if (!down) {
            queue_event(p, 0xf0);
        }
        queue_event(p, set2_from_set1[set1_code]);
    }
    p->on_data(p->opaque);
}

static void add_motion(int32_t *motion, int by)
{
    *motion = MIN(MAX((int64_t)*motion + by, -MOTION_MAX), MOTION_MAX);
}

void ps2_mouse_move(Ps2Port *p, int dx, int dy, int dz, uint8_t buttons)
{
    bool streams = !(p->status & MOUSE_STATUS_REMOTE);
    p->buttons = buttons & 0x1f;
    if (streams && !p->enabled) {
        return;
    }
    add_motion(&p->dx, dx);
    add_motion(&p->dy, dy);
    add_motion(&p->dz, dz);
    if (streams) {
        /* What finds no room stays and goes with a later report. */
        for (bool more = true; more && queue_has_room(p, 4); more = p->dx || p->dy || p->dz) {
            mouse_report(p, queue_event);
        }
        p->on_data(p->opaque);
    }
}

bool ps2_state_valid(const Ps2Port *p)
{
    return p->queue.head < PS2_QUEUE_LEN && p->queue.count <= PS2_QUEUE_LEN && p->queue.answers <= p->queue.count &&
           p->scancode_set >= 1 && p->scancode_set <= 3;
}

static const StateField queue_state[] = {
    STATE_U8_ARRAY(Ps2Queue, data), STATE_U8(Ps2Queue, head), STATE_U8(Ps2Queue, count), STATE_U8(Ps2Queue, answers),
    STATE_U8(Ps2Queue, last), { }
};
#define STATE_S32(S, f) STATE_ROW(STATE_KIND_U32, S, f, int32_t)
const StateField ps2_state[] = {
    STATE_STRUCT(Ps2Port, queue, Ps2Queue, queue_state), STATE_U8(Ps2Port, pending_command),
    STATE_BOOL(Ps2Port, is_mouse), STATE_BOOL(Ps2Port, enabled), STATE_U8(Ps2Port, scancode_set),
    STATE_U8(Ps2Port, leds), STATE_U8(Ps2Port, typematic), STATE_U8(Ps2Port, sample_rate),
    STATE_U8(Ps2Port, resolution), STATE_U8(Ps2Port, status), STATE_U8(Ps2Port, id), STATE_U8(Ps2Port, buttons),
    STATE_U8_ARRAY(Ps2Port, rate_history), STATE_BOOL(Ps2Port, wrap_mode), STATE_S32(Ps2Port, dx),
    STATE_S32(Ps2Port, dy), STATE_S32(Ps2Port, dz), { }
};
