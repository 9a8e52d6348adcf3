/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ATA channel: command block and control registers, the selected device, soft reset, INTRQ.
 *
 * A write to the command block reaches both units, each of which has its own registers; a read is answered by the
 * selected one. While the selected device is busy or wants data moved, only its command byte is looked at (and then
 * refused). A place without a device keeps registers but answers 0 for STATUS and ERROR; a channel without any, for
 * all. ATA/ATAPI-7 V2, 5.2 and 9.1 (software reset).
 */
#include "core/log.h"
#include "hw/ide/ide.h"

TRACE_EVENT(ide_read, "%s reg %u = 0x%02x");
TRACE_EVENT(ide_write, "%s reg %u = 0x%02x");
TRACE_EVENT(ide_command, "%s unit %u command 0x%02x (%s)");

static bool nobody(const IdeBus *bus) { return !bus->units[0] && !bus->units[1]; }

/* ---- INTRQ ---- */

static void update_irq(IdeBus *bus)
{
    bus->transport->set_irq(bus, bus->intrq && !(bus->control & CONTROL_NIEN));
}

void ide_raise_irq(IdeDevice *dev)
{
    IdeBus *bus = ide_bus_of(dev);

    bus->intrq = true;
    update_irq(bus);
}

static void lower_irq(IdeBus *bus)
{
    if (bus->intrq) {
        bus->intrq = false;
        update_irq(bus);
    }
}

/* ---- commands ---- */

void ide_set_signature(IdeBus *bus, unsigned unit)
{
    const IdeDevice *dev = bus->units[unit];
    IdeRegs *r = &bus->regs[unit];

    r->device &= ~DEVICE_HEAD;
    r->count = r->lba_low = 1;
    r->lba_mid = dev ? ide_type_of(dev)->signature_mid : 0xff;
    r->lba_high = dev ? ide_type_of(dev)->signature_high : 0xff;
}

static void run_command(IdeBus *bus, uint8_t code)
{
    IdeDevice *dev = bus->units[bus->unit];
    IdeRegs *r = &bus->regs[bus->unit];
    const IdeCommand *cmd;

    if (!dev) {
        return;
    }
    cmd = &ide_type_of(dev)->commands[code];
    trace(ide_command, bus->bus.name, bus->unit, code, cmd->name ? cmd->name : "unknown");
    if (r->status & (STATUS_BSY | STATUS_DRQ) && !cmd->any_time) {
        LOG(LOG_GUEST_ERROR, "ide: command 0x%02x while another is in progress\n", code);
        return;
    }
    r->status = STATUS_DRDY | STATUS_BSY;
    r->error = 0;
    dev->lba48 = dev->dma = false;
    if (!cmd->run) {
        ide_abort(dev);
        ide_raise_irq(dev);
        return;
    }
    if (cmd->run(dev, code)) {
        r->status &= ~STATUS_BSY;
        if (cmd->sets_dsc && !r->error) {
            r->status |= STATUS_DSC;
        }
        ide_raise_irq(dev);
    }
}

/* ---- resets ---- */

static void reset_unit(IdeBus *bus, unsigned unit, bool soft)
{
    const IdeDevice *dev = bus->units[unit];
    IdeRegs *r = &bus->regs[unit];

    *r = (IdeRegs){ .device = DEVICE_OBSOLETE };
    ide_set_signature(bus, unit);
    if (dev) {
        r->status =
            dev->request ? STATUS_BSY : soft ? ide_type_of(dev)->soft_reset_status : ide_type_of(dev)->reset_status;
    }
}

void ide_given_up_done(IdeDevice *dev)
{
    IdeBus *bus = ide_bus_of(dev);
    bool in_reset = bus->control & CONTROL_SRST;

    ide_regs(dev)->status = in_reset ? STATUS_BSY : ide_type_of(dev)->soft_reset_status;
    if (bus->transport->idle) {
        bus->transport->idle(bus);
    }
}

