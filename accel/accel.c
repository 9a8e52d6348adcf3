/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs and accelerators: the list of vCPUs, their threads, how they are woken, stopped and made to run a function.
 *
 * A vCPU thread alternates between guest code (no big lock) and cpu_wait_for_work() (big lock), where it runs queued
 * work, notices a stop, and sleeps while stopped, or halted with nothing to do. Whoever wants it out of guest code sets
 * exit_request and calls the accelerator's kick. All waiting is on halt_cond with the big lock.
 *
 * Exclusive sections: each vCPU says in `in_guest` whether it is inside guest code; cpu_exclusive_start() kicks all others and
 * waits until they are out; nobody enters while a section is pending. Entering and leaving take no lock: a vCPU that sets
 * in_guest before `exclusive_pending` is set is waited for, one that sets it later sees that it must not be inside.
 */
#include "accel/accel.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "core/thread.h"
#include "core/vm.h"

const DeviceType cpu_type = {
    .name = "cpu", .parent = &device_type.type, .size = sizeof(Cpu), .is_abstract = true,
    .category = CATEGORY_CPU, .description = "virtual CPU",
};
TYPE_REGISTER(cpu_type);

const AccelType accel_type = {
    .name = "accel", .parent = &object_type, .size = sizeof(Accel), .is_abstract = true, .description = "what runs vCPUs",
};
TYPE_REGISTER(accel_type);

Accel *current_accel;
__thread Cpu *current_cpu;

#define CPUS_MAX 4096
static Cpu *cpus[CPUS_MAX];                     /* by index; NULL: a place without. Both written under the big lock, read anywhere */
static int cpus_used;                           /* indices in use are below */
const CpuPlaces *cpu_places;
static pthread_cond_t cpus_cond = PTHREAD_COND_INITIALIZER;     /* a vCPU stopped or finished synchronous work */

static const AccelType *accel_of(Accel *accel)
{
    return (const AccelType *)accel->object.type;
}

bool accel_is(const char *name)
{
    if (!current_accel) {
        return false;
    }
    const char *type = current_accel->object.type->name;
    size_t n = strlen(name);
    return !strncmp(type, name, n) && !strcmp(type + n, "-accel");
}

static void accel_offer_name(const Type *type, void *opaque)
{
    if (!type->is_abstract && g_str_has_suffix(type->name, "-accel")) {
        char *short_name = g_strndup(type->name, strlen(type->name) - strlen("-accel"));
        nearest_add(opaque, g_intern_string(short_name));
        g_free(short_name);
    }
}

static Accel *accel_try(json_object *args, GError **err)
{
    const char *name = json_object_get_string(json_object_object_get(args, "accel"));
    if (!name) {
        error_set(err, "the accelerator's name is missing");
        return NULL;
    }
    g_autofree char *type_name = g_strconcat(name, "-accel", NULL);
    const Type *type = type_find(type_name);
    if (!type || !type_is_a(type, &accel_type.type)) {
        NearestWord nearest;
        nearest_init(&nearest, name);
        type_foreach(&accel_type.type, accel_offer_name, &nearest);
        error_set(err, "invalid accelerator %s%s", name, nearest_hint(&nearest));
        return NULL;
    }
    g_autoptr(Object) obj = object_new(type);
    static const char *const skip[] = { "accel", NULL };
    if (!object_set_dict(obj, args, skip, err)) {
        return NULL;
    }
    Accel *accel = (Accel *)obj;
    if (accel_of(accel)->init_machine && !accel_of(accel)->init_machine(accel, err)) {
        return NULL;
    }
    return (Accel *)g_steal_pointer(&obj);
}

bool accel_init(GPtrArray *list, GError **err)
{
    g_assert(!current_accel && list->len);
    for (guint i = 0; i < list->len; i++) {
        GError *local = NULL;
        Accel *accel = accel_try(list->pdata[i], &local);
        if (accel) {
            current_accel = accel;
            object_add_child(object_container("/machine"), "accel[*]", object_ref(&accel->object));
            return true;
        }
        if (i + 1 == list->len) {
            g_propagate_error(err, local);
        } else {
            warn_report("%s; trying the next accelerator", local->message);
            g_error_free(local);
        }
    }
    return false;
}

/* The list. */

Cpu *cpu_by_index(int index)
{
    return index >= 0 && index < cpu_index_limit() ? __atomic_load_n(&cpus[index], __ATOMIC_ACQUIRE) : NULL;
}

int cpu_index_limit(void)
{
    return __atomic_load_n(&cpus_used, __ATOMIC_ACQUIRE);
}

