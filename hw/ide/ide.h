/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ATA: the bus, what every ATA device has, and the seam to the host adapter that moves its DMA data.
 *
 *   guest port access -> IdeBus (ide_bus.c): registers, selection, SRST, INTRQ
 *     -> command byte -> IdeDeviceType.commands (ata_disk.c, atapi.c) -> ide_transfer.c: PIO and DMA against the drive
 *     -> IdeTransport (bmdma.c; AHCI later): where the memory is, when to start
 *
 * Names of registers and bits are those of ATA/ATAPI-7 volume 1 and 2. Invariants: a device has at most one request in
 * flight (`request`), and while it has one, STATUS.BSY or (DMA) DRQ is set; `pending` says what to do again if the
 * machine was stopped by an error (werror=stop); buf_pos <= buf_len <= the type's buf_bytes.
 */
#ifndef HW_IDE_IDE_H
#define HW_IDE_IDE_H

#include "block/device_conf.h"
#include "core/device.h"
#include "memory/memory.h"

#define IDE_SECTOR_BYTES 512
#define IDE_MULTIPLE_MAX 16                     /* sectors of a READ MULTIPLE block */
#define IDE_BUF_BYTES (IDE_MULTIPLE_MAX * IDE_SECTOR_BYTES)
#define IDE_UNITS 2

/* Command block registers, by offset from its first port. */
enum { ATA_DATA, ATA_ERROR, ATA_COUNT, ATA_LBA_LOW, ATA_LBA_MID, ATA_LBA_HIGH, ATA_DEVICE, ATA_STATUS,
       ATA_FEATURES = ATA_ERROR, ATA_COMMAND = ATA_STATUS };
enum {
    STATUS_ERR = 0x01, STATUS_DRQ = 0x08, STATUS_DSC = 0x10, STATUS_DF = 0x20, STATUS_DRDY = 0x40, STATUS_BSY = 0x80
};
enum { ERROR_ABRT = 0x04, ERROR_IDNF = 0x10, ERROR_UNC = 0x40, ERROR_ICRC = 0x80 };
enum { DEVICE_HEAD = 0x0f, DEVICE_DEV = 0x10, DEVICE_LBA = 0x40, DEVICE_OBSOLETE = 0xa0 };
enum { CONTROL_NIEN = 0x02, CONTROL_SRST = 0x04, CONTROL_HOB = 0x80 };

typedef struct IdeBus IdeBus;
typedef struct IdeDevice IdeDevice;
typedef struct IdeDeviceType IdeDeviceType;
typedef struct IdeRequest IdeRequest;

/* A command block. The "previous" values of 48-bit commands are in hob. Every unit has one, also an empty place. */
typedef struct IdeRegs {
    uint8_t error, features, device, status;
    uint8_t count, lba_low, lba_mid, lba_high;
    struct { uint8_t features, count, lba_low, lba_mid, lba_high; } hob;
} IdeRegs;

/* What moves the data of DMA commands. All of it under the big lock. */
typedef struct DmaSegment { GuestAddr addr; uint32_t len; } DmaSegment;
typedef struct IdeSg {
    AddressSpace *as;
    bool to_guest;
    GArray *segments;                           /* DmaSegment, filled by the transport */
    GArray *vectors;                            /* struct iovec, on loan if !bounce */
    uint8_t *bounce;
    struct iovec one;
    IoVec v;                                    /* for the request, once mapped */
} IdeSg;
typedef struct IdeTransport {
    /**
     * The device has taken a DMA command; the transport calls ide_dma_run() when the host has armed it, now or later.
     */
    void (*dma_ready)(IdeBus *bus, IdeDevice *dev);
    /**
     * Appends to @segments where the next bytes are, at most @max (a multiple of @unit), in whole units as long as the
     * guest's list lasts. Returns how many bytes; 0: the list is at its end; -1: the list cannot be read.
     */
    int64_t (*dma_segments)(IdeBus *bus, GArray *segments, uint32_t max, uint32_t unit);
    void (*dma_rewind)(IdeBus *bus);            /* forgets the last dma_segments(): it will be done again */
    AddressSpace *(*dma_space)(IdeBus *bus);
    /** The command is over; @failed: because memory could not be reached. */
    void (*dma_ended)(IdeBus *bus, bool failed);
    void (*dma_cancel)(IdeBus *bus);            /* reset: no command waits any more */
    void (*set_irq)(IdeBus *bus, int level);    /* INTRQ, nIEN considered */
    void (*idle)(IdeBus *bus);                  /* a request that was given up has ended; NULL: nobody waits for it */
} IdeTransport;

