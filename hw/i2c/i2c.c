/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus between an I2C controller and its slaves (i2c.h). */
#include "hw/i2c/i2c.h"

const BusType i2c_bus_type = { .name = "i2c-bus", .parent = &bus_type.type, .size = sizeof(I2cBus) };
TYPE_REGISTER(i2c_bus_type);

static const I2cDeviceType *type_of(const I2cDevice *dev)
{
    return (const I2cDeviceType *)dev->device.object.type;
}

void i2c_bus_init(I2cBus *bus, Device *owner, const char *name)
{
    bus_init(&bus->bus, &i2c_bus_type, owner, name);
}

static I2cDevice *find(const I2cBus *bus, uint8_t address)
{
    for (guint i = 0; i < bus->bus.devices->len; i++) {
        I2cDevice *dev = bus->bus.devices->pdata[i];
        if (dev->address == address) {
            return dev;
        }
    }
    return NULL;
}

bool i2c_start(I2cBus *bus, uint8_t address, bool receive)
{
    bus->current = find(bus, address);
    if (bus->current && type_of(bus->current)->start) {
        type_of(bus->current)->start(bus->current, receive);
    }
    return bus->current;
}

bool i2c_send(I2cBus *bus, uint8_t byte)
{
    return bus->current && type_of(bus->current)->send(bus->current, byte);
}

uint8_t i2c_receive(I2cBus *bus)
{
    return bus->current ? type_of(bus->current)->receive(bus->current) : 0xff;
}

void i2c_stop(I2cBus *bus)
{
    bus->current = NULL;
}

uint8_t i2c_address(const I2cBus *bus)
{
    return bus->current ? bus->current->address : 0xff;
}

void i2c_set_address(I2cBus *bus, uint8_t address)
{
    bus->current = find(bus, address);
}

static bool i2c_device_realize(Device *d, GError **err)
{
    const I2cDevice *dev = I2C_DEVICE(d);

    return dev->address <= I2C_ADDRESS_MAX ||
        error_set(err, "property 'address' of %s is 0x%x, not 0 to 0x7f", d->object.type->name, dev->address);
}

static void i2c_device_unrealize(Device *d)
{
    I2cBus *bus = I2C_BUS(d->bus);

    if (bus && bus->current == I2C_DEVICE(d)) {
        bus->current = NULL;
    }
}

static const StateField no_state[] = { { } };

const DeviceType i2c_device_type = {
    .name = "i2c-slave", .parent = &device_type.type, .size = sizeof(I2cDevice), .is_abstract = true,
    .bus = &i2c_bus_type.type, .category = CATEGORY_MISC, .description = "Slave on an I2C bus",
    .state = no_state, .realize = i2c_device_realize, .unrealize = i2c_device_unrealize,
};
TYPE_REGISTER(i2c_device_type);
