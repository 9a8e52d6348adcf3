/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory between 0xa0000 and 1 MiB as Intel's PC host bridges decode it.
 *
 * PAM (programmable attribute map): 13 areas from 0xc0000; a nibble each says whether reads (bit 0) and writes (bit 1)
 * go to DRAM or to PCI. SMRAM: DRAM behind the VGA window, seen by a CPU in SMM, or by everyone while open.
 * Spec: Intel 440FX data sheet (290549), 3.2.18 PAM and 3.2.22 SMRAM; Intel 3 Series Express (Q35), 5.1.21-29.
 */
#ifndef HW_PC_PAM_H
#define HW_PC_PAM_H

#include "memory/memory.h"

#define PAM_AREAS 13
#define PAM_REGISTERS 7
#define PAM_READ 1
#define PAM_WRITE 2

#define SMRAM_BASE 0xa0000u
#define SMRAM_BYTES 0x20000u

/* Bits of the SMRAM register, the same in both bridges. */
enum {
    SMRAM_C_BASE_SEG = 0x02, SMRAM_C_BASE_SEG_MASK = 0x07, SMRAM_G_SMRAME = 0x08, SMRAM_D_LCK = 0x10,
    SMRAM_D_CLS = 0x20, SMRAM_D_OPEN = 0x40
};

typedef struct Pam {
    MemoryRegion ram[PAM_AREAS];                /* read-only view of DRAM, for reads from DRAM with writes to PCI */
    MemoryRegion pci[PAM_AREAS];
} Pam;

/** pam_init: lays the areas over @system, whose DRAM below 1 MiB is @ram from its start; all areas go to PCI. */
void pam_init(Pam *pam, Object *owner, MemoryRegion *ram, MemoryRegion *system, MemoryRegion *pci);
/**
 * pam_update: areas as the 7 registers say. The first register's high nibble is 0xf0000-0xfffff; of the other six each
 * nibble is 16 KiB, low nibble first, from 0xc0000. Write-only DRAM (reads from PCI) is treated as PCI: nothing is
 * lost, as what firmware writes there it wrote with reads enabled too.
 */
void pam_update(Pam *pam, const uint8_t *registers);

#endif
