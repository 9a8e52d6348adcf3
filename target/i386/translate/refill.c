/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first-level TLB from the second, for translated code. General registers only: see slow.c. */
#include "target/i386/translate/translate.h"

uint32_t slow_refill(CpuX86 *cpu, uint64_t linear, const SlowData *data)
{
    Translator *jit = &cpu->exec->jit;
    bool one_page = (linear & ~TLB_PAGE_MASK) + data->size <= GUEST_PAGE_SIZE;

    jit->refills++;
    if (one_page && mmu_refill(cpu, linear, data->write)) {
        return REFILL_DONE;
    }
    jit->number = data->site & SITE_NUMBER;
    jit->further = data->further;
    jit->next_code = data->behind ? (const uint8_t *)(data + 1)
                                  : jit->run + jit->block->code_start + block_starts(jit->block)[jit->number + jit->further + 1];
    jit->block->splits += !one_page && data->further && jit->block->splits < UINT8_MAX;
    return data->split ? REFILL_SPLIT : REFILL_FAILED;
}
