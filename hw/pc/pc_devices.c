/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices that both PC boards have, and the wiring of interrupts.
 *
 *   device -> GSI n -> 8259 input n (n < 16) -> INTR -> local APICs' LINT0
 *                   -> IO APIC pin n (GSI 0, the PIT, is pin 2) -> message -> local APIC
 *
 * With KVM's kernel-irqchip=on all of that is the kernel's, and a GSI goes there.
 */
#include <string.h>

#include "accel/kvm/kvm.h"
#include "hw/block/fdc.h"
#include "hw/char/serial.h"
#include "hw/dma/i8257.h"
#include "hw/input/i8042.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/kvm/kvm_devices.h"
#include "hw/misc/port92.h"
#include "hw/misc/vmport.h"
#include "hw/pc/pc.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818.h"
#include "target/i386/apic.h"

#define PIT_GSI 0
#define PIT_IOAPIC_PIN 2
#define HPET_INTCAP_PC 0x4u                     /* timers may use GSI 2 */
#define HPET_INTCAP_Q35 0xff0104u               /* 2, 8, 16-23 */

static void gsi_changed(void *opaque, int n, int level)
{
    PcMachine *pc = opaque;
    if (n < ISA_IRQS) {
        irq_set(pc->pic_inputs[n], level);
    }
    irq_set(pc->ioapic_inputs[n == PIT_GSI ? PIT_IOAPIC_PIN : n], level);
}

static void kernel_gsi_changed(void *opaque, int n, int level) { kvm_set_gsi(n, level); }

static bool irqchip_in_kernel(void) { return accel_is("kvm") && kvm.irqchip == KVM_IRQCHIP_ON; }

void pc_gsis_init(PcMachine *pc)
{
    pc->gsi_lines = irq_lines_new(irqchip_in_kernel() ? kernel_gsi_changed : gsi_changed, pc, GSI_COUNT);
    for (int n = 0; n < GSI_COUNT; n++) {
        pc->gsis[n] = &pc->gsi_lines[n];
    }
}

static void intr_changed(void *opaque, int n, int level)
{
    apic_pic_intr(level);
}

/*
 * The PIT and the HPET sleep while a rise of their GSI would change nothing: latched in the 8259, masked in the IO APIC.
 * The controllers say when that ends.
 */
static bool edge_is_lost(void *opaque, unsigned gsi)
{
    PcMachine *pc = opaque;
    bool has_pic_input = gsi < ISA_IRQS && pc->pic_inputs[gsi];
    return (!has_pic_input || i8259_edge_is_lost(gsi)) && (!pc->ioapic ||
           ioapic_edge_is_lost(pc->ioapic, gsi == PIT_GSI ? PIT_IOAPIC_PIN : gsi));
}

static bool pit_edge_is_lost(void *opaque)
{
    return edge_is_lost(opaque, PIT_GSI);
}

static void gsi_listens(void *opaque, unsigned gsi)
{
    PcMachine *pc = opaque;
    if (gsi == PIT_GSI && pc->pit_device) {
        i8254_listen(pc->pit_device);
    }
    if (pc->hpet_device) {
        hpet_listen(pc->hpet_device, gsi);
    }
}

static void pin_listens(void *opaque, unsigned pin)
{
    gsi_listens(opaque, pin == PIT_IOAPIC_PIN ? PIT_GSI : pin);
    if (pin == PIT_IOAPIC_PIN) {
        gsi_listens(opaque, pin);                       /* a comparator of the HPET may be routed to GSI 2 */
    }
}

/* HPET in legacy replacement mode: its timers 0 and 1 take over from the PIT and the RTC. */
static void hpet_legacy(void *opaque, bool on)
{
    PcMachine *pc = opaque;
    if (pc->pit_device && irqchip_in_kernel()) {
        kvm_pit_disconnect_irq0(pc->pit_device, on);
    } else if (pc->pit_device) {
        i8254_disconnect_irq0(pc->pit_device, on);
    }
    mc146818_disconnect_irq(pc->rtc, on);
}

