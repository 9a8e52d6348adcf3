/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: what machine this is: name, vCPUs, memory, machine types and CPU models, why the guest died. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/device.h"
#include "hw/machine.h"
#include "memory/backend.h"
#include "qapi/qapi.h"
#include "system/config.h"
#include "target/i386/apic.h"
#include "target/i386/system/cpu_models.h"
#include "target/i386/system/death.h"

NameInfo *qmp_query_name(GError **err)
{
    NameInfo *info = g_new0(NameInfo, 1);
    info->name = g_strdup(current_machine->vm_name);
    return info;
}

UuidInfo *qmp_query_uuid(GError **err)
{
    const uint8_t *u = current_machine->uuid;
    UuidInfo *info = g_new0(UuidInfo, 1);
    info->UUID = g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3],
                                 u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
    return info;
}

KvmInfo *qmp_query_kvm(GError **err)
{
    KvmInfo *info = g_new0(KvmInfo, 1);
    info->enabled = accel_is("kvm");
    info->present = type_find("kvm-accel") != NULL;
    return info;
}

AcceleratorInfo *qmp_query_accelerators(GError **err)
{
    AcceleratorInfo *info = g_new0(AcceleratorInfo, 1);
    info->present = accelerator_list_new();
    for (int a = 0; a < ACCELERATOR_COUNT; a++) {
        g_autofree char *type = g_strconcat(accelerator_names[a], "-accel", NULL);
        if (type_find(type)) {
            Accelerator present = a;
            g_array_append_val(info->present, present);
        }
        if (accel_is(accelerator_names[a])) {
            info->enabled = a;
        }
    }
    return info;
}

TargetInfo *qmp_query_target(GError **err)
{
    TargetInfo *info = g_new0(TargetInfo, 1);
    info->arch = SYS_EMU_TARGET_X86_64;
    return info;
}

GPtrArray *qmp_query_cpus_fast(GError **err)
{
    GPtrArray *list = cpu_info_fast_list_new();
    Cpu *cpu;
    CPU_FOREACH(cpu) {
        const CpuX86 *x86 = CPU_X86(cpu);
        CpuInfoFast *info = g_new0(CpuInfoFast, 1);
        info->cpu_index = cpu->index;
        info->qom_type = g_strdup(cpu->device.object.type->name);
        info->qom_path = object_path(&cpu->device.object);
        info->thread_id = cpu->thread_id;
        info->target = SYS_EMU_TARGET_X86_64;
        info->props = g_new0(CpuInstanceProperties, 1);
        *info->props = (CpuInstanceProperties){
            .has_socket_id = true, .socket_id = x86->socket_id, .has_die_id = x86->dies_per_socket > 1, .die_id = x86->die_id,
            .has_core_id = true, .core_id = x86->core_id, .has_thread_id = true, .thread_id = x86->thread_id,
            .has_node_id = x86->node_id >= 0, .node_id = x86->node_id,
        };
        g_ptr_array_add(list, info);
    }
    return list;
}

static void add_machine(const MachineType *t, void *list)
{
    MachineInfo *info = g_new0(MachineInfo, 1);
    info->name = g_strdup(t->machine_name);
    info->alias = g_strdup(t->alias);
    info->has_is_default = info->is_default = t->is_default;
    info->cpu_max = t->max_cpus;
    info->deprecated = t->deprecated;
    info->default_cpu_type = t->default_cpu ? g_strconcat(t->default_cpu, "-x86_64-cpu", NULL) : NULL;
    info->default_ram_id = g_strdup(t->default_ram_id ? t->default_ram_id : "pc.ram");
    info->hotpluggable_cpus = !t->no_cpu_hotplug;
    info->acpi = !t->no_acpi;
    g_ptr_array_add(list, info);
}

