/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of the loader script; see table_loader.h. */
#include "hw/firmware/table_loader.h"

#include <string.h>

enum { CMD_ALLOCATE = 1, CMD_ADD_POINTER = 2, CMD_ADD_CHECKSUM = 3, CMD_WRITE_POINTER = 4 };
enum { FILE_BYTES = 56 };

typedef struct __attribute__((packed)) LoaderCommand {
    uint32_t command;
    union {
        struct __attribute__((packed)) { char file[FILE_BYTES]; uint32_t align; uint8_t zone; } allocate;
        struct __attribute__((packed)) {
            char dest[FILE_BYTES], src[FILE_BYTES];
            uint32_t offset;
            uint8_t bytes;
        } pointer;
        struct __attribute__((packed)) { char file[FILE_BYTES]; uint32_t offset, start, length; } checksum;
        struct __attribute__((packed)) {
            char dest[FILE_BYTES], src[FILE_BYTES];
            uint32_t dest_offset, src_offset;
            uint8_t bytes;
        } write_pointer;
        uint8_t pad[124];
    };
} LoaderCommand;
G_STATIC_ASSERT(sizeof(LoaderCommand) == 128);

static void file_name(char *field, const char *name)
{
    g_assert(strlen(name) < FILE_BYTES);
    g_strlcpy(field, name, FILE_BYTES);
}

static void append(GByteArray *script, LoaderCommand *command, unsigned code)
{
    command->command = GUINT32_TO_LE(code);
    g_byte_array_append(script, (uint8_t *)command, sizeof(*command));
}

void loader_allocate(GByteArray *script, const char *file, uint32_t align, LoaderZone zone)
{
    LoaderCommand c = { .allocate = { .align = GUINT32_TO_LE(align), .zone = zone } };

    g_assert(align && !(align & (align - 1)));
    file_name(c.allocate.file, file);
    append(script, &c, CMD_ALLOCATE);
}

void loader_add_pointer(GByteArray *script, const char *dest, const char *src, uint32_t offset, uint8_t bytes)
{
    LoaderCommand c = { .pointer = { .offset = GUINT32_TO_LE(offset), .bytes = bytes } };

    file_name(c.pointer.dest, dest);
    file_name(c.pointer.src, src);
    append(script, &c, CMD_ADD_POINTER);
}

void loader_add_checksum(GByteArray *script, const char *file, uint32_t offset, uint32_t start, uint32_t len)
{
    LoaderCommand c = { .checksum = { .offset = GUINT32_TO_LE(offset), .start = GUINT32_TO_LE(start),
                                      .length = GUINT32_TO_LE(len) } };

    g_assert(offset - start < len);
    file_name(c.checksum.file, file);
    append(script, &c, CMD_ADD_CHECKSUM);
}

void loader_write_pointer(GByteArray *script, const char *dest, uint32_t dest_offset, uint8_t bytes, const char *src,
                          uint32_t src_offset)
{
    LoaderCommand c = { .write_pointer = { .dest_offset = GUINT32_TO_LE(dest_offset),
                                           .src_offset = GUINT32_TO_LE(src_offset), .bytes = bytes } };

    file_name(c.write_pointer.dest, dest);
    file_name(c.write_pointer.src, src);
    append(script, &c, CMD_WRITE_POINTER);
}
