/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks: decoded straight runs of code, kept by host address of the first byte and mode.
 *
 *   rip -> jump cache (run.c) -> page of the fetch -> hash table -> current? run it
 *                                                             -> stale: bytes unchanged? keep it, else decode anew
 *                                                  -> none: decode
 *
 * A block ends after a branch, after what changes the world (ROW_ENDS_BLOCK), after what only raises, before an
 * instruction that crosses the page (which is a block of its own, tied to both pages), or when it is full. Code fetched
 * from a device is decoded one instruction at a time and not kept.
 *
 * Blocks lie one after another in an arena; when it is full, all are thrown away at once. That happens between blocks
 * only.
 *
 * Arena and code memory may be as large as tb-size says, but begin small (cache_limit). When what is allowed is full
 * soon after everything was thrown away, it is doubled; if it took long, little of it is in use, and everything is
 * thrown away: what is in use comes back. The memory is given back to the host then, and when a vCPU has long been idle.
 */
#include <sys/mman.h>
#include <time.h>

#include "accel/debug.h"
#include "target/i386/exec/exec.h"
#include "target/i386/insn-gen.h"
#include "target/i386/system/system.h"
#include "target/i386/translate/translate.h"

#include <capstone/capstone.h>

#include "core/log.h"
#include "core/timer.h"

#define INSN_MAX_BYTES 15
enum { CACHE_START_BYTES = 2 << 20 };

#define CACHE_SOON_NS (10ll * 1000000000)
#define IDLE_WAIT_NS (10ll * 1000000000)
#define IDLE_WAIT_MOST_NS (640ll * 1000000000)
enum { IDLE_PART = 20 };                        /* idle: less than one part in so many of the time */

/* The hash table grows with what may be used of the arena: a block takes some 350 bytes of that. */
enum { HASH_BYTES_PER_ENTRY = 256, HASH_START = CACHE_START_BYTES / HASH_BYTES_PER_ENTRY };
_Static_assert((HASH_START & (HASH_START - 1)) == 0, "a mask selects the entry");

/* Entries for @bytes of the arena. */
static size_t hash_entries(size_t bytes)
{
    size_t entries = HASH_START;

    while (entries < bytes / HASH_BYTES_PER_ENTRY) {
        entries *= 2;
    }
    return entries;
}

static unsigned block_hash(const CpuExec *exec, const uint8_t *host, uint32_t key)
{
    return ((uintptr_t)host ^ (uintptr_t)host >> 16 ^ key * 0x9e3779b1u) & exec->blocks_mask;
}

/* Twice the entries: what was in one list is in two, in the same order. */
static void hash_grow(CpuExec *exec)
{
    const unsigned entries = exec->blocks_mask + 1;

    exec->blocks_mask = 2 * entries - 1;
    for (unsigned i = 0; i < entries; i++) {
        Block **ends[2] = { &exec->blocks[i], &exec->blocks[i + entries] }, *next;
        for (Block *block = exec->blocks[i]; block; block = next) {
            Block ***end = &ends[block_hash(exec, block->host, block->key) >= entries];
            next = block->next;
            **end = block;
            *end = &block->next;
        }
        *ends[0] = *ends[1] = NULL;
    }
}

static size_t block_size(unsigned insns, size_t behind) { return (sizeof(Block) + insns * sizeof(Insn) + behind + 63) & ~(size_t)63; }

Block block_none = { .lin = 1, .key = UINT32_MAX };

void exec_new_epoch(CpuExec *exec)
{
    exec->epoch++;
    memset(exec->code_pages, 0, sizeof exec->code_pages);
}

