/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's 8259 pair and IO APIC, and the way of interrupts through it.
 *
 *   GSI 0-15 -> 8259 input n, and IO APIC pin n (GSI 0, the PIT, is pin 2; GSI 2 is no pin); GSI 16-23 -> pin n
 *
 * State is the kernel's struct, fetched before it is saved and given back after a load or reset.
 */
#include <string.h>

#include "accel/kvm/kvm.h"
#include "core/error.h"
#include "hw/intc/ioapic.h"
#include "hw/kvm/kvm_devices.h"

enum { CASCADE_IR = 2, PIT_PIN = 2, REDIRECTION_MASKED = 1 << 16 };

static void chip_refused(const char *what, int error)
{
    GError *err = NULL;

    error_set_errno(&err, -error, "KVM %s of its interrupt controllers", what);
    error_fatal(err);
}

static void chip_get(struct kvm_irqchip *chip)
{
    int ret = kvm_vm_ioctl(KVM_GET_IRQCHIP, chip);

    if (ret < 0) {
        chip_refused("does not show the state", ret);
    }
}

static void chip_put(struct kvm_irqchip *chip)
{
    int ret = kvm_vm_ioctl(KVM_SET_IRQCHIP, chip);

    if (ret < 0) {
        chip_refused("does not take the state", ret);
    }
}

/* 8259 */

typedef struct KvmPic { IsaDevice isa; bool master; struct kvm_pic_state pic; } KvmPic;

static unsigned pic_chip(const KvmPic *s) { return s->master ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE; }

static void pic_put(KvmPic *s)
{
    struct kvm_irqchip chip = { .chip_id = pic_chip(s), .chip.pic = s->pic };

    chip_put(&chip);
}

static void pic_pre_save(Device *dev)
{
    KvmPic *s = DEVICE(KvmPic, dev);
    struct kvm_irqchip chip = { .chip_id = pic_chip(s) };

    chip_get(&chip);
    s->pic = chip.chip.pic;
}

static bool pic_post_load(Device *dev, unsigned version, GError **err)
{
    KvmPic *s = DEVICE(KvmPic, dev);

    if (s->pic.priority_add > 7 || s->pic.init_state > 3) {
        return error_set(err, "priority %u or initialisation step %u is out of range", s->pic.priority_add,
                         s->pic.init_state);
    }
    s->pic.elcr_mask = s->master ? 0xf8 : 0xde;
    s->pic.elcr &= s->pic.elcr_mask;
    pic_put(s);
    return true;
}

static void pic_reset(Device *dev, ResetKind kind)
{
    KvmPic *s = DEVICE(KvmPic, dev);

    s->pic = (struct kvm_pic_state){ .elcr_mask = s->master ? 0xf8 : 0xde };
    pic_put(s);
}

static void pic_print(Device *dev, GString *out)
{
    KvmPic *s = DEVICE(KvmPic, dev);

    pic_pre_save(dev);
    g_string_append_printf(out, "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x fnm=%d\n",
                           !s->master, s->pic.irr, s->pic.imr, s->pic.isr, s->pic.priority_add, s->pic.irq_base,
                           s->pic.read_reg_select, s->pic.elcr, s->pic.special_fully_nested_mode);
}

static const Property pic_properties[] = {
    PROP_BOOL("master", KvmPic, master, false, "the one that the CPU is wired to"), {}
};

static const StateField pic_state[] = { STATE_U8(KvmPic, pic.last_irr),
                                        STATE_U8(KvmPic, pic.irr),
                                        STATE_U8(KvmPic, pic.imr),
                                        STATE_U8(KvmPic, pic.isr),
                                        STATE_U8(KvmPic, pic.priority_add),
                                        STATE_U8(KvmPic, pic.irq_base),
                                        STATE_U8(KvmPic, pic.read_reg_select),
                                        STATE_U8(KvmPic, pic.poll),
                                        STATE_U8(KvmPic, pic.special_mask),
                                        STATE_U8(KvmPic, pic.init_state),
                                        STATE_U8(KvmPic, pic.auto_eoi),
                                        STATE_U8(KvmPic, pic.rotate_on_auto_eoi),
                                        STATE_U8(KvmPic, pic.special_fully_nested_mode),
                                        STATE_U8(KvmPic, pic.init4),
                                        STATE_U8(KvmPic, pic.elcr),
                                        {} };

static const DeviceType kvm_pic_type = {
    .name = "kvm-i8259",
    .parent = &isa_device_type.type,
    .size = sizeof(KvmPic),
    .not_user_creatable = true,
    .description = "8259A interrupt controller of KVM",
    .properties = pic_properties,
    .state = pic_state,
    .reset = pic_reset,
    .pre_save = pic_pre_save,
    .print_pic = pic_print,
    .post_load = pic_post_load,
};
TYPE_REGISTER(kvm_pic_type);

