/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's statistics of the machine and of its vCPUs, as KVM_GET_STATS_FD gives them: a file of header, descriptors and
 * values, read as a whole.
 */
#include <string.h>
#include <unistd.h>

#include "accel/kvm/kvm.h"

enum { STATS_BYTES_MAX = 1 << 20 };             /* of any part: more is no statistics file */

static bool read_part(int fd, void *buf, size_t len, uint32_t offset)
{
    return pread(fd, buf, len, offset) == (ssize_t)len;
}

static bool read_file(int fd, GArray *stats)
{
    struct kvm_stats_header h;

    if (!read_part(fd, &h, sizeof h, 0) || !h.name_size || h.name_size > STATS_BYTES_MAX ||
        h.num_desc > STATS_BYTES_MAX / (sizeof(struct kvm_stats_desc) + h.name_size)) {
        return false;
    }
    size_t desc_bytes = sizeof(struct kvm_stats_desc) + h.name_size;
    g_autofree uint8_t *descs = g_malloc(h.num_desc * desc_bytes);
    if (!read_part(fd, descs, h.num_desc * desc_bytes, h.desc_offset)) {
        return false;
    }
    for (uint32_t i = 0; i < h.num_desc; i++) {
        const struct kvm_stats_desc *d = (const void *)(descs + i * desc_bytes);
        KvmStat s = { .name = g_strndup(d->name, h.name_size), .flags = d->flags, .exponent = d->exponent,
                      .bucket_bytes = d->bucket_size, .values = g_array_sized_new(false, true, sizeof(uint64_t), d->size) };
        g_array_set_size(s.values, d->size);
        g_array_append_val(stats, s);
        if (!read_part(fd, s.values->data, d->size * sizeof(uint64_t), h.data_offset + d->offset)) {
            return false;
        }
    }
    return true;
}

static void stat_clear(void *p)
{
    KvmStat *s = p;

    g_free(s->name);
    g_array_unref(s->values);
}

GArray *kvm_stats(const Cpu *cpu, GError **err)
{
    GArray *stats = g_array_new(false, false, sizeof(KvmStat));
    int fd = cpu ? cpu->kvm->stats_fd : kvm_vm_ioctl(KVM_GET_STATS_FD, NULL);

    g_array_set_clear_func(stats, stat_clear);
    if (fd < 0) {
        error_set(err, "KVM gives no statistics");
        g_array_unref(stats);
        return NULL;
    }
    bool ok = read_file(fd, stats);
    if (!cpu) {
        close(fd);
    }
    if (!ok) {
        error_set(err, "KVM's statistics have an unknown form");
        g_array_unref(stats);
        return NULL;
    }
    return stats;
}
