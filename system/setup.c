/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine from the command line: type, vCPU topology, memory size, properties, board, devices.
 */
#include "system/setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accel/kvm/kvm.h"
#include "core/option.h"
#include "hw/acpi/cpu_hotplug.h"
#include "memory/backend.h"
#include "system/boot_options.h"
#include "system/numa.h"
#include "target/i386/system/cpu_models.h"

#define MIB (1ull << 20)
#define RAM_ALIGN_BYTES 8192

static void machine_offer_name(const MachineType *t, void *nearest)
{
    nearest_add(nearest, t->machine_name);
    if (t->alias) {
        nearest_add(nearest, t->alias);
    }
}

static void machine_find_default(const MachineType *t, void *opaque)
{
    if (t->is_default) {
        *(const MachineType **)opaque = t;
    }
}

static const MachineType *machine_choose(const Config *c)
{
    const MachineType *type = NULL;
    const char *name = c->machine.args ? dict_str(c->machine.args, "type") : NULL;
    if (!name) {
        machine_type_foreach(machine_find_default, &type);
        return type;
    }
    type = machine_type_find(name);
    if (!type) {
        GError *err = NULL;
        NearestWord nearest;
        nearest_init(&nearest, name);
        machine_type_foreach(machine_offer_name, &nearest);
        error_set(&err, "unsupported machine type '%s'%s; -machine help lists them", name, nearest_hint(&nearest));
        option_fail(&c->machine, err);
    }
    return type;
}

/* -smp */

typedef struct SmpKey { const char *key; size_t offset; } SmpKey;
static const SmpKey smp_keys[] = {
    { "cpus", offsetof(SmpConfig, cpus) }, { "maxcpus", offsetof(SmpConfig, max_cpus) },
    { "sockets", offsetof(SmpConfig, sockets) }, { "dies", offsetof(SmpConfig, dies) },
    { "clusters", offsetof(SmpConfig, clusters) }, { "modules", offsetof(SmpConfig, modules) },
    { "cores", offsetof(SmpConfig, cores) }, { "threads", offsetof(SmpConfig, threads) },
    { "drawers", offsetof(SmpConfig, drawers) }, { "books", offsetof(SmpConfig, books) },
};

static bool smp_parse(json_object *args, SmpConfig *smp, GError **err)
{
    for (size_t i = 0; args && i < G_N_ELEMENTS(smp_keys); i++) {
        const char *text = dict_str(args, smp_keys[i].key);
        uint64_t value;
        if (!text) {
            json_object *number = json_object_object_get(args, smp_keys[i].key);
            text = number ? json_object_get_string(number) : NULL;
        }
        if (!text) {
            continue;
        }
        if (!parse_uint(smp_keys[i].key, text, UINT32_MAX, &value, err)) {
            return false;
        }
        if (!value) {
            return error_set(err, "%s must be at least 1", smp_keys[i].key);
        }
        *(unsigned *)((char *)smp + smp_keys[i].offset) = value;
    }
    return true;
}

