/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware in flash: -machine pflash0=, pflash1= or -drive if=pflash, unit 0 (code) and 1 (variables).
 *
 * Each drive is one flash chip as large as the drive. The first ends at 4 GiB, where the CPU starts; the second ends
 * where the first begins. Together they have at most max-fw-size bytes.
 */
#include "hw/block/pflash_cfi01.h"
#include "hw/pc/pc.h"

#define FOUR_GIB (1ull << 32)

static bool take_drives(PcMachine *pc, GError **err)
{
    for (int i = 0; i < PC_FLASHES; i++) {
        DriveInfo *drive = block_drive_get("pflash", i);

        if (drive && pc->flash_drives[i]) {
            return error_set(err, "-machine pflash%d=%s clashes with -drive if=pflash,unit=%d", i,
                             block_backend_name(pc->flash_drives[i]), i);
        }
        if (drive) {
            pc->flash_drives[i] = (BlockBackend *)object_ref(OBJECT(drive->blk));
        }
    }
    return pc->flash_drives[0] || !pc->flash_drives[1] ||
           error_set(err, "pflash1 needs pflash0: flash for variables comes below the firmware's code");
}

static bool check_size(PcMachine *pc, int n, uint64_t *total, GError **err)
{
    BlockBackend *blk = pc->flash_drives[n];
    int64_t bytes;

    if (!block_backend_has_medium(blk)) {
        return error_set(err, "pflash%d: drive '%s' is empty", n, block_backend_name(blk));
    }
    bytes = block_backend_length(blk);
    if (bytes < 0) {
        return error_set_errno(err, -bytes, "pflash%d: the size of drive '%s' cannot be found", n,
                               block_backend_name(blk));
    }
    if (bytes == 0 || bytes % PFLASH_BLOCK_BYTES) {
        return error_set(err, "pflash%d: drive '%s' has %" PRId64 " bytes, not a non-zero multiple of 0x%x", n,
                         block_backend_name(blk), bytes, PFLASH_BLOCK_BYTES);
    }
    if ((uint64_t)bytes > pc->max_fw_size - *total) {
        return error_set(err, "pflash%d: with the %" PRId64 " bytes of drive '%s' the firmware is larger than "
                         "max-fw-size=%" PRIu64, n, bytes, block_backend_name(blk), pc->max_fw_size);
    }
    *total += bytes;
    return true;
}

bool pc_flash_init(PcMachine *pc, MemoryRegion **code, GError **err)
{
    uint64_t total = 0;

    *code = NULL;
    if (!take_drives(pc, err)) {
        return false;
    }
    for (int i = 0; i < PC_FLASHES && pc->flash_drives[i]; i++) {
        g_autofree char *name = g_strdup_printf("system.flash%d", i);
        Device *dev;

        if (!check_size(pc, i, &total, err)) {
            return false;
        }
        dev = pflash_cfi01_new(pc->flash_drives[i], name);
        object_add_child(&pc->machine.object, name, &dev->object);
        if (!device_realize(dev, system_bus(), err)) {
            g_prefix_error(err, "pflash%d: ", i);
            return false;
        }
        memory_region_add(&pc->pci, FOUR_GIB - total, pflash_cfi01_memory(dev));
        *code = *code ? *code : pflash_cfi01_memory(dev);
    }
    return true;
}
