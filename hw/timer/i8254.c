/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8254 programmable interval timer: three 16-bit counters of 1.193182 MHz; and port 0x61, the gate and output of
 * counter 2 (speaker).
 *
 * Nothing counts in host time: a counter is the time on CLOCK_VIRTUAL at which its count was loaded, plus its mode;
 * count and OUT are computed when asked. Only counter 0 has a timer, armed for the next rise of its OUT while somebody
 * would notice that (see i8254_set_audience()). GATE 0 and 1 are tied high, so modes 1 and 5 never start there.
 * Spec: Intel 8254 data sheet (order number 231164), "Programming the 8254" and "Mode definitions"; port 61h: 82371AB
 * (PIIX4), section 4.2.1.5.
 */
#include "hw/timer/i8254.h"

enum { RW_LATCH, RW_LSB, RW_MSB, RW_WORD };
enum { READBACK_NO_COUNT = 0x20, READBACK_NO_STATUS = 0x10 };
enum { STATUS_OUT = 0x80, STATUS_NULL_COUNT = 0x40 };
enum { PORT61_GATE2 = 1, PORT61_SPEAKER = 2, PORT61_REFRESH = 0x10, PORT61_OUT2 = 0x20 };
/* Rises of OUT 0 that follow closer than this are merged: a count of 1 must not keep the host busy. */
#define MIN_RISE_NS 10000

typedef struct PitChannel {
    int64_t start_ns;                           /* when the present count was loaded; modes 1 and 5: triggered */
    uint64_t held_ticks;                        /* modes 0 and 4 while GATE is low: ticks counted before */
    uint16_t reload;                            /* 0 means 65536 (10000 in BCD) */
    uint16_t next_reload;                       /* written, not yet loaded (see next_written) */
    uint16_t latch;
    uint8_t mode, rw, bcd;
    uint8_t gate;
    uint8_t status_latch;
    uint8_t latched;                            /* bytes of `latch` still to be read, by RW_* */
    uint8_t write_low;                          /* first byte of a word write */
    bool status_latched, write_second, read_second;
    bool loaded;                                /* a count came since the control word */
    bool next_written;                          /* next_reload waits for the end of the period or for a trigger */
    bool triggered;                             /* modes 1 and 5: GATE rose since the control word */
} PitChannel;

typedef struct I8254 {
    IsaDevice isa;
    MemoryRegion ports, port61;
    IrqLine *irq0;
    Timer timer;                                /* next rise of OUT 0 */
    bool (*edge_is_lost)(void *opaque);         /* NULL: never */
    void *audience_opaque;
    PitChannel channels[3];
    int64_t synced_ns;                          /* rises of OUT 0 up to then have been signalled */
    uint8_t speaker;                            /* written bits of port 0x61 */
    bool irq0_disconnected;
} I8254;

/* The counter */

static uint32_t channel_period(const PitChannel *c)
{
    return c->reload ? c->reload : c->bcd ? 10000 : 65536;
}

static bool is_periodic(const PitChannel *c)
{
    return c->mode == 2 || c->mode == 3;
}

static bool is_triggered_by_gate(const PitChannel *c)
{
    return c->mode == 1 || c->mode == 5;
}

static bool is_counting(const PitChannel *c)
{
    return c->loaded && (is_triggered_by_gate(c) ? c->triggered : c->gate);
}

static uint64_t ticks_of_ns(int64_t ns)
{
    return ns <= 0 ? 0 : muldiv64(ns, PIT_HZ, NS_PER_S);
}

/* Rounded up: after that time ticks_of_ns() has reached @ticks. */
static int64_t ns_of_ticks(uint64_t ticks)
{
    return ((unsigned __int128)ticks * NS_PER_S + PIT_HZ - 1) / PIT_HZ;
}

static uint64_t channel_ticks(const PitChannel *c, int64_t now_ns)
{
    return is_counting(c) ? ticks_of_ns(now_ns - c->start_ns) : c->held_ticks;
}

/* A count written while a periodic mode runs takes over where a period ends. */
static void channel_take_next(PitChannel *c, int64_t now_ns)
{
    if (!c->next_written || !is_periodic(c) || !is_counting(c)) {
        return;
    }
    uint64_t periods = channel_ticks(c, now_ns) / channel_period(c);
    if (periods) {
        /* It was written in the first of these periods: `start_ns` is moved up at that time. */
        c->start_ns += ns_of_ticks(channel_period(c));
        c->reload = c->next_reload;
        c->next_written = false;
    }
}

