/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -kernel: from files on the host to fw_cfg items that our boot ROM (pc-bios/linux.S) or UEFI firmware loads.
 *
 * kernel file -> linux_image_parse() checks every header field that is used and chooses addresses -> the setup part is
 * copied and filled in as a boot loader must; kernel and initrd stay mapped files, read when the guest asks for them.
 *
 *   bzImage: setup 0x10000, command line 0x20000, kernel 0x100000;    zImage: 0x90000, below 0x9a000, 0x10000
 *   initrd: as high as kernel and RAM allow, page-aligned, above all that the unpacking kernel writes
 * Spec: Linux Documentation/arch/x86/boot.rst.
 */
#include "hw/firmware/linux_boot.h"

#include <string.h>
#include <sys/random.h>

#include "core/option.h"
#include "hw/firmware/boot_file.h"
#include "hw/firmware/elf_boot.h"
#include "hw/machine.h"

#define LINUX_ROM_FILE "rhea-linux.bin"
#define LINUX_ROM_NAME "linuxboot_dma.bin"      /* as the guest and its boot order know it */

/* Offsets of the setup header (boot.rst, "The Real-Mode Kernel Header"), and the protocol that brought each in. */
enum {
    SETUP_SECTS = 0x1f1, SYSSIZE = 0x1f4, VID_MODE = 0x1fa, BOOT_FLAG = 0x1fe, JUMP = 0x200, HEADER = 0x202, 
    VERSION = 0x206,
    TYPE_OF_LOADER = 0x210, LOADFLAGS = 0x211, CODE32_START = 0x214, RAMDISK_IMAGE = 0x218, RAMDISK_SIZE = 0x21c,
    HEAP_END_PTR = 0x224,                       /* 2.01 */
    CMD_LINE_PTR = 0x228,                       /* 2.02 */
    INITRD_ADDR_MAX = 0x22c,                    /* 2.03 */
    KERNEL_ALIGNMENT = 0x230, RELOCATABLE_KERNEL = 0x234,   /* 2.05 */
    CMDLINE_SIZE = 0x238,                       /* 2.06 */
    PAYLOAD_OFFSET = 0x248, PAYLOAD_LENGTH = 0x24c,         /* 2.08 */
    PREF_ADDRESS = 0x258, INIT_SIZE = 0x260,    /* 2.10 */
    HEADER_END = 0x268,
};
enum { LOADED_HIGH = 0x01, CAN_USE_HEAP = 0x80, LOADER_ID_QEMU = 0xb0 };
enum { OLD_CMDLINE_MAGIC_AT = 0x20, OLD_CMDLINE_OFFSET_AT = 0x22, OLD_CMDLINE_MAGIC = 0xa33f };
enum {
    SECTOR = 512, STACK_BYTES = 0x1000, DEFAULT_SECTS = 4, DEFAULT_CMDLINE_MAX = 255, DEFAULT_INITRD_MAX = 0x37ffffff,
    HIGH_REAL = 0x10000, HIGH_CMDLINE = 0x20000, HIGH_PROT = 0x100000,
    LOW_REAL = 0x90000, LOW_CMDLINE_END = 0x9a000, LOW_PROT = 0x10000,
    LOW_MEMORY_END = 0x90000,                   /* above, the BIOS keeps its data: no command line there */
    ACPI_RESERVE = 256 << 10, PAGE = 4096,
};

static uint32_t get16(const uint8_t *p) { return p[0] | p[1] << 8; }

static uint32_t get32(const uint8_t *p) { return get16(p) | get16(p + 2) << 16; }

static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = v;
    p[1] = v >> 8;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v);
    put16(p + 2, v >> 16);
}

/* Checks */

