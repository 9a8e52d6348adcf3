/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accelerators and vCPUs, the target-independent half.
 *
 * A Cpu is a device with a thread. An Accel (tcg, kvm, qtest) runs it: cpu_start() makes a thread that calls
 * accel->vcpu_thread(cpu). What the target knows is in CpuOps. A vCPU leaves guest code when cpu->exit_request is set
 * and it is kicked; interrupts are bits of cpu->interrupt_request, set by cpu_interrupt() from any thread.
 */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include <pthread.h>
#include <setjmp.h>

#include "core/device.h"
#include "memory/memory.h"

typedef struct Cpu Cpu;
typedef struct Accel Accel;
struct CodePage;

struct DebugPoint;

typedef struct CpuOps {
    bool (*has_work)(Cpu *cpu);                 /* halted vCPU: is there something that ends HLT? */
    void (*reset)(Cpu *cpu);
    /* TCG: runs guest code until exit_request, halt or reset; returns with the reason acted upon. No big lock. */
    void (*tcg_run)(Cpu *cpu);
    bool (*tcg_init)(Cpu *cpu, GError **err);   /* per-vCPU TLBs, caches; in the vCPU thread before its first run */
    void (*tcg_destroy)(Cpu *cpu);              /* they go; its thread is over and no other vCPU runs */
    void (*tcg_tlb_flush_all)(Cpu *cpu);        /* in the vCPU's own thread */
    void (*tcg_kick)(Cpu *cpu);                 /* makes it look at its requests soon; any thread. NULL: it does */
    void (*tcg_page_changed)(Cpu *cpu, struct CodePage *page);  /* code in it was overwritten; any thread. NULL: nothing to do */
    /* A debugger's point comes or goes (debug.h); false: it cannot be had. NULL, both: vCPUs look at the list. */
    bool (*debug_insert)(Cpu *cpu, struct DebugPoint *point);
    void (*debug_remove)(Cpu *cpu, const struct DebugPoint *point);
    const struct KvmCpuOps *kvm;                /* accel/kvm/kvm.h; NULL: this target has no KVM */
} CpuOps;

struct Cpu {
    Device device;
    const CpuOps *ops;
    int index;                                  /* -1: cpu_register() chooses */
    pthread_t thread;
    pthread_cond_t halt_cond;                   /* with the big lock */
    bool has_thread;                            /* `thread` is to be joined */
    bool created, ended, stopped, stop, unplug; /* big lock; created: it takes part; ended: the thread is over */
    GError *start_error;                        /* why the thread could not begin */
    bool held;                                  /* a debugger lets others run but not this one */
    uint8_t debug_step;                         /* DEBUG_STEP_*: debug.h */
    uint32_t debug_seen;                        /* debug_generation that it acts by */
    uint32_t halted;                            /* atomic */
    uint32_t exit_request;                      /* atomic: leave guest code soon */
    bool in_guest;                              /* atomic: between cpu_guest_enter() and _leave() */
    uint32_t interrupt_request;                 /* atomic; bits are the target's */
    GQueue work;                                /* run_on_cpu items; under work_lock */
    pthread_mutex_t work_lock;
    uint64_t thread_id;                         /* host tid for query-cpus-fast */
    AddressSpace *as;
    struct KvmCpu *kvm;                         /* NULL: not run by KVM */
};
extern const DeviceType cpu_type;               /* "cpu": abstract */

typedef struct AccelType {
    union { Type type; struct Type; };
    bool (*init_machine)(Accel *accel, GError **err);
    bool (*vcpu_init)(Cpu *cpu, GError **err);  /* in its thread, before it takes part in anything; NULL: nothing to do */
    void (*vcpu_thread)(Cpu *cpu);              /* runs it until `unplug`; begins and ends with the big lock */
    void (*vcpu_destroy)(Cpu *cpu);             /* its thread is over and no other vCPU runs; NULL: nothing to do */
    void (*kick)(Cpu *cpu);                     /* after exit_request was set; NULL: nothing more */
    void (*state_pull)(Cpu *cpu);               /* NULL, both: the target's registers are the only ones */
    void (*state_changed)(Cpu *cpu);
    void (*before_resume)(Cpu *cpu);            /* it and those it may hear from still stand; big lock. NULL: nothing to do */
} AccelType;
struct Accel { Object object; };
extern const AccelType accel_type;              /* "accel": abstract; types are called NAME-accel */
extern Accel *current_accel;                    /* NULL until accel_init() */
/** accel_init: -accel / -machine accel=: @list of keyval dictionaries in order of preference; first that works. */
bool accel_init(GPtrArray *list, GError **err);
bool accel_is(const char *name);                /* "tcg", "qtest", "kvm" */

