/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HPET: one 64-bit up-counter of 100 MHz and 3 to 32 timers, each with a comparator.
 *
 * Nothing counts in host time: the counter is CLOCK_VIRTUAL plus an offset while enabled, a stored value while halted.
 * A timer remembers the counter value at which it was last looked at (`seen`); timer_update() finds out whether a match
 * lay between then and now, and delivers it: an edge or a level on the routed GSI, or a memory write (FSB). A host
 * timer is armed for the next match only while somebody would notice: interrupt enabled, its level not up already, its
 * GSI listening.
 *
 * Invariant: GSI lines of level-triggered timers equal level_mask(), which `driven` repeats.
 * Spec: IA-PC HPET 1.0a, section 2.3.
 */
#include "hw/timer/hpet.h"

#include "core/log.h"

enum {
    HPET_CAP = 0x000, HPET_CONFIG = 0x010, HPET_STATUS = 0x020, HPET_COUNTER = 0x0f0,
    HPET_TIMERS = 0x100, HPET_TIMER_BYTES = 0x20, TN_CONFIG = 0x00, TN_COMPARATOR = 0x08, TN_FSB = 0x10,
};
enum { CONFIG_ENABLE = 1, CONFIG_LEGACY = 2 };
enum {
    TN_INT_TYPE_LEVEL = 1 << 1, TN_INT_ENABLE = 1 << 2, TN_PERIODIC = 1 << 3, TN_PERIODIC_CAP = 1 << 4,
    TN_64BIT_CAP = 1 << 5, TN_SETVAL = 1 << 6, TN_32BIT = 1 << 8, TN_ROUTE_SHIFT = 9, TN_ROUTE = 0x1f << 9,
    TN_FSB_ENABLE = 1 << 14, TN_FSB_CAP = 1 << 15,
};
#define TN_WRITABLE (TN_INT_TYPE_LEVEL | TN_INT_ENABLE | TN_PERIODIC | TN_SETVAL | TN_32BIT | TN_ROUTE | TN_FSB_ENABLE)
#define HPET_TICK_NS 10                         /* 100 MHz */
#define HPET_TICK_FS 10000000ull
#define HPET_MIN_TIMERS 3
#define HPET_MAX_TIMERS 32
#define HPET_LEN 0x400
/* Matches that follow closer than this are merged: a period of one tick must not keep the host busy. */
#define MIN_MATCH_NS 20000
/*
 * A comparator written so little behind the counter matches at once. On hardware it would wait for the counter to wrap;
 * but a guest that runs slowly comes too late more often than hardware does.
 */
#define LATE_WRITE_TICKS (1u << 31)

typedef struct Hpet Hpet;
typedef struct HpetTimer {
    Hpet *hpet;                                 /* host-only */
    uint8_t n;                                  /* host-only */
    Timer timer;                                /* next match that is to be delivered */
    uint64_t config, comparator, period, fsb;
    uint64_t seen;                              /* matches up to this counter value have been dealt with */
} HpetTimer;

struct Hpet {
    Device device;
    MemoryRegion mmio;
    IrqLine *gsis[HPET_GSIS];
    void (*on_legacy)(void *opaque, bool on);
    void *legacy_opaque;
    bool (*edge_is_lost)(void *opaque, unsigned gsi);   /* NULL: never */
    void *audience_opaque;
    uint8_t timer_count;
    bool msi;
    uint32_t intcap;
    uint64_t config, status;
    uint64_t counter;                           /* halted: its value; enabled: its value minus ticks of CLOCK_VIRTUAL */
    uint32_t driven;                            /* GSIs held high for level-triggered timers */
    HpetTimer timers[HPET_MAX_TIMERS];
};

static uint64_t clock_ticks(void)
{
    return clock_ns(CLOCK_VIRTUAL) / HPET_TICK_NS;
}

static uint64_t hpet_counter(const Hpet *h)
{
    return h->config & CONFIG_ENABLE ? h->counter + clock_ticks() : h->counter;
}

static uint64_t timer_wrap(const HpetTimer *t, uint64_t value)
{
    return t->config & TN_32BIT ? (uint32_t)value : value;
}

/* Interrupts */

static int timer_gsi(const HpetTimer *t)
{
    const Hpet *h = t->hpet;
    if (t->n <= 1 && (h->config & CONFIG_LEGACY)) {
        return t->n ? 8 : 0;
    }
    unsigned route = (t->config & TN_ROUTE) >> TN_ROUTE_SHIFT;
    return route < HPET_GSIS && (h->intcap >> route & 1) ? (int)route : -1;
}

static bool timer_interrupts(const HpetTimer *t)
{
    return (t->hpet->config & CONFIG_ENABLE) && (t->config & TN_INT_ENABLE);
}

