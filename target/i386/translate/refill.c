/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first-level TLB from the second, for translated code. General registers only: see slow.c. */
#include "target/i386/translate/translate.h"

uint32_t slow_refill(CpuX86 *cpu, uint64_t linear, uint32_t info)
{
    cpu->exec->jit.refills++;
    bool done = (linear & ~TLB_PAGE_MASK) + (info & INFO_SIZE) <= GUEST_PAGE_SIZE && mmu_refill(cpu, linear, info & INFO_WRITE);
    return done ? REFILL_DONE : info & INFO_GROUP ? REFILL_SPLIT : REFILL_FAILED;
}
