/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCO watchdog (see tco.h). Registers are 16 bits wide but for six bytes in the middle. */
#include "hw/acpi/tco.h"

#include "core/log.h"
#include "core/vm.h"

TRACE_EVENT(tco_expired, "second round %d");

enum {
    TCO_RLD = 0x00, TCO_DAT_IN = 0x02, TCO_DAT_OUT = 0x03, TCO1_STS = 0x04, TCO2_STS = 0x06, TCO1_CNT = 0x08,
    TCO2_CNT = 0x0a, TCO_MESSAGE1 = 0x0c, TCO_MESSAGE2 = 0x0d, TCO_WDCNT = 0x0e, SW_IRQ_GEN = 0x10, TCO_TMR = 0x12
};
enum {
    TCO1_STS_SW_TCO_SMI = 1 << 1, TCO1_STS_OS_TCO_SMI = 1 << 2, TCO1_STS_TIMEOUT = 1 << 3,
    TCO1_STS_MASK = 0x02ce,                     /* what a guest clears by writing 1 */
    TCO2_STS_SECOND_TO = 1 << 1, TCO2_STS_BOOT = 1 << 2, TCO2_STS_MASK = 0x001f,
    TCO1_CNT_TMR_HLT = 1 << 11, TCO1_CNT_LOCK = 1 << 12, TCO1_CNT_MASK = 0x1b00,
    TCO_TMR_MASK = 0x3ff, TCO_TMR_MIN = 4
};

static void start_round(Tco *t)
{
    if (t->cnt1 & TCO1_CNT_TMR_HLT) {
        t->deadline_ns = -1;
        timer_stop(&t->timer);
        return;
    }
    unsigned ticks = MAX(t->tmr & TCO_TMR_MASK, TCO_TMR_MIN);
    t->deadline_ns = clock_ns(CLOCK_VIRTUAL) + ticks * TCO_TICK_NS;
    timer_arm_ns(&t->timer, t->deadline_ns);
}

static void expired(void *opaque)
{
    Tco *t = opaque;

    trace(tco_expired, t->second_round);
    if (t->second_round) {
        t->second_round = false;
        t->sts2 |= TCO2_STS_SECOND_TO | TCO2_STS_BOOT;
        t->deadline_ns = -1;
        if (!t->no_reboot) {
            vm_watchdog_expired();
            return;
        }
    } else {
        t->sts1 |= TCO1_STS_TIMEOUT;
        t->second_round = true;
        t->smi(t->opaque);
    }
    start_round(t);
}

static uint16_t counter(const Tco *t)
{
    if (t->deadline_ns < 0) {
        return t->rld & TCO_TMR_MASK;
    }
    int64_t left = t->deadline_ns - clock_ns(CLOCK_VIRTUAL);
    return left <= 0 ? 0 : MIN((left + TCO_TICK_NS - 1) / TCO_TICK_NS, TCO_TMR_MASK);
}

static uint64_t tco_read(void *opaque, uint64_t offset, unsigned size)
{
    const Tco *t = opaque;
    switch (offset) {
    case TCO_RLD: return counter(t);
    case TCO_DAT_IN: return t->dat_in | t->dat_out << 8;
    case TCO1_STS: return t->sts1;
    case TCO2_STS: return t->sts2;
    case TCO1_CNT: return t->cnt1;
    case TCO2_CNT: return t->cnt2;
    case TCO_MESSAGE1: return t->message1 | t->message2 << 8;
    case TCO_WDCNT: return t->wdcnt;
    case SW_IRQ_GEN: return t->sw_irq_gen;
    case TCO_TMR: return t->tmr;
    default: return 0;
    }
}

static void cnt1_write(Tco *t, uint16_t value)
{
    bool was_halted = t->cnt1 & TCO1_CNT_TMR_HLT;

    t->locked |= (value & TCO1_CNT_LOCK) != 0;          /* cleared by reset only */
    t->cnt1 = (value & TCO1_CNT_MASK & ~TCO1_CNT_LOCK) | (t->locked ? TCO1_CNT_LOCK : 0);
    bool halted = t->cnt1 & TCO1_CNT_TMR_HLT;
    if (halted && !was_halted) {
        t->rld = counter(t);
        t->deadline_ns = -1;
        timer_stop(&t->timer);
    } else if (!halted && was_halted) {
        start_round(t);
    }
}

