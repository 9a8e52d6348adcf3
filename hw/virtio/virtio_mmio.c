/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio over MMIO (4.2): registers 0x000-0x0ff, each of 32 bits and only reached as such, and the device's
 * configuration space behind them. force-legacy=on makes it the legacy interface (4.2.4: version 1, page numbers of
 * rings), off the one of virtio 1 (version 2, addresses of rings).
 *
 * The interrupt line is up while InterruptStatus is not 0. Without a device on the bus, only the first registers answer.
 */
#include "hw/virtio/virtio_mmio.h"

enum { VERSION_LEGACY = 1, VERSION_1 = 2, CONFIG = 0x100, QUEUE_ALIGN_MAX = 1 << 30 };
#define MAGIC 0x74726976u                       /* "virt" */
#define VENDOR 0x554d4551u                      /* "QEMU" */

typedef struct VirtioMmio {
    Device device;
    VirtioBus bus;
    MemoryRegion region;
    GuestAddr base;
    IrqLine *irq;
    bool force_legacy, ioeventfd;
    uint16_t queue_size;                        /* 0: what the device has */
    /* Guest state; the rest is the device's */
    uint32_t device_features_sel, driver_features_sel, queue_sel, page_bytes;
} VirtioMmio;

static VirtioDevice *vdev(Device *dev) { return virtio_bus_device(&DEVICE(VirtioMmio, dev)->bus); }

static VirtQueue *selected(Device *dev) { return virtio_queue(vdev(dev), DEVICE(VirtioMmio, dev)->queue_sel); }

static void update_irq(VirtioMmio *s)
{
    VirtioDevice *v = virtio_bus_device(&s->bus);
    irq_set(s->irq, v && v->isr);
}

/* Registers of both interfaces. Those of QueueSel's queue read as 0, and writes vanish, if there is none. */

static uint64_t read_magic(Device *dev, uint64_t value) { return MAGIC; }
static uint64_t read_version(Device *dev, uint64_t value) { return DEVICE(VirtioMmio, dev)->force_legacy ? VERSION_LEGACY : VERSION_1; }
static uint64_t read_vendor(Device *dev, uint64_t value) { return VENDOR; }
static uint64_t read_device_id(Device *dev, uint64_t value) { return virtio_type_of(vdev(dev))->virtio_id; }
static uint64_t read_status(Device *dev, uint64_t value) { return vdev(dev)->status; }
static uint64_t read_isr(Device *dev, uint64_t value) { return vdev(dev)->isr; }
static uint64_t read_ones(Device *dev, uint64_t value) { return UINT32_MAX; }

static uint64_t read_device_features(Device *dev, uint64_t value)
{
    const VirtioMmio *s = DEVICE(VirtioMmio, dev);
    return (uint32_t)(virtio_host_features(vdev(dev), s->force_legacy) >> (s->device_features_sel ? 32 : 0));
}

static void write_driver_features(Device *dev, uint64_t old, uint64_t value)
{
    const VirtioMmio *s = DEVICE(VirtioMmio, dev);
    VirtioDevice *v = vdev(dev);
    uint64_t features = s->driver_features_sel ? (uint32_t)v->features | value << 32 :
                                                 (v->features & ~(uint64_t)UINT32_MAX) | value;

    if (s->driver_features_sel < (s->force_legacy ? 1 : 2)) {
        virtio_set_features(v, features, s->force_legacy);
    }
}

static uint64_t read_queue_num_max(Device *dev, uint64_t value)
{
    const VirtQueue *q = selected(dev);
    return q ? q->size_max : 0;
}

static void write_queue_num(Device *dev, uint64_t old, uint64_t value)
{
    if (selected(dev)) {
        virtqueue_set_size(selected(dev), value);
    }
}

static void write_queue_notify(Device *dev, uint64_t old, uint64_t value)
{
    virtio_queue_notified(vdev(dev), value);
}

static void write_interrupt_ack(Device *dev, uint64_t old, uint64_t value)
{
    vdev(dev)->isr &= ~value;
    update_irq(DEVICE(VirtioMmio, dev));
}

static void write_status(Device *dev, uint64_t old, uint64_t value)
{
    virtio_set_status(vdev(dev), value);
    update_irq(DEVICE(VirtioMmio, dev));
}

/* Legacy interface */

static void write_queue_align(Device *dev, uint64_t old, uint64_t value)
{
    VirtQueue *q = selected(dev);

    if (q && !q->ready && value && value <= QUEUE_ALIGN_MAX && !(value & (value - 1))) {
        q->align = value;
    }
}

static uint64_t read_queue_pfn(Device *dev, uint64_t value)
{
    const VirtQueue *q = selected(dev);
    return q ? q->desc / DEVICE(VirtioMmio, dev)->page_bytes : 0;
}

