/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting, pausing, resetting and ending the machine. Main loop thread, under the big lock.
 */
#ifndef SYSTEM_RUNSTATE_H
#define SYSTEM_RUNSTATE_H

#include "core/error.h"
#include "core/vm.h"
#include "qapi/qapi-types.h"

/* What is done at events of the guest; QMP set-action changes it. */
typedef struct RunPolicy {
    RebootAction reboot;
    ShutdownAction shutdown;
    PanicAction panic;
    WatchdogAction watchdog;
} RunPolicy;

void runstate_init(RunPolicy policy);
RunPolicy *runstate_policy(void);

/** machine_start: runs the vCPUs (QMP cont); an error if the state does not allow it. */
bool machine_start(GError **err);
/** machine_stop: pauses the vCPUs and enters @state; flushes disks. No-op if already stopped (state is changed). */
void machine_stop(RunState state);
/** machine_reset: devices and vCPUs; paused meanwhile. Emits RESET. */
void machine_reset(ShutdownCause cause);
/** main_loop: until the process should end; returns its exit status. */
int main_loop(void);

#endif
