/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boards `pc` (i440FX, PIIX3) and `q35` (Q35, ICH9).
 *
 *   pc_memory_init(): guest RAM around the PCI hole, firmware ROMs, the view of a CPU in SMM
 *   machine_create_cpus() -> chip set (its own file) -> pc_devices_init(): what both boards have
 *   pc_firmware_init(): CMOS, fw_cfg, kernel; and when the machine is done, ACPI tables and SMBIOS
 */
#ifndef HW_PC_PC_H
#define HW_PC_PC_H

#include "block/block.h"
#include "hw/acpi/acpi_tables.h"
#include "hw/machine.h"
#include "hw/pc/chipset.h"
#include "hw/pc/pc_interrupts.h"

#define PC_FLASHES 2                            /* 0: code, ending at 4 GiB; 1: variables, below it */

typedef struct PcMachine {
    Machine machine;
    /* -machine properties */
    OnOffAuto acpi, smm, vmport, pic, pit;
    bool smbus, sata, hpet, i8042, fd_bootchk;
    uint64_t max_ram_below_4g;                  /* 0: the board's rule */
    uint64_t max_fw_size;
    char *oem_id, *oem_table_id;
    int smbios_entry_point;
    BlockBackend *flash_drives[PC_FLASHES];     /* pflash0=, pflash1=; later also those of -drive if=pflash */
    /* Made by init */
    bool q35, isa_only, booted_once;            /* isa_only: no PCI, no IO APIC */
    MemoryRegion upper_memory;                  /* isapc: the BIOS's memory and the VGA window, over RAM */
    ChipsetMemory memory;
    MemoryRegion ram_region;                    /* unless -machine memory-backend= */
    MemoryRegion ram_below_4g, ram_above_4g, pci, smram;
    MemoryRegion bios, isa_bios, option_roms, msi_window;
    MemoryRegion smm_root, smm_system;
    AddressSpace smm_as;
    PcInterrupts irqs;
    PciBus *pci_bus;
    IsaBus *isa_bus;
    PciDevice *piix4_pm;                        /* pc only */
    Device *rtc, *pit_device, *hpet_device, *i8042_device;
    FwCfg *fw_cfg;
    AcpiCpu *acpi_cpus;
    unsigned apic_id_limit;                     /* highest possible APIC id plus 1 */
} PcMachine;
#define PC_MACHINE(m) ((PcMachine *)(m))

/* Machine versions, newest first: PC_11_1 ... are their blocks' places in the compatibility tables (pc_compat.c). */
#define PC_FOREACH_VERSION(V) \
    V(11_1) V(11_0) V(10_2) V(10_1) V(10_0) V(9_2) V(9_1) V(9_0) V(8_2) V(8_1) V(8_0) V(7_2) V(7_1) V(7_0) V(6_2) V(6_1) \
    V(6_0) V(5_2)
#define PC_VERSION_NAME(id) PC_##id,
enum { PC_FOREACH_VERSION(PC_VERSION_NAME) PC_VERSIONS };
#undef PC_VERSION_NAME
extern const GlobalProperty *const pc_compat[PC_VERSIONS], *const q35_compat[1 + PC_VERSIONS];

/** pc_before: is the machine's version older than @version, one of PC_11_1 ...? */
static inline bool pc_before(const PcMachine *pc, unsigned version)
{
    const MachineType *type = (const MachineType *)pc->machine.object.type;
    return type->compat_blocks - pc->q35 > version + 1;
}

extern const MachineType pc_machine_type;       /* "generic-pc-machine": abstract parent of both */

/** pc_on: an OnOffAuto property: @automatic is what auto means. */
static inline bool pc_on(OnOffAuto value, bool automatic)
{
    return value == ON_OFF_AUTO_AUTO ? automatic : value == ON_OFF_AUTO_ON;
}

/** pc_msi_window_init: the local APICs' range of system memory, where a device's write is a message. */
void pc_msi_window_init(MemoryRegion *window, Object *owner);
/** pc_set_oem: setter of x-oem-id and x-oem-table-id, which fill fixed fields of ACPI tables. */
bool pc_set_oem(Object *obj, const Property *prop, json_object *value, GError **err);
/** pc_cmos_set_memory: bytes that say how much RAM there is below and above 4 GiB. */
void pc_cmos_set_memory(Device *rtc, uint64_t below_4g, uint64_t above_4g);
/** pc_print_fw_cfg_roms: `info roms`: option ROMs and ACPI tables among the files of @fw. */
void pc_print_fw_cfg_roms(FwCfg *fw, GString *out);
/** pc_memory_init: @below_4g: RAM below the hole; fills pc->memory. Errors name the firmware file. */
bool pc_memory_init(PcMachine *pc, uint64_t below_4g, GError **err);
/** pc_flash_init: flash below 4 GiB from the flash drives; *@code gets the memory of the first, NULL if there is none. */
bool pc_flash_init(PcMachine *pc, MemoryRegion **code, GError **err);
/** pc_devices_init: interrupt controllers, timers, RTC, keyboard, serial ports, VGA on pc->isa_bus and pc->pci_bus. */
bool pc_devices_init(PcMachine *pc, GError **err);
/** pc_firmware_init: CMOS, fw_cfg, boot options, -kernel. */
bool pc_firmware_init(PcMachine *pc, GError **err);
void pc_count_cpus(PcMachine *pc);              /* tells the firmware, and its ACPI tables, which CPUs there are now */
uint32_t pc_apic_id(const SmpConfig *smp, unsigned cpu_index);
void pc_cmos_init(PcMachine *pc);
void pc_cmos_count_cpus(Device *rtc);           /* as many as there are now */
/** pc_check_boot_order: @order is one to three of a, c, d, n. */
bool pc_check_boot_order(const char *order, GError **err);
void pc_set_boot_order(Machine *m, const char *order);
void pc_boot_order_init(PcMachine *pc);         /* -boot once= until the first reset, then order= */
/** pc_ide_init: the IDE controller at @devfn with the -drive if=ide disks. */
bool pc_ide_init(PcMachine *pc, int devfn, GError **err);
/** pc_isa_ide_init: two channels on the ISA bus with the -drive if=ide disks. */
bool pc_isa_ide_init(PcMachine *pc, GError **err);
/** pc_ahci_init: the same for the AHCI controller of q35. */
bool pc_ahci_init(PcMachine *pc, int devfn, GError **err);
/** pc_vga_init: the graphics card that -vga names. */
bool pc_vga_init(PcMachine *pc, GError **err);

#endif
