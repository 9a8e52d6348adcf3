/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the device and by what fills it in for a machine. */
#ifndef HW_FIRMWARE_FW_CFG_INTERNAL_H
#define HW_FIRMWARE_FW_CFG_INTERNAL_H

#include "hw/firmware/fw_cfg.h"

GPtrArray *fw_cfg_boot_roms(FwCfg *fw);         /* char *: lines of "bootorder" that come before the devices' */

#endif
