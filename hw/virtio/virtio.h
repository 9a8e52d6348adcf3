/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio devices, apart from how a guest reaches them.
 *
 *   guest -> transport (virtio-mmio, later virtio-pci: a device that offers a VirtioBus)
 *         -> VirtioDevice (rng, blk ...: what the queues mean), which takes and returns buffers of its VirtQueues
 *   device -> virtqueue_push() -> virtqueue_notify() -> the transport's interrupt hook
 *
 * The common state (features, status, interrupt status, rings) is VirtioDevice's and saved with it; a transport keeps
 * only its own registers. A ring is only touched through the functions below, so that other ring formats and other
 * notifiers can stand behind them. What a guest does wrong breaks the device until it is reset (virtio_break()).
 * Under the big lock. Spec: Virtual I/O Device (VIRTIO) 1.2, chapters 2 and 3; legacy parts as it describes them.
 */
#ifndef HW_VIRTIO_VIRTIO_H
#define HW_VIRTIO_VIRTIO_H

#include <sys/uio.h>

#include "core/device.h"
#include "core/loop.h"
#include "memory/memory.h"

#define VIRTIO_QUEUES_MAX 1024u
#define VIRTQUEUE_SIZE_MAX 1024u                /* entries of a ring, and buffers of a request */
#define VIRTIO_CONFIG_BYTES_MAX 256u

enum { VIRTIO_ID_BLOCK = 2, VIRTIO_ID_ENTROPY = 4 };
enum { /* device status, 2.1 */
    VIRTIO_STATUS_ACKNOWLEDGE = 0x01, VIRTIO_STATUS_DRIVER = 0x02, VIRTIO_STATUS_DRIVER_OK = 0x04,
    VIRTIO_STATUS_FEATURES_OK = 0x08, VIRTIO_STATUS_NEEDS_RESET = 0x40, VIRTIO_STATUS_FAILED = 0x80
};
enum { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };
enum { /* feature bits of all devices, 6 */
    VIRTIO_F_NOTIFY_ON_EMPTY = 24, VIRTIO_F_ANY_LAYOUT = 27, VIRTIO_F_INDIRECT_DESC = 28, VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32, VIRTIO_F_ACCESS_PLATFORM = 33, VIRTIO_F_RING_PACKED = 34, VIRTIO_F_IN_ORDER = 35,
    VIRTIO_F_RING_RESET = 40
};
#define VIRTIO_BIT(n) (1ull << (n))

typedef struct VirtioDevice VirtioDevice;
typedef struct VirtQueue VirtQueue;
typedef struct VirtioBus VirtioBus;

/* A request: a chain of buffers. Host memory, lent until the element is pushed or dropped. */
typedef struct VirtqElement {
    VirtQueue *queue;
    uint16_t head;                              /* its number in the ring */
    unsigned out_count, in_count;               /* buffers to read, buffers to write */
    size_t out_bytes, in_bytes;
    struct iovec *out, *in;
    bool abandoned;
    GList link;                                 /* in queue->pending, unless abandoned */
} VirtqElement;

typedef void VirtQueueFn(VirtioDevice *v, VirtQueue *q);

struct VirtQueue {
    VirtioDevice *device;
    unsigned index;
    VirtQueueFn *handler;                       /* the driver has put something into the ring */
    uint16_t size_max;                          /* entries offered; 0: no such queue */
    /* Guest state */
    uint16_t size;
    bool ready;                                 /* rings are where the addresses say */
    uint64_t desc, avail, used;                 /* guest addresses */
    uint32_t align;                             /* legacy: of the used ring */
    uint16_t avail_next, used_next;             /* free-running */
    uint16_t told;                              /* used_next when the driver was last interrupted, if told_valid */
    bool told_valid;
    /* Host side */
    GQueue pending;                             /* VirtqElement: taken and not returned, oldest first */
    uint8_t *saved_heads;                       /* heads of `pending`, while saved or loaded */
    uint32_t saved_bytes;
};

/* What a transport is to the device on it. */
typedef struct VirtioTransport {
    /* A queue's buffers were used (@q), or configuration or status changed (NULL). v->isr is up to date. */
    void (*interrupt)(VirtioBus *bus, VirtQueue *q);
    AddressSpace *(*dma)(VirtioBus *bus);
} VirtioTransport;

extern const BusType virtio_bus_type;           /* "virtio-bus": abstract; one device */
struct VirtioBus { Bus bus; const VirtioTransport *transport; };
void virtio_bus_init(VirtioBus *bus, const BusType *type, Device *owner, const char *name, const VirtioTransport *t);
/** virtio_bus_device: NULL: the bus is empty. */
VirtioDevice *virtio_bus_device(VirtioBus *bus);

typedef struct VirtioDeviceType {
    union { DeviceType device; struct DeviceType; };
    uint16_t virtio_id;
    uint16_t config_bytes;                      /* of device configuration space; 0: none */
    uint64_t legacy_without;                    /* features that its legacy interface does not have */
    /* Features of its own that it offers now; @legacy: through the legacy interface. NULL: none. */
    uint64_t (*get_features)(VirtioDevice *v, bool legacy);
    void (*read_config)(VirtioDevice *v, uint8_t *config);      /* fills config_bytes */
    /* The driver has written: @config holds all of it, as read and then changed. NULL: read-only. */
    void (*write_config)(VirtioDevice *v, const uint8_t *config);
    void (*status_changed)(VirtioDevice *v, uint8_t old);
    /* Host side: ends what is in progress in @q (NULL: all queues) and drops its elements. */
    void (*stop)(VirtioDevice *v, VirtQueue *q);
    void (*driver_reset)(VirtioDevice *v);      /* after stop(): back to the state of a new device */
    /* After a load: an element that was pending, to be worked on again when the machine runs. In old order. */
    void (*resume)(VirtioDevice *v, VirtqElement *e);
} VirtioDeviceType;

