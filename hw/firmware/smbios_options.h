/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What -smbios options said, for smbios.c. */
#ifndef HW_FIRMWARE_SMBIOS_OPTIONS_H
#define HW_FIRMWARE_SMBIOS_OPTIONS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

bool smbios_option_given(unsigned type);        /* some field of structure @type */
const char *smbios_option(unsigned type, const char *key);      /* NULL: not given */
unsigned smbios_option_number(unsigned type, const char *key, unsigned otherwise);
bool smbios_option_flag(unsigned type, const char *key);
void smbios_option_release(unsigned *major, unsigned *minor);   /* of type 0; left alone if not given */
void smbios_option_uuid(uint8_t uuid[16]);      /* of type 1; left alone if not given */
GPtrArray *smbios_oem_strings(void);            /* type 11; NULL: none */
GByteArray *smbios_user_structures(void);       /* of file=; NULL: none */
unsigned smbios_user_structure_count(void);
void smbios_options_clear(void);                /* forgets all; for tests */

#endif
