/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that both PC boards have. */
#include <string.h>

#include "hw/block/fdc.h"
#include "hw/char/serial.h"
#include "hw/dma/i8257.h"
#include "hw/input/i8042.h"
#include "hw/intc/i8259.h"
#include "hw/kvm/kvm_devices.h"
#include "hw/misc/port92.h"
#include "hw/misc/vmport.h"
#include "hw/pc/pc.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818.h"
#include "target/i386/apic.h"

#define HPET_INTCAP_PC 0x4u                     /* timers may use GSI 2 */
#define HPET_INTCAP_Q35 0xff0104u               /* 2, 8, 16-23 */

/* The PIT and the HPET sleep while a rise of their GSI would change nothing. This ends that. */
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
    if (pc->pit_device && pc_irqchip_in_kernel()) {
        kvm_pit_disconnect_irq0(pc->pit_device, on);
    } else if (pc->pit_device) {
        i8254_disconnect_irq0(pc->pit_device, on);
    }
    mc146818_disconnect_irq(pc->rtc, on);
}

bool pc_devices_init(PcMachine *pc, GError **err)
{
    pc_interrupt_controllers_create(&pc->irqs, pc->isa_bus, pc_on(pc->pic, true), pc->isa_only);
    if (!pc_irqchip_in_kernel()) {
        i8259_set_listen_hook(gsi_listens, pc);
        ioapic_set_listen_hook(pin_listens, pc);
    }
    if (pc->irqs.ioapic && pc->pci_bus) {
        pc_ioapic_show(&pc->irqs, &pc->pci_bus->bus.owner->object);
    }

    pc->rtc = mc146818_create(pc->isa_bus);
    object_add_link(&pc->machine.object, "rtc", &pc->rtc->object);
    if (pc_on(pc->pit, true)) {
        pc->pit_device = pc_pit_create(&pc->irqs, pc->isa_bus);
    }
    if (accel_is("kvm") && cpu_has(CPU_X86(cpu_by_index(0)), FEATURE_KVMCLOCK)) {
        kvm_clock_create();
    }
    if (pc->hpet) {
        pc->hpet_device = hpet_create(pc->irqs.gsis, pc->q35 ? HPET_INTCAP_Q35 : HPET_INTCAP_PC, hpet_legacy, pc);
        if (!pc_irqchip_in_kernel()) {
            hpet_set_audience(pc->hpet_device, pc_edge_is_lost, &pc->irqs);
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
