/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -kernel: images made here, each wrong in its own way, and right ones; where the parts go; and the real kernel of the
 * host, if one is installed.
 */
#include <unistd.h>

#include "hw/firmware/linux_boot.h"
#include "tests/unit/firmware/fixture.h"

enum { SETUP_SECTS = 3, SETUP_BYTES = (SETUP_SECTS + 1) * 512, KERNEL_BYTES = 8192,
       IMAGE_BYTES = SETUP_BYTES + KERNEL_BYTES };
#define MIB (1ull << 20)

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = v >> i * 8;
    }
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++) {
        v |= (uint64_t)p[i] << i * 8;
    }
    return v;
}

/* A sound bzImage of protocol 2.15. */
static void make_image(uint8_t *image)
{
    for (unsigned i = 0; i < IMAGE_BYTES; i++) {
        image[i] = i >= SETUP_BYTES ? 'K' : 0;
    }
    image[0x1f1] = SETUP_SECTS;
    put(image + 0x1f4, KERNEL_BYTES / 16, 4);
    put(image + 0x1fe, 0xaa55, 2);
    put(image + 0x200, 0x66eb, 2);
    memcpy(image + 0x202, "HdrS", 4);
    put(image + 0x206, 0x20f, 2);
    image[0x211] = 1;
    put(image + 0x214, 0x100000, 4);
    put(image + 0x22c, 0x7fffffff, 4);
    put(image + 0x230, 0x200000, 4);
    image[0x234] = 1;
    put(image + 0x238, 2047, 4);
    put(image + 0x248, 16, 4);
    put(image + 0x24c, 1000, 4);
    put(image + 0x258, 0x1000000, 8);
    put(image + 0x260, 0x2000000, 4);
}

typedef struct Patch { unsigned at; uint64_t value; unsigned bytes; } Patch;

static const struct { const char *claim; size_t len; Patch patch[3]; const char *error; } bad[] = {
    { "no bytes",                        0, { { 0 } }, "empty" },
    { "a few bytes",                     100, { { 0 } }, "100 bytes" },
    { "only a boot sector",              512, { { 0 } }, "512 bytes" },
    { "cut within setup",                1500, { { 0 } }, "truncated" },
    { "cut behind setup",                SETUP_BYTES, { { 0 } }, "truncated" },
    { "cut within the kernel",           SETUP_BYTES + 4096, { { 0 } }, "truncated" },
    { "no boot sector signature",        IMAGE_BYTES, { { 0x1fe, 0, 2 } }, "HdrS" },
    { "no header magic",                 IMAGE_BYTES, { { 0x202, 0, 4 } }, "HdrS" },
    { "an ELF file",                     IMAGE_BYTES, { { 0, 0x464c457f, 4 }, { 0x202, 0, 4 } }, "ELF" },
    { "a gzip file",                     IMAGE_BYTES, { { 0, 0x8b1f, 2 }, { 0x202, 0, 4 } }, "gzip" },
    { "protocol 1.xx",                   IMAGE_BYTES, { { 0x206, 0x0105, 2 } }, "protocol 1.05" },
    { "a protocol of the future",        IMAGE_BYTES, { { 0x206, 0x0300, 2 } }, "protocol 3.00" },
    { "syssize beyond the file",         IMAGE_BYTES, { { 0x1f4, KERNEL_BYTES, 4 } }, "truncated" },
    { "syssize of all ones",             IMAGE_BYTES, { { 0x1f4, UINT32_MAX, 4 } }, "truncated" },
    { "setup beyond the file",           IMAGE_BYTES, { { 0x1f1, 255, 1 } }, "truncated" },
    { "payload beyond the file",         IMAGE_BYTES, { { 0x24c, KERNEL_BYTES, 4 } }, "payload" },
    { "payload around 4 GiB",            IMAGE_BYTES, { { 0x248, UINT32_MAX, 4 }, { 0x24c, 20, 4 } }, "payload" },
    { "32-bit entry below the kernel",   IMAGE_BYTES, { { 0x214, 0x1000, 4 } }, "0x1000" },
    { "32-bit entry behind it",          IMAGE_BYTES, { { 0x214, 0x100000 + KERNEL_BYTES, 4 } }, "entry" },
    { "alignment of 3",                  IMAGE_BYTES, { { 0x230, 3, 4 } }, "power of 2" },
    { "alignment of 0",                  IMAGE_BYTES, { { 0x230, 0, 4 } }, "power of 2" },
};

