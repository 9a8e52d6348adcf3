/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/input/ps2.h"

#include <glib.h>
#include <string.h>

#include "hw/input/ps2_keys.h"
#include "ui/input.h"

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

static bool bit_get(const uint8_t *bits, unsigned n)
{
    return bits[n / 8] >> n % 8 & 1;
}

static void bit_set(uint8_t *bits, unsigned n, bool value)
{
    bits[n / 8] = (bits[n / 8] & ~(1 << n % 8)) | value << n % 8;
}

static void repeat_stop(Ps2Port *p)
{
    if (!p->is_mouse) {
        timer_stop(&p->repeat);
    }
}

static void set_leds(Ps2Port *p, uint8_t leds)
{
    p->leds = leds;
    input_set_leds(leds);
}

static void set_defaults(Ps2Port *p)
{
    repeat_stop(p);
    memset(p->no_break, 0, sizeof p->no_break);
    memset(p->no_repeat, 0, sizeof p->no_repeat);
    p->scancode_set = 2;
    p->typematic = KBD_TYPEMATIC_DEFAULT;
    p->sample_rate = 100;
    p->resolution = 2;
    p->status = 0;
    p->dx = p->dy = p->dz = p->dw = 0;
    memset(p->rate_history, 0, sizeof p->rate_history);
}

void ps2_reset(Ps2Port *p)
{
    p->queue = (Ps2Queue){ 0 };
    p->pending_command = p->buttons = p->modifiers = 0;
    if (!p->is_mouse) {
        set_leds(p, 0);
    }
    p->wrap_mode = false;
    p->id = MOUSE_ID_PLAIN;
    p->enabled = !p->is_mouse;
    set_defaults(p);
}

void ps2_init(Ps2Port *p, bool is_mouse, void (*on_data)(void *opaque), void *opaque)
{
    p->is_mouse = is_mouse;
    p->repeat_key = Q_KEY_CODE_UNMAPPED;
    p->on_data = on_data;
    p->opaque = opaque;
    ps2_reset(p);
}

/* @kind: 0 repeats, 1 has a break code, 2 neither; of codes @first to @last of set 3. */
static void set_key_kind(Ps2Port *p, unsigned kind, unsigned first, unsigned last)
{
    for (unsigned code = first; code <= last; code++) {
        bit_set(p->no_break, code, kind != 1);
        bit_set(p->no_repeat, code, kind != 0);
    }
}

