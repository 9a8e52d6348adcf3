/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DSDT: what of the machine an operating system cannot find by itself.
 *
 *   \_SB.PCI0        host bridge: windows, interrupt routing, on q35 PCI Express control
 *   \_SB.PCI0.ISA    south bridge function 0: PIRQ registers, and the devices behind it
 *   \_SB.PCnn         root bus nn (hex) of an expander bridge, likewise
 *   \_SB.LNKx, GSIx  interrupt links: PIRQx over the PIC, or (q35) wired to IO APIC inputs 16-23
 *   \_SB.HPET, CPUS  timer, processors
 * Interrupt model (_PIC): 0 PIC, 1 APIC. Specs: ACPI 6.4; Intel 82371AB (PIIX4) 4.1.10 and ICH9 13.1.17 for PIRQx_ROUT;
 * PCI Firmware 3.2 section 4.5 for _OSC.
 */
#include "hw/acpi/acpi_dsdt.h"

enum { PIRQ_DISABLED = 0x80, STA_PRESENT_ENABLED = 0x0b, STA_DISABLED = 0x09, STA_ALL = 0x0f };
enum { PCI_SLOTS = 32, PCI_PINS = 4, GSI_PIRQ_FIRST = 16, PIIX_SCI_SLOT = 1 };

static const uint32_t pirq_choices[] = { 5, 10, 11 };

/* Host bridges */

/* What of [@start, @end] is no other root's, in order. @descriptor: of the kind of window that it is. */
static Aml *window(const AcpiMachine *m, bool io, uint64_t start, uint64_t end, Aml *(*descriptor)(uint64_t, uint64_t))
{
    Aml *windows = aml_none();

    while (start <= end) {
        const AcpiRange *next = NULL;           /* the lowest that ends behind start */
        for (unsigned i = 0; i < m->root_count; i++) {
            for (unsigned n = 0; n < m->roots[i].range_count; n++) {
                const AcpiRange *r = &m->roots[i].ranges[n];
                if (r->io == io && r->end >= start && r->start <= end && (!next || r->start < next->start)) {
                    next = r;
                }
            }
        }
        if (!next) {
            aml_append(windows, descriptor(start, end));
            break;
        }
        if (next->start > start) {
            aml_append(windows, descriptor(start, next->start - 1));
        }
        if (next->end >= end) {
            break;
        }
        start = next->end + 1;
    }
    return windows;
}

static Aml *io_window(uint64_t start, uint64_t end) { return aml_word_io(start, end); }
static Aml *memory_window(uint64_t start, uint64_t end) { return aml_dword_memory(false, start, end); }
static Aml *high_window(uint64_t start, uint64_t end) { return aml_qword_memory(true, start, end); }

/* [@start, @end] without the ECAM area, which is no place for devices. */
static Aml *pci_hole(const AcpiMachine *m)
{
    uint64_t start = m->pci_hole_start, end = m->pci_hole_end;
    uint64_t ecam = m->ecam_base, ecam_end = m->ecam_base + m->ecam_bytes;      /* exclusive */
    Aml *windows = aml_none();

    if (m->q35 && ecam && ecam <= end && ecam_end > start) {
        if (ecam > start) {
            aml_append(windows, window(m, false, start, ecam - 1, memory_window));
        }
        start = ecam_end;
    }
    if (start <= end) {
        aml_append(windows, window(m, false, start, end, memory_window));
    }
    return windows;
}

static Aml *host_bridge_windows(const AcpiMachine *m)
{
    bool hole64 = m->pci_hole64_end > m->pci_hole64_start;
    unsigned last_bus = 255;

    for (unsigned i = 0; i < m->root_count; i++) {
        last_bus = MIN(last_bus, m->roots[i].bus_first - 1u);
    }
    return aml_name("_CRS", aml_resources(
        aml_word_bus_number(0, last_bus),
        aml_io(0xcf8, 0xcf8, 1, 8),
        window(m, true, 0, 0xcf7, io_window),
        window(m, true, 0xd00, 0xffff, io_window),
        aml_dword_memory(true, 0xa0000, 0xbffff),
        pci_hole(m),
        hole64 ? window(m, false, m->pci_hole64_start, m->pci_hole64_end, high_window) : aml_none()));
}

/*
 * The guest may have all of native PCI Express: hot plug (bit 0), SHPC, PME, AER, capability structures; but not hot
 * plug where ACPI does it (@acpi_hotplug).
 */
