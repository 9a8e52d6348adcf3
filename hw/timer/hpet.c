/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HPET: one 64-bit up-counter of 100 MHz and 3 to 32 comparators.
 *
 * The counter is an offset to CLOCK_VIRTUAL while enabled, a stored value while halted. A comparator whose interrupt is
 * enabled arms a timer for the moment of its match; others are never armed. A match -> hpet_fire() -> an edge or level on
 * the routed GSI, or a memory write (FSB). Spec: IA-PC HPET 1.0a, section 2.3.
 */
#include "hw/timer/hpet.h"

#include "core/log.h"

enum {
    HPET_CAP = 0x000, HPET_CONFIG = 0x010, HPET_STATUS = 0x020, HPET_COUNTER = 0x0f0,
    HPET_TIMERS = 0x100, HPET_TIMER_BYTES = 0x20, TN_CONFIG = 0x00, TN_COMPARATOR = 0x08, TN_FSB = 0x10,
};
enum { CONFIG_ENABLE = 1, CONFIG_LEGACY = 2 };
enum {
    TN_INT_TYPE_LEVEL = 1 << 1, TN_INT_ENABLE = 1 << 2, TN_PERIODIC = 1 << 3, TN_PERIODIC_CAP = 1 << 4, TN_64BIT_CAP = 1 << 5,
    TN_SETVAL = 1 << 6, TN_32BIT = 1 << 8, TN_ROUTE_SHIFT = 9, TN_ROUTE = 0x1f << 9, TN_FSB_ENABLE = 1 << 14, TN_FSB_CAP = 1 << 15,
};
#define TN_WRITABLE (TN_INT_TYPE_LEVEL | TN_INT_ENABLE | TN_PERIODIC | TN_SETVAL | TN_32BIT | TN_ROUTE | TN_FSB_ENABLE)
#define HPET_TICK_NS 10                         /* 100 MHz */
#define HPET_TICK_FS 10000000ull
#define HPET_MIN_TIMERS 3
#define HPET_MAX_TIMERS 32
#define HPET_LEN 0x400
/* A periodic comparator is not served faster than this: the rest are merged, or a guest could stall the host. */
#define HPET_MIN_PERIOD_NS 20000

typedef struct Hpet Hpet;
typedef struct HpetTimer {
    Hpet *hpet;                                 /* host-only */
    uint8_t n;                                  /* host-only */
    Timer timer;
    uint64_t config, comparator, fsb, period;
} HpetTimer;

struct Hpet {
    Device device;
    MemoryRegion mmio;
    IrqLine *gsis[24];
    void (*on_legacy)(void *opaque, bool on);
    void *legacy_opaque;
    uint8_t timer_count;
    bool msi;
    uint32_t intcap;
    uint64_t config, status, counter;           /* counter: value while halted */
    int64_t offset_ns;                          /* counter 0 on CLOCK_VIRTUAL while enabled */
    HpetTimer timers[HPET_MAX_TIMERS];
};

static uint64_t hpet_counter(const Hpet *h)
{
    return h->config & CONFIG_ENABLE ? (uint64_t)(clock_ns(CLOCK_VIRTUAL) - h->offset_ns) / HPET_TICK_NS : h->counter;
}

static uint64_t timer_wrap(const HpetTimer *t, uint64_t value)
{
    return t->config & TN_32BIT ? (uint32_t)value : value;
}

static IrqLine *timer_line(const HpetTimer *t)
{
    const Hpet *h = t->hpet;
    if (t->n <= 1 && (h->config & CONFIG_LEGACY)) {
        return h->gsis[t->n ? 8 : 0];
    }
    unsigned route = (t->config & TN_ROUTE) >> TN_ROUTE_SHIFT;
    return route < G_N_ELEMENTS(h->gsis) ? h->gsis[route] : NULL;
}

