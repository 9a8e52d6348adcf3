/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI tables that the user brings (-acpitable). */
#ifndef HW_ACPI_ACPI_USER_H
#define HW_ACPI_ACPI_USER_H

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

/**
 * acpi_user_table_add: one -acpitable option: "file" (tables with headers) or "data" (what follows the header), both
 * lists of files joined by ':'; sig, rev, oem_id, oem_table_id, oem_rev, asl_compiler_id, asl_compiler_rev set header
 * fields. The length is computed; so is, by the firmware's loader, the checksum.
 */
bool acpi_user_table_add(json_object *args, GError **err);
/** acpi_user_tables: GByteArray * each, header included; NULL: none. */
const GPtrArray *acpi_user_tables(void);
void acpi_user_tables_clear(void);              /* for tests */

#endif
