/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard Hot-Plug Controller (shpc.h). */
#include "hw/pci/shpc.h"

#include "core/log.h"

TRACE_EVENT(shpc_command, "slot %u command 0x%02x status 0x%x");

/* Capability */
enum { CAP_BYTES = 8, CAP_DWORD_SELECT = 2, CAP_DWORD_DATA = 4 };
/* Registers by doubleword, 4.1 */
enum { BASE_OFFSET, SLOTS_AVAILABLE_I, SLOTS_AVAILABLE_II, SLOT_CONFIGURATION, SECONDARY_BUS, COMMAND, INTERRUPT_LOCATOR,
    SERR_LOCATOR, SERR_INT, SLOT_FIRST, DWORDS = SLOT_FIRST + SHPC_SLOTS };
enum { FIRST_DEVICE = 1, PHYSICAL_FIRST = 1, PHYSICAL_UP = 1 << 13, MRL_SENSOR = 1 << 14, ATTENTION_BUTTON = 1 << 15 };
enum { PROG_INTERFACE_1_0 = 1, TARGET_MASK = 0x1f, LOCATOR_COMMAND = 1 };
enum { STATUS_BUSY = 1, STATUS_MRL_OPEN = 2, STATUS_INVALID_COMMAND = 4, STATUS_INVALID_SPEED = 8 };
enum { GLOBAL_INT_MASK = 1, GLOBAL_SERR_MASK = 2, COMMAND_INT_MASK = 4, ARBITER_SERR_MASK = 8, MASKS = 0xf,
    COMMAND_COMPLETE = 1 << 16, ARBITER_TIMEOUT = 1 << 17 };
enum { COMMAND_SLOT_LAST = 0x3f, COMMAND_SPEED = 0x40, COMMAND_SPEED_LAST = 0x47, COMMAND_POWER_ALL = 0x48,
    COMMAND_ENABLE_ALL = 0x49 };
/* Slot: state and indicators have the same places in status and in the command */
enum { SLOT_STATE = 0x3, SLOT_POWER_LED = 0xc, SLOT_ATTENTION_LED = 0x30, SLOT_MRL_OPEN = 1 << 8, SLOT_EMPTY = 3 << 10 };
enum { STATE_POWERED = 1, STATE_ENABLED = 2, STATE_DISABLED = 3, LED_ON = 1, LED_BLINK = 2, LED_OFF = 3,
    POWER_LED_SHIFT = 2, ATTENTION_LED_SHIFT = 4 };
enum { EVENT_PRESENCE = 1, EVENT_ISOLATED_FAULT = 2, EVENT_BUTTON = 4, EVENT_MRL = 8, EVENT_CONNECTED_FAULT = 0x10,
    EVENTS = 0x1f, SLOT_MASKS = 0x7f };

static unsigned slot_of(const PciDevice *dev)
{
    return PCI_SLOT(dev->devfn) - FIRST_DEVICE;
}

static unsigned state_of(const ShpcSlot *slot)
{
    return slot->status & SLOT_STATE;
}

static bool is_off(uint16_t status)
{
    return (status & SLOT_STATE) == STATE_DISABLED && (status & SLOT_POWER_LED) == LED_OFF << POWER_LED_SHIFT;
}

static uint32_t interrupt_locator(const Shpc *s)
{
    uint32_t locator = 0;

    if ((s->serr_int & COMMAND_COMPLETE) && !(s->serr_int & COMMAND_INT_MASK)) {
        locator |= LOCATOR_COMMAND;
    }
    for (unsigned i = 0; i < SHPC_SLOTS; i++) {
        if (s->slots[i].events & ~s->slots[i].masks & EVENTS) {
            locator |= 2u << i;
        }
    }
    return locator;
}

/* By MSI once, at the change; else by the pin as long as it lasts. */
static void interrupt_update(Shpc *s)
{
    bool raised = !(s->serr_int & GLOBAL_INT_MASK) && interrupt_locator(s);

    if (raised == s->raised) {
        return;
    }
    s->raised = raised;
    if (!pci_msi_enabled(s->dev)) {
        pci_set_irq(s->dev, raised);
    } else if (raised) {
        pci_msi_notify(s->dev, 0);
    }
}