Cpu *cpu_next(int *index)
{
    Cpu *cpu = NULL;

    while (!cpu && *index < cpu_index_limit()) {
        cpu = cpu_by_index((*index)++);
    }
    return cpu;
}

int cpu_count(void)
{
    int count = 0;
    Cpu *cpu;

    CPU_FOREACH(cpu) {
        count++;
    }
    return count;
}

static int expected = 1;

void cpus_expect(int count)
{
    expected = count;
}

int cpus_expected(void)
{
    return expected;
}

void cpu_register(Cpu *cpu)
{
    cpu->index = cpu->index < 0 ? cpus_used : cpu->index;
    g_assert(cpu->index < CPUS_MAX && !cpus[cpu->index]);
    cpu->stop = true;
    pthread_cond_init(&cpu->halt_cond, NULL);
    pthread_mutex_init(&cpu->work_lock, NULL);
    g_queue_init(&cpu->work);
    if (!cpu->as) {
        cpu->as = address_space_memory();
    }
    __atomic_store_n(&cpus[cpu->index], cpu, __ATOMIC_RELEASE);
    __atomic_store_n(&cpus_used, MAX(cpus_used, cpu->index + 1), __ATOMIC_RELEASE);
}

/* Threads. */

static void work_run(Cpu *cpu);

static void *cpu_thread(void *arg)
{
    Cpu *cpu = arg;
    current_cpu = cpu;
    memory_thread_register();
    const AccelType *accel = accel_of(current_accel);
    bql_lock();
    cpu->thread_id = syscall(SYS_gettid);
    if (!accel->vcpu_init || accel->vcpu_init(cpu, &cpu->start_error)) {
        cpu->created = true;
        pthread_cond_broadcast(&cpus_cond);
        accel->vcpu_thread(cpu);
        cpu->created = false;                   /* work for it is done by whoever wants it from now on */
        work_run(cpu);
    }
    cpu->ended = true;
    pthread_cond_broadcast(&cpus_cond);
    bql_unlock();
    memory_thread_unregister();
    return NULL;
}

bool cpu_start(Cpu *cpu, GError **err)
{
    g_autofree char *accel = g_ascii_strup(current_accel->object.type->name, 3);
    g_autofree char *name = g_strdup_printf("CPU %d/%s", cpu->index, accel);
    cpu->thread = thread_start(name, cpu_thread, cpu);
    cpu->has_thread = true;
    while (!cpu->created && !cpu->ended) {
        bql_wait(&cpus_cond);
    }
    if (cpu->start_error) {
        g_propagate_prefixed_error(err, g_steal_pointer(&cpu->start_error), "vCPU %d: ", cpu->index);
        return false;
    }
    return true;
}

/* Wakes it up to look at what was changed. */
static void rouse(Cpu *cpu)
{
    cpu_kick(cpu);
    pthread_cond_broadcast(&cpu->halt_cond);
}

void cpu_kick(Cpu *cpu)
{
    __atomic_store_n(&cpu->exit_request, 1, __ATOMIC_SEQ_CST);
    if (cpu == current_cpu) {
        return;
    }
    /*
     * A sleeper tests its conditions under the big lock before it sleeps; without the lock a wake-up could slip in
     * between, so a caller without it hands the broadcast to someone who has: it takes the lock itself.
     */
    if (__atomic_load_n(&cpu->halted, __ATOMIC_SEQ_CST) || cpu->stopped) {
        BQL_GUARD();
        pthread_cond_broadcast(&cpu->halt_cond);
    }
    if (cpu->created && accel_of(current_accel)->kick) {
        accel_of(current_accel)->kick(cpu);
    }
}

void cpu_interrupt(Cpu *cpu, uint32_t mask)
{
    __atomic_or_fetch(&cpu->interrupt_request, mask, __ATOMIC_SEQ_CST);
    cpu_kick(cpu);
}

void cpu_interrupt_clear(Cpu *cpu, uint32_t mask)
{
    __atomic_and_fetch(&cpu->interrupt_request, ~mask, __ATOMIC_SEQ_CST);
}

void cpu_state_pull(Cpu *cpu)
{
    if (current_accel && accel_of(current_accel)->state_pull) {
        accel_of(current_accel)->state_pull(cpu);
    }
}

void cpu_state_changed(Cpu *cpu)
{
    if (current_accel && accel_of(current_accel)->state_changed) {
        accel_of(current_accel)->state_changed(cpu);
    }
}

/* Work run in a vCPU's thread. */

typedef struct WorkItem { CpuWorkFn *fn; void *arg; bool with_lock, *done; } WorkItem;

static void work_push(Cpu *cpu, WorkItem item)
{
    pthread_mutex_lock(&cpu->work_lock);
    g_queue_push_tail(&cpu->work, g_memdup2(&item, sizeof item));
    pthread_mutex_unlock(&cpu->work_lock);
}

