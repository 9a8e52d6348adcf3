/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DSDT of a machine of hardware-reduced ACPI: nothing can be found by legacy means, so all of it stands here.
 *
 *   \_SB.FWCF, COM1, RTC    what of a PC is left
 *   \_SB.GED, PWRB          events, and the power button that is one of them
 *   \_SB.VRnn               virtio-mmio transport nn (decimal) that has a device
 *   \_SB.L00n, PCI0         PCI Express by ECAM: interrupt links with one choice, host bridge with windows
 * Specs: ACPI 6.4; PCI Firmware 3.2 sections 4.1.3 (_CBA) and 4.6 (_DSM); LNRO0005 is Linux's virtio-mmio.
 */
#include "hw/acpi/acpi_dsdt.h"
#include "hw/acpi/ged.h"

enum { PCI_SLOTS = 32, PCI_PINS = 4 };

static Aml *event_device(const AcpiReduced *r)
{
    static const AmlField selector[] = { { "ESEL", 32 }, { NULL, 0 } };

    return aml_device("GED",
        aml_name("_HID", aml_string("ACPI0013")),
        aml_name("_UID", aml_string("GED")),
        aml_name("_CRS", aml_resources(aml_interrupt(AML_EDGE, AML_ACTIVE_HIGH, false, &r->ged_irq, 1))),
        aml_operation_region("EREG", AML_SYSTEM_MEMORY, aml_int(r->ged_selector), aml_int(GED_SELECTOR_BYTES)),
        aml_field("EREG", AML_DWORD_ACC, false, AML_WRITE_AS_ZEROS, selector),
        aml_method("_EVT", 1, AML_SERIALIZED,
            aml_store(aml_ref("ESEL"), aml_local(0)),
            aml_if(aml_and(aml_local(0), aml_int(GED_EVENT_POWER_BUTTON), NULL), aml_notify("PWRB", aml_int(0x80)))));
}

static Aml *power_button(void)
{
    return aml_device("PWRB",
        aml_name("_HID", aml_eisaid("PNP0C0C")),
        aml_name("_UID", aml_int(0)));
}

static Aml *virtio_transports(const AcpiReduced *r)
{
    Aml *a = aml_none();

    for (unsigned i = 0; i < r->virtio_count; i++) {
        const AcpiVirtioMmio *t = &r->virtio[i];
        g_autofree char *name = g_strdup_printf("VR%02u", t->index);
        aml_append(a, aml_device(name,
            aml_name("_HID", aml_string("LNRO0005")),
            aml_name("_UID", aml_int(t->index)),
            aml_name("_CCA", aml_int(1)),
            aml_name("_CRS", aml_resources(aml_memory32_fixed(true, t->base, 0x200),
                                           aml_interrupt(AML_LEVEL, AML_ACTIVE_HIGH, false, &t->irq, 1)))));
    }
    return a;
}

static Aml *pci_links(const AcpiReduced *r)
{
    Aml *a = aml_none();

    for (unsigned i = 0; i < PCI_PINS; i++) {
        uint32_t gsi = r->pci_irq_base + i;
        g_autofree char *name = g_strdup_printf("L%03u", i);
        aml_append(a, aml_device(name,
            aml_name("_HID", aml_eisaid("PNP0C0F")),
            aml_name("_UID", aml_int(i)),
            aml_name("_PRS", aml_resources(aml_interrupt(AML_LEVEL, AML_ACTIVE_HIGH, false, &gsi, 1))),
            aml_name("_CRS", aml_resources(aml_interrupt(AML_LEVEL, AML_ACTIVE_HIGH, false, &gsi, 1))),
            aml_method("_SRS", 1, AML_NOT_SERIALIZED, aml_none())));
    }
    return a;
}

static Aml *pci_routing(void)
{
    Aml *rows[PCI_SLOTS * PCI_PINS + 1] = { NULL };

    for (unsigned n = 0; n < PCI_SLOTS * PCI_PINS; n++) {
        unsigned slot = n / PCI_PINS, pin = n % PCI_PINS;
        g_autofree char *link = g_strdup_printf("L%03u", (slot + pin) % PCI_PINS);
        rows[n] = aml_package(aml_int(slot << 16 | 0xffff), aml_int(pin), aml_ref(link), aml_int(0));
    }
    return aml_name("_PRT", aml_package_of(rows));
}

/* Function 0 of _DSM for PCI: which others there are: none. */
static Aml *pci_dsm(void)
{
    static const uint8_t none = 0;

    return aml_method("_DSM", 4, AML_NOT_SERIALIZED, aml_return(aml_buffer(&none, 1)));
}

static Aml *pci_host(const AcpiMachine *m)
{
    uint64_t ecam_end = m->ecam_base + m->ecam_bytes - 1;

    if (!m->ecam_bytes) {
        return aml_none();
    }
    return aml_list(
        pci_links(m->reduced),
        aml_device("PCI0",
            aml_name("_HID", aml_eisaid("PNP0A08")),
            aml_name("_CID", aml_eisaid("PNP0A03")),
            aml_name("_SEG", aml_int(0)),
            aml_name("_BBN", aml_int(0)),
            aml_name("_UID", aml_int(0)),
            aml_name("_CCA", aml_int(1)),
            pci_routing(),
            aml_method("_CBA", 0, AML_NOT_SERIALIZED, aml_return(aml_int(m->ecam_base))),
            aml_name("_CRS", aml_resources(
                aml_word_bus_number(0, (m->ecam_bytes >> 20) - 1),
                aml_dword_memory(false, m->pci_hole_start, m->pci_hole_end),
                aml_qword_memory(false, m->pci_hole64_start, m->pci_hole64_end))),
            acpi_osc_method(true),
            pci_dsm(),
            aml_device("RES0",
                aml_name("_HID", aml_eisaid("PNP0C02")),
                aml_name("_CRS", aml_resources(aml_qword_memory(false, m->ecam_base, ecam_end))))));
}

Aml *acpi_reduced_dsdt(const AcpiMachine *m)
{
    return aml_list(
        aml_scope("\\_SB",
            m->fw_cfg ? acpi_fw_cfg_device() : aml_none(),
            m->com[0] ? acpi_com_port(0, true) : aml_none(),
            m->rtc ? acpi_rtc_device() : aml_none(),
            event_device(m->reduced),
            power_button(),
            virtio_transports(m->reduced),
            pci_host(m)),
        aml_name("\\_S5", aml_package(aml_int(GED_SLP_TYP_S5), aml_int(0), aml_int(0), aml_int(0))));
}