static void write_queue_pfn(Device *dev, uint64_t old, uint64_t value)
{
    if (!value) {                               /* how old drivers reset a device */
        virtio_reset(vdev(dev));
        update_irq(DEVICE(VirtioMmio, dev));
    } else if (selected(dev)) {
        virtqueue_set_legacy(selected(dev), value * DEVICE(VirtioMmio, dev)->page_bytes);
    }
}

static void write_page_size(Device *dev, uint64_t old, uint64_t value)
{
    if (!value || value & (value - 1)) {
        DEVICE(VirtioMmio, dev)->page_bytes = old;
    }
}

/* Interface of virtio 1 */

static uint64_t read_queue_ready(Device *dev, uint64_t value)
{
    return selected(dev) && selected(dev)->ready;
}

static void write_queue_ready(Device *dev, uint64_t old, uint64_t value)
{
    if (selected(dev)) {
        selected(dev)->ready = value & 1;
    }
}

static void set_half(uint64_t *addr, bool high, uint32_t value)
{
    *addr = high ? (uint32_t)*addr | (uint64_t)value << 32 : (*addr & ~(uint64_t)UINT32_MAX) | value;
}

#define ADDRESS_WRITERS(ring) \
    static void write_##ring##_low(Device *dev, uint64_t old, uint64_t value) \
    { \
        if (selected(dev) && !selected(dev)->ready) { set_half(&selected(dev)->ring, false, value); } \
    } \
    static void write_##ring##_high(Device *dev, uint64_t old, uint64_t value) \
    { \
        if (selected(dev) && !selected(dev)->ready) { set_half(&selected(dev)->ring, true, value); } \
    }
ADDRESS_WRITERS(desc)
ADDRESS_WRITERS(avail)
ADDRESS_WRITERS(used)

static void write_queue_reset(Device *dev, uint64_t old, uint64_t value)
{
    VirtioDevice *v = vdev(dev);

    if (value & 1 && virtio_has(v, VIRTIO_F_RING_RESET)) {
        virtio_queue_reset(v, DEVICE(VirtioMmio, dev)->queue_sel);
    }
}

static uint64_t read_generation(Device *dev, uint64_t value) { return vdev(dev)->generation; }

#define RO(at, name_, fn) { at, 4, name_, REG_RO, .exact = true, .on_read = fn }
#define WO(at, name_, fn) { at, 4, name_, REG_WO, .writable = UINT32_MAX, .exact = true, .on_write = fn }
#define KEPT(at, name_, f) { at, 4, name_, REG_WO, .writable = UINT32_MAX, .exact = true, .field = REG_FIELD(VirtioMmio, f) }
#define COMMON \
    RO(0x000, "MagicValue", read_magic), RO(0x004, "Version", read_version), RO(0x008, "DeviceID", read_device_id), \
    RO(0x00c, "VendorID", read_vendor), RO(0x010, "DeviceFeatures", read_device_features), \
    KEPT(0x014, "DeviceFeaturesSel", device_features_sel), WO(0x020, "DriverFeatures", write_driver_features), \
    KEPT(0x024, "DriverFeaturesSel", driver_features_sel), KEPT(0x030, "QueueSel", queue_sel), \
    RO(0x034, "QueueNumMax", read_queue_num_max), WO(0x038, "QueueNum", write_queue_num), \
    WO(0x050, "QueueNotify", write_queue_notify), RO(0x060, "InterruptStatus", read_isr), \
    WO(0x064, "InterruptACK", write_interrupt_ack), \
    { 0x070, 4, "Status", .writable = 0xff, .exact = true, .on_read = read_status, .on_write = write_status }, \
    RO(0x0b0, "SHMLenLow", read_ones), RO(0x0b4, "SHMLenHigh", read_ones)

static const Register legacy_regs[] = {
    COMMON,
    { 0x028, 4, "GuestPageSize", REG_WO, .writable = UINT32_MAX, .exact = true,
      .field = REG_FIELD(VirtioMmio, page_bytes), .on_write = write_page_size },
    WO(0x03c, "QueueAlign", write_queue_align),
    { 0x040, 4, "QueuePFN", .writable = UINT32_MAX, .exact = true, .on_read = read_queue_pfn, .on_write = write_queue_pfn },
    { }
};

static const Register modern_regs[] = {
    COMMON,
    { 0x044, 4, "QueueReady", .writable = 1, .exact = true, .on_read = read_queue_ready, .on_write = write_queue_ready },
    WO(0x080, "QueueDescLow", write_desc_low), WO(0x084, "QueueDescHigh", write_desc_high),
    WO(0x090, "QueueDriverLow", write_avail_low), WO(0x094, "QueueDriverHigh", write_avail_high),
    WO(0x0a0, "QueueDeviceLow", write_used_low), WO(0x0a4, "QueueDeviceHigh", write_used_high),
    WO(0x0c0, "QueueReset", write_queue_reset), RO(0x0fc, "ConfigGeneration", read_generation),
    { }
};