GPtrArray *qmp_query_machines(const QueryMachinesArgs *args, GError **err)
{
    GPtrArray *list = machine_info_list_new();
    machine_type_foreach(add_machine, list);
    if (!args->has_compat_props || !args->compat_props) {
        return list;
    }
    for (guint i = 0; i < list->len; i++) {
        MachineInfo *info = list->pdata[i];
        info->compat_props = compat_property_list_new();
        const MachineType *type = machine_type_find(info->name);
        for (unsigned b = 0; b < type->compat_blocks; b++) {
            for (const GlobalProperty *row = type->compat[b]; row->type; row++) {
                CompatProperty *p = g_new0(CompatProperty, 1);
                p->qom_type = g_strdup(row->type);
                p->property = g_strdup(row->property);
                p->value = g_strdup(row->value);
                g_ptr_array_add(info->compat_props, p);
            }
        }
    }
    return list;
}

CurrentMachineParams *qmp_query_current_machine(GError **err)
{
    CurrentMachineParams *info = g_new0(CurrentMachineParams, 1);
    info->wakeup_suspend_support = true;
    return info;
}

static void add_cpu_model(const Type *type, void *list)
{
    static const char suffix[] = "-x86_64-cpu";
    if (type->is_abstract || !g_str_has_suffix(type->name, suffix)) {
        return;
    }
    CpuDefinitionInfo *info = g_new0(CpuDefinitionInfo, 1);
    info->name = g_strndup(type->name, strlen(type->name) - strlen(suffix));
    info->typename = g_strdup(type->name);
    info->unavailable_features = str_list_new();
    x86_cpu_missing_features(type, info->unavailable_features);
    info->alias_of = g_strdup(x86_cpu_alias_of(info->name));
    info->static_ = !strcmp(info->name, "base");
    info->has_migration_safe = true;
    info->migration_safe = strcmp(info->name, "max") && strcmp(info->name, "host");
    g_ptr_array_add(list, info);
}

GPtrArray *qmp_query_cpu_definitions(GError **err)
{
    GPtrArray *list = cpu_definition_info_list_new();
    type_foreach(&x86_cpu_type.type, add_cpu_model, list);
    return list;
}

MemoryInfo *qmp_query_memory_size_summary(GError **err)
{
    MemoryInfo *info = g_new0(MemoryInfo, 1);
    info->base_memory = current_machine->ram_size;
    info->has_plugged_memory = true;
    return info;
}

void qmp_inject_nmi(GError **err)
{
    apic_nmi_all();
}

/* memsave, pmemsave: guest memory into a file, a piece at a time. */
typedef bool ReadFn(void *from, uint64_t addr, void *buf, size_t len);

static bool read_virtual(void *from, uint64_t addr, void *buf, size_t len)
{
    return cpu_debug_read(from, addr, buf, len);
}

static bool read_physical(void *from, uint64_t addr, void *buf, size_t len)
{
    return memory_read(address_space_memory(), addr, MEMTXATTRS_NONE, buf, len) == MEMTX_OK;
}

static bool save_memory(ReadFn *read_fn, void *from, uint64_t addr, uint64_t size, const char *path, GError **err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return error_set_errno(err, errno, "cannot open '%s'", path);
    }
    bool ok = true;
    char buf[4096];
    while (ok && size) {
        size_t len = MIN(size, sizeof buf - addr % sizeof buf);
        if (!read_fn(from, addr, buf, len)) {
            ok = error_set(err, "address 0x%" PRIx64 " is not mapped", addr);
        } else if (write(fd, buf, len) != (ssize_t)len) {
            ok = error_set_errno(err, errno, "cannot write '%s'", path);
        }
        addr += len;
        size -= len;
    }
    if (close(fd) < 0 && ok) {
        ok = error_set_errno(err, errno, "cannot write '%s'", path);
    }
    return ok;
}

void qmp_memsave(const MemsaveArgs *args, GError **err)
{
    int64_t index = args->has_cpu_index ? args->cpu_index : 0;
    Cpu *cpu = index >= 0 && index < cpu_count() ? cpu_by_index(index) : NULL;
    if (!cpu) {
        error_set(err, "there is no CPU %" PRId64 "; the highest is %d", index, cpu_count() - 1);
        return;
    }
    cpu_state_pull(cpu);
    save_memory(read_virtual, cpu, args->val, args->size, args->filename, err);
}

