/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory slots: what of the guest's physical memory is host memory, told to the kernel piece by piece.
 *
 *   flat view changes -> range_del, range_add (only what changed) -> commit: old slots out, new slots in
 *
 * A range that can be read directly (RAM, ROM, ROM device in romd mode) is a slot, read-only where writes go elsewhere;
 * everything else has none, and an access to it leaves the guest (KVM_EXIT_MMIO). A slot cannot be resized, and code
 * that runs in a range must not see it gone for a moment: while slots are replaced no vCPU is in the guest.
 *
 * Slots cover whole pages of 4 KiB; what a range has beyond them at its ends is reached through exits.
 */
#include "accel/kvm/kvm.h"

#include <string.h>

#include "core/error.h"
#include "core/thread.h"

typedef struct Slot {
    GuestAddr start;
    uint64_t bytes;                             /* 0: free */
    RamBlock *ram;
    uint64_t ram_offset;
    const MemoryRegion *mr;
    unsigned as_id;
    bool read_only, logged;
} Slot;

typedef struct SlotListener {
    MemoryListener listener;
    unsigned as_id;
    GArray *removed, *added;                    /* Slot */
} SlotListener;

static GArray *slots;                           /* index is the number that the kernel knows it by */

static bool is_logged(const MemoryRegion *mr) { return mr->dirty_clients & ~(1u << DIRTY_CODE); }

static void slot_tell(unsigned index)
{
    const Slot *s = &g_array_index(slots, Slot, index);
    struct kvm_userspace_memory_region region = {
        .slot = index | s->as_id << 16, .guest_phys_addr = s->start, .memory_size = s->bytes,
        .userspace_addr = s->bytes ? (uintptr_t)s->ram->host + s->ram_offset : 0,
        .flags = (s->read_only ? KVM_MEM_READONLY : 0) | (s->logged ? KVM_MEM_LOG_DIRTY_PAGES : 0),
    };
    int ret = kvm_vm_ioctl(KVM_SET_USER_MEMORY_REGION, &region);

    if (ret < 0) {
        GError *err = NULL;
        error_set_errno(&err, -ret, "KVM refuses the memory slot of 0x%" PRIx64 " bytes at 0x%" PRIx64 " (%s)",
                        s->bytes, s->start, s->ram ? s->ram->name : "removed");
        error_fatal(err);
    }
}

/* Whole pages of the range, if they are host memory that starts on a page. */
static bool slot_of_range(const SlotListener *l, const MemorySection *section, GuestAddr addr, uint64_t len, Slot *slot)
{
    const uint8_t *host = memory_section_ram(section);
    uint64_t skip = -addr & (GUEST_PAGE_SIZE - 1), offset;
    RamBlock *ram;

    if (!host || len <= skip) {
        return false;
    }
    len = (len - skip) & -GUEST_PAGE_SIZE;
    ram = section->mr->ram;
    offset = host - ram->host + skip;
    if (!len || offset & (GUEST_PAGE_SIZE - 1)) {
        return false;
    }
    *slot = (Slot){ .start = addr + skip,
                    .bytes = len,
                    .ram = ram,
                    .ram_offset = offset,
                    .mr = section->mr,
                    .as_id = l->as_id,
                    .read_only = section->read_only,
                    .logged = is_logged(section->mr) };
    return true;
}

static void range_add(MemoryListener *l, const MemorySection *section, GuestAddr addr, uint64_t len)
{
    SlotListener *s = (SlotListener *)l;
    Slot slot;

    if (slot_of_range(s, section, addr, len, &slot)) {
        g_array_append_val(s->added, slot);
    }
}

/* The region's look may be the new one already, so slots are found by where they are. */
static void range_del(MemoryListener *l, const MemorySection *section, GuestAddr addr, uint64_t len)
{
    SlotListener *s = (SlotListener *)l;

    for (unsigned i = 0; i < slots->len; i++) {
        const Slot *old = &g_array_index(slots, Slot, i);

        if (old->bytes && old->as_id == s->as_id && old->start >= addr && old->start - addr < len) {
            g_array_append_val(s->removed, i);
        }
    }
}

void kvm_slot_mark_dirty(uint32_t number, uint64_t page)
{
    unsigned index = number & 0xffff;
    const Slot *s = slots && index < slots->len ? &g_array_index(slots, Slot, index) : NULL;

    if (s && s->bytes && s->as_id == number >> 16 && page < s->bytes >> GUEST_PAGE_BITS) {
        ram_mark_dirty(s->ram, s->ram_offset + (page << GUEST_PAGE_BITS), GUEST_PAGE_SIZE);
    }
}

