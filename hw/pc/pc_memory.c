/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address space of a PC: RAM below the PCI hole and above 4 GiB, firmware at the top of 4 GiB and below 1 MiB, the
 * local APICs' message window, and what a CPU in SMM sees.
 *
 *   system:  pc.ram's start at 0 | pci (priority -1) in the hole | pc.ram's rest at 4 GiB
 *   pci:     firmware, option ROM space, VGA window; the chip set's PAM aliases decide what of it shows below 1 MiB
 *   SMM:     system, with the chip set's SMRAM laid over it
 */
#include "hw/pc/pc.h"

#include <string.h>

#include "accel/kvm/kvm.h"
#include "hw/numa.h"
#include "memory/backend.h"
#include "target/i386/apic.h"

#define KIB (1u << 10)
#define FOUR_GIB (1ull << 32)
#define ISA_BIOS_BYTES (128 * KIB)
#define OPTION_ROMS_BASE 0xc0000u
#define OPTION_ROMS_BYTES (128 * KIB)
#define MSI_BASE 0xfee00000u
#define MSI_BYTES (1u << 20)
#define DEFAULT_FIRMWARE "bios-256k.bin"
#define ISA_FIRMWARE "bios.bin"                 /* 128 KiB: all of it is in real mode's reach */

/* A device's write into the local APICs' range is a message; a vCPU's own APIC page never gets here. */
static uint64_t msi_read(void *opaque, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}

static void msi_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    apic_send_msi(MSI_BASE + offset, value);
}

static const MemoryOps msi_ops = { .read = msi_read, .write = msi_write, .valid = { 4, 4 }, .impl = { 4, 4 } };

void pc_msi_window_init(MemoryRegion *window, Object *owner)
{
    memory_region_init_io(window, owner, &msi_ops, NULL, "apic-msi", MSI_BYTES);
    memory_region_add_overlap(system_memory(), MSI_BASE, window, 4096);
}

/* The nodes' memory, one behind the other, seen as one. */
static bool numa_ram_init(PcMachine *pc, GError **err)
{
    Machine *m = &pc->machine;
    uint64_t at = 0;

    memory_region_init(&pc->ram_region, &m->object, "pc.ram", m->ram_size);
    for (unsigned n = 0; n < m->numa->count; n++) {
        NumaNode *node = &m->numa->nodes[n];
        MemoryRegion *region = node->memdev ? memory_backend_region(node->memdev, err) : NULL;
        if (node->memdev && !region) {
            return false;
        }
        if (region) {
            memory_region_add(&pc->ram_region, at, region);
        }
        at += node->bytes;
    }
    m->ram = &pc->ram_region;
    return true;
}

static bool ram_init(PcMachine *pc, GError **err)
{
    Machine *m = &pc->machine;

    if (m->numa) {
        return numa_ram_init(pc, err);
    }
    if (m->memory_backend) {
        m->ram = memory_backend_region(m->memory_backend, err);
        return m->ram != NULL;
    }
    if (!memory_region_init_ram(&pc->ram_region, &m->object, "pc.ram", m->ram_size, err)) {
        return false;
    }
    m->ram = &pc->ram_region;
    return true;
}

/* The last 128 KiB of the firmware also end at 1 MiB, where the CPU starts in real mode's reach. */
static void map_isa_bios(PcMachine *pc, MemoryRegion *firmware)
{
    uint64_t len = memory_region_size(firmware), isa_bytes = MIN(len, ISA_BIOS_BYTES);

    memory_region_init_alias(&pc->isa_bios, &pc->machine.object, "isa-bios", firmware, len - isa_bytes, isa_bytes);
    memory_region_set_readonly(&pc->isa_bios, !pc->isa_only);
    memory_region_add_overlap(&pc->pci, (1 << 20) - isa_bytes, &pc->isa_bios, 1);
}

