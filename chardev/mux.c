/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux: one back end for several front ends (a serial line and the monitor on one terminal).
 *
 * Output of all goes through. Input goes to the front end that has the focus, by way of its ring: while the front end
 * cannot receive, READ_AHEAD_BYTES more are taken from the back end, so that escapes still work. After the escape
 * character (Ctrl-A) the next one is a command to the mux:
 *   h ?  help     x  end the emulator     s  write back disks     b  send a break
 *   c  next front end     t  time stamps on output     escape again: the character itself
 */
#include <stdio.h>
#include <string.h>

#include "chardev/backend.h"

#define READ_AHEAD_BYTES 32                     /* power of two */
#define MUX_MAX_FRONTENDS 32

typedef struct MuxSlot {
    CharFrontend *fe;
    uint8_t ring[READ_AHEAD_BYTES];
    unsigned produced, consumed;
} MuxSlot;

typedef struct MuxChardev {
    Chardev chr;
    CharFrontend base;                          /* we are the front end of the real back end */
    char *base_id;
    MuxSlot *slots[MUX_MAX_FRONTENDS];          /* by mux_tag; NULL: free */
    int focus;                                  /* slot; -1: none */
    bool got_escape, timestamps, at_line_start;
    int64_t timestamps_start_ns;
} MuxChardev;

static int escape_char = 0x01;
void (*chardev_mux_exit)(void);
void (*chardev_mux_save)(void);
static const ChardevType chardev_mux_type;

void chardev_mux_set_escape(int c) { escape_char = c; }

/* ---- output ---- */

static int mux_write(Chardev *chr, const uint8_t *buf, int len)
{
    MuxChardev *s = (MuxChardev *)chr;
    int done = 0;

    if (!s->timestamps) {
        return chardev_write(&s->base, buf, len);
    }
    while (done < len) {
        const uint8_t *eol = memchr(buf + done, '\n', len - done);
        int line = eol ? eol - (buf + done) + 1 : len - done, n;

        if (s->at_line_start) {
            int64_t ms = (clock_ns(CLOCK_RT) - s->timestamps_start_ns) / NS_PER_MS;

            chardev_printf(&s->base, "[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000), (int)(ms / 60000 % 60),
                           (int)(ms / 1000 % 60), (int)(ms % 1000));
            s->at_line_start = false;
        }
        n = chardev_write(&s->base, buf + done, line);
        done += MAX(n, 0);
        if (n < line) {
            break;
        }
        s->at_line_start = eol != NULL;
    }
    return done;
}

static void base_writable(void *opaque) { chardev_be_writable(opaque); }

static void mux_wait_writable(Chardev *chr)
{
    MuxChardev *s = (MuxChardev *)chr;

    if (chardev_type_of(s->base.chr)->wait_writable) {
        chardev_type_of(s->base.chr)->wait_writable(s->base.chr);
    }
}

/* ---- focus ---- */

static void slot_event(MuxSlot *slot, ChardevEvent event)
{
    if (slot && slot->fe->event) {
        slot->fe->event(slot->fe->opaque, event);
    }
}

static void mux_set_focus(MuxChardev *s, int slot)
{
    if (slot == s->focus) {
        return;
    }
    if (s->focus >= 0) {
        slot_event(s->slots[s->focus], CHARDEV_MUX_OUT);
    }
    s->focus = slot;
    s->chr.fe = slot >= 0 ? s->slots[slot]->fe : NULL;
    if (slot >= 0) {
        slot_event(s->slots[slot], CHARDEV_MUX_IN);
    }
}

static int mux_next(const MuxChardev *s, int from)
{
    for (int i = 1; i <= MUX_MAX_FRONTENDS; i++) {
        int slot = (from + i) % MUX_MAX_FRONTENDS;

        if (s->slots[slot]) {
            return slot;
        }
    }
    return -1;
}

void chardev_take_focus(CharFrontend *fe)
{
    if (fe->chr && fe->chr->object.type == &chardev_mux_type.type) {
        mux_set_focus((MuxChardev *)fe->chr, fe->mux_tag);
        chardev_accept_input(fe);
    }
}

