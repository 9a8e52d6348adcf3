/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest physical memory: regions, address spaces, flat views, dispatch, dirty tracking, DMA.
 *
 * A tree of MemoryRegions (RAM, ROM, ROM device, MMIO, alias, container) describes an address space. Among overlapping
 * siblings the higher priority wins, then the later added. A change of the tree (under the big lock, between
 * memory_transaction_begin() and _commit()) renders a new FlatView: a sorted array of disjoint ranges with a lookup
 * index. Readers (vCPUs, DMA) take the view with no lock inside an RCU read section (liburcu).
 *
 * Accesses: RAM is reached by host pointer. MMIO calls MemoryOps under the big lock, split and merged to the sizes the
 * ops implement. Unassigned addresses answer as the bus does: reads give all ones, writes vanish.
 *
 * Life of what a reader sees: a view holds a reference on the owner of each of its regions, and is freed (with the RAM
 * blocks that went with it) by call_rcu(), in the background. So a reader may wait for the big lock inside its read
 * section; and nobody may call synchronize_rcu() with the big lock held.
 */
#ifndef MEMORY_MEMORY_H
#define MEMORY_MEMORY_H

#ifndef _LGPL_SOURCE
#define _LGPL_SOURCE                            /* liburcu: read-side functions inline */
#endif
#include <urcu.h>

#include "core/object.h"

typedef uint64_t GuestAddr;                     /* guest physical address; host addresses are pointers */
typedef struct MemoryRegion MemoryRegion;
typedef struct AddressSpace AddressSpace;
typedef struct FlatView FlatView;
typedef struct RamBlock RamBlock;
typedef struct MemoryListener MemoryListener;

typedef enum MemTxResult { MEMTX_OK = 0, MEMTX_ERROR = 1, MEMTX_DECODE_ERROR = 2 } MemTxResult;
/* Who asks: needed for SMRAM-like decisions, interrupt remapping and security; more fields come with their users. */
typedef struct MemTxAttrs {
    unsigned secure : 1, user : 1, unspecified : 1, memory : 1;
    unsigned requester_id : 16;
} MemTxAttrs;
#define MEMTXATTRS_NONE ((MemTxAttrs){ .unspecified = 1 })

typedef enum Endianness { LITTLE_ENDIAN_DEVICE, BIG_ENDIAN_DEVICE } Endianness;

typedef struct MemoryOps {
    /* @offset from the region's start; @size 1, 2, 4 or 8 within impl limits. Value in the low bits. */
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
    void (*write)(void *opaque, uint64_t offset, uint64_t value, unsigned size);
    /* Instead of the above, where an access can fail or the initiator matters. */
    MemTxResult (*read_attrs)(void *opaque, uint64_t offset, uint64_t *value, unsigned size, MemTxAttrs attrs);
    MemTxResult (*write_attrs)(void *opaque, uint64_t offset, uint64_t value, unsigned size, MemTxAttrs attrs);
    Endianness endianness;
    /*
     * What a guest may use. Wider accesses, and unaligned ones where not allowed, arrive in naturally aligned pieces,
     * as over a bus; a piece narrower than min is answered as unassigned. max 0: every size up to 8.
     */
    struct { unsigned min, max; bool unaligned; } valid;
    /*
     * What the callbacks handle; 0: 1 and 4. A wider access is split, a narrower one (or the part of a word that an
     * unaligned one covers) reaches them as an aligned word of min bytes; its other bytes are written as zero.
     */
    struct { unsigned min, max; bool unaligned; } impl;
} MemoryOps;

typedef enum RegionKind {
    REGION_CONTAINER, REGION_RAM, REGION_ROM, REGION_ROM_DEVICE, REGION_IO, REGION_ALIAS
} RegionKind;

/* Embedded in its owner's struct. Fields are private to memory/. */
struct MemoryRegion {
    Object *owner;
    char *name;
    RegionKind kind;
    bool enabled, read_only, terminates, flush_coalesced, romd_mode, mapped;
    int32_t priority;
    GuestAddr addr;                             /* in the container */
    unsigned __int128 size;                     /* up to 2^64 */
    const MemoryOps *ops;
    void *opaque;
    RamBlock *ram;
    MemoryRegion *alias;
    GuestAddr alias_offset;
    MemoryRegion *container;
    GPtrArray *subregions;                      /* in rendering order */
    uint8_t dirty_clients;                      /* bits of DirtyClient that log this region */
};