static void timer_drive(HpetTimer *t, bool set)
{
    Hpet *h = t->hpet;
    uint64_t bit = 1ull << t->n;
    if (!set || !(t->config & TN_INT_ENABLE) || !(h->config & CONFIG_ENABLE)) {
        h->status &= ~bit;
        if (!(t->config & TN_FSB_ENABLE)) {
            irq_lower(timer_line(t));
        }
    } else if (t->config & TN_FSB_ENABLE) {
        memory_store(address_space_memory(), t->fsb >> 32, 4, (uint32_t)t->fsb, MEMTXATTRS_NONE, NULL);
    } else if (t->config & TN_INT_TYPE_LEVEL) {
        h->status |= bit;
        irq_raise(timer_line(t));
    } else {
        irq_pulse(timer_line(t));
    }
}

static void timer_schedule(HpetTimer *t)
{
    Hpet *h = t->hpet;
    if (!(h->config & CONFIG_ENABLE) || !(t->config & TN_INT_ENABLE)) {
        timer_stop(&t->timer);
        return;
    }
    if ((t->config & TN_INT_TYPE_LEVEL) && (h->status >> t->n & 1)) {
        timer_stop(&t->timer);                 /* already up: another match changes nothing that anyone could see */
        return;
    }
    uint64_t left = timer_wrap(t, t->comparator - timer_wrap(t, hpet_counter(h)));
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    uint64_t max_ticks = (uint64_t)(INT64_MAX - now_ns) / HPET_TICK_NS;
    timer_arm_ns(&t->timer, left > max_ticks ? INT64_MAX : now_ns + (int64_t)left * HPET_TICK_NS);
}

static void hpet_timer_fire(void *opaque)
{
    HpetTimer *t = opaque;
    if ((t->config & TN_PERIODIC) && t->period) {
        uint64_t now = timer_wrap(t, hpet_counter(t->hpet)), step = t->period;
        uint64_t behind = timer_wrap(t, now - t->comparator), minimum = HPET_MIN_PERIOD_NS / HPET_TICK_NS;
        t->comparator = timer_wrap(t, t->comparator + step * (behind / step + 1));
        if (step < minimum) {
            t->comparator = timer_wrap(t, t->comparator + (minimum / step) * step);
        }
        timer_schedule(t);
    }
    timer_drive(t, true);
}

static void hpet_set_config(Hpet *h, uint64_t value)
{
    uint64_t old = h->config;
    value &= CONFIG_ENABLE | CONFIG_LEGACY;
    if ((old ^ value) & CONFIG_ENABLE) {
        if (value & CONFIG_ENABLE) {
            h->offset_ns = clock_ns(CLOCK_VIRTUAL) - (int64_t)(h->counter * HPET_TICK_NS);
        } else {
            h->counter = hpet_counter(h);
        }
    }
    for (int i = 0; i < h->timer_count; i++) {
        if (((old ^ value) & (CONFIG_ENABLE | CONFIG_LEGACY)) && (h->status >> i & 1)) {
            timer_drive(&h->timers[i], false);
        }
    }
    h->config = value;
    for (int i = 0; i < h->timer_count; i++) {
        timer_schedule(&h->timers[i]);
    }
    if (((old ^ value) & CONFIG_LEGACY) && h->on_legacy) {
        h->on_legacy(h->legacy_opaque, value & CONFIG_LEGACY);
    }
}

static uint64_t timer_config_read(const HpetTimer *t)
{
    return (uint64_t)t->hpet->intcap << 32 | t->config | TN_PERIODIC_CAP | TN_64BIT_CAP | (t->hpet->msi ? TN_FSB_CAP : 0);
}

