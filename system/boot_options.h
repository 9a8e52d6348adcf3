/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line gives to firmware: -boot before the board is made, the rest once its fw_cfg exists. */
#ifndef SYSTEM_BOOT_OPTIONS_H
#define SYSTEM_BOOT_OPTIONS_H

#include "hw/machine.h"
#include "system/config.h"

/** boot_options_fill: -boot and -machine boot.*: into @m. Exits with a message on a mistake. */
void boot_options_fill(const Config *c, Machine *m);
/** firmware_options_apply: -smbios, -acpitable, -fw_cfg, -option-rom. Exits with a message on a mistake. */
void firmware_options_apply(const Config *c);

#endif