static uint32_t level_mask(const Hpet *h)
{
    uint32_t mask = 0;
    for (int i = 0; i < h->timer_count; i++) {
        const HpetTimer *t = &h->timers[i];
        int gsi = timer_gsi(t);
        if ((h->status >> i & 1) && timer_interrupts(t) && !(t->config & TN_FSB_ENABLE) && gsi >= 0) {
            mask |= 1u << gsi;
        }
    }
    return mask;
}

static void drive_levels(Hpet *h)
{
    uint32_t wanted = level_mask(h), changed = wanted ^ h->driven;
    h->driven = wanted;
    for (int gsi = 0; gsi < HPET_GSIS; gsi++) {
        if (changed >> gsi & 1) {
            irq_set(h->gsis[gsi], wanted >> gsi & 1);
        }
    }
}

static void timer_deliver(HpetTimer *t)
{
    Hpet *h = t->hpet;
    int gsi = timer_gsi(t);
    if (t->config & TN_INT_TYPE_LEVEL) {
        h->status |= 1ull << t->n;              /* also while the interrupt is disabled */
    }
    if (!timer_interrupts(t)) {
        return;
    }
    if (t->config & TN_FSB_ENABLE) {
        memory_store(address_space_memory(), t->fsb >> 32, 4, (uint32_t)t->fsb, MEMTXATTRS_NONE, NULL);
    } else if (t->config & TN_INT_TYPE_LEVEL) {
        drive_levels(h);
    } else if (gsi >= 0 && !(h->driven >> gsi & 1)) {
        irq_pulse(h->gsis[gsi]);
    }
}

/* Matches */

/* Ticks from `seen` to the next match, at least 1. */
static uint64_t ticks_to_match(const HpetTimer *t)
{
    uint64_t left = timer_wrap(t, t->comparator - t->seen);
    return left ? left : t->config & TN_32BIT ? 1ull << 32 : UINT64_MAX;
}

/* Whether there was a match since the last look. Moves a periodic comparator on. */
static bool timer_look(HpetTimer *t)
{
    uint64_t now = hpet_counter(t->hpet), left = ticks_to_match(t), elapsed = now - t->seen;
    t->seen = now;
    if (elapsed < left) {
        return false;
    }
    if ((t->config & TN_PERIODIC) && t->period) {
        t->comparator = timer_wrap(t, t->comparator + t->period * ((elapsed - left) / t->period + 1));
    }
    return true;
}

static bool would_be_noticed(const HpetTimer *t)
{
    const Hpet *h = t->hpet;
    int gsi = timer_gsi(t);
    if (!timer_interrupts(t)) {
        return false;
    }
    if (t->config & TN_INT_TYPE_LEVEL) {
        return !(h->status >> t->n & 1);
    }
    if (t->config & TN_FSB_ENABLE) {
        return true;
    }
    return gsi >= 0 && !(h->edge_is_lost && h->edge_is_lost(h->audience_opaque, gsi));
}

static void timer_schedule(HpetTimer *t, int64_t not_before_ns)
{
    uint64_t left = ticks_to_match(t), late = hpet_counter(t->hpet) - t->seen;
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    left = left > late ? left - late : 0;
    if (!would_be_noticed(t) || left > (uint64_t)(INT64_MAX - now_ns) / HPET_TICK_NS) {
        timer_stop(&t->timer);
        return;
    }
    int64_t tick_start_ns = now_ns - now_ns % HPET_TICK_NS;
    timer_arm_ns(&t->timer, MAX(tick_start_ns + (int64_t)left * HPET_TICK_NS, not_before_ns));
}

/* Before a change of anything that a match depends on. */
static void timer_update(HpetTimer *t)
{
    if ((t->hpet->config & CONFIG_ENABLE) && timer_look(t)) {
        timer_deliver(t);
    }
}

static void update_all(Hpet *h)
{
    for (int i = 0; i < h->timer_count; i++) {
        timer_update(&h->timers[i]);
    }
}

static void hpet_timer_fire(void *opaque)
{
    HpetTimer *t = opaque;
    timer_update(t);
    timer_schedule(t, clock_ns(CLOCK_VIRTUAL) + MIN_MATCH_NS);
}

void hpet_listen(Device *hpet, unsigned gsi)
{
    Hpet *h = DEVICE(Hpet, hpet);
    for (int i = 0; i < h->timer_count; i++) {
        HpetTimer *t = &h->timers[i];
        if (timer_gsi(t) == (int)gsi && timer_interrupts(t) && !(t->config & (TN_INT_TYPE_LEVEL | TN_FSB_ENABLE))) {
            timer_look(t);                      /* edges that came while nobody listened are lost */
            timer_schedule(t, 0);
        }
    }
}

