/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt routing: which GSI goes where, and who may raise one without the emulator's help.
 *
 * `routes` is what the kernel is told by kvm_routes_commit(); it only takes whole tables. GSIs below `reserved` are the
 * board's lines, the others are handed out for MSI routes.
 */
#include "accel/kvm/kvm.h"

#include <errno.h>

#include "core/error.h"

#define GSI_MAX 4096

static GArray *routes;                          /* struct kvm_irq_routing_entry */
static unsigned reserved;
static uint8_t used[GSI_MAX / 8];
static bool changed;

static void route_remove_msi(unsigned gsi)
{
    for (unsigned i = 0; routes && i < routes->len; i++) {
        const struct kvm_irq_routing_entry *e = &g_array_index(routes, struct kvm_irq_routing_entry, i);

        if (e->gsi == gsi && e->type == KVM_IRQ_ROUTING_MSI) {
            g_array_remove_index_fast(routes, i);
            changed = true;
            return;
        }
    }
}

static void route_add(struct kvm_irq_routing_entry entry)
{
    if (!routes) {
        routes = g_array_new(false, true, sizeof entry);
    }
    g_array_append_val(routes, entry);
    changed = true;
}

void kvm_route_pin(unsigned gsi, unsigned chip, unsigned pin)
{
    route_add((struct kvm_irq_routing_entry){
        .gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = { .irqchip = chip, .pin = pin } });
}

void kvm_route_msi(unsigned gsi, uint64_t addr, uint32_t data)
{
    route_remove_msi(gsi);
    if (addr) {
        route_add(
            (struct kvm_irq_routing_entry){ .gsi = gsi,
                                            .type = KVM_IRQ_ROUTING_MSI,
                                            .u.msi = { .address_lo = addr, .address_hi = addr >> 32, .data = data } });
    }
}

void kvm_routes_commit(void)
{
    unsigned count = routes ? routes->len : 0;
    g_autofree struct kvm_irq_routing *table = NULL;
    int ret;

    if (!changed) {
        return;
    }
    changed = false;
    table = g_malloc0(sizeof *table + count * sizeof table->entries[0]);
    table->nr = count;
    if (count) {
        memcpy(table->entries, routes->data, count * sizeof table->entries[0]);
    }
    ret = kvm_vm_ioctl(KVM_SET_GSI_ROUTING, table);
    if (ret < 0) {
        error_report("KVM refuses an interrupt routing table of %u entries: %s", count, g_strerror(-ret));
    }
}

void kvm_gsi_reserve(unsigned count) { reserved = count; }

int kvm_gsi_alloc(void)
{
    int limit = MIN(kvm_has(KVM_CAP_IRQ_ROUTING), GSI_MAX);

    for (int gsi = reserved; gsi < limit; gsi++) {
        if (!(used[gsi / 8] >> gsi % 8 & 1)) {
            used[gsi / 8] |= 1u << gsi % 8;
            return gsi;
        }
    }
    return -1;
}

void kvm_gsi_free(unsigned gsi)
{
    g_assert(gsi >= reserved && gsi < GSI_MAX && used[gsi / 8] >> gsi % 8 & 1);
    used[gsi / 8] &= ~(1u << gsi % 8);
    route_remove_msi(gsi);
    kvm_routes_commit();
}

void kvm_set_gsi(unsigned gsi, int level)
{
    int ret = kvm_vm_ioctl(KVM_IRQ_LINE, &(struct kvm_irq_level){ .irq = gsi, .level = !!level });

    if (ret < 0) {
        error_report("KVM refuses interrupt %u: %s", gsi, g_strerror(-ret));
    }
}

void kvm_send_msi(uint64_t addr, uint32_t data)
{
    /* What comes back is how many took it; a message nobody listens to is the guest's own affair. */
    kvm_vm_ioctl(KVM_SIGNAL_MSI, &(struct kvm_msi){ .address_lo = addr, .address_hi = addr >> 32, .data = data });
}

int kvm_irqfd(int fd, int resample_fd, unsigned gsi, bool add)
{
    struct kvm_irqfd arg = { .fd = fd, .gsi = gsi, .flags = add ? 0 : KVM_IRQFD_FLAG_DEASSIGN };

    if (add && resample_fd >= 0) {
        if (!kvm_has(KVM_CAP_IRQFD_RESAMPLE)) {
            return -ENOSYS;
        }
        arg.flags |= KVM_IRQFD_FLAG_RESAMPLE;
        arg.resamplefd = resample_fd;
    }
    return kvm_vm_ioctl(KVM_IRQFD, &arg);
}

int kvm_ioeventfd(int fd, bool port_io, uint64_t addr, unsigned len, bool match, uint64_t value, bool add)
{
    struct kvm_ioeventfd arg = {
        .fd = fd, .addr = addr, .len = len, .datamatch = value,
        .flags = (port_io ? KVM_IOEVENTFD_FLAG_PIO : 0) | (match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) |
                 (add ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
    };

    return kvm_vm_ioctl(KVM_IOEVENTFD, &arg);
}
