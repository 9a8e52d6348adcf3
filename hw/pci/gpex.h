/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A generic PCI Express host: bus pcie.0, reached by ECAM alone, with one window for memory below 4 GiB and one above.
 * No chip set and no registers of its own. Spec: PCI Firmware 3.2, 4.1; Linux "pci-host-ecam-generic".
 */
#ifndef HW_PCI_GPEX_H
#define HW_PCI_GPEX_H

#include "hw/pci/pci.h"

#define GPEX_IRQS 4

typedef struct GpexConfig {
    GuestAddr ecam_base, mmio32_base, mmio64_base;
    uint64_t ecam_bytes, mmio32_bytes, mmio64_bytes;
    IrqLine *irqs[GPEX_IRQS];                   /* pin n of slot s reaches number (n + s) mod 4 */
} GpexConfig;

/** gpex_create: maps its windows into system memory. There is no I/O space: I/O BARs lead nowhere. */
PciBus *gpex_create(const GpexConfig *config);

#endif
