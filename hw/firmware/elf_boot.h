/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -kernel for kernels that are no Linux bzImage: multiboot 1 (Xen, GNU Mach, hobby kernels) and ELF files with a PVH
 * entry (a Linux vmlinux, Xen). Both start in 32-bit protected mode, entered by our boot ROM (pc-bios/elf.S).
 * Specs: Multiboot 0.6.96; Xen's public/arch-x86/hvm/start_info.h and elfnote.h.
 */
#ifndef HW_FIRMWARE_ELF_BOOT_H
#define HW_FIRMWARE_ELF_BOOT_H

#include "hw/firmware/linux_boot.h"

typedef enum ElfBootKind { ELF_BOOT_NONE, ELF_BOOT_MULTIBOOT, ELF_BOOT_PVH } ElfBootKind;

/* What a file asks to be loaded: @bytes of memory at @addr, made by elf_image_load(), and where it starts. */
typedef struct ElfImage {
    ElfBootKind kind;
    uint64_t addr, bytes;
    uint32_t entry;
    bool page_align_modules;
    /* multiboot with address fields: one piece of the file; otherwise the ELF program headers say */
    bool flat;
    uint64_t file_offset, file_bytes;
} ElfImage;

/**
 * elf_image_parse: kind is ELF_BOOT_NONE, without error, if @data is neither sort of kernel. False: it is one, but is
 * damaged or asks for what cannot be; @err reads after "kernel 'FILE' ".
 */
bool elf_image_parse(const uint8_t *data, size_t len, ElfImage *image, GError **err);
/** elf_image_load: the memory content, image->bytes long; only for an image that elf_image_parse() accepted. */
GBytes *elf_image_load(const uint8_t *data, size_t len, const ElfImage *image);

/** elf_boot_setup: fw_cfg items and boot ROM for @image of file @data. Errors name the file. */
bool elf_boot_setup(FwCfg *fw, const LinuxBootConfig *config, const uint8_t *data, size_t len, const ElfImage *image,
                    GError **err);

#endif
