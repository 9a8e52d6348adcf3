/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses: from an address and a length to host memory or to a device's callbacks.
 *
 * memory_read/write/load/store -> lookup in the published view -> RAM: a copy that never tears an aligned word;
 * anything else: memory_region_load/store under the big lock, which cuts the access first into what the region's users
 * may do (MemoryOps.valid), then into what its callbacks handle (MemoryOps.impl), and mends the byte order.
 *
 * A device that masters DMA onto registers makes calls nest. They may, MMIO_DEPTH_MAX deep; beyond that an access is
 * refused with MEMTX_ERROR, so that a guest cannot use up the host's stack.
 */
#include "memory/internal.h"

#include <string.h>

#include "core/log.h"
#include "core/thread.h"

enum { MMIO_DEPTH_MAX = 8 };
static __thread unsigned mmio_depth;

/* RAM: word by word where aligned, so that a concurrent vCPU sees each aligned 1, 2, 4, 8 bytes whole. */

static inline unsigned natural_size(uintptr_t addr, size_t len)
{
    unsigned size = 8;

    while (size > 1 && (addr & (size - 1) || len < size)) {
        size /= 2;
    }
    return size;
}

static inline uint64_t host_load(const uint8_t *p, unsigned size)
{
    switch (size) {
    case 1: return __atomic_load_n(p, __ATOMIC_RELAXED);
    case 2: return GUINT16_FROM_LE(__atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED));
    case 4: return GUINT32_FROM_LE(__atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED));
    default: return GUINT64_FROM_LE(__atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED));
    }
}

static inline void host_store(uint8_t *p, uint64_t value, unsigned size)
{
    switch (size) {
    case 1: __atomic_store_n(p, value, __ATOMIC_RELAXED); break;
    case 2: __atomic_store_n((uint16_t *)p, GUINT16_TO_LE(value), __ATOMIC_RELAXED); break;
    case 4: __atomic_store_n((uint32_t *)p, GUINT32_TO_LE(value), __ATOMIC_RELAXED); break;
    default: __atomic_store_n((uint64_t *)p, GUINT64_TO_LE(value), __ATOMIC_RELAXED); break;
    }
}

/* Little-endian bytes in @buf of any alignment. */
static inline uint64_t bytes_load(const uint8_t *buf, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, buf, size);
    return GUINT64_FROM_LE(value);
}

static inline void bytes_store(uint8_t *buf, uint64_t value, unsigned size)
{
    value = GUINT64_TO_LE(value);
    memcpy(buf, &value, size);
}

enum { WORDWISE_MAX = 256 };                    /* beyond it the middle goes by memcpy() */

static void ram_copy_out(uint8_t *buf, const uint8_t *ram, size_t len)
{
    while (len) {
        unsigned size = natural_size((uintptr_t)ram, len);

        if (size == 8 && len > WORDWISE_MAX) {
            memcpy(buf, ram, len & ~(size_t)7);
            buf += len & ~(size_t)7;
            ram += len & ~(size_t)7;
            len &= 7;
            continue;
        }
        bytes_store(buf, host_load(ram, size), size);
        buf += size;
        ram += size;
        len -= size;
    }
}

static void ram_copy_in(uint8_t *ram, const uint8_t *buf, size_t len)
{
    while (len) {
        unsigned size = natural_size((uintptr_t)ram, len);

        if (size == 8 && len > WORDWISE_MAX) {
            memcpy(ram, buf, len & ~(size_t)7);
            buf += len & ~(size_t)7;
            ram += len & ~(size_t)7;
            len &= 7;
            continue;
        }
        host_store(ram, bytes_load(buf, size), size);
        buf += size;
        ram += size;
        len -= size;
    }
}

/* Device callbacks. All of this under the big lock. */

static inline uint64_t value_mask(unsigned size) { return size == 8 ? UINT64_MAX : (1ull << size * 8) - 1; }

static inline uint64_t swap_bytes(uint64_t v, unsigned size) { return GUINT64_SWAP_LE_BE(v) >> (64 - size * 8); }

static inline unsigned floor_power_of_2(unsigned n) { return n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1; }

static inline unsigned alignment_of(uint64_t offset) { return offset & 7 ? offset & -offset : 8; }

