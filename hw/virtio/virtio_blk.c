/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk: a disk (5.2). A request is a header of 16 bytes, data, and a byte for the status, cut into buffers anywhere.
 *
 * Driver notifies -> each request is checked and handed to the drive -> request_done() writes the status, returns it.
 * A request that fails is reported, ignored, or kept with the machine stopped (werror=, rerror=); it is tried again when
 * the machine runs. One that is in flight when the driver resets the device is given up: its memory stays lent until
 * the drive has done with it, and nobody hears of it.
 */
#include <errno.h>
#include <string.h>

#include "block/device_conf.h"
#include "core/vm.h"
#include "hw/machine.h"
#include "hw/virtio/virtio.h"

enum {
    F_SEG_MAX = 2, F_GEOMETRY = 4, F_RO = 5, F_BLK_SIZE = 6, F_SCSI = 7, F_FLUSH = 9, F_TOPOLOGY = 10, F_CONFIG_WCE = 11,
    F_MQ = 12, F_DISCARD = 13, F_WRITE_ZEROES = 14
};
typedef enum RequestType { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 } RequestType;
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
enum { HEADER_BYTES = 16, SEGMENT_BYTES = 16, ID_BYTES = 20, SECTOR = 512, SEGMENT_F_UNMAP = 1 };
enum { SEG_MAX_UNADJUSTED = 128 - 2, QUEUES_AUTO = UINT16_MAX, REQUEST_SECTORS_MAX = (1 << 22) - 1 };

typedef struct __attribute__((packed)) BlkConfig {     /* 5.2.4 */
    uint64_t capacity;
    uint32_t size_max, seg_max;
    uint16_t cylinders;
    uint8_t heads, sectors;
    uint32_t blk_size;
    uint8_t physical_block_exp, alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap, unused1[3];
} BlkConfig;

typedef struct VirtioBlk {
    VirtioDevice virtio;
    BlockDeviceConf conf;
    char *serial;
    int32_t bootindex;
    uint16_t queue_count, queue_size;
    bool config_wce, wce_with_config_wce, seg_max_adjust, request_merging, report_discard_granularity, discard,
        write_zeroes;
    uint32_t max_discard_sectors, max_write_zeroes_sectors;
    bool write_cache_at_reset;
    bool write_cache;                           /* guest state */
    GQueue requests;                            /* Request *: begun and not returned */
} VirtioBlk;

typedef struct Request {
    VirtioBlk *dev;
    VirtqElement *element;
    RequestType type;
    uint64_t offset;                            /* bytes */
    IoVec data;                                 /* what of the element's buffers is data; owned */
    uint64_t range_bytes;                       /* DISCARD, WRITE_ZEROES */
    bool in_flight, given_up;
    GList link;
} Request;

static bool is_read(const Request *r) { return r->type == T_IN; }

/* Buffers */

/* [@at, +@len) of @iov as buffers of its own. */
static IoVec iov_slice(const struct iovec *iov, unsigned count, size_t at, size_t len)
{
    IoVec v = { g_new(struct iovec, count), 0, len };

    for (unsigned i = 0; i < count && len; i++) {
        if (at >= iov[i].iov_len) {
            at -= iov[i].iov_len;
            continue;
        }
        size_t n = MIN(len, iov[i].iov_len - at);
        v.iov[v.count++] = (struct iovec){ (uint8_t *)iov[i].iov_base + at, n };
        len -= n;
        at = 0;
    }
    return v;
}

/* Requests */

static void request_free(Request *r)
{
    g_queue_unlink(&r->dev->requests, &r->link);
    g_free(r->data.iov);
    g_free(r);
}

static void request_end(Request *r, uint8_t status)
{
    VirtqElement *e = r->element;
    VirtQueue *q = e->queue;

    virtq_write(e, e->in_bytes - 1, &status, 1);
    virtqueue_push(e, e->in_bytes);
    virtqueue_notify(q);
    request_free(r);
}