/* Fills what was left out, preferring cores over sockets over threads, then checks the product. */
static bool smp_complete(SmpConfig *s, const MachineType *type, GError **err)
{
    static const char *const foreign[] = { "drawers", "books", "clusters" };
    const unsigned foreign_values[] = { s->drawers, s->books, s->clusters };
    for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++) {
        if (foreign_values[i] > 1) {
            return error_set(err, "%s > 1 not supported by this machine's CPU topology", foreign[i]);
        }
    }
    s->drawers = s->books = s->clusters = 1;
    s->dies = s->dies ? s->dies : 1;
    s->modules = s->modules ? s->modules : 1;
    unsigned inner = s->dies * s->modules;
    unsigned total = s->max_cpus ? s->max_cpus : s->cpus;
    if (!total && !s->sockets && !s->cores && !s->threads) {
        total = s->max_cpus = inner;
    }
    if (!total) {
        s->sockets = s->sockets ? s->sockets : 1;
        s->cores = s->cores ? s->cores : 1;
        s->threads = s->threads ? s->threads : 1;
    } else if (!s->cores) {
        s->sockets = s->sockets ? s->sockets : 1;
        s->threads = s->threads ? s->threads : 1;
        s->cores = total / (inner * s->sockets * s->threads);
    } else if (!s->sockets) {
        s->threads = s->threads ? s->threads : 1;
        s->sockets = total / (inner * s->cores * s->threads);
    } else if (!s->threads) {
        s->threads = total / (inner * s->sockets * s->cores);
    }
    uint64_t product = (uint64_t)s->sockets * inner * s->cores * s->threads;
    if (!s->max_cpus) {
        s->max_cpus = total ? total : product;
    }
    s->cpus = s->cpus ? s->cpus : s->max_cpus;
    if (product != s->max_cpus) {
        return error_set(err, "invalid CPU topology: the product of sockets (%u) * dies (%u) * modules (%u) * cores (%u) * "
                         "threads (%u) is not maxcpus (%u)", s->sockets, s->dies, s->modules, s->cores, s->threads, s->max_cpus);
    }
    if (s->max_cpus < s->cpus) {
        return error_set(err, "maxcpus (%u) must be equal to or greater than cpus (%u)", s->max_cpus, s->cpus);
    }
    if (s->max_cpus > (unsigned)type->max_cpus) {
        return error_set(err, "machine '%s' has at most %d CPUs, not %u", type->machine_name, type->max_cpus, s->max_cpus);
    }
    return true;
}

/* -m */

static bool memory_parse(json_object *args, Machine *m, GError **err)
{
    m->ram_size = 128 * MIB;
    const char *size = args ? dict_str(args, "size") : NULL;
    const char *slots = args ? dict_str(args, "slots") : NULL;
    const char *maxmem = args ? dict_str(args, "maxmem") : NULL;
    uint64_t value;
    if (size) {
        if (!parse_size("size", size, MIB, &m->ram_size, err)) {
            return false;
        }
        m->ram_size = m->ram_size > UINT64_MAX - RAM_ALIGN_BYTES ? m->ram_size
                      : (m->ram_size + RAM_ALIGN_BYTES - 1) & -(uint64_t)RAM_ALIGN_BYTES;
        if (!m->ram_size) {
            m->ram_size = 128 * MIB;            /* as in QEMU, 0 asks for the default */
        }
    }
    m->max_ram_size = m->ram_size;
    if (slots) {
        if (!parse_uint("slots", slots, 256, &value, err)) {
            return false;
        }
        m->ram_slots = value;
    }
    if (maxmem) {
        if (!parse_size("maxmem", maxmem, MIB, &m->max_ram_size, err)) {
            return false;
        }
        if (m->max_ram_size < m->ram_size) {
            return error_set(err, "maxmem (%s) is smaller than the initial memory size", maxmem);
        }
        if (m->max_ram_size > m->ram_size && !m->ram_slots) {
            return error_set(err, "maxmem (%s) needs memory slots: slots=N", maxmem);
        }
    }
    if (m->ram_slots && m->max_ram_size == m->ram_size) {
        return error_set(err, "slots (%u) need maxmem larger than the initial memory size", m->ram_slots);
    }
    return true;
}

/* -rtc */

