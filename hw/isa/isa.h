/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ISA (and LPC) bus: devices at fixed I/O ports with edge-triggered interrupt lines 0-15.
 *
 * A device that is only registers needs no code for its ports: the rows of DeviceType.ports (offset = I/O port, plus
 * IsaDevice.iobase where the device has that property) are mapped at realize; runs of neighbouring rows become one I/O
 * region, and accesses go through registers_read/write(). Ports between rows of a run read as all ones.
 * Others register MemoryRegions in realize() with isa_register_ioport().
 *
 * The bus's owner (PIIX3, ICH9 LPC, or a board) gives it address spaces and the 16 interrupt inputs.
 */
#ifndef HW_ISA_ISA_H
#define HW_ISA_ISA_H

#include "core/device.h"
#include "memory/memory.h"

#define ISA_IRQS 16

typedef struct IsaDevice {
    Device device;
    uint32_t iobase;            /* added to the rows of `ports`; PROP_UINT32("iobase", S, isa.iobase, default, ...) */
    GPtrArray *regions;         /* of `ports`, owned here */
} IsaDevice;
#define ISA_DEVICE(d) ((IsaDevice *)(d))

extern const DeviceType isa_device_type;        /* "isa-device": abstract; parent of every ISA device type */
extern const BusType isa_bus_type;              /* "ISA" */

typedef struct IsaBus {
    Bus bus;
    MemoryRegion *memory, *io;
    IrqLine *lines[ISA_IRQS];   /* the board's: inputs of the interrupt controllers; NULL: not connected */
    IrqLine *inputs;            /* the 16 wires that devices drive */
} IsaBus;
#define ISA_BUS(b) ((IsaBus *)(b))

/** isa_bus_init: @bus is embedded in @owner's struct; @name "isa.0". */
void isa_bus_init(IsaBus *bus, Device *owner, const char *name, MemoryRegion *memory, MemoryRegion *io);
/** isa_bus_set_irqs: @lines: 16 inputs (GSI 0-15), NULL entries allowed. Wires handed out before keep working. */
void isa_bus_set_irqs(IsaBus *bus, IrqLine *const lines[ISA_IRQS]);
/** isa_bridge_create: an "isabus-bridge" with bus "isa.0", for a board without a chip set. */
IsaBus *isa_bridge_create(MemoryRegion *memory, MemoryRegion *io, IrqLine *const lines[ISA_IRQS]);
IsaBus *isa_bus(void);                          /* the machine's; NULL: none */
static inline IsaBus *isa_device_bus(IsaDevice *dev) { return ISA_BUS(dev->device.bus); }

/**
 * isa_irq: wire to interrupt @n (0-15) of the bus that @dev sits on, for irq_set(). For realize(); fails if @n is
 * more than 15, naming the device.
 */
IrqLine *isa_irq(IsaDevice *dev, unsigned n, GError **err);
IrqLine *isa_bus_irq(IsaBus *bus, unsigned n);  /* same for code of the board; @n at most 15 */
/** isa_register_ioport: maps @region at @port of the bus's I/O space; the device destroys its region in unrealize(). */
void isa_register_ioport(IsaDevice *dev, MemoryRegion *region, uint32_t port);
/** isa_new: new device of the board, properties still to be set; finish with device_realize_onboard(dev, isa_bus()). */
IsaDevice *isa_new(const DeviceType *type);
IsaDevice *isa_create(IsaBus *bus, const DeviceType *type);

#endif
