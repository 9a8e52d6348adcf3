/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8254 programmable interval timer: three 16-bit counters of 1.193182 MHz; and port 0x61, the gate and output of
 * counter 2 (speaker).
 *
 * Nothing counts in host time: a counter is its load time on CLOCK_VIRTUAL plus its mode, from which count and OUT are
 * computed when asked. Only counter 0 has a timer, armed for the next change of its OUT, and only in modes whose OUT
 * will change.
 * Spec: Intel 8254 data sheet, "Programming the 8254" and "Mode definitions"; port 61h: 82371AB, section 4.2.1.5.
 */
#include "hw/timer/i8254.h"

enum { RW_LATCH, RW_LSB, RW_MSB, RW_WORD };
enum { READBACK_NO_COUNT = 0x20, READBACK_NO_STATUS = 0x10 };
enum { PORT61_GATE2 = 1, PORT61_SPEAKER = 2, PORT61_REFRESH = 0x10, PORT61_OUT2 = 0x20 };

typedef struct PitChannel {
    int64_t loaded_ns;                          /* when the present count began */
    uint16_t reload;                            /* 0 means 65536 (10000 in BCD) */
    uint16_t latch;
    uint8_t mode, rw, bcd;
    uint8_t gate;
    uint8_t status_latch;
    uint8_t latched;                            /* bytes of `latch` still to be read, by RW_* */
    uint8_t write_low;                          /* first byte of a word write */
    bool status_latched, write_second, read_second;
    bool null_count;                            /* control word written, count not yet */
} PitChannel;

typedef struct I8254 {
    IsaDevice isa;
    MemoryRegion ports, port61;
    IrqLine *irq0;
    Timer timer;                                /* next edge of OUT 0 */
    PitChannel channels[3];
    uint8_t speaker;                            /* written bits of port 0x61 */
    bool irq0_disconnected, out0;
} I8254;

static uint32_t channel_period(const PitChannel *c)
{
    return c->reload ? c->reload : c->bcd ? 10000 : 65536;
}

static uint64_t ticks_since_load(const PitChannel *c, int64_t now_ns)
{
    return now_ns <= c->loaded_ns ? 0 : muldiv64(now_ns - c->loaded_ns, PIT_HZ, NS_PER_S);
}

static int64_t tick_to_ns(const PitChannel *c, uint64_t tick)
{
    /* Rounded up: at that time ticks_since_load() has reached @tick. */
    return c->loaded_ns + (int64_t)(((unsigned __int128)tick * NS_PER_S + PIT_HZ - 1) / PIT_HZ);
}

static bool channel_is_periodic(const PitChannel *c)
{
    return c->mode == 2 || c->mode == 3;
}

static uint16_t channel_count(const PitChannel *c, int64_t now_ns)
{
    uint32_t period = channel_period(c);
    uint64_t ticks = ticks_since_load(c, now_ns);
    uint32_t count;
    if (!c->gate && c->mode != 1 && c->mode != 5) {
        count = period;
    } else if (c->mode == 2) {
        count = period - ticks % period;
    } else if (c->mode == 3) {
        count = (period - 2 * ticks % period) & ~1u;    /* counts by two, twice a period */
    } else {
        count = period - ticks;
    }
    if (c->bcd) {
        count %= 10000;
        return count / 1000 << 12 | count / 100 % 10 << 8 | count / 10 % 10 << 4 | count % 10;
    }
    return count;
}

