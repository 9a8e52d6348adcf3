/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs of a PC: APIC ids from the topology, one device each; those of -smp, and those that users add and remove.
 *
 *   device_add -> check(): which place -> its thread runs, the CPU waits for start-up -> plugged(): ACPI tells the guest
 *   device_del -> unplug_request(): ACPI asks the guest -> it ejects -> device_remove()
 *
 * An APIC id is a bit field: package, die, module, core, thread, each as wide as its count needs (SDM vol. 3, 9.9.1),
 * so that ids have gaps where a count is no power of two.
 */
#include <string.h>

#include "hw/acpi/cpu_hotplug.h"
#include "hw/numa.h"
#include "hw/pc/ich9_lpc.h"
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

/* Place @index of the machine is @cpu's. */
static void settle(CpuX86 *cpu, const Machine *m, unsigned index)
{
    const SmpConfig *smp = &m->smp;
    CpuPlace p = machine_cpu_place(smp, index);

    cpu->cpu.index = index;
    cpu->apic_id = pc_apic_id(smp, index);
    cpu->socket_id = p.socket;
    cpu->die_id = p.die;
    cpu->module_id = p.module;
    cpu->core_id = p.core;
    cpu->thread_id = p.thread;
    if (m->numa) {
        cpu->node_id = m->numa->cpu_nodes[index];
    }
    cpu->sockets = smp->sockets;
    cpu->dies_per_socket = smp->dies;
    cpu->cores_per_socket = smp->dies * smp->modules * smp->cores;
    cpu->threads_per_core = smp->threads;
    cpu->smm_as = m->smm_as;
}

/* Those that users add. */

/* What -cpu says of all of them; device_add may say otherwise. The machine's own have shown that it can be had. */
static void begin(Cpu *cpu)
{
    const Machine *m = current_machine;

    if (m->cpu_args && !strcmp(cpu->device.object.type->name, m->cpu_type)) {
        object_set_dict(&cpu->device.object, m->cpu_args, NULL, NULL);
    }
}

/* socket-id ... thread-id: what the user said, -1: nothing; how many there are. An id that has one value may be left out. */
enum { PLACE_IDS = 5 };
typedef struct PlaceId { const char *name; int32_t id; unsigned count; bool optional; } PlaceId;

static void place_ids(const CpuX86 *cpu, const SmpConfig *smp, PlaceId ids[PLACE_IDS])
{
    const PlaceId rows[PLACE_IDS] = {
        { "socket-id", cpu->socket_id, smp->sockets, false }, { "die-id", cpu->die_id, smp->dies, smp->dies == 1 },
        { "module-id", cpu->module_id, smp->modules, smp->modules == 1 },
        { "core-id", cpu->core_id, smp->cores, false }, { "thread-id", cpu->thread_id, smp->threads, false },
    };
    memcpy(ids, rows, sizeof rows);
}

/* The index of the place that they name, -1: none. */
static int index_of_ids(const CpuX86 *cpu, const SmpConfig *smp, GError **err)
{
    PlaceId ids[PLACE_IDS];
    int index = 0;

    place_ids(cpu, smp, ids);
    for (size_t i = 0; i < PLACE_IDS; i++) {
        int32_t id = ids[i].optional && ids[i].id < 0 ? 0 : ids[i].id;
        if (id < 0) {
            error_set(err, "CPU %s is not set", ids[i].name);
            return -1;
        }
        if ((unsigned)id >= ids[i].count) {
            error_set(err, "CPU %s=%d does not exist: it is 0 to %u", ids[i].name, id, ids[i].count - 1);
            return -1;
        }
        index = index * ids[i].count + id;
    }
    return index;
}

static int index_of_apic_id(uint32_t apic_id, const SmpConfig *smp, GError **err)
{
    for (unsigned i = 0; i < smp->max_cpus; i++) {
        if (pc_apic_id(smp, i) == apic_id) {
            return i;
        }
    }
    error_set(err, "apic-id=%u is no place for a CPU of this machine", apic_id);
    return -1;
}