bool block_cache_init(CpuExec *exec, size_t bytes, GError **err)
{
    size_t table = hash_entries(bytes) * sizeof(Block *) + block_size(1, 0);
    /* Untouched pages cost nothing, so an idle or small guest pays for what it uses only. */
    uint8_t *map =
        mmap(NULL, table + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (map == MAP_FAILED) {
        return error_set_errno(err, errno, "no %zu bytes for decoded code", bytes);
    }
    exec->transient = (Block *)map;
    exec->blocks = (Block **)(map + block_size(1, 0));
    exec->arena = map + table;
    exec->arena_bytes = bytes;
    exec->blocks_mask = HASH_START - 1;
    exec->cache_limit = MIN(bytes, CACHE_START_BYTES);
    if (bytes > CACHE_START_BYTES) {            /* who needs more than the start needs many pages soon */
        uint8_t *more = (uint8_t *)(((uintptr_t)exec->arena + CACHE_START_BYTES + GUEST_PAGE_SIZE - 1) & TLB_PAGE_MASK);
        madvise(more, exec->arena + bytes - more, MADV_HUGEPAGE);
    }
    exec->cache_begun_ns = exec->idle_from_ns = clock_ns(CLOCK_RT);
    exec->idle_wait_ns = IDLE_WAIT_NS;
    for (unsigned i = 0; i < JUMP_ENTRIES; i++) {
        exec->jump[i] = &block_none;
    }
    return true;
}

void block_cache_destroy(CpuExec *exec)
{
    munmap(exec->transient, exec->arena + exec->arena_bytes - (uint8_t *)exec->transient);
}

void block_cache_forget(CpuExec *exec)
{
    memset(exec->blocks, 0, (exec->blocks_mask + 1) * sizeof *exec->blocks);
    if (exec->arena_used > CACHE_START_BYTES) {
        uint8_t *start = (uint8_t *)(((uintptr_t)exec->arena + GUEST_PAGE_SIZE - 1) & TLB_PAGE_MASK);
        madvise(start, exec->arena + exec->arena_bytes - start, MADV_DONTNEED);
    }
    exec->arena_used = 0;
    memset(exec->again, 0, sizeof exec->again);
    exec->cache_begun_ns = clock_ns(CLOCK_RT);
    exec->arena_flushes++;
    exec_new_epoch(exec);
    for (unsigned i = 0; i < JUMP_ENTRIES; i++) {
        exec->jump[i] = &block_none;
    }
    cache_reset(exec);
}

/* There is no room: makes some. */
static void make_room(CpuExec *exec)
{
    bool soon = clock_ns(CLOCK_RT) - exec->cache_begun_ns < CACHE_SOON_NS;

    if (soon && exec->cache_limit < exec->arena_bytes && exec->jit.last_serial != SERIAL_LAST) {
        exec->cache_limit = MIN(2 * exec->cache_limit, exec->arena_bytes);
        while (exec->blocks_mask + 1 < hash_entries(exec->cache_limit)) {
            hash_grow(exec);
        }
    } else {
        block_cache_forget(exec);
    }
}

static int64_t thread_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

void block_cache_idle(CpuExec *exec)
{
    int64_t now = clock_ns(CLOCK_RT), passed = now - exec->idle_from_ns, cpu;

    if (passed < exec->idle_wait_ns) {
        return;
    }
    cpu = thread_cpu_ns();
    if ((cpu - exec->idle_cpu_ns) * IDLE_PART > passed) {
        exec->idle_wait_ns = IDLE_WAIT_NS;
    } else if (exec->arena_used > 2 * CACHE_START_BYTES) {
        block_cache_forget(exec);
        exec->cache_limit = MIN(exec->arena_bytes, CACHE_START_BYTES);
        exec->idle_wait_ns = MIN(2 * exec->idle_wait_ns, IDLE_WAIT_MOST_NS);
    }
    exec->idle_from_ns = now;
    exec->idle_cpu_ns = cpu;
}

static Block *arena_reserve(CpuExec *exec)
{
    if (exec->arena_used + block_size(BLOCK_INSNS, TRANSLATION_MOST_BYTES) > exec->cache_limit) {
        make_room(exec);
    }
    return (Block *)(exec->arena + exec->arena_used);
}

/* Where the byte at @lin is fetched from. host NULL: a device. */
typedef struct Fetch { const uint8_t *host; RamBlock *ram; GuestAddr phys; } Fetch;

static Fetch fetch_from(CpuX86 *cpu, uint64_t lin)
{
    if (cpu->mode_flags & MODE_CS64 && !cpu_is_canonical(cpu, lin)) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_CODE_NOT_CANONICAL, lin, 0);
    }
    const TlbPage *page = mmu_page(cpu, lin, ACCESS_FETCH, cpu->tlb_index);
    unsigned off = lin & ~TLB_PAGE_MASK;

    mmu_fill(cpu, lin, page, cpu->tlb_index);
    return (Fetch){ page->host ? page->host + off : NULL, page->ram, page->phys + off };
}

