/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs of a PC: APIC ids from the topology, one device each.
 *
 * An APIC id is a bit field: package, die, module, core, thread, each as wide as its count needs (SDM vol. 3, 9.9.1),
 * so that ids have gaps where a count is no power of two.
 */
#include "hw/numa.h"
#include "hw/pc/pc.h"
#include "target/i386/cpu.h"

static unsigned field_bits(unsigned count)
{
    return count > 1 ? 32 - __builtin_clz(count - 1) : 0;
}

uint32_t pc_apic_id(const SmpConfig *smp, unsigned cpu_index)
{
    CpuPlace p = machine_cpu_place(smp, cpu_index);
    unsigned shift = field_bits(smp->threads);
    uint32_t id = p.thread;

    id |= p.core << shift;
    shift += field_bits(smp->cores);
    id |= p.module << shift;
    shift += field_bits(smp->modules);
    id |= p.die << shift;
    shift += field_bits(smp->dies);
    return id | p.socket << shift;
}

bool machine_create_cpus(Machine *machine, GError **err)
{
    const DeviceType *type = (const DeviceType *)type_find(machine->cpu_type);
    const SmpConfig *smp = &machine->smp;

    g_assert(type && type_is_a(&type->type, &x86_cpu_type.type));
    cpus_expect(smp->cpus);
    for (unsigned i = 0; i < smp->cpus; i++) {
        CpuX86 *cpu = CPU_X86(device_new(type));
        CpuPlace p = machine_cpu_place(smp, i);

        cpu->apic_id = pc_apic_id(smp, i);
        cpu->socket_id = p.socket;
        cpu->die_id = p.die;
        cpu->core_id = p.core;
        cpu->thread_id = p.thread;
        if (machine->numa) {
            cpu->node_id = machine->numa->cpu_nodes[i];
        }
        cpu->sockets = smp->sockets;
        cpu->dies_per_socket = smp->dies;
        cpu->cores_per_socket = smp->dies * smp->modules * smp->cores;
        cpu->threads_per_core = smp->threads;
        if (machine->cpu_args && !object_set_dict(&cpu->cpu.device.object, machine->cpu_args, NULL, err)) {
            object_unref(&cpu->cpu.device.object);
            return false;
        }
        if (!device_realize(&cpu->cpu.device, NULL, err)) {
            return false;
        }
    }
    return true;
}
