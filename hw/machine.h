/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machines: what -machine chooses, and what the command line says of it.
 *
 * system/ makes the Machine object, sets properties (-machine keys), fills the configuration below from other options,
 * and calls the type's init(), which builds the board: RAM, vCPUs, buses, devices, firmware. The object stands at
 * /machine. Afterwards -device options are created, then machine_done notifiers run (ACPI tables, boot order, fw_cfg).
 */
#ifndef HW_MACHINE_H
#define HW_MACHINE_H

#include "accel/accel.h"
#include "chardev/chardev.h"
#include "core/device.h"
#include "memory/memory.h"

typedef struct Machine Machine;

typedef struct MachineType {
    union { Type type; struct Type; };          /* name: "pc-i440fx-11.1-machine" */
    const char *machine_name;                   /* "pc-i440fx-11.1" */
    const char *alias;                          /* "pc"; NULL */
    bool is_default, deprecated;
    const char *default_cpu;                    /* "qemu64"; NULL: the machine has no CPUs */
    int max_cpus;
    const char *default_display;                /* "std" */
    bool has_floppy;                            /* there is a floppy drive by default */
    int ide_units;                              /* units of a bus of -drive if=ide; 0: the board has no IDE */
    /* Blocks of property rows, applied in order: what this version does otherwise than the newest. */
    const GlobalProperty *const *compat;
    unsigned compat_blocks;
    const char *default_ram_id;                 /* what memory-backend= replaces; NULL: "pc.ram" */
    bool no_acpi;                               /* never has ACPI tables */
    bool no_cpu_hotplug;
    bool split_irqchip;                         /* KVM's default is kernel-irqchip=split */
    bool (*init_board)(Machine *machine, GError **err);
} MachineType;
extern const MachineType machine_type;          /* "machine": abstract */

typedef struct SmpConfig {
    unsigned cpus, max_cpus, sockets, dies, clusters, modules, cores, threads, drawers, books;
} SmpConfig;

struct Machine {
    Object object;
    /* From options; strings owned. */
    uint64_t ram_size, max_ram_size;            /* bytes */
    unsigned ram_slots;
    SmpConfig smp;
    char *cpu_type;                             /* resolved QOM type name, "qemu64-x86_64-cpu" */
    json_object *cpu_args;                      /* -cpu features as a dictionary, applied to every vCPU */
    char *kernel, *initrd, *append, *dtb, *shim;
    char *firmware;                             /* -bios */
    char *vga;                                  /* "std", "none", "cirrus" ... */
    bool default_serial, default_parallel, default_floppy,
        default_cdrom; /* false under -nodefaults or if given explicitly */
    bool nographic;
    char *boot_order, *boot_once, *boot_splash; bool boot_menu, boot_strict; int boot_splash_time, boot_reboot_timeout;
    uint8_t uuid[16]; bool uuid_set;
    char *vm_name;
    Chardev *parallels[3];                      /* NULL: none */
    Chardev *serials[4];                        /* NULL: none */
    struct NumaConfig *numa;                    /* hw/numa.h; NULL: one node, not told of */
    Object *memory_backend;                     /* memory-backend=; NULL: the board makes "pc.ram" itself */
    /* Own properties of every machine (-machine key=value); boards add theirs. */
    char *memory_backend_id; bool hmat, dump_guest_core, mem_merge, usb, graphics, suppress_vmdesc;
    char *accel;
    /* -rtc: the guest's wall clock starts at rtc_start (seconds since 1970, in the time it shows) and follows
     * rtc_clock. */
    int64_t rtc_start;
    bool rtc_follows_host; /* follows: offset from the host's clock is kept; else counts from start-up */
    ClockType rtc_clock; bool rtc_slew;
    /* Set by the board. */
    MemoryRegion *ram;                          /* all of guest RAM */
    AddressSpace *smm_as;                       /* memory as CPUs see it in SMM; NULL: as ever. Before they are made */
    void (*set_boot_order)(Machine *m, const char *order);
    void (*inject_nmi)(void);
    void (*print_roms)(Machine *m, GString *out);       /* `info roms` */
    bool (*check_boot_order)(const char *order, GError **err);
};
extern Machine *current_machine;                /* NULL until made */
/** machine_type_find: by name or alias; NULL: none. */
const MachineType *machine_type_find(const char *name);
void machine_type_foreach(void (*fn)(const MachineType *t, void *opaque), void *opaque);

/** machine_cpu_place: where CPU @index is in the topology. */
typedef struct CpuPlace { unsigned socket, die, module, core, thread; } CpuPlace;
CpuPlace machine_cpu_place(const SmpConfig *smp, unsigned index);

/** machine_create_cpus: -smp: realizes smp.cpus vCPUs of cpu_type with topology ids; apic ids as QEMU computes them. */
bool machine_create_cpus(Machine *machine, GError **err);

/* Run, in order of registration, after all devices exist and before the first reset. */
void machine_on_done(void (*fn)(void *opaque), void *opaque);
void machine_run_done(void);

/*
 * Boot order: devices with a bootindex= join at realize. A device has PROP_BOOTINDEX, and calls
 * machine_add_boot_device() in realize() and machine_remove_boot_device() in unrealize().
 */
#define PROP_BOOTINDEX(S, f) PROP_INT32("bootindex", S, f, -1, "Place in the order of boot devices, from 0; -1: none")
/** machine_add_boot_device: @suffix follows the bus's path of the device ("/drive@0/disk@0"; NULL: nothing). -1 does
 * nothing; a taken index fails. */
bool machine_add_boot_device(Device *dev, int32_t bootindex, const char *suffix, GError **err);
void machine_remove_boot_device(Device *dev);
/** machine_boot_order: content of fw_cfg's "bootorder" (lines, final zero counted in @len); NULL and 0 if no device has
 * an index. g_free(). */
char *machine_boot_order(const Machine *machine, size_t *len);

/** firmware_find: path of a firmware file by name: -L directories in order, the build's and the installed data
 * directory, the distribution's (/usr/share/seabios, /usr/share/qemu, ...). NULL: not found. g_free(). */
char *firmware_find(const char *name);
/**
 * firmware_read: all of the BIOS image that firmware_find() finds; *@data is the caller's. Errors name the file: not
 * found (with @hint), empty, no multiple of 64 KiB, more than @max_bytes.
 */
bool firmware_read(const char *name, const char *hint, uint64_t max_bytes, uint8_t **data, size_t *len, GError **err);
void firmware_add_dir(const char *dir);         /* -L */
void firmware_print_dirs(void);                 /* -L help */

#endif
