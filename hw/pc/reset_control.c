/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port 0xcf9: writing RST_CPU resets the machine; the kind of reset makes no difference here. */
#include "hw/pc/reset_control.h"

#include "core/vm.h"

static uint64_t control_read(void *opaque, uint64_t offset, unsigned size)
{
    return ((ResetControl *)opaque)->value;
}

static void control_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    ResetControl *r = opaque;
    if (value & RESET_CONTROL_RST_CPU) {
        vm_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    } else {
        r->value = value & r->mask;
    }
}

static const MemoryOps control_ops = { .read = control_read, .write = control_write, .valid = { 1, 1 }, .impl = { 1, 1 } };

void reset_control_init(ResetControl *r, Device *owner, MemoryRegion *io, const char *name, uint8_t mask)
{
    r->mask = mask;
    memory_region_init_io(&r->region, OBJECT(owner), &control_ops, r, name, 1);
    memory_region_add_overlap(io, RESET_CONTROL_PORT, &r->region, 1);
}
