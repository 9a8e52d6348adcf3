/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel PIIX3 (82371SB), function 0: PCI-to-ISA bridge.
 *
 * PCI device's INTx -> line PIRQA-D of pci.0 -> PIRQRC[A-D] names an ISA interrupt -> level at that interrupt's input.
 * Several lines (and the SCI) may share one input: it is high while any of them is.
 * Spec: Intel 82371FB/SB data sheet (290550), section 2.2. Timing and decode registers are storage only.
 */
#include "hw/pc/piix3.h"

#include "hw/pc/reset_control.h"

enum { PIIX3_PIRQRCA = 0x60, PIRQRC_DISABLE = 0x80, PIRQRC_IRQ = 0x0f, PIIX_PIRQS = 4, SCI_IRQ = 9 };

typedef struct Piix3 {
    PciDevice pci;
    IsaBus isa;
    const ChipsetMemory *memory;                /* until realized */
    IrqLine *gsis[ISA_IRQS];
    IrqLine *sci_input;
    ResetControl reset_control;
    bool has_acpi, has_usb, has_pic, has_pit;   /* as QEMU names its parts; here the board makes them */
    uint16_t driven;                            /* levels that are now at the inputs on behalf of PIRQs and the SCI */
    uint8_t sci_level;
} Piix3;

static Piix3 *machine_piix3;

static void route(Piix3 *s)
{
    PciBus *bus = pci_device_bus(&s->pci);
    uint16_t wanted = s->sci_level ? 1 << SCI_IRQ : 0;

    for (int pirq = 0; pirq < PIIX_PIRQS; pirq++) {
        uint8_t rc = pci_get8(&s->pci, PIIX3_PIRQRCA + pirq);
        if (!(rc & PIRQRC_DISABLE) && pci_bus_irq_level(bus, pirq)) {
            wanted |= 1 << (rc & PIRQRC_IRQ);
        }
    }
    uint16_t changed = wanted ^ s->driven;
    s->driven = wanted;
    for (int irq = 0; irq < ISA_IRQS; irq++) {
        if (changed >> irq & 1) {
            irq_set(s->gsis[irq], wanted >> irq & 1);
        }
    }
}

static void pirq_changed(void *opaque, int line, int level)
{
    route(opaque);
}

static void sci_changed(void *opaque, int n, int level)
{
    Piix3 *s = opaque;
    s->sci_level = level != 0;
    route(s);
}

static void pirqrc_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    route((Piix3 *)dev);
}

static const PciConfigRow piix3_config[] = {
    { 0x4c, 1, "IORT",    .reset = 0x4d, .writable = 0x7f },
    { 0x4e, 2, "XBCS",    .reset = 0x03, .writable = 0x0fff },
    { 0x60, 1, "PIRQRCA", .reset = PIRQRC_DISABLE, .writable = 0x8f, .on_write = pirqrc_written },
    { 0x61, 1, "PIRQRCB", .reset = PIRQRC_DISABLE, .writable = 0x8f, .on_write = pirqrc_written },
    { 0x62, 1, "PIRQRCC", .reset = PIRQRC_DISABLE, .writable = 0x8f, .on_write = pirqrc_written },
    { 0x63, 1, "PIRQRCD", .reset = PIRQRC_DISABLE, .writable = 0x8f, .on_write = pirqrc_written },
    { 0x69, 1, "TOM",     .reset = 0x02, .writable = 0xfe },
    { 0x6a, 2, "MSTAT",   .write_1_clear = 0x8000, .writable = 0x00f3 },
    { 0x70, 1, "MBIRQ0",  .reset = 0x80, .writable = 0xef },
    { 0x76, 1, "MBDMA0",  .reset = 0x0c, .writable = 0x8f },
    { 0x77, 1, "MBDMA1",  .reset = 0x0c, .writable = 0x8f },
    { 0x78, 1, "PCSC",    .reset = 0x02, .writable = 0xff },
    { 0x79, 1, "PCSC1",   .writable = 0xff },
    { 0x80, 1, "APICBASE", .writable = 0x7f },
    { 0x82, 1, "DLC",     .writable = 0x0f },
    { 0xa0, 1, "SMICNTL", .reset = 0x08, .writable = 0x1f },
    { 0xa2, 2, "SMIEN",   .writable = 0x00ff },
    { 0xa4, 4, "SEE",     .writable = 0xe000ffff },
    { 0xa8, 1, "FTMR",    .reset = 0x0f, .writable = 0xff },
    { 0xaa, 2, "SMIREQ",  .writable = 0x00ff },
    { 0xac, 1, "CTLTMR",  .writable = 0xff },
    { 0xae, 1, "CTHTMR",  .writable = 0xff },
    { }
};

