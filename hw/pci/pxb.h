/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The expander bridges that the machine has: each a root bus that firmware and ACPI must know of. */
#ifndef HW_PCI_PXB_H
#define HW_PCI_PXB_H

#include "hw/pci/pci.h"

enum { PXB_NUMA_UNASSIGNED = 128 };

/** pxb_count: how many there are; pxb_bus: root bus of number @n in order of creation; pxb_numa_node: its node. */
unsigned pxb_count(void);
const PciBus *pxb_bus(unsigned n);
unsigned pxb_numa_node(unsigned n);

#endif
