/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS structures: from SmbiosMachine and -smbios options to tables and entry point.
 *
 * Each structure is appended as: header (type, length, handle), fixed part, strings that the fixed part numbers from 1,
 * a zero. Types 0 (firmware) and 2 (board) appear only if the user gives them; SeaBIOS and OVMF add their own type 0.
 * Handles: type << 8 and up. Spec: DMTF DSP0134 3.0, chapters 5 to 7; 2.8 forms for the 32-bit entry point.
 */
#include "hw/firmware/smbios.h"

#include <string.h>

#include "hw/firmware/smbios_options.h"

enum {
    TYPE_FIRMWARE = 0, TYPE_SYSTEM = 1, TYPE_BOARD = 2, TYPE_CHASSIS = 3, TYPE_PROCESSOR = 4, TYPE_OEM_STRINGS = 11,
    TYPE_MEMORY_ARRAY = 16, TYPE_MEMORY_DEVICE = 17, TYPE_MEMORY_MAP = 19, TYPE_BOOT = 32, TYPE_END = 127,
};
enum { UNKNOWN = 0x02, OTHER = 0x01, SAFE = 0x03, NO_HANDLE = 0xfffe };

#define MIB (1ull << 20)
#define TIB (1ull << 40)
#define DEVICE_BYTES_MAX (2 * TIB)              /* more RAM makes more memory devices */

typedef struct Builder {
    GByteArray *out;
    unsigned count, largest;                    /* structures; bytes of the largest one */
    unsigned start;                             /* of the structure being built */
    GPtrArray *strings;
    const SmbiosMachine *m;
    bool v3;
} Builder;

static void u8(Builder *b, uint8_t value) { g_byte_array_append(b->out, &value, 1); }

static void le(Builder *b, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        u8(b, value >> i * 8);
    }
}

static void begin(Builder *b, uint8_t type, uint16_t handle)
{
    b->start = b->out->len;
    g_ptr_array_set_size(b->strings, 0);
    u8(b, type);
    u8(b, 0);                                   /* length: finish() */
    le(b, handle, 2);
}

/* A field that numbers a string; 0: there is none. */
static void string(Builder *b, const char *text)
{
    if (!text || !*text) {
        u8(b, 0);
        return;
    }
    g_ptr_array_add(b->strings, (void *)text);
    u8(b, b->strings->len);
}

static void finish(Builder *b)
{
    b->out->data[b->start + 1] = b->out->len - b->start;
    for (unsigned i = 0; i < b->strings->len; i++) {
        const char *text = g_ptr_array_index(b->strings, i);
        g_byte_array_append(b->out, (const uint8_t *)text, strlen(text) + 1);
    }
    le(b, 0, b->strings->len ? 1 : 2);
    b->count++;
    b->largest = MAX(b->largest, b->out->len - b->start);
}

static const char *user_or(unsigned type, const char *key, const char *otherwise)
{
    const char *value = smbios_option(type, key);

    return value ? value : otherwise;
}

/* The structures, DSP0134 chapter 7 */

static void firmware(Builder *b)                /* 7.1 */
{
    enum { CHARACTERISTICS_UNSUPPORTED = 1 << 3, EXT_UEFI = 1 << 3, EXT_VIRTUAL_MACHINE = 1 << 4,
           EXT_TARGETED = 1 << 2 };
    unsigned major = 0xff, minor = 0xff;

    if (!smbios_option_given(TYPE_FIRMWARE)) {
        return;
    }
    smbios_option_release(&major, &minor);
    begin(b, TYPE_FIRMWARE, 0x000);
    string(b, smbios_option(TYPE_FIRMWARE, "vendor"));
    string(b, smbios_option(TYPE_FIRMWARE, "version"));
    le(b, 0xe800, 2);                           /* start segment */
    string(b, smbios_option(TYPE_FIRMWARE, "date"));
    u8(b, 0);                                   /* ROM size: 64 KiB */
    le(b, CHARACTERISTICS_UNSUPPORTED, 8);
    u8(b, 0);
    u8(b, EXT_TARGETED | EXT_VIRTUAL_MACHINE | (smbios_option_flag(TYPE_FIRMWARE, "uefi") ? EXT_UEFI : 0));
    u8(b, major);
    u8(b, minor);
    le(b, 0xffff, 2);                           /* no embedded controller */
    finish(b);
}