static uint16_t channel_count(const PitChannel *c, int64_t now_ns)
{
    uint32_t period = channel_period(c), modulus = c->bcd ? 10000 : 65536, count;
    uint64_t ticks = channel_ticks(c, now_ns);
    if (is_periodic(c) && !c->gate) {
        count = period;
    } else if (c->mode == 2) {
        count = period - ticks % period;
    } else if (c->mode == 3) {
        count = (period - 2 * ticks % period) & ~1u;    /* counts by two, twice a period */
    } else {
        count = period + modulus - ticks % modulus;     /* goes on through 0 */
    }
    count %= modulus;
    return c->bcd ? count / 1000 << 12 | count / 100 % 10 << 8 | count / 10 % 10 << 4 | count % 10 : count;
}

static bool channel_out(const PitChannel *c, int64_t now_ns)
{
    uint32_t period = channel_period(c);
    uint64_t ticks = channel_ticks(c, now_ns);
    if (!c->loaded || (is_triggered_by_gate(c) && !c->triggered)) {
        return c->mode != 0;                    /* a control word sets OUT: low in mode 0, high otherwise */
    }
    switch (c->mode) {
    case 0:
    case 1:
        return ticks >= period;
    case 2:
        return !c->gate || ticks % period != period - 1;
    case 3:
        return !c->gate || ticks % period < (period + 1) / 2;
    default:
        return ticks != period;                 /* 4 and 5: low for one clock */
    }
}

/* When OUT rises next after @after_ns; -1: never. */
static int64_t channel_next_rise(const PitChannel *c, int64_t after_ns)
{
    if (!is_counting(c)) {
        return -1;
    }
    uint32_t period = channel_period(c);
    uint64_t ticks = channel_ticks(c, after_ns), rise;
    if (is_periodic(c)) {
        rise = (ticks / period + 1) * period;
    } else {
        rise = c->mode >= 4 ? period + 1 : period;
        if (ticks >= rise) {
            return -1;
        }
    }
    return c->start_ns + ns_of_ticks(rise);
}

/* Interrupt 0 */

static void irq0_schedule(I8254 *s, int64_t now_ns)
{
    int64_t next_ns = channel_next_rise(&s->channels[0], now_ns);
    if (next_ns < 0 || s->irq0_disconnected || (s->edge_is_lost && s->edge_is_lost(s->audience_opaque))) {
        timer_stop(&s->timer);
    } else {
        timer_arm_ns(&s->timer, MAX(next_ns, now_ns + MIN_RISE_NS));
    }
}

/* Signals what OUT 0 has done since the last time. Call before a change of the channel, then irq0_changed(). */
static void irq0_sync(I8254 *s)
{
    PitChannel *c = &s->channels[0];
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL), rise_ns = channel_next_rise(c, s->synced_ns);
    s->synced_ns = now_ns;
    channel_take_next(c, now_ns);
    if (!s->irq0_disconnected && rise_ns >= 0 && rise_ns <= now_ns) {
        irq_lower(s->irq0);
        irq_raise(s->irq0);
    }
}

static void irq0_changed(I8254 *s)
{
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    if (!s->irq0_disconnected) {
        irq_set(s->irq0, channel_out(&s->channels[0], now_ns));
    }
    irq0_schedule(s, now_ns);
}

static void pit_timer_fire(void *opaque)
{
    irq0_sync(opaque);
    irq0_schedule(opaque, clock_ns(CLOCK_VIRTUAL));
}

void i8254_listen(Device *pit)
{
    I8254 *s = DEVICE(I8254, pit);
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    /* Rises that came while nobody listened are lost. */
    s->synced_ns = now_ns;
    channel_take_next(&s->channels[0], now_ns);
    irq0_schedule(s, now_ns);
}

/* Registers */

static uint16_t from_bcd(uint16_t value)
{
    return (value >> 12 & 15) * 1000 + (value >> 8 & 15) * 100 + (value >> 4 & 15) * 10 + (value & 15);
}

static void channel_load(I8254 *s, PitChannel *c, uint16_t value)
{
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    value = c->bcd ? from_bcd(value) : value;
    channel_take_next(c, now_ns);
    if (c->loaded && ((is_periodic(c) && c->gate) || is_triggered_by_gate(c))) {
        if (is_periodic(c) && !c->next_written) {
            /* Whole periods that are over do not delay the new count. */
            uint64_t period = channel_period(c);
            c->start_ns += ns_of_ticks(channel_ticks(c, now_ns) / period * period);
        }
        c->next_reload = value;
        c->next_written = true;
        return;
    }
    c->reload = value;
    c->loaded = true;
    c->next_written = false;
    c->start_ns = now_ns;
    c->held_ticks = 0;
}

static void channel_latch_count(PitChannel *c, int64_t now_ns)
{
    if (!c->latched) {
        c->latch = channel_count(c, now_ns);
        c->latched = c->rw;
    }
}

static void channel_latch_status(PitChannel *c, int64_t now_ns)
{
    if (!c->status_latched) {
        c->status_latch = (channel_out(c, now_ns) ? STATUS_OUT : 0) |
                          (!c->loaded || c->next_written ? STATUS_NULL_COUNT : 0) | c->rw << 4 | c->mode << 1 | c->bcd;
        c->status_latched = true;
    }
}