static bool not_a_kernel(const uint8_t *data, size_t len, GError **err)
{
    static const struct { const char *magic; unsigned len; const char *what; } known[] = {
        { "\x7f" "ELF", 4, "an ELF file without a PVH entry; the bzImage of the same build is needed" },
        { "\x1f\x8b", 2, "a gzip file; a bzImage is needed" },
        { "\x1b\x03\x03\x03", 4, "no x86 kernel" },
        { "MZ", 2, "an EFI or DOS program without a Linux boot header" },
        { "070701", 6, "a cpio archive; is it the initrd?" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (len >= known[i].len && !memcmp(data, known[i].magic, known[i].len)) {
            return error_set(err, "is %s", known[i].what);
        }
    }
    return error_set(err, "has no Linux boot header (\"HdrS\" at 0x202)");
}

static bool parse_sizes(const uint8_t *data, size_t len, LinuxImage *image, GError **err)
{
    unsigned sects = data[SETUP_SECTS] ? data[SETUP_SECTS] : DEFAULT_SECTS;
    uint64_t said;

    image->setup_bytes = (sects + 1) * SECTOR;
    if (image->setup_bytes >= len) {
        return error_set(err, "is truncated: its setup alone has %u bytes, the file %zu", image->setup_bytes, len);
    }
    image->kernel_bytes = len - image->setup_bytes;
    /* Before 2.04 only the low half of syssize means anything, and it may have overflowed. */
    said = image->protocol >= 0x204 ? (uint64_t)get32(data + SYSSIZE) * 16 : 0;
    if (said > (uint64_t)image->kernel_bytes + 15) {
        return error_set(err, "is truncated: %" PRIu64 " bytes of kernel are announced, %u are there", said,
                         image->kernel_bytes);
    }
    if (image->protocol >= 0x208) {
        uint64_t payload_end = (uint64_t)get32(data + PAYLOAD_OFFSET) + get32(data + PAYLOAD_LENGTH);
        if (payload_end > image->kernel_bytes) {
            return error_set(err, "is truncated: its payload ends at byte %" PRIu64 " of %u", payload_end,
                             image->kernel_bytes);
        }
    }
    return true;
}

static bool choose_addresses(const uint8_t *data, LinuxImage *image, GError **err)
{
    image->cmdline_max = image->protocol >= 0x206 ? get32(data + CMDLINE_SIZE) : DEFAULT_CMDLINE_MAX;
    if (image->cmdline_max == 0) {
        image->cmdline_max = DEFAULT_CMDLINE_MAX;
    }
    if (image->loaded_high) {
        image->real_addr = HIGH_REAL;
        image->cmdline_addr = HIGH_CMDLINE;
        image->prot_addr = HIGH_PROT;
        image->cmdline_max = MIN(image->cmdline_max, LOW_MEMORY_END - HIGH_CMDLINE - 1);
    } else {
        image->real_addr = LOW_REAL;
        image->cmdline_max = MIN(image->cmdline_max, 2047);
        image->cmdline_addr = (LOW_CMDLINE_END - image->cmdline_max - 1) & ~15u;
        image->prot_addr = LOW_PROT;
        if (image->kernel_bytes > LOW_REAL - LOW_PROT) {
            return error_set(err, "is a zImage of %u bytes, which do not fit below 0x%x", image->kernel_bytes,
                             LOW_REAL);
        }
    }
    if (image->setup_bytes > image->cmdline_addr - image->real_addr - STACK_BYTES) {
        return error_set(err, "has a setup part of %u bytes, more than fits into its segment", image->setup_bytes);
    }
    return true;
}

static bool check_entry(const uint8_t *data, LinuxImage *image, GError **err)
{
    uint32_t start = get32(data + CODE32_START);

    if (image->loaded_high && start - image->prot_addr >= image->kernel_bytes) {
        return error_set(err, "has its 32-bit entry at 0x%x, outside of the kernel at 0x%x", start, image->prot_addr);
    }
    if (image->protocol >= 0x205) {
        uint32_t alignment = get32(data + KERNEL_ALIGNMENT);
        image->relocatable = data[RELOCATABLE_KERNEL];
        if (image->relocatable && (!alignment || alignment & (alignment - 1))) {
            return error_set(err, "has kernel alignment 0x%x, which is no power of 2", alignment);
        }
    }
    return true;
}

bool linux_image_parse(const uint8_t *data, size_t len, LinuxImage *image, GError **err)
{
    *image = (LinuxImage){ 0 };
    if (len == 0) {
        return error_set(err, "is empty");
    }
    if (len > UINT32_MAX) {
        return error_set(err, "has %zu bytes, more than a kernel can have", len);
    }
    if (len < HEADER_END) {
        if (len >= 4 && !memcmp(data, "\x7f" "ELF", 4)) {
            return not_a_kernel(data, len, err);
        }
        return error_set(err, "has only %zu bytes, too few for a Linux kernel", len);
    }
    if (get16(data + BOOT_FLAG) != 0xaa55 || memcmp(data + HEADER, "HdrS", 4)) {
        return not_a_kernel(data, len, err);
    }
    image->protocol = get16(data + VERSION);
    if (image->protocol < 0x200 || image->protocol >= 0x300) {
        return error_set(err, "uses boot protocol %u.%02u; 2.00 to 2.15 are known", image->protocol >> 8,
                         image->protocol & 0xff);
    }
    image->loaded_high = data[LOADFLAGS] & LOADED_HIGH;
    image->initrd_max = image->protocol >= 0x203 ? get32(data + INITRD_ADDR_MAX) : DEFAULT_INITRD_MAX;
    return parse_sizes(data, len, image, err) && choose_addresses(data, image, err) && check_entry(data, image, err);
}

/* Files */

GBytes *boot_file_bytes(const char *what, const char *path, GError **err)
{
    g_autoptr(GMappedFile) mapped = NULL;
    char *data;
    gsize len;

    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        error_set(err, "%s '%s' is a directory", what, path);
        return NULL;
    }
    if (g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        mapped = g_mapped_file_new(path, FALSE, err);
        if (!mapped) {
            g_prefix_error(err, "%s: ", what);
            return NULL;
        }
        return g_mapped_file_get_bytes(mapped);
    }
    if (!g_file_get_contents(path, &data, &len, err)) {     /* pipes cannot be mapped */
        g_prefix_error(err, "%s: ", what);
        return NULL;
    }
    return g_bytes_new_take(data, len);
}

