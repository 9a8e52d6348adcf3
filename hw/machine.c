/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all machines share: their type and properties, lookup by name, notifiers run when the machine is whole, and the
 * order in which firmware should try to boot from devices.
 */
#include "hw/machine.h"

#include <string.h>

Machine *current_machine;

/* Types */

typedef struct TypeSearch {
    const char *name;
    const MachineType *found;
    void (*fn)(const MachineType *t, void *opaque);
    void *opaque;
} TypeSearch;

static void visit_type(const Type *type, void *opaque)
{
    TypeSearch *s = opaque;
    const MachineType *t = (const MachineType *)type;
    if (type->is_abstract) {
        return;
    }
    if (s->fn) {
        s->fn(t, s->opaque);
    } else if (!strcmp(t->machine_name, s->name) || (t->alias && !strcmp(t->alias, s->name))) {
        s->found = t;
    }
}

const MachineType *machine_type_find(const char *name)
{
    TypeSearch s = { .name = name };
    type_foreach(&machine_type.type, visit_type, &s);
    return s.found;
}

void machine_type_foreach(void (*fn)(const MachineType *t, void *opaque), void *opaque)
{
    TypeSearch s = { .fn = fn, .opaque = opaque };
    type_foreach(&machine_type.type, visit_type, &s);
}

static void machine_finalize(Object *obj)
{
    Machine *m = (Machine *)obj;
    g_free(m->cpu_type);
    g_free(m->vga);
    g_free(m->boot_order);
    g_free(m->boot_once);
    g_free(m->boot_splash);
    g_free(m->vm_name);
    if (m->cpu_args) {
        json_object_put(m->cpu_args);
    }
}

static const Property machine_properties[] = {
    PROP_STR("kernel", Machine, kernel, "Linux kernel image file"),
    PROP_STR("initrd", Machine, initrd, "Linux initial RAM disk file"),
    PROP_STR("append", Machine, append, "Linux kernel command line"),
    PROP_STR("dtb", Machine, dtb, "Linux device tree file"),
    PROP_STR("shim", Machine, shim, "shim.efi file"),
    PROP_STR("firmware", Machine, firmware, "Firmware image file"),
    PROP_BOOL("dump-guest-core", Machine, dump_guest_core, true, "Guest memory is part of a core dump"),
    PROP_BOOL("mem-merge", Machine, mem_merge, true, "The host may merge identical pages of guest memory"),
    PROP_BOOL("usb", Machine, usb, false, "A USB controller is part of the board"),
    PROP_BOOL("graphics", Machine, graphics, true, "A graphics adapter is part of the board"),
    PROP_BOOL("suppress-vmdesc", Machine, suppress_vmdesc, false, "Migration streams do not describe themselves"),
    PROP_STR("memory-backend", Machine, memory_backend_id, "Id of the memory back end that is the guest's RAM",
             .type_name = "link<memory-backend>"),
    { }
};

const MachineType machine_type = {
    .name = "machine", .parent = &object_type, .size = sizeof(Machine), .is_abstract = true,
    .properties = machine_properties, .finalize = machine_finalize,
};
TYPE_REGISTER(machine_type);

CpuPlace machine_cpu_place(const SmpConfig *smp, unsigned index)
{
    CpuPlace p;

    p.thread = index % smp->threads;
    index /= smp->threads;
    p.core = index % smp->cores;
    index /= smp->cores;
    p.module = index % smp->modules;
    index /= smp->modules;
    p.die = index % smp->dies;
    p.socket = index / smp->dies;
    return p;
}

/* Notifiers */

typedef struct DoneNotifier { void (*fn)(void *opaque); void *opaque; } DoneNotifier;
static GArray *done_notifiers;

void machine_on_done(void (*fn)(void *opaque), void *opaque)
{
    if (!done_notifiers) {
        done_notifiers = g_array_new(false, false, sizeof(DoneNotifier));
    }
    g_array_append_val(done_notifiers, ((DoneNotifier){ fn, opaque }));
}

void machine_run_done(void)
{
    for (guint i = 0; done_notifiers && i < done_notifiers->len; i++) {    /* one may add another */
        DoneNotifier n = g_array_index(done_notifiers, DoneNotifier, i);
        n.fn(n.opaque);
    }
}

/* Boot order */

typedef struct BootEntry { Device *dev; int32_t index; char *suffix; } BootEntry;
static GPtrArray *boot_entries;                 /* BootEntry *, by index */

static void boot_entry_free(void *p)
{
    BootEntry *e = p;
    g_free(e->suffix);
    g_free(e);
}

static int boot_entry_compare(const void *a, const void *b)
{
    const BootEntry *const *x = a, *const *y = b;
    return (*x)->index < (*y)->index ? -1 : (*x)->index > (*y)->index;
}

bool machine_add_boot_device(Device *dev, int32_t bootindex, const char *suffix, GError **err)
{
    if (bootindex < 0) {
        return true;
    }
    if (!boot_entries) {
        boot_entries = g_ptr_array_new_with_free_func(boot_entry_free);
    }
    for (guint i = 0; i < boot_entries->len; i++) {
        const BootEntry *e = g_ptr_array_index(boot_entries, i);
        if (e->index == bootindex) {
            return error_set(err, "bootindex %d is taken by %s%s%s", bootindex, e->dev->object.type->name,
                             e->dev->id ? " " : "", e->dev->id ? e->dev->id : "");
        }
    }
    BootEntry *entry = g_new(BootEntry, 1);
    *entry = (BootEntry){ dev, bootindex, g_strdup(suffix) };
    g_ptr_array_add(boot_entries, entry);
    g_ptr_array_sort(boot_entries, boot_entry_compare);
    return true;
}

void machine_remove_boot_device(Device *dev)
{
    for (guint i = boot_entries ? boot_entries->len : 0; i-- > 0;) {
        if (((BootEntry *)g_ptr_array_index(boot_entries, i))->dev == dev) {
            g_ptr_array_remove_index(boot_entries, i);
        }
    }
}

char *machine_boot_order(const Machine *machine, size_t *len)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; boot_entries && i < boot_entries->len; i++) {
        const BootEntry *e = g_ptr_array_index(boot_entries, i);
        const BusType *bus = e->dev->bus ? (const BusType *)e->dev->bus->object.type : NULL;
        g_autofree char *path = bus && bus->device_path ? bus->device_path(e->dev) : NULL;
        if (path || e->suffix) {
            g_string_append_printf(out, "%s%s%s", out->len ? "\n" : "", path ? path : "", e->suffix ? e->suffix : "");
        }
    }
    if (machine->boot_strict && out->len) {
        g_string_append(out, "\nHALT");
    }
    *len = out->len ? out->len + 1 : 0;         /* with the terminating zero, as firmware expects */
    return g_string_free(out, out->len == 0);
}
