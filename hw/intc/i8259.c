/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8259A programmable interrupt controllers, master and slave.
 *
 * A device's line -> pic_set_line() latches it in IRR (edge or level by ELCR) -> pic_update() drives INT if an unmasked
 * request beats what is in service -> the CPU acknowledges by i8259_acknowledge(), which moves the request to ISR ->
 * EOI clears it. The slave's INT is the master's IR2.
 *
 * An edge stays latched when its line falls again. In IRR, bits of level-triggered inputs (ELCR) always equal `lines`.
 * The trigger mode in ICW1 and the cascade's wiring in ICW3 have no effect, as in the south bridges' cells.
 * Spec: Intel 8259A data sheet (order number 231468), "Programming the 8259A"; ELCR: 82371AB (PIIX4), section 4.2.1.7.
 */
#include "hw/intc/i8259.h"

enum {
    ICW1_IC4 = 0x01, ICW1_SNGL = 0x02, ICW1_LTIM = 0x08, ICW1_INIT = 0x10,
    ICW4_AEOI = 0x02, ICW4_SFNM = 0x10,
    OCW3 = 0x08, OCW3_RIS = 0x01, OCW3_RR = 0x02, OCW3_P = 0x04, OCW3_SMM = 0x20, OCW3_ESMM = 0x40,
    OCW2_EOI = 0x20, OCW2_SL = 0x40, OCW2_R = 0x80,
    CASCADE_IR = 2,
};

typedef struct I8259 {
    IsaDevice isa;
    MemoryRegion ports, elcr_port;
    IrqLine *intr;
    bool master;
    uint8_t elcr_mask;                          /* lines whose trigger mode software may choose */
    uint8_t irr, imr, isr, lines, elcr;
    uint8_t vector_base, lowest_priority;       /* IR after which priority 0 begins */
    uint8_t icw_step;                           /* next initialisation word expected at the odd port; 0: none */
    uint8_t icw1;
    uint64_t rises[8];                          /* of each input; for the monitor, not guest state */
    bool auto_eoi, rotate_on_auto_eoi, special_mask, special_fully_nested, read_isr, poll;
} I8259;

static I8259 *pair[2];                          /* master, slave; NULL until created */
static void (*listen_hook)(void *opaque, unsigned irq);
static void *listen_opaque;

/* The set bit of @mask with highest priority, or -1. */
static int pic_highest(const I8259 *s, uint8_t mask)
{
    for (int i = 1; mask && i <= 8; i++) {
        int ir = (s->lowest_priority + i) & 7;
        if (mask >> ir & 1) {
            return ir;
        }
    }
    return -1;
}

/* Priority of @ir, 0 the highest; 8 for none. */
static int pic_rank(const I8259 *s, int ir)
{
    return ir < 0 ? 8 : (ir - s->lowest_priority - 1) & 7;
}

/* The request that INT is raised for, or -1. */
static int pic_pending(const I8259 *s)
{
    uint8_t in_service = s->isr;
    if (s->special_mask) {
        in_service &= ~s->imr;
    }
    if (s->special_fully_nested && s->master) {
        in_service &= ~(1 << CASCADE_IR);
    }
    int request = pic_highest(s, s->irr & ~s->imr);
    return pic_rank(s, request) < pic_rank(s, pic_highest(s, in_service)) ? request : -1;
}

static void pic_update(I8259 *s)
{
    irq_set(s->intr, pic_pending(s) >= 0);
}

/* Sets IRR; sources of edges that were lost while their bits were set are told. */
static void pic_set_irr(I8259 *s, uint8_t irr)
{
    uint8_t cleared = s->irr & ~irr;
    s->irr = irr;
    for (int n = 0; cleared && listen_hook && n < 8; n++) {
        if (cleared >> n & 1) {
            listen_hook(listen_opaque, s->master ? n : 8 + n);
        }
    }
}

static void pic_set_line(void *opaque, int n, int level)
{
    I8259 *s = opaque;
    uint8_t bit = 1 << n;
    bool was = s->lines & bit;
    s->lines = level ? s->lines | bit : s->lines & ~bit;
    s->rises[n] += level && !was;
    if (s->elcr & bit) {
        s->irr = level ? s->irr | bit : s->irr & ~bit;
    } else if (level && !was) {
        s->irr |= bit;
    }
    pic_update(s);
}

static void pic_in_service(I8259 *s, int ir)
{
    uint8_t bit = 1 << ir;
    irq_lower(s->intr);                         /* with every acknowledge: a further request is a new edge */
    if (!s->auto_eoi) {
        s->isr |= bit;
    } else if (s->rotate_on_auto_eoi) {
        s->lowest_priority = ir;
    }
    if (!(s->elcr & bit)) {
        pic_set_irr(s, s->irr & ~bit);
    }
    pic_update(s);
}

