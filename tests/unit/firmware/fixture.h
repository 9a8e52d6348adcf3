/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fw_cfg device on real ports and 1 MiB of RAM, driven as a guest drives it. */
#ifndef TESTS_FIRMWARE_FIXTURE_H
#define TESTS_FIRMWARE_FIXTURE_H

#include "hw/firmware/fw_cfg.h"
#include "tests/check.h"

enum { FIXTURE_RAM_BYTES = 1 << 20 };

FwCfg *fixture_fw_cfg(void);                    /* the device; made at the first call */
uint8_t *fixture_ram(void);
uint64_t fixture_in(uint16_t port, unsigned size);
void fixture_out(uint16_t port, uint64_t value, unsigned size);
void fixture_read(uint16_t key, void *buf, size_t len);        /* by the data port */
/** fixture_file: key and size of a file by the directory the guest sees; 0: not there. */
uint16_t fixture_file(const char *name, uint32_t *size);
/** fixture_dma: runs a descriptor placed at 0x100; returns its control word afterwards. */
uint32_t fixture_dma(uint32_t control, uint32_t len, uint64_t address);
const char *fixture_boot_rom(int *bootindex);   /* what linux_boot_setup() made the boot ROM; NULL: nothing */
void fixture_init(int *argc, char ***argv);

#endif
