/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables of a PC, from a plain description.
 *
 * The board fills an AcpiMachine; acpi_setup() makes RSDP, RSDT, XSDT, FADT, FACS, DSDT, MADT, HPET, MCFG, WAET and of NUMA machines SRAT, SLIT and HMAT, and
 * puts them with loader commands into fw_cfg (etc/acpi/rsdp, etc/acpi/tables, etc/table-loader). Firmware places them.
 * Spec: ACPI 6.4; the table revisions are those that old guests accept.
 */
#ifndef HW_ACPI_ACPI_TABLES_H
#define HW_ACPI_ACPI_TABLES_H

#include "hw/firmware/fw_cfg.h"
#include "hw/numa.h"

enum { ACPI_COM_PORTS = 4, ACPI_MAX_CPUS = 4096 };

typedef struct AcpiCpu { uint32_t apic_id; bool present; } AcpiCpu;

/* A bus as the guest should know it: slots for hot-plug, devices with names from firmware, and bridges to such. */
typedef struct AcpiPciSlot {
    uint8_t devfn;
    uint32_t index;                             /* acpi-index of a device that stays; 0: none */
    bool ejectable;                             /* a device can come and go here: it has a number in BSEL's registers */
    const struct AcpiPciBus *bus;               /* behind the bridge that is here; NULL: none */
    bool shpc;                                  /* which has a standard hot-plug controller for the guest to drive */
} AcpiPciSlot;
typedef struct AcpiPciBus { int bsel; unsigned count; AcpiPciSlot slots[]; } AcpiPciBus;    /* bsel -1: takes no part */

/* A root bus beside the main one, and what firmware has given to the devices behind it. */
typedef struct AcpiRange { bool io; uint64_t start, end; } AcpiRange;           /* end: the last */
typedef struct AcpiPciRoot {
    bool express;
    uint8_t bus_first, bus_last;
    int numa_node;                              /* -1: not told */
    const AcpiRange *ranges;
    unsigned range_count;
} AcpiPciRoot;

/* A machine of hardware-reduced ACPI (4.1.1): what stands for chip set and PM registers. */
typedef struct AcpiVirtioMmio { unsigned index; uint32_t base, irq; } AcpiVirtioMmio;
typedef struct AcpiReduced {
    uint32_t ged_selector, ged_regs, ged_irq;   /* ged.h */
    const AcpiVirtioMmio *virtio;               /* transports with a device, in the order to be told of */
    unsigned virtio_count;
    uint32_t pci_irq_base;                      /* GSIs of INTA-INTD of slot 0; PCI is there if ecam_bytes is not 0 */
} AcpiReduced;

typedef struct AcpiMachine {
    bool q35;                                   /* ICH9 LPC at 00:1f.0, PIRQA-H, PCIe; else PIIX3 at 00:01.0, PIRQA-D */
    const AcpiCpu *cpus;                        /* in order of CPU index; possible ones that are absent too */
    unsigned cpu_count;
    /* Windows of the host bridge. end: last address; end 0: none. */
    uint32_t pci_hole_start, pci_hole_end;      /* 32-bit MMIO, up to 0xfebfffff; q35: behind the ECAM area */
    uint64_t pci_hole64_start, pci_hole64_end;
    uint64_t ecam_base;                         /* q35; 0: off, no MCFG and no PCIe promises */
    uint64_t ecam_bytes;                        /* 256 MiB for buses 0-255 */
    uint16_t pm_base;                           /* PM1 event block: 0x600 as SeaBIOS and OVMF set it */
    uint16_t gpe0_base; uint8_t gpe0_bytes;     /* 0xafe0, 4 (PIIX4); 0x620, 16 (ICH9) */
    uint8_t sci_irq;                            /* 9 */
    bool smm;                                   /* SMI_CMD (0xb2) with ACPI enable and disable values is offered */
    uint8_t acpi_enable, acpi_disable;          /* 0xf1, 0xf0 (PIIX4); 2, 3 (ICH9) */
    bool s3, s4; uint8_t s4_value;              /* 2 */
    bool hpet;                                  /* at 0xfed00000 */
    bool rtc, i8042_keyboard, i8042_mouse;
    bool com[ACPI_COM_PORTS];                   /* 0x3f8/4, 0x2f8/3, 0x3e8/4, 0x2e8/3 */
    const NumaConfig *numa;                     /* NULL: no SRAT, SLIT, HMAT */
    uint64_t ram_below_4g;                      /* bytes of RAM before the hole; for SRAT */
    bool parallel;                              /* 0x378/7 */
    bool floppy;
    bool fw_cfg;
    uint16_t pci_hotplug_base;                  /* 0xae00 (PIIX4), 0xcc0 (ICH9); 0: no hot-plug by ACPI */
    uint16_t cpu_hotplug_base;                  /* 0xaf00 (PIIX4), 0xcd8 (ICH9); 0: processors stay as they are */
    const AcpiPciBus *pci;                      /* main root bus; NULL: nothing to tell of its devices */
    const AcpiPciRoot *roots;                   /* the others */
    unsigned root_count;
    uint32_t ioapic_id, ioapic_address;         /* 0, 0xfec00000 */
    uint32_t ioapic2_address;                   /* inputs from GSI 24 on; 0: there is one only */
    const AcpiReduced *reduced;                 /* NULL: a PC with PM registers, PIRQs and a timer override */
    const char *oem_id, *oem_table_id;          /* NULL: "BOCHS ", "BXPC    " */
} AcpiMachine;

/** AcpiDescribeFn: fills in @m (zeroed before) with the machine as it is now. @m->cpus stays the caller's. */
typedef void AcpiDescribeFn(AcpiMachine *m, void *opaque);
/**
 * acpi_setup: builds now, and again when firmware selects a table file after a reset, since the windows may have moved.
 * Sizes of the files never change (etc/acpi/tables is padded to 128 KiB or more, etc/table-loader to 4 KiB).
 */
void acpi_setup(FwCfg *fw, AcpiDescribeFn *describe, void *opaque);

/** acpi_build: the three blobs of @m without fw_cfg; the caller's. */
typedef struct AcpiBlobs { GByteArray *tables, *rsdp, *loader; } AcpiBlobs;
AcpiBlobs acpi_build(const AcpiMachine *m);
void acpi_blobs_free(AcpiBlobs *blobs);

#endif
