/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows of state.c, for what walks them. */
#ifndef TARGET_I386_KVM_STATE_H
#define TARGET_I386_KVM_STATE_H

#include "target/i386/kvm/kvm_x86.h"

/* In the order in which the kernel is given them. */
typedef enum KvmPart {
    KVM_PART_SREGS,
    KVM_PART_LAPIC,
    KVM_PART_REGS,
    KVM_PART_XSAVE,
    KVM_PART_XCRS,
    KVM_PART_MSRS,
    KVM_PART_MP,
    KVM_PART_DEBUG,
    KVM_PART_EVENTS,
    KVM_PART_COUNT
} KvmPart;

/* A register that is one number here and there; the narrower side decides what is kept. */
typedef struct KvmField {
    uint8_t part, their_bytes, our_bytes;
    bool of_apic;                               /* `ours` counts in Apic, not in CpuX86 */
    uint32_t theirs, ours;                      /* offsets: in KvmX86; in CpuX86 or Apic */
    const char *name;
} KvmField;
extern const KvmField kvm_fields[];
extern const size_t kvm_field_count;

typedef struct KvmPartRow {
    const char *name;
    unsigned long get, set;                     /* ioctls on KvmX86 + place */
    size_t place;
    void (*from)(CpuX86 *cpu);                  /* after KVM_GET: what is in no row of kvm_fields; NULL: nothing */
    void (*to)(CpuX86 *cpu, KvmLevel level);    /* before KVM_SET */
    bool (*there)(void);                        /* this machine has it */
    KvmLevel least;                             /* given to the kernel from this level on */
    bool (*get_all)(CpuX86 *cpu, GError **err); /* instead of all that */
    bool (*put_all)(CpuX86 *cpu, KvmLevel level, GError **err);
} KvmPartRow;
extern const KvmPartRow kvm_parts[KVM_PART_COUNT];

#endif
