/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Front ends and the common half of back ends.
 *
 * Down: chardev_write() -> type's write -> log file. What the host end does not take stays with the caller, who may ask
 * for a watch; a watch fires once and is gone. Up: the back end asks chardev_be_can_receive(), reads at most that much
 * and hands it to chardev_be_receive(). A callback may detach its front end or delete the chardev: whoever calls one
 * holds a reference and looks at the chardev afresh afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chardev/backend.h"
#include "core/host_fd.h"

static void log_write(Chardev *chr, const uint8_t *buf, int len);

/* ---- front end ---- */

bool chardev_attach(CharFrontend *fe, Chardev *chr, GError **err)
{
    g_assert(!fe->chr);
    if (chardev_type_of(chr)->multiple) {
        if (!chardev_type_of(chr)->attach(chr, fe, err)) {
            return false;
        }
        fe->chr = (Chardev *)object_ref(OBJECT(chr));
        chardev_type_of(chr)->handlers_changed(chr, fe);
    } else {
        if (chr->fe) {
            return error_set(err, "chardev '%s' is already in use", chr->id);
        }
        chr->fe = fe;
        fe->chr = (Chardev *)object_ref(OBJECT(chr));
    }
    if (chr->open && fe->event) {
        fe->event(fe->opaque, CHARDEV_OPENED);
    }
    if (fe->chr == chr && chardev_type_of(chr)->update) {
        chardev_type_of(chr)->update(chr);
    }
    return true;
}

void chardev_set_handlers(CharFrontend *fe, int (*can_receive)(void *), void (*receive)(void *, const uint8_t *, int),
                          void (*event)(void *, ChardevEvent), void *opaque)
{
    Chardev *chr = fe->chr;

    fe->can_receive = can_receive;
    fe->receive = receive;
    fe->event = event;
    fe->opaque = opaque;
    if (!chr) {
        return;
    }
    if (chardev_type_of(chr)->handlers_changed) {
        chardev_type_of(chr)->handlers_changed(chr, fe);
    }
    if (chr->open && event) {
        event(opaque, CHARDEV_OPENED);
    }
    if (fe->chr == chr && chardev_type_of(chr)->update) {
        chardev_type_of(chr)->update(chr);
    }
}

static void watches_forget(Chardev *chr, const CharFrontend *fe)
{
    for (guint i = chr->watches ? chr->watches->len : 0; i-- > 0;) {
        if (g_array_index(chr->watches, ChardevWatch, i).fe == fe) {
            g_array_remove_index(chr->watches, i);
        }
    }
}

void chardev_detach(CharFrontend *fe)
{
    Chardev *chr = fe->chr;

    if (!chr) {
        return;
    }
    watches_forget(chr, fe);
    if (chardev_type_of(chr)->multiple) {
        chardev_type_of(chr)->detach(chr, fe);
    } else {
        chr->fe = NULL;
    }
    fe->chr = NULL;
    if (chardev_type_of(chr)->update) {
        chardev_type_of(chr)->update(chr);
    }
    object_unref(OBJECT(chr));
}

static int write_some(Chardev *chr, const uint8_t *buf, int len)
{
    int n = chardev_type_of(chr)->write(chr, buf, len);

    if (n > 0 && chr->log_fd >= 0) {
        log_write(chr, buf, n);
    }
    return n;
}

int chardev_write(CharFrontend *fe, const uint8_t *buf, int len)
{
    return fe->chr && len > 0 ? write_some(fe->chr, buf, len) : MAX(len, 0);
}

void chardev_write_all(CharFrontend *fe, const uint8_t *buf, int len)
{
    while (fe->chr && len > 0) {
        int n = write_some(fe->chr, buf, len);

        if (n <= 0) {
            if (!chardev_type_of(fe->chr)->wait_writable) {
                return;
            }
            chardev_type_of(fe->chr)->wait_writable(fe->chr);
            continue;
        }
        buf += n;
        len -= n;
    }
}

void chardev_printf(CharFrontend *fe, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    chardev_write_all(fe, (const uint8_t *)text, strlen(text));
}

void chardev_accept_input(CharFrontend *fe)
{
    if (fe->chr && chardev_type_of(fe->chr)->update) {
        chardev_type_of(fe->chr)->update(fe->chr);
    }
}

void chardev_add_watch(CharFrontend *fe, void (*fn)(void *opaque), void *opaque)
{
    Chardev *chr = fe->chr;
    ChardevWatch w = { fe, fn, opaque };

    if (!chr) {
        return;
    }
    if (!chr->watches) {
        chr->watches = g_array_new(FALSE, FALSE, sizeof(ChardevWatch));
    }
    watches_forget(chr, fe);
    g_array_append_val(chr->watches, w);
    if (chardev_type_of(chr)->update) {
        chardev_type_of(chr)->update(chr);
    }
}

void chardev_set_serial_params(CharFrontend *fe, const SerialParams *p)
{
    if (fe->chr && chardev_type_of(fe->chr)->set_serial_params) {
        chardev_type_of(fe->chr)->set_serial_params(fe->chr, p);
    }
}

void chardev_set_echo(CharFrontend *fe, bool echo)
{
    if (fe->chr && chardev_type_of(fe->chr)->set_echo) {
        chardev_type_of(fe->chr)->set_echo(fe->chr, echo);
    }
}