static void pit_read_back(I8254 *s, uint8_t value, int64_t now_ns)
{
    for (unsigned i = 0; i < 3; i++) {
        PitChannel *c = &s->channels[i];
        if (!(value >> (i + 1) & 1)) {
            continue;
        }
        channel_take_next(c, now_ns);
        if (!(value & READBACK_NO_COUNT)) {
            channel_latch_count(c, now_ns);
        }
        if (!(value & READBACK_NO_STATUS)) {
            channel_latch_status(c, now_ns);
        }
    }
}

static void pit_write_control(I8254 *s, uint8_t value)
{
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    unsigned n = value >> 6, rw = value >> 4 & 3;
    if (n == 3) {
        pit_read_back(s, value, now_ns);
        return;
    }
    PitChannel *c = &s->channels[n];
    if (rw == RW_LATCH) {
        channel_take_next(c, now_ns);
        channel_latch_count(c, now_ns);
        return;
    }
    c->rw = rw;
    c->mode = value >> 1 & 7;
    c->mode = c->mode > 5 ? c->mode - 4 : c->mode;      /* 6 and 7 are 2 and 3 */
    c->bcd = value & 1;
    c->write_second = c->read_second = false;
    c->latched = 0;
    c->status_latched = c->loaded = c->next_written = c->triggered = false;
    c->held_ticks = 0;
}

static void pit_write_count(I8254 *s, PitChannel *c, uint8_t value)
{
    switch (c->rw) {
    case RW_LSB:
        channel_load(s, c, value);
        break;
    case RW_MSB:
        channel_load(s, c, value << 8);
        break;
    case RW_WORD:
        if (!c->write_second) {
            c->write_low = value;
            if (c->mode == 0) {
                c->loaded = false;              /* mode 0 stops at the first byte, OUT low */
                c->held_ticks = 0;
            }
        } else {
            channel_load(s, c, c->write_low | value << 8);
        }
        c->write_second = !c->write_second;
        break;
    }
}

static void pit_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8254 *s = opaque;
    bool is_channel_0 = offset == 0 || (offset == 3 && value >> 6 == 0);
    if (is_channel_0) {
        irq0_sync(s);
    }
    if (offset == 3) {
        pit_write_control(s, value);
    } else {
        pit_write_count(s, &s->channels[offset], value);
    }
    if (is_channel_0) {
        irq0_changed(s);
    }
}

static uint64_t pit_read(void *opaque, uint64_t offset, unsigned size)
{
    I8254 *s = opaque;
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    if (offset == 3) {
        return 0;                               /* the control word cannot be read */
    }
    PitChannel *c = &s->channels[offset];
    if (c->status_latched) {
        c->status_latched = false;
        return c->status_latch;
    }
    channel_take_next(c, now_ns);
    uint16_t count = c->latched ? c->latch : channel_count(c, now_ns);
    bool high = c->rw == RW_MSB;
    if (c->rw == RW_WORD) {
        high = c->read_second;
        c->read_second = !c->read_second;
    }
    if (high || c->rw == RW_LSB) {
        c->latched = 0;
    }
    return high ? count >> 8 : count & 0xff;
}

static const MemoryOps pit_ops = { .read = pit_read, .write = pit_write, .impl = { .min = 1, .max = 1 } };

/* GATE 2: its level holds modes 0 and 4; its rise (re)starts the others, with the count written last. */
static void gate2_set(I8254 *s, bool gate)
{
    PitChannel *c = &s->channels[2];
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    if (gate == c->gate) {
        return;
    }
    channel_take_next(c, now_ns);
    if (!gate) {
        c->held_ticks = is_periodic(c) ? 0 : channel_ticks(c, now_ns);
    } else if (c->mode == 0 || c->mode == 4) {
        c->start_ns = now_ns - ns_of_ticks(c->held_ticks);
    } else {
        c->start_ns = now_ns;
        c->triggered = true;
        if (c->next_written) {
            c->reload = c->next_reload;
            c->next_written = false;
        }
    }
    c->gate = gate;
}

static uint64_t port61_read(void *opaque, uint64_t offset, unsigned size)
{
    I8254 *s = opaque;
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    channel_take_next(&s->channels[2], now_ns);
    /* The refresh bit toggles every 15.085 microseconds; software times itself by it. */
    uint8_t refresh = now_ns / 15085 & 1 ? PORT61_REFRESH : 0;
    return s->speaker | refresh | (channel_out(&s->channels[2], now_ns) ? PORT61_OUT2 : 0);
}

static void port61_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8254 *s = opaque;
    s->speaker = value & (PORT61_GATE2 | PORT61_SPEAKER);
    gate2_set(s, value & PORT61_GATE2);
}