/* Commands, 4.3 */

static void slot_emptied(ShpcSlot *slot)
{
    slot->status |= SLOT_MRL_OPEN | SLOT_EMPTY;
    slot->events |= EVENT_PRESENCE | EVENT_MRL;
}

/* Fields of @command that are 0 leave what they stand for. */
static uint16_t slot_command(Shpc *s, unsigned target, uint8_t command)
{
    static const uint8_t fields[] = { SLOT_STATE, SLOT_POWER_LED, SLOT_ATTENTION_LED };

    if (target < 1 || target > SHPC_SLOTS) {
        return STATUS_INVALID_COMMAND;
    }
    ShpcSlot *slot = &s->slots[target - 1];
    uint8_t state = command & SLOT_STATE;
    uint16_t before = slot->status;

    if ((state == STATE_POWERED || state == STATE_ENABLED) && (before & SLOT_MRL_OPEN)) {
        return STATUS_MRL_OPEN;
    }
    if (state == STATE_POWERED && state_of(slot) == STATE_ENABLED) {
        return STATUS_INVALID_COMMAND;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (command & fields[i]) {
            slot->status = (slot->status & ~fields[i]) | (command & fields[i]);
        }
    }
    if (!is_off(before) && is_off(slot->status) && !(before & SLOT_MRL_OPEN)) {
        pci_unplug(s->bus, target - 1 + FIRST_DEVICE);
        slot_emptied(slot);
    }
    return 0;
}

static uint16_t all_slots_command(Shpc *s, unsigned state)
{
    for (unsigned i = 0; state == STATE_POWERED && i < SHPC_SLOTS; i++) {
        if (state_of(&s->slots[i]) == STATE_ENABLED) {
            return STATUS_INVALID_COMMAND;
        }
    }
    for (unsigned i = 0; i < SHPC_SLOTS; i++) {
        bool open = s->slots[i].status & SLOT_MRL_OPEN;
        slot_command(s, i + 1, open ? LED_OFF << POWER_LED_SHIFT : state | LED_ON << POWER_LED_SHIFT);
    }
    return 0;
}

static void run_command(Shpc *s)
{
    uint8_t command = s->command;

    if (command <= COMMAND_SLOT_LAST) {
        s->command_status = slot_command(s, s->target, command);
    } else if (command <= COMMAND_SPEED_LAST) {         /* the bus runs at 33 MHz and cannot otherwise */
        s->command_status = command == COMMAND_SPEED ? 0 : STATUS_INVALID_SPEED;
    } else if (command == COMMAND_POWER_ALL || command == COMMAND_ENABLE_ALL) {
        s->command_status = all_slots_command(s, command == COMMAND_ENABLE_ALL ? STATE_ENABLED : STATE_POWERED);
    } else {
        s->command_status = STATUS_INVALID_COMMAND;
    }
    trace(shpc_command, s->target, command, s->command_status);
    s->serr_int |= COMMAND_COMPLETE;
}

/* Registers */

static uint32_t dword_read(const Shpc *s, unsigned dword)
{
    switch (dword) {
    case SLOTS_AVAILABLE_I:
        return SHPC_SLOTS;                              /* at 33 MHz; no other speed in I or II */
    case SLOT_CONFIGURATION:
        return SHPC_SLOTS | FIRST_DEVICE << 8 |
            (uint32_t)(PHYSICAL_FIRST | PHYSICAL_UP | MRL_SENSOR | ATTENTION_BUTTON) << 16;
    case SECONDARY_BUS:
        return PROG_INTERFACE_1_0 << 24;
    case COMMAND:
        return s->command | s->target << 8 | (uint32_t)s->command_status << 16;
    case INTERRUPT_LOCATOR:
        return interrupt_locator(s);
    case SERR_INT:
        return s->serr_int;
    case SLOT_FIRST ... DWORDS - 1: {
        const ShpcSlot *slot = &s->slots[dword - SLOT_FIRST];
        return slot->status | slot->events << 16 | (uint32_t)slot->masks << 24;
    }
    default:
        return 0;
    }
}