static void slot_pull_dirty(unsigned index)
{
    if (kvm_rings_used()) {
        kvm_rings_harvest();
        return;
    }
    const Slot *s = &g_array_index(slots, Slot, index);
    uint64_t pages = s->bytes >> GUEST_PAGE_BITS;
    g_autofree uint64_t *bitmap = g_new0(uint64_t, (pages + 63) / 64);
    int ret = kvm_vm_ioctl(KVM_GET_DIRTY_LOG,
                           &(struct kvm_dirty_log){ .slot = index | s->as_id << 16, .dirty_bitmap = bitmap });

    for (uint64_t word = 0; ret >= 0 && word < (pages + 63) / 64; word++) {
        for (uint64_t left = bitmap[word]; left; left &= left - 1) {
            uint64_t page = word * 64 + __builtin_ctzll(left);

            ram_mark_dirty(s->ram, s->ram_offset + (page << GUEST_PAGE_BITS), GUEST_PAGE_SIZE);
        }
    }
}

static unsigned slot_free(void)
{
    unsigned i = 0;

    while (i < slots->len && g_array_index(slots, Slot, i).bytes) {
        i++;
    }
    if (i == slots->len) {
        if (i >= kvm.max_slots) {
            GError *err = NULL;
            error_set(&err, "this kernel's KVM has only %u memory slots; use fewer memory devices", kvm.max_slots);
            error_fatal(err);
        }
        g_array_set_size(slots, i + 1);
    }
    return i;
}

static void commit(MemoryListener *l)
{
    SlotListener *s = (SlotListener *)l;
    bool stop = s->removed->len != 0;

    if (stop) {
        cpu_exclusive_start();
    }
    for (unsigned i = 0; i < s->removed->len; i++) {
        unsigned index = g_array_index(s->removed, unsigned, i);
        Slot *old = &g_array_index(slots, Slot, index);

        if (old->logged) {
            slot_pull_dirty(index);
        }
        *old = (Slot){ .start = old->start, .as_id = old->as_id };
        slot_tell(index);
    }
    for (unsigned i = 0; i < s->added->len; i++) {
        unsigned index = slot_free();

        g_array_index(slots, Slot, index) = g_array_index(s->added, Slot, i);
        slot_tell(index);
    }
    if (stop) {
        cpu_exclusive_end();
    }
    g_array_set_size(s->removed, 0);
    g_array_set_size(s->added, 0);
}

unsigned kvm_slot_count(void)
{
    unsigned count = 0;

    for (unsigned i = 0; slots && i < slots->len; i++) {
        count += g_array_index(slots, Slot, i).bytes != 0;
    }
    return count;
}

/* Dirty logging. */

static void log_changed(MemoryRegion *mr)
{
    for (unsigned i = 0; i < slots->len; i++) {
        Slot *s = &g_array_index(slots, Slot, i);

        if (s->bytes && s->mr == mr && s->logged != is_logged(mr)) {
            if (s->logged) {
                slot_pull_dirty(i);
            }
            s->logged = is_logged(mr);
            slot_tell(i);
        }
    }
}

static void pull_dirty(RamBlock *ram, uint64_t offset, uint64_t len)
{
    for (unsigned i = 0; i < slots->len; i++) {
        const Slot *s = &g_array_index(slots, Slot, i);

        if (s->bytes && s->logged && s->ram == ram && offset < s->ram_offset + s->bytes &&
            s->ram_offset < offset + len) {
            slot_pull_dirty(i);
        }
    }
}

void kvm_watch_memory(AddressSpace *as, unsigned as_id)
{
    SlotListener *s = g_new0(SlotListener, 1);

    if (!slots) {
        slots = g_array_new(false, true, sizeof(Slot));
        ram_log_hook = log_changed;
        ram_dirty_pull_hook = pull_dirty;
    }
    s->as_id = as_id;
    s->added = g_array_new(false, false, sizeof(Slot));
    s->removed = g_array_new(false, false, sizeof(unsigned));
    s->listener = (MemoryListener){ .range_add = range_add, .range_del = range_del, .commit = commit };
    memory_listener_register(&s->listener, as);
}
