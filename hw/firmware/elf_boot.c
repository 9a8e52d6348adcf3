/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiboot and PVH kernels: from files to three blocks of guest memory that the boot ROM loads.
 *
 *   kernel block   all that the file wants loaded, zeros for its bss, at the physical address it names
 *   module block   the -initrd files, each from a page on, behind the kernel
 *   low block      at 0x80000: header for the ROM, boot information, command lines, room for the memory map
 *
 * Every field of the file is checked against its size before use. -initrd is one file for PVH and, for multiboot, a
 * list "FILE ARGS,FILE ARGS" whose words become the modules' strings (",," stands for a comma).
 */
#include "hw/firmware/elf_boot.h"

#include <elf.h>
#include <string.h>

#include "hw/firmware/boot_file.h"
#include "hw/machine.h"

#define ELF_ROM_FILE "rhea-elf.bin"

enum { LOW_ADDR = 0x80000, LOW_MAX = 0x10000, LOW_HEADER_BYTES = 32, MAP_ENTRIES = 128, MAP_ENTRY_BYTES = 24,
       PAGE = 4096, ACPI_RESERVE = 256 << 10 };
enum { LOW_MAGIC = 0, LOW_INFO = 4, LOW_MAP = 8, LOW_MAP_END = 12, LOW_PREFIX = 16, LOW_COUNT = 20, LOW_UNIT = 24,
       LOW_RSDP = 28 };

/* Multiboot 3.1 */
enum { MB_SEARCH_BYTES = 8192, MB_MAGIC = 0x1badb002, MB_BOOTLOADER_MAGIC = 0x2badb002, MB_PAGE_ALIGN = 1 << 0,
       MB_VIDEO_MODE = 1 << 2, MB_ADDRESSES = 1 << 16, MB_KNOWN = 0x7, MB_REQUIRED = 0xffff };
enum { MBH_FLAGS = 4, MBH_CHECKSUM = 8, MBH_HEADER_ADDR = 12, MBH_LOAD_ADDR = 16, MBH_LOAD_END_ADDR = 20,
       MBH_BSS_END_ADDR = 24, MBH_ENTRY_ADDR = 28, MBH_BYTES = 12, MBH_ADDRESS_BYTES = 32 };
/* Multiboot 3.3 */
enum { MBI_FLAGS = 0, MBI_MEM_LOWER = 4, MBI_MEM_UPPER = 8, MBI_BOOT_DEVICE = 12, MBI_CMDLINE = 16, MBI_MODS_COUNT = 20,
       MBI_MODS_ADDR = 24, MBI_MMAP_LENGTH = 44, MBI_MMAP_ADDR = 48, MBI_LOADER_NAME = 64, MBI_BYTES = 88,
       MOD_BYTES = 16 };
enum { MBI_HAS_MEMORY = 1 << 0, MBI_HAS_BOOT_DEVICE = 1 << 1, MBI_HAS_CMDLINE = 1 << 2, MBI_HAS_MODS = 1 << 3,
       MBI_HAS_MMAP = 1 << 6, MBI_HAS_LOADER = 1 << 9 };

/* struct hvm_start_info, version 1, and struct hvm_modlist_entry */
enum { PVH_MAGIC = 0x336ec578, PVH_VERSION = 4, PVH_NR_MODULES = 12, PVH_MODLIST = 16, PVH_CMDLINE = 24, PVH_RSDP = 32,
       PVH_MEMMAP = 40, PVH_MEMMAP_ENTRIES = 48, PVH_BYTES = 56, PVH_MODULE_BYTES = 32 };
enum { XEN_ELFNOTE_PHYS32_ENTRY = 18 };

static uint16_t get16(const uint8_t *p) { return p[0] | p[1] << 8; }
static uint32_t get32(const uint8_t *p) { return get16(p) | (uint32_t)get16(p + 2) << 16; }
static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

static void put32(uint8_t *p, uint32_t v)
{
    v = GUINT32_TO_LE(v);
    memcpy(p, &v, sizeof(v));
}