/* Registers */

static void write_config(Hpet *h, uint64_t value)
{
    uint64_t changed = h->config ^ (value & (CONFIG_ENABLE | CONFIG_LEGACY));
    update_all(h);
    if (changed & CONFIG_ENABLE) {
        h->counter = h->config & CONFIG_ENABLE ? h->counter + clock_ticks() : h->counter - clock_ticks();
    }
    h->config ^= changed;
    drive_levels(h);
    for (int i = 0; i < h->timer_count; i++) {
        h->timers[i].seen = hpet_counter(h);
        timer_schedule(&h->timers[i], 0);
    }
    if ((changed & CONFIG_LEGACY) && h->on_legacy) {
        h->on_legacy(h->legacy_opaque, h->config & CONFIG_LEGACY);
    }
}

static void write_status(Hpet *h, uint64_t clear)
{
    update_all(h);
    clear &= h->status;
    h->status &= ~clear;
    drive_levels(h);
    for (int i = 0; i < h->timer_count; i++) {
        if (clear >> i & 1) {
            timer_schedule(&h->timers[i], 0);
        }
    }
}

static void write_counter(Hpet *h, uint64_t value)
{
    if (h->config & CONFIG_ENABLE) {
        LOG(LOG_GUEST_ERROR, "hpet: counter written while it runs\n");
        return;
    }
    h->counter = value;
    for (int i = 0; i < h->timer_count; i++) {
        h->timers[i].seen = value;
    }
}

static void timer_write_config(HpetTimer *t, uint64_t value)
{
    Hpet *h = t->hpet;
    unsigned route = (value & TN_ROUTE) >> TN_ROUTE_SHIFT;
    timer_update(t);
    if (!(h->intcap >> route & 1)) {            /* a route that is not there does not stick */
        value = (value & ~(uint64_t)TN_ROUTE) | (t->config & TN_ROUTE);
    }
    t->config = value & (h->msi ? TN_WRITABLE : TN_WRITABLE & ~TN_FSB_ENABLE);
    if (t->config & TN_32BIT) {
        t->comparator = (uint32_t)t->comparator;
        t->period = (uint32_t)t->period;
    }
    if (!(t->config & TN_INT_TYPE_LEVEL)) {
        h->status &= ~(1ull << t->n);
    }
    drive_levels(h);
    timer_schedule(t, 0);
}

/* @mask: the bits of the register that this access writes. */
static void timer_write_comparator(HpetTimer *t, uint64_t value, uint64_t mask)
{
    timer_update(t);
    if (t->config & TN_32BIT) {
        if (!(mask & UINT32_MAX)) {
            return;
        }
        mask = UINT32_MAX;
    }
    if (!(t->config & TN_PERIODIC) || (t->config & TN_SETVAL)) {
        t->comparator = timer_wrap(t, (t->comparator & ~mask) | (value & mask));
        uint64_t behind = timer_wrap(t, t->seen - t->comparator);
        if (behind < LATE_WRITE_TICKS) {
            t->seen -= behind + 1;
        }
    }
    if (t->config & TN_PERIODIC) {
        /* Without SETVAL the write is the period. With it too: software that writes only once means both. */
        t->period = timer_wrap(t, (t->period & ~mask) | (value & mask));
    }
    t->config &= ~(uint64_t)TN_SETVAL;
    timer_schedule(t, 0);
}

static uint64_t timer_read(HpetTimer *t, unsigned offset)
{
    const Hpet *h = t->hpet;
    switch (offset) {
    case TN_CONFIG:
        return (uint64_t)h->intcap << 32 | t->config | TN_PERIODIC_CAP | TN_64BIT_CAP | (h->msi ? TN_FSB_CAP : 0);
    case TN_COMPARATOR:
        timer_update(t);
        return t->comparator;
    case TN_FSB:
        return t->fsb;
    default:
        return 0;
    }
}

