/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I2C, and SMBus upon it: one master, slaves at 7-bit addresses.
 *
 *   controller -> i2c_start(address, direction) -> the slave there acknowledges -> i2c_send() / i2c_receive() a byte at
 *   a time -> i2c_stop(); a start without a stop before is a repeated start
 *
 * A slave is an I2cDeviceType whose struct begins with I2cDevice. Of two slaves at one address the one plugged first
 * answers. Spec: UM10204 (I2C), SMBus 2.0; the protocols of SMBus are the controller's (hw/acpi/smbus_host.h).
 */
#ifndef HW_I2C_I2C_H
#define HW_I2C_I2C_H

#include "core/device.h"

enum { I2C_ADDRESS_MAX = 0x7f };

typedef struct I2cDevice { Device device; uint8_t address; } I2cDevice;
#define I2C_DEVICE(d) ((I2cDevice *)(d))
/* Row for the properties of a slave @S, whose member `i2c` is the I2cDevice. */
#define I2C_ADDRESS_PROPERTY(S, default_address) \
    PROP_UINT8("address", S, i2c.address, default_address, "Address on the bus, 7 bits")

typedef struct I2cDeviceType {
    union { DeviceType device; struct DeviceType; };
    void (*start)(I2cDevice *dev, bool receive);        /* addressed; NULL: it need not know */
    bool (*send)(I2cDevice *dev, uint8_t byte);         /* from the master; false: not acknowledged */
    uint8_t (*receive)(I2cDevice *dev);                 /* to the master */
} I2cDeviceType;

extern const DeviceType i2c_device_type;        /* "i2c-slave": abstract */
extern const BusType i2c_bus_type;              /* "i2c-bus" */

typedef struct I2cBus {
    Bus bus;
    I2cDevice *current;                         /* addressed since the last start; NULL: none */
} I2cBus;
#define I2C_BUS(b) ((I2cBus *)(b))

/** i2c_bus_init: @bus is embedded in @owner's struct. */
void i2c_bus_init(I2cBus *bus, Device *owner, const char *name);
/** i2c_start: addresses @address (7 bits). False: nobody is there. */
bool i2c_start(I2cBus *bus, uint8_t address, bool receive);
/** i2c_send: false: the addressed slave, or none, did not acknowledge. */
bool i2c_send(I2cBus *bus, uint8_t byte);
/** i2c_receive: all ones if nobody is addressed. */
uint8_t i2c_receive(I2cBus *bus);
void i2c_stop(I2cBus *bus);
/** i2c_address: who is addressed, for saved state: 0xff for none; i2c_set_address() puts it back without a start. */
uint8_t i2c_address(const I2cBus *bus);
void i2c_set_address(I2cBus *bus, uint8_t address);

/**
 * smbus_eeproms_create: EEPROMs of the board's memory slots at addresses 0x50 to 0x50 + @count - 1, at most 8, zero.
 */
void smbus_eeproms_create(I2cBus *bus, unsigned count);

#endif