static bool rtc_parse(json_object *args, Machine *m, GError **err)
{
    const char *base = args ? dict_str(args, "base") : NULL;
    const char *clock = args ? dict_str(args, "clock") : NULL;
    const char *slew = args ? dict_str(args, "driftfix") : NULL;
    time_t now = clock_ns(CLOCK_HOST) / NS_PER_S;
    struct tm tm;
    m->rtc_follows_host = true;
    m->rtc_start = now;
    if (base && !strcmp(base, "localtime")) {
        localtime_r(&now, &tm);
        m->rtc_start = timegm(&tm);
    } else if (base && strcmp(base, "utc")) {
        memset(&tm, 0, sizeof tm);
        const char *end = strptime(base, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!end) {
            memset(&tm, 0, sizeof tm);
            end = strptime(base, "%Y-%m-%d", &tm);
        }
        if (!end || *end) {
            NearestWord nearest;
            nearest_init(&nearest, base);
            nearest_add(&nearest, "utc");
            nearest_add(&nearest, "localtime");
            return error_set(err, "invalid datetime '%s': wanted utc, localtime, 2006-06-17T16:01:21 or 2006-06-17%s", base,
                             nearest_hint(&nearest));
        }
        m->rtc_start = timegm(&tm);
        m->rtc_follows_host = false;
    }
    static const struct { const char *name; ClockType clock; } clocks[] = {
        { "host", CLOCK_HOST }, { "rt", CLOCK_RT }, { "vm", CLOCK_VIRTUAL },
    };
    m->rtc_clock = CLOCK_HOST;
    bool found = !clock;
    NearestWord nearest;
    nearest_init(&nearest, clock ? clock : "");
    for (size_t i = 0; clock && i < G_N_ELEMENTS(clocks); i++) {
        nearest_add(&nearest, clocks[i].name);
        if (!strcmp(clock, clocks[i].name)) {
            m->rtc_clock = clocks[i].clock;
            found = true;
        }
    }
    if (!found) {
        return error_set(err, "invalid clock '%s': wanted host, rt or vm%s", clock, nearest_hint(&nearest));
    }
    if (slew && strcmp(slew, "none") && strcmp(slew, "slew")) {
        nearest_init(&nearest, slew);
        nearest_add(&nearest, "none");
        nearest_add(&nearest, "slew");
        return error_set(err, "invalid driftfix '%s': wanted none or slew%s", slew, nearest_hint(&nearest));
    }
    m->rtc_slew = slew && !strcmp(slew, "slew");
    return true;
}

static bool uuid_parse(const char *text, uint8_t out[16])
{
    int used = 0, n = sscanf(text, "%2hhx%2hhx%2hhx%2hhx-%2hhx%2hhx-%2hhx%2hhx-%2hhx%2hhx-%2hhx%2hhx%2hhx%2hhx%2hhx%2hhx%n",
                             &out[0], &out[1], &out[2], &out[3], &out[4], &out[5], &out[6], &out[7], &out[8], &out[9],
                             &out[10], &out[11], &out[12], &out[13], &out[14], &out[15], &used);
    return n == 16 && used == 36 && !text[used];
}

/* -machine takes these for KVM too, from before -accel had properties. */
static const char *const machine_kvm_keys[] = { "kernel-irqchip", "kvm-shadow-mem", NULL };

static void kvm_keys_of_machine(const Config *c, GPtrArray *accels)
{
    for (int i = 0; c->machine.args && machine_kvm_keys[i]; i++) {
        json_object *value = json_object_object_get(c->machine.args, machine_kvm_keys[i]);

        for (guint n = 0; value && n < accels->len; n++) {
            json_object *args = accels->pdata[n];

            if (!g_strcmp0(dict_str(args, "accel"), "kvm") && !json_object_object_get(args, machine_kvm_keys[i])) {
                json_object_object_add(args, machine_kvm_keys[i], json_object_get(value));
            }
        }
    }
}

static void accel_setup(Config *c, const MachineType *type)
{
    GError *err = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    const OptionUse *blame = &(OptionUse){ 0 };
    json_object *from_machine = c->machine.args ? json_object_object_get(c->machine.args, "accel") : NULL;
    if (from_machine && c->accels->len) {
        error_set(&err, "-accel and -machine accel= are given both; use one");
        option_fail(&c->machine, err);
    }
    if (from_machine) {
        /* "kvm:tcg": in order of preference */
        g_auto(GStrv) names = g_strsplit(json_object_get_string(from_machine), ":", -1);
        for (char **n = names; *n; n++) {
            json_object *args = json_object_new_object();
            json_object_object_add(args, "accel", json_object_new_string(*n));
            g_ptr_array_add(list, args);
        }
        blame = &c->machine;
    }
    for (guint i = 0; i < c->accels->len; i++) {
        OptionUse *use = c->accels->pdata[i];
        g_ptr_array_add(list, use->args);
        blame = use;
    }
    kvm_keys_of_machine(c, list);
    for (guint i = 0; i < list->len && type->split_irqchip; i++) {
        json_object *args = list->pdata[i];
        if (!g_strcmp0(dict_str(args, "accel"), "kvm") && !json_object_object_get(args, "kernel-irqchip")) {
            json_object_object_add(args, "kernel-irqchip", json_object_new_string("split"));
        }
    }
    if (!list->len) {
        json_object *args = json_object_new_object();
        if (!c->qtest && isatty(STDERR_FILENO) && kvm_usable()) {
            info_report("no accelerator was chosen, so the guest is translated; -accel kvm would run it on the processor");
        }
        json_object_object_add(args, "accel", json_object_new_string(c->qtest ? "qtest" : "tcg"));
        g_ptr_array_add(list, args);
    }
    if (!accel_init(list, &err)) {
        option_fail(blame, err);
    }
}

