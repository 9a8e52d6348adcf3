/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of -kernel and -initrd, and the boot ROMs that load them: what linux_boot.c and elf_boot.c share. */
#ifndef HW_FIRMWARE_BOOT_FILE_H
#define HW_FIRMWARE_BOOT_FILE_H

#include "hw/firmware/fw_cfg.h"

/** boot_file_bytes: the file's content, mapped where possible. Errors begin with @what and name the file. */
GBytes *boot_file_bytes(const char *what, const char *path, GError **err);
/** boot_rom_add: boot ROM @file, under the name @name that guest and boot order know, first in the boot order. */
bool boot_rom_add(FwCfg *fw, const char *file, const char *name, GError **err);

#endif
