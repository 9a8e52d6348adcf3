/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's run state and the main loop that acts on requests.
 *
 *   prelaunch --cont--> running <--stop/cont--> paused
 *   running --guest powers off--> (process ends) or, under -no-shutdown, shutdown --system_reset--> prelaunch
 *   running --panic--> guest-panicked, --S3--> suspended --wakeup--> running
 */
#include "system/runstate.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "accel/accel.h"
#include "block/block.h"
#include "core/loop.h"
#include "core/thread.h"
#include "core/timer.h"
#include "hw/machine.h"
#include "qapi/qapi.h"

static RunPolicy policy;
static bool paused_in_s3;                       /* `cont` goes back to sleep */

static void wake_main_loop(void)
{
    event_loop_wake(event_loop_main());
}

bool machine_start(GError **err)
{
    switch (vm_run_state()) {
    case RUN_STATE_RUNNING:
    case RUN_STATE_SUSPENDED:
        return true;
    case RUN_STATE_PAUSED:
        if (paused_in_s3) {
            paused_in_s3 = false;
            clock_virtual_run(true);
            vm_set_run_state(RUN_STATE_SUSPENDED);
            qapi_event_send_resume();
            return true;
        }
        break;
    case RUN_STATE_SHUTDOWN:
    case RUN_STATE_INTERNAL_ERROR:
    case RUN_STATE_GUEST_PANICKED:
        return error_set(err, "Resetting the Virtual Machine is required");
    case RUN_STATE_INMIGRATE:
        return error_set(err, "Migration is not finished yet");
    default:
        break;
    }
    clock_virtual_run(true);
    vm_set_run_state(RUN_STATE_RUNNING);
    cpus_resume_all();
    qapi_event_send_resume();
    return true;
}

void machine_stop(RunState state)
{
    bool was_running = vm_running();
    if (was_running) {
        cpus_pause_all();
        clock_virtual_run(false);
    } else if (vm_run_state() == RUN_STATE_SUSPENDED && state == RUN_STATE_PAUSED) {
        clock_virtual_run(false);
        paused_in_s3 = true;
    }
    if (was_running || vm_run_state() != RUN_STATE_PRELAUNCH || state == RUN_STATE_PRELAUNCH) {
        vm_set_run_state(state);
    }
    if (was_running) {
        GError *err = NULL;
        block_drain_all();
        if (!block_flush_all(&err)) {
            warn_report("%s", err->message);
            g_error_free(err);
        }
        qapi_event_send_stop();
    }
}

static bool cause_is_guest(ShutdownCause cause)
{
    return cause == SHUTDOWN_CAUSE_GUEST_SHUTDOWN || cause == SHUTDOWN_CAUSE_GUEST_RESET || cause == SHUTDOWN_CAUSE_GUEST_PANIC;
}

void machine_reset(ShutdownCause cause)
{
    bool was_running = vm_running();
    cpus_pause_all();
    paused_in_s3 = false;
    reset_all(RESET_COLD);
    qapi_event_send_reset(cause_is_guest(cause), cause);
    if (vm_run_state() == RUN_STATE_SHUTDOWN || vm_run_state() == RUN_STATE_INTERNAL_ERROR ||
        vm_run_state() == RUN_STATE_GUEST_PANICKED) {
        vm_set_run_state(RUN_STATE_PRELAUNCH);
    }
    if (was_running) {
        cpus_resume_all();
    }
}

/* Time goes on in S3: the RTC's alarm and the PM timer can end it. */
static void suspend(void)
{
    cpus_pause_all();
    vm_notify_suspend();
    vm_set_run_state(RUN_STATE_SUSPENDED);
    qapi_event_send_suspend();
}

static void wakeup(void)
{
    if (vm_run_state() != RUN_STATE_SUSPENDED) {
        return;
    }
    reset_all(RESET_WAKEUP);
    vm_notify_wakeup();
    vm_set_run_state(RUN_STATE_RUNNING);
    cpus_resume_all();
    qapi_event_send_wakeup();
}

/* The panic policy decides: go on, pause, or end; PANIC_ACTION_SHUTDOWN ends unless the shutdown policy says pause. */
static void panic(void)
{
    switch (policy.panic) {
    case PANIC_ACTION_NONE:
        qapi_event_send_guest_panicked(GUEST_PANIC_ACTION_RUN, NULL);
        break;
    case PANIC_ACTION_PAUSE:
        qapi_event_send_guest_panicked(GUEST_PANIC_ACTION_PAUSE, NULL);
        vm_request_stop(RUN_STATE_GUEST_PANICKED);
        break;
    default:
        if (policy.shutdown == SHUTDOWN_ACTION_PAUSE) {
            qapi_event_send_guest_panicked(GUEST_PANIC_ACTION_PAUSE, NULL);
            vm_request_stop(RUN_STATE_GUEST_PANICKED);
        } else {
            qapi_event_send_guest_panicked(GUEST_PANIC_ACTION_POWEROFF, NULL);
            vm_request_shutdown_with_code(SHUTDOWN_CAUSE_GUEST_PANIC, policy.panic == PANIC_ACTION_EXIT_FAILURE ? 1 : -1);
        }
    }
}

