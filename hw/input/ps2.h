/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard and mouse, the device ends of an i8042's two ports.
 *
 * Host input -> ps2_keyboard_key() / ps2_mouse_...() -> byte queue -> the controller takes bytes by ps2_read();
 * commands from the guest come by ps2_write(), whose answers go to the head of the queue.
 *
 * The last key that went down repeats until it, or any other, moves: first after the typematic delay, then at the
 * typematic rate, but only while the guest takes what it gets.
 * Spec: IBM PS/2 Hardware Interface Technical Reference, keyboard and mouse sections.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "core/state.h"
#include "core/timer.h"
#include "qapi/qapi-types.h"

#define PS2_QUEUE_LEN 64                        /* bytes; a power of two */

/* The first `answers` bytes answer commands; `last` is what was read last. */
typedef struct Ps2Queue { uint8_t data[PS2_QUEUE_LEN]; uint8_t head, count, answers, last; } Ps2Queue;

typedef struct Ps2Port {
    Ps2Queue queue;
    uint8_t pending_command;                    /* whose argument is awaited; 0: none */
    bool is_mouse;
    bool enabled;                               /* keyboard scanning; mouse data reporting */
    /* keyboard */
    uint8_t scancode_set, leds, typematic, modifiers;
    uint8_t no_break[32], no_repeat[32];        /* a bit a code of set 3: what the guest chose for it */
    uint8_t repeat_key;                         /* QKeyCode */
    Timer repeat;                               /* armed while it is to repeat */
    /* mouse */
    uint8_t sample_rate, resolution, status, id, buttons;
    uint8_t rate_history[3];
    bool wrap_mode;
    int32_t dx, dy, dz, dw;                     /* right, up, wheel towards the user, wheel left; not reported yet */
    void (*on_data)(void *opaque);              /* host-only: the queue is no longer empty */
    void *opaque;                               /* host-only */
} Ps2Port;

void ps2_init(Ps2Port *p, bool is_mouse, void (*on_data)(void *opaque), void *opaque);
void ps2_reset(Ps2Port *p);                     /* power-on defaults; no bytes queued */
void ps2_write(Ps2Port *p, uint8_t value);      /* a byte from the guest */
static inline bool ps2_has_data(const Ps2Port *p) { return p->queue.count; }
uint8_t ps2_read(Ps2Port *p);                   /* next byte; call only if ps2_has_data() */
/** ps2_keyboard_key: dropped while scanning is off or the queue is full. */
void ps2_keyboard_key(Ps2Port *p, QKeyCode key, bool down);
void ps2_keyboard_repeat(Ps2Port *p);           /* the timer `repeat` fired; its owner initialises and stops it */
/* Motion and buttons gather until ps2_mouse_sync(), which reports them. */
void ps2_mouse_move(Ps2Port *p, int dx, int dy);        /* y grows upwards */
void ps2_mouse_button(Ps2Port *p, InputButton button, bool down);
void ps2_mouse_sync(Ps2Port *p);
bool ps2_state_valid(const Ps2Port *p);         /* for post_load */

extern const StateField ps2_state[];

#endif
