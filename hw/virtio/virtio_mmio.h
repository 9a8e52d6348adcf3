/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtio over MMIO: a window of registers with a bus for one virtio device behind it. */
#ifndef HW_VIRTIO_VIRTIO_MMIO_H
#define HW_VIRTIO_VIRTIO_MMIO_H

#include "hw/virtio/virtio.h"

#define VIRTIO_MMIO_BYTES 0x200u

/** virtio_mmio_create: a transport of the board at @base of system memory; its bus is "virtio-mmio-bus.@index". */
Device *virtio_mmio_create(unsigned index, GuestAddr base, IrqLine *irq);
/** virtio_mmio_has_device: whether something is plugged into it. */
bool virtio_mmio_has_device(Device *transport);

#endif