struct IdeBus {
    Bus bus;
    unsigned number;                            /* of the channel, for firmware paths */
    unsigned first_serial;                      /* default serial number of unit 0; unit 1 has the next */
    unsigned max_units;
    unsigned queue_depth;                       /* of FPDMA commands; 0: none (parallel ATA) */
    const IdeTransport *transport;
    IdeDevice *units[IDE_UNITS];                /* NULL: nobody there */
    IdeRegs regs[IDE_UNITS];
    uint8_t unit;                               /* selected */
    uint8_t control;                            /* Device Control register */
    bool intrq;                                 /* pending, whatever nIEN says */
};

typedef enum IdeNext { IDE_NEXT_STOP, IDE_NEXT_READ, IDE_NEXT_WRITE, IDE_NEXT_PACKET, IDE_NEXT_COUNT } IdeNext;
typedef enum IdePending {
    IDE_PENDING_NONE, IDE_PENDING_READ, IDE_PENDING_WRITE, IDE_PENDING_DMA_READ, IDE_PENDING_DMA_WRITE,
    IDE_PENDING_TRIM, IDE_PENDING_FLUSH, IDE_PENDING_PACKET_READ, IDE_PENDING_PACKET_DMA, IDE_PENDING_COUNT
} IdePending;

/* Returns whether the command is over; false: its end comes later (data to move, a request in flight). */
typedef bool IdeCommandFn(IdeDevice *dev, uint8_t command);
typedef struct IdeCommand {
    const char *name;
    IdeCommandFn *run;
    bool sets_dsc;
    bool any_time;                              /* also while another command is in progress */
} IdeCommand;

struct IdeDeviceType {
    union { DeviceType device; struct DeviceType; };
    uint8_t signature_mid, signature_high;      /* in LBA Mid and High after reset: what sort of device it is */
    uint8_t reset_status, soft_reset_status;
    uint32_t buf_bytes;
    const IdeCommand *commands;                 /* [256]; no function: aborted */
    /* of devices with PACKET commands */
    void (*packet_buffer_done)(IdeDevice *dev); /* IDE_NEXT_PACKET: the host is through with the buffer */
    void (*packet_dma_run)(IdeDevice *dev);     /* IDE_PENDING_PACKET_DMA, and the host has armed it */
    void (*packet_read)(IdeDevice *dev);        /* IDE_PENDING_PACKET_READ: calls ide_read_buffer() */
    void (*packet_read_done)(IdeDevice *dev, int ret);      /* @ret: 0, or -errno that is to be reported */
};

struct IdeDevice {
    Device device;
    /* properties */
    BlockDeviceConf conf;
    uint32_t unit;
    int32_t bootindex;
    char *version, *serial, *model;
    uint64_t wwn;
    uint16_t rotation_rate;
    bool win2k_install_hack;
    /* of the drive */
    int64_t sectors;
    uint32_t cylinders, heads, track_sectors;   /* INITIALIZE DEVICE PARAMETERS changes the last two */
    /* modes that commands set */
    uint8_t multiple;                           /* sectors of READ MULTIPLE; 0: off */
    uint8_t block_sectors;                      /* sectors between interrupts of the command in progress */
    uint8_t mwdma_mode, udma_mode;              /* selected, one bit; SET FEATURES 03h */
    bool write_cache, smart_enabled, smart_autosave;
    uint8_t smart_selftest_status;
    /* command in progress */
    bool lba48;
    bool dma;                                   /* PACKET: data moves by DMA */
    uint32_t remaining;                         /* sectors still to move */
    uint8_t *buf;                               /* PIO data */
    uint32_t buf_pos, buf_len;
    bool data_out;                              /* the host writes the buffer */
    int next;                                   /* IdeNext: when the host is through with the buffer */
    int pending;                                /* IdePending */
    bool stopped;                               /* `pending` waits for the machine to run again */
    uint8_t late_count;                         /* with win2k_install_hack: interrupts of PIO writes, modulo 16 */
    Timer late_irq;                             /* one that is held back */
    IdeRequest *request;
};
#define IDE_BUS(b) ((IdeBus *)(b))
#define IDE_DEVICE(d) ((IdeDevice *)(d))

extern const BusType ide_bus_type;              /* "IDE" */
extern const IdeDeviceType ide_device_type;     /* "ide-device": abstract */
static inline IdeBus *ide_bus_of(const IdeDevice *dev) { return IDE_BUS(dev->device.bus); }
static inline IdeRegs *ide_regs(const IdeDevice *dev) { return &ide_bus_of(dev)->regs[dev->unit]; }
static inline const IdeDeviceType *ide_type_of(const IdeDevice *dev)
{
    return (const IdeDeviceType *)dev->device.object.type;
}