/* The last "vga=" of the command line, as the number that setup takes. */
static bool video_mode(const char *append, uint16_t *mode, GError **err)
{
    const char *at = g_strrstr(append, "vga=");
    g_autofree char *word = NULL;
    uint64_t number;

    if (!at || (at > append && at[-1] != ' ')) {
        return true;
    }
    word = g_strndup(at + 4, strcspn(at + 4, " "));
    if (!strcmp(word, "normal")) {
        *mode = 0xffff;
    } else if (!strcmp(word, "ext")) {
        *mode = 0xfffe;
    } else if (!strcmp(word, "ask")) {
        *mode = 0xfffd;
    } else if (parse_uint("vga", word, UINT16_MAX, &number, err)) {
        *mode = number;
    } else {
        return false;
    }
    return true;
}

/* First byte behind all that the kernel occupies until it runs: the image, and where it unpacks itself. */
static uint64_t kernel_end(const uint8_t *data, const LinuxImage *image)
{
    uint64_t end = image->prot_addr + (uint64_t)image->kernel_bytes;

    if (image->protocol >= 0x20a && image->loaded_high) {
        uint64_t start = get64(data + PREF_ADDRESS), size = get32(data + INIT_SIZE);
        if (start < UINT32_MAX) {
            end = MAX(end, MAX(start, image->prot_addr) + size);
        }
    }
    return end;
}

static bool place_initrd(const LinuxBootConfig *config, const uint8_t *data, const LinuxImage *image, uint64_t bytes,
                         uint32_t *addr, GError **err)
{
    uint64_t reserve = config->acpi_reserve_bytes ? config->acpi_reserve_bytes : ACPI_RESERVE;
    uint64_t ram_end = config->low_ram_bytes > reserve ? config->low_ram_bytes - reserve : 0;
    uint64_t end = MIN((uint64_t)image->initrd_max + 1, ram_end), floor = kernel_end(data, image);

    if (floor < (1 << 20)) {
        floor = 1 << 20;
    }
    if (bytes > end || ((end - bytes) & ~(uint64_t)(PAGE - 1)) < floor) {
        return error_set(err, "initrd '%s' of %" PRIu64 " KiB does not fit between the kernel's end at %" PRIu64
                         " KiB and %" PRIu64 " KiB, the end of RAM or of what the kernel can reach", config->initrd,
                         (bytes + 1023) >> 10, floor >> 10, end >> 10);
    }
    *addr = (end - bytes) & ~(uint64_t)(PAGE - 1);
    return true;
}

