/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code memory of a vCPU, and what leads from one block to another.
 *
 *   chained jump   within a page: always true, as long as the block it leads to is; across pages: while the code TLB
 *                  says that the page there is the one it was chained to
 *   dispatch table low 16 bits of a linear address -> CodeHeader of the block last found there, which is the one that runs
 *                  if the code TLB says that its page is there
 *
 * A block whose page was written to is dropped: jumps that lead to it go to their stubs again, its header matches nothing.
 * Only the vCPU's own thread changes any of this. Code memory is one memfd mapped twice; no address is writable and
 * executable.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"
#include "target/i386/insn-gen.h"
#include "target/i386/native/native.h"
#include "target/i386/translate/translate.h"

#define PAGE_HASH 4096
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* In the place of a header where the table has none. */
static struct CodeHeader no_header = { .sum = SERIAL_NO_BLOCK };

static unsigned page_hash(const CodePage *page)
{
    return ((uintptr_t)page >> 5 ^ (uintptr_t)page >> 17) % PAGE_HASH;
}

/* Gives whole pages in a part of the code memory back to the host, if they are many. */
static void discard(Translator *jit, CodePart *part)
{
    enum { KEEP = 1 << 20 };
    size_t start = (part->first + KEEP + GUEST_PAGE_SIZE - 1) & ~(size_t)(GUEST_PAGE_SIZE - 1);

    size_t end = MAX(part->used, part->ready);

    if (start < end) {
        madvise(jit->write + start, end - start, MADV_REMOVE);
        part->ready = start;
    }
}

size_t cache_part_bytes(const CpuExec *exec) { return MIN(exec->cache_limit, exec->jit.code_size) / 2; }

/* The more is in use, the more comes at once. A kernel before 5.14 refuses: there the pages come one by one. */
static void part_prepare(Translator *jit, CodePart *part, size_t end)
{
    enum { ROOM = 16384, LEAST = 65536, MOST = 1 << 20 };

    if (LIKELY(part->used + ROOM <= part->ready) || part->ready >= end) {
        return;
    }
    size_t start = MAX(part->ready, part->used & ~(size_t)(GUEST_PAGE_SIZE - 1));
    size_t bytes = MIN(CLAMP((part->used - part->first) / 8, LEAST, MOST), end - start) & ~(size_t)(GUEST_PAGE_SIZE - 1);

    madvise(jit->write + start, bytes, MADV_POPULATE_WRITE);
    madvise(jit->run + start, bytes, MADV_POPULATE_READ);
    part->ready = start + bytes;
}

void cache_prepare(CpuExec *exec)
{
    Translator *jit = &exec->jit;

    part_prepare(jit, &jit->hot, jit->hot.first + cache_part_bytes(exec));
    part_prepare(jit, &jit->cold, jit->cold.first + cache_part_bytes(exec));
}

void cache_reset(CpuExec *exec)
{
    Translator *jit = &exec->jit;

    discard(jit, &jit->hot);
    discard(jit, &jit->cold);
    jit->hot.used = jit->hot.first;
    jit->cold.used = jit->cold.first;
    jit->order_count = 0;
    jit->block = jit->exit_block = NULL;
    jit->last_serial = SERIAL_FIRST;
    for (unsigned i = 0; i < TLB_COUNT; i++) {
        code_tags_clear(exec, i);
    }
    if (jit->page_blocks) {
        memset(jit->page_blocks, 0, PAGE_HASH * sizeof(Block *));
        memset(jit->page2_blocks, 0, PAGE_HASH * sizeof(Block *));
    }
    for (unsigned i = 0; i < DISPATCH_ENTRIES; i++) {
        exec->dispatch[i] = &no_header;
    }
}

static bool host_suits(void)
{
#ifdef __x86_64__
    unsigned a, b, c = 0, d;
    __asm__("cpuid" : "=a"(a), "=b"(b), "+c"(c), "=d"(d) : "a"(1));
    return c & 1 << 27;                         /* OSXSAVE: x87 state goes by XSAVE */
#else
    return false;
#endif
}