static void crash_loaded(void)
{
    qapi_event_send_guest_crashloaded(GUEST_PANIC_ACTION_RUN, NULL);
}

static void pvshutdown(void)
{
    qapi_event_send_guest_pvshutdown();
    vm_request_shutdown(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
}

/* A watchdog of the guest has run out. What ends or pauses the machine is done soon, by the main loop. */
static void watchdog(void)
{
    qapi_event_send_watchdog(policy.watchdog);
    switch (policy.watchdog) {
    case WATCHDOG_ACTION_RESET:
        vm_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
        break;
    case WATCHDOG_ACTION_SHUTDOWN:
        vm_request_powerdown();
        break;
    case WATCHDOG_ACTION_POWEROFF:
        vm_request_shutdown_with_code(SHUTDOWN_CAUSE_HOST_ERROR, 0);
        break;
    case WATCHDOG_ACTION_PAUSE:
        vm_request_stop(RUN_STATE_WATCHDOG);
        break;
    case WATCHDOG_ACTION_DEBUG:
        error_report("watchdog: the guest's watchdog has expired");
        break;
    case WATCHDOG_ACTION_INJECT_NMI:
        if (current_machine->inject_nmi) {
            current_machine->inject_nmi();
        }
        break;
    default:
        break;
    }
}

/* Acts on what was asked; true when the process should end, with its status in *@status. */
static bool requests_handle(int *status)
{
    VmRequests r = vm_take_requests();
    if (r.stop) {
        machine_stop(r.stop_state);
    }
    if (r.reset && policy.reboot == REBOOT_ACTION_SHUTDOWN && r.reset_cause != SHUTDOWN_CAUSE_SUBSYSTEM_RESET && !r.shutdown) {
        r.reset = false;
        r.shutdown = true;
        r.shutdown_cause = r.reset_cause;
    }
    if (r.suspend) {
        suspend();
    }
    if (r.shutdown) {
        qapi_event_send_shutdown(cause_is_guest(r.shutdown_cause), r.shutdown_cause);
        bool asked_by_host = r.shutdown_cause == SHUTDOWN_CAUSE_HOST_QMP_QUIT || r.shutdown_cause == SHUTDOWN_CAUSE_HOST_SIGNAL ||
                             r.shutdown_cause == SHUTDOWN_CAUSE_HOST_UI || r.shutdown_cause == SHUTDOWN_CAUSE_HOST_ERROR;
        if (policy.shutdown == SHUTDOWN_ACTION_PAUSE && !asked_by_host) {
            machine_stop(RUN_STATE_SHUTDOWN);
        } else {
            *status = r.exit_code >= 0 ? r.exit_code : 0;
            return true;
        }
    }
    if (r.reset) {
        machine_reset(r.reset_cause);
    }
    if (r.wakeup) {
        wakeup();
    }
    if (r.powerdown) {
        qapi_event_send_powerdown();
        vm_notify_powerdown();
    }
    return false;
}

int main_loop(void)
{
    int status = 0;
    while (!requests_handle(&status)) {
        event_loop_run_once(event_loop_main(), true);
    }
    return status;
}

/* SIGINT, SIGTERM, SIGHUP end the machine in order; they come through a descriptor. */
static void signal_ready(void *opaque)
{
    struct signalfd_siginfo info;
    int fd = GPOINTER_TO_INT(opaque);
    if (read(fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGINT || info.ssi_pid) {
            error_report("terminating on signal %u from pid %u", info.ssi_signo, info.ssi_pid);
        } else {
            error_report("terminating on signal %u", info.ssi_signo);
        }
        vm_request_shutdown(SHUTDOWN_CAUSE_HOST_SIGNAL);
    }
}

RunPolicy *runstate_policy(void)
{
    return &policy;
}

void runstate_init(RunPolicy p)
{
    policy = p;
    vm_request_hook = wake_main_loop;
    vm_panic_hook = panic;
    vm_watchdog_hook = watchdog;
    vm_crash_loaded_hook = crash_loaded;
    vm_pvshutdown_hook = pvshutdown;
    vm_suspend_disk_hook = qapi_event_send_suspend_disk;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    event_loop_set_fd(event_loop_main(), fd, signal_ready, NULL, GINT_TO_POINTER(fd));
    signal(SIGPIPE, SIG_IGN);
}
