/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input: keys, buttons and motion on their way from people to devices.
 *
 * viewer, monitor -> input_key() ... -> the first handler that takes such events (one bound to the console before one
 * that is not) -> the device; input_sync() ends a group of events that belong together: a diagonal move, a click.
 *
 * Handlers are asked in order of registration, those made current by input_handler_activate() before all. Nothing is
 * delivered while the machine is stopped. Keyboards repeat keys that are held by themselves: a viewer does not pass on
 * the host's repeats. All of it in the main loop or under the big lock.
 */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include "core/error.h"
#include "qapi/qapi-types.h"

typedef struct Console Console;                 /* ui/console.h */
typedef struct InputHandler InputHandler;

/* A device's side. What it has no function for goes to others. */
typedef struct InputHandlerOps {
    const char *name;                           /* "QEMU PS/2 Mouse" */
    void (*key)(void *opaque, QKeyCode key, bool down);
    void (*button)(void *opaque, InputButton button, bool down);
    void (*move)(void *opaque, InputAxis axis, int value);      /* relative; y grows downwards */
    void (*position)(void *opaque, InputAxis axis, int value);  /* 0 to INPUT_POSITION_MAX */
    void (*sync)(void *opaque);                 /* NULL: not needed */
} InputHandlerOps;
#define INPUT_POSITION_MAX 0x7fff

InputHandler *input_handler_new(const InputHandlerOps *ops, void *opaque);
void input_handler_free(InputHandler *h);       /* NULL is allowed */
void input_handler_activate(InputHandler *h);
/** input_handler_bind: @h is for input on @con (NULL: any) only. */
void input_handler_bind(InputHandler *h, Console *con);

/** input_accepts: whether any handler takes such events of @con (NULL: of no particular console). */
bool input_accepts(Console *con, InputEventKind kind);
void input_key(Console *con, QKeyCode key, bool down);
void input_button(Console *con, InputButton button, bool down);
void input_move(Console *con, InputAxis axis, int64_t value);
void input_position(Console *con, InputAxis axis, int64_t value);
void input_sync(void);
/**
 * input_type_keys: presses @n keys one after the other and releases them in reverse order, @step_ms of the guest's time
 * between any two. What is typed while an earlier call is not done follows it; too much of that is dropped.
 */
void input_type_keys(const QKeyCode *keys, unsigned n, uint32_t step_ms);

/* For lists: handlers with pointing functions, in the order in which they are asked. */
typedef struct InputMouse { const char *name; unsigned index; bool current, absolute; } InputMouse;
void input_foreach_mouse(void (*fn)(const InputMouse *mouse, void *opaque), void *opaque);
/** input_mouse_activate: by index. Errors say that there is none, or that it is no mouse. */
bool input_mouse_activate(int64_t index, GError **err);

/* Lamps of the keyboard, as the guest sets them: for viewers that have some. */
enum { INPUT_LED_SCROLL = 1, INPUT_LED_NUM = 2, INPUT_LED_CAPS = 4 };
void input_set_leds(unsigned leds);
unsigned input_leds(void);
extern void (*input_leds_hook)(unsigned leds);

#endif