/* ---- input ---- */

/* Hands the focused front end what its ring holds, as far as it can receive. */
static void mux_deliver(MuxChardev *s)
{
    while (s->focus >= 0) {
        MuxSlot *slot = s->slots[s->focus];
        CharFrontend *fe = slot->fe;
        uint8_t c;

        if (slot->produced == slot->consumed) {
            return;
        }
        if (!fe->receive || !fe->can_receive || fe->can_receive(fe->opaque) <= 0) {
            return;
        }
        c = slot->ring[slot->consumed++ % READ_AHEAD_BYTES];
        fe->receive(fe->opaque, &c, 1);         /* may detach itself or change the focus */
    }
}

static int mux_can_receive(void *opaque)
{
    MuxChardev *s = opaque;
    MuxSlot *slot = s->focus >= 0 ? s->slots[s->focus] : NULL;

    /* Without a front end, or after an escape, take a byte: it may be a command. */
    if (!slot || s->got_escape) {
        return 1;
    }
    return READ_AHEAD_BYTES - (slot->produced - slot->consumed);
}

static void mux_print_help(MuxChardev *s)
{
    char name[16] = "Ctrl-A";

    if (escape_char > 0 && escape_char < 27) {
        snprintf(name, sizeof(name), "Ctrl-%c", escape_char - 1 + 'A');
    } else {
        snprintf(name, sizeof(name), "0x%02x", escape_char);
    }
    chardev_printf(&s->base,
                   "\r\n%s h    this help\r\n"
                   "%s x    end the emulator\r\n"
                   "%s s    write disk data back to the images\r\n"
                   "%s t    switch time stamps on or off\r\n"
                   "%s b    send a break (magic SysRq)\r\n"
                   "%s c    switch between console and monitor\r\n"
                   "%s %s  send %s itself\r\n", name, name, name, name, name, name, name, name, name);
}

/* Returns whether @c goes to the front end. */
static bool mux_filter(MuxChardev *s, uint8_t c)
{
    if (!s->got_escape) {
        s->got_escape = escape_char && c == escape_char;
        return !s->got_escape;
    }
    s->got_escape = false;
    if (c == escape_char) {
        return true;
    }
    switch (c) {
    case '?':
    case 'h':
        mux_print_help(s);
        break;
    case 'x':
        if (chardev_mux_exit) {
            chardev_printf(&s->base, "QEMU: Terminated\r\n");
            chardev_mux_exit();
        }
        break;
    case 's':
        if (chardev_mux_save) {
            chardev_mux_save();
        }
        break;
    case 'b':
        if (s->focus >= 0) {
            slot_event(s->slots[s->focus], CHARDEV_BREAK);
        }
        break;
    case 'c':
        mux_set_focus(s, mux_next(s, s->focus));
        break;
    case 't':
        s->timestamps = !s->timestamps;
        s->timestamps_start_ns = clock_ns(CLOCK_RT);
        s->at_line_start = true;
        break;
    }
    return false;
}

static void mux_receive(void *opaque, const uint8_t *buf, int len)
{
    MuxChardev *s = opaque;
    g_autoptr(Object) hold = object_ref(OBJECT(s));

    for (int i = 0; i < len; i++) {
        if (mux_filter(s, buf[i]) && s->focus >= 0) {
            MuxSlot *slot = s->slots[s->focus];

            /* Only an escaped literal can find the ring full; the oldest byte goes then. */
            if (slot->produced - slot->consumed == READ_AHEAD_BYTES) {
                slot->consumed++;
            }
            slot->ring[slot->produced++ % READ_AHEAD_BYTES] = buf[i];
        }
        mux_deliver(s);
    }
}

static void mux_base_event(void *opaque, ChardevEvent event)
{
    MuxChardev *s = opaque;
    g_autoptr(Object) hold = object_ref(OBJECT(s));

    if (event == CHARDEV_OPENED || event == CHARDEV_CLOSED) {
        s->chr.open = event == CHARDEV_OPENED;
        for (int i = 0; i < MUX_MAX_FRONTENDS; i++) {
            slot_event(s->slots[i], event);
        }
    } else if (s->focus >= 0) {
        slot_event(s->slots[s->focus], event);
    }
}

