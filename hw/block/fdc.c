/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 82078 floppy disk controller on the ISA bus, in AT mode: ports 3f1-3f5 and 3f7, interrupt 6, DMA channel 2.
 *
 *   FIFO writes -> command byte and parameters -> fdc_commands[] -> result bytes -> FIFO reads
 *   data commands: execution phase, sector by sector through `data`:
 *     read:  the drive's sector -> host, by DMA or FIFO -> next sector ... terminal count or end of track -> results, IRQ
 *     write: host -> data -> the drive's sector -> next ...
 *
 * Seeks take no time, and a data command goes to the cylinder it names by itself. Sectors have 512 bytes. Intel 290475
 * (82078 data sheet): registers 2.1, commands 5, results 6. Invariants: pos <= sizeof(data); while `request`, a sector is
 * being read or written and the FIFO and DMA wait.
 */
#include <string.h>

#include "core/log.h"
#include "core/vm.h"
#include "hw/block/fdc.h"
#include "hw/dma/i8257.h"
#include "hw/machine.h"

TRACE_EVENT(fdc_command, "command 0x%02x (%s)");

enum { REG_SRB = 1, REG_DOR = 2, REG_TDR = 3, REG_MSR = 4, REG_DSR = 4, REG_FIFO = 5, REG_DIR = 7, REG_CCR = 7 };
enum { DOR_SELECT = 0x03, DOR_NRESET = 0x04, DOR_DMAGATE = 0x08, DOR_MOTORS = 0xf0 };
enum { MSR_CMDBUSY = 0x10, MSR_NONDMA = 0x20, MSR_DIO = 0x40, MSR_RQM = 0x80 };
enum { DSR_RATE = 0x03, DSR_POWER_DOWN = 0x40, DSR_RESET = 0x80 };
enum { DIR_DSKCHG = 0x80 };
enum { ST0_SEEK_END = 0x20, ST0_ABNORMAL = 0x40, ST0_INVALID = 0x80, ST0_READY_CHANGE = 0xc0, ST0_HEAD = 0x04,
       ST0_EQUIPMENT_CHECK = 0x10 };
enum { ST1_MISSING_MARK = 0x01, ST1_NOT_WRITABLE = 0x02, ST1_NO_DATA = 0x04, ST1_DATA_ERROR = 0x20, ST1_END = 0x80 };
enum { ST2_DATA_ERROR = 0x20, ST2_CONTROL_MARK = 0x40 };
enum { ST3_TWO_SIDED = 0x08, ST3_TRACK_0 = 0x10, ST3_READY = 0x20, ST3_PROTECTED = 0x40 };
enum { COMMAND_MULTI_TRACK = 0x80 };
enum { SIZE_512 = 2 };                          /* N of a sector */
enum { CONFIGURE_IMPLIED_SEEK = 0x40, CONFIGURE_NO_FIFO = 0x20 };
#define READ_ID_NS (20 * NS_PER_MS)             /* an ID field comes by */
#define FIFO_BYTES 16
#define TRACKS_MAX 84                           /* where a drive's heads cannot go further */

typedef enum FdcPhase { FDC_COMMAND, FDC_EXECUTION, FDC_RESULT, FDC_PHASE_COUNT } FdcPhase;
typedef enum FdcTransfer { FDC_READ, FDC_WRITE, FDC_VERIFY, FDC_FORMAT, FDC_TRANSFER_COUNT } FdcTransfer;

typedef struct Fdc {
    IsaDevice isa;
    FloppyBus bus;
    MemoryRegion low, high;                     /* ports 1-5 and 7 */
    IrqLine *irq_line;
    Timer read_id_timer;
    /* properties */
    uint32_t irq, dma;
    int type_a, type_b, fallback;
    int32_t bootindex[FLOPPY_UNITS];
    /* registers */
    uint8_t dor, tdr, dsr, srb;
    bool interrupt;                             /* INT, whatever DMAGATE says */
    uint8_t st0, st1, st2;
    int resets_to_sense;                        /* SENSE INTERRUPT STATUS tells of each drive after a reset */
    /* what SPECIFY and others set */
    uint8_t specify[2], configure, precompensation, perpendicular;
    bool locked, non_dma;
    /* FIFO */
    int phase;                                  /* FdcPhase */
    uint8_t fifo[FIFO_BYTES];
    uint32_t fifo_pos, fifo_len;                /* commands: bytes there and wanted; results: bytes read and there */
    /* execution */
    int transfer;                               /* FdcTransfer */
    bool by_dma, tc;
    uint8_t cylinder, head, sector, last_sector;
    uint32_t left;                              /* FORMAT: sectors still to come; VERIFY with EC: to verify, 0: all */
    uint8_t data[FLOPPY_SECTOR_BYTES];
    uint32_t pos, len;                          /* of data that moves to or from the host */
    bool pending;                               /* a sector is to be read or written: again, if `stopped` */
    bool stopped;
    bool request;                               /* in flight */
    bool given_up;                              /* reset meanwhile: its end is of no interest */
    struct iovec iov;
    IoVec v;
} Fdc;

