/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: life of the machine. */
#include "core/vm.h"
#include "qapi/qapi.h"
#include "system/runstate.h"

StatusInfo *qmp_query_status(GError **err)
{
    StatusInfo *info = g_new0(StatusInfo, 1);
    info->running = vm_running();
    info->status = vm_run_state();
    return info;
}

void qmp_stop(GError **err)
{
    machine_stop(RUN_STATE_PAUSED);
}

void qmp_cont(GError **err)
{
    machine_start(err);
}

void qmp_quit(GError **err)
{
    vm_request_shutdown(SHUTDOWN_CAUSE_HOST_QMP_QUIT);
}

void qmp_system_reset(GError **err)
{
    vm_request_reset(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
}

void qmp_system_powerdown(GError **err)
{
    vm_request_powerdown();
}

void qmp_system_wakeup(GError **err)
{
    if (vm_run_state() != RUN_STATE_SUSPENDED) {
        error_set(err, "Unable to wake up: guest is not in suspended state");
        return;
    }
    vm_request_wakeup();
}

void qmp_set_action(const SetActionArgs *args, GError **err)
{
    RunPolicy *policy = runstate_policy();
    if (args->has_reboot) {
        policy->reboot = args->reboot;
    }
    if (args->has_shutdown) {
        policy->shutdown = args->shutdown;
    }
    if (args->has_panic) {
        policy->panic = args->panic;
    }
    if (args->has_watchdog) {
        policy->watchdog = args->watchdog;
    }
}

void qmp_watchdog_set_action(const WatchdogSetActionArgs *args, GError **err)
{
    runstate_policy()->watchdog = args->action;
}

GPtrArray *qmp_query_migrate_capabilities(GError **err)
{
    return migration_capability_status_list_new();      /* management tools ask before they start a machine */
}