static void globals_setup(const Config *c)
{
    GlobalProperty *rows = g_new0(GlobalProperty, c->globals->len + 1);    /* kept for ever */
    for (guint i = 0; i < c->globals->len; i++) {
        const OptionUse *use = c->globals->pdata[i];
        rows[i] = (GlobalProperty){ dict_str(use->args, "driver"), dict_str(use->args, "property"), dict_str(use->args, "value") };
    }
    globals_add(rows, true);
}

static void cpu_setup(const Config *c, Machine *m, const MachineType *type)
{
    GError *err = NULL;
    const char *text = c->cpu.text ? c->cpu.text : type->default_cpu;
    if (!type->default_cpu) {
        return;                                         /* a machine without CPUs */
    }
    if (!x86_cpu_parse_model(text, &m->cpu_type, &m->cpu_args, &err)) {
        option_fail(&(OptionUse){ .option = "-cpu", .text = text }, err);
    }
}

/* An option of its own wins over the -machine key of the same meaning. */
static void text_override(char **property, const char *option)
{
    if (option) {
        g_free(*property);
        *property = g_strdup(option);
    }
}

static void machine_fill(Config *c, Machine *m, const MachineType *type)
{
    GError *err = NULL;
    if (!smp_parse(c->smp.args, &m->smp, &err) || !smp_complete(&m->smp, type, &err)) {
        option_fail(c->smp.option ? &c->smp : &(OptionUse){ .option = "-smp" }, err);
    }
    if (!memory_parse(c->memory.args, m, &err)) {
        option_fail(&c->memory, err);
    }
    if (!rtc_parse(c->rtc.args, m, &err)) {
        option_fail(&c->rtc, err);
    }
    text_override(&m->kernel, c->kernel);
    text_override(&m->initrd, c->initrd);
    text_override(&m->append, c->append);
    text_override(&m->shim, c->shim);
    text_override(&m->firmware, c->bios);
    m->nographic = c->nographic;
    m->vga = g_strdup(c->vga ? c->vga : c->nodefaults ? "none" : type->default_display);
    boot_options_fill(c, m);
    m->vm_name = g_strdup(c->name.args ? dict_str(c->name.args, "guest") : NULL);
    if (c->uuid) {
        if (!uuid_parse(c->uuid, m->uuid)) {
            error_set(&err, "not a UUID: wanted xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in hexadecimal");
            option_fail(&(OptionUse){ .option = "-uuid", .text = c->uuid }, err);
        }
        m->uuid_set = true;
    }
    if (!m->kernel && (m->initrd || m->append || m->shim)) {
        error_set(&err, "is of use only with -kernel");
        option_fail(&(OptionUse){ .option = m->initrd ? "-initrd" : m->append ? "-append" : "-shim" }, err);
    }
}

