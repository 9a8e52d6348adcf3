/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PC parallel port with a printer that takes every byte (isa-parallel).
 *
 *   guest: data, then STROBE in control -> the byte goes to the chardev; BUSY -> reading status walks through the
 *   printer's answer: nACK low once, then high again and ready
 *   STROBE ends while IRQ_EN: interrupt, until status is read or control written
 *
 * Registers: data, status, control at 0-2; 3-7 are not decoded by a port without EPP. Bits of status that are inverted
 * on the wire are so here: BUSY 1 is "not busy", ACK 1 is idle. Spec: IBM PC AT Technical Reference, "Printer adapter".
 */
#include "hw/char/parallel.h"

enum { LPT_DATA, LPT_STATUS, LPT_CONTROL, LPT_BYTES = 8, LPT_IRQ = 7 };
enum {
    STATUS_TIMEOUT = 1 << 0, STATUS_ERROR = 1 << 3, STATUS_SELECTED = 1 << 4, STATUS_ACK = 1 << 6, STATUS_BUSY = 1 << 7,
    STATUS_READY = STATUS_BUSY | STATUS_ACK | STATUS_SELECTED | STATUS_ERROR
};
enum {
    CONTROL_STROBE = 1 << 0, CONTROL_INIT = 1 << 2, CONTROL_SELECT = 1 << 3, CONTROL_IRQ_EN = 1 << 4,
    CONTROL_INPUT = 1 << 5, CONTROL_ONES = 0xc0
};

typedef struct Parallel {
    IsaDevice isa;
    MemoryRegion ports;
    CharFrontend chr;
    IrqLine *irq;
    uint32_t index, irq_number;
    /* Guest state */
    uint8_t data_out, data_in, status, control;
    bool irq_pending;
} Parallel;

static const uint16_t lpt_ports[PARALLEL_PORTS] = { 0x378, 0x278, 0x3bc };
static uint32_t used_ports;                     /* bit n: lpt_ports[n] is there */

static void irq_update(Parallel *s)
{
    irq_set(s->irq, s->irq_pending);
}

/* The printer's answer to a strobe, a step at each look: acknowledging, then idle. */
static uint8_t status_read(Parallel *s)
{
    uint8_t seen = s->status;

    s->irq_pending = false;
    if (!(s->status & STATUS_BUSY) && !(s->control & CONTROL_STROBE)) {
        s->status = s->status & STATUS_ACK ? s->status & ~STATUS_ACK : s->status | STATUS_ACK | STATUS_BUSY;
    }
    irq_update(s);
    return seen;
}

static void control_write(Parallel *s, uint8_t value)
{
    bool strobe = value & CONTROL_STROBE, strobed = s->control & CONTROL_STROBE;

    if (!(value & CONTROL_INIT)) {                      /* nINIT low resets the printer */
        s->status = STATUS_READY;
        s->irq_pending = false;
    } else if (value & CONTROL_SELECT) {
        if (strobe && !strobed) {
            chardev_write_all(&s->chr, &s->data_out, 1);
        }
        if (strobe) {
            s->status &= ~STATUS_BUSY;
        }
        s->irq_pending = !strobe && (s->control & CONTROL_IRQ_EN);
    } else {
        s->irq_pending = false;
    }
    s->control = value | CONTROL_ONES;
    irq_update(s);
}

static uint64_t parallel_read(void *opaque, uint64_t offset, unsigned size)
{
    Parallel *s = opaque;

    switch (offset) {
    case LPT_DATA: return s->control & CONTROL_INPUT ? s->data_in : s->data_out;
    case LPT_STATUS: return status_read(s);
    case LPT_CONTROL: return s->control;
    default: return 0xff;
    }
}

static void parallel_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Parallel *s = opaque;

    if (offset == LPT_DATA) {
        s->data_out = value;
    } else if (offset == LPT_CONTROL) {
        control_write(s, value);
    }
}

static const MemoryOps parallel_ops = {
    .read = parallel_read, .write = parallel_write, .valid = { 1, 4, .unaligned = true }, .impl = { 1, 1 },
};