typedef struct FdcCommand {
    uint8_t code, mask;                         /* @mask: bits of the byte that say which command it is */
    const char *name;
    uint8_t params;
    void (*run)(Fdc *s);
} FdcCommand;

static Fdc *first_fdc;                          /* the one that firmware sees */

static void start_sector(Fdc *s);
static void go_on(Fdc *s);

/* ---- helpers ---- */

static unsigned selected(const Fdc *s) { return s->dor & DOR_SELECT; }
static FloppyDrive *drive_at(const Fdc *s, unsigned unit) { return unit < FLOPPY_UNITS ? s->bus.units[unit] : NULL; }

static void update_irq(Fdc *s) { irq_set(s->irq_line, s->interrupt && (s->dor & DOR_DMAGATE)); }

static void raise_irq(Fdc *s)
{
    s->interrupt = true;
    update_irq(s);
}

static void lower_irq(Fdc *s)
{
    s->interrupt = false;
    update_irq(s);
}

static void idle(Fdc *s)
{
    s->phase = FDC_COMMAND;
    s->fifo_pos = 0;
    s->fifo_len = 1;
    s->pos = s->len = 0;
}

static void result(Fdc *s, uint32_t bytes)
{
    s->phase = FDC_RESULT;
    s->fifo_pos = 0;
    s->fifo_len = bytes;
}

/* ---- execution ---- */

/* The seven result bytes of a data command. */
static void end_transfer(Fdc *s, uint8_t st0, uint8_t st1, uint8_t st2)
{
    isa_dma_set_dreq(s->dma, false);
    s->pending = false;
    s->pos = s->len = 0;
    s->st0 = st0 | selected(s) | (s->head ? ST0_HEAD : 0) | (s->configure & CONFIGURE_IMPLIED_SEEK ? ST0_SEEK_END : 0);
    s->st1 |= st1;
    s->st2 |= st2;
    memcpy(s->fifo, (uint8_t[]){ s->st0, s->st1, s->st2, s->cylinder, s->head, s->sector, SIZE_512 }, 7);
    result(s, 7);
    raise_irq(s);
}

/* To the next sector; false: the one just done was the last of the cylinder (or, without MT, of the track). */
static bool advance(Fdc *s)
{
    if (s->sector != s->last_sector) {
        s->sector++;
        return true;
    }
    s->sector = 1;
    if (s->fifo[0] & COMMAND_MULTI_TRACK && s->transfer != FDC_FORMAT) {
        s->head ^= 1;
        if (s->head) {
            return true;
        }
    }
    s->cylinder++;
    return false;
}

/* A sector is through. */
static void sector_done(Fdc *s)
{
    bool more = advance(s);

    if (s->transfer == FDC_FORMAT) {
        if (--s->left == 0) {
            end_transfer(s, 0, 0, 0);
        } else {
            start_sector(s);
        }
    } else if (s->tc || (s->transfer == FDC_VERIFY && ((s->left && --s->left == 0) || !more))) {
        end_transfer(s, 0, 0, 0);
    } else if (!more) {
        end_transfer(s, ST0_ABNORMAL, ST1_END, 0);
    } else {
        start_sector(s);
    }
}

static void sector_io_done(void *opaque, int ret)
{
    Fdc *s = opaque;
    FloppyDrive *d = drive_at(s, selected(s));
    bool is_read = s->transfer == FDC_READ || s->transfer == FDC_VERIFY;

    s->request = false;
    if (s->given_up) {
        s->given_up = false;
        return;
    }
    if (ret < 0 && d) {
        BlockErrorAction action = block_error_action(d->conf.blk, is_read, ret);

        block_error_act(d->conf.blk, action, is_read, ret);
        if (action == BLOCK_ERROR_STOP) {
            s->stopped = true;
            return;
        }
        if (action != BLOCK_ERROR_IGNORE) {
            end_transfer(s, ST0_ABNORMAL, ST1_DATA_ERROR, ST2_DATA_ERROR);
            return;
        }
    }
    s->pending = false;
    if (s->transfer == FDC_READ) {
        s->pos = 0;
        s->len = FLOPPY_SECTOR_BYTES;
        go_on(s);
    } else {
        sector_done(s);
    }
}