static WorkItem *work_pop(Cpu *cpu)
{
    pthread_mutex_lock(&cpu->work_lock);
    WorkItem *item = g_queue_pop_head(&cpu->work);
    pthread_mutex_unlock(&cpu->work_lock);
    return item;
}

static bool work_pending(Cpu *cpu)
{
    pthread_mutex_lock(&cpu->work_lock);
    bool any = !g_queue_is_empty(&cpu->work);
    pthread_mutex_unlock(&cpu->work_lock);
    return any;
}

void cpu_run_on(Cpu *cpu, CpuWorkFn *fn, void *arg)
{
    if (cpu == current_cpu || !cpu->created) {
        fn(cpu, arg);
        return;
    }
    g_assert(bql_held());
    bool done = false;
    work_push(cpu, (WorkItem){ .fn = fn, .arg = arg, .with_lock = true, .done = &done });
    cpu_kick(cpu);
    pthread_cond_broadcast(&cpu->halt_cond);
    while (!done) {
        bql_wait(&cpus_cond);
    }
}

void cpu_run_on_async(Cpu *cpu, CpuWorkFn *fn, void *arg)
{
    work_push(cpu, (WorkItem){ .fn = fn, .arg = arg });
    cpu_kick(cpu);
    if (cpu != current_cpu) {
        BQL_GUARD();
        pthread_cond_broadcast(&cpu->halt_cond);
    }
}

static void work_run(Cpu *cpu)
{
    for (WorkItem *item; (item = work_pop(cpu)) != NULL; g_free(item)) {
        if (!item->with_lock) {
            bql_unlock();
            item->fn(cpu, item->arg);
            bql_lock();
        } else {
            item->fn(cpu, item->arg);
            *item->done = true;
            pthread_cond_broadcast(&cpus_cond);
        }
    }
}

/* Stopping and sleeping. */

bool cpu_can_run(Cpu *cpu)
{
    return !cpu->stop && !cpu->stopped && vm_running();
}

static bool cpu_should_sleep(Cpu *cpu)
{
    if (cpu->unplug || cpu->stop || work_pending(cpu)) {
        return false;
    }
    if (cpu->stopped || !vm_running()) {
        return true;
    }
    return __atomic_load_n(&cpu->halted, __ATOMIC_SEQ_CST) && !cpu->ops->has_work(cpu);
}

void cpu_wait_for_work(Cpu *cpu)
{
    for (;;) {
        /* Cleared before the conditions are tested, so that a kick that comes in between is not lost. */
        __atomic_store_n(&cpu->exit_request, 0, __ATOMIC_SEQ_CST);
        work_run(cpu);
        if (cpu->stop) {
            cpu->stop = false;
            cpu->stopped = true;
            pthread_cond_broadcast(&cpus_cond);
        }
        if (!cpu_should_sleep(cpu)) {
            break;
        }
        bql_wait(&cpu->halt_cond);
    }
}

static bool all_stopped(void)
{
    Cpu *cpu;
    CPU_FOREACH(cpu) {
        if (cpu->created && !cpu->stopped && cpu != current_cpu) {
            return false;
        }
    }
    return true;
}

void cpus_pause_all(void)
{
    Cpu *cpu;
    g_assert(bql_held());
    CPU_FOREACH(cpu) {
        if (cpu->created && !cpu->stopped) {
            if (cpu == current_cpu) {
                cpu->stop = false;
                cpu->stopped = true;
                __atomic_store_n(&cpu->exit_request, 1, __ATOMIC_SEQ_CST);
            } else {
                cpu->stop = true;
                rouse(cpu);
            }
        }
    }
    while (!all_stopped()) {
        bql_wait(&cpus_cond);
    }
}

static void before_resume(Cpu *cpu)
{
    if (cpu->created && accel_of(current_accel)->before_resume) {
        accel_of(current_accel)->before_resume(cpu);
    }
}

void cpus_resume_all(void)
{
    Cpu *cpu;
    CPU_FOREACH(cpu) {
        before_resume(cpu);
    }
    CPU_FOREACH(cpu) {
        cpu->stop = false;
        cpu->stopped = cpu->held;
        pthread_cond_broadcast(&cpu->halt_cond);
    }
}

void cpu_resume(Cpu *cpu)
{
    if (vm_running()) {
        before_resume(cpu);
        cpu->stop = cpu->stopped = false;
        pthread_cond_broadcast(&cpu->halt_cond);
    }
}

