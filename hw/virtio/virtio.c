/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtio devices: what all have in common but the rings: features, status, configuration space, state. */
#include "hw/virtio/virtio.h"

#include <stdarg.h>
#include <string.h>

#include "core/log.h"
#include "core/vm.h"

/* Bits of host_bits: what the user allows to be offered. */
enum {
    HOST_INDIRECT_DESC, HOST_EVENT_IDX, HOST_NOTIFY_ON_EMPTY, HOST_ANY_LAYOUT, HOST_IOMMU_PLATFORM, HOST_PACKED,
    HOST_QUEUE_RESET, HOST_IN_ORDER, HOST_USE_STARTED, HOST_USE_DISABLED_FLAG, HOST_DISABLE_LEGACY_CHECK
};

/* Bus */

const BusType virtio_bus_type = {
    .name = "virtio-bus", .parent = &bus_type.type, .size = sizeof(VirtioBus), .is_abstract = true, .max_devices = 1,
};
TYPE_REGISTER(virtio_bus_type);

void virtio_bus_init(VirtioBus *bus, const BusType *type, Device *owner, const char *name, const VirtioTransport *t)
{
    bus_init(&bus->bus, type, owner, name);
    bus->transport = t;
}

VirtioDevice *virtio_bus_device(VirtioBus *bus)
{
    return bus->bus.devices->len ? bus->bus.devices->pdata[0] : NULL;
}

/* Features, 2.2 */

uint64_t virtio_host_features(VirtioDevice *v, bool legacy)
{
    static const struct { uint8_t host, feature; bool legacy, modern; } common[] = {
        { HOST_INDIRECT_DESC, VIRTIO_F_INDIRECT_DESC, true, true }, { HOST_EVENT_IDX, VIRTIO_F_EVENT_IDX, true, true },
        { HOST_NOTIFY_ON_EMPTY, VIRTIO_F_NOTIFY_ON_EMPTY, true, false },
        { HOST_ANY_LAYOUT, VIRTIO_F_ANY_LAYOUT, true, false },
        { HOST_IOMMU_PLATFORM, VIRTIO_F_ACCESS_PLATFORM, false, true },
        { HOST_QUEUE_RESET, VIRTIO_F_RING_RESET, false, true },
    };
    const VirtioDeviceType *type = virtio_type_of(v);
    uint64_t features = type->get_features ? type->get_features(v, legacy) : 0;

    for (size_t i = 0; i < G_N_ELEMENTS(common); i++) {
        if (v->host_bits >> common[i].host & 1 && (legacy ? common[i].legacy : common[i].modern)) {
            features |= VIRTIO_BIT(common[i].feature);
        }
    }
    return legacy ? features & ~type->legacy_without : features | VIRTIO_BIT(VIRTIO_F_VERSION_1);
}

void virtio_set_features(VirtioDevice *v, uint64_t features, bool legacy)
{
    if (!(v->status & VIRTIO_STATUS_FEATURES_OK)) {
        v->features = features & virtio_host_features(v, legacy);
    }
}

/* Without VERSION_1 this is no virtio 1 driver; without ACCESS_PLATFORM it would go around the IOMMU. */
static bool features_acceptable(VirtioDevice *v)
{
    uint64_t needed = VIRTIO_BIT(VIRTIO_F_VERSION_1) |
        (virtio_host_features(v, false) & VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM));

    return (v->features & needed) == needed;
}

/* Status, 2.1 */

void virtio_reset(VirtioDevice *v)
{
    const VirtioDeviceType *type = virtio_type_of(v);

    if (type->stop) {
        type->stop(v, NULL);
    }
    for (uint32_t i = 0; i < v->queue_count; i++) {
        virtqueue_reset(&v->queues[i]);
    }
    v->features = 0;
    v->status = v->isr = 0;
    v->generation = 0;
    v->broken = v->resume_due = false;
    if (type->driver_reset) {
        type->driver_reset(v);
    }
}

void virtio_set_status(VirtioDevice *v, uint8_t status)
{
    const VirtioDeviceType *type = virtio_type_of(v);
    uint8_t old = v->status;

    if (!status) {
        virtio_reset(v);
        return;
    }
    /* A legacy driver has no such bit; whoever takes VERSION_1 has. */
    if (status & ~old & VIRTIO_STATUS_FEATURES_OK && virtio_has(v, VIRTIO_F_VERSION_1) && !features_acceptable(v)) {
        LOG(LOG_GUEST_ERROR, "%s: features 0x%" PRIx64 " are not enough\n", type->name, v->features);
        status &= ~VIRTIO_STATUS_FEATURES_OK;
    }
    v->status = status | (old & VIRTIO_STATUS_NEEDS_RESET);
    if (type->status_changed && !v->broken) {
        type->status_changed(v, old);
    }
}

