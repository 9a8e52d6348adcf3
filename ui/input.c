/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/input.h"

#include "core/timer.h"
#include "core/vm.h"

#define QUEUE_MAX 1024                          /* steps that wait to be typed */

struct InputHandler {
    const InputHandlerOps *ops;
    void *opaque;
    unsigned index;
    Console *console;
    bool unsynced;                              /* has had events since its last sync() */
    InputHandler *next;
};

static InputHandler *handlers;
static unsigned last_index, leds;
void (*input_leds_hook)(unsigned leds);

InputHandler *input_handler_new(const InputHandlerOps *ops, void *opaque)
{
    InputHandler *h = g_new0(InputHandler, 1), **link = &handlers;
    *h = (InputHandler){ .ops = ops, .opaque = opaque, .index = ++last_index };
    while (*link) {
        link = &(*link)->next;
    }
    *link = h;
    return h;
}

static void unlink_handler(InputHandler *h)
{
    InputHandler **link = &handlers;
    while (*link != h) {
        link = &(*link)->next;
    }
    *link = h->next;
}

void input_handler_free(InputHandler *h)
{
    if (h) {
        unlink_handler(h);
        g_free(h);
    }
}

void input_handler_activate(InputHandler *h)
{
    unlink_handler(h);
    h->next = handlers;
    handlers = h;
}

void input_handler_bind(InputHandler *h, Console *con)
{
    h->console = con;
}

static bool takes(const InputHandler *h, InputEventKind kind)
{
    switch (kind) {
    case INPUT_EVENT_KIND_KEY:
        return h->ops->key != NULL;
    case INPUT_EVENT_KIND_BTN:
        return h->ops->button != NULL;
    case INPUT_EVENT_KIND_REL:
        return h->ops->move != NULL;
    case INPUT_EVENT_KIND_ABS:
        return h->ops->position != NULL;
    default:
        return false;
    }
}

static InputHandler *find(Console *con, InputEventKind kind)
{
    for (InputHandler *h = handlers; con && h; h = h->next) {
        if (h->console == con && takes(h, kind)) {
            return h;
        }
    }
    for (InputHandler *h = handlers; h; h = h->next) {
        if (!h->console && takes(h, kind)) {
            return h;
        }
    }
    return NULL;
}

bool input_accepts(Console *con, InputEventKind kind)
{
    return find(con, kind) != NULL;
}

/* Who gets such an event now; NULL: nobody. */
static InputHandler *receiver(Console *con, InputEventKind kind)
{
    if (!vm_running() && vm_run_state() != RUN_STATE_SUSPENDED) {
        return NULL;
    }
    InputHandler *h = find(con, kind);
    if (h) {
        h->unsynced = true;
    }
    return h;
}

void input_key(Console *con, QKeyCode key, bool down)
{
    InputHandler *h = receiver(con, INPUT_EVENT_KIND_KEY);
    if (h) {
        h->ops->key(h->opaque, key, down);
    }
}

void input_button(Console *con, InputButton button, bool down)
{
    InputHandler *h = receiver(con, INPUT_EVENT_KIND_BTN);
    if (h) {
        h->ops->button(h->opaque, button, down);
    }
}

void input_move(Console *con, InputAxis axis, int64_t value)
{
    InputHandler *h = receiver(con, INPUT_EVENT_KIND_REL);
    if (h) {
        h->ops->move(h->opaque, axis, CLAMP(value, -INT16_MAX, INT16_MAX));
    }
}

void input_position(Console *con, InputAxis axis, int64_t value)
{
    InputHandler *h = receiver(con, INPUT_EVENT_KIND_ABS);
    if (h) {
        h->ops->position(h->opaque, axis, CLAMP(value, 0, INPUT_POSITION_MAX));
    }
}

void input_sync(void)
{
    for (InputHandler *h = handlers, *next; h; h = next) {
        next = h->next;
        if (h->unsynced) {
            h->unsynced = false;
            if (h->ops->sync) {
                h->ops->sync(h->opaque);
            }
        }
    }
}

/* Typing */

typedef struct Step { QKeyCode key; bool down; uint32_t after_ms; } Step;     /* and then nothing for after_ms */

static struct { GQueue steps; Timer timer; bool ready; } typist;

static void type_next(void *opaque)
{
    Step *step = g_queue_pop_head(&typist.steps);
    if (step) {
        input_key(NULL, step->key, step->down);
        input_sync();
        timer_arm_ns(&typist.timer, clock_ns(CLOCK_VIRTUAL) + step->after_ms * NS_PER_MS);
        g_free(step);
    }
}

static void type_step(QKeyCode key, bool down, uint32_t after_ms)
{
    Step *step = g_new(Step, 1);
    *step = (Step){ key, down, after_ms };
    g_queue_push_tail(&typist.steps, step);
}

void input_type_keys(const QKeyCode *keys, unsigned n, uint32_t step_ms)
{
    if (!typist.ready) {
        timer_init(&typist.timer, NULL, CLOCK_VIRTUAL, type_next, NULL);
        typist.ready = true;
    }
    if (receiver(NULL, INPUT_EVENT_KIND_KEY) && typist.steps.length + 2 * n <= QUEUE_MAX) {
        for (unsigned i = 0; i < n; i++) {
            type_step(keys[i], true, step_ms);
        }
        for (unsigned i = n; i-- > 0;) {
            type_step(keys[i], false, step_ms);
        }
        if (!timer_armed(&typist.timer)) {
            type_next(NULL);
        }
    }
}

/* Mice */

void input_foreach_mouse(void (*fn)(const InputMouse *mouse, void *opaque), void *opaque)
{
    bool current = true;
    for (InputHandler *h = handlers; h; h = h->next) {
        if (h->ops->move || h->ops->position) {
            fn(&(InputMouse){ h->ops->name, h->index, current, h->ops->position != NULL }, opaque);
            current = false;
        }
    }
}

bool input_mouse_activate(int64_t index, GError **err)
{
    InputHandler *h = handlers;
    while (h && h->index != index) {
        h = h->next;
    }
    if (!h) {
        return error_set(err, "Mouse at index '%" PRId64 "' not found", index);
    }
    if (!h->ops->move && !h->ops->position) {
        return error_set(err, "Input device '%s' is not a mouse", h->ops->name);
    }
    input_handler_activate(h);
    return true;
}

/* Lamps */

void input_set_leds(unsigned new_leds)
{
    if (new_leds != leds) {
        leds = new_leds;
        if (input_leds_hook) {
            input_leds_hook(leds);
        }
    }
}

unsigned input_leds(void)
{
    return leds;
}
