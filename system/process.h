/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the command line says of the process itself: -daemonize, -sandbox, -overcommit, -run-with, -msg.
 *
 *   process_begin()   right after the command line was read: the parent of a daemon waits in it
 *   process_confine() before the machine is made: memory locking, system call filter
 *   process_ready()   the machine stands and its monitors listen: the parent may return, privileges go
 */
#ifndef SYSTEM_PROCESS_H
#define SYSTEM_PROCESS_H

#include "system/config.h"

/** process_begin: under -daemonize only the child returns; the parent exits when the child is ready or has failed. */
void process_begin(const Config *c);
void process_confine(const Config *c);
void process_ready(const Config *c);

#endif