/* Host address only, for a block that is known already. */
static const uint8_t *fetch_host(CpuX86 *cpu, uint64_t lin)
{
    const TlbEntry *e = &cpu->tlb[tlb_slot(lin)];
    return tlb_hit(cpu->exec->exec_tags[cpu->tlb_index][tlb_slot(lin)], lin, 1) ? tlb_host(e, lin) : fetch_from(cpu, lin).host;
}

static uint64_t page_after(const CpuX86 *cpu, uint64_t lin)
{
    uint64_t next = (lin & TLB_PAGE_MASK) + GUEST_PAGE_SIZE;
    return cpu->mode_flags & MODE_CS64 ? next : (uint32_t)next;
}

/* Bytes from rip to the end of the code segment; raises if there is none. */
static uint64_t code_limit(CpuX86 *cpu)
{
    if (cpu->mode_flags & (MODE_CS64 | MODE_FLAT_CODE)) {
        return UINT64_MAX;
    }
    if (cpu->rip > cpu->seg[R_CS].limit) {
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_CODE_OFFSET, cpu->rip, cpu->seg[R_CS].limit);
    }
    return (uint64_t)cpu->seg[R_CS].limit - cpu->rip + 1;
}

/* Translated blocks go on where a conditional branch is not taken. */
static bool ends_block(const CpuX86 *cpu, const Insn *insn, bool translated)
{
    const InsnRow *row = insn_row(insn);

    if (translated && privileged_in_place(cpu, insn)) {
        return false;
    }
    if (translated && (row->op == OP_Jcc || row->op == OP_LOOP || row->op == OP_JCXZ) && insn->fn != insn_ud) {
        return false;
    }
    return insn->fn == insn_ud || insn->fn == insn_nm || insn->fn == insn_gp0 ||
           (row->properties & (ROW_BRANCH | ROW_ENDS_BLOCK));
}

static void fetch_device(CpuX86 *cpu, const Fetch *from, uint8_t *bytes, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        bytes[i] = from->host ? from->host[i] : memory_load(cpu_memory(cpu), from->phys + i, 1, MEMTXATTRS_NONE, NULL);
    }
}

/* One instruction that needs bytes of the next page, or any from a device. */
static void decode_awkward(CpuX86 *cpu, Block *block, const Fetch *from, uint64_t lin, uint64_t limit)
{
    unsigned here = MIN(INSN_MAX_BYTES, GUEST_PAGE_SIZE - (lin & ~TLB_PAGE_MASK));
    unsigned wanted = MIN(INSN_MAX_BYTES, limit);
    uint8_t bytes[INSN_MAX_BYTES];
    Insn *insn = &block->insns[0];

    insn->offset = 0;
    here = MIN(here, wanted);
    if (block->page) {
        code_page_mark(block->page, lin & ~TLB_PAGE_MASK, here);
    }
    fetch_device(cpu, from, bytes, here);
    unsigned length = insn_decode(cpu, insn, bytes, here);
    if (!length && here < wanted) {
        Fetch second = fetch_from(cpu, page_after(cpu, lin));
        unsigned more = wanted - here;
        if (second.host && block->page) {
            block->page2 = code_page_open(second.ram, second.host - second.ram->host, &block->version2);
            code_page_mark(block->page2, 0, more);
            block->host2 = second.host;
        } else {
            block->page = NULL;                 /* partly from a device: not kept */
        }
        fetch_device(cpu, &second, bytes + here, more);
        insn->offset = 0;
        length = insn_decode(cpu, insn, bytes, wanted);
    }
    if (!length) {
        cpu_raise_error(cpu, VECTOR_GP, 0);     /* runs past the segment limit */
    }
    block->count = 1;
    block->bytes = length;
}

