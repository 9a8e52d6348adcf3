/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys by name (QMP's QKeyCode) and by number: the code of scan code set 1, with bit 7 set for those after E0. */
#ifndef UI_KEYS_H
#define UI_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "qapi/qapi-types.h"

uint8_t key_number(QKeyCode key);               /* 0: none */
/** key_by_number: Q_KEY_CODE_UNMAPPED if no key has @number (any value). */
QKeyCode key_by_number(int64_t number);
bool key_by_name(const char *name, QKeyCode *key);      /* false: no such key */

#endif