int i8259_acknowledge(void *unused)
{
    I8259 *master = pair[0], *slave = pair[1];
    if (!master) {
        return 0;
    }
    int ir = pic_pending(master);
    if (ir < 0) {
        return master->vector_base + 7;         /* the request went away: spurious, not in service */
    }
    pic_in_service(master, ir);
    if (ir != CASCADE_IR) {
        return master->vector_base + ir;
    }
    ir = pic_pending(slave);
    if (ir < 0) {
        return slave->vector_base + 7;          /* spurious; the master has IR2 in service all the same */
    }
    pic_in_service(slave, ir);
    return slave->vector_base + ir;
}

bool i8259_edge_is_lost(unsigned irq)
{
    const I8259 *s = pair[irq / 8];
    return s && s->irr >> irq % 8 & 1;
}

void i8259_set_listen_hook(void (*fn)(void *opaque, unsigned irq), void *opaque)
{
    listen_hook = fn;
    listen_opaque = opaque;
}

static void pic_clear(I8259 *s)
{
    /* Levels of the lines outlive initialisation: they are the devices'. */
    pic_set_irr(s, s->lines & s->elcr);
    s->imr = s->isr = 0;
    s->lowest_priority = 7;
    s->auto_eoi = s->rotate_on_auto_eoi = s->special_mask = s->special_fully_nested = s->read_isr = s->poll = false;
    s->icw_step = 0;
}

static void pic_write_ocw2(I8259 *s, uint8_t value)
{
    int level = value & 7;
    switch (value & (OCW2_R | OCW2_SL | OCW2_EOI)) {
    case 0:
        s->rotate_on_auto_eoi = false;
        break;
    case OCW2_R:
        s->rotate_on_auto_eoi = true;
        break;
    case OCW2_EOI:
    case OCW2_R | OCW2_EOI:
        level = pic_highest(s, s->special_mask ? s->isr & ~s->imr : s->isr);
        if (level >= 0) {
            s->isr &= ~(1 << level);
            if (value & OCW2_R) {
                s->lowest_priority = level;
            }
        }
        break;
    case OCW2_SL | OCW2_EOI:
        s->isr &= ~(1 << level);
        break;
    case OCW2_R | OCW2_SL | OCW2_EOI:
        s->isr &= ~(1 << level);
        s->lowest_priority = level;
        break;
    case OCW2_R | OCW2_SL:
        s->lowest_priority = level;
        break;
    }
}

static void pic_write_command(I8259 *s, uint8_t value)
{
    if (value & ICW1_INIT) {
        pic_clear(s);
        s->icw1 = value;
        s->icw_step = 2;
    } else if (value & OCW3) {
        if (value & OCW3_P) {
            s->poll = true;
        }
        if (value & OCW3_RR) {
            s->read_isr = value & OCW3_RIS;
        }
        if (value & OCW3_ESMM) {
            s->special_mask = value & OCW3_SMM;
        }
    } else {
        pic_write_ocw2(s, value);
    }
    pic_update(s);
}

static void pic_write_data(I8259 *s, uint8_t value)
{
    switch (s->icw_step) {
    case 0:
        s->imr = value;
        break;
    case 2:
        s->vector_base = value & 0xf8;
        s->icw_step = s->icw1 & ICW1_SNGL ? (s->icw1 & ICW1_IC4 ? 4 : 0) : 3;
        break;
    case 3:                                     /* the cascade is wired; what software says of it does not matter */
        s->icw_step = s->icw1 & ICW1_IC4 ? 4 : 0;
        break;
    case 4:
        s->special_fully_nested = value & ICW4_SFNM;
        s->auto_eoi = value & ICW4_AEOI;
        s->icw_step = 0;
        break;
    }
    pic_update(s);
}

static void pic_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    if (offset == 0) {
        pic_write_command(opaque, value);
    } else {
        pic_write_data(opaque, value);
    }
}

static uint64_t pic_read(void *opaque, uint64_t offset, unsigned size)
{
    I8259 *s = opaque;
    if (s->poll) {
        s->poll = false;
        int ir = pic_pending(s);
        if (ir < 0) {
            return 0;
        }
        pic_in_service(s, ir);
        return 0x80 | ir;
    }
    return offset ? s->imr : s->read_isr ? s->isr : s->irr;
}

static const MemoryOps pic_ops = { .read = pic_read, .write = pic_write, .impl = { .min = 1, .max = 1 } };

static uint64_t elcr_read(void *opaque, uint64_t offset, unsigned size)
{
    return ((I8259 *)opaque)->elcr;
}

static void elcr_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8259 *s = opaque;
    s->elcr = value & s->elcr_mask;
    pic_set_irr(s, (s->irr & ~s->elcr) | (s->lines & s->elcr));
    pic_update(s);
}

