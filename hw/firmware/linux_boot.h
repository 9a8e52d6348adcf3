/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -kernel, -initrd, -append: a Linux kernel handed to the guest's firmware.
 *
 * The image is checked and split here into setup and kernel, addresses are chosen, and all parts become fw_cfg items.
 * Our boot ROM (pc-bios/linuxboot_dma.S), first in the boot order, loads them by fw_cfg DMA and enters the kernel.
 * Spec: Linux Documentation/arch/x86/boot.rst, protocols 2.00 to 2.15.
 */
#ifndef HW_FIRMWARE_LINUX_BOOT_H
#define HW_FIRMWARE_LINUX_BOOT_H

#include "hw/firmware/fw_cfg.h"

typedef struct LinuxBootConfig {
    const char *kernel, *initrd, *append;       /* paths and text; initrd, append: NULL if not given */
    uint64_t low_ram_bytes;                     /* RAM from address 0 up without a hole (below_4g) */
    uint64_t acpi_reserve_bytes;                /* left free at its end for firmware tables; 0: 256 KiB */
    bool no_boot_rom;                           /* firmware loads the kernel by itself (qboot) or not at all */
    const char *shim;                           /* NULL: none */
} LinuxBootConfig;

/**
 * linux_boot_setup: adds the items and the boot ROM. Errors name the file: unreadable, empty, truncated, no Linux
 * image, a field that cannot be, no room for the initrd, command line too long, boot ROM not found.
 */
bool linux_boot_setup(FwCfg *fw, const LinuxBootConfig *config, GError **err);

/* The checks alone, for tests and tools. Offsets and sizes are within @len. */
typedef struct LinuxImage {
    uint16_t protocol;                          /* 0x0200 ... */
    uint32_t setup_bytes, kernel_bytes;         /* setup with boot sector; protected-mode part */
    uint32_t real_addr, cmdline_addr, prot_addr, initrd_max;    /* where the parts go; highest address of the initrd */
    uint32_t cmdline_max;                       /* bytes without the final zero */
    bool loaded_high, relocatable;
} LinuxImage;
bool linux_image_parse(const uint8_t *data, size_t len, LinuxImage *image, GError **err);

#endif