static uint64_t random64(void) { return (uint64_t)g_random_int() << 32 | g_random_int(); }

bool translator_init(CpuX86 *cpu, size_t code_bytes)
{
    CpuExec *exec = cpu->exec;
    Translator *jit = &exec->jit;
    int fd;

    if (!host_suits() || (uintptr_t)(exec + 1) > INT32_MAX) {
        return false;
    }
    code_bytes = MIN(code_bytes, 1u << 30);     /* jumps reach 2 GiB */
    fd = memfd_create("rhea-translated", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, code_bytes)) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    void *write = mmap(NULL, code_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    void *run = mmap(NULL, code_bytes, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_NORESERVE, fd, 0);
    close(fd);
    if (write == MAP_FAILED || run == MAP_FAILED) {
        return false;
    }
    jit->cpu = cpu;
    jit->write = write;
    jit->run = run;
    jit->code_size = code_bytes;
    jit->helper[0] = slow_refill;
    jit->helper[1] = slow_interpret;
    /* The sum of no canonical address and serial undoes it, and a guest cannot know which others do. */
    jit->kick_tag = 1ull << 62 | random64() >> 4;
    jit->return_key = random64();
    jit->return_step = random64() | 1;
    jit->slot_mask = CODE_SLOT_MASK;
    Emitter e = { .at = write, .limit = (uint8_t *)write + code_bytes, .exec = (uintptr_t)exec };
    if (!stubs_emit(jit, &e)) {
        return false;
    }
    jit->hot.first = (e.at - jit->write + 63) & ~(size_t)63;
    jit->cold.first = code_bytes / 2 & ~(size_t)63;
    if (jit->hot.first >= jit->cold.first) {
        return false;
    }
    jit->page_blocks = g_new0(Block *, PAGE_HASH);
    jit->page2_blocks = g_new0(Block *, PAGE_HASH);
    jit->interpreted_ops = g_new0(uint64_t, OP_COUNT);
    cache_reset(exec);
    signal_init();
    jit->enabled = true;
    return true;
}

void translator_destroy(CpuExec *exec)
{
    Translator *jit = &exec->jit;

    if (jit->write) {
        munmap(jit->write, jit->code_size);
        munmap((void *)jit->run, jit->code_size);
    }
    g_free(jit->page_blocks);
    g_free(jit->page2_blocks);
    g_free(jit->interpreted_ops);
    g_free(jit->order);
}

/* A kick may come between any two instructions here, and its handler searches the array (cache_find). */
void cache_add(Translator *jit, Block *block)
{
    if (jit->order_count == jit->order_room) {
        Block **old = jit->order, **grown = g_new(Block *, jit->order_room ? 2 * jit->order_room : 1024);
        if (old) {
            memcpy(grown, old, jit->order_count * sizeof *grown);
        }
        jit->order_room = jit->order_room ? 2 * jit->order_room : 1024;
        __atomic_store_n(&jit->order, grown, __ATOMIC_RELEASE);
        g_free(old);
    }
    jit->order[jit->order_count] = block;
    __atomic_store_n(&jit->order_count, jit->order_count + 1, __ATOMIC_RELEASE);
}