/* Reads or writes the present sector. */
static void sector_io(Fdc *s)
{
    FloppyDrive *d = drive_at(s, selected(s));
    int64_t offset = d ? floppy_offset(d, s->cylinder, s->head, s->sector) : -1;

    s->stopped = false;
    if (offset < 0) {
        end_transfer(s, ST0_ABNORMAL, d && d->format ? ST1_NO_DATA : ST1_MISSING_MARK, 0);
        return;
    }
    d->head = s->head;
    s->pending = s->request = true;
    s->iov = (struct iovec){ s->data, FLOPPY_SECTOR_BYTES };
    s->v = (IoVec){ &s->iov, 1, FLOPPY_SECTOR_BYTES };
    if (s->transfer == FDC_READ || s->transfer == FDC_VERIFY) {
        block_preadv(d->conf.blk, offset, &s->v, sector_io_done, s);
    } else {
        block_pwritev(d->conf.blk, offset, &s->v, sector_io_done, s);
    }
}

static void start_sector(Fdc *s)
{
    if (s->transfer == FDC_READ || s->transfer == FDC_VERIFY) {
        sector_io(s);
        return;
    }
    s->pos = 0;
    s->len = s->transfer == FDC_FORMAT ? 4 : FLOPPY_SECTOR_BYTES;
    go_on(s);
}

/* The host has given what a sector, or the ID field of one, needs. */
static void host_has_written(Fdc *s)
{
    s->pos = s->len = 0;
    if (s->transfer == FDC_FORMAT) {
        s->cylinder = s->data[0];
        s->head = s->data[1] & 1;
        s->sector = s->data[2];
        if (s->data[3] != SIZE_512) {
            end_transfer(s, ST0_ABNORMAL, ST1_MISSING_MARK, 0);
            return;
        }
        memset(s->data, s->fifo[5], FLOPPY_SECTOR_BYTES);
    }
    sector_io(s);
}

static void host_is_through(Fdc *s)
{
    if (s->transfer == FDC_READ) {
        s->pos = s->len = 0;
        sector_done(s);
    } else {
        host_has_written(s);
    }
}

/* Moves what can be moved by DMA; the FIFO's way is driven by the host. */
static void go_on(Fdc *s)
{
    if (s->phase != FDC_EXECUTION || s->request || s->stopped || s->pos == s->len) {
        return;
    }
    if (!s->by_dma) {
        raise_irq(s);
        return;
    }
    isa_dma_set_dreq(s->dma, true);
    s->pos += isa_dma_move(s->dma, s->data + s->pos, s->len - s->pos, s->transfer == FDC_READ, &s->tc);
    if (s->tc && s->pos < s->len && s->transfer == FDC_WRITE) {
        memset(s->data + s->pos, 0, s->len - s->pos);   /* the rest of a sector that ends early */
        s->pos = s->len;
    }
    if (s->pos == s->len || s->tc) {
        host_is_through(s);
    }
}

static void dma_ready(void *opaque)
{
    Fdc *s = opaque;

    if (s->by_dma) {
        go_on(s);
    }
}

static bool begin(Fdc *s, FdcTransfer transfer)
{
    FloppyDrive *d;

    s->dor = (s->dor & ~DOR_SELECT) | (s->fifo[1] & DOR_SELECT);
    d = drive_at(s, selected(s));
    s->phase = FDC_EXECUTION;
    s->transfer = transfer;
    s->by_dma = !s->non_dma && s->dor & DOR_DMAGATE;
    s->tc = false;
    s->st1 = s->st2 = 0;
    s->left = 0;
    s->head = s->fifo[1] >> 2 & 1;
    s->cylinder = d ? d->track : 0;
    s->sector = s->last_sector = 1;
    if (!d || !d->format || d->format->rate != (s->dsr & DSR_RATE)) {
        end_transfer(s, ST0_ABNORMAL, ST1_MISSING_MARK, 0);     /* no marks, or none at this rate */
        return false;
    }
    if ((transfer == FDC_WRITE || transfer == FDC_FORMAT) && floppy_read_only(d)) {
        end_transfer(s, ST0_ABNORMAL, ST1_NOT_WRITABLE, 0);
        return false;
    }
    return true;
}

/* READ, WRITE, VERIFY: drive and head, C, H, R, N, EOT, GPL, DTL (or SC). */
static void begin_data(Fdc *s, FdcTransfer transfer)
{
    FloppyDrive *d;

    if (!begin(s, transfer)) {
        return;
    }
    d = drive_at(s, selected(s));
    s->cylinder = s->fifo[2];
    s->head = s->fifo[3] & 1;
    s->sector = s->fifo[4];
    s->last_sector = s->fifo[6];
    if (s->fifo[5] != SIZE_512 || s->fifo[3] >> 1 || floppy_offset(d, s->cylinder, s->head, s->sector) < 0) {
        end_transfer(s, ST0_ABNORMAL, ST1_NO_DATA, 0);
        return;
    }
    floppy_step(d, s->cylinder);
    start_sector(s);
}

