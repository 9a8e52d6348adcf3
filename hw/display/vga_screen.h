/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The picture of a VGA core: a console that is drawn from its registers and memory. */
#ifndef HW_DISPLAY_VGA_SCREEN_H
#define HW_DISPLAY_VGA_SCREEN_H

#include "hw/display/vga.h"
#include "ui/console.h"

VgaScreen *vga_screen_new(Vga *v, Object *owner);
void vga_screen_free(VgaScreen *s);             /* NULL is allowed */

#endif
