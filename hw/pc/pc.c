/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two PC boards share as machine types: properties and the checks on them. */
#include "hw/pc/pc.h"

#include <string.h>

static bool set_max_ram_below_4g(Object *obj, const Property *prop, json_object *value, GError **err)
{
    PcMachine *pc = PC_MACHINE(obj);
    uint64_t before = pc->max_ram_below_4g;

    if (!prop_kind_size.set(obj, prop, value, err)) {
        return false;
    }
    if (pc->max_ram_below_4g > 4ull << 30 || pc->max_ram_below_4g < 1 << 20) {
        uint64_t bad = pc->max_ram_below_4g;
        pc->max_ram_below_4g = before;
        return error_set(err, "property '%s' is %" PRIu64 ", not from 1M to 4G", prop->name, bad);
    }
    return true;
}

static bool set_max_fw_size(Object *obj, const Property *prop, json_object *value, GError **err)
{
    PcMachine *pc = PC_MACHINE(obj);
    uint64_t before = pc->max_fw_size;

    if (!prop_kind_size.set(obj, prop, value, err)) {
        return false;
    }
    if (pc->max_fw_size > 16 << 20) {                   /* flash lies below 4 GiB, down to the IO APIC */
        uint64_t bad = pc->max_fw_size;
        pc->max_fw_size = before;
        return error_set(err, "property '%s' is %" PRIu64 ", more than 16M", prop->name, bad);
    }
    return true;
}

bool pc_set_oem(Object *obj, const Property *prop, json_object *value, GError **err)
{
    size_t limit = strcmp(prop->name, "x-oem-id") ? 8 : 6;
    const char *text = json_object_get_string(value);

    if (text && strlen(text) > limit) {
        return error_set(err, "property '%s' takes at most %zu characters, not '%s'", prop->name, limit, text);
    }
    return prop_kind_str.set(obj, prop, value, err);
}

static bool set_entry_point(Object *obj, const Property *prop, json_object *value, GError **err)
{
    PcMachine *pc = PC_MACHINE(obj);
    const char *text = json_object_get_string(value);
    static const struct { const char *name; int value; } kinds[] = { { "auto", 0 }, { "32", 32 }, { "64", 64 } };

    for (size_t i = 0; text && i < G_N_ELEMENTS(kinds); i++) {
        if (!strcmp(text, kinds[i].name)) {
            pc->smbios_entry_point = kinds[i].value;
            return true;
        }
    }
    return error_set(err, "property '%s' takes 32, 64 or auto, not '%s'", prop->name, text ? text : "null");
}

static json_object *get_entry_point(Object *obj, const Property *prop)
{
    int value = PC_MACHINE(obj)->smbios_entry_point;
    return json_object_new_string(value == 32 ? "32" : value == 64 ? "64" : "auto");
}

static const Property pc_properties[] = {
    PROP_ON_OFF_AUTO("acpi", PcMachine, acpi, ON_OFF_AUTO_AUTO, "ACPI tables are offered"),
    PROP_ON_OFF_AUTO("smm", PcMachine, smm, ON_OFF_AUTO_AUTO, "System management mode is offered"),
    PROP_BOOL("hmat", PcMachine, machine.hmat, false, "Tell the guest latencies and bandwidths of memory (ACPI HMAT)"),
    PROP_ON_OFF_AUTO("vmport", PcMachine, vmport, ON_OFF_AUTO_AUTO, "VMware's I/O port"),
    PROP_ON_OFF_AUTO("pic", PcMachine, pic, ON_OFF_AUTO_AUTO, "8259 interrupt controllers"),
    PROP_ON_OFF_AUTO("pit", PcMachine, pit, ON_OFF_AUTO_AUTO, "8254 interval timer"),
    PROP_BOOL("hpet", PcMachine, hpet, true, "High precision event timer"),
    PROP_BOOL("i8042", PcMachine, i8042, true, "8042 keyboard controller"),
    PROP_BOOL("smbus", PcMachine, smbus, true, "System management bus"),
    PROP_BOOL("sata", PcMachine, sata, true, "Serial ATA controller"),
    PROP_BOOL("fd-bootchk", PcMachine, fd_bootchk, true, "The BIOS checks the boot signature of floppy disks"),
    PROP_SIZE("max-ram-below-4g", PcMachine, max_ram_below_4g, 0, "Most RAM below 4 GiB", .set = set_max_ram_below_4g),
    PROP_SIZE("max-fw-size", PcMachine, max_fw_size, 8 << 20, "Largest firmware image", .set = set_max_fw_size),
    PROP_STR("x-oem-id", PcMachine, oem_id, "OEM ID in ACPI tables, at most 6 characters", .set = pc_set_oem),
    PROP_STR("x-oem-table-id", PcMachine, oem_table_id, "OEM table ID in ACPI tables, at most 8 characters",
             .set = pc_set_oem),
    PROP_DRIVE("pflash0", PcMachine, flash_drives[0], "Drive or node with the firmware's code, for flash"),
    PROP_DRIVE("pflash1", PcMachine, flash_drives[1], "Drive or node with the firmware's variables, for flash"),
    PROP_VIRTUAL("smbios-entry-point-type", "str", get_entry_point, set_entry_point,
                 "SMBIOS entry point: 32, 64 or auto"),
    { }
};

static void pc_finalize(Object *obj)
{
    g_free(PC_MACHINE(obj)->acpi_cpus);
}

const MachineType pc_machine_type = {
    .name = "generic-pc-machine", .parent = &machine_type.type, .size = sizeof(PcMachine), .is_abstract = true,
    .properties = pc_properties, .finalize = pc_finalize,
};
TYPE_REGISTER(pc_machine_type);