static void put64(uint8_t *p, uint64_t v)
{
    v = GUINT64_TO_LE(v);
    memcpy(p, &v, sizeof(v));
}

/* ELF */

typedef struct Segment { uint32_t type; uint64_t offset, paddr, filesz, memsz; } Segment;
typedef struct ElfFile {
    const uint8_t *data;
    size_t len;
    bool wide;                                  /* 64-bit */
    uint64_t entry, phoff;
    unsigned phnum, phentsize;
} ElfFile;

/* False if it is no ELF file for a PC; no error then. */
static bool elf_open(const uint8_t *data, size_t len, ElfFile *f)
{
    if (len < sizeof(Elf64_Ehdr) || memcmp(data, ELFMAG, SELFMAG) || data[EI_DATA] != ELFDATA2LSB) {
        return false;
    }
    *f = (ElfFile){ .data = data, .len = len, .wide = data[EI_CLASS] == ELFCLASS64 };
    if (f->wide) {
        f->entry = get64(data + offsetof(Elf64_Ehdr, e_entry));
        f->phoff = get64(data + offsetof(Elf64_Ehdr, e_phoff));
        f->phentsize = get16(data + offsetof(Elf64_Ehdr, e_phentsize));
        f->phnum = get16(data + offsetof(Elf64_Ehdr, e_phnum));
        return get16(data + offsetof(Elf64_Ehdr, e_machine)) == EM_X86_64;
    }
    f->entry = get32(data + offsetof(Elf32_Ehdr, e_entry));
    f->phoff = get32(data + offsetof(Elf32_Ehdr, e_phoff));
    f->phentsize = get16(data + offsetof(Elf32_Ehdr, e_phentsize));
    f->phnum = get16(data + offsetof(Elf32_Ehdr, e_phnum));
    return data[EI_CLASS] == ELFCLASS32 && get16(data + offsetof(Elf32_Ehdr, e_machine)) == EM_386;
}

static bool elf_segment(const ElfFile *f, unsigned n, Segment *s, GError **err)
{
    size_t bytes = f->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

    if (f->phentsize < bytes || f->phoff > f->len ||
        (uint64_t)f->phentsize * f->phnum > f->len - f->phoff) {
        return error_set(err, "has program headers outside of the file");
    }
    const uint8_t *p = f->data + f->phoff + (size_t)f->phentsize * n;
    if (f->wide) {
        *s = (Segment){ get32(p), get64(p + offsetof(Elf64_Phdr, p_offset)), get64(p + offsetof(Elf64_Phdr, p_paddr)),
                        get64(p + offsetof(Elf64_Phdr, p_filesz)), get64(p + offsetof(Elf64_Phdr, p_memsz)) };
    } else {
        *s = (Segment){ get32(p), get32(p + offsetof(Elf32_Phdr, p_offset)), get32(p + offsetof(Elf32_Phdr, p_paddr)),
                        get32(p + offsetof(Elf32_Phdr, p_filesz)), get32(p + offsetof(Elf32_Phdr, p_memsz)) };
    }
    if ((s->type == PT_LOAD || s->type == PT_NOTE) && (s->offset > f->len || s->filesz > f->len - s->offset)) {
        return error_set(err, "is truncated: segment %u ends outside of the file", n);
    }
    if (s->type == PT_LOAD && (s->filesz > s->memsz || s->paddr > UINT32_MAX || s->memsz > UINT32_MAX - s->paddr)) {
        return error_set(err, "has segment %u at 0x%" PRIx64 ", where no 32-bit loader can put it", n, s->paddr);
    }
    return true;
}

/* The span of all loaded segments. */
static bool elf_span(const ElfFile *f, ElfImage *image, GError **err)
{
    uint64_t first = UINT64_MAX, end = 0;

    for (unsigned n = 0; n < f->phnum; n++) {
        Segment s;
        if (!elf_segment(f, n, &s, err)) {
            return false;
        }
        if (s.type == PT_LOAD && s.memsz) {
            first = MIN(first, s.paddr);
            end = MAX(end, s.paddr + s.memsz);
        }
    }
    if (!end) {
        return error_set(err, "is an ELF file without anything to load");
    }
    image->addr = first;
    image->bytes = end - first;
    return true;
}

