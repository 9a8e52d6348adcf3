/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8042 keyboard controller: two PS/2 ports, the A20 gate and the reset line.
 *
 * Guest writes a command to 0x64 or a byte to 0x60 -> the controller itself, or ps2_write() to a device. Bytes for the
 * guest: a device's queue or the controller's answer -> fill_output() -> output buffer, STATUS.OBF and an interrupt ->
 * guest reads 0x60, which makes room for the next.
 *
 * Keys and motion come from ui/input.h, whose two handlers (keyboard, mouse) are this device's.
 *
 * Invariant: STATUS.OBF is set exactly while `output` holds a byte that the guest has not read; `output_aux` says from
 * which side. An answer of the controller goes before bytes of the keyboard, and those before the mouse's.
 * Spec: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and auxiliary device controller".
 */
#include "hw/input/i8042.h"

#include <string.h>

#include "core/log.h"
#include "core/vm.h"
#include "target/i386/cpu.h"
#include "ui/input.h"

enum { STATUS_OBF = 0x01, STATUS_SYS = 0x04, STATUS_CMD = 0x08, STATUS_UNLOCKED = 0x10, STATUS_AUX = 0x20 };
enum {
    CMD_READ_CONFIG = 0x20, CMD_WRITE_CONFIG = 0x60, CMD_DISABLE_AUX = 0xa7, CMD_ENABLE_AUX = 0xa8, CMD_TEST_AUX = 0xa9,
    CMD_SELF_TEST = 0xaa, CMD_TEST_KBD = 0xab, CMD_DISABLE_KBD = 0xad, CMD_ENABLE_KBD = 0xae, CMD_READ_INPORT = 0xc0,
    CMD_READ_OUTPORT = 0xd0, CMD_WRITE_OUTPORT = 0xd1, CMD_WRITE_KBD_OUTPUT = 0xd2, CMD_WRITE_AUX_OUTPUT = 0xd3,
    CMD_WRITE_AUX = 0xd4, CMD_DISABLE_A20 = 0xdd, CMD_ENABLE_A20 = 0xdf, CMD_PULSE = 0xf0, CMD_NOP = 0xff,
};
enum {
    CONFIG_KBD_INT = 0x01, CONFIG_AUX_INT = 0x02, CONFIG_SYS = 0x04, CONFIG_KBD_DISABLED = 0x10,
    CONFIG_AUX_DISABLED = 0x20, CONFIG_TRANSLATE = 0x40
};
enum {
    OUTPORT_NO_RESET = 0x01, OUTPORT_A20 = 0x02, OUTPORT_KBD_FULL = 0x10, OUTPORT_AUX_FULL = 0x20,
    OUTPORT_DEVICE_LINES = 0xcc                 /* clocks and data of the ports, idle */
};
#define RAM_BYTES 32                            /* byte 0 is the configuration */

typedef struct I8042 {
    IsaDevice isa;
    MemoryRegion data_port, command_port;
    IrqLine *kbd_irq, *aux_irq;
    Ps2Port kbd, aux;
    InputHandler *key_handler, *mouse_handler;  /* host-only */
    uint8_t ram[RAM_BYTES];
    uint8_t outport, status, output, answer, pending_command;
    bool output_aux, answer_pending, answer_aux;
    bool translate_break;                       /* F0 seen: the next code is a release */
} I8042;

/* Set 2 codes to set 1, as the controller translates; index is the set 2 code. */
static const uint8_t translated[128] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

static uint8_t config(const I8042 *s)
{
    return s->ram[0];
}

static void update_irqs(I8042 *s)
{
    bool full = s->status & STATUS_OBF;
    irq_set(s->kbd_irq, full && !s->output_aux && (config(s) & CONFIG_KBD_INT));
    irq_set(s->aux_irq, full && s->output_aux && (config(s) & CONFIG_AUX_INT));
    s->outport = (s->outport & ~(OUTPORT_KBD_FULL | OUTPORT_AUX_FULL)) |
                 (full ? s->output_aux ? OUTPORT_AUX_FULL : OUTPORT_KBD_FULL : 0);
}