void ide_write_control(IdeBus *bus, uint8_t value)
{
    uint8_t changed = bus->control ^ value;

    bus->control = value;
    if (changed & value & CONTROL_SRST) {
        bus->transport->dma_cancel(bus);
        for (unsigned i = 0; i < IDE_UNITS; i++) {
            if (bus->units[i]) {
                ide_give_up(bus->units[i]);
                bus->regs[i].status = STATUS_BSY;
                bus->regs[i].error = 1;         /* diagnostic code: passed */
            }
        }
    } else if (changed & CONTROL_SRST) {
        for (unsigned i = 0; i < IDE_UNITS; i++) {
            reset_unit(bus, i, true);
            bus->regs[i].error = bus->units[i] ? 1 : 0;
        }
        bus->unit = 0;
        bus->intrq = false;
    }
    update_irq(bus);
}

static void bus_was_reset(Bus *b, ResetKind kind)
{
    IdeBus *bus = IDE_BUS(b);

    bus->transport->dma_cancel(bus);
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        if (bus->units[i]) {
            ide_cancel(bus->units[i]);
        }
        reset_unit(bus, i, false);
    }
    bus->unit = 0;
    bus->control = 0;
    bus->intrq = false;
    update_irq(bus);
}

/* ---- registers ---- */

uint8_t ide_read_register(IdeBus *bus, unsigned reg)
{
    const IdeRegs *r = &bus->regs[bus->unit];
    bool hob = bus->control & CONTROL_HOB, there = bus->units[bus->unit];
    uint8_t value = 0;

    if (!nobody(bus)) {
        switch (reg) {
        case ATA_ERROR:
            value = !there ? 0 : hob ? r->hob.features : r->error;
            break;
        case ATA_COUNT:
            value = hob ? r->hob.count : r->count;
            break;
        case ATA_LBA_LOW:
            value = hob ? r->hob.lba_low : r->lba_low;
            break;
        case ATA_LBA_MID:
            value = hob ? r->hob.lba_mid : r->lba_mid;
            break;
        case ATA_LBA_HIGH:
            value = hob ? r->hob.lba_high : r->lba_high;
            break;
        case ATA_DEVICE:
            value = r->device;
            break;
        case ATA_STATUS:
            value = there ? r->status : 0;
            lower_irq(bus);
            break;
        }
    }
    trace(ide_read, bus->bus.name, reg, value);
    return value;
}

/* One register of one unit; what was there becomes the high half of a 48-bit value. */
static void write_unit(IdeRegs *r, unsigned reg, uint8_t value)
{
    switch (reg) {
    case ATA_FEATURES:
        r->hob.features = r->features;
        r->features = value;
        break;
    case ATA_COUNT:
        r->hob.count = r->count;
        r->count = value;
        break;
    case ATA_LBA_LOW:
        r->hob.lba_low = r->lba_low;
        r->lba_low = value;
        break;
    case ATA_LBA_MID:
        r->hob.lba_mid = r->lba_mid;
        r->lba_mid = value;
        break;
    case ATA_LBA_HIGH:
        r->hob.lba_high = r->lba_high;
        r->lba_high = value;
        break;
    case ATA_DEVICE:
        r->device = value | DEVICE_OBSOLETE;
        break;
    }
}

void ide_write_register(IdeBus *bus, unsigned reg, uint8_t value)
{
    trace(ide_write, bus->bus.name, reg, value);
    if (bus->control & CONTROL_SRST) {
        return;
    }
    bus->control &= ~CONTROL_HOB;
    if (reg == ATA_COMMAND) {
        lower_irq(bus);
        run_command(bus, value);
        return;
    }
    if (reg == ATA_DATA || (bus->units[bus->unit] && bus->regs[bus->unit].status & (STATUS_BSY | STATUS_DRQ))) {
        return;
    }
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        write_unit(&bus->regs[i], reg, value);
    }
    if (reg == ATA_DEVICE) {
        bus->unit = value & DEVICE_DEV ? 1 : 0;
    }
}

/* The data port is 16 or 32 bits wide, and a byte access moves a word; everywhere else, bytes. */
static uint64_t command_read(void *opaque, uint64_t offset, unsigned size)
{
    IdeBus *bus = opaque;
    IdeDevice *dev = bus->units[bus->unit];
    uint64_t value = 0;

    if (offset == ATA_DATA) {
        return dev ? ide_data_read(dev, MAX(size, 2)) : 0;
    }
    for (unsigned i = 0; i < size && offset + i <= ATA_STATUS; i++) {
        value |= (uint64_t)ide_read_register(bus, offset + i) << 8 * i;
    }
    return value;
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    IdeBus *bus = opaque;
    IdeDevice *dev = bus->units[bus->unit];

    if (offset == ATA_DATA) {
        if (dev) {
            ide_data_write(dev, value, MAX(size, 2));
        }
        return;
    }
    for (unsigned i = 0; i < size && offset + i <= ATA_COMMAND; i++) {
        ide_write_register(bus, offset + i, value >> 8 * i);
    }
}