static void test_bad_images(void)
{
    g_autofree uint8_t *image = g_malloc(IMAGE_BYTES);

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) err = NULL;
        LinuxImage parsed;

        make_image(image);
        for (const Patch *p = bad[i].patch; p < bad[i].patch + 3; p++) {
            put(image + p->at, p->value, p->bytes);
        }
        /* An exact copy, so that a sanitizer sees any read beyond the file. */
        g_autofree uint8_t *copy = g_memdup2(image, bad[i].len);
        check_true(!linux_image_parse(copy, bad[i].len, &parsed, &err), "%s is refused", bad[i].claim);
        check_true(strstr(err->message, bad[i].error), "%s: '%s' should tell '%s'", bad[i].claim, err->message,
                   bad[i].error);
    }
}

/* Whatever the header says, the parser reads inside of the file and what it gives is inside of it. */
static void test_random_headers(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(11);
    g_autofree uint8_t *image = g_malloc(IMAGE_BYTES);
    int accepted = 0;

    for (int i = 0; i < 20000; i++) {
        LinuxImage parsed;

        make_image(image);
        for (int n = g_rand_int_range(rand, 1, 6); n; n--) {
            image[g_rand_int_range(rand, 0x1f1, 0x268)] = g_rand_int(rand);
        }
        size_t len = g_rand_int_range(rand, 0, 4) ? IMAGE_BYTES : g_rand_int_range(rand, 0, IMAGE_BYTES);
        g_autofree uint8_t *copy = g_memdup2(image, len);
        if (linux_image_parse(copy, len, &parsed, NULL)) {
            accepted++;
            check_int((uint64_t)parsed.setup_bytes + parsed.kernel_bytes, ==, len, "round %d: the parts are the file",
                      i);
            check_true(parsed.real_addr + parsed.setup_bytes < parsed.cmdline_addr,
                       "round %d: setup ends below the command line", i);
            check_true(parsed.cmdline_addr + parsed.cmdline_max < 0x9fc00,
                       "round %d: the command line ends below the BIOS's data", i);
        }
    }
    check_true(accepted > 100, "some are still images: %d", accepted);
}

static const struct { const char *claim; Patch patch[3]; LinuxImage want; } good[] = {
    { "bzImage of today", { { 0 } },
      { 0x20f, SETUP_BYTES, KERNEL_BYTES, 0x10000, 0x20000, 0x100000, 0x7fffffff, 2047, true, true } },
    { "no setup size means 4 sectors", { { 0x1f1, 0, 1 }, { 0x1f4, (KERNEL_BYTES - 512) / 16, 4 } },
      { 0x20f, 5 * 512, KERNEL_BYTES - 512, 0x10000, 0x20000, 0x100000, 0x7fffffff, 2047, true, true } },
    { "protocol 2.02: no fields beyond the command line pointer", { { 0x206, 0x202, 2 } },
      { 0x202, SETUP_BYTES, KERNEL_BYTES, 0x10000, 0x20000, 0x100000, 0x37ffffff, 255, true, false } },
    { "protocol 2.05: relocatable, no command line size", { { 0x206, 0x205, 2 } },
      { 0x205, SETUP_BYTES, KERNEL_BYTES, 0x10000, 0x20000, 0x100000, 0x7fffffff, 255, true, true } },
    { "zImage", { { 0x206, 0x201, 2 }, { 0x211, 0, 1 } },
      { 0x201, SETUP_BYTES, KERNEL_BYTES, 0x90000, 0x99f00, 0x10000, 0x37ffffff, 255, false, false } },
};

static void test_good_images(void)
{
    g_autofree uint8_t *image = g_malloc(IMAGE_BYTES);

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) err = NULL;
        const LinuxImage *w = &good[i].want;
        LinuxImage p;

        make_image(image);
        for (const Patch *patch = good[i].patch; patch < good[i].patch + 3; patch++) {
            put(image + patch->at, patch->value, patch->bytes);
        }
        check_true(linux_image_parse(image, IMAGE_BYTES, &p, &err), "%s: %s", good[i].claim, err ? err->message : "");
        check_int(p.protocol, ==, w->protocol, "%s: protocol", good[i].claim);
        check_int(p.setup_bytes, ==, w->setup_bytes, "%s: setup", good[i].claim);
        check_int(p.kernel_bytes, ==, w->kernel_bytes, "%s: kernel", good[i].claim);
        check_int(p.real_addr, ==, w->real_addr, "%s: real-mode address", good[i].claim);
        check_int(p.cmdline_addr, ==, w->cmdline_addr, "%s: command line address", good[i].claim);
        check_int(p.prot_addr, ==, w->prot_addr, "%s: kernel address", good[i].claim);
        check_int(p.initrd_max, ==, w->initrd_max, "%s: highest initrd address", good[i].claim);
        check_int(p.cmdline_max, ==, w->cmdline_max, "%s: longest command line", good[i].claim);
        check_int(p.loaded_high, ==, w->loaded_high, "%s: loaded high", good[i].claim);
        check_int(p.relocatable, ==, w->relocatable, "%s: relocatable", good[i].claim);
    }
}