/* Only the bits of @mask are written. */
static void dword_write(Shpc *s, unsigned dword, uint32_t value, uint32_t mask)
{
    value &= mask;
    switch (dword) {
    case COMMAND:
        if (mask & TARGET_MASK << 8) {
            s->target = value >> 8 & TARGET_MASK;
        }
        if (mask & 0xff) {
            s->command = value;
            run_command(s);
        }
        break;
    case SERR_INT:
        s->serr_int = ((s->serr_int & ~(MASKS & mask)) | (value & MASKS)) &
            ~(value & (COMMAND_COMPLETE | ARBITER_TIMEOUT));
        break;
    case SLOT_FIRST ... DWORDS - 1: {
        ShpcSlot *slot = &s->slots[dword - SLOT_FIRST];
        slot->events &= ~(value >> 16 & EVENTS);
        slot->masks = (slot->masks & ~(mask >> 24)) | (value >> 24 & SLOT_MASKS);
        break;
    }
    default:
        LOG(LOG_GUEST_ERROR, "SHPC: write of 0x%x to read-only register 0x%x\n", value, dword * 4);
    }
    interrupt_update(s);
}

static uint32_t byte_mask(unsigned bytes)
{
    return bytes >= 4 ? UINT32_MAX : (1u << 8 * bytes) - 1;
}

static uint64_t shpc_read(void *opaque, uint64_t offset, unsigned size)
{
    return dword_read(opaque, offset / 4) >> offset % 4 * 8;
}

static void shpc_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    unsigned shift = offset % 4 * 8;
    dword_write(opaque, offset / 4, value << shift, byte_mask(size) << shift);
}

static const MemoryOps shpc_ops = { .read = shpc_read, .write = shpc_write, .valid = { 1, 4 }, .impl = { 1, 4 } };

void shpc_config_reading(Shpc *s, unsigned offset, unsigned size)
{
    unsigned data = s->cap + CAP_DWORD_DATA;

    if (s->dev && offset < data + 4 && data < offset + size) {
        pci_set32(s->dev, data, dword_read(s, pci_get8(s->dev, s->cap + CAP_DWORD_SELECT)));
    }
}

void shpc_config_written(Shpc *s, unsigned offset, uint32_t value, unsigned size)
{
    unsigned data = s->cap + CAP_DWORD_DATA;

    if (s->dev && offset >= data && offset + size <= data + 4) {
        unsigned shift = (offset - data) * 8;
        dword_write(s, pci_get8(s->dev, s->cap + CAP_DWORD_SELECT), value << shift, byte_mask(size) << shift);
    }
}

/* Hot-plug */

static bool hotplug_check(void *opaque, PciDevice *dev, int devfn, GError **err)
{
    const Shpc *s = opaque;

    if (PCI_SLOT(devfn) < FIRST_DEVICE) {
        return error_set(err, "Unsupported PCI slot 0 on bus '%s': its standard hotplug controller has slots 1 to %u",
                         s->bus->bus.name, SHPC_SLOTS);
    }
    const ShpcSlot *slot = &s->slots[PCI_SLOT(devfn) - FIRST_DEVICE];
    if ((slot->status & SLOT_POWER_LED) == LED_BLINK << POWER_LED_SHIFT) {
        return error_set(err, "the guest is busy with slot %u of bus '%s' (its power indicator blinks)", PCI_SLOT(devfn),
                         s->bus->bus.name);
    }
    return true;
}

static void hotplug_plugged(void *opaque, PciDevice *dev)
{
    Shpc *s = opaque;

    if (PCI_FUNC(dev->devfn) == 0 && PCI_SLOT(dev->devfn) >= FIRST_DEVICE) {    /* presents them all */
        ShpcSlot *slot = &s->slots[slot_of(dev)];
        slot->status &= ~(SLOT_MRL_OPEN | SLOT_EMPTY);  /* present, at most 7.5 W */
        slot->events |= EVENT_PRESENCE | EVENT_MRL | EVENT_BUTTON;
        interrupt_update(s);
    }
}

