/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMware's mouse: absolute positions through the backdoor port (hw/misc/vmport.h), beside a PS/2 mouse.
 *
 *   guest: COMMAND READ_ID -> the device's id is in the queue; REQUEST_ABSOLUTE -> it takes over from the PS/2 mouse
 *   host: motion, buttons -> a packet of four words in the queue, and a byte from the PS/2 mouse, whose interrupt
 * makes the
 *   guest look; guest: STATUS tells the words that wait, DATA takes them
 * Protocol: as Linux's drivers/input/mouse/vmmouse.c and X.org's xf86-input-vmmouse have it.
 */
#include <string.h>

#include "core/log.h"
#include "hw/input/i8042.h"
#include "hw/isa/isa.h"
#include "hw/misc/vmport.h"
#include "ui/input.h"

enum { QUEUE_WORDS = 1024, PACKET_WORDS = 4, DATA_WORDS_MAX = 6 };
enum { STATUS_ERROR = 0xffff };
enum { PACKET_RELATIVE = 0x10000, BUTTON_LEFT = 0x20, BUTTON_RIGHT = 0x10, BUTTON_MIDDLE = 0x08 };
#define VMMOUSE_ID 0x3442554au
#define COMMAND_READ_ID 0x45414552u
#define COMMAND_DISABLE 0x000000f5u
#define COMMAND_REQUEST_RELATIVE 0x4c455252u
#define COMMAND_REQUEST_ABSOLUTE 0x53424152u

typedef struct Vmmouse {
    IsaDevice isa;
    Object *i8042;
    InputHandler *handler;                      /* NULL: the guest has it off */
    int32_t x, y, wheel;                        /* not reported yet: absolute, or relative motion */
    bool moved;
    /* Guest state */
    uint32_t queue[QUEUE_WORDS];
    uint16_t count, status;
    uint8_t buttons;
    bool absolute;
} Vmmouse;

/* From the host */

static void set_button(void *opaque, InputButton button, bool down)
{
    Vmmouse *s = opaque;
    uint8_t bit = button == INPUT_BUTTON_LEFT ? BUTTON_LEFT : button == INPUT_BUTTON_RIGHT ? BUTTON_RIGHT :
        button == INPUT_BUTTON_MIDDLE ? BUTTON_MIDDLE : 0;

    if (down && (button == INPUT_BUTTON_WHEEL_UP || button == INPUT_BUTTON_WHEEL_DOWN)) {
        s->wheel += button == INPUT_BUTTON_WHEEL_UP ? -1 : 1;
    }
    s->buttons = down ? s->buttons | bit : s->buttons & ~bit;
    s->moved = true;
}

static void set_position(void *opaque, InputAxis axis, int value)
{
    Vmmouse *s = opaque;
    *(axis == INPUT_AXIS_X ? &s->x : &s->y) = value * 2;        /* 16 bits */
    s->moved = true;
}

static void add_motion(void *opaque, InputAxis axis, int value)
{
    Vmmouse *s = opaque;
    if (axis == INPUT_AXIS_X) {
        s->x += value;
    } else {
        s->y -= value;                                  /* grows upwards */
    }
    s->moved = true;
}

static void report(void *opaque)
{
    Vmmouse *s = opaque;

    if (!s->moved || s->count + PACKET_WORDS > QUEUE_WORDS) {
        return;                                         /* the guest does not look: what is new stays for later */
    }
    const uint32_t packet[PACKET_WORDS] = { s->buttons | (s->absolute ? 0 : PACKET_RELATIVE), s->x, s->y, s->wheel };
    memcpy(&s->queue[s->count], packet, sizeof(packet));
    s->count += PACKET_WORDS;
    s->moved = false;
    s->wheel = 0;
    if (!s->absolute) {
        s->x = s->y = 0;
    }
    if (s->i8042) {
        /* a byte of it is the signal; what it says is ignored */
        Ps2Port *mouse = i8042_mouse((Device *)s->i8042);
        ps2_mouse_move(mouse, 1, 0);
        ps2_mouse_sync(mouse);
    }
}

static const InputHandlerOps absolute_ops = {
    .name = "vmmouse", .button = set_button, .position = set_position, .sync = report,
};
static const InputHandlerOps relative_ops = {
    .name = "vmmouse", .button = set_button, .move = add_motion, .sync = report,
};

static void handler_update(Vmmouse *s)
{
    g_clear_pointer(&s->handler, input_handler_free);
    s->x = s->y = s->wheel = 0;
    s->moved = false;
    if (s->status != STATUS_ERROR) {
        s->handler = input_handler_new(s->absolute ? &absolute_ops : &relative_ops, s);
        input_handler_activate(s->handler);
    }
}