/* Files and items */

static char *dir;

static char *file_with(const char *name, const void *data, size_t len)
{
    char *path = g_build_filename(dir, name, NULL);

    check_true(g_file_set_contents(path, data, len, NULL), "%s is written", path);
    return path;
}

static uint32_t item_u32(uint16_t key)
{
    uint8_t b[4];

    fixture_read(key, b, sizeof(b));
    return get(b, 4);
}

static void test_setup(void)
{
    FwCfg *fw = fixture_fw_cfg();
    g_autofree uint8_t *image = g_malloc(IMAGE_BYTES), *setup = g_malloc(SETUP_BYTES), *big = g_malloc0(5 * MIB);
    g_autoptr(GError) err = NULL;
    char text[64] = { 0 };
    int bootindex = -1;
    uint32_t size;

    make_image(image);
    memcpy(big, "initrd!", 7);
    g_autofree char *kernel = file_with("kernel", image, IMAGE_BYTES), *initrd = file_with("initrd", big, 5 * MIB);
    LinuxBootConfig config = { .kernel = kernel, .initrd = initrd, .append = "console=ttyS0 vga=0x317",
                               .low_ram_bytes = 128 * MIB };

    check_true(linux_boot_setup(fw, &config, &err), "set up: %s", err ? err->message : "");
    check_int(item_u32(FW_CFG_SETUP_ADDR), ==, 0x10000, "setup's address");
    check_int(item_u32(FW_CFG_SETUP_SIZE), ==, SETUP_BYTES, "setup's size");
    check_int(item_u32(FW_CFG_KERNEL_ADDR), ==, 0x100000, "the kernel's address");
    check_int(item_u32(FW_CFG_KERNEL_SIZE), ==, KERNEL_BYTES, "the kernel's size");
    check_int(item_u32(FW_CFG_CMDLINE_ADDR), ==, 0x20000, "the command line's address");
    check_int(item_u32(FW_CFG_CMDLINE_SIZE), ==, strlen(config.append) + 1, "the command line's size");
    fixture_read(FW_CFG_CMDLINE_DATA, text, strlen(config.append) + 1);
    check_str(text, config.append, "the command line");
    uint32_t addr = item_u32(FW_CFG_INITRD_ADDR);
    check_int(addr & 4095, ==, 0, "the initrd begins at a page");
    check_int(addr, ==, (128 * MIB - (256 << 10) - 5 * MIB) & ~4095ull,
              "as high as RAM less what firmware keeps allows");
    check_int(item_u32(FW_CFG_INITRD_SIZE), ==, 5 * MIB, "its size");
    fixture_read(FW_CFG_INITRD_DATA, text, 7);
    check_true(!memcmp(text, "initrd!", 7), "its data");
    fixture_read(FW_CFG_KERNEL_DATA, text, 1);
    check_int(text[0], ==, 'K', "the kernel begins behind setup");

    fixture_read(FW_CFG_SETUP_DATA, setup, SETUP_BYTES);
    check_int(get(setup + 0x1fa, 2), ==, 0x317, "vga= reaches the header");
    check_int(setup[0x210], ==, 0xb0, "loader id");
    check_int(setup[0x211], ==, 0x81, "heap flag is added to the load flags");
    check_int(get(setup + 0x218, 4), ==, addr, "initrd address in the header");
    check_int(get(setup + 0x21c, 4), ==, 5 * MIB, "initrd size in the header");
    check_true(get(setup + 0x224, 2) + 0x200 < 0xf000, "the heap ends below the stack");
    check_int(get(setup + 0x228, 4), ==, 0x20000, "command line pointer");
    check_str(fixture_boot_rom(&bootindex), "linuxboot_dma.bin", "the boot ROM");
    check_int(bootindex, ==, 0, "comes first in the boot order");
    uint16_t key = fixture_file("genroms/linuxboot_dma.bin", &size);
    check_true(key && size % 512 == 0, "the boot ROM is a file");
    g_autofree uint8_t *rom = g_malloc(size);
    uint8_t sum = 0, pnp_sum = 0;
    fixture_read(key, rom, size);
    for (unsigned i = 0; i < size; i++) {
        sum += rom[i];
    }
    check_true(rom[0] == 0x55 && rom[1] == 0xaa && rom[2] * 512u == size && sum == 0,
               "an option ROM with a good checksum");
    uint8_t *pnp = rom + get(rom + 0x1a, 2);
    for (unsigned i = 0; i < 32; i++) {
        pnp_sum += pnp[i];
    }
    check_true(!memcmp(pnp, "$PnP", 4) && pnp_sum == 0 && get(pnp + 0x1a, 2), "a PnP header with a bootstrap entry");
    unlink(kernel);
    unlink(initrd);
}