#define REGION_SIZE_MAX UINT64_MAX              /* as @size: the whole 2^64 */

void memory_region_init(MemoryRegion *mr, Object *owner, const char *name, uint64_t size);        /* container */
void memory_region_init_io(MemoryRegion *mr, Object *owner, const MemoryOps *ops, void *opaque, const char *name,
                           uint64_t size);
bool memory_region_init_ram(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, GError **err);
/* ROM: what guests write vanishes. */
bool memory_region_init_rom(MemoryRegion *mr, Object *owner, const char *name, uint64_t size, GError **err);
/* Reads as RAM while in romd mode; writes (and reads outside of it) call ops. */
bool memory_region_init_rom_device(MemoryRegion *mr, Object *owner, const MemoryOps *ops, void *opaque,
                                   const char *name, uint64_t size, GError **err);
/** memory_region_init_ram_block: takes over @ram; ROM if the block is read-only. */
void memory_region_init_ram_block(MemoryRegion *mr, Object *owner, const char *name, RamBlock *ram);
void memory_region_init_alias(MemoryRegion *mr, Object *owner, const char *name, MemoryRegion *target,
                              GuestAddr offset, uint64_t size);
/**
 * memory_region_destroy: removes @mr from its container and frees what it holds once no reader can see it. From now on
 * it answers as unassigned. @mr's memory must stay until then too: embed regions in their owner, whom views keep alive.
 */
void memory_region_destroy(MemoryRegion *mr);

void memory_region_add(MemoryRegion *container, GuestAddr addr, MemoryRegion *mr);                /* priority 0 */
void memory_region_add_overlap(MemoryRegion *container, GuestAddr addr, MemoryRegion *mr, int32_t priority);
void memory_region_del(MemoryRegion *container, MemoryRegion *mr);
void memory_region_set_enabled(MemoryRegion *mr, bool enabled);
void memory_region_set_address(MemoryRegion *mr, GuestAddr addr);
void memory_region_set_size(MemoryRegion *mr, uint64_t size);
void memory_region_set_alias_offset(MemoryRegion *mr, GuestAddr offset);
void memory_region_set_readonly(MemoryRegion *mr, bool read_only);     /* RAM <-> ROM; PAM registers */
void memory_region_set_romd(MemoryRegion *mr, bool romd);
uint64_t memory_region_size(const MemoryRegion *mr);
void *memory_region_ram_ptr(MemoryRegion *mr);                          /* NULL if not RAM, ROM or ROM device */
void memory_transaction_begin(void);                                    /* nests */
void memory_transaction_commit(void);