static bool load_firmware(PcMachine *pc, GError **err)
{
    const char *name = pc->machine.firmware ? pc->machine.firmware : pc->isa_only ? ISA_FIRMWARE : DEFAULT_FIRMWARE;
    g_autofree uint8_t *data = NULL;
    size_t len;

    if (!firmware_read(name, pc->machine.firmware ? "" : " (Debian package seabios)", pc->max_fw_size, &data, &len, err)) {
        return false;
    }
    if (!(pc->isa_only ? memory_region_init_ram : memory_region_init_rom)(&pc->bios, &pc->machine.object, "pc.bios",
                                                                          len, err)) {
        return false;
    }
    memcpy(memory_region_ram_ptr(&pc->bios), data, len);
    map_isa_bios(pc, &pc->bios);
    memory_region_add(&pc->pci, FOUR_GIB - len, &pc->bios);
    return true;
}

/* Firmware is in flash if there are flash drives, else in a ROM. */
static bool firmware_init(PcMachine *pc, GError **err)
{
    MemoryRegion *flash;

    if (!pc_flash_init(pc, &flash, err)) {
        return false;
    }
    if (!flash) {
        return load_firmware(pc, err);
    }
    if (pc->machine.firmware) {
        warn_report("-bios %s is not used: the firmware is in flash", pc->machine.firmware);
    }
    map_isa_bios(pc, flash);
    return true;
}

/* KVM needs hardware that can do it, and a second address space for what is seen inside. */
static bool smm_possible(void)
{
    return !accel_is("kvm") || (kvm_has(KVM_CAP_X86_SMM) && kvm_has(KVM_CAP_MULTI_ADDRESS_SPACE) > 1);
}

bool pc_memory_init(PcMachine *pc, uint64_t below_4g, GError **err)
{
    Object *obj = &pc->machine.object;
    MemoryRegion *system = system_memory();

    if (pc->smm == ON_OFF_AUTO_ON && !smm_possible()) {
        return error_set(err, "machine property smm=on cannot be had: this host's KVM has no system management mode");
    }
    if (!ram_init(pc, err)) {
        return false;
    }
    uint64_t above_4g = pc->machine.ram_size - below_4g;
    pc->memory = (ChipsetMemory){
        .system = system, .io = system_io(), .pci = &pc->pci, .ram = pc->machine.ram, .below_4g_bytes = below_4g,
        .above_4g_bytes = above_4g, .smram = &pc->smram, .smm = pc_on(pc->smm, smm_possible()),
    };
    memory_transaction_begin();
    memory_region_init_alias(&pc->ram_below_4g, obj, "ram-below-4g", pc->machine.ram, 0, below_4g);
    memory_region_add(system, 0, &pc->ram_below_4g);
    if (above_4g) {
        memory_region_init_alias(&pc->ram_above_4g, obj, "ram-above-4g", pc->machine.ram, below_4g, above_4g);
        memory_region_add(system, FOUR_GIB, &pc->ram_above_4g);
    }
    memory_region_init(&pc->pci, obj, "pci", REGION_SIZE_MAX);
    memory_region_add_overlap(system, 0, &pc->pci, -1);
    bool ok = firmware_init(pc, err) && (pc->isa_only ? memory_region_init_ram :
                                         memory_region_init_rom)(&pc->option_roms, obj, "pc.rom", OPTION_ROMS_BYTES,
                                                                 err);
    if (ok) {
        memory_region_add_overlap(&pc->pci, OPTION_ROMS_BASE, &pc->option_roms, 1);
        pc_msi_window_init(&pc->msi_window, obj);

        memory_region_init(&pc->smram, obj, "smram", FOUR_GIB);
        if (pc->memory.smm) {
            memory_region_init(&pc->smm_root, obj, "smm-memory", REGION_SIZE_MAX);
            memory_region_init_alias(&pc->smm_system, obj, "smm-system", system, 0, REGION_SIZE_MAX);
            memory_region_add(&pc->smm_root, 0, &pc->smm_system);
            memory_region_add_overlap(&pc->smm_root, 0, &pc->smram, 1);
            address_space_init(&pc->smm_as, &pc->smm_root, "cpu-smm");
            pc->machine.smm_as = &pc->smm_as;
            if (accel_is("kvm")) {
                kvm_watch_memory(&pc->smm_as, 1);
            }
        }
    }
    memory_transaction_commit();
    return ok;
}