static const MemoryOps elcr_ops = { .read = elcr_read, .write = elcr_write, .impl = { .min = 1, .max = 1 } };

static bool i8259_realize(Device *dev, GError **err)
{
    I8259 *s = DEVICE(I8259, dev);
    s->elcr_mask = s->master ? 0xf8 : 0xde;     /* IRQ 0, 1, 2, 8 and 13 are always edge-triggered */
    memory_region_init_io(&s->ports, &dev->object, &pic_ops, s, "pic", 2);
    memory_region_init_io(&s->elcr_port, &dev->object, &elcr_ops, s, "elcr", 1);
    isa_register_ioport(&s->isa, &s->ports, s->master ? 0x20 : 0xa0);
    isa_register_ioport(&s->isa, &s->elcr_port, s->master ? 0x4d0 : 0x4d1);
    device_add_inputs(dev, "", pic_set_line, 8);
    device_add_outputs(dev, "", &s->intr, 1);
    return true;
}

static void i8259_unrealize(Device *dev)
{
    I8259 *s = DEVICE(I8259, dev);
    for (int i = 0; i < 2; i++) {
        if (pair[i] == s) {
            pair[i] = NULL;
        }
    }
    memory_region_destroy(&s->ports);
    memory_region_destroy(&s->elcr_port);
}

static void i8259_reset(Device *dev, ResetKind kind)
{
    I8259 *s = DEVICE(I8259, dev);
    s->elcr = 0;
    s->vector_base = 0;
    pic_clear(s);
    pic_update(s);
}

static void i8259_print(Device *dev, GString *out)
{
    const I8259 *s = DEVICE(I8259, dev);
    g_string_append_printf(out, "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x fnm=%d\n",
                           !s->master, s->irr, s->imr, s->isr, (s->lowest_priority + 1) & 7, s->vector_base, s->read_isr,
                           s->elcr, s->special_fully_nested);
}

static const uint64_t *i8259_counts(Device *dev, unsigned *inputs)
{
    *inputs = 8;
    return DEVICE(I8259, dev)->rises;
}

static const Property i8259_properties[] = {
    PROP_BOOL("master", I8259, master, false, "the one that the CPU is wired to"),
    { }
};

static const StateField i8259_state[] = {
    STATE_U8(I8259, irr), STATE_U8(I8259, imr), STATE_U8(I8259, isr), STATE_U8(I8259, lines), STATE_U8(I8259, elcr),
    STATE_U8(I8259, vector_base), STATE_U8(I8259, lowest_priority), STATE_U8(I8259, icw_step), STATE_U8(I8259, icw1),
    STATE_BOOL(I8259, auto_eoi), STATE_BOOL(I8259, rotate_on_auto_eoi), STATE_BOOL(I8259, special_mask),
    STATE_BOOL(I8259, special_fully_nested), STATE_BOOL(I8259, read_isr), STATE_BOOL(I8259, poll), { }
};

static bool i8259_post_load(Device *dev, unsigned version, GError **err)
{
    I8259 *s = DEVICE(I8259, dev);
    if (s->lowest_priority > 7 || s->icw_step == 1 || s->icw_step > 4) {
        return error_set(err, "priority %u or initialisation step %u is out of range", s->lowest_priority,
                         s->icw_step);
    }
    s->elcr &= s->elcr_mask;
    s->vector_base &= 0xf8;
    s->irr = (s->irr & ~s->elcr) | (s->lines & s->elcr);
    pic_update(s);
    return true;
}

static const DeviceType i8259_type = {
    .name = "isa-i8259", .parent = &isa_device_type.type, .size = sizeof(I8259), .not_user_creatable = true,
    .description = "8259A interrupt controller", .properties = i8259_properties, .state = i8259_state,
    .realize = i8259_realize, .unrealize = i8259_unrealize, .reset = i8259_reset, .post_load = i8259_post_load,
    .print_pic = i8259_print, .irq_counts = i8259_counts,
};
TYPE_REGISTER(i8259_type);

void i8259_create_pair(IsaBus *bus, IrqLine *intr, IrqLine *inputs[ISA_IRQS])
{
    for (int i = 0; i < 2; i++) {
        IsaDevice *dev = isa_new(&i8259_type);
        object_set_bool(OBJECT(dev), "master", i == 0);
        device_realize_onboard(&dev->device, &bus->bus);
        pair[i] = DEVICE(I8259, dev);
        for (int n = 0; n < 8; n++) {
            inputs[i * 8 + n] = device_input(&dev->device, "", n);
        }
    }
    device_connect(&pair[0]->isa.device, "", 0, intr);
    device_connect(&pair[1]->isa.device, "", 0, inputs[CASCADE_IR]);
    inputs[CASCADE_IR] = NULL;
}