static void keyboard_argument(Ps2Port *p, uint8_t command, uint8_t value)
{
    switch (command) {
    case KBD_SET_LEDS:
        set_leds(p, value & 7);
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
    default:                                    /* keys whose kind KBD_KEY_... sets, until the next command */
        set_key_kind(p, command - KBD_KEY_FIRST, value, value);
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
    case KBD_ALL_KEYS_FIRST ... KBD_ALL_KEYS_LAST:
        if (value == KBD_ALL_KEYS_LAST) {       /* repeat, and have break codes */
            memset(p->no_break, 0, sizeof p->no_break);
            memset(p->no_repeat, 0, sizeof p->no_repeat);
        } else {
            set_key_kind(p, value - KBD_ALL_KEYS_FIRST, 0, 255);
        }
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
        p->dw = 0;
    } else if (p->id == MOUSE_ID_5_BUTTONS && p->dw) {      /* the other wheel, then the vertical one has to wait */
        queue(p, 0x40 | (clamp_motion(&p->dw, 31) & 0x3f));
    } else if (p->id == MOUSE_ID_5_BUTTONS) {
        queue(p, (clamp_motion(&p->dz, 7) & 0x0f) | (p->buttons & 0x18) << 1);
    } else {
        p->dz = p->dw = 0;
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

/* Keys */

static void queue_code(Ps2Port *p, const Ps2Code *c)
{
    if (c->len && queue_has_room(p, c->len)) {
        for (unsigned i = 0; i < c->len; i++) {
            queue_event(p, c->bytes[i]);
        }
        p->on_data(p->opaque);
    }
}

static void key_code(Ps2Port *p, QKeyCode key, bool down)
{
    uint8_t code = ps2_set_3_code(key);
    if (p->enabled && (p->scancode_set != 3 || down || !bit_get(p->no_break, code))) {
        Ps2Code c = ps2_code(key, p->scancode_set, down, p->modifiers);
        queue_code(p, &c);
    }
}

/* Bits 6-5: 250 ms and so many times more; bits 4-0: characters a second, from 30 down to 2. */
static int64_t repeat_delay_ns(const Ps2Port *p)
{
    return ((p->typematic >> 5 & 3) + 1) * 250 * NS_PER_MS;
}

static int64_t repeat_period_ns(const Ps2Port *p)
{
    return (NS_PER_S * (8 + (p->typematic & 7)) << (p->typematic >> 3 & 3)) / 240;
}

void ps2_keyboard_repeat(Ps2Port *p)
{
    if (!ps2_has_data(p)) {
        key_code(p, p->repeat_key, true);
    }
    timer_arm_ns(&p->repeat, clock_ns(CLOCK_VIRTUAL) + repeat_period_ns(p));
}

static unsigned modifier_of(QKeyCode key)
{
    static const uint8_t modifiers[Q_KEY_CODE_COUNT] = {
        [Q_KEY_CODE_ALT] = PS2_ALT, [Q_KEY_CODE_ALT_R] = PS2_ALT_R, [Q_KEY_CODE_CTRL] = PS2_CTRL,
        [Q_KEY_CODE_CTRL_R] = PS2_CTRL_R, [Q_KEY_CODE_SHIFT] = PS2_SHIFT, [Q_KEY_CODE_SHIFT_R] = PS2_SHIFT_R,
    };
    return modifiers[key];
}

void ps2_keyboard_key(Ps2Port *p, QKeyCode key, bool down)
{
    if (key <= Q_KEY_CODE_UNMAPPED || key >= Q_KEY_CODE_COUNT) {
        return;
    }
    key_code(p, key, down);
    p->modifiers = down ? p->modifiers | modifier_of(key) : p->modifiers & ~modifier_of(key);
    bool repeats = p->scancode_set == 3 ? !bit_get(p->no_repeat, ps2_set_3_code(key)) : key != Q_KEY_CODE_PAUSE;
    if (!down || !repeats) {
        repeat_stop(p);
    } else if (p->enabled) {
        p->repeat_key = key;
        timer_arm_ns(&p->repeat, clock_ns(CLOCK_VIRTUAL) + repeat_delay_ns(p));
    }
}

/* Mouse */

static bool streams(const Ps2Port *p)
{
    return !(p->status & MOUSE_STATUS_REMOTE);
}

static void add_motion(Ps2Port *p, int32_t *motion, int by)
{
    if (p->enabled || !streams(p)) {
        *motion = MIN(MAX((int64_t)*motion + by, -MOTION_MAX), MOTION_MAX);
    }
}

void ps2_mouse_move(Ps2Port *p, int dx, int dy)
{
    add_motion(p, &p->dx, dx);
    add_motion(p, &p->dy, dy);
}

void ps2_mouse_button(Ps2Port *p, InputButton button, bool down)
{
    static const uint8_t bits[INPUT_BUTTON_COUNT] = {
        [INPUT_BUTTON_LEFT] = 0x01, [INPUT_BUTTON_RIGHT] = 0x02, [INPUT_BUTTON_MIDDLE] = 0x04,
        [INPUT_BUTTON_SIDE] = 0x08, [INPUT_BUTTON_EXTRA] = 0x10,
    };
    if (button < INPUT_BUTTON_COUNT) {
        p->buttons = down ? p->buttons | bits[button] : p->buttons & ~bits[button];
    }
    switch (down ? button : INPUT_BUTTON_COUNT) {
    case INPUT_BUTTON_WHEEL_UP:
        add_motion(p, &p->dz, -1);
        break;
    case INPUT_BUTTON_WHEEL_DOWN:
        add_motion(p, &p->dz, 1);
        break;
    case INPUT_BUTTON_WHEEL_LEFT:
        add_motion(p, &p->dw, 1);
        break;
    case INPUT_BUTTON_WHEEL_RIGHT:
        add_motion(p, &p->dw, -1);
        break;
    default:
        break;
    }
}

void ps2_mouse_sync(Ps2Port *p)
{
    if (!p->enabled || !streams(p)) {
        return;
    }
    /* What finds no room stays and goes with a later report. */
    for (bool more = true; more && queue_has_room(p, 4); more = p->dx || p->dy || p->dz || p->dw) {
        mouse_report(p, queue_event);
    }
    p->on_data(p->opaque);
}

bool ps2_state_valid(const Ps2Port *p)
{
    return p->queue.head < PS2_QUEUE_LEN && p->queue.count <= PS2_QUEUE_LEN && p->queue.answers <= p->queue.count &&
           p->scancode_set >= 1 && p->scancode_set <= 3 && p->repeat_key < Q_KEY_CODE_COUNT;
}

static const StateField queue_state[] = {
    STATE_U8_ARRAY(Ps2Queue, data), STATE_U8(Ps2Queue, head), STATE_U8(Ps2Queue, count), STATE_U8(Ps2Queue, answers),
    STATE_U8(Ps2Queue, last), { }
};
#define STATE_S32(S, f) STATE_ROW(STATE_KIND_U32, S, f, int32_t)
const StateField ps2_state[] = {
    STATE_STRUCT(Ps2Port, queue, Ps2Queue, queue_state), STATE_U8(Ps2Port, pending_command),
    STATE_BOOL(Ps2Port, is_mouse), STATE_BOOL(Ps2Port, enabled), STATE_U8(Ps2Port, scancode_set),
    STATE_U8(Ps2Port, leds), STATE_U8(Ps2Port, typematic), STATE_U8(Ps2Port, modifiers),
    STATE_U8_ARRAY(Ps2Port, no_break), STATE_U8_ARRAY(Ps2Port, no_repeat),
    STATE_U8(Ps2Port, repeat_key), STATE_TIMER(Ps2Port, repeat), STATE_U8(Ps2Port, sample_rate),
    STATE_U8(Ps2Port, resolution), STATE_U8(Ps2Port, status), STATE_U8(Ps2Port, id), STATE_U8(Ps2Port, buttons),
    STATE_U8_ARRAY(Ps2Port, rate_history), STATE_BOOL(Ps2Port, wrap_mode), STATE_S32(Ps2Port, dx),
    STATE_S32(Ps2Port, dy), STATE_S32(Ps2Port, dz), STATE_S32(Ps2Port, dw), { }
};
