/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Raw bytes of a term; for the builder's own files. */
#ifndef HW_ACPI_AML_INTERNAL_H
#define HW_ACPI_AML_INTERNAL_H

#include "hw/acpi/aml.h"

void aml_u8(Aml *a, uint8_t value);
void aml_le(Aml *a, uint64_t value, unsigned bytes);

#endif