static void system_information(Builder *b)      /* 7.2 */
{
    uint8_t uuid[16];

    memcpy(uuid, b->m->uuid, sizeof(uuid));
    smbios_option_uuid(uuid);
    begin(b, TYPE_SYSTEM, 0x100);
    string(b, user_or(TYPE_SYSTEM, "manufacturer", "QEMU"));
    string(b, user_or(TYPE_SYSTEM, "product", b->m->product));
    string(b, user_or(TYPE_SYSTEM, "version", b->m->version));
    string(b, smbios_option(TYPE_SYSTEM, "serial"));
    /* 7.2.1: the first three groups little-endian. */
    le(b, (uint32_t)uuid[0] << 24 | uuid[1] << 16 | uuid[2] << 8 | uuid[3], 4);
    le(b, uuid[4] << 8 | uuid[5], 2);
    le(b, uuid[6] << 8 | uuid[7], 2);
    g_byte_array_append(b->out, uuid + 8, 8);
    u8(b, 0x06);                                /* woken by the power switch */
    string(b, smbios_option(TYPE_SYSTEM, "sku"));
    string(b, smbios_option(TYPE_SYSTEM, "family"));
    finish(b);
}

static void baseboard(Builder *b)               /* 7.3 */
{
    if (!smbios_option_given(TYPE_BOARD)) {
        return;
    }
    begin(b, TYPE_BOARD, 0x200);
    string(b, user_or(TYPE_BOARD, "manufacturer", "QEMU"));
    string(b, user_or(TYPE_BOARD, "product", b->m->product));
    string(b, user_or(TYPE_BOARD, "version", b->m->version));
    string(b, smbios_option(TYPE_BOARD, "serial"));
    string(b, smbios_option(TYPE_BOARD, "asset"));
    u8(b, 0x01);                                /* a hosting board */
    string(b, smbios_option(TYPE_BOARD, "location"));
    le(b, 0x300, 2);                            /* its chassis */
    u8(b, 0x0a);                                /* motherboard */
    u8(b, 0);
    finish(b);
}

static void chassis(Builder *b)                 /* 7.4 */
{
    begin(b, TYPE_CHASSIS, 0x300);
    string(b, user_or(TYPE_CHASSIS, "manufacturer", "QEMU"));
    u8(b, OTHER);
    string(b, user_or(TYPE_CHASSIS, "version", b->m->version));
    string(b, smbios_option(TYPE_CHASSIS, "serial"));
    string(b, smbios_option(TYPE_CHASSIS, "asset"));
    u8(b, SAFE);                                /* boot-up, power supply, thermal */
    u8(b, SAFE);
    u8(b, SAFE);
    u8(b, UNKNOWN);                             /* security */
    le(b, 0, 4);
    le(b, 0, 4);                                /* height, power cords, contained elements: none said */
    string(b, smbios_option(TYPE_CHASSIS, "sku"));
    finish(b);
}

static void processor(Builder *b, unsigned n)   /* 7.5 */
{
    g_autofree char *socket = g_strdup_printf("%s %u", user_or(TYPE_PROCESSOR, "sock_pfx", "CPU"), n);
    unsigned cores = b->m->cores, threads = b->m->threads;

    begin(b, TYPE_PROCESSOR, 0x400 + n);
    string(b, socket);
    u8(b, 0x03);                                /* central processor */
    u8(b, 0xfe);                                /* family: see family 2 */
    string(b, user_or(TYPE_PROCESSOR, "manufacturer", "QEMU"));
    le(b, b->m->cpuid_version, 4);
    le(b, b->m->cpuid_features, 4);
    string(b, user_or(TYPE_PROCESSOR, "version", b->m->version));
    u8(b, 0);                                   /* voltage */
    le(b, 0, 2);                                /* external clock */
    le(b, smbios_option_number(TYPE_PROCESSOR, "max-speed", 2000), 2);
    le(b, smbios_option_number(TYPE_PROCESSOR, "current-speed", 2000), 2);
    u8(b, 0x41);                                /* socket populated, processor enabled */
    u8(b, OTHER);                               /* upgrade */
    le(b, 0xffff, 2);                           /* caches: not provided */
    le(b, 0xffff, 2);
    le(b, 0xffff, 2);
    string(b, smbios_option(TYPE_PROCESSOR, "serial"));
    string(b, smbios_option(TYPE_PROCESSOR, "asset"));
    string(b, smbios_option(TYPE_PROCESSOR, "part"));
    u8(b, MIN(cores, 255));
    u8(b, MIN(cores, 255));
    u8(b, MIN(threads, 255));
    le(b, 0x02, 2);                             /* characteristics: unknown */
    le(b, smbios_option_number(TYPE_PROCESSOR, "processor-family", 0x01), 2);
    if (b->v3) {
        le(b, cores, 2);
        le(b, cores, 2);
        le(b, threads, 2);
    }
    finish(b);
}

