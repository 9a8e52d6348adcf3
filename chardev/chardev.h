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

typedef enum ChardevEvent {
    CHARDEV_OPENED, CHARDEV_CLOSED, CHARDEV_BREAK, CHARDEV_MUX_IN, CHARDEV_MUX_OUT
} ChardevEvent;

/* Embedded in its owner, zero-filled until attached. */
struct CharFrontend {
    Chardev *chr;                               /* NULL: unattached; writes are dropped */
    /* bytes it takes now; 0 stops the back end until chardev_accept_input() */
    int (*can_receive)(void *opaque);
    void (*receive)(void *opaque, const uint8_t *buf, int len);
    void (*event)(void *opaque, ChardevEvent event);    /* may be NULL */
    void *opaque;
    int mux_tag;
};

/**
 * chardev_attach: connects @fe to @chr; fails if @chr is taken and not a mux. Sends CHARDEV_OPENED if the back end is
 * open.
 */
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
/**
 * chardev_take_fd: the oldest descriptor that came with the bytes (unix socket, SCM_RIGHTS); the caller owns it. -1:
 * none.
 */
int chardev_take_fd(CharFrontend *fe);

Chardev *chardev_find(const char *id);
/**
 * chardev_new_from_args: -chardev / chardev-add in keyval form: "backend", "id", back end's own. Registered at
 * /chardevs/ID.
 */
Chardev *chardev_new_from_args(json_object *args, GError **err);
/**
 * chardev_new_from_text: the short forms of -serial, -monitor, -qmp ...: "stdio", "pty", "file:F", "unix:...",
 * "tcp:...", "telnet:...", "pipe:P", "null", "vc", "none" (NULL, no error), "chardev:ID" (an existing one). "mon:"
 * before it, or
 * @with_mux, puts a mux in front; who calls with "mon:" text also attaches a monitor (stdio then passes Ctrl-C on).
 */
Chardev *chardev_new_from_text(const char *id, const char *text, bool with_mux, GError **err);
void chardev_foreach(void (*fn)(const char *id, const char *filename, Chardev *chr, void *opaque), void *opaque);
void chardev_cleanup(void);                     /* at exit: restores terminals, removes sockets */
/** chardev_forbid_stdio: no chardev may use the terminal, because of option @why (not copied). */
void chardev_forbid_stdio(const char *why);
void chardev_print_help(void);                  /* -chardev help */
/** chardev_remove: chardev-remove; fails while a front end uses it. */
bool chardev_remove(const char *id, GError **err);
/**
 * chardev_change: chardev-change: another back end under the id of @chr, for its front end, which sees it close and open.
 * @args as for chardev_new_from_args(). On failure NULL, and the old one is as it was.
 */
Chardev *chardev_change(Chardev *chr, json_object *args, GError **err);
/** chardev_foreach_backend: the name of each kind, aliases too, in order. */
void chardev_foreach_backend(void (*fn)(const char *name, void *opaque), void *opaque);
void chardev_inject_break(Chardev *chr);        /* chardev-send-break: the front end sees a break */
const char *chardev_filename(const Chardev *chr);       /* as query-chardev prints it */
bool chardev_frontend_open(Chardev *chr);
/** chardev_pty_path: "/dev/pts/N" of a pty, NULL of another back end. */
const char *chardev_pty_path(const Chardev *chr);
/* ringbuf-write, ringbuf-read. Both fail on a chardev that is not a ringbuf. */
bool chardev_ringbuf_write(Chardev *chr, const uint8_t *buf, size_t len, GError **err);
bool chardev_ringbuf_read(Chardev *chr, size_t max, GByteArray *out, GError **err);

/* The multiplexer. The front end attached last has the input, until Ctrl-A c or chardev_take_focus(). */
void chardev_take_focus(CharFrontend *fe);      /* no-op if its chardev is not a mux */
void chardev_mux_set_escape(int c);             /* -echr; 1 (Ctrl-A) at start; 0: no escape */
extern void (*chardev_mux_exit)(void);          /* Ctrl-A x: ends the emulator; NULL: ignored */
extern void (*chardev_mux_save)(void);          /* Ctrl-A s: writes back what disks hold; NULL: ignored */

/* Property of a device that takes a chardev by id: field is a CharFrontend. */
extern const PropertyKind prop_kind_chardev;
#define PROP_CHARDEV(n, S, f, text, ...) PROP_ROW(n, prop_kind_chardev, S, f, CharFrontend, 0, text, ##__VA_ARGS__)

#endif
