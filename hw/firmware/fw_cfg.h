/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware configuration device: named and numbered items that firmware and kernels read.
 *
 *   guest: selector port 0x510 (16 bits), data port 0x511 (8 bits)       -> item bytes one by one, zeros past the end
 *          DMA address ports 0x514-0x51b (big-endian, low half starts it) -> whole blocks to and from guest memory
 *
 * The board adds items before machine_run_done(); the last step of that fixes the file directory, sorted by name, whose
 * keys are 0x20 and up. Numbers in items are little-endian, in the directory and in DMA descriptors big-endian.
 * Under the big lock. Spec: QEMU's published fw_cfg interface; Linux drivers/firmware/qemu_fw_cfg.c uses all of it.
 */
#ifndef HW_FIRMWARE_FW_CFG_H
#define HW_FIRMWARE_FW_CFG_H

#include "core/device.h"
#include "memory/memory.h"

typedef struct FwCfg FwCfg;
struct Machine;
extern const DeviceType fw_cfg_io_type;         /* "fw_cfg_io" */

typedef enum FwCfgKey {
    FW_CFG_SIGNATURE = 0x00, FW_CFG_ID = 0x01, FW_CFG_UUID = 0x02, FW_CFG_RAM_SIZE = 0x03, FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05, FW_CFG_MACHINE_ID = 0x06, FW_CFG_KERNEL_ADDR = 0x07, FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_KERNEL_CMDLINE = 0x09, FW_CFG_INITRD_ADDR = 0x0a, FW_CFG_INITRD_SIZE = 0x0b, FW_CFG_BOOT_DEVICE = 0x0c,
    FW_CFG_NUMA = 0x0d, FW_CFG_BOOT_MENU = 0x0e, FW_CFG_MAX_CPUS = 0x0f, FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11, FW_CFG_INITRD_DATA = 0x12, FW_CFG_CMDLINE_ADDR = 0x13, FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15, FW_CFG_SETUP_ADDR = 0x16, FW_CFG_SETUP_SIZE = 0x17, FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19, FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_ARCH = 0x8000,                       /* x86's own: */
    FW_CFG_ACPI_TABLES = 0x8000, FW_CFG_SMBIOS_ENTRIES = 0x8001, FW_CFG_IRQ0_OVERRIDE = 0x8002,
    FW_CFG_E820_TABLE = 0x8003, FW_CFG_HPET = 0x8004,
    /* ours, for the boot ROM of pc-bios/linux.S: random numbers for the kernel, as a node of its setup_data list */
    FW_CFG_RNG_SEED_ADDR = 0x8010, FW_CFG_RNG_SEED_SIZE = 0x8011, FW_CFG_RNG_SEED_DATA = 0x8012
} FwCfgKey;

/**
 * fw_cfg_create: the board's device, mapped into system_io() and found at /machine/fw_cfg, with signature and id.
 * @dma: address space that its DMA goes through (address_space_memory()).
 */
FwCfg *fw_cfg_create(AddressSpace *dma);
FwCfg *fw_cfg_find(void);                       /* the machine's; NULL: none */

/*
 * fw_cfg_add_machine: what every PC has: UUID, RAM size, CPU counts, NOGRAPHIC, BOOT_MENU, etc/boot-fail-wait, and
 * when all devices exist "bootorder" (option ROMs below, then devices) and "bios-geometry".
 * @apic_id_limit: highest APIC id + 1
 */
void fw_cfg_add_machine(FwCfg *fw, struct Machine *machine, unsigned apic_id_limit);

/** fw_cfg_add_splash: -boot splash=: "bootsplash.jpg" or "bootsplash.bmp", by what the file holds. */
bool fw_cfg_add_splash(FwCfg *fw, struct Machine *machine, GError **err);

/* fw_cfg_add_e820: one more range of "etc/e820", which tells firmware where RAM is. */
typedef enum E820Type { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3, E820_NVS = 4, E820_UNUSABLE = 5 } E820Type;
void fw_cfg_add_e820(FwCfg *fw, uint64_t address, uint64_t bytes, E820Type type);

/* Numbered items. Adding to a key again replaces it. Data is copied; the GBytes forms take a reference. */
void fw_cfg_add_bytes(FwCfg *fw, uint16_t key, const void *data, size_t len);
void fw_cfg_add_gbytes(FwCfg *fw, uint16_t key, GBytes *bytes);
void fw_cfg_add_string(FwCfg *fw, uint16_t key, const char *text);     /* with its final zero */
void fw_cfg_add_u16(FwCfg *fw, uint16_t key, uint16_t value);
void fw_cfg_add_u32(FwCfg *fw, uint16_t key, uint32_t value);
void fw_cfg_add_u64(FwCfg *fw, uint16_t key, uint64_t value);
#define fw_cfg_modify_u16 fw_cfg_add_u16

/* Files: names of at most 55 bytes. Adding a name again replaces the content. */
void fw_cfg_add_file(FwCfg *fw, const char *name, const void *data, size_t len);
void fw_cfg_add_file_gbytes(FwCfg *fw, const char *name, GBytes *bytes);
/**
 * fw_cfg_add_file_callback: a file that lives with its device.
 * @on_select: before the guest reads it (may call fw_cfg_add_file() on it); NULL: nothing
 * @on_write:  after the guest wrote [@start, @start + @len) by DMA; NULL: nothing
 * @data:      @len bytes, not copied: must live as long as the machine; NULL: made here from zeros
 * @writable:  whether the guest may write
 */
typedef void FwCfgSelectFn(void *opaque);
/** fw_cfg_add_fresh: numbered item of @len bytes at @data, which is not copied; @on_select makes them anew. */
void fw_cfg_add_fresh(FwCfg *fw, uint16_t key, FwCfgSelectFn *on_select, void *data, size_t len);
typedef void FwCfgWriteFn(void *opaque, size_t start, size_t len);
void fw_cfg_add_file_callback(FwCfg *fw, const char *name, FwCfgSelectFn *on_select, FwCfgWriteFn *on_write,
                              void *opaque, void *data, size_t len, bool writable);
/** fw_cfg_foreach_file: name and size of each file, in order of name. */
void fw_cfg_foreach_file(FwCfg *fw, void (*fn)(const char *name, size_t bytes, void *opaque), void *opaque);
/** fw_cfg_file: content of a file now; NULL: there is none. Valid until it is replaced. */
const void *fw_cfg_file(FwCfg *fw, const char *name, size_t *len);

/**
 * fw_cfg_add_user: one -fw_cfg option: dictionary with "name" and one of "file", "string". Names beginning with "opt/"
 * are the user's; others work, with a warning.
 */
bool fw_cfg_add_user(FwCfg *fw, json_object *args, GError **err);

/** fw_cfg_add_option_rom: file "genroms/NAME" that SeaBIOS runs; @bootindex >= 0 gives it a place in "bootorder". */
void fw_cfg_add_option_rom(FwCfg *fw, const char *name, GBytes *rom, int bootindex);

#endif
