/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/console.h"

#include "core/device.h"
#include "core/timer.h"

#define REFRESH_NS (30 * NS_PER_MS)

struct Console {
    Object *device;                             /* owns the console, so not referenced */
    unsigned number, head;
    const ConsoleOps *ops;
    void *opaque;
    Picture *picture;
    bool stale;                                 /* the picture is new: what the device remembers of it is wrong */
    ConsoleViewer *viewers;
    Timer refresh;                              /* armed while there are viewers */
    Console *next;
};

static Console *consoles;                       /* by number */

static void refresh(void *opaque)
{
    Console *con = opaque;
    console_update(con);
    if (con->viewers) {
        timer_arm_ns(&con->refresh, clock_ns(CLOCK_RT) + REFRESH_NS);
    }
}

Console *console_new(Object *device, unsigned head, const ConsoleOps *ops, void *opaque)
{
    Console *con = g_new0(Console, 1), **link = &consoles;
    *con = (Console){ .device = device, .head = head, .ops = ops, .opaque = opaque, .picture = picture_new(640, 480),
                      .stale = true };
    timer_init(&con->refresh, NULL, CLOCK_RT, refresh, con);
    for (; *link && (*link)->number == con->number; link = &(*link)->next) {
        con->number++;                          /* the first number that is free */
    }
    con->next = *link;
    *link = con;
    return con;
}

void console_free(Console *con)
{
    if (!con) {
        return;
    }
    while (con->viewers) {
        ConsoleViewer *v = con->viewers;
        console_remove_viewer(v);
        if (v->gone) {
            v->gone(v);
        }
    }
    timer_stop(&con->refresh);
    Console **link = &consoles;
    while (*link != con) {
        link = &(*link)->next;
    }
    *link = con->next;
    picture_free(con->picture);
    g_free(con);
}

bool console_resize(Console *con, int width, int height)
{
    if (con->picture->width == width && con->picture->height == height) {
        return true;
    }
    Picture *picture = picture_new(width, height);
    if (!picture) {
        return false;
    }
    picture_free(con->picture);
    con->picture = picture;
    for (ConsoleViewer *v = con->viewers, *next; v; v = next) {
        next = v->next;
        v->resized(v);
    }
    return true;
}

Picture *console_picture(Console *con)
{
    return con->picture;
}

void console_damaged(Console *con, int x, int y, int width, int height)
{
    int right = MIN((int64_t)x + width, con->picture->width), bottom = MIN((int64_t)y + height, con->picture->height);
    x = MAX(x, 0);
    y = MAX(y, 0);
    if (right <= x || bottom <= y) {
        return;
    }
    for (ConsoleViewer *v = con->viewers, *next; v; v = next) {
        next = v->next;
        v->damaged(v, x, y, right - x, bottom - y);
    }
}

void console_update(Console *con)
{
    bool all = con->stale;
    con->stale = false;
    con->ops->update(con->opaque, all);
}

unsigned console_number(const Console *con)
{
    return con->number;
}

Object *console_device(const Console *con)
{
    return con->device;
}

unsigned console_head(const Console *con)
{
    return con->head;
}

Console *console_by_number(unsigned number)
{
    Console *con = consoles;
    while (con && con->number != number) {
        con = con->next;
    }
    return con;
}

Console *console_first(void)
{
    return consoles;
}

Console *console_by_device(const Object *device, unsigned head)
{
    Console *con = consoles;
    while (con && (con->device != device || con->head != head)) {
        con = con->next;
    }
    return con;
}

Console *console_find(const char *name, unsigned head, GError **err)
{
    Device *dev = device_find(name);
    if (!dev) {
        g_set_error(err, RHEA_ERROR, ERR_DEVICE_NOT_FOUND, "Device '%s' not found", name);
        return NULL;
    }
    Console *con = console_by_device(&dev->object, head);
    if (!con && !console_by_device(&dev->object, 0)) {
        error_set(err, "Device '%s' is no display device", name);
    } else if (!con) {
        error_set(err, "Device '%s' has no head %u", name, head);
    }
    return con;
}

void console_add_viewer(Console *con, ConsoleViewer *v)
{
    v->console = con;
    v->next = con->viewers;
    con->viewers = v;
    if (!timer_armed(&con->refresh)) {
        timer_arm_ns(&con->refresh, clock_ns(CLOCK_RT));
    }
    v->resized(v);
}

void console_remove_viewer(ConsoleViewer *v)
{
    Console *con = v->console;
    ConsoleViewer **link = &con->viewers;
    while (*link != v) {
        link = &(*link)->next;
    }
    *link = v->next;
    v->console = NULL;
    if (!con->viewers) {
        timer_stop(&con->refresh);
    }
}