static bool hotplug_unplug_request(void *opaque, PciDevice *dev, GError **err)
{
    Shpc *s = opaque;
    const char *name = dev->device.id ? dev->device.id : dev->device.object.type->name;

    if (PCI_SLOT(dev->devfn) < FIRST_DEVICE) {
        return error_set(err, "Device '%s' is not in a slot of the standard hotplug controller of bus '%s'", name,
                         s->bus->bus.name);
    }
    ShpcSlot *slot = &s->slots[slot_of(dev)];
    if (dev->unplug_requested || (slot->status & SLOT_POWER_LED) == LED_BLINK << POWER_LED_SHIFT) {
        return error_set(err, "Device '%s' is already in the process of unplug", name);
    }
    if (is_off(slot->status)) {                         /* nobody uses it */
        pci_unplug(s->bus, PCI_SLOT(dev->devfn));
        slot_emptied(slot);
    } else {
        slot->events |= EVENT_BUTTON;
    }
    interrupt_update(s);
    return true;
}

static const PciHotplug shpc_hotplug = {
    .check = hotplug_check, .plugged = hotplug_plugged, .unplug_request = hotplug_unplug_request,
};

bool shpc_drives(const PciBus *bus)
{
    return bus->hotplug == &shpc_hotplug;
}

bool shpc_init(Shpc *s, PciDevice *dev, PciBus *bus, GError **err)
{
    unsigned cap = pci_add_capability(dev, PCI_CAP_ID_SHPC, 0, CAP_BYTES, err);

    if (!cap) {
        return false;
    }
    s->dev = dev;
    s->bus = bus;
    s->cap = cap;
    pci_set_writable8(dev, cap + CAP_DWORD_SELECT, 0xff);
    pci_set_interrupt_pin(dev, 1);
    memory_region_init_io(&s->region, OBJECT(dev), &shpc_ops, s, "shpc-mmio", SHPC_BAR_BYTES);
    bus->hotplug = &shpc_hotplug;
    bus->hotplug_opaque = s;
    return true;
}

void shpc_unrealize(Shpc *s)
{
    if (s->dev) {
        s->dev = NULL;
        memory_region_destroy(&s->region);
    }
}

/* Slots that hold something are on, as if firmware had seen to it. */
void shpc_reset(Shpc *s)
{
    if (!s->dev) {
        return;
    }
    s->serr_int = MASKS;
    s->command = s->target = s->command_status = 0;
    s->raised = false;
    for (unsigned i = 0; i < SHPC_SLOTS; i++) {
        bool occupied = s->bus->devices[PCI_DEVFN(i + FIRST_DEVICE, 0)];
        s->slots[i] = (ShpcSlot){
            .status = (occupied ? STATE_ENABLED | LED_ON << POWER_LED_SHIFT :
                       STATE_DISABLED | LED_OFF << POWER_LED_SHIFT | SLOT_MRL_OPEN | SLOT_EMPTY) |
                LED_OFF << ATTENTION_LED_SHIFT,
            .masks = SLOT_MASKS,
        };
    }
}

/* What a saved state claims of presence is not believed: it follows what is plugged. */
void shpc_loaded(Shpc *s)
{
    if (!s->dev) {
        return;
    }
    for (unsigned i = 0; i < SHPC_SLOTS; i++) {
        bool occupied = s->bus->devices[PCI_DEVFN(i + FIRST_DEVICE, 0)];
        uint16_t empty = SLOT_MRL_OPEN | SLOT_EMPTY, *status = &s->slots[i].status;
        *status = occupied ? *status & ~empty : *status | empty;
    }
    s->raised = false;
    if (pci_msi_enabled(s->dev)) {
        s->raised = !(s->serr_int & GLOBAL_INT_MASK) && interrupt_locator(s);
    } else {
        interrupt_update(s);
    }
}

static const StateField slot_state[] = {
    STATE_U16(ShpcSlot, status), STATE_U8(ShpcSlot, events), STATE_U8(ShpcSlot, masks), { }
};
const StateField shpc_state[] = {
    STATE_U32(Shpc, serr_int), STATE_U8(Shpc, command), STATE_U8(Shpc, target), STATE_U16(Shpc, command_status),
    STATE_STRUCT_ARRAY(Shpc, slots, ShpcSlot, slot_state), { }
};