static void request_done(void *opaque, int ret)
{
    Request *r = opaque;
    BlockBackend *blk = r->dev->conf.blk;

    r->in_flight = false;
    if (r->given_up) {
        virtqueue_drop(r->element);
        request_free(r);
        return;
    }
    if (ret < 0) {
        BlockErrorAction action = block_error_action(blk, is_read(r), -ret);
        block_error_act(blk, action, is_read(r), -ret);
        if (action == BLOCK_ERROR_STOP) {
            return;                             /* stays in dev->requests until the machine runs */
        }
        ret = action == BLOCK_ERROR_IGNORE ? 0 : ret;
    }
    request_end(r, ret < 0 ? S_IOERR : S_OK);
}

static void request_submit(Request *r)
{
    BlockBackend *blk = r->dev->conf.blk;

    r->in_flight = true;
    switch (r->type) {
    case T_IN: block_preadv(blk, r->offset, &r->data, request_done, r); break;
    case T_OUT: block_pwritev(blk, r->offset, &r->data, request_done, r); break;
    case T_FLUSH: block_flush(blk, request_done, r); break;
    case T_DISCARD: block_discard(blk, r->offset, r->range_bytes, request_done, r); break;
    case T_WRITE_ZEROES: block_write_zeroes(blk, r->offset, r->range_bytes, request_done, r); break;
    case T_GET_ID: g_assert_not_reached();
    }
}

/* Whole blocks of the disk that are there. */
static bool range_ok(const VirtioBlk *s, uint64_t sector, uint64_t bytes)
{
    int64_t length = block_backend_length(s->conf.blk);
    uint64_t sectors = length > 0 ? length / SECTOR : 0;

    return bytes % s->conf.logical_block_size == 0 && sector % (s->conf.logical_block_size / SECTOR) == 0 &&
        sector <= sectors && bytes / SECTOR <= sectors - sector;
}

/* The one segment of DISCARD and WRITE_ZEROES. Returns a status; S_OK: @r says where. */
static uint8_t take_segment(VirtioBlk *s, Request *r)
{
    const VirtqElement *e = r->element;
    bool discard = r->type == T_DISCARD;
    uint8_t segment[SEGMENT_BYTES];
    uint64_t sector;
    uint32_t count, flags;

    if (!(discard ? s->discard : s->write_zeroes)) {
        return S_UNSUPP;
    }
    if (e->out_bytes != HEADER_BYTES + SEGMENT_BYTES) {
        return e->out_bytes > HEADER_BYTES + SEGMENT_BYTES ? S_UNSUPP : S_IOERR;
    }
    virtq_read(e, HEADER_BYTES, segment, sizeof(segment));
    memcpy(&sector, segment, 8);
    memcpy(&count, segment + 8, 4);
    memcpy(&flags, segment + 12, 4);
    sector = GUINT64_FROM_LE(sector);
    count = GUINT32_FROM_LE(count);
    if (GUINT32_FROM_LE(flags) & ~(discard ? 0u : SEGMENT_F_UNMAP)) {
        return S_UNSUPP;
    }
    r->offset = sector * SECTOR;
    r->range_bytes = (uint64_t)count * SECTOR;
    return count <= (discard ? s->max_discard_sectors : s->max_write_zeroes_sectors) &&
        range_ok(s, sector, r->range_bytes) ? S_OK : S_IOERR;
}

static void give_id(VirtioBlk *s, Request *r)
{
    const VirtqElement *e = r->element;
    char id[ID_BYTES] = { 0 };

    if (s->serial) {
        memcpy(id, s->serial, MIN(strlen(s->serial), sizeof(id)));
    }
    virtq_write(e, 0, id, MIN(e->in_bytes - 1, sizeof(id)));
    request_end(r, S_OK);
}

