/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life of the machine: requests come in from any thread and wait here; the main loop takes them all at once.
 *
 * A request never overwrites a stronger one: the first shutdown cause stays, and a reset asked for after a shutdown is
 * dropped by the taker, not here.
 */
#include "core/vm.h"

#include <glib.h>

const char *const run_state_names[RUN_STATE_COUNT + 1] = {
    [RUN_STATE_DEBUG] = "debug", [RUN_STATE_INMIGRATE] = "inmigrate", [RUN_STATE_INTERNAL_ERROR] = "internal-error",
    [RUN_STATE_IO_ERROR] = "io-error", [RUN_STATE_PAUSED] = "paused", [RUN_STATE_POSTMIGRATE] = "postmigrate",
    [RUN_STATE_PRELAUNCH] = "prelaunch", [RUN_STATE_FINISH_MIGRATE] = "finish-migrate",
    [RUN_STATE_RESTORE_VM] = "restore-vm", [RUN_STATE_RUNNING] = "running", [RUN_STATE_SAVE_VM] = "save-vm",
    [RUN_STATE_SHUTDOWN] = "shutdown", [RUN_STATE_SUSPENDED] = "suspended", [RUN_STATE_WATCHDOG] = "watchdog",
    [RUN_STATE_GUEST_PANICKED] = "guest-panicked", [RUN_STATE_COLO] = "colo",
};

const char *const shutdown_cause_names[SHUTDOWN_CAUSE_COUNT + 1] = {
    [SHUTDOWN_CAUSE_NONE] = "none", [SHUTDOWN_CAUSE_HOST_ERROR] = "host-error",
    [SHUTDOWN_CAUSE_HOST_QMP_QUIT] = "host-qmp-quit", [SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET] = "host-qmp-system-reset",
    [SHUTDOWN_CAUSE_HOST_SIGNAL] = "host-signal", [SHUTDOWN_CAUSE_HOST_UI] = "host-ui",
    [SHUTDOWN_CAUSE_GUEST_SHUTDOWN] = "guest-shutdown", [SHUTDOWN_CAUSE_GUEST_RESET] = "guest-reset",
    [SHUTDOWN_CAUSE_GUEST_PANIC] = "guest-panic", [SHUTDOWN_CAUSE_SUBSYSTEM_RESET] = "subsystem-reset",
    [SHUTDOWN_CAUSE_SNAPSHOT_LOAD] = "snapshot-load",
};

void (*vm_request_hook)(void);
void (*vm_panic_hook)(void);
void (*vm_watchdog_hook)(void), (*vm_crash_loaded_hook)(void), (*vm_pvshutdown_hook)(void),
    (*vm_suspend_disk_hook)(void);

static GMutex request_lock;
static VmRequests requests = { .exit_code = -1 };
static int run_state = RUN_STATE_PRELAUNCH;     /* read from any thread */

/* One list serves every sort of listener; each entry says which sort it is. */
typedef enum ListenerKind { LISTEN_STATE, LISTEN_POWERDOWN, LISTEN_SUSPEND, LISTEN_WAKEUP, LISTEN_EXIT } ListenerKind;
typedef struct Listener { ListenerKind kind; VmStateFn *on_state; VmNotifyFn *on_event; void *opaque; } Listener;
static GSList *listeners;                       /* newest first */

RunState vm_run_state(void)
{
    return __atomic_load_n(&run_state, __ATOMIC_ACQUIRE);
}

static VmRequests *request_begin(void)
{
    g_mutex_lock(&request_lock);
    return &requests;
}

static void request_end(void)
{
    g_mutex_unlock(&request_lock);
    if (vm_request_hook) {
        vm_request_hook();
    }
}

void vm_request_reset(ShutdownCause cause)
{
    VmRequests *r = request_begin();
    if (!r->reset) {
        r->reset = true;
        r->reset_cause = cause;
    }
    request_end();
}

void vm_request_shutdown_with_code(ShutdownCause cause, int exit_code)
{
    VmRequests *r = request_begin();
    if (!r->shutdown) {
        r->shutdown = true;
        r->shutdown_cause = cause;
        r->exit_code = exit_code;
    }
    request_end();
}

void vm_request_shutdown(ShutdownCause cause)
{
    vm_request_shutdown_with_code(cause, -1);
}

void vm_request_powerdown(void)
{
    request_begin()->powerdown = true;
    request_end();
}

