/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loader script: tells firmware how to place fw_cfg files in memory and link them (SeaBIOS romfile_loader, OVMF
 * AcpiPlatformDxe). A sequence of 128-byte commands, carried out in order; numbers are little-endian.
 */
#ifndef HW_FIRMWARE_TABLE_LOADER_H
#define HW_FIRMWARE_TABLE_LOADER_H

#include <glib.h>
#include <stdint.h>

/* High: anywhere in RAM. FSEG: 0xf0000-0xfffff, where guests look for RSDP. */
typedef enum LoaderZone { LOADER_ZONE_HIGH = 1, LOADER_ZONE_FSEG = 2 } LoaderZone;

/** loader_allocate: reserves memory for @file at a multiple of @align and reads it there. Comes first for a file. */
void loader_allocate(GByteArray *script, const char *file, uint32_t align, LoaderZone zone);
/**
 * loader_add_pointer: the @bytes (1, 2, 4, 8) at @offset of @dest hold an offset into @src: its address is added to
 * them. Both files have been allocated.
 */
void loader_add_pointer(GByteArray *script, const char *dest, const char *src, uint32_t offset, uint8_t bytes);
/** loader_add_checksum: makes [@start, +@len) of @file sum to 0 by its byte at @offset, which must be 0 before. */
void loader_add_checksum(GByteArray *script, const char *file, uint32_t offset, uint32_t start, uint32_t len);
/** loader_write_pointer: writes address of @src plus @src_offset into writable file @dest at @dest_offset. */
void loader_write_pointer(GByteArray *script, const char *dest, uint32_t dest_offset, uint8_t bytes, const char *src,
                          uint32_t src_offset);

#endif