static const MemoryOps port61_ops = { .read = port61_read, .write = port61_write, .impl = { .min = 1, .max = 1 } };

/* The device */

static bool i8254_realize(Device *dev, GError **err)
{
    I8254 *s = DEVICE(I8254, dev);
    memory_region_init_io(&s->ports, &dev->object, &pit_ops, s, "pit", 4);
    memory_region_init_io(&s->port61, &dev->object, &port61_ops, s, "pcspk", 1);
    isa_register_ioport(&s->isa, &s->ports, s->isa.iobase);
    isa_register_ioport(&s->isa, &s->port61, 0x61);
    device_add_outputs(dev, "", &s->irq0, 1);
    return true;
}

static void i8254_unrealize(Device *dev)
{
    I8254 *s = DEVICE(I8254, dev);
    memory_region_destroy(&s->ports);
    memory_region_destroy(&s->port61);
}

/* The data sheet leaves the state at power-on open: the longest square wave, its first rise a whole period away. */
static void i8254_reset(Device *dev, ResetKind kind)
{
    I8254 *s = DEVICE(I8254, dev);
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    for (int i = 0; i < 3; i++) {
        s->channels[i] = (PitChannel){ .mode = 3, .rw = RW_WORD, .gate = i != 2, .start_ns = now_ns, .loaded = true };
    }
    s->speaker = 0;
    s->synced_ns = now_ns;
    irq_lower(s->irq0);
    irq0_schedule(s, now_ns);
}

static bool i8254_post_load(Device *dev, unsigned version, GError **err)
{
    I8254 *s = DEVICE(I8254, dev);
    for (int i = 0; i < 3; i++) {
        const PitChannel *c = &s->channels[i];
        if (c->mode > 5 || c->rw > RW_WORD || !c->rw || c->latched > RW_WORD || c->bcd > 1 || c->gate > 1) {
            return error_set(err, "channel %d has mode %u, access %u", i, c->mode, c->rw);
        }
    }
    return true;
}

static const Property i8254_properties[] = { PROP_UINT32("iobase", I8254, isa.iobase, 0x40, "first I/O port"), { } };

static const StateField channel_state[] = {
    STATE_S64(PitChannel, start_ns), STATE_U64(PitChannel, held_ticks), STATE_U16(PitChannel, reload),
    STATE_U16(PitChannel, next_reload), STATE_U16(PitChannel, latch), STATE_U8(PitChannel, mode),
    STATE_U8(PitChannel, rw), STATE_U8(PitChannel, bcd), STATE_U8(PitChannel, gate), STATE_U8(PitChannel, status_latch),
    STATE_U8(PitChannel, latched), STATE_U8(PitChannel, write_low), STATE_BOOL(PitChannel, status_latched),
    STATE_BOOL(PitChannel, write_second), STATE_BOOL(PitChannel, read_second), STATE_BOOL(PitChannel, loaded),
    STATE_BOOL(PitChannel, next_written), STATE_BOOL(PitChannel, triggered), { }
};
static const StateField i8254_state[] = {
    STATE_STRUCT_ARRAY(I8254, channels, PitChannel, channel_state), STATE_S64(I8254, synced_ns),
    STATE_U8(I8254, speaker), STATE_TIMER(I8254, timer), STATE_BOOL(I8254, irq0_disconnected), { }
};

static const DeviceType i8254_type = {
    .name = "isa-pit", .parent = &isa_device_type.type, .size = sizeof(I8254), .not_user_creatable = true,
    .description = "8254 interval timer", .properties = i8254_properties, .state = i8254_state,
    .timers = TIMERS(TIMER(I8254, timer, CLOCK_VIRTUAL, pit_timer_fire)),
    .realize = i8254_realize, .unrealize = i8254_unrealize, .reset = i8254_reset, .post_load = i8254_post_load,
};
TYPE_REGISTER(i8254_type);

Device *i8254_create(IsaBus *bus, IrqLine *irq0)
{
    IsaDevice *dev = isa_new(&i8254_type);
    device_realize_onboard(&dev->device, &bus->bus);
    device_connect(&dev->device, "", 0, irq0);
    return &dev->device;
}

void i8254_disconnect_irq0(Device *pit, bool disconnected)
{
    I8254 *s = DEVICE(I8254, pit);
    irq0_sync(s);
    if (disconnected && !s->irq0_disconnected) {
        irq_lower(s->irq0);
    }
    s->irq0_disconnected = disconnected;
    irq0_changed(s);
}

void i8254_set_audience(Device *pit, bool (*edge_is_lost)(void *opaque), void *opaque)
{
    I8254 *s = DEVICE(I8254, pit);
    s->edge_is_lost = edge_is_lost;
    s->audience_opaque = opaque;
}