static void memory_backend_setup(Config *c, Machine *m)
{
    GError *err = NULL;
    if (!m->memory_backend_id) {
        return;
    }
    g_autofree char *path = g_strconcat("/objects/", m->memory_backend_id, NULL);
    m->memory_backend = object_resolve(path, NULL);
    if (!m->memory_backend || !object_is_a(m->memory_backend, &memory_backend_type)) {
        error_set(&err, "memory-backend '%s' is not the id of a memory back end (-object memory-backend-...)", m->memory_backend_id);
        option_fail(&c->machine, err);
    }
    uint64_t size = memory_backend_size(m->memory_backend);
    if (!c->memory.args) {
        m->ram_size = m->max_ram_size = size;
    } else if (size != m->ram_size) {
        error_set(&err, "memory-backend '%s' has %" PRIu64 " bytes, but -m asks for %" PRIu64, m->memory_backend_id, size, m->ram_size);
        option_fail(&c->memory, err);
    }
}

/* -debugcon DEV: an isa-debugcon device, whose port -global isa-debugcon.iobase= may move. */
static void debugcon_setup(const char *text)
{
    GError *err = NULL;
    Chardev *chr = chardev_new_from_text("debugcon", text, false, &err);
    if (chr) {
        json_object *args = json_object_new_object();
        json_object_object_add(args, "driver", json_object_new_string("isa-debugcon"));
        json_object_object_add(args, "chardev", json_object_new_string("debugcon"));
        device_add_from_dict(args, &err);
        json_object_put(args);
    }
    if (err) {
        option_fail(&(OptionUse){ .option = "-debugcon", .text = text }, err);
    }
}

/* -parallel: an isa-parallel device for each that is not "none". */
static void parallel_ports_setup(Config *c, Machine *m)
{
    GError *err = NULL;
    for (guint i = 0; i < c->parallels->len; i++) {
        if (!m->parallels[i]) {
            continue;
        }
        g_autofree char *chardev = g_strdup_printf("parallel%u", i);
        json_object *args = json_object_new_object();
        json_object_object_add(args, "driver", json_object_new_string("isa-parallel"));
        json_object_object_add(args, "chardev", json_object_new_string(chardev));
        json_object_object_add(args, "index", json_object_new_int(i));
        device_add_from_dict(args, &err);
        json_object_put(args);
        if (err) {
            option_fail(&(OptionUse){ .option = "-parallel", .text = c->parallels->pdata[i] }, err);
        }
    }
}

void machine_setup(Config *c)
{
    GError *err = NULL;
    const MachineType *type = machine_choose(c);
    globals_setup(c);
    for (unsigned i = 0; i < type->compat_blocks; i++) {
        globals_add(type->compat[i], false);
    }
    Machine *m = (Machine *)object_new(&type->type);
    current_machine = m;
    object_add_child(object_root(), "machine", &m->object);
    object_container("/machine/peripheral");
    object_container("/machine/peripheral-anon");
    object_container("/machine/unattached");
    accel_setup(c, type);

    for (guint i = 0; i < c->objects->len; i++) {
        const OptionUse *use = c->objects->pdata[i];
        if (!user_object_add(use->args, &err)) {
            option_fail(use, err);
        }
    }
    host_ends_setup(c, type);
    if (c->no_fd_bootchk && type_property(&type->type, "fd-bootchk")) {
        object_set_bool(&m->object, "fd-bootchk", false);
    }

    static const char *const not_properties[] = { "type", "accel", "kernel-irqchip", "kvm-shadow-mem", NULL };
    if (c->machine.args && !object_set_dict(&m->object, c->machine.args, not_properties, &err)) {
        option_fail(&c->machine, err);
    }
    machine_fill(c, m, type);
    numa_setup(c, m);
    memory_backend_setup(c, m);
    cpu_setup(c, m, type);
    serial_setup(c, m);

    if (!type->init_board(m, &err)) {
        error_fatal(err);
    }
    acpi_cpu_ost_hook = layout_ost_event;
    firmware_options_apply(c);
    parallel_ports_setup(c, m);
    if (c->debugcon) {
        debugcon_setup(c->debugcon);
    }
    for (guint i = 0; i < c->devices->len; i++) {
        const OptionUse *use = c->devices->pdata[i];
        if (!device_add_from_dict(use->args, &err)) {
            option_fail(use, err);
        }
    }
}
