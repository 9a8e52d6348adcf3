/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IO APIC: 24 pins, each with a redirection entry that turns its interrupt into a message to local APICs.
 *
 * A line -> ioapic_set_pin() -> ioapic_service(): an unmasked pin with an edge, or a level without Remote IRR, is sent
 * as an MSI by apic_send_msi(). A level entry stays quiet until the local APIC's EOI comes back (broadcast or EOI
 * register). Lines arrive as "asserted or not": the polarity bit is only kept.
 *
 * Registers are reached through IOREGSEL and IOWIN by aligned 32-bit accesses; others read as 0 and write nothing.
 * Spec: Intel 82093AA I/O APIC data sheet (order number 290566), section 3; EOI register: Intel ICH9 data sheet
 * (316972), section 13.5.
 */
#include "hw/intc/ioapic.h"

#include "core/log.h"
#include "hw/intc/i8259.h"
#include "target/i386/apic.h"

enum { IOREGSEL = 0x00, IOWIN = 0x10, IOEOI = 0x40 };
enum { IOAPICID = 0, IOAPICVER = 1, IOAPICARB = 2, IOREDTBL = 0x10 };
enum {
    RTE_VECTOR = 0xff, RTE_DELIVERY = 7 << 8, RTE_DELIVERY_EXTINT = 7 << 8, RTE_DEST_LOGICAL = 1 << 11,
    RTE_DELIVERY_STATUS = 1 << 12, RTE_POLARITY_LOW = 1 << 13, RTE_REMOTE_IRR = 1 << 14, RTE_LEVEL = 1 << 15,
    RTE_MASK = 1 << 16, RTE_DEST_SHIFT = 56,
};
#define RTE_READ_ONLY (RTE_DELIVERY_STATUS | RTE_REMOTE_IRR)
#define RTE_RESERVED 0x00fffffffffe0000ull      /* bits 17-55 */

typedef struct IoApic {
    Device device;
    MemoryRegion mmio;
    uint64_t base;
    uint8_t version, id, select;
    uint32_t irr;                               /* pins with a request: levels as they are, edges until sent */
    uint32_t lines;
    uint64_t rises[IOAPIC_PINS];                /* of each pin; for the monitor, not guest state */
    uint64_t redirection[IOAPIC_PINS];
} IoApic;

static IoApic *ioapics[IOAPICS_MAX];
static void (*listen_hook)(void *opaque, unsigned pin);
static void *listen_opaque;
static void (*entry_hook)(unsigned pin, uint64_t addr, uint32_t data);
static void (*entry_done_hook)(void);

static uint64_t message_addr(uint64_t entry)
{
    return 0xfee00000u | (entry >> RTE_DEST_SHIFT) << 12 | (entry & RTE_DEST_LOGICAL ? 1 << 2 : 0);
}

static uint32_t message_data(uint64_t entry, uint32_t vector)
{
    return vector | (entry & RTE_DELIVERY) | (entry & RTE_LEVEL ? 1 << 15 : 0) | 1 << 14;
}

static void ioapic_send(uint64_t entry)
{
    uint32_t vector = entry & RTE_VECTOR;
    if ((entry & RTE_DELIVERY) == RTE_DELIVERY_EXTINT) {
        vector = i8259_acknowledge(NULL);       /* a fixed interrupt, whose vector the 8259 pair gives */
        entry &= ~(uint64_t)RTE_DELIVERY;
    }
    apic_send_msi(message_addr(entry), message_data(entry, vector));
}

static void tell_entries(const IoApic *s, unsigned first, unsigned count)
{
    for (unsigned pin = first; entry_hook && pin < first + count; pin++) {
        uint64_t entry = s->redirection[pin];
        entry_hook(pin + (s == ioapics[0] ? 0 : IOAPIC_PINS), message_addr(entry), message_data(entry, entry & RTE_VECTOR));
    }
    if (entry_hook) {
        entry_done_hook();
    }
}

void ioapic_set_entry_hook(void (*entry)(unsigned pin, uint64_t addr, uint32_t data), void (*done)(void))
{
    entry_hook = entry;
    entry_done_hook = done;
}

static void ioapic_service(IoApic *s)
{
    for (int pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t *entry = &s->redirection[pin];
        uint32_t bit = 1u << pin;
        if (!(s->irr & bit) || (*entry & RTE_MASK)) {
            continue;
        }
        if (*entry & RTE_LEVEL) {
            if (*entry & RTE_REMOTE_IRR) {
                continue;
            }
            *entry |= RTE_REMOTE_IRR;
        } else {
            s->irr &= ~bit;
        }
        ioapic_send(*entry);
    }
}