static void decode_run(CpuX86 *cpu, Block *block, const Fetch *from, uint64_t lin, uint64_t limit, unsigned max_insns)
{
    unsigned start = lin & ~TLB_PAGE_MASK, room = MIN(GUEST_PAGE_SIZE - start, limit), off = 0, count = 0;

    while (count < max_insns && off < room) {
        Insn *insn = &block->insns[count];
        uint8_t bytes[INSN_MAX_BYTES];
        unsigned avail = MIN(INSN_MAX_BYTES, room - off);

        code_page_mark(block->page, start + off, avail);
        memcpy(bytes, from->host + off, avail);
        insn->offset = off;
        unsigned length = insn_decode(cpu, insn, bytes, avail);
        if (!length) {
            break;
        }
        off += length;
        count++;
        if (ends_block(cpu, insn, block->key & BLOCK_TRANSLATED)) {
            break;
        }
    }
    block->count = count;
    block->bytes = off;
    if (!count) {
        decode_awkward(cpu, block, from, lin, limit);
    }
}

static void finish_block(Block *block)
{
    Insn *last = &block->insns[block->count - 1];
    uint32_t properties = insn_row(last)->properties;

    block->branches = properties & ROW_BRANCH;
    block->changes_mode = properties & ROW_ENDS_BLOCK;
    block->linked = block->page && !block->changes_mode && (!block->branches || insn_row(last)->imm_kind[0]);
    block->end = last + 1;
    block->kept = UINT64_MAX;
    block->link[0] = block->link[1] = &block_none;
    if (block->count >= 2 && block->branches && !(block->key & BLOCK_TRANSLATED)) {
        InsnFn *fused = insn_fuse(last - 1, last);
        if (fused) {
            last[-1].fn = fused;
        }
    }
}

static void log_asm(CpuX86 *cpu, const Block *block)
{
    unsigned bits = cpu->mode_flags & MODE_CS64 ? CS_MODE_64 : cpu->mode_flags & MODE_CS32 ? CS_MODE_32 : CS_MODE_16;
    uint64_t base = cpu->mode_flags & MODE_CS64 ? 0 : cpu->seg[R_CS].base;
    g_autoptr(GString) text = g_string_new("----------------\nIN:\n");
    csh handle;

    if (cs_open(CS_ARCH_X86, bits, &handle) != CS_ERR_OK) {
        return;
    }
    for (unsigned i = 0; i < block->count; i++) {
        const Insn *insn = &block->insns[i];
        uint64_t lin = base + cpu->rip + insn->offset;
        cs_insn *d;
        if (cs_disasm(handle, insn->bytes, insn->length, lin, 1, &d)) {
            g_string_append_printf(text, "0x%08" PRIx64 ":  %-8s %s\n", lin, d->mnemonic, d->op_str);
            cs_free(d, 1);
        } else {
            g_string_append_printf(text, "0x%08" PRIx64 ":  .byte 0x%02x\n", lin, insn->bytes[0]);
        }
    }
    cs_close(&handle);
    log_printf("%s\n", text->str);
}

static Block *make_block(CpuX86 *cpu, uint32_t key, uint64_t lin, uint64_t limit, const Fetch *from, bool apart)
{
    CpuExec *exec = cpu->exec;
    Block *block = from->host ? arena_reserve(exec) : exec->transient;

    *block = (Block){ .host = from->host, .key = key, .layout = exec->layout, .apart = apart };
    if (from->host) {
        block->page = code_page_open(from->ram, from->host - from->ram->host, &block->version);
        decode_run(cpu, block, from, lin, limit, key & BLOCK_SINGLE ? 1 : BLOCK_INSNS);
    } else {
        decode_awkward(cpu, block, from, lin, limit);
    }
    finish_block(block);
    if (log_enabled(LOG_IN_ASM)) {
        log_asm(cpu, block);
    }
    block->lin = lin;
    if (key & BLOCK_TRANSLATED && block->page && !debug_break_may_cover(lin, block->bytes)) {
        if (!translate_block(cpu, block)) {
            make_room(exec);                    /* the code memory is full */
            return make_block(cpu, key, lin, limit, from, apart);
        }
        page_blocks_add(exec, block);
    }
    if (block->page) {
        Block **head = &exec->blocks[block_hash(exec, block->host, key)];
        exec->arena_used += block->header.code ? block_size(__builtin_popcountll(block->kept), translation_bytes(block)) : block_size(block->count, 0);
        exec->blocks_made++;
        block->next = *head;
        *head = block;
    }
    return block;
}