Block *cache_find(const Translator *jit, uintptr_t host)
{
    uintptr_t offset = host - (uintptr_t)jit->run;
    unsigned low = 0, high = jit->order_count;
    bool cold = offset >= jit->cold.first;

    if (offset < jit->hot.first || offset >= (cold ? jit->cold.used : jit->hot.used)) {
        return NULL;
    }
    while (high - low > 1) {
        unsigned middle = (low + high) / 2;
        const Block *b = jit->order[middle];
        if ((cold ? b->cold_start : b->code_start) <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high ? jit->order[low] : NULL;
}

int cache_insn(const Translator *jit, const Block *block, uintptr_t host)
{
    uint32_t offset = host - (uintptr_t)jit->run - block->code_start;
    const uint16_t *starts = block_starts(block);
    int found = -1;

    for (unsigned i = 0; i < block->count && starts[i] <= offset; i++) {
        found = i;
    }
    return found;
}

/* The code TLB */

void code_select(CpuX86 *cpu, uint32_t key)
{
    CpuExec *exec = cpu->exec;
    unsigned table = cpu->tlb_index;

    if (UNLIKELY(exec->jit.tags_key[table] != key)) {
        exec->jit.tags_key[table] = key;
        code_tags_clear(exec, table);
    }
}

void code_arm(CpuExec *exec)
{
    if (exec->jit.slot_mask != CODE_SLOT_MASK) {
        for (unsigned i = 0; i < TLB_COUNT; i++) {
            code_slot_drop(exec, i, 0);
        }
        exec->jit.slot_mask = CODE_SLOT_MASK;
    }
}

uint32_t code_serial(CpuExec *exec, const CodePage *page, uint32_t key)
{
    Translator *jit = &exec->jit;

    for (Block *b = jit->page_blocks[page_hash(page)]; b; b = b->next_in_page) {
        if (b->page == page && b->key == key) {
            return b->serial;
        }
    }
    for (Block *b = jit->page2_blocks[page_hash(page)]; b; b = b->next_in_page2) {
        if (b->page2 == page && b->key == key) {
            return b->serial2;
        }
    }
    return jit->last_serial == SERIAL_LAST ? SERIAL_NONE : ++jit->last_serial;
}

/* The page was just fetched from, so its TLB entry tells whether it is global. */
static void code_tag_set(CpuX86 *cpu, uint64_t page, uint32_t serial)
{
    CpuExec *exec = cpu->exec;
    unsigned table = cpu->tlb_index, slot = tlb_slot(page);
    bool global = exec->exec_tags[table][slot] == page && exec->tlb_slots[table].global[slot / 64] >> slot % 64 & 1;

    exec->code_tags[table][slot] = code_tag(page, serial);
    exec->tables_used |= 1u << table;
    tlb_slot_note(&exec->code_slots[table], slot, global);
}

void dispatch_enter(CpuX86 *cpu, Block *block)
{
    CpuExec *exec = cpu->exec;
    uint64_t offset = block->lin & ~TLB_PAGE_MASK, page = block->lin & TLB_PAGE_MASK;

    block->header.sum = block->serial - offset;
    block->header.minus_offset = -(int64_t)offset;
    exec->dispatch[block->lin & (DISPATCH_ENTRIES - 1)] = &block->header;
    code_tag_set(cpu, page, block->serial);
    if (block->page2) {
        page += GUEST_PAGE_SIZE;
        page = cpu->mode_flags & MODE_CS64 ? page : (uint32_t)page;
        code_tag_set(cpu, page, block->serial2);
    }
}

/* Chaining */

static uint8_t *place_of(Translator *jit, uint32_t offset) { return jit->write + offset; }

static void set_serial(Translator *jit, BlockExit *exit, uint32_t serial)
{
    if (exit->serial) {
        memcpy(place_of(jit, exit->serial), &serial, sizeof serial);
    }
}

void block_chain(CpuX86 *cpu, BlockExit *exit, Block *to)
{
    Translator *jit = &cpu->exec->jit;
    bool warm = (to->fpu_need & FPU_LEVEL) <= (exit->fpu & FPU_LEVEL) && !(to->fpu_need & ~exit->fpu & FPU_X87);
    unsigned flags = exit->flags == EXIT_EFLAGS || (exit->flags & EXIT_EFLAGS && to->reads_flags) ? ENTRY_EFLAGS : ENTRY_SAVED;
    const uint8_t *code = to->entry[flags][warm ? ENTRY_WARM : ENTRY_COLD];

    if (!exit->place || to->key != exit->from->key) {
        return;
    }
    if (!exit->serial && to->page != exit->from->page) {
        return;                                 /* mapped anew since the exit was taken */
    }
    if (exit->to == to) {
        if (exit->parted) {
            exit->parted = false;
            emit_patch32(place_of(jit, exit->place), code - jit->run + jit->write);
        }
        return;
    }
    set_serial(jit, exit, to->serial);
    if (exit->to) {
        BlockExit **link = &exit->to->incoming;
        while (*link != exit) {
            link = &(*link)->next;
        }
        *link = exit->next;
    }
    exit->to = to;
    exit->parted = false;
    exit->next = to->incoming;
    to->incoming = exit;
    emit_patch32(place_of(jit, exit->place), code - jit->run + jit->write);
    jit->links++;
}

static void unchain(Translator *jit, BlockExit *exit)
{
    emit_patch32(place_of(jit, exit->place), place_of(jit, exit->stub));
    set_serial(jit, exit, SERIAL_UNKNOWN);
    exit->to = NULL;
}

void block_drop(CpuExec *exec, Block *block)
{
    Translator *jit = &exec->jit;

    for (BlockExit *exit = block->incoming; exit; exit = exit->next) {
        unchain(jit, exit);
    }
    block->incoming = NULL;
    block->header.sum = no_header.sum;
    jit->drops++;
}

void block_retire(CpuExec *exec, Block *block)
{
    block->retired = true;
    block_drop(exec, block);
}

/* Pages that were written to */

void page_blocks_add(CpuExec *exec, Block *block)
{
    Block **head = &exec->jit.page_blocks[page_hash(block->page)];
    block->next_in_page = *head;
    *head = block;
    if (block->page2) {
        head = &exec->jit.page2_blocks[page_hash(block->page2)];
        block->next_in_page2 = *head;
        *head = block;
    }
}

static void drop_page(CpuExec *exec, CodePage *page)
{
    for (Block *b = exec->jit.page_blocks[page_hash(page)]; b; b = b->next_in_page) {
        if (b->page == page && !code_page_current(page, b->version)) {
            block_drop(exec, b);
        }
    }
    for (Block *b = exec->jit.page2_blocks[page_hash(page)]; b; b = b->next_in_page2) {
        if (b->page2 == page && !code_page_current(page, b->version2)) {
            block_drop(exec, b);
        }
    }
}

void translator_drop_stale(CpuX86 *cpu)
{
    CpuExec *exec = cpu->exec;
    Translator *jit = &exec->jit;

    while (__atomic_load_n(&jit->stale_count, __ATOMIC_ACQUIRE)) {
        CodePage *pages[G_N_ELEMENTS(jit->stale)];
        tcg_lock(&exec->tcg.lock);
        unsigned count = jit->stale_count;
        memcpy(pages, jit->stale, MIN(count, G_N_ELEMENTS(pages)) * sizeof pages[0]);
        jit->stale_count = 0;
        tcg_unlock(&exec->tcg.lock);
        if (count > G_N_ELEMENTS(pages)) {
            for (unsigned i = 0; i < jit->order_count; i++) {
                if (!block_current(jit->order[i])) {
                    block_drop(exec, jit->order[i]);
                }
            }
        }
        for (unsigned i = 0; i < MIN(count, G_N_ELEMENTS(pages)); i++) {
            drop_page(exec, pages[i]);
        }
    }
}

void translator_page_changed(Cpu *cpu, CodePage *page)
{
    CpuExec *exec = CPU_X86(cpu)->exec;
    Translator *jit = &exec->jit;
    TcgCpu *t = &exec->tcg;

    if (!jit->enter) {
        return;
    }
    tcg_lock(&t->lock);
    unsigned count = jit->stale_count;
    if (count < G_N_ELEMENTS(jit->stale)) {
        jit->stale[count] = page;
    }
    if (count <= G_N_ELEMENTS(jit->stale)) {
        __atomic_store_n(&jit->stale_count, count + 1, __ATOMIC_RELEASE);
    }
    tcg_unlock(&t->lock);
    if (pthread_equal(t->thread, pthread_self())) {
        exec_end_block_soon(CPU_X86(cpu));      /* jumps of other blocks may lead there */
    }
}
