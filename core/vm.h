/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life of the machine: run state, and what hardware or a monitor asks of it.
 *
 * Anyone may ask (a vCPU, a device, the monitor): the request is noted and the main loop acts on it, with all vCPUs
 * paused. system/ registers the actors; everything else only sees this page.
 */
#ifndef CORE_VM_H
#define CORE_VM_H

#include <stdbool.h>

/* Same order and spelling as QMP's RunState. */
typedef enum RunState {
    RUN_STATE_DEBUG, RUN_STATE_INMIGRATE, RUN_STATE_INTERNAL_ERROR, RUN_STATE_IO_ERROR, RUN_STATE_PAUSED,
    RUN_STATE_POSTMIGRATE, RUN_STATE_PRELAUNCH, RUN_STATE_FINISH_MIGRATE, RUN_STATE_RESTORE_VM, RUN_STATE_RUNNING,
    RUN_STATE_SAVE_VM, RUN_STATE_SHUTDOWN, RUN_STATE_SUSPENDED, RUN_STATE_WATCHDOG, RUN_STATE_GUEST_PANICKED,
    RUN_STATE_COLO, RUN_STATE_COUNT
} RunState;

/* Same order and spelling as QMP's ShutdownCause. */
typedef enum ShutdownCause {
    SHUTDOWN_CAUSE_NONE, SHUTDOWN_CAUSE_HOST_ERROR, SHUTDOWN_CAUSE_HOST_QMP_QUIT, SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET,
    SHUTDOWN_CAUSE_HOST_SIGNAL, SHUTDOWN_CAUSE_HOST_UI, SHUTDOWN_CAUSE_GUEST_SHUTDOWN, SHUTDOWN_CAUSE_GUEST_RESET,
    SHUTDOWN_CAUSE_GUEST_PANIC, SHUTDOWN_CAUSE_SUBSYSTEM_RESET, SHUTDOWN_CAUSE_SNAPSHOT_LOAD, SHUTDOWN_CAUSE_COUNT
} ShutdownCause;

extern const char *const run_state_names[RUN_STATE_COUNT + 1];
extern const char *const shutdown_cause_names[SHUTDOWN_CAUSE_COUNT + 1];

RunState vm_run_state(void);
static inline bool vm_running(void) { return vm_run_state() == RUN_STATE_RUNNING; }

/* Requests; any thread, never block. */
void vm_request_reset(ShutdownCause cause);
void vm_request_shutdown(ShutdownCause cause);
void vm_request_shutdown_with_code(ShutdownCause cause, int exit_code);     /* isa-debug-exit */
void vm_request_powerdown(void);                /* the ACPI power button */
void vm_request_suspend(void);                  /* S3 */
/* What ends S3. RTC and PM_TIMER count only while the guest has enabled them for that. */
typedef enum WakeupReason { WAKEUP_OTHER, WAKEUP_RTC, WAKEUP_PM_TIMER, WAKEUP_REASONS } WakeupReason;
/** vm_request_wakeup: no effect unless the machine sleeps (S3) and @reason is enabled. */
void vm_request_wakeup(WakeupReason reason);
void vm_enable_wakeup(WakeupReason reason, bool enabled);
void vm_guest_saved_to_disk(void);              /* S4: SUSPEND_DISK, then a shutdown */
void vm_request_stop(RunState state);           /* pause with that state (io-error, debug, internal-error ...) */
/** vm_guest_panicked: the guest died (pvpanic, triple fault under a panic policy ...); acts by -action panic=. */
void vm_guest_panicked(void);
void vm_guest_crash_loaded(void);               /* it panicked and a crash kernel of its own takes over: it runs on */
void vm_guest_pvshutdown(void);                 /* it says by paravirtual means that it has shut down */
void vm_watchdog_expired(void);                 /* acts by -action watchdog= */

/* Who wants to know. Callbacks run in the main loop under the big lock. */
typedef void VmStateFn(void *opaque, bool running, RunState state);
void vm_on_state_change(VmStateFn *fn, void *opaque);
void vm_off_state_change(VmStateFn *fn, void *opaque);
typedef void VmNotifyFn(void *opaque);
void vm_on_powerdown(VmNotifyFn *fn, void *opaque);     /* the ACPI PM device presses its button */
void vm_on_suspend(VmNotifyFn *fn, void *opaque);       /* S3 begins: vCPUs stand */
void vm_on_wakeup(VmNotifyFn *fn, void *opaque);        /* S3 is over: devices were reset; see vm_wakeup_reason() */
WakeupReason vm_wakeup_reason(void);
void vm_on_exit(VmNotifyFn *fn, void *opaque);          /* before the process ends; last registered first */

/* For system/ only. */
typedef struct VmRequests {
    bool reset, shutdown, powerdown, suspend, wakeup, stop;
    ShutdownCause reset_cause, shutdown_cause;
    int exit_code;                              /* -1: none asked */
    RunState stop_state;
} VmRequests;
VmRequests vm_take_requests(void);              /* and clears them */
extern void (*vm_request_hook)(void);           /* wakes the main loop */
extern void (*vm_panic_hook)(void);
extern void (*vm_watchdog_hook)(void), (*vm_crash_loaded_hook)(void), (*vm_pvshutdown_hook)(void),
    (*vm_suspend_disk_hook)(void);
void vm_set_run_state(RunState state);          /* notifies */
void vm_notify_powerdown(void);
void vm_notify_suspend(void);
void vm_notify_wakeup(void);
void vm_notify_exit(void);

#endif