static void put_output(I8042 *s, uint8_t byte, bool aux)
{
    s->output = byte;
    s->output_aux = aux;
    s->status = (s->status & ~STATUS_AUX) | STATUS_OBF | (aux ? STATUS_AUX : 0);
    update_irqs(s);
}

/* Next keyboard byte as the guest sees it; false if translation swallowed it. */
static bool translate_byte(I8042 *s, uint8_t *byte)
{
    if (!(config(s) & CONFIG_TRANSLATE)) {
        return true;
    }
    if (*byte == 0xf0) {
        s->translate_break = true;
        return false;
    }
    uint8_t release = s->translate_break ? 0x80 : 0;
    if (*byte == 0x83) {
        *byte = 0x41 | release;                 /* F7 */
    } else if (*byte == 0x84) {
        *byte = 0x54 | release;                 /* Alt+SysRq */
    } else if (*byte < 0x80) {
        *byte = translated[*byte] | release;
    }
    if (*byte != 0xe0) {
        s->translate_break = false;
    }
    return true;
}

static void fill_output(void *opaque)
{
    I8042 *s = opaque;
    while (!(s->status & STATUS_OBF)) {
        if (s->answer_pending) {
            s->answer_pending = false;
            put_output(s, s->answer, s->answer_aux);
        } else if (ps2_has_data(&s->kbd) && !(config(s) & CONFIG_KBD_DISABLED)) {
            uint8_t byte = ps2_read(&s->kbd);
            if (translate_byte(s, &byte)) {
                put_output(s, byte, false);
            }
        } else if (ps2_has_data(&s->aux) && !(config(s) & CONFIG_AUX_DISABLED)) {
            put_output(s, ps2_read(&s->aux), true);
        } else {
            return;
        }
    }
}

/* The controller's own answer; a second one replaces the first. */
static void put_answer(I8042 *s, uint8_t byte, bool aux)
{
    s->answer = byte;
    s->answer_aux = aux;
    s->answer_pending = true;
    fill_output(s);
}