static void read_data(Fdc *s) { begin_data(s, FDC_READ); }
static void write_data(Fdc *s) { begin_data(s, FDC_WRITE); }

/* A sector that is not marked deleted is read all the same; then the result says so. */
static void read_deleted(Fdc *s)
{
    begin_data(s, FDC_READ);
    if (s->phase == FDC_EXECUTION) {
        s->st2 |= ST2_CONTROL_MARK;
    }
}

static void read_track(Fdc *s)
{
    s->fifo[4] = 1;
    s->fifo[0] &= ~COMMAND_MULTI_TRACK;
    begin_data(s, FDC_READ);
}

static void verify(Fdc *s)
{
    begin_data(s, FDC_VERIFY);
    s->left = s->fifo[1] & 0x80 ? s->fifo[8] : 0;       /* EC */
}

/* Drive and head, N, SC, GPL, D; then C, H, R, N of each sector. */
static void format_track(Fdc *s)
{
    if (!begin(s, FDC_FORMAT)) {
        return;
    }
    s->left = s->fifo[3];
    if (s->fifo[2] != SIZE_512 || !s->left) {
        end_transfer(s, ST0_ABNORMAL, ST1_NO_DATA, 0);
        return;
    }
    start_sector(s);
}

/* The next ID field that passes under the heads; the medium turns by CLOCK_VIRTUAL. */
static void read_id(Fdc *s)
{
    if (begin(s, FDC_READ)) {
        s->len = 0;
        timer_arm_ns(&s->read_id_timer, clock_ns(CLOCK_VIRTUAL) + READ_ID_NS);
    }
}

static void read_id_due(void *opaque)
{
    Fdc *s = opaque;
    FloppyDrive *d = drive_at(s, selected(s));

    if (!d || floppy_offset(d, d->track, s->head, 1) < 0) {
        end_transfer(s, ST0_ABNORMAL, ST1_MISSING_MARK, 0);
        return;
    }
    d->head = s->head;
    s->cylinder = d->track;
    end_transfer(s, 0, 0, 0);
}

/* ---- the other commands ---- */

static void seek_to(Fdc *s, uint8_t track)
{
    FloppyDrive *d;

    s->dor = (s->dor & ~DOR_SELECT) | (s->fifo[1] & DOR_SELECT);
    d = drive_at(s, selected(s));
    s->st0 = ST0_SEEK_END | (s->fifo[1] & (DOR_SELECT | ST0_HEAD));
    if (d) {
        floppy_step(d, MIN(track, TRACKS_MAX - 1));
    } else {
        s->st0 |= ST0_ABNORMAL | ST0_EQUIPMENT_CHECK;   /* track 0 does not come */
    }
    idle(s);
    raise_irq(s);
}

static void recalibrate(Fdc *s)
{
    s->fifo[1] &= DOR_SELECT;
    seek_to(s, 0);
}

static void seek(Fdc *s) { seek_to(s, s->fifo[2]); }

static void relative_seek(Fdc *s)
{
    const FloppyDrive *d = drive_at(s, s->fifo[1] & DOR_SELECT);
    int track = d ? d->track : 0;

    track += s->fifo[0] & 0x40 ? s->fifo[2] : -s->fifo[2];
    seek_to(s, CLAMP(track, 0, TRACKS_MAX - 1));
}

static void sense_interrupt(Fdc *s)
{
    const FloppyDrive *d;

    if (s->resets_to_sense) {
        unsigned unit = 4 - s->resets_to_sense--;

        d = drive_at(s, unit);
        s->fifo[0] = ST0_READY_CHANGE | unit;
    } else if (s->interrupt) {
        d = drive_at(s, selected(s));
        s->fifo[0] = s->st0;
    } else {
        s->fifo[0] = ST0_INVALID;
        result(s, 1);
        return;
    }
    s->fifo[1] = d ? d->track : 0;
    lower_irq(s);
    result(s, 2);
}

static void sense_drive(Fdc *s)
{
    const FloppyDrive *d = drive_at(s, s->fifo[1] & DOR_SELECT);

    s->fifo[0] = (s->fifo[1] & (DOR_SELECT | ST0_HEAD)) | ST3_READY | ST3_TWO_SIDED;
    if (d && !d->track) {
        s->fifo[0] |= ST3_TRACK_0;
    }
    if (d && d->format && floppy_read_only(d)) {
        s->fifo[0] |= ST3_PROTECTED;
    }
    result(s, 1);
}

