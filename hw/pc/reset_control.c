/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port 0xcf9: writing RST_CPU resets the machine; the kind of reset makes no difference here. */
#include "hw/pc/reset_control.h"

#include "core/vm.h"
#include "hw/pci/pci_host.h"

static uint8_t control_read(void *opaque)
{
    return ((ResetControl *)opaque)->value;
}

static void control_write(void *opaque, uint8_t value)
{
    ResetControl *r = opaque;
    if (value & RESET_CONTROL_RST_CPU) {
        vm_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    } else {
        r->value = value & r->mask;
    }
}

void reset_control_init(ResetControl *r, PciBus *bus, uint8_t mask)
{
    PciHost *host = bus->host;

    r->mask = mask;
    host->cf9_read = control_read;
    host->cf9_write = control_write;
    host->cf9_opaque = r;
}
