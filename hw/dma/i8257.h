/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8237A DMA controllers of a PC: channels 0-3 move bytes, 5-7 words; 4 cascades the first into the second. */
#ifndef HW_DMA_I8257_H
#define HW_DMA_I8257_H

#include "hw/isa/isa.h"

#define ISA_DMA_CHANNELS 8

/** i8257_create_pair: both controllers of a board, with their page registers. */
void i8257_create_pair(IsaBus *bus);

typedef void IsaDmaReadyFn(void *opaque);
/**
 * isa_dma_attach: @opaque's device is on @channel; @ready is called when a channel whose DREQ is set becomes able to
 * move data: then the device calls isa_dma_move() again. Fails, naming @who, if the channel is taken or none.
 */
bool isa_dma_attach(unsigned channel, IsaDmaReadyFn *ready, void *opaque, const char *who, GError **err);
void isa_dma_detach(unsigned channel);
void isa_dma_set_dreq(unsigned channel, bool level);
/**
 * isa_dma_move: between @buf and guest memory, at most @len bytes, whatever the channel's mode says of direction must
 * agree with @to_memory (verify: counts, moves nothing). Returns how many; 0: masked, disabled, or another direction.
 * *@tc: the terminal count was reached; nothing moves beyond it.
 */
uint32_t isa_dma_move(unsigned channel, uint8_t *buf, uint32_t len, bool to_memory, bool *tc);

#endif
