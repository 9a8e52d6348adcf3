/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread of a vCPU: into the guest by KVM_RUN, out again for what the kernel cannot do itself.
 *
 *   wait for work (big lock) -> run(): [hand over registers, what is to be injected, KVM_RUN, serve the exit] again and
 *   again (no lock) until somebody wants the thread -> wait for work
 *
 * A kick is not lost: it sets exit_request, then immediate_exit in the shared page, then sends the signal if the vCPU
 * is in the guest. The thread clears immediate_exit after KVM_RUN and looks at exit_request before the next one; if it
 * saw none, the kicker's store to immediate_exit comes later than the clearing: KVM_RUN sees it, or the kicker sees
 * in_guest.
 *
 * An access that left the guest is completed (a register loaded, RIP moved on) by the next KVM_RUN, so a thread that is
 * wanted goes in once more with immediate_exit set; only then are the kernel's registers those between two
 * instructions.
 */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/log.h"
#include "core/thread.h"
#include "core/vm.h"

TRACE_EVENT(kvm_run_exit, "cpu %d reason %u");

void kvm_kick(Cpu *cpu)
{
    KvmCpu *k = __atomic_load_n(&cpu->kvm, __ATOMIC_ACQUIRE);

    if (k) {
        __atomic_store_n(&k->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        /* A thread that is about to enter sees immediate_exit; only one that is inside needs the signal. */
        if (__atomic_load_n(&cpu->in_guest, __ATOMIC_SEQ_CST)) {
            pthread_kill(cpu->thread, SIG_KICK);
        }
    }
}

/* Registers. */

static void state_refused(Cpu *cpu, const char *what, GError *err)
{
    g_prefix_error(&err, "KVM %s vCPU %d: ", what, cpu->index);
    error_fatal(err);
}

static void pull(Cpu *cpu, void *unused)
{
    GError *err = NULL;

    if (!cpu->kvm->dirty) {
        if (!cpu->kvm->ops->get_state(cpu, &err)) {
            state_refused(cpu, "does not give the registers of", err);
        }
        cpu->kvm->dirty = true;
        cpu->kvm->level = KVM_LEVEL_RUNTIME;
    }
}

void kvm_state_pull(Cpu *cpu)
{
    if (cpu->kvm && !cpu->kvm->dirty) {
        cpu_run_on(cpu, pull, NULL);
    }
}

void kvm_state_changed(Cpu *cpu)
{
    if (cpu->kvm) {
        cpu->kvm->level = MAX(cpu->kvm->dirty ? cpu->kvm->level : KVM_LEVEL_RUNTIME, KVM_LEVEL_RESET);
        cpu->kvm->dirty = true;
    }
}

static void push(Cpu *cpu)
{
    GError *err = NULL;

    if (!cpu->kvm->ops->put_state(cpu, cpu->kvm->level, &err)) {
        state_refused(cpu, "does not take the registers of", err);
    }
    cpu->kvm->dirty = false;
}

static void push_all(Cpu *cpu, void *unused)
{
    if (cpu->kvm->dirty) {
        push(cpu);
    }
}

/*
 * What a reset or load sets includes what other vCPUs change (start-up, interrupts in its local APIC): the kernel has all of
 * it before the first of them runs.
 */
void kvm_before_resume(Cpu *cpu)
{
    if (cpu->kvm && cpu->kvm->dirty && cpu->kvm->level >= KVM_LEVEL_RESET) {
        cpu_run_on(cpu, push_all, NULL);
    }
}

/* What the guest came out for. */

static bool plain_size(unsigned len) { return len == 1 || len == 2 || len == 4 || len == 8; }

static void access_bus(AddressSpace *as, GuestAddr addr, uint8_t *data, unsigned len, bool write)
{
    uint64_t value = 0;

    if (!plain_size(len)) {
        write ? memory_write(as, addr, MEMTXATTRS_NONE, data, len) : memory_read(as, addr, MEMTXATTRS_NONE, data, len);
    } else if (write) {
        memcpy(&value, data, len);
        memory_store(as, addr, len, value, MEMTXATTRS_NONE, NULL);
    } else {
        value = memory_load(as, addr, len, MEMTXATTRS_NONE, NULL);
        memcpy(data, &value, len);
    }
}

static void exit_io(struct kvm_run *run)
{
    uint8_t *data = (uint8_t *)run + run->io.data_offset;

    for (unsigned i = 0; i < run->io.count; i++, data += run->io.size) {
        access_bus(address_space_io(), run->io.port, data, run->io.size, run->io.direction == KVM_EXIT_IO_OUT);
    }
}

static void exit_mmio(Cpu *cpu, struct kvm_run *run)
{
    if (!cpu->kvm->ops->mmio(cpu, run->mmio.phys_addr, run->mmio.data, run->mmio.len, run->mmio.is_write)) {
        access_bus(cpu->kvm->ops->memory(cpu), run->mmio.phys_addr, run->mmio.data, run->mmio.len, run->mmio.is_write);
    }
}

/* Until a reset or `cont` the vCPU stays out of the guest. */
static KvmNext stop_for_good(Cpu *cpu, const char *what)
{
    BQL_GUARD();

    cpu->kvm->ops->broken(cpu, what);
    cpu->stop = true;
    vm_request_stop(RUN_STATE_INTERNAL_ERROR);
    return KVM_NEXT_LEAVE;
}

static KvmNext internal_error(Cpu *cpu, const struct kvm_run *run)
{
    static const char *const names[] = {
        [0] = "unknown",
        [KVM_INTERNAL_ERROR_EMULATION] = "an instruction could not be emulated",
        [KVM_INTERNAL_ERROR_SIMUL_EX] = "two exceptions at once",
        [KVM_INTERNAL_ERROR_DELIVERY_EV] = "an event could not be delivered",
        [KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "an exit from the guest with an unknown reason",
    };
    unsigned sub = run->internal.suberror, count = MIN(run->internal.ndata, G_N_ELEMENTS(run->internal.data));
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_append_printf(text, "KVM internal error, suberror %u (%s)", sub,
                           sub < G_N_ELEMENTS(names) && names[sub] ? names[sub] : names[0]);
    for (unsigned i = 0; i < count; i++) {
        g_string_append_printf(text, "%s 0x%llx", i ? "" : ", data:", (unsigned long long)run->internal.data[i]);
    }
    return stop_for_good(cpu, text->str);
}

/* The guest has kept the processor from taking any event for longer than notify-window. */
static KvmNext notify(Cpu *cpu, const struct kvm_run *run)
{
    static bool warned;

    if (run->notify.flags & KVM_NOTIFY_CONTEXT_INVALID) {
        return stop_for_good(cpu, "the guest kept the processor from taking events, and its state is lost");
    }
    if (kvm.notify_is_error) {
        return stop_for_good(cpu, "the guest kept the processor from taking events (notify-vmexit=internal-error)");
    }
    if (!__atomic_exchange_n(&warned, true, __ATOMIC_RELAXED)) {
        warn_report("vCPU %d keeps its processor from taking events for longer than notify-window", cpu->index);
    }
    return KVM_NEXT_RUN;
}

static KvmNext system_event(Cpu *cpu, const struct kvm_run *run)
{
    BQL_GUARD();

    switch (run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        vm_request_shutdown(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
        break;
    case KVM_SYSTEM_EVENT_RESET:
        vm_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
        break;
    case KVM_SYSTEM_EVENT_CRASH:
        cpu_state_pull(cpu);
        vm_guest_panicked();
        break;
    }
    cpu->stop = true;
    return KVM_NEXT_LEAVE;
}

static KvmNext serve_exit(Cpu *cpu)
{
    struct kvm_run *run = cpu->kvm->run;
    g_autofree char *text = NULL;

    trace(kvm_run_exit, cpu->index, run->exit_reason);
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        exit_io(run);
        return KVM_NEXT_RUN;
    case KVM_EXIT_MMIO:
        exit_mmio(cpu, run);
        return KVM_NEXT_RUN;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
        return KVM_NEXT_RUN;
    case KVM_EXIT_INTR:
        return KVM_NEXT_LEAVE;
    case KVM_EXIT_DIRTY_RING_FULL: {
        BQL_GUARD();
        kvm_rings_harvest();
        return KVM_NEXT_RUN;
    }
    case KVM_EXIT_NOTIFY:
        return notify(cpu, run);
    case KVM_EXIT_INTERNAL_ERROR:
        return internal_error(cpu, run);
    case KVM_EXIT_FAIL_ENTRY:
        text = g_strdup_printf("the processor refuses to enter the guest, hardware reason 0x%llx",
                               (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
        return stop_for_good(cpu, text);
    case KVM_EXIT_UNKNOWN:
        text = g_strdup_printf("the guest was left for a reason unknown to KVM, hardware reason 0x%llx",
                               (unsigned long long)run->hw.hardware_exit_reason);
        return stop_for_good(cpu, text);
    case KVM_EXIT_SYSTEM_EVENT:
        return system_event(cpu, run);
    default:
        return cpu->kvm->ops->exit(cpu);
    }
}

static void run(Cpu *cpu)
{
    KvmCpu *k = cpu->kvm;
    KvmNext next = KVM_NEXT_RUN;

    while (next == KVM_NEXT_RUN) {
        if (k->dirty) {
            push(cpu);
        }
        k->ops->before_run(cpu);
        if (__atomic_load_n(&cpu->exit_request, __ATOMIC_SEQ_CST)) {
            __atomic_store_n(&k->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        }
        cpu_guest_enter();
        int error = ioctl(k->fd, KVM_RUN, 0) < 0 ? errno : 0;
        cpu_guest_leave();
        __atomic_store_n(&k->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
        k->exits++;
        k->ops->after_run(cpu);
        if (error == EINTR || error == EAGAIN) {
            return;
        }
        if (error) {
            g_autofree char *text = g_strdup_printf("KVM does not run the guest: %s", g_strerror(error));
            stop_for_good(cpu, text);
            return;
        }
        next = serve_exit(cpu);
    }
}

/* Life. */

/*
 * The kernel never lets go of a vCPU before the machine ends, and does not make another by the same number: that of one
 * that was removed waits here until there is one in its place.
 */
typedef struct ParkedCpu { unsigned id; int fd; uint32_t ring_next; } ParkedCpu;
static GArray *parked;

static int unpark(unsigned id, uint32_t *ring_next)
{
    for (guint i = 0; parked && i < parked->len; i++) {
        ParkedCpu p = g_array_index(parked, ParkedCpu, i);
        if (p.id == id) {
            g_array_remove_index_fast(parked, i);
            *ring_next = p.ring_next;
            return p.fd;
        }
    }
    return -1;
}

static void park(Cpu *cpu)
{
    ParkedCpu p = { cpu->kvm->ops->vcpu_id(cpu), cpu->kvm->fd, cpu->kvm->ring_next };

    if (!parked) {
        parked = g_array_new(false, false, sizeof p);
    }
    g_array_append_val(parked, p);
}

bool kvm_vcpu_init(Cpu *cpu, GError **err)
{
    g_autofree KvmCpu *k = g_new0(KvmCpu, 1);

    k->ops = cpu->ops->kvm;
    k->fd = unpark(k->ops->vcpu_id(cpu), &k->ring_next);
    k->used_before = k->fd >= 0;
    if (!k->used_before) {
        k->fd = kvm_vm_ioctl(KVM_CREATE_VCPU, GINT_TO_POINTER(k->ops->vcpu_id(cpu)));
    }
    if (k->fd < 0) {
        return error_set_errno(err, -k->fd, "KVM makes no vCPU %d (this host allows %d)", cpu->index,
                               kvm_has(KVM_CAP_MAX_VCPUS));
    }
    fcntl(k->fd, F_SETFD, FD_CLOEXEC);
    k->run = mmap(NULL, kvm.run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
    if (k->run == MAP_FAILED) {
        int error = errno;
        close(k->fd);
        return error_set_errno(err, error, "cannot map the page shared with vCPU %d", cpu->index);
    }
    if (!kvm_ring_map(k, err)) {
        munmap(k->run, kvm.run_bytes);
        close(k->fd);
        return false;
    }
    k->stats_fd = kvm_has(KVM_CAP_BINARY_STATS_FD) ? ioctl(k->fd, KVM_GET_STATS_FD, NULL) : -1;
    k->dirty = true;
    k->level = KVM_LEVEL_FULL;
    __atomic_store_n(&cpu->kvm, g_steal_pointer(&k), __ATOMIC_RELEASE);
    return cpu->kvm->ops->init(cpu, err);
}

void kvm_vcpu_destroy(Cpu *cpu)
{
    KvmCpu *k = cpu->kvm;

    if (k) {
        kvm_ring_finish(k);
        park(cpu);
        kvm_ring_unmap(k);
        k->ops->destroy(cpu);
        if (k->stats_fd >= 0) {
            close(k->stats_fd);
        }
        munmap(k->run, kvm.run_bytes);
        cpu->kvm = NULL;
        g_free(k);
    }
}

void kvm_vcpu_thread(Cpu *cpu)
{
    while (!cpu->unplug) {
        if (cpu_can_run(cpu) && !__atomic_load_n(&cpu->exit_request, __ATOMIC_SEQ_CST)) {
            cpu->kvm->ops->events(cpu);
            if (!__atomic_load_n(&cpu->halted, __ATOMIC_SEQ_CST)) {
                bql_unlock();
                run(cpu);
                bql_lock();
            }
        }
        cpu_wait_for_work(cpu);
    }
}
