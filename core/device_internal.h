/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the life of devices, buses and their state. */
#ifndef CORE_DEVICE_INTERNAL_H
#define CORE_DEVICE_INTERNAL_H

#include "core/device.h"
#include "core/object_internal.h"

/** device_type_chain: @dev's type and its parents down to "device", leaf first; returns how many. */
unsigned device_type_chain(const Device *dev, const DeviceType *chain[TYPE_DEPTH_MAX]);
void device_stop_timers(Device *dev);

/** bus_choose: *@bus becomes the bus for @dev (checked if given); stays NULL for a device that needs none. */
bool bus_choose(Device *dev, Bus **bus, GError **err);
bool bus_attach(Bus *bus, Device *dev, GError **err);
void bus_detach(Device *dev);
void bus_plugged(Device *dev);
bool bus_unplug_request(Device *dev, bool *asked, GError **err);        /* *@asked: the guest will end it */

#endif
