/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 16550A UART. Spec: National Semiconductor PC16550D data sheet. */
#ifndef HW_CHAR_SERIAL_H
#define HW_CHAR_SERIAL_H

#include "chardev/chardev.h"
#include "hw/isa/isa.h"

/** serial_create_isa: COM port @index (0-3) at its usual port and interrupt, on @chr (NULL: unconnected). */
Device *serial_create_isa(IsaBus *bus, int index, Chardev *chr);
/** serial_create_ports: a COM port for each entry of @serials (4) that is not NULL. */
void serial_create_ports(IsaBus *bus, Chardev *const serials[4]);

#endif