static void write_outport(I8042 *s, uint8_t value)
{
    s->outport = value;
    cpu_a20_set(value & OUTPORT_A20);
    if (!(value & OUTPORT_NO_RESET)) {
        vm_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8042 *s = opaque;
    s->status |= STATUS_CMD;
    s->pending_command = 0;
    switch (value) {
    case CMD_READ_CONFIG ... CMD_READ_CONFIG + RAM_BYTES - 1:
        put_answer(s, s->ram[value - CMD_READ_CONFIG], false);
        break;
    case CMD_WRITE_CONFIG ... CMD_WRITE_CONFIG + RAM_BYTES - 1:
    case CMD_WRITE_OUTPORT:
    case CMD_WRITE_KBD_OUTPUT:
    case CMD_WRITE_AUX_OUTPUT:
    case CMD_WRITE_AUX:
        s->pending_command = value;
        break;
    case CMD_DISABLE_AUX:
        s->ram[0] |= CONFIG_AUX_DISABLED;
        break;
    case CMD_ENABLE_AUX:
        s->ram[0] &= ~CONFIG_AUX_DISABLED;
        fill_output(s);
        break;
    case CMD_TEST_AUX:
    case CMD_TEST_KBD:
        put_answer(s, 0x00, false);
        break;
    case CMD_SELF_TEST:
        s->status |= STATUS_SYS;
        put_answer(s, 0x55, false);
        break;
    case CMD_DISABLE_KBD:
        s->ram[0] |= CONFIG_KBD_DISABLED;
        break;
    case CMD_ENABLE_KBD:
        s->ram[0] &= ~CONFIG_KBD_DISABLED;
        fill_output(s);
        break;
    case CMD_READ_INPORT:
        put_answer(s, 0x80, false);             /* keyboard not locked */
        break;
    case CMD_READ_OUTPORT:
        put_answer(s, s->outport, false);
        break;
    case CMD_DISABLE_A20:
    case CMD_ENABLE_A20:
        write_outport(s, value == CMD_ENABLE_A20 ? s->outport | OUTPORT_A20 : s->outport & ~OUTPORT_A20);
        break;
    case CMD_PULSE ... CMD_NOP:
        if (!(value & OUTPORT_NO_RESET)) {
            vm_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
        }
        break;
    default:
        LOG(LOG_GUEST_ERROR, "i8042: unknown command 0x%02x\n", (unsigned)value);
    }
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8042 *s = opaque;
    uint8_t command = s->pending_command;
    s->pending_command = 0;
    s->status &= ~STATUS_CMD;
    switch (command) {
    case 0:
        s->ram[0] &= ~CONFIG_KBD_DISABLED;      /* sending to the keyboard enables its clock */
        ps2_write(&s->kbd, value);
        fill_output(s);
        break;
    case CMD_WRITE_CONFIG:
        s->ram[0] = value;
        s->status = value & CONFIG_SYS ? s->status | STATUS_SYS : s->status & ~STATUS_SYS;
        update_irqs(s);
        fill_output(s);
        break;
    case CMD_WRITE_OUTPORT:
        write_outport(s, value);
        break;
    case CMD_WRITE_KBD_OUTPUT:
    case CMD_WRITE_AUX_OUTPUT:
        put_answer(s, value, command == CMD_WRITE_AUX_OUTPUT);
        break;
    case CMD_WRITE_AUX:
        s->ram[0] &= ~CONFIG_AUX_DISABLED;
        ps2_write(&s->aux, value);
        fill_output(s);
        break;
    default:                                    /* CMD_WRITE_CONFIG + 1 ... */
        s->ram[command & (RAM_BYTES - 1)] = value;
    }
}

static uint64_t status_read(void *opaque, uint64_t offset, unsigned size)
{
    return ((I8042 *)opaque)->status;
}

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size)
{
    I8042 *s = opaque;
    uint8_t byte = s->output;
    if (s->status & STATUS_OBF) {
        s->status &= ~(STATUS_OBF | STATUS_AUX);
        update_irqs(s);
        fill_output(s);
    }
    return byte;
}

static const MemoryOps data_ops = { .read = data_read, .write = data_write, .impl = { .min = 1, .max = 1 } };
static const MemoryOps command_ops = { .read = status_read, .write = command_write, .impl = { .min = 1, .max = 1 } };

/* Input */

static void wake_guest(void)
{
    if (vm_run_state() == RUN_STATE_SUSPENDED) {
        vm_request_wakeup(WAKEUP_OTHER);
    }
}

static void key_event(void *opaque, QKeyCode key, bool down)
{
    wake_guest();
    ps2_keyboard_key(&((I8042 *)opaque)->kbd, key, down);
}

static void button_event(void *opaque, InputButton button, bool down)
{
    if (down) {
        wake_guest();
    }
    ps2_mouse_button(&((I8042 *)opaque)->aux, button, down);
}

static void move_event(void *opaque, InputAxis axis, int value)
{
    ps2_mouse_move(&((I8042 *)opaque)->aux, axis == INPUT_AXIS_X ? value : 0, axis == INPUT_AXIS_Y ? -value : 0);
}

static void mouse_sync(void *opaque)
{
    ps2_mouse_sync(&((I8042 *)opaque)->aux);
}

static const InputHandlerOps key_handler_ops = { .name = "QEMU PS/2 Keyboard", .key = key_event };
static const InputHandlerOps mouse_handler_ops = {
    .name = "QEMU PS/2 Mouse", .button = button_event, .move = move_event, .sync = mouse_sync,
};

static void repeat_due(void *opaque)
{
    ps2_keyboard_repeat(&((I8042 *)opaque)->kbd);
}

/* A mouse repeats nothing; but its port has a timer, which a bad saved state may have armed. */
static void repeat_ignored(void *opaque)
{
}