static bool add_initrd(FwCfg *fw, const LinuxBootConfig *config, const uint8_t *data, const LinuxImage *image,
                       uint8_t *setup, GError **err)
{
    g_autoptr(GBytes) initrd = NULL;
    uint32_t addr = 0;

    if (!config->initrd) {
        return true;
    }
    initrd = boot_file_bytes("initrd", config->initrd, err);
    if (!initrd) {
        return false;
    }
    if (g_bytes_get_size(initrd) == 0) {
        return error_set(err, "initrd '%s' is empty", config->initrd);
    }
    if (!place_initrd(config, data, image, g_bytes_get_size(initrd), &addr, err)) {
        return false;
    }
    put32(setup + RAMDISK_IMAGE, addr);
    put32(setup + RAMDISK_SIZE, g_bytes_get_size(initrd));
    fw_cfg_add_u32(fw, FW_CFG_INITRD_ADDR, addr);
    fw_cfg_add_u32(fw, FW_CFG_INITRD_SIZE, g_bytes_get_size(initrd));
    fw_cfg_add_gbytes(fw, FW_CFG_INITRD_DATA, initrd);
    return true;
}

/* What a boot loader must write into the setup header. */
static bool fill_setup(const LinuxImage *image, const char *append, uint8_t *setup, GError **err)
{
    uint16_t mode = get16(setup + VID_MODE);

    if (!video_mode(append, &mode, err)) {
        return false;
    }
    put16(setup + VID_MODE, mode);
    setup[TYPE_OF_LOADER] = LOADER_ID_QEMU;
    if (image->protocol >= 0x201) {
        setup[LOADFLAGS] |= CAN_USE_HEAP;
        put16(setup + HEAP_END_PTR, MIN(image->cmdline_addr - image->real_addr - STACK_BYTES, 0xe000) - 0x200);
    }
    if (image->protocol >= 0x202) {
        put32(setup + CMD_LINE_PTR, image->cmdline_addr);
    } else {
        put16(setup + OLD_CMDLINE_MAGIC_AT, OLD_CMDLINE_MAGIC);
        put16(setup + OLD_CMDLINE_OFFSET_AT, image->cmdline_addr - image->real_addr);
    }
    return true;
}

bool boot_rom_add(FwCfg *fw, const char *file, const char *name, GError **err)
{
    g_autofree char *path = firmware_find(file);
    g_autoptr(GBytes) rom = NULL;

    if (!path) {
        return error_set(err, "boot ROM '%s' for -kernel is not in any firmware directory (-L help lists them)", file);
    }
    rom = boot_file_bytes("boot ROM", path, err);
    if (!rom) {
        return false;
    }
    if (g_bytes_get_size(rom) < SECTOR || memcmp(g_bytes_get_data(rom, NULL), "\x55\xaa", 2)) {
        return error_set(err, "boot ROM '%s' is no option ROM", path);
    }
    fw_cfg_add_option_rom(fw, name, rom, 0);
    return true;
}

/* Secure boot wants the kernel as it was signed, and the shim that checks it. */
static bool add_signed_files(FwCfg *fw, const LinuxBootConfig *config, GBytes *kernel, GError **err)
{
    fw_cfg_add_file_gbytes(fw, "etc/boot/kernel", kernel);
    if (!config->shim) {
        return true;
    }
    g_autoptr(GBytes) shim = boot_file_bytes("shim", config->shim, err);
    if (!shim) {
        return false;
    }
    if (g_bytes_get_size(shim) > UINT32_MAX) {
        return error_set(err, "shim '%s' is too large", config->shim);
    }
    fw_cfg_add_file_gbytes(fw, "etc/boot/shim", shim);
    return true;
}

/*
 * A node of the kernel's setup_data list, behind the command line: numbers to start its random number generator from.
 * Without, it waits a second for noise the first time that a program asks. Only the boot ROM tells the kernel of it:
 * firmware that loads the kernel itself has other places for such things.
 */