static void mux_update(Chardev *chr)
{
    MuxChardev *s = (MuxChardev *)chr;
    g_autoptr(Object) hold = object_ref(OBJECT(s));

    if (!s->base.chr) {
        return;
    }
    mux_deliver(s);
    if (chardev_be_wants_write(chr)) {
        chardev_add_watch(&s->base, base_writable, s);
    }
    chardev_accept_input(&s->base);
}

/* ---- front ends come and go ---- */

static bool mux_attach(Chardev *chr, CharFrontend *fe, GError **err)
{
    MuxChardev *s = (MuxChardev *)chr;

    for (int i = 0; i < MUX_MAX_FRONTENDS; i++) {
        if (!s->slots[i]) {
            s->slots[i] = g_new0(MuxSlot, 1);
            s->slots[i]->fe = fe;
            fe->mux_tag = i;
            return true;
        }
    }
    return error_set(err, "mux chardev '%s' has %d users already and takes no more", chr->id, MUX_MAX_FRONTENDS);
}

static void mux_detach(Chardev *chr, CharFrontend *fe)
{
    MuxChardev *s = (MuxChardev *)chr;
    int slot = fe->mux_tag;

    g_free(s->slots[slot]);
    s->slots[slot] = NULL;
    if (s->focus == slot) {
        s->focus = -1;
        s->chr.fe = NULL;
        mux_set_focus(s, mux_next(s, slot));
    }
}

static void mux_handlers_changed(Chardev *chr, CharFrontend *fe) { mux_set_focus((MuxChardev *)chr, fe->mux_tag); }

static void mux_set_echo(Chardev *chr, bool echo) { chardev_set_echo(&((MuxChardev *)chr)->base, echo); }
static void mux_send_break(Chardev *chr) { chardev_send_break(&((MuxChardev *)chr)->base); }
static int mux_take_fd(Chardev *chr) { return chardev_take_fd(&((MuxChardev *)chr)->base); }

static void mux_set_serial_params(Chardev *chr, const SerialParams *p)
{
    chardev_set_serial_params(&((MuxChardev *)chr)->base, p);
}

static bool mux_open(Chardev *chr, json_object *args, GError **err)
{
    MuxChardev *s = (MuxChardev *)chr;
    Chardev *base;

    if (!s->base_id) {
        return error_set(err, "chardev: mux: no chardev given, say chardev=ID");
    }
    base = chardev_find(s->base_id);
    if (!base) {
        return error_set(err, "mux: base chardev %s not found", s->base_id);
    }
    s->base.can_receive = mux_can_receive;
    s->base.receive = mux_receive;
    s->base.event = mux_base_event;
    s->base.opaque = s;
    return chardev_attach(&s->base, base, err);
}

static void mux_init(Object *obj) { ((MuxChardev *)obj)->focus = -1; }
static void mux_finalize(Object *obj) { chardev_detach(&((MuxChardev *)obj)->base); }

static const Property mux_properties[] = {
    PROP_STR("chardev", MuxChardev, base_id, "id of the back end that is shared"),
    { }
};

static const ChardevType chardev_mux_type = {
    .name = "chardev-mux", .parent = &chardev_type.type, .size = sizeof(MuxChardev), .multiple = true,
    .description = "shares another back end among several front ends", .properties = mux_properties,
    .init = mux_init, .finalize = mux_finalize, .open = mux_open, .write = mux_write, .update = mux_update,
    .wait_writable = mux_wait_writable, .set_serial_params = mux_set_serial_params, .set_echo = mux_set_echo,
    .send_break = mux_send_break, .attach = mux_attach, .detach = mux_detach,
    .handlers_changed = mux_handlers_changed, .take_fd = mux_take_fd,
};
TYPE_REGISTER(chardev_mux_type);