/* From the guest */

static void get_status(void *opaque, VmportRegs *r)
{
    const Vmmouse *s = opaque;
    r->eax = (uint32_t)s->status << 16 | s->count;
}

static void get_data(void *opaque, VmportRegs *r)
{
    Vmmouse *s = opaque;
    uint32_t words = r->ebx, data[DATA_WORDS_MAX] = { r->eax, r->ebx, r->ecx, r->edx, r->esi, r->edi };

    if (words == 0 || words > DATA_WORDS_MAX || words > s->count) {
        LOG(LOG_GUEST_ERROR, "vmmouse: %u words of %u were asked for\n", words, s->count);
        s->status = STATUS_ERROR;
        handler_update(s);
        return;
    }
    memcpy(data, s->queue, words * sizeof(data[0]));
    s->count -= words;
    memmove(s->queue, s->queue + words, s->count * sizeof(s->queue[0]));
    *r = (VmportRegs){ data[0], data[1], data[2], data[3], data[4], data[5] };
}

static void run_command(void *opaque, VmportRegs *r)
{
    Vmmouse *s = opaque;

    switch (r->ebx) {
    case COMMAND_READ_ID:
        s->queue[0] = VMMOUSE_ID;
        s->count = 1;
        s->status = 0;
        break;
    case COMMAND_DISABLE:
        s->count = 0;
        s->status = STATUS_ERROR;
        handler_update(s);
        break;
    case COMMAND_REQUEST_RELATIVE:
    case COMMAND_REQUEST_ABSOLUTE:
        s->absolute = r->ebx == COMMAND_REQUEST_ABSOLUTE;
        handler_update(s);
        break;
    default:
        LOG(LOG_GUEST_ERROR, "vmmouse: unknown command 0x%x\n", r->ebx);
    }
}

static bool vmmouse_realize(Device *dev, GError **err)
{
    Vmmouse *s = DEVICE(Vmmouse, dev);
    static bool exists;

    if (!vmport_exists()) {
        return error_set(err, "vmmouse needs VMware's port: -machine vmport=on");
    }
    if (exists) {
        return error_set(err, "the machine has a vmmouse already");
    }
    exists = true;
    vmport_register(VMPORT_ABSPOINTER_STATUS, get_status, s);
    vmport_register(VMPORT_ABSPOINTER_COMMAND, run_command, s);
    vmport_register(VMPORT_ABSPOINTER_DATA, get_data, s);
    return true;
}

static void vmmouse_reset(Device *dev, ResetKind kind)
{
    Vmmouse *s = DEVICE(Vmmouse, dev);

    s->count = 0;
    s->status = STATUS_ERROR;
    s->buttons = 0;
    s->absolute = false;
    handler_update(s);
}

static bool vmmouse_post_load(Device *dev, unsigned version, GError **err)
{
    Vmmouse *s = DEVICE(Vmmouse, dev);

    if (s->count > QUEUE_WORDS) {
        s->count = 0;
        return error_set(err, "vmmouse has %u words in its queue, more than %d", s->count, QUEUE_WORDS);
    }
    handler_update(s);
    return true;
}

static const Property vmmouse_properties[] = {
    PROP_LINK("i8042", Vmmouse, i8042, "i8042", "The keyboard controller whose mouse tells the guest to look"),
    { }
};
static const StateField vmmouse_state[] = {
    STATE_U32_ARRAY(Vmmouse, queue), STATE_U16(Vmmouse, count), STATE_U16(Vmmouse, status), STATE_U8(Vmmouse, buttons),
    STATE_BOOL(Vmmouse, absolute), { }
};

static const DeviceType vmmouse_type = {
    .name = "vmmouse", .parent = &isa_device_type.type, .size = sizeof(Vmmouse), .category = CATEGORY_INPUT,
    .description = "VMware's absolute mouse", .no_hotplug = true, .properties = vmmouse_properties, .state =
        vmmouse_state,
    .realize = vmmouse_realize, .reset = vmmouse_reset, .post_load = vmmouse_post_load,
};
TYPE_REGISTER(vmmouse_type);

void vmmouse_create(IsaBus *bus, Device *i8042)
{
    IsaDevice *dev = isa_new(&vmmouse_type);
    object_set_link(OBJECT(dev), "i8042", OBJECT(i8042));
    device_realize_onboard(&dev->device, &bus->bus);
}