static MemTxResult callback_read(MemoryRegion *mr, uint64_t offset, unsigned size, uint64_t *value, MemTxAttrs attrs)
{
    const MemoryOps *ops = mr->ops;
    MemTxResult result = MEMTX_OK;

    *value = UINT64_MAX;
    if (ops->read_attrs) {
        result = ops->read_attrs(mr->opaque, offset, value, size, attrs);
    } else if (ops->read) {
        *value = ops->read(mr->opaque, offset, size);
    }
    *value &= value_mask(size);
    if (ops->endianness == BIG_ENDIAN_DEVICE) {
        *value = swap_bytes(*value, size);
    }
    return result;
}

static MemTxResult callback_write(MemoryRegion *mr, uint64_t offset, unsigned size, uint64_t value, MemTxAttrs attrs)
{
    const MemoryOps *ops = mr->ops;

    value &= value_mask(size);
    if (ops->endianness == BIG_ENDIAN_DEVICE) {
        value = swap_bytes(value, size);
    }
    if (ops->write_attrs) {
        return ops->write_attrs(mr->opaque, offset, value, size, attrs);
    }
    if (ops->write) {
        ops->write(mr->opaque, offset, value, size);
    }
    return MEMTX_OK;
}

/* A piece of an access as the callbacks handle it: @word bytes at @base, of which [@skip, @skip + @bytes) are meant. */
typedef struct Piece { uint64_t base; unsigned word, skip, bytes; } Piece;

static Piece next_piece(const MemoryOps *ops, uint64_t offset, unsigned size)
{
    unsigned min = ops->impl.min ? ops->impl.min : 1, max = ops->impl.max ? ops->impl.max : 4;
    unsigned word = MIN(floor_power_of_2(size), max);

    if (!ops->impl.unaligned) {
        word = MIN(word, alignment_of(offset));
    }
    if (word >= min) {
        return (Piece){ offset, word, 0, word };
    }
    Piece p = { .base = offset & ~(uint64_t)(min - 1), .word = min };
    p.skip = offset - p.base;
    p.bytes = MIN(size, min - p.skip);
    return p;
}

static MemTxResult impl_read(MemoryRegion *mr, uint64_t offset, unsigned size, uint64_t *value, MemTxAttrs attrs)
{
    MemTxResult result = MEMTX_OK;

    *value = 0;
    for (unsigned done = 0; done < size;) {
        Piece p = next_piece(mr->ops, offset + done, size - done);
        uint64_t word;

        result |= callback_read(mr, p.base, p.word, &word, attrs);
        *value |= (word >> p.skip * 8 & value_mask(p.bytes)) << done * 8;
        done += p.bytes;
    }
    return result;
}

static MemTxResult impl_write(MemoryRegion *mr, uint64_t offset, unsigned size, uint64_t value, MemTxAttrs attrs)
{
    MemTxResult result = MEMTX_OK;

    for (unsigned done = 0; done < size;) {
        Piece p = next_piece(mr->ops, offset + done, size - done);

        result |= callback_write(mr, p.base, p.word, (value >> done * 8 & value_mask(p.bytes)) << p.skip * 8, attrs);
        done += p.bytes;
    }
    return result;
}

/* Bytes of the next bus access at @offset with @size left, by the rules of `valid`; 0: the region does not answer. */
static unsigned bus_size(const MemoryOps *ops, uint64_t offset, unsigned size)
{
    unsigned bytes = MIN(floor_power_of_2(size), ops->valid.max ? ops->valid.max : 8);

    if (!ops->valid.unaligned) {
        bytes = MIN(bytes, alignment_of(offset));
    }
    return ops->valid.max && bytes < ops->valid.min ? 0 : bytes;
}

static const char *region_name(const MemoryRegion *mr) { return mr->name ? mr->name : "removed device"; }

static void log_refused(MemoryRegion *mr, const char *what, uint64_t offset, unsigned size)
{
    LOG(LOG_GUEST_ERROR, "%s: no answer to a %s of %u bytes at offset 0x%" PRIx64 "\n", region_name(mr), what, size,
        offset);
}