typedef struct __attribute__((packed)) RngSeed {
    uint64_t next;
    uint32_t type, len;
    uint8_t bytes[32];
} RngSeed;

static void make_seed(void *opaque)
{
    enum { SETUP_RNG_SEED = 9 };
    RngSeed *seed = opaque;

    *seed = (RngSeed){ .type = SETUP_RNG_SEED, .len = sizeof seed->bytes };
    if (getrandom(seed->bytes, sizeof seed->bytes, 0) != sizeof seed->bytes) {
        seed->len = 0;
    }
}

static void add_seed(FwCfg *fw, const LinuxImage *image)
{
    static RngSeed seed;
    uint32_t addr = (image->cmdline_addr + image->cmdline_max + 1 + 15) & ~15u;

    if (image->protocol >= 0x209 && image->loaded_high && addr + sizeof seed <= LOW_MEMORY_END) {
        fw_cfg_add_u32(fw, FW_CFG_RNG_SEED_ADDR, addr);
        fw_cfg_add_u32(fw, FW_CFG_RNG_SEED_SIZE, sizeof seed);
        fw_cfg_add_fresh(fw, FW_CFG_RNG_SEED_DATA, make_seed, &seed, sizeof seed);
    }
}

bool linux_boot_setup(FwCfg *fw, const LinuxBootConfig *config, GError **err)
{
    const char *append = config->append ? config->append : "";
    g_autoptr(GBytes) file = boot_file_bytes("kernel", config->kernel, err);
    g_autoptr(GBytes) kernel = NULL;
    g_autofree uint8_t *setup = NULL;
    const uint8_t *data;
    LinuxImage image;
    ElfImage elf;
    gsize len;

    if (!file) {
        return false;
    }
    data = g_bytes_get_data(file, &len);
    if (!elf_image_parse(data, len, &elf, err)) {
        g_prefix_error(err, "kernel '%s' ", config->kernel);
        return false;
    }
    if (elf.kind != ELF_BOOT_NONE) {
        return elf_boot_setup(fw, config, data, len, &elf, err);
    }
    if (!linux_image_parse(data, len, &image, err)) {
        g_prefix_error(err, "kernel '%s' ", config->kernel);
        return false;
    }
    if (image.prot_addr + (uint64_t)image.kernel_bytes > config->low_ram_bytes) {
        return error_set(err, "kernel '%s' of %u KiB does not fit into %" PRIu64 " KiB of RAM", config->kernel,
                         image.kernel_bytes >> 10, config->low_ram_bytes >> 10);
    }
    if (strlen(append) > image.cmdline_max) {
        return error_set(err, "kernel command line has %zu bytes, '%s' takes %u", strlen(append), config->kernel,
                         image.cmdline_max);
    }
    setup = g_memdup2(data, image.setup_bytes);
    if (!fill_setup(&image, append, setup, err) || !add_initrd(fw, config, data, &image, setup, err) ||
        (!config->no_boot_rom && !boot_rom_add(fw, LINUX_ROM_FILE, LINUX_ROM_NAME, err)) || !add_signed_files(fw, config, file, err)) {
        return false;
    }
    kernel = g_bytes_new_from_bytes(file, image.setup_bytes, image.kernel_bytes);
    fw_cfg_add_u32(fw, FW_CFG_SETUP_ADDR, image.real_addr);
    fw_cfg_add_u32(fw, FW_CFG_SETUP_SIZE, image.setup_bytes);
    fw_cfg_add_bytes(fw, FW_CFG_SETUP_DATA, setup, image.setup_bytes);
    fw_cfg_add_u32(fw, FW_CFG_KERNEL_ADDR, image.prot_addr);
    fw_cfg_add_u32(fw, FW_CFG_KERNEL_SIZE, image.kernel_bytes);
    fw_cfg_add_gbytes(fw, FW_CFG_KERNEL_DATA, kernel);
    fw_cfg_add_u32(fw, FW_CFG_CMDLINE_ADDR, image.cmdline_addr);
    fw_cfg_add_u32(fw, FW_CFG_CMDLINE_SIZE, strlen(append) + 1);
    fw_cfg_add_string(fw, FW_CFG_CMDLINE_DATA, append);
    add_seed(fw, &image);
    return true;
}
