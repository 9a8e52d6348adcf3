/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -numa: machine->numa from the options; NULL if there are none. */
#ifndef SYSTEM_NUMA_H
#define SYSTEM_NUMA_H

#include "hw/machine.h"
#include "system/config.h"

/** numa_setup: after -object and -smp are done, before the board is made. */
void numa_setup(const Config *c, Machine *m);

#endif