static bool parallel_realize(Device *dev, GError **err)
{
    Parallel *s = DEVICE(Parallel, dev);
    unsigned free_index = 0;

    while (used_ports >> free_index & 1) {
        free_index++;
    }
    if (s->index == UINT32_MAX) {
        s->index = free_index;
    }
    if (s->index >= PARALLEL_PORTS) {
        return error_set(err, "property 'index' of isa-parallel is %u, not 0 to %d", s->index, PARALLEL_PORTS - 1);
    }
    if (s->isa.iobase == UINT32_MAX) {
        s->isa.iobase = lpt_ports[s->index];
    }
    if (s->isa.iobase > 0x10000 - LPT_BYTES) {
        return error_set(err, "property 'iobase' of isa-parallel is 0x%x, not 0 to 0xfff8", s->isa.iobase);
    }
    s->irq = isa_irq(&s->isa, s->irq_number, err);
    if (!s->irq) {
        return false;
    }
    used_ports |= 1u << s->index;
    memory_region_init_io(&s->ports, &dev->object, &parallel_ops, s, "parallel", LPT_BYTES);
    isa_register_ioport(&s->isa, &s->ports, s->isa.iobase);
    return true;
}

static void parallel_unrealize(Device *dev)
{
    Parallel *s = DEVICE(Parallel, dev);

    used_ports &= ~(1u << s->index);
    chardev_detach(&s->chr);
    memory_region_destroy(&s->ports);
}

static void parallel_reset(Device *dev, ResetKind kind)
{
    Parallel *s = DEVICE(Parallel, dev);

    s->data_out = s->data_in = 0xff;
    s->status = STATUS_READY | STATUS_TIMEOUT;
    s->control = CONTROL_SELECT | CONTROL_INIT | CONTROL_ONES;
    s->irq_pending = false;
    irq_update(s);
}

static bool parallel_post_load(Device *dev, unsigned version, GError **err)
{
    irq_update(DEVICE(Parallel, dev));
    return true;
}

static const Property parallel_properties[] = {
    PROP_UINT32("index", Parallel, index, UINT32_MAX, "number of the LPT port, from 0"),
    PROP_UINT32("iobase", Parallel, isa.iobase, UINT32_MAX, "first I/O port (default by index)"),
    PROP_UINT32("irq", Parallel, irq_number, LPT_IRQ, "ISA interrupt"),
    PROP_CHARDEV("chardev", Parallel, chr, "id of the character device that gets what is printed"),
    { }
};
static const StateField parallel_state[] = {
    STATE_U8(Parallel, data_out), STATE_U8(Parallel, data_in), STATE_U8(Parallel, status), STATE_U8(Parallel, control),
    STATE_BOOL(Parallel, irq_pending), { }
};

static const DeviceType isa_parallel_type = {
    .name = "isa-parallel", .parent = &isa_device_type.type, .size = sizeof(Parallel), .category = CATEGORY_INPUT,
    .description = "parallel port with a printer", .properties = parallel_properties, .state = parallel_state,
    .realize = parallel_realize, .unrealize = parallel_unrealize, .reset = parallel_reset,
        .post_load = parallel_post_load,
};
TYPE_REGISTER(isa_parallel_type);

Device *parallel_create_isa(IsaBus *bus, int index, Chardev *chr)
{
    GError *err = NULL;
    IsaDevice *dev = isa_new(&isa_parallel_type);

    object_set_int(OBJECT(dev), "index", index);
    if (chr && !chardev_attach(&DEVICE(Parallel, dev)->chr, chr, &err)) {
        error_fatal(err);
    }
    device_realize_onboard(&dev->device, &bus->bus);
    return &dev->device;
}

void parallel_create_ports(IsaBus *bus, Chardev *const chardevs[PARALLEL_PORTS])
{
    for (int i = 0; i < PARALLEL_PORTS; i++) {
        if (chardevs[i]) {
            parallel_create_isa(bus, i, chardevs[i]);
        }
    }
}

bool parallel_port_exists(uint16_t iobase)
{
    for (int i = 0; i < PARALLEL_PORTS; i++) {
        if (lpt_ports[i] == iobase && (used_ports >> i & 1)) {
            return true;
        }
    }
    return false;
}
