/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard and mouse, the device ends of an i8042's two ports.
 *
 * Host input -> ps2_keyboard_key() / ps2_mouse_move() -> byte queue -> the controller takes bytes by ps2_read();
 * commands from the guest come by ps2_write(), whose answers go to the head of the queue. The keyboard speaks scan code
 * sets 1 and 2; in set 3 it sends set 2's codes.
 * Spec: IBM PS/2 Hardware Interface Technical Reference, keyboard and mouse sections.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "core/state.h"

#define PS2_QUEUE_LEN 64                        /* bytes; a power of two */

/* The first `answers` bytes answer commands; `last` is what was read last. */
typedef struct Ps2Queue { uint8_t data[PS2_QUEUE_LEN]; uint8_t head, count, answers, last; } Ps2Queue;

typedef struct Ps2Port {
    Ps2Queue queue;
    uint8_t pending_command;                    /* whose argument is awaited; 0: none */
    bool is_mouse;
    bool enabled;                               /* keyboard scanning; mouse data reporting */
    /* keyboard */
    uint8_t scancode_set, leds, typematic;
    /* mouse */
    uint8_t sample_rate, resolution, status, id, buttons;
    uint8_t rate_history[3];
    bool wrap_mode;
    int32_t dx, dy, dz;
    void (*on_data)(void *opaque);              /* host-only: the queue is no longer empty */
    void *opaque;                               /* host-only */
} Ps2Port;

void ps2_init(Ps2Port *p, bool is_mouse, void (*on_data)(void *opaque), void *opaque);
void ps2_reset(Ps2Port *p);                     /* power-on defaults; no bytes queued */
void ps2_write(Ps2Port *p, uint8_t value);      /* a byte from the guest */
static inline bool ps2_has_data(const Ps2Port *p) { return p->queue.count; }
uint8_t ps2_read(Ps2Port *p);                   /* next byte; call only if ps2_has_data() */
/**
 * ps2_keyboard_key: a key by its set 1 scan code; @extended: E0 prefix. Dropped while scanning is off or the queue is
 * full.
 */
void ps2_keyboard_key(Ps2Port *p, uint8_t set1_code, bool extended, bool down);
/** ps2_mouse_move: relative motion (y up), wheel, and buttons (bit 0 left, 1 right, 2 middle). */
void ps2_mouse_move(Ps2Port *p, int dx, int dy, int dz, uint8_t buttons);
bool ps2_state_valid(const Ps2Port *p);         /* for post_load */

extern const StateField ps2_state[];

#endif
