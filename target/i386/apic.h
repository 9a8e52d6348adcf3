/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local APIC (Intel SDM vol. 3, chapter 10): one a vCPU, xAPIC and x2APIC, timer with TSC deadline.
 *
 * Messages (MSIs, IO APIC, IPIs) enter by apic_send_msi(). The 8259 pair's INTR reaches LINT0 of every vCPU that is in
 * virtual-wire mode through apic_pic_intr().
 */
#ifndef TARGET_I386_APIC_H
#define TARGET_I386_APIC_H

#include "target/i386/cpu.h"

/** apic_send_msi: a memory write of @data to @addr in 0xfee00000-0xfeefffff. Any thread; takes the big lock if needed. */
void apic_send_msi(uint64_t addr, uint32_t data);
/* Extended destination (15-bit or x2APIC ids) for remapped or KVM_FEATURE_MSI_EXT_DEST_ID messages comes through addr bits. */
void apic_pic_intr(int level);                  /* output of the master 8259 */
/** apic_set_pic_ack: the function that acknowledges the 8259 pair and returns its vector; set by the board. */
void apic_set_pic_ack(int (*ack)(void *opaque), void *opaque);
/** apic_pic_acknowledge: the 8259 pair's vector, acknowledged; -1: its output is low. */
int apic_pic_acknowledge(void);
/*
 * Local APICs that are not ours (KVM's): what reaches them from outside goes there. Under the big lock but for send_msi.
 * pic_intr NULL: the 8259 pair is not ours either.
 */
typedef struct ApicOutside {
    void (*send_msi)(uint64_t addr, uint32_t data);
    void (*pic_intr)(int level);
} ApicOutside;
void apic_set_outside(const ApicOutside *outside);
void apic_set_eoi_hook(void (*fn)(void *opaque, uint8_t vector), void *opaque);     /* IO APICs: level-triggered EOI broadcast */

uint64_t apic_mmio_read(Apic *apic, uint32_t offset, unsigned size);
void apic_mmio_write(Apic *apic, uint32_t offset, uint64_t value, unsigned size);
/** apic_eoi_broadcast: the guest ended level-triggered @vector: what the EOI hook is for. */
void apic_eoi_broadcast(uint8_t vector);
int apic_get_interrupt(Apic *apic);             /* next vector to deliver, acknowledged; -1: none; includes ExtINT */
bool apic_has_interrupt(Apic *apic);            /* above TPR, or ExtINT pending */
void apic_nmi_all(void);                        /* inject-nmi */
void apic_print(Apic *apic, GString *out);      /* info lapic */

#endif