static uint64_t hpet_read_register(Hpet *h, unsigned offset)
{
    if (offset >= HPET_TIMERS) {
        unsigned n = (offset - HPET_TIMERS) / HPET_TIMER_BYTES;
        if (n >= h->timer_count) {
            return 0;
        }
        const HpetTimer *t = &h->timers[n];
        switch ((offset - HPET_TIMERS) % HPET_TIMER_BYTES) {
        case TN_CONFIG:
            return timer_config_read(t);
        case TN_COMPARATOR:
            return t->comparator;
        case TN_FSB:
            return t->fsb;
        default:
            return 0;
        }
    }
    switch (offset) {
    case HPET_CAP:                              /* period, vendor 8086, legacy capable, 64-bit, timers - 1, revision 1 */
        return HPET_TICK_FS << 32 | 0x8086a001 | (uint64_t)(h->timer_count - 1) << 8;
    case HPET_CONFIG:
        return h->config;
    case HPET_STATUS:
        return h->status;
    case HPET_COUNTER:
        return hpet_counter(h);
    default:
        return 0;
    }
}

static void timer_write_config(HpetTimer *t, uint64_t value)
{
    if (t->hpet->status >> t->n & 1) {
        timer_drive(t, false);
    }
    t->config = value & (t->hpet->msi ? TN_WRITABLE : TN_WRITABLE & ~TN_FSB_ENABLE);
    if (t->config & TN_32BIT) {
        t->comparator = (uint32_t)t->comparator;
        t->period = (uint32_t)t->period;
    }
    timer_schedule(t);
}

/* @mask: the bits of the register that this access writes. */
static void timer_write_comparator(HpetTimer *t, uint64_t value, uint64_t mask)
{
    bool low = mask & 0xffffffff, high = mask >> 32;
    if (t->config & TN_32BIT) {
        if (!low) {
            return;
        }
        mask = 0xffffffff;
    }
    if (!(t->config & TN_PERIODIC) || (t->config & TN_SETVAL)) {
        t->comparator = timer_wrap(t, (t->comparator & ~mask) | (value & mask));
    }
    if (t->config & TN_PERIODIC) {
        /* Without SETVAL the write is the period; with it (first of the two writes) it is taken as one too, as software
         * that writes only once expects. */
        t->period = timer_wrap(t, (t->period & ~mask) | (value & mask));
    }
    if (high || (t->config & TN_32BIT) || mask == 0xffffffff) {
        t->config &= ~(uint64_t)TN_SETVAL;
    }
    timer_schedule(t);
}

static void hpet_write_register(Hpet *h, unsigned offset, uint64_t value, uint64_t mask)
{
    uint64_t merged = (hpet_read_register(h, offset) & ~mask) | (value & mask);
    if (offset >= HPET_TIMERS) {
        unsigned n = (offset - HPET_TIMERS) / HPET_TIMER_BYTES;
        if (n >= h->timer_count) {
            LOG(LOG_GUEST_ERROR, "hpet: write to timer %u of %u\n", n, h->timer_count);
            return;
        }
        HpetTimer *t = &h->timers[n];
        switch ((offset - HPET_TIMERS) % HPET_TIMER_BYTES) {
        case TN_CONFIG:
            timer_write_config(t, merged);
            break;
        case TN_COMPARATOR:
            timer_write_comparator(t, value, mask);
            break;
        case TN_FSB:
            t->fsb = merged;
            break;
        }
        return;
    }
    switch (offset) {
    case HPET_CONFIG:
        hpet_set_config(h, merged);
        break;
    case HPET_STATUS:
        for (int i = 0; i < h->timer_count; i++) {
            if (value & mask & h->status & 1ull << i) {
                timer_drive(&h->timers[i], false);
            }
        }
        break;
    case HPET_COUNTER:
        if (h->config & CONFIG_ENABLE) {
            LOG(LOG_GUEST_ERROR, "hpet: counter written while it runs\n");
        }
        h->counter = merged;
        h->offset_ns = clock_ns(CLOCK_VIRTUAL) - (int64_t)(merged * HPET_TICK_NS);
        break;
    }
}

