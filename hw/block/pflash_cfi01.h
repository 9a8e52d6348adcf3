/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parallel NOR flash of the Intel command set (CFI primary vendor 0001): firmware and its variables. */
#ifndef HW_BLOCK_PFLASH_CFI01_H
#define HW_BLOCK_PFLASH_CFI01_H

#include "block/block.h"
#include "core/device.h"
#include "memory/memory.h"

#define PFLASH_BLOCK_BYTES 4096                 /* erase block of flash that a board makes */

extern const DeviceType pflash_cfi01_type;      /* "cfi.pflash01" */

/**
 * pflash_cfi01_new: a device that holds the whole of @blk, whose length is a non-zero multiple of PFLASH_BLOCK_BYTES;
 * not in the tree and not realized. @name is its memory region's.
 */
Device *pflash_cfi01_new(BlockBackend *blk, const char *name);
MemoryRegion *pflash_cfi01_memory(Device *dev); /* of a realized device, for the board to map */

#endif