/* IO APIC */

typedef struct KvmIoApic {
    Device device;
    uint64_t redirection[KVM_IOAPIC_NUM_PINS];
    uint32_t select, id, irr;
} KvmIoApic;

static void ioapic_put(KvmIoApic *s)
{
    struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC,
                                .chip.ioapic = {
                                    .base_address = IOAPIC_BASE, .ioregsel = s->select, .id = s->id, .irr = s->irr } };

    for (unsigned i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
        chip.chip.ioapic.redirtbl[i].bits = s->redirection[i];
    }
    chip_put(&chip);
}

static void ioapic_pre_save(Device *dev)
{
    KvmIoApic *s = DEVICE(KvmIoApic, dev);
    struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

    chip_get(&chip);
    s->select = chip.chip.ioapic.ioregsel;
    s->id = chip.chip.ioapic.id;
    s->irr = chip.chip.ioapic.irr;
    for (unsigned i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
        s->redirection[i] = chip.chip.ioapic.redirtbl[i].bits;
    }
}

static bool ioapic_post_load(Device *dev, unsigned version, GError **err)
{
    KvmIoApic *s = DEVICE(KvmIoApic, dev);

    if (s->irr >> KVM_IOAPIC_NUM_PINS || s->select > 0xff || s->id > 0xf) {
        return error_set(err, "pins above %d, register 0x%x or id %u", KVM_IOAPIC_NUM_PINS - 1, s->select, s->id);
    }
    ioapic_put(s);
    return true;
}

static void ioapic_reset(Device *dev, ResetKind kind)
{
    KvmIoApic *s = DEVICE(KvmIoApic, dev);

    s->select = s->id = s->irr = 0;
    for (unsigned i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
        s->redirection[i] = REDIRECTION_MASKED;
    }
    ioapic_put(s);
}

static void ioapic_print(Device *dev, GString *out)
{
    KvmIoApic *s = DEVICE(KvmIoApic, dev);

    ioapic_pre_save(dev);
    g_string_append_printf(out, "ioapic0: id=0x%02x sel=0x%02x\n", s->id, s->select);
    for (unsigned i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
        g_string_append_printf(out, "  pin %-2u 0x%016" PRIx64 "%s\n", i, s->redirection[i],
                               s->redirection[i] & REDIRECTION_MASKED ? " masked" : "");
    }
    g_string_append_printf(out, "  IRR 0x%08x\n", s->irr);
}

static const StateField ioapic_state[] = { STATE_U64_ARRAY(KvmIoApic, redirection),
                                           STATE_U32(KvmIoApic, select),
                                           STATE_U32(KvmIoApic, id),
                                           STATE_U32(KvmIoApic, irr),
                                           {} };

static const DeviceType kvm_ioapic_type = {
    .name = "kvm-ioapic",
    .parent = &device_type.type,
    .size = sizeof(KvmIoApic),
    .bus = &system_bus_type.type,
    .not_user_creatable = true,
    .description = "IO APIC of KVM",
    .state = ioapic_state,
    .reset = ioapic_reset,
    .pre_save = ioapic_pre_save,
    .print_pic = ioapic_print,
    .post_load = ioapic_post_load,
};
TYPE_REGISTER(kvm_ioapic_type);

Device *kvm_irqchip_create(IsaBus *bus)
{
    kvm_gsi_reserve(KVM_IOAPIC_NUM_PINS);
    for (unsigned gsi = 0; gsi < KVM_IOAPIC_NUM_PINS; gsi++) {
        if (gsi < ISA_IRQS && gsi != CASCADE_IR) {
            kvm_route_pin(gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi % 8);
        }
        if (gsi == 0 || gsi != PIT_PIN) {
            kvm_route_pin(gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : PIT_PIN);
        }
    }
    kvm_routes_commit();
    for (int i = 0; i < 2; i++) {
        IsaDevice *dev = isa_new(&kvm_pic_type);

        object_set_bool(OBJECT(dev), "master", i == 0);
        device_realize_onboard(&dev->device, &bus->bus);
    }
    return device_create_onboard(&kvm_ioapic_type, system_bus());
}

/* The kernel looks at these routes only to know which vectors' EOIs we want to hear of. */
static void entry_changed(unsigned pin, uint64_t addr, uint32_t data)
{
    kvm_route_msi(pin, addr, data);
}

void kvm_irqchip_route_split(void)
{
    kvm_gsi_reserve(IOAPICS_MAX * IOAPIC_PINS);
    ioapic_set_entry_hook(entry_changed, kvm_routes_commit);
}