void vm_request_suspend(void)
{
    request_begin()->suspend = true;
    request_end();
}

static WakeupReason wakeup_reason;
static bool wakeup_enabled[WAKEUP_REASONS] = { [WAKEUP_OTHER] = true };

void vm_enable_wakeup(WakeupReason reason, bool enabled)
{
    wakeup_enabled[reason] = enabled || reason == WAKEUP_OTHER;
}

void vm_request_wakeup(WakeupReason reason)
{
    if (vm_run_state() != RUN_STATE_SUSPENDED || !wakeup_enabled[reason]) {
        return;
    }
    VmRequests *r = request_begin();
    if (!r->wakeup) {
        wakeup_reason = reason;                         /* the first one counts */
    }
    r->wakeup = true;
    request_end();
}

WakeupReason vm_wakeup_reason(void)
{
    return wakeup_reason;
}

void vm_guest_saved_to_disk(void)
{
    if (vm_suspend_disk_hook) {
        vm_suspend_disk_hook();
    }
    vm_request_shutdown(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
}

void vm_request_stop(RunState state)
{
    VmRequests *r = request_begin();
    r->stop = true;
    r->stop_state = state;
    request_end();
}

void vm_guest_panicked(void)
{
    if (vm_panic_hook) {
        vm_panic_hook();
    }
}

void vm_guest_crash_loaded(void)
{
    if (vm_crash_loaded_hook) {
        vm_crash_loaded_hook();
    }
}

void vm_guest_pvshutdown(void)
{
    if (vm_pvshutdown_hook) {
        vm_pvshutdown_hook();
    }
}

void vm_watchdog_expired(void)
{
    if (vm_watchdog_hook) {
        vm_watchdog_hook();
    }
}

VmRequests vm_take_requests(void)
{
    g_mutex_lock(&request_lock);
    VmRequests taken = requests;
    requests = (VmRequests){ .exit_code = -1 };
    g_mutex_unlock(&request_lock);
    return taken;
}

static void listener_add(Listener l)
{
    listeners = g_slist_prepend(listeners, g_memdup2(&l, sizeof l));
}

void vm_on_state_change(VmStateFn *fn, void *opaque)
{
    listener_add((Listener){ .kind = LISTEN_STATE, .on_state = fn, .opaque = opaque });
}

void vm_off_state_change(VmStateFn *fn, void *opaque)
{
    for (GSList *n = listeners; n; n = n->next) {
        Listener *l = n->data;
        if (l->kind == LISTEN_STATE && l->on_state == fn && l->opaque == opaque) {
            listeners = g_slist_delete_link(listeners, n);
            g_free(l);
            return;
        }
    }
}

void vm_on_powerdown(VmNotifyFn *fn, void *opaque)
{
    listener_add((Listener){ .kind = LISTEN_POWERDOWN, .on_event = fn, .opaque = opaque });
}

void vm_on_suspend(VmNotifyFn *fn, void *opaque)
{
    listener_add((Listener){ .kind = LISTEN_SUSPEND, .on_event = fn, .opaque = opaque });
}

void vm_on_wakeup(VmNotifyFn *fn, void *opaque)
{
    listener_add((Listener){ .kind = LISTEN_WAKEUP, .on_event = fn, .opaque = opaque });
}

void vm_on_exit(VmNotifyFn *fn, void *opaque)
{
    listener_add((Listener){ .kind = LISTEN_EXIT, .on_event = fn, .opaque = opaque });
}

static void notify(ListenerKind kind)
{
    g_autoptr(GSList) all = g_slist_copy(listeners);    /* a listener may remove itself */
    for (GSList *n = all; n; n = n->next) {
        Listener *l = n->data;
        if (l->kind != kind) {
            continue;
        }
        if (kind == LISTEN_STATE) {
            l->on_state(l->opaque, vm_running(), vm_run_state());
        } else {
            l->on_event(l->opaque);
        }
    }
}

void vm_set_run_state(RunState state)
{
    __atomic_store_n(&run_state, state, __ATOMIC_RELEASE);
    notify(LISTEN_STATE);
}

void vm_notify_powerdown(void)
{
    notify(LISTEN_POWERDOWN);
}

void vm_notify_suspend(void)
{
    notify(LISTEN_SUSPEND);
}

void vm_notify_wakeup(void)
{
    notify(LISTEN_WAKEUP);
}

void vm_notify_exit(void)
{
    notify(LISTEN_EXIT);
}
