/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EDID: what a monitor tells of itself, made from a preferred size and limits. */
#ifndef HW_DISPLAY_EDID_H
#define HW_DISPLAY_EDID_H

#include <stdbool.h>
#include <stdint.h>

#include "core/object.h"

#define EDID_BYTES 384                          /* base block, CTA-861 extension, and DisplayID where it is needed */

/* Sizes in pixels; 0: the default (1280 by 800 at 75 Hz), or no limit. */
typedef struct EdidConfig { uint32_t xres, yres, xmax, ymax, refresh_mhz; } EdidConfig;

/* Rows for the properties of a device with an EdidConfig. */
#define EDID_PROPERTIES(S, f) \
    PROP_UINT32("xres", S, f.xres, 0, "preferred width; 0: 1280"), \
    PROP_UINT32("yres", S, f.yres, 0, "preferred height; 0: 800"), \
    PROP_UINT32("xmax", S, f.xmax, 0, "largest width; 0: no limit"), \
    PROP_UINT32("ymax", S, f.ymax, 0, "largest height; 0: no limit"), \
    PROP_UINT32("refresh_rate", S, f.refresh_mhz, 0, "preferred refresh rate in mHz; 0: 75000")

/** edid_make: all of @edid; what is not used is zero. Sizes beyond 65535 are taken for that. */
void edid_make(uint8_t edid[EDID_BYTES], const EdidConfig *config);

#endif
