/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AHCI: host bus adapter (ahci.c: registers, interrupts, resets) and its ports (ahci_port.c: commands).
 *
 *   guest sets a bit in PxCI -> ahci_port_run() -> command header and FIS from memory
 *     -> ATA command: registers of the IdeBus (ide_bus.c, ata_disk.c, atapi.c); its data by the PRD table, PIO and DMA alike
 *     -> FPDMA command: a request of its own, up to 32 at a time
 *   -> FIS to memory, PxIS, PxCI or PxSACT -> IS -> MSI or INTx
 * Names are those of Serial ATA AHCI 1.3.1; FIS layouts: Serial ATA 3.0, 10.3.
 */
#ifndef HW_IDE_AHCI_H
#define HW_IDE_AHCI_H

#include "hw/ide/ide.h"
#include "hw/pci/pci.h"

#define AHCI_PORTS 6
#define AHCI_SLOTS 32

enum { GHC_HR = 0x1, GHC_IE = 0x2, GHC_AE = 0x80000000u };
enum {
    PORT_IS_DHRS = 1 << 0, PORT_IS_PSS = 1 << 1, PORT_IS_SDBS = 1 << 3, PORT_IS_OFS = 1 << 24, PORT_IS_IFS = 1 << 27,
    PORT_IS_HBDS = 1 << 28, PORT_IS_HBFS = 1 << 29, PORT_IS_TFES = 1 << 30
};
#define PORT_IS_ALL 0xfdc000ffu
enum {
    PORT_CMD_ST = 1 << 0, PORT_CMD_SUD = 1 << 1, PORT_CMD_POD = 1 << 2, PORT_CMD_CLO = 1 << 3, PORT_CMD_FRE = 1 << 4,
    PORT_CMD_FR = 1 << 14, PORT_CMD_CR = 1 << 15
};
#define PORT_CMD_WRITABLE 0x0f00001fu           /* the above (but FR, CR), ATAPI, DLAE, ALPE, ASP */
enum { DET_COMRESET = 1, DET_PRESENT = 3 };

typedef struct Ahci Ahci;
typedef struct AhciPort AhciPort;
typedef struct AhciQueued AhciQueued;

/* A place in a PRD table: the next entry to fetch, and what is left of the one fetched. */
typedef struct PrdCursor { uint64_t addr; uint32_t next, left; } PrdCursor;
/* Command header (4.2.2) as fetched. */
typedef struct AhciHeader { uint64_t table; uint32_t entries; } AhciHeader;

struct AhciPort {
    IdeBus bus;                                 /* first: the transport's functions get the bus */
    Ahci *hba;
    unsigned number;
    /* registers */
    uint32_t clb, clbu, fb, fbu, is, ie, cmd, sctl, serr, sact, ci;
    /* The ATA command in progress: `slot`, -1: none. */
    int slot;
    AhciHeader header;
    PrdCursor prd, stretch_start;
    uint32_t moved;                             /* bytes: PRDBC */
    /* FPDMA commands, a bit a slot */
    uint32_t queued;                            /* taken: PxCI is clear, PxSACT set */
    uint32_t stopped;                           /* of them, to be done again when the machine runs again */
    AhciQueued *requests[AHCI_SLOTS];           /* in flight */
    unsigned in_flight;                         /* those, and those given up */
    bool failed;                                /* ERR: fatal state, left by clearing ST */
    bool signature_due;                         /* after a reset: its FIS has not been sent */
    bool running;                               /* in ahci_port_run() */
    Bh *bh;
};

struct Ahci {
    PciDevice pci;
    MemoryRegion mmio, index_data;
    uint32_t ghc, is;
    uint32_t index;                             /* of the index-data pair in BAR 4 */
    AhciPort ports[AHCI_PORTS];
};

extern const IdeTransport ahci_transport;
extern const StateField ahci_port_state[];

/** ahci_port_run: goes on with what can go on. */
void ahci_port_run(AhciPort *p);
/** ahci_port_abandon: ST was cleared: gives up all commands. */
void ahci_port_abandon(AhciPort *p);
void ahci_port_comreset(AhciPort *p);
/** ahci_port_resume: does again what an error had stopped. */
void ahci_port_resume(AhciPort *p);
bool ahci_port_busy(const AhciPort *p);         /* requests are in flight */
bool ahci_port_state_valid(const AhciPort *p);
/** ahci_interrupt: @bits are news in PxIS. */
void ahci_interrupt(AhciPort *p, uint32_t bits);

#endif