void virtio_config_changed(VirtioDevice *v)
{
    VirtioBus *bus = virtio_bus_of(v);

    v->generation++;
    if (v->status & VIRTIO_STATUS_DRIVER_OK) {
        v->isr |= VIRTIO_ISR_CONFIG;
        bus->transport->interrupt(bus, NULL);
    }
}

void virtio_break(VirtioDevice *v, const char *format, ...)
{
    va_list args;

    if (v->broken) {
        return;
    }
    va_start(args, format);
    g_autofree char *why = g_strdup_vprintf(format, args);
    va_end(args);
    LOG(LOG_GUEST_ERROR, "%s: %s; it waits for a reset\n", v->device.object.type->name, why);
    v->broken = true;
    if (virtio_has(v, VIRTIO_F_VERSION_1)) {
        v->status |= VIRTIO_STATUS_NEEDS_RESET;
        virtio_config_changed(v);
    }
}

/* Queues */

void virtio_add_queue(VirtioDevice *v, uint16_t size, VirtQueueFn *handler)
{
    g_assert(v->queue_count < VIRTIO_QUEUES_MAX && size && size <= VIRTQUEUE_SIZE_MAX && !(size & (size - 1)));
    v->queues = g_renew(VirtQueue, v->queues, v->queue_count + 1);
    v->queues[v->queue_count] = (VirtQueue){
        .device = v, .index = v->queue_count, .handler = handler, .size_max = size,
        .saved_heads = g_malloc0(2 * VIRTQUEUE_SIZE_MAX),
    };
    virtqueue_reset(&v->queues[v->queue_count++]);
}

VirtQueue *virtio_queue(VirtioDevice *v, uint32_t index)
{
    return index < v->queue_count ? &v->queues[index] : NULL;
}

void virtio_queue_notified(VirtioDevice *v, uint32_t index)
{
    VirtQueue *q = virtio_queue(v, index);

    if (q && q->ready && !v->broken) {
        q->handler(v, q);
    }
}

void virtio_queue_reset(VirtioDevice *v, uint32_t index)
{
    VirtQueue *q = virtio_queue(v, index);

    if (!q) {
        return;
    }
    if (virtio_type_of(v)->stop) {
        virtio_type_of(v)->stop(v, q);
    }
    virtqueue_reset(q);
}

/* Configuration space, 2.5 */

uint32_t virtio_config_read(VirtioDevice *v, uint32_t offset, unsigned size)
{
    const VirtioDeviceType *type = virtio_type_of(v);
    uint8_t config[VIRTIO_CONFIG_BYTES_MAX] = { 0 };
    uint32_t value = 0;

    if (offset > type->config_bytes || size > type->config_bytes - offset) {
        return UINT32_MAX >> (32 - 8 * size);
    }
    type->read_config(v, config);
    memcpy(&value, config + offset, size);
    return GUINT32_FROM_LE(value);
}

void virtio_config_write(VirtioDevice *v, uint32_t offset, unsigned size, uint32_t value)
{
    const VirtioDeviceType *type = virtio_type_of(v);
    uint8_t config[VIRTIO_CONFIG_BYTES_MAX] = { 0 };

    if (offset > type->config_bytes || size > type->config_bytes - offset || !type->write_config) {
        return;
    }
    type->read_config(v, config);
    value = GUINT32_TO_LE(value);
    memcpy(config + offset, &value, size);
    type->write_config(v, config);
}

/* Life and state */

static void resume(VirtioDevice *v)
{
    v->resume_due = false;
    for (uint32_t i = 0; i < v->queue_count; i++) {
        virtqueue_resume(&v->queues[i]);
    }
}

static void resume_soon(void *opaque)
{
    VirtioDevice *v = opaque;

    if (v->resume_due && vm_running()) {
        resume(v);
    }
}

static void run_state_changed(void *opaque, bool running, RunState state)
{
    if (running) {
        resume_soon(opaque);
    }
}

static bool device_realize_virtio(Device *dev, GError **err)
{
    VirtioDevice *v = VIRTIO_DEVICE(dev);
    const char *later = v->host_bits >> HOST_PACKED & 1 ? "packed" : v->host_bits >> HOST_IN_ORDER & 1 ? "in_order" : NULL;

    if (later) {
        return error_set(err, "property '%s' is on: %s has split rings in any order only, so far", later,
                         dev->object.type->name);
    }
    v->resume_bh = bh_new(NULL, resume_soon, v);
    vm_on_state_change(run_state_changed, v);
    return true;
}

