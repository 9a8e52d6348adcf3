/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's side of fw_cfg: ports, directory, DMA; what it can do wrong; and the loader script's format. */
#include "hw/firmware/table_loader.h"
#include "tests/unit/firmware/fixture.h"

enum { ERROR = 1, READ = 2, SKIP = 4, SELECT = 8, WRITE = 16, DONE = 0 };

static void test_ports(void)
{
    FwCfg *fw = fixture_fw_cfg();
    char text[8] = { 0 };
    uint32_t id;
    uint16_t value;

    fixture_read(FW_CFG_SIGNATURE, text, 4);
    check_str(text, "QEMU", "signature");
    fixture_read(FW_CFG_ID, &id, 4);
    check_int(id, ==, 3, "id: traditional and DMA interface");
    check_int(fixture_in(0x511, 1), ==, 0, "past the end there are zeros");
    check_int(fixture_in(0x514, 4), ==, 0x554d4551, "the DMA port reads as a signature, high half");
    check_int(fixture_in(0x518, 4), ==, 0x47464320, "and low half: QEMU CFG in big-endian");
    check_int(fixture_in(0x51b, 1), ==, 0x47, "in bytes too");

    fw_cfg_add_u16(fw, FW_CFG_NB_CPUS, 0x1234);
    fixture_read(FW_CFG_NB_CPUS, &value, 2);
    check_int(value, ==, 0x1234, "numbers are little-endian");
    fw_cfg_modify_u16(fw, FW_CFG_NB_CPUS, 7);
    fixture_read(FW_CFG_NB_CPUS, &value, 2);
    check_int(value, ==, 7, "an item can be changed");
    fw_cfg_add_u32(fw, FW_CFG_HPET, 0xabcd);
    fixture_read(FW_CFG_HPET, &value, 2);
    check_int(value, ==, 0xabcd, "the architecture's own items are apart");
    fixture_read(FW_CFG_HPET & 0xff, &value, 2);
    check_int(value, ==, 0, "from the generic ones");

    fixture_read(0x3fff, &value, 2);
    check_int(value, ==, 0, "a key that is none reads as zeros");
    fixture_read(0xbfff, &value, 2);
    check_int(value, ==, 0, "nor this");
    fixture_read(FW_CFG_NB_CPUS | 0x4000, &value, 2);
    check_int(value, ==, 7, "the write-channel bit means nothing");
    fixture_out(0x510, FW_CFG_NB_CPUS, 1);
    check_int(fixture_in(0x511, 1), ==, 0, "a byte write to the selector does not select");
    fixture_out(0x511, 0x55, 1);
    fixture_read(FW_CFG_NB_CPUS, &value, 2);
    check_int(value, ==, 7, "the data port is not writable");
}

static void test_files(void)
{
    FwCfg *fw = fixture_fw_cfg();
    uint32_t size, count;
    uint16_t a, b;
    char text[16] = { 0 };

    fw_cfg_add_file(fw, "etc/zebra", "zzz", 3);
    fw_cfg_add_file(fw, "etc/apple", "apple", 5);
    fw_cfg_add_file(fw, "etc/empty", NULL, 0);
    a = fixture_file("etc/apple", &size);
    check_int(size, ==, 5, "size in the directory");
    b = fixture_file("etc/zebra", &size);
    check_true(a >= FW_CFG_FILE_FIRST && b > a, "files are sorted by name, from key 0x20");
    fixture_read(a, text, 6);
    check_str(text, "apple", "content");
    fixture_file("etc/empty", &size);
    check_int(size, ==, 0, "an empty file");
    fixture_read(FW_CFG_FILE_DIR, &count, 4);
    fw_cfg_add_file(fw, "etc/apple", "pear", 4);
    check_int(fixture_file("etc/apple", &size), ==, a, "a replaced file keeps its key");
    check_int(size, ==, 4, "and has its new size");
    uint32_t again;
    fixture_read(FW_CFG_FILE_DIR, &again, 4);
    check_int(again, ==, count, "and is not doubled");
    fw_cfg_add_e820(fw, 0, 0x100000, E820_RAM);
    fw_cfg_add_e820(fw, 0xfeffc000, 0x4000, E820_RESERVED);
    uint16_t key = fixture_file("etc/e820", &size);
    check_int(size, ==, 40, "two rows of 20 bytes");
    uint8_t row[40];
    fixture_read(key, row, sizeof(row));
    check_int(row[16], ==, E820_RAM, "type of the first");
    check_int(row[21] << 8 | row[22] << 16 | (uint32_t)row[23] << 24, ==, 0xfeffc000, "address of the second");
}

static int selects, writes;
static size_t written_at, written_len;

static void on_select(void *opaque)
{
    selects++;
    fw_cfg_add_file(opaque, "etc/fresh", selects % 2 ? "odd " : "even", 4);
}

static void on_write(void *opaque, size_t start, size_t len)
{
    writes++;
    written_at = start;
    written_len = len;
}