/* Looks for the PVH entry among notes: name size, descriptor size, type, both padded to 4 bytes. */
static bool find_pvh_entry(const uint8_t *notes, uint64_t len, uint32_t *entry)
{
    for (uint64_t at = 0; at + 12 <= len;) {
        uint64_t name = (get32(notes + at) + 3ull) & ~3ull, desc = (get32(notes + at + 4) + 3ull) & ~3ull;
        if (name > len - at - 12 || desc > len - at - 12 - name) {
            return false;
        }
        const uint8_t *body = notes + at + 12;
        if (get32(notes + at + 8) == XEN_ELFNOTE_PHYS32_ENTRY && get32(notes + at) == 4 && !memcmp(body, "Xen", 4) &&
            desc >= 4) {
            *entry = get32(body + name);
            return true;
        }
        at += 12 + name + desc;
    }
    return false;
}

static bool parse_pvh(const ElfFile *f, ElfImage *image, GError **err)
{
    for (unsigned n = 0; n < f->phnum; n++) {
        Segment s;
        if (!elf_segment(f, n, &s, err)) {
            return false;
        }
        if (s.type == PT_NOTE && find_pvh_entry(f->data + s.offset, s.filesz, &image->entry)) {
            image->kind = ELF_BOOT_PVH;
            return elf_span(f, image, err);
        }
    }
    return true;                                /* some other ELF file */
}

/* Multiboot */

static bool parse_multiboot(const uint8_t *data, size_t len, size_t at, ElfImage *image, GError **err)
{
    uint32_t flags = get32(data + at + MBH_FLAGS);
    ElfFile elf;

    image->kind = ELF_BOOT_MULTIBOOT;
    image->page_align_modules = flags & MB_PAGE_ALIGN;
    if (flags & MB_REQUIRED & ~MB_KNOWN) {
        return error_set(err, "requires multiboot features 0x%x, which are not known", flags & MB_REQUIRED & ~MB_KNOWN);
    }
    if (elf_open(data, len, &elf) && !(flags & MB_ADDRESSES)) {
        if (elf.wide) {
            return error_set(err, "is a 64-bit multiboot kernel; a 32-bit ELF file is needed");
        }
        image->entry = elf.entry;
        return elf_span(&elf, image, err);
    }
    if (!(flags & MB_ADDRESSES)) {
        return error_set(err, "has a multiboot header, but neither is it an ELF file nor does it say its addresses");
    }
    if (len - at < MBH_ADDRESS_BYTES) {
        return error_set(err, "is truncated in its multiboot header");
    }
    uint32_t header = get32(data + at + MBH_HEADER_ADDR), load = get32(data + at + MBH_LOAD_ADDR);
    uint32_t load_end = get32(data + at + MBH_LOAD_END_ADDR), bss_end = get32(data + at + MBH_BSS_END_ADDR);
    if (header < load || header - load > at) {
        return error_set(err, "has a multiboot load address of 0x%x, which its header at 0x%x contradicts", load, header);
    }
    image->flat = true;
    image->file_offset = at - (header - load);
    image->file_bytes = load_end ? (uint64_t)load_end - load : len - image->file_offset;
    if ((load_end && load_end < load) || image->file_bytes > len - image->file_offset) {
        return error_set(err, "is truncated: its multiboot header says it ends at 0x%x", load_end);
    }
    image->addr = load;
    image->bytes = image->file_bytes;
    if (bss_end && bss_end > load && (uint64_t)bss_end - load > image->bytes) {
        image->bytes = (uint64_t)bss_end - load;
    }
    image->entry = get32(data + at + MBH_ENTRY_ADDR);
    return true;
}

