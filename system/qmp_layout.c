/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: how the machine is laid out: places for CPUs, NUMA nodes, ROMs, memory blocks. */
#include <inttypes.h>

#include "core/device.h"
#include "hw/acpi/cpu_hotplug.h"
#include "hw/machine.h"
#include "hw/numa.h"
#include "qapi/qapi.h"
#include "system/setup.h"

static HumanReadableText *text_of(GString *text)
{
    HumanReadableText *ret = g_new0(HumanReadableText, 1);
    ret->human_readable_text = g_string_free(text, false);
    return ret;
}

/* Places for CPUs */

static HotpluggableCPU *cpu_place(const Machine *m, unsigned index)
{
    const SmpConfig *smp = &m->smp;
    CpuPlace p = machine_cpu_place(smp, index);
    Cpu *cpu = cpu_by_index(index);
    HotpluggableCPU *info = g_new0(HotpluggableCPU, 1);
    info->type = g_strdup(m->cpu_type);
    info->vcpus_count = 1;
    info->props = g_new0(CpuInstanceProperties, 1);
    *info->props = (CpuInstanceProperties){
        .has_socket_id = true, .socket_id = p.socket, .has_die_id = smp->dies > 1, .die_id = p.die,
        .has_module_id = smp->modules > 1, .module_id = p.module, .has_core_id = true, .core_id = p.core,
        .has_thread_id = true, .thread_id = p.thread,
    };
    if (m->numa && m->numa->cpu_nodes[index] >= 0) {
        info->props->has_node_id = true;
        info->props->node_id = m->numa->cpu_nodes[index];
    }
    info->qom_path = cpu ? object_path(&cpu->device.object) : NULL;
    return info;
}

GPtrArray *qmp_query_hotpluggable_cpus(GError **err)
{
    const Machine *m = current_machine;
    if (((const MachineType *)m->object.type)->no_cpu_hotplug || !m->cpu_type) {
        error_set(err, "machine does not support hot-plugging CPUs");
        return NULL;
    }
    GPtrArray *list = hotpluggable_cpu_list_new();
    for (unsigned i = m->smp.max_cpus; i-- > 0;) {      /* the last first, as QEMU's clients know it */
        g_ptr_array_add(list, cpu_place(m, i));
    }
    return list;
}

static ACPIOSTInfo *ost_info(unsigned index, uint32_t event, uint32_t status)
{
    const Cpu *cpu = cpu_by_index(index);
    ACPIOSTInfo *info = g_new0(ACPIOSTInfo, 1);
    info->device = g_strdup(cpu ? cpu->device.id : NULL);
    info->slot = g_strdup_printf("%u", index);
    info->slot_type = ACPI_SLOT_TYPE_CPU;
    info->source = event;
    info->status = status;
    return info;
}

void layout_ost_event(unsigned index, uint32_t event, uint32_t status)
{
    g_autoptr(ACPIOSTInfo) info = ost_info(index, event, status);
    qapi_event_send_acpi_device_ost(info);
}

GPtrArray *qmp_query_acpi_ospm_status(GError **err)
{
    const AcpiCpuHotplug *cpus = acpi_cpu_hotplug();
    if (!cpus) {
        error_set(err, "command is not supported, missing ACPI device");
        return NULL;
    }
    GPtrArray *list = acpiost_info_list_new();
    for (unsigned i = 0; i < current_machine->smp.max_cpus; i++) {
        uint32_t event, status;
        acpi_cpu_ost(cpus, i, &event, &status);
        g_ptr_array_add(list, ost_info(i, event, status));
    }
    return list;
}

/* Prints */

HumanReadableText *qmp_x_query_numa(GError **err)
{
    const NumaConfig *numa = current_machine->numa;
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "%u nodes\n", numa ? numa->count : 0);
    for (unsigned n = 0; numa && n < numa->count; n++) {
        g_string_append_printf(out, "node %u cpus:", n);
        for (unsigned i = 0; i < current_machine->smp.cpus; i++) {
            if (numa->cpu_nodes[i] == (int)n) {
                g_string_append_printf(out, " %u", i);
            }
        }
        g_string_append_printf(out, "\nnode %u size: %" PRIu64 " MB\nnode %u plugged: 0 MB\n", n, numa->nodes[n].bytes >> 20, n);
    }
    return text_of(out);
}

HumanReadableText *qmp_x_query_roms(GError **err)
{
    GString *out = g_string_new(NULL);
    if (current_machine->print_roms) {
        current_machine->print_roms(current_machine, out);
    }
    return text_of(out);
}

typedef struct BlockPrint { GString *out; uint64_t offset; } BlockPrint;

static void print_block(RamBlock *ram, void *opaque)
{
    BlockPrint *p = opaque;
    g_string_append_printf(p->out, "%24s %4" PRIu64 " KiB  0x%016" PRIx64 " 0x%016" PRIx64 " 0x%016" PRIx64 " 0x%016" PRIxPTR "  %s\n",
                           ram->name, ram->page_bytes >> 10, p->offset, ram->size, ram->size, (uintptr_t)ram->host,
                           ram->read_only ? "ro" : "rw");
    p->offset += ram->size;
}

HumanReadableText *qmp_x_query_ramblock(GError **err)
{
    BlockPrint p = { g_string_new(NULL), 0 };
    g_string_append_printf(p.out, "%24s %8s  %18s %18s %18s %18s %3s\n", "Block Name", "PSize", "Offset", "Used", "Total", "HVA", "RO");
    ram_block_foreach(print_block, &p);
    return text_of(p.out);
}

HumanReadableText *qmp_x_query_usb(GError **err)
{
    error_set(err, "USB support not enabled");
    return NULL;
}