static void ioapic_set_pin(void *opaque, int pin, int level)
{
    IoApic *s = opaque;
    uint32_t bit = 1u << pin;
    bool was = s->lines & bit;
    s->lines = level ? s->lines | bit : s->lines & ~bit;
    s->rises[pin] += level && !was;
    if (s->redirection[pin] & RTE_LEVEL) {
        s->irr = level ? s->irr | bit : s->irr & ~bit;
    } else if (level && !was && !(s->redirection[pin] & RTE_MASK)) {
        s->irr |= bit;                          /* an edge while masked is lost, as on the hardware */
    }
    if (level) {
        ioapic_service(s);
    }
}

static void ioapic_eoi(IoApic *s, uint8_t vector)
{
    bool again = false;
    for (int pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t *entry = &s->redirection[pin];
        if ((*entry & RTE_VECTOR) == vector && (*entry & RTE_LEVEL) && (*entry & RTE_REMOTE_IRR)) {
            *entry &= ~(uint64_t)RTE_REMOTE_IRR;
            again |= s->irr >> pin & 1;
        }
    }
    if (again) {
        ioapic_service(s);
    }
}

void ioapic_eoi_broadcast(void *unused, uint8_t vector)
{
    for (int i = 0; i < IOAPICS_MAX && ioapics[i]; i++) {
        ioapic_eoi(ioapics[i], vector);
    }
}

static bool edge_is_lost(uint64_t entry)
{
    return (entry & RTE_MASK) && !(entry & RTE_LEVEL);
}

bool ioapic_edge_is_lost(Device *ioapic, unsigned pin)
{
    return edge_is_lost(DEVICE(IoApic, ioapic)->redirection[pin]);
}

void ioapic_set_listen_hook(void (*fn)(void *opaque, unsigned pin), void *opaque)
{
    listen_hook = fn;
    listen_opaque = opaque;
}

static uint32_t ioapic_read_register(IoApic *s)
{
    switch (s->select) {
    case IOAPICID:
    case IOAPICARB:
        return (uint32_t)s->id << 24;
    case IOAPICVER:
        return s->version | (IOAPIC_PINS - 1) << 16;
    default:
        if (s->select >= IOREDTBL && s->select < IOREDTBL + 2 * IOAPIC_PINS) {
            return s->redirection[(s->select - IOREDTBL) / 2] >> (s->select & 1 ? 32 : 0);
        }
        return 0;
    }
}

static void ioapic_write_entry(IoApic *s, int pin, bool high, uint32_t value)
{
    uint64_t old = s->redirection[pin], entry;
    entry = high ? (old & 0xffffffff) | (uint64_t)value << 32 : (old & ~0xffffffffull) | value;
    entry = (entry & ~(uint64_t)(RTE_READ_ONLY | RTE_RESERVED)) | (old & RTE_READ_ONLY);
    if (!(entry & RTE_LEVEL)) {
        entry &= ~(uint64_t)RTE_REMOTE_IRR;     /* how software clears a stuck one on versions without EOI register */
    }
    s->redirection[pin] = entry;
    if ((old ^ entry) & RTE_LEVEL) {
        uint32_t bit = 1u << pin;
        s->irr = entry & RTE_LEVEL ? (s->irr & ~bit) | (s->lines & bit) : s->irr & ~bit;
    }
    tell_entries(s, pin, 1);
    if (listen_hook && edge_is_lost(old) && !edge_is_lost(entry)) {
        listen_hook(listen_opaque, pin);
    }
    ioapic_service(s);
}

static uint64_t ioapic_read(void *opaque, uint64_t offset, unsigned size)
{
    IoApic *s = opaque;
    switch (offset & 0xff) {
    case IOREGSEL:
        return s->select;
    case IOWIN:
        return size == 4 ? ioapic_read_register(s) : 0;
    default:
        return 0;
    }
}

static void ioapic_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    IoApic *s = opaque;
    switch (offset & 0xff) {
    case IOREGSEL:
        s->select = value;
        break;
    case IOWIN:
        if (size != 4) {
            LOG(LOG_GUEST_ERROR, "ioapic: write of %u bytes to IOWIN\n", size);
        } else if (s->select == IOAPICID) {
            s->id = value >> 24 & 0x0f;
        } else if (s->select >= IOREDTBL && s->select < IOREDTBL + 2 * IOAPIC_PINS) {
            ioapic_write_entry(s, (s->select - IOREDTBL) / 2, s->select & 1, value);
        } else {
            LOG(LOG_GUEST_ERROR, "ioapic: write of 0x%" PRIx64 " to register 0x%x\n", value, s->select);
        }
        break;
    case IOEOI:
        if (s->version >= 0x20 && size == 4) {
            ioapic_eoi(s, value);
        }
        break;
    }
}

static const MemoryOps ioapic_ops = {
    .read = ioapic_read, .write = ioapic_write, .valid = { .min = 1, .max = 4 }, .impl = { .min = 1, .max = 4 },
};

