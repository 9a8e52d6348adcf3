/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory for debuggers and monitors: by linear address through current paging, with no effect on the guest. */
#include "target/i386/exec/walk.h"

bool cpu_translate(CpuX86 *cpu, uint64_t addr, GuestAddr *phys)
{
    PageWalk walk = cpu_page_walk(cpu, addr);

    *phys = walk.phys;
    return walk.mapped;
}

typedef MemTxResult PhysAccess(CpuX86 *cpu, GuestAddr phys, uint8_t *buf, size_t len);

static MemTxResult read_phys(CpuX86 *cpu, GuestAddr phys, uint8_t *buf, size_t len)
{
    return memory_read(cpu_memory(cpu), phys, MEMTXATTRS_NONE, buf, len);
}

static MemTxResult write_phys(CpuX86 *cpu, GuestAddr phys, uint8_t *buf, size_t len)
{
    return memory_write_rom(cpu_memory(cpu), phys, buf, len);
}

static bool access_pages(CpuX86 *cpu, uint64_t addr, uint8_t *buf, size_t len, PhysAccess *access)
{
    while (len) {
        size_t part = MIN(len, GUEST_PAGE_SIZE - addr % GUEST_PAGE_SIZE);
        GuestAddr phys;
        if (!cpu_translate(cpu, addr, &phys) || access(cpu, phys, buf, part) != MEMTX_OK) {
            return false;
        }
        addr += part;
        buf += part;
        len -= part;
    }
    return true;
}

bool cpu_debug_read(CpuX86 *cpu, uint64_t addr, void *buf, size_t len)
{
    return access_pages(cpu, addr, buf, len, read_phys);
}

bool cpu_debug_write(CpuX86 *cpu, uint64_t addr, const void *buf, size_t len)
{
    return access_pages(cpu, addr, (uint8_t *)buf, len, write_phys);
}
