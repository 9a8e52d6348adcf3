/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TCG accelerator: guest code runs in this process, one thread a vCPU.
 *
 * Thread of a vCPU: wait for work (big lock) -> ops->tcg_run() (no lock) until it is kicked, halts or is reset ->
 * again. A kick sets Cpu.exit_request, which the run loop reads between blocks, and has the target end a chain of
 * translated blocks.
 */
#include "accel/tcg/tcg.h"

#include <unistd.h>

#include "core/log.h"
#include "core/thread.h"

#define TCG(obj) ((TcgAccel *)(obj))
/* By default a part of the host's memory, up to a limit: a compiler's build in the guest runs 200 MiB of translated code. */
#define TB_SIZE_DEFAULT_MOST (1ull << 30)
#define TB_SIZE_DEFAULT_PART 8
#define TB_SIZE_MIN_PER_CPU (1ull << 20)
#define TB_SIZE_MOST_PER_CPU (1ull << 30)

enum { THREAD_MULTI, THREAD_SINGLE };
static const char *const thread_names[] = { "multi", "single", NULL };

static bool jit_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    static const char *const words[] = { "on", "off", "auto" };
    const char *text = json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value) ? "on" : "off"
                                                                     : json_object_get_string(value);
    NearestWord nearest;

    nearest_init(&nearest, text ? text : "");
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (!g_strcmp0(text, words[i])) {
            g_free(TCG(obj)->jit);
            TCG(obj)->jit = g_strdup(text);
            return true;
        }
        nearest_add(&nearest, words[i]);
    }
    return error_set(err, "jit takes on, off or auto, not '%s'%s", text ? text : "null", nearest_hint(&nearest));
}

static json_object *jit_get(Object *obj, const Property *prop)
{
    return json_object_new_string(TCG(obj)->jit ? TCG(obj)->jit : "auto");
}

/* -accel tcg,tb-size= is in MiB. */
static bool tb_size_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    const char *text = json_object_get_string(value);
    char *end = NULL;
    uint64_t mib = text ? g_ascii_strtoull(text, &end, 0) : 0;

    if (!text || end == text || *end || *text == '-' || mib > 1 << 20) {
        return error_set(err, "tb-size takes a number of MiB up to %d, not '%s'", 1 << 20, text ? text : "null");
    }
    TCG(obj)->tb_size = mib << 20;
    return true;
}

static json_object *tb_size_get(Object *obj, const Property *prop)
{
    return json_object_new_int64(TCG(obj)->tb_size >> 20);
}

static void tcg_finalize(Object *obj)
{
    g_free(TCG(obj)->jit);
}

static bool tcg_init_machine(Accel *accel, GError **err)
{
    if (TCG(accel)->thread == THREAD_SINGLE && cpu_count() > 1) {
        return error_set(err, "thread=single runs one vCPU only; use thread=multi or -smp 1");
    }
    return true;
}

static uint64_t tb_size_default(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);

    if (pages <= 0 || page_bytes <= 0) {
        return TB_SIZE_DEFAULT_MOST;
    }
    return MIN((uint64_t)pages * page_bytes / TB_SIZE_DEFAULT_PART, TB_SIZE_DEFAULT_MOST);
}

size_t tcg_code_bytes(void)
{
    uint64_t wanted = current_accel && accel_is("tcg") ? TCG(current_accel)->tb_size : 0;
    uint64_t total = wanted ? wanted : tb_size_default();

    return CLAMP(total / cpus_expected(), TB_SIZE_MIN_PER_CPU, TB_SIZE_MOST_PER_CPU);
}

bool tcg_one_insn_per_block(void)
{
    return current_accel && accel_is("tcg") && TCG(current_accel)->one_insn_per_tb;
}

bool tcg_translates(void)
{
    return !(current_accel && accel_is("tcg")) || g_strcmp0(TCG(current_accel)->jit, "off");
}

static void tcg_kick(Cpu *cpu)
{
    if (cpu->ops->tcg_kick) {
        cpu->ops->tcg_kick(cpu);
    }
}

static bool tcg_vcpu_init(Cpu *cpu, GError **err)
{
    if (TCG(current_accel)->thread == THREAD_SINGLE && cpu_count() > 1) {
        return error_set(err, "thread=single runs one vCPU only; use thread=multi or -smp 1");
    }
    return cpu->ops->tcg_init(cpu, err);
}

static void tcg_vcpu_destroy(Cpu *cpu)
{
    cpu->ops->tcg_destroy(cpu);
}

static void tcg_vcpu_thread(Cpu *cpu)
{
    while (!cpu->unplug) {
        if (cpu_can_run(cpu) && !__atomic_load_n(&cpu->exit_request, __ATOMIC_SEQ_CST)) {
            bql_unlock();
            cpu_guest_enter();
            cpu->ops->tcg_run(cpu);
            cpu_guest_leave();
            bql_lock();
        }
        cpu_wait_for_work(cpu);
    }
}

/* Code is mapped twice in any case; who asks for the contrary is told so. */
static bool split_wx_set(Object *obj, const Property *prop, json_object *value, GError **err)
{
    if (!prop_kind_bool.set(obj, prop, value, err)) {
        return false;
    }
    if (!TCG(obj)->split_wx) {
        warn_report("split-wx=off has no effect: translated code is never writable and executable at one address");
        TCG(obj)->split_wx = true;
    }
    return true;
}

static const Property tcg_properties[] = {
    { .name = "tb-size",
     .kind = &prop_kind_virtual,
     .type_name = "int",
     .get = tb_size_get,
     .set = tb_size_set,
     .description = "memory for decoded and translated code, MiB (default: an eighth of the host's, at most 1024)" },
    PROP_ENUM("thread", TcgAccel, thread, THREAD_MULTI, thread_names, "str",
              "multi: a host thread per vCPU; single: one vCPU only"),
    PROP_BOOL("one-insn-per-tb", TcgAccel, one_insn_per_tb, false, "decode and run one instruction at a time"),
    PROP_BOOL("split-wx", TcgAccel, split_wx, true, "translated code is mapped twice, writable and executable: always on",
              .set = split_wx_set),
    { .name = "jit",
     .kind = &prop_kind_virtual,
     .type_name = "str",
     .get = jit_get,
     .set = jit_set,
     .description = "on, off or auto: translate to host code; off interprets" },
    {},
};

const AccelType tcg_accel_type = {
    .name = "tcg-accel",
    .parent = &accel_type.type,
    .size = sizeof(TcgAccel),
    .description = "run guest code by translation or interpretation",
    .properties = tcg_properties,
    .finalize = tcg_finalize,
    .init_machine = tcg_init_machine,
    .vcpu_init = tcg_vcpu_init,
    .vcpu_thread = tcg_vcpu_thread,
    .vcpu_destroy = tcg_vcpu_destroy,
    .kick = tcg_kick,
};
TYPE_REGISTER(tcg_accel_type);