static void specify(Fdc *s)
{
    memcpy(s->specify, s->fifo + 1, 2);
    s->non_dma = s->fifo[2] & 1;
    idle(s);
}

static void configure(Fdc *s)
{
    s->configure = s->fifo[2];
    s->precompensation = s->fifo[3];
    idle(s);
}

static void perpendicular_mode(Fdc *s)
{
    /* OW: also the bits of the drives; else only GAP and WGATE */
    s->perpendicular = s->fifo[1] & 0x80 ? s->fifo[1] & 0x3f : (s->perpendicular & 0x3c) | (s->fifo[1] & 0x03);
    idle(s);
}

static void lock(Fdc *s)
{
    s->locked = s->fifo[0] & 0x80;
    s->fifo[0] = s->locked << 4;
    result(s, 1);
}

static void dump_registers(Fdc *s)
{
    for (unsigned i = 0; i < 4; i++) {
        s->fifo[i] = drive_at(s, i) ? drive_at(s, i)->track : 0;
    }
    memcpy(s->fifo + 4, s->specify, 2);
    s->fifo[6] = s->last_sector;
    s->fifo[7] = s->locked << 7 | s->perpendicular;
    s->fifo[8] = s->configure;
    s->fifo[9] = s->precompensation;
    result(s, 10);
}

static void one_byte(Fdc *s, uint8_t value)
{
    s->fifo[0] = value;
    result(s, 1);
}

static void version(Fdc *s) { one_byte(s, 0x90); }      /* an enhanced controller */
static void part_id(Fdc *s) { one_byte(s, 0x41); }
static void power_down_mode(Fdc *s) { one_byte(s, s->fifo[1]); }
static void option(Fdc *s) { idle(s); }
static void drive_specification(Fdc *s) { idle(s); }
static void invalid(Fdc *s) { one_byte(s, ST0_INVALID); }

static const FdcCommand fdc_commands[] = {
    { 0x06, 0x1f, "READ DATA", 8, read_data },
    { 0x0c, 0x1f, "READ DELETED DATA", 8, read_deleted },
    { 0x05, 0x3f, "WRITE DATA", 8, write_data },
    { 0x09, 0x3f, "WRITE DELETED DATA", 8, write_data },
    { 0x02, 0x9f, "READ TRACK", 8, read_track },
    { 0x16, 0x1f, "VERIFY", 8, verify },
    { 0x0d, 0xbf, "FORMAT TRACK", 5, format_track },
    { 0x0a, 0xbf, "READ ID", 1, read_id },
    { 0x07, 0xff, "RECALIBRATE", 1, recalibrate },
    { 0x08, 0xff, "SENSE INTERRUPT STATUS", 0, sense_interrupt },
    { 0x03, 0xff, "SPECIFY", 2, specify },
    { 0x04, 0xff, "SENSE DRIVE STATUS", 1, sense_drive },
    { 0x0f, 0xff, "SEEK", 2, seek },
    { 0x8f, 0xbf, "RELATIVE SEEK", 2, relative_seek },
    { 0x0e, 0xff, "DUMPREG", 0, dump_registers },
    { 0x10, 0xff, "VERSION", 0, version },
    { 0x12, 0xff, "PERPENDICULAR MODE", 1, perpendicular_mode },
    { 0x13, 0xff, "CONFIGURE", 3, configure },
    { 0x14, 0x7f, "LOCK", 0, lock },
    { 0x17, 0xff, "POWERDOWN MODE", 1, power_down_mode },
    { 0x18, 0xff, "PART ID", 0, part_id },
    { 0x33, 0xff, "OPTION", 1, option },
    { 0x8e, 0xff, "DRIVE SPECIFICATION", 5, drive_specification },
    { 0x00, 0x00, "invalid", 0, invalid },
};

static const FdcCommand *find_command(uint8_t code)
{
    const FdcCommand *c = fdc_commands;

    while ((code & c->mask) != c->code) {
        c++;
    }
    return c;
}

/* ---- FIFO ---- */

static uint8_t fifo_read(Fdc *s)
{
    uint8_t value = 0;

    if (s->phase == FDC_RESULT) {
        lower_irq(s);
        value = s->fifo[s->fifo_pos++];
        if (s->fifo_pos == s->fifo_len) {
            idle(s);
        }
    } else if (s->phase == FDC_EXECUTION && s->transfer == FDC_READ && !s->by_dma && s->pos < s->len && !s->request) {
        lower_irq(s);
        value = s->data[s->pos++];
        if (s->pos == s->len) {
            host_is_through(s);
        }
    }
    return value;
}