static bool channel_out(const PitChannel *c, int64_t now_ns)
{
    uint32_t period = channel_period(c);
    uint64_t ticks = ticks_since_load(c, now_ns);
    if (c->null_count) {
        return c->mode != 0;                    /* a control word sets OUT: low in mode 0, high otherwise */
    }
    switch (c->mode) {
    case 0:
        return ticks >= period;
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

/* When OUT changes next after @now_ns; -1: never. */
static int64_t channel_next_change(const PitChannel *c, int64_t now_ns)
{
    uint32_t period = channel_period(c);
    uint64_t ticks = ticks_since_load(c, now_ns);
    if (c->null_count || (!c->gate && c->mode != 1 && c->mode != 5)) {
        return -1;
    }
    uint64_t cycle = ticks / period * period, within = ticks % period;
    switch (c->mode) {
    case 0:
    case 1:
        return ticks < period ? tick_to_ns(c, period) : -1;
    case 2:
        return tick_to_ns(c, within < period - 1 ? cycle + period - 1 : cycle + period);
    case 3: {
        uint32_t high = (period + 1) / 2;
        return tick_to_ns(c, within < high ? cycle + high : cycle + period);
    }
    default:
        return ticks < period ? tick_to_ns(c, period) : ticks == period ? tick_to_ns(c, period + 1) : -1;
    }
}

static void pit_update_irq0(I8254 *s)
{
    PitChannel *c = &s->channels[0];
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    s->out0 = channel_out(c, now_ns);
    if (s->irq0_disconnected) {
        timer_stop(&s->timer);
        return;
    }
    irq_set(s->irq0, s->out0);
    int64_t next_ns = channel_next_change(c, now_ns);
    if (next_ns < 0) {
        timer_stop(&s->timer);
    } else {
        timer_arm_ns(&s->timer, next_ns);
    }
}

static void pit_timer_fire(void *opaque)
{
    I8254 *s = opaque;
    PitChannel *c = &s->channels[0];
    /* Late by a whole low phase: the edge must still be seen. */
    if (!s->irq0_disconnected && s->out0 && channel_out(c, clock_ns(CLOCK_VIRTUAL)) && channel_is_periodic(c)) {
        irq_lower(s->irq0);
    }
    pit_update_irq0(s);
}

static void channel_load(I8254 *s, PitChannel *c, uint16_t value)
{
    if (c->bcd) {
        value = (value >> 12 & 15) * 1000 + (value >> 8 & 15) * 100 + (value >> 4 & 15) * 10 + (value & 15);
    }
    c->reload = value;
    c->null_count = false;
    c->loaded_ns = clock_ns(CLOCK_VIRTUAL);
    if (c == &s->channels[0]) {
        pit_update_irq0(s);
    }
}

static void channel_latch_count(PitChannel *c, int64_t now_ns)
{
    if (!c->latched) {
        c->latch = channel_count(c, now_ns);
        c->latched = c->rw;
    }
}

static void pit_write_control(I8254 *s, uint8_t value)
{
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    unsigned n = value >> 6;
    if (n == 3) {                               /* read-back */
        for (unsigned i = 0; i < 3; i++) {
            PitChannel *c = &s->channels[i];
            if (!(value >> (i + 1) & 1)) {
                continue;
            }
            if (!(value & READBACK_NO_COUNT)) {
                channel_latch_count(c, now_ns);
            }
            if (!(value & READBACK_NO_STATUS) && !c->status_latched) {
                c->status_latch = channel_out(c, now_ns) << 7 | c->null_count << 6 | c->rw << 4 | c->mode << 1 | c->bcd;
                c->status_latched = true;
            }
        }
        return;
    }
    PitChannel *c = &s->channels[n];
    unsigned rw = value >> 4 & 3;
    if (rw == RW_LATCH) {
        channel_latch_count(c, now_ns);
        return;
    }
    c->rw = rw;
    c->mode = value >> 1 & 7;
    c->mode = c->mode > 5 ? c->mode - 4 : c->mode;      /* 6 and 7 are 2 and 3 */
    c->bcd = value & 1;
    c->write_second = c->read_second = false;
    c->latched = 0;
    c->status_latched = false;
    c->null_count = true;
    if (n == 0) {
        pit_update_irq0(s);
    }
}

static void pit_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8254 *s = opaque;
    if (offset == 3) {
        pit_write_control(s, value);
        return;
    }
    PitChannel *c = &s->channels[offset];
    switch (c->rw) {
    case RW_LSB:
        channel_load(s, c, value & 0xff);
        break;
    case RW_MSB:
        channel_load(s, c, (value & 0xff) << 8);
        break;
    case RW_WORD:
        if (!c->write_second) {
            c->write_low = value;
        } else {
            channel_load(s, c, c->write_low | (value & 0xff) << 8);
        }
        c->write_second = !c->write_second;
        break;
    }
}

static uint64_t pit_read(void *opaque, uint64_t offset, unsigned size)
{
    I8254 *s = opaque;
    if (offset == 3) {
        return 0xff;                            /* the control word cannot be read */
    }
    PitChannel *c = &s->channels[offset];
    if (c->status_latched) {
        c->status_latched = false;
        return c->status_latch;
    }
    uint16_t count = c->latched ? c->latch : channel_count(c, clock_ns(CLOCK_VIRTUAL));
    switch (c->latched ? c->latched : c->rw) {
    case RW_LSB:
        c->latched = 0;
        return count & 0xff;
    case RW_MSB:
        c->latched = 0;
        return count >> 8;
    default:
        if (c->latched) {
            if (!c->read_second) {
                c->read_second = true;
                return count & 0xff;
            }
            c->latched = 0;
            c->read_second = false;
            return count >> 8;
        }
        c->read_second = !c->read_second;
        return c->read_second ? count & 0xff : count >> 8;
    }
}

static const MemoryOps pit_ops = { .read = pit_read, .write = pit_write, .impl = { .min = 1, .max = 1 } };

/* GATE 2 rises: modes 1, 2, 3 and 5 (re)start. */
static void gate2_set(I8254 *s, bool gate)
{
    PitChannel *c = &s->channels[2];
    if (gate && !c->gate) {
        c->loaded_ns = clock_ns(CLOCK_VIRTUAL);
    }
    c->gate = gate;
}

static uint64_t port61_read(void *opaque, uint64_t offset, unsigned size)
{
    I8254 *s = opaque;
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
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

static void i8254_reset(Device *dev, ResetKind kind)
{
    I8254 *s = DEVICE(I8254, dev);
    int64_t now_ns = clock_ns(CLOCK_VIRTUAL);
    for (int i = 0; i < 3; i++) {
        s->channels[i] = (PitChannel){ .mode = 3, .rw = RW_WORD, .gate = i != 2, .loaded_ns = now_ns, .null_count = true };
    }
    s->speaker = 0;
    pit_update_irq0(s);
}

static bool i8254_post_load(Device *dev, unsigned version, GError **err)
{
    I8254 *s = DEVICE(I8254, dev);
    for (int i = 0; i < 3; i++) {
        const PitChannel *c = &s->channels[i];
        if (c->mode > 5 || c->rw > RW_WORD || !c->rw || c->latched > RW_WORD || c->loaded_ns < 0) {
            return error_set(err, "isa-pit: channel %d has mode %u, access %u", i, c->mode, c->rw);
        }
    }
    return true;
}

static const Property i8254_properties[] = { PROP_UINT32("iobase", I8254, isa.iobase, 0x40, "first I/O port"), { } };

static const StateField channel_state[] = {
    STATE_S64(PitChannel, loaded_ns), STATE_U16(PitChannel, reload), STATE_U16(PitChannel, latch), STATE_U8(PitChannel, mode),
    STATE_U8(PitChannel, rw), STATE_U8(PitChannel, bcd), STATE_U8(PitChannel, gate), STATE_U8(PitChannel, status_latch),
    STATE_U8(PitChannel, latched), STATE_U8(PitChannel, write_low), STATE_BOOL(PitChannel, status_latched),
    STATE_BOOL(PitChannel, write_second), STATE_BOOL(PitChannel, read_second), STATE_BOOL(PitChannel, null_count), { }
};
static const StateField i8254_state[] = {
    STATE_STRUCT_ARRAY(I8254, channels, PitChannel, channel_state), STATE_U8(I8254, speaker), STATE_TIMER(I8254, timer),
    STATE_BOOL(I8254, irq0_disconnected), STATE_BOOL(I8254, out0), { }
};

static const DeviceType i8254_type = {
    .name = "isa-pit", .parent = &isa_device_type.type, .size = sizeof(I8254), .not_user_creatable = true,
    .description = "8254 interval timer", .properties = i8254_properties, .state = i8254_state,
    .timers = TIMERS(TIMER(I8254, timer, CLOCK_VIRTUAL, pit_timer_fire)),
    .realize = i8254_realize, .reset = i8254_reset, .post_load = i8254_post_load,
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
    s->irq0_disconnected = disconnected;
    pit_update_irq0(s);
}