MemTxResult memory_region_load(MemoryRegion *mr, uint64_t offset, unsigned size, uint64_t *value, MemTxAttrs attrs)
{
    BQL_GUARD();
    MemTxResult result = MEMTX_OK;

    *value = value_mask(size);
    if (mr->ops == &memory_unassigned_ops) {
        LOG(LOG_UNIMP, "%s: read of %u bytes at unassigned 0x%" PRIx64 "\n", region_name(mr), size, offset);
        return MEMTX_DECODE_ERROR;
    }
    if (mmio_depth >= MMIO_DEPTH_MAX) {
        log_refused(mr, "nested read", offset, size);
        return MEMTX_ERROR;
    }
    mmio_depth++;
    for (unsigned done = 0; done < size;) {
        unsigned bytes = bus_size(mr->ops, offset + done, size - done);
        uint64_t part;

        if (!bytes) {
            bytes = MIN(floor_power_of_2(size - done), alignment_of(offset + done));
            log_refused(mr, "read", offset + done, bytes);
            result |= MEMTX_DECODE_ERROR;
        } else {
            result |= impl_read(mr, offset + done, bytes, &part, attrs);
            *value &= ~(value_mask(bytes) << done * 8);
            *value |= part << done * 8;
        }
        done += bytes;
    }
    mmio_depth--;
    return result;
}

MemTxResult memory_region_store(MemoryRegion *mr, uint64_t offset, unsigned size, uint64_t value, MemTxAttrs attrs)
{
    BQL_GUARD();
    MemTxResult result = MEMTX_OK;

    if (mr->ops == &memory_unassigned_ops) {
        LOG(LOG_UNIMP, "%s: write of %u bytes at unassigned 0x%" PRIx64 "\n", region_name(mr), size, offset);
        return MEMTX_DECODE_ERROR;
    }
    if (mmio_depth >= MMIO_DEPTH_MAX) {
        log_refused(mr, "nested write", offset, size);
        return MEMTX_ERROR;
    }
    mmio_depth++;
    for (unsigned done = 0; done < size;) {
        unsigned bytes = bus_size(mr->ops, offset + done, size - done);

        if (!bytes) {
            bytes = MIN(floor_power_of_2(size - done), alignment_of(offset + done));
            log_refused(mr, "write", offset + done, bytes);
            result |= MEMTX_DECODE_ERROR;
        } else {
            result |= impl_write(mr, offset + done, bytes, value >> done * 8, attrs);
        }
        done += bytes;
    }
    mmio_depth--;
    return result;
}

/* Sections */

uint8_t *memory_section_ram(const MemorySection *s)
{
    MemoryRegion *mr = s->mr;
    RamBlock *ram = __atomic_load_n(&mr->ram, __ATOMIC_ACQUIRE);

    if (!ram || (mr->kind == REGION_ROM_DEVICE && !__atomic_load_n(&mr->romd_mode, __ATOMIC_ACQUIRE))) {
        return NULL;
    }
    return ram->host + s->offset;
}

/* Host memory that a write may go to; NULL: it must be dropped or is a device's. */
static uint8_t *section_writable(const MemorySection *s, RamBlock **ram)
{
    *ram = s->read_only ? NULL : __atomic_load_n(&s->mr->ram, __ATOMIC_ACQUIRE);
    return *ram ? (*ram)->host + s->offset : NULL;
}

static bool section_drops_writes(const MemorySection *s)
{
    return s->mr->kind == REGION_RAM || s->mr->kind == REGION_ROM;
}

/* Pieces that a device gets of a longer transfer: the widest it takes. */
static unsigned transfer_size(const MemoryRegion *mr, uint64_t offset, size_t len)
{
    unsigned max = mr->ops->valid.max ? mr->ops->valid.max : MAX(mr->ops->impl.max, 4);
    unsigned size = floor_power_of_2(MIN(len, 8));

    size = MIN(size, max);
    return mr->ops->valid.unaligned ? size : MIN(size, alignment_of(offset));
}