const MemoryOps ide_command_ops = {
    .read = command_read, .write = command_write, .valid = { 1, 4, true }, .impl = { 1, 4, true },
};

static uint64_t control_read(void *opaque, uint64_t offset, unsigned size)
{
    IdeBus *bus = opaque;

    return bus->units[bus->unit] ? bus->regs[bus->unit].status : 0;
}

static void control_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    ide_write_control(opaque, value);
}

const MemoryOps ide_control_ops = { .read = control_read, .write = control_write, .valid = { 1, 1 }, .impl = { 1, 1 } };

/* ---- the bus as a place for devices ---- */

static bool bus_attach(Bus *b, Device *d, GError **err)
{
    IdeBus *bus = IDE_BUS(b);
    IdeDevice *dev = IDE_DEVICE(d);

    if (dev->unit == UINT32_MAX) {
        for (dev->unit = 0; dev->unit < bus->max_units && bus->units[dev->unit];) {
            dev->unit++;
        }
    }
    if (dev->unit >= bus->max_units) {
        return error_set(err, "Can't create IDE unit %u, bus '%s' supports only %u units", dev->unit, b->name,
                         bus->max_units);
    }
    if (bus->units[dev->unit]) {
        return error_set(err, "IDE unit %u of bus '%s' is in use", dev->unit, b->name);
    }
    bus->units[dev->unit] = dev;
    reset_unit(bus, dev->unit, false);
    return true;
}

static void bus_detach(Bus *b, Device *d)
{
    IdeBus *bus = IDE_BUS(b);
    IdeDevice *dev = IDE_DEVICE(d);

    bus->units[dev->unit] = NULL;
    reset_unit(bus, dev->unit, false);
}

/* "/pci@i0cf8/ide@1,1/drive@0"; the device adds "/disk@UNIT". */
static char *bus_device_path(Device *d)
{
    Device *owner = d->bus->owner;
    const BusType *above = owner->bus ? (const BusType *)owner->bus->object.type : NULL;
    g_autofree char *parent = above && above->device_path ? above->device_path(owner) : g_strdup("");

    return g_strdup_printf("%s/drive@%x", parent, IDE_BUS(d->bus)->number);
}

const BusType ide_bus_type = {
    .name = "IDE", .parent = &bus_type.type, .size = sizeof(IdeBus), .max_devices = IDE_UNITS, .attach = bus_attach,
    .detach = bus_detach, .device_path = bus_device_path, .reset = bus_was_reset,
};
TYPE_REGISTER(ide_bus_type);

void ide_bus_init(IdeBus *bus, Device *owner, const char *name, unsigned number, unsigned units,
                  const IdeTransport *transport)
{
    bus_init(&bus->bus, &ide_bus_type, owner, name);
    bus->number = number;
    bus->max_units = units;
    bus->first_serial = 1 + number * IDE_UNITS;
    bus->transport = transport;
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        reset_unit(bus, i, false);
    }
}

static const StateField regs_state[] = {
    STATE_U8(IdeRegs, error), STATE_U8(IdeRegs, features), STATE_U8(IdeRegs, device), STATE_U8(IdeRegs, status),
    STATE_U8(IdeRegs, count), STATE_U8(IdeRegs, lba_low), STATE_U8(IdeRegs, lba_mid), STATE_U8(IdeRegs, lba_high),
    STATE_U8(IdeRegs, hob.features), STATE_U8(IdeRegs, hob.count), STATE_U8(IdeRegs, hob.lba_low),
    STATE_U8(IdeRegs, hob.lba_mid), STATE_U8(IdeRegs, hob.lba_high), { }
};

const StateField ide_bus_state[] = {
    STATE_STRUCT_ARRAY(IdeBus, regs, IdeRegs, regs_state), STATE_U8(IdeBus, unit), STATE_U8(IdeBus, control),
    STATE_BOOL(IdeBus, intrq), { }
};
