/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -sandbox: the process gives up system calls it will never need, so that a guest that takes it over gains less. */
#ifndef SYSTEM_SANDBOX_H
#define SYSTEM_SANDBOX_H

#include "system/config.h"

/** sandbox_enter: acts on -sandbox for this thread and all it starts; exits with a message if it cannot. */
void sandbox_enter(const OptionUse *use);

#endif
