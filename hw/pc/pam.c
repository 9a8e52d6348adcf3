/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PAM areas: per area one alias to PCI and one read-only alias to DRAM lie over the DRAM; at most one is enabled. */
#include "hw/pc/pam.h"

static GuestAddr area_base(unsigned area)
{
    return area == 0 ? 0xf0000 : 0xc0000 + (area - 1) * 0x4000;
}

static uint64_t area_bytes(unsigned area)
{
    return area == 0 ? 0x10000 : 0x4000;
}

void pam_init(Pam *pam, Object *owner, MemoryRegion *ram, MemoryRegion *system, MemoryRegion *pci)
{
    for (unsigned area = 0; area < PAM_AREAS; area++) {
        GuestAddr base = area_base(area);
        memory_region_init_alias(&pam->ram[area], owner, "pam-rom", ram, base, area_bytes(area));
        memory_region_set_readonly(&pam->ram[area], true);
        memory_region_set_enabled(&pam->ram[area], false);
        memory_region_init_alias(&pam->pci[area], owner, "pam-pci", pci, base, area_bytes(area));
        memory_region_add_overlap(system, base, &pam->ram[area], 1);
        memory_region_add_overlap(system, base, &pam->pci[area], 1);
    }
}

void pam_update(Pam *pam, const uint8_t *registers)
{
    memory_transaction_begin();
    for (unsigned area = 0; area < PAM_AREAS; area++) {
        unsigned attributes = (area == 0 ? registers[0] >> 4 : registers[(area + 1) / 2] >> (area % 2 ? 0 : 4)) & 3;
        memory_region_set_enabled(&pam->ram[area], attributes == PAM_READ);
        memory_region_set_enabled(&pam->pci[area], !(attributes & PAM_READ));
    }
    memory_transaction_commit();
}