void chardev_send_break(CharFrontend *fe)
{
    if (fe->chr && chardev_type_of(fe->chr)->send_break) {
        chardev_type_of(fe->chr)->send_break(fe->chr);
    }
}

int chardev_take_fd(CharFrontend *fe)
{
    return fe->chr && chardev_type_of(fe->chr)->take_fd ? chardev_type_of(fe->chr)->take_fd(fe->chr) : -1;
}

void chardev_inject_break(Chardev *chr)
{
    chardev_be_event(chr, CHARDEV_BREAK);
}

bool chardev_frontend_open(Chardev *chr)
{
    return chr->fe && (chr->fe->receive || chr->fe->event || chr->fe->can_receive);
}

/* ---- back end ---- */

int chardev_be_can_receive(Chardev *chr)
{
    CharFrontend *fe = chr->fe;

    return fe && fe->receive && fe->can_receive ? MAX(fe->can_receive(fe->opaque), 0) : 0;
}

void chardev_be_receive(Chardev *chr, const uint8_t *buf, int len)
{
    if (chr->fe && chr->fe->receive && len > 0) {
        chr->fe->receive(chr->fe->opaque, buf, len);
    }
}

void chardev_be_event(Chardev *chr, ChardevEvent event)
{
    if (event == CHARDEV_OPENED || event == CHARDEV_CLOSED) {
        bool open = event == CHARDEV_OPENED;

        if (chr->open == open) {
            return;
        }
        chr->open = open;
    }
    if (chr->fe && chr->fe->event) {
        chr->fe->event(chr->fe->opaque, event);
    }
}

void chardev_be_writable(Chardev *chr)
{
    g_autoptr(Object) hold = object_ref(OBJECT(chr));
    guint due = chr->watches ? chr->watches->len : 0;

    /* A callback may add a watch (it then stands behind those due) or take others away with their front end. */
    while (due-- > 0 && chr->watches->len) {
        ChardevWatch w = g_array_index(chr->watches, ChardevWatch, 0);

        g_array_remove_index(chr->watches, 0);
        w.fn(w.opaque);
    }
}

void chardev_be_set_filename(Chardev *chr, char *filename)
{
    g_free(chr->filename);
    chr->filename = filename;
}

/* ---- log file ---- */

static void log_bytes(Chardev *chr, const void *buf, size_t len)
{
    const char *p = buf;

    while (len > 0) {
        ssize_t n = write(chr->log_fd, p, len);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return;                             /* a full disk must not stop the guest */
        }
        p += n;
        len -= n;
    }
}

static void log_write(Chardev *chr, const uint8_t *buf, int len)
{
    if (!chr->logtimestamp) {
        log_bytes(chr, buf, len);
        return;
    }
    while (len > 0) {
        const uint8_t *eol = memchr(buf, '\n', len);
        int n = eol ? eol - buf + 1 : len;

        if (chr->log_at_line_start) {
            int64_t us = g_get_real_time();
            time_t seconds = us / G_USEC_PER_SEC;
            char stamp[64], day[32];
            struct tm tm;

            gmtime_r(&seconds, &tm);
            strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
            snprintf(stamp, sizeof(stamp), "%s.%06dZ ", day, (int)(us % G_USEC_PER_SEC));
            log_bytes(chr, stamp, strlen(stamp));
        }
        log_bytes(chr, buf, n);
        chr->log_at_line_start = eol != NULL;
        buf += n;
        len -= n;
    }
}

bool chardev_open(Chardev *chr, json_object *args, GError **err)
{
    if (chr->logfile) {
        chr->log_fd = host_open(chr->logfile, O_WRONLY | O_CREAT | (chr->logappend ? O_APPEND : O_TRUNC), 0666);
        if (chr->log_fd < 0) {
            return error_set_errno(err, errno, "Could not open logfile '%s'", chr->logfile);
        }
    }
    return !chardev_type_of(chr)->open || chardev_type_of(chr)->open(chr, args, err);
}

static void base_init(Object *obj)
{
    Chardev *chr = (Chardev *)obj;

    chr->log_fd = -1;
    chr->log_at_line_start = true;
}

static void base_finalize(Object *obj)
{
    Chardev *chr = (Chardev *)obj;

    if (chr->watches) {
        g_array_free(chr->watches, TRUE);
    }
    if (chr->log_fd >= 0) {
        close(chr->log_fd);
    }
    g_free(chr->filename);
    g_free(chr->id);
}

static const Property base_properties[] = {
    PROP_STR("logfile", Chardev, logfile, "file that receives a copy of what is written"),
    PROP_BOOL("logappend", Chardev, logappend, false, "append to the log file instead of truncating it"),
    PROP_BOOL("logtimestamp", Chardev, logtimestamp, false, "begin each line of the log file with the time (UTC)"),
    PROP_BOOL("mux", Chardev, mux, false, "put a multiplexer in front, for several front ends"),
    { }
};

const ChardevType chardev_type = {
    .name = "chardev", .parent = &object_type, .size = sizeof(Chardev), .is_abstract = true,
    .description = "character device back end", .properties = base_properties,
    .init = base_init, .finalize = base_finalize,
};
TYPE_REGISTER(chardev_type);
