/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which format an image claims to have: the signatures of formats QEMU knows. */
#include <string.h>

#include "block/node.h"

static const struct { const char *format; uint16_t offset; uint8_t len; const char *bytes; } signatures[] = {
    { "qcow2", 0, 4, "QFI\xfb" },
    { "qed", 0, 4, "QED\0" },
    { "vdi", 64, 4, "\x7f\x10\xda\xbe" },
    { "vmdk", 0, 4, "KDMV" },
    { "vmdk", 0, 4, "COWD" },
    { "vmdk", 0, 21, "# Disk DescriptorFile" },
    { "vhdx", 0, 8, "vhdxfile" },
    { "vpc", 0, 8, "conectix" },
    { "luks", 0, 6, "LUKS\xba\xbe" },
    { "parallels", 0, 16, "WithoutFreeSpace" },
    { "parallels", 0, 16, "WithouFreSpacExt" },
    { "bochs", 0, 18, "Bochs Virtual HD I" },
    { "cloop", 0, 20, "#!/bin/sh\n#V2.0 Form" },
};

const char *block_probe(const uint8_t *head, size_t len)
{
    for (size_t i = 0; i < G_N_ELEMENTS(signatures); i++) {
        if ((size_t)signatures[i].offset + signatures[i].len <= len &&
            !memcmp(head + signatures[i].offset, signatures[i].bytes, signatures[i].len)) {
            /* Version 1 of qcow shares the first four bytes. */
            bool v1 = i == 0 && len >= 8 && !memcmp(head + 4, "\0\0\0\1", 4);

            return v1 ? "qcow" : signatures[i].format;
        }
    }
    return "raw";
}