Aml *acpi_osc_method(bool acpi_hotplug)
{
    enum { CONTROL_HOTPLUG = 0x01, CONTROL_ALL = 0x1f, UNKNOWN_UUID = 0x04, UNKNOWN_REVISION = 0x08, MASKED = 0x10 };

    return aml_method("_OSC", 4, AML_NOT_SERIALIZED,
        aml_create_dword_field(aml_arg(3), aml_int(0), "CDW1"),
        aml_if(aml_equal(aml_arg(0), aml_uuid("33db4d5b-1ff7-401c-9657-7441c03dd766")),
            aml_create_dword_field(aml_arg(3), aml_int(8), "CDW3"),
            aml_store(aml_and(aml_ref("CDW3"),
                              aml_int(acpi_hotplug ? CONTROL_ALL & ~CONTROL_HOTPLUG : CONTROL_ALL), NULL),
                      aml_local(0)),
            aml_if(aml_logical_not(aml_equal(aml_arg(1), aml_int(1))),
                aml_store(aml_or(aml_ref("CDW1"), aml_int(UNKNOWN_REVISION), NULL), aml_ref("CDW1"))),
            aml_if(aml_logical_not(aml_equal(aml_ref("CDW3"), aml_local(0))),
                aml_store(aml_or(aml_ref("CDW1"), aml_int(MASKED), NULL), aml_ref("CDW1"))),
            aml_store(aml_local(0), aml_ref("CDW3"))),
        aml_else(
            aml_store(aml_or(aml_ref("CDW1"), aml_int(UNKNOWN_UUID), NULL), aml_ref("CDW1"))),
        aml_return(aml_arg(3)));
}

/* Routing: which link interrupt pin @pin of @slot reaches, as a letter; 0: the SCI's link. @main: of the main bus. */

static char piix_route(bool main, unsigned slot, unsigned pin)
{
    if (main && slot == PIIX_SCI_SLOT && pin == 0) {
        return 0;                               /* the PM function's pin is not routed: it is the SCI */
    }
    return 'A' + ((slot + pin + PCI_PINS - 1) & 3);
}

/* Slots 25-29 and 31 are the chip set's own: PIRQA-D. The others share PIRQE-H, rotated; 30, the PCI bridge, is not. */
static char ich9_route(bool main, unsigned slot, unsigned pin)
{
    if (slot <= 24 || !main) {
        return 'E' + ((slot + pin) & 3);
    }
    return (slot == 30 ? 'E' : 'A') + pin;
}

static Aml *routing_table(const AcpiMachine *m, bool main, const char *link_prefix)
{
    Aml *rows[PCI_SLOTS * PCI_PINS + 1] = { NULL };

    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        for (unsigned pin = 0; pin < PCI_PINS; pin++) {
            char letter = m->q35 ? ich9_route(main, slot, pin) : piix_route(main, slot, pin);
            g_autofree char *link = g_strdup_printf("\\_SB.%s%c", link_prefix, letter ? letter : 'S');

            rows[slot * PCI_PINS + pin] = aml_package(aml_int(slot << 16 | 0xffff), aml_int(pin), aml_ref(link),
                                                      aml_int(0));
        }
    }
    return aml_package_of(rows);
}

static Aml *routing(const AcpiMachine *m, bool main)
{
    if (!m->q35) {
        return aml_list(
            aml_name("PRTP", routing_table(m, main, "LNK")),
            aml_method("_PRT", 0, AML_NOT_SERIALIZED, aml_return(aml_ref("PRTP"))));
    }
    return aml_list(
        aml_name("PRTP", routing_table(m, main, "LNK")),
        aml_name("PRTA", routing_table(m, main, "GSI")),
        aml_method("_PRT", 0, AML_NOT_SERIALIZED,
            aml_if(aml_equal(aml_ref("\\PICF"), aml_int(0)), aml_return(aml_ref("PRTP"))),
            aml_return(aml_ref("PRTA"))));
}

/* Interrupt links. All level, active high, shared: as the chip sets present PIRQs to PIC and IO APIC. */

static Aml *link_choice(const uint32_t *irqs, unsigned count)
{
    return aml_resources(aml_interrupt(AML_LEVEL, AML_ACTIVE_HIGH, true, irqs, count));
}

