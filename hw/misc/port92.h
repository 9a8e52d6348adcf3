/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HW_MISC_PORT92_H
#define HW_MISC_PORT92_H

#include "hw/isa/isa.h"

/** port92_create: system control port A at 0x92 on @bus. */
void port92_create(IsaBus *bus);

#endif