static bool i8042_realize(Device *dev, GError **err)
{
    I8042 *s = DEVICE(I8042, dev);
    s->kbd_irq = isa_irq(&s->isa, 1, err);
    s->aux_irq = s->kbd_irq ? isa_irq(&s->isa, 12, err) : NULL;
    if (!s->aux_irq) {
        return false;
    }
    ps2_init(&s->kbd, false, fill_output, s);
    ps2_init(&s->aux, true, fill_output, s);
    s->key_handler = input_handler_new(&key_handler_ops, s);
    s->mouse_handler = input_handler_new(&mouse_handler_ops, s);
    memory_region_init_io(&s->data_port, &dev->object, &data_ops, s, "i8042-data", 1);
    memory_region_init_io(&s->command_port, &dev->object, &command_ops, s, "i8042-cmd", 1);
    isa_register_ioport(&s->isa, &s->data_port, 0x60);
    isa_register_ioport(&s->isa, &s->command_port, 0x64);
    return true;
}

static void i8042_unrealize(Device *dev)
{
    I8042 *s = DEVICE(I8042, dev);
    input_handler_free(s->key_handler);
    input_handler_free(s->mouse_handler);
    memory_region_destroy(&s->data_port);
    memory_region_destroy(&s->command_port);
}

static void i8042_reset(Device *dev, ResetKind kind)
{
    I8042 *s = DEVICE(I8042, dev);
    memset(s->ram, 0, sizeof s->ram);
    s->ram[0] = CONFIG_KBD_INT | CONFIG_AUX_INT;
    s->status = STATUS_CMD | STATUS_UNLOCKED;
    s->outport = OUTPORT_NO_RESET | OUTPORT_A20 | OUTPORT_DEVICE_LINES;
    s->output = s->answer = s->pending_command = 0;
    s->output_aux = s->answer_pending = s->answer_aux = s->translate_break = false;
    ps2_reset(&s->kbd);
    ps2_reset(&s->aux);
    cpu_a20_set(true);
    update_irqs(s);
}

static bool i8042_post_load(Device *dev, unsigned version, GError **err)
{
    I8042 *s = DEVICE(I8042, dev);
    if (!ps2_state_valid(&s->kbd) || !ps2_state_valid(&s->aux) || s->kbd.is_mouse || !s->aux.is_mouse) {
        return error_set(err, "the state of a PS/2 port is out of range");
    }
    cpu_a20_set(s->outport & OUTPORT_A20);
    input_set_leds(s->kbd.leds & 7);
    return true;
}

static const StateField i8042_state[] = {
    STATE_STRUCT(I8042, kbd, Ps2Port, ps2_state), STATE_STRUCT(I8042, aux, Ps2Port, ps2_state),
    STATE_U8_ARRAY(I8042, ram), STATE_U8(I8042, outport), STATE_U8(I8042, status), STATE_U8(I8042, output),
    STATE_U8(I8042, answer), STATE_U8(I8042, pending_command), STATE_BOOL(I8042, output_aux),
    STATE_BOOL(I8042, answer_pending), STATE_BOOL(I8042, answer_aux), STATE_BOOL(I8042, translate_break), { }
};

static const DeviceType i8042_type = {
    .name = "i8042", .parent = &isa_device_type.type, .size = sizeof(I8042), .category = CATEGORY_INPUT,
    .not_user_creatable = true, .description = "8042 keyboard controller", .state = i8042_state,
    .timers = TIMERS(TIMER(I8042, kbd.repeat, CLOCK_VIRTUAL, repeat_due),
                     TIMER(I8042, aux.repeat, CLOCK_VIRTUAL, repeat_ignored)),
    .realize = i8042_realize, .unrealize = i8042_unrealize, .reset = i8042_reset, .post_load = i8042_post_load,
};
TYPE_REGISTER(i8042_type);

Device *i8042_create(IsaBus *bus)
{
    return &isa_create(bus, &i8042_type)->device;
}

Ps2Port *i8042_keyboard(Device *i8042)
{
    return &DEVICE(I8042, i8042)->kbd;
}

Ps2Port *i8042_mouse(Device *i8042)
{
    return &DEVICE(I8042, i8042)->aux;
}