/* RAM blocks: a host mapping with dirty bitmaps. Page: 4096 bytes. */
typedef enum DirtyClient { DIRTY_VGA, DIRTY_CODE, DIRTY_MIGRATION, DIRTY_CLIENTS } DirtyClient;
#define GUEST_PAGE_BITS 12
#define GUEST_PAGE_SIZE 4096ull
struct RamBlock {
    char *name;                                 /* "pc.ram", "vga.vram"; unique */
    uint8_t *host;
    uint64_t size;                              /* bytes, multiple of the page */
    int fd;                                     /* memfd or file; -1 */
    uint64_t fd_offset;
    uint64_t page_bytes;                        /* of the host mapping (huge pages) */
    bool shared, read_only;
    /*
     * One bit a page. VGA, MIGRATION: set = written since last cleared. CODE is the reverse: a set bit means that no
     * translation or decoded instruction of the page exists; the accelerator clears it when it decodes from the page.
     * A page whose bits are all set may be written with no further work (TLB fast path).
     */
    unsigned long *dirty[DIRTY_CLIENTS];
    RamBlock *next;
    void *accel_data;                           /* owned by the accelerator (code tracking) */
    unsigned refs;                              /* atomic: the owner's and one a dma_map(); private to memory/ */
    bool dead, discard_data;
    struct rcu_head rcu;
};
typedef struct RamBlockParams {
    const char *name; uint64_t size; bool share, prealloc, memfd, hugetlb, readonly, reserve; uint64_t hugetlb_size;
    const char *path; uint64_t offset; bool discard_data, dump, merge;
    bool open_readonly;                         /* path: opened read-only; writes stay private unless also readonly */
    bool seal, pmem;
    uint64_t align;                             /* of the host mapping; 0: the page's (2 MiB if large enough) */
    unsigned prealloc_threads;                  /* 0: 1 */
    int numa_policy;                            /* MPOL_* of Linux: 0 default, 1 preferred, 2 bind, 3 interleave */
    const unsigned long *numa_nodes; unsigned numa_node_bits;
} RamBlockParams;
RamBlock *ram_block_new(const RamBlockParams *params, GError **err);
/** ram_block_free: gives up the owner's reference; memory goes when no reader and no dma_map() holds it. NULL: none. */
void ram_block_free(RamBlock *ram);
/** ram_block_fail_countdown: for tests: N > 0 makes the Nth mapping or bitmap allocation from now fail. */
extern int ram_block_fail_countdown;
RamBlock *ram_block_find(const char *name);
void ram_block_foreach(void (*fn)(RamBlock *ram, void *opaque), void *opaque);
/** ram_block_from_host: block and offset of host address @ptr; NULL: not guest RAM. */
RamBlock *ram_block_from_host(const void *ptr, uint64_t *offset);

/**
 * ram_mark_dirty: a write to [@offset, +@len) happened: sets VGA and MIGRATION bits, and calls the code hook for each
 * page with code. Any thread.
 */
void ram_mark_dirty(RamBlock *ram, uint64_t offset, uint64_t len);
/** ram_code_hook: called (any thread) after a write by DMA or debugger to a page whose CODE bit is clear. */
extern void (*ram_code_hook)(RamBlock *ram, uint64_t offset, uint64_t len);
bool ram_page_needs_slow_write(const RamBlock *ram, uint64_t offset);  /* some dirty bit of the page is clear */
void memory_region_set_log(MemoryRegion *mr, bool log, DirtyClient client);
bool memory_region_test_and_clear_dirty(MemoryRegion *mr, uint64_t offset, uint64_t len, DirtyClient client);
/**
 * memory_region_take_dirty: the same, page by page: also sets bit N of @bits for each page N of the region in the range
 * that was written. Bits of other pages stay. Returns whether any page was.
 */
bool memory_region_take_dirty(MemoryRegion *mr, uint64_t offset, uint64_t len, DirtyClient client, unsigned long *bits);
/*
 * For an accelerator whose guest writes set no bits here: ram_log_hook: clients of @mr came or went; ram_dirty_pull_hook:
 * somebody is about to look at the bits of this range. Under the big lock.
 */
extern void (*ram_log_hook)(MemoryRegion *mr);
extern void (*ram_dirty_pull_hook)(RamBlock *ram, uint64_t offset, uint64_t len);
/** ram_protect_hook: called when dirty bits were cleared, to withdraw cached write permission (TLBs). */
extern void (*ram_protect_hook)(RamBlock *ram, uint64_t offset, uint64_t len);

/* Address spaces. */
struct AddressSpace {
    char *name;
    MemoryRegion *root;
    FlatView *view;                             /* RCU-published */
    GPtrArray *listeners;
    AddressSpace *next;
};
AddressSpace *address_space_memory(void);       /* the machine's physical memory, "memory" */
AddressSpace *address_space_io(void);           /* the 64 KiB of x86 ports, "I/O" */
MemoryRegion *system_memory(void);              /* root of the former */
MemoryRegion *system_io(void);
void address_space_init(AddressSpace *as, MemoryRegion *root, const char *name);
void address_space_destroy(AddressSpace *as);

/*
 * Readers. A thread that calls rcu_read_lock() itself, or runs for long, registers; functions of this header register
 * their caller at first use (it is unregistered when it ends). Registering twice is harmless; calling
 * rcu_register_thread() directly is not.
 */
void memory_thread_register(void);
/** memory_call_rcu: @fn(@head) once all present readers have left; runs in a background thread. */
void memory_call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *head));
void memory_thread_unregister(void);

