/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/firmware/fixture.h"

#include "core/thread.h"
#include "hw/machine.h"

static MemoryRegion ram;
static FwCfg *the_fw_cfg;
static char *boot_rom;
static int boot_rom_index;

/* Of fw_cfg_machine.c and hw/firmware.c, which need a machine. */
void fw_cfg_add_option_rom(FwCfg *fw, const char *name, GBytes *rom, int bootindex)
{
    g_autofree char *file = g_strdup_printf("genroms/%s", name);

    fw_cfg_add_file_gbytes(fw, file, rom);
    g_free(boot_rom);
    boot_rom = g_strdup(name);
    boot_rom_index = bootindex;
}

char *firmware_find(const char *name)
{
    const char *dir = g_getenv("RHEA_TEST_ROM_DIR");
    g_autofree char *path = dir ? g_build_filename(dir, name, NULL) : NULL;

    return path && g_file_test(path, G_FILE_TEST_EXISTS) ? g_steal_pointer(&path) : NULL;
}

const char *fixture_boot_rom(int *bootindex)
{
    *bootindex = boot_rom_index;
    return boot_rom;
}

void fixture_init(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    bql_lock();
    memory_thread_register();
}

FwCfg *fixture_fw_cfg(void)
{
    if (!the_fw_cfg) {
        check_true(memory_region_init_ram(&ram, NULL, "fixture.ram", FIXTURE_RAM_BYTES, NULL), "RAM");
        memory_region_add(system_memory(), 0, &ram);
        the_fw_cfg = fw_cfg_create(address_space_memory());
    }
    return the_fw_cfg;
}

uint8_t *fixture_ram(void) { return memory_region_ram_ptr(&ram); }

uint64_t fixture_in(uint16_t port,
                    unsigned size) { return memory_load(address_space_io(), port, size, MEMTXATTRS_NONE, NULL); }

void fixture_out(uint16_t port, uint64_t value, unsigned size)
{
    memory_store(address_space_io(), port, size, value, MEMTXATTRS_NONE, NULL);
}

void fixture_read(uint16_t key, void *buf, size_t len)
{
    fixture_out(0x510, key, 2);
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = fixture_in(0x511, 1);
    }
}

static uint32_t be32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }

uint16_t fixture_file(const char *name, uint32_t *size)
{
    uint8_t count[4], entry[64];

    fixture_read(FW_CFG_FILE_DIR, count, sizeof(count));
    for (uint32_t i = 0; i < be32(count); i++) {
        for (size_t k = 0; k < sizeof(entry); k++) {
            entry[k] = fixture_in(0x511, 1);
        }
        if (!strcmp((char *)entry + 8, name)) {
            *size = be32(entry);
            return entry[4] << 8 | entry[5];
        }
    }
    return 0;
}

static void put_be(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = value >> (bytes - 1 - i) * 8;
    }
}

uint32_t fixture_dma(uint32_t control, uint32_t len, uint64_t address)
{
    uint8_t *d = fixture_ram() + 0x100;

    put_be(d, control, 4);
    put_be(d + 4, len, 4);
    put_be(d + 8, address, 8);
    fixture_out(0x514, 0, 4);
    fixture_out(0x518, GUINT32_SWAP_LE_BE(0x100), 4);
    return be32(d);
}
