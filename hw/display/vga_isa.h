/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What graphics cards on the ISA bus have in common: only one fits, and its BIOS goes through fw_cfg. */
#ifndef HW_DISPLAY_VGA_ISA_H
#define HW_DISPLAY_VGA_ISA_H

#include "core/device.h"

/** vga_isa_claim: @dev takes the ports; the BIOS gets the image @rom. Fails if another card has them. */
bool vga_isa_claim(Device *dev, const char *rom, GError **err);

#endif