/* Begins what @e asks for, which is over at once or some day. */
static void request_begin(VirtioBlk *s, VirtqElement *e)
{
    struct { uint32_t type, priority; uint64_t sector; } header;
    uint8_t status = S_OK;

    if (e->out_bytes < HEADER_BYTES || !e->in_bytes) {
        virtio_break(&s->virtio, "request of %zu bytes to read, %zu to write", e->out_bytes, e->in_bytes);
        virtqueue_drop(e);
        return;
    }
    virtq_read(e, 0, &header, HEADER_BYTES);
    uint64_t sector = GUINT64_FROM_LE(header.sector);
    Request *r = g_new0(Request, 1);
    *r = (Request){ .dev = s, .element = e, .type = GUINT32_FROM_LE(header.type) };
    r->link.data = r;
    g_queue_push_tail_link(&s->requests, &r->link);
    bool writes = r->type == T_OUT || r->type == T_DISCARD || r->type == T_WRITE_ZEROES;
    if (writes && block_backend_read_only(s->conf.blk)) {
        request_end(r, S_IOERR);
        return;
    }
    switch (r->type) {
    case T_IN:
    case T_OUT:
        r->data = is_read(r) ? iov_slice(e->in, e->in_count, 0, e->in_bytes - 1) :
                               iov_slice(e->out, e->out_count, HEADER_BYTES, e->out_bytes - HEADER_BYTES);
        status = range_ok(s, sector, r->data.size) ? S_OK : S_IOERR;
        r->offset = sector * SECTOR;
        break;
    case T_DISCARD:
    case T_WRITE_ZEROES:
        status = take_segment(s, r);
        break;
    case T_FLUSH:
        break;
    case T_GET_ID:
        give_id(s, r);
        return;
    default:
        status = S_UNSUPP;
    }
    if (status != S_OK) {
        request_end(r, status);
    } else {
        request_submit(r);
    }
}

static void queue_notified(VirtioDevice *v, VirtQueue *q)
{
    VirtqElement *e;

    while (vm_running() && (e = virtqueue_pop(q))) {
        request_begin((VirtioBlk *)v, e);
    }
}

static void blk_resume(VirtioDevice *v, VirtqElement *e)
{
    request_begin((VirtioBlk *)v, e);
}

static void blk_run_state(void *opaque, bool running, RunState state)
{
    VirtioBlk *s = opaque;

    for (GList *l = s->requests.head, *next; running && l; l = next) {
        Request *r = l->data;
        next = l->next;
        if (!r->in_flight) {
            request_submit(r);
        }
    }
    for (uint32_t i = 0; running && i < s->virtio.queue_count; i++) {
        queue_notified(&s->virtio, &s->virtio.queues[i]);
    }
}

static void blk_stop(VirtioDevice *v, VirtQueue *q)
{
    VirtioBlk *s = (VirtioBlk *)v;

    for (GList *l = s->requests.head, *next; l; l = next) {
        Request *r = l->data;
        next = l->next;
        if (r->given_up || (q && r->element->queue != q)) {
            continue;
        }
        if (r->in_flight) {
            virtqueue_abandon(r->element);
            r->given_up = true;
        } else {
            virtqueue_drop(r->element);
            request_free(r);
        }
    }
}

/* Features and configuration */

static uint64_t blk_features(VirtioDevice *v, bool legacy)
{
    VirtioBlk *s = (VirtioBlk *)v;
    uint64_t f = VIRTIO_BIT(F_SEG_MAX) | VIRTIO_BIT(F_GEOMETRY) | VIRTIO_BIT(F_TOPOLOGY) | VIRTIO_BIT(F_BLK_SIZE);

    f |= legacy ? VIRTIO_BIT(F_SCSI) : 0;
    f |= block_backend_read_only(s->conf.blk) ? VIRTIO_BIT(F_RO) : 0;
    f |= s->config_wce ? VIRTIO_BIT(F_CONFIG_WCE) : 0;
    f |= s->write_cache_at_reset || (s->config_wce && s->wce_with_config_wce) ? VIRTIO_BIT(F_FLUSH) : 0;
    f |= s->queue_count > 1 ? VIRTIO_BIT(F_MQ) : 0;
    f |= s->discard ? VIRTIO_BIT(F_DISCARD) : 0;
    return f | (s->write_zeroes ? VIRTIO_BIT(F_WRITE_ZEROES) : 0);
}