static void oem_strings(Builder *b)             /* 7.12 */
{
    GPtrArray *values = smbios_oem_strings();

    if (!values || !values->len) {
        return;
    }
    begin(b, TYPE_OEM_STRINGS, 0xe00);
    u8(b, values->len);
    for (unsigned i = 0; i < values->len; i++) {
        g_ptr_array_add(b->strings, g_ptr_array_index(values, i));
    }
    finish(b);
}

static void memory_array(Builder *b, unsigned devices)  /* 7.17 */
{
    uint64_t bytes = b->m->ram_bytes;
    bool extended = bytes >= 2 * TIB;

    begin(b, TYPE_MEMORY_ARRAY, 0x1000);
    u8(b, OTHER);
    u8(b, 0x03);                                /* system memory */
    u8(b, 0x06);                                /* multi-bit ECC */
    le(b, extended ? 0x80000000 : bytes >> 10, 4);
    le(b, NO_HANDLE, 2);
    le(b, devices, 2);
    le(b, extended ? bytes : 0, 8);
    finish(b);
}

static void memory_device(Builder *b, unsigned n, uint64_t bytes)       /* 7.18 */
{
    enum { SIZE_EXTENDED = 0x7fff, FORM_DIMM = 0x09, MEMORY_RAM = 0x07 };
    g_autofree char *locator = g_strdup_printf("%s %u", user_or(TYPE_MEMORY_DEVICE, "loc_pfx", "DIMM"), n);
    uint64_t mib = (bytes + MIB - 1) / MIB;
    unsigned speed = smbios_option_number(TYPE_MEMORY_DEVICE, "speed", 0);

    begin(b, TYPE_MEMORY_DEVICE, 0x1100 + n);
    le(b, 0x1000, 2);                           /* its array */
    le(b, NO_HANDLE, 2);
    le(b, 0xffff, 2);                           /* widths: unknown */
    le(b, 0xffff, 2);
    le(b, MIN(mib, SIZE_EXTENDED), 2);
    u8(b, FORM_DIMM);
    u8(b, 0);
    string(b, locator);
    string(b, smbios_option(TYPE_MEMORY_DEVICE, "bank"));
    u8(b, MEMORY_RAM);
    le(b, 0x02, 2);                             /* detail: other */
    le(b, speed, 2);
    string(b, user_or(TYPE_MEMORY_DEVICE, "manufacturer", "QEMU"));
    string(b, smbios_option(TYPE_MEMORY_DEVICE, "serial"));
    string(b, smbios_option(TYPE_MEMORY_DEVICE, "asset"));
    string(b, smbios_option(TYPE_MEMORY_DEVICE, "part"));
    u8(b, 0);                                   /* rank */
    le(b, mib >= SIZE_EXTENDED ? mib : 0, 4);
    le(b, speed, 2);
    le(b, 0, 6);                                /* voltages */
    finish(b);
}

static void memory_map(Builder *b, unsigned n, uint64_t start, uint64_t bytes)  /* 7.20 */
{
    uint64_t end = start + bytes - 1;
    bool extended = end >> 10 >= UINT32_MAX;

    begin(b, TYPE_MEMORY_MAP, 0x1300 + n);
    le(b, extended ? UINT32_MAX : start >> 10, 4);
    le(b, extended ? UINT32_MAX : end >> 10, 4);
    le(b, 0x1000, 2);
    u8(b, 1);                                   /* one device a row */
    le(b, extended ? start : 0, 8);
    le(b, extended ? end : 0, 8);
    finish(b);
}