bool elf_image_parse(const uint8_t *data, size_t len, ElfImage *image, GError **err)
{
    ElfFile elf;

    *image = (ElfImage){ 0 };
    for (size_t at = 0; at + MBH_BYTES <= MIN(len, MB_SEARCH_BYTES); at += 4) {
        uint32_t flags = get32(data + at + MBH_FLAGS);
        if (get32(data + at) == MB_MAGIC && MB_MAGIC + flags + get32(data + at + MBH_CHECKSUM) == 0) {
            if (!parse_multiboot(data, len, at, image, err)) {
                return false;
            }
            break;
        }
    }
    if (image->kind == ELF_BOOT_NONE && elf_open(data, len, &elf) && !parse_pvh(&elf, image, err)) {
        return false;
    }
    if (image->kind != ELF_BOOT_NONE && (image->bytes > UINT32_MAX || image->addr + image->bytes > 1ull << 32)) {
        return error_set(err, "wants to be loaded beyond 4 GiB");
    }
    return true;
}

GBytes *elf_image_load(const uint8_t *data, size_t len, const ElfImage *image)
{
    uint8_t *memory = g_malloc0(image->bytes);
    ElfFile elf;

    if (image->flat) {
        memcpy(memory, data + image->file_offset, image->file_bytes);
    } else if (elf_open(data, len, &elf)) {
        for (unsigned n = 0; n < elf.phnum; n++) {
            Segment s;
            if (elf_segment(&elf, n, &s, NULL) && s.type == PT_LOAD && s.memsz) {
                memcpy(memory + (s.paddr - image->addr), data + s.offset, s.filesz);
            }
        }
    }
    return g_bytes_new_take(memory, image->bytes);
}

/* Modules */

typedef struct Module { uint64_t offset, bytes; char *words; } Module;      /* offset in the module block */

static void module_clear(void *p)
{
    g_free(((Module *)p)->words);
}

/* One part of -initrd up to a single comma; @text moves on. */
static char *next_part(const char **text)
{
    GString *part = g_string_new(NULL);
    const char *c = *text;

    for (; *c && (*c != ',' || c[1] == ','); c++) {
        g_string_append_c(part, *c);
        c += *c == ',';
    }
    *text = *c ? c + 1 : c;
    return g_string_free(part, FALSE);
}

static bool read_modules(const LinuxBootConfig *config, bool many, GArray *modules, GByteArray *block, GError **err)
{
    const char *text = config->initrd;

    while (text && *text) {
        g_autofree char *words = many ? next_part(&text) : g_strdup(text);
        g_autofree char *path = g_strndup(words, many ? strcspn(words, " ") : strlen(words));
        g_autoptr(GBytes) file = boot_file_bytes(many ? "module" : "initrd", path, err);
        gsize bytes;

        if (!file) {
            return false;
        }
        const void *data = g_bytes_get_data(file, &bytes);
        if (bytes > UINT32_MAX - PAGE - block->len) {
            return error_set(err, "module '%s' is too large", path);
        }
        guint at = (block->len + PAGE - 1) & ~(PAGE - 1), old = block->len;
        g_byte_array_set_size(block, at);
        if (at > old) {
            memset(block->data + old, 0, at - old);
        }
        g_byte_array_append(block, data, bytes);
        g_array_append_val(modules, ((Module){ at, bytes, g_steal_pointer(&words) }));
        if (!many) {
            break;
        }
    }
    return true;
}

/* The low block: appended to piece by piece; positions are offsets in it. */

static uint32_t low_reserve(GByteArray *low, unsigned bytes)
{
    uint32_t at = (low->len + 7) & ~7u, old = low->len;

    g_byte_array_set_size(low, at + bytes);
    memset(low->data + old, 0, low->len - old);
    return at;
}

static uint32_t low_string(GByteArray *low, const char *text)
{
    uint32_t at = low_reserve(low, strlen(text) + 1);

    memcpy(low->data + at, text, strlen(text) + 1);
    return LOW_ADDR + at;
}