/* A resolved physical range, valid until rcu_read_unlock() or, for the section's region, while it stays mapped. */
typedef struct MemorySection {
    MemoryRegion *mr;                           /* never NULL; &memory_region_unassigned if nothing is there */
    GuestAddr offset;                           /* of the looked-up address in @mr */
    uint64_t len;                               /* bytes from there to the end of the range */
    bool read_only;
} MemorySection;
extern MemoryRegion memory_region_unassigned;
/** memory_lookup: what is at @addr. Call inside rcu_read_lock(). */
MemorySection memory_lookup(AddressSpace *as, GuestAddr addr);
/** memory_section_ram: host pointer of a section that can be read directly (RAM, ROM, ROM device in romd mode). */
uint8_t *memory_section_ram(const MemorySection *s);
/** memory_generation: changes with every commit that altered a view; cached translations are valid until then. */
uint64_t memory_generation(void);

/* Accesses from devices and debuggers; any thread. For vCPUs too, where they miss their TLB. */
MemTxResult memory_read(AddressSpace *as, GuestAddr addr, MemTxAttrs attrs, void *buf, size_t len);
MemTxResult memory_write(AddressSpace *as, GuestAddr addr, MemTxAttrs attrs, const void *buf, size_t len);
/** memory_write_rom: as memory_write() but also into ROM; for loaders and debuggers. */
MemTxResult memory_write_rom(AddressSpace *as, GuestAddr addr, const void *buf, size_t len);
/** memory_load / memory_store: one access of @size 1, 2, 4, 8, little-endian; *@result (may be NULL). */
uint64_t memory_load(AddressSpace *as, GuestAddr addr, unsigned size, MemTxAttrs attrs, MemTxResult *result);
void memory_store(AddressSpace *as, GuestAddr addr, unsigned size, uint64_t value, MemTxAttrs attrs,
                  MemTxResult *result);
/* One access straight to a region found before (a TLB entry's MMIO). They take the big lock if needed. */
MemTxResult memory_region_load(MemoryRegion *mr, uint64_t offset, unsigned size, uint64_t *value, MemTxAttrs attrs);
MemTxResult memory_region_store(MemoryRegion *mr, uint64_t offset, unsigned size, uint64_t value, MemTxAttrs attrs);

/* DMA: what a bus master does. */
typedef enum DmaDirection { DMA_TO_DEVICE, DMA_FROM_DEVICE } DmaDirection;
#define dma_read(as, addr, buf, len)  memory_read(as, addr, MEMTXATTRS_NONE, buf, len)
#define dma_write(as, addr, buf, len) memory_write(as, addr, MEMTXATTRS_NONE, buf, len)
/**
 * dma_map: lend guest memory to host I/O without a copy.
 * @as:   address space the device masters
 * @addr: guest address; any value, checked here
 * @len:  in: bytes wanted; out: bytes lent, at least 1, fewer where RAM ends
 * @dir:  DMA_TO_DEVICE or DMA_FROM_DEVICE (the latter marks the pages dirty on unmap)
 *
 * Returns a host pointer, or NULL if @addr is not RAM: then use dma_read() or dma_write().
 * The caller holds the memory until dma_unmap(), once, from any thread. Needs no lock; does not block.
 */
void *dma_map(AddressSpace *as, GuestAddr addr, size_t *len, DmaDirection dir);
void dma_unmap(AddressSpace *as, void *host, size_t len, DmaDirection dir, size_t done);

/* Listeners: told of the ranges of a view, at registration and at every change (accelerators). Under the big lock. */
struct MemoryListener {
    void (*begin)(MemoryListener *l);
    void (*range_add)(MemoryListener *l, const MemorySection *s, GuestAddr addr, uint64_t len);
    void (*range_del)(MemoryListener *l, const MemorySection *s, GuestAddr addr, uint64_t len);
    void (*commit)(MemoryListener *l);
    AddressSpace *as;
};
void memory_listener_register(MemoryListener *l, AddressSpace *as);
void memory_listener_unregister(MemoryListener *l);

/** memory_print_tree: `info mtree` text; @flat: rendered views. */
void memory_print_tree(GString *out, bool flat);

#endif