void qmp_pmemsave(const PmemsaveArgs *args, GError **err)
{
    save_memory(read_physical, NULL, args->val, args->size, args->filename, err);
}

static bool add_backend(Object *obj, void *list)
{
    if (!object_is_a(obj, &memory_backend_type)) {
        return true;
    }
    Memdev *info = g_new0(Memdev, 1);
    info->id = g_strdup(obj->name);
    info->size = memory_backend_size(obj);
    static const struct { const char *name; size_t offset; } flags[] = {
        { "merge", offsetof(Memdev, merge) }, { "dump", offsetof(Memdev, dump) }, { "prealloc", offsetof(Memdev, prealloc) },
        { "share", offsetof(Memdev, share) }, { "reserve", offsetof(Memdev, reserve) },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        json_object *value = object_get(obj, flags[i].name, NULL);
        *(bool *)((char *)info + flags[i].offset) = json_object_get_boolean(value);
        json_object_put(value);
    }
    info->has_reserve = true;
    info->host_nodes = uint16_list_new();
    g_ptr_array_add(list, info);
    return true;
}

GPtrArray *qmp_query_memdev(GError **err)
{
    GPtrArray *list = memdev_list_new();
    object_foreach_child(object_container("/objects"), add_backend, list);
    return list;
}

GPtrArray *qmp_query_iothreads(GError **err)
{
    return io_thread_info_list_new();           /* there is no iothread object type yet */
}

GPtrArray *qmp_query_command_line_options(const QueryCommandLineOptionsArgs *args, GError **err)
{
    GPtrArray *list = command_line_option_info_list_new();
    if (!options_describe(list, args->option, err)) {
        g_ptr_array_unref(list);
        return NULL;
    }
    return list;
}

/* The death report. */

static const char *event_mode(const CpuEvent *e)
{
    return !(e->mode_flags & MODE_PE) ? "real" : e->mode_flags & MODE_VM86 ? "vm86" : e->mode_flags & MODE_CS64 ? "64-bit" :
           e->mode_flags & MODE_LMA ? "compatibility" : "protected";
}

RheaDeathReport *qmp_x_rhea_query_death(GError **err)
{
    const DeathReport *death = death_report_last();
    RheaDeathReport *info = g_new0(RheaDeathReport, 1);
    info->exceptions = rhea_death_exception_list_new();
    if (!death) {
        info->reason = RHEA_DEATH_REASON_NONE;
        info->cause = g_strdup("");
        info->text = g_strdup("");
        return info;
    }
    info->cpu_index = death->cpu_index;
    info->reason = death->kind == DEATH_TRIPLE_FAULT ? RHEA_DEATH_REASON_TRIPLE_FAULT :
                   death->kind == DEATH_INTERNAL_ERROR ? RHEA_DEATH_REASON_INTERNAL_ERROR : RHEA_DEATH_REASON_GUEST_PANIC;
    info->cause = g_strdup(death->cause);
    info->text = g_strdup(death->text);
    for (unsigned i = 0; i < death->event_count; i++) {
        const CpuEvent *e = &death->events[i];
        RheaDeathException *x = g_new0(RheaDeathException, 1);
        x->vector = e->vector;
        x->name = e->is_software ? g_strdup_printf("INT %02Xh", e->vector) : g_strdup(vector_name(e->vector));
        if (!x->name) {
            x->name = g_strdup_printf("vector %u", e->vector);
        }
        x->interrupt = e->is_interrupt;
        x->has_error_code = e->has_error;
        x->error_code = e->error_code;
        x->cs = e->cs;
        x->rip = e->rip;
        x->has_cr2 = e->vector == VECTOR_PF && !e->is_interrupt;
        x->cr2 = e->cr2;
        x->cpl = (e->mode_flags & MODE_CPL) >> MODE_CPL_SHIFT;
        x->mode = g_strdup(event_mode(e));
        g_ptr_array_add(info->exceptions, x);
    }
    return info;
}