/* Ids given beside apic-id must be those of its place. */
static bool ids_agree(const CpuX86 *cpu, const SmpConfig *smp, int index, GError **err)
{
    CpuPlace p = machine_cpu_place(smp, index);
    const unsigned place[PLACE_IDS] = { p.socket, p.die, p.module, p.core, p.thread };
    PlaceId ids[PLACE_IDS];

    place_ids(cpu, smp, ids);
    for (size_t i = 0; i < PLACE_IDS; i++) {
        if (ids[i].id >= 0 && (unsigned)ids[i].id != place[i]) {
            return error_set(err, "%s=%d contradicts apic-id=%u, which has %u", ids[i].name, ids[i].id, cpu->apic_id,
                             place[i]);
        }
    }
    return true;
}

/* Firmware that has SMIs sent to all CPUs must move the SMRAM of each before somebody else does; it knows of no new ones. */
static bool firmware_agrees(GError **err)
{
    if (PC_MACHINE(current_machine)->q35 && current_machine->smm_as && ich9_lpc_smi_broadcast()) {
        return error_set(err, "the firmware has SMIs sent to all CPUs, and does not serve CPUs that come or go later");
    }
    return true;
}

static bool check(Cpu *c, GError **err)
{
    CpuX86 *cpu = CPU_X86(c);
    const Machine *m = current_machine;
    const char *type = c->device.object.type->name;

    if (strcmp(type, m->cpu_type)) {
        return error_set(err, "this machine's CPUs are of type '%s', not '%s'", m->cpu_type, type);
    }
    if (c->device.hotplugged && !acpi_cpu_hotplug()) {
        return error_set(err, "CPUs cannot be added without ACPI");
    }
    if (c->device.hotplugged && !firmware_agrees(err)) {
        return false;
    }
    bool by_apic_id = cpu->apic_id != UINT32_MAX;
    int index = by_apic_id ? index_of_apic_id(cpu->apic_id, &m->smp, err) : index_of_ids(cpu, &m->smp, err);
    if (index < 0 || (by_apic_id && !ids_agree(cpu, &m->smp, index, err))) {
        return false;
    }
    if (cpu_by_index(index)) {
        return error_set(err, "CPU %d with APIC id %u is there already", index, pc_apic_id(&m->smp, index));
    }
    int32_t node = cpu->node_id, place_node = m->numa ? m->numa->cpu_nodes[index] : -1;
    if (node >= 0 && node != place_node) {
        return error_set(err, "node-id=%d contradicts the place of CPU %d, which is in node %d", node, index, place_node);
    }
    settle(cpu, m, index);
    return true;
}

static void plugged(Cpu *cpu)
{
    pc_count_cpus(PC_MACHINE(current_machine));
    acpi_cpu_plugged(acpi_cpu_hotplug(), cpu->index);
}

static void removed(void) { pc_count_cpus(PC_MACHINE(current_machine)); }

static bool unplug_request(Cpu *cpu, GError **err)
{
    if (!acpi_cpu_hotplug()) {
        return error_set(err, "CPUs cannot be removed without ACPI");
    }
    if (cpu->index == 0) {
        return error_set(err, "CPU 0, which the machine boots on, cannot be removed");
    }
    if (!firmware_agrees(err)) {
        return false;
    }
    acpi_cpu_unplug_request(acpi_cpu_hotplug(), cpu->index);
    return true;
}

static const CpuPlaces pc_cpu_places = {
    .begin = begin, .check = check, .plugged = plugged, .unplug_request = unplug_request, .removed = removed,
};

bool machine_create_cpus(Machine *machine, GError **err)
{
    const DeviceType *type = (const DeviceType *)type_find(machine->cpu_type);

    g_assert(type && type_is_a(&type->type, &x86_cpu_type.type));
    cpus_expect(machine->smp.cpus);
    for (unsigned i = 0; i < machine->smp.cpus; i++) {
        CpuX86 *cpu = CPU_X86(device_new(type));

        settle(cpu, machine, i);
        if (machine->cpu_args && !object_set_dict(&cpu->cpu.device.object, machine->cpu_args, NULL, err)) {
            object_unref(&cpu->cpu.device.object);
            return false;
        }
        if (!device_realize(&cpu->cpu.device, NULL, err)) {
            return false;
        }
    }
    cpu_places = &pc_cpu_places;
    return true;
}
