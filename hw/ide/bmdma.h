/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bus master IDE (SFF-8038i): one channel with its three registers and the walk of its PRD table. */
#ifndef HW_IDE_BMDMA_H
#define HW_IDE_BMDMA_H

#include "hw/ide/ide.h"
#include "hw/pci/pci.h"

enum { BM_CMD_START = 0x01, BM_CMD_TO_MEMORY = 0x08 };
enum { BM_STATUS_ACTIVE = 0x01, BM_STATUS_ERROR = 0x02, BM_STATUS_INTR = 0x04, BM_STATUS_CAPABLE = 0x60 };

/* The place in the table: the next entry to fetch, and what is left of the one fetched. */
typedef struct BmdmaCursor { uint32_t table, addr, left; bool last; } BmdmaCursor;

typedef struct BmdmaChannel {
    IdeBus bus;                                 /* first: the transport's functions get the bus */
    PciDevice *pci;
    IrqLine *irq;
    uint8_t command, status;                    /* registers */
    uint32_t table;
    BmdmaCursor cursor, stretch_start;
} BmdmaChannel;

extern const IdeTransport bmdma_transport;
void bmdma_init(BmdmaChannel *c, PciDevice *pci, const char *bus_name, unsigned number, IrqLine *irq);
void bmdma_reset(BmdmaChannel *c);
void bmdma_command_written(BmdmaChannel *c, uint8_t old);      /* c->command is new */
bool bmdma_state_valid(const BmdmaChannel *c, GError **err);
extern const StateField bmdma_state[];

#endif