extern __thread Cpu *current_cpu;               /* NULL in other threads */
/* vCPUs are numbered by their places; where one can be added there is none yet. */
Cpu *cpu_by_index(int index);                   /* NULL: none */
int cpu_count(void);
int cpu_index_limit(void);                      /* all indices are below */
Cpu *cpu_next(int *index);                      /* the first at *@index or above; *@index moves behind it. NULL: none */
/** cpus_expect: how many the machine is about to make; before the first. cpus_expected: 1 if nobody said. */
void cpus_expect(int count);
int cpus_expected(void);
#define CPU_FOREACH(c) for (int c##_i = 0; (c = cpu_next(&c##_i)) != NULL;)

void cpu_register(Cpu *cpu);                    /* at realize: gives it an index, if it has none, and enters it */
bool cpu_start(Cpu *cpu, GError **err);         /* creates the thread, stopped; false: it could not begin */
void cpu_resume(Cpu *cpu);                      /* lets one that came later go, if the machine runs */
/** cpu_remove: ends its thread and forgets it. All vCPUs pause meanwhile. Main loop, under the big lock. */
void cpu_remove(Cpu *cpu);
/* What a board has to say of vCPUs that users add and take away; set once those of the machine are there. NULL: none can. */
typedef struct CpuPlaces {
    void (*begin)(Cpu *cpu);                    /* a new object: what all vCPUs of the machine have */
    bool (*check)(Cpu *cpu, GError **err);      /* at realize: its place; sets index */
    void (*plugged)(Cpu *cpu);                  /* while the machine runs */
    bool (*unplug_request)(Cpu *cpu, GError **err);     /* the guest is asked, and device_remove() follows some day */
    void (*removed)(void);
} CpuPlaces;
extern const CpuPlaces *cpu_places;
void cpu_interrupt(Cpu *cpu, uint32_t mask);    /* sets bits and wakes or kicks; any thread */
void cpu_interrupt_clear(Cpu *cpu, uint32_t mask);
void cpu_kick(Cpu *cpu);                        /* leave guest code and look at requests; any thread */
/** cpu_run_on: @fn in @cpu's thread; sync: waits (big lock is released meanwhile, taken for @fn); async: soon, no lock. */
typedef void CpuWorkFn(Cpu *cpu, void *arg);
void cpu_run_on(Cpu *cpu, CpuWorkFn *fn, void *arg);
void cpu_run_on_async(Cpu *cpu, CpuWorkFn *fn, void *arg);
/**
 * cpu_state_pull: brings the target's registers of @cpu up to date, before somebody reads or changes them from outside;
 * what is then in them counts. cpu_state_changed: all of them were set anew (reset). Under the big lock.
 */
void cpu_state_pull(Cpu *cpu);
void cpu_state_changed(Cpu *cpu);
/** cpu_exclusive_start/end: all other vCPUs are outside of guest code in between (rare atomics, invalidation). */
void cpu_exclusive_start(void);
void cpu_exclusive_end(void);
/* Around guest code, by the accelerator's thread function, without the big lock; cpu_guest_enter() waits for sections to end. */
void cpu_guest_enter(void);
void cpu_guest_leave(void);
/** cpus_pause_all: returns when every vCPU is stopped. cpus_resume_all: lets them go. Main loop, under the big lock. */
void cpus_pause_all(void);
void cpus_resume_all(void);
void cpus_join_all(void);                       /* at exit */
/* For accelerators' thread functions. Big lock held. */
bool cpu_can_run(Cpu *cpu);
void cpu_wait_for_work(Cpu *cpu);               /* sleeps while stopped, or halted without work; runs queued work */

#endif
