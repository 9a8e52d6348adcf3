/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AML of PCI slots: names of devices that have an acpi-index, and hot-plug: registers, a device for each slot that
 * something can be plugged into or ejected from, and the way from GPE 1 to the Notify() of a slot. Registers and numbers of
 * buses: pci_hotplug.h.
 *
 *   \_SB.PCI0.PHPR        claims the ports
 *   \_SB.PCI0.PCEJ        ejects slot Arg1 of bus Arg0
 *   \_SB.PCI0.SIDX, PDSM  acpi-index of the device that is there now; _DSM of such a slot
 *   bus: BSEL, Snn (nn: device and function in hex) with _SUN, _EJ0; DVNT: notifies the slots of a mask; PCNT: looks
 *   for news on the bus and those below it
 * The mutex BLCK guards BNUM, which chooses whose registers are seen.
 */
#include "hw/acpi/acpi_dsdt.h"

enum { HOTPLUG_BYTES = 0x18, MUTEX_FOREVER = 0xffff, DEVICE_CHECK = 1, EJECT_REQUEST = 3 };

static char *slot_name(const AcpiPciSlot *slot)
{
    return g_strdup_printf("S%02X", slot->devfn);
}

static Aml *bus_terms(const AcpiPciBus *bus);

static Aml *no_functions(void)
{
    return aml_return(aml_buffer((uint8_t[]){ 0 }, 1));
}

/*
 * Functions of _DSM (PCI Firmware 3.2, 4.6): 0 tells which there are, 7 names the device: its number, and no text.
 * Arguments 0 to 2 are UUID, revision and function; @index: the device's number, 0: it has none. Local 0 and 1 are used.
 */
static Aml *name_functions(Aml *index)
{
    enum { REVISION = 2, QUERY = 0, DEVICE_NAME = 7 };

    return aml_if(aml_logical_and(aml_equal(aml_arg(0), aml_uuid("e5c937d0-3553-4d7a-9117-ea4d19c3434d")),
                                  aml_logical_not(aml_less(aml_arg(1), aml_int(REVISION)))),
        aml_store(index, aml_local(0)),
        aml_if(aml_equal(aml_local(0), aml_int(0)), no_functions()),
        aml_if(aml_equal(aml_arg(2), aml_int(QUERY)),
            aml_return(aml_buffer((uint8_t[]){ 1 | 1 << DEVICE_NAME }, 1))),
        aml_if(aml_equal(aml_arg(2), aml_int(DEVICE_NAME)),
            aml_store(aml_package(aml_int(0), aml_string("")), aml_local(1)),
            aml_store(aml_local(0), aml_index(aml_local(1), aml_int(0), NULL)),
            aml_return(aml_local(1))));
}

static Aml *slot_device(const AcpiPciSlot *slot)
{
    g_autofree char *name = slot_name(slot);
    Aml *methods = aml_none();

    if (slot->index) {
        aml_append(methods, aml_method("_DSM", 4, AML_SERIALIZED, name_functions(aml_int(slot->index)), no_functions()));
    }
    if (slot->ejectable) {
        aml_append(methods, aml_method("_DSM", 4, AML_SERIALIZED,
            aml_return(aml_call("PDSM", aml_arg(0), aml_arg(1), aml_arg(2), aml_ref("BSEL"), aml_ref("_SUN")))));
        aml_append(methods, aml_name("_SUN", aml_int(slot->devfn >> 3)));
        aml_append(methods, aml_method("_EJ0", 1, AML_NOT_SERIALIZED, aml_call("PCEJ", aml_ref("BSEL"),
                                                                             aml_ref("_SUN"))));
    }
    if (slot->shpc) {                           /* PCI Firmware 3.2, 4.8: it is the guest's for the asking */
        aml_append(methods, aml_method("OSHP", 0, AML_NOT_SERIALIZED, aml_none()));
    }
    return aml_device(name,
        aml_name("_ADR", aml_int((slot->devfn >> 3) << 16 | (slot->devfn & 7))),
        methods,
        slot->bus ? bus_terms(slot->bus) : aml_none());
}

static bool has_news(const AcpiPciBus *bus)
{
    for (unsigned i = 0; i < bus->count; i++) {
        if (bus->slots[i].bus && has_news(bus->slots[i].bus)) {
            return true;
        }
    }
    return bus->bsel >= 0;
}