static void low_header(GByteArray *low, uint32_t magic, uint32_t info, uint32_t map, uint32_t prefix, uint32_t count,
                       uint32_t unit, uint32_t rsdp)
{
    const uint32_t words[] = { magic, info, map, map + MAP_ENTRIES * MAP_ENTRY_BYTES, prefix, count, unit, rsdp };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        put32(low->data + 4 * i, words[i]);
    }
}

static void multiboot_info(GByteArray *low, const LinuxBootConfig *config, const GArray *modules, uint32_t modules_addr)
{
    g_autofree char *cmdline = g_strconcat(config->kernel, config->append ? " " : "", config->append, NULL);
    uint32_t info = low_reserve(low, MBI_BYTES), mods = low_reserve(low, MOD_BYTES * modules->len);
    uint32_t map = low_reserve(low, MAP_ENTRIES * MAP_ENTRY_BYTES);
    uint32_t flags = MBI_HAS_MEMORY | MBI_HAS_BOOT_DEVICE | MBI_HAS_CMDLINE | MBI_HAS_MMAP | MBI_HAS_LOADER;

    for (guint i = 0; i < modules->len; i++) {
        const Module *m = &g_array_index(modules, Module, i);
        uint32_t words = low_string(low, m->words);
        uint8_t *row = low->data + mods + MOD_BYTES * i;
        put32(row, modules_addr + m->offset);
        put32(row + 4, modules_addr + m->offset + m->bytes);
        put32(row + 8, words);
        flags |= MBI_HAS_MODS;
    }
    uint32_t text = low_string(low, cmdline), loader = low_string(low, "qemu");
    uint8_t *mbi = low->data + info;
    put32(mbi + MBI_FLAGS, flags);
    put32(mbi + MBI_MEM_LOWER, 639);
    put32(mbi + MBI_MEM_UPPER, (config->low_ram_bytes >> 10) - 1024);
    put32(mbi + MBI_BOOT_DEVICE, 0x8000ffff);   /* first disk, no partition */
    put32(mbi + MBI_CMDLINE, text);
    put32(mbi + MBI_MODS_COUNT, modules->len);
    put32(mbi + MBI_MODS_ADDR, LOW_ADDR + mods);
    put32(mbi + MBI_MMAP_ADDR, LOW_ADDR + map);
    put32(mbi + MBI_LOADER_NAME, loader);
    low_header(low, MB_BOOTLOADER_MAGIC, info, map, 20, info + MBI_MMAP_LENGTH, MAP_ENTRY_BYTES, 0);
}

static void pvh_info(GByteArray *low, const LinuxBootConfig *config, const GArray *modules, uint32_t modules_addr)
{
    uint32_t info = low_reserve(low, PVH_BYTES), mods = low_reserve(low, PVH_MODULE_BYTES * modules->len);
    /* The ROM puts four bytes before each record: entries of the map begin behind the first. */
    uint32_t map = low_reserve(low, MAP_ENTRIES * MAP_ENTRY_BYTES + 8) + 4;
    uint32_t text = low_string(low, config->append ? config->append : "");

    for (guint i = 0; i < modules->len; i++) {
        const Module *m = &g_array_index(modules, Module, i);
        put64(low->data + mods + PVH_MODULE_BYTES * i, modules_addr + m->offset);
        put64(low->data + mods + PVH_MODULE_BYTES * i + 8, m->bytes);
    }
    uint8_t *start = low->data + info;
    put32(start, PVH_MAGIC);
    put32(start + PVH_VERSION, 1);
    put32(start + PVH_NR_MODULES, modules->len);
    put64(start + PVH_MODLIST, modules->len ? LOW_ADDR + mods : 0);
    put64(start + PVH_CMDLINE, text);
    put64(start + PVH_MEMMAP, LOW_ADDR + map + 4);
    low_header(low, 0, info, map, 0, info + PVH_MEMMAP_ENTRIES, 1, info + PVH_RSDP);
}

