/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port A (0x92): bit 0 resets, bit 1 is the fast A20 gate. Spec: 82371AB (PIIX4), section 4.2.1.6.
 */
#include "hw/misc/port92.h"

#include "core/vm.h"
#include "target/i386/cpu.h"

enum { PORT92_INIT_NOW = 1, PORT92_ALT_A20 = 2 };

typedef struct Port92 { IsaDevice isa; uint8_t outport; } Port92;

static void outport_write(Device *dev, uint64_t old, uint64_t value)
{
    cpu_a20_set(value & PORT92_ALT_A20);
    if ((value & PORT92_INIT_NOW) && !(old & PORT92_INIT_NOW)) {
        vm_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const Register port92_regs[] = {
    { 0x92, 1, "PORT92", REG_RW, 0xff, .field = REG_FIELD(Port92, outport), .on_write = outport_write },
    { }
};
static const StateField port92_state[] = { STATE_U8(Port92, outport), { } };

static void port92_reset(Device *dev, ResetKind kind)
{
    DEVICE(Port92, dev)->outport = 0;
}

static const DeviceType port92_type = {
    .name = "port92", .parent = &isa_device_type.type, .size = sizeof(Port92), .not_user_creatable = true,
    .description = "system control port A", .ports = port92_regs, .state = port92_state, .reset = port92_reset,
};
TYPE_REGISTER(port92_type);

void port92_create(IsaBus *bus)
{
    isa_create(bus, &port92_type);
}
