/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices: host ends of serial lines, monitors and logs.
 *
 * A Chardev (back end: stdio, file, socket ...) serves one CharFrontend (a UART, a monitor), or several through mux.
 * Bytes from the host arrive by the front end's `receive`, never more than `can_receive` said; bytes to the host go by
 * chardev_write(). Main loop, under the big lock; chardev_write() from any thread that holds it.
 */
#ifndef CHARDEV_CHARDEV_H
#define CHARDEV_CHARDEV_H

#include "core/object.h"

typedef struct Chardev Chardev;
typedef struct CharFrontend CharFrontend;

typedef enum ChardevEvent { CHARDEV_OPENED, CHARDEV_CLOSED, CHARDEV_BREAK, CHARDEV_MUX_IN, CHARDEV_MUX_OUT } ChardevEvent;

/* Embedded in its owner, zero-filled until attached. */
struct CharFrontend {
    Chardev *chr;                               /* NULL: unattached; writes are dropped */
    int (*can_receive)(void *opaque);           /* bytes it takes now; 0 stops the back end until chardev_accept_input() */
    void (*receive)(void *opaque, const uint8_t *buf, int len);
    void (*event)(void *opaque, ChardevEvent event);    /* may be NULL */
    void *opaque;
    int mux_tag;
};

/** chardev_attach: connects @fe to @chr; fails if @chr is taken and not a mux. Sends CHARDEV_OPENED if the back end is open. */
bool chardev_attach(CharFrontend *fe, Chardev *chr, GError **err);
void chardev_set_handlers(CharFrontend *fe, int (*can_receive)(void *), void (*receive)(void *, const uint8_t *, int),
                          void (*event)(void *, ChardevEvent), void *opaque);
void chardev_detach(CharFrontend *fe);
/** chardev_write: returns bytes taken (0..len); fewer than @len: the host end is busy, see chardev_add_watch(). */
int chardev_write(CharFrontend *fe, const uint8_t *buf, int len);
/** chardev_write_all: blocks until all is written or the back end is gone. */
void chardev_write_all(CharFrontend *fe, const uint8_t *buf, int len);
void chardev_printf(CharFrontend *fe, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void chardev_accept_input(CharFrontend *fe);    /* can_receive may be larger now */
/** chardev_add_watch: calls @fn once when the host end takes bytes again. */
void chardev_add_watch(CharFrontend *fe, void (*fn)(void *opaque), void *opaque);
typedef struct SerialParams { int speed, data_bits, stop_bits; char parity; } SerialParams;
void chardev_set_serial_params(CharFrontend *fe, const SerialParams *p);
void chardev_set_echo(CharFrontend *fe, bool echo);
void chardev_send_break(CharFrontend *fe);

Chardev *chardev_find(const char *id);
/** chardev_new_from_args: -chardev / chardev-add in keyval form: "backend", "id", back end's own. Registered at /chardevs/ID. */
Chardev *chardev_new_from_args(json_object *args, GError **err);
/** chardev_new_from_text: the short forms of -serial, -monitor, -qmp ...: "stdio", "mon:stdio", "pty", "file:F", "unix:...", "tcp:...", "null", "none" (NULL, no error), "chardev:ID". */
Chardev *chardev_new_from_text(const char *id, const char *text, bool with_mux, GError **err);
void chardev_foreach(void (*fn)(const char *id, const char *filename, Chardev *chr, void *opaque), void *opaque);
void chardev_cleanup(void);                     /* at exit: restores terminals, removes sockets */
void chardev_print_help(void);                  /* -chardev help */
/** chardev_mux_hook_monitor: tells the mux layer how to stop the machine on Ctrl-A x. */
extern void (*chardev_mux_exit)(void);

/* Property of a device that takes a chardev by id: field is a CharFrontend. */
extern const PropertyKind prop_kind_chardev;
#define PROP_CHARDEV(n, S, f, text, ...) PROP_ROW(n, prop_kind_chardev, S, f, CharFrontend, 0, text, ##__VA_ARGS__)

#endif
