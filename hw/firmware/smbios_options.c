/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -smbios type=N,field=value,... and -smbios file=F: parsed, checked against the rows below, kept as text.
 */
#include "hw/firmware/smbios_options.h"

#include <stdio.h>
#include <string.h>

#include "core/option.h"
#include "hw/firmware/smbios.h"

typedef enum FieldKind { FIELD_TEXT, FIELD_U16, FIELD_FLAG, FIELD_RELEASE, FIELD_UUID, FIELD_LIST } FieldKind;
typedef struct Field { uint8_t type; const char *key; FieldKind kind; } Field;

static const Field fields[] = {
    { 0, "vendor" }, { 0, "version" }, { 0, "date" }, { 0, "release", FIELD_RELEASE }, { 0, "uefi", FIELD_FLAG },
    { 1, "manufacturer" }, { 1, "product" }, { 1, "version" }, { 1, "serial" }, { 1, "uuid", FIELD_UUID }, { 1, "sku" },
    { 1, "family" },
    { 2, "manufacturer" }, { 2, "product" }, { 2, "version" }, { 2, "serial" }, { 2, "asset" }, { 2, "location" },
    { 3, "manufacturer" }, { 3, "version" }, { 3, "serial" }, { 3, "asset" }, { 3, "sku" },
    { 4, "sock_pfx" }, { 4, "manufacturer" }, { 4, "version" }, { 4, "serial" }, { 4, "asset" }, { 4, "part" },
    { 4, "max-speed", FIELD_U16 }, { 4, "current-speed", FIELD_U16 }, { 4, "processor-family", FIELD_U16 },
    { 11, "value", FIELD_LIST },
    { 17, "loc_pfx" }, { 17, "bank" }, { 17, "manufacturer" }, { 17, "serial" }, { 17, "asset" }, { 17, "part" },
    { 17, "speed", FIELD_U16 },
};

static char *values[G_N_ELEMENTS(fields)];
static GPtrArray *oem_strings;
static GByteArray *user_structures;
static unsigned user_structure_count;

static int field_index(unsigned type, const char *key)
{
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (fields[i].type == type && !strcmp(fields[i].key, key)) {
            return i;
        }
    }
    return -1;
}

const char *smbios_option(unsigned type, const char *key)
{
    int i = field_index(type, key);

    g_assert(i >= 0);
    return values[i];
}

bool smbios_option_given(unsigned type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (fields[i].type == type && values[i]) {
            return true;
        }
    }
    return false;
}

unsigned smbios_option_number(unsigned type, const char *key, unsigned otherwise)
{
    const char *text = smbios_option(type, key);

    return text ? g_ascii_strtoull(text, NULL, 0) : otherwise;      /* checked when it was set */
}

bool smbios_option_flag(unsigned type, const char *key)
{
    const char *text = smbios_option(type, key);
    bool on = false;

    return text && parse_bool(key, text, &on, NULL) && on;
}

static bool release_parse(const char *text, unsigned *major, unsigned *minor)
{
    return sscanf(text, "%u.%u", major, minor) == 2 && *major <= 255 && *minor <= 255;
}

void smbios_option_release(unsigned *major, unsigned *minor)
{
    const char *text = smbios_option(0, "release");

    if (text) {
        release_parse(text, major, minor);
    }
}

static bool uuid_parse(const char *text, uint8_t uuid[16])
{
    static const uint8_t dash_before[] = { 4, 6, 8, 10 };
    unsigned at = 0;

    for (unsigned i = 0; i < 16; i++) {
        if (memchr(dash_before, i, sizeof(dash_before)) && text[at++] != '-') {
            return false;
        }
        if (!g_ascii_isxdigit(text[at]) || !g_ascii_isxdigit(text[at + 1])) {
            return false;
        }
        uuid[i] = g_ascii_xdigit_value(text[at]) << 4 | g_ascii_xdigit_value(text[at + 1]);
        at += 2;
    }
    return text[at] == '\0';
}

void smbios_option_uuid(uint8_t uuid[16])
{
    const char *text = smbios_option(1, "uuid");

    if (text) {
        uuid_parse(text, uuid);
    }
}

GPtrArray *smbios_oem_strings(void) { return oem_strings; }
GByteArray *smbios_user_structures(void) { return user_structures; }
unsigned smbios_user_structure_count(void) { return user_structure_count; }

/* Setting */