static void test_dma(void)
{
    FwCfg *fw = fixture_fw_cfg();
    uint8_t *ram = fixture_ram(), device[16] = "0123456789abcdef";
    uint32_t size;
    uint16_t key;

    key = fixture_file("etc/zebra", &size);
    memset(ram + 0x1000, 0xee, 16);
    check_int(fixture_dma((uint32_t)key << 16 | SELECT | READ, 8, 0x1000), ==, DONE, "select and read");
    check_true(!memcmp(ram + 0x1000, "zzz\0\0\0\0\0\xee", 9), "item, zeros to the wanted length, no more");
    check_int(fixture_dma(SELECT | (uint32_t)key << 16, 0, 0), ==, DONE, "select alone");
    check_int(fixture_dma(SKIP, 2, 0), ==, DONE, "skip");
    check_int(fixture_in(0x511, 1), ==, 'z', "the data port goes on from there");
    check_int(fixture_dma(SKIP, 1000, 0), ==, DONE, "skip past the end");
    check_int(fixture_dma(READ, 4, 0x1000), ==, DONE, "and read there");
    check_int(ram[0x1000], ==, 0, "zeros");
    check_int(fixture_dma((uint32_t)0x3fff << 16 | SELECT | READ, 4, 0x1000), ==, DONE,
              "a key that is none reads as zeros");
    check_int(fixture_dma((uint32_t)0x3fff << 16 | SELECT | WRITE, 4, 0x1000), ==, ERROR, "but cannot be written");
    check_int(fixture_dma((uint32_t)key << 16 | SELECT | WRITE, 1, 0x1000), ==, ERROR, "nor a read-only file");
    check_int(fixture_dma((uint32_t)key << 16 | SELECT | READ, 4, FIXTURE_RAM_BYTES - 2), ==, ERROR,
              "to where no memory is");
    check_int(fixture_dma(0, 16, 0x1000), ==, DONE, "no operation");
    check_int(fixture_dma((uint32_t)key << 16 | SELECT | READ, UINT32_MAX, UINT64_MAX - 8), ==, ERROR,
              "an absurd length and address");

    fw_cfg_add_file_callback(fw, "etc/fresh", on_select, NULL, fw, NULL, 4, false);
    key = fixture_file("etc/fresh", &size);
    fixture_dma((uint32_t)key << 16 | SELECT | READ, 4, 0x1000);
    check_true(selects == 1 && !memcmp(ram + 0x1000, "odd ", 4), "a file is made afresh when it is selected");
    fixture_dma((uint32_t)key << 16 | SELECT | READ, 4, 0x1000);
    check_true(selects == 2 && !memcmp(ram + 0x1000, "even", 4), "each time");

    fw_cfg_add_file_callback(fw, "etc/writable", NULL, on_write, NULL, device, sizeof(device), true);
    key = fixture_file("etc/writable", &size);
    memcpy(ram + 0x1000, "ABCD", 4);
    fixture_dma((uint32_t)key << 16 | SELECT | SKIP, 4, 0);
    check_int(fixture_dma(WRITE, 4, 0x1000), ==, DONE, "a writable file");
    check_true(!memcmp(device, "0123ABCD89", 10), "is the device's memory");
    check_true(writes == 1 && written_at == 4 && written_len == 4, "which is told");
    check_int(fixture_dma(WRITE, 9, 0x1000), ==, ERROR, "not past its end");

    /* The descriptor itself where no memory is: nothing to tell, nobody dies. */
    fixture_out(0x514, GUINT32_SWAP_LE_BE(0x80000000), 4);
    fixture_out(0x518, 0, 4);
    /* On the port that starts DMA: devices that call themselves come to an end. */
    fixture_out(0x514, 0xffffffff, 4);
    fixture_out(0x518, 0xffffffff, 4);
    fixture_out(0x514, GUINT64_SWAP_LE_BE(0x100), 8);
    check_int(fixture_dma(0, 0, 0), ==, DONE, "and it still works");
}

static void test_state(void)
{
    FwCfg *fw = fixture_fw_cfg();
    uint32_t size;
    uint16_t key = fixture_file("etc/zebra", &size);

    fixture_out(0x510, key, 2);
    fixture_in(0x511, 1);
    device_reset((Device *)fw, RESET_COLD);
    check_int(fixture_in(0x511, 1), ==, 'Q', "reset selects the signature");
}

static void test_loader(void)
{
    g_autoptr(GByteArray) script = g_byte_array_new();
    const uint8_t *c;

    loader_allocate(script, "etc/a", 64, LOADER_ZONE_FSEG);
    loader_add_pointer(script, "etc/a", "etc/b", 0x1234, 8);
    loader_add_checksum(script, "etc/a", 9, 4, 0x20);
    loader_write_pointer(script, "etc/a", 0x11, 4, "etc/b", 0x22);
    check_int(script->len, ==, 4 * 128, "each command has 128 bytes");
    c = script->data;
    check_true(c[0] == 1 && !strcmp((char *)c + 4, "etc/a") && c[60] == 64 && c[64] == 2,
               "allocate: file, alignment, zone");
    c += 128;
    check_true(c[0] == 2 && !strcmp((char *)c + 4, "etc/a") &&
               !strcmp((char *)c + 60, "etc/b") && c[116] == 0x34 && c[117] == 0x12 &&
               c[120] == 8, "add pointer: where, whose, offset, size");
    c += 128;
    check_true(c[0] == 3 && !strcmp((char *)c + 4, "etc/a") && c[60] == 9 && c[64] == 4 && c[68] == 0x20,
               "add checksum");
    c += 128;
    check_true(c[0] == 4 && !strcmp((char *)c + 4, "etc/a") &&
               !strcmp((char *)c + 60, "etc/b") && c[116] == 0x11 && c[120] == 0x22 &&
               c[124] == 4, "write pointer");
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/firmware/fw-cfg/ports", test_ports);
    g_test_add_func("/firmware/fw-cfg/files", test_files);
    g_test_add_func("/firmware/fw-cfg/dma", test_dma);
    g_test_add_func("/firmware/fw-cfg/state", test_state);
    g_test_add_func("/firmware/fw-cfg/loader", test_loader);
    return g_test_run();
}
