/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AML of the processors, and of their hot-plug: registers (cpu_hotplug.h), what is behind _STA, _EJ0 and _OST of each, and
 * the way from GPE 2 to the Notify() of a processor.
 *
 *   \_SB.CPHP              claims the ports
 *   \_SB.CPUS.Cnnn         processor nnn (hex), also where there is none yet: _UID is its number, that of MADT and SRAT
 *   \_SB.CPUS.CSTA, CEJ0, COST   the methods of the one with number Arg0; CTFY notifies it; CSCN looks for news
 * The mutex CPLK guards CSEL, which chooses whose registers are seen.
 */
#include "hw/acpi/acpi_dsdt.h"
#include "hw/acpi/cpu_hotplug.h"

enum { STA_ALL = 0x0f, MUTEX_FOREVER = 0xffff, DEVICE_CHECK = 1, EJECT_REQUEST = 3 };
enum { COMMAND_NEXT = 0, COMMAND_OST_EVENT = 1, COMMAND_OST_STATUS = 2 };

static char *processor_name(unsigned index)
{
    return g_strdup_printf("C%03X", index);
}

static Aml *processor(const AcpiMachine *m, unsigned index)
{
    g_autofree char *name = processor_name(index);
    g_autoptr(GByteArray) madt = g_byte_array_new();

    if (!m->cpu_hotplug_base) {
        return m->cpus[index].present ? aml_device(name,
            aml_name("_HID", aml_string("ACPI0007")),
            aml_name("_UID", aml_int(index)),
            aml_name("_STA", aml_int(STA_ALL))) : aml_none();
    }
    acpi_madt_cpu(madt, index, m->cpus[index].apic_id, true);
    return aml_device(name,
        aml_name("_HID", aml_string("ACPI0007")),
        aml_name("_UID", aml_int(index)),
        aml_method("_STA", 0, AML_SERIALIZED, aml_return(aml_call("CSTA", aml_int(index)))),
        aml_name("_MAT", aml_buffer(madt->data, madt->len)),
        index ? aml_method("_EJ0", 1, AML_NOT_SERIALIZED, aml_call("CEJ0", aml_int(index))) : aml_none(),
        aml_method("_OST", 3, AML_SERIALIZED, aml_call("COST", aml_int(index), aml_arg(0), aml_arg(1))),
        m->numa && m->numa->cpu_nodes[index] >= 0 ? aml_name("_PXM", aml_int(m->numa->cpu_nodes[index])) : aml_none());
}

static Aml *processors(const AcpiMachine *m)
{
    Aml *a = aml_none();

    for (unsigned i = 0; i < m->cpu_count; i++) {
        aml_append(a, processor(m, i));
    }
    return a;
}

static Aml *notify_method(const AcpiMachine *m)
{
    Aml *notify = aml_none();

    for (unsigned i = 0; i < m->cpu_count; i++) {
        g_autofree char *name = processor_name(i);
        aml_append(notify, aml_if(aml_equal(aml_arg(0), aml_int(i)), aml_notify(name, aml_arg(1))));
    }
    return aml_method("CTFY", 2, AML_NOT_SERIALIZED, notify);
}

/* Local0: where to go on; Local1: whether to; Local2: what was found. */
static Aml *scan_method(const AcpiMachine *m)
{
    return aml_method("CSCN", 0, AML_SERIALIZED,
        aml_acquire("CPLK", MUTEX_FOREVER),
        aml_store(aml_int(0), aml_local(0)),
        aml_store(aml_int(1), aml_local(1)),
        aml_while(aml_logical_and(aml_equal(aml_local(1), aml_int(1)), aml_less(aml_local(0), aml_int(m->cpu_count))),
            aml_store(aml_int(0), aml_local(1)),
            aml_store(aml_local(0), aml_ref("CSEL")),
            aml_store(aml_int(COMMAND_NEXT), aml_ref("CCMD")),
            aml_store(aml_ref("CDAT"), aml_local(2)),
            aml_if(aml_logical_not(aml_less(aml_local(2), aml_local(0))),       /* else it went round: all was seen */
                aml_if(aml_equal(aml_ref("CINS"), aml_int(1)),
                    aml_call("CTFY", aml_local(2), aml_int(DEVICE_CHECK)),
                    aml_store(aml_int(1), aml_ref("CINS")),
                    aml_store(aml_int(1), aml_local(1))),
                aml_if(aml_equal(aml_ref("CRMV"), aml_int(1)),
                    aml_call("CTFY", aml_local(2), aml_int(EJECT_REQUEST)),
                    aml_store(aml_int(1), aml_ref("CRMV")),
                    aml_store(aml_int(1), aml_local(1))),
                aml_add(aml_local(2), aml_int(1), aml_local(0)))),
        aml_release("CPLK"));
}

