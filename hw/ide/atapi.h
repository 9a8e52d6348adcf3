/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-cd: the drive (atapi.c: packet protocol, tray, medium) and its commands (mmc.c).
 *
 * PACKET -> 12 bytes of command -> atapi.c: unit attention, readiness -> mmc_commands[] -> one of
 *   atapi_ok(): no data    atapi_reply(): what is in the buffer    atapi_read(): blocks of the medium    atapi_check()
 * Names are those of SPC-3 and MMC-5; the protocol is ATA/ATAPI-7 V2, 11.8 and 11.9.
 */
#ifndef HW_IDE_ATAPI_H
#define HW_IDE_ATAPI_H

#include "hw/ide/ide.h"

#define ATAPI_CDB_BYTES 12
#define ATAPI_BUF_BYTES (128u << 10)            /* the longest DRQ block and more */
#define CD_BLOCK_BYTES 2048
#define CD_RAW_BYTES 2352                       /* with sync, header, error correction */
#define CD_MAX_BLOCKS (80 * 60 * 75)            /* more than 80 minutes: it is a DVD */

enum { SENSE_NONE = 0, SENSE_NOT_READY = 2, SENSE_MEDIUM_ERROR = 3, SENSE_ILLEGAL_REQUEST = 5,
       SENSE_UNIT_ATTENTION = 6 };
enum { ASC_NONE = 0x00, ASC_UNRECOVERED_READ = 0x11, ASC_INVALID_OPCODE = 0x20, ASC_LBA_OUT_OF_RANGE = 0x21,
       ASC_INVALID_FIELD = 0x24, ASC_MEDIUM_CHANGED = 0x28, ASC_INCOMPATIBLE_FORMAT = 0x30,
       ASC_SAVING_NOT_SUPPORTED = 0x39, ASC_NO_MEDIUM = 0x3a, ASC_REMOVAL_PREVENTED = 0x53 };

/* A new medium shows itself twice: the drive is empty for one command, then it has UNIT ATTENTION. */
typedef enum MediumChange { MEDIUM_SAME, MEDIUM_GONE, MEDIUM_NEW, MEDIUM_CHANGE_COUNT } MediumChange;
typedef enum AtapiPhase { ATAPI_IDLE, ATAPI_COMMAND, ATAPI_DATA, ATAPI_PHASE_COUNT } AtapiPhase;

typedef struct AtapiDevice {
    IdeDevice ide;
    /* command in progress */
    int phase;                                  /* AtapiPhase */
    uint8_t cdb[ATAPI_CDB_BYTES];
    uint32_t drq_limit;                         /* bytes of a DRQ block, even */
    uint32_t pos, len;                          /* ide.buf[pos..len) waits for the host */
    uint32_t saved_len;                         /* of ide.buf, set by pre_save */
    uint32_t block, blocks;                     /* to read after that */
    uint32_t block_bytes;                       /* as the host gets it: CD_BLOCK_BYTES or CD_RAW_BYTES */
    /* of the last command */
    uint8_t sense_key, asc;
    /* tray and medium */
    bool tray_open, locked;
    bool eject_requested, new_medium;           /* events that GET EVENT STATUS NOTIFICATION has not told yet */
    int change;                                 /* MediumChange */
} AtapiDevice;
#define ATAPI_DEVICE(d) ((AtapiDevice *)(d))

/* ---- for commands: each ends by one of the first four ---- */

void atapi_ok(AtapiDevice *s);
void atapi_check(AtapiDevice *s, uint8_t sense_key, uint8_t asc);
/** atapi_reply: the first MIN(@bytes, @allocated) bytes of ide.buf; none is like atapi_ok(). */
void atapi_reply(AtapiDevice *s, uint32_t bytes, uint32_t allocated);
/** atapi_read: @blocks from @block on, which are there. */
void atapi_read(AtapiDevice *s, uint32_t block, uint32_t blocks, uint32_t block_bytes);
uint32_t atapi_blocks(const AtapiDevice *s);    /* of the medium; 0: none */
bool atapi_has_medium(const AtapiDevice *s);    /* also in an open tray */
/** atapi_move_tray: by command of the guest. */
void atapi_move_tray(AtapiDevice *s, bool open);

enum {
    MMC_ANY_TIME = 1,                           /* also with a unit attention pending */
    MMC_NEEDS_MEDIUM = 2,                       /* in a closed tray */
};
typedef struct MmcCommand { const char *name; void (*run)(AtapiDevice *s, const uint8_t *cdb); unsigned flags; } MmcCommand;
extern const MmcCommand mmc_commands[256];

#endif
