/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS tables for firmware: system, chassis, processors, memory, boot status.
 *
 * smbios_setup() makes the structures and puts etc/smbios/smbios-tables and etc/smbios/smbios-anchor into fw_cfg;
 * firmware places them in memory and adds its own type 0. Spec: DMTF DSP0134 2.8 (32-bit entry point) and 3.0 (64-bit).
 */
#ifndef HW_FIRMWARE_SMBIOS_H
#define HW_FIRMWARE_SMBIOS_H

#include "hw/firmware/fw_cfg.h"

typedef struct SmbiosMachine {
    const char *product;                        /* "Standard PC (Q35 + ICH9, 2009)" */
    const char *version;                        /* "pc-q35-11.1" */
    uint8_t uuid[16];                           /* as -uuid has it; all zero: none */
    uint64_t ram_bytes;                         /* all of it */
    uint64_t ram_below_4g, ram_above_4g;        /* type 19 mappings */
    unsigned sockets, cores, threads;           /* cores and threads a socket */
    uint32_t cpuid_version, cpuid_features;     /* CPUID leaf 1 EAX, EDX */
    bool entry_point_64;                        /* 3.0 anchor; also taken if the tables exceed the 2.8 limits */
} SmbiosMachine;

/**
 * smbios_add_option: one -smbios option: dictionary with "type" and fields (as in QEMU: manufacturer, product, version,
 * serial, uuid, sku, family, asset, ...) or "file" (structures as they are). Before smbios_setup().
 */
bool smbios_add_option(json_object *args, GError **err);
bool smbios_setup(FwCfg *fw, const SmbiosMachine *machine, GError **err);

/** smbios_build: tables and anchor without fw_cfg. Both are the caller's. */
bool smbios_build(const SmbiosMachine *machine, GByteArray **tables, GByteArray **anchor, GError **err);

#endif
