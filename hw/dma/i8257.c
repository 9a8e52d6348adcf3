/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8237A (82C37) DMA controller with its page registers, as PC chip sets have two of.
 *
 *   device: DREQ, isa_dma_move() -> channel: mask, mode, current address and count -> guest memory
 *   guest unmasks a channel, or enables the controller, while DREQ is set -> the device's `ready`
 *
 * Addresses: 8-bit channels page << 16 | address, within 64 KiB; 16-bit ones page & fe << 16 | address << 1, within
 * 128 KiB. There is no memory to memory transfer and no software request that moves data, since no device would drive
 * the bus. Intel 231466 (8237A); page registers: 82371AB (PIIX4) 4.2.1.1.
 */
#include <string.h>

#include "hw/dma/i8257.h"

#define CHANNELS 4
#define CASCADE 4

enum { REG_STATUS = 8, REG_COMMAND = 8, REG_REQUEST = 9, REG_SINGLE_MASK = 10, REG_MODE = 11, REG_CLEAR_FLIP_FLOP = 12,
       REG_MASTER_CLEAR = 13, REG_TEMPORARY = 13, REG_CLEAR_MASK = 14, REG_ALL_MASK = 15 };
enum { COMMAND_DISABLE = 0x04 };
enum { MODE_TRANSFER = 0x0c, MODE_VERIFY = 0x00, MODE_TO_MEMORY = 0x04, MODE_FROM_MEMORY = 0x08, MODE_AUTO_INIT = 0x10,
       MODE_DECREMENT = 0x20, MODE_KIND = 0xc0, MODE_CASCADE = 0xc0 };
/* Page registers by port from 0x80: the channel, or -1 for one that only keeps what is written. */
static const int8_t page_channel[16] = { -1, 2, 3, 1, -1, -1, -1, 0, -1, 6, 7, 5, -1, -1, -1, 4 };

typedef struct DmaChannel {
    uint16_t base_address, base_count, address, count;
    uint8_t mode;
    /* not guest state */
    IsaDmaReadyFn *ready;
    void *opaque;
} DmaChannel;

typedef struct I8257 {
    IsaDevice isa;
    uint32_t base, page_base;
    int32_t pageh_base;
    uint32_t dshift;                            /* 1: registers two ports apart, channels of 16 bits */
    MemoryRegion registers, page_region;
    DmaChannel channels[CHANNELS];
    uint8_t pages[8];                           /* by port from page_base */
    uint8_t command, mask, status, request;     /* status: DREQ in bits 7:4, reached counts in 3:0 */
    bool flip_flop;                             /* the next byte is the high one */
} I8257;

static I8257 *controllers[2];

static I8257 *controller_of(unsigned channel) { return controllers[channel / CHANNELS]; }

static bool can_move(const I8257 *s, unsigned n)
{
    return !(s->mask >> n & 1) && !(s->command & COMMAND_DISABLE) && (s->channels[n].mode & MODE_KIND) != MODE_CASCADE;
}

/* Channels whose DREQ waits may be able to move now. */
static void look_again(I8257 *s)
{
    for (unsigned n = 0; n < CHANNELS; n++) {
        if (s->status >> (4 + n) & 1 && can_move(s, n) && s->channels[n].ready) {
            s->channels[n].ready(s->channels[n].opaque);
        }
    }
}

/* ---- for devices ---- */

bool isa_dma_attach(unsigned channel, IsaDmaReadyFn *ready, void *opaque, const char *who, GError **err)
{
    DmaChannel *c;

    if (channel >= ISA_DMA_CHANNELS || channel == CASCADE) {
        return error_set(err, "%s: there is no DMA channel %u", who, channel);
    }
    if (!controller_of(channel)) {
        return error_set(err, "%s: this machine has no ISA DMA controller", who);
    }
    c = &controller_of(channel)->channels[channel % CHANNELS];
    if (c->ready) {
        return error_set(err, "%s: DMA channel %u is in use by another device", who, channel);
    }
    c->ready = ready;
    c->opaque = opaque;
    return true;
}

void isa_dma_detach(unsigned channel)
{
    isa_dma_set_dreq(channel, false);
    controller_of(channel)->channels[channel % CHANNELS].ready = NULL;
}

void isa_dma_set_dreq(unsigned channel, bool level)
{
    I8257 *s = controller_of(channel);
    uint8_t bit = 0x10 << channel % CHANNELS;

    s->status = level ? s->status | bit : s->status & ~bit;
}

static GuestAddr channel_address(const I8257 *s, unsigned n)
{
    unsigned channel = n + (s->dshift ? CHANNELS : 0);
    uint32_t page = 0;

    for (unsigned i = 0; i < 8; i++) {
        if (page_channel[(s->page_base & 0xf) + i] == (int)channel) {
            page = s->pages[i];
        }
    }
    return s->dshift ? (page & 0xfe) << 16 | (uint32_t)s->channels[n].address << 1 : page << 16 | s->channels[n].address;
}