static Aml *registers(const AcpiMachine *m)
{
    static const AmlField numbers[] = { { "CSEL", 32 }, { NULL, 32 }, { "CDAT", 32 }, { NULL, 0 } };
    static const AmlField bits[] = {
        { NULL, 32 }, { "CPEN", 1 }, { "CINS", 1 }, { "CRMV", 1 }, { "CEJE", 1 }, { NULL, 4 }, { "CCMD", 8 }, { NULL, 0 }
    };
    uint16_t base = m->cpu_hotplug_base;

    return aml_list(
        acpi_hotplug_ports("CPHP", "CPU Hotplug resources", base, ACPI_CPU_HOTPLUG_BYTES),
        aml_operation_region("CPRG", AML_SYSTEM_IO, aml_int(base), aml_int(ACPI_CPU_HOTPLUG_BYTES)),
        aml_field("CPRG", AML_DWORD_ACC, false, AML_PRESERVE, numbers),
        aml_field("CPRG", AML_BYTE_ACC, false, AML_WRITE_AS_ZEROS, bits),
        aml_mutex("CPLK", 0));
}

Aml *acpi_cpus(const AcpiMachine *m)
{
    if (!m->cpu_hotplug_base) {
        return processors(m);
    }
    return aml_list(
        registers(m),
        aml_device("CPUS",
            aml_name("_HID", aml_string("ACPI0010")),
            aml_name("_CID", aml_eisaid("PNP0A05")),
            aml_method("CSTA", 1, AML_SERIALIZED,
                aml_acquire("CPLK", MUTEX_FOREVER),
                aml_store(aml_arg(0), aml_ref("CSEL")),
                aml_store(aml_int(0), aml_local(0)),
                aml_if(aml_equal(aml_ref("CPEN"), aml_int(1)), aml_store(aml_int(STA_ALL), aml_local(0))),
                aml_release("CPLK"),
                aml_return(aml_local(0))),
            aml_method("CEJ0", 1, AML_SERIALIZED,
                aml_acquire("CPLK", MUTEX_FOREVER),
                aml_store(aml_arg(0), aml_ref("CSEL")),
                aml_store(aml_int(1), aml_ref("CEJE")),
                aml_release("CPLK")),
            aml_method("COST", 3, AML_SERIALIZED,
                aml_acquire("CPLK", MUTEX_FOREVER),
                aml_store(aml_arg(0), aml_ref("CSEL")),
                aml_store(aml_int(COMMAND_OST_EVENT), aml_ref("CCMD")),
                aml_store(aml_arg(1), aml_ref("CDAT")),
                aml_store(aml_int(COMMAND_OST_STATUS), aml_ref("CCMD")),
                aml_store(aml_arg(2), aml_ref("CDAT")),
                aml_release("CPLK")),
            notify_method(m),
            scan_method(m),
            processors(m)));
}

Aml *acpi_cpus_gpe(const AcpiMachine *m)
{
    return !m->cpu_hotplug_base ? aml_none() : aml_scope("\\_GPE",
        aml_method("_E02", 0, AML_NOT_SERIALIZED, aml_call_of("\\_SB.CPUS.CSCN", AML_LIST(NULL))));
}