static void fifo_write(Fdc *s, uint8_t value)
{
    if (s->phase == FDC_EXECUTION && (s->transfer == FDC_WRITE || s->transfer == FDC_FORMAT) && !s->by_dma &&
        s->pos < s->len && !s->request) {
        lower_irq(s);
        s->data[s->pos++] = value;
        if (s->pos == s->len) {
            host_is_through(s);
        }
        return;
    }
    if (s->phase != FDC_COMMAND || s->given_up) {
        return;
    }
    s->fifo[s->fifo_pos++] = value;
    if (s->fifo_pos == 1) {
        s->fifo_len = 1 + find_command(value)->params;
    }
    if (s->fifo_pos == s->fifo_len) {
        const FdcCommand *c = find_command(s->fifo[0]);

        trace(fdc_command, s->fifo[0], c->name);
        c->run(s);
    }
}

/* ---- registers ---- */

static void controller_reset(Fdc *s, bool tell)
{
    timer_stop(&s->read_id_timer);
    isa_dma_set_dreq(s->dma, false);
    s->given_up = s->request;
    s->pending = s->stopped = false;
    s->st0 = s->st1 = s->st2 = 0;
    s->tc = s->by_dma = false;
    s->cylinder = s->head = s->sector = s->last_sector = 0;
    s->perpendicular &= 0x3c;
    if (!s->locked) {
        s->configure = CONFIGURE_IMPLIED_SEEK | CONFIGURE_NO_FIFO;
        s->precompensation = 0;
    }
    idle(s);
    lower_irq(s);
    s->resets_to_sense = 0;
    if (tell) {
        s->resets_to_sense = 4;
        s->st0 = ST0_READY_CHANGE;
        raise_irq(s);
    }
}

static uint8_t msr(const Fdc *s)
{
    bool by_fifo = s->phase == FDC_EXECUTION && !s->by_dma;
    bool data = by_fifo && s->pos < s->len && !s->request;

    if (!(s->dor & DOR_NRESET) || s->given_up) {
        return 0;
    }
    switch (s->phase) {
    case FDC_COMMAND:
        return MSR_RQM | (s->fifo_pos ? MSR_CMDBUSY : 0);
    case FDC_RESULT:
        return MSR_RQM | MSR_DIO | MSR_CMDBUSY;
    default:
        return MSR_CMDBUSY | (by_fifo ? MSR_NONDMA : 0) | (data ? MSR_RQM : 0) |
               (by_fifo && s->transfer == FDC_READ ? MSR_DIO : 0);
    }
}

static void write_dor(Fdc *s, uint8_t value)
{
    uint8_t old = s->dor;

    s->dor = value;
    s->srb = 0xc0 | (value & 0x10 ? 1 : 0) | (value & 0x20 ? 2 : 0) | (value & 1) << 5;
    if ((old & DOR_NRESET) && !(value & DOR_NRESET)) {
        controller_reset(s, false);
    } else if (!(old & DOR_NRESET) && (value & DOR_NRESET)) {
        controller_reset(s, true);
    }
    update_irq(s);
}

static void write_dsr(Fdc *s, uint8_t value)
{
    if (!(s->dor & DOR_NRESET)) {
        return;
    }
    s->dsr = value & ~DSR_RESET;
    if (value & DSR_RESET) {
        controller_reset(s, true);
    }
}

static uint8_t dir(const Fdc *s)
{
    const FloppyDrive *d = drive_at(s, selected(s));

    return !d || d->changed ? DIR_DSKCHG : 0;
}

static uint64_t fdc_read(void *opaque, uint64_t offset, unsigned size)
{
    Fdc *s = opaque;

    switch (offset) {
    case REG_SRB:
        return s->srb;
    case REG_DOR:
        return s->dor;
    case REG_TDR:
        return s->tdr;
    case REG_MSR:
        return msr(s);
    case REG_FIFO:
        return s->dor & DOR_NRESET ? fifo_read(s) : 0;
    default:
        return dir(s);
    }
}

static void fdc_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Fdc *s = opaque;

    switch (offset) {
    case REG_DOR:
        write_dor(s, value);
        break;
    case REG_TDR:
        s->tdr = value & 3;
        break;
    case REG_DSR:
        write_dsr(s, value);
        break;
    case REG_FIFO:
        if (s->dor & DOR_NRESET) {
            fifo_write(s, value);
        }
        break;
    case REG_CCR:
        s->dsr = (s->dsr & ~DSR_RATE) | (value & DSR_RATE);
        break;
    }
}