static void memory(Builder *b)
{
    unsigned devices = MAX((b->m->ram_bytes + DEVICE_BYTES_MAX - 1) / DEVICE_BYTES_MAX, 1), maps = 0;

    memory_array(b, devices);
    for (unsigned i = 0; i < devices; i++) {
        memory_device(b, i, MIN(DEVICE_BYTES_MAX, b->m->ram_bytes - i * DEVICE_BYTES_MAX));
    }
    if (b->m->ram_below_4g) {
        memory_map(b, maps++, 0, b->m->ram_below_4g);
    }
    if (b->m->ram_above_4g) {
        memory_map(b, maps++, 1ull << 32, b->m->ram_above_4g);
    }
}

static void boot_and_end(Builder *b)            /* 7.33, 7.45 */
{
    begin(b, TYPE_BOOT, 0x2000);
    le(b, 0, 6);
    u8(b, 0);                                   /* no error */
    finish(b);
    begin(b, TYPE_END, 0x7f00);
    finish(b);
}

/* Entry points, 5.2.1 and 5.2.2. Firmware fills in address and checksums. */
static GByteArray *entry_point(const Builder *b)
{
    GByteArray *out = g_byte_array_new();
    Builder e = { .out = out };

    if (b->v3) {
        g_byte_array_append(out, (const uint8_t *)"_SM3_", 5);
        u8(&e, 0);
        u8(&e, 0x18);
        u8(&e, 3);
        le(&e, 0, 2);                           /* minor version, document revision */
        le(&e, 0x01, 2);                        /* entry point revision, reserved */
        le(&e, b->out->len, 4);
        le(&e, 0, 8);
        return out;
    }
    g_byte_array_append(out, (const uint8_t *)"_SM_", 4);
    u8(&e, 0);
    u8(&e, 0x1f);
    u8(&e, 2);
    u8(&e, 8);
    le(&e, b->largest, 2);
    le(&e, 0, 6);
    g_byte_array_append(out, (const uint8_t *)"_DMI_", 5);
    u8(&e, 0);
    le(&e, b->out->len, 2);
    le(&e, 0, 4);
    le(&e, b->count, 2);
    u8(&e, 0x28);
    return out;
}

static void build_all(Builder *b)
{
    g_byte_array_set_size(b->out, 0);
    b->count = b->largest = 0;
    if (smbios_user_structures()) {
        GByteArray *user = smbios_user_structures();
        g_byte_array_append(b->out, user->data, user->len);
        b->count = smbios_user_structure_count();
        b->largest = user->len;
    }
    firmware(b);
    system_information(b);
    baseboard(b);
    chassis(b);
    for (unsigned i = 0; i < MAX(b->m->sockets, 1); i++) {
        processor(b, i);
    }
    oem_strings(b);
    memory(b);
    boot_and_end(b);
}

bool smbios_build(const SmbiosMachine *machine, GByteArray **tables, GByteArray **anchor, GError **err)
{
    g_autoptr(GPtrArray) strings = g_ptr_array_new();
    g_autoptr(GByteArray) out = g_byte_array_new();
    /* A 2.8 processor has one byte for its cores, and the table 16 bits for its length. */
    Builder b = { .out = out, .strings = strings, .m = machine,
                  .v3 = machine->entry_point_64 || machine->cores >= 255 || machine->threads >= 255 };

    build_all(&b);
    if (!b.v3 && b.out->len > UINT16_MAX) {
        b.v3 = true;
        build_all(&b);
    }
    if (machine->sockets > 0x100) {
        return error_set(err, "SMBIOS has handles for 256 processors, not for %u", machine->sockets);
    }
    *tables = g_byte_array_ref(out);
    *anchor = entry_point(&b);
    return true;
}

bool smbios_setup(FwCfg *fw, const SmbiosMachine *machine, GError **err)
{
    g_autoptr(GByteArray) tables = NULL, anchor = NULL;

    if (!smbios_build(machine, &tables, &anchor, err)) {
        return false;
    }
    fw_cfg_add_file(fw, "etc/smbios/smbios-tables", tables->data, tables->len);
    fw_cfg_add_file(fw, "etc/smbios/smbios-anchor", anchor->data, anchor->len);
    return true;
}