static Aml *pirq_link(unsigned number)
{
    g_autofree char *name = g_strdup_printf("LNK%c", 'A' + number);
    g_autofree char *reg = g_strdup_printf("\\_SB.PCI0.ISA.PRQ%c", 'A' + number);

    return aml_device(name,
        aml_name("_HID", aml_eisaid("PNP0C0F")),
        aml_name("_UID", aml_int(number)),
        aml_name("_PRS", link_choice(pirq_choices, G_N_ELEMENTS(pirq_choices))),
        aml_method("_STA", 0, AML_NOT_SERIALIZED,
            aml_return(aml_call("IQST", aml_ref(reg)))),
        aml_method("_DIS", 0, AML_NOT_SERIALIZED,
            aml_or(aml_ref(reg), aml_int(PIRQ_DISABLED), aml_ref(reg))),
        aml_method("_CRS", 0, AML_NOT_SERIALIZED,
            aml_return(aml_call("IQCR", aml_ref(reg)))),
        aml_method("_SRS", 1, AML_NOT_SERIALIZED,
            aml_create_dword_field(aml_arg(0), aml_int(5), "IRQN"),     /* first interrupt of the descriptor */
            aml_store(aml_ref("IRQN"), aml_ref(reg))));
}

/* A link that always leads to one interrupt. */
static Aml *fixed_link(const char *name, unsigned uid, uint32_t gsi)
{
    return aml_device(name,
        aml_name("_HID", aml_eisaid("PNP0C0F")),
        aml_name("_UID", aml_int(uid)),
        aml_name("_PRS", link_choice(&gsi, 1)),
        aml_name("_CRS", link_choice(&gsi, 1)),
        aml_name("_STA", aml_int(STA_PRESENT_ENABLED)),
        aml_method("_DIS", 0, AML_NOT_SERIALIZED, aml_none()),
        aml_method("_SRS", 1, AML_NOT_SERIALIZED, aml_none()));
}

static Aml *links(const AcpiMachine *m)
{
    uint32_t nothing = 0;
    unsigned pirqs = m->q35 ? 8 : 4;
    Aml *a = aml_list(
        aml_method("IQST", 1, AML_NOT_SERIALIZED,       /* _STA of a link whose register is Arg0 */
            aml_if(aml_and(aml_arg(0), aml_int(PIRQ_DISABLED), NULL), aml_return(aml_int(STA_DISABLED))),
            aml_return(aml_int(STA_PRESENT_ENABLED))),
        aml_method("IQCR", 1, AML_SERIALIZED,           /* _CRS likewise */
            aml_store(link_choice(&nothing, 1), aml_local(0)),
            aml_create_dword_field(aml_local(0), aml_int(5), "IRQN"),
            aml_if(aml_less(aml_arg(0), aml_int(PIRQ_DISABLED)),
                aml_store(aml_and(aml_arg(0), aml_int(0x0f), NULL), aml_ref("IRQN"))),
            aml_return(aml_local(0))));

    for (unsigned i = 0; i < pirqs; i++) {
        aml_append(a, pirq_link(i));
    }
    for (unsigned i = 0; m->q35 && i < pirqs; i++) {
        g_autofree char *name = g_strdup_printf("GSI%c", 'A' + i);
        aml_append(a, fixed_link(name, 16 + i, GSI_PIRQ_FIRST + i));
    }
    if (!m->q35) {
        aml_append(a, fixed_link("LNKS", 4, m->sci_irq));
    }
    return a;
}

/* Devices behind the south bridge */

Aml *acpi_com_port(unsigned n, bool level)
{
    static const struct { uint16_t port; uint8_t irq; } com[ACPI_COM_PORTS] = {
        { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 },
    };
    g_autofree char *name = g_strdup_printf("COM%u", n + 1);

    return aml_device(name,
        aml_name("_HID", aml_eisaid("PNP0501")),
        aml_name("_UID", aml_int(n + 1)),
        aml_name("_STA", aml_int(STA_ALL)),
        aml_name("_CRS", aml_resources(aml_io(com[n].port, com[n].port, 0, 8),
                                       level ? aml_irq_level_low(com[n].irq) : aml_irq_no_flags(com[n].irq))));
}

Aml *acpi_rtc_device(void)
{
    return aml_device("RTC",
        aml_name("_HID", aml_eisaid("PNP0B00")),
        aml_name("_CRS", aml_resources(aml_io(0x70, 0x70, 1, 8), aml_irq_no_flags(8))));
}

