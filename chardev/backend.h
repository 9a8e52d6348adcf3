/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of chardev/: what a back end implements, and what it may call.
 *
 * A back end is one const ChardevType. chardev_new_from_args() makes the object, sets its properties (the options of
 * -chardev), and calls `open`. From then on bytes flow by the calls below. `chr->open` says whether somebody is at the
 * other end; only chardev_be_event() changes it.
 */
#ifndef CHARDEV_BACKEND_H
#define CHARDEV_BACKEND_H

#include "chardev/chardev.h"
#include "core/loop.h"

typedef struct ChardevType {
    union { Type type; struct Type; };          /* .name is "chardev-" and the name in -chardev */
    bool multiple;                              /* serves several front ends: attach and detach are its own */
    const char *path_option;                    /* property that "NAME:TEXT" sets in a short form; NULL: none */
    /* @args: the options as given, for a type that must know whether one was. */
    bool (*open)(Chardev *chr, json_object *args, GError **err);
    /* Bytes taken, 0 if the host end is busy. Bytes for a host end that is gone are taken and dropped. */
    int (*write)(Chardev *chr, const uint8_t *buf, int len);
    void (*update)(Chardev *chr);               /* can_receive or the wish for a watch may have changed */
    void (*wait_writable)(Chardev *chr);        /* blocks until write takes something or the host end is gone */
    void (*set_serial_params)(Chardev *chr, const SerialParams *p);
    void (*set_echo)(Chardev *chr, bool echo);
    void (*send_break)(Chardev *chr);
    bool (*attach)(Chardev *chr, CharFrontend *fe, GError **err);       /* `multiple` only */
    void (*detach)(Chardev *chr, CharFrontend *fe);
    void (*handlers_changed)(Chardev *chr, CharFrontend *fe);
    int (*take_fd)(Chardev *chr);               /* a descriptor that came with the bytes; -1: none */
    void (*cleanup)(Chardev *chr);              /* at exit, without finalize: restore what outlives the process */
} ChardevType;

typedef struct ChardevWatch { CharFrontend *fe; void (*fn)(void *opaque); void *opaque; } ChardevWatch;

struct Chardev {
    Object object;
    char *id;
    char *filename;                             /* as query-chardev prints it */
    CharFrontend *fe;                           /* NULL: nobody, or `multiple` */
    bool open;
    GArray *watches;                            /* ChardevWatch; NULL while there never was one */
    char *logfile;
    bool logappend, logtimestamp, log_at_line_start, mux;
    int log_fd;                                 /* -1: none */
};

extern const ChardevType chardev_type;          /* abstract */
#define chardev_type_of(chr) ((const ChardevType *)(chr)->object.type)

/** chardev_open: opens the log file, then the type's `open`. For who makes chardevs. */
bool chardev_open(Chardev *chr, json_object *args, GError **err);

/* What a back end calls. */
int chardev_be_can_receive(Chardev *chr);       /* bytes the front end takes now; 0 without one */
void chardev_be_receive(Chardev *chr, const uint8_t *buf, int len);     /* at most chardev_be_can_receive() */
void chardev_be_event(Chardev *chr, ChardevEvent event);
/** chardev_be_writable: the host end takes bytes again: runs and forgets all watches. */
void chardev_be_writable(Chardev *chr);
static inline bool chardev_be_wants_write(const Chardev *chr) { return chr->watches && chr->watches->len; }
void chardev_be_set_filename(Chardev *chr, char *filename);     /* takes over @filename */

/**
 * FdPort: a back end over file descriptors that read() and write(). It watches for input while the front end can
 * receive, and for room while there is a watch.
 */
typedef struct FdPort {
    Chardev *chr;
    int in_fd, out_fd;                          /* -1: none; may be the same */
    bool reading, writing;                      /* watched now */
    void (*on_eof)(Chardev *chr);               /* input ended; NULL: nobody cares */
} FdPort;

/* owns the descriptors; makes them non-blocking */
void fd_port_init(FdPort *p, Chardev *chr, int in_fd, int out_fd);
void fd_port_update(FdPort *p);
int fd_port_write(FdPort *p, const uint8_t *buf, int len);
void fd_port_wait_writable(FdPort *p);
void fd_port_close(FdPort *p);                  /* idempotent, also on a zero-filled port that was never set up */

#endif