static void test_setup_errors(void)
{
    FwCfg *fw = fixture_fw_cfg();
    g_autofree uint8_t *image = g_malloc(IMAGE_BYTES), *big = g_malloc0(40 * MIB);
    g_autofree char *long_line = g_strnfill(3000, 'x');

    make_image(image);
    g_autofree char *kernel = file_with("kernel", image, IMAGE_BYTES), *initrd = file_with("initrd", big, 40 * MIB);
    g_autofree char *empty = file_with("empty", "", 0), *junk = file_with("junk", big, 4096);
    const struct { const char *claim; LinuxBootConfig config; const char *error[2]; } rows[] = {
        { "no such kernel", { "/nonexistent/vmlinuz", NULL, NULL, 128 * MIB }, { "/nonexistent/vmlinuz", "kernel" } },
        { "an empty kernel", { empty, NULL, NULL, 128 * MIB }, { empty, "empty" } },
        { "a kernel of zeros", { junk, NULL, NULL, 128 * MIB }, { junk, "HdrS" } },
        { "a directory", { dir, NULL, NULL, 128 * MIB }, { dir, "directory" } },
        { "no such initrd", { kernel, "/nonexistent/initrd", NULL, 128 * MIB }, { "/nonexistent/initrd", "initrd" } },
        { "an empty initrd", { kernel, empty, NULL, 128 * MIB }, { empty, "empty" } },
        { "an initrd larger than RAM", { kernel, initrd, NULL, 32 * MIB }, { initrd, "does not fit" } },
        { "an initrd in the way of the unpacked kernel", { kernel, initrd, NULL, 80 * MIB },
          { initrd, "does not fit" } },
        { "RAM smaller than the kernel", { kernel, NULL, NULL, MIB }, { kernel, "RAM" } },
        { "a command line too long", { kernel, NULL, long_line, 128 * MIB }, { "3000", "2047" } },
        { "a video mode that is none", { kernel, NULL, "vga=large", 128 * MIB }, { "vga", "large" } },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;

        check_true(!linux_boot_setup(fw, &rows[i].config, &err), "%s is refused", rows[i].claim);
        for (int k = 0; k < 2; k++) {
            check_true(strstr(err->message, rows[i].error[k]), "%s: '%s' should tell '%s'", rows[i].claim,
                       err->message, rows[i].error[k]);
        }
    }
    unlink(kernel);
    unlink(initrd);
    unlink(empty);
    unlink(junk);
}

static void test_host_kernel(void)
{
    g_autoptr(GDir) boot = g_dir_open("/boot", 0, NULL);
    const char *name;
    int tried = 0;

    while (boot && (name = g_dir_read_name(boot))) {
        g_autofree char *path = g_build_filename("/boot", name, NULL), *data = NULL;
        g_autoptr(GError) err = NULL;
        LinuxImage image;
        gsize len;

        if (g_str_has_prefix(name, "vmlinuz-") && g_file_get_contents(path, &data, &len, NULL)) {
            check_true(linux_image_parse((uint8_t *)data, len, &image, &err), "%s %s", path, err ? err->message : "");
            check_true(image.loaded_high && image.protocol >= 0x20c && image.cmdline_max >= 1000,
                       "%s: a kernel of today", path);
            tried++;
        }
    }
    if (!tried) {
        g_test_skip("no kernel in /boot");
    }
}

int main(int argc, char **argv)
{
    int ret;

    fixture_init(&argc, &argv);
    dir = g_dir_make_tmp("rhea-linux-XXXXXX", NULL);
    g_test_add_func("/firmware/linux-boot/bad-images", test_bad_images);
    g_test_add_func("/firmware/linux-boot/random-headers", test_random_headers);
    g_test_add_func("/firmware/linux-boot/good-images", test_good_images);
    g_test_add_func("/firmware/linux-boot/setup", test_setup);
    g_test_add_func("/firmware/linux-boot/setup-errors", test_setup_errors);
    g_test_add_func("/firmware/linux-boot/host-kernel", test_host_kernel);
    ret = g_test_run();
    rmdir(dir);
    return ret;
}