Aml *acpi_fw_cfg_device(void)
{
    return aml_device("FWCF",
        aml_name("_HID", aml_string("QEMU0002")),
        aml_name("_STA", aml_int(STA_PRESENT_ENABLED)),
        aml_name("_CRS", aml_resources(aml_io(0x510, 0x510, 1, 12))));
}

Aml *acpi_hotplug_ports(const char *name, const char *uid, uint16_t base, uint8_t bytes)
{
    return aml_device(name,
        aml_name("_HID", aml_string("PNP0A06")),
        aml_name("_UID", aml_string(uid)),
        aml_name("_STA", aml_int(STA_PRESENT_ENABLED)),
        aml_name("_CRS", aml_resources(aml_io(base, base, 1, bytes))));
}

static Aml *isa_devices(const AcpiMachine *m)
{
    Aml *a = aml_none();

    if (m->i8042_keyboard) {
        aml_append(a, aml_device("KBD",
            aml_name("_HID", aml_eisaid("PNP0303")),
            aml_name("_STA", aml_int(STA_ALL)),
            aml_name("_CRS", aml_resources(aml_io(0x60, 0x60, 1, 1), aml_io(0x64, 0x64, 1, 1), aml_irq_no_flags(1)))));
    }
    if (m->i8042_mouse) {
        aml_append(a, aml_device("MOU",
            aml_name("_HID", aml_eisaid("PNP0F13")),
            aml_name("_STA", aml_int(STA_ALL)),
            aml_name("_CRS", aml_resources(aml_irq_no_flags(12)))));
    }
    if (m->floppy) {
        aml_append(a, aml_device("FDC0",
            aml_name("_HID", aml_eisaid("PNP0700")),
            aml_name("_STA", aml_int(STA_ALL)),
            aml_name("_CRS", aml_resources(aml_io(0x3f2, 0x3f2, 0, 4), aml_io(0x3f7, 0x3f7, 0, 1), aml_irq_no_flags(6),
                                           aml_dma(2)))));
    }
    if (m->parallel) {
        aml_append(a, aml_device("LPT1",
            aml_name("_HID", aml_eisaid("PNP0400")),
            aml_name("_UID", aml_int(1)),
            aml_name("_STA", aml_int(STA_ALL)),
            aml_name("_CRS", aml_resources(aml_io(0x378, 0x378, 8, 8), aml_irq_no_flags(7)))));
    }
    for (unsigned i = 0; i < ACPI_COM_PORTS; i++) {
        if (m->com[i]) {
            aml_append(a, acpi_com_port(i, false));
        }
    }
    if (m->rtc) {
        aml_append(a, acpi_rtc_device());
    }
    return a;
}

static Aml *south_bridge(const AcpiMachine *m)
{
    static const AmlField piix[] = { { "PRQA", 8 }, { "PRQB", 8 }, { "PRQC", 8 }, { "PRQD", 8 }, { NULL, 0 } };
    static const AmlField ich9[] = {
        { "PRQA", 8 }, { "PRQB", 8 }, { "PRQC", 8 }, { "PRQD", 8 }, { NULL, 32 },
        { "PRQE", 8 }, { "PRQF", 8 }, { "PRQG", 8 }, { "PRQH", 8 }, { NULL, 0 }
    };

    return aml_device("ISA",
        aml_name("_ADR", aml_int(m->q35 ? 0x1f0000 : 0x10000)),
        aml_operation_region("PIRQ", AML_PCI_CONFIG, aml_int(0x60), aml_int(m->q35 ? 0x0c : 0x04)),
        aml_field("PIRQ", AML_BYTE_ACC, false, AML_PRESERVE, m->q35 ? ich9 : piix),
        isa_devices(m));
}

/* Motherboard resources that no other device claims. */
static Aml *board_resources(const AcpiMachine *m)
{
    Aml *a = aml_none();

    if (m->gpe0_base) {
        aml_append(a, aml_device("GPE0",
            aml_name("_HID", aml_string("PNP0A06")),    /* a container: PNP0C02 would contend with the PM function */
            aml_name("_UID", aml_string("GPE0 resources")),
            aml_name("_STA", aml_int(STA_PRESENT_ENABLED)),
            aml_name("_CRS", aml_resources(aml_io(m->gpe0_base, m->gpe0_base, 1, m->gpe0_bytes)))));
    }
    if (m->fw_cfg) {
        aml_append(a, acpi_fw_cfg_device());
    }
    return a;
}