/* One unit, a byte or a word. The address wraps within its page. */
static void move_unit(I8257 *s, unsigned n, uint8_t *buf, bool to_memory)
{
    DmaChannel *c = &s->channels[n];
    GuestAddr addr = channel_address(s, n);
    unsigned bytes = 1u << s->dshift;

    if ((c->mode & MODE_TRANSFER) == MODE_VERIFY) {
        return;
    }
    if (to_memory) {
        dma_write(address_space_memory(), addr, buf, bytes);
    } else if (dma_read(address_space_memory(), addr, buf, bytes) != MEMTX_OK) {
        memset(buf, 0xff, bytes);
    }
}

/* As many units as lie in one piece of memory. */
static void move_run(I8257 *s, unsigned n, uint8_t *buf, uint32_t units, bool to_memory)
{
    DmaChannel *c = &s->channels[n];
    uint32_t bytes = units << s->dshift;

    if (c->mode & MODE_DECREMENT || 0x10000u - c->address < units) {
        for (uint32_t i = 0; i < units; i++) {
            move_unit(s, n, buf + (i << s->dshift), to_memory);
            c->address += c->mode & MODE_DECREMENT ? -1 : 1;
        }
        return;
    }
    if ((c->mode & MODE_TRANSFER) != MODE_VERIFY) {
        if (to_memory) {
            dma_write(address_space_memory(), channel_address(s, n), buf, bytes);
        } else if (dma_read(address_space_memory(), channel_address(s, n), buf, bytes) != MEMTX_OK) {
            memset(buf, 0xff, bytes);
        }
    }
    c->address += units;
}

uint32_t isa_dma_move(unsigned channel, uint8_t *buf, uint32_t len, bool to_memory, bool *tc)
{
    I8257 *s = controller_of(channel);
    unsigned n = channel % CHANNELS;
    DmaChannel *c = &s->channels[n];
    uint8_t transfer = c->mode & MODE_TRANSFER;
    uint32_t units = MIN(len >> s->dshift, c->count + 1u);

    *tc = false;
    if (!can_move(s, n) || !units ||
        (transfer != MODE_VERIFY && transfer != (to_memory ? MODE_TO_MEMORY : MODE_FROM_MEMORY))) {
        return 0;
    }
    move_run(s, n, buf, units, to_memory);
    c->count -= units;
    if (c->count == 0xffff) {                   /* below zero: the terminal count */
        *tc = true;
        s->status |= 1 << n;
        if (c->mode & MODE_AUTO_INIT) {
            c->address = c->base_address;
            c->count = c->base_count;
        } else {
            s->mask |= 1 << n;
        }
    }
    return units << s->dshift;
}

/* ---- registers ---- */

static void master_clear(I8257 *s)
{
    s->command = s->request = 0;
    s->status &= 0xf0;
    s->mask = 0x0f;
    s->flip_flop = false;
}

static uint8_t take_half(I8257 *s, uint16_t value)
{
    s->flip_flop = !s->flip_flop;
    return s->flip_flop ? value : value >> 8;
}

static void put_half(I8257 *s, uint16_t *base, uint16_t *current, uint8_t value)
{
    s->flip_flop = !s->flip_flop;
    *base = s->flip_flop ? (*base & 0xff00) | value : (*base & 0x00ff) | value << 8;
    *current = *base;
}

static uint64_t dma_reg_read(void *opaque, uint64_t offset, unsigned size)
{
    I8257 *s = opaque;
    unsigned reg = offset >> s->dshift;
    const DmaChannel *c = &s->channels[reg >> 1 & 3];
    uint8_t value;

    if (reg < 8) {
        return take_half(s, reg & 1 ? c->count : c->address);
    }
    switch (reg) {
    case REG_STATUS:
        value = s->status;
        s->status &= 0xf0;
        return value;
    case REG_ALL_MASK:
        return s->mask;
    }
    return 0;                                   /* TEMPORARY among them: nothing ever comes through it */
}