/* DVNT(mask, event) and PCNT. */
static Aml *bus_methods(const AcpiPciBus *bus)
{
    Aml *notify = aml_none(), *look = aml_none();

    if (bus->bsel >= 0) {
        aml_append(look, aml_store(aml_ref("BSEL"), aml_ref("\\_SB.PCI0.BNUM")));
        aml_append(look, aml_call("DVNT", aml_ref("\\_SB.PCI0.PCIU"), aml_int(DEVICE_CHECK)));
        aml_append(look, aml_call("DVNT", aml_ref("\\_SB.PCI0.PCID"), aml_int(EJECT_REQUEST)));
    }
    for (unsigned i = 0; i < bus->count; i++) {
        const AcpiPciSlot *slot = &bus->slots[i];
        g_autofree char *name = slot_name(slot);
        if (slot->ejectable) {
            aml_append(notify, aml_if(aml_and(aml_arg(0), aml_int(1u << (slot->devfn >> 3)), NULL),
                                      aml_notify(name, aml_arg(1))));
        }
        if (slot->bus && has_news(slot->bus)) {
            g_autofree char *method = g_strdup_printf("^%s.PCNT", name);
            aml_append(look, aml_call_of(method, AML_LIST(NULL)));
        }
    }
    return aml_list(
        bus->bsel >= 0 ? aml_method("DVNT", 2, AML_NOT_SERIALIZED, notify) : (aml_free(notify), aml_none()),
        aml_method("PCNT", 0, AML_NOT_SERIALIZED, look));
}

static Aml *bus_terms(const AcpiPciBus *bus)
{
    Aml *terms = aml_none();

    if (bus->bsel >= 0) {
        aml_append(terms, aml_name("BSEL", aml_int(bus->bsel)));
    }
    for (unsigned i = 0; i < bus->count; i++) {
        aml_append(terms, slot_device(&bus->slots[i]));
    }
    if (has_news(bus)) {
        aml_append(terms, bus_methods(bus));
    }
    return terms;
}

Aml *acpi_pci_slots(const AcpiMachine *m)
{
    static const AmlField status[] = { { "PCIU", 32 }, { "PCID", 32 }, { NULL, 0 } };
    static const AmlField eject[] = { { "B0EJ", 32 }, { NULL, 0 } };
    static const AmlField number[] = { { "BNUM", 32 }, { "AIDX", 32 }, { NULL, 0 } };
    uint16_t base = m->pci_hotplug_base;

    if (!m->pci) {
        return aml_none();
    }
    if (!base || !has_news(m->pci)) {
        return bus_terms(m->pci);
    }
    return aml_list(
        acpi_hotplug_ports("PHPR", "PCI Hotplug resources", base, HOTPLUG_BYTES),
        aml_operation_region("PCST", AML_SYSTEM_IO, aml_int(base), aml_int(8)),
        aml_field("PCST", AML_DWORD_ACC, false, AML_WRITE_AS_ZEROS, status),
        aml_operation_region("SEJ", AML_SYSTEM_IO, aml_int(base + 8), aml_int(4)),
        aml_field("SEJ", AML_DWORD_ACC, false, AML_WRITE_AS_ZEROS, eject),
        aml_operation_region("BNMR", AML_SYSTEM_IO, aml_int(base + 0x10), aml_int(8)),
        aml_field("BNMR", AML_DWORD_ACC, false, AML_WRITE_AS_ZEROS, number),
        aml_mutex("BLCK", 0),
        aml_method("PCEJ", 2, AML_NOT_SERIALIZED,
            aml_acquire("BLCK", MUTEX_FOREVER),
            aml_store(aml_arg(0), aml_ref("BNUM")),
            aml_store(aml_shift_left(aml_int(1), aml_arg(1), NULL), aml_ref("B0EJ")),
            aml_release("BLCK")),
        aml_method("SIDX", 2, AML_NOT_SERIALIZED,
            aml_acquire("BLCK", MUTEX_FOREVER),
            aml_store(aml_arg(0), aml_ref("BNUM")),
            aml_store(aml_shift_left(aml_int(1), aml_arg(1), NULL), aml_ref("AIDX")),
            aml_store(aml_ref("AIDX"), aml_local(0)),
            aml_release("BLCK"),
            aml_return(aml_local(0))),
        aml_method("PDSM", 5, AML_SERIALIZED, name_functions(aml_call("SIDX", aml_arg(3), aml_arg(4))),
                   no_functions()),
        bus_terms(m->pci));
}

Aml *acpi_pci_gpe(const AcpiMachine *m)
{
    if (!m->pci_hotplug_base || !m->pci || !has_news(m->pci)) {
        return aml_none();
    }
    return aml_scope("\\_GPE",
        aml_name("_HID", aml_string("ACPI0006")),
        aml_method("_E01", 0, AML_NOT_SERIALIZED,
            aml_acquire("\\_SB.PCI0.BLCK", MUTEX_FOREVER),
            aml_call_of("\\_SB.PCI0.PCNT", AML_LIST(NULL)),
            aml_release("\\_SB.PCI0.BLCK")));
}