MemTxResult memory_read(AddressSpace *as, GuestAddr addr, MemTxAttrs attrs, void *buf, size_t len)
{
    MemTxResult result = MEMTX_OK;
    uint8_t *out = buf;

    memory_read_lock();
    while (len) {
        MemorySection s = memory_lookup(as, addr);
        const uint8_t *ram = memory_section_ram(&s);
        size_t bytes = MIN(len, s.len);

        if (ram) {
            ram_copy_out(out, ram, bytes);
        } else if (s.mr == &memory_region_unassigned) {
            memset(out, 0xff, bytes);
            result |= MEMTX_DECODE_ERROR;
        } else {
            uint64_t value;

            bytes = transfer_size(s.mr, s.offset, bytes);
            result |= memory_region_load(s.mr, s.offset, bytes, &value, attrs);
            bytes_store(out, value, bytes);
        }
        out += bytes;
        addr += bytes;
        len -= bytes;
    }
    memory_read_unlock();
    return result;
}

static MemTxResult write_common(AddressSpace *as, GuestAddr addr, MemTxAttrs attrs, const void *buf, size_t len,
                                bool into_rom)
{
    MemTxResult result = MEMTX_OK;
    const uint8_t *in = buf;

    memory_read_lock();
    while (len) {
        MemorySection s = memory_lookup(as, addr);
        size_t bytes = MIN(len, s.len);
        RamBlock *block;

        if (into_rom) {
            s.read_only = false;
        }
        uint8_t *ram = section_writable(&s, &block);
        if (ram && !(into_rom && block->read_only)) {
            ram_copy_in(ram, in, bytes);
            ram_mark_dirty(block, s.offset, bytes);
        } else if (section_drops_writes(&s)) {
            LOG(LOG_GUEST_ERROR, "%s: write to read-only memory at 0x%" PRIx64 " dropped\n", region_name(s.mr), addr);
        } else if (s.mr == &memory_region_unassigned) {
            result |= MEMTX_DECODE_ERROR;
        } else {
            bytes = transfer_size(s.mr, s.offset, bytes);
            result |= memory_region_store(s.mr, s.offset, bytes, bytes_load(in, bytes), attrs);
        }
        in += bytes;
        addr += bytes;
        len -= bytes;
    }
    memory_read_unlock();
    return result;
}

MemTxResult memory_write(AddressSpace *as, GuestAddr addr, MemTxAttrs attrs, const void *buf, size_t len)
{
    return write_common(as, addr, attrs, buf, len, false);
}

MemTxResult memory_write_rom(AddressSpace *as, GuestAddr addr, const void *buf, size_t len)
{
    return write_common(as, addr, MEMTXATTRS_NONE, buf, len, true);
}

uint64_t memory_load(AddressSpace *as, GuestAddr addr, unsigned size, MemTxAttrs attrs, MemTxResult *result)
{
    MemTxResult ignored;
    uint64_t value = 0;

    result = result ? result : &ignored;
    *result = MEMTX_OK;
    memory_read_lock();
    MemorySection s = memory_lookup(as, addr);
    const uint8_t *ram = memory_section_ram(&s);
    if (s.len < size) {
        uint8_t bytes[8];
        *result = memory_read(as, addr, attrs, bytes, size);
        value = bytes_load(bytes, size);
    } else if (ram) {
        value = (uintptr_t)ram & (size - 1) ? bytes_load(ram, size) : host_load(ram, size);
    } else {
        *result = memory_region_load(s.mr, s.offset, size, &value, attrs);
    }
    memory_read_unlock();
    return value;
}

void memory_store(AddressSpace *as, GuestAddr addr, unsigned size, uint64_t value, MemTxAttrs attrs,
                  MemTxResult *result)
{
    MemTxResult ignored;
    uint8_t bytes[8];

    result = result ? result : &ignored;
    *result = MEMTX_OK;
    memory_read_lock();
    MemorySection s = memory_lookup(as, addr);
    RamBlock *block;
    uint8_t *ram = section_writable(&s, &block);
    if (s.len < size || (!ram && section_drops_writes(&s))) {
        bytes_store(bytes, value, size);
        *result = memory_write(as, addr, attrs, bytes, size);
    } else if (ram) {
        if ((uintptr_t)ram & (size - 1)) {
            bytes_store(ram, value, size);
        } else {
            host_store(ram, value, size);
        }
        ram_mark_dirty(block, s.offset, size);
    } else {
        *result = memory_region_store(s.mr, s.offset, size, value, attrs);
    }
    memory_read_unlock();
}
