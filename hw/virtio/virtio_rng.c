/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-rng: an entropy device (5.4): the driver gives buffers, the device fills them with random bytes.
 *
 * Driver notifies -> work() takes a request -> asks the back end for as many bytes as it holds and the quota allows
 *   -> got_bytes() fills and returns it -> work() for the next. One request is with the back end at a time.
 * The quota (max-bytes each period) starts anew with the timer, which runs from the first use of a quota to its end.
 */
#include "core/rng_backend.h"
#include "core/vm.h"
#include "hw/virtio/virtio.h"

#define RNG_QUEUE_ENTRIES 8

typedef struct VirtioRng {
    VirtioDevice virtio;
    Object *rng;                                /* property */
    uint64_t max_bytes;
    uint32_t period_ms;
    Timer period_timer;
    uint64_t quota_left;
    VirtqElement *element;                      /* being filled */
    bool asked;
} VirtioRng;

static void work(VirtioRng *s);

static void got_bytes(void *opaque, const uint8_t *data, size_t len)
{
    VirtioRng *s = opaque;
    VirtqElement *e = s->element;

    s->asked = false;
    if (!e || !vm_running()) {                  /* a stopped machine's memory keeps still: asked again when it runs */
        return;
    }
    size_t done = MIN(len, e->in_bytes);
    virtq_write(e, 0, data, done);
    s->quota_left -= MIN(done, s->quota_left);
    s->element = NULL;
    virtqueue_push(e, done);
    virtqueue_notify(&s->virtio.queues[0]);
    work(s);
}

static void work(VirtioRng *s)
{
    VirtioDevice *v = &s->virtio;

    while (!s->asked && v->status & VIRTIO_STATUS_DRIVER_OK && vm_running()) {
        if (!timer_armed(&s->period_timer)) {
            s->quota_left = s->max_bytes;
        }
        if (!s->quota_left || (!s->element && !(s->element = virtqueue_pop(&v->queues[0])))) {
            return;
        }
        if (!s->element->in_bytes) {            /* nothing to fill */
            virtqueue_push(s->element, 0);
            s->element = NULL;
            virtqueue_notify(&v->queues[0]);
            continue;
        }
        if (s->max_bytes < INT64_MAX && !timer_armed(&s->period_timer)) {
            timer_arm_ns(&s->period_timer, clock_ns(CLOCK_VIRTUAL) + s->period_ms * NS_PER_MS);
        }
        s->asked = true;
        rng_backend_request((RngBackend *)s->rng, MIN(s->element->in_bytes, s->quota_left), got_bytes, s);
    }
}

static void queue_notified(VirtioDevice *v, VirtQueue *q)
{
    work((VirtioRng *)v);
}

static void period_over(void *opaque)
{
    VirtioRng *s = opaque;

    s->quota_left = s->max_bytes;
    work(s);
}

static void rng_status_changed(VirtioDevice *v, uint8_t old)
{
    work((VirtioRng *)v);
}

static void rng_stop(VirtioDevice *v, VirtQueue *q)
{
    VirtioRng *s = (VirtioRng *)v;

    if (s->asked) {
        rng_backend_cancel((RngBackend *)s->rng, s);
    }
    s->asked = false;
    if (s->element) {
        virtqueue_drop(s->element);
    }
    s->element = NULL;
}

static void rng_resume(VirtioDevice *v, VirtqElement *e)
{
    VirtioRng *s = (VirtioRng *)v;

    if (s->element) {                           /* there is never more than one; whoever made this state, lied */
        virtio_break(v, "more than one request was in progress");
        virtqueue_drop(e);
        return;
    }
    s->element = e;
    work(s);
}

static void rng_run_state(void *opaque, bool running, RunState state)
{
    if (running) {
        work(opaque);
    }
}

static bool rng_realize(Device *dev, GError **err)
{
    VirtioRng *s = (VirtioRng *)dev;

    if (!s->period_ms) {
        return error_set(err, "property 'period' is 0, not at least 1 ms");
    }
    if (s->max_bytes > INT64_MAX) {
        return error_set(err, "property 'max-bytes' is %" PRIu64 ", more than 2^63 - 1", s->max_bytes);
    }
    if (!s->rng) {
        Object *rng = object_new(&rng_builtin_type.type);
        object_ref(rng);
        object_add_child(OBJECT(dev), "default-backend", rng);
        s->rng = rng;                           /* the property's reference */
    }
    virtio_add_queue(&s->virtio, RNG_QUEUE_ENTRIES, queue_notified);
    s->quota_left = s->max_bytes;
    vm_on_state_change(rng_run_state, s);
    return true;
}

static void rng_unrealize(Device *dev)
{
    VirtioRng *s = (VirtioRng *)dev;

    vm_off_state_change(rng_run_state, s);
    rng_stop(&s->virtio, NULL);
}

static bool rng_post_load(Device *dev, unsigned version, GError **err)
{
    VirtioRng *s = (VirtioRng *)dev;

    s->quota_left = MIN(s->quota_left, s->max_bytes);
    return true;
}

static void rng_reset(Device *dev, ResetKind kind)
{
    VirtioRng *s = (VirtioRng *)dev;
    s->quota_left = s->max_bytes;
}

static const Property rng_properties[] = {
    PROP_LINK("rng", VirtioRng, rng, "rng-backend", "Back end that gives the random numbers; none: the host kernel"),
    PROP_UINT64("max-bytes", VirtioRng, max_bytes, INT64_MAX, "Most bytes given in a period"),
    PROP_UINT32("period", VirtioRng, period_ms, 1 << 16, "Length of a period in milliseconds"),
    { }
};

static const StateField rng_state[] = {
    STATE_U64(VirtioRng, quota_left), STATE_TIMER(VirtioRng, period_timer), { }
};

static const VirtioDeviceType virtio_rng_type = {
    .name = "virtio-rng-device", .parent = &virtio_device_type.type, .size = sizeof(VirtioRng),
    .category = CATEGORY_MISC, .description = "virtio entropy device", .no_hotplug = true,
    .bus = &virtio_bus_type.type, .virtio_id = VIRTIO_ID_ENTROPY, .properties = rng_properties, .state = rng_state,
    .timers = TIMERS(TIMER(VirtioRng, period_timer, CLOCK_VIRTUAL, period_over)),
    .realize = rng_realize, .unrealize = rng_unrealize, .reset = rng_reset, .post_load = rng_post_load,
    .status_changed = rng_status_changed, .stop = rng_stop, .resume = rng_resume,
};
TYPE_REGISTER(virtio_rng_type);
