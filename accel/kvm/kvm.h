/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM: guest code runs in a virtual machine of the Linux kernel. The target-independent half.
 *
 *   kvm.c     the machine: /dev/kvm, what the host can do, why it cannot
 *   slots.c   guest memory: each readable range of a flat view is a slot
 *   vcpus.c   a vCPU's thread: KVM_RUN, and what the guest came out for
 *   ring.c    dirty rings
 *   irq.c     interrupt routing, MSIs, eventfds
 *
 * Whose registers count: KvmCpu.dirty. Clear: the kernel's; set: the target's struct, which is handed over before the
 * guest runs on. cpu_state_pull() turns the first into the second.
 *
 * All ioctl functions return what the kernel does, or -errno.
 * Spec: Linux, Documentation/virt/kvm/api.rst.
 */
#ifndef ACCEL_KVM_KVM_H
#define ACCEL_KVM_KVM_H

#include <linux/kvm.h>

#include "accel/accel.h"

typedef struct KvmCpu KvmCpu;
typedef enum KvmIrqchip { KVM_IRQCHIP_OFF, KVM_IRQCHIP_SPLIT, KVM_IRQCHIP_ON } KvmIrqchip;

typedef struct KvmVm {
    int system_fd, fd;                          /* /dev/kvm; the machine. 0: there is none */
    size_t run_bytes;                           /* of a vCPU's shared page(s) */
    unsigned max_slots;
    bool notify_is_error;                       /* notify-vmexit=internal-error */
    KvmIrqchip irqchip;                         /* what the kernel models: nothing, local APICs, all of it */
} KvmVm;
extern KvmVm kvm;

int kvm_system_ioctl(unsigned long request, void *arg);
int kvm_vm_ioctl(unsigned long request, void *arg);
int kvm_vcpu_ioctl(const Cpu *cpu, unsigned long request, void *arg);
/* A statistic: flags are KVM_STATS_*; one value, or one a range of a histogram. */
typedef struct KvmStat { char *name; uint32_t flags, bucket_bytes; int16_t exponent; GArray *values; } KvmStat;
/** kvm_stats: GArray of KvmStat, of @cpu or (NULL) the machine. The caller's; NULL and @err: KVM gives none. */
GArray *kvm_stats(const Cpu *cpu, GError **err);
/** kvm_has: value of extension @capability for this machine; 0: not there. Before the machine exists, of the host. */
int kvm_has(int capability);

/**
 * kvm_open: opens @path (NULL: /dev/kvm) and makes the machine. An error says what is missing and what to do about it.
 */
bool kvm_open(const char *path, GError **err);

extern bool kvm_cpu_pm;                         /* -overcommit cpu-pm=on: an idle guest keeps its processor */
/** kvm_usable: whether /dev/kvm is there and may be opened; quick, and no promise. */
bool kvm_usable(void);

/**
 * kvm_watch_memory: from now on the guest's memory is what @as shows. @as_id: 0 normal, 1 in system management mode.
 */
void kvm_watch_memory(AddressSpace *as, unsigned as_id);
unsigned kvm_slot_count(void);                  /* in use */
/** kvm_slot_mark_dirty: page @page of the slot that the kernel knows by @number; one that is gone is nothing. */
void kvm_slot_mark_dirty(uint32_t number, uint64_t page);

/* ring.c: dirty rings. Before the first vCPU; for each; and whenever somebody looks at what was written, or a ring is full. */
bool kvm_rings_enable(uint32_t entries, GError **err);
bool kvm_rings_used(void);
bool kvm_ring_map(KvmCpu *k, GError **err);
void kvm_ring_unmap(KvmCpu *k);
void kvm_ring_finish(KvmCpu *k);                /* of a vCPU that will not run for now: nothing is left in it */
void kvm_rings_harvest(void);

/* What of a vCPU's state is handed over: what a running guest changes; also what a reset sets; all there is. */
typedef enum KvmLevel { KVM_LEVEL_RUNTIME, KVM_LEVEL_RESET, KVM_LEVEL_FULL } KvmLevel;

typedef enum KvmNext { KVM_NEXT_RUN, KVM_NEXT_LEAVE } KvmNext;     /* into the guest again; back to the thread's loop */