static const Register *registers_of(const VirtioMmio *s) { return s->force_legacy ? legacy_regs : modern_regs; }

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    VirtioMmio *s = opaque;
    VirtioDevice *v = virtio_bus_device(&s->bus);

    if (!v) {
        bool answers = size == 4 && (offset == 0x000 || offset == 0x004 || offset == 0x00c);
        return answers ? registers_read(registers_of(s), &s->device, offset, size, 0) : 0;
    }
    return offset >= CONFIG ? virtio_config_read(v, offset - CONFIG, size) :
                              registers_read(registers_of(s), &s->device, offset, size, 0);
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    VirtioMmio *s = opaque;
    VirtioDevice *v = virtio_bus_device(&s->bus);

    if (v && offset >= CONFIG) {
        virtio_config_write(v, offset - CONFIG, size, value);
    } else if (v) {
        registers_write(registers_of(s), &s->device, offset, size, value);
    }
}

static const MemoryOps mmio_ops = {
    .read = mmio_read, .write = mmio_write, .valid = { 1, 8 }, .impl = { 1, 4 },
};

/* Bus */

static void bus_interrupt(VirtioBus *bus, VirtQueue *q)
{
    update_irq(DEVICE(VirtioMmio, bus->bus.owner));
}

static AddressSpace *bus_dma(VirtioBus *bus)
{
    return address_space_memory();
}

static char *bus_device_path(Device *dev)
{
    return g_strdup_printf("/virtio-mmio@%016" PRIx64, DEVICE(VirtioMmio, dev->bus->owner)->base);
}

static const VirtioTransport mmio_transport = { .interrupt = bus_interrupt, .dma = bus_dma };
static const BusType virtio_mmio_bus_type = {
    .name = "virtio-mmio-bus", .parent = &virtio_bus_type.type, .size = sizeof(VirtioBus), .max_devices = 1,
    .device_path = bus_device_path,
};
TYPE_REGISTER(virtio_mmio_bus_type);

/* Device */

static bool mmio_realize(Device *dev, GError **err)
{
    VirtioMmio *s = DEVICE(VirtioMmio, dev);

    memory_region_init_io(&s->region, OBJECT(dev), &mmio_ops, s, "virtio-mmio", VIRTIO_MMIO_BYTES);
    memory_region_add(system_memory(), s->base, &s->region);
    return true;
}

static void mmio_unrealize(Device *dev)
{
    memory_region_destroy(&DEVICE(VirtioMmio, dev)->region);
}

static void mmio_reset(Device *dev, ResetKind kind)
{
    VirtioMmio *s = DEVICE(VirtioMmio, dev);

    s->device_features_sel = s->driver_features_sel = s->queue_sel = 0;
    s->page_bytes = 1;
    update_irq(s);
}

static bool mmio_post_load(Device *dev, unsigned version, GError **err)
{
    VirtioMmio *s = DEVICE(VirtioMmio, dev);

    if (!s->page_bytes || s->page_bytes & (s->page_bytes - 1)) {
        return error_set(err, "guest page size %u is no power of 2", s->page_bytes);
    }
    return true;
}

static const Property mmio_properties[] = {
    PROP_BOOL("force-legacy", VirtioMmio, force_legacy, true, "The interface is the legacy one"),
    PROP_BOOL("ioeventfd", VirtioMmio, ioeventfd, true, "Notifications may come by eventfd"),
    PROP_UINT16("x-override-queue-size", VirtioMmio, queue_size, 0, "Entries of a queue; 0: what the device says",
                .max = VIRTQUEUE_SIZE_MAX),
    { }
};

static const StateField mmio_state[] = {
    STATE_U32(VirtioMmio, device_features_sel), STATE_U32(VirtioMmio, driver_features_sel),
    STATE_U32(VirtioMmio, queue_sel), STATE_U32(VirtioMmio, page_bytes), { }
};

static const DeviceType virtio_mmio_type = {
    .name = "virtio-mmio", .parent = &device_type.type, .size = sizeof(VirtioMmio), .bus = &system_bus_type.type,
    .description = "Virtio transport over MMIO", .not_user_creatable = true, .no_hotplug = true,
    .properties = mmio_properties, .state = mmio_state, .realize = mmio_realize, .unrealize = mmio_unrealize,
    .reset = mmio_reset, .post_load = mmio_post_load,
};
TYPE_REGISTER(virtio_mmio_type);

Device *virtio_mmio_create(unsigned index, GuestAddr base, IrqLine *irq)
{
    Device *dev = device_new(&virtio_mmio_type);
    VirtioMmio *s = DEVICE(VirtioMmio, dev);
    g_autofree char *name = g_strdup_printf("virtio-mmio-bus.%u", index);

    s->base = base;
    s->irq = irq;
    virtio_bus_init(&s->bus, &virtio_mmio_bus_type, dev, name, &mmio_transport);
    device_realize_onboard(dev, system_bus());
    return dev;
}

bool virtio_mmio_has_device(Device *transport)
{
    return vdev(transport) != NULL;
}
