/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -acpitable: files of the host become ACPI tables of the guest, beside those of the board.
 *
 * Header (ACPI 6.4, 5.2.6): SIGNATURE 0, LENGTH 4, REVISION 8, CHECKSUM 9, OEM_ID 10, OEM_TABLE_ID 16, OEM_REVISION 24,
 * CREATOR_ID 28, CREATOR_REVISION 32. Option keys are rows of header fields.
 */
#include "hw/acpi/acpi_user.h"

#include <string.h>

#include "core/error.h"
#include "core/option.h"

enum { HEADER_BYTES = 36, LENGTH_AT = 4, CHECKSUM_AT = 9, TABLE_MAX = 16 << 20 };

typedef struct HeaderField {
    const char *key;
    uint8_t offset, bytes;
    bool number;
    const char *otherwise;      /* text with "data=", spaces fill the rest */
    uint32_t otherwise_number;
} HeaderField;
static const HeaderField header_fields[] = {
    { "sig", 0, 4, false, "QEMU" }, { "rev", 8, 1, true, NULL, 1 }, { "oem_id", 10, 6, false, "QEMUQE" },
    { "oem_table_id", 16, 8, false, "QEMUQEMU" }, { "oem_rev", 24, 4, true, NULL, 1 },
    { "asl_compiler_id", 28, 4, false, "QEMU" }, { "asl_compiler_rev", 32, 4, true, NULL, 1 },
};

static GPtrArray *tables;

static void put_number(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        at[i] = value >> (8 * i);
    }
}

static bool set_field(const HeaderField *f, uint8_t *header, const char *text, GError **err)
{
    uint64_t value;

    if (f->number) {
        if (!parse_uint(f->key, text, f->bytes == 1 ? UINT8_MAX : UINT32_MAX, &value, err)) {
            return false;
        }
        put_number(header + f->offset, value, f->bytes);
        return true;
    }
    if (strlen(text) > f->bytes || (!f->offset && strlen(text) != f->bytes)) {
        return error_set(err, "%s takes %s%u characters, not '%s'", f->key, f->offset ? "at most " : "", f->bytes,
                         text);
    }
    memset(header + f->offset, 0, f->bytes);
    memcpy(header + f->offset, text, strlen(text));
    return true;
}

static bool read_files(const char *list, GByteArray *out, GError **err)
{
    g_auto(GStrv) paths = g_strsplit(list, ":", -1);

    for (char **path = paths; *path; path++) {
        g_autofree char *data = NULL;
        gsize len;
        if (!g_file_get_contents(*path, &data, &len, err)) {
            return false;
        }
        if (len > TABLE_MAX - out->len) {
            return error_set(err, "'%s' makes a table of more than %d MiB", *path, TABLE_MAX >> 20);
        }
        g_byte_array_append(out, (uint8_t *)data, len);
    }
    return true;
}

static bool keys_known(json_object *args, GError **err)
{
    json_object_object_foreach(args, key, value) {
        NearestWord nearest;
        bool known = !strcmp(key, "file") || !strcmp(key, "data");

        (void)value;
        nearest_init(&nearest, key);
        nearest_add(&nearest, "file");
        nearest_add(&nearest, "data");
        for (size_t i = 0; i < G_N_ELEMENTS(header_fields); i++) {
            known |= !strcmp(key, header_fields[i].key);
            nearest_add(&nearest, header_fields[i].key);
        }
        if (!known) {
            return error_set(err, "ACPI table has no key '%s'%s", key, nearest_hint(&nearest));
        }
    }
    return true;
}

bool acpi_user_table_add(json_object *args, GError **err)
{
    const char *file = dict_str(args, "file"), *data = dict_str(args, "data");
    g_autoptr(GByteArray) table = g_byte_array_new();

    if (!keys_known(args, err)) {
        return false;
    }
    if (!file == !data) {
        return error_set(err, "ACPI table needs either file or data");
    }
    if (data) {
        g_byte_array_set_size(table, HEADER_BYTES);
        memset(table->data, 0, HEADER_BYTES);
        for (size_t i = 0; i < G_N_ELEMENTS(header_fields); i++) {
            const HeaderField *f = &header_fields[i];
            if (f->number) {
                put_number(table->data + f->offset, f->otherwise_number, f->bytes);
            } else {
                memcpy(table->data + f->offset, f->otherwise, f->bytes);
            }
        }
    }
    if (!read_files(file ? file : data, table, err)) {
        return false;
    }
    if (table->len < HEADER_BYTES) {
        return error_set(err, "'%s' has %u bytes, fewer than the header of an ACPI table", file, table->len);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(header_fields); i++) {
        const char *text = dict_str(args, header_fields[i].key);
        if (text && !set_field(&header_fields[i], table->data, text, err)) {
            return false;
        }
    }
    if (file) {
        uint32_t said;
        memcpy(&said, table->data + LENGTH_AT, sizeof(said));
        if (GUINT32_FROM_LE(said) != table->len) {
            warn_report("ACPI table '%s' has %u bytes, its header says %u", file, table->len, GUINT32_FROM_LE(said));
        }
    }
    put_number(table->data + LENGTH_AT, table->len, 4);
    table->data[CHECKSUM_AT] = 0;
    if (!tables) {
        tables = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
    }
    g_ptr_array_add(tables, g_steal_pointer(&table));
    return true;
}

const GPtrArray *acpi_user_tables(void)
{
    return tables;
}

void acpi_user_tables_clear(void)
{
    g_clear_pointer(&tables, g_ptr_array_unref);
}