/* The target's half, in CpuOps.kvm. All in the vCPU's thread; @err: the kernel refused. */
struct KvmCpuOps {
    unsigned (*vcpu_id)(Cpu *cpu);              /* the kernel's number of it: the APIC id */
    bool (*init)(Cpu *cpu, GError **err);       /* after KVM_CREATE_VCPU, under the big lock */
    void (*destroy)(Cpu *cpu);                  /* frees what init() made; its thread is over */
    bool (*get_state)(Cpu *cpu, GError **err);
    bool (*put_state)(Cpu *cpu, KvmLevel level, GError **err);
    void (*events)(Cpu *cpu);                   /* under the big lock, before the guest is entered: INIT, start-up */
    void (*before_run)(Cpu *cpu);               /* no lock */
    void (*after_run)(Cpu *cpu);                /* no lock */
    /* An access to a physical address that the target has in the vCPU itself; false: it is the bus's. No lock. */
    bool (*mmio)(Cpu *cpu, GuestAddr addr, uint8_t *data, unsigned len, bool write);
    AddressSpace *(*memory)(Cpu *cpu);          /* what it sees now */
    KvmNext (*exit)(Cpu *cpu);                  /* an exit reason that only the target knows; no lock */
    void (*broken)(Cpu *cpu, const char *what); /* the guest cannot go on: reports registers; under the big lock */
};

struct KvmCpu {
    int fd;
    int stats_fd;                               /* opened at once: while the guest runs, it cannot be. -1: none */
    struct kvm_run *run;                        /* shared with the kernel */
    bool dirty;                                 /* the target's registers are newer than the kernel's */
    KvmLevel level;                             /* how much of them */
    uint64_t exits;                             /* from the guest, for `info kvm` */
    struct kvm_dirty_gfn *ring;                 /* NULL: no dirty rings */
    uint32_t ring_next;                         /* entry to look at next; counts on over the ring's end */
    bool used_before;                           /* the kernel's was another one's, which was removed */
    struct KvmCpuOps const *ops;
};

/* Thread function and hooks of the accelerator type. */
bool kvm_vcpu_init(Cpu *cpu, GError **err);
void kvm_vcpu_thread(Cpu *cpu);
void kvm_vcpu_destroy(Cpu *cpu);
void kvm_kick(Cpu *cpu);
void kvm_state_pull(Cpu *cpu);
void kvm_state_changed(Cpu *cpu);
void kvm_before_resume(Cpu *cpu);

/*
 * Interrupt routing. A GSI is a number that a line, an MSI route or an eventfd raises; the table says where it goes.
 * Tables are set as a whole: changes wait for kvm_routes_commit(). Under the big lock.
 */
void kvm_route_pin(unsigned gsi, unsigned chip, unsigned pin);          /* KVM_IRQCHIP_PIC_MASTER ... */
/** kvm_route_msi: @gsi sends a message; data 0 and addr 0: nothing. Replaces what @gsi did. */
void kvm_route_msi(unsigned gsi, uint64_t addr, uint32_t data);
void kvm_routes_commit(void);
/**
 * kvm_gsi_alloc: a GSI for an MSI route; -1: all are in use. Those below @kvm_gsi_reserve()'s count are never given
 * out.
 */
int kvm_gsi_alloc(void);
void kvm_gsi_free(unsigned gsi);
void kvm_gsi_reserve(unsigned count);
void kvm_set_gsi(unsigned gsi, int level);      /* a line */
void kvm_send_msi(uint64_t addr, uint32_t data);
/**
 * kvm_irqfd: whenever @fd is written, @gsi is raised. @resample_fd: -1, or signalled when the guest ends the
 * level-triggered interrupt. @add: false takes it off. Returns 0 or -errno.
 */
int kvm_irqfd(int fd, int resample_fd, unsigned gsi, bool add);
/**
 * kvm_ioeventfd: guest writes of @len bytes (0: any) at @addr signal @fd and cause no exit; if @match, those of @value
 * only.
 */
int kvm_ioeventfd(int fd, bool port_io, uint64_t addr, unsigned len, bool match, uint64_t value, bool add);

#endif
