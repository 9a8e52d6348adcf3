/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a PS/2 keyboard sends for a key, in each of its three scan code sets. */
#ifndef HW_INPUT_PS2_KEYS_H
#define HW_INPUT_PS2_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "qapi/qapi-types.h"

/* Modifiers that are held. */
enum { PS2_ALT = 0x01, PS2_ALT_R = 0x02, PS2_CTRL = 0x04, PS2_CTRL_R = 0x08, PS2_SHIFT = 0x10, PS2_SHIFT_R = 0x20 };

typedef struct Ps2Code { uint8_t bytes[8], len; } Ps2Code;
/** ps2_code: for @key in @set 1 to 3; no bytes if the set has no such key. */
Ps2Code ps2_code(QKeyCode key, unsigned set, bool down, unsigned modifiers);
uint8_t ps2_set_3_code(QKeyCode key);           /* 0: none */

#endif