/* IO APIC, unless there is none (isapc), and, unless pic=off, 8259 pair of our own. Returns the IO APIC or NULL. */
static Device *interrupt_controllers_create(PcMachine *pc)
{
    static IrqLine *intr;

    if (pc_on(pc->pic, true)) {
        intr = irq_lines_new(intr_changed, NULL, 1);
        i8259_create_pair(pc->isa_bus, intr, pc->pic_inputs);
        apic_set_pic_ack(i8259_acknowledge, NULL);
    }
    if (accel_is("kvm") && kvm.irqchip == KVM_IRQCHIP_SPLIT) {
        kvm_irqchip_route_split();
    }
    i8259_set_listen_hook(gsi_listens, pc);
    if (pc->isa_only) {
        return NULL;
    }
    Device *ioapic = ioapic_create(IOAPIC_BASE, pc->ioapic_inputs);
    apic_set_eoi_hook(ioapic_eoi_broadcast, NULL);
    ioapic_set_listen_hook(pin_listens, pc);
    return ioapic;
}

bool pc_devices_init(PcMachine *pc, GError **err)
{
    Device *ioapic = irqchip_in_kernel() ? kvm_irqchip_create(pc->isa_bus) : interrupt_controllers_create(pc);
    if (ioapic && pc->pci_bus) {
        object_ref(&ioapic->object);
        object_unparent(&ioapic->object);               /* from /machine/unattached to where QEMU shows it */
        object_add_child(&pc->pci_bus->bus.owner->object, "ioapic", &ioapic->object);
    }
    pc->ioapic = ioapic;

    pc->rtc = mc146818_create(pc->isa_bus);
    object_add_link(&pc->machine.object, "rtc", &pc->rtc->object);
    if (pc_on(pc->pit, true) && irqchip_in_kernel()) {
        pc->pit_device = kvm_pit_create(pc->isa_bus);
    } else if (pc_on(pc->pit, true)) {
        pc->pit_device = i8254_create(pc->isa_bus, pc->gsis[PIT_GSI]);
        i8254_set_audience(pc->pit_device, pit_edge_is_lost, pc);
    }
    if (accel_is("kvm") && cpu_has(CPU_X86(cpu_by_index(0)), FEATURE_KVMCLOCK)) {
        kvm_clock_create();
    }
    if (pc->hpet) {
        pc->hpet_device = hpet_create(pc->gsis, pc->q35 ? HPET_INTCAP_Q35 : HPET_INTCAP_PC, hpet_legacy, pc);
        if (!irqchip_in_kernel()) {
            hpet_set_audience(pc->hpet_device, edge_is_lost, pc);
        }
    }
    serial_create_ports(pc->isa_bus, pc->machine.serials);
    if (pc->i8042) {
        pc->i8042_device = i8042_create(pc->isa_bus);
    }
    if (pc_on(pc->vmport, pc->i8042)) {
        vmport_create(pc->isa_bus);
        if (pc->i8042_device) {
            vmmouse_create(pc->isa_bus, pc->i8042_device);
        }
    }
    port92_create(pc->isa_bus);
    i8257_create_pair(pc->isa_bus);
    return fdc_create(pc->isa_bus, !pc->q35, err);
}

bool pc_vga_init(PcMachine *pc, GError **err)
{
    static const struct { const char *name, *type; } cards[] = { { "std", "VGA" }, { "cirrus", "cirrus-vga" } };
    static const char *const known[] = { "std", "cirrus", "qxl", "vmware", "virtio", "tcx", "cg3", "xenfb", "none" };
    const char *name = pc->machine.vga;
    NearestWord nearest;

    if (!name || !strcmp(name, "none")) {
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(cards); i++) {
        if (!strcmp(name, cards[i].name)) {
            pci_create(pc->pci_bus, (const PciDeviceType *)type_find(cards[i].type), PCI_DEVFN_AUTO);
            return true;
        }
    }
    nearest_init(&nearest, name);
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (!strcmp(name, known[i])) {
            return error_set(err, "-vga %s is not supported yet; there are std, cirrus and none", name);
        }
        nearest_add(&nearest, known[i]);
    }
    return error_set(err, "-vga %s: there is no such graphics card%s", name, nearest_hint(&nearest));
}