static uint64_t low_read(void *opaque, uint64_t offset, unsigned size) { return fdc_read(opaque, offset + 1, size); }
static void low_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    fdc_write(opaque, offset + 1, value, size);
}
static uint64_t high_read(void *opaque, uint64_t offset, unsigned size) { return fdc_read(opaque, REG_DIR, size); }
static void high_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    fdc_write(opaque, REG_CCR, value, size);
}

static const MemoryOps low_ops = { .read = low_read, .write = low_write, .valid = { 1, 1 }, .impl = { 1, 1 } };
static const MemoryOps high_ops = { .read = high_read, .write = high_write, .valid = { 1, 1 }, .impl = { 1, 1 } };

/* ---- life ---- */

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    Fdc *s = opaque;

    if (running && s->stopped) {
        sector_io(s);
    }
}

static void drain(Fdc *s)
{
    for (unsigned i = 0; i < FLOPPY_UNITS; i++) {
        if (s->bus.units[i]) {
            block_drain(s->bus.units[i]->conf.blk);
        }
    }
}

static bool isa_fdc_realize(Device *dev, GError **err)
{
    Fdc *s = DEVICE(Fdc, dev);
    IrqLine *line = isa_irq(&s->isa, s->irq, err);

    if (!line || !isa_dma_attach(s->dma, dma_ready, s, "isa-fdc", err)) {
        return false;
    }
    s->irq_line = line;
    for (unsigned i = 0; i < FLOPPY_UNITS; i++) {
        if (!machine_add_boot_device(dev, s->bootindex[i], i ? "/floppy@1" : "/floppy@0", err)) {
            isa_dma_detach(s->dma);
            return false;
        }
    }
    bus_init(&s->bus.bus, &floppy_bus_type, dev, "floppy-bus.0");
    s->bus.fallback = s->fallback;
    memory_region_init_io(&s->low, &dev->object, &low_ops, s, "fdc", 5);
    isa_register_ioport(&s->isa, &s->low, s->isa.iobase + 1);
    memory_region_init_io(&s->high, &dev->object, &high_ops, s, "fdc-dir", 1);
    isa_register_ioport(&s->isa, &s->high, s->isa.iobase + 7);
    vm_on_state_change(vm_state_changed, s);
    first_fdc = first_fdc ? first_fdc : s;
    return true;
}

static void isa_fdc_unrealize(Device *dev)
{
    Fdc *s = DEVICE(Fdc, dev);

    first_fdc = first_fdc == s ? NULL : first_fdc;
    drain(s);
    vm_off_state_change(vm_state_changed, s);
    isa_dma_detach(s->dma);
    machine_remove_boot_device(dev);
    memory_region_destroy(&s->low);
    memory_region_destroy(&s->high);
}

static void isa_fdc_reset(Device *dev, ResetKind kind)
{
    Fdc *s = DEVICE(Fdc, dev);

    controller_reset(s, false);
    drain(s);
    s->dor = DOR_NRESET | DOR_DMAGATE;
    s->srb = 0xc0;
    s->tdr = s->dsr = 0;
    s->specify[0] = s->specify[1] = 0;
    s->perpendicular = s->precompensation = 0;
    s->configure = CONFIGURE_IMPLIED_SEEK | CONFIGURE_NO_FIFO;
    s->locked = s->non_dma = false;
    update_irq(s);
}

static bool isa_fdc_post_load(Device *dev, unsigned version, GError **err)
{
    Fdc *s = DEVICE(Fdc, dev);

    if (s->phase < 0 || s->phase >= FDC_PHASE_COUNT || s->transfer < 0 || s->transfer >= FDC_TRANSFER_COUNT ||
        s->len > sizeof(s->data) || s->pos > s->len || s->fifo_len < 1 || s->fifo_len > 10 ||
        s->fifo_pos > s->fifo_len || (s->phase != FDC_EXECUTION && s->fifo_pos == s->fifo_len) || s->resets_to_sense < 0 || s->resets_to_sense > 4 ||
        (s->phase == FDC_COMMAND && s->fifo_pos && s->fifo_len != 1u + find_command(s->fifo[0])->params)) {
        return error_set(err, "floppy controller: state is out of range");
    }
    return true;
}

