/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MC146818 real-time clock and CMOS RAM.
 *
 * While the clock runs, the time of day is a distance to a clock (Machine.rtc_clock) and broken down into the registers
 * when they are read; writing a time register moves it at once. While it is stopped (SET, or divider held) the
 * registers are storage, and the time is taken from them when it starts: software sets them in any order, through dates
 * that do not exist.
 *
 * Interrupts: one timer, armed for the nearest of the enabled periodic, update-ended and alarm events; with none
 * enabled, or one pending, nothing wakes the host. Flags of other events are worked out when register C is read.
 * Spec: Motorola MC146818A data sheet; century byte 0x32 and CMOS layout as PC firmware uses them.
 */
#include "hw/timer/mc146818.h"

#include <time.h>

#include "core/vm.h"
#include "hw/machine.h"

enum {
    RTC_SECONDS, RTC_SECONDS_ALARM, RTC_MINUTES, RTC_MINUTES_ALARM, RTC_HOURS, RTC_HOURS_ALARM, RTC_DAY_OF_WEEK,
    RTC_DAY_OF_MONTH, RTC_MONTH, RTC_YEAR, RTC_A, RTC_B, RTC_C, RTC_D, RTC_CENTURY = 0x32
};
enum {
    REG_A_UIP = 0x80, REG_A_DV = 0x70, REG_A_DV_32KHZ = 0x20, REG_A_RS = 0x0f,
    REG_B_SET = 0x80, REG_B_PIE = 0x40, REG_B_AIE = 0x20, REG_B_UIE = 0x10, REG_B_SQWE = 0x08, REG_B_DM_BINARY = 0x04,
    REG_B_24H = 0x02,
    REG_C_IRQF = 0x80, REG_C_PF = 0x40, REG_C_AF = 0x20, REG_C_UF = 0x10,
    REG_D_VRT = 0x80, ALARM_ANY = 0xc0,
};
#define CMOS_BYTES 128
#define DAY_S 86400
#define RTC_OSCILLATOR_HZ 32768
#define UIP_NS (8 * NS_PER_S / RTC_OSCILLATOR_HZ)       /* the flag is up that long before an update */

typedef struct Mc146818 {
    IsaDevice isa;
    MemoryRegion ports;
    IrqLine *irq;
    Timer timer;
    int32_t base_year;
    uint8_t index;
    uint8_t cmos[CMOS_BYTES];
    int64_t base_s;                             /* time of day, in seconds since 1970, at ... */
    int64_t base_clock_ns;                      /* ... this time of the clock */
    int64_t held_ns;                            /* stopped: part of a second that had gone by */
    int64_t seen_s;                             /* time of day up to which C's flags are worked out */
    int64_t periodic_base_ns;                   /* a tick of the periodic interrupt on CLOCK_VIRTUAL */
    int64_t periodic_seen;                      /* ticks since then already flagged */
    bool disconnected;
} Mc146818;

static ClockType rtc_clock(void)
{
    return current_machine ? current_machine->rtc_clock : CLOCK_HOST;
}

static bool rtc_is_stopped(const Mc146818 *s)
{
    return (s->cmos[RTC_B] & REG_B_SET) || (s->cmos[RTC_A] & REG_A_DV) > REG_A_DV_32KHZ;
}

/* Time of day while running; *@part_ns: how far into that second. */
static int64_t rtc_now_s(const Mc146818 *s, int64_t *part_ns)
{
    int64_t ns = clock_ns(rtc_clock()) - s->base_clock_ns, seconds = ns / NS_PER_S, part = ns % NS_PER_S;
    if (part < 0) {
        seconds--;                              /* the host's clock was set back */
        part += NS_PER_S;
    }
    if (part_ns) {
        *part_ns = part;
    }
    return s->base_s + seconds;
}

static void rtc_set_time(Mc146818 *s, int64_t seconds, int64_t part_ns)
{
    s->base_s = s->seen_s = seconds;
    s->base_clock_ns = clock_ns(rtc_clock()) - part_ns;
}