static void read_config(VirtioDevice *v, uint8_t *config)
{
    VirtioBlk *s = (VirtioBlk *)v;
    const BlockDeviceConf *c = &s->conf;
    int64_t length = block_backend_length(c->blk);
    bool granular = s->report_discard_granularity && c->discard_granularity != UINT32_MAX && c->discard_granularity;
    BlkConfig b = {
        .capacity = GUINT64_TO_LE(length > 0 ? length / SECTOR : 0),
        .seg_max = GUINT32_TO_LE(s->seg_max_adjust ? s->queue_size - 2u : SEG_MAX_UNADJUSTED),
        .cylinders = GUINT16_TO_LE(c->cylinders), .heads = c->heads, .sectors = c->sectors,
        .blk_size = GUINT32_TO_LE(c->logical_block_size),
        .physical_block_exp = __builtin_ctz(c->physical_block_size / c->logical_block_size),
        .min_io_size = GUINT16_TO_LE(c->min_io_size / c->logical_block_size),
        .opt_io_size = GUINT32_TO_LE(c->opt_io_size / c->logical_block_size), .writeback = s->write_cache,
        .num_queues = GUINT16_TO_LE(s->queue_count),
        .max_discard_sectors = GUINT32_TO_LE(s->max_discard_sectors), .max_discard_seg = GUINT32_TO_LE(1),
        .discard_sector_alignment = GUINT32_TO_LE((granular ? c->discard_granularity : c->logical_block_size) / SECTOR),
        .max_write_zeroes_sectors = GUINT32_TO_LE(s->max_write_zeroes_sectors),
        .max_write_zeroes_seg = GUINT32_TO_LE(1), .write_zeroes_may_unmap = 1,
    };

    memcpy(config, &b, sizeof(b));
}

static void set_write_cache(VirtioBlk *s, bool on)
{
    s->write_cache = on;
    block_backend_set_write_cache(s->conf.blk, on);
}

static void write_config(VirtioDevice *v, const uint8_t *config)
{
    if (virtio_has(v, F_CONFIG_WCE)) {
        set_write_cache((VirtioBlk *)v, ((const BlkConfig *)config)->writeback & 1);
    }
}

/* A driver that takes neither FLUSH nor CONFIG_WCE believes that a write is safe when it ends. */
static void blk_status_changed(VirtioDevice *v, uint8_t old)
{
    if (v->status & ~old & VIRTIO_STATUS_DRIVER_OK && !virtio_has(v, F_CONFIG_WCE)) {
        set_write_cache((VirtioBlk *)v, virtio_has(v, F_FLUSH) && ((VirtioBlk *)v)->write_cache_at_reset);
    }
}

static void blk_driver_reset(VirtioDevice *v)
{
    set_write_cache((VirtioBlk *)v, ((VirtioBlk *)v)->write_cache_at_reset);
}

/* Device */

static bool check_properties(VirtioBlk *s, GError **err)
{
    unsigned n = s->queue_size;

    if (s->queue_count == QUEUES_AUTO) {
        s->queue_count = 1;
    }
    if (!s->queue_count || s->queue_count > VIRTIO_QUEUES_MAX) {
        return error_set(err, "property 'num-queues' is %u, not from 1 to %u", s->queue_count, VIRTIO_QUEUES_MAX);
    }
    if (n <= 2 || n & (n - 1) || n > VIRTQUEUE_SIZE_MAX) {
        return error_set(err, "property 'queue-size' is %u, not a power of 2 from 4 to %u", n, VIRTQUEUE_SIZE_MAX);
    }
    if (!s->max_discard_sectors || s->max_discard_sectors > REQUEST_SECTORS_MAX) {
        return error_set(err, "property 'max-discard-sectors' is %u, not from 1 to %u", s->max_discard_sectors,
                         REQUEST_SECTORS_MAX);
    }
    if (!s->max_write_zeroes_sectors || s->max_write_zeroes_sectors > REQUEST_SECTORS_MAX) {
        return error_set(err, "property 'max-write-zeroes-sectors' is %u, not from 1 to %u", s->max_write_zeroes_sectors,
                         REQUEST_SECTORS_MAX);
    }
    if (!s->conf.blk) {
        return error_set(err, "drive property not set");
    }
    if (!block_backend_has_medium(s->conf.blk)) {
        return error_set(err, "Device needs media, but drive is empty");
    }
    return true;
}

