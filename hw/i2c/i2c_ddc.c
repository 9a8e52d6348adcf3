/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DDC side of a monitor: its EDID behind an address counter at 0x50. Spec: VESA E-DDC 1.1, section 2 (DDC2B); one
 * segment, so 256 bytes, and the counter wraps at the 128 of the base block if there is no extension.
 */
#include "hw/display/edid.h"
#include "hw/i2c/i2c.h"

enum { DDC_ADDRESS = 0x50, EDID_BLOCK_BYTES = 128, EDID_EXTENSIONS = 126 };

typedef struct I2cDdc {
    I2cDevice i2c;
    EdidConfig config;
    uint8_t edid[EDID_BYTES];                   /* from the properties */
    /* Guest state */
    uint8_t counter;
    bool wants_counter;
} I2cDdc;

static void ddc_start(I2cDevice *dev, bool receive)
{
    ((I2cDdc *)dev)->wants_counter = !receive;
}

/* Other bytes are acknowledged and have no effect: it is a ROM. */
static bool ddc_send(I2cDevice *dev, uint8_t byte)
{
    I2cDdc *s = (I2cDdc *)dev;

    if (s->wants_counter) {
        s->wants_counter = false;
        s->counter = byte;
    }
    return true;
}

static uint8_t ddc_receive(I2cDevice *dev)
{
    I2cDdc *s = (I2cDdc *)dev;
    unsigned bytes = EDID_BLOCK_BYTES * (s->edid[EDID_EXTENSIONS] ? 2 : 1);
    uint8_t value = s->edid[s->counter % bytes];

    s->counter++;
    return value;
}

static bool ddc_realize(Device *d, GError **err)
{
    I2cDdc *s = (I2cDdc *)d;

    edid_make(s->edid, &s->config);
    return true;
}

static void ddc_reset(Device *d, ResetKind kind)
{
    I2cDdc *s = (I2cDdc *)d;

    s->counter = 0;
    s->wants_counter = false;
}

static const Property ddc_properties[] = {
    I2C_ADDRESS_PROPERTY(I2cDdc, DDC_ADDRESS), EDID_PROPERTIES(I2cDdc, config), { }
};
static const StateField ddc_state[] = { STATE_U8(I2cDdc, counter), STATE_BOOL(I2cDdc, wants_counter), { } };

static const I2cDeviceType i2c_ddc_type = {
    .name = "i2c-ddc", .parent = &i2c_device_type.type, .size = sizeof(I2cDdc), .category = CATEGORY_MISC,
    .description = "EDID of a monitor (DDC)", .properties = ddc_properties, .state = ddc_state, .realize = ddc_realize,
    .reset = ddc_reset, .start = ddc_start, .send = ddc_send, .receive = ddc_receive,
};
TYPE_REGISTER(i2c_ddc_type);