static uint8_t to_register(const Mc146818 *s, unsigned value)
{
    return s->cmos[RTC_B] & REG_B_DM_BINARY ? value : value / 10 << 4 | value % 10;
}

static int from_register(const Mc146818 *s, uint8_t value)
{
    return s->cmos[RTC_B] & REG_B_DM_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static uint8_t hour_to_register(const Mc146818 *s, int hour)
{
    if (s->cmos[RTC_B] & REG_B_24H) {
        return to_register(s, hour);
    }
    return to_register(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
}

static int hour_from_register(const Mc146818 *s, uint8_t value)
{
    if (s->cmos[RTC_B] & REG_B_24H) {
        return from_register(s, value);
    }
    return from_register(s, value & 0x7f) % 12 + (value & 0x80 ? 12 : 0);
}

/* Time of day -> registers, while running. */
static void rtc_to_registers(Mc146818 *s)
{
    time_t seconds = rtc_now_s(s, NULL);
    struct tm tm;
    if (rtc_is_stopped(s) || !gmtime_r(&seconds, &tm)) {
        return;
    }
    int year = tm.tm_year + 1900 - s->base_year;
    s->cmos[RTC_SECONDS] = to_register(s, tm.tm_sec);
    s->cmos[RTC_MINUTES] = to_register(s, tm.tm_min);
    s->cmos[RTC_HOURS] = hour_to_register(s, tm.tm_hour);
    s->cmos[RTC_DAY_OF_WEEK] = to_register(s, tm.tm_wday + 1);
    s->cmos[RTC_DAY_OF_MONTH] = to_register(s, tm.tm_mday);
    s->cmos[RTC_MONTH] = to_register(s, tm.tm_mon + 1);
    s->cmos[RTC_YEAR] = to_register(s, year % 100);
    s->cmos[RTC_CENTURY] = to_register(s, year / 100 % 100);
}

/* Registers -> time of day; the day of the week follows from the date, nonsense is normalised as timegm() does. */
static int64_t rtc_from_registers(const Mc146818 *s)
{
    int year = from_register(s, s->cmos[RTC_YEAR]) + from_register(s, s->cmos[RTC_CENTURY]) * 100 + s->base_year;
    struct tm tm = {
        .tm_sec = from_register(s, s->cmos[RTC_SECONDS]), .tm_min = from_register(s, s->cmos[RTC_MINUTES]),
        .tm_hour = hour_from_register(s, s->cmos[RTC_HOURS]), .tm_mday = from_register(s, s->cmos[RTC_DAY_OF_MONTH]),
        .tm_mon = from_register(s, s->cmos[RTC_MONTH]) - 1, .tm_year = year - 1900,
    };
    return timegm(&tm);
}

/* First second after @after at which the alarm matches, looking a day ahead; -1: none (impossible register values). */
static int64_t alarm_next(const Mc146818 *s, int64_t after)
{
    bool any_second = (s->cmos[RTC_SECONDS_ALARM] & ALARM_ANY) == ALARM_ANY;
    bool any_minute = (s->cmos[RTC_MINUTES_ALARM] & ALARM_ANY) == ALARM_ANY;
    bool any_hour = (s->cmos[RTC_HOURS_ALARM] & ALARM_ANY) == ALARM_ANY;
    int sec = from_register(s, s->cmos[RTC_SECONDS_ALARM]), min = from_register(s, s->cmos[RTC_MINUTES_ALARM]);
    int hour = hour_from_register(s, s->cmos[RTC_HOURS_ALARM]);
    if ((!any_second && sec > 59) || (!any_minute && min > 59) || (!any_hour && hour > 23)) {
        return -1;
    }
    for (int64_t t = after + 1, end = t + DAY_S; t < end; ) {
        int in_day = (t % DAY_S + DAY_S) % DAY_S, in_hour = in_day % 3600;
        if (!any_hour && in_day / 3600 != hour) {
            t += 3600 - in_hour;
        } else if (!any_minute && in_hour / 60 != min) {
            t += 60 - in_hour % 60;
        } else if (!any_second && in_hour % 60 != sec) {
            t++;
        } else {
            return t;
        }
    }
    return -1;
}

/* Length of a periodic tick, 0 while off. Rates 1 and 2 are 256 and 128 Hz with the PC's oscillator. */
static int64_t periodic_ns(const Mc146818 *s)
{
    unsigned rate = s->cmos[RTC_A] & REG_A_RS;
    if (!rate || (s->cmos[RTC_A] & REG_A_DV) != REG_A_DV_32KHZ) {
        return 0;
    }
    return NS_PER_S * (1ll << ((rate <= 2 ? rate + 7 : rate) - 1)) / RTC_OSCILLATOR_HZ;
}

/* Works out which events have come since the last look, and sets their flags. */
static void rtc_collect(Mc146818 *s)
{
    int64_t tick_ns = periodic_ns(s);
    if (tick_ns) {
        int64_t ticks = (clock_ns(CLOCK_VIRTUAL) - s->periodic_base_ns) / tick_ns;
        if (ticks > s->periodic_seen) {
            s->periodic_seen = ticks;
            s->cmos[RTC_C] |= REG_C_PF;
        }
    }
    if (rtc_is_stopped(s)) {
        return;
    }
    int64_t now = rtc_now_s(s, NULL);
    if (now > s->seen_s) {
        s->cmos[RTC_C] |= REG_C_UF;
        int64_t alarm = alarm_next(s, s->seen_s);
        if (alarm >= 0 && alarm <= now) {
            s->cmos[RTC_C] |= REG_C_AF;
            if (s->cmos[RTC_B] & REG_B_AIE) {
                vm_request_wakeup(WAKEUP_RTC);
            }
        }
    }
    s->seen_s = now;
}

/* Sets IRQF and the line from flags and enables, then arms the timer for the next event that would interrupt. */
static void rtc_update(Mc146818 *s)
{
    uint8_t enabled = s->cmos[RTC_B] & (REG_B_PIE | REG_B_AIE | REG_B_UIE);
    bool interrupt = s->cmos[RTC_C] & enabled;
    s->cmos[RTC_C] = interrupt ? s->cmos[RTC_C] | REG_C_IRQF : s->cmos[RTC_C] & ~REG_C_IRQF;
    irq_set(s->irq, interrupt && !s->disconnected);
    int64_t next_ns = INT64_MAX, now_ns = clock_ns(CLOCK_VIRTUAL), tick_ns = periodic_ns(s);
    /* While the line is up nothing more can be seen until C is read: then it is not worth a wake-up. */
    if (!interrupt && (enabled & REG_B_PIE) && tick_ns) {
        next_ns = s->periodic_base_ns + (s->periodic_seen + 1) * tick_ns;
    }
    if (!interrupt && (enabled & (REG_B_UIE | REG_B_AIE)) && !rtc_is_stopped(s)) {
        int64_t part_ns, second = rtc_now_s(s, &part_ns);
        int64_t event = enabled & REG_B_UIE ? second + 1 : alarm_next(s, second);
        if (event >= 0) {
            next_ns = MIN(next_ns, now_ns + (event - second) * NS_PER_S - part_ns);
        }
    }
    if (next_ns == INT64_MAX) {
        timer_stop(&s->timer);
    } else {
        timer_arm_ns(&s->timer, next_ns);
    }
}

static void rtc_timer_fire(void *opaque)
{
    rtc_collect(opaque);
    rtc_update(opaque);
}

static void rtc_write_control(Mc146818 *s, unsigned index, uint8_t value)
{
    bool was_stopped = rtc_is_stopped(s), was_held = (s->cmos[RTC_A] & REG_A_DV) > REG_A_DV_32KHZ;
    int64_t old_tick_ns = periodic_ns(s), part_ns = 0;
    if (!was_stopped) {
        rtc_now_s(s, &part_ns);
        rtc_to_registers(s);                    /* in the old format */
    }
    if (index == RTC_A) {
        s->cmos[RTC_A] = value & ~REG_A_UIP;
    } else {
        s->cmos[RTC_B] = value & REG_B_SET ? value & ~REG_B_UIE : value;
    }
    if (was_stopped && !rtc_is_stopped(s)) {
        /* Out of divider reset the first update comes after half a second. */
        rtc_set_time(s, rtc_from_registers(s), was_held ? NS_PER_S / 2 : s->held_ns);
    } else if (!was_stopped) {
        s->held_ns = part_ns;
    }
    if (periodic_ns(s) != old_tick_ns) {
        s->periodic_base_ns = clock_ns(CLOCK_VIRTUAL);
        s->periodic_seen = 0;
    }
}

static void rtc_write_time(Mc146818 *s, uint8_t value)
{
    int64_t part_ns;
    rtc_to_registers(s);
    s->cmos[s->index] = value;
    if (!rtc_is_stopped(s)) {
        rtc_now_s(s, &part_ns);
        rtc_set_time(s, rtc_from_registers(s), part_ns);
    }
}

static void rtc_write_data(Mc146818 *s, uint8_t value)
{
    rtc_collect(s);
    switch (s->index) {
    case RTC_SECONDS: case RTC_MINUTES: case RTC_HOURS: case RTC_DAY_OF_WEEK: case RTC_DAY_OF_MONTH: case RTC_MONTH:
    case RTC_YEAR: case RTC_CENTURY:
        rtc_write_time(s, value);
        break;
    case RTC_C:
    case RTC_D:
        break;
    case RTC_A:
    case RTC_B:
        rtc_write_control(s, s->index, value);
        break;
    default:
        s->cmos[s->index] = value;
    }
    rtc_update(s);
}

static uint8_t rtc_read_data(Mc146818 *s)
{
    uint8_t value;
    switch (s->index) {
    case RTC_SECONDS: case RTC_MINUTES: case RTC_HOURS: case RTC_DAY_OF_WEEK: case RTC_DAY_OF_MONTH: case RTC_MONTH:
    case RTC_YEAR: case RTC_CENTURY:
        rtc_to_registers(s);
        return s->cmos[s->index];
    case RTC_A:
        value = s->cmos[RTC_A];
        if (!rtc_is_stopped(s)) {
            int64_t part_ns;
            rtc_now_s(s, &part_ns);
            value |= NS_PER_S - part_ns <= UIP_NS ? REG_A_UIP : 0;
        }
        return value;
    case RTC_C:
        rtc_collect(s);
        rtc_update(s);
        value = s->cmos[RTC_C];
        s->cmos[RTC_C] = 0;
        rtc_update(s);
        return value;
    default:
        return s->cmos[s->index];
    }
}

static uint64_t rtc_read(void *opaque, uint64_t offset, unsigned size)
{
    return offset & 1 ? rtc_read_data(opaque) : 0xff;  /* the index port is write-only */
}

static void rtc_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Mc146818 *s = opaque;
    if (offset & 1) {
        rtc_write_data(s, value);
    } else {
        s->index = value & (CMOS_BYTES - 1);    /* bit 7 masks NMI */
    }
}

static const MemoryOps rtc_ops = { .read = rtc_read, .write = rtc_write, .impl = { .min = 1, .max = 1 } };

static bool rtc_realize(Device *dev, GError **err)
{
    Mc146818 *s = DEVICE(Mc146818, dev);
    s->irq = isa_irq(&s->isa, 8, err);
    if (!s->irq) {
        return false;
    }
    int64_t host_ns = clock_ns(CLOCK_HOST), start_s = host_ns / NS_PER_S;
    bool follows_host = true;
    if (current_machine) {
        start_s = current_machine->rtc_start;
        follows_host = current_machine->rtc_follows_host;
    }
    s->cmos[RTC_A] = 0x26;
    s->cmos[RTC_B] = REG_B_24H;
    s->cmos[RTC_D] = REG_D_VRT;
    rtc_set_time(s, start_s, follows_host ? host_ns % NS_PER_S : 0);
    memory_region_init_io(&s->ports, &dev->object, &rtc_ops, s, "rtc", 2);
    isa_register_ioport(&s->isa, &s->ports, s->isa.iobase);
    return true;
}

static void rtc_unrealize(Device *dev)
{
    memory_region_destroy(&DEVICE(Mc146818, dev)->ports);
}

/* Time and CMOS RAM are battery-backed; a reset clears the enables and flags. */
static void rtc_reset(Device *dev, ResetKind kind)
{
    Mc146818 *s = DEVICE(Mc146818, dev);
    s->cmos[RTC_B] &= ~(REG_B_PIE | REG_B_AIE | REG_B_UIE | REG_B_SQWE);
    s->cmos[RTC_C] = 0;
    s->index = 0;
    s->disconnected = false;
    rtc_update(s);
}

static bool rtc_post_load(Device *dev, unsigned version, GError **err)
{
    Mc146818 *s = DEVICE(Mc146818, dev);
    if (s->index >= CMOS_BYTES || s->periodic_seen < 0 || s->periodic_seen > INT64_MAX / NS_PER_S / 2 ||
        s->periodic_base_ns < 0 || s->periodic_base_ns > INT64_MAX / 2) {
        return error_set(err, "index %u or periodic tick %" PRId64 " is out of range", s->index, s->periodic_seen);
    }
    s->cmos[RTC_A] &= ~REG_A_UIP;
    return true;
}

static const Property rtc_properties[] = {
    PROP_INT32("base_year", Mc146818, base_year, 0, "year that the registers' zero stands for"),
    PROP_UINT32("iobase", Mc146818, isa.iobase, 0x70, "first I/O port"),
    { }
};

static const StateField rtc_state[] = {
    STATE_U8(Mc146818, index), STATE_U8_ARRAY(Mc146818, cmos), STATE_S64(Mc146818, base_s),
    STATE_S64(Mc146818, base_clock_ns), STATE_S64(Mc146818, held_ns), STATE_S64(Mc146818, seen_s),
    STATE_S64(Mc146818, periodic_base_ns), STATE_S64(Mc146818, periodic_seen), STATE_TIMER(Mc146818, timer),
    STATE_BOOL(Mc146818, disconnected), { }
};

static const DeviceType rtc_type = {
    .name = "mc146818rtc", .parent = &isa_device_type.type, .size = sizeof(Mc146818), .not_user_creatable = true,
    .description = "MC146818 real-time clock", .properties = rtc_properties, .state = rtc_state,
    .timers = TIMERS(TIMER(Mc146818, timer, CLOCK_VIRTUAL, rtc_timer_fire)),
    .realize = rtc_realize, .unrealize = rtc_unrealize, .reset = rtc_reset, .post_load = rtc_post_load,
};
TYPE_REGISTER(rtc_type);

Device *mc146818_create(IsaBus *bus)
{
    IsaDevice *dev = isa_new(&rtc_type);
    device_realize_onboard(&dev->device, &bus->bus);
    return &dev->device;
}

void mc146818_set_cmos(Device *rtc, unsigned index, uint8_t value)
{
    g_assert(index < CMOS_BYTES);
    DEVICE(Mc146818, rtc)->cmos[index] = value;
}

uint8_t mc146818_get_cmos(Device *rtc, unsigned index)
{
    g_assert(index < CMOS_BYTES);
    return DEVICE(Mc146818, rtc)->cmos[index];
}

void mc146818_disconnect_irq(Device *rtc, bool disconnected)
{
    DEVICE(Mc146818, rtc)->disconnected = disconnected;
    rtc_update(DEVICE(Mc146818, rtc));
}