static void tco_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Tco *t = opaque;
    switch (offset) {
    case TCO_RLD:
        t->second_round = false;
        t->rld = t->tmr;
        start_round(t);
        break;
    case TCO_DAT_IN:
        t->dat_in = value;
        t->dat_out = value >> 8;
        t->sts1 |= TCO1_STS_SW_TCO_SMI;
        break;
    case TCO1_STS: t->sts1 &= ~(value & TCO1_STS_MASK); break;
    case TCO2_STS: t->sts2 &= ~(value & TCO2_STS_MASK); break;
    case TCO1_CNT: cnt1_write(t, value); break;
    case TCO2_CNT: t->cnt2 = value & 0x003e; break;
    case TCO_MESSAGE1:
        t->message1 = value;
        t->message2 = value >> 8;
        break;
    case TCO_WDCNT: t->wdcnt = value; break;
    case SW_IRQ_GEN: t->sw_irq_gen = value & 0x03; break;
    case TCO_TMR: t->tmr = value & TCO_TMR_MASK; break;
    }
}

/* Byte accesses: the other half of a 16-bit register keeps its value; of a status it is not cleared. */
static uint64_t tco_read_sized(void *opaque, uint64_t offset, unsigned size)
{
    return tco_read(opaque, offset & ~1ull, 2) >> (8 * (offset & 1));
}

static void tco_write_sized(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    uint64_t reg = offset & ~1ull;
    if (size == 1) {
        unsigned shift = 8 * (offset & 1);
        bool is_status = reg == TCO1_STS || reg == TCO2_STS || reg == TCO_RLD;
        uint64_t rest = is_status ? 0 : tco_read(opaque, reg, 2) & ~(0xffull << shift);
        value = rest | (value & 0xff) << shift;
    }
    tco_write(opaque, reg, value, 2);
}

static const MemoryOps tco_ops = { .read = tco_read_sized, .write = tco_write_sized, .valid = { 1, 4 },
    .impl = { 1, 2 } };

const StateField tco_state[] = {
    STATE_U16(Tco, rld), STATE_U16(Tco, sts1), STATE_U16(Tco, sts2), STATE_U16(Tco, cnt1), STATE_U16(Tco, cnt2),
    STATE_U16(Tco, tmr), STATE_U8(Tco, dat_in), STATE_U8(Tco, dat_out), STATE_U8(Tco, message1),
    STATE_U8(Tco, message2),
    STATE_U8(Tco, wdcnt), STATE_U8(Tco, sw_irq_gen), STATE_BOOL(Tco, second_round), STATE_BOOL(Tco, locked),
    STATE_S64(Tco, deadline_ns), { }
};

void tco_init(Tco *t, Device *owner, void (*smi)(void *opaque), void *opaque)
{
    t->smi = smi;
    t->opaque = opaque;
    t->deadline_ns = -1;
    timer_init(&t->timer, NULL, CLOCK_VIRTUAL, expired, t);
    memory_region_init_io(&t->region, OBJECT(owner), &tco_ops, t, "sm-tco", TCO_BYTES);
}

void tco_reset(Tco *t)
{
    /* in the resume well: firmware reads why it starts */
    uint16_t kept = t->sts2 & (TCO2_STS_SECOND_TO | TCO2_STS_BOOT);

    timer_stop(&t->timer);
    t->rld = t->tmr = TCO_TMR_MIN;
    t->sts1 = t->cnt1 = 0;
    t->sts2 = kept;
    t->cnt2 = 0x0008;
    t->dat_in = t->dat_out = t->message1 = t->message2 = t->wdcnt = 0;
    t->sw_irq_gen = 0x03;
    t->second_round = t->locked = false;
    t->deadline_ns = -1;                        /* runs from the first write of TCO_RLD: an idle machine has no timer */
}

void tco_loaded(Tco *t)
{
    if (t->deadline_ns >= 0) {
        timer_arm_ns(&t->timer, t->deadline_ns);
    } else {
        timer_stop(&t->timer);
    }
}
