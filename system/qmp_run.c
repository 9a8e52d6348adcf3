/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: life of the machine. */
#include "block/block.h"
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
    block_io_status_reset();
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
    vm_request_wakeup(WAKEUP_OTHER);
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

/*
 * Migration: there is none yet, but management tools turn its events on before they start any machine. The switch is kept
 * for the day when there is something to tell.
 */
static bool migration_capabilities[MIGRATION_CAPABILITY_COUNT];

GPtrArray *qmp_query_migrate_capabilities(GError **err)
{
    GPtrArray *list = migration_capability_status_list_new();
    for (int c = 0; c < MIGRATION_CAPABILITY_COUNT; c++) {
        MigrationCapabilityStatus *status = g_new0(MigrationCapabilityStatus, 1);
        status->capability = c;
        status->state = migration_capabilities[c];
        g_ptr_array_add(list, status);
    }
    return list;
}

void qmp_migrate_set_capabilities(const MigrateSetCapabilitiesArgs *args, GError **err)
{
    for (guint i = 0; i < args->capabilities->len; i++) {
        const MigrationCapabilityStatus *c = args->capabilities->pdata[i];
        migration_capabilities[c->capability] = c->state;
    }
}