static Aml *bridge_identity(bool express)
{
    return express ? aml_list(aml_name("_HID", aml_eisaid("PNP0A08")), aml_name("_CID", aml_eisaid("PNP0A03")))
                   : aml_name("_HID", aml_eisaid("PNP0A03"));
}

static Aml *host_bridge(const AcpiMachine *m)
{
    return aml_device("PCI0",
        bridge_identity(m->q35),
        aml_name("_UID", aml_int(0)),
        m->q35 ? acpi_osc_method(m->pci_hotplug_base) : aml_none(),
        host_bridge_windows(m),
        routing(m, true),
        south_bridge(m),
        board_resources(m),
        acpi_pci_slots(m));
}

/* A root bus that an expander provides: it has what firmware gave to the devices behind it, and no more. */
static Aml *other_root(const AcpiMachine *m, const AcpiPciRoot *root)
{
    g_autofree char *name = g_strdup_printf("PC%02X", root->bus_first);
    Aml *windows = aml_none();

    for (unsigned i = 0; i < root->range_count; i++) {
        const AcpiRange *r = &root->ranges[i];
        aml_append(windows, r->io ? aml_word_io(r->start, r->end) :
                   r->end >> 32 ? aml_qword_memory(true, r->start, r->end) : aml_dword_memory(false, r->start, r->end));
    }
    return aml_device(name,
        bridge_identity(root->express),
        aml_name("_UID", aml_int(root->bus_first)),
        aml_name("_BBN", aml_int(root->bus_first)),
        root->numa_node >= 0 ? aml_name("_PXM", aml_int(root->numa_node)) : aml_none(),
        root->express ? acpi_osc_method(false) : aml_none(),
        aml_name("_CRS", aml_resources(aml_word_bus_number(root->bus_first, root->bus_last), windows)),
        routing(m, false));
}

static Aml *other_roots(const AcpiMachine *m)
{
    Aml *a = aml_none();

    for (unsigned i = 0; i < m->root_count; i++) {
        aml_append(a, other_root(m, &m->roots[i]));
    }
    return a;
}

/* Others */

/* The ECAM area must belong to somebody, or guests distrust MCFG. */
static Aml *ecam_device(const AcpiMachine *m)
{
    if (!m->q35 || !m->ecam_base || m->ecam_base + m->ecam_bytes > 1ull << 32) {
        return aml_none();
    }
    return aml_device("ECAM",
        aml_name("_HID", aml_eisaid("PNP0C02")),
        aml_name("_UID", aml_string("PCI Express configuration")),
        aml_name("_CRS", aml_resources(aml_memory32_fixed(true, m->ecam_base, m->ecam_bytes))));
}

static Aml *hpet_device(const AcpiMachine *m)
{
    if (!m->hpet) {
        return aml_none();
    }
    return aml_device("HPET",
        aml_name("_HID", aml_eisaid("PNP0103")),
        aml_name("_UID", aml_int(0)),
        aml_name("_STA", aml_int(STA_ALL)),
        aml_name("_CRS", aml_resources(aml_memory32_fixed(false, 0xfed00000, 0x400))));
}

/* \_Sx: values of SLP_TYP for PM1a and PM1b control. */
static Aml *sleep_state(const char *name, unsigned type)
{
    return aml_name(name, aml_package(aml_int(type), aml_int(type), aml_int(0), aml_int(0)));
}

Aml *acpi_dsdt(const AcpiMachine *m)
{
    return aml_list(
        aml_name("\\PICF", aml_int(0)),
        aml_method("\\_PIC", 1, AML_NOT_SERIALIZED, aml_store(aml_arg(0), aml_ref("\\PICF"))),
        aml_scope("\\_SB",
            host_bridge(m),
            other_roots(m),
            links(m),
            ecam_device(m),
            hpet_device(m),
            acpi_cpus(m)),
        acpi_pci_gpe(m),
        acpi_cpus_gpe(m),
        m->s3 ? sleep_state("\\_S3", 1) : aml_none(),
        m->s4 ? sleep_state("\\_S4", m->s4_value) : aml_none(),
        sleep_state("\\_S5", 0));
}
