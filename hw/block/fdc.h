/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floppy disks: the controller (fdc.c), drives on its bus and the formats of their media (floppy.c).
 */
#ifndef HW_BLOCK_FDC_H
#define HW_BLOCK_FDC_H

#include "block/device_conf.h"
#include "hw/isa/isa.h"

#define FLOPPY_UNITS 2
#define FLOPPY_SECTOR_BYTES 512

typedef enum FloppyType { FLOPPY_144, FLOPPY_288, FLOPPY_120, FLOPPY_NONE, FLOPPY_AUTO } FloppyType;
extern const char *const floppy_type_names[];

/* A format of a medium. `rate`: as in the data rate select register (0: 500 kbit/s, 1: 300, 2: 250, 3: 1000). */
typedef struct FloppyFormat { uint8_t type, sectors, tracks, heads, rate; } FloppyFormat;

typedef struct FloppyDrive {
    Device device;
    BlockDeviceConf conf;
    uint32_t unit;
    int type;                                   /* property: FloppyType */
    int drive_type;                             /* what it is: AUTO has been decided */
    const FloppyFormat *format;                 /* of the medium; NULL: none */
    /* guest state */
    uint8_t track, head;                        /* where the heads are */
    bool changed;                               /* DSKCHG: since the last step */
} FloppyDrive;

typedef struct FloppyBus { Bus bus; FloppyDrive *units[FLOPPY_UNITS]; int fallback; } FloppyBus;
#define FLOPPY_BUS(b) ((FloppyBus *)(b))
extern const BusType floppy_bus_type;           /* "floppy-bus" */
extern const DeviceType floppy_type;            /* "floppy" */

bool floppy_read_only(const FloppyDrive *d);
/** floppy_step: moves the heads; with a medium in, DSKCHG goes out. */
void floppy_step(FloppyDrive *d, uint8_t track);
/** floppy_offset: byte of the image at track, head, sector (from 1); -1: the medium has no such place. */
int64_t floppy_offset(const FloppyDrive *d, uint8_t track, uint8_t head, uint8_t sector);

/** fdc_create: the board's controller with the -drive if=floppy drives. @always: also if there are none. */
bool fdc_create(IsaBus *bus, bool always, GError **err);
bool fdc_is_there(void);                        /* a controller, of the board's or the user's */
/** fdc_cmos_type: how CMOS calls the drive in place @unit of the first controller; 0: none there. */
uint8_t fdc_cmos_type(unsigned unit);

#endif
