/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CMOS bytes that a PC BIOS looks up: memory sizes, boot order, equipment, number of CPUs.
 * Layout: Ralf Brown's CMOS list for the standard bytes; 0x38, 0x3d, 0x5b-0x5f are Bochs's and QEMU's.
 */
#include <string.h>

#include "core/vm.h"
#include "hw/block/fdc.h"
#include "hw/pc/pc.h"
#include "hw/timer/mc146818.h"

#define KIB 1024ull
#define MIB (1024 * KIB)

enum {
    CMOS_SHUTDOWN_STATUS = 0x0f, SHUTDOWN_STATUS_S3 = 0xfe, CMOS_FLOPPY_TYPES = 0x10, CMOS_EQUIPMENT = 0x14, CMOS_BASE_KIB = 0x15, CMOS_EXTENDED_KIB = 0x17,
    CMOS_EXTENDED_KIB_2 = 0x30, CMOS_ABOVE_16M_64KIB = 0x34, CMOS_BOOT_FLAGS1 = 0x38, CMOS_BOOT_FLAGS2 = 0x3d,
    CMOS_ABOVE_4G_64KIB = 0x5b, CMOS_CPUS = 0x5f, EQUIPMENT_FLOPPY = 0x01, EQUIPMENT_FPU = 0x02, EQUIPMENT_PS2_MOUSE = 0x04
};

static void set16(Device *rtc, unsigned index, uint64_t value)
{
    value = MIN(value, 0xffff);
    mc146818_set_cmos(rtc, index, value);
    mc146818_set_cmos(rtc, index + 1, value >> 8);
}

/* The BIOS's number of a boot device letter; 0: none such. */
static unsigned boot_number(char letter)
{
    switch (letter) {
    case 'a': return 1;
    case 'c': return 2;
    case 'd': return 3;
    case 'n': return 4;
    default: return 0;
    }
}

bool pc_check_boot_order(const char *order, GError **err)
{
    if (strlen(order) > 3) {
        return error_set(err, "boot order '%s' names more than 3 devices", order);
    }
    for (const char *c = order; *c; c++) {
        if (!boot_number(*c)) {
            return error_set(err, "boot order '%s': '%c' is none of a (floppy), c (disk), d (CD), n (network)", order,
                             *c);
        }
        if (strchr(c + 1, *c)) {
            return error_set(err, "boot order '%s' names '%c' twice", order, *c);
        }
    }
    return true;
}

void pc_set_boot_order(Machine *m, const char *order)
{
    PcMachine *pc = PC_MACHINE(m);
    unsigned number[3] = { 0 };

    for (int i = 0; i < 3 && order[i]; i++) {
        number[i] = boot_number(order[i]);
    }
    mc146818_set_cmos(pc->rtc, CMOS_BOOT_FLAGS2, number[1] << 4 | number[0]);
    mc146818_set_cmos(pc->rtc, CMOS_BOOT_FLAGS1, number[2] << 4 | (pc->fd_bootchk ? 0 : 1));
}

static const char *lasting_order(const Machine *m)
{
    return m->boot_order ? m->boot_order : "cad";
}

/* The reset that starts the machine leaves once= in force; the next one ends it. */
static void boot_once_over(void *opaque, ResetKind kind)
{
    PcMachine *pc = opaque;

    if (!pc->booted_once) {
        pc->booted_once = true;
        return;
    }
    pc_set_boot_order(&pc->machine, lasting_order(&pc->machine));
    reset_unregister(boot_once_over, pc);
}

void pc_boot_order_init(PcMachine *pc)
{
    Machine *m = &pc->machine;

    pc_set_boot_order(m, m->boot_once ? m->boot_once : lasting_order(m));
    if (m->boot_once) {
        reset_register(boot_once_over, pc);
    }
}

static void floppies_to_cmos(void *opaque)
{
    PcMachine *pc = opaque;
    uint8_t types[FLOPPY_UNITS], equipment = EQUIPMENT_FPU | EQUIPMENT_PS2_MOUSE;
    unsigned count = 0;

    for (unsigned i = 0; i < FLOPPY_UNITS; i++) {
        types[i] = fdc_cmos_type(i);
        count += types[i] != 0;
    }
    mc146818_set_cmos(pc->rtc, CMOS_FLOPPY_TYPES, types[0] << 4 | types[1]);
    mc146818_set_cmos(pc->rtc, CMOS_EQUIPMENT, count ? equipment | EQUIPMENT_FLOPPY | (count - 1) << 6 : equipment);
}

/* The BIOS that runs at wake-up looks here for whether to boot or to go on. */
static void s3_to_cmos(void *opaque)
{
    mc146818_set_cmos(((PcMachine *)opaque)->rtc, CMOS_SHUTDOWN_STATUS, SHUTDOWN_STATUS_S3);
}

void pc_cmos_count_cpus(Device *rtc)
{
    mc146818_set_cmos(rtc, CMOS_CPUS, cpu_count() - 1);
}

void pc_cmos_set_memory(Device *rtc, uint64_t below_4g, uint64_t above_4g)
{
    uint64_t extended_kib = below_4g > MIB ? (below_4g - MIB) / KIB : 0, above_64kib = above_4g / (64 * KIB);

    set16(rtc, CMOS_BASE_KIB, 640);
    set16(rtc, CMOS_EXTENDED_KIB, extended_kib);
    set16(rtc, CMOS_EXTENDED_KIB_2, extended_kib);
    set16(rtc, CMOS_ABOVE_16M_64KIB, below_4g > 16 * MIB ? (below_4g - 16 * MIB) / (64 * KIB) : 0);
    set16(rtc, CMOS_ABOVE_4G_64KIB, above_64kib & 0xffff);
    mc146818_set_cmos(rtc, CMOS_ABOVE_4G_64KIB + 2, above_64kib >> 16);
}

void pc_cmos_init(PcMachine *pc)
{
    pc_cmos_set_memory(pc->rtc, pc->memory.below_4g_bytes, pc->memory.above_4g_bytes);
    machine_on_done(floppies_to_cmos, pc);
    vm_on_suspend(s3_to_cmos, pc);
    pc_boot_order_init(pc);
}