/* ---- for host adapters (ide_bus.c) ---- */

/** ide_bus_init: @number of the channel in firmware's paths; @units: places for devices. */
void ide_bus_init(IdeBus *bus, Device *owner, const char *name, unsigned number, unsigned units,
                  const IdeTransport *transport);
/* For the adapter's regions: the command block (8 bytes) and the control register (1 byte). Opaque: the IdeBus. */
extern const MemoryOps ide_command_ops, ide_control_ops;
uint8_t ide_read_register(IdeBus *bus, unsigned reg);
void ide_write_register(IdeBus *bus, unsigned reg, uint8_t value);
void ide_dma_run(IdeDevice *dev);               /* the host has armed DMA for a device that is ready */
bool ide_dma_waiting(const IdeDevice *dev);     /* a DMA command is in progress and nothing of it in flight */
/** ide_dma_stop: the host has disarmed it in the middle: the command is given up. */
void ide_dma_stop(IdeDevice *dev);
/** ide_give_up: forgets the command in progress; the device is busy until its request, if one is in flight, ends. */
void ide_give_up(IdeDevice *dev);
void ide_given_up_done(IdeDevice *dev);         /* and now it has */
void ide_cancel(IdeDevice *dev);                /* gives up and waits; not from a vCPU */
void ide_late_irq(void *opaque);                /* of IdeDevice.late_irq; @opaque: the device */
extern const StateField ide_bus_state[];
void ide_write_control(IdeBus *bus, uint8_t value);     /* Device Control register */
/** ide_pio_block_done: the adapter has moved all of dev->buf[buf_pos..buf_len). */
void ide_pio_block_done(IdeDevice *dev);
/* Memory of a request (ide_sg.c): init, segments appended, map, request, unmap, free. */
void ide_sg_init(IdeSg *sg, AddressSpace *as, bool to_guest);
/** ide_sg_map: false: some of the memory cannot be reached, or there is none for a buffer. */
bool ide_sg_map(IdeSg *sg, uint32_t bytes);
/**
 * ide_sg_unmap: @used: the request has run, so that a read may have written some or all of it, however it ended; @good:
 * its data is for the guest. False: the memory could not be written.
 */
bool ide_sg_unmap(IdeSg *sg, bool used, bool good);
void ide_sg_free(IdeSg *sg);                    /* all zero is allowed */
/** ide_sg_copy: between @buf and all of @segments, without a request. False: some could not be reached. */
bool ide_sg_copy(AddressSpace *as, const GArray *segments, uint8_t *buf, bool to_guest);

/* ---- for devices (ide_transfer.c) ---- */

void ide_raise_irq(IdeDevice *dev);
void ide_set_signature(IdeBus *bus, unsigned unit);
void ide_abort(IdeDevice *dev);                 /* ERR and ABRT; the caller ends the command */
/** ide_pio_start: @bytes of dev->buf to (or, @out, from) the host; then @next. */
void ide_pio_start(IdeDevice *dev, uint32_t bytes, bool out, IdeNext next);
void ide_pio_start_at(IdeDevice *dev, uint32_t from, uint32_t bytes, bool out, IdeNext next);
void ide_pio_stop(IdeDevice *dev);
uint32_t ide_data_read(IdeDevice *dev, unsigned size);
void ide_data_write(IdeDevice *dev, uint32_t value, unsigned size);
/** ide_begin: starts @what with the sector address and `remaining` set; used by commands and to do it again. */
void ide_begin(IdeDevice *dev, IdePending what);
/** ide_read_buffer: for packet_read(): @bytes of the drive at @offset into @to, then packet_read_done(). */
void ide_read_buffer(IdeDevice *dev, int64_t offset, uint8_t *to, uint32_t bytes);
int64_t ide_get_lba(const IdeDevice *dev);      /* from registers; -1: no such CHS address */
void ide_set_lba(IdeDevice *dev, int64_t lba);
bool ide_range_ok(const IdeDevice *dev, int64_t lba, uint32_t sectors);

/** ide_bios_conf: geometry and translation of the disk in place @unit of @bus, for the BIOS; NULL: no disk there. */
const BlockDeviceConf *ide_bios_conf(Bus *bus, unsigned unit);

/* ---- commands ---- */

void ata_identify(const IdeDevice *dev, uint8_t out[IDE_SECTOR_BYTES]);
void atapi_identify(const IdeDevice *dev, uint8_t out[IDE_SECTOR_BYTES]);
IdeCommandFn ata_smart, ata_set_features, ata_flush_cache, ata_execute_device_diagnostic;

#endif