static bool value_fits(const Field *field, const char *text, GError **err)
{
    unsigned major, minor;
    uint8_t uuid[16];
    uint64_t number;
    bool flag;

    switch (field->kind) {
    case FIELD_U16: return parse_uint(field->key, text, UINT16_MAX, &number, err);
    case FIELD_FLAG: return parse_bool(field->key, text, &flag, err);
    case FIELD_RELEASE: return release_parse(text, &major, &minor) ||
                               error_set(err, "release '%s' is not MAJOR.MINOR with numbers up to 255", text);
    case FIELD_UUID: return uuid_parse(text, uuid) || error_set(err, "'%s' is no UUID", text);
    default: return true;
    }
}

static bool oem_string_add(const char *text, GError **err)
{
    if (!oem_strings) {
        oem_strings = g_ptr_array_new_with_free_func(g_free);
    }
    if (oem_strings->len == 255) {
        return error_set(err, "SMBIOS type 11 holds 255 strings");
    }
    if (!*text) {
        return error_set(err, "an SMBIOS string cannot be empty");
    }
    g_ptr_array_add(oem_strings, g_strdup(text));
    return true;
}

static bool field_set(unsigned index, json_object *value, GError **err)
{
    const Field *field = &fields[index];

    if (field->kind == FIELD_LIST && json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            if (!oem_string_add(json_object_get_string(json_object_array_get_idx(value, i)), err)) {
                return false;
            }
        }
        return true;
    }
    const char *text = json_object_get_string(value);
    if (!text || strlen(text) > 255) {
        return error_set(err, "value of '%s' is longer than 255 bytes", field->key);
    }
    if (field->kind == FIELD_LIST) {
        return oem_string_add(text, err);
    }
    if (!value_fits(field, text, err)) {
        return false;
    }
    g_free(values[index]);
    values[index] = g_strdup(text);
    return true;
}

/* Raw structures must at least be structures: the firmware walks them. */
static bool file_add(const char *path, GError **err)
{
    g_autofree char *data = NULL;
    gsize len, at = 0;
    unsigned count = 0;

    if (!g_file_get_contents(path, &data, &len, err)) {
        return false;
    }
    while (at < len) {
        gsize fixed = len - at >= 4 ? (uint8_t)data[at + 1] : 0;
        if (fixed < 4 || fixed > len - at) {
            return error_set(err, "SMBIOS file '%s': structure at byte %zu is cut off", path, at);
        }
        at += fixed;
        const char *end = len - at >= 2 ? memmem(data + at, len - at, "\0\0", 2) : NULL;
        if (!end) {
            return error_set(err, "SMBIOS file '%s': the last structure's strings do not end with two zeros", path);
        }
        at = end - data + 2;
        count++;
    }
    if (!user_structures) {
        user_structures = g_byte_array_new();
    }
    g_byte_array_append(user_structures, (uint8_t *)data, len);
    user_structure_count += count;
    return true;
}

bool smbios_add_option(json_object *args, GError **err)
{
    const char *file = dict_str(args, "file"), *type_text = dict_str(args, "type");
    bool type_known = false;
    uint64_t type;

    if (file && type_text) {
        return error_set(err, "smbios takes either file or type");
    }
    if (file) {
        return file_add(file, err);
    }
    if (!type_text) {
        return error_set(err, "smbios needs file or type");
    }
    if (!parse_uint("type", type_text, 255, &type, err)) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        type_known |= fields[i].type == type;
    }
    if (!type_known) {
        return error_set(err, "SMBIOS type %u cannot be set; 0, 1, 2, 3, 4, 11 and 17 can", (unsigned)type);
    }
    json_object_object_foreach(args, key, value) {
        int index = field_index(type, key);

        if (!strcmp(key, "type")) {
            continue;
        }
        if (index < 0) {
            NearestWord nearest;
            nearest_init(&nearest, key);
            for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
                if (fields[i].type == type) {
                    nearest_add(&nearest, fields[i].key);
                }
            }
            return error_set(err, "SMBIOS type %u has no field '%s'%s", (unsigned)type, key, nearest_hint(&nearest));
        }
        if (!field_set(index, value, err)) {
            return false;
        }
    }
    return true;
}

void smbios_options_clear(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_clear_pointer(&values[i], g_free);
    }
    g_clear_pointer(&oem_strings, g_ptr_array_unref);
    g_clear_pointer(&user_structures, g_byte_array_unref);
    user_structure_count = 0;
}