static bool blk_realize(Device *dev, GError **err)
{
    VirtioBlk *s = (VirtioBlk *)dev;
    bool has_given_cache = s->conf.write_cache != ON_OFF_AUTO_AUTO;

    if (!check_properties(s, err) || !block_conf_realize(&s->conf, OBJECT(dev), BLOCK_CONF_MAY_READ_ONLY, true, err) ||
        !block_conf_geometry(&s->conf, 65535, 255, 255, err) ||
        !machine_add_boot_device(dev, s->bootindex, "/disk@0,0", err)) {
        return false;
    }
    block_backend_keep_io_status(s->conf.blk);
    s->write_cache_at_reset = has_given_cache ? s->conf.write_cache == ON_OFF_AUTO_ON : block_backend_write_cache(s->conf.blk);
    for (unsigned i = 0; i < s->queue_count; i++) {
        virtio_add_queue(&s->virtio, s->queue_size, queue_notified);
    }
    vm_on_state_change(blk_run_state, s);
    return true;
}

static void blk_unrealize(Device *dev)
{
    VirtioBlk *s = (VirtioBlk *)dev;

    vm_off_state_change(blk_run_state, s);
    machine_remove_boot_device(dev);
    blk_stop(&s->virtio, NULL);
    block_drain(s->conf.blk);                   /* what was given up ends here */
}

static bool blk_post_load(Device *dev, unsigned version, GError **err)
{
    set_write_cache((VirtioBlk *)dev, ((VirtioBlk *)dev)->write_cache);
    return true;
}

static const Property blk_properties[] = {
    BLOCK_CONF_PROPERTIES(VirtioBlk), BLOCK_CONF_GEOMETRY_PROPERTIES(VirtioBlk),
    PROP_STR("serial", VirtioBlk, serial, "serial number, 20 bytes of which the guest sees"),
    PROP_BOOTINDEX(VirtioBlk, bootindex),
    PROP_UINT16("num-queues", VirtioBlk, queue_count, QUEUES_AUTO, "request queues; 65535: as many as suit the transport"),
    PROP_UINT16("queue-size", VirtioBlk, queue_size, 256, "entries of a queue, a power of two"),
    PROP_BOOL("seg-max-adjust", VirtioBlk, seg_max_adjust, true, "a request may have as many buffers as fit a queue"),
    PROP_BOOL("config-wce", VirtioBlk, config_wce, true, "the guest may turn the write cache on and off"),
    PROP_BOOL("x-enable-wce-if-config-wce", VirtioBlk, wce_with_config_wce, true, "flushes are offered with config-wce"),
    PROP_BOOL("request-merging", VirtioBlk, request_merging, true, "neighbouring requests may be merged"),
    PROP_BOOL("discard", VirtioBlk, discard, true, "discards are offered"),
    PROP_BOOL("write-zeroes", VirtioBlk, write_zeroes, true, "writing of zeroes without data is offered"),
    PROP_BOOL("report-discard-granularity", VirtioBlk, report_discard_granularity, true,
              "discard_granularity is told to the guest"),
    PROP_UINT32("max-discard-sectors", VirtioBlk, max_discard_sectors, 4194303, "sectors of the largest discard"),
    PROP_UINT32("max-write-zeroes-sectors", VirtioBlk, max_write_zeroes_sectors, 4194303,
                "sectors of the largest writing of zeroes"),
    { }
};

static const StateField blk_state[] = { STATE_BOOL(VirtioBlk, write_cache), { } };

static const VirtioDeviceType virtio_blk_type = {
    .name = "virtio-blk-device", .parent = &virtio_device_type.type, .size = sizeof(VirtioBlk),
    .category = CATEGORY_STORAGE, .description = "virtio disk", .no_hotplug = true, .bus = &virtio_bus_type.type,
    .virtio_id = VIRTIO_ID_BLOCK, .config_bytes = sizeof(BlkConfig), .legacy_without = VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT),
    .properties = blk_properties, .state = blk_state, .realize = blk_realize, .unrealize = blk_unrealize,
    .post_load = blk_post_load, .get_features = blk_features, .read_config = read_config, .write_config = write_config,
    .status_changed = blk_status_changed, .stop = blk_stop, .driver_reset = blk_driver_reset, .resume = blk_resume,
};
TYPE_REGISTER(virtio_blk_type);