static uint64_t hpet_read_register(Hpet *h, unsigned offset)
{
    if (offset >= HPET_TIMERS) {
        unsigned n = (offset - HPET_TIMERS) / HPET_TIMER_BYTES;
        return n < h->timer_count ? timer_read(&h->timers[n], (offset - HPET_TIMERS) % HPET_TIMER_BYTES) : 0;
    }
    switch (offset) {
    case HPET_CAP:                              /* period, vendor 8086, legacy, 64-bit, timers - 1, revision 1 */
        return HPET_TICK_FS << 32 | 0x8086a001 | (uint64_t)(h->timer_count - 1) << 8;
    case HPET_CONFIG:
        return h->config;
    case HPET_STATUS:
        update_all(h);
        return h->status;
    case HPET_COUNTER:
        return hpet_counter(h);
    default:
        return 0;
    }
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
        write_config(h, merged);
        break;
    case HPET_STATUS:
        write_status(h, value & mask);
        break;
    case HPET_COUNTER:
        write_counter(h, merged);
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

/* The device */

static bool hpet_realize(Device *dev, GError **err)
{
    Hpet *h = DEVICE(Hpet, dev);
    for (int i = 0; i < HPET_MAX_TIMERS; i++) {
        h->timers[i].hpet = h;
        h->timers[i].n = i;
        timer_init(&h->timers[i].timer, NULL, CLOCK_VIRTUAL, hpet_timer_fire, &h->timers[i]);
    }
    memory_region_init_io(&h->mmio, &dev->object, &hpet_ops, h, "hpet", HPET_LEN);
    memory_region_add(system_memory(), HPET_BASE, &h->mmio);
    return true;
}

static void hpet_unrealize(Device *dev)
{
    Hpet *h = DEVICE(Hpet, dev);
    for (int i = 0; i < HPET_MAX_TIMERS; i++) {
        timer_stop(&h->timers[i].timer);
    }
    memory_region_destroy(&h->mmio);
}

static void hpet_reset(Device *dev, ResetKind kind)
{
    Hpet *h = DEVICE(Hpet, dev);
    for (int i = 0; i < h->timer_count; i++) {
        HpetTimer *t = &h->timers[i];
        t->config = t->fsb = t->period = 0;
        t->comparator = UINT64_MAX;
    }
    write_config(h, 0);
    h->status = 0;
    write_counter(h, 0);
}

static bool hpet_post_load(Device *dev, unsigned version, GError **err)
{
    Hpet *h = DEVICE(Hpet, dev);
    if (h->config & ~(uint64_t)(CONFIG_ENABLE | CONFIG_LEGACY)) {
        return error_set(err, "configuration 0x%" PRIx64 " has reserved bits", h->config);
    }
    for (int i = 0; i < h->timer_count; i++) {
        HpetTimer *t = &h->timers[i];
        t->config &= TN_WRITABLE;
        t->comparator = timer_wrap(t, t->comparator);
        t->period = timer_wrap(t, t->period);
    }
    h->driven = 0;                              /* the controllers' inputs come from their own state */
    drive_levels(h);
    return true;
}

static const Property hpet_properties[] = {
    PROP_UINT8("timers", Hpet, timer_count, HPET_MIN_TIMERS, "number of comparators", .min = HPET_MIN_TIMERS,
               .max = HPET_MAX_TIMERS),
    PROP_BOOL("msi", Hpet, msi, false, "offer delivery by memory write (FSB)"),
    PROP_UINT32("hpet-intcap", Hpet, intcap, 0, "GSIs that a comparator may be routed to"),
    { }
};

static const StateField hpet_timer_state[] = {
    STATE_TIMER(HpetTimer, timer), STATE_U64(HpetTimer, config), STATE_U64(HpetTimer, comparator),
    STATE_U64(HpetTimer, period), STATE_U64(HpetTimer, fsb), STATE_U64(HpetTimer, seen), { }
};
static const StateField hpet_state[] = {
    STATE_U64(Hpet, config), STATE_U64(Hpet, status), STATE_U64(Hpet, counter),
    STATE_STRUCT_ARRAY(Hpet, timers, HpetTimer, hpet_timer_state), { }
};

const DeviceType hpet_type = {
    .name = "hpet", .parent = &device_type.type, .size = sizeof(Hpet), .bus = &system_bus_type.type,
    .not_user_creatable = true, .description = "high precision event timer", .properties = hpet_properties,
    .state = hpet_state, .realize = hpet_realize, .unrealize = hpet_unrealize, .reset = hpet_reset,
    .post_load = hpet_post_load,
};
TYPE_REGISTER(hpet_type);

Device *hpet_create(IrqLine *const gsis[HPET_GSIS], uint32_t intcap, void (*on_legacy)(void *opaque, bool on),
                    void *opaque)
{
    Device *dev = device_new(&hpet_type);
    Hpet *h = DEVICE(Hpet, dev);
    object_set_int(&dev->object, "hpet-intcap", intcap);
    for (int i = 0; i < HPET_GSIS; i++) {
        h->gsis[i] = gsis[i];
    }
    h->on_legacy = on_legacy;
    h->legacy_opaque = opaque;
    device_realize_onboard(dev, system_bus());
    return dev;
}

void hpet_set_audience(Device *hpet, bool (*edge_is_lost)(void *opaque, unsigned gsi), void *opaque)
{
    Hpet *h = DEVICE(Hpet, hpet);
    h->edge_is_lost = edge_is_lost;
    h->audience_opaque = opaque;
}