void cpus_join_all(void)
{
    Cpu *cpu;
    CPU_FOREACH(cpu) {
        if (cpu->created) {
            cpu->unplug = true;
            rouse(cpu);
        }
    }
    bql_unlock();
    CPU_FOREACH(cpu) {
        if (cpu->has_thread) {
            pthread_join(cpu->thread, NULL);
            cpu->has_thread = false;
        }
    }
    bql_lock();
}

/* Exclusive sections. */

static pthread_mutex_t exclusive_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t exclusive_cond = PTHREAD_COND_INITIALIZER;
static __thread bool exclusive_from_guest;      /* this thread's section began inside guest code */
static uint32_t exclusive_pending;              /* atomic: a section runs or waits; written under exclusive_lock */

static void set_in_guest(Cpu *cpu, bool in_guest) { __atomic_store_n(&cpu->in_guest, in_guest, __ATOMIC_SEQ_CST); }
static bool is_pending(void) { return __atomic_load_n(&exclusive_pending, __ATOMIC_SEQ_CST); }

void cpu_guest_enter(void)
{
    Cpu *cpu = current_cpu;

    set_in_guest(cpu, true);
    if (!is_pending()) {
        return;
    }
    pthread_mutex_lock(&exclusive_lock);
    set_in_guest(cpu, false);
    pthread_cond_broadcast(&exclusive_cond);
    while (is_pending()) {
        pthread_cond_wait(&exclusive_cond, &exclusive_lock);
    }
    set_in_guest(cpu, true);
    pthread_mutex_unlock(&exclusive_lock);
}

void cpu_guest_leave(void)
{
    set_in_guest(current_cpu, false);
    if (is_pending()) {
        pthread_mutex_lock(&exclusive_lock);
        pthread_cond_broadcast(&exclusive_cond);
        pthread_mutex_unlock(&exclusive_lock);
    }
}

static bool others_in_guest(void)
{
    Cpu *cpu;
    CPU_FOREACH(cpu) {
        if (cpu != current_cpu && __atomic_load_n(&cpu->in_guest, __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    return false;
}

void cpu_exclusive_start(void)
{
    Cpu *cpu;
    pthread_mutex_lock(&exclusive_lock);
    /* Two at once: the later one is out of guest code while it waits, or both would wait for ever. */
    exclusive_from_guest = current_cpu && current_cpu->in_guest;
    if (exclusive_from_guest) {
        set_in_guest(current_cpu, false);
        pthread_cond_broadcast(&exclusive_cond);
    }
    while (is_pending()) {
        pthread_cond_wait(&exclusive_cond, &exclusive_lock);
    }
    __atomic_store_n(&exclusive_pending, 1, __ATOMIC_SEQ_CST);
    CPU_FOREACH(cpu) {
        if (cpu != current_cpu) {
            __atomic_store_n(&cpu->exit_request, 1, __ATOMIC_SEQ_CST);
            if (cpu->created && accel_of(current_accel)->kick) {
                accel_of(current_accel)->kick(cpu);
            }
        }
    }
    while (others_in_guest()) {
        pthread_cond_wait(&exclusive_cond, &exclusive_lock);
    }
    pthread_mutex_unlock(&exclusive_lock);
}

void cpu_exclusive_end(void)
{
    pthread_mutex_lock(&exclusive_lock);
    if (exclusive_from_guest) {
        set_in_guest(current_cpu, true);
    }
    __atomic_store_n(&exclusive_pending, 0, __ATOMIC_SEQ_CST);
    pthread_cond_broadcast(&exclusive_cond);
    pthread_mutex_unlock(&exclusive_lock);
}

/* Removal. Nobody looks for the vCPU without the big lock but exclusive sections, and vCPUs, which stand. */

void cpu_remove(Cpu *cpu)
{
    bool resume = vm_running();

    g_assert(bql_held() && cpu != current_cpu);
    cpus_pause_all();
    cpu->unplug = true;
    if (cpu->created) {
        rouse(cpu);
    }
    while (cpu->has_thread && !cpu->ended) {
        bql_wait(&cpus_cond);
    }
    pthread_mutex_lock(&exclusive_lock);
    __atomic_store_n(&cpus[cpu->index], NULL, __ATOMIC_RELEASE);
    while (cpus_used && !cpus[cpus_used - 1]) {
        __atomic_store_n(&cpus_used, cpus_used - 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&exclusive_lock);
    if (cpu->has_thread) {
        pthread_join(cpu->thread, NULL);        /* it waits for nothing any more */
        cpu->has_thread = false;
        if (accel_of(current_accel)->vcpu_destroy) {
            accel_of(current_accel)->vcpu_destroy(cpu);
        }
    }
    if (resume) {
        cpus_resume_all();
    }
}