static void device_unrealize_virtio(Device *dev)
{
    VirtioDevice *v = VIRTIO_DEVICE(dev);

    vm_off_state_change(run_state_changed, v);
    g_clear_pointer(&v->resume_bh, bh_free);
    for (uint32_t i = 0; i < v->queue_count; i++) {
        virtqueue_drop_all(&v->queues[i]);
        g_free(v->queues[i].saved_heads);
    }
    g_clear_pointer(&v->queues, g_free);
    v->queue_count = 0;
}

static void device_reset_virtio(Device *dev, ResetKind kind)
{
    virtio_reset(VIRTIO_DEVICE(dev));
}

static void device_pre_save_virtio(Device *dev)
{
    VirtioDevice *v = VIRTIO_DEVICE(dev);

    for (uint32_t i = 0; i < v->queue_count && !v->resume_due; i++) {
        virtqueue_pre_save(&v->queues[i]);
    }
}

static bool device_post_load_virtio(Device *dev, unsigned version, GError **err)
{
    VirtioDevice *v = VIRTIO_DEVICE(dev);
    uint64_t offered = virtio_host_features(v, false) | virtio_host_features(v, true);

    if (virtio_type_of(v)->stop) {
        virtio_type_of(v)->stop(v, NULL);
    }
    if (v->features & ~offered) {
        return error_set(err, "features 0x%" PRIx64 " are not offered here", v->features & ~offered);
    }
    for (uint32_t i = 0; i < v->queue_count; i++) {
        virtqueue_drop_all(&v->queues[i]);
        if (!virtqueue_post_load(&v->queues[i], err)) {
            return false;
        }
    }
    v->resume_due = true;
    bh_schedule(v->resume_bh);
    return true;
}

#define HOST_BIT(name, bit, on, text) PROP_BIT32(name, VirtioDevice, host_bits, bit, on, text)
static const char compatibility_text[] = "For compatibility: does nothing";
static const Property virtio_device_properties[] = {
    HOST_BIT("indirect_desc", HOST_INDIRECT_DESC, true, "Tables of descriptors beside the ring are offered"),
    HOST_BIT("event_idx", HOST_EVENT_IDX, true, "Interrupts and notifications from an index on are offered"),
    HOST_BIT("notify_on_empty", HOST_NOTIFY_ON_EMPTY, true, "An interrupt when a ring runs empty is offered (legacy)"),
    HOST_BIT("any_layout", HOST_ANY_LAYOUT, true, "Requests cut into buffers anywhere are offered (legacy)"),
    HOST_BIT("iommu_platform", HOST_IOMMU_PLATFORM, false, "Addresses are those that an IOMMU translates"),
    HOST_BIT("packed", HOST_PACKED, false, "Packed rings are offered"),
    HOST_BIT("queue_reset", HOST_QUEUE_RESET, true, "Reset of a single queue is offered"),
    HOST_BIT("in_order", HOST_IN_ORDER, false, "Requests are returned in the order in which they came"),
    HOST_BIT("use-started", HOST_USE_STARTED, true, compatibility_text),
    HOST_BIT("use-disabled-flag", HOST_USE_DISABLED_FLAG, true, compatibility_text),
    HOST_BIT("x-disable-legacy-check", HOST_DISABLE_LEGACY_CHECK, false, compatibility_text),
    { }
};

static const StateField virtio_device_state[] = {
    STATE_U64(VirtioDevice, features), STATE_U32(VirtioDevice, generation), STATE_U8(VirtioDevice, status),
    STATE_U8(VirtioDevice, isr), STATE_BOOL(VirtioDevice, broken),
    STATE_STRUCTS(VirtioDevice, queues, queue_count, VirtQueue, virtqueue_state), { }
};

const VirtioDeviceType virtio_device_type = {
    .name = "virtio-device", .parent = &device_type.type, .size = sizeof(VirtioDevice), .is_abstract = true,
    .bus = &virtio_bus_type.type, .properties = virtio_device_properties, .state = virtio_device_state,
    .realize = device_realize_virtio, .unrealize = device_unrealize_virtio, .reset = device_reset_virtio,
    .pre_save = device_pre_save_virtio, .post_load = device_post_load_virtio,
};
TYPE_REGISTER(virtio_device_type);