static bool piix3_realize(Device *dev, GError **err)
{
    Piix3 *s = (Piix3 *)dev;
    PciBus *bus = pci_device_bus(&s->pci);

    pci_set16(&s->pci, PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM);
    reset_control_init(&s->reset_control, bus, RESET_CONTROL_SYS_RST);
    isa_bus_init(&s->isa, dev, "isa.0", s->memory->system, s->memory->io);
    s->sci_input = irq_lines_new(sci_changed, s, 1);
    pci_bus_set_irqs(bus, pirq_changed, bus->map_irq, s, PIIX_PIRQS);
    return true;
}

static void piix3_reset(Device *dev, ResetKind kind)
{
    Piix3 *s = (Piix3 *)dev;

    s->reset_control.value = 0;
    route(s);
}

static bool piix3_post_load(Device *dev, unsigned version, GError **err)
{
    Piix3 *s = (Piix3 *)dev;

    s->reset_control.value &= RESET_CONTROL_SYS_RST;
    s->sci_level = s->sci_level != 0;
    s->driven = 0;                              /* the controllers' inputs come from their own state */
    route(s);
    return true;
}

static const Property piix3_properties[] = {
    PROP_BOOL("has-acpi", Piix3, has_acpi, true, "A power-management function is present"),
    PROP_BOOL("has-usb", Piix3, has_usb, false, "A USB function is present"),
    PROP_BOOL("has-pic", Piix3, has_pic, false, "The bridge makes the interrupt controllers"),
    PROP_BOOL("has-pit", Piix3, has_pit, false, "The bridge makes the interval timer"),
    { }
};
static const StateField piix3_state[] = {
    STATE_U8(Piix3, sci_level), STATE_U8(Piix3, reset_control.value), { }
};

static const PciDeviceType piix3_type = {
    .name = "PIIX3", .parent = &pci_device_type.type, .size = sizeof(Piix3), .category = CATEGORY_BRIDGE,
    .description = "ISA bridge (82371SB)", .not_user_creatable = true, .no_hotplug = true,
    .vendor_id = PCI_VENDOR_INTEL, .device_id = 0x7000, .class_id = PCI_CLASS_BRIDGE_ISA, .config = piix3_config,
    .properties = piix3_properties, .state = piix3_state,
    .realize = piix3_realize, .reset = piix3_reset, .post_load = piix3_post_load,
};
TYPE_REGISTER(piix3_type);

IsaBus *piix3_create(PciBus *bus, const ChipsetMemory *memory, IrqLine *const gsis[GSI_COUNT])
{
    Piix3 *s = (Piix3 *)pci_new(&piix3_type, PCI_DEVFN(1, 0), true);

    s->memory = memory;
    for (int i = 0; i < ISA_IRQS; i++) {
        s->gsis[i] = gsis[i];
    }
    machine_piix3 = s;
    device_realize_onboard(&s->pci.device, &bus->bus);
    s->memory = NULL;
    isa_bus_set_irqs(&s->isa, s->gsis);
    return &s->isa;
}

IrqLine *piix3_sci(void)
{
    return machine_piix3->sci_input;
}