static void dma_reg_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8257 *s = opaque;
    unsigned reg = offset >> s->dshift;
    uint8_t bit = 1 << (value & 3);
    DmaChannel *c = &s->channels[reg >> 1 & 3];

    switch (reg) {
    case 0: case 2: case 4: case 6:
        put_half(s, &c->base_address, &c->address, value);
        break;
    case 1: case 3: case 5: case 7:
        put_half(s, &c->base_count, &c->count, value);
        break;
    case REG_COMMAND:
        s->command = value;
        break;
    case REG_REQUEST:
        s->request = value & 4 ? s->request | bit : s->request & ~bit;
        break;
    case REG_SINGLE_MASK:
        s->mask = value & 4 ? s->mask | bit : s->mask & ~bit;
        break;
    case REG_MODE:
        s->channels[value & 3].mode = value & 0xfc;
        break;
    case REG_CLEAR_FLIP_FLOP:
        s->flip_flop = false;
        break;
    case REG_MASTER_CLEAR:
        master_clear(s);
        break;
    case REG_CLEAR_MASK:
        s->mask = 0;
        break;
    case REG_ALL_MASK:
        s->mask = value & 0x0f;
        break;
    }
    look_again(s);
}

static const MemoryOps dma_reg_ops = {
    .read = dma_reg_read, .write = dma_reg_write, .valid = { 1, 1 }, .impl = { 1, 1 },
};

static uint64_t page_read(void *opaque, uint64_t offset, unsigned size)
{
    return ((I8257 *)opaque)->pages[offset];
}

static void page_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    ((I8257 *)opaque)->pages[offset] = value;
}

static const MemoryOps page_ops = { .read = page_read, .write = page_write, .valid = { 1, 1 }, .impl = { 1, 1 } };

/* ---- life ---- */

static bool i8257_realize(Device *dev, GError **err)
{
    I8257 *s = DEVICE(I8257, dev);

    memory_region_init_io(&s->registers, &dev->object, &dma_reg_ops, s, "dma", 16u << s->dshift);
    isa_register_ioport(&s->isa, &s->registers, s->base);
    memory_region_init_io(&s->page_region, &dev->object, &page_ops, s, "dma-page", 8);
    isa_register_ioport(&s->isa, &s->page_region, s->page_base);
    controllers[s->dshift] = s;
    return true;
}

static void i8257_unrealize(Device *dev)
{
    I8257 *s = DEVICE(I8257, dev);

    controllers[s->dshift] = NULL;
    memory_region_destroy(&s->registers);
    memory_region_destroy(&s->page_region);
}

static void i8257_reset(Device *dev, ResetKind kind)
{
    I8257 *s = DEVICE(I8257, dev);

    for (unsigned n = 0; n < CHANNELS; n++) {
        s->channels[n].base_address = s->channels[n].base_count = s->channels[n].address = s->channels[n].count = 0;
        s->channels[n].mode = 0;
    }
    memset(s->pages, 0, sizeof(s->pages));
    s->status = 0;
    master_clear(s);
}

static const Property i8257_properties[] = {
    PROP_UINT32("base", I8257, base, 0x00, "first I/O port"),
    PROP_UINT32("page-base", I8257, page_base, 0x80, "first port of the page registers"),
    PROP_INT32("pageh-base", I8257, pageh_base, -1, "first port of the high page registers; -1: there are none"),
    PROP_UINT32("dshift", I8257, dshift, 0, "0: channels of 8 bits; 1: of 16 bits"),
    { }
};

static const StateField channel_state[] = {
    STATE_U16(DmaChannel, base_address), STATE_U16(DmaChannel, base_count), STATE_U16(DmaChannel, address),
    STATE_U16(DmaChannel, count), STATE_U8(DmaChannel, mode), { }
};

static const StateField i8257_state[] = {
    STATE_STRUCT_ARRAY(I8257, channels, DmaChannel, channel_state), STATE_U8_ARRAY(I8257, pages), STATE_U8(I8257, command),
    STATE_U8(I8257, mask), STATE_U8(I8257, status), STATE_U8(I8257, request), STATE_BOOL(I8257, flip_flop), { }
};

static const DeviceType i8257_type = {
    .name = "i8257", .parent = &isa_device_type.type, .size = sizeof(I8257), .category = CATEGORY_MISC,
    .description = "8237A DMA controller", .not_user_creatable = true, .properties = i8257_properties,
    .state = i8257_state, .realize = i8257_realize, .unrealize = i8257_unrealize, .reset = i8257_reset,
};
TYPE_REGISTER(i8257_type);

void i8257_create_pair(IsaBus *bus)
{
    static const struct { const char *base, *page_base, *dshift; } pair[] = { { "0x00", "0x80", "0" },
                                                                            { "0xc0", "0x88", "1" } };

    for (size_t i = 0; i < G_N_ELEMENTS(pair); i++) {
        IsaDevice *dev = isa_new(&i8257_type);

        object_parse(&dev->device.object, "base", pair[i].base, NULL);
        object_parse(&dev->device.object, "page-base", pair[i].page_base, NULL);
        object_parse(&dev->device.object, "dshift", pair[i].dshift, NULL);
        device_realize_onboard(&dev->device, &bus->bus);
    }
}
