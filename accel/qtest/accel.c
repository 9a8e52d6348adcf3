/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -accel qtest: vCPUs that never run, and a virtual clock that only clock_step and clock_set move. */
#include "accel/accel.h"
#include "core/thread.h"

static bool qtest_init_machine(Accel *accel, GError **err)
{
    clock_virtual_set_manual();
    return true;
}

/* Takes part in stopping, resuming and run_on as any vCPU does, and sleeps where another would enter the guest. */
static void qtest_vcpu_thread(Cpu *cpu)
{
    while (!cpu->unplug) {
        cpu_wait_for_work(cpu);
        if (cpu_can_run(cpu)) {
            bql_wait(&cpu->halt_cond);
        }
    }
}

static const AccelType qtest_accel_type = {
    .name = "qtest-accel", .parent = &accel_type.type, .size = sizeof(Accel), .init_machine = qtest_init_machine,
    .description = "runs no guest code; a test drives the devices", .vcpu_thread = qtest_vcpu_thread,
};
TYPE_REGISTER(qtest_accel_type);
