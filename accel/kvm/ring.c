/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty rings (dirty-ring-size=): the kernel notes each page that a vCPU dirties in a ring of that vCPU's, instead of in
 * bitmaps that cost as much as there is memory.
 *
 *   guest writes to a logged page -> entry DIRTY -> kvm_rings_harvest(): marked in the RAM block's bitmap, entry RESET
 *     -> KVM_RESET_DIRTY_RINGS: the entries are free and the pages protected again
 *
 * A ring that is nearly full comes out of the guest (KVM_EXIT_DIRTY_RING_FULL). Under the big lock.
 * Spec: Linux, Documentation/virt/kvm/api.rst 8.29.
 */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"

static unsigned entries;                        /* of each ring; 0: bitmaps are used */

bool kvm_rings_used(void) { return entries; }

bool kvm_rings_enable(uint32_t wanted, GError **err)
{
    int capability = kvm_has(KVM_CAP_DIRTY_LOG_RING_ACQ_REL) ? KVM_CAP_DIRTY_LOG_RING_ACQ_REL : KVM_CAP_DIRTY_LOG_RING;
    uint64_t bytes = (uint64_t)wanted * sizeof(struct kvm_dirty_gfn), most = kvm_has(capability);
    struct kvm_enable_cap cap = { .cap = capability, .args = { bytes } };

    if (wanted & (wanted - 1)) {
        return error_set(err, "dirty-ring-size is a power of two, not %u", wanted);
    }
    if (!most) {
        warn_report("dirty-ring-size=%u: this kernel's KVM has no dirty rings; bitmaps are used", wanted);
        return true;
    }
    if (bytes > most) {
        return error_set(err, "dirty-ring-size=%u is too large: this kernel's KVM has at most %" PRIu64, wanted,
                         most / sizeof(struct kvm_dirty_gfn));
    }
    int ret = kvm_vm_ioctl(KVM_ENABLE_CAP, &cap);
    if (ret == -EINVAL) {
        return error_set(err, "dirty-ring-size=%u is too small for this kernel's KVM; 1024 and more should do", wanted);
    }
    if (ret < 0) {
        return error_set_errno(err, -ret, "KVM refuses dirty-ring-size=%u", wanted);
    }
    entries = wanted;
    return true;
}

bool kvm_ring_map(KvmCpu *k, GError **err)
{
    if (!entries) {
        return true;
    }
    k->ring = mmap(NULL, entries * sizeof(struct kvm_dirty_gfn), PROT_READ | PROT_WRITE, MAP_SHARED, k->fd,
                   (off_t)KVM_DIRTY_LOG_PAGE_OFFSET * getpagesize());
    if (k->ring == MAP_FAILED) {
        k->ring = NULL;
        return error_set_errno(err, errno, "cannot map a vCPU's dirty ring");
    }
    return true;
}

void kvm_ring_unmap(KvmCpu *k)
{
    if (k->ring) {
        munmap(k->ring, entries * sizeof(struct kvm_dirty_gfn));
        k->ring = NULL;
    }
}

static unsigned harvest(KvmCpu *k)
{
    unsigned found = 0;

    for (;; found++, k->ring_next++) {
        struct kvm_dirty_gfn *gfn = &k->ring[k->ring_next & (entries - 1)];

        if (__atomic_load_n(&gfn->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY) {
            return found;
        }
        kvm_slot_mark_dirty(gfn->slot, gfn->offset);
        __atomic_store_n(&gfn->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
    }
}

static void reset_rings(void)
{
    int ret;

    do {                                        /* a signal may come in between; what is left is still marked */
        ret = kvm_vm_ioctl(KVM_RESET_DIRTY_RINGS, NULL);
    } while (ret == -EINTR);
}

void kvm_ring_finish(KvmCpu *k)
{
    if (k->ring && harvest(k)) {
        reset_rings();
    }
}

void kvm_rings_harvest(void)
{
    unsigned found = 0;
    Cpu *cpu;

    CPU_FOREACH(cpu) {
        if (cpu->kvm && cpu->kvm->ring) {
            found += harvest(cpu->kvm);
        }
    }
    if (found) {
        reset_rings();
    }
}
