/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU hot-plug by ACPI: a block of registers that the DSDT's methods use, and GPE 2.
 *
 *   device_add -> INSERTING of the CPU's slot, GPE 2 -> \_GPE._E02 -> \_SB.CPUS.CSCN -> Notify(Cnnn, device check)
 *   device_del -> REMOVING, GPE 2 -> Notify(Cnnn, eject request) -> the guest lets go, runs _EJ0 -> EJECT -> removed
 *   what the guest says of either (_OST) -> ACPI_DEVICE_OST
 *
 * Registers (from the base): 0 SELECTOR (4 bytes, write): whose slot the others are about, an index of -smp maxcpus;
 * 4 status (read: bit 0 there is a CPU, 1 INSERTING, 2 REMOVING, 4 the firmware is to eject it) and control (write: bits
 * 1 and 2 clear these, 3 ejects, 4 hands the ejection to the firmware); 5 COMMAND (1 byte, write), which says what
 * DATA (8, 4 bytes) is: 0 selects the next slot with INSERTING or REMOVING, from the selected one on, and DATA reads the
 * selector; 1 DATA takes _OST's event, 2 its status; 3 DATA reads the CPU's APIC id, and 0 its upper half. Interface:
 * QEMU's "ACPI CPU hotplug interface", which is in its modern form from the start.
 */
#ifndef HW_ACPI_CPU_HOTPLUG_H
#define HW_ACPI_CPU_HOTPLUG_H

#include "core/loop.h"
#include "hw/acpi/acpi_pm.h"

#define ACPI_CPU_HOTPLUG_BYTES 12
#define PIIX4_CPU_HOTPLUG_BASE 0xaf00
#define ICH9_CPU_HOTPLUG_BASE 0x0cd8
enum { ACPI_CPU_SLOT_BYTES = 9, ACPI_CPU_SLOTS_MAX = 4096 };

typedef struct AcpiCpuHotplug {
    AcpiPm *pm;
    Bh *eject;                                  /* acts on EJECTED outside of the vCPU that wrote it */
    MemoryRegion region;
    /* Guest state */
    uint32_t selector;
    uint8_t command;
    uint8_t *slots;                             /* each: its bits, then _OST's event and status, both little-endian */
    uint32_t slots_bytes;
} AcpiCpuHotplug;

extern const StateField acpi_cpu_hotplug_state[];       /* for STATE_STRUCT */

/** acpi_cpu_hotplug_init: the machine's one block, at @base of @io. */
void acpi_cpu_hotplug_init(AcpiCpuHotplug *h, Device *owner, AcpiPm *pm, MemoryRegion *io, uint16_t base);
bool acpi_cpu_hotplug_loaded(AcpiCpuHotplug *h, GError **err);
/** acpi_cpu_hotplug: the machine's; NULL: it has none. */
AcpiCpuHotplug *acpi_cpu_hotplug(void);
/* The guest is told that CPU @index is there, or asked to let it go. */
void acpi_cpu_plugged(AcpiCpuHotplug *h, unsigned index);
void acpi_cpu_unplug_request(AcpiCpuHotplug *h, unsigned index);
/** acpi_cpu_ost: _OST's last arguments for slot @index; zeros before the first. */
void acpi_cpu_ost(const AcpiCpuHotplug *h, unsigned index, uint32_t *event, uint32_t *status);
/** acpi_cpu_ost_hook: the guest said something of slot @index. */
extern void (*acpi_cpu_ost_hook)(unsigned index, uint32_t event, uint32_t status);

#endif
