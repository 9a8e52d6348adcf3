/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A UART with 16-byte FIFOs, on ISA.
 *
 * Guest writes THR -> transmit FIFO -> chardev_write(), retried by a watch when the host end is busy; THRE comes back
 * at once, since the host takes bytes faster than any line. Host bytes -> serial_receive() -> receive FIFO -> interrupt
 * at the trigger level, or by the character timeout (four characters' time, worked out from the divisor), for which a
 * timer is armed only while that interrupt is enabled.
 *
 * In 16450 mode (FIFOs off) the receive FIFO holds one byte, the newest. The modem lines say that somebody is there.
 * Spec: PC16550D data sheet, section 8 (registers).
 */
#include "hw/char/serial.h"

#include "core/vm.h"

enum { REG_RBR_THR = 0, REG_IER = 1, REG_IIR_FCR = 2, REG_LCR = 3, REG_MCR = 4, REG_LSR = 5, REG_MSR = 6, REG_SCR = 7 };
enum { IER_RDI = 0x01, IER_THRI = 0x02, IER_RLSI = 0x04, IER_MSI = 0x08 };
enum {
    IIR_NONE = 0x01, IIR_MSI = 0x00, IIR_THRI = 0x02, IIR_RDI = 0x04, IIR_RLSI = 0x06, IIR_TIMEOUT = 0x0c,
    IIR_FIFOS = 0xc0
};
enum { FCR_ENABLE = 0x01, FCR_CLEAR_RX = 0x02, FCR_CLEAR_TX = 0x04, FCR_KEPT = 0xc9 };
enum { LCR_STOP2 = 0x04, LCR_PARITY = 0x08, LCR_EVEN = 0x10, LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT1 = 0x04, MCR_OUT2 = 0x08, MCR_LOOP = 0x10 };
enum {
    LSR_DR = 0x01, LSR_OE = 0x02, LSR_PE = 0x04, LSR_FE = 0x08, LSR_BI = 0x10, LSR_THRE = 0x20, LSR_TEMT = 0x40,
    LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI
};
enum { MSR_DELTAS = 0x0f, MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };
#define FIFO_LEN 16

typedef struct Fifo { uint8_t data[FIFO_LEN]; uint8_t head, count; } Fifo;

typedef struct Serial {
    IsaDevice isa;
    MemoryRegion ports;
    IrqLine *irq;
    CharFrontend chr;
    uint32_t index, irq_number, baudbase;       /* baudbase: baud rate at divisor 1 */
    bool wakeup;
    uint16_t divisor;
    uint8_t ier, fcr, lcr, mcr, lsr, msr, scr;
    bool thr_pending;                           /* THRE interrupt not yet acknowledged */
    bool timeout_pending;                       /* receive FIFO has waited for the timeout */
    bool watching;                              /* host-only: the chardev will call when it takes bytes */
    Fifo rx, tx;
    Timer timeout;
} Serial;

static const struct { uint16_t port; uint8_t irq; } com_ports[] = {
    { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 },
};

static void fifo_push(Fifo *f, uint8_t byte)
{
    f->data[(f->head + f->count++) % FIFO_LEN] = byte;
}

static uint8_t fifo_pop(Fifo *f)
{
    uint8_t byte = f->data[f->head];
    f->head = (f->head + 1) % FIFO_LEN;
    f->count--;
    return byte;
}

static unsigned rx_capacity(const Serial *s)
{
    return s->fcr & FCR_ENABLE ? FIFO_LEN : 1;
}

static unsigned rx_trigger(const Serial *s)
{
    static const uint8_t levels[] = { 1, 4, 8, 14 };
    return s->fcr & FCR_ENABLE ? levels[s->fcr >> 6] : 1;
}

static int64_t char_time_ns(const Serial *s)
{
    unsigned bits = 1 + 5 + (s->lcr & 3) + !!(s->lcr & LCR_PARITY) + 1 + !!(s->lcr & LCR_STOP2);
    return bits * NS_PER_S * MAX(s->divisor, 1) / s->baudbase;
}

/* The pending interrupt of highest priority, as IIR shows it. */
static uint8_t serial_iir(const Serial *s)
{
    if ((s->ier & IER_RLSI) && (s->lsr & LSR_ERRORS)) {
        return IIR_RLSI;
    }
    if ((s->ier & IER_RDI) && s->timeout_pending) {
        return IIR_TIMEOUT;
    }
    if ((s->ier & IER_RDI) && s->rx.count >= rx_trigger(s)) {
        return IIR_RDI;
    }
    if ((s->ier & IER_THRI) && s->thr_pending) {
        return IIR_THRI;
    }
    if ((s->ier & IER_MSI) && (s->msr & MSR_DELTAS)) {
        return IIR_MSI;
    }
    return IIR_NONE;
}

static void serial_update(Serial *s)
{
    irq_set(s->irq, serial_iir(s) != IIR_NONE);
}

/* After a byte came or went, and when the interrupt is enabled: the timeout counts from now. */
static void restart_timeout(Serial *s)
{
    if ((s->fcr & FCR_ENABLE) && (s->ier & IER_RDI) && s->rx.count) {
        timer_arm_ns(&s->timeout, clock_ns(CLOCK_VIRTUAL) + 4 * char_time_ns(s));
    } else {
        timer_stop(&s->timeout);
    }
}

static void serial_push_rx(Serial *s, uint8_t byte)
{
    if (s->rx.count >= rx_capacity(s)) {
        s->lsr |= LSR_OE;
        if (s->fcr & FCR_ENABLE) {
            return;                             /* the newest is lost; in 16450 mode the old one */
        }
        s->rx.count = 0;
    }
    fifo_push(&s->rx, byte);
    s->lsr |= LSR_DR;
    restart_timeout(s);
}

static void serial_timeout(void *opaque)
{
    Serial *s = opaque;
    if (s->rx.count) {
        s->timeout_pending = true;
        serial_update(s);
    }
}

static void serial_transmit(void *opaque);

static void serial_writable(void *opaque)
{
    ((Serial *)opaque)->watching = false;
    serial_transmit(opaque);
}

static void serial_watch(Serial *s)
{
    s->watching = true;
    chardev_add_watch(&s->chr, serial_writable, s);
}

static void serial_transmit(void *opaque)
{
    Serial *s = opaque;
    while (s->tx.count) {
        if (s->mcr & MCR_LOOP) {
            serial_push_rx(s, fifo_pop(&s->tx));
            continue;
        }
        uint8_t byte = s->tx.data[s->tx.head];
        if (chardev_write(&s->chr, &byte, 1) < 1 && s->chr.chr) {
            if (!s->watching) {
                serial_watch(s);
            }
            break;
        }
        fifo_pop(&s->tx);
    }
    if (!s->tx.count) {
        if (!(s->lsr & LSR_THRE)) {
            s->thr_pending = true;
        }
        s->lsr |= LSR_THRE | LSR_TEMT;
    }
    serial_update(s);
}

static void serial_write_thr(Serial *s, uint8_t value)
{
    s->thr_pending = false;
    s->lsr &= ~(LSR_THRE | LSR_TEMT);
    if (s->tx.count == FIFO_LEN || (!(s->fcr & FCR_ENABLE) && s->tx.count)) {
        s->tx.count--;                          /* a guest that does not look at THRE overwrites the last byte */
    }
    fifo_push(&s->tx, value);
    serial_transmit(s);
}

static void serial_send_params(Serial *s)
{
    chardev_set_serial_params(&s->chr, &(SerialParams){
        .speed = s->baudbase / MAX(s->divisor, 1), .data_bits = 5 + (s->lcr & 3),
        .stop_bits = s->lcr & LCR_STOP2 ? 2 : 1, .parity = !(s->lcr & LCR_PARITY) ? 'N' : s->lcr & LCR_EVEN ? 'E' : 'O',
    });
}

static void serial_write_fcr(Serial *s, uint8_t value)
{
    if ((value ^ s->fcr) & FCR_ENABLE) {
        value |= FCR_CLEAR_RX | FCR_CLEAR_TX;
    }
    if (value & FCR_CLEAR_RX) {
        s->rx.count = 0;
        s->lsr &= ~(LSR_DR | LSR_BI);
        s->timeout_pending = false;
        timer_stop(&s->timeout);
    }
    if (value & FCR_CLEAR_TX) {
        s->tx.count = 0;
        s->lsr |= LSR_THRE | LSR_TEMT;
        s->thr_pending = true;
    }
    s->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
    chardev_accept_input(&s->chr);
}

/* Modem inputs: outputs looped back, or a line that is always ready while something is connected. */
static uint8_t modem_inputs(const Serial *s)
{
    if (s->mcr & MCR_LOOP) {
        return (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) | (s->mcr & MCR_OUT1 ? MSR_RI : 0) |
               (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
    }
    return MSR_CTS | MSR_DSR | MSR_DCD;
}

static void serial_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Serial *s = opaque;
    uint8_t old;
    switch (offset) {
    case REG_RBR_THR:
        if (s->lcr & LCR_DLAB) {
            s->divisor = (s->divisor & 0xff00) | value;
            serial_send_params(s);
        } else {
            serial_write_thr(s, value);
        }
        return;
    case REG_IER:
        if (s->lcr & LCR_DLAB) {
            s->divisor = (s->divisor & 0xff) | value << 8;
            serial_send_params(s);
            return;
        }
        old = s->ier;
        s->ier = value & 0x0f;
        if ((s->ier & ~old & IER_THRI) && (s->lsr & LSR_THRE)) {
            s->thr_pending = true;              /* enabling it with THR empty interrupts at once */
        }
        if ((s->ier ^ old) & IER_RDI) {
            restart_timeout(s);
        }
        break;
    case REG_IIR_FCR:
        serial_write_fcr(s, value);
        break;
    case REG_LCR:
        old = s->lcr;
        s->lcr = value;
        if ((value & ~old & LCR_BREAK)) {
            chardev_send_break(&s->chr);
        }
        if ((value ^ old) & 0x3f) {
            serial_send_params(s);
        }
        break;
    case REG_MCR:
        s->mcr = value & 0x1f;
        old = s->msr;
        s->msr = modem_inputs(s) | (old & MSR_DELTAS);
        if (s->mcr & MCR_LOOP) {
            uint8_t changed = (old ^ s->msr) >> 4;
            s->msr |= (changed & 0x0b) | (old & ~s->msr & MSR_RI ? 0x04 : 0);   /* RI counts its trailing edge only */
        } else {
            chardev_accept_input(&s->chr);
        }
        break;
    case REG_SCR:
        s->scr = value;
        return;
    default:                                    /* LSR and MSR: factory test */
        return;
    }
    serial_update(s);
}

static uint64_t serial_read_rbr(Serial *s)
{
    if (!s->rx.count) {                         /* a 16450's register still holds the last byte */
        return s->fcr & FCR_ENABLE ? 0 : s->rx.data[(s->rx.head + FIFO_LEN - 1) % FIFO_LEN];
    }
    uint8_t byte = fifo_pop(&s->rx);
    s->timeout_pending = false;
    restart_timeout(s);
    if (!s->rx.count) {
        s->lsr &= ~(LSR_DR | LSR_BI);
    }
    serial_update(s);
    if (!(s->mcr & MCR_LOOP)) {
        chardev_accept_input(&s->chr);
    }
    return byte;
}

static uint64_t serial_read(void *opaque, uint64_t offset, unsigned size)
{
    Serial *s = opaque;
    uint8_t value;
    switch (offset) {
    case REG_RBR_THR:
        return s->lcr & LCR_DLAB ? s->divisor & 0xff : serial_read_rbr(s);
    case REG_IER:
        return s->lcr & LCR_DLAB ? s->divisor >> 8 : s->ier;
    case REG_IIR_FCR:
        value = serial_iir(s);
        if (value == IIR_THRI) {
            s->thr_pending = false;
            serial_update(s);
        }
        return value | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
    case REG_LCR:
        return s->lcr;
    case REG_MCR:
        return s->mcr;
    case REG_LSR:
        value = s->lsr;
        s->lsr &= ~LSR_ERRORS;
        serial_update(s);
        return value;
    case REG_MSR:
        value = s->msr;
        s->msr &= ~MSR_DELTAS;
        serial_update(s);
        return value;
    default:
        return s->scr;
    }
}

static const MemoryOps serial_ops = { .read = serial_read, .write = serial_write, .impl = { .min = 1, .max = 1 } };

static int serial_can_receive(void *opaque)
{
    const Serial *s = opaque;
    return s->mcr & MCR_LOOP ? 0 : rx_capacity(s) - MIN(s->rx.count, rx_capacity(s));
}

static void serial_receive(void *opaque, const uint8_t *buf, int len)
{
    Serial *s = opaque;
    if (s->wakeup) {
        vm_request_wakeup(WAKEUP_OTHER);
    }
    for (int i = 0; i < len; i++) {
        serial_push_rx(s, buf[i]);
    }
    serial_update(s);
}

static void serial_event(void *opaque, ChardevEvent event)
{
    Serial *s = opaque;
    if (event == CHARDEV_BREAK) {
        serial_push_rx(s, 0);
        s->lsr |= LSR_BI;
        serial_update(s);
    }
}

static bool serial_realize(Device *dev, GError **err)
{
    Serial *s = DEVICE(Serial, dev);
    static unsigned next_index;
    if (s->index == UINT32_MAX) {
        s->index = next_index;
    }
    if (s->index >= G_N_ELEMENTS(com_ports)) {
        return error_set(err, "property 'index' of isa-serial is %u, not 0 to %zu", s->index,
                         G_N_ELEMENTS(com_ports) - 1);
    }
    next_index = MAX(next_index, s->index + 1);
    if (s->isa.iobase == UINT32_MAX) {
        s->isa.iobase = com_ports[s->index].port;
    }
    if (s->irq_number == UINT32_MAX) {
        s->irq_number = com_ports[s->index].irq;
    }
    s->irq = isa_irq(&s->isa, s->irq_number, err);
    if (!s->irq) {
        return false;
    }
    memory_region_init_io(&s->ports, &dev->object, &serial_ops, s, "serial", 8);
    isa_register_ioport(&s->isa, &s->ports, s->isa.iobase);
    chardev_set_handlers(&s->chr, serial_can_receive, serial_receive, serial_event, s);
    return true;
}

static void serial_unrealize(Device *dev)
{
    chardev_detach(&DEVICE(Serial, dev)->chr);
    memory_region_destroy(&DEVICE(Serial, dev)->ports);
}

static void serial_reset(Device *dev, ResetKind kind)
{
    Serial *s = DEVICE(Serial, dev);
    s->ier = s->fcr = s->lcr = s->scr = 0;
    s->mcr = MCR_OUT2;
    s->lsr = LSR_THRE | LSR_TEMT;
    s->msr = MSR_CTS | MSR_DSR | MSR_DCD;
    s->divisor = 12;                            /* 9600 baud */
    s->thr_pending = s->timeout_pending = false;
    s->rx = s->tx = (Fifo){ 0 };
    irq_lower(s->irq);
    chardev_accept_input(&s->chr);              /* there is room again */
}

static bool serial_post_load(Device *dev, unsigned version, GError **err)
{
    Serial *s = DEVICE(Serial, dev);
    if (s->rx.count > FIFO_LEN || s->tx.count > FIFO_LEN || s->rx.head >= FIFO_LEN || s->tx.head >= FIFO_LEN) {
        return error_set(err, "FIFO positions %u+%u, %u+%u are out of range", s->rx.head, s->rx.count, s->tx.head,
                         s->tx.count);
    }
    if (s->tx.count && !s->watching) {
        serial_watch(s);
    }
    return true;
}

static const Property serial_properties[] = {
    PROP_UINT32("index", Serial, index, UINT32_MAX, "number of the COM port, from 0"),
    PROP_UINT32("iobase", Serial, isa.iobase, UINT32_MAX, "first I/O port (default by index)"),
    PROP_UINT32("irq", Serial, irq_number, UINT32_MAX, "ISA interrupt (default by index)"),
    PROP_UINT32("baudbase", Serial, baudbase, 115200, "baud rate at divisor 1", .min = 1, .max = UINT32_MAX),
    PROP_BOOL("wakeup", Serial, wakeup, false, "a byte received ends a suspend"),
    PROP_CHARDEV("chardev", Serial, chr, "id of the character device"),
    { }
};

static const StateField fifo_state[] = {
    STATE_U8_ARRAY(Fifo, data), STATE_U8(Fifo, head), STATE_U8(Fifo, count), { }
};
static const StateField serial_state[] = {
    STATE_U16(Serial, divisor), STATE_U8(Serial, ier), STATE_U8(Serial, fcr), STATE_U8(Serial, lcr), STATE_U8(Serial, mcr),
    STATE_U8(Serial, lsr), STATE_U8(Serial, msr), STATE_U8(Serial, scr), STATE_BOOL(Serial, thr_pending),
    STATE_BOOL(Serial, timeout_pending), STATE_STRUCT(Serial, rx, Fifo, fifo_state),
    STATE_STRUCT(Serial, tx, Fifo, fifo_state), STATE_TIMER(Serial, timeout), { }
};

static const DeviceType isa_serial_type = {
    .name = "isa-serial", .parent = &isa_device_type.type, .size = sizeof(Serial), .category = CATEGORY_INPUT,
    .description = "16550A serial port", .properties = serial_properties, .state = serial_state,
    .timers = TIMERS(TIMER(Serial, timeout, CLOCK_VIRTUAL, serial_timeout)),
    .realize = serial_realize, .unrealize = serial_unrealize, .reset = serial_reset, .post_load = serial_post_load,
};
TYPE_REGISTER(isa_serial_type);

Device *serial_create_isa(IsaBus *bus, int index, Chardev *chr)
{
    GError *err = NULL;
    IsaDevice *dev = isa_new(&isa_serial_type);
    object_set_int(OBJECT(dev), "index", index);
    if (chr && !chardev_attach(&DEVICE(Serial, dev)->chr, chr, &err)) {
        error_fatal(err);
    }
    device_realize_onboard(&dev->device, &bus->bus);
    return &dev->device;
}

void serial_create_ports(IsaBus *bus, Chardev *const serials[4])
{
    for (int i = 0; i < 4; i++) {
        if (serials[i]) {
            serial_create_isa(bus, i, serials[i]);
        }
    }
}