static uint64_t hpet_read(void *opaque, uint64_t offset, unsigned size)
{
    uint64_t value = hpet_read_register(opaque, offset & ~7u);
    return size == 8 ? value : (uint32_t)(value >> (offset & 4 ? 32 : 0));
}

static void hpet_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    unsigned shift = offset & 4 ? 32 : 0;
    uint64_t mask = size == 8 ? UINT64_MAX : 0xffffffffull << shift;
    hpet_write_register(opaque, offset & ~7u, size == 8 ? value : value << shift, mask);
}

static const MemoryOps hpet_ops = {
    .read = hpet_read, .write = hpet_write, .valid = { .min = 4, .max = 8 }, .impl = { .min = 4, .max = 8 },
};

static bool hpet_realize(Device *dev, GError **err)
{
    Hpet *h = DEVICE(Hpet, dev);
    if (h->timer_count < HPET_MIN_TIMERS || h->timer_count > HPET_MAX_TIMERS) {
        return error_set(err, "hpet: timers is %d to %d, not %u", HPET_MIN_TIMERS, HPET_MAX_TIMERS, h->timer_count);
    }
    for (int i = 0; i < HPET_MAX_TIMERS; i++) {
        h->timers[i].hpet = h;
        h->timers[i].n = i;
        timer_init(&h->timers[i].timer, NULL, CLOCK_VIRTUAL, hpet_timer_fire, &h->timers[i]);
    }
    memory_region_init_io(&h->mmio, &dev->object, &hpet_ops, h, "hpet", HPET_LEN);
    memory_region_add(system_memory(), HPET_BASE, &h->mmio);
    return true;
}

static void hpet_reset(Device *dev, ResetKind kind)
{
    Hpet *h = DEVICE(Hpet, dev);
    hpet_set_config(h, 0);
    h->counter = h->status = 0;
    for (int i = 0; i < h->timer_count; i++) {
        HpetTimer *t = &h->timers[i];
        timer_stop(&t->timer);
        t->config = t->fsb = t->period = 0;
        t->comparator = UINT64_MAX;
    }
}

static const Property hpet_properties[] = {
    PROP_UINT8("timers", Hpet, timer_count, HPET_MIN_TIMERS, "number of comparators, 3 to 32"),
    PROP_BOOL("msi", Hpet, msi, false, "offer delivery by memory write (FSB)"),
    PROP_UINT32("hpet-intcap", Hpet, intcap, 0, "GSIs that a comparator may be routed to"),
    { }
};

static const StateField hpet_timer_state[] = {
    STATE_TIMER(HpetTimer, timer), STATE_U64(HpetTimer, config), STATE_U64(HpetTimer, comparator), STATE_U64(HpetTimer, fsb),
    STATE_U64(HpetTimer, period), { }
};
static const StateField hpet_state[] = {
    STATE_U64(Hpet, config), STATE_U64(Hpet, status), STATE_U64(Hpet, counter), STATE_S64(Hpet, offset_ns),
    STATE_STRUCT_ARRAY(Hpet, timers, HpetTimer, hpet_timer_state), { }
};

const DeviceType hpet_type = {
    .name = "hpet", .parent = &device_type.type, .size = sizeof(Hpet), .bus = &system_bus_type.type, .not_user_creatable = true,
    .description = "high precision event timer", .properties = hpet_properties, .state = hpet_state,
    .realize = hpet_realize, .reset = hpet_reset,
};
TYPE_REGISTER(hpet_type);

Device *hpet_create(IrqLine *const gsis[24], uint32_t intcap, void (*on_legacy)(void *opaque, bool on), void *opaque)
{
    Device *dev = device_new(&hpet_type);
    Hpet *h = DEVICE(Hpet, dev);
    object_set_int(&dev->object, "hpet-intcap", intcap);
    memcpy(h->gsis, gsis, sizeof h->gsis);
    h->on_legacy = on_legacy;
    h->legacy_opaque = opaque;
    device_realize_onboard(dev, system_bus());
    return dev;
}