static bool ioapic_realize(Device *dev, GError **err)
{
    IoApic *s = DEVICE(IoApic, dev);
    if (s->version != 0x11 && s->version != 0x20) {
        return error_set(err, "property 'version' of ioapic is 0x11 or 0x20, not 0x%x", s->version);
    }
    int i = 0;
    while (i < IOAPICS_MAX && ioapics[i]) {
        i++;
    }
    if (i == IOAPICS_MAX) {
        return error_set(err, "there are %d IO APICs already", IOAPICS_MAX);
    }
    ioapics[i] = s;
    memory_region_init_io(&s->mmio, &dev->object, &ioapic_ops, s, "ioapic", 0x1000);
    memory_region_add(system_memory(), s->base, &s->mmio);
    device_add_inputs(dev, "", ioapic_set_pin, IOAPIC_PINS);
    return true;
}

static void ioapic_unrealize(Device *dev)
{
    IoApic *s = DEVICE(IoApic, dev);
    for (int i = 0; i < IOAPICS_MAX; i++) {
        if (ioapics[i] == s) {
            ioapics[i] = NULL;
        }
    }
    memory_region_destroy(&s->mmio);
}

static void ioapic_reset(Device *dev, ResetKind kind)
{
    IoApic *s = DEVICE(IoApic, dev);
    s->id = s->select = 0;
    s->irr = 0;
    for (int i = 0; i < IOAPIC_PINS; i++) {
        s->redirection[i] = RTE_MASK;
    }
    tell_entries(s, 0, IOAPIC_PINS);
}

static bool ioapic_post_load(Device *dev, unsigned version, GError **err)
{
    IoApic *s = DEVICE(IoApic, dev);
    if ((s->irr | s->lines) >> IOAPIC_PINS) {
        return error_set(err, "pins above %d are set", IOAPIC_PINS - 1);
    }
    for (int i = 0; i < IOAPIC_PINS; i++) {
        s->redirection[i] &= ~RTE_RESERVED;
    }
    tell_entries(s, 0, IOAPIC_PINS);
    return true;
}

static void ioapic_print(Device *dev, GString *out)
{
    const IoApic *s = DEVICE(IoApic, dev);
    int index = 0;

    while (index < IOAPICS_MAX - 1 && ioapics[index] != s) {
        index++;
    }
    g_string_append_printf(out, "ioapic%d: ver=0x%x id=0x%02x sel=0x%02x\n", index, s->version, s->id, s->select);
    for (int pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t e = s->redirection[pin];
        g_string_append_printf(out, "  pin %-2d 0x%016" PRIx64 " dest=%u vec=%u %s%s%s%s%s\n", pin, e,
                               (unsigned)(e >> RTE_DEST_SHIFT), (unsigned)(e & RTE_VECTOR),
                               e & RTE_LEVEL ? "level" : "edge", e & RTE_POLARITY_LOW ? " active-lo" : " active-hi",
                               e & RTE_MASK ? " masked" : "", e & RTE_DEST_LOGICAL ? " logical" : " physical",
                               e & RTE_REMOTE_IRR ? " remote-irr" : "");
    }
    g_string_append_printf(out, "  IRR 0x%08x\n", s->irr);
}

static const uint64_t *ioapic_counts(Device *dev, unsigned *inputs)
{
    *inputs = IOAPIC_PINS;
    return DEVICE(IoApic, dev)->rises;
}

static const Property ioapic_properties[] = {
    PROP_UINT8("version", IoApic, version, 0x20, "version register: 0x11 or 0x20"),
    PROP_UINT64("base", IoApic, base, IOAPIC_BASE, "guest physical address"),
    { }
};

static const StateField ioapic_state[] = {
    STATE_U8(IoApic, id), STATE_U8(IoApic, select), STATE_U32(IoApic, irr), STATE_U32(IoApic, lines),
    STATE_U64_ARRAY(IoApic, redirection), { }
};

const DeviceType ioapic_type = {
    .name = "ioapic", .parent = &device_type.type, .size = sizeof(IoApic), .bus = &system_bus_type.type,
    .not_user_creatable = true, .description = "IO APIC", .properties = ioapic_properties, .state = ioapic_state,
    .realize = ioapic_realize, .unrealize = ioapic_unrealize, .reset = ioapic_reset, .post_load = ioapic_post_load,
    .print_pic = ioapic_print, .irq_counts = ioapic_counts,
};
TYPE_REGISTER(ioapic_type);

Device *ioapic_create(GuestAddr base, IrqLine *inputs[IOAPIC_PINS])
{
    Device *dev = device_new(&ioapic_type);
    object_set_int(&dev->object, "base", base);
    device_realize_onboard(dev, system_bus());
    for (int i = 0; i < IOAPIC_PINS; i++) {
        inputs[i] = device_input(dev, "", i);
    }
    return dev;
}
