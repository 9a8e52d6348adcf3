/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Consoles: where display devices put their pictures and where viewers find them.
 *
 * device: console_new() at realize -> console_resize() when its mode changes, draws into the picture, console_damaged()
 * viewer: console_add_viewer(): a timer has the device draw what changed, and its calls reach the viewer
 * once:   console_update() has the device bring the picture up to date now (screendump)
 *
 * Nothing is drawn, and no timer runs, while nobody looks. Consoles are numbered in order of creation and keep their
 * number. All of it in the main loop or under the big lock.
 */
#ifndef UI_CONSOLE_H
#define UI_CONSOLE_H

#include "core/object.h"
#include "ui/picture.h"

typedef struct Console Console;

typedef struct ConsoleOps {
    /* Draws what changed since the last call. @all: everything, whatever the device remembers of the picture. */
    void (*update)(void *opaque, bool all);
} ConsoleOps;

/** console_new: of head @head of @device. 640 by 480 black pixels until the device says otherwise. */
Console *console_new(Object *device, unsigned head, const ConsoleOps *ops, void *opaque);
void console_free(Console *con);                /* NULL is allowed; viewers are told to leave */
/**
 * console_resize: a picture of @width by @height pixels, the old one if that is its size already. Its content is not
 * defined. False (and nothing changes) for a size that no picture can have.
 */
bool console_resize(Console *con, int width, int height);
Picture *console_picture(Console *con);         /* never NULL; valid until the console is resized or freed */
/** console_damaged: the pixels of this rectangle changed; clipped to the picture. */
void console_damaged(Console *con, int x, int y, int width, int height);
void console_update(Console *con);
unsigned console_number(const Console *con);
Object *console_device(const Console *con);
unsigned console_head(const Console *con);

Console *console_by_number(unsigned number);    /* NULL: none */
/** console_first: the lowest number there is; NULL: the machine has no display device. */
Console *console_first(void);
Console *console_by_device(const Object *device, unsigned head);    /* NULL: none */
/** console_find: by the id or path of a device, and head. Errors name what there is not. */
Console *console_find(const char *device, unsigned head, GError **err);

/* One who looks. Embedded in its owner. */
typedef struct ConsoleViewer ConsoleViewer;
struct ConsoleViewer {
    void (*resized)(ConsoleViewer *v);          /* a new picture; all of it is to be shown */
    void (*damaged)(ConsoleViewer *v, int x, int y, int width, int height);
    void (*gone)(ConsoleViewer *v);             /* the console is about to be freed; the viewer has been removed */
    Console *console;                           /* set by console_add_viewer() */
    ConsoleViewer *next;
};
void console_add_viewer(Console *con, ConsoleViewer *v);   /* calls resized() */
void console_remove_viewer(ConsoleViewer *v);

#endif