/* Modules lie behind the kernel, from the next page on, below what firmware keeps at the end of low RAM. */
static bool place_modules(const LinuxBootConfig *config, const ElfImage *image, uint64_t bytes, uint32_t *addr,
                          GError **err)
{
    uint64_t start = MAX((image->addr + image->bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1), 1 << 20);
    uint64_t end = config->low_ram_bytes > ACPI_RESERVE ? config->low_ram_bytes - ACPI_RESERVE : 0;

    if (image->kind == ELF_BOOT_PVH && bytes && bytes + PAGE < end) {       /* a decompressing kernel needs room */
        start = MAX(start, (end - bytes) & ~(uint64_t)(PAGE - 1));
    }
    if (start + bytes > end) {
        return error_set(err, "kernel '%s' and its %" PRIu64 " KiB of modules do not fit into %" PRIu64 " KiB of RAM",
                         config->kernel, bytes >> 10, config->low_ram_bytes >> 10);
    }
    *addr = start;
    return true;
}

bool elf_boot_setup(FwCfg *fw, const LinuxBootConfig *config, const uint8_t *data, size_t len, const ElfImage *image,
                    GError **err)
{
    g_autoptr(GArray) modules = g_array_new(false, false, sizeof(Module));
    g_autoptr(GByteArray) block = g_byte_array_new(), low = g_byte_array_new();
    bool multiboot = image->kind == ELF_BOOT_MULTIBOOT;
    uint32_t modules_addr;

    g_array_set_clear_func(modules, module_clear);
    if (image->addr < LOW_ADDR + LOW_MAX && image->addr + image->bytes > LOW_ADDR) {
        return error_set(err, "kernel '%s' wants memory at 0x%x, where the boot information is", config->kernel, LOW_ADDR);
    }
    if (image->addr + image->bytes > config->low_ram_bytes) {
        return error_set(err, "kernel '%s' ends at %" PRIu64 " KiB, but there are %" PRIu64 " KiB of RAM", config->kernel,
                         (image->addr + image->bytes) >> 10, config->low_ram_bytes >> 10);
    }
    if (!read_modules(config, multiboot, modules, block, err) ||
        !place_modules(config, image, block->len, &modules_addr, err)) {
        return false;
    }
    low_reserve(low, LOW_HEADER_BYTES);
    if (multiboot) {
        multiboot_info(low, config, modules, modules_addr);
    } else {
        pvh_info(low, config, modules, modules_addr);
    }
    if (low->len > LOW_MAX) {
        return error_set(err, "the command lines of kernel '%s' and its modules have more than %u KiB", config->kernel,
                         LOW_MAX >> 10);
    }
    if (!config->no_boot_rom && !boot_rom_add(fw, ELF_ROM_FILE, multiboot ? "multiboot_dma.bin" : "pvh.bin", err)) {
        return false;
    }
    g_autoptr(GBytes) kernel = elf_image_load(data, len, image);
    g_autoptr(GBytes) initrd = g_byte_array_free_to_bytes(g_steal_pointer(&block));
    fw_cfg_add_u32(fw, FW_CFG_KERNEL_ENTRY, image->entry);
    fw_cfg_add_u32(fw, FW_CFG_KERNEL_ADDR, image->addr);
    fw_cfg_add_u32(fw, FW_CFG_KERNEL_SIZE, image->bytes);
    fw_cfg_add_gbytes(fw, FW_CFG_KERNEL_DATA, kernel);
    fw_cfg_add_u32(fw, FW_CFG_INITRD_ADDR, modules_addr);
    fw_cfg_add_u32(fw, FW_CFG_INITRD_SIZE, g_bytes_get_size(initrd));
    fw_cfg_add_gbytes(fw, FW_CFG_INITRD_DATA, initrd);
    fw_cfg_add_u32(fw, FW_CFG_SETUP_ADDR, LOW_ADDR);
    fw_cfg_add_u32(fw, FW_CFG_SETUP_SIZE, low->len);
    fw_cfg_add_bytes(fw, FW_CFG_SETUP_DATA, low->data, low->len);
    return true;
}