static const Property isa_fdc_properties[] = {
    PROP_UINT32("iobase", Fdc, isa.iobase, 0x3f0, "first I/O port"),
    PROP_UINT32("irq", Fdc, irq, 6, "interrupt"),
    PROP_UINT32("dma", Fdc, dma, 2, "DMA channel"),
    PROP_ENUM("fdtypeA", Fdc, type_a, FLOPPY_AUTO, floppy_type_names, "FloppyDriveType", "type of the first -fda drive"),
    PROP_ENUM("fdtypeB", Fdc, type_b, FLOPPY_AUTO, floppy_type_names, "FloppyDriveType", "type of the second"),
    PROP_ENUM("fallback", Fdc, fallback, FLOPPY_288, floppy_type_names, "FloppyDriveType",
              "type of an auto drive without medium"),
    PROP_INT32("bootindexA", Fdc, bootindex[0], -1, "place of the first drive in the order of boot devices; -1: none"),
    PROP_INT32("bootindexB", Fdc, bootindex[1], -1, "place of the second"),
    { }
};

static const StateField isa_fdc_state[] = {
    STATE_TIMER(Fdc, read_id_timer), STATE_U8(Fdc, dor), STATE_U8(Fdc, tdr), STATE_U8(Fdc, dsr), STATE_U8(Fdc, srb),
    STATE_BOOL(Fdc, interrupt), STATE_U8(Fdc, st0), STATE_U8(Fdc, st1), STATE_U8(Fdc, st2),
    STATE_INT(Fdc, resets_to_sense), STATE_U8_ARRAY(Fdc, specify), STATE_U8(Fdc, configure),
    STATE_U8(Fdc, precompensation), STATE_U8(Fdc, perpendicular), STATE_BOOL(Fdc, locked), STATE_BOOL(Fdc, non_dma),
    STATE_INT(Fdc, phase), STATE_BYTES(Fdc, fifo), STATE_U32(Fdc, fifo_pos), STATE_U32(Fdc, fifo_len),
    STATE_INT(Fdc, transfer), STATE_BOOL(Fdc, by_dma), STATE_BOOL(Fdc, tc), STATE_U8(Fdc, cylinder), STATE_U8(Fdc, head),
    STATE_U8(Fdc, sector), STATE_U8(Fdc, last_sector), STATE_U32(Fdc, left), STATE_BYTES(Fdc, data), STATE_U32(Fdc, pos),
    STATE_U32(Fdc, len), STATE_BOOL(Fdc, pending), STATE_BOOL(Fdc, stopped), { }
};

static const DeviceType isa_fdc_type = {
    .name = "isa-fdc", .parent = &isa_device_type.type, .size = sizeof(Fdc), .category = CATEGORY_STORAGE,
    .description = "virtual floppy controller", .firmware_name = "fdc", .no_hotplug = true,
    .properties = isa_fdc_properties, .state = isa_fdc_state,
    .timers = TIMERS(TIMER(Fdc, read_id_timer, CLOCK_VIRTUAL, read_id_due)), .realize = isa_fdc_realize,
    .unrealize = isa_fdc_unrealize, .reset = isa_fdc_reset, .post_load = isa_fdc_post_load,
};
TYPE_REGISTER(isa_fdc_type);

/* ---- for boards ---- */

static bool plug(Fdc *s, unsigned unit, const DriveInfo *drive, GError **err)
{
    Device *dev = device_new(&floppy_type);
    g_autofree char *place = g_strdup_printf("%u", unit);

    if (!object_parse(&dev->object, "drive", drive->id, err) || !object_parse(&dev->object, "unit", place, err)) {
        object_unref(&dev->object);
        return false;
    }
    ((FloppyDrive *)dev)->type = unit ? s->type_b : s->type_a;
    return device_realize(dev, &s->bus.bus, err);
}

bool fdc_create(IsaBus *bus, bool always, GError **err)
{
    DriveInfo *drives[FLOPPY_UNITS];
    bool any = false;
    Fdc *s;

    for (unsigned i = 0; i < FLOPPY_UNITS; i++) {
        drives[i] = block_drive_get("floppy", i);
        any = any || drives[i];
    }
    if (!any && !always) {
        return true;
    }
    s = (Fdc *)isa_create(bus, &isa_fdc_type);
    for (unsigned i = 0; i < FLOPPY_UNITS; i++) {
        if (drives[i] && !plug(s, i, drives[i], err)) {
            g_prefix_error(err, "-drive if=floppy,index=%u: ", i);
            return false;
        }
    }
    return true;
}

bool fdc_is_there(void) { return first_fdc != NULL; }

uint8_t fdc_cmos_type(unsigned unit)
{
    static const uint8_t types[] = { [FLOPPY_144] = 4, [FLOPPY_288] = 5, [FLOPPY_120] = 2, [FLOPPY_NONE] = 0 };
    const FloppyDrive *d = first_fdc ? drive_at(first_fdc, unit) : NULL;

    return d && d->drive_type < (int)G_N_ELEMENTS(types) ? types[d->drive_type] : 0;
}