struct VirtioDevice {
    Device device;
    VirtQueue *queues;
    uint32_t queue_count;
    uint32_t host_bits;                         /* VIRTIO_HOST_*: properties */
    /* Guest state */
    uint64_t features;                          /* the driver's */
    uint32_t generation;                        /* of the configuration space */
    uint8_t status, isr;
    bool broken;
    /* Host side */
    bool resume_due;                            /* elements of a load wait in saved_heads */
    Bh *resume_bh;
};
#define VIRTIO_DEVICE(d) ((VirtioDevice *)(d))
#define virtio_type_of(v) ((const VirtioDeviceType *)((VirtioDevice *)(v))->device.object.type)

extern const VirtioDeviceType virtio_device_type;       /* "virtio-device": abstract */
static inline VirtioBus *virtio_bus_of(const VirtioDevice *v) { return (VirtioBus *)v->device.bus; }

/* --- for devices --- */

/** virtio_add_queue: in realize(); at most VIRTIO_QUEUES_MAX. The array may move: keep the number, not the pointer. */
void virtio_add_queue(VirtioDevice *v, uint16_t size, VirtQueueFn *handler);
static inline bool virtio_has(const VirtioDevice *v, unsigned feature) { return v->features >> feature & 1; }
/**
 * virtqueue_pop: the next request, whose buffers are all in RAM. NULL: there is none, or the driver broke the ring.
 * The device has it until virtqueue_push() or virtqueue_drop().
 */
VirtqElement *virtqueue_pop(VirtQueue *q);
/** virtq_read: from the `out` buffers of @e, at @at; virtq_write: to the `in` buffers. The range is inside. */
void virtq_read(const VirtqElement *e, size_t at, void *buf, size_t len);
void virtq_write(const VirtqElement *e, size_t at, const void *buf, size_t len);
/** virtqueue_push: returns @e, of whose `in` buffers the first @written bytes were filled. Frees it. */
void virtqueue_push(VirtqElement *e, size_t written);
/** virtqueue_drop: frees @e without a word to the driver: at a reset. */
void virtqueue_drop(VirtqElement *e);
/**
 * virtqueue_abandon: at a reset: the queue forgets @e, but its memory stays lent, since somebody still works on it;
 * virtqueue_drop() when that has ended, before the device goes.
 */
void virtqueue_abandon(VirtqElement *e);
/** virtqueue_notify: interrupts the driver if it wants to know of what was pushed since. */
void virtqueue_notify(VirtQueue *q);
bool virtqueue_is_empty(VirtQueue *q);
/** virtio_config_changed: the driver should read the configuration space again. */
void virtio_config_changed(VirtioDevice *v);
/** virtio_break: the driver did what it must not: nothing works until it resets the device. @why: for the log. */
void virtio_break(VirtioDevice *v, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* --- for virtio.c --- */

extern const StateField virtqueue_state[];
/** virtqueue_pre_save: fills saved_heads; virtqueue_post_load checks what came. */
void virtqueue_pre_save(VirtQueue *q);
bool virtqueue_post_load(VirtQueue *q, GError **err);
/** virtqueue_resume: takes the elements of saved_heads again, each given to the device's resume(). */
void virtqueue_resume(VirtQueue *q);
void virtqueue_drop_all(VirtQueue *q);

/* --- for transports --- */

/** virtio_host_features: what is offered through the legacy or the virtio 1 interface. */
uint64_t virtio_host_features(VirtioDevice *v, bool legacy);
/** virtio_set_features: the driver's; bits that are not offered stay away. */
void virtio_set_features(VirtioDevice *v, uint64_t features, bool legacy);
/**
 * virtio_set_status: as the driver writes it; 0 resets. FEATURES_OK does not stick if features that must come together
 * do not.
 */
void virtio_set_status(VirtioDevice *v, uint8_t status);
void virtio_reset(VirtioDevice *v);
/** virtio_queue: NULL: there is no queue @index. */
VirtQueue *virtio_queue(VirtioDevice *v, uint32_t index);
/** virtio_queue_notified: the driver says that there is something new in queue @index; any number. */
void virtio_queue_notified(VirtioDevice *v, uint32_t index);
/** virtqueue_set_size: number of entries; a power of 2 and at most size_max, else ignored. */
void virtqueue_set_size(VirtQueue *q, uint32_t size);
void virtqueue_set_legacy(VirtQueue *q, uint64_t ring);         /* 2.7.2; address 0: not ready */
void virtqueue_reset(VirtQueue *q);             /* as new; the device has let go of it */
void virtio_queue_reset(VirtioDevice *v, uint32_t index);       /* RING_RESET, 2.6.1; any number */
/** virtio_config_read / write: @size 1, 2 or 4 at @offset; beyond the end: all ones, ignored. */
uint32_t virtio_config_read(VirtioDevice *v, uint32_t offset, unsigned size);
void virtio_config_write(VirtioDevice *v, uint32_t offset, unsigned size, uint32_t value);

#endif
