/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EEPROM of a memory module (24C02): 256 bytes behind an address counter.
 *
 * Master sends -> the first byte sets the counter, others are stored; master receives -> the counter's byte; the counter
 * steps each time and wraps. Spec: Atmel AT24C02, "Write Operations" and "Read Operations"; writes are done at once.
 */
#include <string.h>

#include "hw/i2c/i2c.h"

enum { EEPROM_BYTES = 256, EEPROM_BASE = 0x50 };

typedef struct SmbusEeprom {
    I2cDevice i2c;
    /* Guest state */
    uint8_t counter;
    bool wants_counter;                         /* the next byte sent sets it */
    uint8_t data[EEPROM_BYTES];
} SmbusEeprom;

static void eeprom_start(I2cDevice *dev, bool receive)
{
    ((SmbusEeprom *)dev)->wants_counter = !receive;
}

static bool eeprom_send(I2cDevice *dev, uint8_t byte)
{
    SmbusEeprom *s = (SmbusEeprom *)dev;

    if (s->wants_counter) {
        s->wants_counter = false;
        s->counter = byte;
    } else {
        s->data[s->counter++] = byte;
    }
    return true;
}

static uint8_t eeprom_receive(I2cDevice *dev)
{
    SmbusEeprom *s = (SmbusEeprom *)dev;
    return s->data[s->counter++];
}

/* What the guest wrote lasts till the next reset: the content belongs to the board. */
static void eeprom_reset(Device *d, ResetKind kind)
{
    SmbusEeprom *s = (SmbusEeprom *)d;

    s->counter = 0;
    s->wants_counter = false;
    if (kind != RESET_WAKEUP) {
        memset(s->data, 0, sizeof(s->data));
    }
}

static const Property eeprom_properties[] = { I2C_ADDRESS_PROPERTY(SmbusEeprom, 0), { } };
static const StateField eeprom_state[] = {
    STATE_U8(SmbusEeprom, counter), STATE_BOOL(SmbusEeprom, wants_counter), STATE_U8_ARRAY(SmbusEeprom, data), { }
};

static const I2cDeviceType smbus_eeprom_type = {
    .name = "smbus-eeprom", .parent = &i2c_device_type.type, .size = sizeof(SmbusEeprom), .category = CATEGORY_MISC,
    .description = "EEPROM of a memory module", .not_user_creatable = true, .no_hotplug = true,
    .properties = eeprom_properties, .state = eeprom_state, .reset = eeprom_reset, .start = eeprom_start,
    .send = eeprom_send, .receive = eeprom_receive,
};
TYPE_REGISTER(smbus_eeprom_type);

void smbus_eeproms_create(I2cBus *bus, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        Device *dev = device_new(&smbus_eeprom_type.device);
        object_set_int(OBJECT(dev), "address", EEPROM_BASE + i);
        device_realize_onboard(dev, &bus->bus);
    }
}
