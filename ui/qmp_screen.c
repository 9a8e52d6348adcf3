/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: a picture of the screen as a file. */
#include <limits.h>

#include "qapi/qapi.h"
#include "ui/console.h"

static Console *wanted_console(const ScreendumpArgs *args, GError **err)
{
    if (!args->device) {
        if (args->has_head) {
            error_set(err, "'head' is of use only with 'device'");
            return NULL;
        }
        Console *con = console_first();
        if (!con) {
            error_set(err, "there is no screen: the machine has no display device");
        }
        return con;
    }
    if (args->has_head && (args->head < 0 || args->head > INT_MAX)) {
        error_set(err, "'head' is a number from 0, not %" PRId64, args->head);
        return NULL;
    }
    return console_find(args->device, args->has_head ? args->head : 0, err);
}

void qmp_screendump(const ScreendumpArgs *args, GError **err)
{
    Console *con = wanted_console(args, err);
    if (con) {
        console_update(con);
        picture_save(console_picture(con), args->filename,
                     args->has_format && args->format == IMAGE_FORMAT_PNG ? PICTURE_PNG : PICTURE_PPM, err);
    }
}