const Insn *block_insn(CpuX86 *cpu, const Block *block, unsigned number)
{
    if (block->kept >> number & 1) {
        return &block->insns[__builtin_popcountll(block->kept & ((1ull << number) - 1))];
    }
    CpuExec *exec = cpu->exec;
    struct DecodedAgain *d = &exec->again[((uintptr_t)block / 64 + number) % G_N_ELEMENTS(exec->again)];
    if (d->block != block || d->number != number) {
        const uint8_t *lengths = block_lengths(block);
        unsigned offset = 0;
        for (unsigned i = 0; i < number; i++) {
            offset += lengths[i];
        }
        d->block = block;
        d->number = number;
        d->insn.offset = offset;
        insn_decode(cpu, &d->insn, block_bytes(block) + offset, lengths[number]);
    }
    return &d->insn;
}

/* Code was written to in the block's page, but perhaps not this code. */
static bool revive(CpuX86 *cpu, Block *block, uint64_t lin)
{
    Fetch from = fetch_from(cpu, lin);
    unsigned start = lin & ~TLB_PAGE_MASK;
    uint32_t version;

    if (from.host != block->host || block->page2) {
        return false;
    }
    code_page_open(from.ram, from.host - from.ram->host, &version);
    code_page_mark(block->page, start, block->bytes);
    if (block->header.code) {
        if (memcmp(from.host, block_bytes(block), block->bytes)) {
            return false;
        }
    } else {
        for (unsigned i = 0; i < block->count; i++) {
            const Insn *insn = &block->insns[i];
            if (memcmp(from.host + insn->offset, insn->bytes, insn->length)) {
                return false;
            }
        }
    }
    block->version = version;                   /* not sooner: links of other blocks still lead here */
    cpu->exec->blocks_revived++;
    return true;
}

static bool is_page(const Fetch *from, const CodePage *page)
{
    uint32_t version;
    return from->host && code_page_open(from->ram, from->host - from->ram->host, &version) == page;
}

/*
 * Is the block's code at @lin? The second page may be another than when it was made; and after a change of the memory
 * layout, other RAM may stand at the same host address.
 */
static bool same_place(CpuX86 *cpu, Block *block, uint64_t lin)
{
    if (block->page2 && fetch_host(cpu, page_after(cpu, lin)) != block->host2) {
        return false;
    }
    if (block->layout != cpu->exec->layout) {
        Fetch first = fetch_from(cpu, lin), second = block->page2 ? fetch_from(cpu, page_after(cpu, lin)) : first;
        if (!is_page(&first, block->page) || (block->page2 && !is_page(&second, block->page2))) {
            return false;
        }
        block->layout = cpu->exec->layout;
    }
    return true;
}

static void code_page_add(CpuExec *exec, uint64_t lin)
{
    unsigned n = code_page_bit(lin);
    exec->code_pages[n / 64] |= 1ull << n % 64;
}

Block *block_find(CpuX86 *cpu, uint32_t key)
{
    CpuExec *exec = cpu->exec;
    uint64_t lin = cpu_code_linear(cpu), limit = code_limit(cpu);
    const uint8_t *host = fetch_host(cpu, lin);
    Block *block = NULL, **link = &exec->blocks[block_hash(exec, host, key)];
    bool apart = false;

    for (; host && (block = *link) != NULL; link = &block->next) {
        if (block->host == host && block->key == key && block->bytes <= limit && same_place(cpu, block, lin)) {
            apart = block->retired;
            if (!apart && (block_current(block) || revive(cpu, block, lin))) {
                break;
            }
            *link = block->next;                /* its room comes back when the arena is emptied */
            block = NULL;
            break;
        }
    }
    if (!block) {
        Fetch from = fetch_from(cpu, lin);
        block = make_block(cpu, key, lin, limit, &from, apart);
    }
    block->lin = lin;
    if (block->page) {
        block->epoch = exec->epoch;
        if (!(key & BLOCK_TRANSLATED)) {
            exec->jump[jump_slot(lin)] = block;
        }
        code_page_add(exec, lin);
        if (block->page2) {
            code_page_add(exec, page_after(cpu, lin));
        }
    }
    return block;
}
